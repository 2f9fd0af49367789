"""The response rule: one function on arrays, applied alike to recorded and to replicated grades."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from mmn_bayes.arguments import check_fields
from mmn_bayes.data.schema import DEFAULT_SCALE, Cohort
from mmn_bayes.errors import CohortWarning, DataError

NOT_GRADED = -1


@dataclass(frozen=True)
class ResponseRule:
    """State when a patient is a responder, and at which visits this is judged.

    Attributes
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

    Examples
    --------
    >>> model = mb.read_model("models/strength.toml")
    >>> model.response
    ResponseRule(gain=1, muscles=2, affected_below='5', baseline_day=0.0,
    baseline_window_days=(-30.0, 0.0), follow_up_day=182.0, follow_up_window_days=(121.0, 243.0))
    >>> mb.ResponseRule(2, 3, "5", 0, (-30, 0), 182, (121, 243)).in_words()
    'at least 2 grades gained in at least 3 muscles graded below 5 at baseline (day -30 to 0),
    at the visit nearest to day 182 within day 121 to 243'
    """

    gain: int
    muscles: int
    affected_below: str
    baseline_day: float
    baseline_window_days: tuple[float, float]
    follow_up_day: float
    follow_up_window_days: tuple[float, float]

    def __post_init__(self) -> None:
        """Refuse what is of the wrong kind."""
        check_fields(self)

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


@runtime_checkable
class HasResponseRule(Protocol):
    """What `judge_responses` needs of a model specification, which is defined a storey above."""

    @property
    def scale(self) -> tuple[str, ...]:
        """Ordered grade labels, lowest first."""

    @property
    def collapse(self) -> tuple[tuple[str, str], ...]:
        """Labels that a cohort may record, each with the label of the scale that it counts as."""

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
    baseline, follow_up : ndarray
        Grade codes 0 .. K-1, integer, shape (..., site); `NOT_GRADED` where there is none. A site
        is one muscle of one side.
    rule, scale : ResponseRule, sequence of str
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
    cohort, spec : Cohort, HasResponseRule
        The cohort, and anything with a `scale`, its `collapse` and a `response` rule.

    Returns
    -------
    VisitPair
        Grades on the specification's scale. Patients in the order of `cohort.patients`; `position`
        numbers a patient's sites, in the order muscle, side, over all visits that grade it.
        Shorter panels are filled with `NOT_GRADED`.

    Raises
    ------
    DataError
        When the cohort holds a grade that has no place on the specification's scale.
    """
    grades = graded_rows(cohort, spec)
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


def graded_rows(cohort: Cohort, spec: HasResponseRule) -> pd.DataFrame:
    """Return the rows of `grades` that hold a grade, with its `code` on the model's scale.

    The only place where a recorded label becomes a grade of the model: rule and likelihood both
    take the code from here.

    Parameters
    ----------
    cohort, spec : Cohort, HasResponseRule
        The cohort, and anything with a `scale` and its `collapse`.

    Returns
    -------
    DataFrame
        The columns of `grades`, and `code`, 0 .. K-1.

    Raises
    ------
    DataError
        When a recorded grade is neither on the scale nor collapsed onto it (each row is named), or
        the cohort has the grades in another order than the model.
    """
    code_of = {label: code for code, label in enumerate(spec.scale)}
    code_of |= {label: code_of[target] for label, target in spec.collapse}
    recorded = np.flatnonzero(cohort.grades["grade"].notna())
    grades = cohort.grades.iloc[recorded].reset_index(drop=True)
    code_of_label = np.array([code_of.get(label, NOT_GRADED) for label in cohort.scale])
    code = code_of_label[grades["grade"].cat.codes.to_numpy()]
    turned = _turned_round(cohort.scale, code_of_label, spec.scale)
    off = code == NOT_GRADED
    unknown = _off_scale(grades[off].set_axis(recorded[off]), spec.scale)
    if turned or unknown:
        headline = "contradicts the cohort's" if turned else "does not cover the cohort's grades"
        raise DataError(f"The model's scale {headline}.", [*turned, *unknown])
    return grades.assign(code=code)


def _turned_round(
    labels: Sequence[str], code_of_label: np.ndarray, scale: Sequence[str]
) -> list[str]:
    """Name each label of the cohort that the model puts above the next one it knows."""
    known = [
        (label, scale[code], code)
        for label, code in zip(labels, code_of_label, strict=True)
        if code != NOT_GRADED
    ]
    return [
        f"scale: '{low}' is below '{high}' in the cohort, but counts as '{low_grade}' and "
        f"'{high}' as '{high_grade}' in the model, whose order is {', '.join(scale)}; give both "
        "one order, lowest first."
        for (low, low_grade, below), (high, high_grade, above) in pairwise(known)
        if below > above
    ]


