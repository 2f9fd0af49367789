"""Everything a model of grades may have, in one: from fit to estimands, and back from the disk.

A test of draws without a bound of its own holds for any draws: failure probability 0.
"""

import json
import warnings

import numpy as np
import pytest

from mmn_bayes.data.restricting import first_months, of_patients
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.predicting import predict
from mmn_bayes.engine.sampling import fit
from mmn_bayes.errors import CohortWarning, DataError
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.outcomes.grade.distribution import grade_distribution
from mmn_bayes.outcomes.response.definitions import unchanged
from mmn_bayes.outcomes.response.estimands import posterior_predictive_check, response_probability
from mmn_bayes.outcomes.response.table import response_table
from mmn_bayes.posterior.prior_predictive import prior_predictive
from mmn_bayes.report.fit_files import load, save
from mmn_bayes.studies.known_truth import simulated

NORMAL = {"distribution": "normal", "mean": 0, "sd": 0.1, "why": "a reason"}
HALF = {"distribution": "half_normal", "sd": 0.1, "why": "a reason"}


@pytest.fixture(scope="module")
def cohort():
    return simulated(8, seed=3)


@pytest.fixture(scope="module")
def rich(models):
    """Correlated levels and slopes, slopes of sites, an examiner, relaxed cutpoints."""
    content = read_model(models / "strength.toml").resolved
    del content["gain"], content["exposure"]
    del content["group"]["patient_gain"], content["predictor"]["naive_gain"]
    content["slope"] = {"since": "inclusion", "per_days": 365.25, "size": NORMAL}
    content["correlation"] = {"patient": {"distribution": "lkj", "shape": 2, "why": "a reason"}}
    content["relaxed"] = {"by": "naive_level", "sd": HALF}
    content["group"] |= {
        "patient_slope": {"by": "patient", "acts_on": "slope", "sd": HALF},
        "site_slope": {"by": "patient:muscle", "acts_on": "slope", "sd": HALF},
        "examiner": {"by": "patient:visit", "acts_on": "level", "sd": HALF},
    }
    content["group"]["muscle"]["parametrisation"] = "centred"
    return parse_model(content, "rich")


@pytest.fixture(scope="module")
def fitted(rich, cohort):
    return fit(cohort, rich, seed=2, chains=2, draws=60, tune=150, progress="off")


@pytest.mark.draws
@pytest.mark.slow
def test_the_draws_are_labelled_and_the_parametrisation_is_recorded(fitted, rich):
    posterior = fitted["posterior"].to_dataset()
    assert set(rich.priors) <= set(posterior)
    assert not [name for name in posterior if str(name).endswith(("_centred", "_balanced"))]
    pairs = posterior["patient_correlation"]["pair"].to_numpy().tolist()
    assert pairs == ["patient_level, patient_slope"]
    assert posterior["relaxed_z"].dims[2:] == ("relaxed", "gap")
    assert posterior["examiner_z"].sizes["visit"] == fitted["design"].sizes["visit"]
    assert posterior["site_slope_z"].sizes["site"] == fitted["design"].sizes["site"]
    assert (posterior["stratum_cutpoints"].diff("threshold") > 0).all()
    # 0.38 to 0.46 of three fits: of 120 draws no sd comes out at a seventh.
    assert posterior["patient_correlation"].std() > 0.05
    stated = json.loads(fitted.attrs["parametrisation"])
    assert stated.pop("muscle") == "centred"
    assert set(stated.values()) == {"non_centred"}
    assert "site" not in stated


@pytest.mark.draws
@pytest.mark.slow
def test_every_estimand_follows_from_it(fitted, tmp_path):
    kept = load(save(fitted, tmp_path / "rich.nc"))
    for patients in ("cohort", "population"):
        draws = response_probability(kept, patients=patients)
        again = response_probability(fitted, patients=patients)
        assert draws.equals(again)
        assert ((draws >= 0) & (draws <= 1)).all()
        assert patients == "cohort" or draws.std() > 0
    assert len(posterior_predictive_check(kept)) == 1
    shares = grade_distribution(kept, days=[0.0, 91.0, 200.0])
    assert shares.sum("grade").to_numpy() == pytest.approx(1.0)


@pytest.mark.draws
@pytest.mark.slow
def test_a_visit_keeps_its_effect_and_a_new_one_draws_its_own(fitted, rich):
    design = fitted["design"].to_dataset()
    posterior = fitted["posterior"].to_dataset().isel(draw=slice(None, 20))
    names = ["grade_cdf"]
    ((_, (known,)),) = predict(rich, design, posterior, names)
    ((_, (same,)),) = predict(rich, design, posterior, names, rng=np.random.default_rng(1))
    assert (known == same).all()
    moved = design.assign_coords(visit=[f"{name} again" for name in design["visit"].to_numpy()])
    with pytest.raises(ValueError, match="examiner_z are to be drawn; give a random generator"):
        next(predict(rich, moved, posterior, names))
    ((_, (new,)),) = predict(rich, moved, posterior, names, rng=np.random.default_rng(1))
    assert not np.allclose(known, new)


def test_a_muscle_without_a_group_is_named(models, cohort):
    content = read_model(models / "strength.toml").resolved
    muscles = sorted(set(cohort.grades["muscle"]))
    groups = {name: "hand" if "finger" in name else "other" for name in muscles[1:]}
    content["relaxed"] = {"by": "muscle", "sd": HALF, "groups": groups}
    with pytest.raises(DataError, match=f"muscle '{muscles[0]}' has no group in relaxed.groups"):
        make_design(cohort, parse_model(content, "relaxed"))


@pytest.mark.parametrize("unit", ["noise", "muscles"])
def test_the_prior_can_be_printed_in_either_unit(models, cohort, unit):
    content = read_model(models / "strength.toml").resolved
    if unit == "noise":
        del content["noise"]
        wide = {"distribution": "lognormal", "median": 20, "log_sd": 0.4, "why": "a reason"}
        content["group"]["site"]["sd"] = wide
    table = prior_predictive(cohort, parse_model(content, "prior"), seed=1, draws=40)
    chance = table.set_index("quantity").loc["responders by chance, without any treatment"]
    assert 0 < chance["estimate"] < 1


@pytest.mark.draws
@pytest.mark.slow
def test_the_gain_may_act_differently_across_grades(models, cohort):
    # A few patients, one of them without a follow-up, and their first months: it is slow to sample.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        early = first_months(cohort, until_day=250)
        cohort = of_patients(early, cohort.patients["patient"].head(5))
    # Half-lives would take many more leapfrogs, and are no part of the question.
    content = read_model(models / "strength_dose_rate.toml").resolved
    relaxed = parse_model(content | {"relaxed": {"by": "gain", "sd": HALF}}, "relaxed_gain")
    plain = parse_model(content, "proportional")
    settings = {"seed": 2, "chains": 2, "draws": 20, "tune": 40, "progress": "off"}
    fits = [fit(cohort, spec, **settings) for spec in (relaxed, plain)]
    posterior = fits[0]["posterior"].to_dataset()
    assert posterior["relaxed_z"].dims[2:] == ("relaxed", "gap")
    assert posterior["relaxed"].to_numpy().tolist() == ["gain"]
    # What relaxing does is said of the response, beside the same of proportional odds.
    table = response_table(fits)
    for spec in (relaxed, plain):
        assert table["source"].str.startswith(spec.name).any(), table["source"].tolist()
    # Without any change of strength the cutpoints of all visits are the common ones.
    still = unchanged(relaxed, posterior)
    design = fits[0]["design"].to_dataset()
    ((_, (scaled,)),) = predict(relaxed, design, still, ["scaled_cutpoints"], purpose="recover")
    assert np.ptp(scaled, axis=1).max() == 0.0
    ((_, (scaled,)),) = predict(relaxed, design, posterior, ["scaled_cutpoints"], purpose="recover")
    assert np.ptp(scaled, axis=1).max() > 0.1
    assert (np.diff(scaled, axis=2) > 0).all()
    for patients in ("cohort", "population"):
        draws = response_probability(fits[0], patients=patients)
        assert np.isfinite(draws).all()
        assert draws.std() > 0.0
