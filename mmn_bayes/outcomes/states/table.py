"""Histories in tables: who is in which state when, counted and as a model has it."""

from collections.abc import Mapping, Sequence

import pandas as pd
import xarray as xr

from mmn_bayes.data.margins import YEAR
from mmn_bayes.data.schema import Cohort
from mmn_bayes.data.status_paths import on_clock
from mmn_bayes.outcomes.states.design import section_of
from mmn_bayes.outcomes.states.estimands import (
    cumulative_incidence_of_leaving,
    expected_sojourn,
    state_occupancy,
)
from mmn_bayes.outcomes.states.observed import aalen_johansen, empirical_occupancy, observed_leaving
from mmn_bayes.posterior.draws import design_of, require_fit_of, spec_of
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.report.side_by_side import OBSERVED, PATIENTS, side_by_side

AALEN_JOHANSEN = "Aalen-Johansen"
KAPLAN_MEIER = "Kaplan-Meier"
_DAYS = tuple(YEAR * year for year in (0.0, 0.5, 1.0, 2.0, 5.0))
_COLUMNS = (
    *("n", "events", "missing", "estimate", "lower", "upper", "level", "interval"),
    *("ess_bulk", "ess_tail", "r_hat", "mcse", "extrapolated", "meaning", "synthetic"),
)


def occupancy_table(
    cohort: Cohort,
    fit: xr.DataTree,
    *,
    days: Sequence[float] = _DAYS,
    level: float = 0.95,
) -> pd.DataFrame:
    """Tabulate the share of patients in each state over time, observed and by the model.

    Parameters
    ----------
    cohort, fit : Cohort, DataTree
        The cohort, and a fit of it with states.
    days : sequence of float, default _DAYS
        Days since day 0 of the states; by default 0, half a year, 1, 2 and 5 years.
    level : float, default 0.95
        Level of every interval: confidence for observed rates, credible for the model.

    Returns
    -------
    DataFrame
        `day`, `state`, `source`, `n`, `events`, `missing`, the estimate with its interval, ...: for
        each day and state the observed share of those under observation (exact interval), the
        Aalen-Johansen estimate, the posterior share of these patients and the probability of new
        ones. `extrapolated` says whether the day is after the last one observed.

    Raises
    ------
    DataError
        When the cohort has no status, a state is not one of the levels, or a patient has two states
        on one day; each row is named.
    ValueError
        When the fit has no states or is not of this cohort, or the days are not legal.

    Examples
    --------
    With `states_cohort` and `states_fit`, a fit of `models/histories.toml` to it:

    >>> table = mb.tables.occupancy_table(states_cohort, states_fit, days=[365])
    >>> table[["state", "source", "n", "events", "missing"]].head(4)
           state                 source     n  events  missing
    0  dependent               observed    40      31        0
    1  dependent         Aalen-Johansen    40    <NA>        0
    2  dependent  model, these patients  <NA>    <NA>     <NA>
    3  dependent    model, new patients  <NA>    <NA>     <NA>
    """
    states = section_of(spec_of(fit))
    require_fit_of(fit, cohort, covariates=False)
    counted = on_clock(cohort, states.since)
    levels = states.levels
    empirical = empirical_occupancy(counted, levels=levels, days=days, level=level)
    product = aalen_johansen(counted, levels=levels, days=days)
    parts = [
        empirical.assign(source=OBSERVED, meaning="of those under observation on that day"),
        product.assign(source=AALEN_JOHANSEN, meaning="carried on by what those at risk did"),
    ]
    for patients, whose in PATIENTS.items():
        drawn = state_occupancy(fit, days=days, patients=patients)
        table = summarise(drawn, level=level, interval="eti")
        parts.append(table.assign(source=f"model, {whose}", meaning=drawn.attrs["meaning"]))
    order = {"day": None, "state": levels}
    return _laid_out(parts, ["day", "state", "source"], _last_day(fit), order)


