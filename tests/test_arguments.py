"""Misuse of every public verb: a wrong noun or a value out of range is one sentence."""

import inspect
import pickle
import traceback
import typing
import warnings
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from public_verbs import FOR_EXPERTS, public_names

import mmn_bayes as mb
from mmn_bayes.engine import sampling

ROOT = Path(__file__).resolve().parents[1]
PUBLIC = public_names(FOR_EXPERTS) | {
    name: getattr(mb.studies, name) for name in ("Task", "run_tasks", "task_seed")
}
# They take what other verbs made, by group: there is nothing wrong of a kind to give them.
OF_TABLES = {"response_draws", "table_notes", "question_notes", "dose_rate", "with_compartment"}
VERBS = sorted(
    name
    for name in PUBLIC.keys() - OF_TABLES - {"truth_to_toml"}
    if isinstance(PUBLIC[name], FunctionType)
    or name in ("Definition", "StatePathsRecipe", "Recipe", "ResponseRule", "Task")
)
PACKAGE = str(Path(mb.__file__).parent)
OF_PACKAGE = (mb.DataError, mb.SpecError, mb.NotConverged, mb.SamplingError)
# A model file of each outcome.
OUTCOMES = {
    "grade": "strength",
    "response": "response",
    "blocks": "blocks",
    "class": "long_term",
    "status": "histories",
    "events": "historical_response",
    "joint": "joint",
}
HISTORY = "mixture of a rate from other studies"


# --- what there is to give -----------------------------------------------------------------------


def refused(*_: Any) -> Any:
    """Stands for the sampler: what comes so far was given something that can be fitted."""
    raise mb.SamplingError("The sampler is not part of this test.")


