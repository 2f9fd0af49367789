"""Histories: exact answers by hand and by counting, odd histories, what tables say of them."""

import warnings
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats as ss
import trees
from monte_carlo import mcse

from mmn_bayes.data.reading import make_cohort
from mmn_bayes.data.status_paths import on_clock
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.graph import build
from mmn_bayes.engine.sampling import fit
from mmn_bayes.errors import CohortWarning, DataError
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.outcomes.response.estimands import response_probability
from mmn_bayes.outcomes.states.design import states_seen
from mmn_bayes.outcomes.states.estimands import (
    cumulative_incidence_of_leaving,
    expected_sojourn,
    state_occupancy,
    state_odds_ratios,
    transition_probability,
)
from mmn_bayes.outcomes.states.observed import empirical_occupancy, observed_leaving
from mmn_bayes.outcomes.states.table import (
    leaving_table,
    occupancy_table,
    sojourn_table,
    states_notes,
)
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.simulation.status_paths import StatePathsRecipe, with_state_paths
from mmn_bayes.studies.known_truth import simulated, truth_intervals

MODELS = Path(__file__).parents[1] / "models"
LEVELS = ("dependent", "remission", "other")
STEP = 100.0
DRAWS = 4000


def plain(**changes):
    """The model of the file in steps of 100 days, without effects unless they are stated."""
    content = deepcopy(read_model(MODELS / "histories.toml").resolved)
    content["states"]["step_days"] = STEP
    content["states"]["since"] = "inclusion"
    for table, key in (("states", "change"), ("states", "varying_sd")):
        del content[table][key]
    del content["group"], content["predictor"]
    for table, own in changes.items():
        content[table] = {**content.get(table, {}), **own}
    return parse_model(content, "histories_plain")


