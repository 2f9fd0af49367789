"""The cumulative logit likelihood with one normal effect a site integrated out, and its parts.

A row (one graded muscle) of grade k has probability s(c_k - eta) - s(c_{k-1} - eta), s the logistic
function. With a = c_k - eta and b = c_{k-1} - eta it is s(a) s(-b) (1 - exp(b - a)): no factor
subtracts numbers that are nearly equal, and the last is the same for all rows of a grade.

The rows of a site share the effect sigma z, z standard normal. It is integrated out by the
trapezoidal rule on nodes z = h j: for an integrand that is analytic in a strip, its error falls
exponentially as the spacing shrinks (Trefethen and Weideman, SIAM Review 2014;56:385). The nearest
poles of the logistic function lie pi / sigma from the real line, so that a spacing of STEP / sigma
leaves a relative error of about exp(-2 pi^2 / STEP) for one row. Many rows that meet at one place
make poles of high order and a narrow peak: the spacing of such a site is halved once or twice. Only
nodes within REACH logits, and what the bound in `_past` adds, of where some row changes its mind
are visited: beyond, all factors are 1 (and the sum of the normal weights is known) or their product
is nothing (below exp(-REACH) of its largest).
"""

import hashlib
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type, grad_not_implemented
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key
from pytensor.tensor.variable import TensorVariable

# Divisions by zero give infinity as in NumPy, and sums may be reordered: both let loops over nodes
# run several nodes at a time. Infinities and signs of comparison are kept.
_jit = numba.njit(error_model="numpy", fastmath={"reassoc", "contract", "nsz", "arcp"})

STEP = 0.8  # logits between nodes
REACH = 16.0  # logits: what is left out is below 1.2e-7 of a site's integral
_WIDEST = 0.4  # units of z between nodes, whatever sigma: the normal weights alone need this
_FINEST = 2e-4  # no more nodes than this asks for: a larger sigma goes by the careful way
_FARTHEST = 11.5  # units of z: a mode at _ORDINARY has its tail within, whatever sigma
_APART = 4.0  # logits between a lower and an upper wall that do not meet
_NEAR = 3.0  # logits from the mode within which a wall has a say in the spacing
_ORDINARY = 5.0  # a site whose grades ask for an effect beyond this goes by the careful way
_NEGLIGIBLE = 45.0  # logarithm of what no sum of doubles can tell from nothing
_MOST_NODES = 640.0
_UNDERFLOW = 1e-250  # so does one whose grades contradict each other by hundreds of logits
_LOGITS = 500.0  # or whose nodes reach over more logits than one exponential can


@_jit
def _walls(eta, cutpoints, sigma, code, start, stop):  # type: ignore[no-untyped-def]
    """Where z makes the grades likely: above every lower wall and below every upper one.

    Returns the lowest and highest lower wall, how many, and the same of the upper walls.
    """
    top = cutpoints.size
    low_min, low_max, n_low = np.inf, -np.inf, 0
    high_min, high_max, n_high = np.inf, -np.inf, 0
    for row in range(start, stop):
        k = code[row]
        if k > 0:
            wall = (cutpoints[k - 1] - eta[row]) / sigma
            low_min, low_max, n_low = min(low_min, wall), max(low_max, wall), n_low + 1
        if k < top:
            wall = (cutpoints[k] - eta[row]) / sigma
            high_min, high_max, n_high = min(high_min, wall), max(high_max, wall), n_high + 1
    return low_min, low_max, n_low, high_min, high_max, n_high


@_jit
def _past(n, other, gap, wall, sigma, reach):  # type: ignore[no-untyped-def]
    """Logits past `wall`, the outermost of a site on one side, at which its integrand is nothing.

    Outward, n factors fall as exp(-n d) at d logits past the wall, where `other` factors of the
    opposite kind, whose walls lie `gap` logits or more inward, have reached 1. Against the value x
    logits inward of the wall they have lost n (d - log(1 + exp(-x))), the others have won at most
    other log(1 + exp(x - gap)) and the normal weight at most that of its distance from 0. Without
    such factors, all others are 1 beyond the reach.
    """
    if n == 0:
        return reach + np.log(max(other, 1.0))
    inward = np.log(n / max(other * np.exp(-gap), 1.0))
    lost = n * np.log1p(np.exp(-inward)) + other * np.log1p(np.exp(inward - gap))
    centre = max(wall + inward / sigma, 0.0)
    return (reach + lost + 0.5 * centre * centre) / n


