"""Response against the dose: the same schedule at several doses."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from mmn_bayes.data.schedules import courses, no_infusions, schedule
from mmn_bayes.engine.design import recorded_infusions
from mmn_bayes.outcomes.response.estimands import response_probability
from mmn_bayes.posterior.draws import design_of_grades, spec_of


def dose_response_curve(
    fit: xr.DataTree,
    doses_g_per_kg: Sequence[float],
    *,
    every_days: float,
    days_per_course: int = 1,
    by: str | None = None,
) -> xr.DataArray:
    """Compute the response probability of new patients under one schedule at several doses.

    Parameters
    ----------
    fit : DataTree
        A fit of outcome "grade".
    doses_g_per_kg : sequence of float
        Doses of a course, g/kg, increasing; 0 is no infusion.
    every_days, days_per_course : float, int
        Days from the beginning of a course to that of the next, from day 0 to the day of
        follow-up, and days in a row over which each course is split evenly.
    by : str or None, optional
        "naive", the name of a yes/no predictor of the model, or None for all patients.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `dose_g_per_kg` and, with `by`, that name: the same new patients at
        each dose. Coordinate `extrapolated` (dose_g_per_kg): whether no patient of the cohort had
        courses of so little, or so much; attribute `observed_doses`, the smallest and the largest.

    Raises
    ------
    ValueError
        When there is no dose, a dose is below 0 or they do not increase, the schedule is not
        usable, the fit has no grades, or `by` makes no groups.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> curve = mb.exposure.dose_response_curve(fit, [0, 1, 2], every_days=28)
    >>> curve.dims
    ('chain', 'draw', 'dose_g_per_kg')
    >>> curve["extrapolated"].values.tolist()
    [True, False, False]
    """
    doses, design = np.asarray(doses_g_per_kg, dtype=float), design_of_grades(fit)
    if doses.size == 0 or not (np.isfinite(doses) & (doses >= 0)).all():
        raise ValueError("Give one dose or more of 0 g/kg or above.")
    if not (np.diff(doses) > 0).all():
        raise ValueError("doses_g_per_kg do not increase; name each once, the smallest first.")
    until = spec_of(fit).response.follow_up_day
    had = courses(recorded_infusions(design))["dose_g_per_kg"]
    low, high = float(had.min()), float(had.max())
    parts = []
    for dose in doses:
        given = no_infusions()
        if dose > 0:
            given = schedule(
                dose_g_per_kg=dose,
                every_days=every_days,
                from_day=0,
                until_day=until,
                days_per_course=days_per_course,
            )
        parts.append(response_probability(fit, patients="population", by=by, scenario=given))
    drawn = xr.concat(parts, "dose_g_per_kg", combine_attrs="override")
    # Where the cohort had none, every dose is beyond.
    beyond = ~((doses >= low - 1e-9) & (doses <= high + 1e-9))
    drawn = drawn.assign_coords(dose_g_per_kg=doses, extrapolated=("dose_g_per_kg", beyond))
    drawn.attrs["observed_doses"] = [low, high]
    drawn.attrs["schedule"] = f"dose of a course (g/kg), every {every_days:g} days from day 0"
    return drawn.transpose("chain", "draw", "dose_g_per_kg", ...)
