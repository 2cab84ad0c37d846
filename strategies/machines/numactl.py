"""Reads what `numactl -H` prints: online nodes, their online CPUs, memory in MiB, distances.

It is read as words, not as lines, so that it may have been wrapped anywhere: a word that does not fit is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.facts import Facts
from percpu_fuzz.strategies.machines.machine import ID_MAX, number_of, one_node_each, parse_list, show_list
from percpu_fuzz.strategies.machines.pasted import Lines, numbered, within

NUMACTL_MARK = re.compile(r"^ *available: +\d+ nodes?\b", re.MULTILINE)
NUMACTL_OUTPUT = "the output of numactl -H"
KNOWN_LINE = re.compile(
    r"available:.*|node( +\d++)+( +(cpus|size|free):.*)?|node +distances:|(\d++:)?( *+\d++)+|No dist.*|(\d+ +)?MB"
)
NO_DISTANCES = ["No", "distance", "information", "available."]
WHOLE = re.compile(r"\d{1,12}")


class _Words:
    """The words of the text with the lines they stand on."""

    def __init__(self, lines: Lines, where: str) -> None:
        self.words = [(word, number) for number, line in lines for word in line.split()]
        self.where, self.at = where, 0

    def peek(self, ahead: int = 0) -> str:
        """The word that comes, "" at the end."""
        return self.words[self.at + ahead][0] if self.at + ahead < len(self.words) else ""

    def take(self, allowed: Callable[[str], object]) -> str:
        word = self.peek()
        if not word or not allowed(word):
            self.refuse(word)
        self.at += 1
        return word

    def numbers(self) -> tuple[int, ...]:
        """All numbers from here on."""
        start = self.at
        while WHOLE.fullmatch(self.peek()):
            self.at += 1
        return tuple(int(word) for word, _ in self.words[start : self.at])

    def refuse(self, word: str) -> NoReturn:
        line = self.words[min(self.at, len(self.words) - 1)][1]
        given = f"{word[:40]!r} where it does not belong" if word else "it ends too early"
        raise InputError(f"{self.where}, line {line}", given, NUMACTL_OUTPUT)


class _Reader:
    """Takes one statement after the other."""

    def __init__(self, words: _Words) -> None:
        self.words, self.where = words, words.where
        self.available: tuple[int, ...] | None = None
        self.cpus: dict[int, tuple[int, ...]] = {}
        self.mib: dict[str, dict[int, int | None]] = {"size:": {}, "free:": {}}
        self.columns: tuple[int, ...] = ()
        self.rows: dict[int, dict[int, int]] = {}
        self.titles = 0

    def statement(self) -> None:
        words = self.words
        if words.peek() == "available:":
            self._available()
        elif words.peek() == "node" and words.peek(1) == "distances:":
            words.at += 2
            self.titles += 1
        elif words.peek() == "node" and words.peek(2) == "cpus:":
            node = self._node()
            self._once(node, self.cpus, "cpus")
            self.cpus[node] = words.numbers()
        elif words.peek() == "node" and words.peek(2) in self.mib:
            self._memory()
        elif words.peek() == "node" and WHOLE.fullmatch(words.peek(1)) and not self.columns:
            words.at += 1
            self.columns = words.numbers()
        elif words.peek().endswith(":") and self.columns:
            self._row()
        elif [words.peek(i) for i in range(len(NO_DISTANCES))] == NO_DISTANCES:
            words.at += len(NO_DISTANCES)
        else:
            words.refuse(words.peek())

    def _available(self) -> None:
        words = self.words
        words.at += 1
        count = int(words.take(WHOLE.fullmatch))
        words.take(lambda word: word in ("node", "nodes"))
        ids = parse_list(words.take(lambda word: word[0] + word[-1] == "()")[1:-1], self.where)
        if self.available is not None or count != len(ids):
            raise InputError(self.where, f"available: {count} nodes ({show_list(ids)})", f"once, {count} ids")
        self.available = ids

    def _node(self) -> int:
        self.words.at += 1
        node = number_of(self.words.take(WHOLE.fullmatch), "node", self.where, ID_MAX)
        self.words.at += 1
        return node

    def _once(self, node: int, seen: object, what: str) -> None:
        if node in seen:  # type: ignore[operator]  # a dict by node
            raise InputError(self.where, f"{what} of node {node} twice", NUMACTL_OUTPUT)

    def _memory(self) -> None:
        which = self.words.peek(2)
        node = self._node()
        self._once(node, self.mib[which], which.rstrip(":"))
        if self.words.peek() + self.words.peek(1) == "<notavailable>":
            self.words.at += 2
            self.mib[which][node] = None
            return
        self.mib[which][node] = int(self.words.take(WHOLE.fullmatch))
        self.words.take(lambda word: word == "MB")

    def _row(self) -> None:
        node = number_of(self.words.peek()[:-1], "row of node", self.where, ID_MAX)
        self.words.at += 1
        distances = self.words.numbers()
        if len(distances) != len(self.columns) or node in self.rows:
            given = f"{len(distances)} distances of node {node}" + (" again" if node in self.rows else "")
            raise InputError(self.where, given, f"one row for each node, {len(self.columns)} numbers in each")
        self.rows[node] = dict(zip(self.columns, distances, strict=True))

    def check(self) -> tuple[int, ...]:
        """The online nodes. InputError for what does not fit together."""
        online = tuple(sorted(self.cpus))
        if self.available != online:
            given = (
                f"cpus of nodes {show_list(online) or 'none'}, available {show_list(self.available or ()) or 'none'}"
            )
            raise InputError(self.where, given, "a line `node N cpus:` for each available node, and no other")
        if (self.titles != 1 and self.rows) or self.titles > 1 or (self.titles and not self.rows):
            raise InputError(
                self.where, f"{self.titles} lines `node distances:`, {len(self.rows)} rows", NUMACTL_OUTPUT
            )
        for what, seen in self.mib.items():
            if set(seen) - set(online):
                raise InputError(self.where, f"{what[:-1]} of nodes {show_list(sorted(seen))}", show_list(online))
        silent = [node for node in online if self.rows and not set(online) <= set(self.rows.get(node, ()))]
        if silent or set(self.columns) != set(self.rows):
            given = f"distances of nodes {show_list(sorted(self.rows))}, columns {show_list(sorted(self.columns))}"
            raise InputError(self.where, given, "a row and a column each")
        return online


def _cpu_node(cpus: dict[int, tuple[int, ...]], where: str) -> dict[int, int]:
    node_of: dict[int, int] = {}
    for node, listed in cpus.items():
        if list(listed) != sorted(set(listed)):
            raise InputError(where, f"CPUs of node {node} out of order", "each once, ascending")
        for cpu in listed:
            one_node_each(node_of, number_of(str(cpu), "CPU", where, ID_MAX), node, where)
    return node_of


def read_numactl(text: str, where: str) -> Facts:
    """The facts of numactl's text. Rows of distances for nodes that it does not list are left out.

    Free memory counts; a node whose size is 0 has none. Raises InputError for words that do not fit together.
    """
    notes = ["numactl has whole MiB: free memory is that, rounded down, and one MiB at least"]
    words = _Words(within(numbered(text), lambda line: bool(KNOWN_LINE.fullmatch(line.strip())), notes), where)
    reader = _Reader(words)
    while words.at < len(words.words):
        reader.statement()
    online = reader.check()
    size, free = reader.mib["size:"], reader.mib["free:"]
    memory: dict[int, int] = {}
    for node in set(size) & set(free):
        total, left = size[node], free[node]
        if total is not None and (left is not None or total == 0):
            memory[node] = max(left or 0, 1) << 20 if total else 0
    cpu_node = _cpu_node(reader.cpus, where)
    return Facts(
        where, online, tuple(sorted(cpu_node)), cpu_node, (), memory,
        {here: {there: reader.rows[here][there] for there in online} for here in reader.rows if here in online},
        notes=notes,
    )  # fmt: skip
