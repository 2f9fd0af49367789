"""The page data/README.md says what schema.TABLES says, row for row, so that it cannot drift."""

import re
from pathlib import Path

import pytest

from mmn_bayes.data import schema

PAGE = (Path(__file__).parents[1] / "data" / "README.md").read_text(encoding="utf-8")


def _section(title: str) -> str:
    found = re.search(rf"^(##+) {re.escape(title)}\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S)
    assert found, f"data/README.md has no section {title}"
    return found.group(2)


def _rows(section: str, header: str) -> list[list[str]]:
    lines = section.splitlines()
    start = lines.index(header) + 2
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


@pytest.mark.parametrize("name", schema.TABLES)
def test_every_column_is_on_the_page_as_it_is_in_the_schema(name: str) -> None:
    header = "| column | kind | required | blank | unit | legal values | meaning |"
    expected = [
        [
            f"`{column.name}`",
            column.kind,
            _yes(column.required),
            _yes(column.may_be_blank),
            column.unit or "-",
            column.legal,
            column.text,
        ]
        for column in schema.TABLES[name].columns
    ]
    assert _rows(_section(name), header) == expected


@pytest.mark.parametrize("name", schema.TABLES)
def test_every_table_is_introduced_as_in_the_schema(name: str) -> None:
    table = schema.TABLES[name]
    words = "Required" if table.required else "Optional"
    key = ", ".join(f"`{column}`" for column in table.key)
    text = table.text[0].upper() + table.text[1:]
    assert f"{text}. {words}. Key: {key}." in _section(name)


def test_the_page_has_no_other_table_and_no_other_setting() -> None:
    assert re.findall(r"^### (\w+)$", PAGE, re.M) == list(schema.TABLES)
    rows = _rows(_section("cohort.toml"), "| key | what it says |")
    assert rows == [[f"`{key}`", text] for key, text in schema.SETTINGS.items()]


def test_limits_scale_and_missing_values_on_the_page_are_those_of_the_schema() -> None:
    spelt = re.search(r"blank or one of (.*?), in any\s+case", PAGE, re.S)
    assert spelt
    on_page = {word.casefold() for word in re.findall(r"`([^`]+)`", spelt.group(1))}
    assert on_page == schema.MISSING - {""}
    assert f"The scale is {', '.join(schema.DEFAULT_SCALE)} unless" in PAGE
    assert f"further than {schema.MAX_DAY:g} days" in PAGE
    assert f"above {schema.MAX_DOSE:g} g/kg" in PAGE
    days = schema.TABLES["grades"].columns[1].legal
    assert f"-{schema.MAX_DAY:g} to {schema.MAX_DAY:g}" in days
    sides = schema.TABLES["grades"].columns[3].legal
    assert all(side in sides for side in schema.SIDES)
    dose = schema.TABLES["infusions"].columns[2].legal
    assert dose.endswith(f"at most {schema.MAX_DOSE:g}")
