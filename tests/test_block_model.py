"""The model of conduction blocks: exact answers by hand, known truths, odd cohorts, one table.

A test of draws without a bound of its own holds for any draws: failure probability 0.
"""

import warnings
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats as ss
import trees
from monte_carlo import mcse

from mmn_bayes.data.deriving import with_early_response
from mmn_bayes.data.reading import read_cohort
from mmn_bayes.data.restricting import of_patients
from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.sampling import fit
from mmn_bayes.errors import CohortWarning, DataError
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.outcomes.blocks.estimands import (
    block_effect_ratios,
    block_kinds,
    expected_block_change,
)
from mmn_bayes.outcomes.blocks.observed import MEAN_CHANGE, observed_blocks
from mmn_bayes.outcomes.blocks.table import blocks_notes, blocks_table
from mmn_bayes.outcomes.classes.estimands import class_odds_ratios
from mmn_bayes.outcomes.response.estimands import response_probability
from mmn_bayes.outcomes.response.table import question_notes
from mmn_bayes.posterior.loo import psis_loo_patients
from mmn_bayes.predictors.effects import predictor_effects
from mmn_bayes.predictors.observed_imputation import complete_cases, impute_cohorts
from mmn_bayes.studies.known_truth import simulated, truth_intervals

ROOT = Path(__file__).parents[1]
KINDS = ("fewer", "unchanged", "more")
DRAWS = 4000


def without_predictors(name="blocks"):
    content = read_model(ROOT / "models" / f"{name}.toml").resolved
    del content["predictor"]
    return parse_model(content, "plain")


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return read_cohort(ROOT / "data" / "leger2008_cohort")


@pytest.fixture(scope="module")
def full(cohort) -> Cohort:
    """Of whom early response is known."""
    spec = read_model(ROOT / "models" / "blocks.toml")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        return complete_cases(with_early_response(cohort, spec), spec)[0]


def blanked(cohort, patients, day):
    """Without the nerve conduction studies of these patients on a day."""
    blocks = cohort.blocks
    gone = blocks["patient"].isin(patients) & (blocks["day"] == day)
    return replace(cohort, blocks=blocks[~gone].reset_index(drop=True))


def by_nerves(before, free, stays, appears):
    """Probability of each kind, and the expected change, over the fates of all nerves."""
    kinds, mean = np.zeros(3), 0.0
    for fates in product((0, 1), repeat=before + free):
        each = [stays if n < before else appears for n in range(before + free)]
        weight = np.prod([p if fate else 1 - p for p, fate in zip(each, fates, strict=True)])
        change = sum(fates) - before
        kinds[int(np.sign(change)) + 1] += weight
        mean += weight * change
    return kinds, mean


def test_kinds_and_change_are_those_of_all_fates_of_all_nerves(cohort):
    spec = without_predictors()
    tree = trees.known(spec, cohort, block_stays=0.7, block_appears=0.04)
    design = make_design(cohort, spec)
    expected, change = np.zeros(3), 0.0
    for patient in range(40):
        before = design["blocks_before"].values[patient]
        free = design["free_nerves"].values[patient]
        kinds, mean = by_nerves(int(before), int(free), 0.7, 0.04)
        expected += kinds / 40
        change += mean / 40
    drawn = block_kinds(tree, patients="population")
    assert drawn["kind"].values.tolist() == list(KINDS)
    assert drawn.values.ravel() == pytest.approx(expected)
    assert expected_block_change(tree, patients="population").item() == pytest.approx(change)


def test_new_patients_have_the_nerves_of_baseline_tested_again(cohort):
    fewer = cohort.blocks.assign(
        n_nerves=cohort.blocks["n_nerves"].mask(cohort.blocks["day"] == 182, 3)
    )
    fewer["n_blocks"] = fewer["n_blocks"].clip(upper=3)
    other = replace(cohort, blocks=fewer)
    spec = without_predictors()
    # Of what stays and never appears nothing changes, however many nerves were tested later.
    tree = trees.known(spec, other, block_stays=1 - 1e-12, block_appears=1e-12)
    drawn = block_kinds(tree, patients="population").values.ravel()
    assert drawn == pytest.approx([0.0, 1.0, 0.0], abs=1e-9)
    assert expected_block_change(tree, patients="population").item() == pytest.approx(0.0, abs=1e-9)


