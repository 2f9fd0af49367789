"""Reading a cohort: what is accepted and how, and the sentence for each defect."""

import copy
import pickle
import re
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmn_bayes.data.reading import make_cohort, read_cohort, write_cohort
from mmn_bayes.data.schema import DEFAULT_SCALE, Cohort
from mmn_bayes.errors import CohortWarning, DataError

# A clean cohort: every grade of the scale occurs, every predictor varies, nothing to warn of.
CLEAN = {
    "patients.csv": "patient,naive,age,centre,smoker\n001,yes,50,A,yes\n002,no,61.5,B,no\n"
    "003,no,,A,\n",
    "grades.csv": "patient,day,muscle,side,grade\n001,0,biceps,left,0\n001,182,biceps,left,1\n"
    "002,0,biceps,right,2\n002,182,biceps,right,3\n003,0,tongue,midline,4\n003,9.5,tongue,midline,5\n",
    "infusions.csv": "patient,day,dose_g_per_kg\n001,0,0.4\n001,1,0.4\n002,0,2\n",
    "blocks.csv": "patient,day,n_blocks,n_nerves\n001,0,3,10\n002,0,0,\n",
    "status.csv": "patient,day,status\n001,400,remission\n002,400,dependent\n",
}


def _folder(tmp_path: Path, changed: Mapping[str, str | bytes | None] | None = None) -> Path:
    folder = tmp_path / "study"
    folder.mkdir(exist_ok=True)
    for name, text in {**CLEAN, **(changed or {})}.items():
        if text is not None:
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def _defects(tmp_path: Path, changed: Mapping[str, str | bytes | None]) -> tuple[str, ...]:
    with pytest.raises(DataError) as caught:
        read_cohort(_folder(tmp_path, changed))
    return caught.value.defects


def _only_defect(tmp_path: Path, changed: Mapping[str, str | bytes | None]) -> str:
    defects = _defects(tmp_path, changed)
    assert len(defects) == 1, "\n".join(defects)
    return defects[0]


def _frames() -> dict[str, pd.DataFrame]:
    return {
        "patients": pd.DataFrame(
            {"patient": [1, 2, 3], "naive": [True, False, False], "age": [50.0, 61.5, np.nan]}
        ),
        "grades": pd.DataFrame(
            {
                "patient": [1, 1, 2, 2, 3, 3],
                "day": [0, 182, 0, 182, 0, 182],
                "muscle": pd.Categorical(["biceps"] * 6),
                "side": ["left"] * 6,
                "grade": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
            }
        ),
    }


# What is accepted


def test_a_clean_folder_is_read_with_the_promised_types_and_no_warning(tmp_path: Path) -> None:
    cohort = read_cohort(_folder(tmp_path))
    assert list(cohort.patients["patient"]) == ["001", "002", "003"]
    types = {name: str(dtype) for name, dtype in cohort.patients.dtypes.items()}
    assert types == {
        "patient": "str",
        "naive": "bool",
        "age": "float64",
        "centre": "str",
        "smoker": "boolean",
    }
    assert cohort.predictors == ("age", "centre", "smoker")
    assert list(cohort.grades["day"]) == [0.0, 182.0, 0.0, 182.0, 0.0, 9.5]
    assert cohort.grades["grade"].dtype == pd.CategoricalDtype(DEFAULT_SCALE, ordered=True)
    assert list(cohort.grades["grade"].cat.codes) == [0, 1, 2, 3, 4, 5]
    assert cohort.infusions is not None
    assert list(cohort.infusions["dose_g_per_kg"]) == [0.4, 0.4, 2.0]
    assert cohort.blocks is not None
    assert str(cohort.blocks["n_nerves"].dtype) == "Int64"
    assert cohort.blocks["n_nerves"].isna().tolist() == [False, True]
    assert cohort.status is not None
    assert list(cohort.status["status"]) == ["remission", "dependent"]
    assert (cohort.title, cohort.source, cohort.synthetic) == ("study", "", False)
    assert cohort.warnings.empty
    assert list(cohort.warnings.columns) == ["table", "column", "patient", "message"]


def test_optional_tables_may_be_absent_and_other_files_are_ignored(tmp_path: Path) -> None:
    changed = {"infusions.csv": None, "blocks.csv": None, "status.csv": None, "README.md": "x"}
    changed |= {"model.toml": "not = toml = at all", ".~lock.grades.csv": "x"}
    cohort = read_cohort(_folder(tmp_path, changed))
    assert cohort.infusions is None
    assert cohort.blocks is None
    assert cohort.status is None


