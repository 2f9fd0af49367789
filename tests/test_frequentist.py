from math import comb, sqrt
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import MonteCarloMethod, beta, binom, chi2, fisher_exact, norm

from mmn_bayes.data.response import ResponseRule
from mmn_bayes.data.schema import DEFAULT_SCALE, Cohort
from mmn_bayes.errors import CohortWarning
from mmn_bayes.outcomes.observed_rates import exact_test, rate_interval, rates
from mmn_bayes.outcomes.response.observed import observed_response
from mmn_bayes.predictors.observed_univariable import univariable_tests

METHODS = ["clopper-pearson", "wilson", "jeffreys", "agresti-coull", "mid-p"]
COUNTS = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
LEVELS = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99])

# No deadline: a busy machine is not a defect. Fewer examples where each makes several tables.
some_examples = settings(deadline=None, max_examples=60)
few_examples = settings(deadline=None, max_examples=25)


def frames(response, **columns):
    """Responses and patients of as many patients as there are responses."""
    names = [f"P{number:03d}" for number in range(len(response))]
    responses = pd.DataFrame({"patient": names, "response": pd.array(response, dtype="boolean")})
    return responses, pd.DataFrame({"patient": names, **columns})


# --- intervals -----------------------------------------------------------------------------------


def test_clopper_pearson_of_14_in_20_is_the_beta_quantiles():
    interval = rate_interval(14, 20, method="clopper-pearson", level=0.95)
    assert interval == pytest.approx((0.4572108, 0.8810684), abs=5e-8)
    assert interval == pytest.approx((beta.ppf(0.025, 14, 7), beta.ppf(0.975, 15, 6)), rel=1e-12)
    lower, upper = interval
    assert binom.sf(13, 20, lower) == pytest.approx(0.025)
    assert binom.cdf(14, 20, upper) == pytest.approx(0.025)


@some_examples
@given(COUNTS, LEVELS)
def test_wilson_solves_its_quadratic(counts, level):
    events, n = counts
    for limit in rate_interval(events, n, method="wilson", level=level):
        z_squared = norm.ppf((1 + level) / 2) ** 2
        gap = n * (events / n - limit) ** 2 - z_squared * limit * (1 - limit)
        assert gap == pytest.approx(0, abs=1e-9)


def test_jeffreys_is_the_equal_tailed_interval_of_its_beta_and_agresti_coull_its_formula():
    assert rate_interval(14, 20, method="jeffreys", level=0.9) == pytest.approx(
        tuple(beta.ppf([0.05, 0.95], 14.5, 6.5)), rel=1e-10
    )
    z = norm.ppf(0.95)
    n = 20 + z**2
    centre = (14 + z**2 / 2) / n
    half = z * sqrt(centre * (1 - centre) / n)
    assert rate_interval(14, 20, method="agresti-coull", level=0.9) == pytest.approx(
        (centre - half, centre + half), rel=1e-10
    )


@pytest.mark.parametrize("method", METHODS)
@some_examples
@given(n=st.integers(1, 200), level=LEVELS)
def test_none_and_all_touch_the_end_exactly(method, n, level):
    lower, upper = rate_interval(0, n, method=method, level=level)
    assert lower == 0
    assert 0 < upper < 1 or n == 1
    assert rate_interval(n, n, method=method, level=level) == pytest.approx((1 - upper, 1))
    assert rate_interval(n, n, method=method, level=level)[1] == 1


def test_clopper_pearson_at_the_ends_is_the_closed_form():
    assert rate_interval(0, 12, method="clopper-pearson", level=0.95)[1] == pytest.approx(
        1 - 0.025 ** (1 / 12)
    )
    assert rate_interval(12, 12, method="clopper-pearson", level=0.95)[0] == pytest.approx(
        0.025 ** (1 / 12)
    )


@pytest.mark.parametrize("method", METHODS)
@some_examples
@given(counts=COUNTS, level=LEVELS)
def test_intervals_hold_the_estimate_mirror_and_widen_with_the_level(method, counts, level):
    events, n = counts
    lower, upper = rate_interval(events, n, method=method, level=level)
    assert 0 <= lower <= events / n <= upper <= 1
    mirrored = rate_interval(n - events, n, method=method, level=level)
    assert (1 - upper, 1 - lower) == pytest.approx(mirrored, abs=1e-9)
    wider = rate_interval(events, n, method=method, level=(1 + level) / 2)
    assert wider[0] <= lower
    assert wider[1] >= upper


