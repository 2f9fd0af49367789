"""Two groups in both worlds: rates, differences, ratios, and why posterior and observed differ."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.engine.outcome import outcome_of
from mmn_bayes.outcomes.observed_rates import INTERVALS, exact_test, rate_row
from mmn_bayes.outcomes.response.estimands import response_probability
from mmn_bayes.outcomes.response.observed_contrast import compare_rates
from mmn_bayes.outcomes.response.rates import response_counts
from mmn_bayes.posterior.draws import design_of, spec_of
from mmn_bayes.posterior.summary import Contrast, contrast, summarise
from mmn_bayes.report.side_by_side import (
    FIRST_GROUPS,
    OBSERVED,
    PATIENTS,
    group_label,
    side_by_side,
)

STANDARDISED = "new patients, standardised"
# What of two rates is compared, and what P(more than) is about.
_CONTRASTS: dict[str, tuple[Contrast, float]] = {
    "difference": ("difference", 0.0),
    "ratio": ("ratio", 1.0),
    "odds ratio": ("odds_ratio", 1.0),
}
NEEDED = "number needed to treat"
_COLUMNS = (
    *("measure", "group", "source", "n", "events", "missing"),
    *("estimate", "lower", "upper", "level", "interval", "above", "p_above"),
    *("p_greater", "p_value", "test", "ess_bulk", "ess_tail", "r_hat", "mcse", "note", "synthetic"),
)


def comparison_table(
    fits: xr.DataTree | Sequence[xr.DataTree],
    *,
    by: str,
    rate: float,
    level: float = 0.95,
) -> pd.DataFrame:
    """Tabulate the response of two groups, frequentist estimates beside posterior ones.

    Parameters
    ----------
    fits : DataTree or sequence of DataTree
        One fit, or several of different models on the same cohort.
    by : str
        The two groups: "naive", or a yes/no predictor by name; both groups have patients.
    rate : float
        Reference rate, between 0 and 1, of the exact binomial tests and of P(rate > reference).
    level : float, default 0.95
        Level of every confidence and credible interval.

    Returns
    -------
    DataFrame
        Rows by `measure` ("rate", "difference", "ratio", "odds ratio", "number needed to treat"),
        `group` and `source`: "observed" (rates with each kind of confidence interval, the exact one
        with the exact tests against `rate`, one-sided in `p_greater`, two-sided in `p_value`;
        comparisons as `compare_rates` makes them), and for each model these patients, new patients,
        and new patients standardised over the covariates (posterior, equal-tailed). `n`, `events`,
        `missing`, `estimate`, `lower`, `upper`, `level`, `interval`; `above` with `p_above`, the
        posterior probability of more than it; `p_greater`, `p_value`, `test`; `ess_bulk`,
        `ess_tail`, `r_hat`, `mcse`; `note`: in words, what makes a posterior row differ from the
        observed one; `synthetic`.
        The number needed to treat is 1 / difference, of the posterior too, with limits only where
        the interval of the difference does not hold 0.

    Raises
    ------
    ValueError
        When `by` makes no groups or only one, or one of them has nobody evaluable.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`:

    >>> table = mb.comparison_table(response_fit, rate=0.5, by="naive")
    >>> list(table["measure"].unique())
    ['rate', 'difference', 'ratio', 'odds ratio', 'number needed to treat']
    >>> rates = table[(table["measure"] == "rate") & (table["source"] == "observed")]
    >>> rates[["group", "events", "n", "interval", "p_value"]].round(3).head(3)
       group  events   n         interval  p_value
    0  naive      14  20  clopper-pearson    0.115
    1  naive      14  20           wilson      NaN
    2  naive      14  20         jeffreys      NaN
    """
    trees = [fits] if isinstance(fits, xr.DataTree) else list(fits)
    if not trees:
        raise ValueError("A comparison needs at least one fit.")
    counts = _counts(trees[0], by)
    parts = [_observed(counts, rate, level)]
    for tree in trees:
        name = str(tree.attrs["spec_name"])
        for source, draws in _draws(tree, by).items():
            whole = f"{name}: {source}"
            parts.append(_modelled(tree, draws, whole, by, counts, rate, level))
    order = {"measure": ["rate", *_CONTRASTS, NEEDED], "group": [*counts, _between(counts)]}
    table = side_by_side(parts, _COLUMNS, order=order, reasons=False)
    synthetic = bool(trees[0].attrs["synthetic"])
    text = {name: table[name].fillna("") for name in ("test", "note")}
    return table.assign(**text, synthetic=synthetic)


def _counts(fit: xr.DataTree, by: str) -> dict[str, tuple[object, int, int, int]]:
    """By the printed label of a group: its value, responders, evaluable and missing patients."""
    found = {
        group_label(by, value): (value, counted.events, counted.n, counted.unknown)
        for value, counted in response_counts(fit, by).items()
    }
    if len(found) != 2:
        raise ValueError(
            f"All patients are '{next(iter(found))}' by '{by}'; two groups are needed."
        )
    for label, (_, _, n, _) in found.items():
        if n == 0:
            raise ValueError(f"Nobody of the group '{label}' is evaluable; nothing to compare.")
    return dict(sorted(found.items(), key=lambda item: item[0] not in FIRST_GROUPS))


def _between(counts: dict[str, tuple[object, int, int, int]]) -> str:
    return " against ".join(counts)


def _observed(
    counts: dict[str, tuple[object, int, int, int]], rate: float, level: float
) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for label, (_, events, n, missing) in counts.items():
        tests = {
            name: exact_test(events, n, rate=rate, alternative=alternative).iloc[0]
            for name, alternative in (("p_greater", "greater"), ("p_value", "two-sided"))
        }
        for number, method in enumerate(INTERVALS):
            row: dict[str, Any] = {"measure": "rate", "group": label}
            row |= rate_row(events, n, missing, method=method, level=level)
            if number == 0:  # of the exact interval, to which the exact tests belong
                row |= {"above": rate, "test": tests["p_value"]["test"]}
                row |= {name: test["p_value"] for name, test in tests.items()}
            rows.append(row)
    (_, a, n, _), (_, b, m, _) = counts.values()
    compared = compare_rates((a, n), (b, m), level=level)
    kept = compared[["measure", "estimate", "lower", "upper", "interval", "p_value", "test"]]
    kept = kept.assign(group=_between(counts), note=compared["note"])
    return pd.concat([pd.DataFrame(rows), kept]).assign(source=OBSERVED, level=level)


def _draws(fit: xr.DataTree, by: str) -> dict[str, xr.DataArray]:
    """Draws of the rates of the groups, by what they are of."""
    found = {
        words: response_probability(fit, patients=patients, by=by)
        for patients, words in PATIENTS.items()
    }
    whole = response_probability(fit, patients="population", by=by, standardised=True)
    return found | {STANDARDISED: whole}


def _modelled(
    fit: xr.DataTree,
    draws: xr.DataArray,
    source: str,
    by: str,
    counts: dict[str, tuple[object, int, int, int]],
    rate: float,
    level: float,
) -> pd.DataFrame:
    values = {label: value for label, (value, *_) in counts.items()}
    rates = summarise(draws, level=level, interval="eti", above=rate)
    rates = rates.assign(
        measure="rate", group=[group_label(by, value) for value in rates[by]], above=rate
    ).drop(columns=by)
    reasons = []
    for row in rates.to_dict("records"):
        _, events, n, missing = counts[row["group"]]
        if np.isnan(row["estimate"]):
            reasons.append(row["reason"])
            continue
        reasons.append(_why(fit, source, row["estimate"], events, n, missing))
    parts = [rates.assign(note=reasons)]
    between = tuple(values.values())
    for measure, (kind, above) in _CONTRASTS.items():
        compared = contrast(draws, between=(between[0], between[1]), kind=kind)
        part = summarise(compared, level=level, interval="eti", above=above)
        undefined = (
            ""
            if np.isfinite(part["estimate"].iloc[0])
            else "in some draws a rate is 0 or 1, so that it has no mean"
            if rates["estimate"].notna().all()
            else part["reason"].iloc[0]
        )
        parts.append(
            part.assign(measure=measure, group=_between(counts), above=above, note=undefined)
        )
    parts.append(_needed(parts[1]))
    return pd.concat(parts, ignore_index=True).assign(source=source)


def _needed(difference: pd.DataFrame) -> pd.DataFrame:
    """The number needed to treat of a posterior difference, as of an observed one."""
    row = difference.iloc[0]
    if np.isnan(row["estimate"]):
        return difference.assign(measure=NEEDED, above=np.nan)
    value, lower, upper = row["estimate"], row["lower"], row["upper"]
    one_side = lower > 0 or upper < 0
    beyond = f"{1 / upper:.3g}" if upper > 0 else "infinity"
    below = f"{1 / lower:.3g}" if lower < 0 else "infinity"
    note = (
        "1 / difference, of estimate and limits"
        if one_side
        else "the interval of the difference holds 0: it runs from "
        f"{beyond} through infinity to {below}"
    )
    return difference.assign(
        measure=NEEDED,
        estimate=1 / value if value else np.inf,
        lower=1 / upper if one_side else np.nan,
        upper=1 / lower if one_side else np.nan,
        above=np.nan,
        p_above=np.nan,
        mcse=np.nan,
        note=note,
    )


def _why(fit: xr.DataTree, source: str, estimate: float, events: int, n: int, missing: int) -> str:
    """What makes a posterior rate differ from the observed one, with the counts to check it by."""
    design, spec = design_of(fit), spec_of(fit)
    gap = round(100.0 * (estimate - events / n), 1) + 0.0  # no minus before a nought
    # A sign first would be a formula to a spreadsheet.
    said = f"differs by {gap:+.1f} percentage points from {events}/{n}: "
    if source.endswith(PATIENTS["cohort"]):
        if not missing:
            return f"{said}nobody is missing, and what was graded is kept"
        who = "patient" if missing == 1 else "patients"
        return f"{said}the {missing} missing {who} filled in by the model, the others as graded"
    causes = []
    of_grades = outcome_of(spec.outcome).of_grades
    if of_grades:
        rows = design.sizes["row"]
        causes.append(
            f"muscles weighted: all {rows} grades of all visits say how near each muscle is to the "
            "next grade, where the rule counts whole grades of two visits"
        )
    causes.append(
        f"shrinkage: {n} patients are drawn towards the priors and, by what the groups share, "
        f"towards the others of {design.sizes['patient']}"
    )
    if missing:
        causes.append(f"new patients have no missing visit, as {missing} here have")
    if source.endswith(STANDARDISED):
        own = ", infusions as in the group" * of_grades
        causes.append(f"standardised: other covariates and muscles as in the whole cohort{own}")
    return said + "; ".join(causes)
