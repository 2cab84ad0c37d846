"""Program: what each task does, as data; to and from a Prog record. Drawn before the run, never during it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from percpu_fuzz.engine.core.labels import GFP_NOBLOCK, OP_NAMES
from percpu_fuzz.engine.core.records import SIZE_CLASSES, Prog, Record, new_record
from percpu_fuzz.engine.errors import ScenarioError

UNLIMITED = -1
MOST_LIMIT_PAGES = (1 << 30) - 1
MOST_STEP = (1 << 15) - 1
MOST_RETRIES = 100
PLACEMENTS = ("watermark", "table")
IRQ_KINDS = ("nop", "alloc", "free", "kmem")


@dataclass(frozen=True, slots=True)
class Op:
    """One operation. Fields that its kind does not read stay 0.

    alloc, kmem: memcg, slot, size_bytes, align, gfp; free: slot; mkdir: memcg, slot = parent; rmdir, drain: memcg;
    set_max: memcg, value = headroom in pages over the usage of then (16384 + k: k pages
    below it; 32767: no limit); charge_user: memcg, value =
    pages, gfp; move: value = task, memcg; migrate: value = task, slot = acting CPU; cpu_dead, cpu_online: value =
    acting CPU; pressure: value = node, size_bytes = free pages from then on; node_online: value = node.
    """

    kind: str
    memcg: int = 0
    slot: int = 0
    size_bytes: int = 0
    align: int = 0
    gfp: int = 0
    value: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """A task and its operations. `irq`: an interrupt source bound to its CPU."""

    cpu: int = 0
    memcg: int = 0
    irq: bool = False
    ops: tuple[Op, ...] = ()


@dataclass(frozen=True, slots=True)
class Memcg:
    """A cgroup that exists at the start. max_pages: headroom over its user pages, UNLIMITED (-1) for none."""

    parent: int
    max_pages: int = UNLIMITED
    user_pages: int = 0


@dataclass(frozen=True, slots=True)
class Program:
    """Tasks, the cgroups below root at the start (numbered from 1), where pages fall, which attempts fail.

    placement: "watermark" or "table"; table entries are steps along the zonelist of the CPU's node.
    pressed_pages: four numbers, the pages free at the start on node index n modulo 4; () takes the machine's.
    fail_*: the k-th attempt fails where entry k modulo 8 is 1; fail_node: the k-th populate gets no page for CPUs of
    the node with index entry - 1 (modulo their number), 0 for none. probe: (task, operation) that is measured.
    """

    tasks: tuple[Task, ...]
    memcgs: tuple[Memcg, ...] = (Memcg(0),)
    placement: str = "watermark"
    table: tuple[int, ...] = (0,)
    fail_populate: tuple[int, ...] = (0,) * 8
    fail_create: tuple[int, ...] = (0,) * 8
    fail_trylock: tuple[int, ...] = (0,) * 8
    pressed_pages: tuple[int, ...] = ()
    retries: int = 16
    nested_refresh: bool = False
    probe: tuple[int, int] = (-1, -1)
    fail_charge: tuple[int, ...] = (0,) * 8
    fail_space: tuple[int, ...] = (0,) * 8
    fail_node: tuple[int, ...] = (0,) * 8


FAIL_FIELDS = ("fail_populate", "fail_create", "fail_trylock", "fail_charge", "fail_space", "fail_node")
OP_FIELDS = (
    ("memcg", "op_memcg"),
    ("slot", "op_slot"),
    ("size_bytes", "op_bytes"),
    ("align", "op_align"),
    ("gfp", "op_gfp"),
    ("value", "op_value"),
)


def _fit(what: str, given: int, most: int) -> None:
    if given > most:
        raise ScenarioError("program", f"{given} {what}", f"at most {most}")


def _within(what: str, given: tuple[int, ...], least: int, most: int) -> None:
    for value in given:
        if not least <= value <= most:
            raise ScenarioError("program", f"{what} {value}", f"{least} to {most}")


def check_program(program: Program, size_class: str, nr_act: int) -> None:
    """Refuse by name what the size class cannot hold and rows that do not exist."""
    size = SIZE_CLASSES[size_class]
    _fit("tasks", len(program.tasks), size["tasks"] - nr_act - 3)
    _fit("memcgs", len(program.memcgs) + 1, size["memcgs"])
    _fit("placement entries", len(program.table), size["table"])
    _within("placement entry", program.table, 0, MOST_STEP)
    _within("pressed_pages", program.pressed_pages, 0, MOST_LIMIT_PAGES)
    _within("retries", (program.retries,), 0, MOST_RETRIES)
    _within("probe", program.probe, -1, MOST_STEP)
    if not program.table:
        raise ScenarioError("program", "no placement entry", "at least one")
    if not program.tasks:
        raise ScenarioError("program", "no task", "at least one")
    if len(program.pressed_pages) not in (0, 4):
        raise ScenarioError("program", f"{len(program.pressed_pages)} pressed_pages", "none or four")
    if program.placement not in PLACEMENTS:
        raise ScenarioError("program", f"placement {program.placement!r}", "watermark or table")
    for m, memcg in enumerate(program.memcgs, 1):
        if not 0 <= memcg.parent < m:
            raise ScenarioError("program", f"memcg {m} with parent {memcg.parent}", f"0 to {m - 1}")
        _within(f"memcg {m}'s max_pages", (memcg.max_pages,), UNLIMITED, MOST_LIMIT_PAGES)
        _within(f"memcg {m}'s user_pages", (memcg.user_pages,), 0, MOST_LIMIT_PAGES)
    for t, task in enumerate(program.tasks):
        _fit(f"operations in task {t}", len(task.ops), size["ops"])
        if not 0 <= task.cpu < nr_act:
            raise ScenarioError("program", f"task {t} on acting CPU {task.cpu}", f"0 to {nr_act - 1}")
        if not 0 <= task.memcg <= len(program.memcgs):
            raise ScenarioError("program", f"task {t} in memcg {task.memcg}", f"0 to {len(program.memcgs)}")
        for i, op in enumerate(task.ops):
            _check_op(op, f"task {t}, operation {i}", size)
            if task.irq:
                _check_irq_op(op, f"task {t}, operation {i}")


def _check_op(op: Op, where: str, size: dict[str, int]) -> None:
    if op.kind not in OP_NAMES:
        raise ScenarioError(where, f"kind {op.kind!r}", ", ".join(OP_NAMES))
    if not 0 <= op.memcg < size["memcgs"]:
        raise ScenarioError(where, f"memcg {op.memcg}", f"0 to {size['memcgs'] - 1}")
    if not 0 <= op.slot < size["slots"]:
        raise ScenarioError(where, f"slot {op.slot}", f"0 to {size['slots'] - 1}")
    if not 0 <= op.gfp < 512:
        raise ScenarioError(where, f"gfp {op.gfp}", "0 to 511")
    for name, given in (("size_bytes", op.size_bytes), ("align", op.align), ("value", op.value)):
        if not 0 <= given < 1 << 30:
            raise ScenarioError(where, f"{name} {given}", "0 to 2^30 - 1")


def _check_irq_op(op: Op, where: str) -> None:
    if op.kind not in IRQ_KINDS:
        raise ScenarioError(where, f"{op.kind} in an interrupt", ", ".join(IRQ_KINDS))
    if op.kind in ("alloc", "kmem") and not op.gfp & GFP_NOBLOCK:
        raise ScenarioError(
            where, f"{op.kind} that may sleep in an interrupt (gfp {op.gfp})", f"gfp with {GFP_NOBLOCK}"
        )


@lru_cache
def _blank(size_class: str) -> Record:
    """A zeroed Prog record of a class: its dtype is costly to make, a copy is not."""
    return new_record(Prog, size_class)


def prog_record(program: Program, size_class: str, nr_act: int) -> Record:
    """The Prog record (array of one) of a program, without a variant's choices; ScenarioError if it does not fit."""
    check_program(program, size_class, nr_act)
    array = _blank(size_class).copy()
    prog = array[0]
    prog["nr_tasks"], prog["nr_memcgs"] = len(program.tasks), len(program.memcgs) + 1
    prog["memcg_parent0"][0] = -1
    prog["memcg_max0"][:] = UNLIMITED
    for m, memcg in enumerate(program.memcgs, 1):
        prog["memcg_parent0"][m], prog["memcg_max0"][m] = memcg.parent, memcg.max_pages
        prog["memcg_user0"][m] = memcg.user_pages
    for t, task in enumerate(program.tasks):
        prog["task_cpu0"][t], prog["task_memcg0"][t] = task.cpu, task.memcg
        prog["task_irq"][t], prog["nr_ops"][t] = task.irq, len(task.ops)
        for i, op in enumerate(task.ops):
            prog["op_kind"][t, i] = OP_NAMES.index(op.kind)
            for name, field in OP_FIELDS:
                prog[field][t, i] = getattr(op, name)
    prog["place_mode"] = PLACEMENTS.index(program.placement)
    prog["nr_table"] = len(program.table)
    prog["place_table"][: len(program.table)] = program.table
    for name in FAIL_FIELDS:
        prog[name][:] = getattr(program, name)
    prog["pressed"] = len(program.pressed_pages) > 0
    prog["pressed_pages"][:] = program.pressed_pages or 0
    prog["nr_retries"], prog["nested_refresh"] = program.retries, program.nested_refresh
    prog["probe_task"], prog["probe_op"] = program.probe
    return array


