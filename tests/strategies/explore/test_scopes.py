"""The shipped scopes: how many states each has, what breaks in them, and walks that cannot leave them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

from percpu_fuzz.engine.case.runnable import case_over, runnable
from percpu_fuzz.engine.core.compiled import ROOT, plain
from percpu_fuzz.engine.core.declare import PlainGrid, fields_of
from percpu_fuzz.engine.core.records import State
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.explore.precharge import formula_lines
from percpu_fuzz.strategies.explore.scopes import SCOPES, every_program, shipped_scope
from percpu_fuzz.strategies.explore.search import Budget, Explored, explore, explore_nearest_first, witness
from percpu_fuzz.strategies.explore.state_words import ATTEMPTS, LOGS, word_masks
from percpu_fuzz.strategies.explore.world import World, check_outside, engine_world, hash_of
from percpu_fuzz.strategies.run.replay import plain_records
from percpu_fuzz.strategies.run.walk import CHECK_TOUCHED, checked_step

BUDGET = Budget()

# (states, terminal states, invariants that break) of a scope's program by variant. A change of the model's steps
# changes these numbers: `percpu-fuzz explore --scope NAME --variant NAME` prints the new ones. A number that falls far
# without such a change means that the exploration has lost something.
PINNED: dict[tuple[str, str], tuple[int, int, str]] = {
    ("two-allocs", "v2"): (19_622, 2, ""),
    ("two-allocs", "fixed"): (9_740, 2, ""),
    ("alloc-free", "v2"): (45_032, 4, ""),
    ("alloc-free", "fixed"): (24_958, 4, ""),
    ("alloc-drain", "v2"): (45_205, 1, ""),
    ("alloc-drain", "fixed"): (27_427, 1, ""),
    ("alloc-rmdir", "base"): (35_190, 4, ""),
    ("alloc-rmdir", "split"): (66_625, 5, ""),
    ("alloc-rmdir", "v1"): (267_657, 3_328, "I18 I23 I8 I9"),
    ("alloc-rmdir", "v2"): (211_709, 1_187, "I18 I23 I8 I9"),
    ("alloc-rmdir", "fixed"): (77_084, 8, ""),
    ("free-rmdir", "v1"): (557_121, 3_346, "I18 I23 I8 I9"),
    ("free-rmdir", "v2"): (485_437, 1_204, "I18 I23 I8 I9"),
    ("free-rmdir", "fixed"): (177_295, 18, ""),
    ("limit", "v2"): (79_835, 4, ""),
    ("limit", "fixed"): (39_976, 4, ""),
    ("shortage", "v1"): (546, 1, "I1 I10 I2 I5"),
    ("shortage", "v2"): (572, 1, ""),
    ("shortage", "fixed"): (400, 1, ""),
    ("interrupt", "v2"): (7_648, 6, ""),
    ("interrupt", "fixed"): (5_774, 6, ""),
}


def world_of(scope: str, variant: str) -> World:
    return engine_world(next(shipped_scope(scope).scenarios()), VARIANTS[variant])


@cache
def explored(scope: str, variant: str, reduction: str = "hash") -> Explored:
    if reduction == "shortest":
        return explore_nearest_first(world_of(scope, variant), BUDGET)
    return explore(world_of(scope, variant), reduction, BUDGET)


def summary(done: Explored) -> tuple[int, int, str]:
    return done.states, len(done.ends), " ".join(sorted(done.paths))


@pytest.mark.parametrize(("scope", "variant"), PINNED)
def test_the_numbers_of_states_are_pinned(scope: str, variant: str) -> None:
    """Each scope is complete, without a deadlock, and has exactly the states that it had when it was written down."""
    done = explored(scope, variant)
    assert (done.complete, done.stuck) == (True, 0)
    assert summary(done) == PINNED[scope, variant]


def test_every_scope_is_pinned_for_the_patch_and_the_reference() -> None:
    """No shipped scope can be emptied or dropped unseen; the reference breaks nothing in any."""
    assert {scope for scope, _ in PINNED} == set(SCOPES)
    for scope in SCOPES:
        assert (scope, "v2") in PINNED
        assert PINNED[scope, "fixed"][2] == ""


@pytest.mark.parametrize("scope", ["two-allocs", "alloc-drain", "limit", "interrupt"])
@pytest.mark.parametrize("reduction", ["both", "shortest"])
def test_reductions_see_the_same_states(scope: str, reduction: str) -> None:
    """Sleep sets take fewer steps and see the states, the ends and the violations that hashes alone see."""
    whole, reduced = explored(scope, "v2"), explored(scope, "v2", reduction)
    assert (reduced.states, reduced.ends, reduced.paths.keys()) == (whole.states, whole.ends, whole.paths.keys())
    if reduction == "both":
        assert reduced.transitions < whole.transitions


Distort = Callable[[Any], None]
Look = Callable[[World, Any], Any]


def words_of(world: World, state: Any) -> Any:
    """The words in use of a plain state."""
    words = state.to_array().view(np.uint8).view(np.uint64)
    return words & world.space.masks[: len(words)]


@cache
def walked_world(scope: str, variant: str) -> World:
    """The world of a scope's walks, which write no state of it but that which is checked last."""
    return world_of(scope, variant)


