"""Every breach of the vocabulary in a model file, each with its key and its cure."""

import difflib
import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from mmn_bayes.data.characters import CURE, refused_character
from mmn_bayes.data.toml_text import SHOWN, unwritable, walk
from mmn_bayes.model_file.checking_long_run import long_run_contradictions
from mmn_bayes.model_file.checking_predictors import predictor_contradictions
from mmn_bayes.model_file.keys import OUTCOMES, Key
from mmn_bayes.model_file.vocabulary import (
    DISTRIBUTIONS,
    FILE_KEYS,
    KEYS,
    PARAMETRISATIONS,
    REQUIRED_TABLES,
)

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_MOST_UNKNOWN = 20  # keys whose nearest valid one is looked for, which takes a millisecond each
_SHORT = reprlib.Repr(maxstring=60, maxother=60, maxlist=12, maxdict=12, maxlong=60)
# Tables of tables, whose names an author chooses.
_NAMED = ("group", "exposure", "predictor", "sharing")
# Names the fit uses itself, which a group, exposure or predictor may not take.
_RESERVED = (
    *("relaxed_sd", "relaxed_z", "stratum_cutpoints", "grade_probability", "cutpoints"),
    *("noise", "intercept", "gain", "half_time_days", "slope", "memory"),
    *("time_step", "time_change", "visit_of_event", "dose_in_effect"),
    *(
        "unit_sd",
        "unit_z",
        "unit_sd_signed",
        "unit_balanced",
        "historical_rate",
        "event_probability",
    ),
    *("patient_correlation", "patient_partial_correlation", "grades", "responses"),
    *("eta_without_site", "scaled_cutpoints", "site_sigma", "grade_cdf"),
    *("eta_of_site", "eta_of_row"),
    *(
        "response_probability",
        "shrinkage_z",
        "shrinkage_own",
        "shrinkage_local",
        "shrinkage_global",
    ),
    *("reference_probability", "class_probability", "classes", "class_code"),
    *("block_stays", "block_appears", "block_overdispersion", "blocks", "stays", "appears"),
    *("start_probability", "leaves", "towards", "state_change", "state_varying_sd"),
    *("state_varying_z", "transition_probability", "states", "start", "time", "year"),
    *("shrinkage_slab", "shrinkage_r2", "shrinkage_share", "shrinkage_factor", "sd_of_shrunk"),
    # Columns of tables of estimates, which draws split by a predictor of that name would hide.
    *("estimate", "sd", "lower", "upper", "level", "interval", "mcse", "n", "events", "missing"),
    *("ess_bulk", "ess_tail", "r_hat", "p_above", "p_below", "p_within", "synthetic", "source"),
    *("published", "meaning", "group", "observed", "covers", "share", "day", "chain", "draw"),
)
# Its dimensions: an exposure or predictor gives a variable its very name, a group does not.
_DIMENSIONS = (
    *("patient", "muscle", "site", "row", "visit", "grade", "threshold", "infusion"),
    *("site_edge", "pair", "stratum", "relaxed", "gap", "chain", "draw", "unit", "component"),
    *("event", "patient_edge", "gap_length", "knot", "visit_knot", "scenario", "shrunk"),
    *("class", "contrast", "fate", "state", "next_state", "other_state", "period", "effect"),
    *("step", "interval", "kind"),
)


def defects_of(content: Mapping[str, Any]) -> list[str]:
    """Return every defect of a resolved model file; an empty list when there is none.

    Meaning across keys is looked at only when each key by itself is right, since it would
    otherwise repeat the same defect in other words.
    """
    if absurd := [f"{path}: {problem}; correct it." for path, problem in unwritable(content)]:
        return absurd
    if not isinstance(content, dict):
        return [f"The content is {_shown(content)}, not a table of tables; give that of a file."]
    if unseen := list(_refused_characters(content)):
        return unseen
    outcome = content.get("outcome")
    if outcome not in OUTCOMES:
        legal = ", ".join(OUTCOMES)
        return [f"outcome: {_shown(outcome)} is not one of {legal}; state one of them."]
    leaves = dict(_leaves(content))
    found = [*_unknown(leaves, outcome), *_missing(content, leaves, outcome)]
    for path, value in leaves.items():
        key = KEYS.get(_pattern(path))
        if key is not None and outcome in key.outcomes:
            found.extend(f"{path}: {problem}" for problem in _wrong_value(value, key))
    found.extend(_bad_names(content))
    return found or list(_contradictions(content))


def _shown(value: Any) -> str:
    """A value as a message shows it: as Python writes it, shortened."""
    return _SHORT.repr(value)


def _refused_characters(content: Mapping[str, Any]) -> Iterator[str]:
    """Texts and names with characters that nobody sees or that act."""
    for path, value, _ in walk(content):
        texts = list(value) if isinstance(value, dict) else [value]
        # Reasons and what the estimand says may be texts of several lines; labels may not.
        prose = isinstance(value, str) and (
            path.endswith("why") or path.startswith(("estimand.", "evidence.left_out."))
        )
        for text in texts:
            if isinstance(text, str) and (character := refused_character(text, prose=prose)):
                at = path or "the file"
                yield f"{at}: {_shown(text)} has the character {character}; {CURE}."


def _leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every dotted key with its value; a prior, a map and an empty table count as one value."""
    for key, value in table.items():
        path = f"{prefix}{key}"
        known = KEYS.get(_pattern(path))
        whole = known is not None and known.kind.startswith(("prior", "map"))
        if isinstance(value, dict) and value and not whole:
            yield from _leaves(value, f"{path}.")
        else:
            yield path, value


def _pattern(path: str) -> str:
    """The vocabulary's form of a key: the name an author chose becomes `*`."""
    head, *rest = path.split(".")
    if head in _NAMED and rest:
        return ".".join([head, "*", *rest[1:]])
    return path


def _unknown(leaves: Mapping[str, Any], outcome: str) -> Iterator[str]:
    unknown = 0
    for path, value in leaves.items():
        key = KEYS.get(_pattern(path))
        if path in FILE_KEYS:
            yield f"{path}: has no place in a resolved file."
        elif value == {} and any(known.startswith(f"{_pattern(path)}.") for known in KEYS):
            if path in _NAMED:  # what another empty table lacks is reported key by key
                yield f"{path}: is an empty table; leave it out."
        elif key is None:
            unknown += 1
            if unknown <= _MOST_UNKNOWN:
                near = _nearest(_pattern(path), [*KEYS, *FILE_KEYS])
                yield f"{path[:SHOWN]}: unknown key; the nearest valid key is '{near}'."
        elif outcome not in key.outcomes:
            yield f"{path}: has no meaning for outcome '{outcome}'; leave it out."
    if unknown > _MOST_UNKNOWN:
        yield f"{unknown - _MOST_UNKNOWN} more keys are unknown; models/README.md has them all."


def _nearest(name: str, known: Sequence[str]) -> str:
    """The known name most like another, of which no more is looked at than a name has."""
    return difflib.get_close_matches(name[:SHOWN], known, n=1, cutoff=0.0)[0]


def _missing(content: Mapping[str, Any], leaves: Mapping[str, Any], outcome: str) -> Iterator[str]:
    for pattern, key in KEYS.items():
        if not key.required or outcome not in key.outcomes:
            continue
        head, *rest = pattern.split(".")
        table = content.get(head)
        if rest and table is None and head not in REQUIRED_TABLES[outcome]:
            continue
        names = [""]
        if "*" in pattern:
            names = list(table) if isinstance(table, dict) else []
        for name in names:
            path = pattern.replace("*", name)
            if path not in leaves:
                yield f"{path}: not stated; nothing has a default. It says: {key.text}."


