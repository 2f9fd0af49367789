"""What a fit carries (its model, design and draws), and draws with names, made from it."""

import tomllib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mmn_bayes.data.restricting import of_patients
from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.design import fingerprint, historical_of, make_design
from mmn_bayes.engine.family import FAMILIES
from mmn_bayes.errors import CohortWarning
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.model_file.reading import parse_model

# How many evenly spaced draws of a fit to take, at most (`thinned`), by what one costs. Neighbours
# say nearly the same, and of 400 independent ones a mean has a Monte Carlo error of 5 % of the sd.
# Many: grades of new patients. Some: grades under many rules or shifts, matrices of each step. Few:
# grades on many days, integrals over the effects of a patient, a half-life of its own each.
MANY_DRAWS, SOME_DRAWS, FEW_DRAWS = 2000, 1000, 400
EVERYBODY = "group"  # the dim of groups where there is but one, of all patients


def spec_of(fit: xr.DataTree) -> ModelSpec:
    """Return the model specification that a fit carries.

    Parameters
    ----------
    fit : DataTree
        The fit.

    Returns
    -------
    ModelSpec
        As the model file stated it when the fit was made.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`:

    >>> mb.engine.spec_of(response_fit).name
    'response'
    """
    return _parsed(fit.attrs["spec_toml"], fit.attrs["spec_name"])


def specs_of(fits: Sequence[xr.DataTree]) -> list[ModelSpec]:
    """Return the specifications of fits of different models.

    Raises
    ------
    ValueError
        When it is no list of fits, or two models have one name.
    """
    if not all("spec_toml" in getattr(fit, "attrs", ()) for fit in fits):
        raise ValueError("Give a list of fits, such as [one, another], and nothing else in it.")
    names = [str(fit.attrs["spec_name"]) for fit in fits]
    if len(set(names)) < len(names):
        raise ValueError(f"Two of the models have one name: {', '.join(names)}.")
    return [spec_of(fit) for fit in fits]


@lru_cache(maxsize=64)
def _parsed(text: str, name: str) -> ModelSpec:
    """The specification of a text: frozen, so that all who ask for it may have the same one."""
    return parse_model(tomllib.loads(text), name)


def design_of(fit: xr.DataTree) -> xr.Dataset:
    """Return the design that a fit carries: its data as arrays.

    Parameters
    ----------
    fit : DataTree
        The fit.

    Returns
    -------
    Dataset
        As `make_design` gives it.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`:

    >>> design = mb.engine.design_of(response_fit)
    >>> design.sizes["patient"]
    40
    """
    return fit["design"].to_dataset()


def history_of(fit: xr.DataTree) -> pd.DataFrame | None:
    """Return the prior from historical evidence that a fit carries.

    Parameters
    ----------
    fit : DataTree
        The fit.

    Returns
    -------
    DataFrame or None
        The mixture of betas as `fit` takes it: `weight`, `alpha`, `beta`, `model`, `kind`; None for
        a model without `[historical]`.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`:

    >>> mb.engine.history_of(response_fit) is None
    True
    """
    stated = spec_of(fit).historical
    if stated is None:
        return None
    return historical_of(design_of(fit)).assign(model=stated.model, kind=stated.kind)


def is_fit_of(
    fit: xr.DataTree,
    data: Cohort | pd.DataFrame,
    *,
    spec: ModelSpec | None = None,
    historical: pd.DataFrame | None = None,
) -> bool:
    """Return whether a fit has the fingerprint of these data, its model and its seed.

    Parameters
    ----------
    fit : DataTree
        The fit.
    data : Cohort or DataFrame
        A cohort, or the table of counts or visits that the model takes.
    spec : ModelSpec or None, optional
        The model; by default the one that the fit carries, which the model file may no longer
        state.
    historical : DataFrame or None, optional
        For a model with `[historical]`: the prior, as `history_of` returns it.

    Returns
    -------
    bool
        Whether model, data, prior from history and version of the code are those of the fit.

    Raises
    ------
    DataError
        When the model cannot use these data.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`, and `cohort`, the cohort of
    `data/leger2008_cohort`:

    >>> mb.engine.is_fit_of(response_fit, cohort)
    True
    >>> mb.engine.is_fit_of(response_fit, mb.exposure.first_months(cohort, until_day=170))
    False
    """
    own = spec_of(fit) if spec is None else spec
    design = make_design(data, own, historical)
    return fingerprint(own, design, int(fit.attrs["seed"])) == fit.attrs["fingerprint"]


def require_fit_of(
    fit: xr.DataTree, cohort: Cohort, *, covariates: bool = True, some: bool = False
) -> None:
    """Raise unless a fit is of a cohort, which would give its model the design that the fit has.

    Parameters
    ----------
    fit, cohort : DataTree, Cohort
        The fit, and the cohort.
    covariates : bool, default True
        Whether the covariates are compared too: a table of outcomes takes a cohort without them.
    some : bool, default False
        Whether the fit may be of some of the patients alone (`complete_cases`).

    Raises
    ------
    DataError
        When the model cannot use the cohort.
    ValueError
        When the fit is not of it.
    """
    spec, design, history = spec_of(fit), design_of(fit), history_of(fit)
    if not covariates:
        spec, history = replace(spec, predictors=(), historical=None), None
    same = True
    if some:
        patients = design["patient"].to_numpy().tolist()
        same = {*patients} <= {*cohort.patients["patient"]}
        cohort = of_patients(cohort, patients)
    if same:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CohortWarning)  # who has no part was said at the fit
            made = make_design(cohort, spec, history)
        kept = made.drop_vars("effect", errors="ignore").variables  # without names of covariates
        same = all(name in design and design[name].variable.equals(kept[name]) for name in kept)
    if not same:
        nor = ", nor of some of its patients" if some else ""
        raise ValueError(
            f"The fit of '{spec.name}' is not of this cohort{nor}; give the one it is of."
        )


