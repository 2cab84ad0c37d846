"""Importing: picks the reader for what a path holds: a sysfs tree, a topology file of ours, or a recorded run's."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.errors import InputError
from engine.topology_file import load_topology
from strategies.recorded.files import decode_json, read_bytes
from strategies.machines.machine import Imported
from strategies.machines.sysfs import import_sysfs
from strategies.machines.topology_json import import_topology_json

ALLOWED = 'a sysfs folder, a topology file ("schema"), or a recorded run\'s topology.json ("possible_nodes")'


def import_path(path: Path) -> Imported:
    """The machine that a path holds. Imported machines are named after the path, our own files name themselves.

    A folder with a topology.json is a recorded run, any other folder sysfs. Raises InputError or TopologyError.
    """
    if path.is_dir():
        if (path / "topology.json").is_file():
            return import_topology_json(path / "topology.json", path.name or "recorded")
        return import_sysfs(path, path.name or "sysfs")
    data = read_bytes(path)
    keys = decode_json(data, dict[str, msgspec.Raw], str(path), ALLOWED)
    if "schema" in keys:
        return Imported(load_topology(data, str(path)))
    if "possible_nodes" in keys:
        run = path.resolve().parent.name
        return import_topology_json(path, run if path.name == "topology.json" and run else path.stem)
    raise InputError(str(path), f"JSON with the keys {', '.join(list(keys)[:5]) or 'none'}", ALLOWED)
