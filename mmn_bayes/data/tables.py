"""Tables as text: what a CSV file, a Parquet file and a DataFrame have in common before checking.

Every cell is text here, so that the identifier 001 is never the number 1; parsing comes later.
"""

import csv
import datetime
import decimal
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mmn_bayes.data.findings import SHOWN_ROWS, Findings, in_words, place

# Whole numbers up to here are exact in a float64, so they can be written without a point.
EXACT_WHOLE = 2.0**53


@dataclass(frozen=True)
class TextTable:
    """A table of text cells that knows how to name its rows to the user.

    Attributes
    ----------
    name : str
        Name of the table in the data dictionary.
    cells : dict of str to ndarray of object, shape (n_rows,)
        Text of every cell by column, as it was written; "" where a DataFrame had a missing value.
    lines : ndarray of int, shape (n_rows,)
        Line in the file (the header is line 1) or position in the table (from 0).
    row_word : str
        "line" for CSV files; "row position" for DataFrames and Parquet files.
    complete : bool
        Whether every row of the source is here; False when rows could not be split into cells.
    hint : str
        What else to say when a column is missing, or "".
    orders : Mapping of str to tuple of str
        Categories as text, lowest first, of the columns that are ordered categories.
    """

    name: str
    cells: dict[str, np.ndarray]
    lines: np.ndarray
    row_word: str = "row position"
    complete: bool = True
    hint: str = ""
    orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def label(self, row: int) -> str:
        """The name of one row, as the user finds it."""
        return f"{self.row_word} {self.lines[row]}"

    def rows(self, rows: np.ndarray, shown: Sequence[str] = ()) -> str:
        """The first rows by name, each with what is shown beside it, and how many more."""
        labels = [self.label(row) for row in rows[:SHOWN_ROWS]]
        if len(shown):
            labels = [f"{label} ({text})" for label, text in zip(labels, shown, strict=False)]
        return in_words(labels, len(rows))


def table_from_csv(path: Path, name: str, findings: Findings) -> TextTable | None:
    """Read a CSV file (UTF-8, commas, a header), every cell as text.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        Name of the table it holds.
    findings : Findings
        Where defects go: encoding, delimiter, quotes, header, rows of another width.

    Returns
    -------
    TextTable or None
        None when nothing in the file can be checked any further.
    """
    text = decoded(path, findings)
    if text is None:
        return None
    try:
        rows, lines = _split(text)
    except csv.Error as error:
        cure = "close every double quote, and write a quote inside a cell twice"
        findings.defect(path.name, f"the file is not readable as CSV ({error})", cure)
        return None
    if not rows:
        cure = "write a header and rows, or delete the file if it is an optional table"
        findings.defect(path.name, "the file is empty", cure)
        return None
    header = rows[0]
    if len(header) == 1 and (wrong := _delimiter(header[0])):
        cure = "save it as CSV separated by commas, with points as decimal marks"
        findings.defect(path.name, f"the cells are separated by {wrong}, not by commas", cure)
        return None
    return _rectangle(header, rows[1:], np.array(lines[1:], dtype=int), path.name, name, findings)


