"""What a user types, checked one option at a time: a function for each, whose refusal is one line and names the option.

Rows of the table in settings.py and the other commands read their options with these. What only some options are read
with (machines, files of code: the whole engine) is imported when one of those is read.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.fuzz.schedule import Shard

if TYPE_CHECKING:
    from percpu_fuzz.strategies.machines.machine import Imported

WORKERS_MAX = 512
SECONDS_MAX = 366 * 24 * 3600.0
CASES_MAX = 10**15
DEFAULT_SECONDS = 60.0
HERE = "none"  # no cluster
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def variant_option(text: str, where: str = "--variant") -> Variant:
    """A variant by name, or FILE.py, or FILE.py:NAME for one of several: the file is run.

    NAME+FILE.py[:CHECKER]: a variant of the engine's with the checkers of a file, or one of them, looking on.
    """
    if text in VARIANTS:
        return VARIANTS[text]
    if not re.search(r"\.py(:|$)", text):
        raise InputError(where, repr(text), ", ".join(VARIANTS) + ", FILE.py[:NAME] or NAME+FILE.py[:CHECKER]")
    from percpu_fuzz.fuzz.variant_files import looked_on, variant_from_file  # the engine: a file may replace any of it

    name, plus, rest = text.partition("+")
    if plus and name in VARIANTS:
        return looked_on(VARIANTS[name], rest, text, where)
    return variant_from_file(text, where)


def filled(text: str, where: str) -> str:
    """The text as it is. InputError for an empty one: as a path it would be the current folder."""
    if not text.strip():
        raise InputError(where, repr(text), "a name or a path")
    return text


def machine_option(text: str, where: str = "--topology") -> Imported:
    """A machine by name, or from a file or folder that `topology import` reads, with what had to be assumed of it."""
    from percpu_fuzz.strategies.machines.importing import find_machine  # readers of a dozen formats

    return find_machine(text, where)


def campaign_machine_option(text: str, where: str = "--topology") -> Imported:
    """A machine whose chunks a campaign can have: a longer unit is cut, which is one more note."""
    from percpu_fuzz.strategies.draw.topologies import cut_to_campaign  # the machines of all families

    found = machine_option(text, where)
    cut = cut_to_campaign(found.topology)
    if cut == found.topology:
        return found
    note = (
        f"a campaign has chunks of {cut.unit_pages} pages a CPU: the unit of {found.topology.unit_pages} is cut to that"
    )
    return replace(found, topology=cut, notes=(*found.notes, note))


def families_option(text: str, where: str = "--families") -> tuple[str, ...]:
    """Names of families, separated by commas."""
    from percpu_fuzz.strategies.draw.topologies import named_families  # the machines of all families

    names = names_in(text)
    named_families(names, where)
    return names


def path_option(text: str, where: str) -> Path:
    """A file or folder, there or not."""
    return Path(filled(text, where))


def names_in(text: str) -> tuple[str, ...]:
    """Names separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def seed_option(text: str, where: str = "--seed") -> int:
    """A whole number of up to 160 bits, in decimal or as a commit hash (7 to 40 hexadecimal digits)."""
    if re.fullmatch(r"[0-9]{1,48}", text):
        seed = int(text)
    elif re.fullmatch(r"[0-9a-f]{7,40}", text):
        seed = int(text, 16)
    else:
        raise InputError(where, repr(text), "a whole number from 0 on or a commit hash")
    if seed >= 1 << 160:
        raise InputError(where, text, "less than 2^160")
    return seed


def number_option(text: str | None, where: str, least: int, most: int) -> int | None:
    """A whole number within bounds, 10k or 1e6 too; None stays None."""
    if text is None:
        return None
    number = whole_in(text)
    if number is None or not least <= number <= most:
        raise InputError(where, repr(text), f"a whole number from {least} to {most}")
    return number


def seconds_option(text: str, where: str = "--time") -> float:
    """Seconds, fractions allowed, or 5m, 1h30m, 2d."""
    seconds = seconds_in(text)
    if seconds is None or not 0 < seconds <= SECONDS_MAX:
        raise InputError(where, repr(text), f"seconds above 0 and at most {SECONDS_MAX:.0f}, or 5m, 1h30m, 2d")
    return seconds


