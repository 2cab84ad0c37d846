"""Events: what a percpu trace says, one frozen value a kind; every trace format yields these.

All of them begin alike: t (integer, in the trace's own clock), task (comm, pid), cpu, context. `context` is the
interrupt level the event ran in, as the trace's flag column says: "." or "" the task itself, "s" softirq, "h" hardirq,
"H" hardirq in a softirq, "z" or "Z" NMI. An interrupt borrows the task's name, so events pair only within a context.
Pointers (base) are opaque strings: without 0x, and hashed unless the trace was taken with no_hash_pointers.
"""

from __future__ import annotations

import msgspec

Task = tuple[str, int]


class Event(msgspec.Struct, frozen=True, gc=False):
    """The common head. pid 0 is one idle task for each CPU; pair_key() tells them apart.

    A msgspec Struct and no dataclass because one is built for nearly every line of a trace, twelve times as fast.
    """

    t: int
    task: Task
    cpu: int
    context: str

    def pair_key(self) -> tuple[int, int, str]:
        """Equal for two events of one task in one context, wherever the task has migrated to."""
        pid = self.task[1]
        return (pid, self.cpu if pid == 0 else -1, self.context)


class Alloc(Event, frozen=True, gc=False):
    """percpu_alloc_percpu: size is after rounding to 4, off in bytes from base.

    call_site, bytes_alloc and gfp are "", -1 and "" in traces of kernels before 5.19, which lack them.
    """

    call_site: str
    reserved: bool
    is_atomic: bool
    size_bytes: int
    align: int
    base: str
    off: int
    bytes_alloc: int
    gfp: str


class AllocFail(Event, frozen=True, gc=False):
    """percpu_alloc_percpu_fail: the allocator found no room; a charge made before is given back."""

    reserved: bool
    is_atomic: bool
    size_bytes: int
    align: int


class Free(Event, frozen=True, gc=False):
    """percpu_free_percpu."""

    base: str
    off: int


class CreateChunk(Event, frozen=True, gc=False):
    """percpu_create_chunk."""

    base: str


class DestroyChunk(Event, frozen=True, gc=False):
    """percpu_destroy_chunk."""

    base: str


class Post(Event, frozen=True, gc=False):
    """Entry of pcpu_memcg_post_alloc_hook with an objcg: the allocation just before it is charged to cgroup cg.

    After an AllocFail the charge is returned, and base and off mean nothing.
    """

    cg: int
    base: str
    off: int
    size_bytes: int


class Stat(Event, frozen=True, gc=False):
    """__mod_memcg_state of the percpu row: cgroup cg changes by value_bytes. A free's comes before its Free."""

    cg: int
    idx: int
    value_bytes: int


class ChargeFail(Event, frozen=True, gc=False):
    """obj_cgroup_charge returned an error (ret, negative): there is no tracepoint of the allocation."""

    ret: int


class PageRange(Event, frozen=True, gc=False):
    """Pages [page_start, page_end) of a chunk, those of every possible CPU."""

    base: str
    page_start: int
    page_end: int


class Populate(PageRange, frozen=True, gc=False):
    """Entry of pcpu_populate_chunk."""


class PopulateRet(Event, frozen=True, gc=False):
    """Return of pcpu_populate_chunk; 0 is success."""

    ret: int


class Populated(PageRange, frozen=True, gc=False):
    """pcpu_chunk_populated: the pages now count as populated."""


class Depopulated(PageRange, frozen=True, gc=False):
    """pcpu_chunk_depopulated: the pages are given back."""


class Mark(Event, frozen=True, gc=False):
    """tracing_mark_write: what the workload itself wrote into the trace."""

    text: str