@pytest.mark.parametrize(
    ("events", "n", "message"),
    [
        (0, 0, "at least one patient"),
        (3, 2, "3 events of 2 patients"),
        (-1, 2, "-1 events"),
        (1.5, 2, "whole number"),
        (1, pd.NA, "whole number"),
    ],
)
def test_counts_that_are_no_proportion_are_refused(events, n, message):
    with pytest.raises(ValueError, match=message):
        rate_interval(events, n, method="wilson", level=0.95)
    with pytest.raises(ValueError, match=message):
        exact_test(events, n, rate=0.2, alternative="greater")


@pytest.mark.parametrize("level", [0, 1, 95, -0.1, float("nan")])
def test_levels_outside_0_and_1_are_refused_everywhere(level):
    responses, patients = frames([True, False], naive=[True, False])
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        rate_interval(1, 2, method="wilson", level=level)
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        rates(responses, patients, level=level, synthetic=False)
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        univariable_tests(responses, patients, ["naive"], level=level, synthetic=True)


def test_an_unknown_method_is_refused_even_when_nobody_is_evaluable():
    responses, patients = frames([None])
    with pytest.raises(ValueError, match="'wald' is unknown; use one of clopper-pearson"):
        rates(responses, patients, method="wald", synthetic=False)


# --- rates ---------------------------------------------------------------------------------------


def test_rates_of_the_founding_study_by_naive_status():
    naive = [True] * 22 + [False] * 3
    response = [True] * 14 + [False] * 6 + [None] * 2 + [None] * 3
    responses, patients = frames(response, naive=naive)
    table = rates(responses, patients, by="naive", synthetic=True)
    assert list(table.columns) == [
        *("naive", "n", "events", "missing", "estimate"),
        *("lower", "upper", "level", "interval", "synthetic"),
    ]
    assert list(table["naive"]) == [False, True]
    assert list(table["n"]) == [0, 20]
    assert list(table["events"]) == [0, 14]
    assert list(table["missing"]) == [3, 2]
    assert table.loc[0, ["estimate", "lower", "upper"]].isna().all()
    assert table.loc[1, ["estimate", "lower", "upper"]].tolist() == pytest.approx(
        [0.7, 0.4572108, 0.8810684], abs=5e-8
    )
    assert set(table["interval"]) == {"clopper-pearson"}
    assert set(table["level"]) == {0.95}
    assert table["synthetic"].tolist() == [True, True]
    assert table["synthetic"].dtype == bool


def test_without_groups_there_is_one_row_and_level_and_method_are_used_and_named():
    responses, patients = frames([True, False, None, True])
    table = rates(responses, patients, method="wilson", level=0.8, synthetic=False)
    assert table["group"].tolist() == ["all"]
    row = table.iloc[0]
    assert (row["n"], row["events"], row["missing"]) == (3, 2, 1)
    assert (row["lower"], row["upper"]) == rate_interval(2, 3, method="wilson", level=0.8)
    assert (row["level"], row["interval"], row["synthetic"]) == (0.8, "wilson", False)


@pytest.mark.parametrize(
    ("column", "labels"),
    [
        (pd.array([True, None, False, True], dtype="boolean"), [False, True, "not recorded"]),
        (pd.array(["b", None, "a", "b"], dtype="str"), ["a", "b", "not recorded"]),
        ([2.0, np.nan, 1.0, 2.0], [1.0, 2.0, "not recorded"]),
        (
            pd.Categorical(["mild", None, "bad", "mild"], categories=["mild", "bad", "worst"]),
            ["mild", "bad", "not recorded"],
        ),
    ],
)
def test_groups_are_sorted_and_a_missing_value_is_a_group_at_the_end(column, labels):
    responses, patients = frames([True, True, False, None], x=column)
    table = rates(responses, patients, by="x", synthetic=False)
    assert table["x"].tolist() == labels
    assert table["n"].tolist() == [1, 1, 1]
    assert table.set_index("x").loc["not recorded", "events"] == 1
    assert table["n"].sum() + table["missing"].sum() == 4


