"""A stored fit is what it says: changed, damaged or incomplete ones are refused in a sentence."""

import ast
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from test_report import make_fit

from mmn_bayes.data.replacing import replacing
from mmn_bayes.engine import sampling
from mmn_bayes.engine.completeness import incomplete
from mmn_bayes.errors import DataError, SamplingError
from mmn_bayes.model_file.reading import read_model
from mmn_bayes.report import fit_files, store
from mmn_bayes.report.content import content_checksum
from scripts.running import damage, stored
from scripts.running.damage import CHANGED, EDITS, RAW, REFUSED, SAME

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A fit of few variables, since it is read a hundred times."""
    fit = make_fit()
    fit["design"] = xr.DataTree(fit["design"].to_dataset()[["response", "naive", "x_naive"]])
    return fit_files.save(fit, tmp_path_factory.mktemp("kept") / "fit.nc")


def stated_anew(file, edit, to):
    """The file after an edit, with the checksum of what it holds then."""
    with xr.open_datatree(file, engine="h5netcdf", decode_times=False) as opened:
        tree = opened.load()
    edit(tree)
    del tree.attrs[fit_files.CHECKSUM]
    tree.attrs[fit_files.CHECKSUM] = content_checksum(tree)
    tree.to_netcdf(to, engine="h5netcdf")
    return to


# --- damage ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_damaged_file_is_refused_or_holds_what_it_held(kept):
    counts = damage.tried(kept, n_bits=40, n_cuts=6, seed=3)
    assert {way: count.total() for way, count in counts.items()} == {
        "single bits": 40,
        "truncations": 6,
        "edits": len(EDITS),
    }
    assert counts["truncations"] == {REFUSED: 6}
    assert counts["edits"] == {REFUSED: len(EDITS)}
    assert set(counts["single bits"]) <= {REFUSED, SAME}
    assert counts["single bits"][REFUSED] > 0


def test_the_drill_sees_what_is_loaded_changed_and_errors_of_libraries(kept, tmp_path, monkeypatch):
    original, file = fit_files.load(kept), tmp_path / "other.nc"
    content = stated_anew(kept, EDITS["seed"], tmp_path / "seed.nc").read_bytes()
    assert damage.loaded(kept.read_bytes(), file, original) == SAME
    assert damage.loaded(content, file, original) == CHANGED

    def raw(_):
        raise OSError("raw")

    monkeypatch.setattr(damage.mb, "load", raw)
    assert damage.loaded(content, file, original) == RAW


def test_the_checksum_is_of_the_content_and_not_of_the_file(kept, tmp_path):
    with xr.open_datatree(kept, engine="h5netcdf", decode_times=False) as opened:
        tree = opened.load()
    # Without compression, and with variables and attributes in another order.
    groups = {node.path: reordered(node.to_dataset(inherit=False)) for node in tree.subtree}
    plain = tmp_path / "plain.nc"
    xr.DataTree.from_dict(groups).to_netcdf(plain, engine="h5netcdf")
    assert plain.read_bytes() != kept.read_bytes()
    assert fit_files.load(plain).identical(fit_files.load(kept))


def reordered(dataset):
    variables = [*dataset.drop_encoding().variables.items()][::-1]
    attributes = dict([*dataset.attrs.items()][::-1])
    return xr.Dataset(dict(variables), attrs=attributes).set_coords([*dataset.coords])


def test_numbers_have_one_checksum_however_they_lie_in_memory():
    def of(values):
        return content_checksum(xr.DataTree(xr.Dataset({"a": (("x", "y"), values)})))

    values = np.array([[0.0, np.nan, -0.0], [1.0, np.inf, 5e-324]])
    assert of(values) == of(np.asfortranarray(values)) == of(values.astype(">f8"))
    assert of(values) != of(np.abs(values))
    assert of(values) != of(values.T)
    assert of(values) != of(values.astype(np.float32))
    # Text that would run together is told apart.
    texts = [np.array([pair]) for pair in (["ab", "c"], ["a", "bc"])]
    assert of(texts[0]) != of(texts[1]) == of(texts[1].astype(object))


def test_an_older_file_is_told_from_a_changed_one(kept, tmp_path):
    old = tmp_path / "old.nc"
    with xr.open_datatree(kept, engine="h5netcdf", decode_times=False) as opened:
        tree = opened.load()
    EDITS["checksum removed"](tree)
    tree.to_netcdf(old, engine="h5netcdf")
    with pytest.raises(DataError, match=r"old\.nc' was saved by an earlier version.*fit again"):
        fit_files.load(old)
    EDITS["seed"](tree)
    tree.attrs[fit_files.CHECKSUM] = "0" * 64
    tree.to_netcdf(old, engine="h5netcdf")
    with pytest.raises(DataError, match=r"is not as it was saved.*fit again"):
        fit_files.load(old)


def test_one_changed_bit_does_not_fill_the_memory(kept, tmp_path):
    """A length among the metadata may become one of a billion."""
    file = tmp_path / "huge.nc"
    file.write_bytes(kept.read_bytes())
    with h5py.File(file, "a") as opened:
        opened.create_dataset("design/huge", (2**40,), dtype="f8", chunks=True)
    with pytest.raises(DataError, match="damaged"):
        fit_files.load(file)


# --- complete and finite --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ("a draw that is no number", "'gain' is not a finite number in 1 of 100 draws"),
        ("an infinite draw", "'gain' is not a finite number in 1 of 100 draws"),
        ("draws removed", "'posterior' has 49 draws where 50 are stated"),
        ("a chain removed", "'posterior' has 1 chains where 2 are stated"),
        ("draws stated", "'posterior' has 50 draws where 49 are stated"),
    ],
)
def test_an_incomplete_fit_is_neither_loaded_nor_saved(kept, tmp_path, edit, says):
    file = stated_anew(kept, EDITS[edit], tmp_path / "fit.nc")
    with pytest.raises(DataError, match=f"no complete fit: {says}; run the fit again"):
        fit_files.load(file)
    fit = make_fit()
    EDITS[edit](fit)
    with pytest.raises(ValueError, match=f"cannot be saved: {says}"):
        fit_files.save(fit, tmp_path / "again.nc")
    assert not (tmp_path / "again.nc").exists()


def test_a_fit_is_complete_only_with_the_statistics_of_all_draws():
    fit = make_fit()
    diverging = (("chain", "draw"), np.zeros((2, 49), dtype=bool))
    fit["sample_stats"] = xr.DataTree(xr.Dataset({"diverging": diverging}))
    assert incomplete(fit) == ["'sample_stats' has 49 draws where 50 are stated"]
    fit["posterior"] = xr.DataTree(fit["posterior"].to_dataset().assign(fixed=1.0))
    assert "'fixed' has no dim 'chain'" in incomplete(fit)


@pytest.mark.draws
def test_draws_that_are_no_numbers_never_become_a_fit(few, models, monkeypatch):
    sampled = sampling._sampled

    def broken(*given):
        trace, posterior = sampled(*given)
        name = next(iter(posterior.data_vars))
        values = posterior[name].to_numpy().copy()
        values[0, -1] = np.nan
        return trace, posterior.assign({name: (posterior[name].dims, values)})

    monkeypatch.setattr(sampling, "_sampled", broken)
    lengths = {"chains": 2, "draws": 20, "tune": 50}
    with pytest.raises(SamplingError, match="is not a finite number in 1 of 40 draws"):
        sampling.fit(few, read_model(models / "response.toml"), seed=1, progress="off", **lengths)


# --- writing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "no space is left for it; free some"),
        (errno.EACCES, "its folder is not writable; make it writable"),
        (errno.EROFS, "its folder is not writable"),
        (errno.EIO, f"{os.strerror(errno.EIO)}; give another file or folder"),
    ],
)
def test_a_write_that_fails_says_why_and_leaves_the_old_file(tmp_path, monkeypatch, number, says):
    file = tmp_path / "fit.nc"
    file.write_text("old")

    def half(path, content):
        with path.open("wb") as partial:
            partial.write(content[:100])
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match=f"^'{file}' cannot be written: {re.escape(says)}") as raised:
        fit_files.save(make_fit(), file)
    assert raised.value.errno == number
    assert "\n" not in str(raised.value)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"fit.nc": "old"}


def test_a_disk_that_is_full_in_earnest(kept, tmp_path):
    """Files of this process may have 20 kB: what a full disk does, without one."""
    file = tmp_path / "fit.nc"
    file.write_text("old")
    code = f"""
        import resource, signal
        from mmn_bayes.report import fit_files
        fit = fit_files.load({str(kept)!r})
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            fit_files.save(fit, {str(file)!r})
        except OSError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"'{file}' cannot be written: no space is left for it")
    assert done.stderr == ""
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"fit.nc": "old"}


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("old")
    for path in (tmp_path / "file" / "fit.nc", tmp_path / "file" / "deep" / "fit.nc"):
        with pytest.raises(OSError, match=r"cannot be written: .* give another file or folder"):
            store.write_text("new", path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"folder' cannot be written"):
        store.write_text("new", tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(tmp_path):
    code = f"""
        import time
        from pathlib import Path
        from mmn_bayes.data.replacing import replacing
        with replacing(Path({str(tmp_path)!r}) / "slow.txt") as partial:
            partial.write_text("half")
            print("writing", flush=True)
            time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "writing\n"
        others = (tmp_path / ".mine.partial", tmp_path / ".fit.nc.123.partial")
        for other in others:
            other.write_text("left")
        store.write_text("new", tmp_path / "a.txt")
        names = {path.name for path in tmp_path.iterdir()}
        # A name that is not one of ours is let alone; that of an earlier version goes.
        assert {"a.txt", ".mine.partial"} < names
        assert ".fit.nc.123.partial" not in names
        assert sum(name.startswith(".slow.txt.") for name in names) == 1
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    store.write_text("newer", tmp_path / "b.txt")
    assert {path.name for path in tmp_path.iterdir()} == {"a.txt", "b.txt", ".mine.partial"}


def test_two_writers_of_one_file_do_not_write_into_each_other(tmp_path):
    file = tmp_path / "a.txt"
    with replacing(file) as one, replacing(file) as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert file.read_text() == "one"
    assert os.stat(file).st_mode & 0o777 == 0o666 & ~_umask()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


# --- scripts --------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path):
    """A copy of models and data that a test may change."""
    for folder in ("models", "data"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def refused(root, *names):
    with pytest.raises(SystemExit) as ended:
        stored.stored_fits(root / "fits", *names, root=root)
    return str(ended.value.code).splitlines()


@pytest.mark.draws
def test_scripts_take_fits_of_todays_model_and_data_alone(root):
    import mmn_bayes as mb

    folder, model = root / "fits", root / "models" / "response.toml"
    cohort = mb.read_cohort(root / "data" / "leger2008_cohort")
    lengths = {"chains": 2, "draws": 20, "tune": 50}
    fit = mb.fit(cohort, read_model(model), seed=1, progress="off", **lengths)
    mb.save(fit, folder / "response.nc")
    (again,) = stored.stored_fits(folder, "response", root=root)
    assert again.attrs["fingerprint"] == fit.attrs["fingerprint"]
    command = f"python scripts/reproduce_leger2008.py {folder}"
    said = refused(root, "response", "strength")
    assert said == [
        f"There is no fit '{folder / 'strength'}.nc'; run the fit and `save` it there first. "
        f"Make it anew by `{command}`."
    ]
    before = model.read_text(encoding="utf-8")
    model.write_text(before.replace("1.5", "1.6"), encoding="utf-8")
    assert read_model(model).fingerprint != fit.attrs["spec_fingerprint"]
    stale = (
        f"'{folder / 'response'}.nc' is not of today's model file, data and version of the code."
    )
    assert refused(root, "response") == [f"{stale} Make it anew by `{command}`."]
    model.write_text(before, encoding="utf-8")
    (folder / "response.nc").write_bytes((folder / "response.nc").read_bytes()[:-100])
    (said,) = refused(root, "response")
    assert "is damaged" in said
    assert said.endswith(f"Make it anew by `{command}`.")


def test_no_script_loads_a_fit_by_itself():
    """`stored_fits` makes sure that it is of today's model file and data."""
    loading = {
        path.relative_to(ROOT / "scripts").as_posix()
        for path in (ROOT / "scripts").rglob("*.py")
        if "mb.load(" in path.read_text(encoding="utf-8")
    }
    assert loading == {"running/stored.py", "running/damage.py", "drilling/looks.py"}


# --- manifests ------------------------------------------------------------------------------------

WRITERS = ("write_table", "write_report", "write_markdown", "write_text", "write_columns")
WRITERS += ("save_figure", "save")


def calls_of(function):
    """Names of what a function calls, in the order of its lines."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    return [getattr(call.func, "attr", getattr(call.func, "id", "")) for call in calls]


def manifest_faults(text):
    """Functions that write a manifest without removing it first, or before something else."""
    faults = []
    for function in ast.walk(ast.parse(text)):
        if not isinstance(function, ast.FunctionDef):
            continue
        own = ast.get_source_segment(text, function) or ""
        places = [i for i, name in enumerate(calls_of(function)) if name == "write_manifest"]
        by_hand = 'folder / "manifest' in own and "write_text" in own
        if not places and not by_hand:
            continue
        names = [
            n for n in calls_of(function) if n in (*WRITERS, "remove_manifest", "write_manifest")
        ]
        last = names[-1] if places else "write_manifest" if names[-1] == "write_text" else ""
        if names[0] != "remove_manifest" or last != "write_manifest":
            faults.append(function.name)
    return faults


def test_a_manifest_is_removed_first_and_written_last():
    folders = (ROOT / "scripts", ROOT / "mmn_bayes" / "studies")
    texts = {p: p.read_text(encoding="utf-8") for f in folders for p in f.rglob("*.py")}
    writing = {p.name for p, text in texts.items() if "remove_manifest(" in text} - {"store.py"}
    assert len(writing) == 14
    assert {p.name: faults for p, text in texts.items() if (faults := manifest_faults(text))} == {}


@pytest.mark.parametrize(
    "text",
    [
        "def main():\n    store.write_table(t)\n    store.write_manifest(fits)",
        "def main():\n    store.remove_manifest(m)\n    store.write_manifest(f)\n    save(f)",
        'def main():\n    write_table(t)\n    write_text(t, folder / "manifest.json")',
    ],
)
def test_the_look_at_manifests_sees_each_fault(text):
    assert manifest_faults(text) == ["main"]
