"""How well models predict a patient they have not seen: leave-one-patient-out, by importance."""

import os
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.model.design import repeats
from mmn_bayes.model.ordinal import log_densities
from mmn_bayes.model.predicting import predict
from mmn_bayes.posterior.replicate import design_of, spec_of, thinned
from mmn_bayes.spec.model_spec import Group, ModelSpec

_SAMPLE = ("chain", "draw")
_DRAWS = 400  # evenly spaced
_NODES = 7  # of Gauss and Hermite, for each effect of a patient


class Part(NamedTuple):
    """The rows of one patient, site after site; the first of each site, and how many there are."""

    rows: np.ndarray
    first_row: np.ndarray


def patient_log_likelihood(fit: xr.DataTree, *, nodes: int = _NODES) -> xr.DataArray:
    """Evaluate the log-likelihood of all grades of each patient, its own effects integrated out.

    Those of its sites by the likelihood's own grid, those of the patient (level, gain, slope) by
    the rule of Gauss and Hermite around what the draws say of them: the strength is linear in
    them. What is left are parameters that patients share, so that a patient says little about them
    and importance sampling can leave it out.

    Parameters
    ----------
    fit
        Of outcome "grade", without effects by patient:visit, gains or slopes of single sites,
        correlated effects of a patient or relaxed cutpoints.
    nodes
        Of the rule, for each effect.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `patient`; patients without a grade are left out. From evenly spaced
        draws, at most 400.

    Raises
    ------
    ValueError
        When the model has effects that are not integrated out here.
    """
    spec, design = spec_of(fit), design_of(fit)
    _of_patient(spec)  # before anything is computed
    posterior = thinned(fit, _DRAWS)["posterior"].to_dataset()
    parts = _rows_of_patients(design)
    rule = {label: centre_of(fit, label) for label in parts}
    found = _evaluated(spec, design, posterior, parts, rule, nodes)
    shape = (posterior.sizes["chain"], posterior.sizes["draw"], len(parts))
    return xr.DataArray(
        found.reshape(shape),
        dims=("chain", "draw", "patient"),
        coords={
            "chain": posterior["chain"].to_numpy(),
            "draw": posterior["draw"].to_numpy(),
            "patient": list(parts),
        },
        name="patient_log_likelihood",
        attrs={"synthetic": bool(fit.attrs["synthetic"])},
    )


def left_out_density(
    fit: xr.DataTree,
    *,
    left_out: Mapping[str, Any],
    centre: Sequence[float],
    root: Sequence[Sequence[float]],
    nodes: int = 2 * _NODES + 1,
) -> pd.DataFrame:
    """Evaluate the predictive density of a patient at a fit that has not seen it.

    Parameters
    ----------
    fit
        As for `patient_log_likelihood`, of all other patients.
    left_out
        The design of the patient alone, as `Dataset.to_dict` gives it.
    centre, root
        Where the patient's effects are and how far they reach (`centre_of`), of the rule of Gauss
        and Hermite; they change its accuracy alone.
    nodes
        Of the rule, for each effect.

    Returns
    -------
    DataFrame
        One row: `elpd`, the logarithm of the mean density over evenly spaced draws, its Monte Carlo
        standard error `mcse` (draws taken as independent), `n_draws`, `divergences`, `synthetic`.

    Raises
    ------
    ValueError
        As for `patient_log_likelihood`; or when the patient has a muscle that nobody else has.
    """
    spec, design = spec_of(fit), _among(design_of(fit), xr.Dataset.from_dict(dict(left_out)))
    posterior = thinned(fit, _DRAWS)["posterior"].to_dataset()
    sample = posterior["chain"] * posterior["draw"]
    own = {"patient": design["patient"].to_numpy()}
    none = xr.zeros_like(sample, dtype=float).expand_dims(own, axis=-1)
    posterior = posterior.drop_dims(["patient", "site"], errors="ignore")
    posterior = posterior.assign({f"{g.name}_z": none for g in _of_patient(spec)})
    parts = _rows_of_patients(design)
    rule = {label: (np.asarray(centre), np.asarray(root)) for label in parts}
    logs = _evaluated(spec, design, posterior, parts, rule, nodes)[:, 0]
    share = np.exp(logs - logs.max())
    return pd.DataFrame(
        {
            "elpd": [float(np.log(share.mean()) + logs.max())],
            "mcse": [float(share.std(ddof=1) / share.mean() / np.sqrt(share.size))],
            "n_draws": [share.size],
            "divergences": [int(fit["sample_stats"]["diverging"].sum())],
            "synthetic": [bool(fit.attrs["synthetic"])],
        }
    )