class Pool:
    """Something right of every kind, and everything wrong."""

    def __init__(self, fit: xr.DataTree, folder: Path, outcomes: Collection[str]) -> None:
        self.folder = folder
        cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
        long_term = mb.read_model(ROOT / "models" / "long_term.toml")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mb.CohortWarning)
            cohort, _ = mb.predictors.complete_cases(
                mb.response.with_early_response(cohort, long_term), long_term
            )
        self.cohort = cohort
        self.one = cohort.patients["patient"].tolist()[:1]
        self.specs = {
            outcome: mb.read_model(ROOT / "models" / f"{stem}.toml")
            for outcome, stem in OUTCOMES.items()
        }
        self.evidence = mb.evidence.read_evidence(
            ROOT / "data" / "evidence" / "response_counts.csv"
        )
        data = {
            "events": self.evidence,
            "status": mb.simulation.with_state_paths(self.cohort, seed=1),
        }
        lengths = {"chains": 2, "draws": 8, "tune": 10}
        self.fits = {
            outcome: mb.fit(data.get(outcome, self.cohort), spec, seed=1, progress="off", **lengths)
            for outcome, spec in self.specs.items()
            if outcome in outcomes
        }
        self.fits["grade"] = fit
        self.fits["prior"] = mb.sample_prior(fit, seed=1, draws=20)
        self.response = mb.response_probability(fit, patients="cohort", by=None)
        self.mixture = pd.DataFrame({"weight": [1.0], "alpha": [4.0], "beta": [6.0]})

    def right(self, verb: str, parameter: inspect.Parameter, annotation: Any) -> Any:
        """Something that a verb may well be given for a parameter."""
        kind = self.of_kind(annotation)
        own = {
            "folder": self.folder,
            "path": self.folder / "path",
            "seed": 1,
            "level": 0.9,
            "by": "naive",
            "days": [0.0, 182.0],
            "data": self.cohort,
            "levels": [level for _, own in self.specs["status"].sections for level in own.levels],
            "content": {},
            "workers": 1,
            "patients": self.one if verb == "leave_patients_out" else kind,
            "progress": False,
        }
        return own.get(parameter.name, kind)

    def of_kind(self, annotation: Any) -> Any:
        wanted, inner = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
        if wanted in (typing.Union, type(int | str)):
            return self.of_kind(inner[0])
        if wanted is typing.Literal:
            return inner[0]
        if wanted is tuple and inner[-1:] != (...,):
            return tuple(map(self.of_kind, inner))
        if wanted is tuple or (inner and issubclass(wanted, typing.Collection) and len(inner) == 1):
            return [self.of_kind(inner[0])]
        if inner and issubclass(wanted, Mapping):
            return {self.of_kind(inner[0]): self.of_kind(inner[1])}
        named = {
            "Cohort": self.cohort,
            "ModelSpec": self.specs["grade"],
            "HasResponseRule": self.specs["grade"],
            "ResponseRule": self.specs["grade"].response,
            "DataTree": self.fits["grade"],
            "DataFrame": self.cohort.patients,
            "DataArray": self.response,
            "Dataset": self.fits["grade"]["posterior"].to_dataset(),
            "ndarray": np.arange(4.0),
            "Recipe": mb.simulation.Recipe(),
            "StatePathsRecipe": mb.simulation.StatePathsRecipe(),
            "str": "nothing of the kind",
            "bool": True,
            "int": 3,
            "float": 0.5,
            "Callable": mb.diagnose,
            "Task": mb.studies.Task("one", self.specs["response"], self.cohort, 1),
        }
        return named.get(getattr(wanted, "__name__", ""), 3)

    @property
    def wrong(self) -> Mapping[str, Any]:
        """Nouns and values, of which most are wrong anywhere."""
        deep: list[Any] = []
        for _ in range(500):
            deep = [deep]
        fits = {f"a fit of {outcome}": fit for outcome, fit in self.fits.items()}
        specs = {f"a model of {outcome}": spec for outcome, spec in self.specs.items()}
        return {
            **fits,
            **{f"a list of {said}": [each] for said, each in fits.items()},
            **specs,
            "None": None,
            "a cohort": self.cohort,
            "a table": self.cohort.grades,
            "an empty table": pd.DataFrame(),
            "a mixture": self.mixture,
            "draws": self.response,
            "draws without dims": xr.DataArray(0.5),
            "a fit of no draws": self.fits["grade"].isel(draw=slice(0, 0)),
            "a DataTree": xr.DataTree(),
            "a path": Path("nowhere") / "at all",
            "a file's name": "nowhere.toml",
            "no text": "",
            "text": "nonsense",
            "text with NUL": "a\0b",
            "bytes": b"bytes",
            "True": True,
            "a NumPy yes": np.True_,
            "minus one": -1,
            "zero": 0,
            "a half": 0.5,
            "many": 10**400,
            "much": 1e300,
            "NaN": float("nan"),
            "infinity": float("inf"),
            "complex": 1j,
            "an array of text": np.array(["a", "b"]),
            "an array": np.zeros((2, 2)),
            "an empty list": [],
            "a list of nothing": [None],
            "a list of numbers": [1.0, float("nan")],
            "a list of text": ["a", "a"],
            "a list of lists": deep,
            "a list of fits": list(self.fits.values())[:2],
            "a dict": {"a": 1},
            "an empty dict": {},
            "a dict of tables": {"a": self.cohort.infusions},
            "a set": {1, 2},
            "a function": len,
            "a class": dict,
            "an object": object(),
            "NA": pd.NA,
            "NaT": pd.NaT,
        }


# What is tried in any run, and of which verbs not: those that do a second of work a call.
HEAVY = {
    *("definition_table", "fit", "prior_predictive", "response_by_definition", "response_table"),
    *("run_tasks", "scenario_response_table", "identifiability_table", "variants_table"),
}
SOME = ("None", "a cohort", "a model of grade", "a table", "minus one", "NaN", "an empty list")


