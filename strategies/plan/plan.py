"""The plan of a campaign: which batch draws from which family, and how a case is found again from its numbers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache, cached_property
from mmap import mmap
from typing import Any

import msgspec
import numpy as np

from percpu_fuzz.engine.case.reset import reset_record
from percpu_fuzz.engine.core.compiled import code_version
from percpu_fuzz.engine.core.records import Prog, Record, State, new_record
from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT, STREAMS, Outcome, Signature
from percpu_fuzz.engine.scenario import Finding, Scenario
from percpu_fuzz.engine.topology import Topology, size_class_of, topo_record
from percpu_fuzz.engine.topology_file import dump_topology
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.strategies.draw.calibration import DEFAULT, Calibration
from percpu_fuzz.strategies.draw.choices import KINDS, Kind, kind_arrays, thresholds
from percpu_fuzz.strategies.draw.decode import new_scratch
from percpu_fuzz.strategies.draw.faults import NESTED_REFRESH, fault_rates, with_rates
from percpu_fuzz.strategies.draw.rng import key_of, new_rng
from percpu_fuzz.strategies.draw.topologies import Family, extremes, preset, single_family
from percpu_fuzz.strategies.plan import canary, user_scheduler
from percpu_fuzz.strategies.plan.learning import (
    EPOCH_BATCHES,
    Learnt,
    fold,
    new_cases,
    no_corpus,
    nothing_learnt,
    shared,
    spread,
    varies,
    written,
)
from percpu_fuzz.strategies.plan.portfolio import (
    CASES_FROM,
    DEPTHS,
    FEATURES_EVERY,
    MOST_STEPS,
    PORTFOLIO,
    TURNS,
    caps_of,
)
from percpu_fuzz.strategies.plan.redraw import finding_of, repeated
from percpu_fuzz.strategies.plan.user_scheduler import UserScheduler, run_user_batch
from percpu_fuzz.strategies.run import batch as batches
from percpu_fuzz.strategies.run.features import NR_FEATURES, features_of, new_trail
from percpu_fuzz.strategies.run.replay import Run
from percpu_fuzz.strategies.run.walk import CHECK_TOUCHED
from percpu_fuzz.strategies.schedulers.record import SCHEDULERS, new_sched

CASES_KEPT = 256


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
    learns: bool = True
    user: UserScheduler | None = None
    topology: Topology | None = None
    explored: tuple[Mapping[str, Any], ...] = ()  # scopes that were completed, for the certificate
    calibration: Calibration | None = (
        None  # weights of the measurement stream; None: those of strategies/draw/choices.py
    )

    def __post_init__(self) -> None:
        self.classes = tuple(self._class_of(family) for family in self.strata)
        self.pools: dict[int, Record] = {}
        self.cases_seen: dict[tuple[str, int, int], tuple[Scenario, Run]] = {}
        self.machinery: dict[str, Machinery] = {}
        self.tables = {stream: (*kind_arrays(self._kinds(stream)), self._limits(stream)) for stream in STREAMS}
        self.choices, self.scratch = new_scratch(), new_scratch()
        self.order = spread([family.weight for family in self.strata])
        self.learnt = [nothing_learnt(len(TURNS))]
        self.shared_rows: Any = None  # (cases, NR_COLUMNS) int64 in memory that another process may look at

    @staticmethod
    def _class_of(family: Family) -> str:
        return "wide" if any(size_class_of(t) == "wide" for t in family.topologies) else "small"

    def _kinds(self, stream: str) -> Mapping[str, Kind]:
        """The table of choices of a stream: a calibration is of the measurement stream alone."""
        return KINDS if self.calibration is None or stream == HUNTING else self.calibration.kinds()

    def _limits(self, stream: str) -> Any:
        """Thresholds of a stream, with the rates of injected failures that were asked for."""
        return with_rates(thresholds(stream, self._kinds(stream)), fault_rates(self.faults))

    def stratum(self, stream: str, k: int) -> int:
        """The family of a batch: by weight, in an order fixed beforehand; both streams use the same."""
        return self.order[k % len(self.order)]

    def cases_per_batch(self, stream: str, k: int) -> int:
        """Cases of a batch: by its number, fewer on machines of class wide."""
        stratum = self.stratum(stream, k)
        if self.user is not None and stream == HUNTING:
            return user_scheduler.CASES[self.classes[stratum]]
        cases = next(cases for start, cases in CASES_FROM if k >= start)
        if self.classes[stratum] == "small":
            return cases
        nodes = max(len(machine.nodes) for machine in self.strata[stratum].topologies)
        return min(cases, max(2, 2 * cases // nodes))

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
            reset_record(self.pool(self.classes.index(size_class))[0], progs[0], states[0], True)
            self.machinery[size_class] = Machinery(progs, states)
        return self.machinery[size_class]

    def learn(self, epoch: Iterable[Outcome]) -> Learnt:
        """Take in the outcomes of the next whole epoch of hunting batches; what the one after it will use."""
        self.learnt.append(fold(self.learnt[-1], epoch))
        return self.learnt[-1]

    @property
    def learner(self) -> Plan | None:
        """Itself, if it learns."""
        return self if self.learns else None

    @property
    def epochs(self) -> int:
        """How many epochs were taken in."""
        return len(self.learnt) - 1

    def lessons(self, since: int) -> list[dict[str, Any]]:
        """What epochs since, since + 1, ... taught, as data fit for JSON."""
        return [learnt.to_json() for learnt in self.learnt[since + 1 :]]

    def take_lessons(self, lessons: Sequence[dict[str, Any]]) -> None:
        """Know what another process learnt of the epochs after those that are known."""
        for lesson in lessons:
            self.learnt.append(shared(Learnt.from_json(lesson), self.learnt[-1]))

    def know(self, epoch: int, lesson: Mapping[str, Any]) -> None:
        """Take over what batches of one epoch use, whatever is known of those before it."""
        missing = epoch + 1 - len(self.learnt)
        self.learnt += [self.learnt[0]] * max(0, missing)
        self.learnt[epoch] = shared(Learnt.from_json(lesson), self.learnt[max(epoch - 1, 0)])

    def learnt_for(self, k: int) -> Learnt:
        """What hunting batch k uses; nothing learnt where no epoch was taken in."""
        return self.learnt[min(k // EPOCH_BATCHES, len(self.learnt) - 1)]

    def corpus(self, stream: str, k: int) -> Any:
        """(n, LENGTH) choices that a batch varies; n is 0 unless it is one that does."""
        return self.learnt_for(k).corpus_array() if stream == HUNTING and varies(k) else no_corpus()

    def turn(self, stream: str, k: int) -> tuple[str, int]:
        """Scheduler and depth of a batch. The measurement stream always walks at random: its distribution is fixed."""
        if stream == MEASUREMENT:
            return "random", 0
        if self.scheduler == PORTFOLIO:
            return TURNS[self.learnt_for(k).order[k % EPOCH_BATCHES]]
        return self.scheduler, DEPTHS.get(self.scheduler, 0)

    def set_sched(self, sched: Any, stream: str, k: int) -> None:
        """Write a batch's scheduler into a Sched record."""
        name, depth = self.turn(stream, k)
        sched["kind"], sched["depth"] = SCHEDULERS.index(name), depth
        sched["most_steps"] = MOST_STEPS[self.classes[self.stratum(stream, k)]]

    def key(self, stream: str, k: int) -> int:
        """Key of the random numbers of a batch."""
        return key_of(self.seed, stream, k)

    def batch(self, stream: str, k: int, checks: int = CHECK_TOUCHED) -> Outcome:
        """Run batch k of a stream, and the canary that it carries."""
        cases = self.cases_per_batch(stream, k)
        if self.user is not None and stream == HUNTING:
            return self.run_user(self.user, k, cases)
        outcome = self.run(stream, k, cases, checks)
        if canary.is_due(k):
            outcome.counts.update(self.canary(canary.turn_of(stream, k), checks))
        return outcome

    def canary(self, turn: int, checks: int = CHECK_TOUCHED) -> dict[str, int]:
        """Counts of a canary."""
        return canary.counts_of(canary_plan(turn).run(HUNTING, 0, canary.CASES, checks))

    def run(self, stream: str, k: int, cases: int, checks: int = CHECK_TOUCHED) -> Outcome:
        """Run the first `cases` cases of batch k."""
        stratum = self.stratum(stream, k)
        m = self.machine(self.classes[stratum])
        self.set_sched(m.scheds[0], stream, k)
        rows, corpus = self.rows(cases), self.corpus(stream, k)
        totals, hazards = np.zeros(batches.NR_TOTALS, dtype=np.int64), np.zeros(26, dtype=np.int64)
        events = np.zeros((cases * batches.NR_INVARIANT, 4), dtype=np.int32)
        cases_with, last_case = np.zeros(NR_FEATURES, dtype=np.int32), np.zeros(NR_FEATURES, dtype=np.int32)
        nr_events = batches.run_batch(
            self.pool(stratum), m.progs, m.states, m.rngs, m.scheds, m.trails, np.uint64(self.key(stream, k)), cases,
            int(stream == HUNTING), checks, self.tables[stream], corpus, self.choices, self.scratch,
            rows, totals, hazards, events, cases_with, last_case,
        )  # fmt: skip
        outcome = batches.outcome_of(
            stream, k, self.strata[stratum].name, self.variant.name, cases, rows, totals, hazards,
            events[:nr_events],
        )  # fmt: skip
        name, depth = self.turn(stream, k)
        outcome.counts["scheduler." + name] = cases
        if name == "pct" and not len(corpus):  # PCT's bound is on cases that are drawn afresh
            outcome.counts[f"pct.depth.{depth}"] = cases
        return self.with_features(outcome, cases_with, last_case)

    def run_user(self, user: UserScheduler, k: int, cases: int) -> Outcome:
        """Run hunting batch k under a user's scheduler."""
        outcome, cases_with, last_case = run_user_batch(self, user, k, cases, self.rows(cases))
        outcome.counts["scheduler." + user.name] = cases
        return self.with_features(outcome, cases_with, last_case)

    def rows(self, cases: int) -> Any:
        """A cleared row for each case; once its case is over, its page size is set."""
        if self.shared_rows is None:
            return np.zeros((cases, batches.NR_COLUMNS), dtype=np.int64)
        self.shared_rows[:] = 0
        return self.shared_rows[:cases]

    @property
    def watch_bytes(self) -> int:
        """Memory for the rows of a batch."""
        return CASES_FROM[0][1] * batches.NR_COLUMNS * 8

    def watch(self, memory: mmap) -> None:
        """Keep the rows of batches in this memory, where another process sees how far a batch is."""
        self.shared_rows = np.frombuffer(memory, dtype=np.int64).reshape(-1, batches.NR_COLUMNS)

    def case_at(self, memory: mmap, stream: str, k: int) -> int | None:
        """The case that batch k was at: the first whose row is not written. None if all are."""
        rows = np.frombuffer(memory, dtype=np.int64).reshape(-1, batches.NR_COLUMNS)
        missing = np.flatnonzero(rows[: self.cases_per_batch(stream, k), batches.PAGE_SIZE] == 0)
        return int(missing[0]) if len(missing) else None

    def with_features(self, outcome: Outcome, cases_with: Any, last_case: Any) -> Outcome:
        """Keep a batch's features: all of them in some measurement batches, what is new in every hunting batch."""
        if outcome.stream == MEASUREMENT:
            if outcome.k % FEATURES_EVERY:
                return outcome
            outcome.counts["feature_cases"] = outcome.cases
            return replace(outcome, **features_of(cases_with, last_case))
        known = self.learnt_for(outcome.k).known
        found = replace(outcome, **features_of(cases_with, last_case, known))
        drawn = [self.drawn(outcome.stream, outcome.k, case) for case in new_cases(found, last_case)]
        return replace(found, corpus=tuple(drawn))

    def drawn(self, stream: str, k: int, case: int) -> str:
        """The choices of a case, as the corpus keeps them."""
        stratum = self.stratum(stream, k)
        rngs = self.machine(self.classes[stratum]).rngs
        batches.draw_numbers_alone(
            rngs[0], np.uint64(self.key(stream, k)), case, len(self.pool(stratum)), int(stream == HUNTING),
            self.tables[stream], self.corpus(stream, k), self.choices,
        )  # fmt: skip
        return written(self.choices)

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

    def recipe(self) -> dict[str, Any]:
        """What plan_from needs to make the same plan in another process; data fit for JSON."""
        return {
            "variant": asdict(self.variant),
            "seed": self.seed,
            "topology": None if self.topology is None else dump_topology(self.topology).decode(),
            "faults": list(self.faults),
            "scheduler": self.scheduler,
            "learns": self.learns,
            "calibration": None if self.calibration is None else msgspec.to_builtins(self.calibration),
        }

    def warm(self) -> float:
        """Compile (or load) what the plan needs, in this process; seconds."""
        start = time.perf_counter()
        seen = set()
        for k in range(len(self.order)):
            size_class = self.classes[self.stratum(MEASUREMENT, k)]
            if size_class not in seen:
                seen.add(size_class)
                self.run(MEASUREMENT, k, 1)
        self.canary(0)
        return time.perf_counter() - start

    @property
    def weights(self) -> dict[str, int]:
        """Weight of each family."""
        return {family.name: family.weight for family in self.strata}

    @property
    def most_nodes(self) -> dict[str, int]:
        """The most possible nodes of any machine of each family."""
        return {family.name: max(len(machine.nodes) for machine in family.topologies) for family in self.strata}

    @cached_property
    def machine_digests(self) -> dict[str, str]:
        """SHA-256 (16 hexadecimal digits) over the machines of each family."""
        return {
            family.name: hashlib.sha256(self.pool(number).tobytes()).hexdigest()[:16]
            for number, family in enumerate(self.strata)
        }

    def describe(self) -> dict[str, object]:
        """What the results depend on, as data fit for JSON."""
        return {
            "variant": self.variant.name, "not as v2": _changed(self.variant), "seed": self.seed,
            "scheduler": self.scheduler,
            **({} if self.user is None else {"scheduler file": self.user.digest}),
            "faults": list(self.faults),
            "calibration": DEFAULT if self.calibration is None else self.calibration.described,
            "learning": "epochs" if self.learns else "off",
            **({"explored": list(self.explored)} if self.explored else {}),
            "families": self.weights,
            "machines": self.machine_digests,
            **extremes(self.strata),
            "pct_caps": {family.name: caps_of(size) for family, size in zip(self.strata, self.classes, strict=True)},
            "code": code_at_start(),
        }  # fmt: skip


def canary_plan(turn: int) -> Plan:
    """The plan of a canary: a planted mistake on a machine of its own."""
    return Plan(canary.planted_variant(turn), canary.SEED, single_family(preset("two-node")), scheduler="random")


@cache
def code_at_start() -> str:
    """The code version of this process: what was loaded, whatever is edited meanwhile."""
    return code_version()


def _changed(variant: Variant) -> dict[str, int]:
    """The choices in which a variant differs from v2; what it is held to (judge) is no part of what it does."""
    v2 = VARIANTS["v2"].choices()
    return {name: value for name, value in variant.choices().items() if value != v2[name] and name != "judge"}