def walk(
    scope: str, variant: str, rng: random.Random, distort: Distort | None = None, look: Look | None = None
) -> list[Any]:
    """A random run to its end in plain mode; what `look` gives after every fourth step, and the words in use at the
    end.
    """
    world = walked_world(scope, variant)
    topo, prog, st = plain_records(next(shipped_scope(scope).scenarios()), VARIANTS[variant])
    may, over, step = plain(runnable), plain(case_over), plain(checked_step)
    seen, taken = [], 0
    while not over(st) and taken < 2000:
        ready = [t for t in range(st.nr_all) if may(topo, prog, st, t)]
        rcu, offline = st.rcu_head, st.off_head
        if distort is not None:
            distort(st)
        step(topo, prog, st, rng.choice(ready), CHECK_TOUCHED)
        if st.rcu_head > rcu:
            st.rcu_kind[rcu] = st.rcu_row[rcu] = 0
        if st.off_head > offline:
            st.off_queue[offline] = 0
        taken += 1
        if look is not None and taken % 4 == 0:
            seen.append(look(world, st))
    words = st.to_array().view(np.uint8).view(np.uint64)
    world.space.words[: len(words)] = world.space.was[: len(words)] = words
    if distort is None:
        check_outside(world)
    return [*seen, words_of(world, st)]


@pytest.mark.parametrize(("scope", "variant"), [("two-allocs", "v2"), ("alloc-rmdir", "v2"), ("interrupt", "fixed")])
def test_random_walks_end_where_the_search_ended(scope: str, variant: str) -> None:
    """200 random plain runs end in terminal states of the compiled search, and write in the rows in use alone."""
    ends, rng = explored(scope, variant).ends, random.Random(7)
    for _ in range(200):
        assert hash_of(walk(scope, variant, rng)[-1]) in ends


def other_values(value: Any, most: int, rng: np.random.Generator) -> Any:
    """A field's value with every number drawn anew."""
    if isinstance(value, PlainGrid):
        return PlainGrid(value.shape, rng.integers(most, size=len(value.cells)).tolist())
    return rng.integers(most, size=len(value)).tolist() if isinstance(value, list) else int(rng.integers(most))


def fill(st: Any, names: frozenset[str], rng: np.random.Generator) -> None:
    """Other values in fields of a plain state, within what the narrowest of them may hold."""
    for name in sorted(names):
        setattr(st, name, other_values(getattr(st, name), 5, rng))


@pytest.mark.parametrize("scope", SCOPES)
def test_logs_are_no_part_of_the_state(scope: str) -> None:
    """Runs whose logs and counts are overwritten before each step go through the same states as runs without."""
    left_out = LOGS | frozenset(ATTEMPTS)
    kept = [name for name in fields_of(State) if name not in left_out]

    def look(_world: World, state: Any) -> list[Any]:
        """All that is no log, rows that no operation names too: more than the words in use, and without an array."""
        values = [getattr(state, name) for name in kept]
        return [tuple(v.cells) if isinstance(v, PlainGrid) else tuple(v) if isinstance(v, list) else v for v in values]

    for seed in range(20):
        noise = partial(fill, names=left_out, rng=np.random.default_rng(seed))
        quiet = walk(scope, "v2", random.Random(seed), look=look)
        noisy = walk(scope, "v2", random.Random(seed), noise, look)
        assert len(quiet) > 5
        assert noisy[:-1] == quiet[:-1]
        assert np.array_equal(noisy[-1], quiet[-1])


