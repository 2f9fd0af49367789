"""The table of definitions: what the answer would be under other rules, and by chance alone."""

from collections.abc import Sequence

import pandas as pd
import xarray as xr

from mmn_bayes.data.definitions import Definition, definition_grid
from mmn_bayes.outcomes.observed_rates import rate_row
from mmn_bayes.outcomes.response.definitions import Patients, response_by_definition, seen_under
from mmn_bayes.posterior.draws import design_of, spec_of
from mmn_bayes.posterior.groups import ALL, groups_of
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.report.side_by_side import (
    FIRST_GROUPS,
    OBSERVED,
    PATIENTS,
    group_label,
    side_by_side,
)

SOURCES: dict[Patients, str] = {
    "cohort": PATIENTS["cohort"],
    "population": PATIENTS["population"],
    "chance": "by chance alone",
}


def definition_table(
    fit: xr.DataTree,
    definitions: Sequence[Definition] | None = None,
    *,
    by: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Tabulate the response under each definition: observed, posterior, and by chance alone.

    Parameters
    ----------
    fit : DataTree
        A fit of outcome "grade".
    definitions : sequence of Definition or None, optional
        The definitions; by default `definition_grid` of the fit's model.
    by : str or None, optional
        Grouping: "naive", a yes/no predictor of the model by name, or None for all patients.
    level : float, default 0.95
        Level of every interval: exact for the observed rates, equal-tailed for the posterior.

    Returns
    -------
    DataFrame
        One row a definition, group and source ("observed", "these patients", "new patients", "by
        chance alone"): `definition`, `gain`, `muscles`, `follow_up_day`, `window_days` (text),
        `scale`, the group, `source`, `n`, `events`, `missing` (enrolled and not judged under that
        definition), `estimate`, `lower`, `upper`, `level`, `interval`, `ess_bulk`, `ess_tail`,
        `r_hat`, `mcse`, `synthetic`; `reason` only where a row of draws has no estimate.

    Raises
    ------
    ValueError
        When the fit is of another outcome, two definitions have one label, or `patients`, `by` or a
        definition is not usable.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> definitions = mb.response.definition_grid(model)[:2]
    >>> table = mb.tables.definition_table(fit, definitions, by=None)
    >>> table[["definition", "source", "n", "events", "missing"]]
                definition           source     n  events  missing
    0            as stated         observed    38      18        2
    1            as stated   these patients  <NA>    <NA>     <NA>
    2            as stated     new patients  <NA>    <NA>     <NA>
    3            as stated  by chance alone  <NA>    <NA>     <NA>
    4  1 grade in 1 muscle         observed    38      26        2
    5  1 grade in 1 muscle   these patients  <NA>    <NA>     <NA>
    6  1 grade in 1 muscle     new patients  <NA>    <NA>     <NA>
    7  1 grade in 1 muscle  by chance alone  <NA>    <NA>     <NA>
    """
    chosen = tuple(definitions) if definitions is not None else definition_grid(spec_of(fit))
    column = "group" if by is None else by
    parts = []
    for patients, source in SOURCES.items():
        draws = response_by_definition(fit, chosen, patients=patients, by=by)
        part = summarise(draws, level=level, interval="eti").assign(source=source)
        labels = [ALL] * len(part) if by is None else [group_label(by, v) for v in part[by]]
        parts.append(part.assign(**{column: labels}))
    parts.insert(0, _observed(fit, chosen, by, column, level))
    parts = [part.merge(_described(chosen), on="definition") for part in parts]
    groups = sorted(set(parts[0][column]), key=lambda group: (group not in FIRST_GROUPS, group))
    order = {"definition": [definition.label for definition in chosen], column: groups}
    order["source"] = [OBSERVED, *SOURCES.values()]
    columns = ["definition", "gain", "muscles", "follow_up_day", "window_days", "scale", column]
    columns += ["source", "n", "events", "missing", "estimate", "lower", "upper", "level"]
    columns += ["interval", "ess_bulk", "ess_tail", "r_hat", "mcse", "synthetic"]
    return side_by_side(parts, columns, order=order).astype({"synthetic": "bool"})


def _observed(
    fit: xr.DataTree,
    definitions: Sequence[Definition],
    by: str | None,
    column: str,
    level: float,
) -> pd.DataFrame:
    """Observed rates; missing estimates where a definition judges nobody of a group."""
    spec, design = spec_of(fit), design_of(fit)
    rows = []
    for definition in definitions:
        seen = seen_under(spec, design, definition)
        for label, member in groups_of(fit, by).members.items():
            n = int((seen.evaluable & member).sum())
            events = int((seen.response & member).sum())
            row = {
                "definition": definition.label,
                column: ALL if by is None else group_label(by, label),
                "source": OBSERVED,
                "synthetic": bool(fit.attrs["synthetic"]),
            }
            rows.append(row | rate_row(events, n, int(member.sum()) - n, level=level))
    return pd.DataFrame(rows)


def _described(definitions: Sequence[Definition]) -> pd.DataFrame:
    """What each definition says, one row each."""
    return pd.DataFrame(
        {
            "definition": [d.label for d in definitions],
            "gain": [d.rule.gain for d in definitions],
            "muscles": [d.rule.muscles for d in definitions],
            "follow_up_day": [d.rule.follow_up_day for d in definitions],
            "window_days": [
                "{:g} to {:g}".format(*d.rule.follow_up_window_days) for d in definitions
            ],
            "scale": [", ".join(d.scale) for d in definitions],
        }
    )
