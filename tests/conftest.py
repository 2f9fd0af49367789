"""What every test stands on: the same random examples each time, and no window for a figure.

A test of draws has the mark `draws`, holds for every seed and on every processor, and is run under
other seeds too: SEED_SHIFT, a whole number in the environment, shifts the seed of every sampler.
One that compares draws bit by bit, of processes of one machine, has the mark `bits` instead; one
that needs a fit but asks nothing of its draws the mark `any_draws`.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from xarray import DataTree

    from mmn_bayes.data.schema import Cohort

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
    from mmn_bayes.simulation.recipe import with_compartment
    from mmn_bayes.studies.known_truth import simulated

    return simulated(12, 3, with_compartment())


@pytest.fixture(scope="session")
def strength_of_few(models: Path, few: "Cohort") -> "DataTree":
    """The strength model fitted to them, once a process: for what holds of any draws."""
    from mmn_bayes.engine.sampling import fit
    from mmn_bayes.model_file.reading import read_model

    lengths = {"chains": 2, "draws": 150, "tune": 200}
    return fit(few, read_model(models / "strength.toml"), seed=5, **lengths, progress="off")


# --- draws ---------------------------------------------------------------------------------------

SEED_SHIFT = int(os.environ.get("SEED_SHIFT", "0"))
_sampled_so_far = [0]
# Fixtures that hold draws, by the file or folder they are of.
_of_draws: set[tuple[str, str]] = set()


@pytest.fixture(scope="session", autouse=True)
def seeds() -> Iterator[None]:
    """Count the runs of the sampler in this process, and shift their seeds."""
    from mmn_bayes.engine import sampling

    sample: Callable[..., Any] = sampling._sampled

    def counted(*given: Any) -> Any:
        _sampled_so_far[0] += 1
        *first, settings, reporter = given
        seed = (settings.seed + 7919 * SEED_SHIFT) % 2**32
        return sample(*first, settings._replace(seed=seed), reporter)

    sampling._sampled = counted
    yield
    sampling._sampled = sample


class Draws:
    """Knows which tests have draws: of the sampler itself, or by a fixture that holds some.

    A plugin of its own, since the hooks of this file are not told of fixtures of the session.
    """

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: "pytest.FixtureDef[Any]", request: pytest.FixtureRequest
    ) -> Iterator[Any]:
        """Remember which fixtures hold draws, their own or those of another fixture."""
        before = _sampled_so_far[0]
        result = yield
        others = request._fixturemanager.getfixturedefs
        from_others = any(
            (definition.baseid, name) in _of_draws
            for name in fixturedef.argnames
            for definition in others(name, request.node) or ()
        )
        if _sampled_so_far[0] > before or from_others:
            _of_draws.add((fixturedef.baseid, fixturedef.argname))
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[Any]:
        """Fail a test that has draws and does not have the mark, so that none is forgotten."""
        before = _sampled_so_far[0]
        result = yield
        named: dict[str, Any] = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]
        held = any((one.baseid, name) in _of_draws for name, all_ in named.items() for one in all_)
        marked = any(item.get_closest_marker(name) for name in ("draws", "bits", "any_draws"))
        if (held or _sampled_so_far[0] > before) and not marked:
            pytest.fail(f"{item.name} has draws of the sampler: mark it with pytest.mark.draws.")
        return result


def pytest_configure(config: pytest.Config) -> None:
    """Have draws looked after."""
    config.pluginmanager.register(Draws(), "draws")


# The longest files first: begun last, one of them would run alone at the end. While one process has
# the very longest, the other has those that share a fit, which take as long together.
LONGEST = (
    *("test_log_density.py", "test_fit.py", "test_arguments.py", "test_scenarios.py"),
    *("test_identifying.py",),
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
