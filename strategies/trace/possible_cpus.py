"""Possible CPUs as a trace tells them: bytes_alloc is size * CPUs and, with kmem accounting, metadata worth 2 or 4
more.

bytes_alloc = size * C + size / 4 * E, so bytes_alloc / size is C + 2 for 8 bytes of metadata a granule, C + 4 for 16,
and C itself where accounting is switched off at boot. Kernels before 5.19 do not trace bytes_alloc.
"""

from __future__ import annotations

from collections import Counter

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.strategies.trace.operations import AllocArea, Operation

EXTRA_CPUS = {2: "8 bytes of metadata", 4: "16 bytes of metadata", 0: "no accounting"}
AGREE_LEAST = 0.99  # of the allocations: the rest may be damaged lines


class CostRatios:
    """Counts bytes_alloc / size of allocations as they pass."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[int, int]] = Counter()

    def add(self, o: Operation) -> None:
        if type(o) is AllocArea and o.bytes_alloc > 0:
            self.counts[divmod(o.bytes_alloc, o.size_bytes)] += 1

    @property
    def disagreeing(self) -> int:
        """Allocations that do not cost what most do."""
        return self.counts.total() - max(self.counts.values(), default=0)

    @property
    def so_far(self) -> int | None:
        """The ratio of most allocations so far, None if there is none."""
        (ratio, rest), often = next(iter(self.counts.most_common(1)), ((0, 1), 0))
        return None if rest or 2 * often <= self.counts.total() else ratio

    def ratio(self, where: str) -> int | None:
        """The ratio of at least 99%, None if the trace has no bytes_alloc. InputError if they disagree."""
        if not self.counts:
            return None
        (ratio, rest), often = self.counts.most_common(1)[0]
        if rest or often < AGREE_LEAST * self.counts.total():
            given = f"bytes_alloc / size differs: {ratio} and {rest}/size {often} times of {self.counts.total()}"
            raise InputError(where, given, "one ratio in 99% of them: the trace of one boot of one machine")
        return ratio


def check_possible_cpus(ratio: int, topology: Topology, where: str = "--topology") -> str:
    """Which reading of the ratio fits the machine, in words. Raises InputError if none does."""
    extra = ratio - len(topology.cpus)
    if extra not in EXTRA_CPUS:
        readings = ", ".join(f"{ratio - more} ({words})" for more, words in EXTRA_CPUS.items() if ratio > more)
        given = f"{len(topology.cpus)} possible CPUs, but the trace's areas cost {ratio} times their size"
        raise InputError(where, given, readings)
    return f"{len(topology.cpus)} possible CPUs, {EXTRA_CPUS[extra]}: areas cost {ratio} times their size"
