"""One classical test for each candidate predictor of response, with Holm's correction."""

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray
from scipy.stats import chi2_contingency, fisher_exact, mannwhitneyu, multivariate_hypergeom
from statsmodels.stats.multitest import multipletests

from mmn_bayes.data.aligning import align_responses, require_columns
from mmn_bayes.data.response import HasResponseRule
from mmn_bayes.data.response import judge_responses as judge_responses
from mmn_bayes.data.schema import Cohort

TEST_COLUMNS = (
    *("predictor", "kind", "test", "n", "n_left_out"),
    *("p_value", "p_holm", "rejected", "level", "note", "synthetic"),
)

# SciPy's bound for an exact Mann-Whitney test: the size of the smaller group.
EXACT_UP_TO = 8

# Beyond this many tables with the observed margins, enumeration takes seconds.
MOST_TABLES = 200_000

# Probabilities closer than this ratio are ties, as in R's fisher.test.
TIE = 1 + 1e-7


class Result(NamedTuple):
    """One test: its name, its p-value (NaN when there is none), and why there is none."""

    test: str
    p_value: float
    note: str


def observed_predictors(
    cohort: Cohort, spec: HasResponseRule, *, naive: bool | None = None, level: float = 0.95
) -> pd.DataFrame:
    """Test every candidate predictor of a cohort for response, one at a time.

    Response is judged by the rule of the model; the tests are those of `univariable_tests`.

    Parameters
    ----------
    cohort, spec : Cohort, HasResponseRule
        The cohort, whose further columns of `patients` are the candidates, and a `ModelSpec`.
    naive : bool or None, optional
        True or False for the naive or the previously treated alone, None for all patients.
    level : float, default 0.95
        1 minus the familywise error rate that `rejected` keeps to.

    Returns
    -------
    DataFrame
        One row a candidate, in the order given: `predictor`, `kind`, `test`, `n` (patients used),
        `n_left_out` (covariate or response missing), `p_value`, `p_holm`, `rejected` (nullable
        yes/no), `level`, `note`, `synthetic`. A candidate that cannot be tested has NaN, a note
        that says why, and no part in the correction.

    Raises
    ------
    DataError
        When the cohort holds a grade that is not on the specification's scale.
    ValueError
        When the level is not strictly between 0 and 1.

    Warns
    -----
    CohortWarning
        When patients are not evaluable, with the count of each reason.

    Examples
    --------
    With `cohort` of `data/leger2008_cohort` and `model` of `models/strength.toml`:

    >>> table = mb.observed.observed_predictors(cohort, model)
    >>> table[["predictor", "kind", "n", "p_value", "p_holm"]].round(2)
                    predictor    kind   n  p_value  p_holm
    0         age_onset_years  number  38     0.90    1.00
    1  disease_duration_years  number  38     0.48    1.00
    2                    male  yes/no  38     0.70    1.00
    3                anti_gm1  yes/no  38     0.19    0.94
    4                 atrophy  yes/no  38     0.74    1.00
    """
    judged, patients = judge_responses(cohort, spec), cohort.patients
    if naive is not None:
        patients = patients[patients["naive"] == naive].reset_index(drop=True)
        judged = judged[judged["patient"].isin(patients["patient"])]
    return univariable_tests(
        judged, patients, cohort.predictors, level=level, synthetic=cohort.synthetic
    )


def univariable_tests(
    responses: pd.DataFrame,
    patients: pd.DataFrame,
    predictors: Sequence[str],
    *,
    level: float = 0.95,
    synthetic: bool,
) -> pd.DataFrame:
    """Test each candidate predictor of response by itself, in the evaluable patients.

    A yes/no predictor and a category of two are tested by Fisher's exact test; a category of more
    by its extension to r x 2 tables (Freeman and Halton), or by Pearson's chi-squared test where
    there would be more than 200,000 tables to go through; a number by the Mann-Whitney U test,
    exact when a group has at most 8 patients and no value occurs twice, otherwise asymptotic
    (corrected for ties and continuity). All tests are two-sided; the column `test` says which was
    done.

    Parameters
    ----------
    responses : DataFrame
        Columns `patient` and `response` (nullable yes/no, missing when not evaluable).
    patients : DataFrame
        Column `patient` and the predictors, one row an enrolled patient. Boolean columns are
        yes/no, numeric ones numbers, all others categories.
    predictors : sequence of str
        Names of the candidates; together they are the family of Holm's correction.
    level : float, default 0.95
        1 minus the familywise error rate that `rejected` keeps to.
    synthetic : bool
        Whether the data were simulated; every row says so.

    Returns
    -------
    DataFrame
        One row a candidate, in the order given: `predictor`, `kind`, `test`, `n` (patients used),
        `n_left_out` (covariate or response missing), `p_value`, `p_holm`, `rejected` (nullable
        yes/no), `level`, `note`, `synthetic`. A candidate that cannot be tested has NaN, a note
        that says why, and no part in the correction.

    Raises
    ------
    ValueError
        When a predictor is unknown or named twice, a patient is listed twice, a response belongs
        to nobody enrolled, or the level is not strictly between 0 and 1.

    References
    ----------
    Freeman GH, Halton JH. Biometrika 1951;38:141. Mann HB, Whitney DR. Ann Math Stat 1947;18:50.
    Holm S. Scand J Stat 1979;6:65.

    Examples
    --------
    With `cohort` of `data/leger2008_cohort` and `model` of `models/strength.toml`:

    >>> responses = mb.judge_responses(cohort, model)
    >>> table = mb.observed.univariable_tests(
    ...     responses, cohort.patients, ["naive", "anti_gm1"], synthetic=cohort.synthetic
    ... )
    >>> table[["predictor", "test", "n", "p_value", "p_holm"]].round(3)
      predictor            test   n  p_value  p_holm
    0     naive  Fisher's exact  38    0.004   0.009
    1  anti_gm1  Fisher's exact  38    0.188   0.188
    """
    if not 0 < level < 1:
        raise ValueError(f"The level is {level}; give a share strictly between 0 and 1.")
    names = _distinct(predictors)
    require_columns(patients, names, "patients")
    response = align_responses(responses, patients)
    results = []
    for name in names:
        used = response.notna() & patients[name].notna()
        kind = _kind(patients[name])
        result = _test(patients.loc[used, name], response[used].astype(bool), kind)
        results.append((name, kind, result.test, used.sum(), (~used).sum(), *result[1:]))
    columns = ["predictor", "kind", "test", "n", "n_left_out", "p_value", "note"]
    table = pd.DataFrame(results, columns=columns).assign(level=level, synthetic=synthetic)
    table["p_holm"], table["rejected"] = _holm(table["p_value"].to_numpy(dtype=float), level)
    text = dict.fromkeys(("predictor", "kind", "test", "note"), "str")
    numbers = {"n": "int64", "n_left_out": "int64", "p_value": "float64", "level": "float64"}
    return table[list(TEST_COLUMNS)].astype({**text, **numbers})


