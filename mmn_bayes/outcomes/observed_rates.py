"""Observed rates with confidence intervals, and the exact test against a fixed rate."""

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import binom, binomtest
from statsmodels.stats.proportion import proportion_confint

from mmn_bayes.data.aligning import align_responses, require_columns

EXACT = "clopper-pearson"
# Our names of the intervals that statsmodels has, and what it calls them.
_OF_STATSMODELS = {
    EXACT: "beta",
    "wilson": "wilson",
    "jeffreys": "jeffreys",
    "agresti-coull": "agresti_coull",
}
INTERVALS = (*_OF_STATSMODELS, "mid-p")
ALTERNATIVES = ("two-sided", "greater", "less")
NOT_RECORDED = "not recorded"
RATE_COLUMNS = (
    *("n", "events", "missing"),
    *("estimate", "lower", "upper", "level", "interval", "synthetic"),
)


def rate_interval(events: int, n: int, *, method: str, level: float) -> tuple[float, float]:
    """Return the confidence interval of a proportion.

    Parameters
    ----------
    events, n : int
        Patients with the event, and patients in all (at least 1).
    method : str
        `"clopper-pearson"`, `"wilson"`, `"jeffreys"`, `"agresti-coull"` or `"mid-p"`.
    level : float
        Confidence level, strictly between 0 and 1.

    Returns
    -------
    tuple of float
        Lower and upper limit, within 0 and 1. Without events the lower limit is 0, with nothing
        but events the upper limit is 1; for the Jeffreys interval this is the modification that
        Brown, Cai and DasGupta recommend, without which the interval at 0 of n leaves out 0.

    Raises
    ------
    ValueError
        When the counts do not make a proportion, or the method or the level is not legal.

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404. Wilson EB. J Am Stat Assoc 1927;22:209.
    Brown LD, Cai TT, DasGupta A. Stat Sci 2001;16:101 (Jeffreys, Agresti-Coull, comparison).
    Berry G, Armitage P. The Statistician 1995;44:417 (mid-p).
    """
    check_counts(events, n)
    check_interval(method, level)
    if method == "mid-p":
        lower, upper = _mid_p(events, n, level)
    else:
        lower, upper = proportion_confint(
            events, n, alpha=1 - level, method=_OF_STATSMODELS[method]
        )
    # Exact by the methods' definition, but not always in floating point (Wilson at n of n).
    return (
        0.0 if events == 0 else max(0.0, float(lower)),
        1.0 if events == n else min(1.0, float(upper)),
    )


def rates(
    responses: pd.DataFrame,
    patients: pd.DataFrame,
    *,
    by: str | Sequence[str] | None = None,
    method: str = "clopper-pearson",
    level: float = 0.95,
    synthetic: bool,
) -> pd.DataFrame:
    """Return the observed response rate of each group, with its confidence interval.

    Parameters
    ----------
    responses : DataFrame
        Columns `patient` and `response` (nullable yes/no, missing when not evaluable), one row a
        patient. A patient without a row counts as missing.
    patients : DataFrame
        Column `patient` and those named in `by`, one row an enrolled patient.
    by : str or sequence of str or None, optional
        Column of `patients`, or several, whose values make the groups; None for one row `all`.
    method : str, default "clopper-pearson"
        `"clopper-pearson"`, `"wilson"`, `"jeffreys"`, `"agresti-coull"` or `"mid-p"`.
    level : float, default 0.95
        Confidence level, strictly between 0 and 1.
    synthetic : bool
        Whether the patients are simulated; it is written on every row.

    Returns
    -------
    DataFrame
        One row a group, sorted, "not recorded" last: the by-columns (`group` when `by` is None;
        their dtype is object, the values are those of `patients`), `n` (evaluable), `events`,
        `missing` (enrolled, not evaluable), `estimate`, `lower`, `upper`, `level`, `interval`,
        `synthetic`. The limits and the estimate are NaN where `n` is 0. `n` plus `missing`, summed
        over the rows, is the number of patients.

    Raises
    ------
    ValueError
        When a by-column is unknown, a patient is listed twice, a response belongs to nobody
        enrolled, or the method or the level is not legal.
    """
    check_interval(method, level)
    columns = by_columns(by, patients)
    patients = patients.reset_index(drop=True)  # groups are looked up by row, whatever the index
    response = align_responses(responses, patients)
    rows = []
    for labels, members in _groups(patients, columns):
        own = response[members]
        events, n = int(own.sum()), int(own.notna().sum())
        row = rate_row(events, n, len(own) - n, method=method, level=level)
        rows.append((*labels, *row.values()))
    table = pd.DataFrame(rows, columns=[*(columns or ["group"]), *RATE_COLUMNS[:-1]])
    table[columns] = table[columns].astype(object)
    counts = dict.fromkeys(("n", "events", "missing"), "int64")
    shares = dict.fromkeys(("estimate", "lower", "upper", "level"), "float64")
    return table.astype({**counts, **shares, "interval": "str"}).assign(synthetic=bool(synthetic))


