"""Data that cannot tell: what cannot be learned from them, in a sentence each."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from mmn_bayes.engine.outcome import outcome_of
from mmn_bayes.model_file.model_spec import ModelSpec

# How such a sentence ends.
PRIOR = "of that the posterior says what the prior does"


def uninformative(spec: ModelSpec, design: xr.Dataset) -> list[str]:
    """Say what cannot be learned from the data of a model.

    Parameters
    ----------
    spec, design : ModelSpec, Dataset
        The model and its data.

    Returns
    -------
    list of str
        One sentence each: for grades that are all the same, patients of whom nobody can be judged,
        responses or events that all or none have, a predictor that is the same for everybody, and
        one patient alone. Nothing where the data can tell.
    """
    own = outcome_of(spec.outcome).uninformative(spec, design)
    if "patient" not in design.sizes:
        return list(own)
    return [*_of_one_patient(design), *_of_predictors(spec, design), *own]


def _of_one_patient(design: xr.Dataset) -> Iterator[str]:
    if design.sizes["patient"] == 1:
        yield f"There is one patient: how patients differ cannot be learned; {PRIOR}."


def _of_predictors(spec: ModelSpec, design: xr.Dataset) -> Iterator[str]:
    if design.sizes["patient"] < 2:
        return
    same = [p.name for p in spec.predictors if np.ptp(design[f"x_{p.name}"].to_numpy()) == 0]
    if same:
        many = len(same) > 1
        yield (
            f"predictor{'s' if many else ''} {', '.join(same)}: the same for all "
            f"{design.sizes['patient']} patients, so that what {'they do' if many else 'it does'} "
            "cannot be told from what all patients share; priors alone tell them apart."
        )
