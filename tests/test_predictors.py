"""Candidate predictors: effects on every scale, verdicts, and cohorts that make them hard.

A test of draws without a bound of its own holds for any draws: failure probability 0.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.stats as ss
import xarray as xr
from scipy.special import expit
from trees import with_draws

from mmn_bayes.data.response import judge_responses
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.predicting import predict
from mmn_bayes.engine.sampling import fit
from mmn_bayes.errors import CohortWarning, DataError, SpecError
from mmn_bayes.model_file.candidates import with_candidates
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.outcomes.response.estimands import response_probability
from mmn_bayes.outcomes.response.rates import rates_with, setting
from mmn_bayes.posterior.diagnostics import require_converged
from mmn_bayes.posterior.prior_predictive import draw_prior
from mmn_bayes.predictors.effects import candidate_effects, drawn_effects, predictor_effects
from mmn_bayes.predictors.table import predictor_table, verdict_of
from mmn_bayes.simulation.responses import simulate_responses
from mmn_bayes.studies.known_truth import simulated

SHORT = {"chains": 2, "draws": 250, "tune": 300, "progress": "off", "seed": 1}
MARGIN = {"scale": "odds_ratio", "value": 1.5, "why": "a reason"}
NORMAL = {"distribution": "normal", "mean": 0, "sd": 1, "why": "a reason"}
NUMBER = {"kind": "number", "acts_on": "response", "centre": 0, "per": 1}
HORSESHOE = {"distribution": "horseshoe", "relevant": 1, "residual_sd": 2, "slab_df": 4}
HORSESHOE |= {"slab_sd": 1.5, "why": "a reason"}
R2D2 = {"distribution": "r2d2", "r2_mean": 0.2, "r2_precision": 5, "shape": 0.5}
R2D2 |= {"residual_sd": 2, "why": "a reason"}
REGION = {"column": "region", "kind": "category", "levels": ["north", "south", "east"]}
STAGE = {"column": "stage", "kind": "ordered", "levels": ["early", "middle", "late"]}
STAGE |= {"steps": {"distribution": "dirichlet", "concentration": [1, 2], "why": "a reason"}}


def of_columns(models, tables, shared=None, **changes):
    """The model of responses with these candidates; their priors are N(0, 1), or the shared one."""
    content = read_model(models / "response.toml").resolved
    own = {} if shared else {"prior": NORMAL}
    content["predictor"] = {
        name: {"acts_on": "response", "margin": MARGIN, **table, **own}
        for name, table in tables.items()
    }
    if shared:
        content["shrinkage"] = {"of": list(tables), "prior": shared}
    return parse_model({**content, **changes}, "candidates")


def numbers(*names):
    return {name: {**NUMBER, "column": name} for name in names}


@pytest.fixture(scope="module")
def cohort():
    truth = {"strong": 2.0, "none": 0.0}
    cohort = simulate_responses(truth, n_patients=60, seed=3)
    n = len(cohort.patients)
    more = {
        "region": np.array(["north", "south", "east"])[np.arange(n) % 3],
        "stage": np.array(["early", "middle", "middle", "late"])[np.arange(n) % 4],
    }
    return replace(cohort, patients=cohort.patients.assign(**more))


@pytest.fixture(scope="module")
def tables():
    return {**numbers("strong", "none"), "region": REGION, "stage": STAGE}


@pytest.fixture(scope="module")
def fitted(models, cohort, tables):
    return fit(cohort, of_columns(models, tables), **SHORT | {"draws": 600, "chains": 4})


def test_simulated_responses_are_what_the_rule_finds(models):
    truth = {"a": 1.0, "b": -1.0}
    cohort = simulate_responses(truth, n_patients=4000, seed=1, intercept=0.3, correlation=0.5)
    x = cohort.patients[["a", "b"]].to_numpy()
    assert np.corrcoef(x.T)[0, 1] == pytest.approx(0.5, abs=0.05)
    assert x.std(axis=0) == pytest.approx([1.0, 1.0], abs=0.05)
    judged = judge_responses(cohort, read_model(models / "response.toml"))["response"].astype(bool)
    p = expit(0.3 + x @ [1.0, -1.0])
    score = (judged.to_numpy() - p)[:, None] * np.column_stack([np.ones(len(p)), x])
    assert (np.abs(score.sum(axis=0) / score.std(axis=0) / len(p) ** 0.5) < 3.5).all()
    assert cohort.truth == {**truth, "intercept": 0.3}
    assert cohort.synthetic
    with pytest.raises(ValueError, match="correlation from 0 to below 1"):
        simulate_responses(truth, n_patients=4, seed=1, correlation=1.0)


def test_effects_have_the_labels_and_meanings_of_their_kind(models, tables):
    spec = of_columns(models, tables)
    found = {e.label: (e.low, e.high) for e in candidate_effects(spec)}
    assert found == {
        "none": (0, 1),
        "region: south": ("north", "south"),
        "region: east": ("north", "east"),
        "stage": ("early", "late"),
        "strong": (0, 1),
    }
    said = [e.predictor.meaning(e.label) for e in candidate_effects(spec)]
    assert said == [
        *("per 1", "south against north", "east against north"),
        *("late against early", "per 1"),
    ]
    with pytest.raises(ValueError, match="has no candidates: a predictor with a margin"):
        candidate_effects(read_model(models / "response.toml"))


@pytest.mark.draws
def test_odds_ratios_and_changes_are_those_computed_by_hand(fitted, cohort):
    posterior = fitted["posterior"].to_dataset()
    odds = predictor_effects(fitted, "odds_ratio")
    strong = odds.sel(predictor="strong", drop=True)
    xr.testing.assert_allclose(strong, np.exp(posterior["strong"]))
    change = predictor_effects(fitted, "response")
    assert change.dims == ("chain", "draw", "predictor")
    assert change.attrs["synthetic"]
    x = cohort.patients.set_index("patient")
    steps = posterior["stage_steps"].to_numpy()
    part = np.stack([np.zeros(steps.shape[:2]), steps[..., 0], np.ones(steps.shape[:2])], -1)
    place = x["stage"].map({"early": 0, "middle": 1, "late": 2}).to_numpy()
    of_region = np.concatenate(
        [np.zeros((*steps.shape[:2], 1)), posterior["region"].to_numpy()], axis=-1
    )
    region = x["region"].map({"north": 0, "south": 1, "east": 2}).to_numpy()
    eta = posterior["intercept"].to_numpy()[..., None] + of_region[..., region]
    eta = eta + posterior["stage"].to_numpy()[..., None] * part[..., place]
    eta = eta + posterior["none"].to_numpy()[..., None] * x["none"].to_numpy()
    strong = posterior["strong"].to_numpy()[..., None]
    by_hand = expit(eta + strong).mean(-1) - expit(eta).mean(-1)
    assert change.sel(predictor="strong").to_numpy() == pytest.approx(by_hand)
    late = posterior["stage"].to_numpy()[..., None]
    without = eta - late * part[..., place] + strong * x["strong"].to_numpy()
    by_hand = expit(without + late).mean(-1) - expit(without).mean(-1)
    assert change.sel(predictor="stage").to_numpy() == pytest.approx(by_hand)
    with pytest.raises(ValueError, match="is of outcome 'response', not of grades"):
        predictor_effects(fitted, "grades")
    with pytest.raises(ValueError, match="scale is 'odds'; it is one of model, grades"):
        predictor_effects(fitted, "odds")


@pytest.mark.draws
def test_one_row_a_candidate_says_what_was_learned(fitted):
    table = predictor_table(fitted, level=0.9).set_index("predictor")
    # 4 chains, halved, with 2,000 effective draws: R-hat is 1 + (chi2(7) - 7) / 3500, of ranks and
    # of deviations; 1.01 has a probability of 5e-7 each, 15 quantities. (Of 2 chains 1e-3 each.)
    require_converged(fitted, {"changes": predictor_effects(fitted, "response")})
    strong = table.loc["strong"]
    drawn = fitted["posterior"]["strong"].to_numpy().ravel()
    assert strong["estimate"] == pytest.approx(np.exp(drawn.mean()))
    assert strong["lower"] == pytest.approx(np.exp(np.quantile(drawn, 0.05)))
    assert strong["p_above"] == (drawn > 0).mean()
    assert strong["p_within"] == (np.abs(drawn) < np.log(1.5)).mean()
    # P(within) of 12 fits: 0 where 0.05 is asked, 0.21 to 0.24 and 0.36 to 0.39 where it is not: of
    # 2,000 effective draws 0.05 is more than 15 binomial standard errors from each.
    assert strong["verdict"] == "relevant"
    assert (table.loc[["none", "stage"], "verdict"] == "undecided").all()
    # Of a normal prior of its own: known beforehand. 5 standard errors of 4,000 draws of it: one
    # run in a million fails per number, 4 numbers.
    error, left = 5.0 / 4000**0.5, drawn.var(ddof=1)
    assert strong["variance_removed"] == pytest.approx(1.0 - left, abs=2**0.5 * left * error)
    assert strong["shrinkage"] == pytest.approx(left, abs=2**0.5 * left * error)
    limit, within = ss.norm.ppf(0.95), 2.0 * ss.norm.cdf(np.log(1.5)) - 1.0
    of_limit = (0.05 * 0.95) ** 0.5 / ss.norm.pdf(limit) * error
    assert np.log(strong["prior_upper"]) == pytest.approx(limit, abs=of_limit)
    binomial = (within * (1.0 - within)) ** 0.5 * error
    assert strong["prior_p_within"] == pytest.approx(within, abs=binomial)
    assert (table["n_patients"] == 60).all()
    assert (table["odds_ratio"] == table["estimate"]).all()
    assert table["synthetic"].all()
    for wrong in (0.5, 1.0):
        with pytest.raises(ValueError, match=r"a probability above 0\.5 and below 1"):
            predictor_table(fitted, certain=wrong)


@pytest.mark.draws
def test_verdicts_are_by_the_probability_of_the_margin(fitted):
    assert [verdict_of(p, 0.95) for p in (0.95, 0.94, 0.06, 0.05)] == [
        *("negligible", "undecided", "undecided", "relevant"),
    ]
    nothing = predictor_table(with_draws(fitted, strong=0.0)).set_index("predictor")
    assert nothing.loc["strong", "verdict"] == "negligible"
    harm = predictor_table(with_draws(fitted, strong=-3.0)).set_index("predictor")
    assert harm.loc["strong", ["verdict", "p_above"]].tolist() == ["relevant", 0.0]


@pytest.mark.draws
def test_a_variance_that_does_not_exist_has_no_share(models, cohort, fitted):
    content = of_columns(models, numbers("strong", "none")).resolved
    heavy = {"distribution": "student_t", "df": 2, "mean": 0, "sd": 1, "why": "a reason"}
    content["predictor"]["strong"]["prior"] = heavy
    table = predictor_table(fit(cohort, parse_model(content, "heavy"), **SHORT))
    row = table.set_index("predictor").loc["strong"]
    assert np.isnan(row[["variance_removed", "shrinkage"]].astype(float)).all()
    # 0.89 to 0.91 of 12 fits; as an sd comes out with an error of 3 %, 0.5 needs it to be double.
    assert table.set_index("predictor").loc["none", "variance_removed"] > 0.5
    assert verdict_of(np.nan, 0.95) == ""


@pytest.mark.draws
def test_without_logits_odds_ratios_are_of_rates(models, cohort):
    spec = of_columns(models, numbers("strong", "none"), link="probit")
    tree = fit(cohort, spec, **SHORT)
    rates = rates_with(tree, [{"x_strong": value} for value in (0.0, 1.0)]).T
    odds = rates / (1.0 - rates)
    found = predictor_effects(tree).sel(predictor="strong")
    assert found.to_numpy().ravel() == pytest.approx(odds[1] / odds[0])
    assert "rates of the cohort" in found.attrs["meaning"]
    assert predictor_table(tree)["odds_ratio_of"].str.contains("rates of the cohort").all()


@pytest.mark.parametrize("shared", [HORSESHOE, R2D2], ids=["horseshoe", "r2d2"])
def test_effects_that_share_a_prior_have_its_law(models, cohort, tables, shared):
    spec = of_columns(models, tables, shared)
    design = make_design(cohort, spec)
    names = ["strong", "shrinkage_factor"]
    drawn = draw_prior(spec, design, draws=4000, seed=2, names=names)
    rng, n = np.random.default_rng(1), 40_000
    if shared is HORSESHOE:
        local, tau = np.abs(rng.standard_cauchy((2, n)))
        tau = tau * 1.0 / (5 - 1.0) * 2.0 / np.sqrt(60)
        slab = ss.invgamma(2.0, scale=2.0 * 1.5**2).rvs(n, random_state=rng)
        variance = slab * (tau * local) ** 2 / (slab + (tau * local) ** 2)
    else:
        r2 = rng.beta(1.0, 4.0, n)
        variance = 4.0 * r2 / (1.0 - r2) * rng.dirichlet([0.5] * 5, n)[:, 0]
    own = rng.normal(size=n) * np.sqrt(variance)
    ours = drawn["strong"].to_numpy().ravel() * cohort.patients["strong"].std(ddof=0)
    assert ss.ks_2samp(ours, own).pvalue > 0.01
    factor = 1.0 / (1.0 + 60 * variance / 4.0)
    ours = drawn["shrinkage_factor"].isel(shrunk=0).to_numpy().ravel()
    assert ss.ks_2samp(ours, factor).pvalue > 0.01


@pytest.mark.slow
@pytest.mark.draws
@pytest.mark.parametrize("shared", [HORSESHOE, R2D2], ids=["horseshoe", "r2d2"])
def test_a_shared_prior_shrinks_the_weak_and_spares_the_strong(models, cohort, tables, shared):
    tree = fit(cohort, of_columns(models, tables, shared), **SHORT | {"draws": 500})
    # None in 24 fits of 1,000 draws: at most 0.12 a fit (95 %), of which 4 have probability 1e-5.
    assert int(tree["sample_stats"]["diverging"].sum()) < 4
    table = predictor_table(tree).set_index("predictor")
    assert list(table.index) == ["none", "region: south", "region: east", "stage", "strong"]
    # 0.04 and 0.47 to 0.51, or 0.06 and 0.29 to 0.33, of 12 fits with a sd of 0.01 between them.
    assert table.loc["strong", "shrinkage"] + 0.15 < table.loc["none", "shrinkage"]
    # P(within) is 0.001 on average: 0.05 of 1,000 draws has no probability.
    assert table.loc["strong", "verdict"] == "relevant"
    factor = tree["posterior"]["shrinkage_factor"].mean(("chain", "draw"))
    assert table["shrinkage"].to_numpy() == pytest.approx(factor.sel(shrunk=table.index).to_numpy())


# --- what makes candidates hard -----------------------------------------------------------------


@pytest.mark.draws
def test_a_constant_candidate_says_nothing_or_is_refused_with_the_reason(models, cohort):
    same = replace(cohort, patients=cohort.patients.assign(same=True))
    tables = {**numbers("strong"), "same": {"column": "same", "kind": "yes_no"}}
    with pytest.warns(CohortWarning, match="predictor same: the same for all 60 patients"):
        tree = fit(same, of_columns(models, tables), **SHORT)
    row = predictor_table(tree).set_index("predictor").loc["same"]
    # It goes along with the intercept, whose prior is 1.5 wide: hardly anything is learned.
    # 0.30 and a sd of 0.04 of 12 fits, P(within) 0.32 to 0.44: 0.5 and 0.05 are 5 sds away or more.
    assert row["variance_removed"] < 0.5
    assert row["verdict"] == "undecided"
    with pytest.raises(DataError, match="'same' is the same for all 60 patients who inform"):
        make_design(same, of_columns(models, {**numbers("none", "strong"), **tables}, HORSESHOE))


def test_a_level_that_nobody_has_is_refused_where_it_would_be_standardised(models, cohort):
    more = {"region": {**REGION, "levels": [*REGION["levels"], "west"]}}
    design = make_design(cohort, of_columns(models, more))
    assert design["level_of_region"].to_numpy().tolist() == ["south", "east", "west"]
    with pytest.raises(DataError, match="'region: west' is the same for all 60 patients"):
        make_design(cohort, of_columns(models, more, HORSESHOE))


@pytest.mark.draws
def test_all_that_is_made_of_a_column_is_set(models, cohort):
    both = {**numbers("strong"), "again": {**NUMBER, "column": "strong", "centre": 1, "per": 2}}
    spec = of_columns(models, both)
    assert setting(spec, "strong", 3.0) == {"x_strong": 3.0, "x_again": 1.0}
    assert setting(spec, "naive", True) == {"naive": 1.0}
    tree = fit(cohort, spec, **SHORT)
    posterior = tree["posterior"].to_dataset()
    low, high = (
        expit(posterior["intercept"] + posterior["strong"] * x + posterior["again"] * (x - 1) / 2)
        for x in (0.0, 1.0)
    )
    change = predictor_effects(tree, "response").sel(predictor="strong")
    assert change.to_numpy() == pytest.approx((high - low).to_numpy())
    levels = of_columns(models, {"region": REGION})
    with pytest.raises(ValueError, match="of column 'region', and 'west' is none of them"):
        setting(levels, "region", "west")


@pytest.mark.draws
def test_two_identical_candidates_share_what_there_is(models, cohort):
    twins = replace(cohort, patients=cohort.patients.assign(twin=cohort.patients["strong"]))
    tree = fit(twins, of_columns(models, numbers("strong", "twin")), **SHORT)
    drawn = predictor_effects(tree, "model")
    one, other = (drawn.sel(predictor=name).to_numpy().ravel() for name in ("strong", "twin"))
    # Of 12 fits -0.79 and 0.46, their sds 0.022 and 0.025: the bounds are 6 sds away or more.
    assert np.corrcoef(one, other)[0, 1] < -0.6
    assert (one + other).std() < 0.65 * one.std() * 2**0.5
    # No gradient is steep: none in 12 fits.
    assert int(tree["sample_stats"]["diverging"].sum()) < 4


@pytest.mark.draws
def test_a_candidate_that_separates_stays_finite(models, cohort):
    judged = judge_responses(cohort, read_model(models / "response.toml"))
    known = judged.set_index("patient")["response"].loc[cohort.patients["patient"]]
    apart = replace(cohort, patients=cohort.patients.assign(apart=known.to_numpy(dtype=bool)))
    # With another one, as above: what two candidates share is compiled once.
    tables = {"apart": {"column": "apart", "kind": "yes_no"}, **numbers("none")}
    table = predictor_table(fit(apart, of_columns(models, tables), **SHORT))
    row = table.set_index("predictor").loc["apart"]
    assert row["verdict"] == "relevant"
    # Of 12 fits 13 to 16 and 140 to 177, sds of the logarithms 0.05 and 0.09: 20 sds.
    assert 5.0 < row["lower"] < row["upper"] < 1000.0


@pytest.mark.slow
@pytest.mark.draws
@pytest.mark.parametrize("shared", [None, HORSESHOE], ids=["own", "horseshoe"])
def test_more_candidates_than_patients_can_be_fitted(models, shared):
    names = [f"x{number:02d}" for number in range(8)]
    few = simulate_responses(dict.fromkeys(names, 0.0), n_patients=6, seed=1)
    tree = fit(few, of_columns(models, numbers(*names), shared), **SHORT)
    table = predictor_table(tree)
    assert len(table) == 8
    # P(within) of 12 fits was 0.16 or more: 0.05 is 5 binomial standard errors of 300 away.
    assert (table["verdict"] != "relevant").all()
    assert table[["lower", "upper"]].notna().all(axis=None)
    # None in 24 fits of 500 draws: at most 0.12 a fit (95 %), of which 4 have probability 1e-5.
    assert int(tree["sample_stats"]["diverging"].sum()) < 4


def test_many_candidates_with_levels_can_be_predicted(models, cohort):
    # One sum of more than 32 terms could not be interpreted.
    many = {f"region{number:02d}": REGION for number in range(34)}
    spec = of_columns(models, many)
    design = make_design(cohort, spec)
    prior = draw_prior(spec, design, draws=5, seed=1)
    (rates,) = (v for _, (v,) in predict(spec, design, prior, ["response_probability"]))
    place = cohort.patients["region"].map({"north": 0, "south": 1, "east": 2}).to_numpy()
    effects = sum(prior[name].to_numpy()[0] for name in many)  # (draw, level)
    with_none = np.concatenate([np.zeros((5, 1)), effects], axis=1)
    eta = prior["intercept"].to_numpy()[0][:, None] + with_none[:, place]
    assert rates == pytest.approx(expit(eta))


def test_levels_that_the_model_does_not_know_are_named(models, cohort):
    spec = of_columns(models, {"region": {**REGION, "levels": ["north", "south"]}})
    with pytest.raises(DataError, match=r"has 'east'.*none of predictor\.region\.levels"):
        make_design(cohort, spec)
    blank = cohort.patients.assign(region=cohort.patients["region"].mask(cohort.patients.index < 2))
    with pytest.raises(DataError, match=r"is blank for 2 of 60 patients.*`impute_cohorts`"):
        make_design(replace(cohort, patients=blank), of_columns(models, {"region": REGION}))
    numbered = cohort.patients.assign(region=np.arange(60) % 2 + 1.0)
    spec = of_columns(models, {"region": {**REGION, "levels": ["1", "2"]}})
    design = make_design(replace(cohort, patients=numbered), spec)
    assert design["x_region"].to_numpy().tolist() == (np.arange(60) % 2).tolist()


# --- the strength model ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def of_grades(models):
    cohort = simulated(10, seed=2)
    lengths = {"chains": 2, "draws": 60, "tune": 200, "progress": "off", "seed": 4}
    return fit(cohort, gain_male(models), **lengths)


def gain_male(models):
    """With doses as a rate: half-lives to estimate have nothing to do with candidates."""
    rate = read_model(models / "strength_dose_rate.toml").resolved["exposure"]
    content = read_model(models / "candidates_gain.toml").resolved | {"exposure": rate}
    return with_candidates(parse_model(content, "gain"), ["male"], "gain_male")


@pytest.mark.slow
@pytest.mark.draws
def test_effects_on_the_gain_are_in_grades_and_change_the_response(of_grades, models):
    posterior = of_grades["posterior"].to_dataset()
    gap = posterior["cutpoints"].to_numpy()
    gap = (gap[..., -1] - gap[..., 0]) / (gap.shape[-1] - 1)
    grades = predictor_effects(of_grades, "grades").sel(predictor="male")
    assert grades.to_numpy() == pytest.approx(posterior["male"].to_numpy() / gap)
    more = with_draws(of_grades, male=0.3)
    # Half a draw of 120 is 0 on average in 12 fits: 6 have a probability of 1e-5. The mean below
    # was 3.1 to 3.5, MCSE 0.17 at most: 1.5 is 9 MCSE away.
    assert (predictor_effects(more, "response") > 0).mean() > 0.95
    nothing = predictor_effects(with_draws(of_grades, male=0.0), "response")
    assert (nothing == 0).all()  # both rates have their random numbers in common
    assert predictor_effects(more).mean() > 1.5
    row = predictor_table(of_grades).iloc[0]
    assert (row["scale"], row["acts_on"], row["n_patients"]) == ("grades", "gain", 10)
    # 0.79 to 0.87 from 0, of 4,000 draws: 0.5 is 10 sds away.
    assert row["prior_lower"] < -0.5 < 0.5 < row["prior_upper"]
    # Made naive or not, a patient has the infusions of one who is.
    naive = response_probability(of_grades, patients="population", by="naive", standardised=True)
    spec = gain_male(models)
    rates = rates_with(of_grades, [setting(spec, "naive", v) for v in (False, True)])
    assert naive.to_numpy().reshape(-1, 2) == pytest.approx(rates)
    assert set(drawn_effects(of_grades)) == {
        *("units", "prior_units", "grades", "prior_grades", "low", "high", "shrinkage"),
    }


# --- parts of a model -----------------------------------------------------------------------------


def test_a_model_with_some_of_its_candidates_is_otherwise_the_same(models):
    spec = read_model(models / "candidates_response.toml")
    two = with_candidates(spec, ["male", "atrophy"], "two")
    assert [p.name for p in two.predictors] == ["atrophy", "male", "naive"]
    none = with_candidates(spec, [], "none")
    assert [p.name for p in none.predictors] == ["naive"]
    assert none.priors["intercept"] == spec.priors["intercept"]
    with pytest.raises(ValueError, match="'naive' is no candidate"):
        with_candidates(spec, ["naive"], "wrong")
    shared = read_model(models / "candidates_response_horseshoe.toml")
    assert with_candidates(shared, ["male", "atrophy"], "two").shrinkage.of == ("male", "atrophy")
    with pytest.raises(SpecError, match="cannot be taken apart"):
        with_candidates(shared, ["male"], "one")
    assert with_candidates(shared, [], "none").shrinkage is None


def test_a_prior_drawn_in_part_is_that_drawn_as_a_whole(models, cohort, tables):
    spec = of_columns(models, tables)
    design = make_design(cohort, spec)
    part = draw_prior(spec, design, draws=2000, seed=1, names=["region", "stage_steps"])
    assert part["region"].dims == ("chain", "draw", "level_of_region")
    assert part["step_of_stage"].to_numpy().tolist() == ["middle", "late"]
    whole = draw_prior(spec, design, draws=2000, seed=1)
    assert set(whole) == {"intercept", "strong", "none", "region", "stage", "stage_steps"}
    both = [own["region"].to_numpy().ravel() for own in (part, whole)]
    assert ss.ks_2samp(*both).pvalue > 0.01
    assert isinstance(part.to_dataframe(), pd.DataFrame)
