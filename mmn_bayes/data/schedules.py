"""Schedules of infusions: what is given in a scenario, and how far that is from what was given."""

from typing import Any

import numpy as np
import pandas as pd

from mmn_bayes.data.findings import quoted
from mmn_bayes.data.schema import MAX_DAY

_LONGEST_COURSE_DAYS = 7
_WITHIN_A_COURSE_DAYS = 3  # infusions no further apart are one course: over a weekend, not weekly
_MOST_INFUSIONS = 100_000


def schedule(
    *,
    dose_g_per_kg: float,
    every_days: float,
    from_day: float,
    until_day: float,
    days_per_course: int = 1,
) -> pd.DataFrame:
    """Return the infusions of a regular schedule, the same for every patient.

    Parameters
    ----------
    dose_g_per_kg : float
        Dose of a course, g/kg.
    every_days : float
        Days from the beginning of a course to that of the next.
    from_day, until_day : float
        Day of the first course, and the day from which none begins.
    days_per_course : int, default 1
        Days in a row over which each course is split evenly.

    Returns
    -------
    DataFrame
        A scenario: `day` and `dose_g_per_kg`, one row an infusion.

    Raises
    ------
    ValueError
        When a number is not usable; all such numbers are named at once.

    Examples
    --------
    >>> mb.exposure.schedule(
    ...     dose_g_per_kg=2, every_days=28, from_day=0, until_day=56, days_per_course=2
    ... )
        day  dose_g_per_kg
    0   0.0            1.0
    1   1.0            1.0
    2  28.0            1.0
    3  29.0            1.0
    """
    numbers: dict[str, Any] = {"dose_g_per_kg": dose_g_per_kg, "every_days": every_days}
    others: dict[str, Any] = {
        "from_day": from_day,
        "until_day": until_day,
        "days_per_course": days_per_course,
    }
    texts = [n for n, v in {**numbers, **others}.items() if isinstance(v, str)]
    if texts:
        raise ValueError(f"{' and '.join(texts)}: given as text; give numbers.")
    wrong = [
        f"{n} is {v}; give a number above 0." for n, v in numbers.items() if not 0 < v < np.inf
    ]
    if not np.isfinite([from_day, until_day]).all() or until_day <= from_day:
        wrong.append(f"until_day is {until_day}; give a day after from_day, {from_day}.")
    if not 1 <= days_per_course <= _LONGEST_COURSE_DAYS or days_per_course != int(days_per_course):
        wrong.append(
            f"days_per_course is {days_per_course}; give a whole number from 1 to "
            f"{_LONGEST_COURSE_DAYS}."
        )
    elif not wrong and (until_day - from_day) / every_days * days_per_course > _MOST_INFUSIONS:
        wrong.append(f"every_days is {every_days}; that is over {_MOST_INFUSIONS} infusions.")
    if wrong:
        raise ValueError(" ".join(wrong))
    begins = np.arange(from_day, until_day, every_days, dtype=float)
    days = (begins[:, None] + np.arange(days_per_course)).ravel()
    return pd.DataFrame({"day": days, "dose_g_per_kg": dose_g_per_kg / days_per_course})


def no_infusions() -> pd.DataFrame:
    """Return the scenario without any infusion.

    Returns
    -------
    DataFrame
        `day` and `dose_g_per_kg`, without rows.

    Examples
    --------
    >>> mb.exposure.no_infusions()
    Empty DataFrame
    Columns: [day, dose_g_per_kg]
    Index: []
    """
    return pd.DataFrame({"day": np.empty(0), "dose_g_per_kg": np.empty(0)})


