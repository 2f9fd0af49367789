"""The noun `ModelSpec`: what a model file says once everything in it has been checked."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import tomli_w

from mmn_bayes.data.response import ResponseRule
from mmn_bayes.model_file.declaration import declared
from mmn_bayes.model_file.predictor_kinds import Predictor
from mmn_bayes.model_file.prior import Prior

# What a strategy for an intercurrent event does, as it is printed.
_STRATEGIES = {
    "treatment_policy": "their grades count whatever was infused or given (treatment policy)",
    "filled_in": (
        "filled in by the model from what was graded, as if missing at random given that; left out "
        "of the observed rate"
    ),
}


@dataclass(frozen=True)
class Estimand:
    """What is to be estimated, in the words of ICH E9(R1); printed with every response table."""

    population: str
    exposure: str
    variable: str
    stopped: str
    switched: str
    lost: str
    summary: str

    def in_words(self, outcome: str = "grade") -> tuple[str, ...]:
        """Return one line an attribute, intercurrent events with how each is handled."""
        strategies = {**_STRATEGIES, **declared(outcome).strategies}
        return (
            f"Population: {self.population}",
            f"Exposure: {self.exposure}",
            f"Variable: {self.variable}",
            "Intercurrent events: "
            f"treatment stopped: {strategies[self.stopped]}; "
            f"another treatment: {strategies[self.switched]}; "
            f"no follow-up: {strategies[self.lost]}.",
            f"Summary: {self.summary}",
        )


@dataclass(frozen=True)
class Group:
    """Effects of the members of one grouping; `sd` is None where it is the unit."""

    name: str
    by: str
    acts_on: str
    sd: Prior | None
    parametrisation: str | None


@dataclass(frozen=True)
class Gain:
    """A saturating gain since the first infusion."""

    since: str
    shape: str
    size: Prior
    half_time_days: Prior


@dataclass(frozen=True)
class Relaxed:
    """Whose cutpoints differ, and how much: `groups` has the group of each muscle, if by muscle.

    `of` is what has a set of cutpoints of its own: a "site" that of its stratum, a "patient" (a
    predictor in numbers) or a "visit" (the gain).
    """

    by: str
    groups: tuple[tuple[str, str], ...]
    sd: Prior
    of: str

    @property
    def strata(self) -> tuple[str, ...]:
        """Labels of those who have cutpoints of their own."""
        return tuple(sorted({group for _, group in self.groups})) or ("no", "yes")

    @property
    def own_strata(self) -> tuple[str, ...]:
        """Those of them whose cutpoints are not the common ones."""
        return self.strata if self.groups else (("yes",) if self.of == "site" else (self.by,))


@dataclass(frozen=True)
class Slope:
    """A steady change: `size` in `per_days` days since inclusion."""

    since: str
    per_days: float
    size: Prior


@dataclass(frozen=True)
class Memory:
    """An examiner who may record again what was recorded within so many days before."""

    within_days: float
    probability: Prior


@dataclass(frozen=True)
class Exposure:
    """An effect of one measure of the infusions.

    `onset` and `wearing_off` are half-lives of the effect compartment in days; `half_effect` is the
    value of the measure with half of the largest effect, None where the effect is proportional.
    """

    name: str
    measure: str
    window_days: float | None
    onset: Prior | None
    wearing_off: Prior | None
    half_effect: Prior | None
    prior: Prior

    @property
    def unit(self) -> str:
        """Unit of the measure, as it is printed."""
        return {
            "effect_compartment": "g/kg in effect",
            "dose_rate": "g/kg/week",
            "cumulative_dose": "g/kg",
            "n_infusions": "infusions",
        }[self.measure]

    @property
    def shape(self) -> dict[str, Prior]:
        """What else is to be estimated of it, by the name of the parameter; without the fixed."""
        stated = {
            f"{self.name}_onset_half_life_days": self.onset,
            f"{self.name}_wearing_off_half_life_days": self.wearing_off,
            f"{self.name}_half_effect": self.half_effect,
        }
        return {n: p for n, p in stated.items() if p is not None and p.distribution != "fixed"}


@dataclass(frozen=True)
class Time:
    """A change with time by its values at knots: `step` is the change from one to the next."""

    shape: str
    since: str
    knots_days: tuple[float, ...]
    step: Prior


@dataclass(frozen=True)
class Evidence:
    """Which rows of a table of published counts enter: `words` has the legal values by column."""

    target: str
    words: tuple[tuple[str, tuple[str, ...]], ...]
    left_out: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Unit:
    """Whose counts share an effect on the log odds, and its sd between them."""

    by: str
    sd: Prior


@dataclass(frozen=True)
class Robust:
    """The vague component that makes a prior from history robust, and its weight."""

    weight: float
    prior: Prior


@dataclass(frozen=True)
class Historical:
    """A prior from history: of which model, MAP or robust, and of whose response."""

    model: str
    kind: str
    of: str


@dataclass(frozen=True)
class Shrinkage:
    """Predictors whose effects share a prior that shrinks them, by their names."""

    of: tuple[str, ...]
    prior: Prior


@dataclass(frozen=True)
class Sharing:
    """A group by patient of the model of grades, in sds, that acts on another outcome too."""

    name: str
    group: str
    acts_on: str
    prior: Prior


@dataclass(frozen=True)
class ModelSpec:
    """Hold a resolved and checked model; made by `read_model` or `parse_model` only.

    `canonical` is the resolved file as JSON with sorted keys: its hash is the `fingerprint`.
    `collapse` has the recorded labels that are not of the `scale`, each with the one of the scale
    that it counts as. `sections` has, by outcome, what the table of that outcome in the file
    states, for outcomes with a table of their own.

    Examples
    --------
    >>> model = mb.read_model("models/strength.toml")
    >>> model.outcome, model.family, model.link
    ('grade', 'cumulative', 'logit')
    >>> sorted(model.priors)[:3]
    ['gain', 'grade_probability', 'half_time_days']
    >>> len(model.fingerprint)
    64
    """

    name: str
    title: str
    outcome: str
    link: str
    family: str
    scale: tuple[str, ...]
    collapse: tuple[tuple[str, str], ...]
    response: ResponseRule
    estimand: Estimand
    threshold: Prior | None
    relaxed: Relaxed | None
    noise: Prior | None
    memory: Memory | None
    intercept: Prior | None
    groups: tuple[Group, ...]
    correlation: Prior | None
    gain: Gain | None
    slope: Slope | None
    time: Time | None
    exposures: tuple[Exposure, ...]
    predictors: tuple[Predictor, ...]
    shrinkage: Shrinkage | None
    sections: tuple[tuple[str, Any], ...]
    sharing: tuple[Sharing, ...]
    unit: Unit | None
    evidence: Evidence | None
    robust: Robust | None
    historical: Historical | None
    canonical: str

    @property
    def resolved(self) -> dict[str, Any]:
        """The resolved file as a nested dictionary."""
        return json.loads(self.canonical)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the resolved file, in hexadecimal."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()

    @property
    def threshold_parameter(self) -> str:
        """What the prior of the thresholds is a prior of, by its name in the fit."""
        simplex = self.threshold is not None and self.threshold.distribution == "dirichlet"
        return "grade_probability" if simplex else "cutpoints"

    @property
    def site_group(self) -> Group:
        """The group of the levels of the sites; a model of grades has exactly one."""
        return next(g for g in self.groups if (g.by, g.acts_on) == ("patient:muscle", "level"))

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What the likelihood is of: the outcome, and of a joint model what it has besides."""
        return (self.outcome, *(name for name, _ in self.sections if name != self.outcome))

    def section(self, outcome: str) -> Any:
        """Return what the table of an outcome says; raise for a model without that outcome."""
        for name, section in self.sections:
            if name == outcome:
                return section
        raise ValueError(
            f"The model '{self.name}' is of outcome '{self.outcome}', not of "
            f"{declared(outcome).words}."
        )

    @property
    def candidates(self) -> tuple[Predictor, ...]:
        """The predictors with a margin: those that are reported as candidates."""
        return tuple(p for p in self.predictors if p.margin is not None)

    def acting_on(self, *what: str) -> tuple[Predictor, ...]:
        """Return the predictors that act on one of some things."""
        return tuple(p for p in self.predictors if p.acts_on in what)

    @property
    def shrunk(self) -> tuple[Predictor, ...]:
        """The predictors that share a prior."""
        of = self.shrinkage.of if self.shrinkage is not None else ()
        return tuple(p for p in self.predictors if p.name in of)

    @property
    def priors(self) -> dict[str, Prior]:
        """Every prior by the name of its parameter in the fit; groups and the like by name.

        That of effects which share one (`shrinkage`) is not among them.
        """
        found: dict[str, Prior | None] = {
            self.threshold_parameter: self.threshold,
            "noise": self.noise,
            "patient_partial_correlation": self.correlation,
            "intercept": self.intercept,
        }
        if self.gain is not None:
            found |= {"gain": self.gain.size, "half_time_days": self.gain.half_time_days}
        if self.relaxed is not None:
            found["relaxed_sd"] = self.relaxed.sd
        if self.slope is not None:
            found["slope"] = self.slope.size
        for _, section in self.sections:
            found |= section.priors
        found |= {shared.name: shared.prior for shared in self.sharing}
        if self.unit is not None:
            found["unit_sd"] = self.unit.sd
        if self.memory is not None:
            found["memory"] = self.memory.probability
        found |= {f"{group.name}_sd": group.sd for group in self.groups}
        if self.time is not None:
            found["time_step"] = self.time.step
        for exposure in self.exposures:
            found |= {exposure.name: exposure.prior, **exposure.shape}
        found |= {predictor.name: predictor.prior for predictor in self.predictors}
        found |= {f"{p.name}_steps": p.steps for p in self.predictors}
        return {name: prior for name, prior in found.items() if prior is not None}


def require_outcome(spec: ModelSpec, *outcomes: str, cure: str = "") -> ModelSpec:
    """Return a model of one of some outcomes at least, as its own or as part of a joint one.

    Raises
    ------
    ValueError
        When it has none of them: that it is not of the first, and the `cure`, which is to take a
        model of that outcome where nothing else is said.
    """
    cure = cure or f"; take a model of outcome '{outcomes[0]}'"
    if not set(outcomes) & set(spec.outcomes):
        raise ValueError(
            f"The model '{spec.name}' is of outcome '{spec.outcome}', not of "
            f"{declared(outcomes[0]).words}{cure}."
        )
    return spec


def model_to_toml(spec: ModelSpec) -> str:
    """Return the resolved specification as the text of a model file that stands by itself.

    Parameters
    ----------
    spec : ModelSpec
        The model.

    Returns
    -------
    str
        TOML; reading it back gives the same fingerprint.

    Examples
    --------
    With `response_model`, the model of `models/response.toml`:

    >>> text = mb.io.model_to_toml(response_model)
    >>> print(text.splitlines()[0])
    link = "logit"
    """
    return tomli_w.dumps(spec.resolved)
