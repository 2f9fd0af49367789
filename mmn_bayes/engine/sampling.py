"""Fit a model: compile, sample, draw what was integrated out, keep everything with the draws."""

import json
import platform
import time
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import nutpie
import pandas as pd
import pymc as pm
import xarray as xr

from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.compiled_logp import Program, compiled, constrainer, for_sampler
from mmn_bayes.engine.completeness import incomplete
from mmn_bayes.engine.components import in_usual_units, parametrisation
from mmn_bayes.engine.design import fingerprint, make_design
from mmn_bayes.engine.graph import build
from mmn_bayes.engine.outcome import outcome_of
from mmn_bayes.engine.sampling_arguments import Settings, settings_of
from mmn_bayes.engine.sampling_progress import Progress, Reporter, reporter
from mmn_bayes.engine.stopping import run
from mmn_bayes.engine.uninformative import uninformative
from mmn_bayes.errors import CohortWarning, SamplingError
from mmn_bayes.model_file.model_spec import ModelSpec, model_to_toml
from mmn_bayes.model_file.vocabulary import PARAMETRISATIONS

_SAMPLER = "nutpie"
# nutpie's low-rank mass matrix: the level, the gain and the naive effects share ridges that a
# diagonal one does not see (on 40 simulated patients, 2,000 draws: smallest effective sample 576
# against 207, with 12 leapfrogs a draw against 15). What the draws of a window do not show is drawn
# to the diagonal by `mass_matrix_gamma`: nutpie's own 1e-5 breaks down where there are fewer draws
# than parameters. On a normal distribution of 409 dimensions 3 of 24 chains took noise for
# correlations (up to 208 of them, the others at most 17), and one of 4 chains of 400 patients
# diverged in every draw; from 1e-3 to 1 none of the 24 did. On 40 patients the smallest effective
# sample sizes are as before (benchmark.toml), or larger (strength.toml: 988 against 803).
ADAPTATION: Mapping[str, Any] = {"adaptation": "low_rank", "mass_matrix_gamma": 1e-2}
# Of nutpie's adaptation of the step, in the place of the outcome's: half-lives of infusions are
# little known, least where all are infused alike: on the first months of the reproduction cohort
# three seeds had 6, 2 and 1 divergences at 0.8, 0, 2 and 0 at 0.9, none at 0.95. On the whole
# cohort ESS a second is the same at 0.8 and 0.9 (11 and 15 leapfrogs a draw).
_TARGET_ACCEPT_OF_HALF_LIVES = 0.95
_MATRIX = "{adaptation} (regularised by {mass_matrix_gamma:g})".format_map(ADAPTATION)
# The attribute of draws that were made afterwards, given all other parameters of the same draw.
DRAWN_GIVEN_REST = "drawn_given_rest"
_KEPT_STATS = ("diverging", "maxdepth_reached", "depth", "n_steps", "step_size", "energy")
_PACKAGES = (
    "mmn_bayes",
    "pymc",
    "pytensor",
    "nutpie",
    "arviz",
    "numba",
    "numpy",
    "xarray",
    "pandas",
)