def design_of_grades(fit: xr.DataTree) -> xr.Dataset:
    """Return the design of a fit of grades.

    Raises
    ------
    ValueError
        When the fit is of another outcome.
    """
    spec = spec_of(fit)
    if spec.outcome != "grade":
        raise ValueError(f"The fit of '{spec.name}' is of outcome '{spec.outcome}', not of grades.")
    return design_of(fit)


def drawn_from(fit: xr.DataTree) -> str:
    """Return what the draws of a fit are of: "posterior", or "prior" (`sample_prior`)."""
    return str(fit.attrs.get("distribution", "posterior"))


def without_numbers(fit: xr.DataTree) -> np.ndarray:
    """Say of each draw of a fit whether any parameter is not a number; shape (chain times draw,).

    What is drawn by comparing (a grade, whether a patient responds) hides such draws: no number is
    above them, nor below. Whoever draws in that way leaves these draws blank.
    """
    posterior = fit["posterior"].to_dataset()
    found = np.zeros(posterior.sizes["chain"] * posterior.sizes["draw"], dtype=bool)
    for values in posterior.data_vars.values():
        if {"chain", "draw"} <= set(values.dims) and values.dtype.kind == "f":
            flat = values.transpose("chain", "draw", ...).to_numpy().reshape(found.size, -1)
            found |= np.isnan(flat).any(axis=1)
    return found


def blanked(fit: xr.DataTree, values: np.ndarray) -> np.ndarray:
    """Return values of each draw, draws first, missing where a parameter is not a number."""
    lacking = without_numbers(fit)
    if not lacking.any():
        return values
    return np.where(lacking.reshape(-1, *[1] * (values.ndim - 1)), np.nan, values)


def grade_gap(fit: xr.DataTree) -> xr.DataArray:
    """Return the mean gap between the cutpoints in each draw: one grade, in units of the model.

    Raises
    ------
    ValueError
        When the fit is of another outcome, or of a family without such a thing.
    """
    design_of_grades(fit)
    require_gap(spec_of(fit))
    cutpoints = fit["posterior"].to_dataset().get("cutpoints")
    if cutpoints is None:
        raise ValueError(f"The draws of '{fit.attrs['spec_name']}' have no cutpoints; give a fit.")
    return cutpoints.diff("threshold").mean("threshold", skipna=False)


def require_gap(spec: ModelSpec) -> None:
    """Raise a ValueError when a gap between cutpoints is not one grade of strength."""
    if not FAMILIES[spec.family].one_grade:
        raise ValueError(
            f"The model '{spec.name}' is of family '{spec.family}', in which no gap between "
            "cutpoints is one grade: its effects cannot be told in grades; ask for responses, or "
            "for shares at each grade."
        )


def thinned(fit: xr.DataTree, most: int) -> xr.DataTree:
    """Return the fit with evenly spaced draws of its posterior, at most so many in all chains."""
    posterior = fit["posterior"].to_dataset()
    every = -(-posterior.sizes["chain"] * posterior.sizes["draw"] // most)
    thinned = xr.DataTree.from_dict(
        {
            "posterior": posterior.isel(draw=slice(None, None, every)),
            "design": fit["design"].to_dataset(),
        }
    )
    thinned.attrs = fit.attrs
    return thinned


def as_draws(
    fit: xr.DataTree,
    values: np.ndarray,
    dims: Mapping[str, Any],
    *,
    quantity: str,
    meaning: str = "",
    support: tuple[float, float] | None = None,
    name: str | None = None,
) -> xr.DataArray:
    """Return values of each draw of a fit as an array with named dims.

    Parameters
    ----------
    fit : DataTree
        The fit that the values are computed of, thinned as they are.
    values : ndarray
        First axis chain times draw, then those of `dims`, as one axis or as several.
    dims : dict
        By the name of each further dim its labels, or None for a dim without. That of everybody
        (`Groups.dims` where there are no groups) is left out.
    quantity, meaning : str
        What the values are, and of whom; no meaning is left out.
    support : tuple of float, optional
        Where the quantity can lie.
    name : str, optional
        Of the array.

    Returns
    -------
    DataArray
        Dims `chain`, `draw` and those named; attributes as `attributes_of_draws` gives them.
    """
    posterior = fit["posterior"]
    sample = {dim: posterior[dim].to_numpy() for dim in ("chain", "draw")}
    labels = {dim: own for dim, own in dims.items() if own is not None}
    sizes = [-1 if own is None else len(own) for own in (*sample.values(), *dims.values())]
    drawn = xr.DataArray(
        values.reshape(sizes),
        dims=(*sample, *dims),
        coords={**sample, **labels},
        name=name,
        attrs=attributes_of_draws(fit, quantity, meaning=meaning, support=support),
    )
    return drawn.isel({EVERYBODY: 0}, drop=True) if EVERYBODY in dims else drawn


def attributes_of_draws(
    fit: xr.DataTree,
    quantity: str,
    *,
    meaning: str = "",
    support: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """Return the attributes of draws from a fit; arguments as for `as_draws`.

    Returns
    -------
    dict
        `synthetic`, `distribution`, `quantity` and, where they are given, `meaning` and `support`.
    """
    stated = {"meaning": meaning or None, "support": support}
    return {
        "synthetic": bool(fit.attrs["synthetic"]),
        "distribution": drawn_from(fit),
        "quantity": quantity,
        **{key: value for key, value in stated.items() if value is not None},
    }
