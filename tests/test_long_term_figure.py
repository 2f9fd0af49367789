"""The figures of the long run: classes, conduction blocks, and states over the years."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.colors import to_hex
from matplotlib.text import Text

from mmn_bayes.plots import blocks_figure, classes_figure, occupancy_figure
from mmn_bayes.report import store
from mmn_bayes.report.style import BLACK, SYNTHETIC_NOTE

CLASSES = ("dependent", "remission", "other")
KINDS = ("fewer", "unchanged", "more", "fewer or unchanged", "mean change")
LONG = "a_very_long_name_of_a_model <with> $x^2$ and $y$, many more words than anybody reads, no {}"
TITLE = "Cost in $ and $ " + "long " * 60
EXACT, TOGETHER = "clopper-pearson", "goodman simultaneous"


def row(source, estimate, lower, upper, interval, **more):
    found = {"source": source, "n": pd.NA, "events": pd.NA, "missing": pd.NA}
    found |= {"estimate": estimate, "lower": lower, "upper": upper, "level": 0.95}
    return found | {"interval": interval, "synthetic": True} | more


def make_classes(models=("rates",), classes=CLASSES, groups=None):
    rows = []
    for number, name in enumerate(classes):
        share = 0.6 if number == 0 else 0.4 / max(len(classes) - 1, 1)
        for group in groups or [None]:
            about = {"class": name} | ({} if group is None else {"group": group})
            for of, n in (("classified", 37), ("enrolled", 40)):
                who = about | {"n": n, "events": round(share * n), "missing": 3}
                source = f"observed, of the {of}"
                rows.append(row(source, share, share - 0.1, share + 0.15, EXACT, **who))
                rows.append(row(source, share, share - 0.12, share + 0.18, TOGETHER, **who))
            for model in models:
                for whose, half in (("these patients", 0.0), ("new patients", 0.08)):
                    limits = (share, share - half, share + half)
                    rows.append(row(f"{model}, {whose}", *limits, "eti", **about))
    return pd.DataFrame(rows).astype({"n": "Int64"})


def make_others(studies=("Study 2001",), classes=CLASSES):
    rows = []
    for name in classes:
        ours = {"class": name, "follow_up": "mean 2.2 (SD 2.0) y", "unlisted": pd.NA}
        rows.append(row("this cohort, observed", 0.3, 0.2, 0.4, EXACT, **ours | {"n": 37}))
        rows.append(row("this cohort, rates, new patients", 0.3, 0.2, 0.4, "eti", **ours))
        for number, study in enumerate(studies):
            if (number, name) == (0, classes[-1]):
                continue  # a class that a study does not report
            about = {"class": name, "n": 17, "follow_up": "median 8 y (4-18)", "unlisted": 10}
            rows.append(row(study, 0.4, 0.2, 0.6, EXACT, **about | {"synthetic": False}))
    return pd.DataFrame(rows).astype({"n": "Int64", "unlisted": "Int64"})


def make_blocks(models=("blocks",), groups=("naive responders", "naive"), filled=("naive",)):
    rows = []
    for group in groups:
        for kind in KINDS:
            about, change = {"group": group, "kind": kind}, kind == "mean change"
            middle, interval = (-0.2, "Student t") if change else (0.3, EXACT)
            who = about | {"n": 20, "missing": 2 if group in filled else 0}
            rows.append(row("observed", middle, middle - 0.2, middle + 0.2, interval, **who))
            for model in models:
                half = 0.05 if group in filled else 0.0
                limits = (middle, middle - half, middle + half)
                rows.append(row(f"{model}, these patients", *limits, "eti", **who))
                limits = (middle, middle - 0.1, middle + 0.1)
                rows.append(row(f"{model}, new patients", *limits, "eti", **about))
    return pd.DataFrame(rows).astype({"n": "Int64", "missing": "Int64"})


def make_draws(states=CLASSES, by=None, days=None, last=1000.0):
    days = np.arange(0.0, 1501.0, 91.3125) if days is None else np.asarray(days, dtype=float)
    dims = ("chain", "draw", *([by[0]] if by else []), "day", "state")
    coords = {"day": days, "state": list(states)} | ({by[0]: list(by[1])} if by else {})
    sizes = (2, 40, *([len(by[1])] if by else []), days.size)
    values = np.random.default_rng(1).dirichlet(np.arange(1.0, len(states) + 1), size=sizes)
    attrs = {"synthetic": True, "last_day_seen": last, "since": "first_infusion"}
    attrs |= {"meaning": "of new patients", "distribution": "posterior"}
    return xr.DataArray(values, dims=dims, coords=coords, attrs=attrs)


def make_observed(states=CLASSES, days=(0.0, 10.0, 365.25, 730.5, 1461.0), n=(40, 39, 31, 12, 0)):
    rows = []
    for day, known in zip(days, n, strict=True):
        for state in states:
            share = 1 / len(states) if known else np.nan
            rows.append({"day": day, "state": state, "n": known, "estimate": share})
    table = pd.DataFrame(rows).assign(level=0.9, interval=EXACT, synthetic=True)
    return table.assign(lower=table["estimate"] / 2, upper=table["estimate"] * 1.5)


def words_of(figure):
    """Every text of a figure, as it is read: without line ends, and what is escaped as drawn."""
    texts = [text.get_text() for text in figure.findobj(Text) if text.get_visible()]
    joined = " ".join(text.replace("\n", " ") for text in texts)
    return joined.replace("\N{NO-BREAK SPACE}", " ").replace(r"\$", "$")


def labels_of(panel):
    return [label.get_text().replace("\n", " ") for label in panel.get_yticklabels()]


def is_whole(figure):
    """Whether every text lies within the figure, and no text of the axes upon another's."""
    figure.draw_without_rendering()
    boxes = [panel.get_tightbbox() for panel in figure.axes]
    boxes += [figure.legends[0].get_window_extent(), figure._suptitle.get_window_extent()]
    within = all(
        box.x0 >= -1
        and box.y0 >= -1
        and box.x1 <= figure.bbox.width + 1
        and box.y1 <= figure.bbox.height + 1
        for box in boxes
    )
    rows = [
        [label.get_window_extent() for label in panel.get_yticklabels() if label.get_text()]
        for panel in figure.axes
    ]
    apart = all(not a.overlaps(b) for boxes in rows for a, b in pairwise(boxes))
    legend, lowest = boxes[len(figure.axes)], min(b.y0 for b in boxes[: len(figure.axes)])
    return within and apart and legend.y1 <= lowest + 1


