"""How likely everything recorded of a patient is, its own effects integrated out."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.restricting import of_patients
from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.covariates import in_likelihood
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.link import LINKS
from mmn_bayes.engine.ordinal import log_densities
from mmn_bayes.engine.outcome import outcome_of
from mmn_bayes.engine.predicting import predict
from mmn_bayes.engine.rows import repeats
from mmn_bayes.model_file.declaration import has_table
from mmn_bayes.model_file.model_spec import Group, ModelSpec
from mmn_bayes.posterior.draws import FEW_DRAWS, as_draws, design_of, spec_of, thinned

LogProbability = Callable[[ModelSpec, xr.Dataset, xr.Dataset], np.ndarray]
_NODES = 7  # of Gauss and Hermite, for each effect of a patient


class Part(NamedTuple):
    """The rows of one patient, site after site; the first of each site, and how many there are."""

    rows: np.ndarray
    first_row: np.ndarray


def patient_log_likelihood(fit: xr.DataTree, *, nodes: int = _NODES) -> xr.DataArray:
    """Evaluate the log-likelihood of each patient, its own effects integrated out.

    Of outcome "response" that of its response, of outcome "class" that of its class. Of outcome
    "grade" that of all its grades, its own effects integrated out: those of its sites by the
    likelihood's own grid, those of the patient (level, gain, slope) by the rule of Gauss and
    Hermite around their posterior: the strength is linear in them. What is left are parameters that
    patients share, on which a single patient has little influence, so that importance sampling can
    leave it out.

    Parameters
    ----------
    fit : DataTree
        A fit of outcome "response" or "class"; or of outcome "grade", without effects by
        patient:visit, gains or slopes of single sites, correlated effects of a patient or relaxed
        cutpoints.
    nodes : int, default _NODES
        Number of nodes of the rule for each effect.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `patient`; patients without a grade (or who are not evaluable) are
        left out. Of grades from evenly spaced draws, at most 400.

    Raises
    ------
    ValueError
        When the model has effects that are not integrated out here.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`:

    >>> density = mb.loo.patient_log_likelihood(response_fit)
    >>> density.dims
    ('chain', 'draw', 'patient')
    >>> density.sizes["patient"], bool((density <= 0).all())
    (38, True)
    """
    spec, design = spec_of(fit), design_of(fit)
    log_probability = outcome_of(spec.outcome).log_probability
    if log_probability is not None:
        return _of_one_outcome(fit, log_probability)
    of_patient_groups(spec)  # before anything is computed
    parts = _rows_of_patients(design)
    rule = {label: centre_of(fit, label) for label in parts}
    fit = thinned(fit, FEW_DRAWS)
    found = _evaluated(spec, design, fit["posterior"].to_dataset(), parts, rule, nodes)
    return _by_patient(fit, found, list(parts))


def _by_patient(fit: xr.DataTree, logs: np.ndarray, patients: Sequence[str]) -> xr.DataArray:
    dims = {"patient": list(patients)}
    return as_draws(fit, logs, dims, quantity="log-likelihood", name="patient_log_likelihood")


def _of_one_outcome(fit: xr.DataTree, log_probability: LogProbability) -> xr.DataArray:
    """Log-probability of what each patient has one of, of the patients who have it."""
    spec, design, posterior = spec_of(fit), design_of(fit), fit["posterior"].to_dataset()
    known = in_likelihood(spec, design)
    logs = log_probability(spec, design, posterior)[:, known]
    return _by_patient(fit, logs, design["patient"].to_numpy()[known].tolist())


def log_bernoulli(probability: np.ndarray, happened: np.ndarray) -> np.ndarray:
    """Return log-probabilities of what happened, shapes as given; rates of 0 and 1 are bounded."""
    inside = np.clip(probability, 1e-12, 1.0 - 1e-12)
    return np.where(happened, np.log(inside), np.log1p(-inside))


def left_out_density(
    fit: xr.DataTree,
    *,
    left_out: Mapping[str, Any],
    centre: Sequence[float] = (),
    root: Sequence[Sequence[float]] = (),
    nodes: int = 2 * _NODES + 1,
) -> pd.DataFrame:
    """Evaluate the predictive density of a patient at a fit that has not seen it.

    Parameters
    ----------
    fit : DataTree
        As for `patient_log_likelihood`, of all other patients.
    left_out : mapping of str to object
        The design of the patient alone, as `Dataset.to_dict` gives it.
    centre, root : sequence of float, sequence of sequence of float, default ()
        Where the patient's effects are and how far they reach (`centre_of`), of the rule of Gauss
        and Hermite; they change its accuracy alone.
    nodes : int, default 2 * _NODES + 1
        Of the rule, for each effect.

    Returns
    -------
    DataFrame
        One row: `elpd`, the logarithm of the mean density (of grades over evenly spaced draws), its
        Monte Carlo standard error `mcse` (draws taken as independent), `n_draws`, `divergences`,
        `synthetic`.

    Raises
    ------
    ValueError
        As for `patient_log_likelihood`; or when the patient has a muscle that nobody else has.
    """
    spec, alone = spec_of(fit), xr.Dataset.from_dict(dict(left_out))
    log_probability = outcome_of(spec.outcome).log_probability
    if log_probability is not None:
        posterior = fit["posterior"].to_dataset()
        as_seen = _standardised_as(design_of(fit), alone)
        return _density_row(fit, log_probability(spec, as_seen, posterior)[:, 0])
    design = _among(design_of(fit), alone)
    posterior = thinned(fit, FEW_DRAWS)["posterior"].to_dataset()
    sample = posterior["chain"] * posterior["draw"]
    own = {"patient": design["patient"].to_numpy()}
    none = xr.zeros_like(sample, dtype=float).expand_dims(own, axis=-1)
    posterior = posterior.drop_dims(["patient", "site"], errors="ignore")
    posterior = posterior.assign({f"{g.name}_z": none for g in of_patient_groups(spec)})
    parts = _rows_of_patients(design)
    rule = {label: (np.asarray(centre), np.asarray(root)) for label in parts}
    return _density_row(fit, _evaluated(spec, design, posterior, parts, rule, nodes)[:, 0])


def _density_row(fit: xr.DataTree, logs: np.ndarray) -> pd.DataFrame:
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


def _standardised_as(seen: xr.Dataset, design: xr.Dataset) -> xr.Dataset:
    """The design with the columns' sds of the patients that were seen: one alone has none."""
    if "sd_of_shrunk" not in seen:
        return design
    return design.assign(sd_of_shrunk=seen["sd_of_shrunk"])


def _among(seen: xr.Dataset, design: xr.Dataset) -> xr.Dataset:
    """The design of a patient alone, its muscles numbered as those of the fit."""
    muscles = pd.Index(seen["muscle"].to_numpy())
    own = design["muscle"].to_numpy()
    number = muscles.get_indexer(pd.Index(own))
    if (number < 0).any():
        raise ValueError(f"Nobody else has the muscle '{own[np.argmin(number)]}'.")
    of_site = number[design["muscle_of_site"].to_numpy()]
    return (
        _standardised_as(seen, design)
        .drop_dims("muscle")
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
    groups = of_patient_groups(spec)
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


def of_patient_groups(spec: ModelSpec) -> list[Group]:
    """Groups by patient; an error where the model has effects that would not be integrated out."""
    others = [
        f"group.{g.name}"
        for g in spec.groups
        if g.by == "patient:visit" or (g.by == "patient:muscle" and g is not spec.site_group)
    ]
    others += ["relaxed"] if spec.relaxed is not None else []
    # `log_densities` are those of the kernels.
    others += [f"family '{spec.family}'"] if spec.family != "cumulative" else []
    others += [f"link '{spec.link}'"] if not LINKS[spec.link].compiled else []
    others += ["correlation.patient"] if spec.correlation is not None else []
    not_of_grades = [name for name in spec.outcomes if not outcome_of(name).of_grades]
    if any(map(has_table, not_of_grades)):
        raise ValueError(
            f"The patients of '{spec.name}' cannot be left out: how likely what is recorded of one "
            f"is, is not computed for {' and '.join(not_of_grades)} (of a model of its own, for "
            "class it is)."
        )
    if not outcome_of(spec.outcome).of_grades or others:
        what = " and ".join(others) or f"outcome '{spec.outcome}'"
        raise ValueError(
            f"The patients of '{spec.name}' cannot be left out this way: its {what} would not be "
            "integrated out; fit the model anew without each patient."
        )
    return [g for g in spec.groups if g.by == "patient"]


def alone_design(
    spec: ModelSpec, cohort: Cohort, patient: str, historical: pd.DataFrame | None = None
) -> xr.Dataset:
    """Return the design of one patient of a cohort, as `left_out_density` takes it.

    One patient has no spread by which columns could be standardised; those of the others' fit is
    put in there.
    """
    return make_design(of_patients(cohort, [patient]), replace(spec, shrinkage=None), historical)


def centre_of(fit: xr.DataTree, patient: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean, and root of the covariance, of the effects of a patient among all draws of a fit."""
    posterior = fit["posterior"].to_dataset()
    spec = spec_of(fit)
    of_one = outcome_of(spec.outcome).log_probability is not None
    names = [] if of_one else [f"{g.name}_z" for g in of_patient_groups(spec)]
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
