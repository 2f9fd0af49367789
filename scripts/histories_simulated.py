"""Histories of dependency on infusions, simulated: a Markov chain beside what is counted.

Usage: python scripts/histories_simulated.py [folder]      (default: results/simulated_histories)

The founding study has one status a patient, so that the histories are simulated for the cohort that
reproduces it: they show what such a table tells, and say nothing of the disease.
"""

from pathlib import Path
from running.command_line import folder_of

import numpy as np

import mmn_bayes as mb
from mmn_bayes import plots
from mmn_bayes.report import store
from mmn_bayes.report.formatting import print_table
from mmn_bayes.report.table import Table

ROOT = Path(__file__).resolve().parents[1]
SEED = 20081
YEAR = 365.25
DAYS = YEAR * np.arange(0.0, 8.1, 0.25)
COUNTED = YEAR * np.arange(0.0, 7.1, 1.0)
TITLE = "Shares in each state since the first infusion (simulated histories)"


def main(folder: Path) -> None:
    cohort = mb.with_histories(mb.read_cohort(ROOT / "data" / "leger2008_cohort"), seed=SEED)
    spec = mb.read_spec(ROOT / "models" / "histories.toml")
    fit = mb.fit(spec, cohort, seed=SEED)
    mb.require_converged(checks := mb.diagnose(fit))
    store.remove_manifest(folder / "manifest.json")
    store.write_table(checks, folder / "diagnostics.csv")
    tables = {
        "occupancy": mb.occupancy_table(cohort, fit),
        "time": mb.time_table(fit),
        "leaving": mb.leaving_table(cohort, fit),
        "odds_ratios": mb.summarise(mb.state_odds_ratios(fit), above=1.0),
        "step": mb.summarise(mb.step_probability(fit)),
    }
    for name, table in tables.items():
        store.write_table(table, folder / f"{name}.csv")
        print_table(table, f"Simulated histories, {name.replace('_', ' ')}")
    page = Table(tables["occupancy"], TITLE, notes=mb.histories_notes(cohort, fit))
    store.write_table(page, folder / "occupancy.md")
    clock, levels = mb.on_clock(cohort, spec.section("state").since), spec.section("state").levels
    drawing = plots.occupancy_figure(
        mb.state_occupancy(fit, days=DAYS, patients="population"),
        mb.empirical_occupancy(clock, levels=levels, days=COUNTED),
        product=mb.aalen_johansen(clock, levels=levels, days=DAYS),
        title=TITLE,
    )
    store.save_figure(drawing, folder / "occupancy.png")
    store.write_manifest(fit, folder / "manifest.json")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "simulated_histories"))
