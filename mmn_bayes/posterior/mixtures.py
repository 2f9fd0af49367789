"""Mixtures of betas: fitted to draws of a rate, brought up to date by counts, weighed in patients.

A mixture is a table with the columns `weight`, `alpha`, `beta`, one row a component.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy.integrate import quad
from scipy.optimize import brentq, minimize
from scipy.special import betaln, digamma, expit, logit, logsumexp, softmax
from scipy.stats import beta as beta_law
from scipy.stats import betabinom

_MOST_COMPONENTS = 4
_LARGEST = 1e6  # of a shape; the smallest is 1, so that no component has a pole


def fit_mixture(values: np.ndarray, n_components: int | None = None) -> pd.DataFrame:
    """Fit a mixture of betas to draws of a rate by maximum likelihood.

    Parameters
    ----------
    values
        Draws strictly between 0 and 1; any shape.
    n_components
        How many; without it that number of 1 to 4 with the smallest Akaike criterion.

    Returns
    -------
    DataFrame
        `weight`, `alpha`, `beta` (both at least 1, so that the prior is bounded), the heaviest
        component first; `log_density` (mean over the draws) and `aic`, the same in all rows.

    Raises
    ------
    ValueError
        When a value is no rate, or there are fewer than 10 different ones.

    References
    ----------
    Schmidli et al., Biometrics 2014;70:1023 (mixtures for meta-analytic-predictive priors).
    """
    rates = np.ravel(np.asarray(values, dtype=float))
    if not ((rates > 0.0) & (rates < 1.0)).all():
        raise ValueError("A mixture of betas is fitted to rates strictly between 0 and 1.")
    if np.unique(rates).size < 10:
        raise ValueError("Fewer than 10 different rates; a mixture cannot be fitted to them.")
    numbers = range(1, _MOST_COMPONENTS + 1) if n_components is None else [n_components]
    fitted = [_most_likely(rates, number) for number in numbers]
    return min(fitted, key=lambda mixture: float(mixture["aic"].iloc[0]))


def _most_likely(rates: np.ndarray, n_components: int) -> pd.DataFrame:
    """The mixture of so many components with the largest likelihood found from one start.

    By quasi-Newton steps on log shapes and log-odds of weights: where components overlap, EM takes
    thousands of steps for what these find in a hundred.
    """
    logs = np.stack([np.log(rates), np.log1p(-rates)])
    # Parts of the sorted rates, of equal size: a start that no random number enters.
    parts = np.array_split(np.sort(rates), n_components)
    start = np.log(np.array([_by_moments(part) for part in parts])).T.ravel()
    k = n_components

    def cost(point: np.ndarray) -> tuple[float, np.ndarray]:
        weight = softmax(point[:k])
        shapes = np.exp(point[k:].reshape(2, k)).T
        joint = _log_components(logs, weight, shapes)
        total = logsumexp(joint, axis=0)
        share = np.exp(joint - total)
        sums = share.sum(axis=1) / rates.size
        means = share @ logs.T / rates.size
        expected = digamma(shapes) - digamma(shapes.sum(axis=1, keepdims=True))
        by_shape = (means - sums[:, None] * expected) * shapes
        slope = np.concatenate([sums - weight, by_shape.T.ravel()])
        return -float(total.mean()), -slope

    limits = [(-30.0, 30.0)] * k + [(0.0, np.log(_LARGEST))] * (2 * k)
    found = minimize(
        cost,
        np.concatenate([np.zeros(k), start]),
        jac=True,
        method="L-BFGS-B",
        bounds=limits,
        options={"maxiter": 2000, "ftol": 1e-13, "gtol": 1e-7},
    )
    weight, shapes = softmax(found.x[:k]), np.exp(found.x[k:].reshape(2, k))
    order = np.argsort(-weight, kind="stable")
    return pd.DataFrame(
        {
            "weight": weight[order],
            "alpha": shapes[0, order],
            "beta": shapes[1, order],
            "log_density": -float(found.fun),
            "aic": 2.0 * (3 * k - 1) + 2.0 * float(found.fun) * rates.size,
        }
    )


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
    mixture
        The prior.
    events, n
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
    log_weight = (
        np.log(mixture["weight"]) + betaln(a, b) - betaln(mixture["alpha"], mixture["beta"])
    )
    weight = np.exp(log_weight - logsumexp(log_weight))
    return mixture.assign(weight=weight, alpha=a, beta=b)


def predicted_events(mixture: pd.DataFrame, n: int) -> np.ndarray:
    """Return the probability of 0, 1, ..., n events among n new patients; shape (n + 1,)."""
    parts = zip(mixture["weight"], mixture["alpha"], mixture["beta"], strict=True)
    return np.asarray(sum(w * betabinom.pmf(np.arange(n + 1), n, a, b) for w, a, b in parts))


def effective_sample_size(mixture: pd.DataFrame) -> float:
    """Return how many patients a prior of a rate is worth: expected local information ratio.

    The mean over the prior of its own information, -(log p)''(rate), over that of one patient,
    1 / (rate (1 - rate)). Integrated by parts it is 2 plus the mean of (log p)'(rate)^2 rate
    (1 - rate) where p is 0 at both ends; that form is used throughout, so that shapes of 1 give the
    limit of shapes just above. For a single beta it is alpha + beta.

    Parameters
    ----------
    mixture
        With every `alpha` and `beta` at least 1.

    Returns
    -------
    float
        Patients.

    References
    ----------
    Neuenschwander et al., Biometrics 2020;76:578.
    """
    weight, a, b = (mixture[name].to_numpy() for name in ("weight", "alpha", "beta"))

    def integrand(log_odds: float) -> float:
        p, q = expit(log_odds), expit(-log_odds)
        log_p, log_q = -np.logaddexp(0.0, -log_odds), -np.logaddexp(0.0, log_odds)
        logs = np.log(weight) + (a - 1) * log_p + (b - 1) * log_q - betaln(a, b)
        total = logsumexp(logs)
        slope = np.exp(logs - total) @ ((a - 1) * q - (b - 1) * p)  # times p q, as is the step
        return float(np.exp(total) * slope**2)

    # Cut where the mass is, so that no narrow component is missed.
    cuts = [quantile(mixture, q) for q in (1e-6, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0 - 1e-6)]
    edges = [-np.inf, *logit(cuts), np.inf]
    parts = (quad(integrand, low, high, limit=200)[0] for low, high in pairwise(edges))
    return 2.0 + float(sum(parts))