def test_several_columns_make_the_groups_that_have_patients():
    responses, patients = frames(
        [True, False, True, None],
        naive=[True, True, False, False],
        site=pd.array(["a", None, "a", "a"], dtype="str"),
    )
    table = rates(responses, patients, by=["naive", "site"], synthetic=False)
    assert table[["naive", "site"]].to_numpy().tolist() == [
        [False, "a"],
        [True, "a"],
        [True, "not recorded"],
    ]
    assert table["n"].tolist() == [1, 1, 1]
    assert table["missing"].tolist() == [1, 0, 0]


def test_a_patient_without_a_row_of_responses_is_missing_not_gone():
    responses, patients = frames([True, False, True])
    table = rates(responses.iloc[:2], patients, synthetic=False)
    assert table[["n", "events", "missing"]].iloc[0].tolist() == [2, 1, 1]


@few_examples
@given(
    st.lists(
        st.tuples(st.sampled_from([True, False, None]), st.sampled_from(["a", "b", None])),
        min_size=1,
        max_size=25,
    ),
    st.randoms(use_true_random=False),
)
def test_nobody_vanishes_and_the_order_of_rows_is_of_no_account(rows, random):
    responses, patients = frames(
        [row[0] for row in rows], arm=pd.array([row[1] for row in rows], dtype="str")
    )
    table = rates(responses, patients, by="arm", synthetic=False)
    assert table["n"].sum() + table["missing"].sum() == len(rows)
    assert table["events"].sum() == sum(row[0] is True for row in rows)
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = rates(responses, patients.iloc[order], by="arm", synthetic=False)
    pd.testing.assert_frame_equal(table, shuffled)
    repeated_index = patients.set_axis([0] * len(rows))
    pd.testing.assert_frame_equal(
        table, rates(responses, repeated_index, by="arm", synthetic=False)
    )


def test_an_unknown_column_is_answered_with_the_nearest():
    responses, patients = frames([True, False], age_onset=[40.0, 50.0])
    with pytest.raises(ValueError, match=r"no column 'age_onst' \(nearest: age_onset\)"):
        rates(responses, patients, by="age_onst", synthetic=False)
    with pytest.raises(ValueError, match=r"no column 'age_onst' \(nearest: age_onset\)"):
        univariable_tests(responses, patients, ["age_onst"], synthetic=True)
    with pytest.raises(ValueError, match=r"'zzz' \(nearest: patient, age_onset\); no column 'qqq'"):
        rates(responses, patients, by=["zzz", "qqq"], synthetic=False)


def test_groupings_that_cannot_be_a_table_are_refused():
    responses, patients = frames([True, False], n=[1.0, 2.0], naive=[True, False])
    with pytest.raises(ValueError, match="column n has the name of a column of the table"):
        rates(responses, patients, by="n", synthetic=False)
    with pytest.raises(ValueError, match="naive more than once"):
        rates(responses, patients, by=["naive", "naive"], synthetic=False)
    with pytest.raises(ValueError, match="names no column"):
        rates(responses, patients, by=[], synthetic=False)


def test_patients_listed_twice_or_not_enrolled_are_named_by_their_rows():
    responses, patients = frames([True, False, None])
    with pytest.raises(ValueError, match="responses, row position 2: the patient is listed more"):
        rates(responses.iloc[[0, 1, 1]], patients, synthetic=False)
    with pytest.raises(ValueError, match="patients, row position 3: the patient is listed more"):
        rates(responses, patients.iloc[[0, 1, 2, 2]], synthetic=False)
    with pytest.raises(
        ValueError, match="responses, row position 2: the patient is not in `patients`"
    ):
        rates(responses, patients.iloc[:2], synthetic=False)


# --- from the cohort -----------------------------------------------------------------------------

RULE = ResponseRule(
    gain=1,
    muscles=2,
    affected_below="5",
    baseline_day=0,
    baseline_window_days=(-30, 0),
    follow_up_day=182,
    follow_up_window_days=(150, 215),
)
SPEC = SimpleNamespace(scale=DEFAULT_SCALE, collapse=(), response=RULE)


