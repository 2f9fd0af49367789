"""Cost of a gradient against rows: what is linear runs along the grey lines."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import mmn_bayes as mb

from .plan import PACKAGE, PEERS, REGIMES

TITLE = "Cost of one gradient of the log-density"


def cost_figure(table: pd.DataFrame) -> Figure:
    """Draw microseconds a gradient against rows, both on logarithmic axes.

    Parameters
    ----------
    table
        As `tables.measured` gives it.

    Returns
    -------
    Figure
        One line an engine, and one a regime for this package.
    """
    series = [(PACKAGE, regime) for regime in REGIMES] + [(peer, REGIMES[0]) for peer in PEERS]
    costs = table.dropna(subset="us_per_gradient")
    with mb.plots.framed(TITLE, True, width_mm=mb.plots.JOURNAL_WIDTH_MM * 0.6) as frame:
        (axes,) = frame.panels(1, 1, 70)
        axes.set(xscale="log", yscale="log", xlabel="grades (rows)", ylabel="µs")
        handles = []
        for number, (engine, regime) in enumerate(series):
            here = (costs["engine"] == engine) & (costs["regime"] == regime)
            line = costs[here].groupby("rows")["us_per_gradient"].median()
            if line.empty:
                continue
            look = mb.plots.look_of(number)
            axes.plot(line.index, line, **look, lw=1, ms=4)
            name = f"{engine}, {regime}" if engine == PACKAGE else engine
            handles.append(mb.plots.entry(**look, lw=1, ms=4, label=name))
            if number == 0:
                rows = np.array([line.index.min(), costs["rows"].max()])
                ideal = line.iloc[0] * rows / rows[0]
                axes.plot(rows, ideal, color="0.6", lw=0.8, zorder=0)
        handles.append(mb.plots.entry(color="0.6", lw=0.8, label="in proportion to the rows"))
        frame.legend_below(handles, 3)
    return frame.figure
