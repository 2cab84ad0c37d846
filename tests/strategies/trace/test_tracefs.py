"""tracefs text: the shapes of lines that exist, and what is counted instead of guessed."""

from __future__ import annotations

import gzip
import io
import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.trace import events as ev
from percpu_fuzz.strategies.trace.tracefs import LineCounts, read_events

HEADER = "# tracer: nop\n#\n"
ALLOC = (
    "           mkdir-4393    [001] d.h1.   169.334788: percpu_alloc_percpu: call_site=mem_cgroup_css_alloc+0xa6/0x680 "
    "reserved=0 is_atomic=1 size=2408 align=8 base_addr=ffffc7117fc00000 off=402176 ptr=00003dc867a62300 "
    "bytes_alloc=14448 gfp_flags=GFP_KERNEL_ACCOUNT|__GFP_NOWARN\n"
)
OLD_ALLOC = (
    "         systemd-1     [000] ....     0.568931: percpu_alloc_percpu: reserved=0 is_atomic=0 size=48 align=8 "
    "base_addr=00000000fa92a086 off=32672 ptr=000000008da0b73d\n"
)


def events_of(text: str, counts: LineCounts | None = None) -> list[ev.Event]:
    return list(read_events(io.BytesIO(text.encode()), counts))


def marks_of(line: str) -> ev.Event:
    (event,) = events_of(line + "tracing_mark_write: hello\n")
    return event


def test_allocation_of_a_recent_kernel() -> None:
    """All fields, a time in seconds as nanoseconds, and the interrupt level of a five-character flag column."""
    (event,) = events_of(ALLOC)
    assert event == ev.Alloc(
        169334788000, ("mkdir", 4393), 1, "h", "mem_cgroup_css_alloc+0xa6/0x680", False, True, 2408, 8,
        "ffffc7117fc00000", 402176, 14448, "GFP_KERNEL_ACCOUNT|__GFP_NOWARN",
    )  # fmt: skip


def test_allocation_of_an_old_kernel() -> None:
    """Four flags, and neither call_site nor bytes_alloc nor gfp_flags."""
    (event,) = events_of(OLD_ALLOC)
    assert event == ev.Alloc(
        568931000, ("systemd", 1), 0, ".", "", False, False, 48, 8, "00000000fa92a086", 32672, -1, ""
    )


def test_call_site_in_a_module() -> None:
    """A blank and the module's name belong to the call site."""
    (event,) = events_of(ALLOC.replace("mem_cgroup_css_alloc+0xa6/0x680", "veth_dev_init+0x1f/0x40 [veth]"))
    assert isinstance(event, ev.Alloc)
    assert event.call_site == "veth_dev_init+0x1f/0x40 [veth]"


@pytest.mark.parametrize(
    ("line", "task", "cpu", "t"),
    [
        ("          <idle>-0       [000] d..1.  11716874870: ", ("<idle>", 0), 0, 11716874870),
        (" kworker/u16:1-77      [012] .....  12: ", ("kworker/u16:1", 77), 12, 12),
        ("     a b-c: d-99      [000] .....  12: ", ("a b-c: d", 99), 0, 12),
        ("    x: stat: -99      [000] .....  12: ", ("x: stat: ", 99), 0, 12),
        ("    -x-1-2-99      [000] .....  12: ", ("-x-1-2", 99), 0, 12),
        ("           <...>-99      [000]  12: ", ("<...>", 99), 0, 12),
        ("            bash-99      (     99) [000] .....  12.000001: ", ("bash", 99), 0, 12000001000),
        ("            bash-99      (-------) [000] .....  12.000001500: ", ("bash", 99), 0, 12000001500),
    ],
)
def test_heads_of_lines(line: str, task: ev.Task, cpu: int, t: int) -> None:
    """A comm is any text; a tgid column and the flag column may be there or not; times have three forms."""
    event = marks_of(line)
    assert (event.task, event.cpu, event.t) == (task, cpu, t)


def test_every_kind_of_event() -> None:
    """Each kind becomes its own class; a pointer of a kprobe equals that of a tracepoint."""
    head = "    w0-133     [000] .....  5: "
    at = (5, ("w0", 133), 0, ".")
    probe = "(pcpu_chunk_populated+0x0/0x50) base=0xab ps=3 pe=6"
    expected: dict[str, ev.Event] = {
        "percpu_alloc_percpu_fail: reserved=0 is_atomic=1 size=88 align=8": ev.AllocFail(*at, False, True, 88, 8),
        "percpu_free_percpu: base_addr=ab off=12 ptr=1": ev.Free(*at, "ab", 12),
        "percpu_create_chunk: base_addr=ab": ev.CreateChunk(*at, "ab"),
        "percpu_destroy_chunk: base_addr=ab": ev.DestroyChunk(*at, "ab"),
        "post: (f+0x0/0xb0) objcg=0x12 cg=23 base=0xab off=12 size=8": ev.Post(*at, 23, "ab", 12, 8),
        "stat: (f+0x0/0x80) cg=23 idx=45 val=-32": ev.Stat(*at, 23, 45, -32),
        "chgfail: (pcpu_alloc+0xf5/0x830 <- obj_cgroup_charge) ret=-12": ev.ChargeFail(*at, -12),
        f"populate: {probe} gfp=0x12cc0": ev.Populate(*at, "ab", 3, 6),
        "populate_ret: (a+0x1/0x2 <- pcpu_populate_chunk) ret=0": ev.PopulateRet(*at, 0),
        f"popd: {probe}": ev.Populated(*at, "ab", 3, 6),
        f"depopd: {probe}": ev.Depopulated(*at, "ab", 3, 6),
        "tracing_mark_write: WL x": ev.Mark(*at, "WL x"),
    }
    assert events_of("".join(f"{head}{text}\n" for text in expected)) == list(expected.values())


def test_lines_that_are_no_events_are_counted() -> None:
    """Other events, stack traces, lost events and garbage each have their count; nothing is dropped in silence."""
    head = "    w0-133     [000] .....  5: "
    text = HEADER + ALLOC + f"{head}mm_page_alloc: page=1 pfn=0x1\n" * 2 + f"{head}<stack trace>\n => alloc_pages+0x1\n"
    text += (
        "CPU:3 [LOST 123 EVENTS]\nCPU:4 [LOST EVENTS]\ngarbage\n" + f"{head}percpu_free_percpu: base_addr=\n" + ALLOC
    )
    counts = LineCounts()
    assert len(events_of(text, counts)) == 2
    assert counts == LineCounts(lines=12, events=2, other=6, unparsed=2, lost_events=123, lost_gaps=2, truncated=0)


def test_endless_number_is_unparsed() -> None:
    """A number that no field can hold is damage, counted and survived."""
    counts = LineCounts()
    assert events_of(OLD_ALLOC + OLD_ALLOC.replace("size=48", "size=" + "4" * 9999), counts) == events_of(OLD_ALLOC)
    assert counts.unparsed == 1


def test_damaged_text_never_ends_the_stream() -> None:
    """Any bytes replaced anywhere: what is read are events, and every line is in one count."""
    generator = random.Random(7)
    whole = (HEADER + ALLOC + OLD_ALLOC + OLD_ALLOC).encode()
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(generator.randint(1, 6)):
            data[generator.randrange(len(HEADER), len(data))] = generator.choice(b" -:[](),=.0123456789x\xff\x00\n")
        counts = LineCounts()
        found = sum(1 for _ in read_events(io.BytesIO(bytes(data)), counts))
        assert found == counts.events
        assert counts.lines == counts.events + counts.other + counts.unparsed + counts.lost_gaps + counts.truncated


def test_last_line_without_newline_is_not_used() -> None:
    """`off=402` may be the beginning of 402176: a cut line is counted as truncated."""
    counts = LineCounts()
    assert len(events_of(OLD_ALLOC + OLD_ALLOC[:-10], counts)) == 1
    assert (counts.truncated, counts.unparsed) == (1, 0)


def test_cut_gzip_stream_yields_what_is_whole(tmp_path: Path) -> None:
    """The events before the cut are there, and the cut is counted."""
    path = tmp_path / "t.gz"
    path.write_bytes(gzip.compress((OLD_ALLOC * 20000).encode())[:-12])
    counts = LineCounts()
    found = sum(1 for _ in read_events(path, counts))
    assert found == counts.events > 0
    assert counts.truncated == 1


def test_plain_gzip_and_stream_are_equal(tmp_path: Path) -> None:
    """The three forms of a source give the same events."""
    plain, packed = tmp_path / "t", tmp_path / "t.gz"
    plain.write_text(HEADER + ALLOC)
    packed.write_bytes(gzip.compress((HEADER + ALLOC).encode()))
    assert list(read_events(plain)) == list(read_events(packed)) == events_of(HEADER + ALLOC)


def test_pipe_is_a_source() -> None:
    """A stream need not be seekable, and it is left open."""
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "wb") as writer:
        writer.write(gzip.compress((HEADER + ALLOC).encode()))
    with os.fdopen(read_end, "rb", buffering=0) as reader:
        assert list(read_events(reader)) == events_of(ALLOC)
        assert not reader.closed


def test_trace_without_events_is_a_trace() -> None:
    """The header alone is enough: nothing was recorded."""
    assert events_of(HEADER) == []


@pytest.mark.parametrize(
    "content", [b"", b"hello\nworld\n", b"\x00\xff\xfe" * 50 + b"\n", b"\x1f\x8bnot gzip at all\n"]
)
def test_file_that_is_no_trace_is_refused(tmp_path: Path, content: bytes) -> None:
    """One line, which names the file and its first line."""
    path = tmp_path / "junk"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        list(read_events(path))
    assert f"{path}, line 1" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """A path that cannot be opened is an InputError naming it."""
    with pytest.raises(InputError, match="No such file"):
        list(read_events(tmp_path / "none"))


def test_reduced_run_has_every_event(recorded: Path) -> None:
    """The counts of the small run's events are those of the whole recording; nothing is unparsed."""
    counts = LineCounts()
    kinds = Counter(type(e).__name__ for e in read_events(recorded / "r11-2node-small-6.1" / "percpu.trace.gz", counts))
    assert kinds == {
        "Alloc": 11168, "Stat": 10744, "Free": 10315, "Post": 5470, "Mark": 2200, "Populate": 310, "PopulateRet": 310,
        "Populated": 310, "Depopulated": 79, "AllocFail": 44, "CreateChunk": 2,
    }  # fmt: skip
    assert counts == LineCounts(lines=40964, events=40952, other=12)


def test_whole_run_yields_the_same_events(recorded: Path, kernel_runs: Path) -> None:
    """The reduced trace in the repository has lost nothing that is read."""
    name = Path("r11-2node-small-6.1") / "percpu.trace.gz"
    assert list(read_events(kernel_runs / name)) == list(read_events(recorded / name))


def test_reading_is_fast(kernel_runs: Path) -> None:
    """A guard against a slip by a power of ten: at least 50,000 lines a second (over 300,000 on an idle core)."""
    counts = LineCounts()
    began = time.process_time()
    for _ in read_events(kernel_runs / "r6-memmax-fail-6.1" / "percpu.trace.gz", counts):
        pass
    assert counts.lines / (time.process_time() - began) > 50_000
