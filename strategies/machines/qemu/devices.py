"""Memory that QEMU's devices add to nodes, nodes that devices make possible, and what of it is not counted."""

from __future__ import annotations

from collections.abc import Mapping

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import MAX_NODES
from percpu_fuzz.strategies.machines.machine import number_of, show_list
from percpu_fuzz.strategies.machines.sizes import parse_size

UNCOUNTED = {
    "nvdimm": "is memory only once it is hot-added (ndctl and daxctl, to a node of its own): it is not counted",
    "virtio-pmem-pci": "is a disk to the kernel: it is not counted",
    "cxl-type3": "is memory only once its region is made and hot-added: it is not counted",
}
Suboption = dict[str, str]


class Devices:
    """Takes devices and the machine's own options."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.initiators: set[int] = set()
        self._dimms: list[tuple[str, str, int]] = []  # what to call it, its backend, its node
        self._virtio: list[tuple[int, int]] = []  # bytes plugged at the start, its node
        self._uncounted: dict[str, int] = {}
        self._windows: set[str] = set()
        self._memdevs: set[str] = set()

    def device(self, given: Suboption) -> None:
        driver = given.get("driver", "")
        self._memdevs |= {given[key] for key in ("memdev", "volatile-memdev", "persistent-memdev") if key in given}
        name = f"{driver} {given.get('id', '')}".strip()[:60]
        if driver == "pc-dimm":
            self._dimms.append((name, given.get("memdev", ""), self._node(given)))
        elif driver.startswith("virtio-mem"):
            size = parse_size(given.get("requested-size", "0"), f"{self.where}, -device {name},requested-size")
            self._virtio.append((size, self._node(given)))
        elif driver in UNCOUNTED:
            self._uncounted[driver] = self._uncounted.get(driver, 0) + 1

    def _node(self, given: Suboption) -> int:
        return number_of(given.get("node", "0"), "-device node", self.where, MAX_NODES - 1)

    def machine(self, given: Suboption) -> None:
        self._memdevs |= {given["memory-backend"]} if "memory-backend" in given else set()
        for key in given:
            parts = key.split(".")
            if parts[0] == "cxl-fmw" and len(parts) > 1:
                self._windows.add(parts[1])

    def backends(self) -> set[str]:
        """Ids of the memory backends that devices and the machine use."""
        return self._memdevs

    def nodes(self) -> set[int]:
        """The nodes that devices name."""
        return {node for *_, node in self._dimms} | {node for _, node in self._virtio}

    def plugged(self, backends: Mapping[str, int], notes: list[str]) -> dict[int, int]:
        """Bytes by node of what is plugged at the start; what is not counted becomes a note."""
        found: dict[int, int] = {}
        for name, memdev, node in self._dimms:
            if memdev not in backends:
                raise InputError(self.where, f"{name} with memdev={memdev[:40]}", "the id of a memory backend")
            found[node] = found.get(node, 0) + backends[memdev]
        for size, node in self._virtio:
            if size:
                found[node] = found.get(node, 0) + size
        if self._dimms or self._virtio:
            notes.append(
                f"pc-dimm and virtio-mem: {sum(found.values()) >> 20} MiB plugged at the start are counted on nodes "
                f"{show_list(sorted(found)) or 'none'}, as memory that the guest has put online"
            )
        notes += [f"{count} x {driver} {UNCOUNTED[driver]}" for driver, count in self._uncounted.items()]
        return found

    def windows(self, first: int, notes: list[str]) -> tuple[int, ...]:
        """Nodes that the kernel makes possible for CXL windows (CFMWS) that no memory of SRAT lies in."""
        found = tuple(range(first, first + len(self._windows)))
        if found:
            notes.append(f"nodes {show_list(found)} are possible and offline: the kernel makes one for each CXL window")
        return found
