"""The integrated cumulative likelihood against quadrature that shares nothing with it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import sites
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import logsumexp
from scipy.stats import norm
from sites import random_site

from mmn_bayes.engine import kernel_logit, ordinal

X, W = np.polynomial.legendre.leggauss(20)
SIGMAS = (0.3, 1.5, 4.0, 11.0, 24.0, 60.0)
WORST = 1e-6  # of the logarithm of a site's integral


# --- the independent computation ------------------------------------------------------------------


def log_grades(x: np.ndarray, cutpoints: np.ndarray, code: Any) -> np.ndarray:
    """Sum over rows of log P(grade) at linear predictors x, shape (row, z).

    A grade between two cutpoints has sinh(gap / 2) / (2 cosh(a / 2) cosh(b / 2)), where a and b
    are the distances from them.
    """
    code, top = np.asarray(code, dtype=int), cutpoints.size
    first, last = code == 0, code == top
    inner = ~(first | last)
    total = -np.logaddexp(0.0, x[first] - cutpoints[0]).sum(axis=0)
    total -= np.logaddexp(0.0, cutpoints[-1] - x[last]).sum(axis=0)
    upper, lower = cutpoints[code[inner]], cutpoints[code[inner] - 1]
    half = (upper - lower) / 2.0
    # log(2 sinh): the second form for what the first would overflow on.
    sinh = np.log(2.0 * np.sinh(np.minimum(half, 20.0)))
    total += np.where(half < 20.0, sinh, half + np.log1p(-np.exp(-2.0 * half))).sum()
    for wall in (upper, lower):
        away = np.abs(wall[:, None] - x[inner])
        total -= (away / 2.0 + np.log1p(np.exp(-away))).sum(axis=0)
    return total


def log_integrand(
    z: Any, eta: Sequence[float] | np.ndarray, cutpoints: np.ndarray, sigma: float, code: Any
) -> np.ndarray:
    z = np.asarray(z, dtype=float)
    x = np.asarray(eta, dtype=float)[:, None] + sigma * z.ravel()
    return norm_log_density(z) + log_grades(x, cutpoints, code).reshape(z.shape)


def norm_log_density(z: np.ndarray) -> np.ndarray:
    return -0.5 * z * z - 0.5 * np.log(2.0 * np.pi)


def support(
    eta: Sequence[float], cutpoints: np.ndarray, sigma: float, code: Any
) -> tuple[float, float, float]:
    """Where the integrand is within exp(-50) of its largest value, and that value's logarithm."""

    def height(z: float) -> float:
        return float(log_integrand(z, eta, cutpoints, sigma, code))

    left, right = -100.0, 100.0
    for _ in range(60):  # concave, so that thirds close in on the mode
        third = (right - left) / 3.0
        if height(left + third) < height(right - third):
            left += third
        else:
            right -= third
    mode = (left + right) / 2.0
    top = height(mode)
    ends = [
        brentq(lambda z: height(z) - top + 50.0, mode, mode + far, xtol=1e-6)
        for far in (-11.0, 11.0)
    ]
    return (*ends, top)


def log_site(eta: Sequence[float], cutpoints: np.ndarray, sigma: float, code: Any) -> float:
    """The logarithm of a site's integral by Gauss-Legendre quadrature on 100 panels."""
    first, last, top = support(eta, cutpoints, sigma, code)
    edges = np.linspace(first, last, 101)
    half = np.diff(edges)[:, None] / 2.0
    z = edges[:-1, None] + half * (1.0 + X)
    values = log_integrand(z, eta, cutpoints, sigma, code) - top
    return float(top + np.log((np.exp(values) * half * W).sum()))


# --- designs --------------------------------------------------------------------------------------


