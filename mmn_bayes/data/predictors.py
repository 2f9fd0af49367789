"""Predictor columns of `patients`: what kind each one is, inferred from its cells."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mmn_bayes.data.cells import (
    POINT,
    Cells,
    as_number,
    canonical,
    cells_of,
    finite_numbers,
    has_comma,
    is_number,
    where,
)
from mmn_bayes.data.checking import check_order, check_spellings
from mmn_bayes.data.findings import Findings
from mmn_bayes.data.schema import NO, YES
from mmn_bayes.data.tables import TextTable

_CODE = re.compile(r"\d+", re.ASCII)


def check_predictors(
    text: TextTable, columns: Sequence[str], findings: Findings
) -> dict[str, pd.Series]:
    """Parse the further columns of `patients`.

    Parameters
    ----------
    text : TextTable
        The table `patients`.
    columns : sequence of str
        Its further columns.
    findings : Findings
        Where defects (numbers mixed with text, infinite numbers, two spellings of one category)
        and oddities (constant or entirely missing) go.

    Returns
    -------
    dict of str to Series, each of shape (n_rows,)
        float64, boolean (nullable) or str, in the order of the file.
    """
    parsed = {name: _predictor(cells_of(text, name), findings) for name in columns}
    for name, values in parsed.items():
        distinct = set(values.dropna().unique())
        if not distinct:
            findings.oddity(text.name, name, "the predictor is missing for every patient")
        elif len(distinct) == 1:
            message = "the predictor is the same for every patient who has it"
            findings.oddity(text.name, name, message)
    return parsed


def _predictor(cells: Cells, findings: Findings) -> pd.Series:
    stripped = np.array(cells.stripped, dtype=object)
    there = ~cells.missing
    numeric = where(stripped, is_number)
    folded = [value.casefold() for value in stripped]
    yes, no = where(folded, YES.__contains__), where(folded, NO.__contains__)
    code = where(stripped, _CODE.fullmatch)
    padded = where(stripped, lambda text: len(text) > 1 and text.startswith("0"))
    # Codes such as 001 are not quantities: 001 is never read as 1.
    if code[there].all() and (code & padded).any():
        return cells.text()
    commas = where(stripped, has_comma) & there
    if commas.any():  # whatever else is in the column: a number is no category
        cells.report(commas, "a number with a comma", POINT, findings)
        return cells.text()
    if numeric[there].all():
        numbers = finite_numbers(cells, "a finite number", findings)
        places = {canonical(text): as_number(text) for text in stripped[there]}
        check_order(cells, places, "of the numbers", findings)
        return pd.Series(numbers[cells.codes], dtype=float)
    if (yes | no)[there].all():
        values = np.array([None if gone else bool(y) for gone, y in zip(~there, yes, strict=True)])
        return pd.Series(values[cells.codes], dtype="boolean")
    if numeric.any():
        _report_mixture(cells, numeric, findings)
    else:
        check_spellings(cells, findings, show=True)
    if cells.column in cells.table.orders:
        message = "the order of the categories is left out: a model file states it (levels)"
        findings.oddity(cells.table.name, cells.column, message)
    return cells.text()


def _report_mixture(cells: Cells, numeric: np.ndarray, findings: Findings) -> None:
    # The rarer kind is the one to mend, so those are the rows that are named.
    text = ~numeric & ~cells.missing
    if text[cells.codes].sum() <= numeric[cells.codes].sum():
        cure = "correct these cells, or leave them blank if the value is missing"
        cells.report(text, "text in a column of numbers", cure, findings)
    else:
        cure = "write these categories as text too (such as grade 1), or leave the cells blank"
        cells.report(numeric, "numbers in a column of text", cure, findings)