def test_settings_are_read(tmp_path: Path) -> None:
    toml = (
        'title = "T"\nsource = "S"\nsynthetic = true\nnote = "for readers"\n'
        'scale = ["0","1","2","3","4-","4","4+","5"]\n[labels]\nnaive = "Never treated"\n'
    )
    grades = CLEAN["grades.csv"] + "001,7,biceps,left,4-\n001,8,biceps,left,4+\n"
    cohort = read_cohort(_folder(tmp_path, {"cohort.toml": toml, "grades.csv": grades}))
    assert (cohort.title, cohort.source, cohort.synthetic) == ("T", "S", True)
    assert cohort.scale == ("0", "1", "2", "3", "4-", "4", "4+", "5")
    assert cohort.labels == {"naive": "Never treated"}
    of_first = cohort.grades.loc[cohort.grades["patient"] == "001", "grade"]
    assert list(of_first.cat.codes) == [0, 4, 6, 1]


def test_parquet_reads_like_csv(tmp_path: Path) -> None:
    plain = read_cohort(_folder(tmp_path))
    folder = tmp_path / "study"
    for name in ("grades", "blocks"):
        frame = pd.read_csv(folder / f"{name}.csv", dtype={"patient": "str"})
        frame.to_parquet(folder / f"{name}.parquet")
        (folder / f"{name}.csv").unlink()
    assert read_cohort(folder) == plain


def test_byte_order_mark_blank_lines_and_quoted_cells_are_accepted(tmp_path: Path) -> None:
    patients = (
        CLEAN["patients.csv"].replace(",A,yes", ',"A, north",yes').replace("\n002", "\n\n002")
    )
    changed = {"patients.csv": b"\xef\xbb\xbf" + patients.replace("\n", "\r\n").encode()}
    cohort = read_cohort(_folder(tmp_path, changed))
    assert list(cohort.patients["centre"]) == ["A, north", "B", "A"]


@pytest.mark.parametrize("blank", ["", " ", ".", "NA", "n/a", "NaN", "nan", "null", "<NA>"])
def test_spellings_of_a_missing_value(tmp_path: Path, blank: str) -> None:
    patients = CLEAN["patients.csv"].replace("61.5", blank).replace("B,no", f"B,{blank}")
    cohort = _quietly(_folder(tmp_path, {"patients.csv": patients}))
    assert cohort.patients["age"].isna().tolist() == [False, True, True]
    assert cohort.patients["smoker"].isna().tolist() == [False, True, True]


def _quietly(folder: Path) -> Cohort:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        return read_cohort(folder)


@pytest.mark.parametrize("yes", ["yes", "YES", "true", "True", "1"])
@pytest.mark.parametrize("no", ["no", "No", "FALSE", "0"])
def test_naive_in_every_legal_spelling(tmp_path: Path, yes: str, no: str) -> None:
    patients = f"patient,naive\n001,{yes}\n002,{no}\n003,{no}\n"
    cohort = read_cohort(_folder(tmp_path, {"patients.csv": patients}))
    assert cohort.patients["naive"].tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("cells", "dtype", "values"),
    [
        (("0", "1", "1"), "float64", [0.0, 1.0, 1.0]),
        (("-1.5e2", ".5", "+3"), "float64", [-150.0, 0.5, 3.0]),
        (("yes", "FALSE", "true"), "boolean", [True, False, True]),
        (("01", "02", "10"), "str", ["01", "02", "10"]),
        (("yes", "no", "unknown"), "str", ["yes", "no", "unknown"]),
        (("none", "mild", "severe"), "str", ["none", "mild", "severe"]),
    ],
)
def test_kind_of_a_predictor_follows_from_its_cells(
    tmp_path: Path, cells: tuple[str, ...], dtype: str, values: list[object]
) -> None:
    rows = "".join(f"00{n},no,{cell}\n" for n, cell in enumerate(cells, start=1))
    cohort = read_cohort(_folder(tmp_path, {"patients.csv": f"patient,naive,x\n{rows}"}))
    assert str(cohort.patients["x"].dtype) == dtype
    assert cohort.patients["x"].tolist() == values