@pytest.fixture(scope="module")
def small_pool(strength_of_few: xr.DataTree, tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return Pool(strength_of_few, tmp_path_factory.mktemp("misuse"), ())


@pytest.fixture(scope="module")
def pool(strength_of_few: xr.DataTree, tmp_path_factory: pytest.TempPathFactory) -> Pool:
    every = set(OUTCOMES) - {"grade", "joint"}
    return Pool(strength_of_few, tmp_path_factory.mktemp("misuse_at_length"), every)


# --- misuse --------------------------------------------------------------------------------------


def is_sentence(error: BaseException) -> bool:
    """Whether the package itself raised an error, in words."""
    frames = traceback.extract_tb(error.__traceback__)
    own = frames[-1].filename.startswith(PACKAGE) and "raise" in (frames[-1].line or "")
    text = str(error).strip()
    return isinstance(error, OF_PACKAGE) or (own and text.endswith((".", "?", ")")))


def calls_of(verb: str, pool: Pool, names: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What to call a verb with: something right but for one argument."""
    public = PUBLIC[verb]
    hints = typing.get_type_hints(public)
    parameters = inspect.signature(public).parameters.values()
    right = {
        p.name: pool.right(verb, p, hints[p.name])
        for p in parameters
        if p.default is inspect.Parameter.empty
        or p.name in ("level", "seed", "workers")
        or (verb, p.name) == ("leave_patients_out", "patients")
        or (p.name == "progress" and p.default is True)
    }
    for parameter in parameters:
        for said in names:
            value = pool.wrong[said]
            yield f"{verb}({parameter.name}={said})", {**right, parameter.name: value}


def misuse(
    verb: str, pool: Pool, names: Collection[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[int, list[str]]:
    """How many calls of a verb were tried, and which ended in anything but one sentence."""
    monkeypatch.setattr(sampling, "_sampled", refused)
    monkeypatch.chdir(pool.folder)  # relative paths are among what is given
    bad, n = [], 0
    for said, given in calls_of(verb, pool, names):
        n += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", mb.CohortWarning)
                PUBLIC[verb](**given)
        except Exception as error:
            if not is_sentence(error):
                frame = traceback.extract_tb(error.__traceback__)[-1]
                where = f"{Path(frame.filename).name}:{frame.lineno}"
                bad.append(f"{said}: {type(error).__name__} at {where}: {str(error)[:120]}")
    return n, bad


@pytest.mark.any_draws
@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in HEAVY])
def test_misuse_is_one_sentence(
    verb: str, small_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert misuse(verb, small_pool, SOME, monkeypatch)[1] == []


@pytest.mark.slow
@pytest.mark.any_draws
@pytest.mark.parametrize("verb", VERBS)
def test_misuse_of_every_kind_is_one_sentence(
    verb: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert misuse(verb, pool, list(pool.wrong), monkeypatch)[1] == []


def test_arguments_in_each_others_place_are_said_to_be(few: mb.Cohort, models: Path) -> None:
    spec = mb.read_model(models / "response.toml")
    with pytest.raises(TypeError, match=r"Are cohort and spec the wrong way round\?$"):
        mb.fit(spec, few)  # type: ignore[arg-type]


def test_all_that_is_wrong_is_said_at_once(few: mb.Cohort, models: Path) -> None:
    spec = mb.read_model(models / "response.toml")
    with pytest.raises(
        ValueError, match=r"chains is 0; .*; seed is -1; |seed is -1; .*; chains is 0; "
    ):
        mb.fit(few, spec, chains=0, seed=-1)


def test_a_verb_is_found_by_its_public_name_in_another_process() -> None:
    assert pickle.loads(pickle.dumps(mb.fit)) is mb.fit
    assert inspect.signature(mb.fit).parameters["spec"].annotation is mb.ModelSpec


@pytest.mark.filterwarnings("ignore::mmn_bayes.errors.CohortWarning")
def test_a_list_may_be_an_array(few: mb.Cohort, models: Path) -> None:
    spec = mb.read_model(models / "response.toml")
    two = mb.observed_response(few, spec, by=np.array(["naive"]))
    pd.testing.assert_frame_equal(two, mb.observed_response(few, spec, by=["naive"]))
