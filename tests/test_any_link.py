"""The integrated likelihood for any link against SciPy's distributions and Gauss-Legendre."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.stats as ss
import sites
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_ndtr, logsumexp

from mmn_bayes.engine import kernel_general, ordinal

X, W = np.polynomial.legendre.leggauss(20)
LINKS = ("logit", "probit", "cloglog")
SIGMAS = (0.05, 0.3, 1.5, 4.0, 11.0, 24.0, 60.0)
WORST = 1e-6  # of the logarithm of a site's integral


# --- the independent computation ------------------------------------------------------------------


def log_cdf(link: str, x: np.ndarray) -> np.ndarray:
    match link:
        case "logit":
            return -np.logaddexp(0.0, -x)
        case "probit":
            return log_ndtr(x)
        case _:
            return np.where(x < -30.0, x, np.log(-np.expm1(-np.exp(np.clip(x, -40.0, 30.0)))))


def log_sf(link: str, x: np.ndarray) -> np.ndarray:
    return -np.exp(np.minimum(x, 705.0)) if link == "cloglog" else log_cdf(link, -x)


def log_p(link: str, a: Any, b: Any) -> np.ndarray:
    """log(F(a) - F(b)), from whichever tail is the smaller."""
    a, b = np.broadcast_arrays(a, b)
    below_a, below_b = log_cdf(link, a), log_cdf(link, b)
    above_a, above_b = log_sf(link, a), log_sf(link, b)
    upper = above_b < below_a
    large = np.where(upper, above_b, below_a)
    small = np.where(upper, above_a, below_b)
    with np.errstate(divide="ignore"):
        return large + np.log(-np.expm1(np.minimum(small - large, 0.0)))


def log_integrand(
    link: str,
    z: np.ndarray,
    eta: np.ndarray,
    cutpoints: np.ndarray,
    sigma: float,
    code: Any,
    memory: float = 0.0,
    repeat: Any = None,
) -> np.ndarray:
    edges, code = np.concatenate([[-np.inf], cutpoints, [np.inf]]), np.asarray(code, dtype=int)
    x = np.asarray(eta, dtype=float)[:, None] + sigma * z.ravel()
    rows = log_p(link, edges[code + 1][:, None] - x, edges[code][:, None] - x)
    if repeat is not None:
        repeat = np.asarray(repeat)[:, None]
        from_memory = np.where(repeat == 1, np.log(memory), -np.inf)
        mixed = np.logaddexp(from_memory, np.log1p(-memory) + rows)
        rows = np.where(repeat < 0, rows, mixed)
    return -0.5 * z * z - 0.5 * np.log(2.0 * np.pi) + rows.sum(axis=0).reshape(z.shape)


def log_site(
    link: str, eta: Any, cutpoints: Any, sigma: float, code: Any, *remembered: Any
) -> float:
    """The logarithm of a site's integral by Gauss-Legendre quadrature on 100 panels."""
    site = (
        np.asarray(eta, dtype=float),
        np.asarray(cutpoints, dtype=float),
        sigma,
        code,
        *remembered,
    )
    first, last = -60.0, 60.0
    # Closing in on what is within exp(-45) of the largest value.
    for n in (1001, 201, 201, 201, 201):
        z = np.linspace(first, last, n)
        values = log_integrand(link, z, *site)
        inside = np.flatnonzero(values > np.nanmax(values) - 45.0)
        first, last = z[max(inside[0] - 1, 0)], z[min(inside[-1] + 1, n - 1)]
    edges = np.linspace(first, last, 101)
    half = np.diff(edges)[:, None] / 2.0
    values = log_integrand(link, edges[:-1, None] + half * (1.0 + X), *site)
    top = values.max()
    return float(top + np.log((np.exp(values - top) * half * W).sum()))


