"""Odds ratios of the candidate predictors of a model, one at a time, to set beside its own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from mmn_bayes.data.exposure import days_since_first_infusion
from mmn_bayes.data.margins import YEAR
from mmn_bayes.data.response import graded_rows
from mmn_bayes.data.response import judge_responses as judge_responses
from mmn_bayes.data.schema import Cohort
from mmn_bayes.data.tables import text_of
from mmn_bayes.errors import DataError, SpecError
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.model_file.predictor_kinds import Predictor, wrong_column
from mmn_bayes.outcomes.observed_rates import check_level
from mmn_bayes.predictors.observed_regressions import (
    Estimate,
    firth_estimates,
    gee_estimates,
    rank_of,
)

EFFECT_COLUMNS = (
    *("predictor", "effect", "acts_on", "method", "adjusted_for"),
    *("estimate", "lower", "upper", "level", "interval", "one_grade"),
    *("p_value", "p_holm", "n", "n_left_out", "note", "synthetic"),
)
# With what an effect grows that is not on the level.
_TIME_OF = {"gain": "after", "slope": "years"}


class Outcomes(NamedTuple):
    """The rows of the regressions: one a patient (response) or one a grade."""

    who: np.ndarray  # (row,) position of the patient in `patients`
    value: np.ndarray  # (row,) response 0 or 1, or code of the grade
    times: Mapping[str, np.ndarray]  # (row,) with what effects may grow; none for response


class Regression(NamedTuple):
    """The columns of one regression, and by which names those beside the candidate's own go."""

    adjusted_for: tuple[str, ...]
    beside: np.ndarray  # (row, column)
    effects: np.ndarray  # (row, effect)


def observed_effects(cohort: Cohort, spec: ModelSpec, *, level: float = 0.95) -> pd.DataFrame:
    """Estimate the odds ratio of each candidate predictor by a univariable regression.

    The candidates are the predictors with a margin. Each has a regression of its own (univariable):
    without the other candidates, but with the yes/no and number predictors of the model that are
    no candidates, such as naive, wherever they vary and do not follow from the others. Covariates
    are coded as in the model: numbers in steps of `per`; a category as one column for
    each level but the first; ordered levels as equal steps from 0 to 1, so that the effect is of
    the last against the first.

    *Response* (method "Firth logistic"): odds ratio of response, by the rule of the model, from a
    logistic regression with Firth's penalty, which stays finite where a covariate separates
    responders from the others. Interval and p-value are of the penalised likelihood ratio. It is of
    the log odds whatever the link of the model: beside a model with link probit or cloglog it is
    the same question on another scale.

    *Grades* (method "ordinal GEE"): cumulative odds ratio of a higher grade from all that was
    graded, each muscle, side and visit a row, by estimating equations with working independence,
    that is, those of a proportional odds regression. `after` is 1 at visits after the patient's
    first recorded infusion, 0 before it or without one. The effect of a candidate that acts on the
    level is that of the candidate, beside `after`; one on the gain, candidate x after, beside both;
    one on the slope, candidate x years since inclusion (an odds ratio a year), beside these and
    `after`. A predictor that is adjusted for enters in the same way, by what it acts on. These are
    odds ratios of a population, nearer to 1 than those of one patient or muscle that a hierarchical
    model has. The sandwich variance allows any dependence between the grades of a patient; with few
    patients (below 40 or so) it is too small, less so with the bias reduction that is used here,
    but intervals and p-values still rely on the normal distribution.

    Parameters
    ----------
    cohort, spec : Cohort, ModelSpec
        The cohort, and a model of outcome response or grade.
    level : float, default 0.95
        Confidence level, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        One row an effect, in the order of the model: `predictor` (its label), `effect`
        (what it compares), `acts_on`, `method`, `adjusted_for` (what else the regression has),
        `estimate` (odds ratio), `lower`, `upper`, `level`, `interval`, `one_grade` (of grades: mean
        gap between the thresholds, log odds), `p_value`, `p_holm` (Holm over all rows with a
        p-value), `n` (patients used), `n_left_out` (the others enrolled: outcome, covariate or one
        adjusted for is missing), `note`, `synthetic`. What cannot be estimated is NaN, and the note
        says why. Without candidates there are no rows.

    Raises
    ------
    SpecError
        When the outcome of the model is neither response nor grade.
    DataError
        When a column is absent or does not hold what the model says, or a grade is not on the
        model's scale.
    ValueError
        When the level is not legal.

    Warns
    -----
    CohortWarning
        When patients are not evaluable (outcome response).

    References
    ----------
    Firth D. Biometrika 1993;80:27. Heinze G, Schemper M. Stat Med 2002;21:2409 (separation, profile
    intervals). Lipsitz SR, Kim K, Zhao L. Stat Med 1994;13:1149 (ordinal GEE). Mancl LA, DeRouen
    TA. Biometrics 2001;57:126 (bias of the sandwich). Holm S. Scand J Stat 1979;6:65.

    Examples
    --------
    With `cohort` of `data/leger2008_cohort`:

    >>> candidates = mb.read_model("models/candidates_response.toml")
    >>> table = mb.observed.observed_effects(cohort, candidates)
    >>> table[["predictor", "estimate", "lower", "upper", "n"]].round(2)
       predictor  estimate  lower  upper   n
    0  age_onset      1.49   0.83   2.89  38
    1   anti_gm1      3.07   0.74  14.84  38
    2    atrophy      1.22   0.29   5.11  38
    3   duration      1.22   0.74   2.57  38
    4       male      1.65   0.31   9.92  38
    """
    check_level(level)
    if spec.outcome not in REGRESSIONS:
        raise SpecError(
            f"The model '{spec.name}' is of outcome '{spec.outcome}', which has no candidate "
            "predictors of patients; take one of outcome response or grade."
        )
    defects = [d for predictor in spec.predictors for d in wrong_column(predictor, cohort.patients)]
    if defects:
        raise DataError(
            f"The predictors of '{spec.name}' cannot be taken from this cohort.", defects
        )
    if not spec.candidates:
        return _laid_out([], level, cohort.synthetic)
    outcomes = REGRESSIONS[spec.outcome].outcomes(cohort, spec)
    rows = [row for p in spec.candidates for row in _rows_of(p, cohort, spec, outcomes, level)]
    return _laid_out(rows, level, cohort.synthetic)


