"""The stored results of the long run are of the models and data beside them: stale ones fail."""

import json
from pathlib import Path

import pandas as pd
import pytest

from mmn_bayes.model_file.reading import read_model
from mmn_bayes.simulation.status_paths import StatePathsRecipe
from mmn_bayes.studies import recovery
from mmn_bayes.studies.observed_coverage import POOLED, coverage

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
STALE = "run `make {}` and commit what it writes"


def manifest_of(name):
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def test_every_check_of_the_fits_is_passed():
    for name in ("long_term_rates", "long_term", "long_term_candidates", "blocks", "blocks_counts"):
        checks = pd.read_csv(RESULTS / "leger2008" / f"diagnostics_{name}.csv")
        assert checks["passed"].all()
    assert pd.read_csv(RESULTS / "simulated_histories" / "diagnostics.csv")["passed"].all()


def test_the_published_blocks_and_classes_stand_beside_the_models():
    blocks = pd.read_csv(RESULTS / "leger2008" / "blocks.csv")
    naive = blocks[blocks["group"] == "naive responders"].set_index(["source", "kind"])
    counted = naive.loc["observed"]
    assert counted.loc["fewer or unchanged", ["events", "n"]].tolist() == [12, 14]
    assert counted.loc["more", ["events", "n"]].tolist() == [2, 14]
    for model in ("blocks", "blocks_counts"):
        new = naive.loc[f"{model}, new patients"]
        assert new.loc["fewer or unchanged", "lower"] < 12 / 14
        assert new.loc["fewer or unchanged", "upper"] > 12 / 14
    others = pd.read_csv(RESULTS / "leger2008" / "long_term_others.csv")
    ours = others[others["source"] == "this cohort, observed"].set_index("class")
    assert ours.loc[["dependent", "remission"], "events"].tolist() == [25, 8]
    assert others["follow_up"].notna().all()
    assert {"Delmont 2007", "Aotsuka 2024"} <= set(others["source"])


def test_the_published_classes_are_counted_under_both_denominators():
    table = pd.read_csv(RESULTS / "leger2008" / "long_term.csv")
    observed = table[table["source"].str.startswith("observed")]
    counts = observed.groupby(["source", "class"])[["events", "n"]].first().astype(int)
    classified = counts.loc["observed, of the classified"]
    assert classified.loc["remission"].tolist() == [8, 37]  # 22 %, as printed
    assert classified.loc["dependent"].tolist() == [25, 37]  # 68 %
    assert counts.loc["observed, of the enrolled"]["n"].eq(40).all()
    assert set(observed["interval"]) == {"clopper-pearson", "goodman simultaneous"}
    drawn = table[table["interval"].isin(["eti", "eti simultaneous"])]
    for _, rows in drawn.groupby(["class", "source"]):
        own, together = rows.set_index("interval").loc[["eti", "eti simultaneous"]].itertuples()
        assert together.lower <= own.lower <= own.upper <= together.upper
    for name in ("long_term", "long_term_by_naive", "long_term_odds", "blocks", "blocks_ratios"):
        assert pd.read_csv(RESULTS / "leger2008" / f"{name}.csv")["synthetic"].all()


def test_occupancy_stands_beside_what_was_counted():
    table = pd.read_csv(RESULTS / "simulated_histories" / "occupancy.csv")
    wide = table.pivot_table("estimate", ["day", "state"], "source")
    sources = ["observed", "Aalen-Johansen", "model, these patients", "model, new patients"]
    assert set(wide.columns) == set(sources)
    for source in sources:
        assert wide[source].groupby("day").sum().to_numpy() == pytest.approx(1.0)
    first = wide.loc[0.0]
    assert first["model, these patients"].to_numpy() == pytest.approx(first["observed"].to_numpy())
    times = pd.read_csv(RESULTS / "simulated_histories" / "time.csv")
    added = times.groupby(["year", "source"])["estimate"].sum().reset_index()
    assert added["estimate"].to_numpy() == pytest.approx(added["year"].to_numpy())


# --- the study of histories ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def study():
    return recovery.read_study(RESULTS / "histories")


@pytest.mark.parametrize("seed", [1, 20])
def test_the_study_is_of_the_histories_that_are_simulated_now(study, seed):
    spec = read_model(ROOT / "models" / "histories.toml")
    manifest, recipe = manifest_of("histories/manifest.json"), StatePathsRecipe()
    assert manifest["spec_fingerprint"] == spec.fingerprint, STALE.format("histories")
    assert manifest["recipe_fingerprint"] == recipe.fingerprint, STALE.format("histories")
    assert manifest["seeds"] == list(range(1, 21))
    n_patients = manifest["settings"]["n_patients"]
    now = recovery.fingerprint_of(spec, seed, n_patients, recipe)
    stored = study[0].set_index("seed").loc[seed, "fingerprint"]
    assert stored == now, STALE.format("histories")


def test_the_transitions_that_were_simulated_are_recovered(study):
    fits, intervals = study
    # A divergence may happen once in a thousand draws.
    assert (fits["divergences"] / (fits["chains"] * fits["draws"])).max() < 1e-3
    assert fits["worst_r_hat"].max() < 1.05
    assert fits["least_ess_tail"].min() > 100.0
    table = coverage(intervals)
    stored = pd.read_csv(RESULTS / "histories" / "coverage.csv").fillna({"member": ""})
    stored = stored.assign(rejected=stored["rejected"].astype("boolean"))
    pd.testing.assert_frame_equal(table, stored, check_dtype=False)
    tested = table[table["parameter"] != POOLED]
    parameters = {"start_probability", "leaves", "towards", "state_change", "naive"}
    assert set(tested["parameter"]) == parameters | {"patient_state_sd"}
    assert len(tested) == 3 + 3 + 6 + 2 + 2 + 1
    assert (tested["n"] == 20).all()
    assert not tested["rejected"].astype(bool).any()
