"""The figure of conduction blocks: what became of them, counted and as models have it."""

from collections.abc import Mapping, Sequence

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
    AXIS_MM,
    ESTIMATES,
    GAP_MM,
    LABEL_CHARACTERS,
    LINE_MM,
    PALE,
    TEXT_LINE_MM,
    Line,
    Look,
    by_panel,
    cut,
    forest_line,
    handle_of,
    intervals_of,
    looks_of,
    require_rows,
    share_axis,
)
from mmn_bayes.report.frame import Frame, framed
from mmn_bayes.report.side_by_side import OBSERVED
from mmn_bayes.report.style import JOURNAL_WIDTH_MM

SHADE = "0.955"
FARTHEST = 2.5  # times the largest mean change and limit of a model: wider intervals end in arrows
_TITLES = dict(zip(BLOCK_KINDS, ("fewer blocks", "unchanged", "more blocks"), strict=True))
_TITLES |= {MEAN_CHANGE: "mean change"}


def blocks_figure(
    table: pd.DataFrame,
    *,
    title: str = "",
    axes: Sequence[Axes] | None = None,
    labels: Mapping[str, str] | None = None,
    palette: Sequence[str] | None = None,
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Plot the shares with fewer, as many and more conduction blocks, and the mean change.

    Parameters
    ----------
    table : DataFrame
        As returned by `blocks_table`.
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
        A panel for each of the three shares and one for the mean change; in them the groups, each
        with a line for the observed counts and one for new patients, by model. A model has a line
        for the patients of the cohort only where it imputes somebody, so that its interval is no
        point.

    Raises
    ------
    ValueError
        When a column is absent, or there is no row to plot.

    Examples
    --------
    With `blocks_cohort`, the patients of `data/leger2008_cohort` with every covariate, and
    `blocks_fit`, a fit of `models/blocks.toml`:

    >>> table = mb.tables.blocks_table(blocks_cohort, [blocks_fit])
    >>> figure = mb.plots.blocks_figure(table, title="Conduction blocks")
    >>> len(figure.axes)
    4
    """
    require_columns(table, ["group", "kind", "source", "n", "missing", *ESTIMATES], "table")
    table = table[table["kind"].isin(list(_TITLES))]
    require_rows(table)
    kinds = [kind for kind in _TITLES if kind in set(table["kind"])]
    looks = looks_of(table["source"], palette)
    groups = [_block_lines(own, looks) for _, own in table.groupby("group", sort=False)]
    shown = {line.label for _, own in groups for line in own}
    heights = [max(len(own) * LINE_MM, 2 * TEXT_LINE_MM) + GAP_MM for _, own in groups]
    edges = np.concatenate([[0.0], np.cumsum(heights)])
    reach = _reach(table[table["kind"] == MEAN_CHANGE])
    with framed(title, bool(table["synthetic"].any()), axes, labels, width_mm) as frame:
        n_columns = frame.columns(len(kinds), len(kinds))
        wide = [1.25 if kind == MEAN_CHANGE else 1.0 for kind in kinds]
        grid = {"width_ratios": wide if n_columns == len(kinds) else None}
        panels = frame.panels(len(kinds), n_columns, edges[-1] + AXIS_MM, grid=grid)
        for position, (panel, kind) in enumerate(zip(panels, kinds, strict=True)):
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
                panel.set_xlabel(frame.name("nerves"))
            else:
                share_axis(panel, 0.5)
                panel.set_xlabel(frame.name("share of patients (%)"))
            panel.set_title(frame.name(_TITLES[kind]))
            panel.set_ylim(edges[-1], 0.0)
            panel.set_yticks(
                (edges[:-1] + edges[1:]) / 2, [_called(label, frame) for label, _ in groups]
            )
            panel.tick_params(axis="y", length=0, labelleft=position % n_columns == 0)
        shown_looks = {source: look for source, look in looks.items() if source in shown}
        frame.legend_below(_block_handles(table, shown_looks, frame))
    return frame.figure


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


def _change_axis(panel: Axes, reach: float) -> None:
    panel.axvline(0.0, color="0.4", linewidth=0.6, zorder=1)
    panel.set_xlim(-1.04 * reach, 1.04 * reach)
    panel.xaxis.set_major_locator(MaxNLocator(4, symmetric=True))
    panel.grid(axis="x", color=PALE, linewidth=0.4)
    panel.set_axisbelow(True)


def _reach(rows: pd.DataFrame) -> float:
    """How far the axis of the mean change goes: as the intervals do, unless one is far wider."""
    limits = rows[["lower", "upper"]].abs()
    counted = rows["source"] == OBSERVED
    typical = np.nanmax([0.0, *rows["estimate"].abs(), *limits[~counted].to_numpy().ravel()])
    farthest = np.nanmax([0.0, *limits.to_numpy().ravel(), typical])
    farthest = min(farthest, FARTHEST * typical) if typical > 0 else farthest
    return 1.05 * float(farthest) if farthest > 0 else 1.0


def _called(label: str, frame: Frame) -> str:
    """The label of a group by its name in the figure; its second line has the counts."""
    return "\n".join(map(frame.name, label.split("\n")))


def _block_handles(table: pd.DataFrame, looks: Mapping[str, Look], frame: Frame) -> list[Line2D]:
    handles = []
    for source, look in looks.items():
        own = table[table["source"] == source]
        change = own["kind"] == MEAN_CHANGE
        shares, of_change = intervals_of(own[~change]), intervals_of(own[change])
        words = shares or of_change
        if shares and of_change and shares != of_change:
            words = f"{shares}; of the mean change {of_change}"
        handles.append(handle_of(f"{frame.name(source)}: {words}", look))
    return handles
