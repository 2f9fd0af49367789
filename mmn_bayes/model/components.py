"""One short function per component of a model; each adds its parameters to the model in context.

`arrays` are the design's, by name, as constants of the graph.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from mmn_bayes.model.priors import parameter
from mmn_bayes.spec.model_spec import Group, ModelSpec

Arrays = Mapping[str, Any]


def cutpoints(spec: ModelSpec, noise: Any) -> Any:
    """Cutpoints from the grade probabilities of a reference patient; shape (threshold,).

    The prior is on the probabilities, so that no Jacobian is needed: with p_k the probability of
    grade k or lower among the muscles of a patient whose effects are 0, c_k is the normal quantile
    of p_k times the spread of effect and noise together, sqrt(1 + (pi * noise)^2 / 3). Treating
    normal plus logistic as normal is exact for small noise; a test bounds the difference.
    """
    probability = parameter("grade_probability", _stated(spec.threshold), dims="grade")
    below = pt.cumsum(probability)[:-1]
    quantile = -np.sqrt(2.0) * pt.erfcinv(2.0 * below)
    spread = pt.sqrt(1.0 + (np.pi * noise) ** 2 / 3.0)
    return pm.Deterministic("cutpoints", quantile * spread, dims="threshold")


def group_effects(group: Group, leading_z: Any = None) -> Any:
    """Effects of the members of a group, non-centred: sd times a standard normal.

    Muscles sum to zero: the cutpoints hold the mean. The effects that define the unit, one for each
    site, are a standard normal. With a correlation r to other effects of the same members, whose
    standard normals are `leading_z`, the normal is r leading_z + sqrt(1 - r^2) z.
    """
    if group.sd is None:
        return pm.Normal(f"{group.name}_z", 0.0, 1.0, dims="site")
    sd = parameter(f"{group.name}_sd", group.sd)
    if group.by != "muscle":
        z = pm.Normal(f"{group.name}_z", 0.0, 1.0, dims=group.by)
        if group.correlation is None:
            return sd * z
        r = parameter(f"{group.name}_correlation", group.correlation)
        return sd * (r * leading_z + pt.sqrt(1.0 - r**2) * z)
    z = pm.ZeroSumNormal(f"{group.name}_z", sigma=1.0, dims="muscle")
    return pm.Deterministic(f"{group.name}_effect", sd * z, dims="muscle")


def predictor_sum(spec: ModelSpec, acts_on: str, arrays: Arrays) -> Any:
    """Sum of the effects of the predictors that act on one thing; shape (patient,), or 0."""
    return sum(
        parameter(predictor.name, predictor.prior) * arrays[f"x_{predictor.name}"]
        for predictor in spec.predictors
        if predictor.acts_on == acts_on
    )


def strength_level(spec: ModelSpec, arrays: Arrays) -> Any:
    """Level of every site without treatment and without its own effect; shape (site,), or 0."""
    level = sum(
        group_effects(group)[arrays[f"{group.by}_of_site"]]
        for group in spec.groups
        if group.acts_on == "level" and group.sd is not None
    )
    return level + at(predictor_sum(spec, "level", arrays), arrays["patient_of_site"])


def strength_change(spec: ModelSpec, arrays: Arrays) -> Any:
    """Change from the untreated level by gain and exposures; shape (row,), or 0 without any.

    The gain saturates: a share 1 - 2^(-days / half-time) of it is reached so many days after the
    first infusion. All that a patient's muscles share is computed once a visit.
    """
    at_visits = sum(
        parameter(exposure.name, exposure.prior) * arrays[f"exposure_{exposure.name}"]
        for exposure in spec.exposures
    )
    gain = spec.gain
    if gain is None:
        return at(at_visits, arrays["visit_of_row"])
    half_time = parameter("half_time_days", gain.half_time_days)
    grown = -pt.expm1(-np.log(2.0) * arrays["days_since_first_infusion"] / half_time)
    groups = [group for group in spec.groups if group.acts_on == "gain"]
    size = parameter("gain", gain.size) + predictor_sum(spec, "gain", arrays)
    own = [group for group in groups if group.by == "patient"]
    size = size + sum(group_effects(group, _level_z(spec)) for group in own)
    at_visits = at_visits + at(size, arrays["patient_of_visit"]) * grown
    by_site = [
        group_effects(group)[arrays[f"{group.by}_of_site"]]
        for group in groups
        if group.by != "patient"
    ]
    at_rows = at_visits[arrays["visit_of_row"]]
    if not by_site:
        return at_rows
    return at_rows + sum(by_site)[arrays["site_of_row"]] * grown[arrays["visit_of_row"]]


def _level_z(spec: ModelSpec) -> Any:
    """Standard normals of the level of each patient, already in the model; None without any."""
    names = [g.name for g in spec.groups if (g.by, g.acts_on) == ("patient", "level")]
    return pm.modelcontext(None)[f"{names[0]}_z"] if len(names) == 1 else None


def at(values: Any, index: Any) -> Any:
    """Gather values that may be one number for all (no effect of that kind in the model)."""
    return values[index] if getattr(values, "ndim", 0) else values


def _stated(prior: Any) -> Any:
    if prior is None:  # unreachable through read_spec, which requires it for this outcome
        raise ValueError("The specification states no such prior.")
    return prior
