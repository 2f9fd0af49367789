"""A model's log-density and its gradient in machine code, made once for each structure."""

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numba
import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import xarray as xr
from numba import types
from pymc.model.transform.optimization import freeze_dims_and_data
from pymc.pytensorf import compile as compile_function
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph import clone_replace, rewrite_graph
from pytensor.graph.basic import Variable
from pytensor.graph.replace import vectorize_graph
from pytensor.graph.traversal import ancestors

from mmn_bayes.engine.kept_code import compile_and_keep, load_code, structure_key
from mmn_bayes.undocumented import (
    CompiledPyMCModel,
    address_as_void_pointer,
    make_initial_point_fn,
    member_of,
)

_POINT = "unconstrained"


@dataclass(frozen=True)
class Program:
    """Machine code and the data that it runs on."""

    code: Any  # a function of addresses, as nutpie calls it
    owner: Any  # of what the code reads; None of code from the disk, which holds it itself
    shapes: tuple[tuple[int, ...], ...]  # of the unconstrained parameters, in the order of names
    data: tuple[np.ndarray, np.ndarray]

    @cached_property
    def n(self) -> int:
        """How many numbers the unconstrained parameters are together."""
        return sum(map(prod, self.shapes))

    @cached_property
    def addresses(self) -> np.ndarray:
        """Where the data are: what the code receives of them; shape (2,)."""
        return np.array([array.ctypes.data for array in self.data], dtype=np.uintp)

    def evaluate(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Return log-density and gradient at an unconstrained point, shapes () and (n,).

        Raises
        ------
        ArithmeticError
            Where one of them is not a finite number.
        """
        value, gradient = np.empty(1), np.empty(self.n)
        call = self.code.ctypes
        arrays = (np.ascontiguousarray(point, dtype=float), gradient, value)
        out = (array.ctypes.data_as(call.argtypes[1]) for array in arrays)
        if call(point.size, *out, self.addresses.ctypes.data):
            raise ArithmeticError("The log-density is no number here.")
        return float(value[0]), gradient


# The code of the last few structures: refits of a few models to many cohorts load it once a model.
_KEPT: OrderedDict[str, Program] = OrderedDict()
_MOST_KEPT = 4


def compiled(model: pm.Model) -> Program:
    """Compile the log-density of a model and its gradient.

    Code compiled before for the same graph, sizes and constants included, is reused with the data
    of the model: in this process, or on this machine (`kept_code`).

    Parameters
    ----------
    model : Model
        As `build` makes it for sampling, its arrays as data.

    Returns
    -------
    Program
        Its code, data and `n`, the number of unconstrained parameters.

    Examples
    --------
    With `cohort`, the cohort of `data/leger2008_cohort`, and `response_model`, the model of
    `models/response.toml`:

    >>> design = mb.engine.make_design(cohort, response_model)
    >>> design.sizes["patient"]
    40
    >>> program = mb.engine.compiled(mb.engine.build(response_model, design))
    >>> program.n
    2
    """
    # Known sizes leave less to compile; the data stay data.
    model = freeze_dims_and_data(model, data=[])
    # What a prior asks of its own parameters is checked when a file is read.
    model.check_bounds = False
    named = sorted(model.named_vars.items())
    shared = [variable for _, variable in named if isinstance(variable, SharedVariable)]
    first, second = (np.ascontiguousarray(v.get_value()) for v in shared)
    data = first, second
    inputs, log_density = [*_unconstrained(model), *shared], model.logp()
    key = structure_key(inputs, log_density)
    if key in _KEPT:
        _KEPT.move_to_end(key)
        return replace(_KEPT[key], data=data)
    program = _from_disk(model, key, log_density, data)
    program = program or _compile(model, key, inputs, log_density, data)
    _KEPT[key] = program
    if len(_KEPT) > _MOST_KEPT:
        _KEPT.popitem(last=False)
    return program


Data = tuple[np.ndarray, np.ndarray]


def _from_disk(model: pm.Model, key: str, log_density: Variable, data: Data) -> Program | None:
    nodes = {variable.owner for variable in ancestors([log_density]) if variable.owner}
    loops = {loop for node in nodes for loop in getattr(node.op, "loops", ())}
    code = load_code(key, _LOG_DENSITY, loops)
    return None if code is None else Program(code, None, _shapes(model), data)


def _compile(
    model: pm.Model, key: str, inputs: list[Variable], log_density: Variable, data: Data
) -> Program:
    log_density = rewrite_graph(
        clone_replace(log_density),
        include=["canonicalize", "stabilize", "local_remove_check_parameter"],
    )
    slopes = pt.grad(log_density, _unconstrained(model))
    gradient = pt.concatenate([slope.ravel() for slope in slopes])
    shapes = _shapes(model)
    n = sum(map(prod, shapes))
    point = pt.tensor(_POINT, dtype="float64", shape=(n,))
    given = [v.type(name=v.name) for v in inputs[len(shapes) :]]
    parts = [*_parts(point, shapes), *given]
    outputs = clone_replace([log_density, gradient], dict(zip(inputs, parts, strict=True)))
    # Compiled without licence to reorder sums: the code may be put together in another way when
    # parts of it come from the disk, and the same seed is to give the same draws even then.
    with pytensor.config.change_flags(numba__fastmath=False), model:
        function = compile_function(
            [point, *given], outputs, mode="NUMBA", on_unused_input="ignore"
        )
        loop = member_of(function, "vm.jit_fn", "pytensor")
        code = compile_and_keep(_at_addresses(loop, n, data), _LOG_DENSITY, key)
    return Program(code, function, shapes, data)


def _shapes(model: pm.Model) -> tuple[tuple[int, ...], ...]:
    start = _start(model)(0)
    return tuple(start[variable.name].shape for variable in _unconstrained(model))


_REALS = types.CPointer(types.float64)
# What nutpie calls: sizes, arrays by their addresses, and the address of whatever its model keeps
# for them. A positive answer rejects the point, a negative one ends the sampling.
_LOG_DENSITY = types.int64(types.uint64, _REALS, _REALS, _REALS, types.voidptr)
_KEPT_DRAW = types.int64(types.uint64, types.uint64, _REALS, _REALS, types.voidptr)


def _at_addresses(function: Any, n: int, data: Data) -> Any:
    """The function of the addresses of a point, of its results, and of those of both data."""
    (n_first, n_second), (first, second) = zip(*((a.size, a.dtype) for a in data), strict=True)

    def at_addresses(size, at_point, at_gradient, at_value, at_data):  # type: ignore[no-untyped-def]
        data = numba.carray(at_data, 2, np.uintp)
        value, gradient = numba.carray(at_value, 1), numba.carray(at_gradient, n)
        # What raises within compiled code answers 0 and leaves its results as they were.
        value[0] = np.nan
        density, slopes = function(
            numba.carray(at_point, n),
            numba.carray(address_as_void_pointer(data[0]), n_first, first),
            numba.carray(address_as_void_pointer(data[1]), n_second, second),
        )
        finite = np.isfinite(density.item())
        for i in range(n):
            gradient[i] = slopes[i]
            finite = finite and np.isfinite(slopes[i])
        value[0] = density.item()
        return 0 if finite else 1

    return at_addresses


@functools.cache
def _keep_draw() -> Any:
    """What nutpie keeps of a draw: the unconstrained parameters, as they are."""

    @numba.cfunc(_KEPT_DRAW, cache=True)
    def keep_draw(size, n_kept, at_point, at_kept, at_data):  # type: ignore[no-untyped-def]
        point, kept = numba.carray(at_point, size), numba.carray(at_kept, size)
        for i in range(size):
            kept[i] = point[i]
        return 0

    return keep_draw


def _unconstrained(model: pm.Model) -> list[Any]:
    """The unconstrained parameters, in an order that does not depend on how a model was made."""
    return sorted(model.value_vars, key=lambda variable: str(variable.name))


def _start(model: pm.Model) -> Callable[[int], dict[str, np.ndarray]]:
    """Starting points from the prior: spread out, and on every parameter's own scale."""
    return make_initial_point_fn(
        model=model, default_strategy="prior", jitter_rvs=set(), return_transformed=True
    )


def _parts(point: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """The unconstrained parameters as parts of one vector."""
    parts, first = [], 0
    for shape in shapes:
        part = point[first : first + prod(shape)] if shape else point[first]
        parts.append(part.reshape(shape) if len(shape) > 1 else part)
        first += prod(shape)
    return parts


def for_sampler(model: pm.Model, program: Program) -> Any:
    """Return a compiled model as nutpie samples it: in its unconstrained parameters.

    Parameters
    ----------
    model : Model
        As `build` makes it for sampling.
    program : Program
        Its log-density, as `compiled` gives it.

    Returns
    -------
    CompiledPyMCModel
        For `nutpie.sample`.

    Examples
    --------
    With `cohort`, the cohort of `data/leger2008_cohort`, and `response_model`, the model of
    `models/response.toml`:

    >>> design = mb.engine.make_design(cohort, response_model)
    >>> design.sizes["patient"]
    40
    >>> built = mb.engine.build(response_model, design)
    >>> program = mb.engine.compiled(built)
    >>> mb.engine.for_sampler(built, program).n_dim == program.n
    True
    """
    start, lock = _start(model), threading.Lock()

    def first_point(seed: int) -> np.ndarray:
        with lock:  # chains start at the same time
            values = start(seed)
        parts = [np.ravel(values[variable.name]) for variable in _unconstrained(model)]
        return np.concatenate(parts).astype(float)

    # Called by their addresses, chains never wait for each other's turn in Python, as they do where
    # nutpie is given a Python function (4.35 s in place of 3.72 for one model and seed).
    return CompiledPyMCModel(
        dims={},
        compiled_logp_func=program.code,
        compiled_expand_func=_keep_draw(),
        initial_point_func=first_point,
        shared_data=dict(enumerate(program.data)),
        shared_var_keys={},
        user_data=program.addresses,
        n_expanded=program.n,
        shape_info=([_POINT], [slice(0, program.n)], [(program.n,)]),
        logp_func=program,
        expand_func=None,
        _n_dim=program.n,
        _shapes={_POINT: (program.n,)},
        _coords={},
        reparameterized_names=[],
    )


def constrainer(model: pm.Model, program: Program) -> Callable[[xr.Dataset], xr.Dataset]:
    """Make the function from draws of the unconstrained parameters to those of the model.

    Parameters
    ----------
    model, program : Model, Program
        The model that is sampled, and what it was compiled to.

    Returns
    -------
    Callable
        From what the sampler draws of `for_sampler` to the parameters and deterministics: dims
        chain, draw and those of the model, with its coordinates.
    """
    kept = [*model.free_RVs, *model.deterministics]
    by_name = {str(v.name): v for v in model.unobserved_value_vars}
    point = pt.vector(_POINT)
    parts = dict(zip(_unconstrained(model), _parts(point, program.shapes), strict=True))
    outputs = clone_replace([by_name[str(v.name)] for v in kept], parts)
    evaluate = of_many_draws([point], outputs)

    def constrain(draws: xr.Dataset) -> xr.Dataset:
        points = draws[_POINT].to_numpy()
        values = evaluate([points.reshape(-1, points.shape[-1])])
        variables = {
            str(v.name): (
                ("chain", "draw", *model.named_vars_to_dims.get(v.name, ())),
                value.reshape(*points.shape[:2], *value.shape[1:]),
            )
            for v, value in zip(kept, values, strict=True)
        }
        used = {dim for dims, _ in variables.values() for dim in dims}
        coords = {dim: np.array(model.coords[dim]) for dim in model.coords if dim in used}
        sample = {dim: draws[dim] for dim in ("chain", "draw")}
        return xr.Dataset(variables, coords={**sample, **coords})

    return constrain


def of_many_draws(
    inputs: Sequence[Any], outputs: Sequence[Any]
) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
    """Make the function of many draws at once: NumPy's loops run over them, nothing is compiled.

    Parameters
    ----------
    inputs, outputs : sequence of object
        Variables of a graph, of one draw.

    Returns
    -------
    Callable
        From values of the inputs to those of the outputs, draws first.
    """
    stacked = [pt.tensor(v.name, dtype=v.dtype, shape=(None, *v.type.shape)) for v in inputs]
    function = pytensor.function(
        stacked,
        vectorize_graph(list(outputs), replace=dict(zip(inputs, stacked, strict=True))),
        on_unused_input="ignore",
        mode="FAST_COMPILE",
    )

    def evaluate(values: Sequence[np.ndarray]) -> list[np.ndarray]:
        n = len(values[0])
        # What no input enters is the same at all draws.
        return [
            value if value.ndim > one.ndim else np.broadcast_to(value, (n, *value.shape))
            for value, one in zip(function(*values), outputs, strict=True)
        ]

    return evaluate
