"""Every model file's log-density against a second author's, who read `models/README.md` alone."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.interpolate as si
import scipy.stats as ss
import sites
import xarray as xr
from pymc.model.transform.optimization import freeze_dims_and_data
from scipy.special import beta, betaln, expit, gammaln

from mmn_bayes.data.schema import Cohort
from mmn_bayes.engine.design import make_design
from mmn_bayes.engine.effects import SHARED_PRIORS
from mmn_bayes.engine.graph import build
from mmn_bayes.engine.priors import MAKERS, LogOdds, parameter
from mmn_bayes.model_file.distributions import DISTRIBUTIONS
from mmn_bayes.model_file.model_spec import Exposure, Group, ModelSpec
from mmn_bayes.model_file.prior import Prior
from mmn_bayes.model_file.reading import parse_model, read_model
from mmn_bayes.simulation.cohort import simulate_cohort
from mmn_bayes.simulation.recipe import Recipe
from mmn_bayes.studies.known_truth import simulated

# What is evaluated a few times is not worth minutes of compiling; the files themselves are
# compiled as for sampling.
INTERPRETED = "FAST_COMPILE"
# Models of counts, those with a prior from history and those of the long run have their own:
# tests/test_historical.py, tests/test_classes.py and tests/test_long_run_density.py.
FILES = [
    path
    for path in sorted((Path(__file__).parents[1] / "models").glob("*.toml"))
    if (spec := read_model(path)).outcomes in (("grade",), ("response",)) and not spec.historical
]
STRENGTH = FILES[0].with_name("strength.toml")
Point = Mapping[str, np.ndarray]


# --- the independent computation ---------------------------------------------------------------

# What models/README.md says of each distribution, as SciPy writes it.
SCIPY: Mapping[str, Callable[[Prior], Any]] = {
    "normal": lambda p: ss.norm(p["mean"], p["sd"]),
    "student_t": lambda p: ss.t(p["df"], p["mean"], p["sd"]),
    "half_normal": lambda p: ss.halfnorm(scale=p["sd"]),
    "half_student_t": lambda p: FoldedT(p["df"], p["sd"]),
    "exponential": lambda p: ss.expon(scale=p["mean"]),
    "lognormal": lambda p: ss.lognorm(p["log_sd"], scale=p["median"]),
    "gamma": lambda p: ss.gamma((p["mean"] / p["sd"]) ** 2, scale=p["sd"] ** 2 / p["mean"]),
    "dirichlet": lambda p: ss.dirichlet(np.array(p["concentration"])),
    "beta": lambda p: ss.beta(p["alpha"], p["beta"]),
    "lkj": lambda p: LKJ(p["shape"]),
}


# What it says of each link: the distribution of the noise.
LINKS: Mapping[str, Any] = {"logit": ss.logistic, "probit": ss.norm, "cloglog": ss.gumbel_l}


class LKJ:
    """The density of one correlation: (1 - r^2)^(shape - 1) over its integral."""

    def __init__(self, shape: float) -> None:
        self.shape = shape
        self.integral = 2.0 ** (2.0 * shape - 1.0) * beta(shape, shape)

    def logpdf(self, r: Any) -> Any:
        return (self.shape - 1.0) * np.log1p(-(r**2)) - np.log(self.integral)

    def ppf(self, share: float) -> Any:
        return 2.0 * ss.beta(self.shape, self.shape).ppf(share) - 1.0


class FoldedT:
    """What SciPy does not have: a Student t around 0, folded."""

    def __init__(self, df: float, scale: float) -> None:
        self.whole = ss.t(df, scale=scale)

    def logpdf(self, value: Any) -> Any:
        return self.whole.logpdf(value) + np.log(2.0)

    def ppf(self, share: float) -> Any:
        return self.whole.ppf(0.5 + share / 2.0)


def log_prior(prior: Prior, value: Any) -> float:
    return float(np.sum(log_prior_of(prior, value)))


def log_prior_of(prior: Prior, values: np.ndarray) -> np.ndarray:
    return np.asarray(SCIPY[prior.distribution](prior).logpdf(values))


def line_beyond(knots: np.ndarray, values: np.ndarray, day: float) -> float:
    """A natural cubic spline beyond its knots: straight, with the slope it has at the end."""
    end = 0 if day < knots[0] else -1
    spline = si.make_interp_spline(knots, values, bc_type="natural", k=3)
    return float(values[end] + spline(knots[end], nu=1) * (day - knots[end]))


class Answers:
    """The log-density of a point, from the cohort's tables as they are."""

    def __init__(self, spec: ModelSpec, cohort: Cohort) -> None:
        self.spec, self.cohort = spec, cohort
        self.patients = list(cohort.patients["patient"])
        grades = cohort.grades.dropna(subset="grade")
        self.rows = [
            (row.patient, row.muscle, row.side, float(row.day), code_of(spec, row.grade))
            for row in grades.itertuples()
        ]
        self.sites = sorted({row[:3] for row in self.rows})
        self.muscles = sorted({row[1] for row in self.rows})
        self.columns = cohort.patients.set_index("patient")
        self.shrunk: tuple[Point | None, dict[str, np.ndarray]] = (None, {})
        self.infusions: dict[str, list[tuple[float, float]]] = {who: [] for who in self.patients}
        self.days = sorted({(who, day) for who, _, _, day, _ in self.rows})
        for row in () if cohort.infusions is None else cohort.infusions.itertuples():
            self.infusions[row.patient].append((float(row.day), float(row.dose_g_per_kg)))

    def predictors(self, point: Point, acts_on: str, patient: str) -> float:
        if self.shrunk[0] is not point:  # asked for every row
            self.shrunk = point, shrunk_by_hand(self, point)
        shrunk, total = self.shrunk[1], 0.0
        for p in self.spec.predictors:
            if p.acts_on != acts_on:
                continue
            value = self.columns.loc[patient, p.column]
            effect = np.atleast_1d(shrunk.get(p.name, point.get(p.name)))
            if p.kind.name == "category":
                total += float(effect[p.levels.index(value) - 1]) if value != p.levels[0] else 0.0
            elif p.kind.name == "ordered":
                passed = p.levels.index(value)
                total += float(effect[0] * np.sum(point[f"{p.name}_steps"][:passed]))
            else:
                total += float(effect[0]) * (float(value) - p.centre) / p.per
        return total

    def doses(self, patient: str, first: float, before: float) -> float:
        return sum(dose for day, dose in self.infusions[patient] if first <= day < before)

    def exposures(self, point: Point, patient: str, day: float) -> float:
        total = sum(
            float(point[exposure.name]) * self.measure(point, exposure, patient, day)
            for exposure in self.spec.exposures
        )
        return total + (self.with_time(point, patient, day) if self.spec.time is not None else 0.0)

    def measure(self, point: Point, exposure: Exposure, patient: str, day: float) -> float:
        if exposure.measure == "dose_rate":
            width = exposure.window_days
            assert width is not None
            measure = self.doses(patient, day - width, day) / (width / 7.0)
        elif exposure.measure == "n_infusions":
            measure = float(sum(given < day for given, _ in self.infusions[patient]))
        elif exposure.measure == "effect_compartment":
            measure = self.in_effect(point, exposure, patient, day)
        else:
            measure = self.doses(patient, -np.inf, day)
        if exposure.half_effect is not None:
            measure /= measure + self.known(point, f"{exposure.name}_half_effect", exposure)
        return measure

    def usual(self, point: Point, name: str) -> float:
        """Mean of one measure over all visits: the unit that its effect is sampled in."""
        (exposure,) = (e for e in self.spec.exposures if e.name == name)
        return float(np.mean([self.measure(point, exposure, *visit) for visit in self.days]))

    def known(self, point: Point, name: str, exposure: Exposure) -> float:
        """A parameter of an exposure, or the number at which the file fixes it."""
        if name in point:
            return float(point[name])
        key = name.removeprefix(f"{exposure.name}_")
        return float(self.spec.resolved["exposure"][exposure.name][key]["value"])

    def in_effect(self, point: Point, exposure: Exposure, patient: str, day: float) -> float:
        """Each dose comes and goes by halves."""
        onset, off = (
            self.known(point, f"{exposure.name}_{which}_half_life_days", exposure)
            for which in ("onset", "wearing_off")
        )
        off *= np.exp(self.predictors(point, "wearing_off", patient))
        return sum(
            dose * 0.5 ** ((day - given) / off) * (1.0 - 0.5 ** ((day - given) / onset))
            for given, dose in self.infusions[patient]
            if given < day
        )

    def with_time(self, point: Point, patient: str, day: float) -> float:
        """Values at the knots, as steps add up, and what lies between by scipy's interpolators."""
        course = self.spec.time
        assert course is not None
        if course.since == "first_infusion":
            first = min((given for given, _ in self.infusions[patient]), default=np.inf)
            day = max(day - first, 0.0)
        knots = np.array(course.knots_days)
        values = np.concatenate([[0.0], np.cumsum(point["time_step"])])
        if course.shape == "visits":
            return float(values[np.argmin(np.abs(knots - day))])
        if course.shape == "piecewise_linear":
            return float(np.interp(day, knots, values))
        if not knots[0] <= day <= knots[-1]:
            return line_beyond(knots, values, day)
        return float(si.make_interp_spline(knots, values, bc_type="natural", k=3)(day))

    def groups(self, point: Point, acts_on: str, place: Mapping[str, int]) -> float:
        site = self.spec.site_group
        return sum(
            float(point[f"{g.name}_sd"]) * self.normal(point, g, place[g.by])
            for g in self.spec.groups
            if g.acts_on == acts_on and g is not site
        )

    def normal(self, point: Point, group: Group, member: int) -> float:
        if group.by == "muscle":  # they sum to zero
            return float(point[f"{group.name}_z"][member] - np.mean(point[f"{group.name}_z"]))
        if group.by != "patient" or self.spec.correlation is None:
            return float(point[f"{group.name}_z"][member])
        names = [g.name for g in self.spec.groups if g.by == "patient"]
        z = np.array([float(point[f"{name}_z"][member]) for name in names])
        return float(
            (np.linalg.cholesky(correlations(self.spec, point)) @ z)[names.index(group.name)]
        )

    def strength(self, point: Point, row: tuple[str, str, str, float, int]) -> float:
        """Of a muscle without the effect of its site."""
        patient, muscle, side, day, _ = row
        place = {
            "patient": self.patients.index(patient),
            "muscle": self.muscles.index(muscle),
            "patient:muscle": self.sites.index((patient, muscle, side)),
            "patient:visit": self.days.index((patient, day)),
        }
        total = self.groups(point, "level", place) + self.predictors(point, "level", patient)
        total += self.exposures(point, patient, day)
        if self.spec.gain is not None:
            gain = float(point["gain"]) + self.groups(point, "gain", place)
            gain += self.predictors(point, "gain", patient)
            total += gain * self.gained(point, patient, day)
        if self.spec.slope is not None:
            slope = float(point["slope"]) + self.groups(point, "slope", place)
            slope += self.predictors(point, "slope", patient)
            total += slope * day / self.spec.slope.per_days
        return total

    def gained(self, point: Point, patient: str, day: float) -> float:
        """Share of the full gain so many days after the first infusion."""
        first = min((infused for infused, _ in self.infusions[patient]), default=np.inf)
        return 1.0 - 2.0 ** (-max(day - first, 0.0) / float(point["half_time_days"]))

    def noise(self, point: Point) -> float:
        return 1.0 if self.spec.noise is None else float(point["noise"])

    def site_sd(self, point: Point) -> float:
        site = self.spec.site_group
        return 1.0 if site.sd is None else float(point[f"{site.name}_sd"])

    def cutpoints(self, point: Point) -> np.ndarray:
        if "cutpoints" in point:
            return np.asarray(point["cutpoints"])
        noise = LINKS[self.spec.link]
        variance = self.site_sd(point) ** 2 + noise.var() * self.noise(point) ** 2
        quantile = ss.norm.ppf(np.cumsum(point["grade_probability"])[:-1])
        return quantile * np.sqrt(variance) + noise.mean() * self.noise(point)

    def cutpoints_of(self, point: Point, row: tuple[str, str, str, float, int]) -> np.ndarray:
        """Those of the row's stratum: gaps times exp(sd z), the highest cutpoint as it is."""
        common, relaxed = self.cutpoints(point), self.spec.relaxed
        if relaxed is None:
            return common
        if relaxed.groups:
            labels = sorted({group for _, group in relaxed.groups})
            z = point["relaxed_z"][labels.index(dict(relaxed.groups)[row[1]])]
        elif relaxed.by == "gain":
            z = self.gained(point, row[0], row[3]) * point["relaxed_z"][0]
        else:
            (p,) = (p for p in self.spec.predictors if p.name == relaxed.by)
            steps = (float(self.columns.loc[row[0], p.column]) - p.centre) / p.per
            z = steps * point["relaxed_z"][0]
        own = [common[-1]]
        for gap, number in zip(np.diff(common)[::-1], z[::-1], strict=True):
            own.append(own[-1] - gap * np.exp(float(point["relaxed_sd"]) * number))
        return np.array(own[::-1])

    def log_likelihood(self, point: Point) -> float:
        """Sum over sites of the integrals, by Simpson's rule on a grid that is far too fine."""
        if self.spec.outcome == "response":
            return self.log_likelihood_of_responses(point)
        noise, site_sd = self.noise(point), self.site_sd(point)
        z = np.linspace(-12.0, 12.0, 1 + 2 * int(12.0 * 6.0 * max(site_sd / noise, 1.0)))
        weight = np.tile([2.0, 4.0], z.size // 2 + 1)[: z.size] * (z[1] - z[0]) / 3.0
        weight[0] = weight[-1] = (z[1] - z[0]) / 3.0
        sites: dict[tuple[str, str, str], np.ndarray] = {}
        for row in self.rows:
            patient, muscle, side, _, code = row
            strength = self.strength(point, row) + site_sd * z
            edges = np.concatenate([[-np.inf], self.cutpoints_of(point, row), [np.inf]])
            low, high = ((edge - strength) / noise for edge in edges[code : code + 2])
            # Of two ways to write the difference the one without loss of digits.
            of = LINKS[self.spec.link]
            p = np.where(low > 0, of.sf(low) - of.sf(high), of.cdf(high) - of.cdf(low))
            key = (patient, muscle, side)
            remembered = self.remembered(row)
            if remembered is not None:
                memory = float(point["memory"])
                p = memory * (remembered == code) + (1.0 - memory) * p
            sites[key] = sites.get(key, 0.0) + np.log(np.maximum(p, 1e-300))
        logs = np.array([*sites.values()])
        top = logs.max(axis=1, keepdims=True)
        integrals = (np.exp(logs - top) * ss.norm.pdf(z) * weight).sum(axis=1)
        return float((top[:, 0] + np.log(integrals)).sum())

    def remembered(self, row: tuple[str, str, str, float, int]) -> int | None:
        """The latest earlier grade of the site, where it is not too long ago."""
        if self.spec.memory is None:
            return None
        earlier = [(r[3], r[4]) for r in self.rows if r[:3] == row[:3] and r[3] < row[3]]
        if not earlier or row[3] - max(earlier)[0] > self.spec.memory.within_days:
            return None
        return max(earlier)[1]

    def log_likelihood_of_responses(self, point: Point) -> float:
        total = 0.0
        for patient, responder in judged_by_hand(self.spec, self.cohort).items():
            eta = float(point["intercept"]) + self.predictors(point, "response", patient)
            share = LINKS[self.spec.link].cdf(eta)
            total += float(ss.bernoulli.logpmf(int(responder), share))
        return total

    def log_density(self, point: Point) -> float:
        total = self.log_likelihood(point)
        for name, prior in self.spec.priors.items():
            if name == "cutpoints":
                total += float(
                    log_prior_of(prior, point[name]).sum() + gammaln(1 + len(point[name]))
                )
            elif name == "patient_partial_correlation":
                total += log_lkj(prior["shape"], correlations(self.spec, point), point[name])
            else:
                total += log_prior(prior, point[name])
        total += log_prior_of_shrinkage(self.spec, point)
        if self.spec.relaxed is not None:
            total += float(ss.norm.logpdf(point["relaxed_z"]).sum())
        for exposure in scaled(self.spec):
            total -= float(np.log(self.usual(point, exposure.name)))
        for group in self.spec.groups:
            if group is self.spec.site_group:
                continue  # integrated out
            z = point[f"{group.name}_z"]
            centred = group.parametrisation == "centred"
            # Centred effects of muscles sum to zero themselves: they have one dimension less.
            size = z.size - 1 if group.by == "muscle" and centred else z.size
            total += -0.5 * float(z @ z) - 0.5 * size * np.log(2.0 * np.pi)
            if centred:  # a density of sd z
                total -= size * np.log(float(point[f"{group.name}_sd"]))
            if balanced(self.spec, group):
                total -= float(np.log(spreads(self, group, point)).sum())
            if signed(self.spec, group):
                total -= float(np.log(2.0))
        return total


def log_prior_of_shrinkage(spec: ModelSpec, point: Point) -> float:
    """Of everything that effects with a common prior are made of, as the page states it."""
    if spec.shrinkage is None:
        return 0.0
    prior, n = spec.shrinkage.prior, len(point["shrinkage_z"])
    spread = spreads_of_shrunk(spec, point)
    total = float(ss.norm.logpdf(point["shrinkage_z"]).sum() - np.log(spread).sum())
    if prior.distribution == "horseshoe":
        total += float(ss.halfcauchy.logpdf(point["shrinkage_local"]).sum())
        scale = prior["relevant"] / (n - prior["relevant"]) * prior["residual_sd"]
        scale /= np.sqrt(float(point["patients_of_the_likelihood"]))
        total += float(ss.halfcauchy.logpdf(point["shrinkage_global"], scale=scale))
        half = prior["slab_df"] / 2.0
        slab = ss.invgamma(half, scale=half * prior["slab_sd"] ** 2)
        return total + float(slab.logpdf(point["shrinkage_slab"]))
    a, b = (m * prior["r2_precision"] for m in (prior["r2_mean"], 1.0 - prior["r2_mean"]))
    total += float(ss.beta.logpdf(point["shrinkage_r2"], a, b))
    return total + float(ss.dirichlet.logpdf(point["shrinkage_share"], [prior["shape"]] * n))


def spreads_of_shrunk(spec: ModelSpec, point: Point) -> np.ndarray:
    """What standard normals are multiplied by to be sampled: 1 / sqrt(shrinkage factor)."""
    assert spec.shrinkage is not None
    told = float(point["patients_of_the_likelihood"]) / spec.shrinkage.prior["residual_sd"] ** 2
    n = len(point["shrinkage_z"])
    return np.array([np.sqrt(1.0 + told * sd_of_shrunk(spec, point, k) ** 2) for k in range(n)])


def sd_of_shrunk(spec: ModelSpec, point: Point, place: int) -> float:
    """Prior sd of one standardised effect, given its scales."""
    assert spec.shrinkage is not None
    prior = spec.shrinkage.prior
    if prior.distribution == "horseshoe":
        slab = float(point["shrinkage_slab"])
        free = float(point["shrinkage_global"] * point["shrinkage_local"][place])
        return float(np.sqrt(slab * free**2 / (slab + free**2)))
    r2, share = float(point["shrinkage_r2"]), float(point["shrinkage_share"][place])
    return float(prior["residual_sd"] * np.sqrt(share * r2 / (1.0 - r2)))


def shrunk_by_hand(answers: Answers, point: Point) -> dict[str, np.ndarray]:
    """Effects with a common prior, in the units of the file, by predictor."""
    spec = answers.spec
    if spec.shrinkage is None:
        return {}
    columns = answers.columns
    if spec.outcome == "response":
        columns = columns.loc[list(judged_by_hand(spec, answers.cohort))]
    own: dict[str, list[np.ndarray]] = {}
    for p in spec.predictors:
        values = columns[p.column]
        if p.name not in spec.shrinkage.of:
            continue
        if p.kind.name == "category":
            own[p.name] = [(values == level).to_numpy(float) for level in p.levels[1:]]
        elif p.kind.name == "ordered":
            own[p.name] = [values.map(p.levels.index).to_numpy(float) / (len(p.levels) - 1)]
        else:
            own[p.name] = [values.to_numpy(float) / p.per]
    effects, place = {}, 0
    for name, parts in own.items():
        found = []
        for x in parts:
            sd = sd_of_shrunk(spec, point, place)
            found.append(float(point["shrinkage_z"][place]) * sd / np.std(x))
            place += 1
        effects[name] = np.array(found)
    return effects


def scaled(spec: ModelSpec) -> list[Exposure]:
    """Exposures whose effect is sampled by what their usual measure does: that is not known."""
    return [
        exposure
        for exposure in spec.exposures
        if any(name.startswith(f"{exposure.name}_") for name in spec.priors)
    ]


def balanced(spec: ModelSpec, group: Group) -> bool:
    """Whether a group is sampled balanced: levels and gains of patients are, if nothing is said."""
    usual = group.by == "patient" and spec.correlation is None
    usual &= group.acts_on == "level" or (group.acts_on == "gain" and len(spec.scale) > 2)
    return group.parametrisation == "balanced" or (usual and group.parametrisation is None)


def signed(spec: ModelSpec, group: Group) -> bool:
    """Whether the sd of a group is sampled with a sign, under half of its density."""
    return balanced(spec, group) and group.sd.distribution in ("half_normal", "half_student_t")


def spreads(answers: Answers, group: Group, point: Point) -> np.ndarray:
    """What the standard normal of each patient is multiplied by where it is sampled balanced."""
    spec, cohort = answers.spec, answers.cohort
    of_noise = LINKS[spec.link].var() * answers.noise(point) ** 2
    if group.acts_on == "level":
        of_one = answers.site_sd(point) ** 2 + of_noise
    else:
        of_one = 10.0 * (np.diff(answers.cutpoints(point)).mean() ** 2 / 12.0 + of_noise)
    site = ["patient", "muscle", "side"]
    sites = cohort.grades.dropna(subset="grade")[site].drop_duplicates()
    n = sites["patient"].value_counts().reindex(cohort.patients["patient"], fill_value=0)
    return np.sqrt(1.0 + n.to_numpy() * float(point[f"{group.name}_sd"]) ** 2 / of_one)


def correlations(spec: ModelSpec, point: Point) -> np.ndarray:
    """The matrix whose partial correlations, each given all effects before the first of the two,
    are those of the point: each comes from the matrix by regression, and is put in by it."""
    n = sum(group.by == "patient" for group in spec.groups)
    matrix, partial = np.eye(n), iter(np.atleast_1d(point["patient_partial_correlation"]))
    for j in range(n):
        for k in range(j + 1, n):
            before = matrix[:j, :j]
            of_j, of_k = matrix[:j, j], matrix[:j, k]
            explained = of_j @ np.linalg.solve(before, of_k) if j else 0.0
            left = [1.0 - (x @ np.linalg.solve(before, x) if j else 0.0) for x in (of_j, of_k)]
            matrix[j, k] = matrix[k, j] = explained + next(partial) * np.sqrt(left[0] * left[1])
    return matrix


def log_lkj(shape: float, matrix: np.ndarray, partial: np.ndarray) -> float:
    """det^(shape - 1) over its integral (Lewandowski 2009, eq. 16), as a density of the partials.

    The Jacobian is a product over pairs (j, k) of (1 - r_jk^2)^((n - 1 - j) / 2), j from 1
    (Joe 2006).
    """
    n = len(matrix)
    pairs = [j for j in range(1, n) for _ in range(j + 1, n + 1)]
    jacobian = sum((n - 1 - j) / 2 * np.log1p(-(r**2)) for j, r in zip(pairs, partial, strict=True))
    integral = 0.0
    for k in range(1, n):
        b = shape + (n - k - 1) / 2
        integral += (2 * shape - 2 + n - k) * (n - k) * np.log(2.0) + (n - k) * betaln(b, b)
    return float((shape - 1) * np.linalg.slogdet(matrix)[1] + jacobian - integral)


def code_of(spec: ModelSpec, recorded: str) -> int:
    """Place on the model's scale of a grade as it was recorded."""
    scale = spec.resolved["scale"]
    return scale["grades"].index(scale.get("collapse", {}).get(recorded, recorded))


def judged_by_hand(spec: ModelSpec, cohort: Cohort) -> dict[str, bool]:
    """Responder or not, of the evaluable patients."""
    rule, judged = spec.response, {}
    limit = spec.scale.index(rule.affected_below)
    for patient, grades in cohort.grades.dropna(subset="grade").groupby("patient"):
        panels = []
        for target, window in (
            (rule.baseline_day, rule.baseline_window_days),
            (rule.follow_up_day, rule.follow_up_window_days),
        ):
            days = sorted(d for d in set(grades["day"]) if window[0] <= d <= window[1])
            visit = min(days, key=lambda d: abs(d - target), default=None)
            at = grades[grades["day"] == visit]
            sites = zip(at["muscle"], at["side"], strict=True)
            codes = [code_of(spec, grade) for grade in at["grade"]]
            panels.append(dict(zip(sites, codes, strict=True)))
        before, after = panels
        compared = [site for site, code in before.items() if code < limit and site in after]
        gained = sum(after[site] - before[site] >= rule.gain for site in compared)
        if len(compared) >= rule.muscles:
            judged[str(patient)] = gained >= rule.muscles
    return judged


# --- points ------------------------------------------------------------------------------------


def some_point(spec: ModelSpec, cohort: Cohort, seed: int) -> dict[str, np.ndarray]:
    """A point near the middle of the prior, by the names of the parameters."""
    rng = np.random.default_rng(seed)
    point = {}
    for name, prior in spec.priors.items():
        if name == "cutpoints":
            point[name] = np.sort(SCIPY[prior.distribution](prior).rvs(len(spec.scale) - 1, rng))
        elif name == "patient_partial_correlation":
            n = sum(group.by == "patient" for group in spec.groups)
            point[name] = rng.uniform(-0.8, 0.8, size=n * (n - 1) // 2)
        elif name == "time_step":
            n = len(spec.time.knots_days) - 1 if spec.time is not None else 0
            point[name] = SCIPY[prior.distribution](prior).rvs(n, rng)
        elif prior.distribution == "dirichlet":
            point[name] = rng.dirichlet(3.0 + np.array(prior["concentration"]))
        elif name in (
            categories := {p.name: p for p in spec.predictors if p.kind.name == "category"}
        ):
            n = len(categories[name].levels) - 1
            point[name] = SCIPY[prior.distribution](prior).rvs(n, rng)
        else:
            point[name] = np.array(SCIPY[prior.distribution](prior).ppf(rng.uniform(0.2, 0.8)))
    if spec.relaxed is not None:
        n = len({group for _, group in spec.relaxed.groups}) or 1
        point["relaxed_z"] = rng.normal(size=(n, len(spec.scale) - 2))
    if spec.shrinkage is not None:
        point |= some_scales(spec, cohort, rng)
    grades = cohort.grades.dropna(subset="grade")
    muscles = grades["muscle"].nunique()
    members = {
        "patient": len(cohort.patients),
        "patient:muscle": len(grades[["patient", "muscle", "side"]].drop_duplicates()),
        "patient:visit": len(grades[["patient", "day"]].drop_duplicates()),
    }
    for group in spec.groups:
        if group.by == "muscle":
            z = rng.normal(size=muscles)
            point[f"{group.name}_z"] = z - z.mean() if group.parametrisation == "centred" else z
        elif group is not spec.site_group:
            point[f"{group.name}_z"] = rng.normal(size=members[group.by])
    return point


def some_scales(spec: ModelSpec, cohort: Cohort, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What effects with a common prior are made of, and by how many patients."""
    of = [p for p in spec.predictors if p.name in spec.shrinkage.of]
    n = sum(len(p.levels) - 1 if p.kind.name == "category" else 1 for p in of)
    evaluable = len(judged_by_hand(spec, cohort))
    graded = cohort.grades.dropna(subset="grade")["patient"].nunique()
    point = {
        "shrinkage_z": rng.normal(size=n),
        "patients_of_the_likelihood": np.array(evaluable if spec.outcome == "response" else graded),
    }
    if spec.shrinkage.prior.distribution == "horseshoe":
        return point | {
            "shrinkage_local": rng.uniform(0.3, 3.0, size=n),
            "shrinkage_global": rng.uniform(0.1, 0.5, size=()),
            "shrinkage_slab": rng.uniform(0.5, 2.0, size=()),
        }
    return point | {
        "shrinkage_r2": rng.uniform(0.1, 0.6, size=()),
        "shrinkage_share": rng.dirichlet(np.full(n, 3.0)),
    }


def forward(model: pm.Model, point: Point, case: "Case | None" = None) -> dict[str, np.ndarray]:
    """The point as PyMC's unconstrained values, by its own transforms."""
    values = {}
    for rv in model.free_RVs:
        transform = model.rvs_to_transforms[rv]
        name: str = rv.name
        times: Any = 1.0
        if rv.name.endswith("_centred"):
            name = rv.name.removesuffix("_centred")
            times = float(point[f"{name}_sd"])
        elif rv.name.endswith("_balanced"):
            name = rv.name.removesuffix("_balanced")
            group = next(group for group in case.spec.groups if group.name == name)
            times = spreads(case.answers, group, point)
        elif rv.name.endswith("_signed"):
            name = rv.name.removesuffix("_signed")
        elif rv.name == "shrinkage_own":
            name = "shrinkage"
            times = spreads_of_shrunk(case.spec, point)
        elif rv.name.endswith("_scaled"):
            name = rv.name.removesuffix("_scaled")
            times = case.answers.usual(point, name)
        known = next(n for n in (rv.name, f"{name}_z", name) if n in point)
        value = times * np.asarray(point[known], dtype=float)
        if transform is not None:
            value = transform.forward(pt.as_tensor(value), *rv.owner.inputs).eval()
        values[model.rvs_to_values[rv].name] = value
    return values


class Case:
    """A model file on a small cohort: its graph and the independent answers."""

    def __init__(self, spec: ModelSpec, cohort: Cohort, mode: str | None = None) -> None:
        self.spec, self.cohort = spec, cohort
        self.design: xr.Dataset = make_design(cohort, spec)
        self.model = build(spec, self.design)
        self.answers = Answers(spec, cohort)
        self.log_density = self.model.compile_logp(jacobian=False, mode=mode)


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest) -> Case:
    # A file that is based on another differs from it by what the interpreter shows as well.
    mode = INTERPRETED if "based_on" in request.param.read_text(encoding="utf-8") else None
    # Of five patients one was not seen at follow-up; every grade and either value of each column
    # occurs, and some were seen after the last knot of the time course.
    return Case(read_model(request.param), simulated(5, seed=85), mode)


# --- tests -------------------------------------------------------------------------------------


def test_the_makers_of_priors_are_those_of_the_vocabulary() -> None:
    assert {*MAKERS, *SHARED_PRIORS} == set(DISTRIBUTIONS) == {*SCIPY, "fixed", *SHARED_PRIORS}
    assert all(DISTRIBUTIONS[name].support == "effects" for name in SHARED_PRIORS)
    fixed = Prior("fixed", (("value", 24.0),), "a reason")
    with pm.Model() as model:
        assert parameter("x", fixed).eval() == 24.0
    assert model.free_RVs == []  # nothing to estimate


def test_the_parameters_of_the_graph_are_those_of_the_file(case: Case) -> None:
    site = [case.spec.site_group] if case.spec.outcome == "grade" else []
    own = {
        f"{group.name}_balanced" if balanced(case.spec, group) else f"{group.name}_z"
        for group in case.spec.groups
        if group not in site
    }
    in_units = {exposure.name for exposure in scaled(case.spec)}
    stated = {f"{name}_scaled" if name in in_units else name for name in case.spec.priors}
    sds = {f"{group.name}_sd" for group in case.spec.groups if signed(case.spec, group)}
    stated = {f"{name}_signed" if name in sds else name for name in stated}
    shared = {"horseshoe": {"local", "global", "slab", "own"}, "r2d2": {"r2", "share", "own"}}
    shrinkage = case.spec.shrinkage
    scales = shared[shrinkage.prior.distribution] if shrinkage is not None else set()
    own |= {f"shrinkage_{name}" for name in scales}
    assert {rv.name for rv in case.model.free_RVs} == stated | own


@pytest.mark.parametrize(
    "seed", [1, 2, pytest.param(3, marks=pytest.mark.slow), pytest.param(4, marks=pytest.mark.slow)]
)
def test_the_log_density_is_that_of_the_second_author(case: Case, seed: int) -> None:
    point = some_point(case.spec, case.cohort, seed)
    expected = case.answers.log_density(point)
    assert np.isfinite(expected)
    assert case.log_density(forward(case.model, point, case)) == pytest.approx(
        expected, rel=1e-8, abs=0
    )


def test_the_other_sign_of_a_sd_says_the_same_of_all_that_is_kept() -> None:
    case = Case(read_model(STRENGTH), simulated(5, seed=85), INTERPRETED)
    here = forward(case.model, some_point(case.spec, case.cohort, 1), case)
    names = [n for n in here if n.startswith(("patient_level", "patient_gain"))]
    assert len(names) == 4
    there = here | {name: -here[name] for name in names}
    assert case.log_density(there) == pytest.approx(case.log_density(here), rel=1e-13)
    # With one of the two alone it is another point.
    other = here | {"patient_gain_sd_signed": -here["patient_gain_sd_signed"]}
    assert abs(case.log_density(other) - case.log_density(here)) > 1e-3
    kept = [case.model[n] for n in ("patient_gain_sd", "patient_gain_z", "patient_level_z")]
    values = [case.model.rvs_to_values[rv] for rv in case.model.free_RVs]
    of_values = pytensor.function(
        values, case.model.replace_rvs_by_values(kept), mode=INTERPRETED, on_unused_input="ignore"
    )
    for one, two in zip(
        *(of_values(*(at[v.name] for v in values)) for at in (here, there)), strict=True
    ):
        assert one == pytest.approx(two)


@pytest.mark.slow
def test_the_gradient_is_the_slope_of_the_log_density(case: Case) -> None:
    point = forward(case.model, some_point(case.spec, case.cohort, 5), case)
    log_density = case.model.compile_logp(mode=INTERPRETED)
    gradient = case.model.compile_dlogp(mode=INTERPRETED)(point)
    order = [case.model.rvs_to_values[rv].name for rv in case.model.free_RVs]
    # In directions in which every number of the point moves: a wrong slope is a wrong one in each.
    rng, step = np.random.default_rng(6), 2e-5
    for _ in range(6):
        way = {name: rng.normal(size=np.shape(point[name])) for name in order}
        ends = [
            float(log_density({n: point[n] + side * step * way[n] for n in order}))
            for side in (-1.0, 1.0)
        ]
        expected = (ends[1] - ends[0]) / (2.0 * step)
        along = np.concatenate([np.ravel(way[name]) for name in order])
        scale = float(np.linalg.norm(gradient))
        assert float(gradient @ along) == pytest.approx(expected, rel=1e-5, abs=1e-5 * scale)


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "fixed"])
def test_every_distribution_is_that_of_the_page(name: str) -> None:
    stated: dict[str, Any] = {"mean": 0.7, "sd": 1.3, "df": 4.0, "median": 0.6, "log_sd": 0.5}
    stated |= {"shape": 2.5, "alpha": 1.5, "beta": 4.0}
    stated["concentration"] = (1.0, 2.0, 3.5)
    names = DISTRIBUTIONS[name].parameters
    prior = Prior(name, tuple((key, stated[key]) for key in names), "a reason")
    with pm.Model(coords={"grade": ["a", "b", "c"]}) as model:
        parameter("x", prior, "grade" if name == "dirichlet" else None)
    by_support = {"simplex": [[0.2, 0.3, 0.5], [0.7, 0.1, 0.2]], "correlation": [-0.7, 0.0, 0.9]}
    by_support["share"] = [0.05, 0.5, 0.9]
    values = by_support.get(DISTRIBUTIONS[name].support, [0.1, 0.9, 4.0])
    log_density = model.compile_logp(jacobian=False, mode=INTERPRETED)
    for value in values:
        got = log_density(forward(model, {"x": np.array(value)}))
        # PyMC has a constant of some distributions in single precision, 2e-9 away.
        assert got == pytest.approx(log_prior(prior, np.array(value)), rel=1e-8, abs=1e-8)


