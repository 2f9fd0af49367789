"""The figure of one patient: every muscle over time, with the infusions on the axis."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mmn_bayes.engine.design import recorded_infusions
from mmn_bayes.posterior.draws import design_of, spec_of
from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.style import (
    BLACK,
    DAYS_A_MONTH,
    GROUP_COLOURS,
    JOURNAL_WIDTH_MM,
    LINE_STYLES,
    MARKERS,
    count_lines,
    heading,
    house_style,
    months_axis,
    new_figure,
    panels,
    shortened,
)

PANEL_MM = 34.0
INFUSION_HEIGHT = 0.9  # of the largest dose, in steps of the scale, below the lowest grade


def patient_figure(
    fit: xr.DataTree,
    course: xr.DataArray,
    *,
    level: float = 0.95,
    title: str = "",
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Draw the expected grade of a patient's muscles over time, the grades recorded, the infusions.

    Parameters
    ----------
    fit
        The fit that the course is of: its design has what was recorded.
    course
        What `patient_course` gave.
    level
        Level of the bands (equal-tailed, each day by itself), of the expected grade.
    title, width_mm
        As for `response_figure`.

    Returns
    -------
    Figure
        A panel for each muscle, a line with its band for each side. Below the grades a stroke for
        each infusion, its height the dose.
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
    n_columns = min(4, len(muscles))
    head = heading(title, bool(course.attrs["synthetic"]))
    with house_style():
        handles = _handles(sides, level, bool(len(given)))
        height = -(-len(muscles) // n_columns) * PANEL_MM
        figure = new_figure(width_mm, height + 6, head, count_lines(handles))
        axes = panels(figure, len(muscles), n_columns, "months since inclusion")
        for number, (panel, muscle) in enumerate(zip(axes, muscles, strict=True)):
            own = course["muscle"].to_numpy() == muscle
            for place in np.flatnonzero(own):
                side = sides.index(str(course["side"].to_numpy()[place]))
                _side(panel, course.isel(site=place), design, int(sites[place]), side, level)
            _infusions(panel, given["day"].to_numpy(), given["dose_g_per_kg"].to_numpy())
            panel.set_title(shortened(muscle, 26))
            panel.set_ylim(-1.3 if len(given) else -0.3, len(spec.scale) - 0.7)
            panel.set_yticks(range(len(spec.scale)), spec.scale)
            margin = 0.03 * (last - first)
            panel.set_xlim((first - margin) / DAYS_A_MONTH, (last + margin) / DAYS_A_MONTH)
            months_axis(panel)
            if number % n_columns == 0:
                panel.set_ylabel("grade")
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure


def _side(
    panel: Axes, course: xr.DataArray, design: xr.Dataset, site: int, side: int, level: float
) -> None:
    """One muscle of one side: expected grade with its band, and what was recorded."""
    months = course["day"].to_numpy() / DAYS_A_MONTH
    tail = (1.0 - level) / 2.0
    low, high = course.quantile([tail, 1.0 - tail], dim=("chain", "draw"), skipna=False).to_numpy()
    colour = GROUP_COLOURS[side % len(GROUP_COLOURS)]
    panel.fill_between(months, low, high, color=colour, alpha=0.15, linewidth=0)
    line = LINE_STYLES[side % len(LINE_STYLES)]
    panel.plot(
        months,
        course.mean(("chain", "draw"), skipna=False),
        color=colour,
        linestyle=line,
        linewidth=1.0,
    )
    rows = design["site_of_row"].to_numpy() == site
    day = design["day_of_visit"].to_numpy()[design["visit_of_row"].to_numpy()[rows]]
    inside = (day >= course["day"].min().item()) & (day <= course["day"].max().item())
    # Both sides are often at one grade: each has its own height within the step.
    shift = 0.12 * (1 - 2 * (side % 2))
    panel.plot(
        day[inside] / DAYS_A_MONTH,
        design["code"].to_numpy()[rows][inside] + shift,
        MARKERS[side % len(MARKERS)],
        color=colour,
        markersize=3,
        markeredgecolor="white",
        markeredgewidth=0.3,
    )


def _infusions(panel: Axes, day: np.ndarray, dose: np.ndarray) -> None:
    if day.size:
        height = INFUSION_HEIGHT * dose / dose.max()
        panel.vlines(day / DAYS_A_MONTH, -1.3, -1.3 + height, color=BLACK, linewidth=0.6)


def _handles(sides: Sequence[str], level: float, infused: bool) -> list[Line2D]:
    handles = [
        Line2D(
            *([], []),
            color=GROUP_COLOURS[number % len(GROUP_COLOURS)],
            linestyle=LINE_STYLES[number % len(LINE_STYLES)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=3,
            label=f"{side}: expected grade (line), recorded (points)",
        )
        for number, side in enumerate(sides)
    ]
    words = f"band: {interval_in_words('eti', level)}, of the expected grade"
    handles.append(Line2D([], [], color="0.8", linewidth=6, label=words))
    if infused:
        words = "stroke: an infusion, its height the dose"
        handles.append(Line2D([], [], color=BLACK, linewidth=0.6, label=words))
    return handles
