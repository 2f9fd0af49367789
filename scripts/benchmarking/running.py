"""Run the measurements, one process after the other, each with caches of its own."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .plan import BAMBI, FIRST, GRADIENT, SECOND, Measurement

ABSENT = "not installed"
SCRIPTS = Path(__file__).resolve().parents[1]
# Byte code is made when an environment is installed: nobody's first run is to pay for it.
WARM = "import mmn_bayes.engine.sampling, mmn_bayes.report.store, nutpie, pymc, arviz"


def run_all(plan: Sequence[Measurement], folder: Path) -> list[dict[str, Any]]:
    """Run every measurement and return one record each; one that fails says so.

    Parameters
    ----------
    plan
        The measurements; a second run comes after the first of the same engine and data.
    folder
        For cohorts, caches and what processes print; not kept.
    """
    has_bambi = importlib.util.find_spec("bambi") is not None
    command = WARM + ", bambi" * has_bambi
    environment = environment_of(caches_of(folder, "nobody"))
    subprocess.run([sys.executable, "-W", "ignore", "-c", command], check=True, env=environment)
    records: list[dict[str, Any]] = []
    for number, each in enumerate(plan):
        cohorts = folder / f"{each.regime} {each.patients}"
        if not cohorts.exists():
            simulate = ("-m", "benchmarking.cohorts", cohorts, each.regime, each.patients)
            subprocess.run([sys.executable, *map(str, simulate)], check=True, cwd=SCRIPTS)
        task = asdict(each) | {"cohorts": str(cohorts)}
        before = next((r for r in records if same(r, task) and r["run"] == FIRST), None)
        if each.engine == BAMBI and not has_bambi:
            answer = {"status": ABSENT}
        elif each.run == SECOND and before is not None and before["status"] != "finished":
            answer = {"status": before["status"]}
        else:
            answer = run_one(task, folder, number)
        records.append({key: task[key] for key in ("engine", "regime", "patients", "run")} | answer)
        print(f"{len(records)}/{len(plan)} {in_words(records[-1])}", flush=True)
    return records


def same(record: dict[str, Any], task: dict[str, Any]) -> bool:
    """Whether a record is of the engine and the data of a task."""
    return all(record[key] == task[key] for key in ("engine", "regime", "patients"))


def run_one(task: dict[str, Any], folder: Path, number: int) -> dict[str, Any]:
    """Run one measurement in a process of its own, and end it when its time is over."""
    question = folder / f"{number}.json"
    question.write_text(json.dumps(task), encoding="utf-8")
    kept = "-".join(str(task[key]) for key in ("engine", "regime", "patients"))
    caches = caches_of(folder, kept + "-gradient" * (task["run"] == GRADIENT))
    started = time.time()
    command = [sys.executable, "-W", "ignore", "-m", "benchmarking.child", question, repr(started)]
    log = folder / f"{number}.log"
    status = limited(command, log, environment_of(caches), task["limit_seconds"])
    answer = question.with_suffix(".answer")
    if status == "finished" and answer.exists():
        return json.loads(answer.read_text(encoding="utf-8"))
    if status == "finished":
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        status = "failed: " + (lines[-1] if lines else "it printed nothing")
    return {"status": status}


def caches_of(folder: Path, name: str) -> Path:
    """Return a folder for caches; PyTensor's flags end at a comma or a blank."""
    return folder / ("caches-" + re.sub(r"[^\w-]+", "_", name))


def limited(command: Sequence[Any], log: Path, environment: dict[str, str], seconds: float) -> str:
    """Run a command; when its time is over, end it with every process that it started."""
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=SCRIPTS,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return f"not finished within {seconds:g} s"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return "finished"


def environment_of(caches: Path) -> dict[str, str]:
    """Return the environment of a process whose compiled code goes to a folder of its own."""
    caches.mkdir(parents=True, exist_ok=True)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    # numba's own cache (this package's loops), and what PyTensor compiles by numba or C.
    environment["NUMBA_CACHE_DIR"] = str(caches / "numba")
    environment["PYTENSOR_FLAGS"] = f"base_compiledir={caches / 'pytensor'}"
    return environment


def in_words(record: dict[str, Any]) -> str:
    """Return one line about a record."""
    what = f"{record['engine']}, {record['regime']}, {record['patients']} patients, {record['run']}"
    if "seconds_total" not in record:
        return f"{what}: {record['status']}"
    return f"{what}: {record['seconds_total']:.0f} s, smallest ESS {record['ess_bulk']:.0f}"