def test_log_odds_stand_for_shares_with_their_jacobian() -> None:
    shares, transform = np.array([0.1, 0.2, 0.3, 0.4]), LogOdds(4)
    value = transform.forward(pt.as_tensor(shares)).eval()
    assert value == pytest.approx(np.log(shares[:-1] / 0.4))
    y = pt.vector("y")
    back = pytensor.function([y], transform.backward(y), mode=INTERPRETED)
    assert back(value) == pytest.approx(shares)
    slopes = [sites.differences(lambda at, k=k: back(at)[k], value, 1e-5) for k in range(3)]
    expected = np.linalg.slogdet(np.array(slopes))[1]
    assert transform.log_jac_det(pt.as_tensor(value)).eval() == pytest.approx(expected, rel=1e-7)


def test_effects_less_their_mean_have_the_law_of_those_that_sum_to_zero() -> None:
    with pm.Model():
        z = pm.ZeroSumNormal("z", sigma=1.0, shape=5)
    draws = pm.draw(z, 4000, random_seed=1, mode=INTERPRETED)
    own = np.random.default_rng(2).normal(size=(4000, 5))
    for other in (draws, own - own.mean(axis=1, keepdims=True)):
        assert np.cov(other.T) == pytest.approx(np.eye(5) - 0.2, abs=0.06)