def loop(eta: Any, cutpoints: Any, sigma: float, code: Any, first_row: Any = None) -> Any:
    """The compiled loop; by default all rows are one site's."""
    eta, cutpoints, code = np.asarray(eta), np.asarray(cutpoints), np.asarray(code)
    edges = [0, eta.size] if first_row is None else first_row
    return ordinal.log_density(eta, cutpoints, sigma, code, edges)


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.3, 11.0])
def test_the_reference_agrees_with_adaptive_quadrature(sigma: float) -> None:
    rng = np.random.default_rng(1)
    for rows in (1, 3, 8):
        eta, cutpoints, code = random_site(rng, sigma, rows)
        first, last, top = support(eta, cutpoints, sigma, code)
        value, _ = quad(
            lambda z, *site: np.exp(log_integrand(z, *site[:4]) - site[4]),
            first,
            last,
            args=(eta, cutpoints, sigma, code, top),
            limit=500,
            epsabs=0.0,
            epsrel=1e-11,
        )
        assert log_site(eta, cutpoints, sigma, code) == pytest.approx(
            top + np.log(value), abs=1e-10
        )


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 8, 12, 20, 60, 250])
@pytest.mark.parametrize("sigma", SIGMAS)
def test_a_site_agrees_with_quadrature(sigma: float, rows: int) -> None:
    rng = np.random.default_rng([round(10 * sigma), rows])
    for _ in range(5):
        eta, cutpoints, code = random_site(rng, sigma, rows)
        expected = log_site(eta, cutpoints, sigma, code)
        assert loop(eta, cutpoints, sigma, code)[0] == pytest.approx(expected, abs=WORST, rel=0.0)


@pytest.mark.parametrize("sigma", [0.003, 0.1, 0.6, 1.0, 3.0])
def test_a_site_that_matters_less_than_the_noise_agrees_too(sigma: float) -> None:
    """Cutpoints lie many sds of the effect away, yet the mode stays near 0."""
    rng = np.random.default_rng(round(1000 * sigma))
    for rows in (1, 2, 6, 30, 120):
        cutpoints = np.sort(rng.normal(size=rng.integers(1, 8))) * rng.choice([0.5, 2.0, 6.0])
        eta = rng.normal() * rng.choice([0.0, 1.0, 8.0]) + rng.normal(size=rows)
        strength = eta + sigma * rng.normal() + rng.logistic(size=rows)
        code = np.searchsorted(cutpoints, strength)
        expected = log_site(eta, cutpoints, sigma, code)
        assert loop(eta, cutpoints, sigma, code)[0] == pytest.approx(expected, abs=WORST, rel=0.0)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_many_sites_together_agree_to_eight_digits(sigma: float) -> None:
    rng = np.random.default_rng(round(10 * sigma))
    cutpoints = sigma * np.array([-1.9, -1.5, -1.1, -0.8, -0.25])
    rows = rng.integers(0, 9, size=25)
    first_row = np.concatenate([[0], np.cumsum(rows)])
    eta = np.repeat(sigma * 0.3 * rng.normal(size=25), rows) + rng.normal(size=rows.sum())
    strength = eta + np.repeat(sigma * rng.normal(size=25), rows) + rng.logistic(size=rows.sum())
    code = np.searchsorted(cutpoints, strength)
    expected = sum(
        log_site(eta[start:stop], cutpoints, sigma, code[start:stop])
        for start, stop in pairwise(first_row)
        if stop > start
    )
    total = loop(eta, cutpoints, sigma, code, first_row)[0]
    assert total == pytest.approx(expected, rel=1e-8, abs=0.0)


MEETING: dict[str, Any] = {
    **sites.MEETING,
    "as many of two grades": ([0.0] * 8, [0.0], 20.0, [0, 1] * 4),
    "240 visits of two grades": ([0.0] * 240, [0.0], 20.0, [0, 1] * 120),
    "250 visits in one narrow grade": ([0.0] * 250, [-6.7, 0.0], 9.4, [1] * 250),
    "250 visits in a grade far out": ([-60.7] * 250, [-42.5, -37.4], 46.5, [1] * 250),
    "250 visits below a steep wall": ([3.7] * 250, [-1.1, 0.0], 2.34, [0] * 250),
    "contradicting by 800 logits": ([-400.0, 400.0], [0.0], 20.0, [1, 0]),
}


@pytest.mark.parametrize("case", MEETING)
def test_a_site_whose_grades_meet_agrees_with_quadrature(case: str) -> None:
    eta, cutpoints, sigma, code = MEETING[case]
    expected = log_site(eta, np.array(cutpoints), sigma, code)
    assert loop(eta, cutpoints, sigma, code)[0] == pytest.approx(expected, abs=WORST, rel=1e-9)


