"""Strength in the long run: five years on stated schedules, loss a year, stopping and stretching.

Usage: python scripts/study_long_run.py [folder]      (default: results/long_run)

One fit of all grades with a steady change a year: some 3 minutes on two processors.
"""

from pathlib import Path
from running.command_line import folder_of

import numpy as np

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]
SEED = 20081
# Some half a year, and 1 to 5 years: always the day before an infusion would be due, of whichever
# schedule, so that what differs between days is not the day of the cycle.
YEARS = [56.0 * cycles for cycles in (0, 3, 7, 13, 20, 26, 33)]
MAINTAINED = {"dose_g_per_kg": 1.0, "from_day": 0, "until_day": 1860}
FIRST = "1 g/kg every 4 weeks"
STOPPED = mb.exposure.schedule(dose_g_per_kg=1.0, every_days=28, from_day=0, until_day=730)
SCENARIOS = {
    FIRST: mb.exposure.schedule(every_days=28, **MAINTAINED),
    "1 g/kg every 8 weeks": mb.exposure.schedule(every_days=56, **MAINTAINED),
    "every 4 weeks, stopped after 2 years": STOPPED,
    "no infusion": mb.exposure.no_infusions(),
}


def main(folder: Path) -> None:
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    fit = mb.fit(cohort, mb.read_model(ROOT / "models" / "strength_slope.toml"), seed=SEED)
    mb.require_converged(checks := mb.diagnose(fit))
    mb.io.remove_manifest(folder / "manifest.json")
    mb.io.write_table(checks, folder / "diagnostics.csv")
    days = np.arange(0.0, YEARS[-1] + 1.0, 56.0)
    drawn = mb.exposure.trajectory(fit, scenario=SCENARIOS, patients="cohort", days=days)
    shown, others = drawn.sel(day=YEARS), [*SCENARIOS][1:]
    tables = {
        "sum_score": mb.tables.trajectory_table(shown),
        "grade_share": mb.tables.trajectory_table(shown, "grade_share"),
        "contrasts": mb.tables.contrast_table(shown, [(FIRST, other) for other in others]),
        "change_a_year": mb.tables.yearly_change_table(shown, [YEARS[2:4], YEARS[3:7:3]]),
    }
    for name, table in tables.items():
        mb.io.write_table(table, folder / f"{name}.csv")
        mb.io.print_table(table, f"The long run, {name.replace('_', ' ')}")
    edges = (0, 15, 60, 120, 270, 500, 900, 1400)
    seen = mb.observed.observed_grade_distribution(fit, edges, by=None)
    drawing = mb.plots.trajectory_figure(drawn, seen, title="Strength over five years by schedule")
    mb.io.save_figure(drawing, folder / "trajectory.png")
    mb.io.write_manifest(fit, folder / "manifest.json")
    print(f"Written: {folder}")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "long_run"))