@pytest.mark.parametrize("shape", [0.7, 1.0, 4.0])
def test_a_drawn_correlation_has_its_density(shape: float) -> None:
    prior = Prior("lkj", (("shape", shape),), "a reason")
    with pm.Model():
        drawn = pm.draw(parameter("r", prior), 2000, random_seed=1, mode=INTERPRETED)
    grid = np.linspace(-1.0, 1.0, 20_001)[1:-1]
    below = np.cumsum(np.exp(log_prior_of(prior, grid))) * (grid[1] - grid[0])
    assert ss.kstest(drawn, lambda r: np.interp(r, grid, below)).pvalue > 0.01


def test_effects_that_sum_to_zero_are_normal_in_one_dimension_less() -> None:
    with pm.Model() as model:
        pm.ZeroSumNormal("z", sigma=1.0, shape=5)
    z = np.array([1.0, -2.0, 0.5, 0.25, 0.25])
    got = model.compile_logp(jacobian=False)(forward(model, {"z": z}))
    assert got == pytest.approx(-0.5 * z @ z - 2.0 * np.log(2.0 * np.pi), rel=1e-12)


def variant(**changes: Any) -> ModelSpec:
    """The strength model with tables replaced, or left out where the change is None."""
    content = read_model(STRENGTH).resolved
    for name, table in changes.items():
        if table is None:
            del content[name]
        else:
            both = isinstance(table, dict)
            content[name] = {**content.get(name, {}), **table} if both else table
    return parse_model(content, "variant")


