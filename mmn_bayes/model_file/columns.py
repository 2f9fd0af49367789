"""Predictors as columns of `patients`: what is wrong with one, and its values as numbers."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mmn_bayes.data.findings import row_positions
from mmn_bayes.data.tables import text_of
from mmn_bayes.model_file.model_spec import Predictor


def wrong_column(predictor: Predictor, patients: pd.DataFrame) -> Iterator[str]:
    """Say why a predictor cannot be taken from a table of patients; nothing when it can.

    Blanks are looked at elsewhere: who uses the column says what becomes of them.
    """
    name, asks = predictor.column, f"predictor.{predictor.name}"
    if name not in patients:
        yield (
            f"patients: there is no column '{name}', which {asks} asks for; the table has "
            f"{', '.join(map(str, patients.columns))}."
        )
        return
    values = patients[name].dropna()
    yes_no, numeric = pd.api.types.is_bool_dtype(values), pd.api.types.is_numeric_dtype(values)
    if predictor.kind == "number" and (yes_no or not numeric):
        yield f"patients: column '{name}' does not hold numbers, as {asks} says."
    if predictor.kind == "yes_no" and not (yes_no or (numeric and values.isin([0, 1]).all())):
        yield f"patients: column '{name}' does not hold yes or no, as {asks} says."
    if not predictor.levels:
        return
    recorded = pd.Series(text_of(values), index=values.index)
    for value, own in recorded[~recorded.isin(predictor.levels)].groupby(recorded):
        yield (
            f"patients: column '{name}' has '{value}' ({len(own)} patients: "
            f"{row_positions(own.index)} of cohort.patients), which is none of {asks}.levels "
            f"({', '.join(predictor.levels)}); add that level, or correct the cells."
        )


def predictor_numbers(predictor: Predictor, column: pd.Series) -> np.ndarray:
    """Return a column as numbers, NaN where blank; shape (patient,).

    Yes and no are 1 and 0, numbers steps of `per` from `centre`, levels their places, from 0.
    """
    if predictor.levels:
        places = pd.Index(predictor.levels).get_indexer(pd.Index(text_of(column)))
        return np.where(column.isna().to_numpy(), np.nan, places.astype(float))
    return (column.to_numpy(dtype=float, na_value=np.nan) - predictor.centre) / predictor.per


def effect_columns(predictor: Predictor, column: pd.Series) -> np.ndarray:
    """Return the columns of numbers that a predictor is, NaN where blank.

    Shape (patient, effect), in the order of `effect_labels`: of a category whether each level but
    the first is that of the patient, of ordered levels the place over the last one (as if all steps
    were equal).
    """
    numbers = predictor_numbers(predictor, column)
    if predictor.kind == "category":
        own = (numbers[:, None] == np.arange(1, len(predictor.levels))).astype(float)
        return np.where(np.isnan(numbers)[:, None], np.nan, own)
    if predictor.kind == "ordered":
        return numbers[:, None] / (len(predictor.levels) - 1)
    return numbers[:, None]
