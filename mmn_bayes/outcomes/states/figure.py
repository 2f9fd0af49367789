"""The figure of histories: the share of patients in each state over the years."""

from collections.abc import Mapping
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
from mmn_bayes.report.side_by_side import FIRST_GROUPS, group_label
from mmn_bayes.report.style import (
    BLACK,
    GROUP_COLOURS,
    JOURNAL_WIDTH_MM,
    LINE_STYLES,
    count_lines,
    heading,
    house_style,
    new_figure,
    wrapped,
)

PANEL_MM, COUNTS_MM = 50.0, 5.0
BEYOND_ALPHA = 0.55  # of the line, where nobody was seen
COUNTS_POINTS, DIGIT_MM = 15.0, 1.6  # how far below the axis counts stand, and the width of a digit
STEP = (0, (3, 1.2))
SINCE = {"first_infusion": "the first infusion", "inclusion": "inclusion"}


def occupancy_figure(
    draws: xr.DataArray,
    observed: pd.DataFrame | None = None,
    *,
    product: pd.DataFrame | None = None,
    level: float = 0.95,
    title: str = "",
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Draw the share of patients in each state over time, over what was counted.

    Parameters
    ----------
    draws
        What `state_occupancy` gave, with groups or without.
    observed
        What `empirical_occupancy` gave on the clock of the histories (`on_clock`), of all patients;
        None for the model alone.
    product
        What `aalen_johansen` gave on that clock; drawn as a step line. It takes its steps on the
        days that were asked for.
    level
        Level of the bands (equal-tailed, each day by itself).
    title, width_mm
        As for `response_figure`.

    Returns
    -------
    Figure
        A panel for each state, a line with its band for each group. After the last day on which
        anybody was seen the line is paler and the band hatched. Below the axis stands how many
        were under observation.

    Raises
    ------
    ValueError
        When a dim, an attribute or a column is absent, the draws have two groupings, or the tables
        have other states.
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
    tail, sample = (1.0 - level) / 2.0, ("chain", "draw")
    band = draws.quantile([tail, 1.0 - tail], dim=sample, skipna=False)
    centre = draws.mean(sample, skipna=False).expand_dims(quantile=[np.nan])
    drawn = xr.concat([centre, band], "quantile")
    drawn = drawn.transpose(*([by] if by else []), "state", "quantile", "day").sortby("day")
    days = drawn["day"].to_numpy().astype(float)
    last = float(draws.attrs["last_day_seen"])
    n_columns = min(3, len(states)) if len(states) != 4 else 2
    n_rows = -(-len(states) // n_columns)
    counts = _counts(observed)
    with house_style():
        handles = _handles(draws, by, level, bool((days > last).any()), observed, product)
        height = n_rows * (PANEL_MM + (COUNTS_MM if len(counts) else 0.0))
        figure = new_figure(width_mm, height, heading(title, synthetic), count_lines(handles))
        axes = list(figure.subplots(n_rows, n_columns, squeeze=False, sharey=True).flat)
        end = max([days.max(), *(table["day"].max() for table in given.values() if len(table))])
        for position, (panel, state) in enumerate(zip(axes, states, strict=False)):
            for number, (chosen, _) in enumerate(_groups(draws, by)):
                values = drawn.isel({**chosen, "state": position}).to_numpy()
                _course(panel, days, values, last, _look(number), 0.18 if by is None else 0.1)
            if product is not None:
                own = product[product["state"].astype(str) == state].sort_values("day")
                years = own["day"] / YEAR
                style: dict[str, Any] = {"linestyle": STEP, "linewidth": 0.9, "zorder": 3}
                panel.step(years, own["estimate"], where="post", color=BLACK, **style)
            if observed is not None:
                _points(panel, observed[observed["state"].astype(str) == state])
            panel.set_title(wrapped(state, 66 // n_columns))
            _axes(panel, end, left=position % n_columns == 0)
            _write_counts(panel, counts, width_mm / n_columns - 14.0, end)
            if position >= len(states) - n_columns:
                since = str(draws.attrs.get("since", ""))
                panel.set_xlabel(f"years since {SINCE.get(since, 'day 0')}")
        for spare in axes[len(states) :]:
            spare.remove()
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure


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
    groups = [str(dim) for dim in draws.dims if dim not in ("chain", "draw", "day", "state")]
    if len(groups) > 1:
        raise ValueError(f"The draws have the dims {', '.join(groups)}; draw one grouping only.")
    return groups[0] if groups else None


def _groups(draws: xr.DataArray, by: str | None) -> list[tuple[dict[str, int], str]]:
    """Where each group is among the draws, and its label; naive or yes first."""
    if by is None:
        return [({}, "")]
    labels = [group_label(by, value) for value in draws[by].to_numpy()]
    found = [({by: position}, label) for position, label in enumerate(labels)]
    return sorted(found, key=lambda group: group[1] not in FIRST_GROUPS)


def _look(number: int) -> Mapping[str, Any]:
    colours = [colour for colour in GROUP_COLOURS if colour != BLACK]
    style = LINE_STYLES[number // len(colours) % len(LINE_STYLES)] if number else LINE_STYLES[0]
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
        panel.plot(years, mean, linewidth=width, alpha=alpha, **look)
        for edge in (low, high):  # bands that lie over each other keep their colour there
            panel.plot(years, edge, linewidth=0.5, alpha=alpha / 2, **look)
        band = panel.fill_between(years, low, high, linewidth=0, alpha=fill)
        band.set_facecolor(look["color"])
        if after:
            band.set_hatch("////")
            band.set_edgecolor(look["color"])


def _points(panel: Axes, own: pd.DataFrame) -> None:
    """What was counted, with its interval."""
    own = own[own["estimate"].notna()]
    if own.empty:
        return
    years = own["day"] / YEAR
    panel.vlines(years, own["lower"], own["upper"], color=BLACK, linewidth=0.9, zorder=4)
    style: dict[str, Any] = {"color": BLACK, "markersize": 3.2, "zorder": 5, "clip_on": False}
    panel.plot(years, own["estimate"], "s", **style)


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
    if left:
        panel.set_ylabel("share of patients")


def _handles(
    draws: xr.DataArray,
    by: str | None,
    level: float,
    beyond: bool,
    observed: pd.DataFrame | None,
    product: pd.DataFrame | None,
) -> list[Line2D]:
    meaning = str(draws.attrs.get("meaning", ""))
    mean = f"mean, {meaning}" if meaning else "mean"
    labels = [f"model: {mean}"] if by is None else [label for _, label in _groups(draws, by)]
    handles = [
        Line2D([], [], linewidth=1.4, label=in_legend(label), **_look(number))
        for number, label in enumerate(labels)
    ]
    words = interval_in_words("eti", level, str(draws.attrs.get("distribution", "posterior")))
    shape = "band" if draws.sizes["day"] > 1 else "vertical line"
    words = f"{shape}: {words}, each day by itself"
    words = words if by is None else f"line: {mean}; {words}"
    shade: dict[str, Any] = {"color": "0.8", "linewidth": 6}
    handles.append(Line2D([], [], label=in_legend(words), **shade))
    if beyond:
        last = float(draws.attrs["last_day_seen"]) / YEAR
        words = f"paler, hatched: extrapolated, nobody was seen after {last:.1f} years"
        label = in_legend(words)
        handles.append(Line2D([], [], color="0.4", alpha=BEYOND_ALPHA, label=label))
    if observed is not None and len(observed):
        kind, of = str(observed["interval"].iloc[0]), float(observed["level"].iloc[0])
        whose = "observed" if by is None else "observed, all patients"
        words = f"{whose}: {interval_in_words(kind, of)}; n: patients under observation"
        style: dict[str, Any] = {"color": BLACK, "marker": "s", "markersize": 3.2}
        label = in_legend(words)
        handles.append(Line2D([], [], linewidth=0.9, label=label, **style))
    if product is not None and len(product):
        style = {"color": BLACK, "linestyle": STEP, "linewidth": 0.9}
        handles.append(Line2D([], [], label="Aalen-Johansen estimate, no interval", **style))
    return handles
