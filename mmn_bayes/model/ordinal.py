"""The cumulative logit likelihood with one normal effect a site integrated out.

The integrals and their gradients are `quadrature`'s; here they become an operation of the graph.
"""

import functools
import hashlib
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytensor.tensor as pt
from llvmlite.binding import add_symbol
from pytensor.gradient import DisconnectedType, disconnected_type, grad_not_implemented
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key
from pytensor.tensor.variable import TensorVariable

from mmn_bayes.model import quadrature


class IntegratedCumulativeLogit(Op):
    """Log-density of grades with the effect of each site integrated out, and its gradient.

    Inputs: eta without that effect, in logits, shape (row,), rows of a site together; increasing
    cutpoints in logits, shape (K - 1,); sigma, the sd of the effect in logits, a scalar; grade
    codes 0 .. K-1, shape (row,); the first row of each site and, last, the number of rows, shape
    (site + 1,). Outputs: the log-density, and its gradient by eta, by the cutpoints and by sigma.

    Parameters
    ----------
    step, reach
        Spacing of the nodes and their reach, in logits; see `quadrature`.
    """

    __props__ = ("step", "reach")

    def __init__(self, step: float = quadrature.STEP, reach: float = quadrature.REACH) -> None:
        self.step = step
        self.reach = reach

    def make_node(self, eta: Any, cutpoints: Any, sigma: Any, code: Any, first_row: Any) -> Apply:
        """Check the inputs and lay out the outputs."""
        reals = [pt.as_tensor(x, dtype="float64") for x in (eta, cutpoints, sigma)]
        codes = [pt.as_tensor(x, dtype="int64") for x in (code, first_row)]
        return Apply(self, [*reals, *codes], [pt.dscalar(), *(x.type() for x in reals)])

    def perform(self, node: Apply, inputs: Any, outputs: Any) -> None:
        """Evaluate outside of compiled graphs, by the same compiled loop."""
        eta, cutpoints, sigma, code, first_row = inputs
        values = log_density(
            eta, cutpoints, sigma, code, first_row, step=self.step, reach=self.reach
        )
        for storage, value in zip(outputs, values, strict=True):
            storage[0] = np.asarray(value)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """Return the gradients already computed, times the outer one."""
        outer, *higher = cotangents
        if any(not isinstance(grad.type, DisconnectedType) for grad in higher):
            undefined = "second derivatives of the cumulative likelihood are not provided"
            return [grad_not_implemented(self, i, x, undefined) for i, x in enumerate(inputs)]
        slopes = [outer * slope for slope in outputs[1:]]
        return [*slopes, disconnected_type(), disconnected_type()]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Grade codes and sites are data: nothing is differentiated by them."""
        return [[True] * 4] * 3 + [[False] * 4] * 2


# The number is part of the key under which compiled code is cached on disk: it stands for all the
# code that is compiled, so that an edited loop is never served from an old cache.
_SOURCE = int.from_bytes(
    hashlib.sha256(
        b"".join(Path(file).read_bytes() for file in (__file__, quadrature.__file__))
    ).digest()[:6]
)


@functools.cache
def _kernel() -> Any:
    """The compiled loop, as a name that other compiled code calls.

    Called by name it is compiled by itself, once a machine; as a part of each model's code it would
    be compiled again for every model.
    """
    name = f"mmn_bayes_log_density_{_SOURCE:x}"
    add_symbol(name, quadrature.compiled().address)
    return numba.types.ExternalFunction(name, quadrature.SIGNATURE)


@register_funcify_default_op_cache_key(IntegratedCumulativeLogit)
def _numba_integrated(op: IntegratedCumulativeLogit, node: Apply, **kwargs: Any) -> Any:
    step, reach, kernel, room = op.step, op.reach, _kernel(), quadrature.room

    @numba_njit
    def integrated_cumulative_logit(eta, cutpoints, sigma, code, first_row):  # type: ignore[no-untyped-def]
        eta, cutpoints = np.ascontiguousarray(eta), np.ascontiguousarray(cutpoints)
        code, first_row = code.astype(np.int64), first_row.astype(np.int64)  # may be 32 bits wide
        n, top, sites, sd = eta.size, cutpoints.size, first_row.size - 1, sigma.item()
        space = np.empty(room(sd, first_row, step))
        out = np.empty(n + top + 2)
        kernel(
            *(eta.ctypes, cutpoints.ctypes, sd, code.ctypes, first_row.ctypes),
            *(n, top, sites, step, reach, space.ctypes, space.size, out.ctypes),
        )
        return np.asarray(out[0]), out[1 : n + 1], out[n + 1 : n + top + 1], np.asarray(out[-1])

    return integrated_cumulative_logit, _SOURCE


def log_density(
    eta: np.ndarray,
    cutpoints: np.ndarray,
    sigma: float,
    code: np.ndarray,
    first_row: np.ndarray,
    step: float = quadrature.STEP,
    reach: float = quadrature.REACH,
) -> tuple[float, np.ndarray, np.ndarray, float]:
    """Evaluate the log-density of `integrated_log_density`, and its gradients, by numbers.

    Parameters
    ----------
    eta, cutpoints, sigma, code, first_row
        As there.
    step, reach
        Spacing of the nodes and their reach, in logits; see `quadrature`.

    Returns
    -------
    float, ndarray, ndarray, float
        The log-density, and its gradients by eta, the cutpoints and sigma.
    """
    reals = [np.ascontiguousarray(x, dtype=np.float64) for x in (eta, cutpoints)]
    integers = [np.ascontiguousarray(x, dtype=np.int64) for x in (code, first_row)]
    sigma = float(sigma)
    space = np.empty(quadrature.room(sigma, integers[1], step))
    n, top = reals[0].size, reals[1].size
    out = np.empty(n + top + 2)
    call = quadrature.compiled().ctypes
    pointers = [
        array.ctypes.data_as(kind)
        for array, kind in zip(
            (*reals, *integers, space, out),
            (call.argtypes[i] for i in (0, 1, 3, 4, 10, 12)),
            strict=True,
        )
    ]
    call(
        *(pointers[0], pointers[1], sigma, pointers[2], pointers[3]),
        *(n, top, integers[1].size - 1, step, reach, pointers[4], space.size, pointers[5]),
    )
    return float(out[0]), out[1 : n + 1], out[n + 1 : -1], float(out[-1])


def integrated_log_density(
    eta: Any, cutpoints: Any, sigma: Any, code: Any, first_row: Any
) -> TensorVariable:
    """Log-density of grades, the normal effect of each site integrated out; differentiable.

    Parameters
    ----------
    eta
        Linear predictor without the effect of the site, in logits, shape (row,).
    cutpoints
        Increasing cutpoints in logits, shape (K - 1,). Where two of them that bound a recorded
        grade do not increase, the density is 0.
    sigma
        Standard deviation of the effect in logits.
    code, first_row
        Grade codes 0 .. K-1, shape (row,), the rows of a site together; first row of each site and
        the number of rows, shape (site + 1,).

    Returns
    -------
    TensorVariable
        A scalar.
    """
    return IntegratedCumulativeLogit()(eta, cutpoints, sigma, code, first_row)[0]


def cumulative_probability(eta: Any, cutpoints: Any) -> TensorVariable:
    """Probability of a grade of code k or lower, k = 0 .. K-2; shape (row, K - 1).

    The cutpoints are those of all rows, shape (K - 1,), or of each, shape (row, K - 1).
    """
    return pt.sigmoid(cutpoints - eta[:, None])