def fit(
    cohort: Cohort | pd.DataFrame,
    spec: ModelSpec,
    *,
    historical: pd.DataFrame | None = None,
    seed: int | None = None,
    progress: Progress = "auto",
    chains: int = 4,
    draws: int | None = None,
    ess: float | None = None,
    tune: int = 300,
    cores: int | None = None,
) -> xr.DataTree:
    """Sample the posterior of a model given its data.

    Parameters
    ----------
    cohort : Cohort or DataFrame
        The data; for outcome "events" the table of `read_evidence` or `read_trial`.
    spec : ModelSpec
        The model.
    historical : DataFrame or None, optional
        For a model with `[historical]`: the mixture of betas that `historical_prior` gives.
    seed : int or None, optional
        Whole number from 0 to 2^32 - 1; the same seed on the same machine gives the same draws.
        Without one it is drawn, and kept in the fit.
    progress : {"auto", "bar", "lines", "off"}, default "auto"
        "auto": a bar on a terminal and a line per tenth elsewhere; or "bar", "lines", "off".
    chains : int, default 4
        Chains.
    draws : int or None, optional
        Kept draws a chain; with `ess` at most so many (2,000 where nothing is said).
    ess : float or None, optional
        Effective sample size, of bulk and of tails, that every parameter has when sampling ends,
        with an R-hat of at most 1.01; 500 where `draws` is not given either. Which draws are kept
        depends on the seed alone, not on the time they took.
    tune : int, default 300
        Warm-up draws a chain.
    cores : int or None, optional
        Chains at a time where the number of draws is fixed; by default as many as the machine has
        processors. Until an effective sample size is reached all chains run together.

    Returns
    -------
    DataTree
        Groups `posterior` (dims chain, draw, and patient, muscle, site, grade, threshold),
        `sample_stats` and `design`. Attributes: the resolved specification, seed, sampler really
        used, versions, fingerprint of specification, data and seed, and times in seconds.

    Raises
    ------
    DataError
        When the model cannot use the cohort.
    ValueError
        When the seed, a number of draws, chains or cores, or `ess` or `progress` is not usable; all
        of them at once.
    SamplingError
        When the sampler ended before it had all draws, or a quantity of them is no number.
    KeyboardInterrupt
        On an interrupt: there is no fit of a part of the draws.

    Warns
    -----
    CohortWarning
        Of what the data cannot tell, such as grades that are all the same (`uninformative`).

    References
    ----------
    Hoffman and Gelman, JMLR 2014;15:1593 (NUTS); Seyboldt et al., nutpie, for its adaptation.
    """
    settings = settings_of(
        seed=seed, progress=progress, chains=chains, draws=draws, ess=ess, tune=tune, cores=cores
    )
    clock = [time.perf_counter()]
    design = make_design(cohort, spec, historical)
    for sentence in uninformative(spec, design):
        warnings.warn(sentence, CohortWarning, stacklevel=2)
    model = build(spec, design)
    clock.append(time.perf_counter())
    program = compiled(model)
    clock.append(time.perf_counter())
    report = reporter(progress, spec.name, settings.lengths, settings.ess)
    trace, posterior = _sampled(spec, model, program, settings, report)
    clock.append(time.perf_counter())
    tree = xr.DataTree.from_dict(
        {
            "posterior": _posterior(spec, design, posterior, settings.seed, settings.cores),
            "sample_stats": _plain(trace["sample_stats"].to_dataset()[list(_KEPT_STATS)]),
            "design": design,
        }
    )
    clock.append(time.perf_counter())
    parts = ("building", "compiling", "sampling", "drawing")
    seconds = {f"seconds_{p}": b - a for p, (a, b) in zip(parts, pairwise(clock), strict=True)}
    tree.attrs = {
        "seed": settings.seed,
        **settings.lengths,
        "draws": posterior.sizes["draw"],
        **({} if settings.ess is None else {"ess_asked": float(settings.ess)}),
        **seconds,
        **_origin(spec, design, settings.seed),
    }
    if reasons := incomplete(tree):
        raise SamplingError(
            f"The draws are no complete fit: {'; '.join(reasons)}; run the fit again, and if it "
            "happens again look at the model."
        )
    return tree


def _target_accept(spec: ModelSpec) -> float:
    estimated = any("half_life" in name for name in spec.priors)
    return _TARGET_ACCEPT_OF_HALF_LIVES if estimated else outcome_of(spec.outcome).target_accept


