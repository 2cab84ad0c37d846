"""The order in which batches are handed out: a pure function of what was handed out before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT, STREAMS

EPOCH_BATCHES = 64  # of the hunting stream; what learns by epochs must know as many


@dataclass(frozen=True, slots=True, order=True)
class BatchId:
    """Batch k of a stream."""

    stream: str
    k: int

    def __str__(self) -> str:
        return f"{self.stream} batch {self.k}"


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """How many batches of each stream: 0..count-1 of each."""

    measurement: int = 0
    hunting: int = 0

    def of(self, stream: str) -> int:
        """The count of one stream."""
        return self.measurement if stream == MEASUREMENT else self.hunting

    def with_one_more(self, stream: str) -> BatchCounts:
        """After one more batch of a stream."""
        if stream == MEASUREMENT:
            return BatchCounts(self.measurement + 1, self.hunting)
        return BatchCounts(self.measurement, self.hunting + 1)


@dataclass(frozen=True, slots=True)
class Shard:
    """The part `index` of `count` equal parts of a campaign: batches index, index + count, ... of each stream."""

    index: int = 0
    count: int = 1

    def number(self, place: int) -> int:
        """The number of this part's place-th batch."""
        return self.index + self.count * place


WHOLE = Shard()


class ReturnedBatches:
    """Numbers of a stream's batches that came back: a part's first `whole` batches, and those beyond a gap, which are
    few however long the campaign is.
    """

    def __init__(self, shard: Shard, numbers: Iterable[int] = ()) -> None:
        self.shard = shard
        self.whole = 0
        self.beyond: set[int] = set()
        for k in numbers:
            self.add(k)

    def add(self, k: int) -> None:
        """Batch k came back; once or again."""
        if k in self:
            return
        self.beyond.add(k)
        while (first := self.shard.number(self.whole)) in self.beyond:
            self.beyond.remove(first)
            self.whole += 1

    def __contains__(self, k: int) -> bool:
        place, rest = divmod(k - self.shard.index, self.shard.count)
        return k in self.beyond or (rest == 0 and 0 <= place < self.whole)

    def __len__(self) -> int:
        return self.whole + len(self.beyond)


def preferred_stream(handed: BatchCounts, hunt: Fraction) -> str:
    """The stream that keeps the hunting share: hunting as soon as it has fallen one whole batch behind."""
    total = handed.measurement + handed.hunting + 1
    return HUNTING if int(total * hunt) > handed.hunting else MEASUREMENT


def next_batch(
    handed: BatchCounts, hunt: Fraction, most: BatchCounts | None, epochs_folded: int | None = None,
    seated_from: int | None = None,
) -> BatchId | None:  # fmt: skip
    """The batch to hand out next, or None when there is none to hand out now.

    most: the batches of a fixed number of cases, or None. epochs_folded: how many hunting epochs have been folded into
    what a strategy knows; None where nothing is learnt, so that no batch waits. seated_from: the first measurement
    batch that waits for the pilot. While one stream waits, batches of the other go out in its place.
    """
    first = preferred_stream(handed, hunt)
    second = HUNTING if first == MEASUREMENT else MEASUREMENT
    for stream in (first, second):
        k = handed.of(stream)
        if most is not None and k >= most.of(stream):
            continue
        takes_its_place = most is not None or _waits(first, handed, epochs_folded, seated_from)
        if stream != first and (hunt in (0, 1) or not takes_its_place):
            continue
        if not _waits(stream, handed, epochs_folded, seated_from):
            return BatchId(stream, k)
    return None


def _waits(stream: str, handed: BatchCounts, epochs_folded: int | None, seated_from: int | None) -> bool:
    """Whether the next batch of a stream needs the pilot, or belongs to an epoch before which one is not folded yet."""
    if stream == MEASUREMENT:
        return seated_from is not None and handed.measurement >= seated_from
    return epochs_folded is not None and handed.hunting // EPOCH_BATCHES > epochs_folded


def batches_for_cases(
    cases: int, hunt: Fraction, cases_per_batch: Callable[[str, int], int | None], shard: Shard = WHOLE
) -> BatchCounts:
    """The fewest batches, in hand-out order, that hold at least `cases` cases over both streams.

    Of a part: its share of the batches that hold as many cases for each part, so that equal parts join without a gap.
    Where a batch is not known to hold so many (None), those before it, of which more will be wanted.
    """
    handed, counted = BatchCounts(), 0
    while counted < cases * shard.count:
        stream = preferred_stream(handed, hunt)
        held = cases_per_batch(stream, handed.of(stream))
        if held is None:
            break
        counted += held
        handed = handed.with_one_more(stream)
    return BatchCounts(*(-(-(handed.of(stream) - shard.index) // shard.count) for stream in STREAMS))


def batches_of_whole(part: BatchCounts, shard: Shard) -> BatchCounts:
    """The fewest batches of the whole campaign among which are so many of the part."""
    return BatchCounts(*(shard.number(part.of(stream) - 1) + 1 if part.of(stream) else 0 for stream in STREAMS))


def batches_covering(least: BatchCounts, hunt: Fraction) -> BatchCounts:
    """The fewest batches, in hand-out order if nothing waits, among which are `least` of each stream."""
    handed = BatchCounts()
    while handed.measurement < least.measurement or handed.hunting < least.hunting:
        handed = handed.with_one_more(preferred_stream(handed, hunt))
    return handed
