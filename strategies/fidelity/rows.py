"""Row: one cgroup's percpu line of memory.stat in one snapshot, as the kernel showed it and as the engine has it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """percpu bytes of one cgroup, with all below it, in one snapshot."""

    phase: str
    path: str
    kernel_bytes: int
    engine_bytes: int
