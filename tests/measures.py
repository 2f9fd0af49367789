"""What the tests of the runner measure: in a module of its own, which workers can import."""

import os

import pandas as pd


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
