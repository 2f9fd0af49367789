"""Integrals over one normal effect a site of products of logistic factors, compiled by numba.

A row (one graded muscle) of grade k has probability s(c_k - eta) - s(c_{k-1} - eta), s the logistic
function. With a = c_k - eta and b = c_{k-1} - eta it is s(a) s(-b) (1 - exp(b - a)): no factor
subtracts numbers that are nearly equal, and the last is the same for all rows of a grade.

The rows of a site share the effect sigma z, z standard normal. It is integrated out by the
trapezoidal rule on nodes z = h j: for an integrand that is analytic in a strip, its error falls
exponentially as the spacing shrinks (Trefethen and Weideman, SIAM Review 2014;56:385). The nearest
poles of the logistic function lie pi / sigma from the real line, so that a spacing of STEP / sigma
leaves a relative error of about exp(-2 pi^2 / STEP) for one row. Many rows that meet at one place
make poles of high order and a narrow peak: the spacing of such a site is finer, by a ladder of
square roots of 2. Only nodes within REACH logits, and what the bound in `_past` adds, of where some
row changes its mind are visited: beyond, all factors are 1 (and the sum of the normal weights is
known) or their product is nothing (below exp(-REACH) of its largest).

Compiled code is kept on disk beside this file, under a key that knows only this file: whatever it
calls lives here too.
"""

import functools
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from mmn_bayes.undocumented import cgutils

# Divisions by zero give infinity as in NumPy. Nothing licenses the compiler to reorder sums or fuse
# operations: the same seed is to give the same draws, whether the code was just compiled or comes
# from the disk, and the two were seen to differ. Long sums run in lanes of their own instead.
_jit = numba.njit(error_model="numpy", cache=True)
_threadable = numba.njit(error_model="numpy", cache=True, nogil=True)
# Where nothing is allocated nothing need be counted: references took a seventh of the time.
_lean = numba.njit(error_model="numpy", cache=True, _nrt=False)
# What one function alone calls is compiled as a part of it, once. Nor are arrays assigned to arrays
# here: that their shapes fit would be checked, with a message that takes seconds to compile.
_inlined = numba.njit(error_model="numpy", inline="always")

STEP = 0.8  # logits between nodes
REACH = 16.0  # logits: what is left out is below 1.2e-7 of a site's integral
WIDEST = 0.4  # units of z between nodes, whatever sigma: the normal weights alone need this
_FINEST = 2e-4  # no more nodes than this asks for: a larger sigma goes by the careful way
_FARTHEST = 11.5  # units of z: a mode at _ORDINARY has its tail within, whatever sigma
_APART = 4.0  # logits between a lower and an upper wall that do not meet
_NEAR = 3.0  # logits from the mode within which a wall has a say in the spacing
_ORDINARY = 5.0  # a site whose grades ask for an effect beyond this goes by the careful way
_DROWNED = 1e-6  # logits: of a smaller sigma the gradient would lose its digits in E[z^2] - 1
_NEGLIGIBLE = 45.0  # logarithm of what no sum of doubles can tell from nothing
_MOST_NODES = 640.0
# A product of three exponentials of at most these stays a double. What they clip is negligible, or
# leaves an integral below the third, and then the site goes by the careful way.
_MOST = 1e108
_LOGITS = 150.0
_UNDERFLOW = 1e-100
_TOGETHER = 8  # nodes that compiled code visits at a time
_LANES = 4  # numbers that a processor multiplies at a time
_LEVELS = 5  # of spacing, each the last one divided by the square root of 2
# of the spacing at level 0; the last one stands for the careful way, which starts from it
_SHARE = (1.0, 0.5**0.5, 0.5, 0.5**1.5, 0.25, 0.25)
_CAREFUL = _LEVELS  # the level of a site that needs the careful way
# By Fourier transform the trapezoidal error of s^a (1 - s)^b, relative to its integral, is
# 2 |G(a + iw) G(b - iw)| / (G(a) G(b)), G the gamma function and w = 2 pi / spacing: below 3e-7 for
# so many walls at one place.
_MEETING = (4, 12, 27, 58, 121)
# On one side only, the normal weight is the other factor: b is its slope there, at most
# _ORDINARY / sigma, hence 0.5 above _GENTLE and 2.5 where the spacing is not narrower anyway. So
# many walls leave levels 0 and 1 below 3e-7; level 2 does for any number.
_GENTLE = 10.0
_ONE_SIDED = (8, 1_000_000)
_STEEP = (2, 12)


