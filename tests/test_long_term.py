import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, chi2

from mmn_bayes.data.published import read_published
from mmn_bayes.data.reading import make_cohort, read_cohort
from mmn_bayes.errors import CohortWarning, DataError
from mmn_bayes.outcomes.classes.observed import class_bounds, observed_classes, published_classes
from mmn_bayes.outcomes.evidence.observed import recompute

ROOT = Path(__file__).resolve().parents[1]
LEVELS = ["remission", "dependent", "other"]
EVIDENCE = pd.read_csv(ROOT / "data" / "evidence" / "longterm_groups.csv")


@pytest.fixture(scope="module")
def published_cohort():
    return read_cohort(ROOT / "data" / "leger2008_cohort")


def cohort_of(states, naive=None, synthetic=True):
    """Cohort from {patient: {day: state}}; a patient without a day has no row."""
    names = list(states)
    rows = [(who, day, state) for who, days in states.items() for day, state in days.items()]
    status = pd.DataFrame(rows, columns=["patient", "day", "status"]) if rows else None
    patients = pd.DataFrame({"patient": names, "naive": naive or ["yes"] * len(names)})
    grades = pd.DataFrame({"patient": names, "day": 0, "muscle": "m", "side": "left", "grade": "3"})
    with warnings.catch_warnings():  # grades that nobody had
        warnings.simplefilter("ignore", CohortWarning)
        return make_cohort(patients, grades, status=status, synthetic=synthetic)


def exact(table, denominator="classified"):
    chosen = table["interval"].eq("clopper-pearson") & table["denominator"].eq(denominator)
    return table[chosen].set_index("class")


# --- observed classes ----------------------------------------------------------------------------


def test_the_published_classes_are_counted_under_both_denominators(published_cohort):
    table = observed_classes(published_cohort, levels=LEVELS)
    assert table["synthetic"].all()
    for denominator, n in (("classified", 37), ("enrolled", 40)):
        found = exact(table, denominator)
        assert found.index.tolist() == LEVELS
        assert found["events"].tolist() == [8, 25, 4]
        assert found["n"].tolist() == [n] * 3
        assert found["missing"].tolist() == [3] * 3
        assert found["estimate"].tolist() == [8 / n, 25 / n, 4 / n]
        assert found.loc["remission", ["lower", "upper"]].tolist() == pytest.approx(
            [beta.ppf(0.025, 8, n - 7), beta.ppf(0.975, 9, n - 8)]
        )


def test_the_printed_percentages_hold_for_the_classified_and_not_for_the_enrolled():
    counts = read_published(ROOT / "data" / "leger2008")["counts"]
    table = recompute(counts, {"classified": 37, "enrolled": 40})
    table = table[table["quantity"].isin(["remission", "dependent"])]
    assert table.groupby("n_kind")["agrees"].agg(["all", "any"]).to_numpy().tolist() == [
        [True, True],
        [False, False],
    ]


def test_goodman_solves_its_quadratic_and_the_unclassified_are_one_class_more(published_cohort):
    table = observed_classes(published_cohort, levels=LEVELS, level=0.9)
    found = table[table["interval"] == "goodman simultaneous"]
    for denominator, n, classes in (("classified", 37, 3), ("enrolled", 40, 4)):
        rows = found[found["denominator"] == denominator]
        critical = chi2.ppf(1 - 0.1 / classes, 1)
        for limit in (rows["lower"], rows["upper"]):
            gap = n * (rows["estimate"] - limit) ** 2 - critical * limit * (1 - limit)
            assert gap.to_numpy() == pytest.approx(np.zeros(3), abs=1e-12)


def test_the_last_status_counts_whatever_the_order_of_the_rows():
    cohort = cohort_of({"A": {900: "r", -20: "d"}, "B": {10: "r", 400: "d"}, "C": {}})
    found = exact(observed_classes(cohort))
    assert found["events"].to_dict() == {"d": 1, "r": 1}  # by name, where no order is given
    assert found["n"].tolist() == [2, 2]
    assert found["missing"].tolist() == [1, 1]
    turned = replace(cohort, status=cohort.status.iloc[::-1])
    pd.testing.assert_frame_equal(observed_classes(turned), observed_classes(cohort))


