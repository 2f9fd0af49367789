"""Sites to integrate over, and the checks that every way of integrating over them must pass."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import scipy.stats as ss

# Eta, cutpoints, sd of the effect, grades. Walls that meet, or ask for an effect that is neither
# rare nor common.
MEETING: dict[str, Any] = {
    "60 visits of two grades": ([0.0] * 60, [0.0], 20.0, [0, 1] * 30),
    "one of twenty is lower": ([0.1] * 20, [0.0], 11.0, [0] + [1] * 19),
    "all at a wall of 4.9": ([0.0] * 20, [4.9 * 0.3], 0.3, [1] * 20),
    "all above a wall of 4.9": ([0.0] * 3, [4.9 * 4.0], 4.0, [1] * 3),
    "one above a wall of 4.9": ([0.0], [4.9 * 11.0], 11.0, [1]),
    "all below a wall of -4.9": ([0.0] * 5, [-4.9 * 8.0], 8.0, [0] * 5),
    "above a wall of 7": ([0.0] * 2, [420.0], 60.0, [1, 1]),
    "above a wall of 30": ([0.0] * 2, [330.0], 11.0, [1, 1]),
    "contradicting in a narrow grade": ([0.0] * 6, [-0.1, 0.1], 11.0, [1, 1, 0, 2, 1, 2]),
}
# Those at which draws of the effect are looked at.
REGIMES: dict[str, Any] = {
    "a vague grade": ([0.2], [-0.3, 0.3], 0.3, [1]),
    "the highest grade at all visits": ([1.0, 2.0, 0.0], [-4.0, 5.0], 11.0, [2, 2, 2]),
    "the lowest grade at all visits": ([1.0, 2.0, 0.0], [-4.0, 5.0], 11.0, [0, 0, 0]),
    "two grades that meet": ([0.0] * 8, [0.0, 20.0], 20.0, [0, 1] * 4),
    "an effect beyond the ordinary": ([0.0], [66.0], 11.0, [1]),
    "no grade": ([], [0.0], 11.0, []),
}


def random_site(
    rng: np.random.Generator,
    sigma: float,
    rows: int,
    noise: Any = ss.logistic,
    farthest: float = 3.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, cutpoints near and far; grades that agree, contradict each other, or are all one."""
    n_grades = rng.integers(2, 8)
    cutpoints = np.sort(rng.normal(size=n_grades - 1)) * sigma * rng.choice([0.3, 1.0, 2.0])
    eta = sigma * rng.normal() * rng.choice([0.0, 1.0, farthest])
    eta = eta + rng.normal(size=rows) * rng.choice([0.0, 0.5, farthest])
    match rng.integers(3):
        case 0:
            code = rng.integers(0, n_grades, size=rows)
        case 1:
            code = np.full(rows, rng.integers(0, n_grades))
        case _:
            strength = eta + sigma * rng.normal() * rng.choice([1.0, 2.0])
            code = np.searchsorted(cutpoints, strength + noise.rvs(size=rows, random_state=rng))
    return eta, cutpoints, code


def differences(value: Callable[[np.ndarray], float], point: Any, step: float) -> np.ndarray:
    """The gradient of a function by central differences."""
    point = np.asarray(point, dtype=float)
    moves = np.eye(point.size) * step
    ends = [(value(point - move), value(point + move)) for move in moves]
    return np.array([(high - low) / (2.0 * step) for low, high in ends])


def plainly(script: str, cases: Sequence[Any]) -> list[Any]:
    """What a script prints for each case, a line of JSON, where nothing is compiled.

    Compiled code does not check its indices; as plain Python it raises.
    """
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        input=json.dumps(cases),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_distributed(draws: np.ndarray, z: np.ndarray, log_density: np.ndarray) -> None:
    """Draws of an effect follow the density that is known at many points z."""
    density = np.exp(log_density - log_density.max())
    below = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2.0)])
    below /= below[-1]
    # Even spacing of the first uniform would pass by itself: it is to be random, as in use.
    assert ss.kstest(draws, lambda x: np.interp(x, z, below)).pvalue > 0.01
    mean = np.average(z, weights=density)
    sd = np.sqrt(np.average((z - mean) ** 2, weights=density))
    assert draws.mean() == pytest.approx(mean, abs=4.0 * sd / np.sqrt(draws.size))
    assert draws.std() == pytest.approx(sd, rel=0.08)
