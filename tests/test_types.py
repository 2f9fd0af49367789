"""An installed copy carries its types: a checker sees the signature of every public verb."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WRONG = """
import mmn_bayes as mb

cohort = mb.read_cohort("cohort")
model = mb.read_model("model.toml")
mb.fitt(cohort, model)
number: int = mb.fit(cohort, model)
mb.fit(model, cohort)
mb.summarise(mb.response_probability(mb.fit(cohort, model), patients="everybody"))
mb.blocks.kinds(mb.fit(cohort, model))
"""
RIGHT = """
import mmn_bayes as mb

cohort = mb.read_cohort("cohort")
fit = mb.fit(cohort, mb.read_model("model.toml"), seed=1)
mb.io.print_table(mb.response_table(fit, by="naive"))
share = mb.blocks.block_kinds(fit, patients="cohort").mean("draw")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with what the wheel has, beside the libraries of this one."""
    folder = tmp_path_factory.mktemp("installed")
    wheels, environment = folder / "wheels", folder / "venv"
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    where = {"base": str(environment), "platbase": str(environment)}
    site = Path(sysconfig.get_path("purelib", vars=where))
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    return environment


def checked(environment: Path, text: str, folder: Path) -> list[str]:
    """Lines that mypy finds fault with, as "number: code"."""
    file = folder / "script.py"
    file.write_text(text)
    python = environment / "bin" / "python"
    command = [sys.executable, "-m", "mypy", "--python-executable", str(python), "--config-file="]
    found = subprocess.run(
        [*command, "--no-error-summary", "--hide-error-context", file.name],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    lines = [line for line in found.stdout.splitlines() if line.startswith("script.py")]
    assert found.returncode in (0, 1), found.stderr
    return [f"{line.split(':')[1]}: {line.rpartition('[')[2].rstrip(']')}" for line in lines]


@pytest.mark.slow
def test_a_wheel_has_its_types(installed: Path, tmp_path: Path) -> None:
    assert checked(installed, RIGHT, tmp_path) == []
    found = checked(installed, WRONG, tmp_path)
    expected = ["6: attr-defined", "7: assignment", "8: arg-type", "8: arg-type", "9: arg-type"]
    assert found == [*expected, "10: attr-defined"]
