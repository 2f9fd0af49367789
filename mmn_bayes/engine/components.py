"""One short function per component of a model; each adds its parameters to the model in context.

`arrays` are the design's, by name, as constants of the graph.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from mmn_bayes.engine.effect_compartment import dose_in_effect
from mmn_bayes.engine.effects import predictor_sum
from mmn_bayes.engine.family import FAMILIES
from mmn_bayes.engine.link import LINKS
from mmn_bayes.engine.priors import (
    folded,
    increasing,
    may_be_folded,
    parameter,
    parameter_in_units,
    partial_correlations,
)
from mmn_bayes.model_file.model_spec import Exposure, Group, ModelSpec
from mmn_bayes.model_file.prior import Prior

Arrays = Mapping[str, Any]
Effects = Mapping[str, Any]


def cutpoints(spec: ModelSpec, noise: Any, site_sd: Any) -> Any:
    """Cutpoints, with a prior of their own or from grade probabilities; shape (threshold,).

    A Dirichlet prior is on the probabilities, so that no Jacobian is needed: with p_k the
    probability of grade k or lower among the muscles of a patient whose effects are 0, c_k is the
    normal quantile of p_k times the spread of site effect and noise together,
    sqrt(site_sd^2 + v noise^2), plus the mean m noise of the noise (`link`). Treating site effect
    plus noise as normal is exact for small noise and for normal noise; a test bounds the difference
    for logistic noise.
    """
    prior = _stated(spec.threshold)
    if spec.threshold_parameter == "cutpoints":
        if FAMILIES[spec.family].increasing:
            return increasing("cutpoints", prior, len(spec.scale) - 1, dims="threshold")
        return parameter("cutpoints", prior, dims="threshold")
    probability = parameter("grade_probability", prior, dims="grade")
    below = pt.cumsum(probability)[:-1]
    quantile = -np.sqrt(2.0) * pt.erfcinv(2.0 * below)
    link = LINKS[spec.link]
    centre = quantile * pt.sqrt(site_sd**2 + link.variance * noise**2)
    return pm.Deterministic("cutpoints", centre + link.mean * noise, dims="threshold")


def relaxed_cutpoints(spec: ModelSpec, common: Any, arrays: Arrays) -> Any:
    """Every set of cutpoints, shape (set, threshold): one where none is relaxed.

    A set is that of a stratum (groups of muscles; no and yes), of a patient (a predictor in
    numbers) or of a visit (gain). The highest cutpoint is common, since effects on the level move
    it; each gap below it is the common one times exp(x sd z), z standard normal and x the predictor
    or the share of the gain, so that cutpoints increase whatever z is.
    """
    if spec.relaxed is None:
        return common[None, :]
    sd = parameter("relaxed_sd", spec.relaxed.sd)
    z = sd * pm.Normal("relaxed_z", 0.0, 1.0, dims=("relaxed", "gap"))
    if spec.relaxed.of == "visit":
        z = _gain_share(spec, arrays)[:, None] * z[0]
    elif spec.relaxed.of == "patient":
        z = arrays[f"x_{spec.relaxed.by}"][:, None] * z[0]
    gaps = pt.diff(common) * pt.exp(z)
    below = common[-1] - pt.cumsum(gaps[:, ::-1], axis=1)[:, ::-1]
    own = pt.concatenate([below, pt.zeros_like(below[:, :1]) + common[-1]], axis=1)
    if spec.relaxed.of != "site":
        return own
    if not spec.relaxed.groups:
        own = pt.concatenate([common[None, :], own])
    return pm.Deterministic("stratum_cutpoints", own, dims=("stratum", "threshold"))


# Where the members of a group are.
_DIMS = {
    "muscle": "muscle",
    "patient": "patient",
    "patient:muscle": "site",
    "patient:visit": "visit",
}


def standard_effects(group: Group) -> Any:
    """Standard normals, one a member of a group."""
    return pm.Normal(f"{group.name}_z", 0.0, 1.0, dims=_DIMS[group.by])


def group_effects(
    spec: ModelSpec, arrays: Arrays, noise: Any, site_sd: Any, common: Any, *, sampled: bool
) -> Effects:
    """Effects of every group but the levels of the sites, by its name.

    Muscles sum to zero: the cutpoints hold the mean. Standard normals less their mean have the law
    of normals that sum to zero, in a graph that compiles sooner. Where the file has correlations
    between the effects of a patient, the Cholesky factor of their matrix multiplies their standard
    normals.

    Parameters
    ----------
    spec, arrays : ModelSpec, Arrays
        The model, and its design's numbers.
    noise, site_sd, common : object
        Scale of the noise, sd of the levels of the sites, and the cutpoints, shape (threshold,).
    sampled : bool
        Whether the effects are parameters to sample, each in the parametrisation of its group;
        otherwise all are sds times standard normals, from which effects of any members are made.
    """
    groups = [group for group in spec.groups if group is not spec.site_group]
    correlated = [g.name for g in groups if spec.correlation is not None and g.by == "patient"]
    effects, z = {}, {}
    for group in groups:
        way = parametrisation(spec, group) if sampled else "non_centred"
        if way == "balanced":
            of_site = _precision_of_site(spec, group, noise, site_sd, common)
            effects[group.name] = _balanced(group, arrays["n_sites"] * of_site)
            continue
        sd = parameter(f"{group.name}_sd", _stated(group.sd))
        if way == "centred":
            effects[group.name] = _centred(group, sd)
        else:
            z[group.name] = standard_effects(group)
            own = z[group.name]
            effects[group.name] = sd * (own - own.mean() if group.by == "muscle" else own)
        if group.name in correlated:
            effects[group.name] = sd  # until all of the patient's are there
    if spec.correlation is not None:
        for name, own in _correlated(spec.correlation, {n: z[n] for n in correlated}).items():
            effects[name] = effects[name] * own
    for group in groups:
        if group.by == "muscle":
            name = f"{group.name}_effect"
            effects[group.name] = pm.Deterministic(name, effects[group.name], dims="muscle")
    return effects


def parametrisation(spec: ModelSpec, group: Group) -> str:
    """How a group is sampled: as its file says, otherwise as was measured to be best.

    Smallest effective sample size of 4,000 draws, of any parameter of `benchmark.toml`, on 2,400
    simulated grades of 40 patients, means of three seeds: levels of patients balanced 5,359 and
    1,321 (reliable grades, two cohorts), 4,978 and 1,639 (noisy); non-centred 1,342, 812, 1,472 and
    1,035; centred 2,569, 176, 2,234 and 85. The second cohorts have levels that hardly differ.
    That of the sd of gains, of 2,000 draws of `strength.toml` on four cohorts of the recovery
    study: balanced 437 to 1,366, non-centred 318 to 632.
    """
    if group.parametrisation is not None:
        return group.parametrisation
    return "balanced" if _may_be_balanced(spec, group) else "non_centred"


def _may_be_balanced(spec: ModelSpec, group: Group) -> bool:
    """Whether effects are levels or gains of patients, each independent of the patient's others."""
    if group.by != "patient" or spec.correlation is not None:
        return False
    return group.acts_on == "level" or (group.acts_on == "gain" and len(spec.scale) > 2)


