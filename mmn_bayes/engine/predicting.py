"""Predict from stored draws: the same specification on another design, draw by draw."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import xarray as xr
from pytensor.compile.ops import ViewOp
from pytensor.graph.basic import Apply
from pytensor.graph.replace import _vectorize_node

from mmn_bayes.engine.build import Purpose, build
from mmn_bayes.engine.compiled_logp import of_many_draws
from mmn_bayes.engine.link import LINKS
from mmn_bayes.model_file.model_spec import ModelSpec

# Bytes of one block of results: small enough that what is made on the way to them stays near the
# processor (of 4, 8, 16 and 64 million bytes 16 took the least time of `response_table`).
_BLOCK_BYTES = 16_000_000


@_vectorize_node.register(ViewOp)
def _view_of_many_draws(op: ViewOp, node: Apply, stacked: Any) -> Apply:
    """A deterministic of many draws is the value itself, and no copy made draw by draw.

    PyMC wraps what it names in an operation that changes nothing, and of which PyTensor knows only
    that it can be repeated: on 33,280 rows two thirds of the time of `grade_cdf`.
    """
    return op.make_node(stacked)


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
    first = evaluate([source(slice(0, 1)) for source in sources])
    block = max(1, _BLOCK_BYTES // max(1, sum(value.nbytes for value in first)))
    for start in range(0, n_draws, block):
        draws = slice(start, min(start + block, n_draws))
        yield draws, evaluate([source(draws) for source in sources])


def _source(
    variable: pytensor.tensor.TensorVariable,
    model: pm.Model,
    posterior: xr.Dataset,
    rng: np.random.Generator | None,
    new_members: bool,
) -> Callable[[slice], np.ndarray]:
    """Where the values of one parameter come from, as a function of which draws; draws first."""
    name, dims = variable.name, model.named_vars_to_dims.get(variable.name, ())
    if new_members and set(dims) & {"patient", "site", "visit", "unit"}:
        shape = tuple(int(model.dim_lengths[dim].eval()) for dim in dims)
        return lambda draws: _required(rng, name).standard_normal((_number(draws), *shape))
    values = posterior[name].to_numpy()
    values = values.reshape(-1, *values.shape[2:])
    if "visit" not in dims:
        return lambda draws: values[draws].astype(float)
    wanted = pd.Index(model.coords["visit"])
    known = pd.Index(posterior["visit"].to_numpy()) if "visit" in posterior.coords else wanted[:0]
    where = known.get_indexer(wanted)
    if (where >= 0).all():
        return lambda draws: values[draws, where].astype(float)

    def kept_or_new(draws: slice) -> np.ndarray:
        drawn = _required(rng, name).standard_normal((_number(draws), where.size))
        return np.where(where >= 0, values[draws, where], drawn)

    return kept_or_new


def _number(draws: slice) -> int:
    return int(draws.stop - draws.start)


def _required(rng: np.random.Generator | None, name: str) -> np.random.Generator:
    if rng is None:
        raise ValueError(f"New values of {name} are to be drawn; give a random generator.")
    return rng


def draw_grades(
    eta: np.ndarray, cutpoints: Sequence[np.ndarray], link: str, rng: np.random.Generator
) -> np.ndarray:
    """Draw grades that have the probabilities of `grade_cdf`.

    A grade is the number of cutpoints below eta plus noise: one number a row in place of the
    probability of each grade.

    Parameters
    ----------
    eta
        In units of the noise, single precision, shape (draw, row); what it holds is overwritten.
    cutpoints
        In these units, from the lowest; of each, shape (draw, 1) or (draw, row).
    link
        Of the noise.
    rng
        Source of randomness.

    Returns
    -------
    ndarray
        Codes 0 .. K-1 in the smallest whole numbers that hold them and -1; shape (draw, row).
    """
    # Rounding moves eta by less than 1e-5 of the noise.
    eta += LINKS[link].draw(eta.shape, rng)
    code = np.zeros(eta.shape, dtype=np.min_scalar_type(-len(cutpoints) - 1))
    for cutpoint in cutpoints:
        code += eta > cutpoint
    return code


def draw_grades_by_cdf(cdf: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw grades by their probabilities, of families without a latent number behind a grade.

    Parameters
    ----------
    cdf : ndarray
        `grade_cdf`, shape (draw, row, K - 1).
    rng
        Source of randomness.

    Returns
    -------
    ndarray
        As of `draw_grades`.
    """
    code = np.zeros(cdf.shape[:2], dtype=np.min_scalar_type(-cdf.shape[2] - 1))
    uniform = rng.random(cdf.shape[:2])
    for below in np.moveaxis(cdf, 2, 0):
        code += uniform > below
    return code