def _off_scale(unknown: pd.DataFrame, scale: Sequence[str]) -> list[str]:
    """Name the first rows whose grade the model does not know, and count the others."""
    defects = [
        f"grades: row position {row.Index} of cohort.grades, day {row.day:g}, {row.muscle} "
        f"{row.side}: grade '{row.grade}' is not on the model's scale ({', '.join(scale)}); "
        "use a model file whose scale has it, or whose [scale.collapse] says what it counts as."
        for row in unknown.head(5).itertuples()
    ]
    if len(unknown) > len(defects):
        labels = ", ".join(f"'{label}'" for label in unknown["grade"].astype(str).unique())
        more = len(unknown) - len(defects)
        defects.append(f"grades: {more} more rows of the same kind; the grades are {labels}.")
    return defects


def scale_in_words(spec: HasResponseRule) -> str:
    """Return the scale on which the rule counts its grades, where it is not the usual one.

    Parameters
    ----------
    spec : HasResponseRule
        Anything with a `scale` and its `collapse`.

    Returns
    -------
    str
        Such as "on the scale 0-2, 3, 4, 5 (0, 1, 2 count as 0-2)"; empty for `DEFAULT_SCALE`, which
        every reader knows, when it holds every grade as it was recorded.
    """
    if spec.scale == DEFAULT_SCALE and not spec.collapse:
        return ""
    folded = {
        grade: [label for label, target in spec.collapse if target == grade] for grade in spec.scale
    }
    parts = [
        f"{', '.join(labels)} count{'s' * (len(labels) == 1)} as {grade}"
        for grade, labels in folded.items()
        if labels
    ]
    words = f"on the scale {', '.join(spec.scale)}"
    return f"{words} ({'; '.join(parts)})" if parts else words


def _nearest_visit(
    grades: pd.DataFrame, patients: pd.Index, target: float, window: tuple[float, float]
) -> np.ndarray:
    """Day of each patient's visit nearest to `target` within `window`; NaN without one."""
    visits = grades.loc[grades["day"].between(*window), ["patient", "day"]].drop_duplicates()
    visits = visits.assign(distance=(visits["day"] - target).abs())
    visits = visits.sort_values(["patient", "distance", "day"]).drop_duplicates("patient")
    return visits.set_index("patient")["day"].reindex(patients).to_numpy(dtype=float)


def judge_responses(cohort: Cohort, spec: HasResponseRule) -> pd.DataFrame:
    """Classify every patient as responder or not by the response rule of a model.

    Parameters
    ----------
    cohort, spec : Cohort, HasResponseRule
        The cohort, and a `ModelSpec` (anything with a `scale`, its `collapse` and a `response`
        rule).

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
        When the cohort holds a grade that has no place on the specification's scale.

    Warns
    -----
    CohortWarning
        When patients are not evaluable, with the count of each reason.

    Examples
    --------
    >>> cohort = mb.read_cohort("data/leger2008_cohort")
    >>> model = mb.read_model("models/strength.toml")
    >>> judged = mb.judge_responses(cohort, model)
    >>> judged[["patient", "follow_up_day", "n_affected", "n_gained", "response"]].head(4)
      patient  follow_up_day  n_affected  n_gained  response
    0     P01          174.0           8         0     False
    1     P02          174.0           7         1     False
    2     P03          189.0           5         2      True
    3     P04            NaN           8      <NA>      <NA>
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
    """Return the table of `judge_responses` from grades already set out, without its warning."""
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


def patient_flow(cohort: Cohort, spec: HasResponseRule) -> pd.DataFrame:
    """Count the patients from enrolled to evaluable, overall and by naive status.

    Parameters
    ----------
    cohort, spec : Cohort, HasResponseRule
        The cohort, and a `ModelSpec` (anything with a `scale`, its `collapse` and a `response`
        rule).

    Returns
    -------
    DataFrame
        Columns `step`, `all`, `naive`, `previously_treated` and `synthetic`. The first row counts
        the enrolled patients, each row in between those left out for one reason, the last the
        evaluable: in every column the last is the first minus the rows in between.

    Examples
    --------
    >>> cohort = mb.read_cohort("data/leger2008_cohort")
    >>> model = mb.read_model("models/strength.toml")
    >>> flow = mb.patient_flow(cohort, model)
    >>> flow.loc[flow["all"] > 0, ["step", "all", "naive", "previously_treated"]]
                                             step  all  naive  previously_treated
    0                                    enrolled   40     22                  18
    2  left out: no visit in the follow-up window    2      2                   0
    5                                   evaluable   38     20                  18
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
