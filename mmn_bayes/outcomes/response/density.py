"""The log-probability of the response of each patient."""

import numpy as np
import xarray as xr

from mmn_bayes.engine.predicting import predict
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.posterior.patient_density import log_bernoulli


def log_probability_of_response(
    spec: ModelSpec, design: xr.Dataset, posterior: xr.Dataset
) -> np.ndarray:
    """Return the log-probability of each response; shape (draw, patient)."""
    parts = predict(spec, design, posterior, ["response_probability"])
    rates = np.concatenate([values for _, (values,) in parts])
    return log_bernoulli(rates, design["response"].to_numpy() == 1)
