"""How often intervals cover the truth over simulated cohorts, tested against their probability."""

import numpy as np
import pandas as pd
from scipy.stats import ttest_1samp
from statsmodels.stats.multitest import multipletests

from mmn_bayes.outcomes.observed_rates import exact_test, rate_interval

POOLED = "all parameters"


def coverage(intervals: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Count how often the interval of each parameter covers its truth, and test the rate.

    The truth is one and the same in every cohort, not drawn from the prior: this is the coverage at
    that truth, in the frequentist sense, which a credible interval need not have exactly. Where the
    prior is informative it is higher for a truth near the middle of the prior, lower for one in its
    tails.

    Parameters
    ----------
    intervals : DataFrame
        One row a cohort, parameter and member: `seed`, `parameter`, `member`, `truth`, `estimate`,
        `lower`, `upper`, `level` (the same in all), `interval`, `covers`, `synthetic`.
    level : float, default 0.95
        Level of the exact confidence interval of a coverage; 1 - `level` is that of the tests.

    Returns
    -------
    DataFrame
        One row a parameter and member: `parameter`, `member`, `truth`, `mean_error` (of the
        posterior mean), `mean_width` (of the credible intervals), `credible_level`,
        `credible_interval`, `n` cohorts, `covered`, `estimate` (their share) with `lower`, `upper`,
        `level`, `interval` (Clopper-Pearson), `p_value` and `test` against the credible level,
        `p_holm` and `rejected` (Holm over the parameters), `synthetic`. The last row pools all
        parameters, `n` being intervals there: those of one cohort are not independent, so that
        test and confidence interval are of the mean over cohorts of the share covered (Student t).
        It has no part in Holm's correction.

    Raises
    ------
    ValueError
        When the intervals are of several levels, or a cohort lacks a parameter.
    """
    credible = intervals["level"].unique()
    if len(credible) != 1:
        raise ValueError(f"The intervals are of {len(credible)} levels; one is needed.")
    groups = intervals.groupby(["parameter", "member"], sort=False, dropna=False)
    if groups.size().nunique() != 1:
        raise ValueError("Not every cohort has an interval of every parameter.")
    rows = []
    for (parameter, member), rows_of in groups:
        n, covered = len(rows_of), int(rows_of["covers"].sum())
        synthetic = bool(rows_of["synthetic"].any())
        tested = exact_test(
            covered, n, rate=float(credible[0]), alternative="two-sided", synthetic=synthetic
        )
        lower, upper = rate_interval(covered, n, method="clopper-pearson", level=level)
        rows.append(
            {
                **{"parameter": parameter, "member": member, **_sizes(rows_of)},
                **{"n": n, "covered": covered, "estimate": covered / n},
                **{"lower": lower, "upper": upper, "level": level, "interval": "clopper-pearson"},
                **{"p_value": tested["p_value"].item(), "test": tested["test"].item()},
                "synthetic": synthetic,
            }
        )
    table = pd.DataFrame(rows)
    rejected, adjusted, _, _ = multipletests(table["p_value"], alpha=1 - level, method="holm")
    table = table.assign(p_holm=adjusted, rejected=pd.array(rejected, dtype="boolean"))
    table = pd.concat([table, _pooled(intervals, level)], ignore_index=True)
    table.insert(5, "credible_level", float(credible[0]))
    table.insert(6, "credible_interval", intervals["interval"].iloc[0])
    last = ["p_value", "test", "p_holm", "rejected", "synthetic"]
    return table[[*table.columns.drop(last), *last]]


def _sizes(rows: pd.DataFrame) -> dict[str, float]:
    return {
        "truth": float(rows["truth"].iloc[0]),
        "mean_error": float((rows["estimate"] - rows["truth"]).mean()),
        "mean_width": float((rows["upper"] - rows["lower"]).mean()),
    }


def _pooled(intervals: pd.DataFrame, level: float) -> pd.DataFrame:
    """The row of all parameters: the mean over cohorts of the share of truths covered."""
    shares = intervals.groupby("seed")["covers"].mean().to_numpy(dtype=float)
    lower = upper = p_value = np.nan
    if len(shares) > 1 and shares.std() > 0:
        tested = ttest_1samp(shares, float(intervals["level"].iloc[0]))
        lower, upper = tested.confidence_interval(level)
        p_value = float(tested.pvalue)
    row = {
        **{"parameter": POOLED, "member": "", "truth": np.nan},
        **{"mean_error": np.nan, "mean_width": np.nan},
        **{"n": len(intervals), "covered": int(intervals["covers"].sum())},
        **{"estimate": shares.mean(), "lower": lower, "upper": upper, "level": level},
        **{"interval": "student-t", "p_value": p_value, "test": "Student t over cohorts"},
        **{"p_holm": np.nan, "rejected": pd.NA, "synthetic": bool(intervals["synthetic"].any())},
    }
    return pd.DataFrame([row]).astype({"rejected": "boolean"})
