"""The response of each patient, predicted as if the patient had not been seen."""

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.engine.predicting import predict
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.outcomes.response.rates import rates_by_patient, require_responses
from mmn_bayes.posterior.draws import design_of, spec_of
from mmn_bayes.posterior.loo import SAMPLE, smoothed
from mmn_bayes.posterior.patient_density import log_bernoulli, patient_log_likelihood


def left_out_response(fit: xr.DataTree) -> pd.DataFrame:
    """Predict the response of each evaluable patient by leave-one-patient-out.

    Parameters
    ----------
    fit : DataTree
        A fit of outcome "response" or "class"; or of outcome "grade", without effects by
        patient:visit, gains or slopes of single sites, correlated effects of a patient or relaxed
        cutpoints.

    Returns
    -------
    DataFrame
        One row an evaluable patient: `patient`, `response` (yes/no), `probability` (of outcome
        "grade" that of a new patient with its covariates, muscles and infusions; missing where the
        rule can judge none), `base_rate` (of the n others who responded and half a patient more, of
        n + 1, so that it is never 0 or 1), `pareto_k`, `good_k`, `synthetic`.

    Raises
    ------
    ValueError
        When the model has no responses, effects that are not integrated out here, or fewer than two
        patients are evaluable.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`:

    >>> table = mb.loo.left_out_response(response_fit)
    >>> list(table.columns)
    ['patient', 'response', 'probability', 'base_rate', 'pareto_k', 'good_k', 'synthetic']
    >>> len(table), int(table["response"].sum())
    (38, 18)
    """
    require_responses(spec_of(fit))
    design = design_of(fit)
    response = design["response"].to_numpy()
    known = response >= 0
    if known.sum() < 2:
        raise ValueError(f"{known.sum()} patients are evaluable; leaving one out needs two.")
    density = patient_log_likelihood(fit)
    result = smoothed(density)
    labels = design["patient"].to_numpy()[known]
    logs = result.log_weights.sel(patient=labels).transpose(*SAMPLE, "patient").to_numpy()
    weights = np.exp(logs.reshape(-1, labels.size) - logs.max(axis=(0, 1)))
    rates = rates_by_patient(fit, density.sizes["chain"] * density.sizes["draw"])[:, known]
    # A draw in which the rule can judge none of the new patients says nothing.
    defined = np.isfinite(rates)
    total = np.where(defined, weights, 0.0).sum(axis=0)
    responders = (response == 1)[known]
    others = (responders.sum() - responders + 0.5) / responders.size
    return pd.DataFrame(
        {
            "patient": labels.astype(str),
            "response": responders,
            "probability": np.divide(
                np.where(defined, weights * rates, 0.0).sum(axis=0),
                total,
                out=np.full(labels.size, np.nan),
                where=total > 0.0,
            ),
            "base_rate": others,
            "pareto_k": result.pareto_k.sel(patient=labels).to_numpy(),
            "good_k": float(result.good_k),
            "synthetic": bool(fit.attrs["synthetic"]),
        }
    )


def log_probability_of_response(
    spec: ModelSpec, design: xr.Dataset, posterior: xr.Dataset
) -> np.ndarray:
    """Return the log-probability of each response; shape (draw, patient)."""
    parts = predict(spec, design, posterior, ["response_probability"])
    rates = np.concatenate([values for _, (values,) in parts])
    return log_bernoulli(rates, design["response"].to_numpy() == 1)
