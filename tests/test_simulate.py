"""Simulated cohorts: seeded, of any size, with the truth they claim and believable grades."""

import tomllib
import warnings
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from statsmodels.stats.inter_rater import cohens_kappa

from mmn_bayes.data.response import judged_patients, visit_pair
from mmn_bayes.errors import CohortWarning
from mmn_bayes.model_file.reading import read_model
from mmn_bayes.simulation.cohort import (
    CLASSES,
    draw_follow_up_days,
    draw_gain_z,
    simulate_cohort,
    simulate_tables,
)
from mmn_bayes.simulation.recipe import Recipe, truth_of, truth_to_toml, with_compartment

SPEC = read_model(Path(__file__).resolve().parents[1] / "models" / "strength.toml")
RECIPE = Recipe()
STABLE = replace(RECIPE, gain=0.0, naive_gain=0.0, patient_gain_sd=0.0, dose_rate=0.0)
MANY = 1500
SIGMAS = 3.0  # every Monte Carlo band here is this many standard errors

Judged = namedtuple("Judged", "cohort pair table naive evaluable")


def judged(recipe: Recipe, seed: int) -> Judged:
    cohort = simulate_cohort(MANY, seed=seed, recipe=recipe)
    pair = visit_pair(cohort, SPEC)
    table = judged_patients(cohort, pair, SPEC)
    evaluable = (table["reason"] == "").to_numpy()
    return Judged(cohort, pair, table, cohort.patients["naive"].to_numpy(dtype=bool), evaluable)


@pytest.fixture(scope="module")
def treated() -> Judged:
    return judged(RECIPE, 1)


@pytest.fixture(scope="module")
def stable() -> Judged:
    return judged(STABLE, 2)


