"""PagesInTime: what is known of where pages lie, handed out in the order of time while a workload passes."""

from __future__ import annotations

from heapq import heappop, heappush

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.trace.pages.placement import DepopulateRecord, PopulateRecord

Record = PopulateRecord | DepopulateRecord
PAGES_LEFT_OUT = {
    "populates_untold": "populates without page events that tell where their pages lie",
    "populates_known_late": "page events read after an operation of their time (used from then on)",
}


class PagesInTime:
    """Of a list of records, which it empties: all there from the beginning, or added as page events pass in the same
    stream as the workload's, a window of operations before it.

    A populate's record has the time of its entry and is known at its return; operations wait in the workload's window
    meanwhile. any_known: whether any populate has been known so far; late: records that came after an operation of
    their time had left the window, and are used from then on.
    """

    def __init__(self, records: list[Record], unit_pages: int, where: str) -> None:
        self.records, self.unit_pages, self.where = records, unit_pages, where
        self.waiting: list[tuple[int, int, Record]] = []
        self.taken = self.late = 0
        self.any_known = False
        self.now = -1

    def next_until(self, t: int) -> Record | None:
        """The next record that is not later than t; None if there is none."""
        if self.records:
            self.take_in()
        self.now = max(self.now, t)
        if not self.waiting or self.waiting[0][0] > t:
            return None
        return heappop(self.waiting)[2]

    def take_in(self) -> None:
        """Records in the order in which they became known, for equal times. InputError for pages beyond a unit."""
        for record in self.records:
            if record.page_end > self.unit_pages:
                raise InputError(self.where, f"pages up to {record.page_end}", f"a unit of {self.unit_pages} pages")
            self.late += record.t < self.now
            self.any_known = self.any_known or isinstance(record, PopulateRecord)
            self.taken += 1
            heappush(self.waiting, (record.t, self.taken, record))
        self.records.clear()
