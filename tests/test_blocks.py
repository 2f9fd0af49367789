import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binomtest, norm, spearmanr, t

from mmn_bayes.data.margins import cohort_margins
from mmn_bayes.data.reading import make_cohort, read_cohort
from mmn_bayes.errors import CohortWarning, DataError
from mmn_bayes.model_file.reading import read_model
from mmn_bayes.outcomes.blocks.observed import block_changes, blocks_and_strength, observed_blocks

ROOT = Path(__file__).resolve().parents[1]
SPEC = read_model(ROOT / "models" / "strength.toml")

# Two patients of the published cohort are not evaluable; the tables count them.
counts_the_missing = pytest.mark.filterwarnings(
    "ignore:.* patients are not evaluable:mmn_bayes.errors.CohortWarning"
)


@pytest.fixture(scope="module")
def published_cohort():
    return read_cohort(ROOT / "data" / "leger2008_cohort")


def cohort_of(blocks, gains=None, naive="yes"):
    """Cohort from {patient: {day: blocks}}; both muscles of a patient gain so many grades of 0."""
    gains = gains or dict.fromkeys(blocks, 1)
    names = list(blocks)
    grades = [
        (who, day, muscle, "left", str(grade))
        for who, gain in gains.items()
        for day, grade in ((0, 0), (182, gain))
        for muscle in ("m1", "m2")
    ]
    studies = [(who, day, count) for who, days in blocks.items() for day, count in days.items()]
    with warnings.catch_warnings():  # grades that nobody had
        warnings.simplefilter("ignore", CohortWarning)
        return make_cohort(
            pd.DataFrame({"patient": names, "naive": naive}),
            pd.DataFrame(grades, columns=["patient", "day", "muscle", "side", "grade"]),
            blocks=pd.DataFrame(studies, columns=["patient", "day", "n_blocks"]),
            synthetic=False,
        )


def before_and_after(pairs, gains=None):
    names = [f"P{number:02d}" for number in range(len(pairs))]
    blocks = {who: {0: a, 182: b} for who, (a, b) in zip(names, pairs, strict=True)}
    return cohort_of(blocks, gains and dict(zip(names, gains, strict=True)))


# --- changes -------------------------------------------------------------------------------------


def test_the_study_nearest_to_the_day_of_the_rule_counts():
    cohort = cohort_of(
        {
            "A": {-40: 9, -10: 2, 172: 1, 192: 5, 300: 8},  # of two as near, the earlier
            "B": {0: 3},
            "C": {200: 4},
            "D": {0: 1, 182: 1},
            "E": {-30: 0, 243: 2},
        }
    )
    table = block_changes(cohort, SPEC).set_index("patient")
    assert table.loc["A", ["baseline_day", "follow_up_day"]].tolist() == [-10, 172]
    assert table["change"].fillna(99).tolist() == [-1, 99, 99, 0, 2]
    assert table["kind"].fillna("").tolist() == ["fewer", "", "", "unchanged", "more"]
    no_baseline = "no count of blocks in the baseline window"
    assert table["reason"].tolist() == ["", "no count of blocks at follow-up", no_baseline, "", ""]
    assert table["response"].all()
    assert not table["synthetic"].any()
    assert table[["baseline_nerves", "follow_up_nerves"]].isna().all(axis=None)  # not recorded


@counts_the_missing
def test_nerves_tested_are_those_of_the_studies_compared(published_cohort):
    table = block_changes(published_cohort, SPEC).set_index("patient")
    own = table.loc["P02", ["baseline_blocks", "follow_up_blocks", "change", "baseline_nerves"]]
    assert own.tolist() == [1, 3, 2, 8]
    assert table.loc["P04", "follow_up_nerves"] is pd.NA
    assert table["change"].isna().sum() == 2


def test_who_is_not_evaluable_has_no_response_and_is_warned_of():
    cohort = cohort_of({"A": {0: 1, 182: 0}, "B": {0: 1, 182: 0}}, {"A": 1})
    with pytest.warns(CohortWarning, match="1 of 2 patients are not evaluable"):
        table = block_changes(cohort, SPEC)
    assert table["response"].isna().tolist() == [False, True]
    assert table["kind"].tolist() == ["fewer", "fewer"]