def loop(
    link: str,
    eta: Any,
    cutpoints: Any,
    sigma: float,
    code: Any,
    edges: Any = None,
    memory: float = 0.0,
    repeat: Any = None,
    n_grades: int = 0,
) -> Any:
    """The compiled loop, with a slope by memory where rows repeat; by default one site."""
    eta, cutpoints = np.asarray(eta, dtype=float), np.asarray(cutpoints, dtype=float)
    code = np.asarray(code, dtype=np.int64)
    edges = np.array([0, eta.size] if edges is None else edges)
    d_eta, d_cutpoints = np.empty_like(eta), np.empty_like(cutpoints)
    again = np.full(eta.size, -1) if repeat is None else np.asarray(repeat)
    value, d_sigma, d_memory = kernel_general.log_density(
        *(LINKS.index(link), eta, cutpoints, n_grades or cutpoints.size + 1, float(sigma)),
        *(code, edges),
        *(again, memory, d_eta, d_cutpoints),
    )
    slopes = (d_eta, d_cutpoints, d_sigma)
    return (value, *slopes) if repeat is None else (value, *slopes, d_memory)


NOISE = {"logit": ss.logistic, "probit": ss.norm, "cloglog": ss.gumbel_l}


def random_site(link: str, rng: np.random.Generator, sigma: float, rows: int) -> Any:
    """A random site with the noise of a link, no two cutpoints of which are the same."""
    eta, cutpoints, code = sites.random_site(rng, sigma, rows, NOISE[link], farthest=2.0)
    return eta, cutpoints + 1e-6 * np.arange(cutpoints.size), code


# --- one row ----------------------------------------------------------------------------------


def row(link: str, a: float, b: float) -> Any:
    gap = a - b
    return kernel_general.log_probability(LINKS.index(link), a, b, gap, -np.expm1(-gap))


@pytest.mark.parametrize("link", LINKS)
def test_a_row_has_the_probability_that_scipy_says(link: str) -> None:
    of = NOISE[link]
    for a, b in [(0.3, -0.4), (2.0, 1.0), (-1.0, -3.0), (0.1, -7.0), (6.0, -0.2), (0.3, 0.2)]:
        assert row(link, a, b)[0] == pytest.approx(np.log(of.cdf(a) - of.cdf(b)), rel=1e-12)
    for x in (-30.0, -2.0, 0.0, 1.5, 3.0):
        assert row(link, x, -np.inf)[0] == pytest.approx(of.logcdf(x), rel=1e-12)
        assert row(link, np.inf, x)[0] == pytest.approx(of.logsf(x), rel=1e-12)


# Densities at the middle of a narrow grade: what its probability is but for its width.
LOG_DENSITY = {
    "logit": lambda x: -abs(x) - 2.0 * np.log1p(np.exp(-abs(x))),
    "probit": lambda x: -0.5 * x * x - 0.5 * np.log(2.0 * np.pi),
    "cloglog": lambda x: x - np.exp(x),
}


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("x", [-700.0, -40.0, -20.0, -3.0, 0.0, 2.0, 5.0, 37.0, 700.0])
def test_cutpoints_that_nearly_meet_keep_their_digits(link: str, x: float) -> None:
    # A gap that is exact beside x, at which the density changes little. That of the cloglog falls
    # so steeply above that no double does: 6 stands for all of these.
    x, gap = min(x, 6.0) if link == "cloglog" else x, 2.0**-33
    a, b = x + gap / 2.0, x - gap / 2.0
    value, da, db, _ = row(link, a, b)
    assert value == pytest.approx(LOG_DENSITY[link](x) + np.log(a - b), rel=1e-12, abs=1e-7)
    assert [da * gap, db * gap] == pytest.approx([1.0, -1.0], rel=1e-6)


@given(
    link=st.sampled_from(LINKS),
    x=st.floats(-690.0, 690.0),
    gaps=st.lists(st.floats(1e-6, 40.0), min_size=1, max_size=5),
)
def test_a_row_is_finite_everywhere_and_its_grades_sum_to_1(
    link: str, x: float, gaps: list[float]
) -> None:
    cuts = [-np.inf, *np.cumsum([0.0, *gaps]) - x, np.inf]
    rows = [row(link, a, b) for b, a in pairwise(cuts)]
    assert np.isfinite(rows).all()
    assert logsumexp([one[0] for one in rows]) == pytest.approx(0.0, abs=1e-9)
    assert all(one[0] <= 0.0 and one[1] >= 0.0 and one[2] <= 0.0 for one in rows)


@pytest.mark.parametrize("link", LINKS)
def test_slopes_and_curvature_of_a_row_are_those_of_its_probability(link: str) -> None:
    rng = np.random.default_rng(1)
    step = 1e-5
    for _ in range(200):
        b = rng.choice([rng.uniform(-45.0, 3.0), rng.uniform(-3.0, 3.0), -np.inf])
        a = np.inf if np.isfinite(b) and rng.random() < 0.2 else max(b, -40.0) + rng.exponential(2)
        _, da, db, curvature = row(link, a, b)
        scale = 1.0 + abs(da) + abs(db)

        def slope(i: int, up: float, down: float, a: float = a, b: float = b) -> float:
            low, high = row(link, a - up, b - down)[i], row(link, a + up, b + down)[i]
            return float(high - low) / (2.0 * step)

        assert da == pytest.approx(slope(0, step, 0.0), rel=1e-4, abs=1e-6 * scale)
        assert db == pytest.approx(slope(0, 0.0, step), rel=1e-4, abs=1e-6 * scale)
        both = slope(1, step, step) + slope(2, step, step)
        assert curvature == pytest.approx(both, rel=1e-4, abs=1e-5 * scale)


# --- a site -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 2, 5, 12, 40, 100])
@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("link", LINKS)
def test_a_site_agrees_with_quadrature(link: str, sigma: float, rows: int) -> None:
    rng = np.random.default_rng([round(100 * sigma), rows])
    for _ in range(4):
        eta, cutpoints, code = random_site(link, rng, sigma, rows)
        expected = log_site(link, eta, cutpoints, sigma, code)
        got = loop(link, eta, cutpoints, sigma, code)[0]
        assert got == pytest.approx(expected, abs=WORST, rel=1e-10)


MEETING: dict[str, Any] = {
    **sites.MEETING,
    "one of twenty is higher": ([0.1] * 20, [0.0], 11.0, [0] * 19 + [1]),
    "above a wall of 45": ([0.0] * 2, [495.0], 11.0, [1, 1]),
    "100 visits in one narrow grade": ([0.0] * 100, [-6.7, 0.0], 9.4, [1] * 100),
    "100 visits in a wide grade": ([0.0] * 100, [-16.7, 20.0], 9.4, [1] * 100),
    "100 visits in a grade far out": ([-60.7] * 100, [-42.5, -37.4], 46.5, [1] * 100),
    "100 visits below a steep wall": ([3.7] * 100, [-1.1, 0.0], 2.34, [0] * 100),
    "contradicting by 40 units": ([-20.0, 20.0], [0.0], 20.0, [1, 0]),
    "a gap of a millionth": ([0.3, 0.2], [1.0, 1.0 + 1e-6], 1.5, [1, 0]),
    "all grades the highest": ([1.0, 2.0, 0.0], [-4.0, 5.0], 11.0, [2, 2, 2]),
    "all grades the lowest": ([1.0, 2.0, 0.0], [-4.0, 5.0], 11.0, [0, 0, 0]),
    "one row": ([0.3], [-1.0, 0.5], 2.0, [1]),
}


@pytest.mark.parametrize("case", MEETING)
@pytest.mark.parametrize("link", LINKS)
def test_a_site_whose_grades_meet_agrees_with_quadrature(link: str, case: str) -> None:
    eta, cutpoints, sigma, code = MEETING[case]
    expected = log_site(link, eta, cutpoints, sigma, code)
    assert loop(link, eta, cutpoints, sigma, code)[0] == pytest.approx(
        expected, abs=WORST, rel=1e-9
    )


