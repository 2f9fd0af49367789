"""Patients left out by importance: integrals against a grid by hand, and the table of models.

A test of draws without a bound of its own holds for any draws: failure probability 0.
"""

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import expit
from scipy.stats import norm
from trees import of_another_model

from mmn_bayes.data.restricting import first_months
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.sampling import fit
from mmn_bayes.errors import CohortWarning
from mmn_bayes.exposure.variants_table import variants_table
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.outcomes.response.loo import left_out_response
from mmn_bayes.posterior.draws import design_of
from mmn_bayes.posterior.loo import compare_elpd, psis_loo_patients
from mmn_bayes.posterior.patient_density import patient_log_likelihood
from mmn_bayes.studies.exact_loo import importance_against_exact, leave_patients_out
from mmn_bayes.studies.known_truth import simulated

NAMES = ("strength_no_exposure", "strength_dose_rate")


@pytest.fixture(scope="module")
def cohort():
    return simulated(8, seed=5)


@pytest.fixture(scope="module")
def fits(models, cohort):
    return [
        fit(cohort, read_model(models / f"{n}.toml"), seed=1, draws=100, tune=200, progress="off")
        for n in NAMES
    ]


def by_hand(tree, draw, patient):
    """Log-likelihood of one patient at one draw: level and gain on a grid, and each site on one."""
    design, own = design_of(tree), tree["posterior"].to_dataset().isel(chain=0, draw=draw)
    p = {str(n): own[n].to_numpy() for n in own}
    site = np.flatnonzero(design["patient_of_site"].to_numpy() == patient)
    x = float(design["naive"].to_numpy()[patient])
    visit = design["visit_of_row"].to_numpy()
    grown = 1.0 - 0.5 ** (design["days_since_first_infusion"].to_numpy() / p["half_time_days"])
    z = np.linspace(-6.0, 6.0, 41)
    level, gain = (g.ravel() for g in np.meshgrid(z, z, indexing="ij"))
    weight = norm.pdf(level) * norm.pdf(gain) * (z[1] - z[0]) ** 2
    logs = np.zeros(level.size)
    own_effect = np.linspace(-5.0, 5.0, 401)
    for s in site:
        rows = np.flatnonzero(design["site_of_row"].to_numpy() == s)
        of_site = p["muscle_effect"][design["muscle_of_site"].to_numpy()[s]]
        # The site's integral as a function of what the patient's effects add, on a fine grid.
        start = of_site + p["naive_level"] * x
        edges = np.concatenate([[-np.inf], p["cutpoints"], [np.inf]]) / p["noise"]
        total = np.zeros((level.size, own_effect.size))
        for row in rows:
            share = grown[visit[row]]
            change = p["gain"] + p["naive_gain"] * x + p["patient_gain_sd"] * gain
            strength = start + p["patient_level_sd"] * level + change * share
            eta = (strength[:, None] + own_effect) / p["noise"]
            code = design["code"].to_numpy()[row]
            low, high = edges[code] - eta, edges[code + 1] - eta
            side = np.where(low > 0, -1.0, 1.0)  # in the upper tail from above
            chance = side * (expit(side * high) - expit(side * low))
            total += np.log(np.maximum(chance, 1e-300))
        spacing = own_effect[1] - own_effect[0]
        logs += np.log((np.exp(total) * norm.pdf(own_effect)).sum(axis=1) * spacing)
    top = logs.max()
    return top + np.log((np.exp(logs - top) * weight).sum())


@pytest.mark.draws
@pytest.mark.slow
def test_a_patients_effects_are_integrated_out(fits):
    found = patient_log_likelihood(fits[0], nodes=11)
    assert found.dims == ("chain", "draw", "patient")
    assert found.attrs["synthetic"]
    # Draws with an ordinary spread between patients, whatever the seed. Where patients hardly
    # differ single draws are further off (below).
    order = np.argsort(fits[0]["posterior"]["patient_level_sd"].isel(chain=0).to_numpy())
    for place, patient in ((30, 0), (50, 4), (70, 7)):
        draw = int(order[place])
        label = design_of(fits[0])["patient"].to_numpy()[patient]
        got = found.isel(chain=0, draw=draw).sel(patient=label).item()
        assert got == pytest.approx(by_hand(fits[0], draw, patient), abs=0.005)


