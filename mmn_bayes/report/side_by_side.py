"""What all tables call the same: observed rows, whose rates rows are of, labels of groups."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mmn_bayes.posterior.new_patients import Patients

OBSERVED = "observed"
# What `patients` of `response_probability` is called in a table, in the order of the rows.
PATIENTS: Mapping[Patients, str] = {"cohort": "these patients", "population": "new patients"}
NAIVE_LABELS = {True: "naive", False: "previously treated"}
FIRST_GROUPS = ("naive", "yes")


def first_groups_first(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a table with the rows of naive patients, or of yes, before the others."""
    return table.sort_values(
        column, key=lambda groups: ~groups.isin(FIRST_GROUPS), kind="stable", ignore_index=True
    )


def group_label(by: str | None, value: Any) -> str:
    """Return the printed label of a group.

    Parameters
    ----------
    by, value
        What makes the groups, and the value of one.

    Returns
    -------
    str
        "naive" or "previously treated"; "yes" or "no" for any other yes/no; a text as it is.
    """
    if isinstance(value, str):
        return value
    if by == "naive":
        return NAIVE_LABELS[bool(value)]
    return "yes" if value else "no"
