"""The long run of the founding study: long-term classes and conduction blocks, both ways.

Usage: python scripts/long_term_leger2008.py [folder]      (default: results/leger2008)
"""

import sys
from pathlib import Path

import pandas as pd

import mmn_bayes as mb
from mmn_bayes.report import store
from mmn_bayes.report.formatting import print_table

ROOT = Path(__file__).resolve().parents[1]
SEED = 20081
CLASSES = "Long-term class: counted under both denominators, and by models"
ODDS = "Odds of each long-term class against dependency"
BLOCKS = "Change in the number of conduction blocks of naive responders"


def main(folder: Path) -> None:
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    names = ("long_term_rates", "long_term", "long_term_candidates")
    rates, model, candidates = (mb.read_spec(ROOT / "models" / f"{name}.toml") for name in names)
    full, lost = mb.complete_cases(mb.with_early_response(cohort, model), model)
    fits = [mb.fit(rates, cohort, seed=SEED)]
    fits += [mb.fit(spec, full, seed=SEED) for spec in (model, candidates)]
    for fit in fits:
        checks = mb.diagnose(fit)
        mb.require_converged(checks)
        store.write_table(checks, folder / f"diagnostics_{fit.attrs['spec_name']}.csv")
    table, notes = mb.long_term_table(cohort, fits), mb.long_term_notes(cohort, fits)
    store.write_table(table, folder / "long_term.csv")
    store.write_markdown(table, folder / "long_term.md", CLASSES, notes)
    by_naive = mb.long_term_table(cohort, fits[:2], by="naive")
    store.write_table(by_naive, folder / "long_term_by_naive.csv")
    parts = [mb.summarise(mb.class_odds_ratios(fit), above=1.0) for fit in fits[1:]]
    odds = pd.concat(parts, keys=names[1:], names=["model"]).reset_index(level="model")
    store.write_table(odds, folder / "long_term_odds.csv")
    store.write_table(
        mb.class_bounds(cohort, levels=rates.classes.levels), folder / "long_term_bounds.csv"
    )
    store.write_table(lost, folder / "long_term_lost.csv")
    others = pd.read_csv(ROOT / "data" / "evidence" / "longterm_groups.csv")
    store.write_table(mb.compare_groups(others), folder / "long_term_others.csv")
    blocks = mb.observed_blocks(cohort, model)
    store.write_table(blocks, folder / "blocks.csv")
    store.write_table(mb.block_changes(cohort, model), folder / "block_changes.csv")
    store.write_table(mb.blocks_and_strength(cohort, model), folder / "blocks_strength.csv")
    store.write_manifest(fits, folder / "manifest_long_term.json")
    print_table(table, CLASSES, notes)
    print_table(odds, ODDS)
    print_table(blocks, BLOCKS)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "results" / "leger2008")
