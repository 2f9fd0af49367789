"""The scale of a model meets that of a cohort: folded, refused, and all the way on a finer one."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_log_density import INTERPRETED, Case, forward, judged_by_hand, some_point

from mmn_bayes.data.published import read_published
from mmn_bayes.data.reading import make_cohort, read_cohort, write_cohort
from mmn_bayes.data.response import graded_rows, judge_responses, scale_in_words, visit_pair
from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.sampling import fit
from mmn_bayes.errors import CohortWarning, DataError
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.outcomes.response import table as tables
from mmn_bayes.outcomes.response.observed import observed_response
from mmn_bayes.posterior.prior_predictive import prior_predictive
from mmn_bayes.simulation.cohort import simulate_cohort
from mmn_bayes.simulation.recipe import Recipe
from mmn_bayes.simulation.reproduction import reproduce_cohort

ROOT = Path(__file__).resolve().parents[1]
MODIFIED = ("0", "1", "2", "3-", "3", "3+", "4-", "4", "4+", "5-", "5")
TO_WHOLE = {"3-": "3", "3+": "3", "4-": "4", "4+": "4", "5-": "5"}
WEAK = "not normal"  # a label with a space in it


def spec_on(grades: Any, collapse: Any = None, affected_below: str = "5", **rule: Any) -> ModelSpec:
    """The strength model on another scale."""
    content = read_model(ROOT / "models" / "strength.toml").resolved
    content["scale"] = {"grades": list(grades)} | ({"collapse": collapse} if collapse else {})
    content["threshold"]["prior"]["concentration"] = [2.0] * len(grades)
    content["response"] |= {"affected_below": affected_below, **rule}
    return parse_model(content, "other")


def cohort_on(scale: Any, visits: dict[int, list[str]], patient: str = "A") -> Cohort:
    """One patient with a grade a muscle at each visit, and an infusion."""
    rows = [
        (patient, day, f"m{place}", "left", grade)
        for day, grades in visits.items()
        for place, grade in enumerate(grades)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        return make_cohort(
            pd.DataFrame({"patient": [patient], "naive": ["yes"]}),
            pd.DataFrame(rows, columns=["patient", "day", "muscle", "side", "grade"]),
            pd.DataFrame({"patient": [patient], "day": [0], "dose_g_per_kg": [2.0]}),
            scale=list(scale),
            synthetic=True,
        )


def codes(cohort: Cohort, spec: ModelSpec) -> list[int]:
    return graded_rows(cohort, spec).sort_values(["day", "muscle"])["code"].tolist()


def gained(cohort: Cohort, spec: ModelSpec) -> tuple[int, int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        row = judge_responses(cohort, spec).iloc[0]
    return row["n_affected"], row["n_gained"]


@pytest.fixture(scope="module")
def modified() -> Cohort:
    """A simulated cohort recorded on the modified scale, with plus and minus."""
    share = (0.03, 0.04, 0.05, 0.03, 0.04, 0.05, 0.06, 0.08, 0.10, 0.12, 0.40)
    whole = simulate_cohort(12, seed=11, recipe=Recipe(grade_probability=share))
    return relabelled(whole, dict(zip(whole.scale, MODIFIED, strict=True)), MODIFIED)


def relabelled(cohort: Cohort, label_of: dict[str, str], scale: Any) -> Cohort:
    grades = cohort.grades.assign(grade=cohort.grades["grade"].astype(str).map(label_of))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        return make_cohort(
            cohort.patients, grades, cohort.infusions, scale=scale, synthetic=cohort.synthetic
        )


# --- what the map does ----------------------------------------------------------------------------


def test_grades_are_counted_as_what_the_map_says() -> None:
    cohort = cohort_on("012345", {0: list("01234"), 182: list("22555")})
    spec = spec_on(("0-2", "3", "4", "5"), dict.fromkeys("012", "0-2"))
    assert codes(cohort, spec) == [0, 0, 0, 1, 2, 0, 0, 3, 3, 3]


def test_the_rule_counts_steps_of_the_folded_scale() -> None:
    # 0 to 2 is no step of the folded scale, 2 to 3 is one, 0 to 3 is one and not three.
    cohort = cohort_on("012345", {0: list("0024"), 182: list("2334")})
    fine, folded = spec_on("012345"), spec_on(("0-2", "3", "4", "5"), dict.fromkeys("012", "0-2"))
    assert gained(cohort, fine) == (4, 3)
    assert gained(cohort, folded) == (4, 2)
    two = {"gain": 2}
    assert gained(cohort, spec_on("012345", **two)) == (4, 2)
    steep = spec_on(("0-2", "3", "4", "5"), dict.fromkeys("012", "0-2"), **two)
    assert gained(cohort, steep) == (4, 0)


def test_affected_is_below_a_label_of_the_folded_scale() -> None:
    cohort = cohort_on(MODIFIED, {0: ["5-", "5", "4+", "3-"], 182: ["5", "5", "5-", "3"]})
    assert gained(cohort, spec_on(MODIFIED)) == (3, 3)
    assert gained(cohort, spec_on("012345", TO_WHOLE)) == (2, 1)  # 5- is 5, 3- is 3
    assert gained(cohort, spec_on(MODIFIED, affected_below="4", muscles=1)) == (1, 1)


def test_a_file_serves_a_cohort_that_does_not_record_what_it_folds() -> None:
    cohort = cohort_on("012345", {0: list("0145"), 182: list("1255")})
    folding = spec_on("012345", TO_WHOLE)
    assert codes(cohort, folding) == codes(cohort, spec_on("012345"))


def test_the_design_and_the_rule_judge_the_same_grades() -> None:
    cohort = cohort_on(MODIFIED, {0: ["3-", "4+", "5-"], 182: ["3+", "5", "5"]})
    spec = spec_on("012345", TO_WHOLE)
    design = make_design(cohort, spec)
    pair = visit_pair(cohort, spec)
    assert sorted(design["code"].to_numpy()) == sorted([*pair.baseline[0], *pair.follow_up[0]])
    assert sorted(pair.baseline[0]) == [3, 4, 5]
    assert design["grade"].to_numpy().tolist() == list("012345")
    stated = read_model(ROOT / "models" / "response.toml").resolved
    stated["scale"]["collapse"] = TO_WHOLE
    of_response = make_design(cohort, parse_model(stated, "response"))
    assert of_response["response"].to_numpy() == design["response"].to_numpy() == 0
    assert of_response["n_affected"].to_numpy() == design["n_affected"].to_numpy() == 2


@settings(max_examples=15)  # each makes whole cohorts
@given(
    st.lists(st.sampled_from("012345"), min_size=4, max_size=4),
    st.lists(st.sampled_from("012345"), min_size=4, max_size=4),
    st.lists(st.integers(0, 3), min_size=6, max_size=6).map(sorted),
    st.integers(1, 3),
)
def test_folding_in_the_model_is_folding_the_table(
    before: list[str], after: list[str], target: list[int], gain: int
) -> None:
    labels = ("poor", "fair", "good", "best of all")
    fold = dict(zip("012345", (labels[place] for place in target), strict=True))
    spec = spec_on(labels, fold, affected_below=labels[-1], gain=gain)
    by_hand = [[fold[grade] for grade in grades] for grades in (before, after)]
    table = cohort_on(labels, dict(zip((0, 182), by_hand, strict=True)))
    plain = spec_on(labels, affected_below=labels[-1], gain=gain)
    cohort = cohort_on("012345", {0: before, 182: after})
    assert codes(cohort, spec) == codes(table, plain)
    assert str(gained(cohort, spec)) == str(gained(table, plain))  # as text: may be missing


# --- what is refused ------------------------------------------------------------------------------


def test_a_map_that_turns_two_grades_round_is_refused() -> None:
    cohort = cohort_on("012345", {0: list("0145"), 182: list("1255")})
    spec = spec_on(
        ("low", "3", "high"), {**dict.fromkeys("014", "low"), "2": "3", "5": "high"}, "3"
    )
    with pytest.raises(DataError, match="scale contradicts the cohort's") as caught:
        graded_rows(cohort, spec)
    assert caught.value.defects == (
        "scale: '3' is below '4' in the cohort, but counts as '3' and '4' as 'low' in the model, "
        "whose order is low, 3, high; give both one order, lowest first.",
    )


def test_every_pair_turned_round_and_every_unknown_grade_come_at_once() -> None:
    cohort = cohort_on("0123456", {0: list("0166"), 182: list("1266")})
    with pytest.raises(DataError, match="scale contradicts the cohort's") as caught:
        make_design(cohort, spec_on("103254"))
    assert len(caught.value.defects) == 7
    assert [defect.split("'")[1] for defect in caught.value.defects[:3]] == ["0", "2", "4"]
    assert all("grade '6' is not on the model's" in said for said in caught.value.defects[3:])


def test_a_grade_neither_of_the_scale_nor_in_the_map_is_refused() -> None:
    cohort = cohort_on(MODIFIED, {0: ["3-", "4+"], 182: ["3-", "5"]})
    with pytest.raises(DataError, match="does not cover the cohort's grades") as caught:
        judge_responses(cohort, spec_on("012345", {"4+": "4"}))
    assert caught.value.defects == tuple(
        f"grades: row position {row} of cohort.grades, day {day}, m0 left: grade '3-' is not on "
        "the model's scale (0, 1, 2, 3, 4, 5); use a model file whose scale has it, or whose "
        "[scale.collapse] says what it counts as."
        for row, day in ((0, 0), (2, 182))
    )


def test_many_such_grades_are_counted_and_each_label_is_named() -> None:
    cohort = cohort_on(MODIFIED, {0: ["3-", "3-", "4+", "4-"], 182: ["3-", "3-", "5-", "5"]})
    with pytest.raises(DataError) as caught:
        graded_rows(cohort, spec_on("012345"))
    assert caught.value.defects[-1] == (
        "grades: 2 more rows of the same kind; the grades are '3-', '4+', '4-', '5-'."
    )


def test_a_label_that_nobody_was_given_need_not_have_a_place() -> None:
    cohort = cohort_on(MODIFIED, {0: ["3-", "4"], 182: ["3-", "5"]})
    assert codes(cohort, spec_on("012345", {"3-": "3"})) == [3, 4, 3, 5]


# --- words ----------------------------------------------------------------------------------------


def test_the_scale_is_named_where_it_is_not_the_usual_one() -> None:
    assert scale_in_words(spec_on("012345")) == ""
    assert scale_in_words(spec_on(("0", "3", "5"))) == "on the scale 0, 3, 5"
    fold = {"0": "0-2", "1": "0-2", "2": "0-2", "5-": "5"}
    assert scale_in_words(spec_on(("0-2", "3", "4", "5"), fold)) == (
        "on the scale 0-2, 3, 4, 5 (0, 1, 2 count as 0-2; 5- counts as 5)"
    )
    assert scale_in_words(spec_on("012345", {"5-": "5"})) == (
        "on the scale 0, 1, 2, 3, 4, 5 (5- counts as 5)"
    )


# --- all the way ----------------------------------------------------------------------------------


def test_a_modified_scale_is_read_as_it_was_written(modified: Cohort, tmp_path: Path) -> None:
    write_cohort(modified, tmp_path / "cohort")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        again = read_cohort(tmp_path / "cohort")
    assert again.scale == MODIFIED
    pd.testing.assert_frame_equal(again.grades, modified.grades)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(spec_on(MODIFIED, gain=2), id="as recorded"),
        pytest.param(spec_on("012345", TO_WHOLE), id="whole grades"),
        pytest.param(spec_on((WEAK, "5"), dict.fromkeys(MODIFIED[:-1], WEAK)), id="two grades"),
    ],
)
class TestModifiedScale:
    def test_rule_and_design_are_those_judged_by_hand(
        self, modified: Cohort, spec: ModelSpec
    ) -> None:
        design = make_design(modified, spec)
        found = pd.Series(design["response"].to_numpy(), index=design["patient"].to_numpy())
        expected = judged_by_hand(spec, modified)
        assert {who: bool(value) for who, value in found[found >= 0].items()} == expected
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CohortWarning)
            row = observed_response(modified, spec).iloc[0]
        assert (row["events"], row["n"]) == (sum(expected.values()), len(expected))
        assert 0 < row["events"] < row["n"]

    def test_its_log_density_is_that_of_the_second_author(
        self, modified: Cohort, spec: ModelSpec
    ) -> None:
        case = Case(spec, modified, INTERPRETED)
        point = some_point(spec, modified, 6)
        expected = case.answers.log_density(point)
        assert np.isfinite(expected)
        got = case.log_density(forward(case.model, point, case))
        assert got == pytest.approx(expected, rel=1e-8, abs=0)


@pytest.mark.slow
@pytest.mark.draws
def test_two_grades_go_all_the_way_to_a_table(modified: Cohort) -> None:
    # Holds for any draws: failure probability 0.
    content = spec_on((WEAK, "5"), dict.fromkeys(MODIFIED[:-1], WEAK)).resolved
    # What two grades have nothing to do with would only be compiled.
    for name in ("gain", "exposure", "predictor"):
        del content[name]
    del content["group"]["patient_gain"]
    spec = parse_model(content, "two_grades")
    tree = fit(modified, spec, seed=1, chains=2, draws=60, tune=60, progress="off")
    assert tree["posterior"].sizes["threshold"] == 1
    assert tree["posterior"]["threshold"].to_numpy().tolist() == [f"{WEAK}|5"]
    table = tables.response_table(tree, by="naive")
    assert table["estimate"].between(0.0, 1.0).all()
    assert tables.table_notes(tree, table)[0].endswith(f"count as {WEAK}).")
    implied = prior_predictive(modified, spec, seed=1, draws=5)
    shares = implied[implied["quantity"].str.startswith("share of muscles at grade")]
    assert shares["estimate"].sum() == pytest.approx(1.0)


def test_the_published_margins_are_reached_under_a_folded_scale_too() -> None:
    published = read_published(ROOT / "data" / "leger2008")
    spec = spec_on(("0-2", "3", "4", "5"), dict.fromkeys("012", "0-2"))
    cohort = reproduce_cohort(
        published["counts"], published["measurements"], rule_holder=spec, seed=1
    )
    assert cohort.scale == tuple("012345")
    with pytest.warns(CohortWarning, match="not evaluable"):
        table = observed_response(cohort, spec, by="naive")
    naive = table[table["naive"].astype(bool)].iloc[0]
    assert (naive["events"], naive["n"]) == (14, 20)
