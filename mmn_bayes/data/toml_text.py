"""TOML text as tables, refused where it is absurd: before it costs time, or a traceback later."""

import datetime
import re
import tomllib
from collections.abc import Iterator
from typing import Any

MAX_CHARACTERS = 1_000_000
MAX_PARTS = 30  # of a dotted key: the reader takes 8 s for one of 20,000
MAX_DEPTH = 30
SHOWN = 60  # characters of a key in a message
_KINDS = (list, str, int, float, datetime.date, datetime.time)
_LONG_KEY = re.compile(
    r"(?<![\w.-])(?:(?:[\w-]++|\"[^\"\n]*+\"|'[^'\n]*+')[ \t]*+\.[ \t]*+)"
    f"{{{MAX_PARTS}}}"
)


def toml_content(text: str) -> dict[str, Any]:
    """Return the tables of a TOML text.

    Parameters
    ----------
    text : str
        The text of the file.

    Returns
    -------
    dict
        Nested tables.

    Raises
    ------
    ValueError
        When it is no TOML, or too long, too deep or with a number beyond 64 bits; the message is
        what is wrong with it, without a full stop.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"it has more than {MAX_CHARACTERS:,} characters")
    if found := _LONG_KEY.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise ValueError(f"line {line} has a key of more than {MAX_PARTS} parts")
    try:
        content = tomllib.loads(text)
    except RecursionError:
        raise ValueError("lists or tables are nested too deep") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:  # Python refuses to read a number of thousands of digits
        raise ValueError("a whole number has more digits than 64 bits hold") from None
    for path, problem in unwritable(content):
        raise ValueError(f"{path} {problem}")
    return content


def walk(content: object) -> Iterator[tuple[str, object, int]]:
    """Give every table, list and value of nested tables: its dotted key, itself, and its depth.

    Whatever the depth, and never below one of more than `MAX_DEPTH`, so that tables that hold
    themselves have an end.
    """
    waiting: list[tuple[str, object, int]] = [("", content, 0)]
    while waiting:
        path, value, depth = waiting.pop()
        yield path, value, depth
        if depth > MAX_DEPTH:
            continue
        if isinstance(value, dict):
            below = [
                (f"{path}.{key}" if path else key, own)
                for key, own in value.items()
                if isinstance(key, str)
            ]
        else:
            below = [(path, own) for own in value] if isinstance(value, list) else []
        waiting += [(key, own, depth + 1) for key, own in reversed(below)]


def unwritable(content: object) -> Iterator[tuple[str, str]]:
    """Give what no TOML file can hold, or none that is meant: its dotted key, and what is wrong."""
    for path, value, depth in walk(content):
        if depth > MAX_DEPTH:
            yield path[:SHOWN], f"is nested more than {MAX_DEPTH} deep"
        elif isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    yield path or "the file", f"has a key that is a {type(key).__name__}, no text"
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            yield path[:SHOWN], "is a whole number of more than 64 bits"
        elif not isinstance(value, _KINDS):
            yield (
                path[:SHOWN] or "the file",
                f"is a {type(value).__name__}, which TOML does not know",
            )
