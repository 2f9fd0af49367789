"""Schedules of infusions, what they would do, and when that is beyond what was seen.

A test of draws without a bound of its own holds for any draws: failure probability 0.
"""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.text import Text
from monte_carlo import mcse
from trees import first_draws, of_another_model, with_draws

from mmn_bayes.data.schedules import courses, no_infusions, scenario_table, schedule
from mmn_bayes.engine.scenario_design import with_infusions
from mmn_bayes.exposure.dose_response import dose_response_curve
from mmn_bayes.exposure.dose_response_figure import dose_response_figure
from mmn_bayes.exposure.extrapolation import extrapolation_table
from mmn_bayes.exposure.kernel import dose_in_effect_kernel, equivalent_dose, wearing_off_curve
from mmn_bayes.exposure.kernel_figure import kernel_figure
from mmn_bayes.exposure.scenarios import patient_course, trajectory
from mmn_bayes.exposure.scenarios_table import (
    PUBLISHED,
    contrast_table,
    scenario_response_table,
    trajectory_table,
    yearly_change_table,
)
from mmn_bayes.exposure.trajectory_figure import runs, trajectory_figure
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.outcomes.grade.distribution import (
    grade_distribution,
    observed_grade_distribution,
)
from mmn_bayes.outcomes.grade.patient_figure import patient_figure
from mmn_bayes.outcomes.response.estimands import response_probability
from mmn_bayes.posterior.draws import design_of, spec_of
from mmn_bayes.posterior.prior_predictive import sample_prior
from mmn_bayes.posterior.summary import contrast
from mmn_bayes.report.formatting import to_text

DAYS = (0.0, 90.0, 182.0, 300.0)
MONTHLY = {"dose_g_per_kg": 2.0, "every_days": 28, "from_day": 0, "until_day": 365}


@pytest.fixture(scope="module")
def cohort(few):
    return few


@pytest.fixture(scope="module")
def fitted(strength_of_few):
    return first_draws(strength_of_few, 30)


@pytest.fixture(scope="module")
def effective(fitted):
    """The same fit, but infusions surely act, 0.1 for 1 g/kg with known half-lives, and alone."""
    known = {"infusions": 0.1, "infusions_onset_half_life_days": 6.0}
    known |= {"infusions_wearing_off_half_life_days": 28.0}
    known |= {"gain": 0.0, "naive_gain": 0.0, "patient_gain_sd": 0.0}
    return with_draws(fitted, **known)


# --- schedules ------------------------------------------------------------------------------------


