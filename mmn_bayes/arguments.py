"""What a public verb is given, held against its annotations: a wrong kind or value is one sentence.

The face wraps every verb in `checked`. A parameter's annotation says which noun it takes; its name
says the rest, since a name means the same in every verb: a `level` lies between 0 and 1, a table of
`evidence` has the columns of evidence. What depends on the content, on the model of a fit for one,
the verb itself says.
"""

import dataclasses
import functools
import inspect
import os
import typing
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.argument_kinds import (
    fits,
    in_words,
    is_fit,
    is_list,
    is_mapping,
    is_number,
    items_of,
    kind_of,
    shortly,
    takes_list,
)

# --- values --------------------------------------------------------------------------------------


_NO_LIMIT = 1e300


class _Range(typing.NamedTuple):
    """Where the numbers of an argument lie."""

    least: float
    most: float
    open: bool = False  # whether both ends are outside

    def has(self, number: float) -> bool:
        if self.open:
            return self.least < number < self.most
        return self.least <= number <= self.most  # which NaN never is

    def __str__(self) -> str:
        if self.least <= -_NO_LIMIT and self.most >= _NO_LIMIT:
            return "give a finite number"
        if self.open:
            return f"give a number between {self.least:.10g} and {self.most:.10g}"
        return f"give a number from {self.least:.10g} to {self.most:.10g}"


_MOST_DAYS = 1e6  # more than 2,700 years
_MOST_DOSE = 1e4
_PROBABILITY = _Range(0.0, 1.0)
_INSIDE = _Range(0.0, 1.0, open=True)
_DAY = _Range(-_MOST_DAYS, _MOST_DAYS)
_LENGTH = _Range(0.0, _MOST_DAYS)
_SOME_LENGTH = _Range(0.0, _MOST_DAYS, open=True)
_DOSE = _Range(0.0, _MOST_DOSE)
_FINITE = _Range(-_NO_LIMIT, _NO_LIMIT)
_SEED = _Range(0, 2**32 - 1)
_SOME = _Range(1, 10**7)
_FEW = _Range(1, 1000)
_COUNT = _Range(0, 10**9)
# By the name of the parameter; after that of the verb where it means something else there.
_RANGES: Mapping[str, _Range] = {
    **dict.fromkeys(("level", "certain"), _INSIDE),
    **dict.fromkeys(("rate", "share", "placebo", "block_appears", "block_stays"), _PROBABILITY),
    **dict.fromkeys(("correlation", "correlations"), _Range(-1.0, 1.0)),
    **dict.fromkeys(("seed", "master"), _SEED),
    **dict.fromkeys(("draws", "tune", "days_per_course"), _SOME),
    **dict.fromkeys(("chains", "cores", "workers", "n_sets", "cycles", "nodes", "groups"), _FEW),
    "n_patients": _Range(1, 10**5),
    "ess": _Range(0.0, 1e9, open=True),
    **dict.fromkeys(("events", "n", "missing", "denominators"), _COUNT),
    **dict.fromkeys(("day", "days", "from_day", "until_day", "periods"), _DAY),
    **dict.fromkeys(("within_days", "years"), _LENGTH),
    **dict.fromkeys(
        (
            "window_days",
            "every_days",
            "other_every_days",
            "onset_half_life_days",
            "wearing_off_half_life_days",
        ),
        _SOME_LENGTH,
    ),
    **dict.fromkeys(("dose_g_per_kg", "doses_g_per_kg", "within_dose"), _DOSE),
    "patient_gain_sd": _Range(0.0, 1e3),
    **dict.fromkeys(("delta", "deltas"), _Range(-1e3, 1e3)),
}
# And by how the name ends.
_RANGES_BY_END: Mapping[str, _Range] = {
    "_share": _PROBABILITY,
    "_probability": _PROBABILITY,
    "_sd": _Range(0.0, 1e6),
    "_days": _DAY,
}

