"""Rates of injected failures."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest

from percpu_fuzz.engine.core.labels import OP_KILLED
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.draw.choices import KIND_NAMES, KINDS, thresholds
from percpu_fuzz.strategies.draw.faults import FAILURES, fault_rates, with_rates
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.recipe import make_plan


def shares(limits: object, kind: str) -> list[float]:
    """Probability of each value of a kind."""
    row = KIND_NAMES.index(kind)
    ends = [0, *(int(limits[row, i]) for i in range(len(KINDS[kind].values)))]  # type: ignore[index]
    return [(b - a) / (1 << 32) for a, b in pairwise(ends)]


@pytest.mark.parametrize("stream", ["measurement", "hunting"])
def test_a_rate_is_the_share_of_draws(stream: str) -> None:
    """The failing values together have the rate; the others keep their proportions; other kinds are as before."""
    limits = with_rates(thresholds(stream), fault_rates(("populate=0.25", "killed=0.5")))
    assert shares(limits, "fail_populate") == pytest.approx([0.75, 0.25], abs=1e-9)
    assert shares(limits, "fail_create") == shares(thresholds(stream), "fail_create")
    values = KINDS["gfp"].values
    before, after = shares(thresholds(stream), "gfp"), shares(limits, "gfp")
    assert sum(p for p, v in zip(after, values, strict=True) if v & OP_KILLED) == pytest.approx(0.5, abs=1e-8)
    kept = [i for i, v in enumerate(values) if not v & OP_KILLED]
    assert [after[i] / after[kept[0]] for i in kept] == pytest.approx([before[i] / before[kept[0]] for i in kept])


@pytest.mark.parametrize("name", ["charge", "no-space", "node"])
def test_failures_that_were_never_drawn_can_be_asked_for(name: str) -> None:
    """Without a rate they have none; with one, the failing values share it evenly."""
    kind, bit = FAILURES[name]
    for stream in ("measurement", "hunting"):
        assert shares(thresholds(stream), kind)[0] == 1
        found = shares(with_rates(thresholds(stream), fault_rates((f"{name}=0.4",))), kind)
        failing = [share for share, value in zip(found, KINDS[kind].values, strict=True) if value & bit]
        assert failing == pytest.approx([0.4 / len(failing)] * len(failing), abs=1e-9)


def test_none_injects_nothing_and_one_always_fails() -> None:
    """With `none` no draw is a failure; with a rate of 1 every draw is."""
    limits = with_rates(thresholds("hunting"), fault_rates(("none",)))
    assert [shares(limits, f"fail_{name}")[1] for name in ("populate", "create", "trylock")] == [0, 0, 0]
    always = with_rates(thresholds("hunting"), fault_rates(("create=1",)))
    assert shares(always, "fail_create") == [0, 1]


def test_more_failures_leave_fewer_areas() -> None:
    """Where every populate fails, no new page is ever populated: the failure rate shows in the counts."""
    failing = Batches(make_plan("fixed", 3, faults=("populate=1",))).outcome("measurement", 0)
    sound = Batches(make_plan("fixed", 3, faults=("none",))).outcome("measurement", 0)
    lost = [outcome.counts["alloc"] - outcome.counts["refunded"] for outcome in (failing, sound)]
    assert failing.violations == {}
    assert failing.counts["probe.alloc_failed"] > 5 * sound.counts["probe.alloc_failed"]
    assert lost[0] < lost[1]


def test_each_failure_shows_in_the_counts() -> None:
    """Charges that fail, searches that find nothing and nodes without a page: each is counted, nothing breaks."""
    sound = Batches(make_plan("fixed", 3, faults=("none",))).outcome("measurement", 0)
    for fault, count in (("charge", "charge_failed"), ("no-space", "hazard.H13"), ("node", "hazard.H13")):
        failing = Batches(make_plan("fixed", 3, faults=("none", f"{fault}=0.5"))).outcome("measurement", 0)
        assert failing.violations == {}
        assert failing.counts[count] > 1.2 * sound.counts[count], fault


def test_a_name_twice_is_refused() -> None:
    """Two rates of one failure contradict each other."""
    with pytest.raises(InputError, match="each name once"):
        fault_rates(("killed=0.5", "killed=0.6"))


@pytest.mark.parametrize("text", ["fire", "populate", "populate=", "populate=2", "populate=-0.1", "trylock=1e-3", "=1"])
def test_what_is_no_fault_is_refused(text: str) -> None:
    """One line that names the option and what it takes."""
    with pytest.raises(InputError, match="--faults"):
        fault_rates((text,))


def test_names_are_those_of_the_table() -> None:
    """Every failure names a kind of choice whose values can be that failure."""
    for kind, bit in FAILURES.values():
        assert any(value & bit for value in KINDS[kind].values)
        assert not all(value & bit for value in KINDS[kind].values)
    assert fault_rates(("none", "killed=0.5"))["killed"] == Fraction(1, 2)