def test_a_schedule_is_what_it_says():
    table = schedule(**(MONTHLY | {"until_day": 57}), days_per_course=5)
    assert table["day"].tolist() == [day + i for day in (0, 28, 56) for i in range(5)]
    assert table["dose_g_per_kg"].sum() == pytest.approx(6.0)
    own = table.assign(patient="A")
    again = courses(own.sample(frac=1.0, random_state=1))
    assert again["day"].tolist() == [0, 28, 56]
    assert again["dose_g_per_kg"].to_numpy() == pytest.approx(2.0)
    assert again["days_since_course"].tolist()[1:] == [28, 28]
    assert len(no_infusions()) == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dose_g_per_kg": 0}, "dose_g_per_kg is 0; give a number above 0."),
        ({"every_days": -1}, "every_days is -1; give a number above 0."),
        ({"until_day": 0}, "until_day is 0; give a day after from_day, 0."),
        ({"days_per_course": 2.5}, "days_per_course is 2.5; give a whole number from 1 to 7."),
        ({"every_days": 1e-9}, "every_days is 1e-09; that is over 100000 infusions."),
    ],
)
def test_a_schedule_that_is_none_is_refused(changes, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        schedule(**(MONTHLY | changes))


def test_all_defects_of_a_scenario_come_at_once():
    table = pd.DataFrame({"day": [0, None], "dose_g_per_kg": [-1, 2], "patient": ["A", "X"]})
    said = r"row 2: day.*row 1: dose_g_per_kg is .*row 2: the patient is not one"
    with pytest.raises(ValueError, match=said):
        scenario_table(table, np.array(["A"]))
    with pytest.raises(ValueError, match="no column dose_g_per_kg"):
        scenario_table(table[["day"]], np.array(["A"]))


def test_weekly_infusions_are_courses_of_their_own():
    weekly = schedule(dose_g_per_kg=0.4, every_days=7, from_day=0, until_day=50)
    found = courses(weekly.assign(patient="A"))
    assert found["dose_g_per_kg"].to_numpy() == pytest.approx(0.4)
    assert found["days_since_course"].dropna().tolist() == [7.0] * 7
    over_a_weekend = pd.DataFrame({"patient": "A", "day": [0, 1, 4, 5], "dose_g_per_kg": 0.4})
    found = courses(over_a_weekend)
    assert found[["day", "last_day"]].to_numpy().tolist() == [[0, 5]]


@pytest.mark.parametrize("kind", ["datetime64[ns]", "timedelta64[ns]", "bool"])
def test_days_that_are_dates_are_refused(kind):
    table = schedule(**MONTHLY)
    with pytest.raises(ValueError, match=r"column day is of type .*; give numbers"):
        scenario_table(table.assign(day=table["day"].astype("int64").astype(kind)), np.array(["A"]))
    far = pd.DataFrame({"day": [150_000.0], "dose_g_per_kg": [1.0]})
    with pytest.raises(ValueError, match="over 36525 days from inclusion"):
        scenario_table(far, np.array(["A"]))
    with pytest.raises(ValueError, match="dose_g_per_kg: given as text; give numbers"):
        schedule(**(MONTHLY | {"dose_g_per_kg": "2"}))


# --- what they would do ---------------------------------------------------------------------------


@pytest.mark.draws
@pytest.mark.slow
def test_what_was_given_as_a_scenario_is_what_was_given(fitted, cohort):
    days = (0.0, 40.0, 150.0)  # within everybody's follow-up: shares are of those seen later still
    given = cohort.infusions[cohort.infusions["day"] >= 0]
    drawn = trajectory(fitted, scenario=given, patients="cohort", days=days, by="naive")
    expected = grade_distribution(fitted, days=days, by="naive")
    np.testing.assert_allclose(
        drawn["grade_share"].to_numpy(), expected.to_numpy(), rtol=1e-9, atol=1e-12
    )
    assert not drawn["extrapolated"].any()


@pytest.mark.draws
@pytest.mark.slow
def test_shares_and_scores_hang_together(effective):
    monthly = schedule(**MONTHLY)
    drawn = trajectory(effective, scenario=monthly, patients="cohort", days=DAYS)
    assert drawn["grade_share"].sum("grade").to_numpy() == pytest.approx(1.0)
    steps = xr.DataArray(np.arange(6.0), dims="grade")
    score = (drawn["grade_share"] * steps).sum("grade")
    assert score.to_numpy() == pytest.approx(drawn["expected_grade"].to_numpy())
    at_least = drawn["grade_share"][..., ::-1].cumsum("grade")[..., ::-1]
    assert drawn["at_least"].to_numpy() == pytest.approx(at_least.to_numpy())
    design = design_of(effective)
    n = design.sizes["site"] / design.sizes["patient"]
    assert drawn["expected_sum"].to_numpy() == pytest.approx(n * score.to_numpy())
    assert drawn.attrs["synthetic"]


@pytest.mark.draws
@pytest.mark.slow
@pytest.mark.parametrize("patients", ["cohort", "population", "P02"])
def test_schedules_differ_as_their_doses_do(effective, patients):
    scenarios = {
        "every 4 weeks": schedule(**MONTHLY),
        "every 8 weeks": schedule(**(MONTHLY | {"every_days": 56})),
        "stop at 6 months": schedule(**(MONTHLY | {"until_day": 182})),
        "none": no_infusions(),
    }
    drawn = trajectory(effective, scenario=scenarios, patients=patients, days=DAYS)
    score = drawn["expected_grade"]
    often = contrast(score, ("every 4 weeks", "every 8 weeks"))
    # The same patients and numbers: each draw has the sign of the dose.
    assert (often.sel(day=[90.0, 182.0, 300.0]) > 0).all()
    assert (contrast(score, ("every 8 weeks", "none")).sel(day=300.0) > 0).all()
    stopped = contrast(score, ("every 4 weeks", "stop at 6 months"))
    assert (stopped.sel(day=[0.0, 90.0, 182.0]) == 0).all()
    assert (stopped.sel(day=300.0) > 0).all()
    assert drawn["extrapolated"].dims == ("scenario", "day")


@pytest.mark.draws
@pytest.mark.slow
def test_no_infusion_is_the_models_own_placebo_rate(effective):
    treated = response_probability(
        effective, patients="population", by="naive", scenario=schedule(**MONTHLY)
    )
    none = response_probability(
        effective, patients="population", by="naive", scenario=no_infusions()
    )
    # 0.71 to 0.73 of four fits, with an MCSE of 0.006: 0.1 is 100 MCSE away.
    assert float(none.sel(naive=True).mean()) < float(treated.sel(naive=True).mean()) - 0.1
    with pytest.raises(ValueError, match="from_day is of a scenario"):
        response_probability(effective, patients="population", from_day=30.0)
    with pytest.raises(ValueError, match="needs patients='population'"):
        response_probability(effective, patients="cohort", scenario=no_infusions())


@pytest.mark.draws
@pytest.mark.slow
def test_what_was_infused_before_stays(fitted, cohort):
    design = design_of(fitted)
    changed = with_infusions(design, no_infusions(), 0.0)
    assert (changed["infusion_day"] < 0).all()
    assert changed.sizes["infusion"] == (cohort.infusions["day"] < 0).sum()
    assert with_infusions(design, no_infusions(), -1e6).sizes["infusion"] == 0
    with pytest.raises(ValueError, match="begins on day 0, before from_day, 100"):
        with_infusions(design, schedule(**MONTHLY), 100.0)


@pytest.mark.draws
@pytest.mark.slow
def test_what_lies_beyond_the_data_is_flagged(fitted):
    usual = extrapolation_table(
        fitted, schedule(**(MONTHLY | {"until_day": 182})), days=[100.0, 182.0]
    )
    assert not usual["extrapolated"].any(), usual.to_string()
    huge = schedule(**(MONTHLY | {"dose_g_per_kg": 20.0}))
    table = extrapolation_table(fitted, huge, days=[100.0]).set_index("quantity")
    assert table.loc["dose of a course (g/kg)", "extrapolated"]
    assert "20 to 20, where the cohort had" in table.loc["dose of a course (g/kg)", "why"]
    assert not table.loc["days between courses", "extrapolated"]
    rare = extrapolation_table(fitted, schedule(**(MONTHLY | {"every_days": 300})), days=[350.0])
    assert rare.set_index("quantity").loc["days between courses", "extrapolated"]
    late = trajectory(fitted, scenario=schedule(**MONTHLY), patients="cohort", days=[50.0, 9e4])
    assert late["extrapolated"].to_numpy().tolist() == [False, True]


@pytest.mark.draws
@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"patients": "nobody"}, "patients is 'nobody'; it is 'cohort', 'population' or"),
        ({"patients": "P02", "by": "naive"}, "One patient has no groups"),
        ({"days": []}, "days is no list of days"),
        ({"scenario": {}}, "scenario is empty"),
        ({"scenario": {"as infused": None}}, "A scenario is a table of infusions"),
        ({"days": [0, 0]}, "days do not increase"),
        ({"days": [30.0, 0.0]}, "days do not increase"),
        ({"days": None}, "days is no list of days"),
        ({"from_day": float("nan")}, "from_day is nan; give a day"),
    ],
)
def test_what_cannot_be_asked_is_refused(fitted, changes, words):
    asked = {"scenario": no_infusions(), "patients": "cohort", "days": DAYS}
    with pytest.raises(ValueError, match=words):
        trajectory(fitted, **(asked | changes))