def three_patients(synthetic):
    """A naive responder, a naive patient without follow-up, a treated non-responder."""
    visits = {("A", 0.0): "33", ("A", 180.0): "44", ("B", 0.0): "33", ("C", 0.0): "33"}
    visits["C", 180.0] = "43"
    grades = pd.DataFrame(
        [
            (patient, day, muscle, "left", grade)
            for (patient, day), pair in visits.items()
            for muscle, grade in zip(("biceps", "deltoid"), pair, strict=True)
        ],
        columns=["patient", "day", "muscle", "side", "grade"],
    )
    grades["grade"] = pd.Categorical(grades["grade"], categories=DEFAULT_SCALE, ordered=True)
    patients = pd.DataFrame({"patient": ["A", "B", "C"], "naive": [True, True, False]})
    return Cohort(
        patients=patients,
        grades=grades,
        infusions=None,
        blocks=None,
        status=None,
        scale=DEFAULT_SCALE,
        title="",
        source="",
        synthetic=synthetic,
        labels=MappingProxyType({}),
        warnings=pd.DataFrame(columns=["table", "column", "patient", "message"]),
        truth=None,
    )


@pytest.mark.parametrize("synthetic", [True, False])
def test_observed_response_judges_the_cohort_and_says_whether_it_is_synthetic(synthetic):
    with pytest.warns(CohortWarning, match="1 of 3 patients"):
        table = observed_response(three_patients(synthetic), SPEC, by="naive")
    assert table["naive"].tolist() == [False, True]
    assert table[["n", "events", "missing"]].to_numpy().tolist() == [[1, 0, 0], [1, 1, 1]]
    assert table["synthetic"].tolist() == [synthetic, synthetic]


def test_observed_response_passes_method_and_level_on_and_refuses_an_unknown_column():
    with pytest.warns(CohortWarning):
        table = observed_response(three_patients(False), SPEC, method="jeffreys", level=0.5)
    row = table.iloc[0]
    assert (row["lower"], row["upper"]) == rate_interval(1, 2, method="jeffreys", level=0.5)
    with pytest.raises(ValueError, match="no column 'naiv'"):
        observed_response(three_patients(False), SPEC, by="naiv")


# --- exact test ----------------------------------------------------------------------------------


def test_exact_upper_tail_is_the_binomial_sum():
    table = exact_test(14, 20, rate=0.2, alternative="greater")
    assert list(table.columns) == [
        *("events", "n", "estimate", "rate", "alternative", "p_value", "test", "synthetic")
    ]
    tail = sum(comb(20, k) * 0.2**k * 0.8 ** (20 - k) for k in range(14, 21))
    assert table.loc[0, "p_value"] == pytest.approx(tail, rel=1e-10)
    assert table.loc[0, "estimate"] == pytest.approx(0.7)
    assert table.loc[0, "test"] == "exact binomial"


@some_examples
@given(COUNTS, st.sampled_from([0.1, 0.2, 2 / 9, 0.5]))
def test_exact_test_agrees_with_the_beta_and_binomial_closed_forms(counts, rate):
    events, n = counts
    p = {
        alternative: exact_test(events, n, rate=rate, alternative=alternative)["p_value"].item()
        for alternative in ("greater", "less", "two-sided")
    }
    assert p["greater"] == pytest.approx(
        beta.cdf(rate, events, n - events + 1) if events else 1, rel=1e-9
    )
    assert p["less"] == pytest.approx(
        beta.sf(rate, events + 1, n - events) if events < n else 1, rel=1e-9
    )
    mass = binom.pmf(np.arange(n + 1), n, rate)
    assert p["two-sided"] == pytest.approx(mass[mass <= mass[events] * (1 + 1e-7)].sum(), rel=1e-9)


def test_exact_test_says_whether_the_patients_are_synthetic():
    asked = {"rate": 0.2, "alternative": "greater"}
    assert exact_test(14, 20, **asked, synthetic=True)["synthetic"].tolist() == [True]
    table = exact_test(14, 20, **asked)
    assert table["synthetic"].tolist() == [False]
    assert table["synthetic"].dtype == bool


def test_exact_test_refuses_an_illegal_rate_or_alternative():
    with pytest.raises(ValueError, match="rate of the null hypothesis is 20"):
        exact_test(14, 20, rate=20, alternative="greater")
    with pytest.raises(ValueError, match="'larger' is unknown; use one of two-sided"):
        exact_test(14, 20, rate=0.2, alternative="larger")


