import numpy as np
import pytest
import xarray as xr

from mmn_bayes.posterior.summary import contrast, summarise


@pytest.fixture
def draws():
    values = np.random.default_rng(1).beta(14.0, 6.0, size=(4, 500, 2))
    return xr.DataArray(
        values,
        dims=("chain", "draw", "naive"),
        coords={"naive": [False, True]},
        attrs={"synthetic": True},
    )


def test_summary_is_the_moments_and_quantiles_of_all_draws(draws):
    table = summarise(draws, level=0.9, interval="eti").set_index("naive")
    pooled = draws.sel(naive=True).to_numpy().ravel()
    row = table.loc[True]
    assert row["estimate"] == pytest.approx(pooled.mean())
    assert row["sd"] == pytest.approx(pooled.std(ddof=1))
    assert [row["lower"], row["upper"]] == pytest.approx(np.quantile(pooled, [0.05, 0.95]))
    assert row["level"] == 0.9
    assert row["interval"] == "eti"
    assert row["synthetic"]


def test_independent_draws_have_their_number_as_effective_sample_size(draws):
    row = summarise(draws).iloc[0]
    assert row["ess_bulk"] == pytest.approx(2000, rel=0.2)
    assert row["r_hat"] == pytest.approx(1.0, abs=0.01)
    assert row["mcse"] == pytest.approx(row["sd"] / np.sqrt(2000), rel=0.15)


def test_highest_density_interval_is_the_shortest(draws):
    skewed = (1.0 - draws) ** 4
    eti = summarise(skewed, interval="eti").iloc[0]
    hdi = summarise(skewed, interval="hdi").iloc[0]
    assert hdi["interval"] == "hdi"
    assert hdi["upper"] - hdi["lower"] < eti["upper"] - eti["lower"]


def test_margins_are_shares_of_draws(draws):
    table = summarise(draws, above=0.7, below=0.5, within=(0.5, 0.7))
    shares = table[["p_above", "p_below", "p_within"]]
    assert shares.sum(axis=1).to_numpy() == pytest.approx(np.ones(2))
    assert shares["p_above"][0] == (draws.sel(naive=False) > 0.7).mean().item()


def test_what_never_varies_has_no_r_hat_and_no_error(draws):
    row = summarise(xr.zeros_like(draws).isel(naive=0, drop=True) + 0.25).iloc[0]
    assert (row["lower"], row["upper"], row["mcse"]) == (0.25, 0.25, 0.0)
    assert np.isnan(row["r_hat"])


@pytest.mark.parametrize("distribution", ["prior", "predictive"])
def test_draws_that_are_not_posterior_say_so_in_one_more_column(draws, distribution):
    table = summarise(draws.assign_attrs(distribution=distribution), above=0.5)
    assert set(table["distribution"]) == {distribution}
    plain = summarise(draws.assign_attrs(distribution="posterior"), above=0.5)
    assert list(plain.columns) == list(summarise(draws, above=0.5).columns)
    assert list(table.columns[:6]) == [*plain.columns[:6]]
    assert table.drop(columns="distribution").equals(plain)
    assert list(table.columns).index("distribution") == list(table.columns).index("interval") + 1


def test_a_contrast_of_predictive_draws_is_predictive(draws):
    difference = contrast(draws.assign_attrs(distribution="predictive"), (True, False))
    assert summarise(difference).loc[0, "distribution"] == "predictive"


def test_an_unknown_distribution_is_refused(draws):
    with pytest.raises(ValueError, match="is 'likelihood'; it is 'posterior', 'prior' or"):
        summarise(draws.assign_attrs(distribution="likelihood"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"level": 95}, "level is 95; it is a probability"),
        ({"interval": "quantile"}, "interval is 'quantile'; it is 'eti' or 'hdi'"),
    ],
)
def test_unusable_arguments_are_named(draws, arguments, message):
    with pytest.raises(ValueError, match=message):
        summarise(draws, **arguments)


def test_draws_without_chains_are_refused(draws):
    with pytest.raises(ValueError, match="no dim chain"):
        summarise(draws.isel(chain=0))


def test_contrasts_are_taken_draw_by_draw(draws):
    a, b = draws.sel(naive=True).to_numpy(), draws.sel(naive=False).to_numpy()
    assert np.array_equal(contrast(draws, (True, False)), a - b)
    assert np.array_equal(contrast(draws, (True, False), "ratio"), a / b)
    odds = contrast(draws, (True, False), "odds_ratio")
    assert np.allclose(odds, a * (1 - b) / (b * (1 - a)))
    assert odds.attrs["synthetic"]


def test_contrast_of_unknown_members_or_kind_is_refused(draws):
    with pytest.raises(ValueError, match="'a' and 'b' are members of 0 dims"):
        contrast(draws, ("a", "b"))
    with pytest.raises(ValueError, match="kind is 'log'"):
        contrast(draws, (True, False), "log")


def test_draws_that_are_no_numbers_leave_the_whole_row_missing(draws):
    spoilt = draws.where((draws["naive"] != True) | (draws["draw"] > 0))  # noqa: E712
    table = summarise(spoilt, above=0.5).set_index("naive")
    numbers = ["estimate", "sd", "lower", "upper", "ess_bulk", "r_hat", "mcse", "p_above"]
    assert table.loc[True, numbers].isna().all()
    assert table.loc[False, numbers].notna().all()


# --- margins that lie where a quantity cannot -----------------------------------------------------


def probabilities(**attributes):
    values = np.random.default_rng(1).uniform(0.2, 0.8, (2, 50, 2))
    about = {"quantity": "probability of response", "support": (0.0, 1.0), **attributes}
    coords = {"naive": [False, True]}
    return xr.DataArray(values, dims=("chain", "draw", "naive"), coords=coords, attrs=about)


@pytest.mark.parametrize(
    "margins",
    [{"above": 20}, {"below": -0.1}, {"within": (0.2, 1.5)}, {"above": np.nan}, {"above": np.inf}],
)
def test_a_margin_where_a_probability_cannot_lie_is_refused(margins):
    with pytest.raises(
        ValueError, match="where 'probability of response' cannot lie: it is from 0"
    ):
        summarise(probabilities(), **margins)


def test_margins_at_the_ends_of_a_support_are_margins():
    table = summarise(probabilities(), above=0.0, below=1.0)
    assert table[["p_above", "p_below"]].to_numpy().tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_a_margin_that_runs_backwards_or_is_no_number_is_refused():
    draws = probabilities().drop_attrs()
    with pytest.raises(ValueError, match="give two numbers, the smaller first"):
        summarise(draws, within=(0.5, 0.2))
    with pytest.raises(ValueError, match="below is nan"):
        summarise(draws, below=float("nan"))


def test_contrasts_have_the_support_of_contrasts():
    draws = probabilities()
    difference = contrast(draws, between=(True, False))
    assert list(summarise(difference, below=-0.9)["p_below"]) == [0.0]
    with pytest.raises(ValueError, match="it is from -1 to 1"):
        summarise(difference, above=1.1)
    for kind in ("ratio", "odds_ratio"):
        assert list(summarise(contrast(draws, (True, False), kind), above=20)["p_above"]) == [0.0]
        with pytest.raises(ValueError, match="it is from 0 to inf"):
            summarise(contrast(draws, (True, False), kind), above=-1)


def test_draws_that_left_a_support_are_of_another_quantity():
    logits = np.log(probabilities()) - np.log1p(-probabilities())
    assert list(summarise(logits, above=20)["p_above"]) == [0.0, 0.0]
