"""The response rule: one function on arrays, applied alike to recorded and to replicated grades."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd

from mmn_bayes.cohort.schema import Cohort
from mmn_bayes.errors import CohortWarning, DataError

NOT_GRADED = -1


@dataclass(frozen=True)
class ResponseRule:
    """When a patient counts as a responder, and at which visits this is judged.

    Parameters
    ----------
    gain
        Steps of the scale a muscle must gain.
    muscles
        How many affected muscles must gain that much.
    affected_below
        A muscle is affected when its baseline grade is below this label of the scale.
    baseline_day, follow_up_day
        Target days; the visit of the window nearest to its target is used, the earlier of two.
    baseline_window_days, follow_up_window_days
        First and last day, inclusive, of each window.
    """

    gain: int
    muscles: int
    affected_below: str
    baseline_day: float
    baseline_window_days: tuple[float, float]
    follow_up_day: float
    follow_up_window_days: tuple[float, float]

    def in_words(self) -> str:
        """Return the rule as the sentence that stands under every response table."""
        steps = "1 grade" if self.gain == 1 else f"{self.gain} grades"
        return (
            f"at least {steps} gained in at least {self.muscles} muscles graded below "
            f"{self.affected_below} at baseline (day {self.baseline_window_days[0]:g} to "
            f"{self.baseline_window_days[1]:g}), at the visit nearest to day "
            f"{self.follow_up_day:g} within day {self.follow_up_window_days[0]:g} to "
            f"{self.follow_up_window_days[1]:g}"
        )


class HasResponseRule(Protocol):
    """What `responses` needs of a model specification, which is defined a storey above."""

    @property
    def scale(self) -> tuple[str, ...]:
        """Ordered grade labels, lowest first."""

    @property
    def response(self) -> ResponseRule:
        """The rule of response."""


class Judged(NamedTuple):
    """What the rule says; every array has the shape of the grades without their last axis."""

    evaluable: np.ndarray
    n_affected: np.ndarray
    n_compared: np.ndarray
    n_gained: np.ndarray
    response: np.ndarray


def judge(
    baseline: np.ndarray, follow_up: np.ndarray, rule: ResponseRule, scale: Sequence[str]
) -> Judged:
    """Apply the response rule to grades.

    Parameters
    ----------
    baseline, follow_up
        Grade codes 0 .. K-1, integer, shape (..., site); `NOT_GRADED` where there is none. A site
        is one muscle of one side.
    rule, scale
        The rule, and the ordered labels that its `affected_below` is one of.

    Returns
    -------
    Judged
        Arrays of shape (...). `response` is False wherever `evaluable` is False: read both.
    """
    affected = (baseline != NOT_GRADED) & (baseline < list(scale).index(rule.affected_below))
    compared = affected & (follow_up != NOT_GRADED)
    gained = compared & (follow_up - baseline >= rule.gain)
    n_compared = compared.sum(axis=-1)
    n_gained = gained.sum(axis=-1)
    evaluable = n_compared >= rule.muscles
    return Judged(
        evaluable=evaluable,
        n_affected=affected.sum(axis=-1),
        n_compared=n_compared,
        n_gained=n_gained,
        response=evaluable & (n_gained >= rule.muscles),
    )


class VisitPair(NamedTuple):
    """Each patient's panel of sites, graded at the two visits that the rule compares."""

    sites: pd.DataFrame  # one row a site: patient, muscle, side, position
    baseline_day: np.ndarray  # (patient,), NaN without a visit in the window
    follow_up_day: np.ndarray
    baseline: np.ndarray  # (patient, position) grade codes
    follow_up: np.ndarray


