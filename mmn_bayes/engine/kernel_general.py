"""Integrals over one normal effect a site of products of grade probabilities, for any link.

A row (one graded muscle) of grade k has probability F(a) - F(b) with a = c_k - eta - sigma z and
b = c_{k-1} - eta - sigma z, F the distribution of the noise and z the standard normal effect of the
site. For the logistic F alone, `kernel_logit` is many times faster; here stand the normal F
(probit) and F(x) = 1 - exp(-exp(x)) (cloglog), and the logistic one again.

A row whose muscle was graded not long before may be a repetition: with probability `memory` the
earlier grade is recorded again, so that its probability is memory [same] + (1 - memory) p.

The rows of a site may have different cutpoints: several sets of them stand one after the other, and
a row's code is that of its grade plus the number of grades times the place of its set.

The logarithm of p is concave in z for all three, that of the product of rows which do not repeat
the earlier grade is too, and a row that repeats it lies between memory and 1. Hence the way: find
the mode of that product; walk outward from it on nodes of the trapezoidal rule, until the product
is negligible beside the largest value of the integrand seen so far, which nothing further out then
changes. Where all rows have a probability of 1 on one side, normal weights alone are added there.
The spacing follows from how fast the Fourier transform of F falls (see `_spacing`).

Compiled code is kept on disk beside this file, under a key that knows only this file: whatever it
calls lives here too.
"""

import functools
import math
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types

# As in `kernel_logit`: infinity on division by zero, and no licence to reorder sums.
_jit = numba.njit(error_model="numpy", cache=True)
_threadable = numba.njit(error_model="numpy", cache=True, nogil=True)

LINKS = ("logit", "probit", "cloglog")  # a link is known here by its place
_LOGIT, _PROBIT = 0, 1

_DROP = 21.0  # logarithm of what is left out beside the largest value of the integrand
_MOST = 2400  # nodes of a site, in all
_WIDEST = 0.6  # units of z between nodes: the normal weights alone need this
_NEGLIGIBLE = 7.0  # units of z from the mode: exp(-24) of the normal weight
_SHORT = 0.002  # units of z: with nodes this close a sum of normal weights is its integral
_LARGEST = 700.0  # exponent of a double
_ROOT_2 = math.sqrt(2.0)
_ROOT_2_PI = math.sqrt(2.0 * math.pi)
_LOG_ROOT_2_PI = 0.5 * math.log(2.0 * math.pi)
_NODES = np.polynomial.legendre.leggauss(6)
_X, _W = tuple(map(float, _NODES[0])), tuple(map(float, _NODES[1]))
# Link units beyond a wall at which its factor is 1 but for 1e-8: lower walls, upper walls.
_REACH_LOW = (18.5, 6.0, 18.5)
_REACH_HIGH = (18.5, 6.0, 3.1)

_CURVED = (0.5, 1.0, 1.0)  # curvature of the logarithm of one factor


class Rows(NamedTuple):
    """All rows, and what they share."""

    link: int
    eta: np.ndarray
    table: np.ndarray  # of each grade, see _table
    sigma: float
    code: np.ndarray
    repeat: np.ndarray  # -1: nothing to remember; 0: another grade than the earlier; 1: the same
    log_memory: float
    log_anew: float
    n_grades: int


class Nodes(NamedTuple):
    """Room for the nodes of one site."""

    z: np.ndarray
    value: np.ndarray  # logarithm of the integrand
    slope: np.ndarray  # of each row by its upper and its lower cutpoint, shape (node, row, 2)
    by_memory: np.ndarray  # slope by the memory


class Plan(NamedTuple):
    """The nodes of one site: how many, and the normal weights beyond them on an open side."""

    n: int
    width: float
    largest: float
    below: float  # sum of the weights, relative to the largest value
    above: float
    end_below: float  # where these begin
    end_above: float


@_jit
def _table(cutpoints, n_grades):  # type: ignore[no-untyped-def]
    """Of each code: lower and upper cutpoint, their distance, and 1 - exp(-distance)."""
    top = n_grades - 1
    n_sets = cutpoints.size // top
    table = np.empty((4, n_sets * n_grades))
    for i in range(n_sets):
        first = i * n_grades
        table[0, first], table[1, first + top] = -np.inf, np.inf
        for k in range(top):
            table[0, first + k + 1] = table[1, first + k] = cutpoints[i * top + k]
    for k in range(n_sets * n_grades):
        table[2, k] = table[1, k] - table[0, k]
        table[3, k] = -np.expm1(-table[2, k])
    return table


