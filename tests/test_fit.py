"""Plumbing from fit to estimands, on tiny real fits.

A test of draws without a bound of its own holds for any draws: failure probability 0.
"""

import json
import os
import re
import warnings

import numpy as np
import nutpie
import pandas as pd
import pytest
import xarray as xr
from monte_carlo import mcse
from nutpie.compiled_pyfunc import from_pyfunc
from scipy.special import expit
from scipy.stats import norm

from mmn_bayes.data.reading import make_cohort
from mmn_bayes.data.response import judge, judge_responses
from mmn_bayes.data.restricting import first_months
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.sampling import ADAPTATION, fit
from mmn_bayes.errors import CohortWarning, DataError, NotConverged
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.outcomes.grade.distribution import (
    grade_distribution,
    observed_grade_distribution,
)
from mmn_bayes.outcomes.response.estimands import (
    posterior_predictive_check,
    replicated_response,
    response_probability,
)
from mmn_bayes.outcomes.response.observed import observed_response
from mmn_bayes.posterior.diagnostics import diagnose, require_converged
from mmn_bayes.posterior.draws import spec_of
from mmn_bayes.posterior.posterior_predictive import (
    planned_occasions,
    position_in_patient,
    recorded_occasions,
    replicate_panels,
)
from mmn_bayes.posterior.prior_predictive import draw_prior, prior_predictive
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.report.fit_files import load, save
from mmn_bayes.report.formatting import format_table
from mmn_bayes.studies.known_truth import simulated

SEED_SHIFT = int(os.environ.get("SEED_SHIFT", "0"))
# A tiny fit of a few hundred draws is for plumbing: its numbers are checked elsewhere.
SHORT = {"chains": 2, "draws": 150, "tune": 200, "progress": "off"}


@pytest.fixture(scope="module")
def cohort(few):
    return few


@pytest.fixture(scope="module")
def strength(strength_of_few):
    return strength_of_few


@pytest.fixture(scope="module")
def response(cohort, models):
    return fit(cohort, read_model(models / "response.toml"), seed=5, **SHORT)


def judged(cohort, models):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        return judge_responses(cohort, read_model(models / "strength.toml"))


@pytest.mark.draws
def test_a_fit_carries_its_model_and_its_origin(strength, models):
    attrs = strength.attrs
    spec = read_model(models / "strength.toml")
    assert spec_of(strength).fingerprint == spec.fingerprint == attrs["spec_fingerprint"]
    assert attrs["seed"] == 5
    assert attrs["sampler"].startswith("nutpie ")
    assert re.fullmatch("[0-9a-f]{64}", attrs["fingerprint"])
    assert {"pymc", "nutpie", "arviz", "python"} <= set(json.loads(attrs["versions"]))
    assert attrs["synthetic"] == 1
    assert strength["posterior"].sizes["draw"] == 150


@pytest.mark.draws
def test_whatever_is_summarised_of_a_fit_to_synthetic_data_says_so(strength):
    for name, draws in strength["posterior"].data_vars.items():
        assert summarise(draws)["synthetic"].all(), name


@pytest.mark.draws
def test_same_seed_gives_the_same_draws(response, cohort, models):
    spec = read_model(models / "response.toml")
    again = fit(cohort, spec, seed=5, **SHORT)
    other = fit(cohort, spec, seed=6, **SHORT)
    for name in ("intercept", "naive"):
        assert np.array_equal(again["posterior"][name], response["posterior"][name])
        assert not np.array_equal(other["posterior"][name], response["posterior"][name])
    assert other.attrs["fingerprint"] != again.attrs["fingerprint"]


@pytest.mark.draws
def test_same_seed_gives_the_same_grades_and_effects(strength, cohort, models):
    again = fit(cohort, read_model(models / "strength.toml"), seed=5, **SHORT)
    for name in strength["posterior"].data_vars:
        assert np.array_equal(again["posterior"][name], strength["posterior"][name]), name
    for patients in ("cohort", "population"):
        first, second = (response_probability(f, patients=patients) for f in (strength, again))
        assert np.array_equal(first, second)


