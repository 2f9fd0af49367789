"""What another schedule would do: trajectories, response, doses that keep the effect, figures.

Usage: python scripts/scenarios_leger2008.py [folder]     (default: results/leger2008, with its fit)
"""

from pathlib import Path
from running.command_line import folder_of
from running.stored import stored_fits

import numpy as np

import mmn_bayes as mb
from mmn_bayes import plots
from mmn_bayes.outcomes.response import table as tables
from mmn_bayes.report import store

ROOT = Path(__file__).resolve().parents[1]
SEED, PLACEBO, PATIENT, AFTER = 20081, 0.2, "P03", np.arange(0.0, 141.0, 2.0)
USUAL = {"dose_g_per_kg": 2.0, "every_days": 28}
SCENARIOS = {
    "2 g/kg every 4 weeks": mb.schedule(**USUAL, from_day=0, until_day=450),
    "2 g/kg every 6 weeks": mb.schedule(dose_g_per_kg=2, every_days=42, from_day=0, until_day=450),
    "every 4 weeks, stopped at 6 months": mb.schedule(**USUAL, from_day=0, until_day=182),
    "no infusion": mb.no_infusions(),
}
FIRST, *OTHERS = SCENARIOS


def main(folder: Path) -> None:
    (fit,) = stored_fits(folder, "strength")
    drawn = mb.trajectory(fit, scenario=SCENARIOS, patients="cohort", days=np.arange(0, 449, 7))
    shown = drawn.sel(day=[28.0, 84.0, 182.0, 364.0, 448.0])
    doses = mb.dose_response(fit, np.arange(0, 3.1, 0.5), every_days=28, by="naive")
    keep = mb.dose_to_keep(fit, 0.8, **USUAL, other_every_days=[28, 35, 42, 56])
    one = mb.dose_in_effect_kernel(fit, AFTER)
    both = (fit, mb.prior_of(fit, seed=SEED))
    left, known = (mb.wearing_off_curve(tree, AFTER, **USUAL) for tree in both)
    written = {
        "trajectory": mb.trajectory_table(shown),
        "schedules": mb.contrast_table(shown, [(FIRST, other) for other in OTHERS]),
        "response": mb.scenario_response_table(fit, SCENARIOS, placebo=PLACEBO),
    }
    own = {"dose_response": doses, "dose_to_keep": keep, "wearing_off": left.sel(day=[0, 28, 84])}
    written |= {name: mb.summarise(d, level=0.95, interval="eti") for name, d in own.items()}
    for name, table in written.items():
        store.write_table(table, folder / f"scenario_{name}.csv")
        tables.print_table(table, f"Scenarios, {name.replace('_', ' ')}")
    course = mb.patient_course(fit, PATIENT, np.arange(0, 731, 10))
    seen = mb.observed_shares(fit, (0, 15, 60, 120, 270, 500), by=None)
    drawings = {
        "trajectory": plots.trajectory_figure(drawn, seen, title="Strength by schedule"),
        "patient": plots.patient_figure(fit, course, title=f"Patient {PATIENT}, as infused"),
        "kernel": plots.kernel_figure(one, left, prior=known, title="Effect of infusions"),
        "dose_response": plots.dose_response_figure(doses, placebo=PLACEBO, title="By dose"),
    }
    for name, drawing in drawings.items():
        store.save_figure(drawing, folder / f"scenario_{name}.png")
    print(f"Written: {folder}")


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "leger2008"))
