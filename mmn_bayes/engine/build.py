"""Assemble the PyMC model of a specification on a design."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr

from mmn_bayes.engine.components import (
    at,
    cutpoints,
    group_effects,
    pair_labels,
    relaxed_cutpoints,
    standard_effects,
    strength_change,
    strength_level,
)
from mmn_bayes.engine.effects import predictor_sum
from mmn_bayes.engine.family import FAMILIES
from mmn_bayes.engine.link import LINKS
from mmn_bayes.engine.priors import parameter
from mmn_bayes.engine.rows import parts_of_rows, repeats
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.outcomes.blocks.likelihood import blocked
from mmn_bayes.outcomes.classes.likelihood import classified
from mmn_bayes.outcomes.evidence.likelihood import counted_events
from mmn_bayes.outcomes.states.likelihood import moving

# What a design holds for the estimands only.
_NOT_IN_GRAPH = frozenset(
    {
        *("baseline_day", "follow_up_day", "day_of_visit", "position_of_row", "earlier_row"),
        "n_affected",
        *("infusion_day", "infusion_dose_g_per_kg"),
        *("seen_patient", "seen_step", "seen_code", "seen_day", "nerves_before"),
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
        "sample": with the likelihood of what the design records. For outcome "grade" the levels
        of the sites are integrated out of it. "recover" (outcome "grade"): without likelihood, with
        the deterministics `eta_without_site` (dim row), `scaled_cutpoints` (dims set,
        threshold) and `site_sigma`, in units of the noise, from which those levels are drawn.
        "predict": without likelihood, with those effects as parameters, and the deterministics
        `grade_cdf` (dims row, threshold; the probability of at most each grade), `eta_of_site`
        (dim site) and `eta_of_row` (dim row), which add up to eta, and `scaled_cutpoints`,
        `response_probability` (dim patient), `event_probability` (dim row), `class_probability`
        (dims patient, class), `stays` and `appears` (dim patient), or `transition_probability`
        (dims step, state, next_state); of a joint model those of each of its outcomes.

    Returns
    -------
    Model
        Its free parameters carry the names that the file gives them. The likelihood of grades is an
        operation for numba: under nutpie's JAX backend PyTensor raises a NotImplementedError that
        names it.
    """
    others = {"response": _responses, "events": counted_events, "class": classified}
    others |= {"blocks": blocked, "state": moving}
    coords = {str(name): design[name].to_numpy() for name in design.coords}
    if spec.correlation is not None:
        coords["pair"] = np.array(pair_labels(spec))
    if spec.relaxed is not None:
        coords["relaxed"] = np.array(spec.relaxed.own_strata)
    with pm.Model(coords=coords) as model:
        arrays = _data(spec, design)
        if spec.outcome == "grade":
            effects = _grades(spec, arrays, purpose)
            arrays |= {f"shared_{name}": effects[name] for name in effects}
        for outcome in spec.outcomes:
            # What is recovered are levels of sites, of which the others know nothing.
            if outcome != "grade" and purpose != "recover":
                others[outcome](spec, arrays, purpose)
    return model


def _data(spec: ModelSpec, design: xr.Dataset) -> dict[str, Any]:
    """The design's numbers as data of the graph: constants would be compiled into the code.

    All whole numbers are one vector and all others another, of sizes that the graph knows, so that
    what hands them over is the same for every model (`compiled_logp`).
    """
    arrays = {
        str(name): design[name].to_numpy()
        for name in design.data_vars
        if design[name].dtype.kind in "iuf" and name not in _NOT_IN_GRAPH
    }
    if spec.memory is not None:
        arrays["repeat"] = repeats(design)
    return {
        **_packed("data_whole", {n: a for n, a in arrays.items() if a.dtype.kind in "iu"}, "int64"),
        **_packed("data_real", {n: a for n, a in arrays.items() if a.dtype.kind == "f"}, "float64"),
    }


def _packed(name: str, arrays: Mapping[str, np.ndarray], dtype: str) -> dict[str, Any]:
    """Vectors, by their names, as parts of one."""
    together = np.concatenate([np.empty(0, dtype), *arrays.values()], dtype=dtype)
    data = pm.Data(name, together, shape=together.shape)
    ends = np.cumsum([0, *(array.size for array in arrays.values())]).tolist()
    return {part: data[a:b] for part, (a, b) in zip(arrays, pairwise(ends), strict=True)}