@pytest.mark.draws
def test_save_and_load_keep_everything(strength, tmp_path):
    save(strength, tmp_path / "fit.nc")
    back = load(tmp_path / "fit.nc")
    assert back.identical(strength)
    first = response_probability(strength, patients="population", by="naive")
    assert np.array_equal(response_probability(back, patients="population", by="naive"), first)
    assert (tmp_path / "fit.nc").stat().st_size < 40e6


@pytest.mark.draws
def test_patients_has_no_default_and_only_two_meanings(strength):
    with pytest.raises(TypeError):
        response_probability(strength)
    with pytest.raises(ValueError, match="it is 'cohort' or 'population'"):
        response_probability(strength, patients="all")


@pytest.mark.draws
@pytest.mark.parametrize(
    "ask",
    [
        lambda fit, by: response_probability(fit, patients="cohort", by=by),
        lambda fit, by: replicated_response(fit, by=by),
        lambda fit, by: posterior_predictive_check(fit, by=by),
        lambda fit, by: grade_distribution(fit, days=[0.0], by=by),
        lambda fit, by: observed_grade_distribution(fit, (0, 15), by=by),
    ],
)
def test_what_makes_no_groups_is_refused_alike_everywhere(strength, ask):
    message = r"by is 'anti_gm1', which .*; use one of naive, naive_gain, naive_level, or None\."
    with pytest.raises(ValueError, match=message):
        ask(strength, "anti_gm1")


@pytest.mark.draws
@pytest.mark.parametrize("name", ["strength", "response"])
def test_cohort_keeps_what_was_graded(name, request, cohort, models):
    tree = request.getfixturevalue(name)
    table = judged(cohort, models)
    known, missing = int(table["response"].sum()), int(table["response"].isna().sum())
    share = response_probability(tree, patients="cohort")
    # Nobody here has too few affected muscles, so that all patients count in every draw.
    assert set(table["reason"]) <= {"", "no visit in the follow-up window"}
    n = len(table)
    assert share.min() >= known / n
    assert share.max() <= (known + missing) / n
    events = share * n
    assert np.allclose(events, events.round())


@pytest.mark.draws
@pytest.mark.parametrize("name", ["strength", "response"])
def test_population_is_a_probability_and_varies(name, request):
    draws = response_probability(request.getfixturevalue(name), patients="population", by="naive")
    assert draws.dims == ("chain", "draw", "naive")
    assert list(draws["naive"].to_numpy()) == [False, True]
    assert ((draws >= 0) & (draws <= 1)).all()
    # 0.05 to 0.17: of 300 draws no sd comes out at a fifth.
    assert (draws.std(("chain", "draw")) > 0.01).all()
    assert draws.attrs["synthetic"] is True
    assert "new patient" in draws.attrs["meaning"]


INVERSE = {"logit": expit, "probit": norm.cdf, "cloglog": lambda eta: -np.expm1(-np.exp(eta))}


def exact_rates(tree):
    """Posterior means of the rate of either group, by integration over a grid."""
    spec, design = spec_of(tree), tree["design"].to_dataset()
    a, b = np.meshgrid(np.linspace(-8.0, 8.0, 401), np.linspace(-8.0, 8.0, 401), indexing="ij")
    log_density = sum(
        norm.logpdf(point, spec.priors[name]["mean"], spec.priors[name]["sd"])
        for name, point in (("intercept", a), ("naive", b))
    )
    rates = [np.clip(INVERSE[spec.link](a + b * x), 1e-15, 1 - 1e-15) for x in (0, 1)]
    for naive, y in zip(design["naive"].values, design["response"].values, strict=True):
        if y >= 0:
            log_density = log_density + np.log(rates[int(naive)] if y else 1.0 - rates[int(naive)])
    weight = np.exp(log_density - log_density.max())
    return [float((weight * rate).sum() / weight.sum()) for rate in rates]


@pytest.mark.draws
def test_response_model_agrees_with_integration_over_a_grid(response, cohort):
    draws = response_probability(response, patients="population", by="naive")
    # 5 MCSE against exact answers: one run in a million fails per number, 2 numbers.
    for group, exact in zip((False, True), exact_rates(response), strict=True):
        own = draws.sel(naive=group)
        assert float(own.mean()) == pytest.approx(exact, abs=5 * mcse(own))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CohortWarning)
            seen = observed_response(cohort, spec_of(response), by="naive").set_index("naive")
        # With a prior this wide it lies between the observed rate and one half.
        low, high = sorted([seen.loc[group, "estimate"], 0.5])
        assert low <= exact <= high


