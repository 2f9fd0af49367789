"""A family and a link that a user registers, from the model file to the response table.

The family is sequential (a continuation ratio): grade k is passed with probability
1 - F(c_k - eta), so that its probabilities are p_k = F(c_k - eta) prod_{j<k} (1 - F(c_j - eta)).
"""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.stats as ss
import sites
from trees import known

import mmn_bayes as mb
from mmn_bayes.engine import ordinal, site_integral
from mmn_bayes.engine.compiled_logp import compiled
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.family import FAMILIES, _with_link
from mmn_bayes.engine.graph import build
from mmn_bayes.engine.link import LINKS
from mmn_bayes.engine.predicting import draw_grades_by_cdf
from mmn_bayes.exposure.identifiability import change_by_part
from mmn_bayes.model_file.keys import FAMILY_NAMES, LINK_NAMES
from mmn_bayes.posterior.draws import grade_gap

NORMAL = {"distribution": "normal", "mean": 0, "sd": 3, "why": "a reason"}
HALF = {"distribution": "half_normal", "sd": 2, "why": "a reason"}
GRADES = ("3", "4", "5")


def log_probability(eta, cutpoints, link):
    """Logarithms of the probabilities of a sequential family."""
    stop = link.log_odds_below(cutpoints - eta[..., None])
    stays, passes = -pt.softplus(-stop), pt.cumsum(-pt.softplus(stop), axis=-1)
    before = pt.concatenate([pt.zeros_like(passes[..., :1]), passes[..., :-1]], axis=-1)
    return pt.concatenate([before + stays, passes[..., -1:]], axis=-1)


def by_hand(eta, cutpoints):
    """The same of the logit, in NumPy; shape of eta, then grade."""
    below = 1.0 / (1.0 + np.exp(eta[..., None] - np.asarray(cutpoints)))
    passed = np.cumprod(1.0 - below, axis=-1)
    before = np.concatenate([np.ones_like(passed[..., :1]), passed[..., :-1]], axis=-1)
    return np.concatenate([before * below, passed[..., -1:]], axis=-1)


@pytest.fixture(scope="module", autouse=True)
def registered():
    family = mb.registry.Family(
        name="sequential",
        text="grades are passed one after the other",
        log_probability=log_probability,
        curvature=lambda n_grades: n_grades - 1,
    ).register()
    link = mb.registry.Link(
        name="loglog",
        mean=np.euler_gamma,
        variance=np.pi**2 / 6.0,
        below=lambda x: pt.exp(-pt.exp(-x)),
        log_odds_below=lambda x: -LINKS["cloglog"].log_odds_below(-x),
        draw=lambda shape, rng: -LINKS["cloglog"].draw(shape, rng),
        curvature=1.0,
    ).register()
    yield family
    for record, records, names in ((family, FAMILIES, FAMILY_NAMES), (link, LINKS, LINK_NAMES)):
        del records[record.name]
        names.remove(record.name)


def content(models):
    """A small model of grades in logits, of that family."""
    whole = mb.read_model(models / "benchmark.toml").resolved
    del whole["exposure"]
    whole["family"] = "sequential"
    whole["scale"] = {"grades": list(GRADES)}
    whole["threshold"] = {"prior": NORMAL}
    whole["predictor"]["naive_level"]["prior"] = NORMAL
    whole["group"]["site"]["sd"] = HALF
    whole["group"]["patient_level"] |= {"sd": HALF, "parametrisation": "non_centred"}
    return whole


@pytest.fixture(scope="module")
def spec(models, tmp_path_factory):
    """Read from a file, as a user does."""
    file = tmp_path_factory.mktemp("models") / "sequential.toml"
    file.write_text(
        mb.io.model_to_toml(mb.io.parse_model(content(models), "sequential")), encoding="utf-8"
    )
    return mb.read_model(file)


