"""Counts of responders of several studies, or of several patients: their design."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.uninformative import PRIOR
from mmn_bayes.errors import DataError
from mmn_bayes.model_file.model_spec import Evidence, ModelSpec, Unit, require_outcome
from mmn_bayes.model_file.predictor_kinds import Predictor

# Columns of a table of counts, by whose counts they are.
_COUNTED = {"study": ("study", "n", "responders"), "patient": ("patient", "responder")}


def select_evidence(evidence: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """Select the published counts that inform a prior, with the reason of each exclusion.

    Parameters
    ----------
    evidence : DataFrame
        The table of `read_evidence`, or one with the columns `study`, `n` and `responders`; then
        the model has no `[evidence]` and all rows enter.
    spec : ModelSpec
        A model of outcome "events" whose units are studies.

    Returns
    -------
    DataFrame
        The rows of `evidence`, all of them, with the columns `enters` (bool) and `reason` (empty
        where it enters).

    Raises
    ------
    DataError
        When the model names what the table does not have, or two rows that enter share patients.

    Examples
    --------
    With `evidence`, the table of `data/evidence/response_counts.csv`:

    >>> history = mb.read_model("models/historical_response.toml")
    >>> mb.evidence.select_evidence(evidence, history)[["row", "enters", "reason"]].head(4)
                           row  enters                 reason
    0                Leger2008   False      the target itself
    1     Leger2001_naive_ivig    True
    2  Leger2001_naive_placebo   False     treatment: placebo
    3  Leger2001_relapsed_ivig   False  occasion: retreatment
    """
    stated = spec.evidence
    if stated is None:
        return evidence.assign(enters=True, reason="")
    defects = list(_unknown_words(stated, evidence))
    if defects:
        raise DataError(f"The model '{spec.name}' does not fit this evidence.", defects)
    of_target = evidence.loc[evidence["study"] == stated.target, "patient_sets"]
    target = {name for sets in of_target for name in _named_sets(sets)}
    reasons = [_why_not(stated, row, target) for row in evidence.to_dict("records")]
    table = evidence.assign(enters=[not reason for reason in reasons], reason=reasons)
    defects = list(_shared_patients(table[table["enters"]]))
    if defects:
        raise DataError(f"The model '{spec.name}' counts patients twice.", defects)
    return table


def _unknown_words(stated: Evidence, evidence: pd.DataFrame) -> Iterator[str]:
    needed = ["row", "study", "patient_sets", *(column for column, _ in stated.words)]
    absent = [column for column in needed if column not in evidence]
    if absent:
        yield f"evidence: no column {', '.join(absent)}; use the table that `read_evidence` gives."
        return
    for column, words in stated.words:
        known = set(evidence[column].dropna())
        for word in words:
            if word not in known:
                yield (
                    f"evidence.{column}: no row has '{word}'; the table has "
                    f"{', '.join(sorted(known))}."
                )
    for row, _ in stated.left_out:
        if row not in set(evidence["row"]):
            yield f"evidence.left_out: no row is called '{row}'; name one of the column `row`."


def _named_sets(text: str) -> set[str]:
    """The sets of patients that a cell names, apart by semicolons."""
    return {part.strip() for part in text.split(";")}


def _why_not(stated: Evidence, row: Mapping[Any, Any], target: set[str]) -> str:
    if row["study"] == stated.target:
        return "the target itself"
    if _named_sets(row["patient_sets"]) & target:
        return "patients of the target"
    for column, words in stated.words:
        if row[column] not in words:
            return f"{column.replace('_', ' ')}: {row[column]}"
    return dict(stated.left_out).get(str(row["row"]), "")


def _shared_patients(entering: pd.DataFrame) -> Iterator[str]:
    """Name every two rows that name a set of patients both."""
    sets = [
        (row, _named_sets(text))
        for row, text in zip(entering["row"], entering["patient_sets"], strict=True)
    ]
    for place, (row, own) in enumerate(sets):
        for other, others in sets[:place]:
            if own & others:
                yield (
                    f"rows '{other}' and '{row}' share patients "
                    f"({', '.join(sorted(own & others))}); name one of them in "
                    "[evidence.left_out], with the reason."
                )


def events_design(spec: ModelSpec, table: pd.DataFrame | Cohort) -> xr.Dataset:
    """Set out counts of responders as the arrays of a model.

    Parameters
    ----------
    spec : ModelSpec
        A model of outcome "events".
    table : DataFrame or Cohort
        Units that are studies: as for `select_evidence`; patients: what `read_trial` gave. A column
        `synthetic`, where there is one, says which rows are simulated.

    Returns
    -------
    Dataset
        Dim `row`: `events`, `n`, `unit_of_row`, `label_of_row`, one variable a predictor
        (`x_<name>`); dim `unit`, with the labels of the units. Attributes: `synthetic`, `title`,
        `source`.

    Raises
    ------
    DataError
        Every reason why the model cannot use the table, at once.
    """
    unit = unit_of(spec)
    if not isinstance(table, pd.DataFrame):
        raise DataError(
            f"The model '{spec.name}' cannot be fitted to this cohort.",
            ["it is of counts of events: give it the table of `read_evidence` or `read_trial`."],
        )
    absent = [column for column in _COUNTED[unit.by] if column not in table]
    defects = [f"no column '{column}'; add it." for column in absent]
    if not absent:
        table = select_evidence(table, spec) if unit.by == "study" else table
        table = table[table["enters"]] if "enters" in table else table
        table = table.reset_index(drop=True)
        defects = [*_count_defects(table, unit), *_unusable(spec.predictors, table)]
    if defects:
        raise DataError(f"The model '{spec.name}' cannot be fitted to this table.", defects)
    return _set_out(spec, unit, table)


def _set_out(spec: ModelSpec, unit: Unit, table: pd.DataFrame) -> xr.Dataset:
    *_, events = _COUNTED[unit.by]
    number, labels = pd.factorize(table[unit.by].astype(str))
    names = table["row"] if "row" in table else table[unit.by]
    n = table["n"] if unit.by == "study" else pd.Series(1, index=table.index)
    variables = {
        "events": table[events].to_numpy(dtype=np.int64),
        "n": n.to_numpy(dtype=np.int64),
        "unit_of_row": number.astype(np.int64),
        "label_of_row": names.to_numpy(dtype=object).astype(str),
        **{f"x_{p.name}": p.numbers(table[p.column]) for p in spec.predictors},
    }
    synthetic = bool(table["synthetic"].any()) if "synthetic" in table else False
    return xr.Dataset(
        {name: ("row", values) for name, values in variables.items()},
        coords={"unit": np.asarray(labels, dtype=object).astype(str)},
        attrs={"synthetic": int(synthetic), "title": spec.title, "source": ""},
    )


def _count_defects(table: pd.DataFrame, unit: Unit) -> Iterator[str]:
    """What counts cannot be: too few units, nobody, more responders than patients."""
    if table[unit.by].nunique() < 2:
        what = {"study": "studies", "patient": "patients"}[unit.by]
        yield (
            f"{table[unit.by].nunique()} {what} enter; two at least are needed to learn how much "
            "they differ: widen what enters, or state a prior of the rate itself."
        )
    if unit.by == "patient":
        for place in np.flatnonzero(~table["responder"].isin([0, 1])):
            value = table["responder"].iloc[place]
            yield f"row position {place}: responder is {value}; it is 0 or 1."
        return
    for row in table.to_dict("records"):
        n, events = row["n"], row["responders"]
        if pd.isna(n) or pd.isna(events) or n != int(n) or events != int(events):
            yield f"study '{row['study']}': {events} responders of {n}; give whole numbers."
        elif n < 1:
            yield f"study '{row['study']}': n is {n}; a rate needs at least one patient."
        elif not 0 <= events <= n:
            yield (
                f"study '{row['study']}': {events} responders of {n}; responders lie between 0 "
                "and n."
            )


def _unusable(predictors: tuple[Predictor, ...], table: pd.DataFrame) -> Iterator[str]:
    for predictor in predictors:
        where = f"predictor '{predictor.name}'"
        if predictor.column not in table:
            yield f"{where}: there is no column '{predictor.column}'; add it."
            continue
        values = pd.to_numeric(table[predictor.column], errors="coerce")
        if values.isna().any():
            yield f"{where}: column '{predictor.column}' has cells without a number; fill them."
        elif not predictor.kind.fits(values.astype(float)):
            yield (
                f"{where}: column '{predictor.column}' does not hold {predictor.kind.holds} as "
                "numbers (yes is 1)."
            )


def unit_of(spec: ModelSpec) -> Unit:
    """Return `[unit]` of a model; raise for a model without."""
    unit = require_outcome(spec, "events").unit
    if unit is None:  # unreachable: its files must have it
        raise ValueError(f"The model '{spec.name}' states no unit.")
    return unit


def uninformative_events(_: ModelSpec, design: xr.Dataset) -> Iterator[str]:
    """Yield what cannot be learned: all have the event, or none."""
    events, n = int(design["events"].sum()), int(design["n"].sum())
    if events in (0, n):
        whose = "No patient has" if events == 0 else f"All {n} patients have"
        yield (
            f"{whose} the event: how far the rate lies from {int(events > 0)}, and by how much "
            f"units differ, cannot be learned; {PRIOR}."
        )
