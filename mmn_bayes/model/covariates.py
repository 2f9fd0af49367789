"""Predictors as the arrays of a design: values in the model's steps, codes of levels, spreads."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.cohort.schema import Cohort
from mmn_bayes.cohort.tables import text_of
from mmn_bayes.errors import DataError
from mmn_bayes.spec.labels import effect_labels
from mmn_bayes.spec.model_spec import ModelSpec, Predictor

_LEVELS = ("category", "ordered")


def predictor_values(predictor: Predictor, patients: pd.DataFrame) -> np.ndarray:
    """Return a column as the model sees it; shape (patient,).

    Yes and no are 1 and 0, numbers steps of `per` from `centre`, levels their places, from 0.
    """
    column = patients[predictor.column]
    if predictor.kind in _LEVELS:
        places = pd.Index(predictor.levels).get_indexer(pd.Index(text_of(column)))
        return places.astype(np.int64)
    return (column.to_numpy(dtype=float) - predictor.centre) / predictor.per


def columns_of(predictor: Predictor, values: np.ndarray) -> np.ndarray:
    """Return the columns of numbers that a predictor is.

    Parameters
    ----------
    predictor
        The predictor.
    values
        As `predictor_values` gives them, shape (patient,).

    Returns
    -------
    ndarray
        Shape (patient, effect), in the order of `effect_labels`: of a category whether each level
        is that of the patient, of ordered levels the place over the last one (as if all steps were
        equal).
    """
    if predictor.kind == "category":
        return (values[:, None] == np.arange(1, len(predictor.levels))).astype(float)
    if predictor.kind == "ordered":
        return values[:, None] / (len(predictor.levels) - 1)
    return values[:, None]


def with_covariates(design: xr.Dataset, spec: ModelSpec, patients: pd.DataFrame) -> xr.Dataset:
    """Add the predictors of a model to the part of its design that has one value a patient.

    Parameters
    ----------
    design
        With dim `patient`, `response` and `n_sites`.
    spec, patients
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
    values = {p.name: predictor_values(p, patients) for p in spec.predictors}
    design = design.assign({f"x_{n}": ("patient", own) for n, own in values.items()})
    for p in spec.predictors:
        if p.kind in _LEVELS:
            name = f"{'level' if p.kind == 'category' else 'step'}_of_{p.name}"
            design = design.assign_coords({name: np.array(p.levels[1:])})
    if not spec.shrunk:
        return design
    informing = in_likelihood(spec, design)
    labels = [label for p in spec.shrunk for label in effect_labels(p)]
    columns = [columns_of(p, values[p.name])[informing] for p in spec.shrunk]
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
    if spec.outcome == "response":
        return design["response"].to_numpy() >= 0
    return design["n_sites"].to_numpy() > 0


def unusable(predictor: Predictor, cohort: Cohort) -> list[str]:
    """Return why a predictor cannot be taken from the patients table; empty when it can."""
    name, table = predictor.column, cohort.patients
    asks = f"predictor.{predictor.name}"
    if name not in table:
        return [
            f"patients: there is no column '{name}', which {asks} asks for; the table has "
            f"{', '.join(map(str, table.columns))}."
        ]
    values = table[name]
    yes_no, numeric = pd.api.types.is_bool_dtype(values), pd.api.types.is_numeric_dtype(values)
    if predictor.kind == "number" and (yes_no or not numeric):
        return [f"patients: column '{name}' does not hold numbers, as {asks} says."]
    zero_one = numeric and values.dropna().isin([0, 1]).all()
    if predictor.kind == "yes_no" and not (yes_no or zero_one):
        return [f"patients: column '{name}' does not hold yes or no, as {asks} says."]
    if predictor.kind in _LEVELS:
        unknown = list(_unknown_levels(predictor, table))
        if unknown:
            return unknown
    blank = table.loc[values.isna(), "patient"]
    if len(blank):
        shown = ", ".join(f"'{patient}'" for patient in blank.head(5))
        return [
            f"patients: column '{name}' is blank for {len(blank)} of {len(table)} patients "
            f"(first: {shown}); the model cannot use a patient without it: fill it in "
            "(`impute_cohorts` does, several times), fit those who have it (`complete_cases` says "
            f"how many that loses), or leave {asks} out of the model."
        ]
    return []


def _unknown_levels(predictor: Predictor, table: pd.DataFrame) -> Iterator[str]:
    there = table[table[predictor.column].notna()]
    recorded = pd.Series(text_of(there[predictor.column]), index=there.index)
    for value, own in recorded[~recorded.isin(predictor.levels)].groupby(recorded):
        first = there.loc[own.index[0], "patient"]
        yield (
            f"patients: column '{predictor.column}' has '{value}' ({len(own)} patients, first: "
            f"'{first}'), which is none of predictor.{predictor.name}.levels "
            f"({', '.join(predictor.levels)}); add that level, or correct the cells."
        )
