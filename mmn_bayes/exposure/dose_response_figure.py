"""The figure of response against the dose of a course."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mmn_bayes.report.frame import (
    DASHED,
    band_entry,
    band_in_words,
    entry,
    framed,
    look_of,
    mean_and_limits,
)
from mmn_bayes.report.side_by_side import group_dim, groups_in
from mmn_bayes.report.style import BLACK, JOURNAL_WIDTH_MM

PANEL_MM = 72.8


def dose_response_figure(
    draws: xr.DataArray,
    *,
    placebo: float | None = None,
    level: float = 0.95,
    title: str = "",
    ax: Axes | None = None,
    labels: Mapping[str, str] | None = None,
    palette: Sequence[str] | None = None,
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Plot the response probability of new patients against the dose of a course.

    Parameters
    ----------
    draws : DataArray
        As returned by `dose_response_curve`: dims `chain`, `draw`, `dose_g_per_kg` and, with
        groups, theirs.
    placebo : float or None, optional
        A published rate, plotted as a dashed line.
    level : float, default 0.95
        Level of the bands (equal-tailed, each dose by itself).
    title : str, default ""
        Title of the figure.
    ax : Axes or None, optional
        Axes to plot into; by default a new figure is made.
    labels : mapping of str to str or None, optional
        Labels to print in place of names of the data and texts of the figure, by what they replace.
    palette : sequence of str or None, optional
        A colour of the palette for each group.
    width_mm : float, default JOURNAL_WIDTH_MM
        Width of the figure in millimetres.

    Returns
    -------
    Figure
        One panel, a line with its band for each group (no infusion by itself); grey where no
        patient of the cohort had courses of so little, or so much.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> curve = mb.exposure.dose_response_curve(fit, [0, 1, 2], every_days=28)
    >>> figure = mb.plots.dose_response_figure(curve, placebo=0.2)
    >>> figure.axes[0].get_ylabel()
    'response at follow-up'
    """
    by = group_dim(draws, "dose_g_per_kg")
    dose = draws["dose_g_per_kg"].to_numpy()
    values = mean_and_limits(draws, level)
    with framed(title, bool(draws.attrs["synthetic"]), ax, labels, width_mm) as frame:
        (panel,) = frame.panels(1, 1, PANEL_MM)
        handles = []
        for number, (chosen, label) in enumerate(groups_in(draws, by)):
            look = {**look_of(number, palette), "markersize": 4}
            handles.append(entry(label=f"{frame.name(label)}: new patients", **look))
            drawn = values.isel(chosen).transpose("quantile", "dose_g_per_kg").to_numpy()
            given = dose > 0.0
            colour = look["color"]
            panel.fill_between(
                dose[given], *drawn[1:, given], color=colour, alpha=0.15, linewidth=0
            )
            panel.vlines(dose[~given], *drawn[1:, ~given], color=colour, alpha=0.5, linewidth=1.5)
            # Between no infusion and the smallest dose a model may jump: no line there.
            for part in (dose == 0.0, given):
                panel.plot(dose[part], drawn[0, part], **look)
        panel.set_xlim(dose.min() - 0.02 * np.ptp(dose), dose.max() + 0.02 * np.ptp(dose))
        low, high = draws.attrs["observed_doses"]
        left, right = panel.get_xlim()
        for edges in ((left, low), (high, right)) if np.isfinite(low) else ((left, right),):
            if edges[0] < edges[1]:
                panel.axvspan(*edges, color="0.92", zorder=0, linewidth=0)
        handles.append(band_entry(band_in_words(level)))
        handles.append(
            band_entry("grey: doses of a course that no patient of the cohort had", "0.92")
        )
        if placebo is not None:
            panel.axhline(placebo, color=BLACK, linewidth=0.8, linestyle=DASHED)
            words = f"published placebo rate, {100 * placebo:g} %"
            handles.append(entry(color=BLACK, linestyle=DASHED, label=words))
        panel.set_ylim(0.0, 1.0)
        panel.yaxis.set_major_formatter(PercentFormatter(1.0))
        panel.set_xlabel(frame.name(draws.attrs.get("schedule", "dose of a course (g/kg)")))
        panel.set_ylabel(frame.name("response at follow-up"))
        frame.legend_below(handles)
    return frame.figure
