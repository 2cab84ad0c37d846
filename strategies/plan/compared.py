"""The same cases on several accountings: batches of a plan whose programs run one operation after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from percpu_fuzz.engine.own.engines import entry_of
from percpu_fuzz.engine.program import program_of
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.batches import machinery_of
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.redraw import drawn_case
from percpu_fuzz.strategies.plan.trial import own_error, tried
from percpu_fuzz.strategies.run.behaviour import Seen, new_seen, observe
from percpu_fuzz.strategies.run.cases import Machinery, draw_case_alone
from percpu_fuzz.strategies.run.differences import differences, seen_of


@dataclass(slots=True)
class BatchDifferences:
    """What a batch showed. kinds[j]: of the j-th other accounting, by kind, how many cases and the first of them."""

    stream: str
    k: int
    family: str
    cases: int
    kinds: list[dict[str, tuple[int, int]]] = field(default_factory=list)


def plan_of_all(variants: Sequence[Variant], seed: int) -> Plan:
    """The plan of the families that every one of the accountings can run on."""
    plans = [make_plan(variant, seed, learns=False) for variant in variants]
    return min(plans, key=lambda plan: len(plan.families))


class Compared:
    """Runs batches of a plan on a base and on others. Keeps the records of each size class from one to the next."""

    def __init__(self, variants: Sequence[Variant], seed: int) -> None:
        self.variants = tuple(variants)
        self.plan = plan_of_all(self.variants, seed)
        self.machinery: dict[str, list[Machinery]] = {}

    def batch_of(self, stream: str, k: int) -> Batch:
        """Batch k of a stream."""
        return self.plan.batch_of(stream, k)

    def warm(self) -> None:
        """Compile, or load, what cases of each size class take; steps of a user's own are tried first (InputError)."""
        for variant in self.variants:
            if variant.own is not None and variant.own.has_code:
                tried(make_plan(variant, self.plan.seed, learns=False))
        for family in self.plan.families:
            if family.size_class not in self.machinery:
                k = next(k for k in range(len(self.plan.order)) if self.plan.family_of(k) is family)
                self.run(replace(self.batch_of("measurement", k), cases=1))

    def run(self, batch: Batch) -> BatchDifferences:
        """Every case of a batch on every accounting."""
        if batch.size_class not in self.machinery:
            made = [machinery_of(replace(batch, variant=variant)) for variant in self.variants]
            self.machinery[batch.size_class] = made
        kinds: list[dict[str, tuple[int, int]]] = [{} for _ in self.variants[1:]]
        for case in range(batch.cases):
            op_kind, seen = self.seen(batch, case)
            for j, other in enumerate(self.variants[1:]):
                by_node = self.variants[0].per_node and other.per_node
                for kind in differences(op_kind, seen[0], seen[j + 1], by_node):
                    count, first = kinds[j].get(kind, (0, case))
                    kinds[j][kind] = count + 1, first
        return BatchDifferences(batch.stream, batch.k, batch.family.name, batch.cases, kinds)

    def seen(self, batch: Batch, case: int) -> tuple[Any, list[Seen]]:
        """What the case asks for (op_kind) and what is seen of it on each accounting."""
        found = []
        for m, variant in zip(self.machinery[batch.size_class], self.variants, strict=True):
            which = draw_case_alone(
                batch.family.topos, m.progs, m.rngs[0], np.uint64(batch.key), case, int(batch.hunts), batch.tables,
                batch.corpus, m.choices, m.values,
            )  # fmt: skip
            seen = new_seen(batch.size_class)
            try:
                entry_of(variant, observe)(batch.family.topos, m.progs, m.states, which, seen)
            except Exception as error:  # engine functions raise nothing; steps of a user's own may
                raise error_of_case(batch, case, variant, error) from None
            found.append(seen)
        return self.machinery[batch.size_class][0].progs[0]["op_kind"], found


def error_of_case(batch: Batch, case: int, variant: Variant, error: Exception) -> Exception:
    """What a step of a variant's own did wrong in a case, seen again in plain mode, where lines are known."""
    if variant.own is None or not variant.own.has_code:
        return error
    try:
        seen_of(scenario_of(batch, case), variant)
    except Exception as again:
        error = again
    return own_error(variant, error, f"case {case} of {batch}")


def scenario_of(batch: Batch, case: int) -> Scenario:
    """A case's machine and program."""
    drawn = drawn_case(batch, case)
    return Scenario(batch.family.topologies[drawn.which], program_of(drawn.prog.to_array()[0]))
