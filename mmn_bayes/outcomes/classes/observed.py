"""The long run, counted: each patient's last status, what the unclassified could do, other studies.

The printed percentages of long-term classes under every denominator are
`evidence.observed.recompute`'s.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import multinomial_proportions_confint

from mmn_bayes.data.aligning import require_columns
from mmn_bayes.data.schema import Cohort
from mmn_bayes.data.status_paths import status_rows
from mmn_bayes.errors import DataError
from mmn_bayes.outcomes.observed_rates import EXACT, check_level, rate_interval, rates

SIMULTANEOUS = "goodman simultaneous"
EVIDENCE_COLUMNS = (
    *("study", "year", "disease", "n", "category", "count"),
    *("follow_up", "read_level", "source", "note"),
)


def observed_classes(
    cohort: Cohort,
    *,
    levels: Sequence[str] | None = None,
    by: str | Sequence[str] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Tabulate the rates of long-term classes, among the classified and among the enrolled.

    The class of a patient is the last status.

    Parameters
    ----------
    cohort : Cohort
        A cohort with `status`; a patient without a row there is unclassified.
    levels : sequence of str or None, optional
        The classes, in the order of the table; None for those of the cohort by name. A class that
        nobody is in stays, with 0 events.
    by : str or sequence of str or None, optional
        Column of `patients`, or several, whose values make groups, such as `"naive"`; None for all.
    level : float, default 0.95
        Confidence level: of one class for the exact intervals, of all classes of a group at once
        for the simultaneous ones.

    Returns
    -------
    DataFrame
        Two rows a denominator, group and class: `denominator` ("classified", "enrolled"), the
        by-columns (`group` when `by` is None), `class`, `n`, `events`, `missing` (unclassified),
        `estimate`, `lower`, `upper`, `level`, `interval`, `synthetic`. Limits and estimate are NaN
        where `n` is 0. Among the enrolled the unclassified are of no class; `class_bounds`
        gives the bounds of what they may be.

    Raises
    ------
    DataError
        When the cohort has no status, a state is not one of the levels, or a patient has two states
        on one day; each row is named.
    ValueError
        When `levels` is empty or names a level twice, or `by` or `level` is not legal.

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404. Goodman LA. Technometrics 1965;7:247: the
    simultaneous intervals of a multinomial, an approximation that asks for 5 in every class; among
    the enrolled the unclassified, where there are any, are one class more.

    Examples
    --------
    With `cohort` of `data/leger2008_cohort`, of whom 3 of 40 patients are unclassified:

    >>> table = mb.observed.observed_classes(cohort)
    >>> exact = table[table["interval"] == "clopper-pearson"]
    >>> exact[["denominator", "class", "n", "events", "estimate"]].round(3)
       denominator      class   n  events  estimate
    0   classified  dependent  37      25     0.676
    2   classified      other  37       4     0.108
    4   classified  remission  37       8     0.216
    6     enrolled  dependent  40      25     0.625
    8     enrolled      other  40       4     0.100
    10    enrolled  remission  40       8     0.200
    """
    rows = status_rows(cohort, levels)
    classified = _class_rates(cohort, rows, by, level)
    enrolled = _class_rates(cohort, rows, by, level, enrolled=True)
    # Nobody is missing among the enrolled: that column says how many are of no class.
    enrolled["missing"] = classified["missing"]
    tables = []
    for name, table in (("classified", classified), ("enrolled", enrolled)):
        both = pd.concat([table, _simultaneous(table, level)], keys=[0, 1])
        both = both.sort_index(level=[2, 1, 0]).reset_index(drop=True)  # group, class, interval
        both.insert(0, "denominator", name)
        tables.append(both)
    return pd.concat(tables, ignore_index=True)


