"""The missing: every assumption counted, the model's answer beside, and a shift assumed of them.

A test of draws without a bound of its own holds for any draws: failure probability 0.
"""

import numpy as np
import pytest
from scipy.stats import binomtest
from trees import first_draws, of_another_design

from mmn_bayes.data.reading import make_cohort
from mmn_bayes.data.response import judge
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.sampling import fit
from mmn_bayes.model_file.reading import read_model
from mmn_bayes.outcomes.response.estimands import response_probability
from mmn_bayes.outcomes.response.missing import delta_adjusted_response
from mmn_bayes.outcomes.response.missing_figure import delta_figure
from mmn_bayes.outcomes.response.missing_table import missing_table, tipping_table
from mmn_bayes.outcomes.response.observed_missing import assumed_missing, tipping_point
from mmn_bayes.posterior.posterior_predictive import recorded_occasions, replicate_panels


def test_every_number_of_responders_is_counted():
    table = assumed_missing(14, 20, 2, rate=0.2)
    assert table["assumption"].tolist() == [
        "complete cases",
        "all missing fail",
        "1 of 2 missing respond",
        "all missing respond",
    ]
    assert table["events"].tolist() == [14, 14, 15, 16]
    assert table["n"].tolist() == [20, 22, 22, 22]
    assert ((table["n"] + table["missing"]) == 22).all()
    for row in table.itertuples():
        exact = binomtest(row.events, row.n, 0.2, alternative="greater")
        limits = binomtest(row.events, row.n).proportion_ci(0.95, "exact")
        assert row.p_value == pytest.approx(exact.pvalue, rel=1e-12)
        assert (row.lower, row.upper) == pytest.approx((limits.low, limits.high), rel=1e-9)
    assert table["exceeds"].all()
    said = tipping_point(table).iloc[0]
    assert said["conclusion"] == "above"
    assert said["in_words"].endswith("it is so whatever the 2 missing did.")


@pytest.mark.parametrize(
    ("rate", "tips", "conclusion"),
    # Lower limits: 0.457 of 14/20; 0.407, 0.451, 0.498 of 14, 15 and 16 of 22.
    [(0.3, None, "above"), (0.43, 0, "above"), (0.455, 1, "above"), (0.47, 2, "not above")],
)
def test_the_tipping_point_is_where_the_conclusion_changes(rate, tips, conclusion):
    table = assumed_missing(14, 20, 2, rate=rate)
    said = tipping_point(table).iloc[0]
    assert said["conclusion"] == conclusion
    if tips is None:
        assert "whatever the 2 missing did" in said["in_words"]
        return
    assert said["tips_at"] == tips
    own = table.set_index("assumption").loc["complete cases", "exceeds"]
    at = table.set_index("assumed")["exceeds"]
    assert at.loc[tips] != own
    nearer = tips + 1 if own else tips - 1
    assert nearer not in at.index or at.loc[nearer] == own


def test_nobody_missing_and_everybody_missing():
    table = assumed_missing(0, 5, 0, rate=0.2)
    assert table["assumption"].tolist() == ["complete cases"]
    assert tipping_point(table)["in_words"].iloc[0].endswith("nobody is missing.")
    table = assumed_missing(0, 0, 3, rate=0.2)
    assert table["events"].tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="no complete cases"):
        tipping_point(table)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((0, 0, 0), "n is 0; a rate needs at least one patient."),
        ((3, 2, 1), "3 events of 2 patients"),
        ((1, 2, -1), "missing is -1"),
    ],
)
def test_counts_that_cannot_be_are_refused(counts, words):
    with pytest.raises(ValueError, match=words):
        assumed_missing(*counts, rate=0.2)


# --- a shift ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cohort(few):
    """Of simulated patients two naive ones and one other are not seen at follow-up, or more."""
    whole = few
    naive = whole.patients["naive"].to_numpy(dtype=bool)
    who = [*whole.patients["patient"][naive][:2], *whole.patients["patient"][~naive][:1]]
    grades = whole.grades
    lost = grades["patient"].isin(who) & (grades["day"] > 60)
    return make_cohort(
        patients=whole.patients, grades=grades[~lost], infusions=whole.infusions, synthetic=True
    )


@pytest.fixture(scope="module")
def tree(models, cohort, strength_of_few):
    """What is asked of it holds of any draws: those of the patients when all had been seen."""
    design = make_design(cohort, read_model(models / "strength.toml"))
    return of_another_design(first_draws(strength_of_few, 60), design)


