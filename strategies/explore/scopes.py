"""Small programs to be explored completely, as data; and every program of so many tasks and operations."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from percpu_fuzz.engine.core.labels import GFP_ACCOUNT, GFP_NOBLOCK
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.strategies.draw.topologies import even, preset

SIZE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Scope:
    """What an exploration covers: scenarios whose schedules are not looked at, and what they are in words."""

    name: str
    words: str
    topology: Topology
    programs: tuple[Program, ...]

    def scenarios(self) -> Iterator[Scenario]:
        for program in self.programs:
            yield Scenario(self.topology, program)


def alloc(slot: int, size_bytes: int = SIZE_BYTES, gfp: int = GFP_ACCOUNT) -> Op:
    """An accounted allocation for memcg 1."""
    return Op("alloc", memcg=1, slot=slot, size_bytes=size_bytes, align=8, gfp=gfp)


def free(slot: int) -> Op:
    """The operation that frees whatever lies in a slot."""
    return Op("free", slot=slot)


DRAIN = Op("drain", memcg=1)
RMDIR = Op("rmdir", memcg=1)
KMEM = Op("kmem", memcg=1, slot=2, size_bytes=SIZE_BYTES, align=8, gfp=GFP_ACCOUNT | GFP_NOBLOCK)
DEFAULT_MEMCGS = (Memcg(0),)


def _tasks(*operations: tuple[Op, ...]) -> tuple[Task, ...]:
    """One task a CPU; a third runs beside the second."""
    return tuple(Task(cpu=min(t, 1), ops=ops) for t, ops in enumerate(operations))


def _one(name: str, words: str, *operations: tuple[Op, ...], memcgs: tuple[Memcg, ...] = DEFAULT_MEMCGS) -> Scope:
    program = Program(_tasks(*operations), memcgs, retries=0)
    return Scope(name, words, preset("two-node"), (program,))


def _interrupted() -> Scope:
    tasks = (Task(cpu=0, ops=(alloc(0), free(0))), Task(cpu=0, irq=True, ops=(KMEM,)))
    words = "a task allocates and frees; on its CPU an interrupt charges a slab object, at any time"
    return Scope("interrupt", words, preset("two-node"), (Program(tasks, retries=0),))


def _shipped() -> tuple[Scope, ...]:
    return (
        _one("two-allocs", "two tasks on CPUs of two nodes allocate for one memcg", (alloc(0),), (alloc(1),)),
        _one(
            "alloc-free", "two tasks on CPUs of two nodes allocate for one memcg, then free",
            (alloc(0), free(0)), (alloc(1), free(1)),
        ),
        _one("alloc-drain", "a task allocates while another drains the stocks of its memcg", (alloc(0),), (DRAIN,)),
        _one("alloc-rmdir", "a task allocates while another removes the memcg", (alloc(0),), (RMDIR,)),
        _one(
            "free-rmdir", "a task allocates and frees while another removes the memcg",
            (alloc(0), free(0)), (RMDIR,),
        ),
        _one(
            "limit", "two tasks allocate for one memcg that may hold three pages, without retries",
            (alloc(0),), (alloc(1),), memcgs=(Memcg(0, max_pages=3),),
        ),
        _one("shortage", "a task allocates 2,048 bytes: half a page on each of two nodes", (alloc(0, 2048),), ()),
        _interrupted(),
    )  # fmt: skip


SCOPES: dict[str, Scope] = {scope.name: scope for scope in _shipped()}


def shipped_scope(name: str) -> Scope:
    """A scope by name; InputError names the ones there are."""
    if name not in SCOPES:
        raise InputError("--scope", repr(name), ", ".join(SCOPES) + " or a scenario file")
    return SCOPES[name]


# What an operation of a task may be, by name: `place` is its number in the task, `own` and `other` are the slots of
# that number of this task and of the next.
LETTERS = ("alloc", "free", "drain", "rmdir", "limit")
NODES_MOST, TASKS_MOST, OPS_MOST = 4, 4, 4


def _op(letter: str, own: int, other: int, place: int) -> Op:
    if letter == "alloc":
        return alloc(own)
    if letter == "free":
        return free(own - 1 if place > 0 else other)
    if letter == "limit":
        return Op("set_max", memcg=1, value=2)
    return {"drain": DRAIN, "rmdir": RMDIR}[letter]


def every_program(nr_nodes: int, nr_tasks: int, nr_ops: int, letters: tuple[str, ...] = LETTERS) -> Scope:
    """Every program of nr_tasks tasks, one a CPU, with nr_ops operations each out of `letters`, on nr_nodes nodes.

    free gives back what the task's operation before took, or as a first operation what the next task's first takes.
    """
    programs = []
    for chosen in itertools.product(itertools.product(letters, repeat=nr_ops), repeat=nr_tasks):
        tasks = tuple(
            Task(
                cpu=t,
                ops=tuple(
                    _op(letter, t * nr_ops + i, (t + 1) % nr_tasks * nr_ops + i, i) for i, letter in enumerate(row)
                ),
            )
            for t, row in enumerate(chosen)
        )
        programs.append(Program(tasks, retries=0))
    machine = even(f"explore-{nr_nodes}", nr_nodes, max(nr_nodes, nr_tasks))
    words = (
        f"every program of {nr_tasks} tasks on CPUs of their own, {nr_ops} operations each out of "
        f"{', '.join(letters)}, for one memcg on {nr_nodes} nodes"
    )
    return Scope("every-program", words, machine, tuple(programs))