NORMAL = {"distribution": "normal", "mean": 0.0, "sd": 0.2, "why": "a reason"}
DAYS = {"distribution": "lognormal", "median": 20, "log_sd": 0.5, "why": "a reason"}
COMPARTMENT = {"measure": "effect_compartment", "prior": NORMAL, "onset_half_life_days": DAYS}
COMPARTMENT |= {"wearing_off_half_life_days": DAYS}
AGE = {"column": "age_onset_years", "kind": "number", "acts_on": "level", "prior": NORMAL}
AGE |= {"centre": 45, "per": 10}
HALF = {"distribution": "half_normal", "sd": 0.2, "why": "a reason"}
WIDE = {"distribution": "half_normal", "sd": 15, "why": "a reason"}
SITE = {"by": "patient:muscle", "acts_on": "level"}
HANDS = {
    name: "hand" if name.split()[0] in ("finger", "thumb", "wrist") else "other"
    for name, _ in Recipe().muscles
}
SLOPE = {"since": "inclusion", "per_days": 365.25, "size": NORMAL}
MALE = {"column": "male", "kind": "yes_no", "prior": NORMAL}
CORRELATION = {"distribution": "lkj", "shape": 2.0, "why": "a reason"}
BETA = {"distribution": "beta", "alpha": 1, "beta": 4, "why": "a reason"}
REGION = {"column": "region", "kind": "category", "levels": ["north", "south", "east"]}
STAGE = {"column": "stage", "kind": "ordered", "levels": ["early", "middle", "late"]}
STAGE |= {"steps": {"distribution": "dirichlet", "concentration": [1, 2], "why": "a reason"}}
HORSESHOE = {"distribution": "horseshoe", "relevant": 1.5, "residual_sd": 0.3, "slab_df": 5}
HORSESHOE |= {"slab_sd": 0.4, "why": "a reason"}
R2D2 = {"distribution": "r2d2", "r2_mean": 0.3, "r2_precision": 6, "shape": 0.7}
R2D2 |= {"residual_sd": 0.2, "why": "a reason"}
OF_EVERY_KIND = {"age": AGE, "male": MALE, "region": REGION, "stage": STAGE}


