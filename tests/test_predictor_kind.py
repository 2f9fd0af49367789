"""A kind of predictor is one record: one that the package does not know, by registration alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.stats as ss
from scipy.special import log_expit

from mmn_bayes.engine.covariates import unusable
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.graph import build
from mmn_bayes.errors import CohortWarning, SpecError
from mmn_bayes.model_file.predictor_kinds import KINDS, Predictor, PredictorKind
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.outcomes.response.rates import setting
from mmn_bayes.predictors.effects import candidate_effects
from mmn_bayes.predictors.observed import observed_effects
from mmn_bayes.predictors.observed_imputation import impute_cohorts
from mmn_bayes.studies.known_truth import simulated


def above_none(values: pd.Series) -> bool:
    return KINDS["number"].fits(values) and bool((values > 0).all())


def doublings(predictor: Predictor, column: pd.Series) -> np.ndarray:
    return np.log2(column.to_numpy(dtype=float, na_value=np.nan) / predictor.centre)


def undoubled(predictor: Predictor, number: float) -> float:
    return predictor.centre * 2.0**number


LOG2 = PredictorKind(
    "log2",
    "per doubling of {p.column}",
    needs=("centre",),
    takes=("unit",),
    holds="numbers above 0",
    fits=above_none,
    numbers=doublings,
    value=undoubled,
)
TITRE = {
    **{"column": "titre", "kind": "log2", "acts_on": "response", "centre": 100.0},
    "prior": {"distribution": "normal", "mean": 0.0, "sd": 0.5, "why": "a test"},
    "margin": {"scale": "odds_ratio", "value": 1.2, "why": "a test"},
}


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(KINDS, "log2", LOG2)


@pytest.fixture(scope="module")
def cohort():
    drawn = simulated(24, seed=8)
    titre = 100.0 * 2.0 ** np.random.default_rng(1).normal(size=len(drawn.patients))
    return replace(drawn, patients=drawn.patients.assign(titre=titre))


def spec_of(models, **changes):
    content = read_model(models / "response.toml").resolved
    content["predictor"]["titre"] = {**TITRE, **changes}
    return parse_model(content, "response")


def test_a_model_file_may_name_it_and_its_density_is_that_of_its_numbers(models, cohort):
    spec = spec_of(models)
    design = make_design(cohort, spec)
    x = np.log2(cohort.patients["titre"].to_numpy() / 100.0)
    np.testing.assert_allclose(design["x_titre"], x)
    naive, responded = design["x_naive"].to_numpy(), design["response"].to_numpy()
    point = {"intercept": -0.3, "naive": 0.4, "titre": 0.7}
    eta = point["intercept"] + point["naive"] * naive + point["titre"] * x
    terms = np.where(responded == 1, log_expit(eta), log_expit(-eta))[responded >= 0]
    assert set(spec.priors) == set(point)
    told = sum(log_prior(spec.priors[name], value) for name, value in point.items())
    model = build(spec, design)
    assert {v.name for v in model.free_RVs} == set(point)
    density = model.compile_logp(jacobian=False)
    assert float(density(point)) == pytest.approx(told + terms.sum(), rel=1e-8, abs=0)


def log_prior(prior, value):
    made = {"normal": lambda p: ss.norm(p["mean"], p["sd"])}
    made["student_t"] = lambda p: ss.t(p["df"], p["mean"], p["sd"])
    return made[prior.distribution](prior).logpdf(value)


def test_estimands_counts_and_imputation_know_it(models, cohort):
    spec = spec_of(models)
    (effect,) = candidate_effects(spec)
    assert (effect.low, effect.high) == (100.0, 200.0)
    assert setting(spec, "titre", 400.0) == {"x_titre": 2.0}
    with pytest.warns(CohortWarning):
        row = observed_effects(cohort, spec).iloc[0]
    assert (row["predictor"], row["effect"]) == ("titre", "per doubling of titre")
    assert np.isfinite(row["estimate"])
    patients = cohort.patients.copy()
    patients.loc[0, "titre"] = np.nan
    sets = impute_cohorts(replace(cohort, patients=patients), spec, n_sets=2, seed=1)
    assert all(one.patients["titre"].notna().all() for one in sets)


def test_what_it_cannot_be_is_told_in_its_words(models, cohort):
    with pytest.raises(SpecError, match=r"predictor\.titre\.per: belongs to a predictor of kind"):
        spec_of(models, per=2.0)
    with pytest.raises(SpecError, match=r"not one of .*ordered, log2"):
        spec_of(models, kind="log3")
    patients = cohort.patients.assign(titre=0.0)
    below = replace(cohort, patients=patients)
    (said,) = unusable(spec_of(models).predictors[-1], below)
    assert "column 'titre' does not hold numbers above 0" in said