# --- the kernel, and doses that keep a share ----------------------------------------------------


@pytest.mark.draws
@pytest.mark.slow
def test_the_kernel_is_that_of_one_infusion(effective):
    u = np.array([0.0, 6.0, 28.0, 84.0])
    expected = 0.1 * 0.5 ** (u / 28) * (1 - 0.5 ** (u / 6))
    drawn = dose_in_effect_kernel(effective, days=u)
    assert drawn.dims == ("chain", "draw", "day")
    assert drawn.to_numpy() == pytest.approx(np.broadcast_to(expected, drawn.shape))


@pytest.mark.draws
@pytest.mark.slow
def test_the_dose_that_keeps_a_share_keeps_it(effective):
    needed = equivalent_dose(
        effective, 0.8, dose_g_per_kg=2.0, every_days=28, other_every_days=[28, 42, 56]
    )
    assert needed.sel(every_days=28).to_numpy() == pytest.approx(1.6)
    dose = float(needed.sel(every_days=56).mean())

    def lowest(dose, interval):
        u = interval * np.arange(1, 400)
        return dose * (0.5 ** (u / 28) * (1 - 0.5 ** (u / 6))).sum()

    assert lowest(dose, 56) == pytest.approx(0.8 * lowest(2.0, 28))
    with pytest.raises(ValueError, match="Give a share above 0"):
        equivalent_dose(effective, 1.2, dose_g_per_kg=2, every_days=28, other_every_days=[28])


