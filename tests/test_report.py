"""The report storey on made-up draws: what is written reads back, and what is shown is true."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from markdown_it import MarkdownIt
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from mmn_bayes import plots
from mmn_bayes.data.published import read_published
from mmn_bayes.model_file.model_spec import model_to_toml
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.outcomes.response import table as tables
from mmn_bayes.posterior.draws import spec_of
from mmn_bayes.report import fit_files, formatting, store, style

ROOT = Path(__file__).resolve().parents[1]
ESTIMATE_COLUMNS = ["estimate", "lower", "upper", "level", "interval"]
DRAW_COLUMNS = ["ess_bulk", "ess_tail", "r_hat", "mcse"]


def make_fit(name="strength", synthetic=True, changes=None):
    """A fit of 22 naive patients, 14 of 20 responders, and 18 others, 10 of 18; no sampling."""
    spec = read_model(ROOT / "models" / f"{name}.toml")
    naive = np.arange(40) < 22
    response = np.r_[np.ones(14), np.zeros(6), -np.ones(2), np.ones(10), np.zeros(8)].astype(int)
    design = xr.Dataset(
        {
            "naive": ("patient", naive),
            "response": ("patient", response),
            "reason": ("patient", np.where(response < 0, "no visit in the follow-up window", "")),
            "baseline_day": ("patient", np.zeros(40), {"units": "days"}),
            "follow_up_day": ("patient", np.where(response < 0, np.nan, 182.0)),
            "x_naive": ("patient", naive.astype(float)),
            "x_old": ("patient", (np.arange(40) % 2).astype(float)),
            "x_age": ("patient", np.linspace(-2, 2, 40)),
            **(changes or {}),
        },
        coords={"patient": np.array([f"{number:03d}" for number in range(40)])},
        attrs={"synthetic": int(synthetic), "title": "Une cohorte", "source": ""},
    )
    rng = np.random.default_rng(1)
    posterior = xr.Dataset(
        {
            "gain": (("chain", "draw"), rng.normal(size=(2, 50)), {"synthetic": synthetic}),
            "z": (("chain", "draw", "site"), rng.normal(size=(2, 50, 3)).astype(np.float32)),
        },
        coords={
            "chain": [0, 1],
            "draw": np.arange(50),
            "threshold": np.array(["0|1", "1|2"], dtype=object),
        },
    )
    fit = xr.DataTree.from_dict({"posterior": posterior, "design": design})
    fit.attrs = {
        "spec_name": spec.name,
        "spec_toml": model_to_toml(spec),
        "spec_fingerprint": spec.fingerprint,
        "fingerprint": "0123456789abcdef" * 4,
        **{"seed": 2**32 - 1, "chains": 2, "draws": 50, "tune": 20},
        "sampler": "none, made up",
        "versions": json.dumps({"python": "3.13.0", "numpy": "2.3"}),
        "seconds_compiling": 0.1 + 0.2,
        "seconds_sampling": 2.0,
        "synthetic": int(synthetic),
        "title": "Une cohorte",
    }
    return fit


def make_draws(models=("strength",), by="naive", groups=(False, True), synthetic=True):
    """Draws of the response probability: few values in the cohort, beta among new patients."""
    rng = np.random.default_rng(2)
    attrs = {"synthetic": synthetic, "quantity": "probability of response", "meaning": "made up"}

    def draws(values):
        coords = {"chain": [0, 1], "draw": np.arange(50), by: list(groups)}
        array = xr.DataArray(values, dims=("chain", "draw", by), coords=coords, attrs=attrs)
        return array

    shape = (2, 50, len(groups))
    kinds = {"cohort": lambda: (14 + rng.binomial(2, 0.6, shape)) / 22}
    kinds["population"] = lambda: rng.beta(14, 7, shape)
    return {(m, kind): draws(make()) for m in models for kind, make in kinds.items()}


@pytest.fixture(scope="module")
def fit():
    return make_fit()


@pytest.fixture(scope="module")
def both():
    """Two fits of one cohort, their draws and their table with the published rate."""
    fits = [make_fit("strength"), make_fit("response")]
    draws = make_draws(("strength", "response"))
    counts = read_published(ROOT / "data" / "leger2008")["counts"]
    return fits, draws, tables.response_table(fits, published=counts, draws=draws, by="naive")


# --- store -------------------------------------------------------------------------------------


def assert_same_tree(left, right):
    assert [node.path for node in left.subtree] == [node.path for node in right.subtree]
    for one, other in zip(left.subtree, right.subtree, strict=True):
        assert xr.Dataset.identical(one.to_dataset(), other.to_dataset())
        assert {k: type(v) for k, v in one.attrs.items()} == {
            k: type(v) for k, v in other.attrs.items()
        }
        for name, variable in one.to_dataset().variables.items():
            assert other.to_dataset().variables[name].dtype == variable.dtype, name


def test_a_fit_reads_back_as_it_was(fit, tmp_path):
    path = fit_files.save(fit, tmp_path / "new" / "fit.nc")
    loaded = fit_files.load(path)
    expected = fit.copy(deep=True)
    expected["posterior"]["gain"].attrs["synthetic"] = 1  # a yes/no attribute is kept as a number
    assert_same_tree(loaded, expected)
    assert loaded["design"]["baseline_day"].attrs == {"units": "days"}
    assert loaded["posterior"]["threshold"].dtype == object
    assert loaded.attrs["seed"] == 2**32 - 1
    assert type(loaded.attrs["seed"]) is int
    assert loaded.attrs["seconds_compiling"] == 0.1 + 0.2


def test_saving_leaves_the_fit_alone_and_saving_what_was_loaded_changes_nothing(fit, tmp_path):
    before = fit.copy(deep=True)
    first = fit_files.load(fit_files.save(fit, tmp_path / "fit.nc"))
    assert_same_tree(fit, before)
    assert fit["posterior"]["gain"].attrs["synthetic"] is True
    part = fit_files.load(fit_files.save(first, tmp_path / "again.nc"))
    assert_same_tree(part, first)


def test_a_saved_fit_is_compressed(tmp_path):
    fit = make_fit()
    zeros = np.zeros((2, 50, 2000))
    fit["posterior"] = fit["posterior"].to_dataset().assign(zeros=(("chain", "draw", "x"), zeros))
    assert fit_files.save(fit, tmp_path / "fit.nc").stat().st_size < zeros.nbytes / 10


def test_what_is_not_a_fit_is_neither_saved_nor_loaded(fit, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no fit '.*absent\.nc'"):
        fit_files.load(tmp_path / "absent.nc")
    (tmp_path / "text.nc").write_text("text")
    with pytest.raises(ValueError, match="not a netCDF file"):
        fit_files.load(tmp_path / "text.nc")
    xr.Dataset({"a": 1}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match="no group 'posterior', no group 'design'"):
        fit_files.load(tmp_path / "other.nc")
    with pytest.raises(ValueError, match="not a fit"):
        fit_files.save(xr.DataTree(), tmp_path / "empty.nc")
    bad = fit.copy()
    bad.attrs = {**fit.attrs, "cohort": None}
    with pytest.raises(ValueError, match="attribute 'cohort' is None"):
        fit_files.save(bad, tmp_path / "bad.nc")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.nc", "text.nc"]


def test_a_failing_write_leaves_the_old_file_and_nothing_else(fit, tmp_path, monkeypatch):
    path = fit_files.save(fit, tmp_path / "fit.nc")
    text = store.write_text("old", tmp_path / "a.txt")
    figure = store.save_figure(Figure(), tmp_path / "a.png")
    old = {file: file.read_bytes() for file in (path, text, figure)}

    def half(_, file, **__):
        with Path(file).open("wb") as partial:
            partial.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", half)
    monkeypatch.setattr(Path, "write_bytes", lambda file, _: half(None, file))
    for write, thing, file in (
        (fit_files.save, fit, path),
        (store.write_text, "new", text),
        (store.save_figure, Figure(), figure),
    ):
        with pytest.raises(OSError, match="disk full"):
            write(thing, file)
    monkeypatch.undo()
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == old


def test_a_table_keeps_every_digit(tmp_path):
    table = pd.DataFrame(
        {"x": [0.1 + 0.2, 1 / 3, np.nan, 1e-300], "n": pd.array([1, pd.NA, 3, 4], dtype="Int64")}
    ).assign(word=["a, b", 'q"', "é", "line\nbreak"])
    path = store.write_table(table, tmp_path / "t.csv")
    raw = path.read_bytes()
    assert b"\r" not in raw
    assert raw.decode("utf-8").startswith("x,n,word\n0.30000000000000004,1,")
    with path.open(encoding="utf-8", newline="") as file:
        back = pd.DataFrame(csv.DictReader(file))
    assert [float(cell or "nan") for cell in back["x"]] == pytest.approx(
        list(table["x"]), rel=0, abs=0, nan_ok=True
    )
    assert back["n"].tolist() == ["1", "", "3", "4"]
    assert back["word"].tolist() == table["word"].tolist()


def test_a_table_keeps_an_index_that_has_a_name(tmp_path):
    table = pd.DataFrame({"a": [1]}, index=pd.Index(["x"], name="check"))
    assert store.write_table(table, tmp_path / "t.csv").read_text() == "check,a\nx,1\n"


def test_the_manifest_says_what_made_the_results(both, tmp_path):
    fits = both[0]
    path = store.write_manifest(fits, tmp_path / "manifest.json", date="2026-11-22")
    text = path.read_text(encoding="utf-8")
    content = json.loads(text)
    assert text == json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert {key: content[key] for key in ("date", "synthetic", "title")} == {
        "date": "2026-11-22",
        "synthetic": True,
        "title": "Une cohorte",
    }
    assert set(content["fits"]) == {"strength", "response"}
    assert set(content["fits"]["strength"]) == {
        *("spec_fingerprint", "fingerprint", "seed", "chains", "draws", "tune", "sampler"),
        *("seconds_compiling", "seconds_sampling", "versions"),
    }
    assert content["fits"]["strength"]["versions"]["python"] == "3.13.0"
    assert content["fits"]["response"]["spec_fingerprint"] == fits[1].attrs["spec_fingerprint"]


def test_the_manifest_is_dated_today_and_of_different_models(fit, tmp_path):
    path = store.write_manifest(fit, tmp_path / "manifest.json")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", json.loads(path.read_text())["date"])
    for fits in ([], [fit, fit]):
        with pytest.raises(ValueError, match="one fit a model"):
            store.manifest(fits, "2026-11-22")


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_figure_is_the_same_bytes_every_time(both, tmp_path, ending):
    _, draws, table = both
    written = [
        store.save_figure(plots.response_figure(draws, table), tmp_path / f"{i}.{ending}", dpi=50)
        for i in range(2)
    ]
    first, second = (path.read_bytes() for path in written)
    assert first == second
    assert b"Date" not in first


def test_a_figure_needs_a_known_ending(tmp_path):
    with pytest.raises(ValueError, match=r"'a\.gif'; end its name in \.png, \.svg, \.pdf"):
        store.save_figure(Figure(), tmp_path / "a.gif")


# --- the response table --------------------------------------------------------------------------


def test_the_response_table_has_its_columns_and_rows(both):
    table = both[2]
    assert list(table.columns) == [
        *("naive", "source", "n", "events", "missing"),
        *ESTIMATE_COLUMNS,
        *DRAW_COLUMNS,
        *("published", "meaning", "synthetic"),
    ]
    sources = [
        "observed",
        *(
            f"{model}: {who}"
            for model in ("strength", "response")
            for who in tables.PATIENTS.values()
        ),
    ]
    assert list(table["source"]) == sources * 2
    assert list(table["naive"]) == ["naive"] * 5 + ["previously treated"] * 5
    assert table["synthetic"].dtype == bool
    assert table["synthetic"].all()
    assert table["meaning"].str.len().min() > 20


def test_the_observed_rows_are_the_exact_ones(both):
    table = both[2].query("source == 'observed'").reset_index(drop=True)
    assert table[["n", "events", "missing"]].to_numpy().tolist() == [[20, 14, 2], [18, 10, 0]]
    assert (table["n"] + table["missing"]).tolist() == [22, 18]
    assert set(table["interval"]) == {"clopper-pearson"}
    # Clopper-Pearson limits of 14 of 20 by the quantiles of the beta distribution.
    np.testing.assert_allclose(
        table.loc[0, ["estimate", "lower", "upper"]].astype(float),
        [0.7, 0.4572108, 0.8810684],
        atol=1e-7,
    )
    assert table[DRAW_COLUMNS].isna().all(axis=None)
    assert table.loc[0, "published"] == "14/20, 70 % (0.46 to 0.88)"
    assert table.loc[1, "published"] == "not published: the synthetic cohort's own"


def test_the_posterior_rows_are_those_of_their_own_draws(both):
    _, draws, table = both
    for (model, kind), array in draws.items():
        for position, label in enumerate(("previously treated", "naive")):
            source = f"{model}: {tables.PATIENTS[kind]}"
            row = table[(table["source"] == source) & (table["naive"] == label)].iloc[0]
            values = array.isel(naive=position).to_numpy()
            assert row["estimate"] == pytest.approx(values.mean(), abs=1e-12)
            assert row["interval"] == "eti"
            assert row["lower"] <= row["estimate"] <= row["upper"]
            assert row["published"] == ""
            assert pd.isna(row["events"])
            if kind == "cohort":
                assert row["n"] + row["missing"] == {"naive": 22}.get(label, 18)
            else:
                assert pd.isna(row["n"])
    posterior = table[table["interval"] == "eti"]
    assert posterior[DRAW_COLUMNS].notna().all(axis=None)


def test_the_response_table_of_all_patients_and_of_a_predictor(fit):
    draws = {key: array.isel(naive=0, drop=True) for key, array in make_draws().items()}
    table = tables.response_table(fit, by=None, draws=draws)
    assert list(table["group"]) == ["all"] * 3
    assert table.loc[0, ["n", "events", "missing"]].tolist() == [38, 24, 2]
    table = tables.response_table(fit, by="old", level=0.8, draws=make_draws(by="old"))
    assert list(table["old"].unique()) == ["yes", "no"]
    assert set(table["level"]) == {0.8}
    assert set(table["published"]) == {""}


def test_real_patients_are_not_called_synthetic():
    fit = make_fit(synthetic=False)
    counts = read_published(ROOT / "data" / "leger2008")["counts"]
    table = tables.response_table(
        fit, published=counts, draws=make_draws(synthetic=False), by="naive"
    )
    assert not table["synthetic"].any()
    assert "not published" in set(table["published"])
    assert "synthetic" not in tables.to_markdown(table, "Response").lower()


@pytest.mark.parametrize("by", ["age", "sex", "x_old", "response"])
def test_what_makes_no_groups_is_refused(fit, by):
    with pytest.raises(ValueError, match=rf"by is '{by}'.*use one of naive, old, or None"):
        tables.response_table(fit, by=by)


def test_fits_that_do_not_belong_together_are_refused(fit):
    with pytest.raises(ValueError, match="Two fits are of the model 'strength'"):
        tables.response_table([fit, fit], by="naive")
    with pytest.raises(ValueError, match="at least one fit"):
        tables.response_table([], by="naive")
    other = make_fit("response", changes={"response": ("patient", np.ones(40, dtype=int))})
    with pytest.raises(ValueError, match="not of the same patients"):
        tables.response_table([fit, other], by="naive")
    rule = make_fit("response")
    rule.attrs["spec_toml"] = rule.attrs["spec_toml"].replace("gain = 1", "gain = 2")
    with pytest.raises(ValueError, match="define response differently"):
        tables.response_table([fit, rule], by="naive")
    scale = make_fit("response")
    scale.attrs["spec_toml"] += '\n[scale.collapse]\n"4+" = "4"\n'
    with pytest.raises(ValueError, match="define response differently"):
        tables.response_table([fit, scale], by="naive")
    with pytest.raises(ValueError, match="no dim 'old'"):
        tables.response_table(fit, by="old", draws=make_draws())


@pytest.mark.parametrize("draws", [None, make_draws(("strength", "response"), by="old")])
def test_fits_that_group_the_patients_differently_are_refused(fit, draws):
    old = np.arange(40) % 2
    other = make_fit("response", changes={"x_old": ("patient", 1.0 - old)})
    message = (
        "The fits 'strength' and 'response' put patients in different groups by 'old'; "
        "define it alike in both models."
    )
    with pytest.raises(ValueError, match=message):
        tables.response_table([fit, other], by="old", draws=draws)
    lacking = make_fit("response", changes={"x_old": ("patient", old / 2)})
    with pytest.raises(ValueError, match="no groups in the model 'response'; use one of naive, or"):
        tables.response_table([fit, lacking], by="old", draws=draws)


def test_the_same_groups_in_several_fits_make_one_table(fit):
    fits = [fit, make_fit("response")]
    draws = make_draws(("strength", "response"), by="old")
    table = tables.response_table(fits, by="old", draws=draws)
    assert list(table["old"]) == ["yes"] * 5 + ["no"] * 5


def test_fits_that_answer_different_questions_make_no_table(fit):
    other = make_fit("response")
    content = spec_of(other).resolved
    content["estimand"]["population"] = "Whoever comes."
    other.attrs["spec_toml"] = model_to_toml(parse_model(content, "response"))
    with pytest.raises(ValueError, match="state different estimands"):
        tables.response_table([fit, other], by="naive")


def test_the_notes_state_the_rule_the_missing_and_the_origin(both):
    notes = tables.table_notes(both[0], both[2])
    assert notes[0].startswith("Response: at least 1 grade gained in at least 2 muscles")
    assert notes[0].endswith("within day 121 to 243.")
    # What is asked, with the events and what is done about each.
    asked = ["Population", "Exposure", "Variable", "Intercurrent events", "Summary"]
    assert [note.split(":")[0] for note in notes[1:6]] == asked
    assert "no follow-up: filled in by the model" in notes[4]
    assert notes[6] == (
        "Evaluable: 38 of 40 patients; missing: no visit in the follow-up window (2)."
    )
    assert [note.split(":")[0] for note in notes[7:10]] == [
        "Observed",
        "These patients",
        "New patients",
    ]
    for name, note in zip(("strength", "response"), notes[10:], strict=True):
        assert f"Model {name}: 2 chains of 50 draws" in note
        assert "fingerprint 0123456789abcdef; python 3.13.0, numpy 2.3" in note


# --- text for people -----------------------------------------------------------------------------


def test_a_formatted_table_says_which_kind_of_interval(both):
    text = tables.format_table(both[2])
    assert text.loc[0, "estimate"] == "0.70 (0.46 to 0.88)"
    assert text.loc[0, "interval"] == "95 % confidence interval, exact"
    assert set(text.loc[1:4, "interval"]) == {"95 % credible interval, equal-tailed"}
    assert text.loc[0, "patients"] == "14/20, 2 missing"
    assert text.loc[1, "patients"] == "20, 2 missing"
    assert text.loc[2, "patients"] == "-"
    assert text.loc[0, "R-hat"] == "-"
    assert re.fullmatch(r"\d\.\d{3}", text.loc[2, "R-hat"])
    assert re.fullmatch(r"\d+/\d+", text.loc[2, "ESS bulk/tail"])
    assert set(text["synthetic"]) == {"yes"}
    pd.testing.assert_frame_equal(tables.format_table(text), text)


@pytest.mark.parametrize(
    ("kind", "distribution", "words"),
    [
        ("eti", "posterior", "95 % credible interval, equal-tailed"),
        ("hdi", np.nan, "95 % credible interval, highest density"),
        ("eti", "prior", "95 % prior interval, equal-tailed"),
        ("hdi", "predictive", "95 % predictive interval, highest density"),
        ("wilson", np.nan, "95 % confidence interval, Wilson"),
        ("of {my} own", "prior", "95 % interval, of {my} own"),
    ],
)
def test_an_interval_is_called_by_what_it_is_of(kind, distribution, words):
    row = dict(zip(ESTIMATE_COLUMNS, (0.5, 0.4, 0.6, 0.95, kind), strict=True))
    text = tables.format_table(pd.DataFrame([{**row, "distribution": distribution, "note": "x"}]))
    assert list(text.columns) == ["estimate", "interval", "note"]
    assert text.loc[0, "interval"] == words
    assert f"| {words} |" in tables.to_markdown(
        pd.DataFrame([row | {"distribution": distribution}])
    )


def test_a_column_called_distribution_that_is_of_no_interval_stays():
    table = pd.DataFrame({"distribution": ["normal"], "x": [1]})
    assert list(tables.format_table(table).columns) == ["distribution", "x"]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ((0.5, 0.4, 0.6), "0.50 (0.40 to 0.60)"),
        ((0.5, 0.495, 0.505), "0.500 (0.495 to 0.505)"),
        ((0.5, 0.4995, 0.5005), "0.5000 (0.4995 to 0.5005)"),
        ((0.5, 0.5, 0.5), "0.50 (0.50 to 0.50)"),
        ((np.nan, np.nan, np.nan), "-"),
    ],
)
def test_digits_follow_the_width_of_the_interval(limits, expected):
    row = dict(zip(ESTIMATE_COLUMNS, (*limits, 0.95, "eti"), strict=True))
    assert tables.format_table(pd.DataFrame([row])).loc[0, "estimate"] == expected


def test_any_table_can_be_formatted():
    table = pd.DataFrame(
        {"step": ["a", ""], "n": [3, 4], "x": [0.123456, np.nan], "ok": [True, False]}
    )
    assert tables.format_table(table).to_numpy().tolist() == [
        ["a", "3", "0.123", "yes"],
        ["-", "4", "-", "no"],
    ]
    assert list(tables.format_table(table.iloc[:0]).columns) == ["step", "n", "x", "ok"]


HOSTILE = pd.DataFrame({"a|b": ["<script>x</script>", "[l](u) `c` *d* | \\", "two\nlines"]})


def test_markdown_escapes_what_came_from_data():
    lines = tables.to_markdown(HOSTILE, "<b>|", ["*x* <i>"]).splitlines()
    assert lines == [
        r"**&lt;b&gt;\|**",
        "",
        r"| a\|b |",
        "| --- |",
        "| &lt;script&gt;x&lt;/script&gt; |",
        r"| \[l\](u) \`c\` \*d\* \| \\ |",
        "| two lines |",
        "",
        r"- \*x\* &lt;i&gt;",
    ]


# A text from data, and as it stands in a cell, a caption or a note.
LITERAL = [
    ("_a_ and a_b", r"\_a\_ and a\_b"),
    ("~~gone~~ ~1~", r"\~\~gone\~\~ \~1\~"),
    ("> said", "&gt; said"),
    ("a - b + c # d 1. e", "a - b + c # d 1. e"),
    ("https://a.b/c", "https://a.b/c"),
]
# What opens a list, a heading or a rule does so at the start of a line only: in a note.
OPENINGS = [
    ("# heading", r"\# heading"),
    ("###### small", r"\###### small"),
    ("- item", r"\- item"),
    ("---", r"\---"),
    ("- - -", r"\- - -"),
    ("+ item", r"\+ item"),
    ("* item", r"\* item"),
    ("1. first", r"1\. first"),
    ("12) twelfth", r"12\) twelfth"),
    ("7.", r"7\."),
    ("1.5 g/kg", "1.5 g/kg"),
    ("~~~", r"\~\~\~"),
    ("___", r"\_\_\_"),
    ("===", "==="),
]


@pytest.mark.parametrize(("text", "escaped"), LITERAL)
def test_markdown_shows_a_text_from_data_as_it_is(text, escaped):
    table = pd.DataFrame({"a": [text]})
    assert tables.to_markdown(table, text, [text]).splitlines() == [
        *(f"**{escaped}**", "", "| a |", "| --- |", f"| {escaped} |", "", f"- {escaped}")
    ]


@pytest.mark.parametrize(("text", "escaped"), OPENINGS)
def test_a_note_opens_no_list_heading_or_rule(text, escaped):
    lines = tables.to_markdown(pd.DataFrame({"a": ["x"]}), "", [f" {text}", "next"]).splitlines()
    assert lines[-2:] == [f"- {escaped}", "- next"]


def test_a_number_below_zero_is_not_escaped_in_a_cell():
    assert "| -1.5 |" in tables.to_markdown(pd.DataFrame({"x": [-1.5]}))


@pytest.mark.parametrize("text", [text for text, _ in [*LITERAL, *OPENINGS]])
def test_a_markdown_renderer_gives_the_text_back(text):
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    table = pd.DataFrame({"a": [text], "b": ["x"]})
    html = reader.render(tables.to_markdown(table, text, [text, "next"]))
    shown = text.replace(">", "&gt;")
    assert html.split("\n") == [
        f"<p><strong>{shown}</strong></p>",
        *("<table>", "<thead>", "<tr>", "<th>a</th>", "<th>b</th>", "</tr>", "</thead>"),
        *("<tbody>", "<tr>", f"<td>{shown}</td>", "<td>x</td>", "</tr>", "</tbody>", "</table>"),
        *("<ul>", f"<li>{shown}</li>", "<li>next</li>", "</ul>", ""),
    ]


def test_markdown_says_synthetic_and_every_row_has_every_cell(both, tmp_path):
    path = store.write_markdown(both[2], tmp_path / "t.md", "Response", ["a note"])
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "**SYNTHETIC DATA. Response**"
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 2 + len(both[2])
    assert len({row.count("|") for row in rows}) == 1
    assert lines[-1] == "- a note"
    assert tables.to_markdown(both[2]).startswith("**SYNTHETIC DATA**\n")
    # A caption that happens to hold the words does not stand for the mark.
    assert tables.to_markdown(both[2], "No synthetic data").startswith(
        "**SYNTHETIC DATA. No synthetic data**"
    )


def test_a_table_of_both_kinds_marks_the_synthetic_rows(both):
    mixed = both[2].assign(synthetic=[True] + [False] * 9)
    text = tables.to_markdown(mixed, "Response")
    assert text.startswith("**SYNTHETIC DATA. Response**")
    assert "| synthetic |" in text.splitlines()[2]


def test_the_printed_table_fits_the_terminal_and_loses_nothing(both, capsys):
    tables.print_table(both[2], "Response " * 30, tables.table_notes(both[0], both[2]))
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= formatting.TERMINAL_WIDTH
    assert text.startswith("SYNTHETIC DATA. ")
    assert "0.70 (0.46 to 0.88) a" in text
    assert "* a: 95 % confidence interval, exact\n" in text
    assert "* b: 95 % credible interval, equal-tailed\n" in text
    assert "fingerprint" in text


# --- figures -------------------------------------------------------------------------------------


def legend_texts(figure):
    return [text.get_text().replace("\n", " ") for text in figure.legends[0].get_texts()]


def test_the_response_figure_draws_every_row_of_the_table(both):
    _, draws, table = both
    figure = plots.response_figure(draws, table, placebo=0.2, title="Cost in $ and $")
    assert figure.get_suptitle() == r"Cost in \$ and \$" + "\n" + style.SYNTHETIC_NOTE
    assert [panel.get_title(loc="left") for panel in figure.axes] == [
        "naive",
        "previously treated",
    ]
    assert figure.get_figwidth() == pytest.approx(180 / 25.4)
    for panel, label in zip(figure.axes, ("naive", "previously treated"), strict=True):
        rows = table[table["naive"] == label]
        lines = [line.get_xdata() for line in panel.lines]
        for row in rows.to_dict("records"):
            assert any(list(x) == [row["lower"], row["upper"]] for x in lines)
            assert any(list(x) == [row["estimate"]] for x in lines)
        assert any(list(x) == [0.2, 0.2] for x in lines)
        shown = [text.get_text() for text in panel.texts]
        assert len(shown) == len(rows)
        assert len(panel.collections) == 2  # densities of new patients, one a model
        bars = {round(bar.get_x() + bar.get_width() / 2, 6) for bar in panel.patches}
        assert bars == {round(k / 22, 6) for k in (14, 15, 16)}
    labels = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert labels[0] == "strength\nthese patients"
    assert labels[-1] == "observed"
    assert figure.axes[0].texts[-1].get_text() == "70 % (46 to 88)"
    assert legend_texts(figure) == [
        "observed: 95 % confidence interval, exact",
        "these patients: 95 % credible interval, equal-tailed",
        "new patients: 95 % credible interval, equal-tailed",
        "historical placebo: 20 %",
    ]


def test_the_response_figure_of_one_group_of_real_patients():
    fit = make_fit(synthetic=False)
    draws = {
        key: array.isel(naive=0, drop=True) for key, array in make_draws(synthetic=False).items()
    }
    table = tables.response_table(fit, by=None, draws=draws)
    figure = plots.response_figure(draws, table)
    assert len(figure.axes) == 1
    assert figure.get_suptitle() == ""
    assert len(legend_texts(figure)) == 3


def test_the_response_figure_bears_a_group_nobody_of_which_is_evaluable(tmp_path):
    nobody = np.where(np.arange(40) < 22, -1, 1)
    draws = make_draws()
    cohort = draws["strength", "cohort"]
    draws["strength", "cohort"] = cohort.where(cohort["naive"] == 0)
    fit = make_fit(changes={"response": ("patient", nobody)})
    table = tables.response_table(fit, draws=make_draws(), by="naive")
    missing = (table["naive"] == "naive") & (table["source"] == "strength: these patients")
    table.loc[missing, ["estimate", "lower", "upper"]] = np.nan
    figure = plots.response_figure(draws, table)
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert shown.count("nobody evaluable") == 2
    store.save_figure(figure, tmp_path / "a.png", dpi=30)


def texts_within(figure):
    """Whether every text that is drawn lies within the figure."""
    figure.draw_without_rendering()
    width, height = figure.bbox.width, figure.bbox.height
    boxes = [panel.get_tightbbox() for panel in figure.axes]
    boxes += [legend.get_window_extent() for legend in figure.legends]
    boxes += [figure._suptitle.get_window_extent()] if figure._suptitle else []
    return all(
        box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
        for box in boxes
    )


LONG = [
    "a very long name of a group of patients with $x^2$ and many more words than anybody can read",
    "b",
    "gamma & <delta>",
    "d" * 60,
    "é",
]


def test_long_names_and_many_groups_stay_within_the_figure():
    models = ("strength", "a_model_with_quite_a_long_name_indeed")
    draws = make_draws(models, "centre", LONG)
    observed = pd.DataFrame({"centre": LONG, "source": "observed", "estimate": 0.5})
    observed = observed.assign(lower=0.3, upper=0.7, level=0.95, interval="clopper-pearson")
    parts = [observed.assign(synthetic=True)]
    for (model, kind), array in draws.items():
        source = f"{model}: {tables.PATIENTS[kind]}"
        parts.append(tables.summarise(array).assign(source=source))
    figure = plots.response_figure(draws, pd.concat(parts), placebo=0.2, title="long " * 60)
    assert len(figure.axes) == 5
    assert texts_within(figure)
    shares = make_shares(LONG, "centre")
    figure = plots.shares_figure(shares, make_observed(shares, "centre"), title="long " * 60)
    assert texts_within(figure)


def make_shares(groups=(False, True), by="naive", n_grades=6):
    rng = np.random.default_rng(3)
    days = np.arange(0.0, 731.0, 91.0)
    values = rng.dirichlet(np.arange(1, n_grades + 1), size=(2, 30, len(groups), days.size))
    coords = {by: list(groups), "day": days, "grade": [str(k) for k in range(n_grades)]}
    dims = ("chain", "draw", by, "day", "grade")
    return xr.DataArray(values, dims=dims, coords=coords, attrs={"synthetic": True})


def make_observed(shares, by="naive"):
    rows = [
        {by: group, "day": day, "grade": grade, "share": 1 / shares.sizes["grade"], "n": n}
        for group in shares[by].to_numpy()
        for day, n in ((0.0, 300), (182.0, 150))
        for grade in shares["grade"].to_numpy()
    ]
    return pd.DataFrame(rows)


def test_the_shares_figure_has_a_panel_a_grade_and_a_band_a_group():
    shares = make_shares()
    figure = plots.shares_figure(shares, make_observed(shares), title="Shares", level=0.9)
    assert figure.get_suptitle() == f"Shares\n{style.SYNTHETIC_NOTE}"
    assert [panel.get_title(loc="left") for panel in figure.axes] == [
        f"grade {k}" for k in range(6)
    ]
    panel = figure.axes[5]
    naive, other = panel.lines[:2]
    assert to_hex(naive.get_color()) == style.BLUE.lower()
    of_naive = shares.isel(grade=5).sel(naive=True)
    np.testing.assert_allclose(naive.get_ydata(), of_naive.mean(("chain", "draw")))
    np.testing.assert_allclose(naive.get_xdata(), shares["day"] / (365.25 / 12))
    assert naive._unscaled_dash_pattern != other._unscaled_dash_pattern
    band, points = panel.collections[:2]
    corners = band.get_paths()[0].vertices[:, 1]
    limits = of_naive.quantile([0.05, 0.95], ("chain", "draw"))
    assert corners.min() == pytest.approx(limits.min().item())
    assert corners.max() == pytest.approx(limits.max().item())
    np.testing.assert_allclose(points.get_offsets()[:, 1], 1 / 6)
    first, second = points.get_sizes()
    assert first == pytest.approx(2 * second)  # 300 muscles against 150
    marked = [line.get_xdata()[0] for line in panel.lines[2:]]
    assert marked == pytest.approx([0, 182 * 12 / 365.25])
    assert panel.get_ylim()[0] == 0
    texts = legend_texts(figure)
    assert texts[0].startswith("naive:")
    assert texts[1].startswith("previously treated:")
    assert "band: 90 % credible interval, equal-tailed" in texts


def test_the_shares_figure_bears_gaps_no_groups_and_long_scales(tmp_path):
    shares = make_shares(n_grades=11)
    gaps = shares.where(shares["day"] < 400)
    figure = plots.shares_figure(gaps, make_observed(shares))
    assert np.isnan(figure.axes[0].lines[0].get_ydata()).any()
    assert texts_within(figure)
    alone = shares.isel(naive=0, drop=True)
    seen = make_observed(shares).query("naive").drop(columns="naive")
    figure = plots.shares_figure(alone, seen.iloc[:0], marked_days={})
    assert len(figure.axes) == 11
    assert legend_texts(figure)[0].startswith("all:")
    store.save_figure(figure, tmp_path / "a.png", dpi=30)
    two = make_shares().expand_dims(sex=["f", "m"])
    with pytest.raises(ValueError, match="dims sex, naive; draw one grouping only"):
        plots.shares_figure(two, seen)


def test_drawing_leaves_the_users_settings_alone(both):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    with mpl.rc_context({"font.size": 40, "text.usetex": True}):
        changed = dict(mpl.rcParams)
        figure = plots.response_figure(both[1], both[2])
        assert dict(mpl.rcParams) == changed
    assert dict(mpl.rcParams) == before
    assert figure.axes[0].xaxis.label.get_fontsize() == 7.5