@pytest.mark.parametrize("case", MEETING)
def test_the_logit_of_any_link_is_that_of_the_fast_way(case: str) -> None:
    eta, cutpoints, sigma, code = MEETING[case]
    got = loop("logit", eta, cutpoints, sigma, code)
    fast = ordinal.log_density(eta, np.array(cutpoints), sigma, code, [0, len(eta)])
    assert got[0] == pytest.approx(fast[0], abs=WORST, rel=1e-9)
    for one, other in zip(got[1:], fast[1:], strict=True):
        assert one == pytest.approx(other, abs=1e-5, rel=1e-5)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("eta", [-700.0, 700.0])
@pytest.mark.parametrize("code", [0, 1, 2])
@pytest.mark.parametrize("sigma", [1.0, 20.0])
def test_it_is_finite_at_700_units(link: str, eta: float, code: int, sigma: float) -> None:
    value, d_eta, d_cutpoints, d_sigma = loop(link, [eta], [-1.0, 1.0], sigma, [code])
    assert np.isfinite([value, *d_eta, *d_cutpoints, d_sigma]).all()
    if link == "probit" and code != 1:  # the sum of two normal numbers
        wall = (-1.0 if code == 0 else 1.0) - eta
        expected = log_ndtr((wall if code == 0 else -wall) / np.hypot(1.0, sigma))
        assert value == pytest.approx(expected, abs=WORST, rel=1e-9)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("sigma", [1e-100, 1e-3, 1e4, 1e12])
def test_noise_that_is_all_or_nothing_is_finite(link: str, sigma: float) -> None:
    cuts = [-0.5 * max(sigma, 1.0), max(sigma, 1.0)]
    value, d_eta, d_cutpoints, d_sigma = loop(link, [0.0] * 3, cuts, sigma, [1] * 3)
    assert np.isfinite([value, *d_eta, *d_cutpoints, d_sigma]).all()
    of = ss.norm if sigma > 1.0 else NOISE[link]
    share = of.cdf(1.0) - of.cdf(-0.5)
    assert value == pytest.approx(np.log(share) * (1 if sigma > 1 else 3), abs=5e-3)


@pytest.mark.parametrize("link", LINKS)
def test_what_is_not_a_number_has_no_density_and_raises_nothing(link: str) -> None:
    for eta, cutpoints, sigma in (
        ([np.nan, 0.0], [-1.0, 1.0], 2.0),
        ([0.0, 0.0], [-1.0, np.inf], 2.0),
        ([0.0, 0.0], [-1.0, 1.0], np.inf),
        ([0.0, 0.0], [-1.0, 1.0], 0.0),
        ([0.0, 0.0], [1.0, 1.0], 1.0),
    ):
        value, *slopes = loop(link, eta, cutpoints, sigma, [0, 1])
        assert value == -np.inf
        assert all(np.all(slope == 0.0) for slope in slopes)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("sigma", [0.3, 4.0, 24.0])
@pytest.mark.parametrize("eta", [-30.0, 0.0, 2.5])
def test_the_probabilities_of_all_grades_of_a_site_sum_to_1(
    link: str, sigma: float, eta: float
) -> None:
    cutpoints = np.array([-20.0, -1.0, 0.0, 0.3, 9.0])
    logs = [loop(link, [eta], cutpoints, sigma, [code])[0] for code in range(6)]
    assert logsumexp(logs) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("link", LINKS)
def test_sites_add_up_and_one_without_rows_adds_nothing(link: str) -> None:
    cutpoints, sigma = [-1.0, 1.0], 3.0
    first = loop(link, [0.4, 0.1], cutpoints, sigma, [1, 2])
    second = loop(link, [-2.0], cutpoints, sigma, [0])
    both = loop(link, [0.4, 0.1, -2.0], cutpoints, sigma, [1, 2, 0], [0, 0, 2, 2, 3])
    assert both[0] == pytest.approx(first[0] + second[0], rel=1e-12)
    assert both[1] == pytest.approx(np.concatenate([first[1], second[1]]), rel=1e-12)
    assert both[3] == pytest.approx(first[3] + second[3], rel=1e-12)


