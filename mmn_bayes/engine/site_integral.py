"""The integral over one normal effect a site for any family, written as a graph.

The log-probabilities of all grades are evaluated at every row and node, so that a family is one
expression and its gradient comes of itself. The rule is the trapezoidal one on nodes that all sites
share. Their distance follows from how curved the logarithm of a site's integrand can be: that of
the most graded site, the curvature of a row at its largest. With distances of _STEP over the root
of that the relative error was below 1e-6 for all links of the package. Time and memory grow with
the sd of the effect in units of the noise: the kernels of the cumulative family, which place nodes
site by site, are faster by far.
"""

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from pytensor.tensor.variable import TensorVariable

from mmn_bayes.errors import SamplingError

LogProbability = Callable[[Any, Any], Any]
Curvature = Callable[[Any], Any]

_STEP = 0.6  # sds of the narrowest peak between nodes; units of z at the most
_FAR = 12.0  # units of z
_MOST = 2000  # nodes
_FINER = 0.35  # of that distance for draws: spread over their cells they add 1 % of variance


def _nodes_needed(sigma: Any, first_row: Any, curvature: Any, finer: float) -> Any:
    """How many nodes on each side of 0 keep the error small."""
    rows = pt.max(first_row[1:] - first_row[:-1])
    width = _STEP * finer / pt.sqrt(1.0 + rows * curvature * sigma**2)
    return pt.ceil(_FAR / width).astype("int64")


