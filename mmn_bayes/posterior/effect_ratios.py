"""What predictors, and effects shared with strength, do to classes, blocks and states: ratios."""

import numpy as np
import xarray as xr

from mmn_bayes.engine.outcome import outcome_of
from mmn_bayes.model_file.declaration import declared
from mmn_bayes.model_file.model_spec import require_outcome
from mmn_bayes.posterior.draws import attributes_of_draws, spec_of
from mmn_bayes.posterior.summary import POSITIVE

_SAMPLE = ("chain", "draw")


def effect_ratios(fit: xr.DataTree, acts_on: str, quantity: str) -> xr.DataArray:
    """Draw exponentials of the effects on one outcome, of what is shared last.

    Parameters
    ----------
    fit : DataTree
        Of that outcome, or of a joint model with it.
    acts_on : str
        The outcome.
    quantity : str
        What a ratio is.

    Returns
    -------
    DataArray
        Dims chain, draw, predictor, and that of the effects on the outcome.

    Raises
    ------
    ValueError
        When the fit has no such outcome, or the model no effects on it.
    """
    spec, outcome = require_outcome(spec_of(fit), acts_on), outcome_of(acts_on)
    names = [p.name for p in spec.acting_on(acts_on)]
    names += [shared.name for shared in spec.sharing if shared.acts_on == acts_on]
    if not names:
        raise ValueError(f"The model '{spec.name}' has no predictors of {declared(acts_on).words}.")
    posterior = fit["posterior"].to_dataset()
    drawn = xr.concat([posterior[name] for name in names], "predictor")
    dims = [*_SAMPLE, "predictor", *filter(None, [outcome.effect_dim])]
    drawn = drawn.assign_coords(predictor=names).transpose(*dims)
    return xr.DataArray(np.exp(drawn)).assign_attrs(
        attributes_of_draws(fit, quantity, support=POSITIVE)
    )
