"""Whether a prior of probabilities has as many numbers as there are levels."""

from collections.abc import Iterator, Mapping
from typing import Any


def wrong_length(table: Mapping[str, Any], name: str, key: str, *, fewer: int = 0) -> Iterator[str]:
    """Yield what is wrong with the concentrations of `name.key`, `fewer` than `name.levels`."""
    stated, n = table[key]["concentration"], len(table["levels"]) - fewer
    if not isinstance(stated, list) or len(stated) != n:
        each = "one for each level" + (" but the one left" if fewer else "")
        yield f"{name}.{key}: concentration needs {n} numbers, {each}."
