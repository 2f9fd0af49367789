"""Fit, check and write everything in results/leger2008: the founding study's table, both ways.

Usage: python scripts/reproduce_leger2008.py [folder]      (default: results/leger2008)
"""

import sys
from pathlib import Path

import numpy as np

import mmn_bayes as mb
from mmn_bayes.report import figures, store, tables

ROOT = Path(__file__).resolve().parents[1]
SEED = 20081


def main(folder: Path) -> None:
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    published = mb.read_published(ROOT / "data" / "leger2008")["counts"]
    specs = [mb.read_spec(ROOT / "models" / f"{name}.toml") for name in ("strength", "response")]
    strength = specs[0]
    fits = [mb.fit(spec, cohort, seed=SEED) for spec in specs]
    draws = tables.response_draws(fits)
    for spec, fit in zip(specs, fits, strict=True):
        derived = {f"response, {who}": d for (name, who), d in draws.items() if name == spec.name}
        checks = mb.diagnose(fit, derived)
        mb.require_converged(checks)
        store.write_table(checks, folder / f"diagnostics_{spec.name}.csv")
        store.write_text(mb.spec_to_toml(spec), folder / f"spec_{spec.name}.toml")
        implied = mb.implied_by_prior(spec, cohort, seed=SEED)
        store.write_table(implied, folder / f"prior_{spec.name}.csv")
        replicated = mb.check_response(fit, by="naive")
        store.write_table(replicated, folder / f"predictive_{spec.name}.csv")
        mb.save(fit, folder / f"{spec.name}.nc")
    table = tables.response_table(fits, published=published, draws=draws)
    notes = tables.table_notes(fits, table)
    caption = f"Response at 6 months. {cohort.title}"
    store.write_table(table, folder / "response_table.csv")
    store.write_markdown(table, folder / "response_table.md", caption, notes)
    tests = mb.observed_predictors(cohort, strength, naive=True)
    store.write_table(tests, folder / "univariable.csv")
    store.write_table(mb.flow(cohort, strength), folder / "flow.csv")
    store.write_table(mb.check_published(published), folder / "published_checks.csv")
    store.write_table(mb.recompute(published), folder / "published_percentages.csv")
    printed = published.set_index("quantity")["printed_percent"]
    placebo = float(printed["historical_placebo_rate"]) / 100.0
    drawn = figures.response_figure(draws, table, placebo=placebo, title=cohort.title)
    store.save_figure(drawn, folder / "response.png")
    shares = mb.grade_shares(fits[0], np.arange(0.0, 449.0, 14.0))
    seen = mb.observed_shares(fits[0], (0, 15, 60, 120, 270, 500))
    drawn = figures.shares_figure(shares, seen, title=cohort.title)
    store.save_figure(drawn, folder / "grade_shares.png")
    store.write_manifest(fits, folder / "manifest.json")
    tables.print_table(table, caption, notes)
    print(f"\nWritten: {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "results" / "leger2008")
