"""The last status of each patient: its part of a design."""

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.findings import row_positions
from mmn_bayes.data.schema import Cohort
from mmn_bayes.errors import DataError
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.outcomes.classes.declared import Classes


def last_status(cohort: Cohort, from_day: float = -np.inf) -> pd.Series:
    """Return the last status of each patient, by day; missing where a patient has none.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    from_day : float, default -np.inf
        Earlier rows do not count.

    Returns
    -------
    Series
        Text, indexed by `patient`, in the order of the patients.
    """
    patients = pd.Index(cohort.patients["patient"])
    if cohort.status is None:
        return pd.Series(pd.NA, index=patients, dtype="str")
    known = cohort.status[cohort.status["status"].notna() & (cohort.status["day"] >= from_day)]
    known = known.sort_values("day", kind="stable")
    return known.groupby("patient")["status"].last().reindex(patients)


def with_classes(design: xr.Dataset, spec: ModelSpec, cohort: Cohort) -> xr.Dataset:
    """Add the class of each patient to the part of a design that has one value a patient.

    Parameters
    ----------
    design, spec, cohort : Dataset, ModelSpec, Cohort
        With dim `patient`; the model, and its data.

    Returns
    -------
    Dataset
        With `class_code`, the place of the last status among the levels (-1 unclassified), and the
        coordinates `class` (levels) and `contrast` (all but the first).

    Raises
    ------
    DataError
        When there is no table of status, nobody has one, or one is not of the levels.
    """
    levels, from_day = section_of(spec).levels, section_of(spec).from_day
    status = last_status(cohort, from_day)
    defects = []
    if status.isna().all():
        defects.append(
            f"status: nobody has one from day {from_day:g} on; add the table, a row for each "
            "patient's state, or another classes.from_day."
        )
    if cohort.status is not None:
        every = cohort.status[~cohort.status["status"].isin(levels)].dropna(subset="status")
        for value, own in every.groupby("status"):
            defects.append(
                f"status: column 'status' has '{value}' ({len(own)} rows: "
                f"{row_positions(own.index)} of cohort.status), which is none of classes.levels "
                f"({', '.join(levels)}); add that level, or correct the cells."
            )
    if defects:
        raise DataError(f"The model '{spec.name}' cannot be fitted to this cohort.", defects)
    code = pd.Index(levels).get_indexer(pd.Index(status.to_numpy(dtype=object)))
    return design.assign(class_code=("patient", code.astype(np.int64))).assign_coords(
        {"class": np.array(levels), "contrast": np.array(levels[1:])}
    )


def section_of(spec: ModelSpec) -> Classes:
    """Return `[classes]` of a model; raise for a model without."""
    section: Classes = spec.section("class")
    return section
