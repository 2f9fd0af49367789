"""The file cohort.toml: its closed vocabulary read, checked, written; it says what, never how."""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmn_bayes.data.cells import canonical
from mmn_bayes.data.characters import CURE, refused_character
from mmn_bayes.data.findings import Findings, place, quoted
from mmn_bayes.data.schema import DEFAULT_SCALE, MISSING, SETTINGS
from mmn_bayes.data.tables import cell_text, decoded
from mmn_bayes.data.toml_text import toml_content

FILE = "cohort.toml"


@dataclass(frozen=True)
class Settings:
    """What is known of a cohort beside its tables; `scale` is None when it cannot be used."""

    title: str = ""
    source: str = ""
    synthetic: bool = False
    scale: tuple[str, ...] | None = DEFAULT_SCALE
    labels: Mapping[str, str] = field(default_factory=dict)


def nearest(word: str, words: Iterable[str]) -> str:
    """The most similar of the words, whatever the case; the first one if none is similar."""
    by_case = {known.casefold(): known for known in words}
    # A name is short; comparing a text of a million characters takes minutes.
    close = difflib.get_close_matches(word[:200].strip().casefold(), by_case, n=1, cutoff=0.0)
    return by_case[close[0]]


def settings_from_toml(path: Path, title: str, findings: Findings) -> Settings:
    """Read cohort.toml.

    Parameters
    ----------
    path : Path
        The file.
    title : str
        The title when the file states none.
    findings : Findings
        Where defects go: text that is no TOML, unknown keys, values of the wrong kind.

    Returns
    -------
    Settings
        With the default in place of whatever is missing or defective.
    """
    text = decoded(path, findings)
    if text is None:
        return Settings(title=title)
    try:
        given = toml_content(text)
    except ValueError as error:
        findings.defect(FILE, f"not readable as TOML ({error})", "correct that line")
        return Settings(title=title)
    for key in sorted(given.keys() - SETTINGS.keys()):
        cure = f"the nearest key is {nearest(key, SETTINGS)}, the keys are {', '.join(SETTINGS)}"
        findings.defect(place(FILE, rows=f"key {quoted(key)}"), "the key is not known", cure)
    given.setdefault("title", title)
    _check_kind(given, "note", str, 'write text in quotes, as in note = "..."', findings)
    return checked_settings(given, findings, FILE)


def checked_settings(given: Mapping[str, object], findings: Findings, where: str = "") -> Settings:
    """Check the values of the settings, from cohort.toml or from arguments.

    Parameters
    ----------
    given : Mapping
        Some of title, source, synthetic, scale and labels; for the last two None is not given.
    findings : Findings
        Where defects go.
    where : str
        The file, or "" for arguments.

    Returns
    -------
    Settings
        With the default in place of whatever is missing or defective.
    """
    text = 'write text in quotes, as in {0} = "..."'
    _check_characters(given, findings, where)
    return Settings(
        title=str(_check_kind(given, "title", str, text.format("title"), findings, where)),
        source=str(_check_kind(given, "source", str, text.format("source"), findings, where)),
        synthetic=bool(
            _check_kind(
                given, "synthetic", bool, "write true or false, without quotes", findings, where
            )
        ),
        scale=_checked_scale(given.get("scale"), findings, where),
        labels=_checked_labels(given.get("labels"), findings, where),
    )


def _check_characters(given: Mapping[str, object], findings: Findings, where: str) -> None:
    """Find characters that a setting may not hold, in every text of it."""
    for key in ("title", "source", "scale", "labels"):
        value = given.get(key)
        texts: list[object] = [value]
        if isinstance(value, Mapping):
            texts = [*value, *value.values()]
        elif isinstance(value, Sequence) and not isinstance(value, str):
            texts = list(value)
        for text in texts:
            if isinstance(text, str):
                character = refused_character(text, prose=key == "source")
                if character:
                    problem = f"{quoted(text)} has the character {character}"
                    findings.defect(place(where, rows=f"key {key}"), problem, CURE)


def _check_kind(
    given: Mapping[str, object],
    key: str,
    kind: type,
    cure: str,
    findings: Findings,
    where: str = FILE,
) -> object:
    if key not in given:
        return kind()
    value = given[key]
    if not isinstance(value, kind):
        problem = f"{quoted(cell_text(value))} is not {'true or false' if kind is bool else 'text'}"
        findings.defect(place(where, rows=f"key {key}"), problem, cure)
        return kind()
    return value


def _checked_scale(scale: object, findings: Findings, where: str) -> tuple[str, ...] | None:
    if scale is None:
        return DEFAULT_SCALE
    at = place(where, rows="key scale")
    before = len(findings.defects)
    is_list = isinstance(scale, Sequence) and not isinstance(scale, str)
    if not is_list or not all(isinstance(label, str) for label in scale):  # type: ignore[attr-defined]
        cure = 'write a list of text, lowest first, as in scale = ["0", "1", "2"]'
        findings.defect(at, "the scale is not a list of text labels", cure)
        return None
    labels: tuple[str, ...] = tuple(scale)  # type: ignore[arg-type]
    if len(labels) < 2:
        findings.defect(at, "the scale has fewer than two labels", "list every grade, lowest first")
    numbers = [canonical(label) for label in labels]
    if repeated := [quoted(label) for label in labels if numbers.count(canonical(label)) > 1]:
        problem = f"{', '.join(repeated)} is there more than once"
        findings.defect(at, problem, "list every label once")
    for label in labels:
        if label.strip().casefold() in MISSING or label != label.strip():
            problem = f"the label {quoted(label)} is a missing value or has blanks around it"
            findings.defect(at, problem, "choose another label")
    refused = any(map(refused_character, labels))
    return labels if len(findings.defects) == before and not refused else None


def _checked_labels(labels: object, findings: Findings, where: str) -> Mapping[str, str]:
    if labels is None:
        return {}
    if not isinstance(labels, Mapping):
        cure = 'write a table [labels] with lines such as naive = "never treated"'
        findings.defect(place(where, rows="key labels"), "the labels are not a table", cure)
        return {}
    for key, value in labels.items():
        if not isinstance(key, str) or not isinstance(value, str):
            at = place(where, rows=f"key labels, {quoted(cell_text(key))}")
            cure = "write the column or value and its printed label, both as text in quotes"
            findings.defect(at, f"the label {quoted(cell_text(value))} is not text", cure)
    return {key: labels[key] for key in sorted(labels, key=cell_text)}


def toml_text(settings: Settings) -> str:
    """The settings as the text of cohort.toml, the same bytes for the same settings."""
    scale = settings.scale or DEFAULT_SCALE
    lines = [
        f"title = {_toml_string(settings.title)}",
        f"source = {_toml_string(settings.source)}",
        f"synthetic = {'true' if settings.synthetic else 'false'}",
        f"scale = [{', '.join(_toml_string(label) for label in scale)}]",
    ]
    if settings.labels:
        lines += ["", "[labels]"]
        lines += [
            f"{_toml_string(key)} = {_toml_string(settings.labels[key])}"
            for key in sorted(settings.labels)
        ]
    return "\n".join(lines) + "\n"


def _toml_string(text: str) -> str:
    # JSON and TOML share their escapes, but TOML wants DEL escaped as well.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
