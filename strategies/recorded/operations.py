"""Operations: what a recorded workload did, in order, without the trace's syntax and without any engine's terms.

All begin with t, the trace's clock. A cgroup is the inode number of its directory; the root's is ROOT. An area is
(base, off): its chunk and its offset in it, unique while it lives.
"""

from __future__ import annotations

from dataclasses import dataclass

ROOT = 1


@dataclass(frozen=True, slots=True)
class MkCgroup:
    """A cgroup exists from here on. Areas that its creation allocated came before and are charged to the parent."""

    t: int
    cg: int
    path: str
    parent: int
    max_bytes: int | None  # memory.max; None is "max"


@dataclass(frozen=True, slots=True)
class SetMax:
    """memory.max of a cgroup was written; None is "max"."""

    t: int
    cg: int
    max_bytes: int | None


@dataclass(frozen=True, slots=True)
class RmCgroup:
    """The workload is about to rmdir a cgroup; what is still charged to it is its parent's from then on."""

    t: int
    cg: int


@dataclass(frozen=True, slots=True)
class AllocArea:
    """An allocation that succeeded, on CPU `cpu` by task `pid`. cg: the cgroup charged, None for none."""

    t: int
    cpu: int
    pid: int
    base: str
    off: int
    size_bytes: int
    align: int
    cg: int | None
    is_atomic: bool
    reserved: bool
    gfp: tuple[str, ...]
    bytes_alloc: int


@dataclass(frozen=True, slots=True)
class FreeArea:
    """An area is freed. cg: the cgroup uncharged, None if the area was not charged.

    cg_seen is False where the trace lacks the uncharge and cg is inferred: the cgroup charged or, if that has been
    removed, its first ancestor that has not. bytes_freed is the uncharge as the trace has it, 0 if it has none.
    """

    t: int
    cpu: int
    base: str
    off: int
    cg: int | None
    cg_seen: bool
    bytes_freed: int


@dataclass(frozen=True, slots=True)
class FailedAlloc:
    """The allocator failed. cg: the cgroup that was charged and got it back, None for none."""

    t: int
    cpu: int
    pid: int
    size_bytes: int
    align: int
    cg: int | None
    is_atomic: bool
    reserved: bool


@dataclass(frozen=True, slots=True)
class ChargeFailure:
    """The charge itself failed: nothing was allocated, and the trace has neither size nor cgroup.

    cg_likely: the cgroup that the same task was charged for last, None if never.
    """

    t: int
    cpu: int
    pid: int
    cg_likely: int | None


@dataclass(frozen=True, slots=True)
class MkChunk:
    """The allocator made a chunk."""

    t: int
    base: str


@dataclass(frozen=True, slots=True)
class RmChunk:
    """The allocator gave a chunk back."""

    t: int
    base: str


@dataclass(frozen=True, slots=True)
class SnapBegin:
    """The workload begins to read the snapshot `name`, one cgroup after the other."""

    t: int
    name: str


@dataclass(frozen=True, slots=True)
class SnapEnd:
    """The snapshot `name` has been read."""

    t: int
    name: str


Operation = (
    MkCgroup | SetMax | RmCgroup | AllocArea | FreeArea | FailedAlloc | ChargeFailure | MkChunk | RmChunk | SnapBegin
    | SnapEnd
)  # fmt: skip
