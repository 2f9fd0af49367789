"""Exposure on any day, against a slow loop that shares no code with it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmn_bayes.data.exposure import (
    cumulative_dose,
    days_since_first_infusion,
    days_since_last_infusion,
    dose_in_effect,
    dose_rate,
    infusion_exposure,
    number_of_infusions,
)
from mmn_bayes.data.reading import make_cohort
from mmn_bayes.engine import effect_compartment
from mmn_bayes.engine.design import make_design
from mmn_bayes.errors import DataError
from mmn_bayes.model_file.reading import read_model
from mmn_bayes.simulation.cohort import simulate_cohort

PATIENTS = ("1", "001", "B", "Ünal")
DAYS = st.integers(-3000, 3000)
DOSES = st.floats(0.05, 3.0)
WINDOWS = st.integers(1, 400)


def table(rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["patient", "day", "dose_g_per_kg"])
    return frame.astype({"patient": "str", "day": "float64", "dose_g_per_kg": "float64"})


@st.composite
def infusion_tables(draw) -> pd.DataFrame:
    keys = draw(st.lists(st.tuples(st.sampled_from(PATIENTS), DAYS), unique=True, max_size=25))
    return table([(*key, draw(DOSES)) for key in keys])


@st.composite
def asked_days(draw) -> tuple[np.ndarray, np.ndarray]:
    asked = draw(st.lists(st.tuples(st.sampled_from(PATIENTS), DAYS), min_size=1, max_size=12))
    return (
        np.array([who for who, _ in asked], dtype=object),
        np.array([day for _, day in asked], dtype=float),
    )


def slow(patient, day, infusions, window=np.inf):
    """Days since the first infusion, and dose on days from `day - window` to before `day`."""
    given = list(zip(*(infusions[name] for name in infusions), strict=True))
    since, dose = [], []
    for who, when in zip(patient, day, strict=True):
        own = [(on, amount) for someone, on, amount in given if someone == who]
        since.append(max(when - min(on for on, _ in own), 0.0) if own else 0.0)
        dose.append(sum(amount for on, amount in own if when - window <= on < when))
    return np.array(since), np.array(dose)


@given(infusion_tables(), asked_days(), WINDOWS)
def test_all_three_agree_with_a_slow_loop(infusions, asked, window):
    since, total = slow(*asked, infusions)
    _, recent = slow(*asked, infusions, window)
    np.testing.assert_array_equal(days_since_first_infusion(*asked, infusions), since)
    np.testing.assert_allclose(cumulative_dose(*asked, infusions), total, atol=1e-11)
    rate = dose_rate(*asked, infusions, window_days=window)
    np.testing.assert_allclose(rate, recent * 7 / window, atol=1e-10)


@given(infusion_tables(), asked_days(), WINDOWS, st.integers(-2000, 2000))
def test_only_differences_of_days_matter(infusions, asked, window, shift):
    patient, day = asked
    later = infusions.assign(day=infusions["day"] + shift)
    for measure in (
        days_since_first_infusion,
        cumulative_dose,
        lambda *a: dose_rate(*a, window_days=window),
    ):
        np.testing.assert_allclose(
            measure(patient, day + shift, later), measure(patient, day, infusions), atol=1e-10
        )


@given(infusion_tables(), asked_days(), WINDOWS)
def test_an_infusion_split_in_two_counts_as_one(infusions, asked, window):
    halves = infusions.assign(dose_g_per_kg=infusions["dose_g_per_kg"] / 2)
    twice = pd.concat([halves, halves], ignore_index=True)
    np.testing.assert_allclose(
        cumulative_dose(*asked, twice), cumulative_dose(*asked, infusions), atol=1e-11
    )
    np.testing.assert_allclose(
        dose_rate(*asked, twice, window_days=window),
        dose_rate(*asked, infusions, window_days=window),
        atol=1e-10,
    )


@given(infusion_tables(), asked_days(), st.randoms(use_true_random=False))
def test_the_order_of_infusions_does_not_matter(infusions, asked, random):
    order = list(range(len(infusions)))
    random.shuffle(order)
    shuffled = infusions.iloc[order]
    np.testing.assert_allclose(
        cumulative_dose(*asked, shuffled), cumulative_dose(*asked, infusions), atol=1e-11
    )
    np.testing.assert_array_equal(
        days_since_first_infusion(*asked, shuffled), days_since_first_infusion(*asked, infusions)
    )


# Two courses for A, the first before inclusion; B is treated once; C never.
CASE = table([("A", -10, 1.0), ("A", 0, 0.4), ("A", 1, 0.4), ("B", 50, 2.0)])


@pytest.mark.parametrize(
    ("patient", "day", "since", "total", "per_week"),
    [
        ("A", -10, 0, 0.0, 0.0),  # the infusion of the day itself does not count
        ("A", -9, 1, 1.0, 0.5),
        ("A", 0, 10, 1.0, 0.5),  # one before day 0 counts
        ("A", 1, 11, 1.4, 0.7),
        ("A", 2, 12, 1.8, 0.9),
        ("A", 4, 14, 1.8, 0.9),  # day - window is inside
        ("A", 5, 15, 1.8, 0.4),  # and the day before it outside
        ("A", 60, 70, 1.8, 0.0),  # another patient's infusion is not this one's
        ("B", 51, 1, 2.0, 1.0),
        ("B", -5, 0, 0.0, 0.0),
        ("C", 60, 0, 0.0, 0.0),
    ],
)
def test_cases_by_hand(patient, day, since, total, per_week):
    asked = np.array([patient], dtype=object), np.array([day], dtype=float)
    assert days_since_first_infusion(*asked, CASE) == since
    assert cumulative_dose(*asked, CASE) == pytest.approx(total, abs=1e-12)
    assert dose_rate(*asked, CASE, window_days=14) == pytest.approx(per_week, abs=1e-12)


def test_without_any_infusion_there_is_no_exposure():
    nobody = table([])
    asked = np.array(["A", "B"], dtype=object), np.array([0.0, 400.0])
    for exposure in (
        days_since_first_infusion(*asked, nobody),
        cumulative_dose(*asked, nobody),
        dose_rate(*asked, nobody, window_days=84),
    ):
        np.testing.assert_array_equal(exposure, [0.0, 0.0])


def test_the_ends_of_the_legal_days_do_not_reach_the_next_patient():
    infusions = table([("A", -36525, 1.0), ("A", 36525, 1.0), ("B", -36525, 3.0)])
    asked = np.array(["A", "A", "B", "B"], dtype=object), np.array([36525.0, -36525, -36525, 36525])
    np.testing.assert_allclose(cumulative_dose(*asked, infusions), [1.0, 0.0, 0.0, 3.0])
    np.testing.assert_allclose(
        dose_rate(*asked, infusions, window_days=73050) * 73050 / 7, [1.0, 0.0, 0.0, 3.0]
    )


# --- the effect compartment ---------------------------------------------------------------------

HALF_LIVES = st.floats(0.5, 400.0)


def slowly_in_effect(patient, day, infusions, onset, off):
    """Dose in effect, one infusion after the other, and how many there were and the latest."""
    given = list(zip(*(infusions[name] for name in infusions), strict=True))
    found, count, since = [], [], []
    for who, when in zip(patient, day, strict=True):
        own = [(when - on, dose) for someone, on, dose in given if someone == who and on < when]
        found.append(sum(d * 0.5 ** (u / off) * (1.0 - 0.5 ** (u / onset)) for u, d in own))
        count.append(len(own))
        since.append(min((u for u, _ in own), default=np.nan))
    return np.array(found), np.array(count), np.array(since)


def in_effect(patient, day, infusions, onset, off):
    halves = {"onset_half_life_days": onset, "wearing_off_half_life_days": off}
    return dose_in_effect(patient, day, infusions, **halves)


@given(infusion_tables(), asked_days(), HALF_LIVES, HALF_LIVES)
def test_the_dose_in_effect_agrees_with_a_slow_loop(infusions, asked, onset, off):
    expected, count, since = slowly_in_effect(*asked, infusions, onset, off)
    np.testing.assert_allclose(in_effect(*asked, infusions, onset, off), expected, atol=1e-10)
    np.testing.assert_array_equal(number_of_infusions(*asked, infusions), count)
    np.testing.assert_array_equal(days_since_last_infusion(*asked, infusions), since)


@given(infusion_tables(), asked_days(), HALF_LIVES, HALF_LIVES, st.integers(-2000, 2000))
def test_the_dose_in_effect_is_additive_and_knows_no_origin_and_no_unit(
    infusions, asked, onset, off, shift
):
    patient, day = asked
    known = in_effect(patient, day, infusions, onset, off)
    # An infusion split in two of the same day, or in 3 parts, is the same infusion.
    third = infusions.assign(dose_g_per_kg=infusions["dose_g_per_kg"] / 3.0)
    split = pd.concat([third, third, third], ignore_index=True)
    np.testing.assert_allclose(in_effect(patient, day, split, onset, off), known, atol=1e-10)
    moved = infusions.assign(day=infusions["day"] + shift)
    np.testing.assert_allclose(in_effect(patient, day + shift, moved, onset, off), known, atol=1e-9)
    # Doses in mg/kg, and time in weeks: both change the numbers by the factor alone.
    milligrams = infusions.assign(dose_g_per_kg=infusions["dose_g_per_kg"] * 1000.0)
    scaled = in_effect(patient, day, milligrams, onset, off) / 1000.0
    np.testing.assert_allclose(scaled, known, atol=1e-10)
    weeks = infusions.assign(day=infusions["day"] / 7.0)
    by_weeks = in_effect(patient, day / 7.0, weeks, onset / 7.0, off / 7.0)
    np.testing.assert_allclose(by_weeks, known, atol=1e-9)
    assert (known >= 0.0).all()


@pytest.mark.parametrize("onset", [0.7, 6.0, 90.0])
@pytest.mark.parametrize("off", [3.0, 28.0, 2000.0])
def test_the_graph_has_the_dose_in_effect_of_the_tables(models, onset, off):
    cohort = simulate_cohort(12, seed=4)
    design = make_design(cohort, read_model(models / "strength.toml"))
    arrays = {str(name): design[name].to_numpy() for name in design.data_vars}
    got = effect_compartment.dose_in_effect(arrays, onset, off).eval()
    who = design["patient"].to_numpy()[design["patient_of_visit"].to_numpy()]
    day = design["day_of_visit"].to_numpy()
    assert got == pytest.approx(in_effect(who, day, cohort.infusions, onset, off), abs=1e-10)
    assert (cohort.infusions["day"] < 0).any()  # those treated before inclusion were
    assert got[day == 0].max() > 0.0


@pytest.mark.parametrize(
    ("days", "doses", "words"),
    [
        ([0, 0], [0.4, 0.4], "is there twice; keep one row, with the doses of the day added up"),
        ([0, 1], [0.4, None], "dose_g_per_kg, row position 1 .blank.: the cell is blank"),
    ],
)
def test_two_rows_of_one_day_and_a_missing_dose_are_refused_with_the_cure(days, doses, words):
    patients = pd.DataFrame({"patient": ["A", "B"], "naive": [True, False]})
    grades = pd.DataFrame({"patient": ["A", "B"], "day": 0, "muscle": "x", "side": "left"})
    given = pd.DataFrame({"patient": "A", "day": days, "dose_g_per_kg": doses})
    with pytest.raises(DataError, match=words):
        make_cohort(patients, grades.assign(grade=4), given, synthetic=True)


def test_every_measure_at_every_visit_is_a_table():
    cohort = simulate_cohort(6, seed=4)
    stated = {"window_days": 84, "onset_half_life_days": 6, "wearing_off_half_life_days": 28}
    table = infusion_exposure(cohort, **stated)
    assert len(table) == len(cohort.grades[["patient", "day"]].drop_duplicates())
    assert table["synthetic"].all()
    first = table[table["days_since_last_infusion"].isna()]
    assert (first[["n_infusions", "cumulative_dose_g_per_kg"]] == 0).all(axis=None)
    with pytest.raises(ValueError, match="window_days is 0; give a number of days above 0"):
        infusion_exposure(cohort, **(stated | {"window_days": 0}))
    without = replace(cohort, infusions=None)
    assert (infusion_exposure(without, **stated)["dose_in_effect_g_per_kg"] == 0.0).all()
