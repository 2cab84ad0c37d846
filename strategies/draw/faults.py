"""Injected failures: which there are, how often, and how a rate changes the tables of choices."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise
from typing import Any

from percpu_fuzz.engine.core.labels import OP_KILLED
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.draw.choices import KIND_NAMES, KINDS, Kind

NESTED_REFRESH, NONE = "nested-refresh", "none"
ANY_NODE = 7  # a bit of each node number + 1 that is drawn
# name of the option -> (kind of choice, what its value must hold to be the failure)
FAILURES = {
    "populate": ("fail_populate", 1), "create": ("fail_create", 1), "trylock": ("fail_trylock", 1),
    "killed": ("gfp", OP_KILLED), "charge": ("fail_charge", 1), "no-space": ("fail_space", 1),
    "node": ("fail_node", ANY_NODE),
}  # fmt: skip
FAULTS_ALLOWED = f"{NONE}, {NESTED_REFRESH}, or NAME=RATE with {', '.join(FAILURES)} and a rate from 0 to 1"


def fault_rates(faults: tuple[str, ...]) -> dict[str, Fraction]:
    """The rates that were asked for by name; `none` asks for 0 of each. InputError for what is no fault."""
    rates = dict.fromkeys(FAILURES, Fraction(0)) if NONE in faults else {}
    named = [fault.partition("=")[0] for fault in faults]
    for fault in faults:
        if named.count(fault.partition("=")[0]) > 1:
            raise InputError("--faults", repr(fault), "each name once")
        name, given, rate = fault.partition("=")
        if name in FAILURES and given and re.fullmatch(r"(0|1|0?\.[0-9]{1,6}|1\.0+)", rate):
            rates[name] = Fraction(rate)
        elif fault not in (NONE, NESTED_REFRESH):
            raise InputError("--faults", repr(fault), FAULTS_ALLOWED)
    return rates


def drawn_by_default(kind: Kind, bit: int) -> bool:
    """Whether both streams draw the failure without a calibration: then only a calibration can have taken it away."""
    return all(
        any(weight for weight, value in zip(weights, kind.values, strict=True) if value & bit)
        for weights in (kind.measure, kind.hunt)
    )


def with_rates(limits: Any, rates: dict[str, Fraction]) -> Any:
    """Cumulative thresholds (as strategies.draw.choices.thresholds gives them) in which each failure has its rate.

    The values that are the failure share the rate as they shared before (evenly if none was ever drawn), and so do the
    others what is left. InputError for a failure that a calibration took away, as nobody says what shares it had.
    """
    for name, rate in rates.items():
        kind_name, bit = FAILURES[name]
        row, values = KIND_NAMES.index(kind_name), KINDS[kind_name].values
        ends = [0, *(int(limits[row, i]) for i in range(len(values)))]
        widths = [b - a for a, b in pairwise(ends)]
        drawn = any(width for width, value in zip(widths, values, strict=True) if value & bit)
        if not drawn and not drawn_by_default(KINDS[kind_name], bit):
            widths = [1 if value & bit else width for width, value in zip(widths, values, strict=True)]
        failing = sum(width for width, value in zip(widths, values, strict=True) if value & bit)
        others = sum(widths) - failing
        if (rate > 0 and not failing) or (rate < 1 and not others):
            given = f"{name}={float(rate):g} with a calibration that draws {'only' if failing else 'no'} such failures"
            raise InputError("--faults", given, "a rate of what the calibration draws")
        so_far = Fraction(0)
        for i, (width, value) in enumerate(zip(widths, values, strict=True)):
            if width:
                so_far += Fraction(width, failing) * rate if value & bit else Fraction(width, others) * (1 - rate)
            limits[row, i] = int(so_far * (1 << 32))
    return limits
