"""Responses of patients: their part of a design."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.uninformative import PRIOR
from mmn_bayes.errors import DataError
from mmn_bayes.model_file.model_spec import ModelSpec


def with_responses(design: xr.Dataset, spec: ModelSpec, cohort: Cohort) -> xr.Dataset:
    """Return the design as it is, with responses already; raise where nobody could be judged."""
    if not (design["response"] >= 0).any():
        reasons = pd.Series(design["reason"].to_numpy()).value_counts()
        raise DataError(
            f"The model '{spec.name}' cannot be fitted to this cohort.",
            [f"nobody is evaluable: {reason} ({count})." for reason, count in reasons.items()],
        )
    return design


def uninformative_responses(_: ModelSpec, design: xr.Dataset) -> Iterator[str]:
    """Yield what cannot be learned: all respond, or none."""
    response = design["response"].to_numpy()
    judged = response[response >= 0]
    if judged.size and np.ptp(judged) == 0:
        whose = f"All {judged.size}" if judged[0] else f"None of {judged.size}"
        yield (
            f"{whose} evaluable patients responded: how far the rate lies from {judged[0]}, "
            f"and what predictors do, cannot be learned; {PRIOR}."
        )
