"""How well models predict a patient they have not seen: leave-one-patient-out, by importance."""

import warnings
from collections.abc import Sequence
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.engine.outcome import outcome_of
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.posterior.draws import design_of, specs_of
from mmn_bayes.posterior.patient_density import of_patient_groups, patient_log_likelihood

SAMPLE = ("chain", "draw")
_FEWEST_DRAWS = 25  # a fifth of them is the tail that a Pareto distribution is fitted to


def psis_loo_patients(fit: xr.DataTree) -> pd.DataFrame:
    """Estimate the predictive density of each patient left out, by importance sampling (PSIS).

    Parameters
    ----------
    fit : DataTree
        A fit of outcome "response" or "class"; or of outcome "grade", without effects by
        patient:visit, gains or slopes of single sites, correlated effects of a patient or relaxed
        cutpoints.

    Returns
    -------
    DataFrame
        One row a patient with a grade: `patient`, `elpd` (log predictive density of all its grades
        together, the patient left out), `mcse` (of the elpd, by the spread of the weighted draws;
        too small where k is beyond `good_k`), `log_density` (the same, the patient not left out),
        `pareto_k`, `good_k` (up to which the first is to be trusted with so many draws), `n_draws`,
        `divergences` (of the fit), `synthetic`.

    Raises
    ------
    ValueError
        When the model has effects that are not integrated out here.

    References
    ----------
    Vehtari, Gelman and Gabry, Stat Comput 2017;27:1413; Merkle, Furr and Rabe-Hesketh,
    Psychometrika 2019;84:802 (integrated likelihoods); Vehtari et al., JMLR 2024;25:72 (Pareto k).

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`:

    >>> table = mb.loo.psis_loo_patients(response_fit)
    >>> list(table.columns)[:5]
    ['patient', 'elpd', 'mcse', 'log_density', 'pareto_k']
    >>> len(table)
    38
    """
    density = patient_log_likelihood(fit)
    result = smoothed(density)
    top = density.max(SAMPLE)
    share = xr.apply_ufunc(np.exp, density - top).mean(SAMPLE, skipna=False)
    seen = np.log(share.to_numpy()) + top.to_numpy()
    return pd.DataFrame(
        {
            "patient": density["patient"].to_numpy().astype(str),
            "elpd": np.asarray(result.elpd_i),
            "mcse": _error_of_elpd(density, result.log_weights).to_numpy(),
            "log_density": seen,
            "pareto_k": np.asarray(result.pareto_k),
            "good_k": float(result.good_k),
            "n_draws": density.sizes["chain"] * density.sizes["draw"],
            "divergences": int(fit["sample_stats"]["diverging"].sum()),
            "synthetic": bool(fit.attrs["synthetic"]),
        }
    )


def smoothed(density: xr.DataArray) -> Any:
    """Pareto-smoothed importance sampling of ArviZ, each patient left out in turn."""
    n_draws = density.sizes["chain"] * density.sizes["draw"]
    if n_draws < _FEWEST_DRAWS:
        raise ValueError(
            f"The fit has {n_draws} draws; importance sampling needs {_FEWEST_DRAWS} at least."
        )
    with warnings.catch_warnings():
        # Said in the table, of each patient.
        warnings.filterwarnings("ignore", message="Estimated shape parameter of Pareto")
        return az.loo(_as_tree(density), var_name="grades_of_patient", pointwise=True, reff=1.0)


def _error_of_elpd(density: xr.DataArray, log_weights: xr.DataArray) -> xr.DataArray:
    """Monte Carlo standard error of the logarithm of a weighted mean, by the delta method."""
    weights = xr.apply_ufunc(np.exp, log_weights - log_weights.max(SAMPLE))
    weights = weights / weights.sum(SAMPLE)
    own = xr.apply_ufunc(np.exp, density - density.max(SAMPLE))
    mean = (weights * own).sum(SAMPLE)
    variance = (weights**2 * (own - mean) ** 2).sum(SAMPLE)
    return variance**0.5 / mean


def _require_one_data(specs: Sequence[ModelSpec], fits: Sequence[xr.DataTree]) -> None:
    """Raise unless all fits are of the same grades."""
    first = _grades_of(specs[0], fits[0])
    for spec, fit in zip(specs[1:], fits[1:], strict=True):
        own = _grades_of(spec, fit)
        same = len(first) == len(own) and all(map(np.array_equal, first, own))
        if not same:
            raise ValueError(
                f"The fits of '{specs[0].name}' and '{spec.name}' are of different grades (other "
                "patients, muscles, days or scale) or outcomes; compare models of one cohort and "
                "scale."
            )


def _grades_of(spec: ModelSpec, fit: xr.DataTree) -> tuple[np.ndarray, ...]:
    """Scale, and patient, muscle, side, day and grade of each row: what a density is of."""
    design = design_of(fit)
    recorded = outcome_of(spec.outcome).recorded
    if recorded is not None:
        return recorded(design)
    of_patient_groups(spec)
    site = design["site_of_row"].to_numpy()
    return (
        np.array(spec.scale),
        design["patient"].to_numpy()[design["patient_of_site"].to_numpy()[site]],
        design["muscle"].to_numpy()[design["muscle_of_site"].to_numpy()[site]],
        design["side_of_site"].to_numpy()[site],
        design["day_of_visit"].to_numpy()[design["visit_of_row"].to_numpy()],
        design["code"].to_numpy(),
    )


def compare_elpd(fits: Sequence[xr.DataTree]) -> pd.DataFrame:
    """Compare models by the expected log predictive density of patients left out.

    Parameters
    ----------
    fits : sequence of DataTree
        Fits of different models to the same cohort.

    Returns
    -------
    DataFrame
        One row a model, the best first: `model`, `title`, `elpd` (expected log predictive density
        of all patients, each left out), `se`, `difference` to the best and `se_difference` (of
        paired differences), `p_loo` (effective number of shared parameters), `worst_pareto_k`,
        `good_k` (up to which importance sampling with so many draws is to be trusted) and
        `n_above_good_k` (patients beyond it), `n_patients`, `n_draws`, `synthetic`. Where
        differences are below about twice their standard error the data do not discriminate between
        the models.

    Raises
    ------
    ValueError
        When it is no list of fits, two models have one name, the fits are of different grades (of
        other patients, days or muscles, or on another scale, where densities are no measure of
        either), or a model has effects that are not integrated out.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`, and `candidates_fit`, a fit of
    `models/candidates_response.toml`, and `model`, the model of `models/strength.toml`:

    >>> table = mb.loo.compare_elpd([response_fit, candidates_fit])
    >>> sorted(table["model"])
    ['candidates_response', 'response']
    >>> bool(table["elpd"].is_monotonic_decreasing)
    True
    """
    specs = specs_of(fits)
    if not specs:
        raise ValueError("There is nothing to compare; give two fits or more.")
    _require_one_data(specs, fits)
    rows, pointwise = [], {}
    for spec, fit in zip(specs, fits, strict=True):
        each = psis_loo_patients(fit)
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