def share_option(text: str, where: str) -> Fraction:
    """A share from 0 to 1, exactly as typed."""
    if not re.fullmatch(r"[01](\.[0-9]{1,6})?|\.[0-9]{1,6}", text) or Fraction(text) > 1:
        raise InputError(where, repr(text), "a share from 0 to 1, such as 0.5")
    return Fraction(text)


def workers_option(text: str | None, where: str = "--workers") -> int:
    """Worker processes; for None one for each CPU that this process may use."""
    return number_option(text, where, 1, WORKERS_MAX) or usable_cpus()


def usable_cpus() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0))


def switch_option(text: str, where: str) -> bool:
    """on or off."""
    return choice_option(text, where, ("on", "off")) == "on"


def level_option(text: str, where: str) -> int:
    """A level of the logging library, by its name here."""
    return LEVELS[choice_option(text, where, tuple(LEVELS))]


def size_option(text: str, where: str, least: int, most: int) -> int:
    """Bytes: a whole number, or one with K, M or G behind it (powers of 1,024)."""
    found = re.fullmatch(r"([0-9]{1,15})([KMG]?)", text)
    size = int(found[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[found[2]] if found else -1
    if not least <= size <= most:
        raise InputError(where, repr(text), f"bytes from {least} to {most}, such as 512M or 2G")
    return size


def cluster_option(text: str, where: str) -> str | None:
    """The address of a dask scheduler; None for this machine, as a resumed session may want it ("none")."""
    if text == HERE:
        return None
    if not re.fullmatch(r"(tcp|tls|ws|wss)://[^\s/]+:[0-9]{1,5}", text):
        allowed = "tcp://HOST:PORT or tls://HOST:PORT of a dask scheduler, or none: this machine"
        raise InputError(where, repr(text), allowed)
    if importlib.util.find_spec("distributed") is None:
        raise InputError(where, "dask.distributed is not installed", "pip install 'percpu-fuzz[cluster]'")
    return text


def shard_option(text: str, where: str) -> Shard:
    """I/N: part I (from 1 on) of N."""
    found = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(where, repr(text), "I/N with I from 1 to N, such as 2/3")
    return Shard(int(found[1]) - 1, int(found[2]))


def faults_option(text: str, where: str) -> tuple[str, ...]:
    """Kinds of injected failures, separated by commas; the plan knows which there are."""
    names = names_in(text)
    if "none" in names and len(names) > 1:
        raise InputError(where, repr(text), "none alone, or a list without it")
    return names


def log_option(text: str, where: str) -> Path:
    """A log file that can be written; nothing is left of the try."""
    path = path_option(text, where)
    new = not path.exists()
    try:
        path.open("a").close()
        if new:
            path.unlink()
    except OSError as error:
        raise InputError(where, f"{path}: {error.strerror}", "a file that can be written") from None
    return path


def choice_option(text: str, where: str, allowed: Sequence[str]) -> str:
    """One of some words."""
    if text not in allowed:
        raise InputError(where, repr(text), ", ".join(allowed))
    return text


# Amounts as people type them: 5m, 1h30m; 10k, 1e6.
UNITS_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
FACTORS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
PLAIN_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
PARTS = re.compile(r"(?:([0-9]{1,6})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,9}(?:\.[0-9]{1,6})?)s)?")
COUNT = re.compile(r"([0-9]{1,18})([kMG]?)")
SCIENTIFIC = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?[eE]\+?([0-9]{1,2})")


def seconds_in(text: str) -> float | None:
    """Seconds of 90, 1.5, 5m, 1h30m or 2d; None for what is none of these."""
    if PLAIN_SECONDS.fullmatch(text):
        return float(text)
    parts = PARTS.fullmatch(text)
    if not text or parts is None:
        return None
    return sum(float(part) * unit for part, unit in zip(parts.groups(), UNITS_SECONDS.values(), strict=True) if part)


def whole_in(text: str) -> int | None:
    """The whole number of 2000, 10k, 2M or 1.5e6; None for what is none of these, or no whole number."""
    if plain := COUNT.fullmatch(text):
        return int(plain[1]) * FACTORS[plain[2]]
    scientific = SCIENTIFIC.fullmatch(text)
    if scientific is None:
        return None
    digits, after, power = scientific[1], scientific[2] or "", int(scientific[3])
    if len(after.rstrip("0")) > power:
        return None
    return int(digits + after) * int("1" + "0" * power) // int("1" + "0" * len(after))
