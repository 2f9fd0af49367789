"""Long-term classes: the density by hand, exact answers, a frequentist fit, and odd cohorts.

A test of draws without a bound of its own holds for any draws: failure probability 0.
"""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.stats as ss
import xarray as xr
from monte_carlo import mcse
from scipy.optimize import minimize
from statsmodels.discrete.discrete_model import MNLogit

from mmn_bayes.data.deriving import with_early_response
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.graph import build
from mmn_bayes.engine.sampling import fit
from mmn_bayes.errors import CohortWarning, DataError
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.outcomes.classes.design import last_status
from mmn_bayes.outcomes.classes.estimands import (
    class_odds_ratios,
    class_probability,
    simultaneous_intervals,
)
from mmn_bayes.outcomes.classes.table import classes_notes, classes_table
from mmn_bayes.outcomes.response.estimands import replicated_response, response_probability
from mmn_bayes.outcomes.response.loo import left_out_response
from mmn_bayes.outcomes.response.table import question_notes
from mmn_bayes.posterior.loo import compare_elpd, psis_loo_patients
from mmn_bayes.posterior.prior_predictive import prior_predictive, sample_prior
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.predictors.effects import predictor_effects
from mmn_bayes.predictors.observed_imputation import complete_cases, impute_cohorts
from mmn_bayes.predictors.table import predictor_table
from mmn_bayes.report.formatting import to_text
from mmn_bayes.studies.exact_loo import leave_patients_out
from mmn_bayes.studies.known_truth import simulated

INTERPRETED = "FAST_COMPILE"
LEVELS = ("dependent", "remission", "other")
SHORT = {"seed": 1, "progress": "off", "chains": 2, "draws": 1000}


def early(cohort, spec):
    """With the early response of the evaluable, who alone are kept."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        return complete_cases(with_early_response(cohort, spec), spec)[0]


@pytest.fixture(scope="module")
def cohort():
    return simulated(60, seed=4)


@pytest.fixture(scope="module")
def rates(models, cohort):
    return fit(cohort, read_model(models / "long_term_rates.toml"), **SHORT | {"chains": 4})


@pytest.mark.parametrize("name", ["long_term", "long_term_rates", "long_term_candidates"])
def test_the_density_is_that_of_the_page(models, name):
    spec = read_model(models / f"{name}.toml")
    cohort = early(simulated(12, seed=3), read_model(models / "long_term.toml"))
    model = build(spec, make_design(cohort, spec))
    rng = np.random.default_rng(2)
    point = {"reference_probability": rng.dirichlet([3.0, 3.0, 3.0])}
    point |= {p.name: rng.normal(size=2) for p in spec.predictors}
    expected = ss.dirichlet.logpdf(
        point["reference_probability"], spec.section("class").prior["concentration"]
    )
    for p in spec.predictors:
        expected += ss.norm.logpdf(point[p.name], p.prior["mean"], p.prior["sd"]).sum()
    table = cohort.patients.set_index("patient")
    known = cohort.status[cohort.status["day"] >= 182].groupby("patient")["status"].last()
    for patient, status in known.items():
        odds = np.array(point["reference_probability"])
        for p in spec.predictors:
            x = (float(table.loc[patient, p.column]) - p.centre) / p.per
            odds = odds * np.exp(np.concatenate([[0.0], point[p.name] * x]))
        expected += np.log(odds[LEVELS.index(status)] / odds.sum())
    values = {}
    for rv in model.free_RVs:
        transform, value = model.rvs_to_transforms[rv], np.asarray(point[rv.name])
        if transform is not None:
            value = transform.forward(value, *rv.owner.inputs).eval()
        values[model.rvs_to_values[rv].name] = value
    density = model.compile_logp(jacobian=False, mode=INTERPRETED)(values)
    assert density == pytest.approx(expected, rel=1e-9)


@pytest.mark.draws
def test_without_predictors_rates_are_a_dirichlet(rates, cohort):
    counts = last_status(cohort, 182.0).value_counts().reindex(LEVELS, fill_value=0).to_numpy()
    exact = ss.dirichlet(counts + np.array([2.0, 1.0, 1.0]))
    drawn = class_probability(rates, patients="population")
    table = summarise(drawn)
    # 5 MCSE against exact answers: one run in a million fails per number, 9 numbers.
    assert (np.abs(table["estimate"] - exact.mean()) < 5 * table["mcse"]).all()
    for sd, level in zip(exact.var() ** 0.5, LEVELS, strict=True):
        own = drawn.sel({"class": level})
        assert float(own.std(ddof=1)) == pytest.approx(sd, abs=5 * mcse(own, method="sd"))
    # The unclassified are filled in by draws: of n each class has its count, and a share of the m.
    n, m = len(cohort.patients), len(cohort.patients) - counts.sum()
    assert m > 0
    ours = summarise(class_probability(rates, patients="cohort"))
    expected = (counts + m * exact.mean()) / n
    assert (np.abs(ours["estimate"] - expected) < 5 * ours["mcse"].clip(lower=1e-9)).all()


def test_with_flat_priors_the_mode_is_the_frequentist_estimate(models):
    content = read_model(models / "long_term.toml").resolved
    content["classes"]["prior"]["concentration"] = [1, 1, 1]
    for table in content["predictor"].values():
        table["prior"]["sd"] = 1e4
    spec = parse_model(content, "flat")
    # So many that no class is separated.
    design = make_design(early(simulated(150, seed=4), spec), spec)
    model = build(spec, design)
    # In log odds: the density of the simplex itself, without that of its transform, is flat.
    logp = model.compile_logp(jacobian=False, mode=INTERPRETED)
    dlogp = model.compile_dlogp(jacobian=False, mode=INTERPRETED)
    names = [v.name for v in model.value_vars]

    def point(x):
        return dict(zip(names, x.reshape(3, 2), strict=True))

    found = minimize(lambda x: -logp(point(x)), np.zeros(6), jac=lambda x: -dlogp(point(x)))
    code = design["class_code"].to_numpy()
    x = np.column_stack(
        [np.ones(code.size), *(design[f"x_{p.name}"].to_numpy() for p in spec.predictors)]
    )
    known = code >= 0
    own = MNLogit(code[known], x[known]).fit(disp=0)
    params = np.asarray(own.params)  # (intercept and predictors, contrast)
    assert -found.fun == pytest.approx(
        own.llf + np.log(2.0) + 4 * ss.norm.logpdf(0.0, 0.0, 1e4), abs=1e-5
    )
    at = point(found.x)
    for place, p in enumerate(spec.predictors, start=1):
        name = next(n for n in names if n.startswith(p.name))
        assert at[name] == pytest.approx(params[place], abs=2e-3)
    odds = at[next(n for n in names if n.startswith("reference"))]
    # Log odds against the last level; the frequentist's are against the first.
    assert [-odds[0] + odds[1], -odds[0]] == pytest.approx(params[0], abs=2e-3)


@pytest.mark.slow
@pytest.mark.draws
def test_predictors_move_odds_against_the_first_level(models, cohort):
    spec = read_model(models / "long_term.toml")
    tree = fit(early(cohort, spec), spec, **SHORT)
    odds = class_odds_ratios(tree)
    assert odds.dims == ("chain", "draw", "predictor", "contrast")
    assert odds["contrast"].to_numpy().tolist() == ["remission", "other"]
    naive = tree["posterior"]["naive"].sel(contrast="remission").to_numpy()
    found = odds.sel(predictor="naive", contrast="remission").to_numpy()
    assert found == pytest.approx(np.exp(naive))
    by = class_probability(tree, patients="population", by="naive")
    assert by.sum("class").to_numpy() == pytest.approx(np.ones(by.shape[:-1]))
    assert by.dims == ("chain", "draw", "naive", "class")
    with pytest.raises(ValueError, match="patients is 'all'; it is 'cohort' or 'population'"):
        class_probability(tree, patients="all")


@pytest.mark.draws
def test_simultaneous_intervals_hold_together(rates):
    drawn = class_probability(rates, patients="population")
    table = simultaneous_intervals(drawn, "class", level=0.9)
    single = summarise(drawn, level=0.9)
    flat = drawn.stack(sample=["chain", "draw"]).transpose("sample", "class").to_numpy()
    inside = ((flat >= table["lower"].to_numpy()) & (flat <= table["upper"].to_numpy())).all(axis=1)
    # Of any draws: at least 0.9, and beyond it only those at one of the 6 limits. A rejected step
    # of the sampler repeats a draw, so that several may lie at one.
    repeated = max(np.unique(values, return_counts=True)[1].max() for values in flat.T)
    assert 0.9 <= inside.mean() <= 0.9 + 6 * repeated / len(flat)
    assert (table["lower"] <= single["lower"]).all()
    assert (table["upper"] >= single["upper"]).all()
    alone = ((flat >= single["lower"].to_numpy()) & (flat <= single["upper"].to_numpy())).all(
        axis=1
    )
    # 0.784 of the exact posterior: 0.9 is 12 binomial standard errors of 2,000 draws away.
    assert alone.mean() < 0.9
    assert set(table["interval"]) == {"eti simultaneous"}


@pytest.mark.draws
def test_one_table_has_both_worlds_and_every_denominator(rates, cohort):
    table = classes_table(cohort, [rates])
    assert list(dict.fromkeys(table["class"])) == list(LEVELS)
    assert len(table) == 3 * (4 + 4)
    observed = table[table["source"].str.startswith("observed")]
    n = observed.groupby("source")["n"].first().to_dict()
    counts = last_status(cohort, 182.0).notna().sum()
    assert n == {"observed, of the classified": counts, "observed, of the enrolled": 60}
    text = to_text(table, "Classes", classes_notes(cohort, [rates]))
    assert "95 % confidence interval, Goodman, simultaneous" in text
    assert "95 % credible interval, equal-tailed, simultaneous" in text
    assert f"60 of 60 patients have its covariates, {counts} of them a class" in " ".join(
        text.split()
    )
    by = classes_table(cohort, [rates], by="naive")
    assert set(by["group"]) == {"naive", "previously treated"}
    for fits, of, words in (
        ([], cohort, "with the same levels and from_day, one at least"),
        ([rates, rates], cohort, "Two of the models have one name"),
        ([rates], simulated(10, seed=1), "is not of this cohort, nor of some of its"),
    ):
        with pytest.raises(ValueError, match=words):
            classes_table(of, fits)
        with pytest.raises(ValueError, match=words):
            classes_notes(of, fits)
    prior = classes_table(cohort, [sample_prior(rates, seed=1)])
    assert prior["distribution"].dropna().eq("prior").all()
    assert "95 % prior interval, equal-tailed" in to_text(prior)


@pytest.mark.draws
def test_what_is_of_responses_says_so_of_classes(rates, models, cohort):
    for verb in (
        lambda: response_probability(rates, patients="cohort"),
        lambda: replicated_response(rates),
        lambda: left_out_response(rates),
    ):
        with pytest.raises(ValueError, match="of outcome 'class', not of responses of patients"):
            verb()
    for verb in (predictor_table, lambda tree: predictor_effects(tree, "model")):
        with pytest.raises(ValueError, match="has no candidates: see `class_odds_ratios`"):
            verb(rates)
    words = " ".join(question_notes(rates))
    assert "their state counts whatever was infused" in words
    assert "grades" not in words


@pytest.mark.slow
@pytest.mark.draws
def test_patients_are_left_out_of_models_of_classes(rates, models, cohort, tmp_path):
    known = last_status(cohort, 182.0).dropna()
    table = psis_loo_patients(rates).set_index("patient")
    assert set(table.index) == set(known.index)
    # Exact: what is left of a Dirichlet without the one.
    counts = known.value_counts().reindex(LEVELS, fill_value=0).to_numpy() + np.array([2, 1, 1])
    place = LEVELS.index(known.iloc[0])
    expected = np.log((counts[place] - 1) / (counts.sum() - 1))
    # 5 MCSE against the exact answer, with Pareto k below a half: one run in a million fails per
    # number, 2 numbers.
    one = table.loc[known.index[0]]
    assert one["pareto_k"] < 0.5
    assert one["elpd"] == pytest.approx(expected, abs=5 * one["mcse"])
    exact = leave_patients_out(
        *(rates, cohort, tmp_path),
        seed=1,
        patients=[known.index[0]],
        workers=1,
        lengths={"chains": 2, "draws": 2000, "tune": 300},
    )
    assert exact["elpd"].item() == pytest.approx(expected, abs=5 * exact["mcse"].item())
    assert compare_elpd([rates])["n_patients"].item() == len(known)


@pytest.mark.draws
def test_members_that_never_vary_have_no_say_in_simultaneous_intervals(rates):
    drawn = class_probability(rates, patients="population")
    other = drawn.sel({"class": ["dependent", "remission"]})
    fixed = xr.full_like(drawn.sel({"class": ["other"]}), 0.3)
    together = simultaneous_intervals(xr.concat([other, fixed], "class"), "class")
    alone = simultaneous_intervals(other, "class")
    assert together["lower"].to_numpy()[:2] == pytest.approx(alone["lower"].to_numpy())
    with pytest.raises(ValueError, match="Some draws are no numbers"):
        simultaneous_intervals(drawn.where(drawn > 0.2), "class")


@pytest.mark.draws
def test_odd_cohorts_are_fitted_or_refused_with_the_reason(models):
    spec = read_model(models / "long_term_rates.toml")
    cohort = simulated(6, seed=2)
    with pytest.raises(DataError, match="status: nobody has one from day 182 on; add the table"):
        make_design(replace(cohort, status=None), spec)
    first = cohort.status["patient"].iloc[0]
    other = cohort.status.assign(status=cohort.status["status"].where(cohort.status.index > 0, "?"))
    with pytest.raises(DataError, match=r"'\?' \(1 rows: row position 0 of cohort\.status\)"):
        make_design(replace(cohort, status=other), spec)
    # The last by day, in whatever order the rows are.
    rows = pd.DataFrame(
        {"patient": [first] * 2, "day": [900.0, 10.0], "status": ["remission", "dependent"]}
    )
    turned = replace(cohort, status=rows)
    assert last_status(turned)[first] == "remission"
    design = make_design(turned, spec)
    assert (design["class_code"] >= 0).sum() == 1
    # What was known before month 6 is no long run.
    soon = replace(cohort, status=cohort.status.assign(day=30.0))
    with pytest.raises(DataError, match="nobody has one from day 182 on"):
        make_design(soon, spec)
    # One classified patient, and two classes that nobody is in: the prior holds.
    table = summarise(class_probability(fit(turned, spec, **SHORT), patients="population"))
    exact = np.array([2.0, 2.0, 1.0]) / 5.0
    # 5 MCSE: one run in a million fails per number, 3 numbers.
    assert (np.abs(table["estimate"] - exact) < 5 * table["mcse"]).all()


def test_the_prior_of_classes_is_printed(models, cohort):
    table = prior_predictive(cohort, read_model(models / "long_term_rates.toml"), seed=1)
    found = table.set_index("quantity")["estimate"]
    assert found["probability of class dependent"] == pytest.approx(0.5, abs=0.05)
    assert table["distribution"].eq("prior").all()


def test_a_column_of_early_response_is_blank_where_nobody_can_say(models):
    spec = read_model(models / "long_term.toml")
    cohort = simulated(25, seed=3)
    with pytest.warns(CohortWarning, match="not evaluable"):
        more = with_early_response(cohort, spec)
    judged = more.patients["early_response"]
    assert judged.isna().sum() == 1
    with pytest.raises(DataError, match="'early_response' is blank for 1 of 25 patients"):
        make_design(more, spec)
    with pytest.raises(ValueError, match="has no long-term classes"):
        impute_cohorts(more, spec, seed=1)
    with pytest.raises(ValueError, match="has a column 'naive' already"):
        with_early_response(cohort, spec, "naive")
