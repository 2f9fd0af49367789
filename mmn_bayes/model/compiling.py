"""Compile the log-density of a model for the sampler, once a process for each structure."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import nutpie
import pymc as pm
import pytensor
from pymc.model.transform.optimization import freeze_dims_and_data
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable, equal_computations


@dataclass(frozen=True)
class _Graph:
    """What is compiled: the log-density, and what is kept of every draw."""

    names: tuple[str, ...]
    dims: Mapping[str, tuple[str | None, ...]]
    inputs: list[Variable]  # unconstrained parameters and data
    outputs: list[Variable]

    def computes_the_same(self, other: "_Graph") -> bool:
        """Whether the other differs in nothing but the numbers in its data."""
        if (self.names, self.dims) != (other.names, other.dims):
            return False
        types = zip(self.inputs, other.inputs, strict=True)
        if not all(one.type == two.type for one, two in types):
            return False
        return equal_computations(self.outputs, other.outputs, self.inputs, other.inputs)


# The code of the last few structures: refits of a few models to many cohorts compile once a model.
_KEPT: deque[tuple[_Graph, Any]] = deque(maxlen=4)


def compiled(model: pm.Model) -> Any:
    """Return the log-density of a model and its gradient, compiled for the sampler.

    Code that was compiled in this process for the same graph, sizes and constants included, is
    given the data of the model instead of being compiled again. Labels of its coordinates are then
    those of the model that it was compiled for.

    Parameters
    ----------
    model
        As `build` makes it for sampling, its arrays as data.

    Returns
    -------
    CompiledModel
        As nutpie samples it.
    """
    # Known sizes leave less to compile (14 s against 31 with a warm cache); the data stay data.
    model = freeze_dims_and_data(model, data=[])
    # What a prior asks of its own parameters is checked when a file is read.
    model.check_bounds = False
    data = {v.name: v for v in model.named_vars.values() if isinstance(v, SharedVariable)}
    graph = _graph(model, data)
    for kept, code in _KEPT:
        if kept.computes_the_same(graph):
            used = {variable.name for variable in code.shared_var_keys}
            return code.with_data(**{name: np.asarray(data[name].get_value()) for name in used})
    code = _compile(model)
    _KEPT.append((graph, code))
    return code


def _graph(model: pm.Model, data: Mapping[str, SharedVariable]) -> _Graph:
    kept = model.unobserved_value_vars
    inputs = [*model.value_vars, *data.values()]
    return _Graph(
        names=tuple(str(variable.name) for variable in (*inputs, *kept)),
        dims={name: tuple(dims) for name, dims in model.named_vars_to_dims.items()},
        inputs=inputs,
        outputs=[model.logp(), *kept],
    )


def _compile(model: pm.Model) -> Any:
    # Compiled without licence to reorder sums: the code may be put together in another way when
    # parts of it come from the disk, and the same seed is to give the same draws even then.
    with pytensor.config.change_flags(numba__fastmath=False):
        return nutpie.compile_pymc_model(
            model,
            backend="numba",
            # Starting points from the prior: spread out, and on every parameter's own scale.
            default_initialization_strategy="prior",
            jitter_rvs=set(),
            freeze_model=False,
        )
