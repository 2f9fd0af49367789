"""Candidate predictors in one table: models side by side, and the frequentist's answer beside."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.outcome import outcome_of
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.model_file.predictor_kinds import MARGIN_SCALES
from mmn_bayes.posterior.draws import design_of, require_fit_of, spec_of
from mmn_bayes.predictors.effects import CONDITIONAL
from mmn_bayes.predictors.observed import observed_effects
from mmn_bayes.predictors.table import predictor_table
from mmn_bayes.report.formatting import ABSENT

POSTERIOR, OBSERVED = "posterior", "observed"
_WHO = ("patient", "response")


def compare_predictors(
    fits: Sequence[xr.DataTree],
    cohort: Cohort | None = None,
    *,
    level: float = 0.95,
    certain: float = 0.95,
) -> pd.DataFrame:
    """Tabulate the effects of the same candidate predictors under several models.

    Parameters
    ----------
    fits : sequence of DataTree
        Fits of different models with candidates, on one cohort: other priors, with and without
        historical data, acting on baseline strength or gain, of grades or of responses.
    cohort : Cohort or None, optional
        The cohort of the fits: with it each candidate has frequentist rows too, one for each
        outcome and each quantity that it acts on.
    level, certain : float, default 0.95
        Level of the credible and confidence intervals, and posterior probability from which a
        candidate is called relevant or negligible.

    Returns
    -------
    DataFrame
        One row a candidate's effect and source: `source` ("posterior", "observed"), `model` (of
        observed rows the method), then the columns of `predictor_table`, and of `observed_effects`
        `adjusted_for`, `p_value`, `p_holm`, `n_left_out`, `note`. On the scale of grades a
        frequentist effect is the log odds ratio over the mean gap between its thresholds, the gap
        taken as known.

    Raises
    ------
    ValueError
        When there is no fit, two models have one name, a model has no candidates, or the fits are
        of different cohorts, or not of this one.

    Examples
    --------
    With `candidates_fit`, a fit of `models/candidates_response.toml`:

    >>> table = mb.tables.compare_predictors([candidates_fit])
    >>> table[["source", "model", "predictor", "effect", "scale"]].head(3)
          source                model  predictor          effect       scale
    0  posterior  candidates_response  age_onset    per 10 years  odds_ratio
    1  posterior  candidates_response   anti_gm1  yes against no  odds_ratio
    2  posterior  candidates_response    atrophy  yes against no  odds_ratio
    """
    if not all("spec_toml" in getattr(fit, "attrs", ()) for fit in fits):
        raise ValueError("Give a list of fits, such as [one, another], and nothing else in it.")
    names = [str(fit.attrs["spec_name"]) for fit in fits]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"Models to compare need different names, and one at least: {names}.")
    _require_one_cohort(fits)
    parts = []
    for fit in fits:
        if cohort is not None:
            require_fit_of(fit, cohort)
        table = predictor_table(fit, level=level, certain=certain)
        table.insert(0, "source", POSTERIOR)
        parts.append(table)
    asked: dict[tuple[object, ...], pd.DataFrame] = {}
    for fit in fits if cohort is not None else ():
        spec = spec_of(fit)
        key = spec.outcome, *((p.name, p.acts_on, p.margin) for p in spec.candidates)
        if key not in asked and cohort is not None:
            asked[key] = _observed(spec, cohort, level)
    whole = pd.concat([*parts, *asked.values()], ignore_index=True)
    rows = [n for n in whole if n not in ("model", "synthetic")]
    rows.insert(1, "model")
    return whole[[*rows, "synthetic"]]


def _require_one_cohort(fits: Sequence[xr.DataTree]) -> None:
    """Raise unless all fits are of the same patients with the same responses."""
    first, *others = (design_of(fit) for fit in fits)
    for fit, design in zip(fits[1:], others, strict=True):
        if any(not np.array_equal(first[n].to_numpy(), design[n].to_numpy()) for n in _WHO):
            raise ValueError(
                f"The fits of '{fits[0].attrs['spec_name']}' and '{fit.attrs['spec_name']}' are of "
                "different patients or responses; compare models of one cohort."
            )


def _observed(spec: ModelSpec, cohort: Cohort, level: float) -> pd.DataFrame:
    """Frequentist rows in the columns of a comparison, on the scale of each margin."""
    table = observed_effects(cohort, spec, level=level)
    margins = {p.name: p.margin for p in spec.candidates if p.margin is not None}
    of = [margins[label.split(": ")[0]] for label in table["predictor"]]
    on_grades = np.array([margin.scale == "grades" for margin in of])
    # A change in probability has no counterpart here: the odds ratio stands in its own columns.
    without = np.array([margin.scale == "response" for margin in of])
    rows = table.rename(columns={"method": "model", "n": "n_patients"}).assign(
        source=OBSERVED,
        scale=[margin.scale for margin in of],
        margin=[margin.value for margin in of],
        odds_ratio_of="of a higher grade" if outcome_of(spec.outcome).of_grades else CONDITIONAL,
        verdict="",
    )
    for end, name in {"": "estimate", "_lower": "lower", "_upper": "upper"}.items():
        odds = table[name].to_numpy(dtype=float)
        rows[f"odds_ratio{end}"] = odds
        grades = np.log(odds) / table["one_grade"].to_numpy(dtype=float)
        rows[name] = np.where(without, np.nan, np.where(on_grades, grades, odds))
    return rows.drop(columns="one_grade")


def with_source(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of candidates with its column `source`: of one fit all rows are posterior."""
    return table if "source" in table else table.assign(source=POSTERIOR)