# --- seeds, sizes, truth -------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_cohort_and_another_seed_another():
    first, again, other = (simulate_cohort(40, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    for name, table in first.tables.items():
        assert not table.equals(other.tables[name]), name


def test_a_recipe_of_its_own_is_followed():
    short = replace(RECIPE, muscles=(("thumb abduction", 0.2), ("wrist extension", -0.2)))
    cohort = simulate_cohort(200, seed=1, recipe=short)
    assert set(cohort.grades["muscle"]) == {"thumb abduction", "wrist extension"}
    assert cohort.truth["muscle_effect"] == {"thumb abduction": 0.2, "wrist extension": -0.2}


@pytest.mark.parametrize("n_patients", [1, 40, 400])
def test_any_size(n_patients):
    with warnings.catch_warnings():
        if n_patients == 1:  # every predictor is constant then, which is worth a warning
            warnings.simplefilter("ignore", CohortWarning)
        cohort = simulate_cohort(n_patients, seed=5)
    assert len(cohort.patients) == n_patients
    assert set(cohort.grades["patient"]) == set(cohort.patients["patient"])
    assert cohort.synthetic is True
    assert "simulate" in cohort.title.lower()
    assert "seed 5" in cohort.source
    assert set(cohort.tables) == {"patients", "grades", "infusions", "blocks", "status"}


@pytest.mark.parametrize("n_patients", [0, -1])
def test_a_cohort_of_nobody_is_refused(n_patients):
    with pytest.raises(ValueError, match="at least one patient"):
        simulate_cohort(n_patients, seed=1)


@pytest.mark.parametrize("recipe", [RECIPE, with_compartment()])
def test_the_truth_has_the_names_of_the_models(recipe):
    truth = simulate_cohort(40, seed=6, recipe=recipe).truth
    predictors = {predictor.name for predictor in SPEC.predictors}
    exposures = {"dose_rate"}
    if recipe.infusions:
        exposures |= {name for name in SPEC.priors if name.startswith("infusions")}
        assert len(exposures) == 4
    assert set(truth) == predictors | exposures | {
        *("noise", "gain", "half_time_days", "patient_level_sd", "patient_gain_sd"),
        *("cutpoints", "muscle_effect"),
    }
    assert len(truth["cutpoints"]) == len(SPEC.scale) - 1
    assert sum(truth["muscle_effect"].values()) == pytest.approx(0.0, abs=1e-12)
    assert set(truth["muscle_effect"]) == {name for name, _ in RECIPE.muscles}


def test_the_truth_survives_toml():
    truth = truth_of(RECIPE)
    read = tomllib.loads(truth_to_toml(truth))
    assert read == {**truth, "cutpoints": list(truth["cutpoints"])}


# --- what the tables look like -------------------------------------------------------------------


def test_visits_and_infusions_keep_to_the_plan(treated):
    grades, infusions = treated.cohort.grades, treated.cohort.infusions
    days = grades.groupby("patient")["day"]
    last = days.max()
    assert (days.min() == 0).all()
    assert (infusions["day"] <= infusions["patient"].map(last)).all()
    assert not infusions.duplicated(["patient", "day"]).any()
    first = infusions.groupby("patient")["day"].min().reindex(treated.cohort.patients["patient"])
    early, late = RECIPE.earlier_treatment_days
    assert (first[treated.naive] == 0).all()
    assert first[~treated.naive].between(-late, -early).all()


def test_a_first_course_is_that_of_the_recipe(treated):
    patient = treated.cohort.patients.loc[treated.naive, "patient"].iloc[0]
    infusions = treated.cohort.infusions
    first = infusions[(infusions["patient"] == patient) & (infusions["day"] < 28)]
    assert first["day"].tolist() == [0, 1, 2, 3, 4]
    assert first["dose_g_per_kg"].tolist() == [0.4] * 5


def test_treatment_goes_on_only_in_the_dependent_and_the_unclassified(treated):
    patients = treated.cohort.patients["patient"]
    status = treated.cohort.status.set_index("patient")["status"].reindex(patients)
    last_infusion = treated.cohort.infusions.groupby("patient")["day"].max().reindex(patients)
    stopped = status.isin(["remission", "other"])
    half_year, course = RECIPE.visit_days[3], 5
    assert (last_infusion[stopped] < half_year + course).all()
    assert (last_infusion[~stopped] > half_year + course).mean() > 0.9


def test_who_misses_the_visit_misses_it_and_the_others_do_not(treated):
    no_visit = (treated.table["reason"] == "no visit in the follow-up window").to_numpy()
    share = RECIPE.missing_follow_up_share
    n = treated.naive.sum()
    assert not no_visit[~treated.naive].any()
    error = np.sqrt(share * (1 - share) / n)
    assert abs(no_visit[treated.naive].mean() - share) < SIGMAS * error


def test_follow_up_is_at_least_the_half_year():
    days = draw_follow_up_days(np.random.default_rng(1), 10_000, RECIPE)
    assert days.min() == round(RECIPE.follow_up_min_years * 365.25)
    mean = days.mean() / 365.25
    error = RECIPE.follow_up_sd_years / np.sqrt(len(days))
    # Raising the shortest to the minimum adds at most the minimum times how often that happens.
    shortest = (days == days.min()).mean()
    lower, upper = 0.0, shortest * RECIPE.follow_up_min_years
    assert lower - SIGMAS * error < mean - RECIPE.follow_up_mean_years < upper + SIGMAS * error


def test_classes_have_the_published_shares(treated):
    shares = treated.cohort.status["status"].value_counts(normalize=True)
    n = len(treated.cohort.status)
    for name, share in zip(CLASSES, RECIPE.class_shares, strict=True):
        assert abs(shares[name] - share) < SIGMAS * np.sqrt(share * (1 - share) / n), name


# --- how much is chance, how much is gain --------------------------------------------------------


def test_without_any_gain_one_in_five_responds_by_chance(stable):
    rate = stable.table.loc[stable.evaluable, "response"].mean()
    error = np.sqrt(rate * (1 - rate) / stable.evaluable.sum())
    # The historical rate of Leger 2008 and the placebo patients of Leger 2001 (2 of 9).
    assert 1 / 5 - SIGMAS * error < rate < 2 / 9 + SIGMAS * error


def kappa_of(stable: Judged, patients: np.ndarray) -> float:
    counts = np.zeros((6, 6))
    baseline, follow_up = stable.pair.baseline[patients], stable.pair.follow_up[patients]
    np.add.at(counts, (baseline.ravel(), follow_up.ravel()), 1)
    return cohens_kappa(counts, wt="linear").kappa


def test_two_stable_visits_agree_as_real_ones_do(stable):
    seen = np.flatnonzero(~np.isnan(stable.pair.follow_up_day))
    # Muscles of one patient are alike, so the error is that between batches of patients.
    batches = [kappa_of(stable, batch) for batch in np.array_split(seen, 20)]
    error = np.std(batches, ddof=1) / np.sqrt(len(batches))
    assert abs(kappa_of(stable, seen) - 0.93) < 0.005 + SIGMAS * error  # 0.93 as printed


def test_naive_patients_respond_as_published(treated):
    used = treated.naive & treated.evaluable
    rate = treated.table.loc[used, "response"].mean()
    assert abs(rate - 14 / 20) < SIGMAS * np.sqrt(0.7 * 0.3 / used.sum())


# --- the second author's cutpoints ---------------------------------------------------------------


def test_cutpoints_give_the_grade_proportions_marginally():
    """Strength with unit normal spread and logistic noise, integrated over the noise."""
    noise = RECIPE.noise * np.random.default_rng(1).logistic(size=200_000)
    below = norm.cdf(RECIPE.cutpoints[:, None] - noise).mean(axis=1)
    proportions = np.diff(np.concatenate([[0.0], below, [1.0]]))
    # The noise is small, so that the normal approximation behind the cutpoints is good to 1e-3.
    np.testing.assert_allclose(proportions, RECIPE.grade_probability, atol=1e-3)


def test_a_site_before_treatment_has_those_proportions():
    alone = replace(
        STABLE, muscles=(("thumb abduction", 0.0),), patient_level_sd=0.0, naive_level=0.0
    )
    n = 4000
    plan = pd.DataFrame(
        {
            "patient": [f"P{number:04d}" for number in range(n)],
            "naive": True,
            "follow_up_days": 400,
            "misses_follow_up": False,
            "gain_z": 0.0,
            "status": "dependent",
        }
    )
    grades = simulate_tables(np.random.default_rng(3), plan, alone)["grades"]
    first = grades[grades["day"] == 0]
    assert len(first) == 2 * n
    observed = first["grade"].value_counts(normalize=True).sort_index().to_numpy()
    expected = np.array(RECIPE.grade_probability)
    error = np.sqrt(expected * (1 - expected) / len(first))
    np.testing.assert_array_less(np.abs(observed - expected), SIGMAS * error + 1e-3)


def test_gains_given_the_class_are_those_among_patients_of_the_class():
    """Draw the class from the gain, then the gain from the class: the gain is standard again."""
    rng = np.random.default_rng(4)
    n = 60_000
    status = rng.choice(np.array(CLASSES, dtype=object), size=n, p=RECIPE.class_shares)
    gain = draw_gain_z(rng, status, RECIPE)
    assert abs(gain.mean()) < SIGMAS / np.sqrt(n)
    assert abs(gain.var() - 1.0) < SIGMAS * np.sqrt(2.0 / n)
    means = [gain[status == name].mean() for name in CLASSES]
    assert means == sorted(means)
    # E(gain | class) is E(score | class) / sqrt(2), the score being standard normal in an interval.
    edges = norm.ppf(np.concatenate([[0.0], np.cumsum(RECIPE.class_shares)[:-1], [1.0]]))
    expected = -np.diff(norm.pdf(edges)) / np.array(RECIPE.class_shares) / np.sqrt(2.0)
    errors = [1.0 / np.sqrt((status == name).sum()) for name in CLASSES]
    np.testing.assert_array_less(np.abs(np.array(means) - expected), SIGMAS * np.array(errors))
    unclassified = draw_gain_z(rng, np.full(n, "", dtype=object), RECIPE)
    assert abs(unclassified.var() - 1.0) < SIGMAS * np.sqrt(2.0 / n)