def _wrong_value(value: Any, key: Key) -> Iterator[str]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and not abs(value) < 1e300:
        yield f"{value} is not a finite number."
        return
    match key.kind:
        case "choice" if value not in key.choices:
            yield f"{_shown(value)} is not one of {', '.join(key.choices)}."
        case "text" | "label" if not isinstance(value, str) or not value.strip():
            yield f"{_shown(value)} is not a text; state it in quotes."
        case "labels" if not _distinct_labels(value):
            yield f"{_shown(value)} is not a list of two or more different texts in quotes."
        case "words" if not _distinct_words(value):
            yield f"{_shown(value)} is not a list of different texts in quotes, one at least."
        case "map of reasons":
            yield from _wrong_reasons(value)
        case "share" if not (number and 0 < value < 1):
            yield f"{_shown(value)} is not a number between 0 and 1."
        case "labels":
            yield from map(_blanks_around, filter(_has_blanks_around, value))
        case "map of labels":
            yield from _wrong_map(value)
        case "count" if not (isinstance(value, int) and number and value >= 1):
            yield f"{_shown(value)} is not a whole number of 1 or more."
        case "number" if not number:
            yield f"{_shown(value)} is not a number."
        case "positive number" if not (number and value > 0):
            yield f"{_shown(value)} is not a number above 0."
        case "days" if not _is_days(value):
            yield f"{_shown(value)} is not a list of two or more days that increase."
        case "window" if not _is_window(value):
            yield f"{_shown(value)} is not a window; give [first, last] in days, first before last."
        case str(kind) if kind.startswith("prior on "):
            yield from _wrong_prior(value, kind.removeprefix("prior on "))


def _distinct_labels(value: Any) -> bool:
    labels = isinstance(value, list) and all(isinstance(v, str) and v.strip() for v in value)
    return labels and len(value) >= 2 and len(set(value)) == len(value)


def _distinct_words(value: Any) -> bool:
    words = isinstance(value, list) and all(isinstance(v, str) and v.strip() for v in value)
    return words and 1 <= len(value) == len(set(value))


def _wrong_reasons(value: Any) -> Iterator[str]:
    """Why a table is no map of reasons."""
    how = 'write a line for each row, both texts in quotes, as in "Row" = "why".'
    if not isinstance(value, dict) or not value:
        yield f"{_shown(value)} is not a table of rows with their reasons; {how}"
        return
    for row, reason in value.items():
        if not isinstance(reason, str) or not reason.strip():
            yield f"{_shown(row)} is left out for {_shown(reason)}, which is no reason; {how}"


def _wrong_map(value: Any) -> Iterator[str]:
    """Why a table is no map of labels; what the labels mean is looked at later."""
    how = 'write a line for each label, both texts in quotes, as in "1" = "0-2".'
    if not isinstance(value, dict):
        yield f"{_shown(value)} is not a table of labels; {how}"
        return
    if not value:
        yield "is an empty table; leave it out."
    for label, target in value.items():
        if not isinstance(target, str):
            yield f"{_shown(label)} counts as {_shown(target)}, which is not a text; {how}"
        if not label.strip():
            yield f"{_shown(label)} is a label without text; {how}"
        elif _has_blanks_around(label):
            yield _blanks_around(label)


def _has_blanks_around(label: str) -> bool:
    return label != label.strip()


def _blanks_around(label: str) -> str:
    return f"{_shown(label)} has blanks around it, which no recorded grade has; take them away."


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _is_window(value: Any) -> bool:
    pair = isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))
    return pair and value[0] <= value[1]


def _is_days(value: Any) -> bool:
    days = isinstance(value, list) and len(value) >= 2 and all(map(_is_number, value))
    return days and all(one < other for one, other in pairwise(value))


def _wrong_prior(prior: Any, supports: str) -> Iterator[str]:
    either = supports.split(" or ")
    legal = [name for name, dist in DISTRIBUTIONS.items() if dist.support in either]
    if not isinstance(prior, dict) or prior.get("distribution") not in legal:
        stated = prior.get("distribution") if isinstance(prior, dict) else prior
        yield f"{_shown(stated)} is not a distribution for this parameter; take {', '.join(legal)}."
        return
    distribution = DISTRIBUTIONS[prior["distribution"]]
    known = (*distribution.parameters, "distribution", "why")
    for name in prior:
        if name not in known:
            near = _nearest(name, known)
            yield f"unknown parameter '{name[:SHOWN]}'; the nearest valid one is '{near}'."
    for name in distribution.parameters:
        values = prior.get(name)
        values = values if isinstance(values, list) and name == "concentration" else [values]
        if not values or not all(map(_is_number, values)):
            yield f"parameter '{name}' is not stated as a number."
        elif name in distribution.positive and min(values) <= 0:
            yield f"parameter '{name}' must be above 0."
        elif name in distribution.shares and max(values) >= 1:
            yield f"parameter '{name}' must be below 1."
    why = prior.get("why")
    if not isinstance(why, str) or not why.strip():
        yield "no reason given; state `why` in clinical words."


