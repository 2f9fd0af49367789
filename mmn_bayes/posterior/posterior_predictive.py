"""Grades of the two visits of the response rule, replicated from the posterior."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from mmn_bayes.data.response import NOT_GRADED
from mmn_bayes.engine.design import at_rows, without_rows
from mmn_bayes.engine.family import FAMILIES
from mmn_bayes.engine.predicting import draw_grades, draw_grades_by_cdf, predict
from mmn_bayes.model_file.model_spec import ModelSpec


class Panels(NamedTuple):
    """Grades of a block of draws at both visits, shape (draw, patient, position)."""

    draws: slice
    baseline: np.ndarray
    follow_up: np.ndarray


class Occasions(NamedTuple):
    """The two visits of every patient, and the grades recorded at them."""

    day: np.ndarray  # (2, patient)
    recorded: np.ndarray  # (2, site), NOT_GRADED where there is none
    # Of the grades of other visits before the second one, which an examiner may remember: site, day
    # and code, each of shape (row,).
    others: tuple[np.ndarray, np.ndarray, np.ndarray]


def recorded_occasions(spec: ModelSpec, design: xr.Dataset) -> Occasions:
    """Return the visits that the rule uses, on their target days where a patient has none."""
    rule = spec.response
    day = np.stack(
        [
            design["baseline_day"].fillna(rule.baseline_day).to_numpy(),
            design["follow_up_day"].fillna(rule.follow_up_day).to_numpy(),
        ]
    )
    recorded = np.full((2, design.sizes["site"]), NOT_GRADED)
    site = design["site_of_row"].to_numpy()
    day_of_row = design["day_of_visit"].to_numpy()[design["visit_of_row"].to_numpy()]
    patient = design["patient_of_site"].to_numpy()
    for occasion in range(2):
        here = day_of_row == day[occasion, patient[site]]
        recorded[occasion, site[here]] = design["code"].to_numpy()[here]
    other = (day_of_row < day[1, patient[site]]) & (day_of_row != day[0, patient[site]])
    others = site[other], day_of_row[other], design["code"].to_numpy()[other]
    return Occasions(day, recorded, others)


def planned_occasions(spec: ModelSpec, design: xr.Dataset) -> Occasions:
    """Return both visits on their target days, with nothing recorded."""
    n = design.sizes["patient"]
    day = np.repeat([[spec.response.baseline_day], [spec.response.follow_up_day]], n, axis=1)
    none = np.array([], dtype=int), np.array([], dtype=float), np.array([], dtype=int)
    return Occasions(day, np.full((2, design.sizes["site"]), NOT_GRADED), none)


def replicate_panels(
    spec: ModelSpec,
    design: xr.Dataset,
    posterior: xr.Dataset,
    occasions: Occasions,
    rng: np.random.Generator,
    *,
    new_members: bool = False,
    keep_recorded: bool = False,
    only_recorded: bool = False,
    shift: np.ndarray | None = None,
) -> Iterator[Panels]:
    """Replicate the grades of both visits, draw by draw.

    Parameters
    ----------
    spec, design, posterior : ModelSpec, Dataset, Dataset
        The model, its design and draws of its parameters.
    occasions : Occasions
        Days of the visits and what was recorded at them.
    rng : Generator
        Source of randomness.
    new_members : bool, default False
        Whether patients and sites are new ones, with fresh effects.
    keep_recorded : bool, default False
        Whether a recorded grade stays as it is, so that only the missing are filled in.
    only_recorded : bool, default False
        Whether a muscle that was not graded at a visit is not graded in its replicates either.
    shift : ndarray or None, optional
        Added to the strength of each site at the second visit, where it was not graded there, in
        the units of the model, shape (site,): what is assumed of visits missed not at random.

    Yields
    ------
    Panels
        The panels of all patients for a block of draws.
    """
    n_site = design.sizes["site"]
    patient = design["patient_of_site"].to_numpy()
    site, day, known = _visits(spec, occasions, patient)
    asked = np.full(site.size, True)
    if only_recorded:
        asked = known != NOT_GRADED  # what was not graded is not remembered
    elif keep_recorded and spec.memory is None:
        asked = known == NOT_GRADED
    # A graph of no rows is none: where nothing is asked, a row is drawn that nobody reads.
    graded = np.flatnonzero(asked) if asked.any() else np.array([0])
    rows = at_rows(design, spec, site[graded], day[graded], np.full(graded.size, NOT_GRADED))
    where = graded[rows["position_of_row"].to_numpy()]
    if shift is not None:
        of_visits = np.zeros(site.size)
        of_visits[n_site : 2 * n_site] = np.where(occasions.recorded[1] == NOT_GRADED, shift, 0.0)
        rows = rows.assign(shift_of_row=("row", of_visits[where]))
    kept = (known[where] != NOT_GRADED) & keep_recorded
    site_of_row = rows["site_of_row"].to_numpy()
    set_of_row = rows["set_of_row"].to_numpy() if spec.relaxed is not None else None
    panels = _Laying(patient, occasions, where, asked, keep_recorded)
    latent = FAMILIES[spec.family].latent
    names = ["eta_of_site", "eta_of_row", "scaled_cutpoints"] if latent else ["grade_cdf"]
    names += ["memory"] if spec.memory is not None else []
    for draws, values in predict(spec, rows, posterior, names, rng=rng, new_members=new_members):
        if latent:
            of_site, of_row, sets, *_ = values
            eta = of_site.astype(np.float32).take(site_of_row, axis=1)
            eta += of_row.astype(np.float32)
            of_set: Any = slice(0, 1) if set_of_row is None else set_of_row
            cutpoints = [below[:, of_set] for below in np.moveaxis(sets.astype(np.float32), 2, 0)]
            code = draw_grades(eta, cutpoints, spec.link, rng)
        else:
            code = draw_grades_by_cdf(values[0], rng)
        if spec.memory is not None:
            code[:, kept] = known[where[kept]]
            _repeat(code, rows["earlier_row"].to_numpy(), ~kept, values[-1], rng)
        yield Panels(draws, *(panels.laid_out(code, occasion) for occasion in range(2)))


class _Laying:
    """Where the grades of both visits stand in panels of patients, found once for all draws."""

    def __init__(
        self,
        patient: np.ndarray,
        occasions: Occasions,
        where: np.ndarray,
        asked: np.ndarray,
        keep_recorded: bool,
    ) -> None:
        position = position_in_patient(patient)
        self.shape = int(patient.max()) + 1, int(position.max()) + 1
        row_of = np.full(asked.size, -1)
        row_of[where] = np.arange(where.size)
        row_of[~asked] = -1
        n_site = patient.size
        self.places = []
        for occasion, recorded in enumerate(occasions.recorded):
            row = np.full(self.shape, -1)
            row[patient, position] = row_of[occasion * n_site : (occasion + 1) * n_site]
            known = np.full(self.shape, NOT_GRADED)
            if keep_recorded:
                known[patient, position] = recorded
            self.places.append((row.ravel(), known.ravel()))

    def laid_out(self, code: np.ndarray, occasion: int) -> np.ndarray:
        """Grades of one visit, shape (draw, patient, position), of those of rows, (draw, row)."""
        row, known = self.places[occasion]
        panel = code.take(np.maximum(row, 0), axis=1)
        absent = (row < 0) | (known != NOT_GRADED)
        panel[:, absent] = known[absent]
        return panel.reshape(-1, *self.shape)


def _visits(
    spec: ModelSpec, occasions: Occasions, patient: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Site, day and recorded code of the rows to replicate: both visits, then what is remembered.

    Without memory the grades of other visits say nothing that the parameters do not.
    """
    site = np.tile(np.arange(patient.size), 2)
    day, known = occasions.day[:, patient].ravel(), occasions.recorded.ravel()
    if spec.memory is None:
        return site, day, known
    own = zip((site, day, known), occasions.others, strict=True)
    site, day, known = (np.concatenate(pair) for pair in own)
    return site, day, known


