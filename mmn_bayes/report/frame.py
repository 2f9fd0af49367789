"""The frame of every figure, and the parts that figures share: bands, intervals, legend."""

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.style import (
    GROUP_COLOURS,
    JOURNAL_WIDTH_MM,
    LINE_MM,
    LINE_STYLES,
    MARKERS,
    MM,
    SYNTHETIC_NOTE,
    TITLE_CHARACTERS,
    house_style,
    wrapped,
)

CHARACTER_MM, HANDLE_MM = 1.35, 9.0  # mean width of a character of a legend; of what stands before
DASHED = (0, (4, 3))  # a rate to compare with


@dataclass
class Frame:
    """A figure at work: width and height of panels in mm, its head, labels, and axes given."""

    figure: Figure
    width_mm: float
    head: str
    labels: Mapping[str, str]
    given: Sequence[Axes] = ()
    panels_mm: float = 0.0

    def name(self, text: object) -> str:
        """Return what a name of the data, or the text of an axis, is called in the figure."""
        return self.labels.get(str(text), str(text))

    def characters(self, at_full_width: float) -> int:
        """Return how many characters fit where so many do in a figure of 180 mm."""
        return max(round(at_full_width * self.width_mm / JOURNAL_WIDTH_MM), 12)

    def columns(self, n_panels: int, most: int) -> int:
        """Return in how many columns to lay out panels: at most so many, fewer where narrow.

        Of axes that were given nobody knows how they lie: each is labelled as if it were alone.
        """
        fit = round(most * self.width_mm / JOURNAL_WIDTH_MM)
        return 1 if self.given else min(n_panels, most, max(fit, 1))

    def panels(
        self,
        n_panels: int,
        n_columns: int,
        panel_mm: float,
        *,
        x_label: str = "",
        grid: Mapping[str, Any] | None = None,
    ) -> list[Axes]:
        """Lay out panels in rows, or return the axes that were given.

        Parameters
        ----------
        n_panels, n_columns : int
            How many; places left over in the last row are taken away.
        panel_mm : float
            Height of a panel with its axis.
        x_label : str, default ""
            Label of the horizontal axis that all share; the lowest panel of each column carries it.
        grid : mapping of str to object or None, optional
            More for `Figure.subplots`.

        Raises
        ------
        ValueError
            When fewer or more axes were given than the figure has panels.
        """
        n_rows = -(-n_panels // n_columns)
        self.panels_mm = n_rows * panel_mm
        places = list(self.given)
        if not places:
            options: dict[str, Any] = {"sharex": bool(x_label), "squeeze": False, **(grid or {})}
            places = list(self.figure.subplots(n_rows, n_columns, **options).flat)
        elif len(places) != n_panels:
            raise ValueError(f"The figure has {n_panels} panels; give as many axes.")
        for place in places[n_panels:]:
            place.remove()
        labelled = places if self.given else places[max(n_panels - n_columns, 0) : n_panels]
        for panel in labelled if x_label else ():
            panel.tick_params(labelbottom=True)
            panel.set_xlabel(self.name(x_label))
        return places[:n_panels]

    def legend_below(self, handles: Sequence[Artist], text_lines: int | None = None) -> None:
        """Put the legend below the panels, and make a figure of its own as high as all needs.

        Parameters
        ----------
        handles : sequence of Artist
            Entries, as `entry` makes them.
        text_lines : int or None, optional
            Lines of text to leave room for in two columns; None to count them.
        """
        owner: Figure | SubFigure = self.figure
        below: dict[str, Any] = {"loc": "outside lower left"}
        if self.given:
            owner = self.given[0].get_figure() or owner
            earlier = [legend.get_title().get_text() for legend in owner.legends]
            synthetic = self.head.endswith(SYNTHETIC_NOTE) or SYNTHETIC_NOTE in earlier
            below |= {"title": SYNTHETIC_NOTE if synthetic else None, "alignment": "left"}
            handles = _with_earlier(owner, handles)
        n_columns = _legend_columns(handles, owner.bbox.width / self.figure.dpi / MM)
        if not self.given:
            if text_lines is None or n_columns == 1:
                text_lines = count_lines(handles, n_columns)
            text_lines += self.head.count("\n") + 1 if self.head else 0
            height_mm = self.panels_mm + text_lines * LINE_MM + 6
            self.figure.set_size_inches(self.width_mm * MM, height_mm * MM)
        owner.legend(handles=handles, ncols=n_columns, **below)


def _with_earlier(owner: Figure | SubFigure, handles: Sequence[Artist]) -> list[Artist]:
    """Take the entries of what was drawn in a figure before, so that one legend has all, once."""
    entries: dict[tuple[Any, ...], Artist] = {}
    for legend in list(owner.legends):
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
            if handle is not None:
                handle.set_label(text.get_text())
                entries[_key(handle)] = handle
        legend.remove()
    return list((entries | {_key(handle): handle for handle in handles}).values())


def _key(handle: Any) -> tuple[Any, ...]:
    colour = handle.get_color() if isinstance(handle, Line2D) else handle.get_facecolor()
    return handle.get_label(), str(colour)


def _legend_columns(handles: Sequence[Artist], width_mm: float) -> int:
    """Two where they fit, as at full width; in one column long lines are wrapped again."""
    lines = [line for handle in handles for line in str(handle.get_label()).split("\n")]
    longest = max(map(len, lines), default=0) * CHARACTER_MM + HANDLE_MM
    if width_mm > JOURNAL_WIDTH_MM - 1 or longest <= width_mm / 2:
        return 2
    room = max(int((width_mm - HANDLE_MM) / CHARACTER_MM), 12)
    for handle in handles:
        pieces = [textwrap.wrap(line, room) for line in str(handle.get_label()).split("\n")]
        handle.set_label("\n".join(part for piece in pieces for part in piece))
    return 1


@contextmanager
def framed(
    title: str,
    synthetic: bool,
    axes: Axes | Sequence[Axes] | None = None,
    labels: Mapping[str, str] | None = None,
    width_mm: float = JOURNAL_WIDTH_MM,
) -> Iterator[Frame]:
    """Open a figure in the style of the package, with title and notice of synthetic data.

    Parameters
    ----------
    title : str
        Title of the figure; long ones are wrapped.
    synthetic : bool
        Whether the data are synthetic: then the figure says so.
    axes : Axes or sequence of Axes or None, optional
        Axes to plot into, which keep their figure, its size and its title, and had better have
        constrained layout: one legend below has the entries of all that the figure (or subfigure)
        holds, headed by the notice of synthetic data. By default a new figure is made.
    labels : mapping of str to str or None, optional
        Labels to print in place of names of the data and texts of axes, by what they replace.
    width_mm : float, default JOURNAL_WIDTH_MM
        Width of a new figure in millimetres.

    Yields
    ------
    Frame
        Lays out the panels (`panels`), and puts the legend below them (`legend_below`).

    Examples
    --------
    >>> with mb.plots.framed("Grades", True) as frame:
    ...     left, right = frame.panels(2, 2, 50)
    ...     lines = left.plot([0, 1], [0, 1])
    >>> frame.figure.axes == [left, right]
    True
    """
    given = [] if axes is None else np.ravel(np.asarray(axes, dtype=object)).tolist()
    with house_style():
        figure = given[0].get_figure(root=True) if given else None
        if figure is None:
            figure = Figure(figsize=(width_mm * MM, width_mm * MM), layout="constrained")
        else:
            narrowest = min(panel.get_position().width for panel in given)
            width_mm = narrowest * figure.get_figwidth() / MM
        frame = Frame(figure, width_mm, "", labels or {}, given)
        lines = [wrapped(title, frame.characters(TITLE_CHARACTERS))] if title else []
        frame.head = "\n".join([*lines, SYNTHETIC_NOTE] if synthetic else lines)
        if frame.head and not given:
            figure.suptitle(frame.head, x=0.01, ha="left", fontsize=8.5)
        yield frame


# An entry of a legend: a line and marker of the look that is given.
entry: Callable[..., Line2D] = partial(Line2D, [], [])


def band_entry(words: str, colour: str = "0.8") -> Line2D:
    """Return the entry of a band."""
    return entry(label=words, color=colour, linewidth=6)


def band_in_words(level: float) -> str:
    """Return what the band of a level is, in words."""
    return f"band: {interval_in_words('eti', level)}"


def count_lines(handles: Sequence[Artist], n_columns: int = 2) -> int:
    """Count the lines of text that a legend of so many columns takes at most."""
    heights = [str(handle.get_label()).count("\n") + 1 for handle in handles]
    length = -(-len(heights) // n_columns)
    return max(
        (sum(heights[i : i + length]) for i in range(0, len(heights), length or 1)), default=0
    )


def look_of(number: int, palette: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the colour, line style and marker of a group.

    Parameters
    ----------
    number : int
        Position of the group, from 0.
    palette : sequence of str or None, optional
        Colours; by default those of the package.

    Returns
    -------
    dict of str to object
        `color`, `linestyle` and `marker`; all three together repeat only after many groups.

    Examples
    --------
    >>> look = mb.plots.look_of(1, palette=["black", "grey"])
    >>> sorted(look), look["color"]
    (['color', 'linestyle', 'marker'], 'grey')
    """
    colours = GROUP_COLOURS if palette is None else palette
    return {
        "color": colours[number % len(colours)],
        "linestyle": LINE_STYLES[number % len(LINE_STYLES)],
        "marker": MARKERS[number % len(MARKERS)],
    }


def mean_and_limits(draws: xr.DataArray, level: float) -> xr.DataArray:
    """Return mean and equal-tailed limits of draws, shape (3, ...): each by itself.

    Where a draw is missing so are they: a gap in line and band, as the draws say.
    """
    tail, sample = (1.0 - level) / 2.0, ("chain", "draw")
    limits = draws.quantile([tail, 1.0 - tail], dim=sample, skipna=False)
    mean = draws.mean(sample, skipna=False).expand_dims(quantile=[np.nan])
    return xr.concat([mean, limits], "quantile").transpose("quantile", ...)


def band_over_time(
    panel: Axes,
    x: np.ndarray,
    values: np.ndarray,
    *,
    look: Mapping[str, Any],
    shade: float,
    hatched: bool | None = None,
) -> None:
    """Draw a line in its band.

    Parameters
    ----------
    panel, x : Axes, ndarray
        Where, and the places on the horizontal axis.
    values : ndarray
        Line, lower and upper limit, shape (3, place).
    look : mapping of str to object
        Of the line; the band has its colour.
    shade : float
        Opacity of the band.
    hatched : bool or None, optional
        Whether the band is of what is extrapolated; None where no part of it is.
    """
    band = panel.fill_between(x, values[1], values[2], linewidth=0, alpha=shade)
    band.set_facecolor(look["color"])
    if hatched is not False:
        band.set_edgecolor(look["color"])
    if hatched:
        band.set_hatch("////")
    panel.plot(x, values[0], **look)


def points_with_interval(
    panel: Axes, row: Mapping[Any, Any], y: float, look: Mapping[str, Any], linewidth: float = 1.1
) -> None:
    """Draw the estimate of a row of a table over its interval, on a line of a forest plot."""
    if np.isfinite(row["lower"]):
        ends = [row["lower"], row["upper"]]
        panel.plot(ends, [y, y], color=look["color"], linewidth=linewidth)
    if np.isfinite(row["estimate"]):
        panel.plot([row["estimate"]], [y], linestyle="none", **look)
