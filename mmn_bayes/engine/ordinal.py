"""The cumulative likelihood of grades with one normal effect a site integrated out.

The integrals and their gradients are `kernel_logit`'s (logit) and `kernel_general`'s (the other
links); here they become an operation of the graph.
"""

import functools
from typing import Any

import numba
import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type, grad_not_implemented
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.tensor.variable import TensorVariable

from mmn_bayes.engine import kernel_general, kernel_logit
from mmn_bayes.engine.link import LINKS
from mmn_bayes.engine.numba_calls import call, external, source_number
from mmn_bayes.undocumented import numba_njit, register_funcify_default_op_cache_key

_NOTHING = np.empty(0, dtype=np.int64)  # repeats, where nothing is remembered
_REALS = 4  # inputs of the operation that are differentiated by: eta, cutpoints, sigma, memory


class IntegratedCumulative(Op):
    """Log-density of grades with the effect of each site integrated out, and its gradient.

    Inputs: eta without that effect, in units of the noise, shape (row,), rows of a site together;
    increasing cutpoints in these units, shape (K - 1,); sigma, the sd of the effect in them, a
    scalar; the probability that a remembered grade is recorded again, a scalar; grade codes
    0 .. K-1, shape (row,); the first row of each site and, last, the number of rows, shape
    (site + 1,); whether a row repeats an earlier one (`rows.repeats`), shape (row,), or empty
    where nothing is remembered.
    Outputs: the log-density, and its gradient by each of the four reals.

    Parameters
    ----------
    link : str
        "logit", "probit" or "cloglog".
    remembers : bool
        Whether grades may be repeated from memory; if not, the memory is 0.
    n_grades : int
        K, where there are several sets of cutpoints: then these stand one after the other, and the
        code of a row is that of its grade plus K times the place of its set. 0: one set for all.
    step, reach : float
        Spacing of the nodes and their reach for the logit, in logits; see `kernel_logit`.
    """

    __props__ = ("link", "remembers", "n_grades", "step", "reach")

    def __init__(
        self,
        link: str,
        remembers: bool = False,
        n_grades: int = 0,
        step: float = kernel_logit.STEP,
        reach: float = kernel_logit.REACH,
    ) -> None:
        self.link = link
        self.remembers = remembers
        self.n_grades = n_grades
        self.step = step
        self.reach = reach

    @property
    def loops(self) -> tuple[Any, ...]:
        """The modules of compiled loops that its code calls by their names."""
        fast = self.link == "logit" and not self.remembers and not self.n_grades
        return (kernel_logit,) if fast else (kernel_general,)

    def make_node(self, *inputs: Any) -> Apply:
        """Check the inputs and lay out the outputs; reals first, which have a gradient each."""
        reals = [pt.as_tensor(x, dtype="float64") for x in inputs[:_REALS]]
        codes = [pt.as_tensor(x, dtype="int64") for x in inputs[_REALS:]]
        return Apply(self, [*reals, *codes], [pt.dscalar(), *(x.type() for x in reals)])

    def perform(self, node: Apply, inputs: Any, outputs: Any) -> None:
        """Evaluate outside of compiled graphs, by the same compiled loop."""
        eta, cutpoints, sigma, memory, code, first_row, repeat = inputs
        values = log_density(
            *(eta, cutpoints, sigma, code, first_row),
            link=self.link,
            memory=memory if self.remembers else None,
            repeat=repeat,
            n_grades=self.n_grades,
            step=self.step,
            reach=self.reach,
        )
        slopes = values if self.remembers else (*values, 0.0)
        for storage, value in zip(outputs, slopes, strict=True):
            storage[0] = np.asarray(value)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """Return the gradients already computed, times the outer one."""
        outer, *higher = cotangents
        if any(not isinstance(grad.type, DisconnectedType) for grad in higher):
            undefined = "second derivatives of the cumulative likelihood are not provided"
            return [grad_not_implemented(self, i, x, undefined) for i, x in enumerate(inputs)]
        slopes = [outer * slope for slope in outputs[1:]]
        return [*slopes, *(disconnected_type() for _ in inputs[_REALS:])]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Grade codes and sites are data: nothing is differentiated by them."""
        n = len(node.outputs)
        return [[True] * n] * _REALS + [[False] * n] * (len(node.inputs) - _REALS)


_SOURCE = source_number(__file__, kernel_logit, kernel_general)


@register_funcify_default_op_cache_key(IntegratedCumulative)
def _numba_integrated(op: IntegratedCumulative, node: Apply, **kwargs: Any) -> Any:
    return (_numba_logit(op) if op.loops == (kernel_logit,) else _numba_any_link(op)), _SOURCE


def _numba_logit(op: IntegratedCumulative) -> Any:
    step, reach, kernel, room = op.step, op.reach, external(kernel_logit), kernel_logit.room

    @numba_njit
    def integrated_cumulative_logit(eta, cutpoints, sigma, memory, code, first_row, repeat):  # type: ignore[no-untyped-def]
        eta, cutpoints = np.ascontiguousarray(eta), np.ascontiguousarray(cutpoints)
        code, first_row = code.astype(np.int64), first_row.astype(np.int64)  # may be 32 bits wide
        n, top, sites, sd = eta.size, cutpoints.size, first_row.size - 1, sigma.item()
        space = np.empty(room(sd, first_row, step))
        out = np.empty(n + top + 2)
        kernel(
            *(eta.ctypes, cutpoints.ctypes, sd, code.ctypes, first_row.ctypes),
            *(n, top, sites, step, reach, space.ctypes, space.size, out.ctypes),
        )
        slopes = out[1 : n + 1], out[n + 1 : n + top + 1], np.asarray(out[-1]), np.asarray(0.0)
        return np.asarray(out[0]), slopes[0], slopes[1], slopes[2], slopes[3]

    return integrated_cumulative_logit


def _numba_any_link(op: IntegratedCumulative) -> Any:
    link, kernel, of_a_set = (
        kernel_general.LINKS.index(op.link),
        external(kernel_general),
        op.n_grades,
    )

    @numba_njit
    def integrated_cumulative(eta, cutpoints, sigma, memory, code, first_row, repeat):  # type: ignore[no-untyped-def]
        eta, cutpoints = np.ascontiguousarray(eta), np.ascontiguousarray(cutpoints)
        code, first_row = code.astype(np.int64), first_row.astype(np.int64)
        n, top, sites, sd = eta.size, cutpoints.size, first_row.size - 1, sigma.item()
        n_grades = of_a_set if of_a_set else top + 1
        again, out = np.full(n, -1), np.empty(n + top + 3)
        again[: repeat.size] = repeat
        kernel(
            *(link, eta.ctypes, cutpoints.ctypes, sd, code.ctypes, first_row.ctypes),
            *(again.ctypes, memory.item(), n, top, sites, n_grades, out.ctypes),
        )
        slopes = out[1 : n + 1], out[n + 1 : n + top + 1], np.asarray(out[-2]), np.asarray(out[-1])
        return np.asarray(out[0]), slopes[0], slopes[1], slopes[2], slopes[3]

    return integrated_cumulative


def log_density(
    eta: np.ndarray,
    cutpoints: np.ndarray,
    sigma: float,
    code: np.ndarray,
    first_row: np.ndarray,
    *,
    link: str = "logit",
    memory: float | None = None,
    repeat: np.ndarray | None = None,
    n_grades: int = 0,
    step: float = kernel_logit.STEP,
    reach: float = kernel_logit.REACH,
) -> tuple[Any, ...]:
    """Evaluate the log-density of `integrated_log_density`, and its gradients, by numbers.

    Parameters
    ----------
    eta, cutpoints : ndarray
        As there.
    sigma : float
        As there.
    code, first_row : ndarray
        As there.
    link : str
        As there.
    memory : float or None
        As there.
    repeat : ndarray or None
        As there.
    n_grades : int
        As there.
    step, reach : float, float, optional
        Spacing of the nodes and their reach for the logit, in logits; see `kernel_logit`.

    Returns
    -------
    float, ndarray, ndarray, float
        The log-density, and its gradients by eta, the cutpoints and sigma; with memory, a float
        more: that by memory.
    """
    reals = [np.ascontiguousarray(x, dtype=np.float64) for x in (eta, cutpoints)]
    integers = [np.ascontiguousarray(x, dtype=np.int64) for x in (code, first_row)]
    sigma, (n, top) = float(sigma), (reals[0].size, reals[1].size)
    sizes = (n, top, integers[1].size - 1)
    if link == "logit" and memory is None and not n_grades:
        space = np.empty(kernel_logit.room(sigma, integers[1], step))
        out = np.empty(n + top + 2)
        call(
            kernel_logit,
            *(*reals, sigma, *integers),
            *(*sizes, step, reach, space, space.size, out),
        )
        return float(out[0]), out[1 : n + 1], out[n + 1 : -1], float(out[-1])
    out = np.empty(n + top + 3)
    share = 0.0 if memory is None else float(memory)
    known = np.full(n, -1) if memory is None else np.ascontiguousarray(repeat, dtype=np.int64)
    number = kernel_general.LINKS.index(link)
    of_a_set = n_grades or top + 1
    call(kernel_general, number, *reals, sigma, *integers, known, share, *sizes, of_a_set, out)
    slopes = out[1 : n + 1], out[n + 1 : -2], float(out[-2])
    return float(out[0]), *slopes, *(() if memory is None else (float(out[-1]),))


def log_densities(
    eta: np.ndarray,
    cutpoints: np.ndarray,
    sigma: float,
    code: np.ndarray,
    first_row: np.ndarray,
    *,
    link: str = "logit",
    memory: float | None = None,
    repeat: np.ndarray | None = None,
) -> np.ndarray:
    """Evaluate the log-density of the same rows at several eta; no gradients.

    Parameters
    ----------
    eta : ndarray
        Shape (evaluation, row).
    cutpoints : ndarray
        All sets of cutpoints, one after the other, increasing, in units of the noise.
    sigma : float
        The sd of the effect of a site, in these units.
    code, first_row : ndarray of int
        Grade codes 0 .. K-1, shape (row,); the first row of each site and, last, the number of
        rows, shape (site + 1,).
    link : str, default "logit"
        Place of the link in `LINKS`.
    memory : float or None, optional
        The probability that a remembered grade is recorded again.
    repeat : ndarray or None, optional
        Whether a row repeats an earlier one (`rows.repeats`), shape (row,).

    Returns
    -------
    ndarray
        Shape (evaluation,).
    """
    if link != "logit" or memory is not None:
        stated: dict[str, Any] = {"link": link, "memory": memory, "repeat": repeat}
        each = (log_density(own, cutpoints, sigma, code, first_row, **stated)[0] for own in eta)
        return np.fromiter(each, dtype=float, count=len(eta))
    reals = [np.ascontiguousarray(x, dtype=np.float64) for x in (eta, cutpoints)]
    integers = [np.ascontiguousarray(x, dtype=np.int64) for x in (code, first_row)]
    return _many_logit()(*reals, float(sigma), *integers)


@functools.cache
def _many_logit() -> Any:
    """A loop over evaluations that calls the compiled loop by its name."""
    kernel, room, step, reach = (
        external(kernel_logit),
        kernel_logit.room,
        kernel_logit.STEP,
        kernel_logit.REACH,
    )

    # Called from Python, which the graph's own decorator does not allow for; threads run beside it.
    @numba.njit(nogil=True)
    def many(eta, cutpoints, sigma, code, first_row):  # type: ignore[no-untyped-def]
        top, n, sites = cutpoints.size, code.size, first_row.size - 1
        space, out = np.empty(room(sigma, first_row, step)), np.empty(n + top + 2)
        values = np.empty(len(eta))
        for i in range(len(eta)):
            own = eta[i].copy()
            kernel(
                *(own.ctypes, cutpoints.ctypes, sigma, code.ctypes, first_row.ctypes),
                *(n, top, sites, step, reach, space.ctypes, space.size, out.ctypes),
            )
            values[i] = out[0]
        return values

    return many


def draw_site_effects(
    eta: np.ndarray,
    cutpoints: np.ndarray,
    sigma: np.ndarray,
    code: np.ndarray,
    first_row: np.ndarray,
    uniform: np.ndarray,
    *,
    link: str,
    memory: np.ndarray | None = None,
    repeat: np.ndarray | None = None,
    n_grades: int = 0,
) -> np.ndarray:
    """Draw the effect that `integrated_log_density` integrates out, given the grades of its site.

    Parameters
    ----------
    eta, cutpoints, sigma : ndarray
        As there, for every draw: shapes (draw, row), (draw, K - 1) or (draw, sets times K - 1),
        (draw,).
    code, first_row : ndarray
        As there.
    uniform : ndarray
        Two standard uniform numbers a draw and site, shape (draw, site, 2).
    link : str
        As there.
    memory : ndarray or None, optional
        As there, for every draw, shape (draw,).
    repeat : ndarray or None, optional
        As there.
    n_grades : int, default 0
        As there.

    Returns
    -------
    ndarray
        In sds of the effect, shape (draw, site); a site without rows: from its prior.
    """
    if link == "logit" and memory is None and not n_grades:
        return kernel_logit.draw_site_effects(eta, cutpoints, sigma, code, first_row, uniform)
    return kernel_general.draw_site_effects(
        *(kernel_general.LINKS.index(link), eta, cutpoints, n_grades or cutpoints.shape[1] + 1),
        *(sigma, code, first_row),
        np.full(code.size, -1) if repeat is None else repeat,
        np.zeros(sigma.size) if memory is None else memory,
        uniform,
    )


def integrated_log_density(
    eta: Any,
    cutpoints: Any,
    sigma: Any,
    code: Any,
    first_row: Any,
    *,
    link: str,
    memory: Any = None,
    repeat: Any = None,
    n_grades: int = 0,
) -> TensorVariable:
    """Log-density of grades, the normal effect of each site integrated out; differentiable.

    Parameters
    ----------
    eta : object
        Linear predictor without the effect of the site, in units of the noise, shape (row,).
    cutpoints : object
        Increasing cutpoints in these units, shape (K - 1,). Where two of them that bound a recorded
        grade do not increase, the density is 0.
    sigma : object
        Standard deviation of the effect in these units.
    code, first_row : object
        Grade codes 0 .. K-1, shape (row,), the rows of a site together; first row of each site and
        the number of rows, shape (site + 1,).
    link : str
        "logit", "probit" or "cloglog": the distribution of the noise.
    memory, repeat : object, optional
        Probability that a remembered grade is recorded again, and whether each row repeats one
        (1), differs from it (0) or has none to remember (-1); none of both without memory.
    n_grades : int, default 0
        K, where rows have different sets of cutpoints: these then stand one after the other, and
        the code of a row is that of its grade plus K times the place of its set.

    Returns
    -------
    TensorVariable
        A scalar.
    """
    if memory is None:
        memory, repeat = 0.0, _NOTHING
        operation = IntegratedCumulative(link, n_grades=n_grades)
    else:
        operation = IntegratedCumulative(link, remembers=True, n_grades=n_grades)
    return operation(eta, cutpoints, sigma, memory, code, first_row, repeat)[0]


def cumulative_probability(eta: Any, cutpoints: Any, *, link: str) -> TensorVariable:
    """Probability of a grade of code k or lower, k = 0 .. K-2; shape (row, K - 1).

    The cutpoints are those of all rows, shape (K - 1,), or of each, shape (row, K - 1).
    """
    return LINKS[link].below(cutpoints - eta[:, None])
