"""Fit a model: compile, sample, draw what was integrated out, keep everything with the draws."""

import json
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from itertools import pairwise
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import nutpie
import pandas as pd
import pymc as pm
import xarray as xr
from tqdm import tqdm

from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.build import build
from mmn_bayes.engine.compiled_logp import Program, compiled, constrainer, for_sampler
from mmn_bayes.engine.completeness import incomplete
from mmn_bayes.engine.components import in_usual_units, parametrisation
from mmn_bayes.engine.design import fingerprint, make_design
from mmn_bayes.engine.family import FAMILIES
from mmn_bayes.engine.predicting import predict
from mmn_bayes.engine.rows import Part, parts_of_rows, repeats
from mmn_bayes.engine.stopping import MOST_DRAWS, run
from mmn_bayes.engine.uninformative import uninformative
from mmn_bayes.errors import CohortWarning, SamplingError
from mmn_bayes.model_file.keys import OUTCOMES
from mmn_bayes.model_file.model_spec import Group, ModelSpec, spec_to_toml
from mmn_bayes.model_file.vocabulary import PARAMETRISATIONS

Progress = Literal["auto", "bar", "lines", "off"]
# What the sampler calls with the state of its chains, and what closes it.
Reporter = tuple[Callable[[Any], None] | None, Callable[[], None]]

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
# Of nutpie's adaptation of the step. A model of counts is of few units, whose sd reaches down to 0,
# where steps of the usual length diverge (9 of 16,000 draws of two such models); it costs nothing
# to take shorter ones.
# Blocks have an overdispersion, and histories a sd between patients, of which the same is true: at
# 0.8 four of six fits of blocks had a divergence or two and one of three fits of histories 214, at
# 0.95 none of blocks had any and one of histories, after 300 draws of warm-up, 1; at 0.99 none of
# three.
_TARGET_ACCEPT = dict.fromkeys(OUTCOMES, 0.8) | {"events": 0.99, "blocks": 0.95, "state": 0.99}
# Half-lives of infusions are little known, least where all are infused alike: on the first months
# of the reproduction cohort three seeds had 6, 2 and 1 divergences at 0.8, 0, 2 and 0 at 0.9, none
# at 0.95. On the whole cohort ESS a second is the same at 0.8 and 0.9 (11 and 15 leapfrogs a draw).
_TARGET_ACCEPT_OF_HALF_LIVES = 0.95
_MATRIX = "{adaptation} (regularised by {mass_matrix_gamma:g})".format_map(ADAPTATION)
# The attribute of draws that were made afterwards, given all other parameters of the same draw.
DRAWN_GIVEN_REST = "drawn_given_rest"
# Effective sample size, of bulk and tails, that every parameter has where nothing is asked: what
# `diagnose` asks for (400), and a margin for quantities that are computed from the parameters.
ESS = 500
# Beyond these no machine could keep the draws, or start the threads.
_MOST = {"chains": 1000, "draws": 10_000_000, "tune": 10_000_000, "cores": 1000}
_OPTIONAL = ("seed", "cores")
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
    spec: ModelSpec,
    cohort: Cohort | pd.DataFrame,
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
    spec, cohort
        The model and the data: a cohort; for outcome "events" the table of `read_evidence` or
        `read_trial`.
    historical
        For a model with `[historical]`: the mixture of betas that `historical_prior` gives.
    seed
        Whole number from 0 to 2^32 - 1; the same seed on the same machine gives the same draws.
        Without one it is drawn, and kept in the fit.
    progress
        "auto": a bar on a terminal and a line per tenth elsewhere; or "bar", "lines", "off".
    chains, tune
        Chains, and warm-up draws a chain.
    draws
        Kept draws a chain; with `ess` at most so many (2,000 where nothing is said).
    ess
        Effective sample size, of bulk and of tails, that every parameter has when sampling ends,
        with an R-hat of at most 1.01; 500 where `draws` is not given either. Which draws are kept
        depends on the seed alone, not on the time they took.
    cores
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
    if draws is None and ess is None:
        ess = ESS
    draws = MOST_DRAWS if draws is None else draws
    _check_numbers(ess, progress, seed=seed, chains=chains, draws=draws, tune=tune, cores=cores)
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else int(seed)
    chains, draws, tune = int(chains), int(draws), int(tune)  # NumPy's own would not be kept
    cores = None if cores is None else int(cores)
    clock = [time.perf_counter()]
    design = make_design(spec, cohort, historical)
    for sentence in uninformative(spec, design):
        warnings.warn(sentence, CohortWarning, stacklevel=2)
    model = build(spec, design)
    clock.append(time.perf_counter())
    program = compiled(model)
    clock.append(time.perf_counter())
    lengths = {"chains": chains, "draws": draws, "tune": tune}
    settings = _Settings(lengths, seed, ess, cores, _target_accept(spec))
    reporter = _progress(progress, spec.name, lengths, ess)
    trace, posterior = _sampled(spec, model, program, settings, reporter)
    clock.append(time.perf_counter())
    groups = {
        "posterior": _posterior(spec, design, posterior, seed, cores),
        "sample_stats": _plain(trace["sample_stats"].to_dataset()[list(_KEPT_STATS)]),
        "design": design,
    }
    about = {
        "seed": seed,
        **lengths,
        "draws": posterior.sizes["draw"],
        **({} if ess is None else {"ess_asked": float(ess)}),
    }
    clock.append(time.perf_counter())
    parts = ("building", "compiling", "sampling", "drawing")
    about |= {f"seconds_{part}": b - a for part, (a, b) in zip(parts, pairwise(clock), strict=True)}
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = about | _origin(spec, design, seed)
    if reasons := incomplete(tree):
        raise SamplingError(
            f"The draws are no complete fit: {'; '.join(reasons)}; run the fit again, and if it "
            "happens again look at the model."
        )
    return tree