def test_dates_become_days_from_each_start_date_which_is_then_dropped(tmp_path: Path) -> None:
    patients = (
        "patient,naive,start_date\n001,yes,2020-01-01\n002,no,2020-03-01\n003,no,2021-01-01\n"
    )
    grades = CLEAN["grades.csv"]
    for old, new in {
        "001,0,": "001,2020-01-01,",
        "001,182,": "001,2020-07-01,",
        "002,0,": "002,2020-02-29,",
        "002,182,": "002,2021-03-01,",
        "003,0,": "003,2021-01-02,",
        "003,9.5,": "003,2021-01-03T00:00:00,",
    }.items():
        grades = grades.replace(old, new)
    cohort = read_cohort(_folder(tmp_path, {"patients.csv": patients, "grades.csv": grades}))
    assert list(cohort.grades["day"]) == [0.0, 182.0, -1.0, 365.0, 1.0, 2.0]
    assert list(cohort.patients.columns) == ["patient", "naive"]


# From DataFrames, to disk and back


def test_make_cohort_takes_numbers_booleans_and_categories_and_changes_nothing() -> None:
    frames = _frames()
    before = copy.deepcopy(frames)
    cohort = make_cohort(**frames, synthetic=True, truth={"gain": 2.0})
    for name, frame in frames.items():
        pd.testing.assert_frame_equal(frame, before[name])
    assert list(cohort.patients["patient"]) == ["1", "2", "3"]
    assert list(cohort.grades["grade"]) == ["0", "1", "2", "3", "4", "5"]
    assert cohort.truth == {"gain": 2.0}
    assert cohort.synthetic
    assert pickle.loads(pickle.dumps(cohort)) == cohort


def test_make_cohort_takes_datetimes_and_finer_scales() -> None:
    frames = _frames()
    frames["patients"]["start_date"] = pd.to_datetime(["2020-01-01"] * 3)
    frames["grades"]["day"] = pd.to_datetime(["2020-01-01", "2020-07-01"] * 3)
    frames["grades"]["grade"] = [0.0, 0.5, 1.0, 0.0, 0.5, 1.0]
    cohort = make_cohort(**frames, synthetic=True, scale=["0.0", "0.5", "1.0"])
    assert list(cohort.grades["day"]) == [0.0, 182.0] * 3
    assert list(cohort.grades["grade"]) == ["0.0", "0.5", "1.0", "0.0", "0.5", "1.0"]


def test_defects_of_dataframes_name_positions() -> None:
    frames = _frames()
    frames["grades"].loc[2, "grade"] = 7
    with pytest.raises(DataError, match="positions count from 0") as caught:
        make_cohort(**frames, synthetic=True)
    assert (
        'grades, column grade, row position 2 ("7"): outside the scale' in caught.value.defects[0]
    )


def test_make_cohort_names_every_wrong_argument() -> None:
    frames = _frames()
    indexed = frames["patients"].set_index("patient")
    with pytest.raises(DataError) as caught:
        make_cohort(
            indexed,
            [1, 2],  # type: ignore[arg-type]
            synthetic="yes",  # type: ignore[arg-type]
            scale=[0, 1],  # type: ignore[list-item]
        )
    text = str(caught.value)
    assert "call reset_index() first" in text
    assert "grades: a DataFrame is wanted, a list was given" in text
    assert 'key synthetic: "yes" is not true or false' in text
    assert "key scale: the scale is not a list of text labels" in text


def test_writing_is_byte_stable_and_reads_back_equal(tmp_path: Path) -> None:
    toml = 'title = "a \\"b\\" \\\\ é"\n[labels]\nb = "B"\na = "A"\n'
    patients = CLEAN["patients.csv"].replace("A,yes", '"A, ""x"" é",yes').replace("50", "50.10")
    cohort = read_cohort(_folder(tmp_path, {"cohort.toml": toml, "patients.csv": patients}))
    first = write_cohort(cohort, tmp_path / "one")
    again = read_cohort(first)
    second = write_cohort(again, tmp_path / "two" / "deeper")
    assert again == cohort
    files = sorted(file.name for file in first.iterdir())
    assert files == sorted([*CLEAN, "cohort.toml"])
    for name in files:
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert b"\r" not in (first / "patients.csv").read_bytes()
    assert "001,yes,50.1," in (first / "patients.csv").read_text(encoding="utf-8")
    assert "001,182,biceps,left,1\n" in (first / "grades.csv").read_text(encoding="utf-8")
    write_cohort(again, first)  # over itself
    assert read_cohort(first) == cohort


def test_writing_refuses_a_folder_that_would_be_read_as_a_mixture(tmp_path: Path) -> None:
    cohort = make_cohort(**_frames(), synthetic=True)
    folder = _folder(tmp_path)
    with pytest.raises(DataError, match=r"blocks\.csv: it is there but not of this cohort"):
        write_cohort(cohort, folder)
    assert (folder / "patients.csv").read_text(encoding="utf-8") == CLEAN["patients.csv"]


