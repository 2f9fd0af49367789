"""Fit histories.toml to 20 simulated cohorts: how often do 90 % credible intervals cover the truth?

Usage: python scripts/study_histories.py [folder [cohorts]]     (default: results/histories 20)

Some 40 s a cohort and processor; an interrupted run goes on where it was.
"""

from pathlib import Path
from running.command_line import parser_of

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]


def main(folder: Path, cohorts: int) -> None:
    spec = mb.read_model(ROOT / "models" / "histories.toml")
    table = mb.studies.run_study(
        *(spec, range(1, cohorts + 1), folder),
        settings={"draws": 2000},
        recipe=mb.simulation.StatePathsRecipe(),
    )
    columns = ["parameter", "member", "truth", "mean_error", "n", "covered", "p_value", "p_holm"]
    print(table[columns].to_string(index=False, float_format="{:.3g}".format))
    print(f"\nSynthetic cohorts, one truth for all. Written: {folder}")


if __name__ == "__main__":
    parser = parser_of(__doc__, ROOT / "results" / "histories")
    parser.add_argument("cohorts", nargs="?", type=int, default=20, help="default: 20")
    asked = parser.parse_args()
    main(asked.folder, asked.cohorts)
