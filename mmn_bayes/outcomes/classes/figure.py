"""The figure of long-term classes: shares counted, as models have them, and in other cohorts."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mmn_bayes.data.aligning import require_columns
from mmn_bayes.report.forest import (
    AXIS_MM,
    ESTIMATES,
    GAP_MM,
    GREY,
    LABEL_CHARACTERS,
    NEW,
    TEXT_LINE_MM,
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
    require_rows,
    share_axis,
)
from mmn_bayes.report.frame import entry, framed
from mmn_bayes.report.style import BLACK, JOURNAL_WIDTH_MM, wrapped

OURS = "this cohort, "


def classes_figure(
    table: pd.DataFrame,
    others: pd.DataFrame | None = None,
    *,
    title: str = "",
    axes: Sequence[Axes] | None = None,
    labels: Mapping[str, str] | None = None,
    palette: Sequence[str] | None = None,
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Plot the share of each long-term class: observed, by models, and in other cohorts.

    Parameters
    ----------
    table : DataFrame
        As returned by `classes_table`, with groups or without.
    others : DataFrame or None, optional
        As returned by `cohorts_table`; None for this cohort alone. Its rows of this cohort are not
        plotted again, they are among those of `table`.
    title : str, default ""
        Title of the figure.
    axes : sequence of Axes or None, optional
        Axes to plot into, one for each panel; by default a new figure is made.
    labels : mapping of str to str or None, optional
        Labels to print in place of names of the data and texts of the figure, by what they replace.
    palette : sequence of str or None, optional
        A colour of the palette for each model.
    width_mm : float, default JOURNAL_WIDTH_MM
        Width of the figure in millimetres.

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

    Examples
    --------
    With `blocks_cohort`, the patients of `data/leger2008_cohort` with every covariate, and
    `classes_fit`, a fit of `models/long_term.toml`:

    >>> table = mb.tables.classes_table(blocks_cohort, [classes_fit])
    >>> figure = mb.plots.classes_figure(table, title="Long-term classes")
    >>> [panel.get_title(loc="left") for panel in figure.axes]
    ['dependent', 'remission', 'other']
    """
    require_columns(table, ["class", "source", "n", *ESTIMATES], "table")
    require_rows(table)
    classes = list(dict.fromkeys(table["class"].astype(str)))
    looks = looks_of(table["source"], palette)
    lines = _class_lines(table, looks)
    parts = [table]
    if others is not None:
        require_columns(others, ["class", "source", "n", "follow_up", *ESTIMATES], "others")
        unknown = sorted(set(others["class"].astype(str)) - set(classes))
        if unknown:
            raise ValueError(
                f"others: the table has no class '{unknown[0]}'; give both of one fit."
            )
        lines = [*_ours_heading(others), *lines, *_other_lines(others)]
        parts.append(others[~_is_ours(others)])
    places, height = _places(lines)
    synthetic = any(bool(part["synthetic"].any()) for part in parts)
    with framed(title, synthetic, axes, labels, width_mm) as frame:
        n_columns = frame.columns(len(classes), 2 if len(classes) == 4 else 3)
        panels = frame.panels(len(classes), n_columns, height + AXIS_MM)
        ticks = ["\n".join(map(frame.name, line.label.split("\n"))) for line in lines]
        for position, (panel, name) in enumerate(zip(panels, classes, strict=True)):
            for y, line in zip(places, lines, strict=True):
                forest_line(panel, line, name, y, (0.0, 1.0))
            share_axis(panel, 0.25)
            panel.set_title(wrapped(frame.name(name), frame.characters(66 / n_columns)))
            panel.set_ylim(height, 0.0)
            panel.set_yticks(places, ticks)
            _emphasise(panel, lines, labelled=position % n_columns == 0)
            if frame.given or position >= len(classes) - n_columns:
                panel.set_xlabel(frame.name("share of patients (%)"))
        frame.legend_below(_class_handles(table, parts[1] if len(parts) > 1 else None, looks))
    return frame.figure


def _is_ours(others: pd.DataFrame) -> pd.Series:
    return others["source"].astype(str).str.startswith(OURS)


def _class_lines(table: pd.DataFrame, looks: Mapping[str, Look]) -> list[Line]:
    lines = []
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


def _places(lines: Sequence[Line]) -> tuple[list[float], float]:
    """The middle of each line from the top, millimetres, and the height of all."""
    places, top = [], 0.0
    for number, line in enumerate(lines):
        top += GAP_MM if line.look is None and number else 0.0
        height = (line.label.count("\n") + 1) * TEXT_LINE_MM + 1.2
        places.append(top + height / 2)
        top += height
    return places, top


def _emphasise(panel: Axes, lines: Sequence[Line], *, labelled: bool) -> None:
    """Headings in bold; labels at the panels on the left alone."""
    panel.tick_params(axis="y", length=0, labelleft=labelled)
    for label, line in zip(panel.get_yticklabels() if labelled else [], lines, strict=False):
        if line.look is None:
            label.set_fontweight("bold")


def _class_handles(
    table: pd.DataFrame, others: pd.DataFrame | None, looks: Mapping[str, Look]
) -> list[Line2D]:
    together = table["interval"].map(is_simultaneous)
    single = table[~together]
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
        handles.append(entry(color=BLACK, label=words, **style))
    return handles
