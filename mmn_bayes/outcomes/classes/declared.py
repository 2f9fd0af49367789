"""The last status of a patient, as model files have it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mmn_bayes.model_file.declaration import Declaration
from mmn_bayes.model_file.keys import Key
from mmn_bayes.model_file.prior import Prior, stated_prior, wrong_length

# A model of grades that has this table too is a joint one.
_OUTCOMES = ("class", "grade")


@dataclass(frozen=True)
class Classes:
    """Values of a patient's last status, the reference first, and the prior of their rates.

    Only a status from `from_day` on counts.
    """

    levels: tuple[str, ...]
    prior: Prior
    from_day: float

    @property
    def priors(self) -> dict[str, Prior]:
        """Priors by the names of their parameters in the fit."""
        return {"reference_probability": self.prior}

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> "Classes":
        """Make it of the table of a model file that was checked."""
        return cls(tuple(table["levels"]), stated_prior(table["prior"]), float(table["from_day"]))


_KEYS = {
    "classes.levels": Key(
        "labels",
        "values of `status`, the one that others are compared with first",
        outcomes=_OUTCOMES,
    ),
    "classes.prior": Key(
        "prior on simplex",
        "probabilities of the classes when every predictor is 0, in the order of the levels",
        outcomes=_OUTCOMES,
    ),
    "classes.from_day": Key(
        "number",
        "day from which a status counts as long-term; who has none since is unclassified",
        outcomes=_OUTCOMES,
    ),
    "classes.why": Key(
        "text", "what the classes mean, and where they come from", outcomes=_OUTCOMES
    ),
}


def _contradictions(content: Mapping[str, Any]) -> Iterator[str]:
    if content["link"] != "logit":
        yield "link: classes are modelled by their log odds; take logit."
    yield from wrong_length(content["classes"], "classes", "prior")


CLASS = Declaration(
    name="class",
    words="classes",
    acts_on=("class",),
    required=("classes",),
    table="classes",
    keys=_KEYS,
    section=Classes.read,
    contradictions=_contradictions,
    strategies={
        "treatment_policy": ("their state counts whatever was infused or given (treatment policy)"),
        "filled_in": (
            "filled in by the model from their covariates, as if missing at random given these; "
            "left out of the observed rate among the classified"
        ),
    },
    plain_predictors=True,
    reserved=("reference_probability", "class_probability", "classes", "class_code"),
    dimensions=("class", "contrast"),
)
