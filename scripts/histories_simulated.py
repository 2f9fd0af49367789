"""Histories of dependency on infusions, simulated: a Markov chain beside what is counted.

Usage: python scripts/histories_simulated.py [folder]      (default: results/simulated_histories)

The founding study has one status a patient, so that the histories are simulated for the cohort that
reproduces it: they show what such a table tells, and say nothing of the disease.
"""

from pathlib import Path
from running.command_line import folder_of

import numpy as np

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]
SEED = 20081
YEAR = 365.25
DAYS = YEAR * np.arange(0.0, 8.1, 0.25)
COUNTED = YEAR * np.arange(0.0, 7.1, 1.0)
TITLE = "Shares in each state since the first infusion (simulated histories)"


def main(folder: Path) -> None:
    cohort = mb.simulation.with_state_paths(
        mb.read_cohort(ROOT / "data" / "leger2008_cohort"), seed=SEED
    )
    spec = mb.read_model(ROOT / "models" / "histories.toml")
    fit = mb.fit(cohort, spec, seed=SEED)
    mb.require_converged(checks := mb.diagnose(fit))
    mb.io.remove_manifest(folder / "manifest.json")
    mb.io.write_table(checks, folder / "diagnostics.csv")
    tables = {
        "occupancy": mb.tables.occupancy_table(cohort, fit),
        "time": mb.tables.sojourn_table(fit),
        "leaving": mb.tables.leaving_table(cohort, fit),
        "odds_ratios": mb.summarise(mb.states.state_odds_ratios(fit), above=1.0),
        "step": mb.summarise(mb.states.transition_probability(fit)),
    }
    for name, table in tables.items():
        mb.io.write_table(table, folder / f"{name}.csv")
        mb.io.print_table(table, f"Simulated histories, {name.replace('_', ' ')}")
    page = mb.tables.Table(tables["occupancy"], TITLE, notes=mb.tables.states_notes(cohort, fit))
    mb.io.write_table(page, folder / "occupancy.md")
    clock, levels = (
        mb.states.on_clock(cohort, spec.section("state").since),
        spec.section("state").levels,
    )
    drawing = mb.plots.occupancy_figure(
        mb.states.state_occupancy(fit, days=DAYS, patients="population"),
        mb.observed.empirical_occupancy(clock, levels=levels, days=COUNTED),
        product=mb.observed.aalen_johansen(clock, levels=levels, days=DAYS),
        title=TITLE,
    )
    mb.io.save_figure(drawing, folder / "occupancy.png")
    mb.io.write_manifest(fit, folder / "manifest.json")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "simulated_histories"))
