"""Model files mutated: the text of a valid one, or the tables that it holds."""

import copy
from pathlib import Path
from random import Random
from typing import Any

import tomli_w

import mmn_bayes as mb

from .cells import strange

LINES = (
    *("x = " + "[" * 20_000 + "]" * 20_000, "x = " + "{a=" * 3_000 + "1" + "}" * 3_000),
    *(".".join("a" * 20_000) + " = 1", "[" + ".".join(["a"] * 20_000) + "]", "[[outcome]]"),
    *("x = " + "9" * 5_000, "x = 0x" + "f" * 20_000, "x = -1e308", "x = nan", "x = inf"),
    *('title = "a\\u0000b"', 'title = "\\u202Ea"', "[title]", "outcome.x = 1", "[predictor.x]"),
    *('"" = 1', '[group."a.b"]', "x = 2024-02-30", "x = 2024-02-28", "\0", "\ufeff", "a" * 20_000),
    *("drop = 1", 'based_on = "../x"', 'based_on = "strength"', "[drop]", "= 1", '"\\ud800" = 1'),
)


def mutated_text(text: str, random: Random) -> str:
    """The text of a model file with one to three changes: of lines, of characters, of values."""
    lines = text.splitlines()
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(lines))
        line = lines[place]
        at = random.randrange(len(line) + 1)
        key, equals, _ = line.partition(" = ")
        changes = (
            lambda place=place: lines.pop(place) if len(lines) > 1 else "",
            lambda place=place: lines.insert(place, random.choice(lines)),
            lambda place=place: lines.insert(place, random.choice(LINES)),
            lambda p=place, line=line, at=at: lines.__setitem__(p, line[:at] + line[at + 1 :]),
            lambda p=place, line=line, at=at: lines.__setitem__(
                p, line[:at] + random.choice("\"'[]{}=.,#\\\0\x1b\u202e-9a \t\r") + line[at:]
            ),
            lambda p=place, k=key, e=equals: e and lines.__setitem__(p, f"{k} = {_value(random)}"),
            lambda: random.shuffle(lines),
        )
        random.choice(changes)()
    return "\n".join(lines) + "\n"


def _value(random: Random) -> str:
    values = ("0", "-1", "1e300", "nan", "[]", "{}", '""', '"x"', "[1, 2]", "true", "9" * 400)
    return random.choice((*values, '["a", "b"]', "0.5", "1979-05-27", "1", '"number"', '"gain"'))


def mutated_tables(content: dict[str, Any], random: Random) -> dict[Any, Any]:
    """The tables of a model file with one to three changes: keys gone, misspelt, of any value."""
    tables: dict[Any, Any] = copy.deepcopy(content)
    for _ in range(random.randint(1, 3)):
        table, key = _somewhere(tables, random)
        if key is None:
            continue
        match random.randrange(6):
            case 0:
                table.pop(key)
            case 1:
                table[str(key)[:-1] + "x"] = table.pop(key)
            case 2:
                other, name = _somewhere(content, random)
                table[key] = copy.deepcopy(other[name]) if name is not None else {}
            case 3:
                odd = strange(random)
                table[odd if isinstance(odd, str | int | float) else None] = table[key]
            case 4 if isinstance(table[key], int | float):
                table[key] = random.choice((-1, 0, 1e-300, 1e299, 2**40, table[key] * 100))
            case _:
                table[key] = strange(random)
    return tables


def _somewhere(tables: dict[Any, Any], random: Random) -> tuple[dict[Any, Any], Any]:
    """A table anywhere in the tables, and one of its keys; None when it has none."""
    while tables:
        key = random.choice(list(tables))
        if not (isinstance(tables[key], dict) and tables[key] and random.random() < 0.8):
            return tables, key
        tables = tables[key]
    return tables, None


def outcome(content: dict[Any, Any] | str, folder: Path) -> str:
    """What becomes of a mutated model file: "refused" or "accepted"; else it raises.

    A text is written to the folder, beside the files that it may be based on. What is accepted must
    be the same model when it is read from its own text.
    """
    try:
        if isinstance(content, str):
            path = folder / "mutated.toml"
            path.write_bytes(content.encode("utf-8", "surrogatepass"))
            spec = mb.read_model(path)
        else:
            spec = mb.io.parse_model(content, "mutated")
    except mb.SpecError as error:
        return "refused" if str(error) else "refused without a word"
    (folder / "again.toml").write_text(mb.io.model_to_toml(spec), encoding="utf-8")
    if mb.read_model(folder / "again.toml").fingerprint != spec.fingerprint:
        raise ValueError("another model is read back than was written")
    return "accepted"


def valid(folder: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """The text and the resolved tables of every model file of a folder, by name."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.toml"))}
    return {
        name: (text, mb.read_model(folder / f"{name}.toml").resolved)
        for name, text in texts.items()
    }


def mutated(files: dict[str, tuple[str, dict[str, Any]]], random: Random) -> dict[Any, Any] | str:
    """One of the model files, its text or its tables mutated, as likely as each other."""
    text, content = files[random.choice(list(files))]
    if random.random() < 0.5:
        return mutated_tables(content, random)
    # Half of the texts stand by themselves, so that a change is not lost in what a file overlays.
    return mutated_text(random.choice((text, tomli_w.dumps(content))), random)
