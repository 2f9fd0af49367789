"""One table of two runs: rows and columns brought together, each pair of cells with its error."""

import re
from typing import Any

import numpy as np
import pandas as pd

from mmn_bayes.studies.monte_carlo import errors_of, is_mixture, mixture_as_estimates

# Columns of words that may have numbers of their row in them.
WORDS = r"note|interpretation|in_words|published"
# What never tells rows apart: what is estimated, and what is said of the draws.
_NO_KEY = (
    r"estimate|lower|upper|sd|\w*mcse\w*|\w*r_hat|\w*ess_\w+|value|p_\w+|variance_removed|elpd|"
    rf"seconds\w*|versions?|covers|false|verdict|passed|correlates_with|test|{WORDS}"
)
# Only where nothing else does: another count shall be another count, not another row.
_COUNTS = r"n|events|missing|n_\w+|observed|enters|reason"


class TablePair:
    """A table of two runs.

    Rows are brought together by the columns that tell them apart and do not hang on draws, since
    their order may: models stand in the order of their predictions.

    Parameters
    ----------
    old, new : DataFrame
        The tables. Of a mixture of betas what it says of the rate is compared, for its parts have
        no meaning of their own, and another machine may need another number of them.

    Attributes
    ----------
    lengths
        Rows of the one and of the other.
    columns
        Those that both have.
    keys
        What tells each row that both have apart, in words.
    places
        Where it stands in the one and in the other.
    one_sided
        Rows and columns that one of the two has: row, column, and what each side has of it.
    cells
        By column, the values of both.
    error, step
        By column: the standard error of the difference of each pair, missing where the two must be
        the same; by how much they may differ besides.
    """

    def __init__(self, old: pd.DataFrame, new: pd.DataFrame):
        self.lengths = [len(old), len(new)]
        if is_mixture(old) and is_mixture(new):
            old, new = mixture_as_estimates(old), mixture_as_estimates(new)
        self.columns = [str(column) for column in old if column in new]
        self.one_sided = [(("", str(c)), ("there", "missing")) for c in old if c not in new]
        self.one_sided += [(("", str(c)), ("missing", "there")) for c in new if c not in old]
        errors = [errors_of(table) for table in (old, new)]
        by = _telling_apart(old[self.columns], errors[0].error)
        keys = [_named(table, by) for table in (old, new)]
        at = {key: place for place, key in enumerate(keys[1])}
        self.one_sided += [((key, ""), ("there", "missing")) for key in keys[0] if key not in at]
        known = set(keys[0])
        self.one_sided += [((key, ""), ("missing", "there")) for key in keys[1] if key not in known]
        self.places = [(i, at[key]) for i, key in enumerate(keys[0]) if key in at]
        self.keys = [shortened(keys[0][i]) for i, _ in self.places]
        first, second = [i for i, _ in self.places], [j for _, j in self.places]
        self.cells: dict[str, tuple[list[Any], list[Any]]] = {}
        self.error: dict[str, np.ndarray] = {}
        self.step: dict[str, np.ndarray] = {}
        for column in self.columns:
            self.cells[column] = old[column].iloc[first].tolist(), new[column].iloc[second].tolist()
            # Drawn on one side only they are not of one kind, and must be the same: not a number.
            own, other = (e.error[column].to_numpy(float) for e in errors)
            self.error[column] = np.hypot(own[first], other[second])
            own, other = (e.step[column].to_numpy(float) for e in errors)
            self.step[column] = np.maximum(own[first], other[second])

    def widest(self, place: int) -> float:
        """Return the largest error of the numbers of a row, for those in its words."""
        errors = [self.error[column][place] for column in self.columns]
        known = [error for error in errors if np.isfinite(error)]
        return float(max(known, default=np.nan))

    def is_point(self, place: int) -> bool:
        """Whether the interval of a row has no width, on either side."""
        if not {"lower", "upper"} <= set(self.columns):
            return False
        low, high = self.cells["lower"], self.cells["upper"]
        return all(low[side][place] == high[side][place] for side in (0, 1))

    def turning(self, place: int, column: str) -> tuple[float, float, float, float] | None:
        """Return what a yes or no, or a name, of a row turns on.

        Parameters
        ----------
        place, column : int, str
            A cell of no number.

        Returns
        -------
        tuple
            Two numbers, the standard error of their difference, and by how much they may differ
            besides: where they lie no further apart than that, the cell may be the one or the
            other. None where it turns on nothing that is drawn.
        """
        sides = (0, 1)
        if column == "correlates_with" and "correlation" in self.columns:
            # The largest of several correlations: another one when two are nearly as large.
            sizes = [abs(float(self.cells["correlation"][side][place])) for side in sides]
            return sizes[0], sizes[1], float(self.error["correlation"][place]), 0.0
        if column == "covers":
            truth = "truth" if "truth" in self.columns else "observed"
            found = [
                (self.cells[truth][side][place], self.cells[limit][side][place], limit)
                for side in sides
                for limit in ("lower", "upper")
            ]
            near = min(found, key=lambda pair: abs(pair[0] - pair[1]) / self._unit(pair[2], place))
            limit = near[2]
            return near[0], near[1], self.error[limit][place], self.step[limit][place]
        if column in ("verdict", "false") and "p_within" in self.columns:
            # Called so where 95 % of the draws lie within the margin, or beyond it.
            values = [float(self.cells["p_within"][side][place]) for side in sides]
            pairs = [(value, bound) for value in values for bound in (0.05, 0.95)]
            value, bound = min(pairs, key=lambda pair: abs(pair[0] - pair[1]))
            return value, bound, float(self.error["p_within"][place]), 0.0
        return None

    def _unit(self, column: str, place: int) -> float:
        error = float(self.error[column][place])
        return error if error > 0.0 else 1e-12


def _telling_apart(table: pd.DataFrame, error: pd.DataFrame) -> list[str]:
    """The first columns that tell rows apart: names and whole numbers, then counts, then others."""
    plain = [str(c) for c in table if error[c].isna().all() and not re.fullmatch(_NO_KEY, str(c))]
    counts = [c for c in plain if re.fullmatch(_COUNTS, c)]
    fractions = [c for c in plain if _fractional(table[c])]
    first = [c for c in plain if c not in counts and c not in fractions]
    by: list[str] = []
    for column in (*first, *(c for c in counts if c not in fractions), *fractions):
        by.append(column)
        if not table.duplicated(by).any():
            break
    return by


def _fractional(values: pd.Series) -> bool:
    if values.dtype.kind != "f":
        return False
    known = values.dropna()
    return bool((known != known.round()).any())


def _named(table: pd.DataFrame, by: list[str]) -> list[str]:
    """What tells every row apart, in words; where nothing does, the number among its like."""
    if not by or any(name not in table for name in by):
        return [f"row {number + 1}" for number in range(len(table))]
    words = [", ".join(map(_in_words, row)) for row in table[by].itertuples(index=False)]
    times = table.groupby(by, dropna=False, sort=False).cumcount().tolist()
    return [f"{word} ({n + 1})" if n else word for word, n in zip(words, times, strict=True)]


def _in_words(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def shortened(value: object) -> str:
    """Return a value as text of at most 120 characters, its middle left out."""
    text = _in_words(value)
    return text if len(text) <= 120 else f"{text[:70]} ... {text[-45:]}"
