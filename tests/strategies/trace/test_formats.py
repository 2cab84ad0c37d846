"""Three tools' shapes of one trace: tracefs, trace-cmd report and perf script give the same events and results."""

from __future__ import annotations

import gzip
import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.strategies.trace.events import Alloc, Event, Free, Mark, Post
from percpu_fuzz.strategies.trace.rewrite import FORMS, rewritten
from percpu_fuzz.strategies.trace.tracefs import LineCounts, read_events

# Lines as the tools print them: trace-cmd's from the commit that added bytes_alloc; perf's from its documentation.
TRACE_CMD = """cpus=2
CPU 1 is empty
           mkdir-4393  [001]   169.334788: percpu_alloc_percpu:  call_site=mem_cgroup_css_alloc+0xa6 reserved=0 is_atomic=0 size=2408 align=8 base_addr=0xffffc7117fc00000 off=402176 ptr=0x3dc867a62300 bytes_alloc=14448 gfp_flags=GFP_KERNEL_ACCOUNT
     kworker/0:1-18    [000] d..1.   169.334790: percpu_free_percpu:   base_addr=0xffffc7117fc00000 off=402176 ptr=0x3dc867a62300
CPU:1 [17 EVENTS DROPPED]
              wl-131   [000]   170.000001: print:                tracing_mark_write: WL LINE snap base
"""  # noqa: E501
PERF = """           mkdir  4393 [001]   169.334788: percpu:percpu_alloc_percpu: call_site=mem_cgroup_css_alloc+0xa6 reserved=0 is_atomic=0 size=2408 align=8 base_addr=0xffffc7117fc00000 off=402176 ptr=0x3dc867a62300 bytes_alloc=14448 gfp_flags=GFP_KERNEL_ACCOUNT
\tffffffff812a3b70 pcpu_alloc+0x5d0 ([kernel.kallsyms])
\tffffffff8130a1f6 mem_cgroup_css_alloc+0xa6 ([kernel.kallsyms])

 my comm 7 -x y  18/18 [000]   169.334790: percpu:percpu_free_percpu: base_addr=0xffffc7117fc00000 off=402176 ptr=0x3dc867a62300
              wl   131 [000]   170.000001: ftrace:print: tracing_mark_write: WL LINE snap base
"""  # noqa: E501


def events_of(folder: Path, text: str) -> tuple[list[Event], LineCounts]:
    path, counts = folder / "trace.txt", LineCounts()
    path.write_text(text)
    return list(read_events(path, counts)), counts


@pytest.mark.parametrize(("text", "other"), [(TRACE_CMD, 3), (PERF, 3)])
def test_lines_of_the_tools(tmp_path: Path, text: str, other: int) -> None:
    """Alloc, free and mark with their fields; headers, call chains and blank lines are other, lost events counted."""
    found, counts = events_of(tmp_path, text)
    assert [type(event) for event in found] == [Alloc, Free, Mark]
    alloc = found[0]
    assert isinstance(alloc, Alloc)
    assert (alloc.t, alloc.task, alloc.cpu) == (169_334_788_000, ("mkdir", 4393), 1)
    assert (alloc.size_bytes, alloc.align, alloc.base, alloc.off) == (2408, 8, "ffffc7117fc00000", 402176)
    assert (alloc.call_site, alloc.bytes_alloc, alloc.gfp) == ("mem_cgroup_css_alloc+0xa6", 14448, "GFP_KERNEL_ACCOUNT")
    assert isinstance(found[2], Mark)
    assert found[2].text == "WL LINE snap base"
    assert (counts.unparsed, counts.lost_events) == (0, 17 if text is TRACE_CMD else 0)
    assert counts.lines - counts.events >= other


def small_run(recorded: Path) -> Path:
    return recorded / "r11-2node-small-6.1" / "percpu.trace.gz"


