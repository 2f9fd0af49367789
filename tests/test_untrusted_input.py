"""What is read was written by others: characters that act, formulas, absurd values, odd types."""

import io
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmn_bayes import make_cohort, read_cohort, read_model, write_cohort
from mmn_bayes.data.csv_cells import marked, unmarked
from mmn_bayes.data.published import read_evidence, read_published, read_trial
from mmn_bayes.engine.design import make_design
from mmn_bayes.errors import CohortWarning, DataError, SpecError
from mmn_bayes.model_file.reading import parse_model
from mmn_bayes.outcomes.response.observed_contrast import observed_contrast
from mmn_bayes.report.store import csv_text, write_table

ROOT = Path(__file__).resolve().parents[1]
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
    content = read_model(models / "response.toml").resolved
    content["title"] += character
    content["response"]["why"] += character
    content["predictor"]["naive"]["column"] = f"na{character}ive"
    content[f"x{character}"] = 1
    with pytest.raises(SpecError) as caught:
        parse_model(content, "mutated")
    assert len(caught.value.defects) == 4
    assert character not in str(caught.value)


def test_reasons_of_a_model_file_may_have_several_lines(models):
    content = read_model(models / "response.toml").resolved
    content["response"]["why"] = "one\n\ttwo"
    assert parse_model(content, "lines").resolved == content


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


# --- published figures ---------------------------------------------------------------------------


def test_a_trial_is_refused_with_characters_that_act_and_decimal_commas(tmp_path):
    path = tmp_path / "trial.csv"
    path.write_text('patient,responder,age,no\x1bte\nP01,1,"40,5",x\nP02\0,0,41.0,y\n', "utf-8")
    with pytest.raises(DataError) as caught:
        read_trial(path)
    found = "\n".join(caught.value.defects)
    assert len(caught.value.defects) == 3
    assert 'line 2, column age: "40,5" is a number with a comma; write decimals with a' in found
    assert "trial.csv, line 3, column patient: a cell has the character U+0000" in found
    assert 'column "no\\x1bte" has the character U+001B' in found
    assert "P02" not in found


def test_evidence_and_published_figures_are_refused_with_characters_that_act(tmp_path):
    data = ROOT / "data"
    text = (data / "evidence" / "response_counts.csv").read_text(encoding="utf-8")
    first = text.splitlines()[1].partition(",")[0]
    (tmp_path / "counts.csv").write_text(text.replace(first, f"{first}\u202e", 1), "utf-8")
    with pytest.raises(DataError, match=r"line 2, column study: a cell has the character U\+202E"):
        read_evidence(tmp_path / "counts.csv")
    shutil.copytree(data / "leger2008", tmp_path / "leger")
    file = tmp_path / "leger" / "measurements.csv"
    file.write_text(file.read_text("utf-8").replace("quantity", "quantity\u200b", 1), "utf-8")
    with pytest.raises(DataError, match=r"has the character U\+200B \(an invisible character\)"):
        read_published(tmp_path / "leger")


# --- numbers with commas, order of categories, missing identifiers --------------------------------


@pytest.mark.parametrize(
    "number", ["40,5", "-3,5", ",5", "1.234,5", "1 234,5", "1,234.5", "4\u066b5"]
)
@pytest.mark.parametrize("others", [["41.0"] * 3, ["41"] * 3, ["about 40"] * 3, [None] * 3])
def test_a_number_with_a_comma_is_never_a_category(number, others):
    given = tables()
    given["patients"] = given["patients"].assign(age=[number, *others])
    (defect,) = defects_of(given)
    assert defect.startswith("patients, column age, row position 0 (")
    assert "write decimals with a point (3.5, not 3,5)" in defect


@pytest.mark.parametrize("category", ["C5,C6", "1,2,3", "a,5", "3,", "left, right"])
def test_categories_with_commas_stay(category):
    given = tables()
    given["patients"] = given["patients"].assign(nerves=[category, "x", "x", "y"])
    assert category in set(make_cohort(**given, synthetic=True).patients["nerves"])


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("grades", "grade"),
        ("grades", "day"),
        ("infusions", "dose_g_per_kg"),
        ("blocks", "n_blocks"),
    ],
)
def test_every_column_of_numbers_says_what_to_do_with_a_comma(table, column):
    given = tables()
    given[table] = replaced(given[table], column, "0,5")
    assert any("write decimals with a point" in defect for defect in defects_of(given))
    if column == "day":
        given["patients"] = given["patients"].assign(start_date="2024-01-01")
        given[table] = replaced(given[table].assign(day="2024-01-01"), column, "0,5")
        assert any("write decimals with a point" in defect for defect in defects_of(given))


