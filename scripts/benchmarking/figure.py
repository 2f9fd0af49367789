"""Cost of a gradient against rows: what is linear runs along the grey lines."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mmn_bayes.report import style

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
    with style.house_style():
        head = style.heading(TITLE, synthetic=True)
        figure = style.new_figure(style.JOURNAL_WIDTH_MM * 0.6, 70, head, 3)
        axes = figure.subplots()
        axes.set(xscale="log", yscale="log", xlabel="grades (rows)", ylabel="µs")
        handles = []
        for number, (engine, regime) in enumerate(series):
            here = (costs["engine"] == engine) & (costs["regime"] == regime)
            line = costs[here].groupby("rows")["us_per_gradient"].median()
            if line.empty:
                continue
            look = {
                "color": style.GROUP_COLOURS[number],
                "marker": style.MARKERS[number],
                "linestyle": style.LINE_STYLES[number % len(style.LINE_STYLES)],
            }
            axes.plot(line.index, line, **look, lw=1, ms=4)
            name = f"{engine}, {regime}" if engine == PACKAGE else engine
            handles.append(Line2D([], [], **look, lw=1, ms=4, label=name))
            if number == 0:
                rows = np.array([line.index.min(), costs["rows"].max()])
                ideal = line.iloc[0] * rows / rows[0]
                axes.plot(rows, ideal, color="0.6", lw=0.8, zorder=0)
        handles.append(Line2D([], [], color="0.6", lw=0.8, label="in proportion to the rows"))
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure
