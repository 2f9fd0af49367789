"""The tables: one row a measurement, and the ratios that were to be reached."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from .plan import BAMBI, FIRST, GRADIENT, ORDERED, PACKAGE, REGIMES, SECOND

ROWS_A_PATIENT = 60
COLUMNS = (
    *("engine", "regime", "patients", "rows", "run", "status", "chains", "draws", "tune"),
    *("seconds_to_first_draw", "seconds_sampling", "seconds_total", "us_per_gradient"),
    *("leapfrogs_per_draw", "ess_bulk", "ess_bulk_of", "ess_tail", "ess_tail_of"),
    *("ess_per_sampling_second", "ess_per_total_second", "r_hat", "r_hat_patients", "divergences"),
    *("memory_mib", "worker_memory_mib", "saved_mb", "seconds_before_second_sampling"),
    *("mean_patient_sd", "mean_site_sd", "mean_naive", "mean_dose_rate", "synthetic"),
)


def measured(records: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return one row a measurement, with the columns `COLUMNS`."""
    table = pd.DataFrame(list(records)).reindex(columns=[*COLUMNS])
    table["rows"] = table["patients"] * ROWS_A_PATIENT
    table["ess_per_sampling_second"] = table["ess_bulk"] / table["seconds_sampling"]
    table["ess_per_total_second"] = table["ess_bulk"] / table["seconds_total"]
    return table.assign(synthetic=True)


def ratios(table: pd.DataFrame, sizes: Sequence[int]) -> pd.DataFrame:
    """Return what was to be reached, what was, and whether that is enough; all of one run.

    Parameters
    ----------
    table
        As `measured` gives it.
    sizes
        Numbers of patients, the smallest first.
    """
    small, middle, large = sizes

    def of(column: str, engine: str, n: int, run: str, regime: str = REGIMES[0]) -> float:
        here = (table["engine"] == engine) & (table["patients"] == n) & (table["run"] == run)
        values = table.loc[here & (table["regime"] == regime), column]
        return float(values.iloc[0]) if len(values) == 1 else float("nan")

    def against(column: str, peer: str, run: str) -> float:
        return of(column, PACKAGE, small, run) / of(column, peer, small, run)

    def worst(column: str) -> float:
        # Of every fit, the large ones too: what goes wrong there is not to be overlooked.
        fits = (table["engine"] == PACKAGE) & (table["run"] != GRADIENT)
        return float(table.loc[fits, column].max(skipna=False))

    sampling, total = "ess_per_sampling_second", "ess_per_total_second"
    per_gradient = [of("us_per_gradient", PACKAGE, n, FIRST) for n in (small, middle)]
    second = "seconds_before_second_sampling"
    r_hat = max(worst("r_hat"), worst("r_hat_patients"))
    growth = f"gradient, {middle} against {small} patients"
    in_total = "ESS per second in total"
    rows = [
        (f"ESS per sampling second, times {BAMBI}", against(sampling, BAMBI, FIRST), ">=", 20),
        (f"ESS per sampling second, times {ORDERED}", against(sampling, ORDERED, FIRST), ">=", 10),
        (f"{in_total}, first run, times {BAMBI}", against(total, BAMBI, FIRST), ">=", 8),
        (f"{in_total}, second run, times {BAMBI}", against(total, BAMBI, SECOND), ">=", 15),
        ("divergences, every regime and size", worst("divergences"), "<=", 0),
        ("largest R-hat, every regime and size", r_hat, "<", 1.01),
        (growth, per_gradient[1] / per_gradient[0], "<=", 11),
        (f"GiB, {large} patients", of("memory_mib", PACKAGE, large, FIRST) / 1024, "<", 4),
        (f"MB of a saved fit, {small} patients", of("saved_mb", PACKAGE, small, FIRST), "<", 40),
        ("seconds before sampling, second fit", of(second, PACKAGE, small, FIRST), "<", 3),
    ]
    frame = pd.DataFrame(rows, columns=["quantity", "value", "sign", "target"])
    reached = [ENOUGH[sign](value, target) for _, value, sign, target in rows]
    return frame.assign(reached=reached, synthetic=True)


ENOUGH: dict[str, Callable[[float, float], bool]] = {
    ">=": lambda value, target: value >= target,
    "<=": lambda value, target: value <= target,
    "<": lambda value, target: value < target,
}
