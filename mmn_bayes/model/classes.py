"""The last status of each patient: its design and its model, log odds against the first level."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import xarray as xr

from mmn_bayes.cohort.findings import row_positions
from mmn_bayes.cohort.schema import Cohort
from mmn_bayes.errors import DataError
from mmn_bayes.model.effects import long_run_shifts
from mmn_bayes.model.priors import parameter
from mmn_bayes.spec.long_run import Classes
from mmn_bayes.spec.model_spec import ModelSpec

UNCLASSIFIED = -1


def last_status(cohort: Cohort, from_day: float = -np.inf) -> pd.Series:
    """Return the last status of each patient, by day; missing where a patient has none.

    Parameters
    ----------
    cohort
        The cohort.
    from_day
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
    design, spec, cohort
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
    levels, from_day = _of(spec).levels, _of(spec).from_day
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


def _of(spec: ModelSpec) -> Classes:
    if spec.classes is None:
        raise ValueError(f"The model '{spec.name}' is of outcome '{spec.outcome}', not of classes.")
    return spec.classes


def classified(spec: ModelSpec, arrays: Mapping[str, Any], purpose: str) -> None:
    """Add the model of classes to the model in context: log odds of each against the first.

    For "predict" the deterministic `class_probability` (dims patient, class) in place of the
    likelihood.
    """
    reference = parameter("reference_probability", _of(spec).prior, dims="class")
    code = arrays["class_code"]
    shift = pt.zeros((code.shape[0], len(_of(spec).levels) - 1))
    for x, effect in long_run_shifts(spec, "class", arrays, "contrast").values():
        shift = shift + x[:, None] * effect[None, :]
    eta = pt.log(reference)[None, :] + pt.concatenate([pt.zeros_like(shift[:, :1]), shift], axis=1)
    logs = eta - pt.logsumexp(eta, axis=1, keepdims=True)
    if purpose == "predict":
        pm.Deterministic("class_probability", pt.exp(logs), dims=("patient", "class"))
        return
    # Codes are data, -1 of the unclassified, who have no part in the sum.
    own = logs[pt.arange(code.shape[0]), pt.maximum(code, 0)]
    pm.Potential("classes", (own * pt.ge(code, 0)).sum())