class Grid(NamedTuple):
    """What all sites share at one sigma; a level of spacing is filled in when first met."""

    sigma: float
    edges: np.ndarray
    reach: float  # logits
    modest: float  # logits from 0 within which a site's walls surely leave its mode ordinary
    widest: float  # units of z between nodes at level 0
    weight: np.ndarray  # shape (level, 5, node), see _prepare
    power: np.ndarray  # exp(sigma * width * i), shape (level, i)
    factor: np.ndarray  # room for the factors of one site, shape (2 * rows, node)
    product: np.ndarray  # and for the integrand


class Plan(NamedTuple):
    """How to integrate one site."""

    level: int
    first: int  # node
    n: int  # nodes
    open_below: bool  # the integrand goes on as the bare normal weight below the first node
    open_above: bool


@_lean
def _width(grid, level):  # type: ignore[no-untyped-def]
    """Units of z between nodes."""
    return grid.widest * _SHARE[level]


@_lean
def _last(width):  # type: ignore[no-untyped-def]
    """The nodes run from minus this to this."""
    return int(np.ceil(_FARTHEST / width))


@_jit
def _sizes(sigma, first_row, step, widest):  # type: ignore[no-untyped-def]
    """Spacing at level 0, most nodes, most nodes of a site, most rows of a site."""
    width = max(min(step / sigma, widest), _FINEST)
    finest = width * _SHARE[_LEVELS - 1]
    nodes = 2 * _last(finest) + 2
    most = min(nodes, int(_LOGITS / (sigma * finest)) + 1) + _TOGETHER
    rows = 1
    for site in range(first_row.size - 1):
        rows = max(rows, first_row[site + 1] - first_row[site])
    return width, nodes, most, rows


@_jit
def room(sigma, first_row, step=STEP, widest=WIDEST):  # type: ignore[no-untyped-def]
    """How many numbers of room the functions below need; 0 where sigma is not usable."""
    if not (sigma > 0.0 and np.isfinite(sigma)):
        return 0
    _, nodes, most, rows = _sizes(sigma, first_row, step, widest)
    return _LEVELS * (5 * nodes + most) + (2 * rows + 1) * most


@_jit
def _grid(sigma, edges, first_row, step, widest, reach, space):  # type: ignore[no-untyped-def]
    """Divide up the space; nothing is computed before a site asks for it."""
    width, nodes, most, rows = _sizes(sigma, first_row, step, widest)
    # A mode lies at most so far beyond the walls, where the factors' slope has fallen to 1.
    modest = _ORDINARY * sigma - max(np.log(rows * sigma), 0.0)
    powers = 5 * _LEVELS * nodes  # where they begin
    factors = powers + _LEVELS * most
    products = factors + 2 * rows * most
    weight = space[:powers].reshape((_LEVELS, 5, nodes))
    for level in range(_LEVELS):
        weight[level, 0, 0] = 0.0  # a level is ready when its first weight, tiny, is there
    power = space[powers:factors].reshape((_LEVELS, most))
    factor = space[factors:products].reshape((2 * rows, most))
    product = space[products : products + most]
    return Grid(sigma, edges, reach, modest, width, weight, power, factor, product)


@_lean
def _prepare(grid, level):  # type: ignore[no-untyped-def]
    """Fill in a level of the grid.

    For each node: its normal weight; z^2; the sum of the weights of all nodes below; that of z^2
    times them; 1.
    """
    width, table, power = _width(grid, level), grid.weight, grid.power
    last = _last(width)
    # Ratios of neighbours by recurrence, started anew so often that no digit is lost.
    weight = ratio = 1.0
    for i in range(last + 1):
        z = width * i
        if i % 64 == 0:
            weight, ratio = np.exp(-0.5 * z * z), np.exp(-width * (z + 0.5 * width))
            decline = np.exp(-width * width)
        table[level, 0, last - i] = table[level, 0, last + i] = weight
        table[level, 1, last - i] = table[level, 1, last + i] = z * z
        weight *= ratio
        ratio *= decline
    below = squares = 0.0
    for i in range(2 * last + 1):
        table[level, 2, i], table[level, 3, i], table[level, 4, i] = below, squares, 1.0
        below += table[level, 0, i]
        squares += table[level, 0, i] * table[level, 1, i]
    table[level, 2, 2 * last + 1], table[level, 3, 2 * last + 1] = below, squares
    growth = np.exp(min(grid.sigma * width, 700.0))
    for i in range(power.shape[1]):
        if i % 64 == 0:
            power[level, i] = np.exp(min(grid.sigma * width * i, 700.0))
        else:
            power[level, i] = min(power[level, i - 1] * growth, 1e304)