@pytest.mark.draws
@pytest.mark.slow
def test_a_shift_moves_the_unseen_and_nobody_else(tree, models, cohort):
    spec = read_model(models / "strength.toml")
    design = make_design(cohort, spec)
    gone = np.isnan(design["follow_up_day"].to_numpy())
    assert 3 <= gone.sum() < len(gone)
    occasions, posterior = recorded_occasions(spec, design), tree["posterior"].to_dataset()
    shift = np.where(gone[design["patient_of_site"].to_numpy()], 0.7, 0.0)

    def panels(shift):
        rng = np.random.default_rng(1)
        blocks = replicate_panels(
            spec, design, posterior, occasions, rng, keep_recorded=True, shift=shift
        )
        return next(iter(blocks))

    plain, moved, none = panels(None), panels(shift), panels(np.zeros_like(shift))
    assert np.array_equal(plain.follow_up, none.follow_up)
    assert np.array_equal(plain.baseline, moved.baseline)
    assert np.array_equal(plain.follow_up[:, ~gone], moved.follow_up[:, ~gone])
    assert (moved.follow_up[:, gone] >= plain.follow_up[:, gone]).all()
    # By how much: each grade is the one of the strength less 0.7.
    judged = [judge(p.baseline, p.follow_up, spec.response, spec.scale) for p in (plain, moved)]
    # Never less, and the same only if none of 180 or more unseen responses hangs on 0.7.
    assert judged[1].response[:, gone].mean() > judged[0].response[:, gone].mean()


@pytest.mark.draws
@pytest.mark.slow
def test_the_curve_of_the_shift_passes_through_missing_at_random(tree):
    deltas = [-20.0, -0.3, 0.0, 0.3, 20.0]
    draws = delta_adjusted_response(tree, deltas, by="naive")
    assert draws.dims == ("chain", "draw", "delta", "naive")
    assert (draws.diff("delta") >= 0.0).all()
    same = response_probability(tree, patients="cohort", by="naive")
    assert np.array_equal(draws.sel(delta=0.0).to_numpy(), same.to_numpy())
    gap = float(tree["posterior"]["cutpoints"].diff("threshold").mean())
    assert draws["grades"].to_numpy() == pytest.approx(np.array(deltas) / gap)
    # At the ends every unseen patient whose muscles can gain fails, or responds.
    table = missing_table(tree, rate=0.2, by="naive")
    for label in (True, False):
        name = "naive" if label else "previously treated"
        rows = table[table["naive"] == name].set_index("assumption")
        low = draws.sel(naive=label, delta=-20.0)
        assert float(low.max()) == pytest.approx(rows.loc["all missing fail", "estimate"])
        high = float(draws.sel(naive=label, delta=20.0).mean())
        assert high <= rows.loc["all missing respond", "estimate"] + 1e-12
    for wrong in ([], [0.0, np.nan]):
        with pytest.raises(ValueError, match="give finite shifts"):
            delta_adjusted_response(tree, wrong)
    with pytest.raises(ValueError, match="it needs patients='cohort'"):
        response_probability(tree, patients="population", delta=0.5)


@pytest.mark.draws
@pytest.mark.slow
def test_a_model_of_responses_has_no_strength_to_shift(models, cohort):
    plain = read_model(models / "response.toml")
    other = fit(cohort, plain, seed=1, chains=1, draws=20, tune=50, progress="off")
    with pytest.raises(ValueError, match="is of outcome 'response', not of grades"):
        delta_adjusted_response(other, [0.0])
    table = missing_table(other, rate=0.2, by="naive")
    total = (table["n"] + table["missing"] + table["not_judged"]).groupby(table["naive"]).nunique()
    assert (total == 1).all()


@pytest.mark.draws
@pytest.mark.slow
def test_every_patient_is_in_every_row(tree, cohort):
    table = missing_table(tree, rate=0.2, by="naive")
    enrolled = cohort.patients["naive"].map({True: "naive", False: "previously treated"})
    for name, rows in table.groupby("naive"):
        total = rows["n"] + rows["missing"] + rows["not_judged"]
        assert (total == int((enrolled == name).sum())).all()
    model = table[table["assumption"] == "filled in by the model"]
    assert model["p_above"].between(0.0, 1.0).all()
    alone = missing_table(tree, by=None, rate=0.2)
    assert alone["group"].unique().tolist() == ["all"]
    said = tipping_table(tree, rate=0.2, by="naive")
    assert len(said) == 2
    assert said["synthetic"].all()


@pytest.mark.draws
@pytest.mark.slow
def test_the_curve_is_drawn_for_every_group(tree):
    for by in ("naive", None):
        draws = delta_adjusted_response(tree, [-0.5, 0.0, 0.5], by=by)
        table = missing_table(tree, by=by, rate=0.2)
        figure = delta_figure(draws, table, rate=0.2, title="A long title " * 12)
        titles = [panel.get_title(loc="left") or panel.get_title() for panel in figure.axes]
        assert titles == list(dict.fromkeys(table[str(table.columns[0])]))
        assert "Synthetic data" in figure._suptitle.get_text()
