"""The priors that all engines share, and this package as one of the engines."""

import tomllib
from pathlib import Path
from typing import Any, ClassVar

from .clock import Clock
from .plan import CORES, MODEL, SEED


def priors() -> dict[str, dict[str, Any]]:
    """Return the priors of the model file by the names that this benchmark reports."""
    file = tomllib.loads(MODEL.read_text(encoding="utf-8"))
    return {
        "thresholds": file["threshold"]["prior"],
        "patient_sd": file["group"]["patient_level"]["sd"],
        "site_sd": file["group"]["site"]["sd"],
        "naive": file["predictor"]["naive_level"]["prior"],
        "dose_rate": file["exposure"]["dose_rate"]["prior"],
    }


class Package:
    """This package, at the defaults of its `fit`."""

    names: ClassVar[dict[str, str]] = {
        "cutpoints": "thresholds",
        "patient_level_sd": "patient_sd",
        "naive_level": "naive",
    }

    def read(self, folder: Path, name: str) -> Any:
        import mmn_bayes as mb

        return mb.read_cohort(folder / name), mb.read_model(MODEL)

    def sample(self, data: Any, lengths: dict[str, int], clock: Clock) -> Any:
        import mmn_bayes as mb

        return mb.fit(*data, seed=SEED, progress="off", cores=CORES, **lengths)