@_jit
def _edges(cutpoints):  # type: ignore[no-untyped-def]
    """Lower and upper cutpoint of each grade, open ends at infinity, then at the other infinity.

    Looked up instead of asked for: a processor guesses the outcome of a comparison, badly here.
    """
    top = cutpoints.size
    edges = np.empty((4, top + 1))
    edges[0, 0], edges[1, top], edges[2, 0], edges[3, top] = -np.inf, np.inf, np.inf, -np.inf
    for k in range(top):
        edges[0, k + 1] = edges[2, k + 1] = edges[1, k] = edges[3, k] = cutpoints[k]
    return edges


@_lean
def _walls(eta, edges, code, start, stop):  # type: ignore[no-untyped-def]
    """Where the effect makes the grades likely: above lower walls and below upper ones, in logits.

    Returns the lowest and highest lower wall, how many, and the same of the upper walls.
    """
    top = edges.shape[1] - 1
    low_min, low_max, n_low = np.inf, -np.inf, 0
    high_min, high_max, n_high = np.inf, -np.inf, 0
    for row in range(start, stop):
        k = code[row]
        low_max, high_min = (
            max(low_max, edges[0, k] - eta[row]),
            min(high_min, edges[1, k] - eta[row]),
        )
        low_min, high_max = (
            min(low_min, edges[2, k] - eta[row]),
            max(high_max, edges[3, k] - eta[row]),
        )
        n_low += k > 0
        n_high += k < top
    return low_min, low_max, n_low, high_min, high_max, n_high


@_lean
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
    others = other * np.exp(-gap) if gap < 50.0 else 0.0
    inward = np.log(n / max(others, 1.0))
    if n * others <= 1.0:
        lost = 1.0 + n * others  # a bound of what follows, log(1 + x) <= x
    else:
        lost = n * np.log1p(np.exp(-inward)) + other * np.log1p(np.exp(inward - gap))
    centre = max((wall + inward) / sigma, 0.0)
    return (reach + lost + 0.5 * centre * centre) / n


@_lean
def _level(walls, eta, edges, code, start, stop, sigma):  # type: ignore[no-untyped-def]
    """How fine a spacing a site asks for, by the walls that meet at its mode."""
    _, low_max, n_low, high_min, _, n_high = walls
    if n_low + n_high <= _MEETING[0]:
        return 0
    left = min(low_max, high_min) - _NEAR
    right = max(low_max, high_min) + _NEAR
    low = high = 0
    for row in range(start, stop):
        k = code[row]
        low += edges[0, k] - eta[row] > left
        high += edges[1, k] - eta[row] < right
    # n walls at one place act as one that lies log(n) logits further in.
    if high_min - low_max > _APART + np.log(max(low, 1.0) * max(high, 1.0)):
        few, many = _ONE_SIDED if sigma > _GENTLE else _STEEP
        most = max(low, high)
        return 0 if most <= few else (1 if most <= many else 2)
    level = 0
    while level < _LEVELS and low + high > _MEETING[level]:
        level += 1
    return level


@_lean
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


