"""Interrupt fits, saves, runs of tasks and the main job at random moments, and look what is left.

Usage: python scripts/interrupt_drill.py [--moments 20] [--seed 1] [--actions fit save ...]
Ctrl-C, SIGTERM and kill -9, so many times each. Exit code 1 when a file was half written, a fit was
not of all its draws, a process was left after 5 s, a process ended otherwise than it should, or
Ctrl-C took longer than 2 s. Nothing is written outside a temporary folder.
"""

import argparse
import running.guard  # noqa: F401
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from drilling.actions import ACTIONS, N_TASKS
from drilling.shots import JOB, shot, whole

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
ALL = (*ACTIONS, JOB)
SOON = 2.0
COUNTS = ["half", "broken", "left", "otherwise"]


def drill(actions: list[str], moments: int, seed: int, folder: Path) -> pd.DataFrame:
    rng, rows = np.random.default_rng(seed), []
    for action in actions:
        own = folder / action.replace(" ", "_")
        whole(action, own)  # with what is compiled once a machine
        shutil.rmtree(own)
        takes = whole(action, own)
        for number in np.repeat(SIGNALS, moments):
            # A run of tasks goes on where it was.
            if action != "run_tasks" or len(list(own.glob("*.parquet"))) == N_TASKS:
                shutil.rmtree(own, ignore_errors=True)
            one = shot(action, own, int(number), rng.uniform(0.0, takes))
            told = [f"{name} {what}" for name in COUNTS if (what := getattr(one, name))]
            where = f"{action}, {one.signal} after {one.moment:.2f} of {takes:.2f} s"
            print(f"{where}: {one.seconds:.2f} s", *told, sep="; ", flush=True)
            rows.append(vars(one))
    table = pd.DataFrame(rows)
    return table.assign(**{name: table[name].map(bool).astype(int) for name in COUNTS})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moments", type=int, default=20, help="of each signal; default: 20")
    parser.add_argument("--seed", type=int, default=1, help="of the moments; default: 1")
    parser.add_argument("--actions", nargs="+", choices=ALL, default=ALL, help="default: all")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="drill_") as kept:
        table = drill(asked.actions, asked.moments, asked.seed, Path(kept))
    totals = {"moment": "count", "late": "sum", **dict.fromkeys(COUNTS, "sum"), "seconds": "max"}
    print(table.groupby(["action", "signal"], sort=False).agg(totals).to_string())
    slow = table["seconds"].where(table["signal"] == "SIGINT").max()
    print(f"Longest time from Ctrl-C to the end: {slow:.2f} s (at most {SOON:g} s).")
    sys.exit(int(table[COUNTS].to_numpy().any() or slow > SOON))
