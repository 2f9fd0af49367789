"""Known truth, recovered: a fresh simulated cohort, fitted for real; results/recovery has 20.

A test of draws without a bound of its own holds for any draws: failure probability 0.
"""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from mmn_bayes.engine.sampling import fit
from mmn_bayes.model_file.reading import read_model
from mmn_bayes.outcomes.response.estimands import posterior_predictive_check
from mmn_bayes.simulation.recipe import with_compartment
from mmn_bayes.studies.known_truth import fits_and_intervals, simulated, truth_intervals
from mmn_bayes.studies.known_truth import recovered as kept_of

SEEDS = (101,)


@pytest.fixture(scope="module", params=SEEDS)
def recovered(request, models):
    cohort = simulated(40, seed=request.param, recipe=with_compartment())
    spec = read_model(models / "strength.toml")
    return cohort, fit(cohort, spec, seed=1, chains=2, draws=400, tune=300, progress="off")


def standardised(cohort, tree):
    """Distance of every parameter's truth from its posterior mean, in posterior sds."""
    found = {}
    for name, true in cohort.truth.items():
        if name not in tree["posterior"]:
            continue
        draws = tree["posterior"][name]
        if isinstance(true, dict):
            true = [true[str(label)] for label in draws["muscle"].to_numpy()]
        mean, sd = draws.mean(("chain", "draw")), draws.std(("chain", "draw"))
        for index, z in enumerate(np.atleast_1d((np.asarray(true) - mean) / sd)):
            found[f"{name}[{index}]"] = float(z)
    return found


@pytest.mark.draws
@pytest.mark.slow
def test_truth_is_recovered(recovered):
    z = standardised(*recovered)
    assert {"noise[0]", "gain[0]", "naive_gain[0]", "infusions[0]", "cutpoints[4]"} <= set(z)
    assert len(z) == 10 + 5 + 10
    # The data are fixed, and other draws move a distance by 0.1 sds: of four fits the same 3 lay
    # beyond 1.96 (2.1 to 2.8), the others within 1.25. To fail 4 more must, 7 errors away: never.
    # Of 25 quantities about 5 % lie beyond 1.96; so many or more have probability below 0.001.
    # (They are not independent, which spreads the count: hence so small a probability.)
    beyond = sum(abs(value) > 1.96 for value in z.values())
    assert beyond <= binom.ppf(0.999, len(z), 0.05), z
    assert max(map(abs, z.values())) < 4.0, z


@pytest.mark.draws
@pytest.mark.slow
def test_replicated_responder_rate_covers_the_observed(recovered):
    _, tree = recovered
    table = posterior_predictive_check(tree, by="naive")
    # Of 800 replicates 0.11 are as high as what was observed, or 0.7: an interval that leaves it
    # out needs less than 0.025, which is 7 binomial standard errors away.
    assert table["covers"].all(), table
    # None in four fits of 800 draws: at most 0.75 a fit (95 %), of which 8 have probability 1e-6.
    assert tree["sample_stats"]["diverging"].sum() < 8


@pytest.mark.draws
@pytest.mark.slow
def test_what_a_study_keeps_of_a_fit_comes_apart_again(recovered):
    cohort, tree = recovered
    later = tree.copy()
    later.attrs["seed"] = 2
    table = pd.concat([kept_of(t, truth=cohort.truth, level=0.8) for t in (later, tree)])
    fits, intervals = fits_and_intervals(table)
    assert fits["seed"].tolist() == [1, 2]
    expected = truth_intervals(tree, cohort.truth, 0.8)
    own = intervals[intervals["seed"] == 1]
    pd.testing.assert_frame_equal(own.drop(columns="seed"), expected)
    assert len(intervals) == 2 * len(expected)
    row = fits.loc[0]
    assert row["n_patients"] == cohort.grades["patient"].nunique() == 40
    assert row["n_grades"] == cohort.grades["grade"].notna().sum()
    divergences = int(tree["sample_stats"]["diverging"].sum())
    assert row[["chains", "draws", "tune", "divergences"]].tolist() == [2, 400, 300, divergences]
    assert row["worst_r_hat"] == own["r_hat"].max()
    assert row["least_ess_bulk"] == own["ess_bulk"].min()
    assert row["least_ess_tail"] == own["ess_tail"].min()
    for name in ("fingerprint", "sampler", "versions", "seconds_compiling", "seconds_sampling"):
        assert row[name] == tree.attrs[name]
    assert row["synthetic"]
