"""Signs of what is going on: when they come, what they say, and that nothing is left of them."""

from __future__ import annotations

import io
import time

import pytest

from percpu_fuzz.fuzz import progress
from percpu_fuzz.fuzz.progress import Sign, duration, working


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        """Yes."""
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    return Terminal()


def later(sign: Sign, seconds: float) -> None:
    """As if it had begun so much earlier."""
    sign.began -= seconds


def test_a_terminal_gets_one_line_that_goes(terminal: Terminal) -> None:
    """Nothing at first; then what, how far and how long, within the width; afterwards it is wiped out."""
    with Sign("shrinking case", 40, terminal) as sign:
        sign.at(1)
        assert terminal.getvalue() == ""
        later(sign, 8)
        sign.at(20)
        shown = terminal.getvalue()
        assert shown.startswith("\rpercpu-fuzz, 8 s: shrinking case 20 of 40 [#######........]")
        assert len(shown) <= 60
        sign.at(21)
        assert terminal.getvalue() == shown  # too soon after the last
    assert terminal.getvalue().endswith("\r")
    assert not terminal.getvalue().split("\r")[-2].strip()


def test_a_pipe_gets_a_line_now_and_then() -> None:
    """Whole lines without a bar, ten seconds apart, so that what is quick says nothing."""
    out = io.StringIO()
    with Sign("reading", 9, out) as sign:
        later(sign, 5)
        sign.at(1)
        assert out.getvalue() == ""
        later(sign, 7)
        sign.at(2)
        sign.at(3)
    assert out.getvalue() == "percpu-fuzz, 12 s: reading 2 of 9\n"


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (99, "percpu-fuzz, 8 s: compiling, functions 44 of 80 [###########.........], once: small 30 of 40"),
        (80, "percpu-fuzz, 8 s: compiling, functions 44 of 80 [###....], once: small 30 of 40"),
        (72, "percpu-fuzz, 8 s: compiling, functions 44 of 80, once: small 30 of 40"),
        (60, "percpu-fuzz, 8 s: compiling, functions 44 of 80, once: s..."),
        (46, "percpu-fuzz, 8 s: compiling, func... 44 of 80"),
    ],
)
def test_how_much_of_how_much_is_never_cut(columns: int, line: str, terminal: Terminal) -> None:
    """The bar is shorter or goes first, then the end of the details, then of the words."""
    sign = Sign("compiling, functions", 80, terminal, "once: small 30 of 40")
    sign.done = 44
    assert sign.text(8, columns - 1) == line
    assert len(line) < columns


def test_no_more_is_done_than_there_is(terminal: Terminal) -> None:
    """A total may be an estimate: what comes above it is not shown."""
    sign = Sign("compiling", 429, terminal)
    sign.done = 430
    assert sign.text(8) == f"percpu-fuzz, 8 s: compiling 429 of 429 [{'#' * 20}]"


def test_work_within_work_has_the_line(terminal: Terminal) -> None:
    """One line at a time: the innermost is shown, the outer one goes, and is back afterwards."""
    with Sign("outer", 0, terminal) as outer:
        later(outer, 8)
        outer.show()
        with Sign("inner", 0, terminal) as inner:
            assert not terminal.getvalue().split("\r")[-2].strip()
            later(inner, 8)
            later(outer, 8)
            outer.show()
            inner.show()
        assert terminal.getvalue().count("outer") == terminal.getvalue().count("inner") == 1
        outer.show()
        assert terminal.getvalue().count("outer") == 2


def test_work_that_says_nothing_is_watched(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread says it, and is gone before anything else happens. Control: quiet, there is no sign."""
    monkeypatch.setattr(progress, "FIRST_SECONDS", 0.05)
    monkeypatch.setattr(progress, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr("sys.stderr", terminal)
    with working("compiling"):
        until = time.monotonic() + 20
        while "compiling" not in terminal.getvalue() and time.monotonic() < until:
            time.sleep(0.01)
    assert "compiling" in terminal.getvalue()
    said = terminal.getvalue()
    monkeypatch.setattr(progress, "_quiet", [True])
    with working("compiling again"):
        time.sleep(0.2)
    assert terminal.getvalue() == said


def test_a_reader_that_has_gone_does_not_stop_the_work() -> None:
    """A full disk, or a file that is closed, is no error of what was going on."""
    closed = io.StringIO()
    sign = Sign("reading", 0, closed)
    later(sign, 30)
    closed.close()
    with sign:
        sign.show()


def test_durations_in_words() -> None:
    """Seconds, minutes, hours, without what is nought."""
    words = [duration(seconds) for seconds in (0.4, 59, 60, 90, 3600, 7500)]
    assert words == ["0 s", "59 s", "1 min", "1 min 30 s", "1 h", "2 h 5 min"]
