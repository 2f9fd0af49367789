"""The response rule, by hand-computed cases and by what must not change it."""

import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmn_bayes.data.reading import make_cohort
from mmn_bayes.data.response import (
    NOT_GRADED,
    ResponseRule,
    judge,
    judge_responses,
    judged_patients,
    panel_sites,
    patient_flow,
    visit_pair,
)
from mmn_bayes.errors import CohortWarning, DataError
from mmn_bayes.model_file.reading import read_model

SCALE = ("0", "1", "2", "3", "4", "5")
RULE = ResponseRule(
    gain=1,
    muscles=2,
    affected_below="5",
    baseline_day=0,
    baseline_window_days=(-30, 0),
    follow_up_day=182,
    follow_up_window_days=(121, 243),
)
SPEC = SimpleNamespace(scale=SCALE, collapse=(), response=RULE)

NO_BASELINE = "no visit in the baseline window"
NO_FOLLOW_UP = "no visit in the follow-up window"
NOT_AFFECTED = "fewer than 2 affected muscles at baseline"
NOT_AGAIN = "fewer than 2 affected muscles graded again at follow-up"


def cohort_of(visits, naive=(), scale=SCALE):
    """Cohort from {patient: {day: grades}}: a character a muscle, "." where not graded."""
    rows = [
        (patient, day, f"m{place}", "left", None if grade == "." else grade)
        for patient, days in visits.items()
        for day, grades in days.items()
        for place, grade in enumerate(grades)
    ]
    columns = ["patient", "day", "muscle", "side", "grade"]
    patients = pd.DataFrame({"patient": list(visits)})
    patients["naive"] = np.where(patients["patient"].isin(list(naive)), "yes", "no")
    with warnings.catch_warnings():  # blank grades and grades nobody had: legal, and meant here
        warnings.simplefilter("ignore", CohortWarning)
        return make_cohort(
            patients, pd.DataFrame(rows, columns=columns), scale=scale, synthetic=True
        )


def judged(cohort, spec=SPEC):
    return judged_patients(cohort, visit_pair(cohort, spec), spec).set_index("patient")


def test_the_rule_here_is_that_of_the_model_file():
    spec = read_model(Path(__file__).resolve().parents[1] / "models" / "strength.toml")
    assert (spec.response, spec.scale) == (RULE, SCALE)


# --- judge, on codes -----------------------------------------------------------------------------

X = NOT_GRADED


@pytest.mark.parametrize(
    ("baseline", "follow_up", "affected", "compared", "gained", "evaluable", "response"),
    [
        ([3, 4, 5], [4, 5, 5], 2, 2, 2, True, True),  # a gain of exactly 1 in exactly 2
        ([3, 4, 5], [4, 4, 5], 2, 2, 1, True, False),
        (
            [3, 4, 5],
            [5, 4, 5],
            2,
            2,
            1,
            True,
            False,
        ),  # two grades in one muscle are not two muscles
        ([3, 3, 3], [4, 4, 0], 3, 3, 2, True, True),  # losses elsewhere are not counted
        ([5, 5, 5], [5, 5, 5], 0, 0, 0, False, False),  # normal muscles cannot be affected
        ([4, 5, 5], [5, 5, 5], 1, 1, 1, False, False),
        ([3, 3, 3], [X, 4, X], 3, 1, 1, False, False),  # affected, but one graded again
        ([3, 3, 3], [4, 4, X], 3, 2, 2, True, True),
        ([X, X, 3], [5, 5, 4], 1, 1, 1, False, False),  # not graded at baseline is not affected
        ([0, 0, 0], [0, 1, 1], 3, 3, 2, True, True),  # the bottom of the scale
        ([X, X, X], [X, X, X], 0, 0, 0, False, False),
    ],
)
def test_judge_by_hand(baseline, follow_up, affected, compared, gained, evaluable, response):
    result = judge(np.array(baseline), np.array(follow_up), RULE, SCALE)
    assert result.n_affected == affected
    assert result.n_compared == compared
    assert result.n_gained == gained
    assert result.evaluable == evaluable
    assert result.response == response


