"""Smaller and plainer machines for a scenario."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from percpu_fuzz.engine.core.records import SIZE_CLASSES
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.topology import Cpu, Node, Topology, size_class_of
from percpu_fuzz.fuzz.shrink.actors import KWORKER, PROGRAM, Actor
from percpu_fuzz.fuzz.shrink.attempt import Attempt, Event, schedule_from

PLENTY = 1 << 20
SIZES = (4, 512, 1024, 2048, 4096, 8192)
PLAIN_SIZES = {"page_size": 4096, "ext_size": 8, "unit_pages": 8}
NO_ROOMS = {"first_room_bytes": 0, "first_start_bytes": 0, "reserved_room_bytes": 0}


def acting_of(topology: Topology) -> tuple[int, ...]:
    """Ids of the acting CPUs. TopologyError if the machine fits no size class."""
    return topology.acting_cpus(SIZE_CLASSES[size_class_of(topology)]["act"])


def moved(scenario: Scenario, events: Sequence[Event], topology: Topology) -> Scenario | None:
    """The scenario on another machine: tasks, operations and kworkers follow their CPU, or go to the first one. Its
    schedule is that of the events, as far as their actors are there.
    """
    try:
        old, new = acting_of(scenario.topology), acting_of(topology)
    except InputError:
        return None
    places = {a: new.index(cpu) if cpu in new else 0 for a, cpu in enumerate(old)}

    def op_moved(op: Op) -> Op:
        if op.kind in ("cpu_dead", "cpu_online"):
            return replace(op, value=places.get(op.value, 0))
        return replace(op, slot=places.get(op.slot, 0)) if op.kind == "migrate" else op

    program = scenario.program
    tasks = tuple(replace(t, cpu=places.get(t.cpu, 0), ops=tuple(map(op_moved, t.ops))) for t in program.tasks)
    kept = {a: new.index(cpu) for a, cpu in enumerate(old) if cpu in new}
    followed = [_event_moved(e, kept) for e in events]
    bare = Scenario(topology, replace(program, tasks=tasks))
    return replace(bare, schedule=schedule_from([e for e in followed if e is not None], bare))


def _event_moved(event: Event, places: dict[int, int]) -> Event | None:
    if event.actor.role != KWORKER:
        return event
    place = places.get(event.actor.number)
    return None if place is None else event._replace(actor=Actor(KWORKER, place))


def plainer_machines(topology: Topology) -> Iterator[Topology]:
    """Neighbours of a machine, most different first; those that cannot exist are left out."""
    for fields in _changes(topology):
        try:
            changed = replace(topology, **fields)
        except InputError:
            continue
        if changed != topology:
            yield changed


def plain_distances(nr_nodes: int) -> tuple[tuple[int, ...], ...]:
    """Rows of distances: 10 to the node itself, 20 to every other."""
    return tuple(tuple(10 if i == j else 20 for j in range(nr_nodes)) for i in range(nr_nodes))


def even_machine(nr_nodes: int, nr_cpus: int) -> dict[str, Any]:
    """Nodes with plenty of memory, CPUs dealt out in blocks."""
    nodes = tuple(Node(n, True, PLENTY, 64, 32) for n in range(nr_nodes))
    cpus = tuple(Cpu(c, c * nr_nodes // nr_cpus) for c in range(nr_cpus))
    return {"nodes": nodes, "cpus": cpus, "distances": plain_distances(nr_nodes), "acting": ()}


def smaller_evens(topology: Topology) -> Iterator[dict[str, Any]]:
    """Even machines of at most 4 nodes and CPUs, fewer of either, smallest first."""
    nr_nodes, nr_cpus = len(topology.nodes), len(topology.cpus)
    for nodes, cpus in product(range(1, min(nr_nodes, 4) + 1), range(1, min(nr_cpus, 4) + 1)):
        if (nodes, cpus) != (nr_nodes, nr_cpus):
            yield even_machine(nodes, cpus)


def even_machines(topology: Topology) -> Iterator[Topology]:
    """The plainest machines with fewer nodes or CPUs, smallest first."""
    for even in smaller_evens(topology):
        yield replace(topology, **(even | PLAIN_SIZES | NO_ROOMS))


def resized_on(start: Scenario, events: Sequence[Event], machines: Iterator[Topology]) -> Iterator[Scenario | None]:
    """Each machine with each of a few sizes for all allocations, and plain gfp."""
    for machine in machines:
        scenario = moved(start, events, machine)
        if scenario is None:
            continue
        for size_bytes in SIZES:
            for gfp in (1, 129):
                tasks = tuple(
                    replace(t, ops=tuple(_resized(op, size_bytes, gfp) for op in t.ops)) for t in scenario.program.tasks
                )
                yield replace(scenario, program=replace(scenario.program, tasks=tasks))


def alone(attempt: Attempt) -> Iterator[Scenario | None]:
    """The operation that broke the invariant as the whole program, on plain machines, plainly placed.

    A failure that needs no company is often far from here in single steps: smaller machines need larger sizes, and
    company that only shifts where an area begins cannot be left out while the size stays.
    """
    actor, number = attempt.events[-1].actor, attempt.events[-1].op
    program = attempt.scenario.program
    if actor.role != PROGRAM or sum(len(task.ops) for task in program.tasks) == 1:
        return
    ops = program.tasks[actor.number].ops
    if not (0 <= number < len(ops) and ops[number].kind == "alloc"):
        return
    op = replace(ops[number], memcg=1, slot=0)
    single = Program((Task(0, 0, False, (op,)),), (Memcg(0),))
    bare = Scenario(attempt.scenario.topology, single)
    yield from resized_on(bare, (), even_machines(attempt.scenario.topology))


def _resized(op: Op, size_bytes: int, gfp: int) -> Op:
    return replace(op, size_bytes=size_bytes, align=8, gfp=gfp) if op.kind == "alloc" and op.gfp & 1 else op


def _changes(topology: Topology) -> Iterator[dict[str, Any]]:
    for even in smaller_evens(topology):
        yield even | PLAIN_SIZES | NO_ROOMS
        yield even
    nr_nodes, nr_cpus = len(topology.nodes), len(topology.cpus)
    yield even_machine(nr_nodes, nr_cpus) | PLAIN_SIZES | NO_ROOMS
    yield PLAIN_SIZES | NO_ROOMS
    yield NO_ROOMS
    yield PLAIN_SIZES
    yield {"ext_size": 8}
    yield {"first_start_bytes": 0}
    yield {"distances": plain_distances(nr_nodes)}
    yield {"cpus": tuple(replace(cpu, online=True, isolated=False) for cpu in topology.cpus), "acting": ()}
    yield {"nodes": tuple(replace(node, online=True, pages=max(node.pages, PLENTY)) for node in topology.nodes)}
    for c in range(nr_cpus):
        yield {"cpus": topology.cpus[:c] + topology.cpus[c + 1 :], "acting": ()}
    for n in range(nr_nodes):
        yield from _without_node(topology, n)


def _without_node(topology: Topology, n: int) -> Iterator[dict[str, Any]]:
    """A node less: its CPUs go too, or move to the first node that is left."""
    gone = topology.nodes[n].id
    nodes = topology.nodes[:n] + topology.nodes[n + 1 :]
    rows = topology.distances[:n] + topology.distances[n + 1 :]
    distances = tuple(row[:n] + row[n + 1 :] for row in rows)
    shared = {"nodes": nodes, "distances": distances, "acting": ()}
    yield shared | {"cpus": tuple(cpu for cpu in topology.cpus if cpu.node != gone)}
    if nodes:
        moved_cpus = tuple(replace(cpu, node=nodes[0].id) if cpu.node == gone else cpu for cpu in topology.cpus)
        yield shared | {"cpus": moved_cpus}
