"""A second fit of one structure is not compiled again, and gives what a fresh one would."""

from collections import deque

import numpy as np
import nutpie
import pytest

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
    seen, compile_model = [], nutpie.compile_pymc_model

    def compile_and_count(model, **how):
        seen.append(model)
        return compile_model(model, **how)

    monkeypatch.setattr(compiling, "_KEPT", deque(maxlen=4))
    monkeypatch.setattr(nutpie, "compile_pymc_model", compile_and_count)
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
    monkeypatch.setattr(compiling, "_compile", lambda model: None)
    spec = read_spec(models / "benchmark.toml")
    site, exposure = spec.resolved["group"]["site"], spec.resolved["exposure"]["dose_rate"]
    changes = (
        {},
        {"link": "cloglog"},
        {"group": {**spec.resolved["group"], "site": {**site, "sd": {**site["sd"], "sd": 24}}}},
        {"exposure": {"rate": exposure}},  # the name alone
    )
    models_compiled = [
        (parse_spec({**spec.resolved, **change}, "changed"), simulated(n, seed=3))
        for change in changes
        for n in (3, 4)
    ]
    for number, (changed, cohort) in enumerate(models_compiled, start=1):
        compiling.compiled(build(changed, make_design(changed, cohort)))
        assert len(compiling._KEPT) == number
