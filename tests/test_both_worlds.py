"""Two groups in one table: observed and posterior rows, standardised ones, and why they differ.

A test of draws without a bound of its own holds for any draws: failure probability 0.
"""

import numpy as np
import pytest
from scipy.special import expit
from trees import first_draws

from mmn_bayes.data.reading import make_cohort
from mmn_bayes.engine.sampling import fit
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.outcomes.observed_rates import INTERVALS, exact_test
from mmn_bayes.outcomes.response.comparison_table import NEEDED, STANDARDISED, comparison_table
from mmn_bayes.outcomes.response.estimands import response_probability
from mmn_bayes.outcomes.response.observed_contrast import compare_rates
from mmn_bayes.report.formatting import to_markdown, to_text
from mmn_bayes.studies.known_truth import simulated

SHORT = {"seed": 2, "chains": 2, "draws": 60, "tune": 150, "progress": "off"}


@pytest.fixture(scope="module")
def cohort():
    return simulated(24, seed=8)


@pytest.fixture(scope="module")
def responses(models, cohort):
    """A model of responses with a covariate beside naive status, which goes along with it."""
    content = read_model(models / "response.toml").resolved
    naive = content["predictor"]["naive"]
    content["predictor"]["male"] = {**naive, "column": "male"}
    return fit(cohort, parse_model(content, "response"), **SHORT)


@pytest.fixture(scope="module")
def strength(strength_of_few):
    return first_draws(strength_of_few, 60)


@pytest.fixture(scope="module")
def table(responses):
    return comparison_table(responses, rate=0.2, by="naive")


@pytest.mark.draws
@pytest.mark.slow
def test_standardised_rates_are_the_mean_over_the_whole_cohort(responses):
    draws = response_probability(responses, patients="population", by="naive", standardised=True)
    design, posterior = responses["design"].to_dataset(), responses["posterior"].to_dataset()
    applies = (design["n_affected"].to_numpy() >= 2) & (design["n_sites"].to_numpy() > 0)
    applies |= design["n_affected"].to_numpy() < 0
    male = design["x_male"].to_numpy()[applies]
    for label in (False, True):
        eta = posterior["intercept"] + posterior["naive"] * float(label)
        by_hand = expit(eta.to_numpy()[..., None] + posterior["male"].to_numpy()[..., None] * male)
        assert draws.sel(naive=label).to_numpy() == pytest.approx(by_hand.mean(axis=-1), rel=1e-9)


@pytest.mark.draws
@pytest.mark.slow
def test_standardised_groups_differ_in_what_makes_them_alone(strength):
    """Where naive status has no effect and nobody was infused, both groups are the same."""
    same = strength.copy()
    posterior = strength["posterior"].to_dataset()
    zero = {name: posterior[name] * 0.0 for name in ("naive_level", "naive_gain")}
    same["posterior"] = posterior.assign(zero)
    same["design"] = strength["design"].to_dataset().isel(infusion=slice(0, 0))
    same.attrs = strength.attrs
    draws = response_probability(same, patients="population", by="naive", standardised=True)
    assert np.array_equal(draws.sel(naive=True), draws.sel(naive=False))
    plain = response_probability(same, patients="population", by="naive")
    assert not np.array_equal(plain.sel(naive=True), plain.sel(naive=False))
    # With the infusions of its own group each has another course.
    own = strength.copy()
    own["posterior"] = posterior.assign(zero)
    own.attrs = strength.attrs
    draws = response_probability(own, patients="population", by="naive", standardised=True)
    # 0.35 to 0.42 of four fits, with an MCSE of 0.03 at most: 11 MCSE, no run in 10^20 fails.
    assert float(draws.sel(naive=True).mean()) > float(draws.sel(naive=False).mean())


@pytest.mark.draws
def test_what_cannot_be_standardised(responses):
    for asked in ({"patients": "cohort", "by": "naive"}, {"patients": "population"}):
        with pytest.raises(ValueError, match="of new patients, by a group; give both"):
            response_probability(responses, standardised=True, **asked)


