"""Candidate predictors one at a time: odds ratios of response, and of a higher grade."""

import warnings

import numpy as np
import pandas as pd
import pytest
from firthmodels import FirthLogisticRegression
from scipy.optimize import brentq, minimize
from scipy.special import expit
from scipy.stats import chi2
from statsmodels.genmod.generalized_estimating_equations import OrdinalGEE

from mmn_bayes.data.reading import make_cohort, read_cohort
from mmn_bayes.data.restricting import of_patients
from mmn_bayes.errors import CohortWarning, DataError, SpecError
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.predictors import observed_regressions
from mmn_bayes.predictors.observed import EFFECT_COLUMNS, REGRESSIONS, observed_effects

PRIOR = {"distribution": "normal", "mean": 0, "sd": 1, "why": "a reason"}
YES_NO = {"kind": "yes_no"}
AGE = {"kind": "number", "centre": 45, "per": 10, "unit": "years"}
ARM = {"kind": "category", "levels": ["right", "left", "both"]}
ATROPHY = {
    "kind": "ordered",
    "levels": ["none", "some", "much"],
    "steps": {"distribution": "dirichlet", "concentration": [1, 1], "why": "a reason"},
}
NUMBERS = ["estimate", "lower", "upper", "p_value"]


@pytest.fixture(scope="module")
def spec_of(models):
    """A model with given candidates, and `others` that are none; as candidates_<outcome>.toml."""

    def make(acts_on="response", others=None, **candidates):
        file = "response" if acts_on == "response" else "level"
        content = read_model(models / f"candidates_{file}.toml").resolved
        if acts_on == "slope":
            content["slope"] = {"since": "inclusion", "per_days": 365, "size": PRIOR}
        margin = {"scale": "response", "value": 0.1, "why": "a reason"}
        given = {"acts_on": acts_on, "prior": PRIOR, "margin": margin}
        content["predictor"] = {
            **{name: {"column": name, **given, **table} for name, table in candidates.items()},
            **{name: {"column": name, "prior": PRIOR, **t} for name, t in (others or {}).items()},
        }
        return parse_model(content, "some")

    return make


NAIVE = {"naive": {"kind": "yes_no", "acts_on": "response"}}
NAIVE_LEVEL = {"naive_level": {"column": "naive", "kind": "yes_no", "acts_on": "level"}}
NAIVE_GAIN = {"naive_gain": {"column": "naive", "kind": "yes_no", "acts_on": "gain"}}


def quietly(call, *arguments, **named):
    """Call with a cohort that is odd on purpose, or has patients who are not evaluable."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        return call(*arguments, **named)


def responding(response, **columns):
    """Patients who gain a grade in two muscles, or in none; None has no follow-up."""
    names = [f"P{number:03d}" for number in range(len(response))]
    rows = [
        {"patient": name, "day": day, "muscle": muscle, "side": "left", "grade": grade}
        for name, yes in zip(names, response, strict=True)
        for day, grade in ((0, 3), (182, 4 if yes else 3))[: 1 if yes is None else 2]
        for muscle in ("biceps", "deltoid")
    ]
    table = {"patient": names, "naive": [n % 2 == 0 for n in range(len(names))], **columns}
    return quietly(make_cohort, pd.DataFrame(table), pd.DataFrame(rows), synthetic=True)


def graded(who, day, code, infusions=None, **columns):
    """Patients with a grade a row and a first infusion each; muscles are numbered within a day."""
    names = np.array([f"P{number:03d}" for number in range(len(columns["naive"]))])
    rows = pd.DataFrame({"patient": names[who], "day": day, "side": "left", "grade": code})
    rows["muscle"] = [f"m{n}" for n in rows.groupby(["patient", "day"]).cumcount()]
    given = None
    if infusions:
        given = [(names[own], first, 1.0) for own, first in infusions.items()]
        given = pd.DataFrame(given, columns=["patient", "day", "dose_g_per_kg"])
    patients = pd.DataFrame({"patient": names, **columns})
    return quietly(make_cohort, patients, rows, given, synthetic=True)


def only(table):
    assert len(table) == 1
    return table.iloc[0]


# --- by hand -------------------------------------------------------------------------------------


def penalised(design, response, beta):
    """Log-likelihood of a logistic regression and half the log determinant of its information."""
    p = expit(design @ beta)
    information = (design.T * (p * (1 - p))) @ design
    likelihood = (response * np.log(p) + (1 - response) * np.log1p(-p)).sum()
    return likelihood + np.linalg.slogdet(information)[1] / 2


def by_newton(design, response):
    """Firth's estimate: the root of his modified score."""
    beta = np.zeros(design.shape[1])
    for _ in range(200):
        p = expit(design @ beta)
        weight = p * (1 - p)
        covariance = np.linalg.inv((design.T * weight) @ design)
        leverage = weight * np.einsum("ij,jk,ik->i", design, covariance, design)
        beta = beta + covariance @ design.T @ (response - p + leverage * (0.5 - p))
    return beta


