"""Many fits by one runner: each a task with its own file, run by joblib here or on a cluster."""

import hashlib
import io
import os
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.arguments import check_fields
from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.design import fingerprint, make_design
from mmn_bayes.engine.sampling import fit
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.report.store import write_columns
from mmn_bayes.studies.workers import (
    ended_with_the_block,
    interruptions_held,
    start_trackers,
    watch,
)

HEAD = ("task", "fingerprint", "error")  # columns of the run, before those of the measure
_SHORT = 16  # characters of a fingerprint in the name of a file
_INNER = {"inner_max_num_threads": 1}  # a fit of a task has one thread; tasks fill the cores

_KILLED = (
    "Its process was killed, and again when it ran alone; it may need more memory than there is."
)
_NOT_KEPT = "Its result cannot be read back as it was measured; measure numbers and text only."

# What a task keeps of its fit: a table, made where the fit is. Given the fit and `Task.extra`.
Measure = Callable[..., pd.DataFrame]


@dataclass(frozen=True)
class Task:
    """Hold everything that the result of one fit of many depends on.

    Attributes
    ----------
    name
        Its label in the table; tasks of one run have different ones.
    spec, data, seed
        Model, cohort (or counts), and seed of the sampler: see `task_seed`.
    lengths
        `chains`, `draws` and `tune`, where they differ from the fit's defaults.
    historical
        For a model with `[historical]`: the mixture of betas that `historical_prior` gives.
    extra
        Further arguments of the measure, by name.

    Examples
    --------
    With `response_model`, the model of `models/response.toml`, and `cohort`, the cohort of
    `data/leger2008_cohort`:

    >>> seed = mb.studies.task_seed(1, "first")
    >>> task = mb.studies.Task("first", response_model, cohort, seed, {"chains": 2, "draws": 500})
    >>> len(task.fingerprint)
    64
    """

    name: str
    spec: ModelSpec
    data: Cohort | pd.DataFrame
    seed: int
    lengths: Mapping[str, int] = field(default_factory=dict)
    historical: pd.DataFrame | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is of the wrong kind."""
        check_fields(self)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of model, data, seed, lengths and extra arguments, in hexadecimal."""
        design = make_design(self.data, self.spec, self.historical)
        digest = hashlib.sha256(fingerprint(self.spec, design, self.seed).encode())
        digest.update(joblib.hash((dict(self.lengths), dict(self.extra))).encode())
        return digest.hexdigest()


def task_seed(master: int, name: str) -> int:
    """Derive the seed of a task from the seed of the run and the name of the task.

    Parameters
    ----------
    master, name : int, str
        Seed of the whole run, and the name of the task.

    Returns
    -------
    int
        From 0 to 2^32 - 1.

    Examples
    --------
    >>> mb.studies.task_seed(1, "first"), mb.studies.task_seed(1, "second")
    (1197709317, 2136947006)
    """
    return int(np.random.SeedSequence([master, *name.encode()]).generate_state(1)[0])


