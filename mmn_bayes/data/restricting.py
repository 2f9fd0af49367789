"""The part of a cohort in which doses were not chosen by how patients did."""

import warnings
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mmn_bayes.data.exposure import infusions_of
from mmn_bayes.data.random_streams import rng_of
from mmn_bayes.data.schedules import courses
from mmn_bayes.data.schema import Cohort
from mmn_bayes.errors import CohortWarning


def first_months(
    cohort: Cohort,
    *,
    until_day: float,
    every_days: float | None = None,
    within_days: float = 7.0,
    within_dose: float = 0.1,
) -> Cohort:
    """Restrict a cohort to its first months, and to patients on a fixed schedule then.

    Parameters
    ----------
    cohort : Cohort
        With a table of infusions.
    until_day : float
        Last day that counts: later grades, infusions, blocks and states are left out.
    every_days : float or None, optional
        Interval of the schedule: only patients stay whose courses kept it from day 0 to
        `until_day` (or to their last grade, where that is earlier): none began more than so many
        days after the one before, day 0 standing in for the first, or sooner, but for
        `within_days`; the last lies no further from the end; and the doses differ by no more than
        `within_dose`. None keeps all patients.
    within_days, within_dose : float, float, optional
        Tolerance of the intervals, and of the doses: the largest over the smallest, less 1.

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

    Notes
    -----
    Patients who stay on a schedule are no random part of the cohort: those who got worse, or were
    cured, may have left it. Among them doses did not depend on strength; results do not carry over
    to the others.

    Examples
    --------
    With `cohort`, the cohort of `data/leger2008_cohort`:

    >>> early = mb.exposure.first_months(cohort, until_day=182)
    >>> len(cohort.grades), len(early.grades)
    (5120, 2720)
    >>> len(mb.exposure.first_months(cohort, until_day=182, every_days=28).patients)
    27
    """
    if not until_day > 0 or (every_days is not None and not every_days > 0) or within_days < 0:
        raise ValueError("until_day and every_days are days above 0, within_days 0 or more.")
    everybody = cohort.patients["patient"]
    kept = set(everybody)
    if every_days is not None:
        kept = _on_schedule(cohort, until_day, every_days, within_days, within_dose)
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
    cohort, patients : Cohort, collection of str
        The cohort, and the identifiers of those who stay.

    Returns
    -------
    Cohort
        Everything else as it is.
    """
    return replace(cohort, **_those(cohort, patients, np.inf))


def with_blanks(cohort: Cohort, columns: Collection[str], *, share: float, seed: int) -> Cohort:
    """Return a cohort with covariates made missing completely at random.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    columns : collection of str
        Columns of its table `patients`, each blanked independently of the others.
    share : float
        Share of the patients who are blanked, between 0 and 1; their number is rounded.
    seed : int
        Seed of the choice of patients.

    Returns
    -------
    Cohort
        Its title says so; values that were missing before stay missing.

    Raises
    ------
    ValueError
        When there is no such column, one is named twice, or the share is of nobody, or of all.

    Examples
    --------
    With `cohort`, the cohort of `data/leger2008_cohort`:

    >>> some = mb.simulation.with_blanks(cohort, ["male"], share=0.1, seed=1)
    >>> int(cohort.patients["male"].isna().sum()), int(some.patients["male"].isna().sum())
    (0, 4)
    """
    names = [columns] if isinstance(columns, str) else list(columns)
    unknown = [name for name in names if name not in cohort.predictors]
    if unknown or not names or len(set(names)) < len(names):
        raise ValueError(
            f"columns is {names}; name one or more of {', '.join(cohort.predictors)}, each once."
        )
    patients = cohort.patients.copy()
    n_gone = round(share * len(patients))
    if not 0 < n_gone < len(patients):
        raise ValueError(
            f"A share of {share} of {len(patients)} patients is {n_gone}; blank some, not all."
        )
    for name in names:
        rng = rng_of(seed, "covariates, blanked", *name.encode())
        gone = rng.choice(len(patients), size=n_gone, replace=False)
        patients[name] = patients[name].mask(np.isin(np.arange(len(patients)), gone))
    title = f"{cohort.title or 'Cohort'}, {', '.join(names)} blanked for {n_gone} patients"
    return replace(cohort, patients=patients, title=title)


def _those(cohort: Cohort, patients: Collection[str], until_day: float) -> dict[str, Any]:
    """The tables of some patients, up to a day."""
    parts = {}
    for name, table in cohort.tables.items():
        stays = table["patient"].isin(list(patients))
        stays &= table["day"] <= until_day if "day" in table else True
        parts[name] = table[stays].reset_index(drop=True)
    return parts


def _on_schedule(
    cohort: Cohort, until_day: float, every_days: float, within_days: float, within_dose: float
) -> set[str]:
    every = courses(infusions_of(cohort))
    inside = every[(every["day"] >= 0) & (every["day"] <= until_day)]
    last_grade = cohort.grades.dropna(subset="grade").groupby("patient")["day"].max()
    kept = set()
    for patient, own in inside.groupby("patient"):
        days, dose = own["day"].to_numpy(float), own["dose_g_per_kg"].to_numpy(float)
        end = min(until_day, float(last_grade.get(patient, until_day)))
        even = np.abs(np.diff(days) - every_days) <= within_days
        at_most = every_days + within_days
        ends = days[0] <= at_most and end - days[-1] <= at_most and days.size > 1
        if even.all() and ends and dose.max() <= (1.0 + within_dose) * dose.min():
            kept.add(str(patient))
    return kept
