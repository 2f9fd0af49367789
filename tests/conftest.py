"""What every test stands on: the same random examples each time, and no window for a figure."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from xarray import DataTree

    from mmn_bayes.cohort.schema import Cohort

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


# What a fixture imports is not for a process that only hands out tests.


@pytest.fixture(scope="session")
def few() -> "Cohort":
    """Twelve simulated patients, two of whom were not seen at follow-up."""
    from mmn_bayes.cohort.recipe import with_compartment
    from mmn_bayes.posterior.recovery import simulated

    return simulated(12, 3, with_compartment())


@pytest.fixture(scope="session")
def strength_of_few(models: Path, few: "Cohort") -> "DataTree":
    """The strength model fitted to them, once a process: for what holds of any draws."""
    from mmn_bayes.model.sampling import fit
    from mmn_bayes.spec.reading import read_spec

    lengths = {"chains": 2, "draws": 150, "tune": 200}
    return fit(read_spec(models / "strength.toml"), few, seed=5, **lengths, progress="off")


# The longest files first: begun last, one of them would run alone at the end. While one process has
# the very longest, the other has those that share a fit, which take as long together.
LONGEST = (
    *("test_log_density.py", "test_fit.py", "test_scenarios.py", "test_identifying.py"),
    *("test_definitions.py", "test_both_worlds.py", "test_missing.py", "test_leaving_out.py"),
    *("test_predictors.py", "test_historical.py", "test_structure.py", "test_observed_effects.py"),
    *("test_recovery.py", "test_determinism.py", "test_references.py", "test_running.py"),
    *("test_compare_predictors.py", "test_frequentist.py", "test_any_link.py", "test_worth.py"),
    *("test_long_run_density.py", "test_states.py", "test_block_model.py", "test_joint.py"),
    *("test_scale.py", "test_cohort_reading.py", "test_classes.py", "test_compiling.py"),
    *("test_ordinal.py", "test_calls.py", "test_imputed.py", "test_recovery_study.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first, the others in their order."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONGEST)))