def _among(seen: xr.Dataset, design: xr.Dataset) -> xr.Dataset:
    """The design of a patient alone, its muscles numbered as those of the fit."""
    muscles = pd.Index(seen["muscle"].to_numpy())
    own = design["muscle"].to_numpy()
    number = muscles.get_indexer(pd.Index(own))
    if (number < 0).any():
        raise ValueError(f"Nobody else has the muscle '{own[np.argmin(number)]}'.")
    of_site = number[design["muscle_of_site"].to_numpy()]
    return (
        design.drop_dims("muscle")
        .assign(muscle_of_site=("site", of_site))
        .assign_coords(muscle=seen["muscle"].to_numpy())
    )


def _evaluated(
    spec: ModelSpec,
    design: xr.Dataset,
    posterior: xr.Dataset,
    parts: Mapping[str, Part],
    rule: Mapping[str, tuple[np.ndarray, np.ndarray]],
    nodes: int,
) -> np.ndarray:
    """Log-likelihood of each patient at each draw, its own effects integrated out."""
    groups = _of_patient(spec)
    z, weight = np.polynomial.hermite_e.hermegauss(nodes)
    log_weight = np.log(weight / weight.sum())
    grid = np.stack(np.meshgrid(*[np.arange(nodes)] * len(groups), indexing="ij"), -1)
    grid = grid.reshape(-1, max(len(groups), 1)) if groups else np.zeros((1, 0), dtype=int)
    base, slopes, cutpoints, sigma, memory = _linear(spec, design, posterior, groups)
    code, repeat = design["code"].to_numpy(), repeats(design)
    points = z[grid]  # (node, effect), standard normals

    def of_patient(label: str) -> np.ndarray:
        part, (centre, root) = parts[label], rule[label]
        own = centre + points @ root.T
        # The rule's normal density in the place of the effects' own.
        weighted = log_weight[grid].sum(axis=1) + np.log(np.diag(root)).sum()
        weighted += 0.5 * ((points**2).sum(axis=1) - (own**2).sum(axis=1))
        logs = np.empty(len(sigma))
        for draw in range(len(sigma)):
            eta = np.broadcast_to(base[draw, part.rows], (len(grid), part.rows.size))
            if slopes:
                eta = eta + own @ np.stack([slope[draw, part.rows] for slope in slopes])
            values = log_densities(
                *(eta, cutpoints[draw], sigma[draw], code[part.rows], part.first_row),
                link=spec.link,
                memory=None if memory is None else memory[draw],
                repeat=repeat[part.rows],
            )
            logs[draw] = np.logaddexp.reduce(weighted + values)
        return logs

    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        return np.stack(list(pool.map(of_patient, parts)), axis=1)


def _of_patient(spec: ModelSpec) -> list[Group]:
    """Groups by patient; an error where the model has effects that would not be integrated out."""
    others = [
        f"group.{g.name}"
        for g in spec.groups
        if g.by == "patient:visit" or (g.by == "patient:muscle" and g is not spec.site_group)
    ]
    others += ["relaxed"] if spec.relaxed is not None else []
    others += ["correlation.patient"] if spec.correlation is not None else []
    if spec.outcome != "grade" or others:
        what = " and ".join(others) or f"outcome '{spec.outcome}'"
        raise ValueError(
            f"The patients of '{spec.name}' cannot be left out this way: its {what} would not be "
            "integrated out; fit the model anew without each patient."
        )
    return [g for g in spec.groups if g.by == "patient"]


