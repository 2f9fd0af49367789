"""Histories: who is in which state when, for how long, and who ever leaves one."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mmn_bayes.data.margins import YEAR
from mmn_bayes.data.random_streams import rng_of
from mmn_bayes.engine.predicting import predict
from mmn_bayes.model_file.model_spec import require_outcome
from mmn_bayes.outcomes.states.declared import States
from mmn_bayes.outcomes.states.design import at_steps, section_of
from mmn_bayes.posterior.draws import SOME_DRAWS, as_draws, blanked, design_of, spec_of, thinned
from mmn_bayes.posterior.effect_ratios import effect_ratios
from mmn_bayes.posterior.groups import Groups, groups_of
from mmn_bayes.posterior.new_patients import (
    FEW_NEW_PATIENTS,
    Patients,
    new_patients,
    require_patients,
)
from mmn_bayes.posterior.summary import PROBABILITY

MEANINGS = {
    "cohort": (
        "of these patients: a state that was seen is kept; before, between and after, the model "
        "fills in"
    ),
    "population": "of new patients from day 0 on: covariates as in this cohort",
}
_MOST_STEPS = 2000


def state_occupancy(
    fit: xr.DataTree, *, days: Sequence[float], patients: Patients, by: str | None = None
) -> xr.DataArray:
    """Return posterior draws of the share of patients in each state on each day (occupancy).

    Parameters
    ----------
    fit : DataTree
        Of outcome "state", or of a joint model with states.
    days : sequence of float
        Days since day 0 (`states.since`: first infusion or inclusion), 0 or more; each is rounded
        to a step.
    patients : Patients
        "cohort": of the patients of the fit: an observed state is kept, every other one, those
        after the last visit too, is imputed given the states observed before and after it.
        "population": the probability of new patients who begin on day 0, with the covariates of
        these and effects of their own.
    by : str or None, optional
        "naive", the name of a yes/no predictor of the model, or None for all patients.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `by` where it is given, `day`, `state`; of at most 1,000 evenly spaced
        draws. `attrs["last_day_seen"]` is the last day on which anybody was seen: beyond it the
        model extrapolates.

    Raises
    ------
    ValueError
        When the fit has no states, or days, patients or `by` are not legal.

    References
    ----------
    Andersen PK, Keiding N. Stat Methods Med Res 2002;11:91 (state occupation); Scott SL. J Am Stat
    Assoc 2002;97:337 (paths between what was seen, forward filtering and backward sampling).

    Examples
    --------
    With `states_fit`, a fit of `models/histories.toml`:

    >>> shares = mb.states.state_occupancy(states_fit, days=[0, 365], patients="population")
    >>> shares.dims
    ('chain', 'draw', 'day', 'state')
    >>> bool(np.allclose(shares.sum("state"), 1.0))
    True
    """
    part = section_of(spec_of(fit))
    wanted = _checked(days, "days")
    step = _steps_at(wanted, part)
    weight = (step[:, None] == np.arange(step.max() + 1)).astype(float)
    drawn = _weighted(fit, weight, patients, by, {"day": wanted}, "share in each state")
    return drawn.assign_attrs(support=PROBABILITY)


def expected_sojourn(
    fit: xr.DataTree,
    *,
    years: Sequence[float] = (1.0, 2.0, 5.0),
    patients: Patients,
    by: str | None = None,
) -> xr.DataArray:
    """Return posterior draws of the expected time in each state over the first years.

    Parameters
    ----------
    fit : DataTree
        Of outcome "state", or of a joint model with states.
    years : sequence of float, default (1.0, 2.0, 5.0)
        Years since day 0, above 0.
    patients : Patients
        "cohort": of the patients of the fit: an observed state is kept, every other one, those
        after the last visit too, is imputed given the states observed before and after it.
        "population": the probability of new patients who begin on day 0, with the covariates of
        these and effects of their own.
    by : str or None, optional
        "naive", the name of a yes/no predictor of the model, or None for all patients.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `by` where it is given, `year`, `state`; in years, which
        over the states add up to `year`.

    Raises
    ------
    ValueError
        When the fit has no states, or years, patients or `by` are not legal.

    Examples
    --------
    With `states_fit`, a fit of `models/histories.toml`:

    >>> time = mb.states.expected_sojourn(states_fit, years=[1.0, 2.0], patients="population")
    >>> time.dims
    ('chain', 'draw', 'year', 'state')
    >>> bool(np.allclose(time.sum("state"), time["year"]))
    True
    """
    part, wanted = section_of(spec_of(fit)), _checked(years, "years")
    ends = wanted * YEAR
    # The state of a step is that of the days that are rounded to it.
    edges = (np.arange(int(_steps_at(ends, part).max()) + 2) - 0.5) * part.step_days
    inside = np.clip(edges[None, :], 0.0, ends[:, None])
    weight = np.diff(inside, axis=1) / YEAR
    return _weighted(fit, weight, patients, by, {"year": wanted}, "years in each state")


def cumulative_incidence_of_leaving(
    fit: xr.DataTree,
    *,
    days: Sequence[float],
    state: str | None = None,
    by: str | None = None,
) -> xr.DataArray:
    """Return posterior draws of the probability of having left a state by each day.

    Parameters
    ----------
    fit : DataTree
        Of outcome "state", or of a joint model with states.
    days : sequence of float
        Days since day 0 (`states.since`: first infusion or inclusion), 0 or more; each is rounded
        to a step.
    state : str or None, optional
        The state; by default the first level of the file.
    by : str or None, optional
        "naive", the name of a yes/no predictor of the model, or None for all patients.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `by` where it is given, `day`: the probability that a new patient, in
        the state on day 0, has left it once or more.

    Raises
    ------
    ValueError
        When the fit has no states, there is no such state, or days or `by` are not legal.

    Examples
    --------
    With `states_fit`, a fit of `models/histories.toml`:

    >>> left = mb.states.cumulative_incidence_of_leaving(states_fit, days=[0, 365])
    >>> left.dims
    ('chain', 'draw', 'day')
    >>> bool((left.sel(day=0) == 0).all()), bool((left.sel(day=365) > 0).all())
    (True, True)
    """
    part, wanted = section_of(spec_of(fit)), _checked(days, "days")
    state = part.levels[0] if state is None else state
    if state not in part.levels:
        raise ValueError(f"There is no state '{state}'; take one of {', '.join(part.levels)}.")
    place = part.levels.index(state)
    step = _steps_at(wanted, part)
    fit, groups = thinned(fit, SOME_DRAWS), groups_of(fit, by)
    found = []
    for steps, _, members in _transitions(fit, groups, int(step.max()), new=True):
        stays = np.cumprod(steps[..., place, place], axis=2)
        began = np.ones((*stays.shape[:2], 1))
        left = 1.0 - np.concatenate([began, stays], axis=2)[:, :, step]
        found.append(np.stack([left[:, own].mean(axis=1) for own in members.values()], axis=1))
    quantity = f"probability of having left '{state}'"
    dims = {**groups.dims, "day": wanted}
    drawn = _drawn(fit, np.concatenate(found), dims, quantity, "population")
    return drawn.assign_attrs(state=state, support=PROBABILITY)


def transition_probability(
    fit: xr.DataTree, *, day: float = 0.0, by: str | None = None
) -> xr.DataArray:
    """Return posterior draws of the transition probabilities of one step, for new patients.

    Parameters
    ----------
    fit : DataTree
        Of outcome "state", or of a joint model with states.
    day : float, default 0.0
        Days since day 0, on which the step begins.
    by : str or None, optional
        "naive", the name of a yes/no predictor of the model, or None for all patients.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `by` where it is given, `state`, `next_state`: means over new patients
        with the covariates of these.

    Raises
    ------
    ValueError
        When the fit has no states, or `day` or `by` is not legal.

    Examples
    --------
    With `states_fit`, a fit of `models/histories.toml`:

    >>> steps = mb.states.transition_probability(states_fit)
    >>> steps.dims
    ('chain', 'draw', 'state', 'next_state')
    >>> bool(np.allclose(steps.sum("next_state"), 1.0)), round(steps.attrs["step_days"], 1)
    (True, 91.3)
    """
    part = section_of(spec_of(fit))
    step = int(_steps_at(_checked([day], "day"), part)[0])
    fit, groups = thinned(fit, SOME_DRAWS), groups_of(fit, by)
    found = []
    for steps, _, members in _transitions(fit, groups, step + 1, new=True):
        at = steps[:, :, step]
        found.append(np.stack([at[:, own].mean(axis=1) for own in members.values()], axis=1))
    levels = np.array(part.levels)
    dims = {**groups.dims, "state": levels, "next_state": levels}
    quantity = "transition probability of a step"
    drawn = _drawn(fit, np.concatenate(found), dims, quantity, "population")
    return drawn.assign_attrs(support=PROBABILITY, step_days=part.step_days)


def _steps_at(days: np.ndarray, states: States) -> np.ndarray:
    """The step of each day; an error where that is too far to be computed."""
    steps = np.round(days / states.step_days)
    if steps.max() > _MOST_STEPS:
        raise ValueError(
            f"Day {days.max():g} is {steps.max():.0f} steps of {states.step_days:g} days away; ask "
            f"for no more than {_MOST_STEPS}."
        )
    return steps.astype(int)


def _checked(wanted: Sequence[float], name: str) -> np.ndarray:
    values = np.asarray(wanted, dtype=float)
    if values.ndim != 1 or not values.size or not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError(f"`{name}` is {wanted!r}; list finite numbers of 0 or more, one at least.")
    return values


def _weighted(
    fit: xr.DataTree,
    weight: np.ndarray,
    patients: str,
    by: str | None,
    asked: dict[str, np.ndarray],
    quantity: str,
) -> xr.DataArray:
    """Weighted sums over steps of the share in each state; weights are (asked, step)."""
    require_patients(patients)
    fit, groups = thinned(fit, SOME_DRAWS), groups_of(fit, by)
    n_steps, found = weight.shape[1] - 1, []
    rng = rng_of(fit, "states, filled in")
    seen = _seen(design_of(fit)) if patients == "cohort" else None
    # What is seen later tells of the steps that are asked for too.
    most = n_steps if seen is None else max(n_steps, seen.shape[1] - 1)
    longer = np.pad(weight, ((0, 0), (0, most - n_steps)))
    for steps, start, members in _transitions(fit, groups, most, new=seen is None):
        shares = _forward(steps, start) if seen is None else _filled_in(steps, start, seen, rng)
        of_groups = [shares[:, own].mean(axis=1) for own in members.values()]
        found.append(np.einsum("gdtk,qt->dgqk", of_groups, longer))
    dims = {**groups.dims, **asked, "state": np.array(section_of(spec_of(fit)).levels)}
    return _drawn(fit, np.concatenate(found), dims, quantity, patients)


def _transitions(
    fit: xr.DataTree, groups: Groups, n_steps: int, *, new: bool
) -> Iterator[tuple[np.ndarray, np.ndarray, dict[object, np.ndarray]]]:
    """Matrices of every step, block by block of draws, the start, and the members of each group.

    Shapes (draw, patient, step, state, state) and (draw, state).
    """
    spec, design = require_outcome(spec_of(fit), "state"), design_of(fit)
    who, members = np.arange(design.sizes["patient"]), groups.members
    if new:
        averaged = spec.sharing or any(group.acts_on == "state" for group in spec.groups)
        who, members = new_patients(groups, FEW_NEW_PATIENTS if averaged else 1)
    each, steps_of_each = np.arange(who.size), np.arange(n_steps)
    chosen = at_steps(
        design.isel(patient=who),
        spec,
        np.repeat(each, n_steps),
        np.tile(steps_of_each, who.size),
    )
    posterior = fit["posterior"].to_dataset()
    start = posterior["start_probability"].to_numpy()
    start = start.reshape(-1, start.shape[-1])
    if not n_steps:  # day 0 alone
        k = start.shape[1]
        yield np.empty((len(start), who.size, 0, k, k)), start, members
        return
    rng = rng_of(fit, "states, effects of new patients")
    names = ["transition_probability"]
    for draws, (steps,) in predict(spec, chosen, posterior, names, rng=rng, new_members=new):
        shaped = steps.reshape(len(steps), who.size, n_steps, *steps.shape[2:])
        yield shaped, start[draws], members


def _forward(steps: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Probability of each state at every step; shape (draw, patient, step + 1, state)."""
    n_draws, n_patients, n_steps, k = steps.shape[:4]
    path = np.empty((n_draws, n_patients, n_steps + 1, k))
    path[:, :, 0] = start[:, None]
    for step in range(n_steps):
        path[:, :, step + 1] = np.einsum("dpa,dpab->dpb", path[:, :, step], steps[:, :, step])
    return path


