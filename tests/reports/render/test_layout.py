"""Plain text: numbers, wrapping, commands and bars."""

from __future__ import annotations

import shlex

import pytest

from percpu_fuzz.reports.numbers import (
    bars,
    bin_width,
    command,
    decimal,
    decimals_within,
    figure,
    lower_percent,
    paragraph,
    percent,
    plain,
    upper_percent,
)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0%"),
        (-0.0, "0%"),
        (0.25, "25%"),
        (0.00012, "0.012%"),
        (1.2e-7, "0.000012%"),
        (1.0, "100%"),
        (0.999, "99.9%"),
        (0.99999, "99.999%"),
    ],
)
def test_percentages_have_two_digits_and_no_exponent(share: float, text: str) -> None:
    """Small rates stay readable."""
    assert percent(share) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0074611, "0.75%"), (0.00741, "0.75%"), (0.9999, "100%"), (1.0, "100%"), (0.101, "11%"), (0.07, "7.0%")],
)
def test_an_upper_bound_is_rounded_up(share: float, text: str) -> None:
    """What is printed bounds as well."""
    assert upper_percent(share) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "-"),
        (0.0, "0%"),
        (-0.0, "0%"),
        (1.0, "100%"),
        (0.00129, "0.12%"),
        (0.9999, "99%"),
        (0.0567, "5.6%"),
        (0.29, "29%"),
        (0.57, "57%"),
    ],
)
def test_lower_bounds_are_rounded_down(share: float | None, text: str) -> None:
    """The figure printed is itself a lower bound."""
    assert lower_percent(share) == text


@pytest.mark.parametrize(
    ("low", "high", "decimals", "texts"),
    [
        (0.1194, 0.1231, 2, ("11.94%", "12.31%")),
        (0.11941, 0.12309, 2, ("11.94%", "12.31%")),
        (-0.0123, 0.0456, 1, ("-1.3%", "4.6%")),
        (0.000008, 0.0000191, 4, ("0.00080%", "0.0020%")),
        (0.05, 0.9, 0, ("5.0%", "90%")),
        (None, 0.25, 0, ("-", "25%")),
        (0.25, None, 0, ("25%", "-")),
        (0.25, 0.25, 0, ("25%", "25%")),
        (0.9991, 1.0, 3, ("99.910%", "100%")),
    ],
)
def test_ends_show_how_wide_an_interval_is(
    low: float | None, high: float | None, decimals: int, texts: tuple[str, str]
) -> None:
    """Two digits of the width, rounded outwards, on either side of 0; never fewer than two digits of an end."""
    assert decimals_within(low, high) == decimals
    assert (lower_percent(low, decimals), upper_percent(high, decimals)) == texts


def test_numbers_lose_no_sign_and_invent_none() -> None:
    """No minus zero, no nan; fewer decimals as numbers grow."""
    assert decimal(-0.0001) == "0.00"
    assert decimal(-1.5) == "-1.50"
    assert decimal(float("nan")) == decimal(None) == "-"
    assert [figure(x) for x in (9.987, 255.94, 1024.4)] == ["9.99", "255.9", "1,024"]


def test_text_from_outside_cannot_draw_on_the_page() -> None:
    """Control characters and letters beyond ASCII are shown escaped."""
    assert plain("a\x1b[31m\u00e9\n") == "a\\x1b[31m\\xe9\\x0a"


def test_a_long_word_is_broken_rather_than_let_out() -> None:
    """200 letters fit as three lines."""
    assert [len(line) for line in paragraph("y" * 200)] == [78, 78, 44]


def test_a_command_survives_pasting() -> None:
    """Joined again at its backslashes it has the same words; options keep their values on their line."""
    words = ["percpu-fuzz", "run", "--out", "a folder/with blanks", *[f"--option-{i}={'v' * 20}" for i in range(9)]]
    lines = command(shlex.join(words))
    assert len(lines) > 2
    assert all(len(line) <= 78 for line in lines)
    assert shlex.split("\n".join(lines).replace("\\\n", " ")) == words


def test_bins_are_few_and_bars_in_proportion() -> None:
    """1..1024 falls into bins of 100, all cases are counted, and a single case still shows."""
    assert [bin_width(0, 15), bin_width(0, 16), bin_width(1, 1024)] == [1, 2, 100]
    lines = bars({1: 1, 150: 1000, 1024: 500}, "pages")[1:]
    assert len(lines) == 11
    counts = [int(line.split()[1].replace(",", "")) for line in lines]
    assert counts == [1, 1000, *[0] * 8, 500]
    lengths = [line.count("#") for line in lines]
    assert lengths[0] == 1
    assert lengths[10] == lengths[1] // 2