@_jit
def _halvings(walls, eta, cutpoints, sigma, code, start, stop):  # type: ignore[no-untyped-def]
    """How often a site asks for half the spacing, by the rows that meet at its mode; 3: too often.

    The bounds keep the error of the trapezoidal rule below 1e-6 of the integral; a test has them.
    """
    _, low_max, n_low, high_min, _, n_high = walls
    if n_low + n_high <= 4:
        return 0
    top = cutpoints.size
    left = min(low_max, high_min) - _NEAR / sigma
    right = max(low_max, high_min) + _NEAR / sigma
    low = high = 0
    for row in range(start, stop):
        k = code[row]
        if k > 0 and (cutpoints[k - 1] - eta[row]) / sigma > left:
            low += 1
        if k < top and (cutpoints[k] - eta[row]) / sigma < right:
            high += 1
    if (high_min - low_max) * sigma > _APART:
        most = max(low, high)
        return 0 if most <= 6 else (1 if most <= 30 else 2)
    most = low + high
    return 0 if most <= 4 else (1 if most <= 20 else (2 if most <= 120 else 3))


@_jit
def _plan(eta, cutpoints, sigma, code, first_row, spacing, reach):  # type: ignore[no-untyped-def]
    """How to integrate each site; integers, shape (site, 5).

    First node, number of nodes, halvings of the spacing (3: by the careful way), and whether the
    integrand goes on as the bare normal weight below the first node, and above the last.
    """
    plan = np.zeros((first_row.size - 1, 5), dtype=np.int64)
    for site in range(first_row.size - 1):
        start, stop = first_row[site], first_row[site + 1]
        if start == stop:
            continue
        walls = _walls(eta, cutpoints, sigma, code, start, stop)
        low_min, low_max, n_low, high_min, high_max, n_high = walls
        lowest, highest = min(low_min, high_min), max(low_max, high_max)
        gap = sigma * (high_min - lowest) if n_high > 0 else 0.0
        first = lowest - _past(n_low, n_high, gap, lowest, sigma, reach) / sigma
        gap = sigma * (highest - low_max) if n_low > 0 else 0.0
        last = highest + _past(n_high, n_low, gap, -highest, sigma, reach) / sigma
        halvings = _halvings(walls, eta, cutpoints, sigma, code, start, stop)
        width = spacing / 2.0**halvings
        m = int(np.ceil(_FARTHEST / width))
        # Walls beyond all nodes leave none to visit: all weights are then below, or above.
        j0 = max(-m, int(np.floor(min(max(first, -2.0 * _FARTHEST), 2.0 * _FARTHEST) / width)))
        j0 = min(j0, m + 1)
        j1 = min(m, int(np.ceil(max(min(last, 2.0 * _FARTHEST), -2.0 * _FARTHEST) / width)))
        n = max(j1 - j0 + 1, 0)
        # The mode lies at most so far beyond the walls, where the factors' slope has fallen to 1.
        mode_max = low_max + max(np.log(n_low * sigma), 0.0) / sigma if n_low > 0 else 0.0
        mode_min = high_min - max(np.log(n_high * sigma), 0.0) / sigma if n_high > 0 else 0.0
        if not (mode_max < _ORDINARY and mode_min > -_ORDINARY and n * sigma * width < _LOGITS):
            halvings = 3
        plan[site, 0], plan[site, 1], plan[site, 2] = j0, n, halvings
        plan[site, 3], plan[site, 4] = int(n_low == 0), int(n_high == 0)
    return plan


