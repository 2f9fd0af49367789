"""Pieces of other libraries that these do not document: all there, bounded, and missed in words."""

import ast
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import joblib.externals.loky.backend.process as loky_process
import nutpie.compile_pymc
import pytest
from numba.core import caching
from packaging.requirements import Requirement

from mmn_bayes import undocumented
from mmn_bayes.undocumented import member_of

ROOT = Path(__file__).resolve().parents[1]
PIECES = undocumented._PIECES
LIBRARIES = {path.partition(".")[0] for path, _ in PIECES.values()}
# Parts of libraries that are not for others, whatever their names begin with.
INTERNAL = ("joblib.externals", "numba.core", "nutpie.compile_pymc", "pytensor.link")


@pytest.mark.parametrize("name", PIECES)
def test_every_piece_is_where_it_is_looked_for(name):
    assert getattr(undocumented, name) is not None


def removed_class(monkeypatch):
    monkeypatch.delattr(loky_process, "LokyProcess")
    return "LokyProcess", "joblib", "joblib.externals.loky.backend.process.LokyProcess"


def removed_member(monkeypatch):
    monkeypatch.delattr(caching.CacheImpl, "_locator_classes")
    return "caching", "numba", "numba.core.caching.CacheImpl._locator_classes"


def removed_field(monkeypatch):
    monkeypatch.delitem(nutpie.compile_pymc.CompiledPyMCModel.__dataclass_fields__, "_n_dim")
    return "CompiledPyMCModel", "nutpie", "CompiledPyMCModel._n_dim"


def removed_module(monkeypatch):
    monkeypatch.setitem(PIECES, "dumps", ("numba.core.pickling:dumps", ()))
    return "dumps", "numba", "numba.core.pickling.dumps"


@pytest.mark.parametrize("moved", [removed_class, removed_member, removed_field, removed_module])
def test_a_piece_that_has_moved_is_named_with_its_library_and_version(moved, monkeypatch):
    name, library, piece = moved(monkeypatch)
    said = (
        f"{library} {version(library)} has no {piece}, which mmn_bayes needs and which is not "
        f"documented; install a version of {library} that pyproject.toml of mmn_bayes allows."
    )
    with pytest.raises(ImportError) as raised:
        getattr(undocumented, name)
    assert str(raised.value) == said


def test_so_is_an_attribute_that_only_an_object_has():
    class Function:
        vm = None

    words = f"^pytensor {re.escape(version('pytensor'))} has no Function.vm.jit_fn, which"
    with pytest.raises(ImportError, match=words):
        member_of(Function(), "vm.jit_fn", "pytensor")


def test_a_name_that_is_no_piece_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'anything'"):
        undocumented.anything  # noqa: B018


def taken_elsewhere(text):
    """What a module takes of the insides of a library, not by way of `undocumented`."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found += [
            name
            for name in names
            if not name.startswith("mmn_bayes.")
            and (name.startswith(INTERNAL) or re.search(r"\._(?!_)", name))
        ]
    return found


def test_nothing_else_takes_what_is_not_documented():
    texts = {p.name: p.read_text(encoding="utf-8") for p in (ROOT / "mmn_bayes").rglob("*.py")}
    assert {name: found for name, text in texts.items() if (found := taken_elsewhere(text))} == {}


def test_the_look_at_imports_sees_them():
    text = "from numba.core import caching\nimport pytensor._x\nfrom a import _b\nimport a.b"
    assert taken_elsewhere(text) == ["numba.core.caching", "pytensor._x", "a._b"]


def test_the_next_version_of_such_a_library_is_not_admitted():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {one.name: one.specifier for one in map(Requirement, project["dependencies"])}
    for library in LIBRARIES:
        first, second, *_ = (int(part) for part in version(library).split("."))
        assert version(library) in asked[library]
        assert f"{first}.{second}.99" in asked[library]  # patches of what has been tried
        assert f"{first}.{second + 1}.0" not in asked[library]
