"""The forest plot of candidate predictors: models side by side, the prior in grey, the margin."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from mmn_bayes.model_file.predictor_kinds import MARGIN_SCALES
from mmn_bayes.predictors.comparison_table import OBSERVED, POSTERIOR, with_source
from mmn_bayes.report.forest import interval_within
from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.frame import Frame, entry, framed
from mmn_bayes.report.style import (
    BLACK,
    GROUP_COLOURS,
    JOURNAL_WIDTH_MM,
    MARKERS,
    shortened,
    wrapped,
)

LINE_MM, AXIS_MM, LABEL_CHARACTERS = 3.4, 16.0, 26
_ACTS_ON = {"level": "level of strength", "gain": "gain", "slope": "slope"}
_ACTS_ON |= {"response": "response", "wearing_off": "wearing-off"}
_SCALES = {"odds_ratio": "odds ratio", "grades": "grades", "response": "change in probability"}


def predictors_figure(
    table: pd.DataFrame,
    *,
    title: str = "",
    axes: Sequence[Axes] | None = None,
    labels: Mapping[str, str] | None = None,
    palette: Sequence[str] | None = None,
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Plot the effects of candidate predictors, by model.

    Parameters
    ----------
    table : DataFrame
        As returned by `compare_predictors` or `predictor_table`.
    title : str, default ""
        Title of the figure.
    axes : sequence of Axes or None, optional
        Axes to plot into, one for each panel; by default a new figure is made.
    labels : mapping of str to str or None, optional
        Labels to print in place of names of the data and texts of the figure, by what they replace.
    palette : sequence of str or None, optional
        A colour of the palette for each model, not for frequentist methods.
    width_mm : float, default JOURNAL_WIDTH_MM
        Width of the figure in millimetres.

    Returns
    -------
    Figure
        A panel for each scale and `acts_on`; in it a row for each effect, with a line for
        each model: the prior's interval in grey behind that of the posterior, the frequentist
        interval last, in black. The band is the margin: within it an effect is negligible. An
        interval that goes beyond the panel ends in an arrow.

    Examples
    --------
    With `candidates_fit`, a fit of `models/candidates_response.toml`:

    >>> table = mb.tables.compare_predictors([candidates_fit])
    >>> figure = mb.plots.predictors_figure(table, title="Candidate predictors")
    >>> len(figure.axes)
    1
    """
    table = with_source(table)
    panels = dict(tuple(table.groupby(["scale", "acts_on"], sort=False)))
    models = [m for s in (POSTERIOR, OBSERVED) for m in table.loc[table["source"] == s, "model"]]
    looks = _looks(table, list(dict.fromkeys(models)), palette)
    with framed(title, bool(table["synthetic"].any()), axes, labels, width_mm) as frame:
        handles = _legend(table, looks, frame)
        n_lines = [len(own) + own["predictor"].nunique() for own in panels.values()]
        heights = [lines * LINE_MM + AXIS_MM for lines in n_lines]
        grid = {"height_ratios": heights}
        places = frame.panels(len(panels), 1, sum(heights) / len(panels), grid=grid)
        for panel, (key, own) in zip(places, panels.items(), strict=True):
            _draw(panel, own, looks, str(key[0]), frame)
            what = f"{_SCALES[str(key[0])]}: effect on {_ACTS_ON[str(key[1])]}"
            panel.set_xlabel(frame.name(what))
        n_legend = sum(str(h.get_label()).count("\n") + 1 for h in handles)
        frame.legend_below(handles, -(-n_legend // 2) + 1)
    return frame.figure


def _looks(
    table: pd.DataFrame, models: Sequence[str], palette: Sequence[str] | None
) -> dict[str, tuple[str, str]]:
    """Colour and marker of each model; frequentist methods are black."""
    observed = set(table.loc[table["source"] == OBSERVED, "model"])
    colours = palette or [c for c in GROUP_COLOURS if c != BLACK]
    looks, number = {}, 0
    for model in models:
        if model in observed:
            looks[model] = (BLACK, "|")
        else:
            looks[model] = (colours[number % len(colours)], MARKERS[number % len(MARKERS)])
            number += 1
    return looks


def _legend(
    table: pd.DataFrame, looks: Mapping[str, tuple[str, str]], frame: Frame
) -> list[Line2D | Patch]:
    handles: list[Line2D | Patch] = []
    for model, (colour, marker) in looks.items():
        first = table[table["model"] == model].iloc[0]
        words = interval_in_words(str(first["interval"]), float(first["level"]))
        label = wrapped(f"{frame.name(model)}, {words}", 52)
        handles.append(entry(color=colour, marker=marker, markersize=4, label=label))
    if table["prior_lower"].notna().any():
        level = float(table["level"].iloc[0])
        words = wrapped(f"prior, {interval_in_words('eti', level, 'prior')}", 52)
        handles.append(entry(color="0.75", linewidth=3.2, label=words))
    handles.append(Patch(color="0.93", label="within the margin: clinically negligible"))
    return handles


def _draw(
    panel: Axes,
    own: pd.DataFrame,
    looks: Mapping[str, tuple[str, str]],
    scale: str,
    frame: Frame,
) -> None:
    logarithm = MARGIN_SCALES[scale].ratio
    none = 1.0 if logarithm else 0.0
    low, high = _limits(own, logarithm)
    panel.axvline(none, color="0.4", linewidth=0.6, zorder=1)
    y, ticks, labels = 0.0, [], []
    for (name, meaning), rows in own.groupby(["predictor", "effect"], sort=False):
        first, margin = y, float(rows["margin"].iloc[0])
        band = (1.0 / margin, margin) if logarithm else (-margin, margin)
        edges = (max(band[0], low), min(band[1], high))
        reach = (first - 0.5, first + len(rows) - 0.5)
        panel.fill_betweenx(reach, *edges, color="0.93", zorder=0, linewidth=0)
        for row in rows.to_dict("records"):
            colour, marker = looks[str(row["model"])]
            if pd.notna(row["prior_lower"]):
                prior = {"color": "0.75", "linewidth": 3.2, "zorder": 2}
                ends = (row["prior_lower"], row["prior_upper"])
                interval_within(panel, ends, y, (low, high), prior, arrows_in_front=True)
            if pd.notna(row["estimate"]):
                style = {"color": colour, "linewidth": 1.1, "zorder": 3}
                ends = (row["lower"], row["upper"])
                interval_within(panel, ends, y, (low, high), style, arrows_in_front=True)
                panel.plot([row["estimate"]], [y], marker, color=colour, markersize=4, zorder=4)
            else:
                panel.text(none, y, "  none: see the notes", va="center", fontsize=6)
            y += 1.0
        ticks.append((first + y - 1.0) / 2.0)
        called = shortened(frame.name(name), LABEL_CHARACTERS)
        labels.append(f"{called}\n{shortened(frame.name(meaning), 30)}")
        y += 1.0
    panel.set_yticks(ticks, labels)
    panel.tick_params(axis="y", length=0)
    panel.set_ylim(y - 0.8, -0.8)
    if logarithm:
        panel.set_xscale("log")
        panel.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.set_xlim(low, high)


def _limits(own: pd.DataFrame, logarithm: bool) -> tuple[float, float]:
    """Ends of the axis: those of the posterior and confidence intervals, a little of the prior's.

    A prior that is far wider would leave nothing to see of what was learned.
    """
    found = own[["lower", "upper"]].to_numpy(dtype=float)
    found = np.log(found) if logarithm else found
    margin = float(own["margin"].max())
    margin = float(np.log(margin)) if logarithm else margin
    reach = 1.3 * max(float(np.nanmax(np.abs(found), initial=0.0)), margin)
    cap = np.log(100.0) if logarithm else np.inf
    reach = min(reach, cap)
    return (float(np.exp(-reach)), float(np.exp(reach))) if logarithm else (-reach, reach)
