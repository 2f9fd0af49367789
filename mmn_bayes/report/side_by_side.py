"""What all tables call the same: observed rows, whose rates rows are of, labels of groups."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import xarray as xr

from mmn_bayes.data.schema import Cohort
from mmn_bayes.posterior.draws import design_of
from mmn_bayes.posterior.new_patients import Patients
from mmn_bayes.posterior.summary import filled_reason, with_reason

OBSERVED = "observed"
# What `patients` of `response_probability` is called in a table, in the order of the rows.
PATIENTS: Mapping[Patients, str] = {"cohort": "these patients", "population": "new patients"}
NAIVE_LABELS = {True: "naive", False: "previously treated"}
FIRST_GROUPS = ("naive", "yes")
COUNTS = ("n", "events", "missing")


def side_by_side(
    parts: Iterable[pd.DataFrame],
    columns: Sequence[str],
    *,
    order: Mapping[str, Iterable[Any] | None] | None = None,
    reasons: bool = True,
) -> pd.DataFrame:
    """Set parts of a table under each other: what was counted, and what models have.

    Parameters
    ----------
    parts : iterable of DataFrame
        Rows, each part with those of the columns that it has.
    columns : sequence of str
        Of the table, in their order; a cell that no part fills is missing.
    order : mapping of str to iterable of object or None or None, optional
        Columns to sort the rows by, each with its values in their order (others come last); None
        for their own order. Rows that are equal stay as they were.
    reasons : bool, default True
        Whether a column `reason` says why a row has no estimate, where one has none.

    Returns
    -------
    DataFrame
        Counts (`n`, `events`, `missing`) are whole numbers, or missing.
    """
    table = pd.concat(list(parts), ignore_index=True)
    if order:
        places = {
            name: None if values is None else {v: i for i, v in enumerate(values)}
            for name, values in order.items()
        }

        def place(own: pd.Series) -> pd.Series:
            known = places[str(own.name)]
            return own if known is None else own.map(known)

        table = table.sort_values(list(order), key=place, kind="stable", ignore_index=True)
    table = table.reindex(columns=with_reason(columns, table) if reasons else list(columns))
    return filled_reason(table.astype({name: "Int64" for name in COUNTS if name in table}))


def first_groups_first(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a table with the rows of naive patients, or of yes, before the others."""
    return table.sort_values(
        column, key=lambda groups: ~groups.isin(FIRST_GROUPS), kind="stable", ignore_index=True
    )


def patients_note(fit: xr.DataTree, cohort: Cohort, code: str, what: str) -> str:
    """Say how many patients of a cohort a model has, and of how many of them it has an outcome.

    Parameters
    ----------
    fit, cohort : DataTree, Cohort
        The fit, and the cohort that it is of, or that its patients are some of.
    code, what : str
        The variable of the design that is 0 or more where there is an outcome, and its name.

    Returns
    -------
    str
        A sentence.
    """
    codes = design_of(fit)[code].to_numpy()
    return (
        f"{fit.attrs['spec_name']}: {codes.size} of {len(cohort.patients)} patients have its "
        f"covariates, {int((codes >= 0).sum())} of them {what}."
    )


def group_label(by: str | None, value: Any) -> str:
    """Return the printed label of a group.

    Parameters
    ----------
    by, value : str or None, object
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


def group_dim(draws: xr.DataArray, *own: str) -> str | None:
    """Return the dim of the groups of draws, beside chain, draw and their own; None without one.

    Raises
    ------
    ValueError
        When they have two groupings.
    """
    groups = [str(dim) for dim in draws.dims if dim not in ("chain", "draw", *own)]
    if len(groups) > 1:
        raise ValueError(f"The draws have the dims {', '.join(groups)}; draw one grouping only.")
    return groups[0] if groups else None


def groups_in(draws: xr.DataArray, by: str | None) -> list[tuple[dict[str, int], str]]:
    """Return where each group is among draws, and its label, naive or yes first; all in one."""
    if by is None:
        return [({}, "all")]
    labels = [group_label(by, value) for value in draws[by].to_numpy()]
    found = [({by: position}, label) for position, label in enumerate(labels)]
    return sorted(found, key=lambda group: group[1] not in FIRST_GROUPS)