def _target_accept(spec: ModelSpec) -> float:
    estimated = any("half_life" in name for name in spec.priors)
    return _TARGET_ACCEPT_OF_HALF_LIVES if estimated else _TARGET_ACCEPT[spec.outcome]


class _Settings(NamedTuple):
    """Of one run of the sampler."""

    lengths: dict[str, int]
    seed: int
    ess: float | None
    cores: int | None
    target_accept: float


def _sampled(
    spec: ModelSpec, model: pm.Model, program: Program, settings: _Settings, reporter: Reporter
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
            target_accept=settings.target_accept,
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
    if spec.outcome == "grade":
        posterior = _with_site_effects(spec, design, posterior, seed, cores)
    given_rest = [
        name for name, draws in posterior.data_vars.items() if DRAWN_GIVEN_REST in draws.attrs
    ]
    posterior = _plain(posterior)
    for name in given_rest:
        posterior[name].attrs[DRAWN_GIVEN_REST] = 1
    for draws in posterior.data_vars.values():
        draws.attrs["synthetic"] = design.attrs["synthetic"]
    return posterior


def _origin(spec: ModelSpec, design: xr.Dataset, seed: int) -> dict[str, str | int]:
    """What a fit says of the model, the data and the software it comes from."""
    return {
        "spec_name": spec.name,
        "spec_title": spec.title,
        "spec_toml": spec_to_toml(spec),
        "spec_fingerprint": spec.fingerprint,
        "fingerprint": fingerprint(spec, design, seed),
        "sampler": f"{_SAMPLER} {version(_SAMPLER)}, NUTS, {_MATRIX} mass matrix",
        "parametrisation": json.dumps(
            {g.name: parametrisation(spec, g) for g in _sampled_groups(spec)}
            | {e.name: "by the mean of its measure" for e in spec.exposures if in_usual_units(e)}
            | ({"shrinkage": "balanced"} if spec.shrinkage is not None else {})
        ),
        "versions": json.dumps(_versions()),
        "synthetic": design.attrs["synthetic"],
        "title": design.attrs["title"],
    }


def _sampled_groups(spec: ModelSpec) -> list[Group]:
    if spec.outcome != "grade":
        return []
    return [group for group in spec.groups if group is not spec.site_group]


def _check_numbers(ess: Any, progress: object, **numbers: Any) -> None:
    """Raise one error with all that cannot be used of what was asked."""
    faults = [f for name, number in numbers.items() if (f := _fault_of(name, number)) is not None]
    if progress not in get_args(Progress):
        faults.append(f"progress is {progress!r}; give one of {', '.join(get_args(Progress))}.")
    if ess is not None:
        real = isinstance(ess, int | float | np.integer | np.floating) and not isinstance(ess, bool)
        if not (real and 0 < ess < np.inf):
            faults.append(f"ess is {ess!r}; give a number above 0, such as {ESS}.")
        elif not faults and ess > (n_draws := int(numbers["chains"]) * int(numbers["draws"])):
            faults.append(
                f"ess is {ess:g}, more than the {n_draws} draws that there are at most; ask for "
                "less, or give more draws."
            )
    if faults:
        raise ValueError(" ".join(faults))


def _fault_of(name: str, number: object) -> str | None:
    if number is None and name in _OPTIONAL:
        return None
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        return f"{name} is {number!r}; give a whole number."
    if name == "seed":
        inside = 0 <= number < 2**32
        return None if inside else f"seed is {number}; give a whole number from 0 to {2**32 - 1}."
    if number < 1:
        return f"{name} is {number}; at least 1 is needed."
    if number > _MOST[name]:
        return f"{name} is {number}; at most {_MOST[name]} can be used."
    return None


def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def _plain(data: xr.Dataset) -> xr.Dataset:
    """Drop attributes of the sampler and give text coordinates a type that files can hold."""
    texts = {
        name: coord.astype(str) for name, coord in data.coords.items() if coord.dtype.kind == "O"
    }
    return data.assign_coords(texts).drop_attrs()


def _progress(
    progress: Progress, name: str, lengths: dict[str, int], ess: float | None
) -> Reporter:
    total = lengths["chains"] * (lengths["draws"] + lengths["tune"])
    if progress == "auto":
        progress = "bar" if sys.stderr.isatty() else "lines"
    if progress == "off":
        return None, lambda: None
    if progress == "bar":
        # Without a total where nobody knows yet how many draws it takes.
        bar = tqdm(total=total if ess is None else None, desc=f"{name}: sampling", unit="draw")

        def advance(chains: Any) -> None:
            bar.update(sum(chain.finished_draws for chain in chains) - bar.n)

        return advance, bar.close
    started = time.perf_counter()
    said = [0]

    def say(chains: Any) -> None:
        finished = sum(chain.finished_draws for chain in chains)
        if ess is None:
            step = 10 * finished // total
            words = f"{10 * step} %"
        else:
            step = finished // (100 * lengths["chains"])
            words = f"{100 * step} draws a chain, {lengths['tune']} of them warm-up,"
        if step > said[0]:
            said[0] = step
            seconds = time.perf_counter() - started
            print(f"{name}: sampling {words} after {seconds:.0f} s", file=sys.stderr, flush=True)

    return say, lambda: None


def _with_site_effects(
    spec: ModelSpec, design: xr.Dataset, posterior: xr.Dataset, seed: int, cores: int | None
) -> xr.Dataset:
    """Add draws of the effects that the likelihood integrates out, given each draw of the rest."""
    code, n_sites = design["code"].to_numpy(), design.sizes["site"]
    parts, code, n_grades = _parts(spec, design, code)
    uniform, integral = np.random.default_rng([seed, 1]), FAMILIES[spec.family].integral(spec.link)
    names = ["eta_without_site", "scaled_cutpoints", "site_sigma"]
    names += ["memory"] if spec.memory is not None else []
    repeat = repeats(design)
    shape = (posterior.sizes["chain"], posterior.sizes["draw"], n_sites)
    # Single precision halves a saved fit and its peak of memory; a millionth of a sd moves no
    # grade.
    effects = np.empty((shape[0] * shape[1], n_sites), dtype=np.float32)

    def draw(to: np.ndarray, values: Sequence[np.ndarray], uniform: np.ndarray) -> None:
        eta, cutpoints, sigma, *memory = values
        for part in parts:
            to[:, part.sites] = integral.draw_site_effects(
                eta[:, part.rows],
                cutpoints.reshape(len(cutpoints), -1) if n_grades else cutpoints[:, part.number],
                sigma,
                code[part.rows],
                part.first_row,
                uniform[:, part.sites],
                memory=memory[0] if memory else None,
                repeat=repeat[part.rows],
                n_grades=n_grades,
            )

    workers = min(cores or os.cpu_count() or 1, 8)
    with ThreadPoolExecutor(workers) as pool:
        for block, values in predict(spec, design, posterior, names, purpose="recover"):
            drawn = uniform.random((len(values[0]), n_sites, 2))
            # Every draw has its own numbers, so that threads change nothing but the time.
            shares = (np.array_split(v, workers) for v in (effects[block], *values, drawn))
            work = [pool.submit(draw, to, own, u) for to, *own, u in zip(*shares, strict=True)]
            for done in work:
                done.result()
    name = f"{spec.site_group.name}_z"
    effects = effects.reshape(shape)
    return posterior.assign({name: (("chain", "draw", "site"), effects, {DRAWN_GIVEN_REST: 1})})


def _parts(
    spec: ModelSpec, design: xr.Dataset, code: np.ndarray
) -> tuple[list[Part], np.ndarray, int]:
    """Rows by their cutpoints, and their codes; K where the rows of a site have several sets."""
    of_row = design["set_of_row"].to_numpy() if spec.relaxed else np.zeros(code.size, dtype=int)
    first_row = design["first_row_of_site"].to_numpy()
    if spec.relaxed is None or spec.relaxed.of == "site":
        return parts_of_rows(of_row, first_row), code, 0
    n_grades = len(spec.scale)
    return parts_of_rows(np.zeros_like(of_row), first_row), code + n_grades * of_row, n_grades
