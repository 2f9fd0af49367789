"""What a fit prints while it samples: a bar on a terminal, a line per tenth elsewhere."""

import sys
import time
from collections.abc import Callable
from typing import Any, Literal

from tqdm import tqdm

Progress = Literal["auto", "bar", "lines", "off"]
# What the sampler calls with the state of its chains, and what closes it.
Reporter = tuple[Callable[[Any], None] | None, Callable[[], None]]


def reporter(progress: Progress, name: str, lengths: dict[str, int], ess: float | None) -> Reporter:
    """Return what prints how far the chains of the model `name` are, and what closes it.

    Parameters
    ----------
    progress : {"auto", "bar", "lines", "off"}
        As `fit` is given it.
    name : str
        Of the model.
    lengths : dict of str to int
        Chains, draws and warm-up draws.
    ess : float or None
        Effective sample size at which sampling ends; None for a fixed number of draws.
    """
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
