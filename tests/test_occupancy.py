import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from mmn_bayes.data.reading import make_cohort, read_cohort
from mmn_bayes.errors import CohortWarning, DataError
from mmn_bayes.outcomes.states.observed import aalen_johansen, empirical_occupancy, state_intervals

ROOT = Path(__file__).resolve().parents[1]
LEVELS = ["r", "d", "o"]
some_examples = settings(max_examples=20)


@pytest.fixture(scope="module")
def published_cohort():
    return read_cohort(ROOT / "data" / "leger2008_cohort")


def cohort_of(states):
    """Cohort from {patient: {day: state}}; a patient without a day has no row."""
    names = list(states)
    rows = [(who, day, state) for who, days in states.items() for day, state in days.items()]
    status = pd.DataFrame(rows, columns=["patient", "day", "status"]) if rows else None
    patients = pd.DataFrame({"patient": names, "naive": "yes"})
    grades = pd.DataFrame({"patient": names, "day": 0, "muscle": "m", "side": "left", "grade": "3"})
    with warnings.catch_warnings():  # grades that nobody had
        warnings.simplefilter("ignore", CohortWarning)
        return make_cohort(patients, grades, status=status, synthetic=True)


def shares(table):
    """Estimates, a row a day and a column a state."""
    return table["estimate"].to_numpy().reshape(-1, len(table["state"].unique()))


# Six patients by hand; E has one row, F none.
HAND = {
    "A": {0: "r", 10: "d", 20: "d"},
    "B": {0: "r", 20: "r"},
    "C": {0: "d", 15: "r"},
    "D": {0: "d", 20: "o"},
    "E": {0: "o"},
    "F": {},
}


# --- intervals -----------------------------------------------------------------------------------


def test_consecutive_rows_make_the_intervals_and_nobody_is_lost():
    table = state_intervals(cohort_of(HAND), levels=LEVELS)
    assert table["patient"].tolist() == ["A", "A", "B", "C", "D", "E", "F"]
    pairs = table[table["reason"] == ""]
    assert pairs[["from_day", "to_day", "days"]].to_numpy().tolist() == [
        [0, 10, 10],
        [10, 20, 10],
        [0, 20, 20],
        [0, 15, 15],
        [0, 20, 20],
    ]
    assert pairs["state"].tolist() == ["r", "d", "r", "d", "d"]
    assert pairs["next_state"].tolist() == ["d", "d", "r", "r", "o"]
    assert table["reason"].tolist()[-2:] == ["one status only", "no status"]
    assert table.loc[5, ["from_day", "state"]].tolist() == [0, "o"]
    for column in ("state", "next_state"):
        assert table[column].cat.categories.tolist() == LEVELS
    assert table["synthetic"].all()


def test_days_before_inclusion_and_any_order_of_rows_are_used():
    cohort = cohort_of({"A": {30: "r", -100: "d", 0: "d"}})
    table = state_intervals(cohort, levels=LEVELS)
    assert table["from_day"].tolist() == [-100, 0]
    turned = replace(cohort, status=cohort.status.iloc[::-1])
    pd.testing.assert_frame_equal(state_intervals(turned, levels=LEVELS), table)


def test_the_published_cohort_has_one_status_each(published_cohort):
    levels = ["remission", "dependent", "other"]
    reasons = state_intervals(published_cohort, levels=levels)["reason"].value_counts()
    assert reasons.to_dict() == {"one status only": 37, "no status": 3}
    with pytest.raises(DataError, match="no patient has two rows; add later rows, or count"):
        aalen_johansen(published_cohort, levels=levels, days=[365])
    seen = empirical_occupancy(published_cohort, levels=levels, days=[843, 844])
    assert seen["n"].tolist() == [1, 1, 1, 0, 0, 0]
    assert seen["missing"].tolist() == [39, 39, 39, 40, 40, 40]
    assert seen["estimate"].isna().tolist() == [False] * 3 + [True] * 3


