"""Operations: what a recorded workload did, in order, without the trace's syntax and without any engine's terms.

All begin with t, the trace's clock. A cgroup is the inode number of its directory; the root's is ROOT. An area is
(base, off): its chunk and its offset in it, unique while it lives. Structs and no dataclasses: a trace has millions.
"""

from __future__ import annotations

import msgspec

ROOT = 1


class MkCgroup(msgspec.Struct, frozen=True, gc=False):
    """A cgroup exists from here on. Areas that its creation allocated came before and are charged to the parent.

    parent_known is False where the trace lacks the parent's own mark; parent is then ROOT, which may be too high up.
    """

    t: int
    cg: int
    path: str
    parent: int
    max_bytes: int | None  # memory.max; None is "max"
    parent_known: bool = True


class SetMax(msgspec.Struct, frozen=True, gc=False):
    """memory.max of a cgroup was written; None is "max"."""

    t: int
    cg: int
    max_bytes: int | None


class RmCgroup(msgspec.Struct, frozen=True, gc=False):
    """The workload is about to rmdir a cgroup; what is still charged to it is its parent's from then on."""

    t: int
    cg: int


class AllocArea(msgspec.Struct, frozen=True, gc=False):
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


class FreeArea(msgspec.Struct, frozen=True, gc=False):
    """An area is freed; whom that uncharges is for an engine to say."""

    t: int
    cpu: int
    base: str
    off: int


class FailedAlloc(msgspec.Struct, frozen=True, gc=False):
    """The allocator failed. cg: the cgroup that was charged and got it back, None for none."""

    t: int
    cpu: int
    pid: int
    size_bytes: int
    align: int
    cg: int | None
    is_atomic: bool
    reserved: bool


class ChargeFailure(msgspec.Struct, frozen=True, gc=False):
    """The charge itself failed: nothing was allocated, and the trace has neither size nor cgroup.

    cg_likely: the cgroup that the same task was charged for last, None if never.
    """

    t: int
    cpu: int
    pid: int
    cg_likely: int | None


class MkChunk(msgspec.Struct, frozen=True, gc=False):
    """The allocator made a chunk."""

    t: int
    base: str


class RmChunk(msgspec.Struct, frozen=True, gc=False):
    """The allocator gave a chunk back."""

    t: int
    base: str


class SnapBegin(msgspec.Struct, frozen=True, gc=False):
    """The workload begins to read the snapshot `name`, one cgroup after the other."""

    t: int
    name: str


class SnapEnd(msgspec.Struct, frozen=True, gc=False):
    """The snapshot `name` has been read."""

    t: int
    name: str


Operation = (
    MkCgroup | SetMax | RmCgroup | AllocArea | FreeArea | FailedAlloc | ChargeFailure | MkChunk | RmChunk | SnapBegin
    | SnapEnd
)  # fmt: skip