def decoded(path: Path, findings: Findings) -> str | None:
    """The text of a UTF-8 file, with or without a byte order mark; a defect if it is not UTF-8."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        problem = f"not UTF-8: byte {error.start} (line {line}) is 0x{data[error.start]:02x}"
        findings.defect(path.name, problem, 'save the file as "CSV UTF-8" or with UTF-8 encoding')
        return None


def _split(text: str) -> tuple[list[list[str]], list[int]]:
    # Blank lines are no rows, and a quoted cell may span lines: the reader's own count tells.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    start = 1
    try:
        for row in reader:
            if row and not (len(row) == 1 and not row[0].strip()):
                rows.append(row)
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        raise csv.Error(f"line {start}: {error}") from error
    return rows, lines


def _delimiter(header: str) -> str:
    counts = {
        "semicolons (;)": header.count(";"),
        "tabs": header.count("\t"),
        "|": header.count("|"),
    }
    wrong = max(counts, key=lambda word: counts[word])
    return wrong if counts[wrong] else ""


def _rectangle(
    header: list[str],
    rows: list[list[str]],
    lines: np.ndarray,
    file: str,
    name: str,
    findings: Findings,
) -> TextTable | None:
    width = len(header)
    widths = np.fromiter(map(len, rows), dtype=int, count=len(rows))
    odd = np.flatnonzero(widths != width)
    if odd.size:
        shown = [f"line {lines[row]} ({widths[row]} cells)" for row in odd[:SHOWN_ROWS]]
        problem = f"the header has {width} cells, these rows have another number"
        cure = "put cells that hold a comma in double quotes, and write decimals with a point"
        findings.defect(place(file, rows=in_words(shown, odd.size)), problem, cure)
        rows = [row for row in rows if len(row) == width]
        lines = lines[widths == width]
    if not rows and not odd.size:
        _no_rows(file, findings)
        return None
    cells = [np.array(column, dtype=object) for column in zip(*rows, strict=True)]
    cells = cells or [np.empty(0, dtype=object) for _ in header]
    return TextTable(
        name, _named(header, cells, file, findings), lines, "line", complete=not odd.size
    )


def _no_rows(where: str, findings: Findings) -> None:
    cure = "add rows, or leave the table out if it is an optional one"
    findings.defect(where, "there is a header but no row", cure)


def _named(
    header: Sequence[str], cells: Sequence[np.ndarray], where: str, findings: Findings
) -> dict[str, np.ndarray]:
    named: dict[str, np.ndarray] = {}
    for number, (given, column) in enumerate(zip(header, cells, strict=True), start=1):
        name = given.strip()
        if not name:
            cure = "name it, or delete it (an index is left out with index=False)"
            findings.defect(where, f"column number {number} has no name", cure)
        elif name in named:
            cure = "keep one of them and rename or delete the other"
            findings.defect(place(where, name), "the column is there twice", cure)
        else:
            named[name] = column
    return named


def table_from_parquet(path: Path, name: str, findings: Findings) -> TextTable | None:
    """Read a Parquet file as plain columns; pandas metadata in it (an index, say) is ignored.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        Name of the table it holds.
    findings : Findings
        Where defects go.

    Returns
    -------
    TextTable or None
        None when nothing in the file can be checked any further.
    """
    try:
        table = pq.read_table(io.BytesIO(path.read_bytes()))
        # Whole numbers with gaps would become floats, and long identifiers would change.
        frame = table.to_pandas(ignore_metadata=True, integer_object_nulls=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        cure = "write the file again, or save the table as CSV"
        findings.defect(path.name, f"not readable as Parquet ({reason})", cure)
        return None
    return table_from_frame(frame, name, findings, where=path.name)


def table_from_frame(
    frame: object, name: str, findings: Findings, where: str = ""
) -> TextTable | None:
    """Take a DataFrame as text: 3.0 becomes "3", True "yes", midnight a date, missing "".

    Parameters
    ----------
    frame : pandas.DataFrame
        The table; never changed. The index is ignored.
    name : str
        Name of the table in the data dictionary.
    findings : Findings
        Where defects go.
    where : str
        How to name the source in messages, if not by `name`.

    Returns
    -------
    TextTable or None
        None when nothing in the table can be checked any further.
    """
    where = where or name
    if not isinstance(frame, pd.DataFrame):
        problem = f"a DataFrame is wanted, a {type(frame).__name__} was given"
        findings.defect(where, problem, "pass a pandas DataFrame")
        return None
    if not len(frame):
        _no_rows(where, findings)
        return None
    header = [cell_text(column) for column in frame.columns]
    cells = [text_of(frame.iloc[:, number]) for number in range(frame.shape[1])]
    index = [str(level) for level in frame.index.names if level is not None]
    hint = f"the index is named {', '.join(index)}: call reset_index() first" if index else ""
    named = _named(header, cells, where, findings)
    orders = {
        column.strip(): tuple(text_of(pd.Series(dtype.categories)))
        for column, dtype in zip(header, frame.dtypes, strict=True)
        if isinstance(dtype, pd.CategoricalDtype) and dtype.ordered
    }
    return TextTable(name, named, np.arange(len(frame)), hint=hint, orders=orders)


def text_of(series: pd.Series) -> np.ndarray:
    """The cells of a column as text, in the one spelling that is written to disk.

    Parameters
    ----------
    series : pandas.Series, shape (n_rows,)
        A column of any type.

    Returns
    -------
    ndarray of object, shape (n_rows,)
        Text; "" where the value is missing.
    """
    if series.dtype == object:
        # Among objects True equals 1 equals 1.0; they are spelt apart only one by one.
        return np.array([cell_text(value) for value in series], dtype=object)
    codes, values = pd.factorize(series)
    spelt = np.array([*(cell_text(value) for value in values), ""], dtype=object)
    return spelt[codes]  # the code of a missing value is -1: the last, blank, spelling


def cell_text(value: object) -> str:
    """One value as text, whatever it is, in the spelling of `text_of`."""
    if isinstance(value, str):
        return value
    if value is None or value is pd.NaT or value is pd.NA or _is_nat(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, datetime.datetime | np.datetime64):
        return _stamp_text(value)
    if isinstance(value, np.timedelta64):  # NumPy counts it among the integers
        return str(value)
    if isinstance(value, int | np.integer):
        return str(decimal.Decimal(int(value)))  # `str` refuses thousands of digits
    if isinstance(value, float | np.floating):
        return number_text(float(value))
    try:
        return str(value)
    except Exception as error:  # of any object, by any class: it is no text, which is what counts
        return f"<{type(value).__name__} without text: {type(error).__name__}>"


def _is_nat(value: object) -> bool:
    return isinstance(value, np.datetime64 | np.timedelta64) and bool(np.isnat(value))


def _stamp_text(value: datetime.datetime | np.datetime64) -> str:
    """A date where the time is midnight, else both; as NumPy writes it beyond the year 9999."""
    try:
        stamp = pd.Timestamp(value)
        return stamp.date().isoformat() if stamp.time() == datetime.time() else stamp.isoformat()
    except (ValueError, NotImplementedError, OverflowError):
        return str(value)


def number_text(value: float) -> str:
    """A number as text: without a point when it is whole, else so that it reads back exactly."""
    if np.isnan(value):
        return ""
    whole = np.isfinite(value) and value == int(value) and abs(value) < EXACT_WHOLE
    return str(int(value)) if whole else repr(value)
