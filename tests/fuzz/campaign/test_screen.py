"""The live screen: right at 80 and 120 columns, keys read and the terminal left as it was."""

from __future__ import annotations

import io
import os
import pty
import termios
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from percpu_fuzz.fuzz.campaign.dispatcher import Dispatcher, Limits
from percpu_fuzz.fuzz.campaign.events import Done
from percpu_fuzz.fuzz.campaign.screen import BLOCKS, Screen, bars, found_by_then
from percpu_fuzz.fuzz.progress import is_for_a_person
from percpu_fuzz.fuzz.schedule import BatchId
from percpu_fuzz.fuzz.store.store import Store
from percpu_fuzz.strategies.plan.batches import Batches


class NoPlan:
    learner = None

    @property
    def plan(self) -> NoPlan:
        return self

    pilot = 0
    seated_from = None

    def take_pilot(self, outcomes: object) -> None:
        pass

    def seating(self) -> None:
        return None

    def take_seating(self, seating: object) -> None:
        pass

    def cases_per_batch(self, stream: str, k: int) -> int:
        return 1000


@pytest.fixture
def dispatcher(tmp_path: Path) -> Iterator[Dispatcher]:
    """12,345,678 measured cases, violations of two invariants, a lost worker, a batch given up."""
    store = Store(tmp_path / "campaign.db")
    dispatcher = Dispatcher(cast(Batches, NoPlan()), store, Limits(None, 60.0, Fraction(1, 2), 2))
    waste = {0: 5_000_000, 1: 4_000_000, 3: 3_345_678}
    done = Done(
        BatchId("measurement", 0), b"", 1.0, 12_345_678, 5_000_000_000, {"I8": 1234, "I18": 56_789}, waste, 0b1011,
        {f"I8 at STEP_{n}": 1000 + n for n in range(9)} | {"I18 at FR_UNCHARGE": 56_789},
    )  # fmt: skip
    dispatcher.live.add(done)
    dispatcher.live.lost = 1
    dispatcher.live.events.extend(["1 s: the first", "2 s: the second", "3 s: the last"])
    dispatcher.live.last_event = "a worker died of SIGSEGV and had hunting batch 123 in hand, " + "x" * 200
    dispatcher.live.given_up = 1
    yield dispatcher
    store.close()


@pytest.mark.parametrize("width", [80, 120])
def test_every_figure_stands_within_the_width(dispatcher: Dispatcher, width: int) -> None:
    """No line is wider than the console; the figures are there; what is too long is cut, not wrapped."""
    screen = Screen("percpu-fuzz: v2, seed 7", "60 s", io.StringIO())
    screen.rates, screen.behaviours = [float(n % 7) for n in range(500)], [500 - n for n in range(500)]
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=False)
    screen.console = console
    console.print(screen.picture(dispatcher, 1, 2))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) == width
    assert len(lines) == {80: 19, 120: 22}[width]
    text = out.getvalue()
    for figure in (
        "seed 7", "of 60 s", "12,345,678 measured, 0 hunted", "3 found", "0 to 3 pages, mean 1.14",
        "I18 56,789, I8 1,234",
        "1 busy of 2; 1 lost, 1 batches given up", "died of SIGSEGV and had hunting", "q or Ctrl-C ends in order",
    ):  # fmt: skip
        assert figure in text, figure
    assert "I18 pcpu_memcg_free_hook()" in text
    assert ("and 6 more" in text) == (width == 80)
    for more in ("I8 STEP_0", "2 s: the second", "all, from start to now"):
        assert (more in text) == (width == 120), more


def test_steps_of_one_function_are_one_line(dispatcher: Dispatcher) -> None:
    """Two steps of the post hook that broke the same invariant are listed as one, with the cases of both."""
    dispatcher.live.causes.clear()
    dispatcher.live.causes.update({"I18 at PO_ACCOUNT": 12, "I18 at PO_REMAINDER": 3, "I8 at RL_NODE": 5})
    found = Screen("", "", io.StringIO()).causes(dispatcher)
    assert [line.split() for line in found] == [
        ["I18", "pcpu_memcg_post_alloc_hook()", "15"], ["I8", "obj_cgroup_release()", "5"],
    ]  # fmt: skip


def test_nothing_is_said_of_what_is_not_looked_for(dispatcher: Dispatcher) -> None:
    """Without checks there are cases and waste, no behaviours, findings nor hunted cases; with them there are."""
    shown = []
    for checks in (True, False):
        dispatcher.limits = replace(dispatcher.limits, checks=checks)
        screen, out = Screen("percpu-fuzz: v2, seed 7", "60 s", io.StringIO()), io.StringIO()
        screen.console = Console(file=out, width=80, force_terminal=False)
        screen.console.print(screen.picture(dispatcher, 1, 2))
        shown.append(out.getvalue())
    for words in ("behaviours", "hunted", "I18", "last find"):
        assert words in shown[0]
        assert words not in shown[1]
    assert "mean" in shown[1]
    assert "not looked for" in shown[1]


def test_what_was_found_by_then() -> None:
    """Sums at moments evenly spaced from the start to now; the last is all of it."""
    assert found_by_then([5, 0, 1, 2], 2) == [5, 8]
    assert found_by_then([5, 1], 3) == [5, 6]


def test_bars_go_from_nothing_to_the_most() -> None:
    """0 is blank, the largest value the densest sign; the last values are shown."""
    assert bars([0, 4, 9], 10) == " =@"
    assert bars([1, 2, 3, 0], 2) == "@ "
    assert bars([0, 0.001, 9], 10) == " .@"
    assert bars([0, 4, 9], 10, BLOCKS) == " \u2584\u2588"
    assert bars([], 5) == ""
    assert bars([0, 0], 5) == "  "


def test_q_is_seen_and_the_terminal_is_left_as_it_was() -> None:
    """In cbreak mode while the screen is there; q asks for the end, other keys do not; an exception restores it too."""
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    with Screen("t", "60 s", io.StringIO(), slave) as screen:
        assert not cast(list[Any], termios.tcgetattr(slave))[3] & termios.ICANON
        assert not screen.wants_to_quit()
        os.write(master, b"x")
        assert not screen.wants_to_quit()
        os.write(master, b"q")
        assert screen.wants_to_quit()
    assert termios.tcgetattr(slave) == before
    with pytest.raises(KeyError), Screen("t", "60 s", io.StringIO(), slave):
        raise KeyError("planted")
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


def test_a_pipe_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """No terminal, or a dumb one, is no place for a screen."""
    assert not is_for_a_person(io.StringIO())
    assert not is_for_a_person(None)
    _, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal:
        monkeypatch.setenv("TERM", "dumb")
        assert not is_for_a_person(terminal)
        monkeypatch.setenv("TERM", "xterm")
        assert is_for_a_person(terminal)