def test_ordered_categories_that_contradict_the_scale_are_a_defect(tmp_path):
    given = tables()
    labels = ["5", "4", "3", "2", "1", "0"]
    text = given["grades"]["grade"].astype("str")
    for order, words in ((labels, "3 < 2 < 1 < 0"), (["0.0", "2", "1", "3"], "0.0 < 2 < 1 < 3")):
        cells = text.replace({"0": order[0]}) if "0.0" in order else text
        grades = given["grades"].assign(grade=pd.Categorical(cells, order, ordered=True))
        (defect,) = defects_of({**given, "grades": grades})
        assert f"grades, column grade: the ordered categories {words} contradict" in defect
    right = given["grades"].assign(grade=pd.Categorical(text, labels[::-1], ordered=True))
    plain = given["grades"].assign(grade=pd.Categorical(text, labels))
    cohort = make_cohort(**given, synthetic=True)
    for grades in (right, plain):
        assert make_cohort(**{**given, "grades": grades}, synthetic=True) == cohort
    folder = write_cohort(cohort, tmp_path)
    (folder / "grades.csv").unlink()
    wrong = given["grades"].assign(grade=pd.Categorical(text, labels, ordered=True))
    wrong.to_parquet(folder / "grades.parquet")
    with pytest.raises(DataError, match="the ordered categories 3 < 2 < 1 < 0 contradict"):
        read_cohort(folder)


def test_ordered_categories_of_a_predictor_are_numbers_in_their_order_or_said_to_lose_it():
    given = tables()
    ages = pd.Categorical(["40", "50", "60", "60"], ["60", "50", "40"], ordered=True)
    given["patients"] = given["patients"].assign(age=ages)
    (defect,) = defects_of(given)
    assert "the ordered categories 60 < 50 < 40 contradict the order of the numbers" in defect
    sizes = pd.Categorical(["big", "small", "big", "big"], ["small", "big"], ordered=True)
    given["patients"] = given["patients"].assign(age=sizes)
    with pytest.warns(CohortWarning, match="column age: the order of the categories is left out"):
        make_cohort(**given, synthetic=True)


@pytest.mark.parametrize("spelt", ["NA", "n/a", "null", "."])
def test_an_identifier_that_counts_as_missing_is_said_to(spelt):
    given = tables()
    given["patients"] = replaced(given["patients"], "patient", spelt)
    found = defects_of(given)
    assert (
        f'row position 0 ("{spelt}"): {spelt} counts as missing, and the cell must not be'
        in found[0]
    )


# --- absurd values -------------------------------------------------------------------------------

ABSURD = (
    -1e308,
    1e308,
    np.inf,
    -np.inf,
    10**5000,
    -(10**5000),
    2**63,
    0.5,
    "9" * 5000,
    3j,
    [1],
    b"3",
)


@pytest.mark.parametrize("value", ABSURD, ids=range(len(ABSURD)))
@pytest.mark.parametrize("table", ["grades", "infusions", "blocks", "patients"])
def test_absurd_numbers_are_one_defect_each(value, table):
    columns = {"grades": "grade", "infusions": "day", "blocks": "n_blocks", "patients": "naive"}
    given = tables()
    given[table] = replaced(given[table], columns[table], value)
    if (value, table) == (0.5, "infusions"):
        assert make_cohort(**given, synthetic=True).infusions["day"].iloc[0] == 0.5
        return
    assert sum(columns[table] in defect for defect in defects_of(given)) >= 1


@pytest.mark.parametrize("value", [pd.NaT, np.datetime64("NaT", "s"), np.timedelta64("NaT", "s")])
def test_no_time_among_cells_is_a_blank(value):
    given = tables()
    given["infusions"] = replaced(given["infusions"], "day", value)
    (defect,) = defects_of(given)
    assert "infusions, column day, row position 0 (blank): the cell is blank" in defect
    given = tables()
    given["patients"] = given["patients"].assign(seen=[value, "a", "a", "b"])
    assert make_cohort(**given, synthetic=True).patients["seen"].isna().tolist() == [
        True,
        *[False] * 3,
    ]


