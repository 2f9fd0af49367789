"""Stored tables that are counted from other stored tables: from which, and by which function."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from mmn_bayes.model_file.reading import parse_model
from mmn_bayes.outcomes.response.calibration_table import calibration_table, prediction_scores
from mmn_bayes.report.formatting import to_markdown
from mmn_bayes.studies.observed_coverage import coverage
from mmn_bayes.studies.verdicts import counted_calls
from mmn_bayes.studies.visit_study import CAPTION, learned, visits_notes

# Of the study of visits: the model whose prior its intervals are set beside.
_MODEL_OF_VISITS = "models/strength.toml"
_OF_VISITS = r"\d+_patients_(\d+)_a_cycle/(fits|intervals)\.csv"

Tables = Mapping[str, pd.DataFrame]  # by name of the file
Reader = Callable[[str], bytes]  # of any other file of the same side


class Counting(NamedTuple):
    """How a table is counted: from which files, and by which function of them."""

    is_source: Callable[[str], bool]
    again: Callable[[pd.DataFrame, Tables, Reader], pd.DataFrame]


def counted_from(name: str) -> Counting | None:
    """Return how a stored table is counted from others beside it.

    Parameters
    ----------
    name : str
        Of its file.

    Returns
    -------
    Counting
        `again` takes the table itself (for the order of its rows), the tables it is counted from,
        and a function that reads any other file; None where a table is not counted from others.
    """
    folder, _, own = name.rpartition("/")
    if own not in _COUNTED:
        return None
    pattern, again = _COUNTED[own]
    source = re.compile(f"{re.escape(folder)}/{pattern}")
    return Counting(lambda other: source.fullmatch(other) is not None, again)


def page_of(name: str, table: pd.DataFrame) -> str | None:
    """Return the page that a counted table is printed as, None where it has none.

    Parameters
    ----------
    name, table : str, DataFrame
        Of the file of the page, and the table of the same name.

    Returns
    -------
    str
        Its Markdown.
    """
    if not name.endswith("/visits.md"):
        return None
    return to_markdown(table, CAPTION, visits_notes(table))


def _covered(stored: pd.DataFrame, sources: Tables, read: Reader) -> pd.DataFrame:
    (intervals,) = sources.values()
    return coverage(intervals.fillna({"member": ""}))


def _called(stored: pd.DataFrame, sources: Tables, read: Reader) -> pd.DataFrame:
    (effects,) = sources.values()
    return counted_calls(effects)


def _scored(stored: pd.DataFrame, sources: Tables, read: Reader) -> pd.DataFrame:
    return prediction_scores(dict(_unseen(stored, sources)))


def _calibrated(stored: pd.DataFrame, sources: Tables, read: Reader) -> pd.DataFrame:
    return calibration_table(dict(_unseen(stored, sources)))


def _unseen(stored: pd.DataFrame, sources: Tables) -> Iterator[tuple[str, pd.DataFrame]]:
    """Predictions of those who were left out, by model, in the order of the table."""
    by_model = {Path(name).stem.removeprefix("left_out_"): t for name, t in sources.items()}
    yield from ((m, by_model[m]) for m in stored["model"].unique() if m in by_model)


def _learned(stored: pd.DataFrame, sources: Tables, read: Reader) -> pd.DataFrame:
    spec = parse_model(tomllib.loads(read(_MODEL_OF_VISITS).decode("utf-8")), "strength")
    parts = []
    for name, fits in sources.items():
        found = re.search(_OF_VISITS, name)
        if found is not None and found[2] == "fits":
            intervals = sources[name.replace("fits.csv", "intervals.csv")]
            row = learned(spec, fits, intervals.fillna({"member": ""}))
            parts.append(row.assign(visits_a_cycle=int(found[1])))
    return pd.concat(parts, ignore_index=True)[list(stored.columns)]


_COUNTED: Mapping[str, tuple[str, Callable[[pd.DataFrame, Tables, Reader], pd.DataFrame]]] = {
    "coverage.csv": (r"intervals\.csv", _covered),
    "calls.csv": (r"effects\.csv", _called),
    "scores.csv": (r"left_out_\w+\.csv", _scored),
    "calibration.csv": (r"left_out_\w+\.csv", _calibrated),
    "visits.csv": (_OF_VISITS, _learned),
}
