"""Mixtures of betas: fitted to draws of a rate, brought up to date by counts, weighed in patients.

A mixture is a table with the columns `weight`, `alpha`, `beta`, one row a component.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize
from scipy.special import betaln, digamma, expit, logit, logsumexp
from scipy.stats import beta as beta_law
from scipy.stats import betabinom

_MOST_COMPONENTS = 4
_LARGEST = 1e6  # of a shape; the smallest is 1, so that no component has a pole
# Independent draws that a component holds at least: of fewer nobody can say that they are more than
# chance put together (the bump that 40 of 8,000 draws made was worth 20 patients).
LEAST_DRAWS = 50.0
# A rate nearer to 0 or 1 counts as this near: no number of patients tells them apart, and numbers
# of a computer are rounded to 0 and 1.
_NEAREST = 1e-6
_SEARCHED = 2000  # draws at most that starts are tried on, and fits without a batch are of
_BATCHES = 20  # that are left out in turn


def fit_mixture(
    values: np.ndarray, n_components: int | None = None, *, ess: float | None = None
) -> pd.DataFrame:
    """Fit a mixture of betas to draws of a rate by maximum likelihood.

    Parameters
    ----------
    values : ndarray
        Draws from 0 to 1; any shape. What is nearer to 0 or 1 than a millionth counts as a
        millionth.
    n_components : int or None, optional
        How many; without it that number of 1 to 4 with the smallest Bayesian criterion.
    ess : float or None, optional
        How many independent draws these are worth; by default all are independent. The criterion
        counts those, and they bound the components: each holds at least 50, and one with m of them
        has in log odds a sd of at least that of the draws, divided by the root of m. What is
        narrower or lighter is chance, and makes a prior worth patients that are not there.

    Returns
    -------
    DataFrame
        `weight`, `alpha`, `beta` (both at least 1, so that the prior is bounded), the heaviest
        component first; `log_density` (mean over the draws) and `bic`, the same in all rows.

    Raises
    ------
    ValueError
        When a value is no rate, or there are fewer than 10 different ones.

    References
    ----------
    Schmidli et al., Biometrics 2014;70:1023 (mixtures for meta-analytic-predictive priors).
    """
    rates = usable_rates(values)
    ess = float(rates.size) if ess is None else min(float(ess), float(rates.size))
    if not ess >= 1.0:
        raise ValueError(f"ess is {ess:g}; give a number of independent draws of at least 1.")
    most = max(1, min(_MOST_COMPONENTS, int(ess // (2.0 * LEAST_DRAWS))))
    numbers = range(1, most + 1) if n_components is None else [n_components]
    best: pd.DataFrame | None = None
    for number in numbers:
        fitted = _most_likely(rates, number, ess, best)
        if best is not None and not fitted["bic"].iloc[0] < best["bic"].iloc[0]:
            break  # one more component is not worth it, nor are two
        best = fitted
    assert best is not None
    return best


def usable_rates(values: np.ndarray) -> np.ndarray:
    """Return draws of a rate, sorted and off 0 and 1 by a millionth; raise if they are none."""
    rates = np.sort(np.ravel(np.asarray(values, dtype=float)))
    if np.isnan(rates).any():
        raise ValueError(
            f"{np.isnan(rates).sum()} of {rates.size} draws of the rate are not numbers; a mixture "
            "of betas needs a rate in every draw."
        )
    if not ((rates >= 0.0) & (rates <= 1.0)).all():
        raise ValueError("A mixture of betas is fitted to rates from 0 to 1; some lie outside.")
    rates = np.clip(rates, _NEAREST, 1.0 - _NEAREST)
    if np.unique(rates).size < 10:
        raise ValueError(
            "Fewer than 10 different rates; a mixture cannot be fitted to them: give more draws, "
            "or, where nearly all are 0 or 1, a model whose priors allow rates between."
        )
    return rates


def narrowest_resolved(mixture: pd.DataFrame, values: np.ndarray, ess: float) -> np.ndarray:
    """Return of each component the smallest sd of log odds that the draws resolve; (component,)."""
    return _spread(usable_rates(values)) / np.sqrt(mixture["weight"].to_numpy() * ess)


def sd_of_log_odds(mixture: pd.DataFrame) -> np.ndarray:
    """Return of each component its sd in log odds, to first order; shape (component,)."""
    return np.sqrt(1.0 / mixture["alpha"].to_numpy() + 1.0 / mixture["beta"].to_numpy())


def without_batches(values: np.ndarray, mixture: pd.DataFrame, ess: float) -> list[pd.DataFrame]:
    """Fit a mixture again without each of 20 batches of its draws, of as many components.

    Parameters
    ----------
    values : ndarray
        The draws, shape (chain, draw): a batch is a stretch of one chain, or of several.
    mixture, ess : DataFrame, float
        What `fit_mixture` made of them, from which the search goes on, and for how many
        independent draws.

    Returns
    -------
    list of DataFrame
        As `fit_mixture`. By how much a number differs between them says how far it hangs on the
        draws that there happen to be (`jackknife_error`).
    """
    draws = np.asarray(values, dtype=float)
    batch = np.arange(draws.size) * _BATCHES // draws.size
    start = mixture[["weight", "alpha", "beta"]].to_numpy()
    left = ess * (1.0 - 1.0 / _BATCHES)
    fits = []
    for number in range(_BATCHES):
        rates = _evenly_spaced(usable_rates(draws.ravel()[batch != number]))
        fits.append(_as_mixture(*_climbed(rates, start, left, 1e-9), left))
    return fits


def jackknife_error(values: Sequence[float]) -> float:
    """Return the Monte Carlo standard error of a number, of what it is without each batch."""
    found = np.asarray(values, dtype=float)
    return float(np.sqrt((found.size - 1.0) / found.size * ((found - found.mean()) ** 2).sum()))


def _most_likely(
    rates: np.ndarray, n_components: int, ess: float, smaller: pd.DataFrame | None
) -> pd.DataFrame:
    """The mixture of so many components with the largest likelihood found from several starts.

    The starts are tried on evenly spaced draws; the best one goes on to all.
    """
    few = _evenly_spaced(rates)
    tried = [_climbed(few, start, ess, 1e-8) for start in _starts(few, n_components, smaller)]
    best, _ = max(tried, key=lambda found: found[1])
    return _as_mixture(*_climbed(rates, best, ess, 1e-12), ess)


def _evenly_spaced(rates: np.ndarray) -> np.ndarray:
    """At most 2,000 of sorted rates: they have the distribution of all, to a part in 4,000."""
    step = -(-rates.size // _SEARCHED)
    return rates[step // 2 :: step]


def _as_mixture(components: np.ndarray, log_density: float, ess: float) -> pd.DataFrame:
    ordered = components[np.argsort(-components[:, 0], kind="stable")]
    table = pd.DataFrame(ordered, columns=["weight", "alpha", "beta"])
    free = 3 * len(components) - 1
    return table.assign(log_density=log_density, bic=np.log(ess) * free - 2.0 * log_density * ess)


def _starts(rates: np.ndarray, k: int, smaller: pd.DataFrame | None) -> list[np.ndarray]:
    """Where to begin, shape (component, 3) each; no random number enters."""
    parts = np.array_split(rates, k)  # of equal size
    a, b = _by_moments(rates)
    # About one centre, from twice as wide to as narrow again: what studies that differ look like.
    spreads = np.geomspace(0.4, 4.0, k) if k > 1 else np.ones(1)
    starts = [
        np.array([(1.0 / k, *_by_moments(part)) for part in parts]),
        np.array([(1.0 / k, max(a * s, 1.0), max(b * s, 1.0)) for s in spreads]),
    ]
    if smaller is not None and len(smaller) == k - 1:
        # The one with a component less, its heaviest split in a wide and a narrow one.
        (weight, alpha, beta), *others = smaller[["weight", "alpha", "beta"]].to_numpy()
        for by in (3.0, 1.0 / 3.0):
            other = (0.4 * weight, max(alpha * by, 1.0), max(beta * by, 1.0))
            starts.append(np.array([(0.6 * weight, alpha, beta), other, *others]))
    return starts


def _climbed(
    rates: np.ndarray, start: np.ndarray, ess: float, tolerance: float
) -> tuple[np.ndarray, float]:
    """Components with the largest likelihood near a start, shape (component, 3); mean log density.

    By quasi-Newton steps (sequential quadratic programming) in weights and logs of shapes: where
    components overlap, EM takes thousands of steps for what these find in fifty.
    """
    logs = np.stack([np.log(rates), np.log1p(-rates)])
    k = len(start)
    lightest = min(LEAST_DRAWS / ess, 0.5 / k) if k > 1 else 1.0
    resolved = np.log(ess) - 2.0 * np.log(_spread(rates))

    def cost(point: np.ndarray) -> tuple[float, np.ndarray]:
        weight, shapes = point[:k], np.exp(point[k:].reshape(2, k)).T
        joint = _log_components(logs, weight, shapes)
        top = joint.max(axis=0)
        share = np.exp(joint - top)
        total = share.sum(axis=0)
        share /= total
        sums = share.sum(axis=1) / rates.size
        means = share @ logs.T / rates.size
        expected = digamma(shapes) - digamma(shapes.sum(axis=1, keepdims=True))
        by_shape = (means - sums[:, None] * expected) * shapes
        slope = np.concatenate([sums / weight, by_shape.T.ravel()])
        return -float((top + np.log(total)).mean()), -slope

    def wide_enough(point: np.ndarray) -> np.ndarray:
        variance = np.exp(-point[k:]).reshape(2, k).sum(axis=0)
        return np.log(variance) + np.log(point[:k]) + resolved

    def its_slope(point: np.ndarray) -> np.ndarray:
        each = np.exp(-point[k:]).reshape(2, k)
        share = each / each.sum(axis=0)
        return np.hstack([np.diag(1.0 / point[:k]), np.diag(-share[0]), np.diag(-share[1])])

    weight = np.maximum(start[:, 0], lightest)
    found = minimize(
        cost,
        np.concatenate([weight / weight.sum(), np.log(start[:, 1]), np.log(start[:, 2])]),
        jac=True,
        method="SLSQP",
        bounds=[(lightest, 1.0)] * k + [(0.0, np.log(_LARGEST))] * (2 * k),
        constraints=[
            {
                "type": "eq",
                "fun": lambda point: np.array([point[:k].sum() - 1.0]),
                "jac": lambda point: np.concatenate([np.ones(k), np.zeros(2 * k)])[None],
            },
            {"type": "ineq", "fun": wide_enough, "jac": its_slope},
        ],
        options={"maxiter": 500, "ftol": tolerance},
    )
    reached = np.isfinite(found.x).all() and np.min(wide_enough(found.x)) > -1e-3
    weight = found.x[:k] / found.x[:k].sum()
    log_density = -float(found.fun) if reached and np.isfinite(found.fun) else -np.inf
    return np.stack([weight, *np.exp(found.x[k:].reshape(2, k))], axis=1), log_density


def _spread(rates: np.ndarray) -> float:
    """The sd of log odds, of the middle half where tails would make it larger."""
    odds = logit(rates)
    low, high = np.quantile(odds, [0.25, 0.75])
    sd = float(odds.std())
    return min(sd, float(high - low) / 1.349) or sd


def _log_components(logs: np.ndarray, weight: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Log of weight times density, shape (component, value)."""
    a, b = shapes[:, 0, None], shapes[:, 1, None]
    return np.log(weight)[:, None] + (a - 1.0) * logs[0] + (b - 1.0) * logs[1] - betaln(a, b)


