"""What the doses did, and what another schedule would do: tables and figures of infusions.

Usage: python scripts/exposure_leger2008.py [folder]      (default: results/leger2008, with its fit)
"""

import sys
from pathlib import Path

import numpy as np

import mmn_bayes as mb
from mmn_bayes.report import figures, store, tables

ROOT = Path(__file__).resolve().parents[1]
SEED, PLACEBO = 20081, 0.2
VARIANTS = ("strength_dose_rate", "strength_cumulative", "strength_no_exposure", "strength_time")
USUAL = {"dose_g_per_kg": 2.0, "every_days": 28}
DAYS = np.arange(0.0, 449.0, 14.0)
EVERY_4, EVERY_6, STOPPED = "every 4 weeks", "every 6 weeks", "stopped at 6 months"


def main(folder: Path) -> None:
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    strength = mb.load(folder / "strength.nc")
    written = compared(cohort, strength, folder) | scenarios(strength, folder)
    written["time_against_infusions"] = mb.time_against_infusions(strength, seed=SEED, by="naive")
    written["confounding"] = mb.confounding_bound(strength)
    early = mb.first_months(cohort, until_day=200, every_days=28)
    first = mb.fit(mb.read_spec(ROOT / "models" / "strength.toml"), early, seed=SEED)
    written["time_against_infusions_first_months"] = mb.time_against_infusions(first, seed=SEED)
    for name, table in written.items():
        store.write_table(table, folder / f"{name}.csv")
        caption = f"{name.replace('_', ' ').capitalize()}. {cohort.title}"
        store.write_markdown(table, folder / f"{name}.md", caption)
        tables.print_table(table, caption)
    print(f"\nWritten: {folder}")


def compared(cohort: mb.Cohort, strength: mb.DataTree, folder: Path) -> dict[str, mb.DataFrame]:
    specs = [mb.read_spec(ROOT / "models" / f"{name}.toml") for name in VARIANTS]
    fits = [strength, *(mb.fit(spec, cohort, seed=SEED) for spec in specs)]
    for fit in fits[1:]:
        mb.require_converged(mb.diagnose(fit))
    store.write_manifest(fits[1:], folder / "manifest_exposure.json")
    return {"variants": mb.variants_table(fits)}
