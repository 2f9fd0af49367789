"""When sampling starts and ends, whoever calls the sampler; and what it was given."""

import time
from typing import Any


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
        self.program: Any = None

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

    def watch_package(self) -> None:
        """Keep what this package compiles for its sampler."""
        from mmn_bayes.model import sampling

        compiled = sampling.compiled

        def compile_and_keep(model: Any) -> Any:
            self.model, self.program = model, compiled(model)
            return self.program

        sampling.compiled = compile_and_keep

    def watch_nutpie(self) -> None:
        """Put stamps around the two functions of nutpie that every one of its users calls."""
        import nutpie

        compile_model, sample = nutpie.compile_pymc_model, nutpie.sample

        def compile_and_keep(model: Any, *args: Any, **kwargs: Any) -> Any:
            self.model, self.compiled = model, compile_model(model, *args, **kwargs)
            return self.compiled

        def sample_and_stamp(*args: Any, **kwargs: Any) -> Any:
            self.sampling()
            trace = sample(*args, **kwargs)
            self.sampled()
            return trace

        nutpie.compile_pymc_model, nutpie.sample = compile_and_keep, sample_and_stamp