def test_an_empty_class_stays_and_its_limits_touch_the_ends():
    table = observed_classes(cohort_of({"A": {9: "d"}, "B": {9: "d"}}), levels=["r", "d"])
    none, everybody = (table[table["class"] == name] for name in ("r", "d"))
    assert none["events"].tolist() == [0] * 4
    assert none["lower"].tolist() == [0.0] * 4
    assert everybody["upper"].tolist() == [1.0] * 4
    assert table["upper"].between(0, 1).all()


def test_groups_are_by_any_column_and_one_without_a_class_has_no_share():
    cohort = cohort_of({"A": {9: "d"}, "B": {9: "r"}, "C": {}}, ["no", "no", "yes"], False)
    table = observed_classes(cohort, by="naive")
    assert not table["synthetic"].any()
    assert table["naive"].tolist() == 2 * ([False] * 4 + [True] * 4)
    classified = table[(table["denominator"] == "classified") & table["naive"]]
    assert classified["n"].tolist() == [0] * 4
    assert classified["missing"].tolist() == [1] * 4
    assert classified[["estimate", "lower", "upper"]].isna().all(axis=None)
    enrolled = table[(table["denominator"] == "enrolled") & table["naive"].astype(bool)]
    assert enrolled["n"].tolist() == [1] * 4
    assert enrolled["missing"].tolist() == [1] * 4
    assert enrolled["estimate"].tolist() == [0.0] * 4
    assert (enrolled["lower"] == 0).all()


def test_a_single_patient_in_a_single_class():
    table = observed_classes(cohort_of({"A": {9: "d"}}))
    assert table["estimate"].tolist() == [1.0] * 4
    assert table["upper"].tolist() == [1.0] * 4
    exact_lower = table.loc[table["interval"] == "clopper-pearson", "lower"]
    assert exact_lower.tolist() == pytest.approx([0.025, 0.025])


@settings(max_examples=25)
@given(st.lists(st.sampled_from(["r", "d", "o", ""]), min_size=1, max_size=30))
def test_every_patient_is_in_one_class_or_missing(states):
    cohort = cohort_of({f"P{i}": {9: s} if s else {} for i, s in enumerate(states)})
    if cohort.status is None:
        return
    table = observed_classes(cohort, levels=["r", "d", "o"])
    for denominator in ("classified", "enrolled"):
        found = exact(table, denominator)
        assert (found["events"].sum() + found["missing"]).tolist() == [len(states)] * 3
        assert found["events"].to_dict() == {name: states.count(name) for name in "rdo"}
    assert (table["lower"] <= table["estimate"] + 1e-12).all()
    assert (table["estimate"] <= table["upper"] + 1e-12).all()


# --- what cannot be counted ----------------------------------------------------------------------


def test_an_unknown_state_is_named_with_its_row_and_cure(published_cohort):
    cohort = cohort_of({"A": {9: "r"}, "B": {-5: "cured", 9: "r"}})
    with pytest.raises(DataError, match="The states cannot be used") as caught:
        observed_classes(cohort, levels=["r", "d"])
    assert caught.value.defects == (
        "status: row position 1 of cohort.status, day -5: 'cured' is not one of the levels (r, d); "
        "correct it or add it to `levels`.",
    )
    with pytest.raises(DataError) as caught:
        class_bounds(published_cohort, levels=["remission"])
    assert len(caught.value.defects) == 6
    assert caught.value.defects[-1] == "status: 24 more rows of the same kind."


def test_a_cohort_without_status_is_refused():
    cohort = cohort_of({"A": {}})
    emptied = cohort_of({"A": {9: "r"}})
    emptied = replace(emptied, status=emptied.status.head(0))
    for each in (cohort, emptied):
        for function in (observed_classes, class_bounds):
            with pytest.raises(DataError, match="no such table, or no row in it; add it"):
                function(each)


