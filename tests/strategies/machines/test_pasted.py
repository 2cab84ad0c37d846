"""Each text format as a mail has it: wrapping, quoting, indentation, CR LF, trailing blanks and a missing last newline
change nothing, and a line that is lost or doubled never makes another machine without a word."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import DATA

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.answers import answers_of
from percpu_fuzz.strategies.machines.importing import import_path
from percpu_fuzz.strategies.machines.machine import Imported
from percpu_fuzz.strategies.machines.pasted import read_pasted, told_by
from percpu_fuzz.strategies.reading import TEXT_LINES_MAX

THREE = {"possible_nodes": "0-2", "possible_cpus": "0-7"}
KNOWN = {"distances": "10:40", "memory": "0=1G,1=2G", "possible_nodes": "0-1"}
BASE = "-smp 2,sockets=2 -m 2G -numa node,cpus=0,mem=1G -numa node,cpus=1,mem=1G"
# A sample of each format, what is answered, and where a mail program may break its lines (0: nowhere).
FORMATS: dict[str, tuple[str, Mapping[str, str], int]] = {
    "numactl": ("numactl.txt", {**THREE, "page_size": "4096"}, 20),
    "lscpu": ("posted/text/lscpu.txt", {**KNOWN, "possible_cpus": "0-7", "cpu_nodes": "7=1"}, 45),
    "lscpu -e": (
        "posted/text/lscpu-e.txt",
        {**KNOWN, "memory": "0=1G,2=2G", "possible_nodes": "0,2", "possible_cpus": "0-2", "cpu_nodes": "2=2",
         "page_size": "4096"},
        0,
    ),
    "lscpu -p": ("posted/text/lscpu-p.txt", {**KNOWN, "possible_cpus": "0,1,4", "page_size": "4096"}, 0),
    "lscpu -J": (
        "lscpu.json", {**THREE, "distances": "10:32", "memory": "0=1G,1=512M,2=2G", "cpu_nodes": "7=1"}, 0,
    ),
    "boot log": ("posted/text/dmesg-x86.txt", {"distances": "10:40"}, 50),
    "zoneinfo": ("posted/text/zoneinfo-movable-only-node.txt", {}, 28),
    "percpu_stats": ("percpu_stats.txt", {}, 0),
    "QEMU": ("posted/qemu/qemu-comment-with-backslash.sh", {}, 0),
}  # fmt: skip


@cache
def scratch() -> Path:
    return Path(mkdtemp(prefix="pasted-"))


def read(kind: str, text: str, answers: Mapping[str, str]) -> Imported:
    """The machine of a text; zoneinfo and percpu_stats are additions to one of two nodes."""
    path = scratch() / "box.txt"
    path.write_bytes(text.encode())
    given = dict(answers)
    if kind in ("zoneinfo", "percpu_stats"):
        given[kind], path = str(path), scratch() / "base"
        path.write_text(BASE)
    return import_path(path, answers_of(given))


def sample(kind: str) -> tuple[str, Mapping[str, str], int]:
    """Text, answers and width of a format's sample."""
    name, answers, width = FORMATS[kind]
    return (DATA / "machines" / name).read_text(), answers, width


def wrapped(text: str, width: int) -> str:
    """Lines broken at blanks where they get too long; the rest of a line keeps no indentation, as in mails."""
    lines: list[str] = []
    for line in text.split("\n"):
        rest = len(line) - len(line.lstrip())
        lines += textwrap.wrap(line, max(width, rest + 12), break_long_words=False, break_on_hyphens=False) or [""]
    return "\n".join(lines)


@st.composite
def mailed(draw: st.DrawFn, text: str, width: int) -> str:
    """The text after what mail programs and people do to it."""
    if width and draw(st.booleans()):
        text = wrapped(text, draw(st.integers(width, 100)))
    lines = [line + draw(st.sampled_from(("", "", " ", "  \t"))) for line in text.rstrip("\n").split("\n")]
    if draw(st.booleans()):
        lines = ["```", *lines, "```"]
    for margin in draw(st.lists(st.sampled_from(("> ", "    ", "| ", ">", "\t")), max_size=3)):
        lines = [margin + line for line in lines]
    return draw(st.sampled_from(("\n", "\r\n"))).join(lines) + draw(st.sampled_from(("", "\n", "\n\n")))


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "QEMU"])
def test_what_mail_does_to_a_text_changes_nothing(kind: str) -> None:
    """Any mixture of wrapping, quoting, fences, indentation, CR LF, trailing blanks, and no last newline."""
    text, answers, width = sample(kind)
    whole = read(kind, text, answers)

    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(mailed(text, width))
    def holds(mail: str) -> None:
        assert read(kind, mail, answers) == whole

    holds()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_a_script_is_read_whatever_its_margin(data: st.DataObject) -> None:
    """QEMU's arguments too, but not wrapped: a shell does not take a line that breaks off."""
    text, answers, _ = sample("QEMU")
    assert read("QEMU", data.draw(mailed(text, 0)), answers) == read("QEMU", text, answers)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_lost_or_doubled_line_is_never_silent(kind: str) -> None:
    """Each line once left out and once doubled: refused, or noted, or it said nothing of the machine.

    Whether it said something is told by the machine itself: another one comes only with other notes.
    """
    text, answers, _ = sample(kind)
    whole, lines = read(kind, text, answers), text.rstrip("\n").split("\n")
    refused = 0
    for at, line in enumerate(lines):
        for changed in ([*lines[:at], *lines[at + 1 :]], [*lines[:at], line, *lines[at:]]):
            try:
                found = read(kind, "\n".join(changed) + "\n", answers)
            except InputError:
                refused += 1
                continue
            assert found.topology == whole.topology or found.notes != whole.notes, (line, changed.count(line))
    assert refused >= 3


def test_only_a_margin_that_every_line_has_is_taken_away() -> None:
    """Relative indentation stays, and so does a mark within the text; quoted lines alone are tried after the whole."""
    notes: list[str] = []
    told = told_by("  > a\n  >   b > c\n", lambda text: text.startswith("a"), notes)
    assert told == "a\n  b > c\n"
    assert told_by("Hello,\n> available\n", lambda text: text.startswith("available"), notes) == "available\n"
    assert told_by("x\n```\nin\n```\ny", lambda text: text.startswith("in"), notes) == "in\n"
    assert notes == ["lines around it are passed over: 1 'Hello,'", "lines around it are passed over: 1 'x', 5 'y'"]


@pytest.mark.parametrize("line", ["\n", "> a\n", "\r", "\u2028"])
def test_a_text_of_too_many_lines_is_refused(line: str, tmp_path: Path) -> None:
    """Whatever ends a line: kept as a list, each takes fifty times the room that it takes in the file."""
    path = tmp_path / "box"
    path.write_bytes((line * (TEXT_LINES_MAX + 1)).encode())
    with pytest.raises(InputError, match="more lines; allowed: at most 1048576"):
        read_pasted(path)


def teardown_module() -> None:
    """Nothing stays behind."""
    shutil.rmtree(scratch())
