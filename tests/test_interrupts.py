"""Runs that are interrupted, killed or find damaged results: nothing half done, nobody left."""

import ast
import os
import signal
import subprocess
import sys
import time
import uuid
import warnings
from pathlib import Path

import psutil
import pytest
from measures import HERE, killed, label_of, mean_of_intercept

from mmn_bayes.errors import CohortWarning
from mmn_bayes.model_file.reading import read_model
from mmn_bayes.studies import runner as running
from mmn_bayes.studies.known_truth import simulated
from mmn_bayes.studies.runner import Task, run_tasks, task_seed
from mmn_bayes.studies.workers import interruptions_held
from scripts.drilling.looks import MARK, marked

ROOT = Path(HERE).parent
LENGTHS = {"chains": 1, "draws": 20, "tune": 30}


@pytest.fixture(autouse=True)
def ctrl_c_is_heard():
    """What a process in the background starts would be deaf to it, as that is itself."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def workers_find_the_measures(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), HERE]))


def task(models, name, **extra):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        spec, cohort = read_model(models / "response.toml"), simulated(12, 1)
    return Task(name, spec, cohort, task_seed(7, name), LENGTHS, extra=extra)


def folder_of(tmp_path, name):
    (tmp_path / name).mkdir()
    return str(tmp_path / name)


@pytest.mark.bits
@pytest.mark.slow
def test_a_killed_worker_is_tried_again_and_a_second_time_is_a_row(models, tmp_path, capfd):
    times = {"once": 1, "always": 9, "after": 0}
    tasks = [
        task(models, name, folder=folder_of(tmp_path, name), times=n) for name, n in times.items()
    ]
    table = run_tasks(tasks, killed, tmp_path / "kept", workers=2).set_index("task")
    assert table["error"].drop("always").tolist() == ["", ""]
    assert table.loc["always", "error"].startswith(
        "Its process was killed, and again when it ran alone"
    )
    assert len(list((tmp_path / "kept").iterdir())) == 2
    assert len(list((tmp_path / "always").iterdir())) in (2, 3)
    assert "A worker was killed; again, by itself each: " in capfd.readouterr().err


def test_a_damaged_result_is_made_again(models, tmp_path, monkeypatch):
    fits = []
    monkeypatch.setattr(running, "fit", lambda *_, **__: fits.append(1))
    one = task(models, "one")
    table = run_tasks([one], label_of, tmp_path, workers=1, progress=False)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    places = range(0, len(whole), len(whole) // 40)
    flipped = [whole[:i] + bytes([whole[i] ^ 4]) + whole[i + 1 :] for i in places]
    for number, damaged in enumerate((b"", whole[:30], whole[:-1], os.urandom(900), *flipped)):
        file.write_bytes(damaged)
        again = run_tasks([one], label_of, tmp_path, workers=1, progress=False)
        assert again.equals(table), number
    assert len(fits) > 10  # a flipped bit that nobody reads is no damage


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_no_workers_is_one_sentence(models, tmp_path, workers):
    with pytest.raises(
        ValueError, match=r"^workers is .*; (at least 1 is needed|give a whole num)"
    ):
        run_tasks([task(models, "one")], mean_of_intercept, tmp_path, workers=workers)


RUN = """
import os, sys, time, psutil
from pathlib import Path
import measures
from test_interrupts import task
from mmn_bayes.studies.runner import run_tasks

if __name__ == "__main__":
    models, folder = Path(sys.argv[1]), Path(sys.argv[2])
    seconds = {"first": 0.0, "second": 60.0, "third": 60.0}
    tasks = [task(models, n, seconds=s, started=str(folder / n)) for n, s in seconds.items()]
    try:
        run_tasks(tasks, measures.slow, folder / "kept", workers=2)
    except KeyboardInterrupt:
        children = psutil.Process().children(recursive=True)
        children = [c for c in children if "resource_tracker" not in " ".join(c.cmdline())]
        print("interrupted", time.time(), len(children), flush=True)
        time.sleep(60)