@pytest.mark.parametrize("eta", [-700.0, 700.0])
@pytest.mark.parametrize("code", [0, 1, 2])
@pytest.mark.parametrize("sigma", [1.0, 20.0])
def test_it_is_finite_and_right_at_700_logits(eta: float, code: int, sigma: float) -> None:
    cutpoints = np.array([-1.0, 1.0])
    value, d_eta, d_cutpoints, d_sigma = loop([eta], cutpoints, sigma, [code])
    assert value == pytest.approx(log_site([eta], cutpoints, sigma, [code]), abs=WORST, rel=1e-9)
    assert np.isfinite([*d_eta, *d_cutpoints, d_sigma]).all()


@pytest.mark.parametrize("sigma", [1e4, 1e6, 1e12, 1e200])
def test_noise_that_is_all_but_gone_leaves_the_normal_probability(sigma: float) -> None:
    # A sampler that looks for its step size asks for this: roughly right is enough, at no expense.
    value, d_eta, d_cutpoints, d_sigma = loop(
        [0.0] * 3, sigma * np.array([-0.5, 1.0]), sigma, [1] * 3
    )
    assert value == pytest.approx(np.log(norm.cdf(1.0) - norm.cdf(-0.5)), abs=5e-3)
    assert np.isfinite([*d_eta, *d_cutpoints, d_sigma]).all()


@pytest.mark.parametrize("sigma", [1e-3, 1e-9, 1e-100])
def test_noise_that_drowns_the_effect_leaves_the_logistic_probability(sigma: float) -> None:
    cutpoints, eta = np.array([-0.5, 1.0]), np.array([0.3, -0.2, 0.1])
    value, d_eta, d_cutpoints, d_sigma = loop(eta, cutpoints, sigma, [1, 0, 2])
    expected = log_grades(eta[:, None], cutpoints, [1, 0, 2]).item()
    assert value == pytest.approx(expected, abs=1e-5)
    assert np.isfinite([*d_eta, *d_cutpoints, d_sigma]).all()


def test_cutpoints_that_nearly_meet_keep_their_digits() -> None:
    gap = 2.0**-33  # about 1e-10, and exact beside 1
    cutpoints = np.array([1.0, 1.0 + gap])
    got = loop([0.3, 0.2], cutpoints, 1.5, [1, 0])[0]
    assert got == pytest.approx(log_site([0.3, 0.2], cutpoints, 1.5, [1, 0]), abs=1e-9)
    # And as the density of the logistic times the gap.
    one = loop([0.3], cutpoints, 1.5, [1])[0]
    spread, _ = quad(
        lambda z: norm.pdf(z) / (4.0 * np.cosh((1.0 - 0.3 - 1.5 * z) / 2.0) ** 2), -12, 12
    )
    assert one == pytest.approx(np.log(spread * gap), abs=1e-8)


def test_equal_cutpoints_matter_only_around_a_recorded_grade() -> None:
    for cutpoints in ([0.0, 0.0], [0.5, -0.5]):
        value, *slopes = loop([0.0, 0.0], cutpoints, 2.0, [0, 1])
        assert value == -np.inf
        assert all(np.all(np.isfinite(slope)) for slope in slopes)
    value = loop([0.0, 0.0], [0.0, 0.0], 2.0, [0, 2])[0]
    assert value == pytest.approx(log_site([0.0, 0.0], np.zeros(2), 2.0, [0, 2]), abs=WORST)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_has_no_density_and_raises_nothing(bad: float) -> None:
    for eta, cutpoints, sigma in (
        ([bad, 0.0], [-1.0, 1.0], 2.0),
        ([0.0, 0.0], [-1.0, bad], 2.0),
        ([0.0, 0.0], [-1.0, 1.0], bad),
        ([0.0, 0.0], [-1.0, 1.0], 0.0),
        ([0.0, 0.0], [-1.0, 1.0], -2.0),
    ):
        value, *slopes = loop(eta, cutpoints, sigma, [0, 2])
        assert value == -np.inf
        assert all(np.all(slope == 0.0) for slope in slopes)


