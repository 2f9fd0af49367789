"""Two observed rates against each other: difference, ratio, odds ratio, number needed to treat."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import chi2_contingency, fisher_exact, norm
from scipy.stats.contingency import odds_ratio
from statsmodels.stats.proportion import confint_proportions_2indep

from mmn_bayes.data.aligning import align_responses, require_columns
from mmn_bayes.data.response import HasResponseRule
from mmn_bayes.data.response import judge_responses as judge_responses
from mmn_bayes.data.schema import Cohort
from mmn_bayes.data.tables import text_of
from mmn_bayes.outcomes.observed_rates import check_counts, check_level

# The measures in the order of the rows, each with its interval.
MEASURES = {
    "difference": "newcombe",
    "ratio": "koopman",
    "odds ratio": "conditional exact",
    "number needed to treat": "newcombe",
}
COUNTS = ("first_events", "first_n", "second_events", "second_n")


class Estimated(NamedTuple):
    """One measure: estimate and limits, the test beside it, and remarks."""

    estimate: float
    lower: float
    upper: float
    p_value: float = np.nan
    test: str = ""
    note: str = ""


def compare_rates(
    first: tuple[int, int],
    second: tuple[int, int],
    *,
    level: float = 0.95,
    synthetic: bool = False,
) -> pd.DataFrame:
    """Compare the rates of two independent groups.

    Parameters
    ----------
    first, second : tuple of (int, int)
        Events and patients, (events, n), of the two groups; the first is compared with the second.
    level : float, default 0.95
        Confidence level, strictly between 0 and 1.
    synthetic : bool, default False
        Whether the patients are simulated; it is written on every row.

    Returns
    -------
    DataFrame
        One row a measure: `measure`, `first_events`, `first_n`, `second_events`, `second_n`,
        `estimate`, `lower`, `upper`, `level`, `interval`, `p_value`, `test`, `note`, `synthetic`.
        The difference has Newcombe's interval (his method 10) and Pearson's chi-squared test
        without continuity correction; the ratio Koopman's score interval; the odds ratio is the
        conditional maximum likelihood estimate with its exact interval and Fisher's exact test,
        two-sided; the number needed to treat is 1 / difference. All tests are two-sided. Where a
        number is not defined it is missing, and the note says why; a ratio to no events is
        infinite.

    Raises
    ------
    ValueError
        When the counts do not make proportions or the level is not legal.

    References
    ----------
    Newcombe RG. Stat Med 1998;17:873. Koopman PAR. Biometrics 1984;40:513. Altman DG. BMJ
    1998;317:1309 (number needed to treat where the interval of the difference holds 0).

    Examples
    --------
    Of 20 patients 14 responded in one group, 4 of 18 in another:

    >>> table = mb.observed.compare_rates((14, 20), (4, 18))
    >>> table[["measure", "estimate", "lower", "upper", "interval"]].round(2)
                     measure  estimate  lower  upper           interval
    0             difference      0.48   0.16   0.68           newcombe
    1                  ratio      3.15   1.41   8.05            koopman
    2             odds ratio      7.65   1.57  46.78  conditional exact
    3  number needed to treat      2.09   1.47   6.24           newcombe
    """
    check_level(level)
    for events, n in (first, second):
        check_counts(events, n)
    difference = _difference(first, second, level)
    measured = (
        difference,
        _ratio(first, second, level),
        _odds_ratio(first, second, level),
        _number_needed(difference),
    )
    return _laid_out(first, second, measured, level, synthetic)


def observed_contrast(
    cohort: Cohort,
    spec: HasResponseRule,
    *,
    by: str,
    between: tuple[Any, Any] = (True, False),
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare the observed response rates of two groups of a cohort.

    Parameters
    ----------
    cohort, spec : Cohort, HasResponseRule
        The cohort, and the model specification whose rule and scale apply.
    by, between : str, tuple of (object, object), optional
        Column of the table `patients`, and the two of its values to compare: first with second; by
        default naive with previously treated patients.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    DataFrame
        The table of `compare_rates`, with `first` and `second` (the values), `first_missing` and
        `second_missing` (enrolled, not evaluable), and `elsewhere`: enrolled patients of neither
        group. Where a group has nobody evaluable every estimate is missing.

    Raises
    ------
    DataError
        When the cohort holds a grade that is not on the specification's scale.
    ValueError
        When the column is unknown, the two values are the same, or no patient has one of them.

    Warns
    -----
    CohortWarning
        When patients are not evaluable.

    Examples
    --------
    With `cohort` of `data/leger2008_cohort` and `model` of `models/strength.toml`:

    >>> table = mb.observed.observed_contrast(cohort, model, by="naive", between=(True, False))
    >>> table[["measure", "first_events", "first_n", "second_events", "second_n"]].head(1)
          measure  first_events  first_n  second_events  second_n
    0  difference            14       20              4        18
    >>> table["estimate"].round(2).tolist()
    [0.48, 3.15, 7.65, 2.09]
    """
    check_level(level)
    require_columns(cohort.patients, [by], "patients")
    values = cohort.patients[by]
    if between[0] == between[1]:
        raise ValueError(f"between names {_spelt(between[0])} twice; name two different groups.")
    for label in between:
        if not (values == label).any():
            known = ", ".join(map(_spelt, values.dropna().unique()[:5].tolist()))
            raise ValueError(f"No patient has {by} {_spelt(label)}; the column holds {known}.")
    response = align_responses(judge_responses(cohort, spec), cohort.patients)
    members = [(values == label).fillna(False).astype(bool) for label in between]
    judged = [response[member] for member in members]
    pairs = [(int(r.sum()), int(r.notna().sum())) for r in judged]
    if all(n for _, n in pairs):
        table = compare_rates(pairs[0], pairs[1], level=level, synthetic=cohort.synthetic)
    else:
        nobody = Estimated(np.nan, np.nan, np.nan, note="nobody evaluable in one of the groups")
        table = _laid_out(pairs[0], pairs[1], [nobody] * len(MEASURES), level, cohort.synthetic)
    missing = [int(r.isna().sum()) for r in judged]
    groups: dict[str, Any] = {
        "first": str(between[0]),
        "second": str(between[1]),
        "first_missing": missing[0],
        "second_missing": missing[1],
        "elsewhere": len(values) - sum(len(r) for r in judged),
    }
    others = [name for name in table.columns if name not in COUNTS]
    order = ["first", "second", *COUNTS, "first_missing", "second_missing", "elsewhere", *others]
    return table.assign(**groups)[order]


