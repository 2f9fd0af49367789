"""The figure of response against the dose of a course."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.side_by_side import group_label
from mmn_bayes.report.style import (
    BLACK,
    GROUP_COLOURS,
    JOURNAL_WIDTH_MM,
    LINE_STYLES,
    MARKERS,
    count_lines,
    heading,
    house_style,
    new_figure,
)

PANEL_MM = 72.8


def dose_response_figure(
    draws: xr.DataArray,
    *,
    placebo: float | None = None,
    level: float = 0.95,
    title: str = "",
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Draw the response of new patients against the dose of a course.

    Parameters
    ----------
    draws
        Of `dose_response`: dims `chain`, `draw`, `dose_g_per_kg` and, with groups, theirs.
    placebo
        A published rate, drawn as a dashed line.
    level
        Level of the bands (equal-tailed, each dose by itself).
    title, width_mm
        As for `response_figure`.

    Returns
    -------
    Figure
        One panel, a line with its band for each group (no infusion by itself); grey where no
        patient of the cohort had courses of so little, or so much.
    """
    others = [str(d) for d in draws.dims if d not in ("chain", "draw", "dose_g_per_kg")]
    by = others[0] if others else None
    members = draws[by].to_numpy().tolist() if by else [None]
    members.sort(key=lambda member: member is not True)
    dose = draws["dose_g_per_kg"].to_numpy()
    tail = (1.0 - level) / 2.0
    head = heading(title, bool(draws.attrs["synthetic"]))
    with house_style():
        handles = [
            Line2D(
                *([], []),
                color=GROUP_COLOURS[number],
                linestyle=LINE_STYLES[number % len(LINE_STYLES)],
                marker=MARKERS[number],
                markersize=4,
                label=f"{group_label(by, member) if by else 'all'}: new patients",
            )
            for number, member in enumerate(members)
        ]
        words = f"band: {interval_in_words('eti', level)}"
        handles.append(Line2D([], [], color="0.8", linewidth=6, label=words))
        words = "grey: doses of a course that no patient of the cohort had"
        handles.append(Line2D([], [], color="0.92", linewidth=6, label=words))
        if placebo is not None:
            words = f"published placebo rate, {100 * placebo:g} %"
            handles.append(Line2D([], [], color=BLACK, linestyle=(0, (4, 3)), label=words))
        figure = new_figure(width_mm, PANEL_MM, head, count_lines(handles))
        panel = figure.subplots()
        for number, member in enumerate(members):
            own = draws.sel({by: member}) if by else draws
            band = own.quantile([tail, 1 - tail], dim=("chain", "draw"), skipna=False).to_numpy()
            colour = GROUP_COLOURS[number]
            given = dose > 0.0
            panel.fill_between(dose[given], *band[:, given], color=colour, alpha=0.15, linewidth=0)
            panel.vlines(dose[~given], *band[:, ~given], color=colour, alpha=0.5, linewidth=1.5)
            # Between no infusion and the smallest dose a model may jump: no line there.
            mean = own.mean(("chain", "draw"), skipna=False).to_numpy()
            for part in (dose == 0.0, dose > 0.0):
                panel.plot(
                    *(dose[part], mean[part]),
                    color=colour,
                    linestyle=LINE_STYLES[number % len(LINE_STYLES)],
                    marker=MARKERS[number],
                    markersize=4,
                )
        panel.set_xlim(dose.min() - 0.02 * np.ptp(dose), dose.max() + 0.02 * np.ptp(dose))
        low, high = draws.attrs["observed_doses"]
        left, right = panel.get_xlim()
        outside = ((left, low), (high, right)) if np.isfinite(low) else ((left, right),)
        for edges in outside:
            if edges[0] < edges[1]:
                panel.axvspan(*edges, color="0.92", zorder=0, linewidth=0)
        if placebo is not None:
            panel.axhline(placebo, color=BLACK, linewidth=0.8, linestyle=(0, (4, 3)))
        panel.set_ylim(0.0, 1.0)
        panel.yaxis.set_major_formatter(PercentFormatter(1.0))
        panel.set_xlabel(str(draws.attrs.get("schedule", "dose of a course (g/kg)")))
        panel.set_ylabel("response at follow-up")
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure
