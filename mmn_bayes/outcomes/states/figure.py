"""The figure of histories: the share of patients in each state over the years."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from mmn_bayes.data.aligning import require_columns
from mmn_bayes.data.margins import YEAR
from mmn_bayes.report.forest import in_legend
from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.frame import (
    Frame,
    band_entry,
    band_over_time,
    entry,
    framed,
    mean_and_limits,
)
from mmn_bayes.report.side_by_side import group_dim, groups_in
from mmn_bayes.report.style import (
    BLACK,
    GROUP_COLOURS,
    JOURNAL_WIDTH_MM,
    LINE_STYLES,
    wrapped,
)

PANEL_MM, COUNTS_MM = 50.0, 5.0
BEYOND_ALPHA = 0.55  # of the line, where nobody was seen
COUNTS_POINTS, DIGIT_MM = 15.0, 1.6  # how far below the axis counts stand, and the width of a digit
STEP: Mapping[str, Any] = {"color": BLACK, "linestyle": (0, (3, 1.2)), "linewidth": 0.9}
SQUARE: Mapping[str, Any] = {"color": BLACK, "marker": "s", "markersize": 3.2}
SINCE = {"first_infusion": "the first infusion", "inclusion": "inclusion"}


def occupancy_figure(
    draws: xr.DataArray,
    observed: pd.DataFrame | None = None,
    *,
    product: pd.DataFrame | None = None,
    level: float = 0.95,
    title: str = "",
    axes: Sequence[Axes] | None = None,
    labels: Mapping[str, str] | None = None,
    palette: Sequence[str] | None = None,
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Plot the share of patients in each state over time, modelled and observed.

    Parameters
    ----------
    draws : DataArray
        As returned by `state_occupancy`, with groups or without.
    observed : DataFrame or None, optional
        As returned by `empirical_occupancy` on the clock of the state paths (`on_clock`), for all
        patients; None for the model alone.
    product : DataFrame or None, optional
        As returned by `aalen_johansen` on that clock; plotted as a step line with steps on the days
        asked for.
    level : float, default 0.95
        Level of the bands (equal-tailed, each day by itself).
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
        A panel for each state, a line with its band for each group. After the last day on which
        anybody was seen the line is paler and the band hatched. Below the axis is the number under
        observation.

    Raises
    ------
    ValueError
        When a dim, an attribute or a column is absent, the draws have two groupings, or the tables
        have other states.

    Examples
    --------
    With `states_fit`, a fit of `models/histories.toml`:

    >>> drawn = mb.states.state_occupancy(states_fit, days=[0, 365, 730], patients="cohort")
    >>> figure = mb.plots.occupancy_figure(drawn)
    >>> [panel.get_title(loc="left") for panel in figure.axes]
    ['dependent', 'remission', 'other']
    """
    by = _group_dim(draws)
    states = [str(state) for state in draws["state"].to_numpy()]
    tables = {"observed": observed, "product": product}
    given = {name: table for name, table in tables.items() if table is not None}
    for name, table in given.items():
        limits = ["n", "lower", "upper", "level", "interval"] if name == "observed" else []
        require_columns(table, ["day", "state", "estimate", "synthetic", *limits], name)
        unknown = sorted(set(table["state"].astype(str)) ^ set(states))
        if len(table) and unknown:
            raise ValueError(f"{name}: the table and the draws do not both have '{unknown[0]}'.")
    synthetic = bool(draws.attrs["synthetic"])
    synthetic |= any(bool(table["synthetic"].any()) for table in given.values())
    values = mean_and_limits(draws, level).sortby("day")
    values = values.transpose(*([by] if by else []), "state", "quantile", "day")
    days = values["day"].to_numpy().astype(float)
    last = float(draws.attrs["last_day_seen"])
    counts = _counts(observed)
    with framed(title, synthetic, axes, labels, width_mm) as frame:
        n_columns = frame.columns(len(states), 2 if len(states) == 4 else 3)
        panel_mm = PANEL_MM + (COUNTS_MM if len(counts) else 0.0)
        places = frame.panels(len(states), n_columns, panel_mm, grid={"sharey": True})
        end = max([days.max(), *(table["day"].max() for table in given.values() if len(table))])
        for position, (panel, state) in enumerate(zip(places, states, strict=True)):
            for number, (chosen, _) in enumerate(groups_in(draws, by)):
                own = values.isel({**chosen, "state": position}).to_numpy()
                shade = 0.18 if by is None else 0.1
                _course(panel, days, own, last, _look(number, palette), shade)
            if product is not None:
                steps = product[product["state"].astype(str) == state].sort_values("day")
                panel.step(steps["day"] / YEAR, steps["estimate"], where="post", zorder=3, **STEP)
            if observed is not None:
                _points(panel, observed[observed["state"].astype(str) == state])
            panel.set_title(wrapped(frame.name(state), frame.characters(66 / n_columns)))
            _axes(panel, end, left=position % n_columns == 0)
            if position % n_columns == 0:
                panel.set_ylabel(frame.name("share of patients"))
            _write_counts(panel, counts, frame.width_mm / n_columns - 14.0, end)
            if frame.given or position >= len(states) - n_columns:
                since = str(draws.attrs.get("since", ""))
                panel.set_xlabel(frame.name(f"years since {SINCE.get(since, 'day 0')}"))
        looks = {g: _look(n, palette) for n, (_, g) in enumerate(groups_in(draws, by))}
        handles = _handles(draws, by, level, looks, frame)
        if (days > last).any():
            words = f"paler, hatched: extrapolated, nobody was seen after {last / YEAR:.1f} years"
            handles.append(entry(color="0.4", alpha=BEYOND_ALPHA, label=in_legend(words)))
        if observed is not None and len(observed):
            kind, of = str(observed["interval"].iloc[0]), float(observed["level"].iloc[0])
            whose = "observed" if by is None else "observed, all patients"
            words = f"{whose}: {interval_in_words(kind, of)}; n: patients under observation"
            handles.append(entry(**SQUARE, linewidth=0.9, label=in_legend(words)))
        if product is not None and len(product):
            handles.append(entry(**STEP, label="Aalen-Johansen estimate, no interval"))
        frame.legend_below(handles)
    return frame.figure