def visit_pair(cohort: Cohort, spec: HasResponseRule) -> VisitPair:
    """Find the two visits of every patient and set out the grades of both.

    Parameters
    ----------
    cohort, spec
        The cohort, and anything with a `scale` and a `response` rule.

    Returns
    -------
    VisitPair
        Patients in the order of `cohort.patients`; `position` numbers a patient's sites, in the
        order muscle, side, over all visits that grade it. Shorter panels are filled with
        `NOT_GRADED`.

    Raises
    ------
    DataError
        When the cohort holds a grade that the specification's scale does not have.
    """
    grades = graded_rows(cohort, spec.scale)
    patients = pd.Index(cohort.patients["patient"])
    rule = spec.response
    days = {
        "baseline": _nearest_visit(grades, patients, rule.baseline_day, rule.baseline_window_days),
        "follow_up": _nearest_visit(
            grades, patients, rule.follow_up_day, rule.follow_up_window_days
        ),
    }
    sites = panel_sites(grades)
    width = int(sites["position"].max()) + 1 if len(sites) else 0
    keyed = grades.merge(sites, on=["patient", "muscle", "side"])
    row = patients.get_indexer(pd.Index(keyed["patient"]))
    code = keyed["code"].to_numpy()
    panels = {}
    for occasion, day in days.items():
        panel = np.full((len(patients), width), NOT_GRADED)
        here = keyed["day"].to_numpy() == day[row]
        panel[row[here], keyed["position"].to_numpy()[here]] = code[here]
        panels[occasion] = panel
    return VisitPair(
        sites, days["baseline"], days["follow_up"], panels["baseline"], panels["follow_up"]
    )


def panel_sites(grades: pd.DataFrame) -> pd.DataFrame:
    """Return one row a site (patient, muscle, side) ever graded, numbered within its patient."""
    sites = grades[["patient", "muscle", "side"]].drop_duplicates()
    sites = sites.sort_values(["patient", "muscle", "side"], ignore_index=True)
    return sites.assign(position=sites.groupby("patient").cumcount())


def graded_rows(cohort: Cohort, scale: Sequence[str]) -> pd.DataFrame:
    """Return the rows of `grades` that hold a grade, with its `code` on the given scale.

    Raises
    ------
    DataError
        When a grade is not on the scale (each row is named), or the cohort's scale has the same
        grades in another order.
    """
    shared = [label for label in scale if label in cohort.scale]
    if shared != [label for label in cohort.scale if label in scale]:
        raise DataError(
            "The model's scale contradicts the cohort's.",
            [
                f"the cohort's grades are ordered {', '.join(cohort.scale)}, the model's "
                f"{', '.join(scale)}; give both one order, lowest first."
            ],
        )
    grades = cohort.grades[cohort.grades["grade"].notna()].reset_index(drop=True)
    labels = grades["grade"].astype(str)
    code = pd.Index(scale).get_indexer(pd.Index(labels))
    unknown = grades[code < 0]
    if len(unknown):
        defects = [
            f"grades: patient '{row.patient}', day {row.day:g}, {row.muscle} {row.side}: grade "
            f"'{row.grade}' is not on the model's scale ({', '.join(scale)}); use a model file "
            "whose scale has it."
            for row in unknown.head(5).itertuples()
        ]
        if len(unknown) > len(defects):
            defects.append(f"grades: {len(unknown) - len(defects)} more rows of the same kind.")
        raise DataError("The model's scale does not cover the cohort's grades.", defects)
    return grades.assign(code=code)


def _nearest_visit(
    grades: pd.DataFrame, patients: pd.Index, target: float, window: tuple[float, float]
) -> np.ndarray:
    """Day of each patient's visit nearest to `target` within `window`; NaN without one."""
    visits = grades.loc[grades["day"].between(*window), ["patient", "day"]].drop_duplicates()
    visits = visits.assign(distance=(visits["day"] - target).abs())
    visits = visits.sort_values(["patient", "distance", "day"]).drop_duplicates("patient")
    return visits.set_index("patient")["day"].reindex(patients).to_numpy(dtype=float)


