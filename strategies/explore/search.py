"""Runs a search in short compiled calls: grows what is full, honours a limit of time, and says what it completed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.core.records import NR_INVARIANTS
from percpu_fuzz.engine.own.engines import entry_of
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.explore.breadth_first import search_level
from percpu_fuzz.strategies.explore.depth_first import search_depth_first
from percpu_fuzz.strategies.explore.record import (
    DONE,
    ENDS_CROWDED,
    FUEL_OUT,
    MOST_DEPTH,
    NO_SLEEP,
    ROWS_FULL,
    SLEEP,
    SLEEP_ALL,
    STATES_FULL,
    STUCK_BIT,
    TABLE_CROWDED,
    TOO_DEEP,
    UNDO_FULL,
    Level,
    Stack,
    StepTree,
    new_search,
)
from percpu_fuzz.strategies.explore.state_words import BLOCK, save_row_alone
from percpu_fuzz.strategies.explore.table import grown, new_table, remember
from percpu_fuzz.strategies.explore.world import World, check_outside
from percpu_fuzz.strategies.run.replay import Run, plain_records, run_scenario, schedule_of
from percpu_fuzz.strategies.run.steps import steps

FUEL = 100_000  # steps a compiled call: some tenths of a second, so that time and Ctrl-C are seen
REDUCTIONS = {"none": (0, NO_SLEEP), "sleep": (0, SLEEP), "hash": (1, NO_SLEEP), "both": (1, SLEEP)}
WRONG = {"all asleep": (0, SLEEP_ALL)}  # what the tests must notice
STOPS = {STATES_FULL: "states", TOO_DEEP: "depth"}


@dataclass(frozen=True, slots=True)
class Explored:
    """What a search did. stopped: "" if it saw everything, else "time", "states", "depth" or "interrupted".

    ends: terminal states by 128-bit hash, each with what is broken there; paths: a violating run by invariant, as the
    tasks that step; shortest: whether no run to that violation has fewer steps.
    """

    stopped: str
    states: int
    transitions: int
    probes: int
    deepest: int
    ends: dict[tuple[int, int], int]
    paths: dict[str, tuple[int, ...]]
    shortest: bool

    @property
    def complete(self) -> bool:
        return self.stopped == ""

    @property
    def stuck(self) -> int:
        """Terminal states in which somebody has work left and nobody may step."""
        return sum(info >> STUCK_BIT & 1 for info in self.ends.values())

    def ends_broken(self, invariant: str) -> int:
        """Terminal states on whose every recorded way the invariant had been broken."""
        return sum(info >> INVARIANT_NAMES.index(invariant) & 1 for info in self.ends.values())


def collision_probability(states: int) -> float:
    """An upper bound of the probability that two of so many states shared a hash: n (n - 1) / 2 over 2^128."""
    return states * max(states - 1, 0) / 2 / 2.0**128


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop. asked: called between two compiled calls, tenths of a second apart; "" to go on, else why not."""

    most_states: int = 10_000_000
    asked: Callable[[], str] = lambda: ""


class _Grower:
    """The arrays that grow while a search runs."""

    def __init__(self, world: World, most_states: int) -> None:
        self.space = world.space
        self.table, self.ends = new_table(), new_table()
        self.records = new_search()
        self.sr: Any = self.records[0]
        self.sr["most_states"] = most_states
        self.sr["high"], self.sr["low"] = world.roots

    def grow(self, reason: int) -> bool:
        """Make room for what the search asked for; False if it asked for nothing that grows."""
        if reason == TABLE_CROWDED:
            self.table = grown(self.table)
        elif reason == ENDS_CROWDED:
            self.ends = grown(self.ends)
        elif reason == UNDO_FULL:
            index, word = self.space.undo_index, self.space.undo_word
            wider = (np.zeros(2 * len(index), index.dtype), np.zeros(2 * len(word), word.dtype))
            wider[0][: len(index)], wider[1][: len(word)] = index, word
            self.space = self.space._replace(undo_index=wider[0], undo_word=wider[1])
        else:
            return False
        return True

    def explored(self, stopped: str, paths: dict[str, tuple[int, ...]], shortest: bool) -> Explored:
        hashes, infos = self.ends.hashes.reshape(-1, 2), self.ends.numbers
        ends = {(int(hashes[i, 0]), int(hashes[i, 1])): int(infos[i]) for i in np.nonzero(hashes.any(axis=1))[0]}
        sr = self.sr
        return Explored(
            stopped, int(sr["states"]), int(sr["transitions"]), int(sr["probes"]), int(sr["deepest"]), ends, paths,
            shortest,
        )  # fmt: skip


def _stopped(grower: _Grower, call: Callable[[], int], budget: Budget) -> str:
    """Call again and again until the search is done ("") or must stop: why."""
    while True:
        reason = call()
        if reason == DONE:
            return ""
        if reason in STOPS:
            return STOPS[reason]
        if reason != FUEL_OUT and not grower.grow(reason):
            raise AssertionError(f"search stopped with {reason}")
        asked = budget.asked()
        if asked:
            return asked