def _by_moments(rates: np.ndarray) -> tuple[float, float]:
    mean, variance = rates.mean(), max(rates.var(), 1e-8)
    n = max(mean * (1.0 - mean) / variance - 1.0, 2.0)
    return max(mean * n, 1.0), max((1.0 - mean) * n, 1.0)


def density(mixture: pd.DataFrame, rate: Any) -> np.ndarray:
    """Return the density of a mixture at rates; the shape of `rate`."""
    return _summed(mixture, beta_law.pdf, rate)


def cumulative(mixture: pd.DataFrame, rate: Any) -> np.ndarray:
    """Return the probability that the rate is at most each of some; the shape of `rate`."""
    return _summed(mixture, beta_law.cdf, rate)


def _summed(mixture: pd.DataFrame, of_one: Callable[..., Any], rate: Any) -> np.ndarray:
    rate = np.asarray(rate, dtype=float)
    parts = zip(mixture["weight"], mixture["alpha"], mixture["beta"], strict=True)
    return np.asarray(sum(w * of_one(rate, a, b) for w, a, b in parts))


def moments(mixture: pd.DataFrame) -> tuple[float, float]:
    """Return mean and standard deviation of the rate."""
    w, a, b = (mixture[name].to_numpy() for name in ("weight", "alpha", "beta"))
    means = a / (a + b)
    mean = float(w @ means)
    second = float(w @ (means * (1.0 - means) / (a + b + 1.0) + means**2))
    return mean, float(np.sqrt(second - mean**2))


