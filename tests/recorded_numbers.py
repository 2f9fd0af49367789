"""Record every number that the package computes of every model file; compare two such records.

A change of where things live or what they are called changes no number: record before it, compare
after it, on the same machine. Names that changed are given as a map of old to new.

    python tests/recorded_numbers.py record FOLDER [--only strength response]
    python tests/recorded_numbers.py compare BEFORE AFTER [--names names.json] [--only ...]
"""

import argparse
import inspect
import json
import os
import sys
import warnings
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from public_verbs import FOR_EXPERTS, public_names
from stored import Beside

import mmn_bayes as mb
from mmn_bayes.engine.compiled_logp import compiled
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.graph import build
from mmn_bayes.posterior.prior_predictive import draw_prior

ROOT = Path(__file__).resolve().parents[1]
POINTS = 5
LENGTHS = {"chains": 2, "draws": 30, "tune": 40, "cores": 1, "progress": "off"}
# Verbs that fit, read or write: what they do is recorded by the others.
LEFT_OUT = {
    *(
        "fit",
        "imputed_predictors",
        "leave_patients_out",
        "load",
        "added_predictive_value",
        "run_tasks",
    ),
    *("read_cohort", "read_evidence", "read_published", "read_model", "read_trial", "save"),
    *("write_cohort",),
}
# What verbs are given by the name of a parameter, besides what is of the model.
GIVEN: Mapping[str, Any] = {
    "days": [0.0, 91.0, 182.0],
    "years": [1.0, 2.0],
    "deltas": [-0.5, 0.0, 0.5],
    "seed": 3,
    "rate": 0.2,
    "dose_g_per_kg": 1.5,
    "every_days": 28.0,
}


def numbers_of(stem: str, beside: Beside) -> Iterator[tuple[str, Any]]:
    """Name and value of all that is recorded of one model file."""
    spec = beside.spec(stem)
    data, historical = beside.data(spec, ""), beside.historical(spec)
    design = make_design(data, spec, historical)
    yield from named("design", design)
    program = compiled(build(spec, design))
    rng = np.random.default_rng(zlib.crc32(stem.encode()))
    for number in range(POINTS):
        density, gradient = program.evaluate(rng.uniform(-0.5, 0.5, program.n))
        yield f"density/{number}", np.array(density)
        yield f"gradient/{number}", gradient
    yield from named("prior", draw_prior(spec, design, draws=20, seed=1))
    fit = mb.fit(data, spec, historical=historical, seed=1, **LENGTHS)
    for group in fit.children:
        yield from named(f"fit/{group}", fit[group].to_dataset())
    of_model = {"fit": fit, "fits": [fit], "spec": spec, "cohort": data, **GIVEN}
    for verb, public in sorted(public_names(FOR_EXPERTS).items()):
        if verb in LEFT_OUT or not inspect.isfunction(public):
            continue
        parameters = inspect.signature(public).parameters.values()
        required = [p.name for p in parameters if p.default is inspect.Parameter.empty]
        if "fit" not in required and "fits" not in required and "spec" not in required:
            continue
        if not set(required) <= set(of_model):
            continue
        try:
            result = public(**{name: of_model[name] for name in required})
        except Exception as error:  # what is refused before is refused after
            yield f"verb/{verb}/refused", np.array(type(error).__name__)
        else:
            yield from named(f"verb/{verb}", result)


def named(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The arrays that a value is made of, each with its name."""
    if isinstance(value, pd.DataFrame):
        for column in value:
            yield f"{name}/{column}", text_or_numbers(value[column])
    elif isinstance(value, xr.DataTree):
        for node in value.subtree:
            yield from named(f"{name}{node.path}", node.to_dataset())
    elif isinstance(value, xr.Dataset):
        for variable in value.variables:
            yield f"{name}/{variable}", text_or_numbers(value[variable])
    elif isinstance(value, xr.DataArray):
        yield f"{name}/values", text_or_numbers(value)
        for coordinate in value.coords:
            yield f"{name}/{coordinate}", text_or_numbers(value[coordinate])
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from named(f"{name}/{key}", one)
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from named(f"{name}/{number}", one)
    else:
        yield name, np.array(str(value))


def text_or_numbers(values: Any) -> np.ndarray:
    """An array as it is where it has numbers, its texts where not."""
    array = np.asarray(values)
    return array if array.dtype.kind in "biufM" else array.astype(str)


def record(folder: Path, only: Collection[str] = ()) -> None:
    """Write one file a model, of all or of some models."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = Beside(ROOT)
    for path in sorted((ROOT / "models").glob("*.toml")):
        if only and path.stem not in only:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            numbers = dict(numbers_of(path.stem, beside))
        np.savez(folder / f"{path.stem}.npz", **numbers)
        print(f"{path.stem}: {len(numbers)} arrays", flush=True)


def different(
    before: Path, after: Path, names: Mapping[str, str], only: Collection[str] = ()
) -> tuple[int, list[str]]:
    """How many arrays two records have, and which are not alike, under a map of parts of names."""
    compared, found = 0, []
    for old in sorted(before.glob("*.npz")):
        stem = names.get(old.stem, old.stem)
        if only and stem not in only:
            continue
        new = after / f"{stem}.npz"
        if not new.is_file():
            found.append(f"{stem}: no such model any more")
            continue
        with np.load(old) as was, np.load(new) as now:
            called = {"/".join(names.get(part, part) for part in n.split("/")): n for n in was}
            found += [f"{stem}/{name}: only in one of them" for name in called.keys() ^ set(now)]
            for name in called.keys() & set(now):
                compared += 1
                one, other = was[called[name]], now[name]
                alike = one.dtype == other.dtype and one.shape == other.shape
                if one.dtype.kind == "U":
                    alike = one.tolist() == other.tolist()
                elif alike:
                    alike = one.tobytes() == other.tobytes()
                if not alike:
                    found.append(f"{stem}/{name}: another value")
    return compared, found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["record", "compare"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("after", type=Path, nargs="?")
    parser.add_argument("--names", type=Path, help="JSON: old name to new")
    parser.add_argument("--only", nargs="+", default=(), help="names of models")
    given = parser.parse_args()
    if given.what == "record":
        record(given.folder, given.only)
        return 0
    names = json.loads(given.names.read_text()) if given.names else {}
    compared, found = different(given.folder, given.after, names, given.only)
    print(*found, f"{compared} arrays compared, {len(found)} differences", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    os.environ["MPLBACKEND"] = "Agg"
    sys.exit(main())