# --- univariable tests ---------------------------------------------------------------------------


def one_test(response, values):
    responses, patients = frames(response, x=values)
    return univariable_tests(responses, patients, ["x"], synthetic=True).iloc[0]


@pytest.mark.parametrize("as_category", [False, True])
def test_two_groups_are_tested_by_fisher(as_category):
    # 4 of 4 against 1 of 4: among the 56 ways to pick 5 responders of 8, the tables with margins
    # (4, 4) have 4, 24, 24, 4 ways; two are as unlikely as this one: p = 8 / 56.
    values = [True] * 4 + [False] * 4
    if as_category:
        values = pd.array(["yes" if value else "no" for value in values], dtype="str")
    row = one_test([True] * 4 + [True, False, False, False], values)
    assert row["kind"] == ("category" if as_category else "yes/no")
    assert row["test"] == "Fisher's exact"
    assert row["p_value"] == pytest.approx(8 / 56)


@pytest.mark.parametrize(
    ("response", "expected"),
    # Three categories of three. All 3 responders in one category: 3 of the 84 ways. One in each:
    # the likeliest table, so p = 1. Two and one: (84 - 27) of 84.
    [("111000000", 3 / 84), ("100100100", 1.0), ("110100000", 57 / 84)],
)
def test_three_categories_are_tested_exactly(response, expected):
    values = pd.array(list("aaabbbccc"), dtype="str")
    row = one_test([mark == "1" for mark in response], values)
    assert row["test"] == "Fisher-Freeman-Halton exact"
    assert row["p_value"] == pytest.approx(expected)


def test_tables_exactly_as_unlikely_as_the_observed_one_count():
    # Categories of 6, 2 and 5, 8 responders: 1287 ways. (6, 0, 2) has 10, as has (6, 1, 1), which
    # floating point makes a trifle likelier; (1, 2, 5) has 6, (6, 2, 0) has 1, all others more.
    values = pd.array(list("aaaaaabbccccc"), dtype="str")
    row = one_test([True] * 6 + [False] * 2 + [True] * 2 + [False] * 3, values)
    assert row["p_value"] == pytest.approx(27 / 1287)


def test_the_exact_test_of_categories_agrees_with_random_tables_and_ignores_labels():
    rng = np.random.default_rng(20080)
    values, response = rng.choice(list("abcd"), size=40), rng.random(40) < 0.6
    row = one_test(response, pd.array(values, dtype="str"))
    table = pd.crosstab(values, response).to_numpy()
    resamples = 20_000
    drawn = fisher_exact(table, method=MonteCarloMethod(n_resamples=resamples, rng=rng)).pvalue
    assert row["p_value"] == pytest.approx(drawn, abs=4 * sqrt(drawn * (1 - drawn) / resamples))
    renamed = pd.array([dict(zip("abcd", "wdxa", strict=True))[v] for v in values], dtype="str")
    assert one_test(response, renamed)["p_value"] == pytest.approx(row["p_value"], rel=1e-12)


def test_too_many_categories_fall_back_on_chi_squared_and_say_so():
    sizes, events = [6] * 8, [0, 1, 2, 3, 3, 4, 5, 6]
    values = np.repeat(list("abcdefgh"), sizes)
    response = np.concatenate([np.arange(6) < k for k in events])
    row = one_test(response, pd.array(values, dtype="str"))
    statistic = sum((k - 3) ** 2 / 3 * 2 for k in events)  # 24 of 48: 3 expected in each cell
    assert row["test"] == "Pearson's chi-squared"
    assert "too many tables" in row["note"]
    assert row["p_value"] == pytest.approx(chi2.sf(statistic, 7))