@_lean
def _plan(eta, code, start, stop, grid):  # type: ignore[no-untyped-def]
    walls = _walls(eta, grid.edges, code, start, stop)
    low_min, low_max, n_low, high_min, high_max, n_high = walls
    level = _level(walls, eta, grid.edges, code, start, stop, grid.sigma)
    if level == _CAREFUL:
        return Plan(_CAREFUL, 0, 0, False, False)
    sigma, lowest, highest = grid.sigma, min(low_min, high_min), max(low_max, high_max)
    gap = high_min - lowest if n_high > 0 else 0.0
    first = (lowest - _past(n_low, n_high, gap, lowest, sigma, grid.reach)) / sigma
    gap = highest - low_max if n_low > 0 else 0.0
    final = (highest + _past(n_high, n_low, gap, -highest, sigma, grid.reach)) / sigma
    width = _width(grid, level)
    last = _last(width)
    # Walls beyond all nodes leave none to visit: all weights are then below, or above.
    far = 2.0 * _FARTHEST
    j0 = min(max(-last, int(np.floor(min(max(first, -far), far) / width))), last + 1)
    j1 = min(last, int(np.ceil(max(min(final, far), -far) / width)))
    n = max(j1 - j0 + 1, 0)
    # Whole groups of nodes take no longer; what is added lies towards 0, so that a site and its
    # mirror image are integrated alike.
    more = -n % _TOGETHER
    if n > 0 and j0 + j1 > 0:
        j0 = max(j0 - more, -last)
        n = j1 - j0 + 1
    else:
        n = min(n + more, last + 1 - j0)
    ordinary = low_max < grid.modest and high_min > -grid.modest
    if not ordinary:
        # What is concave has its mode where the slope changes sign.
        cutpoints = grid.edges[1, :-1]
        ordinary = (
            _log_integrand(_ORDINARY, eta, cutpoints, sigma, code, start, stop)[1] < 0.0
            and _log_integrand(-_ORDINARY, eta, cutpoints, sigma, code, start, stop)[1] > 0.0
        )
    if not (ordinary and sigma > _DROWNED and n * sigma * width < _LOGITS):
        level = _CAREFUL
    elif grid.weight[level, 0, 0] == 0.0:
        _prepare(grid, level)
    return Plan(level, j0, n, n_low == 0, n_high == 0)


@_jit
def _carefully(eta, cutpoints, sigma, code, start, stop, spacing):  # type: ignore[no-untyped-def]
    """First node, spacing, weights relative to the largest and its logarithm, for any site.

    The logarithm of the integrand is concave: its mode is found by bisection, and the nodes span
    what lies within _NEGLIGIBLE of it. Their number is bounded: noise so small that the spacing
    needs more is met only while a sampler still looks for its step size.
    """
    _, low, n_low, high, _, n_high = _walls(eta, _edges(cutpoints), code, start, stop)
    # So far beyond the outermost wall, n factors pull by no more than 1.
    left = min(-1.0, (high - max(np.log(n_high * sigma), 0.0)) / sigma) if n_high > 0 else -1.0
    right = max(1.0, (low + max(np.log(n_low * sigma), 0.0)) / sigma) if n_low > 0 else 1.0
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
    span = ends[1] - ends[0]
    width = max(min(spacing, span / 32.0), span / _MOST_NODES)
    weight = np.empty(int(np.ceil(span / width)) + 1)
    for i in range(weight.size):
        z = ends[0] + width * i
        value = _log_integrand(z, eta, cutpoints, sigma, code, start, stop)[0]
        weight[i] = np.exp(value - largest)
    return ends[0], width, weight, largest


@_jit
def _careful_site(eta, cutpoints, sigma, code, start, stop, spacing, d_eta, d_cutpoints):  # type: ignore[no-untyped-def]
    """One site by logarithms; adds to the gradients, returns log-integral and d sigma."""
    top = cutpoints.size
    z0, width, weight, largest = _carefully(eta, cutpoints, sigma, code, start, stop, spacing)
    total = 0.0
    for i in range(weight.size):
        total += weight[i]
    d_sigma = 0.0
    for row in range(start, stop):
        k = code[row]
        up = down = 0.0
        for i in range(weight.size):
            p, z = weight[i] / total, z0 + width * i
            if k < top:
                s = p / (1.0 + np.exp(cutpoints[k] - eta[row] - sigma * z))
                up += s
                d_sigma -= s * z
            if k > 0:
                s = p / (1.0 + np.exp(eta[row] + sigma * z - cutpoints[k - 1]))
                down += s
                d_sigma += s * z
        if k < top:
            d_cutpoints[k] += up
        if k > 0:
            d_cutpoints[k - 1] -= down
        d_eta[row] = down - up
    return largest + np.log(total * width), d_sigma


