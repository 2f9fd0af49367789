"""Cohorts whose responses depend on candidate predictors in a known way."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import expit

from mmn_bayes.data.reading import make_cohort
from mmn_bayes.data.schema import Cohort
from mmn_bayes.simulation.cohort import patient_labels

_MUSCLES = ("finger abduction", "wrist extension")
_DAYS = (0, 182)
_BEFORE, _AFTER = "3", "4"


def simulate_responses(
    effects: Mapping[str, float],
    *,
    n_patients: int,
    seed: int,
    correlation: float = 0.0,
    intercept: float = 0.5,
) -> Cohort:
    """Simulate a cohort whose log odds of response are linear in standard normal columns.

    Parameters
    ----------
    effects : mapping of str to float
        Effect on the log odds of one unit (one sd) of each column, by its name; 0 for none.
    n_patients, seed : int
        How many patients, and the seed of all randomness.
    correlation : float, default 0.0
        Correlation within pairs of columns: the first with the second, the third with the fourth,
        and so on; columns of different pairs are independent.
    intercept : float, default 0.5
        Log odds of response of a patient whose columns are all 0.

    Returns
    -------
    Cohort
        Two muscles a patient, graded at inclusion and at month 6: both gain a grade in responders,
        none in others, so that the rule of response gives the simulated response.
        Half of the patients are naive, which has no effect. `truth` has the effects.

    Raises
    ------
    ValueError
        When the correlation is not between 0 and 1, or nobody is simulated.

    Examples
    --------
    >>> effects = {"x01": 1.5, "x02": 0.0}
    >>> simulated = mb.simulation.simulate_responses(effects, n_patients=20, seed=1)
    >>> list(simulated.patients.columns)
    ['patient', 'naive', 'x01', 'x02']
    >>> simulated.truth
    {'x01': 1.5, 'x02': 0.0, 'intercept': 0.5}
    """
    if n_patients < 1 or not 0.0 <= correlation < 1.0:
        raise ValueError("n_patients is 1 or more, correlation from 0 to below 1.")
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(n_patients, len(effects)))
    shared = np.repeat(rng.normal(size=(n_patients, -(-len(effects) // 2))), 2, axis=1)
    x = np.sqrt(correlation) * shared[:, : len(effects)] + np.sqrt(1.0 - correlation) * own
    responds = rng.random(n_patients) < expit(intercept + x @ np.array([*effects.values()]))
    labels = patient_labels(n_patients)
    patients = pd.DataFrame({"patient": labels, "naive": np.arange(n_patients) % 2 == 0})
    grades = pd.DataFrame(
        [
            (label, day, muscle, "left", _AFTER if day and gains else _BEFORE)
            for label, gains in zip(labels, responds, strict=True)
            for day in _DAYS
            for muscle in _MUSCLES
        ],
        columns=["patient", "day", "muscle", "side", "grade"],
    )
    return make_cohort(
        patients.assign(**dict(zip(effects, x.T, strict=True))),
        grades,
        scale=(_BEFORE, _AFTER),
        title=f"Simulated responses of {n_patients} patients",
        source=f"simulate_responses, seed {seed}",
        synthetic=True,
        truth={**effects, "intercept": intercept},
    )