def _distinct(predictors: Sequence[str]) -> list[str]:
    names = [predictors] if isinstance(predictors, str) else list(predictors)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"predictors: {', '.join(twice)} named more than once; name each once.")
    return names


def _kind(values: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(values):
        return "yes/no"
    return "number" if pd.api.types.is_numeric_dtype(values) else "category"


def _test(values: pd.Series, response: pd.Series, kind: str) -> Result:
    """Test one candidate in the patients who have both it and a response."""
    if values.empty:
        return Result("none", np.nan, "no patient has both the covariate and a response")
    if (values == values.iloc[0]).all():
        return Result("none", np.nan, f"constant: {values.iloc[0]} in every patient used")
    if response.all() or not response.any():
        outcome = "responded" if response.iloc[0] else "did not respond"
        return Result("none", np.nan, f"every patient used {outcome}")
    if kind == "number":
        return _mann_whitney(values.to_numpy(dtype=float), response.to_numpy(dtype=bool))
    return _contingency(pd.crosstab(values.astype(object), response).to_numpy())


def _mann_whitney(values: np.ndarray, response: np.ndarray) -> Result:
    # The choice is scipy's own "auto", made here so that the table can say which it was.
    smallest = min(response.sum(), (~response).sum())
    tied = len(np.unique(values)) < len(values)
    method = "exact" if smallest <= EXACT_UP_TO and not tied else "asymptotic"
    p_value = mannwhitneyu(values[response], values[~response], method=method).pvalue
    return Result(f"Mann-Whitney U, {method}", float(p_value), "")


def _contingency(table: np.ndarray) -> Result:
    """Test a table of counts, shape (category, response)."""
    if len(table) == 2:
        return Result("Fisher's exact", float(fisher_exact(table).pvalue), "")
    if prod(int(total) + 1 for total in table.sum(axis=1)) > MOST_TABLES:
        p_value = chi2_contingency(table).pvalue
        note = "too many tables for the exact test; the chi-squared approximation may be poor"
        return Result("Pearson's chi-squared", float(p_value), note)
    return Result("Fisher-Freeman-Halton exact", _freeman_halton(table), "")


def _freeman_halton(table: np.ndarray) -> float:
    """Sum the probabilities of all tables with these margins no likelier than the observed one.

    SciPy's `fisher_exact` draws tables at random beyond 2 x 2, so that its p-value changes from
    call to call. With two columns the responders per category determine the table, and their
    distribution given the margins is the multivariate hypergeometric one.
    """
    totals, responders = table.sum(axis=1), table[:, 1]
    every = np.array(list(product(*(range(total + 1) for total in totals))))
    possible = every[every.sum(axis=1) == responders.sum()]
    probability = multivariate_hypergeom.pmf(possible, m=totals, n=responders.sum())
    observed = multivariate_hypergeom.pmf(responders, m=totals, n=responders.sum())
    return min(1.0, float(probability[probability <= observed * TIE].sum()))


def _holm(p_values: np.ndarray, level: float) -> tuple[np.ndarray, ExtensionArray]:
    """Correct the p-values that exist; the others stay missing."""
    tested = ~np.isnan(p_values)
    corrected = np.full(len(p_values), np.nan)
    rejected = pd.array([pd.NA] * len(p_values), dtype="boolean")
    if tested.any():
        reject, adjusted, _, _ = multipletests(p_values[tested], alpha=1 - level, method="holm")
        corrected[tested] = adjusted
        rejected[tested] = reject
    return corrected, rejected
