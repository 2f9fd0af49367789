"""What predictors, and effects shared with strength, do to classes, blocks and states: ratios."""

import numpy as np
import xarray as xr

from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.posterior.draws import attributes_of_draws, spec_of
from mmn_bayes.posterior.summary import POSITIVE

_SAMPLE = ("chain", "draw")
# By what acts on it: the dim of an effect, and what a model without is said not to be of.
_DIMS = {"class": "contrast", "blocks": "fate", "state": "contrast"}
_WHAT = {"class": "classes", "blocks": "blocks", "state": "states"}


def require_part(fit: xr.DataTree, acts_on: str) -> ModelSpec:
    """Return the specification of a fit that has classes, blocks or states; else raise."""
    spec = spec_of(fit)
    if acts_on not in spec.outcomes:
        raise ValueError(
            f"The fit of '{spec.name}' is of outcome '{spec.outcome}', not of {_WHAT[acts_on]}."
        )
    return spec


def _ratios(fit: xr.DataTree, acts_on: str, quantity: str) -> xr.DataArray:
    """Exponentials of the effects on one thing, those of sharing last; dims as their callers say.

    Those of blocks and states share no dim with each other, so that each has its own function.
    """
    spec, dim = require_part(fit, acts_on), _DIMS[acts_on]
    names = [p.name for p in spec.predictors if p.acts_on == acts_on]
    names += [shared.name for shared in spec.sharing if shared.acts_on == acts_on]
    if not names:
        raise ValueError(f"The model '{spec.name}' has no predictors of {_WHAT[acts_on]}.")
    posterior = fit["posterior"].to_dataset()
    drawn = xr.concat([posterior[name] for name in names], "predictor")
    drawn = drawn.assign_coords(predictor=names).transpose(*_SAMPLE, "predictor", dim)
    return xr.DataArray(np.exp(drawn)).assign_attrs(
        attributes_of_draws(fit, quantity, support=POSITIVE)
    )


def class_odds_ratios(fit: xr.DataTree) -> xr.DataArray:
    """Draw what predictors do to the odds of each class against the first.

    Parameters
    ----------
    fit
        Of outcome "class", or of a joint model with classes, with predictors.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `predictor` (of a joint model also what is shared: of one sd of the
        patient's effect), `contrast` (all classes but the first).

    Raises
    ------
    ValueError
        When the fit has no classes, or the model has no predictor of them.
    """
    return _ratios(fit, "class", "odds ratio")


def state_odds_ratios(fit: xr.DataTree) -> xr.DataArray:
    """Draw what predictors do, in a step, to the odds of each state against the first.

    Where the file lets effects differ by the previous state, that of an average one.

    Parameters
    ----------
    fit
        Of outcome "state", or of a joint model with states, with predictors.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `predictor`, `contrast` (all states but the first).

    Raises
    ------
    ValueError
        When the fit has no states, or the model has no predictor of them.
    """
    return _ratios(fit, "state", "odds ratio")


def block_ratios(fit: xr.DataTree) -> xr.DataArray:
    """Draw what predictors do to whether a block stays, and whether one appears.

    Parameters
    ----------
    fit
        Of outcome "blocks", or of a joint model with blocks, with predictors.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `predictor` (of a joint model also what is shared: of one sd of the
        patient's effect), `fate`: odds ratios that a block "stays" and that one "appears", of
        counts for the latter ratios of expected numbers.

    Raises
    ------
    ValueError
        When the fit has no blocks, or the model has no predictor of them.
    """
    blocks = require_part(fit, "blocks").blocks
    binomial = blocks is not None and blocks.new == "binomial"
    return _ratios(fit, "blocks", "odds ratio" if binomial else "odds or rate ratio")
