"""Finds a machine by name or by what a path holds, told by its content, and adds what the user answers."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology_file import load_topology
from percpu_fuzz.strategies.draw.topologies import PRESETS, preset
from percpu_fuzz.strategies.machines.answers import NOTHING_SAID, Answers, check_agreement, with_memory
from percpu_fuzz.strategies.machines.facts import Facts, topology_of
from percpu_fuzz.strategies.machines.hwloc import read_hwloc
from percpu_fuzz.strategies.machines.lscpu import read_lscpu, repaired
from percpu_fuzz.strategies.machines.machine import Imported
from percpu_fuzz.strategies.machines.numactl import NUMACTL_MARK, read_numactl
from percpu_fuzz.strategies.machines.qemu_import import read_qemu
from percpu_fuzz.strategies.machines.qemu_words import QEMU_MARK
from percpu_fuzz.strategies.machines.sysfs import read_sysfs
from percpu_fuzz.strategies.machines.topology_json import import_topology_json
from percpu_fuzz.strategies.machines.tree import ARCHIVE_MAX_BYTES, FolderTree, TarTree
from percpu_fuzz.strategies.machines.zoneinfo import ZONE_ROW
from percpu_fuzz.strategies.reading import Unpacked, decode_json, file_of, read_bytes, text_of

TAR_MAGIC, TAR_MAGIC_AT = b"ustar", 257
MACHINE_FORMATS = (
    "a sysfs folder or tar of it, a topology file, a recorded run's topology.json, hwloc XML, numactl -H, lscpu -J, "
    "QEMU arguments"
)


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
    be gzip. Raises InputError or TopologyError.
    """
    if path.is_dir():
        name = path.resolve().name
        if (recorded := file_of(path, "topology.json")) is not None:
            found = import_topology_json(read_bytes(recorded), recorded, name or "recorded")
        else:
            found = topology_of(read_sysfs(FolderTree(path), answers), answers, name or "sysfs")
    else:
        found = _import_file(path, answers)
    check_agreement(found.topology, answers, str(path))
    return with_memory(found, answers)


def _import_file(path: Path, answers: Answers) -> Imported:
    name = path.name.removesuffix(".gz")
    stem = name.removesuffix(".tar").removesuffix(".tgz") if name != path.name else path.stem
    with Unpacked(path) as file:
        if file.head[TAR_MAGIC_AT : TAR_MAGIC_AT + len(TAR_MAGIC)] == TAR_MAGIC:
            file.limit_bytes = ARCHIVE_MAX_BYTES
            return topology_of(read_sysfs(TarTree(file), answers), answers, stem)
        data = file.rest()
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start in (b"{", b"["):
        return _import_json(path, data, answers)
    if start == b"<" or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return topology_of(read_hwloc(data, str(path), answers.cpuless_nodes), answers, stem)
    return topology_of(_facts_of_text(path, data, answers), answers, stem)


def _import_json(path: Path, data: bytes, answers: Answers) -> Imported:
    data = repaired(data)
    keys = decode_json(data, dict[str, msgspec.Raw], str(path), MACHINE_FORMATS)
    if "schema" in keys:
        return Imported(load_topology(data, str(path)))
    if "possible_nodes" in keys:
        run = path.resolve().parent.name
        return import_topology_json(data, path, run if path.name == "topology.json" and run else path.stem)
    if "lscpu" in keys or "cpus" in keys:
        return topology_of(read_lscpu(data, str(path)), answers, path.stem)
    raise InputError(str(path), f"JSON with the keys {', '.join(list(keys)[:5]) or 'none'}", MACHINE_FORMATS)


def _facts_of_text(path: Path, data: bytes, answers: Answers) -> Facts:
    text = text_of(data, str(path))
    if NUMACTL_MARK.search(text):
        return read_numactl(text, str(path))
    if QEMU_MARK.search(text):
        return read_qemu(text, str(path), answers.page_size)
    if ZONE_ROW.search(text):
        raise InputError(str(path), "/proc/zoneinfo alone, which has no CPUs", "another file, with --zoneinfo FILE")
    first = re.sub(r"[^ -~]", "?", text.strip()[:40])
    raise InputError(str(path), f"begins with {first!r}" if first else "is empty", MACHINE_FORMATS)
