"""How well models predict a patient they have not seen: leave-one-patient-out, by importance."""

import warnings
from collections.abc import Sequence

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.model.design import repeats
from mmn_bayes.model.ordinal import log_densities
from mmn_bayes.model.predicting import predict
from mmn_bayes.posterior.replicate import design_of, spec_of, thinned
from mmn_bayes.spec.model_spec import Group, ModelSpec

_DRAWS = 400  # evenly spaced
_NODES = 7  # of Gauss and Hermite, for each effect of a patient


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
    groups = _of_patient(spec)
    posterior = thinned(fit, _DRAWS)["posterior"].to_dataset()
    z, weight = np.polynomial.hermite_e.hermegauss(nodes)
    log_weight = np.log(weight / weight.sum())
    centres = _centres(fit, groups)
    grid = np.stack(np.meshgrid(*[np.arange(nodes)] * len(groups), indexing="ij"), -1)
    grid = grid.reshape(-1, max(len(groups), 1)) if groups else np.zeros((1, 0), dtype=int)
    base, slopes, cutpoints, sigma, memory = _linear(spec, design, posterior, groups)
    first_row = design["first_row_of_site"].to_numpy()
    code, repeat = design["code"].to_numpy(), repeats(design)
    parts = _rows_of_patients(design)
    place_of = [design["patient"].to_numpy().tolist().index(label) for label in parts]
    found = np.empty((len(sigma), len(parts)))
    points = z[grid]  # (node, effect), standard normals
    for draw in range(len(sigma)):
        for place, (sites, rows) in enumerate(parts.values()):
            edges = first_row[sites.start : sites.stop + 1] - rows.start
            centre, root = centres[place_of[place]]
            own = centre + points @ root.T
            # The rule's normal density in the place of the effects' own.
            values = log_weight[grid].sum(axis=1) + np.log(np.diag(root)).sum()
            values += 0.5 * ((points**2).sum(axis=1) - (own**2).sum(axis=1))
            moved = own @ np.stack([slope[draw, rows] for slope in slopes]) if slopes else 0.0
            eta = np.broadcast_to(base[draw, rows] + moved, (len(grid), rows.stop - rows.start))
            values += log_densities(
                *(eta, cutpoints[draw], sigma[draw], code[rows], edges),
                link=spec.link,
                memory=None if memory is None else memory[draw],
                repeat=repeat[rows],
            )
            found[draw, place] = np.logaddexp.reduce(values)
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


def _centres(fit: xr.DataTree, groups: Sequence[Group]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Mean, and root of the covariance, of the effects of each patient among all draws."""
    posterior = fit["posterior"].to_dataset()
    flat = [posterior[f"{g.name}_z"].transpose(..., "patient").to_numpy() for g in groups]
    drawn = (
        np.stack([z.reshape(-1, z.shape[-1]) for z in flat], -1) if flat else np.empty((2, 1, 0))
    )
    found = []
    for own in np.moveaxis(drawn, 1, 0) if flat else ():
        covariance = np.atleast_2d(np.cov(own.T)) + 1e-6 * np.eye(own.shape[1])
        found.append((own.mean(axis=0), np.linalg.cholesky(covariance)))
    nothing = (np.zeros(0), np.zeros((0, 0)))
    return found or [nothing] * fit["design"].sizes["patient"]


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


def _rows_of_patients(design: xr.Dataset) -> dict[str, tuple[slice, slice]]:
    """Sites and rows of each patient who has any; both lie together."""
    patient = design["patient_of_site"].to_numpy()
    first_row = design["first_row_of_site"].to_numpy()
    parts = {}
    for place, label in enumerate(design["patient"].to_numpy().tolist()):
        sites = np.flatnonzero(patient == place)
        if sites.size and (np.diff(sites) == 1).all():
            own = slice(int(sites[0]), int(sites[-1]) + 1)
            rows = slice(int(first_row[own.start]), int(first_row[own.stop]))
            if rows.stop > rows.start:
                parts[label] = (own, rows)
    return parts


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
        When two models have one name, the fits are of different patients, or a model has effects
        that are not integrated out.

    References
    ----------
    Vehtari, Gelman and Gabry, Stat Comput 2017;27:1413; Merkle, Furr and Rabe-Hesketh,
    Psychometrika 2019;84:802 (integrated likelihoods); Vehtari et al., JMLR 2024;25:72 (Pareto k).
    """
    specs = [spec_of(fit) for fit in fits]
    names = [spec.name for spec in specs]
    if len(set(names)) < len(names):
        raise ValueError(f"Two of the models have one name: {', '.join(names)}.")
    rows, pointwise = [], {}
    patients: list[str] | None = None
    for spec, fit in zip(specs, fits, strict=True):
        density = patient_log_likelihood(fit)
        labels = density["patient"].to_numpy().tolist()
        if patients is not None and labels != patients:
            raise ValueError("These fits are of different patients; compare models of one cohort.")
        patients = labels
        tree = _as_tree(density)
        with warnings.catch_warnings():
            # Said in the table, of each model: how many patients, and how far.
            warnings.filterwarnings("ignore", message="Estimated shape parameter of Pareto")
            result = az.loo(tree, var_name="grades_of_patient", pointwise=True, reff=1.0)
        pointwise[spec.name] = np.asarray(result.elpd_i)
        k = np.asarray(result.pareto_k)
        rows.append(
            {
                "model": spec.name,
                "title": spec.title,
                "elpd": float(pointwise[spec.name].sum()),
                "se": float(len(k) ** 0.5 * pointwise[spec.name].std(ddof=1)),
                "p_loo": float(result.p),
                "worst_pareto_k": float(k.max()),
                "good_k": float(result.good_k),
                "n_above_good_k": int((k > result.good_k).sum()),
                "n_patients": len(k),
                "n_draws": density.sizes["chain"] * density.sizes["draw"],
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
