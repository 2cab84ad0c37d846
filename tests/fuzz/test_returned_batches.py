"""Which batches came back: the same answers as a set of their numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from percpu_fuzz.fuzz.schedule import ReturnedBatches, Shard


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
