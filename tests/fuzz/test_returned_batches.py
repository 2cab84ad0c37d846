"""Which batches came back: the same answers as a set of their numbers."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.fuzz.schedule import ReturnedBatches, Shard, batches_for_cases, batches_of_whole


@given(
    shards=st.integers(1, 4).flatmap(lambda count: st.tuples(st.integers(0, count - 1), st.just(count))),
    numbers=st.lists(st.integers(0, 40)),
)
def test_it_is_a_set_that_knows_how_far_it_is_whole(shards: tuple[int, int], numbers: list[int]) -> None:
    """In any order, some twice, of this part of a campaign and of others."""
    shard, plain = Shard(*shards), set(numbers)
    back = ReturnedBatches(shard, numbers)
    assert [k in back for k in range(60)] == [k in plain for k in range(60)]
    assert len(back) == len(plain)
    assert back.whole == next(place for place in range(60) if shard.number(place) not in plain)


def test_what_it_keeps_does_not_grow() -> None:
    """A thousand batches of which each second one overtakes the one before leave no number behind."""
    back = ReturnedBatches(Shard())
    for k in range(0, 1000, 2):
        back.add(k + 1)
        back.add(k)
        assert len(back.beyond) <= 1
    assert (back.whole, back.beyond) == (1000, set())


@given(
    cases=st.integers(1, 5_000),
    count=st.integers(1, 5),
    hunted=st.integers(0, 4),
    sizes=st.lists(st.integers(1, 400), min_size=1, max_size=7),
)
def test_equal_parts_join_without_a_gap(cases: int, count: int, hunted: int, sizes: list[int]) -> None:
    """Parts that are asked for equally many cases hold together batches 0 to K-1 of each stream, each once, as many as
    the whole campaign of all their cases has.
    """
    hunt = Fraction(hunted, 4)

    def size(_stream: str, k: int) -> int:
        return sizes[k % len(sizes)]

    whole = batches_for_cases(cases * count, hunt, size)
    parts = [batches_for_cases(cases, hunt, size, Shard(i, count)) for i in range(count)]
    for stream in STREAMS:
        numbers = [Shard(i, count).number(place) for i, part in enumerate(parts) for place in range(part.of(stream))]
        assert sorted(numbers) == list(range(whole.of(stream)))
        for i, part in enumerate(parts):
            assert batches_of_whole(part, Shard(i, count)).of(stream) <= whole.of(stream)
