"""What `by` makes of the patients of a fit: one function, one sentence when it makes nothing."""

import numpy as np
import pytest
import xarray as xr

from mmn_bayes.posterior.groups import groups_of

NAIVE = np.array([True, True, False, True])
OLD = np.array([0.0, 1.0, 1.0, 0.0])


def make_fit(naive=NAIVE):
    design = xr.Dataset(
        {
            "naive": ("patient", naive),
            "response": ("patient", np.array([1, 0, -1, 1])),
            "n_sites": ("patient", np.array([1, 1, 1, 0])),
            "x_old": ("patient", OLD),
            "x_age": ("patient", np.array([0.0, 1.0, 0.5, -1.0])),
        }
    )
    fit = xr.DataTree.from_dict({"design": design})
    fit.attrs["spec_name"] = "strength"
    return fit


def test_a_yes_no_variable_makes_no_and_yes():
    groups = groups_of(make_fit(), "old")
    assert groups.by == "old"
    assert list(groups.members) == [False, True]
    assert groups.members[True].tolist() == [False, True, True, False]
    assert groups.members[False].tolist() == [True, False, False, True]
    assert groups.of_patient.tolist() == [False, True, True, False]
    assert groups_of(make_fit(), "naive").of_patient.tolist() == NAIVE.tolist()


def test_a_group_without_patients_is_none():
    groups = groups_of(make_fit(naive=np.full(4, True)), "naive")
    assert list(groups.members) == [True]
    assert groups.of_patient.tolist() == [True] * 4


def test_without_a_variable_all_patients_are_one_group():
    groups = groups_of(make_fit(), None)
    assert groups.by is None
    assert list(groups.members) == ["all"]
    assert groups.members["all"].all()
    assert groups.of_patient.tolist() == ["all"] * 4


@pytest.mark.parametrize("by", ["age", "sex", "x_old", "response", "n_sites", "", ["naive"]])
def test_what_makes_no_groups_is_answered_with_what_does(by):
    with pytest.raises(ValueError, match="makes no groups") as caught:
        groups_of(make_fit(), by)
    assert str(caught.value) == (
        f"by is {by!r}, which makes no groups in the model 'strength'; use one of naive, old, "
        "or None."
    )