def predictor_notes(table: pd.DataFrame, fits: Sequence[xr.DataTree]) -> list[str]:
    """Return the notes of a table of candidate predictors.

    Parameters
    ----------
    table, fits : DataFrame, sequence of DataTree
        The table of `compare_predictors` or `predictor_table`, and the fits that it is of.

    Returns
    -------
    list of str
        The margins with their reasons, the meaning and number of the verdicts, variance removed and
        shrinkage; of frequentist rows their methods and who was left out.

    Examples
    --------
    With `candidates_fit`, a fit of `models/candidates_response.toml`:

    >>> table = mb.predictor_table(candidates_fit)
    >>> notes = mb.tables.predictor_notes(table, [candidates_fit])
    >>> [note.split(":")[0] for note in notes]
    ['Margin, odds ratio 1.5', 'Of 5 effects', 'Variance removed']
    """
    table = with_source(table)
    notes = []
    for fit in fits:
        for p in spec_of(fit).candidates:
            if p.margin is not None:
                scale = MARGIN_SCALES[p.margin.scale].words
                words = f"Margin, {scale} {p.margin.value:g}: {p.margin.why}"
                notes += [words] if words not in notes else []
    own = table[table["source"] == POSTERIOR]
    counts = own["verdict"].value_counts()
    said = ", ".join(f"{counts.get(v, 0)} {v}" for v in ("relevant", "negligible", "undecided"))
    least, most = int(own["n_patients"].min()), int(own["n_patients"].max())
    patients = f"{least}" if least == most else f"{least} to {most}"
    notes.append(
        f"Of {len(own)} effects: {said}. Relevant (negligible): beyond (within) the margin with "
        f"the stated probability at least; undecided: {patients} patients could not tell. A "
        "verdict that the prior gives beforehand is not learned: see its own column."
    )
    notes.append(
        "Variance removed: share of the prior's variance that the data took away. Shrinkage: share "
        "of what the data alone would say that the prior took away."
    )
    seen = table[table["source"] == OBSERVED]
    if len(seen):
        notes.append(
            "Observed: each candidate by itself"
            + "".join(
                f"; {model}{f', adjusted for {a}' if a else ''}"
                for model, a in dict.fromkeys(
                    zip(seen["model"], seen["adjusted_for"].fillna(""), strict=True)
                )
            )
            + ". p after Holm within one method."
        )
        notes += [
            f"{row['predictor']} ({row['model']}): {row['note']}"
            for row in seen[seen["note"].fillna("") != ""].to_dict("records")
        ]
    return notes


def printed_predictors(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of candidate effects in the columns that are printed.

    Parameters
    ----------
    table : DataFrame
        As returned by `compare_predictors`, `predictor_table` or `imputed_predictors`.

    Returns
    -------
    DataFrame
        `candidate`, `by` (model or method), estimate with its interval (for `format_table`), its
        `scale`, the prior's interval, P(> 0), P(|effect| < margin) and beforehand, the change in
        response with its interval, variance removed, shrinkage, p (Holm), verdict, what is due to
        missing covariates (of `imputed_predictors`), `synthetic`.

    Examples
    --------
    With `candidates_fit`, a fit of `models/candidates_response.toml`:

    >>> table = mb.tables.compare_predictors([candidates_fit])
    >>> list(mb.predictors.printed_predictors(table).columns)[:5]
    ['candidate', 'by', 'scale', 'estimate', 'lower']
    """
    named = table["predictor"] + ", " + table["effect"] + " (" + table["acts_on"] + ")"
    columns = {
        "candidate": named,
        "by": table["model"],
        "scale": table["scale"].map({n: scale.words for n, scale in MARGIN_SCALES.items()}),
        **{name: table[name] for name in ("estimate", "lower", "upper", "level", "interval")},
        "prior interval": _limits(table, "prior_lower", "prior_upper"),
        "P(> none)": table["p_above"],
        "P(within margin)": table["p_within"],
        "prior P(within)": table["prior_p_within"],
        "change in response": _limits(table, "change_lower", "change_upper", "change"),
        "variance removed": table["variance_removed"],
        "shrinkage": table["shrinkage"],
        "verdict": table["verdict"],
    }
    if "p_holm" in table:
        columns |= {"p": table["p_value"], "p (Holm)": table["p_holm"]}
    if "between_share" in table:
        columns["due to what is missing"] = table["between_share"]
    columns["synthetic"] = table["synthetic"]
    return pd.DataFrame(columns).sort_values("candidate", kind="stable", ignore_index=True)


def _limits(table: pd.DataFrame, lower: str, upper: str, estimate: str = "") -> list[str]:
    rows = table.reindex(columns=[lower, upper, estimate or lower]).to_numpy(dtype=float)
    return [
        ABSENT
        if np.isnan(low)
        else (f"{middle:.2f} ({low:.2f} to {high:.2f})" if estimate else f"{low:.2f} to {high:.2f}")
        for low, high, middle in rows
    ]
