"""Payloads: the part of a trace line after the event's name, by kind, shared by all text formats.

Each kind has two readings. The strict pattern is how the kernels that we know print it, and is fast. Where it does not
match, the fields are read as `key=value` in any order, those that we do not know passed over: another kernel's
tracepoint, or a kprobe with other arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from sys import intern

from percpu_fuzz.strategies.trace import events as ev

SIZE_MOST = 64 << 10  # PCPU_MIN_UNIT_SIZE: 32 KiB, or a page where that is more
ALIGNMENTS = {str(1 << k): 1 << k for k in range(17)}  # up to the largest page
OFFSET_MOST = 1 << 32
PAGES_MOST = 1 << 20
NUMBER_MOST = 1 << 63
CPUS_MOST = 8192 + 8  # bytes_alloc is size * (CPUs + at most 4)
Texts = tuple[str, ...]
Build = Callable[[int, ev.Task, int, str, Texts], ev.Event]


@dataclass(frozen=True, slots=True)
class Payload:
    """How one kind of event is read: the strict pattern, the constructor that takes its groups, and the groups' keys.

    numbers: keys whose values are numbers. optional: keys that a line may lack; their group is then "". Marks have no
    keys: their text is one group.
    """

    pattern: str
    build: Build
    keys: tuple[str, ...]
    numbers: frozenset[str]
    optional: frozenset[str]


class ImpossibleError(ValueError):
    """Fields that no kernel writes: the line is damaged."""


def pointer(text: str) -> str:
    """A pointer as opaque text; kprobes print 0x before it, tracepoints do not, and both must compare equal."""
    return intern(text[2:] if text[:2] == "0x" else text)


# Each constructor takes the line's head and the groups of its fields.
def _alloc(t: int, task: ev.Task, cpu: int, context: str, g: Texts) -> ev.Event:
    size_bytes, align, off, bytes_alloc = int(g[3]), ALIGNMENTS.get(g[4], 0), int(g[6]), int(g[7] or -1)
    if not align or not 0 < size_bytes <= SIZE_MOST or not 0 <= off < OFFSET_MOST:
        raise ImpossibleError
    if g[7] and not size_bytes <= bytes_alloc < size_bytes * CPUS_MOST:
        raise ImpossibleError
    return ev.Alloc(
        t, task, cpu, context, g[0] or "", g[1] == "1", g[2] == "1", size_bytes, align, pointer(g[5]), off,
        bytes_alloc, g[8] or "",
    )  # fmt: skip


def _alloc_fail(t: int, task: ev.Task, cpu: int, context: str, g: Texts) -> ev.Event:
    size_bytes, align = int(g[2]), ALIGNMENTS.get(g[3], 0)
    if not align or not 0 < size_bytes <= SIZE_MOST:
        raise ImpossibleError
    return ev.AllocFail(t, task, cpu, context, g[0] == "1", g[1] == "1", size_bytes, align)


def _free(t: int, task: ev.Task, cpu: int, context: str, g: Texts) -> ev.Event:
    off = int(g[1])
    if not 0 <= off < OFFSET_MOST:
        raise ImpossibleError
    return ev.Free(t, task, cpu, context, pointer(g[0]), off)


def _of_chunk(kind: type[ev.CreateChunk | ev.DestroyChunk]) -> Build:
    return lambda t, task, cpu, context, g: kind(t, task, cpu, context, pointer(g[0]))


def _post(t: int, task: ev.Task, cpu: int, context: str, g: Texts) -> ev.Event:
    return ev.Post(t, task, cpu, context, int(g[0]), pointer(g[1]), int(g[2]), int(g[3]))


def _stat(t: int, task: ev.Task, cpu: int, context: str, g: Texts) -> ev.Event:
    return ev.Stat(t, task, cpu, context, int(g[0]), int(g[1]), int(g[2]))


def _of_pages(kind: type[ev.PageRange]) -> Build:
    def build(t: int, task: ev.Task, cpu: int, context: str, g: Texts) -> ev.Event:
        first, last = int(g[1]), int(g[2])
        if not 0 <= first < last <= PAGES_MOST:
            raise ImpossibleError
        return kind(t, task, cpu, context, pointer(g[0]), first, last)

    return build


def _of_return(kind: type[ev.ChargeFail | ev.PopulateRet]) -> Build:
    return lambda t, task, cpu, context, g: kind(t, task, cpu, context, int(g[0]))


def _mark(t: int, task: ev.Task, cpu: int, context: str, g: Texts) -> ev.Event:
    return ev.Mark(t, task, cpu, context, g[0])


_PROBE = r"(?:\([^)]*+\) )?"
_RANGE = _PROBE + r"base=(\w++) ps=(\d{1,19}+) pe=(\d{1,19}+)(?: gfp=\w++)?"

# Numbers are bounded, so that damaged text cannot ask for endless ones. A module's name follows its symbol after a
# blank. "?" after a key: the line may lack it. "#": a number.
_KINDS: dict[str, tuple[str, Build, str]] = {
    "percpu_alloc_percpu": (
        r"(?:call_site=(\S++(?: \[[^\]]*+\])?) )?reserved=(\d) is_atomic=(\d) size=(\d{1,19}+) align=(\d{1,19}+) "
        r"base_addr=(\S++) off=(\d{1,19}+) ptr=\S++(?: bytes_alloc=(\d{1,19}+) gfp_flags=(\S++))?",
        _alloc,
        "call_site? reserved# is_atomic# size# align# base_addr off# bytes_alloc?# gfp_flags?",
    ),
    "percpu_alloc_percpu_fail": (
        r"reserved=(\d) is_atomic=(\d) size=(\d{1,19}+) align=(\d{1,19}+)",
        _alloc_fail,
        "reserved# is_atomic# size# align#",
    ),
    "percpu_free_percpu": (r"base_addr=(\S++) off=(\d{1,19}+) ptr=\S++", _free, "base_addr off#"),
    "percpu_create_chunk": (r"base_addr=(\S++)", _of_chunk(ev.CreateChunk), "base_addr"),
    "percpu_destroy_chunk": (r"base_addr=(\S++)", _of_chunk(ev.DestroyChunk), "base_addr"),
    "post": (
        _PROBE + r"(?:objcg=\w++ )?cg=(\d{1,19}+) base=(\w++) off=(-?\d{1,19}+) size=(\d{1,19}+)",
        _post,
        "cg# base off# size#",
    ),
    "stat": (_PROBE + r"cg=(\d{1,19}+) idx=(\d{1,19}+) val=(-?\d{1,19}+)", _stat, "cg# idx# val#"),
    "chgfail": (_PROBE + r"ret=(-?\d{1,19}+)", _of_return(ev.ChargeFail), "ret#"),
    "populate": (_RANGE, _of_pages(ev.Populate), "base ps# pe#"),
    "populate_ret": (_PROBE + r"ret=(-?\d{1,19}+)", _of_return(ev.PopulateRet), "ret#"),
    "popd": (_RANGE, _of_pages(ev.Populated), "base ps# pe#"),
    "depopd": (_RANGE, _of_pages(ev.Depopulated), "base ps# pe#"),
    "tracing_mark_write": (r"(.*)", _mark, ""),
    "print": (r"(?:tracing_mark_write: |.*?buf[:=] ?)(.*)", _mark, ""),  # as trace-cmd and perf name it
}


def payload_of(pattern: str, build: Build, keys: str) -> Payload:
    """keys: of the pattern's groups, in order; "?" after one: a line may lack it. "#": a number."""
    words = keys.split()
    names = tuple(word.rstrip("?#") for word in words)
    numbers = frozenset(name for name, word in zip(names, words, strict=True) if word.endswith("#"))
    optional = frozenset(name for name, word in zip(names, words, strict=True) if "?" in word)
    return Payload(rf"\s*+{pattern}\s*", build, names, numbers, optional)


