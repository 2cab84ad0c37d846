"""Fidelity: how far a recorded run and the model agree, in five figures, and how much of the kernel is not observable.

A run is a folder with percpu.trace, topology.json, states.json, placement.json and dmesg-boot.txt, each plain or gzip.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import InputError
from engine.topology import Topology
from engine.variant import Variant
from strategies.recorded.areas import AreaReport, check_areas
from strategies.recorded.charge_failures import ChargeReport, check_charge_failures
from strategies.recorded.events import Event
from strategies.recorded.fallback import FallbackReport, check_fallback
from strategies.recorded.files import read_bytes
from strategies.recorded.lag import lagging
from strategies.recorded.placement import Placement, import_placement
from strategies.recorded.possible_cpus import check_possible_cpus, cost_ratio
from strategies.recorded.replay import Replayed, replay_workload
from strategies.recorded.states import Snapshot, import_states
from strategies.recorded.tracefs import Counts, read_events
from strategies.recorded.workload import Workload, build_workload

UNIT = re.compile(rb"(?:pcpu-alloc: s\d+ r\d+ d\d+|percpu: Embedded .*?) u(\d{4,10})")


@dataclass(frozen=True, slots=True)
class Run:
    """A recorded run, read. unit_bytes: one CPU's unit of a chunk, None if the boot messages do not say."""

    name: str
    topology: Topology
    events: list[Event]
    counts: Counts
    workload: Workload
    snapshots: tuple[Snapshot, ...]
    placement: Placement | None
    unit_bytes: int | None


@dataclass(slots=True)
class Fidelity:
    """The figures of one run; a report is None where the run lacks what it needs (then `missing` says so)."""

    name: str
    cpus: str
    rows: int = 0
    rows_equal: int = 0
    rows_lagging: int = 0
    worst_difference_bytes: int = 0
    areas: AreaReport | None = None
    fallback: FallbackReport | None = None
    charges: ChargeReport | None = None
    missing: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """No row differs but by lag, placement is within its tolerance, no charge failure is contradicted."""
        return (
            self.rows == self.rows_equal + self.rows_lagging
            and (self.fallback is None or self.fallback.within)
            and (self.charges is None or self.charges.contradicted == 0)
        )


def file_of(folder: Path, name: str) -> Path | None:
    """The file of that name in a run's folder, plain or gzip; None if it is not there."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def needed_file(folder: Path, name: str) -> Path:
    found = file_of(folder, name)
    if found is None:
        raise InputError(str(folder), f"no {name}", f"a recorded run: a folder with {name}, plain or gzip")
    return found


def unit_bytes_of(folder: Path) -> int | None:
    """The unit size that the kernel printed at boot, None if there is no such line."""
    path = file_of(folder, "dmesg-boot.txt")
    found = UNIT.search(read_bytes(path)) if path is not None else None
    return int(found[1]) if found else None


def read_run(folder: Path, topology: Topology) -> Run:
    """Everything of a run's folder that fidelity and calibration need. InputError names what cannot be read."""
    counts = Counts()
    events = list(read_events(needed_file(folder, "percpu.trace"), counts))
    placement = file_of(folder, "placement.json")
    states = file_of(folder, "states.json")
    return Run(
        folder.name,
        topology,
        events,
        counts,
        build_workload(events),
        () if states is None else import_states(states),
        None if placement is None else import_placement(placement),
        unit_bytes_of(folder),
    )


def check_rows(run: Run, variant: Variant, into: Fidelity) -> Replayed:
    """Replay through the variant's hooks and compare memory.stat row by row."""
    replayed = replay_workload(run.workload, run.topology, variant, run.placement, run.snapshots)
    into.rows, into.rows_equal = len(replayed.rows), replayed.rows_equal
    excused = lagging(replayed.rows)
    into.rows_lagging = sum(excused)
    into.worst_difference_bytes = max(
        (abs(row.kernel_bytes - row.engine_bytes) for row, lag in zip(replayed.rows, excused, strict=True) if not lag),
        default=0,
    )
    return replayed


def check_run(run: Run, variant: Variant) -> Fidelity:
    """The five figures of a run."""
    ratio = cost_ratio(run.workload.operations, run.name)
    cpus = "the trace has no bytes_alloc: possible CPUs not checked"
    if ratio is not None:
        cpus = check_possible_cpus(ratio, run.topology, run.name)
    found = Fidelity(run.name, cpus)
    if run.snapshots:
        check_rows(run, variant, found)
        found.charges = check_charge_failures(run.workload, run.snapshots, len(run.topology.cpus))
    else:
        found.missing.append("states.json: no rows, no charge failures")
    if run.unit_bytes is not None:
        found.areas = check_areas(run.events, run.unit_bytes, run.topology.page_size)
    else:
        found.missing.append("a unit size in dmesg-boot.txt: no areas, no pages")
    if run.placement is not None:
        found.fallback = check_fallback(run.placement, run.topology)
    else:
        found.missing.append("placement.json: no page placement")
    return found
