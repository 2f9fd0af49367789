"""From a table of infusions to exposure on any day: pure functions of days and doses."""

import numpy as np
import pandas as pd

from mmn_bayes.data.schema import Cohort

# Wider than any legal day (100 years either way), so that patient and day make one sortable number.
_DAYS_APART = 200_000.0
_FARTHEST_DAY = 90_000.0


def days_since_first_infusion(
    patient: np.ndarray, day: np.ndarray, infusions: pd.DataFrame
) -> np.ndarray:
    """Days between a patient's first recorded infusion and each day; 0 before it or without one.

    Parameters
    ----------
    patient : ndarray
        Identifiers, shape (row,).
    day : ndarray
        Days, shape (row,).
    infusions : DataFrame
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
    patient : ndarray
        Identifiers, shape (row,).
    day : ndarray
        Days, shape (row,).
    infusions : DataFrame
        The cohort's table: `patient`, `day`, `dose_g_per_kg`.

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
    """Compute the dose per week over the trailing window that ends the day before.

    Parameters
    ----------
    patient : ndarray
        Identifiers, shape (row,).
    day : ndarray
        Days, shape (row,).
    infusions : DataFrame
        The cohort's table: `patient`, `day`, `dose_g_per_kg`.
    window_days : float
        Length of the window: infusions on days from `day - window_days` to before `day` count.

    Returns
    -------
    ndarray
        g/kg/week, shape (row,).

    Examples
    --------
    >>> infusions = pd.DataFrame({"patient": "P01", "day": [0, 28], "dose_g_per_kg": [2.0, 1.0]})
    >>> patient, day = np.array(["P01", "P01"]), np.array([7.0, 35.0])
    >>> mb.exposure.dose_rate(patient, day, infusions, window_days=28)
    array([0.5 , 0.25])
    """
    inside = cumulative_dose(patient, day, infusions) - cumulative_dose(
        patient, day - window_days, infusions
    )
    return inside * 7.0 / window_days


def days_since_last_infusion(
    patient: np.ndarray, day: np.ndarray, infusions: pd.DataFrame
) -> np.ndarray:
    """Days between each day and the latest infusion before it; missing where there is none.

    Parameters
    ----------
    patient, day, infusions : ndarray, ndarray, DataFrame
        As for `days_since_first_infusion`. An infusion on the day itself does not count.

    Returns
    -------
    ndarray
        Days, shape (row,).
    """
    days_of = {
        who: np.sort(own.to_numpy(float)) for who, own in infusions.groupby("patient")["day"]
    }
    none = np.empty(0)
    place = [np.searchsorted(days_of.get(w, none), d) for w, d in zip(patient, day, strict=True)]
    return np.array(
        [
            when - days_of[who][before - 1] if before else np.nan
            for who, when, before in zip(patient, day, place, strict=True)
        ],
        dtype=float,
    )


def number_of_infusions(
    patient: np.ndarray, day: np.ndarray, infusions: pd.DataFrame
) -> np.ndarray:
    """Number of infusions before each day: of rows of the table, so that a course is several.

    Parameters
    ----------
    patient : ndarray
        Identifiers, shape (row,).
    day : ndarray
        Days, shape (row,).
    infusions : DataFrame
        The cohort's table: `patient`, `day`, `dose_g_per_kg`.

    Returns
    -------
    ndarray
        Whole numbers, shape (row,).
    """
    each = infusions.assign(dose_g_per_kg=1.0)
    return np.round(cumulative_dose(patient, day, each)).astype(np.int64)


def dose_in_effect(
    patient: np.ndarray,
    day: np.ndarray,
    infusions: pd.DataFrame,
    *,
    onset_half_life_days: float,
    wearing_off_half_life_days: float,
) -> np.ndarray:
    """Dose in the effect compartment on each day, in g/kg.

    Each infusion counts, u days after it, its dose times 2^(-u / wearing_off) (1 - 2^(-u / onset)):
    nothing on its own day, so that whether a patient is graded before or after does not matter.

    Parameters
    ----------
    patient : ndarray
        Identifiers, shape (row,).
    day : ndarray
        Days, shape (row,).
    infusions : DataFrame
        The cohort's table: `patient`, `day`, `dose_g_per_kg`.
    onset_half_life_days, wearing_off_half_life_days : float
        Half-lives of the onset and of the wearing-off of the effect.

    Returns
    -------
    ndarray
        g/kg, shape (row,).
    """
    in_effect = np.zeros(len(day))
    groups = infusions.groupby("patient")
    whose = pd.Series(np.arange(len(day))).groupby(np.asarray(patient, dtype=object))
    for who, rows in whose.indices.items():
        if who not in groups.groups:
            continue
        own = groups.get_group(who)
        since = np.maximum(day[rows][:, None] - own["day"].to_numpy(float), 0.0)
        kernel = 2.0 ** (-since / wearing_off_half_life_days)
        kernel *= -np.expm1(-np.log(2.0) * since / onset_half_life_days)
        in_effect[rows] = kernel @ own["dose_g_per_kg"].to_numpy(float)
    return in_effect


def infusion_exposure(
    cohort: Cohort,
    *,
    window_days: float,
    onset_half_life_days: float,
    wearing_off_half_life_days: float,
) -> pd.DataFrame:
    """Compute every measure of exposure to infusions at every graded visit.

    How the table of infusions is used: rows add up, so that a course may be split over days, and
    a day may have two infusions; infusions before day 0 count like all others; a patient
    without any has 0 (and no days since); a row without a dose is refused when a cohort is read.

    Parameters
    ----------
    cohort : Cohort
        With or without a table of infusions.
    window_days : float
        Length of the trailing window of the dose rate, days.
    onset_half_life_days, wearing_off_half_life_days : float
        Half-lives of the effect compartment, days.

    Returns
    -------
    DataFrame
        One row a patient and graded day: `patient`, `day`, `days_since_first_infusion`,
        `days_since_last_infusion` (missing without an earlier one), `n_infusions`,
        `cumulative_dose_g_per_kg`, `dose_rate_g_per_kg_per_week`, `dose_in_effect_g_per_kg`,
        `synthetic`.

    Raises
    ------
    ValueError
        When the window or a half-life is not a number above 0.

    Examples
    --------
    With `cohort`, the cohort of `data/leger2008_cohort`:

    >>> table = mb.exposure.infusion_exposure(
    ...     cohort, window_days=84, onset_half_life_days=6, wearing_off_half_life_days=28
    ... )
    >>> table[["patient", "day", "n_infusions", "dose_in_effect_g_per_kg"]].head(2).round(2)
      patient   day  n_infusions  dose_in_effect_g_per_kg
    0     P01   0.0           33                     0.51
    1     P01  25.0           36                     0.89
    """
    lengths = {
        "window_days": window_days,
        "onset_half_life_days": onset_half_life_days,
        "wearing_off_half_life_days": wearing_off_half_life_days,
    }
    for name, value in lengths.items():
        if not 0 < value < np.inf:
            raise ValueError(f"{name} is {value}; give a number of days above 0.")
    graded = cohort.grades[cohort.grades["grade"].notna()]
    visits = graded[["patient", "day"]].drop_duplicates().sort_values(["patient", "day"])
    who, day = visits["patient"].to_numpy(object), visits["day"].to_numpy(float)
    infusions = infusions_of(cohort)
    return pd.DataFrame(
        {
            "patient": who.astype(str),
            "day": day,
            "days_since_first_infusion": days_since_first_infusion(who, day, infusions),
            "days_since_last_infusion": days_since_last_infusion(who, day, infusions),
            "n_infusions": number_of_infusions(who, day, infusions),
            "cumulative_dose_g_per_kg": cumulative_dose(who, day, infusions),
            "dose_rate_g_per_kg_per_week": dose_rate(who, day, infusions, window_days=window_days),
            "dose_in_effect_g_per_kg": dose_in_effect(
                *(who, day, infusions),
                onset_half_life_days=onset_half_life_days,
                wearing_off_half_life_days=wearing_off_half_life_days,
            ),
            "synthetic": cohort.synthetic,
        }
    )


def infusions_of(cohort: Cohort) -> pd.DataFrame:
    """Return the infusions of a cohort, an empty table where it has none."""
    if cohort.infusions is not None:
        return cohort.infusions
    return pd.DataFrame({"patient": [], "day": [], "dose_g_per_kg": []})
