"""The other engines: the same model and priors, as a competent user of each would have them."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from .clock import Clock
from .engines import priors
from .graph import REAL, first_thresholds, graph
from .plan import CHAINS, CORES, SEED

# What pm.sample does beside sampling is left out: the package checks draws only when asked to.
ASKED = {"chains": CHAINS, "cores": CORES}
QUIET = {"progressbar": False, "compute_convergence_checks": False, "random_seed": SEED}


class Peer:
    """One table in, names as in `graph`."""

    names: ClassVar[dict[str, str]] = {}

    def read(self, folder: Path, name: str) -> pd.DataFrame:
        """Read the table of a cohort."""
        return pd.read_csv(folder / f"{name}.csv")


class Ordered(Peer):
    """`pm.OrderedLogistic` under nutpie."""

    def sample(self, table: pd.DataFrame, lengths: dict[str, int], clock: Clock) -> Any:
        """Compile and sample."""
        import nutpie

        compiled = nutpie.compile_pymc_model(graph(table))
        return nutpie.sample(
            compiled, **lengths, **ASKED, seed=SEED, progress_bar=False, save_warmup=False
        )


class OrderedPyMC(Peer):
    """`pm.OrderedLogistic` under PyMC's own NUTS."""

    def sample(self, table: pd.DataFrame, lengths: dict[str, int], clock: Clock) -> Any:
        """Sample; the first draw is stamped when it comes."""
        import pymc as pm

        clock.model = graph(table)
        if clock.stops:
            lengths = {"draws": 1, "tune": 1}

        def stamp(**_: Any) -> None:
            if np.isnan(clock.first):
                clock.first = clock.now()

        with clock.model:
            trace = pm.sample(nuts_sampler="pymc", callback=stamp, **lengths, **ASKED, **QUIET)
        clock.last = clock.first + float(trace["posterior"].attrs["sampling_time"])
        return trace


class Bambi(Peer):
    """Bambi, which hands its model to nutpie."""

    names: ClassVar[dict[str, str]] = {
        "threshold": "thresholds",
        "1|patient_sigma": "patient_sd",
        "1|site_sigma": "site_sd",
    }

    def sample(self, table: pd.DataFrame, lengths: dict[str, int], clock: Clock) -> Any:
        """Build, compile and sample, all by Bambi."""
        model = self.model(table)
        return model.fit(inference_method="nutpie", **lengths, **ASKED, **QUIET)

    def model(self, table: pd.DataFrame) -> Any:
        """Return Bambi's model, with the priors of the file instead of its own."""
        import bambi
        from pymc.distributions.transforms import ordered

        stated, start = priors(), first_thresholds(table)
        grades = pd.Categorical(table["grade"].astype(str), list("012345"), ordered=True)

        def normal(name: str, **more: Any) -> Any:
            return bambi.Prior("Normal", mu=stated[name]["mean"], sigma=stated[name]["sd"], **more)

        def effects(name: str) -> Any:
            sd = bambi.Prior("HalfNormal", sigma=stated[name]["sd"])
            return bambi.Prior("Normal", mu=0, sigma=sd)

        return bambi.Model(
            "grade ~ 0 + naive + dose_rate + (1|patient) + (1|site)",
            table.assign(grade=grades),
            family="cumulative",
            center_predictors=False,
            priors={
                "threshold": normal("thresholds", transform=ordered, initval=start),
                "1|patient": effects("patient_sd"),
                "1|site": effects("site_sd"),
                **{name: normal(name) for name in REAL},
            },
        )
