"""The response table: the observed rate with its exact interval, and the posterior beside it."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.response import scale_in_words
from mmn_bayes.engine.outcome import outcome_of
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.outcomes.observed_rates import rate_row
from mmn_bayes.outcomes.response.estimands import response_probability
from mmn_bayes.outcomes.response.rates import response_counts
from mmn_bayes.posterior.draws import design_of, spec_of
from mmn_bayes.posterior.groups import ALL, groups_of
from mmn_bayes.posterior.new_patients import Patients
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.report.formatting import format_table, print_table, to_markdown, to_text
from mmn_bayes.report.side_by_side import (
    OBSERVED,
    PATIENTS,
    first_groups_first,
    group_label,
    side_by_side,
)

__all__ = [
    "format_table",
    "group_label",
    "print_table",
    "question_notes",
    "response_draws",
    "response_table",
    "table_notes",
    "to_markdown",
    "to_text",
]
PUBLISHED_QUANTITY = "response_6_months"

MEANING = {
    OBSERVED: (
        "responders among the evaluable patients; the missing are left out, and the interval is "
        "about the rate of whoever such patients stand for"
    ),
    "cohort": (
        "responders among all enrolled patients of the group: what was observed is kept and the "
        "missing are filled in by the model, which alone is uncertain, so that the interval is "
        "short, or a point when nothing is missing; a patient with too few affected muscles, or "
        "without a single grade, counts nowhere"
    ),
    "population": (
        "probability of response of a new patient like these: fresh patients of the same kind, "
        "with the uncertainty of everything the model estimated"
    ),
}

RESPONSE_COLUMNS = (
    *("source", "n", "events", "missing"),
    *("estimate", "lower", "upper", "level", "interval"),
    *("ess_bulk", "ess_tail", "r_hat", "mcse", "published", "meaning", "synthetic"),
)

# Draws by name of the model and by "cohort" or "population".
ResponseDraws = Mapping[tuple[str, Patients], xr.DataArray]


def response_draws(
    fits: xr.DataTree | Sequence[xr.DataTree], *, by: str | None = None
) -> dict[tuple[str, Patients], xr.DataArray]:
    """Compute the posterior draws of response behind the response table and its figure.

    Parameters
    ----------
    fits : DataTree or sequence of DataTree
        One fit, or several of different models on the same cohort.
    by : str or None, optional
        Grouping: "naive", a yes/no predictor of every model by name, or None for all patients.

    Returns
    -------
    dict of DataArray
        Probability of response by name of the model and "cohort" or "population": dims `chain`,
        `draw` and, with `by`, that name.

    Raises
    ------
    ValueError
        When the fits are not of one cohort, two are of one model, or `by` makes no groups or not
        the same in every fit.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`:

    >>> draws = mb.response.response_draws(response_fit, by="naive")
    >>> list(draws)
    [('response', 'cohort'), ('response', 'population')]
    >>> draws["response", "population"].dims
    ('chain', 'draw', 'naive')
    """
    trees = _checked(fits)
    _check_groups(trees, by)
    return _drawn(trees, by)


def _drawn(fits: Sequence[xr.DataTree], by: str | None) -> dict[tuple[str, Patients], xr.DataArray]:
    return {
        (str(fit.attrs["spec_name"]), patients): response_probability(fit, patients=patients, by=by)
        for fit in fits
        for patients in PATIENTS
    }


def response_table(
    fits: xr.DataTree | Sequence[xr.DataTree],
    *,
    by: str | None = None,
    level: float = 0.95,
    published: pd.DataFrame | None = None,
    draws: ResponseDraws | None = None,
) -> pd.DataFrame:
    """Tabulate observed response rates with the posterior probabilities of response beside them.

    Parameters
    ----------
    fits : DataTree or sequence of DataTree
        One fit, or several of different models on the same cohort, such as of strength and of
        response.
    by : str or None, optional
        Grouping: "naive", a yes/no predictor of every model by name, or None for all patients.
    level : float, default 0.95
        Level of every interval: exact (Clopper-Pearson) for the observed rate, equal-tailed for
        the posterior.
    published : DataFrame or None, optional
        The `counts` table of `read_published`; the rate that it prints stands beside the observed
        one of the same group.
    draws : ResponseDraws or None, optional
        The result of `response_draws` for the same fits and `by`, to save computing it again.

    Returns
    -------
    DataFrame
        For each group a row "observed" and, for each model, "<model>: these patients" and
        "<model>: new patients". Columns: the group (named as `by`; `group` when that is None),
        `source`, `n` (evaluable) and `missing` (Int64; absent for new patients), `events` (Int64,
        observed only), `estimate`, `lower`, `upper`, `level`, `interval`, `ess_bulk`, `ess_tail`,
        `r_hat`, `mcse`, `published` and `meaning` (words), `synthetic`; `reason` (words) only where
        a row has no estimate: why, and in how many draws anybody could be judged.

    Raises
    ------
    ValueError
        When the fits are not of one cohort, two are of one model, `by` makes no groups or not the
        same in every fit, `draws` lacks one of the fits, or the level is not legal.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`:

    >>> table = mb.response_table(response_fit, by="naive")
    >>> table[["naive", "source", "n", "events"]]
                    naive                    source     n  events
    0               naive                  observed    20      14
    1               naive  response: these patients    20    <NA>
    2               naive    response: new patients  <NA>    <NA>
    3  previously treated                  observed    18       4
    4  previously treated  response: these patients    18    <NA>
    5  previously treated    response: new patients  <NA>    <NA>
    """
    trees = _checked(fits)
    _check_groups(trees, by)
    draws = _drawn(trees, by) if draws is None else draws
    lost = [
        f"'{fit.attrs['spec_name']}' ({patients})"
        for fit in trees
        for patients in PATIENTS
        if (str(fit.attrs["spec_name"]), patients) not in draws
    ]
    if lost:
        raise ValueError(
            f"There are no draws of {', '.join(lost)}; give `response_draws` of these fits."
        )
    column = "group" if by is None else by
    observed = _observed(trees[0], by, level)
    parts = [observed.assign(published=_published(observed, column, published))]
    for fit in trees:
        name = str(fit.attrs["spec_name"])
        for patients, words in PATIENTS.items():
            rows = _posterior(draws[name, patients], by, level)
            if patients == "cohort":
                rows = rows.merge(observed[[column, "n", "missing"]], on=column)
            parts.append(
                rows.assign(source=f"{name}: {words}", meaning=MEANING[patients], published="")
            )
    table = side_by_side(parts, [column, *RESPONSE_COLUMNS], order={column: observed[column]})
    text = dict.fromkeys((column, "source", "interval", "published", "meaning"), "str")
    return table.astype({**text, "synthetic": "bool"})


def table_notes(fits: xr.DataTree | Sequence[xr.DataTree], table: pd.DataFrame) -> list[str]:
    """Return the notes of a response table.

    Parameters
    ----------
    fits, table : DataTree or sequence of DataTree, DataFrame
        The fits, and the table that `response_table` made of them.

    Returns
    -------
    list of str
        The response rule and the estimand in words; who is missing, by reason; what each kind of
        row means; the models with their fingerprints, seeds and software.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`:

    >>> table = mb.response_table(response_fit, by="naive")
    >>> notes = mb.tables.table_notes(response_fit, table)
    >>> [note.split(":")[0] for note in notes][-4:]
    ['Observed', 'These patients', 'New patients', 'Model response']
    """
    trees = _checked(fits)
    notes = question_notes(trees[0])
    for row in table.drop_duplicates("meaning").to_dict("records"):
        source = str(row["source"]).rpartition(": ")[2]
        notes.append(f"{source[0].upper()}{source[1:]}: {row['meaning']}.")
    return notes + [_origin(fit) for fit in trees]


def question_notes(fit: xr.DataTree) -> list[str]:
    """Return the notes on the response rule, the estimand and the missing of a fit.

    Parameters
    ----------
    fit : DataTree
        Of any outcome.

    Returns
    -------
    list of str
        The response rule, the attributes of the estimand, and who is missing, by reason; of counts
        of events, and of classes, the estimand.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`:

    >>> notes = mb.tables.question_notes(response_fit)
    >>> [note.split(":")[0] for note in notes]
    ['Response', 'Population', 'Exposure', 'Variable', 'Intercurrent events', 'Summary',
     'Evaluable']
    >>> notes[-1]
    'Evaluable: 38 of 40 patients; missing: no visit in the follow-up window (2).'
    """
    spec = spec_of(fit)
    if not outcome_of(spec.outcome).judged:
        return list(spec.estimand.in_words(spec.outcome))
    rule = ", ".join(filter(None, (spec.response.in_words(), scale_in_words(spec))))
    return [f"Response: {rule}.", *spec.estimand.in_words(), _missing_in_words(design_of(fit))]


def _checked(fits: xr.DataTree | Sequence[xr.DataTree]) -> list[xr.DataTree]:
    """Return the fits as a list: of different models, the same patients and the same judgement."""
    trees = [fits] if isinstance(fits, xr.DataTree) else list(fits)
    if not trees:
        raise ValueError("A response table needs at least one fit.")
    names = [str(fit.attrs["spec_name"]) for fit in trees]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"Two fits are of the model '{twice[0]}'; give one fit a model, or rename the file."
        )
    first, judging = design_of(trees[0]), _judging(spec_of(trees[0]))
    for name, fit in zip(names[1:], trees[1:], strict=True):
        design, where = design_of(fit), f"The fits '{names[0]}' and '{name}'"
        if not all(
            np.array_equal(first[key].to_numpy(), design[key].to_numpy())
            for key in ("patient", "naive", "response")
        ):
            raise ValueError(f"{where} are not of the same patients; fit both to one cohort.")
        if _judging(spec_of(fit)) != judging:
            raise ValueError(f"{where} define response differently; make one table of each.")
        if _question(spec_of(fit)) != _question(spec_of(trees[0])):
            raise ValueError(f"{where} state different estimands; make one table of each.")
    return trees


def _judging(spec: ModelSpec) -> tuple[object, ...]:
    """All on which the judgement of a patient's grades depends: a step is one of the scale."""
    return spec.response, spec.scale, spec.collapse


