"""What a model file says of classes, blocks and states rightly key by key, but not together."""

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from mmn_bayes.model_file.vocabulary import DISTRIBUTIONS

# The table of each outcome, and what it is called.
_TABLES = {"class": "classes", "blocks": "blocks", "state": "states"}


def long_run_contradictions(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield what contradicts itself in the tables of the long run, and in what they share."""
    for table in _TABLES.values():
        if table in content and content["link"] != "logit":
            yield f"link: {table} are modelled by their log odds; take logit."
    if "classes" in content:
        yield from _wrong_length(content["classes"], "classes", "prior", 0)
    if "blocks" in content:
        yield from _of_blocks(content["blocks"])
    if "states" in content:
        yield from _of_states(content)
    if "classes" in content and "states" in content:
        yield (
            "states: the last status of [classes] is one of theirs, which would count twice; leave "
            "one of the two out."
        )
    if content["outcome"] == "grade":
        for name, group in content.get("group", {}).items():
            if group["acts_on"] == "state":
                yield (
                    f"group.{name}.acts_on: of grades, none acts on state; let another group of "
                    "the model do so by [sharing]."
                )
    yield from _sharing(content)


def _wrong_length(table: Mapping[str, Any], name: str, key: str, fewer: int) -> Iterator[str]:
    stated, n = table[key]["concentration"], len(table["levels"]) - fewer
    if not isinstance(stated, list) or len(stated) != n:
        each = "one for each level" + (" but the one left" if fewer else "")
        yield f"{name}.{key}: concentration needs {n} numbers, {each}."


def _of_blocks(table: Mapping[str, Any]) -> Iterator[str]:
    counted = table["new"] == "negative_binomial"
    support = DISTRIBUTIONS[table["appears"]["distribution"]].support
    if support != ("positive" if counted else "share"):
        what = "an expected number, above 0" if counted else "a probability, from 0 to 1"
        yield f"blocks.appears: with new = '{table['new']}' it is {what}; take such a prior."
    if counted != ("overdispersion" in table):
        yield (
            "blocks.overdispersion: belongs to new = 'negative_binomial', which needs it, and to "
            "nothing else."
        )


def _of_states(content: Mapping[str, Any]) -> Iterator[str]:
    table, groups = content["states"], content.get("group", {})
    yield from _wrong_length(table, "states", "start", 0)
    yield from _wrong_length(table, "states", "towards", 1)
    periods = table.get("periods_days", [0])
    if periods[0] != 0:
        yield f"states.periods_days: the first period begins on day {periods[0]}; begin it on 0."
    step = table["step_days"]
    for first, following in pairwise(periods):
        if math.ceil(first / step) * step >= following:
            yield (
                f"states.periods_days: no step of {step:g} days begins from day {first:g} to "
                f"{following:g}, so that nothing tells its transitions; make periods longer."
            )
    has_effects = "change" in table or any(
        p["acts_on"] == "state" for p in content.get("predictor", {}).values()
    )
    if "varying_sd" in table and not has_effects:
        yield "states.varying_sd: there is no effect of time or of a predictor that could differ."
    if content["outcome"] != "state":
        return
    for name, group in groups.items():
        if (group["by"], group["acts_on"]) != ("patient", "state"):
            yield f"group.{name}: of states only groups by patient that act on state are known."
        if "sd" not in group:
            yield f"group.{name}.sd: not stated; nothing has a default."
        if group.get("parametrisation", "non_centred") != "non_centred":
            yield f"group.{name}.parametrisation: effects on states are sampled non-centred."


def _sharing(content: Mapping[str, Any]) -> Iterator[str]:
    groups = content.get("group", {})
    by_patient = [n for n, g in groups.items() if g["by"] == "patient" and g["acts_on"] != "state"]
    seen: dict[tuple[str, str], str] = {}
    for name, table in content.get("sharing", {}).items():
        what = table["group"], table["acts_on"]
        if what in seen:
            yield (
                f"sharing.{name}: sharing.{seen[what]} lets the same group act on the same; only "
                "their sum would be known: leave one out."
            )
        seen[what] = name
        if table["group"] not in by_patient:
            known = ", ".join(by_patient) or "none"
            yield (
                f"sharing.{name}.group: '{table['group']}' is no group by patient of the model of "
                f"grades; it has: {known}."
            )
        if _TABLES[table["acts_on"]] not in content:
            yield (
                f"sharing.{name}.acts_on: there is no [{_TABLES[table['acts_on']]}] to act on; add "
                "it, or leave the sharing out."
            )
