"""A campaign's digest is a function of seed, batches and configuration: not of objects, order or hash seeds."""

from __future__ import annotations

import os
import subprocess
import sys

from few_cases import few_cases

from percpu_fuzz.engine.core.compiled import ROOT
from percpu_fuzz.engine.outcome import Outcome, digest
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.recipe import make_plan

SEED = 11
# Batches 0 to 4 of each stream: families of class small, among them three different ones, and one of class wide.
BATCHES = tuple((stream, k) for stream in ("measurement", "hunting") for k in range(5))
# A batch is cut short here: its cases are the first of the full batch.
CASES = 40

ASK = """
from dataclasses import replace
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.engine.outcome import digest
run = Batches(make_plan("v2", {seed}))
cut = [replace(run.batch_of(s, k), cases={cases}) for s in ("measurement", "hunting") for k in range(5)]
print(digest(map(run.run, cut)))
"""


def outcomes(plan: Plan, numbers: tuple[tuple[str, int], ...] = BATCHES) -> list[Outcome]:
    batches = Batches(plan)
    return [few_cases(batches, stream, k, CASES) for stream, k in numbers]


def test_two_plans_of_one_seed_agree() -> None:
    """Equal rows from two Plan objects, whichever batches the records ran before."""
    first, second = make_plan("v2", SEED), make_plan("v2", SEED)
    assert {first.family_of(stream, k).name for stream, k in BATCHES} >= {"small-random", "two-node"}
    forward = outcomes(first)
    backward = outcomes(second, BATCHES[::-1])[::-1]
    assert [row.canonical() for row in forward] == [row.canonical() for row in backward]
    assert digest(forward) == digest(backward[::-1])


def test_another_seed_or_stream_or_batch_is_another_draw() -> None:
    """Control: the digest moves with the seed, and no two batches have equal counts."""
    rows = outcomes(make_plan("v2", SEED))
    assert digest(rows) != digest(outcomes(make_plan("v2", SEED + 1)))
    assert len({(row.steps, str(row.counts)) for row in rows}) == len(rows)


def test_rows_come_back_from_their_bytes() -> None:
    """canonical() and from_canonical() are inverses, so a digest over stored rows is the digest of the run."""
    rows = outcomes(make_plan("v1", SEED))
    again = [Outcome.from_canonical(row.canonical()) for row in rows]
    assert again == rows
    assert digest(again) == digest(rows)
    assert any(row.violations for row in rows)


def test_hash_seed_plays_no_part() -> None:
    """Interpreters with PYTHONHASHSEED 0 and 1 print the digest that this one computes."""
    here = digest(outcomes(make_plan("v2", SEED)))
    for hash_seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", ASK.format(seed=SEED, cases=CASES)], cwd=ROOT, capture_output=True, text=True,
            env=os.environ | {"PYTHONHASHSEED": hash_seed}, timeout=600, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == here
