"""Valid tables of a cohort, and what may be changed in one: columns, cells, types, rows."""

from collections.abc import Callable
from random import Random
from typing import Any

import pandas as pd

from .cells import OBJECTS, strange

Tables = dict[str, Any]
DAYS = (0, 182)


def valid(random: Random) -> Tables:
    """The tables of a few patients: numbers, yes/no, categories, visits and all else."""
    names = [f"P{number:02d}" for number in range(1, random.randint(2, 5) + 1)]
    some = random.random
    patients = pd.DataFrame(
        {
            "patient": names,
            "naive": [number % 2 == 0 for number in range(len(names))],
            "age_years": [40.0 + round(30 * some(), 1) for _ in names],
            "centre": [random.choice(["north", "south"]) for _ in names],
        }
    )
    rows = [
        (name, day, muscle, side, random.randint(0, 5))
        for name in names
        for day in DAYS
        for muscle in ("biceps", "deltoid")
        for side in ("left", "right")
    ]
    visits = [(name, day) for name in names for day in DAYS]
    return {
        "patients": patients,
        "grades": pd.DataFrame(rows, columns=["patient", "day", "muscle", "side", "grade"]),
        "infusions": pd.DataFrame(visits, columns=["patient", "day"]).assign(dose_g_per_kg=0.4),
        "blocks": pd.DataFrame(visits, columns=["patient", "day"]).assign(n_blocks=1, n_nerves=4),
        "status": pd.DataFrame(visits, columns=["patient", "day"]).assign(status="remission"),
    }


def _cell(frame: pd.DataFrame, random: Random) -> pd.DataFrame:
    column = random.randrange(frame.shape[1])
    cells = frame.iloc[:, column].astype(object).tolist()
    for _ in range(random.randint(1, 3)):
        cells[random.randrange(len(cells))] = strange(random)
    return _with(frame, column, pd.Series(cells, index=frame.index, dtype=object))


def _whole_column(frame: pd.DataFrame, random: Random) -> pd.DataFrame:
    value, n = strange(random), len(frame)
    column = pd.Series([value] * n, index=frame.index, dtype=object)
    return _with(frame, random.randrange(frame.shape[1]), column)


def _type(frame: pd.DataFrame, random: Random) -> pd.DataFrame:
    column = random.randrange(frame.shape[1])
    kinds = (
        "str",
        "category",
        "float32",
        "Int64",
        "boolean",
        "datetime64[ns]",
        "string",
        "complex",
    )
    changed = frame.iloc[:, column]
    try:
        changed = changed.astype(random.choice(kinds))
    except (TypeError, ValueError):
        text = [
            f"{value if isinstance(value, str) else type(value)}"[:9]
            .encode("utf-8", "replace")
            .decode()
            for value in changed
        ]
        changed = pd.Series(pd.Categorical(text, sorted(set(text), reverse=True), ordered=True))
    return _with(frame, column, changed)


def _with(frame: pd.DataFrame, place: int, column: pd.Series) -> pd.DataFrame:
    columns = [frame.iloc[:, number] for number in range(frame.shape[1])]
    columns[place] = column
    made = pd.concat([own.reset_index(drop=True) for own in columns], axis=1)
    made.columns = frame.columns
    return made


def _renamed(frame: pd.DataFrame, random: Random) -> pd.DataFrame:
    names = list(frame.columns)
    given = strange(random)
    hashable = isinstance(given, str | int | float | tuple) or given is None
    names[random.randrange(len(names))] = given if hashable else "x"
    made = frame.copy()
    made.columns = pd.Index(names, dtype=object)
    return made


CHANGES: tuple[Callable[[pd.DataFrame, Random], Any], ...] = (
    *(_cell, _cell, _cell, _whole_column, _type, _renamed),
    lambda frame, random: frame.drop(columns=frame.columns[random.randrange(frame.shape[1])]),
    lambda frame, random: pd.concat(
        [frame, frame.iloc[:, [random.randrange(frame.shape[1])]]], axis=1
    ),
    lambda frame, random: pd.concat([frame, frame.iloc[: random.randint(1, 4)]]),
    lambda frame, random: frame.sample(frac=1, random_state=random.randrange(99)),
    lambda frame, random: frame.iloc[: random.randrange(len(frame) + 1)],
    lambda frame, random: frame.iloc[:, 1:].set_axis(
        pd.Index(map(id, frame.iloc[:, 0]), name=str(frame.columns[0])[:9]), axis=0
    ),
    lambda frame, random: frame.set_axis([random.choice((0, "a", None)) for _ in frame.index]),
    lambda frame, random: frame.assign(
        extra=pd.Series([strange(random) for _ in frame.index], frame.index, dtype=object)
    ),
    lambda frame, random: random.choice((frame.to_numpy(), frame.T, *OBJECTS)),
)
