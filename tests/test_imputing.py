"""Missing covariates: what is filled in is what others have, and effects survive it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.api import Logit
from statsmodels.imputation.mice import MICEData

from mmn_bayes.data.reading import make_cohort
from mmn_bayes.data.response import judged_patients, visit_pair
from mmn_bayes.errors import CohortWarning, DataError
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.predictors import observed_imputation
from mmn_bayes.predictors.observed_imputation import (
    complete_cases,
    impute_cohorts,
    missing_covariates,
    pool_rubin,
)
from mmn_bayes.simulation.cohort import simulate_cohort

PRIOR = {"distribution": "normal", "mean": 0, "sd": 1, "why": "a reason"}
STEPS = {"distribution": "dirichlet", "concentration": [1, 1], "why": "a reason"}
AGE = {"column": "age", "kind": "number", "centre": 45, "per": 10}
ANTIBODY = {"column": "antibody", "kind": "yes_no"}
ATROPHY = {"column": "atrophy", "kind": "ordered", "levels": ["none", "some", "much"]}
ATROPHY["steps"] = STEPS
ARM = {"column": "arm", "kind": "category", "levels": ["right", "left"]}
CENTRE = {"column": "centre", "kind": "category", "levels": ["A", "B", "C"]}
ALL = {"age": AGE, "antibody": ANTIBODY, "arm": ARM, "atrophy": ATROPHY}


@pytest.fixture(scope="module")
def spec_of(models):
    """A model of response with some predictors."""

    def make(**predictors):
        content = read_model(models / "candidates_response.toml").resolved
        content["predictor"] = {
            name: {"acts_on": "response", "prior": PRIOR, **table}
            for name, table in predictors.items()
        }
        return parse_model(content, "some")

    return make


def graded(patients, response, *, seed, synthetic=True):
    """A cohort of patients with five muscles, of which two gain a grade in those who respond."""
    rng = np.random.default_rng(seed)
    names = [f"P{number:04d}" for number in range(len(response))]
    first = rng.integers(1, 4, size=(len(names), 4))
    gain = np.column_stack([response, response, *rng.integers(-1, 1, size=(2, len(names)))])
    # A cohort without a normal muscle would be odd.
    first, gain = (np.pad(each, [(0, 0), (0, 1)]) for each in (first, gain))
    first[:, -1] = 5
    rows = [
        {"patient": name, "day": day, "muscle": f"m{muscle}", "side": "left", "grade": str(code)}
        for name, before, after in zip(names, first, first + gain, strict=True)
        for day, codes in ((0, before), (182, after))
        for muscle, code in enumerate(codes)
    ]
    table = pd.DataFrame({"patient": names, "naive": rng.random(len(names)) < 0.4, **patients})
    return make_cohort(table, pd.DataFrame(rows), title="Some", synthetic=synthetic)


def complete(n, *, seed):
    """A cohort with a predictor of each kind and nothing missing."""
    rng = np.random.default_rng(seed)
    columns = {
        "age": rng.normal(50, 12, n).round(1),
        "antibody": pd.array(rng.random(n) < 0.4, dtype="boolean"),
        "arm": rng.choice(["left", "right"], n),
        "atrophy": rng.choice(["none", "some", "much"], n),
        "centre": rng.choice(["A", "B", "C"], n),
        "note": rng.choice(["x", "y"], n),
    }
    return graded(columns, rng.random(n) < 0.6, seed=seed + 1)


def blanked(cohort, columns, share, *, seed):
    """The cohort without some of the values of some columns."""
    rng, patients = np.random.default_rng(seed), cohort.patients.copy()
    for name in columns:
        patients.loc[rng.random(len(patients)) < share, name] = None
    return replace(cohort, patients=patients)


@pytest.fixture(scope="module")
def whole():
    return complete(80, seed=1)


@pytest.fixture(scope="module")
def gaps(whole):
    return blanked(whole, [*ALL, "note"], 0.2, seed=3)


@pytest.fixture(scope="module")
def sets(gaps, spec_of):
    return impute_cohorts(gaps, spec_of(**ALL), n_sets=4, seed=5)


# --- what is filled in ---------------------------------------------------------------------------


def test_only_blanks_of_the_model_are_filled_in_with_what_others_have(gaps, sets):
    before = gaps.patients
    for number, one in enumerate(sets, start=1):
        assert one.title == f"Some, imputed set {number} of 4"
        assert one.synthetic is True
        assert one.grades is gaps.grades
        after = one.patients
        assert after.dtypes.equals(before.dtypes)
        assert list(after) == list(before)
        for name in ALL:
            blank = before[name].isna()
            assert blank.sum() > 5
            assert after[name].notna().all()
            assert after.loc[~blank, name].equals(before.loc[~blank, name])
            assert set(after.loc[blank, name]) <= set(before[name].dropna())
        for name in ("patient", "naive", "centre", "note"):
            assert after[name].equals(before[name])
    blank = before["age"].isna()
    assert len({tuple(one.patients.loc[blank, "age"]) for one in sets}) == 4


def test_a_real_cohort_stays_real(spec_of):
    cohort = graded({"age": [np.nan, *np.arange(30.0, 59.0)]}, np.arange(30) % 2 == 0, seed=1)
    one, _ = impute_cohorts(replace(cohort, synthetic=False), spec_of(age=AGE), n_sets=2, seed=1)
    assert one.synthetic is False


def test_the_seed_and_the_number_of_the_set_decide(gaps, sets, spec_of):
    spec = spec_of(**ALL)
    again = impute_cohorts(gaps, spec, n_sets=2, seed=5)
    for one, other in zip(again, sets, strict=False):
        assert one.patients.equals(other.patients)
    assert not impute_cohorts(gaps, spec, n_sets=2, seed=6)[0].patients.equals(sets[0].patients)


def test_the_global_generator_of_numpy_is_left_alone(gaps, sets, spec_of):
    np.random.seed(3)  # noqa: NPY002 -- that it does not matter is what is tested
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    one, _ = impute_cohorts(gaps, spec_of(**ALL), n_sets=2, seed=5)
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    assert one.patients.equals(sets[0].patients)
    assert (before["state"]["key"] == after["state"]["key"]).all()
    assert before["state"]["pos"] == after["state"]["pos"]


def test_the_regressions_are_those_of_statsmodels_by_formula():
    rng = np.random.default_rng(1)
    numbers = pd.DataFrame(rng.normal(size=(40, 3)), columns=["a", "b", "c"])
    numbers["c"] += numbers["a"]
    numbers = numbers.mask(rng.random((40, 3)) < [0.0, 0.2, 0.3])
    regressors = {"b": ["a", "c"], "c": ["a"]}
    chain = observed_imputation._Chain(numbers, regressors, np.random.default_rng(2))
    theirs = MICEData(numbers, perturbation_method="boot", rng=np.random.default_rng(2))
    for name, others in regressors.items():
        theirs.set_imputer(name, " + ".join(others), k_pmm=observed_imputation.NEAREST)
    for each in (chain, theirs):
        each.update_all(3)
    assert chain.data.equals(theirs.data)


def test_a_constant_column_and_two_that_are_one_do_no_harm(whole, spec_of):
    rng = np.random.default_rng(4)
    table = whole.patients.assign(naive=True, years=12 * whole.patients["age"], same="left")
    table.loc[rng.random(80) < 0.2, "age"] = np.nan
    table.loc[rng.random(80) < 0.3, "years"] = np.nan
    table.loc[rng.random(80) < 0.3, "antibody"] = pd.NA
    table.loc[:3, "same"] = None
    # Nobody knows anything of the first patient, not even whether there was a response.
    table.loc[0, ["age", "years", "antibody"]] = None
    grades = whole.grades[whole.grades["patient"] != "P0000"].reset_index(drop=True)
    cohort = replace(whole, patients=table, grades=grades)
    years, same = AGE | {"column": "years"}, ARM | {"column": "same"}
    spec = spec_of(age=AGE, years=years, antibody=ANTIBODY, same=same)
    found = impute_cohorts(cohort, spec, n_sets=8, seed=1)
    for one in found:
        assert one.patients[["age", "years", "antibody", "same"]].notna().all(axis=None)
        assert (one.patients["same"] == "left").all()
    # Whoever has one of the two columns tells the other, to the next patients.
    known = table["age"].notna() & table["years"].isna()
    off = [
        (one.patients["years"] / 12 - one.patients["age"])[known].abs().median() for one in found
    ]
    assert np.mean(off) < 3
    # Whoever has neither still differs from set to set.
    assert len({one.patients["age"][0] for one in found}) > 3


def test_a_category_helps_when_it_is_complete_and_is_refused_when_not(whole, gaps, spec_of):
    spec = spec_of(age=AGE, centre=CENTRE)
    one, _ = impute_cohorts(gaps, spec, n_sets=2, seed=1)
    assert one.patients["age"].notna().all()
    with pytest.raises(DataError, match=r"'centre' is blank for .* 3 levels have no") as said:
        impute_cohorts(blanked(whole, ["centre"], 0.2, seed=1), spec, n_sets=2, seed=1)
    assert len(said.value.defects) == 1
    assert 'such as "unknown", make yes/no columns of it, or use `complete_cases`' in str(
        said.value
    )


def test_values_that_depend_on_others_are_filled_in_from_them(spec_of):
    rng = np.random.default_rng(8)
    n = 300
    age = rng.normal(50, 12, n).round(1)
    atrophy = np.array(["none", "some", "much"])[np.searchsorted([44.0, 56.0], age)]
    cohort = graded({"age": age, "atrophy": atrophy}, rng.random(n) < 0.5, seed=9)
    gaps = blanked(cohort, ["atrophy"], 0.3, seed=1)
    blank = gaps.patients["atrophy"].isna()
    one, _ = impute_cohorts(gaps, spec_of(age=AGE, atrophy=ATROPHY), n_sets=2, seed=1)
    assert (one.patients["atrophy"] == atrophy)[blank].mean() > 0.75


# --- effects -------------------------------------------------------------------------------------


def log_odds(cohort, spec):
    """Effect of a year of age on the log odds of response, and its variance."""
    response = judged_patients(cohort, visit_pair(cohort, spec), spec)["response"]
    exog = np.column_stack([np.ones(len(response)), cohort.patients["age"]])
    result = Logit(response.to_numpy(dtype=float), exog).fit(disp=0)
    return result.params[1], result.cov_params()[1, 1]


def test_effects_survive_where_the_outcome_is_used_and_not_else(spec_of, monkeypatch):
    spec, rng = spec_of(age=AGE), np.random.default_rng(1)
    age = rng.normal(0, 1, 1500).round(3)
    cohort = graded({"age": age}, rng.random(1500) < 1 / (1 + np.exp(-1.2 * age)), seed=2)
    truth, _ = log_odds(cohort, spec)
    gaps = blanked(cohort, ["age"], 0.3, seed=3)
    blank = gaps.patients["age"].isna()

    def pooled():
        sets = impute_cohorts(gaps, spec, n_sets=20, seed=4)
        drawn = np.array([one.patients.loc[blank, "age"] for one in sets])
        assert drawn.mean() == pytest.approx(age[blank].mean(), abs=0.15)
        assert drawn.std() == pytest.approx(age[blank].std(), rel=0.15)
        estimates, variances = zip(*(log_odds(one, spec) for one in sets), strict=True)
        found = pool_rubin(estimates, variances).iloc[0]
        return found["estimate"], 3 * np.sqrt(1.05 * found["between"]), found["share"]

    estimate, error, share = pooled()
    assert estimate == pytest.approx(truth, abs=error)
    assert 0.1 < share < 0.5
    # The outcome of somebody else is none; the effect is that of 70 % of the patients.
    outcome = observed_imputation._outcome

    def of_others(cohort, spec):
        return outcome(cohort, spec).sample(frac=1, random_state=1).reset_index(drop=True)

    monkeypatch.setattr(observed_imputation, "_outcome", of_others)
    estimate, error, _ = pooled()
    assert estimate < 0.85 * truth
    assert estimate < truth - error


# --- what cannot be filled in --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("age", np.nan, "'age' is missing for every patient"),
        ("age", "old", "'age' does not hold numbers, as predictor.age says"),
        ("antibody", 2.0, "'antibody' does not hold yes or no"),
        ("atrophy", "severe", "'atrophy' has 'severe' .*, which is none of predictor.atrophy.lev"),
        ("age", [40.0, 50.0, *[np.nan] * 78], "'age' is recorded for 2 patients, too few for"),
    ],
)
def test_what_cannot_be_filled_in_is_refused_with_its_reason(gaps, spec_of, column, values, words):
    cohort = replace(gaps, patients=gaps.patients.assign(**{column: values}))
    with pytest.raises(DataError, match=words):
        impute_cohorts(cohort, spec_of(**ALL), n_sets=2, seed=1)


def test_without_any_outcome_nothing_is_filled_in(gaps, spec_of):
    late = replace(gaps, grades=gaps.grades.assign(day=gaps.grades["day"] + 1000.0))
    with pytest.raises(DataError, match="without the outcome effects would be drawn towards 0"):
        impute_cohorts(late, spec_of(**ALL), n_sets=2, seed=1)


def test_arguments_that_make_no_sense_are_refused(whole, gaps, spec_of):
    spec = spec_of(**ALL)
    with pytest.raises(ValueError, match="n_sets is 1"):
        impute_cohorts(gaps, spec, n_sets=1, seed=1)
    with pytest.raises(ValueError, match="cycles is 0"):
        impute_cohorts(gaps, spec, seed=1, cycles=0)
    with pytest.raises(ValueError, match="missing for anybody; fit the cohort itself") as said:
        impute_cohorts(whole, spec, seed=1)
    assert not isinstance(said.value, DataError)


# --- complete cases ------------------------------------------------------------------------------


def test_complete_cases_are_counted_and_kept(gaps, spec_of):
    spec, table = spec_of(**ALL), gaps.patients
    kept, counts = complete_cases(gaps, spec)
    lost = table[list(ALL)].isna()
    assert counts["column"].tolist() == [*ALL, "any"]
    assert counts["n_missing"].tolist() == [*lost.sum(), lost.any(axis=1).sum()]
    assert (counts["n_missing"] + counts["n_left"] == 80).all()
    assert (counts["n_patients"] == 80).all()
    assert counts["synthetic"].all()
    assert counts.equals(missing_covariates(gaps, spec))
    n_left = counts["n_left"].iloc[-1]
    assert 0 < n_left < 80
    stay = table.loc[~lost.any(axis=1), "patient"].tolist()
    assert kept.patients["patient"].tolist() == stay
    assert set(kept.grades["patient"]) == set(stay)
    assert kept.title == f"Some, the {n_left} of 80 patients with every covariate"
    # What the model does not use may be blank.
    assert kept.patients["note"].isna().any()


def test_complete_cases_of_a_whole_cohort_are_the_cohort(whole, spec_of):
    kept, counts = complete_cases(whole, spec_of(**ALL))
    assert kept is whole
    assert counts["n_missing"].eq(0).all()


def test_one_column_of_two_predictors_counts_once(models):
    cohort = simulate_cohort(12, seed=1)
    spec = read_model(models / "strength.toml")
    assert [predictor.column for predictor in spec.predictors].count("naive") == 2
    assert missing_covariates(cohort, spec)["column"].tolist() == ["naive", "any"]


def test_nobody_left_and_no_such_column_are_said(whole, spec_of):
    nobody = replace(whole, patients=whole.patients.assign(age=np.nan))
    with pytest.raises(DataError, match="No patient has every covariate") as said:
        complete_cases(nobody, spec_of(**ALL))
    assert said.value.defects[0].startswith("patients: column 'age' is blank for 80 of 80 patients")
    assert len(said.value.defects) == 1
    absent = spec_of(weight=AGE | {"column": "weight"})
    for verb in (complete_cases, missing_covariates):
        with pytest.raises(DataError, match="there is no column 'weight'"):
            verb(whole, absent)
    with pytest.raises(DataError, match="there is no column 'weight'"):
        impute_cohorts(whole, absent, seed=1)


def test_a_column_blank_for_all_as_it_is_read(spec_of):
    with pytest.warns(CohortWarning, match="missing for every patient"):
        cohort = graded({"antibody": pd.array([None] * 20, dtype="boolean")}, [True] * 20, seed=1)
    with pytest.raises(DataError, match="nothing to fill it in from"):
        impute_cohorts(cohort, spec_of(antibody=ANTIBODY), seed=1)


# --- Rubin's rules -------------------------------------------------------------------------------


def test_the_share_between_by_hand():
    # W = 2, B = 1, T = 2 + 4/3, share = (4/3) / (10/3) = 0.4, efficiency 1 / (1 + 0.4 / 3).
    one = pool_rubin([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).iloc[0]
    assert one.to_dict() == pytest.approx(
        {"estimate": 2.0, "within": 2.0, "between": 1.0, "total": 10 / 3, "share": 0.4}
        | {"relative_efficiency": 1 / (1 + 0.4 / 3), "n_sets": 3}
    )


def test_the_share_between_of_several_rows():
    estimates = pd.DataFrame(
        [[1.0, 2.0, 3.0], [5.0, 5.0, 5.0], [0.0, 0.0, 0.0], [1.0, np.nan, 2.0]], index=list("abcd")
    )
    variances = np.array([[1.0, 2.0, 3.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    table = pool_rubin(estimates, variances)
    assert table.index.tolist() == list("abcd")
    assert table["share"].to_numpy() == pytest.approx([0.4, 0.0, np.nan, np.nan], nan_ok=True)
    assert table["relative_efficiency"].iloc[1] == 1.0
    assert table["total"].iloc[2] == 0.0


@pytest.mark.parametrize(
    ("estimates", "variances", "words"),
    [
        ([1.0], [1.0], "1 imputed set tells nothing"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], "have shape"),
        ([1.0, 2.0], [1.0, -2.0], "A variance is negative"),
        (np.ones((2, 2, 2)), np.ones((2, 2, 2)), "have shape"),
    ],
)
def test_sets_that_cannot_be_combined_are_refused(estimates, variances, words):
    with pytest.raises(ValueError, match=words):
        pool_rubin(estimates, variances)