def class_bounds(
    cohort: Cohort,
    *,
    levels: Sequence[str] | None = None,
    by: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """Bound the share of each class: none, and all, of the unclassified counted in it.

    Parameters
    ----------
    cohort : Cohort
        A cohort with `status`; a patient without a row there is unclassified.
    levels : sequence of str or None, optional
        The classes, in the order of the table; None for those of the cohort by name. A class that
        nobody is in stays, with 0 events.
    by : str or sequence of str or None, optional
        Column of `patients`, or several, whose values make groups, such as `"naive"`; None for all.

    Returns
    -------
    DataFrame
        One row a group and class: the by-columns (`group` when `by` is None), `class`, `n`
        (enrolled), `missing` (unclassified), `least_events`, `most_events`, `least`, `most`
        (shares of n), `synthetic`. The bounds hold for a class alone: the unclassified cannot all
        be of every class at once.

    Raises
    ------
    DataError
        When the cohort has no status, a state is not one of the levels, or a patient has two states
        on one day; each row is named.
    ValueError
        When `levels` is empty or names a level twice, or `by` is not legal.

    References
    ----------
    Manski CF. Am Econ Rev 1990;80:319: bounds without any assumption about the missing.

    Examples
    --------
    With `cohort` of `data/leger2008_cohort`, of whom 3 of 40 patients are unclassified:

    >>> mb.observed.class_bounds(cohort)[["class", "n", "missing", "least", "most"]]
           class   n  missing  least   most
    0  dependent  40        3  0.625  0.700
    1      other  40        3  0.100  0.175
    2  remission  40        3  0.200  0.275
    """
    table = _class_rates(cohort, status_rows(cohort, levels), by)
    table = table.sort_index(level=[1, 0]).reset_index(drop=True)
    groups = table.loc[:, :"class"]
    events, missing = table["events"], table["missing"]
    n = table["n"] + missing
    return groups.assign(
        n=n,
        missing=missing,
        least_events=events,
        most_events=events + missing,
        least=events / n,
        most=(events + missing) / n,
        synthetic=cohort.synthetic,
    )


def published_classes(
    evidence: pd.DataFrame, *, disease: str | None = "MMN", level: float = 0.95
) -> pd.DataFrame:
    """Tabulate the long-term groups of published studies with exact confidence intervals.

    The categories are each study's own: the same word need not mean the same thing in two studies,
    and how long they were followed differs.

    Parameters
    ----------
    evidence : DataFrame
        The table `data/evidence/longterm_groups.csv`, one row a study and category.
    disease : str or None, default "MMN"
        The disease whose studies are shown; None for all.
    level : float, default 0.95
        Confidence level of one category.

    Returns
    -------
    DataFrame
        One row a study and category, in the order of the file: `study`, `year`, `disease`,
        `category`, `n`, `events`, `estimate`, `lower`, `upper`, `level`, `interval`, `unlisted`
        (patients of the study in no category of the table), `follow_up` (as printed), `read_level`,
        `source`, `note`.

    Raises
    ------
    DataError
        When counts do not make shares of one number of patients a study, or a category is there
        twice; each row is named.
    ValueError
        When a column is absent, the disease unknown or the level not legal.

    Examples
    --------
    >>> groups = pd.read_csv("data/evidence/longterm_groups.csv")
    >>> table = mb.observed.published_classes(groups)
    >>> table[["study", "events", "n", "estimate", "lower", "upper"]].head(3).round(2)
           study  events   n  estimate  lower  upper
    0  Leger2008       8  37      0.22   0.10   0.38
    1  Leger2008      25  37      0.68   0.50   0.82
    2  Leger2008       4  37      0.11   0.03   0.25
    """
    check_level(level)
    require_columns(evidence, EVIDENCE_COLUMNS, "evidence")
    blank = [
        f"evidence: row {index}, column '{name}': blank; fill it in."
        for name in ("study", "disease", "category")
        for index in evidence.index[evidence[name].isna()]
    ]
    if blank or evidence.empty:
        raise DataError(
            "The evidence cannot be compared (rows count from 0):",
            blank or ["evidence: the table has no row; give one a study and category."],
        )
    known = sorted(evidence["disease"].unique())
    if disease is not None and disease not in known:
        raise ValueError(f"No study of '{disease}'; the evidence has {', '.join(known)}.")
    table = evidence if disease is None else evidence[evidence["disease"] == disease]
    defects = _evidence_defects(table)
    if defects:
        raise DataError("The evidence cannot be compared (rows count from 0):", defects)
    table = table.reset_index(drop=True)
    n, events = (pd.to_numeric(table[name]).astype("int64") for name in ("n", "count"))
    limits = [
        rate_interval(k, of, method=EXACT, level=level) for k, of in zip(events, n, strict=True)
    ]
    lower, upper = np.array(limits).T
    listed = events.groupby([table["study"], table["disease"]]).transform("sum")
    return table[["study", "year", "disease", "category"]].assign(
        n=n,
        events=events,
        estimate=events / n,
        lower=lower,
        upper=upper,
        level=float(level),
        interval=EXACT,
        unlisted=n - listed,
        **{name: table[name] for name in ("follow_up", "read_level", "source", "note")},
    )


def _class_rates(
    cohort: Cohort,
    rows: pd.DataFrame,
    by: str | Sequence[str] | None,
    level: float = 0.95,
    *,
    enrolled: bool = False,
) -> pd.DataFrame:
    """Rates of every class in every group; the index is (class, group), counted from 0."""
    clash = {"class", "denominator"} & set([by] if isinstance(by, str) else by or [])
    if clash:
        raise ValueError(f"patients: column {', '.join(clash)} has the name of ours; rename it.")
    last = rows.drop_duplicates("patient", keep="last").set_index("patient")["status"]
    if enrolled:  # an unclassified patient is of no class, not missing
        last = last.reindex(cohort.patients["patient"])
    tables = []
    for name in last.cat.categories:
        of_class = (last == name).rename("response").reset_index()
        table = rates(
            *(of_class, cohort.patients),
            by=by,
            method=EXACT,
            level=level,
            synthetic=cohort.synthetic,
        )
        table.insert(table.columns.tolist().index("n"), "class", name)
        tables.append(table)
    return pd.concat(tables, keys=range(len(tables)))


def _simultaneous(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """The same rows with Goodman's limits, all classes of a group together."""
    table = table.assign(lower=np.nan, upper=np.nan, interval=SIMULTANEOUS)
    for _, group in table.groupby(level=1):
        n = int(group["n"].iloc[0])
        if n == 0:
            continue
        events = group["events"].to_numpy()
        of_no_class = n - events.sum()
        counts = [*events, of_no_class] if of_no_class else events
        limits = multinomial_proportions_confint(counts, alpha=1 - level, method="goodman")
        # Exactly 0 and 1 at the ends by its formula, but not always in floating point.
        limits = np.clip(limits[: len(events)], 0.0, 1.0)
        table.loc[group.index, "lower"] = np.where(events == 0, 0.0, limits[:, 0])
        table.loc[group.index, "upper"] = np.where(events == n, 1.0, limits[:, 1])
    return table


def _evidence_defects(table: pd.DataFrame) -> list[str]:
    n, count = (pd.to_numeric(table[name], errors="coerce") for name in ("n", "count"))
    study = [table["study"], table["disease"]]
    whole = (n % 1 == 0) & (count % 1 == 0) & (n > 0) & count.between(0, n)
    problems = {
        "n and count must be whole numbers, count at most n; correct them": ~whole,
        "n differs within the study; give one": n.groupby(study).transform("nunique") > 1,
        "the counts of the study add up to more than n; count every patient once": (
            count.groupby(study).transform("sum") > n
        ),
        "the category is there already; keep one row": table.duplicated(
            ["study", "disease", "category"]
        ),
    }
    return [
        f"evidence: row {index}, study '{table.loc[index, 'study']}': {problem}."
        for problem, wrong in problems.items()
        for index in table.index[wrong]
    ]
