"""The figure of the share of muscles at each grade over time: fitted, and observed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mmn_bayes.report.frame import (
    band_entry,
    band_in_words,
    band_over_time,
    entry,
    framed,
    look_of,
    mean_and_limits,
)
from mmn_bayes.report.side_by_side import group_dim, group_label, groups_in
from mmn_bayes.report.style import DAYS_A_MONTH, JOURNAL_WIDTH_MM, months_axis, wrapped

SHARES_PANEL_MM = 47.0
DOTTED: Mapping[str, Any] = {"color": "0.55", "linewidth": 0.7, "linestyle": ":"}
LARGEST_POINT = 40.0  # square points


def shares_figure(
    shares: xr.DataArray,
    observed: pd.DataFrame,
    *,
    level: float = 0.95,
    marked_days: Mapping[str, float] | None = None,
    title: str = "",
    axes: Sequence[Axes] | None = None,
    labels: Mapping[str, str] | None = None,
    palette: Sequence[str] | None = None,
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Plot the fitted and observed shares of muscles at each grade over time.

    Parameters
    ----------
    shares : DataArray
        As returned by `grade_distribution`: dims `chain`, `draw`, the group, `day`, `grade`.
    observed : DataFrame
        As returned by `observed_grade_distribution`: the group, `day`, `grade`, `share`, `n`.
    level : float, default 0.95
        Level of the bands (equal-tailed, each day by itself).
    marked_days : mapping of str to float or None, optional
        Days to mark, by their label; None for the baseline and 6 months.
    title : str, default ""
        Title of the figure.
    axes : sequence of Axes or None, optional
        Axes to plot into, one for each panel; by default a new figure is made.
    labels : mapping of str to str or None, optional
        Labels to print in place of names of the data and texts of the figure, by what they replace.
    palette : sequence of str or None, optional
        A colour of the palette for each group.
    width_mm : float, default JOURNAL_WIDTH_MM
        Width of the figure in millimetres.

    Returns
    -------
    Figure
        A panel for each grade, a line with its band for each group. The vertical scales differ:
        rare grades would be invisible on that of the commonest.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> shares = mb.grade.grade_distribution(fit, days=[0, 91, 182], by="naive")
    >>> observed = mb.observed.observed_grade_distribution(fit, [-30, 45, 137, 243], by="naive")
    >>> figure = mb.plots.shares_figure(shares, observed)
    >>> [panel.get_title(loc="left") for panel in figure.axes]
    ['grade 0', 'grade 1', 'grade 2', 'grade 3', 'grade 4', 'grade 5']
    """
    by = group_dim(shares, "day", "grade")
    marked = {"baseline": 0.0, "6 months": 182.0} if marked_days is None else marked_days
    grades = [str(grade) for grade in shares["grade"].to_numpy()]
    # Areas are compared between panels: one scale for the whole figure.
    observed = observed.assign(area=LARGEST_POINT * observed["n"] / max(observed["n"].max(), 1))
    values = mean_and_limits(shares, level)
    looks = {label: look_of(n, palette) for n, (_, label) in enumerate(groups_in(shares, by))}
    with framed(title, bool(shares.attrs["synthetic"]), axes, labels, width_mm) as frame:
        n_columns = frame.columns(len(grades), 3)
        x_label = "months since inclusion"
        places = frame.panels(len(grades), n_columns, SHARES_PANEL_MM, x_label=x_label)
        for position, (panel, grade) in enumerate(zip(places, grades, strict=True)):
            seen = observed[observed["grade"].astype(str) == grade]
            _shares_panel(panel, values.isel(grade=position), seen, by, looks)
            panel.set_title(f"grade {frame.name(grade)}")
            _mark_days(panel, marked)
            if position % n_columns == 0:
                panel.set_ylabel(frame.name("share of muscles"))
        handles = []
        for label, look in looks.items():
            words = wrapped(f"{frame.name(label)}: fitted (line), observed (points)", 54)
            handles.append(entry(**look, markersize=4, label=words))
        handles.append(band_entry(band_in_words(level)))
        if len(observed):
            words = f"area of a point: number of muscles; this one {observed['n'].max()}"
            point = {"marker": "o", "markersize": float(np.sqrt(LARGEST_POINT)), "color": "0.4"}
            handles.append(entry(linestyle="", **point, label=words))
        if marked:
            words = wrapped(f"dotted: {', '.join(marked)}", 50)
            handles.append(entry(**DOTTED, label=words))
        frame.legend_below(handles)
    return frame.figure


def _shares_panel(
    panel: Axes,
    values: xr.DataArray,
    seen: pd.DataFrame,
    by: str | None,
    looks: Mapping[str, Mapping[str, Any]],
) -> None:
    months = values["day"].to_numpy() / DAYS_A_MONTH
    for chosen, label in groups_in(values, by):
        course = values.isel(chosen).transpose("quantile", "day").to_numpy()
        look, shade = looks[label], 0.2 if len(looks) < 3 else 0.1
        fitted = {**look, "marker": "", "linewidth": 1.3}
        band_over_time(panel, months, course, look=fitted, shade=shade)
        mine = [by is None or group_label(by, value) == label for value in seen[by or "day"]]
        panel.scatter(
            seen.loc[mine, "day"] / DAYS_A_MONTH,
            seen.loc[mine, "share"],
            s=seen.loc[mine, "area"],
            marker=look["marker"],
            color=look["color"],
            alpha=0.8,
            edgecolor="white",
            linewidth=0.4,
            zorder=3,
        )
    highest = np.nanmax([0.0, *values.to_numpy()[1:].ravel(), *seen["share"]])
    panel.set_ylim(0, min(1.08 * highest, 1.02) if highest > 0 else 1)
    panel.margins(x=0.03)
    panel.yaxis.set_major_locator(MaxNLocator(4))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g} %"))


def _mark_days(panel: Axes, marked: Mapping[str, float]) -> None:
    low, high = panel.get_xlim()
    months_axis(panel)
    for day in marked.values():
        if low <= day / DAYS_A_MONTH <= high:
            panel.axvline(day / DAYS_A_MONTH, **DOTTED, zorder=0)