@_jit
def _logit(a, b, shrink):  # type: ignore[no-untyped-def]
    below, above = 1.0 / (1.0 + np.exp(-b)), 1.0 / (1.0 + np.exp(a))
    value = np.log(shrink) - max(-a, 0.0) - max(b, 0.0)
    value -= np.log1p(np.exp(-abs(a))) + np.log1p(np.exp(-abs(b)))
    apart = (1.0 - shrink) / shrink
    return value, above + apart, -below - apart, -above * (1.0 - above) - below * (1.0 - below)


@_jit
def _series(x):  # type: ignore[no-untyped-def]
    """Normal probability below x <= -30, times -x / density: asymptotic, to 1e-13."""
    y = 1.0 / (x * x)
    return 1.0 - y * (1.0 - y * (3.0 - y * (15.0 - y * (105.0 - y * 945.0))))


@_jit
def _probit_below(a, b, gap):  # type: ignore[no-untyped-def]
    """The probit for a + b <= 0: the interval lies, or reaches further, below 0."""
    middle, half = 0.5 * (a + b), 0.5 * gap
    if a > 9.0:
        return 0.0, 0.0, 0.0
    if gap < 0.5 and -middle * gap < 2.0:
        # A difference would lose digits: the density around the middle, integrated.
        total = 0.0
        for i in range(6):
            t = half * _X[i]
            total += _W[i] * np.exp(-t * (middle + 0.5 * t))
        total *= half
        da = np.exp(-half * (middle + 0.5 * half)) / total
        db = -np.exp(half * (middle - 0.5 * half)) / total
        return np.log(total) - 0.5 * middle * middle - _LOG_ROOT_2_PI, da, db
    if a > -30.0:
        lower = 0.5 * math.erfc(-b / _ROOT_2)
        if a > 0.0:
            outside = 0.5 * math.erfc(a / _ROOT_2) + lower
            p, value = 1.0 - outside, np.log1p(-outside)
        else:
            p = 0.5 * math.erfc(-a / _ROOT_2) - lower
            value = np.log(p)
        scale = 1.0 / (_ROOT_2_PI * p)
        return value, np.exp(-0.5 * a * a) * scale, -np.exp(-0.5 * b * b) * scale
    ratio = np.exp(gap * middle)  # of the densities
    left = _series(a)
    if ratio > 0.0:
        left -= ratio * _series(b) * a / b
    value = np.log(left) - np.log(-a) - 0.5 * a * a - _LOG_ROOT_2_PI
    return value, -a / left, ratio * a / left


@_jit
def _probit(a, b, gap):  # type: ignore[no-untyped-def]
    if a + b > 0.0:
        value, db, da = _probit_below(-b, -a, gap)
        da, db = -da, -db
    else:
        value, da, db = _probit_below(a, b, gap)
    curvature = -((da + db) ** 2)
    if da > 0.0:
        curvature -= a * da
    if db < 0.0:
        curvature -= b * db
    return value, da, db, curvature


@_jit
def _cloglog(a, b, gap, shrink):  # type: ignore[no-untyped-def]
    upper = lower = 0.0  # exp of the cutpoints' distances
    if b > -np.inf:
        lower = np.exp(min(b, _LARGEST))
    if a == np.inf:
        return -lower, 0.0, -lower, -lower
    if a > 5.0 and b < -40.0:
        return 0.0, 0.0, 0.0, 0.0
    upper = np.exp(min(a, _LARGEST))
    distance = upper * shrink  # upper - lower, without loss of digits
    if distance < 1e-5:
        square = distance * distance
        value = a + np.log(shrink) - lower - 0.5 * distance + square / 24.0
        da = (1.0 - 0.5 * distance + square / 12.0) / shrink
        db = -(1.0 + 0.5 * distance + square / 12.0) * (1.0 - shrink) / shrink
    else:
        p = -np.expm1(-distance)
        value = np.log(p) - lower
        da = upper * np.exp(-distance) / p
        db = -lower / p
    if lower > 1e8:
        return value, da, db, -lower  # all but, and no square that is too large
    return value, da, db, da * (1.0 - upper) + db * (1.0 - lower) - (da + db) ** 2


