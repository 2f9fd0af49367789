"""The keys of the long run: classes, blocks, states, and what a joint model shares between them."""

from collections.abc import Mapping

from mmn_bayes.model_file.keys import Key

# A model of grades that has these tables too is a joint one.
_CLASS = ("class", "grade")
_BLOCKS = ("blocks", "grade")
_STATE = ("state", "grade")

LONG_RUN_KEYS: Mapping[str, Key] = {
    "classes.levels": Key(
        "labels", "values of `status`, the one that others are compared with first", outcomes=_CLASS
    ),
    "classes.prior": Key(
        "prior on simplex",
        "probabilities of the classes when every predictor is 0, in the order of the levels",
        outcomes=_CLASS,
    ),
    "classes.from_day": Key(
        "number",
        "day from which a status counts as long-term; who has none since is unclassified",
        outcomes=_CLASS,
    ),
    "classes.why": Key("text", "what the classes mean, and where they come from", outcomes=_CLASS),
    "blocks.new": Key(
        "choice",
        "how many blocks appear: binomial of the nerves tested that had none, or negative_binomial "
        "where it is not known how many were tested",
        outcomes=_BLOCKS,
        choices=("binomial", "negative_binomial"),
    ),
    "blocks.stays": Key(
        "prior on share",
        "probability that a nerve with a block still has one when every predictor is 0",
        outcomes=_BLOCKS,
    ),
    "blocks.appears": Key(
        "prior on share or positive",
        "when every predictor is 0: probability that a nerve without block has one at follow-up "
        "(binomial), or expected number of new blocks (negative_binomial)",
        outcomes=_BLOCKS,
    ),
    "blocks.overdispersion": Key(
        "prior on positive",
        "sd over mean of the expected number of new blocks between patients; negative_binomial "
        "only",
        required=False,
        outcomes=_BLOCKS,
    ),
    "blocks.why": Key("text", "what is counted, and where it comes from", outcomes=_BLOCKS),
    "states.levels": Key(
        "labels", "values of `status`, the one that others are compared with first", outcomes=_STATE
    ),
    "states.since": Key(
        "choice",
        "the day that counts as 0; earlier rows of `status` have no part",
        outcomes=_STATE,
        choices=("first_infusion", "inclusion"),
    ),
    "states.step_days": Key(
        "positive number",
        "length of one step of the chain, to which days are rounded",
        outcomes=_STATE,
    ),
    "states.periods_days": Key(
        "days",
        "first day of each period that has transitions of its own, the first 0; without it, one "
        "period",
        required=False,
        outcomes=_STATE,
    ),
    "states.start": Key(
        "prior on simplex",
        "probabilities of the levels on day 0, in their order",
        outcomes=_STATE,
    ),
    "states.leaves": Key(
        "prior on share",
        "probability of leaving each level within a step, before what time and predictors add",
        outcomes=_STATE,
    ),
    "states.towards": Key(
        "prior on simplex",
        "of who leaves a level, the probabilities of each other one, in the order of the levels",
        outcomes=_STATE,
    ),
    "states.change": Key(
        "prior on real",
        "change in the log odds of each level against the first with each doubling of 1 + years "
        "since day 0; without it, none",
        required=False,
        outcomes=_STATE,
    ),
    "states.varying_sd": Key(
        "prior on positive",
        "sd between previous states of the effects of predictors and of time; without it, they are "
        "the same after each",
        required=False,
        outcomes=_STATE,
    ),
    "states.why": Key("text", "what the states mean, and where they come from", outcomes=_STATE),
    "sharing.*.group": Key(
        "text",
        "group by patient whose effects, in sds, also act on another outcome: a joint model",
        outcomes=("grade",),
    ),
    "sharing.*.acts_on": Key(
        "choice",
        "on which, as a predictor does",
        outcomes=("grade",),
        choices=("class", "blocks", "state"),
    ),
    "sharing.*.prior": Key(
        "prior on real",
        "effect of one sd: on class or state one for each level but the first, on blocks one on "
        "staying and one on appearing",
        outcomes=("grade",),
    ),
}
