"""What one gradient costs: the compiled log-density and gradient, called in a loop."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from .clock import POINTS, Clock

SECONDS = 0.25  # of calling at each point


def microseconds(clock: Clock, posterior: Any) -> float:
    """Time the gradient that the sampler used; the median over points.

    The points are draws of the posterior, since the cost of an integral over the effects depends on
    where it is; without draws they are near the prior's middle, as any other engine's may be.
    """
    call = nutpie_gradient(clock.compiled) if clock.compiled else pymc_gradient(clock.model)
    costs = []
    where = clock.points
    for point in points(clock.model, posterior, order(clock)) if where is None else where:
        call(point)
        # Processor time: one thread computes, and whatever else the machine does is not its cost.
        n, started = 0, time.thread_time()
        while time.thread_time() - started < SECONDS:
            for _ in range(5):
                call(point)
            n += 5
        costs.append((time.thread_time() - started) / n)
    return 1e6 * float(np.median(costs))


def order(clock: Clock) -> list[str]:
    """Return the names of the unconstrained variables in the order of the compiled function."""
    names = [value.name for value in clock.model.value_vars]
    return [n for n in clock.compiled.shape_info[0] if n in names] if clock.compiled else names


def nutpie_gradient(compiled: Any) -> Callable[[np.ndarray], float]:
    """Return the very function that nutpie calls, by its address."""
    call, data = compiled.compiled_logp_func.ctypes, compiled.user_data.ctypes.data
    gradient, value = np.empty(compiled.n_dim), np.empty(1)
    real = call.argtypes[1]

    def evaluate(point: np.ndarray) -> float:
        out = (array.ctypes.data_as(real) for array in (point, gradient, value))
        if call(point.size, *out, data):
            raise ValueError("The log-density cannot be computed at this point.")
        return float(value[0])

    return evaluate


def pymc_gradient(model: Any) -> Callable[[np.ndarray], Any]:
    """Return the function that PyMC's NUTS calls."""
    function = model.logp_dlogp_function(ravel_inputs=True)
    function.set_extra_values({})
    return function._pytensor_function


def points(model: Any, posterior: Any, order: Sequence[str]) -> Iterator[np.ndarray]:
    """Give the unconstrained points of draws, the variables in a given order."""
    by_name = {model.rvs_to_values[rv].name: rv for rv in model.free_RVs}
    variables = [by_name[name] for name in order]
    constrained = [rv.type(name=rv.name) for rv in variables]
    transforms = [model.rvs_to_transforms[rv] for rv in variables]
    free = [
        transform.forward(value, *rv.owner.inputs) if transform else value
        for rv, value, transform in zip(variables, constrained, transforms, strict=True)
    ]
    joined = pt.concatenate([pt.flatten(value) for value in free])
    unconstrain = pytensor.function(
        constrained, joined, on_unused_input="ignore", mode="FAST_COMPILE"
    )
    start = model.initial_point()
    rng = np.random.default_rng(1)
    for number in range(POINTS):
        if posterior is None:
            flat = np.concatenate([np.ravel(start[name]) for name in order])
            yield flat + 0.1 * rng.normal(size=flat.size)
            continue
        place = {
            "chain": number % posterior.sizes["chain"],
            "draw": number * posterior.sizes["draw"] // POINTS,
        }
        yield unconstrain(*(drawn(posterior.isel(place), rv.name) for rv in variables))


def drawn(draw: Any, name: str) -> np.ndarray:
    """Return a variable of one draw; Bambi keeps a group's effects and sd, not their ratio."""
    if name not in draw and name.endswith("_offset"):
        effects = name.removesuffix("_offset")
        return (draw[effects] / draw[f"{effects}_sigma"]).to_numpy().astype(float)
    return draw[name].to_numpy().astype(float)
