"""Candidates whose effects are known: coverage and false calls, into results/calls.

Usage: python scripts/study_calls.py [folder]      (default: results/calls)

Three priors on 40 cohorts of each of four scenarios, 480 fits: some 15 minutes on two processors;
an interrupted run goes on where it was.
"""

from pathlib import Path
from running.command_line import folder_of

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]
SEED = 20081
MODELS = ("candidates_response", "candidates_response_horseshoe", "candidates_response_r2d2")


def main(folder: Path) -> None:
    specs = [mb.read_model(ROOT / "models" / f"{name}.toml") for name in MODELS]
    table = mb.studies.study_calls(specs, folder, n_cohorts=40, seed=SEED)
    mb.io.print_table(table, "Candidates with known effects: coverage, and what is called")
    print(f"Written: {folder}")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "calls"))
