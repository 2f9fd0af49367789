"""The recovery study: many simulated cohorts fitted by the one runner, its files written."""

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.design import fingerprint, make_design
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.report.store import remove_manifest, write_table, write_text
from mmn_bayes.simulation.recipe import Recipe, with_compartment
from mmn_bayes.simulation.status_paths import StatePathsRecipe, with_state_paths
from mmn_bayes.studies.known_truth import fits_and_intervals, recovered, simulated
from mmn_bayes.studies.observed_coverage import coverage
from mmn_bayes.studies.runner import HEAD, Task, run_tasks

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
    settings: Mapping[str, Any] | None = None,
    recipe: Recipe | StatePathsRecipe = RECIPE,
    workers: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Fit a model to simulated cohorts and tabulate the coverage of its intervals.

    Parameters
    ----------
    spec : ModelSpec
        A model whose parameters have a true value in the simulated cohorts.
    seeds : sequence of int
        Seeds of the cohorts, each also that of the fit.
    folder : path-like
        Where `fits.csv`, `intervals.csv`, `coverage.csv` and `manifest.json` go when all cohorts
        are done. What `run_tasks` keeps of each goes into `tasks` there: an interrupted run goes
        on.
    settings : mapping of str to object or None, optional
        Settings that differ from `SETTINGS`.
    recipe : Recipe or StatePathsRecipe, default RECIPE
        The parameters of the cohorts: of strength, or of state paths.
    workers : int or None, optional
        Tasks at a time, one thread each; by default as many as the machine has cores, or the
        cluster workers.
    progress : bool, default True
        Whether to print a line a task, with the time left.

    Returns
    -------
    DataFrame
        One row a parameter and member: `parameter`, `member`, `truth`, `mean_error` (of the
        posterior mean), `mean_width` (of the credible intervals), `credible_level`,
        `credible_interval`, `n` cohorts, `covered`, `estimate` (their share) with `lower`, `upper`,
        `level`, `interval` (Clopper-Pearson), `p_value` and `test` against the credible level,
        `p_holm` and `rejected` (Holm over the parameters), `synthetic`. The last row pools all
        parameters, `n` being intervals there.

    Raises
    ------
    RuntimeError
        When a cohort failed, after the others are done and kept.

    Examples
    --------
    With `model`, the model of `models/strength.toml`:

    >>> from pathlib import Path
    >>> sorted(mb.studies.SETTINGS)
    ['chains', 'draws', 'level', 'n_patients', 'tune']
    >>> mb.studies.run_study(model, range(1, 21), Path("recovery"))  # doctest: +SKIP
    """
    stated = {**SETTINGS, **(settings or {})}
    tasks = [_task(spec, seed, stated, recipe) for seed in seeds]
    kept = folder / "tasks"
    table = run_tasks(tasks, recovered, kept, workers=workers, progress=progress)
    _require_all(table, kept)
    fits, intervals = fits_and_intervals(table.drop(columns=[*HEAD]))
    remove_manifest(folder / "manifest.json")
    write_table(intervals, folder / "intervals.csv")
    write_table(fits, folder / "fits.csv")
    covered = coverage(intervals)
    write_table(covered, folder / "coverage.csv")
    write_text(
        json.dumps(_manifest(spec, seeds, stated, recipe, fits), indent=2), folder / "manifest.json"
    )
    return covered


def _cohort(n_patients: int, seed: int, recipe: Recipe | StatePathsRecipe) -> Cohort:
    if isinstance(recipe, StatePathsRecipe):
        return with_state_paths(simulated(n_patients, seed), seed=seed, recipe=recipe)
    return simulated(n_patients, seed, recipe)


def _task(
    spec: ModelSpec, seed: int, settings: Mapping[str, Any], recipe: Recipe | StatePathsRecipe
) -> Task:
    """The fit of one cohort; what is not said of cohort or intervals is an argument of the fit."""
    cohort = _cohort(settings["n_patients"], seed, recipe)
    lengths = {n: value for n, value in settings.items() if n not in ("n_patients", "level")}
    extra = {"truth": cohort.truth or {}, "level": settings["level"]}
    return Task(f"cohort {seed}", spec, cohort, seed, lengths, extra=extra)


def _require_all(table: pd.DataFrame, kept: Path) -> None:
    """Raise unless every cohort was fitted, with the name of each that was not, and why."""
    failed = table[table["error"] != ""]
    if failed.empty:
        return
    said = "; ".join(f"{row.task} ({row.error})" for row in failed.itertuples())
    raise RuntimeError(
        f"{len(failed)} of {table['task'].nunique()} cohorts failed: {said}. The others are kept "
        f"in '{kept}', no table is written; run the study again: only those that failed are tried."
    )


def read_study(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read `fits.csv` and `intervals.csv` of a study.

    Parameters
    ----------
    folder : path-like
        Where the study is.

    Returns
    -------
    DataFrame, DataFrame
        One row a cohort, and one row a cohort and parameter.
    """
    intervals = pd.read_csv(folder / "intervals.csv", dtype={"member": str})
    fits = pd.read_csv(folder / "fits.csv")
    return fits, intervals.fillna({"member": ""})


def fingerprint_of(
    spec: ModelSpec, seed: int, n_patients: int, recipe: Recipe | StatePathsRecipe = RECIPE
) -> str:
    """Return the fingerprint that the fit of one cohort of the study has.

    Parameters
    ----------
    spec, seed, n_patients, recipe : ModelSpec, int, int, Recipe or StatePathsRecipe
        The model, the seed of cohort and fit, and the size and the truth of the cohort.

    Returns
    -------
    str
        SHA-256 over model, data and seed: a changed simulation changes it too.
    """
    return fingerprint(spec, make_design(_cohort(n_patients, seed, recipe), spec), seed)


def _manifest(
    spec: ModelSpec,
    seeds: Sequence[int],
    settings: dict[str, Any],
    recipe: Recipe | StatePathsRecipe,
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
