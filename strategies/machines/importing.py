"""Finds a machine by name or by what a path holds, told by its content, and adds what the user answers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology_file import load_topology
from percpu_fuzz.strategies.draw.topologies import PRESETS, preset
from percpu_fuzz.strategies.machines.answers import (
    NOTHING_SAID,
    Answers,
    check_agreement,
    check_remote,
    with_answers,
)
from percpu_fuzz.strategies.machines.boot_facts import BOOT_MARK, read_boot_facts
from percpu_fuzz.strategies.machines.boot_log import first_chunk_of
from percpu_fuzz.strategies.machines.facts import Facts, topology_of
from percpu_fuzz.strategies.machines.lscpu import is_lscpu, read_lscpu, read_lscpu_text, repaired
from percpu_fuzz.strategies.machines.machine import MACHINE_FORMATS, Imported
from percpu_fuzz.strategies.machines.numactl import NUMACTL_MARK, read_numactl
from percpu_fuzz.strategies.machines.pasted import UTF_16, decoded, first_told, part_of, plain_forms
from percpu_fuzz.strategies.machines.percpu_stats import STATS_MARK, first_chunk_of_stats
from percpu_fuzz.strategies.machines.qemu.reading import read_qemu
from percpu_fuzz.strategies.machines.qemu.words import QEMU_MARK
from percpu_fuzz.strategies.machines.sysfs import read_sysfs
from percpu_fuzz.strategies.machines.topology_json import import_topology_json
from percpu_fuzz.strategies.machines.tree import ARCHIVE_MAX_BYTES, FolderTree, SysfsTree, TarTree
from percpu_fuzz.strategies.machines.xml.events import parse_xml
from percpu_fuzz.strategies.machines.xml.hwloc import read_hwloc
from percpu_fuzz.strategies.machines.xml.virsh import is_virsh, read_virsh
from percpu_fuzz.strategies.machines.zoneinfo import ZONE_MARK, parse_zoneinfo
from percpu_fuzz.strategies.reading import HEAD_BYTES, Unpacked, decode_json, file_of, is_tar, read_bytes

XML_START = re.compile(rb"\s*<(?:[?!]|(?!(?:pre|code)\b)[A-Za-z_])")
XML_PART = re.compile(
    r"(?:<\?xml[^<>]*>\s*)?(?:<!DOCTYPE[^<>]*>\s*)?<(topology|capabilities|host|cells)\b[^<>]*(?<!/)>"
)
JSON_START = re.compile(rb"\s*(?:\{\s*(?:[\"}]|\Z)|\[\s*[\[{\"\]])")
LSCPU_JSON = re.compile(r"^[^\n{]*\{\s*\"(?:lscpu|cpus)\"", re.MULTILINE)
ASSUMED_MOST, ASSUMED_WIDTH = 64, 400
PACKED_NAMES = (".gz", ".bz2", ".xz", ".tar", ".tgz", ".tbz2", ".txz")
ADDITIONS = {"/proc/zoneinfo": (ZONE_MARK, "--zoneinfo"), "percpu_stats": (STATS_MARK, "--percpu-stats")}


def find_machine(text: str, where: str) -> Imported:
    """A machine by its name, or from a file or folder. InputError, at `where`, for what is neither."""
    if text in PRESETS:
        return Imported(preset(text))
    if not text.strip():
        raise InputError(where, repr(text), "a name or a path")
    if not Path(text).exists():
        raise InputError(where, repr(text), ", ".join(PRESETS) + " or a topology file")
    return import_path(Path(text))


def import_path(path: Path, answers: Answers = NOTHING_SAID) -> Imported:
    """The machine that a path holds. Imported machines are named after the path, our own files name themselves.

    A folder with a topology.json is a recorded run, any other folder sysfs; a file is told by its content, which may
    be packed (gzip, bzip2, xz). Raises InputError or TopologyError.
    """
    if path.is_dir():
        name = name_of(path.resolve().name)
        if (recorded := file_of(path, "topology.json")) is not None:
            found = _complete(import_topology_json(read_bytes(recorded), recorded, name or "recorded"), answers, path)
        else:
            found, answers = _import_tree(FolderTree(path), answers, name or "sysfs")
    else:
        found, answers = _import_file(path, answers)
    check_agreement(found.topology, answers, str(path))
    return with_answers(found, answers)


def _complete(found: Imported, answers: Answers, path: Path) -> Imported:
    """A machine of which everything was said: there is no pair of nodes left that one distance could be for."""
    check_remote(found.topology.distances, answers, str(path))
    return found


def _import_tree(tree: SysfsTree, answers: Answers, name: str) -> tuple[Imported, Answers]:
    """sysfs, with what a capture script put beside it where nothing else was answered."""
    zones, stats, log = (tree.beside(what) for what in ("zoneinfo", "percpu_stats", "dmesg-boot.txt"))
    notes = list(answers.notes)
    if zones is not None and answers.zones is None:
        where = f"{tree.where}, zoneinfo"
        answers = replace(answers, zones=parse_zoneinfo(decoded(zones, where), where, notes), notes=notes)
    if stats is not None and answers.first_chunk is None:
        where = f"{tree.where}, percpu_stats"
        answers = replace(answers, first_chunk=first_chunk_of_stats(decoded(stats, where), where, notes), notes=notes)
    facts = read_sysfs(tree, answers)
    facts.first_chunk = None if log is None else first_chunk_of(log)
    return topology_of(facts, answers, name), answers


def name_of(part: str) -> str:
    """A part of a path as a machine's name; bytes of it that are no UTF-8 as escapes, as files hold UTF-8."""
    return os.fsencode(part).decode("utf-8", "backslashreplace")


