"""Values of members whom the draws do not know: each from its own distribution."""

import numpy as np
import pymc as pm
import pytest
import xarray as xr

from mmn_bayes.engine import predicting

N_DRAWS, N_PATIENTS = 400, 25
NAMES = ["level", "frailty", "of_frailty", "alone"]


@pytest.fixture
def new_patients(monkeypatch):
    """A function from the seed to values of new patients: of each name, draws of 2 chains first."""

    def build(spec, design, purpose):
        with pm.Model(coords={"patient": np.arange(N_PATIENTS)}) as model:
            shape, mean = pm.HalfNormal("shape"), pm.HalfNormal("mean")
            level = pm.Normal("level_z", 0.0, 1.0, dims="patient")
            frailty = pm.Gamma("frailty_of", shape, shape / mean, dims="patient")
            exponential = pm.Exponential("exponential", scale=frailty, dims="patient")
            alone = pm.HalfNormal("alone_of", dims="patient")
            for name, values in zip(NAMES, (level, frailty, exponential, alone), strict=True):
                pm.Deterministic(name, values, dims="patient")
        return model

    monkeypatch.setattr(predicting, "build", build)
    posterior = xr.Dataset(
        {
            "shape": (("chain", "draw"), np.repeat([[1.0], [100.0]], N_DRAWS, axis=1)),
            "mean": (("chain", "draw"), np.repeat([[1.0], [50.0]], N_DRAWS, axis=1)),
        }
    )

    def drawn(seed):
        rng = np.random.default_rng(seed)
        blocks = predicting.predict(None, None, posterior, NAMES, rng=rng, new_members=True)
        values = (np.concatenate(parts) for parts in zip(*(b for _, b in blocks), strict=True))
        shape = (2, N_DRAWS, N_PATIENTS)
        return {n: v.reshape(shape) for n, v in zip(NAMES, values, strict=True)}

    return drawn


@pytest.mark.draws
def test_a_frailty_of_new_patients_is_drawn_given_the_parameters_of_the_same_draw(new_patients):
    drawn = new_patients(1)
    for name in NAMES[1:]:
        assert drawn[name].min() > 0.0  # of a half of them, were they standard normals
        assert np.unique(drawn[name]).size == drawn[name].size  # anew for each draw and patient
    # Means and sds of a gamma distribution: m and m / sqrt(shape). A mean of 10,000 is within 6
    # standard errors but once in 10^9 runs; of exponentials given the frailty the sd is m sqrt(3).
    root_n = np.sqrt(N_DRAWS * N_PATIENTS)
    for chain, (mean, sd) in enumerate([(1.0, 1.0), (50.0, 5.0)]):
        assert drawn["frailty"][chain].mean() == pytest.approx(mean, abs=6 * sd / root_n)
    own = drawn["of_frailty"] / drawn["frailty"]  # standard exponentials
    assert own.mean(axis=(1, 2)) == pytest.approx([1.0, 1.0], abs=6 / root_n)


@pytest.mark.draws
def test_the_same_generator_gives_the_same_new_patients(new_patients):
    one, same, other = new_patients(1), new_patients(1), new_patients(2)
    assert all((one[name] == same[name]).all() for name in NAMES)
    assert all((one[name] != other[name]).all() for name in NAMES)


@pytest.mark.draws
def test_standard_normals_are_those_of_the_generator(new_patients):
    rng = np.random.default_rng(1)
    [rng.integers(2**32) for _ in range(3)]  # seeds of the three that are no standard normals
    rng.standard_normal((1, N_PATIENTS))  # to learn how large a block may be
    assert (
        new_patients(1)["level"].reshape(-1, N_PATIENTS)
        == rng.standard_normal((2 * N_DRAWS, N_PATIENTS))
    ).all()
