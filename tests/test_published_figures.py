from pathlib import Path

import pandas as pd
import pytest

from mmn_bayes.data.published import read_published
from mmn_bayes.errors import DataError
from mmn_bayes.outcomes.evidence.observed import check_published, denominators_that_agree, recompute

DATA = Path(__file__).parents[1] / "data"
LEGER = DATA / "leger2008"
EVIDENCE = DATA / "evidence"


@pytest.fixture
def counts():
    return read_published(LEGER)["counts"]


# --- what is stored ------------------------------------------------------------------------------


def test_the_counts_of_the_paper_are_there(counts):
    stored = {
        row.quantity: (row.group, row.events, row.n, row.n_kind)
        for row in counts.dropna(subset=["n"]).itertuples()
    }
    assert stored == {
        "enrolled": ("all", 40, 40, "enrolled"),
        "naive": ("all", 22, 40, "enrolled"),
        "previously_treated": ("all", 18, 40, "enrolled"),
        "evaluable_6_months": ("naive", 20, 22, "enrolled"),
        "missing_6_months": ("naive", 2, 22, "enrolled"),
        "response_6_months": ("naive", 14, 20, "evaluable"),
        "long_term_classified": ("all", 37, 40, "enrolled"),
        "long_term_not_classified": ("all", 3, 40, "enrolled"),
        "remission": ("all", 8, 37, "classified"),
        "dependent": ("all", 25, 37, "classified"),
        "other_long_term": ("all", 4, 37, "classified"),
        "blocks_fewer_or_unchanged": ("naive responders", 12, 14, "responders"),
        "blocks_more": ("naive responders", 2, 14, "responders"),
    }
    response = counts.set_index("quantity").loc["response_6_months"]
    printed = ["printed_percent", "printed_lower", "printed_upper", "printed_level", "printed_p"]
    assert response[printed].tolist() == ["70", "0.46", "0.88", "0.95", "<0.0001"]


def test_denominators_that_are_not_printed_are_marked_derived(counts):
    derived = counts["n_read_level"] == "[D]"
    assert set(counts.loc[derived, "n"]) == {37, 14}
    assert not counts.loc[~derived, "n"].isin([37, 14]).any()
    assert counts["read_level"].isin(["[A]", "[D]"]).all()


def test_follow_up_is_stored_with_its_unit():
    measurements = read_published(LEGER)["measurements"]
    follow_up = measurements[measurements["quantity"] == "follow_up"].set_index("statistic")
    assert follow_up["value"].to_dict() == {"mean": 2.2, "sd": 2.0}
    assert set(follow_up["unit"]) == {"years"}


def test_the_page_beside_the_tables_explains_every_column():
    page = (LEGER / "README.md").read_text(encoding="utf-8")
    for name in ("counts.csv", "measurements.csv"):
        for column in pd.read_csv(LEGER / name, nrows=0).columns:
            assert column in page, f"{name}: {column} is not explained"


# --- reading -------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    for name in ("counts.csv", "measurements.csv"):
        (tmp_path / name).write_bytes((LEGER / name).read_bytes())
    return tmp_path


def spoil(path, **cells):
    """Write `value` in the first data row of the column, for each `column=value`."""
    table = pd.read_csv(path, dtype="str", keep_default_na=False)
    for column, value in cells.items():
        table.loc[0, column] = value
    table.to_csv(path, index=False)


def test_missing_files_and_columns_are_all_named_at_once(folder):
    table = pd.read_csv(folder / "counts.csv", dtype="str").drop(columns=["n_kind", "printed_p"])
    table.to_csv(folder / "counts.csv", index=False)
    (folder / "measurements.csv").unlink()
    with pytest.raises(DataError) as caught:
        read_published(folder)
    assert len(caught.value.defects) == 2
    assert "counts.csv: no column n_kind, printed_p" in caught.value.defects[0]
    assert "measurements.csv: there is no such file" in caught.value.defects[1]
    assert str(folder) not in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"events": "41"}, "line 2, column events: 41 events of 40"),
        ({"events": "forty"}, "column events: 'forty' is not a number"),
        ({"n": "40.5"}, "column n: '40.5' is not a number"),
        ({"n_kind": "seen"}, "column n_kind: 'seen' is not one of enrolled"),
        ({"n_read_level": ""}, "n, n_kind and n_read_level must be given together"),
        ({"printed_percent": "70 %"}, "column printed_percent: '70 %' is not a number"),
        ({"printed_p": "< 0.0001"}, "column printed_p: '< 0.0001' is not a number"),
        ({"source": ""}, "column source: blank"),
        ({"read_level": ""}, "column read_level: blank"),
        ({"quantity": "naive"}, "line 3: quantity 'naive', group 'all' is there already"),
    ],
)
def test_cells_that_are_not_legal_are_named_with_their_line(folder, cells, message):
    spoil(folder / "counts.csv", **cells)
    with pytest.raises(DataError) as caught:
        read_published(folder)
    assert len(caught.value.defects) == 1
    assert message in caught.value.defects[0]