def test_few_untied_numbers_are_ranked_exactly():
    row = one_test([False] * 3 + [True] * 3, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert (row["kind"], row["test"]) == ("number", "Mann-Whitney U, exact")
    assert row["p_value"] == pytest.approx(2 / comb(6, 3))


@pytest.mark.parametrize("case", ["tied", "many"])
def test_tied_or_many_numbers_are_ranked_asymptotically(case):
    rng = np.random.default_rng(7)
    response = np.arange(22) < (10 if case == "many" else 4)
    values = rng.normal(size=22) if case == "many" else rng.integers(0, 5, size=22).astype(float)
    row = one_test(response, values)
    assert row["test"] == "Mann-Whitney U, asymptotic"
    a, b = values[response], values[~response]
    u = (a[:, None] > b).sum() + (a[:, None] == b).sum() / 2
    ties = np.unique(values, return_counts=True)[1]
    n = len(values)
    variance = len(a) * len(b) / 12 * (n + 1 - (ties**3 - ties).sum() / (n * (n - 1)))
    z = (abs(u - len(a) * len(b) / 2) - 0.5) / sqrt(variance)
    assert row["p_value"] == pytest.approx(2 * norm.sf(z))


def test_the_bound_of_the_exact_ranking_is_scipys_own():
    # Nine in each group and no ties: asymptotic; eight in one: exact.
    values = np.arange(20.0)
    assert one_test(values < 9, values)["test"] == "Mann-Whitney U, asymptotic"
    assert one_test(values < 8, values)["test"] == "Mann-Whitney U, exact"


def test_holm_corrects_the_tests_that_were_done_and_missing_values_are_counted():
    response = [False] * 3 + [True] * 3 + [None, None]
    responses, patients = frames(
        response,
        strong=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, np.nan],  # p = 2/20
        weak=pd.array([True, None, False, True, False, True, True, True], dtype="boolean"),
        same=[1.0] * 8,
        unseen=[np.nan] * 8,
    )
    table = univariable_tests(
        responses, patients, ["weak", "same", "strong", "unseen"], level=0.75, synthetic=True
    )
    assert list(table.columns) == [
        *("predictor", "kind", "test", "n", "n_left_out"),
        *("p_value", "p_holm", "rejected", "level", "note", "synthetic"),
    ]
    table = table.set_index("predictor")
    assert table["n"].tolist() == [5, 6, 6, 0]
    assert (table["n"] + table["n_left_out"]).tolist() == [8] * 4
    assert table.loc["strong", ["p_value", "p_holm"]].tolist() == pytest.approx([0.1, 0.2])
    assert table.loc["weak", ["p_value", "p_holm"]].tolist() == pytest.approx([1.0, 1.0])
    assert table.loc[["same", "unseen"], ["p_value", "p_holm", "rejected"]].isna().all(axis=None)
    assert table.loc["strong", "rejected"]
    assert not table.loc["weak", "rejected"]
    assert table.loc["same", "note"] == "constant: 1.0 in every patient used"
    assert table.loc["unseen", "note"].startswith("no patient has both")
    assert set(table["level"]) == {0.75}
    assert table["synthetic"].tolist() == [True] * 4
    stricter = univariable_tests(responses, patients, ["strong"], level=0.95, synthetic=True)
    assert not stricter.loc[0, "rejected"]


def test_holm_steps_down():
    responses, patients = frames(
        [False] * 3 + [True] * 3,
        first=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],  # no inversion: 2/20
        second=[1.0, 2.0, 4.0, 3.0, 5.0, 6.0],  # one inversion: 4/20
        third=[1.0, 5.0, 4.0, 3.0, 2.0, 6.0],
    )
    table = univariable_tests(
        responses, patients, ["third", "second", "first"], level=0.65, synthetic=True
    )
    assert table["p_value"].tolist()[1:] == pytest.approx([0.2, 0.1])
    assert table["p_holm"].tolist()[1:] == pytest.approx([2 * 0.2, 3 * 0.1])
    assert table["rejected"].tolist() == [False, False, True]


def test_a_response_that_does_not_vary_is_a_note_not_a_crash():
    row = one_test([True, True, None], [1.0, 2.0, 3.0])
    assert np.isnan(row["p_value"])
    assert row["note"] == "every patient used responded"
    assert one_test([False, False], [True, False])["note"].endswith("did not respond")


def test_candidates_keep_their_order_and_are_named_once():
    responses, patients = frames([True, False, True], b=[1.0, 2.0, 3.0], a=[True, False, False])
    table = univariable_tests(responses, patients, ["b", "a"], synthetic=True)
    assert table["predictor"].tolist() == ["b", "a"]
    assert univariable_tests(responses, patients, [], synthetic=True).empty
    with pytest.raises(ValueError, match="predictors: a named more than once"):
        univariable_tests(responses, patients, ["a", "b", "a"], synthetic=True)