@pytest.mark.draws
def test_replicates_are_judged_among_the_evaluable(strength, cohort, models):
    draws = replicated_response(strength)
    evaluable = int(judged(cohort, models)["response"].notna().sum())
    denominators = set(range(1, evaluable + 1))
    values = np.unique(draws)
    assert all(any(np.isclose(v * n, round(v * n)) for n in denominators) for v in values)
    table = posterior_predictive_check(strength, by="naive", level=0.9)
    assert list(table["level"]) == [0.9, 0.9]
    assert (table["covers"] == table["observed"].between(table["lower"], table["upper"])).all()
    assert list(table.columns) == [
        *("naive", "observed", "estimate", "lower", "upper", "level", "interval", "distribution"),
        *("covers", "synthetic"),
    ]
    assert set(table["distribution"]) == {"predictive"}
    assert set(format_table(table)["interval"]) == {"90 % predictive interval, equal-tailed"}


@pytest.mark.draws
def test_shares_sum_to_one_and_follow_the_observed(strength):
    shares = grade_distribution(strength, days=[0.0, 91.0, 182.0])
    assert np.allclose(shares.sum("grade"), 1.0)
    assert (shares >= -1e-12).all()
    seen = observed_grade_distribution(strength, (0, 15, 120, 270))
    assert np.allclose(seen.groupby(["naive", "day"])["share"].sum(), 1.0)
    fitted = shares.mean(("chain", "draw")).sel(day=0.0, naive=True).to_numpy()
    observed = seen[seen["naive"] & (seen["day"] < 15)]["share"].to_numpy()
    # 20 sites a patient, fitted with their own effects: the fit cannot be far from what it saw. It
    # is 0.011 off, with an MCSE of 0.0005: the bound is over 100 MCSE away.
    assert np.abs(fitted - observed).max() < 0.08


@pytest.mark.draws
def test_shares_of_all_patients_are_those_of_the_groups_together(strength):
    days, edges = [0.0, 182.0], (0, 15, 270)
    together, apart = (grade_distribution(strength, days=days, by=by) for by in (None, "naive"))
    assert together.dims == ("chain", "draw", "day", "grade")
    design = strength["design"].to_dataset()
    naive = design["naive"].to_numpy()[design["patient_of_site"].to_numpy()]
    weights = xr.DataArray([(~naive).mean(), naive.mean()], dims="naive")
    # On day 0 nobody has left: every site has its weight.
    expected = apart.isel(day=0).dot(weights, dim="naive")
    assert np.allclose(together.isel(day=0), expected.transpose(*together.isel(day=0).dims))
    table = observed_grade_distribution(strength, edges, by=None)
    assert list(table.columns) == ["day", "grade", "share", "n", "synthetic"]
    first = table[table["day"] == table["day"].min()]
    both = observed_grade_distribution(strength, edges)
    both = both[both["day"] < 15].assign(count=lambda t: t["share"] * t["n"])
    expected = both.groupby("grade", observed=False)["count"].sum() / first["n"].iloc[0]
    assert np.allclose(first.set_index("grade")["share"], expected)


@pytest.mark.draws
def test_diagnose_covers_parameters_and_derived(strength):
    draws = response_probability(strength, patients="population", by="naive")
    table = diagnose(strength, {"response": draws})
    assert set(strength["posterior"].data_vars) | {"sampler", "response"} == set(table["quantity"])
    rows = table[table["quantity"] == "response"].set_index("check")
    assert rows.loc["r_hat", "value"] == pytest.approx(summarise(draws)["r_hat"].max())
    assert rows.loc["ess_bulk", "threshold"] == 400
    # 120 draws cannot have an effective sample of 400, n have n log10(n) at most: the gate
    # has to close.
    few = strength.map_over_datasets(
        lambda group: group.isel(draw=slice(60), missing_dims="ignore")
    )
    few.attrs = strength.attrs
    with pytest.raises(NotConverged, match=r"patient_level_sd: ess_bulk is .*threshold is 400"):
        require_converged(few)


@pytest.mark.draws
def test_require_converged_lets_good_draws_pass(strength):
    table = diagnose(strength)
    assert require_converged(table.assign(passed=True)) is None


