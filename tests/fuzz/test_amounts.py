"""Amounts as people type them, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percpu_fuzz.fuzz.options import seconds_in, whole_in


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5", 1.5), ("5m", 300), ("1h30m", 5400), ("2d", 172_800), ("1m30s", 90), ("0.5s", 0.5)],
)
def test_durations(text: str, seconds: float) -> None:
    """Plain seconds, and days, hours, minutes, seconds in that order."""
    assert seconds_in(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "5 m", "30m1h", "1e3", "-5m", "5x", "\u0665m", "nan", "1h-1m"])
def test_what_is_no_duration(text: str) -> None:
    """None, whatever it looks like."""
    assert seconds_in(text) is None


@pytest.mark.parametrize(
    ("text", "number"), [("2000", 2000), ("10k", 10_000), ("2M", 2_000_000), ("1e6", 10**6), ("1.5e6", 1_500_000)]
)
def test_numbers(text: str, number: int) -> None:
    """Plain, with a factor, or with a power of ten."""
    assert whole_in(text) == number


@pytest.mark.parametrize("text", ["", "k", "1.5", "1.5e0", "1e-3", "10K", "1_000", "0x10", "1e100", "\u0661"])
def test_what_is_no_whole_number(text: str) -> None:
    """None: no fraction is cut, no case of letters is guessed."""
    assert whole_in(text) is None


@given(st.integers(0, 10**9), st.integers(0, 9))
def test_powers_are_exact(digits: int, power: int) -> None:
    """No rounding, however large."""
    assert whole_in(f"{digits % 10**9}e{power}") == digits % 10**9 * 10**power
