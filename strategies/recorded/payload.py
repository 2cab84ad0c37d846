"""Payloads: the part of a trace line after the event's name, by kind, shared by all text formats."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from strategies.recorded import events as ev

SIZE_MOST = 32 << 10  # PCPU_MIN_UNIT_SIZE
ALIGN_MOST = 64 << 10  # the largest page
OFFSET_MOST = 1 << 32
PAGES_MOST = 1 << 20
CPUS_MOST = 8192 + 8  # bytes_alloc is size * (CPUs + at most 4)
Build = Callable[[int, ev.Task, int, str, "tuple[str, ...]"], ev.Event]


@dataclass(frozen=True, slots=True)
class Payload:
    """How one kind of event is read: the pattern of its fields and the constructor that takes their texts."""

    pattern: re.Pattern[str]
    build: Build


def pointer(text: str) -> str:
    """A pointer as opaque text; kprobes print 0x before it, tracepoints do not, and both must compare equal."""
    return text[2:] if text.startswith("0x") else text


class ImpossibleError(ValueError):
    """Fields that no kernel writes: the line is damaged."""


def _area(size: str, align: str) -> tuple[int, int]:
    """Size and alignment of a request that the allocator took up (kernel.md 2): 4 bytes to 32 KB, a power of two."""
    size_bytes, align_bytes = int(size), int(align)
    if not 0 < size_bytes <= SIZE_MOST or not 0 < align_bytes <= ALIGN_MOST or align_bytes & (align_bytes - 1):
        raise ImpossibleError
    return size_bytes, align_bytes


def _offset(text: str) -> int:
    """An offset in a chunk."""
    offset = int(text)
    if not 0 <= offset < OFFSET_MOST:
        raise ImpossibleError
    return offset


def _range(start: str, end: str) -> tuple[int, int]:
    """Pages start to end of a chunk."""
    first, last = int(start), int(end)
    if not 0 <= first < last <= PAGES_MOST:
        raise ImpossibleError
    return first, last


def _alloc(t: int, task: ev.Task, cpu: int, context: str, f: tuple[str, ...]) -> ev.Event:
    size_bytes, align = _area(f[3], f[4])
    bytes_alloc = int(f[7]) if f[7] else -1
    if f[7] and not size_bytes <= bytes_alloc < size_bytes * CPUS_MOST:
        raise ImpossibleError
    return ev.Alloc(
        t, task, cpu, context, f[0] or "", f[1] == "1", f[2] == "1", size_bytes, align, pointer(f[5]), _offset(f[6]),
        bytes_alloc, f[8] or "",
    )  # fmt: skip


def _alloc_fail(t: int, task: ev.Task, cpu: int, context: str, f: tuple[str, ...]) -> ev.Event:
    return ev.AllocFail(t, task, cpu, context, f[0] == "1", f[1] == "1", *_area(f[2], f[3]))


def _free(t: int, task: ev.Task, cpu: int, context: str, f: tuple[str, ...]) -> ev.Event:
    return ev.Free(t, task, cpu, context, pointer(f[0]), _offset(f[1]))


def _create(t: int, task: ev.Task, cpu: int, context: str, f: tuple[str, ...]) -> ev.Event:
    return ev.CreateChunk(t, task, cpu, context, pointer(f[0]))


def _destroy(t: int, task: ev.Task, cpu: int, context: str, f: tuple[str, ...]) -> ev.Event:
    return ev.DestroyChunk(t, task, cpu, context, pointer(f[0]))


def _post(t: int, task: ev.Task, cpu: int, context: str, f: tuple[str, ...]) -> ev.Event:
    return ev.Post(t, task, cpu, context, int(f[0]), pointer(f[1]), int(f[2]), int(f[3]))


def _stat(t: int, task: ev.Task, cpu: int, context: str, f: tuple[str, ...]) -> ev.Event:
    return ev.Stat(t, task, cpu, context, int(f[0]), int(f[1]), int(f[2]))


def _charge_fail(t: int, task: ev.Task, cpu: int, context: str, f: tuple[str, ...]) -> ev.Event:
    return ev.ChargeFail(t, task, cpu, context, int(f[0]))


def _populate(t: int, task: ev.Task, cpu: int, context: str, f: tuple[str, ...]) -> ev.Event:
    return ev.Populate(t, task, cpu, context, pointer(f[0]), *_range(f[1], f[2]))


def _populate_ret(t: int, task: ev.Task, cpu: int, context: str, f: tuple[str, ...]) -> ev.Event:
    return ev.PopulateRet(t, task, cpu, context, int(f[0]))


def _populated(t: int, task: ev.Task, cpu: int, context: str, f: tuple[str, ...]) -> ev.Event:
    return ev.Populated(t, task, cpu, context, pointer(f[0]), *_range(f[1], f[2]))


def _depopulated(t: int, task: ev.Task, cpu: int, context: str, f: tuple[str, ...]) -> ev.Event:
    return ev.Depopulated(t, task, cpu, context, pointer(f[0]), *_range(f[1], f[2]))


def _mark(t: int, task: ev.Task, cpu: int, context: str, f: tuple[str, ...]) -> ev.Event:
    return ev.Mark(t, task, cpu, context, f[0])


_PROBE = r"(?:\([^)]*\) )?"
_RANGE = _PROBE + r"base=(\w+) ps=(\d{1,19}) pe=(\d{1,19})(?: gfp=\w+)?"

# Numbers are bounded, so that damaged text cannot ask for endless ones.
# call_site ends at " reserved=", because a module's name follows the symbol after a blank.
_KINDS: dict[str, tuple[str, Build]] = {
    "percpu_alloc_percpu": (
        r"(?:call_site=(.*?) )?reserved=(\d) is_atomic=(\d) size=(\d{1,19}) align=(\d{1,19}) base_addr=(\S+) "
        r"off=(-?\d{1,19}) ptr=\S+(?: bytes_alloc=(\d{1,19}) gfp_flags=(\S+))?",
        _alloc,
    ),
    "percpu_alloc_percpu_fail": (r"reserved=(\d) is_atomic=(\d) size=(\d{1,19}) align=(\d{1,19})", _alloc_fail),
    "percpu_free_percpu": (r"base_addr=(\S+) off=(-?\d{1,19}) ptr=\S+", _free),
    "percpu_create_chunk": (r"base_addr=(\S+)", _create),
    "percpu_destroy_chunk": (r"base_addr=(\S+)", _destroy),
    "post": (_PROBE + r"(?:objcg=\w+ )?cg=(\d{1,19}) base=(\w+) off=(-?\d{1,19}) size=(\d{1,19})", _post),
    "stat": (_PROBE + r"cg=(\d{1,19}) idx=(\d{1,19}) val=(-?\d{1,19})", _stat),
    "chgfail": (_PROBE + r"ret=(-?\d{1,19})", _charge_fail),
    "populate": (_RANGE, _populate),
    "populate_ret": (_PROBE + r"ret=(-?\d{1,19})", _populate_ret),
    "popd": (_RANGE, _populated),
    "depopd": (_RANGE, _depopulated),
    "tracing_mark_write": (r"(.*)", _mark),
    "print": (r"(?:tracing_mark_write: |.*?buf[:=] ?)(.*)", _mark),  # as trace-cmd and perf name it
}

PAYLOADS = {
    name: Payload(re.compile(r"\s*" + text + r"\s*", re.ASCII), build) for name, (text, build) in _KINDS.items()
}