@pytest.mark.parametrize("function", [state_intervals, empirical_occupancy, aalen_johansen])
def test_what_cannot_be_used_is_named_with_its_cure(function):
    how = {} if function is state_intervals else {"days": [0]}
    with pytest.raises(DataError, match="status: no such table, or no row in it; add it"):
        function(cohort_of({"A": {}}), levels=LEVELS, **how)
    cohort = cohort_of({"A": {0: "r", 9: "R?"}, "B": {0: "d"}})
    twice = pd.concat([cohort.status, cohort.status.tail(1)], ignore_index=True)
    with pytest.raises(DataError, match="rows count from 0") as caught:
        function(replace(cohort, status=twice), levels=LEVELS, **how)
    assert caught.value.defects == (
        "status: row position 1 of cohort.status, day 9: 'R?' is not one of the levels (r, d, o); "
        "correct it or add it to `levels`.",
        "status: row position 3 of cohort.status, day 0: 'd' is a second state on this day; keep "
        "the one that holds from it.",
    )


@pytest.mark.parametrize("days", [[], [np.nan], [np.inf], [[1, 2]], 3])
@pytest.mark.parametrize("function", [empirical_occupancy, aalen_johansen])
def test_days_that_are_none_are_refused(function, days):
    with pytest.raises(ValueError, match="list at least one day"):
        function(cohort_of(HAND), levels=LEVELS, days=days)


# --- empirical occupancy -------------------------------------------------------------------------


def test_the_last_state_is_carried_forward_until_the_last_row():
    table = empirical_occupancy(cohort_of(HAND), levels=LEVELS, days=[0, 12, 15, 16, 20, 21, -1])
    counts = table["events"].to_numpy().reshape(-1, 3)
    assert counts.tolist() == [
        [2, 2, 1],  # E is seen on this day alone
        [1, 3, 0],
        [2, 2, 0],  # C's last row
        [1, 2, 0],
        [1, 1, 1],
        [0, 0, 0],
        [0, 0, 0],
    ]
    assert table["n"].to_numpy()[::3].tolist() == [5, 4, 4, 3, 3, 0, 0]
    assert (table["n"] + table["missing"]).eq(6).all()
    on_12 = table[(table["day"] == 12) & (table["state"] == "d")].iloc[0]
    assert [on_12["lower"], on_12["upper"]] == pytest.approx(
        [beta.ppf(0.025, 3, 2), beta.ppf(0.975, 4, 1)]
    )
    assert table.loc[table["n"] == 0, ["estimate", "lower", "upper"]].isna().all(axis=None)
    assert table.loc[(table["n"] > 0) & (table["events"] == 0), "lower"].eq(0).all()


def test_a_single_patient_is_in_one_state_at_a_time():
    cohort = cohort_of({"A": {-10: "d", 10: "r"}})
    for function in (empirical_occupancy, aalen_johansen):
        table = function(cohort, levels=["r", "d"], days=[-10, 9.5, 10])
        assert shares(table).tolist() == [[0, 1], [0, 1], [1, 0]]


# --- Aalen-Johansen ------------------------------------------------------------------------------


def test_aalen_johansen_by_hand():
    cohort = cohort_of({who: days for who, days in HAND.items() if who != "E"})
    table = aalen_johansen(cohort, levels=LEVELS, days=[0, 9, 10, 15, 19, 20, 21])
    assert shares(table)[:-1].tolist() == [
        [0.5, 0.5, 0.0],
        [0.5, 0.5, 0.0],
        [0.25, 0.75, 0.0],  # 1 of 2 in r moves to d
        [0.5, 0.5, 0.0],  # 1 of 3 in d moves to r
        [0.5, 0.5, 0.0],
        [0.5, 0.25, 0.25],  # C is gone: 1 of 2 in d moves to o, nobody in r moves
    ]
    assert np.isnan(shares(table)[-1]).all()  # nobody is seen so late
    assert table["n"].to_numpy()[::3].tolist() == [4, 4, 4, 4, 3, 3, 0]
    assert table["synthetic"].all()


