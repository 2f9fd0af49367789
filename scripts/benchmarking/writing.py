"""Write what was measured: two tables, the figure, what it was measured with, and the README."""

import datetime
import json
import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import mmn_bayes as mb

from .figure import cost_figure
from .plan import CORES, MODEL, ROOT
from .short import with_table
from .tables import measured, ratios

PACKAGES = (
    *("mmn_bayes", "pymc", "pytensor", "nutpie", "bambi", "numba", "llvmlite", "numpy", "scipy"),
    *("pandas", "xarray", "arviz"),
)


def write_results(
    records: Sequence[dict[str, Any]], sizes: Sequence[int], folder: Path, *, readme: bool
) -> None:
    """Write everything of one run into a folder, and the short table into the README if asked."""
    table = measured(records)
    mb.io.remove_manifest(folder / "manifest.json")
    mb.io.write_table(table, folder / "benchmark.csv")
    mb.io.write_table(ratios(table, sizes), folder / "ratios.csv")
    mb.io.save_figure(cost_figure(table), folder / "cost.png")
    manifest = json.dumps(made_with(sizes), indent=2, sort_keys=True)
    mb.io.write_text(manifest, folder / "manifest.json")
    if readme:
        file = ROOT / "README.md"
        mb.io.write_text(with_table(file.read_text(encoding="utf-8"), table), file)


def made_with(sizes: Sequence[int]) -> dict[str, Any]:
    """Return the date, the model and the versions of a run."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "date": datetime.date.today().isoformat(),
        "model_fingerprint": mb.read_model(MODEL).fingerprint,
        "patients": list(sizes),
        "processors": os.cpu_count(),
        "cores": CORES,
        "synthetic": True,
        "versions": versions,
    }
