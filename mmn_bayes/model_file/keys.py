"""What is said of one key of model files."""

from collections.abc import Collection
from dataclasses import dataclass

# Of which the engine has a record (`link`, `family`); names that a user registers are added.
LINK_NAMES = ["logit", "probit", "cloglog"]
FAMILY_NAMES = ["cumulative"]


@dataclass(frozen=True)
class Key:
    """Describe one key of a model file.

    Attributes
    ----------
    kind
        "text", "label", "labels", "words", "map of labels", "map of reasons", "count", "number",
        "positive number", "share", "window", "choice", or "prior on ..." with the support of the
        prior ("... or ..." where it may have two).
    outcomes
        Outcomes for which the key has a meaning; empty for all.
    required
        Whether it must be stated there (within its table, when the table is present).
    choices
        For "choice": the legal words.
    text
        Description in one line.

    Examples
    --------
    >>> key = mb.registry.Key("prior on positive", "expected number", outcomes=("relapses",))
    >>> key.means("relapses"), key.means("grade")
    (True, False)
    """

    kind: str
    text: str
    required: bool = True
    outcomes: tuple[str, ...] = ()
    choices: Collection[str] = ()

    def means(self, outcome: str) -> bool:
        """Return whether the key has a meaning for an outcome."""
        return not self.outcomes or outcome in self.outcomes
