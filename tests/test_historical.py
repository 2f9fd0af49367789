"""Counts of other studies: what enters, the model against brute force, priors made of it.

A test of draws without a bound of its own holds for any draws: failure probability 0.
"""

import tomllib
import warnings
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats as ss
import xarray as xr
from monte_carlo import mcse
from scipy.integrate import quad
from scipy.special import betaln, expit, logit

from mmn_bayes.data.published import read_evidence, read_trial
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.graph import build
from mmn_bayes.engine.sampling import fit
from mmn_bayes.errors import DataError
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.outcomes.evidence import estimands as events
from mmn_bayes.outcomes.evidence import mixtures
from mmn_bayes.outcomes.evidence import prior as historical
from mmn_bayes.outcomes.evidence import table as tables
from mmn_bayes.outcomes.evidence.design import select_evidence
from mmn_bayes.outcomes.evidence.figure import conflict_figure, history_figure
from mmn_bayes.outcomes.observed_rates import rates
from mmn_bayes.outcomes.response.estimands import posterior_predictive_check, response_probability
from mmn_bayes.outcomes.response.table import response_table
from mmn_bayes.posterior.prior_predictive import prior_predictive
from mmn_bayes.posterior.summary import summarise
from mmn_bayes.studies.known_truth import simulated

ROOT = Path(__file__).resolve().parents[1]
EVIDENCE = ROOT / "data" / "evidence"
INTERPRETED = "FAST_COMPILE"
# Placebo arms of eight trials in ankylosing spondylitis, the example of the literature on such
# priors (Baeten et al., Lancet 2013;382:1705, webappendix; Weber et al., J Stat Softw 2021;100:19).
SPONDYLITIS = pd.DataFrame(
    {
        "study": [f"Study {k}" for k in range(1, 9)],
        "n": [107, 44, 51, 39, 139, 20, 78, 35],
        "responders": [23, 12, 19, 9, 39, 6, 9, 10],
    }
)


@pytest.fixture(scope="module")
def evidence():
    return read_evidence(EVIDENCE / "response_counts.csv")


@pytest.fixture(scope="module")
def trial():
    return read_trial(EVIDENCE / "leger2001_patient_visits.csv")


@pytest.fixture(scope="module")
def spec(models):
    return read_model(models / "historical_response.toml")


@pytest.fixture(scope="module")
def any_studies(spec):
    """The model without a choice of rows: for tables that are a choice already."""
    content = {key: value for key, value in spec.resolved.items() if key != "evidence"}
    return parse_model(content, "any_studies")


@pytest.fixture(scope="module")
def responses(spec, evidence):
    return fit(evidence, spec, seed=11, draws=2000, progress="off")


@pytest.fixture(scope="module")
def spondylitis(any_studies):
    return fit(SPONDYLITIS, any_studies, seed=12, draws=2000, progress="off")


@pytest.fixture(scope="module")
def priors(responses):
    """The prior of either kind: a mixture is found once."""
    return {kind: historical.historical_prior(responses, kind) for kind in ("map", "robust")}


# --- what enters ----------------------------------------------------------------------------------


def test_every_row_of_the_evidence_enters_or_says_why_not(spec, evidence):
    table = select_evidence(evidence, spec)
    assert len(table) == len(evidence)
    assert (table["enters"] == (table["reason"] == "")).all()
    assert table.set_index("row").loc["Leger2008", "reason"] == "the target itself"
    assert "8 were not seen" in table.set_index("row").loc["NobileOrazio2017_6_months", "reason"]
    entering = table[table["enters"]]
    assert dict(zip(entering["row"], zip(entering["responders"], entering["n"], strict=True),
                    strict=True)) == {
        "Leger2001_naive_ivig": (2, 4),
        "VanDenBerg1995_ivig": (5, 6),
        "VanDenBergVos2000_definite": (17, 21),
        "VanDenBergVos2000_probable": (5, 7),
        "NobileOrazio2017_30_days": (15, 20),
        "Posa2026": (9, 13),
    }  # fmt: skip


def test_no_patient_enters_twice(spec, evidence):
    content = spec.resolved
    del content["evidence"]["left_out"]
    with pytest.raises(DataError) as caught:
        select_evidence(evidence, parse_model(content, "double"))
    (defect,) = caught.value.defects
    assert "'NobileOrazio2017_30_days' and 'NobileOrazio2017_6_months' share patients" in defect
    # A review and one of its trials.
    content["evidence"]["occasion"] = ["first_course", "mixed"]
    with pytest.raises(DataError, match="'Cochrane2005_strength_ivig' and 'VanDenBerg1995_ivig'"):
        select_evidence(evidence, parse_model(content, "double"))


@pytest.mark.parametrize("name", ["historical_response", "historical_placebo"])
def test_another_target_never_informs_its_own_prior(models, evidence, name):
    content = read_model(models / f"{name}.toml").resolved
    for target in ("Posa2026", "Federico2000"):
        content["evidence"]["target"] = target
        table = select_evidence(evidence, parse_model(content, "other"))
        assert not table.loc[table["study"] == target, "enters"].any()


def test_nor_do_its_patients_in_other_reports(spec, evidence):
    content = spec.resolved
    content["evidence"] |= {"target": "Leger2001", "occasion": ["first_course", "mixed"]}
    content["evidence"]["endpoint"] = ["muscles", "strength", "undefined"]
    table = select_evidence(evidence, parse_model(content, "other")).set_index("row")
    for row in ("Leger2001_pooled_ivig", "Cochrane2005_strength_ivig"):
        assert table.loc[row, "reason"] == "patients of the target"
    assert table.loc["VanDenBerg1995_ivig", "enters"]


