"""The likelihood of counts of responders: binomial, with a normal effect of each unit."""

# Before PyMC is imported: the folder of compiled code is prepared.
import mmn_bayes.engine as _engine  # noqa: F401

# isort: split
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from mmn_bayes.engine.effects import predictor_sum
from mmn_bayes.engine.priors import folded, may_be_folded, parameter
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.model_file.prior import Prior
from mmn_bayes.outcomes.evidence.design import unit_of


def counted_events(spec: ModelSpec, arrays: dict[str, Any], purpose: str) -> None:
    """Add the model of counts to the model in context: binomial, one normal effect a unit.

    For "predict" the deterministic `event_probability` (dim row) in place of the likelihood.
    """
    unit = unit_of(spec)
    mean = parameter("intercept", spec.priors["intercept"])
    effects = _unit_effects(arrays, unit.sd, sampled=purpose == "sample")
    log_odds = mean + predictor_sum(spec, "response", arrays) + effects[arrays["unit_of_row"]]
    if purpose == "predict":
        pm.Deterministic("event_probability", pt.sigmoid(log_odds))
        return
    n, events = arrays["n"].eval(), arrays["events"].eval()
    pm.Binomial("responders", n=n, logit_p=log_odds, observed=events)


def _unit_effects(arrays: dict[str, Any], prior: Prior, *, sampled: bool) -> Any:
    """Effects of units; sampled in units of what its counts leave to know of each.

    As levels of patients are (`components`), with the precision of the log odds that n patients at
    the unit's own rate have, n p (1 - p); with a sign, where the prior of the sd allows for that.
    """
    if not sampled:
        return parameter("unit_sd", prior) * pm.Normal("unit_z", 0.0, 1.0, dims="unit")
    if may_be_folded(prior):
        signed, sd = folded("unit_sd", prior)
    else:
        signed = sd = parameter("unit_sd", prior)
    unit, n, events = (arrays[name].eval() for name in ("unit_of_row", "n", "events"))
    of, responded = np.bincount(unit, n), np.bincount(unit, events)
    rate = (responded + 0.5) / (of + 1.0)
    spread = pt.sqrt(1.0 + sd**2 * (of * rate * (1.0 - rate)))
    own = pm.Normal("unit_balanced", 0.0, spread, dims="unit") / spread
    pm.Deterministic("unit_z", pt.switch(pt.lt(signed, 0.0), -1.0, 1.0) * own, dims="unit")
    return signed * own
