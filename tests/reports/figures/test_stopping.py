"""--stop: criteria parsed, watched and met. What the intervals hold is in test_stopping_coverage.py."""

from __future__ import annotations

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import Outcome, Signature
from percpu_fuzz.reports.figures.headroom import PAIR
from percpu_fuzz.reports.figures.stopping import Criterion, Watch, figure_names, parse_stop
from percpu_fuzz.reports.statistics.anytime import anytime_high

EACH = 0.975  # level of either end of a 95% interval


@pytest.mark.parametrize(
    ("text", "figure", "width", "op", "number", "level"),
    [
        ("ci(p99 waste) < 0.5 @ 0.95", "p99 waste", True, "<", 0.5, 0.95),
        ("rate(I1) < 1e-5 @ 0.99", "rate(I1)", False, "<", 1e-5, 0.99),
        ("ci(rate(I18))<=0.01", "rate(I18)", True, "<=", 0.01, 0.95),
        ("mean  waste >= 1.5", "mean waste", False, ">=", 1.5, 0.95),
        (" p50 in_flight > 3@.9 ", "p50 in_flight", False, ">", 3.0, 0.9),
        ("mean(waste) < 2.", "mean waste", False, "<", 2.0, 0.95),
        ("rate(I1)<.5e-05@0.95", "rate(I1)", False, "<", 5e-6, 0.95),
        ("ci( p90( rounding ) ) < 2", "p90 rounding", True, "<", 2.0, 0.95),
        ("rate(any) < 1e-4", "rate(any)", False, "<", 1e-4, 0.95),
        ("ci(rate(spurious h=4)) < 0.1", "rate(spurious h=4)", True, "<", 0.1, 0.95),
        ("rate(spurious h = 016) > 0.1", "rate(spurious h=16)", False, ">", 0.1, 0.95),
    ],
)
def test_criteria(text: str, figure: str, width: bool, op: str, number: float, level: float) -> None:
    """Figure, op, number and level are as typed; the level is 0.95 unless given."""
    assert parse_stop(text) == Criterion(text.strip(), figure, width, op, number, level)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "FIGURE OP NUMBER"),
        ("p99 waste", "FIGURE OP NUMBER"),
        ("p98 waste < 1", "the nearest is 'p99 waste'"),
        ("rate(I99) < 1", "no figure 'rate(I99)'"),
        ("ci(p99 waste) > 1", "for the width"),
        ("p99 waste < 1 @ 0.3", "level 0.3"),
        ("p99 waste == 1", "FIGURE OP NUMBER"),
        ("p99 waste < -1", "FIGURE OP NUMBER"),
        ("p99 waste < 1e999", "number 1e999"),
        ("mean misplaced < 1", "no figure 'mean misplaced'"),
        ("rate(spurious) < 1", "the nearest is 'rate(spurious h=4)'"),
        ("ci(ci(p99 waste)) < 1", "no figure"),
        ("__import__('os') < 1", "no figure"),
    ],
)
def test_what_is_no_criterion_is_refused(text: str, said: str) -> None:
    """One line that says what is wrong, with the nearest figure where there is one."""
    with pytest.raises(InputError) as caught:
        parse_stop(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_figure_parses() -> None:
    """By its name, as the command's help gives it."""
    for figure in figure_names():
        assert parse_stop(f"{figure} < 1").figure == figure


def batch(k: int, family: str, cases: int, waste: dict[int, int], broken: int = 0) -> Outcome:
    violations = {Signature("I1", "v1", "X", (n,)): 1 for n in range(broken)}
    return Outcome("measurement", k, family, cases, 0, 0, {"waste_pages": waste}, violations=violations)


def watching(text: str, families: dict[str, int]) -> Watch:
    return Watch(parse_stop(text), families, dict.fromkeys(families, 4))


def test_a_criterion_is_met_when_its_interval_allows() -> None:
    """Waste of 1 in every probe of both families: the width of p50 is 0 once enough was seen, and not at once."""
    watch = watching("ci(p50 waste) < 0.5", {"a": 3, "b": 1})
    looks = []
    for k in range(40):
        watch.add(batch(k, "ab"[k % 2], 20, {1: 20}))
        looks.append(watch.met())
    assert looks[0] is False
    assert looks[-1] is True
    assert looks == sorted(looks)
    assert str(watch).startswith("p50 waste in [1, 1] at 0.95, whenever one looks; 800 measured cases")


def test_rates_and_means_meet_their_numbers() -> None:
    """0 of n: the upper end passes 1e-2 at the n where the certificate's bound does; a mean of 1 lies above 0.1."""
    rate = watching("rate(I1) < 1e-2", {"a": 1})
    mean = watching("mean waste > 0.1", {"a": 1})
    first = None
    for k in range(60):
        rate.add(batch(k, "a", 20, {}))
        mean.add(batch(k, "a", 20, {1: 20}))
        if first is None and rate.met():
            first = 20 * (k + 1)
    n = next(n for n in range(20, 2000, 20) if anytime_high(0, n, EACH) < 1e-2)
    assert first == n
    assert mean.met()
    broken = watching("rate(I1) < 1e-2", {"a": 1})
    broken.add(batch(0, "a", 2000, {}, broken=100))
    assert not broken.met()
    assert "rate(I1) in [0.0" in str(broken)


def test_rates_are_of_the_cases_as_run() -> None:
    """A family of weight 1 in 100 without a case leaves quantiles open, and not a rate: that is of what was run."""
    rate = watching("rate(any) < 1e-2", {"a": 99, "b": 1})
    quantile = watching("ci(p99 waste) < 100", {"a": 99, "b": 1})
    for watch in (rate, quantile):
        watch.add(batch(0, "a", 2000, {1: 2000}))
    assert rate.met()
    assert not quantile.met()


def test_any_violation_lies_between_the_largest_count_and_the_sum() -> None:
    """30 cases broke I1 and 20 of them or others I2: 30 at least, 50 at most, never more than there are cases."""
    watch = watching("rate(any) < 1", {"a": 1})
    broken = {Signature("I1", "v1", "X", ()): 30, Signature("I2", "v1", "X", ()): 20}
    watch.add(Outcome("measurement", 0, "a", 1000, 0, violations=broken))
    one = watching("rate(I1) < 1", {"a": 1})
    one.add(batch(0, "a", 1000, {}, broken=30))
    assert watch.interval().low == one.interval().low
    assert watch.interval().high == anytime_high(50, 1000, EACH)
    few = watching("rate(any) < 1", {"a": 1})
    few.add(Outcome("measurement", 0, "a", 40, 0, violations=broken))
    assert few.interval().high == 1.0


def test_rounding_is_in_pages() -> None:
    """Histograms hold sixteenths: 8 of them are half a page."""
    watch = watching("p50 rounding < 1", {"a": 1})
    watch.add(Outcome("measurement", 0, "a", 1000, 0, 0, {"rounding_bytes16": {8: 1000}}))
    assert (watch.interval().low, watch.interval().high) == (0.5, 0.5)


def test_spurious_failures_are_of_what_fits() -> None:
    """With 4 pages: 300 probes of 4 used and 6 precharged fail, 100 of 3 and 4 pass, 500 of 5 used do not fit."""
    key = {(6, 4): 300, (4, 3): 100, (9, 5): 500}
    joint = {precharge * PAIR + used: number for (precharge, used), number in key.items()}
    watch = watching("ci(rate(spurious h=4)) < 0.2", {"a": 1})
    watch.add(Outcome("measurement", 0, "a", 2000, 0, 0, {"precharge_used": joint}))
    low, high = watch.interval().low, watch.interval().high
    assert low is not None
    assert high is not None
    assert 0.65 < low < 0.75 < high < 0.85
    assert watch.met()


def test_nothing_is_met_while_a_family_or_a_batch_is_unknown() -> None:
    """A family of half the weight without cases, or a batch that could not be run, leaves the figure open."""
    watch = watching("ci(p50 waste) < 100", {"a": 1, "b": 1})
    watch.add(batch(0, "a", 5000, {1: 5000}))
    assert not watch.met()
    watch.add(batch(1, "b", 5000, {1: 5000}))
    assert watch.met()
    watch.add(Outcome("measurement", 2, "unknown", 10, 0))
    assert not watch.met()
    assert "(10 unknown)" in str(watch)


def test_unknown_cases_may_have_violated() -> None:
    """For a rate each unknown case counts as violating above and as clean below."""
    watch = watching("rate(I1) < 0.5", {"a": 1})
    watch.add(batch(0, "a", 990, {}, broken=30))
    watch.add(Outcome("measurement", 1, "unknown", 10, 0))
    assert watch.interval().high == anytime_high(40, 1000, EACH)


def test_waste_above_its_bound_leaves_the_mean_open() -> None:
    """The bound is an argument about the precharge: with 4 nodes 37 pages can be wasted, 38 cannot."""
    watch = watching("mean waste < 100", {"a": 1})
    watch.add(batch(0, "a", 1000, {37: 1000}))
    assert watch.met()
    watch.add(batch(1, "a", 1000, {38: 1}))
    assert not watch.met()