def highest(design, response, place, value):
    """The highest penalised likelihood with one effect at a value, from many starts."""

    def cost(free):
        return -penalised(design, response, np.insert(free, place, value))

    width = design.shape[1] - 1
    starts = [np.zeros(width), *np.random.default_rng(1).normal(size=(6, width)) * 2]
    return max(-minimize(cost, start, method="Nelder-Mead", tol=1e-10).fun for start in starts)


SOME = [1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0, 0, 1, 1, 1, 0, 1]
AGES = [31, 44, 52, 60, 47, 55, 38, 41, 66, 70, 29, 58, 49, 33, 62, 45, 71, 36]
# Two in three naive, so that adjusting matters.
SOME_NAIVE = [number % 3 > 0 for number in range(len(SOME))]


@pytest.fixture(scope="module")
def some():
    return responding(SOME, naive=SOME_NAIVE, age=AGES)


def some_by_hand():
    x = (np.array(AGES) - 45) / 10
    return np.column_stack([np.ones(len(x)), SOME_NAIVE, x]), np.array(SOME)


# --- response ------------------------------------------------------------------------------------


def test_firths_estimate_is_the_root_of_his_score(some, spec_of):
    row = only(observed_effects(some, spec_of(age=AGE, others=NAIVE)))
    assert np.log(row["estimate"]) == pytest.approx(by_newton(*some_by_hand())[2], abs=1e-6)
    assert (row["method"], row["interval"]) == REGRESSIONS["response"][:2]
    assert (row["predictor"], row["effect"], row["acts_on"]) == ("age", "per 10 years", "response")
    assert (row["adjusted_for"], row["note"], row["n"], row["n_left_out"]) == ("naive", "", 18, 0)


def test_without_others_nothing_is_adjusted_for(some, spec_of):
    row = only(observed_effects(some, spec_of(age=AGE)))
    design, response = some_by_hand()
    assert np.log(row["estimate"]) == pytest.approx(by_newton(design[:, [0, 2]], response)[1])
    assert row["adjusted_for"] == ""


@pytest.mark.slow
def test_interval_and_p_value_are_of_the_profile(some, spec_of):
    design, response = some_by_hand()
    peak = penalised(design, response, by_newton(design, response))

    def p_value(value):
        return chi2.sf(2 * (peak - highest(design, response, 2, value)), 1)

    grid = np.linspace(-3, 1, 41)  # beyond it nothing comes back
    on_grid, of_none = np.array([p_value(value) for value in grid]), p_value(0.0)
    for level in (0.8, 0.95):
        row = only(observed_effects(some, spec_of(age=AGE, others=NAIVE), level=level))
        assert row["p_value"] == pytest.approx(of_none, rel=1e-4)
        within = grid[on_grid > 1 - level]
        for limit, end, step in (("lower", within[0], -0.1), ("upper", within[-1], 0.1)):
            found = brentq(lambda v, a=1 - level: p_value(v) - a, end, end + step, xtol=1e-7)
            assert np.log(row[limit]) == pytest.approx(found, abs=1e-4)


def test_separated_responders_have_finite_odds_half_a_patient_added(spec_of):
    # Without others Firth's estimate of two by two counts is that of counts with 1/2 added.
    response = [1] * 6 + [1] * 5 + [0] * 7
    cohort = responding(response, antibody=[True] * 6 + [False] * 12)
    row = only(observed_effects(cohort, spec_of(antibody=YES_NO)))
    assert row["estimate"] == pytest.approx((6.5 / 0.5) / (5.5 / 7.5), rel=1e-6)
    assert 1 < row["lower"] < row["estimate"] < row["upper"] < np.inf
    assert row["note"] == ""


