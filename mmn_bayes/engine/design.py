"""The design: everything a model needs of a cohort, as arrays with named dims.

A design carries what the estimands need too (days, infusions, who responded), so that a fit that
carries its design needs nothing else.
"""

import hashlib

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.exposure import (
    cumulative_dose,
    days_since_first_infusion,
    dose_rate,
    number_of_infusions,
)
from mmn_bayes.data.response import VisitPair, judged_patients, visit_pair
from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.covariates import unusable, with_covariates
from mmn_bayes.engine.outcome import outcome_of
from mmn_bayes.engine.rows import earlier_rows
from mmn_bayes.engine.visit_times import infusion_events, time_basis
from mmn_bayes.errors import DataError
from mmn_bayes.model_file.model_spec import Exposure, ModelSpec

# The version of what a fit stands for beside its model file, data and seed. Raised by whoever
# changes what is estimated: a likelihood, the meaning of a prior or of a column of the design, a
# rule or an estimand that is computed of a fit. Everything that is stored is then stale, and its
# tests say so. Not raised by what gives other draws of the same posterior, or the same sooner
# (adaptation, parametrisation, order of sums, compiled code): those results still hold, within
# Monte Carlo error. The source itself is not hashed: a comment would make hours of results stale.
CODE_VERSION = 1

# The column of a historical prior that says of which fit it is made: that fit's fingerprint.
MADE_OF = "fit_fingerprint"


def make_design(
    cohort: Cohort | pd.DataFrame, spec: ModelSpec, historical: pd.DataFrame | None = None
) -> xr.Dataset:
    """Make the arrays of a model from data.

    Parameters
    ----------
    cohort, spec : Cohort or DataFrame, ModelSpec
        The data (a cohort, or for outcome "events" a table of counts), and the model.
    historical : DataFrame or None, optional
        For a model with `[historical]`: the mixture of betas that `historical_prior` gives. With a
        column `fit_fingerprint`, the fingerprint of the fit whose draws it is made of, that stands
        for the mixture in the `fingerprint` of the design.

    Returns
    -------
    Dataset
        Always, with dim `patient`: `naive`, one variable a predictor (`x_<name>`), `response`
        (1, 0, or -1 when not evaluable), `reason`, `n_affected` (-1 without a baseline visit),
        `n_sites` (ever graded), `baseline_day`, `follow_up_day`. For outcome
        "grade" also dims `site` (a muscle of one side of a patient), `muscle`, `row` (a grade),
        `visit` (a patient on a day), `grade`, `threshold` and `infusion`; for "class",
        "blocks" and "state" what `with_classes`, `with_blocks` and `with_states` add.
        Attributes: `synthetic`, `title`, `source`, and with a mixture made of a fit
        `historical_fit_fingerprint`.

    Raises
    ------
    DataError
        Every reason why the model cannot use the cohort, at once.

    Examples
    --------
    With `cohort`, the cohort of `data/leger2008_cohort`, and `response_model`, the model of
    `models/response.toml`:

    >>> design = mb.engine.make_design(cohort, response_model)
    >>> design.sizes["patient"], int((design["response"] == 1).sum())
    (40, 18)
    """
    outcomes = [outcome_of(name) for name in spec.outcomes]
    if outcomes[0].make_design is not None:
        return outcomes[0].make_design(spec, cohort)
    if not isinstance(cohort, Cohort):
        raise DataError(
            f"The model '{spec.name}' cannot be fitted to this table.",
            ["it is of the patients of a cohort: give it what `read_cohort` gives."],
        )
    defects = [
        *_without_history(spec, historical),
        *(d for predictor in spec.predictors for d in unusable(predictor, cohort)),
        *(defect for outcome in outcomes for defect in outcome.defects(spec, cohort)),
    ]
    if defects:
        raise DataError(f"The model '{spec.name}' cannot be fitted to this cohort.", defects)
    pair = visit_pair(cohort, spec)
    judged = judged_patients(cohort, pair, spec)
    design = _of_patients(spec, cohort, pair, judged)
    if historical is not None:
        names = {f"historical_{name}": historical[name] for name in ("weight", "alpha", "beta")}
        design = design.assign(
            {name: ("component", values.to_numpy(dtype=float)) for name, values in names.items()}
        )
        if MADE_OF in historical:
            design = design.assign_attrs({_HISTORICAL_FIT: str(historical[MADE_OF].iloc[0])})
    for outcome in outcomes:
        if outcome.add_data is not None:
            try:
                design = outcome.add_data(design, spec, cohort)
            except DataError as error:
                defects.extend(error.defects)
    if defects:
        raise DataError(f"The model '{spec.name}' cannot be fitted to this cohort.", defects)
    return design


_HISTORICAL_FIT = f"historical_{MADE_OF}"