def test_settings_of_odd_types_are_defects():
    labels = {10**5000: "x", "naive": -(10**5000)}
    found = defects_of(tables(), title=10**5000, source=Silent(), scale=[10**5000], labels=labels)
    assert len(found) == 5


class Silent:
    def __str__(self):
        raise RuntimeError("no text")


def test_an_object_without_text_is_a_defect():
    given = tables()
    given["grades"] = replaced(given["grades"], "grade", Silent())
    (defect,) = defects_of(given)
    assert '"<Silent without text: RuntimeE..."' in defect


TOO_MUCH = {
    "x = " + "[" * 20_000 + "]" * 20_000: "nested too deep",
    "x = " + "[" * 50 + "]" * 50: "nested more than 30 deep",
    ".".join(["a"] * 20_000) + " = 1": "line 1 has a key of more than 30 parts",
    "[" + " . ".join(["a", '"b"'] * 10_000) + "]": "line 1 has a key of more than 30 parts",
    "x = " + "9" * 5_000: "more digits than 64 bits hold",
    "x = 0x" + "f" * 20_000: "a whole number of more than 64 bits",
    "x = 18446744073709551616": "a whole number of more than 64 bits",
    "#" * 1_000_001: "more than 1,000,000 characters",
}


@pytest.mark.parametrize("text", TOO_MUCH, ids=list(TOO_MUCH.values()))
def test_absurd_toml_is_refused_at_once_in_a_short_sentence(tmp_path, text):
    began = time.perf_counter()
    (tmp_path / "model.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=TOO_MUCH[text]) as caught:
        read_model(tmp_path / "model.toml")
    folder = write_cohort(make_cohort(**tables(), synthetic=True), tmp_path / "cohort")
    (folder / "cohort.toml").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=TOO_MUCH[text]) as also:
        read_cohort(folder)
    assert max(len(str(caught.value)), len(str(also.value))) < 400
    assert time.perf_counter() - began < 5


def test_prose_with_many_points_is_no_long_key(tmp_path, models):
    text = (models / "response.toml").read_text(encoding="utf-8")
    why = "One. Two and three. " * 40 + "see www.a.b.c and 1.2.3.4 ... " + "." * 100
    (tmp_path / "a.toml").write_text(text.replace("[response]", f"[response]\n# {why}"), "utf-8")
    assert (
        read_model(tmp_path / "a.toml").fingerprint
        == read_model(models / "response.toml").fingerprint
    )


def test_what_no_toml_file_holds_is_refused_with_its_key(models):
    content = read_model(models / "response.toml").resolved
    holding = {"a": 1}
    holding["itself"] = holding
    for value in (None, (1, 2), np.int64(3), {1: 2}, 10**5000, object(), holding):
        with pytest.raises(SpecError, match="response"):
            parse_model({**content, "response": {**content["response"], "gain": value}}, "mutated")
    for nothing in (None, [], "title = 1", 3):
        with pytest.raises(SpecError):
            parse_model(nothing, "mutated")


def test_a_hundred_thousand_unknown_keys_are_no_long_wait(models):
    content = read_model(models / "response.toml").resolved
    began = time.perf_counter()
    with pytest.raises(SpecError) as caught:
        parse_model({**content, "k" * 500_000: 1, **{f"k{n}": 1 for n in range(20_000)}}, "mutated")
    assert len(caught.value.defects) == 21
    assert max(map(len, caught.value.defects)) < 200
    assert time.perf_counter() - began < 5


# --- what is printed of patients ------------------------------------------------------------------


def test_no_message_of_a_comparison_or_a_model_names_a_patient(models):
    given = tables()
    given["patients"] = given["patients"].assign(age=[None, 40.0, 50.0, 60.0], naive=True)
    cohort = make_cohort(**given, synthetic=True)
    spec = read_model(models / "response.toml")
    with pytest.raises(ValueError, match="No patient has naive no; the column holds yes"):
        observed_contrast(cohort, spec, by="naive")
    content = spec.resolved
    prior = {"distribution": "normal", "mean": 0, "sd": 1, "why": "x"}
    content["predictor"]["age"] = {
        **{"column": "age", "kind": "number", "acts_on": "response", "centre": 45, "per": 10},
        "prior": prior,
    }
    with pytest.raises(DataError, match=r"row position 0 of cohort\.patients") as caught:
        make_design(cohort, parse_model(content, "aged"))
    assert "P0" not in str(caught.value)