def run_tasks(
    tasks: Sequence[Task],
    measure: Measure,
    folder: Path,
    *,
    workers: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Run the fits that are not done yet, and return the measures of all.

    joblib runs them: by its default, loky, in processes of this machine; inside
    `joblib.parallel_config(backend="dask")` on the workers of a Dask client. A worker compiles a
    structure once and keeps it for the next task of the same sizes.

    Parameters
    ----------
    tasks : sequence of Task
        The fits; their order is that of the rows.
    measure : Measure
        A function of a module, called as measure(fit, **task.extra): the table to keep, without
        columns of the run's own names.
    folder : path-like
        Each result is written there whole (Parquet, which keeps types), as soon as it is there,
        named by task and measure: an interrupted run goes on. A damaged file is made again; other
        files are left alone. What a measure does is not part of the name: after a change of it,
        empty the folder.
    workers : int or None, optional
        Tasks at a time, one thread each; by default as many as the machine has cores, or the
        cluster workers.
    progress : bool, default True
        Whether to print a line a task, with the time left.

    Returns
    -------
    DataFrame
        The rows of every measure after `task` (its name), `fingerprint` and `error`. A task that
        failed has one row: `error` says how; it is tried again when the run is repeated. A task
        whose worker was killed is run again, by itself, before it counts as failed.

    Raises
    ------
    ValueError
        When two tasks have one name, there is none, the measure has no name of its own, or the
        number of workers is none.
    KeyboardInterrupt
        On an interrupt: no worker is left, and what is finished stays.

    Examples
    --------
    With `response_model`, the model of `models/response.toml`, and `cohort`, the cohort of
    `data/leger2008_cohort`:

    >>> from pathlib import Path
    >>> names = ["first", "second"]
    >>> tasks = [
    ...     mb.studies.Task(name, response_model, cohort, mb.studies.task_seed(1, name))
    ...     for name in names
    ... ]
    >>> len({task.fingerprint for task in tasks})
    2
    >>> mb.studies.run_tasks(tasks, mb.loo.psis_loo_patients, Path("tasks"))  # doctest: +SKIP
    """
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int)):
        raise ValueError(f"workers is {workers!r}; give a whole number.")
    if workers is not None and workers < 1:
        raise ValueError(f"workers is {workers}; at least 1 is needed.")
    what = f"{getattr(measure, '__module__', '')}.{getattr(measure, '__qualname__', '')}"
    if "<" in what or what.endswith("."):
        raise ValueError(
            "The measure has no name of its own; give a function of a module (a partial one's "
            "arguments go into Task.extra)."
        )
    names = [task.name for task in tasks]
    if not names:
        raise ValueError("There is no task; give one at least.")
    if again := [number for number, name in enumerate(names, 1) if name in names[: number - 1]]:
        raise ValueError(f"Tasks need different names; task {again[0]} has that of one before it.")
    failed: dict[str, str] = {}
    marks = {task.name: _mark(task, what, failed) for task in tasks}
    files = {name: folder / f"{mark[:_SHORT]}.parquet" for name, mark in marks.items()}
    kept = {name: _kept(files[name], marks[name]) for name in names if name not in failed}
    done = {name: table for name, table in kept.items() if table is not None}
    todo = [task for task in tasks if task.name not in done and task.name not in failed]
    started = time.perf_counter()
    with ended_with_the_block(), closing(_run(todo, measure, workers, progress)) as results:
        for number, (name, table, error) in enumerate(results, start=1):
            if table is not None:
                _keep(table, files[name], marks[name])
                if (read := _kept(files[name], marks[name])) is None:
                    error = _NOT_KEPT
                else:
                    done[name] = read
            if error:
                failed[name] = error
            if progress:
                which = f"task {names.index(name) + 1} of {len(names)}"
                print(_said(number, len(todo), which, error, started), file=sys.stderr, flush=True)
    parts = []
    for name in names:
        own = pd.DataFrame([{}]) if name in failed else done[name]
        head = dict(zip(HEAD, (name, marks[name], failed.get(name, "")), strict=True))
        parts.append(own.assign(**head)[[*head, *own.columns]])
    return pd.concat(parts, ignore_index=True)


def require_finished(table: pd.DataFrame) -> None:
    """Raise unless every task of a run has a result.

    Parameters
    ----------
    table : DataFrame
        What `run_tasks` gave.

    Raises
    ------
    RuntimeError
        With how many failed, and the number and the error of the first; a repeated run tries them
        again.
    """
    failed = table[table["error"] != ""]
    if len(failed):
        names, (task, _, error) = table["task"].unique().tolist(), failed[list(HEAD)].iloc[0]
        first = f"task {names.index(task) + 1} of {len(names)}"
        raise RuntimeError(f"{len(failed)} fits failed; the first, {first}: {error}")


def _mark(task: Task, what: str, failed: dict[str, str]) -> str:
    """Fingerprint of a task and its measure; why it has none, where its data cannot be used."""
    try:
        return hashlib.sha256(f"{what} {task.fingerprint}".encode()).hexdigest()
    except Exception as error:  # as in `measured`: the others go on
        failed[task.name] = _in_words(error)
        return ""


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


Result = tuple[str, pd.DataFrame | None, str]  # name, what is measured, how it failed


def _run(
    tasks: Sequence[Task], measure: Measure, workers: int | None, progress: bool
) -> Generator[Result]:
    """Yield what is measured of each task when it is done, in whatever order that is.

    When one worker is killed all of them are. The tasks that were in them, the first that are not
    done, are then run again one by one: a task that has its workers killed is so told from those
    that were beside it.
    """
    left = {task.name: task for task in tasks}
    at_a_time = joblib.effective_n_jobs(workers or -1)
    while left:
        try:
            for result in _results(list(left.values()), measure, workers or -1):
                del left[result[0]]
                yield result
        except Exception as error:
            if not _was_killed(error):
                raise
        suspects = list(left.values())[:at_a_time]
        if suspects and progress:
            said = f"A worker was killed; again, by itself each: {len(suspects)} tasks"
            print(said, file=sys.stderr)
        for task in suspects:
            del left[task.name]
            yield _alone(task, measure)


def _alone(task: Task, measure: Measure) -> Result:
    """Run a task with nothing beside it, and once more where its process is killed."""
    for _ in range(2):
        try:
            (result,) = _results([task], measure, 2)  # of one job joblib would make no process
        except Exception as error:
            if not _was_killed(error):
                raise
        else:
            return result
    return task.name, None, _KILLED


def _results(tasks: Sequence[Task], measure: Measure, n_jobs: int) -> Iterator[Result]:
    with joblib.parallel_config(n_jobs=n_jobs, **_settings()):
        parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1)
        if n_jobs != 1:
            start_trackers()
        with interruptions_held():
            results = parallel(joblib.delayed(measured)(task, measure) for task in tasks)
        yield from results


def _was_killed(error: Exception) -> bool:
    """Whether a worker was: loky's error, or that of Dask, which is not always installed."""
    return isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker"


def _settings() -> dict[str, Any]:
    """Settings of loky, which other backends do not know."""
    active, _ = joblib.parallel.get_active_backend()
    if type(active).__name__ == "LokyBackend":
        return {"backend": "loky", **_INNER, "initializer": watch, "initargs": (os.getpid(),)}
    return {}


def _keep(table: pd.DataFrame, file: Path, mark: str) -> None:
    """Write a result with the mark of its task and the digest of what will be read."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    read = pd.read_parquet(buffer)
    read.attrs = {"task": mark, "content": _digest(read)}
    write_columns(read, file)


def _kept(file: Path, mark: str) -> pd.DataFrame | None:
    """A stored result; None where there is none, or not the one that was written."""
    if not file.is_file():
        return None
    try:
        table = pd.read_parquet(file)
    except Exception:  # whatever a damaged file ends in: it is made again
        return None
    whole = table.attrs == {"task": mark, "content": _digest(table)}
    table.attrs = {}
    return table if whole else None


def _digest(table: pd.DataFrame) -> str:
    """Of names, types and cells."""
    columns = [(str(name), str(column.dtype), column.to_numpy()) for name, column in table.items()]
    return str(joblib.hash(columns, hash_name="sha1"))


def measured(task: Task, measure: Measure) -> Result:
    """Fit one task in a worker; its name, what is measured, and how it failed ("" if it did not).

    Whatever a task raises is its own: the others go on, and the run says so in its row.
    """
    try:
        tree: xr.DataTree = fit(
            task.data,
            task.spec,
            historical=task.historical,
            seed=task.seed,
            progress="off",
            cores=1,
            **task.lengths,
        )
        table = measure(tree, **task.extra)
    except Exception as error:  # a failed task is a row with its error
        return task.name, None, _in_words(error)
    taken = ", ".join(name for name in HEAD if name in table)
    if taken:
        said = f"The measure's columns {taken} are the run's own; name them otherwise."
        return task.name, None, said
    return (task.name, None, "The measure gave no row.") if table.empty else (task.name, table, "")


def _said(number: int, total: int, which: str, error: str, started: float) -> str:
    """One line: how many are done, how it went, and the time left at this pace.

    Tasks are numbered as their rows are: the name of one may be the identifier of a patient.
    """
    seconds = (time.perf_counter() - started) * (total - number) / number
    left = f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
    return f"{number} of {total} done: {which}{': ' + error if error else ''} ({left} left)"