def _log_integrand(
    log_probability: LogProbability,
    curvature: Curvature,
    arguments: Sequence[Any],
    n_grades: int,
    finer: float,
) -> tuple[Any, Any, Any, Any]:
    """Nodes, their distance, the log-integrand of each site at them, and how many are needed."""
    eta, cutpoints, sigma, code, first_row, memory, repeat = arguments
    own, grade = cutpoints, code
    if n_grades:
        own = cutpoints.reshape((-1, n_grades - 1))[code // n_grades][:, None, :]
        grade = code % n_grades
    needed = _nodes_needed(sigma, first_row, curvature(own.shape[-1] + 1), finer)
    half = pt.clip(needed, 1, int(_MOST / finer) // 2)
    width = disconnected_grad(_FAR / half)
    z = pt.arange(-half, half + 1) * width
    logs = log_probability(eta[:, None] + sigma * z, own)
    # Of the grade recorded; picked by its number, since that compiles in every mode.
    here = pt.eq(pt.arange(logs.shape[-1]), grade[:, None, None])
    of_row = pt.switch(here, logs, 0.0).sum(axis=-1)
    if repeat is not None:
        anew, again = pt.log1p(-memory) + of_row, pt.log(memory)
        known = repeat[:, None]
        of_row = pt.switch(
            pt.eq(known, 1),
            pt.logaddexp(again, anew),
            pt.switch(pt.eq(known, 0), anew, of_row),
        )
    site = pt.searchsorted(first_row[1:], pt.arange(eta.shape[0]), side="right")
    nothing = pt.zeros((first_row.shape[0] - 1, z.shape[0]))
    of_site = pt.inc_subtensor(nothing[site], of_row)
    return z, width, of_site - 0.5 * z**2 - 0.5 * np.log(2.0 * np.pi) + pt.log(width), needed


def integrated_log_density(
    log_probability: LogProbability,
    curvature: Curvature,
    eta: Any,
    cutpoints: Any,
    sigma: Any,
    code: Any,
    first_row: Any,
    *,
    memory: Any = None,
    repeat: Any = None,
    n_grades: int = 0,
) -> TensorVariable:
    """Log-density of grades, the normal effect of each site integrated out; differentiable.

    Parameters
    ----------
    log_probability : callable
        Of eta, shape (row, node), and cutpoints, shape (K - 1,) or (row, 1, K - 1): the logarithms
        of the probabilities of all grades, shape (row, node, K).
    curvature : callable
        Of K: the largest curvature by eta of one of them.
    eta, cutpoints, sigma, code, first_row, memory, repeat : TensorVariable
        Inputs of `ordinal.IntegratedCumulative`; without memory the last two are None.
    n_grades : int, default 0
        K, where there are several sets of cutpoints; 0 for one.

    Returns
    -------
    TensorVariable
        A scalar.
    """
    arguments = [eta, cutpoints, sigma, code, first_row, memory, repeat]
    _, _, logs, _ = _log_integrand(log_probability, curvature, arguments, n_grades, finer=1.0)
    return pt.logsumexp(logs, axis=1).sum()


@functools.cache
def _conditional(
    log_probability: LogProbability, curvature: Curvature, remembers: bool, n_grades: int
) -> Any:
    """The function of the log-integrand, and a lock: its storage is one for all threads."""
    reals = [pt.dvector("eta"), pt.dvector("cutpoints"), pt.dscalar("sigma")]
    codes = [pt.lvector("code"), pt.lvector("first_row")]
    memory, repeat = pt.dscalar("memory"), pt.lvector("repeat")
    arguments = [*reals, *codes, *((memory, repeat) if remembers else (None, None))]
    outputs = _log_integrand(log_probability, curvature, arguments, n_grades, finer=_FINER)
    inputs = [*reals, *codes, memory, repeat]
    function = pytensor.function(
        inputs, list(outputs), mode="FAST_COMPILE", on_unused_input="ignore"
    )
    return function, threading.Lock()


def draw_site_effects(
    log_probability: LogProbability,
    curvature: Curvature,
    eta: np.ndarray,
    cutpoints: np.ndarray,
    sigma: np.ndarray,
    code: np.ndarray,
    first_row: np.ndarray,
    uniform: np.ndarray,
    *,
    memory: np.ndarray | None = None,
    repeat: np.ndarray | None = None,
    n_grades: int = 0,
) -> np.ndarray:
    """Draw the effect that `integrated_log_density` integrates out, given the grades of its site.

    Parameters
    ----------
    log_probability, curvature : LogProbability, Curvature
        As there.
    eta, cutpoints, sigma, code, first_row, uniform : ndarray
        Of every draw, as `ordinal.draw_site_effects` takes them.
    memory, repeat : ndarray or None, optional
        Likewise.
    n_grades : int, default 0
        K, where there are several sets of cutpoints; 0 for one.

    Returns
    -------
    ndarray
        In sds of the effect, shape (draw, site).

    Raises
    ------
    SamplingError
        When the sd of the effect, in units of the noise, is so large that the nodes of the
        likelihood were too far apart, or grades ask for an effect beyond them.
    """
    function, lock = _conditional(log_probability, curvature, memory is not None, n_grades)
    known = np.full(code.size, -1) if repeat is None else repeat
    whole = [np.ascontiguousarray(x, dtype=np.int64) for x in (code, first_row, known)]
    effects = np.empty((sigma.size, first_row.size - 1))
    for draw in range(sigma.size):
        share = 0.0 if memory is None else memory[draw]
        reals = (np.ascontiguousarray(x, dtype=float) for x in (eta[draw], cutpoints[draw]))
        with lock:
            z, width, logs, needed = function(*reals, sigma[draw], *whole[:2], share, whole[2])
        if needed > z.size // 2 or (logs[:, [0, -1]].max(axis=1) > logs.max(axis=1) - 12.0).any():
            raise SamplingError(
                f"With a sd of {sigma[draw]:.3g} times the noise the effects of sites cannot be "
                f"integrated out on {_MOST} nodes within {_FAR:g} sds; the likelihood of this "
                "family needs a kernel of its own."
            )
        mass = np.cumsum(np.exp(logs - logs.max(axis=1, keepdims=True)), axis=1)
        rank = uniform[draw, :, :1] * mass[:, -1:]
        node = np.minimum((mass < rank).sum(axis=1), z.size - 1)
        effects[draw] = z[node] + width * (uniform[draw, :, 1] - 0.5)
    return effects
