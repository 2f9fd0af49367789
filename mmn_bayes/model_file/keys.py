"""What is said of one key of model files."""

from collections.abc import Sequence
from dataclasses import dataclass

OUTCOMES = ("grade", "response", "events", "class", "blocks", "state")
# Of patients, but neither grades nor responses; a joint model of grades has some of them too.
LONG_RUN = ("class", "blocks", "state")

# Of which the engine has a record (`link`, `family`); names that a user registers are added.
LINK_NAMES = ["logit", "probit", "cloglog"]
FAMILY_NAMES = ["cumulative"]


@dataclass(frozen=True)
class Key:
    """One key that a model file may hold.

    Parameters
    ----------
    kind
        "text", "label", "labels", "words", "map of labels", "map of reasons", "count", "number",
        "positive number", "share", "window", "choice", or "prior on ..." with the support of the
        prior ("... or ..." where it may have two).
    outcomes
        For which outcomes the key has a meaning.
    required
        Whether it must be stated there (within its table, when the table is present).
    choices
        For "choice": the legal words.
    text
        What it says, in a line.
    """

    kind: str
    text: str
    required: bool = True
    outcomes: tuple[str, ...] = OUTCOMES
    choices: Sequence[str] = ()
