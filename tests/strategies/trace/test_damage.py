"""Traces that lack or garble something, through the whole command: counted and said, or refused in one line."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.strategies.fidelity.fidelity import unit_bytes_of
from percpu_fuzz.strategies.machines.boot_log import read_boot_log

HEAD = "# tracer: nop\n#\n"


def line(t: int, rest: str) -> str:
    return f"              wl-131     [000] .....  {t}: {rest}\n"


def cgroup(t: int, path: str, ino: int) -> str:
    return line(t, f"tracing_mark_write: WL CG {path} ino={ino} max=max")


def charged(t: int, off: int, cg: int, size: int = 64, base: str = "ab00", probe: str = "ab00") -> str:
    fields = f"reserved=0 is_atomic=0 size={size} align=8 base_addr={base} off={off} ptr=1 bytes_alloc={size * 4}"
    return line(t, f"percpu_alloc_percpu: call_site=f {fields} gfp_flags=GFP_KERNEL_ACCOUNT") + line(
        t + 1, f"post: (f+0x0/0xb0) objcg=0xff cg={cg} base=0x{probe} off={off} size={size}"
    )


def snapshot(t: int, name: str) -> str:
    return line(t, f"tracing_mark_write: WL SNAP-BEGIN {name}") + line(t + 1, f"tracing_mark_write: WL SNAP-END {name}")


def states(**phases: dict[str, tuple[int, int]]) -> str:
    """Snapshots by name: percpu bytes and inode number of each path."""
    return json.dumps(
        [
            {
                "phase": name,
                "cgroups": {path: {"ino": ino, "memory.stat": {"percpu": n}} for path, (ino, n) in rows.items()},
            }
            for name, rows in phases.items()
        ]
    )


Traced = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def traced(tmp_path: Path, recorded: Path, capsys: pytest.CaptureFixture[str]) -> Traced:
    """Run `trace` on some text: exit status, the JSON, and what was printed or complained."""

    def run(text: str, with_states: str | None = None, *more: str) -> tuple[int, dict[str, Any], str]:
        (tmp_path / "percpu.trace").write_text(HEAD + text)
        given = ["trace", str(tmp_path / "percpu.trace"), "--json", *more]
        given += ["--topology", str(recorded / "r11-2node-small-6.1" / "topology.json")]
        if with_states is not None:
            (tmp_path / "states.json").write_text(with_states)
            given += ["--states", str(tmp_path / "states.json")]
        status = call(given)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        assert said.err.count("\n") == (status == 2)
        found = json.loads(said.out.splitlines()[-1]) if status != 2 else {}
        return status, found, said.out + said.err

    return run


def test_cgroup_without_a_mark_hides_its_ancestors_only(traced: Traced) -> None:
    """/A/x is charged and its mark is lost: rows of /A, of /A/x and of the root are not judged, the row of /B is."""
    text = cgroup(1, "/A", 20) + cgroup(2, "/B", 21) + charged(10, 0, 30) + charged(20, 64, 21) + snapshot(30, "s")
    rows = {"/": (1, 512), "/A": (20, 256), "/A/x": (30, 256), "/B": (21, 256)}
    status, found, said = traced(text, states(s=rows))
    assert (status, found["rows"], found["rows_equal"]) == (0, 1, 1)
    assert found["left_out"]["cgroups_of_unknown_parent"] == 1
    assert found["left_out"]["rows_of_unknown_cgroups"] == 1
    assert found["left_out"]["rows_not_observable"] == 2
    assert "left out: 1 cgroups of unknown parent" in said
    wrong = rows | {"/B": (21, 252)}
    assert traced(text, states(s=wrong))[0] == 1


def test_cgroup_whose_parents_mark_is_lost(traced: Traced) -> None:
    """Its own row and the root's are known, its parents' are not while it holds bytes."""
    text = cgroup(1, "/A/x", 30) + charged(10, 0, 30) + snapshot(30, "s")
    status, found, _ = traced(text, states(s={"/A": (20, 256), "/A/x": (30, 256)}))
    assert (status, found["rows"], found["rows_equal"]) == (0, 1, 1)


def test_nothing_compared_is_no_agreement(traced: Traced) -> None:
    """Other phases, other inode numbers, no marks: exit status 2 with one line that counts both."""
    text = cgroup(1, "/A", 20) + charged(10, 0, 20)
    for with_states, trace in (
        (states(other={"/A": (20, 256)}), text + snapshot(30, "s")),
        (states(s={"/A": (99, 256)}), text + snapshot(30, "s")),
        (states(s={"/A": (20, 256)}), text),
    ):
        status, _, said = traced(trace, with_states)
        assert status == 2
        assert "no row of 1 snapshots could be compared" in said
    assert traced(text + snapshot(30, "s"), states(s={"/A": (20, 256)}))[0] == 0


def test_areas_beyond_any_unit_are_counted(traced: Traced) -> None:
    """Offsets that no unit has never reach the engine."""
    text = cgroup(1, "/A", 20) + charged(10, 2_000_000_000, 20) + charged(20, 512 * 4096 - 32, 20) + charged(30, 0, 20)
    status, found, _ = traced(text, None, "--variant", "v2")
    assert (status, found["left_out"]["areas_beyond_unit"]) == (0, 2)


def test_removed_and_remade_cgroups(traced: Traced) -> None:
    """A removal without a making, a number used twice, a parent removed before its child: no matter."""
    text = "".join(cgroup(t, "/w0_1", 20) + charged(t * 100, t * 64, 20) for t in range(1, 5))
    text += cgroup(600, "/w0_1/x", 21) + line(610, "tracing_mark_write: WL FREE w=w0 id=1 kind=cg")
    text += cgroup(620, "/w0_1/y", 22) + charged(630, 1024, 22) + charged(640, 1088, 20) + charged(650, 1152, 21)
    assert traced(text)[0] == 0


def test_hashed_pointers_beside_raw_ones(traced: Traced) -> None:
    """Where a tracepoint's pointer never is a probe's, task, offset and size pair them, and that is said."""
    text = cgroup(1, "/A", 20) + charged(10, 0, 20, base="0000a4", probe="ffe800") + snapshot(30, "s")
    status, found, said = traced(text, states(s={"/A": (20, 256)}))
    assert (status, found["rows_equal"], found["left_out"]["paired_by_size"]) == (0, 1, 1)
    assert "paired by task, offset and size" in said
    other = charged(10, 0, 20) + charged(20, 64, 20, base="0000a4", probe="ffe800")
    assert traced(cgroup(1, "/A", 20) + other)[1]["left_out"]["unpaired"] == 1


def test_trace_of_another_machine(traced: Traced) -> None:
    """The cost of areas says 6, 8 or 10 CPUs: a machine with two is refused, with both numbers."""
    text = (cgroup(1, "/A", 20) + charged(10, 0, 20)).replace("bytes_alloc=256", "bytes_alloc=640")
    status, _, said = traced(text)
    assert status == 2
    assert "2 possible CPUs, but the trace's areas cost 10 times their size" in said


def placement(**changes: Any) -> dict[str, Any]:
    event = {"t": 5, "chunk": "0xab00", "page_start": 0, "page_end": 1, "node_by_cpu_by_page": [[0], [1]]}
    return {"first_chunk_node_by_cpu": {"0": 0, "1": 1}, "events": [event | changes]}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (placement(node_by_cpu_by_page=[[0], [7]]), "nodes [7]"),
        (placement(page_start=600, page_end=601), "pages up to 601"),
        (placement(t=10**6), "pages from t=1000000"),
        (placement(chunk="0xcd00"), "0 of the 1 populated ranges"),
        ({"first_chunk_node_by_cpu": {"0": 0}, "events": []}, "1 CPUs, the machine has 2"),
        ({"first_chunk_node_by_cpu": {"0": 0, "2": 1}, "events": []}, "CPUs [0, 2]"),
    ],
)
def test_placement_of_another_run(traced: Traced, tmp_path: Path, given: dict[str, Any], words: str) -> None:
    """Its CPUs, nodes, pages, times and chunks must be the machine's and the trace's; one beside the trace is found."""
    text = cgroup(1, "/A", 20) + line(5, "populate: (f) base=0xab00 ps=0 pe=1 gfp=0x1") + charged(10, 0, 20)
    with gzip.open(tmp_path / "placement.json.gz", "wt") as file:
        json.dump(placement(), file)
    status, found, said = traced(text)
    assert (status, found["left_out"]["areas_on_unrecorded_pages"]) == (0, 0)
    assert "placement.json.gz" in said
    (tmp_path / "placement.json").write_text(json.dumps(given))
    status, _, said = traced(text)
    assert status == 2
    assert words in said


def without(text: str, pattern: str) -> str:
    return "".join(row for row in text.splitlines(keepends=True) if not re.search(pattern, row))


DAMAGE: dict[str, Callable[[str], str]] = {
    "second half": lambda text: text[text.index("\n", len(text) // 2) + 1 :],
    "every other line": lambda text: "".join(text.splitlines(keepends=True)[::2]),
    "no chunk made": lambda text: without(text, "percpu_create"),
    "pages beyond": lambda text: re.sub(r" pe=(\d+)", lambda m: f" pe={int(m[1]) + 9000}", text),
    "offsets beyond": lambda text: re.sub(r" off=(\d+) ", r" off=\g<1>00 ", text),
    "offsets odd": lambda text: re.sub(r" off=(\d+) ", lambda m: f" off={int(m[1]) + 1} ", text),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_fidelity_of_a_damaged_run(
    tmp_path: Path, recorded: Path, damage: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The first 12,000 lines of the small run, damaged: figures or one line, never a traceback."""
    run = recorded / "r11-2node-small-6.1"
    for path in run.iterdir():
        if not path.name.startswith(("percpu", "states")):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with gzip.open(run / "percpu.trace.gz", "rt") as file:
        text = "".join(next(file) for _ in range(12_000))
    (tmp_path / "percpu.trace").write_text(HEAD + damage(text))
    status = call(["fidelity", str(tmp_path)])
    said = capsys.readouterr()
    assert status in (0, 1, 2)
    assert "Traceback" not in said.err
    assert said.err.count("\n") == (status == 2)
    assert "2 areas" in said.out or status == 2


@pytest.mark.parametrize(
    ("words", "reason"),
    [("u16384", "none of whole pages"), ("u2097153", "none of whole pages"), ("u99999999999", "none of whole pages")],
)
def test_unit_sizes_that_no_kernel_has(tmp_path: Path, words: str, reason: str) -> None:
    """Treated as missing, and said."""
    (tmp_path / "dmesg-boot.txt").write_text(f"percpu: Embedded 46 pages/cpu s1 r8192 d28672 {words}\n")
    unit_bytes, why = unit_bytes_of(read_boot_log(tmp_path), 4096)
    assert unit_bytes is None
    assert reason in why


@pytest.mark.parametrize("missing", ["topology.json", "percpu.trace"])
def test_a_missing_file_is_named(
    tmp_path: Path, recorded: Path, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever of the two that a run needs."""
    for name in ("topology.json", "percpu.trace.gz"):
        if not name.startswith(missing):
            (tmp_path / name).write_bytes((recorded / "r11-2node-small-6.1" / name).read_bytes())
    assert call(["fidelity", str(tmp_path)]) == 2
    assert f"no {missing}" in capsys.readouterr().err


def test_convert_of_no_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No event in it: exit status 2, and nothing is written."""
    (tmp_path / "t").write_text("hello\n" * 3)
    assert call(["convert", str(tmp_path / "t"), "--to", "perf", "-o", str(tmp_path / "out")]) == 2
    assert "no trace event" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