@pytest.mark.draws
@pytest.mark.slow
def test_more_nodes_change_little(fits):
    few, many = patient_log_likelihood(fits[1]), patient_log_likelihood(fits[1], nodes=11)
    # Of nine fits the median of 3,200 differences was 0.0001 at most, and hardly varies.
    assert float(abs(few - many).median()) < 0.001
    # The mean over draws is what a difference between models is made of. It is that of a few draws
    # with hardly any spread between patients, which make its error too: of three fits it was 1.1
    # errors at most, 5 of them and 0.01 are beyond one run in 10^5.
    apart = (few - many).sum("patient")
    assert abs(float(apart.mean())) < 0.01 + 5 * float(apart.std()) / apart.size**0.5


@pytest.mark.draws
@pytest.mark.slow
def test_models_are_compared_patient_by_patient(fits):
    table = compare_elpd(fits)
    assert set(table["model"]) == set(NAMES)
    assert (table["elpd"].diff().dropna() <= 0).all()
    assert table.loc[0, ["difference", "se_difference"]].tolist() == [0.0, 0.0]
    assert table.loc[1, "difference"] == pytest.approx(table.loc[1, "elpd"] - table.loc[0, "elpd"])
    assert (table["n_patients"] == 8).all()
    assert (table["p_loo"] > 0).all()
    assert table["synthetic"].all()
    # Leaving a patient out cannot make it more likely than the posterior that saw it: weights fall
    # as the density grows, whatever the draws.
    seen = patient_log_likelihood(fits[0])
    within = np.log(np.exp(seen).mean(("chain", "draw"))).sum().item()
    assert table.set_index("model").loc[NAMES[0], "elpd"] < within


@pytest.mark.draws
@pytest.mark.slow
def test_a_patient_left_out_by_importance_is_as_likely_as_one_never_seen(fits, cohort, tmp_path):
    # Those who change the others least: what importance sampling can be off by grows with the
    # spread of its weights, which Pareto k tells of, and so does that of the exact one's mean.
    whole = fits[1]
    by_importance = psis_loo_patients(whole).set_index("patient")
    moved = by_importance["log_density"] - by_importance["elpd"]
    chosen = sorted(moved.nsmallest(2).index)
    lengths = {"chains": 2, "draws": 200, "tune": 200}
    stated = {"seed": 3, "patients": chosen, "lengths": lengths, "workers": 1, "progress": False}
    exact = leave_patients_out(whole, cohort, tmp_path, **stated).set_index("task")
    assert (exact["error"] == "").all(), exact["error"].tolist()
    assert (exact["n_draws"] == 400).all()
    apart = by_importance.loc[chosen, "elpd"] - exact["elpd"]
    # 5 MCSE of both sides, that of importance larger where Pareto k is beyond a half (as in
    # `errors_of`), and 0.05 for the nodes of both integrals (`more_nodes`). Means of densities are
    # skewed: of 250 log-normal ones with sd 1 alone 7 in 10^5 lie beyond 5 MCSE, of both sides and
    # with the 0.05 fewer than 1 in 10^5, 2 numbers.
    own = by_importance.loc[chosen]
    heavier = own["n_draws"] ** (own["pareto_k"] - 0.5).clip(lower=0)
    error = np.hypot(own["mcse"] * heavier, exact["mcse"])
    assert (apart.abs() < 5 * error + 0.05).all(), (apart, error)
    table = importance_against_exact(psis_loo_patients(whole), exact.reset_index())
    assert table["patient"].tolist() == [*chosen, "all patients"]
    assert table["difference"].iloc[-1] == pytest.approx(apart.sum())
    again = leave_patients_out(whole, cohort, tmp_path, **stated)
    pd.testing.assert_frame_equal(again.set_index("task"), exact)
    with pytest.raises(ValueError, match="The fit is not of this cohort"):
        leave_patients_out(whole, simulated(11, seed=5), tmp_path, seed=1)


