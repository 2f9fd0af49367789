"""How many patients, and visits a cycle, does it take to learn the half-life of wearing-off?

Usage: python scripts/study_visits.py [folder]      (default: results/visits)

54 cohorts, a quarter of an hour on two processors. An interrupted run goes on where it was.
"""

from pathlib import Path
from running.command_line import folder_of

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]


def main(folder: Path) -> None:
    table = mb.studies.run_visits_study(mb.read_model(ROOT / "models" / "strength.toml"), folder)
    mb.io.print_table(
        table, "What is learned of the half-life of wearing-off", mb.studies.visits_notes(table)
    )
    print(f"Written: {folder}")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "visits"))
