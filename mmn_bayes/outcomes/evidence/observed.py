"""The careful reader: whether the figures a paper prints follow from the counts it prints.

All comparisons are made at the printed digits, in exact arithmetic: a printed figure agrees with
every value that rounds to it, whichever way a tie is rounded.
"""

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from mmn_bayes.data.aligning import require_columns
from mmn_bayes.outcomes.observed_rates import exact_test, rate_interval

RECOMPUTED_COLUMNS = ("quantity", "events", "n", "n_kind", "percent", "printed_percent", "agrees")

DIGITS = re.compile(r"\d+(\.\d+)?")

# The rate that the printed p-value was taken against; the paper prints it without counts.
NULL_RATE = "historical_placebo_rate"

# Counts that must add up to another: (the parts, the whole).
SUMS = (
    (("naive", "previously_treated"), "enrolled"),
    (("evaluable_6_months", "missing_6_months"), "naive"),
    (("blocks_fewer_or_unchanged", "blocks_more"), "response_6_months"),
)


def recompute(counts: pd.DataFrame, denominators: Mapping[str, int] | None = None) -> pd.DataFrame:
    """Recompute every printed percentage under every candidate denominator.

    Parameters
    ----------
    counts : DataFrame
        The `counts` table of `read_published`. Rows without a count or a printed percentage
        have nothing to recompute.
    denominators : mapping of str to int or None, optional
        Candidates by kind, applied to every row, such as `{"classified": ..., "enrolled": ...}`.
        None takes for each row the denominators of `counts` within its group, its own first.

    Returns
    -------
    DataFrame
        One row a printed percentage and candidate: `quantity`, `events`, `n`, `n_kind`, `percent`
        (NaN when there are more events than `n`), `printed_percent` (text), `agrees`.

    Raises
    ------
    ValueError
        When a column is absent, a denominator is below 1 or a printed percentage is no number.

    Examples
    --------
    Which denominator do the printed 22 % in remission have?

    >>> counts = mb.evidence.read_published("data/leger2008")["counts"]
    >>> table = mb.observed.recompute(counts, {"classified": 37, "enrolled": 40})
    >>> remission = table[table["quantity"] == "remission"]
    >>> remission[["events", "n", "n_kind", "percent", "printed_percent", "agrees"]].round(1)
       events   n      n_kind  percent printed_percent  agrees
    2       8  37  classified     21.6              22    True
    3       8  40    enrolled     20.0              22   False
    """
    _require_count_columns(counts)
    rows = []
    for row in counts.dropna(subset=["events", "printed_percent"]).to_dict("records"):
        if denominators is None:
            candidates = _candidates(counts, row["group"], row["n_kind"])
        else:
            candidates = list(denominators.items())
        for n_kind, n in candidates:
            events, printed = int(row["events"]), row["printed_percent"]
            agrees = _percent_agrees(events, n, printed)
            percent = 100 * events / n if events <= n else np.nan
            rows.append((row["quantity"], events, n, n_kind, percent, printed, agrees))
    table = pd.DataFrame(rows, columns=list(RECOMPUTED_COLUMNS))
    text = dict.fromkeys(("quantity", "n_kind", "printed_percent"), "str")
    return table.astype(
        {**text, "events": "int64", "n": "int64", "percent": "float64", "agrees": "bool"}
    )


def denominators_that_agree(
    events: Sequence[int], printed_percents: Sequence[str], n_range: Iterable[int]
) -> list[int]:
    """Return the denominators for which every printed percentage holds.

    Parameters
    ----------
    events : sequence of int
        The counts, patients.
    printed_percents : sequence of str
        Their percentages as text, digits as printed: `"22"` and `"22.0"` are different claims.
    n_range : iterable of int
        Denominators to try, such as `range(30, 41)`.

    Returns
    -------
    list of int
        Those of `n_range`, in its order, that give every percentage.

    Raises
    ------
    ValueError
        When the two sequences differ in length or are empty, a percentage is not text that reads
        as a number, or a denominator is below 1.
    """
    if len(events) != len(printed_percents) or not len(events):
        raise ValueError(
            f"{len(events)} counts and {len(printed_percents)} printed percentages; give one "
            "percentage for each count, and at least one."
        )
    agreeing = []
    for n in n_range:
        pairs = zip(events, printed_percents, strict=True)
        if all(_percent_agrees(count, n, percent) for count, percent in pairs):
            agreeing.append(int(n))
    return agreeing


