"""One column of text cells, looked at once per distinct value: parsing and naming of rows.

A cohort repeats few values in many rows, so every check runs on the distinct values only.
"""

import datetime
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmn_bayes.data.findings import SHOWN_ROWS, Findings, place, quoted
from mmn_bayes.data.schema import MISSING
from mmn_bayes.data.tables import TextTable, number_text

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T00:00(:00)?)?", re.ASCII)
# 40,5 and 1.234,5 and 1 234,5; 1,234.5; with the Arabic decimal mark too.
_COMMA = re.compile(
    r"[+-]?((\d+|\d{1,3}([.'\u2019 \u00a0\u202f]\d{3})+)?[,\u066b]\d+|\d{1,3}(,\d{3})+(\.\d*)?)"
    r"([eE][+-]?\d+)?"
)
POINT = "write decimals with a point (3.5, not 3,5), and thousands without a mark"
_PLAIN = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d+)?", re.ASCII)
_LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d)", re.ASCII)


@dataclass(frozen=True)
class Cells:
    """A column by its distinct values.

    Attributes
    ----------
    table : TextTable
        The table the column belongs to.
    column : str
        Its name.
    codes : ndarray of int, shape (n_rows,)
        Position in `values` of each row's cell.
    values : ndarray of object, shape (n_values,)
        The distinct cells as they were written, in order of first appearance.
    missing : ndarray of bool, shape (n_values,)
        Which of the values are spellings of a missing one.
    """

    table: TextTable
    column: str
    codes: np.ndarray
    values: np.ndarray
    missing: np.ndarray

    @property
    def stripped(self) -> list[str]:
        """The values without blanks around them."""
        return [value.strip() for value in self.values]

    @property
    def missing_rows(self) -> np.ndarray:
        """Whether each row's cell is missing, shape (n_rows,)."""
        return self.missing[self.codes]

    def first_row(self, value: int) -> int:
        """The first row that holds a value."""
        return int(np.argmax(self.codes == value))

    def text(self) -> pd.Series:
        """The cells as a `str` column, stripped, missing ones as NaN."""
        stripped = np.array(self.stripped, dtype=object)
        stripped[self.missing] = None
        return pd.Series(stripped[self.codes], dtype="str")

    def report(self, bad: np.ndarray, problem: str, cure: str, findings: Findings) -> None:
        """Add one defect for the rows whose cell is one of the bad values, if there are any.

        Parameters
        ----------
        bad : ndarray of bool, shape (n_values,)
            The values at fault.
        problem, cure : str
            What they are, and what to do.
        findings : Findings
            Where the defect goes.
        """
        if bad.any():
            self.report_rows(np.flatnonzero(bad[self.codes]), problem, cure, findings)

    def report_rows(self, rows: np.ndarray, problem: str, cure: str, findings: Findings) -> None:
        """Add one defect for these rows, their cells shown, if there are any rows."""
        if rows.size:
            shown = [quoted(self.values[self.codes[row]]) for row in rows[:SHOWN_ROWS]]
            where = place(self.table.name, self.column, self.table.rows(rows, shown))
            findings.defect(where, problem, cure)


def cells_of(table: TextTable, column: str) -> Cells:
    """A column of a table by its distinct values."""
    codes, values = pd.factorize(table.cells[column])
    missing = np.array([value.strip().casefold() in MISSING for value in values], dtype=bool)
    return Cells(table, column, codes, np.asarray(values, dtype=object), missing)


def where(values: Iterable[str], test: Callable[[str], object]) -> np.ndarray:
    """Whether a test holds of each text, shape (n_values,)."""
    return np.array([bool(test(value)) for value in values], dtype=bool)


def is_number(text: str) -> bool:
    """Whether a text is a number: ASCII digits, a point, an exponent; infinity included."""
    return bool(_NUMBER.fullmatch(text) or _INFINITE.fullmatch(text))


def is_date(text: str) -> bool:
    """Whether a text has the shape of an ISO date; it may still be no day of the calendar."""
    return bool(_DATE.fullmatch(text))


def as_number(text: str) -> float:
    """The number a text is, NaN if it is none."""
    return float(text) if is_number(text) else np.nan


def as_ordinal(text: str) -> float:
    """The date a text is, counted in days; NaN if there is no such day in the calendar."""
    try:
        return (
            float(datetime.date.fromisoformat(text[:10]).toordinal()) if is_date(text) else np.nan
        )
    except ValueError:
        return np.nan


def number_cure(values: Iterable[str], cure: str) -> str:
    """The cure for cells that are no numbers; another one when commas are the cause."""
    return POINT if any(has_comma(value) for value in values) else cure


def has_comma(text: str) -> bool:
    """Whether a text is a number but for a decimal comma, or commas between thousands."""
    return bool(_COMMA.fullmatch(text))


def finite_numbers(cells: Cells, what: str, findings: Findings) -> np.ndarray:
    """The distinct cells as finite numbers; others are reported.

    Parameters
    ----------
    cells : Cells
        The column.
    what : str
        What a number here is, for the cure.
    findings : Findings
        Where defects go.

    Returns
    -------
    ndarray of float, shape (n_values,)
        NaN where a value is missing or bad.
    """
    stripped = cells.stripped
    numeric = where(stripped, is_number)
    cure = number_cure(stripped, f"write {what}, or leave the row out")
    cells.report(~numeric & ~cells.missing, "not a number", cure, findings)
    numbers = np.array([as_number(text) for text in stripped], dtype=float)
    infinite = np.isinf(numbers)
    cells.report(infinite, "the number is infinite", f"write {what}", findings)
    numbers[infinite] = np.nan
    return numbers


def canonical(text: str) -> str:
    """A plain decimal number in its one spelling (3.0 is 3), any other text as it is."""
    return number_text(float(text)) if _PLAIN.fullmatch(text) else text


def spelling(text: str) -> str:
    """What is left of a text without blanks, case, invisible characters and accent encoding."""
    visible = (character for character in text if unicodedata.category(character) != "Cf")
    return unicodedata.normalize("NFC", "".join("".join(visible).split())).casefold()


def without_zeros(text: str) -> str:
    """The spelling of a text without the leading zeros of its numbers: 001 and 1 are alike."""
    return _LEADING_ZEROS.sub("", spelling(text))
