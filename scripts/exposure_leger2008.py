"""What the doses did: variants of the model, time against infusions, and what confounding could do.

Usage: python scripts/exposure_leger2008.py [folder]      (default: results/leger2008, with its fit)
"""

from pathlib import Path
from running.command_line import folder_of
from running.stored import stored_fits

import mmn_bayes as mb

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
    strength = mb.read_model(ROOT / "models" / "strength.toml")
    others = [mb.read_model(ROOT / "models" / f"{name}.toml") for name in VARIANTS]
    fits = [fit, *(mb.fit(cohort, spec, seed=SEED) for spec in others)]
    early = mb.fit(
        mb.exposure.first_months(cohort, until_day=195, every_days=28), strength, seed=SEED
    )
    for tree in (*fits[1:], early):
        mb.require_converged(mb.diagnose(tree))
    mb.io.remove_manifest(folder / "manifest_exposure.json")
    mb.io.remove_manifest(folder / "manifest_first_months.json")
    written = {
        "variants": mb.tables.variants_table(fits, by="naive"),
        "time_and_infusions": mb.tables.identifiability_table(fit, seed=SEED, by="naive"),
        "first_months": mb.tables.identifiability_table(early, seed=SEED),
        "confounding": mb.exposure.confounding_sensitivity(fit),
    }
    for name, table in written.items():
        whole = mb.tables.Table(table, CAPTIONS[name])
        mb.io.write_report(whole, folder / f"exposure_{name}")
        mb.io.print_table(whole)
    mb.io.write_manifest(fits, folder / "manifest_exposure.json")
    mb.io.write_manifest(early, folder / "manifest_first_months.json")
    print(f"\nWritten: {folder}")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "leger2008"))
