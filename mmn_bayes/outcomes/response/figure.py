"""The figure of the response probability: posteriors, with the observed interval under them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator, PercentFormatter
from scipy.stats import gaussian_kde

from mmn_bayes.outcomes.response.table import ResponseDraws
from mmn_bayes.posterior.new_patients import Patients
from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.frame import DASHED, Frame, entry, framed, points_with_interval
from mmn_bayes.report.side_by_side import OBSERVED, PATIENTS, group_label
from mmn_bayes.report.style import BLACK, BLUE, JOURNAL_WIDTH_MM, ORANGE, shortened, wrapped

KIND_COLOURS: Mapping[Patients, str] = {"cohort": ORANGE, "population": BLUE}
FINEST_SHARE = 60  # more different values than this are drawn as a density, not one by one
SHAPE_HEIGHT = 0.62  # of the distance between two rows
ROW_MM = {"observed": 8.0, "posterior": 13.0}
DOT: Mapping[str, Any] = {"marker": "o", "markersize": 3.5}
AXIS_MM = 15.0  # title, tick labels and label of a panel


def response_figure(
    draws: ResponseDraws,
    table: pd.DataFrame,
    *,
    placebo: float | None = None,
    placebo_label: str = "historical placebo",
    title: str = "",
    axes: Sequence[Axes] | None = None,
    labels: Mapping[str, str] | None = None,
    palette: Sequence[str] | None = None,
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Plot the posterior of the response probability, with the exact interval under it.

    Parameters
    ----------
    draws, table : ResponseDraws, DataFrame
        As returned by `response_draws` and `response_table`, for the same fits and groups.
    placebo, placebo_label : float or None, str, optional
        A rate to compare with, from 0 to 1, plotted as a dashed line, and its label.
    title : str, default ""
        Title of the figure; long ones are wrapped.
    axes : sequence of Axes or None, optional
        Axes to plot into, one for each panel; their figure keeps its size and title, and is
        returned. By default a new figure is made.
    labels : mapping of str to str or None, optional
        Labels to print in place of names of the data and texts of the figure, by what they replace.
    palette : sequence of str or None, optional
        Colours: of these patients, and of new ones.
    width_mm : float, default JOURNAL_WIDTH_MM
        Width of a new figure in millimetres.

    Returns
    -------
    Figure
        A panel for each group. In it, for each model, the rate among these patients (bars: it has
        few possible values) and the probability for new ones (density), each over its credible
        interval, and last the observed rate with its confidence interval. Dots are the estimates.

    Examples
    --------
    With `response_fit`, a fit of `models/response.toml`:

    >>> draws = mb.response.response_draws(response_fit, by="naive")
    >>> table = mb.response_table(response_fit, draws=draws, by="naive")
    >>> figure = mb.plots.response_figure(draws, table, placebo=0.2)
    >>> [panel.get_title(loc="left") for panel in figure.axes]
    ['naive', 'previously treated']
    """
    column = str(table.columns[0])
    groups = list(dict.fromkeys(table[column]))
    sources = _sources(table)
    colours = dict(zip(PATIENTS, palette or KIND_COLOURS.values(), strict=True))
    with framed(title, bool(table["synthetic"].any()), axes, labels, width_mm) as frame:
        n_columns = frame.columns(len(groups), 2)
        panel_mm = sum(_row_mm(source) for source in sources) + AXIS_MM
        x_label = "probability of response"
        places = frame.panels(len(groups), n_columns, panel_mm, x_label=x_label)
        for position, (panel, group) in enumerate(zip(places, groups, strict=True)):
            rows = table[table[column] == group]
            _response_panel(panel, rows, draws, column, sources, colours)
            panel.set_yticks(panel.get_yticks(), [_source_label(s, frame) for s in sources])
            panel.set_title(wrapped(frame.name(group), frame.characters(34 * (3 - n_columns))))
            if position % n_columns:
                panel.tick_params(labelleft=False)
            if placebo is not None:
                panel.axvline(placebo, color=BLACK, linestyle=DASHED, linewidth=0.8, zorder=0.5)
        frame.legend_below(_response_handles(table, placebo, placebo_label, colours, frame))
    return frame.figure


def _sources(table: pd.DataFrame) -> list[str]:
    """Every source from top to bottom: posterior ones as in the table, the observed one last."""
    found = list(dict.fromkeys(table["source"]))
    return [source for source in found if source != OBSERVED] + [OBSERVED]


def _row_mm(source: str) -> float:
    return ROW_MM["observed" if source == OBSERVED else "posterior"]