@pytest.mark.draws
@pytest.mark.slow
def test_observed_rows_are_those_of_the_frequentist_functions(table, responses):
    response = responses["design"]["response"].to_numpy()
    naive = responses["design"]["naive"].to_numpy()
    pairs = {
        name: (int((response[who] == 1).sum()), int((response[who] >= 0).sum()))
        for name, who in (("naive", naive), ("previously treated", ~naive))
    }
    observed = table[table["source"] == "observed"]
    for name, (events, n) in pairs.items():
        rows = observed[(observed["measure"] == "rate") & (observed["group"] == name)]
        assert rows["interval"].tolist() == list(INTERVALS)
        assert (rows["events"] == events).all()
        assert (rows["n"] == n).all()
        tests = [exact_test(events, n, rate=0.2, alternative=a)["p_value"].iloc[0]
                 for a in ("greater", "two-sided")]  # fmt: skip
        first = rows.iloc[0]
        assert [first["p_greater"], first["p_value"]] == pytest.approx(tests)
        assert rows["p_value"].notna().sum() == 1
    expected = compare_rates(pairs["naive"], pairs["previously treated"]).set_index("measure")
    rows = observed[observed["measure"] != "rate"].set_index("measure")
    for column in ("estimate", "lower", "upper", "p_value"):
        got = rows[column].to_numpy(dtype=float)
        assert got == pytest.approx(expected.loc[rows.index, column].to_numpy(), nan_ok=True)


@pytest.mark.draws
@pytest.mark.slow
def test_posterior_rows_follow_from_the_draws(table, responses):
    draws = response_probability(responses, patients="population", by="naive")
    naive, other = (draws.sel(naive=value) for value in (True, False))
    rows = table[table["source"] == "response: new patients"].set_index(["measure", "group"])
    both = "naive against previously treated"
    assert rows.loc[("rate", "naive"), "p_above"] == pytest.approx(float((naive > 0.2).mean()))
    difference = naive - other
    row = rows.loc[("difference", both)]
    assert row["estimate"] == pytest.approx(float(difference.mean()))
    assert row["p_above"] == pytest.approx(float((difference > 0).mean()))
    ratio = rows.loc[("ratio", both)]
    assert ratio["estimate"] == pytest.approx(float((naive / other).mean()))
    needed = rows.loc[(NEEDED, both)]
    assert needed["estimate"] == pytest.approx(1.0 / row["estimate"])
    if row["lower"] > 0:
        assert (needed["lower"], needed["upper"]) == (1 / row["upper"], 1 / row["lower"])
    else:
        assert np.isnan(needed["lower"])
        assert "through infinity" in needed["note"]
    assert table["source"].str.endswith(STANDARDISED).sum() == 2 + 4


@pytest.mark.draws
@pytest.mark.slow
def test_every_posterior_rate_says_why_it_differs(table, responses, cohort):
    rates = table[(table["measure"] == "rate") & (table["source"] != "observed")]
    response = responses["design"]["response"].to_numpy()
    naive = responses["design"]["naive"].to_numpy()
    for row in rates.to_dict("records"):
        who = naive if row["group"] == "naive" else ~naive
        events, n = int((response[who] == 1).sum()), int((response[who] >= 0).sum())
        gap = float(row["note"].split(" ")[2])
        assert gap == pytest.approx(100 * (row["estimate"] - events / n), abs=0.051)
        assert f"from {events}/{n}:" in row["note"]
        if row["source"].endswith("these patients") and (response[who] < 0).any():
            assert f"the {int((response[who] < 0).sum())} missing" in row["note"]
        if "new patients" in row["source"]:
            assert "shrinkage" in row["note"]
            assert ("standardised" in row["note"]) == row["source"].endswith("standardised")
    assert table["synthetic"].all()
    text = to_markdown(table, "caption")
    assert text.count("\n|") == len(table) + 2
    assert "SYNTHETIC" in to_text(table)


@pytest.mark.draws
@pytest.mark.slow
def test_one_group_or_nobody_evaluable_is_refused(models, cohort):
    spec = read_model(models / "response.toml")
    content = spec.resolved
    del content["predictor"]
    plain = parse_model(content, "response")
    naive = cohort.patients["naive"].to_numpy(dtype=bool)
    who = cohort.patients["patient"][naive]
    tables = {
        name: getattr(cohort, name)[getattr(cohort, name)["patient"].isin(who)]
        for name in ("patients", "grades", "infusions")
    }
    tables["patients"] = tables["patients"][["patient", "naive"]]
    alone = fit(make_cohort(**tables, synthetic=True), plain, **SHORT)
    with pytest.raises(ValueError, match="All patients are 'naive' by 'naive'; two groups"):
        comparison_table(alone, rate=0.2, by="naive")
    gone = cohort.grades["patient"].isin(cohort.patients["patient"][~naive])
    gone &= cohort.grades["day"] > 60
    few = make_cohort(
        patients=cohort.patients[["patient", "naive"]],
        grades=cohort.grades[~gone],
        infusions=cohort.infusions,
        synthetic=True,
    )
    with pytest.raises(ValueError, match="Nobody of the group 'previously treated' is evaluable"):
        comparison_table(fit(few, plain, **SHORT), rate=0.2, by="naive")
    with pytest.raises(ValueError, match="needs at least one fit"):
        comparison_table([], rate=0.2, by="naive")
