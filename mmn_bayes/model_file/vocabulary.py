"""The vocabulary of model files, as data: every key, every distribution, every choice.

`models/README.md` prints these tables; a test compares the page with them.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from mmn_bayes.model_file.declaration import Declaration, declarations, declared
from mmn_bayes.model_file.keys import FAMILY_NAMES, LINK_NAMES, Key
from mmn_bayes.model_file.predictor_kinds import KINDS, MARGIN_SCALES

PARAMETRISATIONS = ("centred", "non_centred", "balanced")

_GRADE = ("grade",)
_RESPONSE = ("response",)
_EVENTS = ("events",)
_NOT_GRADE = ("response", "events")
_PATIENTS = ("grade", "response")
_GROUPED = ("grade", "state")

# A `*` stands for a name that the author of the file chooses; it names the parameter in the fit.
# Here are the keys that no outcome declares; `keys` has all.
_FIRST: Mapping[str, Key] = {
    "title": Key("text", "one line for tables and figures"),
    "outcome": Key(
        "choice",
        "what one row of the likelihood is: a graded muscle, an evaluable patient, a count of "
        "responders, a patient's last status, a patient's blocks before and after, or two states "
        "of a patient one after the other",
    ),
    "link": Key(
        "choice",
        "link of the (cumulative) probability; logit only for events, class, blocks and state, and "
        "with [historical]",
        choices=LINK_NAMES,
    ),
    "family": Key(
        "choice",
        "how the probabilities of grades follow from strength and cutpoints; cumulative when not "
        "stated",
        required=False,
        outcomes=_GRADE,
        choices=FAMILY_NAMES,
    ),
    "scale.grades": Key("labels", "ordered labels of the scale, lowest first"),
    "scale.collapse": Key(
        "map of labels",
        "recorded labels that are not of the scale, each with the one of the scale it counts as",
        required=False,
    ),
    "response.gain": Key("count", "steps of the scale that a muscle must gain"),
    "response.muscles": Key("count", "how many affected muscles must gain that much"),
    "response.affected_below": Key("label", "a muscle is affected when graded below this label"),
    "response.baseline_day": Key("number", "target day of the baseline visit"),
    "response.baseline_window_days": Key("window", "first and last day of the baseline visit"),
    "response.follow_up_day": Key("number", "target day of the follow-up visit"),
    "response.follow_up_window_days": Key("window", "first and last day of the follow-up visit"),
    "response.why": Key("text", "where the definition comes from"),
    "estimand.population": Key("text", "of whom the answer is"),
    "estimand.exposure": Key("text", "under which treatment"),
    "estimand.variable": Key("text", "what is looked at in each patient; [response] has its rule"),
    "estimand.stopped": Key(
        "choice",
        "patients who stop treatment before follow-up: their grades count whatever was infused",
        choices=("treatment_policy",),
    ),
    "estimand.switched": Key(
        "choice",
        "patients who change to another treatment: their grades count whatever they were given",
        choices=("treatment_policy",),
    ),
    "estimand.lost": Key(
        "choice",
        "patients without follow-up: filled in by the model from what was graded; the observed "
        "rate leaves them out",
        choices=("filled_in",),
    ),
    "estimand.summary": Key("text", "what of the variable is reported"),
    "estimand.why": Key("text", "why this is the question"),
    "threshold.prior": Key(
        "prior on simplex or real",
        "grade probabilities among the muscles of a reference patient (effects 0, before "
        "treatment), or one prior of every cutpoint",
        outcomes=_GRADE,
    ),
    "relaxed.by": Key(
        "text",
        "what acts differently across grades: muscle (its groups), gain, or the name of a "
        "predictor",
        outcomes=_GRADE,
    ),
    "relaxed.groups": Key(
        "map of labels",
        "muscles, each with the group whose cutpoints it has; by muscle only",
        required=False,
        outcomes=_GRADE,
    ),
    "relaxed.sd": Key(
        "prior on positive",
        "sd of the logarithms of how much wider or narrower a gap between cutpoints is",
        outcomes=_GRADE,
    ),
    "noise.prior": Key(
        "prior on positive",
        "scale of the grading noise, in sds between the muscles of a patient; without it the noise "
        "is the unit",
        required=False,
        outcomes=_GRADE,
    ),
    "memory.within_days": Key(
        "positive number", "for so many days the earlier grade is remembered", outcomes=_GRADE
    ),
    "memory.probability": Key(
        "prior on share",
        "probability that the remembered grade is recorded again, whatever the muscle",
        outcomes=_GRADE,
    ),
    "intercept.prior": Key(
        "prior on real",
        "log odds of response when every predictor is 0; of events: the mean of the units",
        outcomes=_NOT_GRADE,
    ),
}
# After those of the outcomes with a table of their own.
_LAST: Mapping[str, Key] = {
    "sharing.*.group": Key(
        "text",
        "group by patient whose effects, in sds, also act on another outcome: a joint model",
        outcomes=_GRADE,
    ),
    "sharing.*.acts_on": Key(
        "choice",
        "on which, as a predictor does",
        outcomes=_GRADE,
    ),
    "sharing.*.prior": Key(
        "prior on real",
        "effect of one sd: on class or state one for each level but the first, on blocks one on "
        "staying and one on appearing",
        outcomes=_GRADE,
    ),
    "unit.by": Key(
        "choice",
        "who shares an effect on the log odds: the counts of a study, or those of a patient",
        outcomes=_EVENTS,
        choices=("study", "patient"),
    ),
    "unit.sd": Key(
        "prior on positive", "sd of the log odds between units: heterogeneity", outcomes=_EVENTS
    ),
    "evidence.target": Key(
        "text", "study whose prior this is; it never informs it", outcomes=_EVENTS
    ),
    "evidence.treatment": Key("words", "values of `treatment` that enter", outcomes=_EVENTS),
    "evidence.disease_group": Key(
        "words", "values of `disease_group` that enter", outcomes=_EVENTS
    ),
    "evidence.endpoint": Key("words", "values of `endpoint` that enter", outcomes=_EVENTS),
    "evidence.occasion": Key("words", "values of `occasion` that enter", outcomes=_EVENTS),
    "evidence.left_out": Key(
        "map of reasons",
        "rows (by `row`) that would enter and do not, each with why; no patient may enter twice",
        required=False,
        outcomes=_EVENTS,
    ),
    "evidence.why": Key("text", "why these studies speak of the target", outcomes=_EVENTS),
    "robust.weight": Key(
        "share", "weight of the vague component of the robust prior", outcomes=_EVENTS
    ),
    "robust.prior": Key("prior on share", "the vague component", outcomes=_EVENTS),
    "historical.model": Key(
        "text",
        "name of the model file of outcome events that the prior comes from",
        outcomes=_RESPONSE,
    ),
    "historical.kind": Key(
        "choice",
        "the predictive distribution of that model, or its robust mixture",
        outcomes=_RESPONSE,
        choices=("map", "robust"),
    ),
    "historical.of": Key(
        "text",
        "predictor of kind yes_no of whose yes the prior speaks; its effect is then the difference "
        "to the others and has no prior of its own",
        outcomes=_RESPONSE,
    ),
    "group.*.by": Key(
        "choice",
        "whose effects these are; patient:muscle has one for each side, patient:visit one a day; "
        "of states: patient",
        outcomes=_GROUPED,
        choices=("muscle", "patient", "patient:muscle", "patient:visit"),
    ),
    "group.*.acts_on": Key(
        "choice",
        "level of strength, gain, or slope (outcome grade), or state (outcome state: log odds of "
        "every level but the first)",
        outcomes=_GROUPED,
        choices=("level", "gain", "slope", "state"),
    ),
    "group.*.sd": Key(
        "prior on positive",
        "sd of the effects; of levels by patient:muscle it is the unit 1 when noise has a prior",
        required=False,
        outcomes=_GROUPED,
    ),
    "group.*.parametrisation": Key(
        "choice",
        "what the sampler moves: the effects, standard normals, or levels or gains of patients in "
        "units of their error; changes time, not results",
        required=False,
        outcomes=_GROUPED,
        choices=PARAMETRISATIONS,
    ),
    "correlation.patient": Key(
        "prior on correlation",
        "correlations between the effects of the groups by patient; without it, none",
        outcomes=_GRADE,
    ),
    "gain.since": Key(
        "choice", "the day from which the gain grows", outcomes=_GRADE, choices=("first_infusion",)
    ),
    "gain.shape": Key(
        "choice",
        "saturating: 1 - 2^(-days / half_time_days)",
        outcomes=_GRADE,
        choices=("saturating",),
    ),
    "gain.size": Key("prior on real", "the full gain", outcomes=_GRADE),
    "gain.half_time_days": Key("prior on positive", "days to half of the gain", outcomes=_GRADE),
    "slope.since": Key(
        "choice", "the day on which the slope adds 0", outcomes=_GRADE, choices=("inclusion",)
    ),
    "slope.per_days": Key(
        "positive number", "the slope is the change in so many days", outcomes=_GRADE
    ),
    "slope.size": Key("prior on real", "the slope", outcomes=_GRADE),
    "exposure.*.measure": Key(
        "choice",
        "what of the infusions counts: g/kg in effect (onset and wearing-off), g/kg/week over a "
        "trailing window, g/kg so far, or infusions so far",
        outcomes=_GRADE,
        choices=("effect_compartment", "dose_rate", "cumulative_dose", "n_infusions"),
    ),
    "exposure.*.window_days": Key(
        "positive number", "length of the window; dose_rate only", required=False, outcomes=_GRADE
    ),
    "exposure.*.onset_half_life_days": Key(
        "prior on positive or fixed",
        "days in which half of a dose comes into effect; effect_compartment only",
        required=False,
        outcomes=_GRADE,
    ),
    "exposure.*.wearing_off_half_life_days": Key(
        "prior on positive or fixed",
        "days in which half of what is in effect is lost; effect_compartment only",
        required=False,
        outcomes=_GRADE,
    ),
    "exposure.*.half_effect": Key(
        "prior on positive or fixed",
        "value of the measure with half of the largest effect (Emax); without it the effect is "
        "proportional to the measure",
        required=False,
        outcomes=_GRADE,
    ),
    "exposure.*.prior": Key(
        "prior on real",
        "effect of one unit of the measure; with half_effect the largest effect",
        outcomes=_GRADE,
    ),
    "time.shape": Key(
        "choice",
        "change with time whatever is infused, by its value at each knot: of the nearest knot "
        "(visits), or along straight lines or a natural cubic spline between them",
        outcomes=_GRADE,
        choices=("visits", "piecewise_linear", "natural_spline"),
    ),
    "time.since": Key(
        "choice",
        "the day that counts as 0",
        outcomes=_GRADE,
        choices=("inclusion", "first_infusion"),
    ),
    "time.knots_days": Key(
        "days",
        "days of the knots, two or more that increase; the first has no change",
        outcomes=_GRADE,
    ),
    "time.step": Key("prior on real", "change from each knot to the next", outcomes=_GRADE),
    "predictor.*.column": Key("text", "column of the table `patients`"),
    "predictor.*.kind": Key(
        "choice",
        "kind of the column; levels of an ordered one each add to the one before, in one "
        "direction; of responses counted, classes, blocks and states: yes_no or number",
        choices=KINDS,
    ),
    "predictor.*.acts_on": Key(
        "choice",
        "level of strength, gain, slope, logarithm of the wearing-off half-life (outcome grade), "
        "class or state (with [classes], [states]: log odds of each level against the first), "
        "blocks (with [blocks]: whether a block stays, and whether one appears), or response",
    ),
    "predictor.*.centre": Key("number", "value that counts as 0; numbers only", required=False),
    "predictor.*.per": Key(
        "positive number", "the effect is that of so many units; numbers only", required=False
    ),
    "predictor.*.unit": Key(
        "text", "what a number counts, as it is printed; numbers only", required=False
    ),
    "predictor.*.levels": Key(
        "labels",
        "values of the column: of a category the reference first, of an ordered one the lowest",
        required=False,
        outcomes=_PATIENTS,
    ),
    "predictor.*.steps": Key(
        "prior on simplex",
        "how the effect of the highest against the lowest level is shared by the steps between; "
        "ordered only",
        required=False,
        outcomes=_PATIENTS,
    ),
    "predictor.*.prior": Key(
        "prior on real",
        "effect of yes against no, of `per` units, of each level against the first (category), or "
        "of the last against the first (ordered); not stated where [historical] or [shrinkage] "
        "gives it",
        required=False,
    ),
    "predictor.*.margin.scale": Key(
        "choice",
        "what the margin is on: odds ratio (outcome response), grades (outcome grade), or change "
        "in the probability of response",
        required=False,
        outcomes=_PATIENTS,
        choices=MARGIN_SCALES,
    ),
    "predictor.*.margin.value": Key(
        "positive number",
        "an effect nearer than this to none, in either direction, is clinically negligible",
        required=False,
        outcomes=_PATIENTS,
    ),
    "predictor.*.margin.why": Key(
        "text",
        "why it is negligible; a predictor with a margin is a candidate, and reported as one",
        required=False,
        outcomes=_PATIENTS,
    ),
    "shrinkage.of": Key(
        "words",
        "predictors whose effects share a prior, by their names; they act on one thing",
        outcomes=_PATIENTS,
    ),
    "shrinkage.prior": Key(
        "prior on effects",
        "of the effects of standardised columns; `residual_sd` is the sd of what one patient tells "
        "of an effect",
        outcomes=_PATIENTS,
    ),
}

# What a file may hold above its model: these do not reach the resolved specification.
FILE_KEYS: Mapping[str, Key] = {
    "based_on": Key("text", "name of another file of the folder; one level deep", required=False),
    "drop": Key("labels", "tables of that file to leave out, as dotted names", required=False),
}


def keys() -> Mapping[str, Key]:
    """Return every key by its dotted name, those that outcomes declare among them."""
    return _keys(declarations())


@lru_cache(maxsize=4)
def _keys(outcomes: tuple[Declaration, ...]) -> Mapping[str, Key]:
    tables = tuple(one.name for one in outcomes if one.table)
    acts_on = dict.fromkeys(name for one in outcomes for name in one.acts_on)
    choices = {
        "outcome": tuple(one.name for one in outcomes),
        "sharing.*.acts_on": tables,
        "predictor.*.acts_on": tuple(acts_on),
    }
    declared = {name: key for one in outcomes for name, key in one.keys.items()}
    every = {**_FIRST, **declared, **_LAST}
    return every | {name: replace(every[name], choices=legal) for name, legal in choices.items()}


def required_tables(outcome: str) -> tuple[str, ...]:
    """Return the tables that a file for an outcome must have; a `*` table may be absent."""
    return ("scale", "response", "estimand", *declared(outcome).required)
