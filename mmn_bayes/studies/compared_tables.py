"""Tables of two sets of results, cell by cell; those counted from others are counted again."""

import io
import re
from typing import Any

import numpy as np
import pandas as pd

from mmn_bayes.report.store import csv_text
from mmn_bayes.studies.compared_text import compare_words
from mmn_bayes.studies.counted_tables import Counting
from mmn_bayes.studies.differences import OF_DRAWS, OF_THE_MACHINE, ROUNDING, Differences, Where
from mmn_bayes.studies.sides import Side
from mmn_bayes.studies.table_pairs import TablePair


class ReadSide:
    """One side, its tables read once."""

    def __init__(self, side: Side, names: set[str]):
        self.side, self.names = side, names
        self._tables: dict[str, pd.DataFrame] = {}

    def text(self, name: str) -> str:
        """Return the text of a file."""
        return self.side.read(name).decode("utf-8")

    def table(self, name: str) -> pd.DataFrame:
        """Return the table of a file."""
        if name not in self._tables:
            self._tables[name] = _read_back(self.text(name))
        return self._tables[name]


def _read_back(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), dtype={"member": str})


def compare_table(found: Differences, name: str, pair: TablePair) -> None:
    """Compare a table of two sides."""
    for where, values in pair.one_sided:
        found.differ((name, *where), values, "on one side only")
    for column in pair.columns:
        for place, (old, new) in enumerate(zip(*pair.cells[column], strict=True)):
            if re.fullmatch(OF_THE_MACHINE, column):
                found.tell(column, old, new)
                continue
            found.numbers += _is_number(old) or _is_number(new)
            _compare_cell(found, (name, pair.keys[place], column), old, new, pair, place)


def _compare_cell(
    found: Differences, where: Where, old: Any, new: Any, pair: TablePair, place: int
) -> None:
    column = where[2]
    error, step = float(pair.error[column][place]), float(pair.step[column][place])
    numbers = _is_number(old) and _is_number(new)
    if numbers and np.isfinite(error) and np.isfinite([old, new]).all():
        found.draw(where, (old, new), (float(old), float(new)), error, step)
    elif _same(old, new) or (re.fullmatch(OF_DRAWS, column) and pair.is_point(place)):
        return
    elif pd.isna(old) or pd.isna(new):
        found.differ(where, (old, new), "one of the two is missing")
    elif numbers and column == "value" and {"threshold", "passed"} <= set(pair.columns):
        # Whether a check is passed stands beside it, and must be the same.
        if not all(side[place] for side in pair.cells["passed"]):
            found.judge(where, (old, new), str(pair.cells["check"][0][place]))
    elif numbers and column == "value" and "target" in pair.columns:
        return  # a ratio of times: that it reaches its target stands beside it
    elif numbers and re.fullmatch(OF_DRAWS, column):
        found.judge(where, (old, new), column)
    elif not numbers and (turning := pair.turning(place, column)) is not None:
        value, bound, error, besides = turning
        found.draw(where, (old, new), (value, bound), error, besides)
    elif not numbers and isinstance(old, str) and isinstance(new, str):
        compare_words(found, where, old, new, pair.widest(place))
    else:
        found.differ(where, (old, new))


def compare_again(
    found: Differences, name: str, counting: Counting, sides: tuple[ReadSide, ReadSide]
) -> None:
    """A table that is counted from others must be what they give: those are compared."""
    for side, words in zip(sides, ("committed", "regenerated"), strict=True):
        stored = side.table(name)
        sources = {s: side.table(s) for s in sorted(side.names) if counting.is_source(s)}
        why = f"not what it is counted from, of the {words} ones"
        if not sources:
            found.differ((name, "", ""), ("there", "missing"), why)
            continue
        again = counting.again(stored, sources, side.side.read)
        pair = TablePair(stored, _read_back(csv_text(again)))
        for where, values in pair.one_sided:
            found.differ((name, *where), values, why)
        for column in pair.columns:
            for place, (old, new) in enumerate(zip(*pair.cells[column], strict=True)):
                found.numbers += _is_number(old)
                if not _same(old, new):
                    found.differ((name, pair.keys[place], column), (old, new), why)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(old: Any, new: Any) -> bool:
    if pd.isna(old) and pd.isna(new):
        return True
    if _is_number(old) and _is_number(new):
        return bool(np.isclose(old, new, rtol=ROUNDING, atol=1e-9))
    return bool(old == new)
