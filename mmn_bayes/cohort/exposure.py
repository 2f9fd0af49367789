"""From a table of infusions to exposure on any day: pure functions of days and doses."""

import numpy as np
import pandas as pd

# Wider than any legal day (100 years either way), so that patient and day make one sortable number.
_DAYS_APART = 200_000.0
_FARTHEST_DAY = 90_000.0


def days_since_first_infusion(
    patient: np.ndarray, day: np.ndarray, infusions: pd.DataFrame
) -> np.ndarray:
    """Days between a patient's first recorded infusion and each day; 0 before it or without one.

    Parameters
    ----------
    patient
        Identifiers, shape (row,).
    day
        Days, shape (row,).
    infusions
        The cohort's table: `patient`, `day`, `dose_g_per_kg`.

    Returns
    -------
    ndarray
        Days, shape (row,).
    """
    first = infusions.groupby("patient")["day"].min()
    since = day - first.reindex(patient).to_numpy(dtype=float)
    return np.where(np.isnan(since), 0.0, np.maximum(since, 0.0))


def cumulative_dose(patient: np.ndarray, day: np.ndarray, infusions: pd.DataFrame) -> np.ndarray:
    """Dose given on all days before each day, in g/kg.

    An infusion on the day itself does not count: a patient is graded before the infusion of the
    day, and no dose acts at once.

    Parameters
    ----------
    patient, day, infusions
        As for `days_since_first_infusion`.

    Returns
    -------
    ndarray
        g/kg, shape (row,).
    """
    who = pd.Index(pd.unique(infusions["patient"]))
    key = (
        who.get_indexer(pd.Index(infusions["patient"])) * _DAYS_APART + infusions["day"].to_numpy()
    )
    order = np.argsort(key, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(infusions["dose_g_per_kg"].to_numpy()[order])])
    code = who.get_indexer(pd.Index(patient))
    day = np.clip(day, -_FARTHEST_DAY, _FARTHEST_DAY)  # a window may reach back before any patient
    upto = total[np.searchsorted(key[order], code * _DAYS_APART + day, side="left")]
    start = total[np.searchsorted(key[order], (code - 0.5) * _DAYS_APART, side="left")]
    return np.where(code < 0, 0.0, upto - start)


def dose_rate(
    patient: np.ndarray, day: np.ndarray, infusions: pd.DataFrame, *, window_days: float
) -> np.ndarray:
    """Dose per week over the trailing window that ends the day before, in g/kg/week.

    Parameters
    ----------
    patient, day, infusions
        As for `days_since_first_infusion`.
    window_days
        Length of the window: infusions on days from `day - window_days` to before `day` count.

    Returns
    -------
    ndarray
        g/kg/week, shape (row,).
    """
    inside = cumulative_dose(patient, day, infusions) - cumulative_dose(
        patient, day - window_days, infusions
    )
    return inside * 7.0 / window_days