def _stem(path: Path) -> str:
    """The name without what says how it is packed; else without its last suffix."""
    name = name_of(path.name)
    while name.endswith(PACKED_NAMES) and name.rpartition(".")[0]:
        name = name.rpartition(".")[0]
    return name_of(path.stem) if name == name_of(path.name) else name


def _import_file(path: Path, answers: Answers) -> tuple[Imported, Answers]:
    with Unpacked(path) as file:
        if is_tar(file.head):
            file.limit_bytes = ARCHIVE_MAX_BYTES
            return _import_tree(TarTree(file), answers, _stem(path))
        data = file.rest()
    wide = data[:2] in UTF_16  # what PowerShell saves, of XML too that says it were UTF-8
    text = decoded(data, str(path)) if wide else ""
    start = (text.encode() if wide else data).removeprefix(b"\xef\xbb\xbf")
    if XML_START.match(start):
        said = b"UTF-16" in start[:HEAD_BYTES].upper()
        return topology_of(_facts_of_xml(path, data if said else start, answers), answers, _stem(path)), answers
    if JSON_START.match(start):
        return _import_json(path, start, answers), answers
    return _import_text(path, text or decoded(data, str(path)), answers), answers


def _facts_of_xml(path: Path, data: bytes, answers: Answers) -> Facts:
    root = parse_xml(data, str(path))
    if is_virsh(root):
        return read_virsh(root, str(path))
    return read_hwloc(root, str(path), answers.cpuless_nodes)


def _import_json(path: Path, data: bytes, answers: Answers) -> Imported:
    data = repaired(data)
    keys = decode_json(data, dict[str, msgspec.Raw], str(path), MACHINE_FORMATS)
    if "schema" in keys:
        return _complete(Imported(load_topology(data, str(path)), _assumed(keys)), answers, path)
    if "possible_nodes" in keys:
        run = path.resolve().parent.name
        name = name_of(run if path.name == "topology.json" and run else path.stem)
        return _complete(import_topology_json(data, path, name), answers, path)
    if "lscpu" in keys or "cpus" in keys:
        return topology_of(read_lscpu(data, str(path)), answers, name_of(path.stem))
    raise InputError(str(path), f"JSON with the keys {', '.join(list(keys)[:5]) or 'none'}", MACHINE_FORMATS)


def _assumed(keys: dict[str, msgspec.Raw]) -> tuple[str, ...]:
    """What an earlier import had to assume, as our own file keeps it; it is printed, so it is made printable."""
    said = msgspec.json.decode(keys["assumed"], type=tuple[str, ...]) if "assumed" in keys else ()
    return tuple(re.sub(r"[^ -~]", "?", note[:ASSUMED_WIDTH]) for note in said[:ASSUMED_MOST])


def _import_text(path: Path, text: str, answers: Answers) -> Imported:
    """A format of text, told by a line that only it has, in the text as it was pasted; or XML or JSON within a text."""
    where, notes = str(path), list[str]()
    readers: tuple[tuple[Callable[[str], object], Callable[[str], Facts]], ...] = (
        (NUMACTL_MARK.search, lambda plain: read_numactl(plain, where)),
        (XML_PART.search, lambda plain: _facts_of_xml(path, _element(plain, notes), answers)),
        (is_lscpu, lambda plain: read_lscpu_text(plain, where)),
        (LSCPU_JSON.search, lambda plain: read_lscpu(repaired(_object(plain, notes)), where)),
        (BOOT_MARK.search, lambda plain: read_boot_facts(plain, where)),
        (QEMU_MARK.search, lambda plain: read_qemu(plain, where, answers.page_size)),
    )
    forms = tuple(plain_forms(text))
    for tells, read in readers:
        if (plain := first_told(forms, tells, notes)) is not None:
            facts = read(plain)
            facts.notes[:0] = notes
            return topology_of(facts, answers, _stem(path))
    for what, (mark, option) in ADDITIONS.items():
        if first_told(forms, mark.search, notes) is not None:
            raise InputError(where, f"{what} alone, which has no CPUs", f"another file, with {option} FILE")
    first = re.sub(r"[^ -~]", "?", text.strip()[:40])
    raise InputError(where, f"begins with {first!r}" if first else "is empty", MACHINE_FORMATS)


def _element(text: str, notes: list[str]) -> bytes:
    """The XML element in a text, from the first tag that a reader knows to the last of its kind."""
    found = XML_PART.search(text)
    assert found is not None  # it told the format
    end = text.rfind(f"</{found[1]}>")
    return part_of(text, found.start(), max(end, found.end()) + len(found[1]) + 3, notes).encode()


def _object(text: str, notes: list[str]) -> bytes:
    """The JSON object in a text."""
    found = LSCPU_JSON.search(text)
    assert found is not None  # it told the format
    return part_of(text, found.start(), max(text.rfind("}"), found.end()) + 1, notes).encode()