def test_counts_appear_by_a_negative_binomial(cohort):
    spec = without_predictors("blocks_counts")
    parameters = {"block_stays": 0.6, "block_appears": 0.4, "block_overdispersion": 0.8}
    tree = trees.known(spec, cohort, **parameters)
    before = make_design(cohort, spec)["blocks_before"].values
    new = ss.nbinom(1 / 0.8**2, 1 / (1 + 0.4 * 0.8**2))
    assert new.mean() == pytest.approx(0.4)
    kinds = np.zeros(3)
    for b in before:
        for stayed in range(b + 1):
            weight = ss.binom(b, 0.6).pmf(stayed) / before.size
            kinds += weight * np.array(
                [new.cdf(b - stayed - 1), new.pmf(b - stayed), new.sf(b - stayed)]
            )
    drawn = block_kinds(tree, patients="population").values.ravel()
    assert drawn == pytest.approx(kinds)
    change = expected_block_change(tree, patients="population").item()
    assert change == pytest.approx(np.mean(0.4 - 0.4 * before))


@pytest.mark.parametrize("name", ["blocks", "blocks_counts"])
def test_what_was_not_seen_is_filled_in_and_what_was_seen_is_kept(cohort, name):
    spec = without_predictors(name)
    gone = cohort.patients["patient"].tolist()[:20]
    less = blanked(cohort, gone, 182)
    parameters = {"block_stays": 0.7, "block_appears": 0.04 if name == "blocks" else 0.4}
    if name == "blocks_counts":
        parameters["block_overdispersion"] = 0.5
    tree = trees.known(spec, less, DRAWS, **parameters)
    drawn = block_kinds(tree, patients="cohort")
    assert (drawn.attrs["n"], drawn.attrs["seen"]) == (40, 19)
    with pytest.warns(CohortWarning, match="2 of 40 patients are not evaluable"):
        seen = observed_blocks(less, spec, group="all").set_index("kind")["events"]
    hidden = trees.known(spec, less, 1, **parameters)
    hidden["design"] = (
        hidden["design"]
        .to_dataset()
        .isel(patient=np.flatnonzero(make_design(less, spec)["blocks_after"].values < 0))
    )
    filled = block_kinds(hidden, patients="population").values.ravel()
    expected = (seen.loc[list(KINDS)].to_numpy(dtype=float) + 21 * filled) / 40
    error = np.sqrt(21 * 0.25) / 40 / np.sqrt(DRAWS)
    assert drawn.mean(("chain", "draw")).values == pytest.approx(expected, abs=5 * error)
    all_seen = block_kinds(trees.known(spec, full_of(cohort), 3, **parameters), patients="cohort")
    assert all_seen.std().item() > 0  # between kinds
    assert all_seen.std("draw").max().item() == 0


def full_of(cohort):
    """Those with both counts."""
    both = cohort.blocks.groupby("patient").size()
    kept = both.index[both == 2]
    patients = cohort.patients[cohort.patients["patient"].isin(kept)].reset_index(drop=True)
    return of_patients(cohort, patients["patient"].tolist())


@pytest.mark.slow
@pytest.mark.draws
def test_the_truth_of_simulated_blocks_is_recovered():
    # Blocks of the recipe stay with 0.75 and appear by a Poisson with mean 0.25: no overdispersion.
    spec = without_predictors("blocks_counts")
    sampled = fit(simulated(300, 5), spec, seed=1, progress="off", chains=2)
    truth = {"block_stays": 0.75, "block_appears": 0.25}
    table = truth_intervals(sampled, truth, level=0.99)
    # The data are fixed, and the limits of the posterior itself 0.02 from the truth, 3 MCSE of a
    # limit: with 5 more one run in a million fails per number, 4 numbers.
    for row in table.itertuples():
        drawn = sampled["posterior"][row.parameter]
        lower, upper = (mcse(drawn, method="quantile", prob=p) for p in (0.005, 0.995))
        assert row.lower - 5 * lower <= row.truth <= row.upper + 5 * upper
        assert row.covers == (row.lower <= row.truth <= row.upper)
    # 0.03 and 0.046 with an MCSE of 0.0013: 10 MCSE.
    assert (table["sd"] < 0.06).all()


@pytest.fixture(scope="module")
def sampled(full):
    spec = read_model(ROOT / "models" / "blocks.toml")
    return fit(full, spec, seed=1, progress="off", chains=2, draws=500)