@pytest.fixture(scope="module")
def cohort():
    """Ten patients, four muscle sides, two visits; grades of a sequential truth."""
    rng, rows = np.random.default_rng(4), []
    for patient in range(10):
        for muscle in ("apb", "tibialis"):
            for side in ("left", "right"):
                eta = 1.5 * rng.normal() + 0.5 * np.arange(2)
                for day, probability in zip((0, 182), by_hand(eta, [-1.0, 0.5]), strict=True):
                    grade = GRADES[rng.choice(3, p=probability)]
                    rows.append((f"p{patient}", day, muscle, side, grade))
    naive = ["yes" if p % 2 else "no" for p in range(10)]
    patients = pd.DataFrame({"patient": [f"p{p}" for p in range(10)], "naive": naive})
    grades = pd.DataFrame(rows, columns=["patient", "day", "muscle", "side", "grade"])
    infusions = pd.DataFrame({"patient": ["p0"], "day": [0], "dose_g_per_kg": [2.0]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mb.CohortWarning)
        return mb.make_cohort(patients, grades, infusions, scale=list(GRADES), synthetic=True)


POINT = {
    "cutpoints": np.array([0.7, -0.4]),  # of a sequential family they need not increase
    "naive_level": np.array(0.3),
    "patient_level_sd": np.array(0.6),
    "patient_level_z": np.linspace(-1.0, 1.2, 10),
    "site_sd": np.array(1.4),
}


def log_density_by_hand(spec, design):
    """Log-density at POINT, the sds by their logarithms; sites on 20,001 nodes."""
    own = {name: float(value) for name, value in POINT.items() if value.ndim == 0}
    patient = design["patient_of_site"].to_numpy()
    naive = design["x_naive_level"].to_numpy()
    level = own["patient_level_sd"] * POINT["patient_level_z"] + own["naive_level"] * naive
    z = np.linspace(-10.0, 10.0, 20_001)
    logs = np.tile(ss.norm.logpdf(z), (patient.size, 1))
    for site, code in zip(design["site_of_row"].to_numpy(), design["code"].to_numpy(), strict=True):
        eta = level[patient[site]] + own["site_sd"] * z
        logs[site] += np.log(by_hand(eta, POINT["cutpoints"])[:, code])
    likelihood = np.log(np.trapezoid(np.exp(logs), z, axis=1)).sum()
    prior = ss.norm.logpdf(POINT["cutpoints"], 0, 3).sum()
    prior += (
        ss.norm.logpdf(own["naive_level"], 0, 3) + ss.norm.logpdf(POINT["patient_level_z"]).sum()
    )
    for name in ("patient_level_sd", "site_sd"):
        prior += ss.halfnorm.logpdf(own[name], scale=2) + np.log(own[name])
    return likelihood + prior


def test_the_log_density_is_that_of_fine_quadrature(spec, cohort):
    design = make_design(cohort, spec)
    program = compiled(build(spec, design))
    values = [np.log(v) if name.endswith("sd") else v for name, v in POINT.items()]
    point = np.concatenate([np.ravel(v) for v in values])
    value, gradient = program.evaluate(point)
    assert value == pytest.approx(log_density_by_hand(spec, design), rel=1e-7)
    step = 1e-5 * np.eye(point.size)
    slopes = [
        (program.evaluate(point + s)[0] - program.evaluate(point - s)[0]) / 2e-5 for s in step
    ]
    assert gradient == pytest.approx(np.array(slopes), rel=1e-5, abs=1e-6)


@pytest.fixture(scope="module")
def fitted(spec, cohort):
    return mb.fit(cohort, spec, seed=1, chains=2, draws=30, tune=30, progress="off")


@pytest.mark.draws
def test_it_is_fitted_summarised_and_tabulated(fitted):
    """Holds for any draws: whether the sampler was done is not looked at."""
    posterior = fitted["posterior"].to_dataset()
    assert np.isfinite(posterior["site_z"]).all()
    assert posterior["site_z"].dims == ("chain", "draw", "site")
    table = mb.summarise(posterior["cutpoints"].assign_attrs(synthetic=True))
    assert np.isfinite(table["estimate"]).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = mb.response_table([fitted])
    assert len(table) > 0
    shares = mb.grade.grade_distribution(fitted, days=[0.0, 182.0], by=None)
    assert shares.sum("grade").to_numpy() == pytest.approx(1.0)
    rates = mb.response_probability(fitted, patients="population", by=None)
    assert ((rates >= 0) & (rates <= 1)).all()


def test_predicted_shares_are_those_of_its_probabilities(spec, cohort):
    parameters = POINT | {"site_z": 0.0, "patient_level_z": 0.0}
    tree = known(spec, cohort, **parameters)
    shares = mb.grade.grade_distribution(tree, days=[0.0], by="naive").isel(chain=0, draw=0, day=0)
    expected = by_hand(np.array([0.0, 0.3]), POINT["cutpoints"])
    assert shares.transpose("naive", "grade").to_numpy() == pytest.approx(expected)


def test_grades_drawn_by_their_probabilities_have_these():
    probability = by_hand(np.array([0.0, 1.0]), [-1.0, 0.5])
    cdf = np.repeat(np.cumsum(probability, axis=1)[None, :, :-1], 40_000, axis=0)
    code = draw_grades_by_cdf(cdf, np.random.default_rng(1))
    assert code.dtype == np.int8
    counts = np.stack([(code == k).sum(axis=0) for k in range(3)], axis=1)
    assert ss.chisquare(counts, 40_000 * probability, axis=1).pvalue.min() > 1e-4


def test_what_would_be_told_in_grades_is_refused(spec, cohort):
    tree = known(spec, cohort, **POINT, site_z=0.0)
    refused = "family 'sequential', in which no gap between cutpoints is one grade"
    for ask in (
        grade_gap,
        change_by_part,
        lambda fit: mb.response.delta_adjusted_response(fit, [0.5]),
    ):
        with pytest.raises(ValueError, match=refused):
            ask(tree)
    with pytest.raises(ValueError, match="family 'sequential' would not be integrated out"):
        mb.loo.patient_log_likelihood(tree)


def test_what_the_file_may_not_say(models):
    whole = content(models)
    whole["threshold"] = {
        "prior": {"distribution": "dirichlet", "concentration": [1, 1, 1], "why": "a reason"}
    }
    whole["relaxed"] = {"by": "naive_level", "sd": HALF}
    with pytest.raises(mb.SpecError) as error:
        mb.io.parse_model(whole, "sequential")
    assert [d.partition(":")[0] for d in error.value.defects] == ["threshold.prior", "relaxed"]
    with pytest.raises(mb.SpecError, match="'unknown' is not one of cumulative, sequential"):
        mb.io.parse_model(whole | {"family": "unknown"}, "sequential")


def test_a_file_without_family_is_cumulative_and_has_the_fingerprint_it_had(models):
    spec = mb.read_model(models / "strength.toml")
    assert spec.family == "cumulative"
    assert "family" not in spec.resolved


@pytest.mark.parametrize("name", ["cumulative", "Sequential", ""])
def test_a_name_that_is_taken_or_none_is_refused(registered, name):
    with pytest.raises(ValueError, match="name"):
        replace(registered, name=name).register()


# --- the integral in the graph --------------------------------------------------------------------

CUMULATIVE = FAMILIES["cumulative"]
EDGES = np.array([0, 3, 3, 4, 10, 16])


def in_graph(link, eta, cutpoints, sigma, code, memory=None, repeat=None, n_grades=0):
    """Value and gradients of the cumulative family by the integral in the graph."""
    reals = [pt.dvector(), pt.dvector(), pt.dscalar(), *([] if memory is None else [pt.dscalar()])]
    value = site_integral.integrated_log_density(
        *(*_with_link(CUMULATIVE, LINKS[link]), *reals[:3]),
        *(pt.as_tensor(code), pt.as_tensor(EDGES)),
        memory=None if memory is None else reals[3],
        repeat=None if repeat is None else pt.as_tensor(repeat),
        n_grades=n_grades,
    )
    function = pytensor.function(reals, [value, *pt.grad(value, reals)], mode="FAST_COMPILE")
    return function(eta, cutpoints, sigma, *([] if memory is None else [memory]))


@pytest.mark.parametrize("sigma", [0.3, 1.0, 12.0])
@pytest.mark.parametrize("remembers", [False, True])
@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_the_integral_in_the_graph_is_that_of_the_kernels(link, remembers, sigma):
    rng = np.random.default_rng(5)
    eta, cutpoints = rng.normal(0.0, 2.0, 16), np.array([-3.0, -1.0, 0.5, 3.0])
    code, memory, repeat = rng.integers(0, 5, 16), None, None
    if remembers:
        memory, repeat = 0.3, rng.integers(-1, 2, 16)
    kernel = ordinal.log_density(
        *(eta, cutpoints, sigma, code, EDGES), link=link, memory=memory, repeat=repeat
    )
    graph = in_graph(link, eta, cutpoints, sigma, code, memory, repeat)
    for one, other in zip(graph, kernel, strict=True):
        assert one == pytest.approx(other, rel=1e-6, abs=1e-6)


def test_rows_may_have_different_cutpoints_there_too():
    rng = np.random.default_rng(6)
    eta, cutpoints = rng.normal(0.0, 2.0, 16), np.array([-3.0, -1.0, 0.5, -1.0, 0.0, 2.0])
    code = rng.integers(0, 4, 16) + 4 * rng.integers(0, 2, 16)
    kernel = ordinal.log_density(eta, cutpoints, 2.0, code, EDGES, link="probit", n_grades=4)
    for one, other in zip(
        in_graph("probit", eta, cutpoints, 2.0, code, n_grades=4), kernel, strict=True
    ):
        assert one == pytest.approx(other, rel=1e-6, abs=1e-6)


def test_a_link_without_a_kernel_is_integrated_in_the_graph():
    """The noise of loglog is that of cloglog, turned round."""
    rng = np.random.default_rng(7)
    eta, cutpoints = rng.normal(0.0, 2.0, 16), np.array([-3.0, -1.0, 0.5, 3.0])
    code = rng.integers(0, 5, 16)
    integral = CUMULATIVE.integral("loglog").integrated_log_density
    value = integral(*map(pt.as_tensor, (eta, cutpoints, 2.0, code, EDGES)))
    value = value.eval(mode="FAST_COMPILE")
    turned = ordinal.log_density(-eta, -cutpoints[::-1], 2.0, 4 - code, EDGES, link="cloglog")
    assert value == pytest.approx(turned[0], rel=1e-7)


@pytest.mark.parametrize("case", ["a vague grade", "the highest grade at all visits"])
def test_effects_drawn_there_have_their_distribution_given_the_grades(registered, case):
    """The random numbers are fixed and no draws of the sampler."""
    eta, cutpoints, _, code = sites.REGIMES[case]
    n, rows, sigma = 1500, len(code), 2.0
    draws = registered.integral("logit").draw_site_effects(
        np.tile(np.array(eta, dtype=float), n)[None],
        *(np.array([cutpoints]), np.array([sigma]), np.tile(np.array(code), n)),
        *(rows * np.arange(n + 1), np.random.default_rng(11).random((1, n, 2))),
    )[0]
    z = np.linspace(-8.0, 8.0, 20_001)
    probability = by_hand(np.array(eta)[:, None] + sigma * z, cutpoints)
    logs = np.log(probability[np.arange(rows), :, code]).sum(axis=0) - 0.5 * z**2
    sites.assert_distributed(draws, z, logs)


def test_an_effect_beyond_the_nodes_is_an_error(registered):
    with pytest.raises(mb.SamplingError, match="sd of 1e\\+04 times the noise"):
        registered.integral("logit").draw_site_effects(
            *(np.zeros((1, 2)), np.array([[-1.0, 1.0]]), np.array([1e4]), np.array([1, 2])),
            *(np.array([0, 2]), np.full((1, 1, 2), 0.5)),
        )
