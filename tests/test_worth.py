"""What candidates are worth to patients left out, and how well probabilities hold for them.

A test of draws without a bound of its own holds for any draws: failure probability 0.
"""

import numpy as np
import pandas as pd
import pytest
from measures import HERE
from monte_carlo import mcse
from scipy.special import expit

from mmn_bayes.data.restricting import of_patients
from mmn_bayes.engine.sampling import fit
from mmn_bayes.errors import SpecError
from mmn_bayes.model_file.candidates import with_candidates
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.outcomes.response.calibration_table import calibration_table, prediction_scores
from mmn_bayes.outcomes.response.loo import left_out_response
from mmn_bayes.plots import calibration_figure
from mmn_bayes.posterior.loo import compare_elpd, psis_loo_patients
from mmn_bayes.posterior.patient_density import patient_log_likelihood
from mmn_bayes.simulation.responses import simulate_responses
from mmn_bayes.studies.added_value import added_predictive_value, candidate_models, worth_of
from mmn_bayes.studies.exact_loo import importance_against_exact, leave_patients_out

NUMBER = {"kind": "number", "acts_on": "response", "centre": 0, "per": 1}
NUMBER |= {"margin": {"scale": "odds_ratio", "value": 1.5, "why": "a reason"}}
NUMBER |= {"prior": {"distribution": "normal", "mean": 0, "sd": 1, "why": "a reason"}}
SHORT = {"chains": 2, "draws": 500, "tune": 300}


