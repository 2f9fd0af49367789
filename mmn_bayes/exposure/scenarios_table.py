"""Tables of scenarios: strength and response under other schedules, and what is extrapolated."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.margins import YEAR
from mmn_bayes.exposure.extrapolation import extrapolation_table
from mmn_bayes.outcomes.response.estimands import response_probability
from mmn_bayes.posterior.draws import design_of_grades, spec_of
from mmn_bayes.posterior.groups import ALL, groups_of
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.report.side_by_side import group_label, side_by_side

AS_INFUSED = "as infused"
PUBLISHED = "published: historical placebo"


def trajectory_table(
    drawn: xr.Dataset,
    quantity: str = "expected_sum",
    *,
    level: float = 0.95,
    above: float | None = None,
    below: float | None = None,
) -> pd.DataFrame:
    """Summarise a trajectory day by day, with a flag where it is extrapolated.

    Parameters
    ----------
    drawn : Dataset
        Posterior draws of strength over time, from `trajectory`.
    quantity : str, default "expected_sum"
        One of its variables: "grade_share", "at_least", "expected_grade", "expected_sum".
    level : float, default 0.95
        Probability of the equal-tailed intervals.
    above, below : float or None, optional
        Margins, in the units of the quantity and within its range: the probability of lying above,
        below, or between is added as `p_above`, `p_below`, `p_within`.

    Returns
    -------
    DataFrame
        One row a scenario, group, day (and grade), the columns of `summarise`, `quantity` (words)
        and `extrapolated`.

    Raises
    ------
    ValueError
        When there is no such quantity.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> usual = mb.exposure.schedule(dose_g_per_kg=2, every_days=28, from_day=0, until_day=364)
    >>> scenarios = {"every 4 weeks": usual, "no infusion": mb.exposure.no_infusions()}
    >>> drawn = mb.exposure.trajectory(
    ...     fit, scenario=scenarios, patients="cohort", days=[0, 182, 364]
    ... )
    >>> table = mb.tables.trajectory_table(drawn, "expected_grade")
    >>> table[["scenario", "day", "extrapolated"]]
            scenario    day  extrapolated
    0  every 4 weeks    0.0         False
    1    no infusion    0.0         False
    2  every 4 weeks  182.0         False
    3    no infusion  182.0          True
    4  every 4 weeks  364.0         False
    5    no infusion  364.0          True
    """
    _require_quantity(drawn, quantity)
    table = summarise(drawn[quantity], level=level, interval="eti", above=above, below=below)
    flags = drawn["extrapolated"]
    keys = [str(dim) for dim in flags.dims]
    beyond = flags.to_dataframe()["extrapolated"].reset_index()[[*keys, "extrapolated"]]
    table = table.merge(beyond, on=keys, how="left", validate="many_to_one")
    return table.assign(quantity=str(drawn[quantity].attrs["quantity"]))


def _require_quantity(drawn: xr.Dataset, quantity: str) -> None:
    legal = [str(name) for name in drawn if "chain" in drawn[name].dims]
    if quantity not in legal:
        raise ValueError(f"quantity is {quantity!r}; it is one of {', '.join(legal)}.")


def scenario_response_table(
    fit: xr.DataTree,
    scenarios: Mapping[str, pd.DataFrame],
    *,
    by: str | None = None,
    level: float = 0.95,
    placebo: float | None = None,
) -> pd.DataFrame:
    """Tabulate the response probability of new patients under several infusion schedules.

    Parameters
    ----------
    fit : DataTree
        Of outcome "grade".
    scenarios : mapping of str to DataFrame
        Infusions from day 0 on, by name: tables of `schedule`, or any with `day`, `dose_g_per_kg`
        (and `patient`); `no_infusions()` gives the model's own placebo rate.
    by : str or None, optional
        "naive", the name of a yes/no predictor of every model, or None for all patients.
    level : float, default 0.95
        Probability of the equal-tailed credible intervals.
    placebo : float or None, optional
        A published placebo rate, which then has a row of its own, without interval.

    Returns
    -------
    DataFrame
        One row a scenario and group, first the recorded infusions ("as infused"): the group,
        `scenario`, `estimate`, `lower`, `upper`, `level`, `interval`, `ess_bulk`, `ess_tail`,
        `r_hat`, `mcse`, `extrapolated` and `note` (what of the schedule no patient of the cohort
        had), `synthetic`.

    Raises
    ------
    ValueError
        When the fit has no grades, `by` makes no groups, a scenario is not usable or is called "as
        infused", or `placebo` is no rate.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> scenarios = {"no infusion": mb.exposure.no_infusions()}
    >>> table = mb.tables.scenario_response_table(fit, scenarios, placebo=0.2, by="naive")
    >>> table[["naive", "scenario", "extrapolated"]]
                    naive                       scenario  extrapolated
    0  previously treated                     as infused         False
    1               naive                     as infused         False
    2  previously treated                    no infusion         False
    3               naive                    no infusion          True
    4       all published  published: historical placebo         False
    """
    if AS_INFUSED in scenarios:
        raise ValueError(f"A scenario is called '{AS_INFUSED}', as the infusions recorded are.")
    if placebo is not None and not 0 <= placebo <= 1:
        raise ValueError(f"placebo is {placebo}; it is a rate, from 0 to 1.")
    column = by or "group"
    groups = groups_of(fit, by)
    label = design_of_grades(fit)["patient"].to_numpy()
    follow_up = spec_of(fit).response.follow_up_day
    parts = []
    for name, scenario in {AS_INFUSED: None, **scenarios}.items():
        draws = response_probability(fit, patients="population", by=by, scenario=scenario)
        rows = summarise(draws, level=level, interval="eti")
        labels = [group_label(by, value) for value in rows[by]] if by else [ALL] * len(rows)
        note = [""] * len(rows)
        if scenario is not None:
            # Of each group: who was treated before has had infusions, whatever the scenario.
            found = [
                extrapolation_table(
                    fit, scenario, days=[follow_up], patients=label[member].tolist()
                )
                for member in groups.members.values()
            ]
            note = [" ".join(table["note"][table["extrapolated"]]) for table in found]
        rows = rows.assign(**{column: labels}, scenario=name, note=note)
        parts.append(rows.assign(extrapolated=[bool(text) for text in note]))
    if placebo is not None:
        row = {column: "all published", "scenario": PUBLISHED, "estimate": placebo}
        row |= {"extrapolated": False, "note": "", "synthetic": False, "interval": ""}
        parts.append(pd.DataFrame([row]))
    columns = [column, "scenario", "estimate", "lower", "upper", "level", "interval"]
    columns += ["ess_bulk", "ess_tail", "r_hat", "mcse", "extrapolated", "note", "synthetic"]
    return side_by_side(parts, columns)


def yearly_change_table(
    drawn: xr.Dataset,
    periods: Sequence[tuple[float, float]],
    quantity: str = "expected_sum",
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Tabulate the yearly change in strength between two days, with the probability of a loss.

    Parameters
    ----------
    drawn : Dataset
        Posterior draws of strength over time, from `trajectory`.
    periods : sequence of tuple of (float, float)
        Pairs of days of the trajectory, the earlier first.
    quantity : str, default "expected_sum"
        One of its variables: "grade_share", "at_least", "expected_grade", "expected_sum".
    level : float, default 0.95
        Probability of the equal-tailed intervals.

    Returns
    -------
    DataFrame
        One row a scenario, group and period: `from_day`, `to_day`, the columns of `summarise` with
        `p_below` (probability of a loss), and `extrapolated` (where either day is).

    Raises
    ------
    ValueError
        When the quantity or a day is not there, or a period does not last.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> usual = mb.exposure.schedule(dose_g_per_kg=2, every_days=28, from_day=0, until_day=364)
    >>> scenarios = {"every 4 weeks": usual, "no infusion": mb.exposure.no_infusions()}
    >>> drawn = mb.exposure.trajectory(
    ...     fit, scenario=scenarios, patients="cohort", days=[0, 182, 364]
    ... )
    >>> table = mb.tables.yearly_change_table(drawn, [(0, 182), (182, 364)])
    >>> table[["scenario", "from_day", "to_day", "extrapolated"]]
            scenario  from_day  to_day  extrapolated
    0  every 4 weeks         0     182         False
    1    no infusion         0     182          True
    2  every 4 weeks       182     364         False
    3    no infusion       182     364          True
    """
    _require_quantity(drawn, quantity)
    days = drawn["day"].to_numpy().tolist()
    wrong = [
        pair
        for pair in periods
        if np.shape(pair) != (2,) or not {*pair} <= {*days} or not pair[0] < pair[1]
    ]
    if wrong or not periods:
        raise ValueError(
            f"periods are pairs of days of the trajectory, the earlier first; {wrong or 'none'} "
            "given."
        )
    parts = []
    for first, last in periods:
        start, end = drawn.sel(day=first, drop=True), drawn.sel(day=[last])
        change = (end[[quantity]] - start[[quantity]]) / ((last - first) / YEAR)
        change[quantity].attrs = drawn[quantity].attrs
        change["extrapolated"] = end["extrapolated"] | start["extrapolated"]
        table = trajectory_table(change, quantity, level=level, below=0.0)
        parts.append(table.drop(columns=["day", "quantity"]).assign(from_day=first, to_day=last))
    said = f"{drawn[quantity].attrs['quantity']}, change a year"
    return pd.concat(parts, ignore_index=True).assign(quantity=said)