def _without_history(spec: ModelSpec, mixture: pd.DataFrame | None) -> list[str]:
    """Why a prior from history cannot be used, or is missing."""
    stated = spec.historical
    if stated is None:
        unasked = "the model has no [historical]; leave the historical prior out."
        return [] if mixture is None else [unasked]
    if mixture is None:
        return [
            f"[historical] asks for the {stated.kind} prior of the model '{stated.model}'; give it "
            "as `historical=`, as `historical_prior` makes it of that model's fit."
        ]
    columns = ("weight", "alpha", "beta", "model", "kind")
    absent = [name for name in columns if name not in mixture]
    if absent:
        return [f"historical: no column {', '.join(absent)}; give what `historical_prior` gives."]
    if MADE_OF in mixture and (mixture[MADE_OF].isna().any() or mixture[MADE_OF].nunique() > 1):
        return [f"historical: {MADE_OF} is not the same in all rows; they are of one fit."]
    given = {name: ", ".join(sorted(set(mixture[name].astype(str)))) for name in columns[3:]}
    asked = {"model": stated.model, "kind": stated.kind}
    return [
        f"historical: {name} is '{given[name]}', but [historical] asks for '{asked[name]}'."
        for name in asked
        if given[name] != asked[name]
    ]


def _of_patients(
    spec: ModelSpec, cohort: Cohort, pair: VisitPair, judged: pd.DataFrame
) -> xr.Dataset:
    """What there is one of a patient."""
    patients = cohort.patients["patient"]
    n_sites = pair.sites.groupby("patient").size().reindex(patients, fill_value=0)
    variables = {
        "naive": cohort.patients["naive"].to_numpy(dtype=bool),
        "response": judged["response"].astype("Int8").fillna(-1).to_numpy(dtype=np.int64),
        "n_affected": judged["n_affected"].fillna(-1).to_numpy(dtype=np.int64),
        "n_sites": n_sites.to_numpy(dtype=np.int64),
        "reason": judged["reason"].to_numpy(dtype=object).astype(str),
        "baseline_day": pair.baseline_day,
        "follow_up_day": pair.follow_up_day,
    }
    design = xr.Dataset(
        {name: ("patient", values) for name, values in variables.items()},
        coords={"patient": patients.to_numpy(dtype=object).astype(str)},
        attrs={
            "synthetic": int(cohort.synthetic),
            "title": cohort.title,
            "source": cohort.source,
        },
    )
    return with_covariates(design, spec, cohort.patients)


def at_rows(
    design: xr.Dataset, spec: ModelSpec, site: np.ndarray, day: np.ndarray, code: np.ndarray
) -> xr.Dataset:
    """Lay rows (a site on a day) over a design, with the exposures of its own infusions.

    Parameters
    ----------
    design : Dataset
        With dims `patient`, `site`, `muscle`, `infusion`; rows and visits it has are replaced.
    spec : ModelSpec
        The model whose exposures to compute.
    site, day, code : ndarray
        Position of the site, day and grade code (`NOT_GRADED` where none) of each row; (row,).

    Returns
    -------
    Dataset
        The design with the new rows, those of a site together, `position_of_row` saying which of
        the given ones each is, and one `visit` for each patient and day: what depends on the day
        alone is computed once a visit, not once a row.
    """
    patient = design["patient_of_site"].to_numpy()[site]
    visits, visit_of_row = np.unique(np.stack([patient, day]), axis=1, return_inverse=True)
    who, when = design["patient"].to_numpy()[visits[0].astype(int)], visits[1]
    infusions = recorded_infusions(design)
    order = np.lexsort((day, site))  # what an examiner remembers stands before
    first_row = np.searchsorted(site[order], np.arange(design.sizes["site"] + 1))
    at_visits = {
        "patient_of_visit": visits[0].astype(int),
        "day_of_visit": when,
        "days_since_first_infusion": days_since_first_infusion(who, when, infusions),
        **({"days_since_inclusion": when} if spec.slope is not None else {}),
        **{
            f"exposure_{exposure.name}": _exposure(exposure, who, when, infusions)
            for exposure in spec.exposures
            if exposure.measure != "effect_compartment"
        },
    }
    rows = {
        "site_of_row": site[order],
        "visit_of_row": visit_of_row.ravel()[order],
        "code": code[order],
        "position_of_row": order,
    }
    if spec.relaxed is not None:
        rows["set_of_row"] = _set_of_row(spec, design, rows["site_of_row"], rows["visit_of_row"])
    if spec.memory is not None:
        rows["earlier_row"] = earlier_rows(site[order], day[order], spec.memory.within_days)
    kept = without_rows(design)
    if spec.time is not None:
        since = when if spec.time.since == "inclusion" else at_visits["days_since_first_infusion"]
        knots = [f"day {day:g}" for day in spec.time.knots_days[1:]]
        basis = ("visit_knot", time_basis(spec.time, since).ravel())
        kept = kept.assign(time_basis=basis).assign_coords(knot=np.array(knots))
    if any(e.measure == "effect_compartment" for e in spec.exposures):
        kept = kept.assign(infusion_events(design, at_visits["patient_of_visit"], when, infusions))
    if any(group.by == "patient:visit" for group in spec.groups):
        # By its name a visit finds its effect among the draws.
        names = [f"{name}, day {day:g}" for name, day in zip(who, when, strict=True)]
        kept = kept.assign_coords(visit=np.array(names))
    return kept.assign(
        {name: ("visit", values) for name, values in at_visits.items()}
        | {name: ("row", values) for name, values in rows.items()}
        | {"first_row_of_site": ("site_edge", first_row)}
    )


