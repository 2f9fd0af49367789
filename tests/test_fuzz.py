"""Mutated cohorts and model files end in a cohort, a model, or an error of the package.

The mutations are those of scripts/fuzz.py, which tries thousands; here hypothesis chooses them, the
same ones each time, and reduces what fails.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmn_bayes.model_file.reading import read_model
from scripts.fuzzing import cohorts, models

ROOT = Path(__file__).resolve().parents[1]
SPECS = [read_model(ROOT / "models" / f"{name}.toml") for name in ("strength", "response")]
FILES = models.valid(ROOT / "models")

pytestmark = pytest.mark.filterwarnings("ignore::mmn_bayes.errors.CohortWarning")
few = settings(max_examples=40, suppress_health_check=list(HealthCheck))
many = settings(few, max_examples=200)
randoms = st.randoms(use_true_random=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model files, for those that are based on another."""
    made = tmp_path_factory.mktemp("fuzz")
    shutil.copytree(ROOT / "models", made / "models")
    return made


@few
@given(randoms)
def test_a_mutated_cohort_is_a_cohort_for_models_or_a_data_error(folder: Path, random: Random):
    came = cohorts.outcome(cohorts.mutated(random), SPECS, folder / "cohort")
    shutil.rmtree(folder / "cohort", ignore_errors=True)
    assert came == "refused" or came.startswith("accepted")


@few
@given(randoms)
def test_a_cohort_of_a_mutated_file_is_a_cohort_or_a_data_error(folder: Path, random: Random):
    came = cohorts.outcome_of_files(random, folder / "files")
    shutil.rmtree(folder / "files")
    assert came in ("refused", "accepted")


@many
@given(st.sampled_from(sorted(FILES)), randoms)
def test_a_model_file_of_mutated_text_is_a_model_or_a_spec_error(folder, name, random):
    text = models.mutated_text(FILES[name][0], random)
    assert models.outcome(text, folder / "models") in ("refused", "accepted")


@many
@given(st.sampled_from(sorted(FILES)), randoms)
def test_mutated_tables_of_a_model_file_are_a_model_or_a_spec_error(folder, name, random):
    tables = models.mutated_tables(FILES[name][1], random)
    assert models.outcome(tables, folder / "models") in ("refused", "accepted")


def test_what_is_mutated_is_valid_to_begin_with(folder: Path):
    came = cohorts.outcome(cohorts.valid(Random(1)), SPECS, folder / "valid")
    assert came == "accepted, 2 of 2 models take it"
    for text, content in FILES.values():
        assert models.outcome(text, folder / "models") == "accepted"
        assert models.outcome(content, folder / "models") == "accepted"


def test_the_script_counts_what_it_tried():
    command = [sys.executable, "scripts/fuzz.py", "--cohorts", "3", "--models", "3", "--first", "7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first.startswith("cohorts: 3 tried; ")
    assert second.startswith("model files: 3 tried; ")
    assert first.endswith("0 raw tracebacks of 0 kinds")
