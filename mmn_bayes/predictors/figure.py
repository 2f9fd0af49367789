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
from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.style import (
    BLACK,
    GROUP_COLOURS,
    JOURNAL_WIDTH_MM,
    MARKERS,
    heading,
    house_style,
    new_figure,
    shortened,
    wrapped,
)

LINE_MM, AXIS_MM, LABEL_CHARACTERS = 3.4, 16.0, 26
_ACTS_ON = {"level": "level of strength", "gain": "gain", "slope": "slope"}
_ACTS_ON |= {"response": "response", "wearing_off": "wearing-off"}
_SCALES = {"odds_ratio": "odds ratio", "grades": "grades", "response": "change in probability"}


def predictors_figure(
    table: pd.DataFrame, *, title: str = "", width_mm: float = JOURNAL_WIDTH_MM
) -> Figure:
    """Draw the effects of candidates, model by model.

    Parameters
    ----------
    table
        What `compare_predictors` or `predictor_table` gave.
    title, width_mm
        As for `response_figure`.

    Returns
    -------
    Figure
        A panel for each scale and what is acted on; in it a row for each effect, with a line for
        each model: the prior's interval in grey behind that of the posterior, the frequentist
        interval last, in black. The band is the margin: within it an effect is negligible. An
        interval that goes beyond the panel ends in an arrow.
    """
    table = with_source(table)
    panels = dict(tuple(table.groupby(["scale", "acts_on"], sort=False)))
    models = [m for s in (POSTERIOR, OBSERVED) for m in table.loc[table["source"] == s, "model"]]
    looks = _looks(table, list(dict.fromkeys(models)))
    with house_style():
        handles = _legend(table, looks)
        lines = [_n_lines(own) for own in panels.values()]
        heights = [sum(own.values()) * LINE_MM + AXIS_MM for own in lines]
        head = heading(title, bool(table["synthetic"].any()))
        n_legend = sum(str(h.get_label()).count("\n") + 1 for h in handles)
        figure = new_figure(width_mm, sum(heights), head, -(-n_legend // 2) + 1)
        axes = figure.subplots(len(panels), 1, height_ratios=heights, squeeze=False)[:, 0]
        for panel, (key, own) in zip(axes, panels.items(), strict=True):
            _draw(panel, own, looks, str(key[0]), str(key[1]))
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure


def _looks(table: pd.DataFrame, models: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each model; frequentist methods are black."""
    observed = set(table.loc[table["source"] == OBSERVED, "model"])
    looks, number = {}, 0
    for model in models:
        if model in observed:
            looks[model] = (BLACK, "|")
        else:
            colours = [c for c in GROUP_COLOURS if c != BLACK]
            looks[model] = (colours[number % len(colours)], MARKERS[number % len(MARKERS)])
            number += 1
    return looks


def _legend(table: pd.DataFrame, looks: Mapping[str, tuple[str, str]]) -> list[Line2D | Patch]:
    handles: list[Line2D | Patch] = []
    for model, (colour, marker) in looks.items():
        first = table[table["model"] == model].iloc[0]
        words = f"{model}, {interval_in_words(str(first['interval']), float(first['level']))}"
        label = wrapped(words, 52)
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=4, label=label))
    if table["prior_lower"].notna().any():
        level = float(table["level"].iloc[0])
        words = wrapped(f"prior, {interval_in_words('eti', level, 'prior')}", 52)
        handles.append(Line2D([], [], color="0.75", linewidth=3.2, label=words))
    handles.append(Patch(color="0.93", label="within the margin: clinically negligible"))
    return handles


def _n_lines(own: pd.DataFrame) -> dict[str, int]:
    """How many lines each effect has, and half a line between effects."""
    return {str(name): len(rows) + 1 for name, rows in own.groupby("predictor", sort=False)}


def _draw(
    panel: Axes, own: pd.DataFrame, looks: Mapping[str, tuple[str, str]], scale: str, acts_on: str
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
                _line(panel, row["prior_lower"], row["prior_upper"], y, (low, high), "0.75", 3.2)
            if pd.notna(row["estimate"]):
                _line(panel, row["lower"], row["upper"], y, (low, high), colour, 1.1)
                panel.plot([row["estimate"]], [y], marker, color=colour, markersize=4, zorder=4)
            else:
                panel.text(none, y, "  none: see the notes", va="center", fontsize=6)
            y += 1.0
        ticks.append((first + y - 1.0) / 2.0)
        labels.append(f"{shortened(str(name), LABEL_CHARACTERS)}\n{shortened(str(meaning), 30)}")
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
    panel.set_xlabel(f"{_SCALES[scale]}: effect on {_ACTS_ON[acts_on]}")


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


def _line(
    panel: Axes,
    lower: float,
    upper: float,
    y: float,
    limits: tuple[float, float],
    colour: str,
    width: float,
) -> None:
    """An interval; where it goes beyond the panel an arrow says so."""
    low, high = limits
    panel.plot(
        [max(lower, low), min(upper, high)],
        [y, y],
        color=colour,
        linewidth=width,
        solid_capstyle="butt",
        zorder=2 if width > 2 else 3,
    )
    for beyond, end, marker in ((lower < low, low, "<"), (upper > high, high, ">")):
        if beyond:
            panel.plot([end], [y], marker, color=colour, markersize=3, clip_on=False, zorder=5)
