"""Facts: what a file says of a machine, whatever its format; with the answers they make a Topology."""

from __future__ import annotations

from dataclasses import dataclass, field

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Cpu, Node, Topology
from percpu_fuzz.strategies.machines.answers import Answers, ask, distances_of
from percpu_fuzz.strategies.machines.machine import (
    NO_WATERMARKS,
    Imported,
    check_page_size,
    show_list,
    some_pages,
    spread_absent,
    unit_pages_of,
)


@dataclass(slots=True)
class Facts:
    """What one file says. `where` is how messages call it.

    online_nodes: those that the file lists. cpu_node: node of each CPU that a node lists, offline ones too where the
    format has them. offline_cpus: those that are there, offline, and on a node that the format does not say.
    memory_bytes: what is free, or all where the format has only that; a node without memory has 0. distances: rows
    and columns by node id, empty if the format has none. None: the format cannot say it.
    """

    where: str
    online_nodes: tuple[int, ...]
    online_cpus: tuple[int, ...]
    cpu_node: dict[int, int]
    offline_cpus: tuple[int, ...] = ()
    memory_bytes: dict[int, int] = field(default_factory=dict)
    distances: dict[int, dict[int, int]] = field(default_factory=dict)
    page_size: int | None = None
    possible_nodes: tuple[int, ...] | None = None
    possible_cpus: tuple[int, ...] | None = None
    isolated_cpus: tuple[int, ...] | None = None
    notes: list[str] = field(default_factory=list)


def topology_of(facts: Facts, answers: Answers, name: str) -> Imported:
    """The machine. Raises InputError that names the option to give for what neither facts nor answers say."""
    notes = list(facts.notes)
    page_size = facts.page_size or answers.page_size
    if page_size is None:
        raise ask(facts.where, "the page size", "--page-size BYTES")
    check_page_size(page_size, facts.where)
    possible = facts.possible_nodes or answers.possible_nodes
    if not possible:
        raise ask(
            facts.where, "which nodes are possible", f"--possible-nodes LIST (online: {_show(facts.online_nodes)})"
        )
    cpus = facts.possible_cpus or answers.possible_cpus
    if not cpus:
        raise ask(facts.where, "which CPUs are possible", f"--possible-cpus LIST (online: {_show(facts.online_cpus)})")
    _within(facts.online_nodes, possible, "--possible-nodes", facts.where)
    _within((*facts.cpu_node, *facts.online_cpus, *facts.offline_cpus), cpus, "--possible-cpus", facts.where)
    distances = distances_of(possible, facts.distances, answers, notes, facts.where)
    nodes = _nodes(facts, answers, possible, page_size, notes)
    unit_pages = unit_pages_of(0, page_size)
    notes.append(NO_WATERMARKS)
    notes.append(f"no percpu unit size is said: {unit_pages} pages of {page_size} bytes are assumed")
    memory = [node.id for node in nodes if node.has_memory] or list(facts.online_nodes)
    placed = _cpus(facts, answers, cpus, memory, notes)
    topology = Topology(name, nodes, placed, distances, page_size=page_size, unit_pages=unit_pages)
    return Imported(topology, tuple(notes))


def _show(ids: tuple[int, ...]) -> str:
    return show_list(sorted(ids)) or "none"


def _within(ids: tuple[int, ...], possible: tuple[int, ...], option: str, where: str) -> None:
    stray = set(ids) - set(possible)
    if stray:
        raise InputError(option, f"{_show(possible)}, without {_show(tuple(stray))}", f"all that {where} lists")


def _nodes(
    facts: Facts, answers: Answers, possible: tuple[int, ...], page_size: int, notes: list[str]
) -> tuple[Node, ...]:
    """A node is online if the file lists it, or if the answers give it memory."""
    answered = {**{n: z.managed_pages for n, z in (answers.zones or {}).items()}, **(answers.memory_bytes or {})}
    nodes = []
    for node in possible:
        size = answered.get(node, facts.memory_bytes.get(node))
        online = node in facts.online_nodes or bool(answered.get(node))
        if size is None and online:
            raise ask(facts.where, f"the memory of node {node}", "--memory NODE=SIZE,... or --zoneinfo FILE")
        if node in answered:
            pages = 1 if size else 0  # the answers come on top, watermarks and all
        else:
            pages = some_pages(size // page_size, f"node {node}", notes) if size else 0
        nodes.append(Node(node, online, pages))
    return tuple(nodes)


def _cpus(
    facts: Facts, answers: Answers, possible: tuple[int, ...], memory: list[int], notes: list[str]
) -> tuple[Cpu, ...]:
    isolated = facts.isolated_cpus if facts.isolated_cpus is not None else answers.isolated_cpus
    if isolated is None:
        notes.append("isolated CPUs are not said: none are assumed, --isolated-cpus gives them")
    _within(isolated or (), possible, "--possible-cpus", "--isolated-cpus")
    known = {**answers.cpu_nodes, **facts.cpu_node}
    silent = sorted(set(facts.offline_cpus) - set(known))
    if silent:
        raise ask(facts.where, f"the node of offline CPUs {show_list(silent)}", "--cpu-nodes CPU=NODE,...")
    placed = spread_absent(possible, known, memory, notes)
    return tuple(Cpu(cpu, placed[cpu], cpu in facts.online_cpus, cpu in (isolated or ())) for cpu in possible)