# Of what would be known of a gain if every muscle told it as far as rounding to a grade and noise
# allow: many are normal and stay so. 0.1 was better than 0 and 0.3 for the sd of the gains.
_OF_GAIN = 0.1


def _precision_of_site(spec: ModelSpec, group: Group, noise: Any, site_sd: Any, common: Any) -> Any:
    """How precisely one muscle tells an effect of its patient, about: 1 over a variance.

    A level as far as the muscles of a patient, and noise, let it; a gain as far as the gaps between
    cutpoints, and noise, do.
    """
    of_noise = LINKS[spec.link].variance * noise**2
    if group.acts_on == "level":
        return 1.0 / (site_sd**2 + of_noise)
    gap = (common[-1] - common[0]) / (len(spec.scale) - 2)
    return _OF_GAIN / (gap**2 / 12.0 + of_noise)


def _centred(group: Group, sd: Any) -> Any:
    """Effects that are parameters themselves; their standard normals are kept all the same."""
    name, dims = f"{group.name}_centred", _DIMS[group.by]
    if group.by == "muscle":
        effects = pm.ZeroSumNormal(name, sigma=sd, dims=dims)
    else:
        effects = pm.Normal(name, 0.0, sd, dims=dims)
    pm.Deterministic(f"{group.name}_z", effects / sd, dims=dims)
    return effects


