"""Patients left out by importance against fits that have not seen them, on the reproduction cohort.

Usage: python scripts/study_leave_out.py [folder]      (default: results/leaving_out)

41 fits, some 6 minutes on two processors. An interrupted run goes on where it was.
"""

from pathlib import Path
from running.command_line import folder_of

import mmn_bayes as mb
from mmn_bayes.report import store
from mmn_bayes.report.formatting import print_table

ROOT = Path(__file__).resolve().parents[1]
SEED = 20081


def main(folder: Path) -> None:
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    fit = mb.fit(mb.read_spec(ROOT / "models" / "strength.toml"), cohort, seed=SEED)
    exact = mb.leave_patients_out(fit, cohort, folder / "tasks", seed=SEED)
    table = mb.importance_against_exact(mb.left_out_by_importance(fit), exact)
    store.remove_manifest(folder / "manifest.json")
    store.write_table(table, folder / "left_out.csv")
    store.write_manifest(fit, folder / "manifest.json")
    print_table(table, "Patients left out, by importance and for good")
    print(f"Written: {folder}")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "leaving_out"))
