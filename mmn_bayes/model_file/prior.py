"""One prior of a model file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mmn_bayes.model_file.distributions import DISTRIBUTIONS


@dataclass(frozen=True)
class Prior:
    """One prior: a distribution of the vocabulary, its parameters, and why it was chosen."""

    distribution: str
    parameters: tuple[tuple[str, float | tuple[float, ...]], ...]
    why: str

    def __getitem__(self, name: str) -> Any:
        """Return one parameter by its name."""
        return dict(self.parameters)[name]


def stated_prior(table: Mapping[str, Any]) -> Prior:
    """Make a prior of its table in a model file, which was checked.

    Parameters
    ----------
    table : mapping of str to object
        `distribution`, its parameters by name, and `why`.

    Returns
    -------
    Prior
        The prior.

    Examples
    --------
    >>> table = {"distribution": "normal", "mean": 0, "sd": 0.5, "why": "Up to one unit."}
    >>> prior = mb.registry.stated_prior(table)
    >>> prior.distribution, prior["sd"]
    ('normal', 0.5)
    """

    def value(number: Any) -> float | tuple[float, ...]:
        return tuple(map(float, number)) if isinstance(number, list) else float(number)

    names = DISTRIBUTIONS[table["distribution"]].parameters
    return Prior(
        table["distribution"], tuple((name, value(table[name])) for name in names), table["why"]
    )


def optional_prior(table: Mapping[str, Any] | None) -> Prior | None:
    """Make a prior of its table in a model file; None where it is not stated.

    Parameters
    ----------
    table : mapping of str to object or None
        `distribution`, its parameters by name, and `why`.

    Returns
    -------
    Prior or None
        The prior.

    Examples
    --------
    >>> mb.registry.optional_prior(None) is None
    True
    """
    return None if table is None else stated_prior(table)


def wrong_length(table: Mapping[str, Any], name: str, key: str, *, fewer: int = 0) -> Iterator[str]:
    """Yield what is wrong with the concentrations of `name.key`, `fewer` than `name.levels`."""
    stated, n = table[key]["concentration"], len(table["levels"]) - fewer
    if not isinstance(stated, list) or len(stated) != n:
        each = "one for each level" + (" but the one left" if fewer else "")
        yield f"{name}.{key}: concentration needs {n} numbers, {each}."
