"""The plan of a campaign: which batch draws from which family, and how a case is found again from its numbers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from engine.compiled import code_version
from engine.errors import InputError
from engine.outcome import Outcome, Signature
from engine.records import SIZE_CLASSES, Prog, Record, State, new_record
from engine.reset import reset
from engine.scenario import Finding, Scenario
from engine.topology import Topology, size_class_of, topo_record
from engine.variant import CHARGE_PAGES, FREE_EACH_PAGE, VARIANTS, Variant
from strategies import batch as batches
from strategies import canary
from strategies.choices import kind_arrays, thresholds
from strategies.decode import new_scratch
from strategies.faults import NESTED_REFRESH, fault_rates, with_rates
from strategies.features import NR_FEATURES, features_of, new_trail
from strategies.redraw import finding_of, repeated
from strategies.replay import Run
from strategies.rng import key_of, new_rng
from strategies.schedulers.record import SCHEDULERS, new_sched
from strategies.topologies import Family, families, preset, single_family
from strategies.walk import CHECK_TOUCHED

CASES_AT_FIRST, CASES_LATER = 1000, 4000  # a batch of class small; class wide fewer, by its number of nodes
BATCHES_AT_FIRST = 16  # of each stream: short campaigns spread over all workers, long ones keep fewer rows
FEATURES_EVERY = 9  # of so many batches one keeps its features: they are most of a row; 9 passes through all turns
CASES_KEPT = 256
STREAMS = ("measurement", "hunting")
PORTFOLIO = "portfolio"
TURNS = (("pct", 3), ("random", 0), ("pos", 0), ("pct", 2), ("urw", 0), ("preemption", 2), ("delay", 3), ("pct", 4))
DEPTHS = {"pct": 3, "preemption": 2, "delay": 3}  # where a scheduler is chosen by name
MOST_STEPS = {"small": 1024, "wide": 8192}  # the k that change points are spread over


@dataclass(slots=True)
class Machinery:
    """The records of one size class in one process."""

    progs: Record
    states: Record
    rngs: Record = field(default_factory=new_rng)
    scheds: Record = field(default_factory=new_sched)
    trails: Record = field(default_factory=new_trail)


@dataclass
class Plan:
    """A campaign's plan; batch() is a pure function of (seed, stream, k) and this configuration."""

    variant: Variant
    seed: int
    strata: tuple[Family, ...]
    faults: tuple[str, ...] = ()
    scheduler: str = PORTFOLIO

    def __post_init__(self) -> None:
        self.classes = tuple(self._class_of(family) for family in self.strata)
        self.pools: dict[int, Record] = {}
        self.cases_seen: dict[tuple[str, int, int], tuple[Scenario, Run]] = {}
        self.machinery: dict[str, Machinery] = {}
        kinds, values, counts = kind_arrays()
        self.tables = {stream: (kinds, values, counts, self._limits(stream)) for stream in STREAMS}
        self.choices, self.scratch = new_scratch(), new_scratch()
        self.order = _stratum_order([family.weight for family in self.strata])

    @staticmethod
    def _class_of(family: Family) -> str:
        return "wide" if any(size_class_of(t) == "wide" for t in family.topologies) else "small"

    def _limits(self, stream: str) -> Any:
        """Thresholds of a stream, with the rates of injected failures that were asked for."""
        return with_rates(thresholds(stream), fault_rates(self.faults))

    def stratum(self, stream: str, k: int) -> int:
        """The family of a batch: by weight, in an order fixed beforehand; both streams use the same."""
        return self.order[k % len(self.order)]

    def cases_per_batch(self, stream: str, k: int) -> int:
        stratum = self.stratum(stream, k)
        if self.classes[stratum] == "small":
            return CASES_AT_FIRST if k < BATCHES_AT_FIRST else CASES_LATER
        return max(2, 2000 // max(len(t.nodes) for t in self.strata[stratum].topologies))

    def pool(self, stratum: int) -> Record:
        """The family's machines as an array of Topo records."""
        if stratum not in self.pools:
            size_class = self.classes[stratum]
            rows = [topo_record(t, size_class) for t in self.strata[stratum].topologies]
            self.pools[stratum] = np.concatenate(rows)
        return self.pools[stratum]

    def prepare(self, prog: Any) -> None:
        """Write into a Prog record what is the same in every case: the variant, retries, faults."""
        self.variant.write(prog)
        prog["nr_retries"], prog["nr_tasks"], prog["nr_memcgs"] = 16, 1, 1
        prog["memcg_parent0"][0] = -1
        prog["nested_refresh"] = NESTED_REFRESH in self.faults

    def machine(self, size_class: str) -> Machinery:
        """This process's records, with the variant written and every row cleared once."""
        if size_class not in self.machinery:
            progs, states = new_record(Prog, size_class), new_record(State, size_class)
            self.prepare(progs[0])
            reset(self.pool(self.classes.index(size_class))[0], progs[0], states[0], True)
            self.machinery[size_class] = Machinery(progs, states)
        return self.machinery[size_class]

    def turn(self, stream: str, k: int) -> tuple[str, int]:
        """Scheduler and depth of a batch. The measurement stream always walks at random: its distribution is fixed."""
        if stream == "measurement":
            return "random", 0
        if self.scheduler == PORTFOLIO:
            return TURNS[k % len(TURNS)]
        return self.scheduler, DEPTHS.get(self.scheduler, 0)

    def set_sched(self, sched: Any, stream: str, k: int) -> None:
        """Write a batch's scheduler into a Sched record."""
        name, depth = self.turn(stream, k)
        sched["kind"], sched["depth"] = SCHEDULERS.index(name), depth
        sched["most_steps"] = MOST_STEPS[self.classes[self.stratum(stream, k)]]

    def key(self, stream: str, k: int) -> int:
        return key_of(self.seed, stream, k)

    def batch(self, stream: str, k: int, checks: int = CHECK_TOUCHED) -> Outcome:
        """Run batch k of a stream, and the canary that it carries."""
        outcome = self.run(stream, k, self.cases_per_batch(stream, k), checks)
        if canary.is_due(k):
            outcome.counts.update(self.canary(canary.turn_of(stream, k), checks))
        return outcome

    def canary(self, turn: int, checks: int = CHECK_TOUCHED) -> dict[str, int]:
        """Counts of a canary: a planted mistake on a machine of its own."""
        planted = Plan(canary.planted_variant(turn), canary.SEED, single_family(preset("two-node")), scheduler="random")
        return canary.counts_of(planted.run("hunting", 0, canary.CASES, checks))

    def run(self, stream: str, k: int, cases: int, checks: int = CHECK_TOUCHED) -> Outcome:
        """Run the first `cases` cases of batch k."""
        stratum = self.stratum(stream, k)
        m = self.machine(self.classes[stratum])
        self.set_sched(m.scheds[0], stream, k)
        rows = np.zeros((cases, batches.NR_COLUMNS), dtype=np.int64)
        totals, hazards = np.zeros(batches.NR_TOTALS, dtype=np.int64), np.zeros(26, dtype=np.int64)
        events = np.zeros((cases * batches.NR_INVARIANT, 4), dtype=np.int32)
        cases_with, last_case = np.zeros(NR_FEATURES, dtype=np.int32), np.zeros(NR_FEATURES, dtype=np.int32)
        nr_events = batches.run_batch(
            self.pool(stratum), m.progs, m.states, m.rngs, m.scheds, m.trails, np.uint64(self.key(stream, k)), cases,
            int(stream == "hunting"), checks, self.tables[stream], self.choices, self.scratch,
            rows, totals, hazards, events, cases_with, last_case,
        )  # fmt: skip
        outcome = batches.outcome_of(
            stream, k, self.strata[stratum].name, self.variant.name, cases, rows, totals, hazards,
            events[:nr_events],
        )  # fmt: skip
        if k % FEATURES_EVERY == 0:
            outcome = replace(outcome, **features_of(cases_with, last_case))
            outcome.counts["feature_cases"] = cases
        name, depth = self.turn(stream, k)
        outcome.counts["scheduler." + name] = cases
        if name == "pct":
            outcome.counts[f"pct.depth.{depth}"] = cases
        return outcome

    def repeated(self, stream: str, k: int, case: int) -> tuple[Scenario, Run]:
        """A case drawn and replayed; the last ones are kept, as a case often violates several invariants."""
        key = (stream, k, case)
        if key not in self.cases_seen:
            if len(self.cases_seen) >= CASES_KEPT:
                self.cases_seen.clear()
            self.cases_seen[key] = repeated(self, stream, k, case)
        return self.cases_seen[key]

    def finding(self, stream: str, k: int, case: int, signature: Signature) -> Finding:
        """A violating case, drawn again and replayed twice. NotRepeatableError if it differs."""
        return finding_of(self, stream, k, case, signature)

    def warm(self) -> float:
        """Compile (or load) what the plan needs, in this process; seconds."""
        start = time.perf_counter()
        seen = set()
        for k in range(len(self.order)):
            size_class = self.classes[self.stratum("measurement", k)]
            if size_class not in seen:
                seen.add(size_class)
                self.run("measurement", k, 1)
        self.canary(0)
        return time.perf_counter() - start

    def describe(self) -> dict[str, object]:
        return {
            "variant": self.variant.name,
            "not as v2": _changed(self.variant),
            "seed": self.seed,
            "scheduler": self.scheduler,
            "faults": list(self.faults),
            "families": {family.name: family.weight for family in self.strata},
            "pct_caps": {family.name: caps_of(size) for family, size in zip(self.strata, self.classes, strict=True)},
            "code": code_at_start(),
        }


def caps_of(size_class: str) -> list[int]:
    """[n, k] of PCT's guarantee: most tasks with the kernel's workers, steps that change points are spread over."""
    return [SIZE_CLASSES[size_class]["tasks"], MOST_STEPS[size_class]]


@cache
def code_at_start() -> str:
    """The code version of this process: what was loaded, whatever is edited meanwhile."""
    return code_version()


def _changed(variant: Variant) -> dict[str, int]:
    """The choices in which a variant differs from v2; what it is held to (judge) is no part of what it does."""
    v2 = VARIANTS["v2"].choices()
    return {name: value for name, value in variant.choices().items() if value != v2[name] and name != "judge"}


def _stratum_order(weights: list[int]) -> tuple[int, ...]:
    """A cycle of sum(weights) batches in which each stratum has its weight's number, spread evenly."""
    total = sum(weights)
    seats = [((i + 0.5) / weight, s) for s, weight in enumerate(weights) for i in range(weight)]
    order = tuple(s for _, s in sorted(seats))
    assert len(order) == total
    return order


def make_plan(
    variant: Variant | str,
    seed: int,
    topology: Topology | None = None,
    faults: tuple[str, ...] = (),
    scheduler: str = PORTFOLIO,
) -> Plan:
    """The plan of a campaign; `variant` may be the name of one of the engine's own.

    InputError for a name that does not exist or a machine that the variant cannot run on.
    """
    if isinstance(variant, str):
        if variant not in VARIANTS:
            raise InputError("variant", repr(variant), ", ".join(VARIANTS))
        variant = VARIANTS[variant]
    fault_rates(faults)
    if scheduler not in (PORTFOLIO, *SCHEDULERS[:-1]):
        raise InputError("--scheduler", repr(scheduler), ", ".join((PORTFOLIO, *SCHEDULERS[:-1])))
    strata = families() if topology is None else single_family(topology)
    if variant.free == FREE_EACH_PAGE or variant.charge == CHARGE_PAGES:
        strata = tuple(f for f in strata if all(size_class_of(t) == "small" for t in f.topologies))
        if not strata:
            given = f"{variant.name!r} on a machine of class wide"
            raise InputError("--variant", given, "machines of class small, which keep the order by CPU")
    return Plan(variant, seed, strata, faults, scheduler)
