"""A difference of behaviour made fit to be shown: shrunk, side by side by operation, and as a pytest file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from percpu_fuzz.engine.case.reset import reset_record
from percpu_fuzz.engine.core.records import Record, State, new_record
from percpu_fuzz.engine.own.engines import entry_of
from percpu_fuzz.engine.program import Program
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.fuzz.findings.explain import machine_line, memcg_lines, op_words, surroundings
from percpu_fuzz.fuzz.findings.helpers import asked_to_end
from percpu_fuzz.fuzz.findings.regression import (
    file_beside,
    import_of,
    names_in_source,
    source_of,
    source_of_variant,
)
from percpu_fuzz.fuzz.shrink.actors import Cast
from percpu_fuzz.fuzz.shrink.attempt import Attempt, Gate
from percpu_fuzz.fuzz.shrink.shrinker import Shrinker
from percpu_fuzz.reports.numbers import plural
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.compared import scenario_of
from percpu_fuzz.strategies.run.behaviour import GONE, NOTHING, Seen, new_seen, observe
from percpu_fuzz.strategies.run.differences import (
    EVENT_WORDS,
    QUANTITY_WORDS,
    WHEN_WORDS,
    differences,
    result_words,
    seen_of,
)

EXECUTIONS = 3_000  # of each difference
Row = tuple[str, ...]  # what, on the base, on the variant


def shown_difference(
    batch: Batch, case: int, base: Variant, variant: Variant, kind: str, enough: Callable[[], bool] = asked_to_end
) -> dict[str, Any]:
    """A case's difference, shrunk and told, as data fit for JSON."""
    scenario = scenario_of(batch, case)
    gate = KindGate(variant, "I1", EXECUTIONS, enough=enough, base=base, kind=kind)
    found = shrink_difference(scenario, gate)
    assert found is not None, f"case {case} of {batch} does not show it again: {kind}"
    small = replace(found[0], topology=replace(found[0].topology, name="shrunk"))
    return {
        "operations": sum(len(task.ops) for task in small.program.tasks), "minimal": found[1],
        "executions": gate.executions,
        "machine": [machine_line(small.topology), *memcg_lines(small.program), *surroundings(small.program)],
        "rows": [list(row) for row in side_by_side(small, base, variant)],
        "test": test_of(small, base, variant, kind),
    }  # fmt: skip


def in_order(program: Program) -> list[tuple[int, int]]:
    """(task, operation) in the order in which they run: the first of each task, then the second of each."""
    most = max(len(task.ops) for task in program.tasks)
    return [(t, i) for i in range(most) for t, task in enumerate(program.tasks) if i < len(task.ops)]


def side_by_side(scenario: Scenario, base: Variant, variant: Variant) -> list[Row]:
    """What both accountings made of each operation; then events and amounts, those that differ."""
    (_, one), (_, other) = seen_of(scenario, base), seen_of(scenario, variant)
    tasks = scenario.program.tasks
    rows: list[Row] = []
    for t, i in in_order(scenario.program):
        who = f"task {t}: " if len(tasks) > 1 else ""
        codes = [int(seen.results[t, i]) for seen in (one, other)]
        words = ["-" if code == NOTHING else result_words(code) for code in codes]
        rows.append((who + op_words(tasks[t].ops[i], tasks[t].memcg), *words))
    return rows + amount_rows(one, other)


def amount_rows(one: Seen, other: Seen) -> list[Row]:
    """Events and amounts of each cgroup, those that differ; the kernel's pages by node where only they do."""
    rows: list[Row] = []
    for m, kind in np.argwhere(one.events != other.events).tolist():
        if m > 0:  # root has no such file
            rows.append((f"{EVENT_WORDS[kind]}, memcg{m}", *(str(seen.events[m, kind]) for seen in (one, other))))
    for when, m, what in np.argwhere(one.amounts != other.amounts).tolist():
        values = [int(seen.amounts[when, m, what]) for seen in (one, other)]
        unit = "byte" if "percpu" in QUANTITY_WORDS[what] else "page"
        words = ["removed" if value == GONE else plural(value, unit) for value in values]
        rows.append((f"{QUANTITY_WORDS[what]} {WHEN_WORDS[when]}, memcg{m}", *words))
    for when in np.argwhere((one.nodes != other.nodes).any(axis=1)).ravel().tolist():
        words = [f"{seen.nodes[when][seen.nodes[when] != 0].tolist()}" for seen in (one, other)]
        rows.append((f"kernel pages by node {WHEN_WORDS[when]}", *words))
    return rows