def candidates(acts_on: str, **shared: Any) -> dict[str, Any]:
    """Predictors of every kind, with priors of their own or a common one."""
    own = {} if shared else {"prior": NORMAL}
    tables = {
        name: {k: v for k, v in table.items() if k != "prior"} | own | {"acts_on": acts_on}
        for name, table in OF_EVERY_KIND.items()
    }
    shrinkage = {"shrinkage": {"of": [*tables], "prior": shared}} if shared else {}
    return {"predictor": tables, **shrinkage}


VARIANTS: Mapping[str, Callable[[], ModelSpec]] = {
    "predictors of every kind": lambda: variant(**candidates("level")),
    "predictors of every kind under a horseshoe": lambda: variant(
        **candidates("gain", **HORSESHOE)
    ),
    "predictors of every kind under R2D2": lambda: variant(**candidates("level", **R2D2)),
    "wearing-off by predictors of every kind under a horseshoe": lambda: variant(
        exposure={"infusions": COMPARTMENT, "lasting": COMPARTMENT},
        **candidates("wearing_off", **HORSESHOE),
    ),
    "responses by predictors of every kind": lambda: response_with(candidates("response")),
    "responses by predictors of every kind under R2D2": lambda: response_with(
        candidates("response", **R2D2)
    ),
    "a sum of doses beside the rate": lambda: variant(
        exposure={"total": {"measure": "cumulative_dose", "prior": NORMAL}}
    ),
    "gains that differ between muscles": lambda: variant(
        group={"muscle_gain": {"by": "muscle", "acts_on": "gain", "sd": HALF}}
    ),
    "gains that go along with levels": lambda: variant(correlation={"patient": CORRELATION}),
    "levels, gains and slopes that go along with each other": lambda: variant(
        slope=SLOPE,
        group={"patient_slope": {"by": "patient", "acts_on": "slope", "sd": HALF}},
        correlation={"patient": CORRELATION},
    ),
    "slopes that differ between muscles and by a predictor": lambda: variant(
        slope=SLOPE,
        group={"muscle_slope": {"by": "muscle", "acts_on": "slope", "sd": HALF}},
        predictor={"male": {**MALE, "acts_on": "slope"}},
    ),
    "gains that differ between the muscles of a patient": lambda: variant(
        group={"site_gain": {"by": "patient:muscle", "acts_on": "gain", "sd": HALF}}
    ),
    "naive patients on cutpoints of their own": lambda: variant(
        relaxed={"by": "naive_level", "sd": HALF}
    ),
    "an effect compartment, its half-lives estimated": lambda: variant(
        exposure={"infusions": COMPARTMENT}
    ),
    "an effect compartment of known half-lives, saturating": lambda: variant(
        exposure={
            "infusions": COMPARTMENT
            | {
                "onset_half_life_days": {"distribution": "fixed", "value": 6, "why": "a"},
                "wearing_off_half_life_days": {"distribution": "fixed", "value": 25, "why": "a"},
                "half_effect": DAYS | {"median": 2.0},
            }
        }
    ),
    "naive status acts on wearing-off, of two compartments": lambda: variant(
        exposure={
            "infusions": COMPARTMENT,
            "lasting": COMPARTMENT | {"wearing_off_half_life_days": DAYS | {"median": 300}},
        },
        predictor={
            "naive_wearing_off": {"column": "naive", "kind": "yes_no", "acts_on": "wearing_off"}
            | {"prior": NORMAL}
        },
    ),
    "a number of infusions, saturating": lambda: variant(
        exposure={
            "count": {"measure": "n_infusions", "prior": NORMAL, "half_effect": DAYS},
        }
    ),
    **{
        f"time by {shape} since {since}": lambda shape=shape, since=since: variant(
            time={"shape": shape, "since": since, "knots_days": [0, 30, 120, 300], "step": NORMAL}
        )
        for shape in ("visits", "piecewise_linear", "natural_spline")
        for since in ("inclusion", "first_infusion")
    },
    "gain that acts differently across grades": lambda: variant(relaxed={"by": "gain", "sd": HALF}),
    "gain that acts differently across grades, remembered, probit": lambda: variant(
        link="probit",
        relaxed={"by": "gain", "sd": HALF},
        memory={"within_days": 150, "probability": BETA},
    ),
    "a number that acts differently across grades": lambda: variant(
        relaxed={"by": "age", "sd": HALF}, predictor={"age": AGE}
    ),
    "groups of muscles on cutpoints of their own": lambda: variant(
        relaxed={"by": "muscle", "sd": HALF, "groups": HANDS}
    ),
    "groups of muscles on cutpoints of their own, remembered": lambda: variant(
        relaxed={"by": "muscle", "sd": HALF, "groups": HANDS},
        memory={"within_days": 150, "probability": BETA},
    ),
    "effects that are sampled themselves": lambda: variant(
        group={
            name: {**table, "parametrisation": "centred"}
            for name, table in read_model(STRENGTH).resolved["group"].items()
            if name != "site"
        }
    ),
    "standard normals of patients sampled": lambda: variant(
        group={
            "patient_level": {
                **read_model(STRENGTH).resolved["group"]["patient_level"],
                "parametrisation": "non_centred",
            }
        }
    ),
    "an examiner of one day": lambda: variant(
        group={"examiner": {"by": "patient:visit", "acts_on": "level", "sd": HALF}}
    ),
    "units of the noise": lambda: variant(noise=None, group={"site": {**SITE, "sd": WIDE}}),
    "units of the noise and cutpoints of their own": lambda: variant(
        noise=None,
        group={"site": {**SITE, "sd": WIDE}},
        threshold={"prior": {**NORMAL, "sd": 12.0}},
    ),
    "cutpoints with heavy tails": lambda: variant(
        threshold={"prior": {"distribution": "student_t", "df": 3, "mean": 0, "sd": 1, "why": "a"}}
    ),
    "a predictor in numbers": lambda: variant(
        predictor={
            "age": {
                **{"column": "age_onset_years", "kind": "number", "acts_on": "gain"},
                **{"centre": 45, "per": 10, "prior": NORMAL},
            }
        }
    ),
    "neither gain nor predictor nor exposure": lambda: without_change(),
    "the lowest grades together": lambda: folded({"0": "0-2", "1": "0-2", "2": "0-2"}, "0-2 3 4 5"),
    "two grades": lambda: folded(dict.fromkeys("01234", "weak"), "weak 5"),
    "two grades, neither recorded": lambda: folded(
        {**dict.fromkeys("0123", "weak"), **dict.fromkeys("45", "strong")}, "weak strong"
    ),
    "grades that nobody had": lambda: folded({}, "none 0 1 2 2.5 3 4 5 6"),
    **{
        f"an examiner who remembers {days} days, {link}": lambda link=link, days=days: variant(
            link=link, memory={"within_days": days, "probability": BETA}
        )
        for link, days in (("logit", 200), ("probit", 100), ("cloglog", 400))
    },
    "normal noise": lambda: variant(link="probit"),
    "skew noise": lambda: variant(link="cloglog"),
    "skew noise in its own units": lambda: variant(
        link="cloglog", noise=None, group={"site": {**SITE, "sd": WIDE}}
    ),
    "normal noise of responses": lambda: response_by("probit"),
    "skew noise of responses": lambda: response_by("cloglog"),
}


