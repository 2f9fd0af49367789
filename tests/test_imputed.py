"""Candidates of cohorts with missing covariates: draws of several sets together.

A test of draws without a bound of its own holds for any draws: failure probability 0.
"""

from dataclasses import replace

import numpy as np
import pytest
from measures import HERE

from mmn_bayes.data.restricting import with_blanks
from mmn_bayes.engine.sampling import fit
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.predictors.comparison_table import printed_predictors
from mmn_bayes.predictors.effects import drawn_effects
from mmn_bayes.predictors.observed_imputation import impute_cohorts, pool_rubin
from mmn_bayes.predictors.table import predictor_table
from mmn_bayes.simulation.responses import simulate_responses
from mmn_bayes.studies.imputed import draws_of_table, effect_draws, imputed_predictors
from mmn_bayes.studies.runner import task_seed

SHORT = {"chains": 2, "draws": 200, "tune": 200}


@pytest.fixture(autouse=True)
def workers_find_the_measures(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", HERE)


@pytest.fixture(scope="module")
def spec(models):
    content = read_model(models / "response.toml").resolved
    number = {"kind": "number", "acts_on": "response", "centre": 0, "per": 1}
    number |= {"margin": {"scale": "odds_ratio", "value": 1.5, "why": "a reason"}}
    number |= {"prior": {"distribution": "normal", "mean": 0, "sd": 1, "why": "a reason"}}
    content["predictor"] = {n: {**number, "column": n} for n in ("whole", "blank")}
    return parse_model(content, "two")


@pytest.fixture(scope="module")
def cohort():
    cohort = simulate_responses({"whole": 1.0, "blank": 1.0}, n_patients=40, seed=3)
    gone = cohort.patients["blank"].mask(np.arange(40) % 3 == 0)
    return replace(cohort, patients=cohort.patients.assign(blank=gone))


@pytest.mark.draws
def test_draws_of_all_sets_are_together_and_say_what_is_between_them(spec, cohort, tmp_path):
    table = imputed_predictors(
        cohort, spec, tmp_path, seed=5, n_sets=3, lengths=SHORT, workers=1, progress=False
    ).set_index("predictor")
    # Each set by itself, as the run fitted it.
    fits = [
        fit(own, spec, seed=task_seed(5, f"set {k:03d}"), progress="off", cores=1, **SHORT)
        for k, own in enumerate(impute_cohorts(cohort, spec, n_sets=3, seed=5), start=1)
    ]
    drawn = np.stack([one["posterior"]["blank"].to_numpy().ravel() for one in fits])
    row = table.loc["blank"]
    assert row["estimate"] == pytest.approx(np.exp(drawn.mean()))
    assert row["lower"] == pytest.approx(np.exp(np.quantile(drawn, 0.025)))
    expected = pool_rubin(drawn.mean(axis=1), drawn.var(axis=1, ddof=1))["share"]
    assert row["between_share"] == pytest.approx(float(expected.iloc[0]))
    # 0.64 to 0.67 and up to 0.02 of six runs: more than 30 of their sds.
    assert row["between_share"] > table.loc["whole", "between_share"] > 0.0
    alone = [predictor_table(one).set_index("predictor").loc["blank"] for one in fits]
    assert row["r_hat"] == pytest.approx(max(one["r_hat"] for one in alone))
    assert row["ess_bulk"] == pytest.approx(sum(one["ess_bulk"] for one in alone))
    assert row["mcse"] == pytest.approx(sum(one["mcse"] ** 2 for one in alone) ** 0.5 / 3)
    assert (table["n_sets"] == 3).all()
    shown = printed_predictors(table.reset_index())
    shares = shown.set_index("candidate")["due to what is missing"]
    assert shares["blank, per 1 (response)"] == row["between_share"]
    divergences = sum(int(one["sample_stats"]["diverging"].sum()) for one in fits)
    assert (table["divergences"] == divergences).all()
    assert (table["n_patients"] == 40).all()
    assert table["synthetic"].all()


@pytest.mark.draws
def test_draws_come_back_from_a_table_as_they_were(spec, cohort):
    whole = impute_cohorts(cohort, spec, n_sets=2, seed=1)[0]
    tree = fit(whole, spec, seed=1, progress="off", **SHORT)
    drawn, again = drawn_effects(tree), draws_of_table(effect_draws(tree))
    assert list(again) == list(drawn)
    for name, own in drawn.items():
        assert again[name].dims == own.dims
        assert again[name]["predictor"].to_numpy().tolist() == own["predictor"].to_numpy().tolist()
        assert np.array_equal(again[name].to_numpy(), own.to_numpy())


def test_what_is_asked_is_looked_at_before_anything_is_fitted(spec, cohort, tmp_path):
    with pytest.raises(ValueError, match=r"certain is 0\.4"):
        imputed_predictors(cohort, spec, tmp_path, seed=5, n_sets=2, certain=0.4)
    assert not list(tmp_path.iterdir())


def test_covariates_are_blanked_by_themselves(cohort):
    both = with_blanks(cohort, ["whole", "blank"], share=0.2, seed=3).patients["whole"].isna()
    alone = with_blanks(cohort, "whole", share=0.2, seed=3)
    assert both.sum() == 8
    assert alone.patients["whole"].isna().equals(both)
    assert "whole blanked for 8 patients" in alone.title
    for columns, share, words in (
        (["whole", "whole"], 0.2, "each once"),
        ("other", 0.2, "name one or more of whole, blank"),
        ("whole", 0.01, "is 0; blank some, not all"),
    ):
        with pytest.raises(ValueError, match=words):
            with_blanks(cohort, columns, share=share, seed=3)


@pytest.mark.slow
def test_a_failed_set_is_numbered(spec, cohort, tmp_path):
    said = r"2 fits failed; the first, task 1 of 2: .*unexpected keyword"
    with pytest.raises(RuntimeError, match=said):
        imputed_predictors(
            cohort, spec, tmp_path, seed=5, n_sets=2, lengths={"draw": 5}, progress=False
        )
