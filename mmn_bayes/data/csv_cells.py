"""Cells of CSV that a spreadsheet would run as a formula: marked when written, unmarked when read.

An apostrophe before them is the spreadsheets' own mark of text. A text that has apostrophes before
such a beginning already gets one more, so that reading takes away exactly what writing added.
"""

import dataclasses
import re
from typing import Any

import numpy as np
import pandas as pd

from mmn_bayes.data.cells import is_number
from mmn_bayes.data.tables import TextTable

# Spreadsheets also take the full-width signs for formulas.
_RUN = re.compile(r"'*(\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])")


def marked(text: str) -> str:
    """A text as it is written to a CSV file: never a formula; a number (-1.5) stays as it is."""
    return f"'{text}" if _RUN.match(text) and not is_number(text) else text


def unmarked(text: str) -> str:
    """The text that `marked` was given."""
    return text[1:] if text.startswith("'") and _RUN.match(text) else text


def marked_table(table: pd.DataFrame) -> pd.DataFrame:
    """A table with every text of it marked: its cells, its index and the names of its columns."""
    made = table.copy(deep=False)
    for number in range(table.shape[1]):
        if not pd.api.types.is_numeric_dtype(table.dtypes.iloc[number]):
            made.isetitem(number, _marked_cells(table.iloc[:, number]).array)
    made.index = _marked_index(table.index)
    made.columns = _marked_index(table.columns)
    return made


def unmarked_table(text: TextTable) -> TextTable:
    """A table of a CSV file without the marks."""
    cells = {}
    for name, column in text.cells.items():
        codes, values = pd.factorize(column)
        plain = np.array([unmarked(value) for value in values], dtype=object)
        cells[unmarked(name)] = plain[codes]
    return dataclasses.replace(text, cells=cells) if len(cells) == len(text.cells) else text


def _marked_cells(column: pd.Series) -> pd.Series:
    # Only where there is one: another type of column might be written in another way.
    if not any(isinstance(cell, str) and marked(cell) != cell for cell in column):
        return column
    return column.astype(object).map(_marked_text)


def _marked_index(index: pd.Index) -> pd.Index:
    if isinstance(index, pd.MultiIndex):
        index = index.set_levels([_marked_index(level) for level in index.levels])  # type: ignore[misc]
        return index.set_names([_marked_text(name) for name in index.names])
    texts = [_marked_text(label) for label in index]
    changed = pd.Index(texts, dtype=object) if texts != list(index) else index
    return changed.rename(_marked_text(index.name))


def _marked_text(text: Any) -> Any:
    return marked(text) if isinstance(text, str) else text
