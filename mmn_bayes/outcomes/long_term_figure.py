"""The figures of the long run: shares of long-term classes, and what conduction blocks became."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from mmn_bayes.data.aligning import require_columns
from mmn_bayes.data.margins import BLOCK_KINDS
from mmn_bayes.outcomes.blocks.observed import MEAN_CHANGE
from mmn_bayes.report.forest import (
    GREY,
    NEW,
    PALE,
    THESE,
    Line,
    Look,
    by_panel,
    cut,
    forest_line,
    handle_of,
    in_legend,
    intervals_of,
    is_observed,
    is_simultaneous,
    looks_of,
    share_axis,
)
from mmn_bayes.report.side_by_side import OBSERVED
from mmn_bayes.report.style import (
    BLACK,
    JOURNAL_WIDTH_MM,
    count_lines,
    heading,
    house_style,
    new_figure,
    wrapped,
)

OURS, SHADE = "this cohort, ", "0.955"
TEXT_LINE_MM, LINE_MM, GAP_MM, AXIS_MM = 3.1, 3.3, 2.2, 17.0
LABEL_CHARACTERS = 36
FARTHEST = 2.5  # times the largest mean change and limit of a model: wider intervals end in arrows
_ESTIMATES = ("estimate", "lower", "upper", "level", "interval", "synthetic")
_BLOCK_TITLES = dict(zip(BLOCK_KINDS, ("fewer blocks", "unchanged", "more blocks"), strict=True))
_BLOCK_TITLES |= {MEAN_CHANGE: "mean change"}


def classes_figure(
    table: pd.DataFrame,
    others: pd.DataFrame | None = None,
    *,
    title: str = "",
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Draw the share of each long-term class, counted, as models have it, and in other cohorts.

    Parameters
    ----------
    table
        What `long_term_table` gave, with groups or without.
    others
        What `cohorts_table` gave; None for this cohort alone. Its rows of this cohort are not drawn
        again, they are among those of `table`.
    title, width_mm
        As for `response_figure`.

    Returns
    -------
    Figure
        A panel for each class; in it a line for each source (under each group), and below a gap one
        for each other cohort, with its follow-up and number of patients. Simultaneous intervals are
        thin lines with small ends, behind those of one class.

    Raises
    ------
    ValueError
        When a column is absent, there is no row, or the other cohorts have another class.
    """
    require_columns(table, ["class", "source", "n", *_ESTIMATES], "table")
    _require_rows(table)
    classes = list(dict.fromkeys(table["class"].astype(str)))
    lines = _class_lines(table)
    parts = [table]
    if others is not None:
        require_columns(others, ["class", "source", "n", "follow_up", *_ESTIMATES], "others")
        unknown = sorted(set(others["class"].astype(str)) - set(classes))
        if unknown:
            raise ValueError(
                f"others: the table has no class '{unknown[0]}'; give both of one fit."
            )
        lines = [*_ours_heading(others), *lines, *_other_lines(others)]
        parts.append(others[~_is_ours(others)])
    n_columns = len(classes) if len(classes) <= 3 else 2 if len(classes) == 4 else 3
    n_rows = -(-len(classes) // n_columns)
    places, height = _places(lines)
    head = heading(title, any(bool(part["synthetic"].any()) for part in parts))
    with house_style():
        handles = _class_handles(table, parts[1] if len(parts) > 1 else None)
        figure = new_figure(width_mm, n_rows * (height + AXIS_MM), head, count_lines(handles))
        axes = list(figure.subplots(n_rows, n_columns, squeeze=False).flat)
        for position, (panel, name) in enumerate(zip(axes, classes, strict=False)):
            for y, line in zip(places, lines, strict=True):
                forest_line(panel, line, name, y, (0.0, 1.0))
            share_axis(panel, 0.25)
            panel.set_title(wrapped(name, 66 // n_columns))
            panel.set_ylim(height, 0.0)
            panel.set_yticks(places, [line.label for line in lines])
            _emphasise(panel, lines, labelled=position % n_columns == 0)
            if position >= len(classes) - n_columns:
                panel.set_xlabel("share of patients (%)")
        for spare in axes[len(classes) :]:
            spare.remove()
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure


def blocks_figure(
    table: pd.DataFrame, *, title: str = "", width_mm: float = JOURNAL_WIDTH_MM
) -> Figure:
    """Draw the shares with fewer, as many and more conduction blocks, and the mean change.

    Parameters
    ----------
    table
        What `blocks_table` gave.
    title, width_mm
        As for `response_figure`.

    Returns
    -------
    Figure
        A panel for each of the three shares and one for the mean change; in them the groups, each
        with a line for what was counted and one for the new patients of each model. A model has a
        line for these patients only where it fills in somebody, so that its interval is no point.

    Raises
    ------
    ValueError
        When a column is absent, or there is no row of what is drawn.
    """
    require_columns(table, ["group", "kind", "source", "n", "missing", *_ESTIMATES], "table")
    table = table[table["kind"].isin(list(_BLOCK_TITLES))]
    _require_rows(table)
    kinds = [kind for kind in _BLOCK_TITLES if kind in set(table["kind"])]
    looks = looks_of(table["source"])
    groups = [_block_lines(own, looks) for _, own in table.groupby("group", sort=False)]
    shown = {line.label for _, own in groups for line in own}
    head = heading(title, bool(table["synthetic"].any()))
    heights = [max(len(own) * LINE_MM, 2 * TEXT_LINE_MM) + GAP_MM for _, own in groups]
    edges = np.concatenate([[0.0], np.cumsum(heights)])
    reach = _reach(table[table["kind"] == MEAN_CHANGE])
    with house_style():
        handles = _block_handles(table, {s: look for s, look in looks.items() if s in shown})
        figure = new_figure(width_mm, edges[-1] + AXIS_MM, head, count_lines(handles))
        wide = [1.25 if kind == MEAN_CHANGE else 1.0 for kind in kinds]
        axes = figure.subplots(1, len(kinds), width_ratios=wide, squeeze=False)[0]
        for panel, kind in zip(axes, kinds, strict=True):
            limits = (-reach, reach) if kind == MEAN_CHANGE else (0.0, 1.0)
            for number, (_, own) in enumerate(groups):
                low, high = edges[number : number + 2]
                if number % 2 == 0:
                    panel.axhspan(low, high, color=SHADE, zorder=0, linewidth=0)
                first = (low + high - (len(own) - 1) * LINE_MM) / 2
                for place, line in enumerate(own):
                    forest_line(panel, line, kind, first + place * LINE_MM, limits)
            if kind == MEAN_CHANGE:
                _change_axis(panel, reach)
            else:
                share_axis(panel, 0.5)
                panel.set_xlabel("share of patients (%)")
            panel.set_title(_BLOCK_TITLES[kind])
            panel.set_ylim(edges[-1], 0.0)
            panel.set_yticks((edges[:-1] + edges[1:]) / 2, [label for label, _ in groups])
            panel.tick_params(axis="y", length=0, labelleft=panel is axes[0])
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure


def _require_rows(table: pd.DataFrame) -> None:
    if table.empty:
        raise ValueError("The table has no row to draw.")


def _is_ours(others: pd.DataFrame) -> pd.Series:
    return others["source"].astype(str).str.startswith(OURS)


def _class_lines(table: pd.DataFrame) -> list[Line]:
    looks, lines = looks_of(table["source"]), []
    groups = table.groupby("group", sort=False) if "group" in table else [("", table)]
    for group, members in groups:
        if group:
            lines.append(Line(cut(str(group), LABEL_CHARACTERS), None, {}))
        for source, own in members.groupby("source", sort=False):
            counted = own["n"].dropna()
            n = f", n = {counted.iloc[0]}" if len(counted) else ""
            label = _two_lines(str(source), n)
            lines.append(Line(label, looks[str(source)], by_panel(own, "class")))
    return lines


def _two_lines(source: str, n: str) -> str:
    """A source on one line, or where it is too long its model on one and whose it is on another."""
    if len(source + n) <= LABEL_CHARACTERS:
        return cut(source + n, LABEL_CHARACTERS)
    name, _, whose = source.rpartition(", ")
    if not name:
        return f"{cut(source, LABEL_CHARACTERS)}\n{n.removeprefix(', ')}".rstrip()
    return f"{cut(name, LABEL_CHARACTERS)}\n{cut(whose + n, LABEL_CHARACTERS)}"


def _ours_heading(others: pd.DataFrame) -> list[Line]:
    """What stands above the lines of this cohort beside others: how long it was followed."""
    ours = others[_is_ours(others)]
    followed = ours["follow_up"].dropna().astype(str)
    words = ["this cohort (synthetic)" if ours["synthetic"].any() else "this cohort"]
    words += [wrapped(f"followed {text}", LABEL_CHARACTERS) for text in followed.iloc[:1] if text]
    return [Line("\n".join(words), None, {})]


def _other_lines(others: pd.DataFrame) -> list[Line]:
    studies = others[~_is_ours(others)]
    if studies.empty:
        return []
    lines = [Line("other cohorts, as published", None, {})]
    for source, own in studies.groupby("source", sort=False):
        first, about = own.iloc[0], f"n = {own['n'].iloc[0]}"
        unlisted = own["unlisted"].iloc[0] if "unlisted" in own else pd.NA
        if pd.notna(unlisted) and unlisted > 0:
            about += f", {unlisted} of no class here"
        words = [cut(f"{source}, {about}", LABEL_CHARACTERS)]
        if len(f"{source}, {about}") > LABEL_CHARACTERS:
            words = [cut(text, LABEL_CHARACTERS) for text in (str(source), about)]
        if pd.notna(first["follow_up"]) and str(first["follow_up"]):
            words.append(wrapped(f"followed {first['follow_up']}", LABEL_CHARACTERS))
        lines.append(Line("\n".join(words), Look(GREY, "s"), by_panel(own, "class")))
    return lines


def _block_lines(own: pd.DataFrame, looks: Mapping[str, Look]) -> tuple[str, list[Line]]:
    """The label of a group, with how many have both counts, and its lines, by source."""
    lines = []
    for source, rows in own.groupby("source", sort=False):
        look = looks[str(source)]
        # Where nobody was filled in the interval is a point, and that of the observed row.
        if not look.hollow or (rows["upper"] > rows["lower"]).any():
            lines.append(Line(str(source), look, by_panel(rows, "kind")))
    counted = own[own["source"] == OBSERVED]
    label = cut(str(own["group"].iloc[0]), LABEL_CHARACTERS - 8)
    if len(counted):
        n, missing = counted["n"].iloc[0], counted["missing"].iloc[0]
        label += f"\nn = {n}" + (f", {missing} missing" if pd.notna(missing) and missing else "")
    return label, lines


def _places(lines: Sequence[Line]) -> tuple[list[float], float]:
    """The middle of each line from the top, millimetres, and the height of all."""
    places, top = [], 0.0
    for number, line in enumerate(lines):
        top += GAP_MM if line.look is None and number else 0.0
        height = (line.label.count("\n") + 1) * TEXT_LINE_MM + 1.2
        places.append(top + height / 2)
        top += height
    return places, top


def _change_axis(panel: Axes, reach: float) -> None:
    panel.axvline(0.0, color="0.4", linewidth=0.6, zorder=1)
    panel.set_xlim(-1.04 * reach, 1.04 * reach)
    panel.xaxis.set_major_locator(MaxNLocator(4, symmetric=True))
    panel.grid(axis="x", color=PALE, linewidth=0.4)
    panel.set_axisbelow(True)
    panel.set_xlabel("nerves")


def _reach(rows: pd.DataFrame) -> float:
    """How far the axis of the mean change goes: as the intervals do, unless one is far wider."""
    limits = rows[["lower", "upper"]].abs()
    counted = rows["source"] == OBSERVED
    typical = np.nanmax([0.0, *rows["estimate"].abs(), *limits[~counted].to_numpy().ravel()])
    farthest = np.nanmax([0.0, *limits.to_numpy().ravel(), typical])
    farthest = min(farthest, FARTHEST * typical) if typical > 0 else farthest
    return 1.05 * float(farthest) if farthest > 0 else 1.0


def _emphasise(panel: Axes, lines: Sequence[Line], *, labelled: bool) -> None:
    """Headings in bold; labels at the panels on the left alone."""
    panel.tick_params(axis="y", length=0, labelleft=labelled)
    for label, line in zip(panel.get_yticklabels() if labelled else [], lines, strict=False):
        if line.look is None:
            label.set_fontweight("bold")


def _class_handles(table: pd.DataFrame, others: pd.DataFrame | None) -> list[Line2D]:
    together = table["interval"].map(is_simultaneous)
    single, looks = table[~together], looks_of(table["source"])
    counted = single["source"].map(is_observed)
    handles = []
    if counted.any():
        handles.append(handle_of(f"observed: {intervals_of(single[counted])}", Look(BLACK, "s")))
    for hollow, whose in ((False, NEW), (True, THESE)):
        own = single[~counted & single["source"].map(lambda s, h=hollow: looks[s].hollow == h)]
        if len(own):
            look = looks[str(own["source"].iloc[0])]
            face = "hollow" if hollow else "filled"
            handles.append(
                handle_of(f"models (in colour), {whose} ({face}): {intervals_of(own)}", look)
            )
    if others is not None and len(others):
        handles.append(handle_of(f"other cohorts: {intervals_of(others)}", Look(GREY, "s")))
    if together.any():
        words = in_legend(f"thin, with ends: {intervals_of(table[together])}")
        style: dict[str, Any] = {"marker": "|", "markersize": 4, "linewidth": 0.6}
        handles.append(Line2D([], [], color=BLACK, label=words, **style))
    return handles


def _block_handles(table: pd.DataFrame, looks: Mapping[str, Look]) -> list[Line2D]:
    handles = []
    for source, look in looks.items():
        own = table[table["source"] == source]
        change = own["kind"] == MEAN_CHANGE
        shares, of_change = intervals_of(own[~change]), intervals_of(own[change])
        words = shares or of_change
        if shares and of_change and shares != of_change:
            words = f"{shares}; of the mean change {of_change}"
        handles.append(handle_of(f"{source}: {words}", look))
    return handles
