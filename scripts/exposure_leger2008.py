"""What the doses did: variants of the model, time against infusions, and what confounding could do.

Usage: python scripts/exposure_leger2008.py [folder]      (default: results/leger2008, with its fit)
"""

from pathlib import Path
from running.command_line import folder_of
from running.stored import stored_fits

import mmn_bayes as mb
from mmn_bayes.outcomes.response import table as tables
from mmn_bayes.report import store
from mmn_bayes.report.table import Table

ROOT = Path(__file__).resolve().parents[1]
SEED = 20081
VARIANTS = ("strength_dose_rate", "strength_cumulative", "strength_no_exposure", "strength_time")
CAPTIONS = {
    "variants": "The model's variants: response, effect of doses, prediction of a patient left out",
    "time_and_infusions": "What the data say of time and of infusions",
    "first_months": "The same, of the first 195 days of patients infused every 4 weeks",
    "confounding": "The effect of doses, had something unmeasured confounded it",
}


def main(folder: Path) -> None:
    (fit,) = stored_fits(folder, "strength")
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    strength = mb.read_spec(ROOT / "models" / "strength.toml")
    others = [mb.read_spec(ROOT / "models" / f"{name}.toml") for name in VARIANTS]
    fits = [fit, *(mb.fit(spec, cohort, seed=SEED) for spec in others)]
    early = mb.fit(strength, mb.first_months(cohort, until_day=195, every_days=28), seed=SEED)
    for tree in (*fits[1:], early):
        mb.require_converged(mb.diagnose(tree))
    store.remove_manifest(folder / "manifest_exposure.json")
    store.remove_manifest(folder / "manifest_first_months.json")
    written = {
        "variants": mb.variants_table(fits),
        "time_and_infusions": mb.time_against_infusions(fit, seed=SEED, by="naive"),
        "first_months": mb.time_against_infusions(early, seed=SEED),
        "confounding": mb.confounding_bound(fit),
    }
    for name, table in written.items():
        whole = Table(table, CAPTIONS[name])
        store.write_report(whole, folder / f"exposure_{name}")
        tables.print_table(whole)
    store.write_manifest(fits, folder / "manifest_exposure.json")
    store.write_manifest(early, folder / "manifest_first_months.json")
    print(f"\nWritten: {folder}")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "leger2008"))
