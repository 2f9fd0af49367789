"""The short table of the README."""

import numpy as np
import pandas as pd

import mmn_bayes as mb

from .plan import FIRST, GRADIENT, REGIMES

CAPTION = "Benchmark: one model, the same data and priors, a process for each fit"
# Where the README has the table.
BEGIN, END = "<!-- benchmark: begin, written by `make benchmark` -->", "<!-- benchmark: end -->"
R_HAT = 1.01
NOTES = (
    "First run: with empty caches of compiled code; second: in a new process, with what the first "
    "compiled. Seconds to the first draw count from the start of the process: interpreter, "
    "imports, reading the data, building and compiling. In total: to the end of the fit.",
    "ESS is the smallest bulk effective sample size of thresholds, both sds and both effects. "
    "4 chains on 2 processors: 400 + 1,000 draws for this package, the default of its fit, and "
    "1,000 + 1,000 for the others, the default of PyMC and Bambi.",
    "A gradient is timed by itself, in processor time: the compiled function is called at draws of "
    "the posterior. MiB: the peak memory of the process that samples.",
)


def short(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of the README: text, one row an engine, regime and size."""
    rows = []
    sampled = table[table["run"] != GRADIENT]
    place = {regime: number for number, regime in enumerate(REGIMES)}
    by = [sampled["regime"].map(place), sampled["patients"]]
    sampled = sampled.iloc[np.lexsort(by[::-1])]
    data = ["regime", "patients", "engine"]
    for (regime, _, engine), group in sampled.groupby(data, sort=False):
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


def doubts(table: pd.DataFrame) -> list[str]:
    """Return a note that names the fits whose draws are not to be relied on; empty without any."""
    table = table.assign(r_hat=table[["r_hat", "r_hat_patients"]].max(axis=1))
    doubtful = table[(table["r_hat"] >= R_HAT) | (table["divergences"] > 0)]
    named = [
        f"{row['engine']}, {row['regime']}, {row['rows']:,} rows, {row['run']} run (R-hat "
        f"{row['r_hat']:.3f}, {row['divergences']:.0f} divergent draws)"
        for row in doubtful.to_dict("records")
    ]
    why = f"R-hat of {R_HAT} or more, or divergent draws: no ESS is to be relied on of"
    return [f"{why} {'; '.join(named)}."] if named else []


def digits_of(value: float, digits: int) -> str:
    """Return a number as text; "-" where there is none."""
    return "-" if pd.isna(value) else f"{value:,.{digits}f}"


def with_table(text: str, table: pd.DataFrame) -> str:
    """Return the README with the table of this run between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise ValueError("The README has no marks for the benchmark's table.")
    shown = mb.io.to_markdown(short(table), CAPTION, [*NOTES, *doubts(table)])
    return f"{before}{BEGIN}\n\n{shown}\n{END}{after}"
