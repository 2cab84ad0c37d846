"""Facts: what a file says of a machine, whatever its format; with the answers they make a Topology."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from percpu_fuzz.engine.errors import InputError, TopologyError
from percpu_fuzz.engine.topology import MAX_CPUS, MAX_NODES, Cpu, Node, Topology
from percpu_fuzz.strategies.machines.answers import Answers, Missing, ask, distances_of
from percpu_fuzz.strategies.machines.boot_log import FirstChunk
from percpu_fuzz.strategies.machines.machine import (
    NO_UNIT,
    NO_WATERMARKS,
    Imported,
    check_page_size,
    show_list,
    some_pages,
    spread_absent,
    unit_pages_of,
    with_first_chunk,
)


@dataclass(slots=True)
class Facts:
    """What one file says. `where` is how messages call it.

    online_nodes: those that the file lists. cpu_node: node of each CPU that a node lists, offline ones too where the
    format has them. offline_cpus: those that are there, offline, and on a node that the format does not say.
    memory_bytes: what is free, or all where the format has only that; a node without memory has 0. movable_nodes:
    those whose memory is all in ZONE_MOVABLE; None if the format cannot tell; movable_guess: those that look so, unless
    answered. distances: rows and columns by node id,
    empty if the format has none. None: the format cannot say it. missing: what else only an answer can say.
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
    movable_nodes: tuple[int, ...] | None = None
    movable_guess: tuple[int, ...] = ()
    first_chunk: FirstChunk | None = None
    missing: list[Missing] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


WITHOUT_NUMA = "a kernel without NUMA: one node, 0, with every CPU"


def without_numa(facts: Facts) -> Facts:
    """The same of a kernel without NUMA: node 0, which is online, possible, and the node of every CPU."""
    facts.notes.append(WITHOUT_NUMA)
    facts.online_nodes = facts.possible_nodes = (0,)
    listed = {*(facts.possible_cpus or ()), *facts.online_cpus, *facts.offline_cpus}
    facts.cpu_node, facts.offline_cpus = dict.fromkeys(sorted(listed), 0), ()
    return facts


def topology_of(facts: Facts, answers: Answers, name: str) -> Imported:
    """The machine. Raises InputError that names the options to give for all that neither facts nor answers say."""
    notes = list(facts.notes)
    page_size = facts.page_size or answers.page_size
    possible = facts.possible_nodes or answers.possible_nodes
    cpus = facts.possible_cpus or answers.possible_cpus
    if possible:
        _within(facts.online_nodes, possible, "--possible-nodes", facts.where)
    if cpus:
        listed = (*facts.cpu_node, *facts.online_cpus, *facts.offline_cpus)
        _within(listed, cpus, "--possible-cpus", facts.where)
    missing = _missing(facts, answers, possible or facts.online_nodes)
    if missing or not (page_size and possible and cpus):
        raise ask(facts.where, missing, answers.given)
    check_page_size(page_size, facts.where)
    _few_enough(name, possible, cpus)
    distances = distances_of(possible, facts.distances, answers, notes, facts.where)
    nodes = _nodes(facts, answers, possible, page_size, notes)
    notes.append(NO_WATERMARKS)
    memory = [node.id for node in nodes if node.has_memory] or list(facts.online_nodes)
    placed = _cpus(facts, answers, cpus, memory, notes)
    unit_pages = unit_pages_of(0, page_size)
    topology = Topology(name, nodes, placed, distances, page_size=page_size, unit_pages=unit_pages)
    found = Imported(topology, tuple(notes))
    if facts.first_chunk is not None:
        return with_first_chunk(found, facts.first_chunk)
    return Imported(topology, (*notes, NO_UNIT.format(pages=unit_pages, bytes=page_size)))


def _show(ids: Iterable[int]) -> str:
    return show_list(sorted(ids)) or "none"


def _missing(facts: Facts, answers: Answers, possible: tuple[int, ...]) -> list[Missing]:
    """All that is not said, in the order in which a person would look it up."""
    missing: list[Missing] = []
    if not (facts.page_size or answers.page_size):
        missing.append(Missing("the page size", "--page-size BYTES", "--page-size 4096"))
    if not (facts.possible_nodes or answers.possible_nodes):
        ids = _show(facts.online_nodes)
        words = f"which nodes are possible (online: {ids})"
        missing.append(Missing(words, "--possible-nodes LIST", f"--possible-nodes {ids}"))
    if not (facts.possible_cpus or answers.possible_cpus):
        ids = _show({*facts.cpu_node, *facts.online_cpus, *facts.offline_cpus})
        words = f"which CPUs are possible (online: {_show(facts.online_cpus)})"
        missing.append(Missing(words, "--possible-cpus LIST", f"--possible-cpus {ids}"))
    silent = sorted(set(facts.offline_cpus) - set(facts.cpu_node) - set(answers.cpu_nodes))
    if silent:
        example = ",".join(f"{cpu}={min(facts.online_nodes, default=0)}" for cpu in silent)
        words = f"the node of offline CPUs {show_list(silent)}"
        missing.append(Missing(words, "--cpu-nodes CPU=NODE,...", f"--cpu-nodes {example}"))
    if _distances_missing(facts, answers, possible):
        option = "--distances FILE or --distances LOCAL:REMOTE"
        missing.append(Missing("the distances", option, "--distances 10:20"))
    sizes = {n: facts.memory_bytes.get(n) for n in facts.online_nodes} | _answered(answers)
    without = [node for node, size in sizes.items() if size is None]
    if without or not any(sizes.values()):
        asked = sorted(without or sizes)
        example = ",".join(f"{node}=4G" for node in asked)
        words = f"the memory of node{'s' if len(asked) > 1 else ''} {show_list(asked)}"
        missing.append(Missing(words, "--memory NODE=SIZE,... or --zoneinfo FILE", f"--memory {example}"))
    return missing + facts.missing


def _distances_missing(facts: Facts, answers: Answers, possible: tuple[int, ...]) -> bool:
    """Whether the distance of two nodes that are online is neither known nor answered."""
    if answers.distances is not None or answers.remote is not None or len(possible) == 1:
        return False
    pairs = ((a, b) for a in facts.online_nodes for b in facts.online_nodes if a != b)
    return not facts.distances or any(b not in facts.distances.get(a, {}) for a, b in pairs)


def _answered(answers: Answers) -> dict[int, int]:
    """What answers give nodes: bytes or pages, 0 for none."""
    zones = {node: zone.managed_pages + zone.movable_pages for node, zone in (answers.zones or {}).items()}
    return zones | dict(answers.memory_bytes or {})


def _within(ids: tuple[int, ...], possible: tuple[int, ...], option: str, where: str) -> None:
    stray = set(ids) - set(possible)
    if stray:
        raise InputError(option, f"{_show(possible)}, without {_show(stray)}", f"all that {where} lists")


def _few_enough(name: str, nodes: Sequence[int], cpus: Sequence[int]) -> None:
    """TopologyError, as of the machine itself, before a row is laid out for each pair of what would be refused."""
    for ids, most, what in ((nodes, MAX_NODES, "nodes"), (cpus, MAX_CPUS, "CPUs")):
        if len(ids) > most:
            raise TopologyError(f"topology {name}", f"{len(ids)} possible {what}", f"1 to {most}")


def _nodes(
    facts: Facts, answers: Answers, possible: tuple[int, ...], page_size: int, notes: list[str]
) -> tuple[Node, ...]:
    """A node is online if the file lists it, or if the answers give it memory."""
    answered, movable = _answered(answers), _movable(facts, answers, notes)
    nodes, listed = [], set(facts.online_nodes)
    for node in possible:
        size = answered.get(node, facts.memory_bytes.get(node, 0))
        online = node in listed or bool(answered.get(node))
        if node in movable:
            nodes.append(Node(node, online, movable_only=online))
            continue
        if node in answered:
            pages = 1 if size else 0  # the answers come on top, watermarks and all
        else:
            pages = some_pages(size // page_size, f"node {node}", notes) if size else 0
        nodes.append(Node(node, online, pages))
    return tuple(nodes)


def _movable(facts: Facts, answers: Answers, notes: list[str]) -> tuple[int, ...]:
    """Nodes of movable memory only: as the file has it, else as answered, else none; a note on those that look so."""
    if facts.movable_nodes is not None:
        return facts.movable_nodes
    if answers.movable_nodes is not None:
        return answers.movable_nodes
    with_cpus = {facts.cpu_node[cpu] for cpu in facts.online_cpus if cpu in facts.cpu_node}
    with_memory = [node for node, size in sorted(facts.memory_bytes.items()) if size]
    suspects = [node for node in with_memory if node not in with_cpus and node not in facts.movable_guess]
    if suspects and answers.zones is None:
        notes.append(
            f"nodes {show_list(suspects)} have memory and no CPU: GPU, CXL and pmem memory is often ZONE_MOVABLE, "
            "where no percpu page can lie; it is counted unless --movable-nodes LIST or --zoneinfo FILE says so"
        )
    return facts.movable_guess


def _cpus(
    facts: Facts, answers: Answers, possible: tuple[int, ...], memory: list[int], notes: list[str]
) -> tuple[Cpu, ...]:
    isolated = facts.isolated_cpus if facts.isolated_cpus is not None else answers.isolated_cpus
    if isolated is None:
        notes.append("isolated CPUs are not said: none are assumed, --isolated-cpus gives them")
    _within(isolated or (), possible, "--possible-cpus", "--isolated-cpus")
    known = {**answers.cpu_nodes, **facts.cpu_node}
    placed = spread_absent(possible, known, memory, notes)
    online, apart = set(facts.online_cpus), set(isolated or ())
    return tuple(Cpu(cpu, placed[cpu], cpu in online, cpu in apart) for cpu in possible)
