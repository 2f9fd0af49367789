"""Conduction blocks: who has fewer, as many and more at follow-up, and the expected change."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import binom, nbinom

from mmn_bayes.data.margins import BLOCK_KINDS, block_group
from mmn_bayes.data.random_streams import rng_of
from mmn_bayes.engine.predicting import predict
from mmn_bayes.model_file.model_spec import ModelSpec, require_outcome
from mmn_bayes.outcomes.blocks.design import section_of
from mmn_bayes.posterior.draws import as_draws, blanked, design_of, spec_of
from mmn_bayes.posterior.effect_ratios import effect_ratios
from mmn_bayes.posterior.groups import Groups
from mmn_bayes.posterior.new_patients import Patients, new_patients, require_patients
from mmn_bayes.posterior.summary import PROBABILITY

MEANINGS = {
    "cohort": (
        "of these patients with a count at baseline: a change that was seen is kept, the others "
        "are filled in"
    ),
    "population": (
        "of new patients: covariates, blocks and nerves at baseline as in this cohort, and as many "
        "nerves tested again"
    ),
}


def block_kinds(fit: xr.DataTree, *, patients: Patients, group: str = "all") -> xr.DataArray:
    """Return posterior draws of the shares of patients with fewer, as many and more blocks.

    Parameters
    ----------
    fit : DataTree
        Of outcome "blocks", or of a joint model that has blocks.
    patients : Patients
        "cohort": of the patients of the fit who have a count at baseline; an observed change is
        kept, the others are imputed as missing at random given covariates and baseline.
        "population": of new patients, with the covariates, blocks and nerves of these at baseline.
    group : str, default "all"
        "naive responders", "naive", "previously treated", "responders", "non-responders" (of those
        evaluable) or "all".

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `kind` ("fewer", "unchanged", "more"); shares at follow-up, missing
        where nobody is in the group. `attrs` have the number of patients (`n`) and of those with a
        count at follow-up (`seen`).

    Raises
    ------
    ValueError
        When the fit has no blocks, patients or group is not one of those above, or responders among
        new patients are asked of a joint model, where response depends on the shared effects too.

    Examples
    --------
    With `blocks_fit`, a fit of `models/blocks.toml`:

    >>> kinds = mb.blocks.block_kinds(blocks_fit, patients="population")
    >>> kinds.dims, kinds["kind"].to_numpy().tolist()
    (('chain', 'draw', 'kind'), ['fewer', 'unchanged', 'more'])
    >>> bool(np.allclose(kinds.sum("kind"), 1.0))
    True
    """
    shares = _mean_of(fit, patients, group, _kinds)
    drawn = _drawn(fit, shares, patients, group, {"kind": list(BLOCK_KINDS)})
    return drawn.assign_attrs(support=PROBABILITY)


def expected_block_change(
    fit: xr.DataTree, *, patients: Patients, group: str = "all"
) -> xr.DataArray:
    """Return posterior draws of the mean change in number of blocks, follow-up less baseline.

    Parameters
    ----------
    fit : DataTree
        Of outcome "blocks", or of a joint model that has blocks.
    patients : Patients
        "cohort": of the patients of the fit who have a count at baseline; an observed change is
        kept, the others are imputed as missing at random given covariates and baseline.
        "population": of new patients, with the covariates, blocks and nerves of these at baseline.
    group : str, default "all"
        "naive responders", "naive", "previously treated", "responders", "non-responders" (of those
        evaluable) or "all".

    Returns
    -------
    DataArray
        Dims `chain`, `draw`; in nerves. Missing where nobody is in the group.

    Raises
    ------
    ValueError
        When the fit has no blocks, patients or group is not one of those above, or responders among
        new patients are asked of a joint model, where response depends on the shared effects too.

    Examples
    --------
    With `blocks_fit`, a fit of `models/blocks.toml`:

    >>> change = mb.blocks.expected_block_change(blocks_fit, patients="cohort", group="naive")
    >>> change.dims
    ('chain', 'draw')
    >>> change.attrs["quantity"], change.attrs["n"], change.attrs["seen"]
    ('change in number of blocks', 20, 20)
    """
    means = _mean_of(fit, patients, group, _change)
    return _drawn(fit, means, patients, group, {})


class _Fates:
    """What becomes of the nerves of patients in a block of draws; arrays are (draw, patient)."""

    def __init__(self, spec: ModelSpec, design: xr.Dataset, values: list[np.ndarray]) -> None:
        self.stays, self.appears, *spread = values
        self.before, self.blocked, self.free = (
            design[name].to_numpy() for name in ("blocks_before", "blocked_nerves", "free_nerves")
        )
        self.binomial = section_of(spec).binomial
        # Of the gamma distribution of expected numbers; none where they are of so many nerves.
        self.shape = 1.0 / spread[0][:, None] ** 2 if spread else np.ones((1, 1))

    @property
    def new(self) -> Any:
        """The distribution of the number of new blocks."""
        if self.binomial:
            return binom(self.free, self.appears)
        return nbinom(self.shape, self.shape / (self.shape + self.appears))

    def drawn(self, rng: np.random.Generator) -> np.ndarray:
        """Draw the number of blocks at follow-up; whatever where a parameter is not a number."""
        stays, appears, shape = map(np.nan_to_num, (self.stays, self.appears, self.shape))
        stayed = rng.binomial(self.blocked, stays)
        if self.binomial:
            return stayed + rng.binomial(self.free, appears)
        shape = np.where(shape > 0.0, shape, 1.0)
        mean = appears * rng.gamma(shape, 1.0 / shape, appears.shape)
        return stayed + rng.poisson(mean)


def _kinds(fates: _Fates) -> np.ndarray:
    """Probabilities of fewer, as many and more blocks; shape (draw, patient, kind)."""
    found = np.zeros((*fates.stays.shape, len(BLOCK_KINDS)))
    new = fates.new
    for stayed in range(int(fates.blocked.max(initial=0)) + 1):
        weight = binom.pmf(stayed, fates.blocked, fates.stays)
        lacking = fates.before - stayed  # so many new ones leave the number as it was
        found[..., 0] += weight * new.cdf(lacking - 1)
        found[..., 1] += weight * new.pmf(lacking)
        found[..., 2] += weight * new.sf(lacking)
    return found


def _change(fates: _Fates) -> np.ndarray:
    """Expected number at follow-up less that at baseline; shape (draw, patient, 1)."""
    appear = (fates.free if fates.binomial else 1.0) * fates.appears
    return (fates.blocked * fates.stays + appear - fates.before)[..., None]


def _of_known(change: np.ndarray, what: Any) -> np.ndarray:
    """What is asked, of changes that are known; shape (..., 3) or (..., 1)."""
    if what is _change:
        return change[..., None].astype(float)
    return np.stack([change < 0, change == 0, change > 0], axis=-1).astype(float)


def _mean_of(fit: xr.DataTree, patients: str, group: str, what: Any) -> np.ndarray:
    """Mean over the patients of a group of what is asked; shape (draw, ...)."""
    require_patients(patients)
    found = []
    for design, fates, rng in _fates_of(fit, patients, group):
        if patients == "population":
            found.append(what(fates).mean(axis=1))
            continue
        before, after = design["blocks_before"].to_numpy(), design["blocks_after"].to_numpy()
        change = np.where(after >= 0, after, fates.drawn(rng)) - before
        found.append(_of_known(change, what).mean(axis=1))
    if found:
        return np.concatenate(found)
    sizes = fit["posterior"].sizes
    return np.full((sizes["chain"] * sizes["draw"], 3 if what is _kinds else 1), np.nan)


def _fates_of(
    fit: xr.DataTree, patients: str, group: str
) -> Iterator[tuple[xr.Dataset, _Fates, np.random.Generator]]:
    """The patients of a group (or new ones like them), block by block of draws."""
    spec, design = require_outcome(spec_of(fit), "blocks"), design_of(fit)
    members = np.flatnonzero(_members(design, group))
    if not members.size:
        return
    if patients == "population" and unanswerable(fit, group):
        raise ValueError(
            f"Whether a new patient of '{spec.name}' responds goes with the effects that it "
            f"shares; ask for the {group} among these patients, or use a model of blocks alone."
        )
    rng = rng_of(fit, "blocks, filled in")
    posterior = fit["posterior"].to_dataset()
    who = members
    if patients == "population" and spec.sharing:
        # Their own effects are averaged over: more new patients than there are of these.
        who, _ = new_patients(Groups(None, {group: _members(design, group)}))
    elif patients == "cohort" and spec.sharing:
        who = np.arange(design.sizes["patient"])  # whose effects the draws have
    chosen = design.isel(patient=who)
    names = ["stays", "appears"]
    names += ["block_overdispersion"] if "block_overdispersion" in posterior else []
    kept = slice(None) if patients == "population" or not spec.sharing else members
    for _, (stays, appears, *spread) in predict(
        spec,
        chosen,
        posterior,
        names,
        rng=rng_of(fit, "blocks, effects of new patients"),
        new_members=patients == "population",
    ):
        own = chosen.isel(patient=kept)
        if patients == "population":
            own = _as_at_baseline(own)
        yield own, _Fates(spec, own, [stays[:, kept], appears[:, kept], *spread]), rng


def unanswerable(fit: xr.DataTree, group: str) -> bool:
    """Say whether new patients of a group cannot be asked for: responders of a joint model.

    Whether a new patient responds goes with the effects that act on blocks too; a group by response
    would have to be judged by them.
    """
    return bool(require_outcome(spec_of(fit), "blocks").sharing) and "responders" in group


def _as_at_baseline(design: xr.Dataset) -> xr.Dataset:
    """The design as if the nerves tested at baseline were tested again, and those alone."""
    before, nerves = design["blocks_before"], design["nerves_before"]
    return design.assign(blocked_nerves=before, free_nerves=(nerves - before).clip(min=0))


def _members(design: xr.Dataset, group: str) -> np.ndarray:
    """Who of a group has a count at baseline; shape (patient,)."""
    own = block_group(group, design["naive"].to_numpy(), design["response"].to_numpy())
    return own & (design["blocks_before"].to_numpy() >= 0)


def _drawn(
    fit: xr.DataTree, values: np.ndarray, patients: str, group: str, dims: dict[str, Any]
) -> xr.DataArray:
    design = design_of(fit)
    own = _members(design, group)
    quantity = "share of patients" if dims else "change in number of blocks"
    return as_draws(
        fit,
        blanked(fit, values),
        dims,
        quantity=quantity,
        meaning=MEANINGS[patients],
        name=quantity.replace(" ", "_"),
    ).assign_attrs(
        group=group,
        n=int(own.sum()),
        seen=int((own & (design["blocks_after"].to_numpy() >= 0)).sum()),
    )


def block_effect_ratios(fit: xr.DataTree) -> xr.DataArray:
    """Return posterior draws of the odds ratios of predictors for blocks that stay and appear.

    Parameters
    ----------
    fit : DataTree
        Of outcome "blocks", or of a joint model with blocks, with predictors.

    Returns
    -------
    DataArray
        Dims `chain`, `draw`, `predictor` (in a joint model also shared effects, by one sd of the
        patient's effect), `fate`: odds ratios that a block "stays" and that one "appears"; in a
        model of counts the latter are ratios of expected numbers.

    Raises
    ------
    ValueError
        When the fit has no blocks, or the model has no predictor of them.

    Examples
    --------
    With `blocks_fit`, a fit of `models/blocks.toml`:

    >>> ratios = mb.blocks.block_effect_ratios(blocks_fit)
    >>> ratios["predictor"].to_numpy().tolist(), ratios["fate"].to_numpy().tolist()
    (['early_response', 'naive'], ['stays', 'appears'])
    """
    binomial = require_outcome(spec_of(fit), "blocks").section("blocks").new == "binomial"
    return effect_ratios(fit, "blocks", "odds ratio" if binomial else "odds or rate ratio")


def prior_quantities(fit: xr.DataTree) -> dict[str, np.ndarray]:
    """Return what becomes of the blocks of new patients, draw by draw.

    Parameters
    ----------
    fit : DataTree
        With draws of the prior in the place of its posterior.

    Returns
    -------
    dict of ndarray
        By what they are, shape (draw,).
    """
    kinds = block_kinds(fit, patients="population")
    change = expected_block_change(fit, patients="population")
    return {
        **{f"probability of {k} blocks": kinds.sel(kind=k).to_numpy().ravel() for k in BLOCK_KINDS},
        "expected change in the number of blocks": change.to_numpy().ravel(),
    }


def joint_quantities(
    fit: xr.DataTree, patients: Patients, days: Sequence[float]
) -> dict[tuple[str, str], xr.DataArray]:
    """Return what a joint model is asked for, by what it is and of which group: a number a draw.

    Parameters
    ----------
    fit : DataTree
        Of outcome "blocks", or of a joint model that has blocks.
    patients : Patients
        "cohort": of the patients of the fit who have a count at baseline; a change that was seen is
        kept, the others are filled in as if missing at random given covariates and baseline.
        "population": of new patients, with the covariates, blocks and nerves of these at baseline.
    days : sequence of float
        Of no use here.
    """
    found = {}
    # Whether new patients respond goes with what is shared.
    for group in ("naive responders", "all") if patients == "cohort" else ("naive", "all"):
        kinds = block_kinds(fit, patients=patients, group=group)
        for kind in kinds["kind"].to_numpy().tolist():
            found[f"{kind} blocks", group] = kinds.sel(kind=kind, drop=True)
        change = expected_block_change(fit, patients=patients, group=group)
        found["change in number of blocks", group] = change
    return found
