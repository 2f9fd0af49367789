"""The reproduction cohort: exact where something was published, honest about the rest."""

import subprocess
import sys
import tomllib
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmn_bayes.data.margins import block_counts, cohort_margins, follow_up_years
from mmn_bayes.data.published import read_published
from mmn_bayes.data.reading import make_cohort, read_cohort
from mmn_bayes.data.response import judge_responses, patient_flow
from mmn_bayes.errors import CohortWarning, DataError
from mmn_bayes.model_file.reading import read_model
from mmn_bayes.predictors.observed_univariable import univariable_tests
from mmn_bayes.simulation import reproduction
from mmn_bayes.simulation.recipe import Recipe, truth_of
from mmn_bayes.simulation.reproduction import reproduce_cohort
from mmn_bayes.simulation.targets import read_targets

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "data" / "leger2008_cohort"
SPEC = read_model(ROOT / "models" / "strength.toml")
PUBLISHED = read_published(ROOT / "data" / "leger2008")
COUNTS, MEASUREMENTS = PUBLISHED["counts"], PUBLISHED["measurements"]


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(FOLDER)  # warnings are errors: there is nothing odd in it


@pytest.fixture(scope="module")
def judged(cohort):
    with pytest.warns(CohortWarning, match="2 of 40 patients are not evaluable"):
        return judge_responses(cohort, SPEC)


def reproduce(seed=11, counts=COUNTS, measurements=MEASUREMENTS, recipe=None):
    return reproduce_cohort(counts, measurements, rule_holder=SPEC, seed=seed, recipe=recipe)


# --- the committed cohort ------------------------------------------------------------------------


def test_the_script_writes_the_committed_files_byte_for_byte(tmp_path):
    written, script = tmp_path / "cohort", ROOT / "scripts" / "simulate_cohort.py"
    subprocess.run([sys.executable, str(script), str(written)], check=True)
    names = {file.name for file in written.iterdir()}
    assert names == {file.name for file in FOLDER.iterdir()} - {"README.md"}
    assert names >= {"patients.csv", "grades.csv", "cohort.toml", "truth.toml"}
    for name in sorted(names):
        assert (written / name).read_bytes() == (FOLDER / name).read_bytes(), name


def test_every_published_count_is_exact(cohort):
    counted = cohort_margins(cohort, SPEC).set_index(["quantity", "group"])[["events", "n"]]
    printed = COUNTS[COUNTS["events"].notna()].set_index(["quantity", "group"])[["events", "n"]]
    pd.testing.assert_frame_equal(
        counted.sort_index(), printed.astype("int64").sort_index(), check_index_type=False
    )


def test_the_counts_of_the_brief_by_the_package_rules(cohort, judged):
    table = patient_flow(cohort, SPEC).set_index("step")
    assert table.loc["enrolled", ["all", "naive", "previously_treated"]].tolist() == [40, 22, 18]
    assert table.loc["evaluable", ["all", "naive", "previously_treated"]].tolist() == [38, 20, 18]
    assert table.loc["left out: no visit in the follow-up window", "naive"] == 2
    naive = cohort.patients["naive"].to_numpy()
    assert judged.loc[naive, "response"].sum() == 14
    assert cohort.status["status"].value_counts().to_dict() == {
        "dependent": 25,
        "remission": 8,
        "other": 4,
    }
    assert cohort.status["patient"].is_unique
    # Blocks straight from the table, without the package: first and last count of a responder.
    responder = cohort.patients.loc[naive & judged["response"].fillna(False), "patient"]
    blocks = cohort.blocks[cohort.blocks["patient"].isin(responder)].groupby("patient")["n_blocks"]
    change = blocks.last() - blocks.first()
    assert ((change <= 0).sum(), (change > 0).sum()) == (12, 2)


def test_follow_up_has_the_published_mean_and_sd(cohort):
    years = cohort.grades.groupby("patient")["day"].max() / 365.25
    printed = MEASUREMENTS[MEASUREMENTS["quantity"] == "follow_up"].set_index("statistic")["value"]
    assert f"{years.mean():.1f}" == f"{printed['mean']:.1f}" == "2.2"
    assert f"{years.std(ddof=1):.1f}" == f"{printed['sd']:.1f}" == "2.0"
    np.testing.assert_allclose(follow_up_years(cohort), years)


