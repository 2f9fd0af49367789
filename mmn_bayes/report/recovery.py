"""The recovery study: many simulated cohorts fitted, each kept as soon as it is done."""

import datetime
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

from mmn_bayes.cohort.recipe import Recipe, with_compartment
from mmn_bayes.frequentist.coverage import coverage
from mmn_bayes.model.design import fingerprint, make_design
from mmn_bayes.posterior.recovery import recover, simulated
from mmn_bayes.report.store import write_table, write_text
from mmn_bayes.spec.model_spec import ModelSpec

# The 5 % and 95 % quantiles must be known far better than 20 cohorts know a coverage. With 500
# effective draws in a tail a quantile is off by sqrt(0.05 * 0.95 / 500), 1 percentage point; the
# share of 20 cohorts has a standard error of sqrt(0.9 * 0.1 / 20), 7 percentage points.
RECIPE = with_compartment()  # doses act as `strength.toml` says
SETTINGS = {"n_patients": 40, "level": 0.9, "chains": 2, "draws": 1000, "tune": 400}


def run_study(
    spec: ModelSpec,
    seeds: Sequence[int],
    folder: Path,
    *,
    processes: int = 2,
    settings: dict[str, Any] | None = None,
    recipe: Recipe = RECIPE,
) -> pd.DataFrame:
    """Fit a model to simulated cohorts and write how often its intervals cover the truth.

    Parameters
    ----------
    spec
        The model: one whose parameters `simulate_cohort` has a truth for.
    seeds
        Seeds of the cohorts.
    folder
        Where `fits.csv`, `intervals.csv`, `coverage.csv` and `manifest.json` go. What an earlier
        run left there is kept where it is of the same model, data, seed and settings, so that a
        run that was interrupted goes on.
    processes
        How many cohorts at a time, each in a process of its own.
    settings
        What differs from `SETTINGS`.
    recipe
        The truth of the cohorts.

    Returns
    -------
    DataFrame
        The table of `coverage`.
    """
    stated = SETTINGS | (settings or {})
    fits, intervals = _kept(spec, seeds, folder, stated, recipe)
    todo = [seed for seed in seeds if seed not in set(fits.get("seed", []))]
    print(f"{len(seeds) - len(todo)} of {len(seeds)} cohorts are there.", file=sys.stderr)
    for new_fit, new_intervals in _recovered(spec, todo, stated, recipe, processes):
        fits = pd.concat([fits, new_fit]).sort_values("seed", ignore_index=True)
        intervals = pd.concat([intervals, new_intervals])
        intervals = intervals.sort_values("seed", kind="stable", ignore_index=True)
        # The row in fits.csv says that a cohort is done: it comes last.
        write_table(intervals, folder / "intervals.csv")
        write_table(fits, folder / "fits.csv")
        seconds = new_fit[["seconds_compiling", "seconds_sampling"]].sum(axis=1).item()
        print(f"Cohort {new_fit['seed'].item()}: {seconds:.0f} s.", file=sys.stderr, flush=True)
    table = coverage(intervals)
    write_table(table, folder / "coverage.csv")
    write_text(
        json.dumps(_manifest(spec, seeds, stated, recipe, fits), indent=2), folder / "manifest.json"
    )
    return table


def _recovered(
    spec: ModelSpec,
    seeds: Sequence[int],
    settings: dict[str, Any],
    recipe: Recipe,
    processes: int,
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Yield each cohort's tables when they are done, in whatever order that is."""
    # Processes and not threads, and new ones and not copies: the compiler of graphs is not
    # thread-safe, and a copy of a process that has threads may wait forever.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        tasks = [pool.submit(recover, spec, seed, recipe=recipe, **settings) for seed in seeds]
        try:
            for task in as_completed(tasks):
                yield task.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _kept(
    spec: ModelSpec,
    seeds: Sequence[int],
    folder: Path,
    settings: dict[str, Any],
    recipe: Recipe,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What an earlier run left that is of the same model, data, seeds and settings."""
    if not (folder / "fits.csv").is_file():
        return pd.DataFrame(), pd.DataFrame()
    fits, intervals = read_study(folder)
    level = intervals.groupby("seed")["level"].first().reindex(fits["seed"]).to_numpy()
    same = fits["seed"].isin(list(seeds)) & (level == settings["level"])
    for name in ("n_patients", "chains", "draws", "tune"):
        same &= fits[name] == settings[name]
    for row in fits[same].itertuples():
        now = fingerprint_of(spec, int(row.seed), settings["n_patients"], recipe)
        same &= (fits["seed"] != row.seed) | (row.fingerprint == now)
    fits = fits[same].reset_index(drop=True)
    return fits, intervals[intervals["seed"].isin(fits["seed"])].reset_index(drop=True)


def read_study(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read `fits.csv` and `intervals.csv` of a study.

    Parameters
    ----------
    folder
        Where the study is.

    Returns
    -------
    DataFrame, DataFrame
        One row a cohort, and one row a cohort and parameter.
    """
    intervals = pd.read_csv(folder / "intervals.csv")
    fits = pd.read_csv(folder / "fits.csv")
    return fits, intervals.fillna({"member": ""})


def fingerprint_of(spec: ModelSpec, seed: int, n_patients: int, recipe: Recipe = RECIPE) -> str:
    """Return the fingerprint that the fit of one cohort of the study has.

    Parameters
    ----------
    spec, seed, n_patients, recipe
        The model, the seed of cohort and fit, and the size and the truth of the cohort.

    Returns
    -------
    str
        SHA-256 over model, data and seed: a changed simulation changes it too.
    """
    return fingerprint(spec, make_design(spec, simulated(n_patients, seed, recipe)), seed)


def _manifest(
    spec: ModelSpec,
    seeds: Sequence[int],
    settings: dict[str, Any],
    recipe: Recipe,
    fits: pd.DataFrame,
) -> dict[str, Any]:
    return {
        "date": datetime.date.today().isoformat(),
        "model": spec.name,
        "recipe_fingerprint": recipe.fingerprint,
        "sampler": sorted(fits["sampler"].unique()),
        "seeds": list(seeds),
        "settings": settings,
        "spec_fingerprint": spec.fingerprint,
        "synthetic": bool(fits["synthetic"].all()),
        "truth": "one truth, that of the recipe, for every cohort; not drawn from the prior",
        "versions": [json.loads(text) for text in sorted(fits["versions"].unique())],
    }