def test_defects_of_both_tables_come_together(folder):
    spoil(folder / "counts.csv", events="41", source="")
    spoil(folder / "measurements.csv", value="two")
    with pytest.raises(DataError) as caught:
        read_published(folder)
    assert len(caught.value.defects) == 3


# --- the careful reader --------------------------------------------------------------------------


def test_long_term_percentages_hold_for_the_classified_only(counts):
    table = recompute(counts, {"classified": 37, "enrolled": 40})
    assert list(table.columns) == [
        *("quantity", "events", "n", "n_kind", "percent", "printed_percent", "agrees")
    ]
    table = table.set_index(["quantity", "n_kind"])
    assert table.loc[("remission", "classified"), "percent"] == pytest.approx(800 / 37)
    assert table.loc[("dependent", "enrolled"), "percent"] == pytest.approx(62.5)
    for quantity in ("remission", "dependent"):
        assert table.loc[(quantity, "classified"), "agrees"]
        assert not table.loc[(quantity, "enrolled"), "agrees"]


def test_without_candidates_each_count_meets_the_denominators_of_its_group(counts):
    table = recompute(counts)
    assert table[["quantity", "n", "n_kind", "agrees"]].to_numpy().tolist() == [
        ["response_6_months", 20, "evaluable", True],
        ["response_6_months", 22, "enrolled", False],
        ["remission", 37, "classified", True],
        ["remission", 40, "enrolled", False],
        ["dependent", 37, "classified", True],
        ["dependent", 40, "enrolled", False],
    ]


def test_an_impossible_denominator_has_no_percentage_and_does_not_agree(counts):
    table = recompute(counts, {"evaluable": 20}).set_index("quantity")
    assert pd.isna(table.loc["dependent", "percent"])
    assert not table.loc["dependent", "agrees"]
    with pytest.raises(ValueError, match="denominator is 0"):
        recompute(counts, {"evaluable": 0})


def test_37_is_the_only_denominator_between_30_and_40(counts):
    rows = counts.set_index("quantity").loc[["remission", "dependent"]]
    events, percents = rows["events"].tolist(), rows["printed_percent"].tolist()
    assert denominators_that_agree(events, percents, range(30, 41)) == [37]
    assert denominators_that_agree([8], ["22"], range(30, 41)) == [36, 37]
    assert denominators_that_agree([25], ["68"], range(20, 41)) == [37]


def test_agreement_is_at_the_printed_digits_and_ties_round_either_way():
    # 1 of 8 is 12.5 %: it may be printed 12 or 13, and with a digit more only one way.
    assert denominators_that_agree([1], ["12"], [8]) == [8]
    assert denominators_that_agree([1], ["13"], [8]) == [8]
    assert denominators_that_agree([1], ["12.5"], [8]) == [8]
    assert denominators_that_agree([1], ["12.4"], [8]) == []
    assert denominators_that_agree([8], ["22.0"], range(30, 41)) == []
    assert denominators_that_agree([9], ["100"], range(5, 12)) == [9]


def test_percentages_must_be_text_and_paired_with_their_counts():
    with pytest.raises(ValueError, match="not text that reads as a number"):
        denominators_that_agree([8], [22.0], [37])
    with pytest.raises(ValueError, match="2 counts and 1 printed percentages"):
        denominators_that_agree([8, 25], ["22"], [37])
    with pytest.raises(ValueError, match="at least one"):
        denominators_that_agree([], [], [37])


def test_the_papers_own_figures_are_found_to_follow_from_its_counts(counts):
    table = check_published(counts)
    assert list(table.columns) == ["check", "computed", "printed", "agrees"]
    table = table.set_index("check")
    failing = {
        "response_6_months: 14 of 22 enrolled, percent",
        "remission: 8 of 40 enrolled, percent",
        "dependent: 25 of 40 enrolled, percent",
    }
    assert set(table.index[~table["agrees"]]) == failing
    lower = table.loc["response_6_months: lower 95 % Clopper-Pearson limit"]
    upper = table.loc["response_6_months: upper 95 % Clopper-Pearson limit"]
    assert (lower["computed"], upper["computed"]) == pytest.approx((0.4572108, 0.8810684), abs=5e-8)
    assert (lower["printed"], upper["printed"]) == ("0.46", "0.88")
    p_value = table.loc["response_6_months: exact one-sided p against 20 %"]
    assert p_value["computed"] == pytest.approx(1.8e-6, abs=0.05e-6)
    assert p_value["printed"] == "<0.0001"
    assert len(table) == 12


@pytest.mark.parametrize(
    ("quantity", "column", "value", "check"),
    [
        ("response_6_months", "printed_lower", "0.47", "lower 95 %"),
        ("response_6_months", "printed_upper", "0.881", None),
        ("response_6_months", "printed_upper", "0.882", "upper 95 %"),
        ("response_6_months", "printed_p", "<0.000001", "one-sided p"),
        ("response_6_months", "printed_p", "0.0000", None),
        ("response_6_months", "printed_p", ">0.05", "one-sided p"),
        ("historical_placebo_rate", "printed_percent", "50", "p against 50 %"),
        ("remission", "printed_percent", "21", "8 of 37 classified"),
        ("previously_treated", "events", 17, "naive + previously_treated = enrolled"),
        ("blocks_more", "events", 3, "blocks_more = response_6_months"),
    ],
)
def test_a_figure_that_does_not_follow_is_found(counts, quantity, column, value, check):
    before = check_published(counts)
    counts.loc[counts["quantity"] == quantity, column] = value
    after = check_published(counts)
    changed = after[~after["agrees"] & before["agrees"]]
    assert len(changed) == (check is not None)
    if check is not None:
        assert check in changed["check"].iloc[0]


def test_a_quantity_that_a_check_needs_is_asked_for_by_name(counts):
    without = counts[counts["quantity"] != "historical_placebo_rate"]
    with pytest.raises(ValueError, match="'historical_placebo_rate' is there 0 times"):
        check_published(without)
    with pytest.raises(ValueError, match="counts: no column 'events'"):
        check_published(counts.drop(columns="events"))


# --- evidence ------------------------------------------------------------------------------------


def sidecar_rows():
    """Number of rows of each file, as `other_tables.md` states it."""
    rows = {}
    for line in (EVIDENCE / "other_tables.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].endswith(".csv"):
            rows[cells[0]] = int(cells[1])
    return rows | {"leger2001_patient_visits.csv": 36}


def test_every_evidence_table_is_described_and_has_the_rows_stated():
    stored = {path.name: len(pd.read_csv(path)) for path in EVIDENCE.glob("*.csv")}
    assert stored == sidecar_rows()


@pytest.mark.parametrize("page", ["README.md", "other_tables.md", "leger2001_patient_visits.md"])
def test_evidence_pages_name_no_file_that_is_not_there(page):
    text = (EVIDENCE / page).read_text(encoding="utf-8")
    words = text.replace("`", " ").replace(",", " ").replace("(", " ").replace(")", " ").split()
    named = {word.rstrip(".:") for word in words if word.rstrip(".:").endswith((".csv", ".py"))}
    assert all((EVIDENCE / name).is_file() for name in named), named


def test_every_count_of_the_evidence_has_a_source_and_its_provenance():
    responses = pd.read_csv(EVIDENCE / "response_counts.csv")
    assert responses[["source", "read_level", "disease_group"]].notna().all(axis=None)
    assert (responses["responders"] <= responses["n"]).all()
    groups = pd.read_csv(EVIDENCE / "longterm_groups.csv")
    assert groups[["source", "read_level"]].notna().all(axis=None)
    assert (groups["count"] <= groups["n"]).all()


def test_the_study_is_told_alike_in_both_folders(counts):
    here = counts.set_index("quantity")
    responses = pd.read_csv(EVIDENCE / "response_counts.csv").set_index("study").loc["Leger2008"]
    assert (responses["responders"], responses["n"]) == (
        here.loc["response_6_months", "events"],
        here.loc["response_6_months", "n"],
    )
    groups = pd.read_csv(EVIDENCE / "longterm_groups.csv")
    groups = groups[groups["study"] == "Leger2008"]
    assert groups["count"].tolist() == [
        here.loc[name, "events"] for name in ("remission", "dependent", "other_long_term")
    ]
    assert set(groups["n"]) == {here.loc["remission", "n"]}


def test_the_reconstructed_trial_has_the_published_margins():
    visits = pd.read_csv(EVIDENCE / "leger2001_patient_visits.csv")
    month_4 = visits[visits["visit_month"] == 4].groupby("first_arm")["responder"]
    assert month_4.sum().to_dict() == {"IVIg": 7, "placebo": 2}
    assert month_4.count().to_dict() == {"IVIg": 9, "placebo": 9}
