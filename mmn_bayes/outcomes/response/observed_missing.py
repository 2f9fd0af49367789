"""What the missing may do to an observed rate: every number of responders among them, in turn."""

from typing import Any

import numpy as np
import pandas as pd

from mmn_bayes.outcomes.observed_rates import check_counts, exact_test, rate_interval

COMPLETE = "complete cases"


def assumed_missing(
    events: int,
    n: int,
    missing: int,
    *,
    rate: float,
    level: float = 0.95,
    method: str = "clopper-pearson",
    synthetic: bool = False,
) -> pd.DataFrame:
    """Test the response rate under each possible number of responders among the missing.

    Parameters
    ----------
    events, n : int
        Responders, and patients who are evaluable.
    missing : int
        Patients who are not evaluable, any of whom may have responded.
    rate : float
        The rate of the exact binomial test, one-sided (greater).
    level : float, default 0.95
        Confidence level, strictly between 0 and 1.
    method : str, default "clopper-pearson"
        `"clopper-pearson"`, `"wilson"`, `"jeffreys"`, `"agresti-coull"` or `"mid-p"`.
    synthetic : bool, default False
        Whether the patients are simulated; it is written on every row.

    Returns
    -------
    DataFrame
        The row "complete cases" and, where somebody is missing, one for each number from "all fail"
        to "all succeed": `assumption`, `assumed` (responders among the missing; absent for the
        complete cases), `n`, `events`, `missing` (left out of n), `estimate`, `lower`, `upper`,
        `level`, `interval`, `above` (the rate), `p_value`, `test`, `exceeds` (whether the lower
        limit lies above the rate), `synthetic`.

    Raises
    ------
    ValueError
        When the counts do not make a proportion or the rate, level or method is not legal.

    Examples
    --------
    >>> table = mb.observed.assumed_missing(14, 20, 2, rate=0.5)
    >>> table[["assumption", "n", "events", "lower", "p_value", "exceeds"]].round(3)
                   assumption   n  events  lower  p_value  exceeds
    0          complete cases  20      14  0.457    0.058    False
    1        all missing fail  22      14  0.407    0.143    False
    2  1 of 2 missing respond  22      15  0.451    0.067    False
    3     all missing respond  22      16  0.498    0.026    False
    """
    if missing < 0:
        raise ValueError(f"missing is {missing}; give a number of patients, 0 or more.")
    if n + missing > 0 and n == 0:
        rows: list[dict[str, Any]] = []
    else:
        check_counts(events, n)
        rows = [{"assumption": COMPLETE, "n": n, "events": events, "missing": missing}]
    for assumed in range(missing + 1) if missing else ():
        rows.append(
            {
                "assumption": _in_words(assumed, missing),
                "assumed": assumed,
                "n": n + missing,
                "events": events + assumed,
                "missing": 0,
            }
        )
    if not rows:
        check_counts(events, n)
    parts = []
    for row in rows:
        k, of = int(row["events"]), int(row["n"])
        lower, upper = rate_interval(k, of, method=method, level=level)
        test = exact_test(k, of, rate=rate, alternative="greater").iloc[0]
        parts.append(
            row
            | {"estimate": k / of, "lower": lower, "upper": upper, "level": level}
            | {"interval": method, "above": rate, "p_value": test["p_value"]}
            | {"test": test["test"], "exceeds": lower > rate}
        )
    table = pd.DataFrame(parts).assign(synthetic=bool(synthetic))
    if "assumed" not in table:
        table.insert(1, "assumed", np.nan)
    columns = ["assumption", "assumed", "n", "events", "missing", "estimate", "lower", "upper"]
    columns += ["level", "interval", "above", "p_value", "test", "exceeds", "synthetic"]
    return table[columns].astype(dict.fromkeys(("assumed", "n", "events", "missing"), "Int64"))


def tipping_point(table: pd.DataFrame) -> pd.DataFrame:
    """Find how many responders among the missing change the conclusion of the complete cases.

    Parameters
    ----------
    table : DataFrame
        Of `assumed_missing`: a row an assumption about the missing.

    Returns
    -------
    DataFrame
        One row: `rate` (of the test), `conclusion` (whether the complete cases exceed it),
        `missing`, `tips_at` (responders among the missing at which that changes; absent where none
        does), `in_words`, `synthetic`.

    Raises
    ------
    ValueError
        When the table has no row of complete cases.

    Examples
    --------
    >>> table = mb.observed.assumed_missing(16, 20, 5, rate=0.5)
    >>> print(mb.observed.tipping_point(table)["in_words"].item())
    The lower 95 % confidence limit of the complete cases lies above 0.5; this changes where
    1 or fewer of the 5 missing responded.
    """
    complete = table[table["assumption"] == COMPLETE]
    if complete.empty:
        raise ValueError("The table has no complete cases: nobody was judged.")
    own = complete.iloc[0]
    assumed = table[table["assumed"].notna()]
    changed = assumed.loc[assumed["exceeds"] != own["exceeds"], "assumed"]
    # A conclusion of more is undone by failures, one of no more by successes: the nearest counts.
    tips = pd.NA if changed.empty else (changed.max() if own["exceeds"] else changed.min())
    percent = f"{100 * own['level']:g} %"
    which = "lies" if own["exceeds"] else "does not lie"
    words = (
        f"The lower {percent} confidence limit of the complete cases {which} above "
        f"{own['above']:g}; "
    )
    if assumed.empty:
        words += "nobody is missing."
    elif changed.empty:
        words += f"it is so whatever the {len(assumed) - 1} missing did."
    else:
        few = "or fewer" if own["exceeds"] else "or more"
        words += f"this changes where {tips} {few} of the {len(assumed) - 1} missing responded."
    return pd.DataFrame(
        {
            "rate": [own["above"]],
            "conclusion": ["above" if own["exceeds"] else "not above"],
            "missing": pd.array([max(len(assumed) - 1, 0)], dtype="Int64"),
            "tips_at": pd.array([tips], dtype="Int64"),
            "in_words": [words],
            "synthetic": [bool(own["synthetic"])],
        }
    )


def _in_words(assumed: int, missing: int) -> str:
    if assumed == 0:
        return "all missing fail"
    if assumed == missing:
        return "all missing respond"
    return f"{assumed} of {missing} missing respond"
