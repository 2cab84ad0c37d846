"""Charge failures: does the model's page counter refuse the requests that the kernel refused?

The trace has every charged percpu area but nothing else that a cgroup uses, and no size of a request that failed. So
the usage of a limited cgroup is bounded: percpu as traced, the rest (slab, stacks, anonymous memory) by the snapshots
around it, and what the CPUs' stocks hold, up to 64 pages each, which a request that must not wait cannot count on.
Size and cgroup of a request that failed are guessed: those of the task's last charged one; and the other memory may
have been more between two snapshots. So a failure contradicts the model only where nothing at all has a limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.primitives import ceil_div
from percpu_fuzz.strategies.trace import operations as ops
from percpu_fuzz.strategies.trace.cgroup_limits import CgroupLimits
from percpu_fuzz.strategies.trace.states import Snapshot

STOCK_PAGES = 64
UNKNOWN = 1 << 62


@dataclass(slots=True)
class ChargeReport:
    """Requests by what the kernel did and what the bounds say of the model.

    successes: counts of "same", "open" and "other": the model would have refused it unless reclaim made room.
    failures: "same", "open", and "unlikely": the guessed request would fit, but it is a guess. contradicted: failures
    while no cgroup has a limit, which the model would not have had, whatever the request was; unattributed: of tasks
    never seen charged.
    """

    failures: Counter[str] = field(default_factory=Counter)
    successes: Counter[str] = field(default_factory=Counter)
    contradicted: int = 0
    unattributed: int = 0

    @property
    def recorded(self) -> int:
        return self.failures.total() + self.contradicted + self.unattributed


def other_memory(snapshots: tuple[Snapshot, ...]) -> dict[int, list[int]]:
    """By cgroup: what it uses besides percpu at each snapshot, bytes; -1 where it is not in the snapshot."""
    found: dict[int, list[int]] = {}
    for i, snapshot in enumerate(snapshots):
        for row in snapshot.cgroups.values():
            if row.current_bytes is not None:
                found.setdefault(row.ino, [-1] * len(snapshots))[i] = max(row.current_bytes - row.percpu_bytes, 0)
    return found


class _Ledger:
    """Percpu bytes of each cgroup with all below it, its limit, and the bounds of its other memory."""

    def __init__(self, snapshots: tuple[Snapshot, ...], nr_cpus: int, page_bytes: int) -> None:
        self.page_bytes = page_bytes
        self.stock_bytes = nr_cpus * STOCK_PAGES * page_bytes
        self.phases = [snapshot.phase for snapshot in snapshots]
        self.other = other_memory(snapshots)
        self.next = 0  # the next snapshot to come
        self.limits = CgroupLimits()
        self.percpu: Counter[int] = Counter()
        self.areas: dict[tuple[str, int], tuple[int, int]] = {}
        self.last_bytes: dict[int, int] = {}  # by pid
        self.all_marked = True  # has every charged cgroup's mark been seen, and its limit with it?
        self.report = ChargeReport()

    def bounds(self, cg: int) -> tuple[int, int]:
        """Least and most of the other memory at the snapshots around now; UNKNOWN at most where there is none."""
        values = self.other.get(cg, [])
        near = [v for v in values[max(self.next - 1, 0) : self.next + 1] if v >= 0]
        return (min(near), max(near)) if near else (0, UNKNOWN)

    def judge(self, cg: int, need_bytes: int) -> str | None:
        """What the model does with a request: "fails", "fits" or "open"; None if no cgroup on the way has a limit."""
        verdicts = set()
        need = plain(ceil_div)(need_bytes, self.page_bytes) * self.page_bytes
        for level, limit in self.limits.over(cg):
            low, high = self.bounds(level)
            used = self.percpu[level] + need
            verdicts.add(
                "fails" if used + low > limit else "fits" if used + high + self.stock_bytes <= limit else "open"
            )
        return next((verdict for verdict in ("fails", "open", "fits") if verdict in verdicts), None)

    def request(self, cg: int, pid: int, full_bytes: int) -> None:
        verdict = self.judge(cg, full_bytes)
        if verdict is not None:
            self.report.successes[{"fits": "same", "fails": "other"}.get(verdict, verdict)] += 1
        self.last_bytes[pid] = full_bytes

    def add(self, cg: int, nr_bytes: int) -> None:
        for level in self.limits.chain(cg):
            self.percpu[level] += nr_bytes

    def fail(self, failed: ops.ChargeFailure) -> None:
        if not self.limits.any_limit and self.all_marked:
            self.report.contradicted += 1
            return
        if failed.cg_likely is None:
            self.report.unattributed += 1
            return
        verdict = self.judge(failed.cg_likely, self.last_bytes.get(failed.pid, 4))
        self.report.failures[{"fails": "same", "fits": "unlikely"}.get(verdict or "open", "open")] += 1

    def apply(self, o: ops.Operation) -> None:
        self.limits.follow(o)
        if isinstance(o, ops.AllocArea) and o.cg is not None:
            full = max(o.bytes_alloc, o.size_bytes)
            self.all_marked = self.all_marked and self.limits.knows(o.cg)
            self.request(o.cg, o.pid, full)
            self.areas[o.base, o.off] = (o.cg, full)
            self.add(o.cg, full)
        elif isinstance(o, ops.FreeArea) and (o.base, o.off) in self.areas:
            cg, full = self.areas.pop((o.base, o.off))
            self.add(cg, -full)
        elif isinstance(o, ops.ChargeFailure):
            self.fail(o)
        elif isinstance(o, ops.SnapEnd) and o.name in self.phases[self.next :]:
            self.next = self.phases.index(o.name, self.next) + 1


def check_charge_failures(
    operations: Iterable[ops.Operation], snapshots: tuple[Snapshot, ...], nr_cpus: int, page_bytes: int = 4096
) -> ChargeReport:
    """Judge every charged request and every charge failure of a trace, on a machine of so many possible CPUs."""
    ledger = _Ledger(snapshots, nr_cpus, page_bytes)
    for operation in operations:
        ledger.apply(operation)
    return ledger.report