def _seen(design: xr.Dataset) -> np.ndarray:
    """What may be at each step given what was seen there; shape (patient, step, state)."""
    patient, step, code = (design[f"seen_{n}"].to_numpy() for n in ("patient", "step", "code"))
    legal = np.ones((design.sizes["patient"], int(step.max()) + 1, design.sizes["state"]))
    legal[patient, step] = 0.0
    legal[patient, step, code] = 1.0
    return legal


def _filled_in(
    steps: np.ndarray, start: np.ndarray, seen: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """1 at the state of each patient at every step, drawn given what was seen of it."""
    n_draws, n_patients, n_steps, k = steps.shape[:4]
    legal = np.ones((n_patients, n_steps + 1, k))
    legal[:, : seen.shape[1]] = seen
    # How likely what was seen from here on is, in each state; scaled, since only ratios count.
    later = np.ones((n_draws, n_patients, n_steps + 1, k)) * legal
    for step in range(n_steps - 1, -1, -1):
        ahead = np.einsum("dpab,dpb->dpa", steps[:, :, step], later[:, :, step + 1])
        most = ahead.max(axis=-1, keepdims=True)
        later[:, :, step] *= ahead / np.where(most > 0, most, 1.0)
    path = np.zeros(later.shape)
    weight = start[:, None] * later[:, :, 0]
    each = np.arange(k)
    for step in range(n_steps + 1):
        if step:
            weight = np.einsum("dpa,dpab->dpb", path[:, :, step - 1], steps[:, :, step - 1])
            weight = weight * later[:, :, step]
        below = weight.cumsum(axis=-1)
        uniform = rng.random((n_draws, n_patients, 1)) * below[..., -1:]
        drawn = np.minimum((uniform >= below).sum(axis=-1), k - 1)
        path[:, :, step] = drawn[..., None] == each
    return path


def _drawn(
    fit: xr.DataTree, values: np.ndarray, dims: dict[str, Any], quantity: str, patients: str
) -> xr.DataArray:
    drawn = as_draws(fit, blanked(fit, values), dims, quantity=quantity, meaning=MEANINGS[patients])
    last_day = float(design_of(fit)["seen_day"].max())
    since = section_of(spec_of(fit)).since
    return drawn.assign_attrs(since=since, last_day_seen=last_day)


def state_odds_ratios(fit: xr.DataTree) -> xr.DataArray:
    """Return posterior draws of the odds ratios of predictors for the state of the next step.

    The odds are those of each state against the first. Where effects vary by the previous state,
    the ratio is that of an average one.

    Parameters
    ----------
    fit : DataTree
        Of outcome "state", or of a joint model with states, with predictors.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `predictor`, `contrast` (all states but the first).

    Raises
    ------
    ValueError
        When the fit has no states, or the model has no predictor of them.

    Examples
    --------
    With `states_fit`, a fit of `models/histories.toml`:

    >>> odds = mb.states.state_odds_ratios(states_fit)
    >>> odds["predictor"].to_numpy().tolist(), odds["contrast"].to_numpy().tolist()
    (['naive'], ['remission', 'other'])
    """
    return effect_ratios(fit, "state", "odds ratio")


def prior_quantities(fit: xr.DataTree) -> dict[str, np.ndarray]:
    """Return in which state new patients are after 1 and 5 years, draw by draw.

    Parameters
    ----------
    fit : DataTree
        With draws of the prior in the place of its posterior.

    Returns
    -------
    dict of ndarray
        By what they are, shape (draw,).
    """
    years = {"a year": YEAR, "5 years": 5 * YEAR}
    shares = state_occupancy(fit, days=[*years.values()], patients="population")
    found = {}
    for label in shares["state"].to_numpy().tolist():
        left = cumulative_incidence_of_leaving(fit, days=[*years.values()], state=label)
        for number, said in enumerate(years):
            own = shares.sel(state=label).isel(day=number)
            found[f"probability of state {label} after {said}"] = own.to_numpy().ravel()
            gone = left.isel(day=number).to_numpy().ravel()
            found[f"probability of having left state {label} by {said}"] = gone
    return found


def joint_quantities(
    fit: xr.DataTree, patients: Patients, days: Sequence[float]
) -> dict[tuple[str, str], xr.DataArray]:
    """Return what a joint model is asked for, by what it is and of which group: a number a draw.

    Parameters
    ----------
    fit : DataTree
        Of outcome "state", or of a joint model with states.
    patients : Patients
        "cohort": of the patients of the fit: a state seen on a step is kept, every other one, those
        after the last visit too, is filled in given what was seen before and after it.
        "population": the probability of new patients who begin on day 0, with the covariates of
        these and effects of their own.
    days : sequence of float
        Days since day 0.
    """
    if not len(days):
        return {}
    shares = state_occupancy(fit, days=days, patients=patients)
    return {
        (f"state {name}, day {day:g}", "all"): shares.sel(state=name, drop=True).isel(
            day=number, drop=True
        )
        for name in shares["state"].to_numpy().tolist()
        for number, day in enumerate(days)
    }