@_jit
def log_probability(link, a, b, gap, shrink):  # type: ignore[no-untyped-def]
    """Logarithm of F(a) - F(b), its slopes by a and b, and its curvature by both together.

    `gap` is a - b and `shrink` 1 - exp(-gap), from the cutpoints and not from a and b.
    """
    if link == _LOGIT:
        return _logit(a, b, shrink)
    if link == _PROBIT:
        return _probit(a, b, gap)
    return _cloglog(a, b, gap, shrink)


@_jit
def _at(z, rows, start, stop, slope):  # type: ignore[no-untyped-def]
    """Evaluate a site at one z; fills in the slopes of each row.

    Returns its log-integrand; of the part of it that is concave the value, slope and curvature; and
    the slope of the whole by the memory.
    """
    bound, up, curvature, by_memory = -0.5 * z * z, -z, -1.0, 0.0
    value = bound
    for row in range(start, stop):
        k = rows.code[row]
        x = rows.eta[row] + rows.sigma * z
        log_p, da, db, curve = log_probability(
            rows.link,
            rows.table[1, k] - x,
            rows.table[0, k] - x,
            rows.table[2, k],
            rows.table[3, k],
        )
        if rows.repeat[row] == 1:
            log_p += rows.log_anew
            high, low = max(log_p, rows.log_memory), min(log_p, rows.log_memory)
            log_f = high + np.log1p(np.exp(low - high))
            share = np.exp(log_p - log_f)
            da *= share
            db *= share
            by_memory += np.exp(-log_f) - np.exp(log_p - rows.log_anew - log_f)
            value += log_f
        else:
            if rows.repeat[row] == 0:
                log_p += rows.log_anew
                by_memory -= np.exp(-rows.log_anew)
            value += log_p
            bound += log_p
            up -= rows.sigma * (da + db)
            if curve < 0.0:
                curvature += rows.sigma * rows.sigma * curve
        slope[row - start, 0], slope[row - start, 1] = da, db
    return value, bound, up, curvature, by_memory


@_jit
def _walls(rows, start, stop):  # type: ignore[no-untyped-def]
    """The highest lower wall and the lowest upper one, in link units; infinite without one."""
    low, high = -np.inf, np.inf
    for row in range(start, stop):
        k = rows.code[row]
        low = max(low, rows.table[0, k] - rows.eta[row])
        high = min(high, rows.table[1, k] - rows.eta[row])
    return low, high


@_jit
def _mode(rows, start, stop, low, high, reach_low, reach_high, slope):  # type: ignore[no-untyped-def]
    """About the mode of the concave part, and its curvature there: Newton between brackets."""
    sigma = rows.sigma
    left = max(min(0.0, (high - reach_high) / sigma) - 1.0, -1e8)
    right = min(max(0.0, (low + reach_low) / sigma) + 1.0, 1e8)
    # Where the walls would leave the effect, if they were normal and of unit noise.
    z = max(low, 0.0) if low < high else 0.5 * (low + high)
    z = min(z, max(high, low)) * sigma / (1.0 + sigma * sigma)
    curvature = -1.0
    for trial in range(80):
        z = min(max(z, left), right)
        _, _, up, curvature, _ = _at(z, rows, start, stop, slope)
        if abs(up) < 0.2 * np.sqrt(-curvature) or right - left < 1e-9 * (1.0 + abs(z)):
            break
        if up > 0.0:
            left = z
        else:
            right = z
        z -= up / curvature
        if not left < z < right or trial % 4 == 3:
            z = 0.5 * (left + right)
    return z, curvature


@_jit
def _spacing(link, sigma, curvature, n):  # type: ignore[no-untyped-def]
    """Units of z between nodes for relative errors below 1e-7.

    The trapezoidal error is the Fourier transform of the integrand at 2 pi / spacing. That of one
    factor falls as exp(-pi w) (logit), exp(-w^2 / 2) (probit) or exp(-pi w / 2) (cloglog), w in
    link units; n factors of one wall are steeper than one by about the root of log n (probit) or
    log n (cloglog); where walls meet, the peak is about normal.
    """
    many = np.log(max(n, 1.0))
    if link == _LOGIT:
        step = 0.8 / (1.0 + 0.2 * many)
    elif link == _PROBIT:
        step = 0.8 / np.sqrt(1.0 + 1.4 * many)
    else:
        step = 0.55 / (1.0 + 0.3 * many)
    return min(step / sigma, 0.65 / np.sqrt(-curvature), _WIDEST)


