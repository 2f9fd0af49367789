"""The frame of figures: axes that are given, labels, palette, width; and tables as values."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from mmn_bayes.plots import dose_response_figure, kernel_figure
from mmn_bayes.report import store
from mmn_bayes.report.formatting import print_table, printed, to_markdown, to_text
from mmn_bayes.report.frame import framed
from mmn_bayes.report.side_by_side import side_by_side
from mmn_bayes.report.style import MM, SYNTHETIC_NOTE
from mmn_bayes.report.table import Column, Table


def make_draws(dim, values, by=None, synthetic=True):
    coords = {dim: np.asarray(values, dtype=float)} | ({by: [False, True]} if by else {})
    dims = ("chain", "draw", *coords)
    sizes = (2, 20, *(len(place) for place in coords.values()))
    drawn = np.random.default_rng(1).random(sizes)
    attrs = {"synthetic": synthetic, "observed_doses": (0.5, 2.0)}
    return xr.DataArray(drawn, dims=dims, coords=coords, attrs=attrs)


DOSES = make_draws("dose_g_per_kg", (0, 1, 2), by="naive")
COURSE = make_draws("day", range(5))


def words_of(figure):
    return " ".join(t.get_text().replace("\n", " ") for t in figure.findobj(Text))


# --- figures -------------------------------------------------------------------------------------


def test_a_figure_draws_into_the_axes_that_it_is_given_and_returns_their_figure():
    figure = Figure(figsize=(7, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    assert dose_response_figure(DOSES, ax=left, title="unused") is figure
    assert left.lines
    assert not right.lines
    assert tuple(figure.get_size_inches()) == (7, 3)
    assert not figure.get_suptitle()
    assert SYNTHETIC_NOTE in words_of(figure)


def test_figures_in_one_have_one_legend_with_every_entry_once():
    figure = Figure(figsize=(7, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    dose_response_figure(DOSES, ax=left)
    real = DOSES.assign_attrs(synthetic=False)
    dose_response_figure(real, ax=right, placebo=0.2)
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert len(texts) == len(set(texts)) == 5
    assert legend.get_title().get_text() == SYNTHETIC_NOTE  # of the left one it stays said


def test_axes_are_as_many_as_the_figure_has_panels():
    axes = Figure().subplots(3, 1)
    with pytest.raises(ValueError, match="has 2 panels"):
        kernel_figure(COURSE, COURSE, axes=axes)
    figure = kernel_figure(COURSE, COURSE, axes=axes[:2])
    assert [len(panel.lines) > 0 for panel in figure.axes] == [True, True, False]


def test_labels_and_palette_are_the_users():
    labels = {"naive": "therapienaïef", "response at follow-up": "respons"}
    figure = dose_response_figure(DOSES, labels=labels, palette=["#112233", "#445566"])
    assert "therapienaïef: new patients" in words_of(figure)
    (panel,) = figure.axes
    assert panel.get_ylabel() == "respons"
    assert {to_hex(line.get_color()) for line in panel.lines} == {"#112233", "#445566"}


@pytest.mark.parametrize("width_mm", [85.0, 180.0])
def test_a_figure_has_the_width_that_it_is_given_and_its_legend_fits(width_mm):
    figure = kernel_figure(COURSE, COURSE, prior=COURSE, title="long " * 40, width_mm=width_mm)
    assert figure.get_figwidth() == pytest.approx(width_mm * MM)
    figure.draw_without_rendering()
    boxes = [figure.legends[0].get_window_extent(), figure._suptitle.get_window_extent()]
    assert all(box.x1 <= figure.bbox.width + 1 for box in boxes)
    columns = {round(panel.get_position().x0, 2) for panel in figure.axes}
    assert len(columns) == (1 if width_mm < 100 else 2)


def test_the_frame_leaves_the_state_of_the_drawing_library_alone():
    before = plt.get_fignums(), dict(plt.rcParams)
    with framed("Title", True) as frame:
        frame.panels(1, 1, 50.0)
        frame.legend_below([])
    assert (plt.get_fignums(), dict(plt.rcParams)) == before
    assert frame.figure.get_suptitle() == f"Title\n{SYNTHETIC_NOTE}"


# --- tables --------------------------------------------------------------------------------------

FRAME = pd.DataFrame({"group": ["a", "b"], "n": [3, 4], "synthetic": True})
COLUMNS = [Column("n", label="patients", spanner="observed"), Column("group")]


def test_writers_take_a_table_as_they_take_a_frame_with_its_caption_and_notes(tmp_path, capsys):
    table = Table(FRAME, "Caption", notes=["a note"])
    assert to_markdown(table) == to_markdown(FRAME, "Caption", ["a note"])
    assert to_text(table) == to_text(FRAME, "Caption", ["a note"])
    print_table(table)
    assert capsys.readouterr().out == to_text(table)
    machines, people = store.write_report(table, tmp_path / "t.one")
    assert machines.name == "t.one.csv"
    assert machines.read_text() == store.csv_text(FRAME)
    assert people.read_text() == to_markdown(table)
    assert store.write_table(table, tmp_path / "t.txt").read_text() == to_text(table)


def test_a_table_prints_its_columns_in_their_order_with_labels_and_spanners():
    table = Table(FRAME, columns=COLUMNS)
    assert to_markdown(table).splitlines()[2:5] == [
        "| observed: patients | group |",
        "| --- | --- |",
        "| 3 | a |",
    ]
    assert "observed: patients" in to_text(table)
    assert printed(table).columns == COLUMNS
    assert store.csv_text(table) == store.csv_text(FRAME)  # every column, by its own name


def test_a_table_refuses_what_it_has_not_and_what_it_has_already():
    with pytest.raises(ValueError, match="prints no column 'm'"):
        to_markdown(Table(FRAME, columns=[Column("m")]))
    with pytest.raises(ValueError, match="has its title and notes"):
        to_markdown(Table(FRAME, "One"), "Another")


def test_parts_stand_side_by_side_in_the_order_that_is_stated():
    counted = pd.DataFrame({"group": ["no", "yes"], "n": [3, 4], "estimate": [0.5, np.nan]})
    model = pd.DataFrame({"group": ["yes", "no"], "estimate": [0.2, 0.3], "reason": ["", ""]})
    parts = [counted.assign(source="observed"), model.assign(source="model")]
    order = {"group": ("yes", "no")}
    table = side_by_side(parts, ["group", "source", "n", "estimate"], order=order)
    assert table["group"].tolist() == ["yes", "yes", "no", "no"]
    assert table["source"].tolist() == ["observed", "model"] * 2
    assert table["n"].dtype == "Int64"
    assert table["reason"].tolist() == ["nobody evaluable", "", "", ""]
    bare = side_by_side(parts, ["group", "n"], order={"n": None}, reasons=False)
    assert bare["n"].tolist()[:2] == [3, 4]
    assert list(bare) == ["group", "n"]
