"""What can go wrong, in words a user can act on: all exceptions and the one warning there are."""

from collections.abc import Iterable


def _printable(text: str) -> str:
    r"""A text with whatever a terminal would act on, or nobody would see, written out as `\x1b`."""
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


class _Defects(ValueError):
    """A headline and every defect found, so that a user mends a file once and not once a defect."""

    def __init__(self, headline: str, defects: Iterable[str] = ()) -> None:
        # What stands in a message was read from files: it is shown, and never acts.
        self.headline = _printable(headline)
        self.defects: tuple[str, ...] = tuple(map(_printable, defects))
        super().__init__(self.headline, self.defects)

    def __str__(self) -> str:
        lines = [f"  {number}. {defect}" for number, defect in enumerate(self.defects, start=1)]
        return "\n".join([self.headline, *lines])


class DataError(_Defects):
    """Tables of data or a stored fit cannot be used as they are; `defects` names place and cure."""


class SpecError(_Defects):
    """A model file cannot be used as it is; `defects` names every key and its cure."""


class NotConverged(RuntimeError):
    """The draws do not support the numbers asked of them; the message lists what fails."""


class SamplingError(RuntimeError):
    """The sampler did not give all draws asked of it: there is no fit of a part of them."""


class CohortWarning(UserWarning):
    """Something in the data is odd but legal: it is used, or left out, as the message says."""