def test_no_candidate_predictor_is_significant(cohort, judged):
    blocks = block_counts(cohort, SPEC.response).set_index("patient")["baseline"]
    patients = cohort.patients.assign(n_blocks=cohort.patients["patient"].map(blocks))
    naive = patients[patients["naive"]]
    of_naive = judged[judged["patient"].isin(naive["patient"])]
    candidates = [*cohort.predictors, "n_blocks"]
    table = univariable_tests(of_naive, naive, candidates, synthetic=True)
    assert len(table) == 6
    assert (table["n"] == 20).all()
    assert (table["p_value"] >= 0.05).all()
    own = reproduction._p_values(cohort, SPEC)
    np.testing.assert_allclose([own[name] for name in candidates], table["p_value"])


def test_it_says_that_it_is_synthetic(cohort):
    assert cohort.synthetic is True
    assert "synthetic" in cohort.title.lower()
    assert "simulated" in cohort.source
    assert "no real patient" in cohort.source
    assert "No patient is in here" in (FOLDER / "README.md").read_text(encoding="utf-8")
    assert cohort.warnings.empty


def test_the_order_of_patients_tells_nothing_at_a_glance(cohort, judged):
    assert cohort.patients["patient"].tolist() == [f"P{number:02d}" for number in range(1, 41)]
    naive = cohort.patients["naive"].to_numpy().astype(int)
    assert np.abs(np.diff(naive)).sum() > 10  # in two blocks there would be one change
    response = judged["response"].fillna(False).to_numpy().astype(int)
    assert np.abs(np.diff(response)).sum() > 10


def test_remission_came_after_a_good_response_or_earlier_treatment(cohort, judged):
    rows = cohort.status.merge(judged, on="patient").merge(cohort.patients, on="patient")
    remission = rows[rows["status"] == "remission"]
    assert (remission["response"] | ~remission["naive"]).all()
    assert (remission["day"] >= 365).all()


def test_the_truth_beside_the_cohort_is_that_of_the_recipe():
    truth = truth_of(Recipe())
    written = tomllib.loads((FOLDER / "truth.toml").read_text(encoding="utf-8"))
    assert written == {**truth, "cutpoints": list(truth["cutpoints"])}


# --- the verb ------------------------------------------------------------------------------------


def test_another_seed_gives_another_cohort_with_the_same_margins(cohort):
    other = reproduce(seed=12)
    assert other != cohort
    assert other.truth == truth_of(Recipe())
    margins = cohort_margins(cohort, SPEC)
    pd.testing.assert_frame_equal(cohort_margins(other, SPEC), margins)


def changed(**events) -> pd.DataFrame:
    counts = COUNTS.copy()
    for quantity, value in events.items():
        counts.loc[counts["quantity"] == quantity, "events"] = value
    return counts


def test_every_target_is_read_from_the_tables():
    counts = changed(
        **{"response_6_months": 12, "blocks_fewer_or_unchanged": 9, "blocks_more": 3},
        **{"remission": 6, "other_long_term": 6},
    )
    measurements = MEASUREMENTS.copy()
    measurements.loc[measurements["statistic"] == "mean", "value"] = 2.4
    other = reproduce(counts=counts, measurements=measurements)
    counted = cohort_margins(other, SPEC).set_index("quantity")["events"]
    assert counted[["response_6_months", "blocks_more", "remission"]].tolist() == [12, 3, 6]
    assert counted[["other_long_term", "dependent"]].tolist() == [6, 25]
    assert f"{follow_up_years(other).mean():.1f}" == "2.4"


def test_counts_that_do_not_add_up_are_refused_all_at_once():
    with pytest.raises(DataError) as caught:
        read_targets(changed(naive=23, remission=9), MEASUREMENTS)
    text = "\n".join(caught.value.defects)
    assert len(caught.value.defects) == 3
    assert "naive + previously_treated is 41, but 'enrolled' is 40" in text
    assert "evaluable_6_months + missing_6_months is 22, but 'naive' is 23" in text
    assert "remission + dependent + other_long_term is 38" in text


