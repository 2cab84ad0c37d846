"""Fidelity: how far a recorded run and the model agree, in five figures, and how much of the kernel is not observable.

A run is a folder with percpu.trace, topology.json, states.json, placement.json and dmesg-boot.txt, each plain or gzip.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.fidelity.areas import AreaReport, check_areas
from percpu_fuzz.strategies.fidelity.charge_failures import ChargeReport, check_charge_failures
from percpu_fuzz.strategies.fidelity.fallback import FallbackReport, check_fallback
from percpu_fuzz.strategies.fidelity.lag import lagging
from percpu_fuzz.strategies.fidelity.replay import Replayed, replay_workload
from percpu_fuzz.strategies.trace.events import Event
from percpu_fuzz.strategies.trace.files import file_of, read_bytes
from percpu_fuzz.strategies.trace.one_pass import left_out_of
from percpu_fuzz.strategies.trace.pages.placement import Placement, import_placement
from percpu_fuzz.strategies.trace.pages.placement_check import PopulatesSeen
from percpu_fuzz.strategies.trace.pointers import with_raw_pointers
from percpu_fuzz.strategies.trace.possible_cpus import CostRatios, cpus_words
from percpu_fuzz.strategies.trace.states import Snapshot, import_states
from percpu_fuzz.strategies.trace.tracefs import Counts, read_events
from percpu_fuzz.strategies.trace.workload import Workload, build_workload

UNIT_LEAST, UNIT_MOST = 32 << 10, 64 << 20
UNIT = re.compile(rb"(?:pcpu-alloc: s\d+ r\d+ d\d+|percpu: Embedded .*?) u(\d{1,19})")


@dataclass(frozen=True, slots=True)
class Run:
    """A recorded run, read. unit_bytes: one CPU's unit of a chunk, None if the boot messages do not say;
    no_unit says what is missing then."""

    name: str
    topology: Topology
    events: list[Event]
    counts: Counts
    workload: Workload
    snapshots: tuple[Snapshot, ...]
    placement: Placement | None
    unit_bytes: int | None
    no_unit: str = ""


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
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """No row differs but by lag, placement is within its tolerance, no charge failure is contradicted."""
        return (
            self.rows == self.rows_equal + self.rows_lagging
            and (self.fallback is None or self.fallback.within)
            and (self.charges is None or self.charges.contradicted == 0)
        )


def needed_file(folder: Path, name: str) -> Path:
    """The path of a file in a run's folder, plain or gzip. InputError if it is not there."""
    found = file_of(folder, name)
    if found is None:
        raise InputError(str(folder), f"no {name}", f"a recorded run: a folder with {name}, plain or gzip")
    return found


def unit_bytes_of(folder: Path, page_bytes: int = 4096) -> tuple[int | None, str]:
    """The unit size that the kernel printed at boot, or None and why there is none."""
    path = file_of(folder, "dmesg-boot.txt")
    if path is None:
        return None, "dmesg-boot.txt"
    found = UNIT.search(read_bytes(path))
    if found is None:
        return None, f"a line with the unit size in {path.name}"
    unit_bytes = int(found[1])
    if unit_bytes % page_bytes or not UNIT_LEAST <= unit_bytes <= UNIT_MOST:
        return (
            None,
            f"a unit size in {path.name} that can be ({unit_bytes} bytes is none of whole pages, 32 KiB to 64 MiB)",
        )
    return unit_bytes, ""


def read_run(folder: Path, topology: Topology) -> Run:
    """Everything of a run's folder that fidelity and calibration need. InputError names what cannot be read."""
    counts = Counts()
    events = list(read_events(needed_file(folder, "percpu.trace"), counts))
    placement = file_of(folder, "placement.json")
    unit_bytes, no_unit = unit_bytes_of(folder, topology.page_size)
    states = file_of(folder, "states.json")
    return Run(
        folder.name,
        topology,
        events,
        counts,
        build_workload(events),
        () if states is None else import_states(states),
        None if placement is None else import_placement(placement),
        unit_bytes,
        no_unit,
    )


def check_rows(run: Run, variant: Variant, into: Fidelity) -> Replayed:
    """Replay through the variant's hooks and compare memory.stat row by row."""
    replayed = replay_workload(run.workload, run.topology, variant, run.placement, run.snapshots, placement_of(run))
    into.rows, into.rows_equal = len(replayed.rows), replayed.rows_equal
    into.left_out |= replayed.left_out
    excused = lagging(replayed.rows)
    into.rows_lagging = sum(excused)
    into.worst_difference_bytes = max(
        (abs(row.kernel_bytes - row.engine_bytes) for row, lag in zip(replayed.rows, excused, strict=True) if not lag),
        default=0,
    )
    return replayed


def placement_of(run: Run) -> str:
    """What errors about a run's placement call the place where they were found."""
    return f"{run.name}, placement.json"


def check_placement_of(run: Run) -> None:
    """The placement is this trace's. InputError if not."""
    if run.placement is None:
        return
    seen = PopulatesSeen(run.placement)
    for _ in seen.watch(run.events):
        pass
    seen.check(placement_of(run))


def check_run(run: Run, variant: Variant) -> Fidelity:
    """The five figures of a run. InputError if its files are not of one run, or states were given and no row could be
    compared.
    """
    ratios = CostRatios()
    for operation in run.workload.operations:
        ratios.add(operation)
    found = Fidelity(run.name, cpus_words(ratios, run.topology, run.name))
    found.left_out = left_out_of(run.workload) | {"costs_that_disagree": ratios.disagreeing}
    check_placement_of(run)
    if run.snapshots:
        check_compared(check_rows(run, variant, found), len(run.snapshots), f"{run.name}, states.json")
        found.charges = check_charge_failures(
            run.workload, run.snapshots, len(run.topology.cpus), run.topology.page_size
        )
    else:
        found.missing.append("states.json: no rows, no charge failures")
    if run.unit_bytes is not None:
        events = with_raw_pointers(run.events, run.workload.raw_of)
        found.areas = check_areas(events, run.unit_bytes, run.topology.page_size)
    else:
        found.missing.append(f"{run.no_unit}: no areas, no pages")
    if run.placement is not None:
        found.fallback = check_fallback(run.placement, run.topology)
    else:
        found.missing.append("placement.json: no page placement")
    return found


def check_compared(replayed: Replayed, snapshots: int, where: str) -> None:
    """Snapshots were given: at least one row must have been compared. InputError says why there is none."""
    if replayed.rows:
        return
    out = replayed.left_out
    given = (
        f"no row of {snapshots} snapshots could be compared ({out['phases_never_seen']} snapshots not marked in the "
        f"trace, {out['rows_of_unknown_cgroups']} rows of cgroups it never named, {out['rows_not_observable']} not "
        "observable)"
    )
    raise InputError(where, given, "the snapshots of this trace, whose marks are in it")