def courses(infusions: pd.DataFrame) -> pd.DataFrame:
    """Sum the doses of the infusions of each course.

    Parameters
    ----------
    infusions : DataFrame
        `patient`, `day`, `dose_g_per_kg`. Infusions of a patient at most 3 days apart are one
        course.

    Returns
    -------
    DataFrame
        One row a course: `patient`, `day` (of its first infusion), `last_day`, `dose_g_per_kg`, and
        `days_since_course`, since the beginning of the one before, missing for the first.

    Examples
    --------
    >>> days = {"day": [0, 1, 28, 29], "dose_g_per_kg": [1.0, 1.0, 0.5, 0.5]}
    >>> mb.exposure.courses(pd.DataFrame({"patient": "P01", **days}))
      patient  day  last_day  dose_g_per_kg  days_since_course
    0     P01    0         1            2.0                NaN
    1     P01   28        29            1.0               28.0
    """
    table = infusions[["patient", "day", "dose_g_per_kg"]].sort_values(
        ["patient", "day"], kind="stable"
    )
    apart = table.groupby("patient")["day"].diff()
    number = (~(apart <= _WITHIN_A_COURSE_DAYS)).cumsum()
    found = table.groupby(number).agg(
        patient=("patient", "first"),
        day=("day", "first"),
        last_day=("day", "last"),
        dose_g_per_kg=("dose_g_per_kg", "sum"),
    )
    since = found.groupby("patient")["day"].diff()
    return found.assign(days_since_course=since).reset_index(drop=True)


def scenario_table(scenario: pd.DataFrame, patients: np.ndarray) -> pd.DataFrame:
    """Return the infusions of a scenario for each patient; a table without patients is for all.

    Parameters
    ----------
    scenario : DataFrame
        `day`, `dose_g_per_kg` and, where patients differ, `patient`.
    patients : ndarray
        Identifiers.

    Returns
    -------
    DataFrame
        `patient`, `day`, `dose_g_per_kg`.

    Raises
    ------
    ValueError
        Every defect of the table at once.
    """
    wrong = []
    absent = [name for name in ("day", "dose_g_per_kg") if name not in scenario]
    if absent:
        raise ValueError(f"The scenario has no column {' and no column '.join(absent)}.")
    for name in ("day", "dose_g_per_kg"):
        kind = scenario[name].dtype.kind if hasattr(scenario[name].dtype, "kind") else "O"
        if kind in "Mmb":  # a date is a number of nanoseconds, and yes is 1
            raise ValueError(
                f"The scenario's column {name} is of type {scenario[name].dtype}; give numbers "
                "(days since inclusion, g/kg)."
            )
    day = pd.to_numeric(scenario["day"], errors="coerce").to_numpy(float)
    dose = pd.to_numeric(scenario["dose_g_per_kg"], errors="coerce").to_numpy(float)
    for row in np.flatnonzero(~np.isfinite(day))[:5]:
        wrong.append(
            f"row {row + 1}: day is {quoted(str(scenario['day'].iloc[row]))}, which is no number."
        )
    for row in np.flatnonzero(np.abs(day) > MAX_DAY)[:5]:
        wrong.append(f"row {row + 1}: day is {day[row]:g}, over {MAX_DAY:g} days from inclusion.")
    for row in np.flatnonzero(~((dose > 0) & np.isfinite(dose)))[:5]:
        value = scenario["dose_g_per_kg"].iloc[row]
        wrong.append(
            f"row {row + 1}: dose_g_per_kg is {quoted(str(value))}; give a number above 0."
        )
    if "patient" in scenario:
        unknown = ~scenario["patient"].astype(str).isin(set(map(str, patients)))
        for row in np.flatnonzero(unknown)[:5]:
            wrong.append(f"row {row + 1}: the patient is not one of the fit.")
    if wrong:
        raise ValueError("The scenario cannot be used. " + " ".join(wrong))
    own = pd.DataFrame({"day": day, "dose_g_per_kg": dose})
    if "patient" in scenario:
        return own.assign(patient=scenario["patient"].astype(str).to_numpy())
    return own.merge(pd.DataFrame({"patient": pd.unique(patients)}), how="cross")