# --- counts --------------------------------------------------------------------------------------


@counts_the_missing
def test_the_published_12_of_14_naive_responders(published_cohort):
    table = observed_blocks(published_cohort, SPEC).set_index("kind")
    assert table.loc["fewer or unchanged", ["events", "n", "missing"]].tolist() == [12, 14, 0]
    assert table.loc["more", ["events", "n"]].tolist() == [2, 14]
    assert table.loc["fewer or unchanged", ["lower", "upper"]].tolist() == pytest.approx(
        [beta.ppf(0.025, 12, 3), beta.ppf(0.975, 13, 2)]
    )
    margins = cohort_margins(published_cohort, SPEC).set_index("quantity")["events"]
    assert margins["blocks_more"] == table.loc["more", "events"]
    assert table["synthetic"].all()
    everybody = observed_blocks(published_cohort, SPEC, group="all").set_index("kind")
    assert everybody.loc["more", ["n", "missing"]].tolist() == [38, 2]


def test_the_sign_test_is_of_those_that_changed():
    pairs = [(2, 1)] * 6 + [(1, 2)] + [(1, 1)] * 5
    table = observed_blocks(before_and_after(pairs), SPEC, level=0.9).set_index("kind")
    assert table["events"].tolist()[:-1] == [6, 5, 1, 11, 6]
    assert table["n"].tolist() == [12, 12, 12, 12, 7, 12]
    test = table.loc["fewer among those that changed"]
    assert test["p_value"] == pytest.approx(2 * 8 / 2**7)
    assert test["lower"] == pytest.approx(beta.ppf(0.05, 6, 2))
    assert table["p_value"].isna().sum() == 5
    mean = table.loc["mean change"]
    change = np.repeat([-1, 1, 0], [6, 1, 5])
    half = t.ppf(0.95, 11) * change.std(ddof=1) / np.sqrt(12)
    assert mean["estimate"] == pytest.approx(-5 / 12)
    assert [mean["lower"], mean["upper"]] == pytest.approx([-5 / 12 - half, -5 / 12 + half])


def test_groups_are_of_naive_status_and_response():
    naive = ["yes", "yes", "no", "no"]
    blocks = {who: {0: 2, 182: 1} for who in "ABCD"}
    cohort = cohort_of(blocks, {"A": 1, "B": 0, "C": 1, "D": 0}, naive)
    groups = {"naive responders": 1, "naive": 2, "previously treated": 2, "responders": 2}
    groups |= {"non-responders": 2, "all": 4}
    for group, n in groups.items():
        table = observed_blocks(cohort, SPEC, group=group)
        assert table["group"].eq(group).all()
        assert table["n"].tolist() == [n] * 6
    with pytest.raises(ValueError, match="group 'everybody' is unknown"):
        observed_blocks(cohort, SPEC, group="everybody")
    with pytest.raises(ValueError, match="confidence level is 95"):
        observed_blocks(cohort, SPEC, level=95)


def test_nobody_with_both_counts_or_nobody_changed_has_no_share_and_no_test():
    nobody = observed_blocks(cohort_of({"A": {0: 1}}), SPEC)
    assert nobody["n"].tolist() == [0] * 6
    assert nobody["missing"].tolist() == [1] * 6
    assert nobody[["estimate", "lower", "upper", "p_value"]].isna().all(axis=None)
    unchanged = observed_blocks(before_and_after([(1, 1)]), SPEC)
    assert unchanged["n"].tolist() == [1, 1, 1, 1, 0, 1]
    assert unchanged["lower"].isna().tolist() == [False] * 4 + [True] * 2
    assert unchanged["p_value"].isna().all()


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_the_kinds_add_up_and_the_test_is_the_binomial(pairs):
    table = observed_blocks(before_and_after(pairs), SPEC).set_index("kind")
    signs = np.sign([b - a for a, b in pairs]).tolist()
    events = [signs.count(-1), signs.count(0), signs.count(1)]
    assert table["events"].tolist()[:-1] == [*events, events[0] + events[1], events[0]]
    if events[0] + events[2]:
        p_value = binomtest(events[0], events[0] + events[2]).pvalue
        assert table["p_value"].iloc[-2] == pytest.approx(p_value)