def test_judge_with_a_larger_gain_more_muscles_and_another_limit():
    baseline, follow_up = (
        np.array([[1, 2, 3, 4], [1, 2, 3, 4]]),
        np.array([[3, 4, 5, 5], [3, 4, 4, 5]]),
    )
    strict = replace(RULE, gain=2, muscles=3, affected_below="4")
    result = judge(baseline, follow_up, strict, SCALE)
    assert result.n_affected.tolist() == [3, 3]
    assert result.n_gained.tolist() == [3, 2]
    assert result.response.tolist() == [True, False]


def test_judge_keeps_leading_axes():
    rng = np.random.default_rng(1)
    grades = rng.integers(-1, 6, size=(2, 3, 4, 7)), rng.integers(-1, 6, size=(2, 3, 4, 7))
    whole = judge(*grades, RULE, SCALE)
    for index in np.ndindex(2, 3, 4):
        alone = judge(grades[0][index], grades[1][index], RULE, SCALE)
        assert [field[index] for field in whole] == list(alone)


@given(
    st.lists(st.tuples(st.integers(-1, 5), st.integers(-1, 5)), max_size=8),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from(SCALE[1:]),
)
def test_judge_agrees_with_a_loop(sites, gain, muscles, limit):
    rule = replace(RULE, gain=gain, muscles=muscles, affected_below=limit)
    affected = [(b, f) for b, f in sites if b != X and b < int(limit)]
    again = [(b, f) for b, f in affected if f != X]
    gained = [b for b, f in again if f - b >= gain]
    codes = np.array(sites, dtype=int).reshape(-1, 2)
    result = judge(codes[:, 0], codes[:, 1], rule, SCALE)
    assert [int(field) for field in result] == [
        len(again) >= muscles,
        len(affected),
        len(again),
        len(gained),
        len(again) >= muscles and len(gained) >= muscles,
    ]


# --- visits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "baseline", "follow_up"),
    [
        ((0, 182), 0, 182),
        ((-30, 121), -30, 121),  # the edges of the windows are inside
        ((-31, 120), None, None),  # a day further is outside
        ((1, 244), None, None),
        ((0, 243), 0, 243),
        ((-20, -10, 0, 150, 200), 0, 200),  # the nearest of each window
        ((0, 172, 192), 0, 172),  # of two as near, the earlier
        ((-5, 170, 195), -5, 170),
    ],
)
def test_which_visits_are_compared(days, baseline, follow_up):
    pair = visit_pair(cohort_of({"A": dict.fromkeys(days, "333")}), SPEC)
    expected = [np.nan if day is None else day for day in (baseline, follow_up)]
    np.testing.assert_array_equal([pair.baseline_day[0], pair.follow_up_day[0]], expected)


def test_a_tie_at_baseline_goes_to_the_earlier():
    rule = replace(RULE, baseline_window_days=(-30, 30))
    spec = SimpleNamespace(scale=SCALE, collapse=(), response=rule)
    pair = visit_pair(cohort_of({"A": {7: "333", -7: "222", 182: "444"}}), spec)
    assert pair.baseline_day.tolist() == [-7]
    assert pair.baseline.tolist() == [[2, 2, 2]]


def test_a_visit_where_nothing_was_graded_is_no_visit():
    cohort = cohort_of({"A": {0: "333", 182: "...", 200: "444"}})
    assert visit_pair(cohort, SPEC).follow_up_day.tolist() == [200]


def test_grades_stand_at_their_site_whatever_was_graded_at_the_visit():
    cohort = cohort_of({"A": {0: "3.2", 182: ".45"}, "B": {0: "12", 182: "34"}})
    pair = visit_pair(cohort, SPEC)
    assert pair.baseline.tolist() == [[3, X, 2], [1, 2, X]]
    assert pair.follow_up.tolist() == [[X, 4, 5], [3, 4, X]]
    assert pair.sites["position"].tolist() == [0, 1, 2, 0, 1]