@_jit
def _weights_from(z, width):  # type: ignore[no-untyped-def]
    """Sum of exp(-x^2 / 2) over x = z, z + width, ..., relative to its first term."""
    if width < _SHORT and z < 25.0:
        x = z - 0.5 * width
        f = np.exp(0.5 * (z * z - x * x))
        whole = math.sqrt(0.5 * math.pi) * math.erfc(x / _ROOT_2) * np.exp(0.5 * z * z)
        # Euler and Maclaurin.
        return whole / width - width * f * (x / 24.0 + 7.0 * width**2 * (3.0 * x - x**3) / 5760.0)
    weight, ratio, decline = 1.0, np.exp(-width * (z + 0.5 * width)), np.exp(-width * width)
    total = 0.0
    while weight > 1e-12 * total:
        total += weight
        weight *= ratio
        ratio *= decline
    return total


@_jit
def _lay(rows, start, stop, fine, nodes):  # type: ignore[no-untyped-def]
    """Lay the nodes of a site and evaluate it there; `fine` multiplies their spacing."""
    sigma, n_rows = rows.sigma, float(stop - start)
    low, high = _walls(rows, start, stop)
    reach_low = _REACH_LOW[rows.link] + np.log(n_rows)
    reach_high = _REACH_HIGH[rows.link] + np.log(n_rows)
    open_above, open_below = high == np.inf, low == -np.inf
    flat = 0.0  # logarithm of the rows beyond all walls
    for row in range(start, stop):
        if rows.repeat[row] == 0:
            flat += rows.log_anew
    mode, curvature, largest = 0.0, -1.0, -np.inf
    end_above, end_below = (low + reach_low) / sigma, (high - reach_high) / sigma
    beyond = (open_above and end_above < 0.0) or (open_below and end_below > 0.0)
    if beyond:
        largest = flat
    else:
        mode, curvature = _mode(rows, start, stop, low, high, reach_low, reach_high, nodes.slope[0])
    # Rows that repeat may make a narrower peak elsewhere: each adds no more than about this.
    for row in range(start, stop):
        if rows.repeat[row] == 1:
            curvature -= _CURVED[rows.link] * sigma * sigma
    width = fine * _spacing(rows.link, sigma, curvature, n_rows)
    # So many nodes are met only while a sampler still looks for its step size.
    if not (open_above or open_below):
        width = max(width, min(max(high - low, 0.0) / sigma, 8.0) / (0.45 * _MOST))
    # From the mode, or, where that is beyond all walls, from where they begin to count.
    centre = mode
    if open_above:
        centre = max(min(mode, end_above), mode - _NEGLIGIBLE)
    elif open_below:
        centre = min(max(mode, end_below), mode + _NEGLIGIBLE)
    n, below, above = 0, -np.inf, -np.inf  # logarithms, as yet
    for side in range(2):
        sign = 1.0 - 2.0 * side
        for j in range(side, _MOST // 2):
            z = centre + sign * width * j
            if side == 0 and open_above and z >= end_above:
                above = flat - 0.5 * z * z + np.log(_weights_from(z, width))
                largest = max(largest, flat - 0.5 * z * z)
                end_above = z - 0.5 * width
                break
            if side == 1 and open_below and z <= end_below:
                below = flat - 0.5 * z * z + np.log(_weights_from(-z, width))
                largest = max(largest, flat - 0.5 * z * z)
                end_below = z + 0.5 * width
                break
            value, bound, _, _, nodes.by_memory[n] = _at(z, rows, start, stop, nodes.slope[n])
            nodes.z[n], nodes.value[n] = z, value
            largest = max(largest, value)
            n += 1
            if bound < largest - _DROP and j > 0:
                break
    below, above = np.exp(below - largest), np.exp(above - largest)
    return Plan(n, width, largest, below, above, end_below, end_above)


@_jit
def _site(rows, start, stop, nodes, d_eta, d_cutpoints):  # type: ignore[no-untyped-def]
    """One site; adds to the gradients, returns log-integral and the slopes by sigma and memory."""
    plan = _lay(rows, start, stop, 1.0, nodes)
    total = plan.below + plan.above
    for i in range(plan.n):
        nodes.value[i] = np.exp(nodes.value[i] - plan.largest)
        total += nodes.value[i]
    if not (total > 0.0 and np.isfinite(plan.largest)):
        return -np.inf, 0.0, 0.0
    # Beyond all walls the slope by the memory is that of rows that are surely graded anew.
    by_memory = 0.0
    for row in range(start, stop):
        if rows.repeat[row] == 0:
            by_memory -= np.exp(-rows.log_anew)
    by_memory *= (plan.below + plan.above) / total
    by_sigma = 0.0
    for i in range(plan.n):
        share = nodes.value[i] / total
        if share > 0.0:
            by_memory += share * nodes.by_memory[i]
            pull = 0.0
            for row in range(start, stop):
                k = rows.code[row]
                da = share * nodes.slope[i, row - start, 0]
                db = share * nodes.slope[i, row - start, 1]
                d_eta[row] -= da + db
                pull -= da + db
                own, grade = k // rows.n_grades, k % rows.n_grades
                if grade < rows.n_grades - 1:
                    d_cutpoints[k - own] += da
                if grade > 0:
                    d_cutpoints[k - own - 1] += db
            by_sigma += nodes.z[i] * pull
    value = plan.largest + np.log(total * plan.width) - _LOG_ROOT_2_PI
    return value, by_sigma, by_memory


@_jit
def _room(first_row):  # type: ignore[no-untyped-def]
    most = 1
    for site in range(first_row.size - 1):
        most = max(most, first_row[site + 1] - first_row[site])
    slope = np.empty((_MOST, most, 2))
    return Nodes(np.empty(_MOST), np.empty(_MOST), slope, np.empty(_MOST))


@_jit
def _usable(eta, cutpoints, n_grades, sigma, code, memory):  # type: ignore[no-untyped-def]
    """Whether there is a density: numbers, and a gap around every recorded grade."""
    usable = sigma > 0.0 and np.isfinite(sigma) and 0.0 <= memory < 1.0
    usable = usable and np.isfinite(eta).all() and np.isfinite(cutpoints).all()
    if usable:
        for k in code:
            upper = k - k // n_grades
            if 0 < k % n_grades < n_grades - 1 and not cutpoints[upper] > cutpoints[upper - 1]:
                usable = False
    return usable


@_jit
def log_density(  # type: ignore[no-untyped-def]
    link, eta, cutpoints, n_grades, sigma, code, first_row, repeat, memory, d_eta, d_cutpoints
):
    """Sum over sites of the log-integrals, and its gradients.

    Parameters
    ----------
    link : object
        Place of the link in `LINKS`.
    eta, cutpoints, n_grades, sigma, code, first_row, repeat, memory : object
        As for `ordinal.integrated_log_density`, with K stated and all sets of cutpoints together.
    d_eta, d_cutpoints : object
        Filled with the gradients by eta, shape (row,), and by the cutpoints, of their size.

    Returns
    -------
    float, float, float
        The log-density, and its gradients by sigma and by memory; -inf and 0 where there is no
        density, or an argument is not a number.
    """
    d_eta[:] = 0.0
    d_cutpoints[:] = 0.0
    total = by_sigma = by_memory = 0.0
    if not _usable(eta, cutpoints, n_grades, sigma, code, memory):
        return -np.inf, 0.0, 0.0
    log_memory, log_anew = np.log(memory) if memory > 0.0 else -np.inf, np.log1p(-memory)
    table = _table(cutpoints, n_grades)
    rows = Rows(link, eta, table, sigma, code, repeat, log_memory, log_anew, n_grades)
    nodes = _room(first_row)
    for site in range(first_row.size - 1):
        start, stop = first_row[site], first_row[site + 1]
        if start < stop:
            value, one, other = _site(rows, start, stop, nodes, d_eta, d_cutpoints)
            total += value
            by_sigma += one
            by_memory += other
    if not total > -np.inf:
        d_eta[:] = 0.0
        d_cutpoints[:] = 0.0
        return -np.inf, 0.0, 0.0
    return total, by_sigma, by_memory


@_jit
def _normal_beyond(end, u):  # type: ignore[no-untyped-def]
    """A standard normal number above `end`, by its rank u from above."""
    mass = u * math.erfc(end / _ROOT_2)
    left, right = max(end, -40.0), max(end, 0.0) + 40.0
    for _ in range(60):
        z = 0.5 * (left + right)
        if math.erfc(z / _ROOT_2) > mass:
            left = z
        else:
            right = z
    return z


@_jit
def _draw(rows, start, stop, nodes, u, place):  # type: ignore[no-untyped-def]
    """One site's effect by two standard uniform numbers: which node, and where in its cell."""
    if start == stop:
        return _normal_beyond(-np.inf, u)
    plan = _lay(rows, start, stop, 0.35, nodes)
    total = plan.below + plan.above
    for i in range(plan.n):
        nodes.value[i] = np.exp(nodes.value[i] - plan.largest)
        total += nodes.value[i]
    mass = u * total
    if mass < plan.below:
        return -_normal_beyond(-plan.end_below, mass / plan.below)
    mass -= plan.below
    if mass < plan.above:
        return _normal_beyond(plan.end_above, mass / plan.above)
    mass -= plan.above
    node = 0
    while node < plan.n - 1 and mass > nodes.value[node]:
        mass -= nodes.value[node]
        node += 1
    return nodes.z[node] + plan.width * (place - 0.5)


@_threadable
def draw_site_effects(  # type: ignore[no-untyped-def]
    link, eta, cutpoints, n_grades, sigma, code, first_row, repeat, memory, uniform
):
    """`ordinal.draw_site_effects` for the place of a link in `LINKS`; arrays of every length given.

    The integrand on a grid a third as wide as that of the integral is the distribution to draw
    from; spreading a drawn node evenly over its cell adds less than 1 % of the noise's variance.
    """
    effects = np.empty((sigma.size, first_row.size - 1))
    nodes = _room(first_row)
    for draw in range(sigma.size):
        share = memory[draw]
        rows = Rows(
            link,
            eta[draw],
            _table(cutpoints[draw], n_grades),
            sigma[draw],
            code,
            repeat,
            np.log(share) if share > 0.0 else -np.inf,
            np.log1p(-share),
            n_grades,
        )
        for site in range(first_row.size - 1):
            effects[draw, site] = _draw(
                rows,
                first_row[site],
                first_row[site + 1],
                nodes,
                uniform[draw, site, 0],
                uniform[draw, site, 1],
            )
    return effects


_REALS, _INTEGERS = types.CPointer(types.float64), types.CPointer(types.int64)
SIGNATURE = types.void(
    *(types.int64, _REALS, _REALS, types.float64, _INTEGERS, _INTEGERS, _INTEGERS, types.float64),
    *(types.int64, types.int64, types.int64, types.int64, _REALS),
)


def at_addresses(  # type: ignore[no-untyped-def]
    link,
    eta,
    cutpoints,
    sigma,
    code,
    first_row,
    repeat,
    memory,
    n_rows,
    n_cutpoints,
    n_sites,
    n_grades,
    out,
):
    """`log_density` for arrays by their addresses; SIGNATURE states their types.

    `out` receives the log-density, its gradients by eta and the cutpoints, and those by sigma and
    memory.
    """
    results = numba.carray(out, n_rows + n_cutpoints + 3)
    results[0], results[n_rows + n_cutpoints + 1], results[n_rows + n_cutpoints + 2] = log_density(
        link,
        numba.carray(eta, n_rows),
        numba.carray(cutpoints, n_cutpoints),
        n_grades,
        sigma,
        numba.carray(code, n_rows),
        numba.carray(first_row, n_sites + 1),
        numba.carray(repeat, n_rows),
        memory,
        results[1 : n_rows + 1],
        results[n_rows + 1 : n_rows + n_cutpoints + 1],
    )


@functools.cache
def compiled() -> Any:
    """`at_addresses` in machine code: compiled once a machine, then read from the disk."""
    return numba.cfunc(SIGNATURE, cache=True)(at_addresses)
