"""Conduction blocks in one table: counted with exact intervals, and as models have them."""

from collections.abc import Sequence

import pandas as pd
import xarray as xr

from mmn_bayes.data.margins import BLOCK_GROUPS, BLOCK_KINDS
from mmn_bayes.data.schema import Cohort
from mmn_bayes.model_file.model_spec import ModelSpec, require_outcome
from mmn_bayes.outcomes.blocks.estimands import (
    Patients,
    block_kinds,
    expected_block_change,
    unanswerable,
)
from mmn_bayes.outcomes.blocks.observed import MEAN_CHANGE, block_changes, observed_blocks
from mmn_bayes.posterior.draws import require_fit_of, specs_of
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.report.side_by_side import OBSERVED, PATIENTS, patients_note, side_by_side

_COLUMNS = (
    *("group", "kind", "source", "n", "events", "missing", "estimate", "lower", "upper", "level"),
    *("interval", "p_value", "test", "ess_bulk", "ess_tail", "r_hat", "mcse", "meaning"),
    "synthetic",
)


def blocks_table(
    cohort: Cohort,
    fits: Sequence[xr.DataTree],
    *,
    groups: Sequence[str] = BLOCK_GROUPS,
    level: float = 0.95,
) -> pd.DataFrame:
    """Tabulate changes of conduction blocks, observed counts beside posterior estimates.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    fits : sequence of DataTree
        Of models with blocks and one response rule; of this cohort or of some of its patients
        (`complete_cases`).
    groups : sequence of str, default BLOCK_GROUPS
        Any of "naive responders", "naive", "previously treated", "responders", "non-responders"
        and "all"; by default all six.
    level : float, default 0.95
        Level of all confidence and credible intervals.

    Returns
    -------
    DataFrame
        For each group: the shares with fewer, as many and more blocks and those of fewer or as
        many, counted with exact intervals, the sign test, and the mean change (nerves); of each
        model these shares and the mean change of these patients and of new ones. `missing` are
        those of the group without both counts (observed), or those filled in (these patients).
        New patients of a joint model cannot be asked for by response, and have no such rows.

    Raises
    ------
    DataError
        When the cohort has no blocks, or a grade that is not on the scale of the models.
    ValueError
        When there is no fit, their response rules differ, two have one name, they have no blocks or
        are not of this cohort, or no group is named.

    Examples
    --------
    With `blocks_fit`, a fit of `models/blocks.toml` to `blocks_cohort`:

    >>> table = mb.tables.blocks_table(blocks_cohort, [blocks_fit], groups=["all"])
    >>> table["source"].unique().tolist()
    ['observed', 'blocks, these patients', 'blocks, new patients']
    >>> observed = table[table["source"] == "observed"]
    >>> observed[["kind", "n", "events", "estimate", "lower", "upper"]].round(2)
                                 kind   n  events  estimate  lower  upper
    0                           fewer  38      11      0.29   0.15   0.46
    1                       unchanged  38      21      0.55   0.38   0.71
    2                            more  38       6      0.16   0.06   0.31
    3              fewer or unchanged  38      32      0.84   0.69   0.94
    4  fewer among those that changed  17      11      0.65   0.38   0.86
    5                     mean change  38    <NA>     -0.13  -0.39   0.12
    """
    specs = _require_of(cohort, fits)
    if not groups:
        raise ValueError(f"Name a group, one at least: {', '.join(BLOCK_GROUPS)}.")
    names = [spec.name for spec in specs]
    parts = []
    for group in groups:
        observed = observed_blocks(cohort, specs[0], group=group, level=level)
        parts.append(observed.assign(source=OBSERVED, meaning="of those with both counts"))
        for fit, name in zip(fits, names, strict=True):
            parts += [
                _of_model(fit, name, group, patients, level)
                for patients in PATIENTS
                if not (patients == "population" and unanswerable(fit, group))
            ]
    return side_by_side(parts, _COLUMNS, reasons=False)


def _require_of(cohort: Cohort, fits: Sequence[xr.DataTree]) -> list[ModelSpec]:
    """Raise unless all fits are of the blocks of patients of a cohort; return their models."""
    if not fits or not all("spec_toml" in getattr(fit, "attrs", ()) for fit in fits):
        raise ValueError("Give a list of fits of models with blocks, one at least.")
    specs = [require_outcome(spec, "blocks") for spec in specs_of(fits)]
    if any(spec.response != specs[0].response for spec in specs):
        raise ValueError("The models have different response rules; give those of one.")
    for fit in fits:
        require_fit_of(fit, cohort, covariates=False, some=True)
    return specs


def _of_model(
    fit: xr.DataTree, name: str, group: str, patients: Patients, level: float
) -> pd.DataFrame:
    kinds = block_kinds(fit, patients=patients, group=group)
    either = kinds.sel(kind=list(BLOCK_KINDS[:2])).sum("kind", skipna=False)
    change = expected_block_change(fit, patients=patients, group=group)
    rows = {"fewer or unchanged": either.assign_attrs(kinds.attrs), MEAN_CHANGE: change}
    drawn = {kind: kinds.sel(kind=kind, drop=True) for kind in BLOCK_KINDS} | rows
    table = pd.concat(
        [summarise(d, level=level, interval="eti").assign(kind=kind) for kind, d in drawn.items()]
    )
    about = kinds.attrs
    filled_in = {"missing": about["n"] - about["seen"]} if patients == "cohort" else {}
    of = {"n": about["n"]} if patients == "cohort" else {}
    return table.assign(
        group=group,
        source=f"{name}, {PATIENTS[patients]}",
        meaning=about["meaning"],
        **of,
        **filled_in,
    )


def blocks_notes(cohort: Cohort, fits: Sequence[xr.DataTree]) -> list[str]:
    """Return the notes below a table of conduction blocks.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    fits : sequence of DataTree
        Of models with blocks and one response rule; of this cohort or of some of its patients
        (`complete_cases`).

    Returns
    -------
    list of str
        One sentence each: the patients without a change and the reason, those with another number
        of nerves tested at follow-up, and the number of patients of each model.

    Examples
    --------
    With `blocks_fit`, a fit of `models/blocks.toml` to `blocks_cohort`:

    >>> notes = mb.tables.blocks_notes(blocks_cohort, [blocks_fit])
    >>> print(notes[0])
    In 0 patients another number of nerves was tested at follow-up: their change may be one of the
    nerves.
    """
    changes = block_changes(cohort, _require_of(cohort, fits)[0])
    reasons = changes.loc[changes["reason"] != "", "reason"].value_counts()
    notes = [f"{count} of {len(changes)} patients: {reason}." for reason, count in reasons.items()]
    other = changes["baseline_nerves"].ne(changes["follow_up_nerves"]).fillna(False)
    other &= changes["baseline_nerves"].notna() & changes["follow_up_nerves"].notna()
    notes.append(
        f"In {int(other.sum())} patients another number of nerves was tested at follow-up: their "
        "change may be one of the nerves."
    )
    unknown = (
        "Which nerve has a block is not recorded: the model sums over what may have become of each."
    )
    return notes + [
        f"{patients_note(fit, cohort, 'blocks_after', 'both counts')} {unknown}" for fit in fits
    ]