def responses(cohort: Cohort, spec: HasResponseRule) -> pd.DataFrame:
    """Judge every patient of a cohort by the rule of the specification.

    Parameters
    ----------
    cohort, spec
        The cohort, and a `ModelSpec` (anything with a `scale` and a `response` rule).

    Returns
    -------
    DataFrame
        One row a patient, in the cohort's order: `patient`, `baseline_day`, `follow_up_day` (NaN
        without a visit in the window), `n_affected`, `n_gained`, `response` (missing when the
        patient is not evaluable), `reason`, which is empty for an evaluable patient, and
        `synthetic`.

    Raises
    ------
    DataError
        When the cohort holds a grade that is not on the specification's scale.

    Warns
    -----
    CohortWarning
        When patients are not evaluable, with the count of each reason.
    """
    table = judged_patients(cohort, visit_pair(cohort, spec), spec)
    left_out = table.loc[table["reason"] != "", "reason"].value_counts()
    if len(left_out):
        reasons = "; ".join(f"{reason}: {count}" for reason, count in left_out.items())
        warnings.warn(
            f"{left_out.sum()} of {len(table)} patients are not evaluable ({reasons}).",
            CohortWarning,
            stacklevel=2,
        )
    return table


def judged_patients(cohort: Cohort, pair: VisitPair, spec: HasResponseRule) -> pd.DataFrame:
    """Return the table of `responses` from grades already set out, without its warning."""
    rule = spec.response
    judged = judge(pair.baseline, pair.follow_up, rule, spec.scale)
    no_baseline, no_follow_up = np.isnan(pair.baseline_day), np.isnan(pair.follow_up_day)
    reason = np.select(
        [no_baseline, no_follow_up, judged.n_affected < rule.muscles, ~judged.evaluable],
        list(reasons_in_words(rule)),
        default="",
    )
    missing = reason != ""
    return pd.DataFrame(
        {
            "patient": cohort.patients["patient"].to_numpy(),
            "baseline_day": pair.baseline_day,
            "follow_up_day": pair.follow_up_day,
            "n_affected": pd.array(judged.n_affected, dtype="Int64"),
            "n_gained": pd.array(judged.n_gained, dtype="Int64"),
            "response": pd.array(judged.response, dtype="boolean"),
            "reason": pd.array(reason, dtype="str"),
        }
    ).assign(
        n_affected=lambda t: t["n_affected"].mask(no_baseline),
        n_gained=lambda t: t["n_gained"].mask(missing),
        response=lambda t: t["response"].mask(missing),
        synthetic=cohort.synthetic,
    )


def reasons_in_words(rule: ResponseRule) -> tuple[str, str, str, str]:
    """Return why a patient may not be evaluable, in the order in which it is looked at."""
    return (
        "no visit in the baseline window",
        "no visit in the follow-up window",
        f"fewer than {rule.muscles} affected muscles at baseline",
        f"fewer than {rule.muscles} affected muscles graded again at follow-up",
    )


def flow(cohort: Cohort, spec: HasResponseRule) -> pd.DataFrame:
    """Count the patients from enrolled to evaluable, all and by naive status.

    Parameters
    ----------
    cohort, spec
        As for `responses`.

    Returns
    -------
    DataFrame
        Columns `step`, `all`, `naive`, `previously_treated` and `synthetic`. The first row is the
        enrolled patients, each row in between those who leave for one reason, the last the
        evaluable: enrolled minus the rows in between is the last, in every column.
    """
    table = judged_patients(cohort, visit_pair(cohort, spec), spec)
    naive = cohort.patients["naive"].to_numpy(dtype=bool)
    groups = {"all": np.full(len(table), True), "naive": naive, "previously_treated": ~naive}
    reason = table["reason"].to_numpy()
    steps = {
        "enrolled": np.full(len(table), True),
        **{f"left out: {words}": reason == words for words in reasons_in_words(spec.response)},
        "evaluable": reason == "",
    }
    counts = {
        name: [int((member & who).sum()) for member in steps.values()]
        for name, who in groups.items()
    }
    return pd.DataFrame({"step": list(steps), **counts}).assign(synthetic=cohort.synthetic)