@_jit
def _log_integrand(z, eta, cutpoints, sigma, code, start, stop):  # type: ignore[no-untyped-def]
    """Logarithm of the integrand at one z, up to a constant, and its slope."""
    top = cutpoints.size
    value, slope = -0.5 * z * z, -z
    for row in range(start, stop):
        k = code[row]
        if k < top:
            x = eta[row] + sigma * z - cutpoints[k]
            value -= max(x, 0.0) + np.log1p(np.exp(-abs(x)))
            slope -= sigma / (1.0 + np.exp(-x))
        if k > 0:
            x = cutpoints[k - 1] - eta[row] - sigma * z
            value -= max(x, 0.0) + np.log1p(np.exp(-abs(x)))
            slope += sigma / (1.0 + np.exp(-x))
    return value, slope


@_jit
def _carefully(eta, cutpoints, sigma, code, start, stop, spacing):  # type: ignore[no-untyped-def]
    """Nodes, their weights relative to the largest, its logarithm and the spacing, for any site.

    The logarithm of the integrand is concave: its mode is found by bisection, and the nodes span
    what lies within _NEGLIGIBLE of it. Their number is bounded: noise so small that the spacing
    needs more is met only while a sampler still looks for its step size.
    """
    _, low, n_low, high, _, n_high = _walls(eta, cutpoints, sigma, code, start, stop)
    # So far beyond the outermost wall, n factors pull by no more than 1.
    left = min(-1.0, high - max(np.log(n_high * sigma), 0.0) / sigma) if n_high > 0 else -1.0
    right = max(1.0, low + max(np.log(n_low * sigma), 0.0) / sigma) if n_low > 0 else 1.0
    left, right = max(left, -1.0 - sigma * n_high), min(right, 1.0 + sigma * n_low)
    for _ in range(60):
        mode = 0.5 * (left + right)
        if _log_integrand(mode, eta, cutpoints, sigma, code, start, stop)[1] > 0.0:
            left = mode
        else:
            right = mode
    largest = _log_integrand(mode, eta, cutpoints, sigma, code, start, stop)[0]
    ends = np.empty(2)
    for side in range(2):
        sign = 2.0 * side - 1.0
        # The normal factor alone falls by _NEGLIGIBLE within this distance of a mode.
        near, far = 0.0, np.sqrt(2.0 * _NEGLIGIBLE)
        for _ in range(40):
            middle = 0.5 * (near + far)
            z = mode + sign * middle
            value = _log_integrand(z, eta, cutpoints, sigma, code, start, stop)[0]
            if value > largest - _NEGLIGIBLE:
                near = middle
            else:
                far = middle
        ends[side] = mode + sign * far
    width = max(min(spacing, (ends[1] - ends[0]) / 32.0), (ends[1] - ends[0]) / _MOST_NODES)
    n = int(np.ceil((ends[1] - ends[0]) / width)) + 1
    z = ends[0] + width * np.arange(n)
    weight = np.empty(n)
    for i in range(n):
        value = _log_integrand(z[i], eta, cutpoints, sigma, code, start, stop)[0]
        weight[i] = np.exp(value - largest)
    return z, weight, largest, width


@_jit
def _careful_site(eta, cutpoints, sigma, code, start, stop, spacing, d_eta, d_cutpoints):  # type: ignore[no-untyped-def]
    """One site by logarithms; adds to the gradients, returns log-integral and d sigma."""
    top = cutpoints.size
    z, weight, largest, width = _carefully(eta, cutpoints, sigma, code, start, stop, spacing)
    total = weight.sum()
    d_sigma = 0.0
    for row in range(start, stop):
        k = code[row]
        up = down = 0.0
        for i in range(z.size):
            p = weight[i] / total
            if k < top:
                s = p / (1.0 + np.exp(cutpoints[k] - eta[row] - sigma * z[i]))
                up += s
                d_sigma -= s * z[i]
            if k > 0:
                s = p / (1.0 + np.exp(eta[row] + sigma * z[i] - cutpoints[k - 1]))
                down += s
                d_sigma += s * z[i]
        if k < top:
            d_cutpoints[k] += up
        if k > 0:
            d_cutpoints[k - 1] -= down
        d_eta[row] = down - up
    return largest + np.log(total * width), d_sigma


