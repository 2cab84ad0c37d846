"""The search against brute force, on micro-programs whose steps all touch the same counters and slots."""

from __future__ import annotations

import statistics

import pytest
from micro_programs import BOUNDED, drawn, ends_merged, hashed, nearest_violation, walk_tree

from percpu_fuzz.strategies.explore.micro import Instruction
from percpu_fuzz.strategies.explore.search import (
    Budget,
    Explored,
    collision_probability,
    explore,
    explore_nearest_first,
)
from percpu_fuzz.strategies.explore.world import micro_world

SEEDS = range(24)
REDUCED = ("sleep", "hash", "both")
BUDGET = Budget()


def searched(seed: int, reduction: str) -> Explored:
    return explore(micro_world(drawn(seed, 3, 4)), reduction, BUDGET)


@pytest.mark.parametrize("seed", SEEDS)
def test_terminal_states_are_those_of_brute_force(seed: int) -> None:
    """Each reduction alone, both, neither and breadth first end where an interpreter of its own says that runs end."""
    program = drawn(seed, 3, 4)
    wanted = {hashed(end): end[5] for end in ends_merged(program)}
    for reduction in ("none", *REDUCED):
        done = explore(micro_world(program), reduction, BUDGET)
        assert done.complete
        assert {key: info & 1 for key, info in done.ends.items()} == wanted, reduction
    assert {key: info & 1 for key, info in explore_nearest_first(micro_world(program), BUDGET).ends.items()} == wanted


@pytest.mark.parametrize("seed", [3, 6, 12])
def test_without_reduction_the_whole_tree_is_walked(seed: int) -> None:
    """`none` takes exactly the steps of the tree of interleavings, which the interpreter walks without merging."""
    ends, steps = walk_tree(drawn(seed, 3, 4))
    done = searched(seed, "none")
    assert done.transitions == steps
    assert done.ends.keys() == {hashed(end) for end in ends}


@pytest.mark.parametrize("reduction", REDUCED)
def test_at_the_median_ten_times_fewer_steps(reduction: str) -> None:
    """Steps of the tree over steps of the search, those of probing for independence included, at the median."""
    ratios = []
    for seed in SEEDS:
        tree, done = searched(seed, "none"), searched(seed, reduction)
        ratios.append(tree.transitions / (done.transitions + done.probes))
    assert statistics.median(ratios) >= 10


def test_taking_every_step_for_independent_loses_terminal_states() -> None:
    """Control: the comparison with brute force notices a relation that is too large."""
    assert any(searched(seed, "all asleep").ends.keys() != searched(seed, "none").ends.keys() for seed in SEEDS)


@pytest.mark.parametrize("seed", range(40))
def test_programs_with_cycles_lose_nothing(seed: int) -> None:
    """Where tasks can go round, sleep sets with a store still see every state, and every terminal one."""
    program = drawn(seed, 3, 3, BOUNDED)
    whole, both = (explore(micro_world(program), reduction, BUDGET) for reduction in ("hash", "both"))
    assert whole.ends.keys() == both.ends.keys() == {hashed(end) for end in ends_merged(program)}
    assert whole.states == both.states


@pytest.mark.parametrize("seed", SEEDS)
def test_breadth_first_finds_a_shortest_violation(seed: int) -> None:
    """The path to a broken check is as short as any run of the tree, and its steps lead there."""
    program = drawn(seed, 3, 4)
    nearest = nearest_violation(program)
    done = explore_nearest_first(micro_world(program), BUDGET)
    assert (len(done.paths["I1"]) if "I1" in done.paths else None) == nearest
    assert ("I1" in explore(micro_world(program), "both", BUDGET).paths) == (nearest is not None)


def test_a_deadlock_is_an_end_and_is_counted() -> None:
    """Two tasks that take two slots in opposite order can wait for each other for ever."""
    forth = (Instruction("take", 0), Instruction("take", 1), Instruction("give", 1), Instruction("give", 0))
    back = (Instruction("take", 1), Instruction("take", 0), Instruction("give", 0), Instruction("give", 1))
    for reduction in ("none", *REDUCED):
        done = explore(micro_world((forth, back)), reduction, BUDGET)
        assert (len(done.ends), done.stuck) == (2, 1)
    assert explore(micro_world((forth, forth)), "both", BUDGET).stuck == 0


def test_independent_steps_are_taken_in_one_order() -> None:
    """Three tasks on cells of their own: sleep sets leave one interleaving, hashes one state for each place."""
    program = tuple(tuple(Instruction("add", cell, 1) for _ in range(4)) for cell in range(3))
    sleep, both = searched_program(program, "sleep"), searched_program(program, "both")
    assert (sleep.transitions, both.states) == (5**3 - 1, 5**3)
    assert len(both.ends) == 1


def searched_program(program: tuple[tuple[Instruction, ...], ...], reduction: str) -> Explored:
    return explore(micro_world(program), reduction, BUDGET)


def test_a_limit_of_states_ends_the_search_and_says_so() -> None:
    """With fewer states than there are the search is not complete and names the reason."""
    program = drawn(2, 3, 4)
    whole = explore(micro_world(program), "hash", BUDGET)
    searches = (
        lambda b: explore(micro_world(program), "hash", b),
        lambda b: explore_nearest_first(micro_world(program), b),
    )
    for search in searches:
        cut = search(Budget(most_states=whole.states // 2))
        assert (cut.complete, cut.stopped) == (False, "states")
        assert cut.states <= whole.states // 2 + 32


def test_a_budget_ends_the_search_between_two_calls() -> None:
    """What `asked` answers is the reason that the search gives; a search of several calls is the same as of one."""
    program = drawn(1, 4, 6)
    assert explore(micro_world(program), "none", Budget(asked=lambda: "time")).stopped == "time"
    assert explore(micro_world(drawn(2, 3, 6)), "hash", BUDGET).complete


def test_the_probability_of_a_collision_is_the_birthday_bound() -> None:
    """n (n - 1) / 2 pairs, each with probability 2^-128; none without two states."""
    assert collision_probability(5) == 10 * 2.0**-128
    assert collision_probability(1) == collision_probability(0) == 0
