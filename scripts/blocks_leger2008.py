"""Conduction blocks of the founding study: counted, and by a model of what becomes of each nerve.

Usage: python scripts/blocks_leger2008.py [folder]      (default: results/leger2008)
"""

from pathlib import Path
from running.command_line import folder_of

import pandas as pd

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]
SEED = 20081
TITLE = "Conduction blocks at 6 months against inclusion: counted, and by models"
RATIOS = "What naive status and early response do to whether a block stays, and one appears"


def main(folder: Path) -> None:
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    names = ("blocks", "blocks_counts")
    specs = [mb.read_model(ROOT / "models" / f"{name}.toml") for name in names]
    full, _ = mb.predictors.complete_cases(
        mb.response.with_early_response(cohort, specs[0]), specs[0]
    )
    fits = [mb.fit(full, spec, seed=SEED) for spec in specs]
    mb.io.remove_manifest(folder / "manifest_blocks.json")
    for fit in fits:
        checks = mb.diagnose(fit)
        mb.require_converged(checks)
        mb.io.write_table(checks, folder / f"diagnostics_{fit.attrs['spec_name']}.csv")
    table = mb.tables.blocks_table(cohort, fits)
    whole = mb.tables.Table(table, TITLE, notes=mb.tables.blocks_notes(cohort, fits))
    mb.io.write_report(whole, folder / "blocks")
    mb.io.save_figure(mb.plots.blocks_figure(table, title=TITLE), folder / "blocks.png")
    parts = [mb.summarise(mb.blocks.block_effect_ratios(fit), above=1.0) for fit in fits]
    ratios = pd.concat(parts, keys=names, names=["model"]).reset_index(level="model")
    mb.io.write_table(ratios, folder / "blocks_ratios.csv")
    mb.io.write_table(mb.observed.block_changes(cohort, specs[0]), folder / "block_changes.csv")
    relation = mb.observed.blocks_and_strength(cohort, specs[0])
    mb.io.write_table(relation, folder / "blocks_strength.csv")
    mb.io.write_manifest(fits, folder / "manifest_blocks.json")
    naive = table[table["group"] == "naive responders"]
    mb.io.print_table(naive, f"{TITLE}, naive responders", whole.notes)
    mb.io.print_table(ratios, RATIOS)
    mb.io.print_table(relation, "Change in blocks and change in strength")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "leger2008"))
