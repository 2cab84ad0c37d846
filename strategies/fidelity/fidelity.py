"""Fidelity: how far a recorded run and the model agree, in five figures, and how much is not observable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.fidelity.area_steps import with_raw_pointers
from percpu_fuzz.strategies.fidelity.areas import AreaReport, check_areas
from percpu_fuzz.strategies.fidelity.charge_failures import ChargeReport, check_charge_failures
from percpu_fuzz.strategies.fidelity.fallback import FallbackReport, check_fallback
from percpu_fuzz.strategies.fidelity.replay import Replayed, check_compared, replay_workload
from percpu_fuzz.strategies.machines.boot_log import BOOT_LOG, FirstChunk
from percpu_fuzz.strategies.trace.recorded_run import ReadTrace

UNIT_LEAST, UNIT_MOST = 32 << 10, 64 << 20
PLACEMENT_FIGURES = (
    "pages", "pages_equal", "others_judged", "others_equal", "intervals", "longest_run", "split", "within",
    "fallback_difference", "distance_difference",
)  # fmt: skip


@dataclass(slots=True)
class Fidelity:
    """The figures of one run; a report is None where the run lacks what it needs (then `missing` says so)."""

    name: str
    replayed: Replayed = field(default_factory=Replayed)
    areas: AreaReport | None = None
    fallback: FallbackReport | None = None
    charges: ChargeReport | None = None
    missing: list[str] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """No row differs but by lag, placement is within its tolerance, no charge failure is contradicted."""
        return (
            len(self.replayed.rows) == self.replayed.rows_equal + self.replayed.rows_lagging
            and (self.fallback is None or self.fallback.within)
            and (self.charges is None or self.charges.contradicted == 0)
        )

    def figures(self) -> dict[str, Any]:
        """All as JSON has it; what the run lacks is not there."""
        replayed = self.replayed
        found: dict[str, Any] = {
            "run": self.name, "missing": self.missing, "left_out": dict(self.left_out), "agrees": self.agrees,
            "rows": len(replayed.rows), "rows_equal": replayed.rows_equal, "rows_lagging": replayed.rows_lagging,
            "worst_difference_bytes": replayed.worst_other_bytes,
        }  # fmt: skip
        if self.areas is not None:
            found["areas"] = msgspec.to_builtins(self.areas)
        if self.fallback is not None:
            found["placement"] = {name: getattr(self.fallback, name) for name in PLACEMENT_FIGURES}
        if (charges := self.charges) is not None:
            found["charges"] = {
                "failures": dict(charges.failures), "successes": dict(charges.successes),
                "recorded": charges.recorded, "contradicted": charges.contradicted,
            }  # fmt: skip
        return found


def unit_bytes_of(chunk: FirstChunk, page_bytes: int) -> tuple[int | None, str]:
    """The unit size that the kernel printed at boot, or None and why there is none."""
    if chunk.missing:
        return None, chunk.missing
    if chunk.unit_bytes % page_bytes or not UNIT_LEAST <= chunk.unit_bytes <= UNIT_MOST:
        reason = f"{chunk.unit_bytes} bytes is none of whole pages, 32 KiB to 64 MiB"
        return None, f"a unit size in {BOOT_LOG} that can be ({reason})"
    return chunk.unit_bytes, ""


def replay_rows(read: ReadTrace, variant: Variant) -> Replayed:
    """Replay through the variant's hooks and compare memory.stat row by row."""
    run = read.run
    return replay_workload(
        read, run.topology, variant, read.placement, run.snapshots, run.placement_file or "placement"
    )


def check_run(read: ReadTrace, variant: Variant) -> Fidelity:
    """The five figures of a run. InputError if snapshots were given and no row could be compared."""
    run, topology = read.run, read.run.topology
    found = Fidelity(run.name, left_out=dict(read.stream.left_out))
    if run.snapshots:
        found.replayed = replay_rows(read, variant)
        check_compared(found.replayed, len(run.snapshots), str(run.states_file))
        found.left_out |= found.replayed.left_out
        found.charges = check_charge_failures(read.operations, run.snapshots, len(topology.cpus), topology.page_size)
    else:
        found.missing.append("states.json: no rows, no charge failures")
    unit_bytes, no_unit = unit_bytes_of(run.first_chunk, topology.page_size)
    if unit_bytes is not None:
        events = with_raw_pointers(read.stream.events or (), read.stream.workload.raw_of)
        found.areas = check_areas(events, unit_bytes, topology.page_size)
    else:
        found.missing.append(f"{no_unit}: no areas, no pages")
    if read.placement is not None:
        found.fallback = check_fallback(read.placement, topology)
    else:
        found.missing.append("placement.json: no page placement")
    return found