def colours_of(panel):
    return {to_hex(line.get_color()).upper() for line in panel.get_lines()}


# --- classes -------------------------------------------------------------------------------------


def test_classes_have_a_panel_each_and_a_label_for_every_source():
    figure = classes_figure(make_classes(), make_others(), title="Classes")
    assert figure.get_suptitle() == f"Classes\n{SYNTHETIC_NOTE}"
    assert [panel.get_title(loc="left") for panel in figure.axes] == list(CLASSES)
    assert labels_of(figure.axes[0]) == [
        "this cohort (synthetic) followed mean 2.2 (SD 2.0) y",
        "observed, of the classified, n = 37",
        "observed, of the enrolled, n = 40",
        "rates, these patients",
        "rates, new patients",
        "other cohorts, as published",
        "Study 2001 n = 17, 10 of no class here followed median 8 y (4-18)",
    ]
    assert [text.get_text() for text in figure.axes[2].texts] == ["not reported"]
    words = words_of(figure)
    assert "observed: 95 % confidence interval, exact" in words
    assert "new patients (filled): 95 % credible interval, equal-tailed" in words
    assert "thin, with ends: 95 % confidence interval, Goodman, simultaneous" in words
    assert is_whole(figure)


def test_what_was_counted_is_black_and_each_model_has_a_colour():
    panel = classes_figure(make_classes(("one", "two"))).axes[0]
    assert BLACK in colours_of(panel)
    assert len(colours_of(panel)) == 3
    widths = {line.get_linewidth() for line in panel.get_lines() if len(line.get_xdata()) == 2}
    assert len(widths) == 2  # simultaneous intervals are the thin ones
    many = classes_figure(make_classes([f"m{number}" for number in range(9)])).axes[0]
    drawn = [line for line in many.get_lines() if len(line.get_xdata()) == 1]
    looks = {
        (to_hex(one.get_color()), one.get_marker(), one.get_markerfacecolor()) for one in drawn
    }
    assert len(looks) == 1 + 2 * 9


def test_groups_of_patients_stand_under_their_names():
    figure = classes_figure(make_classes(groups=["naive", "previously treated"]))
    labels = labels_of(figure.axes[0])
    assert [labels[0], labels[5]] == ["naive", "previously treated"]
    assert figure.axes[0].get_yticklabels()[5].get_fontweight() == "bold"
    assert len(figure.axes[0].get_lines()) == 2 * (2 * 3 + 2 * 2)


@pytest.mark.parametrize("n_classes", [1, 2, 4, 7])
def test_any_number_of_classes_and_long_names_stay_within_the_figure(n_classes, tmp_path):
    classes = [
        f"off all <immuno>globulin_{k} for more than $a$ year, $b$" for k in range(n_classes)
    ]
    models = [LONG.format(number) for number in range(4)]
    others = make_others([f"$Study$ of_a long name {k} 2001" for k in range(8)], classes)
    others["follow_up"] = "median 8 years and three months (interquartile range 4 to 18 years)"
    figure = classes_figure(make_classes(models, classes), others, title=TITLE)
    assert len(figure.axes) == n_classes
    assert is_whole(figure)
    assert "off all <immuno>globulin_0 for more than $a$ year, $b$" in words_of(figure)
    labels = labels_of(figure.axes[0])
    assert len(set(labels)) == len(labels)  # names that differ at their ends alone differ still
    store.save_figure(figure, tmp_path / "a.png", dpi=30)


def test_no_estimate_and_no_limits_are_borne():
    table = make_classes()
    observed = (table["source"] == "observed, of the classified") & (table["class"] == "other")
    table.loc[observed, ["estimate", "lower", "upper"]] = np.nan
    table.loc[table["source"] == "rates, new patients", ["lower", "upper"]] = np.nan
    figure = classes_figure(table)
    assert [text.get_text() for text in figure.axes[2].texts] == ["no estimate"]
    assert is_whole(figure)


def test_the_intervals_are_named_by_what_they_are_of():
    table = make_classes().assign(distribution=pd.NA)
    table.loc[table["interval"] == "eti", "distribution"] = "prior"
    assert "95 % prior interval, equal-tailed" in words_of(classes_figure(table))
    assert "(synthetic)" not in words_of(classes_figure(table.assign(synthetic=False)))
    assert not classes_figure(table.assign(synthetic=False)).get_suptitle()


def test_tables_that_are_no_classes_are_refused():
    table = make_classes()
    with pytest.raises(ValueError, match="no column 'source'"):
        classes_figure(table.drop(columns="source"))
    with pytest.raises(ValueError, match="no column 'follow_up'"):
        classes_figure(table, make_others().drop(columns="follow_up"))
    with pytest.raises(ValueError, match="no row to draw"):
        classes_figure(table.iloc[:0])
    with pytest.raises(ValueError, match="the table has no class 'cured'"):
        classes_figure(table, make_others(classes=("cured", "dependent")))


# --- blocks --------------------------------------------------------------------------------------


def test_blocks_have_three_shares_the_mean_change_and_a_line_where_somebody_is_filled_in():
    figure = blocks_figure(make_blocks(), title="Blocks")
    assert figure.get_suptitle() == f"Blocks\n{SYNTHETIC_NOTE}"
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    assert titles == ["fewer blocks", "unchanged", "more blocks", "mean change"]
    labels = labels_of(figure.axes[0])
    assert labels == ["naive responders n = 20", "naive n = 20, 2 missing"]
    # An interval and a marker a line: two lines, and three where these patients are filled in.
    assert [len(panel.get_lines()) for panel in figure.axes] == [10, 10, 10, 11]
    words = words_of(figure)
    assert "observed: 95 % confidence interval, exact; of the mean change 95 %" in words
    assert "blocks, new patients: 95 % credible interval, equal-tailed" in words
    assert "blocks, these patients:" in words
    assert "these patients" not in words_of(blocks_figure(make_blocks(filled=())))
    assert is_whole(figure)


def test_one_group_and_many_with_long_names_stay_within_the_figure():
    assert is_whole(blocks_figure(make_blocks(groups=["all"])))
    models = [LONG.format(number) for number in range(4)]
    groups = [f"responders <of> $the$ first_visit and of the second one {k}" for k in range(12)]
    figure = blocks_figure(make_blocks(models, groups, groups), title=TITLE)
    assert is_whole(figure)
    assert len(set(labels_of(figure.axes[0]))) == 12
    for model in models:
        assert model.replace(" ", "") in words_of(figure).replace(" ", "")


def test_an_interval_far_wider_than_the_others_ends_in_arrows():
    table = make_blocks()
    wide = (table["source"] == "observed") & (table["kind"] == "mean change")
    table.loc[wide, ["lower", "upper"]] = [-30.0, 30.0]
    panel = blocks_figure(table).axes[3]
    assert {line.get_marker() for line in panel.get_lines()} >= {"<", ">"}
    assert panel.get_xlim()[1] < 2
    table.loc[wide, ["estimate", "lower", "upper"]] = np.nan
    figure = blocks_figure(table)
    assert [text.get_text() for text in figure.axes[3].texts] == ["no estimate"] * 2
    assert is_whole(figure)
    nobody = table.assign(estimate=np.nan, lower=np.nan, upper=np.nan)
    assert is_whole(blocks_figure(nobody))


