"""What the tests of the runner measure: in a module of its own, which workers can import."""

import os
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