@_jit
def _node_weights(sigma, spacing, most):  # type: ignore[no-untyped-def]
    """What all sites of one spacing share.

    The last node m; for the nodes h j, |j| <= m, their normal weights and the sums of these and of
    z^2 times them below each; exp(sigma h i) for i below `most`.
    """
    m = int(np.ceil(_FARTHEST / spacing))
    z = spacing * np.arange(-m, m + 1)
    weight = np.exp(-0.5 * z * z)
    below = np.concatenate((np.zeros(1), np.cumsum(weight)))
    squares = np.concatenate((np.zeros(1), np.cumsum(weight * z * z)))
    power = np.exp(np.minimum(sigma * spacing * np.arange(most), 700.0))
    return m, weight, below, squares, power


@_jit
def _tables(sigma, spacing, plan):  # type: ignore[no-untyped-def]
    """`_node_weights` for each number of halvings, as far as the plan has sites of it."""
    most = np.ones(4, dtype=np.int64)
    for site in range(plan.shape[0]):
        most[plan[site, 2]] = max(most[plan[site, 2]], plan[site, 1])
    return (
        _node_weights(sigma, spacing, most[0]),
        _node_weights(sigma, spacing / 2.0 if most[1] > 1 else _WIDEST, most[1]),
        _node_weights(sigma, spacing / 4.0 if most[2] > 1 else _WIDEST, most[2]),
    )


@_jit
def _factors(eta, cutpoints, sigma, code, start, stop, j0, spacing, power, factor, product):  # type: ignore[no-untyped-def]
    """Fill in the logistic factors of every row at every node; multiply them into `product`.

    At node j0 + i a factor is 1 / (1 + x power_i) or 1 / (1 + x / power_i), where power_i is
    exp(sigma h i): one exponential a row and none a node. Returns the number of factors.
    """
    top = cutpoints.size
    n = product.size
    used = 0
    base = sigma * spacing * j0
    for row in range(start, stop):
        k = code[row]
        if k < top:
            x = np.exp(min(max(eta[row] + base - cutpoints[k], -600.0), 600.0))
            line = factor[used]
            for i in range(n):
                line[i] = 1.0 / (1.0 + x * power[i])
                product[i] *= line[i]
            used += 1
        if k > 0:
            x = np.exp(min(max(cutpoints[k - 1] - eta[row] - base, -600.0), 600.0))
            line = factor[used]
            for i in range(n):
                line[i] = power[i] / (power[i] + x)
                product[i] *= line[i]
            used += 1
    return used


@_jit
def _room(plan, first_row):  # type: ignore[no-untyped-def]
    """Room for the factors of the largest site at the most nodes."""
    nodes = rows = 1
    for site in range(plan.shape[0]):
        if plan[site, 2] < 3:
            nodes = max(nodes, plan[site, 1])
            rows = max(rows, first_row[site + 1] - first_row[site])
    return np.empty((2 * rows, nodes))


@_jit
def _sum_of_products(product, line):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(product.size):
        total += product[i] * line[i]
    return total


