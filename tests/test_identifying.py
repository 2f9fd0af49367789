"""Time told from infusions, what confounding could do, and the months when doses were fixed.

A test of draws without a bound of its own holds for any draws: failure probability 0.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from trees import first_draws, of_another_model, with_draws

from mmn_bayes.data.exposure import dose_in_effect
from mmn_bayes.data.restricting import first_months
from mmn_bayes.data.schedules import courses
from mmn_bayes.errors import CohortWarning
from mmn_bayes.exposure.confounding import confounding_sensitivity, sd_within_patients
from mmn_bayes.exposure.identifiability import change_by_part, identifiability_table
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.posterior.draws import design_of, spec_of
from mmn_bayes.posterior.prior_predictive import sample_prior
from mmn_bayes.simulation.recipe import with_compartment
from mmn_bayes.studies.known_truth import simulated


@pytest.fixture(scope="module")
def cohort():
    return simulated(14, 3, with_compartment())


@pytest.fixture(scope="module")
def tree(strength_of_few):
    return first_draws(strength_of_few, 60)


# --- time and infusions ---------------------------------------------------------------------------


@pytest.mark.draws
@pytest.mark.slow
def test_the_parts_of_the_change_are_those_of_the_parameters(tree):
    known = {"infusions": 0.1, "infusions_onset_half_life_days": 6.0, "gain": 0.2}
    known |= {"infusions_wearing_off_half_life_days": 28.0, "naive_gain": 0.0}
    known |= {"patient_gain_sd": 0.0, "half_time_days": 30.0}
    fixed = with_draws(tree, **known)
    drawn = change_by_part(fixed, by="naive")
    assert drawn.dims == ("chain", "draw", "part", "naive")
    design, gap = design_of(tree), fixed["posterior"]["cutpoints"].diff("threshold")
    gap = gap.mean("threshold").to_numpy()
    given = pd.DataFrame(
        {
            "patient": design["infusion_patient"].to_numpy(),
            "day": design["infusion_day"].to_numpy(),
            "dose_g_per_kg": design["infusion_dose_g_per_kg"].to_numpy(),
        }
    )
    who = design["patient"].to_numpy()
    halves = {"onset_half_life_days": 6.0, "wearing_off_half_life_days": 28.0}
    at = [dose_in_effect(who, np.full(who.size, d), given, **halves) for d in (0.0, 182.0)]
    first = given.groupby("patient")["day"].min().reindex(who).to_numpy()
    grown = [1.0 - 0.5 ** (np.maximum(d - first, 0.0) / 30.0) for d in (0.0, 182.0)]
    n_sites = np.bincount(design["patient_of_site"].to_numpy(), minlength=who.size)
    for naive in (False, True):
        member = design["naive"].to_numpy() == naive
        weight = n_sites * member / (n_sites * member).sum()
        own = drawn.sel(naive=naive)
        assert own.sel(part="infusions").to_numpy() == pytest.approx(
            0.1 * (weight @ (at[1] - at[0])) / gap
        )
        assert own.sel(part="time").to_numpy() == pytest.approx(
            0.2 * (weight @ (grown[1] - grown[0])) / gap
        )
    total = drawn.sel(part="time") + drawn.sel(part="infusions")
    assert drawn.sel(part="both").to_numpy() == pytest.approx(total.to_numpy())


@pytest.mark.draws
@pytest.mark.slow
def test_what_the_data_add_is_said_in_words(tree):
    table = identifiability_table(tree, seed=1, by="naive").set_index("quantity")
    assert table["synthetic"].all()
    assert {"gain", "half_time_days", "naive_gain", "infusions"} <= set(table.index)
    gain = tree["posterior"]["gain"].to_numpy()
    off = np.log(tree["posterior"]["infusions_wearing_off_half_life_days"].to_numpy())
    known = {"gain": gain.var(ddof=1) / 0.2**2}
    known |= {"infusions_wearing_off_half_life_days": off.var(ddof=1) / 0.6**2}
    for name, left in known.items():
        # The variance of 1,000 draws of a normal prior, 5 standard errors: one run in a million
        # fails per number, 2 numbers.
        removed = table.loc[name, "variance_removed"]
        assert removed == pytest.approx(1 - left, abs=5 * left * (2 / 1000) ** 0.5)
    r = np.corrcoef(gain.ravel(), tree["posterior"]["infusions"].to_numpy().ravel())[0, 1]
    assert abs(table.loc["gain", "correlation"]) >= abs(r) - 1e-12
    assert table["interpretation"].str.len().min() > 10
    parts = table[table.index.str.startswith("change by follow-up")]
    assert len(parts) == 6
    # Gains of who was treated before are over: no part of a change that neither knows of.
    moving = parts[parts["prior_upper"] - parts["prior_lower"] > 0.5]
    # The narrowest of them is 2.6 wide, and its limit 1.3 from the posterior's, MCSE 0.05: 25 MCSE.
    assert len(moving) >= 3
    assert moving["prior_lower"].lt(moving["lower"]).all()


@pytest.mark.draws
@pytest.mark.slow
def test_what_cannot_be_told_apart_is_said_to_be_so(tree):
    rng = np.random.default_rng(1)
    shape = tree["posterior"]["gain"].shape
    shared = rng.normal(size=shape)
    one_thing = with_draws(tree, gain=0.3 * shared, infusions=-0.2 * shared)
    table = identifiability_table(one_thing, seed=1).set_index("quantity")
    assert (
        "The posterior does not separate it from infusions (correlation -1.00)."
        in table.loc["gain", "interpretation"]
    )
    assert table.loc["gain", "correlates_with"] == "infusions"
    apart = with_draws(tree, gain=0.001 * shared, infusions=0.2 * rng.normal(size=shape))
    table = identifiability_table(apart, seed=1).set_index("quantity")
    assert table.loc["gain", "interpretation"].startswith(
        "The data say what it is: 100 % of the prior's"
    )
    assert "does not separate" not in table.loc["gain", "interpretation"]
    assert table.loc["infusions", "interpretation"].startswith("The data say little of it: 0 %")


@pytest.mark.draws
@pytest.mark.slow
def test_nothing_known_is_not_told_apart(tree):
    table = identifiability_table(sample_prior(tree, seed=3, draws=300), seed=1)
    said = table.loc[table["component"] == "both", "interpretation"].item()
    assert "separates them" not in said
    assert "of one or both of which the data say little" in said


@pytest.mark.draws
@pytest.mark.slow
def test_the_effects_of_days_cancel(models, tree):
    """The same fresh effects of a day with and without infusions: nothing of them is a part."""
    content = spec_of(tree).resolved
    content["group"]["one_day"] = {"by": "patient:visit", "acts_on": "level"}
    content["group"]["one_day"]["sd"] = {"distribution": "half_normal", "sd": 1.0, "why": "a"}
    posterior = tree["posterior"].to_dataset()
    still = with_draws(tree, infusions=0.0)
    drawn = (
        still["posterior"]
        .to_dataset()
        .assign(
            one_day_sd=xr.full_like(posterior["gain"], 0.5),
            one_day_z=xr.zeros_like(posterior["gain"]).expand_dims(
                visit=["nobody, day 1"], axis=-1
            ),
        )
    )
    still["posterior"] = xr.DataTree(drawn)
    other = of_another_model(still, parse_model(content, "with_days"))
    assert abs(change_by_part(other).sel(part="infusions")).max() < 1e-12


@pytest.mark.draws
@pytest.mark.slow
def test_a_model_without_exposure_has_nothing_to_tell_apart(models, tree):
    tree = of_another_model(tree, read_model(models / "strength_no_exposure.toml"))
    with pytest.raises(ValueError, match="has no exposure to be told from time"):
        identifiability_table(tree, seed=1)
    with pytest.raises(ValueError, match="has 0 exposures; the bound is of one"):
        confounding_sensitivity(tree)


# --- confounding ----------------------------------------------------------------------------------


def test_the_bias_of_a_left_out_variable_is_what_the_bound_says():
    """Least squares without U are off by its effect times correlation over the sd of the dose."""
    rng = np.random.default_rng(5)
    n, effect, of_u, r = 200_000, 0.3, -0.4, 0.5
    patient, time = rng.integers(0, 50, n), rng.normal(size=n)
    level = rng.normal(size=50)[patient]
    own = rng.normal(size=n)
    dose = 1.7 * own + 0.8 * level + 0.6 * time
    u = r * own + np.sqrt(1 - r**2) * rng.normal(size=n)
    y = effect * dose + of_u * u + level + 0.5 * time + 0.1 * rng.normal(size=n)
    x = np.column_stack([dose, time, np.eye(50)[patient]])
    got = np.linalg.lstsq(x, y, rcond=None)[0][0]
    assert got - of_u * r / 1.7 == pytest.approx(effect, abs=0.005)


@pytest.mark.draws
@pytest.mark.slow
def test_the_bound_moves_the_effect_by_that_bias(tree):
    table = confounding_sensitivity(tree, grades=[0.25, 0.5], correlations=[-0.5, 0.5])
    plain, *others = table.to_dict("records")
    spread = sd_within_patients(tree, spec_of(tree).exposures[0])
    posterior = tree["posterior"].to_dataset()
    effect = posterior["infusions"] / posterior["cutpoints"].diff("threshold").mean("threshold")
    assert spread.std() > 0.0  # each draw has its own half-lives
    assert plain["grades"] == plain["correlation"] == 0.0
    for row in others:
        left = effect - row["grades"] * row["correlation"] / spread
        assert row["estimate"] == pytest.approx(left.mean().item())
        limits = np.quantile(left.to_numpy(), [0.025, 0.975])
        assert [row["lower"], row["upper"]] == pytest.approx(limits.tolist(), abs=1e-3)
        assert row["sd_of_measure"] == pytest.approx(spread.mean().item())
    # The correlation named brings the nearer limit of the interval to 0.
    strong = with_draws(tree, infusions=0.1)
    row = confounding_sensitivity(strong, grades=[0.5], correlations=[0.1]).iloc[1]
    tip = row["tipping_correlation"]
    assert tip > 0
    there = confounding_sensitivity(strong, grades=[0.5], correlations=[min(tip, 0.999)]).iloc[1]
    if tip < 0.999:  # the share of draws below 0 is that beyond the limit, but for one draw of 120
        assert there["p_above"] == pytest.approx(0.975, abs=0.01)


@pytest.mark.draws
@pytest.mark.slow
def test_the_sd_within_patients_is_that_of_least_squares(tree):
    design, posterior = design_of(tree), tree["posterior"].to_dataset()
    given = pd.DataFrame(
        {
            "patient": design["infusion_patient"].to_numpy(),
            "day": design["infusion_day"].to_numpy(),
            "dose_g_per_kg": design["infusion_dose_g_per_kg"].to_numpy(),
        }
    )
    patient = design["patient_of_visit"].to_numpy()
    at = {"chain": 1, "draw": 7}
    halves = {
        f"{w}_half_life_days": posterior[f"infusions_{w}_half_life_days"][at].item()
        for w in ("onset", "wearing_off")
    }
    who, day = design["patient"].to_numpy()[patient], design["day_of_visit"].to_numpy()
    measure = dose_in_effect(who, day, given, **halves)
    half = posterior["half_time_days"][at].item()
    grown = 1 - 0.5 ** (design["days_since_first_infusion"].to_numpy() / half)
    x = np.column_stack([grown, np.eye(design.sizes["patient"])[patient]])
    left = measure - x @ np.linalg.lstsq(x, measure, rcond=None)[0]
    free = measure.size - np.linalg.matrix_rank(x)
    expected = np.sqrt(left @ left / free)
    assert sd_within_patients(tree, spec_of(tree).exposures[0])[at] == pytest.approx(expected)


@pytest.mark.draws
@pytest.mark.slow
def test_a_bound_that_has_no_meaning_is_refused(tree, models):
    with pytest.raises(ValueError, match="Give grades above 0, and correlations between -1 and 1"):
        confounding_sensitivity(tree, grades=[0.0])
    with pytest.raises(ValueError, match="Give grades above 0"):
        confounding_sensitivity(tree, correlations=[1.0])
    content = read_model(models / "strength.toml").resolved
    content["exposure"]["infusions"]["half_effect"] = {
        "distribution": "lognormal",
        "median": 2.0,
        "log_sd": 0.5,
        "why": "a reason",
    }
    other = of_another_model(tree, parse_model(content, "saturating"))
    with pytest.raises(ValueError, match="without half_effect"):
        confounding_sensitivity(other)


# --- the first months -----------------------------------------------------------------------------


def test_the_first_months_are_those_of_a_fixed_schedule(cohort):
    with pytest.warns(CohortWarning, match="Left out beyond day 195 or off a schedule of 28 days"):
        early = first_months(cohort, until_day=195, every_days=28)
    assert (early.grades["day"] <= 195).all()
    assert (early.infusions["day"] <= 195).all()
    kept = set(early.patients["patient"])
    assert 1 < len(kept) < len(cohort.patients)
    doses = courses(early.infusions[early.infusions["day"] >= 0]).groupby("patient")[
        "dose_g_per_kg"
    ]
    assert (doses.max() <= 1.1 * doses.min() + 1e-9).all()
    between = courses(early.infusions[early.infusions["day"] >= 0])["days_since_course"].dropna()
    assert between.between(21, 35).all()
    out = early.warnings[early.warnings["message"].str.contains("not on a schedule of 28 days")]
    assert set(out["patient"]) | kept == set(cohort.patients["patient"])
    assert early.title.endswith(", to day 195, infused every 28 days")
    assert early.synthetic
    with pytest.warns(CohortWarning, match=r"Left out beyond day 200: [0-9]+ of [0-9]+ grades"):
        everybody = first_months(cohort, until_day=200)
    assert len(everybody.patients) == len(cohort.patients)


@pytest.mark.parametrize(
    ("days", "doses", "kept"),
    [
        ([0, 28, 56, 84, 112, 140, 168], 2.0, True),
        ([0, 28, 56, 84, 112, 140, 168], [0.5, 1, 1.5, 2, 2, 2, 2], False),  # titrated
        ([0, 28, 56, 84], 2.0, False),  # stopped
        ([0, 28], 2.0, False),
        ([140, 168], 2.0, False),  # begun late
        ([0, 28, 56, 70, 98, 126, 154, 182], 2.0, False),  # once sooner
    ],
)
def test_who_is_on_a_fixed_schedule(cohort, days, doses, kept):
    own = pd.DataFrame({"patient": "P01", "day": np.array(days, float), "dose_g_per_kg": doses})
    other = cohort.infusions[cohort.infusions["patient"] != "P01"]
    changed = replace(cohort, infusions=pd.concat([own, other], ignore_index=True))
    with pytest.warns(CohortWarning, match="Left out"):
        early = first_months(changed, until_day=182, every_days=28)
    assert ("P01" in set(early.patients["patient"])) == kept


def test_months_of_nobody_are_refused(cohort):
    with pytest.raises(ValueError, match="No patient had courses every 3 days"):
        first_months(cohort, until_day=200, every_days=3, within_days=0)
    with pytest.raises(ValueError, match="No patient had courses"):
        first_months(replace(cohort, infusions=None), until_day=200, every_days=28)
    with pytest.raises(ValueError, match="until_day and every_days are days above 0"):
        first_months(cohort, until_day=0)
