"""Mutate valid cohorts and model files at random, and count what becomes of them.

Anything but a cohort, a model, a DataError, a SpecError or a CohortWarning is a fault: its
traceback is printed with the seed that makes it again, and the exit code is 1.
"""

import argparse
import shutil
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from fuzzing import cohorts, models

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]


def run(what: str, seeds: range, outcome: Callable[[int], str]) -> int:
    """Count the outcomes of the seeds; print the tracebacks, each kind once; how many."""
    counted: Counter[str] = Counter()
    raw: Counter[str] = Counter()
    for seed in seeds:
        try:
            counted[outcome(seed)] += 1
        except Exception as error:
            kind = f"{type(error).__name__} {traceback.extract_tb(error.__traceback__)[-1][:3]}"
            raw[kind] += 1
            if raw[kind] == 1:
                print(f"{what}, seed {seed}:\n{traceback.format_exc()}")
    tried = "; ".join(f"{number} {name}" for name, number in counted.most_common())
    print(f"{what}: {len(seeds)} tried; {tried}; {raw.total()} raw tracebacks of {len(raw)} kinds")
    return raw.total()


def main(n_cohorts: int, n_models: int, first: int) -> int:
    specs = [mb.read_spec(ROOT / "models" / f"{name}.toml") for name in ("strength", "response")]
    files = models.valid(ROOT / "models")
    with tempfile.TemporaryDirectory() as made, warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", mb.CohortWarning)
        folder = Path(shutil.copytree(ROOT / "models", Path(made) / "models"))
        tried = {
            "cohorts": (
                n_cohorts,
                lambda s: cohorts.outcome(cohorts.mutated(Random(s)), specs, Path(made) / str(s)),
            ),
            "model files": (
                n_models,
                lambda s: models.outcome(models.mutated(files, Random(s)), folder),
            ),
        }
        return sum(
            run(what, range(first, first + n), outcome) for what, (n, outcome) in tried.items()
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=3_000, help="how many cohorts (3,000)")
    parser.add_argument("--models", type=int, default=4_800, help="how many model files (4,800)")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    asked = parser.parse_args()
    sys.exit(1 if main(asked.cohorts, asked.models, asked.first) else 0)
