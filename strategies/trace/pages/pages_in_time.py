"""PagesInTime: what is known of where pages lie, handed out in the order of time while a workload passes."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Protocol

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.trace.pages.page_events import PagesSeen
from percpu_fuzz.strategies.trace.pages.placement import DepopulateRecord, PopulateRecord

Record = PopulateRecord | DepopulateRecord
PAGES_LEFT_OUT = {
    "populates_untold": "populates without page events that tell where their pages lie",
    "populates_known_late": "page events read after an operation of their time (used from then on)",
}


class PagesInTime(Protocol):
    """any_known: whether any populate has been known so far."""

    @property
    def any_known(self) -> bool: ...

    def next_until(self, t: int) -> Record | None:
        """The next record that is not later than t; None if there is none."""


class RecordsInTime:
    """Of records that are all there, in the order of time."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records, self.next = records, 0
        self.any_known = len(records) > 0

    def next_until(self, t: int) -> Record | None:
        if self.next == len(self.records) or self.records[self.next].t > t:
            return None
        self.next += 1
        return self.records[self.next - 1]


class SeenInTime:
    """Of page events that pass in the same stream as the workload's, a window of operations before it.

    A populate's record has the time of its entry and is known at its return; operations wait in the workload's window
    meanwhile. late: records that came after an operation of their time had left it; they are used from then on.
    """

    def __init__(self, seen: PagesSeen, unit_pages: int, where: str) -> None:
        self.seen, self.unit_pages, self.where = seen, unit_pages, where
        self.waiting: list[tuple[int, int, Record]] = []
        self.taken = self.late = 0
        self.now = -1

    @property
    def any_known(self) -> bool:
        return self.seen.placed > 0

    def next_until(self, t: int) -> Record | None:
        if self.seen.records:
            self.take_in()
        self.now = max(self.now, t)
        if not self.waiting or self.waiting[0][0] > t:
            return None
        return heappop(self.waiting)[2]

    @property
    def left_out(self) -> dict[str, int]:
        return {"populates_untold": self.seen.unplaced, "populates_known_late": self.late}

    def take_in(self) -> None:
        """Records in the order in which they became known, for equal times."""
        for record in self.seen.records:
            if record.page_end > self.unit_pages:
                raise InputError(self.where, f"pages up to {record.page_end}", f"a unit of {self.unit_pages} pages")
            self.late += record.t < self.now
            self.taken += 1
            heappush(self.waiting, (record.t, self.taken, record))
        self.seen.records.clear()