def _balanced(group: Group, precision: Any) -> Any:
    """Effects in units of what is left to know of them; their standard normals are kept.

    The n sites of a patient tell an effect with about n times the precision of one. Given that and
    the sd, an effect has the precision 1 / sd^2 + precision. Times the root of it, effects have a
    variance of 1 in the posterior whatever the sd: neither effects themselves (few sites) nor
    standard normals (many) have, and that is what makes the sd slow. In the prior they then have
    the variance 1 + sd^2 precision.

    The sd has a sign where its prior allows for that (`folded`). Smallest effective sample size,
    bulk and tails, of the sds of levels and gains, of 4,000 draws of `strength.toml` on the
    reproduction cohort: 1,629 to 2,250 and 1,916 to 2,461 in four runs; without it 674 to 1,911 and
    229 to 1,367 in six.
    """
    name, dims = f"{group.name}_sd", _DIMS[group.by]
    prior = _stated(group.sd)
    if may_be_folded(prior):
        signed, sd = folded(name, prior)
    else:
        signed = sd = parameter(name, prior)
    spread = pt.sqrt(1.0 + sd**2 * precision)
    own = pm.Normal(f"{group.name}_balanced", 0.0, spread, dims=dims) / spread
    sign = pt.switch(pt.lt(signed, 0.0), -1.0, 1.0)
    pm.Deterministic(f"{group.name}_z", sign * own, dims=dims)
    return signed * own


def _correlated(prior: Prior, z: Mapping[str, Any]) -> dict[str, Any]:
    """Standard normals with the correlations of an LKJ prior, from independent ones.

    Row k of the Cholesky factor is made of the partial correlations r_jk of effect k with those
    before it: r_1k, r_2k sqrt(1 - r_1k^2), ..., and last what is left of 1.
    """
    names = list(z)
    partial = partial_correlations("patient_partial_correlation", prior, len(names), dims="pair")
    number = {pair: i for i, pair in enumerate(combinations(range(len(names)), 2))}
    rows: list[list[Any]] = [[1.0]]
    for k in range(1, len(names)):
        row, left = [], 1.0
        for j in range(k):
            r = partial[number[j, k]]
            row.append(r * left)
            left = left * pt.sqrt(1.0 - r**2)
        rows.append([*row, left])
    correlations = [sum(a * b for a, b in zip(rows[j], rows[k], strict=False)) for j, k in number]
    pm.Deterministic("patient_correlation", pt.stack(correlations), dims="pair")
    return {
        name: sum(weight * z[other] for weight, other in zip(row, names, strict=False))
        for name, row in zip(names, rows, strict=True)
    }


def pair_labels(spec: ModelSpec) -> list[str]:
    """Names of the pairs of groups by patient, in the order of their correlations."""
    names = [group.name for group in spec.groups if group.by == "patient"]
    return [f"{one}, {other}" for one, other in combinations(names, 2)]


def strength_level(spec: ModelSpec, arrays: Arrays, effects: Effects) -> Any:
    """Level of every site without treatment and without its own effect; shape (site,), or 0."""
    level = _summed(spec, "level", ("muscle", "patient"), arrays, effects)
    return level + at(predictor_sum(spec, "level", arrays), arrays["patient_of_site"])


def strength_change(spec: ModelSpec, arrays: Arrays, effects: Effects, *, sampled: bool) -> Any:
    """What differs between the visits of a site; shape (row,), or 0 without anything.

    All that a patient's muscles share is computed once a visit. `sampled` as for `group_effects`.
    """
    at_visits = sum(_exposure(spec, exposure, arrays, sampled) for exposure in spec.exposures)
    at_visits = (
        at_visits
        + _time(spec, arrays)
        + sum(effects[group.name] for group in spec.groups if group.by == "patient:visit")
    )
    at_rows = 0.0
    for acts_on, size, share in (*_gain(spec, arrays), *_slope(spec, arrays)):
        own = _summed(spec, acts_on, ("patient",), arrays, effects, of="patient")
        of_patients = size + predictor_sum(spec, acts_on, arrays) + own
        at_visits = at_visits + at(of_patients, arrays["patient_of_visit"]) * share
        of_sites = _summed(spec, acts_on, ("muscle", "patient:muscle"), arrays, effects)
        if getattr(of_sites, "ndim", 0):
            at_rows = at_rows + of_sites[arrays["site_of_row"]] * share[arrays["visit_of_row"]]
    return at_rows + at(at_visits, arrays["visit_of_row"])