def test_a_limit_where_the_librarys_search_goes_wrong(spec_of):
    ages, naive = np.array([4, 1, 0, 1, 3, 2]), np.array([1, 1, 0, 1, 0, 1])
    response = np.array([1, 0, 0, 0, 1, 1])
    x = np.column_stack([naive, ages])
    model = FirthLogisticRegression(backend="numpy", max_iter=200).fit(x, response)
    design = np.column_stack([np.ones(6), x])
    peak = penalised(design, response, by_newton(design, response))

    def p_value(value):
        return chi2.sf(2 * (peak - highest(design, response, 2, value)), 1)

    one_year = {"kind": "number", "centre": 0, "per": 1}
    cohort = responding(response.tolist(), naive=naive == 1, age=ages)
    row = only(observed_effects(cohort, spec_of(age=one_year, others=NAIVE)))
    assert p_value(np.log(row["lower"])) == pytest.approx(0.05, rel=0.01)
    assert p_value(np.log(row["upper"])) == pytest.approx(0.05, rel=0.03)
    # Or else the limits need no testing any more.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = model.conf_int(method="pl", features=1, max_iter=200, tol=1e-6)[1]
    assert not np.allclose(theirs, np.log([row["lower"], row["upper"]]), atol=0.01)


def test_a_limit_that_is_not_found_is_missing_and_said(some, spec_of, monkeypatch):
    monkeypatch.setattr(observed_regressions, "_limit", lambda *arguments: np.nan)
    row = only(observed_effects(some, spec_of(age=AGE)))
    assert row["note"] == "no lower limit, no upper limit: the search for it failed"
    assert row[["lower", "upper"]].isna().all()
    assert row[["estimate", "p_value"]].notna().all()


def test_a_category_is_a_row_a_level_against_the_first(spec_of):
    arm = ["right", "left", "both", "right", "left", "right"] * 3
    cohort = responding(SOME, arm=arm)
    table = observed_effects(cohort, spec_of(arm=ARM))
    assert list(table["predictor"]) == ["arm: left", "arm: both"]
    assert list(table["effect"]) == ["left against right", "both against right"]
    response = np.array(SOME)
    yes = {own: 0.5 + response[np.array(arm) == own].sum() for own in set(arm)}
    no = {own: 0.5 + (1 - response)[np.array(arm) == own].sum() for own in set(arm)}
    for row in table.itertuples():
        own = row.predictor.removeprefix("arm: ")
        assert row.estimate == pytest.approx(yes[own] / no[own] / (yes["right"] / no["right"]))


def test_ordered_levels_are_equal_steps_and_the_effect_is_of_the_last(spec_of):
    place = [0, 1, 2, 0, 2, 1] * 3
    cohort = responding(SOME, atrophy=[ATROPHY["levels"][k] for k in place], place=place)
    as_number = {"kind": "number", "centre": 1, "per": 2}
    table = observed_effects(cohort, spec_of(atrophy=ATROPHY, place=as_number))
    assert list(table["effect"]) == ["much against none", "per 2"]
    assert table.loc[0, NUMBERS].tolist() == pytest.approx(table.loc[1, NUMBERS].tolist())


def test_a_number_in_other_units_has_the_power_of_its_odds(some, spec_of):
    ten = only(observed_effects(some, spec_of(age=AGE)))
    one = only(observed_effects(some, spec_of(age={**AGE, "centre": 0, "per": 1})))
    for name in ("estimate", "lower", "upper"):
        assert ten[name] == pytest.approx(one[name] ** 10, rel=1e-5)
    assert ten["p_value"] == pytest.approx(one["p_value"])


def test_each_candidate_is_alone_so_that_two_of_a_kind_are_the_same(spec_of):
    antibody = [True, False, False, True, False, True] * 3
    cohort = responding(SOME, first=antibody, second=antibody)
    table = observed_effects(cohort, spec_of(first=YES_NO, second=YES_NO, others=NAIVE))
    same = [name for name in EFFECT_COLUMNS if name not in ("predictor", "p_holm")]
    pd.testing.assert_frame_equal(table.loc[[0], same], table.loc[[1], same].reset_index(drop=True))
    assert table[NUMBERS].notna().all(axis=None)
    assert table["p_holm"].tolist() == pytest.approx([min(1.0, 2 * table.loc[0, "p_value"])] * 2)


