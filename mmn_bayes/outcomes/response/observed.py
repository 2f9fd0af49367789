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
    """Judge a cohort by the response rule of a specification and return the observed rates.

    Parameters
    ----------
    cohort, spec : Cohort, HasResponseRule
        The cohort, and the model specification whose rule and scale apply.
    by : str or sequence of str or None, optional
        Column of `patients`, or several, whose values make the groups; None for one row `all`.
    method : str, default "clopper-pearson"
        `"clopper-pearson"`, `"wilson"`, `"jeffreys"`, `"agresti-coull"` or `"mid-p"`.
    level : float, default 0.95
        Confidence level, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        The table of `rates`; `synthetic` is the cohort's.

    Raises
    ------
    DataError
        When the cohort holds a grade that is not on the specification's scale.
    ValueError
        When a by-column is unknown, or the method or the level is not legal.

    Warns
    -----
    CohortWarning
        When patients are not evaluable; the table counts them as `missing`.
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
