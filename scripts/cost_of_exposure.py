"""What the effect compartment costs a gradient, at 40 and 400 patients: measured and printed.

Usage: python scripts/cost_of_exposure.py [folder]      (default: results/exposure_cost)

Each model's gradient is called at points drawn from the prior, in processor time, models by turns;
the minimum over the turns of the median over the points.
"""

from importlib.metadata import version
from pathlib import Path
from running.command_line import folder_of

import numpy as np
import pandas as pd
from benchmarking.clock import Clock
from benchmarking.gradient import microseconds

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]
MODELS = ("strength_no_exposure", "strength_dose_rate", "strength")
SIZES, TURNS, SEED = (40, 400), 3, 1


def main(folder: Path) -> None:
    rows = []
    for n_patients in SIZES:
        cohort = mb.studies.simulated(n_patients, SEED, mb.simulation.with_compartment())
        specs = {name: mb.read_model(ROOT / "models" / f"{name}.toml") for name in MODELS}
        clocks = {name: clock_of(spec, cohort) for name, spec in specs.items()}
        turns = [{n: microseconds(c, None) for n, c in clocks.items()} for _ in range(TURNS)]
        costs = {name: min(turn[name] for turn in turns) for name in MODELS}
        for name in MODELS:
            row = {"model": name, "n_patients": n_patients, "us_per_gradient": costs[name]}
            row |= {"times_no_exposure": costs[name] / costs[MODELS[0]]}
            row |= {"grades": len(cohort.grades), "infusions": len(cohort.infusions)}
            rows.append(row | {"numba": version("numba"), "synthetic": True})
    table = pd.DataFrame(rows)
    mb.io.write_table(table, folder / "cost.csv")
    mb.io.print_table(table, "A gradient with and without the effect compartment")


def clock_of(spec: mb.ModelSpec, cohort: mb.Cohort) -> Clock:
    """A clock whose gradient is that of a model, at points that nutpie would start from."""
    clock, model = Clock(0.0), mb.engine.build(spec, mb.engine.make_design(cohort, spec))
    clock.model, clock.compiled = model, mb.engine.for_sampler(model, mb.engine.compiled(model))
    clock.points = np.array([clock.compiled.initial_point_func(seed) for seed in range(8)])
    return clock


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "exposure_cost"))
