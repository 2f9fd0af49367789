"""Stored results against those of another run: what agrees within Monte Carlo error, what does not.

Numbers that hang on draws are other ones on another processor, or after a change of the sampler.
Here every file of two sets of results is compared: such numbers by their Monte Carlo errors
(`monte_carlo`), everything else exactly.
"""

import functools
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mmn_bayes.studies.compared_pages import compare_page
from mmn_bayes.studies.compared_tables import ReadSide, compare_again, compare_table
from mmn_bayes.studies.compared_text import compare_words
from mmn_bayes.studies.counted_tables import counted_from, page_of
from mmn_bayes.studies.differences import OF_THE_MACHINE, Comparison, Differences
from mmn_bayes.studies.sides import Side
from mmn_bayes.studies.table_pairs import TablePair

FIGURES = (".png", ".svg", ".pdf")


def compare_results(committed: Side, regenerated: Side, folders: Iterable[str]) -> Comparison:
    """Compare two sets of results, file by file.

    Parameters
    ----------
    committed, regenerated : Side
        The two sets: `Committed`, `WorkingTree`, or anything with their two methods.
    folders : iterable of str
        Folders of both, from the root.

    Returns
    -------
    Comparison
        What does not agree:

        - Files, rows and columns that only one of the two has.
        - Numbers that depend on draws and are further apart than so many standard errors of their
          difference, sqrt(error^2 + error^2) (`monte_carlo`). How many: of Student's t with
          `DEGREES_OF_FREEDOM`, by Bonferroni over all such numbers, so that two sets which differ
          by their draws alone have any number beyond with probability `FALSE_ALARMS` at most.
        - R-hat and effective sample sizes, unless both pass the threshold of the gate or they are
          as near as they are known (`MOST_R_HAT_APART`, `MOST_TIMES_APART`); Monte Carlo errors,
          too. They are not compared where an interval is a point on both sides: whether one draw of
          thousands lies outside it is chance.
        - Counts that differ from those of the stored tables they are made from, on either side.
        - Sentences. Numbers in them may be as far apart as those of the row.
        - Anything else that is not the same: counts, observed rates, text, settings, fingerprints.

        In pages (Markdown) the printed numbers are compared, with half a last digit on either side
        in addition; of figures only whether they exist. Dates, times, versions and benchmark
        timings are not compared; other versions are reported.

    Examples
    --------
    >>> from pathlib import Path
    >>> committed = mb.studies.Committed(Path("."), ref="HEAD")
    >>> regenerated = mb.studies.WorkingTree(Path("."))
    >>> committed.ref
    'HEAD'
    >>> found = mb.studies.compare_results(committed, regenerated, ["results"])  # doctest: +SKIP
    >>> found.differences  # doctest: +SKIP
    """
    asked = list(folders)
    old, new = (ReadSide(side, side.names(asked)) for side in (committed, regenerated))
    found = Differences()
    pair_of = functools.cache(lambda name: TablePair(old.table(name), new.table(name)))
    for name in sorted(old.names | new.names):
        _compare_file(found, name, (old, new), pair_of)
    return found.finished()


_Sides = tuple[ReadSide, ReadSide]
_PairOf = Callable[[str], TablePair]


def _compare_file(found: Differences, name: str, sides: _Sides, pair_of: _PairOf) -> None:
    found.files += 1
    there = [name in side.names for side in sides]
    if not all(there):
        words = tuple("there" if one else "missing" for one in there)
        found.differ((name, "", ""), words, "the file is on one side only")
        return
    suffix = Path(name).suffix
    if suffix == ".csv":
        if (counting := counted_from(name)) is None:
            compare_table(found, name, pair_of(name))
        else:
            compare_again(found, name, counting, sides)
    elif suffix == ".md":
        _compare_page(found, name, sides, pair_of)
    elif suffix == ".json":
        _compare_json(found, name, "", *(json.loads(side.text(name)) for side in sides))
    elif suffix not in FIGURES:
        old, new = (side.text(name) for side in sides)
        compare_words(found, (name, "", ""), old, new)


def _compare_page(found: Differences, name: str, sides: _Sides, pair_of: _PairOf) -> None:
    """Of a table that is counted from others the page is what it gives, else as near as it."""
    source = f"{name.removesuffix('.md')}.csv"
    both = all(source in side.names for side in sides)
    if both and counted_from(source) is not None:
        for side in sides:
            if side.text(name) != page_of(name, side.table(source)):
                found.differ((name, "", ""), ("", ""), "not the table of the same name")
        return
    old, new = (side.text(name) for side in sides)
    compare_page(found, name, (old, new), pair_of(source) if both else None)


def _compare_json(found: Differences, name: str, path: str, old: Any, new: Any) -> None:
    key = path.rpartition(".")[2]
    if re.fullmatch(OF_THE_MACHINE, key):
        found.tell(key, *(_said(one) for one in (old, new)))
    elif isinstance(old, dict) and isinstance(new, dict):
        # Until an effective sample size was reached: as many as it took.
        until = "ess_asked" in old and old["ess_asked"] == new.get("ess_asked")
        for one in sorted((old.keys() | new.keys()) - ({"draws"} if until else set())):
            if one in old and one in new:
                _compare_json(found, name, f"{path}.{one}".lstrip("."), old[one], new[one])
            else:
                here = tuple("there" if one in side else "missing" for side in (old, new))
                found.differ((name, path, str(one)), here, "on one side only")
    elif isinstance(old, str) and isinstance(new, str):
        compare_words(found, (name, path, key), old, new)
    elif old != new:
        found.differ((name, path, key), (_said(old), _said(new)))


def _said(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