def test_who_has_one_row_counts_among_the_first_states_alone():
    table = aalen_johansen(cohort_of(HAND), levels=LEVELS, days=[0, 10])
    assert shares(table) == pytest.approx(np.array([[0.4, 0.4, 0.2], [0.2, 0.6, 0.2]]))


def test_who_is_first_seen_later_is_not_at_risk_before():
    late = {"A": {0: "r", 10: "d"}, "B": {0: "r", 30: "r"}, "C": {10: "r", 30: "r"}}
    table = aalen_johansen(cohort_of(late), levels=["r", "d"], days=[10])
    assert shares(table)[0].tolist() == [0.5, 0.5]  # A of A and B; C enters that day


def test_a_state_that_nobody_was_in_has_no_share():
    table = aalen_johansen(cohort_of(HAND), levels=[*LEVELS, "x"], days=[0, 20])
    assert shares(table)[:, 3].tolist() == [0.0, 0.0]


def test_leaving_by_state_biases_the_counts_and_not_the_product_limit():
    # Half of those in d leave on day 5; of those in d on day 10, seen or not, half go to r.
    seen = {f"R{i}": {0: "r", 10: "r"} for i in range(4)}
    seen |= {"D0": {0: "d", 10: "r"}, "D1": {0: "d", 10: "d"}}
    cohort = cohort_of(seen | {"D2": {0: "d", 5: "d"}, "D3": {0: "d", 5: "d"}})
    how = {"levels": ["r", "d"], "days": [10]}
    assert shares(aalen_johansen(cohort, **how))[0].tolist() == [0.75, 0.25]
    assert shares(empirical_occupancy(cohort, **how))[0].tolist() == [5 / 6, 1 / 6]


@some_examples
@given(
    st.integers(1, 4).flatmap(
        lambda times: st.lists(
            st.lists(st.sampled_from(LEVELS), min_size=times + 1, max_size=times + 1),
            min_size=1,
            max_size=8,
        )
    )
)
def test_of_complete_balanced_data_both_are_the_counts(panels):
    days = [100 * time - 50 for time in range(len(panels[0]))]
    states = {f"P{i}": dict(zip(days, panel, strict=True)) for i, panel in enumerate(panels)}
    counts = np.array([[column.count(s) for s in LEVELS] for column in zip(*panels, strict=True)])
    cohort = cohort_of(states)
    seen = empirical_occupancy(cohort, levels=LEVELS, days=days)
    assert seen["events"].to_numpy().tolist() == counts.ravel().tolist()
    expected = counts / len(panels)
    assert shares(seen) == pytest.approx(expected)
    assert shares(aalen_johansen(cohort, levels=LEVELS, days=days)) == pytest.approx(expected)


@some_examples
@given(
    st.lists(st.tuples(st.integers(1, 6), st.sampled_from(LEVELS)), min_size=2, max_size=12).filter(
        lambda ends: {"d", "o"} <= {state for _, state in ends}
    )
)
def test_of_survival_and_competing_risks_it_is_what_they_are(ends):
    # Everybody begins in r; d and o are final. Who is in r at the end is censored.
    states = {f"P{i}": {0: "r", day: state} for i, (day, state) in enumerate(ends)}
    time = np.array([day for day, _ in ends])
    cause = np.array([LEVELS.index(state) for _, state in ends])
    survival = SurvfuncRight(time, (cause > 0).astype(int))
    days = survival.surv_times
    found = shares(aalen_johansen(cohort_of(states), levels=LEVELS, days=days))
    assert found[:, 0] == pytest.approx(survival.surv_prob)
    with np.errstate(divide="ignore", invalid="ignore"):  # its standard errors, not looked at
        incidence = CumIncidenceRight(time, cause)
    at = np.searchsorted(incidence.times, days)
    for number in (1, 2):
        assert found[:, number] == pytest.approx(incidence.cinc[number - 1][at], abs=1e-12)
    assert found.sum(axis=1) == pytest.approx(np.ones(len(days)))
    assert (found >= 0).all()