# Tables by the name of their parameter (after the verb's where verbs differ): the columns that a
# table must have, and what gives such a table.
_TABLES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "exact": (("task", "elpd", "mcse", "error"), "`leave_patients_out`"),
    "importance": (
        ("patient", "elpd", "mcse", "pareto_k", "good_k", "synthetic"),
        "`psis_loo_patients`",
    ),
    "predictions": (
        ("response", "probability", "base_rate", "pareto_k", "good_k", "synthetic"),
        "`left_out_response`",
    ),
    "tipping_point.table": (
        ("assumption", "assumed", "exceeds", "level", "above", "synthetic"),
        "`assumed_missing`",
    ),
    "predictor_notes.table": (
        ("model", "predictor", "verdict", "n_patients"),
        "`compare_predictors` or `predictor_table`",
    ),
    "printed_predictors.table": (
        ("model", "predictor", "verdict", "n_patients"),
        "`compare_predictors` or `predictor_table`",
    ),
    "placebo_table.observed": (
        ("n", "events", "estimate", "lower", "upper"),
        "`observed_response`",
    ),
    "responses": (("patient", "response"), "`responses`"),
    "univariable_tests.patients": (("patient",), "`read_cohort`, as `cohort.patients`"),
    "courses.infusions": (
        ("patient", "day", "dose_g_per_kg"),
        "`read_cohort`, as `cohort.infusions`",
    ),
    "mixture": (("weight", "alpha", "beta"), "`historical_prior`"),
    "priors": (("weight", "alpha", "beta"), "`historical_prior`"),
    **dict.fromkeys(
        ("published_classes.evidence", "cohorts_table.evidence"),
        (("study", "disease", "our_class", "count"), "`read_evidence`"),
    ),
    "reproduce_cohort.counts": (("quantity", "group", "events", "n", "n_kind"), "`read_published`"),
    "measurements": (("quantity", "group"), "`read_published`"),
    "published": (("quantity", "group", "events", "n"), "`read_published`"),
    "require_converged.fit": (("passed",), "`diagnose`"),
}

# Verbs that need draws of the posterior: those of a prior (`sample_prior`) are of parameters alone.
_OF_POSTERIOR = frozenset(
    {"confounding_sensitivity", "delta_adjusted_response", "diagnose", "require_converged"}
)
# Defects that the verb itself lists with those of the data, all at once.
_OF_THE_VERB = frozenset(
    {
        "parse_model.content",
        *(
            f"make_cohort.{name}"
            for name in ("patients", "grades", "infusions", "blocks", "status")
        ),
        *(f"make_cohort.{name}" for name in ("scale", "labels", "title", "source", "truth")),
    }
)
# What is handed on as it is, whatever it holds.
_ANYTHING = frozenset({"between", "content", "extra", "truth"})
# What may be empty although it has a default that is not.
_MAY_BE_EMPTY = frozenset({"at", "lengths", "marked_days", "notes"})


def _numbers(value: Any) -> list[Any]:
    """All numbers of an argument: itself, its items, or those of its pairs."""
    if is_number(value):
        return [value]
    if is_mapping(value):
        return [number for one in value.values() for number in _numbers(one)]
    if is_list(value):
        return [number for one in items_of(value) for number in _numbers(one)]
    return []


def _about(verb: str, name: str, table: Mapping[str, Any]) -> Any:
    return table.get(f"{verb}.{name}", table.get(name))


def _wrong_value(verb: str, name: str, value: object) -> str | None:
    """Say what is wrong with a value of the right kind, or None."""
    listed = is_list(value) or is_mapping(value)
    if listed and name not in _MAY_BE_EMPTY and not len(typing.cast(Collection[Any], value)):
        return f"{name} is empty; give one at least"
    if name in ("path", "folder") and value == "":
        return f"{name} is empty; give a path"
    one_line = isinstance(value, str | os.PathLike) and name != "text"
    if one_line and not str(value).isprintable():
        return f"{name} has a control character; give it without"
    if is_fit(value):
        return _wrong_fit(verb, name, typing.cast(xr.DataTree, value))
    ends = (limits for end, limits in _RANGES_BY_END.items() if name.endswith(end))
    asked = _about(verb, name, _RANGES) or next(ends, _FINITE)
    numbers = [] if name in _ANYTHING else _numbers(value)
    out = [number for number in numbers if not asked.has(number)]
    if out:
        return f"{name} {'is' if is_number(value) else 'has'} {shortly(out[0])}; {asked}"
    stated = _about(verb, name, _TABLES)
    if stated is None:
        return None
    columns, source = stated
    tables = typing.cast(Any, value).values() if is_mapping(value) else [value]
    for table in tables:
        if isinstance(table, pd.DataFrame) and (lost := set(columns) - set(table.columns)):
            said = ", ".join(f"'{column}'" for column in columns if column in lost)
            return f"{name} has no column {said}; give a table as {source} gives it"
    return None