def response_with(changes: Mapping[str, Any]) -> ModelSpec:
    content = read_model(STRENGTH.with_name("response.toml")).resolved
    predictors = content["predictor"] | changes["predictor"]
    return parse_model({**content, **changes, "predictor": predictors}, "variant")


def with_levels(cohort: Cohort) -> Cohort:
    """The cohort with a column of a category and one of an ordered kind; every level is there."""
    n = len(cohort.patients)
    columns = {
        "region": np.array(["south", "north", "east", "south"])[np.arange(n) % 4],
        "stage": np.array(["late", "early", "middle"])[np.arange(n) % 3],
    }
    male = np.arange(n) % 2 == 0
    return replace(cohort, patients=cohort.patients.assign(**columns, male=male))


def response_by(link: str) -> ModelSpec:
    content = read_model(STRENGTH.with_name("response.toml")).resolved
    return parse_model({**content, "link": link}, "variant")


def folded(collapse: Mapping[str, str], grades: str) -> ModelSpec:
    """The strength model on another scale, whose highest grade is the normal one."""
    scale = grades.split()
    prior = {"distribution": "dirichlet", "concentration": [2.0] * len(scale), "why": "a reason"}
    return variant(
        scale={"grades": scale} | ({"collapse": dict(collapse)} if collapse else {}),
        threshold={"prior": prior},
        response={"affected_below": scale[-1]},
    )


