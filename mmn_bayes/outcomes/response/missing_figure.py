"""The figure of visits missed not at random: the response against an assumed shift."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from mmn_bayes.posterior.groups import ALL
from mmn_bayes.report.side_by_side import group_label
from mmn_bayes.report.style import (
    BLACK,
    BLUE,
    JOURNAL_WIDTH_MM,
    ORANGE,
    count_lines,
    heading,
    house_style,
    new_figure,
    panels,
)

PANEL_MM = 62.0
ASSUMED = {"all missing fail": "v", "complete cases": "o", "all missing respond": "^"}


def delta_figure(
    draws: xr.DataArray,
    table: pd.DataFrame,
    *,
    rate: float | None = None,
    level: float = 0.95,
    title: str = "",
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Draw the response of these patients against the shift assumed of those who were not seen.

    Parameters
    ----------
    draws
        What `delta_response` gave.
    table
        What `missing_table` gave of the same fit and groups: its complete cases and both extremes
        are marked at the margin.
    rate
        A rate to compare with, drawn as a dashed line.
    level
        Probability of the band (equal-tailed, at each shift by itself).
    title, width_mm
        As for `response_figure`.

    Returns
    -------
    Figure
        A panel for each group, flat where everybody was seen; the axis is in grades.
    """
    column = str(table.columns[0])
    groups = list(dict.fromkeys(table[column]))
    by = column if column in draws.dims else None
    labels = {} if by is None else {group_label(by, v): v for v in draws[by].to_numpy()}
    grades = draws["grades"].to_numpy()
    tail = (1.0 - level) / 2.0
    head = heading(title, bool(draws.attrs["synthetic"]))
    n_columns = 1 if len(groups) == 1 else 2
    n_rows = -(-len(groups) // n_columns)
    with house_style():
        handles = _handles(level, rate)
        figure = new_figure(width_mm, n_rows * PANEL_MM, head, count_lines(handles))
        axes = panels(figure, len(groups), n_columns, "shift of who was not seen, in grades")
        for panel, group in zip(axes, groups, strict=True):
            own = draws if by is None or group == ALL else draws.sel({by: labels[group]})
            low, high = np.quantile(own.to_numpy(), [tail, 1.0 - tail], axis=(0, 1))
            panel.fill_between(grades, low, high, color=BLUE, alpha=0.25, linewidth=0)
            panel.plot(grades, own.mean(("chain", "draw"), skipna=False), color=BLUE)
            panel.axvline(0.0, color=BLACK, linewidth=0.6, linestyle=":")
            if rate is not None:
                panel.axhline(rate, color=BLACK, linewidth=0.8, linestyle=(0, (4, 3)))
            rows = table[table[column] == group].set_index("assumption")
            place = {"all missing fail": grades.min(), "all missing respond": grades.max()}
            for name, marker in ASSUMED.items():
                if name in rows.index:
                    x = place.get(name, 0.0)
                    y = float(rows.loc[name, "estimate"])
                    panel.plot([x], [y], marker, color=ORANGE, markersize=6, clip_on=False)
            panel.set_title(group)
            panel.set_ylim(0.0, 1.0)
            panel.yaxis.set_major_formatter(PercentFormatter(1.0))
            panel.set_ylabel("response of these patients")
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure


def _handles(level: float, rate: float | None) -> list[Line2D]:
    line = f"filled in by the model, {100 * level:g} % credible band, equal-tailed"
    handles = [Line2D([], [], color=BLUE, label=line)]
    handles += [
        Line2D([], [], color=ORANGE, marker=marker, linestyle="none", label=f"observed, {name}")
        for name, marker in ASSUMED.items()
    ]
    if rate is not None:
        label = f"a rate of {100 * rate:g} %"
        handles.append(Line2D([], [], color=BLACK, linestyle=(0, (4, 3)), label=label))
    return handles
