"""What `lscpu` prints, in all its forms: which CPUs are online and on which node; no memory, no distances.

First the two shapes that every form comes down to, and the JSON forms; then those of text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.facts import Facts, without_numa
from percpu_fuzz.strategies.machines.machine import ID_MAX, number_of, one_node_each, parse_list
from percpu_fuzz.strategies.machines.pasted import Lines, numbered, within
from percpu_fuzz.strategies.reading import decode_json

LSCPU_OUTPUT = "the output of lscpu, lscpu -e, lscpu -p, or their JSON with -J"
FOUR_KIB_MACHINES = frozenset({"x86_64", "i386", "i486", "i586", "i686", "s390x", "riscv64"})
NODE_ROW = re.compile(r"NUMA node(\d{1,5}) CPU\(s\):")
ONLINE_ROW, OFFLINE_ROW, COUNT = "On-line CPU(s) list:", "Off-line CPU(s) list:", "CPU(s):"
ENGLISH = frozenset({ONLINE_ROW, "Architecture:", "Byte Order:", "Thread(s) per core:"})
# The words for yes and no of the languages that lscpu speaks.
YES = frozenset(
    re.findall(r"\w+", "yes y ja oui si s\xed sim tak \u0434\u0430 ano igen evet bai da c\xf3 \u662f jah jaa ya")
)
NO = frozenset(
    re.findall(
        r"\w+", "no n nein non n\xe3o nie nej nee \u043d\u0435\u0442 ne nem hay\u0131r ez kh\xf4ng \u5426 ei tidak"
    )
)
OTHER_LANGUAGE = "lscpu speaks another language than English: its rows are told by their place; LC_ALL=C lscpu is sure"
NO_LIST = "no list of online CPUs is there: those of all nodes are taken to be online, and no others"
WITHOUT_CPULESS = "lscpu -e and -p list no node without CPUs: nodes that have memory only come from the options"


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


@dataclass(frozen=True, slots=True)
class CpuRow:
    """A row of the table: node None where the cell is empty; has_node: whether there is such a column."""

    cpu: str
    node: str | None
    online: bool
    has_node: bool = True


def _flat(fields: list[_Field]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    waiting = list(reversed(fields))
    while waiting:
        field = waiting.pop()
        rows.append((field.field, field.data or ""))
        waiting.extend(reversed(field.children))
    return rows


def matters(field: str) -> bool:
    """Whether a field of the summary says something of the machine's nodes and CPUs."""
    named = (ONLINE_ROW, OFFLINE_ROW, COUNT, "NUMA node(s):", "Architecture:")
    return field in named or bool(NODE_ROW.fullmatch(field))


def once(rows: Sequence[tuple[str, str]], where: str) -> dict[str, str]:
    """The fields by name. InputError if one that matters is there twice; others may be, one for each kind of core."""
    found: dict[str, str] = {}
    for field, data in rows:
        if field in found and matters(field):
            raise InputError(where, f"{field!r} twice", LSCPU_OUTPUT)
        found.setdefault(field, data)
    return found