def without_change() -> ModelSpec:
    content = read_model(STRENGTH).resolved
    for name in ("gain", "predictor", "exposure"):
        del content[name]
    del content["group"]["patient_gain"]
    return parse_model(content, "still")


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_what_no_file_uses_yet_has_the_density_of_the_page_too(name: str) -> None:
    cohort = simulated(3 if "every kind" not in name else 5, seed=5)
    case = Case(VARIANTS[name](), with_levels(cohort), INTERPRETED)
    point = some_point(case.spec, case.cohort, 6)
    expected = case.answers.log_density(point)
    assert case.log_density(forward(case.model, point, case)) == pytest.approx(
        expected, rel=1e-8, abs=0
    )


@pytest.mark.slow
def test_a_frozen_model_with_memory_has_the_same_density() -> None:
    # What is sampled has its data and shapes frozen, by which every operation is made anew.
    name = "an examiner who remembers 200 days, logit"
    case = Case(VARIANTS[name](), simulated(3, seed=5), INTERPRETED)
    point = forward(case.model, some_point(case.spec, case.cohort, 6), case)
    frozen = freeze_dims_and_data(case.model).compile_logp(jacobian=False, mode=INTERPRETED)
    assert frozen(point) == pytest.approx(case.log_density(point), rel=1e-12)