@_lean
def _fill(eta, cutpoints, start, stop, code, base, power, n, factor, product):  # type: ignore[no-untyped-def]
    """Fill in the logistic factors of every row at every node; multiply them into `product`.

    At node first + i the factor of an upper wall is 1 / (1 + x power_i), that of a lower one
    power_i / (power_i + y): one exponential a wall and none a node, and one division a row.
    """
    top = cutpoints.size
    used = 0
    for row in range(start, stop):
        k = code[row]
        x = y = 0.0
        if k < top:
            x = min(np.exp(eta[row] + base - cutpoints[k]), _MOST)
        if k > 0:
            y = min(np.exp(cutpoints[k - 1] - eta[row] - base), _MOST)
        if k == 0:
            for i in range(n):
                factor[used, i] = 1.0 / (1.0 + x * power[i])
                product[i] *= factor[used, i]
            used += 1
        elif k == top:
            for i in range(n):
                factor[used, i] = power[i] / (power[i] + y)
                product[i] *= factor[used, i]
            used += 1
        else:
            for i in range(n):
                low, high = 1.0 + x * power[i], power[i] + y
                both = 1.0 / (low * high)
                factor[used, i] = both * low * power[i]
                factor[used + 1, i] = both * high
                product[i] *= both * power[i]
            used += 2


def _dot(one, i, other, j, n):  # type: ignore[no-untyped-def]
    """Sum of one[i + m] * other[j + m] over m below n: in plain Python, for `_dot_in_lanes`."""
    total = 0.0
    for m in range(n):
        total += one[i + m] * other[j + m]
    return total


@overload(_dot)
def _compiled_dot(one, i, other, j, n):  # type: ignore[no-untyped-def]
    return lambda one, i, other, j, n: _dot_in_lanes(one, i, other, j, n)


@intrinsic
def _dot_in_lanes(typing, one, i, other, j, n):  # type: ignore[no-untyped-def]
    """`_dot` in two registers of four lanes, added up in one order, on one-dimensional arrays.

    What a compiler makes of such a sum only where it is licensed to reorder it, and then not in the
    same way each time. It took a quarter of the time of what was compiled of four scalar lanes.
    """
    signature = types.float64(one, types.intp, other, types.intp, types.intp)

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        n, zero = arguments[4], ir.Constant(arguments[4].type, 0)
        starts = []
        for array, start in ((0, 1), (2, 3)):
            kind = context.make_array(signature.args[array])
            data = kind(context, builder, arguments[array]).data
            starts.append(builder.gep(data, [arguments[start]]))
        vector = ir.VectorType(ir.DoubleType(), _LANES)
        nothing = ir.Constant(vector, [0.0] * _LANES)
        sums = [cgutils.alloca_once_value(builder, nothing) for _ in range(2)]
        step = ir.Constant(n.type, 2 * _LANES)
        whole = builder.and_(n, ir.Constant(n.type, -2 * _LANES))
        with cgutils.for_range_slice(builder, zero, whole, step, n.type) as (m, _):
            for number, total in enumerate(sums):
                at = builder.add(m, ir.Constant(n.type, number * _LANES))
                places = [builder.gep(start, [at]) for start in starts]
                pair = [
                    builder.load(builder.bitcast(place, vector.as_pointer()), align=8)
                    for place in places
                ]
                builder.store(builder.fadd(builder.load(total), builder.fmul(*pair)), total)
        lanes = builder.fadd(*(builder.load(total) for total in sums))
        a, b, c, d = (
            builder.extract_element(lanes, ir.Constant(ir.IntType(32), lane))
            for lane in range(_LANES)
        )
        sum_of_lanes = builder.fadd(builder.fadd(a, b), builder.fadd(c, d))
        result = cgutils.alloca_once_value(builder, sum_of_lanes)
        one_by_one = ir.Constant(n.type, 1)
        with cgutils.for_range_slice(builder, whole, n, one_by_one, n.type) as (m, _):
            pair = [builder.load(builder.gep(start, [m])) for start in starts]
            builder.store(builder.fadd(builder.load(result), builder.fmul(*pair)), result)
        return builder.load(result)

    return signature, generate


@_lean
def _product(eta, cutpoints, code, start, stop, plan, grid):  # type: ignore[no-untyped-def]
    """The integrand at a site's nodes; returns its sum, and the sums of weights below and above.

    Then the same three of z^2 times it.
    """
    level, j0, n = plan.level, plan.first, plan.n
    table, product, width = grid.weight, grid.product, _width(grid, level)
    last = _last(width)
    # A slice, since an index that is a sum might be negative, which compiled code would look after.
    weight = table[level, 0, j0 + last :]
    for i in range(n):
        product[i] = weight[i]
    base = grid.sigma * width * j0
    power = grid.power[level]
    _fill(eta, cutpoints, start, stop, code, base, power, n, grid.factor, product)
    inside = _dot(product, 0, table[level, 4], j0 + last, n)
    square = _dot(product, 0, table[level, 1], j0 + last, n)
    below = above = squares = 0.0
    if plan.open_below:
        below = table[level, 2, j0 + last]
        squares += table[level, 3, j0 + last]
    if plan.open_above:
        above = table[level, 2, 2 * last + 1] - table[level, 2, j0 + last + n]
        squares += table[level, 3, 2 * last + 1] - table[level, 3, j0 + last + n]
    return inside, below, above, square + squares


