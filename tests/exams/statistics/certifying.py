"""Coverage of the certificate's bounds: 2,000 campaigns through the store, the truth known."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from few_cases import few_cases
from narrowed import only
from stored_campaigns import counted, in_parallel, stored, too_few

from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT, Outcome, Signature
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.certificate import certificate, hit_chance
from percpu_fuzz.reports.statistics.anytime import anytime_high
from percpu_fuzz.reports.statistics.intervals import LEVEL, rate_high
from percpu_fuzz.strategies.draw.choices import kind_arrays
from percpu_fuzz.strategies.draw.topologies import Family, families
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.mutants import catalogue
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.portfolio import FEATURES_EVERY
from percpu_fuzz.strategies.run.features import NR_FEATURES

CAMPAIGNS = 2_000
SIZES = (16,) * 28  # cases of each batch, the families in turn
BRIEF_SIZES = tuple(1 if k % FEATURES_EVERY else 150 for k in range(28))  # features are kept of four batches
TRUTH_SEEDS, TRUTH_CASES = 40, 6_000
POOL_SEEDS, POOL_CASES = 20, 400  # cases of each family whose features are known one by one
MUTANT, BROKEN = "no-xchg", "I12"  # breaks this one invariant only: its cases are counted once
PCT_TASKS, PCT_STEPS, PCT_DEPTH = 3, 20, 2
Known = tuple[dict[str, float], dict[str, Any], float]  # rates and features by family, and what the features leave out


@cache
def plan() -> Plan:
    """A mutant on two families that it breaks with rates apart."""
    variant = next(m.variant for m in catalogue() if m.variant.name == MUTANT)
    chosen = {f.name: f for f in families()}
    names = ("small-random", "cxl-memoryless")
    return Plan(variant, 0, tuple(Family(name, 1, chosen[name].topologies) for name in names), learns=False)


@cache
def brief_plan() -> Plan:
    """The same with one task of two or three operations a case: few enough features for some hundred cases to know."""
    made = Plan(plan().variant, 0, plan().families, learns=False)
    limits = only(tasks=(1,), ops=(2, 3), max=(-1,), fail_populate=(0,), fail_create=(0,), fail_trylock=(0,))
    made.tables[MEASUREMENT] = (*kind_arrays(), limits)
    return made


@cache
def batches_of(made: Plan) -> Batches:
    """The batches of a plan, compiled; each campaign has a seed of its own."""
    batches = Batches(made)
    batches.warm()
    return batches


def truth_part(seed: int) -> dict[str, int]:
    """Violating cases of each family in one part of a large run; no other invariant breaks."""
    found = {}
    for k in range(2):
        outcome = few_cases(batches_of(plan()), MEASUREMENT, k, TRUTH_CASES, seed=2_000_000 + seed)
        assert {s.invariant for s in outcome.violations} <= {BROKEN}
        found[outcome.family] = sum(outcome.violations.values())
    return found


def pool_part(seed: int) -> dict[str, list[list[int]]]:
    """Features of cases drawn one a batch, by family."""
    found: dict[str, list[list[int]]] = {}
    for case in range(POOL_CASES):
        for k in (0, FEATURES_EVERY):
            number = 3_000_000 + seed * POOL_CASES + case
            outcome = few_cases(batches_of(brief_plan()), MEASUREMENT, k, 1, seed=number)
            found.setdefault(outcome.family, []).append(sorted(outcome.once))
    return found


def known() -> Known:
    """The truth. The pool's own lone cases bound what it leaves out; that is added to every chance of something new."""
    parts = in_parallel(truth_part, range(TRUTH_SEEDS))
    rates = {name: sum(part[name] for part in parts) / (TRUTH_SEEDS * TRUTH_CASES) for name in plan().weights}
    pools, lone = {}, 0
    rows = in_parallel(pool_part, range(POOL_SEEDS))
    for name in plan().weights:
        cases = [case for row in rows for case in row[name]]
        held = np.zeros((len(cases), NR_FEATURES), dtype=bool)
        for i, case in enumerate(cases):
            held[i, case] = True
        lone += int((held[:, held.sum(axis=0) == 1]).any(axis=1).sum())
        pools[name] = np.packbits(held, axis=1)
    return rates, pools, lone / (2 * POOL_SEEDS * POOL_CASES)


def campaign(made: Plan, seed: int, sizes: tuple[int, ...]) -> tuple[Campaign, list[Outcome]]:
    outcomes = (few_cases(batches_of(made), MEASUREMENT, k, cases, seed=seed) for k, cases in enumerate(sizes))
    return stored(made, outcomes, seed=seed)


