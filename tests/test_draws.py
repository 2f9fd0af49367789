"""Draws with names, what a fit carries, and random numbers by purpose."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from mmn_bayes.data.random_streams import KEYS, rng_of
from mmn_bayes.data.reading import read_cohort
from mmn_bayes.data.restricting import of_patients
from mmn_bayes.engine.design import make_design
from mmn_bayes.model_file.model_spec import model_to_toml
from mmn_bayes.model_file.reading import read_model
from mmn_bayes.posterior.draws import as_draws, drawn_from, require_fit_of, spec_of
from mmn_bayes.posterior.groups import Groups


@pytest.fixture
def tree():
    """Two chains of three draws."""
    posterior = xr.Dataset(coords={"chain": [0, 1], "draw": [4, 6, 8]})
    whole = xr.DataTree.from_dict({"posterior": posterior})
    whole.attrs = {"synthetic": 1, "seed": 11}
    return whole


def test_draws_have_their_names_and_say_what_they_are_of(tree):
    values = np.arange(6 * 2 * 4.0).reshape(6, 8)
    dims = {"site": None, "day": [0.0, 1.0, 2.0, 5.0]}
    drawn = as_draws(tree, values, dims, quantity="strength", support=(0.0, 100.0), name="s")
    assert drawn.dims == ("chain", "draw", "site", "day")
    assert "site" not in drawn.coords
    assert drawn.sel(chain=1, draw=4, day=2.0).values.tolist() == [26.0, 30.0]
    expected = {"synthetic": True, "distribution": "posterior", "quantity": "strength"}
    assert drawn.attrs == {**expected, "support": (0.0, 100.0)}
    assert drawn.name == "s"


def test_where_all_are_one_group_there_is_no_dim_of_groups(tree):
    both = Groups("naive", {False: np.array([True]), True: np.array([False])})
    everybody = Groups(None, {"all": np.array([True])})
    of_two = as_draws(tree, np.zeros((6, 2)), both.dims, quantity="rate")
    of_one = as_draws(tree, np.zeros((6, 1)), everybody.dims, quantity="rate", meaning="of all")
    assert of_two["naive"].values.tolist() == [False, True]
    assert of_one.dims == ("chain", "draw")
    assert set(of_one.coords) == {"chain", "draw"}
    assert of_one.attrs["meaning"] == "of all"


def test_draws_of_a_prior_say_so(tree):
    tree.attrs["distribution"] = "prior"
    assert as_draws(tree, np.zeros(6), {}, quantity="x").attrs["distribution"] == drawn_from(tree)


def test_the_model_of_a_fit_is_parsed_once(models):
    text = (models / "response.toml").read_text(encoding="utf-8")
    one, other = xr.DataTree(), xr.DataTree()
    one.attrs = {"spec_toml": text, "spec_name": "one"}
    other.attrs = {"spec_toml": text, "spec_name": "other"}
    assert spec_of(one) is spec_of(one)
    assert (spec_of(one).name, spec_of(other).name) == ("one", "other")


@pytest.fixture
def cohort(models):
    return read_cohort(models.parent / "data" / "leger2008_cohort")


def test_a_fit_is_of_the_cohort_that_gives_its_design(models, cohort):
    spec = read_model(models / "candidates_response.toml")
    one = xr.DataTree.from_dict({"design": make_design(cohort, spec)})
    one.attrs = {"spec_toml": model_to_toml(spec), "spec_name": "one"}
    require_fit_of(one, cohort)
    changed = cohort.patients.assign(age_onset_years=cohort.patients["age_onset_years"] + 1)
    other = replace(cohort, patients=changed)
    with pytest.raises(ValueError, match=r"'one' is not of this cohort; give the one it is of"):
        require_fit_of(one, other)
    require_fit_of(one, other, covariates=False)
    fewer = of_patients(cohort, cohort.patients["patient"][1:].tolist())
    for some in (False, True):
        with pytest.raises(ValueError, match="is not of this cohort"):
            require_fit_of(one, fewer, some=some)
    of_some = xr.DataTree.from_dict({"design": make_design(fewer, spec)})
    of_some.attrs = one.attrs
    require_fit_of(of_some, cohort, some=True)
    with pytest.raises(ValueError, match="is not of this cohort; give"):
        require_fit_of(of_some, cohort)


def test_each_purpose_has_random_numbers_of_its_own(tree):
    # A nought at the end of a key would make no difference to the stream.
    assert all(not key or key[-1] for key in KEYS.values())
    assert len(set(KEYS.values())) == len(KEYS)
    first = {rng_of(tree, purpose).random() for purpose in KEYS}
    assert len(first) == len(KEYS)


def test_a_stream_is_that_of_the_seed_and_the_key_and_begins_anew():
    for purpose, key in KEYS.items():
        expected = np.random.default_rng([3, *key, 2]).random()
        assert rng_of(3, purpose, 2).random() == rng_of(3, purpose, 2).random() == expected
