"""Grades of muscles, as model files have them."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmn_bayes.model_file.declaration import Declaration


def _contradictions(content: Mapping[str, Any]) -> Iterator[str]:
    prior, grades = content["threshold"]["prior"], content["scale"]["grades"]
    stated = prior.get("concentration", grades)
    if not isinstance(stated, list) or len(stated) != len(grades):
        yield f"threshold.prior: concentration needs {len(grades)} numbers, one for each grade."
    if content.get("family", "cumulative") != "cumulative":
        if "concentration" in prior:
            yield (
                "threshold.prior: grade probabilities are turned into cutpoints for family "
                "cumulative alone; give every cutpoint a normal or student_t prior."
            )
        if "relaxed" in content:
            yield "relaxed: gaps between cutpoints differ in family cumulative alone; leave it out."
    yield from _relaxed_contradictions(content)
    groups = content.get("group", {})
    stated = "noise" in content, "correlation" in content
    yield from _group_contradictions(groups, *stated, len(content["scale"]["grades"]))
    yield from _correlation_contradictions(content)
    takes = [(f"group.{name}", group["acts_on"]) for name, group in groups.items()]
    takes += [(f"predictor.{n}", p["acts_on"]) for n, p in content.get("predictor", {}).items()]
    for path, acts_on in takes:
        if acts_on in ("gain", "slope") and acts_on not in content:
            yield f"{path}.acts_on: there is no [{acts_on}] to act on; add that table."
        if acts_on == "wearing_off" and not any(
            e["measure"] == "effect_compartment" for e in content.get("exposure", {}).values()
        ):
            yield (
                f"{path}.acts_on: there is no effect_compartment whose wearing-off it could "
                "act on; add such an exposure."
            )
    for name, exposure in content.get("exposure", {}).items():
        if (exposure["measure"] == "dose_rate") != ("window_days" in exposure):
            yield f"exposure.{name}.window_days: belongs to dose_rate, and to no other measure."
        for key in ("onset_half_life_days", "wearing_off_half_life_days"):
            if (exposure["measure"] == "effect_compartment") != (key in exposure):
                yield (
                    f"exposure.{name}.{key}: belongs to effect_compartment, which needs it, and to "
                    "no other measure."
                )


def _relaxed_contradictions(content: Mapping[str, Any]) -> Iterator[str]:
    if "relaxed" not in content:
        return
    # Here, since it imports pandas: the package itself is imported in no time.
    from mmn_bayes.model_file.predictor_kinds import KINDS, linear_kinds

    by, predictors = content["relaxed"]["by"], content.get("predictor", {})
    known = ["muscle", *(["gain"] if "gain" in content else []), *predictors]
    if by not in known:
        yield (
            f"relaxed.by: '{by}' is neither muscle nor the gain nor a predictor of the model; take "
            f"one of {', '.join(known)}."
        )
    elif by in predictors and not KINDS[predictors[by]["kind"]].linear:
        yield f"relaxed.by: '{by}' has levels; only a predictor {linear_kinds()} can be relaxed."
    if (by == "muscle") != ("groups" in content["relaxed"]):
        yield 'relaxed.groups: belongs to by = "muscle", which needs it, and to nothing else.'
    if len(content["scale"]["grades"]) < 3:
        yield "relaxed: two grades have one cutpoint and no gap that might differ; leave it out."


def _group_contradictions(
    groups: Mapping[str, Any], noise_stated: bool, correlated: bool, n_grades: int
) -> Iterator[str]:
    # A gain is balanced by the gaps between cutpoints, of which two grades have none.
    balanced = ("level", "gain") if n_grades > 2 else ("level",)
    sites = [n for n, g in groups.items() if (g["by"], g["acts_on"]) == ("patient:muscle", "level")]
    if len(sites) != 1:
        yield (
            f"group: {len(sites)} groups by patient:muscle act on level; state exactly one, since "
            "the grades of a muscle are correlated."
        )
    for name, group in groups.items():
        if name not in sites and "sd" not in group:
            yield f"group.{name}.sd: not stated; only levels by patient:muscle may be the unit."
        elif name in sites and noise_stated and "sd" in group:
            yield (
                f"group.{name}.sd: has a prior, and so has the noise; one of the two is the unit: "
                "leave one out."
            )
        elif name in sites and not noise_stated and "sd" not in group:
            yield (
                f"group.{name}.sd: not stated, nor is noise.prior; one of the two is the unit, "
                "state the other."
            )
        if "parametrisation" in group and name in sites:
            yield f"group.{name}.parametrisation: these effects are not sampled; leave it out."
        way, of_patients = group.get("parametrisation"), group["by"] == "patient"
        if of_patients and correlated and way not in (None, "non_centred"):
            yield f"group.{name}.parametrisation: correlated effects are sampled non-centred."
        elif way == "balanced" and not (of_patients and group["acts_on"] in balanced):
            yield f"group.{name}.parametrisation: only {' and '.join(balanced)} by patient can be."
        if group["by"] == "patient:visit" and group["acts_on"] != "level":
            yield f"group.{name}.acts_on: the effects of a visit act on level."


def _correlation_contradictions(content: Mapping[str, Any]) -> Iterator[str]:
    groups = [g for g in content.get("group", {}).values() if g["by"] == "patient"]
    if "correlation" in content and len(groups) < 2:
        yield (
            f"correlation.patient: {len(groups)} of the groups are by patient; it needs two or "
            "more to be correlated."
        )


GRADE = Declaration(
    name="grade",
    words="grades",
    acts_on=("level", "gain", "slope", "wearing_off"),
    required=("threshold",),
    contradictions=_contradictions,
    margins=("grades", "response"),
)