# --- gradients --------------------------------------------------------------------------------


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("sigma", SIGMAS)
def test_gradients_agree_with_differences_of_the_reference(link: str, sigma: float) -> None:
    rng = np.random.default_rng(round(sigma) + 7)
    for rows in (1, 4, 9):
        eta, cutpoints, code = random_site(link, rng, sigma, rows)
        cutpoints = cutpoints + np.arange(cutpoints.size)  # no two meet within a step
        got = np.hstack(loop(link, eta, cutpoints, sigma, code)[1:])

        def value(point: np.ndarray, code: Any = code, n: int = rows) -> float:
            return log_site(link, point[:n], point[n:-1], point[-1], code)

        expected = sites.differences(value, [*eta, *cutpoints, sigma], 1e-4)
        assert got == pytest.approx(expected, abs=5e-5, rel=5e-5)


# --- memory ---------------------------------------------------------------------------------


def random_repeats(rng: np.random.Generator, code: np.ndarray) -> np.ndarray:
    """Rows in the order of their days, some too long after the one before."""
    repeat = (code == np.roll(code, 1)).astype(int)
    repeat[rng.random(code.size) < 0.2] = -1
    repeat[0] = -1
    return repeat


@pytest.mark.parametrize("memory", [1e-6, 0.05, 0.5, 0.95])
@pytest.mark.parametrize("sigma", [0.3, 1.5, 4.0, 11.0, 24.0])
@pytest.mark.parametrize("link", LINKS)
def test_a_site_that_is_remembered_agrees_with_quadrature(
    link: str, sigma: float, memory: float
) -> None:
    rng = np.random.default_rng([round(10 * sigma), round(100 * memory)])
    for rows in (1, 2, 4, 8, 8, 20, 50):
        eta, cutpoints, code = random_site(link, rng, sigma, rows)
        repeat = random_repeats(rng, code)
        expected = log_site(link, eta, cutpoints, sigma, code, memory, repeat)
        got = loop(link, eta, cutpoints, sigma, code, memory=memory, repeat=repeat)
        assert got[0] == pytest.approx(expected, abs=WORST, rel=1e-8)


@pytest.mark.parametrize("sigma", [0.3, 4.0, 24.0])
@pytest.mark.parametrize("link", LINKS)
def test_gradients_with_memory_agree_with_differences(link: str, sigma: float) -> None:
    rng = np.random.default_rng(3)
    for rows, memory in ((3, 0.1), (8, 0.4)):
        eta, cutpoints, code = random_site(link, rng, sigma, rows)
        cutpoints, repeat = cutpoints + np.arange(cutpoints.size), random_repeats(rng, code)
        got = np.hstack(loop(link, eta, cutpoints, sigma, code, memory=memory, repeat=repeat)[1:])

        def value(point: np.ndarray, code: Any = code, again: Any = repeat) -> float:
            n = code.size
            return log_site(link, point[:n], point[n:-2], point[-2], code, point[-1], again)

        expected = sites.differences(value, [*eta, *cutpoints, sigma, memory], 1e-4)
        assert got == pytest.approx(expected, abs=5e-5, rel=5e-5)


@pytest.mark.parametrize("link", LINKS)
def test_the_grades_that_may_follow_a_remembered_one_sum_to_1(link: str) -> None:
    cutpoints, first = [-2.0, 0.0, 3.0], 1
    pairs = [
        loop(link, [0.1, 0.4], cutpoints, 4.0, [first, k], memory=0.3, repeat=[-1, k == first])[0]
        for k in range(4)
    ]
    alone = loop(link, [0.1], cutpoints, 4.0, [first])[0]
    assert logsumexp(pairs) == pytest.approx(alone, abs=1e-6)


