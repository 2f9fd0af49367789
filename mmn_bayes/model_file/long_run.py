"""The parts of a model of the long run: classes, blocks, states, and what outcomes share."""

from dataclasses import dataclass

from mmn_bayes.model_file.prior import Prior


@dataclass(frozen=True)
class Classes:
    """Values of a patient's last status, the reference first, and the prior of their rates.

    Only a status from `from_day` on counts.
    """

    levels: tuple[str, ...]
    prior: Prior
    from_day: float

    @property
    def priors(self) -> dict[str, Prior]:
        """Priors by the names of their parameters in the fit."""
        return {"reference_probability": self.prior}


@dataclass(frozen=True)
class Blocks:
    """What becomes of blocks between two visits: each stays or goes, and others appear.

    `appears` is a probability for each nerve without block where `new` is "binomial", otherwise an
    expected number, of which `overdispersion` is the sd over the mean between patients.
    """

    new: str
    stays: Prior
    appears: Prior
    overdispersion: Prior | None

    @property
    def binomial(self) -> bool:
        """Whether new blocks are of so many nerves; if not, they are counts."""
        return self.new == "binomial"

    @property
    def priors(self) -> dict[str, Prior]:
        """Priors by the names of their parameters in the fit."""
        stated = {"block_stays": self.stays, "block_appears": self.appears}
        own = self.overdispersion
        return stated if own is None else {**stated, "block_overdispersion": own}


@dataclass(frozen=True)
class States:
    """A Markov chain of `status` in steps of `step_days`, from day 0 (`since`) on.

    `leaves` and `towards` make the transitions of each period; `change` is what time does to them,
    and `varying_sd` how much effects differ between previous states.
    """

    levels: tuple[str, ...]
    since: str
    step_days: float
    periods_days: tuple[float, ...]
    start: Prior
    leaves: Prior
    towards: Prior
    change: Prior | None
    varying_sd: Prior | None

    @property
    def priors(self) -> dict[str, Prior]:
        """Priors by the names of their parameters in the fit; two levels leave no choice where."""
        stated = {"start_probability": self.start, "leaves": self.leaves}
        if len(self.levels) > 2:
            stated["towards"] = self.towards
        if self.change is not None:
            stated["state_change"] = self.change
        if self.varying_sd is not None:
            stated["state_varying_sd"] = self.varying_sd
        return stated


@dataclass(frozen=True)
class Sharing:
    """A group by patient of the model of grades, in sds, that acts on another outcome too."""

    name: str
    group: str
    acts_on: str
    prior: Prior