def test_of(scenario: Scenario, base: Variant, variant: Variant, kind: str) -> tuple[str, str, dict[str, str]] | None:
    """(file name, text, files beside it) of a test that documents the difference; None for two files of one name."""
    beside = file_beside(base) | file_beside(variant)
    if len(beside) < len(file_beside(base)) + len(file_beside(variant)):
        return None
    names = {"Cpu", "Memcg", "Node", "Op", "Program", "Scenario", "Task", "Topology", "behaviour_differences"}
    names |= names_in_source(base) | names_in_source(variant)
    slug = re.sub(r"[^a-z0-9]+", "_", f"{base.name}_{variant.name}_{kind}".lower()).strip("_")
    text = TEST_OF_DIFFERENCE.format(
        kind=kind, slug=slug, base=base.name, variant=variant.name,
        path="from pathlib import Path\n\n" if beside else "", imports=import_of(names),
        base_source=source_of_variant(base), variant_source=source_of_variant(variant),
        rows="\n".join(f"    {what}: {a} | {b}" for what, a, b in side_by_side(scenario, base, variant)),
        topology=source_of(scenario.topology, 1), program=source_of(scenario.program, 1),
    )  # fmt: skip
    return f"test_{slug}.py", text, beside


TEST_OF_DIFFERENCE = '''"""{variant} against {base}, as percpu-fuzz found and shrank it: {kind}.

{rows}
"""

{path}{imports}

# fmt: off
TOPOLOGY = {topology}

PROGRAM = {program}

BASE = {base_source}

VARIANT = {variant_source}
# fmt: on


def test_{slug}() -> None:
    """A user of {variant} notices this who came from {base}; the test documents it."""
    found = behaviour_differences(Scenario(TOPOLOGY, PROGRAM), BASE, VARIANT)
    assert {kind!r} in found


__all__ = ["Cpu", "Memcg", "Node", "Op", "Task"]
'''


# Shrinking of a difference: a gate that runs scenarios, without a schedule, on two accountings.
@dataclass
class KindGate(Gate):
    """Runs candidates on `base` and on `variant`; one passes if the case shows a difference of this kind."""

    base: Variant = VARIANTS["base"]
    kind: str = ""

    def _run(self, scenario: Scenario, cast: Cast, size_class: str, topos: Record, progs: Record) -> Attempt | None:
        first, second = (self._seen(size_class, topos, progs, variant) for variant in (self.base, self.variant))
        by_node = self.base.per_node and self.variant.per_node
        if self.kind not in differences(progs[0]["op_kind"], first, second, by_node):
            return None
        return Attempt(replace(scenario, schedule=()), cast, [], 0)

    def _seen(self, size_class: str, topos: Record, progs: Record, variant: Variant) -> Seen:
        variant.write(progs[0])
        if size_class not in self.states:
            self.states[size_class] = new_record(State, size_class)
            entry_of(variant, reset_record)(topos[0], progs[0], self.states[size_class][0], True)
        seen = new_seen(size_class)
        entry_of(variant, observe)(topos, progs, self.states[size_class], 0, seen)
        return seen


class ProgramShrinker(Shrinker):
    """Shrinks machine and program: there is no step at which something broke, and no schedule."""

    def _coarse(self) -> None:
        self._tasks()
        self._ops()


def shrink_difference(scenario: Scenario, gate: KindGate) -> tuple[Scenario, bool] | None:
    """The smallest scenario found that shows the gate's kind, and whether no single removal leaves it; None if the
    scenario does not show it.
    """
    first = gate.attempt(scenario)
    if first is None:
        return None
    shrinker = ProgramShrinker(gate, first)
    minimal = shrinker.run()
    return shrinker.best.scenario, minimal
