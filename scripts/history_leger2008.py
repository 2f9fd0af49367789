"""A prior from other studies for the founding one's rate; its answer with and without it."""

from pathlib import Path
from running.command_line import folder_of
from running.stored import stored_fits

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]
SEED = 20082
KINDS = ("map", "robust")
STUDIES = "Response to immunoglobulin in other studies, and in the next one"
TOGETHER = "Response at 6 months: without history, with it, and with it made robust"
CONFLICT = "What history expects of the naive, and what it leaves of the data"


def main(folder: Path) -> None:
    (without,) = stored_fits(folder, "response")
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    counts = mb.evidence.read_evidence(ROOT / "data" / "evidence" / "response_counts.csv")
    spec = mb.read_model(ROOT / "models" / "historical_response.toml")
    history = mb.fit(counts, spec, seed=SEED, draws=2000)
    priors = {kind: mb.evidence.historical_prior(history, kind) for kind in KINDS}
    fits = [history]
    mb.io.remove_manifest(folder / "manifest_history.json")
    for kind, prior in priors.items():
        variant = mb.read_model(ROOT / "models" / f"response_{kind}.toml")
        fits.append(mb.fit(cohort, variant, historical=prior, seed=SEED))
        mb.save(fits[-1], folder / f"response_{kind}.nc")
        mb.io.write_table(prior, folder / f"mixture_{kind}.csv")
    for fit in fits:
        checks = mb.diagnose(fit)
        mb.require_converged(checks)
        mb.io.write_table(checks, folder / f"diagnostics_{fit.attrs['spec_name']}.csv")
    with_history = [without, *fits[1:]]
    together = mb.response_table(with_history, by="naive")
    studies = mb.tables.evidence_table(history)
    for name, table, caption, notes in (
        ("history", studies, STUDIES, mb.tables.question_notes(history)),
        ("response_history", together, TOGETHER, mb.tables.table_notes(with_history, together)),
    ):
        mb.io.write_report(mb.tables.Table(table, caption, notes=notes), folder / name)
        mb.io.print_table(table, caption)
    observed = mb.observed_response(cohort, variant, by="naive")
    events, n = observed.loc[observed["naive"], ["events", "n"]].iloc[0].astype(int)
    conflict = mb.evidence.prior_data_conflict(priors, events, n, synthetic=cohort.synthetic)
    mb.io.write_table(mb.evidence.select_evidence(counts, spec), folder / "evidence_selected.csv")
    check = mb.evidence.check_mixture(history, priors["map"])
    mb.io.write_table(check, folder / "mixture_check.csv")
    mb.io.write_table(conflict, folder / "conflict.csv")
    drawn = mb.plots.conflict_figure(conflict, title=CONFLICT)
    mb.io.save_figure(drawn, folder / "conflict.png")
    mb.io.save_figure(mb.plots.history_figure(studies, title=STUDIES), folder / "history.png")
    mb.io.write_manifest(fits, folder / "manifest_history.json")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "leger2008"))
