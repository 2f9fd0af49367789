"""The checks of single columns, one function a kind of column, and of the headers of a table.

A check adds what it finds to the findings and returns the parsed column, with NA where a cell is
bad, so that every other check can go on and the user sees all defects at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mmn_bayes.data.cells import (
    Cells,
    as_number,
    canonical,
    cells_of,
    finite_numbers,
    is_number,
    number_cure,
    spelling,
    where,
)
from mmn_bayes.data.days import Starts, check_date, check_day
from mmn_bayes.data.findings import SHOWN_ROWS, Findings, in_words, place, quoted
from mmn_bayes.data.schema import MAX_DOSE, NO, SIDES, TABLES, YES, Column, Kind
from mmn_bayes.data.tables import TextTable

# Dashes a word processor puts where a scale has an ASCII minus, as in 4-.
_DASHES = str.maketrans({"\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2212": "-"})


@dataclass(frozen=True)
class Context:
    """What the check of one column must know of the rest of the cohort.

    Attributes
    ----------
    scale : tuple of str or None
        Labels of the grade; None when the scale itself is defective.
    starts : Starts
        Day 0 of each patient.
    """

    scale: tuple[str, ...] | None
    starts: Starts = field(default_factory=Starts)


def check_table(text: TextTable, context: Context, findings: Findings) -> dict[str, pd.Series]:
    """Check every known column of a table.

    Parameters
    ----------
    text : TextTable
        The table as text.
    context : Context
        The scale and the start dates.
    findings : Findings
        Where defects go.

    Returns
    -------
    dict of str to Series, each of shape (n_rows,)
        The known columns that are there, parsed, in the order of the data dictionary.
    """
    table = TABLES[text.name]
    parsed: dict[str, pd.Series] = {}
    for column in table.columns:
        if column.name not in text.cells:
            continue
        cells = cells_of(text, column.name)
        if not column.may_be_blank:
            cure = f"fill in {column.text}" + (f" ({column.legal})" if column.legal else "")
            blank = where(cells.stripped, lambda text: not text)
            cells.report(blank, "the cell is blank and must not be", cure, findings)
            for spelt in dict.fromkeys(np.array(cells.stripped, dtype=object)[cells.missing]):
                own = where(cells.stripped, spelt.__eq__) & ~blank
                problem = f"{spelt} counts as missing, and the cell must not be"
                cells.report(own, problem, f"write it in another way, or {cure}", findings)
        parsed[column.name] = _CHECKS[column.kind](cells, column, context, findings)
    return parsed


def check_spellings(cells: Cells, findings: Findings, *, show: bool) -> None:
    """Find texts that differ only by blanks, case or invisible characters.

    Parameters
    ----------
    cells : Cells
        A column of names or identifiers.
    findings : Findings
        Where defects go.
    show : bool
        Whether to show the texts; identifiers of patients are not shown.
    """
    first: dict[str, int] = {}
    pairs: list[tuple[int, int]] = []
    for number, value in enumerate(cells.values):
        if not cells.missing[number]:
            earlier = first.setdefault(spelling(value), number)
            if earlier != number:
                pairs.append((earlier, number))
    if not pairs:
        return
    shown = []
    for pair in pairs[:SHOWN_ROWS]:
        labels = [
            cells.table.label(cells.first_row(number))
            + (f" ({quoted(cells.values[number])})" if show else "")
            for number in pair
        ]
        shown.append(" against ".join(labels))
    problem = "spelt alike but for blanks, case or invisible characters"
    findings.defect(
        place(cells.table.name, cells.column, in_words(shown, len(pairs))),
        problem,
        "spell the same thing the same way in every row",
    )


def check_order(cells: Cells, places: Mapping[str, float], what: str, findings: Findings) -> None:
    """Find ordered categories that run otherwise than what they stand for.

    Parameters
    ----------
    cells : Cells
        A column, of a table that may say in which order its categories are.
    places : Mapping of str to float
        The place of each of them, by its text.
    what : str
        What the places are of.
    findings : Findings
        Where defects go.
    """
    order = [text.strip() for text in cells.table.orders.get(cells.column, ())]
    there = {canonical(text) for text in cells.stripped}
    used = [text for text in order if canonical(text) in there & places.keys()]
    stand = [places[canonical(text)] for text in used]
    if stand != sorted(stand):
        problem = f"the ordered categories {' < '.join(used)} contradict the order {what}"
        cure = "order the categories like it, or give them as text without an order"
        findings.defect(place(cells.table.name, cells.column), problem, cure)


def _identifier(cells: Cells, column: Column, context: Context, findings: Findings) -> pd.Series:
    if cells.table.name == "patients":  # elsewhere every identifier is compared with these
        check_spellings(cells, findings, show=False)
    # As written: another table must spell it the same way; blanks around it go at the end.
    values = cells.values.copy()
    values[cells.missing] = None
    return pd.Series(values[cells.codes], dtype="str")


def _name(cells: Cells, column: Column, context: Context, findings: Findings) -> pd.Series:
    check_spellings(cells, findings, show=True)
    return cells.text()


def _yes_no(cells: Cells, column: Column, context: Context, findings: Findings) -> pd.Series:
    folded = [value.casefold() for value in cells.stripped]
    yes = where(folded, lambda text: text in YES or text == "1")
    no = where(folded, lambda text: text in NO or text == "0")
    cells.report(~(yes | no | cells.missing), "neither yes nor no", "write yes or no", findings)
    return pd.Series(yes[cells.codes])


def _side(cells: Cells, column: Column, context: Context, findings: Findings) -> pd.Series:
    folded = np.array([value.casefold() for value in cells.stripped], dtype=object)
    legal = where(folded, lambda text: text in SIDES)
    cure = f"write {', '.join(SIDES[:-1])} or {SIDES[-1]}"
    cells.report(~legal & ~cells.missing, "not a side", cure, findings)
    folded[~legal] = None
    return pd.Series(folded[cells.codes], dtype="str")


def _grade(cells: Cells, column: Column, context: Context, findings: Findings) -> pd.Series:
    scale = context.scale
    if scale is None:  # the scale is defective, which has been said
        return cells.text()
    by_number = {canonical(label): label for label in scale}  # so that 3.0 is found as 3
    labels = np.array([by_number.get(canonical(text)) for text in cells.stripped], dtype=object)
    labels[cells.missing] = None
    off = np.array([label is None for label in labels], dtype=bool) & ~cells.missing
    _report_grades(cells, off, scale, findings)
    places = {canonical(label): place for place, label in enumerate(scale)}
    check_order(cells, places, f"of the scale {', '.join(scale)}", findings)
    dtype = pd.CategoricalDtype(list(scale), ordered=True)
    return pd.Series(pd.Categorical(labels[cells.codes], dtype=dtype))


def _report_grades(
    cells: Cells, off: np.ndarray, scale: tuple[str, ...], findings: Findings
) -> None:
    stripped = cells.stripped
    words = ", ".join(scale)
    numbers = np.array([as_number(text) for text in stripped], dtype=float)
    between = np.array([np.isfinite(number) and number % 1 != 0 for number in numbers], dtype=bool)
    cells.report(
        off & between,
        f"a fraction that is not a label of the scale {words}",
        "write a label of the scale, or state the finer scale in cohort.toml (or scale=)",
        findings,
    )
    blank = "leave the cell blank if it was not graded"
    dashed = {text.translate(_DASHES) for text in np.array(stripped, dtype=object)[off]}
    hints = sorted(dashed & set(scale))
    cure = f"write {quoted(hints[0])} with a plain minus" if hints else f"write a label, or {blank}"
    # On a scale of numbers, text is another mistake than a number too high.
    text = np.isnan(numbers) if all(is_number(label) for label in scale) else np.zeros_like(off)
    mended = number_cure(np.array(stripped, dtype=object)[off & text], cure)
    cells.report(off & text, f"not a number, on the scale {words}", mended, findings)
    rest = off & ~between & ~text
    cells.report(rest, f"outside the scale {words}", cure, findings)


def _dose(cells: Cells, column: Column, context: Context, findings: Findings) -> pd.Series:
    doses = finite_numbers(cells, "the dose in g per kg of body weight", findings)
    cure = "write the dose that was given, or leave out the row if none was"
    cells.report(doses < 0, "the dose is negative", cure, findings)
    cells.report(doses == 0, "the dose is zero", cure, findings)
    cells.report(
        doses > MAX_DOSE,
        f"more than {MAX_DOSE:g} g/kg on one day, was it given in grams?",
        "divide grams by the body weight in kg",
        findings,
    )
    return pd.Series(doses[cells.codes])


def _count(cells: Cells, column: Column, context: Context, findings: Findings) -> pd.Series:
    counts = finite_numbers(cells, f"the number of {column.text}", findings)
    cure = "write a whole number from 0"
    cells.report(counts < 0, "the count is negative", cure, findings)
    with np.errstate(invalid="ignore"):
        fractional = np.isfinite(counts) & (counts % 1 != 0)
    cells.report(fractional, "the count is not a whole number", cure, findings)
    absurd = counts > 1e6
    cells.report(absurd, "the count is absurdly large", cure, findings)
    counts[(counts < 0) | fractional | absurd] = np.nan
    return pd.Series(counts[cells.codes]).astype("Int64")


_CHECKS: Mapping[Kind, Callable[[Cells, Column, Context, Findings], pd.Series]] = {
    "identifier": _identifier,
    "name": _name,
    "yes_no": _yes_no,
    "side": _side,
    "grade": _grade,
    "dose": _dose,
    "count": _count,
    "date": lambda cells, column, context, findings: check_date(cells, findings),
    "day": lambda cells, column, context, findings: check_day(cells, context.starts, findings),
}
