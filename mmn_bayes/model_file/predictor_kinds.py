"""Predictors and their kinds: a kind is one record, which all that asks what a kind is asks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mmn_bayes.data.findings import row_positions
from mmn_bayes.data.tables import text_of
from mmn_bayes.model_file.prior import Prior


@dataclass(frozen=True)
class MarginScale:
    """What a margin may be on: its words, whose effects alone may have it, whether 1 is none."""

    words: str
    outcome: str = ""
    ratio: bool = False


MARGIN_SCALES = {
    "odds_ratio": MarginScale("odds ratio", "response", ratio=True),
    "grades": MarginScale("grades", "grade"),
    "response": MarginScale("change in response"),
}


@dataclass(frozen=True)
class Margin:
    """Below which an effect is clinically negligible: on which scale, how much, and why."""

    scale: str
    value: float
    why: str


@dataclass(frozen=True)
class Predictor:
    """An effect of one column of `patients`, whose `kind` says what the column and the effect are.

    `prior` is None where the effect follows from a historical prior or is shrunk together with
    others.
    """

    name: str
    column: str
    kind: "PredictorKind"
    acts_on: str
    centre: float
    per: float
    unit: str
    levels: tuple[str, ...]
    steps: Prior | None
    margin: Margin | None
    prior: Prior | None

    @property
    def labels(self) -> list[str]:
        """What its effects are called."""
        return self.kind.labels(self.name, self.levels)

    @property
    def n_columns(self) -> int:
        """How many columns of numbers, each with an effect, it is to a model."""
        return len(self.labels)

    @property
    def effect_dim(self) -> str | None:
        """Dim of its effects in the fit; None where it is one number."""
        return f"level_of_{self.name}" if self.kind.nominal else None

    def meaning(self, label: str) -> str:
        """Say in words what the effect of this label compares."""
        low, high = self.contrast(self.labels.index(label) + 1)
        return self.kind.meaning.format(p=self, low=low, high=high).strip()

    def numbers(self, column: pd.Series) -> np.ndarray:
        """Return a column as numbers, NaN where blank; shape (patient,)."""
        return self.kind.numbers(self, column)

    def number(self, value: float | str) -> float:
        """Return one value of the column as a number."""
        return float(self.numbers(pd.Series([value]))[0])

    def value(self, number: Any) -> Any:
        """Return the value of the column that has this number."""
        return self.kind.value(self, number)

    def contrast(self, place: int) -> tuple[float | str, float | str]:
        """Return the values of the column that an effect compares; `place` counts labels from 1."""
        last = len(self.levels) - 1 if self.levels else 1
        return self.value(0), self.value(place if self.kind.nominal else last)


def _scaled(predictor: Predictor, column: pd.Series) -> np.ndarray:
    return (column.to_numpy(dtype=float, na_value=np.nan) - predictor.centre) / predictor.per


def _unscaled(predictor: Predictor, number: Any) -> Any:
    return number * predictor.per + predictor.centre


def _places(predictor: Predictor, column: pd.Series) -> np.ndarray:
    places = pd.Index(predictor.levels).get_indexer(pd.Index(text_of(column)))
    return np.where(column.isna().to_numpy(), np.nan, places.astype(float))


def _level(predictor: Predictor, number: float) -> str:
    return predictor.levels[int(number)]


def _one_column(predictor: Predictor, numbers: np.ndarray) -> np.ndarray:
    return numbers[:, None]


def _anything(values: pd.Series) -> bool:
    return True


@dataclass(frozen=True)
class PredictorKind:
    """Define a kind of predictor: its column, its numbers and its effects.

    Attributes
    ----------
    name : str
        As in a model file.
    meaning : str
        The comparison that an effect makes, in words, with the predictor as `{p}` and the values of
        its column as `{low}` and `{high}`.
    needs, takes : tuple of str
        Keys of a model file that belong to this kind: those that it needs, and those it may have.
    holds, fits : str and callable
        Content of the column in words, and a check of its recorded values. Values of kinds with
        levels are checked level by level (`wrong_column`).
    numbers, value : callable
        From predictor and column to numbers, shape (patient,), NaN where blank; and back.
    columns : callable
        From predictor and numbers to the columns of a regression; shape (patient, effect), in the
        order of the labels.
    levels_are : str
        With levels, which are whole numbers, what each one but the first is: `<levels_are>_of_
        <name>` is a dim of the design. Without, the effect times the number is added to the linear
        predictor (`linear`); for kinds with levels see `ADDED` in `engine/effects.py`.
    nominal : bool
        Whether each level but the first has an effect of its own, so that they have no order.
    binary : bool
        Whether the column has only two values, with numbers 0 and 1.

    Examples
    --------
    >>> kind = mb.read_model("models/strength.toml").predictors[0].kind
    >>> kind.name, kind.binary, kind.linear
    ('yes_no', True, True)
    >>> kind.labels("naive_gain", ("no", "yes"))
    ['naive_gain']
    """

    name: str
    meaning: str
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    holds: str = "values"
    fits: Callable[[pd.Series], bool] = _anything
    numbers: Callable[[Predictor, pd.Series], np.ndarray] = _scaled
    value: Callable[[Predictor, Any], Any] = _unscaled
    columns: Callable[[Predictor, np.ndarray], np.ndarray] = _one_column
    levels_are: str = ""
    nominal: bool = False
    binary: bool = False

    def labels(self, name: str, levels: tuple[str, ...]) -> list[str]:
        """Name the effects of a predictor of this kind."""
        return [f"{name}: {level}" for level in levels[1:]] if self.nominal else [name]

    @property
    def linear(self) -> bool:
        """Whether it adds one effect times its number."""
        return not self.levels_are


def _is_yes_no(values: pd.Series) -> bool:
    return pd.api.types.is_bool_dtype(values) or bool(
        pd.api.types.is_numeric_dtype(values) and values.isin([0, 1]).all()
    )


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _indicators(predictor: Predictor, numbers: np.ndarray) -> np.ndarray:
    own = (numbers[:, None] == np.arange(1, len(predictor.levels))).astype(float)
    return np.where(np.isnan(numbers)[:, None], np.nan, own)


def _equal_steps(predictor: Predictor, numbers: np.ndarray) -> np.ndarray:
    return numbers[:, None] / (len(predictor.levels) - 1)


YES_NO = PredictorKind("yes_no", "yes against no", holds="yes or no", fits=_is_yes_no, binary=True)
# `per` units of it.
NUMBER = PredictorKind(
    "number",
    "per {p.per:g} {p.unit}",
    needs=("centre", "per"),
    takes=("unit",),
    holds="numbers",
    fits=_is_number,
)
# Each of its levels against the first.
CATEGORY = PredictorKind(
    "category",
    "{high} against {low}",
    needs=("levels",),
    numbers=_places,
    value=_level,
    columns=_indicators,
    levels_are="level",
    nominal=True,
)
# The last of its levels against the first, which `steps` shares out; to a regression all are equal.
ORDERED = PredictorKind(
    "ordered",
    "{high} against {low}",
    needs=("levels", "steps"),
    numbers=_places,
    value=_level,
    columns=_equal_steps,
    levels_are="step",
)
# By name; another kind is known to everything once it is here.
KINDS = {kind.name: kind for kind in (YES_NO, NUMBER, CATEGORY, ORDERED)}


def linear_kinds() -> str:
    """Name the kinds that add one effect times their number, as they are told to an author."""
    return " or ".join(kind.name for kind in KINDS.values() if kind.linear)


def wrong_column(predictor: Predictor, patients: pd.DataFrame) -> Iterator[str]:
    """Say why a predictor cannot be taken from a table of patients; nothing when it can.

    Blanks are looked at elsewhere: who uses the column says what becomes of them.
    """
    name, asks = predictor.column, f"predictor.{predictor.name}"
    if name not in patients:
        yield (
            f"patients: there is no column '{name}', which {asks} asks for; the table has "
            f"{', '.join(map(str, patients.columns))}."
        )
        return
    values = patients[name].dropna()
    if not predictor.kind.fits(values):
        yield f"patients: column '{name}' does not hold {predictor.kind.holds}, as {asks} says."
    if not predictor.levels:
        return
    recorded = pd.Series(text_of(values), index=values.index)
    for value, own in recorded[~recorded.isin(predictor.levels)].groupby(recorded):
        yield (
            f"patients: column '{name}' has '{value}' ({len(own)} patients: "
            f"{row_positions(own.index)} of cohort.patients), which is none of {asks}.levels "
            f"({', '.join(predictor.levels)}); add that level, or correct the cells."
        )