@pytest.mark.draws
@pytest.mark.slow
def test_a_model_without_compartment_has_no_kernel(models, fitted):
    tree = of_another_model(fitted, read_model(models / "strength_no_exposure.toml"))
    with pytest.raises(ValueError, match="has 0 exposures by an effect compartment"):
        dose_in_effect_kernel(tree, days=[1.0])


@pytest.mark.draws
@pytest.mark.slow
def test_what_is_left_after_the_last_infusion_is_that_of_a_long_schedule(effective):
    days = np.array([0.0, 5.0, 28.0, 90.0])
    drawn = wearing_off_curve(effective, days=days, dose_g_per_kg=2.0, every_days=28)
    since = days[:, None] + 28.0 * np.arange(400)
    known = (0.5 ** (since / 28) * (1 - 0.5 ** (since / 6))).sum(axis=1)
    cycle = np.arange(0.05, 28.0, 0.1)[:, None] + 28.0 * np.arange(400)
    mean = (0.5 ** (cycle / 28) * (1 - 0.5 ** (cycle / 6))).sum(axis=1).mean()
    assert drawn.to_numpy() == pytest.approx(np.broadcast_to(known / mean, drawn.shape), rel=1e-4)
    with pytest.raises(ValueError, match="Give days after the infusion, each 0 or more"):
        wearing_off_curve(effective, days=[-1.0], dose_g_per_kg=2.0, every_days=28)


@pytest.mark.draws
@pytest.mark.slow
def test_of_a_saturating_effect_the_share_is_of_the_effect(effective):
    """Fixed half-lives and half effect: nothing is estimated, and every draw is the same."""
    content = spec_of(effective).resolved
    fixed = {"distribution": "fixed", "why": "a reason"}
    halves = {"onset_half_life_days": 6.0, "wearing_off_half_life_days": 28.0, "half_effect": 1.5}
    content["exposure"]["infusions"] |= {n: {**fixed, "value": v} for n, v in halves.items()}
    tree = of_another_model(effective, parse_model(content, "strength"))

    def lowest(dose, interval):
        u = interval * np.arange(1, 400)
        return dose * (0.5 ** (u / 28) * (1 - 0.5 ** (u / 6))).sum()

    needed = equivalent_dose(tree, 0.8, dose_g_per_kg=2.0, every_days=28, other_every_days=[28, 56])
    assert needed.std(("chain", "draw")).max().item() < 1e-12
    usual = lowest(2.0, 28) / (1.5 + lowest(2.0, 28))
    for interval in (28, 56):
        dose = needed.sel(every_days=interval).mean().item()
        kept = lowest(dose, interval) / (1.5 + lowest(dose, interval))
        assert kept == pytest.approx(0.8 * usual)
    curve = wearing_off_curve(tree, days=[0.0, 28.0], dose_g_per_kg=2.0, every_days=28)
    assert curve.isel(day=0).to_numpy() == pytest.approx(curve.isel(day=1).to_numpy())
    kernel = dose_in_effect_kernel(tree, days=[28.0])
    expected = 0.1 / 1.5 * 0.5 * (1 - 0.5 ** (28 / 6))
    assert kernel.to_numpy() == pytest.approx(np.full(kernel.shape, expected))


