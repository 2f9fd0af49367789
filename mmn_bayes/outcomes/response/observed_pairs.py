"""The same patients twice: McNemar's test of two judgements, the signed-rank test of sum scores."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata, wilcoxon
from statsmodels.stats.contingency_tables import mcnemar

from mmn_bayes.data.aligning import align_responses
from mmn_bayes.data.response import NOT_GRADED, HasResponseRule, visit_pair
from mmn_bayes.data.response import judge_responses as judge_responses
from mmn_bayes.data.schema import Cohort

# R's bound for an exact signed-rank test: fewer pairs than this, without ties and zeros.
EXACT_BELOW = 50


def paired_test(first: np.ndarray, second: np.ndarray, *, synthetic: bool = False) -> pd.DataFrame:
    """Test two yes/no judgements of the same patients by McNemar's test.

    Parameters
    ----------
    first, second : ndarray
        Yes/no, shape (patient,): two judgements of each patient.
    synthetic : bool, default False
        Whether the patients are simulated; it is written on every row.

    Returns
    -------
    DataFrame
        A row for the exact test, the chi-squared test with and that without continuity correction:
        `n`, `both`, `first_only`, `second_only`, `neither`, `statistic` (that of chi-squared; the
        smaller discordant count where exact), `p_value` (two-sided; missing where every pair
        agrees and the test is not exact), `test`, `synthetic`.

    Raises
    ------
    ValueError
        When the two are not of the same patients.

    References
    ----------
    McNemar Q. Psychometrika 1947;12:153.

    Examples
    --------
    Ten patients at two visits; five respond at both, and two at the second alone:

    >>> first = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    >>> second = np.array([1, 1, 1, 1, 1, 1, 1, 0, 0, 0])
    >>> table = mb.observed.paired_test(first, second)
    >>> table[["both", "first_only", "second_only", "neither", "p_value"]].head(1)
       both  first_only  second_only  neither  p_value
    0     5           0            2        3      0.5
    """
    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(
            f"The judgements have shapes {first.shape} and {second.shape}; give one of each for "
            "every patient."
        )
    counts = {
        "n": first.size,
        "both": int((first & second).sum()),
        "first_only": int((first & ~second).sum()),
        "second_only": int((~first & second).sum()),
        "neither": int((~first & ~second).sum()),
    }
    table = [[counts["both"], counts["first_only"]], [counts["second_only"], counts["neither"]]]
    # As in R, there is nothing to correct where the discordant counts are equal.
    differ = counts["first_only"] != counts["second_only"]
    tests = {
        "McNemar's exact": {"exact": True},
        "McNemar's chi-squared, continuity correction": {"exact": False, "correction": differ},
        "McNemar's chi-squared": {"exact": False, "correction": False},
    }
    rows = []
    for name, how in tests.items():
        if counts["first_only"] + counts["second_only"] or how["exact"]:
            result = mcnemar(table, **how)
            statistic, p_value = float(result.statistic), float(result.pvalue)
        else:
            statistic = p_value = np.nan
        rows.append({**counts, "statistic": statistic, "p_value": p_value, "test": name})
    return pd.DataFrame(rows).astype({"test": "str"}).assign(synthetic=bool(synthetic))


def observed_agreement(
    cohort: Cohort, spec: HasResponseRule, other: HasResponseRule
) -> pd.DataFrame:
    """Compare two response judgements of the same patients by McNemar's test.

    The two rules differ in the day or in the definition of response.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    spec, other : HasResponseRule
        Two specifications: the first judgement and the second, such as response at 6 months and at
        12.

    Returns
    -------
    DataFrame
        The table of `paired_test` over the patients evaluable by both, and `missing`: enrolled
        patients who are not.

    Raises
    ------
    DataError
        When the cohort holds a grade that is not on the scale of a specification.

    Warns
    -----
    CohortWarning
        When patients are not evaluable, by either rule.

    Examples
    --------
    With `cohort` of `data/leger2008_cohort` and `model` of `models/strength.toml`, beside a rule
    that asks for a gain in 3 muscles:

    >>> from dataclasses import replace
    >>> stricter = replace(model, response=replace(model.response, muscles=3))
    >>> table = mb.observed.observed_agreement(cohort, model, stricter)
    >>> table[["n", "missing", "both", "first_only", "second_only", "neither"]].head(1)
        n  missing  both  first_only  second_only  neither
    0  37        3     7          11            0       19
    """
    judged = [
        align_responses(judge_responses(cohort, each), cohort.patients) for each in (spec, other)
    ]
    both = judged[0].notna() & judged[1].notna()
    first, second = (each[both].astype(bool).to_numpy() for each in judged)
    table = paired_test(first, second, synthetic=cohort.synthetic)
    table.insert(1, "missing", int((~both).sum()))
    return table


def signed_rank(change: np.ndarray) -> tuple[float, float, str]:
    """Test whether changes are symmetric around 0 by Wilcoxon's signed-rank test, two-sided.

    Zeros are left out, as Wilcoxon did. The test is exact below 50 changes without ties or zeros,
    otherwise the normal approximation with corrections for ties and continuity, as in R's
    `wilcox.test`.

    Parameters
    ----------
    change : ndarray
        One change a patient, finite; shape (patient,).

    Returns
    -------
    tuple
        The sum of the ranks of the positive changes, the p-value (NaN where no change is other
        than 0), and the name of the test.

    References
    ----------
    Wilcoxon F. Biometrics Bulletin 1945;1:80.
    """
    change = np.asarray(change, dtype=float)
    other = change[change != 0]
    if other.size == 0:
        return np.nan, np.nan, "none: nobody changed"
    tied = np.unique(np.abs(other)).size < other.size
    exact = other.size == change.size and not tied and change.size < EXACT_BELOW
    method = "exact" if exact else "asymptotic"
    p_value = wilcoxon(other, alternative="two-sided", method=method, correction=True).pvalue
    # SciPy's two-sided statistic is the smaller of both sums; R's is that of the positive ranks.
    ranks = rankdata(np.abs(other))[other > 0].sum()
    return float(ranks), float(p_value), f"Wilcoxon's signed-rank, {method}"


def observed_change(cohort: Cohort, spec: HasResponseRule) -> pd.DataFrame:
    """Test the change in sum score from baseline to follow-up, all and by naive status.

    A sum score is that of the steps of the scale over the muscles graded at both visits; a muscle
    graded at one visit only is in neither sum.

    Parameters
    ----------
    cohort, spec : Cohort, HasResponseRule
        The cohort, and the model specification whose visits and scale apply.

    Returns
    -------
    DataFrame
        One row a group: `group`, `n` (patients with both visits and a muscle graded at both),
        `missing` (enrolled, without), `muscles_left_out` (of those patients, graded at one of the
        visits only), `median_baseline`, `median_follow_up`, `median_change`, `statistic`,
        `p_value`, `test`, `synthetic`. Wilcoxon's signed-rank test, two-sided: `statistic` is
        the sum of the ranks of the positive changes; exact below 50 changes without ties or zeros,
        otherwise the normal approximation with corrections for ties and continuity; NaN where
        nobody changed.

    Raises
    ------
    DataError
        When the cohort holds a grade that is not on the specification's scale.

    Examples
    --------
    With `cohort` of `data/leger2008_cohort` and `model` of `models/strength.toml`:

    >>> table = mb.observed.observed_change(cohort, model)
    >>> table[["group", "n", "median_baseline", "median_follow_up", "median_change"]]
                    group   n  median_baseline  median_follow_up  median_change
    0                 all  38             86.0              86.0            1.0
    1               naive  20             87.0              87.5            2.0
    2  previously treated  18             84.5              84.5            0.0
    """
    pair = visit_pair(cohort, spec)
    graded = np.stack([pair.baseline, pair.follow_up]) != NOT_GRADED
    both = graded.all(axis=0)
    sums = [np.where(both, codes, 0).sum(axis=1) for codes in (pair.baseline, pair.follow_up)]
    has_both = both.any(axis=1)
    naive = cohort.patients["naive"].to_numpy(dtype=bool)
    groups = {"all": np.full(naive.size, True), "naive": naive, "previously treated": ~naive}
    rows: list[dict[str, Any]] = []
    for name, member in groups.items():
        used = member & has_both
        before, after = sums[0][used], sums[1][used]
        medians = {
            "median_baseline": before,
            "median_follow_up": after,
            "median_change": after - before,
        }
        statistic, p_value, test = (
            signed_rank(after - before) if used.any() else (np.nan, np.nan, "none: nobody")
        )
        rows.append(
            {
                "group": name,
                "n": int(used.sum()),
                "missing": int((member & ~has_both).sum()),
                "muscles_left_out": int((graded.any(axis=0) & ~both)[used].sum()),
                **{k: np.median(x) if used.any() else np.nan for k, x in medians.items()},
                "statistic": statistic,
                "p_value": p_value,
                "test": test,
            }
        )
    table = pd.DataFrame(rows).astype({"group": "str", "test": "str"})
    return table.assign(synthetic=cohort.synthetic)
