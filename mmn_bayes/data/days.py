"""Days: numbers counted from inclusion, or ISO dates counted from each patient's start_date."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmn_bayes.data.cells import (
    Cells,
    as_ordinal,
    cells_of,
    finite_numbers,
    is_date,
    is_number,
    number_cure,
    where,
)
from mmn_bayes.data.findings import Findings, place
from mmn_bayes.data.headers import misspelt_as
from mmn_bayes.data.schema import MAX_DAY


@dataclass(frozen=True)
class Starts:
    """When day 0 was, and how to name what is missing.

    Attributes
    ----------
    dates : Mapping of str to float, or None
        Date of day 0 by patient, in days: NaN where it is blank, infinite where it is defective
        (which has been said). None when `patients` has no column start_date.
    columns : tuple of str
        Columns of `patients`, to name a misspelt start_date.
    """

    dates: Mapping[str, float] | None = None
    columns: tuple[str, ...] = ()


def check_date(cells: Cells, findings: Findings) -> pd.Series:
    """ISO dates as counts of days; NaN where blank, infinite where there is no such date.

    Parameters
    ----------
    cells : Cells
        The column.
    findings : Findings
        Where defects go.

    Returns
    -------
    Series
        Of float, shape (n_rows,).
    """
    ordinals = np.array([as_ordinal(text) for text in cells.stripped], dtype=float)
    bad = np.isnan(ordinals) & ~cells.missing
    cells.report(bad, "not an ISO date of the calendar", "write it as YYYY-MM-DD", findings)
    ordinals[bad] = np.inf
    return pd.Series(ordinals[cells.codes], dtype=float)


def check_day(cells: Cells, starts: Starts, findings: Findings) -> pd.Series:
    """Days since inclusion, from a column of numbers or a column of ISO dates.

    Parameters
    ----------
    cells : Cells
        The column.
    starts : Starts
        Day 0 of each patient, for dates.
    findings : Findings
        Where defects go.

    Returns
    -------
    Series of float, shape (n_rows,)
        NaN where a cell is missing or bad.
    """
    stripped = cells.stripped
    dates, numbers = where(stripped, is_date), where(stripped, is_number)
    if not dates.any():
        days = finite_numbers(cells, "the day as a number or an ISO date (YYYY-MM-DD)", findings)
        return _near(cells, days[cells.codes], findings)
    cure = "write all days as numbers or all as ISO dates (YYYY-MM-DD)"
    neither = ~(dates | numbers | cells.missing)
    mended = number_cure(np.array(stripped, dtype=object)[neither], cure)
    cells.report(neither, "neither a number nor an ISO date", mended, findings)
    if numbers.any():
        _report_mixture(cells, dates, numbers, findings)
        return pd.Series(np.full(cells.codes.size, np.nan))
    ordinals = np.array([as_ordinal(text) for text in stripped], dtype=float)
    cells.report(
        dates & np.isnan(ordinals), "there is no such date in the calendar", cure, findings
    )
    return _near(cells, _since_start(cells, ordinals, starts, findings), findings)


def _report_mixture(
    cells: Cells, dates: np.ndarray, numbers: np.ndarray, findings: Findings
) -> None:
    # The rarer kind is the one to mend, so those are the rows that are named.
    few_numbers = numbers[cells.codes].sum() < dates[cells.codes].sum()
    words = ("numbers", "ISO dates") if few_numbers else ("ISO dates", "numbers")
    problem = f"{words[0]} in a column of {words[1]}"
    cure = "write all days as numbers or all as ISO dates"
    cells.report(numbers if few_numbers else dates, problem, cure, findings)


def _since_start(
    cells: Cells, ordinals: np.ndarray, starts: Starts, findings: Findings
) -> np.ndarray:
    nowhere = np.full(cells.codes.size, np.nan)
    if starts.dates is None:
        problem = "the days are ISO dates but patients has no column start_date"
        cure = "add start_date (the date of day 0) to patients, or write days as numbers"
        if given := misspelt_as("start_date", list(starts.columns), 0.6):
            cure = f"rename column {given} of patients to start_date if that is what it holds"
        findings.defect(place(cells.table.name, cells.column), problem, cure)
        return nowhere
    if "patient" not in cells.table.cells:
        return nowhere
    patients = cells_of(cells.table, "patient")
    known = np.array([patient in starts.dates for patient in patients.values], dtype=bool)
    dates = np.array([starts.dates.get(patient, np.nan) for patient in patients.values])
    start = dates[patients.codes]
    unstarted = known[patients.codes] & np.isnan(start) & ~cells.missing_rows
    problem = "the day is a date but the patient has no start_date in patients"
    cells.report_rows(np.flatnonzero(unstarted), problem, "fill in start_date there", findings)
    days: np.ndarray = ordinals[cells.codes] - start
    return np.where(np.isfinite(days), days, np.nan)


def _near(cells: Cells, days: np.ndarray, findings: Findings) -> pd.Series:
    far = np.abs(days) > MAX_DAY
    problem = f"more than {MAX_DAY:g} days from inclusion"
    cure = "count days from inclusion (day 0), or write ISO dates and start_date in patients"
    cells.report_rows(np.flatnonzero(far), problem, cure, findings)
    return pd.Series(np.where(far, np.nan, days), dtype=float)