def test_holm_is_over_the_rows_with_a_p_value(spec_of):
    cohort = responding(
        SOME,
        age=AGES,
        antibody=[True] * 9 + [False] * 9,
        arm=["right", "left", "both"] * 6,
        male=[True] * 18,
    )
    spec = spec_of(age=AGE, antibody=YES_NO, arm=ARM, male=YES_NO)
    table = observed_effects(cohort, spec).set_index("predictor")
    p_value = table["p_value"].dropna().sort_values()
    assert len(p_value) == 4
    expected = np.minimum(1, np.maximum.accumulate(p_value * [4, 3, 2, 1]))
    assert table["p_holm"].dropna()[p_value.index].tolist() == pytest.approx(expected.tolist())
    assert np.isnan(table.loc["male", "p_holm"])


# --- what is missing, and what cannot be estimated -----------------------------------------------


def test_patients_without_covariate_or_response_are_counted(spec_of):
    response = [None, None, *SOME[2:]]
    age = [50.0, np.nan, np.nan, np.nan, *AGES[4:]]
    cohort = responding(response, age=age, duration=[1.0] * 4 + [np.nan] + [2.0, 3.0] * 6 + [4.0])
    years = {"kind": "number", "centre": 0, "per": 1}
    others = {"duration": {**years, "acts_on": "response"}}
    with pytest.warns(CohortWarning, match="2 of 18 patients are not evaluable"):
        alone = only(observed_effects(cohort, spec_of(age=AGE)))
    adjusted = only(quietly(observed_effects, cohort, spec_of(age=AGE, others=others)))
    assert (alone["n"], alone["n_left_out"]) == (14, 4)
    assert (adjusted["n"], adjusted["n_left_out"]) == (13, 5)
    assert adjusted["adjusted_for"] == "duration"
    design = np.column_stack([np.ones(14), (np.array(AGES[4:]) - 45) / 10])
    expected = by_newton(design, np.array(SOME[4:]))[1]
    assert np.log(alone["estimate"]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("response", "column", "note"),
    [
        (SOME, [True] * 18, "constant: yes in every patient used"),
        (SOME, [True] * 10 + [None] * 8, "constant: yes in every patient used"),
        ([1] * 18, [True, False] * 9, "every patient used responded"),
        ([0] * 18, [True, False] * 9, "every patient used did not respond"),
        (SOME, [None] * 18, "no patient has both the covariate and a response"),
        (SOME, [n % 2 == 0 for n in range(18)], "collinear with naive in those used"),
        (SOME, [n % 2 == 1 for n in range(18)], "collinear with naive in those used"),
    ],
)
def test_what_cannot_be_estimated_says_why(response, column, note, spec_of):
    cohort = responding(response, male=pd.array(column, dtype="boolean"))
    row = only(observed_effects(cohort, spec_of(male=YES_NO, others=NAIVE)))
    assert row["note"] == note
    assert row[[*NUMBERS, "p_holm"]].isna().all()
    assert row["n"] == pd.Series(column).notna().sum()
    assert row["n"] + row["n_left_out"] == 18


def test_levels_that_nobody_has(spec_of):
    two = responding(SOME, arm=["right", "left", "left"] * 6)
    table = observed_effects(two, spec_of(arm=ARM)).set_index("predictor")
    assert table["note"].to_dict() == {
        "arm: left": "",
        "arm: both": "no patient used has this level",
    }
    assert table["estimate"].notna().tolist() == [True, False]
    assert table.loc["arm: left", "p_holm"] == table.loc["arm: left", "p_value"]
    without_first = responding(SOME, arm=["both", "left", "left"] * 6)
    table = observed_effects(without_first, spec_of(arm=ARM))
    assert set(table["note"]) == {"no patient used is 'right', which the others are compared with"}


def test_an_other_that_does_not_vary_is_not_adjusted_for(some, spec_of):
    others = {**NAIVE, "male": {"kind": "yes_no", "acts_on": "response"}}
    cohort = responding(SOME, naive=SOME_NAIVE, age=AGES, male=[True] * 18)
    row = only(observed_effects(cohort, spec_of(age=AGE, others=others)))
    alone = only(observed_effects(some, spec_of(age=AGE, others=NAIVE)))
    assert row["adjusted_for"] == "naive"
    assert row["estimate"] == pytest.approx(alone["estimate"])