def _log_density(eta, cutpoints, sigma, code, first_row, step, reach):  # type: ignore[no-untyped-def]
    """Sum over sites of the log-integrals, and its gradients by eta, cutpoints and sigma."""
    top = cutpoints.size
    d_eta = np.zeros_like(eta)
    d_cutpoints = np.zeros(top)
    nothing = (np.asarray(-np.inf), d_eta, d_cutpoints, np.asarray(0.0))
    if not (sigma > 0.0 and np.isfinite(sigma) and np.all(np.isfinite(eta))):
        return nothing
    if not np.all(np.isfinite(cutpoints)):
        return nothing
    total, d_sigma = 0.0, 0.0
    spacing = max(min(step / sigma, _WIDEST), _FINEST)
    plan = _plan(eta, cutpoints, sigma, code, first_row, spacing, reach)
    tables = _tables(sigma, spacing, plan)
    factor = _room(plan, first_row)
    for site in range(first_row.size - 1):
        start, stop = first_row[site], first_row[site + 1]
        if start == stop:
            continue
        j0, n, halvings = plan[site, 0], plan[site, 1], plan[site, 2]
        open_below, open_above = plan[site, 3] == 1, plan[site, 4] == 1
        width = spacing / 2.0 ** min(halvings, 2)
        integral, square = 0.0, 0.0
        if halvings < 3:
            m, weight, below, squares, power = tables[halvings]
            product = weight[j0 + m : j0 + m + n].copy()
            _factors(eta, cutpoints, sigma, code, start, stop, j0, width, power, factor, product)
            integral = product.sum()
            for i in range(n):
                square += product[i] * (width * (j0 + i)) ** 2
            if open_above:
                integral += below[2 * m + 1] - below[j0 + m + n]
                square += squares[2 * m + 1] - squares[j0 + m + n]
            if open_below:
                integral += below[j0 + m]
                square += squares[j0 + m]
        if not integral > _UNDERFLOW:
            log_integral, slope = _careful_site(
                eta, cutpoints, sigma, code, start, stop, width, d_eta, d_cutpoints
            )
            total += log_integral
            d_sigma += slope
            continue
        total += np.log(integral * width)
        # By parts, since the normal density is -1 / z times its slope: d / d sigma of the
        # logarithm is (E[z^2] - 1) / sigma, with no sum over rows.
        d_sigma += (square / integral - 1.0) / sigma
        product /= integral
        inside = product.sum()
        used = 0
        for row in range(start, stop):
            k = code[row]
            if k < top:
                away = inside - _sum_of_products(product, factor[used])
                d_cutpoints[k] += away
                d_eta[row] -= away
                used += 1
            if k > 0:
                away = inside - _sum_of_products(product, factor[used])
                d_cutpoints[k - 1] -= away
                d_eta[row] += away
                used += 1
    rows_of = np.zeros(top + 1)
    for row in range(code.size):
        rows_of[code[row]] += 1.0
    for site in range(first_row.size - 1):
        if first_row[site + 1] > first_row[site]:
            total -= 0.5 * np.log(2.0 * np.pi)
    for k in range(1, top):
        if rows_of[k] > 0.0:
            gap = cutpoints[k] - cutpoints[k - 1]
            if not gap > 0.0:
                return np.asarray(-np.inf), np.zeros_like(eta), np.zeros(top), np.asarray(0.0)
            # log(1 - exp(-gap)), by whichever form keeps its digits.
            if gap > np.log(2.0):
                total += rows_of[k] * np.log1p(-np.exp(-gap))
            else:
                total += rows_of[k] * np.log(-np.expm1(-gap))
            pull = rows_of[k] * np.exp(-gap) / -np.expm1(-gap)
            d_cutpoints[k] += pull
            d_cutpoints[k - 1] -= pull
    return np.asarray(total), d_eta, d_cutpoints, np.asarray(d_sigma)


_compiled_log_density = _jit(_log_density)


_SOURCE = int.from_bytes(hashlib.sha256(Path(__file__).read_bytes()).digest()[:6])


class IntegratedCumulativeLogit(Op):
    """Log-density of grades with the effect of each site integrated out, and its gradient.

    Inputs: eta without that effect, in logits, shape (row,), rows of a site together; increasing
    cutpoints in logits, shape (K - 1,); sigma, the sd of the effect in logits, a scalar; grade
    codes 0 .. K-1, shape (row,); the first row of each site and, last, the number of rows, shape
    (site + 1,). Outputs: the log-density, and its gradient by eta, by the cutpoints and by sigma.

    Parameters
    ----------
    step, reach
        Spacing of the nodes and their reach, in logits; see the module.
    """

    __props__ = ("step", "reach")

    def __init__(self, step: float = STEP, reach: float = REACH) -> None:
        self.step = step
        self.reach = reach

    def make_node(self, eta: Any, cutpoints: Any, sigma: Any, code: Any, first_row: Any) -> Apply:
        """Check the inputs and lay out the outputs."""
        reals = [pt.as_tensor(x, dtype="float64") for x in (eta, cutpoints, sigma)]
        codes = [pt.as_tensor(x, dtype="int64") for x in (code, first_row)]
        return Apply(self, [*reals, *codes], [pt.dscalar(), *(x.type() for x in reals)])

    def perform(self, node: Apply, inputs: Any, outputs: Any) -> None:
        """Evaluate outside of compiled graphs, by the same compiled loop."""
        values = _compiled_log_density(*inputs, self.step, self.reach)
        for storage, value in zip(outputs, values, strict=True):
            storage[0] = value

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