def test_a_site_without_rows_adds_nothing() -> None:
    cutpoints, sigma = [-1.0, 1.0], 3.0
    alone = loop([0.4, 0.1], cutpoints, sigma, [1, 2])[0]
    assert loop([0.4, 0.1], cutpoints, sigma, [1, 2], [0, 0, 2, 2])[0] == pytest.approx(alone)
    assert loop([], cutpoints, sigma, [], [0, 0])[0] == 0.0


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("eta", [-30.0, 0.0, 2.5])
def test_the_probabilities_of_all_grades_of_a_row_sum_to_1(sigma: float, eta: float) -> None:
    cutpoints = np.array([-20.0, -1.0, 0.0, 0.3, 9.0])
    logs = [loop([eta], cutpoints, sigma, [code])[0] for code in range(6)]
    assert logsumexp(logs) == pytest.approx(0.0, abs=2e-7)


@pytest.mark.parametrize("sigma", [0.3, 11.0])
def test_more_strength_makes_the_highest_grade_likelier_and_the_lowest_less(sigma: float) -> None:
    grid = sigma * np.linspace(-4.0, 4.0, 41)
    cutpoints = np.array([-1.0, 2.0])
    lowest, highest = (
        np.array([loop([eta], cutpoints, sigma, [k])[0] for eta in grid]) for k in (0, 2)
    )
    assert (np.diff(highest) > 0).all()
    assert (np.diff(lowest) < 0).all()


# --- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", SIGMAS)
def test_gradients_agree_with_differences_of_the_reference(sigma: float) -> None:
    rng = np.random.default_rng(round(sigma) + 7)
    for rows in (1, 4, 9):
        eta, cutpoints, code = random_site(rng, sigma, rows)
        cutpoints = cutpoints + np.arange(cutpoints.size)  # no two meet within a step
        got = np.hstack(loop(eta, cutpoints, sigma, code)[1:])

        def value(point: np.ndarray, code: Any = code, n: int = rows) -> float:
            return log_site(point[:n], point[n:-1], point[-1], code)

        expected = sites.differences(value, [*eta, *cutpoints, sigma], 1e-4)
        assert got == pytest.approx(expected, abs=2e-5, rel=2e-5)


@pytest.mark.parametrize("case", MEETING)
def test_gradients_agree_with_differences_where_grades_meet(case: str) -> None:
    eta, cutpoints, sigma, code = MEETING[case]
    eta, cutpoints = np.array(eta), np.array(cutpoints)
    _, d_eta, d_cutpoints, d_sigma = loop(eta, cutpoints, sigma, code)

    def value(point: np.ndarray) -> float:
        shift, last, wide = point
        return log_site(
            eta + shift, np.array([*cutpoints[:-1], cutpoints[-1] + last]), sigma + wide, code
        )

    got = [d_eta.sum(), d_cutpoints[-1], d_sigma]
    assert got == pytest.approx(sites.differences(value, [0.0] * 3, 1e-4), abs=2e-5, rel=2e-5)


# --- properties -----------------------------------------------------------------------------------


@given(seed=st.integers(0, 10_000), sigma=st.sampled_from(SIGMAS))
def test_the_order_of_rows_and_of_sites_says_nothing(seed: int, sigma: float) -> None:
    rng = np.random.default_rng(seed)
    cutpoints = np.sort(rng.normal(size=4)) * sigma + 0.01 * np.arange(4)
    rows = [int(n) for n in rng.integers(0, 7, size=4)]
    sites = [(sigma * rng.normal(size=n), rng.integers(0, 5, size=n)) for n in rows]

    def total(ordered: list[tuple[np.ndarray, np.ndarray]]) -> float:
        eta, code = (np.concatenate(parts) for parts in zip(*ordered, strict=True))
        first_row = np.concatenate([[0], np.cumsum([site[0].size for site in ordered])])
        return float(loop(eta, cutpoints, sigma, code, first_row)[0])

    turned = [(eta[::-1], code[::-1]) for eta, code in reversed(sites)]
    assert total(turned) == pytest.approx(total(sites), rel=1e-12, abs=1e-12)


