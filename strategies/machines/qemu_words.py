"""QEMU's command line as words: the options that describe the machine, their suboptions, the layout of -smp."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from itertools import product
from math import prod

import msgspec

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.machine import number_of

WORDS_MAX = 4_000_000
MACHINE_OPTIONS = frozenset({"smp", "m", "object", "numa", "append"})
QEMU_MARK = re.compile(r"(?:^|\s)--?(?:numa|smp)\s+[\w'\"]")
QEMU_ARGUMENTS = "QEMU arguments as on a shell's command line"
LEVELS = ("drawers", "books", "sockets", "dies", "clusters", "modules", "cores", "threads")
CPU_NUMBERS_MAX = 1 << 16
QUOTE = re.compile(r"[\\'\"]")

Suboptions = list[tuple[str, str]]


def _lines(text: str) -> Iterator[str]:
    """Lines with continuations joined; a line that begins with # is a comment."""
    joined = text.replace("\\\r\n", " ").replace("\\\n", " ")
    return (line for line in joined.splitlines() if not line.lstrip().startswith("#"))


def words_of(text: str, where: str) -> list[str]:
    """The words of a text as a shell splits them. A word in quotes may go over lines."""
    words: list[str] = []
    pending = ""
    for line in _lines(text):
        if not pending and not QUOTE.search(line):
            words += line.split()
        else:
            pending += line + "\n"
            try:
                words += shlex.split(pending)
                pending = ""
            except ValueError:
                if len(pending) > 1 << 20:
                    break
        if len(words) > WORDS_MAX:
            raise InputError(where, "more words", f"at most {WORDS_MAX}")
    if pending:
        raise InputError(where, f"a quote that does not close: {pending.strip()[:40]!r}", QEMU_ARGUMENTS)
    return words


def machine_options(words: Iterable[str], where: str) -> Iterator[tuple[str, str]]:
    """Names and values of the options that describe the machine; all others are passed over."""
    name = ""
    for word in words:
        if name:
            yield name, word
            name = ""
        elif word.startswith("-") and word.lstrip("-") in MACHINE_OPTIONS:
            name = word.lstrip("-")
    if name:
        raise InputError(where, f"-{name} at the end", f"-{name} with its value")


def pairs_of(value: str, first: str, where: str) -> Suboptions:
    """Suboptions in order; `first` names one without a key at the beginning. Two commas stand for one in a value."""
    if value.startswith("{"):
        try:
            found = msgspec.json.decode(value.encode(), type=dict[str, str | int | bool | list[int]])
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            raise InputError(where, f"{value[:40]!r}: {' '.join(str(error).split())}", QEMU_ARGUMENTS) from None
        return [(key, str(item)) for key, item in found.items()]
    pairs: Suboptions = []
    for number, part in enumerate(value.replace(",,", "\0").split(",")):
        key, equals, text = part.replace("\0", ",").partition("=")
        if not equals and (number or not first):
            raise InputError(where, f"{part[:40]!r} in {value[:60]!r}", "key=value")
        pairs.append((key, text) if equals else (first, key))
    return pairs


class Layout:
    """The numbers of -smp: present CPUs, possible CPUs, and how many there are at each level.

    What is missing is computed as QEMU does since 6.2: cores first, then sockets, then threads.
    """

    def __init__(self, pairs: Suboptions, where: str) -> None:
        given = {key: number_of(text, f"-smp {key}", where, CPU_NUMBERS_MAX) for key, text in pairs}
        strange = sorted(set(given) - {*LEVELS, "cpus", "maxcpus"})
        if strange:
            raise InputError(where, f"-smp {strange[0]}", f"cpus, maxcpus, {', '.join(LEVELS)}")
        size = {level: given.get(level, 0) for level in LEVELS}
        total = given.get("maxcpus", 0) or given.get("cpus", 0)
        main = ("cores", "sockets", "threads")
        for level in LEVELS:
            if level not in main or not total:
                size[level] = size[level] or 1
        for i, level in enumerate(main):
            if not size[level]:
                rest = {other: size[other] or 1 for other in LEVELS if other != level}
                size.update({other: 1 for other in main[i + 1 :] if not size[other]})
                size[level] = max(total // prod(rest.values()), 1)
        self.counts = tuple(size[level] for level in LEVELS)
        self.possible = total if total else prod(self.counts)
        self.present = given.get("cpus", 0) or self.possible
        if prod(self.counts) != self.possible or not 0 < self.present <= self.possible <= CPU_NUMBERS_MAX:
            shape = " x ".join(f"{size[level]} {level}" for level in LEVELS if size[level] > 1) or "1 CPU"
            given_text = f"-smp of {self.present} CPUs, {self.possible} possible, {shape}"
            raise InputError(where, given_text, "as many possible CPUs as the levels multiply to")

    def matching(self, fixed: dict[str, int]) -> Iterator[int]:
        """The CPUs at the given numbers of some levels; None if a number is beyond its level."""
        ranges = []
        for level, count in zip(LEVELS, self.counts, strict=True):
            at = fixed.get(level)
            ranges.append(range(count) if at is None else range(at, at + 1) if at < count else range(0))
        for place in product(*ranges):
            cpu = 0
            for at, count in zip(place, self.counts, strict=True):
                cpu = cpu * count + at
            yield cpu

    def socket_of(self, cpu: int) -> int:
        """The number of a CPU's socket over the whole machine."""
        return cpu // prod(self.counts[LEVELS.index("sockets") + 1 :])
