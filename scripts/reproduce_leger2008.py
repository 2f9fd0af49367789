"""The founding study's response both ways, into results/leger2008: fits, gate, table, figures."""

from pathlib import Path
from running.command_line import OTHER_DRAWS, Timing, parser_of

import numpy as np

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]
SEED = 20081


def main(folder: Path, timing: Timing) -> None:
    fit = mb.fit  # imported when it is first asked for
    timing.done("start-up and imports")
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    published = mb.evidence.read_published(ROOT / "data" / "leger2008")["counts"]
    specs = [mb.read_model(ROOT / "models" / f"{name}.toml") for name in ("strength", "response")]
    timing.done("reading")
    fits = [fit(cohort, spec, seed=SEED) for spec in specs]
    timing.done("design, and all else of the fits", fits)
    draws = mb.response.response_draws(fits, by="naive")
    timing.done("derived draws")
    mb.io.remove_manifest(folder / "manifest.json")
    for spec, one in zip(specs, fits, strict=True):
        derived = {f"response, {who}": d for (name, who), d in draws.items() if name == spec.name}
        mb.require_converged(checks := mb.diagnose(one, derived))
        mb.io.write_table(checks, folder / f"diagnostics_{spec.name}.csv")
    timing.done("gate")
    table = mb.response_table(fits, published=published, draws=draws, by="naive")
    caption, notes = f"Response at 6 months. {cohort.title}", mb.tables.table_notes(fits, table)
    whole = mb.tables.Table(table, caption, notes=notes)
    mb.io.write_report(whole, folder / "response_table")
    mb.io.print_table(whole)
    timing.done("response table")
    printed = published.set_index("quantity")["printed_percent"]
    placebo = float(printed["historical_placebo_rate"]) / 100.0
    drawn = mb.plots.response_figure(draws, table, placebo=placebo, title=cohort.title)
    mb.io.save_figure(drawn, folder / "response.png")
    shares = mb.grade.grade_distribution(fits[0], days=np.arange(0.0, 449.0, 14.0), by="naive")
    seen = mb.observed.observed_grade_distribution(fits[0], (0, 15, 60, 120, 270, 500), by="naive")
    drawn = mb.plots.shares_figure(shares, seen, title=cohort.title)
    mb.io.save_figure(drawn, folder / "grade_shares.png")
    timing.done("figures")
    for spec, one in zip(specs, fits, strict=True):
        mb.io.write_text(mb.io.model_to_toml(spec), folder / f"spec_{spec.name}.toml")
        mb.save(one, folder / f"{spec.name}.nc")
    mb.io.write_manifest(fits, folder / "manifest.json")
    timing.done("writing the fits")


if __name__ == "__main__":
    parser = parser_of(__doc__, ROOT / "results" / "leger2008")
    parser.add_argument("--timing", action="store_true", help="print how long each part took")
    asked, timing = parser.parse_args(), Timing()
    main(asked.folder, timing)
    print("", *timing.lines(asked.timing), f"Written: {asked.folder}", OTHER_DRAWS, sep="\n")
