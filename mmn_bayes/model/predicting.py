"""Predict from stored draws: the same specification on another design, draw by draw."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import xarray as xr

from mmn_bayes.model.build import Purpose, build
from mmn_bayes.model.compiling import of_many_draws
from mmn_bayes.spec.model_spec import ModelSpec

# Bytes of one block of results: small enough to stay in memory beside what is made of it.
_BLOCK_BYTES = 64_000_000


def predict(
    spec: ModelSpec,
    design: xr.Dataset,
    posterior: xr.Dataset,
    names: Sequence[str],
    *,
    purpose: Purpose = "predict",
    rng: np.random.Generator | None = None,
    new_members: bool = False,
) -> Iterator[tuple[slice, list[np.ndarray]]]:
    """Evaluate deterministics of a model at stored draws, block by block.

    Parameters
    ----------
    spec, design
        The model, and the design to predict on.
    posterior
        Draws of its parameters, dims chain and draw first.
    names, purpose
        Deterministics that `build` registers for the purpose.
    rng
        Source of the effects that are drawn anew, from their distribution, a fresh set for each
        draw. Those of a visit that the draws do not know are; without such it is not needed.
    new_members
        Whether those of all patients, sites and units are drawn anew too: the design then stands
        for new patients like those it describes. Otherwise they are taken from the draws, and the
        design must have the same patients and sites.

    Yields
    ------
    tuple
        Slice of the draws (chains one after the other) and one array a name, draws first.
    """
    model = build(spec, design, purpose)
    evaluate = of_many_draws(model.free_RVs, [model[name] for name in names])
    sources = [_source(variable, model, posterior, rng, new_members) for variable in model.free_RVs]
    n_draws = posterior.sizes["chain"] * posterior.sizes["draw"]
    first = evaluate([source(0)[None] for source in sources])
    block = max(1, _BLOCK_BYTES // max(1, sum(value.nbytes for value in first)))
    for start in range(0, n_draws, block):
        draws = range(start, min(start + block, n_draws))
        points = [[source(draw) for source in sources] for draw in draws]
        values = [np.stack(column) for column in zip(*points, strict=True)]
        yield slice(draws.start, draws.stop), evaluate(values)


def _source(
    variable: pytensor.tensor.TensorVariable,
    model: pm.Model,
    posterior: xr.Dataset,
    rng: np.random.Generator | None,
    new_members: bool,
) -> Callable[[int], np.ndarray]:
    """Where the values of one parameter come from, as a function of the number of the draw."""
    name, dims = variable.name, model.named_vars_to_dims.get(variable.name, ())
    if new_members and set(dims) & {"patient", "site", "visit", "unit"}:
        shape = tuple(int(model.dim_lengths[dim].eval()) for dim in dims)
        return lambda draw: _required(rng, name).standard_normal(shape)
    values = posterior[name].to_numpy()
    values = values.reshape(-1, *values.shape[2:]).astype(float)
    if "visit" not in dims:
        return lambda draw: values[draw]
    wanted = pd.Index(model.coords["visit"])
    known = pd.Index(posterior["visit"].to_numpy()) if "visit" in posterior.coords else wanted[:0]
    where = known.get_indexer(wanted)
    if (where >= 0).all():
        return lambda draw: values[draw, where]

    def kept_or_new(draw: int) -> np.ndarray:
        drawn = _required(rng, name).standard_normal(where.size)
        return np.where(where >= 0, values[draw, where], drawn)

    return kept_or_new


def _required(rng: np.random.Generator | None, name: str) -> np.random.Generator:
    if rng is None:
        raise ValueError(f"New values of {name} are to be drawn; give a random generator.")
    return rng