def _bad_names(content: Mapping[str, Any]) -> Iterator[str]:
    seen: dict[str, str] = {}
    groups = content.get("group")
    derived = {
        f"{group}_{part}"
        for group in (groups if isinstance(groups, dict) else ())
        for part in ("sd", "z", "effect", *PARAMETRISATIONS)
    }
    exposures = content.get("exposure")
    derived |= {
        f"{exposure}_{part}"
        for exposure in (exposures if isinstance(exposures, dict) else ())
        for part in ("onset_half_life_days", "wearing_off_half_life_days", "half_effect", "scaled")
    }
    predictors = content.get("predictor")
    derived |= {
        name
        for predictor in (predictors if isinstance(predictors, dict) else ())
        for name in (f"{predictor}_steps", f"level_of_{predictor}", f"step_of_{predictor}")
    }
    for head in _NAMED:
        tables = content.get(head, {})
        for name in tables if isinstance(tables, dict) else ():
            if not _NAME.fullmatch(name):
                yield f"{head}.{name}: name it with small letters, digits and _, a letter first."
            taken = name in _DIMENSIONS and head != "group"
            taken |= head == "group" and bool({f"{name}_sd", f"{name}_z"} & {*_RESERVED})
            if name in _RESERVED or name in derived or name.startswith("data_") or taken:
                yield f"{head}.{name}: the fit uses this name itself; choose another."
            if name in seen:
                yield f"{head}.{name}: {seen[name]}.{name} has the same name; choose another."
            seen[name] = head


def _contradictions(content: Mapping[str, Any]) -> Iterator[str]:
    """What each key says rightly by itself, but not together with another."""
    grades, rule = content["scale"]["grades"], content["response"]
    for label, target in content["scale"].get("collapse", {}).items():
        if label in grades:
            yield f"scale.collapse: '{label}' is a grade of the scale and stays one; leave it out."
        if target not in grades:
            yield (
                f"scale.collapse: '{label}' counts as '{target}', which is not a grade of the "
                f"scale; take one of {', '.join(grades)}."
            )
    if rule["affected_below"] not in grades[1:]:
        yield (
            f"response.affected_below: '{rule['affected_below']}' is not a grade of the scale "
            "above its lowest."
        )
    if rule["gain"] >= len(grades):
        yield f"response.gain: {rule['gain']} steps do not fit a scale of {len(grades)} grades."
    for occasion in ("baseline", "follow_up"):
        first, last = rule[f"{occasion}_window_days"]
        if not first <= rule[f"{occasion}_day"] <= last:
            yield f"response.{occasion}_day: lies outside response.{occasion}_window_days."
    if rule["baseline_window_days"][1] >= rule["follow_up_window_days"][0]:
        yield "response.follow_up_window_days: begins before the baseline window has ended."
    yield from predictor_contradictions(content)
    match content["outcome"]:
        case "grade":
            yield from _grade_contradictions(content)
        case "events":
            yield from _events_contradictions(content)
    yield from long_run_contradictions(content)


def _events_contradictions(content: Mapping[str, Any]) -> Iterator[str]:
    studies = content["unit"]["by"] == "study"
    if content["link"] != "logit":
        yield "link: counts of events are modelled by their log odds; take logit."
    for table in ("evidence", "robust"):
        if table in content and not studies:
            yield f'{table}: belongs to unit.by = "study", and to nothing else; leave it out.'


def _grade_contradictions(content: Mapping[str, Any]) -> Iterator[str]:
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
    by, predictors = content["relaxed"]["by"], content.get("predictor", {})
    known = ["muscle", *(["gain"] if "gain" in content else []), *predictors]
    if by not in known:
        yield (
            f"relaxed.by: '{by}' is neither muscle nor the gain nor a predictor of the model; take "
            f"one of {', '.join(known)}."
        )
    elif by in predictors and predictors[by]["kind"] not in ("yes_no", "number"):
        yield f"relaxed.by: '{by}' has levels; only a predictor yes_no or number can be relaxed."
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
            "the grades of a muscle go along with each other."
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
            "more to go along with each other."
        )
