"""The lines of a replay, for those that draw or tell it (reports/lanes.py): each step, and what it changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from percpu_fuzz.engine.core.labels import NAMES
from percpu_fuzz.engine.own.file import own_words
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.reports.lanes import Broken, Change, Line
from percpu_fuzz.strategies.run.replay import Run, Watch, run_scenario

SPARE = ("own_task", "own_cpu", "own_memcg", "own_objcg", "own_area")
WORKERS = ("balance work", "css_offline", "RCU callback")


def watched(state: Any, topology_nodes: tuple[int, ...]) -> dict[str, int]:
    """The figures a reader follows, by name: counters, stocks, KMEM, bytes and references of what exists."""
    found: dict[str, int] = {}
    nr_nodes = len(topology_nodes)
    for m in range(1, len(state.memcg_usage)):
        if state.memcg_state[m]:
            found[f"memcg{m} usage"] = state.memcg_usage[m]
            found[f"memcg{m} percpu bytes"] = state.memcg_percpu[m]
            for n, node in enumerate(topology_nodes):
                found[f"memcg{m} kmem[{node}]"] = state.memcg_kmem[m * nr_nodes + n]
                found[f"memcg{m} objcg[{node}]"] = state.pn_objcg[m * nr_nodes + n]
    for o in range(len(state.objcg_memcg)):
        if state.objcg_state[o]:
            name = f"objcg{o // nr_nodes}.{topology_nodes[o % nr_nodes]}"
            found[f"{name} nr_charged_bytes"] = state.objcg_ncb[o]
            found[f"{name} -> memcg"] = state.objcg_memcg[o]
    found |= stocks(state, nr_nodes, topology_nodes)
    for field in SPARE:
        grid = getattr(state, field)
        if any(grid.cells):
            rows, words = grid.shape
            found |= {f"{field}[{i}, {j}]": grid[i, j] for i in range(rows) for j in range(words) if grid[i, j]}
    return found


def stocks(state: Any, nr_nodes: int, topology_nodes: tuple[int, ...]) -> dict[str, int]:
    """Pages by cached memcg and bytes by cached objcg, of each acting CPU."""
    found: dict[str, int] = {}
    for a in range(state.ps_pages.shape[0]):
        for slot in range(state.ps_pages.shape[1]):
            if state.ps_memcg[a, slot] >= 0:
                found[f"cpu{a} stock memcg{state.ps_memcg[a, slot]}"] = state.ps_pages[a, slot]
        for slot in range(state.os_bytes.shape[1]):
            o = state.os_objcg[a, slot]
            if o >= 0:
                found[f"cpu{a} bytes objcg{o // nr_nodes}.{topology_nodes[o % nr_nodes]}"] = state.os_bytes[a, slot]
    return found


def changes_between(before: dict[str, int], after: dict[str, int]) -> tuple[Change, ...]:
    """What differs; a thing that came or went with 0 in it is no change."""
    values = ((name, before.get(name), after.get(name)) for name in dict.fromkeys([*before, *after]))
    return tuple(Change(name, old, new) for name, old, new in values if (old or 0) != (new or 0))


def who_is(t: int, nr_tasks: int, nr_act: int) -> str:
    """The name of a task number: a program task, a CPU's drain work, or one of the global workers."""
    if t < nr_tasks:
        return f"task {t}"
    return "drain work" if t < nr_tasks + nr_act else WORKERS[t - nr_tasks - nr_act]


def lanes(
    scenario: Scenario, variant: Variant, lenient: bool = False, until: str | None = None, also: Watch | None = None
) -> tuple[list[Line], Run]:
    """Replay a scenario to its end and write down each step up to the one that broke invariant `until`.

    Without it, or where it holds: up to the last one that broke any, or to the end. also: sees each step too.
    """
    nodes = tuple(node.id for node in scenario.topology.nodes)
    nr_tasks = len(scenario.program.tasks)
    said = own_words(variant)
    lines: list[Line] = []
    before: dict[str, int] = {}

    def watch(state: Any, task: int, label: int) -> None:
        nonlocal before
        after = watched(state, nodes)
        nr_act = state.nr_all - nr_tasks - len(WORKERS)
        lines.append(
            Line(
                len(lines) + 1, state.task_cpu[task], who_is(task, nr_tasks, nr_act), NAMES[label],
                changes_between(before, after) if before else (), own_words=said.get(NAMES[label], ""),
            )
        )  # fmt: skip
        before = after
        if also is not None:
            also(state, task, label)

    run = run_scenario(scenario, variant, watch, lenient)
    marked = [_with_broken(line, run) for line in lines]
    wanted = run.broken(until) if until is not None else None
    if wanted is not None:
        return marked[: wanted.step], run
    return marked[: max((line.step for line in marked if line.broken), default=len(marked))], run


def _with_broken(line: Line, run: Run) -> Line:
    broken = tuple(Broken(v.invariant, v.want, v.found) for v in run.violations if v.step == line.step)
    return msgspec.structs.replace(line, broken=broken) if broken else line


# As a Chrome trace-event file, for Perfetto or chrome://tracing: a process a CPU, a thread an actor. Format: "Trace
# Event Format", sections on complete, counter, instant and metadata events. A step takes one microsecond: the model has
# no clock, only an order.
STEP_MICROSECONDS = 1


def trace_events(lines: Sequence[Line], title: str) -> bytes:
    """The lanes of a replay as JSON, ASCII, ending in a newline."""
    threads = {who: number for number, who in enumerate(dict.fromkeys((line.cpu, line.who) for line in lines), 1)}
    events: list[dict[str, Any]] = []
    for cpu in sorted({line.cpu for line in lines}):
        events.append(_named("process_name", cpu, 0, f"CPU {cpu}"))
    for (cpu, who), number in threads.items():
        events.append(_named("thread_name", cpu, number, who))
    for line in lines:
        place = {"pid": line.cpu, "tid": threads[line.cpu, line.who], "ts": (line.step - 1) * STEP_MICROSECONDS}
        changes = {change.name: change.values for change in line.changes}
        told: dict[str, Any] = {"name": line.words, "cat": line.label, "args": {"step": line.step} | changes}
        events.append(place | told | {"ph": "X", "dur": STEP_MICROSECONDS})
        for violation in line.broken:
            figures = {"expected": violation.expected, "found": violation.found}
            events.append(place | {"name": f"{violation.invariant} broken", "ph": "i", "s": "g", "args": figures})
    row = {"traceEvents": events, "displayTimeUnit": "ns", "otherData": {"title": title}}
    return (json.dumps(row, sort_keys=True, indent=1, ensure_ascii=True) + "\n").encode("ascii")


def _named(kind: str, cpu: int, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": cpu, "tid": thread, "args": {"name": name}}