def lines_of(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt") as file:
        for line in file:
            yield line.rstrip("\n")


@pytest.mark.parametrize("form", FORMS)
def test_rewritten_events_are_the_same(tmp_path: Path, recorded: Path, form: str) -> None:
    """Every event of a recorded run comes back from both shapes, but for the context and the size of a symbol."""
    before = [replace(event, context="") for event in read_events(small_run(recorded))]
    text = "\n".join(rewritten(lines_of(small_run(recorded)), form)) + "\n"
    after, counts = events_of(tmp_path, text)
    assert counts.unparsed == 0
    assert len(after) == len(before)
    for one, other in zip(before, after, strict=True):
        if isinstance(one, Alloc) and isinstance(other, Alloc):
            assert re.sub(r"/0x[0-9a-f]+", "", one.call_site) == other.call_site
            assert replace(one, call_site="") == replace(other, call_site="")
        else:
            assert one == other
    assert sum(isinstance(event, Post) for event in after) > 1000


def test_the_three_give_the_same_results(tmp_path: Path, recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`percpu-fuzz trace` of the recorded run and of both rewritten ones: the same rows, all equal to the kernel's."""
    folder = small_run(recorded).parent
    more = ["--topology", str(folder / "topology.json"), "--states", str(folder / "states.json.gz"), "--json"]
    more += ["--placement", str(folder / "placement.json.gz")]
    answers = []
    for form in ("tracefs", *FORMS):
        path = small_run(recorded)
        if form != "tracefs":
            path = tmp_path / f"{form}.txt.gz"
            assert call(["convert", str(small_run(recorded)), "--to", form, "-o", str(path)]) == 0
        assert call(["trace", str(path), *more]) == 0
        out = capsys.readouterr().out
        row = json.loads(out.splitlines()[-1])
        row.pop("input")
        histogram = [line for line in out.splitlines() if " pages " in line or "rows equal" in line]
        answers.append((row, histogram))
    assert answers[0][0]["rows"] == answers[0][0]["rows_equal"] == 1797
    assert answers[0] == answers[1] == answers[2]


def test_damaged_lines_never_end_in_a_traceback(tmp_path: Path, recorded: Path) -> None:
    """3,000 lines of the three shapes with bytes flipped, cut, doubled, swapped and numbers made huge: each is an
    event, other, or counted as not understood.
    """
    rng = random.Random(11)
    lines = [line for line in lines_of(small_run(recorded)) if line.strip()][:3000]
    shapes = [lines, list(rewritten(lines, "trace-cmd")), list(rewritten(lines, "perf"))]
    for shape in shapes:
        damaged = [mutated(rng.choice(shape), rng) for _ in range(1000)]
        found, counts = events_of(tmp_path, "\n".join([shape[-1], *damaged, shape[-1]]) + "\n")
        assert counts.events == len(found)
        assert counts.events + counts.other + counts.unparsed + counts.lost_gaps >= 1002


def mutated(line: str, rng: random.Random) -> str:
    """One line with one to three kinds of damage."""
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(line) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            line = line[:place] + chr(rng.randrange(32, 127)) + line[place + 1 :]
        elif kind == 1:
            line = line[:place]
        elif kind == 2:
            line = line[:place] + line[place // 2 :]
        elif kind == 3:
            words = line.split(" ")
            rng.shuffle(words)
            line = " ".join(words)
        else:
            line = line.replace("=", f"={rng.choice(['9' * 30, '-', '0x', 'NaN', '18446744073709551616'])}", 1)
    return line.replace("\n", " ")


@pytest.mark.parametrize(
    ("field", "value"),
    [("size", "0"), ("size", "65540"), ("align", "12"), ("align", "131072"), ("off", "-4"), ("bytes_alloc", "1")],
)
def test_fields_that_no_kernel_writes_are_counted(tmp_path: Path, field: str, value: str) -> None:
    """A size of 0 or above 64 KiB, an alignment that is no power of two, an offset below 0: not understood."""
    line = re.sub(rf"\b{field}=\S+", f"{field}={value}", PERF.splitlines()[0])
    found, counts = events_of(tmp_path, "\n".join([PERF.splitlines()[0], line]) + "\n")
    assert len(found) == 1
    assert counts.unparsed == 1


KPROBES = [
    "post: (f+0x4/0xb0) objcg=0xff cg=23 base=0xab off=16 size=8",
    "post: (f+0x4/0xb0) cg=0x17 base=0xab off=0x10 size=8",
    "post: (ffffffff812a3b70) size=8 off=16 memcg=0x1 base=0xab cg=23 nid=0",
    "kprobes:post: (ffffffff812a3b70) cg=23 base=0xab off=16 size=8 x=",
]


@pytest.mark.parametrize("fields", KPROBES)
def test_fields_of_probes_in_any_order(tmp_path: Path, fields: str) -> None:
    """A probe that prints more arguments, others first, or numbers in hexadecimal says the same."""
    head = " w 1 [000] 1.5: " if fields.startswith("kprobes:") else " w-1     [000] 1.5: "
    (found,), counts = events_of(tmp_path, f"{head}{fields}\n")
    assert (found, counts.unparsed) == (Post(1_500_000_000, ("w", 1), 0, "", 23, "ab", 16, 8), 0)


@pytest.mark.parametrize(
    "fields",
    ["cg=23 base=0xab off=16", "cg=23 cg=24 base=0xab off=16 size=8", "cg=x base=0xab off=16 size=8",
     "cg= base=0xab off=16 size=8", "cg=23 base=0xab junk off=16 size=8"],
)  # fmt: skip
def test_fields_that_are_missing_or_doubled_are_not_guessed(tmp_path: Path, fields: str) -> None:
    """A field that is not there, there twice, empty or no number, or words between the fields: not understood."""
    found, counts = events_of(tmp_path, f"cpus=1\n w-1     [000] 1.5: post: {fields}\n")
    assert (found, counts.unparsed) == ([], 1)


def test_tracepoint_of_another_kernel(tmp_path: Path) -> None:
    """Fields in another order, one that we do not know, flags with blanks between them: the same allocation."""
    line = PERF.splitlines()[0].replace("GFP_KERNEL_ACCOUNT", "GFP_KERNEL | __GFP_ZERO")
    other = line.replace(" reserved=0", "").replace(" gfp_flags=", " reserved=0 nid=-1 gfp_flags=")
    other = other.replace("mem_cgroup_css_alloc+0xa6", "f+0x1/0x2 [veth]")
    (found,), _ = events_of(tmp_path, other + "\n")
    assert isinstance(found, Alloc)
    assert (found.call_site, found.gfp, found.reserved) == ("f+0x1/0x2 [veth]", "GFP_KERNEL|__GFP_ZERO", False)
    assert (found.size_bytes, found.off, found.bytes_alloc) == (2408, 402176, 14448)


HOSTILE = {
    "blanks": " " * 50_000, "blanks and a word": " " * 50_000 + "x", "a word and blanks": "x" + " " * 50_000 + "y",
    "dashes": "a-1" * 20_000, "pids": "-1 " * 20_000, "numbers": "1 " * 20_000, "brackets": (" 1" * 3000 + " [0] ") * 3,
    "fields": "   a-1 [000] ..... 1: percpu_alloc_percpu: " + "reserved=0 " * 20_000,
    "heads": " a-1 [000] ..... 1: percpu_alloc_percpu: call_site=" * 300, "long": "x" * 3_000_000,
}  # fmt: skip


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("length", [15_000, 1 << 22], ids=["cut", "whole"])
def test_no_line_takes_long(tmp_path: Path, line: str, length: int) -> None:
    """Time grows with a line's length, not with its square: 15,000 characters in less than a second."""
    began = time.process_time()
    found, counts = events_of(tmp_path, f"cpus=1\n{line[:length]}\n")
    assert found == []
    assert counts.other + counts.unparsed == counts.lines
    assert time.process_time() - began < 1
