"""Stored results of candidates, of patients left out and of the long run: fresh, and sound."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmn_bayes.outcomes.response.calibration_table import calibration_table, prediction_scores

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"
CANDIDATES = {"age_onset", "duration", "male", "anti_gm1", "atrophy"}


def test_the_long_run_says_what_is_beyond_the_data():
    folder = RESULTS / "long_run"
    assert pd.read_csv(folder / "diagnostics.csv")["passed"].all()
    change = pd.read_csv(folder / "change_a_year.csv")
    assert change["p_below"].between(0, 1).all()
    scores = pd.read_csv(folder / "sum_score.csv")
    # Somebody was seen for five years; nobody, treated before or not, was never infused.
    without = scores["scenario"] == "no infusion"
    assert scores.loc[without & (scores["day"] > 0), "extrapolated"].all()
    assert set(scores["scenario"]) == set(change["scenario"])
    assert scores["synthetic"].all()
    shares = pd.read_csv(folder / "grade_share.csv")
    total = shares.groupby(["scenario", "day"])["estimate"].sum()
    assert total.to_numpy() == pytest.approx(np.ones(len(total)))


def test_every_candidate_is_reported_by_every_model_and_none_is_called_relevant():
    table = pd.read_csv(RESULTS / "predictors" / "predictors.csv")
    own = table[table["source"] == "posterior"]
    assert len(own["model"].unique()) == 7
    assert all(set(rows["predictor"]) == CANDIDATES for _, rows in own.groupby("model"))
    assert (own["verdict"] != "relevant").all()
    assert own["r_hat"].max() < 1.01
    seen = table[table["source"] == "observed"]
    by = seen.groupby(["model", "acts_on"]).size()
    assert by.to_dict() == {
        ("Firth logistic", "response"): 5,
        ("ordinal GEE", "gain"): 5,
        ("ordinal GEE", "level"): 5,
    }
    assert (seen["p_holm"] > 0.05).all()
    assert table["synthetic"].all()


def test_scores_and_calibration_are_of_the_stored_predictions():
    folder = RESULTS / "predictors"
    unseen = {
        path.stem.removeprefix("left_out_"): pd.read_csv(path)
        for path in folder.glob("left_out_*.csv")
    }
    scores = pd.read_csv(folder / "scores.csv")
    order = {name: unseen[name] for name in scores["model"]}
    pd.testing.assert_frame_equal(prediction_scores(order), scores, check_dtype=False)
    groups = pd.read_csv(folder / "calibration.csv")
    pd.testing.assert_frame_equal(calibration_table(order), groups, check_dtype=False)
    assert (scores["worst_pareto_k"] < 1.0).all()


def test_importance_is_within_two_standard_errors_of_fits_that_never_saw_the_patient():
    table = pd.read_csv(RESULTS / "leaving_out" / "left_out.csv").set_index("patient")
    total = table.loc["all patients"]
    assert len(table) == 41
    assert total["error"] != total["error"]  # none is missing
    # Of the estimate (its spread between patients), as asked; and far nearer than that.
    assert abs(total["difference"]) < 2 * total["se"]
    assert abs(total["difference"]) < 5.0
    each = table.drop("all patients")
    assert total["exact_elpd"] == pytest.approx(each["exact_elpd"].sum())
    assert np.isfinite(each["difference"]).all()


def test_what_candidates_are_worth_agrees_by_either_way():
    exact, importance = (
        pd.read_csv(RESULTS / "worth" / f"response_{how}.csv").set_index("predictor")
        for how in ("exact", "importance")
    )
    assert set(exact.index) == {*CANDIDATES, "all candidates"}
    for what in ("added", "removed"):
        near = (exact[what] - importance[what]).abs() < 2 * exact[f"{what}_se"].clip(lower=0.05)
        assert near[exact[what].notna()].all()
    gain = pd.read_csv(RESULTS / "worth" / "gain_importance.csv")
    assert set(gain["predictor"]) == {*CANDIDATES, "all candidates"}
    imputed = pd.read_csv(RESULTS / "worth" / "imputed.csv").set_index("predictor")
    assert (imputed["n_sets"] == 20).all()
    assert (imputed.loc[["age_onset", "anti_gm1"], "between_share"] > 0.01).all()
    assert (imputed["divergences"] == 0).all()
