"""Effective sample sizes and R-hat of many quantities at once are those of ArviZ."""

import arviz as az
import numpy as np
import pytest

from mmn_bayes.engine.convergence import TAILS, convergence, error_of_mean


def arrays():
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(4, 300, 7))
    walk = np.cumsum(rng.normal(size=(4, 250, 3)), axis=1)
    alternating = noise.copy()
    alternating[:, 1::2] = -0.9 * alternating[:, ::2] + 0.1 * alternating[:, 1::2]
    apart = noise + np.arange(4.0)[:, None, None]
    wider = noise * np.array([1.0, 1.0, 1.0, 4.0])[:, None, None]
    missing = noise.copy()
    missing[1, 17, 2] = np.nan
    constant = noise.copy()
    constant[:, :, 1] = 0.3
    return {
        "noise": noise,
        "random walks": walk,
        "antithetic": alternating,
        "chains apart": apart,
        "one chain wider": wider,
        "an odd number of draws": rng.normal(size=(4, 101, 3)),
        "one chain": rng.normal(size=(1, 200, 3)),
        "two chains": rng.normal(size=(2, 57, 2)),
        "the fewest draws": rng.normal(size=(4, 4, 5)),
        "five draws": rng.normal(size=(3, 5, 5)),
        "too few draws": rng.normal(size=(4, 3, 2)),
        "ties": rng.integers(0, 3, size=(4, 200, 6)).astype(float),
        "yes and no": (rng.random((4, 150, 4)) < 0.02).astype(float),
        "heavy tails": rng.standard_cauchy((4, 300, 4)),
        "large numbers": 1e6 + noise,
        "small numbers": 1e-14 * noise,
        "a missing draw": missing,
        "one that never varies": constant,
        "single precision": noise.astype(np.float32),
        "more than a batch": rng.normal(size=(4, 500, 300)),
    }


CASES = arrays()


@pytest.mark.parametrize("name", CASES)
def test_the_numbers_are_those_of_arviz(name):
    draws = CASES[name]
    found, error = convergence(draws), error_of_mean(draws)
    assert found.r_hat.shape == error.shape == (draws.shape[2],)
    with np.errstate(all="ignore"):
        for member in {0, draws.shape[2] // 2, draws.shape[2] - 1} | set(range(min(8, error.size))):
            own = np.asarray(draws[:, :, member], dtype=float)
            few = own.shape[1] < 4
            varies = own.max() - own.min() > np.finfo(float).resolution
            expected = {
                "ess_bulk": np.nan if few else float(az.ess(own, method="bulk")),
                "ess_tail": np.nan if few else float(az.ess(own, method="tail", prob=TAILS)),
                "r_hat": float(az.rhat(own, method="rank")) if own.shape[0] > 1 else np.nan,
            }
            for kind, value in expected.items():
                if kind == "r_hat" and not varies:
                    continue
                got = getattr(found, kind)[member]
                assert got == pytest.approx(value, rel=1e-9, nan_ok=True), (kind, member)
            if not few:
                expected_error = float(az.mcse(own, method="mean"))
                assert error[member] == pytest.approx(expected_error, rel=1e-9, nan_ok=True)