def contrast_table(
    drawn: xr.Dataset,
    pairs: Sequence[tuple[str, str]],
    quantity: str = "expected_sum",
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Tabulate differences between scenarios on each day, with the probability above 0.

    Parameters
    ----------
    drawn : Dataset
        What `trajectory` returned for several scenarios: the same patients in each, so that the
        differences are paired.
    pairs : sequence of tuple of (str, str)
        Pairs of names of scenarios: the first less the second.
    quantity : str, default "expected_sum"
        One of its variables: "grade_share", "at_least", "expected_grade", "expected_sum".
    level : float, default 0.95
        Probability of the equal-tailed intervals.

    Returns
    -------
    DataFrame
        One row a pair, group and day: `contrast`, the columns of `summarise` with `p_above`
        (probability above 0), and `extrapolated` (where either is).

    Raises
    ------
    ValueError
        When a scenario or the quantity is not there.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> monthly = mb.exposure.schedule(dose_g_per_kg=1, every_days=28, from_day=0, until_day=182)
    >>> both = {"monthly": monthly, "none": mb.exposure.no_infusions()}
    >>> drawn = mb.exposure.trajectory(fit, scenario=both, patients="P01", days=[91, 182])
    >>> table = mb.tables.contrast_table(drawn, [("monthly", "none")], "expected_grade")
    >>> table[["day", "contrast", "extrapolated"]]
         day           contrast  extrapolated
    0   91.0  monthly less none         False
    1  182.0  monthly less none         False
    """
    _require_quantity(drawn, quantity)
    known = drawn["scenario"].to_numpy().tolist() if "scenario" in drawn.dims else []
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise ValueError("pairs is a list of pairs of scenarios; give one pair at least.")
    absent = sorted({name for pair in pairs for name in pair} - set(known))
    if absent:
        raise ValueError(f"There is no scenario {absent[0]!r}; there are {', '.join(known)}.")
    parts = []
    for one, other in pairs:
        first, second = (drawn.sel(scenario=name, drop=True) for name in (one, other))
        difference = first[[quantity]] - second[[quantity]]
        difference[quantity].attrs = drawn[quantity].attrs
        difference["extrapolated"] = first["extrapolated"] | second["extrapolated"]
        table = trajectory_table(difference, quantity, level=level, above=0.0)
        parts.append(table.assign(contrast=f"{one} less {other}"))
    return pd.concat(parts, ignore_index=True)
