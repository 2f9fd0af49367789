"""The missing, both ways: counted under every assumption, and filled in by the model."""

import pandas as pd
import xarray as xr

from mmn_bayes.outcomes.response.estimands import response_probability
from mmn_bayes.outcomes.response.observed_missing import assumed_missing, tipping_point
from mmn_bayes.outcomes.response.rates import response_counts
from mmn_bayes.posterior.groups import ALL
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.report.side_by_side import FIRST_GROUPS, group_label, side_by_side

FILLED_IN = "filled in by the model"


def missing_table(
    fit: xr.DataTree,
    *,
    by: str | None = None,
    rate: float,
    level: float = 0.95,
    draws: xr.DataArray | None = None,
) -> pd.DataFrame:
    """Set the response rate under every assumption about the missing beside the model's.

    Parameters
    ----------
    fit : DataTree
        Of outcome "grade" or "response".
    by : str or None, optional
        As for `groups_of`: "naive", the name of a yes/no predictor, or None for all patients.
    rate : float
        What each row is compared with: the exact test, or the posterior probability of more.
    level : float, default 0.95
        Level of every interval: exact, or equal-tailed for the posterior.
    draws : DataArray or None, optional
        What `response_probability(fit, patients="cohort", by=by)` gave, when it is at hand.

    Returns
    -------
    DataFrame
        For each group the rows of `assumed_missing`, and the row "filled in by the model": the
        share among these patients, which only the missing make uncertain. The group, `assumption`,
        `n`, `events`, `missing`, `not_judged` (patients with too few affected muscles, to whom the
        rule does not apply), `estimate`, `lower`, `upper`, `level`, `interval`, `above`, `p_above`,
        `p_value`, `test`, `ess_bulk`, `ess_tail`, `r_hat`, `mcse`, `synthetic`. `n`, `missing` and
        `not_judged` add up to the patients enrolled in every row. `reason` only where a row has
        no estimate: in how many draws anybody could be judged, and why not in the others.

    Raises
    ------
    ValueError
        As for `response_probability`, or when level or rate is not legal.
    """
    if draws is None:
        draws = response_probability(fit, patients="cohort", by=by)
    filled = summarise(draws, level=level, interval="eti", above=rate)
    column = "group" if by is None else by
    counts_of = response_counts(fit, by)
    labels = [] if by is None else list(counts_of)
    if len(filled) != len(counts_of) or (
        labels and filled.get(by, filled.index).tolist() != labels
    ):
        raise ValueError(
            "The draws are not of the groups of this fit; give those that `response_probability` "
            f"makes of it by {by!r}."
        )
    parts = []
    for position, (label, counted) in enumerate(counts_of.items()):
        events, n, missing, not_judged = counted
        row = filled.iloc[[position]]
        own = [row.assign(assumption=FILLED_IN, above=rate, n=n + missing, missing=0)]
        if n + missing:
            synthetic = bool(fit.attrs["synthetic"])
            table = assumed_missing(events, n, missing, rate=rate, level=level, synthetic=synthetic)
            own.insert(0, table)
        name = ALL if by is None else group_label(by, label)
        both = pd.concat(own, ignore_index=True).assign(not_judged=not_judged)
        parts.append(both.assign(**{column: name}))
    columns = [column, "assumption", "n", "events", "missing", "not_judged"]
    columns += ["estimate", "lower", "upper", "level", "interval", "above", "p_above"]
    columns += ["p_value", "test", "ess_bulk", "ess_tail", "r_hat", "mcse", "synthetic"]
    table = side_by_side(parts, columns, order={column: FIRST_GROUPS})
    test = table["test"].astype("str").fillna("")  # of nobody judged in any group there is none
    return table.assign(test=test).astype({"not_judged": "Int64", "synthetic": "bool"})


def tipping_table(
    fit: xr.DataTree, *, by: str | None = None, rate: float, level: float = 0.95
) -> pd.DataFrame:
    """Say for each group which number of responders among the missing changes the conclusion.

    Parameters
    ----------
    fit : DataTree
        Of outcome "grade" or "response".
    by : str or None, optional
        As for `groups_of`: "naive", the name of a yes/no predictor, or None for all patients.
    rate : float
        What each row is compared with: the exact test, or the posterior probability of more.
    level : float, default 0.95
        Level of every interval: exact, or equal-tailed for the posterior.

    Returns
    -------
    DataFrame
        One row a group of whom anybody was judged: the group and the columns of `tipping_point`.

    Raises
    ------
    ValueError
        As for `missing_table`, and when nobody was judged.
    """
    column = "group" if by is None else by
    parts = []
    for label, (events, n, missing, _) in response_counts(fit, by).items():
        if n:
            synthetic = bool(fit.attrs["synthetic"])
            table = assumed_missing(events, n, missing, rate=rate, level=level, synthetic=synthetic)
            name = ALL if by is None else group_label(by, label)
            parts.append(tipping_point(table).assign(**{column: name}))
    if not parts:
        raise ValueError("Nobody was judged: there is no conclusion that the missing could change.")
    columns = [column, *(str(name) for name in parts[0] if name != column)]
    return side_by_side(parts, columns, order={column: FIRST_GROUPS})