@pytest.mark.draws
@pytest.mark.slow
def test_more_is_better_where_infusions_act_and_doses_beyond_are_marked(effective):
    drawn = dose_response_curve(effective, [0.0, 2.0, 9.0], every_days=28, by="naive")
    assert drawn.dims == ("chain", "draw", "dose_g_per_kg", "naive")
    mean = drawn.mean(("chain", "draw")).sel(naive=True).to_numpy()
    rises = drawn.sel(naive=True).diff("dose_g_per_kg")
    # 0.72, then 0.08 to 0.10, of four fits. 5 MCSE, and one run in a million fails per number.
    errors = [mcse(more.to_numpy()) for more in rises.transpose("dose_g_per_kg", ...)]
    assert (np.diff(mean) > 5 * np.array(errors)).all()
    assert drawn["extrapolated"].to_numpy().tolist() == [True, False, True]
    none = response_probability(
        effective, patients="population", by="naive", scenario=no_infusions()
    )
    np.testing.assert_array_equal(drawn.sel(dose_g_per_kg=0.0).to_numpy(), none.to_numpy())
    with pytest.raises(ValueError, match="Give one dose or more of 0 g/kg or above"):
        dose_response_curve(effective, [-1.0], every_days=28)


@pytest.mark.draws
@pytest.mark.slow
def test_the_course_of_one_patient_is_that_of_its_trajectory(fitted, cohort):
    days = [0.0, 60.0, 150.0]
    course = patient_course(fitted, "P02", days=days)
    design = design_of(fitted)
    assert course.sizes["site"] == int((design["patient_of_site"] == 1).sum())
    given = cohort.infusions[cohort.infusions["day"] >= 0]
    drawn = trajectory(fitted, scenario=given, patients="P02", days=days)
    np.testing.assert_allclose(
        course.mean("site").to_numpy(), drawn["expected_grade"].to_numpy(), rtol=1e-6
    )
    with pytest.raises(ValueError, match="no graded muscle of that patient"):
        patient_course(fitted, "X", days=days)


@pytest.mark.draws
@pytest.mark.slow
def test_what_is_beyond_is_asked_of_those_whom_the_scenario_is_for(fitted, cohort):
    """Of one patient, of a group: not of whoever else is in the cohort."""
    days, plan = [30.0, 100.0], schedule(**MONTHLY)
    for table in (plan, plan.assign(patient="P02")):
        drawn = trajectory(fitted, scenario=table, patients="P02", days=days)
        assert drawn["extrapolated"].to_numpy().tolist() == [False, False]
    by = trajectory(fitted, scenario=no_infusions(), patients="population", days=days, by="naive")
    assert by["extrapolated"].dims == ("naive", "day")
    assert by["extrapolated"].sel(naive=True).all()
    table = trajectory_table(by).set_index(["naive", "day"])
    assert table.loc[(True, 30.0), "extrapolated"]
    # Courses a week apart are not one.
    weekly = schedule(dose_g_per_kg=0.4, every_days=7, from_day=0, until_day=182)
    found = extrapolation_table(fitted, weekly, days=[6.0], patients=["P02"]).set_index("quantity")
    assert found.loc["dose of a course (g/kg)", "upper"] == pytest.approx(0.4)
    # A course that began before counts as a whole, where it goes on after.
    first = cohort.infusions[cohort.infusions["patient"] == "P02"]["day"].iloc[0]
    joined = pd.DataFrame({"day": [first + 2], "dose_g_per_kg": [20.0], "patient": ["P02"]})
    found = extrapolation_table(
        fitted, joined, days=[first + 30], from_day=first + 1, patients=["P02"]
    )
    assert found.set_index("quantity").loc["dose of a course (g/kg)", "extrapolated"]


@pytest.mark.draws
@pytest.mark.slow
def test_draws_of_the_prior_say_so(fitted):
    prior = sample_prior(fitted, seed=1, draws=20)
    drawn = trajectory(prior, scenario=no_infusions(), patients="population", days=[10.0])
    assert (trajectory_table(drawn)["distribution"] == "prior").all()
    rates = response_probability(prior, patients="population")
    assert rates.attrs["distribution"] == "prior"


@pytest.mark.draws
@pytest.mark.slow
def test_never_infused_is_beyond_what_was_seen(fitted):
    table = extrapolation_table(fitted, no_infusions(), days=[182.0], from_day=0.0).set_index(
        "quantity"
    )
    row = table.loc["day with nothing infused so far"]
    assert row["extrapolated"]
    assert "182 to 182, where the cohort had" in row["why"]


# --- tables and figures ---------------------------------------------------------------------------

SCENARIOS = {
    "every 4 weeks, 2 g/kg, for as long as a year and in whatever hospital it is given": schedule(
        **MONTHLY
    ),
    "none": no_infusions(),
}


@pytest.fixture(scope="module")
def drawn(fitted):
    return trajectory(fitted, scenario=SCENARIOS, patients="cohort", days=[0.0, 100.0, 9e3])


@pytest.mark.draws
@pytest.mark.slow
def test_tables_say_what_is_extrapolated(drawn):
    table = trajectory_table(drawn)
    first = next(iter(SCENARIOS))
    own = table[table["scenario"] == first].set_index("day")
    assert own["extrapolated"].tolist() == [False, False, True]
    expected = drawn["expected_sum"].sel(scenario=first, day=100.0)
    assert own.loc[100.0, "estimate"] == pytest.approx(expected.mean().item())
    assert (own["interval"] == "eti").all()
    assert table["synthetic"].all()
    by_grade = trajectory_table(drawn, "at_least")
    assert len(by_grade) == 2 * 3 * 6
    with pytest.raises(ValueError, match="quantity is 'extrapolated'; it is one of grade_share"):
        trajectory_table(drawn, "extrapolated")


@pytest.mark.draws
@pytest.mark.slow
def test_schedules_are_contrasted_draw_by_draw(drawn):
    first, second = SCENARIOS
    table = contrast_table(drawn, [(first, second)]).set_index("day")
    difference = drawn["expected_sum"].sel(scenario=first) - drawn["expected_sum"].sel(
        scenario=second
    )
    at = difference.sel(day=100.0)
    assert table.loc[100.0, "estimate"] == pytest.approx(at.mean().item())
    assert table.loc[100.0, "p_above"] == pytest.approx((at > 0).mean().item())
    assert table["extrapolated"].tolist() == [False, True, True]  # never infused after inclusion
    assert (table["contrast"] == f"{first} less {second}").all()
    with pytest.raises(ValueError, match="There is no scenario 'every day'; there are every 4"):
        contrast_table(drawn, [("every day", second)])


@pytest.mark.draws
@pytest.mark.slow
def test_the_models_placebo_rate_stands_beside_the_published_one(fitted):
    table = scenario_response_table(fitted, SCENARIOS, placebo=0.2)
    assert len(table) == 3 * 2 + 1
    none = table[table["scenario"] == "none"].set_index("naive")
    drawn = response_probability(fitted, patients="population", by="naive", scenario=no_infusions())
    expected = drawn.sel(naive=True).mean().item()
    assert none.loc["naive", "estimate"] == pytest.approx(expected)
    assert none.loc["naive", "extrapolated"]
    assert "day with nothing infused so far" in none.loc["naive", "why"]
    assert "nothing infused so far" not in none.loc["previously treated", "why"]
    with pytest.raises(ValueError, match="A scenario is called 'as infused'"):
        scenario_response_table(fitted, {"as infused": no_infusions()})
    with pytest.raises(ValueError, match="placebo is 20; it is a rate"):
        scenario_response_table(fitted, SCENARIOS, placebo=20)
    published = table.iloc[-1]
    assert (published["estimate"], published["scenario"]) == (0.2, PUBLISHED)
    assert not published["synthetic"]
    text = to_text(table)
    assert "nan" not in text
    assert "0.20" in text


