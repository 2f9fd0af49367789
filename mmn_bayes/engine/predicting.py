"""Predict from stored draws: the same specification on another design, draw by draw."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr
from pymc.pytensorf import compile as compile_function
from pytensor.compile.ops import ViewOp
from pytensor.graph.basic import Apply
from pytensor.graph.traversal import ancestors
from pytensor.tensor.basic import get_underlying_scalar_constant_value
from pytensor.tensor.random.basic import NormalRV
from pytensor.tensor.variable import TensorVariable

from mmn_bayes.engine.compiled_logp import of_many_draws
from mmn_bayes.engine.graph import Purpose, build
from mmn_bayes.engine.link import LINKS
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.undocumented import vectorize_node

# Bytes of one block of results: small enough that what is made on the way to them stays near the
# processor (of 4, 8, 16 and 64 million bytes 16 took the least time of `response_table`).
_BLOCK_BYTES = 16_000_000


@vectorize_node.register(ViewOp)
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
    spec, design : ModelSpec, Dataset
        The model, and the design to predict on.
    posterior : Dataset
        Draws of its parameters, dims chain and draw first.
    names, purpose : sequence of str, Purpose
        Deterministics that `build` registers for the purpose.
    rng : Generator or None, optional
        Source of the effects that are drawn anew, from their distribution, a fresh set for each
        draw. Those of a visit that the draws do not know are; without such it is not needed.
    new_members : bool, default False
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
    sources = {v.name: _source(v, model, posterior, rng, new_members) for v in model.free_RVs}

    def values_at(draws: slice) -> list[np.ndarray]:
        values: dict[str, np.ndarray] = {}
        for name, source in sources.items():  # parents before what hangs on them
            values[name] = source(draws, values)
        return evaluate(list(values.values()))

    n_draws = posterior.sizes["chain"] * posterior.sizes["draw"]
    first = values_at(slice(0, 1))
    block = max(1, _BLOCK_BYTES // max(1, sum(value.nbytes for value in first)))
    for start in range(0, n_draws, block):
        draws = slice(start, min(start + block, n_draws))
        yield draws, values_at(draws)


# Values of one parameter, draws first: of which draws, and of the parameters before it.
_Source = Callable[[slice, Mapping[str, np.ndarray]], np.ndarray]


def _source(
    variable: TensorVariable,
    model: pm.Model,
    posterior: xr.Dataset,
    rng: np.random.Generator | None,
    new_members: bool,
) -> _Source:
    """Where the values of one parameter come from."""
    name, dims = variable.name, model.named_vars_to_dims.get(variable.name, ())
    if new_members and set(dims) & {"patient", "site", "visit", "unit"}:
        return _from_its_distribution(variable, model, rng)
    values = posterior[name].to_numpy()
    values = values.reshape(-1, *values.shape[2:])
    if "visit" not in dims:
        return lambda draws, _: values[draws].astype(float)
    wanted = pd.Index(model.coords["visit"])
    known = pd.Index(posterior["visit"].to_numpy()) if "visit" in posterior.coords else wanted[:0]
    where = known.get_indexer(wanted)
    if (where >= 0).all():
        return lambda draws, _: values[draws, where].astype(float)
    new = _from_its_distribution(variable, model, rng)
    return lambda draws, others: np.where(where >= 0, values[draws, where], new(draws, others))


def _from_its_distribution(
    variable: TensorVariable, model: pm.Model, rng: np.random.Generator | None
) -> _Source:
    """Draw a parameter anew, a set a draw, given the parameters that its distribution hangs on."""
    if rng is None:
        raise ValueError(f"New values of {variable.name} are to be drawn; give a random generator.")
    if _is_standard_normal(variable):
        dims = model.named_vars_to_dims[variable.name]
        shape = tuple(int(model.dim_lengths[dim].eval()) for dim in dims)
        return lambda draws, _: rng.standard_normal((draws.stop - draws.start, *shape))
    others = {*model.free_RVs} - {variable}
    before = {*ancestors([variable], blockers=others)}
    parents = [parent for parent in model.free_RVs if parent in before & others]
    # One draw at a time: a distribution without parents is else drawn once for all of them.
    draw = compile_function(
        parents, variable, random_seed=int(rng.integers(2**32)), mode="FAST_COMPILE"
    )

    def drawn(draws: slice, values: Mapping[str, np.ndarray]) -> np.ndarray:
        given = [values[parent.name] for parent in parents]
        n_draws = draws.stop - draws.start
        return np.stack([draw(*(value[i] for value in given)) for i in range(n_draws)])

    return drawn


def _is_standard_normal(variable: TensorVariable) -> bool:
    node = variable.owner
    if not isinstance(node.op, NormalRV):
        return False
    parameters = node.op.dist_params(node)
    known = [get_underlying_scalar_constant_value(p, raise_not_constant=False) for p in parameters]
    return [value for value in known if isinstance(value, np.ndarray)] == [0.0, 1.0]


def draw_grades(
    eta: np.ndarray, cutpoints: Sequence[np.ndarray], link: str, rng: np.random.Generator
) -> np.ndarray:
    """Draw grades that have the probabilities of `grade_cdf`.

    A grade is the number of cutpoints below eta plus noise: one number a row in place of the
    probability of each grade.

    Parameters
    ----------
    eta : ndarray
        In units of the noise, single precision, shape (draw, row); what it holds is overwritten.
    cutpoints : sequence of ndarray
        In these units, from the lowest; of each, shape (draw, 1) or (draw, row).
    link : str
        Of the noise.
    rng : Generator
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
    rng : Generator
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
