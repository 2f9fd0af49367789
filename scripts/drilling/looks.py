"""What an interrupted process left: files, fits, processes."""

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

import mmn_bayes as mb

PATIENCE = 5.0  # seconds after which nobody may be left
MARK = "MARK_OF_THE_DRILL"  # in the environment of whatever an action starts


def left(mark: str) -> int:
    """How many processes of an action are alive when patience is over; they are ended then."""
    until = time.perf_counter() + PATIENCE
    while (alive := marked(mark)) and time.perf_counter() < until:
        time.sleep(0.1)
    for process in alive:
        process.kill()
    return len(alive)


def marked(mark: str) -> list[psutil.Process]:
    """The processes that were started with a mark in their environment, whoever is their parent."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def examined(folder: Path) -> tuple[list[str], list[str]]:
    """Files that cannot be read, and fits that are not of all their draws."""
    half, broken = [], []
    for file in (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name[0] != "."):
        try:
            whole = _is_whole(file)
        except Exception as error:  # whatever a half-written file ends in
            half.append(f"{file.name}: {type(error).__name__}")
        else:
            broken += [] if whole else [file.name]
    return half, broken


def _is_whole(file: Path) -> bool:
    if file.suffix == ".nc":
        fit = mb.load(file)
        posterior = fit["posterior"].to_dataset()
        sizes = [posterior.sizes[dim] == fit.attrs[f"{dim}s"] for dim in ("chain", "draw")]
        return all([*sizes, *(np.isfinite(v).all() for v in posterior.data_vars.values())])
    if file.suffix == ".parquet":
        table = pd.read_parquet(file)  # of a task: the draws that its fit had, and their mean
        return bool((table["n"] == table["asked"]).all() and np.isfinite(table["intercept"]).all())
    content = file.read_bytes()
    if file.suffix == ".json":
        json.loads(content)
    elif not content.endswith(b"IEND\xaeB`\x82" if file.suffix == ".png" else b"\n"):
        raise EOFError(file)
    return True
