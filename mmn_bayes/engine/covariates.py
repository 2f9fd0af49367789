"""Predictors as the arrays of a design: values in the model's steps, codes of levels, spreads."""

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.findings import rows_of_patients
from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.outcome import outcome_of
from mmn_bayes.errors import DataError
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.model_file.predictor_kinds import Predictor, wrong_column


def with_covariates(design: xr.Dataset, spec: ModelSpec, patients: pd.DataFrame) -> xr.Dataset:
    """Add the predictors of a model to the part of its design that has one value a patient.

    Parameters
    ----------
    design : Dataset
        With dim `patient`, `response` and `n_sites`.
    spec, patients : ModelSpec, DataFrame
        The model, and the table `patients` in the same order.

    Returns
    -------
    Dataset
        With one variable a predictor (`x_<name>`); with `[shrinkage]` also `sd_of_shrunk`, the sd
        of each column whose effects share the prior, over the patients of the likelihood (dim
        `shrunk`).

    Raises
    ------
    DataError
        When such a column is the same for all of them: it cannot be standardised.
    """
    numbers = {p.name: p.numbers(patients[p.column]) for p in spec.predictors}
    # Places of levels are whole numbers, by which the graph picks effects.
    values = {
        p.name: numbers[p.name].astype(np.int64 if p.levels else float) for p in spec.predictors
    }
    design = design.assign({f"x_{n}": ("patient", own) for n, own in values.items()})
    for p in spec.predictors:
        if p.levels:
            name = f"{p.kind.levels_are}_of_{p.name}"
            design = design.assign_coords({name: np.array(p.levels[1:])})
    if not spec.shrunk:
        return design
    informing = in_likelihood(spec, design)
    labels = [label for p in spec.shrunk for label in p.labels]
    columns = [p.kind.columns(p, numbers[p.name])[informing] for p in spec.shrunk]
    sd = np.concatenate([own.std(axis=0) for own in columns])
    constant = [label for label, own in zip(labels, sd, strict=True) if own == 0.0]
    if constant:
        raise DataError(
            f"The model '{spec.name}' cannot be fitted to this cohort.",
            [
                f"patients: '{label}' is the same for all {informing.sum()} patients who inform "
                "the model, so that it cannot be standardised, nor tell anything; take it out of "
                "[shrinkage], or out of the model."
                for label in constant
            ],
        )
    return design.assign(sd_of_shrunk=("shrunk", sd)).assign_coords(shrunk=np.array(labels))


def in_likelihood(spec: ModelSpec, design: xr.Dataset) -> np.ndarray:
    """Say of each patient whether the likelihood of a model has it; shape (patient,)."""
    return np.asarray(outcome_of(spec.outcome).in_likelihood(design))


def unusable(predictor: Predictor, cohort: Cohort) -> list[str]:
    """Return why a predictor cannot be taken from the patients table; empty when it can."""
    name, table = predictor.column, cohort.patients
    wrong = list(wrong_column(predictor, table))
    if wrong:
        return wrong
    blank = table.loc[table[name].isna(), "patient"]
    if len(blank):
        return [
            f"patients: column '{name}' is blank for {len(blank)} of {len(table)} patients "
            f"({rows_of_patients(table, blank)}); the model cannot use a patient without "
            "it: fill it in (`impute_cohorts` does, several times), fit those who have it "
            f"(`complete_cases` says how many that loses), or leave "
            f"predictor.{predictor.name} out of the model."
        ]
    return []
