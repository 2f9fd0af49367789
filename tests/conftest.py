"""What every test stands on: the same random examples each time, and no window for a figure."""

import os
from pathlib import Path

import hypothesis
import pytest

# Before anything imports matplotlib, in this process or in one it starts.
os.environ["MPLBACKEND"] = "Agg"

# No deadline, for a first call may compile; derandomised, so that a failure is the code's and not
# the day's.
hypothesis.settings.register_profile("house", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("house")


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of model files."""
    return Path(__file__).resolve().parents[1] / "models"


# Files that fit models, the longest first: begun last, one of them would run alone at the end.
LONGEST = (
    *("test_fit.py", "test_structure.py", "test_references.py", "test_determinism.py"),
    *("test_leaving_out.py", "test_scenarios.py", "test_identifying.py", "test_running.py"),
    *("test_predictors.py", "test_worth.py", "test_compare_predictors.py", "test_calls.py"),
    *("test_recovery.py", "test_scale.py", "test_compiling.py", "test_ordinal.py"),
    *("test_any_link.py", "test_log_density.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first, the others in their order."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONGEST)))
