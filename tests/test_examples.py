"""The examples of public docstrings run, and every public verb has one with all its sections."""

import doctest
import functools
import inspect
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from public_verbs import public_names

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]
SHORT = {"seed": 1, "chains": 2, "draws": 40, "tune": 60, "progress": "off"}


def model(name: str) -> mb.ModelSpec:
    return mb.read_model(ROOT / "models" / f"{name}.toml")


@functools.cache
def cohort() -> mb.Cohort:
    return mb.read_cohort(ROOT / "data" / "leger2008_cohort")


@functools.cache
def complete() -> mb.Cohort:
    """The patients who have every covariate of the models of blocks and classes."""
    early = mb.response.with_early_response(cohort(), model("blocks"))
    return mb.predictors.complete_cases(early, model("blocks"))[0]


@functools.cache
def paths() -> mb.Cohort:
    """The cohort with states that are simulated."""
    return mb.simulation.with_state_paths(cohort(), seed=1)


@functools.cache
def evidence() -> pd.DataFrame:
    return mb.evidence.read_evidence(ROOT / "data" / "evidence" / "response_counts.csv")


@functools.cache
def trial() -> pd.DataFrame:
    return mb.evidence.read_trial(ROOT / "data" / "evidence" / "leger2001_patient_visits.csv")


@functools.cache
def fit_of(name: str) -> xr.DataTree:
    """A fit far too short to be used, which has everything that a fit has."""
    data: Mapping[str, Callable[[], Any]] = {
        "blocks": complete,
        "long_term": complete,
        "histories": paths,
        "historical_response": evidence,
        "historical_placebo": evidence,
        "trial_leger2001": trial,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mb.CohortWarning)
        return mb.fit(data.get(name, cohort)(), model(name), **SHORT)


# What an example may take for granted, by the name that it has there.
GIVEN: Mapping[str, Callable[[], Any]] = {
    "mb": lambda: mb,
    "np": lambda: np,
    "pd": lambda: pd,
    "xr": lambda: xr,
    "cohort": cohort,
    "model": lambda: model("strength"),
    "response_model": lambda: model("response"),
    "fit": lambda: fit_of("strength"),
    "response_fit": lambda: fit_of("response"),
    "classes_fit": lambda: fit_of("long_term"),
    "blocks_fit": lambda: fit_of("blocks"),
    "blocks_cohort": complete,
    "states_fit": lambda: fit_of("histories"),
    "states_cohort": paths,
    "evidence": evidence,
    "evidence_fit": lambda: fit_of("historical_response"),
    "placebo_fit": lambda: fit_of("historical_placebo"),
    "trial": trial,
    "trial_fit": lambda: fit_of("trial_leger2001"),
    "candidates_fit": lambda: fit_of("candidates_response"),
    "joint_fit": lambda: fit_of("joint"),
}
PUBLIC = {
    name: value
    for name, value in public_names().items()
    if (inspect.isfunction(value) or inspect.isclass(value))
    and not (inspect.isclass(value) and issubclass(value, Exception | Warning))
}


def needs_a_fit(name: str) -> bool:
    """Whether an example takes a fit for granted: those that do are for the slow tests."""
    lines = re.findall(
        r"^\s*(?:>>>|\.\.\.) (.*)$", inspect.getdoc(PUBLIC[name]) or "", re.MULTILINE
    )
    return any(re.search(r"\b\w*fit\b", line) for line in lines)


SLOW = {True: [pytest.mark.slow], False: []}


@pytest.mark.any_draws
@pytest.mark.parametrize("name", [pytest.param(n, marks=SLOW[needs_a_fit(n)]) for n in PUBLIC])
def test_the_example_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths in examples are those of the repository; what is written goes elsewhere."""
    public = inspect.unwrap(PUBLIC[name])
    text = inspect.getdoc(public) or ""
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    assert example.examples, f"{name} has no example"
    used = {word for one in example.examples for word in re.findall(r"\w+", one.source)}
    monkeypatch.chdir(tmp_path)
    for folder in ("data", "models", "results"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    said: list[str] = []
    with mpl.rc_context({"backend": "agg"}), warnings.catch_warnings():
        warnings.simplefilter("ignore", mb.CohortWarning)
        example.globs = {word: GIVEN[word]() for word in sorted(used & GIVEN.keys())}
        failed = doctest.DocTestRunner(optionflags=flags).run(example, out=said.append).failed
    assert not failed, "".join(said)


@pytest.mark.parametrize("name", PUBLIC)
def test_the_docstring_says_what_goes_in_and_what_comes_out(name: str) -> None:
    public = inspect.unwrap(PUBLIC[name])
    text = inspect.getdoc(public) or ""
    lacking = []
    if inspect.isfunction(public):
        if inspect.signature(public).parameters and "\nParameters\n-----" not in text:
            lacking.append("Parameters")
        returns = inspect.signature(public).return_annotation not in (None, "None")
        if returns and not re.search(r"\n(Returns|Yields)\n-----", text):
            lacking.append("Returns")
        if re.search(r"^\s+raise \w", inspect.getsource(public), re.MULTILINE):
            lacking += [] if "\nRaises\n-----" in text else ["Raises"]
    if re.search(r"^\s*As (for )?`\w+`\.$", text, re.MULTILINE):
        lacking.append("what it refers to another docstring for")
    assert lacking == []
