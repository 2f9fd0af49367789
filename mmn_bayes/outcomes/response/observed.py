"""The observed response of a cohort: rates of its groups with confidence intervals."""

from collections.abc import Sequence

import pandas as pd

from mmn_bayes.data.response import HasResponseRule
from mmn_bayes.data.response import judge_responses as judge_responses
from mmn_bayes.data.schema import Cohort
from mmn_bayes.outcomes.observed_rates import by_columns, check_interval, rates


def observed_response(
    cohort: Cohort,
    spec: HasResponseRule,
    *,
    by: str | Sequence[str] | None = None,
    method: str = "clopper-pearson",
    level: float = 0.95,
) -> pd.DataFrame:
    """Compute the observed response rates of a cohort with confidence intervals.

    Parameters
    ----------
    cohort, spec : Cohort, HasResponseRule
        The cohort, and the model specification whose rule and scale apply.
    by : str or sequence of str or None, optional
        Column of `patients`, or several, whose values make the groups; None for one row `all`.
    method : str, default "clopper-pearson"
        Confidence interval: `"clopper-pearson"`, `"wilson"`, `"jeffreys"`, `"agresti-coull"` or
        `"mid-p"`.
    level : float, default 0.95
        Confidence level, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        One row a group, sorted, "not recorded" last: the by-columns (`group` when `by` is None),
        `n` (evaluable), `events` (responders), `missing` (enrolled, not evaluable), `estimate`,
        `lower`, `upper`, `level`, `interval`, `synthetic`. Estimate and limits are NaN where `n` is
        0.

    Raises
    ------
    DataError
        When the cohort holds a grade that is not on the specification's scale.
    ValueError
        When a by-column is unknown, or the method or the level is not legal.

    Warns
    -----
    CohortWarning
        When patients are not evaluable, who are counted as `missing`.

    Examples
    --------
    >>> cohort = mb.read_cohort("data/leger2008_cohort")
    >>> model = mb.read_model("models/strength.toml")
    >>> rates = mb.observed_response(cohort, model, by="naive")
    >>> rates[["naive", "n", "events", "missing", "estimate", "lower", "upper"]].round(3)
       naive   n  events  missing  estimate  lower  upper
    0  False  18       4        0     0.222  0.064  0.476
    1   True  20      14        2     0.700  0.457  0.881
    """
    check_interval(method, level)
    by_columns(by, cohort.patients)
    return rates(
        judge_responses(cohort, spec),
        cohort.patients,
        by=by,
        method=method,
        level=level,
        synthetic=cohort.synthetic,
    )
