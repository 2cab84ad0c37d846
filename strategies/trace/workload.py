"""Workload: pairs the events of one trace into operations that any engine can replay, in one pass.

How events belong together, all "by the same task in the same interrupt context" (Event.pair_key):
- a Post charges the Alloc just before it, if chunk, offset and size agree; after an AllocFail it returns the charge;
- a negative Stat belongs to the Free just after it, whose area was charged. In the recorded runs the kernel
  charges what mkdir allocates to the new cgroup's parent, so the cgroups that are removed have no areas of their own;
- marks `WL CG path ino=N [max=M]` create a cgroup. The only removal that shows is `WL FREE w=W id=I kind=cg`: worker W
  then removes the directory that it made last under the name W_I. `kind=cgst` detaches storage and removes nothing.
  The mark of a creation is written after it, sometimes after children have been made in it and charged to it; the
  MkCgroup is therefore moved before the first operation that names the cgroup.

An operation waits in a window of WINDOW operations for its Post or its cgroup's mark: in the recorded runs they come
within MOST_WAIT. So a trace of any length takes as much memory as its window and its live areas.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from percpu_fuzz.strategies.trace import events as ev
from percpu_fuzz.strategies.trace import operations as op

Key = tuple[int, int, str]
MARK_CG = re.compile(r"WL CG (\S+) ino=(\d{1,18})(?: max=(\w+))?")
MARK_FREE_CG = re.compile(r"WL FREE w=(\S+) id=(\d+) kind=cg\b")
MARK_MAX = re.compile(r"WL WROTE /sys/fs/cgroup(/\S+)/memory\.max (\w+) r=0")
MARK_SNAP = re.compile(r"WL SNAP-(BEGIN|END) (\S+)")
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
WINDOW = 1 << 15
TASKS_REMEMBERED = 1 << 16  # tasks whose last allocation, uncharge or cgroup is kept
MOST_BYTES = 1 << 62  # a larger memory.max limits nothing


def max_bytes(text: str | None) -> int | None:
    """The bytes of a memory.max as it is written ("30M"); None for "max", for none and for what is no number."""
    match = re.fullmatch(r"(\d{1,19})([KMGT]?)", text or "")
    if match is None:
        return None
    limit = int(match[1]) * UNITS[match[2]]
    return limit if limit < MOST_BYTES else None


class _Slot:
    """An operation's place in the window. operation is replaced once, when its Post follows; gone: it has left."""

    __slots__ = ("gone", "operation")

    def __init__(self, operation: op.Operation) -> None:
        self.operation = operation
        self.gone = False