def _question(spec: ModelSpec) -> tuple[str, ...]:
    """Of whom, under what, and with which answer to the events; each model words the rest."""
    asked = spec.estimand
    return asked.population, asked.exposure, asked.stopped, asked.switched, asked.lost


def _check_groups(trees: Sequence[xr.DataTree], by: str | None) -> None:
    """Raise unless every fit has these groups, with the same patients in each."""
    names = [str(fit.attrs["spec_name"]) for fit in trees]
    first, *others = (groups_of(fit, by).of_patient for fit in trees)
    for name, groups in zip(names[1:], others, strict=True):
        if not np.array_equal(first, groups):
            raise ValueError(
                f"The fits '{names[0]}' and '{name}' put patients in different groups by '{by}'; "
                "define it alike in both models."
            )


def _observed(fit: xr.DataTree, by: str | None, level: float) -> pd.DataFrame:
    """Return the observed rows, naive or yes first."""
    rows = [
        {
            by or "group": ALL if by is None else group_label(by, value),
            **rate_row(counted.events, counted.n, counted.unknown, level=level),
        }
        for value, counted in response_counts(fit, by).items()
    ]
    table = first_groups_first(pd.DataFrame(rows), by or "group")
    table = table.assign(synthetic=bool(fit.attrs["synthetic"]))
    return table.assign(source=OBSERVED, meaning=MEANING[OBSERVED])


