"""The figures of schedules: strength over time under each, and response against the dose."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from mmn_bayes.report.frame import (
    band_entry,
    band_in_words,
    band_over_time,
    entry,
    framed,
    look_of,
    mean_and_limits,
)
from mmn_bayes.report.style import BLACK, DAYS_A_MONTH, JOURNAL_WIDTH_MM, months_axis, wrapped

PANEL_MM = 52.0
BEYOND_ALPHA = 0.75  # of the line, where a schedule is beyond what was seen
LARGEST_POINT = 40.0  # square points


def trajectory_figure(
    drawn: xr.Dataset,
    observed: pd.DataFrame,
    *,
    grades: Sequence[str] | None = None,
    level: float = 0.95,
    title: str = "",
    axes: Sequence[Axes] | None = None,
    labels: Mapping[str, str] | None = None,
    palette: Sequence[str] | None = None,
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Plot the share of muscles at each grade or above over time, by schedule, and observed.

    Parameters
    ----------
    drawn : Dataset
        As returned by `trajectory`, for one scenario or several, without groups.
    observed : DataFrame
        As returned by `observed_grade_distribution` for the same fit without groups: `day`,
        `grade`, `share`, `n`; under the recorded infusions, whatever the schedules are.
    grades : sequence of str or None, optional
        A panel each, then one of the expected sum score; None for every grade but the lowest.
    level : float, default 0.95
        Level of the bands (equal-tailed, each day by itself).
    title : str, default ""
        Title of the figure.
    axes : sequence of Axes or None, optional
        Axes to plot into, one for each panel; by default a new figure is made.
    labels : mapping of str to str or None, optional
        Labels to print in place of names of the data and texts of the figure, by what they replace.
    palette : sequence of str or None, optional
        A colour of the palette for each schedule.
    width_mm : float, default JOURNAL_WIDTH_MM
        Width of the figure in millimetres.

    Returns
    -------
    Figure
        Where a schedule or a day is beyond what the cohort had, its line is paler and dotted and
        its band hatched.

    Raises
    ------
    ValueError
        When the draws have groups, or not these grades.

    Examples
    --------
    With `fit`, a fit of `models/strength.toml`:

    >>> monthly = mb.exposure.schedule(dose_g_per_kg=1, every_days=28, from_day=0, until_day=182)
    >>> drawn = mb.exposure.trajectory(fit, scenario=monthly, patients="cohort", days=[0, 182])
    >>> observed = mb.observed.observed_grade_distribution(fit, [-30, 91, 243], by=None)
    >>> figure = mb.plots.trajectory_figure(drawn, observed, grades=["3", "5"])
    >>> [panel.get_title(loc="left") for panel in figure.axes]
    ['grade 3 or above', 'grade 5 or above', 'sum score of a patient']
    """
    others = set(drawn["at_least"].dims) - {"chain", "draw", "scenario", "day", "grade"}
    if others:
        raise ValueError(f"The trajectory has groups ({', '.join(map(str, others))}); draw one.")
    scale = drawn["grade"].to_numpy().tolist()
    chosen = scale[1:] if grades is None else list(grades)
    if not chosen or not set(chosen) <= set(scale):
        raise ValueError(f"grades is {chosen}; the scale has {', '.join(scale)}.")
    if "scenario" not in drawn.dims:
        drawn = drawn.expand_dims(scenario=["schedule"])
    names = drawn["scenario"].to_numpy().tolist()
    n_panels = len(chosen) + 1
    with framed(title, bool(drawn.attrs["synthetic"]), axes, labels, width_mm) as frame:
        n_columns = frame.columns(n_panels, 3)
        places = frame.panels(n_panels, n_columns, PANEL_MM, x_label="months since inclusion")
        for panel, grade in zip(places, [*chosen, None], strict=True):
            values = drawn["expected_sum"] if grade is None else drawn["at_least"].sel(grade=grade)
            course = mean_and_limits(values, level)
            for number, name in enumerate(names):
                own = course.sel(scenario=name).transpose("quantile", "day").to_numpy()
                beyond = drawn["extrapolated"].sel(scenario=name).to_numpy()
                months = drawn["day"].to_numpy() / DAYS_A_MONTH
                _course(panel, months, own, beyond, look_of(number, palette))
            if grade is None:
                panel.set_title(frame.name("sum score of a patient"))
                panel.set_ylabel(frame.name("expected sum"))
            else:
                _seen(panel, observed, scale[scale.index(grade) :])
                panel.set_title(f"grade {frame.name(grade)} or above")
                panel.set_ylabel(frame.name("share of muscles"))
                panel.yaxis.set_major_formatter(
                    FuncFormatter(lambda share, _: f"{100 * share:.4g} %")
                )
            months_axis(panel)
        handles = []
        for number, name in enumerate(names):
            look = look_of(number, palette) | {"marker": "", "label": wrapped(frame.name(name), 54)}
            handles.append(entry(**look))
        handles.append(band_entry(band_in_words(level)))
        if bool(drawn["extrapolated"].any()):
            words = "paler, dotted, hatched: beyond the doses, intervals or days of the cohort"
            dotted = {"color": "0.4", "linestyle": ":", "alpha": BEYOND_ALPHA}
            handles.append(entry(**dotted, label=wrapped(words, 54)))
        if len(observed):
            most = observed["n"].max()
            words = f"observed, all patients, as infused; area: number of muscles, at most {most}"
            handles.append(entry(linestyle="", marker="o", color="0.4", label=wrapped(words, 54)))
        frame.legend_below(handles)
    return frame.figure


def _course(
    panel: Axes, months: np.ndarray, course: np.ndarray, beyond: np.ndarray, look: dict[str, Any]
) -> None:
    """One schedule: its mean and band, paler where it is beyond what was seen."""
    solid = look | {"marker": "", "linewidth": 1.3}
    paler = solid | {"linestyle": (0, (1, 1.2)), "alpha": BEYOND_ALPHA}
    for outside, own_look in ((False, solid), (True, paler)):
        for start, stop in runs(beyond == outside):
            # A run begins where the one before ended, so that the line has no gap.
            own = slice(max(start - 1, 0), stop)
            band_over_time(
                panel, months[own], course[:, own], look=own_look, shade=0.12, hatched=outside
            )


def runs(true: np.ndarray) -> list[tuple[int, int]]:
    """First place and the place after the last of each run of what is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], true, [False]]).astype(int)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _seen(panel: Axes, observed: pd.DataFrame, at_or_above: list[str]) -> None:
    """Observed shares at these grades together, by period, the area of a point their muscles."""
    own = observed[observed["grade"].astype(str).isin(at_or_above)]
    shares = own.groupby("day").agg(share=("share", "sum"), n=("n", "first"))
    area = LARGEST_POINT * shares["n"] / max(shares["n"].max(), 1)
    panel.scatter(
        shares.index / DAYS_A_MONTH, shares["share"], s=area, color=BLACK, alpha=0.6, linewidth=0
    )