def sojourn_table(
    fit: xr.DataTree,
    *,
    years: Sequence[float] = (1.0, 2.0, 5.0),
    by: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Tabulate the expected time in each state over the first years.

    Parameters
    ----------
    fit : DataTree
        Of outcome "state", or of a joint model with states.
    years : sequence of float, default (1.0, 2.0, 5.0)
        Years since day 0, above 0.
    by : str or None, optional
        "naive", the name of a yes/no predictor of the model, or None for all patients.
    level : float, default 0.95
        Probability of the equal-tailed credible intervals.

    Returns
    -------
    DataFrame
        One row a year, state and `source` (and group): `estimate` in years with its interval, of
        these patients and of new ones; `extrapolated` says whether the year ends after the last day
        observed.

    Raises
    ------
    ValueError
        When the fit has no states, or years or `by` are not legal.

    Examples
    --------
    With `states_fit`, a fit of `models/histories.toml`:

    >>> mb.tables.sojourn_table(states_fit, years=[1.0])[["year", "state", "source"]]
       year      state                 source
    0   1.0  dependent  model, these patients
    1   1.0  remission  model, these patients
    2   1.0      other  model, these patients
    3   1.0  dependent    model, new patients
    4   1.0  remission    model, new patients
    5   1.0      other    model, new patients
    """
    parts = []
    for patients, whose in PATIENTS.items():
        drawn = expected_sojourn(fit, years=years, patients=patients, by=by)
        table = summarise(drawn, level=level, interval="eti")
        parts.append(table.assign(source=f"model, {whose}", meaning=drawn.attrs["meaning"]))
    first = [*([by] if by is not None else []), "year", "state", "source"]
    return _laid_out(parts, first, _last_day(fit))


def leaving_table(
    cohort: Cohort,
    fit: xr.DataTree,
    *,
    state: str | None = None,
    days: Sequence[float] = _DAYS[1:],
    level: float = 0.95,
) -> pd.DataFrame:
    """Tabulate the probability of having left a state, by Kaplan-Meier and by the model.

    Parameters
    ----------
    cohort, fit : Cohort, DataTree
        The cohort, and a fit of it with states.
    state : str or None, optional
        The state left; by default the first level.
    days : sequence of float, default _DAYS[1:]
        Days since day 0 of the histories; by default half a year, 1, 2 and 5 years.
    level : float, default 0.95
        Level of all confidence and credible intervals.

    Returns
    -------
    DataFrame
        `day`, `state`, `source`, and the estimate with its interval. The model counts a state that
        was left and entered again between two visits, which Kaplan and Meier do not see.

    Raises
    ------
    DataError, ValueError
        When the cohort has no status, a state is not one of the levels, a patient has two states on
        one day, the fit has no states or is not of this cohort, the days are not legal, or there is
        no such state.

    Examples
    --------
    With `states_fit`, a fit of `models/histories.toml` to `states_cohort`:

    >>> table = mb.tables.leaving_table(states_cohort, states_fit, days=[365.25])
    >>> table[["day", "state", "source", "interval"]]
          day      state               source               interval
    0  365.25  dependent         Kaplan-Meier  Kaplan-Meier, log-log
    1  365.25  dependent  model, new patients                    eti
    """
    states = section_of(spec_of(fit))
    require_fit_of(fit, cohort, covariates=False)
    state = states.levels[0] if state is None else state
    drawn = cumulative_incidence_of_leaving(fit, days=days, state=state)
    model = summarise(drawn, level=level, interval="eti").assign(
        source=f"model, {PATIENTS['population']}", state=state, meaning=drawn.attrs["meaning"]
    )
    counted = on_clock(cohort, states.since)
    leaving = observed_leaving(counted, levels=states.levels, state=state, days=days, level=level)
    observed = leaving.assign(source=KAPLAN_MEIER, meaning="of those first seen in it, since then")
    first = ["day", "state", "source"]
    return _laid_out([observed, model], first, _last_day(fit), {"day": None})


def states_notes(cohort: Cohort, fit: xr.DataTree) -> list[str]:
    """Return the notes of tables of states.

    Parameters
    ----------
    cohort, fit : Cohort, DataTree
        The cohort, and a fit of it with states.

    Returns
    -------
    list of str
        The definition of day 0, the numbers of patients, late entries and intervals, the length of
        the intervals, the last day observed, and the assumption about loss to follow-up.

    Examples
    --------
    With `states_cohort` and `states_fit`, a fit of `models/histories.toml` to it:

    >>> for note in mb.tables.states_notes(states_cohort, states_fit)[::3]:
    ...     print(note)
    Day 0 is that of the first infusion. A step has 91.3125 days.
    Nobody was seen after day 2366; beyond it the model extrapolates.
    """
    design, states = design_of(fit), section_of(spec_of(fit))
    seen = pd.DataFrame({n: design[f"seen_{n}"].to_numpy() for n in ("patient", "step")})
    first = seen.groupby("patient")["step"].min()
    gaps = seen.groupby("patient")["step"].diff().dropna()
    day = "the first infusion" if states.since == "first_infusion" else "inclusion"
    days = states.step_days
    return [
        f"Day 0 is that of {day}. A step has {days:g} days.",
        f"{first.size} of {len(cohort.patients)} patients have a state, {int((first > 0).sum())} "
        "of them first seen after day 0: their first state is taken as given, and says nothing of "
        "how patients begin.",
        f"{gaps.size} intervals of {gaps.min():.0f} to {gaps.max():.0f} steps (median "
        f"{gaps.median():g}); what happened within one is summed over.",
        f"Nobody was seen after day {_last_day(fit):.0f}; beyond it the model extrapolates.",
        "Who is no longer seen is taken to be like those with the same history who are.",
    ]


def _last_day(fit: xr.DataTree) -> float:
    """Last day since day 0 that anybody was seen on."""
    return float(design_of(fit)["seen_day"].max())


def _laid_out(
    parts: Sequence[pd.DataFrame],
    first: Sequence[str],
    last_day: float,
    order: Mapping[str, Sequence[str] | None] | None = None,
) -> pd.DataFrame:
    """Parts side by side; `extrapolated` says of each row that it is after the last day seen."""
    marked = [
        part.assign(extrapolated=(part["day"] if "day" in part else part["year"] * YEAR) > last_day)
        for part in parts
    ]
    known = set().union(*marked)
    columns = [*first, *(name for name in _COLUMNS if name in known)]
    return side_by_side(marked, columns, order=order)