def quantile(mixture: pd.DataFrame, probability: float) -> float:
    """Return the rate below which a mixture has a probability strictly between 0 and 1."""
    return float(brentq(lambda p: cumulative(mixture, p) - probability, 0.0, 1.0, xtol=1e-12))


def updated(mixture: pd.DataFrame, events: int, n: int) -> pd.DataFrame:
    """Return the mixture after so many events of n: each component by Bayes' rule, and its weight.

    Parameters
    ----------
    mixture : DataFrame
        The prior.
    events, n : int
        Events, and patients in all (0 leaves the prior as it is).

    Returns
    -------
    DataFrame
        As `mixture`, with new `weight`, `alpha` and `beta`.

    Raises
    ------
    ValueError
        When the counts do not make a proportion.
    """
    if not 0 <= events <= n:
        raise ValueError(f"{events} events of {n} patients; events must lie between 0 and n.")
    a, b = mixture["alpha"] + events, mixture["beta"] + (n - events)
    with np.errstate(divide="ignore"):  # a component of weight 0 keeps it
        log_weight = np.log(mixture["weight"].to_numpy())
    log_weight = log_weight + betaln(a, b) - betaln(mixture["alpha"], mixture["beta"])
    weight = np.exp(log_weight - logsumexp(log_weight))
    return mixture.assign(weight=weight, alpha=a, beta=b)


