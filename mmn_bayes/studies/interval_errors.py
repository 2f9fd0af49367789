"""Monte Carlo errors of an estimate, its sd and the limits of its interval."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from mmn_bayes.posterior.diagnostics import LEAST_ESS
from mmn_bayes.studies.row_draws import RowDraws, numbers_of

_MOST_SKEWED = 1.9  # sd of a logarithm beyond which skewness tells the shape no more
_MOST_KURTOSIS = 100.0
_LARGEST_LATTICE = 200


def set_family(
    table: pd.DataFrame,
    rows: RowDraws,
    family: tuple[str, ...],
    error: pd.DataFrame,
    step: pd.DataFrame,
) -> None:
    """Set the errors of one estimate, its limits and its sd."""
    middle, lower, upper, spread, given = family
    if lower not in table or upper not in table:
        # An estimate without limits; other names that begin a family may be data without them.
        if middle == "estimate" and middle in table:
            error[middle] = np.where(rows.drawn, error_alone(table, rows, middle, given), np.nan)
        return
    low, high = numbers_of(table, lower), numbers_of(table, upper)
    centre = numbers_of(table, middle) if middle in table else (low + high) / 2.0
    # Only of the first family is the shown scale that of the estimate; odds ratios are always odds.
    logs = (rows.logs & (family[0] in ("estimate", ""))) | (middle == "odds_ratio")
    logs = logs & (low > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = [np.where(logs, np.log(value), value) for value in (low, centre, high)]
    lattice = _lattice(low, high)
    # On a lattice the mean may lie outside the interval; its limits tell of no skewness.
    middles = np.where(lattice > 0.0, (ends[0] + ends[2]) / 2.0, ends[1])
    shape, unit = _shape(ends[0], middles, ends[2], rows.tail)
    sd = unit * np.sqrt(np.expm1(shape**2) + (shape == 0.0)) * np.exp(shape**2 / 2.0)
    if spread in table:
        # A mean of few draws far out says more than the limits do.
        sd = np.fmax(sd, np.where(logs, sd, numbers_of(table, spread)))
    ess, ess_tail = rows.ess, rows.ess_tail
    mean = sd / np.sqrt(ess)
    if given in table:
        mcse = numbers_of(table, given)
        mean = np.where(np.isfinite(mcse), mcse, mean)
        if not rows.told:
            with np.errstate(divide="ignore", invalid="ignore"):
                ess = np.where(mcse > 0.0, (sd / mcse) ** 2, LEAST_ESS)
            ess_tail = ess / 2.0  # of tails it is as a rule the smaller one
    # The median of a normal distribution is known to 1.25 times the error of the mean.
    mean = mean * (1.25 if rows.medians else 1.0)
    z = norm.isf(rows.tail)
    at = np.sqrt(rows.tail * (1.0 - rows.tail) / ess_tail) * unit / norm.pdf(z)
    slope = np.where(shape == 0.0, 1.0, np.abs(shape))
    limits = {lower: at * slope * np.exp(-shape * z), upper: at * slope * np.exp(shape * z)}
    for name, own in {middle: mean, **limits}.items():
        if name in table:
            scale = np.where(logs, numbers_of(table, name), 1.0)
            own = np.where(low == high, mean * 0.0, own) if name != middle else own
            error[name] = np.where(rows.drawn & np.isfinite(own), own * scale, np.nan)
    if spread in table:
        fourth = np.minimum(_kurtosis(shape), _MOST_KURTOSIS)
        own = numbers_of(table, spread) * np.sqrt((fourth - 1.0) / (4.0 * ess))
        # Where the interval is a point, few draws lie outside: all that the sd is made of.
        own = np.where(low == high, numbers_of(table, spread), own)
        error[spread] = np.where(rows.drawn, own, np.nan)
    for name in (lower, upper):
        step[name] = np.where(rows.drawn, lattice, 0.0)


def error_alone(table: pd.DataFrame, rows: RowDraws, middle: str, given: str) -> np.ndarray:
    """Error of an estimate without an interval: its mcse, or by its sd."""
    if given in table:
        return numbers_of(table, given)
    sd = numbers_of(table, "sd") if "sd" in table else np.abs(numbers_of(table, middle))
    return sd / np.sqrt(rows.ess)


_SHAPES = np.linspace(0.0, _MOST_SKEWED, 400)


def _shape(
    low: np.ndarray, centre: np.ndarray, high: np.ndarray, tail: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Skewness and unit of the shifted log-normal with these limits and mean.

    The sd of the logarithm, negative where the long side is the lower one, and the scale of the
    exponential; of a normal distribution 0 and its sd.
    """
    shape, unit = np.zeros(low.size), np.full(low.size, np.nan)
    for one in np.unique(tail):
        z, here = norm.isf(one), tail == one
        with np.errstate(divide="ignore", invalid="ignore"):
            up, down = high[here] - centre[here], centre[here] - low[here]
            # A mean outside its interval has a tail as long as any.
            long = np.where(np.minimum(up, down) <= 0.0, np.inf, np.maximum(up / down, down / up))
        mean = np.exp(_SHAPES**2 / 2.0)
        sides = (np.exp(z * _SHAPES) - mean) / (mean - np.exp(-z * _SHAPES) + (_SHAPES == 0.0))
        sides[0] = 1.0
        most = int(np.argmax(sides))
        found = np.interp(np.nan_to_num(long, nan=1.0), sides[: most + 1], _SHAPES[: most + 1])
        found = np.where(found < 0.02, 0.0, found)  # as good as normal
        width = np.abs(high[here] - low[here])
        spread = np.where(found == 0.0, 2.0 * z, 2.0 * np.sinh(found * z))
        shape[here], unit[here] = np.where(up >= down, found, -found), width / spread
    return shape, unit


def _kurtosis(shape: np.ndarray) -> np.ndarray:
    """Of a log-normal distribution whose logarithm has this sd; 3 where it is 0."""
    w = np.exp(shape**2)
    return w**4 + 2.0 * w**3 + 3.0 * w**2 - 3.0


def _lattice(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Step of the lattice of shares of n on which both limits lie, 0 where they lie on none."""
    step = np.zeros(low.size)
    for n in range(_LARGEST_LATTICE, 1, -1):
        both = np.stack([low, high]) * n
        with np.errstate(invalid="ignore"):
            on = (np.abs(both - np.round(both)) < 1e-7).all(axis=0) & (low != high)
        step = np.where(on, 1.0 / n, step)
    return step