def _grades(spec: ModelSpec, arrays: dict[str, Any], purpose: Purpose) -> dict[str, Any]:
    """Add the model of grades; return the effects, in sds, of the groups that others share."""
    # One of the two is the unit; the kernel takes all in units of the noise.
    site, family = spec.site_group, FAMILIES[spec.family]
    noise = parameter("noise", spec.noise) if spec.noise is not None else 1.0
    site_sd = parameter(f"{site.name}_sd", site.sd) if site.sd is not None else 1.0
    common = cutpoints(spec, noise, site_sd)
    scaled = relaxed_cutpoints(spec, common, arrays) / noise
    effects = group_effects(spec, arrays, noise, site_sd, common, sampled=purpose == "sample")
    site_of_row = arrays["site_of_row"]
    level = strength_level(spec, arrays, effects)
    # A shift is assumed, not estimated: of visits missed not at random, when they are predicted.
    change = strength_change(spec, arrays, effects, sampled=purpose == "sample") + arrays.get(
        "shift_of_row", 0.0
    )
    no_row = pt.zeros_like(arrays["code"], dtype="float64")
    eta = (at(level, site_of_row) + change) / noise + no_row
    sigma = site_sd / noise
    memory = parameter("memory", spec.memory.probability) if spec.memory is not None else None
    match purpose:
        case "sample":
            parts = [
                family.integral(spec.link).integrated_log_density(
                    *(eta[rows], scaled[sets].ravel(), sigma, code, first_row),
                    memory=memory,
                    repeat=repeat,
                    n_grades=n_grades,
                )
                for sets, rows, code, first_row, repeat, n_grades in _parts(spec, arrays)
            ]
            pm.Potential("grades", sum(parts))
        case "recover":
            pm.Deterministic("eta_without_site", eta)
            pm.Deterministic("scaled_cutpoints", scaled)
            pm.Deterministic("site_sigma", sigma)
        case "predict":
            # In two parts, so that what is of a site is computed once, not at each of its visits.
            of_site = level / noise + sigma * standard_effects(site)
            of_row = change / noise + no_row
            of_set = arrays["set_of_row"] if spec.relaxed else 0
            eta = of_site[site_of_row] + of_row
            pm.Deterministic("grade_cdf", family.grade_cdf(eta, scaled[of_set], link=spec.link))
            pm.Deterministic("eta_of_site", of_site)
            pm.Deterministic("eta_of_row", of_row)
            pm.Deterministic("scaled_cutpoints", scaled)
    named = pm.modelcontext(None).named_vars
    return {
        shared.group: effects[shared.group] / named[f"{shared.group}_sd"] for shared in spec.sharing
    }


def _parts(spec: ModelSpec, arrays: dict[str, Any]) -> list[tuple[Any, Any, Any, Any, Any, int]]:
    """Sets of cutpoints, rows, codes, first rows, repeats and K (0: one set) of each part."""
    code, first_row, repeat = arrays["code"], arrays["first_row_of_site"], arrays.get("repeat")
    if spec.relaxed is None:
        return [(0, slice(None), code, first_row, repeat, 0)]
    n_grades = len(spec.scale)
    if spec.relaxed.of != "site":
        among = code + n_grades * arrays["set_of_row"]
        return [(slice(None), slice(None), among, first_row, repeat, n_grades)]
    code, again = code.eval(), None if repeat is None else repeat.eval()
    return [
        (p.number, p.rows, code[p.rows], p.first_row, None if again is None else again[p.rows], 0)
        for p in parts_of_rows(arrays["set_of_row"].eval(), first_row.eval())
    ]


def _from_history(spec: ModelSpec, arrays: dict[str, Any], intercept: Any) -> dict[str, Any]:
    """The effect of the predictor of whose yes history speaks: a mixture of betas on its rate."""
    if spec.historical is None:
        return {}
    components = pm.Beta.dist(arrays["historical_alpha"], arrays["historical_beta"])
    rate = pm.Mixture("historical_rate", arrays["historical_weight"], components)
    of = spec.historical.of
    return {of: pm.Deterministic(of, pt.log(rate) - pt.log1p(-rate) - intercept)}


def _responses(spec: ModelSpec, arrays: dict[str, Any], purpose: Purpose) -> None:
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