def test_cohorts_differ_when_any_part_differs() -> None:
    cohort = make_cohort(**_frames(), synthetic=True)
    assert cohort == make_cohort(**_frames(), synthetic=True, truth={"a": 1})
    assert cohort != make_cohort(**_frames(), synthetic=False)
    other = _frames()
    other["patients"].loc[0, "age"] = 51.0
    assert cohort != make_cohort(**other, synthetic=True)
    assert cohort != "cohort"


def test_blanks_around_every_spelling_of_a_name_are_taken_off(tmp_path: Path) -> None:
    changed = {name: text.replace(",biceps,", ", biceps ,") for name, text in CLEAN.items()}
    cohort = read_cohort(_folder(tmp_path, changed))
    assert cohort == read_cohort(_folder(tmp_path))


def test_long_identifiers_survive_and_objects_keep_their_spelling() -> None:
    frames = _frames()
    big = 2**53 + 1
    for frame in frames.values():
        frame["patient"] = frame["patient"] + big
    frames["patients"]["flag"] = pd.Series([True, None, False], dtype=object)
    frames["patients"]["mixed"] = pd.Series([1, 1.0, np.int64(0)], dtype=object)
    cohort = make_cohort(**frames, synthetic=True)
    assert list(cohort.patients["patient"]) == [str(big + n) for n in (1, 2, 3)]
    assert str(cohort.patients["flag"].dtype) == "boolean"
    assert list(cohort.patients["mixed"]) == [1.0, 1.0, 0.0]


def test_a_dataframe_without_rows() -> None:
    frames = _frames()
    with pytest.raises(DataError) as caught:
        make_cohort(**frames, blocks=pd.DataFrame({"patient": []}), synthetic=True)
    assert caught.value.defects[0].startswith("blocks: there is a header but no row")


# Defects: files


def test_missing_folder_and_file_instead_of_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: it does not exist; give the folder"):
        read_cohort(tmp_path / "nowhere")
    file = _folder(tmp_path) / "patients.csv"
    with pytest.raises(DataError, match="it is a file, not a folder"):
        read_cohort(file)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"grades.csv": None}, ["grades: the table is missing", "add grades.csv"]),
        ({"status.csv": ""}, ["status.csv: the file is empty"]),
        ({"status.csv": " \n\n"}, ["status.csv: the file is empty"]),
        ({"status.csv": "patient,day,status\n"}, ["status.csv: there is a header but no row"]),
        ({"status.csv": "patient;day;status\n001;0;x\n"}, ["separated by semicolons (;), not by"]),
        ({"status.csv": "patient\tday\tstatus\n001\t0\tx\n"}, ["separated by tabs, not by commas"]),
        (
            {"status.csv": b"patient,day,status\n001,0,r\xe9mission\n"},
            ["status.csv: not UTF-8: byte 26 (line 2) is 0xe9"],
        ),
        (
            {"status.csv": "patient,day,status\n001,0,x\n002,0,a,b\n\n003,0\n"},
            ["status.csv, line 3 (4 cells) and line 5 (2 cells): the header has 3 cells"],
        ),
        ({"status.csv": 'patient,day,status\n001,0,"x\n'}, ["not readable as CSV (line 2:"]),
        ({"status.csv": None, "status.parquet": b"PAR1"}, ["status.parquet: not readable as Par"]),
        ({"infusion.csv": "a\n1\n"}, ["infusion.csv: not a table", "nearest table is infusions"]),
        ({"Patients.csv": "a\n1\n"}, ["Patients.csv: not a table", "nearest table is patients"]),
    ],
)
def test_defects_of_files(
    tmp_path: Path, changed: dict[str, str | bytes | None], words: list[str]
) -> None:
    message = _only_defect(tmp_path, changed)
    for word in words:
        assert word in message


