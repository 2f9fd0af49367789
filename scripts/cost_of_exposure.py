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
from mmn_bayes.engine.build import build
from mmn_bayes.engine.compiled_logp import compiled, for_sampler
from mmn_bayes.engine.design import make_design
from mmn_bayes.report.formatting import print_table
from mmn_bayes.report.store import write_table
from mmn_bayes.simulation.recipe import with_compartment
from mmn_bayes.studies.known_truth import simulated

ROOT = Path(__file__).resolve().parents[1]
MODELS = ("strength_no_exposure", "strength_dose_rate", "strength")
SIZES, TURNS, SEED = (40, 400), 3, 1


def main(folder: Path) -> None:
    rows = []
    for n_patients in SIZES:
        cohort = simulated(n_patients, SEED, with_compartment())
        specs = {name: mb.read_spec(ROOT / "models" / f"{name}.toml") for name in MODELS}
        clocks = {name: clock_of(spec, cohort) for name, spec in specs.items()}
        turns = [{n: microseconds(c, None) for n, c in clocks.items()} for _ in range(TURNS)]
        costs = {name: min(turn[name] for turn in turns) for name in MODELS}
        for name in MODELS:
            row = {"model": name, "n_patients": n_patients, "us_per_gradient": costs[name]}
            row |= {"times_no_exposure": costs[name] / costs[MODELS[0]]}
            row |= {"grades": len(cohort.grades), "infusions": len(cohort.infusions)}
            rows.append(row | {"numba": version("numba"), "synthetic": True})
    table = pd.DataFrame(rows)
    write_table(table, folder / "cost.csv")
    print_table(table, "A gradient with and without the effect compartment")


def clock_of(spec: mb.ModelSpec, cohort: mb.Cohort) -> Clock:
    """A clock whose gradient is that of a model, at points that nutpie would start from."""
    clock, model = Clock(0.0), build(spec, make_design(spec, cohort))
    clock.model, clock.compiled = model, for_sampler(model, compiled(model))
    clock.points = np.array([clock.compiled.initial_point_func(seed) for seed in range(8)])
    return clock


if __name__ == "__main__":
    main(folder_of(__doc__, ROOT / "results" / "exposure_cost"))