def _spelt(value: object) -> str:
    """A value as it stands in the tables: yes, not True; texts in quotes."""
    text = str(text_of(pd.Series([value], dtype=object))[0])
    return f"'{text}'" if isinstance(value, str) else text


def _difference(first: tuple[int, int], second: tuple[int, int], level: float) -> Estimated:
    (a, n), (b, m) = first, second
    lower, upper = confint_proportions_2indep(
        a, n, b, m, method="newcomb", compare="diff", alpha=1 - level
    )
    test = "Pearson's chi-squared, no continuity correction"
    if 0 < a + b < n + m:
        p_value = float(chi2_contingency(_table(first, second), correction=False).pvalue)
        note = ""
    else:
        p_value, note = np.nan, f"no test: {_everybody(a)} in both groups"
    return Estimated(a / n - b / m, float(lower), float(upper), p_value, test, note)


def _ratio(first: tuple[int, int], second: tuple[int, int], level: float) -> Estimated:
    (a, n), (b, m) = first, second
    if a == b == 0:
        return Estimated(np.nan, 0.0, np.inf, note="no events in either group")
    bound = float(norm.isf((1 - level) / 2))

    def limit(score: float) -> float:
        log_ratio = brentq(lambda x: _score(first, second, np.exp(x)) - score, -40, 40, xtol=1e-13)
        return float(np.exp(log_ratio))

    return Estimated(
        np.inf if b == 0 else (a / n) / (b / m),
        0.0 if a == 0 else limit(bound),
        np.inf if b == 0 else limit(-bound),
        note="no events in the second group" if b == 0 else "",
    )


def _score(first: tuple[int, int], second: tuple[int, int], ratio: float) -> float:
    """Standardised distance of two rates from a ratio, at the likeliest rates that have it.

    statsmodels solves the equation of its limits as a cubic, which goes wrong where two of the
    roots meet: 1/1 against 1/1 has limits 1 and 4.84 there, and not one the inverse of the other.
    """
    (a, n), (b, m) = first, second
    middle = ratio * (n + b) + a + m
    root = np.sqrt(middle**2 - 4 * (n + m) * ratio * (a + b))
    p = min(1.0, 2 * (a + b) / (middle + root))  # of the second group, free of cancellation
    q = min(1.0, ratio * p)
    variance = q * (1 - q) / n + ratio**2 * p * (1 - p) / m
    distance = a / n - ratio * b / m
    return float(distance / np.sqrt(variance)) if variance > 0 else float(np.sign(distance) * 1e9)


def _odds_ratio(first: tuple[int, int], second: tuple[int, int], level: float) -> Estimated:
    table = _table(first, second)
    p_value = float(fisher_exact(table).pvalue)
    conditional = odds_ratio(table, kind="conditional")
    lower, upper = conditional.confidence_interval(level)
    margins = table.sum(axis=0)
    return Estimated(
        float(conditional.statistic),
        float(lower),
        float(upper),
        p_value,
        "Fisher's exact",
        "" if margins.all() else f"{_everybody(first[0])} in both groups",
    )


def _number_needed(difference: Estimated) -> Estimated:
    """Turn a difference of rates round; limits only where its interval is on one side of 0."""
    value, lower, upper = difference.estimate, difference.lower, difference.upper
    estimate = np.inf if value == 0 else 1 / value
    if lower > 0 or upper < 0:
        return Estimated(estimate, 1 / upper, 1 / lower)
    beyond = f"{1 / upper:.3g}" if upper > 0 else "infinity"
    below = f"{1 / lower:.3g}" if lower < 0 else "infinity"
    return Estimated(
        estimate,
        np.nan,
        np.nan,
        note=f"the interval of the difference holds 0: it runs from {beyond} through infinity to "
        f"{below}",
    )


def _laid_out(
    first: tuple[int, int],
    second: tuple[int, int],
    measured: Sequence[Estimated],
    level: float,
    synthetic: bool,
) -> pd.DataFrame:
    counts = dict(zip(COUNTS, map(int, (*first, *second)), strict=True))
    rows = [
        {"measure": name, **counts, **each._asdict(), "level": level, "interval": interval}
        for (name, interval), each in zip(MEASURES.items(), measured, strict=True)
    ]
    columns = [
        *("measure", *COUNTS, "estimate", "lower", "upper", "level", "interval"),
        *("p_value", "test", "note"),
    ]
    text = dict.fromkeys(("measure", "interval", "test", "note"), "str")
    numbers = dict.fromkeys(("estimate", "lower", "upper", "level", "p_value"), "float64")
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({**text, **numbers}).assign(synthetic=bool(synthetic))


def _table(first: tuple[int, int], second: tuple[int, int]) -> np.ndarray:
    """Events and the others, shape (group, 2)."""
    return np.array([[events, n - events] for events, n in (first, second)], dtype=np.int64)


def _everybody(events: int) -> str:
    return "everybody has the event" if events else "nobody has the event"
