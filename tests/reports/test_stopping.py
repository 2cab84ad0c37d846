"""--stop: criteria parsed, sequences that hold at every look, and the control that does not."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from scipy.special import bdtr, bdtrc, zeta
from scipy.stats import binomtest

from engine.errors import InputError
from engine.outcome import Outcome, Signature
from fuzz.cli import STOP_HELP
from reports.sequences import ZETA_S, MeanSequence, S, _in_sequence, sequence_high, sequence_low, stitched
from reports.stopping import Criterion, Watch, figures, parse_stop, stop_help

STREAMS, LOOKS, BATCH = 2000, 40, 25
TAIL = 0.025


@pytest.mark.parametrize(
    ("text", "figure", "width", "op", "number", "level"),
    [
        ("ci(p99 waste) < 0.5 @ 0.95", "p99 waste", True, "<", 0.5, 0.95),
        ("rate(I1) < 1e-5 @ 0.99", "rate(I1)", False, "<", 1e-5, 0.99),
        ("ci(rate(I18))<=0.01", "rate(I18)", True, "<=", 0.01, 0.95),
        ("mean  waste >= 1.5", "mean waste", False, ">=", 1.5, 0.95),
        (" p50 in_flight > 3@.9 ", "p50 in_flight", False, ">", 3.0, 0.9),
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


def test_help_names_what_there_is() -> None:
    """The command's help is the grammar's own, and every figure in it parses."""
    assert stop_help() == STOP_HELP
    for figure in figures():
        assert parse_stop(f"{figure} < 1").figure == figure


@pytest.mark.parametrize(("k", "n"), [(0, 10), (10, 10), (3, 50), (400, 4000)])
def test_ends_of_a_rate_solve_their_equation(k: int, n: int) -> None:
    """At each end the mixture over the likelihood is 1 / tail, by numerical integration over Beta(1/2, 1/2)."""
    theta = np.sin(np.linspace(0, math.pi / 2, 400_001)[1:-1]) ** 2  # uniform in the angle: the arcsine law
    for end in (sequence_low(k, n, TAIL), sequence_high(k, n, TAIL)):
        if end in (0.0, 1.0):
            continue
        ratio = np.exp(k * np.log(theta / end) + (n - k) * np.log((1 - theta) / (1 - end)))
        assert ratio.mean() == pytest.approx(1 / TAIL, rel=0.01)
    assert sequence_low(k, n, TAIL) <= k / n <= sequence_high(k, n, TAIL)


def test_the_stitched_boundary_by_hand() -> None:
    """V = 100, scale 1, tail 0.025: terms by hand from equation 10 with eta 2, s 1.4; zeta(1.4) as scipy has it."""
    assert pytest.approx(zeta(S), rel=1e-12) == ZETA_S
    loglog = 1.4 * math.log(math.log(200)) + math.log(zeta(1.4) / (0.025 * math.log(2) ** 1.4))
    k1, k2 = (2**0.25 + 2**-0.25) / math.sqrt(2), (math.sqrt(2) + 1) / 2
    assert stitched(100, 1, 0.025) == pytest.approx(math.sqrt(k1**2 * 100 * loglog + k2**2 * loglog**2) + k2 * loglog)
    assert stitched(0, 3, 0.025) == stitched(9, 3, 0.025)


@pytest.mark.parametrize("p", [0.02, 0.3])
def test_rate_sequences_hold_at_every_look_and_exact_intervals_do_not(p: float) -> None:
    """2,000 streams of 1,000 cases looked at 40 times: the sequence misses p ever in not more than 5% (exact test at
    0.1%); Clopper and Pearson's interval, the control, misses it in more than 15%.
    """
    rng = np.random.default_rng(7)
    hits = rng.binomial(BATCH, p, (STREAMS, LOOKS)).cumsum(axis=1)
    n = BATCH * np.arange(1, LOOKS + 1)
    missed = sum(
        any(not _in_sequence(int(k), int(m), 2 * TAIL)(p) for k, m in zip(row, n, strict=True)) for row in hits
    )
    exact = ((bdtr(hits, n, p) <= TAIL) | (bdtrc(hits - 1, n, p) <= TAIL)).any(axis=1).sum()
    assert binomtest(missed, STREAMS, 0.05, alternative="greater").pvalue > 0.001
    assert exact > 0.15 * STREAMS


def test_mean_sequences_hold_at_every_look() -> None:
    """500 streams of skewed values in 0..8 looked at 40 times: the mean leaves the sequence in not more than 5% (exact
    test at 0.1%), and at the end the sequence is at most 4 times as wide as a normal interval.
    """
    weights = [60, 20, 10, 5, 2, 1, 1, 0, 1]
    mean = sum(v * w for v, w in enumerate(weights)) / 100
    deviation = math.sqrt(sum(w * (v - mean) ** 2 for v, w in enumerate(weights)) / 100)
    rng = random.Random(5)
    missed = 0
    for _ in range(500):
        sequence, ever = MeanSequence(8), False
        for _ in range(LOOKS):
            drawn = rng.choices(range(9), weights, k=BATCH)
            sequence.add({v: drawn.count(v) for v in set(drawn) if v}, BATCH)
            ever = ever or abs(sequence.total / sequence.n - mean) > sequence.half(TAIL)
        missed += ever
        assert sequence.half(TAIL) < 4 * 1.96 * deviation / math.sqrt(sequence.n)
    assert binomtest(missed, 500, 0.05, alternative="greater").pvalue > 0.001


def test_a_value_above_its_bound_is_refused() -> None:
    """The bound is an argument about the precharge; data that contradict it must not pass."""
    with pytest.raises(ValueError, match="outside 0 to 8"):
        MeanSequence(8).add({9: 1}, 10)


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
    """0 of n: the upper end passes 1e-2 at the n where the mixture's closed form does; a mean of 1 lies above 0.1."""
    rate = watching("rate(I1) < 1e-2", {"a": 1})
    mean = watching("mean waste > 0.1", {"a": 1})
    first = None
    for k in range(60):
        rate.add(batch(k, "a", 20, {}))
        mean.add(batch(k, "a", 20, {1: 20}))
        if first is None and rate.met():
            first = 20 * (k + 1)
    n = next(n for n in range(20, 2000, 20) if sequence_high(0, n, TAIL) < 1e-2)
    assert first == n
    assert mean.met()
    broken = watching("rate(I1) < 1e-2", {"a": 1})
    broken.add(batch(0, "a", 2000, {}, broken=100))
    assert not broken.met()
    assert "rate(I1) in [0.0" in str(broken)


def test_nothing_is_met_while_a_family_or_a_batch_is_unknown() -> None:
    """A family without cases, or a batch that could not be run, leaves the figure open."""
    watch = watching("ci(p50 waste) < 100", {"a": 3, "b": 1})
    watch.add(batch(0, "a", 5000, {1: 5000}))
    assert not watch.met()
    watch.add(batch(1, "b", 5000, {1: 5000}))
    assert watch.met()
    watch.add(Outcome("measurement", 2, "unknown", 10, 0))
    assert not watch.met()
    assert "10 cases unknown" in str(watch)