def test_what_the_cohort_does_not_have_is_refused_at_once(some, spec_of):
    spec = spec_of(age={**AGE, "column": "years"}, naive=ARM, second={**YES_NO, "column": "age"})
    with pytest.raises(DataError) as caught:
        observed_effects(some, spec)
    said = caught.value.defects
    assert len(said) == 4
    assert any("there is no column 'years', which predictor.age asks for" in each for each in said)
    assert any("column 'age' does not hold yes or no" in each for each in said)
    levels = [each for each in said if "which is none of predictor.naive.levels" in each]
    assert any("has 'no' (" in each for each in levels)
    with pytest.raises(DataError, match="column 'naive' does not hold numbers"):
        observed_effects(some, spec_of(age={**AGE, "column": "naive"}))


def test_models_of_events_and_illegal_levels_are_refused(some, models, spec_of):
    with pytest.raises(SpecError, match="outcome 'events'"):
        observed_effects(some, read_model(models / "historical_response.toml"))
    with pytest.raises(ValueError, match="level"):
        observed_effects(some, spec_of(age=AGE), level=1)


@pytest.mark.parametrize("file", ["response", "strength"])
def test_without_candidates_there_are_no_rows(some, models, file):
    table = observed_effects(some, read_model(models / f"{file}.toml"))
    assert table.empty
    assert tuple(table.columns) == EFFECT_COLUMNS


# --- grades --------------------------------------------------------------------------------------

TRUE = 0.8
CUTS = np.array([-2.0, -0.5, 0.5, 1.5, 2.5])


def simulated(acts_on, n_patients=300, seed=3):
    """Independent grades of the marginal model itself, two muscles at five visits."""
    rng = np.random.default_rng(seed)
    naive, yes = rng.random(n_patients) < 0.5, rng.random(n_patients) < 0.4
    who = np.repeat(np.arange(n_patients), 10)
    day = np.tile(np.repeat([-200.0, 0.0, 100.0, 400.0, 800.0], 2), n_patients)
    first = np.where(rng.random(n_patients) < 0.8, rng.choice([0.0, 50.0, 300.0], n_patients), 1e9)
    after = (day > first[who]).astype(float)
    grows = {"level": 1.0, "gain": after, "slope": day / 365.25}[acts_on]
    eta = 0.6 * naive[who] - 0.5 * naive[who] * after + 0.4 * after + TRUE * yes[who] * grows
    code = (eta + rng.logistic(size=eta.size) > CUTS[:, None]).sum(axis=0)
    infusions = {number: start for number, start in enumerate(first) if start < 1e9}
    return graded(who, day, code, infusions, naive=naive, antibody=yes)


@pytest.mark.parametrize(
    ("acts_on", "beside"),
    [
        ("level", "after, naive, naive x after"),
        ("gain", "after, naive, naive x after"),
        ("slope", "after, years, naive, naive x after"),
    ],
)
def test_the_odds_of_a_higher_grade_are_recovered(acts_on, beside, spec_of):
    spec = spec_of(acts_on, others={**NAIVE_LEVEL, **NAIVE_GAIN}, antibody=YES_NO)
    row = only(observed_effects(simulated(acts_on), spec))
    error = np.log(row["upper"] / row["lower"]) / 2 / 1.959964
    assert abs(np.log(row["estimate"]) - TRUE) < 4 * error
    assert error < 0.2
    assert np.sqrt(row["lower"] * row["upper"]) == pytest.approx(row["estimate"])
    assert row["adjusted_for"] == beside
    assert (row["method"], row["interval"]) == REGRESSIONS["grade"][:2]
    assert row["one_grade"] == pytest.approx(np.diff(CUTS).mean(), rel=0.1)
    assert (row["acts_on"], row["n"], row["n_left_out"], row["note"]) == (acts_on, 300, 0, "")


