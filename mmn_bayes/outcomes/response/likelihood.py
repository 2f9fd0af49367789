"""The likelihood of responses: one a patient, by its log odds."""

# Before PyMC is imported: the folder of compiled code is prepared.
import mmn_bayes.engine as _engine  # noqa: F401

# isort: split
from collections.abc import Mapping
from typing import Any

import pymc as pm
import pytensor.tensor as pt

from mmn_bayes.engine.effects import predictor_sum
from mmn_bayes.engine.link import LINKS
from mmn_bayes.engine.priors import parameter
from mmn_bayes.model_file.model_spec import ModelSpec


def responded(spec: ModelSpec, arrays: Mapping[str, Any], purpose: str) -> None:
    """Add the model of responses to the model in context.

    For "predict" the deterministic `response_probability` (dim patient) in place of the likelihood.
    """
    response = arrays["response"]
    intercept = parameter("intercept", spec.priors["intercept"])
    known = _from_history(spec, arrays, intercept)
    eta = intercept + predictor_sum(spec, "response", arrays, known) + pt.zeros(response.shape)
    log_odds = LINKS[spec.link].log_odds_below(eta)
    if purpose == "predict":
        pm.Deterministic("response_probability", pt.sigmoid(log_odds), dims="patient")
        return
    # Responses are data and no constants of the graph, so that another cohort of as many patients
    # is the same code: 1 or 0, and -1 of who is not evaluable, who has no part in the sum.
    each = -pt.softplus(pt.switch(pt.eq(response, 1), -log_odds, log_odds))
    pm.Potential("responses", (each * pt.ge(response, 0)).sum())


def _from_history(spec: ModelSpec, arrays: Mapping[str, Any], intercept: Any) -> dict[str, Any]:
    """The effect of the predictor of whose yes history speaks: a mixture of betas on its rate."""
    if spec.historical is None:
        return {}
    components = pm.Beta.dist(arrays["historical_alpha"], arrays["historical_beta"])
    rate = pm.Mixture("historical_rate", arrays["historical_weight"], components)
    of = spec.historical.of
    return {of: pm.Deterministic(of, pt.log(rate) - pt.log1p(-rate) - intercept)}
