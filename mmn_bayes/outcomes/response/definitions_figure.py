"""The figure of definitions: the estimate under each, and what chance alone would give."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from mmn_bayes.data.definitions import STATED
from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.side_by_side import OBSERVED
from mmn_bayes.report.style import (
    BLACK,
    BLUE,
    JOURNAL_WIDTH_MM,
    ORANGE,
    VERMILION,
    count_lines,
    heading,
    house_style,
    new_figure,
    panels,
    shortened,
)

# Colour, marker and place within a row of each source.
LOOKS = {
    OBSERVED: (BLACK, "o", -0.27),
    "these patients": (ORANGE, "D", -0.09),
    "new patients": (BLUE, "s", 0.09),
    "by chance alone": (VERMILION, "X", 0.27),
}
ROW_MM, AXIS_MM, LABEL_CHARACTERS = 9.0, 14.0, 34


def definitions_figure(
    table: pd.DataFrame, *, title: str = "", width_mm: float = JOURNAL_WIDTH_MM
) -> Figure:
    """Draw the response under every definition.

    Parameters
    ----------
    table
        What `definition_table` gave.
    title, width_mm
        As for `response_figure`.

    Returns
    -------
    Figure
        A panel for each group; in it a row for each definition, the stated one in bold.
    """
    column = str(table.columns[6])
    groups = list(dict.fromkeys(table[column]))
    names = list(dict.fromkeys(table["definition"]))
    head = heading(title, bool(table["synthetic"].any()))
    with house_style():
        handles = _handles(table)
        height = len(names) * ROW_MM + AXIS_MM
        figure = new_figure(width_mm, height, head, count_lines(handles))
        axes = panels(figure, len(groups), len(groups), "response")
        for position, (panel, group) in enumerate(zip(axes, groups, strict=True)):
            own = table[table[column] == group]
            for row in own.to_dict("records"):
                colour, marker, shift = LOOKS[str(row["source"])]
                y = names.index(row["definition"]) + shift
                panel.plot([row["lower"], row["upper"]], [y, y], color=colour, linewidth=1.1)
                panel.plot([row["estimate"]], [y], marker, color=colour, markersize=3.5)
            panel.set_title(group)
            panel.set_ylim(len(names) - 0.5, -0.5)
            panel.set_yticks(range(len(names)), [""] * len(names))
            panel.grid(axis="x", linewidth=0.3)
            panel.set_xlim(-0.03, 1.03)  # markers at the ends whole
            panel.xaxis.set_major_formatter(PercentFormatter(1.0))
            if position == 0:
                panel.set_yticklabels([shortened(name, LABEL_CHARACTERS) for name in names])
                if STATED in names:
                    panel.get_yticklabels()[names.index(STATED)].set_fontweight("bold")
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure


def _handles(table: pd.DataFrame) -> list[Line2D]:
    handles = []
    for source, (colour, marker, _) in LOOKS.items():
        rows = table[table["source"] == source]
        if not rows.empty:
            first = rows.iloc[0]
            words = interval_in_words(str(first["interval"]), float(first["level"]))
            label = f"{source}, {words}"
            handles.append(Line2D([], [], color=colour, marker=marker, label=label))
    return handles
