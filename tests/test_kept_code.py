"""Machine code on the disk: made anew where it is damaged, refused or not to be had."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytensor.tensor as pt
import pytest
from numba import types

from mmn_bayes.engine import kept_code
from mmn_bayes.engine.kept_code import compile_and_keep, load_code, structure_key

SIGNATURE = types.float64(types.float64)


def half(x):
    return 0.5 * x


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept_code, "config", SimpleNamespace(base_compiledir=str(tmp_path)))
    return tmp_path / "mmn_bayes"


def test_what_was_compiled_is_found_again(folder: Path) -> None:
    assert load_code("half", SIGNATURE, ()) is None
    assert compile_and_keep(half, SIGNATURE, "half").ctypes(3.0) == 1.5
    assert load_code("half", SIGNATURE, ()).ctypes(3.0) == 1.5
    assert load_code("another", SIGNATURE, ()) is None
    assert [file.suffix for file in folder.iterdir()] == [".code"]


def test_damaged_code_is_dropped_and_never_run(folder: Path) -> None:
    compile_and_keep(half, SIGNATURE, "half")
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    places = range(0, len(whole), len(whole) // 40)
    flipped = [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in places]
    for damaged in (b"", b"\0", whole[:64], whole[:-1], whole + b"\0", *flipped):
        file.write_bytes(damaged)
        assert load_code("half", SIGNATURE, ()) is None
        assert not file.exists()
    compile_and_keep(half, SIGNATURE, "half")
    assert load_code("half", SIGNATURE, ()).ctypes(3.0) == 1.5


def test_code_of_other_software_is_not_found(folder: Path, monkeypatch) -> None:
    compile_and_keep(half, SIGNATURE, "half")
    monkeypatch.setattr(kept_code, "_origin", lambda: "another version")
    assert load_code("half", SIGNATURE, ()) is None


def test_nothing_is_kept_where_nothing_can_be_written(folder: Path) -> None:
    folder.write_text("a file where the folder would be")
    assert compile_and_keep(half, SIGNATURE, "half").ctypes(3.0) == 1.5
    assert load_code("half", SIGNATURE, ()) is None
    assert folder.is_file()


def test_the_code_longest_unused_goes_first(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(kept_code, "_MOST_FILES", 3)
    for age, name in enumerate("edcba"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (age, age))
    kept_code._leave_room(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "b", "c"]


def test_the_key_of_a_structure_is_of_all_but_names_and_inputs() -> None:
    def key(function, name="x", shape=(3,), dtype="float64"):
        x = pt.tensor(name, shape=shape, dtype=dtype)
        return structure_key([x], function(x).sum())

    keys = [
        key(lambda x: x + np.array([1.0, 2.0, 3.0])),
        key(lambda x: x + np.array([1.0, 2.0, 3.5])),
        key(lambda x: x * np.array([1.0, 2.0, 3.0])),
        key(lambda x: x[:2]),
        key(lambda x: x[1:]),
        key(lambda x: x),
        key(lambda x: x, shape=(4,)),
        key(lambda x: x, dtype="int64"),
        key(lambda x: x + x[0]),
        key(lambda x: x + x[1]),
    ]
    assert len(set(keys)) == len(keys)
    assert key(lambda x: x + x[1], name="y") == keys[-1]
    x, y = pt.vectors("x", "y")
    assert structure_key([x, y], (x - y).sum()) != structure_key([y, x], (x - y).sum())
    with pytest.raises(ValueError, match="an input that was not named"):
        structure_key([x], (x - y).sum())
