"""Columns of `patients` that follow from other tables, for models to take as predictors."""

from dataclasses import replace

from mmn_bayes.data.response import HasResponseRule, judge_responses
from mmn_bayes.data.schema import Cohort


def with_early_response(
    cohort: Cohort, spec: HasResponseRule, column: str = "early_response"
) -> Cohort:
    """Add who responded, by the rule of a model, to the table of patients.

    Parameters
    ----------
    cohort, spec : Cohort, HasResponseRule
        The cohort, and the model whose rule judges it.
    column : str, default "early_response"
        Name of the new column.

    Returns
    -------
    Cohort
        With the column, yes or no, blank for who is not evaluable: a model that uses it needs
        `complete_cases` first.

    Raises
    ------
    ValueError
        When there is such a column.
    DataError
        When the cohort holds a grade that has no place on the specification's scale.
    """
    if column in cohort.patients:
        raise ValueError(f"patients has a column '{column}' already; name another.")
    judged = judge_responses(cohort, spec).set_index("patient")["response"]
    values = judged.reindex(cohort.patients["patient"]).astype("boolean").array
    return replace(cohort, patients=cohort.patients.assign(**{column: values}))
