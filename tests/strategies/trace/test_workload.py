"""The recorded workload against the kernel's own counters: an oracle of a few lines replays it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from percpu_fuzz.strategies.trace import events as ev
from percpu_fuzz.strategies.trace import operations as op
from percpu_fuzz.strategies.trace.operations import ROOT, AllocArea, FreeArea, MkCgroup, RmCgroup, SnapBegin, SnapEnd
from percpu_fuzz.strategies.trace.states import Snapshot, import_states
from percpu_fuzz.strategies.trace.trace_stream import ASSUMED_CGROUP, charged_by_flag
from percpu_fuzz.strategies.trace.tracefs import read_events
from percpu_fuzz.strategies.trace.workload import WorkloadStream, max_bytes

RUNS = {
    # run: possible CPUs, rows, equal rows, worst difference in bytes
    "r1-4node-fallback-6.1": (8, 2357, 2357, 0),
    "r3-cpuless-memnode-6.1": (8, 2010, 2010, 0),
    "r5-8possible-hotplug-6.1": (8, 1476, 1476, 0),
    "r6-memmax-fail-6.1": (8, 1883, 1883, 0),
    "r11-2node-small-6.1": (2, 1797, 1797, 0),
    "r12-2node-small-6.12": (2, 1797, 1756, 24960),
}


@dataclass
class Oracle:
    """memory.stat percpu of every cgroup by the formula; `seen` are the values each had since the snapshot began."""

    nr_cpus: int
    total: dict[int, int] = field(default_factory=dict)
    parent: dict[int, int] = field(default_factory=dict)
    areas: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    exists: set[int] = field(default_factory=lambda: {ROOT})
    seen: dict[int, set[int]] = field(default_factory=dict)

    def charge(self, cg: int | None, size_bytes: int) -> None:
        while cg is not None:
            self.total[cg] = self.total.get(cg, 0) + size_bytes
            self.seen.setdefault(cg, set()).add(self.total[cg])
            cg = self.parent.get(cg)

    def apply(self, o: op.Operation) -> None:
        if isinstance(o, MkCgroup):
            self.parent[o.cg] = o.parent
            self.exists.add(o.cg)
        elif isinstance(o, RmCgroup):
            self.exists.remove(o.cg)
        elif isinstance(o, AllocArea) and o.cg is not None:
            full = o.size_bytes * self.nr_cpus + o.size_bytes // 4 * 8
            assert full == o.bytes_alloc
            self.areas[o.base, o.off] = (o.cg, full)
            self.charge(o.cg, full)
        elif isinstance(o, FreeArea) and (o.base, o.off) in self.areas:
            cg, full = self.areas.pop((o.base, o.off))
            self.charge(cg, -full)
        elif isinstance(o, SnapBegin):
            self.seen = {cg: {value} for cg, value in self.total.items()}

    def differences(self, snapshot: Snapshot) -> list[int]:
        """For each row, bytes to the nearest of the values that the cgroup had while the snapshot was read."""
        rows = snapshot.cgroups.values()
        return [min(abs(row.percpu_bytes - value) for value in self.seen.get(row.ino, {0})) for row in rows]


def differences(operations: Iterable[op.Operation], snapshots: Iterable[Snapshot], nr_cpus: int) -> list[int]:
    oracle, found = Oracle(nr_cpus), list[int]()
    to_come = iter(snapshots)
    for o in operations:
        oracle.apply(o)
        if isinstance(o, SnapEnd):
            snapshot = next(to_come)
            assert snapshot.phase == o.name
            assert {row.ino for row in snapshot.cgroups.values()} == oracle.exists
            found += oracle.differences(snapshot)
    assert next(to_come, None) is None
    return found


@dataclass(frozen=True)
class Whole:
    """A stream that has passed, with its operations."""

    operations: tuple[op.Operation, ...]
    stream: WorkloadStream


def build_workload(events: Iterable[ev.Event]) -> Whole:
    stream = WorkloadStream(events)
    return Whole(tuple(stream.operations), stream)


def workload_of(text: str) -> Whole:
    return build_workload(read_events(io.BytesIO(text.encode())))


def line(t: int, rest: str, task: str = "w0-133", cpu: int = 0, flags: str = ".....") -> str:
    return f" {task}     [{cpu:03d}] {flags}  {t}: {rest}\n"


def alloc(t: int, off: int, gfp: str = "GFP_KERNEL") -> str:
    fields = f"reserved=0 is_atomic=0 size=8 align=8 base_addr=ab off={off} ptr=1 bytes_alloc=32 gfp_flags={gfp}"
    return line(t, f"percpu_alloc_percpu: call_site=f+0x1/0x2 {fields}")


def post(t: int, cg: int, off: int, task: str = "w0-133", flags: str = ".....") -> str:
    return line(t, f"post: (f+0x0/0xb0) objcg=0x1 cg={cg} base=0xab off={off} size=8", task, flags=flags)


def free(t: int, off: int) -> str:
    return line(t, f"percpu_free_percpu: base_addr=ab off={off} ptr=1")


def test_every_row_of_the_small_run_equals_the_formula(recorded: Path) -> None:
    """1,797 of 1,797 rows equal, the cgroups that exist are those of each snapshot, and no event is left over."""
    run = recorded / "r11-2node-small-6.1"
    workload = build_workload(read_events(run / "percpu.trace.gz"))
    found = differences(workload.operations, import_states(run / "states.json.gz"), nr_cpus=2)
    assert (len(found), found.count(0)) == (1797, 1797)
    assert (workload.stream.unknown_frees, workload.stream.lost_frees, workload.stream.unpaired) == (0, 0, 0)
    kinds = [type(o) for o in workload.operations]
    assert (kinds.count(AllocArea), kinds.count(FreeArea), kinds.count(op.FailedAlloc)) == (11168, 10315, 44)
    assert sum(isinstance(o, AllocArea) and o.cg is not None for o in workload.operations) == 5426


def test_a_forgotten_area_makes_rows_differ(recorded: Path) -> None:
    """The oracle is able to fail: one charged area forgotten shows in the rows of its cgroup."""
    run = recorded / "r11-2node-small-6.1"
    workload = build_workload(read_events(run / "percpu.trace.gz"))
    dropped = next(o for o in workload.operations if isinstance(o, AllocArea) and o.cg is not None)
    kept = tuple(
        o for o in workload.operations if (getattr(o, "base", ""), getattr(o, "off", -1)) != (dropped.base, dropped.off)
    )
    found = differences(kept, import_states(run / "states.json.gz"), nr_cpus=2)
    assert found.count(0) < 1797


@pytest.mark.parametrize("run", RUNS)
def test_rows_of_every_run(kernel_runs: Path, run: str) -> None:
    """All rows equal on 6.1; on 6.12 some reads lag behind a flush, by at most 24,960 bytes."""
    nr_cpus, rows, equal, worst = RUNS[run]
    workload = build_workload(read_events(kernel_runs / run / "percpu.trace.gz"))
    found = differences(workload.operations, import_states(kernel_runs / run / "states.json"), nr_cpus)
    assert (len(found), found.count(0), max(found)) == (rows, equal, worst)
    assert (workload.stream.unknown_frees, workload.stream.lost_frees, workload.stream.unpaired) == (0, 0, 0)


def test_rows_that_lag_have_the_value_of_an_earlier_snapshot(kernel_runs: Path) -> None:
    """All 41 rows of 6.12 that differ from the formula equal it at the end of a snapshot before."""
    run = kernel_runs / "r12-2node-small-6.12"
    oracle, earlier, lagging = Oracle(2), list[dict[int, int]](), 0
    snapshots = iter(import_states(run / "states.json"))
    for o in build_workload(read_events(run / "percpu.trace.gz")).operations:
        oracle.apply(o)
        if isinstance(o, SnapEnd):
            for row in next(snapshots).cgroups.values():
                if oracle.total.get(row.ino, 0) != row.percpu_bytes:
                    lagging += 1
                    assert row.percpu_bytes in [total.get(row.ino) for total in earlier]
            earlier.append(dict(oracle.total))
    assert lagging == 41


@pytest.mark.parametrize("run", RUNS)
def test_no_charged_area_moves_while_a_snapshot_is_read(kernel_runs: Path, run: str) -> None:
    """So the values at its begin, within it and at its end are the same."""
    within, charged = False, set[tuple[str, int]]()
    for o in build_workload(read_events(kernel_runs / run / "percpu.trace.gz")).operations:
        within = isinstance(o, SnapBegin) or (within and not isinstance(o, SnapEnd))
        if isinstance(o, AllocArea) and o.cg is not None:
            charged.add((o.base, o.off))
            assert not within
        elif isinstance(o, FreeArea) and (o.base, o.off) in charged:
            charged.remove((o.base, o.off))
            assert not within


def test_post_charges_the_allocation_before_it() -> None:
    """A Post with the same place and size charges the Alloc of its task; without one the area is not charged."""
    ops = workload_of(alloc(1, 16) + post(2, 7, 16) + alloc(3, 24)).operations
    assert [(o.off, o.cg) for o in ops if isinstance(o, AllocArea)] == [(16, 7), (24, None)]


@pytest.mark.parametrize(
    ("head", "off"), [({"task": "w1-134"}, 16), ({"flags": "d.h1."}, 16), ({}, 20)], ids=["task", "interrupt", "place"]
)
def test_post_of_another_charges_nothing(head: dict[str, str], off: int) -> None:
    """Another task, an interrupt on top of the task, or another place: the Post is unpaired."""
    workload = workload_of(alloc(1, 16) + post(2, 7, off, **head))
    assert [o.cg for o in workload.operations if isinstance(o, AllocArea)] == [None]
    assert workload.stream.unpaired == 1


def test_idle_tasks_of_two_cpus_are_two_tasks() -> None:
    """pid 0 runs on every CPU: an allocation on CPU 0 is not charged by a Post on CPU 1."""
    text = line(
        1, "percpu_alloc_percpu: reserved=0 is_atomic=1 size=8 align=8 base_addr=ab off=16 ptr=1", "<idle>-0", 0
    )
    text += line(2, "post: (f) objcg=0x1 cg=7 base=0xab off=16 size=8", "<idle>-0", 1)
    assert workload_of(text).stream.unpaired == 1


def test_post_after_a_failure_returns_the_charge() -> None:
    """The failed allocation names the cgroup that was charged for it."""
    text = line(1, "percpu_alloc_percpu_fail: reserved=0 is_atomic=1 size=8 align=8") + post(2, 7, -1)
    (failed,) = workload_of(text).operations
    assert isinstance(failed, op.FailedAlloc)
    assert (failed.cg, failed.is_atomic, failed.size_bytes) == (7, True, 8)


def test_an_uncharge_belongs_to_the_free_after_it() -> None:
    """A negative Stat before a Free of its task is its uncharge; before none it is unpaired."""
    text = alloc(1, 16) + post(2, 7, 16) + line(3, "stat: (f) cg=5 idx=45 val=-32")
    paired, alone = workload_of(text + free(4, 16)), workload_of(text)
    assert paired.operations[-1] == FreeArea(4, 0, "ab", 16)
    assert (paired.stream.unpaired, alone.stream.unpaired) == (0, 1)


def test_marks_make_and_remove_cgroups() -> None:
    """Below the cgroup that has the path above, with its limit; an rmdir is of the one made last under the name."""
    text = line(1, "tracing_mark_write: WL CG /A ino=5 max=30M") + line(2, "tracing_mark_write: WL CG /A/w0_3 ino=7")
    made, child, removed = workload_of(text + line(5, "tracing_mark_write: WL FREE w=w0 id=3 kind=cg vs=0")).operations
    assert made == MkCgroup(1, 5, "/A", ROOT, 30 << 20)
    assert child == MkCgroup(2, 7, "/A/w0_3", 5, None)
    assert removed == RmCgroup(5, 7)


def test_detached_storage_removes_no_cgroup() -> None:
    """kind=cgst begins with the letters of kind=cg and is no rmdir."""
    text = line(1, "tracing_mark_write: WL CG /w0_3 ino=7")
    text += line(2, "tracing_mark_write: WL FREE w=w0 id=3 kind=cgst vs=8 me=1")
    assert [type(o) for o in workload_of(text).operations] == [MkCgroup]


def test_creation_comes_before_the_first_charge() -> None:
    """The mark of a creation may follow a charge: it is moved before it, parents first."""
    text = alloc(1, 16) + post(2, 7, 16) + line(3, "tracing_mark_write: WL CG /A ino=5")
    text += line(4, "tracing_mark_write: WL CG /A/w ino=7")
    ops = workload_of(text).operations
    assert [type(o) for o in ops] == [MkCgroup, MkCgroup, AllocArea]
    assert [o.cg for o in ops if isinstance(o, MkCgroup)] == [5, 7]


def test_inode_number_that_comes_again_is_another_cgroup() -> None:
    """A cgroup made under a number used before exists again, with its own parent."""
    mk, rm = "tracing_mark_write: WL CG /w0_{} ino=7", "tracing_mark_write: WL FREE w=w0 id={} kind=cg"
    text = "".join(line(t, (mk if t % 2 else rm).format((t - 1) // 2)) for t in (1, 2, 3, 4))
    assert [type(o) for o in workload_of(text).operations] == [MkCgroup, RmCgroup, MkCgroup, RmCgroup]


def test_lost_frees_are_made_up_and_counted() -> None:
    """A place allocated anew, and a chunk destroyed over a live area, end that area first."""
    workload = workload_of(alloc(1, 16) + alloc(2, 16) + line(3, "percpu_destroy_chunk: base_addr=ab"))
    assert [type(o) for o in workload.operations] == [AllocArea, FreeArea, AllocArea, FreeArea, op.RmChunk]
    assert workload.stream.lost_frees == 2


def test_free_of_an_area_from_before_the_trace() -> None:
    """It is counted, and no operation stands for it."""
    workload = workload_of(free(1, 16))
    assert (workload.operations, workload.stream.unknown_frees) == ((), 1)


def test_charge_failure_names_the_cgroup_charged_last_by_its_task() -> None:
    """There is no other trace of it."""
    text = alloc(1, 16) + post(2, 7, 16) + line(3, "chgfail: (f+0x1/0x2 <- obj_cgroup_charge) ret=-12")
    assert workload_of(text).operations[-1] == op.ChargeFailure(3, 0, 133, 7)


def test_memory_max_written_later() -> None:
    """A write of memory.max to a known cgroup is an operation; memory.high is not."""
    text = line(1, "tracing_mark_write: WL CG /A ino=5 max=8M")
    text += line(2, "tracing_mark_write: WL WROTE /sys/fs/cgroup/A/memory.max 14M r=0")
    text += line(3, "tracing_mark_write: WL WROTE /sys/fs/cgroup/A/memory.high 1M r=0")
    assert workload_of(text).operations[1:] == (op.SetMax(2, 5, 14 << 20),)


@pytest.mark.parametrize(("text", "expected"), [("30M", 30 << 20), ("4096", 4096), ("max", None), (None, None)])
def test_max_bytes(text: str | None, expected: int | None) -> None:
    """memory.max as it is written: bytes, with a unit, or none."""
    assert max_bytes(text) == expected


def test_accounted_areas_without_post_events() -> None:
    """On request, areas that carry __GFP_ACCOUNT count as charged to one cgroup."""
    text = alloc(1, 16, gfp="GFP_KERNEL_ACCOUNT") + alloc(2, 24) + free(3, 16) + free(4, 24)
    ops = list(charged_by_flag(workload_of(text).operations))
    assert ops[0] == op.MkCgroup(1, ASSUMED_CGROUP, "/assumed", ROOT, None)
    assert [getattr(o, "cg", 0) for o in ops[1:]] == [ASSUMED_CGROUP, None, 0, 0]


def test_operations_wait_no_longer_than_they_must(recorded: Path) -> None:
    """With a window of 512 operations as with one for the whole trace; with none, charges and cgroups come too late."""
    events = list(read_events(recorded / "r11-2node-small-6.1" / "percpu.trace.gz"))
    whole, short, none = (list(WorkloadStream(events, window).operations) for window in (1 << 40, 512, 0))
    assert whole == short
    assert whole != none


def test_what_is_gone_is_forgotten(recorded: Path) -> None:
    """A trace three times over: tables grow with what lives. Its areas that were never freed are lost, and said."""
    events = list(read_events(recorded / "r11-2node-small-6.1" / "percpu.trace.gz"))
    once, thrice = WorkloadStream(events), WorkloadStream(events * 3)
    lengths = []
    for stream in (once, thrice):
        for _ in stream.operations:
            pass
        tables = (
            stream.live,
            stream.tree.path_of,
            stream.to_come,
            stream.window,
        )
        lengths.append([len(table) for table in tables])
    assert lengths[1] == lengths[0]
    assert (once.lost_frees, thrice.lost_frees > 0) == (0, True)
