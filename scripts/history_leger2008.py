"""A prior from other studies for the founding one's rate; its answer with and without it."""

from pathlib import Path
from running.command_line import folder_of
from running.stored import stored_fits

import mmn_bayes as mb
from mmn_bayes import plots
from mmn_bayes.outcomes.response import table as tables
from mmn_bayes.report import store
from mmn_bayes.report.table import Table

ROOT = Path(__file__).resolve().parents[1]
SEED = 20082
KINDS = ("map", "robust")
STUDIES = "Response to immunoglobulin in other studies, and in the next one"
TOGETHER = "Response at 6 months: without history, with it, and with it made robust"
CONFLICT = "What history expects of the naive, and what it leaves of the data"


def main(folder: Path) -> None:
    (without,) = stored_fits(folder, "response")
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    counts = mb.read_evidence(ROOT / "data" / "evidence" / "response_counts.csv")
    spec = mb.read_spec(ROOT / "models" / "historical_response.toml")
    history = mb.fit(spec, counts, seed=SEED, draws=2000)
    priors = {kind: mb.historical_prior(history, kind) for kind in KINDS}
    fits = [history]
    store.remove_manifest(folder / "manifest_history.json")
    for kind, prior in priors.items():
        variant = mb.read_spec(ROOT / "models" / f"response_{kind}.toml")
        fits.append(mb.fit(variant, cohort, historical=prior, seed=SEED))
        mb.save(fits[-1], folder / f"response_{kind}.nc")
        store.write_table(prior, folder / f"mixture_{kind}.csv")
    for fit in fits:
        checks = mb.diagnose(fit)
        mb.require_converged(checks)
        store.write_table(checks, folder / f"diagnostics_{fit.attrs['spec_name']}.csv")
    with_history = [without, *fits[1:]]
    together, studies = mb.response_table(with_history), mb.history_table(history)
    for name, table, caption, notes in (
        ("history", studies, STUDIES, tables.question_notes(history)),
        ("response_history", together, TOGETHER, tables.table_notes(with_history, together)),
    ):
        store.write_report(Table(table, caption, notes=notes), folder / name)
        tables.print_table(table, caption)
    observed = mb.observed_response(cohort, variant, by="naive")
    events, n = observed.loc[observed["naive"], ["events", "n"]].iloc[0].astype(int)
    conflict = mb.prior_data_conflict(priors, events, n, synthetic=cohort.synthetic)
    store.write_table(mb.select_evidence(spec, counts), folder / "evidence_selected.csv")
    store.write_table(mb.check_mixture(history, priors["map"]), folder / "mixture_check.csv")
    store.write_table(conflict, folder / "conflict.csv")
    drawn = plots.conflict_figure(conflict, title=CONFLICT)
    store.save_figure(drawn, folder / "conflict.png")
    store.save_figure(plots.history_figure(studies, title=STUDIES), folder / "history.png")
    store.write_manifest(fits, folder / "manifest_history.json")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "leger2008"))