def _response_panel(
    panel: Axes,
    rows: pd.DataFrame,
    draws: ResponseDraws,
    column: str,
    sources: Sequence[str],
    colours: Mapping[Patients, str],
) -> None:
    """Lay the rows of one group out from the top; heights in millimetres."""
    keys = {f"{model}: {PATIENTS[kind]}": (model, kind) for model, kind in draws}
    base, ticks = 0.0, []
    for source in sources:
        base -= _row_mm(source)
        # The label of a distribution stands beside its middle, that of an interval beside the line.
        ticks.append(base + (0 if source == OBSERVED else 0.3 * ROW_MM["posterior"]))
        row = rows[rows["source"] == source].to_dict("records")[0]
        colour = BLACK
        if source != OBSERVED:
            key = keys[source]
            colour = colours[key[1]]
            _shape(panel, _of_group(draws[key], column, row[column]), base, colour)
        points_with_interval(panel, row, base, {"color": colour, **DOT}, linewidth=1.6)
        panel.text(1.02, base, _in_percent(row), va="center", fontsize=6.5)
    panel.set_yticks(ticks)
    panel.tick_params(axis="y", length=0)
    panel.spines["left"].set_visible(False)
    panel.set_ylim(base - 3, 1)
    panel.set_xlim(-0.01, 1.01)
    panel.xaxis.set_major_locator(MultipleLocator(0.2))
    panel.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))


def _shape(panel: Axes, values: np.ndarray, base: float, colour: str) -> None:
    """Draw a distribution over its row, scaled to the row's height."""
    values = values[np.isfinite(values)]  # a draw in which nobody could be judged has no rate
    if values.size == 0:
        return
    height, floor = SHAPE_HEIGHT * ROW_MM["posterior"], base + 1.2
    support, counts = np.unique(values.round(12), return_counts=True)
    if support.size <= FINEST_SHARE:
        gap = np.diff(support).min() if support.size > 1 else 0.02
        tops = height * counts / counts.max()
        width = min(0.8 * gap, 0.03)
        panel.bar(support, tops, width, floor, color=colour, alpha=0.6, linewidth=0)
        return
    grid = np.linspace(0, 1, 401)
    density = _density_on_shares(values, grid)
    tops = floor + height * density / density.max()
    seen = density > 0.002 * density.max()
    grid, tops = grid[seen], tops[seen]
    panel.fill_between(grid, floor, tops, color=colour, alpha=0.35, linewidth=0)
    panel.plot(grid, tops, color=colour, linewidth=0.8)


def _density_on_shares(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Kernel density of values within 0 and 1, reflected at both ends so that none leaks out.

    References
    ----------
    Silverman BW. Density estimation for statistics and data analysis, 1986, section 2.10.
    """
    kernel = gaussian_kde(values)
    return kernel(grid) + kernel(-grid) + kernel(2 - grid)


def _of_group(draws: xr.DataArray, column: str, label: str) -> np.ndarray:
    if column not in draws.dims:
        return draws.to_numpy().ravel()
    labels = [group_label(column, value) for value in draws[column].to_numpy()]
    return draws.isel({column: labels.index(label)}).to_numpy().ravel()


def _in_percent(row: Mapping[Any, Any]) -> str:
    if not np.isfinite(row["estimate"]):
        return "nobody evaluable"
    estimate, low, high = (100 * row[name] for name in ("estimate", "lower", "upper"))
    return f"{estimate:.0f} % ({low:.0f} to {high:.0f})"


def _source_label(source: str, frame: Frame) -> str:
    model, _, patients = source.rpartition(": ")
    named = frame.name(patients)
    return f"{shortened(frame.name(model), 26)}\n{named}" if model else named


def _response_handles(
    table: pd.DataFrame,
    placebo: float | None,
    placebo_label: str,
    colours: Mapping[Patients, str],
    frame: Frame,
) -> list[Line2D]:
    kinds = table.drop_duplicates("interval").to_dict("records")
    exact = [row for row in kinds if row["interval"] == "clopper-pearson"]
    of = [(row, OBSERVED, BLACK) for row in exact]
    of += [(row, PATIENTS[k], c) for row in kinds if row not in exact for k, c in colours.items()]
    handles = []
    for row, source, colour in of:
        words = f"{frame.name(source)}: {interval_in_words(row['interval'], row['level'])}"
        handles.append(entry(color=colour, linewidth=1.6, label=words, **DOT))
    if placebo is not None:
        label = f"{wrapped(placebo_label, 50)}: {100 * placebo:.3g} %"
        handles.append(entry(color=BLACK, linestyle=DASHED, linewidth=0.8, label=label))
    return handles