PAYLOADS = {name: payload_of(*kind) for name, kind in _KINDS.items()}

PROBE = re.compile(r"\s*+(?:\([^)]*+\))?\s*+")
FIELD = re.compile(r"(\w++)=(\S*+)(?: (\[[^\]]*+\]))?\s*+", re.ASCII)
NUMBER = re.compile(r"-?\d{1,19}|0x[0-9a-f]{1,16}", re.ASCII)
BARS = re.compile(r" *+\| *+")


def number(text: str) -> str:
    """A number as decimal text, whether it was printed as such or with 0x. ImpossibleError for anything else."""
    if not NUMBER.fullmatch(text):
        raise ImpossibleError
    value = int(text, 16) if text.startswith("0x") else int(text)
    if not -NUMBER_MOST <= value < 2 * NUMBER_MOST:
        raise ImpossibleError
    return str(value)


def loose_groups(payload: Payload, text: str) -> Texts:
    """What the strict pattern's groups would hold, from `key=value` in any order; flags may have blanks between them.

    ImpossibleError if a field is missing, empty or given twice, or if there is anything else in the text.
    """
    found: dict[str, str] = {}
    text = BARS.sub("|", text)
    at = PROBE.match(text).end()  # type: ignore[union-attr]  # the pattern matches the empty text too
    while at < len(text):
        field = FIELD.match(text, at)
        if field is None or field[1] in found:
            raise ImpossibleError
        found[field[1]] = field[2] if field[3] is None else f"{field[2]} {field[3]}"
        at = field.end()
    given = {key: found[key] for key in payload.keys if key in found}
    if not payload.keys or "" in given.values() or not payload.optional.issuperset(set(payload.keys) - set(given)):
        raise ImpossibleError
    return tuple(
        number(given[key]) if key in payload.numbers and key in given else given.get(key, "") for key in payload.keys
    )