def test_the_same_table_as_csv_and_parquet(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    pd.DataFrame({"patient": ["001"]}).to_parquet(folder / "patients.parquet")
    with pytest.raises(DataError, match=r"more than once \(patients\.csv and patients\.parquet\)"):
        read_cohort(folder)


def test_a_link_out_of_the_folder(tmp_path: Path) -> None:
    folder = _folder(tmp_path, {"status.csv": None})
    (tmp_path / "secret.csv").write_text("patient,day,status\n001,0,x\n", encoding="utf-8")
    (folder / "status.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(DataError, match=r"status\.csv: a link that leads out of the folder"):
        read_cohort(folder)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('titel = "x"', 'cohort.toml, key "titel": the key is not known; the nearest key is title'),
        ("synthetic = 'true'", 'cohort.toml, key synthetic: "true" is not true or false'),
        ("title = 3", 'key title: "3" is not text'),
        ("note = 3", 'key note: "3" is not text'),
        ("scale = [0, 1]", "key scale: the scale is not a list of text labels"),
        ("scale = '012'", "key scale: the scale is not a list of text labels"),
        ("scale = ['0']", "fewer than two labels"),
        ("scale = ['0', '1', '1.0']", '"1", "1.0" is there more than once'),
        ("scale = ['0', 'NA']", 'the label "NA" is a missing value'),
        ("labels = 'x'", "key labels: the labels are not a table"),
        ("[labels]\nage = 3", 'key labels, "age": the label "3" is not text'),
        ("title = ", "not readable as TOML"),
    ],
)
def test_defects_of_cohort_toml(tmp_path: Path, toml: str, words: str) -> None:
    assert words in _only_defect(tmp_path, {"cohort.toml": toml})


# Defects: columns and cells


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("grades", "muscle,side,grade", "muscle,side,mrc", "column grade: the column is missing"),
        ("grades", "muscle,", "mucle,", "column mucle: the column is not known, and column muscle"),
        ("patients", "naive", "Naive", "column Naive: the column is not known, and column naive"),
        ("blocks", "n_nerves", "n_nervs", "rename it to n_nerves if that is what it holds"),
        ("patients", "age,centre", "age,age", "column age: the column is there twice"),
        ("patients", "age,centre", "age,", "column number 4 has no name"),
        ("grades", "left,1\n", "left,7\n", 'column grade, line 3 ("7"): outside the scale 0, 1, 2'),
        ("grades", "left,1\n", "left,good\n", 'line 3 ("good"): not a number, on the scale 0, 1'),
        ("grades", "left,1\n", "left,3.5\n", 'line 3 ("3.5"): a fraction that is not a label'),
        ("grades", "left,1\n", "left,inf\n", 'line 3 ("inf"): outside the scale'),
        ("grades", "left,1\n", "left,+1\n", 'line 3 ("+1"): outside the scale'),
        (
            "grades",
            "001,182,",
            "001,0.0,",
            "line 3 (as in line 2): the same patient, day, muscle, s",
        ),
        ("grades", "002,0,", "009,0,", "column patient, line 4: the patient is not in patients"),
        ("infusions", "002", "009", "infusions, column patient, line 4: the patient is not in"),
        ("blocks", "002", "009", "blocks, column patient, line 3: the patient is not in"),
        ("status", "002", "009", "status, column patient, line 3: the patient is not in"),
        (
            "grades",
            "\n002,0,",
            "\n2,0,",
            "line 4 (patients line 3): the identifier differs from the",
        ),
        ("patients", "003,no", "003,no,,A,\n003,no", "line 5 (as in line 4): the same patient"),
        ("patients", "003,no", "003,no,,A,\n00 3,no", "line 4 against line 5: spelt alike but for"),
        ("grades", "\n002,182", "\n002 ,182", "line 5 (patients line 3): the identifier differs"),
        (
            "grades",
            "002,182,biceps",
            "002,182,Biceps",
            'line 2 ("biceps") against line 5 ("Biceps")',
        ),
        ("patients", "61.5,B", "61.5,a", 'column centre, line 2 ("A") against line 3 ("a"): spelt'),
        ("infusions", "0,2\n", "0,-2\n", 'dose_g_per_kg, line 4 ("-2"): the dose is negative'),
        ("infusions", "0,2\n", "0,0\n", 'line 4 ("0"): the dose is zero'),
        ("infusions", "0,2\n", "0,inf\n", 'line 4 ("inf"): the number is infinite'),
        ("infusions", "0,2\n", "0,1e999\n", 'line 4 ("1e999"): the number is infinite'),
        (
            "infusions",
            "0,2\n",
            "0,35\n",
            'line 4 ("35"): more than 3 g/kg on one day, was it given',
        ),
        (
            "infusions",
            "0,2\n",
            '0,"0,4"\n',
            'line 4 ("0,4"): not a number; write decimals with a p',
        ),
        ("infusions", "0,2\n", "0,\n", "line 4 (blank): the cell is blank and must not be"),
        (
            "infusions",
            "001,1,",
            "001,0,",
            "the same patient, day is there twice; keep one row, with",
        ),
        ("status", "002,400", "002,soon", 'column day, line 3 ("soon"): not a number'),
        ("status", "002,400", "002,-inf", 'line 3 ("-inf"): the number is infinite'),
        ("status", "002,400", "002,2021-02-03", 'line 3 ("2021-02-03"): ISO dates in a column of'),
        ("status", "002,400", "002,36526", 'line 3 ("36526"): more than 36525 days'),
        ("status", "002,400", "002,20210203", 'line 3 ("20210203"): more than 36525 days'),
        ("status", "002,400", "002,", "line 3 (blank): the cell is blank"),
        ("patients", "001,yes", "001,maybe", 'column naive, line 2 ("maybe"): neither yes nor no'),
        ("patients", "001,yes", "001,NA", 'column naive, line 2 ("NA"): NA counts as missing'),
        (
            "patients",
            "001,yes",
            " ,yes",
            "patients, column patient, line 2 (blank): the cell is bla",
        ),
        ("blocks", "3,10", "3,2", "line 2 (2 tested, 3 blocked): fewer nerves tested than blocked"),
        ("blocks", "3,10", "-3,10", 'n_blocks, line 2 ("-3"): the count is negative'),
        ("blocks", "3,10", "2.5,10", 'n_blocks, line 2 ("2.5"): the count is not a whole number'),
        ("grades", "left,1\n", "L,1\n", 'column side, line 3 ("L"): not a side; write left, right'),
        ("patients", "61.5", "old", 'column age, line 3 ("old"): text in a column of numbers'),
        (
            "patients",
            "61.5,B",
            "61.5,7",
            'column centre, line 3 ("7"): numbers in a column of text',
        ),
        ("patients", "61.5", "inf", 'column age, line 3 ("inf"): the number is infinite'),
    ],
)
def test_defects_of_cells(tmp_path: Path, name: str, old: str, new: str, words: str) -> None:
    text = CLEAN[f"{name}.csv"]
    assert old in text
    messages = _defects(tmp_path, {f"{name}.csv": text.replace(old, new)})
    assert any(words in message for message in messages), "\n".join(messages)
    assert all(message.endswith(".") and "; " in message for message in messages)


