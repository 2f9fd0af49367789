"""Missing covariates: how many, the patients who have them all, several cohorts filled in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mmn_bayes.data.random_streams import rng_of
from mmn_bayes.data.response import NOT_GRADED, judged_patients, visit_pair
from mmn_bayes.data.restricting import of_patients
from mmn_bayes.data.schema import Cohort
from mmn_bayes.errors import DataError
from mmn_bayes.model_file.declaration import has_table
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.model_file.predictor_kinds import Predictor, wrong_column
from mmn_bayes.undocumented import MICEData, member_of

# How many patients with the nearest predictions a missing value is drawn from. The 20 that
# statsmodels has as its default are half of a cohort of 40, whoever they are like.
NEAREST = 5

# With fewer patients who have all the columns concerned, one of them may follow from the others
# by chance.
FEWEST_SHARED = 10

_OUTCOME = ("response", "mean_grade", "mean_change")
_CANNOT = "The missing covariates cannot be filled in."


def impute_cohorts(
    cohort: Cohort, spec: ModelSpec, *, n_sets: int = 20, seed: int, cycles: int = 10
) -> list[Cohort]:
    """Impute the missing covariates of a model several times, by chained equations.

    Each column with blanks is regressed on the others in turn, and each blank is given the value of
    one of the 5 patients with the nearest predictions (predictive mean matching), so that every
    imputed value is an observed one. Missing at random is assumed: missingness may depend on the
    other variables of the imputation model, not on the missing value itself.

    Parameters
    ----------
    cohort, spec : Cohort, ModelSpec
        The cohort, and the model whose predictors are imputed.
    n_sets : int, default 20
        How many cohorts, 2 or more.
    seed : int
        Seed of all randomness, 0 or more. Set k is the same whatever `n_sets` is.
    cycles : int, default 10
        How many times all columns are gone through for one set.

    Returns
    -------
    list of Cohort
        `n_sets` cohorts whose title says which set it is. Only blanks in the columns of
        `spec.predictors` differ from the cohort.

    Raises
    ------
    DataError
        When the cohort lacks a column, has one that is not of the kind or levels the model says, is
        missing for all or nearly all patients, or is a category of three or more levels (which have
        no order to match by); when the outcome is known of too few patients; or when a grade has no
        place on the model's scale.
    ValueError
        When nothing is missing, `n_sets` or `cycles` is too small, or the model is of outcome
        "class".

    Notes
    -----
    The imputation model has all predictors, `naive`, and the outcome: the response, the
    mean grade code at the baseline visit and its mean change to the follow-up visit (each muscle
    and side graded at both). Without the outcome the effects would be biased towards 0 (Moons).
    Where the outcome is missing it is imputed too, and discarded; parts of it that are known of
    fewer patients than there are columns are left out. A column that is constant, or follows from
    others with no more blanks, is redundant and left out of the regressions of the others.

    Each set is a chain of its own. The coefficients are those of a bootstrap sample: its least
    squares have a solution where columns happen to be collinear or are as many as patients, for
    which the normal approximation of statsmodels has no variance. With a single regressor the
    order of the predictions is that of the regressor, whatever its coefficient, and the sets
    differ somewhat too little (van Buuren, section 3.4.2).

    References
    ----------
    Rubin DB. Multiple Imputation for Nonresponse in Surveys. Wiley, 1987. Raghunathan TE et al.
    Survey Methodology 2001;27:85 (chained equations). Little RJA. J Bus Econ Stat 1988;6:287
    (predictive mean matching). van Buuren S. Flexible Imputation of Missing Data, 2nd ed. CRC,
    2018 (5 donors). Moons KGM et al. J Clin Epidemiol 2006;59:1092 (the outcome belongs in it).

    Examples
    --------
    With `cohort`, the cohort of `data/leger2008_cohort`:

    >>> candidates = mb.read_model("models/candidates_response.toml")
    >>> some = mb.simulation.with_blanks(cohort, ["age_onset_years"], share=0.1, seed=1)
    >>> sets = mb.predictors.impute_cohorts(some, candidates, n_sets=2, seed=1, cycles=2)
    >>> int(some.patients["age_onset_years"].isna().sum())
    4
    >>> [int(each.patients["age_onset_years"].isna().sum()) for each in sets]
    [0, 0]
    """
    if n_sets < 2:
        raise ValueError(f"n_sets is {n_sets}; what is missing shows between sets: give 2 or more.")
    if cycles < 1:
        raise ValueError(f"cycles is {cycles}; give 1 or more.")
    if any(map(has_table, spec.outcomes)):
        raise ValueError(
            "The imputation model has no long-term classes, blocks or states, without which "
            "effects on them would be drawn towards none; use `complete_cases`."
        )
    asked = _asked(cohort, spec)
    patients = cohort.patients
    blank = [name for name in asked if patients[name].isna().any()]
    if not blank:
        raise ValueError("No covariate of the model is missing for anybody; fit the cohort itself.")
    if defects := [d for each in asked.values() for d in _unusable(each, patients)]:
        raise DataError(_CANNOT, defects)
    codes = {name: each.numbers(patients[name]) for name, each in asked.items()}
    numbers, name_of = _numbers(cohort, spec, asked, codes)
    regressors = _regressors(numbers, name_of)
    sets = []
    for number in range(1, n_sets + 1):
        # A generator of its own for each set, which statsmodels takes: numpy's global state is
        # neither read nor changed, and no set depends on how many there are.
        rng = rng_of(seed, "covariates, imputed", number)
        completed = _completed(numbers, regressors, rng, cycles)
        filled = {
            name: _filled_in(patients[name], codes[name], completed[name_of[name]].to_numpy())
            for name in blank
        }
        title = f"{cohort.title or 'Cohort'}, imputed set {number} of {n_sets}"
        sets.append(replace(cohort, patients=patients.assign(**filled), title=title))
    return sets


def complete_cases(cohort: Cohort, spec: ModelSpec) -> tuple[Cohort, pd.DataFrame]:
    """Restrict a cohort to the patients for whom every predictor of a model is recorded.

    Parameters
    ----------
    cohort, spec : Cohort, ModelSpec
        The cohort, and the model whose predictors must be recorded.

    Returns
    -------
    tuple of Cohort and DataFrame
        The cohort of those patients, whose title says so where others are left out, and the table
        of `missing_covariates`.

    Raises
    ------
    DataError
        When nobody is left, or the cohort lacks a column.

    Examples
    --------
    With `cohort`, the cohort of `data/leger2008_cohort`:

    >>> candidates = mb.read_model("models/candidates_response.toml")
    >>> some = mb.simulation.with_blanks(cohort, ["male", "atrophy"], share=0.1, seed=1)
    >>> complete, table = mb.predictors.complete_cases(some, candidates)
    >>> len(cohort.patients), len(complete.patients)
    (40, 32)
    """
    table = missing_covariates(cohort, spec)
    recorded = _recorded(cohort, list(_asked(cohort, spec)))
    n, n_left = len(recorded), int(recorded.sum())
    if not n_left:
        of_column = table.iloc[:-1].set_index("column")["n_missing"]
        counts = [
            f"patients: column '{name}' is blank for {n_missing} of {n} patients; leave its "
            "predictor out of the model, or use `impute_cohorts` if some have it."
            for name, n_missing in of_column[of_column > 0].items()
        ]
        raise DataError("No patient has every covariate of the model.", counts)
    if n_left == n:
        return cohort, table
    kept = of_patients(cohort, cohort.patients.loc[recorded, "patient"].tolist())
    title = f"{cohort.title or 'Cohort'}, the {n_left} of {n} patients with every covariate"
    return replace(kept, title=title), table


def missing_covariates(cohort: Cohort, spec: ModelSpec) -> pd.DataFrame:
    """Count the patients with missing predictors of a model.

    Parameters
    ----------
    cohort, spec : Cohort, ModelSpec
        The cohort, and the model whose predictors are counted.

    Returns
    -------
    DataFrame
        One row a column, in the order of the model, then the row "any": `column`, `n_missing`
        (patients without it), `n_patients` (all), `n_left` (patients with it; in the last row with
        every one), `synthetic`.

    Raises
    ------
    DataError
        When the cohort lacks a column.

    Examples
    --------
    With `cohort`, the cohort of `data/leger2008_cohort`:

    >>> candidates = mb.read_model("models/candidates_response.toml")
    >>> some = mb.simulation.with_blanks(cohort, ["male", "atrophy"], share=0.1, seed=1)
    >>> table = mb.predictors.missing_covariates(some, candidates)
    >>> table[["column", "n_missing", "n_patients", "n_left"]]
                       column  n_missing  n_patients  n_left
    0         age_onset_years          0          40      40
    1                anti_gm1          0          40      40
    2                 atrophy          4          40      36
    3  disease_duration_years          0          40      40
    4                    male          4          40      36
    5                   naive          0          40      40
    6                     any          8          40      32
    """
    columns = list(_asked(cohort, spec))
    n = len(cohort.patients)
    n_left = [int(cohort.patients[name].notna().sum()) for name in columns]
    n_left.append(int(_recorded(cohort, columns).sum()))
    return pd.DataFrame(
        {
            "column": pd.array([*columns, "any"], dtype="str"),
            "n_missing": [n - left for left in n_left],
            "n_patients": n,
            "n_left": n_left,
            "synthetic": cohort.synthetic,
        }
    )


def pool_rubin(estimates: ArrayLike, variances: ArrayLike) -> pd.DataFrame:
    """Pool estimates of imputed sets by Rubin's rules.

    Parameters
    ----------
    estimates, variances : array_like
        One estimate a set and its squared standard error, shape (set,) or (row, set), where each
        row is a quantity; on one scale where the estimates are about normal (log odds).

    Returns
    -------
    DataFrame
        One row a quantity, with the index of `estimates` where it is a DataFrame: `estimate` (mean
        over the sets), `within` W (mean of the variances), `between` B (variance of the estimates,
        over m - 1), `total` T = W + (1 + 1/m) B, `share` (1 + 1/m) B / T, the share of the variance
        that is due to what is missing, `relative_efficiency` 1 / (1 + share / m), that of m sets
        against any number, and `n_sets` m. A missing number makes its row missing; without any
        variance there is no share.

    Raises
    ------
    ValueError
        When there are fewer than two sets, the shapes differ, or a variance is negative.

    References
    ----------
    Rubin DB. Multiple Imputation for Nonresponse in Surveys. Wiley, 1987, sections 3.1 and 4.1.

    Examples
    --------
    >>> pooled = mb.predictors.pool_rubin([0.5, 0.7, 0.9], [0.04, 0.04, 0.04])
    >>> pooled[["estimate", "within", "between", "total", "share"]].round(3)
       estimate  within  between  total  share
    0       0.7    0.04     0.04  0.093  0.571
    """
    index = estimates.index if isinstance(estimates, pd.DataFrame) else None
    values, squared = (np.asarray(each, dtype=float) for each in (estimates, variances))
    if values.shape != squared.shape or values.ndim not in (1, 2):
        raise ValueError(
            f"The estimates have shape {values.shape} and their variances {squared.shape}; give "
            "both as (set,) or (row, set)."
        )
    m = values.shape[-1]
    if m < 2:
        raise ValueError(f"{m} imputed set tells nothing of the variance between: give 2 or more.")
    if (squared < 0).any():
        raise ValueError("A variance is negative; give squared standard errors.")
    values, squared = np.atleast_2d(values), np.atleast_2d(squared)
    within, between = squared.mean(axis=1), values.var(axis=1, ddof=1)
    of_missing = (1.0 + 1.0 / m) * between
    total = within + of_missing
    # NaN > 0 is False, so that a missing number stays missing.
    share = np.divide(of_missing, total, out=np.full_like(total, np.nan), where=total > 0)
    return pd.DataFrame(
        {
            "estimate": values.mean(axis=1),
            "within": within,
            "between": between,
            "total": total,
            "share": share,
            "relative_efficiency": 1.0 / (1.0 + share / m),
            "n_sets": m,
        },
        index=index,
    )


def _asked(cohort: Cohort, spec: ModelSpec) -> dict[str, Predictor]:
    """A predictor of each column that the model uses; of several, one that orders its values."""
    table = cohort.patients
    absent = [
        f"patients: there is no column '{each.column}', which predictor.{each.name} asks for; the "
        f"table has {', '.join(map(str, table.columns))}."
        for each in spec.predictors
        if each.column not in table
    ]
    if absent:
        raise DataError(f"The model '{spec.name}' does not fit this cohort.", absent)
    asked: dict[str, Predictor] = {}
    for each in spec.predictors:
        if each.column not in asked or asked[each.column].kind.nominal:
            asked[each.column] = each
    return asked


def _recorded(cohort: Cohort, columns: Sequence[str]) -> np.ndarray:
    """Whether a patient has every one of some columns; shape (patient,)."""
    return cohort.patients[list(columns)].notna().all(axis=1).to_numpy()


def _unusable(predictor: Predictor, patients: pd.DataFrame) -> Iterator[str]:
    """Why a column cannot be filled in, or help to fill in others."""
    values = patients[predictor.column].dropna()
    place = f"patients: column '{predictor.column}'"
    if values.empty:
        yield (
            f"{place} is missing for every patient, so that there is nothing to fill it in from; "
            f"leave predictor.{predictor.name} out of the model."
        )
        return
    yield from wrong_column(predictor, patients)
    if predictor.n_columns > 1 and len(values) < len(patients):
        yield (
            f"{place} is blank for {len(patients) - len(values)} patients, and its "
            f"{len(predictor.levels)} levels have no order that matching could go by; write the "
            'blanks as a level of its own, such as "unknown", make yes/no columns of it, or use '
            "`complete_cases`."
        )


def _numbers(
    cohort: Cohort, spec: ModelSpec, asked: dict[str, Predictor], codes: dict[str, np.ndarray]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Every column of the imputation model, and what those of the patients are called in it."""
    # Names of their own, since those of the patients' table may be those of the outcome.
    name_of = {name: f"x{place}" for place, name in enumerate(asked)}
    columns = {}
    for name, each in asked.items():
        if each.n_columns > 1:  # complete, or it was refused
            for place, column in enumerate(each.kind.columns(each, codes[name]).T, start=1):
                columns[f"{name_of[name]}_{place}"] = column
        else:
            columns[name_of[name]] = codes[name]
    if "naive" not in asked:
        columns["naive"] = cohort.patients["naive"].to_numpy(dtype=float)
    numbers = pd.DataFrame(columns).join(_outcome(cohort, spec))
    few = [name for name in _OUTCOME if numbers[name].notna().sum() <= numbers.shape[1]]
    if set(few) == set(_OUTCOME):
        raise DataError(
            _CANNOT,
            [
                "grades: too few patients were graded at the visits of the response rule, and "
                "without the outcome effects would be drawn towards 0; use `complete_cases`."
            ],
        )
    return numbers.drop(columns=few), name_of


