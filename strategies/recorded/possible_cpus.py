"""Possible CPUs as a trace tells them: bytes_alloc is size * CPUs and, with kmem accounting, metadata worth 2 or 4
more.

bytes_alloc = size * C + size / 4 * E, so bytes_alloc / size is C + 2 for 8 bytes of metadata a granule, C + 4 for 16,
and C itself where accounting is switched off at boot. Kernels before 5.19 do not trace bytes_alloc.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from engine.errors import InputError
from engine.topology import Topology
from strategies.recorded.operations import AllocArea, Operation

EXTRA_CPUS = {2: "8 bytes of metadata", 4: "16 bytes of metadata", 0: "no accounting"}


def cost_ratio(operations: Iterable[Operation], where: str = "trace") -> int | None:
    """bytes_alloc / size of the allocations, None if the trace has no bytes_alloc. InputError if they disagree."""
    ratios: Counter[tuple[int, int]] = Counter(
        divmod(o.bytes_alloc, o.size_bytes)
        for o in operations
        if isinstance(o, AllocArea) and o.bytes_alloc > 0 and o.size_bytes > 0
    )
    if not ratios:
        return None
    (ratio, rest), often = ratios.most_common(1)[0]
    if rest or often < ratios.total():
        given = f"bytes_alloc / size differs: {ratio} and {rest}/size {often} times of {ratios.total()}"
        raise InputError(where, given, "one ratio: the trace of one boot of one machine")
    return ratio


def check_possible_cpus(ratio: int, topology: Topology, where: str = "--topology") -> str:
    """Which reading of the ratio fits the machine, in words. Raises InputError if none does."""
    extra = ratio - len(topology.cpus)
    if extra not in EXTRA_CPUS:
        readings = ", ".join(f"{ratio - more} ({words})" for more, words in EXTRA_CPUS.items() if ratio > more)
        given = f"{len(topology.cpus)} possible CPUs, but the trace's areas cost {ratio} times their size"
        raise InputError(where, given, readings)
    return f"{len(topology.cpus)} possible CPUs, {EXTRA_CPUS[extra]}: areas cost {ratio} times their size"