def check_published(counts: pd.DataFrame) -> pd.DataFrame:
    """Check the printed figures of a paper against its own counts.

    Percentages are checked under every denominator of their group, intervals against
    Clopper-Pearson's, the p-value against the exact upper tail at the historical rate, and counts
    that are parts of a whole against that whole.

    Parameters
    ----------
    counts : DataFrame
        The `counts` table of `read_published`, with the quantities of `data/leger2008`.

    Returns
    -------
    DataFrame
        One row a check: `check` (words), `computed` (number), `printed` (text, as printed),
        `agrees`. A percentage that fails under a denominator that is not its own is a finding
        about the paper, not a defect of the table.

    Raises
    ------
    ValueError
        When a column or a quantity that a check needs is absent.

    Examples
    --------
    A percentage that its own denominator gives, and one that the enrolled patients do not:

    >>> counts = mb.evidence.read_published("data/leger2008")["counts"]
    >>> mb.observed.check_published(counts).head(2)
                                                check    computed printed  agrees
    0  response_6_months: 14 of 20 evaluable, percent   70.000000      70    True
    1   response_6_months: 14 of 22 enrolled, percent   63.636364      70   False
    """
    _require_count_columns(counts)
    rows = [
        *_percentage_checks(counts),
        *_interval_checks(counts),
        *_p_value_checks(counts),
        *_sum_checks(counts),
    ]
    table = pd.DataFrame(rows, columns=["check", "computed", "printed", "agrees"])
    return table.astype({"check": "str", "computed": "float64", "printed": "str", "agrees": "bool"})


Check = tuple[str, float, str, bool]


def _percentage_checks(counts: pd.DataFrame) -> Iterator[Check]:
    for row in recompute(counts).to_dict("records"):
        words = f"{row['quantity']}: {row['events']} of {row['n']} {row['n_kind']}, percent"
        yield words, row["percent"], row["printed_percent"], row["agrees"]


def _interval_checks(counts: pd.DataFrame) -> Iterator[Check]:
    columns = ["events", "n", "printed_lower", "printed_upper", "printed_level"]
    for row in counts.dropna(subset=columns).to_dict("records"):
        level = float(row["printed_level"])
        limits = rate_interval(row["events"], row["n"], method="clopper-pearson", level=level)
        for name, limit in zip(("lower", "upper"), limits, strict=True):
            printed = row[f"printed_{name}"]
            words = f"{row['quantity']}: {name} {100 * level:g} % Clopper-Pearson limit"
            yield words, limit, printed, _rounds_to(Fraction(limit), printed)


def _p_value_checks(counts: pd.DataFrame) -> Iterator[Check]:
    for row in counts.dropna(subset=["events", "n", "printed_p"]).to_dict("records"):
        percent = _quantity(counts, NULL_RATE)["printed_percent"]
        rate = float(_number(percent) / 100)
        test = exact_test(row["events"], row["n"], rate=rate, alternative="greater")
        p_value = test["p_value"].item()
        words = f"{row['quantity']}: exact one-sided p against {percent} %"
        yield words, p_value, row["printed_p"], _p_agrees(p_value, row["printed_p"])


def _sum_checks(counts: pd.DataFrame) -> Iterator[Check]:
    for parts, whole in SUMS:
        total = sum(int(_quantity(counts, part)["events"]) for part in parts)
        printed = int(_quantity(counts, whole)["events"])
        yield f"{' + '.join(parts)} = {whole}", total, str(printed), total == printed


def _candidates(counts: pd.DataFrame, group: object, own_kind: object) -> list[tuple[str, int]]:
    """Kind and size of every denominator of a group's counts; the row's own kind first."""
    same = counts[(counts["group"] == group) & counts["n"].notna()]
    same = same.sort_values("n_kind", key=lambda kind: kind != own_kind, kind="stable")
    same = same.drop_duplicates(["n_kind", "n"])
    return list(zip(same["n_kind"], same["n"].astype(int), strict=True))


def _percent_agrees(events: int, n: int, printed: str) -> bool:
    if n < 1:
        raise ValueError(f"The denominator is {n}; it must be at least 1.")
    return events <= n and _rounds_to(Fraction(100 * int(events), int(n)), printed)


def _rounds_to(value: Fraction, printed: str) -> bool:
    return abs(value - _number(printed)) <= Fraction(1, 2 * 10 ** _decimals(printed))


def _p_agrees(p_value: float, printed: str) -> bool:
    if printed.startswith("<"):
        return p_value < _number(printed[1:])
    if printed.startswith(">"):
        return p_value > _number(printed[1:])
    return _rounds_to(Fraction(p_value), printed.removeprefix("="))


def _number(printed: str) -> Fraction:
    try:
        legal = DIGITS.fullmatch(printed) is not None
    except TypeError:
        legal = False
    if not legal:
        raise ValueError(
            f"The printed figure {printed!r} is not text that reads as a number; give its digits "
            "as printed, such as '22'."
        )
    return Fraction(printed)


def _decimals(printed: str) -> int:
    return len(printed.partition(".")[2])


def _quantity(counts: pd.DataFrame, quantity: str) -> dict[Hashable, Any]:
    found = counts[counts["quantity"] == quantity]
    if len(found) != 1:
        raise ValueError(
            f"counts: quantity '{quantity}' is there {len(found)} times; the check needs one row."
        )
    return found.to_dict("records")[0]


def _require_count_columns(counts: pd.DataFrame) -> None:
    printed = ["printed_percent", "printed_lower", "printed_upper", "printed_level", "printed_p"]
    require_columns(counts, ["quantity", "group", "events", "n", "n_kind", *printed], "counts")
