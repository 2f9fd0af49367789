"""What another schedule would do: trajectories, response, doses that keep the effect, figures.

Usage: python scripts/scenarios_leger2008.py [folder]     (default: results/leger2008, with its fit)
"""

from pathlib import Path
from running.command_line import folder_of
from running.stored import stored_fits

import numpy as np

import mmn_bayes as mb

RESULTS = Path(__file__).resolve().parents[1] / "results" / "leger2008"
SEED, PLACEBO, PATIENT = 20081, 0.2, "P03"
DAYS, AFTER = np.arange(0, 449, 7), np.arange(0.0, 141.0, 2.0)
USUAL, TO_THE_END = {"dose_g_per_kg": 2.0, "every_days": 28}, {"from_day": 0, "until_day": 450}
SCENARIOS = {
    "2 g/kg every 4 weeks": mb.exposure.schedule(**USUAL, **TO_THE_END),
    "2 g/kg every 6 weeks": mb.exposure.schedule(**{**USUAL, "every_days": 42}, **TO_THE_END),
    "every 4 weeks, stopped at 6 months": mb.exposure.schedule(**USUAL, from_day=0, until_day=182),
    "no infusion": mb.exposure.no_infusions(),
}
FIRST, *OTHERS = SCENARIOS


def main(folder: Path) -> None:
    (fit,) = stored_fits(folder, "strength")
    drawn = mb.exposure.trajectory(fit, scenario=SCENARIOS, patients="cohort", days=DAYS)
    shown = drawn.sel(day=[28.0, 84.0, 182.0, 364.0, 448.0])
    dose = mb.exposure.dose_response_curve(fit, np.arange(0, 3.1, 0.5), every_days=28, by="naive")
    keep = mb.exposure.equivalent_dose(fit, 0.8, **USUAL, other_every_days=[28, 35, 42, 56])
    kernel = mb.exposure.dose_in_effect_kernel(fit, days=AFTER)
    both = fit, mb.sample_prior(fit, seed=SEED)
    left, known = (mb.exposure.wearing_off_curve(tree, days=AFTER, **USUAL) for tree in both)
    written = {
        "trajectory": mb.tables.trajectory_table(shown),
        "schedules": mb.tables.contrast_table(shown, [(FIRST, other) for other in OTHERS]),
        "response": mb.tables.scenario_response_table(fit, SCENARIOS, placebo=PLACEBO, by="naive"),
    }
    own = {"dose_response": dose, "equivalent_dose": keep, "wearing_off": left.sel(day=[0, 28, 84])}
    written |= {name: mb.summarise(d, level=0.95, interval="eti") for name, d in own.items()}
    for name, table in written.items():
        mb.io.write_table(table, folder / f"scenario_{name}.csv")
        mb.io.print_table(table, f"Scenarios, {name.replace('_', ' ')}")
    course = mb.exposure.patient_course(fit, PATIENT, days=np.arange(0, 731, 10))
    seen = mb.observed.observed_grade_distribution(fit, (0, 15, 60, 120, 270, 500), by=None)
    drawings = {
        "trajectory": mb.plots.trajectory_figure(drawn, seen, title="Strength by schedule"),
        "patient": mb.plots.patient_figure(fit, course, title=f"Patient {PATIENT}, as infused"),
        "kernel": mb.plots.kernel_figure(kernel, left, prior=known, title="Effect of infusions"),
        "dose_response": mb.plots.dose_response_figure(dose, placebo=PLACEBO, title="By dose"),
    }
    for name, one in drawings.items():
        mb.io.save_figure(one, folder / f"scenario_{name}.png")
    print(f"Written: {folder}")


if __name__ == "__main__":
    main(folder_of(__doc__, RESULTS))