@given(seed=st.integers(0, 10_000), sigma=st.sampled_from(SIGMAS), shift=st.floats(-50, 50))
def test_only_distances_from_the_cutpoints_count(seed: int, sigma: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    eta, cutpoints, code = random_site(rng, sigma, 5)
    cutpoints = cutpoints + np.arange(cutpoints.size)
    here = loop(eta, cutpoints, sigma, code)
    there = loop(eta + shift, cutpoints + shift, sigma, code)
    assert there[0] == pytest.approx(here[0], rel=1e-9, abs=1e-9)
    assert here[1].sum() == pytest.approx(-here[2].sum(), rel=1e-9, abs=1e-9)


@given(seed=st.integers(0, 10_000), sigma=st.sampled_from(SIGMAS))
def test_turning_the_scale_round_says_the_same(seed: int, sigma: float) -> None:
    rng = np.random.default_rng(seed)
    eta, cutpoints, code = random_site(rng, sigma, 6)
    turned = loop(-eta, -cutpoints[::-1], sigma, cutpoints.size - code)[0]
    assert turned == pytest.approx(loop(eta, cutpoints, sigma, code)[0], rel=1e-9, abs=1e-9)


PLAIN = {
    **MEETING,
    "60 rows": ([*np.linspace(-9.0, 9.0, 60)], [-3.0, 0.0, 2.0], 11.0, [0, 1, 2, 3] * 15),
    **{
        f"{code} at {eta} of sd {sigma}": ([eta], [-1.0, 1.0], sigma, [code])
        for code in (0, 1, 2)
        for eta in (-700.0, -15.0, 15.0, 700.0)
        for sigma in (1.0, 20.0)
    },
}


PLAINLY = """
import json
import sys
import numpy as np
from mmn_bayes.engine import kernel_logit as quadrature

for eta, cutpoints, sigma, code in json.load(sys.stdin):
    eta, cutpoints, code = np.array(eta), np.array(cutpoints), np.array(code, dtype=np.int64)
    edges = np.array([0, 0, eta.size])
    d_eta, d_cutpoints = np.empty_like(eta), np.empty_like(cutpoints)
    space = np.empty(quadrature.room(sigma, edges))
    settings = quadrature.STEP, quadrature.REACH
    value, d_sigma = quadrature.log_density(
        eta, cutpoints, sigma, code, edges, *settings, space, d_eta, d_cutpoints
    )
    effects = quadrature.draw_site_effects(
        eta[None], cutpoints[None], np.array([sigma]), code, edges, np.full((1, 2, 2), 0.3)
    )
    print(json.dumps([value, *d_eta, *d_cutpoints, d_sigma, *effects[0]]))
"""


def test_the_plain_functions_equal_the_compiled_ones() -> None:
    cases = [
        ([float(x) for x in eta], cutpoints, sigma, code)
        for eta, cutpoints, sigma, code in (*PLAIN.values(), *sites.REGIMES.values())
    ]
    plain = sites.plainly(PLAINLY, cases)
    for (eta, cutpoints, sigma, code), expected in zip(cases, plain, strict=True):
        edges = np.array([0, 0, len(eta)])
        effects = kernel_logit.draw_site_effects(
            *(np.array([eta], dtype=float), np.array([cutpoints]), np.array([sigma])),
            *(np.array(code, dtype=np.int64), edges, np.full((1, 2, 2), 0.3)),
        )
        compiled = ordinal.log_density(
            np.array(eta), np.array(cutpoints), sigma, np.array(code), edges
        )
        got = np.hstack([*compiled, effects[0]])
        assert got == pytest.approx(np.array(expected), rel=1e-11, abs=1e-11)


# --- draws of the effects -------------------------------------------------------------------------


@pytest.mark.parametrize("case", sites.REGIMES)
def test_drawn_effects_have_their_distribution_given_the_grades(case: str) -> None:
    eta, cutpoints, sigma, code = sites.REGIMES[case]
    n, rows = 4000, len(code)
    rng = np.random.default_rng(11)
    draws = kernel_logit.draw_site_effects(
        np.tile(np.array(eta, dtype=float), n)[None],
        np.array([cutpoints]),
        np.array([sigma]),
        np.tile(np.array(code, dtype=np.int64), n),
        rows * np.arange(n + 1),
        rng.random((1, n, 2)),
    )[0]
    first, last, _ = support(eta, np.array(cutpoints), sigma, code)
    z = np.linspace(first, last, 20_001)
    sites.assert_distributed(draws, z, log_integrand(z, eta, np.array(cutpoints), sigma, code))
