"""The figures of history: studies beside the next one, and how surprising the new data are."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from mmn_bayes.outcomes.evidence.table import MODELLED
from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.frame import entry, framed, points_with_interval
from mmn_bayes.report.side_by_side import OBSERVED
from mmn_bayes.report.style import (
    BLACK,
    BLUE,
    GREEN,
    JOURNAL_WIDTH_MM,
    ORANGE,
    VERMILION,
    shortened,
)

LOOKS = {OBSERVED: (BLACK, "o", -0.16), MODELLED: (BLUE, "s", 0.16)}
PRIOR_COLOURS = (BLUE, VERMILION, GREEN, ORANGE)
ROW_MM, AXIS_MM, PANEL_MM, LABEL_CHARACTERS = 8.0, 14.0, 60.0, 34


def history_figure(
    table: pd.DataFrame,
    *,
    title: str = "",
    ax: Axes | None = None,
    labels: Mapping[str, str] | None = None,
    palette: Sequence[str] | None = None,
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Plot response rates of studies, observed and modelled, and that of the next study.

    Parameters
    ----------
    table : DataFrame
        As returned by `evidence_table`.
    title : str, default ""
        Title of the figure.
    ax : Axes or None, optional
        Axes to plot into; by default a new figure is made.
    labels : mapping of str to str or None, optional
        Labels to print in place of names of the data and texts of the figure, by what they replace.
    palette : sequence of str or None, optional
        Colours of the observed rates and of the model.
    width_mm : float, default JOURNAL_WIDTH_MM
        Width of the figure in millimetres.

    Returns
    -------
    Figure
        A row for each count, then the mean of the studies and the next study.

    Examples
    --------
    With `evidence_fit`, a fit of `models/historical_response.toml`:

    >>> table = mb.tables.evidence_table(evidence_fit)
    >>> figure = mb.plots.history_figure(table, title="Published counts")
    >>> len(figure.axes[0].get_yticks()) == table["study"].nunique()
    True
    """
    names = list(dict.fromkeys(table["study"]))
    counts = table[table["source"] == OBSERVED].set_index("study")
    colours = palette or [colour for colour, _, _ in LOOKS.values()]
    words = {OBSERVED: "observed", MODELLED: "model of all studies"}
    with framed(title, bool(table["synthetic"].any()), ax, labels, width_mm) as frame:
        (panel,) = frame.panels(1, 1, len(names) * ROW_MM + AXIS_MM)
        handles = []
        for (source, (_, marker, shift)), colour in zip(LOOKS.items(), colours, strict=True):
            look = {"color": colour, "marker": marker}
            own = table[table["source"] == source]
            for row in own.to_dict("records"):
                y = names.index(row["study"]) + shift
                points_with_interval(panel, row, y, {**look, "markersize": 4})
            kind = interval_in_words(str(own["interval"].iloc[0]), float(own["level"].iloc[0]))
            handles.append(entry(**look, label=f"{frame.name(words[source])}, {kind}"))
        panel.axhline(len(counts) - 0.5, color=BLACK, linewidth=0.5)
        panel.set_ylim(len(names) - 0.5, -0.5)
        ticks = [_label(name, frame.name(name), counts) for name in names]
        panel.set_yticks(range(len(names)), ticks)
        panel.set_xlim(-0.03, 1.03)
        panel.xaxis.set_major_formatter(PercentFormatter(1.0))
        panel.set_xlabel(frame.name("response"))
        panel.grid(axis="x", linewidth=0.3)
        frame.legend_below(handles)
    return frame.figure


def _label(name: str, called: str, counts: pd.DataFrame) -> str:
    """What a count is called, and the count."""
    short = shortened(called.replace("_", " "), LABEL_CHARACTERS)
    if name not in counts.index:
        return short
    row = counts.loc[[name]].iloc[0]
    return f"{short}  {int(row['events'])}/{int(row['n'])}"


def conflict_figure(
    table: pd.DataFrame,
    *,
    title: str = "",
    axes: Sequence[Axes] | None = None,
    labels: Mapping[str, str] | None = None,
    palette: Sequence[str] | None = None,
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Plot the prior predictive number of responders, and the posterior rate after each number.

    Parameters
    ----------
    table : DataFrame
        As returned by `prior_data_conflict`.
    title : str, default ""
        Title of the figure.
    axes : sequence of Axes or None, optional
        Axes to plot into, one for each panel; by default a new figure is made.
    labels : mapping of str to str or None, optional
        Labels to print in place of names of the data and texts of the figure, by what they replace.
    palette : sequence of str or None, optional
        A colour of the palette for each prior.
    width_mm : float, default JOURNAL_WIDTH_MM
        Width of the figure in millimetres.

    Returns
    -------
    Figure
        Left the prior predictive probability of each number, right the posterior mean rate after
        it; the observed number is marked.

    Examples
    --------
    With `evidence_fit`, a fit of `models/historical_response.toml`:

    >>> priors = {"from history": mb.evidence.historical_prior(evidence_fit)}
    >>> table = mb.evidence.prior_data_conflict(priors, 14, 20, synthetic=True)
    >>> figure = mb.plots.conflict_figure(table)
    >>> len(figure.axes)
    2
    """
    observed = table[table["observed"]].iloc[0]
    rows = dict(tuple(table.groupby("prior", sort=False)))
    with framed(title, bool(table["synthetic"].any()), axes, labels, width_mm) as frame:
        left, right = frame.panels(2, frame.columns(2, 2), PANEL_MM)
        handles = []
        for (name, own), colour in zip(rows.items(), palette or PRIOR_COLOURS, strict=False):
            left.plot(own["events"], own["probability"], "o-", color=colour, markersize=3)
            right.plot(own["events"], own["estimate"], "o-", color=colour, markersize=3)
            handles.append(entry(color=colour, marker="o", label=f"prior: {frame.name(name)}"))
        mark = f"observed: {observed['events']} of {observed['n']}"
        handles.append(entry(color=BLACK, linestyle=":", label=mark))
        handles.append(entry(color=BLACK, linewidth=0.6, label="observed rate itself"))
        counts = table["events"].drop_duplicates()
        right.plot(counts, counts / observed["n"], color=BLACK, linewidth=0.6)
        _axis(left, frame.name("probability beforehand"), int(observed["events"]))
        _axis(right, frame.name("rate afterwards, mean"), int(observed["events"]))
        for panel in (left, right):
            panel.set_xlabel(frame.name("responders"))
        left.set_ylim(bottom=0.0)
        right.yaxis.set_major_formatter(PercentFormatter(1.0))
        frame.legend_below(handles)
    return frame.figure


def _axis(panel: Axes, label: str, observed: int) -> None:
    panel.axvline(observed, color=BLACK, linestyle=":", linewidth=1.0)
    panel.set_ylabel(label)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
