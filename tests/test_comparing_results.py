"""Two sets of results compared: what must be found is found, and other draws are no difference."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta, gamma, lognorm, norm
from stored import ROOT

from mmn_bayes.outcomes.evidence.mixtures import moments
from mmn_bayes.report.formatting import to_markdown
from mmn_bayes.studies.comparing_results import compare_results
from mmn_bayes.studies.differences import most_errors
from mmn_bayes.studies.monte_carlo import errors_of
from mmn_bayes.studies.sides import Committed, Folder, WorkingTree
from mmn_bayes.studies.table_pairs import TablePair

ESTIMATES = pd.DataFrame(
    {
        "naive": ["naive", "naive", "treated"],
        "source": ["observed", "strength: new patients", "strength: new patients"],
        "n": [20, np.nan, np.nan],
        "events": [14, np.nan, np.nan],
        "missing": [2, np.nan, np.nan],
        "estimate": [0.70, 0.620, 0.240],
        "lower": [0.4572, 0.4803, 0.1803],
        "upper": [0.8811, 0.7511, 0.3111],
        "level": 0.95,
        "interval": ["clopper-pearson", "eti", "eti"],
        "p_above": [np.nan, 0.998, 0.88],
        "ess_bulk": [np.nan, 1000.0, 900.0],
        "ess_tail": [np.nan, 900.0, 950.0],
        "r_hat": [np.nan, 1.001, 0.999],
        "mcse": [np.nan, 0.0022, 0.0011],
        "synthetic": True,
    }
)
SECOND = "naive, strength: new patients"


@pytest.fixture
def compared(tmp_path):
    """A function that writes two tables, or other contents by name of the file, and compares."""

    times = itertools.count()

    def compare(old, new):
        root = tmp_path / str(next(times))
        for side, contents in (("old", old), ("new", new)):
            files = contents if isinstance(contents, dict) else {"table.csv": contents}
            for name, content in files.items():
                path = root / side / "results" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                text = content if isinstance(content, str) else content.to_csv(index=False)
                path.write_text(text, encoding="utf-8")
        sides = (Folder(root / side) for side in ("old", "new"))
        return compare_results(*sides, ["results"])

    return compare


def changed(column, row, value, table=ESTIMATES):
    other = table.copy()
    other[column] = other[column].astype(object)
    other.loc[row, column] = value
    return other


def found(comparison):
    """Row and column of everything that does not agree."""
    table = comparison.differences
    return list(zip(table["row"], table["column"], strict=True))


# --- tables by hand -------------------------------------------------------------------------------


def test_the_same_tables_agree(compared):
    same = compared(ESTIMATES, ESTIMATES)
    assert found(same) == []
    assert (same.files, same.largest) == (1, 0.0)
    # Of two rows estimate, limits and a probability.
    assert same.drawn == 8
    assert same.factor == pytest.approx(most_errors(8))
    assert "0 other differences" in same.summary


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("estimate", 0.620 + 0.0022),
        ("lower", 0.4803 + 0.006),
        ("upper", 0.7511 - 0.006),
        ("p_above", 0.9965),
        ("ess_bulk", 600.0),  # both pass
        ("ess_tail", 390.0),  # one does not, and is not far from the other
        ("r_hat", 1.012),
        ("mcse", 0.0028),
    ],
)
def test_other_draws_agree(column, value, compared):
    assert found(compared(ESTIMATES, changed(column, 1, value))) == []


@pytest.mark.parametrize(
    ("column", "row", "value"),
    [
        # By hand: 2 x 3.9 errors, with t of 8 numbers 3.6 or so times sqrt(2) x 0.0022.
        ("estimate", 1, 0.620 + 0.0172),
        ("lower", 1, 0.4803 - 0.05),
        ("upper", 1, 0.7511 + 0.05),
        ("p_above", 1, 0.95),
        ("ess_bulk", 1, 50.0),
        ("r_hat", 1, 1.2),
        ("mcse", 1, 0.022),
        ("events", 0, 13),
        ("n", 0, 21),
        ("estimate", 0, 0.7001),  # observed: no error
        ("upper", 0, 0.8821),
        ("level", 1, 0.9),
        ("interval", 1, "hdi"),
        ("synthetic", 2, False),
        ("mcse", 2, np.nan),
        ("estimate", 2, np.nan),
    ],
)
def test_what_is_another_answer_is_found(column, row, value, compared):
    where = found(compared(ESTIMATES, changed(column, row, value)))
    assert [name for _, name in where] == [column]


def test_the_bound_is_that_of_both_errors(compared):
    factor = most_errors(8)
    for share, expected in ((0.99, 0), (1.01, 1)):
        shift = share * factor * np.hypot(0.0022, 0.0022)
        comparison = compared(ESTIMATES, changed("estimate", 1, 0.620 + shift))
        assert len(comparison.differences) == expected
        assert comparison.largest == pytest.approx(share * factor)
    row = comparison.differences.iloc[0]
    assert (row["file"], row["row"]) == ("results/table.csv", SECOND)
    assert row["committed"], row["regenerated"] == pytest.approx((0.620, 0.620 + shift))
    assert row["allowance"] == pytest.approx(factor * np.hypot(0.0022, 0.0022))


def test_more_numbers_allow_more_and_never_much(compared):
    assert norm.isf(0.005) < most_errors(1) < 3.0
    assert norm.isf(0.005 / 40_000) < most_errors(40_000) < 6.5


def test_rows_columns_and_files_of_one_side_are_found(compared):
    assert found(compared(ESTIMATES, ESTIMATES.iloc[:2])) == [
        ("treated, strength: new patients", "")
    ]
    assert found(compared(ESTIMATES.drop(columns="mcse"), ESTIMATES)) == [("", "mcse")]
    without = compared(ESTIMATES, ESTIMATES.drop(columns="mcse"))
    assert ("", "mcse") in found(without)
    assert found(compared({"a.csv": ESTIMATES, "b.csv": ESTIMATES}, {"a.csv": ESTIMATES})) == [
        ("", "")
    ]


def test_rows_are_found_wherever_they_stand(compared):
    assert found(compared(ESTIMATES, ESTIMATES.iloc[::-1])) == []


def test_a_point_that_one_draw_leaves_is_a_point(compared):
    point = changed("lower", 1, 0.68, changed("upper", 1, 0.68, changed("estimate", 1, 0.68)))
    never = point.copy()
    never.loc[1, ["ess_bulk", "ess_tail", "r_hat", "mcse"]] = [np.nan, np.nan, np.nan, 0.0]
    once = changed("estimate", 1, 0.68001, changed("mcse", 1, 1e-5, point))
    assert found(compared(never, once)) == []
    assert ("naive, strength: new patients", "estimate") in found(
        compared(never, changed("estimate", 1, 0.69, once))
    )


def test_a_limit_on_a_lattice_may_jump_by_one_patient_and_not_by_two(compared):
    shares = ESTIMATES.assign(estimate=0.68, lower=15 / 22, upper=16 / 22, mcse=0.0003)
    for patients, expected in ((17, []), (19, [(SECOND, "upper")])):
        assert found(compared(shares, changed("upper", 1, patients / 22, shares))) == expected


def test_words_hold_to_the_numbers_of_their_row(compared):
    table = ESTIMATES.assign(note=["", "-8.0 percentage points from 14/20: shrinkage", ""])
    near = changed("note", 1, "-7.8 percentage points from 14/20: shrinkage", table)
    assert found(compared(table, near)) == []
    for other in ("-2.0 percentage points from 14/20: shrinkage", "-8.0 points from 14/20: chance"):
        assert found(compared(table, changed("note", 1, other, table))) == [(SECOND, "note")]


def test_checks_agree_where_both_are_passed(compared):
    checks = pd.DataFrame(
        {
            "quantity": ["sampler", "noise", "noise"],
            "check": ["divergences", "r_hat", "ess_bulk"],
            "value": [0.0, 1.002, 1500.0],
            "threshold": [0.0, 1.01, 400.0],
            "passed": True,
        }
    )
    assert found(compared(checks, changed("value", 2, 900.0, checks))) == []
    failed = changed("passed", 2, False, changed("value", 2, 300.0, checks))
    assert ("noise, ess_bulk", "passed") in found(compared(checks, failed))


def test_a_mixture_is_what_it_says_of_the_rate(compared):
    one = pd.DataFrame(
        {"component": ["map 1"], "weight": [1.0], "alpha": [12.0], "beta": [5.0], "kind": ["map"]}
    ).assign(ess=17.0, fit_fingerprint="of these inputs")
    # The same law in two parts, and nearly the same.
    two = pd.concat(
        [one.assign(weight=0.4), one.assign(weight=0.6, component="map 2", alpha=12.05)]
    )
    assert found(compared(one, two)) == []
    other = one.assign(alpha=30.0)
    assert moments(other)[0] > moments(one)[0] + 0.1
    assert ("of these inputs", "fit_fingerprint") not in found(compared(one, other))
    assert {"estimate", "sd"} <= {column for _, column in found(compared(one, other))}
    made_of_another = one.assign(fit_fingerprint="of others")
    assert found(compared(one, made_of_another)) == [("map", "fit_fingerprint")]


# --- pages, JSON, text ----------------------------------------------------------------------------


def page(table, note="Model strength: seed 1; pymc 6.4.0, numpy 2.5.5."):
    return to_markdown(table, "Response", [note])


def test_a_page_is_compared_by_what_is_printed(compared):
    near = changed("estimate", 1, 0.6245)
    files = ({"t.csv": t, "t.md": page(t)} for t in (ESTIMATES, near))
    assert found(compared(*files)) == []
    far = changed("estimate", 1, 0.67)
    both = found(
        compared({"t.csv": ESTIMATES, "t.md": page(ESTIMATES)}, {"t.csv": far, "t.md": page(far)})
    )
    assert both == [(SECOND, "estimate")] * 2


def test_a_page_that_is_not_of_its_table_is_found(compared):
    old = {"t.csv": ESTIMATES, "t.md": page(ESTIMATES)}
    for other in (
        page(changed("events", 0, 13)),
        page(ESTIMATES, "Model response: seed 1; pymc 6.4.0, numpy 2.5.5."),
        page(ESTIMATES, "Model strength: seed 2; pymc 6.4.0, numpy 2.5.5."),
        page(ESTIMATES.drop(columns="p_above")),
    ):
        assert len(found(compared(old, {**old, "t.md": other}))) == 1
    versions = compared(
        old, {**old, "t.md": page(ESTIMATES, "Model strength: seed 1; pymc 6.5.1, numpy 2.5.5.")}
    )
    assert found(versions) == []
    assert versions.information == ("versions: pymc 6.4.0, numpy 2.5.5 / pymc 6.5.1, numpy 2.5.5",)


def test_json_is_the_same_but_for_dates_times_and_versions(compared):
    fit = {
        "fingerprint": "abc",
        "seed": 1,
        "seconds_sampling": 3.2,
        "sampler": "nutpie 0.16.11, NUTS",
    }
    old = {"date": "2026-11-26", "fits": {"strength": {**fit, "versions": {"pymc": "6.4.0"}}}}
    other = {**fit, "seconds_sampling": 9.9, "sampler": "nutpie 0.17.0, NUTS"}
    new = {"date": "2027-01-01", "fits": {"strength": {**other, "versions": {"pymc": "6.5.0"}}}}

    def differ(new):
        return found(compared({"m.json": json.dumps(old)}, {"m.json": json.dumps(new)}))

    assert differ(new) == []
    for name, value in (("fingerprint", "abd"), ("seed", 2), ("sampler", "nutpie 0.16.11, HMC")):
        changed_fit = {"fits": {"strength": {**other, "versions": {}, name: value}}}
        assert differ({**new, **changed_fit}) == [(f"fits.strength.{name}", name)]
    assert differ({**new, "more": 1}) == [("", "more")]


def test_how_many_draws_it_took_is_told_and_not_compared(compared):
    def differ(old, new):
        sides = ({"m.json": json.dumps({"fits": {"strength": one}})} for one in (old, new))
        return found(compared(*sides))

    asked = {"ess_asked": 500.0, "draws": 350}
    assert differ(asked, {**asked, "draws": 450}) == []
    assert differ(asked, {"ess_asked": 400.0, "draws": 450}) != []
    assert differ({"draws": 1000}, {"draws": 500}) == [("fits.strength.draws", "draws")]
    old = {"t.csv": ESTIMATES, "t.md": page(ESTIMATES, "4 chains of 350 draws after 300, seed 1.")}
    for note, same in (("of 450 draws after 300", True), ("of 350 draws after 400", False)):
        new = {**old, "t.md": page(ESTIMATES, f"4 chains {note}, seed 1.")}
        assert (found(compared(old, new)) == []) == same


def test_other_files_are_the_same_text(compared):
    assert found(compared({"spec.toml": "a = 1\n"}, {"spec.toml": "a = 2\n"})) == [("", "")]
    assert found(compared({"a.png": "x"}, {"a.png": "y"})) == []


# --- the errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("law", "within"),
    [
        (norm(2, 3), 0.02),
        (lognorm(0.8), 0.03),
        (gamma(3.0), 0.25),
        (beta(14, 6), 0.15),
        (beta(2, 9), 0.25),
    ],
)
def test_limits_are_as_uncertain_as_quantiles_of_their_law(law, within):
    """The error of a quantile is sqrt(p (1 - p) / n) / density."""
    low, high = law.ppf([0.025, 0.975])
    row = {"estimate": law.mean(), "lower": low, "upper": high, "sd": law.std()}
    table = pd.DataFrame(
        [row | {"level": 0.95, "interval": "eti", "ess_bulk": 1000, "ess_tail": 800}]
    )
    error = errors_of(table.assign(mcse=law.std() / 1000**0.5)).error.iloc[0]
    for name, limit in (("lower", low), ("upper", high)):
        expected = np.sqrt(0.025 * 0.975 / 800) / law.pdf(limit)
        # Too large on a short side that ends at 0, and never much too small.
        assert 1.0 - within < error[name] / expected < 1.0 + max(within, 0.6 * (name == "lower"))
    assert error["estimate"] == pytest.approx(law.std() / 1000**0.5)
    fourth = float(law.stats("k")) + 3.0
    if fourth < 10:
        assert error["sd"] == pytest.approx(law.std() * np.sqrt((fourth - 1) / 4000), rel=0.35)


def test_errors_of_draws_are_those_that_draws_have():
    """400 runs of 1,000 independent draws: the numbers scatter as they are said to."""
    rng = np.random.default_rng(5)
    draws = rng.gamma(4.0, 0.1, size=(400, 1000))
    low, high = np.quantile(draws, [0.025, 0.975], axis=1)
    table = pd.DataFrame({"estimate": draws.mean(1), "lower": low, "upper": high})
    table = table.assign(sd=draws.std(1, ddof=1), p_above=(draws > 0.6).mean(1), level=0.95)
    table = table.assign(
        interval="eti", ess_bulk=1000.0, ess_tail=1000.0, mcse=table["sd"] / 1000**0.5
    )
    error = errors_of(table).error
    for name in ("estimate", "lower", "upper", "sd", "p_above"):
        # The sd of 400 numbers is known to 3.5 %, the errors to some 15 %.
        assert error[name].median() / table[name].std() == pytest.approx(1.0, abs=0.25), name


# --- the stored results ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored():
    """Every stored table that is not counted from others, by the name of its file."""
    counted = {"coverage.csv", "calls.csv", "scores.csv", "calibration.csv", "visits.csv"}
    paths = (p for p in (ROOT / "results").rglob("*.csv") if p.name not in counted)
    paths = (p for p in paths if not {"tasks", "benchmark"} & set(p.parts))
    return {p.relative_to(ROOT).as_posix(): pd.read_csv(p) for p in sorted(paths)}


def test_every_estimate_of_draws_in_the_results_has_an_error(stored):
    without = []
    for name, table in stored.items():
        if "interval" not in table or "estimate" not in table:
            continue
        drawn = table["interval"].isin(["eti", "eti simultaneous"]) & table["estimate"].notna()
        if not np.isfinite(errors_of(table).error.loc[drawn, "estimate"]).all():
            without.append(name)
    assert without == []


def test_what_was_recorded_has_no_error(stored):
    """Tables of data: nothing in them hangs on draws, whatever their columns are called."""
    for name in ("block_changes", "change", "flow", "univariable", "long_term_groups", "tipping"):
        table = stored[f"results/leger2008/{name}.csv"]
        assert errors_of(table).error.isna().all(axis=None), name
    for name in ("blocks", "comparison", "long_term", "missing", "history"):
        table = stored[f"results/leger2008/{name}.csv"]
        counted = ~table["interval"].isin(["eti", "eti simultaneous"])
        assert errors_of(table)[0][counted].isna().all(axis=None), name


def test_other_draws_of_all_results_agree(stored):
    """Each number moved by a normal of its error, as another machine moves it."""
    rng = np.random.default_rng(20)
    n, beyond = 0, []
    for name, table in stored.items():
        own = errors_of(table).error
        drawn = table.columns[own.notna().any()]
        moves = own[drawn].fillna(0.0) * rng.normal(size=(len(table), len(drawn)))
        pair = TablePair(table, table.assign(**table[drawn].astype(float) + moves))
        assert pair.one_sided == [], name
        for column in set(drawn) & set(pair.columns):
            error = pair.error[column]
            old, new = (np.array(side, dtype=float) for side in pair.cells[column])
            known = np.isfinite(error) & (error > 0)
            n += int(known.sum())
            z = np.abs(old - new)[known] / error[known]
            beyond += [(name, column)] * int((z > most_errors(30_000)).sum())
    assert n > 10_000
    assert beyond == []


def test_the_script_says_what_does_not_agree(tmp_path):
    """In a repository of its own, with one number changed."""
    folder = tmp_path / "results"
    folder.mkdir()
    ESTIMATES.to_csv(folder / "t.csv", index=False)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *arguments], check=True)
    sides = Committed(tmp_path), WorkingTree(tmp_path)
    assert found(compare_results(*sides, ["results"])) == []
    changed("events", 0, 13).to_csv(folder / "t.csv", index=False)
    ESTIMATES.to_csv(folder / "new.csv", index=False)
    assert found(compare_results(*sides, ["results"])) == [("", ""), ("naive, observed", "events")]
    with pytest.raises(ValueError, match="git ls-tree"):
        compare_results(Committed(tmp_path, "nowhere"), sides[1], ["results"])


def test_the_script_ends_well_on_the_committed_results():
    script = [sys.executable, str(ROOT / "scripts" / "compare_results.py"), "results/joint"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert "false alarm of all together 1%" in done.stdout
