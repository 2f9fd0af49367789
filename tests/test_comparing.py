"""Two groups and two occasions: against R's own tests, by hand, and at the ends of the scale."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, chi2

from mmn_bayes.data.reading import read_cohort
from mmn_bayes.data.response import judge_responses, visit_pair
from mmn_bayes.model_file.reading import read_model
from mmn_bayes.outcomes.observed_rates import exact_test, rate_interval
from mmn_bayes.outcomes.response.observed_contrast import MEASURES, compare_rates, observed_contrast
from mmn_bayes.outcomes.response.observed_pairs import (
    observed_agreement,
    observed_change,
    paired_test,
    signed_rank,
)
from mmn_bayes.report.formatting import interval_in_words

ROOT = Path(__file__).resolve().parents[1]
R = pd.read_csv(ROOT / "tests" / "references" / "rates_r.csv").set_index(["case", "quantity"])
CHANGES = {
    "distinct": [1.5, -0.5, 3, 4.5, 2.25, -1, 6],
    "tied": [0, 1, 1, 2, -1, 3, 0, 4, 4, -2, 5],
    "worse": [-3, -1, -4, -6.5, 2],
}
GROUPS = st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
some_examples = settings(deadline=None, max_examples=60)


def cases(pattern):
    """Cases of the stored results, with the numbers in their names."""
    names = R.index.get_level_values("case").unique()
    return [(n, *map(int, re.findall(r"\d+", n))) for n in names if re.fullmatch(pattern, n)]


def of_r(case, quantity):
    return pytest.approx(R.loc[(case, quantity), "value"], rel=1e-6, abs=1e-12)


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(ROOT / "data" / "leger2008_cohort")


@pytest.fixture(scope="module")
def spec(models):
    return read_model(models / "strength.toml")


# Two patients are not evaluable; each of these tests counts them.
counts_the_missing = pytest.mark.filterwarnings(
    "ignore:.* patients are not evaluable:mmn_bayes.errors.CohortWarning"
)


# --- against R -----------------------------------------------------------------------------------


def test_the_stored_results_have_every_kind_of_case():
    assert len(cases(r"\d+/\d+")) == 7
    assert len(cases(r"\d+/\d+ against .*")) == 5
    assert len(cases(r"pairs .*")) == 3
    assert {"0/12", "9/9"} <= {name for name, *_ in cases(r"\d+/\d+")}


@pytest.mark.parametrize(("case", "events", "n"), cases(r"\d+/\d+"))
def test_one_rate_is_what_binom_test_and_prop_test_say(case, events, n):
    for method in ("clopper-pearson", "wilson"):
        limits = rate_interval(events, n, method=method, level=0.95)
        for name, limit in zip(("lower", "upper"), limits, strict=True):
            assert limit == of_r(case, f"{method} {name}")
    for side in ("two-sided", "greater", "less"):
        p_value = exact_test(events, n, rate=0.2, alternative=side)["p_value"].item()
        assert p_value == of_r(case, f"exact p against 0.2, {side.replace('-', '.')}")


@pytest.mark.parametrize(("case", "a", "n", "b", "m"), cases(r"\d+/\d+ against .*"))
def test_two_rates_are_what_fisher_test_and_prop_test_say(case, a, n, b, m):
    table = compare_rates((a, n), (b, m)).set_index("measure")
    assert table.loc["odds ratio", "p_value"] == of_r(case, "fisher p")
    assert table.loc["difference", "p_value"] == of_r(case, "chi-squared p")
    for name in ("estimate", "lower", "upper"):
        assert table.loc["odds ratio", name] == of_r(case, f"conditional odds ratio {name}")


@pytest.mark.parametrize(("case", "both", "first", "second", "neither"), cases(r"pairs .*"))
def test_pairs_are_what_mcnemar_test_says(case, both, first, second, neither):
    yes_no = [(1, 1)] * both + [(1, 0)] * first + [(0, 1)] * second + [(0, 0)] * neither
    table = paired_test(*np.array(yes_no).T)
    assert table["n"].unique() == len(yes_no)
    found = table.set_index("test")["p_value"]
    assert found["McNemar's chi-squared"] == of_r(case, "mcnemar p")
    assert found["McNemar's chi-squared, continuity correction"] == of_r(
        case, "mcnemar p, corrected"
    )
    assert found["McNemar's exact"] == of_r(case, "mcnemar p, exact")


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_what_wilcox_test_says(name):
    statistic, p_value, test = signed_rank(np.array(CHANGES[name]))
    assert statistic == of_r(f"changes {name}", "signed-rank statistic")
    assert p_value == of_r(f"changes {name}", "signed-rank p")
    assert test.endswith("asymptotic" if name == "tied" else "exact")


# --- by hand -------------------------------------------------------------------------------------


def test_mid_p_counts_the_observed_number_by_half():
    lower, upper = rate_interval(14, 20, method="mid-p", level=0.95)
    assert binom.sf(14, 20, lower) + binom.pmf(14, 20, lower) / 2 == pytest.approx(0.025)
    assert binom.cdf(13, 20, upper) + binom.pmf(14, 20, upper) / 2 == pytest.approx(0.025)
    # Without events half of (1 - p)^n is left: the limit is a closed form.
    assert rate_interval(0, 12, method="mid-p", level=0.95) == pytest.approx(
        (0.0, 1 - 0.05 ** (1 / 12))
    )
    exact = rate_interval(14, 20, method="clopper-pearson", level=0.95)
    assert exact[0] < lower < 0.7 < upper < exact[1]


def test_newcombe_s_interval_is_his_own_example():
    """Newcombe 1998, table II, (a) 56/70 against 48/80, method 10: 0.0524 to 0.3339."""
    row = compare_rates((56, 70), (48, 80)).set_index("measure").loc["difference"]
    assert row["estimate"] == pytest.approx(0.2)
    assert (row["lower"], row["upper"]) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@some_examples
@given(GROUPS, GROUPS)
def test_koopman_s_limits_solve_the_score_equation(first, second):
    (a, n), (b, m) = first, second
    row = compare_rates(first, second).set_index("measure").loc["ratio"]
    assert row["lower"] <= row["upper"]
    for limit in (row["lower"], row["upper"]):
        if not 0 < limit < np.inf:
            continue
        # Rates most likely given their ratio; then the sum of the two standardised deviations.
        total, whole = a + b, n + m
        half = limit * (n + b) + a + m
        q = (half - np.sqrt(half**2 - 4 * limit * whole * total)) / (2 * whole)
        p = q / limit
        if not 1e-9 < q < 1 - 1e-9 or not 1e-9 < p < 1 - 1e-9:
            continue
        score = (a - n * q) ** 2 / (n * q * (1 - q)) + (b - m * p) ** 2 / (m * p * (1 - p))
        assert score == pytest.approx(chi2.ppf(0.95, 1), rel=1e-5)


def test_koopman_s_interval_is_his_own_example():
    """Koopman 1984: 36/40 against 16/80, 2.94 to 7.15."""
    row = compare_rates((36, 40), (16, 80)).set_index("measure").loc["ratio"]
    assert row["estimate"] == pytest.approx(4.5)
    assert (row["lower"], row["upper"]) == pytest.approx((2.94, 7.15), abs=5e-3)


@some_examples
@given(GROUPS, GROUPS)
def test_everything_turns_round_with_the_groups(first, second):
    there = compare_rates(first, second).set_index("measure")
    back = compare_rates(second, first).set_index("measure")
    assert list(there.index) == list(MEASURES)
    one, other = there.loc["difference"], back.loc["difference"]
    assert (one["estimate"], one["lower"], one["upper"]) == pytest.approx(
        (-other["estimate"], -other["upper"], -other["lower"]), abs=1e-12
    )
    for measure in ("ratio", "odds ratio"):
        one, other = there.loc[measure], back.loc[measure]
        if 0 < one["estimate"] < np.inf:
            assert one["estimate"] == pytest.approx(1 / other["estimate"], rel=1e-6)
            if 0 < one["upper"] < np.inf and other["lower"] > 0:
                assert one["upper"] == pytest.approx(1 / other["lower"], rel=1e-5)
    assert there["p_value"].equals(back["p_value"]) or np.allclose(
        there["p_value"], back["p_value"], equal_nan=True
    )


def test_the_ends_of_the_scale_have_limits_or_a_reason():
    none = compare_rates((0, 6), (0, 6)).set_index("measure")
    assert none.loc["difference", "note"] == "no test: nobody has the event in both groups"
    assert none.loc["ratio", "note"] == "no events in either group"
    assert np.isinf(none.loc["number needed to treat", "estimate"])
    infinite = compare_rates((5, 6), (0, 6)).set_index("measure")
    assert np.isinf(infinite.loc["ratio", "estimate"])
    assert np.isinf(infinite.loc["ratio", "upper"])
    assert infinite.loc["ratio", "lower"] > 1
    needed = compare_rates((14, 20), (4, 18)).set_index("measure")
    difference, number = needed.loc["difference"], needed.loc["number needed to treat"]
    assert number["lower"] == pytest.approx(1 / difference["upper"])
    assert number["upper"] == pytest.approx(1 / difference["lower"])
    unsure = compare_rates((5, 10), (4, 10)).set_index("measure").loc["number needed to treat"]
    assert np.isnan(unsure["lower"])
    assert re.search(r"through infinity to -\d", unsure["note"])


@pytest.mark.parametrize(
    ("first", "second", "level", "message"),
    [
        ((5, 4), (1, 4), 0.95, "5 events of 4 patients"),
        ((1, 4), (1, 0), 0.95, "n is 0"),
        ((1, 4), (1, 4), 1.0, "strictly between 0 and 1"),
    ],
)
def test_impossible_counts_are_refused(first, second, level, message):
    with pytest.raises(ValueError, match=message):
        compare_rates(first, second, level=level)


# --- a cohort ------------------------------------------------------------------------------------


@counts_the_missing
def test_a_cohort_loses_nobody(cohort, spec):
    table = observed_contrast(cohort, spec, by="naive")
    row = table.iloc[0]
    assert (row["first"], row["first_events"], row["first_n"], row["first_missing"]) == (
        "True",
        14,
        20,
        2,
    )
    people = row[["first_n", "first_missing", "second_n", "second_missing", "elsewhere"]]
    assert people.sum() == len(cohort.patients)
    assert table["synthetic"].all()
    assert interval_in_words(row["interval"], row["level"]) == (
        "95 % confidence interval, Newcombe"
    )
    with pytest.raises(ValueError, match="No patient has naive 'often'"):
        observed_contrast(cohort, spec, between=("often", True), by="naive")
    with pytest.raises(ValueError, match="twice"):
        observed_contrast(cohort, spec, between=(True, True), by="naive")


@counts_the_missing
def test_a_group_with_nobody_evaluable_is_counted_without_an_estimate(cohort, spec):
    lost = judge_responses(cohort, spec)["response"].isna().to_numpy()
    site = np.where(lost, "lost", np.where(cohort.patients["naive"], "first", "second"))
    patients = cohort.patients.assign(site=site)
    table = observed_contrast(
        replace(cohort, patients=patients), spec, by="site", between=("first", "lost")
    )
    assert table[["estimate", "lower", "upper", "p_value"]].isna().all(axis=None)
    assert (table["note"] == "nobody evaluable in one of the groups").all()
    row = table.iloc[0]
    assert (row["second_n"], row["second_missing"], row["elsewhere"]) == (0, lost.sum(), 18)


def test_sum_scores_are_those_of_muscles_graded_twice(cohort, spec):
    table = observed_change(cohort, spec).set_index("group")
    assert (table["n"] + table["missing"]).to_dict() == {
        "all": 40,
        "naive": 22,
        "previously treated": 18,
    }
    pair, changes = visit_pair(cohort, spec), []
    for before, after in zip(pair.baseline, pair.follow_up, strict=True):
        both = (before >= 0) & (after >= 0)
        if both.any():
            changes.append(int((after - before)[both].sum()))
    assert table.loc["all", "n"] == len(changes)
    assert table.loc["all", "median_change"] == np.median(changes)
    assert table.loc["all", "p_value"] == signed_rank(np.array(changes))[1]


@counts_the_missing
def test_two_rules_judge_the_same_patients(cohort, spec, tmp_path):
    (tmp_path / "strength.toml").write_text((ROOT / "models" / "strength.toml").read_text())
    (tmp_path / "later.toml").write_text(
        'based_on = "strength"\n[response]\nfollow_up_day = 365\n'
        "follow_up_window_days = [304, 426]\n"
    )
    later = read_model(tmp_path / "later.toml")
    table = observed_agreement(cohort, spec, later)
    row = table.iloc[0]
    assert row["n"] + row["missing"] == len(cohort.patients)
    assert row[["both", "first_only", "second_only", "neither"]].sum() == row["n"]
    one, other = (judge_responses(cohort, each)["response"] for each in (spec, later))
    assert row["first_only"] == (one & ~other).sum()
    same_rule = observed_agreement(cohort, spec, spec).set_index("test")["p_value"]
    assert same_rule["McNemar's exact"] == 1
    assert same_rule.isna().sum() == 2


def test_nobody_changed_and_nobody_there_are_said():
    assert signed_rank(np.zeros(4))[2] == "none: nobody changed"
    with pytest.raises(ValueError, match="for every patient"):
        paired_test(np.array([True]), np.array([True, False]))
