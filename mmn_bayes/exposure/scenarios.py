"""What other schedules of infusions would do, and how far they are from what was seen."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.random_streams import rng_of
from mmn_bayes.engine.scenario_design import with_infusions
from mmn_bayes.exposure.extrapolation import beyond
from mmn_bayes.outcomes.grade.distribution import SiteDays, mean_cdf
from mmn_bayes.posterior.draws import FEW_DRAWS, as_draws, design_of_grades, spec_of, thinned
from mmn_bayes.posterior.groups import Groups, groups_of
from mmn_bayes.posterior.new_patients import FEW_NEW_PATIENTS, new_patients
from mmn_bayes.posterior.posterior_predictive import choose_patients
from mmn_bayes.posterior.summary import PROBABILITY

EXPECTED_GRADE = "expected grade, in steps of the scale above its lowest"
MEANINGS = {
    "cohort": "mean over the muscles of these patients, each with its own effects",
    "population": "mean over the muscles of new patients: fresh effects; covariates and muscles as "
    "in this cohort",
    "one": "mean over the muscles of patient {label}, with its own effects",
}


def trajectory(
    fit: xr.DataTree,
    *,
    scenario: pd.DataFrame | Mapping[str, pd.DataFrame],
    patients: str,
    days: Sequence[float],
    by: str | None = None,
    from_day: float = 0.0,
) -> xr.Dataset:
    """Compute posterior draws of strength over time under schedules of infusions.

    Parameters
    ----------
    fit : DataTree
        A fit of outcome "grade".
    scenario : DataFrame or mapping of str to DataFrame
        Infusions as `schedule` or `no_infusions` gives them, or any table with `day`,
        `dose_g_per_kg` and, where patients differ, `patient`; or several by their names.
    patients : str
        "cohort", "population" or the identifier of one patient.
    days : sequence of float
        Days since inclusion.
    by : str or None, optional
        "naive", the name of a yes/no predictor of the model, or None for all; not for one patient.
    from_day : float, default 0.0
        Day from which the scenario replaces the recorded infusions; earlier ones are kept, those
        before inclusion too.

    Returns
    -------
    Dataset
        `grade_share` (dims `chain`, `draw`, with several scenarios `scenario`, with `by` that name,
        `day`, `grade`), `at_least` (the share at each grade or above), `expected_grade` (steps of
        the scale above its lowest grade) and `expected_sum` (of all muscles graded in a patient,
        mean over patients), each without dim `grade`; and `extrapolated` (dims `day` and
        `scenario`): whether the day, or the schedule up to it, lies beyond what the cohort had
        (`extrapolation_table`).

    Raises
    ------
    ValueError
        When the fit has no grades, or a scenario, the days, `patients` or `by` are not usable.

    Notes
    -----
    A scenario is what the model predicts for a schedule that does not depend on strength. Where
    doses followed strength in the cohort, differences between scenarios are no causal effect of the
    dose.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`, and `cohort`, the cohort of
    `data/leger2008_cohort`:

    >>> monthly = mb.exposure.schedule(dose_g_per_kg=1, every_days=28, from_day=0, until_day=364)
    >>> schedules = {"monthly": monthly, "none": mb.exposure.no_infusions()}
    >>> drawn = mb.exposure.trajectory(fit, scenario=schedules, patients="cohort", days=[0, 364])
    >>> drawn["at_least"].dims
    ('scenario', 'chain', 'draw', 'day', 'grade')
    >>> sorted(drawn.data_vars)
    ['at_least', 'expected_grade', 'expected_sum', 'extrapolated', 'grade_share']
    """
    design, asked = design_of_grades(fit), days_asked(days)
    named = scenario if isinstance(scenario, Mapping) else {"scenario": scenario}
    if not named:
        raise ValueError("scenario is empty; name at least one.")
    chosen, groups, members = _chosen(fit, design, patients, by)
    # Of new patients those of the cohort that they are like.
    whose = groups.members if patients == "population" else members
    parts = []
    for table in named.values():
        given = with_infusions(design, table, from_day)
        own = given if chosen is None else choose_patients(given, chosen)
        shares = _shares(fit, own, asked, groups, members, patients)
        parts.append(shares.assign(extrapolated=_flags(design, table, shares, from_day, whose)))
    whole = xr.concat(parts, pd.Index(list(named), name="scenario"))
    whole = whole if isinstance(scenario, Mapping) else whole.isel(scenario=0, drop=True)
    whole.attrs = parts[0].attrs
    for name in whole.data_vars:
        whole[name].attrs = {**parts[0][name].attrs, **whole.attrs}
    return whole


def days_asked(days: Sequence[float]) -> np.ndarray:
    """Return days that were asked about, each once and in their order; an error if they are not."""
    try:
        asked = np.asarray(days, dtype=float)
    except (TypeError, ValueError):
        asked = np.empty(0)
    if asked.ndim != 1 or asked.size == 0 or not np.isfinite(asked).all():
        raise ValueError("days is no list of days; name at least one, in numbers.")
    if not (np.diff(asked) > 0).all():
        raise ValueError("days do not increase; name each once, the earliest first.")
    return asked


def _flags(
    design: xr.Dataset,
    scenario: pd.DataFrame,
    shares: xr.Dataset,
    from_day: float,
    members: Mapping[Any, np.ndarray],
) -> xr.DataArray:
    """What is extrapolated, by day and, where there are groups, by group."""
    days = shares["day"].to_numpy()
    flags = [beyond(design, scenario, days, from_day, whose) for whose in members.values()]
    dims = [d for d in shares["expected_sum"].dims if d not in ("chain", "draw", "day")]
    return xr.DataArray(flags if dims else flags[0], dims=[*dims, "day"])


def _chosen(
    fit: xr.DataTree, design: xr.Dataset, patients: str, by: str | None
) -> tuple[np.ndarray | None, Groups, dict[Any, np.ndarray]]:
    """Positions of the patients meant (None: all as they are), the groups, and their members."""
    if patients in ("cohort", "population"):
        groups = groups_of(fit, by)
        if patients == "cohort":
            return None, groups, dict(groups.members)
        rng = rng_of(fit, "scenarios, whom new patients are like")
        who, members = new_patients(groups, FEW_NEW_PATIENTS, rng)
        return who, groups, members
    where = np.flatnonzero(design["patient"].to_numpy() == patients)
    if where.size == 0:
        raise ValueError(
            f"patients is {patients!r}; it is 'cohort', 'population' or the identifier of one."
        )
    if by is not None:
        raise ValueError(f"One patient has no groups; leave by={by!r} out.")
    groups = groups_of(fit, None)
    only = np.arange(design.sizes["patient"]) == where[0]
    return None, groups, dict.fromkeys(groups.members, only)


def _shares(
    fit: xr.DataTree,
    design: xr.Dataset,
    days: np.ndarray,
    groups: Groups,
    members: dict[Any, np.ndarray],
    patients: str,
) -> xr.Dataset:
    spec = spec_of(fit)
    number = np.full(design.sizes["patient"], -1)
    for position, member in enumerate(members.values()):
        number[member] = position
    group = number[design["patient_of_site"].to_numpy()]
    site = np.flatnonzero(group >= 0)
    n_groups, n_cells = len(members), days.size * len(members)
    day, which = np.repeat(np.arange(days.size), site.size), np.tile(site, days.size)
    pairs = SiteDays(which, days[day], day * n_groups + group[which], n_cells)
    fit = thinned(fit, FEW_DRAWS)
    rng = rng_of(fit, "scenarios, new effects")
    new = patients == "population"
    below = mean_cdf(spec, design, fit["posterior"].to_dataset(), pairs, rng, new_members=new)
    below = below.reshape(len(below), days.size, n_groups, -1)
    return _laid_out(fit, below, {"day": days, **groups.dims}, members, design, patients)


def _laid_out(
    fit: xr.DataTree,
    below: np.ndarray,
    dims: dict[str, Any],
    members: dict[Any, np.ndarray],
    design: xr.Dataset,
    patients: str,
) -> xr.Dataset:
    """All that follows from mean probabilities of at most each grade: (draw, *dims, threshold)."""
    owner = design["patient_of_site"].to_numpy()
    per_patient = [member[owner].sum() / max(member.sum(), 1) for member in members.values()]
    expected = (1.0 - below).sum(axis=-1)
    at_least = np.concatenate([np.ones_like(below[..., :1]), 1.0 - below], axis=-1)
    kind = patients if patients in ("cohort", "population") else "one"
    meaning = MEANINGS[kind].format(label=patients)

    def drawn(values: np.ndarray, quantity: str) -> xr.DataArray:
        return as_draws(fit, values, dims, quantity=quantity, meaning=meaning)

    def shares(values: np.ndarray, quantity: str) -> xr.DataArray:
        of_grades = {**dims, "grade": list(spec_of(fit).scale)}
        return as_draws(
            fit, values, of_grades, quantity=quantity, meaning=meaning, support=PROBABILITY
        )

    whole = xr.Dataset(
        {
            "grade_share": shares(
                np.diff(below, axis=-1, prepend=0.0, append=1.0), "share of muscles at each grade"
            ),
            "at_least": shares(at_least, "share of muscles at each grade or above"),
            "expected_grade": drawn(expected, EXPECTED_GRADE),
            "expected_sum": drawn(
                expected * np.array(per_patient),
                "expected sum score of the muscles graded in a patient",
            ),
        }
    ).transpose("chain", "draw", ..., "day", "grade")
    about = whole["expected_sum"].attrs
    return whole.assign_attrs({key: about[key] for key in ("synthetic", "distribution", "meaning")})


def patient_course(fit: xr.DataTree, patient: str, *, days: Sequence[float]) -> xr.DataArray:
    """Compute the expected grade of every muscle of one patient over time, as infused.

    Parameters
    ----------
    fit : DataTree
        A fit of outcome "grade".
    patient : str
        Its identifier.
    days : sequence of float
        Days since inclusion.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `site`, `day`: steps of the scale above its lowest grade; coordinates
        `muscle` and `side` (site). From evenly spaced draws, at most 400.

    Raises
    ------
    ValueError
        When the fit has no grades, the patient is not in it or has no muscle, or no day is named.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> course = mb.exposure.patient_course(fit, "P01", days=[0, 182])
    >>> course.dims
    ('chain', 'draw', 'site', 'day')
    >>> [str(course[name].values[0]) for name in ("muscle", "side")]
    ['ankle dorsiflexion', 'left']
    """
    spec, design, asked = spec_of(fit), design_of_grades(fit), days_asked(days)
    label = design["patient"].to_numpy()[design["patient_of_site"].to_numpy()]
    site = np.flatnonzero(label == patient)
    if site.size == 0:
        raise ValueError(
            "There is no graded muscle of that patient; give the identifier of one of the fit."
        )
    fit = thinned(fit, FEW_DRAWS)
    cell = np.arange(site.size * asked.size)
    pairs = SiteDays(np.repeat(site, asked.size), np.tile(asked, site.size), cell, cell.size)
    rng = rng_of(fit, "course of a patient, effects of new days")
    below = mean_cdf(spec, design, fit["posterior"].to_dataset(), pairs, rng)
    expected = (1.0 - below).sum(axis=-1)
    muscle = design["muscle"].to_numpy()[design["muscle_of_site"].to_numpy()[site]]
    course = as_draws(fit, expected, {"site": None, "day": asked}, quantity=EXPECTED_GRADE)
    return course.assign_coords(
        muscle=("site", muscle), side=("site", design["side_of_site"].to_numpy()[site])
    ).assign_attrs(patient=patient)
