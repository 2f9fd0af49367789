"""Long-term classes in one table: counted, as models have them, and in other cohorts."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import xarray as xr

from mmn_bayes.data.margins import follow_up_years
from mmn_bayes.data.schema import Cohort
from mmn_bayes.outcomes.classes.declared import Classes
from mmn_bayes.outcomes.classes.estimands import class_probability, simultaneous_intervals
from mmn_bayes.outcomes.classes.observed import (
    class_bounds,
    observed_classes,
    published_classes,
)
from mmn_bayes.outcomes.observed_rates import EXACT, rate_interval
from mmn_bayes.posterior.draws import design_of, require_fit_of, spec_of, specs_of
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.report.side_by_side import (
    OBSERVED,
    PATIENTS,
    group_label,
    patients_note,
    side_by_side,
)

_FIRST = ["class", "source", "n", "events", "missing", "estimate", "lower", "upper", "level"]
_KEPT = [*_FIRST, "interval", "distribution", "ess_bulk", "ess_tail", "r_hat", "mcse"]
_KEPT += ["meaning", "synthetic"]


def classes_table(
    cohort: Cohort, fits: Sequence[xr.DataTree], *, by: str | None = None, level: float = 0.95
) -> pd.DataFrame:
    """Set the rates of long-term classes side by side, counted and as models have them.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    fits : sequence of DataTree
        Of outcome "class", with one set of levels; of this cohort, or of those of its patients who
        have all covariates (`complete_cases`).
    by : str or None, optional
        As for `class_probability`; then the fits need that grouping.
    level : float, default 0.95
        Of all intervals.

    Returns
    -------
    DataFrame
        For each class (and group, a column `group`): the observed rate among the classified and
        among the enrolled, each with its exact and its simultaneous confidence interval; then of
        each model that of these patients and that of new ones, equal-tailed and, without `by`,
        simultaneous. `source` says which; `n` and `missing` are of the observed rows (`events` too)
        and, without `by`, of the patients of a model, whose unclassified are filled in.

    Raises
    ------
    ValueError
        When there is no fit, their levels differ, two have one name, they are not of this cohort,
        or it has no such column to group by.
    """
    classes = _require_of(cohort, fits)
    levels = classes.levels
    named = {p.name: p.column for fit in fits for p in spec_of(fit).predictors}
    column = named.get(by, by) if by is not None else None
    counted = _since(cohort, classes)
    if column is not None and column not in counted.patients:
        raise ValueError(
            f"The cohort has no column '{column}' to group by; give the one with it, such as "
            "`with_early_response` makes."
        )
    observed = observed_classes(counted, levels=levels, by=column, level=level)
    source = f"{OBSERVED}, of the " + observed["denominator"]
    parts = [observed.assign(source=source, meaning="")]
    for fit in fits:
        for patients, whose in PATIENTS.items():
            drawn = class_probability(fit, patients=patients, by=by)
            tables = [summarise(drawn, level=level, interval="eti")]
            if by is None:
                tables.append(simultaneous_intervals(drawn, "class", level=level))
            said = f"{spec_of(fit).name}, {whose}"
            own = pd.concat(tables).assign(source=said, meaning=drawn.attrs["meaning"])
            if by is None and patients == "cohort":
                code = design_of(fit)["class_code"].to_numpy()
                own = own.assign(n=code.size, missing=int((code < 0).sum()))
            parts.append(own)
    order: dict[str, Sequence[str] | None] = {"class": levels}
    if by is not None:
        order["group"] = None
        for number, part in enumerate(parts):
            values = part[by] if by in part else part[str(column)]
            parts[number] = part.assign(group=[group_label(by, value) for value in values])
    columns = _KEPT if by is None else [_KEPT[0], "group", *_KEPT[1:]]
    stated = any("distribution" in part for part in parts)
    kept = [name for name in columns if name != "distribution" or stated]
    return side_by_side(parts, kept, order=order).astype({"class": "str"})


def _require_of(cohort: Cohort, fits: Sequence[xr.DataTree]) -> Classes:
    """Raise unless all fits are of the classes of patients of a cohort; return the classes."""
    stated = [dict(spec.sections).get("class") for spec in specs_of(fits)]
    first = stated[0] if stated else None
    if first is None or any(
        one is None or (one.levels, one.from_day) != (first.levels, first.from_day)
        for one in stated
    ):
        raise ValueError(
            "Give fits of outcome 'class' with the same levels and from_day, one at least."
        )
    for fit in fits:
        require_fit_of(fit, cohort, covariates=False, some=True)
    return first


def _since(cohort: Cohort, classes: Classes) -> Cohort:
    """The cohort with the states that count as long-term alone."""
    if cohort.status is None:
        return cohort
    later = cohort.status["day"] >= classes.from_day
    return replace(cohort, status=cohort.status[later].reset_index(drop=True))


def classes_notes(cohort: Cohort, fits: Sequence[xr.DataTree]) -> list[str]:
    """Return what a table of long-term classes is to be read with.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    fits : sequence of DataTree
        Of outcome "class", with one set of levels; of this cohort, or of those of its patients who
        have all covariates (`complete_cases`).

    Returns
    -------
    list of str
        The bounds that the unclassified leave, how many patients each model has, and what the
        intervals are of.
    """
    classes = _require_of(cohort, fits)
    bounds = class_bounds(_since(cohort, classes), levels=classes.levels)
    earlier = 0 if cohort.status is None else int((cohort.status["day"] < classes.from_day).sum())
    notes = [f"A state counts from day {classes.from_day:g} on; {earlier} earlier rows do not."]
    notes += [
        f"{row['class']}: from {row['least_events']} of {row['n']} ({row['least']:.0%}) if none of "
        f"the {row['missing']} unclassified is, to {row['most_events']} ({row['most']:.0%}) if all "
        "are."
        for row in bounds.to_dict("records")
    ]
    notes += [patients_note(fit, cohort, "class_code", "a class") for fit in fits]
    notes.append(
        "Simultaneous intervals hold for all classes at once with the level stated (Goodman's "
        "about so: an approximation that asks for 5 patients in each class); the others for one."
    )
    return notes


def cohorts_table(
    cohort: Cohort,
    fit: xr.DataTree,
    evidence: pd.DataFrame,
    *,
    disease: str | None = "MMN",
    level: float = 0.95,
) -> pd.DataFrame:
    """Set the long-term classes of this cohort beside those of published ones, with follow-up.

    Parameters
    ----------
    cohort, fit : Cohort, DataTree
        The cohort, and a fit of outcome "class" (or a joint one) of it.
    evidence : DataFrame
        The table `data/evidence/longterm_groups.csv`, with `our_class`: which of the levels a
        category is read as; where it is blank the category is left out, and stands in `unlisted`.
        A study with none of our classes has no row: `published_classes` has all.
    disease : str or None, default "MMN"
        The disease whose studies are shown; None for all.
    level : float, default 0.95
        Confidence level of one category.

    Returns
    -------
    DataFrame
        One row a class and source: of this cohort the share counted among the classified and the
        rate of new patients, with `ess_bulk`, `ess_tail`, `r_hat` and `mcse`; of each study the
        share of its patients, exact intervals. `category`
        has the study's words, `unlisted` its patients of no class of ours, `follow_up` how long
        patients were followed, as printed.

    Raises
    ------
    DataError
        When counts do not make shares of one number of patients a study, or a category is there
        twice; each row is named.
    ValueError
        As `published_classes`, when the evidence has no `our_class` or another class there, or the
        fit is not of this cohort.
    """
    classes = _require_of(cohort, [fit])
    if "our_class" not in evidence:
        raise ValueError("The evidence has no column 'our_class', which says what a category is.")
    known = set(evidence["our_class"].dropna()) - {""}
    if known - set(classes.levels):
        raise ValueError(
            f"our_class has {', '.join(sorted(known - set(classes.levels)))}, which is none of "
            f"classes.levels ({', '.join(classes.levels)})."
        )
    read_as = evidence.set_index(["study", "disease", "category"])["our_class"]
    groups = published_classes(evidence, disease=disease, level=level)
    key = pd.MultiIndex.from_frame(groups[["study", "disease", "category"]])
    groups = groups.assign(our_class=read_as.reindex(key).fillna("").to_numpy())
    counted = observed_classes(_since(cohort, classes), levels=classes.levels, level=level)
    counted = counted[(counted["interval"] == EXACT) & (counted["denominator"] == "classified")]
    rate = summarise(class_probability(fit, patients="population"), level=level, interval="eti")
    years = follow_up_years(cohort)
    spread = f" (SD {years.std():.1f})" if years.count() > 1 else ""
    followed = f"mean {years.mean():.1f}{spread} y"
    ours = pd.concat(
        [
            counted.assign(source=f"this cohort, {OBSERVED}"),
            rate.assign(source=f"this cohort, {spec_of(fit).name}, new patients"),
        ]
    ).assign(follow_up=followed, category="", synthetic=cohort.synthetic)
    rows = [ours]
    several = groups["disease"].nunique() > 1
    for (study, year, of), own in groups.groupby(["study", "year", "disease"], sort=False):
        for name, same in own[own["our_class"] != ""].groupby("our_class", sort=False):
            n, events = int(own["n"].iloc[0]), int(same["events"].sum())
            listed = int(own.loc[own["our_class"] != "", "events"].sum())
            lower, upper = rate_interval(events, n, method=EXACT, level=level)
            called = f"{str(study).removesuffix(str(year))} {year}"
            row = {"class": name, "source": f"{called}, {of}" if several else called}
            row |= {"n": n, "events": events, "estimate": events / n}
            row |= {"lower": lower, "upper": upper, "level": level, "interval": EXACT}
            row |= {"follow_up": own["follow_up"].iloc[0], "unlisted": n - listed}
            row |= {"category": "; ".join(same["category"]), "synthetic": False}
            rows.append(pd.DataFrame([row]))
    first = ["class", "source", "n", "events", "estimate", "lower", "upper", "level", "interval"]
    first += ["ess_bulk", "ess_tail", "r_hat", "mcse"]
    columns = [*first, "follow_up", "category", "unlisted", "synthetic"]
    table = side_by_side(rows, columns, order={"class": classes.levels}, reasons=False)
    return table.astype({"class": "str", "unlisted": "Int64"})
