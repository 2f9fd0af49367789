"""What stands beside the response table: what priors imply, predictions, flow, published figures.

Into results/leger2008, with the fits of the main job, which are there.
"""

from pathlib import Path
from running.command_line import folder_of
from running.stored import stored_fits

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]
SEED = 20081


def main(folder: Path) -> None:
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    published = mb.evidence.read_published(ROOT / "data" / "leger2008")["counts"]
    specs = [mb.read_model(ROOT / "models" / f"{name}.toml") for name in ("strength", "response")]
    fits = stored_fits(folder, *(spec.name for spec in specs))
    for spec, fit in zip(specs, fits, strict=True):
        implied = mb.prior_predictive(cohort, spec, seed=SEED)
        mb.io.write_table(implied, folder / f"prior_{spec.name}.csv")
        replicated = mb.posterior_predictive_check(fit, by="naive")
        mb.io.write_table(replicated, folder / f"predictive_{spec.name}.csv")
    tests = mb.observed.observed_predictors(cohort, specs[0], naive=True)
    mb.io.write_table(tests, folder / "univariable.csv")
    mb.io.write_table(mb.patient_flow(cohort, specs[0]), folder / "flow.csv")
    mb.io.write_table(mb.observed.check_published(published), folder / "published_checks.csv")
    mb.io.write_table(mb.observed.recompute(published), folder / "published_percentages.csv")
    print(f"Written: {folder}")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "leger2008"))