def test_tables_that_are_no_blocks_are_refused():
    table = make_blocks()
    with pytest.raises(ValueError, match="no column 'kind'"):
        blocks_figure(table.drop(columns="kind"))
    with pytest.raises(ValueError, match="no row to draw"):
        blocks_figure(table[table["kind"] == "fewer or unchanged"])


# --- states --------------------------------------------------------------------------------------


def test_states_have_a_panel_each_and_what_nobody_saw_is_paler():
    observed = make_observed()
    product = observed.assign(estimate=0.2)[["day", "state", "n", "estimate", "synthetic"]]
    figure = occupancy_figure(make_draws(), observed, product=product, title="States")
    assert figure.get_suptitle() == f"States\n{SYNTHETIC_NOTE}"
    assert [panel.get_title(loc="left") for panel in figure.axes] == list(CLASSES)
    panel = figure.axes[0]
    assert panel.get_xlabel() == "years since the first infusion"
    seen, beyond = panel.collections[:2]
    assert (seen.get_hatch(), beyond.get_hatch()) == (None, "////")
    edge = 1000.0 / 365.25
    assert seen.get_paths()[0].vertices[:, 0].max() == pytest.approx(edge)
    assert beyond.get_paths()[0].vertices[:, 0].min() == pytest.approx(edge)
    # Day 10 is too near to day 0 for a number of its own.
    assert [text.get_text() for text in panel.texts] == ["40", "31", "12", "0", "n"]
    words = words_of(figure)
    for part in (
        "model: mean, of new patients",
        "band: 95 % credible interval, equal-tailed, each day by itself",
        "extrapolated, nobody was seen after 2.7 years",
        "observed: 90 % confidence interval, exact; n: patients under observation",
        "Aalen-Johansen estimate, no interval",
    ):
        assert part in words
    assert is_whole(figure)


def test_the_line_and_band_are_those_of_the_draws():
    draws = make_draws(last=5000.0)
    panel = occupancy_figure(draws, level=0.8).axes[1]
    own = draws.sel(state="remission")
    mean, low = (line.get_ydata() for line in panel.get_lines()[:2])
    np.testing.assert_allclose(mean, own.mean(("chain", "draw")))
    np.testing.assert_allclose(low, own.quantile(0.1, ("chain", "draw")))
    assert "extrapolated" not in words_of(panel.figure)
    assert "80 % credible interval" in words_of(panel.figure)


def test_groups_have_a_colour_each_naive_first():
    figure = occupancy_figure(make_draws(by=("naive", [False, True])), make_observed())
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[:2] == ["naive", "previously treated"]
    assert len(colours_of(figure.axes[0]) - {BLACK}) == 2
    assert "observed, all patients: 90 %" in words_of(figure)


@pytest.mark.parametrize("n_states", [1, 2, 4, 8])
def test_any_number_of_states_and_long_names_stay_within_the_figure(n_states, tmp_path):
    states = [f"off all <immuno>globulin_{k} for more than $a$ year, $b$" for k in range(n_states)]
    draws = make_draws(states, by=("centre", [LONG.format(k) for k in range(8)]))
    observed = make_observed(states, np.arange(0.0, 1500.0, 30.0), [1000] * 50)
    figure = occupancy_figure(draws, observed, title=TITLE)
    assert len(figure.axes) == n_states
    assert is_whole(figure)
    assert states[0] in words_of(figure)
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not any(a.overlaps(b) for a, b in pairwise(boxes))
    store.save_figure(figure, tmp_path / "a.png", dpi=30)


@pytest.mark.parametrize("days", [[0.0], [400.0], [2000.0], [0.0, 1000.0], [2000.0, 1500.0]])
def test_few_days_wherever_they_lie_and_missing_draws_are_borne(days):
    assert is_whole(occupancy_figure(make_draws(days=days), make_observed()))
    missing = make_draws(days=days) * np.nan
    missing.attrs = make_draws().attrs
    assert is_whole(occupancy_figure(missing, make_observed().iloc[:0]))


def test_draws_and_tables_that_are_no_states_are_refused():
    draws, observed = make_draws(), make_observed()
    with pytest.raises(ValueError, match="no dim 'state'"):
        occupancy_figure(draws.isel(state=0, drop=True))
    with pytest.raises(ValueError, match="no attribute 'synthetic'"):
        occupancy_figure(draws.drop_attrs())
    with pytest.raises(ValueError, match="one grouping only"):
        occupancy_figure(draws.expand_dims(a=[1, 2], b=[1, 2]))
    with pytest.raises(ValueError, match="observed: no column 'interval'"):
        occupancy_figure(draws, observed.drop(columns="interval"))
    with pytest.raises(ValueError, match=r"product: .* do not both have 'other'"):
        occupancy_figure(draws, product=observed[observed["state"] != "other"])