def _wrong_fit(verb: str, name: str, fit: xr.DataTree) -> str | None:
    """Say why a verb has no use for a fit, whatever its model, or None."""
    if not fit["posterior"].sizes.get("draw") or not fit["posterior"].sizes.get("chain"):
        return f"{name} has no draws; give a fit with some"
    if verb in _OF_POSTERIOR and fit.attrs.get("distribution") == "prior":
        return f"{name} has draws of the prior; give one with draws of the posterior"
    return None


# --- the wrapper ---------------------------------------------------------------------------------


def _wrong(verb: str, parameter: inspect.Parameter, annotation: Any, value: object) -> str | None:
    """Say what is wrong with one argument, or None."""
    name, kind = parameter.name, parameter.kind
    if kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        return None
    if parameter.default is value or f"{verb}.{name}" in _OF_THE_VERB:
        return None
    if name == "design":  # arrays of a model, no draws
        is_design = isinstance(value, xr.Dataset) and "chain" not in value.dims
        return None if is_design else f"{name} is {kind_of(value)}; give what `make_design` gives"
    if not fits(value, annotation):
        return f"{name} is {kind_of(value)}; give {in_words(annotation)}"
    return _wrong_value(verb, name, value)


def checked[**P, R](verb: Callable[P, R]) -> Callable[P, R]:
    """Return a verb that looks at what it is given before it does anything.

    Parameters
    ----------
    verb : callable
        A public function with annotations.

    Returns
    -------
    function
        The same verb; an argument of the wrong kind is a TypeError, one out of range a ValueError,
        each of one sentence (all that is wrong, a sentence each).
    """
    signature = inspect.signature(verb)
    hints = typing.get_type_hints(verb)
    name = verb.__name__

    @functools.wraps(verb)
    def looked_at(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{name}: {error}; it is {name}{_shown(signature)}.") from None
        given = bound.arguments.items()
        wrong = {
            each: said
            for each, value in given
            if (said := _wrong(name, signature.parameters[each], hints.get(each, Any), value))
        }
        if wrong:
            kinds = [each for each in wrong if not fits(bound.arguments[each], hints[each])]
            words = f"{name}: {'; '.join(wrong.values())}.{_swapped(kinds, bound, hints)}"
            raise (TypeError if kinds else ValueError)(words)
        for each, value in list(given):
            if isinstance(value, str) and hints[each] is Path:
                bound.arguments[each] = Path(value)
            if isinstance(value, np.ndarray | pd.Series | pd.Index) and takes_list(hints[each]):
                bound.arguments[each] = value.tolist()
        return verb(*bound.args, **bound.kwargs)

    # Found again by its public name, in another process too.
    looked_at.__module__ = __package__ or looked_at.__module__
    return looked_at


def check_fields(record: Any) -> None:
    """Look at the fields of a public dataclass when it is made, as `checked` at arguments.

    Parameters
    ----------
    record : object
        An instance of a dataclass with annotations.

    Raises
    ------
    TypeError
        When a field is of the wrong kind.
    ValueError
        When a number is out of range.
    """
    name = type(record).__name__
    hints: Mapping[str, Any] = _hints(type(record))
    values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    kinds = {
        field: f"{field} is {kind_of(value)}; give {in_words(hints[field])}"
        for field, value in values.items()
        if not fits(value, hints[field])
    }
    if kinds:
        raise TypeError(f"{name}: {'; '.join(kinds.values())}.")
    # An empty list or mapping has nothing wrong in it; the record says where it needs some.
    said = (
        _wrong_value(name, field, value)
        for field, value in values.items()
        if not isinstance(value, tuple | Mapping) or value
    )
    if wrong := [one for one in said if one is not None]:
        raise ValueError(f"{name}: {'; '.join(wrong)}.")


_hints: Callable[[Any], Mapping[str, Any]] = functools.cache(typing.get_type_hints)


def _shown(signature: inspect.Signature) -> str:
    """Return the parameters of a verb by name."""
    names: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in names:
            names.append("*")
        optional = parameter.default is not inspect.Parameter.empty
        names.append(f"{parameter.name}=..." if optional else parameter.name)
    return f"({', '.join(names)})"


def _swapped(names: list[str], bound: inspect.BoundArguments, hints: Mapping[str, Any]) -> str:
    """Say that two arguments stand in each other's place, where they do."""
    for first in names:
        for second in names:
            values = bound.arguments[first], bound.arguments[second]
            if first < second and fits(values[0], hints[second]) and fits(values[1], hints[first]):
                one, other = (n for n in bound.arguments if n in (first, second))
                return f" Are {one} and {other} the wrong way round?"
    return ""
