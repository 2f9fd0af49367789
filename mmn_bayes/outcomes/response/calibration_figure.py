"""The calibration plot: predicted against observed response of patients left out."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from mmn_bayes.outcomes.response.calibration_table import calibration_table
from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.style import (
    GROUP_COLOURS,
    JOURNAL_WIDTH_MM,
    MARKERS,
    heading,
    house_style,
    new_figure,
    wrapped,
)

PANEL_MM = 66.0


def calibration_figure(
    predictions: Mapping[str, pd.DataFrame],
    *,
    groups: int = 4,
    level: float = 0.95,
    title: str = "",
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Draw how many patients responded against the probability that models gave them unseen.

    Parameters
    ----------
    predictions, groups, level
        As for `calibration_table`.
    title, width_mm
        As for `response_figure`.

    Returns
    -------
    Figure
        A panel for each model, side by side: groups with exact confidence intervals, the diagonal
        on which predictions hold, and a tick for each patient, above who responded, below who did
        not.
    """
    table = calibration_table(predictions, groups=groups, level=level)
    synthetic = bool(table["synthetic"].any())
    with house_style():
        words = interval_in_words("clopper-pearson", level)
        handles = [
            Line2D([], [], color="0.2", marker="o", markersize=4, label=f"group, {words}"),
            Line2D([], [], color="0.5", linestyle=(0, (4, 3)), label="predictions hold"),
            Line2D([], [], color="0.2", marker="|", linestyle="", label="a patient, left out"),
        ]
        n_columns = min(len(predictions), 3)
        n_rows = -(-len(predictions) // n_columns)
        figure = new_figure(width_mm, n_rows * PANEL_MM, heading(title, synthetic), 2)
        places = list(figure.subplots(n_rows, n_columns, squeeze=False).flat)
        for place in places[len(predictions) :]:
            place.remove()
        for number, (model, own) in enumerate(predictions.items()):
            panel, colour = places[number], GROUP_COLOURS[number % len(GROUP_COLOURS)]
            panel.plot([0, 1], [0, 1], color="0.5", linewidth=0.8, linestyle=(0, (4, 3)))
            rows = table[table["model"] == model]
            x, y = rows["probability"].to_numpy(), rows["estimate"].to_numpy()
            ends = rows[["lower", "upper"]].to_numpy()
            panel.vlines(x, ends[:, 0], ends[:, 1], color=colour, linewidth=1.1)
            panel.plot(x, y, MARKERS[number % len(MARKERS)], color=colour, markersize=4)
            responded = own["response"].to_numpy(dtype=bool)
            for happened, height in ((True, 1.03), (False, -0.03)):
                ticks = own["probability"].to_numpy()[responded == happened]
                panel.plot(ticks, np.full(ticks.size, height), "|", color="0.2", markersize=5)
            panel.set_xlim(-0.02, 1.02)
            panel.set_ylim(-0.08, 1.08)
            panel.set_aspect("equal")
            panel.set_title(wrapped(model, 34))
            for axis in (panel.xaxis, panel.yaxis):
                axis.set_major_formatter(PercentFormatter(1.0))
            panel.set_xlabel("predicted, patient left out")
        places[0].set_ylabel("responded")
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure
