"""What an outcome says of itself to model files: its table, keys, checks and words."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mmn_bayes.model_file.keys import Key


def _nothing(_: Mapping[str, Any]) -> tuple[()]:
    return ()


@dataclass(frozen=True, eq=False)
class Declaration:
    """Declare what model files may state of an outcome.

    Attributes
    ----------
    name : str
        As in `outcome =` and `acts_on =`.
    acts_on : tuple of str
        What predictors of its models may act on.
    required : tuple of str
        Tables that its files must have in addition to scale, response and estimand.
    words : str
        The outcome in words.
    table : str
        Its own table; empty where it has none. A model of grades with that table too is
        a joint one.
    keys : mapping of str to Key
        The keys of that table, by their dotted names.
    section : callable, optional
        Makes of that table, once checked, the value of `ModelSpec.section`: an object with
        `priors`, its priors by the names of their parameters.
    contradictions : callable
        Contradictions within a file of that outcome, or with that table; checked once each key is
        valid on its own.
    strategies : mapping of str to str
        How intercurrent events are handled, in words, where they differ from those of grades.
    margins : tuple of str
        Scales on which the margin of a candidate predictor may be.
    plain_predictors : bool
        Whether its predictors are yes_no or number only.
    reserved, dimensions : tuple of str
        Names that its fits use themselves, of variables and of dims: none may be a predictor's.

    Examples
    --------
    >>> declared = mb.registry.Declaration(
    ...     name="relapses", words="relapses", acts_on=("relapses",), required=("relapses",)
    ... )
    >>> declared.table, declared.margins
    ('', ())
    """

    name: str
    acts_on: tuple[str, ...]
    required: tuple[str, ...]
    words: str
    table: str = ""
    keys: Mapping[str, Key] = field(default_factory=dict)
    section: Callable[[Mapping[str, Any]], Any] | None = None
    contradictions: Callable[[Mapping[str, Any]], Iterable[str]] = _nothing
    strategies: Mapping[str, str] = field(default_factory=dict)
    margins: tuple[str, ...] = ()
    plain_predictors: bool = False
    reserved: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()


_DECLARED: dict[str, Declaration] = {}
_RECORDS: dict[str, Callable[[], Any]] = {}


def declare(declaration: Declaration, record: Callable[[], Any]) -> None:
    """Make an outcome known to model files; one of the same name is replaced.

    Parameters
    ----------
    declaration : Declaration
        What its files may say.
    record : callable
        Returns its record (`engine.outcome.Outcome`); called when a model is first built, so that
        reading a file imports no sampler.
    """
    _DECLARED[declaration.name] = declaration
    _RECORDS[declaration.name] = record


def declarations() -> tuple[Declaration, ...]:
    """Return what every outcome declares, in the order in which they were declared."""
    return tuple(_DECLARED.values())


def declared(name: str) -> Declaration:
    """Return what an outcome declares.

    Parameters
    ----------
    name : str
        As in `outcome =`.

    Raises
    ------
    ValueError
        When there is no such outcome.
    """
    if name not in _DECLARED:
        known = ", ".join(_DECLARED)
        raise ValueError(f"There is no outcome '{name}'; registered are: {known}.")
    return _DECLARED[name]


def record_of(name: str) -> Any:
    """Return the record of an outcome, as `declare` was told to make it."""
    return _RECORDS[declared(name).name]()


def with_tables() -> dict[str, Declaration]:
    """Return the outcomes that have a table of their own, by its name."""
    return {one.table: one for one in declarations() if one.table}


def has_table(name: str) -> bool:
    """Return whether there is an outcome of that name, with a table of its own."""
    return name in _DECLARED and bool(_DECLARED[name].table)