@pytest.mark.parametrize("truth", [0.0, 0.3])
def test_the_memory_of_simulated_grades_is_recovered(truth: float) -> None:
    rng = np.random.default_rng(4)
    sites, visits, sigma = 500, 6, 8.0
    cutpoints = sigma * np.array([-1.2, -0.6, 0.0, 0.6])
    strength = sigma * rng.normal(size=(sites, 1)) + rng.normal(size=(sites, visits))
    code = np.searchsorted(cutpoints, strength)
    for visit in range(1, visits):
        again = rng.random(sites) < truth
        code[again, visit] = code[again, visit - 1]
    repeat = np.column_stack([np.full(sites, -1), code[:, 1:] == code[:, :-1]])
    shares = np.linspace(0.001, 0.6, 25)
    heights = [
        ordinal.log_density(
            *(np.zeros(code.size), cutpoints, sigma, code.ravel()),
            visits * np.arange(sites + 1),
            link="probit",
            memory=share,
            repeat=repeat.ravel(),
        )[0]
        for share in shares
    ]
    assert shares[np.argmax(heights)] == pytest.approx(truth, abs=0.08)


# --- plain and compiled -------------------------------------------------------------------------

PLAINLY = """
import json
import sys
import numpy as np
from mmn_bayes.engine import kernel_general as any_link

for link, eta, cutpoints, sigma, code, repeat, memory in json.load(sys.stdin):
    eta, cutpoints, code = np.array(eta), np.array(cutpoints), np.array(code, dtype=np.int64)
    edges, repeat = np.array([0, 0, eta.size]), np.array(repeat)
    d_eta, d_cutpoints = np.empty_like(eta), np.empty_like(cutpoints)
    value, d_sigma, d_memory = any_link.log_density(
        *(link, eta, cutpoints, cutpoints.size + 1, sigma, code, edges, repeat, memory),
        *(d_eta, d_cutpoints),
    )
    effects = any_link.draw_site_effects(
        *(link, eta[None], cutpoints[None], cutpoints.size + 1, np.array([sigma])),
        *(code, edges, repeat),
        *(np.array([memory]), np.full((1, 2, 2), 0.3)),
    )
    print(json.dumps([value, *d_eta, *d_cutpoints, d_sigma, d_memory, *effects[0]]))
"""


def test_the_plain_functions_equal_the_compiled_ones() -> None:
    known = [*MEETING.values(), *(([eta], [-1.0, 1.0], 20.0, [1]) for eta in (-700.0, 700.0))]
    known = [site for site in known if len(site[0]) < 70]
    cases = [(link, *site, [-1] * len(site[0]), 0.0) for link in range(3) for site in known]
    for eta, cutpoints, sigma, code, repeat in REMEMBERED.values():
        cases += [(link, eta, cutpoints, sigma, code, repeat, 0.3) for link in range(3)]
    for case, expected in zip(cases, sites.plainly(PLAINLY, cases), strict=True):
        link, eta, cutpoints, sigma, code, repeat, memory = case
        edges = np.array([0, 0, len(eta)])
        value = loop(LINKS[link], eta, cutpoints, sigma, code, edges, memory, repeat)
        effects = draw_effects(
            *(LINKS[link], eta, cutpoints, sigma, code, edges),
            *(np.full((1, 2, 2), 0.3), memory, repeat),
        )
        got = np.hstack([*value, effects])
        assert got == pytest.approx(np.array(expected), rel=1e-9, abs=1e-9)


# --- draws of the effects -----------------------------------------------------------------------


