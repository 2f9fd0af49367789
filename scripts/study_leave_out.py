"""Patients left out by importance against fits that have not seen them, on the reproduction cohort.

Usage: python scripts/study_leave_out.py [folder]      (default: results/leaving_out)

41 fits, some 6 minutes on two processors. An interrupted run goes on where it was.
"""

from pathlib import Path
from running.command_line import folder_of

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]
SEED = 20081


def main(folder: Path) -> None:
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    fit = mb.fit(cohort, mb.read_model(ROOT / "models" / "strength.toml"), seed=SEED)
    exact = mb.loo.leave_patients_out(fit, cohort, folder / "tasks", seed=SEED)
    table = mb.loo.importance_against_exact(mb.loo.psis_loo_patients(fit), exact)
    mb.io.remove_manifest(folder / "manifest.json")
    mb.io.write_table(table, folder / "left_out.csv")
    mb.io.write_manifest(fit, folder / "manifest.json")
    mb.io.print_table(table, "Patients left out, by importance and for good")
    print(f"Written: {folder}")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "leaving_out"))