def test_the_response_of_the_design_is_that_judged_by_hand() -> None:
    spec = read_model(FILES[0].with_name("response.toml"))
    cohort = simulate_cohort(40, seed=8)
    design = make_design(cohort, spec)
    found = pd.Series(design["response"].to_numpy(), index=design["patient"].to_numpy())
    expected = judged_by_hand(spec, cohort)
    assert {who: bool(value) for who, value in found[found >= 0].items()} == expected
    assert 0 < sum(expected.values()) < len(expected) < 40


@pytest.mark.parametrize(("noise", "bound"), [(0.05, 2e-6), (0.2, 3e-4), (0.5, 4e-3), (1.0, 1e-2)])
def test_the_cutpoints_give_a_reference_patient_the_grades_of_the_prior(
    noise: float, bound: float
) -> None:
    spec = read_model(STRENGTH)
    case = Case(spec, simulated(2, seed=1), INTERPRETED)
    model = case.model
    point = some_point(spec, case.cohort, 9) | {"noise": np.array(noise)}
    share = np.array([0.03, 0.04, 0.06, 0.10, 0.17, 0.60])
    point["grade_probability"] = share
    # From the graph itself, at the values of the point.
    wanted = model.compile_fn(
        model.replace_rvs_by_values([model["cutpoints"]]),
        inputs=model.value_vars,
        on_unused_input="ignore",
        mode=INTERPRETED,
    )
    (cutpoints,) = wanted(forward(model, point, case))
    z = np.linspace(-9.0, 9.0, 20_001)
    below = expit((cutpoints[:, None] - z) / noise) @ ss.norm.pdf(z) * (z[1] - z[0])
    implied = np.diff(np.concatenate([[0.0], below, [1.0]]))
    worst = np.abs(implied - share).max()
    assert worst < bound
    assert worst > bound / 5  # a bound as wide as the quantity would say nothing
