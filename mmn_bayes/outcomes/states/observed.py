"""Who is in which state when `status` is recorded again: intervals, counts, product-limit shares.

A state holds from its day (`data/README.md`) until the patient's next row; after the last row
nothing is known of the patient.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm
from statsmodels.duration.survfunc import SurvfuncRight

from mmn_bayes.data.schema import Cohort
from mmn_bayes.data.status_paths import status_rows
from mmn_bayes.errors import DataError
from mmn_bayes.outcomes.observed_rates import check_level, rate_row

NO_ROW = "no status"
ONE_ROW = "one status only"


def state_intervals(cohort: Cohort, *, levels: Sequence[str]) -> pd.DataFrame:
    """Return the pairs of consecutive states of every patient, with the days between them.

    Parameters
    ----------
    cohort : Cohort
        A cohort with `status`; days before inclusion are used as any other.
    levels : sequence of str
        The states there are, in the order of the categories.

    Returns
    -------
    DataFrame
        One row a pair, by patient (in the cohort's order) and day: `patient`, `from_day`, `to_day`,
        `days` (between them), `state`, `next_state` (categories: the levels), `reason`,
        `synthetic`. Of a patient without a pair there is one row, whose `reason` says why; for a
        pair it is empty.

    Raises
    ------
    DataError
        When the cohort has no status, a state is not one of the levels, or a patient has two states
        on one day; each row is named.
    ValueError
        When `levels` is empty or names a level twice.

    Examples
    --------
    With `states_cohort`, whose `status` has a row at every visit:

    >>> levels = ["dependent", "remission", "other"]
    >>> table = mb.observed.state_intervals(states_cohort, levels=levels)
    >>> table[["patient", "from_day", "to_day", "days", "state", "next_state"]].head(2)
      patient  from_day  to_day   days      state next_state
    0     P01    -604.0  -423.0  181.0  dependent  dependent
    1     P01    -423.0  -221.0  202.0  dependent  dependent
    """
    rows = status_rows(cohort, levels)
    following = rows.groupby("patient")
    rows = rows.assign(to_day=following["day"].shift(-1), next_state=following["status"].shift(-1))
    # A patient's last row begins no pair; it stays where it is the only one.
    alone = ~rows["patient"].duplicated(keep=False)
    rows = rows[rows["to_day"].notna() | alone]
    rows = rows.rename(columns={"day": "from_day", "status": "state"})
    table = cohort.patients[["patient"]].merge(rows, on="patient", how="left")
    reason = np.select([table["from_day"].isna(), table["to_day"].isna()], [NO_ROW, ONE_ROW], "")
    table = table.assign(
        days=table["to_day"] - table["from_day"],
        reason=pd.array(reason, dtype="str"),
        synthetic=cohort.synthetic,
    )
    columns = ["patient", "from_day", "to_day", "days", "state", "next_state"]
    return table[[*columns, "reason", "synthetic"]]


def empirical_occupancy(
    cohort: Cohort, *, levels: Sequence[str], days: Sequence[float], level: float = 0.95
) -> pd.DataFrame:
    """Tabulate the observed share in each state on given days, of those under observation.

    A patient is under observation from the first to the last row, both included, and in the state
    of the latest row so far. Where loss to follow-up depends on the state, these shares are biased;
    those of `aalen_johansen` are not, if the process is Markov.

    Parameters
    ----------
    cohort : Cohort
        A cohort with `status`; days before inclusion are used as any other.
    levels : sequence of str
        The states there are, in the order of the categories.
    days : sequence of float
        Days since inclusion, finite.
    level : float, default 0.95
        Confidence level of one share.

    Returns
    -------
    DataFrame
        One row a day and state, in the order of `days` and `levels`: `day`, `state`, `n` (under
        observation), `missing` (enrolled, not under observation), `events`, `estimate`, `lower`,
        `upper`, `level`, `interval`, `synthetic`. Shares are NaN where `n` is 0.

    Raises
    ------
    DataError
        When the cohort has no status, a state is not one of the levels, or a patient has two states
        on one day; each row is named.
    ValueError
        When `levels` is empty or names a level twice, or days or level are not legal.

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404.

    Examples
    --------
    With `states_cohort`, whose `status` has a row at every visit, by days since first infusion:

    >>> counted = mb.states.on_clock(states_cohort, "first_infusion")
    >>> levels = ["dependent", "remission", "other"]
    >>> table = mb.observed.empirical_occupancy(counted, levels=levels, days=[0, 1096])
    >>> table[["day", "state", "n", "missing", "events", "estimate"]].round(2)
          day      state   n  missing  events  estimate
    0     0.0  dependent  40        0      36      0.90
    1     0.0  remission  40        0       2      0.05
    2     0.0      other  40        0       2      0.05
    3  1096.0  dependent  31        9      23      0.74
    4  1096.0  remission  31        9       4      0.13
    5  1096.0      other  31        9       4      0.13
    """
    check_level(level)
    rows = status_rows(cohort, levels)
    found = []
    for day in _checked_days(days):
        counts = _counts_on(rows, day)
        n = int(counts.sum())
        for state, count in zip(levels, counts, strict=True):
            row = rate_row(int(count), n, len(cohort.patients) - n, level=float(level))
            found.append({"day": day, "state": state, **row})
    columns = ["day", "state", "n", "missing", "events", "estimate", "lower", "upper", "level"]
    table = pd.DataFrame(found, columns=[*columns, "interval"])
    return table.assign(synthetic=cohort.synthetic)


def aalen_johansen(cohort: Cohort, *, levels: Sequence[str], days: Sequence[float]) -> pd.DataFrame:
    """Estimate the probability of each state at each day by the Aalen-Johansen estimator.

    The shares of the first states are multiplied by a matrix I + dA for each day of a transition,
    where dA has the transitions of the day over the patients at risk in the state that they left.

    Parameters
    ----------
    cohort : Cohort
        A cohort with `status`; days before inclusion are used as any other.
    levels : sequence of str
        The states there are, in the order of the categories.
    days : sequence of float
        Days since inclusion, finite.

    Returns
    -------
    DataFrame
        One row a day and state, in the order of `days` and `levels`: `day`, `state`, `n` (under
        observation), `missing` (enrolled, not under observation), `estimate`, `synthetic`. The
        estimate is NaN on a day when nobody is under observation.

    Raises
    ------
    DataError
        When the cohort has no status, a state is not one of the levels, a patient has two states on
        one day (each row is named), or no patient has two rows.
    ValueError
        When the levels or the days are not legal.

    Notes
    -----
    Everybody with a row counts in the shares of the first states, whatever its day: where first
    days differ, those shares are taken for the ones on the earliest, and the others enter late. The
    estimate is also consistent where the process is not Markov, if censoring is independent of the
    states.

    References
    ----------
    Aalen OO, Johansen S. Scand J Stat 1978;5:141. Datta S, Satten GA. Stat Probab Lett 2001;55:403
    (occupancy without the Markov assumption).

    Examples
    --------
    With `states_cohort`, whose `status` has a row at every visit, by days since first infusion:

    >>> counted = mb.states.on_clock(states_cohort, "first_infusion")
    >>> levels = ["dependent", "remission", "other"]
    >>> table = mb.observed.aalen_johansen(counted, levels=levels, days=[0, 1096])
    >>> table[["day", "state", "n", "missing", "estimate"]].round(2)
          day      state   n  missing  estimate
    0     0.0  dependent  40        0      0.90
    1     0.0  remission  40        0      0.05
    2     0.0      other  40        0      0.05
    3  1096.0  dependent  31        9      0.74
    4  1096.0  remission  31        9      0.14
    5  1096.0      other  31        9      0.12
    """
    wanted = _checked_days(days)
    rows, intervals = status_rows(cohort, levels), state_intervals(cohort, levels=levels)
    pairs = intervals[intervals["reason"] == ""]
    if pairs.empty:
        cure = "add later rows, or count the last ones with `observed_classes`"
        raise DataError(
            "The probabilities of states over time cannot be estimated:",
            [f"status: no patient has two rows; {cure}."],
        )
    times, path = _product_limit(pairs, _first_shares(rows))
    at_risk = np.array([_counts_on(rows, day).sum() for day in wanted])
    shares = path[np.searchsorted(times, wanted, side="right")]
    shares = np.where(at_risk[:, np.newaxis] > 0, shares, np.nan)
    n_levels = len(levels)
    return pd.DataFrame(
        {
            "day": np.repeat(wanted, n_levels),
            "state": pd.array(list(levels) * len(wanted), dtype="str"),
            "n": np.repeat(at_risk, n_levels),
            "missing": len(cohort.patients) - np.repeat(at_risk, n_levels),
            "estimate": shares.ravel(),
        }
    ).assign(synthetic=cohort.synthetic)


def observed_leaving(
    cohort: Cohort,
    *,
    levels: Sequence[str],
    state: str,
    days: Sequence[float],
    level: float = 0.95,
) -> pd.DataFrame:
    """Estimate the probability of having left a state by each day (Kaplan-Meier).

    Of the patients whose first row is in the state, from that row on: a patient leaves it on the
    day of the first row in another, and is censored at the last row otherwise. Leaving and coming
    back between two rows is not observed.

    Parameters
    ----------
    cohort : Cohort
        A cohort with `status`; days before inclusion are used as any other.
    levels : sequence of str
        The states there are, in the order of the categories.
    state : str
        One of the levels.
    days : sequence of float
        Days since the first row of each patient, finite.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    DataFrame
        One row a day: `day`, `state`, `n` (patients who begin in it), `events` (of them who have
        left it by then), `estimate`, `lower`, `upper`, `level`, `interval`, `synthetic`. Missing
        beyond the last row of anybody still in the state, and where nobody begins in it; the limits
        also where nobody, or everybody, has left.

    Raises
    ------
    DataError
        When the cohort has no status, a state is not one of the levels, or a patient has two states
        on one day; each row is named.
    ValueError
        When `levels` is empty or names a level twice, or state, days or level are not
        legal.

    References
    ----------
    Kaplan EL, Meier P. J Am Stat Assoc 1958;53:457. Kalbfleisch JD, Prentice RL. The Statistical
    Analysis of Failure Time Data. Wiley, 1980 (interval on the complementary log-log scale).

    Examples
    --------
    With `states_cohort`, whose `status` has a row at every visit:

    >>> levels = ["dependent", "remission", "other"]
    >>> table = mb.observed.observed_leaving(
    ...     states_cohort, levels=levels, state="dependent", days=[182, 365]
    ... )
    >>> table[["day", "n", "events", "estimate", "lower", "upper"]].round(3)
         day   n  events  estimate  lower  upper
    0  182.0  36       2     0.056  0.014  0.204
    1  365.0  36       5     0.139  0.060  0.302
    """
    check_level(level)
    wanted = _checked_days(days)
    rows = status_rows(cohort, levels)
    if state not in levels:
        raise ValueError(f"There is no state '{state}'; take one of {', '.join(levels)}.")
    first = rows.drop_duplicates("patient").set_index("patient")
    begins = first.index[first["status"] == state]
    rows = rows[rows["patient"].isin(begins)]
    began = rows["patient"].map(first["day"]).astype(float)
    rows = rows.assign(since=rows["day"] - began)
    elsewhere = rows[rows["status"] != state].groupby("patient")["since"].min()
    last = rows.groupby("patient")["since"].max()
    time = elsewhere.reindex(last.index).fillna(last)
    left = last.index.isin(elsewhere.index)
    table = pd.DataFrame({"day": wanted, "state": state, "n": len(last)})
    gone = (time.to_numpy()[None, :] <= wanted[:, None]) & left
    table["events"] = gone.sum(axis=1)
    kept, error = _still_there(time.to_numpy(), left, wanted)
    inside = (kept > 0) & (kept < 1)
    half = norm.ppf((1 + level) / 2) * error / -np.log(np.where(inside, kept, 0.5))
    limits = [np.where(inside, 1.0 - kept ** np.exp(sign * half), np.nan) for sign in (-1, 1)]
    return table.assign(
        estimate=1.0 - kept,
        lower=limits[0],
        upper=limits[1],
        level=float(level),
        interval="Kaplan-Meier, log-log",
        synthetic=cohort.synthetic,
    )


def _still_there(
    time: np.ndarray, left: np.ndarray, days: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of being there still on each day, and the standard error over it."""
    if not time.size:
        return np.full(days.size, np.nan), np.full(days.size, np.nan)
    if not left.any():
        return np.where(days <= time.max(), 1.0, np.nan), np.zeros(days.size)
    found = SurvfuncRight(time, left.astype(int))
    place = np.searchsorted(found.surv_times, days, side="right") - 1
    kept = np.where(place < 0, 1.0, found.surv_prob[np.maximum(place, 0)])
    error = np.where(place < 0, 0.0, found.surv_prob_se[np.maximum(place, 0)])
    # After the last one has left or is lost nothing is known, unless nobody is left to leave.
    kept = np.where((days > time.max()) & (kept > 0), np.nan, kept)
    return kept, error / np.where(kept > 0, kept, np.nan)


def _product_limit(pairs: pd.DataFrame, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Days of transitions (time,), and the shares before the first and after each (1 + time, k)."""
    k = start.size
    before, after = (pairs[name].cat.codes.to_numpy() for name in ("state", "next_state"))
    from_day, to_day = (pairs[name].to_numpy() for name in ("from_day", "to_day"))
    times = np.unique(to_day[before != after])
    path = [start]
    for time in times:
        here = (from_day < time) & (time <= to_day)
        at_risk = np.bincount(before[here], minlength=k)
        now = (to_day == time) & (before != after)
        moved = np.zeros((k, k))
        np.add.at(moved, (before[now], after[now]), 1.0)
        # Who is left, by counting: in whole numbers, so that no share can fall below 0.
        stayed = np.where(at_risk > 0, at_risk - moved.sum(axis=1), 1.0)
        path.append(path[-1] @ ((moved + np.diag(stayed)) / np.maximum(at_risk, 1)[:, np.newaxis]))
    return times, np.array(path)


def _first_shares(rows: pd.DataFrame) -> np.ndarray:
    codes = rows.drop_duplicates("patient")["status"].cat.codes
    counts = np.bincount(codes, minlength=len(rows["status"].cat.categories))
    return counts / counts.sum()


def _counts_on(rows: pd.DataFrame, day: float) -> np.ndarray:
    """How many patients under observation are in each state on a day."""
    still = rows.groupby("patient")["day"].transform("max") >= day
    latest = rows[still & (rows["day"] <= day)].drop_duplicates("patient", keep="last")
    return np.bincount(latest["status"].cat.codes, minlength=len(rows["status"].cat.categories))


def _checked_days(days: Sequence[float]) -> np.ndarray:
    wanted = np.asarray(days, dtype=float)
    if wanted.ndim != 1 or wanted.size == 0 or not np.isfinite(wanted).all():
        raise ValueError(f"`days` is {days!r}; list at least one day since inclusion, finite.")
    return wanted