@pytest.fixture(autouse=True)
def workers_find_the_measures(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", HERE)


@pytest.fixture(scope="module")
def spec(models):
    content = read_model(models / "response.toml").resolved
    content["predictor"] = {n: {**NUMBER, "column": n} for n in ("strong", "none")}
    return parse_model(content, "two")


@pytest.fixture(scope="module")
def cohort():
    return simulate_responses({"strong": 2.5, "none": 0.0}, n_patients=16, seed=3)


@pytest.fixture(scope="module")
def fitted(spec, cohort):
    return fit(cohort, spec, seed=1, progress="off", draws=1000, chains=2)


@pytest.mark.draws
def test_the_density_of_a_response_is_bernoulli(fitted, cohort):
    posterior = fitted["posterior"].to_dataset()
    x = cohort.patients.set_index("patient")
    found = patient_log_likelihood(fitted)
    for place, patient in enumerate(found["patient"].to_numpy()[:5]):
        eta = posterior["intercept"] + posterior["strong"] * x.loc[patient, "strong"]
        eta = eta + posterior["none"] * x.loc[patient, "none"]
        responded = fitted["design"]["response"].to_numpy()[place] == 1
        expected = np.log(expit(eta if responded else -eta))
        assert found.isel(patient=place).to_numpy() == pytest.approx(expected.to_numpy())


@pytest.mark.draws
def test_importance_agrees_with_fits_that_never_saw_the_patient(fitted, spec, cohort, tmp_path):
    importance = psis_loo_patients(fitted)
    assert len(importance) == 16
    exact = leave_patients_out(
        *(fitted, cohort, tmp_path),
        seed=2,
        lengths=SHORT,
        patients=["P01", "P02", "P03", "P04"],
        workers=1,
    )
    both = importance_against_exact(importance, exact)
    some = both[both["exact_elpd"].notna() & (both["patient"] != "all patients")]
    assert len(some) == 4
    # 5 MCSE of both sides, Pareto k below a half (else more, as in `errors_of`): one run in a
    # million fails per number, 5 numbers.
    own = importance.set_index("patient").loc[some["patient"]]
    heavier = own["n_draws"] ** (own["pareto_k"] - 0.5).clip(lower=0)
    assert (some["difference"].abs().to_numpy() < 5 * some["mcse"] * heavier.to_numpy()).all()
    # The probability of response of the one left out is that of the fit without it.
    one = left_out_response(fitted).set_index("patient").loc["P01"]
    without = fit(
        of_patients(cohort, [p for p in cohort.patients["patient"] if p != "P01"]),
        spec,
        seed=3,
        progress="off",
    )
    x = cohort.patients.set_index("patient").loc["P01"]
    drawn = without["posterior"].to_dataset()
    eta = drawn["intercept"] + drawn["strong"] * x["strong"] + drawn["none"] * x["none"]
    # The probability of what was seen is the exponential of its log density.
    of_importance = float((np.exp(own["elpd"]) * own["mcse"] * heavier).loc["P01"])
    error = np.hypot(of_importance, mcse(expit(eta)))
    assert one["probability"] == pytest.approx(float(expit(eta).mean()), abs=5 * error)


def test_scores_and_groups_are_those_computed_by_hand():
    table = pd.DataFrame(
        {
            "patient": list("abcd"),
            "response": [True, False, True, False],
            "probability": [0.9, 0.2, 0.6, 0.4],
            "base_rate": [1 / 3, 2 / 3, 1 / 3, 2 / 3],
            "pareto_k": [0.1, 0.2, 0.3, 0.4],
            "good_k": 0.7,
            "synthetic": True,
        }
    )
    scores = prediction_scores({"m": table}).iloc[0]
    squared = np.array([0.01, 0.04, 0.16, 0.16])
    assert scores["brier"] == pytest.approx(squared.mean())
    assert scores["brier_se"] == pytest.approx(squared.std(ddof=1) / 2)
    assert scores["brier_base"] == pytest.approx(4 / 9)
    gain = 4 / 9 - squared
    assert scores["brier_gain"] == pytest.approx(gain.mean())
    assert scores["brier_gain_se"] == pytest.approx(gain.std(ddof=1) / 2)
    assert scores["log_score"] == pytest.approx(np.log([0.9, 0.8, 0.6, 0.6]).mean())
    assert scores["log_score_base"] == pytest.approx(np.log(1 / 3))
    assert (scores["n"], scores["worst_pareto_k"]) == (4, 0.4)
    groups = calibration_table({"m": table}, groups=2)
    assert groups["probability"].tolist() == pytest.approx([0.3, 0.75])
    assert groups[["events", "n"]].to_numpy().tolist() == [[0, 2], [2, 2]]
    assert groups["lower"].iloc[1] == pytest.approx(0.025**0.5)
    assert groups["upper"].iloc[1] == 1.0
    one = table.assign(probability=[0.9, 0.2, np.nan, 0.4])
    scored = prediction_scores({"m": one}).iloc[0]
    assert (scored["n"], scored["missing"]) == (3, 1)
    assert scored["brier"] == pytest.approx(np.array([0.01, 0.04, 0.16]).mean())
    assert calibration_table({"m": one}, groups=2)["n"].sum() == 3
    assert calibration_table({"m": one}, groups=2)["missing"].tolist() == [1, 1]
    same = calibration_table({"m": table.assign(probability=0.5)}, groups=4)
    assert same["n"].tolist() == [4]
    with pytest.raises(ValueError, match="a calibration needs two at least"):
        calibration_table({"m": table}, groups=1)
    figure = calibration_figure({"m": table, "n$": table, "o": table, "p": table}, title="A title")
    assert len(figure.axes) == 4
    assert "Synthetic data" in figure.get_suptitle()


def test_every_candidate_is_added_and_removed(spec):
    models = candidate_models(spec)
    kept = {label: {p.name for p in own.candidates} for label, own in models.items()}
    assert kept == {
        "all": {"strong", "none"},
        "none": set(),
        "only strong": {"strong"},
        "only none": {"none"},
        "but strong": {"none"},
        "but none": {"strong"},
    }
    assert len({own.name for own in models.values()}) == 6


def test_shared_priors_are_not_taken_apart(models):
    with pytest.raises(SpecError, match="compare them in a model that gives each one of its own"):
        candidate_models(read_model(models / "candidates_response_horseshoe.toml"))
    with pytest.raises(ValueError, match="has no candidates"):
        candidate_models(read_model(models / "response.toml"))


def test_what_a_candidate_adds_is_a_sum_of_paired_differences(spec):
    elpd = {"all": (-1, -2), "none": (-3, -3), "only strong": (-1, -2.5), "only none": (-3, -3.5)}
    elpd |= {"but strong": (-3, -3.2), "but none": (-1, -2.2)}
    scores = pd.DataFrame(
        [
            {
                "model": model,
                "patient": p,
                "elpd": value,
                "synthetic": True,
                "pareto_k": 0.1,
                "mcse": 0.1,
            }
            for model, own in elpd.items()
            for p, value in zip("ab", own, strict=True)
        ]
    ).assign(good_k=0.7, divergences=1, synthetic=True)
    table = worth_of(scores.sample(frac=1, random_state=1), spec).set_index("predictor")
    d = np.array([2.0, 0.5])
    assert table.loc["strong", "added"] == pytest.approx(2.5)
    assert table.loc["strong", "added_se"] == pytest.approx(2**0.5 * d.std(ddof=1))
    assert table.loc["strong", "removed"] == pytest.approx(2.0 + 1.2)
    assert table.loc["none", "added"] == pytest.approx(-0.5)
    assert table.loc["strong", "added_mcse"] == pytest.approx(0.2)  # of four densities
    assert table.loc["strong", "divergences"] == 4  # one in each of its models
    assert table.loc["strong", "n_above_good_k"] == 0
    assert table.loc["all candidates", "added"] == pytest.approx(2.0 + 1.0)
    assert np.isnan(table.loc["all candidates", "removed"])


@pytest.mark.slow
@pytest.mark.draws
def test_a_strong_candidate_is_worth_something_by_either_way(spec, cohort, tmp_path):
    one = with_candidates(spec, ["strong"], "one")
    few = of_patients(cohort, cohort.patients["patient"].head(8))
    both = {
        exact: added_predictive_value(
            few, one, tmp_path, seed=1, exact=exact, lengths=SHORT, workers=1, progress=False
        ).set_index("predictor")
        for exact in (False, True)
    }
    for table in both.values():
        assert table.loc["strong", "n_patients"] == 8
        assert table.loc["strong", "added"] == pytest.approx(table.loc["all candidates", "added"])
        assert table.loc["strong", "added_se"] > 0
    by_importance, exact = both[False].loc["strong"], both[True].loc["strong"]
    # 5 MCSE of both sides, more where Pareto k is beyond a half: one run in a million fails.
    heavier = 1000 ** max(by_importance["worst_pareto_k"] - 0.5, 0.0)
    error = np.hypot(by_importance["added_mcse"] * heavier, exact["added_mcse"])
    assert by_importance["added"] == pytest.approx(exact["added"], abs=5 * error)
    assert np.isnan(both[True].loc["strong", "worst_pareto_k"])


def test_exact_fits_of_grades_are_asked_for_elsewhere(models, cohort, tmp_path):
    spec = read_model(models / "candidates_gain.toml")
    with pytest.raises(ValueError, match="see `leave_patients_out`"):
        added_predictive_value(cohort, spec, tmp_path, seed=1, exact=True)


@pytest.mark.draws
def test_models_of_responses_are_compared_but_not_with_those_of_grades(fitted, spec, cohort):
    less = fit(
        cohort, with_candidates(spec, [], "none"), seed=1, progress="off", draws=500, chains=2
    )
    table = compare_elpd([less, fitted]).set_index("model")
    # The other is 3.5 to 3.8 lower in six pairs of fits, an sd of 0.13: 27 sds.
    assert table.index[0] == "two"
    assert table.loc["two", "n_patients"] == 16
    fewer = of_patients(cohort, cohort.patients["patient"].head(15))
    other = fit(
        fewer, with_candidates(spec, ["none"], "other"), seed=1, progress="off", draws=50, chains=2
    )
    with pytest.raises(ValueError, match="compare models of one cohort"):
        compare_elpd([fitted, other])