def _outcome(cohort: Cohort, spec: ModelSpec) -> pd.DataFrame:
    """What each patient's outcome says, NaN where it is not known; one row a patient."""
    pair = visit_pair(cohort, spec)
    response = judged_patients(cohort, pair, spec)["response"]
    graded = pair.baseline != NOT_GRADED
    both = graded & (pair.follow_up != NOT_GRADED)
    means = (_mean(pair.baseline, graded), _mean(pair.follow_up - pair.baseline, both))
    columns = (response.to_numpy(dtype=float, na_value=np.nan), *means)
    return pd.DataFrame(dict(zip(_OUTCOME, columns, strict=True)))


def _mean(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Mean of each row over some of its columns, NaN without any; shape (row,)."""
    n = where.sum(axis=1)
    total = np.where(where, values, 0).sum(axis=1)
    return np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)


def _regressors(numbers: pd.DataFrame, name_of: Mapping[str, str]) -> dict[str, list[str]]:
    """The columns on which each column with blanks is regressed, by its name."""
    # With the fewest blanks first: what a column has in common with another is left to the one
    # that is known of more patients.
    kept: list[str] = []
    for name in numbers.isna().sum().sort_values(kind="stable").index.astype(str):
        if not _follows(numbers, name, kept):
            kept.append(name)
    n_recorded = {str(name): int(n) for name, n in numbers.notna().sum().items()}
    blank = [name for name, n in n_recorded.items() if n < len(numbers)]
    defects = [
        f"patients: column '{column}' is recorded for {n_recorded[name]} patients, too few for the "
        f"{len(kept)} columns of the imputation model; leave it or others out of the model, or use "
        "`complete_cases`."
        for column, name in name_of.items()
        if name in blank and n_recorded[name] <= len(kept)
    ]
    if defects:
        raise DataError(_CANNOT, defects)
    return {name: [each for each in kept if each != name] for name in blank}


def _follows(numbers: pd.DataFrame, name: str, kept: Sequence[str]) -> bool:
    """Whether a column is constant, or linear in one or all of those kept, in whoever has both."""
    recorded = numbers[name].dropna().to_numpy()
    if np.ptp(recorded) == 0.0:
        return True
    for others in (*([other] for other in kept), list(kept)):
        rows = numbers[[*others, name]].dropna().to_numpy()
        if len(rows) < max(FEWEST_SHARED, 2 * rows.shape[1]) or np.ptp(rows[:, -1]) == 0.0:
            continue
        centred = rows - rows.mean(axis=0)
        scaled = centred / np.maximum(np.abs(centred).max(axis=0), np.finfo(float).tiny)
        coefficients = np.linalg.lstsq(scaled[:, :-1], scaled[:, -1])[0]
        left = scaled[:, -1] - scaled[:, :-1] @ coefficients
        if np.abs(left).max() < 1e-6:
            return True
    return False


class _Chain(MICEData):
    """Chained equations whose regressions take columns as they are.

    Those of statsmodels are formulas, read anew for every regression: nine tenths of the time.
    """

    def __init__(
        self, numbers: pd.DataFrame, regressors: Mapping[str, list[str]], rng: np.random.Generator
    ) -> None:
        self.regressors = regressors
        nearest = min(NEAREST, *(int(numbers[name].notna().sum()) for name in regressors))
        super().__init__(numbers, perturbation_method="boot", k_pmm=nearest, rng=rng)

    def get_fitting_data(self, vname: str) -> tuple[np.ndarray, np.ndarray, dict, dict]:
        """Return outcome and regressors of the rows that have the outcome, and no settings."""
        outcome, design = self._whole(vname)
        recorded = member_of(self, "ix_obs", "statsmodels")[vname]
        return outcome[recorded], design[recorded], {}, {}

    def get_split_data(self, vname: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict, dict]:
        """Return the same, and the regressors of the rows that do not have it."""
        outcome, design = self._whole(vname)
        recorded = member_of(self, "ix_obs", "statsmodels")[vname]
        blank = member_of(self, "ix_miss", "statsmodels")[vname]
        return outcome[recorded], design[recorded], design[blank], {}, {}

    def _whole(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        values = self.data[self.regressors[name]].to_numpy(dtype=float)
        design = np.column_stack([np.ones(len(values)), values])
        return self.data[name].to_numpy(dtype=float), design


def _completed(
    numbers: pd.DataFrame,
    regressors: Mapping[str, list[str]],
    rng: np.random.Generator,
    cycles: int,
) -> pd.DataFrame:
    """One set without blanks, from a chain of its own; rows as in `numbers`."""
    # Among patients with equal predictions statsmodels always takes the first: in an order of
    # chance that is anybody. Their places also keep every row, since it drops those all blank.
    places = rng.permutation(len(numbers))
    chain = _Chain(numbers.iloc[places].assign(place=places.astype(float)), regressors, rng)
    chain.update_all(cycles)
    return chain.data.sort_values("place", ignore_index=True)


def _filled_in(column: pd.Series, codes: np.ndarray, completed: np.ndarray) -> pd.Series:
    """The column with its blanks filled in by values of others; its type and the rest as it was."""
    blank = column.isna().to_numpy()
    value_of = dict(zip(codes[~blank], column[~blank], strict=True))
    filled = column.copy()
    filled[blank] = [value_of[code] for code in completed[blank]]
    return filled
