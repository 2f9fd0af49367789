"""The model as a competent PyMC user writes it by hand."""

from typing import Any

import numpy as np
import pandas as pd

from .engines import priors

HALF, REAL = ("patient_sd", "site_sd"), ("naive", "dose_rate")


def first_thresholds(table: pd.DataFrame) -> np.ndarray:
    """Return where the thresholds start: the logits of the cumulative shares of the grades."""
    below = np.cumsum(np.bincount(table["grade"], minlength=6) + 0.5)[:-1] / (len(table) + 3.0)
    return np.log(below / (1.0 - below))


def graph(table: pd.DataFrame) -> Any:
    """Return the model as a PyMC user writes it by hand: non-centred effects, data as they are."""
    import pymc as pm

    stated = priors()
    patient, patients = pd.factorize(table["patient"])
    site, sites = pd.factorize(table["site"])
    start = first_thresholds(table)
    with pm.Model(coords={"patient": patients, "site": sites}) as model:
        prior = stated["thresholds"]
        ordered = {"transform": pm.distributions.transforms.ordered, "initval": start}
        cuts = pm.Normal("thresholds", prior["mean"], prior["sd"], shape=start.size, **ordered)
        sd = {name: pm.HalfNormal(name, stated[name]["sd"]) for name in HALF}
        b = {name: pm.Normal(name, stated[name]["mean"], stated[name]["sd"]) for name in REAL}
        patient_z = pm.Normal("patient_z", 0.0, 1.0, dims="patient")
        site_z = pm.Normal("site_z", 0.0, 1.0, dims="site")
        eta = sd["patient_sd"] * patient_z[patient] + sd["site_sd"] * site_z[site]
        eta = eta + sum(b[name] * table[name].to_numpy() for name in REAL)
        grades = table["grade"].to_numpy()
        # The probabilities of all grades are not recorded with each draw.
        pm.OrderedLogistic("grade", eta=eta, cutpoints=cuts, observed=grades, compute_p=False)
    return model
