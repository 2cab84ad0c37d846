"""Answers: what the user says where a file cannot. Nothing is guessed: what is missing is asked for by its option."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.shown import shell_line
from percpu_fuzz.engine.topology import LOCAL_DISTANCE, MAX_NODES, PAGE_SIZES, Node, Topology
from percpu_fuzz.strategies.machines.boot_log import FirstChunk
from percpu_fuzz.strategies.machines.machine import (
    NO_WATERMARKS,
    Imported,
    all_distances,
    check_page_size,
    parse_list,
    show_list,
    some_pages,
    with_first_chunk,
)
from percpu_fuzz.strategies.machines.pasted import read_pasted
from percpu_fuzz.strategies.machines.percpu_stats import first_chunk_of_stats
from percpu_fuzz.strategies.machines.sizes import parse_size
from percpu_fuzz.strategies.machines.zoneinfo import Zones, parse_zoneinfo

Matrix = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """None where nothing was said. remote: distance of the pairs of nodes that the file says nothing about."""

    possible_nodes: tuple[int, ...] | None = None
    possible_cpus: tuple[int, ...] | None = None
    isolated_cpus: tuple[int, ...] | None = None
    cpu_nodes: Mapping[int, int] = field(default_factory=dict)
    cpuless_nodes: tuple[int, ...] = ()
    distances: Matrix | None = None
    remote: int | None = None
    memory_bytes: Mapping[int, int] | None = None
    page_size: int | None = None
    zones: Mapping[int, Zones] | None = None
    movable_nodes: tuple[int, ...] | None = None
    first_chunk: FirstChunk | None = None
    notes: Sequence[str] = ()
    given: Mapping[str, str] = field(default_factory=dict)  # options as they were typed, by name


NOTHING_SAID = Answers()


def answers_of(given: Mapping[str, str | None]) -> Answers:
    """The answers that options give, by the names of Answers, `zoneinfo` and `distances`. InputError names the option.

    distances is LOCAL:REMOTE or a file with a square of numbers, memory NODE=SIZE[,NODE=SIZE...], cpu_nodes
    CPU=NODE[,CPU=NODE...].
    """

    def ids(name: str) -> tuple[int, ...] | None:
        text = given.get(name)
        return None if text is None else parse_list(text, "--" + name.replace("_", "-"))

    notes: list[str] = []
    matrix, remote = _distances_option(given.get("distances"))
    cpu_nodes = given.get("cpu_nodes")
    memory, page, zoneinfo = given.get("memory"), given.get("page_size"), given.get("zoneinfo")
    stats = given.get("percpu_stats")
    if page is not None and not re.fullmatch(r"[0-9]{1,6}", page):
        raise InputError("--page-size", repr(page), ", ".join(map(str, PAGE_SIZES)))
    return Answers(
        possible_nodes=ids("possible_nodes"),
        possible_cpus=ids("possible_cpus"),
        isolated_cpus=ids("isolated_cpus"),
        cpu_nodes={} if cpu_nodes is None else _cpu_nodes_option(cpu_nodes),
        cpuless_nodes=ids("cpuless_nodes") or (),
        distances=matrix,
        remote=remote,
        memory_bytes=None if memory is None else _memory_option(memory),
        page_size=None if page is None else check_page_size(int(page), "--page-size"),
        zones=None if zoneinfo is None else parse_zoneinfo(read_pasted(Path(zoneinfo)), zoneinfo, notes),
        movable_nodes=ids("movable_nodes"),
        first_chunk=None if stats is None else first_chunk_of_stats(read_pasted(Path(stats)), stats, notes),
        notes=notes,
        given={name: text for name, text in given.items() if text is not None},
    )


def _distances_option(text: str | None) -> tuple[Matrix | None, int | None]:
    if text is None:
        return None, None
    if found := re.fullmatch(r"(\d{1,3}):(\d{1,3})", text):
        local, remote = int(found[1]), int(found[2])
        if local != LOCAL_DISTANCE or not LOCAL_DISTANCE <= remote <= 255:
            raise InputError("--distances", text, "LOCAL:REMOTE with 10 and a number from 10 to 255, or a file")
        return None, remote
    if not Path(text).exists():
        raise InputError("--distances", repr(text), "LOCAL:REMOTE, such as 10:20, or a file with a square of numbers")
    content = read_pasted(Path(text))
    rows = [line.split() for line in content.splitlines() if line.strip() and not line.startswith("#")]
    square = rows and len(rows) <= MAX_NODES and all(len(row) == len(rows) for row in rows)
    if not square or not all(re.fullmatch(r"[0-9]{1,3}", word) for row in rows for word in row):
        raise InputError(
            "--distances", f"{text}: {len(rows)} rows", "a square of numbers, a row for each possible node"
        )
    return tuple(tuple(map(int, row)) for row in rows), None


def _pairs_option(text: str, option: str, value: str, allowed: str) -> Iterator[tuple[int, str]]:
    """(id, value) of ID=VALUE[,ID=VALUE...], each id once; value: the pattern of a value."""
    seen: set[int] = set()
    for part in text.split(","):
        found = re.fullmatch(rf"([0-9]{{1,5}})=({value})", part)
        if found is None or int(found[1]) in seen:
            raise InputError(option, repr(part[:40]), allowed)
        seen.add(int(found[1]))
        yield int(found[1]), found[2]


def _memory_option(text: str) -> dict[int, int]:
    pairs = _pairs_option(text, "--memory", ".+", "NODE=SIZE, each node once, as in 0=4G,1=512M")
    return {node: parse_size(size, "--memory") for node, size in pairs}


def _cpu_nodes_option(text: str) -> dict[int, int]:
    pairs = _pairs_option(text, "--cpu-nodes", "[0-9]{1,5}", "CPU=NODE, each CPU once, as in 6=0,7=1")
    return {cpu: int(node) for cpu, node in pairs}


def distances_of(
    possible: tuple[int, ...], known: Mapping[int, Mapping[int, int]], answers: Answers, notes: list[str], where: str
) -> Matrix:
    """Distances of the possible nodes: those the file knows, and for other pairs those that were answered.

    Of a file that knows those of the online nodes, pairs with an offline one are 20 unless answered; a note says so.
    An answer must not contradict the file.
    """
    if answers.distances is None:
        found = all_distances(possible, known, notes, answers.remote)
        if all(there in known.get(here, {}) for here in possible for there in possible if here != there):
            check_remote(found, answers, where)
        return found
    given = answers.distances
    if len(given) != len(possible):
        raise InputError("--distances", f"{len(given)} rows", f"{len(possible)}, one for each possible node")
    for i, here in enumerate(possible):
        for j, there in enumerate(possible):
            said = known.get(here, {}).get(there, given[i][j])
            if said != given[i][j]:
                raise InputError(
                    "--distances", f"{given[i][j]} from node {here} to {there}", f"{said}, as {where} says"
                )
    return given


def check_remote(distances: Matrix, answers: Answers, where: str) -> None:
    """Refuse one distance for all pairs where a file has distances for all of them, and others."""
    pairs = [(i, j) for i in range(len(distances)) for j in range(len(distances)) if i != j]
    other = next((distances[i][j] for i, j in pairs if distances[i][j] != answers.remote), None)
    if answers.remote is not None and other is not None:
        raise InputError("--distances", f"{LOCAL_DISTANCE}:{answers.remote}", f"none: {where} has them, one is {other}")


def check_agreement(topology: Topology, answers: Answers, where: str) -> None:
    """Refuse an answer that contradicts a file which says that itself."""
    said = {
        "--possible-nodes": (answers.possible_nodes, tuple(node.id for node in topology.nodes)),
        "--possible-cpus": (answers.possible_cpus, tuple(cpu.id for cpu in topology.cpus)),
        "--isolated-cpus": (answers.isolated_cpus, tuple(cpu.id for cpu in topology.cpus if cpu.isolated)),
        "--movable-nodes": (answers.movable_nodes, tuple(node.id for node in topology.nodes if node.movable_only)),
    }
    for option, (given, truth) in said.items():
        if given is not None and given != truth:
            raise InputError(option, show_list(given) or "none", f"{show_list(truth) or 'none'}, as {where} says")
    node_of = {cpu.id: cpu.node for cpu in topology.cpus}
    for cpu, node in answers.cpu_nodes.items():
        if node_of.get(cpu) != node:
            allowed = f"node {node_of[cpu]}, as {where} says" if cpu in node_of else "a possible CPU"
            raise InputError("--cpu-nodes", f"{cpu}={node}", allowed)
    if answers.page_size not in (None, topology.page_size):
        raise InputError("--page-size", str(answers.page_size), f"{topology.page_size}, as {where} says")
    if answers.distances not in (None, topology.distances):
        raise InputError("--distances", "other numbers", f"those that {where} says")


def with_answers(imported: Imported, answers: Answers) -> Imported:
    """With the first chunk that was answered, and the memory: --zoneinfo for all nodes, then --memory for some."""
    if answers.first_chunk is not None:
        imported = with_first_chunk(imported, answers.first_chunk)
    topology, notes = imported.topology, [*imported.notes, *answers.notes]
    ids = tuple(node.id for node in topology.nodes)
    nodes = list(topology.nodes)
    for option, named in (("--zoneinfo", answers.zones), ("--memory", answers.memory_bytes)):
        stray = sorted(set(named or ()) - set(ids))
        if stray:
            raise InputError(option, f"nodes {show_list(stray)}", f"possible nodes, which are {show_list(ids)}")
    if answers.zones is not None:
        nodes = [_zoned(node, answers.zones.get(node.id), notes) for node in nodes]
        notes = [note for note in notes if note != NO_WATERMARKS]
    for i, node in enumerate(nodes):
        size = (answers.memory_bytes or {}).get(node.id)
        if size is not None and node.id not in (answers.movable_nodes or ()):
            pages = some_pages(size // topology.page_size, f"--memory: node {node.id}", notes) if size else 0
            nodes[i] = replace(node, pages=pages, movable_only=False) if pages else Node(node.id, node.online)
    if nodes != list(topology.nodes):
        topology = replace(topology, nodes=tuple(nodes))
    return replace(imported, topology=topology, notes=tuple(notes))


def _zoned(node: Node, zones: Zones | None, notes: list[str]) -> Node:
    if zones is None and (node.has_memory or node.movable_only):
        raise InputError("--zoneinfo", f"no zones of node {node.id}", "zones of every node that has memory")
    if zones is None or zones.managed_pages == 0:
        return Node(node.id, node.online, movable_only=zones is not None and zones.movable_pages > 0)
    pages = some_pages(zones.free_pages, f"node {node.id}", notes)
    return Node(node.id, node.online, pages, zones.low_pages, zones.min_pages)


# What a file cannot say, and the one message that asks for all of it at once.
@dataclass(frozen=True, slots=True)
class Missing:
    """what: in words; option: as the help has it; example: what could be typed on this machine."""

    what: str
    option: str
    example: str


def ask(where: str, missing: Sequence[Missing], given: Mapping[str, str]) -> InputError:
    """The refusal of a file that lacks something: it names every option that is needed, with a line to type.

    given: the options that were typed, which the line repeats.
    """
    words = [one.what for one in missing]
    what = ", ".join(words[:-1]) + (" and " if words[:-1] else "") + words[-1]
    options = ", ".join(dict.fromkeys(one.option for one in missing))
    typed = {f"--{name.replace('_', '-')}": shell_line([text]) for name, text in given.items()}
    for one in missing:
        name, _, text = one.example.partition(" ")
        typed[name] = f"{typed[name]},{text}" if name in typed else text  # lists by node or CPU, whose rest is missing
    examples = " ".join(f"{name} {text}" for name, text in typed.items())
    line = f"percpu-fuzz topology import {shell_line([where])} {examples} -o machine.json"
    return InputError(where, f"does not say {what}", f"say it with {options}; for example: {line}")
