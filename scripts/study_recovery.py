"""Fit strength.toml to 20 simulated cohorts: how often do 90 % credible intervals cover the truth?

Usage: python scripts/study_recovery.py [folder [cohorts [draws]]]
       (default: results/recovery 20 1000)

About 12 s a cohort and processor, a minute on a slow machine. An interrupted run goes on where it
was.
"""

from pathlib import Path
from running.command_line import parser_of

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]


def main(folder: Path, cohorts: int, draws: int) -> None:
    spec = mb.read_model(ROOT / "models" / "strength.toml")
    table = mb.studies.run_study(spec, range(1, cohorts + 1), folder, settings={"draws": draws})
    columns = ["parameter", "member", "truth", "mean_error", "n", "covered", "p_value", "p_holm"]
    print(table[columns].to_string(index=False, float_format="{:.3g}".format))
    print(f"\nSynthetic cohorts, one truth for all. Written: {folder}")


if __name__ == "__main__":
    parser = parser_of(__doc__, ROOT / "results" / "recovery")
    parser.add_argument("cohorts", nargs="?", type=int, default=20, help="default: 20")
    draws = mb.studies.SETTINGS["draws"]
    parser.add_argument("draws", nargs="?", type=int, default=draws, help=f"default: {draws}")
    asked = parser.parse_args()
    main(asked.folder, asked.cohorts, asked.draws)