def centre_of(fit: xr.DataTree, patient: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean, and root of the covariance, of the effects of a patient among all draws of a fit."""
    posterior = fit["posterior"].to_dataset()
    names = [f"{group.name}_z" for group in _of_patient(spec_of(fit))]
    if not names:
        return np.zeros(0), np.zeros((0, 0))
    drawn = np.stack([posterior[n].sel(patient=patient).to_numpy().ravel() for n in names])
    covariance = np.atleast_2d(np.cov(drawn)) + 1e-6 * np.eye(len(names))
    return drawn.mean(axis=1), np.linalg.cholesky(covariance)


def _linear(
    spec: ModelSpec, design: xr.Dataset, posterior: xr.Dataset, groups: Sequence[Group]
) -> tuple[np.ndarray, list[np.ndarray], np.ndarray, np.ndarray, np.ndarray | None]:
    """Eta when every effect of patients is 0, what 1 sd of each adds, and what else is needed."""
    names = ["eta_without_site", "scaled_cutpoints", "site_sigma"]
    nothing = {f"{g.name}_z": xr.zeros_like(posterior[f"{g.name}_z"]) for g in groups}

    def values(changes: dict[str, xr.DataArray], asked: list[str]) -> list[np.ndarray]:
        own = posterior.assign(nothing | changes)
        blocks = [part for _, part in predict(spec, design, own, asked, purpose="recover")]
        return [np.concatenate(column) for column in zip(*blocks, strict=True)]

    base, cutpoints, sigma = values({}, names)
    slopes = []
    for group in groups:
        one = {f"{group.name}_z": xr.ones_like(posterior[f"{group.name}_z"])}
        slopes.append(values(one, names[:1])[0] - base)
    memory = posterior["memory"].to_numpy().ravel() if spec.memory is not None else None
    return base, slopes, cutpoints[:, 0], sigma, memory


def _rows_of_patients(design: xr.Dataset) -> dict[str, Part]:
    """Rows of each patient who has any."""
    patient, first = design["patient_of_site"].to_numpy(), design["first_row_of_site"].to_numpy()
    parts = {}
    for place, label in enumerate(design["patient"].to_numpy().tolist()):
        ranges = [np.arange(first[s], first[s + 1]) for s in np.flatnonzero(patient == place)]
        sizes = [own.size for own in ranges]
        if sum(sizes):
            parts[label] = Part(np.concatenate(ranges), np.concatenate([[0], np.cumsum(sizes)]))
    return parts


def left_out_by_importance(fit: xr.DataTree) -> pd.DataFrame:
    """Evaluate how likely each patient is had it been left out, by Pareto-smoothed importance.

    Parameters
    ----------
    fit
        As for `patient_log_likelihood`.

    Returns
    -------
    DataFrame
        One row a patient with a grade: `patient`, `elpd` (log predictive density of all its grades
        together, the patient left out), `log_density` (the same, the patient not left out),
        `pareto_k`, `good_k` (up to which the first is to be trusted with so many draws), `n_draws`,
        `synthetic`.

    Raises
    ------
    ValueError
        As for `patient_log_likelihood`.

    References
    ----------
    Vehtari, Gelman and Gabry, Stat Comput 2017;27:1413; Merkle, Furr and Rabe-Hesketh,
    Psychometrika 2019;84:802 (integrated likelihoods); Vehtari et al., JMLR 2024;25:72 (Pareto k).
    """
    density = patient_log_likelihood(fit)
    with warnings.catch_warnings():
        # Said in the table, of each patient.
        warnings.filterwarnings("ignore", message="Estimated shape parameter of Pareto")
        result = az.loo(_as_tree(density), var_name="grades_of_patient", pointwise=True, reff=1.0)
    top = density.max(_SAMPLE)
    share = xr.apply_ufunc(np.exp, density - top).mean(_SAMPLE)
    seen = np.log(share.to_numpy()) + top.to_numpy()
    return pd.DataFrame(
        {
            "patient": density["patient"].to_numpy().astype(str),
            "elpd": np.asarray(result.elpd_i),
            "log_density": seen,
            "pareto_k": np.asarray(result.pareto_k),
            "good_k": float(result.good_k),
            "n_draws": density.sizes["chain"] * density.sizes["draw"],
            "synthetic": bool(fit.attrs["synthetic"]),
        }
    )


def _require_one_data(specs: Sequence[ModelSpec], fits: Sequence[xr.DataTree]) -> None:
    """Raise unless all fits are of the same grades."""
    first = _grades_of(specs[0], fits[0])
    for spec, fit in zip(specs[1:], fits[1:], strict=True):
        own = _grades_of(spec, fit)
        if any(not np.array_equal(a, b) for a, b in zip(first, own, strict=True)):
            raise ValueError(
                f"The fits of '{specs[0].name}' and '{spec.name}' are of different grades (other "
                "patients, muscles, days or scale); compare models of one cohort and scale."
            )


def _grades_of(spec: ModelSpec, fit: xr.DataTree) -> tuple[np.ndarray, ...]:
    """Scale, and patient, muscle, side, day and grade of each row: what a density is of."""
    _of_patient(spec)
    design = design_of(fit)
    site = design["site_of_row"].to_numpy()
    return (
        np.array(spec.scale),
        design["patient"].to_numpy()[design["patient_of_site"].to_numpy()[site]],
        design["muscle"].to_numpy()[design["muscle_of_site"].to_numpy()[site]],
        design["side_of_site"].to_numpy()[site],
        design["day_of_visit"].to_numpy()[design["visit_of_row"].to_numpy()],
        design["code"].to_numpy(),
    )


def compare_models(fits: Sequence[xr.DataTree]) -> pd.DataFrame:
    """Compare models by how well they predict the grades of a patient left out.

    Parameters
    ----------
    fits
        Of different models on the same cohort.

    Returns
    -------
    DataFrame
        One row a model, the best first: `model`, `title`, `elpd` (expected log predictive density
        of all patients, each left out), `se`, `difference` to the best and `se_difference` (of
        paired differences), `p_loo` (effective number of shared parameters), `worst_pareto_k`,
        `good_k` (up to which importance sampling with so many draws is to be trusted) and
        `n_above_good_k` (patients beyond it), `n_patients`, `n_draws`, `synthetic`. Where
        differences are below about twice their standard error the data do not tell the models
        apart.

    Raises
    ------
    ValueError
        When two models have one name, the fits are of different grades (of other patients, days or
        muscles, or on another scale, where densities are no measure of either), or a model has
        effects that are not integrated out.
    """
    specs = [spec_of(fit) for fit in fits]
    names = [spec.name for spec in specs]
    if len(set(names)) < len(names):
        raise ValueError(f"Two of the models have one name: {', '.join(names)}.")
    if not names:
        raise ValueError("There is nothing to compare; give two fits or more.")
    _require_one_data(specs, fits)
    rows, pointwise = [], {}
    for spec, fit in zip(specs, fits, strict=True):
        each = left_out_by_importance(fit)
        elpd, k = each["elpd"].to_numpy(), each["pareto_k"]
        pointwise[spec.name] = elpd
        rows.append(
            {
                "model": spec.name,
                "title": spec.title,
                "elpd": float(elpd.sum()),
                "se": float(len(elpd) ** 0.5 * elpd.std(ddof=1)),
                "p_loo": float((each["log_density"] - each["elpd"]).sum()),
                "worst_pareto_k": float(k.max()),
                "good_k": float(each["good_k"].iloc[0]),
                "n_above_good_k": int((k > each["good_k"]).sum()),
                "n_patients": len(each),
                "n_draws": int(each["n_draws"].iloc[0]),
                "synthetic": bool(fit.attrs["synthetic"]),
            }
        )
    table = pd.DataFrame(rows).sort_values("elpd", ascending=False, ignore_index=True)
    best = pointwise[table["model"].iloc[0]]
    apart = [pointwise[name] - best for name in table["model"]]
    table.insert(4, "difference", [float(d.sum()) for d in apart])
    spread = [float(len(d) ** 0.5 * d.std(ddof=1)) for d in apart]
    table.insert(5, "se_difference", spread)
    return table


def _as_tree(density: xr.DataArray) -> xr.DataTree:
    """What ArviZ takes: a group of log-likelihoods, and a posterior of the same draws."""
    data = density.rename("grades_of_patient")
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({"total": data.sum("patient")}),
            "log_likelihood": xr.Dataset({"grades_of_patient": data}),
        }
    )