def test_missing_figures_are_named():
    counts = COUNTS[~COUNTS["quantity"].isin(["dependent", "blocks_more"])]
    measurements = MEASUREMENTS[MEASUREMENTS["statistic"] != "sd"]
    with pytest.raises(DataError) as caught:
        read_targets(counts, measurements)
    assert caught.value.defects == (
        "counts: no count of 'blocks_more'; add its row.",
        "counts: no count of 'dependent'; add its row.",
        "measurements: no sd of 'follow_up'; add its row.",
    )


def test_margins_that_no_try_reaches_end_in_a_sentence(monkeypatch):
    monkeypatch.setattr(reproduction, "TRIES", 2)
    monkeypatch.setattr(reproduction, "FOLLOW_UP_DRAWS", 50)
    with pytest.raises(RuntimeError, match="None of 2 tries with seed 11"):
        reproduce(recipe=replace(Recipe(), follow_up_mean_years=9.0))


@pytest.mark.parametrize("broken", ["counts", "follow_up", "predictor"])
def test_a_cohort_that_misses_one_margin_is_not_accepted(cohort, judged, broken):
    targets = read_targets(COUNTS, MEASUREMENTS)
    assert reproduction._has_margins(cohort, targets, SPEC)
    patients = cohort.patients.copy()
    if broken == "counts":
        targets = targets._replace(counts={**targets.counts, "remission": 9})
    elif broken == "follow_up":
        targets = targets._replace(follow_up_sd=2.1)
    else:
        patients["anti_gm1"] = judged["response"].fillna(False).to_numpy(dtype=bool)
    other = replace(cohort, patients=patients)
    assert not reproduction._has_margins(other, targets, SPEC)


# --- the margins of any cohort -------------------------------------------------------------------


def small_cohort(blocks=None, status=None):
    grades = pd.DataFrame(
        [
            (who, day, muscle, "left", grade)
            for who, after in (("A", "4"), ("B", "4"), ("C", "3"))
            for day, grade in ((0, "3"), (182, after))
            for muscle in ("m1", "m2")
        ],
        columns=["patient", "day", "muscle", "side", "grade"],
    )
    patients = pd.DataFrame({"patient": ["A", "B", "C"], "naive": ["yes", "yes", "no"]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        return make_cohort(patients, grades, blocks=blocks, status=status, synthetic=True)


BLOCKS = pd.DataFrame(
    [
        *(("A", -40, 9), ("A", -10, 2), ("A", 172, 2), ("A", 192, 5), ("A", 300, 8)),
        *(("B", 0, 3), ("C", 0, 1), ("C", 200, 4)),
    ],
    columns=["patient", "day", "n_blocks"],
)


def test_blocks_are_taken_at_the_visits_of_the_rule():
    table = block_counts(small_cohort(blocks=BLOCKS), SPEC.response)
    assert table["patient"].tolist() == ["A", "B", "C"]
    np.testing.assert_array_equal(table["baseline"], [2, 3, 1])
    np.testing.assert_array_equal(table["follow_up"], [2, np.nan, 4])


def test_margins_by_hand():
    status = pd.DataFrame(
        [("A", 300, "dependent"), ("A", 900, "remission"), ("C", 400, "other")],
        columns=["patient", "day", "status"],
    )
    table = cohort_margins(small_cohort(BLOCKS, status), SPEC)
    assert table.set_index("quantity")[["events", "n"]].apply(tuple, axis=1).to_dict() == {
        "enrolled": (3, 3),
        "naive": (2, 3),
        "previously_treated": (1, 3),
        "evaluable_6_months": (2, 2),
        "missing_6_months": (0, 2),
        "response_6_months": (2, 2),
        "long_term_classified": (2, 3),
        "long_term_not_classified": (1, 3),
        "remission": (1, 2),  # the last status counts
        "dependent": (0, 2),
        "other_long_term": (1, 2),
        "blocks_fewer_or_unchanged": (1, 1),  # A: 2 and 2; B has no count at follow-up
        "blocks_more": (0, 1),
    }
    assert table["synthetic"].all()


def test_margins_without_blocks_or_status_say_what_is_missing():
    with pytest.raises(DataError, match="blocks: no such table"):
        block_counts(small_cohort(), SPEC.response)
    with pytest.raises(DataError, match="status: no such table"):
        cohort_margins(small_cohort(BLOCKS), SPEC)
