"""Reads what `lscpu -J` and `lscpu -J -e` print: which CPUs are online and on which node; no memory, no distances."""

from __future__ import annotations

import re

import msgspec

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.facts import Facts
from percpu_fuzz.strategies.machines.machine import ID_MAX, number_of, one_node_each, parse_list
from percpu_fuzz.strategies.reading import decode_json

LSCPU_OUTPUT = "the output of lscpu -J or lscpu -J -e=CPU,NODE,ONLINE"
FOUR_KIB_MACHINES = frozenset({"x86_64", "i386", "i486", "i586", "i686", "s390x", "riscv64"})
NODE_ROW = re.compile(r"NUMA node(\d{1,5}) CPU\(s\):")


class _Field(msgspec.Struct):
    field: str
    data: str | None = None
    children: list[_Field] = []


class _Cpu(msgspec.Struct):
    cpu: int | str
    node: int | str | msgspec.UnsetType | None = msgspec.UNSET
    online: bool | str | None = None


class _Output(msgspec.Struct):
    lscpu: list[_Field] = []
    cpus: list[_Cpu] = []


def _flat(fields: list[_Field]) -> dict[str, str]:
    rows: dict[str, str] = {}
    waiting = list(reversed(fields))
    while waiting:
        field = waiting.pop()
        rows.setdefault(field.field, field.data or "")
        waiting.extend(reversed(field.children))
    return rows


def _summary(fields: list[_Field], where: str) -> Facts:
    """From the table of fields: a row for each node, the lists of online CPUs, the architecture."""
    rows = _flat(fields)
    listed = {int(found[1]): text for field, text in rows.items() if (found := NODE_ROW.fullmatch(field))}
    count = rows.get("NUMA node(s):")
    if not listed or count != str(len(listed)):
        raise InputError(where, f"{len(listed)} rows of NUMA nodes, {count or 'no'} counted", LSCPU_OUTPUT)
    node_of: dict[int, int] = {}
    for node in sorted(listed):
        for cpu in parse_list(listed[node], f"{where}, NUMA node{node}"):
            one_node_each(node_of, cpu, node, where)
    online_row = rows.get("On-line CPU(s) list:")
    if online_row is None:
        raise InputError(where, "no `On-line CPU(s) list:`", LSCPU_OUTPUT)
    online = parse_list(online_row, f"{where}, On-line CPU(s) list")
    page_size = 4096 if rows.get("Architecture:") in FOUR_KIB_MACHINES else None
    offline = parse_list(rows.get("Off-line CPU(s) list:", ""), f"{where}, Off-line CPU(s) list")
    return Facts(where, tuple(sorted(listed)), online, node_of, offline, page_size=page_size)


def _table(rows: list[_Cpu], where: str) -> Facts:
    """From a row for each CPU. A node without CPUs is not in it."""
    node_of: dict[int, int] = {}
    online, listed = set(), []
    for row in rows:
        cpu = number_of(str(row.cpu), "id", where, ID_MAX)
        if row.node is msgspec.UNSET or row.online is None:
            raise InputError(where, "no column NODE or no column ONLINE", LSCPU_OUTPUT)
        listed.append(cpu)
        if row.node not in (None, "-", ""):
            node_of[cpu] = number_of(str(row.node), "id", where, ID_MAX)
        if row.online in (True, "yes"):
            online.add(cpu)
    if len(set(listed)) != len(listed):
        raise InputError(where, "a CPU twice", LSCPU_OUTPUT)
    offline = tuple(sorted(set(listed) - set(node_of) - online))
    return Facts(where, tuple(sorted(set(node_of.values()))), tuple(sorted(online)), node_of, offline)


def repaired(data: bytes) -> bytes:
    """The JSON that was meant: lscpu 2.38 writes a bare minus sign for what it does not know of an offline CPU."""
    return re.sub(rb'(":\s*)-(?=\s*[,}])', rb"\1null", data) if b'"cpus"' in data else data


def read_lscpu(data: bytes, where: str) -> Facts:
    """The facts of lscpu's JSON, either form. Raises InputError for what is missing or malformed.

    Memory and distances are never in it. The page size is that of architectures which have only one.
    """
    output = decode_json(data, _Output, where, LSCPU_OUTPUT)
    if output.cpus:
        facts = _table(output.cpus, where)
        facts.notes.append("lscpu -e lists no node without CPUs: nodes that have memory only come from the options")
    else:
        facts = _summary(output.lscpu, where)
    if not facts.online_cpus or not facts.online_nodes:
        raise InputError(where, "no online CPU or no node", LSCPU_OUTPUT)
    return facts
