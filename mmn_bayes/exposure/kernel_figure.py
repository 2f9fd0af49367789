"""The figure of the effect compartment: one infusion, and what is left after the last one."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.style import (
    BLACK,
    BLUE,
    JOURNAL_WIDTH_MM,
    ORANGE,
    count_lines,
    heading,
    house_style,
    new_figure,
    wrapped,
)

PANEL_MM = 62.0
_FEW = 12  # single draws, so that the shapes behind the band are seen


def kernel_figure(
    kernel: xr.DataArray,
    wearing_off: xr.DataArray,
    *,
    prior: xr.DataArray | None = None,
    level: float = 0.95,
    title: str = "",
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Draw the effect of one infusion over the days after it, and what is left of a schedule's.

    Parameters
    ----------
    kernel
        What `dose_in_effect_kernel` gave.
    wearing_off
        What `wearing_off_curve` gave.
    prior
        What `wearing_off_curve` gave of draws from the prior, for comparison.
    level
        Level of the bands (equal-tailed, each day by itself).
    title, width_mm
        As for `response_figure`.

    Returns
    -------
    Figure
        Two panels; thin lines are single draws.
    """
    head = heading(title, bool(kernel.attrs["synthetic"]))
    with house_style():
        handles = _handles(level, prior is not None)
        figure = new_figure(width_mm, PANEL_MM, head, count_lines(handles))
        left, right = figure.subplots(1, 2)
        _panel(left, kernel, level, "effect of 1 g/kg (units of the model)")
        left.set_title("one infusion")
        left.set_xlabel("days after the infusion")
        if prior is not None:
            tail = (1.0 - level) / 2.0
            limits = prior.quantile(
                [tail, 1.0 - tail], dim=("chain", "draw"), skipna=False
            ).to_numpy()
            for limit in limits:
                right.plot(prior["day"], limit, color=ORANGE, linestyle=(0, (4, 2)), linewidth=0.9)
        _panel(right, wearing_off, level, "share of the schedule's mean effect")
        right.yaxis.set_major_formatter(PercentFormatter(1.0))
        right.set_ylim(bottom=0.0)
        right.set_title("after the last infusion of a schedule")
        right.set_xlabel("days after the last infusion")
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure


def _panel(panel: Axes, draws: xr.DataArray, level: float, label: str) -> None:
    day = draws["day"].to_numpy()
    flat = draws.transpose("chain", "draw", "day").to_numpy().reshape(-1, day.size)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(flat, [tail, 1.0 - tail], axis=0)
    panel.fill_between(day, low, high, color=BLUE, alpha=0.2, linewidth=0)
    for one in flat[:: max(len(flat) // _FEW, 1)][:_FEW]:
        panel.plot(day, one, color=BLUE, linewidth=0.3, alpha=0.6)
    panel.plot(day, np.median(flat, axis=0), color=BLUE, linewidth=1.4)
    panel.axhline(0.0, color=BLACK, linewidth=0.5)
    panel.set_xlim(day.min(), day.max())
    panel.set_ylabel(label)


def _handles(level: float, prior: bool) -> list[Line2D]:
    handles = [
        Line2D([], [], color=BLUE, linewidth=1.4, label="posterior median"),
        Line2D([], [], color=BLUE, linewidth=0.3, label="single draws"),
        Line2D([], [], color="0.8", linewidth=6, label=f"band: {interval_in_words('eti', level)}"),
    ]
    if prior:
        words = f"limits of the {interval_in_words('eti', level, 'prior')}"
        handles.append(
            Line2D([], [], color=ORANGE, linestyle=(0, (4, 2)), label=wrapped(words, 54))
        )
    return handles