@pytest.mark.draws
@pytest.mark.slow
def test_a_response_is_predicted_for_patients_left_out(fits):
    table = left_out_response(fits[0])
    design = design_of(fits[0])
    assert (
        table["patient"].tolist() == design["patient"].to_numpy()[design["response"] >= 0].tolist()
    )
    assert table["probability"].between(0, 1).all()
    assert table["synthetic"].all()
    y = table["response"].to_numpy(dtype=float)
    assert table["base_rate"].to_numpy() == pytest.approx((y.sum() - y + 0.5) / len(y))


@pytest.mark.draws
@pytest.mark.slow
def test_the_variants_stand_in_one_table(fits):
    table = variants_table(fits, by="naive")
    assert set(table["model"]) == set(NAMES)
    assert "effect of 1 g/kg/week (dose_rate), grades" in set(table["quantity"])
    rows = table[table["quantity"].str.startswith("response of new patients")]
    assert len(rows) == 4
    assert rows["estimate"].between(0, 1).all()
    assert (table["interval"] == "eti").all()
    assert table["synthetic"].all()


@pytest.mark.draws
@pytest.mark.slow
def test_models_of_different_grades_are_not_compared(fits, cohort, models):
    content = read_model(models / "strength_dose_rate.toml").resolved
    content["scale"] = {"grades": ["0-2", "3", "4", "5"]}
    content["scale"]["collapse"] = dict.fromkeys(("0", "1", "2"), "0-2")
    content["threshold"]["prior"]["concentration"] = [3.5, 2.5, 4, 15]
    coarse = of_another_model(fits[1], parse_model(content, "coarse"))
    with pytest.raises(ValueError, match="'coarse' are of different grades"):
        compare_elpd([fits[0], coarse])
    early = xr.DataTree.from_dict({n: g.to_dataset() for n, g in fits[1].children.items()})
    design = make_design(
        quietly(first_months, cohort, until_day=200), read_model(models / "strength_dose_rate.toml")
    )
    early["design"] = xr.DataTree(design)
    early.attrs = {**fits[1].attrs, "spec_name": "early"}
    with pytest.raises(ValueError, match="'early' are of different grades"):
        compare_elpd([fits[0], early])
    with pytest.raises(ValueError, match="nothing to compare"):
        compare_elpd([])
    for given in (fits[0], "fit", [fits[0], "fit"], [fits[0].to_dict()], {"a": fits[0]}):
        with pytest.raises(ValueError, match="Give a list of fits"):
            compare_elpd(given)
    with pytest.raises(ValueError, match="The fit is not of this cohort"):
        leave_patients_out(fits[0], quietly(first_months, cohort, until_day=200), ".", seed=1)
    with pytest.raises(ValueError, match="patients, row position 0: no patient of the fit"):
        leave_patients_out(fits[0], cohort, ".", seed=1, patients=["nobody"])


def quietly(function, *arguments, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        return function(*arguments, **named)


@pytest.mark.draws
@pytest.mark.slow
def test_what_cannot_be_compared_is_refused(fits, models):
    with pytest.raises(ValueError, match="Two of the models have one name: strength_no_exposure"):
        compare_elpd([fits[0], fits[0]])
    content = read_model(models / "strength_no_exposure.toml").resolved
    content["group"]["one_day"] = {
        "by": "patient:visit",
        "acts_on": "level",
        "sd": {"distribution": "half_normal", "sd": 0.1, "why": "a reason"},
    }
    tree = of_another_model(fits[0], parse_model(content, "with_days"))
    with pytest.raises(ValueError, match=r"its group\.one_day would not be integrated out"):
        patient_log_likelihood(tree)