def test_priors_imply_what_is_clinically_possible(cohort, models):
    table = prior_predictive(cohort, read_model(models / "strength.toml"), seed=1, draws=200)
    by = table.set_index("quantity")
    chance = by.loc["responders by chance, without any treatment"]
    # Placebo groups: 2 of 9 (Leger 2001) and 1 of 27 (Cochrane); textbook priors imply 0.9.
    assert chance["lower"] < 1 / 27 + 0.1
    assert 0.1 < chance["estimate"] < 0.4
    assert chance["upper"] < 0.75
    kappa = by.loc["linearly weighted kappa between two stable visits"]
    assert 0.88 < kappa["estimate"] < 0.96
    shares = by[by.index.str.startswith("share of muscles")]["estimate"]
    assert shares.sum() == pytest.approx(1.0)
    assert shares.iloc[-1] == pytest.approx(0.6, abs=0.08)
    assert (table["interval"] == "eti").all()
    assert list(table.columns) == [
        *("quantity", "estimate", "lower", "upper", "level", "interval", "distribution"),
        *("draws", "synthetic"),
    ]
    assert set(table["distribution"]) == {"prior"}
    assert set(format_table(table)["interval"]) == {"95 % prior interval, equal-tailed"}


def test_response_priors_are_printed_by_predictor(cohort, models):
    table = prior_predictive(cohort, read_model(models / "response.toml"), seed=1, draws=400)
    assert list(table["quantity"].str[-9:]) in (
        ["naive = 1", "naive = 0"],
        ["naive = 0", "naive = 1"],
    )
    assert (table["lower"] < 0.1).all()
    assert (table["upper"] > 0.9).all()


def without(cohort, **tables):
    given = {name: getattr(cohort, name) for name in ("patients", "grades", "infusions")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        return make_cohort(**(given | tables), synthetic=True)


def test_what_the_model_needs_and_the_cohort_lacks_is_said_at_once(cohort, models):
    spec = read_model(models / "strength.toml")
    with pytest.raises(DataError, match=r"infusions: the cohort has no such table, which expo"):
        make_design(without(cohort, infusions=None), spec)


def test_nobody_is_shown_as_evaluable_who_is_not(cohort, models):
    spec = read_model(models / "response.toml")
    first_visits = cohort.grades[cohort.grades["day"] < 100]
    early = without(cohort, grades=first_visits)
    with pytest.raises(
        DataError, match=r"nobody is evaluable: no visit in the follow-up window \(12"
    ):
        make_design(early, spec)
    design = make_design(early, read_model(models / "strength.toml"))
    assert (design["response"] == -1).all()
    assert set(design["reason"].to_numpy()) == {"no visit in the follow-up window"}


@pytest.mark.draws
def test_a_recorded_response_stays_whatever_else_was_graded_later(cohort, models, strength):
    """A muscle first graded after month 6 has no part in a response, recorded or replicated."""
    spec = spec_of(strength)
    last = cohort.grades.groupby("patient")["day"].transform("max")
    late = cohort.grades[(cohort.grades["day"] == last) & (cohort.grades["day"] > 300)]
    extra = late.drop_duplicates(["patient", "side"]).assign(muscle="tongue")
    wider = without(cohort, grades=pd.concat([cohort.grades, extra], ignore_index=True))
    design = make_design(wider, spec)
    prior = draw_prior(spec, design, draws=20, seed=1)
    tree = xr.DataTree.from_dict({"posterior": prior, "design": design})
    tree.attrs = strength.attrs
    known = design["response"].to_numpy() >= 0
    share = response_probability(tree, patients="cohort") * known.size
    assert (share >= (design["response"].to_numpy()[known] == 1).sum()).all()
    assert (share <= (design["response"].to_numpy()[known] == 1).sum() + (~known).sum()).all()
    occasions = recorded_occasions(spec, design)
    rng = np.random.default_rng(1)
    for panels in replicate_panels(spec, design, prior, occasions, rng, only_recorded=True):
        graded = (panels.baseline >= 0).sum(axis=(1, 2))
        assert (graded == (occasions.recorded[0] >= 0).sum()).all()


@pytest.mark.draws
@pytest.mark.parametrize("spoil", ["one chain", "a draw that is no number"])
def test_what_could_not_be_checked_has_not_passed(response, spoil):
    draws = response_probability(response, patients="population")
    if spoil == "one chain":
        draws = draws.isel(chain=[0])
    else:
        draws = draws.where((draws["chain"] > 0) | (draws["draw"] > 0))
    rows = diagnose(response, {"spoilt": draws}).set_index("quantity").loc["spoilt"]
    assert not rows.set_index("check").loc["r_hat", "passed"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"seed": -1}, "seed is -1"), ({"draws": 0}, "draws is 0"), ({"chains": 0}, "chains is 0")],
)
def test_unusable_numbers_are_refused_before_anything_is_compiled(
    cohort, models, arguments, message
):
    with pytest.raises(ValueError, match=message):
        fit(cohort, read_model(models / "response.toml"), **arguments)


