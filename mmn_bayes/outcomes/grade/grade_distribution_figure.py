"""The figure of the share of muscles at each grade over time: fitted, and observed."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.side_by_side import FIRST_GROUPS, group_label
from mmn_bayes.report.style import (
    DAYS_A_MONTH,
    GROUP_COLOURS,
    JOURNAL_WIDTH_MM,
    LINE_STYLES,
    MARKERS,
    count_lines,
    heading,
    house_style,
    months_axis,
    new_figure,
    panels,
    wrapped,
)

SHARES_PANEL_MM = 47.0
LARGEST_POINT = 40.0  # square points


def shares_figure(
    shares: xr.DataArray,
    observed: pd.DataFrame,
    *,
    level: float = 0.95,
    marked_days: Mapping[str, float] | None = None,
    title: str = "",
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Draw the fitted share of muscles at each grade over time, with the observed shares.

    Parameters
    ----------
    shares
        Draws of `grade_shares`: dims chain, draw, the group, day, grade.
    observed
        Table of `observed_shares`: the group, `day`, `grade`, `share`, `n`.
    level
        Level of the bands (equal-tailed, each day by itself).
    marked_days
        Days to mark, by their label; None for the baseline and 6 months.
    title, width_mm
        As for `response_figure`.

    Returns
    -------
    Figure
        A panel for each grade, a line with its band for each group. The vertical scales differ:
        rare grades would be invisible on that of the commonest.
    """
    by = _group_dim(shares)
    marked = {"baseline": 0.0, "6 months": 182.0} if marked_days is None else marked_days
    grades = [str(grade) for grade in shares["grade"].to_numpy()]
    n_columns = min(3, len(grades))
    n_rows = -(-len(grades) // n_columns)
    # Areas are compared between panels: one scale for the whole figure.
    observed = observed.assign(area=LARGEST_POINT * observed["n"] / max(observed["n"].max(), 1))
    tail = (1 - level) / 2
    # Nobody under observation on a day: a gap in line and band, as the draws say.
    band = shares.quantile([tail, 1 - tail], dim=("chain", "draw"), skipna=False)
    centre = shares.mean(("chain", "draw"), skipna=False)
    head = heading(title, bool(shares.attrs["synthetic"]))
    with house_style():
        handles = _shares_handles(shares, observed, by, level, marked)
        figure = new_figure(width_mm, n_rows * SHARES_PANEL_MM, head, count_lines(handles))
        axes = panels(figure, len(grades), n_columns, "months since inclusion")
        for position, panel in enumerate(axes):
            chosen = {"grade": position}
            seen = observed[observed["grade"].astype(str) == grades[position]]
            _shares_panel(panel, centre.isel(chosen), band.isel(chosen), seen, by)
            panel.set_title(f"grade {grades[position]}")
            _mark_days(panel, marked)
            if position % n_columns == 0:
                panel.set_ylabel("share of muscles")
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure


def _group_dim(shares: xr.DataArray) -> str | None:
    groups = [str(dim) for dim in shares.dims if dim not in ("chain", "draw", "day", "grade")]
    if len(groups) > 1:
        raise ValueError(f"The shares have the dims {', '.join(groups)}; draw one grouping only.")
    return groups[0] if groups else None


def _labels(shares: xr.DataArray, by: str | None) -> list[tuple[dict[str, int], str]]:
    """Where each group is among the draws, and its printed label; naive or yes first."""
    if by is None:
        return [({}, "all")]
    labels = [group_label(by, value) for value in shares[by].to_numpy()]
    found = [({by: position}, label) for position, label in enumerate(labels)]
    return sorted(found, key=lambda group: group[1] not in FIRST_GROUPS)


def _shares_panel(
    panel: Axes, centre: xr.DataArray, band: xr.DataArray, seen: pd.DataFrame, by: str | None
) -> None:
    months = centre["day"].to_numpy() / DAYS_A_MONTH
    groups = _labels(centre, by)
    for number, (chosen, label) in enumerate(groups):
        colour, line, marker = _look(number)
        low, high = band.isel(chosen).transpose("quantile", "day").to_numpy()
        shade = 0.2 if len(groups) < 3 else 0.1
        panel.fill_between(months, low, high, color=colour, alpha=shade, linewidth=0)
        fitted = centre.isel(chosen).to_numpy()
        panel.plot(months, fitted, linestyle=line, color=colour, linewidth=1.3)
        mine = [by is None or group_label(by, value) == label for value in seen[by or "day"]]
        panel.scatter(
            seen.loc[mine, "day"] / DAYS_A_MONTH,
            seen.loc[mine, "share"],
            s=seen.loc[mine, "area"],
            marker=marker,
            color=colour,
            alpha=0.8,
            edgecolor="white",
            linewidth=0.4,
            zorder=3,
        )
    highest = np.nanmax([0.0, *band.to_numpy().ravel(), *seen["share"]])
    panel.set_ylim(0, min(1.08 * highest, 1.02) if highest > 0 else 1)
    panel.margins(x=0.03)
    panel.yaxis.set_major_locator(MaxNLocator(4))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g} %"))


def _look(number: int) -> tuple[str, tuple[float, Sequence[float]], str]:
    """Colour, line and marker of a group; all three repeat only after many groups."""
    return (
        GROUP_COLOURS[number % len(GROUP_COLOURS)],
        LINE_STYLES[number % len(LINE_STYLES)],
        MARKERS[number % len(MARKERS)],
    )


def _mark_days(panel: Axes, marked: Mapping[str, float]) -> None:
    low, high = panel.get_xlim()
    months_axis(panel)
    for day in marked.values():
        if low <= day / DAYS_A_MONTH <= high:
            panel.axvline(day / DAYS_A_MONTH, color="0.55", linewidth=0.7, linestyle=":", zorder=0)


def _shares_handles(
    shares: xr.DataArray,
    observed: pd.DataFrame,
    by: str | None,
    level: float,
    marked: Mapping[str, float],
) -> list[Line2D]:
    handles = []
    for number, (_, label) in enumerate(_labels(shares, by)):
        colour, line, marker = _look(number)
        words = wrapped(f"{label}: fitted (line), observed (points)", 54)
        handles.append(
            Line2D([], [], color=colour, linestyle=line, marker=marker, markersize=4, label=words)
        )
    band = f"band: {interval_in_words('eti', level)}"
    handles.append(Line2D([], [], color="0.8", linewidth=6, label=band))
    if len(observed):
        words = f"area of a point: number of muscles; this one {observed['n'].max()}"
        size = float(np.sqrt(LARGEST_POINT))
        point = Line2D([], [], linestyle="", marker="o", markersize=size, color="0.4", label=words)
        handles.append(point)
    if marked:
        words = f"dotted: {', '.join(marked)}"
        handles.append(
            Line2D([], [], color="0.55", linewidth=0.7, linestyle=":", label=wrapped(words, 50))
        )
    return handles