def test_what_the_priors_say_of_a_new_study(spec, evidence, models, trial):
    (row,) = prior_predictive(evidence, spec, seed=1, draws=4000).to_dict("records")
    assert row["quantity"] == "probability of response, any unit"
    assert row["estimate"] == pytest.approx(0.5, abs=0.02)
    # Normal(0, 2) and half-normal(1) of the log odds, by simulation of its own.
    rng = np.random.default_rng(2)
    sd = np.abs(rng.normal(0.0, 1.0, 100_000))
    rates = expit(rng.normal(0.0, 2.0, 100_000) + sd * rng.normal(size=100_000))
    assert row["lower"] == pytest.approx(np.quantile(rates, 0.025), abs=0.01)
    of_trial = prior_predictive(trial, read_model(models / "trial_leger2001.toml"), seed=1)
    columns = ["treated", "ivig_naive", "second_period"]
    assert len(of_trial) == of_trial["quantity"].nunique() == len(trial[columns].drop_duplicates())


@pytest.mark.draws
def test_a_fit_of_counts_has_no_patients_to_judge(responses):
    for asked in (response_probability, posterior_predictive_check):
        with pytest.raises(ValueError, match="is of counts of events: it has no patients to judge"):
            asked(responses, **({"patients": "cohort"} if asked is response_probability else {}))


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("disease_group", ["XYZ"], "evidence.disease_group: no row has 'XYZ'; the table has CIDP"),
        ("left_out", {"nobody": "why"}, "evidence.left_out: no row is called 'nobody'"),
    ],
)
def test_what_the_table_does_not_have_is_named(spec, evidence, column, value, words):
    content = spec.resolved
    content["evidence"][column] = value
    with pytest.raises(DataError) as caught:
        select_evidence(evidence, parse_model(content, "unknown"))
    assert caught.value.defects[0].startswith(words)


def counts(**columns):
    return SPONDYLITIS.assign(**columns)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (SPONDYLITIS.iloc[:0], "0 studies enter; two at least are needed"),
        (SPONDYLITIS.iloc[:1], "1 studies enter; two at least are needed"),
        (counts(n=[0, *SPONDYLITIS["n"][1:]]), "study 'Study 1': n is 0; a rate needs at least"),
        (counts(responders=[108, *SPONDYLITIS["responders"][1:]]), "study 'Study 1': 108 responde"),
        (counts(responders=[-1, *SPONDYLITIS["responders"][1:]]), "study 'Study 1': -1 responders"),
        (counts(n=[10.5, *SPONDYLITIS["n"][1:]]), "study 'Study 1': 23.0 responders of 10.5; give"),
        (SPONDYLITIS.drop(columns="n"), "no column 'n'; add it."),
    ],
)
def test_counts_that_cannot_be_are_refused(any_studies, table, words):
    with pytest.raises(DataError) as caught:
        make_design(table, any_studies)
    assert any(defect.startswith(words) for defect in caught.value.defects) or words.replace(
        "23.0", "23"
    ) in str(caught.value)


def test_nothing_selected_is_said(spec, evidence):
    content = spec.resolved
    content["evidence"] |= {"disease_group": ["CIDP/MMN"], "endpoint": ["strength"]}
    with pytest.raises(DataError, match="1 studies enter; two at least are needed"):
        make_design(evidence, parse_model(content, "few"))


def test_a_table_and_a_cohort_are_not_taken_for_each_other(spec, evidence, models):
    with pytest.raises(DataError, match="it is of counts of events"):
        make_design(simulated(3, seed=3), spec)
    with pytest.raises(DataError, match="it is of the patients of a cohort"):
        make_design(evidence, read_model(models / "response.toml"))


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"n": "0"}, "line 3, column n: '0' is not a number"),
        ({"responders": "x"}, "line 3, column responders: 'x' is not a number"),
        ({"responders": "9"}, "line 3, column responders: 9 responders of 4; responders cannot"),
        ({"row": "Leger2008"}, "line 3: row 'Leger2008' is there already; keep one row."),
        ({"patient_sets": ""}, "line 3, column patient_sets: blank; every row needs it."),
    ],
)
def test_cells_of_the_evidence_are_named_with_their_line(tmp_path, cells, words):
    table = pd.read_csv(EVIDENCE / "response_counts.csv", dtype=str, keep_default_na=False)
    table.loc[1, list(cells)] = list(cells.values())
    table.to_csv(tmp_path / "counts.csv", index=False)
    with pytest.raises(DataError) as caught:
        read_evidence(tmp_path / "counts.csv")
    assert f"counts.csv, {words}" in caught.value.defects[0]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00row,study", b'row\n"never ends'])