def _exposure(spec: ModelSpec, exposure: Exposure, arrays: Arrays, sampled: bool) -> Any:
    """Effect of one measure of the infusions at every visit; shape (visit,)."""
    if exposure.measure == "effect_compartment":
        onset = parameter(f"{exposure.name}_onset_half_life_days", _stated(exposure.onset))
        name = f"{exposure.name}_wearing_off_half_life_days"
        off = parameter(name, _stated(exposure.wearing_off))
        measure = dose_in_effect(arrays, onset, off * _wearing_off_factor(spec, arrays))
    else:
        measure = arrays[f"exposure_{exposure.name}"]
    if exposure.half_effect is not None:
        half = parameter(f"{exposure.name}_half_effect", exposure.half_effect)
        measure = measure / (half + measure)
    if not (sampled and in_usual_units(exposure)):
        return parameter(exposure.name, exposure.prior) * measure
    # 0 where no visit is after an infusion: any unit is as good then.
    usual = pt.maximum(measure.mean(), 1e-6)
    return parameter_in_units(exposure.name, exposure.prior, 1.0 / usual) * measure


def in_usual_units(exposure: Exposure) -> bool:
    """Whether an effect is sampled as what the mean of its measure over all visits does.

    Where half-lives (or half_effect) are estimated too, the data know what infusions do in all, but
    little of what one unit does: shorter half-lives and a larger effect are the same. Of 2,000
    draws in four cohorts of the recovery study the smallest effective sample size of effect and
    half-lives was 220 to 300 by one unit, 1,888 to 2,840 by the mean.
    """
    return bool(exposure.shape)


def _wearing_off_factor(spec: ModelSpec, arrays: Arrays) -> Any:
    """What the half-life of wearing-off is multiplied by; shape (patient,), or 1."""
    if not spec.acting_on("wearing_off"):
        return 1.0
    known = pm.modelcontext(None).named_vars  # several compartments share these effects
    return pt.exp(predictor_sum(spec, "wearing_off", arrays, known))


def _time(spec: ModelSpec, arrays: Arrays) -> Any:
    """Change with time whatever is infused, by its values at knots; shape (visit,), or 0."""
    if spec.time is None:
        return 0.0
    step = parameter("time_step", spec.time.step, dims="knot")
    n_knots = len(spec.time.knots_days) - 1
    basis = arrays["time_basis"].reshape((-1, n_knots))
    # In units of steps: what a knot counts, all later ones count too.
    later = np.triu(np.ones((n_knots, n_knots)))
    return (basis[:, None, :] * later).sum(axis=2) @ step


def _gain(spec: ModelSpec, arrays: Arrays) -> Iterator[tuple[str, Any, Any]]:
    """The full gain, and the share of it reached so many days after the first infusion."""
    if spec.gain is not None:
        share = _gain_share(spec, arrays)
        yield "gain", parameter("gain", spec.gain.size), share


def _gain_share(spec: ModelSpec, arrays: Arrays) -> Any:
    """Share of the full gain that is reached at each visit; shape (visit,)."""
    known = pm.modelcontext(None).named_vars  # what else depends on the gain may have asked before
    half_time = known.get("half_time_days")
    if half_time is None:
        half_time = parameter("half_time_days", _stated(spec.gain).half_time_days)
    return -pt.expm1(-np.log(2.0) * arrays["days_since_first_infusion"] / half_time)


def _slope(spec: ModelSpec, arrays: Arrays) -> Iterator[tuple[str, Any, Any]]:
    """The steady change in `per_days` days, and how often that time has passed since inclusion."""
    if spec.slope is not None:
        share = arrays["days_since_inclusion"] / spec.slope.per_days
        yield "slope", parameter("slope", spec.slope.size), share


def _summed(
    spec: ModelSpec,
    acts_on: str,
    by: tuple[str, ...],
    arrays: Arrays,
    effects: Effects,
    of: str = "site",
) -> Any:
    """Sum of the effects of some groupings on one thing, for every site (or patient); 0 without."""
    total: Any = 0.0
    for group in spec.groups:
        if group.acts_on == acts_on and group.by in by and group.name in effects:
            own = effects[group.name]
            if of != _DIMS[group.by]:
                own = own[arrays[f"{_DIMS[group.by]}_of_{of}"]]
            total = total + own
    return total


def at(values: Any, index: Any) -> Any:
    """Gather values that may be one number for all (no effect of that kind in the model)."""
    return values[index] if getattr(values, "ndim", 0) else values


def _stated(prior: Any) -> Any:
    if prior is None:  # unreachable through read_model, which requires it for this outcome
        raise ValueError("The specification states no such prior.")
    return prior
