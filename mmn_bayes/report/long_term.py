"""Long-term classes in one table: counted, as models have them, and in other cohorts."""

from collections.abc import Sequence

import pandas as pd
import xarray as xr

from mmn_bayes.cohort.schema import Cohort
from mmn_bayes.frequentist.long_term import class_bounds, observed_classes
from mmn_bayes.posterior.classes import class_probability, simultaneous_intervals
from mmn_bayes.posterior.replicate import design_of, spec_of
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.report.tables import OBSERVED, group_label

_FIRST = ["class", "source", "n", "events", "missing", "estimate", "lower", "upper", "level"]
_KEPT = [*_FIRST, "interval", "ess_bulk", "ess_tail", "r_hat", "mcse", "meaning", "synthetic"]


def long_term_table(
    cohort: Cohort, fits: Sequence[xr.DataTree], *, by: str | None = None, level: float = 0.95
) -> pd.DataFrame:
    """Set the rates of long-term classes side by side, counted and as models have them.

    Parameters
    ----------
    cohort
        The cohort.
    fits
        Of outcome "class", with one set of levels; of this cohort, or of those of its patients who
        have all covariates (`complete_cases`).
    by
        As for `class_probability`; then the fits need that grouping.
    level
        Of all intervals.

    Returns
    -------
    DataFrame
        For each class (and group, a column `group`): the observed rate among the classified and
        among the enrolled, each with its exact and its simultaneous confidence interval; then of
        each model that of these patients and that of new ones, equal-tailed and, without `by`,
        simultaneous. `source` says which; `n`, `events`, `missing` are of the observed rows.

    Raises
    ------
    ValueError
        When there is no fit, or their levels differ.
    """
    if not fits or len({_levels(fit) for fit in fits}) > 1:
        raise ValueError("Give fits of outcome 'class' with the same levels, one at least.")
    levels = _levels(fits[0])
    observed = observed_classes(cohort, levels=levels, by=by, level=level)
    source = f"{OBSERVED}, of the " + observed["denominator"]
    parts = [observed.assign(source=source, meaning="")]
    for fit in fits:
        for patients in ("cohort", "population"):
            drawn = class_probability(fit, patients=patients, by=by)
            tables = [summarise(drawn, level=level, interval="eti")]
            if by is None:
                tables.append(simultaneous_intervals(drawn, "class", level))
            whose = {"cohort": "these patients", "population": "new patients"}[patients]
            said = f"{spec_of(fit).name}, {whose}"
            own = pd.concat(tables).assign(source=said, meaning=drawn.attrs["meaning"])
            parts.append(own)
    table = pd.concat(parts, ignore_index=True)
    if by is not None:
        table["group"] = [group_label(by, value) for value in table[by]]
    table["class"] = pd.Categorical(table["class"], levels, ordered=True)
    rows = table.sort_values(
        ["class", *(["group"] if by is not None else [])], kind="stable", ignore_index=True
    )
    rows["class"] = rows["class"].astype(str)
    columns = _KEPT if by is None else [_KEPT[0], "group", *_KEPT[1:]]
    rows = rows.astype(dict.fromkeys(("n", "events", "missing"), "Int64"))
    return rows.reindex(columns=columns)


def _levels(fit: xr.DataTree) -> tuple[str, ...]:
    classes = spec_of(fit).classes
    return classes.levels if classes is not None else ()


def long_term_notes(cohort: Cohort, fits: Sequence[xr.DataTree]) -> list[str]:
    """Return what a table of long-term classes is to be read with.

    Parameters
    ----------
    cohort, fits
        As for `long_term_table`.

    Returns
    -------
    list of str
        The bounds that the unclassified leave, how many patients each model has, and what the
        intervals are of.
    """
    bounds = class_bounds(cohort, levels=_levels(fits[0]))
    notes = [
        f"{row['class']}: from {row['least_events']} of {row['n']} ({row['least']:.0%}) if none of "
        f"the {row['missing']} unclassified is, to {row['most_events']} ({row['most']:.0%}) if all "
        "are."
        for row in bounds.to_dict("records")
    ]
    for fit in fits:
        design = design_of(fit)
        known = int((design["class_code"] >= 0).sum())
        notes.append(
            f"{spec_of(fit).name}: {design.sizes['patient']} of {len(cohort.patients)} patients "
            f"have its covariates, {known} of them a class."
        )
    notes.append(
        "Simultaneous intervals hold for all classes at once with the level stated; the others for "
        "one class alone."
    )
    return notes
