"""Conduction blocks before and after, as model files have them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mmn_bayes.model_file.declaration import Declaration
from mmn_bayes.model_file.distributions import DISTRIBUTIONS
from mmn_bayes.model_file.keys import Key
from mmn_bayes.model_file.prior import Prior, optional_prior, stated_prior

# A model of grades that has this table too is a joint one.
_OUTCOMES = ("blocks", "grade")


@dataclass(frozen=True)
class Blocks:
    """What becomes of blocks between two visits: each stays or goes, and others appear.

    `appears` is a probability for each nerve without block where `new` is "binomial", otherwise an
    expected number, of which `overdispersion` is the sd over the mean between patients.
    """

    new: str
    stays: Prior
    appears: Prior
    overdispersion: Prior | None

    @property
    def binomial(self) -> bool:
        """Whether new blocks are of so many nerves; if not, they are counts."""
        return self.new == "binomial"

    @property
    def priors(self) -> dict[str, Prior]:
        """Priors by the names of their parameters in the fit."""
        stated = {"block_stays": self.stays, "block_appears": self.appears}
        own = self.overdispersion
        return stated if own is None else {**stated, "block_overdispersion": own}

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> "Blocks":
        """Make it of the table of a model file that was checked."""
        return cls(
            table["new"],
            stated_prior(table["stays"]),
            stated_prior(table["appears"]),
            optional_prior(table.get("overdispersion")),
        )


_KEYS = {
    "blocks.new": Key(
        "choice",
        "how many blocks appear: binomial of the nerves tested that had none, or negative_binomial "
        "where it is not known how many were tested",
        outcomes=_OUTCOMES,
        choices=("binomial", "negative_binomial"),
    ),
    "blocks.stays": Key(
        "prior on share",
        "probability that a nerve with a block still has one when every predictor is 0",
        outcomes=_OUTCOMES,
    ),
    "blocks.appears": Key(
        "prior on share or positive",
        "when every predictor is 0: probability that a nerve without block has one at follow-up "
        "(binomial), or expected number of new blocks (negative_binomial)",
        outcomes=_OUTCOMES,
    ),
    "blocks.overdispersion": Key(
        "prior on positive",
        "sd over mean of the expected number of new blocks between patients; negative_binomial "
        "only",
        required=False,
        outcomes=_OUTCOMES,
    ),
    "blocks.why": Key("text", "what is counted, and where it comes from", outcomes=_OUTCOMES),
}


def _contradictions(content: Mapping[str, Any]) -> Iterator[str]:
    if content["link"] != "logit":
        yield "link: blocks are modelled by their log odds; take logit."
    table = content["blocks"]
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


BLOCKS = Declaration(
    name="blocks",
    words="blocks",
    acts_on=("blocks",),
    required=("blocks",),
    table="blocks",
    keys=_KEYS,
    section=Blocks.read,
    contradictions=_contradictions,
    strategies={
        "treatment_policy": ("their blocks count whatever was infused or given (treatment policy)"),
        "filled_in": (
            "filled in by the model from their blocks at baseline, as if missing at random given "
            "these; left out of the observed share"
        ),
    },
    plain_predictors=True,
    reserved=(
        *("block_stays", "block_appears", "block_overdispersion", "blocks", "stays", "appears"),
    ),
    dimensions=("fate", "kind"),
)
