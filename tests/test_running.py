"""Many fits by one runner: results kept task by task, failures as rows, the same on any worker."""

import os
import warnings
from dataclasses import replace
from functools import partial

import distributed
import joblib
import numpy as np
import pandas as pd
import pytest
from measures import (
    HERE,
    columns_of_the_run,
    label_of,
    mean_of_intercept,
    no_measure,
    no_row,
    process_of,
)

from mmn_bayes.errors import CohortWarning
from mmn_bayes.model_file.reading import read_model
from mmn_bayes.studies import runner
from mmn_bayes.studies.known_truth import simulated
from mmn_bayes.studies.runner import Task, run_tasks, task_seed

LENGTHS = {"chains": 1, "draws": 20, "tune": 30}


@pytest.fixture(autouse=True)
def workers_find_the_measures(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", HERE)


@pytest.fixture(scope="module")
def tasks(models):
    spec = read_model(models / "response.toml")
    cohorts = {f"cohort {seed}": simulated(12, seed) for seed in (1, 2, 3)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        return [Task(n, spec, c, task_seed(7, n), LENGTHS) for n, c in cohorts.items()]


def test_a_seed_is_of_the_task_and_not_of_its_place(tasks):
    assert task_seed(7, "cohort 1") == tasks[0].seed
    assert len({task.seed for task in tasks} | {task_seed(8, "cohort 1")}) == 4
    assert 0 <= task_seed(2**31, "ü") < 2**32


def test_a_task_is_what_its_result_depends_on(tasks):
    first = tasks[0]
    assert first.fingerprint == replace(first, name="another name").fingerprint
    others = [replace(first, seed=1), replace(first, lengths={**LENGTHS, "draws": 21})]
    others += [replace(first, data=tasks[1].data), replace(first, extra={"times": 2.0})]
    assert len({task.fingerprint for task in (first, *others)}) == 5


@pytest.mark.bits
@pytest.mark.slow
def test_an_interrupted_run_goes_on_and_the_result_is_that_of_one_run(tasks, tmp_path):
    whole = run_tasks(tasks, mean_of_intercept, tmp_path / "whole", workers=2)
    assert whole["task"].tolist() == [task.name for task in tasks]
    assert (whole["error"] == "").all()
    folder = tmp_path / "parts"
    run_tasks(tasks[1:2], mean_of_intercept, folder, workers=1, progress=False)
    stamps = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = run_tasks(tasks, mean_of_intercept, folder, workers=1, progress=False)
    pd.testing.assert_frame_equal(whole, again)  # whoever ran it
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        p.name for p in (tmp_path / "whole").iterdir()
    )


@pytest.mark.bits
@pytest.mark.slow
def test_a_failed_task_is_a_row_and_is_tried_again(tasks, tmp_path, capsys):
    broken = replace(tasks[1], lengths={**LENGTHS, "draws": 0})
    table = run_tasks([tasks[0], broken, tasks[2]], mean_of_intercept, tmp_path, workers=1)
    assert table["error"].tolist() == ["", "ValueError: draws is 0; at least 1 is needed.", ""]
    assert np.isnan(table.loc[1, "mean"])
    assert len(list(tmp_path.iterdir())) == 2
    said = capsys.readouterr().err
    assert "3 of 3 done: task 3 of 3 (0 s left)" in said
    assert "task 2 of 3: ValueError: draws is 0" in said
    assert "cohort" not in said  # a name may be the identifier of a patient
    failing = run_tasks(tasks[:1], no_measure, tmp_path / "other", workers=1, progress=False)
    assert failing["error"].tolist() == ["RuntimeError: nothing to measure"]
    mended = run_tasks(tasks, mean_of_intercept, tmp_path, workers=1, progress=False)
    assert (mended["error"] == "").all()


@pytest.mark.bits
@pytest.mark.slow
def test_the_extra_arguments_reach_the_measure(tasks, tmp_path):
    once = run_tasks(tasks[:1], mean_of_intercept, tmp_path, workers=1, progress=False)
    doubled = [replace(tasks[0], extra={"times": 2.0})]
    twice = run_tasks(doubled, mean_of_intercept, tmp_path, workers=1, progress=False)
    assert twice.loc[0, "mean"] == pytest.approx(2.0 * once.loc[0, "mean"])


@pytest.mark.bits
@pytest.mark.slow
def test_dask_runs_the_same_tasks(tasks, tmp_path):
    here = run_tasks(tasks, mean_of_intercept, tmp_path / "here", workers=1, progress=False)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        there = run_tasks(tasks, process_of, tmp_path / "there", progress=False)
    assert (there["error"] == "").all(), there["error"].tolist()
    assert there["mean"].tolist() == here["mean"].tolist()
    assert os.getpid() not in set(there["process"])


def test_what_has_no_name_cannot_be_told_apart_and_is_refused(tasks, tmp_path):
    for measure in (partial(mean_of_intercept, times=2.0), lambda tree: tree):
        with pytest.raises(ValueError, match="The measure has no name of its own"):
            run_tasks(tasks, measure, tmp_path)


@pytest.mark.bits
@pytest.mark.slow
def test_a_task_whose_data_cannot_be_used_is_a_row_too(tasks, tmp_path, models):
    exposed = replace(tasks[0], name="no infusions", spec=read_model(models / "strength.toml"))
    exposed = replace(exposed, data=replace(exposed.data, infusions=None))
    table = run_tasks([exposed, tasks[1]], mean_of_intercept, tmp_path, workers=1, progress=False)
    assert table.loc[0, "error"].startswith("DataError: The model 'strength' cannot be fitted")
    assert table.loc[1, "error"] == ""


@pytest.mark.bits
@pytest.mark.slow
def test_text_stays_text_and_no_row_is_a_failure(tasks, tmp_path):
    found = run_tasks(tasks[:1], label_of, tmp_path, workers=1, progress=False)
    assert found.loc[0, "label"] == "007"
    none = run_tasks(tasks[:1], no_row, tmp_path, workers=1, progress=False)
    assert none["error"].tolist() == ["The measure gave no row."]


def test_columns_of_the_run_are_no_measures(tasks, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "fit", lambda *_, **__: None)
    found = run_tasks(tasks[:1], columns_of_the_run, tmp_path, workers=1, progress=False)
    said = "The measure's columns fingerprint, error are the run's own; name them otherwise."
    assert found["error"].tolist() == [said]


def test_tasks_need_different_names(tasks, tmp_path):
    with pytest.raises(ValueError, match="task 3 has that of one before it") as raised:
        run_tasks([*tasks[:2], tasks[0]], mean_of_intercept, tmp_path)
    assert "cohort" not in str(raised.value)
    with pytest.raises(ValueError, match="one at least"):
        run_tasks([], mean_of_intercept, tmp_path)
