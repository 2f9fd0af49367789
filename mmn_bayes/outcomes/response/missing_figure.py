"""The figure of visits missed not at random: the response against an assumed shift."""

from collections.abc import Mapping, Sequence

import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mmn_bayes.posterior.groups import ALL
from mmn_bayes.report.frame import DASHED, band_over_time, entry, framed, mean_and_limits
from mmn_bayes.report.side_by_side import groups_in
from mmn_bayes.report.style import BLACK, BLUE, JOURNAL_WIDTH_MM, ORANGE

PANEL_MM = 62.0
ASSUMED = {"all missing fail": "v", "complete cases": "o", "all missing respond": "^"}


def delta_figure(
    draws: xr.DataArray,
    table: pd.DataFrame,
    *,
    rate: float | None = None,
    level: float = 0.95,
    title: str = "",
    axes: Sequence[Axes] | None = None,
    labels: Mapping[str, str] | None = None,
    palette: Sequence[str] | None = None,
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Plot the response of these patients against the delta shift of missing patients.

    Parameters
    ----------
    draws : DataArray
        As returned by `delta_adjusted_response`.
    table : DataFrame
        As returned by `missing_table` for the same fit and groups: its complete cases and both
        extremes are marked at the margin.
    rate : float or None, optional
        A rate to compare with, plotted as a dashed line.
    level : float, default 0.95
        Probability of the band (equal-tailed, at each shift by itself).
    title : str, default ""
        Title of the figure.
    axes : sequence of Axes or None, optional
        Axes to plot into, one for each panel; by default a new figure is made.
    labels : mapping of str to str or None, optional
        Labels to print in place of names of the data and texts of the figure, by what they replace.
    palette : sequence of str or None, optional
        Colours of the model and of the observed rates.
    width_mm : float, default JOURNAL_WIDTH_MM
        Width of the figure in millimetres.

    Returns
    -------
    Figure
        A panel for each group, flat where nobody is missing; the axis is in grades.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> shifted = mb.response.delta_adjusted_response(fit, [-1, 0, 1], by="naive")
    >>> table = mb.tables.missing_table(fit, rate=0.2, by="naive")
    >>> figure = mb.plots.delta_figure(shifted, table, rate=0.2)
    >>> len(figure.axes)
    2
    """
    column = str(table.columns[0])
    groups = list(dict.fromkeys(table[column]))
    by = column if column in draws.dims else None
    chosen = {label: own for own, label in groups_in(draws, by)}
    values, grades = mean_and_limits(draws, level), draws["grades"].to_numpy()
    place = {"all missing fail": grades.min(), "all missing respond": grades.max()}
    line, counted = palette or (BLUE, ORANGE)
    with framed(title, bool(draws.attrs["synthetic"]), axes, labels, width_mm) as frame:
        n_columns = frame.columns(len(groups), 2)
        x_label = "shift of who was not seen, in grades"
        places = frame.panels(len(groups), n_columns, PANEL_MM, x_label=x_label)
        for panel, group in zip(places, groups, strict=True):
            own = values if by is None or group == ALL else values.isel(chosen[group])
            course = own.transpose("quantile", ...).to_numpy()
            band_over_time(panel, grades, course, look={"color": line}, shade=0.25)
            panel.axvline(0.0, color=BLACK, linewidth=0.6, linestyle=":")
            if rate is not None:
                panel.axhline(rate, color=BLACK, linewidth=0.8, linestyle=DASHED)
            rows = table[table[column] == group].set_index("assumption")
            for name, marker in ASSUMED.items():
                if name in rows.index:
                    at = [place.get(name, 0.0)], [float(rows.loc[name, "estimate"])]
                    panel.plot(*at, marker, color=counted, markersize=6, clip_on=False)
            panel.set_title(frame.name(group))
            panel.set_ylim(0.0, 1.0)
            panel.yaxis.set_major_formatter(PercentFormatter(1.0))
            panel.set_ylabel(frame.name("response of these patients"))
        words = f"filled in by the model, {100 * level:g} % credible band, equal-tailed"
        handles = [entry(color=line, label=words)]
        for name, marker in ASSUMED.items():
            words = f"observed, {frame.name(name)}"
            handles.append(entry(color=counted, marker=marker, linestyle="none", label=words))
        if rate is not None:
            words = f"a rate of {100 * rate:g} %"
            handles.append(entry(color=BLACK, linestyle=DASHED, label=words))
        frame.legend_below(handles)
    return frame.figure