def test_identifiers_read_as_numbers_are_explained_and_never_shown(tmp_path: Path) -> None:
    grades = re.sub(r"^00", "", CLEAN["grades.csv"], flags=re.M)
    message = _only_defect(tmp_path, {"grades.csv": grades})
    assert "only by leading zeros (001 read as 1)" in message
    assert "keep identifiers as text" in message
    assert "line 6 (patients line 4) and 1 more row" in message
    folder = {name: text.replace("001", "SECRET") for name, text in CLEAN.items()}
    folder["grades.csv"] = CLEAN["grades.csv"].replace("001", "secret")
    message = _only_defect(tmp_path, folder)
    assert "only by blanks, case" in message
    assert "secret" not in message.casefold()


def test_a_minus_of_a_word_processor(tmp_path: Path) -> None:
    grades = CLEAN["grades.csv"].replace("left,1\n", "left,4\u2212\n")
    toml = 'scale = ["0", "1", "2", "3", "4-", "4", "4+", "5"]'
    message = _only_defect(tmp_path, {"cohort.toml": toml, "grades.csv": grades})
    assert 'write "4-" with a plain minus' in message


def test_dates_without_a_start_date(tmp_path: Path) -> None:
    status = CLEAN["status.csv"].replace("400", "2021-01-01")
    message = _only_defect(tmp_path, {"status.csv": status})
    assert "patients has no column start_date; add start_date" in message
    patients = "patient,naive,start_dat\n001,yes,2020-01-01\n002,no,2020-01-01\n003,no,2020-01-02\n"
    changed = {"status.csv": status, "patients.csv": patients}
    assert "rename column start_dat of patients to start_date" in _only_defect(tmp_path, changed)
    changed["patients.csv"] = patients.replace("start_dat", "start_date").replace(
        "002,no,2020-01-01", "002,no,"
    )
    assert 'line 3 ("2021-01-01"): the day is a date but the patient has no start_date' in (
        _only_defect(tmp_path, changed)
    )
    changed["patients.csv"] = changed["patients.csv"].replace("002,no,", "002,no,2020-02-30")
    assert 'start_date, line 3 ("2020-02-30"): not an ISO date of the calendar' in (
        _only_defect(tmp_path, changed)
    )