def _responses(cohort: Cohort, spec: ModelSpec) -> Outcomes:
    judged = judge_responses(cohort, spec)["response"]
    evaluable = judged.notna().to_numpy()
    return Outcomes(np.flatnonzero(evaluable), judged[evaluable].to_numpy(dtype=np.int64), {})


def _grades(cohort: Cohort, spec: ModelSpec) -> Outcomes:
    rows = graded_rows(cohort, spec)
    who = pd.Index(cohort.patients["patient"]).get_indexer(pd.Index(rows["patient"]))
    day = rows["day"].to_numpy(dtype=float)
    after = np.zeros(len(rows))
    if cohort.infusions is not None:
        since = days_since_first_infusion(rows["patient"].to_numpy(), day, cohort.infusions)
        after = (since > 0).astype(float)
    return Outcomes(who, rows["code"].to_numpy(), {"after": after, "years": day / YEAR})


def _rows_of(
    candidate: Predictor, cohort: Cohort, spec: ModelSpec, outcomes: Outcomes, level: float
) -> Iterator[dict[str, object]]:
    """Fit the regression of one candidate; yield a row for each of its effects."""
    patients = cohort.patients
    others = [p for p in spec.predictors if p.margin is None and p.kind.linear]
    others = [p for p in others if patients[p.column].nunique() > 1]
    asked = list(dict.fromkeys(p.column for p in (candidate, *others)))
    used = _among(outcomes, patients[asked].notna().all(axis=1).to_numpy())
    method, interval, *_ = REGRESSIONS[spec.outcome]
    labels, adjusted_for = candidate.labels, ""
    if candidate.acts_on == "wearing_off":
        method, interval = "none", ""
        note = "a regression of grades has no effect on how fast that of infusions wears off"
        found = [Estimate(note=note)] * len(labels)
    else:
        regression = _regression(candidate, others, patients, used)
        adjusted_for = ", ".join(regression.adjusted_for)
        found = _estimates(candidate, regression, patients, used, spec, level)
    n = len(np.unique(used.who))
    for label, each in zip(labels, found, strict=True):
        with np.errstate(over="ignore"):  # odds beyond the largest number are infinite
            ratios = np.exp([each.estimate, each.lower, each.upper])
        yield {
            **{"predictor": label, "effect": candidate.meaning(label)},
            **{"acts_on": candidate.acts_on, "method": method, "adjusted_for": adjusted_for},
            **dict(zip(("estimate", "lower", "upper"), ratios, strict=True)),
            **{"interval": interval, "one_grade": each.one_grade},
            **{"p_value": each.p_value, "note": each.note},
            **{"n": n, "n_left_out": len(patients) - n},
        }


def _among(outcomes: Outcomes, member: np.ndarray) -> Outcomes:
    """Keep the rows of some patients; `member` has shape (patient,)."""
    kept = member[outcomes.who]
    times = {name: time[kept] for name, time in outcomes.times.items()}
    return Outcomes(outcomes.who[kept], outcomes.value[kept], times)


def _laid_out(rows: Sequence[Mapping[str, object]], level: float, synthetic: bool) -> pd.DataFrame:
    names = [name for name in EFFECT_COLUMNS if name not in ("level", "p_holm", "synthetic")]
    text = ("predictor", "effect", "acts_on", "method", "adjusted_for", "interval", "note")
    numbers = dict.fromkeys(
        ("estimate", "lower", "upper", "level", "one_grade", "p_value"), "float64"
    )
    table = pd.DataFrame(rows, columns=names).assign(level=level)
    table = table.astype({**dict.fromkeys(text, "str"), **numbers, "n": "int64"})
    p_value = table["p_value"].to_numpy()
    corrected, tested = np.full(len(table), np.nan), ~np.isnan(p_value)
    if tested.any():
        corrected[tested] = multipletests(p_value[tested], method="holm")[1]
    table = table.assign(p_holm=corrected, synthetic=bool(synthetic))
    return table[list(EFFECT_COLUMNS)].astype({"n_left_out": "int64", "synthetic": "bool"})


