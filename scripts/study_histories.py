"""Fit histories.toml to 20 simulated cohorts: how often do 90 % credible intervals cover the truth?

Usage: python scripts/study_histories.py [folder [cohorts]]     (default: results/histories 20)

Some 40 s a cohort and processor; an interrupted run goes on where it was.
"""

import sys
from pathlib import Path

import mmn_bayes as mb
from mmn_bayes.report.recovery import run_study

ROOT = Path(__file__).resolve().parents[1]


def main(folder: Path, cohorts: int) -> None:
    spec = mb.read_spec(ROOT / "models" / "histories.toml")
    table = run_study(
        *(spec, range(1, cohorts + 1), folder),
        settings={"draws": 2000},
        recipe=mb.HistoryRecipe(),
    )
    columns = ["parameter", "member", "truth", "mean_error", "n", "covered", "p_value", "p_holm"]
    print(table[columns].to_string(index=False, float_format="{:.3g}".format))
    print(f"\nSynthetic cohorts, one truth for all. Written: {folder}")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        Path(given[0]) if given else ROOT / "results" / "histories",
        int(given[1]) if len(given) > 1 else 20,
    )
