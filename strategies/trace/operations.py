"""Operations: what a recorded workload did, in order, without the trace's syntax and without any engine's terms.

A cgroup is the inode number of its directory; the root's is ROOT. An area is
(base, off): its chunk and its offset in it, unique while it lives. Structs and no dataclasses: a trace has millions.
"""

from __future__ import annotations

import msgspec

ROOT = 1


class Operation(msgspec.Struct, frozen=True, gc=False):
    """Any of the operations below. t: the trace's clock."""

    t: int


class MkCgroup(Operation, frozen=True, gc=False):
    """A cgroup exists from here on. Areas that its creation allocated came before and are charged to the parent.

    parent_known is False where the trace lacks the parent's own mark; parent is then ROOT, which may be too high up.
    """

    cg: int
    path: str
    parent: int
    max_bytes: int | None  # memory.max; None is "max"
    parent_known: bool = True


class SetMax(Operation, frozen=True, gc=False):
    """memory.max of a cgroup was written; None is "max"."""

    cg: int
    max_bytes: int | None


class RmCgroup(Operation, frozen=True, gc=False):
    """The workload is about to rmdir a cgroup; what is still charged to it is its parent's from then on."""

    cg: int


class AllocArea(Operation, frozen=True, gc=False):
    """An allocation that succeeded, on CPU `cpu` by task `pid`. cg: the cgroup charged, None for none."""

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


class FreeArea(Operation, frozen=True, gc=False):
    """An area is freed; whom that uncharges is for an engine to say."""

    cpu: int
    base: str
    off: int


class FailedAlloc(Operation, frozen=True, gc=False):
    """The allocator failed. cg: the cgroup that was charged and got it back, None for none."""

    cpu: int
    pid: int
    size_bytes: int
    align: int
    cg: int | None
    is_atomic: bool
    reserved: bool


class ChargeFailure(Operation, frozen=True, gc=False):
    """The charge itself failed: nothing was allocated, and the trace has neither size nor cgroup.

    cg_likely: the cgroup that the same task was charged for last, None if never.
    """

    cpu: int
    pid: int
    cg_likely: int | None


class MkChunk(Operation, frozen=True, gc=False):
    """The allocator made a chunk."""

    base: str


class RmChunk(Operation, frozen=True, gc=False):
    """The allocator gave a chunk back."""

    base: str


class SnapBegin(Operation, frozen=True, gc=False):
    """The workload begins to read the snapshot `name`, one cgroup after the other."""

    name: str


class SnapEnd(Operation, frozen=True, gc=False):
    """The snapshot `name` has been read."""

    name: str