"""


def until(happened, seconds):
    end = time.perf_counter() + seconds
    while not happened() and time.perf_counter() < end:
        time.sleep(0.1)
    return happened()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_nobody_and_what_is_finished(models, tmp_path, number):
    mark = uuid.uuid4().hex
    command = [sys.executable, "-c", RUN, str(models), str(tmp_path)]
    run = subprocess.Popen(
        command, env=os.environ | {MARK: mark}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        begun = [tmp_path / "second", tmp_path / "third"]
        assert until(lambda: all(file.exists() for file in begun), 120), run.stderr.read()
        assert len(list((tmp_path / "kept").iterdir())) == 1
        assert len(marked(mark)) >= 3
        sent = time.time()
        if number == signal.SIGINT:
            # As a terminal does: to everyone.
            for process in marked(mark):
                process.send_signal(number)
            word, at, children = run.stdout.readline().split()
            assert word == b"interrupted"
            assert float(at) - sent < 2.0
            assert children == b"0"
            run.kill()
            assert until(lambda: not marked(mark), 5.0), marked(mark)
        else:
            run.send_signal(number)
            run.wait(5)
            assert until(lambda: not marked(mark), 5.0), marked(mark)
        assert [file.suffix for file in (tmp_path / "kept").iterdir()] == [".parquet"]
    finally:
        run.kill()
        said = run.communicate()[1].decode()
        for process in marked(mark):
            process.kill()
    assert "Traceback" not in said


def test_an_interruption_waits_for_the_end_of_the_block(request):
    # Whoever starts the tests in the background has Ctrl-C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    done = []

    def start():
        with interruptions_held():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
            done.append(1)
        done.append(2)

    with pytest.raises(KeyboardInterrupt):
        start()
    assert done == [1]


# --- scripts -------------------------------------------------------------------------------------

SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_script_has_its_guard_before_anything_that_takes_long(script):
    for node in ast.parse(script.read_text(encoding="utf-8")).body:
        names = [alias.name for alias in getattr(node, "names", [])]
        for name in [node.module] if isinstance(node, ast.ImportFrom) else names:
            if name in ("running.guard", "running.command_line"):
                return
            assert name.partition(".")[0] in sys.stdlib_module_names, name
    pytest.fail("it has none")


STUB = """
import running.command_line, os, subprocess, sys, time
from pathlib import Path

Path(running.command_line.__file__)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
{what}
"""
WAYS = {
    "in Python": "time.sleep(60)",
    # As the compiler does, it lets other threads go on.
    "in C": "import hashlib; hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)",
    "where an error follows": "try:\n    time.sleep(60)\nfinally:\n    raise RuntimeError",
    "where it is caught": """
while True:
    try:
        time.sleep(60)
    except BaseException:
        pass
""",
}


def stub(tmp_path, what):
    """The command of a script with a guard, which starts a process and then does something."""
    scripts = tmp_path / "scripts"
    (scripts / "running").mkdir(parents=True)
    for name in ("guard.py", "command_line.py"):
        text = (ROOT / "scripts" / "running" / name).read_text(encoding="utf-8")
        (scripts / "running" / name).write_text(text, encoding="utf-8")
    (scripts / "stub.py").write_text(STUB.format(what=what))
    return [sys.executable, str(scripts / "stub.py")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("way", WAYS)
def test_a_script_that_is_asked_to_end_does_so_at_once(tmp_path, way, number):
    command = stub(tmp_path, WAYS[way])
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        child = int(run.stdout.readline())
        sent = time.perf_counter()
        run.send_signal(number)
        try:
            said = run.communicate(timeout=10)[1]
        finally:
            run.kill()
        assert time.perf_counter() - sent < 3.0
    assert run.returncode == 128 + number
    assert said == b""
    assert until(lambda: not is_alive(child), 1.0)


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_script_ends_when_the_one_that_started_it_was_killed(tmp_path):
    code = (
        "import os, subprocess, sys;"
        "told = os.environ | {'SCRIPT_IS_RUN_BY': str(os.getpid())};"
        "subprocess.run(sys.argv[1:], env=told, check=True)"
    )
    command = [
        sys.executable,
        "-c",
        code,
        *stub(tmp_path, "print(os.getpid(), flush=True)\ntime.sleep(60)"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as runner:
        pids = [int(runner.stdout.readline()) for _ in range(2)]
        assert all(is_alive(pid) for pid in pids)
        runner.kill()
    assert until(lambda: not any(is_alive(pid) for pid in pids), 5.0)