def explore(world: World, reduction: str, budget: Budget) -> Explored:
    """Every interleaving, depth first. reduction: none, sleep, hash or both (or a wrong one, for tests)."""
    grower = _Grower(world, budget.most_states)
    sr = grower.sr
    sr["use_hash"], sr["use_sleep"] = (REDUCTIONS | WRONG)[reduction]
    stack = Stack(
        *(
            np.zeros(MOST_DEPTH, kind)
            for kind in (np.int8, np.int32, np.int32, np.int64, np.uint64, np.uint64, np.int64)
        )
    )
    paths = np.zeros((NR_INVARIANTS, MOST_DEPTH), np.int8)

    def call() -> int:
        search = search_depth_first if world.variant is None else entry_of(world.variant, search_depth_first)
        return search(world.model, grower.space, stack, grower.table, grower.ends, paths, grower.records, FUEL)

    stopped = _stopped(grower, call, budget)
    if stopped == "":
        check_outside(world)
    found = {
        name: tuple(int(t) for t in paths[i, : sr["length"][i]])
        for i, name in enumerate(INVARIANT_NAMES)
        if sr["length"][i]
    }
    return grower.explored(stopped, found, shortest=False)


class _Levels:
    """The two levels at hand of a breadth-first search, and the tree that leads back to the start."""

    def __init__(self, world: World) -> None:
        self.width = BLOCK * len(world.space.blocks)
        self.level, self.following = self.block(64), self.block(1024)
        self.tree = StepTree(np.zeros(1 << 14, np.int32), np.zeros(1 << 14, np.int8))
        save_row_alone(world.space, self.level.rows[0])
        self.level.highs[0], self.level.lows[0] = world.roots
        self.count = 1

    def block(self, rows: int) -> Level:
        return Level(
            np.zeros((rows, self.width), np.uint64), np.zeros(rows, np.uint64), np.zeros(rows, np.uint64),
            np.zeros(rows, np.int32),
        )  # fmt: skip

    def grow(self, nr_next: int, nr_states: int) -> None:
        if nr_next + 32 > len(self.following.highs):
            wider = self.block(2 * len(self.following.highs))
            for old, new in zip(self.following, wider, strict=True):
                new[: len(old)] = old
            self.following = wider
        if nr_states + 32 > len(self.tree.parents):
            self.tree = StepTree(*(np.concatenate([part, np.zeros_like(part)]) for part in self.tree))

    def turn(self, nr_next: int) -> None:
        """The next level becomes the one at hand."""
        self.level, self.following, self.count = self.following, self.level, nr_next

    def path(self, number: int, task: int) -> tuple[int, ...]:
        back = [task]
        while number != 0:
            back.append(int(self.tree.tasks[number]))
            number = int(self.tree.parents[number])
        return tuple(reversed(back))


def explore_nearest_first(world: World, budget: Budget) -> Explored:
    """Every state once, breadth first, so that each violation found is a shortest. Always with state hashes."""
    grower, levels = _Grower(world, budget.most_states), _Levels(world)
    sr = grower.sr
    sr["states"] = 1
    remember(grower.table, sr["high"], sr["low"])

    def call() -> int:
        search = search_level if world.variant is None else entry_of(world.variant, search_level)
        reason = search(
            world.model, grower.space, grower.table, grower.ends, grower.records, levels.level, levels.count,
            levels.following, levels.tree, FUEL,
        )  # fmt: skip
        if reason == ROWS_FULL:
            levels.grow(int(sr["nr_next"]), int(sr["states"]))
            return FUEL_OUT
        if reason != DONE or sr["nr_next"] == 0:
            return reason
        levels.turn(int(sr["nr_next"]))
        sr["depth"] += 1
        sr["deepest"] = sr["depth"]
        sr["at"] = sr["nr_next"] = 0
        return FUEL_OUT

    stopped = _stopped(grower, call, budget)
    found = {
        name: levels.path(int(sr["from_number"][i]), int(sr["by_task"][i]))
        for i, name in enumerate(INVARIANT_NAMES)
        if sr["length"][i]
    }
    return grower.explored(stopped, found, shortest=True)


def witness(scenario: Scenario, variant: Variant, path: tuple[int, ...], invariant: str) -> tuple[Scenario, Run]:
    """The scenario with the schedule of a path, the tasks that step, and its replay.

    AssertionError if the violation is not at the path's end. After the last step of the path its task runs on, then
    whoever can, to the end of the case.
    """
    turns = iter(path)
    taken = list(steps(variant, *plain_records(scenario, variant), lambda: next(turns, -1)))
    found = Scenario(scenario.topology, scenario.program, schedule_of(taken))
    run = run_scenario(found, variant)
    broken = run.broken(invariant)
    assert broken is not None, f"{invariant} of {variant.name} does not come back"
    assert broken.step == len(path), f"{invariant} of {variant.name} comes at step {broken.step}, not {len(path)}"
    return found, run
