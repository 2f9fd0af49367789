"""Assemble the PyMC model of a specification on a design."""

from typing import Any, Literal

import pymc as pm
import pytensor.tensor as pt
import xarray as xr

from mmn_bayes.model.components import (
    at,
    cutpoints,
    group_effects,
    predictor_sum,
    strength_change,
    strength_level,
)
from mmn_bayes.model.ordinal import cumulative_probability, integrated_log_density
from mmn_bayes.model.priors import parameter
from mmn_bayes.spec.model_spec import Group, ModelSpec

# What a design holds for the estimands only.
_NOT_IN_GRAPH = frozenset(
    {
        *("baseline_day", "follow_up_day", "day_of_visit", "position_of_row"),
        *("n_affected", "n_sites"),
        *("infusion_day", "infusion_dose_g_per_kg"),
    }
)

Purpose = Literal["sample", "recover", "predict"]


def build(spec: ModelSpec, design: xr.Dataset, purpose: Purpose = "sample") -> pm.Model:
    """Build the graph of a model.

    Parameters
    ----------
    spec, design
        The model, and a design made for it.
    purpose
        "sample": with the likelihood of what the design records. For outcome "grade" the effects
        that define the unit, one a site, are integrated out of it. "recover" (outcome "grade"):
        without likelihood, with the deterministics `eta_without_site` (dim row) and
        `scaled_cutpoints` (dim threshold), in logits, from which those effects are drawn.
        "predict": without likelihood, with those effects as parameters, and the deterministic
        `grade_cdf` (dims row, threshold; the probability of at most each grade) or
        `response_probability` (dim patient).

    Returns
    -------
    Model
        Its free parameters carry the names that the file gives them.
    """
    outcomes = {"grade": _grades, "response": _responses}
    coords = {str(name): design[name].to_numpy() for name in design.coords}
    with pm.Model(coords=coords) as model:
        outcomes[spec.outcome](spec, _data(design), purpose)
    return model


def unit_group(spec: ModelSpec) -> Group:
    """Return the group whose effects define the unit; the vocabulary requires exactly one."""
    return next(group for group in spec.groups if group.sd is None)


def _data(design: xr.Dataset) -> dict[str, Any]:
    """The design's numbers as data of the graph: constants would be compiled into the code."""
    return {
        str(name): pm.Data(f"data_{name}", design[name].to_numpy())
        for name in design.data_vars
        if design[name].dtype.kind in "iuf" and name not in _NOT_IN_GRAPH
    }


def _grades(spec: ModelSpec, arrays: dict[str, Any], purpose: Purpose) -> None:
    noise = parameter("noise", spec.priors["noise"])
    # In logits everything is divided by the noise, which is 1 on that scale.
    scaled = cutpoints(spec, noise) / noise
    site_of_row = arrays["site_of_row"]
    level = strength_level(spec, arrays)
    eta = (at(level, site_of_row) + strength_change(spec, arrays)) / noise
    eta = eta + pt.zeros_like(arrays["code"], dtype="float64")
    match purpose:
        case "sample":
            log_density = integrated_log_density(
                eta, scaled, 1.0 / noise, arrays["code"], arrays["first_row_of_site"]
            )
            pm.Potential("grades", log_density)
        case "recover":
            pm.Deterministic("eta_without_site", eta)
            pm.Deterministic("scaled_cutpoints", scaled)
        case "predict":
            own = group_effects(unit_group(spec))[site_of_row]
            pm.Deterministic("grade_cdf", cumulative_probability(eta + own / noise, scaled))


def _responses(spec: ModelSpec, arrays: dict[str, Any], purpose: Purpose) -> None:
    response = arrays["response"]
    logit = parameter("intercept", spec.priors["intercept"])
    logit = logit + predictor_sum(spec, "response", arrays) + pt.zeros(response.shape)
    if purpose == "predict":
        pm.Deterministic("response_probability", pt.sigmoid(logit), dims="patient")
        return
    evaluable = response.eval() >= 0
    pm.Bernoulli("responses", logit_p=logit[evaluable], observed=response.eval()[evaluable])