def _in_english(rows: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Rows of another language under their English names.

    NUMA is the same word in all of them; the architecture comes first, the number of CPUs is the first bare number of
    another row, the list of those online stands next, and then that of those offline, if there are any.
    """
    found = []
    for field, data in rows:
        number = re.search(r"\d+", field)
        name = field
        if "NUMA" in field and (number or data.isdecimal()):
            name = "NUMA node(s):" if number is None else f"NUMA node{number[0]} CPU(s):"
        found.append((name, data))
    found[0] = ("Architecture:", rows[0][1])
    at = next((i for i, (field, data) in enumerate(found) if data.isdecimal() and not matters(field)), None)
    at = next((i for i, (field, _) in enumerate(found) if field == COUNT), at)
    if at is not None and at + 1 < len(found):
        count, online = found[at][1], found[at + 1][1]
        found[at], found[at + 1] = (COUNT, count), (ONLINE_ROW, online)
        if at + 2 < len(found) and len(parse_list(online, "online CPUs")) != int(count):
            found[at + 2] = (OFFLINE_ROW, found[at + 2][1])
    return found


def summary(fields: Sequence[tuple[str, str]], where: str) -> Facts:
    """From the table of fields: a row for each node, the lists of online CPUs, the architecture."""
    has_nodes = any("NUMA" in field and re.search(r"\d", field) for field, _ in fields)
    foreign = has_nodes and not any(field in ENGLISH or NODE_ROW.fullmatch(field) for field, _ in fields)
    rows = once(_in_english(fields) if foreign else fields, where)
    facts = _summary_of(rows, where)
    if foreign:
        facts.notes.append(OTHER_LANGUAGE)
        if set(facts.online_cpus) != set(facts.cpu_node):
            raise InputError(where, "lists in another language that do not agree", f"{LSCPU_OUTPUT}, with LC_ALL=C")
    return facts


def _summary_of(rows: Mapping[str, str], where: str) -> Facts:
    listed = {int(found[1]): text for field, text in rows.items() if (found := NODE_ROW.fullmatch(field))}
    count = rows.get("NUMA node(s):")
    if (listed or count is not None) and count != str(len(listed)):
        raise InputError(where, f"{len(listed)} rows of NUMA nodes, {count or 'no'} counted", LSCPU_OUTPUT)
    node_of: dict[int, int] = {}
    for node in sorted(listed):
        for cpu in parse_list(listed[node], f"{where}, NUMA node{node}"):
            one_node_each(node_of, cpu, node, where)
    cut = ONLINE_ROW not in rows
    if cut and (not listed or COUNT in rows):
        raise InputError(where, f"no `{ONLINE_ROW}`", LSCPU_OUTPUT)
    online = tuple(sorted(node_of)) if cut else parse_list(rows[ONLINE_ROW], f"{where}, On-line CPU(s) list")
    offline = parse_list(rows.get(OFFLINE_ROW, ""), f"{where}, Off-line CPU(s) list")
    there = len(online) + len(offline)
    if rows.get(COUNT, str(there)) != str(there):
        raise InputError(where, f"{COUNT} {rows[COUNT][:20]}, {there} listed", "as many CPUs as are listed")
    page_size = 4096 if rows.get("Architecture:") in FOUR_KIB_MACHINES else None
    notes = [NO_LIST] if cut else []
    facts = Facts(where, tuple(sorted(listed)), online, node_of, offline, page_size=page_size, notes=notes)
    return facts if listed else without_numa(facts)


def table(rows: Sequence[CpuRow], where: str) -> Facts:
    """From a row for each CPU. A node without CPUs is not in it; one without any node is a kernel without NUMA."""
    node_of: dict[int, int] = {}
    online, listed = set(), []
    for row in rows:
        cpu = number_of(row.cpu, "id", where, ID_MAX)
        listed.append(cpu)
        if row.node is not None:
            node_of[cpu] = number_of(row.node, "id", where, ID_MAX)
        if row.online:
            online.add(cpu)
    if len(set(listed)) != len(listed):
        raise InputError(where, "a CPU twice", LSCPU_OUTPUT)
    if len({row.has_node for row in rows}) > 1:
        raise InputError(where, "a node of some CPUs only", LSCPU_OUTPUT)
    offline = tuple(sorted(set(listed) - set(node_of) - online))
    facts = Facts(where, tuple(sorted(set(node_of.values()))), tuple(sorted(online)), node_of, offline)
    if not node_of:
        return without_numa(facts)
    homeless = sorted(online - set(node_of))
    if homeless:
        raise InputError(where, f"online CPU {homeless[0]} on no node", "a node for each online CPU")
    facts.notes.append(WITHOUT_CPULESS)
    return facts


def is_on(state: bool | str, where: str) -> bool:
    """What the column ONLINE says, in the languages that lscpu speaks."""
    if isinstance(state, bool):
        return state
    if state.lower() not in YES | NO:
        raise InputError(where, f"ONLINE {state[:20]!r}", "yes or no, as LC_ALL=C lscpu -e has it")
    return state.lower() in YES


def checked(facts: Facts) -> Facts:
    """InputError for what lists no CPU."""
    if not facts.online_cpus or not facts.online_nodes:
        raise InputError(facts.where, "no online CPU or no node", LSCPU_OUTPUT)
    return facts


def repaired(data: bytes) -> bytes:
    """The JSON that was meant: lscpu 2.38 writes a bare minus sign for what it does not know of an offline CPU."""
    return re.sub(rb'(":\s*)-(?=\s*[,}])', rb"\1null", data) if b'"cpus"' in data else data


def read_lscpu(data: bytes, where: str) -> Facts:
    """The facts of lscpu's JSON, either form. Raises InputError for what is missing or malformed.

    Memory and distances are never in it. The page size is that of architectures which have only one.
    """
    output = decode_json(data, _Output, where, LSCPU_OUTPUT)
    if not output.cpus:
        return checked(summary(_flat(output.lscpu), where))
    rows = []
    for cpu in output.cpus:
        if cpu.online is None:
            raise InputError(where, "no column ONLINE", LSCPU_OUTPUT)
        node = None if cpu.node in (msgspec.UNSET, None, "-", "") else str(cpu.node)
        rows.append(CpuRow(str(cpu.cpu), node, is_on(cpu.online, where), cpu.node is not msgspec.UNSET))
    return checked(table(rows, where))


# Plain `lscpu`, `lscpu -e` and `lscpu -p`.
LSCPU_FIELD = re.compile(r"\s*([^\W\d_a-z\xdf-\xf6\xf8-\xff\u0430-\u044f][^:]{0,60}:)\s*(.*)")  # no small letter
SUMMARY_MARK = re.compile(
    r"^\s*On-line CPU\(s\) list:|^(?=[^:\n]{0,60}\d)[^:#>|\n]{0,60}NUMA[^:\n]{0,40}:[ \da-fx,-]*$", re.MULTILINE
)
EXTENDED_MARK = re.compile(r"^ *CPU( +[A-Z][\w:]*)+ *$", re.MULTILINE)
PARSABLE_MARK = re.compile(r"^ *# ?CPU(,[\w:]*)+ *$", re.MULTILINE)
EXTENDED_ROW = re.compile(r" *\d+( +[^ ]+)* *")
PARSABLE_ROW = re.compile(r" *\d+(,[^,]*)+ *")


def is_lscpu(text: str) -> bool:
    """Whether the text is one of the three."""
    return any(mark.search(text) for mark in (SUMMARY_MARK, EXTENDED_MARK, PARSABLE_MARK))


def read_lscpu_text(text: str, where: str) -> Facts:
    """The facts of lscpu's text. Raises InputError for what is missing or malformed."""
    notes: list[str] = []
    if PARSABLE_MARK.search(text):
        facts = _parsable(text, where, notes)
    elif EXTENDED_MARK.search(text):
        facts = _extended(text, where, notes)
    else:
        facts = _summary(text, where, notes)
    facts.notes[:0] = notes
    return checked(facts)


def _summary(text: str, where: str, notes: list[str]) -> Facts:
    """`Field:  data`, a field a line; a line without a field goes on with the one above."""
    rows: list[tuple[str, str]] = []
    for number, line in within(numbered(text), lambda line: bool(LSCPU_FIELD.fullmatch(line)), notes, True):
        if (found := LSCPU_FIELD.fullmatch(line)) and not _goes_on(rows):
            rows.append((found[1], found[2].strip()))
        elif rows:
            field, data = rows[-1]
            rows[-1] = (field, (data + ("" if data.endswith((",", "-")) or not data else " ") + line.strip()).strip())
        else:
            raise InputError(f"{where}, line {number}", repr(line[:60]), LSCPU_OUTPUT)
    return summary(rows, where)


def _goes_on(rows: list[tuple[str, str]]) -> bool:
    """Whether the last field has a list that ends in a comma, so that the next line belongs to it."""
    return bool(rows) and matters(rows[-1][0]) and rows[-1][1].endswith(",")


def _columns(words: list[str], where: str) -> tuple[int, int | None, int | None]:
    """The places of CPU, NODE and ONLINE; None for a column that is not there."""
    names = [word.upper() for word in words]
    if names.count("CPU") != 1 or names.count("NODE") > 1 or names.count("ONLINE") > 1:
        raise InputError(where, f"columns {' '.join(words)[:60]!r}", "CPU, NODE and ONLINE once at most")
    node, online = (names.index(name) if name in names else None for name in ("NODE", "ONLINE"))
    return names.index("CPU"), node, online


def _row(cells: list[str], places: tuple[int, int | None, int | None], where: str) -> CpuRow:
    cpu, node, online = places
    state = "yes" if online is None else cells[online]
    name = None if node is None or cells[node] in ("", "-") else cells[node]
    return CpuRow(cells[cpu], name, is_on(state, where), node is not None)


def _extended(text: str, where: str, notes: list[str]) -> Facts:
    """A head of columns and a row for each CPU; read as words, so that rows may be wrapped."""
    known = re.compile(f"{EXTENDED_MARK.pattern}|{EXTENDED_ROW.pattern}")
    lines = within(numbered(text), lambda line: bool(known.fullmatch(line)), notes)
    head = lines[0][1].split()
    places = _columns(head, f"{where}, line {lines[0][0]}")
    if places[2] is None:
        raise InputError(where, "no column ONLINE", "lscpu -e, or -e=CPU,NODE,ONLINE")
    rows = []
    for numbers, cells in _wrapped(lines[1:], len(head)):
        if len(cells) != len(head):
            raise InputError(f"{where}, line {numbers}", f"{len(cells)} cells", f"{len(head)}, one for each column")
        rows.append(_row(cells, places, f"{where}, line {numbers}"))
    return table(rows, where)


def _wrapped(lines: Lines, width: int) -> list[tuple[int, list[str]]]:
    """Rows of so many cells: a line with fewer goes on in the next."""
    rows: list[tuple[int, list[str]]] = []
    for number, line in lines:
        if rows and len(rows[-1][1]) < width:
            rows[-1][1].extend(line.split())
        else:
            rows.append((number, line.split()))
    return rows


def _parsable(text: str, where: str, notes: list[str]) -> Facts:
    """Comments, of which the last names the columns, and a row for each CPU with commas."""
    known = re.compile(f"#.*|{PARSABLE_ROW.pattern}")
    lines = within(numbered(text), lambda line: bool(known.fullmatch(line)), notes)
    heads = [line for _, line in lines if PARSABLE_MARK.fullmatch(line)]
    if len(heads) != 1:
        raise InputError(where, f"{len(heads)} lines that name columns", LSCPU_OUTPUT)
    head = heads[0].strip().lstrip("# ").split(",")
    places = _columns(head, where)
    rows = []
    for number, line in lines:
        if line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != len(head):
            raise InputError(f"{where}, line {number}", f"{len(cells)} cells", f"{len(head)}, one for each column")
        rows.append(_row(cells, places, f"{where}, line {number}"))
    return table(rows, where)
