"""Monte Carlo errors of the numbers of a stored table, from the table alone.

Made of other draws, a number of a table comes out within its Monte Carlo error. Where the table
tells that error (`mcse`, effective sample sizes), it is taken; where it does not, the effective
sample size is taken to be `LEAST_ESS`, below which no fit passes the gate that every stored one has
passed: the error is then too large, never too small, and what is missed by that is small.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from mmn_bayes.outcomes.evidence.mixtures import moments, quantile
from mmn_bayes.posterior.diagnostics import LEAST_ESS
from mmn_bayes.report.formatting import OF_DRAWS

# Groups of columns that are one estimate: what comes before and after their names.
_FAMILIES = (
    ("estimate", "lower", "upper", "sd", "mcse"),
    ("odds_ratio", "odds_ratio_lower", "odds_ratio_upper", "", ""),
    ("change", "change_lower", "change_upper", "", ""),
    ("", "prior_lower", "prior_upper", "", ""),
    *(
        tuple(f"{name}_{of}" for name in ("mean", "lower", "upper", "sd", "mcse"))
        for of in ("alone", "apart", "joint")
    ),
)
# Of these a ratio is shown, and the error is that of its logarithm.
_RATIOS = ("odds ratio", "rate ratio")
_MOST_SKEWED = 1.9  # sd of a logarithm beyond which skewness tells the shape no more
_MOST_KURTOSIS = 100.0
_LARGEST_LATTICE = 200


class Errors(NamedTuple):
    """Of each cell of a table: its standard error, and by how much it may jump besides.

    `error` is missing where a cell does not hang on draws and must be the same again; `step` is the
    width of the lattice on which a limit lies, 0 where it lies on none.
    """

    error: pd.DataFrame
    step: pd.DataFrame


def is_mixture(table: pd.DataFrame) -> bool:
    """Whether a table is a mixture of betas, whose parts have no meaning of their own."""
    return {"component", "weight", "alpha", "beta"} <= set(table.columns)


def mixture_as_estimates(table: pd.DataFrame) -> pd.DataFrame:
    """Return what a mixture says of the rate, which other parts may say as well.

    Parameters
    ----------
    table
        A mixture of betas that was fitted to draws.

    Returns
    -------
    DataFrame
        One row, with what is the same in all rows of the mixture, and mean, sd and the limits of
        the 95 % interval as an estimate.
    """
    mean, sd = moments(table)
    limits = {"lower": quantile(table, 0.025), "upper": quantile(table, 0.975)}
    same = table.drop(columns=["component", "weight", "alpha", "beta"]).iloc[[0]]
    own = {"estimate": mean, "sd": sd, **limits, "level": 0.95, "interval": "eti"}
    return pd.concat([same.reset_index(drop=True), pd.DataFrame([own])], axis=1)


def errors_of(table: pd.DataFrame) -> Errors:
    """Return the Monte Carlo error of every cell of a table.

    Parameters
    ----------
    table
        As it was written and read back.

    Returns
    -------
    Errors
        Two tables of the index and columns of `table`.

        - A mean: its `mcse`; otherwise sd / sqrt(ESS).
        - A limit of an interval: sqrt(p (1 - p) / ESS) / f, with p its tail probability, the ESS of
          the tails, and f the density there of the shifted log-normal distribution (a normal one
          where there is no skewness) that has the same limits and mean. That is exact for normal
          and log-normal posteriors; of gamma and beta ones it is right to a quarter, on a short
          side that ends at 0 half too large. A normal distribution is not: on the long side of a
          skewed posterior the density is several times less. On a lattice (shares of n patients) a
          limit may also jump by one step.
        - An sd: by the kurtosis of that distribution. A probability: binomial, with one draw added
          on either side, so that 0 and 1 have an error too.
        - A share of variance removed: that of two variances; a correlation: (1 - r^2) / sqrt(ESS).
        - A log-density of who was left out by importance sampling: S^-(1 - k) for Pareto k above a
          half (Vehtari et al., JMLR 2024;25(72)), S^-(1/2) below; k itself by the number of draws
          of its tail.
    """
    columns = table.columns
    error = pd.DataFrame(np.nan, index=table.index, columns=columns)
    step = pd.DataFrame(0.0, index=table.index, columns=columns)
    rows = _Rows(table)
    for family in _FAMILIES:
        _of_family(table, rows, family, error, step)
    for name in columns:
        for pattern, beside, rule in _RULES:
            if re.fullmatch(pattern, name) and beside <= set(columns) and error[name].isna().all():
                error[name] = np.where(rows.drawn, rule(table, rows, name), np.nan)
    if "tail" in columns and "probability" in columns:
        # Two counts that are nearly as likely change places: a tail has one more, or one less.
        step["tail"] = table["probability"].to_numpy(dtype=float)
    return Errors(error, step)


class _Rows:
    """What a row says of its draws."""

    def __init__(self, table: pd.DataFrame):
        n = len(table)
        # Draws of a prior are independent, and their number is their effective sample size.
        of_prior = ("draws",) if "distribution" in table else ()
        self.ess = _first_of(table, ("ess_bulk", *of_prior), LEAST_ESS)
        self.ess_tail = _first_of(table, ("ess_tail", "ess_bulk", *of_prior), LEAST_ESS)
        self.told = {"ess_bulk", *of_prior} & set(table.columns)
        level = _numbers(table, "level") if "level" in table else np.full(n, 0.95)
        self.tail = np.where(np.isfinite(level), (1.0 - level) / 2.0, 0.025)
        if "interval" in table:
            of_draws = table["interval"].isin(list(OF_DRAWS)).to_numpy()
            # Simultaneous limits lie further out; with up to four classes at a quarter of the tail.
            together = table["interval"].astype(str).str.contains("simultaneous").to_numpy()
            self.tail = np.where(of_draws & together, self.tail / 4.0, self.tail)
        else:
            of_draws = np.ones(n, dtype=bool)
        self.drawn = of_draws
        scales = table["scale"] if "scale" in table else table.get("ratio", pd.Series("", range(n)))
        self.logs = scales.astype(str).isin(["odds_ratio", *_RATIOS]).to_numpy()
        self.medians = "ratio" in table
        self.k = _first_of(table, ("pareto_k", "worst_pareto_k"), 0.5)
        self.people = _first_of(table, ("n_patients", "n"), 40.0)


def _numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    return pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float)


def _first_of(table: pd.DataFrame, names: tuple[str, ...], otherwise: float) -> np.ndarray:
    """The first of some columns that a row has a number in."""
    found = np.full(len(table), np.nan)
    for name in names:
        if name in table:
            found = np.where(np.isfinite(found), found, _numbers(table, name))
    return np.where(np.isfinite(found), found, otherwise)


# --- an estimate and its interval ----------------------------------------------------------------


def _of_family(
    table: pd.DataFrame,
    rows: _Rows,
    family: tuple[str, ...],
    error: pd.DataFrame,
    step: pd.DataFrame,
) -> None:
    """Set the errors of one estimate, its limits and its sd."""
    middle, lower, upper, spread, given = family
    if lower not in table or upper not in table:
        # An estimate without limits; other names that begin a family may be data without them.
        if middle == "estimate" and middle in table:
            error[middle] = np.where(rows.drawn, _alone(table, rows, middle, given), np.nan)
        return
    low, high = _numbers(table, lower), _numbers(table, upper)
    centre = _numbers(table, middle) if middle in table else (low + high) / 2.0
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
        sd = np.fmax(sd, np.where(logs, sd, _numbers(table, spread)))
    ess, ess_tail = rows.ess, rows.ess_tail
    mean = sd / np.sqrt(ess)
    if given in table:
        mcse = _numbers(table, given)
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
            scale = np.where(logs, _numbers(table, name), 1.0)
            own = np.where(low == high, mean * 0.0, own) if name != middle else own
            error[name] = np.where(rows.drawn & np.isfinite(own), own * scale, np.nan)
    if spread in table:
        fourth = np.minimum(_kurtosis(shape), _MOST_KURTOSIS)
        own = _numbers(table, spread) * np.sqrt((fourth - 1.0) / (4.0 * ess))
        # Where the interval is a point, few draws lie outside: all that the sd is made of.
        own = np.where(low == high, _numbers(table, spread), own)
        error[spread] = np.where(rows.drawn, own, np.nan)
    for name in (lower, upper):
        step[name] = np.where(rows.drawn, lattice, 0.0)


def _alone(table: pd.DataFrame, rows: _Rows, middle: str, given: str) -> np.ndarray:
    """Error of an estimate without an interval: its mcse, or by its sd."""
    if given in table:
        return _numbers(table, given)
    sd = _numbers(table, "sd") if "sd" in table else np.abs(_numbers(table, middle))
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


# --- other columns -------------------------------------------------------------------------------

_Rule = Callable[[pd.DataFrame, _Rows, str], np.ndarray]


def _binomial(table: pd.DataFrame, rows: _Rows, name: str) -> np.ndarray:
    p = (np.clip(_numbers(table, name), 0.0, 1.0) * rows.ess + 1.0) / (rows.ess + 2.0)
    return np.sqrt(p * (1.0 - p) / rows.ess)


def _removed(table: pd.DataFrame, rows: _Rows, name: str) -> np.ndarray:
    """Of 1 less a ratio of two variances, each known to 2 sqrt(2 / ESS), as of a skewed law."""
    removed = _numbers(table, name)
    kept = removed if name == "shrinkage" else 1.0 - removed
    return np.abs(kept) * 2.0 * np.sqrt(2.0 / rows.ess) * np.sqrt(2.0)


def _correlation(table: pd.DataFrame, rows: _Rows, name: str) -> np.ndarray:
    return (1.0 - _numbers(table, name) ** 2 + 0.1) / np.sqrt(rows.ess)


def _by_importance(k: np.ndarray) -> np.ndarray:
    return LEAST_ESS ** -(1.0 - np.clip(k, 0.5, 1.0))


def _log_density(table: pd.DataFrame, rows: _Rows, name: str) -> np.ndarray:
    """Of one patient by its own Pareto k; of a sum of patients by the worst, which is too much."""
    own = _by_importance(rows.k)
    if name in ("added", "removed", "added_se", "removed_se"):
        given = _first_of(table, (f"{name.removesuffix('_se')}_mcse",), np.nan)
        by_sum = own * np.sqrt(2.0 * rows.people)
        return np.where(np.isfinite(given), given, by_sum)
    if "patient" in table:
        together = table["patient"] == "all patients"
        summed = np.sqrt(float((own[~together] ** 2).sum()))
        each = np.where(together, summed, own)
        fitted = _first_of(table, ("mcse",), 0.0)
        # A fit of 2 chains of 500 draws, whose own error the table has.
        return fitted if name == "exact_elpd" else np.hypot(each, fitted)
    return own * np.sqrt(rows.people) * (np.sqrt(2.0) if "difference" in name else 1.0)


def _spread(table: pd.DataFrame, rows: _Rows, name: str) -> np.ndarray:
    return _numbers(table, name) / np.sqrt(2.0 * rows.ess)


def _left_out_probability(table: pd.DataFrame, rows: _Rows, name: str) -> np.ndarray:
    p = np.clip(_numbers(table, name), 0.0, 1.0)
    return np.sqrt(p * (1.0 - p)) * _by_importance(rows.k)


def _pareto_k(table: pd.DataFrame, rows: _Rows, name: str) -> np.ndarray:
    """A shape fitted to the 3 sqrt(S) largest weights: known to (1 + k) / sqrt(their number)."""
    return (1.0 + np.abs(_numbers(table, name))) / np.sqrt(3.0 * np.sqrt(LEAST_ESS))


def _as_the_estimate(table: pd.DataFrame, rows: _Rows, name: str) -> np.ndarray:
    """What follows from an estimate has its relative error."""
    low, middle, high = (_numbers(table, column) for column in ("lower", "estimate", "upper"))
    relative = np.abs((high - low) / (2.0 * norm.isf(rows.tail) * middle))
    return np.abs(_numbers(table, name)) * relative / np.sqrt(rows.ess)


def _in_its_own_errors(table: pd.DataFrame, rows: _Rows, name: str) -> np.ndarray:
    return np.ones(len(table))


def _change(table: pd.DataFrame, rows: _Rows, name: str) -> np.ndarray:
    """An estimate less another: the errors of both."""
    return np.sqrt(2.0) * _alone(table, rows, "estimate", "mcse")


def _moved(table: pd.DataFrame, rows: _Rows, name: str) -> np.ndarray:
    both = np.hypot(_numbers(table, "mcse_joint"), _numbers(table, "mcse_apart"))
    return both / _numbers(table, "sd_apart")


def _of_mixture(table: pd.DataFrame, rows: _Rows, name: str) -> np.ndarray:
    """Moments and limits of draws and of the mixture fitted to them; their largest distance."""
    sd = float(table.loc[table["quantity"] == "sd", "draws"].iloc[0])
    own = {"mean": 1.0, "median": 1.25, "sd": 1.0}
    tails = 4.0  # of a limit of 95 %, twice as far out as a normal one has it
    each = [own.get(str(what), tails) * sd for what in table["quantity"]]
    distance = table["quantity"] == "largest distance"
    return np.where(distance, 0.5, each) / np.sqrt(LEAST_ESS)


def _benchmarked(table: pd.DataFrame, rows: _Rows, name: str) -> np.ndarray:
    """Means of an sd or an effect, whose posterior sd is at most a third of them, or of 1."""
    return np.maximum(np.abs(_numbers(table, name)), 1.0) / (3.0 * np.sqrt(rows.ess))


def _gap(table: pd.DataFrame, rows: _Rows, name: str) -> np.ndarray:
    """A shift in grades: by the mean gap between cutpoints, of which the sd is a tenth or less."""
    return np.abs(_numbers(table, name)) * 0.1 / np.sqrt(rows.ess)


def _patients_worth(table: pd.DataFrame, rows: _Rows, name: str) -> np.ndarray:
    """An effective sample size goes as 1 / variance, that of a skewed rate known to twice."""
    return _numbers(table, name) * 2.0 * np.sqrt(2.0 / LEAST_ESS)


def _count(table: pd.DataFrame, rows: _Rows, name: str) -> np.ndarray:
    """A count of draws, or of patients beyond a bound, is as uncertain as a Poisson one."""
    return np.sqrt(np.maximum(_numbers(table, name), 0.0) + 1.0)


# By name of a column, and of those that must stand beside it: a name alone may be one of data.
_RULES: tuple[tuple[str, set[str], _Rule], ...] = (
    ("p_above|p_below|p_within|prior_p_within", {"interval"}, _binomial),
    ("variance_removed|shrinkage", {"interval"}, _removed),
    ("correlation", {"goes_along_with"}, _correlation),
    ("elpd|exact_elpd|se|difference|se_difference", {"elpd", "good_k"}, _log_density),
    ("(added|removed)(_se)?", {"good_k"}, _log_density),
    ("probability", {"pareto_k"}, _left_out_probability),
    ("probability|tail|vague_weight", {"tail", "vague_weight"}, _binomial),
    ("sd", {"tail", "vague_weight"}, _spread),
    ("(worst_)?pareto_k", {"good_k"}, _pareto_k),
    ("tipping_correlation|sd_of_measure", {"sd_of_measure"}, _as_the_estimate),
    ("difference_mcse", {"mcse_joint"}, _in_its_own_errors),
    ("moved_sd", {"mcse_joint"}, _moved),
    ("change", {"source", "patients", "mcse"}, _change),
    ("draws|mixture|difference", {"draws", "mixture"}, _of_mixture),
    ("grades", {"delta", "estimate"}, _gap),
    ("ess", {"kind", "estimate"}, _patients_worth),
    ("mean_(patient_sd|site_sd|naive|dose_rate)", {"leapfrogs_per_draw"}, _benchmarked),
    ("n_above_good_k", {"good_k"}, _count),
    ("divergences", set(), _count),
)
