"""The figures of schedules: strength over time under each, and response against the dose."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.style import (
    BLACK,
    DAYS_A_MONTH,
    GROUP_COLOURS,
    JOURNAL_WIDTH_MM,
    LINE_STYLES,
    count_lines,
    heading,
    house_style,
    months_axis,
    new_figure,
    panels,
    wrapped,
)

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
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Draw the share of muscles at each grade or above over time, by schedule, over what was seen.

    Parameters
    ----------
    drawn
        What `trajectory` gave, of one scenario or several, without groups.
    observed
        Table of `observed_shares` of the same fit without groups: `day`, `grade`, `share`, `n`;
        under the infusions that were given, whatever the schedules are.
    grades
        A panel each, then one of the expected sum score; None for every grade but the lowest.
    level
        Level of the bands (equal-tailed, each day by itself).
    title, width_mm
        As for `response_figure`.

    Returns
    -------
    Figure
        Where a schedule or a day is beyond what the cohort had, its line is paler and dotted and
        its band hatched.

    Raises
    ------
    ValueError
        When the draws have groups, or not these grades.
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
    n_columns = min(3, n_panels)
    head = heading(title, bool(drawn.attrs["synthetic"]))
    with house_style():
        handles = [_handle(number, name) for number, name in enumerate(names)]
        handles += _band_handles(level, bool(drawn["extrapolated"].any()), observed)
        height = -(-n_panels // n_columns) * PANEL_MM
        figure = new_figure(width_mm, height, head, count_lines(handles))
        axes = panels(figure, n_panels, n_columns, "months since inclusion")
        for panel, grade in zip(axes, [*chosen, None], strict=True):
            values = drawn["expected_sum"] if grade is None else drawn["at_least"].sel(grade=grade)
            for number, name in enumerate(names):
                beyond = drawn["extrapolated"].sel(scenario=name).to_numpy()
                _course(panel, values.sel(scenario=name), beyond, number, level)
            if grade is None:
                panel.set_title("sum score of a patient")
                panel.set_ylabel("expected sum")
            else:
                _seen(panel, observed, scale[scale.index(grade) :])
                panel.set_title(f"grade {grade} or above")
                panel.set_ylabel("share of muscles")
                panel.yaxis.set_major_formatter(
                    FuncFormatter(lambda share, _: f"{100 * share:.4g} %")
                )
            months_axis(panel)
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure


def _course(
    panel: Axes, values: xr.DataArray, beyond: np.ndarray, number: int, level: float
) -> None:
    """One schedule: its mean and band, paler where it is beyond what was seen."""
    colour = GROUP_COLOURS[number % len(GROUP_COLOURS)]
    months = values["day"].to_numpy() / DAYS_A_MONTH
    tail = (1.0 - level) / 2.0
    low, high = values.quantile([tail, 1.0 - tail], dim=("chain", "draw"), skipna=False).to_numpy()
    mean = values.mean(("chain", "draw"), skipna=False).to_numpy()
    line = LINE_STYLES[number % len(LINE_STYLES)]
    for outside in (False, True):
        for start, stop in runs(beyond == outside):
            # A run begins where the one before ended, so that the line has no gap.
            own = slice(max(start - 1, 0), stop)
            look = (
                {"linestyle": (0, (1, 1.2)), "alpha": BEYOND_ALPHA}
                if outside
                else {"linestyle": line}
            )
            panel.plot(months[own], mean[own], color=colour, linewidth=1.3, **look)
            band = panel.fill_between(months[own], low[own], high[own], linewidth=0, alpha=0.12)
            band.set_facecolor(colour)
            if outside:
                band.set_hatch("////")
                band.set_edgecolor(colour)


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


def _handle(number: int, name: str) -> Line2D:
    colour = GROUP_COLOURS[number % len(GROUP_COLOURS)]
    line = LINE_STYLES[number % len(LINE_STYLES)]
    return Line2D([], [], color=colour, linestyle=line, label=wrapped(name, 54))


def _band_handles(level: float, beyond: bool, observed: pd.DataFrame) -> list[Line2D]:
    words = f"band: {interval_in_words('eti', level)}"
    handles = [Line2D([], [], color="0.8", linewidth=6, label=words)]
    if beyond:
        words = "paler, dotted, hatched: beyond the doses, intervals or days of the cohort"
        handles.append(
            Line2D([], [], color="0.4", linestyle=":", alpha=BEYOND_ALPHA, label=wrapped(words, 54))
        )
    if len(observed):
        most = observed["n"].max()
        words = f"observed, all patients, as infused; area: number of muscles, at most {most}"
        handles.append(
            Line2D([], [], linestyle="", marker="o", color="0.4", label=wrapped(words, 54))
        )
    return handles