def test_the_two_sides_of_a_muscle_are_two_sites():
    rows = [
        ("A", day, "thumb abduction", side, grade)
        for day, grade in ((0, "3"), (182, "4"))
        for side in ("left", "right")
    ]
    grades = pd.DataFrame(rows, columns=["patient", "day", "muscle", "side", "grade"])
    with pytest.warns(CohortWarning):
        cohort = make_cohort(
            pd.DataFrame({"patient": ["A"], "naive": ["yes"]}), grades, synthetic=True
        )
    assert len(panel_sites(cohort.grades)) == 2
    row = judged(cohort).loc["A"]
    assert (row["n_affected"], row["n_gained"], bool(row["response"])) == (2, 2, True)


# --- responses and flow --------------------------------------------------------------------------

CASES = {
    "responder": {0: "345", 182: "455"},
    "not": {0: "345", 182: "345"},
    "no baseline": {10: "345", 182: "455"},
    "no follow-up": {0: "345", 91: "455", 300: "455"},
    "nothing": {60: "345"},
    "strong": {0: "455", 182: "555"},
    "strong, lost": {0: "455"},
    "half": {0: "344", 182: "4.."},
}


def test_every_patient_has_a_row_and_a_reason():
    with pytest.warns(CohortWarning) as caught:
        table = judge_responses(cohort_of(CASES), SPEC).set_index("patient")
    assert set(table.index) == set(CASES)
    assert table["reason"].to_dict() == {
        "responder": "",
        "not": "",
        "no baseline": NO_BASELINE,
        "no follow-up": NO_FOLLOW_UP,
        "nothing": NO_BASELINE,
        "strong": NOT_AFFECTED,
        "strong, lost": NO_FOLLOW_UP,
        "half": NOT_AGAIN,
    }
    assert [str(entry.message) for entry in caught] == [
        "6 of 8 patients are not evaluable "
        f"({NO_BASELINE}: 2; {NO_FOLLOW_UP}: 2; {NOT_AGAIN}: 1; {NOT_AFFECTED}: 1)."
    ]
    assert bool(table.loc["responder", "response"]) is True
    assert bool(table.loc["not", "response"]) is False
    out = table[table["reason"] != ""]
    assert out["response"].isna().all()
    assert out["n_gained"].isna().all()
    assert table["n_affected"].isna().to_dict() == {
        name: name in {"no baseline", "nothing"} for name in CASES
    }
    assert table.loc["half", "n_affected"] == 3
    assert [str(table[name].dtype) for name in ("response", "n_gained", "reason")] == [
        "boolean",
        "Int64",
        "str",
    ]


@pytest.mark.parametrize("synthetic", [True, False])
def test_the_table_of_responses_says_whether_it_is_synthetic(synthetic):
    cohort = replace(cohort_of({"A": {0: "344", 182: "455"}}), synthetic=synthetic)
    table = judge_responses(cohort, SPEC)
    assert list(table.columns) == [
        *("patient", "baseline_day", "follow_up_day", "n_affected", "n_gained", "response"),
        *("reason", "synthetic"),
    ]
    assert table["synthetic"].dtype == bool
    assert table["synthetic"].tolist() == [synthetic]


def test_no_warning_when_all_are_evaluable():
    table = judge_responses(cohort_of({"A": {0: "344", 182: "455"}}), SPEC)
    assert table["reason"].tolist() == [""]


def test_flow_counts_everyone_once():
    table = patient_flow(cohort_of(CASES, naive=["responder", "strong", "half", "nothing"]), SPEC)
    expected = [
        ("enrolled", 8, 4, 4),
        (f"left out: {NO_BASELINE}", 2, 1, 1),
        (f"left out: {NO_FOLLOW_UP}", 2, 0, 2),
        (f"left out: {NOT_AFFECTED}", 1, 1, 0),
        (f"left out: {NOT_AGAIN}", 1, 1, 0),
        ("evaluable", 2, 1, 1),
    ]
    columns = ["step", "all", "naive", "previously_treated"]
    assert list(table[columns].itertuples(index=False, name=None)) == expected
    assert table["synthetic"].all()


def test_a_grade_that_the_model_does_not_have_is_refused():
    cohort = cohort_of({"A": {0: "346", 182: "455"}}, scale=(*SCALE, "6"))
    with pytest.raises(DataError, match="does not cover") as caught:
        visit_pair(cohort, SPEC)
    assert caught.value.defects == (
        "grades: row position 2 of cohort.grades, day 0, m2 left: grade '6' is not on the model's "
        "scale (0, 1, 2, 3, 4, 5); use a model file whose scale has it, or whose [scale.collapse] "
        "says what it counts as.",
    )


