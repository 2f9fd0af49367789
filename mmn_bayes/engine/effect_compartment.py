"""The effect compartment of infusions: onset and wearing-off, with half-lives to be estimated.

A dose given u days ago is in effect by dose times 2^(-u / wearing_off) (1 - 2^(-u / onset)): it
comes with the half-life of onset and goes with that of wearing-off. Written with rates a = log(2) /
wearing_off and c = a + log(2) / onset, the sum over infusions is S(a) - S(c), S(r) the sum of doses
times exp(-r u): two passes of `kernel_decay`, whose cost grows with infusions and visits, not with
their product.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type, grad_not_implemented
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

from mmn_bayes.engine import kernel_decay
from mmn_bayes.engine.numba_calls import call, external, source_number
from mmn_bayes.undocumented import (
    numba_njit,
    register_funcify_default_op_cache_key,
    vectorize_node,
    vectorize_node_fallback,
)

_SOURCE = source_number(__file__, kernel_decay)
# Of the rates, the events in the order of `kernel_decay.decayed_dose`, and the patient of each
# visit.
_KINDS = ("float64", "int64", "int64", "float64", "float64", "int64", "int64")


class DecayedDose(Op):
    """Sum over earlier infusions of dose times exp(-rate days) at each visit, and its slope.

    Inputs: rates per day, shape (patient,); those of `kernel_decay.decayed_dose` in its order; and
    the patient of each visit, shape (visit,). Outputs: the sums, and their slopes by the rate of
    the patient, shape (visit,) both.
    """

    __props__ = ()
    loops = (kernel_decay,)  # that its code calls by their names

    def make_node(self, *inputs: Any) -> Apply:
        """Check the inputs and lay out the outputs."""
        typed = [pt.as_tensor(x, dtype=kind) for x, kind in zip(inputs, _KINDS, strict=True)]
        return Apply(self, typed, [pt.dvector(), pt.dvector()])

    def perform(self, node: Apply, inputs: Any, outputs: Any) -> None:
        """Evaluate outside of compiled graphs, by the same compiled loop."""
        rate, first_event, gap, gap_days, dose, visit, patient_of_visit = (
            np.ascontiguousarray(x, dtype=kind) for x, kind in zip(inputs, _KINDS, strict=True)
        )
        value, slope = np.zeros(patient_of_visit.size), np.zeros(patient_of_visit.size)
        sizes = rate.size, gap_days.size, gap.size, value.size
        call(kernel_decay, rate, first_event, gap, gap_days, dose, visit, *sizes, value, slope)
        outputs[0][0], outputs[1][0] = value, slope

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """Return the slopes already computed, added up over the visits of each patient."""
        outer, higher = cotangents
        if not isinstance(higher.type, DisconnectedType):
            undefined = "second derivatives of decaying doses are not provided"
            return [grad_not_implemented(self, i, x, undefined) for i, x in enumerate(inputs)]
        rate, *_, patient_of_visit = inputs
        of_rate = pt.inc_subtensor(pt.zeros_like(rate)[patient_of_visit], outer * outputs[1])
        return [of_rate, *(disconnected_type() for _ in inputs[1:])]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Infusions and visits are data: nothing is differentiated by them."""
        return [[True, True]] + [[False, False]] * (len(node.inputs) - 1)


@register_funcify_default_op_cache_key(DecayedDose)
def _numba_decayed_dose(op: DecayedDose, node: Apply, **kwargs: Any) -> Any:
    kernel = external(kernel_decay)

    @numba_njit
    def decayed(rate, first_event, gap, gap_days, dose, visit, patient_of_visit):  # type: ignore[no-untyped-def]
        rate = np.ascontiguousarray(rate)
        first_event, gap = first_event.astype(np.int64), gap.astype(np.int64)
        gap_days, dose = np.ascontiguousarray(gap_days), np.ascontiguousarray(dose)
        visit = visit.astype(np.int64)
        value, slope = np.zeros(patient_of_visit.size), np.zeros(patient_of_visit.size)
        kernel(
            *(rate.ctypes, first_event.ctypes, gap.ctypes, gap_days.ctypes, dose.ctypes),
            *(visit.ctypes, rate.size, gap_days.size, gap.size, value.size),
            *(value.ctypes, slope.ctypes),
        )
        return value, slope

    return decayed, _SOURCE


class DecayedDoses(Op):
    """`DecayedDose` at the rates of many draws, shape (draw, patient), and the same infusions.

    The loop is called for each draw, with the arrays that are the same in all made ready once.
    """

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        """Lay out the outputs; inputs as those of a node of `DecayedDose`, rates but stacked."""
        return Apply(self, list(inputs), [pt.dmatrix(), pt.dmatrix()])

    def perform(self, node: Apply, inputs: Any, outputs: Any) -> None:
        """Call the compiled loop for each draw."""
        rates, *events = (
            np.ascontiguousarray(x, dtype=kind) for x, kind in zip(inputs, _KINDS, strict=True)
        )
        *data, patient_of_visit = events
        _, gap, gap_days, *_ = data
        value = np.zeros((len(rates), patient_of_visit.size))
        slope = np.zeros_like(value)
        sizes = rates.shape[1], gap_days.size, gap.size, patient_of_visit.size
        function = kernel_decay.compiled().ctypes
        real, whole = function.argtypes[:2]
        kinds = (whole, whole, real, real, whole)
        same = [x.ctypes.data_as(kind) for x, kind in zip(data, kinds, strict=True)]
        for draw in zip(rates, value, slope, strict=True):
            rate, filled, tangent = (x.ctypes.data_as(real) for x in draw)
            function(rate, *same, *sizes, filled, tangent)
        outputs[0][0], outputs[1][0] = value, slope


@vectorize_node.register(DecayedDose)
def _of_many_draws(op: DecayedDose, node: Apply, rate: Any, *events: Any) -> Apply:
    """Of many draws: infusions are data, and only the rates are stacked."""
    if rate.ndim == 2 and all(event.ndim == 1 for event in events):
        return DecayedDoses().make_node(rate, *events)
    return vectorize_node_fallback(op, node, rate, *events)


def dose_in_effect(
    arrays: Mapping[str, Any], onset_half_life_days: Any, wearing_off_half_life_days: Any
) -> Any:
    """Dose in effect at each visit, in g/kg; shape (visit,).

    Parameters
    ----------
    arrays : mapping of str to object
        The design's events (`design.at_rows`), by name.
    onset_half_life_days, wearing_off_half_life_days : object
        One number each, or one a patient.
    """
    events = [
        arrays[name]
        for name in (
            *("first_event_of_patient", "gap_of_event", "gap_days", "dose_of_event"),
            *("visit_of_event", "patient_of_visit"),
        )
    ]
    # Times 1: PyTensor interprets zeros made like an array one number at a time.
    off = np.log(2.0) / (wearing_off_half_life_days * arrays["patient_is"])
    both = off + np.log(2.0) / onset_half_life_days
    stay, go = DecayedDose()(off, *events)[0], DecayedDose()(both, *events)[0]
    return stay - go
