"""Lines of a forest plot: what was counted in black, a colour a model, intervals at their place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MultipleLocator

from mmn_bayes.report.formatting import interval_in_words
from mmn_bayes.report.frame import entry
from mmn_bayes.report.side_by_side import OBSERVED, PATIENTS
from mmn_bayes.report.style import BLACK, GROUP_COLOURS, MARKERS, shortened, wrapped

THESE, NEW = PATIENTS["cohort"], PATIENTS["population"]
GREY, PALE = "0.45", "0.85"
LEGEND_CHARACTERS, LABEL_CHARACTERS = 46, 36
TEXT_LINE_MM, LINE_MM, GAP_MM, AXIS_MM = 3.1, 3.3, 2.2, 17.0
ESTIMATES = ("estimate", "lower", "upper", "level", "interval", "synthetic")
_Rows = list[dict[Any, Any]]


@dataclass(frozen=True)
class Look:
    """Colour and marker of a source; a hollow marker has a white face."""

    colour: str
    marker: str
    hollow: bool = False


@dataclass(frozen=True)
class Line:
    """A line of the forest: its label, and its rows of the table by panel; a heading has none."""

    label: str
    look: Look | None
    rows: Mapping[str, _Rows]


def require_rows(table: pd.DataFrame) -> None:
    """Raise unless a table has rows to draw."""
    if table.empty:
        raise ValueError("The table has no row to draw.")


def cut(text: str, characters: int) -> str:
    """Cut a name that is longer than a line in its middle: names may differ at either end."""
    if len(text) > characters:
        tail = characters // 3
        text = f"{text[: characters - 1 - tail]}…{text[-tail:]}"
    return shortened(text, characters)


def in_legend(text: str) -> str:
    """Wrap a text for a legend of two columns; a number stays with its sign of per cent."""
    return wrapped(text.replace(" %", "\N{NO-BREAK SPACE}%"), LEGEND_CHARACTERS)


def is_observed(source: str) -> bool:
    """Whether a source was counted, not modelled."""
    return source == OBSERVED or source.startswith(f"{OBSERVED}, ")


def looks_of(sources: Iterable[str], palette: Sequence[str] | None = None) -> dict[str, Look]:
    """Return the look of each source: counted black; a colour a model, hollow if these patients."""
    looks, models = {}, dict[str, Look]()
    colours = palette or [colour for colour in GROUP_COLOURS if colour != BLACK]
    markers = [marker for marker in MARKERS if marker != "s"]
    for source in dict.fromkeys(map(str, sources)):
        model, _, patients = source.rpartition(", ")
        if is_observed(source):
            looks[source] = Look(BLACK, "s")
            continue
        number = len(models)
        turn = number + number // len(colours)  # where colours come again markers are others
        look = Look(colours[number % len(colours)], markers[turn % len(markers)])
        look = models.setdefault(model or source, look)
        looks[source] = Look(look.colour, look.marker, hollow=patients == THESE)
    return looks


def by_panel(rows: pd.DataFrame, column: str) -> dict[str, _Rows]:
    """Return the rows of a line by the panel that they stand in, which a column says."""
    return {str(name): own.to_dict("records") for name, own in rows.groupby(column, sort=False)}


def forest_line(panel: Axes, line: Line, name: str, y: float, limits: tuple[float, float]) -> None:
    """Draw the intervals of one line in one panel; the simultaneous one thin, with small ends.

    Where there is nothing, words say so.
    """
    if line.look is None:
        return
    rows, (low, high), look = line.rows.get(name, []), limits, line.look
    missing = "" if any(np.isfinite(row["estimate"]) for row in rows) else "no estimate"
    missing = missing if rows else "not reported"
    if missing:
        panel.text(low + 0.03 * (high - low), y, missing, va="center", fontsize=6, color=GREY)
        return
    for row in rows:
        together = is_simultaneous(row["interval"])
        if np.isfinite(row["lower"]) and np.isfinite(row["upper"]):
            thin = {"linewidth": 0.6, "marker": "|", "markersize": 3.0, "markeredgewidth": 0.6}
            style = {
                "color": look.colour,
                "zorder": 3,
                **(thin if together else {"linewidth": 1.5}),
            }
            interval_within(panel, (row["lower"], row["upper"]), y, limits, style)
        if not together and np.isfinite(row["estimate"]):
            panel.plot([row["estimate"]], [y], zorder=4, **marker_of(look))


def interval_within(
    panel: Axes,
    ends: tuple[float, float],
    y: float,
    limits: tuple[float, float],
    style: Mapping[str, Any],
    *,
    arrows_in_front: bool = False,
) -> None:
    """Draw an interval on a line of a panel; what goes beyond its limits ends in an arrow."""
    (lower, upper), (low, high) = ends, limits
    shown = [max(lower, low), min(upper, high)]
    panel.plot(shown, [y, y], solid_capstyle="butt", **style)
    for beyond, end, marker in ((lower < low, low, "<"), (upper > high, high, ">")):
        if beyond:
            arrow: dict[str, Any] = {
                "markersize": 3,
                "clip_on": False,
                "zorder": 5 if arrows_in_front else 2,
            }
            panel.plot([end], [y], marker, color=style["color"], **arrow)


def marker_of(look: Look) -> dict[str, Any]:
    """Return how the marker of an estimate is drawn."""
    face = "white" if look.hollow else look.colour
    return {
        **{"marker": look.marker, "color": look.colour, "markersize": 4.0, "clip_on": False},
        **{"markerfacecolor": face, "markeredgewidth": 0.9},
    }


def is_simultaneous(kind: Any) -> bool:
    """Whether an interval is one of several that hold together."""
    return str(kind).endswith("simultaneous")


def share_axis(panel: Axes, step: float) -> None:
    """Draw a horizontal axis of shares from 0 to 1, in per cent."""
    panel.set_xlim(-0.02, 1.02)  # ends of intervals whole
    panel.xaxis.set_major_locator(MultipleLocator(step))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.0f}"))
    panel.grid(axis="x", color=PALE, linewidth=0.4)
    panel.set_axisbelow(True)


def intervals_of(rows: pd.DataFrame) -> str:
    """Return the kinds of interval of rows in words, each once."""
    rows = rows[rows["interval"].notna()]
    of = rows["distribution"] if "distribution" in rows else pd.Series(pd.NA, index=rows.index)
    kinds = zip(rows["interval"], rows["level"], of.fillna("posterior"), strict=True)
    return "; ".join(
        dict.fromkeys(interval_in_words(str(k), float(v), str(d)) for k, v, d in kinds)
    )


def handle_of(label: str, look: Look) -> Line2D:
    """Return the entry of a source in the legend."""
    return entry(linewidth=1.5, label=in_legend(label), **marker_of(look))