class WorkloadStream:
    """The operations of a trace, in its order and once through; what could not be used is whole when they have ended.

    unknown_frees: areas freed that were allocated before the trace began; no operation stands for them;
    unknown_charged of them were charged.
    lost_frees: areas whose end the trace lacks (their place is allocated anew, or their chunk destroyed); a FreeArea
    stands for each. unpaired: Post and Stat events that belong to nothing. paired_by_size: Posts that belong to their
    Alloc by task, offset and size alone, because tracepoints print hashed pointers and probes raw ones; raw_of
    translates the former, and operations have the latter.
    """

    def __init__(self, events: Iterable[ev.Event], window: int = WINDOW) -> None:
        self.window: deque[_Slot] = deque()
        self.last_alloc: dict[Key, _Slot] = {}  # each task's last (failed) allocation
        self.uncharge: dict[Key, ev.Stat] = {}  # a negative Stat that waits for its Free
        self.live: dict[str, dict[int, _Slot]] = {}  # each live area's AllocArea, by chunk as traced and offset
        self.charged_last: dict[int, int] = {}  # by pid
        self.tree = CgroupTree()
        self.to_come: dict[int, deque[_Slot]] = {}  # marks in the window, by the cgroup that they create
        self.exists = {op.ROOT}
        self.gfp_names: dict[str, tuple[str, ...]] = {"": (), "none": ()}
        self.raw_of: dict[str, str] = {}
        self.same_pointers = 0
        self.unknown_frees = self.unknown_charged = self.lost_frees = self.unpaired = self.paired_by_size = 0
        self.operations = self._operations(events, window)

    def _operations(self, events: Iterable[ev.Event], window: int) -> Iterator[op.Operation]:
        verbs = {
            ev.Alloc: self.alloc, ev.AllocFail: self.alloc_fail, ev.Post: self.post, ev.Stat: self.stat,
            ev.Free: self.free, ev.ChargeFail: self.charge_fail, ev.CreateChunk: self.create_chunk,
            ev.DestroyChunk: self.destroy_chunk, ev.Mark: self.mark,
        }  # fmt: skip
        for event in events:
            verb = verbs.get(type(event))
            if verb is not None:
                verb(event)  # type: ignore[operator]  # the table's key is the type that its verb takes
                while len(self.window) > window:
                    yield from self.leave()
        while self.window:
            yield from self.leave()
        self.unpaired += len(self.uncharge)

    def add(self, operation: op.Operation) -> _Slot:
        slot = _Slot(operation)
        self.window.append(slot)
        return slot

    def leave(self) -> Iterator[op.Operation]:
        """The first operation of the window, after the MkCgroup of the cgroup that it names."""
        slot = self.window.popleft()
        if slot.gone:  # a mark that has been moved
            return
        slot.gone = True
        o = slot.operation
        if isinstance(o, op.MkCgroup):
            slot.gone = False
            self.exists.discard(o.cg)  # an inode number may come again
            yield from self.create(o.cg, o.t)
            return
        if isinstance(o, op.AllocArea | op.FailedAlloc) and o.cg is not None:
            yield from self.create(o.cg, o.t)
        elif isinstance(o, op.RmCgroup):
            self.exists.discard(o.cg)
        yield o

    def create(self, cg: int, t: int) -> Iterator[op.Operation]:
        """The MkCgroup of a cgroup that does not exist yet, after its parents', if their marks are in the window."""
        made: list[op.MkCgroup] = []
        while cg not in self.exists and cg in self.to_come:
            self.exists.add(cg)
            slot = self.to_come[cg].popleft()
            if not self.to_come[cg]:
                del self.to_come[cg]
            slot.gone = True
            assert isinstance(slot.operation, op.MkCgroup)
            made.append(slot.operation)
            cg = slot.operation.parent
        for mark in reversed(made):
            yield replace(mark, t=t)

    def alloc(self, e: ev.Alloc) -> None:
        names = self.gfp_names.get(e.gfp)
        if names is None:
            names = self.gfp_names[e.gfp] = tuple(e.gfp.split("|"))
        areas = self.live.setdefault(e.base, {})
        if e.off in areas:
            self.lost_free(areas.pop(e.off), e)
        slot = self.add(
            op.AllocArea(
                e.t, e.cpu, e.task[1], self.raw_of.get(e.base, e.base), e.off, e.size_bytes, e.align, None,
                e.is_atomic, e.reserved, names, e.bytes_alloc,
            )
        )  # fmt: skip
        areas[e.off] = slot
        self.remember(e.pair_key(), slot)

    def alloc_fail(self, e: ev.AllocFail) -> None:
        failed = op.FailedAlloc(e.t, e.cpu, e.task[1], e.size_bytes, e.align, None, e.is_atomic, e.reserved)
        self.remember(e.pair_key(), self.add(failed))

    def remember(self, key: Key, slot: _Slot) -> None:
        self.last_alloc[key] = slot
        if len(self.last_alloc) > TASKS_REMEMBERED:
            self.last_alloc = {k: s for k, s in self.last_alloc.items() if not s.gone}

    def post(self, e: ev.Post) -> None:
        slot = self.last_alloc.pop(e.pair_key(), None)
        before = None if slot is None or slot.gone else slot.operation
        if isinstance(before, op.AllocArea):
            fits = self.same_area(before, e)
        else:
            fits = isinstance(before, op.FailedAlloc) and before.size_bytes == e.size_bytes
        if not fits or slot is None or not isinstance(before, op.AllocArea | op.FailedAlloc):
            self.unpaired += 1
            return
        if isinstance(before, op.AllocArea):
            slot.operation = replace(before, cg=e.cg, base=e.base)
        else:
            slot.operation = replace(before, cg=e.cg)
        if len(self.charged_last) > TASKS_REMEMBERED:
            self.charged_last.clear()
        self.charged_last[e.task[1]] = e.cg

    def same_area(self, alloc: op.AllocArea, e: ev.Post) -> bool:
        """Is the Post about this area? Where no pointer of a Post was ever a tracepoint's, one is hashed, one raw: then
        offset and size decide, as long as each hashed pointer stands for one raw one.
        """
        if (alloc.off, alloc.size_bytes) != (e.off, e.size_bytes):
            return False
        if alloc.base == e.base:
            if self.raw_of:
                self.paired_by_size += 1
            else:
                self.same_pointers += 1
            return True
        if self.same_pointers or alloc.base in self.raw_of or e.base in self.raw_of.values():
            return False
        self.raw_of[alloc.base] = e.base
        self.paired_by_size += 1
        return True

    def stat(self, e: ev.Stat) -> None:
        # A positive one repeats what Post said.
        if e.value_bytes < 0:
            if len(self.uncharge) > TASKS_REMEMBERED:
                self.unpaired += len(self.uncharge)
                self.uncharge.clear()
            self.unpaired += e.pair_key() in self.uncharge
            self.uncharge[e.pair_key()] = e

    def free(self, e: ev.Free) -> None:
        stat = self.uncharge.pop(e.pair_key(), None)
        slot = self.live.get(e.base, {}).pop(e.off, None)
        if slot is None:
            self.unknown_frees += 1
            self.unknown_charged += stat is not None
            return
        self.end_area(slot, e)

    def lost_free(self, slot: _Slot, e: ev.Event) -> None:
        self.lost_frees += 1
        self.end_area(slot, e)

    def end_area(self, slot: _Slot, e: ev.Event) -> None:
        alloc = slot.operation
        assert isinstance(alloc, op.AllocArea)
        self.add(op.FreeArea(e.t, e.cpu, alloc.base, alloc.off))

    def charge_fail(self, e: ev.ChargeFail) -> None:
        self.add(op.ChargeFailure(e.t, e.cpu, e.task[1], self.charged_last.get(e.task[1])))

    def create_chunk(self, e: ev.CreateChunk) -> None:
        self.add(op.MkChunk(e.t, self.raw_of.get(e.base, e.base)))

    def destroy_chunk(self, e: ev.DestroyChunk) -> None:
        for slot in self.live.pop(e.base, {}).values():
            self.lost_free(slot, e)
        self.add(op.RmChunk(e.t, self.raw_of.get(e.base, e.base)))

    def mark(self, e: ev.Mark) -> None:
        if found := MARK_SNAP.match(e.text):
            kind = op.SnapBegin if found[1] == "BEGIN" else op.SnapEnd
            self.add(kind(e.t, found[2]))
        elif found := MARK_CG.match(e.text):
            made = self.tree.make(e.t, found[1], int(found[2]), max_bytes(found[3]))
            self.to_come.setdefault(made.cg, deque()).append(self.add(made))
        elif found := MARK_FREE_CG.match(e.text):
            cg = self.tree.remove(f"{found[1]}_{found[2]}")
            if cg is not None:
                self.add(op.RmCgroup(e.t, cg))
        elif found := MARK_MAX.match(e.text):
            cg = self.tree.ino_of_path.get(found[1])
            if cg is not None:
                self.add(op.SetMax(e.t, cg, max_bytes(found[2])))


class CgroupTree:
    """The cgroups of a trace by its marks: which path is which inode number, and which one an rmdir is of.

    made: the cgroup made last under each directory name. It forgets what is removed: it grows with what lives."""

    def __init__(self) -> None:
        self.ino_of_path: dict[str, int] = {"/": op.ROOT}
        self.path_of: dict[int, str] = {}
        self.made: dict[str, int] = {}

    def make(self, t: int, path: str, cg: int, limit: int | None) -> op.MkCgroup:
        directory, _, name = path.rpartition("/")
        parent = self.ino_of_path.get(directory or "/")
        self.ino_of_path[path], self.path_of[cg], self.made[name] = cg, path, cg
        known = parent is not None and parent != cg
        return op.MkCgroup(t, cg, path, parent if parent is not None and known else op.ROOT, limit, known)

    def remove(self, name: str) -> int | None:
        """The cgroup made last under this name goes; None if there is none."""
        cg = self.made.pop(name, None)
        path = None if cg is None else self.path_of.pop(cg, None)
        if path is not None and self.ino_of_path.get(path) == cg:
            del self.ino_of_path[path]
        return cg