def test_all_defects_of_all_tables_in_one_error(tmp_path: Path) -> None:
    changed = {
        "patients.csv": CLEAN["patients.csv"].replace("001,yes", "001,maybe"),
        "grades.csv": CLEAN["grades.csv"].replace("left,0", "left,9"),
        "infusions.csv": "patient;day;dose_g_per_kg\n001;0;1\n",
        "blocks.csv": CLEAN["blocks.csv"].replace("3,10", "3,x"),
        "status.csv": b"\xff",
        "cohort.toml": "tilte = 'x'",
        "visits.csv": "a\n",
    }
    defects = _defects(tmp_path, changed)
    assert len(defects) == 7
    with pytest.raises(DataError, match=r"folder 'study' cannot be used: 7 defects\.") as caught:
        read_cohort(tmp_path / "study")
    assert str(caught.value).count("\n") == 7


def test_a_repeated_defect_names_five_rows_and_counts_the_others(tmp_path: Path) -> None:
    rows = "".join(f"001,{day},wrist,left,9\n" for day in range(12))
    message = _only_defect(tmp_path, {"grades.csv": CLEAN["grades.csv"] + rows})
    assert 'line 8 ("9"), line 9 ("9")' in message
    assert 'line 12 ("9") and 7 more rows: outside the scale' in message


def test_bad_rows_of_patients_do_not_make_other_patients_unknown(tmp_path: Path) -> None:
    patients = CLEAN["patients.csv"].replace("003,no,,A,", "003,no")
    message = _only_defect(tmp_path, {"patients.csv": patients})
    assert "patients.csv, line 4 (2 cells): the header has 5 cells" in message


# Warnings


def test_what_is_odd_but_legal_is_warned_of_once_and_tabled(tmp_path: Path) -> None:
    changed = {
        "patients.csv": "patient,naive,dose,gone\n001,yes,1,\n002,no,1,NA\n003,no,,\n",
        "grades.csv": "patient,day,muscle,side,grade,photo\n001,0,biceps,left,0,a\n"
        "001,1,biceps,left,,b\n002,0,biceps,left,4,c\n003,0,biceps,left,.,d\n",
    }
    with pytest.warns(CohortWarning) as caught:
        cohort = read_cohort(_folder(tmp_path, changed))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    rows = [tuple(row) for row in cohort.warnings.itertuples(index=False)]
    assert rows == [
        ("patients", "dose", "", "the predictor is the same for every patient who has it"),
        ("patients", "gone", "", "the predictor is missing for every patient"),
        ("grades", "photo", "", "the column is not known and was left out"),
        ("grades", "grade", "", "blank (not graded) in 2 of 4 rows"),
        ("grades", "grade", "", "empty grade: nobody had 1, 2, 3, 5 of the scale 0, 1, 2, 3, 4, 5"),
        ("patients", "patient", "003", "the patient has no grade"),
    ]
    text = str(caught[0].message)
    assert text.count("\n") == len(rows)
    assert "grades, column grade, line 3 and line 5: blank" in text
    assert "patients, column patient, line 4: the patient has no grade" in text
    assert cohort.grades["grade"].isna().sum() == 2
    assert list(cohort.grades.columns) == ["patient", "day", "muscle", "side", "grade"]


# Properties


@st.composite
def _cohort_frames(draw: st.DrawFn) -> dict[str, pd.DataFrame]:
    n = draw(st.integers(1, 5))
    identifiers = draw(
        st.lists(st.integers(0, 999).map("P{:03d}".format), min_size=n, max_size=n, unique=True)
    )
    finite = st.floats(allow_nan=False, allow_infinity=False)
    word = st.text("abcxyz ,\"'é\n", min_size=1).filter(lambda text: text.strip() == text)
    word = word.filter(lambda text: re.sub(r"\s", "", text) == text)
    patients = pd.DataFrame(
        {
            "patient": identifiers,
            "naive": draw(st.lists(st.booleans(), min_size=n, max_size=n)),
            "x": draw(st.lists(st.none() | finite, min_size=n, max_size=n)),
            "group": draw(st.lists(st.none() | word, min_size=n, max_size=n)),
        }
    )
    keys = st.tuples(
        st.sampled_from(identifiers),
        st.floats(-36525, 36525).map(lambda day: day + 0.0),
        st.sampled_from(["biceps", "abductor, short"]),
        st.sampled_from(["left", "right", "midline"]),
    )
    rows = draw(st.lists(keys, min_size=1, max_size=12, unique=True))
    grades = pd.DataFrame(rows, columns=["patient", "day", "muscle", "side"])
    grade = st.none() | st.sampled_from(DEFAULT_SCALE)
    grades["grade"] = draw(st.lists(grade, min_size=len(rows), max_size=len(rows)))
    return {"patients": patients, "grades": grades}


