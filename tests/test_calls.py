"""The study of candidates with known effects: what is counted, and that the stored one is fresh.

A test of draws without a bound of its own holds for any draws: failure probability 0.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from measures import HERE

from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.sampling import fit
from mmn_bayes.model_file.reading import read_model
from mmn_bayes.predictors.verdicts_table import judged_effects
from mmn_bayes.studies.runner import Task, task_seed
from mmn_bayes.studies.verdicts import (
    COLUMNS,
    LENGTHS,
    SCENARIOS,
    cohort_of,
    counted_calls,
    study_calls,
    ten_candidates,
)

STORED = Path(__file__).resolve().parents[1] / "results" / "calls"
MODELS = ("candidates_response", "candidates_response_horseshoe", "candidates_response_r2d2")


@pytest.fixture(autouse=True)
def workers_find_the_measures(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", HERE)


@pytest.mark.parametrize("name", MODELS)
def test_the_ten_candidates_have_the_priors_of_the_file(models, name):
    file = read_model(models / f"{name}.toml")
    spec = ten_candidates(file)
    assert tuple(p.name for p in spec.candidates) == COLUMNS
    assert [p.name for p in spec.predictors if p.margin is None] == ["naive"]
    like = next(p for p in file.candidates if p.kind.name == "yes_no")
    assert all(p.prior == like.prior and p.margin == like.margin for p in spec.candidates)
    if file.shrinkage is not None:
        assert spec.shrinkage.of == COLUMNS
        assert spec.shrinkage.prior == file.shrinkage.prior


def test_scenarios_are_what_they_are_called():
    effects = {name: np.array(scenario.effects) for name, scenario in SCENARIOS.items()}
    assert not effects["none"].any()
    assert np.count_nonzero(effects["one strong"]) == 1
    assert (np.abs(effects["ten weak"]) == 0.3).all()
    x = cohort_of("correlated", 1, 4000).patients[[*COLUMNS]].corr().to_numpy()
    assert x[0, 1] == pytest.approx(0.8, abs=0.03)
    assert x[1, 2] == pytest.approx(0.0, abs=0.06)
    assert cohort_of("none", 1).patients.equals(cohort_of("none", 1).patients)


@pytest.mark.slow
@pytest.mark.draws
def test_effects_are_judged_beside_their_truth(models):
    spec = ten_candidates(read_model(models / "candidates_response.toml"))
    truth = dict(zip(COLUMNS, SCENARIOS["one strong"].effects, strict=True))
    tree = fit(cohort_of("one strong", 0), spec, seed=1, progress="off", draws=300, chains=2)
    table = judged_effects(tree, truth=truth, level=0.9).set_index("predictor")
    drawn = tree["posterior"]["x01"].to_numpy()
    row = table.loc["x01"]
    assert row["lower"] == pytest.approx(np.quantile(drawn, 0.05))
    assert row["covers"] == (row["lower"] <= 1.5 <= row["upper"])
    assert row["p_within"] == (np.abs(drawn) < np.log(1.5)).mean()
    assert not row["within"]
    assert table["within"].drop("x01").all()


def test_calls_are_counted_by_hand():
    rows = [
        # cohort, predictor, truth, covers, verdict, within, false
        (0, "a", 0.0, True, "relevant", True, True),
        (0, "b", 1.5, False, "relevant", False, False),
        (1, "a", 0.0, True, "negligible", True, False),
        (1, "b", -1.5, True, "undecided", False, False),
    ]
    names = ["cohort", "predictor", "truth", "covers", "verdict", "within", "false"]
    effects = pd.DataFrame(rows, columns=names).assign(
        scenario="s", model="m", level=0.95, interval="eti", synthetic=True
    )
    table = counted_calls(effects).set_index("truth")
    assert table.loc[0.0, ["coverage", "relevant", "negligible"]].tolist() == [1.0, 0.5, 0.5]
    assert table.loc[1.5, ["coverage", "relevant", "negligible"]].tolist() == [0.5, 0.5, 0.0]
    assert table.loc[1.5, "coverage_se"] == pytest.approx(0.5)
    assert table["any_false"].tolist() == [0.5, 0.5]  # in one cohort of two
    assert table["is_within"].tolist() == [True, False]
    assert table["n_cohorts"].tolist() == [2, 2]


@pytest.mark.slow
@pytest.mark.draws
def test_a_study_counts_models_and_tests(models, tmp_path, monkeypatch):
    monkeypatch.setattr("mmn_bayes.studies.verdicts.SCENARIOS", {"none": SCENARIOS["none"]})
    specs = [read_model(models / f"{MODELS[0]}.toml")]
    lengths = {"chains": 2, "draws": 100, "tune": 100}
    table = study_calls(
        specs, tmp_path, n_cohorts=2, seed=1, lengths=lengths, workers=1, progress=False
    )
    assert table["model"].tolist() == [MODELS[0], "Firth logistic, one at a time, Holm"]
    assert table["n_effects"].tolist() == [20, 20]
    assert table["interval"].tolist() == ["eti", "profile penalised likelihood"]
    every = pd.read_csv(tmp_path / "effects.csv")
    assert len(every) == 40
    tests = every[every["model"].str.startswith("Firth")]
    # What is rejected is no effect at all: false where there is none, however small the others.
    assert tests["false"].eq((tests["verdict"] == "relevant") & (tests["truth"] == 0)).all()
    pd.testing.assert_frame_equal(counted_calls(every), table, check_dtype=False)


class TestTheStoredStudy:
    STALE = "run `make calls` with an empty results/calls and commit what it writes"

    def test_it_is_of_these_models_and_this_simulation(self, models):
        effects = pd.read_csv(STORED / "effects.csv")
        table = pd.read_csv(STORED / "calls.csv")
        pd.testing.assert_frame_equal(counted_calls(effects), table, check_dtype=False)
        recorded = json.loads((STORED / "manifest.json").read_text(encoding="utf-8"))
        for name in MODELS:
            spec = ten_candidates(read_model(models / f"{name}.toml"))
            task = f"one strong | {name} | 0"
            truth = dict(zip(COLUMNS, SCENARIOS["one strong"].effects, strict=True))
            own = Task(
                *(task, spec, cohort_of("one strong", 0), task_seed(recorded["seed"], task)),
                LENGTHS,
                extra={"truth": truth},
            )
            assert recorded["fingerprints"][task] == own.fingerprint, self.STALE
            assert make_design(cohort_of("one strong", 0), spec).sizes["patient"] == 40

    def test_intervals_cover_and_nothing_is_called_relevant_that_is_not(self):
        table = pd.read_csv(STORED / "calls.csv").set_index(["scenario", "model", "truth"])
        for name in MODELS:
            none = table.loc[("none", name, 0.0)]
            # Priors around 0 are right where nothing acts: intervals cover at least as often.
            assert none["coverage"] > 0.95 - 3 * none["coverage_se"]
            # Of 1 - certain = 0.05 at most where priors hold: these are narrower around none.
            assert none["relevant"] <= 0.03
            assert table.loc[("one strong", name, 0.0), "relevant"] <= 0.03
        assert table.loc[("one strong", MODELS[0], 1.5), "relevant"] > 0.25