def seen(histories, naive=None):
    """A cohort of whom these states were seen: of each patient by step."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        return made(histories, naive)


def made(histories, naive=None):
    labels = list(histories)
    patients = pd.DataFrame({"patient": labels, "naive": naive or ["yes"] * len(labels)})
    grades = pd.DataFrame(
        [(who, day, "elbow", "left", "4") for who in labels for day in (0, 182)],
        columns=["patient", "day", "muscle", "side", "grade"],
    )
    rows = [
        (who, STEP * step, LEVELS[code])
        for who, own in histories.items()
        for step, code in own.items()
    ]
    status = pd.DataFrame(rows, columns=["patient", "day", "status"])
    return make_cohort(patients, grades, status=status, scale=("3", "4", "5"), synthetic=True)


MATRIX = np.array([[0.8, 0.15, 0.05], [0.1, 0.9, 0.0], [0.2, 0.2, 0.6]])
START = np.array([0.7, 0.1, 0.2])
PARAMETERS = {
    "start_probability": START,
    "leaves": 1.0 - np.diag(MATRIX),
    "towards": [[0.75, 0.25], [1.0, 0.0], [0.5, 0.5]],
}
POSSIBLE = PARAMETERS | {"towards": 0.5}  # every transition may happen


@pytest.fixture(scope="module")
def exact():
    return trees.known(plain(), seen({"A": {0: 0, 1: 0}}), **PARAMETERS)


def test_the_shares_of_new_patients_are_powers_of_the_matrix(exact):
    steps = [0, 1, 2, 7]
    drawn = state_occupancy(exact, days=[STEP * s for s in steps], patients="population")
    expected = [START @ np.linalg.matrix_power(MATRIX, s) for s in steps]
    assert drawn.squeeze(("chain", "draw")).to_numpy() == pytest.approx(np.array(expected))
    assert drawn.attrs["last_day_seen"] == STEP
    one = transition_probability(exact, day=300.0).squeeze(("chain", "draw"))
    assert one.to_numpy() == pytest.approx(MATRIX)


def test_time_in_states_is_that_of_the_days_that_are_rounded_to_each_step(exact):
    drawn = expected_sojourn(exact, years=[0.0, 0.1, 1.0, 2.0], patients="population")
    assert drawn.sum("state").to_numpy().ravel() == pytest.approx([0.0, 0.1, 1.0, 2.0])
    days = np.arange(0.0, 365.25, 0.05)
    steps = np.round(days / STEP).astype(int)
    shares = np.array([START @ np.linalg.matrix_power(MATRIX, s) for s in range(5)])
    expected = shares[steps].mean(axis=0)
    assert drawn.sel(year=1.0).to_numpy().ravel() == pytest.approx(expected, abs=1e-3)


def test_ever_left_is_not_always_having_stayed(exact):
    drawn = cumulative_incidence_of_leaving(exact, days=[0.0, STEP, 5 * STEP])
    assert drawn.to_numpy().ravel() == pytest.approx([0.0, 0.2, 1 - 0.8**5])
    other = cumulative_incidence_of_leaving(exact, days=[STEP], state="other")
    assert other.item() == pytest.approx(0.4)
    assert cumulative_incidence_of_leaving(exact, days=[0.0, 30.0]).to_numpy().ravel().tolist() == [
        0.0,
        0.0,
    ]
    assert other.attrs["state"] == "other"


def test_effects_shift_log_odds_against_the_first_level():
    spec = plain(
        states={"change": {"distribution": "normal", "mean": 0, "sd": 1, "why": "x"}},
        predictor={
            "naive": {
                "column": "naive",
                "kind": "yes_no",
                "acts_on": "state",
                "prior": {"distribution": "normal", "mean": 0, "sd": 1, "why": "x"},
            }
        },
    )
    cohort = seen({"A": {0: 0, 1: 0}, "B": {0: 0, 1: 0}}, ["yes", "no"])
    tree = trees.known(spec, cohort, **PARAMETERS, naive=[1.0, -0.5], state_change=[0.3, 0.2])
    drawn = transition_probability(tree, day=4 * STEP, by="naive").squeeze(("chain", "draw"))
    for naive in (True, False):
        shift = np.log2(1 + 400 / 365.25) * np.array([0.3, 0.2]) + naive * np.array([1.0, -0.5])
        weight = MATRIX * np.exp(np.append(0.0, shift))
        expected = weight / weight.sum(axis=1, keepdims=True)
        assert drawn.sel(naive=naive).to_numpy() == pytest.approx(expected)
    ratio = state_odds_ratios(tree).squeeze(("chain", "draw")).to_numpy()
    assert ratio == pytest.approx(np.exp([[1.0, -0.5]]))


def test_effects_of_patients_are_averaged_over_new_ones():
    sd = {"distribution": "half_normal", "sd": 1, "why": "x"}
    spec = plain(group={"patient_state": {"by": "patient", "acts_on": "state", "sd": sd}})
    tree = trees.known(
        *(spec, seen({"A": {0: 0, 1: 0}, "B": {0: 1}}), 200),
        **PARAMETERS,
        patient_state_sd=1.2,
        patient_state_z=9.0,  # of these patients, which new ones do not have
    )
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    shifted = MATRIX * np.exp(1.2 * nodes[:, None, None] * np.array([0.0, 1.0, 1.0]))
    shifted /= shifted.sum(axis=2, keepdims=True)
    expected = np.einsum("n,nab->ab", weights / weights.sum(), shifted)
    drawn = transition_probability(tree).mean(("chain", "draw")).to_numpy()
    # 200 new patients in each of 200 draws, each within 0 and 1.
    assert drawn == pytest.approx(expected, abs=4 * 0.5 / 200)


def test_what_was_not_seen_is_filled_in_given_what_was_seen_before_and_after():
    histories = {"A": {0: 0, 3: 1}, "B": {2: 2}}
    tree = trees.known(plain(), seen(histories), DRAWS, **PARAMETERS)
    drawn = state_occupancy(tree, days=[0, 100, 200, 300, 400], patients="cohort")
    expected = np.zeros((5, 3))
    for own in histories.values():
        weights = np.zeros((5, 3))
        for path in product(range(3), repeat=5):
            if any(path[step] != code for step, code in own.items()):
                continue
            weight = START[path[0]] * np.prod([MATRIX[a, b] for a, b in pairwise(path)])
            weights[np.arange(5), path] += weight
        expected += weights / weights.sum(axis=1, keepdims=True) / len(histories)
    # Of 1,000 of the draws: each share is a mean of so many, two patients in each.
    error = np.sqrt(0.25 / 2 / 1000)
    assert drawn.mean(("chain", "draw")).to_numpy() == pytest.approx(expected, abs=4 * error)
    assert drawn.sizes["draw"] == 1000


@pytest.fixture(scope="module")
def balanced():
    """Three hundred patients, each seen on every step: complete and balanced."""
    rng = np.random.default_rng(3)
    path = {f"P{n:03d}": [rng.choice(3, p=START)] for n in range(300)}
    smoother = 0.6 * MATRIX + 0.4 / 3  # every transition is seen
    for own in path.values():
        for _ in range(3):
            own.append(rng.choice(3, p=smoother[own[-1]] / smoother[own[-1]].sum()))
    return seen({who: dict(enumerate(own)) for who, own in path.items()})


def test_where_all_was_seen_the_shares_are_those_counted_without_any_doubt(balanced):
    tree = trees.known(plain(), balanced, 20, **POSSIBLE)
    days = [0, 100, 200, 300]
    counted = empirical_occupancy(balanced, levels=LEVELS, days=days)
    drawn = state_occupancy(tree, days=days, patients="cohort")
    expected = counted["estimate"].to_numpy().reshape(4, 3)
    assert (drawn == expected).all()
    table = occupancy_table(balanced, tree, days=days)
    these = table[table["source"] == "model, these patients"]
    assert these["lower"].to_numpy() == pytest.approx(these["upper"].to_numpy())
    wide = table.pivot_table("estimate", ["day", "state"], "source")
    for source in ("model, these patients", "Aalen-Johansen"):
        assert wide[source].to_numpy() == pytest.approx(wide["observed"].to_numpy())


@pytest.mark.slow
@pytest.mark.draws
def test_a_saturated_chain_has_the_conjugate_answer_and_the_counted_shares(balanced):
    flat = {"distribution": "dirichlet", "concentration": [0.5, 0.5], "why": "x"}
    spec = plain(
        states={
            "periods_days": [0, 100, 200],
            "start": flat | {"concentration": [0.5] * 3},
            "leaves": {"distribution": "beta", "alpha": 1.0, "beta": 0.5, "why": "x"},
            "towards": flat,
        }
    )
    sampled = fit(balanced, spec, seed=1, progress="off", chains=2, draws=2000)
    # 5 MCSE against exact answers: one run in a million fails per number, 30 numbers.
    status = balanced.status.assign(code=pd.Categorical(balanced.status["status"], LEVELS).codes)
    path = status.pivot_table("code", "patient", "day").to_numpy(dtype=int)
    # These priors make a Dirichlet of each row of a matrix: half a patient each transition.
    counts = np.full((3, 3, 3), 0.5)
    for period in range(3):
        np.add.at(counts[period], (path[:, period], path[:, period + 1]), 1.0)
    table = summarise(sampled["posterior"].to_dataset()["leaves"], level=0.95, interval="eti")
    for row in table.itertuples():
        period, state = int(row.period.split()[-1]) // 100, LEVELS.index(row.state)
        stayed = counts[period, state, state]
        beta = ss.beta(counts[period, state].sum() - stayed, stayed)
        assert row.estimate == pytest.approx(beta.mean(), abs=5 * row.mcse)
        own = sampled["posterior"]["leaves"].sel(period=row.period, state=row.state)
        assert row.sd == pytest.approx(beta.std(), abs=5 * mcse(own, method="sd"))
    # The matrices of the periods are independent: means of products are products of means.
    expected = [np.bincount(path[:, 0], minlength=3) + 0.5]
    expected[0] /= expected[0].sum()
    for period in range(3):
        expected.append(expected[-1] @ (counts[period] / counts[period].sum(axis=1)[:, None]))
    days = [0, 100, 200, 300]
    shares = summarise(
        state_occupancy(sampled, days=days, patients="population"), level=0.95, interval="eti"
    )
    apart = np.abs(shares["estimate"] - np.ravel(expected))
    assert (apart <= 5 * shares["mcse"]).all()
    counted = empirical_occupancy(balanced, levels=LEVELS, days=days)
    assert shares["state"].tolist() == counted["state"].tolist()
    # The counted shares themselves, but for the weight of the priors: 1.5 patients each row.
    rarest = counts.sum(axis=2).min()
    apart = (shares["estimate"] - counted["estimate"]).abs()
    assert (apart < 3 * 1.5 / rarest + 5 * shares["mcse"]).all()


# --- odd histories -------------------------------------------------------------------------------


def refused(spec, cohort):
    with pytest.raises(DataError) as raised:
        make_design(cohort, spec)
    (defect,) = raised.value.defects
    return defect


def test_histories_that_cannot_be_used_are_refused_with_the_cure():
    two = {"A": {0: 0, 1: 1}}
    short = plain(
        states={
            "levels": ["dependent", "other"],
            "start": {"distribution": "dirichlet", "concentration": [1, 1], "why": "x"},
            "towards": {"distribution": "dirichlet", "concentration": [1], "why": "x"},
        }
    )
    said = refused(short, seen(two))
    assert "'remission'" in said
    assert "not one of the levels" in said
    since = plain(states={"since": "first_infusion"})
    said = refused(since, seen(two))
    assert (
        "infusions: 1 patients have none to count from (row position 0 of cohort.patients)" in said
    )
    said = refused(plain(states={"step_days": 1e-9}), seen(two))
    assert "more than 1,000,000; make steps longer" in said
    said = refused(plain(), seen({"A": {0: 0}, "B": {3: 1}}))
    assert "no patient has two states on different steps" in said
    assert "outcome 'class'" in said
    assert "no such table" in refused(plain(), replace(seen(two), status=None))


def test_what_has_no_part_is_said():
    spec = plain()
    with pytest.warns(CohortWarning, match=r"status.*day.*goes back in time in 1 of 4 rows"):
        cohort = made({"A": {3: 1, 0: 0}, "B": {0: 0, 2: 0}})
    assert cohort.warnings["patient"].tolist() == ["", "A"]
    assert states_seen(spec, cohort)["step"].tolist() == [0, 3, 0, 2]
    with pytest.warns(CohortWarning, match=r"1 rows lie before inclusion.*the first: day -100"):
        rows = states_seen(spec, seen({"A": {-1: 1, 0: 0, 2: 1}}))
    assert rows["step"].tolist() == [0, 2]
    with pytest.warns(CohortWarning, match=r"1 rows lie on a step of 100 days with another"):
        rows = states_seen(spec, seen({"A": {0: 1, 0.3: 0, 2: 1}}))
    assert rows[["step", "code"]].to_numpy().tolist() == [[0, 1], [2, 1]]  # day 0 stays


def test_a_single_patient_and_a_level_that_nobody_has_make_a_model():
    spec = plain()
    tree = trees.known(spec, seen({"A": {0: 0, 4: 0}}), **PARAMETERS)
    table = occupancy_table(seen({"A": {0: 0, 4: 0}}), tree, days=[0.0, 400.0, 500.0])
    nobody = table[(table["state"] == "other") & (table["source"] == "observed")]
    assert nobody["events"].tolist() == [0, 0, 0]
    assert table.groupby("day")["extrapolated"].all().tolist() == [False, False, True]
    model = build(spec, make_design(seen({"A": {0: 0, 4: 0}}), spec))
    logp = model.compile_logp(mode="FAST_COMPILE")(model.initial_point())
    assert np.isfinite(logp)


def test_what_is_asked_wrongly_is_refused(exact):
    with pytest.raises(ValueError, match="patients is 'all'; it is 'cohort' or 'population'"):
        state_occupancy(exact, days=[0], patients="all")
    with pytest.raises(ValueError, match="`days` is"):
        state_occupancy(exact, days=[-1], patients="cohort")
    with pytest.raises(ValueError, match="is 100000 steps of 100 days away; ask for no more than"):
        state_occupancy(exact, days=[1e7], patients="population")
    with pytest.raises(ValueError, match="is not of this cohort"):
        occupancy_table(seen({"A": {0: 0, 1: 1}}), exact)
    with pytest.raises(ValueError, match="since is 'Inclusion'; it is 'first_infusion' or"):
        on_clock(seen({"A": {0: 0, 1: 1}}), "Inclusion")
    with pytest.raises(ValueError, match=r"recipe of histories is wrong. leaves: one probability"):
        StatePathsRecipe(leaves=(0.1, 0.2))
    with pytest.raises(ValueError, match="visit_every_days: more than twice the jitter and a day"):
        StatePathsRecipe(visit_every_days=30.0)
    with pytest.raises(ValueError, match="no state 'cured'; take one of dependent, remission"):
        cumulative_incidence_of_leaving(exact, days=[0], state="cured")
    with pytest.raises(ValueError, match="use `state_occupancy`"):
        response_probability(exact, patients="cohort")
    with pytest.raises(ValueError, match="has no predictors of states"):
        state_odds_ratios(exact)


# --- counted, simulated, in tables ---------------------------------------------------------------


def test_leaving_is_that_of_kaplan_and_meier_by_hand():
    cohort = seen({"A": {0: 0, 1: 1}, "B": {0: 0, 1: 0, 2: 1}, "C": {0: 0, 1: 0}, "D": {0: 2}})
    table = observed_leaving(
        cohort, levels=LEVELS, state="dependent", days=[0, 100, 150, 200, 300]
    ).set_index("day")
    assert table["n"].tolist() == [3] * 5
    assert table["events"].tolist() == [0, 1, 1, 2, 2]
    # One of three on day 100; C is lost then, so that one of one leaves on day 200.
    assert table["estimate"].tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1, 1])
    se = np.sqrt(1 / (3 * 2)) / np.log(2 / 3)
    limits = [1 - (2 / 3) ** np.exp(z * 1.959964 * se) for z in (1, -1)]
    assert table.loc[100, ["lower", "upper"]].tolist() == pytest.approx(limits, rel=1e-5)
    assert table.loc[[0, 200], ["lower", "upper"]].isna().all(axis=None)
    nobody = observed_leaving(cohort, levels=LEVELS, state="remission", days=[100])
    assert nobody["n"].item() == 0
    assert nobody["estimate"].isna().all()
    stayed = observed_leaving(
        seen({"A": {0: 0, 2: 0}}), levels=LEVELS, state="dependent", days=[100, 300]
    )
    assert stayed["estimate"].iloc[0] == 0
    assert np.isnan(stayed["estimate"].iloc[1])


def test_simulated_histories_follow_their_recipe():
    recipe = StatePathsRecipe(
        patient_sd=0.0,
        change=(0.0, 0.0),
        naive=(0.0, 0.0),
        missed_share=0.0,
        visit_every_days=365.25 / 4,
        visit_jitter_days=0.0,
        followed_days=(1000.0, 1000.0),
    )
    cohort = with_state_paths(simulated(400, 1), seed=2, recipe=recipe)
    status = on_clock(cohort, "first_infusion").status
    codes = pd.Categorical(status["status"], recipe.levels).codes
    steps = status.assign(step=np.round(status["day"] / recipe.step_days), code=codes)
    path = steps.pivot_table("code", "patient", "step").to_numpy(dtype=int)
    before, after = path[:, :-1].ravel(), path[:, 1:].ravel()
    for state in range(3):
        counts = np.bincount(after[before == state], minlength=3)
        expected = recipe.transitions[state] * counts.sum()
        assert ss.chisquare(counts, expected).pvalue > 0.001
    first = np.bincount(path[:, 0], minlength=3)
    assert ss.chisquare(first, 400 * np.array(recipe.start)).pvalue > 0.001
    again = with_state_paths(simulated(400, 1), seed=2, recipe=recipe)
    pd.testing.assert_frame_equal(cohort.status, again.status)


def test_tables_have_both_worlds_and_say_what_is_beyond_the_data(balanced):
    tree = trees.known(plain(), balanced, 20, **POSSIBLE)
    times = sojourn_table(tree, years=(0.5, 2.0))
    assert times["source"].unique().tolist() == ["model, these patients", "model, new patients"]
    assert times.groupby("year")["extrapolated"].all().tolist() == [False, True]
    leaving = leaving_table(balanced, tree, days=(100.0, 300.0))
    assert leaving["source"].tolist() == ["Kaplan-Meier", "model, new patients"] * 2
    assert leaving["synthetic"].all()
    notes = states_notes(balanced, tree)
    assert any(
        "300 of 300 patients have a state, 0 of them first seen after day 0" in n for n in notes
    )
    assert any("900 intervals of 1 to 1 steps" in n for n in notes)


def test_a_truth_of_several_dims_is_laid_beside_its_members():
    spec = plain(states={"periods_days": [0, 100]})
    matrices = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])  # of a period and level
    cohort = seen({"A": {0: 0, 1: 0, 2: 1}})
    tree = trees.known(spec, cohort, 4, **PARAMETERS | {"leaves": matrices, "towards": 0.5})
    table = truth_intervals(tree, {"leaves": matrices}).set_index("member")
    assert table["truth"].to_numpy() == pytest.approx(table["estimate"].to_numpy())
    named = [{*member.split(", ")} for member in table.index]
    assert table["truth"].iloc[named.index({"other", "from day 100"})] == 0.6
