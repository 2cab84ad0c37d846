"""Pictures: places of values, round ticks, escaped text."""

from __future__ import annotations

import re

import pytest
from markupsafe import Markup

from percpu_fuzz.reports.render.pictures import Curve, bins, curves_picture, distribution_picture, shade_of
from percpu_fuzz.reports.render.svg import Axis, band, coordinate, element, round_step, steps


def test_text_and_attributes_are_escaped() -> None:
    """Neither ends an element or an attribute; what is markup already stays."""
    assert element("text", "<b>&", x=1.0, class_='"a') == '<text x="1" class="&#34;a">&lt;b&gt;&amp;</text>'
    assert element("g", Markup("<i/>")) == "<g><i/></g>"
    assert element("rect", width=None) == "<rect/>"


@pytest.mark.parametrize(("value", "text"), [(1.0, "1"), (0.26, "0.3"), (-0.01, "0"), (-2.5, "-2.5"), (1e5, "100000")])
def test_coordinates_have_one_decimal(value: float, text: str) -> None:
    """Short, and the same everywhere."""
    assert coordinate(value) == text


def test_an_axis_lays_values_out() -> None:
    """Linear and logarithmic places; what lies beyond is kept at the end."""
    axis = Axis(0, 10, 100, 200)
    assert [axis.at(value) for value in (-5, 0, 5, 10, 99)] == [100, 100, 150, 200, 200]
    log = Axis(0, 7, 0, 3, log=True)
    assert [log.at(value) for value in (0, 1, 3, 7)] == [0, 1, 2, 3]
    assert Axis(3, 3, 0, 10).at(3) == 5


def test_ticks_are_round() -> None:
    """Steps of 1, 2 or 5 times a power of ten, powers of two on a logarithmic axis, within the axis."""
    assert Axis(0, 10, 0, 1).ticks() == [0, 2, 4, 6, 8, 10]
    assert Axis(-3, 4, 0, 1).ticks() == [-2, 0, 2, 4]
    assert Axis(0, 100, 0, 1, log=True).ticks() == [0, 1, 2, 4, 8, 16, 32, 64]
    assert len(Axis(0, 1e6, 0, 1, log=True).ticks()) <= 8
    assert [round_step(value) for value in (0, 0.03, 1, 1.1, 7, 20)] == [1, 0.05, 1, 2, 10, 20]


def test_steps_and_bands_hold_their_value() -> None:
    """A step goes on to the next place and to the axis's end; a band closes around it."""
    x, y = Axis(0, 4, 0, 40), Axis(0, 1, 10, 0)
    assert 'd="M0 10H20V0H40"' in steps(x, y, [(0, 0), (2, 1)], "s1")
    assert 'd="M0 5V5H20V0H40V5H20V10H0Z"' in band(x, y, [(0, 0, 0.5), (2, 0.5, 1)], "s1")
    assert steps(x, y, [], "s1") == band(x, y, [], "s1") == ""


def test_bins_join_what_would_not_fit() -> None:
    """One bin a value while there is room; equal bins that lose nothing beyond, negative values too."""
    assert bins({0: 0.5, 3: 0.5}) == (1, {0: 0.5, 1: 0.0, 2: 0.0, 3: 0.5})
    width, found = bins({-1: 0.25, 100: 0.25, 199: 0.5})
    assert width == 10
    assert sum(found.values()) == 1.0
    assert found[-10] == 0.25


def test_bars_are_as_high_as_their_share() -> None:
    """Twice the share, twice the height."""
    drawn = distribution_picture("x", {0: 0.25, 1: 0.5}, Curve("s2", ()), "pages", (0, "bound"))
    low, high = (float(h) for h in re.findall(r'height="([\d.]+)" class="bar"', drawn))
    assert high == pytest.approx(2 * low, abs=0.2)
    assert "bound" in drawn


def test_a_bound_far_below_all_values_is_not_drawn_at_the_edge() -> None:
    """Values from 745 on leave no place for a bound at 1 on the axis; one that is on it is drawn (control)."""
    curve = Curve("s2", ())
    assert "bound" not in distribution_picture("x", {745: 0.5, 955: 0.5}, curve, "pages", (1, "bound"))
    assert "bound" in distribution_picture("x", {745: 0.5, 955: 0.5}, curve, "pages", (800, "bound"))


def test_a_curve_without_a_point_is_an_empty_frame() -> None:
    """Nothing to draw is no error."""
    assert "<path" not in curves_picture("x", [Curve("s1", ())], ("a", "b"))


def test_shades_cover_their_range() -> None:
    """From 0 for the least value to 7 for the largest by rank, however far that one is from the others."""
    values = [1.0, 2.0, 3.0, 900.0]
    assert [shade_of(values, value) for value in values] == [0, 2, 4, 7]
    assert shade_of([5.0], 5.0) == 0
