"""Hands: what the campaign's loop asks of a crew of workers, wherever they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from percpu_fuzz.fuzz.campaign.events import Event
from percpu_fuzz.fuzz.schedule import BatchId


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one worker may take: seconds a batch, and bytes of data beyond what it has at its start."""

    batch_seconds: float = 120.0
    memory_bytes: int = 2 << 30


class Hands(Protocol):
    """start(), then give() to the idle and wait(), then end().

    refills: whether a lost worker is replaced by itself; where not, the loop ends the crew and hires a new one.
    """

    refills: bool

    def start(self, count: int) -> None:
        """Be ready for batches with so many workers. HarnessError or InputError if that cannot be."""
        ...

    def idle(self) -> Sequence[Any]:
        """Those that may be given a batch now."""
        ...

    def busy(self) -> int:
        """How many batches are out."""
        ...

    def give(self, worker: Any, batch: BatchId) -> None:
        """Hand a batch to one of the idle."""
        ...

    def wait(self, seconds: float) -> list[Event]:
        """What happened, after at most so many seconds."""
        ...

    def end(self) -> None:
        """Let all go; what is out is not waited for any more."""
        ...
