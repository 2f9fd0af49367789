"""Tables as they are given: their columns are there, and responses belong to the patients."""

from collections.abc import Iterable
from difflib import get_close_matches

import numpy as np
import pandas as pd

from mmn_bayes.data.findings import row_positions


def align_responses(responses: pd.DataFrame, patients: pd.DataFrame) -> pd.Series:
    """Return the response of every enrolled patient, in the order and index of `patients`.

    Parameters
    ----------
    responses : DataFrame
        Columns `patient` and `response`, one row a patient.
    patients : DataFrame
        Column `patient`, one row an enrolled patient.

    Returns
    -------
    Series
        Nullable yes/no; missing for a patient who is not evaluable or has no row.

    Raises
    ------
    ValueError
        When a column is absent, a patient is listed twice, or a response belongs to nobody
        enrolled.
    """
    require_columns(responses, ["patient", "response"], "responses")
    require_columns(patients, ["patient"], "patients")
    for name, table in (("responses", responses), ("patients", patients)):
        twice = np.flatnonzero(table["patient"].duplicated())
        if len(twice):
            raise ValueError(
                f"{name}, {row_positions(twice)}: the patient is listed more than once; "
                "give one row a patient."
            )
    strangers = np.flatnonzero(~responses["patient"].isin(patients["patient"]))
    if len(strangers):
        raise ValueError(
            f"responses, {row_positions(strangers)}: the patient is not in `patients`; "
            "judge and count the same cohort."
        )
    by_patient = responses.set_index("patient")["response"].astype("boolean")
    aligned = by_patient.reindex(patients["patient"]).array
    return pd.Series(aligned, index=patients.index, name="response")


def require_columns(table: pd.DataFrame, names: Iterable[str], table_name: str) -> None:
    """Raise a ValueError that names every absent column and the nearest ones present.

    Parameters
    ----------
    table : DataFrame
        The table.
    names : iterable of str
        Columns that must be there.
    table_name : str
        What the message calls the table.

    Raises
    ------
    ValueError
        When at least one is absent.
    """
    present = [str(column) for column in table.columns]
    complaints = []
    for name in names:
        if name not in present:
            near = get_close_matches(str(name), present) or present
            complaints.append(f"no column '{name}' (nearest: {', '.join(near)})")
    if complaints:
        raise ValueError(f"{table_name}: {'; '.join(complaints)}.")