@register_funcify_default_op_cache_key(IntegratedCumulativeLogit)
def _numba_integrated(op: IntegratedCumulativeLogit, node: Apply, **kwargs: Any) -> Any:
    step, reach = op.step, op.reach

    @numba_njit
    def integrated_cumulative_logit(eta, cutpoints, sigma, code, first_row):  # type: ignore[no-untyped-def]
        return _compiled_log_density(eta, cutpoints, sigma.item(), code, first_row, step, reach)

    # The number is part of the key under which compiled code is cached on disk: it stands for the
    # source of this module, so that an edited loop is never served from an old cache.
    return integrated_cumulative_logit, _SOURCE


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
    """Probability of a grade of code k or lower, k = 0 .. K-2; shape (row, K - 1)."""
    return pt.sigmoid(cutpoints[None, :] - eta[:, None])


@_jit
def draw_site_effects(  # type: ignore[no-untyped-def]
    eta, cutpoints, sigma, code, first_row, uniform, step=0.4, reach=REACH
):
    """Draw each site's effect given its grades, in sds of the effect; a site without rows: prior.

    The integrand on a grid of `step` logits is the distribution to draw from; spreading a drawn
    node evenly over its cell adds a variance of step^2 / 12, 0.4 % of that of the logistic noise.

    Parameters
    ----------
    eta, cutpoints, sigma, code, first_row
        As for `integrated_log_density`, one value each.
    uniform
        Two standard uniform numbers a site, shape (site, 2).
    step, reach
        As in the module, in logits.

    Returns
    -------
    ndarray
        Shape (site,).
    """
    effects = np.empty(first_row.size - 1)
    spacing = max(min(step / sigma, 0.1), _FINEST)
    plan = _plan(eta, cutpoints, sigma, code, first_row, spacing, reach)
    tables = _tables(sigma, spacing, plan)
    factor = _room(plan, first_row)
    for site in range(first_row.size - 1):
        start, stop = first_row[site], first_row[site + 1]
        j0, n, halvings = plan[site, 0], plan[site, 1], plan[site, 2]
        open_below, open_above = plan[site, 3] == 1, plan[site, 4] == 1
        width = spacing / 2.0 ** min(halvings, 2)
        jitter = uniform[site, 1] - 0.5
        before = inside = after = 0.0
        m, weight, below, _, power = tables[min(halvings, 2)]
        product = np.ones(0)
        if start == stop:
            before = below[-1]
        elif halvings < 3:
            product = weight[j0 + m : j0 + m + n].copy()
            _factors(eta, cutpoints, sigma, code, start, stop, j0, width, power, factor, product)
            inside = product.sum()
            before = below[j0 + m] if open_below else 0.0
            after = below[2 * m + 1] - below[j0 + m + n] if open_above else 0.0
        if not before + inside + after > _UNDERFLOW:
            z, careful, _, width = _carefully(eta, cutpoints, sigma, code, start, stop, width)
            total = np.cumsum(careful)
            drawn = z[np.searchsorted(total, uniform[site, 0] * total[-1])]
            effects[site] = drawn + width * jitter
            continue
        mass = uniform[site, 0] * (before + inside + after)
        if mass < before:
            node = np.searchsorted(below, mass) - 1
        elif mass < before + inside:
            node = j0 + m + np.searchsorted(np.cumsum(product), mass - before)
        else:
            node = np.searchsorted(below, below[j0 + m + n] + mass - before - inside) - 1
        effects[site] = width * (min(max(node, 0), 2 * m) - m + jitter)
    return effects
