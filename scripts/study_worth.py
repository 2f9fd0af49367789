"""What each candidate is worth to the prediction of patients left out, into results/worth.

Usage: python scripts/study_worth.py [folder]      (default: results/worth)

For responses each patient is left out by a fit of its own (456 fits; 880 for ten candidates), for
grades by importance (12 fits); then covariates are blanked and filled in again (20 fits). Some 15
minutes on two processors; an interrupted run goes on where it was, in less time than it took.
"""

import time
from pathlib import Path
from running.command_line import folder_of

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]
SEED = 20081
LENGTHS = {"chains": 2, "draws": 1000, "tune": 400}
TITLE = "Log score of patients left out: each candidate added and taken away"


def main(folder: Path) -> None:
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    for name, exact in (("response", True), ("response", False), ("gain", False)):
        spec = mb.read_model(ROOT / "models" / f"candidates_{name}.toml")
        tasks, started = folder / "tasks", time.perf_counter()
        table = mb.loo.added_predictive_value(
            cohort, spec, tasks, seed=SEED, exact=exact, lengths=LENGTHS
        )
        seconds = round(time.perf_counter() - started)
        label = f"{name}_{'exact' if exact else 'importance'}"
        mb.io.write_table(table.assign(model=spec.name, exact=exact), folder / f"{label}.csv")
        mb.io.print_table(table, f"{TITLE}, {label}, {seconds} s")
    spec = mb.read_model(ROOT / "models" / "candidates_response.toml")
    # How long it takes: ten candidates of 40 simulated patients, each left out of 22 models.
    ten, simulated = mb.studies.ten_candidates(spec), mb.studies.cohort_of("one strong", 0)
    started, tasks = time.perf_counter(), folder / "tasks"
    table = mb.loo.added_predictive_value(
        simulated, ten, tasks, seed=SEED, exact=True, lengths=LENGTHS
    )
    seconds = round(time.perf_counter() - started)
    mb.io.write_table(table.assign(seconds=seconds), folder / "ten_candidates.csv")
    mb.io.print_table(table, f"Ten candidates of simulated patients, {seconds} s")
    blanked = mb.simulation.with_blanks(
        cohort, ("age_onset_years", "anti_gm1"), share=0.15, seed=SEED
    )
    lost = mb.predictors.missing_covariates(blanked, spec)
    mb.io.write_table(lost, folder / "blanked.csv")
    mb.io.print_table(lost, "Blanked, to be filled in again")
    imputed = mb.predictors.imputed_predictors(blanked, spec, folder / "tasks", seed=SEED)
    mb.io.write_table(imputed, folder / "imputed.csv")
    mb.io.print_table(
        mb.predictors.printed_predictors(imputed), "Candidates, blanks filled in 20 times"
    )
    print(f"Written: {folder}")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "worth"))
