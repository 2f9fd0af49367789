"""The figure of definitions: the estimate under each, and what chance alone would give."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mmn_bayes.data.definitions import STATED
from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.frame import entry, framed, points_with_interval
from mmn_bayes.report.side_by_side import OBSERVED
from mmn_bayes.report.style import BLACK, BLUE, JOURNAL_WIDTH_MM, ORANGE, VERMILION, shortened

# Colour, marker and place within a row of each source.
LOOKS = {
    OBSERVED: (BLACK, "o", -0.27),
    "these patients": (ORANGE, "D", -0.09),
    "new patients": (BLUE, "s", 0.09),
    "by chance alone": (VERMILION, "X", 0.27),
}
ROW_MM, AXIS_MM, LABEL_CHARACTERS = 9.0, 14.0, 34


def definitions_figure(
    table: pd.DataFrame,
    *,
    title: str = "",
    axes: Sequence[Axes] | None = None,
    labels: Mapping[str, str] | None = None,
    palette: Sequence[str] | None = None,
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Plot the response probability under every definition of response.

    Parameters
    ----------
    table : DataFrame
        As returned by `definition_table`.
    title : str, default ""
        Title of the figure.
    axes : sequence of Axes or None, optional
        Axes to plot into, one for each panel; by default a new figure is made.
    labels : mapping of str to str or None, optional
        Labels to print in place of names of the data and texts of the figure, by what they replace.
    palette : sequence of str or None, optional
        Colours in the order of `LOOKS`.
    width_mm : float, default JOURNAL_WIDTH_MM
        Width of the figure in millimetres.

    Returns
    -------
    Figure
        A panel for each group; in it a row for each definition, the stated one in bold.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`, and `model`, its model:

    >>> chosen = mb.response.definition_grid(model)[:2]
    >>> table = mb.tables.definition_table(fit, chosen, by="naive")
    >>> figure = mb.plots.definitions_figure(table)
    >>> [panel.get_title(loc="left") for panel in figure.axes]
    ['naive', 'previously treated']
    """
    column = str(table.columns[6])
    groups = list(dict.fromkeys(table[column]))
    names = list(dict.fromkeys(table["definition"]))
    colours = palette or [colour for colour, _, _ in LOOKS.values()]
    looks = {
        source: ({"color": colour, "marker": marker}, shift)
        for (source, (_, marker, shift)), colour in zip(LOOKS.items(), colours, strict=True)
    }
    with framed(title, bool(table["synthetic"].any()), axes, labels, width_mm) as frame:
        n_columns = frame.columns(len(groups), len(groups))
        height = len(names) * ROW_MM + AXIS_MM
        places = frame.panels(len(groups), n_columns, height, x_label="response")
        for position, (panel, group) in enumerate(zip(places, groups, strict=True)):
            for row in table[table[column] == group].to_dict("records"):
                look, shift = looks[str(row["source"])]
                y = names.index(row["definition"]) + shift
                points_with_interval(panel, row, y, {**look, "markersize": 3.5})
            panel.set_title(frame.name(group))
            panel.set_ylim(len(names) - 0.5, -0.5)
            panel.set_yticks(range(len(names)), [""] * len(names))
            panel.grid(axis="x", linewidth=0.3)
            panel.set_xlim(-0.03, 1.03)  # markers at the ends whole
            panel.xaxis.set_major_formatter(PercentFormatter(1.0))
            if position % n_columns == 0:
                panel.set_yticklabels([shortened(frame.name(n), LABEL_CHARACTERS) for n in names])
                if STATED in names:
                    panel.get_yticklabels()[names.index(STATED)].set_fontweight("bold")
        handles = []
        for source, (look, _) in looks.items():
            for row in table[table["source"] == source].head(1).to_dict("records"):
                words = interval_in_words(str(row["interval"]), float(row["level"]))
                handles.append(entry(**look, label=f"{frame.name(source)}, {words}"))
        frame.legend_below(handles)
    return frame.figure
