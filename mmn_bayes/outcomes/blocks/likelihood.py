"""Conduction blocks before and after: their likelihood, nerve by nerve.

A nerve with a block still has it at follow-up, or not; a nerve without may have one by then. The
count at follow-up is the sum of the blocks that stayed and those that appeared.
"""

# Before PyMC is imported: the folder of compiled code is prepared.
import mmn_bayes.engine as _engine  # noqa: F401

# isort: split
from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy.special import gammaln

from mmn_bayes.engine.effects import long_run_shifts
from mmn_bayes.engine.priors import parameter
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.outcomes.blocks.design import FATES, section_of


def blocked(spec: ModelSpec, arrays: Mapping[str, Any], purpose: str) -> None:
    """Add the model of blocks to the model in context.

    For "predict" the deterministics `stays` (probability that a block stays) and `appears`
    (probability that a nerve without gets one, or the expected number of new blocks), dim patient,
    in place of the likelihood.
    """
    own = section_of(spec)
    shift: Any = pt.zeros((arrays["blocks_after"].shape[0], len(FATES)))
    for x, effect in long_run_shifts(spec, "blocks", arrays, "fate").values():
        shift = shift + x[:, None] * effect[None, :]
    probability = parameter("block_stays", own.stays)
    stays = pt.log(probability) - pt.log1p(-probability) + shift[:, 0]
    rate = parameter("block_appears", own.appears)
    binomial = own.binomial
    appears = pt.log(rate) - (pt.log1p(-rate) if binomial else 0.0) + shift[:, 1]
    spread: Any = None
    if own.overdispersion is not None:
        spread = parameter("block_overdispersion", own.overdispersion)
    if purpose == "predict":
        pm.Deterministic("stays", pt.sigmoid(stays), dims="patient")
        new = pt.sigmoid(appears) if binomial else pt.exp(appears)
        pm.Deterministic("appears", new, dims="patient")
        return
    before, after = arrays["blocked_nerves"][:, None], arrays["blocks_after"][:, None]
    most = _most(arrays, *("blocked_nerves", "free_nerves", "blocks_after"))
    log_factorial = pt.constant(gammaln(np.arange(most + 1) + 1.0))
    # As many stayed as this, and the others of those counted appeared.
    stayed = np.arange(_most(arrays, "blocked_nerves") + 1)[None, :]
    new = after - stayed
    log_stayed = _log_binomial(stayed, before, stays[:, None], log_factorial)
    if binomial:
        free = arrays["free_nerves"][:, None]
        log_new = _log_binomial(new, free, appears[:, None], log_factorial)
    else:
        log_new = _log_counts(new, appears[:, None], spread**2, log_factorial)
    each = pt.logsumexp(log_stayed + log_new, axis=1)
    # Who was not seen at follow-up has no part in the sum.
    pm.Potential("blocks", pt.switch(pt.ge(arrays["blocks_after"], 0), each, 0.0).sum())


def _most(arrays: Mapping[str, Any], *names: str) -> int:
    """The largest of some numbers: a size of the graph, in fours, so that few are compiled."""
    largest = max(int(arrays[name].eval().max(initial=0)) for name in names)
    return 4 * (largest // 4) + 3


def _log_binomial(k: Any, n: Any, log_odds: Any, log_factorial: Any) -> Any:
    """Log-probability of k of n; so small that it is none where k is not among 0, ..., n."""
    legal = pt.ge(k, 0) & pt.le(k, n)
    inside = pt.switch(legal, k, 0)
    ways = log_factorial[n] - log_factorial[inside] - log_factorial[n - inside]
    logs = ways - inside * pt.softplus(-log_odds) - (n - inside) * pt.softplus(log_odds)
    return pt.switch(legal, logs, _NONE)


def _log_counts(k: Any, log_mean: Any, variance: Any, log_factorial: Any) -> Any:
    """Log-probability of a count whose mean varies between patients by a gamma distribution.

    Its variance is mean + variance mean^2. In terms that stay exact where it nearly vanishes:
    gammas of its inverse, of which the textbooks have two, would lose every digit.
    """
    legal = pt.ge(k, 0)
    inside = pt.switch(legal, k, 0)
    # For each k the sum of log(1 + j variance) over j below it.
    below = np.maximum(np.arange(log_factorial.data.size) - 1, 0)
    rising = pt.cumsum(pt.log1p(below * variance))[inside]
    rest = pt.log1p(pt.exp(log_mean) * variance)
    logs = rising - log_factorial[inside] + inside * (log_mean - rest) - rest / variance
    return pt.switch(legal, logs, _NONE)


# Of what cannot be: no infinity, whose gradient is none, and far below what can.
_NONE = -1e10