def _group_dim(draws: xr.DataArray) -> str | None:
    """The dim of the groups, if there is one; all that is needed is looked for."""
    absent = [dim for dim in ("chain", "draw", "day", "state") if dim not in draws.dims]
    if absent:
        raise ValueError(f"The draws have no dim '{absent[0]}'; give those of `state_occupancy`.")
    lost = [name for name in ("synthetic", "last_day_seen") if name not in draws.attrs]
    if lost:
        raise ValueError(
            f"The draws have no attribute '{lost[0]}'; give them as `state_occupancy` made them."
        )
    return group_dim(draws, "day", "state")


def _look(number: int, palette: Sequence[str] | None) -> dict[str, Any]:
    """Colour and line of a group: another line only where the colours come again."""
    colours = palette or [colour for colour in GROUP_COLOURS if colour != BLACK]
    style = LINE_STYLES[number // len(colours) % len(LINE_STYLES)]
    return {"color": colours[number % len(colours)], "linestyle": style}


def _course(
    panel: Axes,
    days: np.ndarray,
    values: np.ndarray,
    last: float,
    look: Mapping[str, Any],
    shade: float,
) -> None:
    """One group: mean and band until the last day that was seen, and paler after it.

    `values` are mean, lower and upper limit, shape (3, day).
    """
    for after in (False, True):
        chosen = days >= last if after else days <= last
        at, own = days[chosen], values[:, chosen]
        if days[0] < last < days[-1] and last not in days:
            # Both parts reach the last day, wherever it lies between those that were asked for.
            there = np.array([np.interp(last, days, row) for row in values])[:, None]
            at = np.insert(at, 0 if after else at.size, last)
            own = np.hstack([there, own] if after else [own, there])
        if not np.isfinite(own).any() or (after and at[-1] <= last):
            continue
        (mean, low, high), years = own, at / YEAR
        alpha, width, fill = (BEYOND_ALPHA, 1.0, shade / 2) if after else (1.0, 1.4, shade)
        if days.size == 1:
            panel.plot(years, mean, marker="_", markersize=8, **look)
            panel.vlines(years, low, high, color=look["color"], alpha=alpha)
            continue
        line = {**look, "linewidth": width, "alpha": alpha}
        band_over_time(panel, years, own, look=line, shade=fill, hatched=after)
        for edge in (low, high):  # bands that lie over each other keep their colour there
            panel.plot(years, edge, linewidth=0.5, alpha=alpha / 2, **look)


def _points(panel: Axes, own: pd.DataFrame) -> None:
    """What was counted, with its interval."""
    own = own[own["estimate"].notna()]
    if own.empty:
        return
    years = own["day"] / YEAR
    panel.vlines(years, own["lower"], own["upper"], color=BLACK, linewidth=0.9, zorder=4)
    panel.plot(years, own["estimate"], linestyle="none", zorder=5, clip_on=False, **SQUARE)


def _counts(observed: pd.DataFrame | None) -> pd.Series:
    """How many were under observation, by day."""
    if observed is None:
        return pd.Series(dtype=int)
    return observed.groupby("day")["n"].first()


def _write_counts(panel: Axes, counts: pd.Series, panel_mm: float, end: float) -> None:
    """Write the counts below the axis, but those that would run into the one before."""
    free = -np.inf
    for day, n in zip(counts.index.to_numpy(dtype=float), counts.to_numpy(), strict=True):
        place = day / max(end, 1.0) * panel_mm
        half = (len(str(n)) * DIGIT_MM + 0.8) / 2
        if place - half < free:
            continue
        free = place + half
        _below(panel, str(n), day / YEAR, 0.0)
    if len(counts):
        _below(panel, "n", panel.get_xlim()[0], -3.0 - 2.0 * len(str(counts.iloc[0])))


def _below(panel: Axes, text: str, year: float, aside: float) -> None:
    """Write a text below the ticks, centred on a year or so many points aside of it."""
    panel.annotate(
        text,
        (year, 0.0),
        xycoords=panel.get_xaxis_transform(),
        xytext=(aside, -COUNTS_POINTS),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=6.5,
        annotation_clip=False,
    )
    panel.xaxis.labelpad = COUNTS_POINTS * 0.75


def _axes(panel: Axes, end: float, *, left: bool) -> None:
    reach = end / YEAR if end > 0 else 1.0
    panel.set_xlim(-0.03 * reach, 1.03 * reach)
    panel.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda year, _: f"{year:g}"))
    panel.set_ylim(-0.02, 1.02)
    panel.yaxis.set_major_locator(MultipleLocator(0.25))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.0f} %"))
    panel.tick_params(labelleft=left)


def _handles(
    draws: xr.DataArray,
    by: str | None,
    level: float,
    looks: Mapping[str, Mapping[str, Any]],
    frame: Frame,
) -> list[Line2D]:
    """Entries of the groups, or of the model alone, and of their band."""
    meaning = str(draws.attrs.get("meaning", ""))
    mean = f"mean, {meaning}" if meaning else "mean"
    words = interval_in_words("eti", level, str(draws.attrs.get("distribution", "posterior")))
    shape = "band" if draws.sizes["day"] > 1 else "vertical line"
    words = f"{shape}: {words}, each day by itself"
    words = words if by is None else f"line: {mean}; {words}"
    named = {g: f"model: {mean}" if by is None else frame.name(g) for g in looks}
    handles = [entry(linewidth=1.4, label=in_legend(named[g]), **look) for g, look in looks.items()]
    return [*handles, band_entry(in_legend(words))]