@pytest.mark.draws
def test_progress_is_a_line_a_tenth_off_a_terminal(cohort, models, capsys):
    fit(cohort, read_model(models / "response.toml"), seed=1, **(SHORT | {"progress": "auto"}))
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("response: sampling 100 % after")
    assert 1 <= len(lines) <= 10


def test_positions_number_the_sites_of_each_patient():
    assert position_in_patient(np.array([1, 0, 1, 0, 0])).tolist() == [0, 0, 1, 1, 2]


@pytest.mark.draws
@pytest.mark.parametrize("link", ["probit", "cloglog"])
def test_a_response_by_another_link_is_that_of_integration(cohort, models, response, link):
    content = read_model(models / "response.toml").resolved
    fitted = fit(cohort, parse_model({**content, "link": link}, link), seed=5, **SHORT)
    draws = response_probability(fitted, patients="population", by="naive")
    # 5 MCSE against exact answers: one run in a million fails per number, 2 numbers.
    for group, exact in zip((False, True), exact_rates(fitted), strict=True):
        own = draws.sel(naive=group)
        assert float(own.mean()) == pytest.approx(exact, abs=5 * mcse(own))
    # Other draws agree so closely with a probability of 1e-5 (their MCSE is 0.05).
    assert float(fitted["posterior"]["intercept"].mean()) != pytest.approx(
        float(response["posterior"]["intercept"].mean()), abs=1e-6
    )


def remembering(models, within_days):
    content = read_model(models / "strength.toml").resolved
    prior = {"distribution": "beta", "alpha": 1, "beta": 4, "why": "a reason"}
    content["memory"] = {"within_days": within_days, "probability": prior}
    return parse_model(content, "memory")


def replicated(spec, design, prior, occasions, memory, **ask):
    """Both visits, replicated with a memory of so much."""
    prior = prior.assign(memory=xr.full_like(prior["memory"], memory))
    rng = np.random.default_rng(2)
    (panels,) = replicate_panels(spec, design, prior, occasions, rng, **ask)
    return panels


def test_chance_responders_fall_as_an_examiner_remembers(cohort, models):
    spec = remembering(models, 200)
    design = make_design(cohort, spec).isel(infusion=slice(0, 0))
    prior = draw_prior(spec, design, draws=60, seed=1)
    occasions = planned_occasions(spec, design)
    rates = []
    for memory in (0.0, 0.4, 0.8, 1.0):
        panels = replicated(spec, design, prior, occasions, memory)
        judged = judge(panels.baseline, panels.follow_up, spec.response, spec.scale)
        rates.append(judged.response.sum() / judged.evaluable.sum())
    assert rates[0] > rates[1] + 0.05 > rates[2] + 0.1
    assert rates[3] == 0.0
    late = remembering(models, 100)  # too long ago, with no visit in between
    panels = replicated(late, make_design(cohort, late), prior, occasions, 1.0)
    assert (panels.baseline != panels.follow_up).any()


