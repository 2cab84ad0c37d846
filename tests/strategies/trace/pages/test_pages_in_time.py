"""Pages as they become known: in the order of time, late ones counted, nothing kept that has been used."""

from __future__ import annotations

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.trace.pages.pages_in_time import PagesInTime, Record
from percpu_fuzz.strategies.trace.pages.placement import DepopulateRecord, PopulateRecord


def populate(t: int, last: int = 1) -> PopulateRecord:
    return PopulateRecord(t, "ab", 0, last, ((0,) * last, (1,) * last))


def in_time(*records: Record, unit_pages: int = 8) -> PagesInTime:
    return PagesInTime(list(records), unit_pages, "mine.trace")


def taken(pages: PagesInTime, t: int) -> list[Record]:
    """All records up to t, as a replay asks for them."""
    found = []
    while (record := pages.next_until(t)) is not None:
        found.append(record)
    return found


def test_records_come_up_to_the_time_asked_for() -> None:
    """Those of t itself too, each once."""
    records = (populate(1), populate(5), DepopulateRecord(7, "ab", 0, 1))
    pages = in_time(*records)
    assert taken(pages, 5) == list(records[:2])
    assert taken(pages, 6) == []
    assert taken(pages, 9) == [records[2]]
    assert pages.any_known
    assert not in_time().any_known
    unknown = in_time(records[2])
    assert taken(unknown, 9) == [records[2]]
    assert not unknown.any_known


def test_what_is_known_in_another_order_comes_in_that_of_time() -> None:
    """A populate is known at its return and has the time of its entry; equal times keep the order they came in."""
    pages = in_time()
    first, second = populate(5), DepopulateRecord(5, "ab", 0, 1)
    pages.records += [populate(9), first, second]
    assert taken(pages, 5) == [first, second]
    assert pages.records == []
    pages.records.append(populate(7))
    assert [record.t for record in taken(pages, 10)] == [7, 9]
    assert pages.waiting == []
    assert pages.late == 0


def test_a_record_of_a_time_that_has_passed_is_used_and_counted() -> None:
    """Known only after an operation of t=10 was replayed: late, unlike one of t=10 itself."""
    pages = in_time()
    assert taken(pages, 10) == []
    pages.records += [populate(9), populate(10)]
    assert [record.t for record in taken(pages, 11)] == [9, 10]
    assert pages.late == 1


def test_pages_beyond_the_unit_are_refused() -> None:
    """As those of a placement are; the last page of the unit is none of them."""
    pages = in_time(unit_pages=8)
    pages.records.append(populate(1, last=8))
    assert len(taken(pages, 1)) == 1
    pages.records.append(populate(2, last=9))
    with pytest.raises(InputError, match="pages up to 9"):
        pages.next_until(2)
