"""ChargeTally: what a variant did with a recorded workload, allocation by allocation and node by node, as counts.

A recorded trace is one realisation: these are counts of what was, no sample, and no interval follows from them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NodeCharges:
    """Pages of KMEM and bytes of live areas on a node, at their peak and at the end; node None: all nodes together.

    Pages hold more than the bytes of areas: what each node rounds up lies in byte stocks.
    """

    node: int | None
    pages_peak: int
    pages_end: int
    bytes_peak: int
    bytes_end: int


@dataclass
class ChargeTally:
    """pairs: charged allocations by (precharged pages, used pages, whether the caller might not block).

    booked_bytes: all bytes that charged allocations booked; misplaced: allocations by bytes booked on another node than
    the one they lie on, 0 included. failed: allocations that the allocator refused after their charge.
    """

    pairs: Counter[tuple[int, int, bool]] = field(default_factory=Counter)
    misplaced: Counter[int] = field(default_factory=Counter)
    booked_bytes: int = 0
    failed: int = 0
    nodes: tuple[NodeCharges, ...] = ()

    @property
    def charged(self) -> int:
        """Charged allocations."""
        return self.pairs.total()

    @property
    def waste(self) -> dict[int, int]:
        """Charged allocations by pages precharged and not used."""
        found: Counter[int] = Counter()
        for (precharge, used, _), n in self.pairs.items():
            found[max(precharge - used, 0)] += n
        return dict(sorted(found.items()))

    @property
    def most_waste(self) -> float | None:
        """Pages of one allocation; None without a charged allocation."""
        return max(self.waste, default=None)

    @property
    def short(self) -> int:
        """Charged allocations that used more than was precharged."""
        return sum(n for (precharge, used, _), n in self.pairs.items() if used > precharge)

    def spurious(self, pages: int, nowait: bool | None = None) -> tuple[int, int]:
        """(allocations that fit into so many pages of headroom by their use, those of them that precharge more)."""
        fitting = [
            (precharge, n)
            for (precharge, used, no_wait), n in self.pairs.items()
            if used <= pages and (nowait is None or nowait == no_wait)
        ]
        return sum(n for _, n in fitting), sum(n for precharge, n in fitting if precharge > pages)

    @property
    def misplaced_bytes(self) -> int:
        """Bytes booked for another node than the one that has them."""
        return sum(size * n for size, n in self.misplaced.items())

    @property
    def misplaced_allocations(self) -> int:
        """Charged allocations with any such byte."""
        return sum(n for size, n in self.misplaced.items() if size)

    @property
    def misplaced_share(self) -> float | None:
        """Of all bytes booked; None if none were."""
        return self.misplaced_bytes / self.booked_bytes if self.booked_bytes else None
