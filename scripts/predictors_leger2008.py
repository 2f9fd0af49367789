"""What was learned of the candidate predictors, model by model, into results/predictors.

Usage: python scripts/predictors_leger2008.py [folder]      (default: results/predictors)

Seven fits, three of them of all grades: some 6 minutes on two processors.
"""

from pathlib import Path
from running.command_line import folder_of

import pandas as pd

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]
SEED = 20081
MODELS = ("response", "response_horseshoe", "response_r2d2", "response_map")
MODELS += ("gain", "gain_horseshoe", "level")
CAPTION = "Candidate predictors: what was learned of each, by models and by the usual tests"
LEFT_OUT = "Response predicted for patients left out of the fit"


def main(folder: Path) -> None:
    cohort = mb.read_cohort(ROOT / "data" / "leger2008_cohort")
    history = pd.read_csv(ROOT / "results" / "leger2008" / "mixture_map.csv")
    fits = []
    mb.io.remove_manifest(folder / "manifest.json")
    for name in MODELS:
        spec = mb.read_model(ROOT / "models" / f"candidates_{name}.toml")
        fit = mb.fit(cohort, spec, historical=history if spec.historical else None, seed=SEED)
        checks = mb.diagnose(fit, {"effects": mb.predictor_effects(fit, "model")})
        mb.require_converged(checks)
        mb.io.write_table(checks, folder / f"diagnostics_{name}.csv")
        fits.append(fit)
    table = mb.tables.compare_predictors(fits, cohort)
    notes = mb.tables.predictor_notes(table, fits)
    mb.io.write_table(table, folder / "predictors.csv")
    shown = mb.tables.Table(
        mb.predictors.printed_predictors(table), f"{CAPTION}. {cohort.title}", notes=notes
    )
    mb.io.write_table(shown, folder / "predictors.md")
    drawn = mb.plots.predictors_figure(table, title=CAPTION)
    mb.io.save_figure(drawn, folder / "predictors.png")
    unseen = {fit.attrs["spec_name"]: mb.loo.left_out_response(fit) for fit in fits}
    for name, own in unseen.items():
        mb.io.write_table(own, folder / f"left_out_{name}.csv")
    scores = mb.response.prediction_scores(unseen)
    mb.io.write_table(scores, folder / "scores.csv")
    mb.io.write_table(mb.tables.calibration_table(unseen), folder / "calibration.csv")
    some = {name: unseen[f"candidates_{name}"] for name in ("response", "response_r2d2", "gain")}
    drawn = mb.plots.calibration_figure(some, title=LEFT_OUT)
    mb.io.save_figure(drawn, folder / "calibration.png")
    mb.io.write_manifest(fits, folder / "manifest.json")
    mb.io.print_table(shown.frame, CAPTION, notes)
    mb.io.print_table(scores, LEFT_OUT)
    print(f"\nWritten: {folder}")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "predictors"))