@pytest.mark.parametrize("name", ["r_used", "rs_pages", "tc_pages"])
def test_what_is_state_cannot_be_left_out(name: str) -> None:
    """Control: overwriting a register or a row that steps read changes where runs go, its own words apart."""
    world = world_of("alloc-rmdir", "v2")
    rows = word_masks(State, world.model.states.dtype, {}, LOGS | frozenset(ATTEMPTS) | {name})
    differ = 0
    for seed in range(10):
        quiet = walk("alloc-rmdir", "v2", random.Random(seed), look=words_of)
        noise = partial(fill, names=frozenset({name}), rng=np.random.default_rng(seed))
        noisy = walk("alloc-rmdir", "v2", random.Random(seed), noise, words_of)
        quiet_words, noisy_words = (run[4] & rows for run in (quiet, noisy))
        differ += len(quiet) != len(noisy) or not np.array_equal(quiet_words, noisy_words)
        differ += not np.array_equal(quiet[-1] & rows, noisy[-1] & rows)
    assert differ > 0


def test_a_write_outside_the_rows_in_use_is_noticed() -> None:
    """Control: a slot that no operation names is not in use, and changing it stops the exploration."""
    world = world_of("shortage", "v2")
    check_outside(world)
    world.model.states[0]["slot_area"][15] = 3
    with pytest.raises(AssertionError, match="outside the rows in use"):
        check_outside(world)


def test_violations_replay_from_the_shortest_schedule() -> None:
    """Each broken invariant of v2 against rmdir replays at the very step, and depth first has no shorter run."""
    scenario = next(shipped_scope("alloc-rmdir").scenarios())
    nearest, found = explored("alloc-rmdir", "v2", "shortest"), explored("alloc-rmdir", "v2")
    assert set(nearest.paths) == {"I8", "I9", "I18", "I23"}
    for name, path in nearest.paths.items():
        assert len(path) <= len(found.paths[name])
        replayed, run = witness(scenario, VARIANTS["v2"], path, name)
        broken = run.broken(name)
        assert broken is not None
        assert broken.step == len(path)
        assert replayed.program == scenario.program


def test_a_path_that_breaks_nothing_is_refused() -> None:
    """A witness is never written for a violation that its replay does not show."""
    scenario = next(shipped_scope("alloc-rmdir").scenarios())
    with pytest.raises(AssertionError, match="does not come back"):
        witness(scenario, VARIANTS["v2"], (0, 0, 0), "I12")


def test_machines_of_other_classes_are_refused() -> None:
    """What does not fit class small is refused by name before anything runs."""
    scenario = next(shipped_scope("two-allocs").scenarios())
    with pytest.raises(InputError, match="class small"):
        engine_world(replace(scenario, topology=preset("thousand")), VARIANTS["v2"])


def test_every_program_of_a_shape_is_there_once() -> None:
    """Two tasks of one operation out of five make 25 programs; two operations out of two letters make 16."""
    scope = every_program(2, 2, 1)
    assert len(scope.programs) == len(set(scope.programs)) == 25
    assert len(set(every_program(2, 2, 2, ("alloc", "free")).programs)) == 16
    assert all(task.cpu == t for program in scope.programs for t, task in enumerate(program.tasks))


def test_the_reference_holds_in_every_program_of_two_operations() -> None:
    """fixed breaks nothing in any of the 25 programs of two tasks and one operation; v2 breaks only beside rmdir."""
    broken = set()
    for scenario in every_program(2, 2, 1).scenarios():
        assert not explore(engine_world(scenario, VARIANTS["fixed"]), "hash", BUDGET).paths
        if explore(engine_world(scenario, VARIANTS["v2"]), "hash", BUDGET).paths:
            broken.add(frozenset(op.kind for task in scenario.program.tasks for op in task.ops))
    assert broken
    assert all("rmdir" in kinds for kinds in broken)


def doc() -> str:
    return (ROOT / "docs" / "explore.md").read_text(encoding="ascii")


def test_the_table_of_scopes_has_the_pinned_numbers() -> None:
    """Each row's states, terminal states and broken invariants are those that the tests pin, and none is missing."""
    rows = re.findall(r"\| `([\w-]+)` \| [^|]+ \| ([\w-]+) \| ([\d,]+) \| ([\d,]+) \| ([^|]+) \|", doc())
    found = {
        (scope, variant): (int(states.replace(",", "")), int(ends.replace(",", "")), broken.replace("-", ""))
        for scope, variant, states, ends, broken in rows
    }
    assert found == PINNED


def test_the_precharge_lines_are_the_command_s() -> None:
    """What stands there is what `percpu-fuzz explore --precharge` prints."""
    assert "\n".join(formula_lines()) in doc()