@pytest.mark.parametrize("levels", [[], ["r", "r"], "r"])
def test_levels_that_are_no_list_of_states_are_refused(levels):
    with pytest.raises(ValueError, match="list every state once"):
        observed_classes(cohort_of({"A": {9: "r"}}), levels=levels)


def test_illegal_arguments_are_refused():
    cohort = cohort_of({"A": {9: "r"}})
    with pytest.raises(ValueError, match="confidence level is 95"):
        observed_classes(cohort, level=95)
    with pytest.raises(ValueError, match="no column 'navie'"):
        class_bounds(cohort, by="navie")
    clashing = replace(cohort, patients=cohort.patients.assign(**{"class": "x"}))
    with pytest.raises(ValueError, match="column class has the name of ours"):
        observed_classes(clashing, by="class")


# --- bounds --------------------------------------------------------------------------------------


def test_the_bounds_give_a_class_none_and_all_of_the_unclassified(published_cohort):
    table = class_bounds(published_cohort, levels=LEVELS)
    assert table["class"].tolist() == LEVELS
    assert table["least_events"].tolist() == [8, 25, 4]
    assert table["most_events"].tolist() == [11, 28, 7]
    assert table["least"].tolist() == [8 / 40, 25 / 40, 4 / 40]
    assert table["most"].tolist() == [11 / 40, 28 / 40, 7 / 40]
    assert table.columns[-1] == "synthetic"
    groups = class_bounds(published_cohort, levels=LEVELS, by="naive")
    assert groups["n"].tolist() == [18] * 3 + [22] * 3
    summed = groups.groupby("class")["most_events"].sum()
    assert summed.to_dict() == {"remission": 11, "dependent": 28, "other": 7}


# --- other studies -------------------------------------------------------------------------------


def test_the_groups_of_other_studies_have_exact_intervals_and_their_follow_up():
    table = published_classes(EVIDENCE)
    assert set(table["disease"]) == {"MMN"}
    own = table[table["study"] == "Leger2008"]
    assert own["events"].tolist() == [8, 25, 4]
    assert own["n"].tolist() == [37] * 3
    assert own["follow_up"].tolist() == ["mean 2.2 (SD 2.0) y"] * 3
    assert own["lower"].iloc[0] == pytest.approx(beta.ppf(0.025, 8, 30))
    assert own["upper"].iloc[0] == pytest.approx(beta.ppf(0.975, 9, 29))
    unlisted = table.drop_duplicates("study").set_index("study")["unlisted"]
    assert unlisted[unlisted > 0].to_dict() == {"Aotsuka2024": 31}
    assert len(published_classes(EVIDENCE, disease=None)) == len(EVIDENCE)
    pd.testing.assert_frame_equal(
        published_classes(EVIDENCE.astype("str"), level=0.9)[["events", "lower"]],
        published_classes(EVIDENCE, level=0.9)[["events", "lower"]],
    )


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (1, "count", 26, "row 0, study 'Leger2008': the counts of the study add up to more than n"),
        (1, "count", 38, "row 1, study 'Leger2008': n and count must be whole numbers"),
        (1, "count", np.nan, "row 1, study 'Leger2008': n and count must be whole numbers"),
        (4, "count", 6.5, "row 4, study 'Delmont2007': n and count must be whole numbers"),
        (4, "n", 18, "row 3, study 'Delmont2007': n differs within the study"),
        (4, "category", "no response", "row 5, .*: the category is there already"),
    ],
)
def test_evidence_that_makes_no_shares_is_refused(row, column, value, message):
    evidence = EVIDENCE.astype({"count": "float64"})
    evidence.loc[row, column] = value
    with pytest.raises(DataError, match=message):
        published_classes(evidence)


def test_an_unknown_disease_or_an_absent_column_is_refused():
    with pytest.raises(ValueError, match="No study of 'ALS'; the evidence has CIDP, MMN"):
        published_classes(EVIDENCE, disease="ALS")
    with pytest.raises(ValueError, match="no column 'follow_up'"):
        published_classes(EVIDENCE.drop(columns="follow_up"))
