"""What is measured: which engine, on which data, how often, and for how long at most."""

import argparse
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "benchmark.toml"
RESULTS = ROOT / "results" / "benchmark"
PACKAGE, ORDERED, PYMC, BAMBI = (
    "mmn_bayes",
    "OrderedLogistic, nutpie",
    "OrderedLogistic, PyMC",
    "Bambi",
)
PEERS = (ORDERED, BAMBI, PYMC)
REGIMES = ("reliable", "noisy")  # the reliable one, where real data live, comes first
SIZES = (40, 400, 4000)
CHAINS, CORES = 4, 2
PEER_LENGTHS = {"draws": 1000, "tune": 1000}  # their own defaults; the package has its own
FIRST, SECOND, GRADIENT = "first", "second", "gradient only"
SEED = 3  # of the samplers; the data of a regime have their own


@dataclass(frozen=True)
class Measurement:
    """One process: an engine on one cohort."""

    engine: str
    regime: str
    patients: int
    run: str  # with empty caches, again with those it left, or without sampling
    limit_seconds: float
    lengths: tuple[tuple[str, int], ...]  # empty: the engine's own defaults


def measurements(sizes: tuple[int, ...], limit: float, quick: bool) -> list[Measurement]:
    """Return all measurements in their order: what is to be compared stands close together."""
    small, middle, large = sizes
    short = {"draws": 20, "tune": 30}

    def one(engine: str, regime: str, n: int, run: str, times: float = 1.0) -> Measurement:
        lengths = short if quick else {} if engine == PACKAGE else PEER_LENGTHS
        return Measurement(engine, regime, n, run, times * limit, tuple(lengths.items()))

    plan = []
    for regime in REGIMES:
        engines = (PACKAGE, *PEERS)
        plan += [one(engine, regime, small, FIRST) for engine in engines]
        # Only of these a ratio asks for a second start.
        again = (PACKAGE, BAMBI) if regime == REGIMES[0] else (PACKAGE,)
        plan += [one(engine, regime, small, SECOND) for engine in again]
        plan.append(one(PACKAGE, regime, middle, FIRST))
    # PyMC's sampler calls the gradient of the graph that is timed under nutpie.
    plan += [one(engine, REGIMES[0], middle, GRADIENT) for engine in PEERS]
    plan += [one(engine, REGIMES[0], large, GRADIENT) for engine in (ORDERED, BAMBI)]
    plan.append(one(PACKAGE, REGIMES[0], large, FIRST, times=4.0))
    return plan


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Benchmark; writes tables and a figure.")
    parser.add_argument("--quick", action="store_true", help="tiny data and draws, no README")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    parser.add_argument("--limit-seconds", type=float, default=900.0, help="of each process")
    return parser.parse_args()
