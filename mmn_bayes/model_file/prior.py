"""One prior of a model file."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Prior:
    """One prior: a distribution of the vocabulary, its parameters, and why it was chosen."""

    distribution: str
    parameters: tuple[tuple[str, float | tuple[float, ...]], ...]
    why: str

    def __getitem__(self, name: str) -> Any:
        """Return one parameter by its name."""
        return dict(self.parameters)[name]