def test_a_memory_reaches_from_visit_to_visit(cohort, models):
    spec = remembering(models, 100)
    design = make_design(cohort, spec)
    prior = draw_prior(spec, design, draws=5, seed=1)
    occasions = recorded_occasions(spec, design)
    site, day, _ = occasions.others
    patient = design["patient_of_site"].to_numpy()
    first, last = occasions.day[:, patient]
    # Sites with visits so close that the memory never breaks.
    closest = [
        max(np.diff(np.unique([first[s], *day[(site == s) & (day > first[s])], last[s]])))
        for s in range(patient.size)
    ]
    chained = (np.array(closest) <= 100) & (last - first > 100)
    assert chained.any()
    position = position_in_patient(patient)
    panels = replicated(spec, design, prior, occasions, 1.0)
    before, after = (
        panel[:, patient[chained], position[chained]]
        for panel in (panels.baseline, panels.follow_up)
    )
    assert (before == after).all()
    # What was recorded stays, and a gap is filled in from memory.
    kept = replicated(spec, design, prior, occasions, 1.0, keep_recorded=True)
    for panel, recorded in zip((kept.baseline, kept.follow_up), occasions.recorded, strict=True):
        known = recorded >= 0
        assert (panel[:, patient[known], position[known]] == recorded[known]).all()
    only = replicated(spec, design, prior, occasions, 0.5, only_recorded=True)
    assert ((only.baseline >= 0).sum(axis=(1, 2)) == (occasions.recorded[0] >= 0).sum()).all()


@pytest.mark.draws
@pytest.mark.slow
def test_normal_noise_and_a_memory_go_the_whole_way(models):
    """The kernel of other links samples, and its effects and replicates come back."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        few = first_months(simulated(3, seed=3), until_day=250)
    content = {**remembering(models, 400).resolved, "link": "probit"}
    # What they have nothing to do with would only be compiled.
    del content["gain"], content["exposure"], content["predictor"]
    del content["group"]["patient_gain"]
    fitted = fit(few, parse_model(content, "memory"), seed=5, **(SHORT | {"draws": 50, "tune": 80}))
    # None of 300 draws of three fits diverged; 10 of 100 then have a probability below 1e-6.
    assert fitted["sample_stats"]["diverging"].mean() < 0.1
    assert spec_of(fitted).link == "probit"
    memory = fitted["posterior"]["memory"]
    assert ((memory > 0.0) & (memory < 1.0)).all()
    assert memory.std() > 0.0
    effects = fitted["posterior"]["site_z"]
    assert np.isfinite(effects).all()
    # Of 1 a priori; 1.02 to 1.03 of three fits.
    assert 0.5 < effects.std() < 1.5
    for patients in ("cohort", "population"):
        share = response_probability(fitted, patients=patients)
        # Of the cohort two responded. Of 100 new patients nobody may, where memory is strong.
        assert ((share >= (patients == "cohort") / 3) & (share <= 1.0)).all()
        assert share.max() > 0.0


@pytest.mark.draws
def test_table_of_draws_names_its_group(strength):
    table = summarise(response_probability(strength, patients="population", by="naive"))
    assert isinstance(table, pd.DataFrame)
    assert list(table["naive"]) == [False, True]


@pytest.mark.draws
def test_fewer_draws_than_parameters_are_not_taken_for_correlations():
    """With nutpie's own regularisation a chain finds 76 correlated directions, of which 6 exist."""
    n, rng = 200, np.random.default_rng(1)
    loadings = 0.3 * rng.normal(size=(n, 6))
    loadings[:9] *= 3.0
    inner = np.linalg.inv(np.eye(6) + loadings.T @ loadings)

    def normal(point):
        slope = loadings @ (inner @ (loadings.T @ point)) - point
        return 0.5 * float(point @ slope), slope

    program = from_pyfunc(
        ndim=n,
        make_logp_fn=lambda: normal,
        make_expand_fn=lambda *seeds: lambda point: {"point": point},
        make_initial_point_fn=lambda seed: np.random.default_rng(seed).normal(size=n),
        expanded_dtypes=[np.dtype("float64")],
        expanded_shapes=[(n,)],
        expanded_names=["point"],
    )
    lengths = {"chains": 8, "draws": 50, "tune": 100, "seed": 4}
    lengths["seed"] += 7919 * SEED_SHIFT  # this fit is none of the package's
    trace = nutpie.sample(program, **lengths, **ADAPTATION, save_warmup=True, progress_bar=False)
    # Two or three directions a correlation: it shows in the draws and in their gradients. Of 128
    # chains 5 had 14, none more, and one more is 12 times as rare: 19 in fewer than one in 10^6.
    assert trace["warmup_sample_stats"]["num_eigenvalues"].max() <= 18
    assert not trace["sample_stats"]["diverging"].any()
