"""The founding study's response against a placebo rate that is uncertain too, and one trial.

Usage: python scripts/placebo_leger2008.py [folder]      (default: results/leger2008, with its fits)
"""

from pathlib import Path
from running.command_line import folder_of
from running.stored import stored_fits

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]
EVIDENCE = ROOT / "data" / "evidence"
SEED, PUBLISHED = 20082, 0.2
FITTED = ("strength", "response", "response_map", "response_robust")
CAPTIONS = {
    "placebo": "Response of new patients against placebo, taken as known and uncertain",
    "trial": "Leger 2001 by its patients: immunoglobulin against placebo",
}


def main(folder: Path) -> None:
    fits = stored_fits(folder, *FITTED)
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    counts = mb.evidence.read_evidence(EVIDENCE / "response_counts.csv")
    trial = mb.evidence.read_trial(EVIDENCE / "leger2001_patient_visits.csv")
    names = ("historical_placebo", "trial_leger2001", "response")
    of_placebo, of_trial, rule = (mb.read_model(ROOT / "models" / f"{n}.toml") for n in names)
    placebo = mb.fit(counts, of_placebo, seed=SEED, draws=2000)
    by_patients = mb.fit(trial, of_trial, seed=SEED)
    mb.io.remove_manifest(folder / "manifest_placebo.json")
    for fit in (placebo, by_patients):
        checks = mb.diagnose(fit)
        mb.require_converged(checks)
        mb.io.write_table(checks, folder / f"diagnostics_{fit.attrs['spec_name']}.csv")
    new = {
        f"{model}: new patients": drawn
        for (model, patients), drawn in mb.response.response_draws(fits, by="naive").items()
        if patients == "population"
    }
    observed = mb.observed_response(cohort, rule, by="naive")
    against = mb.tables.placebo_table(new, placebo, observed, rate=PUBLISHED, seed=SEED, by="naive")
    within = mb.tables.trial_table(by_patients, trial, treated="treated", period="second_period")
    for name, table, fit in (("placebo", against, fits[0]), ("trial", within, by_patients)):
        whole = mb.tables.Table(table, CAPTIONS[name], notes=mb.tables.question_notes(fit))
        mb.io.write_report(whole, folder / name)
        mb.io.print_table(table, CAPTIONS[name])
    mb.io.write_table(mb.tables.evidence_table(placebo), folder / "history_placebo.csv")
    mb.io.write_table(
        mb.evidence.select_evidence(counts, of_placebo), folder / "evidence_placebo.csv"
    )
    mb.io.write_manifest([placebo, by_patients], folder / "manifest_placebo.json")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "leger2008"))
