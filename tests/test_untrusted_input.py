"""What is read was written by others: characters that act, formulas, absurd values, odd types."""

import io

import numpy as np
import pandas as pd
import pytest

from mmn_bayes import (
    make_cohort,
    parse_spec,
    read_cohort,
    read_spec,
    write_cohort,
)
from mmn_bayes.cohort.csv_cells import marked, unmarked
from mmn_bayes.errors import DataError, SpecError
from mmn_bayes.report.store import csv_text, write_table

pytestmark = pytest.mark.filterwarnings("ignore::mmn_bayes.errors.CohortWarning")

ACTING = ("\0", "\x1b", "\x7f", "\x85", "\ud800", "\u2028", "\u202e", "\u200b", "\ufeff", "\uffff")


def tables(n=4):
    """The tables of a few patients, all of them valid."""
    names = [f"P{number:02d}" for number in range(1, n + 1)]
    rows = [
        (name, day, muscle, side, number % 6)
        for number, name in enumerate(names)
        for day in (0, 182)
        for muscle in ("biceps", "deltoid")
        for side in ("left", "right")
    ]
    visits = pd.DataFrame([(n, d) for n in names for d in (0, 182)], columns=["patient", "day"])
    return {
        "patients": pd.DataFrame({"patient": names, "naive": [True, False] * (n // 2)}),
        "grades": pd.DataFrame(rows, columns=["patient", "day", "muscle", "side", "grade"]),
        "infusions": visits.assign(dose_g_per_kg=0.4),
        "blocks": visits.assign(n_blocks=1, n_nerves=4),
        "status": visits.assign(status="remission"),
    }


def defects_of(given, **settings):
    with pytest.raises(DataError) as caught:
        make_cohort(**given, synthetic=True, **settings)
    assert "P01" not in str(caught.value)
    return caught.value.defects


def replaced(frame, column, value, row=0):
    cells = frame[column].astype(object).tolist()
    cells[row] = value
    return frame.assign(**{column: pd.Series(cells, index=frame.index, dtype=object)})


# --- characters ----------------------------------------------------------------------------------


@pytest.mark.parametrize("character", ACTING)
@pytest.mark.parametrize(
    ("table", "column"),
    [("patients", "patient"), ("grades", "muscle"), ("status", "status"), ("grades", "grade")],
)
def test_a_cell_with_a_character_that_acts_is_refused(character, table, column):
    given = tables()
    value = f"{given[table][column][0]}{character}"
    given[table] = replaced(given[table], column, value)
    (defect,) = defects_of(given)
    assert f"{table}, column {column}, row position 0 (U+{ord(character):04X}" in defect
    assert defect.endswith("; retype it, without control, invisible or direction characters.")
    assert character not in defect


def test_two_patients_who_differ_by_a_character_that_nobody_sees_are_both_defects():
    given = tables()
    given["patients"] = replaced(given["patients"], "patient", "P01\0", row=1)
    unseen, twice, *_ = defects_of(given)
    assert "row position 1 (U+0000 (a control character))" in unseen
    assert "the same patient is there twice" in twice


def test_names_of_columns_titles_scale_and_labels_are_refused_together():
    given = tables()
    given["patients"] = given["patients"].assign(**{"age\x1b[31m": 40.5})
    found = defects_of(
        given,
        title="a\x1bb",
        source="two\nlines\0",
        scale=["0", "1", "2", "3", "4", "5\u200b"],
        labels={"naive\u202e": "x", "naive": "y\x07"},
    )
    assert len(found) == 6
    assert all("\\x1b" in line or "\\x" in line or "\\u" in line for line in found)


def test_line_feeds_stand_in_a_source_and_blanks_around_cells():
    given = tables()
    given["grades"] = given["grades"].replace({"muscle": {"biceps": "\tbiceps\r\n"}})
    cohort = make_cohort(**given, source="one\ntwo", synthetic=True)
    assert set(cohort.grades["muscle"]) == {"biceps", "deltoid"}


@pytest.mark.parametrize("character", ["\u200c", "\u200d", "é", "\u0301", "\U0001f9e0", "\u6f22"])
def test_what_scripts_spell_with_stays(character):
    given = tables()
    given["grades"] = given["grades"].replace({"muscle": {"biceps": f"b{character}c"}})
    assert f"b{character}c" in set(make_cohort(**given, synthetic=True).grades["muscle"])


def test_a_csv_file_is_refused_like_a_frame(tmp_path):
    write_cohort(make_cohort(**tables(), synthetic=True), tmp_path)
    file = tmp_path / "grades.csv"
    file.write_bytes(file.read_bytes().replace(b"biceps", b"bic\x00eps"))
    (tmp_path / "cohort.toml").write_text('title = "a\\u001bb"\n')
    with pytest.raises(DataError) as caught:
        read_cohort(tmp_path)
    assert sorted(line.partition(",")[0] for line in caught.value.defects) == [
        "cohort.toml",
        "grades",
    ]


@pytest.mark.parametrize("character", ACTING)
def test_a_model_file_is_refused_with_all_that_acts_in_it(models, character):
    content = read_spec(models / "response.toml").resolved
    content["title"] += character
    content["response"]["why"] += character
    content["predictor"]["naive"]["column"] = f"na{character}ive"
    content[f"x{character}"] = 1
    with pytest.raises(SpecError) as caught:
        parse_spec(content, "mutated")
    assert len(caught.value.defects) == 4
    assert character not in str(caught.value)


def test_reasons_of_a_model_file_may_have_several_lines(models):
    content = read_spec(models / "response.toml").resolved
    content["response"]["why"] = "one\n\ttwo"
    assert parse_spec(content, "lines").resolved == content


# --- formulas ------------------------------------------------------------------------------------

RUN = (
    "=1+1",
    "@SUM(A1)",
    "+cmd",
    "-2+3",
    "-",
    "- x",
    " =1",
    "\t1",
    "\r1",
    "\uff1d1",
    "'=1",
    "''-x",
)
STAY = ("-1.5", "+3", "1e-5", "-inf", "x=1", "4-", "a@b", "'tis", "", "2024-01-05", "'")


@pytest.mark.parametrize("text", RUN)
def test_a_formula_is_marked_and_read_as_it_was(text):
    assert marked(text) == f"'{text}"
    assert unmarked(marked(text)) == text


@pytest.mark.parametrize("text", STAY)
def test_numbers_and_other_text_stay(text):
    assert marked(text) == unmarked(text) == text


def test_a_cohort_with_formulas_is_written_without_and_read_back_as_it_was(tmp_path):
    given = tables()
    texts = ["=1+1", "@x", "+a", "'=1"]
    given["patients"] = given["patients"].assign(
        **{"=HYPERLINK(1)": texts, "number": [-1.5, 2.0, -3.0, 0.0], "'-x": ["-a", "b", "c", "d"]}
    )
    given["grades"] = given["grades"].replace({"muscle": {"biceps": "-2+3+cmd|' /C calc'!A0"}})
    for name in given:
        given[name] = given[name].replace({"patient": {"P03": "=P03", "P04": "-4"}})
    cohort = make_cohort(**given, synthetic=True)
    assert read_cohort(write_cohort(cohort, tmp_path)) == cohort
    for file in tmp_path.glob("*.csv"):
        written = pd.read_csv(file, dtype=str, keep_default_na=False)
        cells = [*written.columns, *written.to_numpy().ravel()]
        assert [cell for cell in cells if marked(unmarked(cell)) != cell] == []
    assert "-1.5" in (tmp_path / "patients.csv").read_text(encoding="utf-8")


def test_a_table_of_results_has_no_formula_and_keeps_its_numbers(tmp_path):
    table = pd.DataFrame(
        {
            "=a": ["=1+1", "b", None],
            "n": [-1.5, np.inf, np.nan],
            "c": pd.Categorical(["-x", "y", "y"]),
        }
    )
    text = write_table(table, tmp_path / "table.csv").read_text(encoding="utf-8")
    assert text == "'=a,n,c\n'=1+1,-1.5,'-x\nb,inf,y\n,,y\n"
    named = table.set_index(pd.Index(["=k", "l", "m"], name="+key"))
    assert csv_text(named).splitlines()[:2] == ["'+key,'=a,n,c", "'=k,'=1+1,-1.5,'-x"]
    plain = pd.DataFrame({"a": ["x", None], "n": [0.1 + 0.2, -1]})
    assert csv_text(plain) == plain.to_csv(index=False)
    many = plain.set_index(pd.MultiIndex.from_tuples([("=a", 1), ("b", 2)], names=["p", "q"]))
    assert csv_text(many).splitlines()[1] == "'=a,1,x,0.30000000000000004"
    assert list(table.columns) == ["=a", "n", "c"]
    assert pd.read_csv(io.StringIO(text))["n"].tolist()[:2] == [-1.5, np.inf]