def test_what_is_no_table_is_said(tmp_path, content):
    (tmp_path / "counts.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"counts\.csv: (is no CSV in UTF-8|no column)"):
        read_evidence(tmp_path / "counts.csv")


def test_a_trial_is_read_with_its_defects(tmp_path):
    good = "patient,responder,arm\n01,1,IVIg\n02,0,placebo\n"
    (tmp_path / "trial.csv").write_text(good, encoding="utf-8")
    table = read_trial(tmp_path / "trial.csv")
    assert table["patient"].tolist() == ["01", "02"]
    assert table["arm"].tolist() == ["IVIg", "placebo"]
    (tmp_path / "trial.csv").write_text(good.replace("01,1", "01,2"), encoding="utf-8")
    with pytest.raises(DataError, match="line 2, column responder: '2'"):
        read_trial(tmp_path / "trial.csv")


# --- the model against other computations ---------------------------------------------------------


def other_log_density(spec, table, unit, point):
    """The model of models/README.md, by SciPy."""
    laws = {
        "normal": lambda p: ss.norm(p["mean"], p["sd"]),
        "half_normal": lambda p: ss.halfnorm(scale=p["sd"]),
    }
    total = sum(
        float(laws[prior.distribution](prior).logpdf(point[name]))
        for name, prior in spec.priors.items()
    )
    units = list(dict.fromkeys(table[unit]))
    total += float(ss.norm.logpdf(point["unit_z"]).sum())
    for row in table.to_dict("records"):
        x = sum(point[p.name] * row[p.column] for p in spec.predictors)
        rate = expit(
            point["intercept"] + x + point["unit_sd"] * point["unit_z"][units.index(row[unit])]
        )
        n, k = (row["n"], row["responders"]) if unit == "study" else (1, row["responder"])
        total += float(ss.binom.logpmf(int(k), int(n), rate))
    return total


@pytest.mark.parametrize("name", ["historical_response", "historical_placebo", "trial_leger2001"])
def test_the_log_density_of_counts_is_that_of_scipy(models, evidence, trial, name):
    spec = read_model(models / f"{name}.toml")
    table, unit = (trial, "patient") if "trial" in name else (evidence, "study")
    if unit == "study":
        table = select_evidence(table, spec).query("enters")
    model = build(spec, make_design(trial if unit == "patient" else evidence, spec))
    log_density = model.compile_logp(jacobian=False, mode=INTERPRETED)
    slope = model.compile_dlogp(mode=INTERPRETED)
    whole = model.compile_logp(mode=INTERPRETED)
    for seed in (1, 2, 3):
        rng = np.random.default_rng(seed)
        point = {n: rng.normal() for n in spec.priors} | {"unit_sd": rng.uniform(0.2, 2.0)}
        point["unit_z"] = rng.normal(size=table[unit].nunique())
        values = {n: np.array(v) for n, v in point.items() if n != "unit_sd"}
        # Sampled in other units and with a sign, by the law of what the page says.
        values["unit_sd_signed"] = np.array(point["unit_sd"])
        own = table.assign(one=1).rename(columns={"responder": "responders"})
        of, k = (own.groupby(unit, sort=False)[c].sum().to_numpy(dtype=float)
                 for c in ("n" if unit == "study" else "one", "responders"))  # fmt: skip
        rate = (k + 0.5) / (of + 1.0)
        spread = np.sqrt(1.0 + point["unit_sd"] ** 2 * of * rate * (1.0 - rate))
        values["unit_balanced"] = values.pop("unit_z") * spread
        assert set(values) == {v.name for v in model.value_vars}
        expected = other_log_density(spec, table, unit, point) - np.log(spread).sum() - np.log(2.0)
        assert log_density(values) == pytest.approx(expected, rel=1e-9)
        mirrored = {n: v * (-1.0 if n.startswith("unit_") else 1.0) for n, v in values.items()}
        assert log_density(mirrored) == pytest.approx(expected, rel=1e-9)
        order = [v.name for v in model.value_vars]
        numeric = []
        for key in order:
            for place in np.ndindex(np.shape(values[key])):
                ends = []
                for step in (1e-5, -1e-5):
                    moved = {k: np.array(v, dtype=float) for k, v in values.items()}
                    moved[key][place] += step
                    ends.append(float(whole(moved)))
                numeric.append((ends[0] - ends[1]) / 2e-5)
        assert slope(values) == pytest.approx(np.array(numeric), rel=1e-4, abs=1e-5)


def brute_force(spec, table):
    """Mean and sd of mean, heterogeneity and predicted rate, by integration over a grid.

    The effect of every study is integrated out by 61 Gauss-Hermite nodes; counts of one study are
    added up, since they share its rate.
    """
    merged = table.groupby("study", sort=False)[["responders", "n"]].sum().astype(float)
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    weights = weights / weights.sum()
    mean_prior, sd_prior = spec.priors["intercept"], spec.priors["unit_sd"]
    mu = np.linspace(mean_prior["mean"] - 6.5, mean_prior["mean"] + 6.5, 401)
    tau = (np.arange(300) + 0.5) / 300.0 * 5.0 * sd_prior["sd"]
    log_post = ss.norm.logpdf(mu, mean_prior["mean"], mean_prior["sd"])[
        :, None
    ] + ss.halfnorm.logpdf(tau, scale=sd_prior["sd"])
    rate = expit(mu[:, None, None] + tau[:, None] * nodes)
    for k, n in merged.to_numpy():
        log_post = log_post + np.log((rate**k * (1.0 - rate) ** (n - k)) @ weights)
    post = np.exp(log_post - log_post.max())
    post /= post.sum()
    new = [(rate**power) @ weights for power in (1, 2)]
    moments = {
        "intercept": [(post * mu[:, None] ** power).sum() for power in (1, 2)],
        "unit_sd": [(post * tau**power).sum() for power in (1, 2)],
        "new study": [(post * value).sum() for value in new],
    }
    return {name: (a, np.sqrt(b - a**2)) for name, (a, b) in moments.items()}


@pytest.mark.draws
@pytest.mark.parametrize("which", ["responses", "spondylitis"])
def test_the_posterior_is_that_of_brute_force(which, request, spec, evidence, any_studies):
    tree = request.getfixturevalue(which)
    own = select_evidence(evidence, spec).query("enters") if which == "responses" else SPONDYLITIS
    exact = brute_force(spec if which == "responses" else any_studies, own)
    drawn = {
        "intercept": tree["posterior"]["intercept"],
        "unit_sd": tree["posterior"]["unit_sd"],
        "new study": events.new_unit_rate(tree),
    }
    for name, (mean, sd) in exact.items():
        row = summarise(drawn[name]).iloc[0]
        # 5 MCSE against exact answers: one run in a million fails per number, 6 numbers.
        assert abs(row["estimate"] - mean) < 5.0 * row["mcse"], name
        # The error of a sd, by the effective sample size of the squares of the deviations.
        squares = (drawn[name] - mean) ** 2
        error = summarise(squares).iloc[0]["mcse"] / (2.0 * sd)
        assert abs(row["sd"] - sd) < 5.0 * error, name
    # None in 36 fits of 8,000 draws: at most 0.08 a fit (95 %), of which 4 have probability 2e-6.
    assert int(tree["sample_stats"]["diverging"].sum()) < 4


@pytest.mark.draws
def test_the_spondylitis_prior_is_the_published_one(spondylitis):
    """Weber et al. fit Normal(0, 2) and half-normal(1): a mean of 0.26 and a sd of 0.09."""
    drawn = events.new_unit_rate(spondylitis)
    row = summarise(drawn).iloc[0]
    # Published to two digits; 5 MCSE: one run in a million fails per number, 2 numbers.
    assert abs(row["estimate"] - 0.26) < 0.005 + 5.0 * row["mcse"]
    assert abs(row["sd"] - 0.09) < 0.005 + 5.0 * mcse(drawn, method="sd")


# --- mixtures -------------------------------------------------------------------------------------


def mixture(*rows):
    table = pd.DataFrame(rows, columns=["weight", "alpha", "beta"])
    return table.assign(component=[f"map {k}" for k in range(len(rows))], synthetic=False)


@pytest.mark.parametrize(
    ("a", "b"), [(1.0, 1.0), (3.0, 7.0), (14.5, 6.5), (200.0, 3.0), (1.0, 9.0)]
)
def test_one_beta_is_worth_its_two_shapes(a, b):
    assert mixtures.effective_sample_size(mixture((1.0, a, b))) == pytest.approx(a + b, rel=1e-6)
    split = mixture((0.25, a, b), (0.75, a, b))
    assert mixtures.effective_sample_size(split) == pytest.approx(a + b, rel=1e-6)


def test_the_information_of_a_mixture_is_that_of_its_curvature():
    prior = mixture((0.6, 12.0, 5.0), (0.4, 2.0, 3.0))

    def log_density(p):
        return np.log(mixtures.density(prior, p))

    def integrand(p, h=1e-4):
        bend = (log_density(p + h) - 2.0 * log_density(p) + log_density(p - h)) / h**2
        return float(mixtures.density(prior, p) * -bend * p * (1.0 - p))

    expected = quad(integrand, 0.001, 0.999, limit=500)[0]
    assert mixtures.effective_sample_size(prior) == pytest.approx(expected, rel=2e-3)


def test_a_mixture_is_found_again():
    rng = np.random.default_rng(5)
    true = mixture((0.7, 30.0, 10.0), (0.3, 3.0, 6.0))
    first = rng.random(40_000) < 0.7
    values = np.where(first, rng.beta(30.0, 10.0, 40_000), rng.beta(3.0, 6.0, 40_000))
    found = mixtures.fit_mixture(values, 2)
    assert found["weight"].to_numpy() == pytest.approx(true["weight"].to_numpy(), abs=0.02)
    for name in ("alpha", "beta"):
        assert found[name].to_numpy() == pytest.approx(true[name].to_numpy(), rel=0.1)
    # No shape within the bounds is likelier: a maximum, not a stop.
    best = found["log_density"].iloc[0]
    for name, step in (("alpha", 1.02), ("beta", 0.98)):
        moved = found.assign(**{name: found[name] * step})
        assert np.log(mixtures.density(moved, values)).mean() < best
    # Without a number, whichever has the smallest criterion.
    some = values[:5000]
    several = [mixtures.fit_mixture(some, k)["bic"].iloc[0] for k in (1, 2, 3, 4)]
    assert mixtures.fit_mixture(some)["bic"].iloc[0] == pytest.approx(min(several), abs=1e-3)
    assert min(several) < several[0]


def test_shapes_below_1_are_kept_at_1():
    values = np.random.default_rng(6).beta(0.5, 3.0, 2000)
    found = mixtures.fit_mixture(values)
    assert (found[["alpha", "beta"]] >= 1.0).all(axis=None)
    with pytest.raises(ValueError, match="rates from 0 to 1; some lie outside"):
        mixtures.fit_mixture(np.array([-0.1, 0.5]))
    with pytest.raises(ValueError, match="1 of 2 draws of the rate are not numbers"):
        mixtures.fit_mixture(np.array([np.nan, 0.5]))
    for same in (0.5, 0.0, 1.0):
        with pytest.raises(ValueError, match=r"Fewer than 10 different rates.*give more draws"):
            mixtures.fit_mixture(np.full(100, same))


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_rates_that_were_rounded_to_0_or_1_are_draws_like_others(end):
    values = np.random.default_rng(3).beta(2.0, 3.0, 2000)
    values[:40] = end
    found = mixtures.fit_mixture(values)
    assert np.isfinite(found.to_numpy()).all()
    assert mixtures.moments(found)[0] == pytest.approx(values.mean(), abs=0.02)
    assert np.isfinite(mixtures.effective_sample_size(found))


def test_a_component_without_weight_is_worth_nothing():
    two = mixture((0.6, 30.0, 10.0), (0.4, 3.0, 6.0))
    three = mixture((0.6, 30.0, 10.0), (0.0, 1.0, 1.0), (0.4, 3.0, 6.0))
    one = mixture((1.0, 4.0, 16.0), (0.0, 1.0, 1.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mixtures.effective_sample_size(one) == 20.0
        assert mixtures.effective_sample_size(three) == mixtures.effective_sample_size(two)
        after = mixtures.updated(three, 3, 9)
    assert after["weight"].iloc[1] == 0.0
    assert mixtures.moments(after) == pytest.approx(mixtures.moments(mixtures.updated(two, 3, 9)))


# A rate worth 37 patients; studies of two kinds, that overlap or do not.
KNOWN = {
    "beta": ((1.0, 10.0, 27.0),),
    "near": ((0.6, 30.0, 80.0), (0.4, 4.0, 12.0)),
    "apart": ((0.5, 300.0, 100.0), (0.5, 20.0, 80.0)),
}


@pytest.mark.parametrize("name", list(KNOWN))
def test_draws_never_make_a_narrow_component(name):
    """Over 20 seeds: as many patients as the law that was drawn from, within its error."""
    true = mixture(*KNOWN[name])
    exact = mixtures.effective_sample_size(true)
    weight, a, b = true[["weight", "alpha", "beta"]].to_numpy().T
    worth, errors = [], []
    for seed in range(20):
        rng = np.random.default_rng([seed, 7])
        which = rng.choice(len(true), p=weight, size=(4, 500))
        draws = rng.beta(a[which], b[which])
        found = mixtures.fit_mixture(draws)
        assert len(found) == len(true)
        assert (found["weight"] * draws.size >= 49.9).all()
        resolved = mixtures.narrowest_resolved(found, draws, draws.size)
        assert (mixtures.sd_of_log_odds(found) >= 0.999 * resolved).all()
        worth.append(mixtures.effective_sample_size(found))
        if seed < 5:
            without = mixtures.without_batches(draws, found, draws.size)
            errors.append(
                mixtures.jackknife_error([mixtures.effective_sample_size(m) for m in without])
            )
    spread = np.std(worth, ddof=1)
    assert abs(np.mean(worth) - exact) < 4.0 * spread / np.sqrt(20)
    assert spread < 0.1 * exact
    assert np.abs(np.array(worth) / exact - 1.0).max() < 0.25
    # The error that is told is that of other seeds.
    assert 0.5 < np.mean(errors) / spread < 2.0


@pytest.mark.parametrize(("k", "n"), [(0, 12), (12, 12), (14, 20), (0, 0)])
def test_bayes_rule_for_a_mixture_is_that_of_integration(k, n):
    prior = mixture((0.5, 12.0, 5.0), (0.3, 2.0, 3.0), (0.2, 1.0, 1.0))
    after = mixtures.updated(prior, k, n)
    grid = (np.arange(200_000) + 0.5) / 200_000
    weight = mixtures.density(prior, grid) * grid**k * (1.0 - grid) ** (n - k)
    weight /= weight.sum()
    mean = (weight * grid).sum()
    sd = np.sqrt((weight * grid**2).sum() - mean**2)
    assert mixtures.moments(after) == pytest.approx((mean, sd), rel=1e-5)
    assert mixtures.cumulative(after, mixtures.quantile(after, 0.1)) == pytest.approx(0.1)
    assert after["weight"].sum() == pytest.approx(1.0)


def test_predicted_events_are_a_distribution_with_the_mean_of_the_prior():
    prior = mixture((0.5, 12.0, 5.0), (0.5, 1.0, 1.0))
    chance = mixtures.predicted_events(prior, 20)
    assert chance.sum() == pytest.approx(1.0)
    assert chance @ np.arange(21) == pytest.approx(20 * mixtures.moments(prior)[0])
    by_hand = [
        sum(
            w
            * ss.binom(20, 0.5).pmf(0)
            * 2.0**20
            * np.exp(betaln(a + k, b + 20 - k) - betaln(a, b))
            * (ss.binom(20, 0.5).pmf(k) / ss.binom(20, 0.5).pmf(0))
            for w, a, b in prior[["weight", "alpha", "beta"]].to_numpy()
        )
        for k in range(21)
    ]
    assert chance == pytest.approx(by_hand)


# --- priors from history --------------------------------------------------------------------------


@pytest.mark.draws
def test_the_mixture_stands_for_the_next_study(responses, priors):
    prior = priors["map"]
    # The distances of 30 fits: 0.005, sd 0.0014, largest 0.009; of the worse one 0.36 to 0.38. Both
    # are more than 10 sds from 0.02, so that less than one run in 10^6 fails.
    check = historical.check_mixture(responses, prior).set_index("quantity")
    assert check.loc["largest distance", "passed"]
    assert check.loc["mean", "draws"] == pytest.approx(
        summarise(events.new_unit_rate(responses))["estimate"].iloc[0]
    )
    worse = prior.assign(alpha=prior["alpha"] * 1.5)
    assert (
        not historical.check_mixture(responses, worse)
        .set_index("quantity")
        .loc["largest distance", "passed"]
    )


@pytest.mark.draws
def test_a_bump_that_the_draws_do_not_resolve_fails(responses, priors):
    """Of 20 draws or so, too narrow for so few, and worth twice the patients of all others."""
    prior = priors["map"]
    bump = pd.DataFrame([{**prior.iloc[0], "weight": 0.003, "alpha": 30_000.0, "beta": 10_000.0}])
    kept = prior.assign(weight=prior["weight"] * 0.997)
    narrow = pd.concat([kept, bump], ignore_index=True)
    check = historical.check_mixture(responses, narrow).set_index("quantity")["passed"]
    assert check["largest distance"]
    assert not check["narrowest component"]
    assert not check["draws in a component"]
    assert historical.check_mixture(responses, prior)["passed"].dropna().all()
    assert prior["ess_mcse"].nunique() == 1
    assert 0.01 < prior["ess_mcse"].iloc[0] / prior["ess"].iloc[0] < 0.1


@pytest.mark.draws
def test_the_robust_prior_has_the_vague_component_of_the_file(responses, priors, spec):
    plain, robust = priors["map"], priors["robust"]
    assert robust["component"].tolist() == [*plain["component"], "vague"]
    assert robust["weight"].iloc[-1] == spec.robust.weight == 0.2
    assert robust["weight"].sum() == pytest.approx(1.0)
    assert (robust["alpha"].iloc[-1], robust["beta"].iloc[-1]) == (1.0, 1.0)
    assert robust["ess"].iloc[0] < plain["ess"].iloc[0]
    with pytest.raises(ValueError, match="it is 'map' or 'robust'"):
        historical.historical_prior(responses, "vague")


@pytest.mark.draws
def test_a_rate_without_history_has_no_prior_from_it(any_studies, spondylitis):
    assert historical.historical_prior(spondylitis, "robust")["component"].iloc[-1] == "vague"
    bare = {k: v for k, v in any_studies.resolved.items() if k != "robust"}
    spondylitis = spondylitis.copy()
    spondylitis.attrs["spec_toml"] = _toml(bare)
    with pytest.raises(ValueError, match=r"has no \[robust\]"):
        historical.historical_prior(spondylitis, "robust")


def _toml(content):
    import tomli_w

    text = tomli_w.dumps(content)
    assert tomllib.loads(text) == content
    return text


@pytest.mark.draws
def test_conflict_grows_with_the_distance_from_history(priors):
    table = historical.prior_data_conflict(priors, 14, 20, synthetic=True)
    assert len(table) == 42
    assert table["synthetic"].all()
    figure = conflict_figure(table, title="A long title " * 12)
    assert "Synthetic data" in figure._suptitle.get_text()
    assert [len(panel.get_lines()) for panel in figure.axes] == [3, 4]
    for _, own in table.groupby("prior"):
        assert own["probability"].sum() == pytest.approx(1.0)
        assert own.loc[own["observed"], "events"].tolist() == [14]
        assert own["estimate"].is_monotonic_increasing  # of any prior
    robust = table[table["prior"] == "robust"].set_index("events")
    plain = table[table["prior"] == "map"].set_index("events")
    # What the tail of a mixture says varies from fit to fit. Of 30 fits, mean and sd: log odds of
    # the vague weight 2.6 and 0.25 (bound 1.1) at 1 event, the weight 0.085 and 0.0005 at 14; log
    # of the tail -6.6 and 0.3 (bound -4.6), and 0.71 and 0.002; estimate less that of the vague
    # prior alone 0.003 and 0.0006, log of its ratio to the plain one's -2.7 and 0.2 (bound -0.7).
    # Bounds are 6 sds off or more: one run in 10^8 fails per number, 6 numbers.
    assert robust.loc[1, "vague_weight"] > 0.75
    assert robust.loc[14, "vague_weight"] < 0.1
    assert plain.loc[1, "tail"] < 0.01 < plain.loc[14, "tail"]
    # Far from history the robust prior gives way: the rate is nearly that of the data.
    apart, of_plain = (own.loc[1, "estimate"] - 2 / 22 for own in (robust, plain))
    assert abs(apart) < 0.01
    assert abs(apart) < of_plain / 2
    with pytest.raises(ValueError, match="21 events of 20"):
        historical.prior_data_conflict(priors, 21, 20, synthetic=True)


@pytest.mark.draws
@pytest.mark.slow
def test_a_response_with_history_is_bayes_rule(models, priors):
    """The naive alone carry the prior: their posterior is the mixture brought up to date."""
    cohort = simulated(40, seed=8)
    plain = read_model(models / "response.toml")
    known = make_design(cohort, plain)
    responded, seen = known["response"].to_numpy() == 1, known["response"].to_numpy() >= 0
    k, n = (int(of[known["naive"].to_numpy()].sum()) for of in (responded, seen))
    trees = [fit(cohort, plain, seed=4, progress="off")]
    # 5 MCSE against exact answers: one run in a million fails per number, 6 numbers.
    for kind in ("map", "robust"):
        spec = read_model(models / f"response_{kind}.toml")
        prior = priors[kind]
        with pytest.raises(DataError, match=rf"asks for the {kind} prior of the model 'historical"):
            make_design(cohort, spec)
        tree = fit(cohort, spec, historical=prior, seed=4, progress="off")
        row = summarise(tree["posterior"]["historical_rate"]).iloc[0]
        mean, sd = mixtures.moments(mixtures.updated(prior, k, n))
        assert abs(row["estimate"] - mean) < 5.0 * row["mcse"]
        assert abs(row["sd"] - sd) < 5.0 * mcse(tree["posterior"]["historical_rate"], method="sd")
        effect = tree["posterior"]["naive"] + tree["posterior"]["intercept"]
        assert np.allclose(expit(effect), tree["posterior"]["historical_rate"])
        trees.append(tree)
        other = "robust" if kind == "map" else "map"
        with pytest.raises(DataError, match=f"kind is '{other}', but"):
            make_design(cohort, spec, priors[other])
    with pytest.raises(DataError, match=r"the model has no \[historical\]"):
        make_design(cohort, plain, priors["map"])
    table = response_table(trees, by="naive")
    assert len(table) == 2 * 7
    # With a rate of their own the naive say nothing of the others, whose rate is that of their
    # responses and the prior of the intercept, by integration.
    k, n = (int(of[~known["naive"].to_numpy()].sum()) for of in (responded, seen))
    points, own = np.linspace(-12.0, 12.0, 4001), plain.priors["intercept"]
    weight = ss.norm(own["mean"], own["sd"]).pdf(points) * ss.binom(n, expit(points)).pmf(k)
    exact = (weight * expit(points)).sum() / weight.sum()
    for kind in ("map", "robust"):
        others = table[table["source"] == f"response_{kind}: new patients"]
        (row,) = others[others["naive"] == "previously treated"].to_dict("records")
        assert abs(row["estimate"] - exact) < 5.0 * row["mcse"]


def test_the_density_with_history_is_that_of_scipy(models):
    spec = read_model(models / "response_map.toml")
    cohort = simulated(8, seed=3)
    prior = mixture((0.6, 12.0, 5.0), (0.4, 2.0, 3.0)).assign(
        model="historical_response", kind="map"
    )
    design = make_design(cohort, spec, prior)
    model = build(spec, design)
    log_density = model.compile_logp(jacobian=False, mode=INTERPRETED)
    own = spec.priors["intercept"]
    for intercept, rate in product((-1.0, 0.4), (0.2, 0.85)):
        point = {"intercept": np.array(intercept)}
        (name,) = (v.name for v in model.value_vars if v.name != "intercept")
        expected = ss.norm.logpdf(intercept, own["mean"], own["sd"])
        expected += float(np.log(mixtures.density(prior, rate)))
        for x, y in zip(design["x_naive"].values, design["response"].values, strict=True):
            if y >= 0:
                p = expit(intercept + x * (logit(rate) - intercept))
                expected += np.log(p if y else 1.0 - p)
        assert log_density(point | {name: logit(rate)}) == pytest.approx(float(expected), rel=1e-8)


# --- placebo, and a trial -------------------------------------------------------------------------


@pytest.mark.draws
def test_the_placebo_rate_is_uncertain(responses, spondylitis):
    draws = events.new_unit_rate(responses)
    both = historical.difference_from_placebo(draws, spondylitis, seed=1)
    assert both["measure"].to_numpy().tolist() == ["treated", "placebo", "difference"]
    parts = {name: both.sel(measure=name).to_numpy() for name in both["measure"].to_numpy()}
    assert np.array_equal(parts["treated"], draws.to_numpy())
    assert np.allclose(parts["difference"], parts["treated"] - parts["placebo"])
    # Independent: the variance of the difference is the sum of both.
    # 5 MCSE of their covariance: one run in a million fails.
    apart = [parts[name] - parts[name].mean() for name in ("treated", "placebo")]
    variances = [parts[name].var() for name in ("treated", "placebo", "difference")]
    assert abs(sum(variances[:2]) - variances[2]) < 2.0 * 5.0 * mcse(apart[0] * apart[1])
    again = historical.difference_from_placebo(draws, spondylitis, seed=1)
    assert again.identical(both)


@pytest.mark.draws
def test_the_tables_count_every_study(responses, spondylitis):
    table = tables.evidence_table(responses)
    observed = table[table["source"] == "observed"]
    assert (observed["events"].sum(), observed["n"].sum()) == (53, 71)
    assert table["study"].iloc[-2:].tolist() == [tables.MEAN, tables.NEXT]
    labels = [tick.get_text() for tick in history_figure(table).axes[0].get_yticklabels()]
    assert labels[0] == "Leger2001 naive ivig  2/4"
    assert labels[-1] == tables.NEXT
    assert (table["lower"] <= table["estimate"]).all()
    assert (table["estimate"] <= table["upper"]).all()
    # A study's own rate lies between what it observed and the mean: 0.702 between 0.5 and 0.727,
    # MCSE 0.0017 and 0.0013. The nearer is 11 MCSE of both sides away: no run in 10^20 fails.
    small = table[table["study"] == "Leger2001_naive_ivig"]
    mean = table.loc[table["study"] == tables.MEAN, "estimate"].iloc[0]
    assert 0.5 < small["estimate"].iloc[1] < mean


@pytest.mark.draws
def test_the_placebo_table_asks_both_questions(responses, spondylitis):
    rng = np.random.default_rng(1)
    draws = xr.DataArray(
        rng.beta([[[5.0, 14.0]]], [[[15.0, 6.0]]], size=(4, 500, 2)),
        dims=("chain", "draw", "naive"),
        coords={"naive": [False, True]},
        attrs={"synthetic": True},
    )
    observed = rates(
        pd.DataFrame({"patient": range(4), "response": [None, None, True, True]}),
        pd.DataFrame({"patient": range(4), "naive": [False, False, True, True]}),
        by="naive",
        synthetic=True,
    )
    table = tables.placebo_table(
        {"made up": draws}, spondylitis, observed, rate=0.2, seed=2, by="naive"
    )
    rows = table[table["naive"] == "naive"].set_index(["measure", "source"])
    fixed = rows.loc[("rate above 0.2, taken as known", "observed")]
    assert fixed["p_value"] == pytest.approx(0.2**2)
    modelled = rows.loc[("rate above 0.2, taken as known", "made up")]
    assert modelled["p_above"] == pytest.approx(float((draws[..., 1] > 0.2).mean()))
    placebo = events.new_unit_rate(spondylitis).to_numpy()
    uncertain = rows.loc[("difference from placebo", "made up")]
    # 2,000 independent draws of both here, 8,000 there; what they are drawn from is the same on
    # both sides. 5 standard errors: one run in a million fails per number, 2 numbers.
    of_the_mean = np.hypot(np.sqrt(14 * 6 / 20**2 / 21), placebo.std()) / np.sqrt(2000)
    assert uncertain["estimate"] == pytest.approx(14 / 20 - placebo.mean(), abs=5 * of_the_mean)
    chance = (rng.beta(14.0, 6.0, size=placebo.size) > placebo.ravel()).mean()
    binomial = np.sqrt(max(chance * (1 - chance), 1e-3) * (1 / 2000 + 1 / placebo.size))
    assert uncertain["p_above"] == pytest.approx(chance, abs=5 * binomial)
    assert table["synthetic"].all()
    # Nobody of the others was judged: the row is there, and says so.
    nobody = table[(table["source"] == "observed") & (table["naive"] == "previously treated")]
    assert nobody["n"].tolist() == [0]
    assert nobody["test"].tolist() == ["nobody evaluable"]
    bare = {"made up": draws.mean("naive").assign_attrs(draws.attrs)}
    with pytest.raises(
        ValueError, match="rates and the draws of 'made up' are not by 'naive'; make"
    ):
        tables.placebo_table(
            bare, spondylitis, observed.drop(columns="naive"), rate=0.2, seed=2, by="naive"
        )


@pytest.mark.slow
@pytest.mark.draws
def test_the_trial_agrees_with_its_published_margins(models, trial):
    spec = read_model(models / "trial_leger2001.toml")
    tree = fit(trial, spec, seed=3, progress="off")
    table = tables.trial_table(tree, trial, treated="treated", period="second_period")
    observed = table[table["source"] == "observed"].set_index("measure")
    assert observed.loc["treated", ["events", "n"]].tolist() == [7, 9]
    assert observed.loc["placebo", ["events", "n"]].tolist() == [2, 9]
    assert observed.loc["odds ratio", "p_value"] == pytest.approx(0.0567, abs=5e-5)
    model = table[table["source"] == "model"].set_index("measure")
    # Of 6 fits: at most 0.4 % of draws are not above 0 (0.1 % on average, so that 1 % of 800
    # effective ones has probability 1e-5), and the rate is 0.17 above the limit, which is 10 MCSE.
    assert model.loc["difference", "p_above"] > 0.99
    assert model.loc["placebo", "upper"] < model.loc["treated", "estimate"]
    # Of 4 chains, halved, with 800 effective draws (the fewest seen) R-hat is 1 + (chi2(7) - 7) /
    # 1400, of ranks and of deviations: 1.02 has a probability of 1e-5 each, 5 quantities.
    assert model["r_hat"].max() < 1.02
    # Standardised by hand: half naive, half relapsed.
    cells = [
        events.new_unit_rate(
            tree, {"treated": 1.0, "never_treated": naive, "second_period": 0.0}, mean=True
        )
        for naive in (0.0, 1.0)
    ]
    by_hand = float((sum(cells) / 2.0).mean())
    assert model.loc["treated", "estimate"] == pytest.approx(by_hand, rel=1e-9)
    with pytest.raises(ValueError, match="the predictors of the model 'trial_leger2001' are"):
        events.new_unit_rate(tree, {"treated": 1.0})
    for asked in ({"treated": "arm"}, {"treated": "treated", "period": "arm"}):
        with pytest.raises(ValueError, match="'arm' is no predictor"):
            tables.trial_table(tree, trial, **asked)
    with pytest.raises(ValueError, match="the trial has one arm only"):
        tables.trial_table(tree, trial[trial["treated"] == 1], treated="treated")
    with pytest.raises(ValueError, match="'arm' is no predictor"):
        events.standardised_rates(tree, "arm")
    with pytest.raises(ValueError, match="is not of studies alone"):
        historical.historical_prior(tree)
