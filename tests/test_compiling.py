"""A second fit of one structure is not compiled again, and gives what a fresh one would.

A test of draws without a bound of its own holds for any draws: failure probability 0.
"""

import os
from collections import OrderedDict

import numpy as np
import nutpie
import pymc as pm
import pytensor.tensor as pt
import pytest
import sites

from mmn_bayes.data.reading import make_cohort
from mmn_bayes.engine import compiled_logp
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.graph import build
from mmn_bayes.engine.sampling import fit
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.studies.known_truth import simulated

SHORT = {"seed": 5, "chains": 1, "draws": 20, "tune": 40, "progress": "off"}


@pytest.fixture
def compilations(monkeypatch):
    """The models that are compiled from here on, with nothing kept from before."""
    seen, compile_model = [], compiled_logp._compile

    def compile_and_count(model, *how):
        seen.append(model)
        return compile_model(model, *how)

    monkeypatch.setattr(compiled_logp, "_KEPT", OrderedDict())
    monkeypatch.setattr(compiled_logp, "load_code", lambda *_: None)
    monkeypatch.setattr(compiled_logp, "_compile", compile_and_count)
    return seen


def renamed(cohort):
    """The same visits of other people, who have other grades."""
    tables = {
        name: getattr(cohort, name).assign(patient=lambda table: "other " + table["patient"])
        for name in ("patients", "grades", "infusions")
    }
    turned = tables["grades"]["grade"].astype(int).rsub(5).astype(str)
    tables["grades"] = tables["grades"].assign(grade=turned)
    tables["patients"] = tables["patients"].drop(columns="male")  # of so few all may be
    return make_cohort(**tables, synthetic=True)


@pytest.mark.slow
@pytest.mark.draws
def test_other_data_of_the_same_size_are_not_compiled_again(compilations, models):
    spec, cohort = read_model(models / "benchmark.toml"), simulated(3, seed=3)
    first, other = fit(cohort, spec, **SHORT), fit(renamed(cohort), spec, **SHORT)
    assert len(compilations) == 1
    assert all(name.startswith("other ") for name in other["posterior"]["patient"].to_numpy())
    compiled_logp._KEPT.clear()
    fresh = fit(renamed(cohort), spec, **SHORT)
    assert len(compilations) == 2
    assert other["posterior"].to_dataset().identical(fresh["posterior"].to_dataset())
    assert not np.array_equal(other["posterior"]["cutpoints"], first["posterior"]["cutpoints"])


def test_whatever_else_differs_is_compiled_for_itself(monkeypatch, models):
    monkeypatch.setattr(compiled_logp, "_KEPT", OrderedDict())
    monkeypatch.setattr(compiled_logp, "_MOST_KEPT", 9)
    monkeypatch.setattr(compiled_logp, "load_code", lambda *_: None)
    monkeypatch.setattr(compiled_logp, "_compile", lambda *_: object())
    spec = read_model(models / "benchmark.toml")
    site, exposure = spec.resolved["group"]["site"], spec.resolved["exposure"]["dose_rate"]
    changes = (
        {},
        {"link": "cloglog"},
        {"group": {**spec.resolved["group"], "site": {**site, "sd": {**site["sd"], "sd": 24}}}},
        {
            "exposure": {
                "rate": {**exposure, "window_days": 28, "prior": {**exposure["prior"], "sd": 9}}
            }
        },
    )
    models_compiled = [
        (parse_model({**spec.resolved, **change}, "changed"), simulated(n, seed=3))
        for change in changes
        for n in (3, 4)
    ]
    for number, (changed, cohort) in enumerate(models_compiled, start=1):
        compiled_logp.compiled(build(changed, make_design(cohort, changed)))
        assert len(compiled_logp._KEPT) == number


def test_a_program_says_what_the_model_says(models):
    spec, cohort = read_model(models / "benchmark.toml"), simulated(3, seed=3)
    model = build(spec, make_design(cohort, spec))
    program, start = compiled_logp.compiled(model), compiled_logp._start(model)(3)
    flat = np.concatenate([np.ravel(start[name]) for name in sorted(start)])
    value, gradient = program.evaluate(flat)
    assert value == pytest.approx(model.compile_logp(mode="FAST_COMPILE")(start), rel=1e-12)
    slopes = sites.differences(lambda point: program.evaluate(point)[0], flat, 1e-5)
    assert gradient == pytest.approx(slopes, rel=1e-5, abs=1e-5)
    with pytest.raises(ArithmeticError, match="no number"):
        program.evaluate(np.full(flat.size, np.nan))


@pytest.mark.draws
def test_the_sampler_turns_back_where_there_is_no_density():
    """A positive answer of the code rejects a point; anything else would end the sampling."""
    with pm.Model() as model:
        pm.Data("data_real", np.ones(1))
        pm.Data("data_whole", np.ones(1, dtype=np.int64))
        x = pm.Normal("x", 0.0, 1.0)
        pm.Potential("only below 1", pt.switch(x < 1.0, 0.0, np.nan))
    program = compiled_logp.compiled(model)
    seed = 4 + 7919 * int(os.environ.get("SEED_SHIFT", "0"))  # this fit is none of the package's
    drawn = nutpie.sample(
        compiled_logp.for_sampler(model, program),
        **{"chains": 2, "draws": 300, "tune": 300, "seed": seed, "progress_bar": False},
    )
    constrain = compiled_logp.constrainer(model, program)
    kept = constrain(drawn["posterior"].to_dataset())["x"]
    assert kept.shape == (2, 300)
    assert set(kept.coords) == {"chain", "draw"}  # nothing of how it was sampled
    # All of 100 effective draws below 0.5: (0.69 / 0.84) ** 100, 3e-9.
    assert 0.5 < float(kept.max()) < 1.0


@pytest.mark.slow
@pytest.mark.draws
def test_other_responses_are_not_compiled_again(compilations, models):
    # Who responded, who is not evaluable, and the spread of covariates are data too.
    spec = read_model(models / "candidates_response_horseshoe.toml")
    cohorts = [simulated(25, seed=seed) for seed in (3, 8)]
    designs = [make_design(cohort, spec) for cohort in cohorts]
    assert len({int((design["response"] >= 0).sum()) for design in designs}) == 2
    fits = [fit(cohort, spec, **SHORT) for cohort in cohorts]
    assert len(compilations) == 1
    assert not np.array_equal(*(one["posterior"]["male"].to_numpy() for one in fits))
