"""When sampling starts and ends, whoever calls the sampler; and what it was given."""

import time
from typing import Any

POINTS = 8  # of the posterior, at which gradients are timed


class BeforeSampling(Exception):
    """Raised where sampling would start, by a clock that was asked to stop there."""


class Clock:
    """Seconds since the process was started, and the sampler's stamps among them."""

    def __init__(self, started: float) -> None:
        self.started = started
        self.stops = False
        self.first = self.last = float("nan")
        self.model: Any = None
        self.compiled: Any = None
        self.points: Any = None  # unconstrained draws, where the sampler's trace has them

    def now(self) -> float:
        """Return the seconds since the start."""
        return time.time() - self.started

    def restart(self, stops: bool) -> None:
        """Start anew, perhaps to stop where sampling would start."""
        self.__init__(time.time())
        self.stops = stops

    def sampling(self) -> None:
        """Stamp the start of sampling."""
        self.first = self.now()
        if self.stops:
            raise BeforeSampling

    def sampled(self) -> None:
        """Stamp its end."""
        self.last = self.now()

    def watch_nutpie(self) -> None:
        """Put stamps around the two functions of nutpie that its users call, and keep its model."""
        import nutpie

        compile_model, sample = nutpie.compile_pymc_model, nutpie.sample

        def compile_and_keep(model: Any, *args: Any, **kwargs: Any) -> Any:
            self.model, self.compiled = model, compile_model(model, *args, **kwargs)
            return self.compiled

        def sample_and_stamp(*args: Any, **kwargs: Any) -> Any:
            self.compiled = args[0]
            self.sampling()
            trace = sample(*args, **kwargs)
            self.sampled()
            drawn = trace["posterior"].to_dataset().get("unconstrained")
            if drawn is not None:
                flat = drawn.to_numpy().reshape(-1, drawn.shape[-1])
                self.points = flat[:: -(-len(flat) // POINTS)].copy()
            return trace

        nutpie.compile_pymc_model, nutpie.sample = compile_and_keep, sample_and_stamp
