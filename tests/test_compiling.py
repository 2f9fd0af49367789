"""A second fit of one structure is not compiled again, and gives what a fresh one would."""

from collections import deque

import numpy as np
import pytest
import sites

from mmn_bayes.cohort.reading import make_cohort
from mmn_bayes.model import compiling
from mmn_bayes.model.build import build
from mmn_bayes.model.design import make_design
from mmn_bayes.model.sampling import fit
from mmn_bayes.posterior.recovery import simulated
from mmn_bayes.spec.reading import parse_spec, read_spec

SHORT = {"seed": 5, "chains": 1, "draws": 20, "tune": 40, "progress": "off"}


@pytest.fixture
def compilations(monkeypatch):
    """The models that are compiled from here on, with nothing kept from before."""
    seen, compile_model = [], compiling._compile

    def compile_and_count(model, *how):
        seen.append(model)
        return compile_model(model, *how)

    monkeypatch.setattr(compiling, "_KEPT", deque(maxlen=4))
    monkeypatch.setattr(compiling, "_compile", compile_and_count)
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


def test_other_data_of_the_same_size_are_not_compiled_again(compilations, models, monkeypatch):
    spec, cohort = read_spec(models / "benchmark.toml"), simulated(3, seed=3)
    first, other = fit(spec, cohort, **SHORT), fit(spec, renamed(cohort), **SHORT)
    assert len(compilations) == 1
    assert all(name.startswith("other ") for name in other["posterior"]["patient"].to_numpy())
    monkeypatch.setattr(compiling, "_KEPT", deque(maxlen=4))
    fresh = fit(spec, renamed(cohort), **SHORT)
    assert len(compilations) == 2
    assert other["posterior"].to_dataset().identical(fresh["posterior"].to_dataset())
    assert not np.array_equal(other["posterior"]["cutpoints"], first["posterior"]["cutpoints"])


def test_whatever_else_differs_is_compiled_for_itself(monkeypatch, models):
    monkeypatch.setattr(compiling, "_KEPT", deque(maxlen=9))
    monkeypatch.setattr(compiling, "_compile", lambda *_: None)
    spec = read_spec(models / "benchmark.toml")
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
        (parse_spec({**spec.resolved, **change}, "changed"), simulated(n, seed=3))
        for change in changes
        for n in (3, 4)
    ]
    for number, (changed, cohort) in enumerate(models_compiled, start=1):
        compiling.compiled(build(changed, make_design(changed, cohort)))
        assert len(compiling._KEPT) == number


def test_a_program_says_what_the_model_says(models):
    spec, cohort = read_spec(models / "benchmark.toml"), simulated(3, seed=3)
    model = build(spec, make_design(spec, cohort))
    program, start = compiling.compiled(model), compiling._start(model)(3)
    flat = np.concatenate([np.ravel(start[name]) for name in sorted(start)])
    value, gradient = program.evaluate(flat)
    assert value == pytest.approx(model.compile_logp(mode="FAST_COMPILE")(start), rel=1e-12)
    slopes = sites.differences(lambda point: program.evaluate(point)[0], flat, 1e-5)
    assert gradient == pytest.approx(slopes, rel=1e-5, abs=1e-5)
    with pytest.raises(compiling.NoDensity) as refused:
        program.evaluate(np.full(flat.size, np.nan))
    assert refused.value.is_recoverable  # the sampler rejects such a point and goes on