# --- columns -------------------------------------------------------------------------------------


def _regression(
    candidate: Predictor, others: Sequence[Predictor], patients: pd.DataFrame, used: Outcomes
) -> Regression:
    """Lay out the columns; those beside the effects only where they do not follow from the others.

    Where every previously treated patient was infused before the first visit, naive x after follows
    from naive and after, for one; to leave it out changes nothing for the candidate.
    """
    *own, (acting, effects) = _terms(candidate, patients, used)
    growing = {_TIME_OF.get(p.acts_on, "after") for p in (candidate, *others)}
    times = [(t, used.times[t][:, None]) for t in used.times if t in {"after", *growing}]
    adjusting = [term for other in others for term in _terms(other, patients, used)]
    beside = np.empty((len(used.who), 0))
    adjusted_for = []
    for name, columns in [*own, *times, *adjusting]:
        for column in columns.T:
            wider = np.column_stack([beside, column])
            if name != acting and rank_of(wider) == wider.shape[1]:
                beside = wider
                adjusted_for.append(name)
    names = tuple(name for name in adjusted_for if name != candidate.column)
    return Regression(names, beside, effects)


def _terms(
    predictor: Predictor, patients: pd.DataFrame, used: Outcomes
) -> list[tuple[str, np.ndarray]]:
    """Name a predictor's columns, shape (row, effect); the last term is what it acts by."""
    name = predictor.column
    main = predictor.kind.columns(predictor, predictor.numbers(patients[name]))[used.who]
    if predictor.acts_on not in _TIME_OF:
        return [(name, main)]
    time = _TIME_OF[predictor.acts_on]
    return [(name, main), (f"{name} x {time}", main * used.times[time][:, None])]


# --- estimates -----------------------------------------------------------------------------------


def _estimates(
    candidate: Predictor,
    regression: Regression,
    patients: pd.DataFrame,
    used: Outcomes,
    spec: ModelSpec,
    level: float,
) -> list[Estimate]:
    """Estimate the effects of one candidate, or say of each why not."""
    effects = regression.effects
    note = _obstacle(candidate, regression, patients, used, spec)
    if note:
        return [Estimate(note=note)] * effects.shape[1]
    varies = np.ptp(effects, axis=0) > 0
    columns = np.column_stack([regression.beside, effects[:, varies]])
    asked = np.arange(regression.beside.shape[1], columns.shape[1])
    found = iter(REGRESSIONS[spec.outcome].estimates(used, columns, asked, level))
    absent = "no patient used has this level"
    if candidate.acts_on in _TIME_OF:
        absent += f" and a visit where '{_TIME_OF[candidate.acts_on]}' is not 0"
    return [next(found) if there else Estimate(note=absent) for there in varies]


def _obstacle(
    candidate: Predictor,
    regression: Regression,
    patients: pd.DataFrame,
    used: Outcomes,
    spec: ModelSpec,
) -> str:
    """Say why none of the effects can be estimated; empty when some can."""
    if not used.who.size:
        return f"no patient has both the covariate and a {spec.outcome}"
    there = text_of(patients[candidate.column].iloc[np.unique(used.who)])
    if len(set(there)) == 1:
        return f"constant: {there[0]} in every patient used"
    if np.ptp(used.value) == 0:
        return REGRESSIONS[spec.outcome].constant(spec, used.value[0])
    if candidate.kind.nominal and candidate.levels[0] not in there:
        return f"no patient used is '{candidate.levels[0]}', which the others are compared with"
    time = _TIME_OF.get(candidate.acts_on)
    if time is not None and np.ptp(used.times[time]) == 0:
        return f"'{time}' is {used.times[time][0]:g} at every visit used"
    effects = regression.effects[:, np.ptp(regression.effects, axis=0) > 0]
    columns = np.column_stack([regression.beside, effects])
    if not effects.size or rank_of(columns) < columns.shape[1]:
        return f"collinear with {', '.join(regression.adjusted_for) or time} in those used"
    return ""


class Method(NamedTuple):
    """How effects on one outcome are estimated without priors."""

    method: str
    interval: str
    outcomes: Callable[[Cohort, ModelSpec], Outcomes]
    estimates: Callable[[Outcomes, np.ndarray, np.ndarray, float], Sequence[Estimate]]
    constant: Callable[[ModelSpec, int], str]  # why nothing is estimated where all are the same


# By the outcome of the model.
REGRESSIONS: Mapping[str, Method] = {
    "response": Method(
        "Firth logistic",
        "profile penalised likelihood",
        _responses,
        lambda used, columns, asked, level: firth_estimates(used.value, columns, asked, level),
        lambda _, value: f"every patient used {'responded' if value else 'did not respond'}",
    ),
    "grade": Method(
        "ordinal GEE",
        "Wald, bias-reduced sandwich",
        _grades,
        lambda used, columns, asked, level: gee_estimates(
            used.value, used.who, columns, asked, level
        ),
        lambda spec, code: f"every grade used is {spec.scale[code]}",
    ),
}
