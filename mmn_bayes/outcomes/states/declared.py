"""The states of a patient, one after the other, as model files have them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from mmn_bayes.model_file.declaration import Declaration
from mmn_bayes.model_file.keys import Key
from mmn_bayes.model_file.prior import Prior, optional_prior, stated_prior, wrong_length

# A model of grades that has this table too is a joint one.
_OUTCOMES = ("state", "grade")


@dataclass(frozen=True)
class States:
    """A Markov chain of `status` in steps of `step_days`, from day 0 (`since`) on.

    `leaves` and `towards` make the transitions of each period; `change` is what time does to them,
    and `varying_sd` how much effects differ between previous states.
    """

    levels: tuple[str, ...]
    since: str
    step_days: float
    periods_days: tuple[float, ...]
    start: Prior
    leaves: Prior
    towards: Prior
    change: Prior | None
    varying_sd: Prior | None

    @property
    def priors(self) -> dict[str, Prior]:
        """Priors by the names of their parameters in the fit; two levels leave no choice where."""
        stated = {"start_probability": self.start, "leaves": self.leaves}
        if len(self.levels) > 2:
            stated["towards"] = self.towards
        if self.change is not None:
            stated["state_change"] = self.change
        if self.varying_sd is not None:
            stated["state_varying_sd"] = self.varying_sd
        return stated

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> "States":
        """Make it of the table of a model file that was checked."""
        return cls(
            tuple(table["levels"]),
            table["since"],
            float(table["step_days"]),
            tuple(map(float, table.get("periods_days", (0.0,)))),
            stated_prior(table["start"]),
            stated_prior(table["leaves"]),
            stated_prior(table["towards"]),
            optional_prior(table.get("change")),
            optional_prior(table.get("varying_sd")),
        )


_KEYS = {
    "states.levels": Key(
        "labels",
        "values of `status`, the one that others are compared with first",
        outcomes=_OUTCOMES,
    ),
    "states.since": Key(
        "choice",
        "the day that counts as 0; earlier rows of `status` have no part",
        outcomes=_OUTCOMES,
        choices=("first_infusion", "inclusion"),
    ),
    "states.step_days": Key(
        "positive number",
        "length of one step of the chain, to which days are rounded",
        outcomes=_OUTCOMES,
    ),
    "states.periods_days": Key(
        "days",
        "first day of each period that has transitions of its own, the first 0; without it, one "
        "period",
        required=False,
        outcomes=_OUTCOMES,
    ),
    "states.start": Key(
        "prior on simplex",
        "probabilities of the levels on day 0, in their order",
        outcomes=_OUTCOMES,
    ),
    "states.leaves": Key(
        "prior on share",
        "probability of leaving each level within a step, before what time and predictors add",
        outcomes=_OUTCOMES,
    ),
    "states.towards": Key(
        "prior on simplex",
        "of who leaves a level, the probabilities of each other one, in the order of the levels",
        outcomes=_OUTCOMES,
    ),
    "states.change": Key(
        "prior on real",
        "change in the log odds of each level against the first with each doubling of 1 + years "
        "since day 0; without it, none",
        required=False,
        outcomes=_OUTCOMES,
    ),
    "states.varying_sd": Key(
        "prior on positive",
        "sd between previous states of the effects of predictors and of time; without it, they are "
        "the same after each",
        required=False,
        outcomes=_OUTCOMES,
    ),
    "states.why": Key("text", "what the states mean, and where they come from", outcomes=_OUTCOMES),
}


def _contradictions(content: Mapping[str, Any]) -> Iterator[str]:
    if content["link"] != "logit":
        yield "link: states are modelled by their log odds; take logit."
    table, groups = content["states"], content.get("group", {})
    yield from wrong_length(table, "states", "start")
    yield from wrong_length(table, "states", "towards", fewer=1)
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
    if "classes" in content:
        yield (
            "states: the last status of [classes] is one of theirs, which would count twice; leave "
            "one of the two out."
        )
    if content["outcome"] != "state":
        return
    for name, group in groups.items():
        if (group["by"], group["acts_on"]) != ("patient", "state"):
            yield f"group.{name}: of states only groups by patient that act on state are known."
        if "sd" not in group:
            yield f"group.{name}.sd: not stated; nothing has a default."
        if group.get("parametrisation", "non_centred") != "non_centred":
            yield f"group.{name}.parametrisation: effects on states are sampled non-centred."


STATE = Declaration(
    name="state",
    words="states",
    acts_on=("state",),
    required=("states",),
    table="states",
    keys=_KEYS,
    section=States.read,
    contradictions=_contradictions,
    strategies={
        "treatment_policy": ("their states count whatever was infused or given (treatment policy)"),
        "filled_in": (
            "filled in by the model from their states before, as if leaving observation depended "
            "on nothing else that has to do with the states; left out of the observed shares"
        ),
    },
    plain_predictors=True,
    reserved=(
        *("start_probability", "leaves", "towards", "state_change", "state_varying_sd"),
        *("state_varying_z", "transition_probability", "states", "start", "time", "year"),
    ),
    dimensions=(
        *("contrast", "state", "next_state", "other_state", "period", "effect"),
        *("step", "interval"),
    ),
)
