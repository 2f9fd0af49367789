"""What kind of thing an argument is, and what an annotation asks for, in words."""

import os
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

_UNIONS = (typing.Union, types.UnionType)

# How a noun is called and where it comes from, by the name of its class: the classes live above.
_NOUNS: Mapping[str, str] = {
    "Cohort": "a cohort, as `read_cohort` or `make_cohort` gives it",
    "ModelSpec": "a model, as `read_model` gives it",
    "Recipe": "a Recipe",
    "StatePathsRecipe": "a StatePathsRecipe",
    "ResponseRule": "a ResponseRule",
    "Definition": "a Definition",
    "Task": "a Task",
    "DataTree": "a fit, as `fit` or `load` gives it",
    "DataFrame": "a table (pandas.DataFrame)",
    "DataArray": "draws with the dims chain and draw (xarray.DataArray)",
    "Dataset": "draws with the dims chain and draw (xarray.Dataset)",
    "ndarray": "an array (numpy.ndarray)",
    "str": "text",
    "bool": "True or False",
    "int": "a whole number",
    "float": "a number",
    "PathLike": "a path",
    "Path": "a path",
    "HasResponseRule": "a model, as `read_model` gives it",
    "Callable": "a function",
    "NoneType": "None",
}
# More than one of them, where the plural is not the name and an s.
_MANY: Mapping[str, str] = {
    "Cohort": "cohorts",
    "Definition": "Definitions",
    "Task": "Tasks",
    "DataTree": "fits",
    "DataFrame": "tables (pandas.DataFrame)",
    "DataArray": "draws (xarray.DataArray)",
    "str": "texts",
    "int": "whole numbers",
    "float": "numbers",
}


def kind_of(value: object) -> str:
    """Say what a value is, never what it holds: it may be the identifier of a patient."""
    if value is None:
        return "None"
    if is_fit(value):
        return "a fit"
    if isinstance(value, xr.DataTree):
        return "a DataTree without posterior and model"
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, Real):
        return f"the number {shortly(value)}"
    if isinstance(value, str):
        return "text"
    if isinstance(value, os.PathLike):
        return "a path"
    if isinstance(value, type):
        return "a class"
    if callable(value):
        return "a function"
    name = type(value).__name__
    known = {
        "Cohort": "a cohort",
        "ModelSpec": "a model",
        "DataFrame": "a table (DataFrame)",
        "DataArray": "an xarray.DataArray",
        "Dataset": "an xarray.Dataset",
    }
    if name in known:
        return known[name]
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def shortly(number: Any) -> str:
    """Write a number, however long."""
    if isinstance(number, int) and abs(number) >= 10**20:
        return "a number of more than 20 digits"
    return f"{number:.10g}"


def is_fit(value: object) -> bool:
    """Whether a value is a fit: draws, design and model."""
    return (
        isinstance(value, xr.DataTree)
        and {"posterior", "design"} <= set(value.children)
        and "spec_toml" in value.attrs
    )


def is_number(value: object) -> bool:
    """Whether a value is a number, which yes and no are not."""
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool | np.bool_)


def _is_instance(value: object, wanted: Any) -> bool:
    """Whether a value is of a class, in the sense of this package."""
    if wanted is xr.DataTree:
        return is_fit(value)
    if wanted is xr.DataArray or wanted is xr.Dataset:
        return isinstance(value, wanted) and {"chain", "draw"} <= {str(dim) for dim in value.dims}
    if wanted is bool:
        return isinstance(value, bool | np.bool_)
    if wanted is int:
        return _is_whole(value)
    if wanted is float:
        return is_number(value)
    if wanted is os.PathLike or wanted.__name__ == "Path":
        return isinstance(value, str | os.PathLike)
    return isinstance(value, wanted)


def _class(annotation: Any) -> Any:
    """Return the class that an annotation names, its parameters aside."""
    return typing.get_origin(annotation) or annotation


def fits(value: object, annotation: Any) -> bool:
    """Whether a value is of an annotation: of one of its kinds, with items of the right kinds."""
    wanted, inner = _class(annotation), typing.get_args(annotation)
    if annotation is Any or annotation is object:
        return True
    if annotation == ArrayLike:
        return is_list(value) and all(map(is_number, items_of(value)))
    if wanted in _UNIONS:
        return any(fits(value, one) for one in inner)
    if annotation is None or annotation is types.NoneType:
        return value is None
    if wanted is Literal:
        return isinstance(value, str) and value in inner
    if wanted is Callable:
        return callable(value)
    if wanted is tuple and inner[-1:] == (...,):
        return isinstance(value, list | tuple) and all(fits(one, inner[0]) for one in value)
    if wanted is tuple:
        return (
            isinstance(value, list | tuple)
            and len(value) == len(inner)
            and all(map(fits, value, inner))
        )
    if wanted is Mapping:
        return is_mapping(value) and all(
            fits(key, inner[0]) and fits(one, inner[1])
            for key, one in typing.cast(Mapping[Any, Any], value).items()
        )
    if wanted is Sequence or wanted is Collection:
        listed = is_list(value) or (wanted is Collection and isinstance(value, set | frozenset))
        return listed and all(fits(one, inner[0]) for one in items_of(value))
    return _is_instance(value, wanted)


def is_list(value: object) -> bool:
    """Whether a value is a list of things: text is none, nor is a table or a fit."""
    if isinstance(value, np.ndarray | xr.DataArray | pd.Series | pd.Index):
        return value.ndim == 1
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def takes_list(annotation: Any) -> bool:
    """Whether an annotation asks for a list: an array given for one is made one."""
    kinds = typing.get_args(annotation) if _class(annotation) in _UNIONS else (annotation,)
    return annotation != ArrayLike and any(_class(one) in (Sequence, Collection) for one in kinds)


def is_mapping(value: object) -> bool:
    """Whether a value has values by name: a fit or a set of draws is a noun, not its parts."""
    return isinstance(value, Mapping) and not isinstance(value, xr.Dataset | xr.DataTree)


def items_of(value: Any) -> Sequence[object]:
    """Return the items of a list, those of an array as Python's own."""
    plain = isinstance(value, np.ndarray | xr.DataArray)
    return np.asarray(value).tolist() if plain else list(value)


def _name(annotation: Any) -> str:
    if annotation is None:
        return "NoneType"
    return str(getattr(_class(annotation), "__name__", annotation))


def in_words(annotation: Any) -> str:
    """Say what an annotation asks for."""
    wanted, inner = _class(annotation), typing.get_args(annotation)
    if annotation == ArrayLike:
        return "a list of numbers"
    if wanted in _UNIONS:
        said = dict.fromkeys(in_words(one) for one in inner)
        return " or ".join(said)
    if wanted is Literal:
        return "one of " + ", ".join(f"'{one}'" for one in inner)
    if wanted is tuple and inner[-1:] != (...,):
        return f"{len(inner)} values, {' and '.join(in_words(one) for one in inner)}"
    if wanted is Mapping:
        key = "names" if inner[0] is str else "keys"
        return f"a mapping (dict) of {key} to {_many(inner[1])}"
    if wanted in (tuple, Sequence, Collection):
        return f"a list of {_many(inner[0])}"
    return _NOUNS.get(_name(annotation), f"a {_name(annotation)}")


def _many(annotation: Any) -> str:
    wanted, inner = _class(annotation), typing.get_args(annotation)
    if wanted is tuple:
        return f"lists of {len(inner)} values"
    if wanted in (typing.Union, types.UnionType, Literal) or annotation in (Any, object):
        return "values"
    return _MANY.get(_name(annotation), f"{_name(annotation)}s")
