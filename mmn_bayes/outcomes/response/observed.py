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
    cohort, spec
        The cohort, and the model specification whose rule and scale apply.
    by, method, level
        As for `rates`.

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
