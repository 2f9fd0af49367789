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
    """Tabulate the response rate under every assumption about the missing, and as imputed.

    Parameters
    ----------
    fit : DataTree
        Of outcome "grade" or "response".
    by : str or None, optional
        "naive", the name of a yes/no predictor of the model, or None for all patients.
    rate : float
        Fixed rate: of the exact test, and of the posterior probability of exceeding it.
    level : float, default 0.95
        Level of every interval: exact, or equal-tailed for the posterior.
    draws : DataArray or None, optional
        Draws of `response_probability(fit, patients="cohort", by=by)`, to spare making them again.

    Returns
    -------
    DataFrame
        For each group the rows of `assumed_missing`, and the row "filled in by the model": the
        share among these patients, uncertain by the missing alone. The group, `assumption`,
        `n`, `events`, `missing`, `not_judged` (patients with too few affected muscles, to whom the
        rule does not apply), `estimate`, `lower`, `upper`, `level`, `interval`, `above`, `p_above`,
        `p_value`, `test`, `ess_bulk`, `ess_tail`, `r_hat`, `mcse`, `synthetic`. `n`, `missing` and
        `not_judged` add up to the patients enrolled in every row. `reason` only where a row has
        no estimate: in how many draws anybody could be judged, and why not in the others.

    Raises
    ------
    ValueError
        When the fit is not of grades or responses, `by` makes no groups, the draws are not of those
        groups, or level or rate is not legal.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`:

    >>> table = mb.tables.missing_table(response_fit, rate=0.5, by="naive")
    >>> table[["naive", "assumption", "n", "events", "missing"]]
                    naive              assumption   n  events  missing
    0               naive          complete cases  20      14        2
    1               naive        all missing fail  22      14        0
    2               naive  1 of 2 missing respond  22      15        0
    3               naive     all missing respond  22      16        0
    4               naive  filled in by the model  22    <NA>        0
    5  previously treated          complete cases  18       4        0
    6  previously treated  filled in by the model  18    <NA>        0
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
    """Tabulate for each group how many responders among the missing change the conclusion.

    Parameters
    ----------
    fit : DataTree
        Of outcome "grade" or "response".
    by : str or None, optional
        "naive", the name of a yes/no predictor of the model, or None for all patients.
    rate : float
        Fixed rate with which the lower confidence limit is compared.
    level : float, default 0.95
        Level of the exact confidence intervals.

    Returns
    -------
    DataFrame
        One row a group with anybody evaluable: the group and the columns of `tipping_point`.

    Raises
    ------
    ValueError
        When the fit is not of grades or responses, `by` makes no groups, level or rate is not
        legal, or nobody is evaluable.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`:

    >>> table = mb.tables.tipping_table(response_fit, rate=0.45, by="naive")
    >>> table[["naive", "conclusion", "missing", "tips_at"]]
                    naive conclusion  missing  tips_at
    0               naive      above        2        0
    1  previously treated  not above        0     <NA>
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
