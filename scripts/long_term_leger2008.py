"""The long run of the founding study: long-term classes, both ways, beside other cohorts.

Usage: python scripts/long_term_leger2008.py [folder]      (default: results/leger2008)
"""

from pathlib import Path
from running.command_line import folder_of

import pandas as pd

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]
SEED = 20081
CLASSES = "Long-term class: counted under both denominators, and by models"
ODDS = "Odds of each long-term class against dependency"
OTHERS = "Long-term classes beside those of published cohorts"


def main(folder: Path) -> None:
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    names = ("long_term_rates", "long_term", "long_term_candidates")
    rates, model, candidates = (mb.read_model(ROOT / "models" / f"{name}.toml") for name in names)
    full, lost = mb.predictors.complete_cases(mb.response.with_early_response(cohort, model), model)
    fits = [mb.fit(cohort, rates, seed=SEED)]
    fits += [mb.fit(full, spec, seed=SEED) for spec in (model, candidates)]
    mb.io.remove_manifest(folder / "manifest_long_term.json")
    for fit in fits:
        checks = mb.diagnose(fit)
        mb.require_converged(checks)
        mb.io.write_table(checks, folder / f"diagnostics_{fit.attrs['spec_name']}.csv")
    table = mb.tables.classes_table(cohort, fits)
    whole = mb.tables.Table(table, CLASSES, notes=mb.tables.classes_notes(cohort, fits))
    mb.io.write_report(whole, folder / "long_term")
    by_naive = mb.tables.classes_table(cohort, fits[:2], by="naive")
    mb.io.write_table(by_naive, folder / "long_term_by_naive.csv")
    parts = [mb.summarise(mb.classes.class_odds_ratios(fit), above=1.0) for fit in fits[1:]]
    odds = pd.concat(parts, keys=names[1:], names=["model"]).reset_index(level="model")
    mb.io.write_table(odds, folder / "long_term_odds.csv")
    bounds = mb.observed.class_bounds(cohort, levels=rates.section("class").levels)
    mb.io.write_table(bounds, folder / "long_term_bounds.csv")
    mb.io.write_table(lost, folder / "long_term_lost.csv")
    evidence = pd.read_csv(ROOT / "data" / "evidence" / "longterm_groups.csv")
    mb.io.write_table(mb.observed.published_classes(evidence), folder / "long_term_groups.csv")
    # The founding study's are the patients that this cohort stands for.
    others = mb.tables.cohorts_table(cohort, fits[0], evidence[evidence["study"] != "Leger2008"])
    mb.io.write_table(others, folder / "long_term_others.csv")
    drawing = mb.plots.classes_figure(table, others, title=CLASSES)
    mb.io.save_figure(drawing, folder / "long_term.png")
    mb.io.write_manifest(fits, folder / "manifest_long_term.json")
    mb.io.print_table(whole)
    mb.io.print_table(odds, ODDS)
    mb.io.print_table(others, OTHERS)


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "leger2008"))
