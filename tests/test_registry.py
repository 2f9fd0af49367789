"""An outcome of one's own, registered from outside: a Poisson count of relapses a patient.

Everything that a user needs of it, and no file of the package knows of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import pytest
import scipy.stats as ss
import xarray as xr
from monte_carlo import mcse

import mmn_bayes as mb
from mmn_bayes.engine import outcome as records
from mmn_bayes.engine.effects import predictor_sum
from mmn_bayes.engine.outcome import Outcome, outcome_of, register
from mmn_bayes.engine.predicting import predict
from mmn_bayes.engine.priors import parameter
from mmn_bayes.errors import DataError, SpecError
from mmn_bayes.model_file import declaration as declarations
from mmn_bayes.model_file.declaration import Declaration
from mmn_bayes.model_file.keys import Key
from mmn_bayes.model_file.model_spec import ModelSpec, model_to_toml
from mmn_bayes.model_file.prior import Prior, stated_prior
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.outcomes.response.table import question_notes
from mmn_bayes.posterior.draws import design_of, spec_of
from mmn_bayes.posterior.effect_ratios import effect_ratios
from mmn_bayes.report.formatting import format_table

MODELS = Path(__file__).parents[1] / "models"
COUNTED = [0, 2, 1, 4, 0, 3, 1, 1, 0, 2, 5, None]


# --- what model files say ------------------------------------------------------------------------


@dataclass(frozen=True)
class Relapses:
    """Relapses a patient: the column of `patients` that counts them, and the prior of the rate."""

    column: str
    rate: Prior

    @property
    def priors(self) -> dict[str, Prior]:
        return {"relapse_rate": self.rate}


def too_strong(content: Mapping[str, Any]) -> Iterator[str]:
    if content["relapses"]["rate"]["distribution"] == "exponential":
        yield "relapses.rate: an exponential prior is not for rates; take a gamma."


OF = ("relapses",)
DECLARED = Declaration(
    name="relapses",
    words="relapses",
    acts_on=OF,
    required=OF,
    table="relapses",
    keys={
        "relapses.column": Key("text", "column of the table `patients`", outcomes=OF),
        "relapses.rate": Key("prior on positive", "expected number of a patient", outcomes=OF),
        "relapses.why": Key("text", "what is counted", outcomes=OF),
    },
    section=lambda table: Relapses(table["column"], stated_prior(table["rate"])),
    contradictions=too_strong,
    strategies={"filled_in": "left out of the likelihood"},
    plain_predictors=True,
    reserved=("relapse_rate", "expected_relapses"),
)


# --- the record ----------------------------------------------------------------------------------


def with_relapses(design: xr.Dataset, spec: ModelSpec, cohort: mb.Cohort) -> xr.Dataset:
    column = spec.section("relapses").column
    if column not in cohort.patients:
        raise DataError("No relapses.", [f"patients: there is no column '{column}'; add it."])
    counts = pd.to_numeric(cohort.patients[column]).fillna(-1).to_numpy(dtype=np.int64)
    return design.assign(relapses=("patient", counts))


def counted(spec: ModelSpec, arrays: dict[str, Any], purpose: str) -> None:
    n = arrays["relapses"]
    log_mean = pt.log(parameter("relapse_rate", spec.section("relapses").rate))
    log_mean = log_mean + predictor_sum(spec, "relapses", arrays) + pt.zeros(n.shape)
    if purpose == "predict":
        pm.Deterministic("expected_relapses", pt.exp(log_mean), dims="patient")
        return
    pm.Potential("relapses", ((n * log_mean - pt.exp(log_mean)) * pt.ge(n, 0)).sum())


def expected(spec: ModelSpec, design: xr.Dataset, posterior: xr.Dataset) -> np.ndarray:
    parts = predict(spec, design, posterior, ["expected_relapses"])
    return np.concatenate([values for _, (values,) in parts])


def log_probability(spec: ModelSpec, design: xr.Dataset, posterior: xr.Dataset) -> np.ndarray:
    return ss.poisson.logpmf(design["relapses"].to_numpy(), expected(spec, design, posterior))


def expected_relapses(fit: xr.DataTree) -> xr.DataArray:
    """Draw how many relapses a patient like these is expected to have."""
    posterior = fit["posterior"].to_dataset()
    means = expected(spec_of(fit), design_of(fit), posterior).mean(axis=1)
    shape = posterior.sizes["chain"], posterior.sizes["draw"]
    about = {"synthetic": bool(fit.attrs["synthetic"]), "distribution": "posterior"}
    return xr.DataArray(means.reshape(shape), dims=("chain", "draw"), attrs=about)


RELAPSES = Outcome(
    name="relapses",
    add_likelihood=counted,
    add_data=with_relapses,
    in_likelihood=lambda design: design["relapses"] >= 0,
    effects_by="effect_ratios",
    estimands=("expected_relapses",),
    ratio=lambda _, __: "rate ratio",
    prior_quantities=lambda fit: {"relapses": expected_relapses(fit).to_numpy().ravel()},
    log_probability=log_probability,
    recorded=lambda design: (design["patient"].to_numpy(), design["relapses"].to_numpy()),
)


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    register(RELAPSES, DECLARED)
    yield
    for known in (declarations._DECLARED, declarations._RECORDS, records._RECORDS):
        known.pop("relapses", None)


def content(**changes: Any) -> dict[str, Any]:
    stated = read_model(MODELS / "blocks.toml").resolved
    rate = {"distribution": "gamma", "mean": 2.0, "sd": 1.0, "why": "A few a year."}
    naive = stated["predictor"]["naive"] | {"acts_on": "relapses"}
    del stated["blocks"]
    return stated | {
        "outcome": "relapses",
        "relapses": {"column": "relapses", "rate": rate, "why": "Relapses of a year."},
        "predictor": {"naive": naive},
        **changes,
    }


@pytest.fixture(scope="module")
def cohort(few: mb.Cohort) -> mb.Cohort:
    return replace(few, patients=few.patients.assign(relapses=pd.array(COUNTED, dtype="Int64")))


@pytest.fixture(scope="module")
def sampled(registered: None, cohort: mb.Cohort) -> xr.DataTree:
    spec = parse_model(content(), "relapses")
    return mb.fit(cohort, spec, seed=4, chains=2, draws=400, tune=200, cores=1, progress="off")


# --- model files ---------------------------------------------------------------------------------


def test_a_file_of_it_is_read_and_written_as_any_other(tmp_path):
    spec = parse_model(content(), "relapses")
    assert (spec.outcomes, spec.section("relapses").column) == (OF, "relapses")
    assert set(spec.priors) == {"relapse_rate", "naive"}
    (tmp_path / "again.toml").write_text(model_to_toml(spec), encoding="utf-8")
    assert read_model(tmp_path / "again.toml").fingerprint == spec.fingerprint
    with pytest.raises(ValueError, match="is of outcome 'relapses', not of blocks"):
        spec.section("blocks")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"relapses": {}}, "relapses.rate: not stated; nothing has a default. It says: expected"),
        ({"threshold": {"prior": 1}}, "threshold.prior: has no meaning for outcome 'relapses'"),
        ({"outcome": "relapse"}, "'relapse' is not one of .*, state, relapses; state one of them"),
        (
            {"predictor": {"relapse_rate": {}}},
            "relapse_rate: the fit uses this name itself",
        ),
    ],
)
def test_what_is_wrong_in_a_file_of_it_is_said_with_its_key(changes, said):
    with pytest.raises(SpecError, match=said):
        parse_model(content(**changes), "wrong")


def test_its_own_check_is_asked_once_each_key_is_right():
    table = content()["relapses"]
    rate = {"distribution": "exponential", "mean": 1.0, "why": "No."}
    with pytest.raises(SpecError, match="an exponential prior is not for rates"):
        parse_model(content(relapses=table | {"rate": rate}), "wrong")


def test_files_of_other_outcomes_have_none_of_its_keys():
    stated = read_model(MODELS / "blocks.toml").resolved
    with pytest.raises(SpecError, match=r"relapses.why: has no meaning for outcome 'blocks'"):
        parse_model(stated | {"relapses": {"why": "No."}}, "wrong")


def test_an_outcome_that_nobody_registered_is_one_sentence():
    with pytest.raises(ValueError, match="There is no outcome 'grip'; registered are: grade, "):
        outcome_of("grip")


# --- from the cohort to a table ------------------------------------------------------------------


def test_a_cohort_without_its_data_cannot_be_used(few):
    with pytest.raises(DataError, match="there is no column 'relapses'"):
        mb.fit(few, parse_model(content(), "relapses"), seed=1, progress="off")


def test_its_prior_is_said_on_its_own_scale(cohort):
    table = mb.prior_predictive(cohort, parse_model(content(), "relapses"), seed=1, draws=50)
    assert table["quantity"].tolist() == ["relapses"]


@pytest.mark.draws
def test_its_posterior_is_that_of_a_grid(sampled):
    posterior, design = sampled["posterior"].to_dataset(), design_of(sampled)
    x, n = (design[name].to_numpy() for name in ("x_naive", "relapses"))
    x, n = x[n >= 0], n[n >= 0]
    rate, effect = np.meshgrid(np.linspace(0.01, 8, 500), np.linspace(-4, 4, 500), indexing="ij")
    logs = ss.gamma.logpdf(rate, 4, scale=0.5) + ss.norm.logpdf(effect)
    for one_x, one_n in zip(x, n, strict=True):
        logs += ss.poisson.logpmf(one_n, rate * np.exp(effect * one_x))
    weight = np.exp(logs - logs.max())
    for name, values in (("relapse_rate", rate), ("naive", effect)):
        exact = (weight * values).sum() / weight.sum()
        # 5 standard errors: one run in 1.7 million; the grid is exact to 1e-4.
        assert posterior[name].mean() == pytest.approx(exact, abs=5 * mcse(posterior[name]) + 1e-4)


@pytest.mark.any_draws
def test_a_fit_of_it_is_checked_summarised_and_tabulated(sampled, tmp_path):
    assert {"relapse_rate", "naive"} <= set(mb.diagnose(sampled)["quantity"])
    table = mb.summarise(expected_relapses(sampled))
    assert np.isfinite(table["estimate"]).all()
    assert len(format_table(table)) == 1
    ratios = effect_ratios(sampled, "relapses", "rate ratio")
    assert ratios.dims == ("chain", "draw", "predictor")
    assert any("left out of the likelihood" in line for line in question_notes(sampled))
    mb.save(sampled, tmp_path / "fit.nc")
    xr.testing.assert_identical(
        expected_relapses(mb.load(tmp_path / "fit.nc")), expected_relapses(sampled)
    )


@pytest.mark.any_draws
def test_its_patients_are_left_out_by_importance(sampled, cohort):
    left_out = mb.loo.psis_loo_patients(sampled)
    assert len(left_out) == sum(count is not None for count in COUNTED)
    assert mb.loo.compare_elpd([sampled])["n_patients"].tolist() == [len(left_out)]


@pytest.mark.any_draws
def test_what_it_does_not_answer_names_the_verb_that_does(sampled):
    with pytest.raises(ValueError, match="not of responses of patients; use `expected_relapses`"):
        mb.response_probability(sampled, patients="cohort")
    with pytest.raises(ValueError, match="has no candidates: see `effect_ratios`"):
        mb.predictor_effects(sampled)
