"""The figures of history: studies beside the next one, and how surprising the new data are."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from mmn_bayes.outcomes.evidence.table import MODELLED
from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.side_by_side import OBSERVED
from mmn_bayes.report.style import (
    BLACK,
    BLUE,
    GREEN,
    JOURNAL_WIDTH_MM,
    ORANGE,
    VERMILION,
    count_lines,
    heading,
    house_style,
    new_figure,
    shortened,
)

LOOKS = {OBSERVED: (BLACK, "o", -0.16), MODELLED: (BLUE, "s", 0.16)}
PRIOR_COLOURS = (BLUE, VERMILION, GREEN, ORANGE)
ROW_MM, AXIS_MM, PANEL_MM, LABEL_CHARACTERS = 8.0, 14.0, 60.0, 34


def history_figure(
    table: pd.DataFrame, *, title: str = "", width_mm: float = JOURNAL_WIDTH_MM
) -> Figure:
    """Draw the rates of studies, observed and as the model of all has them, and the next study's.

    Parameters
    ----------
    table
        What `history_table` gave.
    title, width_mm
        As for `response_figure`.

    Returns
    -------
    Figure
        A row for each count, then the mean of the studies and the next study.
    """
    names = list(dict.fromkeys(table["study"]))
    counts = table[table["source"] == OBSERVED].set_index("study")
    with house_style():
        handles = []
        for source, (colour, marker, _) in LOOKS.items():
            first = table[table["source"] == source].iloc[0]
            words = interval_in_words(str(first["interval"]), float(first["level"]))
            name = "observed" if source == OBSERVED else "model of all studies"
            label = f"{name}, {words}"
            handles.append(Line2D([], [], color=colour, marker=marker, label=label))
        head = heading(title, bool(table["synthetic"].any()))
        height = len(names) * ROW_MM + AXIS_MM
        figure = new_figure(width_mm, height, head, count_lines(handles))
        panel = figure.subplots()
        for row in table.to_dict("records"):
            colour, marker, shift = LOOKS[str(row["source"])]
            y = names.index(row["study"]) + shift
            panel.plot([row["lower"], row["upper"]], [y, y], color=colour, linewidth=1.1)
            panel.plot([row["estimate"]], [y], marker, color=colour, markersize=4)
        panel.axhline(len(counts) - 0.5, color=BLACK, linewidth=0.5)
        panel.set_ylim(len(names) - 0.5, -0.5)
        labels = [_label(name, counts) for name in names]
        panel.set_yticks(range(len(names)), labels)
        panel.set_xlim(-0.03, 1.03)
        panel.xaxis.set_major_formatter(PercentFormatter(1.0))
        panel.set_xlabel("response")
        panel.grid(axis="x", linewidth=0.3)
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure


def _label(name: str, counts: pd.DataFrame) -> str:
    """The name of a count, and the count."""
    short = shortened(name.replace("_", " "), LABEL_CHARACTERS)
    if name not in counts.index:
        return short
    row = counts.loc[[name]].iloc[0]
    return f"{short}  {int(row['events'])}/{int(row['n'])}"


def conflict_figure(
    table: pd.DataFrame, *, title: str = "", width_mm: float = JOURNAL_WIDTH_MM
) -> Figure:
    """Draw what priors expect of the number of responders, and what each would make of it.

    Parameters
    ----------
    table
        What `prior_data_conflict` gave.
    title, width_mm
        As for `response_figure`.

    Returns
    -------
    Figure
        Left the probability of each number beforehand, right the estimate after it; the number
        that was observed is marked.
    """
    observed = table[table["observed"]].iloc[0]
    with house_style():
        handles = []
        head = heading(title, bool(table["synthetic"].any()))
        priors = dict(zip(dict.fromkeys(table["prior"]), PRIOR_COLOURS, strict=False))
        for name, colour in priors.items():
            handles.append(Line2D([], [], color=colour, marker="o", label=f"prior: {name}"))
        mark = f"observed: {observed['events']} of {observed['n']}"
        handles.append(Line2D([], [], color=BLACK, linestyle=":", label=mark))
        rate = "observed rate itself"
        handles.append(Line2D([], [], color=BLACK, linewidth=0.6, label=rate))
        figure = new_figure(width_mm, PANEL_MM, head, count_lines(handles))
        left, right = figure.subplots(1, 2)
        for name, colour in priors.items():
            own = table[table["prior"] == name]
            left.plot(own["events"], own["probability"], "o-", color=colour, markersize=3)
            right.plot(own["events"], own["estimate"], "o-", color=colour, markersize=3)
        counts = table["events"].drop_duplicates()
        right.plot(counts, counts / observed["n"], color=BLACK, linewidth=0.6)
        _axis(left, "probability beforehand", int(observed["events"]))
        _axis(right, "rate afterwards, mean", int(observed["events"]))
        left.set_ylim(bottom=0.0)
        right.yaxis.set_major_formatter(PercentFormatter(1.0))
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure


def _axis(panel: Axes, label: str, observed: int) -> None:
    panel.axvline(observed, color=BLACK, linestyle=":", linewidth=1.0)
    panel.set_xlabel("responders")
    panel.set_ylabel(label)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