def _sampled(
    spec: ModelSpec, model: pm.Model, program: Program, settings: Settings, reporter: Reporter
) -> tuple[xr.DataTree, xr.Dataset]:
    """What the sampler gives, and the draws of the model's own parameters."""
    report, finish = reporter
    lengths, ess = settings.lengths, settings.ess
    fewest = [0]

    def look(chains: Any) -> None:
        fewest[0] = min(chain.finished_draws for chain in chains) - lengths["tune"]
        if report is not None:
            report(chains)

    # All chains at once until they suffice: what one has more than the others would be for nothing.
    cores = settings.cores if ess is None else lengths["chains"]
    try:
        sampler = nutpie.sample(
            for_sampler(model, program),
            **lengths,
            cores=cores,
            seed=settings.seed,
            **ADAPTATION,
            target_accept=_target_accept(spec),
            save_warmup=False,
            progress_bar=False,
            progress_callback=look,
            progress_rate=500 if ess is None else 50,
            blocking=False,
        )
        try:
            constrain = constrainer(model, program)  # while the chains warm up
        except BaseException:
            sampler.cancel()
            raise

        def quantities(draws: xr.Dataset) -> xr.Dataset:
            return _kept(spec, constrain(draws))

        trace = run(
            sampler, lengths["draws"], ess=ess, finished=lambda: fewest[0], quantities=quantities
        )
    finally:
        finish()
    return trace, quantities(trace["posterior"].to_dataset())


def _kept(spec: ModelSpec, posterior: xr.Dataset) -> xr.Dataset:
    """The variables without those by which others are sampled.

    What groups were sampled by says no more than their sds and standard normals, which are kept for
    all, and effects in units of their own no more than the effects. What has a sign has two modes.
    """
    sampled_by = tuple(f"_{way}" for way in PARAMETRISATIONS)
    units = {f"{exposure.name}_scaled" for exposure in spec.exposures}
    units |= {"unit_sd_signed", *(f"{group.name}_sd_signed" for group in spec.groups)}
    by_the_way = [n for n in map(str, posterior) if n.endswith(sampled_by) or n in units]
    return posterior.drop_vars(by_the_way)


def _posterior(
    spec: ModelSpec,
    design: xr.Dataset,
    posterior: xr.Dataset,
    seed: int,
    cores: int | None,
) -> xr.Dataset:
    """The draws, those of the integrated effects too; each says whether it is of synthetic data."""
    draw = outcome_of(spec.outcome).draw_integrated
    given_rest = {} if draw is None else draw(spec, design, posterior, seed, cores)
    posterior = _plain(posterior.assign(given_rest))
    for name in given_rest:
        posterior[name].attrs[DRAWN_GIVEN_REST] = 1
    for draws in posterior.data_vars.values():
        draws.attrs["synthetic"] = design.attrs["synthetic"]
    return posterior


def _origin(spec: ModelSpec, design: xr.Dataset, seed: int) -> dict[str, str | int]:
    """What a fit says of the model, the data and the software it comes from."""
    groups = outcome_of(spec.outcome).sampled_groups(spec)
    return {
        "spec_name": spec.name,
        "spec_title": spec.title,
        "spec_toml": model_to_toml(spec),
        "spec_fingerprint": spec.fingerprint,
        "fingerprint": fingerprint(spec, design, seed),
        "sampler": f"{_SAMPLER} {version(_SAMPLER)}, NUTS, {_MATRIX} mass matrix",
        "parametrisation": json.dumps(
            {g.name: parametrisation(spec, g) for g in groups}
            | {e.name: "by the mean of its measure" for e in spec.exposures if in_usual_units(e)}
            | ({"shrinkage": "balanced"} if spec.shrinkage is not None else {})
        ),
        "versions": json.dumps(_versions()),
        "synthetic": design.attrs["synthetic"],
        "title": design.attrs["title"],
    }


def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def _plain(data: xr.Dataset) -> xr.Dataset:
    """Drop attributes of the sampler and give text coordinates a type that files can hold."""
    texts = {
        name: coord.astype(str) for name, coord in data.coords.items() if coord.dtype.kind == "O"
    }
    return data.assign_coords(texts).drop_attrs()