def _made(frames: dict[str, pd.DataFrame]) -> Cohort:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        return make_cohort(**frames, synthetic=True)


@given(frames=_cohort_frames(), data=st.data())
@settings(max_examples=25, deadline=None)
def test_the_order_of_rows_leaves_the_cohort_unchanged(
    frames: dict[str, pd.DataFrame], data: st.DataObject
) -> None:
    shuffled = {
        name: frame.iloc[data.draw(st.permutations(range(len(frame))))]
        for name, frame in frames.items()
    }
    assert _made(shuffled) == _made(frames)
    pd.testing.assert_frame_equal(_made(shuffled).warnings, _made(frames).warnings)


@given(frames=_cohort_frames())
@settings(max_examples=25, deadline=None)
def test_relabelling_patients_changes_nothing_else(frames: dict[str, pd.DataFrame]) -> None:
    old = frames["patients"]["patient"]
    new = dict(zip(old, [f"p{number:03d}" for number in range(len(old), 0, -1)], strict=True))
    relabelled = {
        name: frame.assign(patient=frame["patient"].map(new)) for name, frame in frames.items()
    }
    plain, other = _made(frames), _made(relabelled)
    back = {label: identifier for identifier, label in new.items()}
    for name, key in (("patients", ["patient"]), ("grades", ["patient", "day", "muscle", "side"])):
        frame = other.tables[name]
        frame = frame.assign(patient=frame["patient"].map(back).astype("str"))
        frame = frame.sort_values(key, ignore_index=True)
        pd.testing.assert_frame_equal(frame, plain.tables[name])


@given(frames=_cohort_frames())
@settings(max_examples=25, deadline=None)
def test_any_cohort_reads_back_as_it_was_written(
    frames: dict[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> None:
    cohort = _made(frames)
    folder = write_cohort(cohort, tmp_path_factory.mktemp("cohort"))
    assert _quietly(folder) == cohort


_NASTY = st.sampled_from(
    ["", " ", "001", "1", "yes", "NA", "0", "-0.0", "1e999", "2020-02-30", "a"]
)


@given(
    cells=st.lists(st.lists(_NASTY | st.text(max_size=4), min_size=1, max_size=5), max_size=4),
    name=st.sampled_from(sorted(CLEAN)),
    keep_header=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_whatever_a_file_holds_the_answer_is_a_cohort_or_a_list_of_defects(
    cells: list[list[str]],
    name: str,
    keep_header: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    rows = [",".join(row) for row in cells]
    header = [CLEAN[name].splitlines()[0]] if keep_header else []
    text = "\n".join([*header, *rows]).encode("utf-8", "surrogatepass")
    folder = _folder(tmp_path_factory.mktemp("any"), {name: text})
    try:
        cohort = _quietly(folder)
    except DataError as error:
        sound = len(error.defects) > 0
    else:
        again = write_cohort(cohort, folder.parent / "again" / "study")
        sound = _quietly(again) == cohort
    assert sound


# Speed


def test_a_large_cohort_is_read_in_seconds(tmp_path: Path) -> None:
    n_patients, n_muscles, n_visits = 4000, 10, 6
    rng = np.random.default_rng(1)
    identifiers = np.array([f"P{number:05d}" for number in range(n_patients)])
    n = n_patients * n_muscles * n_visits
    patients = pd.DataFrame(
        {"patient": identifiers, "naive": "yes", "age": rng.normal(50, 9, n_patients)}
    )
    grades = pd.DataFrame(
        {
            "patient": np.repeat(identifiers, n_muscles * n_visits),
            "day": np.tile(np.repeat(np.arange(n_visits) * 91, n_muscles), n_patients),
            "muscle": np.tile([f"muscle {m}" for m in range(n_muscles)], n_patients * n_visits),
            "side": "left",
            "grade": rng.integers(0, 6, n),
        }
    )
    patients.to_csv(tmp_path / "patients.csv", index=False)
    grades.to_csv(tmp_path / "grades.csv", index=False)
    start = time.perf_counter()
    cohort = read_cohort(tmp_path)
    elapsed = time.perf_counter() - start
    print(f"read {n_patients} patients and {n} grades in {elapsed:.1f} s")
    assert len(cohort.grades) == n
    assert elapsed < 10