@_lean
def _site(eta, cutpoints, code, start, stop, grid, d_eta, d_cutpoints):  # type: ignore[no-untyped-def]
    """One site; adds to the gradients, returns log-integral and d sigma, and 0.

    For a site that needs the careful way instead of that 0 the spacing to begin it with.
    """
    top = cutpoints.size
    plan = _plan(eta, code, start, stop, grid)
    width = _width(grid, plan.level)
    inside = integral = square = 0.0
    if plan.level < _CAREFUL:
        inside, below, above, square = _product(eta, cutpoints, code, start, stop, plan, grid)
        integral = inside + below + above
    if not integral > _UNDERFLOW:
        return 0.0, 0.0, width
    factor, product = grid.factor, grid.product
    used = 0
    for row in range(start, stop):
        k = code[row]
        for wall in range(k - 1, k + 1):
            if 0 <= wall < top:
                reached = _dot(product, 0, factor[used], 0, plan.n)
                used += 1
                # Upper walls (wall k) pull down, lower ones up.
                away = (inside - reached) / integral
                if wall < k:
                    away = -away
                d_cutpoints[wall] += away
                d_eta[row] -= away
    # By parts, since the normal density is -1 / z times its slope: d / d sigma of the logarithm is
    # (E[z^2] - 1) / sigma, with no sum over rows.
    return np.log(integral * width), (square / integral - 1.0) / grid.sigma, 0.0


@_lean
def _finite(values):  # type: ignore[no-untyped-def]
    finite = True
    for value in values:
        finite = finite and np.isfinite(value)
    return finite


@_jit
def _gaps(cutpoints, code, d_cutpoints):  # type: ignore[no-untyped-def]
    """The factors 1 - exp(b - a) of all rows, in logs; adds their gradient."""
    top = cutpoints.size
    rows_of = np.zeros(top + 1)
    for row in range(code.size):
        rows_of[code[row]] += 1.0
    total = 0.0
    for k in range(1, top):
        if rows_of[k] > 0.0:
            gap = cutpoints[k] - cutpoints[k - 1]
            if not gap > 0.0:
                return -np.inf
            # log(1 - exp(-gap)), by whichever form keeps its digits.
            if gap > np.log(2.0):
                total += rows_of[k] * np.log1p(-np.exp(-gap))
            else:
                total += rows_of[k] * np.log(-np.expm1(-gap))
            pull = rows_of[k] * np.exp(-gap) / -np.expm1(-gap)
            d_cutpoints[k] += pull
            d_cutpoints[k - 1] -= pull
    return total


@_inlined
def log_density(eta, cutpoints, sigma, code, first_row, step, reach, space, d_eta, d_cutpoints):  # type: ignore[no-untyped-def]
    """Sum over sites of the log-integrals, and its gradients.

    Parameters
    ----------
    eta, cutpoints, sigma, code, first_row : object
        As for `ordinal.integrated_log_density`.
    step, reach : object
        Spacing of the nodes and their reach, in logits.
    space : object
        Room for `room(sigma, first_row, step)` numbers.
    d_eta, d_cutpoints : object
        Filled with the gradients by eta, shape (row,), and by the cutpoints, shape (K - 1,).

    Returns
    -------
    float, float
        The log-density, and its gradient by sigma; -inf and 0 where there is no density, or an
        argument is not a number.
    """
    d_eta[:] = 0.0
    d_cutpoints[:] = 0.0
    usable = sigma > 0.0 and np.isfinite(sigma) and _finite(eta) and _finite(cutpoints)
    total = _gaps(cutpoints, code, d_cutpoints) if usable else -np.inf
    if total == -np.inf:
        d_cutpoints[:] = 0.0
        return total, 0.0
    d_sigma = 0.0
    grid = _grid(sigma, _edges(cutpoints), first_row, step, WIDEST, reach, space)
    for site in range(first_row.size - 1):
        start, stop = first_row[site], first_row[site + 1]
        if start < stop:
            value, slope, spacing = _site(
                eta, cutpoints, code, start, stop, grid, d_eta, d_cutpoints
            )
            if spacing > 0.0:
                value, slope = _careful_site(
                    eta, cutpoints, sigma, code, start, stop, spacing, d_eta, d_cutpoints
                )
            total += value - 0.5 * np.log(2.0 * np.pi)
            d_sigma += slope
    return total, d_sigma


