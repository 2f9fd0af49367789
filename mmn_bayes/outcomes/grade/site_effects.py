"""Draws of the levels of muscles and sides, which the likelihood of grades integrates out."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import xarray as xr

from mmn_bayes.data.random_streams import rng_of
from mmn_bayes.engine.family import FAMILIES
from mmn_bayes.engine.predicting import predict
from mmn_bayes.engine.rows import Part, parts_of_rows, repeats
from mmn_bayes.model_file.model_spec import ModelSpec


def site_effects(
    spec: ModelSpec, design: xr.Dataset, posterior: xr.Dataset, seed: int, cores: int | None
) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Draw the effects that the likelihood integrates out, given each draw of the rest.

    Parameters
    ----------
    spec, design, posterior : ModelSpec, Dataset, Dataset
        The model, its design, and the draws of its parameters.
    seed, cores : int, int or None
        Of the random numbers; threads, by default as many as there are processors.

    Returns
    -------
    dict
        Dims and values of the standard normals of the sites, by the name of the variable.
    """
    code, n_sites = design["code"].to_numpy(), design.sizes["site"]
    parts, code, n_grades = _parts(spec, design, code)
    uniform = rng_of(seed, "effects of sites, given the other parameters")
    integral = FAMILIES[spec.family].integral(spec.link)
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
    return {name: (("chain", "draw", "site"), effects)}


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
