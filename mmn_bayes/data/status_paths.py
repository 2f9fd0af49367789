"""Histories of states: rows of `status` in order, checked, and counted from a patient's day 0."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from mmn_bayes.data.exposure import infusions_of
from mmn_bayes.data.schema import Cohort
from mmn_bayes.errors import DataError

_SHOWN = 5


def status_rows(cohort: Cohort, levels: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the rows of `status` by patient and day, their states checked against the levels.

    Parameters
    ----------
    cohort : Cohort
        A cohort with `status`.
    levels : sequence of str or None, optional
        The states there are, in the order in which they are reported; None for those of the cohort
        by name.

    Returns
    -------
    DataFrame
        `patient`, `day` (since inclusion), `status`, whose categories are the levels.

    Raises
    ------
    DataError
        When the cohort has no status, a state is not one of the levels, or a patient has two states
        on one day.
    ValueError
        When `levels` is empty or names a level twice.
    """
    rows, headline = cohort.status, "The states cannot be used (rows count from 0):"
    if rows is None or rows.empty:
        cure = "add it, one row a patient and day from which a state holds"
        raise DataError(headline, [f"status: no such table, or no row in it; {cure}."])
    known = sorted(rows["status"].unique()) if levels is None else _checked_levels(levels)
    unknown = rows[~rows["status"].isin(known)]
    problem = f"is not one of the levels ({', '.join(known)}); correct it or add it to `levels`"
    twice = rows[rows.duplicated(["patient", "day"])]
    again = "is a second state on this day; keep the one that holds from it"
    defects = [*_row_defects(unknown, problem), *_row_defects(twice, again)]
    if defects:
        raise DataError(headline, defects)
    rows = rows[["patient", "day", "status"]].sort_values(["patient", "day"], ignore_index=True)
    return rows.assign(status=pd.Categorical(rows["status"], categories=known))


def days_zero(cohort: Cohort, since: str) -> pd.Series:
    """Return the day from which the history of each patient counts.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    since : str
        "first_infusion", or "inclusion", which is day 0.

    Returns
    -------
    Series
        Days since inclusion, indexed by `patient` in the order of the patients; missing where there
        is no infusion.

    Raises
    ------
    ValueError
        When `since` is neither.
    """
    if since not in ("first_infusion", "inclusion"):
        raise ValueError(f"since is {since!r}; it is 'first_infusion' or 'inclusion'.")
    patients = pd.Index(cohort.patients["patient"])
    if since == "inclusion":
        return pd.Series(0.0, index=patients)
    first = infusions_of(cohort).groupby("patient")["day"].min()
    return first.reindex(patients).astype(float)


def on_clock(cohort: Cohort, since: str) -> Cohort:
    """Count the days of `status` from each patient's first infusion, or from inclusion.

    Parameters
    ----------
    cohort : Cohort
        A cohort with `status`; one without is returned as it is.
    since : str
        "first_infusion", or "inclusion", which is day 0.

    Returns
    -------
    Cohort
        `status` has the rows from day 0 on, in days since day 0, and none of a patient without
        day 0. The days of the other tables are as they were.

    Raises
    ------
    ValueError
        When `since` is neither.

    Examples
    --------
    With `states_cohort`, whose first patient was infused before inclusion:

    >>> states_cohort.status.head(2)
      patient    day     status
    0     P01 -604.0  dependent
    1     P01 -423.0  dependent
    >>> mb.states.on_clock(states_cohort, "first_infusion").status.head(2)
      patient    day     status
    0     P01    0.0  dependent
    1     P01  181.0  dependent
    """
    if cohort.status is None:
        return cohort
    zero = days_zero(cohort, since).reindex(cohort.status["patient"]).to_numpy()
    counted = cohort.status.assign(day=cohort.status["day"].to_numpy() - zero)
    later = counted[counted["day"] >= 0].reset_index(drop=True)
    return replace(cohort, status=later)


def _checked_levels(levels: Sequence[str]) -> list[str]:
    known = [] if isinstance(levels, str) else list(levels)
    if not known or len(set(known)) < len(known):
        raise ValueError(f"`levels` is {levels!r}; list every state once, at least one.")
    return known


def _row_defects(rows: pd.DataFrame, problem: str) -> list[str]:
    """Name the first rows of status with a problem, and count the others."""
    defects = [
        f"status: row position {row.Index} of cohort.status, day {row.day:g}: '{row.status}' "
        f"{problem}."
        for row in rows.head(_SHOWN).itertuples()
    ]
    more = len(rows) - len(defects)
    return [*defects, f"status: {more} more rows of the same kind."] if more else defects
