"""Grades of muscles at visits: their part of a design."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.exposure import infusions_of
from mmn_bayes.data.response import graded_rows, panel_sites
from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.design import at_rows
from mmn_bayes.engine.uninformative import PRIOR
from mmn_bayes.errors import DataError
from mmn_bayes.model_file.model_spec import ModelSpec


def with_grades(design: xr.Dataset, spec: ModelSpec, cohort: Cohort) -> xr.Dataset:
    """Add sites, muscles, infusions and one row a grade to the part that is of patients.

    Parameters
    ----------
    design, spec, cohort : Dataset, ModelSpec, Cohort
        With dim `patient`; the model, and its data.

    Returns
    -------
    Dataset
        With dims `site`, `muscle`, `infusion`, `grade`, `threshold` and what `at_rows` lays.

    Raises
    ------
    DataError
        When there is no grade.
    """
    grades = graded_rows(cohort, spec)
    sites = panel_sites(grades)
    patient = pd.Index(design["patient"].to_numpy())
    muscles = pd.Index(sorted(set(sites["muscle"])))
    infusions = infusions_of(cohort)
    design = design.assign(
        patient_of_site=("site", patient.get_indexer(pd.Index(sites["patient"]))),
        muscle_of_site=("site", muscles.get_indexer(pd.Index(sites["muscle"]))),
        side_of_site=("site", sites["side"].to_numpy(dtype=object).astype(str)),
        infusion_patient=("infusion", infusions["patient"].to_numpy(dtype=object).astype(str)),
        infusion_day=("infusion", infusions["day"].to_numpy(dtype=float)),
        infusion_dose_g_per_kg=("infusion", infusions["dose_g_per_kg"].to_numpy(dtype=float)),
    ).assign_coords(
        muscle=muscles.to_numpy(dtype=object).astype(str),
        site=np.arange(len(sites)),
        grade=np.array(spec.scale),
        threshold=np.array(
            [f"{low}|{high}" for low, high in zip(spec.scale, spec.scale[1:], strict=False)]
        ),
    )
    if spec.relaxed is not None:
        design = design.assign_coords(gap=design["threshold"].to_numpy()[1:])
        if spec.relaxed.of == "site":
            design = design.assign_coords(stratum=np.array(spec.relaxed.strata))
    site = pd.MultiIndex.from_frame(sites[["patient", "muscle", "side"]]).get_indexer(
        pd.MultiIndex.from_frame(grades[["patient", "muscle", "side"]])
    )
    if len(grades) == 0:
        raise DataError(
            f"The model '{spec.name}' cannot be fitted to this cohort.",
            ["grades: no row holds a grade; record at least one."],
        )
    return at_rows(
        design, spec, site, grades["day"].to_numpy(dtype=float), grades["code"].to_numpy()
    )


def missing_for_grades(spec: ModelSpec, cohort: Cohort) -> list[str]:
    """Return what a model of grades needs of a cohort that has it not."""
    return [*_without_infusions(spec, cohort), *_without_stratum(spec, cohort)]


def _without_infusions(spec: ModelSpec, cohort: Cohort) -> list[str]:
    asks = [f"exposure.{exposure.name}" for exposure in spec.exposures]
    asks += ["gain"] if spec.gain is not None else []
    asks += ["time"] if spec.time is not None and spec.time.since == "first_infusion" else []
    if cohort.infusions is not None or not asks:
        return []
    return [
        f"infusions: the cohort has no such table, which {' and '.join(asks)} of the model need; "
        "add it, or drop those parts of the model."
    ]


def _without_stratum(spec: ModelSpec, cohort: Cohort) -> list[str]:
    """Muscles of the cohort to which a map of groups of muscles gives none."""
    if spec.relaxed is None or not spec.relaxed.groups:
        return []
    muscles = cohort.grades.loc[cohort.grades["grade"].notna(), "muscle"].astype(str).unique()
    return [
        f"grades: muscle '{muscle}' has no group in relaxed.groups of the model; add a line for it."
        for muscle in sorted(set(muscles) - {name for name, _ in spec.relaxed.groups})
    ]


def uninformative_grades(spec: ModelSpec, design: xr.Dataset) -> Iterator[str]:
    """Yield what cannot be learned: grades are all the same, or nobody can be judged."""
    yield from _all_the_same(design)
    yield from _nobody_affected(spec, design)


def _all_the_same(design: xr.Dataset) -> Iterator[str]:
    codes = np.unique(design["code"].to_numpy())
    if codes.size == 1:
        grade = design["grade"].to_numpy()[codes[0]]
        yield (
            f"All {design.sizes['row']} grades are {grade}: how muscles and patients differ, what "
            f"treatment does and how reliable grades are cannot be learned; {PRIOR}."
        )


def _nobody_affected(spec: ModelSpec, design: xr.Dataset) -> Iterator[str]:
    naive, affected = design["naive"].to_numpy(), design["n_affected"].to_numpy()
    enough = affected >= spec.response.muscles
    for label, member in (("naive", naive), ("previously treated", ~naive)):
        graded = member & (affected >= 0)
        if graded.any() and not (enough & member).any():
            yield (
                f"Of the {label}, none of {graded.sum()} graded at baseline has "
                f"{spec.response.muscles} affected muscles, as the response rule asks: their "
                "rate cannot be learned from responses, and is missing in draws that have nobody "
                "to judge."
            )
