"""What depends on the day of a visit: how much each knot of time counts, and what was infused."""

import numpy as np
import pandas as pd
import xarray as xr
from scipy.interpolate import CubicSpline

from mmn_bayes.model_file.model_spec import Time


def time_basis(course: Time, day: np.ndarray) -> np.ndarray:
    """Return how much each knot but the first counts on each day; shape (day, knot).

    Before the first knot and after the last straight lines and the nearest visit stay at their
    values there; a natural spline goes on along its tangent.
    """
    knots = np.array(course.knots_days)
    values = np.eye(knots.size)
    if course.shape == "natural_spline":
        basis = CubicSpline(knots, values, bc_type="natural")(np.clip(day, knots[0], knots[-1]))
        slopes = CubicSpline(knots, values, bc_type="natural")(knots[[0, -1]], 1)
        beyond = np.stack([np.minimum(day - knots[0], 0.0), np.maximum(day - knots[-1], 0.0)], 1)
        basis = basis + beyond @ slopes
    elif course.shape == "piecewise_linear":
        basis = np.stack([np.interp(day, knots, value) for value in values], axis=1)
    else:
        basis = values[np.abs(day[:, None] - knots).argmin(axis=1)]
    return basis[:, 1:]


def infusion_events(
    design: xr.Dataset, patient_of_visit: np.ndarray, day: np.ndarray, infusions: pd.DataFrame
) -> dict[str, tuple[str, np.ndarray]]:
    """Infusions and visits of each patient in order, as `kernel_decay.decayed_dose` takes them.

    Copies of a patient (`choose_patients`) have one label and each its infusions. Those on or after
    the day of the patient's last visit change nothing and are left out.
    """
    n = design.sizes["patient"]
    last = np.full(n, -np.inf)
    np.maximum.at(last, patient_of_visit, day)
    own = pd.DataFrame(
        {"patient": design["patient"].to_numpy(), "place": np.arange(n), "last": last}
    )
    given = infusions.merge(own, on="patient")
    given = given[given["day"] < given["last"]]
    place = np.concatenate([given["place"].to_numpy(dtype=int), patient_of_visit])
    when = np.concatenate([given["day"].to_numpy(dtype=float), day])
    dose = np.concatenate([given["dose_g_per_kg"].to_numpy(dtype=float), np.zeros(day.size)])
    visit = np.concatenate([np.full(len(given), -1), np.arange(day.size)])
    order = np.lexsort((visit < 0, when, place))  # at a visit of the same day nothing is in effect
    gaps = np.diff(when[order], prepend=0.0)
    first = np.searchsorted(place[order], np.arange(n + 1))
    gaps[first[:-1][np.diff(first) > 0]] = 0.0
    days, gap = np.unique(gaps, return_inverse=True)
    return {
        "first_event_of_patient": ("patient_edge", first),
        "gap_days": ("gap_length", days),
        "gap_of_event": ("event", gap.ravel()),
        "dose_of_event": ("event", dose[order]),
        "visit_of_event": ("event", visit[order]),
        "patient_is": ("patient", np.ones(n)),
    }
