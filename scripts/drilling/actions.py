"""What the drill interrupts, each in a process of its own: small fits, since draws are not tried.

Usage: python -m drilling.child ACTION FOLDER, which calls one of them.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from xarray import DataTree

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[2]
SEED = 1
N_TASKS = 6


def small_fit(draws: int) -> DataTree:
    """A model of responses with so many draws."""
    spec = mb.read_model(ROOT / "models" / "response.toml")
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    return mb.fit(cohort, spec, seed=SEED, chains=2, draws=draws, tune=300, progress="off")


def fit(folder: Path) -> None:
    """Fit, and keep what came back."""
    mb.save(small_fit(20_000), folder / "fit.nc")


def save(folder: Path) -> None:
    """Save two fits under one name in turn, for some seconds."""
    pair = [small_fit(200), small_fit(300)]
    until = time.perf_counter() + 3.0
    while time.perf_counter() < until:
        for one in pair:
            mb.save(one, folder / "saved.nc")


def run_tasks(folder: Path) -> None:
    """Run some tasks in two processes; those of an earlier call are there already."""
    spec = mb.read_model(ROOT / "models" / "response.toml")
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    lengths = {"chains": 1, "draws": 2000, "tune": 300}
    names = [f"task {number}" for number in range(N_TASKS)]
    asked = {"asked": lengths["draws"]}
    tasks = [
        mb.studies.Task(n, spec, cohort, mb.studies.task_seed(SEED, n), lengths, extra=asked)
        for n in names
    ]
    mb.studies.run_tasks(tasks, intercept, folder, workers=2, progress=False)


def intercept(tree: DataTree, asked: int) -> pd.DataFrame:
    """What the tasks measure, with how many draws there were and should be."""
    draws = tree["posterior"]["intercept"]
    row = {"intercept": float(draws.mean()), "n": draws.sizes["draw"], "asked": asked}
    return pd.DataFrame([row])


ACTIONS: Mapping[str, Callable[[Path], None]] = {"fit": fit, "save": save, "run_tasks": run_tasks}
