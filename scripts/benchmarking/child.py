"""One measurement, in a process of its own: sample, then look at the draws and the costs.

Usage: python -m benchmarking.child <task.json> <seconds since the epoch>
"""

import contextlib
import json
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

from .clock import BeforeSampling, Clock
from .plan import BAMBI, FIRST, GRADIENT, ORDERED, PACKAGE, PYMC


def main(task: dict[str, Any], started: float) -> dict[str, Any]:
    """Measure what a task asks for."""
    clock = Clock(started)
    engine, folder = engine_of(task["engine"]), Path(task["cohorts"])
    lengths = dict(task["lengths"])
    if task["engine"] != PYMC:
        clock.watch_nutpie()
    if task["run"] == GRADIENT:
        return gradient_only(engine, folder, lengths, clock)
    trace = engine.sample(engine.read(folder, "first"), lengths, clock)
    total, memory = clock.now(), peak_memory()
    from .draws import described

    record = {
        "status": "finished",
        "seconds_to_first_draw": clock.first,
        "seconds_sampling": clock.last - clock.first,
        "seconds_total": total,
        "tune": trace.attrs.get("tune", lengths.get("tune")),
        **memory,
        **described(trace, engine.names),
    }
    from .gradient import microseconds

    record["us_per_gradient"] = microseconds(clock, trace["posterior"].to_dataset())
    if task["engine"] == PACKAGE and task["run"] == FIRST:
        record["saved_mb"] = saved_mb(trace)
    return record | {"seconds_before_second_sampling": second_fit(engine, folder, lengths, clock)}


def engine_of(name: str) -> Any:
    """Return the engine of a name; nothing of the others is imported."""
    if name == PACKAGE:
        from .engines import Package

        return Package()
    from . import peers

    return {ORDERED: peers.Ordered, PYMC: peers.OrderedPyMC, BAMBI: peers.Bambi}[name]()


def peak_memory() -> dict[str, float]:
    """Return the peak memory of this process, and of the largest of those that it started, MiB."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    own, workers = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    names = {"memory_mib": own, "worker_memory_mib": workers}
    return {name: resource.getrusage(who).ru_maxrss / unit for name, who in names.items()}


def saved_mb(fit: Any) -> float:
    """Return the size of a saved fit, in millions of bytes."""
    import mmn_bayes as mb

    with tempfile.TemporaryDirectory() as folder:
        return mb.save(fit, Path(folder) / "fit.nc").stat().st_size / 1e6


def second_fit(engine: Any, folder: Path, lengths: dict[str, int], clock: Clock) -> float:
    """Return the seconds that a fit to other data, already read, spends before it samples."""
    data = engine.read(folder, "other")
    clock.restart(stops=True)
    with contextlib.suppress(BeforeSampling):
        engine.sample(data, lengths, clock)
    return clock.first


def gradient_only(
    engine: Any, folder: Path, lengths: dict[str, int], clock: Clock
) -> dict[str, Any]:
    """Compile, and time the gradient at points that were not sampled."""
    clock.stops = True
    with contextlib.suppress(BeforeSampling):
        engine.sample(engine.read(folder, "first"), lengths, clock)
    from .gradient import microseconds

    record = {"status": "finished", "seconds_to_first_draw": clock.first, **peak_memory()}
    return record | {"us_per_gradient": microseconds(clock, None)}


if __name__ == "__main__":
    question = Path(sys.argv[1])
    answer = main(json.loads(question.read_text(encoding="utf-8")), float(sys.argv[2]))
    question.with_suffix(".answer").write_text(json.dumps(answer), encoding="utf-8")
