"""What hunting cases gather: how often, of which kinds, and that the measurement stream never does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.declare import PlainRecord
from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.choices import (
    AT_TASKS,
    HEAD,
    KIND_NAMES,
    KINDS,
    LAYOUT,
    LENGTH,
    NR_TASKS,
    TASK,
    TASK_LENGTH,
    thresholds,
)
from percpu_fuzz.strategies.draw.decode import draw_choices, new_scratch
from percpu_fuzz.strategies.draw.gathered import GATHERED, with_gathering
from percpu_fuzz.strategies.draw.rng import below_n, new_rng, seed_rng
from percpu_fuzz.strategies.draw.topologies import families
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.redraw import plain_array
from percpu_fuzz.strategies.run.cases import GATHERING, OF_CASES, draw_numbers

SEED = 23
CASES = 2000
ERROR = 1e-6  # the chance that the test of shares fails although all is right
HOMES = [AT_TASKS + t * TASK_LENGTH + TASK.index("home") for t in range(NR_TASKS)]
ROOT = KINDS["home"].values.index(0)


def batch_of(stream: str, faults: tuple[str, ...] = ()) -> Batch:
    return Plan(VARIANTS["v2"], SEED, families()[:1], faults).batch_of(stream, 0)


def numbers_of(batch: Batch, case: int, whole: bool) -> tuple[Any, bytes]:
    """The choices of a case, and its generator afterwards."""
    rng, choices = new_rng(), new_scratch()
    draw_numbers(rng[0], np.uint64(batch.key), case, 1, int(batch.hunts), batch.tables, batch.corpus, choices, whole)
    return choices, rng.tobytes()


def all_at_root(batch: Batch) -> int:
    """In how many cases all five tasks start in the root, as one in 20^5 does that gathers nothing."""
    return sum(bool((numbers_of(batch, case, True)[0][HOMES] == ROOT).all()) for case in range(CASES))


def test_two_cases_in_five_gather() -> None:
    """So all tasks start in the root as often as that says, exactly binomial; without gathering they never do."""
    share = GATHERING / OF_CASES * GATHERED["home"].picks[0] / 100
    least, most = binom.ppf([ERROR / 2, 1 - ERROR / 2], CASES, share)
    batch = batch_of(HUNTING)
    assert least <= all_at_root(batch) <= most
    kinds, values, counts, _ = batch.tables
    ungathered = (kinds, values, counts, with_gathering(thresholds(HUNTING), (), {}))
    assert all_at_root(replace(batch, tables=ungathered)) == 0


def test_measurement_gathers_nothing() -> None:
    """A measured case is what draw_choices leaves, position by position, and so is its generator."""
    batch = batch_of(MEASUREMENT)
    tables: Any = tuple(map(plain_array, batch.tables))
    for case in range(5):
        rng: Any = PlainRecord(new_rng()[0])
        alone = [0] * LENGTH
        plain(seed_rng)(rng, batch.key, case)
        plain(below_n)(rng, 1)
        plain(draw_choices)(rng, tables, 0, alone, True)
        choices, after = numbers_of(batch, case, True)
        assert choices.tolist() == alone
        assert after == rng.to_array().tobytes()


def test_the_generator_goes_on_alike_whatever_the_program_uses() -> None:
    """Drawn whole or not, a hunting case leaves its generator in one place: schedules do not depend on it."""
    batch = batch_of(HUNTING)
    for case in range(50):
        assert numbers_of(batch, case, True)[1] == numbers_of(batch, case, False)[1]


def test_picks_are_values_of_kinds_that_do_not_say_what_is_used() -> None:
    """Values that a kind has, at most 100 in a hundred; no kind that decides which other positions mean anything."""
    for name, what in GATHERED.items():
        assert set(what.picks) <= set(KINDS[name].values)
        assert 0 < sum(what.picks.values()) <= 100
        assert 0 < what.share <= 100
        assert name not in (*HEAD[:4], "ops")
        assert name in LAYOUT


@pytest.mark.parametrize("fault", ["populate", "killed"])
def test_a_rate_that_was_asked_for_is_not_gathered_away(fault: str) -> None:
    """--faults populate=0.25 is a quarter of the attempts in hunting too: its kind, and no other, gathers nothing."""
    kind = {"populate": "fail_populate", "killed": "gfp"}[fault]
    usual, asked = (batch_of(HUNTING, faults).tables[3][len(KINDS) :] for faults in ((), (f"{fault}=0.25",)))
    assert usual[KIND_NAMES.index(kind)].any()
    assert not asked[KIND_NAMES.index(kind)].any()
    others = [row for row, name in enumerate(KIND_NAMES) if name != kind]
    assert np.array_equal(usual[others], asked[others])