@pytest.mark.parametrize("function", [block_changes, observed_blocks, blocks_and_strength])
def test_a_cohort_without_blocks_is_refused(published_cohort, function):
    tables = {name: published_cohort.tables[name] for name in ("patients", "grades")}
    with pytest.raises(DataError, match="blocks: no such table; add it"):
        function(make_cohort(**tables, synthetic=True), SPEC)


# --- blocks and strength -------------------------------------------------------------------------


def correlated(changes, gains, **how):
    cohort = before_and_after([(5, 5 + change) for change in changes], gains)
    return blocks_and_strength(cohort, SPEC, **how).iloc[0]


def test_a_few_patients_are_tested_by_every_permutation():
    # R: cor.test(c(1,2,3,4,5), c(2,1,4,3,5), method = "spearman"): rho 0.8, p 0.1333.
    row = correlated([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    assert row["estimate"] == pytest.approx(0.8)
    assert row["p_value"] == pytest.approx(16 / 120)
    half = norm.ppf(0.975) * np.sqrt((1 + 0.32) / 2)
    assert [row["lower"], row["upper"]] == pytest.approx(
        [np.tanh(np.arctanh(0.8) - half), np.tanh(np.arctanh(0.8) + half)]
    )
    assert row["test"] == "Spearman's, all permutations"


def test_fewer_blocks_with_more_strength_is_a_negative_correlation():
    row = correlated([-3, -2, -1, 0], [4, 3, 2, 1])
    assert row["estimate"] == -1.0
    assert row["p_value"] == pytest.approx(2 / 24)
    assert row[["lower", "upper"]].isna().all()  # no width to be believed


def test_more_patients_are_tested_by_students_t():
    changes, gains = [0, 0, -1, -1, -2, 1, 2, 0, -1, 1], [1, 0, 2, 1, 4, 0, 0, 2, 3, 1]
    row = correlated(changes, gains, level=0.8)
    found = spearmanr(changes, gains)
    assert (row["estimate"], row["p_value"]) == pytest.approx((found.statistic, found.pvalue))
    assert row["test"] == "Spearman's, Student's t"
    assert row["lower"] < row["estimate"] < row["upper"]


@pytest.mark.parametrize(
    ("changes", "gains"), [([0, 0, 0], [1, 2, 3]), ([1, 2], [1, 1]), ([1], [2])]
)
def test_a_change_that_is_the_same_for_everybody_has_no_correlation(changes, gains):
    row = correlated(changes, gains)
    assert row["n"] == len(changes)
    assert row[["estimate", "lower", "upper", "p_value"]].isna().all()
    assert row["test"] == "none: a change is the same for everybody"


def test_strength_is_of_the_muscles_graded_at_both_visits():
    grades = pd.DataFrame(
        [
            *(("A", 0, "m1", "left", "3"), ("A", 182, "m1", "left", "4")),
            ("A", 182, "m2", "left", "0"),  # not graded at baseline
            *(("B", 0, "m1", "left", "3"), ("B", 182, "m1", "left", "3")),
            *(("C", 0, "m1", "left", "3"), ("C", 182, "m2", "left", "3")),  # none at both
        ],
        columns=["patient", "day", "muscle", "side", "grade"],
    )
    studies = [(who, day, 1 + day * (who == "B")) for who in "ABC" for day in (0, 182)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        cohort = make_cohort(
            pd.DataFrame({"patient": ["A", "B", "C"], "naive": "yes"}),
            grades,
            blocks=pd.DataFrame(studies, columns=["patient", "day", "n_blocks"]),
            synthetic=True,
        )
    row = blocks_and_strength(cohort, SPEC).iloc[0]
    assert row[["n", "missing", "estimate", "p_value"]].tolist() == pytest.approx([2, 1, -1.0, 1.0])


def test_the_published_cohort_says_nothing_of_who_has_no_follow_up(published_cohort):
    row = blocks_and_strength(published_cohort, SPEC).iloc[0]
    assert row[["n", "missing"]].tolist() == [38, 2]
    assert row["synthetic"]