def _posterior(draws: xr.DataArray, by: str | None, level: float) -> pd.DataFrame:
    table = summarise(draws, level=level, interval="eti")
    if by is None:
        return table.assign(group=ALL)
    if by not in table:
        raise ValueError(f"The draws have no dim '{by}'; make them with the same `by`.")
    return table.assign(**{by: [group_label(by, value) for value in table[by]]})


def _published(observed: pd.DataFrame, column: str, published: pd.DataFrame | None) -> list[str]:
    """Return for each group the rate as printed, or that none is."""
    if published is None:
        return [""] * len(observed)
    rows = published[published["quantity"] == PUBLISHED_QUANTITY].fillna({"printed_level": ""})
    printed = {
        str(row["group"]).replace("_", " "): (
            f"{row['events']}/{row['n']}, {row['printed_percent']} % "
            f"({row['printed_lower']} to {row['printed_upper']})"
        )
        for row in rows.to_dict("records")
    }
    none = "not published"
    if observed["synthetic"].any():
        none += ": the synthetic cohort's own"
    return [printed.get(group, none) for group in observed[column]]


def _missing_in_words(design: xr.Dataset) -> str:
    reasons = pd.Series(design["reason"].to_numpy(), dtype="str")
    counts = reasons[reasons != ""].value_counts()
    evaluable = f"Evaluable: {len(reasons) - counts.sum()} of {len(reasons)} patients"
    if counts.empty:
        return f"{evaluable}."
    left_out = "; ".join(f"{reason} ({count})" for reason, count in counts.items())
    return f"{evaluable}; missing: {left_out}."


def _origin(fit: xr.DataTree) -> str:
    about = fit.attrs
    software = json.loads(about.get("versions", "{}"))
    versions = ", ".join(f"{name} {number}" for name, number in software.items())
    return (
        f"Model {about['spec_name']}: {about['chains']} chains of {about['draws']} draws after "
        f"{about['tune']} of warm-up, seed {about['seed']}; {about['sampler']}; "
        f"fingerprint {str(about['fingerprint'])[:16]}; {versions}."
    )
