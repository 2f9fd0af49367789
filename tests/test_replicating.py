"""Replicated grades have the distribution that the model gives them."""

import numpy as np
import pytensor.tensor as pt
import pytest

from mmn_bayes.engine.ordinal import cumulative_probability
from mmn_bayes.engine.predicting import draw_grades

LINKS = ("logit", "probit", "cloglog")


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("of_each", [False, True])
def test_a_replicated_grade_has_the_distribution_of_the_cdf(link, of_each):
    """Chi-square statistics of 30 rows, with one set of cutpoints or one for each row."""
    n, rng = 40_000, np.random.default_rng(3)
    eta = rng.normal(0.0, 2.0, 30)
    cutpoints = np.sort(rng.normal(0.0, 2.0, (30 if of_each else 1, 5)), axis=1)
    cdf = cumulative_probability(
        pt.as_tensor(eta), pt.as_tensor(cutpoints if of_each else cutpoints[0]), link=link
    ).eval()
    probability = np.diff(cdf, axis=1, prepend=0.0, append=1.0)
    stacked = np.repeat(eta[None].astype(np.float32), n, axis=0)
    code = draw_grades(stacked, list(cutpoints.T.astype(np.float32)[:, None]), link, rng)
    assert (code.min(), code.max()) == (0, 5)
    counts = np.stack([(code == grade).sum(axis=0) for grade in range(6)], axis=1)
    expected = n * probability
    enough = expected > 10  # of rarer grades only their number altogether is looked at
    assert counts[~enough].sum() == pytest.approx(expected[~enough].sum(), abs=50)
    statistic = ((counts - expected)[enough] ** 2 / expected[enough]).sum()
    freedom = enough.sum() - len(eta)
    assert abs(statistic - freedom) < 4.0 * np.sqrt(2.0 * freedom)


@pytest.mark.parametrize("link", LINKS)
def test_grades_far_from_the_cutpoints_are_certain(link):
    eta = np.array([[-1e3, 1e3]], dtype=np.float32)
    cutpoints = [np.array([[c]], dtype=np.float32) for c in (-1.0, 0.0, 1.0)]
    code = draw_grades(eta, cutpoints, link, np.random.default_rng(1))
    assert code.tolist() == [[0, 3]]
    assert code.dtype == np.int8
