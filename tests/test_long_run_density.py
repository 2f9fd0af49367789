"""Blocks, histories and joint models: every term of their densities against a second author's.

Written from `models/README.md` alone, like `tests/test_log_density.py`, whose grades it takes.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytensor
import pytest
import scipy.stats as ss
from scipy.special import gammaln, log_expit, logit, logsumexp
from test_log_density import (
    INTERPRETED,
    SCIPY,
    Answers,
    Point,
    correlations,
    forward,
    log_lkj,
    spreads,
)

from mmn_bayes.data.reading import make_cohort
from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.graph import build
from mmn_bayes.errors import CohortWarning
from mmn_bayes.model_file.model_spec import ModelSpec
from mmn_bayes.model_file.prior import Prior
from mmn_bayes.model_file.reading import parse_model, read_model

MODELS = Path(__file__).parents[1] / "models"
NORMAL = {"distribution": "normal", "mean": 0.1, "sd": 0.6, "why": "a reason"}
HALF = {"distribution": "half_normal", "sd": 0.5, "why": "a reason"}
AGE = {"column": "age", "kind": "number", "centre": 45, "per": 10, "prior": NORMAL}
# Probability of one state after another: of the matrices between, from the one to the other.
Between = Callable[[list[np.ndarray], int, int], float]


# --- the independent computation ---------------------------------------------------------------


def log_prior(prior: Prior, value: Any) -> float:
    """Of one value or of many; those of a simplex lie along the last axis."""
    if prior.distribution != "dirichlet":
        return float(np.sum(SCIPY[prior.distribution](prior).logpdf(value)))
    rows = np.reshape(value, (-1, np.shape(value)[-1]))
    return float(sum(SCIPY["dirichlet"](prior).logpdf(row) for row in rows))


class Page:
    """What the page says of blocks, classes and states of a cohort, at any point."""

    def __init__(self, spec: ModelSpec, cohort: Cohort) -> None:
        self.spec, self.cohort = spec, cohort
        self.answers = Answers(spec, cohort)
        self.patients = list(cohort.patients["patient"])
        self.columns = cohort.patients.set_index("patient")

    def log_odds(self, point: Point, acts_on: str, patient: str) -> np.ndarray | float:
        """What predictors and shared effects add: one number a level but the first, or a fate."""
        total: np.ndarray | float = 0.0
        for p in self.spec.predictors:
            if p.acts_on == acts_on:
                total = total + point[p.name] * self.x(p, patient)
        for shared in self.spec.sharing:
            if shared.acts_on == acts_on:
                total = total + point[shared.name] * self.in_sds(point, shared.group, patient)
        return total

    def x(self, predictor: Any, patient: str) -> float:
        value = float(self.columns.loc[patient, predictor.column])
        return (value - predictor.centre) / predictor.per

    def in_sds(self, point: Point, name: str, patient: str) -> float:
        """The effect of a patient in a group of the model of grades, over its sd."""
        (group,) = (group for group in self.spec.groups if group.name == name)
        return self.answers.normal(point, group, self.patients.index(patient))

    # Blocks.

    def studies(self) -> Iterator[tuple[str, Any, Any]]:
        """Patients with a study in both windows, and the one of each that counts."""
        rule = self.spec.response
        for patient in self.patients:
            found = []
            for target, (first, last) in (
                (rule.baseline_day, rule.baseline_window_days),
                (rule.follow_up_day, rule.follow_up_window_days),
            ):
                own = self.cohort.blocks[self.cohort.blocks["patient"] == patient]
                rows = [row for row in own.itertuples() if first <= row.day <= last]
                # The nearest; of two, the earlier.
                found.append(min(rows, key=lambda r: (abs(r.day - target), r.day), default=None))
            if None not in found:
                yield patient, *found

    def of_blocks(self, point: Point) -> float:
        return sum(
            self.of_counts(point, patient, before, after)
            for patient, before, after in self.studies()
        )

    def of_counts(self, point: Point, patient: str, before: Any, after: Any) -> float:
        """Log probability of the count at follow-up: over all numbers that may have stayed."""
        more = np.broadcast_to(self.log_odds(point, "blocks", patient), 2)
        had, seen = int(before.n_blocks), int(after.n_blocks)
        odds = logit(point["block_stays"]) + more[0]
        stayed = np.arange(seen + 1)
        if self.spec.section("blocks").new == "binomial":
            tested = int(after.n_nerves)
            free = max(tested - had, 0)
            appeared = log_binomial(seen - stayed, free, logit(point["block_appears"]) + more[1])
            had = min(had, tested)
        else:
            mean = float(point["block_appears"]) * np.exp(more[1])
            # SciPy's has the mean size (1 - p) / p and the variance mean / p: mean + mean^2 / size.
            size = 1.0 / float(point["block_overdispersion"]) ** 2
            appeared = ss.nbinom.logpmf(seen - stayed, size, size / (size + mean))
        return float(logsumexp(log_binomial(stayed, had, odds) + appeared))

    # Classes.

    def of_classes(self, point: Point) -> float:
        levels, total = self.spec.section("class").levels, 0.0
        late = self.cohort.status[self.cohort.status["day"] >= self.spec.section("class").from_day]
        for patient, rows in late.groupby("patient"):
            more = np.broadcast_to(self.log_odds(point, "class", patient), len(levels) - 1)
            share = point["reference_probability"] * np.exp(np.concatenate([[0.0], more]))
            last = max(rows.itertuples(), key=lambda row: row.day).status
            total += float(np.log(share[levels.index(last)] / share.sum()))
        return total

    # States.

    def histories(self) -> Iterator[tuple[str, list[tuple[int, int]]]]:
        """Of each patient with a status: steps in their order, each with its state."""
        states = self.spec.section("state")
        for patient, rows in self.cohort.status.groupby("patient"):
            first = 0.0
            if states.since == "first_infusion":
                infusions = self.cohort.infusions
                first = infusions.loc[infusions["patient"] == patient, "day"].min()
            nearest: dict[int, tuple[float, int]] = {}
            for row in rows.itertuples():
                if row.day >= first:
                    at = round((row.day - first) / states.step_days)
                    away = abs(row.day - first - at * states.step_days)
                    own = away, states.levels.index(row.status)
                    nearest[at] = min(nearest.get(at, own), own)
            yield str(patient), [(at, code) for at, (_, code) in sorted(nearest.items())]

    def stays_and_leaves(self, point: Point, period: int) -> np.ndarray:
        """The matrix of one step of a patient whose predictors are 0, on day 0."""
        n = len(self.spec.section("state").levels)
        matrix = np.zeros((n, n))
        for a in range(n):
            others = [b for b in range(n) if b != a]
            leaves = float(point["leaves"][period, a])
            towards = [1.0] if n == 2 else point["towards"][period, a]
            matrix[a, a] = 1.0 - leaves
            matrix[a, others] = leaves * np.asarray(towards)
        return matrix

    def step(self, point: Point, patient: str, at: int) -> np.ndarray:
        """The matrix of one step of one patient."""
        states, n = self.spec.section("state"), len(self.spec.section("state").levels)
        day = at * states.step_days
        # A period holds the steps that begin in it.
        period = sum(first <= day for first in states.periods_days or (0.0,)) - 1
        shift = np.zeros((n, n))
        shift[:, 1:] += self.log_odds(point, "state", patient)
        over = [self.x(p, patient) for p in self.spec.predictors if p.acts_on == "state"]
        if states.change is not None:
            over.append(float(np.log2(1.0 + day / 365.25)))
            shift[:, 1:] += point["state_change"] * over[-1]
        if states.varying_sd is not None:
            for x, z in zip(over, point["state_varying_z"], strict=True):
                shift[:, 1:] += point["state_varying_sd"] * z * x
        for group in self.spec.groups:
            if group.acts_on == "state":
                own = point[f"{group.name}_z"][self.patients.index(patient)]
                shift[:, 1:] += point[f"{group.name}_sd"] * own
        matrix = self.stays_and_leaves(point, period) * np.exp(shift)
        return matrix / matrix.sum(axis=1, keepdims=True)

    def of_states(self, point: Point, between: Between | None = None) -> float:
        between, total = between or by_product, 0.0
        for patient, seen in self.histories():
            if seen and seen[0][0] == 0:
                total += float(np.log(point["start_probability"][seen[0][1]]))
            for (t, a), (later, b) in pairwise(seen):
                steps = [self.step(point, patient, at) for at in range(t, later)]
                total += float(np.log(between(steps, a, b)))
        return total

    # Everything.

    def likelihood(self, point: Point) -> dict[str, float]:
        """The terms of the likelihood by their names in the graph."""
        terms = {
            "grade": ("grades", self.answers.log_likelihood),
            "class": ("classes", self.of_classes),
            "blocks": ("blocks", self.of_blocks),
            "state": ("states", self.of_states),
        }
        parts = [terms[outcome] for outcome in self.spec.outcomes]
        return {name: of(point) for name, of in parts}

    def prior(self, point: Point, name: str) -> float:
        """The log-density of one parameter, by its name in the graph."""
        stated = self.spec.priors
        if name in stated and name != "patient_partial_correlation":
            return log_prior(stated[name], point[name])
        if name == "patient_partial_correlation":
            return log_lkj(stated[name]["shape"], correlations(self.spec, point), point[name])
        own, _, how = name.rpartition("_")
        if how == "signed":  # on either side of 0
            return log_prior(stated[own], point[own]) - float(np.log(2.0))
        if how == "scaled":  # in units of the usual measure
            return log_prior(stated[own], point[own]) - np.log(self.answers.usual(point, own))
        z = point[f"{own}_z"]
        total = float(ss.norm.logpdf(z).sum())
        if how == "balanced":
            (group,) = (group for group in self.spec.groups if group.name == own)
            return total - float(np.log(spreads(self.answers, group, point)).sum())
        if how == "centred":
            return total - z.size * float(np.log(point[f"{own}_sd"]))
        assert how == "z"
        return total


def log_binomial(count: np.ndarray, n: int, log_odds: float) -> np.ndarray:
    """By log odds, which says how rare the rarest is where the probability itself is 1 or 0."""
    possible = count <= n
    k = np.where(possible, count, 0)
    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    shares = k * log_expit(log_odds) + (n - k) * log_expit(-log_odds)
    return np.where(possible, ways + shares, -np.inf)


def by_product(steps: list[np.ndarray], a: int, b: int) -> float:
    return float(np.linalg.multi_dot([np.eye(len(steps[0])), *steps])[a, b])


def by_paths(steps: list[np.ndarray], a: int, b: int) -> float:
    """Over every way to come from one state to the other, none of them seen."""
    ways = product(range(len(steps[0])), repeat=len(steps) - 1)
    return sum(
        float(np.prod([m[i, j] for m, (i, j) in zip(steps, pairwise((a, *way, b)), strict=True)]))
        for way in ways
    )


LIKELIHOODS = ("grades", "classes", "blocks", "states")


# --- graphs and points -------------------------------------------------------------------------


class Graph:
    """A model on a cohort: its terms one by one, and those of the page."""

    def __init__(self, spec: ModelSpec, cohort: Cohort) -> None:
        self.spec, self.cohort = spec, cohort
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CohortWarning)
            self.model = build(spec, make_design(cohort, spec))
        self.page = Page(spec, cohort)
        self.answers = self.page.answers
        terms = [*self.model.free_RVs, *self.model.potentials]
        assert self.model.observed_RVs == []  # nor is anything else a term
        self.names = [term.name for term in terms]
        self._terms = self.model.compile_fn(
            self.model.logp(vars=terms, jacobian=False, sum=False),
            inputs=self.model.value_vars,
            point_fn=True,
            mode=INTERPRETED,
        )

    def terms(self, point: Point) -> dict[str, float]:
        # What is evaluated once is not worth compiling.
        with pytensor.config.change_flags(mode=INTERPRETED):
            values = forward(self.model, point, self)
        found = self._terms(values)
        return {n: float(np.sum(term)) for n, term in zip(self.names, found, strict=True)}

    def expected(self, point: Point) -> dict[str, float]:
        prior = {rv.name: self.page.prior(point, rv.name) for rv in self.model.free_RVs}
        return prior | self.page.likelihood(point)

    def some_point(self, seed: int) -> dict[str, np.ndarray]:
        """Parameters at quantiles of their priors, in the shapes of the graph."""
        rng, point = np.random.default_rng(seed), {}
        for rv in self.model.free_RVs:
            dims = self.model.named_vars_to_dims.get(rv.name) or ()
            shape = tuple(len(self.model.coords[dim]) for dim in dims)
            own, _, how = rv.name.rpartition("_")
            name = own if how in ("scaled", "signed") else rv.name
            prior = self.spec.priors.get(name)
            if name == "patient_partial_correlation":
                point[name] = rng.uniform(-0.8, 0.8, size=1)
            elif prior is None:
                point[f"{own}_z"] = rng.normal(size=shape)
            elif prior.distribution == "dirichlet":
                point[name] = rng.dirichlet(np.add(prior["concentration"], 1.0), size=shape[:-1])
            else:
                own_law = SCIPY[prior.distribution](prior)
                point[name] = np.array(own_law.ppf(rng.uniform(0.1, 0.9, size=shape)))
        return point


def agree(graph: Graph, seed: int) -> bool:
    point = graph.some_point(seed)
    found, expected = graph.terms(point), graph.expected(point)
    assert found.keys() == expected.keys()
    assert all(np.isfinite(term) for term in expected.values())
    for name, term in expected.items():
        # PyMC has a constant of some priors in single precision, 2e-9 away for each number.
        numbers = np.size(point.get(name, point.get(f"{name.rpartition('_')[0]}_z", 0.0)))
        far = 0.0 if name in LIKELIHOODS else 2e-9 * numbers
        assert found[name] == pytest.approx(term, rel=1e-9, abs=far), name
    return sum(found.values()) == pytest.approx(sum(expected.values()), rel=1e-9)


# --- cohorts made by hand ----------------------------------------------------------------------


PATIENTS = tuple("abcdefgh")
# Every study of a nerve: patient, day, nerves with a block, nerves tested (None: not recorded).
STUDIES = [
    # Two studies in a window: the nearest to the target day counts, and of b's the earlier.
    *[("a", -20, 3, 8), ("a", 0, 2, 8), ("a", 170, 1, 8), ("a", 190, 2, 9), ("a", 240, 5, 9)],
    *[("b", -8, 2, 6), ("b", 172, 1, 9), ("b", 192, 4, 4)],
    # No follow-up but outside the window, no baseline but outside it.
    *[("c", 0, 2, 7), ("c", 120, 1, 7), ("c", 244, 0, 7)],
    *[("d", -31, 1, 7), ("d", 1, 1, 7), ("d", 182, 1, 7)],
    # On the edges of the windows; none before and none after.
    *[("e", -30, 0, None), ("e", 243, 0, 6)],
    # Fewer nerves tested than had a block, and as many.
    *[("f", -3, 5, 7), ("f", 121, 2, 3)],
    *[("g", 0, 4, 9), ("g", 150, 4, 4)],
]  # h has none
INFUSIONS = {
    "a": (0,),
    "b": (-20.5, 3, 35),  # the first before inclusion
    "c": (10, 400),
    "d": (0,),
    "e": (7,),
    "g": (2, 30, 58),
    "h": (14,),
    "f": (365,),  # and no status
}
STATUS = [
    # Two on one step of three months, irregular days, 13 steps between two visits.
    *[("a", 0, "dependent"), ("a", 40, "remission"), ("a", 137, "other"), ("a", 1300, "dependent")],
    ("a", 1391, "remission"),
    # A row before the first infusion, of a patient seen on that day; later two on one step.
    *[("b", -30, "other"), ("b", -20.5, "remission"), ("b", 300, "other"), ("b", 310, "dependent")],
    # Late entry; one row on day 0; one row later; f has no row.
    *[("c", 1500, "other"), ("c", 2500, "other")],
    ("d", 0, "dependent"),
    ("e", 400, "remission"),
    # Many visits.
    *[("g", day, "dependent") for day in (5, 200, 290, 2400)],
    *[("g", day, "remission") for day in (372, 470, 560, 1600)],
    *[("g", day, "other") for day in (700, 900, 1990)],
    # The day before the first infusion is before it, though its step is the same.
    *[("h", 13, "other"), ("h", 110, "dependent"), ("h", 205, "dependent")],
]
# A patient without any grade has a part in what else is known.
UNGRADED = "g"


def by_hand(patients: tuple[str, ...] = PATIENTS, **tables: pd.DataFrame | None) -> Cohort:
    """The cohort of some of the patients; `tables` replaces some of its tables."""
    rng = np.random.default_rng(11)
    people = pd.DataFrame(
        {
            "patient": PATIENTS,
            "naive": [True, False, True, False, False, True, True, False],
            "early_response": [True, False, False, True, False, True, False, True],
            "age": [31, 62, 45, 58.5, 71, 40, 29, 50],
        }
    )
    grades = [
        (who, day, muscle, side, str(rng.integers(0, 6)))
        for who, day, muscle, side in product(
            PATIENTS, (0, 90, 182), ("finger", "foot"), ("left", "right")
        )
        if who != UNGRADED and (who, day) not in {("c", 90), ("e", 182)} and rng.random() < 0.9
    ]
    infusions = [
        (who, day, 0.5 + 0.1 * k) for who, d in INFUSIONS.items() for k, day in enumerate(d)
    ]
    made: dict[str, Any] = {
        "patients": people,
        "grades": pd.DataFrame(grades, columns=["patient", "day", "muscle", "side", "grade"]),
        "infusions": pd.DataFrame(infusions, columns=["patient", "day", "dose_g_per_kg"]),
        "blocks": pd.DataFrame(STUDIES, columns=["patient", "day", "n_blocks", "n_nerves"]),
        "status": pd.DataFrame(STATUS, columns=["patient", "day", "status"]),
    }
    made |= tables
    made = {
        name: None if table is None else table[table["patient"].isin(patients)]
        for name, table in made.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CohortWarning)
        return make_cohort(**made, synthetic=True)


def variant(name: str, change: Callable[[dict[str, Any]], None]) -> ModelSpec:
    """A model file whose content is changed."""
    content = read_model(MODELS / f"{name}.toml").resolved  # made anew each time it is asked for
    change(content)
    return parse_model(content, "variant")


def made_of(name: str, **tables: Any) -> ModelSpec:
    """A model file with keys of its tables replaced, or left out where they are None.

    A table is replaced as a whole where its name begins with `only_`, and left out if it is empty.
    """

    def change(content: dict[str, Any]) -> None:
        for name, keys in tables.items():
            table = name.removeprefix("only_")
            before = content.pop(table, {})
            before = before if name == table else {}
            stated = {key: value for key, value in {**before, **keys}.items() if value is not None}
            content |= {table: stated} if stated else {}

    return variant(name, change)


# --- blocks ------------------------------------------------------------------------------------

OF_BLOCKS: Mapping[str, Callable[[], ModelSpec]] = {
    "binomial": lambda: read_model(MODELS / "blocks.toml"),
    "counts": lambda: read_model(MODELS / "blocks_counts.toml"),
    "binomial, no predictor": lambda: made_of("blocks", only_predictor={}),
    "counts, no predictor": lambda: made_of("blocks_counts", only_predictor={}),
    "binomial, a number": lambda: made_of("blocks", predictor={"age": AGE | {"acts_on": "blocks"}}),
    "counts, a number": lambda: made_of(
        "blocks_counts", predictor={"age": AGE | {"acts_on": "blocks"}}
    ),
}


@pytest.mark.parametrize("name", OF_BLOCKS)
def test_blocks_have_the_density_of_the_page(name: str) -> None:
    cohort = by_hand()
    graph = Graph(OF_BLOCKS[name](), cohort)
    assert [who for who, _, _ in graph.page.studies()] == ["a", "b", "e", "f", "g"]
    for seed in (1, 2, 3):
        assert agree(graph, seed)


@pytest.fixture(scope="module")
def far() -> Graph:
    return Graph(read_model(MODELS / "blocks.toml"), by_hand())


@pytest.mark.parametrize("signs", list(product((-1, 1), (-1, 1))), ids=str)
def test_probabilities_beside_0_and_1_have_their_density_too(far: Graph, signs: Any) -> None:
    point = far.some_point(5) | {"naive": 40.0 * np.array(signs)}
    expected = far.page.of_blocks(point)
    assert expected < -30.0
    assert far.terms(point)["blocks"] == pytest.approx(expected, rel=1e-9)


def test_counts_of_blocks_need_no_number_of_nerves() -> None:
    table = pd.DataFrame(STUDIES, columns=["patient", "day", "n_blocks", "n_nerves"])
    untested = by_hand(blocks=table.drop(columns="n_nerves"))
    graphs = [Graph(OF_BLOCKS["counts"](), cohort) for cohort in (untested, by_hand())]
    assert agree(graphs[0], 4)
    point = graphs[0].some_point(4)
    assert graphs[0].terms(point) == graphs[1].terms(point)


# --- histories ---------------------------------------------------------------------------------

GROUP = {"by": "patient", "acts_on": "state", "sd": HALF}
TWO = {"levels": ["dependent", "remission"]}
TWO |= {"start": {"distribution": "dirichlet", "concentration": [2, 1], "why": "a reason"}}
TWO |= {"towards": {"distribution": "dirichlet", "concentration": [1], "why": "a reason"}}
FOUR = {"levels": ["dependent", "other", "worse", "remission"]}
FOUR |= {"start": {"distribution": "dirichlet", "concentration": [2, 1, 0.5, 1], "why": "a"}}
FOUR |= {"towards": {"distribution": "dirichlet", "concentration": [1, 2, 1.5], "why": "a"}}
# 365.25 days are the beginning of a step, 500 are not.
PERIODS = {"periods_days": [0, 365.25, 500, 1800]}
PLAIN = {"change": None, "varying_sd": None}
AGE_ON_STATE = {"age": AGE | {"acts_on": "state"}}
OF_STATES: Mapping[str, Callable[[], ModelSpec]] = {
    "as it is": lambda: read_model(MODELS / "histories.toml"),
    "several periods": lambda: made_of("histories", states=PERIODS),
    "two levels": lambda: made_of("histories", states=TWO),
    "two levels in periods, plain": lambda: made_of("histories", states=TWO | PERIODS | PLAIN),
    "four levels": lambda: made_of("histories", states=FOUR),
    "four levels in periods by two predictors": lambda: made_of(
        "histories", states=FOUR | PERIODS, predictor=AGE_ON_STATE
    ),
    "no change": lambda: made_of("histories", states={"change": None}),
    "no varying sd": lambda: made_of("histories", states={"varying_sd": None}),
    "no group": lambda: made_of("histories", only_group={}),
    "two groups": lambda: made_of("histories", group={"more": GROUP}),
    "no predictor": lambda: made_of("histories", only_predictor={}),
    "nothing but matrices": lambda: made_of(
        "histories", states=PLAIN, only_group={}, only_predictor={}
    ),
    "since inclusion, steps of 30 days": lambda: made_of(
        "histories", states={"since": "inclusion", "step_days": 30}
    ),
}


def with_levels(cohort: Cohort, levels: tuple[str, ...]) -> Cohort:
    """Fewer levels or more: what is none of them is remission, every other remission is worse."""
    status = cohort.status["status"].where(cohort.status["status"].isin(levels), "remission")
    if "worse" in levels:
        every_other = status.eq("remission") & (np.arange(len(status)) % 2 == 0)
        status = status.mask(every_other, "worse")
    return replace(cohort, status=cohort.status.assign(status=status))


@pytest.mark.parametrize("name", OF_STATES)
def test_histories_have_the_density_of_the_page(name: str) -> None:
    spec = OF_STATES[name]()
    graph = Graph(spec, with_levels(by_hand(), spec.section("state").levels))
    for seed in (1, 2, 3):
        assert agree(graph, seed)


def test_what_varies_is_in_the_order_of_the_predictors_and_then_time() -> None:
    spec = OF_STATES["four levels in periods by two predictors"]()
    graph = Graph(spec, with_levels(by_hand(), spec.section("state").levels))
    named = [*(p.name for p in graph.spec.predictors), "time"]
    assert list(graph.model.coords["effect"]) == named


def test_rows_without_a_part_are_said_and_the_others_are_at_their_steps() -> None:
    spec, cohort = read_model(MODELS / "histories.toml"), by_hand()
    with pytest.warns(CohortWarning) as said:
        make_design(cohort, spec)
    words = " ".join(str(warning.message) for warning in said)
    assert "2 rows lie before the first infusion" in words
    assert "2 rows lie on a step of 91.3125 days with another" in words
    seen = dict(Page(spec, cohort).histories())
    assert seen["a"] == [(0, 0), (2, 2), (14, 0), (15, 1)]
    assert seen["b"] == [(0, 1), (4, 0)]
    assert seen["c"] == [(16, 2), (27, 2)]
    assert seen["d"] == [(0, 0)]
    assert seen["e"] == [(4, 1)]
    assert seen["h"] == [(1, 0), (2, 0)]


def test_the_density_is_the_sum_over_all_paths_between_visits() -> None:
    spec = made_of("histories", states={"periods_days": [0, 365.25]}, predictor=AGE_ON_STATE)
    rows = [
        ("a", 0, "other"),
        ("a", 600, "remission"),
        ("c", 290, "dependent"),
        ("c", 770, "other"),
    ]
    status = pd.DataFrame(rows, columns=["patient", "day", "status"])
    graph = Graph(spec, by_hand(("a", "c"), status=status))
    steps = [[at for at, _ in seen] for _, seen in graph.page.histories()]
    assert steps == [[0, 7], [3, 8]]
    for seed in (1, 2):
        point = graph.some_point(seed)
        expected = graph.page.of_states(point, by_paths)
        assert graph.terms(point)["states"] == pytest.approx(expected, rel=1e-9)


# --- joint models ------------------------------------------------------------------------------

SHARED = {"group": "patient_gain", "prior": NORMAL}
CORRELATION = {"patient": {"distribution": "lkj", "shape": 2.0, "why": "a reason"}}


def with_states(content: dict[str, Any]) -> None:
    """Histories in the place of the classes, and [sharing] in the place of their group."""
    of_states = read_model(MODELS / "histories.toml").resolved
    del content["classes"], content["predictor"]["naive_class"], content["sharing"]["gain_on_class"]
    content["states"] = of_states["states"]
    content["predictor"]["naive_state"] = of_states["predictor"]["naive"]
    content["sharing"]["gain_on_state"] = SHARED | {"acts_on": "state"}


def with_states_only(content: dict[str, Any]) -> None:
    with_states(content)
    del content["blocks"], content["states"]["change"], content["states"]["varying_sd"]
    del content["predictor"]["naive_blocks"], content["predictor"]["naive_state"]
    del content["sharing"]["gain_on_blocks"]


OF_BOTH: Mapping[str, Callable[[], ModelSpec]] = {
    "as it is": lambda: read_model(MODELS / "joint.toml"),
    "without sharing": lambda: made_of("joint", only_sharing={}),
    "histories in the place of classes": lambda: variant("joint", with_states),
    "histories that share, and nothing else": lambda: variant("joint", with_states_only),
    "correlated": lambda: made_of("joint", correlation=CORRELATION),
    "counts of blocks": lambda: made_of(
        "joint", only_blocks=read_model(MODELS / "blocks_counts.toml").resolved["blocks"]
    ),
    # Of two correlated effects, the second is the one that depends on how they are made.
    "correlated, levels shared as well": lambda: made_of(
        "joint",
        correlation=CORRELATION,
        sharing={"level_on_class": SHARED | {"group": "patient_level", "acts_on": "class"}},
    ),
    "effects themselves sampled": lambda: made_of(
        "joint",
        group={
            name: read_model(MODELS / "joint.toml").resolved["group"][name]
            | {"parametrisation": how}
            for name, how in (("patient_gain", "centred"), ("patient_level", "non_centred"))
        },
        sharing={"level_on_blocks": SHARED | {"group": "patient_level", "acts_on": "blocks"}},
    ),
}


@pytest.fixture(scope="module")
def joint() -> Graph:
    return Graph(OF_BOTH["as it is"](), by_hand())


@pytest.fixture(scope="module")
def apart() -> Graph:
    return Graph(OF_BOTH["without sharing"](), by_hand())


def test_a_joint_model_has_the_density_of_the_page(joint: Graph) -> None:
    assert joint.names[-3:] == ["grades", "classes", "blocks"]
    for seed in (1, 2, 3):
        assert agree(joint, seed)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name in OF_BOTH if name not in ("as it is", "without sharing")]
)
def test_other_joint_models_have_the_density_of_the_page(name: str) -> None:
    graph = Graph(OF_BOTH[name](), by_hand())
    for seed in (1, 2):
        assert agree(graph, seed)


def test_without_sharing_a_joint_model_is_the_sum_of_its_parts(apart: Graph) -> None:
    assert agree(apart, 1)
    content, cohort = apart.spec.resolved, apart.cohort
    parts = [
        read_model(MODELS / "strength.toml"),
        made_of("blocks", only_predictor=acting(content, "blocks"), blocks=content["blocks"]),
        made_of("long_term", only_predictor=acting(content, "class"), classes=content["classes"]),
    ]
    graphs = [Graph(spec, cohort) for spec in parts]
    for seed in (2, 3):
        point = apart.some_point(seed)
        terms = [graph.terms(point) for graph in graphs]
        assert sum(len(own) for own in terms) == len(apart.names)  # no term is of two parts
        together = {name: term for own in terms for name, term in own.items()}
        assert apart.terms(point) == pytest.approx(together, rel=1e-13, abs=1e-13)


def acting(content: Mapping[str, Any], on: str) -> dict[str, Any]:
    return {name: p for name, p in content["predictor"].items() if p["acts_on"] == on}


def test_sharing_of_no_effect_changes_nothing_but_its_prior(joint: Graph, apart: Graph) -> None:
    point = joint.some_point(4)
    point |= {shared.name: np.zeros(2) for shared in joint.spec.sharing}
    terms = joint.terms(point)
    for shared in joint.spec.sharing:
        prior = ss.norm.logpdf(np.zeros(2), shared.prior["mean"], shared.prior["sd"]).sum()
        assert terms.pop(shared.name) == pytest.approx(prior, rel=1e-8)
    assert terms == pytest.approx(apart.terms(point), rel=1e-13, abs=1e-13)


def test_a_patient_without_grades_is_told_of_by_blocks_and_status_alone(joint: Graph) -> None:
    point = joint.some_point(5)
    own = np.array([who == UNGRADED for who in joint.page.patients])
    moved = point | {"patient_gain_z": point["patient_gain_z"] + 1.5 * own}
    before, after = joint.terms(point), joint.terms(moved)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"patient_gain_balanced", "blocks", "classes"}
