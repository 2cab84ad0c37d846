"""Workload: pairs the events of one trace into operations that any engine can replay.

How events belong together, all "by the same task in the same interrupt context" (Event.pair_key):
- a Post charges the Alloc just before it, if chunk, offset and size agree; after an AllocFail it returns the charge;
- a negative Stat belongs to the Free just after it, and names the cgroup uncharged. In the recorded runs the kernel
  charges what mkdir allocates to the new cgroup's parent, so the cgroups that are removed have no areas of their own;
- marks `WL CG path ino=N [max=M]` create a cgroup. The only removal that shows is `WL FREE w=W id=I kind=cg`: worker W
  then removes the directory that it made last under the name W_I. `kind=cgst` detaches storage and removes nothing.
  The mark of a creation is written after it, sometimes after children have been made in it and charged to it; the
  MkCgroup is therefore moved before the first operation that names the cgroup.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from strategies.recorded import events as ev
from strategies.recorded import operations as op

Area = tuple[str, int]
Key = tuple[int, int, str]
MARK_CG = re.compile(r"WL CG (\S+) ino=(\d{1,19})(?: max=(\w+))?")
MARK_FREE_CG = re.compile(r"WL FREE w=(\S+) id=(\d+) kind=cg\b")
MARK_MAX = re.compile(r"WL WROTE /sys/fs/cgroup(/\S+)/memory\.max (\w+) r=0")
MARK_SNAP = re.compile(r"WL SNAP-(BEGIN|END) (\S+)")
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True, slots=True)
class Workload:
    """Operations in the order of the trace, and what could not be used.

    unknown_frees: areas freed that were allocated before the trace began; no operation stands for them.
    lost_frees: areas whose end the trace lacks (their place is allocated anew, or their chunk destroyed); a FreeArea
    with cg_seen False stands for each. unpaired: Post and Stat events that belong to nothing.
    """

    operations: tuple[op.Operation, ...]
    unknown_frees: int
    lost_frees: int
    unpaired: int


def max_bytes(text: str | None) -> int | None:
    """The bytes of a memory.max as it is written ("30M"); None for "max", for none and for what is no number."""
    match = re.fullmatch(r"(\d{1,19})([KMG]?)", text or "")
    return int(match[1]) * UNITS[match[2]] if match else None


class _Builder:
    """One pass over the events; `operations` grows, and an AllocArea is replaced once when its Post follows."""

    def __init__(self) -> None:
        self.operations: list[op.Operation] = []
        self.last_alloc: dict[Key, int] = {}  # place in operations of each task's last (failed) allocation
        self.uncharge: dict[Key, ev.Stat] = {}  # a negative Stat that waits for its Free
        self.live: dict[Area, int] = {}  # place in operations of each live area's AllocArea
        self.charged_last: dict[int, int] = {}  # by pid
        self.ino_of_path: dict[str, int] = {"/": op.ROOT}
        self.parent_of: dict[int, int] = {}
        self.made: dict[str, int] = {}  # the cgroup made last under each directory name
        self.removed: set[int] = set()
        self.gfp_names: dict[str, tuple[str, ...]] = {"": (), "none": ()}
        self.unknown_frees = self.lost_frees = self.unpaired = 0

    def owner(self, cg: int | None) -> int | None:
        """The cgroup itself or, if it has been removed, its first ancestor that has not."""
        while cg in self.removed:
            cg = self.parent_of.get(cg, op.ROOT)
        return cg

    def alloc(self, e: ev.Alloc) -> None:
        names = self.gfp_names.get(e.gfp)
        if names is None:
            names = self.gfp_names[e.gfp] = tuple(e.gfp.split("|"))
        area = (e.base, e.off)
        if area in self.live:
            self.lost_free(area, e)
        place = len(self.operations)
        self.operations.append(
            op.AllocArea(
                e.t, e.cpu, e.task[1], e.base, e.off, e.size_bytes, e.align, None, e.is_atomic, e.reserved, names,
                e.bytes_alloc,
            )
        )  # fmt: skip
        self.live[area] = self.last_alloc[e.pair_key()] = place

    def alloc_fail(self, e: ev.AllocFail) -> None:
        self.last_alloc[e.pair_key()] = len(self.operations)
        self.operations.append(
            op.FailedAlloc(e.t, e.cpu, e.task[1], e.size_bytes, e.align, None, e.is_atomic, e.reserved)
        )

    def post(self, e: ev.Post) -> None:
        place = self.last_alloc.pop(e.pair_key(), -1)
        before = self.operations[place] if place >= 0 else None
        if isinstance(before, op.AllocArea):
            fits = (before.base, before.off, before.size_bytes) == (e.base, e.off, e.size_bytes)
        else:
            fits = isinstance(before, op.FailedAlloc) and before.size_bytes == e.size_bytes
        if not fits or not isinstance(before, op.AllocArea | op.FailedAlloc):
            self.unpaired += 1
            return
        self.operations[place] = replace(before, cg=e.cg)
        self.charged_last[e.task[1]] = e.cg

    def stat(self, e: ev.Stat) -> None:
        # A positive one repeats what Post said.
        if e.value_bytes < 0:
            self.unpaired += e.pair_key() in self.uncharge
            self.uncharge[e.pair_key()] = e

    def free(self, e: ev.Free) -> None:
        stat = self.uncharge.pop(e.pair_key(), None)
        place = self.live.pop((e.base, e.off), None)
        if place is None:
            self.unknown_frees += 1
            return
        alloc = self.operations[place]
        assert isinstance(alloc, op.AllocArea)
        cg = stat.cg if stat else self.owner(alloc.cg)
        seen = stat is not None or alloc.cg is None
        freed = -stat.value_bytes if stat else 0
        self.operations.append(op.FreeArea(e.t, e.cpu, e.base, e.off, cg, seen, freed))

    def lost_free(self, area: Area, e: ev.Event) -> None:
        alloc = self.operations[self.live.pop(area)]
        assert isinstance(alloc, op.AllocArea)
        self.lost_frees += 1
        self.operations.append(op.FreeArea(e.t, e.cpu, *area, self.owner(alloc.cg), False, 0))

    def charge_fail(self, e: ev.ChargeFail) -> None:
        self.operations.append(op.ChargeFailure(e.t, e.cpu, e.task[1], self.charged_last.get(e.task[1])))

    def create_chunk(self, e: ev.CreateChunk) -> None:
        self.operations.append(op.MkChunk(e.t, e.base))

    def destroy_chunk(self, e: ev.DestroyChunk) -> None:
        for area in [area for area in self.live if area[0] == e.base]:
            self.lost_free(area, e)
        self.operations.append(op.RmChunk(e.t, e.base))

    def mark(self, e: ev.Mark) -> None:
        if found := MARK_SNAP.match(e.text):
            kind = op.SnapBegin if found[1] == "BEGIN" else op.SnapEnd
            self.operations.append(kind(e.t, found[2]))
        elif found := MARK_CG.match(e.text):
            self.mk_cgroup(e.t, found[1], int(found[2]), max_bytes(found[3]))
        elif found := MARK_FREE_CG.match(e.text):
            cg = self.made.pop(f"{found[1]}_{found[2]}", None)
            if cg is not None:
                self.removed.add(cg)
                self.operations.append(op.RmCgroup(e.t, cg))
        elif found := MARK_MAX.match(e.text):
            if found[1] in self.ino_of_path:
                self.operations.append(op.SetMax(e.t, self.ino_of_path[found[1]], max_bytes(found[2])))

    def mk_cgroup(self, t: int, path: str, cg: int, limit: int | None) -> None:
        directory, _, name = path.rpartition("/")
        parent = self.ino_of_path.get(directory or "/", op.ROOT)
        self.removed.discard(cg)
        self.ino_of_path[path], self.parent_of[cg], self.made[name] = cg, parent, cg
        self.operations.append(op.MkCgroup(t, cg, path, parent, limit))


def _creations_first(operations: list[op.Operation]) -> Iterator[op.Operation]:
    """The same operations, each MkCgroup before the first that names its cgroup, parents before children."""
    to_come: dict[int, deque[op.MkCgroup]] = {}
    for o in operations:
        if isinstance(o, op.MkCgroup):
            to_come.setdefault(o.cg, deque()).append(o)
    exists = {op.ROOT}
    moved: set[op.MkCgroup] = set()

    def create(cg: int, t: int) -> Iterator[op.Operation]:
        if cg in exists or not to_come.get(cg):
            return
        exists.add(cg)
        mark = to_come[cg].popleft()
        moved.add(mark)
        yield from create(mark.parent, t)
        yield replace(mark, t=t)

    for o in operations:
        if isinstance(o, op.MkCgroup):
            if o not in moved:
                exists.discard(o.cg)  # an inode number may come again
                yield from create(o.cg, o.t)
            continue
        if isinstance(o, op.AllocArea | op.FailedAlloc) and o.cg is not None:
            yield from create(o.cg, o.t)
        elif isinstance(o, op.RmCgroup):
            exists.discard(o.cg)
        yield o


def build_workload(events: Iterable[ev.Event]) -> Workload:
    """The operations of one trace, from its events in the order of the trace."""
    b = _Builder()
    verbs = {
        ev.Alloc: b.alloc, ev.AllocFail: b.alloc_fail, ev.Post: b.post, ev.Stat: b.stat, ev.Free: b.free,
        ev.ChargeFail: b.charge_fail, ev.CreateChunk: b.create_chunk, ev.DestroyChunk: b.destroy_chunk, ev.Mark: b.mark,
    }  # fmt: skip
    for event in events:
        verb = verbs.get(type(event))
        if verb is not None:
            verb(event)  # type: ignore[operator]  # the table's key is the type that its verb takes
    b.unpaired += len(b.uncharge)
    return Workload(tuple(_creations_first(b.operations)), b.unknown_frees, b.lost_frees, b.unpaired)


def charge_accounted(workload: Workload, cg: int) -> Workload:
    """For a trace without Post events: every area with __GFP_ACCOUNT counts as charged to one cgroup.

    An assumption, and too much at that: some callers carry the flag and are never charged. Areas that a Post has
    charged keep their cgroup.
    """
    assumed: set[Area] = set()
    out: list[op.Operation] = []
    for o in workload.operations:
        if isinstance(o, op.AllocArea):
            if o.cg is None and ("GFP_KERNEL_ACCOUNT" in o.gfp or "__GFP_ACCOUNT" in o.gfp):
                assumed.add((o.base, o.off))
                o = replace(o, cg=cg)
        elif isinstance(o, op.FreeArea) and (o.base, o.off) in assumed:
            assumed.discard((o.base, o.off))
            o = replace(o, cg=cg, cg_seen=False)
        out.append(o)
    return replace(workload, operations=tuple(out))
