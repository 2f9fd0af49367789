"""The calibration plot: predicted against observed response of patients left out."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mmn_bayes.outcomes.response.calibration_table import calibration_table
from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.frame import DASHED, entry, framed, look_of
from mmn_bayes.report.style import JOURNAL_WIDTH_MM, wrapped

PANEL_MM = 66.0


def calibration_figure(
    predictions: Mapping[str, pd.DataFrame],
    *,
    groups: int = 4,
    level: float = 0.95,
    title: str = "",
    axes: Sequence[Axes] | None = None,
    labels: Mapping[str, str] | None = None,
    palette: Sequence[str] | None = None,
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Plot the observed share of responders against leave-one-out predicted probabilities.

    Parameters
    ----------
    predictions : mapping of str to DataFrame
        As returned by `left_out_response` for each model, by its name.
    groups : int, default 4
        Into how many groups of about equal size patients are put by their probability, 2 or more;
        fewer where many patients have the same one.
    level : float, default 0.95
        Level of the exact confidence intervals.
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
        A panel for each model, side by side: groups with exact confidence intervals, the diagonal
        on which predictions hold, and a tick for each patient, above who responded, below who did
        not.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`:

    >>> predictions = {"response": mb.loo.left_out_response(response_fit)}
    >>> figure = mb.plots.calibration_figure(predictions, groups=2)
    >>> figure.axes[0].get_title(loc="left")
    'response'
    """
    table = calibration_table(predictions, groups=groups, level=level)
    with framed(title, bool(table["synthetic"].any()), axes, labels, width_mm) as frame:
        n_columns = frame.columns(len(predictions), 3)
        places = frame.panels(len(predictions), n_columns, PANEL_MM)
        for number, (panel, (model, own)) in enumerate(
            zip(places, predictions.items(), strict=True)
        ):
            look = look_of(number, palette)
            panel.plot([0, 1], [0, 1], color="0.5", linewidth=0.8, linestyle=DASHED)
            rows = table[table["model"] == model]
            x, y = rows["probability"].to_numpy(), rows["estimate"].to_numpy()
            panel.vlines(x, rows["lower"], rows["upper"], color=look["color"], linewidth=1.1)
            panel.plot(x, y, look["marker"], color=look["color"], markersize=4)
            responded = own["response"].to_numpy(dtype=bool)
            for happened, height in ((True, 1.03), (False, -0.03)):
                ticks = own["probability"].to_numpy()[responded == happened]
                panel.plot(ticks, np.full(ticks.size, height), "|", color="0.2", markersize=5)
            panel.set_xlim(-0.02, 1.02)
            panel.set_ylim(-0.08, 1.08)
            panel.set_aspect("equal")
            panel.set_title(wrapped(frame.name(model), 34))
            for axis in (panel.xaxis, panel.yaxis):
                axis.set_major_formatter(PercentFormatter(1.0))
            panel.set_xlabel(frame.name("predicted, patient left out"))
        places[0].set_ylabel(frame.name("responded"))
        words = interval_in_words("clopper-pearson", level)
        handles = [
            entry(color="0.2", marker="o", markersize=4, label=f"group, {words}"),
            entry(color="0.5", linestyle=DASHED, label="predictions hold"),
            entry(color="0.2", marker="|", linestyle="", label="a patient, left out"),
        ]
        frame.legend_below(handles)
    return frame.figure
