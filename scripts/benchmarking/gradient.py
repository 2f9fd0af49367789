"""What one gradient costs: the compiled log-density and gradient, called in a loop."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from .clock import Clock

POINTS, SECONDS = 8, 0.25  # points of the posterior, and seconds of calling at each


def microseconds(clock: Clock, posterior: Any) -> float:
    """Time the gradient that the sampler used; the median over points.

    The points are draws of the posterior, since the cost of an integral over the effects depends on
    where it is; without draws they are near the prior's middle, as any other engine's may be.
    """
    call = nutpie_gradient(clock.compiled) if clock.compiled else pymc_gradient(clock.model)
    costs = []
    for point in points(clock.model, posterior):
        call(point)
        n, started = 0, time.perf_counter()
        while time.perf_counter() - started < SECONDS:
            for _ in range(5):
                call(point)
            n += 5
        costs.append((time.perf_counter() - started) / n)
    return 1e6 * float(np.median(costs))


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


def points(model: Any, posterior: Any) -> Iterator[np.ndarray]:
    """Give the unconstrained points of draws, in the order of the model's variables."""
    constrained = [rv.type(name=rv.name) for rv in model.free_RVs]
    free = [
        transform.forward(value, *rv.owner.inputs) if transform else value
        for rv, value in zip(model.free_RVs, constrained, strict=True)
        for transform in (model.rvs_to_transforms[rv],)
    ]
    joined = pt.concatenate([pt.flatten(value) for value in free])
    inputs = {"on_unused_input": "ignore", "mode": "FAST_COMPILE"}
    transformed = pytensor.function(constrained, joined, **inputs)
    rng = np.random.default_rng(1)
    start = model.initial_point()
    for number in range(POINTS):
        if posterior is None:
            flat = np.concatenate([np.ravel(start[value.name]) for value in model.value_vars])
            yield flat + 0.1 * rng.normal(size=flat.size)
            continue
        draw = {
            "chain": number % posterior.sizes["chain"],
            "draw": number * posterior.sizes["draw"] // POINTS,
        }
        values = [
            # Some engines drop the standard normals of their effects; these stand in for them.
            posterior[rv.name].isel(draw).to_numpy().astype(float)
            if rv.name in posterior
            else rng.normal(size=rv.shape.eval())
            for rv in model.free_RVs
        ]
        yield transformed(*values)
