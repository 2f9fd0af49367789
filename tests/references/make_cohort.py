"""Write the simulated cohort that brms and ordinal are given: `cohort/` and `cohort_visits.csv`.

Usage: python tests/references/make_cohort.py      (from the root of the repository)
"""

import sys
from pathlib import Path

import pandas as pd

from mmn_bayes.data.reading import make_cohort
from mmn_bayes.data.writing import write_cohort
from mmn_bayes.engine.design import make_design
from mmn_bayes.model_file.reading import read_model
from mmn_bayes.simulation.cohort import simulate_cohort
from mmn_bayes.simulation.recipe import Recipe

HERE = Path(__file__).resolve().parent
SEED = 40
# Grades so noisy that brms needs minutes; everyone is followed for 19 months, so that there are six
# visits each; nothing but the dose changes strength, so that the model of cohort.R is the true one.
RECIPE = Recipe(
    muscles=(
        ("ankle dorsiflexion", -0.30),
        ("elbow flexion", 0.15),
        ("finger abduction", -0.60),
        ("knee extension", 0.55),
        ("thumb abduction", -0.50),
    ),
    missing_follow_up_share=0.0,
    follow_up_mean_years=1.6,
    follow_up_sd_years=0.01,
    grade_probability=(0.06, 0.08, 0.12, 0.16, 0.22, 0.36),
    noise=0.6,
    patient_level_sd=0.5,
    naive_level=-0.3,
    gain=0.0,
    naive_gain=0.0,
    patient_gain_sd=0.0,
    dose_rate=0.8,
)


def main(folder: Path = HERE) -> None:
    simulated = simulate_cohort(40, seed=SEED, recipe=RECIPE)
    cohort = make_cohort(
        simulated.patients[["patient", "naive"]],
        simulated.grades,
        simulated.infusions,
        scale=simulated.scale,
        title="Simulated cohort of 40 patients for comparison with brms and ordinal",
        source=f"simulate_cohort, seed {SEED}, recipe in tests/references/make_cohort.py",
        synthetic=True,
    )
    write_cohort(cohort, folder / "cohort")
    # The exposure is computed by the package; any model file with a dose rate over 84 days will do.
    design = make_design(cohort, read_model(HERE.parents[1] / "models" / "strength.toml"))
    who = design["patient"].to_numpy()[design["patient_of_visit"].to_numpy()]
    visits = {"patient": who, "day": design["day_of_visit"].astype(int)}
    visits |= {"dose_rate": design["exposure_dose_rate"].to_numpy().round(6)}
    pd.DataFrame(visits).to_csv(folder / "cohort_visits.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
