"""Where compiled code is kept, or not where nothing can be written; damaged files are redone."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import mmn_bayes.engine.code_folder as code_folder
from mmn_bayes.engine.code_folder import asked_folder

ROOT = Path(__file__).resolve().parents[1]
CACHED = "import numba\n\n\n@numba.njit(cache=True)\ndef half(x):\n    return 0.5 * x\n"


def loaded(folder: Path) -> tuple[float, int]:
    """What a function of a fresh module gives, and how often its code came from the disk."""
    values: dict = {}
    file = folder / "halves.py"
    exec(compile(file.read_text(), str(file), "exec"), values)
    return values["half"](3.0), sum(values["half"].stats.cache_hits.values())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    (tmp_path / "halves.py").write_text(CACHED)
    return tmp_path


def code_of(folder: Path) -> list[Path]:
    return sorted(p for p in (folder / "__pycache__").iterdir() if p.suffix in (".nbi", ".nbc"))


def test_damaged_code_is_compiled_anew(folder: Path) -> None:
    assert loaded(folder) == (1.5, 0)
    assert loaded(folder) == (1.5, 1)
    files = code_of(folder)
    assert [file.suffix for file in files] == [".nbc", ".nbi"]
    for file in files:
        whole = file.read_bytes()
        places = range(0, len(whole), len(whole) // 10)
        flipped = [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in places]
        for damaged in (b"", whole[:20], whole[:-1], whole[:-32], os.urandom(3000), *flipped):
            file.write_bytes(damaged)
            assert loaded(folder) == (1.5, 0)
            assert loaded(folder) == (1.5, 1)
    files[0].unlink()
    assert loaded(folder) == (1.5, 0)


def test_a_full_disk_is_no_reason_to_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(numba.core.caching.IndexDataCacheFile, "_save_data", full)
    assert loaded(folder) == (1.5, 0)
    assert loaded(folder) == (1.5, 0)


def test_the_folder_is_the_one_that_pytensor_is_asked_to_use(tmp_path, monkeypatch) -> None:
    rc = tmp_path / "rc"
    monkeypatch.setenv("HOME", "/at/home")
    monkeypatch.setenv("PYTENSORRC", str(rc))
    monkeypatch.delenv("PYTENSOR_FLAGS", raising=False)
    assert asked_folder() == Path("/at/home/.pytensor")
    rc.write_text("[global]\nbase_compiledir = /by/rc\n")
    assert asked_folder() == Path("/by/rc")
    monkeypatch.setenv("PYTENSOR_FLAGS", "base_compiledir=/a,floatX=float64,base_compiledir=/b")
    assert asked_folder() == Path("/b")
    rc.write_text("no section")
    monkeypatch.setenv("PYTENSOR_FLAGS", "floatX=float64")
    assert asked_folder() == Path("/at/home/.pytensor")


def test_no_folder_at_all_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(prefix: str) -> str:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(code_folder.tempfile, "mkdtemp", refused)
    with pytest.raises(OSError, match=r"neither into '/ro' nor .* set PYTENSOR_FLAGS to base_com"):
        code_folder._temporary(Path("/ro"))


def test_nothing_can_be_written_at_home_or_beside_the_source(tmp_path: Path) -> None:
    """Files where folders would be: they stop the owner of the system, too."""
    (tmp_path / "halves.py").write_text(CACHED)
    (tmp_path / "__pycache__").write_text("")
    (tmp_path / "home").write_text("")
    code = (
        "import mmn_bayes as mb; mb.fit; import halves; print(halves.half(3.0));"
        "from pytensor import config; from pathlib import Path;"
        "files = Path(folder := config.base_compiledir).rglob('halves*.nbi');"
        "assert list(files); print(folder)"
    )
    environment = {
        k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "PYTENSORRC")
    }
    environment |= {
        "HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path / "home"),
        "PYTENSOR_FLAGS": "",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLCONFIGDIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said, folder = done.stdout.split()
    assert said == "1.5"
    assert "set PYTENSOR_FLAGS to base_compiledir=FOLDER" in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path(folder).exists()  # it went with its process
