"""Columns of `patients` that follow from other tables, for models to take as predictors."""

from dataclasses import replace

from mmn_bayes.data.response import HasResponseRule, judge_responses
from mmn_bayes.data.schema import Cohort


def with_early_response(
    cohort: Cohort, spec: HasResponseRule, column: str = "early_response"
) -> Cohort:
    """Add response by the rule of a model to the patients as a yes/no predictor.

    Parameters
    ----------
    cohort, spec : Cohort, HasResponseRule
        The cohort, and the model whose rule judges it.
    column : str, default "early_response"
        Name of the new column.

    Returns
    -------
    Cohort
        The cohort with the column in `patients`: yes or no, blank for patients who are not
        evaluable; a model that uses it needs `complete_cases` first.

    Raises
    ------
    ValueError
        When there is such a column.
    DataError
        When the cohort holds a grade that has no place on the specification's scale.

    Examples
    --------
    >>> cohort = mb.read_cohort("data/leger2008_cohort")
    >>> model = mb.read_model("models/strength.toml")
    >>> early = mb.response.with_early_response(cohort, model)
    >>> early.predictors[-1]
    'early_response'
    >>> column = early.patients["early_response"]
    >>> int(column.sum()), int(column.isna().sum())
    (18, 2)
    """
    if column in cohort.patients:
        raise ValueError(f"patients has a column '{column}' already; name another.")
    judged = judge_responses(cohort, spec).set_index("patient")["response"]
    values = judged.reindex(cohort.patients["patient"]).astype("boolean").array
    return replace(cohort, patients=cohort.patients.assign(**{column: values}))
