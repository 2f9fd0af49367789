"""The likelihood of grades: cumulative, the level of every muscle and side integrated out."""

# Before PyMC is imported: the folder of compiled code is prepared.
import mmn_bayes.engine as _engine  # noqa: F401

# isort: split
from collections.abc import Mapping
from typing import Any

import pymc as pm
import pytensor.tensor as pt

from mmn_bayes.engine.components import (
    at,
    cutpoints,
    group_effects,
    relaxed_cutpoints,
    standard_effects,
    strength_change,
    strength_level,
)
from mmn_bayes.engine.family import FAMILIES
from mmn_bayes.engine.priors import parameter
from mmn_bayes.engine.rows import parts_of_rows
from mmn_bayes.model_file.model_spec import ModelSpec


def graded(spec: ModelSpec, arrays: Mapping[str, Any], purpose: str) -> dict[str, Any]:
    """Add the model of grades to the model in context; `purpose` as for `build`.

    Returns the effects, in sds, of the groups that other outcomes share.
    """
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


def _parts(spec: ModelSpec, arrays: Mapping[str, Any]) -> list[tuple[Any, Any, Any, Any, Any, int]]:
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