def _repeat(
    code: np.ndarray,
    earlier: np.ndarray,
    may: np.ndarray,
    memory: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Replace grades by the earlier ones that are remembered, visit by visit; in place.

    `code` has shape (draw, row), `earlier` the row before or -1, `may` whether a row is replicated.
    """
    again = rng.random(code.shape, dtype=np.float32) < memory[:, None]
    place = np.zeros(earlier.size, dtype=int)  # how many remembered visits lie before
    for row in np.flatnonzero(earlier >= 0):  # the earlier row has a smaller number
        place[row] = place[earlier[row]] + 1
    for visit in range(1, int(place.max(initial=0)) + 1):
        rows = np.flatnonzero((place == visit) & may)
        code[:, rows] = np.where(again[:, rows], code[:, earlier[rows]], code[:, rows])


def position_in_patient(patient_of_site: np.ndarray) -> np.ndarray:
    """Number the sites of each patient from 0, in their order; shape (site,)."""
    order = np.argsort(patient_of_site, kind="stable")
    sorted_patient = patient_of_site[order]
    first = np.searchsorted(sorted_patient, sorted_patient, side="left")
    position = np.empty(patient_of_site.size, dtype=np.int64)
    position[order] = np.arange(patient_of_site.size) - first
    return position


def choose_patients(design: xr.Dataset, who: np.ndarray) -> xr.Dataset:
    """Make a design of the patients at these positions, as often as each is named; without rows.

    Sites, covariates and infusions come along; the copies of a patient share its label, by which
    they find its infusions.
    """
    patient = design["patient_of_site"].to_numpy()
    sites_of = [np.flatnonzero(patient == p) for p in range(design.sizes["patient"])]
    kept = without_rows(design)
    chosen = kept.isel(patient=who, site=np.concatenate([sites_of[p] for p in who]))
    owner = np.repeat(np.arange(len(who)), [sites_of[p].size for p in who])
    return chosen.assign(patient_of_site=("site", owner)).assign_coords(site=np.arange(owner.size))
