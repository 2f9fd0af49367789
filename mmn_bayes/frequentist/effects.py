"""Odds ratios of the candidate predictors of a model, one at a time, to set beside its own."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from firthmodels import FirthLogisticRegression, detect_separation
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from statsmodels.genmod.cov_struct import OrdinalIndependence
from statsmodels.genmod.generalized_estimating_equations import OrdinalGEE
from statsmodels.stats.multitest import multipletests
from statsmodels.tools.sm_exceptions import ModelWarning

from mmn_bayes.cohort.exposure import days_since_first_infusion
from mmn_bayes.cohort.response import graded_rows
from mmn_bayes.cohort.response import responses as judge_responses
from mmn_bayes.cohort.schema import Cohort
from mmn_bayes.cohort.tables import text_of
from mmn_bayes.errors import DataError, SpecError
from mmn_bayes.frequentist.rates import check_level
from mmn_bayes.spec.columns import effect_columns, wrong_column
from mmn_bayes.spec.labels import effect_labels, effect_meaning
from mmn_bayes.spec.model_spec import ModelSpec, Predictor

EFFECT_COLUMNS = (
    *("predictor", "effect", "acts_on", "method", "adjusted_for"),
    *("estimate", "lower", "upper", "level", "interval", "one_grade"),
    *("p_value", "p_holm", "n", "n_left_out", "note", "synthetic"),
)
# Method and interval by the outcome of the model.
METHODS = {
    "response": ("Firth logistic", "profile penalised likelihood"),
    "grade": ("ordinal GEE", "Wald, bias-reduced sandwich"),
}
# With what an effect grows that is not on the level.
_TIME_OF = {"gain": "after", "slope": "years"}
_DAYS_A_YEAR = 365.25
# Rounding may stop the search for a better likelihood before it is as near as the first.
_TOLERANCES = (1e-8, 1e-6, 1e-4)
_MOST_STEPS = 200
# The p-value of a limit is 1 - level; by which share it may miss that.
_MISSED = 0.01


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


class Estimate(NamedTuple):
    """An effect as a log odds ratio: estimate, limits, p-value; NaN where `note` says why.

    `one_grade` is the mean gap between the thresholds of the regression, log odds.
    """

    estimate: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    p_value: float = np.nan
    note: str = ""
    one_grade: float = np.nan


def observed_effects(cohort: Cohort, spec: ModelSpec, *, level: float = 0.95) -> pd.DataFrame:
    """Estimate the effect of each candidate predictor of a model by itself, without priors.

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
    model has. The sandwich takes the grades of a patient as dependent in whatever way; with few
    patients (below 40 or so) it is too narrow, less so with the reduction of its bias that is used
    here, but intervals and p-values still lean on the normal distribution.

    Parameters
    ----------
    cohort, spec
        The cohort, and a model of outcome response or grade.
    level
        Confidence level, strictly between 0 and 1.

    Returns
    -------
    DataFrame
        One row an effect, in the order of the model: `predictor` (as `effect_labels`), `effect`
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
    """
    check_level(level)
    if spec.outcome not in METHODS:
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
    outcomes = _responses(cohort, spec) if spec.outcome == "response" else _grades(cohort, spec)
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
    return Outcomes(who, rows["code"].to_numpy(), {"after": after, "years": day / _DAYS_A_YEAR})


def _rows_of(
    candidate: Predictor, cohort: Cohort, spec: ModelSpec, outcomes: Outcomes, level: float
) -> Iterator[dict[str, object]]:
    """Fit the regression of one candidate; yield a row for each of its effects."""
    patients = cohort.patients
    others = [p for p in spec.predictors if p.margin is None and p.kind in ("yes_no", "number")]
    others = [p for p in others if patients[p.column].nunique() > 1]
    asked = list(dict.fromkeys(p.column for p in (candidate, *others)))
    used = _among(outcomes, patients[asked].notna().all(axis=1).to_numpy())
    method, interval = METHODS[spec.outcome]
    labels, adjusted_for = effect_labels(candidate), ""
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
            **{"predictor": label, "effect": effect_meaning(candidate, label)},
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
            if name != acting and _rank(wider) == wider.shape[1]:
                beside = wider
                adjusted_for.append(name)
    names = tuple(name for name in adjusted_for if name != candidate.column)
    return Regression(names, beside, effects)


def _terms(
    predictor: Predictor, patients: pd.DataFrame, used: Outcomes
) -> list[tuple[str, np.ndarray]]:
    """Name a predictor's columns, shape (row, effect); the last term is what it acts by."""
    name = predictor.column
    main = effect_columns(predictor, patients[name])[used.who]
    if predictor.acts_on not in _TIME_OF:
        return [(name, main)]
    time = _TIME_OF[predictor.acts_on]
    return [(name, main), (f"{name} x {time}", main * used.times[time][:, None])]


def _standardised(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return columns of mean 0 and sd 1, and their sds; a column that does not vary is all 0."""
    spread = np.where(np.ptp(columns, axis=0) > 0, columns.std(axis=0), np.inf)
    return (columns - columns.mean(axis=0)) / spread, spread


def _rank(columns: np.ndarray) -> int:
    """How many columns do not follow from the others and the intercept."""
    if columns.size == 0:
        return 0
    return int(np.linalg.matrix_rank(_standardised(columns)[0]))


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
    if spec.outcome == "response":
        found = iter(_firth(used.value, columns, asked, level))
    else:
        found = iter(_gee(used, columns, asked, patients["patient"].to_numpy(), level))
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
        what = "a response" if spec.outcome == "response" else "a grade"
        return f"no patient has both the covariate and {what}"
    there = text_of(patients[candidate.column].iloc[np.unique(used.who)])
    if len(set(there)) == 1:
        return f"constant: {there[0]} in every patient used"
    if np.ptp(used.value) == 0 and spec.outcome == "response":
        return f"every patient used {'responded' if used.value[0] else 'did not respond'}"
    if np.ptp(used.value) == 0:
        return f"every grade used is {spec.scale[used.value[0]]}"
    if candidate.kind == "category" and candidate.levels[0] not in there:
        return f"no patient used is '{candidate.levels[0]}', which the others are compared with"
    time = _TIME_OF.get(candidate.acts_on)
    if time is not None and np.ptp(used.times[time]) == 0:
        return f"'{time}' is {used.times[time][0]:g} at every visit used"
    effects = regression.effects[:, np.ptp(regression.effects, axis=0) > 0]
    columns = np.column_stack([regression.beside, effects])
    if not effects.size or _rank(columns) < columns.shape[1]:
        return f"collinear with {', '.join(regression.adjusted_for) or time} in those used"
    return ""


def _firth(
    response: np.ndarray, columns: np.ndarray, asked: np.ndarray, level: float
) -> list[Estimate]:
    """Estimate the effects of the columns `asked` on the log odds, with Firth's penalty."""
    x, spread = _standardised(columns)
    try:
        model = _penalised(x, response, asked)
    except np.linalg.LinAlgError:
        return [Estimate(note="the regression could not be fitted: singular")] * asked.size
    if not model.converged_:
        return [Estimate(note="the regression did not converge")] * asked.size
    found = []
    for place in asked:
        estimate = model.coef_[place]
        p_value = float(model.lrt_pvalues_[place])
        lower, upper = _profile_limits(model, x, response, place, level)
        reached = {"lower limit": lower, "upper limit": upper, "p-value": p_value}
        failed = [name for name, value in reached.items() if np.isnan(value)]
        note = f"no {', no '.join(failed)}: the search for it failed" if failed else ""
        per = spread[place]
        found.append(Estimate(estimate / per, lower / per, upper / per, p_value, note))
    return found


def _penalised(
    x: np.ndarray, response: np.ndarray, asked: np.ndarray, offset: np.ndarray | None = None
) -> FirthLogisticRegression:
    """Fit, and test each of the columns `asked` by the penalised likelihood ratio."""
    for tolerance in _TOLERANCES:
        model = FirthLogisticRegression(
            backend="numpy", max_iter=_MOST_STEPS, gtol=tolerance, xtol=tolerance
        )
        # What is not reached stays NaN, which whoever asks looks for. Far out probabilities are 0.
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x, response, offset=offset).lrt(asked.tolist())
        if model.converged_ and not np.isnan(model.lrt_pvalues_[asked]).any():
            break
    return model


def _profile_limits(
    model: FirthLogisticRegression, x: np.ndarray, response: np.ndarray, place: int, level: float
) -> list[float]:
    """Return the limits of the profile penalised likelihood; NaN for one that is not found.

    The search of firthmodels (Venzon and Moolgavkar) may end where the likelihood is level but not
    the profile, when a covariate separates the responders. So each limit is tested as a hypothesis,
    with that effect as offset; one that fails is looked for by such tests alone.
    """

    def miss(value: float) -> float:
        """By how much the p-value of an effect is above 1 - level."""
        rest = _penalised(x, response, np.array([place]), offset=value * x[:, place])
        return float(rest.lrt_pvalues_[place] - (1 - level))

    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", ConvergenceWarning)
            limits = model.conf_int(
                1 - level, "pl", features=int(place), max_iter=_MOST_STEPS, tol=_TOLERANCES[1]
            )[place]
    except np.linalg.LinAlgError:
        limits = np.full(2, np.nan)
    return [
        _limit(miss, model.coef_[place], found, sign * model.bse_[place], _MISSED * (1 - level))
        for found, sign in zip(limits.tolist(), (-1, 1), strict=True)
    ]


def _limit(
    miss: Callable[[float], float], estimate: float, found: float, step: float, most: float
) -> float:
    """Return the limit that was found if it is one, else the next on the side of `step`, or NaN."""
    try:
        if (found - estimate) * step > 0 and abs(miss(found)) < most:
            return found
        far = estimate + step
        while miss(far) > 0:  # not so of NaN, which the search below refuses
            far += step
        return float(brentq(miss, estimate, far, xtol=1e-6 * abs(step)))
    except (np.linalg.LinAlgError, ValueError):
        return np.nan


# --- grades --------------------------------------------------------------------------------------


