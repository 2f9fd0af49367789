"""The figure of one patient: every muscle over time, with the infusions on the axis."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmn_bayes.engine.design import recorded_infusions
from mmn_bayes.posterior.draws import design_of, spec_of
from mmn_bayes.report.frame import (
    band_entry,
    band_in_words,
    band_over_time,
    entry,
    framed,
    look_of,
    mean_and_limits,
)
from mmn_bayes.report.style import BLACK, DAYS_A_MONTH, JOURNAL_WIDTH_MM, months_axis, shortened

PANEL_MM = 34.0
INFUSION_HEIGHT = 0.9  # of the largest dose, in steps of the scale, below the lowest grade


def patient_figure(
    fit: xr.DataTree,
    course: xr.DataArray,
    *,
    level: float = 0.95,
    title: str = "",
    axes: Sequence[Axes] | None = None,
    labels: Mapping[str, str] | None = None,
    palette: Sequence[str] | None = None,
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Plot expected and recorded grades of a patient's muscles over time, with infusions.

    Parameters
    ----------
    fit : DataTree
        The fit that the course is of: its design has the recorded grades.
    course : DataArray
        As returned by `patient_course`.
    level : float, default 0.95
        Level of the bands (equal-tailed, each day by itself), of the expected grade.
    title : str, default ""
        Title of the figure.
    axes : sequence of Axes or None, optional
        Axes to plot into, one for each panel; by default a new figure is made.
    labels : mapping of str to str or None, optional
        Labels to print in place of names of the data and texts of the figure, by what they replace.
    palette : sequence of str or None, optional
        A colour of the palette for each side.
    width_mm : float, default JOURNAL_WIDTH_MM
        Width of the figure in millimetres.

    Returns
    -------
    Figure
        A panel for each muscle, a line with its band for each side. Below the grades a stroke for
        each infusion, its height the dose.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> course = mb.exposure.patient_course(fit, "P01", days=[0, 91, 182])
    >>> figure = mb.plots.patient_figure(fit, course)
    >>> len(figure.axes), figure.axes[0].get_title(loc="left")
    (10, 'ankle dorsiflexion')
    """
    spec, design, patient = spec_of(fit), design_of(fit), str(course.attrs["patient"])
    label = design["patient"].to_numpy()
    sites = np.flatnonzero(label[design["patient_of_site"].to_numpy()] == patient)
    given = recorded_infusions(design)
    given = given[given["patient"] == patient]
    first, last = course["day"].to_numpy()[[0, -1]]
    given = given[given["day"].between(first, last)]
    muscles = list(dict.fromkeys(course["muscle"].to_numpy().tolist()))
    sides = sorted(set(course["side"].to_numpy().tolist()))
    looks = {side: look_of(number, palette) for number, side in enumerate(sides)}
    values = mean_and_limits(course, level)
    with framed(title, bool(course.attrs["synthetic"]), axes, labels, width_mm) as frame:
        n_columns = frame.columns(len(muscles), 4)
        x_label = "months since inclusion"
        places = frame.panels(len(muscles), n_columns, PANEL_MM, x_label=x_label)
        frame.panels_mm += 6
        for number, (panel, muscle) in enumerate(zip(places, muscles, strict=True)):
            own = course["muscle"].to_numpy() == muscle
            for place in np.flatnonzero(own):
                side = str(course["side"].to_numpy()[place])
                # Both sides are often at one grade: each has its own height within the step.
                shift = 0.12 * (1 - 2 * (sides.index(side) % 2))
                one = values.isel(site=place)
                _side(panel, one, design, int(sites[place]), looks[side], shift)
            _infusions(panel, given["day"].to_numpy(), given["dose_g_per_kg"].to_numpy())
            panel.set_title(shortened(frame.name(muscle), 26))
            panel.set_ylim(-1.3 if len(given) else -0.3, len(spec.scale) - 0.7)
            panel.set_yticks(range(len(spec.scale)), [frame.name(grade) for grade in spec.scale])
            margin = 0.03 * (last - first)
            panel.set_xlim((first - margin) / DAYS_A_MONTH, (last + margin) / DAYS_A_MONTH)
            months_axis(panel)
            if number % n_columns == 0:
                panel.set_ylabel(frame.name("grade"))
        handles = []
        for side, look in looks.items():
            words = f"{frame.name(side)}: expected grade (line), recorded (points)"
            handles.append(entry(**look, markersize=3, label=words))
        handles.append(band_entry(f"{band_in_words(level)}, of the expected grade"))
        if len(given):
            words = "stroke: an infusion, its height the dose"
            handles.append(entry(color=BLACK, linewidth=0.6, label=words))
        frame.legend_below(handles)
    return frame.figure


def _side(
    panel: Axes,
    values: xr.DataArray,
    design: xr.Dataset,
    site: int,
    look: Mapping[str, Any],
    shift: float,
) -> None:
    """One muscle of one side: expected grade with its band, and what was recorded."""
    months = values["day"].to_numpy() / DAYS_A_MONTH
    course = values.transpose("quantile", "day").to_numpy()
    line = {**look, "marker": "", "linewidth": 1.0}
    band_over_time(panel, months, course, look=line, shade=0.15)
    rows = design["site_of_row"].to_numpy() == site
    day = design["day_of_visit"].to_numpy()[design["visit_of_row"].to_numpy()[rows]]
    inside = (day >= values["day"].min().item()) & (day <= values["day"].max().item())
    panel.plot(
        day[inside] / DAYS_A_MONTH,
        design["code"].to_numpy()[rows][inside] + shift,
        look["marker"],
        color=look["color"],
        markersize=3,
        markeredgecolor="white",
        markeredgewidth=0.3,
    )


def _infusions(panel: Axes, day: np.ndarray, dose: np.ndarray) -> None:
    if day.size:
        height = INFUSION_HEIGHT * dose / dose.max()
        panel.vlines(day / DAYS_A_MONTH, -1.3, -1.3 + height, color=BLACK, linewidth=0.6)
