"""Run the sampler until its draws suffice: the same seed stops it at the same draw.

Whether to stop is asked of the first so many draws of every chain, at numbers that follow from
these draws alone. How far chains are when they are asked changes the time it takes, not the answer.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from mmn_bayes.engine.convergence import convergence
from mmn_bayes.errors import SamplingError

# Draws a chain: fewer have no effective sample size to rely on, and beyond the last the model is to
# be looked at (10 times what the shipped models need).
FEWEST_DRAWS = 100
MOST_DRAWS = 2000
# Numbers of draws at which it is asked are multiples of it.
_STEP = 50
_SECONDS_BETWEEN_LOOKS = 0.05
# Vehtari et al., Bayesian Analysis 2021;16:667.
MOST_R_HAT = 1.01


def agreement(draws: xr.Dataset) -> tuple[float, float]:
    """Return the smallest effective sample size, of bulk or tails, and the largest R-hat.

    Parameters
    ----------
    draws : Dataset
        Dims chain and draw first. What never varies does not count.

    Returns
    -------
    float, float
        NaN where some draw is no number.
    """
    sizes, r_hats = [np.inf], [1.0]
    for values in draws.data_vars.values():
        members = values.to_numpy().reshape(*values.shape[:2], -1)
        constant = (members == members[:1, :1]).all(axis=(0, 1))
        if not constant.all():
            found = convergence(members[:, :, ~constant])
            sizes += [found.ess_bulk.min(), found.ess_tail.min()]
            r_hats.append(found.r_hat.max())
    return float(np.min(sizes)), float(np.max(r_hats))


def run(
    sampler: Any,
    n_draws: int,
    *,
    ess: float | None,
    finished: Callable[[], int],
    quantities: Callable[[xr.Dataset], xr.Dataset],
) -> xr.DataTree:
    """Wait for a sampler that runs in the background, and return its draws.

    Parameters
    ----------
    sampler : object
        As `nutpie.sample` gives it where it does not block.
    n_draws : int
        Draws a chain after warm-up that it was told to make.
    ess : float or None
        End it as soon as every quantity has this effective sample size, of bulk and tails, and
        chains agree (R-hat); None: make all draws.
    finished : callable
        How many draws a chain there are after warm-up, in the chain that has fewest.
    quantities : callable
        From draws of what is sampled to those of what is reported.

    Returns
    -------
    DataTree
        Groups `posterior` and `sample_stats`; as many draws in every chain.

    Raises
    ------
    KeyboardInterrupt
        On an interrupt; nothing of the draws is kept.
    SamplingError
        When the sampler ended early.

    References
    ----------
    Vats, Flegal and Jones, Biometrika 2019;106:321 (stopping by effective sample size).
    """
    try:
        enough = n_draws if ess is None else _enough(sampler, n_draws, ess, finished, quantities)
        if enough < n_draws:
            trace = sampler.abort()
        else:
            while not _ended(sampler):
                time.sleep(_SECONDS_BETWEEN_LOOKS)
            trace = sampler.wait()
    except BaseException:
        sampler.cancel()
        raise
    return _whole(trace, enough)


def _enough(
    sampler: Any,
    n_draws: int,
    ess: float,
    finished: Callable[[], int],
    quantities: Callable[[xr.Dataset], xr.Dataset],
) -> int:
    """How many draws a chain suffice, at most so many."""
    wanted = FEWEST_DRAWS
    while wanted < n_draws:
        draws = _first(sampler, wanted, finished)
        if draws is None:
            return n_draws
        n_chains = draws.sizes["chain"]
        least, r_hat = agreement(quantities(draws))
        if least >= ess and (n_chains == 1 or r_hat <= MOST_R_HAT):
            return wanted
        # As many as it takes at this rate, but at most twice as many: the rate is an estimate.
        at_this_rate = wanted * min(ess / max(least, 1.0), 2.0)
        wanted = max(wanted + _STEP, _STEP * int(np.ceil(at_this_rate / _STEP)))
    return n_draws


def _first(sampler: Any, wanted: int, finished: Callable[[], int]) -> xr.Dataset | None:
    """The first draws of every chain as soon as all have so many; None when it ended before."""
    while True:
        ended = _ended(sampler)
        if ended or finished() >= wanted:
            trace = sampler.inspect()
            if _lengths(trace).min() >= wanted:  # the last ones are seen later than they are made
                return trace["posterior"].to_dataset().isel(draw=slice(wanted))
        if ended:
            return None
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _ended(sampler: Any) -> bool:
    try:
        return bool(sampler.is_finished)
    except TimeoutError:  # nutpie's answer where its chains are too busy to give one
        return False


def _lengths(trace: xr.DataTree) -> np.ndarray:
    """How many draws each chain has; what is not there yet is filled with NaN."""
    if "posterior" not in trace.children:
        return np.zeros(1, dtype=int)
    (first, *_) = trace["posterior"].to_dataset().data_vars.values()
    there = np.isfinite(first.to_numpy()).all(axis=tuple(range(2, first.ndim)))
    return there.cumprod(axis=1).sum(axis=1)


def _whole(trace: xr.DataTree, n_draws: int) -> xr.DataTree:
    """The first draws of every chain.

    Raises
    ------
    SamplingError
        When a chain has fewer.
    """
    lengths = _lengths(trace)
    if (lengths < n_draws).any():
        raise SamplingError(
            f"The sampler ended with {', '.join(map(str, lengths))} usable draws of {n_draws} a "
            "chain; run the fit again, and if it happens again look at the model."
        )
    return trace.map_over_datasets(
        lambda group: group.isel(draw=slice(n_draws)) if "draw" in group.dims else group
    )
