"""How far a schedule of infusions, and the days asked about, lie beyond what a cohort had."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.exposure import days_since_last_infusion
from mmn_bayes.data.schedules import courses, scenario_table
from mmn_bayes.engine.design import recorded_infusions
from mmn_bayes.posterior.draws import design_of_grades

_ONE_SIDED = ("days since the last infusion", "day with nothing infused so far")


def extrapolation_table(
    fit: xr.DataTree,
    scenario: pd.DataFrame,
    *,
    days: Sequence[float],
    from_day: float = 0.0,
    patients: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Tabulate where the exposure of a scenario lies beyond that of the cohort.

    Parameters
    ----------
    fit : DataTree
        A fit of outcome "grade".
    scenario : DataFrame
        Infusions as `schedule` or `no_infusions` gives them, or any table with `day`,
        `dose_g_per_kg` and, where patients differ, `patient`.
    days : sequence of float
        Days since inclusion; courses that begin on the last of them or later do not count.
    from_day : float, default 0.0
        Day from which the scenario replaces the recorded infusions; earlier ones are kept.
    patients : sequence of str or None, optional
        Identifiers of the patients under the scenario; by default all. Observed ranges are of all.

    Returns
    -------
    DataFrame
        One row for each of: dose of a course, days between courses, days since the last infusion,
        day of a patient never infused before (both on the days asked for; of the cohort, at graded
        visits), day: `quantity`, `lower` and
        `upper` of the scenario, `observed_lower`, `observed_upper`, `extrapolated`, `note` (a
        sentence where it is), `synthetic`.

    Raises
    ------
    ValueError
        When the fit has no grades, no day is named, or the scenario is not usable.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> monthly = mb.exposure.schedule(dose_g_per_kg=1, every_days=28, from_day=0, until_day=364)
    >>> table = mb.exposure.extrapolation_table(fit, monthly, days=[182, 364])
    >>> table[["quantity", "lower", "upper", "extrapolated"]]
                              quantity  lower  upper  extrapolated
    0          dose of a course (g/kg)    1.0    1.0         False
    1             days between courses   28.0   28.0         False
    2     days since the last infusion   14.0   28.0         False
    3  day with nothing infused so far    NaN    NaN         False
    4                              day  182.0  364.0         False
    """
    design = design_of_grades(fit)
    asked = np.asarray(days, dtype=float)
    if asked.size == 0:
        raise ValueError("days is empty; name at least one day.")
    label = design["patient"].to_numpy()
    whose = np.full(label.size, True) if patients is None else np.isin(label, list(patients))
    found = _ranges(design, scenario, asked, from_day, whose)
    return found.assign(synthetic=bool(fit.attrs["synthetic"]))


def beyond(
    design: xr.Dataset,
    scenario: pd.DataFrame,
    days: np.ndarray,
    from_day: float,
    whose: np.ndarray,
) -> np.ndarray:
    """Say of each day whether it, or the schedule up to it, lies beyond what the cohort had.

    `whose`, shape (patient,): whom the scenario is for.
    """
    ranges = (_ranges(design, scenario, np.array([day]), from_day, whose) for day in days)
    each = (found["extrapolated"] for found in ranges)
    return np.array([bool(flags.any()) for flags in each])


def _ranges(
    design: xr.Dataset,
    scenario: pd.DataFrame,
    days: np.ndarray,
    from_day: float,
    whose: np.ndarray,
) -> pd.DataFrame:
    """Ranges of a scenario up to the last of the days, for some patients, and of the cohort."""
    recorded, everybody = recorded_infusions(design), design["patient"].to_numpy()
    label = everybody[whose]
    when = design["day_of_visit"].to_numpy()
    had = courses(recorded)
    new = scenario_table(scenario, everybody)
    # A course may have begun before: its doses belong together, and so do the days in between.
    table = pd.concat([recorded[recorded["day"] < from_day], new], ignore_index=True)
    table = table[table["patient"].isin(label)]
    planned = courses(table)  # whole ones, those too that the last of the days lies within
    planned = planned[(planned["last_day"] >= from_day) & (planned["day"] < days.max())]
    own = courses(new[new["patient"].isin(label)])
    most = own.loc[own["day"] < days.max(), "dose_g_per_kg"].max()
    whole = planned["dose_g_per_kg"].min()
    seen = _since(recorded, everybody[design["patient_of_visit"].to_numpy()], when)
    asked = _since(table, np.repeat(label, days.size), np.tile(days, label.size))
    observed = {
        "dose of a course (g/kg)": had["dose_g_per_kg"],
        "days between courses": had["days_since_course"],
        "days since the last infusion": seen,
        "day with nothing infused so far": pd.Series(when).where(seen.isna()),
        "day": pd.Series(when),
    }
    stated = {
        # The smallest with what was given of it before, the largest without: where a course was
        # under way when the scenario begins, neither a part of one nor the two together is strange.
        "dose of a course (g/kg)": pd.Series([np.minimum(whole, most), most]),
        # Of the schedule's own: its first course may follow at any distance from what was given.
        "days between courses": planned["days_since_course"].where(
            planned["day"] - planned["days_since_course"] >= from_day
        ),
        "days since the last infusion": asked,
        "day with nothing infused so far": pd.Series(np.tile(days, label.size)).where(asked.isna()),
        "day": pd.Series(days),
    }
    rows = []
    for name, values in stated.items():
        low, high = values.min(), values.max()
        lowest, highest = observed[name].min(), observed[name].max()
        # Less time without infusion than ever seen is no extrapolation.
        too_low = low < lowest - 1e-9 and name not in _ONE_SIDED
        nothing = bool(np.isnan(lowest))
        out = bool(values.notna().any() and (nothing or too_low or high > highest + 1e-9))
        why = f"{name}: {low:g} to {high:g}, where the cohort had {lowest:g} to {highest:g}."
        if nothing:
            why = f"{name}: {low:g} to {high:g}, of which the cohort had none."
        rows.append((name, low, high, lowest, highest, out, why if out else ""))
    columns = ["quantity", "lower", "upper", "observed_lower", "observed_upper"]
    return pd.DataFrame(rows, columns=[*columns, "extrapolated", "note"])


def _since(infusions: pd.DataFrame, who: np.ndarray, day: np.ndarray) -> pd.Series:
    return pd.Series(days_since_last_infusion(who, day, infusions))
