"""QEMU's command line as words: the options that describe the machine, their suboptions, the layout of -smp."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import product
from math import prod
from typing import Any

import msgspec

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.machine import number_of

MACHINE_OPTIONS = frozenset({"smp", "m", "object", "numa", "append", "device", "machine", "M", "readconfig", "set"})
QEMU_MARK = re.compile(r"(?:^|[\s'\"(])(?:--?(?:numa|smp)\s+[\w'\"$\\]|(?:\S*/)?qemu-system-\w+\s)")
QEMU_ARGUMENTS = "QEMU arguments as on a shell's command line"
LEVELS = ("drawers", "books", "sockets", "dies", "clusters", "modules", "cores", "threads")
SWITCHED = ("driver", "machine", "qom-type")
CPU_NUMBERS_MAX = 1 << 16

Suboptions = list[tuple[str, str]]


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
    """Suboptions in order; `first` names one without a key at the beginning. Two commas stand for one in a value.

    An empty one at the end is none. With `first` one of SWITCHED a key without a value is switched on.
    """
    if value.startswith("{"):
        try:
            found = msgspec.json.decode(value.encode(), type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            raise InputError(where, f"{value[:40]!r}: {' '.join(str(error).split())}", QEMU_ARGUMENTS) from None
        return [(key, str(item)) for key, item in found.items()]
    pairs: Suboptions = []
    parts = value.replace(",,", "\0").split(",")
    for number, part in enumerate(parts[:-1] if len(parts) > 1 and not parts[-1] else parts):
        key, equals, text = part.replace("\0", ",").partition("=")
        if not equals and (number or not first):
            if first not in SWITCHED:
                raise InputError(where, f"{part[:40]!r} in {value[:60]!r}", "key=value")
            pairs.append((key, "on"))
        else:
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
