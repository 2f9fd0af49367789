"""Rates of counted events: of the units of the data, of new ones, and standardised over theirs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mmn_bayes.data.random_streams import rng_of
from mmn_bayes.engine.predicting import predict
from mmn_bayes.model_file.model_spec import ModelSpec, require_outcome
from mmn_bayes.posterior.draws import as_draws, attributes_of_draws, design_of, spec_of
from mmn_bayes.posterior.new_patients import NEW_PATIENTS
from mmn_bayes.posterior.summary import PROBABILITY


def unit_rates(fit: xr.DataTree) -> xr.DataArray:
    """Return posterior draws of the event rate of every study, or of every row of a trial.

    Parameters
    ----------
    fit : DataTree
        Of outcome "events".

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `row` (the labels of the counts): the rate of each, shrunk towards the
        others.

    Raises
    ------
    ValueError
        When the fit is not of outcome "events".

    Examples
    --------
    With `evidence_fit`, a fit of `models/historical_response.toml` to 6 counts:

    >>> rates = mb.evidence.unit_rates(evidence_fit)
    >>> rates.dims, rates.sizes["row"]
    (('chain', 'draw', 'row'), 6)
    >>> rates["row"].to_numpy().tolist()[:2]
    ['Leger2001_naive_ivig', 'VanDenBerg1995_ivig']
    """
    spec, design = require_outcome(spec_of(fit), "events"), design_of(fit)
    rates = _probabilities(fit, spec, design)
    rows = {"row": design["label_of_row"].to_numpy()}
    return as_draws(
        fit, rates, rows, quantity="rate of each study", support=PROBABILITY, name="rate"
    )


def new_unit_rate(
    fit: xr.DataTree, at: Mapping[str, float] | None = None, *, mean: bool = False
) -> xr.DataArray:
    """Return draws of the event rate of a new study or patient.

    Parameters
    ----------
    fit : DataTree
        Of outcome "events".
    at : mapping of str to float or None, optional
        Value of each predictor of the model, all of them, in the units of its column.
    mean : bool, default False
        Whether to average over many new units: for patients the response probability, for studies
        the mean rate.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`. For studies and without `mean` it is the meta-analytic-predictive
        distribution.

    Raises
    ------
    ValueError
        When the fit is not of outcome "events", or `at` does not have the predictors of the model.

    Examples
    --------
    With `evidence_fit`, a fit of `models/historical_response.toml` to 6 counts:

    >>> mb.evidence.new_unit_rate(evidence_fit).dims
    ('chain', 'draw')
    >>> mb.evidence.new_unit_rate(evidence_fit).attrs["quantity"]
    'rate of a new unit'
    """
    spec, design = require_outcome(spec_of(fit), "events"), design_of(fit)
    names = sorted(p.name for p in spec.predictors)
    at = dict(at or {})
    if sorted(at) != names:
        raise ValueError(
            f"`at` has {', '.join(sorted(at)) or 'nothing'}; the predictors of the model "
            f"'{spec.name}' are {', '.join(names) or 'none'}."
        )
    n = NEW_PATIENTS if mean else 1
    rows = xr.Dataset(
        {
            "events": ("row", np.zeros(n, dtype=np.int64)),
            "n": ("row", np.ones(n, dtype=np.int64)),
            "unit_of_row": ("row", np.arange(n)),
            **{f"x_{p.name}": ("row", np.full(n, p.number(at[p.name]))) for p in spec.predictors},
        },
        coords={"unit": np.arange(n).astype(str)},
        attrs=design.attrs,
    )
    rng = rng_of(fit, "rates of new units")
    rates = _probabilities(fit, spec, rows, rng)
    words = "mean rate of new units" if mean else "rate of a new unit"
    rate = rates.mean(axis=1)
    return as_draws(fit, rate, {}, quantity=words, support=PROBABILITY, name="rate")


def standardised_rates(
    fit: xr.DataTree, name: str, at: Mapping[str, float] | None = None
) -> xr.DataArray:
    """Return draws of standardised event rates of new units under no and yes of a predictor.

    Parameters
    ----------
    fit : DataTree
        Of outcome "events".
    name : str
        A yes/no predictor.
    at : mapping of str to float or None, optional
        Predictors to hold at one value; all others keep their distribution in the rows of the data.

    Returns
    -------
    DataArray
        Dims `chain`, `draw` and that predictor (0, 1), which comes first: the mean over new units,
        the same for both values.

    Raises
    ------
    ValueError
        When the fit is not of outcome "events", or a predictor is not one of the model's.

    Examples
    --------
    With `trial_fit`, a fit of `models/trial_leger2001.toml`, in the first period of the trial:

    >>> rates = mb.evidence.standardised_rates(trial_fit, "treated", {"second_period": 0.0})
    >>> rates.dims, rates["treated"].to_numpy().tolist()
    (('treated', 'chain', 'draw'), [0, 1])
    >>> (rates.sel(treated=1) - rates.sel(treated=0)).dims
    ('chain', 'draw')
    """
    spec, design, at = require_outcome(spec_of(fit), "events"), design_of(fit), dict(at or {})
    predictors = {p.name: p for p in spec.predictors}
    unknown = [given for given in (name, *at) if given not in predictors]
    if unknown:
        raise ValueError(
            f"'{unknown[0]}' is no predictor of the model '{spec.name}', which has "
            f"{', '.join(predictors) or 'none'}."
        )
    others = [p for p in predictors.values() if p.name != name and p.name not in at]
    columns = [p.value(design[f"x_{p.name}"].to_numpy()) for p in others]
    rows = np.array(columns).T if others else np.empty((1, 0))
    cells, counts = np.unique(rows, axis=0, return_counts=True)
    parts = []
    for arm in (0.0, 1.0):
        total: Any = 0.0
        for cell, count in zip(cells, counts, strict=True):
            own = {p.name: float(value) for p, value in zip(others, cell, strict=True)}
            rates = new_unit_rate(fit, {name: arm, **at, **own}, mean=True)
            total = total + rates * (count / sum(counts))
        parts.append(total)
    rates = xr.concat(parts, dim=name).assign_coords({name: [0, 1]})
    return rates.assign_attrs(
        attributes_of_draws(fit, f"rate of new units by {name}", support=PROBABILITY)
    )


def _probabilities(
    fit: xr.DataTree,
    spec: ModelSpec,
    rows: xr.Dataset,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Rates of rows, shape (draw, row); of new units where there is a generator."""
    posterior = fit["posterior"].to_dataset()
    blocks = predict(
        spec, rows, posterior, ["event_probability"], rng=rng, new_members=rng is not None
    )
    return np.concatenate([values for _, (values,) in blocks])
