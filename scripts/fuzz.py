"""Mutate valid cohorts and model files at random, and count what becomes of them.

Anything but a cohort, a model, a DataError, a SpecError or a CohortWarning is a fault: its
traceback is printed with the seed that makes it again, and the exit code is 1.
"""

import argparse
import running.guard  # noqa: F401
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

MODELS = Path(__file__).resolve().parents[1] / "models"


def run(what: str, seeds: range, outcome: Callable[[Random], str]) -> int:
    """Count the outcomes of the seeds; print the tracebacks, each kind once; how many."""
    counted, raw = Counter[str](), Counter[str]()
    for seed in seeds:
        try:
            counted[outcome(Random(seed))] += 1
        except Exception as error:
            kind = f"{type(error).__name__} {traceback.extract_tb(error.__traceback__)[-1][:3]}"
            raw[kind] += 1
            if raw[kind] == 1:
                print(f"{what}, seed {seed}:\n{traceback.format_exc()}")
    tried = "; ".join(f"{number} {name}" for name, number in counted.most_common())
    print(f"{what}: {len(seeds)} tried; {tried}; {raw.total()} raw tracebacks of {len(raw)} kinds")
    return raw.total()


def main(n_cohorts: int, n_models: int, first: int) -> int:
    specs = [mb.read_model(MODELS / f"{n}.toml") for n in ("strength", "response")]
    with tempfile.TemporaryDirectory() as made, warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", mb.CohortWarning)
        files, folder = models.valid(MODELS), Path(shutil.copytree(MODELS, Path(made) / "models"))
        tried: dict[str, tuple[int, Callable[[Random], str]]] = {
            "cohorts": (n_cohorts, lambda r: cohorts.tried(r, specs, Path(made) / "cohort")),
            "model files": (n_models, lambda r: models.outcome(models.mutated(files, r), folder)),
        }
        return sum(run(what, range(first, first + n), tell) for what, (n, tell) in tried.items())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", dest="n_cohorts", type=int, default=3_000)
    parser.add_argument("--models", dest="n_models", type=int, default=4_800)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    sys.exit(1 if main(**vars(parser.parse_args())) else 0)
