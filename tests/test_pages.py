"""What the pages call is there, and the README's first table is what the committed results say."""

import re
from pathlib import Path

import pandas as pd
import pytest

import mmn_bayes as mb

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", "ARCHITECTURE.md", "models/README.md", "models/exposure.md", "data/README.md"]
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->"
TABLE = ROOT / "results" / "leger2008" / "response_table.csv"


@pytest.mark.parametrize("page", PAGES)
def test_every_public_name_of_a_page_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for path in sorted(set(re.findall(r"\bmb((?:\.\w+)+)", text))):
        found = mb
        for name in path.split(".")[1:]:
            found = getattr(found, name)


def first_table() -> str:
    """The rows of the strength model in the committed table, as `print_table` prints them."""
    table = pd.read_csv(TABLE)
    kept = table["source"].str.startswith(("observed", "strength"))
    table = table[kept].drop(columns="published").reset_index(drop=True)
    return "```\n" + mb.io.to_text(table) + "```\n"


def test_the_first_table_is_that_of_the_committed_results() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0] == first_table()


@pytest.mark.slow
@pytest.mark.draws
def test_the_first_lines_run(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(ROOT)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = text.partition("```python\n")[2].partition("```")[0]
    exec(code, {})
    assert (
        "naive               observed                  14/20, 2 missing" in capsys.readouterr().out
    )