def exact_test(
    events: int, n: int, *, rate: float, alternative: str, synthetic: bool = False
) -> pd.DataFrame:
    """Test a proportion against a fixed rate by the exact binomial test.

    The rate is taken as known. Where it was itself observed in a few patients, the p-value is
    smaller than the evidence warrants.

    Parameters
    ----------
    events, n : int
        Patients with the event, and patients in all (at least 1).
    rate : float
        Rate of the null hypothesis, from 0 to 1.
    alternative : str
        `"greater"`, `"less"` or `"two-sided"` (outcomes no likelier than the one observed).
    synthetic : bool, default False
        Whether the patients are simulated; it is written on the row.

    Returns
    -------
    DataFrame
        One row: `events`, `n`, `estimate`, `rate`, `alternative`, `p_value`, `test`, `synthetic`.

    Raises
    ------
    ValueError
        When the counts do not make a proportion, or the rate or the alternative is not legal.

    Examples
    --------
    Did 14 of 20 responders exceed a rate of 50 %?

    >>> table = mb.observed.exact_test(14, 20, rate=0.5, alternative="greater")
    >>> table[["events", "n", "estimate", "rate", "p_value"]].round(3)
       events   n  estimate  rate  p_value
    0      14  20       0.7   0.5    0.058
    """
    check_counts(events, n)
    if not 0 <= rate <= 1:
        raise ValueError(f"The rate of the null hypothesis is {rate}; give a share from 0 to 1.")
    if alternative not in ALTERNATIVES:
        raise ValueError(
            f"The alternative '{alternative}' is unknown; use one of {', '.join(ALTERNATIVES)}."
        )
    p_value = binomtest(int(events), int(n), p=rate, alternative=alternative).pvalue
    return pd.DataFrame(
        {
            "events": [int(events)],
            "n": [int(n)],
            "estimate": [events / n],
            "rate": [float(rate)],
            "alternative": [alternative],
            "p_value": [float(p_value)],
            "test": ["exact binomial"],
            "synthetic": [bool(synthetic)],
        }
    )


def _mid_p(events: int, n: int, level: float) -> tuple[float, float]:
    """Limits at which the count itself counts by half: each tail is then (1 - level) / 2."""
    tail = (1 - level) / 2

    def at_most(rate: float) -> float:
        return float(binom.cdf(events, n, rate) - binom.pmf(events, n, rate) / 2)

    lower = 0.0 if events == 0 else brentq(lambda p: 1 - at_most(p) - tail, 0, 1, xtol=1e-14)
    upper = 1.0 if events == n else brentq(lambda p: at_most(p) - tail, 0, 1, xtol=1e-14)
    return lower, upper


def rate_row(
    events: int, n: int, missing: int, *, method: str = EXACT, level: float
) -> dict[str, Any]:
    """Return a row of a table of rates, without `synthetic`.

    Parameters
    ----------
    events, n, missing : int
        Patients with the event, those evaluable, and those who are not.
    method : str, default EXACT
        `"clopper-pearson"`, `"wilson"`, `"jeffreys"`, `"agresti-coull"` or `"mid-p"`.
    level : float
        Confidence level, strictly between 0 and 1.

    Returns
    -------
    dict
        `n`, `events`, `missing`, `estimate`, `lower`, `upper`, `level`, `interval`; of nobody
        neither estimate nor limits.
    """
    estimate, limits = np.nan, (np.nan, np.nan)
    if n:
        estimate, limits = events / n, rate_interval(events, n, method=method, level=level)
    counted = (n, events, missing, estimate, *limits, level, method)
    return dict(zip(RATE_COLUMNS, counted, strict=False))


def _groups(
    patients: pd.DataFrame, columns: list[str]
) -> list[tuple[tuple[object, ...], pd.Index]]:
    """Labels of every group that has patients, and the index of its members."""
    if not columns:
        return [(("all",), patients.index)]
    groups = []
    for key, members in patients.groupby(columns, dropna=False, observed=True, sort=True):
        groups.append((tuple(_label(value) for value in key), members.index))
    return groups


def _label(value: Any) -> object:
    if pd.isna(value):
        return NOT_RECORDED
    return value.item() if isinstance(value, np.generic) else value


def by_columns(by: str | Sequence[str] | None, patients: pd.DataFrame) -> list[str]:
    """Return the columns that make groups, as a list; raise unless all are there."""
    if by is None:
        return []
    columns = [by] if isinstance(by, str) else list(by)
    if not columns:
        raise ValueError("`by` names no column; use None for one row of all patients.")
    require_columns(patients, columns, "patients")
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise ValueError(f"`by` names {', '.join(twice)} more than once; name each column once.")
    clash = [name for name in columns if name in RATE_COLUMNS]
    if clash:
        raise ValueError(
            f"patients: column {', '.join(clash)} has the name of a column of the table of rates; "
            "rename it."
        )
    return columns


def check_counts(events: int, n: int) -> None:
    """Raise a ValueError unless so many events of so many patients make a proportion.

    Parameters
    ----------
    events, n : int
        Whole numbers: patients with the event, and patients in all, at least 1.
    """
    for name, count in (("events", events), ("n", n)):
        try:
            index(count)
        except TypeError:
            raise ValueError(f"{name} is {count!r}; give a whole number of patients.") from None
    if n < 1:
        raise ValueError(f"n is {n}; a rate needs at least one patient.")
    if not 0 <= events <= n:
        raise ValueError(f"{events} events of {n} patients; events must lie between 0 and n.")


def check_interval(method: str, level: float) -> None:
    """Raise unless method and level of an interval are legal."""
    if method not in INTERVALS:
        raise ValueError(f"The interval '{method}' is unknown; use one of {', '.join(INTERVALS)}.")
    check_level(level)


def check_level(level: float) -> None:
    """Raise a ValueError unless a confidence level is strictly between 0 and 1.

    Parameters
    ----------
    level : float
        The level.
    """
    if not 0 < level < 1:
        raise ValueError(f"The confidence level is {level}; give a share strictly between 0 and 1.")
