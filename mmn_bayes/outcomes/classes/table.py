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
    """Tabulate the rates of long-term classes, observed rates beside posterior ones.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    fits : sequence of DataTree
        Fits of outcome "class", with one set of levels; of this cohort, or of those of its patients
        who have all covariates (`complete_cases`).
    by : str or None, optional
        Grouping: "naive", a yes/no predictor of every model by name, or None.
    level : float, default 0.95
        Level of all confidence and credible intervals.

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

    Examples
    --------
    With `classes_fit`, a fit of `models/long_term.toml` to patients of `cohort`:

    >>> table = mb.tables.classes_table(cohort, [classes_fit])
    >>> rows = (table["class"] == "remission") & table["events"].notna()
    >>> table.loc[rows, ["source", "n", "events", "interval", "lower", "upper"]].round(3)
                             source   n  events              interval  lower  upper
    8   observed, of the classified  37       8       clopper-pearson  0.098  0.382
    9   observed, of the classified  37       8  goodman simultaneous  0.099  0.410
    10    observed, of the enrolled  40       8       clopper-pearson  0.091  0.356
    11    observed, of the enrolled  40       8  goodman simultaneous  0.088  0.393
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
    """Return the notes below a table of long-term classes.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    fits : sequence of DataTree
        Fits of outcome "class", with one set of levels; of this cohort, or of those of its patients
        who have all covariates (`complete_cases`).

    Returns
    -------
    list of str
        One sentence each: the bounds of each rate over all classes the unclassified may have, the
        number of patients of each model, and the coverage of the intervals.

    Examples
    --------
    With `classes_fit`, a fit of `models/long_term.toml` to patients of `cohort`:

    >>> notes = mb.tables.classes_notes(cohort, [classes_fit])
    >>> print(notes[1])
    dependent: from 25 of 40 (62%) if none of the 3 unclassified is, to 28 (70%) if all are.
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
    """Tabulate the long-term classes of a cohort beside those of published cohorts.

    Parameters
    ----------
    cohort, fit : Cohort, DataTree
        The cohort, and a fit of outcome "class" (or a joint one) of it.
    evidence : DataFrame
        The table `data/evidence/longterm_groups.csv`, with `our_class`: the level that a category
        is read as; where it is blank the category is left out and counted in `unlisted`. A study
        with none of the levels has no row (`published_classes` has all studies).
    disease : str or None, default "MMN"
        The disease whose studies are shown; None for all.
    level : float, default 0.95
        Level of each interval, of one class at a time.

    Returns
    -------
    DataFrame
        One row a class and source: of this cohort the share counted among the classified and the
        rate of new patients, with `ess_bulk`, `ess_tail`, `r_hat` and `mcse`; of each study the
        share of its patients, exact intervals. `category` has the study's words, `unlisted` its
        patients of none of the levels, `follow_up` how long patients were followed, as printed.

    Raises
    ------
    DataError
        When counts do not make shares of one number of patients a study, or a category is there
        twice; each row is named.
    ValueError
        When a column is absent, the disease unknown, the level not legal, the evidence has no
        `our_class` or another class there, or the fit is not of this cohort.

    Examples
    --------
    With `classes_fit`, a fit of `models/long_term.toml` to patients of `cohort`:

    >>> evidence = pd.read_csv("data/evidence/longterm_groups.csv")
    >>> table = mb.tables.cohorts_table(cohort, classes_fit, evidence)
    >>> table.loc[table["class"] == "remission", ["source", "n", "events", "follow_up"]]
                                      source     n  events            follow_up
    7                  this cohort, observed    37       8  mean 2.2 (SD 2.0) y
    8   this cohort, long_term, new patients  <NA>    <NA>  mean 2.2 (SD 2.0) y
    9                             Leger 2008    37       8  mean 2.2 (SD 2.0) y
    10                          Delmont 2007    17       6      mean 8 y (4-18)
    11                           Azulay 1997    18       2     mean 25.3 months
    12                       VanDenBerg 1998     7       1                2-4 y
    13                           Nemoto 2023     8       2            2005-2020
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