@_lean
def _place(sums, mass):  # type: ignore[no-untyped-def]
    """How many of the sums, which increase, are below a mass; by bisection."""
    low, high = 0, sums.size
    while low < high:
        middle = (low + high) // 2
        if sums[middle] < mass:
            low = middle + 1
        else:
            high = middle
    return low


@_inlined
def _draw(eta, cutpoints, code, start, stop, grid, u):  # type: ignore[no-untyped-def]
    """The cell of one site's effect, drawn by a standard uniform number: its centre and width."""
    plan = _plan(eta, code, start, stop, grid)
    width = _width(grid, plan.level)
    product, inside, below, above = grid.product, 0.0, 0.0, 0.0
    if plan.level < _CAREFUL:
        inside, below, above, _ = _product(eta, cutpoints, code, start, stop, plan, grid)
    if not inside + below + above > _UNDERFLOW:
        z0, width, weight, _ = _carefully(eta, cutpoints, grid.sigma, code, start, stop, width)
        for i in range(1, weight.size):
            weight[i] += weight[i - 1]
        return z0 + width * _place(weight, u * weight[-1]), width
    last = _last(width)
    sums = grid.weight[plan.level, 2, : 2 * last + 2]
    mass = u * (inside + below + above)
    if mass < below:
        node = _place(sums, mass) - 1
    elif mass < below + inside:
        node = plan.first + last
        mass -= below + product[0]
        while mass > 0.0:
            node += 1
            mass -= product[node - plan.first - last]
    else:
        behind = plan.first + last + plan.n
        node = _place(sums, sums[behind] + mass - below - inside) - 1
    return width * (min(max(node, 0), 2 * last) - last), width


@_threadable
def draw_site_effects(  # type: ignore[no-untyped-def]
    eta, cutpoints, sigma, code, first_row, uniform, step=0.4, reach=REACH
):
    """`ordinal.draw_site_effects` for the logit.

    The integrand on a grid of `step` logits is the distribution to draw from; spreading a drawn
    node evenly over its cell adds a variance of step^2 / 12, 0.4 % of that of the logistic noise.
    """
    effects = np.empty((sigma.size, first_row.size - 1))
    for draw in range(sigma.size):
        space = np.empty(room(sigma[draw], first_row, step, 0.1))
        edges = _edges(cutpoints[draw])
        grid = _grid(sigma[draw], edges, first_row, step, 0.1, reach, space)
        for site in range(first_row.size - 1):
            centre, width = _draw(
                eta[draw],
                cutpoints[draw],
                code,
                first_row[site],
                first_row[site + 1],
                grid,
                uniform[draw, site, 0],
            )
            effects[draw, site] = centre + width * (uniform[draw, site, 1] - 0.5)
    return effects


_REALS, _INTEGERS = types.CPointer(types.float64), types.CPointer(types.int64)
SIGNATURE = types.void(
    *(_REALS, _REALS, types.float64, _INTEGERS, _INTEGERS),
    *(types.int64, types.int64, types.int64, types.float64, types.float64),
    *(_REALS, types.int64, _REALS),
)


def at_addresses(  # type: ignore[no-untyped-def]
    eta, cutpoints, sigma, code, first_row, n_rows, top, n_sites, step, reach, space, n_space, out
):
    """`log_density` for arrays by their addresses; SIGNATURE states their types.

    `out` receives the log-density, its gradients by eta and the cutpoints, and that by sigma.
    """
    results = numba.carray(out, n_rows + top + 2)
    results[0], results[n_rows + top + 1] = log_density(
        numba.carray(eta, n_rows),
        numba.carray(cutpoints, top),
        sigma,
        numba.carray(code, n_rows),
        numba.carray(first_row, n_sites + 1),
        step,
        reach,
        numba.carray(space, n_space),
        results[1 : n_rows + 1],
        results[n_rows + 1 : n_rows + top + 1],
    )


@functools.cache
def compiled() -> Any:
    """`at_addresses` in machine code: compiled once a machine, then read from the disk."""
    return numba.cfunc(SIGNATURE, cache=True)(at_addresses)
