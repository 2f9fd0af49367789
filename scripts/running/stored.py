"""Fits that another script has stored, of today's models and data or none at all."""

import json
import sys
from pathlib import Path

import pandas as pd
from xarray import DataTree

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[2]
HISTORY = "history_leger2008"
MADE_BY = {"response_map": HISTORY, "response_robust": HISTORY}
MAIN_JOB = "reproduce_leger2008"
NOT_CURRENT = "'{}.nc' is not of today's model file, data and version of the code."


def stored_fits(folder: Path, *names: str, root: Path = ROOT) -> list[DataTree]:
    """The fits of a folder; ends the script when one is not what its script would make now.

    Parameters
    ----------
    folder, names
        Of the founding study: the folder, and the models' names.
    root
        Where `models` and `data` are.

    Returns
    -------
    list of DataTree
        In the order of the names.

    Raises
    ------
    SystemExit
        With one sentence a fit that is missing, damaged, or of another model file, other data or
        another version of the code: it names the command that makes it anew.
    """
    fits, refused = [], []
    for name in names:
        command = f"python scripts/{MADE_BY.get(name, MAIN_JOB)}.py {folder}"
        try:
            fits.append(fit := mb.load(folder / f"{name}.nc"))
            why = "" if _is_current(fit, name, folder, root) else NOT_CURRENT.format(folder / name)
        except (mb.DataError, OSError) as error:
            why = str(error)
        if why:
            refused.append(f"{why} Make it anew by `{command}`.")
    if refused:
        sys.exit("\n".join(refused))  # ends with 1
    return fits


def _is_current(fit: DataTree, name: str, folder: Path, root: Path) -> bool:
    spec, cohort = _spec(name, root), mb.read_cohort(root / "data" / "leger2008_cohort")
    history = mb.engine.history_of(fit)
    if history is not None:
        history = history.assign(
            **{mb.engine.MADE_OF: _history_now(str(history["model"][0]), folder, root)}
        )
    return mb.engine.is_fit_of(fit, cohort, spec=spec, historical=history)


def _history_now(name: str, folder: Path, root: Path) -> str:
    """Fingerprint that the fit of other studies has by today's model file and evidence."""
    manifest = folder / "manifest_history.json"
    if not manifest.is_file():
        return "the run that made it was not finished"
    spec = _spec(name, root)
    counts: pd.DataFrame = mb.evidence.read_evidence(
        root / "data" / "evidence" / "response_counts.csv"
    )
    recorded = json.loads(manifest.read_text(encoding="utf-8"))["fits"]
    return mb.engine.fingerprint(spec, mb.engine.make_design(counts, spec), recorded[name]["seed"])


def _spec(name: str, root: Path) -> mb.ModelSpec:
    return mb.read_model(root / "models" / f"{name}.toml")
