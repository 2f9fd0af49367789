"""Tables of scenarios: strength and response under other schedules, and what is extrapolated."""

from collections.abc import Mapping, Sequence

import pandas as pd
import xarray as xr

from mmn_bayes.posterior.extrapolation import extrapolation
from mmn_bayes.posterior.groups import ALL
from mmn_bayes.posterior.replicate import spec_of
from mmn_bayes.posterior.response import response_probability
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.report.tables import group_label

AS_INFUSED = "as infused"
PUBLISHED = "published: historical placebo"


def trajectory_table(
    drawn: xr.Dataset,
    quantity: str = "expected_sum",
    level: float = 0.95,
    above: float | None = None,
) -> pd.DataFrame:
    """Summarise a trajectory day by day, and say which days are extrapolated.

    Parameters
    ----------
    drawn
        What `trajectory` gave.
    quantity
        One of its variables: "grade_share", "at_least", "expected_grade", "expected_sum".
    level
        Probability of the equal-tailed intervals.
    above
        As for `summarise`.

    Returns
    -------
    DataFrame
        One row a scenario, group, day (and grade), the columns of `summarise`, `quantity` (words)
        and `extrapolated`.

    Raises
    ------
    ValueError
        When there is no such quantity.
    """
    if quantity not in drawn or "chain" not in drawn[quantity].dims:
        legal = [str(name) for name in drawn if "chain" in drawn[name].dims]
        raise ValueError(f"quantity is {quantity!r}; it is one of {', '.join(legal)}.")
    table = summarise(drawn[quantity], level=level, interval="eti", above=above)
    flags = drawn["extrapolated"]
    keys = [str(dim) for dim in flags.dims]
    beyond = flags.to_dataframe()["extrapolated"].reset_index()[[*keys, "extrapolated"]]
    table = table.merge(beyond, on=keys, how="left", validate="many_to_one")
    return table.assign(quantity=str(drawn[quantity].attrs["quantity"]))


def scenario_response_table(
    fit: xr.DataTree,
    scenarios: Mapping[str, pd.DataFrame],
    *,
    by: str | None = "naive",
    level: float = 0.95,
    placebo: float | None = None,
) -> pd.DataFrame:
    """Return the response of new patients under several schedules, beside a published placebo rate.

    Parameters
    ----------
    fit
        Of outcome "grade".
    scenarios
        Infusions from day 0 on, by name, as for `trajectory`; with `no_infusions()` the model's own
        placebo rate.
    by, level
        As for `response_table`.
    placebo
        The published rate, which then has a row of its own: without interval, since none was
        printed.

    Returns
    -------
    DataFrame
        One row a scenario and group, the infusions as they were first: the group, `scenario`,
        `estimate`, `lower`, `upper`, `level`, `interval`, `ess_bulk`, `ess_tail`, `r_hat`, `mcse`,
        `extrapolated` and `why` (what of the schedule no patient of the cohort had), `synthetic`.

    Raises
    ------
    ValueError
        As for `response_probability`.
    """
    column = by or "group"
    follow_up = spec_of(fit).response.follow_up_day
    parts = []
    for name, scenario in {AS_INFUSED: None, **scenarios}.items():
        draws = response_probability(fit, patients="population", by=by, scenario=scenario)
        rows = summarise(draws, level=level, interval="eti")
        labels = [group_label(by, value) for value in rows[by]] if by else [ALL] * len(rows)
        why = ""
        if scenario is not None:
            beyond = extrapolation(fit, scenario, [follow_up])
            why = " ".join(beyond["why"][beyond["extrapolated"]])
        rows = rows.assign(**{column: labels}, scenario=name, extrapolated=bool(why), why=why)
        parts.append(rows)
    if placebo is not None:
        row = {column: "all published", "scenario": PUBLISHED, "estimate": placebo}
        row |= {"extrapolated": False, "why": "", "synthetic": False, "interval": ""}
        parts.append(pd.DataFrame([row]))
    columns = [column, "scenario", "estimate", "lower", "upper", "level", "interval"]
    columns += ["ess_bulk", "ess_tail", "r_hat", "mcse", "extrapolated", "why", "synthetic"]
    return pd.concat([part.reindex(columns=columns) for part in parts], ignore_index=True)


def contrast_table(
    drawn: xr.Dataset,
    pairs: Sequence[tuple[str, str]],
    quantity: str = "expected_sum",
    level: float = 0.95,
) -> pd.DataFrame:
    """Return the differences between schedules on every day, with the probability that one is more.

    Parameters
    ----------
    drawn
        What `trajectory` gave of several scenarios: the same patients in each, so that differences
        are sharp.
    pairs
        Names of two scenarios each: the first less the second.
    quantity, level
        As for `trajectory_table`.

    Returns
    -------
    DataFrame
        One row a pair, group and day: `contrast`, the columns of `summarise` with `p_above`
        (probability above 0), and `extrapolated` (where either is).

    Raises
    ------
    ValueError
        When a scenario or the quantity is not there.
    """
    known = drawn["scenario"].to_numpy().tolist() if "scenario" in drawn.dims else []
    absent = sorted({name for pair in pairs for name in pair} - set(known))
    if absent:
        raise ValueError(f"There is no scenario {absent[0]!r}; there are {', '.join(known)}.")
    parts = []
    for one, other in pairs:
        first, second = (drawn.sel(scenario=name, drop=True) for name in (one, other))
        difference = first[[quantity]] - second[[quantity]]
        difference[quantity].attrs = drawn[quantity].attrs
        difference["extrapolated"] = first["extrapolated"] | second["extrapolated"]
        table = trajectory_table(difference, quantity, level, above=0.0)
        parts.append(table.assign(contrast=f"{one} less {other}"))
    return pd.concat(parts, ignore_index=True)