def few(seed=5, n_patients=12, **columns):
    """Dependent grades of few patients; nobody has grade 1, and numbers of visits differ."""
    rng = np.random.default_rng(seed)
    visits = rng.integers(1, 4, n_patients)
    who = np.repeat(np.arange(n_patients), visits * 8)
    day = np.concatenate([np.repeat(100.0 * np.arange(v), 8) for v in visits])
    eta = rng.normal(size=n_patients)[who] * 1.5 + 0.002 * day
    code = np.array([0, 2, 3, 4, 5])[
        (eta + rng.logistic(size=eta.size) > np.array([-2, -1, 0.5, 1.5])[:, None]).sum(axis=0)
    ]
    given = {"naive": rng.random(n_patients) < 0.5, **columns}
    return graded(who, day, code, dict.fromkeys(range(n_patients), 0.0), **given)


def test_interval_is_that_of_statsmodels_bias_reduced_sandwich(spec_of):
    antibody = [True, False, False] * 4
    cohort = few(antibody=antibody)
    row = only(observed_effects(cohort, spec_of("gain", antibody=YES_NO)))
    who = cohort.grades["patient"].str[1:].astype(int).to_numpy()
    after = (cohort.grades["day"] > 0).to_numpy(dtype=float)
    x = np.array(antibody, dtype=float)[who]
    model = OrdinalGEE(
        cohort.grades["grade"].astype(int).to_numpy(), np.column_stack([x, after, x * after]), who
    )
    fitted = model.fit(cov_type="bias_reduced")
    estimate, error = np.asarray(fitted.params)[-1], np.asarray(fitted.bse)[-1]
    expected = np.exp(estimate + 1.959964 * error * np.array([0, -1, 1]))
    assert row[["estimate", "lower", "upper"]].tolist() == pytest.approx(expected, rel=1e-5)
    assert row["p_value"] == pytest.approx(np.asarray(fitted.pvalues)[-1], rel=1e-4)
    narrow = only(observed_effects(cohort, spec_of("gain", antibody=YES_NO), level=0.5))
    assert row["lower"] < narrow["lower"] < narrow["upper"] < row["upper"]


def test_grades_of_a_category_and_ordered_levels(spec_of):
    place = [0, 1, 2] * 4
    cohort = few(
        arm=[ARM["levels"][k] for k in place],
        atrophy=[ATROPHY["levels"][k] for k in place],
        place=place,
        left=[k == 1 for k in place],
        both=[k == 2 for k in place],
    )
    as_number = {"kind": "number", "centre": 0, "per": 2}
    # A level beside the other is what the columns of a category are.
    others = {"both": {"kind": "yes_no", "acts_on": "level"}}
    table = observed_effects(
        cohort, spec_of("level", arm=ARM, atrophy=ATROPHY, place=as_number)
    ).set_index("predictor")
    beside = only(observed_effects(cohort, spec_of("level", others=others, left=YES_NO)))
    numbers = [*NUMBERS, "one_grade"]
    ordered, number = (table.loc[name, numbers].tolist() for name in ("atrophy", "place"))
    assert ordered == pytest.approx(number, rel=1e-6)
    assert table.loc["arm: left", numbers].tolist() == pytest.approx(beside[numbers], rel=1e-6)
    assert set(table["adjusted_for"]) == {"after"}


def test_what_follows_from_the_others_is_left_out_of_them(spec_of):
    # Previously treated patients have been infused before, naive ones are from day 0 on.
    naive = np.array([True, False] * 6)
    cohort = few(naive=naive, antibody=[True, False, False] * 4)
    early = cohort.infusions.assign(day=np.where(naive, 0.0, -500.0))
    early = quietly(make_cohort, cohort.patients, cohort.grades, early, synthetic=True)
    others = {**NAIVE_LEVEL, **NAIVE_GAIN}
    row = only(observed_effects(early, spec_of("level", others=others, antibody=YES_NO)))
    assert row["adjusted_for"] == "after, naive"
    assert row["note"] == ""
    gain = {**YES_NO, "column": "naive"}
    row = only(observed_effects(early, spec_of("gain", others=NAIVE_LEVEL, of_naive=gain)))
    assert row["note"].startswith("collinear with")


