"""What the priors of a model say of rates: one of each distinct combination of the predictors."""

import numpy as np
import xarray as xr

from mmn_bayes.engine.predicting import predict
from mmn_bayes.model_file.model_spec import Predictor
from mmn_bayes.posterior.draws import design_of, spec_of


def prior_rates(fit: xr.DataTree, name: str, anybody: str) -> dict[str, np.ndarray]:
    """Return rates of each distinct combination of the predictors, draw by draw.

    Parameters
    ----------
    fit : DataTree
        With draws of the prior in the place of its posterior.
    name : str
        The deterministic that has the rates.
    anybody : str
        Whose rate it is where there are no predictors.

    Returns
    -------
    dict of ndarray
        By what they are, shape (draw,).
    """
    spec, design, posterior = spec_of(fit), design_of(fit), fit["posterior"].to_dataset()
    rates = np.concatenate([values for _, (values,) in predict(spec, design, posterior, [name])])
    found: dict[str, np.ndarray] = {}
    for place in range(rates.shape[1]):
        stated = [
            f"{p.name} = {_as_recorded(p, design[f'x_{p.name}'][place].item())}"
            for p in spec.predictors
        ]
        label = f"probability of response, {', '.join(stated) or anybody}"
        found.setdefault(label, rates[:, place])
    return found


def _as_recorded(predictor: Predictor, value: float) -> str:
    """A value of the design as the table of patients has it."""
    recorded = predictor.value(value)
    return recorded if isinstance(recorded, str) else f"{recorded:g}"
