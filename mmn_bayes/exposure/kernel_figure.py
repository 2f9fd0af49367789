"""The figure of the effect compartment: one infusion, and what is left after the last one."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.frame import (
    band_entry,
    band_in_words,
    band_over_time,
    entry,
    framed,
    mean_and_limits,
)
from mmn_bayes.report.style import BLACK, BLUE, JOURNAL_WIDTH_MM, ORANGE, wrapped

PANEL_MM = 62.0
_DASHED = (0, (4, 2))
_FEW = 12  # single draws, so that the shapes behind the band are seen


def kernel_figure(
    kernel: xr.DataArray,
    wearing_off: xr.DataArray,
    *,
    prior: xr.DataArray | None = None,
    level: float = 0.95,
    title: str = "",
    axes: Sequence[Axes] | None = None,
    labels: Mapping[str, str] | None = None,
    palette: Sequence[str] | None = None,
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Plot the effect of one infusion, and of a schedule after its last infusion, by days since.

    Parameters
    ----------
    kernel : DataArray
        As returned by `dose_in_effect_kernel`.
    wearing_off : DataArray
        As returned by `wearing_off_curve`.
    prior : DataArray or None, optional
        As returned by `wearing_off_curve` for draws from the prior, for comparison.
    level : float, default 0.95
        Level of the bands (equal-tailed, each day by itself).
    title : str, default ""
        Title of the figure.
    axes : sequence of Axes or None, optional
        Axes to plot into, one for each panel; by default a new figure is made.
    labels : mapping of str to str or None, optional
        Labels to print in place of names of the data and texts of the figure, by what they replace.
    palette : sequence of str or None, optional
        Colours of the posterior and of the prior.
    width_mm : float, default JOURNAL_WIDTH_MM
        Width of the figure in millimetres.

    Returns
    -------
    Figure
        Two panels; thin lines are single draws.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> kernel = mb.exposure.dose_in_effect_kernel(fit, days=range(57))
    >>> left = mb.exposure.wearing_off_curve(fit, days=range(57), dose_g_per_kg=1, every_days=28)
    >>> figure = mb.plots.kernel_figure(kernel, left)
    >>> [panel.get_title(loc="left") for panel in figure.axes]
    ['one infusion', 'after the last infusion of a schedule']
    """
    colour, of_prior = palette or (BLUE, ORANGE)
    with framed(title, bool(kernel.attrs["synthetic"]), axes, labels, width_mm) as frame:
        left, right = frame.panels(2, frame.columns(2, 2), PANEL_MM)
        _panel(left, kernel, level, colour)
        left.set_ylabel(frame.name("effect of 1 g/kg (units of the model)"))
        left.set_title(frame.name("one infusion"))
        left.set_xlabel(frame.name("days after the infusion"))
        if prior is not None:
            for limit in mean_and_limits(prior, level).to_numpy()[1:]:
                right.plot(prior["day"], limit, color=of_prior, linestyle=_DASHED, linewidth=0.9)
        _panel(right, wearing_off, level, colour)
        right.set_ylabel(frame.name("share of the schedule's mean effect"))
        right.yaxis.set_major_formatter(PercentFormatter(1.0))
        right.set_ylim(bottom=0.0)
        right.set_title(frame.name("after the last infusion of a schedule"))
        right.set_xlabel(frame.name("days after the last infusion"))
        handles = [
            entry(color=colour, linewidth=1.4, label="posterior median"),
            entry(color=colour, linewidth=0.3, label="single draws"),
            band_entry(band_in_words(level)),
        ]
        if prior is not None:
            words = f"limits of the {interval_in_words('eti', level, 'prior')}"
            handles.append(entry(color=of_prior, linestyle=_DASHED, label=wrapped(words, 54)))
        frame.legend_below(handles)
    return frame.figure


def _panel(panel: Axes, draws: xr.DataArray, level: float, colour: str) -> None:
    day = draws["day"].to_numpy()
    flat = draws.transpose("chain", "draw", "day").to_numpy().reshape(-1, day.size)
    _, low, high = mean_and_limits(draws, level).to_numpy()
    for one in flat[:: max(len(flat) // _FEW, 1)][:_FEW]:
        panel.plot(day, one, color=colour, linewidth=0.3, alpha=0.6)
    course = np.stack([np.median(flat, axis=0), low, high])
    band_over_time(panel, day, course, look={"color": colour, "linewidth": 1.4}, shade=0.2)
    panel.axhline(0.0, color=BLACK, linewidth=0.5)
    panel.set_xlim(day.min(), day.max())