def predicted_events(mixture: pd.DataFrame, n: int) -> np.ndarray:
    """Return the probability of 0, 1, ..., n events among n new patients; shape (n + 1,)."""
    parts = zip(mixture["weight"], mixture["alpha"], mixture["beta"], strict=True)
    return np.asarray(sum(w * betabinom.pmf(np.arange(n + 1), n, a, b) for w, a, b in parts))


def effective_sample_size(mixture: pd.DataFrame) -> float:
    """Return the effective sample size of a prior of a rate (expected local information ratio).

    The mean over the prior of its own information, -(log p)''(rate), over that of one patient,
    1 / (rate (1 - rate)). Integrated by parts it is 2 plus the mean of (log p)'(rate)^2 rate
    (1 - rate) where p is 0 at both ends; that form is used throughout, so that shapes of 1 give the
    limit of shapes just above. For a single beta it is alpha + beta.

    Parameters
    ----------
    mixture : DataFrame
        One row a beta component: `weight`, `alpha`, `beta` (both at least 1).

    Returns
    -------
    float
        How many patients the prior is worth.

    References
    ----------
    Neuenschwander et al., Biometrics 2020;76:578.

    Examples
    --------
    Of a beta with 14 responders and 6 others, and of the same with a vague component added:

    >>> one = pd.DataFrame({"weight": [1.0], "alpha": [14.0], "beta": [6.0]})
    >>> mb.evidence.effective_sample_size(one)
    20.0
    >>> two = pd.DataFrame({"weight": [0.9, 0.1], "alpha": [14.0, 1.0], "beta": [6.0, 1.0]})
    >>> round(mb.evidence.effective_sample_size(two), 1)
    15.7
    """
    mixture = mixture[mixture["weight"] > 0.0]
    weight, a, b = (mixture[name].to_numpy(dtype=float) for name in ("weight", "alpha", "beta"))
    if len(mixture) == 1:
        return float(a[0] + b[0])

    # Gauss-Legendre between quantiles of every component, so that no narrow one is missed.
    odds = np.concatenate([logit(beta_law.ppf(q, a, b)) for q in _TAILS])
    odds = np.concatenate([odds, *(-logit(beta_law.ppf(q, b, a)) for q in _TAILS)])
    # The integrand falls as (1 - rate)^(beta - 1): slowly, where a shape is just above 1.
    beyond = 2.0 ** np.arange(1, 21)
    edges = np.unique([*odds, *(odds.min() * beyond), *(odds.max() * beyond)])
    at, share = np.polynomial.legendre.leggauss(20)
    half = 0.5 * np.diff(edges)[:, None]
    log_odds = (edges[:-1, None] + half * (at + 1.0)).ravel()
    p, q = expit(log_odds), expit(-log_odds)
    logs = np.stack([-np.logaddexp(0.0, -log_odds), -np.logaddexp(0.0, log_odds)])
    joint = _log_components(logs, weight, np.stack([a, b], axis=1))
    total = logsumexp(joint, axis=0)
    # Of the log density by the rate, times p q; so is the step from log odds to the rate.
    slope = (np.exp(joint - total) * ((a - 1.0)[:, None] * q - (b - 1.0)[:, None] * p)).sum(axis=0)
    return 2.0 + float((half * share).ravel() @ (np.exp(total) * slope**2))


# Of the lower half, by which the rates are cut where they are integrated over.
_TAILS = (1e-15, 1e-10, 1e-7, 1e-5, 1e-4, 1e-3, 0.01, 0.04, 0.1, 0.2, 0.35, 0.5)
