"""What the tests of the runner measure: in a module of its own, which workers can import."""

import os
import signal
import time
from pathlib import Path

import pandas as pd

HERE = str(Path(__file__).resolve().parent)


def mean_of_intercept(tree, times=1.0):
    return pd.DataFrame({"mean": [times * float(tree["posterior"]["intercept"].mean())]})


def process_of(tree):
    return mean_of_intercept(tree).assign(process=os.getpid())


def no_measure(tree):
    raise RuntimeError("nothing to measure")


def label_of(tree):
    return pd.DataFrame({"label": ["007"]})


def no_row(tree):
    return pd.DataFrame({"mean": []})


def columns_of_the_run(tree):
    return pd.DataFrame({"fingerprint": ["1"], "mean": [1.0], "error": [0.1]})


def killed(tree, folder, times):
    """Have the worker killed so many times, then measure."""
    marks = Path(folder)
    before = len(list(marks.iterdir()))
    if before < times:
        (marks / str(before)).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return mean_of_intercept(tree)


def slow(tree, seconds, started):
    """Take a while in a worker, and say that it has begun."""
    Path(started).touch()
    time.sleep(seconds)
    return mean_of_intercept(tree)