def test_many_such_grades_are_counted_not_listed():
    cohort = cohort_of({"A": {0: "6666666", 182: "3333333"}}, scale=(*SCALE, "6"))
    with pytest.raises(DataError) as caught:
        visit_pair(cohort, SPEC)
    assert len(caught.value.defects) == 6
    assert caught.value.defects[-1] == ("grades: 2 more rows of the same kind; the grades are '6'.")


def test_a_scale_with_more_labels_than_the_cohort_used_gives_the_same():
    longer = SimpleNamespace(scale=("-", *SCALE), collapse=(), response=RULE)
    cohort = cohort_of(CASES)
    pd.testing.assert_frame_equal(judged(cohort, longer), judged(cohort))


# --- what must not change anything ---------------------------------------------------------------

VISIT_DAYS = st.sampled_from([-31, -30, -5, 0, 1, 120, 121, 160, 182, 204, 243, 244])
PANELS = st.text(alphabet="012345.", min_size=4, max_size=4)


@st.composite
def grade_rows(draw) -> pd.DataFrame:
    """Grades of three patients at random visits, muscles m0 and m1 on both sides."""
    rows = []
    for patient in ("A", "B", "C"):
        for day in draw(st.lists(VISIT_DAYS, unique=True, min_size=1, max_size=5)):
            sites = [(muscle, side) for muscle in ("m0", "m1") for side in ("left", "right")]
            grades = [None if grade == "." else grade for grade in draw(PANELS)]
            rows += [(patient, day, *at, g) for at, g in zip(sites, grades, strict=True)]
    frame = pd.DataFrame(rows, columns=["patient", "day", "muscle", "side", "grade"])
    frame.loc[len(frame)] = ["A", 400, "m0", "left", "5"]  # so that somebody was graded at all
    return frame


def judged_rows(frame, patients=("A", "B", "C")):
    people = pd.DataFrame({"patient": patients, "naive": ["yes", "no", "yes"]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        return judged(make_cohort(people, frame, synthetic=True))


@settings(max_examples=25)  # each makes whole cohorts
@given(grade_rows(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(frame, random):
    order = list(range(len(frame)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(judged_rows(frame.iloc[order]), judged_rows(frame))


@settings(max_examples=25)  # each makes whole cohorts
@given(grade_rows())
def test_left_and_right_are_alike(frame):
    swapped = frame.assign(side=frame["side"].map({"left": "right", "right": "left"}))
    pd.testing.assert_frame_equal(judged_rows(swapped), judged_rows(frame))


@settings(max_examples=25)  # each makes whole cohorts
@given(grade_rows(), st.permutations(["x 1", "01", "zeta"]), st.permutations(["M", "a b", "é"]))
def test_names_of_patients_and_muscles_do_not_matter(frame, patients, muscles):
    who = dict(zip("ABC", patients, strict=True))
    what = dict(zip(("m0", "m1"), muscles[:2], strict=True))
    renamed = frame.assign(patient=frame["patient"].map(who), muscle=frame["muscle"].map(what))
    result = judged_rows(renamed, list(who.values())).loc[list(who.values())]
    expected = judged_rows(frame)
    pd.testing.assert_frame_equal(result.reset_index(drop=True), expected.reset_index(drop=True))


@settings(max_examples=25)  # each makes whole cohorts
@given(grade_rows())
def test_flow_adds_up_in_every_column(frame):
    people = pd.DataFrame({"patient": ["A", "B", "C"], "naive": ["yes", "no", "yes"]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        table = patient_flow(make_cohort(people, frame, synthetic=True), SPEC)
    counts = table[["all", "naive", "previously_treated"]].to_numpy()
    np.testing.assert_array_equal(counts[0] - counts[1:-1].sum(axis=0), counts[-1])
    np.testing.assert_array_equal(counts[:, 0], counts[:, 1] + counts[:, 2])
    assert counts[0].tolist() == [3, 2, 1]