def test_grades_that_nothing_can_be_told_from(spec_of):
    def note(cohort, acts_on="level", **candidate):
        row = only(observed_effects(cohort, spec_of(acts_on, **(candidate or {"male": YES_NO}))))
        assert row[NUMBERS].isna().all()
        return row["note"]

    male = [True, False] * 6
    cohort = few(male=male, twin=male, sure=[True] * 12)
    assert note(cohort, sure=YES_NO) == "constant: yes in every patient used"
    never = quietly(make_cohort, cohort.patients, cohort.grades, synthetic=True)
    assert note(never, "gain") == "'after' is 0 at every visit used"
    assert only(observed_effects(never, spec_of("level", male=YES_NO)))["adjusted_for"] == ""
    said = note(cohort, "wearing_off")
    assert said == "a regression of grades has no effect on how fast that of infusions wears off"
    alike = cohort.grades.assign(grade="4")
    alike = quietly(make_cohort, cohort.patients, alike, synthetic=True)
    assert note(alike) == "every grade used is 4"
    others = {"twin": {"kind": "yes_no", "acts_on": "level"}}
    row = only(observed_effects(cohort, spec_of("level", others=others, male=YES_NO)))
    assert row["note"] == "collinear with after, twin in those used"
    best = cohort.grades["patient"].isin(cohort.patients.loc[male, "patient"])
    grades = cohort.grades.assign(grade=cohort.grades["grade"].astype(str).mask(best, "5"))
    separated = quietly(make_cohort, cohort.patients, grades, synthetic=True)
    assert note(separated).startswith("separated: the estimate is infinite")


def test_what_one_patient_alone_tells_has_no_interval(spec_of):
    arm = ["left", *["right", "both"] * 5, "right"]
    table = observed_effects(few(arm=arm), spec_of("level", arm=ARM)).set_index("predictor")
    alone, other = table.loc["arm: left"], table.loc["arm: both"]
    assert alone["note"] == "no interval: only row position 0 of cohort.patients tells of it"
    assert np.isfinite(alone["estimate"])
    assert alone[["lower", "upper", "p_value", "p_holm"]].isna().all()
    assert other[[*NUMBERS, "p_holm"]].notna().all()
    assert other["lower"] < other["estimate"] < other["upper"]


def test_grades_of_patients_without_the_covariate_are_left_out(spec_of):
    male = pd.array([None, True, False] * 4, dtype="boolean")
    cohort = few(male=male)
    row = only(observed_effects(cohort, spec_of("level", male=YES_NO)))
    assert (row["n"], row["n_left_out"]) == (8, 4)
    kept = cohort.patients.loc[cohort.patients["male"].notna(), "patient"]
    alone = quietly(of_patients, cohort, kept)
    again = only(observed_effects(alone, spec_of("level", male=YES_NO)))
    assert again[NUMBERS].tolist() == pytest.approx(row[NUMBERS].tolist())


# --- words, and the cohort of the reproduction ---------------------------------------------------


def test_labels_and_meanings(spec_of):
    number = {"kind": "number", "centre": 0, "per": 0.5}
    spec = spec_of(age=AGE, arm=ARM, atrophy=ATROPHY, male=YES_NO, number=number)
    said = {label: p.meaning(label) for p in spec.candidates for label in p.labels}
    assert said == {
        "age": "per 10 years",
        "arm: left": "left against right",
        "arm: both": "both against right",
        "atrophy": "much against none",
        "male": "yes against no",
        "number": "per 0.5",
    }


@pytest.mark.parametrize("file", ["candidates_response", "candidates_gain", "candidates_level"])
def test_the_cohort_of_the_reproduction(models, file):
    cohort = read_cohort(models.parent / "data" / "leger2008_cohort")
    spec = read_model(models / f"{file}.toml")
    table = quietly(observed_effects, cohort, spec)
    assert tuple(table.columns) == EFFECT_COLUMNS
    assert list(table["predictor"]) == [p.name for p in spec.candidates]
    assert set(table["note"]) == {""}
    assert table["synthetic"].eq(cohort.synthetic).all()
    assert (table["n"] + table["n_left_out"] == 40).all()
    assert (table["lower"] < table["estimate"]).all()
    assert (table["estimate"] < table["upper"]).all()
    assert (table["p_value"] <= table["p_holm"]).all()
    numbers = ["estimate", "lower", "upper", "level", "one_grade", "p_value", "p_holm"]
    assert set(table[numbers].dtypes.astype(str)) == {"float64"}
    assert set(table[["n", "n_left_out"]].dtypes.astype(str)) == {"int64"}