@pytest.mark.slow
@pytest.mark.draws
def test_one_table_has_the_published_counts_and_the_model(cohort, sampled):
    with pytest.warns(CohortWarning, match="2 of 40 patients are not evaluable"):
        table = blocks_table(cohort, [sampled])
    naive = table[table["group"] == "naive responders"].set_index(["source", "kind"])
    counted = naive.loc["observed"]
    assert counted.loc["fewer or unchanged", ["events", "n"]].tolist() == [12, 14]
    assert counted.loc["more", ["events", "n"]].tolist() == [2, 14]
    assert counted.loc["fewer among those that changed", "p_value"] == pytest.approx(0.453125)
    these = naive.loc["blocks, these patients"]
    for kind in (*KINDS, "fewer or unchanged", MEAN_CHANGE):
        assert these.loc[kind, "estimate"] == pytest.approx(counted.loc[kind, "estimate"])
        assert these.loc[kind, "lower"] == pytest.approx(these.loc[kind, "upper"])
    new = naive.loc["blocks, new patients"]
    assert new.loc[list(KINDS), "estimate"].sum() == pytest.approx(1.0)
    assert new.loc["fewer or unchanged", "estimate"] == pytest.approx(
        1.0 - new.loc["more", "estimate"]
    )
    assert set(table["level"]) == {0.95}
    assert table["synthetic"].all()
    groups = ["naive responders", "naive", "previously treated", "responders", "non-responders"]
    assert table["group"].unique().tolist() == [*groups, "all"]
    with pytest.warns(CohortWarning):
        notes = blocks_notes(cohort, [sampled])
    assert any("2 of 40 patients: no count of blocks at follow-up" in note for note in notes)
    assert any("In 0 patients another number of nerves" in note for note in notes)
    with pytest.raises(ValueError, match="is not of this cohort"):
        blocks_table(simulated(40, 1), [sampled])
    with pytest.raises(ValueError, match="Give a list of fits of models with blocks"):
        blocks_notes(cohort, sampled)
    with pytest.raises(ValueError, match="Name a group, one at least: naive responders"):
        blocks_table(cohort, [sampled], groups=())
    with pytest.raises(ValueError, match="Two of the models have one name"):
        blocks_table(cohort, [sampled, sampled])
    with pytest.raises(ValueError, match="one at least"):
        blocks_table(cohort, [])


@pytest.mark.draws
def test_ratios_are_exponentials_of_the_effects(sampled):
    ratios = block_effect_ratios(sampled)
    assert ratios.dims == ("chain", "draw", "predictor", "fate")
    effect = sampled["posterior"]["naive"].sel(fate="stays")
    own = ratios.sel(predictor="naive", fate="stays")
    assert own.values == pytest.approx(np.exp(effect.values))
    with pytest.raises(ValueError, match="not of classes"):
        class_odds_ratios(sampled)


@pytest.mark.draws
def test_what_is_of_responses_says_so_of_blocks(sampled, cohort):
    with pytest.raises(ValueError, match="use `block_kinds`"):
        response_probability(sampled, patients="cohort")
    with pytest.raises(ValueError, match="is not computed for blocks"):
        psis_loo_patients(sampled)
    with pytest.raises(ValueError, match="see `block_effect_ratios`"):
        predictor_effects(sampled)
    spec = read_model(ROOT / "models" / "blocks.toml")
    with pytest.raises(ValueError, match="no long-term classes, blocks or states"):
        impute_cohorts(cohort, spec, n_sets=2, seed=1)
    notes = " ".join(question_notes(sampled))
    assert "their blocks count whatever was infused" in notes
    with pytest.raises(ValueError, match="group 'men' is unknown"):
        block_kinds(sampled, patients="cohort", group="men")
    with pytest.raises(ValueError, match="it is 'cohort' or 'population'"):
        block_kinds(sampled, patients="all")


def test_odd_cohorts_are_fitted_or_refused_with_the_cure(cohort):
    spec = without_predictors()
    with pytest.raises(DataError, match="blocks: no such table"):
        make_design(replace(cohort, blocks=None), spec)
    before = cohort.blocks[cohort.blocks["day"] == 0].reset_index(drop=True)
    with pytest.raises(DataError, match="nobody has a count both in the baseline window"):
        make_design(replace(cohort, blocks=before), spec)
    blocks = cohort.blocks.copy()
    untested = (blocks["patient"] == "P03") & (blocks["day"] == 182)
    blocks["n_nerves"] = blocks["n_nerves"].mask(untested, pd.NA)
    unknown = replace(cohort, blocks=blocks)
    with pytest.raises(DataError, match=r"blank for 1 patients.*row position 2 .*negative_b"):
        make_design(unknown, spec)
    blocks = cohort.blocks.copy()
    here = (blocks["patient"] == "P03") & (blocks["day"] == 182)
    blocks["n_nerves"] = blocks["n_nerves"].mask(here, 0)
    blocks["n_blocks"] = blocks["n_blocks"].mask(here, 0)
    with pytest.raises(
        DataError, match=r"'n_nerves' is 0 at follow-up for 1 patients.*row position 2 "
    ):
        make_design(replace(cohort, blocks=blocks), spec)
    counted = make_design(unknown, without_predictors("blocks_counts"))
    assert (counted["blocks_after"] >= 0).sum() == 38
    nobody = trees.known(spec, cohort, block_stays=0.7, block_appears=0.04)
    nobody["design"] = nobody["design"].to_dataset().assign(naive=("patient", np.full(40, False)))
    assert np.isnan(block_kinds(nobody, patients="cohort", group="naive")).all()