def chance_of_something_new(read: Campaign, pools: dict[str, Any], left_out: float) -> float:
    """Share of the pool's cases that hold a feature which the campaign's stored features lack; families alike."""
    unseen = np.ones(NR_FEATURES, dtype=bool)
    unseen[list(read.evidence.features.holder)] = False
    mask = np.packbits(unseen)
    return float(np.mean([(pool & mask).any(axis=1).mean() for pool in pools.values()])) + left_out


def looked_at(kept: list[Outcome], rates: dict[str, float]) -> dict[str, bool]:
    """Whether the bounds reach the average rate of the cases so far after every batch."""
    found, violating, cases, expected = {"anytime at every look": True, "exact at every look": True}, 0, 0, 0.0
    for outcome in kept:
        violating += sum(outcome.violations.values())
        cases += outcome.cases
        expected += outcome.cases * rates[outcome.family]
        found["anytime at every look"] &= anytime_high(violating, cases) >= expected / cases
        found["exact at every look"] &= rate_high(violating, cases, 1 - LEVEL) >= expected / cases
    return found


def examined(given: tuple[int, Known]) -> dict[str, bool]:
    """Which bounds of a campaign's certificate reach the truth, and which controls do."""
    seed, (rates, pools, left_out) = given
    read, kept = campaign(plan(), seed, SIZES)
    said = certificate(read).rate
    assert said is not None
    rate = sum(rates[o.family] * o.cases for o in kept) / said.cases
    found = looked_at(kept, rates) | {"exact": said.exact >= rate, "anytime": said.anytime >= rate}
    brief, _ = campaign(brief_plan(), seed, BRIEF_SIZES)
    behaviour = certificate(brief).behaviour
    assert behaviour is not None
    new = chance_of_something_new(brief, pools, left_out)
    few = anytime_high(behaviour.discoveries // 4, behaviour.later_cases)
    found |= {"new behaviour": behaviour.upper_bound >= new, "control: a quarter of the discoveries": few >= new}
    return found | pct_covers(seed)


def pct_covers(seed: int) -> dict[str, bool]:
    """PCT's bound on the share of scenarios with a bug, from stored batches in which PCT hits as rarely as it may.

    Those batches are drawn here: how often the engine's PCT hits planted bugs is examined in tests/quality.
    """
    rng = np.random.default_rng(seed)
    share, chance = 10 ** rng.uniform(-2.5, -0.5), hit_chance(PCT_TASKS, PCT_STEPS, PCT_DEPTH)
    runs = int(rng.uniform(0.5, 8) / share / chance / 4)
    found = {}
    for name, caps in (("pct", [PCT_TASKS, PCT_STEPS]), ("control: half of the steps", [PCT_TASKS, PCT_STEPS // 2])):
        batches = [pct_batch(k, runs, int(rng.binomial(runs, share * chance))) for k in range(4)]
        read, _ = stored(plan(), batches, pct_caps={batches[0].family: caps})
        said = next(row for row in certificate(read).pct if row.depth == PCT_DEPTH)
        found[name] = said.share_at_most is None or said.share_at_most >= share
    return found


def pct_batch(k: int, runs: int, hits: int) -> Outcome:
    violations = {Signature(BROKEN, MUTANT, "IDLE", ()): hits} if hits else {}
    counts = {"scheduler.pct": runs, f"pct.depth.{PCT_DEPTH}": runs}
    first = dict.fromkeys(violations, (0,))
    return Outcome(HUNTING, k, next(iter(plan().weights)), runs, runs, 0, {}, counts, violations, first)


def certificate_coverage() -> dict[str, Any]:
    """Nominal 95% bounds are not rejected, the anytime one at every look; each control is."""
    batches_of(plan()), batches_of(brief_plan())  # compiled before the processes are forked
    truth = known()
    held = counted(in_parallel(examined, [(seed, truth) for seed in range(1, CAMPAIGNS + 1)]))
    controls = {name: held.pop(name) for name in list(held) if name.startswith(("control", "exact at"))}
    rejected = sorted(name for name in held if too_few(held[name], CAMPAIGNS))
    return {
        "passed": not rejected and all(too_few(n, CAMPAIGNS) for n in controls.values()), "campaigns": CAMPAIGNS,
        "cases_each": sum(SIZES), "looks": len(SIZES), "rates": truth[0], "left_out_of_the_pool": truth[2],
        "rejected": rejected, "coverage": {name: n / CAMPAIGNS for name, n in held.items()},
        "controls": {name: n / CAMPAIGNS for name, n in controls.items()},
        "truth_cases": TRUTH_SEEDS * 2 * TRUTH_CASES, "pool_cases": 2 * POOL_SEEDS * POOL_CASES,
    }  # fmt: skip


LINES = {"certificate-coverage": certificate_coverage}