def recorded_infusions(design: xr.Dataset) -> pd.DataFrame:
    """Return the infusions of a design: `patient`, `day`, `dose_g_per_kg`."""
    return pd.DataFrame(
        {
            "patient": design["infusion_patient"].to_numpy(),
            "day": design["infusion_day"].to_numpy(),
            "dose_g_per_kg": design["infusion_dose_g_per_kg"].to_numpy(),
        }
    )


def historical_of(design: xr.Dataset) -> pd.DataFrame:
    """Return the mixture of betas of a design: `weight`, `alpha`, `beta`, and of which fit it is.

    Parameters
    ----------
    design : Dataset
        Of a model with `[historical]`.

    Returns
    -------
    DataFrame
        One row a component; the column `fit_fingerprint` where the design says it.
    """
    names = ("weight", "alpha", "beta")
    table = pd.DataFrame({name: design[f"historical_{name}"].to_numpy() for name in names})
    made_of = design.attrs.get(_HISTORICAL_FIT)
    return table if made_of is None else table.assign(**{MADE_OF: made_of})


def fingerprint(spec: ModelSpec, design: xr.Dataset, seed: int) -> str:
    """Compute the SHA-256 of all inputs of a fit: model, data, seed and `CODE_VERSION`.

    Parameters
    ----------
    spec, design, seed : ModelSpec, Dataset, int
        The model, its data as `make_design` sets them out, and the seed of the fit.

    Returns
    -------
    str
        In hexadecimal. A mixture made of a fit enters by that fit's fingerprint, which is of its
        inputs: its numbers depend on draws, which differ between processors. A mixture stated by
        hand is data like any other, and enters digit by digit.

    Examples
    --------
    With `cohort`, the cohort of `data/leger2008_cohort`, and `response_model`, the model of
    `models/response.toml`:

    >>> design = mb.engine.make_design(cohort, response_model)
    >>> design.sizes["patient"]
    40
    >>> text = mb.engine.fingerprint(response_model, design, seed=1)
    >>> len(text), text == mb.engine.fingerprint(response_model, design, seed=2)
    (64, False)
    """
    digest = hashlib.sha256(spec.fingerprint.encode())
    made_of = design.attrs.get(_HISTORICAL_FIT)
    for name in sorted(map(str, design.variables)):
        if made_of is not None and name.startswith("historical_"):
            continue
        values = design[name].to_numpy()
        kind = values.astype(str).tolist() if values.dtype.kind in "OU" else values.tolist()
        digest.update(f"{name}{design[name].dims}{kind}".encode())
    digest.update(f"seed {seed}".encode())
    if made_of is not None:
        digest.update(f"historical {made_of}".encode())
    # Version 1 adds nothing: what was stored before there were versions is of the first.
    if CODE_VERSION > 1:
        digest.update(f"code {CODE_VERSION}".encode())
    return digest.hexdigest()


def _exposure(
    exposure: Exposure, who: np.ndarray, day: np.ndarray, infusions: pd.DataFrame
) -> np.ndarray:
    if exposure.window_days is not None:
        return dose_rate(who, day, infusions, window_days=exposure.window_days)
    if exposure.measure == "n_infusions":
        return number_of_infusions(who, day, infusions).astype(float)
    return cumulative_dose(who, day, infusions)


def without_rows(design: xr.Dataset) -> xr.Dataset:
    """Return the design without what `at_rows` lays over it."""
    of_rows = ("row", "visit", "site_edge", "event", "patient_edge", "gap_length", "visit_knot")
    return design.drop_dims(of_rows, errors="ignore")


def _set_of_row(
    spec: ModelSpec, design: xr.Dataset, site: np.ndarray, visit: np.ndarray
) -> np.ndarray:
    """Which set of cutpoints each row has, of those of `components.relaxed_cutpoints`; (row,)."""
    if spec.relaxed is None:
        return np.zeros(site.size, dtype=np.int64)
    patient_of_row = design["patient_of_site"].to_numpy()[site]
    if spec.relaxed.of == "visit":
        return visit
    if spec.relaxed.of == "patient":
        return patient_of_row
    if not spec.relaxed.groups:
        return design[f"x_{spec.relaxed.by}"].to_numpy()[patient_of_row].astype(np.int64)
    group_of = dict(spec.relaxed.groups)
    of_muscle = [spec.relaxed.strata.index(group_of[m]) for m in design["muscle"].to_numpy()]
    return np.array(of_muscle)[design["muscle_of_site"].to_numpy()[site]]
