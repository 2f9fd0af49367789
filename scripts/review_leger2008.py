"""What a reviewer asks of the answer: both worlds, the missing, the definition.

Usage: python scripts/review_leger2008.py [folder]      (default: results/leger2008, with its fits)
"""

from dataclasses import replace
from pathlib import Path
from running.command_line import folder_of
from running.stored import stored_fits

import numpy as np

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]
PLACEBO = 0.2
CAPTIONS = {
    "comparison": "Response at 6 months by naive status, both ways",
    "missing": "Response at 6 months: what the missing may do to it",
    "tipping": "Where the conclusion changes",
    "definitions": "Response under other definitions, and by chance alone",
}


def main(folder: Path) -> None:
    strength, response = stored_fits(folder, "strength", "response")
    written = {
        "comparison": mb.comparison_table([strength, response], rate=PLACEBO, by="naive"),
        "missing": mb.tables.missing_table(strength, rate=PLACEBO, by="naive"),
        "tipping": mb.tables.tipping_table(strength, rate=PLACEBO, by="naive"),
        "definitions": mb.tables.definition_table(strength, by="naive"),
    }
    notes = mb.tables.question_notes(strength)
    for name, table in written.items():
        mb.io.write_report(mb.tables.Table(table, CAPTIONS[name], notes=notes), folder / name)
        mb.io.print_table(table, CAPTIONS[name])
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    spec = mb.read_model(ROOT / "models" / "strength.toml")
    year = next(d.rule for d in mb.response.definition_grid(spec) if d.rule.follow_up_day > 300)
    kept = mb.observed.observed_agreement(cohort, spec, replace(spec, response=year))
    mb.io.write_table(kept, folder / "agreement_one_year.csv")
    mb.io.write_table(mb.observed.observed_change(cohort, spec), folder / "change.csv")
    shifted = mb.response.delta_adjusted_response(strength, np.linspace(-0.6, 0.6, 25), by="naive")
    rows = mb.summarise(shifted, level=0.95, interval="eti")
    mb.io.write_table(rows, folder / "delta.csv")
    title = "Response if those who were not seen at 6 months did worse, or better"
    drawn = mb.plots.delta_figure(shifted, written["missing"], rate=PLACEBO, title=title)
    mb.io.save_figure(drawn, folder / "delta.png")
    drawn = mb.plots.definitions_figure(written["definitions"], title=CAPTIONS["definitions"])
    mb.io.save_figure(drawn, folder / "definitions.png")
    print(f"\nWritten: {folder}")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "leger2008"))
