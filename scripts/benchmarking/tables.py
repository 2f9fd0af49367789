"""The tables: one row a measurement, the ratios that were asked for, and what the README shows."""

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
# Where the README has the table.
BEGIN, END = "<!-- benchmark: begin, written by `make benchmark` -->", "<!-- benchmark: end -->"
NOTES = (
    "First run: with empty caches of compiled code; second: in a new process, with what the first "
    "compiled. Seconds to the first draw count from the start of the process: interpreter, "
    "imports, reading the data, building and compiling. In total: to the end of the fit.",
    "ESS is the smallest bulk effective sample size of thresholds, both sds and both effects. "
    "4 chains on 2 processors: 400 + 1,000 draws for this package, the default of its `fit`, and "
    "1,000 + 1,000 for the others, the default of PyMC and Bambi.",
    "A gradient is timed by itself: the compiled function is called at draws of the posterior.",
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
        values = [of(column, PACKAGE, small, run, r) for r in REGIMES for run in (FIRST, SECOND)]
        return max(values) if not any(map(pd.isna, values)) else float("nan")

    sampling, total = "ess_per_sampling_second", "ess_per_total_second"
    per_gradient = [of("us_per_gradient", PACKAGE, n, FIRST) for n in (small, middle)]
    second = "seconds_before_second_sampling"
    r_hat = max(worst("r_hat"), worst("r_hat_patients"))
    rows = [
        ("ESS per sampling second, times Bambi", against(sampling, BAMBI, FIRST), ">=", 20),
        (f"ESS per sampling second, times {ORDERED}", against(sampling, ORDERED, FIRST), ">=", 10),
        ("ESS per second in total, first run, times Bambi", against(total, BAMBI, FIRST), ">=", 8),
        ("ESS per second in total, second run, times Bambi", against(total, BAMBI, SECOND), ">=", 15),
        ("divergences, both regimes", worst("divergences"), "<=", 0),
        ("largest R-hat, both regimes", r_hat, "<", 1.01),
        (f"gradient, {middle} against {small} patients", per_gradient[1] / per_gradient[0], "<=", 11),
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


def short(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of the README: text, one row an engine, regime and size."""
    rows = []
    sampled = table[table["run"] != GRADIENT]
    for (regime, patients, engine), group in sampled.groupby(
        ["regime", "patients", "engine"], sort=False
    ):
        runs = group.set_index("run")
        first = runs.loc[FIRST]
        row = {"grades": regime, "rows": f"{first['rows']:,}", "engine": engine}
        if first["status"] != "finished":
            rows.append(row | {"s to first draw": first["status"]})
            continue

        def both(column: str, digits: int, runs: pd.DataFrame = runs) -> str:
            return " / ".join(digits_of(runs.loc[r, column], digits) for r in runs.index)

        rows.append(
            row
            | {
                "s to first draw": both("seconds_to_first_draw", 1),
                "s sampling": digits_of(first["seconds_sampling"], 1),
                "µs a gradient": digits_of(first["us_per_gradient"], 0),
                "leapfrogs a draw": digits_of(first["leapfrogs_per_draw"], 0),
                "ESS": digits_of(first["ess_bulk"], 0),
                "ESS/s sampling": digits_of(first["ess_per_sampling_second"], 1),
                "ESS/s in total": both("ess_per_total_second", 1),
                "MiB": digits_of(first["memory_mib"], 0),
            }
        )
    return pd.DataFrame(rows).fillna("").assign(synthetic="yes")


def digits_of(value: float, digits: int) -> str:
    """Return a number as text; "-" where there is none."""
    return "-" if pd.isna(value) else f"{value:,.{digits}f}"
