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
