"""Joint models: taken apart, what sharing does to estimands, the stored study."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import trees
from scipy.special import expit

from mmn_bayes.data.margins import block_counts
from mmn_bayes.data.reading import read_cohort
from mmn_bayes.engine.design import fingerprint, make_design
from mmn_bayes.engine.graph import build
from mmn_bayes.errors import CohortWarning, DataError
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.outcomes.blocks.estimands import (
    block_effect_ratios,
    block_kinds,
    expected_block_change,
)
from mmn_bayes.outcomes.classes.estimands import class_odds_ratios, class_probability
from mmn_bayes.outcomes.joint import submodel, without_shared_effects
from mmn_bayes.outcomes.joint_table import margins_table, relation_table, shared_effects_table
from mmn_bayes.posterior.loo import psis_loo_patients
from mmn_bayes.simulation.joint import simulate_joint

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "joint"
STUDIED = {"joint_grade": "grade", "joint_blocks": "blocks", "joint_class": "class"}


@pytest.fixture(scope="module")
def spec():
    return read_model(ROOT / "models" / "joint.toml")


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(ROOT / "data" / "leger2008_cohort")


def parameters(spec, cohort, **stated):
    """Of every parameter a number, 0 unless it is stated or must be otherwise."""
    model = build(spec, make_design(cohort, spec), "predict")
    usual = {"grade_probability": np.full(6, 1 / 6), "noise": 0.05, "block_stays": 0.7}
    usual |= {"reference_probability": [0.6, 0.3, 0.1], "block_appears": 0.04}
    names = [variable.name for variable in model.free_RVs]
    positive = {name: 1.0 for name in names if name.endswith(("_sd", "_days"))}
    return dict.fromkeys(names, 0.0) | positive | usual | stated


def test_a_joint_model_is_taken_apart(spec):
    assert spec.outcomes == ("grade", "class", "blocks")
    grades = submodel(spec, "grade", "strength")
    strength = read_model(ROOT / "models" / "strength.toml")
    content = [one.resolved for one in (grades, strength)]
    for own in content:
        own.pop("title")
    assert content[0] == content[1]
    blocks = submodel(spec, "blocks", "alone")
    assert blocks.outcomes == ("blocks",)
    assert [p.name for p in blocks.predictors] == ["naive_blocks"]
    apart = without_shared_effects(spec, "apart")
    assert apart.outcomes == spec.outcomes
    assert not apart.sharing
    with pytest.raises(ValueError, match="has no outcome 'state'; it has: grade, class, blocks"):
        submodel(spec, "state", "alone")
    with pytest.raises(ValueError, match="shares nothing between outcomes"):
        without_shared_effects(apart, "again")


@pytest.mark.parametrize("stated", [{}, {"gain_on_blocks": 0.0, "gain_on_class": 0.0}])
def test_without_sharing_estimands_are_those_of_the_parts(spec, cohort, stated):
    model = spec if stated else without_shared_effects(spec, "apart")
    effects = {"naive_blocks": [0.5, -0.3], "naive_class": [0.4, -0.2]}
    joint = trees.known(model, cohort, **parameters(model, cohort, **effects, **stated))
    blocks, classes = (submodel(spec, outcome, "alone") for outcome in ("blocks", "class"))
    alone = trees.known(blocks, cohort, **parameters(blocks, cohort, **effects))
    rates = trees.known(classes, cohort, **parameters(classes, cohort, **effects))
    expected = class_probability(rates, patients="population", by="naive").values
    # The new patients of a joint model are another number of copies of each: the same means.
    drawn = class_probability(joint, patients="population", by="naive").values
    assert drawn == pytest.approx(expected)
    for group in ("naive", "previously treated", "all"):
        ours, theirs = (block_kinds(t, patients="population", group=group) for t in (joint, alone))
        assert ours.values == pytest.approx(theirs.values)
        ours, theirs = (
            expected_block_change(t, patients="population", group=group) for t in (joint, alone)
        )
        assert ours.values == pytest.approx(theirs.values)


def test_shared_effects_act_in_sds_and_new_patients_have_their_own(spec, cohort):
    stated = {"gain_on_class": [0.8, -0.5], "gain_on_blocks": [1.5, -1.0]}
    # What these patients have is far off, so that new ones cannot have it.
    stated |= {"patient_gain_z": 3.0, "patient_gain_sd": 0.2}
    tree = trees.known(spec, cohort, 20, **parameters(spec, cohort, **stated))
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    odds = np.array([0.6, 0.3, 0.1]) * np.exp(nodes[:, None] * np.array([0.0, 0.8, -0.5]))
    expected = weights @ (odds / odds.sum(axis=1, keepdims=True))
    drawn = class_probability(tree, patients="population").mean(("chain", "draw")).values
    # At least 400 new patients in each of 20 draws, each within 0 and 1.
    error = 0.5 / np.sqrt(400 * 20)
    assert drawn == pytest.approx(expected, abs=4 * error)
    stays = weights @ expit(np.log(0.7 / 0.3) + 1.5 * nodes)
    appears = weights @ expit(np.log(0.04 / 0.96) - 1.0 * nodes)
    design = make_design(cohort, spec)
    before, free = design["blocked_nerves"].values, design["free_nerves"].values
    change = (before * (stays - 1.0) + free * appears).mean()
    drawn = expected_block_change(tree, patients="population").mean().item()
    assert drawn == pytest.approx(change, abs=4 * 2.0 * error)
    # Whose class is not known is filled in by the own effect.
    unknown = design["class_code"].values < 0
    own = np.array([0.6, 0.3, 0.1]) * np.exp(3.0 * np.array([0.0, 0.8, -0.5]))
    counts = np.bincount(design["class_code"].values[~unknown], minlength=3)
    expected = (counts + unknown.sum() * own / own.sum()) / 40
    drawn = class_probability(tree, patients="cohort").mean(("chain", "draw")).values
    assert drawn == pytest.approx(expected, abs=4 * 0.5 * np.sqrt(unknown.sum() / 20) / 40)


def test_relations_are_ratios_of_one_sd(spec, cohort):
    rng = np.random.default_rng(1)
    loading = rng.normal(0.5, 0.3, size=(1, 500, 2))
    stated = parameters(spec, cohort, gain_on_class=loading, gain_on_blocks=-loading)
    tree = trees.known(spec, cohort, 500, **stated)
    table = relation_table(tree).set_index(["acts_on", "member"])
    own = table.loc[("class", "remission")]
    values = np.exp(loading[0, :, 0])
    assert own["estimate"] == pytest.approx(np.median(values))
    assert own["p_above"] == pytest.approx((values > 1).mean())
    assert own["lower"] < own["estimate"] < own["upper"]
    stays = table.loc[("blocks", "stays")]
    assert stays["estimate"] == pytest.approx(1 / own["estimate"])
    assert set(table["ratio"]) == {"odds ratio"}
    ratios = class_odds_ratios(tree)
    assert ratios["predictor"].values.tolist() == ["naive_class", "gain_on_class"]
    assert block_effect_ratios(tree).sizes["fate"] == 2
    with pytest.raises(ValueError, match="shares nothing"):
        relation_table(
            trees.known(without_shared_effects(spec, "apart"), cohort, **_apart(spec, cohort))
        )


def _apart(spec, cohort):
    apart = without_shared_effects(spec, "apart")
    return parameters(apart, cohort)


def test_what_cannot_be_asked_of_a_joint_model_says_so(spec, cohort):
    tree = trees.known(spec, cohort, **parameters(spec, cohort))
    with pytest.raises(ValueError, match="is not computed for class and blocks"):
        psis_loo_patients(tree)
    with pytest.raises(ValueError, match="Whether a new patient of 'joint' responds goes with"):
        block_kinds(tree, patients="population", group="naive responders")
    assert block_kinds(tree, patients="cohort", group="naive responders").attrs["n"] == 14
    with pytest.raises(ValueError, match="is of 'blocks' alone: it has no parts"):
        submodel(submodel(spec, "blocks", "alone"), "blocks", "again")
    part = trees.known(
        submodel(spec, "blocks", "alone"),
        cohort,
        block_stays=0.5,
        block_appears=0.1,
        naive_blocks=0.0,
    )
    with pytest.raises(ValueError, match="no parameter 'naive_blocks'"):
        margins_table([part], part_only(tree), tree)
    with pytest.raises(ValueError, match="Two parts have a parameter 'block_appears'"):
        margins_table([part, part], tree, tree)
    with pytest.raises(ValueError, match="Give the fits of joint models"):
        shared_effects_table({})
    with pytest.raises(ValueError, match="Give a list of the fits of the outcomes alone"):
        margins_table(tree, tree, tree)


def test_margins_are_those_of_each_fit(spec, cohort):
    rng = np.random.default_rng(1)
    apart = without_shared_effects(spec, "apart")
    part = submodel(spec, "blocks", "alone")
    drawn = [rng.normal(size=(1, 400, 2)) for _ in range(3)]
    models = (part, apart, spec)
    fits = [
        trees.known(m, cohort, 400, **parameters(m, cohort, naive_blocks=own))
        for m, own in zip(models, drawn, strict=True)
    ]
    table = margins_table([fits[0]], *fits[1:])
    assert set(table["parameter"]) == {"block_stays", "block_appears", "naive_blocks"}
    assert table["part"].eq("blocks").all()
    rows = table.set_index(["parameter", "member"]).loc["naive_blocks"]
    for place, fate in enumerate(("stays", "appears")):
        row = rows.loc[fate]
        for which, own in zip(("alone", "apart", "joint"), drawn, strict=True):
            assert row[f"mean_{which}"] == pytest.approx(own[0, :, place].mean())
            limits = np.quantile(own[0, :, place], [0.025, 0.975])
            assert [row[f"lower_{which}"], row[f"upper_{which}"]] == pytest.approx(limits)
        error = np.hypot(row["mcse_alone"], row["mcse_apart"])
        expected = (row["mean_apart"] - row["mean_alone"]) / error
        assert row["difference_mcse"] == pytest.approx(expected)
        moved = (row["mean_joint"] - row["mean_apart"]) / row["sd_apart"]
        assert row["moved_sd"] == pytest.approx(moved)


@pytest.mark.slow
def test_what_the_first_fit_does_not_have_has_no_change(spec, cohort):
    content = spec.resolved
    without = {key: content[key] for key in content if key not in ("blocks", "sharing")}
    without["predictor"] = {n: p for n, p in content["predictor"].items() if n != "naive_blocks"}
    less = parse_model(without, "less")
    fits = {
        "less": trees.known(less, cohort, 2, **parameters(less, cohort)),
        "joint": trees.known(spec, cohort, 2, **parameters(spec, cohort)),
    }
    table = shared_effects_table(fits).set_index(["quantity", "source"])
    assert table.loc[("more blocks", "joint"), "change"].isna().all()
    assert table.loc[("class remission", "joint"), "change"].notna().all()
    blocks = table.loc[("more blocks", "joint")].groupby("patients")["group"].unique()
    assert blocks["these patients"].tolist() == ["naive responders", "all"]
    assert blocks["new patients"].tolist() == ["naive", "all"]


def test_all_defects_of_a_joint_models_data_are_told_at_once(spec, cohort):
    nothing = replace(cohort, blocks=None, status=None)
    with pytest.raises(DataError) as raised:
        make_design(nothing, spec)
    assert len(raised.value.defects) == 2
    assert "The model 'joint' cannot be fitted" in str(raised.value)


def part_only(tree):
    """The same fit without the parameter."""
    other = tree.copy()
    other["posterior"] = tree["posterior"].to_dataset().drop_vars("naive_blocks")
    return other


# --- the stored study ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*STUDIED, "joint_apart", "joint"])
def test_the_study_is_of_this_model_and_these_data(name, spec, cohort):
    own = spec if name == "joint" else without_shared_effects(spec, name)
    if name in STUDIED:
        own = submodel(spec, STUDIED[name], name)
    recorded = json.loads((RESULTS / "manifest.json").read_text())["fits"][name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        now = fingerprint(own, make_design(cohort, own), recorded["seed"])
    assert recorded["fingerprint"] == now, "run `make joint` and commit what it writes"
    assert pd.read_csv(RESULTS / f"diagnostics_{name}.csv")["passed"].all()


def test_without_sharing_the_margins_are_those_of_the_separate_models():
    table = pd.read_csv(RESULTS / "margins.csv")
    assert set(table["part"]) == {"grade", "blocks", "class"}
    # Of 41 standard normals the largest is beyond 3.9 once in 250 times.
    assert table["difference_mcse"].abs().max() < 3.9
    assert (table["difference_mcse"] ** 2).mean() < 2.0
    ratio = table["sd_apart"] / table["sd_alone"]
    assert ratio.between(0.85, 1.18).all()


def test_sharing_finds_what_the_simulation_put_there():
    table = pd.read_csv(RESULTS / "simulated_truth.csv").fillna({"member": ""})
    # 95 % intervals: of those of sharing and the six of blocks and classes at most one may miss.
    named = ["gain_on_class", "gain_on_blocks", "reference_probability", "naive_class"]
    own = table[table["parameter"].isin([*named, "naive_blocks", "block_stays", "block_appears"])]
    assert len(own) == 2 + 2 + 3 + 2 + 2 + 1 + 1
    assert (~own["covers"]).sum() <= 1
    relation = pd.read_csv(RESULTS / "simulated_relation.csv").set_index(["acts_on", "member"])
    assert relation.loc[("class", "remission"), "p_above"] > 0.95
    assert pd.read_csv(RESULTS / "diagnostics_simulated.csv")["passed"].all()
    assert pd.read_csv(RESULTS / "sharing.csv")["synthetic"].all()


def test_a_simulated_cohort_shares_its_gains_as_stated():
    cohort = simulate_joint(800, seed=2, patient_gain_sd=0.0, gain_on_blocks=(0.0, 0.0))
    counts = block_counts(cohort, read_model(ROOT / "models" / "joint.toml").response).dropna()
    before, after = counts["baseline"].to_numpy(), counts["follow_up"].to_numpy()
    tested = cohort.blocks[cohort.blocks["day"] == 0].set_index("patient")["n_nerves"]
    free = tested.reindex(counts["patient"]).to_numpy() - before
    expected = 0.75 * before.sum() + 0.03 * free.sum()
    sd = np.sqrt(0.75 * 0.25 * before.sum() + 0.03 * 0.97 * free.sum())
    assert abs(after.sum() - expected) < 4 * sd
    assert set(cohort.status["status"]) == {"dependent", "remission", "other"}
    again = simulate_joint(800, seed=2, patient_gain_sd=0.0, gain_on_blocks=(0.0, 0.0))
    pd.testing.assert_frame_equal(cohort.status, again.status)
    # Rates of classes at a gain that has no effect are those stated.
    plain = simulate_joint(800, seed=3, patient_gain_sd=0.0, gain_on_class=(0.0, 0.0))
    rates = plain.status["status"].value_counts(normalize=True)
    assert rates["remission"] == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / 740))
