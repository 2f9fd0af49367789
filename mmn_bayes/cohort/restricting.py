"""The part of a cohort in which doses were not chosen by how patients did."""

import warnings
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mmn_bayes.cohort.exposure import infusions_of
from mmn_bayes.cohort.schedules import courses
from mmn_bayes.cohort.schema import Cohort
from mmn_bayes.errors import CohortWarning


def first_months(
    cohort: Cohort,
    *,
    until_day: float,
    every_days: float | None = None,
    within_days: float = 7.0,
) -> Cohort:
    """Restrict a cohort to its first months, and to the patients who were on a fixed schedule then.

    Parameters
    ----------
    cohort
        With a table of infusions.
    until_day
        Last day that counts: later grades, infusions, blocks and states are left out.
    every_days
        Interval of the schedule: only patients stay who had two courses or more from day 0 to
        `until_day`, each begun within `within_days` of so many days after the one before. None
        keeps all patients.
    within_days
        Tolerance of the intervals.

    Returns
    -------
    Cohort
        The restricted cohort; its title says so, and its `warnings` have a row for each patient
        left out.

    Raises
    ------
    ValueError
        When nobody would be left, or the days are not usable.

    Warns
    -----
    CohortWarning
        Once, with how many patients, grades and infusions are left out and why.
    """
    if not until_day > 0 or (every_days is not None and not every_days > 0) or within_days < 0:
        raise ValueError("until_day and every_days are days above 0, within_days 0 or more.")
    everybody = cohort.patients["patient"]
    kept = set(everybody)
    if every_days is not None:
        kept = _on_schedule(cohort, until_day, every_days, within_days)
    if not kept:
        raise ValueError(
            f"No patient had courses every {every_days:g} days ({within_days:g} more or less) up "
            f"to day {until_day:g}; name another interval or a wider tolerance."
        )
    out = everybody[~everybody.isin(kept)]
    said = f"not on a schedule of {every_days or 0:g} days up to day {until_day:g}: left out"
    found = pd.DataFrame({"table": "patients", "column": "", "patient": out, "message": said})

    parts = _those(cohort, kept, until_day)
    counts = [
        f"{len(table) - len(parts[name])} of {len(table)} {name}"
        for name, table in cohort.tables.items()
        if len(parts[name]) < len(table)
    ]
    if counts:
        warnings.warn(
            f"Left out beyond day {until_day:g}"
            + (f" or off a schedule of {every_days:g} days" if every_days is not None else "")
            + f": {', '.join(counts)}.",
            CohortWarning,
            stacklevel=2,
        )
    title = f"{cohort.title or 'Cohort'}, to day {until_day:g}"
    return replace(
        cohort,
        **parts,
        title=title if every_days is None else f"{title}, infused every {every_days:g} days",
        warnings=pd.concat([cohort.warnings, found.astype("str")], ignore_index=True),
    )


def of_patients(cohort: Cohort, patients: Collection[str]) -> Cohort:
    """Return the cohort of some of its patients, without a word: for fits that leave others out.

    Parameters
    ----------
    cohort, patients
        The cohort, and the identifiers of those who stay.

    Returns
    -------
    Cohort
        Everything else as it is.
    """
    return replace(cohort, **_those(cohort, patients, np.inf))


def _those(cohort: Cohort, patients: Collection[str], until_day: float) -> dict[str, Any]:
    """The tables of some patients, up to a day."""
    parts = {}
    for name, table in cohort.tables.items():
        stays = table["patient"].isin(list(patients))
        stays &= table["day"] <= until_day if "day" in table else True
        parts[name] = table[stays].reset_index(drop=True)
    return parts


def _on_schedule(
    cohort: Cohort, until_day: float, every_days: float, within_days: float
) -> set[str]:
    given = infusions_of(cohort)
    inside = given[(given["day"] >= 0) & (given["day"] <= until_day)]
    since = courses(inside).dropna(subset="days_since_course")
    fits = (since["days_since_course"] - every_days).abs() <= within_days
    all_fit = fits.groupby(since["patient"]).all()
    return set(all_fit.index[all_fit])
