"""The simulated cohorts: two regimes of reliability, 60 grades a patient, no effect left out.

Usage: python -m benchmarking.cohorts <folder> <regime> <patients>
"""

import sys
from pathlib import Path

import pandas as pd

import mmn_bayes as mb

MUSCLES = (
    *("ankle dorsiflexion", "finger abduction", "finger extension"),
    *("thumb abduction", "wrist extension"),
)
# What the benchmark's model does not have is not in the data either.
SHARED = {
    "muscles": tuple((muscle, 0.0) for muscle in MUSCLES),
    "missing_follow_up_share": 0.0,
    "gain": 0.0,
    "naive_gain": 0.0,
    "patient_gain_sd": 0.0,
    # 6 visits of everybody: 0, 30, 91, 182, 365 days, and the last day of follow-up.
    "follow_up_mean_years": 1.6,
    "follow_up_sd_years": 0.001,
}
RECIPES = {
    # Between muscles of a patient a sd of 11 logits, thresholds over 32: kappa about 0.93.
    "reliable": mb.simulation.Recipe(
        **SHARED, noise=1.0 / 11.0, grade_probability=(0.04, 0.11, 0.225, 0.28, 0.21, 0.135)
    ),
    # A sd of 1.5 logits, thresholds over 6.
    "noisy": mb.simulation.Recipe(
        **SHARED, noise=0.65, grade_probability=(0.04, 0.08, 0.14, 0.22, 0.26, 0.26)
    ),
}
DATA_SEEDS = {"first": 1, "other": 2}  # the other cohort is for the second fit of a process


def write(folder: Path, regime: str, patients: int) -> None:
    """Write two cohorts: as the package reads them, and as one table for the other engines."""
    for name, seed in DATA_SEEDS.items():
        cohort = mb.simulation.simulate_cohort(patients, seed=seed, recipe=RECIPES[regime])
        mb.write_cohort(cohort, folder / name)
        mb.io.write_table(_one_table(cohort, RECIPES[regime]), folder / f"{name}.csv")


def _one_table(cohort: mb.Cohort, recipe: mb.simulation.Recipe) -> pd.DataFrame:
    """One row a grade, everything a regression needs beside it."""
    table = cohort.grades[["patient", "muscle", "side", "day", "grade"]].astype({"grade": int})
    table["naive"] = table["patient"].map(cohort.patients.set_index("patient")["naive"]).astype(int)
    table["site"] = table["patient"] + ", " + table["muscle"] + ", " + table["side"].astype(str)
    who, day = table["patient"].to_numpy(), table["day"].to_numpy(dtype=float)
    width = recipe.dose_rate_window_days
    table["dose_rate"] = mb.exposure.dose_rate(who, day, cohort.infusions, window_days=width)
    return table[["patient", "site", "naive", "dose_rate", "grade"]]


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
