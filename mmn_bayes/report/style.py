"""What every figure shares: palette, style, sizes, the title and the mark of synthetic data."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MultipleLocator

from mmn_bayes.data.margins import YEAR

MM = 1 / 25.4  # inches
DAYS_A_MONTH = YEAR / 12
JOURNAL_WIDTH_MM = 180.0
LINE_MM = 3.8  # height of a line of text
# Okabe and Ito's palette: told apart with every common colour vision.
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE = (
    *("#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7"),
)
GROUP_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
# The second carriers of the group, for print in grey.
LINE_STYLES: tuple[tuple[float, Sequence[float]], ...] = (
    *((0, ()), (0, (4, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (1, 1))),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SYNTHETIC_NOTE = "Synthetic data: no real patient."
TITLE_CHARACTERS = 95
STYLE: Mapping[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with the library, so that figures agree
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "figure.facecolor": "white",
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw from the library's own defaults, whatever the user's settings are, then go back."""
    with style.context(["default", dict(STYLE)]):
        yield


def wrapped(text: str, characters: int) -> str:
    """Wrap a text; a dollar sign in a name does not start a formula."""
    return "\n".join(textwrap.wrap(text, characters)).replace("$", r"\$")


def shortened(text: str, characters: int) -> str:
    """Cut a name that is longer than a line; the cut is shown."""
    cut = text if len(text) <= characters else text[: characters - 1] + "…"
    return cut.replace("$", r"\$")


def heading(title: str, synthetic: bool) -> str:
    """Return what stands above a figure: its title, and that the data are synthetic if they are."""
    lines = [wrapped(title, TITLE_CHARACTERS)] if title else []
    return "\n".join([*lines, SYNTHETIC_NOTE] if synthetic else lines)


def new_figure(width_mm: float, panels_mm: float, head: str, legend_lines: int) -> Figure:
    """Return an empty figure with its heading, high enough for panels, heading and legend.

    Parameters
    ----------
    width_mm, panels_mm
        Width of the figure, and height of all its panels with their axes, millimetres.
    head
        As `heading` gives it.
    legend_lines
        Lines of text that the legend below takes.

    Returns
    -------
    Figure
        With constrained layout: nothing overlaps, whatever the length of the labels.
    """
    text_lines = (head.count("\n") + 1 if head else 0) + legend_lines
    height_mm = panels_mm + text_lines * LINE_MM + 6
    figure = Figure(figsize=(width_mm * MM, height_mm * MM), layout="constrained")
    if head:
        figure.suptitle(head, x=0.01, ha="left", fontsize=8.5)
    return figure


def panels(figure: Figure, n_panels: int, n_columns: int, x_label: str) -> list[Axes]:
    """Lay out so many panels in rows that share their horizontal axis.

    Places left over in the last row are taken away, and the lowest panel of each column carries the
    axis with its label.
    """
    n_rows = -(-n_panels // n_columns)
    places = list(figure.subplots(n_rows, n_columns, sharex=True, squeeze=False).flat)
    for place in places[n_panels:]:
        place.remove()
    for panel in places[max(n_panels - n_columns, 0) : n_panels]:
        panel.tick_params(labelbottom=True)
        panel.set_xlabel(x_label)
    return places[:n_panels]


def months_axis(panel: Axes) -> None:
    """Label a horizontal axis in months at steps that are whole and few."""
    low, high = panel.get_xlim()
    step = next((step for step in (1, 3, 6, 12, 24) if (high - low) / step <= 7), 60)
    panel.xaxis.set_major_locator(MultipleLocator(step))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda month, _: f"{month:g}"))


def count_lines(handles: Sequence[Line2D]) -> int:
    """Count the lines of text that a legend of two columns takes at most."""
    heights = [str(handle.get_label()).count("\n") + 1 for handle in handles]
    half = -(-len(heights) // 2)
    return max(sum(heights[:half]), sum(heights[half:]))