def drawn_text(figure):
    return " ".join(t.get_text().replace("\n", " ") for t in figure.findobj(Text))


@pytest.mark.draws
@pytest.mark.slow
def test_figures_say_what_they_show(fitted, drawn, effective):
    seen = observed_grade_distribution(fitted, (0, 60, 200, 500), by=None)
    shown = drawn.sel(day=[0.0, 100.0])
    figure = trajectory_figure(shown, seen, grades=["3", "5"], title="Two schedules")
    words = drawn_text(figure)
    for part in ("grade 3 or above", "grade 5 or above", "sum score", "credible interval"):
        assert part in words
    assert "Synthetic data: no real patient." in words
    assert "beyond the doses, intervals or days" in words
    plain = trajectory_figure(
        trajectory(fitted, scenario=schedule(**MONTHLY), patients="P02", days=[0.0, 30.0]), seen
    )
    assert "beyond the doses" not in drawn_text(plain)
    with pytest.raises(ValueError, match=r"grades is \['9'\]; the scale has 0, 1"):
        trajectory_figure(shown, seen, grades=["9"])
    course = patient_course(fitted, "P02", days=np.arange(0.0, 200.0, 20.0))
    words = drawn_text(patient_figure(fitted, course))
    assert "stroke: an infusion, its height the dose" in words
    assert "finger abduction" in words
    left = wearing_off_curve(effective, days=[0.0, 20.0], dose_g_per_kg=2, every_days=28)
    prior = wearing_off_curve(
        sample_prior(effective, seed=1, draws=50), days=[0.0, 20.0], dose_g_per_kg=2, every_days=28
    )
    assert prior.attrs["distribution"] == "prior"
    words = drawn_text(
        kernel_figure(dose_in_effect_kernel(effective, days=[0.0, 20.0]), left, prior=prior)
    )
    assert "limits of the 95 % prior interval, equal-tailed" in words
    doses = dose_response_curve(effective, [0.0, 1.0, 2.0], every_days=28, by="naive")
    words = drawn_text(dose_response_figure(doses, placebo=0.2))
    assert "published placebo rate, 20 %" in words
    assert "no patient of the cohort had" in words


def test_runs_of_days_have_their_ends():
    assert runs(np.array([True, True, False, True])) == [(0, 2), (3, 4)]
    assert runs(np.array([False])) == []


def test_a_change_a_year_is_a_difference_of_days_over_years():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(2, 50, 2, 3)).cumsum(axis=-1)
    days = [0.0, 365.25, 1096.5]
    dims, flags = ("chain", "draw", "scenario", "day"), [[False] * 3, [False, False, True]]
    drawn = xr.Dataset(
        {"expected_sum": (dims, values), "extrapolated": (("scenario", "day"), flags)},
        coords={"scenario": ["one", "other"], "day": days},
    )
    drawn["expected_sum"].attrs = {"quantity": "expected sum score", "synthetic": True}
    table = yearly_change_table(drawn, [(0.0, 365.25), (365.25, 1096.5)])
    assert table["scenario"].tolist() == ["one", "other"] * 2
    by_hand = (values[:, :, 1, 2] - values[:, :, 1, 1]) / (731.25 / 365.25)
    row = table.iloc[3]
    assert row["estimate"] == pytest.approx(by_hand.mean())
    assert row["p_below"] == (by_hand < 0).mean()
    assert table["extrapolated"].tolist() == [False, False, False, True]
    assert set(table["quantity"]) == {"expected sum score, change a year"}
    one = yearly_change_table(drawn.sel(scenario="one", drop=True), [(0.0, 365.25)])
    assert len(one) == 1
    for wrong in ([], [(365.25, 0.0)], [(0.0, 5.0)]):
        with pytest.raises(ValueError, match="pairs of days of the trajectory"):
            yearly_change_table(drawn, wrong)
