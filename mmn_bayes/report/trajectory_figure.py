"""The figures of schedules: strength over time under each, and response against the dose."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, PercentFormatter

from mmn_bayes.report.drawing import (
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
    wrapped,
)
from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.tables import group_label

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
    low, high = values.quantile([tail, 1.0 - tail], dim=("chain", "draw")).to_numpy()
    mean = values.mean(("chain", "draw")).to_numpy()
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


def dose_response_figure(
    draws: xr.DataArray,
    *,
    placebo: float | None = None,
    level: float = 0.95,
    title: str = "",
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Figure:
    """Draw the response of new patients against the dose of a course.

    Parameters
    ----------
    draws
        Of `dose_response`: dims `chain`, `draw`, `dose_g_per_kg` and, with groups, theirs.
    placebo
        A published rate, drawn as a dashed line.
    level
        Level of the bands (equal-tailed, each dose by itself).
    title, width_mm
        As for `response_figure`.

    Returns
    -------
    Figure
        One panel, a line with its band for each group (no infusion by itself); grey where no
        patient of the cohort had courses of so little, or so much.
    """
    others = [str(d) for d in draws.dims if d not in ("chain", "draw", "dose_g_per_kg")]
    by = others[0] if others else None
    members = draws[by].to_numpy().tolist() if by else [None]
    members.sort(key=lambda member: member is not True)
    dose = draws["dose_g_per_kg"].to_numpy()
    tail = (1.0 - level) / 2.0
    head = heading(title, bool(draws.attrs["synthetic"]))
    with house_style():
        handles = [
            Line2D(
                *([], []),
                color=GROUP_COLOURS[number],
                linestyle=LINE_STYLES[number % len(LINE_STYLES)],
                marker=MARKERS[number],
                markersize=4,
                label=f"{group_label(by, member) if by else 'all'}: new patients",
            )
            for number, member in enumerate(members)
        ]
        words = f"band: {interval_in_words('eti', level)}"
        handles.append(Line2D([], [], color="0.8", linewidth=6, label=words))
        words = "grey: doses of a course that no patient of the cohort had"
        handles.append(Line2D([], [], color="0.92", linewidth=6, label=words))
        if placebo is not None:
            words = f"published placebo rate, {100 * placebo:g} %"
            handles.append(Line2D([], [], color=BLACK, linestyle=(0, (4, 3)), label=words))
        figure = new_figure(width_mm, PANEL_MM * 1.4, head, count_lines(handles))
        panel = figure.subplots()
        for number, member in enumerate(members):
            own = draws.sel({by: member}) if by else draws
            band = own.quantile([tail, 1 - tail], dim=("chain", "draw")).to_numpy()
            colour = GROUP_COLOURS[number]
            given = dose > 0.0
            panel.fill_between(dose[given], *band[:, given], color=colour, alpha=0.15, linewidth=0)
            panel.vlines(dose[~given], *band[:, ~given], color=colour, alpha=0.5, linewidth=1.5)
            # Between no infusion and the smallest dose a model may jump: no line there.
            mean = own.mean(("chain", "draw")).to_numpy()
            for part in (dose == 0.0, dose > 0.0):
                panel.plot(
                    *(dose[part], mean[part]),
                    color=colour,
                    linestyle=LINE_STYLES[number % len(LINE_STYLES)],
                    marker=MARKERS[number],
                    markersize=4,
                )
        panel.set_xlim(dose.min() - 0.02 * np.ptp(dose), dose.max() + 0.02 * np.ptp(dose))
        low, high = draws.attrs["observed_doses"]
        left, right = panel.get_xlim()
        outside = ((left, low), (high, right)) if np.isfinite(low) else ((left, right),)
        for edges in outside:
            if edges[0] < edges[1]:
                panel.axvspan(*edges, color="0.92", zorder=0, linewidth=0)
        if placebo is not None:
            panel.axhline(placebo, color=BLACK, linewidth=0.8, linestyle=(0, (4, 3)))
        panel.set_ylim(0.0, 1.0)
        panel.yaxis.set_major_formatter(PercentFormatter(1.0))
        panel.set_xlabel(str(draws.attrs.get("schedule", "dose of a course (g/kg)")))
        panel.set_ylabel("response at follow-up")
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure
