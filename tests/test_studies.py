"""The studies as parts: what is done stays, and an interruption leaves nothing behind."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from stored import MADE_BY, ROOT, Beside

import mmn_bayes as mb
from scripts.running import plan, processes
from scripts.running.command_line import Timing, parser_of
from scripts.running.plan import FITS, STUDIES
from scripts.running.processes import Runner
from scripts.running.stamps import Stamps, fits_are_current

HISTORY = next(part for part in STUDIES if part.name == "history")
BY_NAME = {part.name: part for part in STUDIES}


# --- the plan -------------------------------------------------------------------------------------


def test_the_makefile_has_the_parts_of_the_plan():
    text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    parts, alone = (re.search(rf"(?m)^{n} := (.*)$", text)[1].split() for n in ("PARTS", "ALONE"))
    assert parts == [part.name for part in STUDIES]
    assert set(alone) <= set(parts)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in parts if f"`studies-{name}`" not in readme] == []
    targets = {target.removeprefix("studies-") for target in MADE_BY.values()} - {"results"}
    assert targets <= set(parts)


def test_every_script_of_results_is_of_a_part_or_has_a_target():
    """What writes results is of the main job, of a part, or measures a machine."""
    others = {"benchmark", "cost_of_exposure", "compare_results", "simulate_cohort", "studies"}
    others |= {"try_seeds", "damage_drill", "interrupt_drill", "fuzz"}  # of the tests
    scripts = {path.stem for path in (ROOT / "scripts").glob("*.py")}
    assert scripts == {FITS.script, *(part.script for part in STUDIES), *others}


def test_the_plan_names_the_models_that_were_fitted():
    by_writes = {part.writes: part for part in (*STUDIES, FITS)}
    by_writes |= {"leger2008/manifest_history.json": HISTORY, "leger2008/manifest.json": FITS}
    by_writes["leger2008/manifest_first_months.json"] = BY_NAME["exposure"]
    for manifest in MADE_BY:
        part = by_writes[manifest]
        for name in Beside().fits(manifest):
            file = "joint" if name.startswith("joint") else name
            patterns = [f"{pattern}.toml" for pattern in part.models]
            assert any(Path(f"{file}.toml").match(p) for p in patterns), (part.name, name)


def test_no_script_takes_a_word_for_help_as_a_folder():
    for path in (ROOT / "scripts").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "sys.argv" not in text, path
        assert re.search(r"folder_of\(|parser_of\(|ArgumentParser\(|arguments\(\)", text), path


def test_the_help_of_a_script_says_what_it_does_and_where_it_writes(tmp_path):
    parser = parser_of("What it does.\n\nUsage: as it was\n\nAnd more.\n", tmp_path)
    text = parser.format_help()
    assert "What it does.\n\nAnd more." in text
    assert "as it was" not in text
    assert str(tmp_path) in text.replace("\n", "").replace(" ", "")
    assert parser.parse_args([]).folder == tmp_path
    assert parser.parse_args(["here"]).folder == Path("here")


# --- what is done ---------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path):
    """A copy of what parts are made of, with a file that each writes."""
    for name in ("models", "data", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for part in (*STUDIES, FITS):
        path = tmp_path / "results" / part.writes
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")
    (tmp_path / "results" / "leger2008" / "response.nc").write_text("", encoding="utf-8")
    return tmp_path


def append(path, text):
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_a_part_is_done_until_one_of_its_inputs_changes(root, monkeypatch):
    own = Stamps(root)
    assert not own.is_done(HISTORY)
    assert own.seconds(HISTORY) == HISTORY.seconds
    own.done(HISTORY, own.inputs(HISTORY), 12.34)
    assert own.is_done(HISTORY)
    assert own.seconds(HISTORY) == 12.3
    append(root / "models" / "strength.toml", "\n")  # a remark, and of another part
    append(root / "models" / "response_map.toml", "# a remark\n")
    append(root / "scripts" / "study_visits.py", "# another part\n")
    assert own.is_done(HISTORY)
    changes = [
        (root / "models" / "response.toml", "chance"),
        (root / "data" / "evidence" / "response_counts.csv", "\n"),
        (root / "scripts" / "history_leger2008.py", "# changed\n"),
    ]
    for path, text in changes:
        before = path.read_bytes()
        if text == "chance":  # a file that two of its models are based on
            path.write_bytes(before.replace(b"sd = ", b"sd = 1", 1))
            assert path.read_bytes() != before
        else:
            append(path, text)
        assert not own.is_done(HISTORY), path
        path.write_bytes(before)
        assert own.is_done(HISTORY)
    monkeypatch.setattr(mb.engine, "CODE_VERSION", mb.engine.CODE_VERSION + 1)
    assert not own.is_done(HISTORY)


def test_a_part_is_not_done_when_what_it_wrote_is_gone(root):
    own = Stamps(root)
    own.done(HISTORY, own.inputs(HISTORY), 1.0)
    (root / "results" / HISTORY.writes).unlink()
    assert not own.is_done(HISTORY)


def test_a_part_is_of_the_inputs_of_those_it_reads(root):
    own, placebo = Stamps(root), BY_NAME["placebo"]
    before = own.inputs(placebo)
    append(root / "scripts" / "history_leger2008.py", "# changed\n")
    assert own.inputs(placebo) != before


def test_fits_are_current_while_they_are_newer_than_what_they_are_made_of(root):
    old, new = time.time() + 100, time.time() + 200
    for name in FITS.models:
        os.utime(root / "results" / "leger2008" / f"{name}.nc", (old, old))
    assert fits_are_current(root)
    os.utime(root / "models" / "response.toml", (new, new))
    assert not fits_are_current(root)
    os.utime(root / "models" / "response.toml", (old, old))
    (root / "results" / "leger2008" / "response.nc").unlink()
    assert not fits_are_current(root)


# --- running --------------------------------------------------------------------------------------


@pytest.fixture
def runner(root, monkeypatch):
    """A runner whose parts only say that they ran; those of `failing` fail."""
    monkeypatch.setattr(processes, "fits_are_current", lambda root: root != "missing")
    ran, failing = root / "ran.txt", set()

    def command(part):
        code = f"print('of {part.name}'); open({str(ran)!r}, 'a').write('{part.name}\\n')"
        code += f"; raise SystemExit({int(part.name in failing)})"
        return [sys.executable, "-c", code]

    def make(jobs=1):
        return Runner(Stamps(root), jobs, command)

    make.failing = failing
    make.names = lambda: ran.read_text(encoding="utf-8").split() if ran.exists() else []
    return make


def test_what_is_done_is_not_done_again(runner, capsys):
    parts = STUDIES[:3]
    assert runner().run(parts) == 0
    said = capsys.readouterr().out
    assert "studies: checks (0 of 3 done, 3 left, about " in said
    assert "studies: placebo (2 of 3 done, 1 left, about " in said
    assert runner.names() == ["checks", "history", "placebo"]
    assert runner().run(parts) == 0
    assert runner.names() == ["checks", "history", "placebo"]
    assert "placebo is done of these inputs" in capsys.readouterr().out
    assert runner().run(parts[1:2], again=True) == 0
    assert runner.names()[3:] == ["history"]


def test_what_a_part_reads_comes_first(runner, monkeypatch):
    monkeypatch.setattr(processes, "fits_are_current", lambda root: False)
    assert runner(jobs=2).run([BY_NAME["placebo"]]) == 0
    assert runner.names() == ["fits", "history", "placebo"]


def test_a_failed_part_is_said_and_only_what_reads_it_waits(runner, capsys):
    runner.failing.add("history")
    parts = [BY_NAME[name] for name in ("history", "placebo", "blocks")]
    assert runner().run(parts) == 1
    assert runner.names() == ["history", "blocks"]
    said = capsys.readouterr()
    assert "of history" in said.err
    assert "history FAILED" in said.out
    assert "placebo FAILED" in said.out
    runner.failing.clear()
    assert runner().run(parts) == 0
    assert runner.names()[2:] == ["history", "placebo"]


def test_the_time_left_is_by_the_pace_so_far(root):
    own = Runner(Stamps(root))
    own.todo = list(STUDIES[:2])
    planned = sum(part.seconds for part in STUDIES[:2])
    assert own.left() == pytest.approx(planned)
    own.paces = [(10.0, 15.0), (30.0, 65.0)]
    assert own.left() == pytest.approx(2.0 * planned)
    own.jobs = 2
    assert own.left() == pytest.approx(planned)
    assert processes.in_words(89.0) == "about 89 s"
    assert processes.in_words(600.0) == "about 10 min"


CHILDREN = """
import subprocess, sys, time, signal
{ignoring}
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("started", flush=True)
time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("ignoring", ["", "signal.signal(signal.SIGINT, signal.SIG_IGN)"])
def test_interrupted_it_leaves_no_process_behind(root, number, ignoring):
    """Neither the script nor what that has started, even where the script will not end."""
    code = CHILDREN.format(ignoring=ignoring)
    main = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from scripts.running import ending, processes
from scripts.running.plan import STUDIES
from scripts.running.stamps import Stamps
ending.PATIENCE = 1.0
processes.fits_are_current = lambda root: True
command = [sys.executable, "-c", {code!r}]
runner = processes.Runner(Stamps(Path({str(root)!r})), 1, lambda part: command)
sys.exit(runner.run(STUDIES[:2]))
"""
    process = subprocess.Popen([sys.executable, "-c", main], stderr=subprocess.PIPE, text=True)
    log, until = root / ".studies" / "checks.log", time.monotonic() + 30
    while not (log.is_file() and "started" in log.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    (child,) = children(process.pid)
    grandchildren = children(child)
    assert len(grandchildren) == 1
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert "called again it goes on" in said
    gone = time.monotonic() + 5
    while any(is_alive(pid) for pid in (child, *grandchildren)) and time.monotonic() < gone:
        time.sleep(0.05)
    assert not any(is_alive(pid) for pid in (child, *grandchildren))
    assert not Stamps(root).is_done(STUDIES[0])


def children(pid):
    done = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    pairs = (map(int, line.split()) for line in done.stdout.splitlines())
    return [one for one, parent in pairs if parent == pid]


def is_alive(pid):
    asked = ["ps", "-o", "stat=", "-p", str(pid)]
    stat = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return bool(stat) and not stat.startswith("Z")


# --- timing ---------------------------------------------------------------------------------------


class FakeFit:
    def __init__(self, **attrs):
        self.attrs = attrs


def test_the_parts_of_a_script_add_up(monkeypatch):
    clock = iter([2.0, 12.0, 13.0])
    monkeypatch.setattr("scripts.running.command_line.since_start", lambda: next(clock))
    timing = Timing()
    timing.done("start-up")
    fits = [FakeFit(seconds_sampling=s, seconds_compiling=1.0, seed=3) for s in (4.0, 2.0)]
    timing.done("design", fits)
    timing.done("table")
    expected = {"start-up": 2.0, "design": 2.0, "sampling": 6.0, "compiling": 2.0, "table": 1.0}
    assert timing.seconds == pytest.approx(expected)
    lines = timing.lines(asked=True)
    assert lines[-1].split()[-2:] == ["13.0", "s"]
    assert sum(expected.values()) == 13.0
    assert timing.lines(asked=False) == []


def test_names_of_parts_are_told_where_one_is_wrong():
    asked = [sys.executable, str(ROOT / "scripts" / "studies.py"), "histroy"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no part histroy; there are: checks, history," in done.stderr


def test_parts_are_named_once():
    assert len({part.name for part in STUDIES}) == len(STUDIES)
    assert all(set(part.after) <= set(BY_NAME) for part in STUDIES)
    assert all(set(part.fits) <= {*plan.BOTH} for part in STUDIES)
    assert replace(HISTORY, seconds=1.0) != HISTORY
