"""Strength in the long run: five years on stated schedules, loss a year, stopping and stretching.

Usage: python scripts/study_long_run.py [folder]      (default: results/long_run)

One fit of all grades with a steady change a year: some 3 minutes on two processors.
"""

from pathlib import Path
from running.command_line import folder_of

import numpy as np

import mmn_bayes as mb
from mmn_bayes import plots
from mmn_bayes.report import store
from mmn_bayes.report.formatting import print_table

ROOT = Path(__file__).resolve().parents[1]
SEED = 20081
# Some half a year, and 1 to 5 years: always the day before an infusion would be due, of whichever
# schedule, so that what differs between days is not the day of the cycle.
YEARS = [56.0 * cycles for cycles in (0, 3, 7, 13, 20, 26, 33)]
MAINTAINED = {"dose_g_per_kg": 1.0, "from_day": 0, "until_day": 1860}
FIRST = "1 g/kg every 4 weeks"
STOPPED = mb.schedule(dose_g_per_kg=1.0, every_days=28, from_day=0, until_day=730)
SCENARIOS = {
    FIRST: mb.schedule(every_days=28, **MAINTAINED),
    "1 g/kg every 8 weeks": mb.schedule(every_days=56, **MAINTAINED),
    "every 4 weeks, stopped after 2 years": STOPPED,
    "no infusion": mb.no_infusions(),
}


def main(folder: Path) -> None:
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    fit = mb.fit(mb.read_spec(ROOT / "models" / "strength_slope.toml"), cohort, seed=SEED)
    mb.require_converged(checks := mb.diagnose(fit))
    store.remove_manifest(folder / "manifest.json")
    store.write_table(checks, folder / "diagnostics.csv")
    days = np.arange(0.0, YEARS[-1] + 1.0, 56.0)
    drawn = mb.trajectory(fit, scenario=SCENARIOS, patients="cohort", days=days)
    shown = drawn.sel(day=YEARS)
    tables = {
        "sum_score": mb.trajectory_table(shown),
        "grade_share": mb.trajectory_table(shown, "grade_share"),
        "contrasts": mb.contrast_table(shown, [(FIRST, other) for other in [*SCENARIOS][1:]]),
        "change_a_year": mb.yearly_change_table(shown, [YEARS[2:4], YEARS[3:7:3]]),
    }
    for name, table in tables.items():
        store.write_table(table, folder / f"{name}.csv")
        print_table(table, f"The long run, {name.replace('_', ' ')}")
    seen = mb.observed_shares(fit, (0, 15, 60, 120, 270, 500, 900, 1400), by=None)
    drawing = plots.trajectory_figure(drawn, seen, title="Strength over five years by schedule")
    store.save_figure(drawing, folder / "trajectory.png")
    store.write_manifest(fit, folder / "manifest.json")
    print(f"Written: {folder}")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "long_run"))