def program_of(prog: Any) -> Program:
    """The inverse of prog_record."""
    tasks = tuple(_task_of(prog, t) for t in range(int(prog["nr_tasks"])))
    memcgs = tuple(
        Memcg(int(prog["memcg_parent0"][m]), int(prog["memcg_max0"][m]), int(prog["memcg_user0"][m]))
        for m in range(1, int(prog["nr_memcgs"]))
    )
    return Program(
        tasks,
        memcgs,
        placement=PLACEMENTS[int(prog["place_mode"])],
        table=_ints(prog["place_table"][: int(prog["nr_table"])]),
        pressed_pages=_ints(prog["pressed_pages"]) if prog["pressed"] else (),
        retries=int(prog["nr_retries"]),
        nested_refresh=bool(prog["nested_refresh"]),
        probe=(int(prog["probe_task"]), int(prog["probe_op"])),
        **{name: _ints(prog[name]) for name in FAIL_FIELDS},
    )


def _ints(values: np.ndarray[Any, Any]) -> tuple[int, ...]:
    return tuple(int(v) for v in values)


def _task_of(prog: Any, t: int) -> Task:
    ops = tuple(
        Op(OP_NAMES[int(prog["op_kind"][t, i])], **{name: int(prog[field][t, i]) for name, field in OP_FIELDS})
        for i in range(int(prog["nr_ops"][t]))
    )
    return Task(int(prog["task_cpu0"][t]), int(prog["task_memcg0"][t]), bool(prog["task_irq"][t]), ops)