def draw_effects(
    link: str,
    eta: Any,
    cutpoints: Any,
    sigma: float,
    code: Any,
    edges: Any,
    uniform: np.ndarray,
    memory: float = 0.0,
    repeat: Any = None,
    n_grades: int = 0,
) -> np.ndarray:
    """Draws of the effect of each site, one set of parameters; shape (site,)."""
    return kernel_general.draw_site_effects(
        *(LINKS.index(link), np.array([eta], dtype=float), np.array([cutpoints])),
        *(n_grades or len(cutpoints) + 1, np.array([sigma]), np.array(code, dtype=np.int64), edges),
        np.full(len(code), -1) if repeat is None else np.array(repeat),
        *(np.array([memory]), uniform),
    )[0]


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("seed", range(5))
def test_rows_of_a_site_may_have_cutpoints_of_their_own(link: str, seed: int) -> None:
    # A set of cutpoints of each row, all of one distance from those of the first: then the rows
    # are those of an eta that much lower, and the gradients add up.
    rng = np.random.default_rng(seed)
    rows, top = 6, 4
    first = np.sort(rng.normal(0.0, 4.0, top)) + 0.3 * np.arange(top)
    eta, shift = rng.normal(0.0, 3.0, rows), rng.normal(0.0, 2.0, rows)
    code, repeat = rng.integers(0, top + 1, rows), rng.integers(-1, 2, rows)
    memory, u = 0.3, np.full((1, 1, 2), 0.4)
    own = (first + shift[:, None]).ravel()
    among = code + (top + 1) * np.arange(rows)
    got = loop(link, eta, own, 3.0, among, None, memory, repeat, n_grades=top + 1)
    expected = loop(link, eta - shift, first, 3.0, code, None, memory, repeat)
    assert got[0] == pytest.approx(expected[0], rel=1e-9)
    assert got[1] == pytest.approx(expected[1], rel=1e-6, abs=1e-8)
    by_set = got[2].reshape(rows, top)
    assert by_set.sum(axis=0) == pytest.approx(expected[2], rel=1e-6, abs=1e-8)
    assert by_set.sum(axis=1) == pytest.approx(-got[1], rel=1e-6, abs=1e-8)
    assert got[3:] == pytest.approx(expected[3:], rel=1e-6, abs=1e-8)
    edges = np.array([0, rows])
    drawn = draw_effects(link, eta, own, 3.0, among, edges, u, memory, repeat, n_grades=top + 1)
    assert drawn == pytest.approx(
        draw_effects(link, eta - shift, first, 3.0, code, edges, u, memory, repeat), rel=1e-6
    )
    # A gap that closes around a recorded grade leaves no density, in the set of that row alone.
    inner = np.flatnonzero((code > 0) & (code < top))
    if inner.size:
        row = inner[0]
        closed = own.copy()
        closed[row * top + code[row]] = closed[row * top + code[row] - 1]
        assert loop(link, eta, closed, 3.0, among, n_grades=top + 1)[0] == -np.inf


def assert_draws_follow(link: str, site: Any, memory: float = 0.0, repeat: Any = None) -> None:
    """Effects of 4,000 sites with the same grades follow their distribution given these."""
    eta, cutpoints, sigma, code = site
    n = 4000
    uniform = np.random.default_rng(11).random((1, n, 2))
    draws = draw_effects(
        *(link, eta * n, cutpoints, sigma, code * n, len(code) * np.arange(n + 1), uniform),
        *(memory, None if repeat is None else repeat * n),
    )
    z = np.linspace(-9.0, 9.0, 60_001)
    site = link, z, np.array(eta), np.array(cutpoints), sigma, code
    sites.assert_distributed(draws, z, log_integrand(*site, memory, repeat))


@pytest.mark.parametrize("case", sites.REGIMES)
@pytest.mark.parametrize("link", LINKS)
def test_drawn_effects_have_their_distribution_given_the_grades(link: str, case: str) -> None:
    assert_draws_follow(link, sites.REGIMES[case])


# With memory the distribution may have several modes.
REMEMBERED: dict[str, Any] = {
    "the same grade again and again": ([0.0] * 4, [0.0, 4.0], 11.0, [1] * 4, [-1, 1, 1, 1]),
    "a grade that stays, then another": (
        *([0.0] * 6, [-3.0, 0.0, 4.0], 9.0, [3, 3, 3, 0, 0, 0]),
        [-1, 1, 1, 0, 1, 1],
    ),
    "a visit too late to remember": ([0.0, 0.5, 1.0], [-1.0, 1.0], 4.0, [2, 2, 0], [-1, -1, 0]),
}


@pytest.mark.parametrize("case", REMEMBERED)
@pytest.mark.parametrize("link", LINKS)
def test_effects_drawn_with_a_memory_have_their_distribution(link: str, case: str) -> None:
    *site, repeat = REMEMBERED[case]
    assert_draws_follow(link, site, 0.3, repeat)