class _Blocks(OrdinalIndependence):
    """Working independence, solved grade by grade; one system a patient takes 50 times longer."""

    def covariance_matrix_solve(
        self, expval: np.ndarray, index: int, stdev: np.ndarray, rhs: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        """Solve for each right-hand side, of shape (row and cut, ...), the system of its row."""
        above = expval.reshape(-1, self._ncut)  # P(grade > cut), shape (row, cut)
        both = np.minimum(above[:, :, None], above[:, None, :])
        covariance = both - above[:, :, None] * above[:, None, :]
        return [
            np.linalg.solve(covariance, side.reshape(*above.shape, -1)).reshape(side.shape)
            for side in rhs
        ]


def _gee(
    used: Outcomes, columns: np.ndarray, asked: np.ndarray, names: np.ndarray, level: float
) -> list[Estimate]:
    """Estimate the effects of the columns `asked` on the log odds of a higher grade."""
    x, spread = _standardised(columns)
    grades, code = np.unique(used.value, return_inverse=True)
    if _separated(x, code):
        note = "separated: the estimate is infinite, of this or of what is adjusted for"
        return [Estimate(note=note)] * asked.size
    above = [(code > cut).mean() for cut in range(len(grades) - 1)]
    start = np.concatenate([np.log(above) - np.log1p(np.negative(above)), np.zeros(x.shape[1])])
    model = OrdinalGEE(code, x, used.who, cov_struct=_Blocks())
    try:
        # What is warned of is what `converged` says; the odds of a step too far are infinite.
        with warnings.catch_warnings(), np.errstate(over="ignore"):
            warnings.simplefilter("ignore", ModelWarning)
            result = model.fit(start_params=start)
        moved = _moved_by_patients(model)
    except np.linalg.LinAlgError:
        return [Estimate(note="the regression could not be fitted: singular")] * asked.size
    if not result.converged:
        return [Estimate(note="the regression did not converge")] * asked.size
    thresholds = np.asarray(result.params)[: -x.shape[1]]
    one_grade = float(np.abs(np.diff(thresholds)).mean()) if thresholds.size > 1 else np.nan
    params, moved = np.asarray(result.params)[-x.shape[1] :], moved[:, -x.shape[1] :]
    error = np.sqrt((moved**2).sum(axis=0))
    bound = norm.isf((1 - level) / 2) * error
    found = []
    for place in asked:
        estimate, half, per = params[place], bound[place], spread[place]
        alone = _told_by_one(used.who, x, place)
        if alone is not None:
            note = f"no interval: only patient '{names[alone]}' tells of it"
            found.append(Estimate(estimate / per, note=note, one_grade=one_grade))
            continue
        p_value = float(2 * norm.sf(abs(estimate / error[place])))
        limits = (estimate - half) / per, (estimate + half) / per
        found.append(Estimate(estimate / per, *limits, p_value, one_grade=one_grade))
    return found


def _separated(x: np.ndarray, code: np.ndarray) -> bool:
    """Whether some estimate of a proportional odds regression is infinite.

    It is where that of the logistic regression is which has a row for each row and cut: was the
    grade above the cut? Whether it was several times, or once, makes no difference.
    """
    different = np.unique(np.column_stack([code, x]), axis=0)
    cuts = np.arange(code.max())
    above = (different[:, :1] > cuts).ravel()
    cut = np.tile(np.eye(cuts.size), (len(different), 1))
    rows = np.column_stack([cut, np.repeat(different[:, 1:], cuts.size, axis=0)])
    return bool(detect_separation(rows, above, fit_intercept=False).separation)


def _moved_by_patients(model: OrdinalGEE) -> np.ndarray:
    """Return by how much each patient moves the estimates; shape (patient, parameter).

    To first order: the score of the patient over the information of all others. The sum of their
    squares is the sandwich with its bias reduced (Mancl and DeRouen), which statsmodels has as
    `bias_reduced` from systems of the size of all grades of a patient. A patient who alone tells of
    some parameter moves it by nothing here, and the others as they are moved without it.
    """
    scores, informations = [], []
    for patient, (mean, predicted) in enumerate(model.cached_means):
        slope = model.mean_deriv(model.exog_li[patient], predicted)
        residual = model.endog_li[patient] - mean
        sides = model.cov_struct.covariance_matrix_solve(mean, patient, None, (slope, residual))
        informations.append(slope.T @ sides[0])
        scores.append(slope.T @ sides[1])
    of_others = np.sum(informations, axis=0) - np.array(informations)
    inverse = np.linalg.pinv(of_others, rcond=1e-10, hermitian=True)
    return np.einsum("ipq,iq->ip", inverse, np.array(scores))


def _told_by_one(who: np.ndarray, x: np.ndarray, place: int) -> int | None:
    """Return the position of the patient without whom a column follows from the others, if any."""
    different = np.unique(np.column_stack([who, x]), axis=0)
    for patient in np.unique(who):
        rest = different[different[:, 0] != patient, 1:]
        if _rank(rest) == _rank(np.delete(rest, place, axis=1)):
            return int(patient)
    return None
