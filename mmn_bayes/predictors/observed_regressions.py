"""Regressions, with what libraries lack: Firth's limits tested, ordinal GEE of many grades."""

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from firthmodels import FirthLogisticRegression, detect_separation
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from statsmodels.tools.sm_exceptions import ModelWarning

from mmn_bayes.undocumented import OrdinalGEE, OrdinalIndependence, member_of

# Rounding may stop the search for a better likelihood before it is as near as the first.
_TOLERANCES = (1e-8, 1e-6, 1e-4)
_MOST_STEPS = 200
# The p-value of a limit is 1 - level; by which share it may miss that.
_MISSED = 0.01


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


def standardised(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return columns of mean 0 and sd 1, and their sds; a column that does not vary is all 0."""
    spread = np.where(np.ptp(columns, axis=0) > 0, columns.std(axis=0), np.inf)
    return (columns - columns.mean(axis=0)) / spread, spread


def rank_of(columns: np.ndarray) -> int:
    """How many columns do not follow from the others and the intercept."""
    if columns.size == 0:
        return 0
    return int(np.linalg.matrix_rank(standardised(columns)[0]))


def firth_estimates(
    response: np.ndarray, columns: np.ndarray, asked: np.ndarray, level: float
) -> list[Estimate]:
    """Estimate the effects of the columns `asked` on the log odds, with Firth's penalty."""
    x, spread = standardised(columns)
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
        n_cut = member_of(self, "_ncut", "statsmodels")
        above = expval.reshape(-1, n_cut)  # P(grade > cut), shape (row, cut)
        both = np.minimum(above[:, :, None], above[:, None, :])
        covariance = both - above[:, :, None] * above[:, None, :]
        return [
            np.linalg.solve(covariance, side.reshape(*above.shape, -1)).reshape(side.shape)
            for side in rhs
        ]


def gee_estimates(
    value: np.ndarray,
    who: np.ndarray,
    columns: np.ndarray,
    asked: np.ndarray,
    level: float,
) -> list[Estimate]:
    """Estimate the effects of the columns `asked` on the log odds of a higher grade."""
    x, spread = standardised(columns)
    grades, code = np.unique(value, return_inverse=True)
    if _separated(x, code):
        note = "separated: the estimate is infinite, of this or of what is adjusted for"
        return [Estimate(note=note)] * asked.size
    above = [(code > cut).mean() for cut in range(len(grades) - 1)]
    start = np.concatenate([np.log(above) - np.log1p(np.negative(above)), np.zeros(x.shape[1])])
    model = OrdinalGEE(code, x, who, cov_struct=_Blocks())
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
        alone = _told_by_one(who, x, place)
        if alone is not None:
            note = f"no interval: only row position {alone} of cohort.patients tells of it"
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
    means, x, outcomes = (
        member_of(model, name, "statsmodels") for name in ("cached_means", "exog_li", "endog_li")
    )
    for patient, (mean, predicted) in enumerate(means):
        slope = model.mean_deriv(x[patient], predicted)
        residual = outcomes[patient] - mean
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
        if rank_of(rest) == rank_of(np.delete(rest, place, axis=1)):
            return int(patient)
    return None
