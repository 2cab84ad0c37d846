"""From choices to a program, and the draw of choices: compiled, so that campaigns write cases into records."""

from __future__ import annotations

from typing import Any

import numpy as np

from percpu_fuzz.engine.case.operations import LOWER
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.labels import (
    GFP_NOBLOCK,
    OP_ALLOC,
    OP_CHARGE_USER,
    OP_FREE,
    OP_KMEM,
    OP_MIGRATE,
    OP_MKDIR,
    OP_OWN,
    OP_PRESSURE,
    OP_SETMAX,
)
from percpu_fuzz.engine.core.records import Prog, Topo
from percpu_fuzz.strategies.draw.choices import (
    AT_MEMCGS,
    AT_TABLE,
    AT_TAIL,
    AT_TASKS,
    CROWD,
    HEAD,
    LAYOUT,
    LENGTH,
    MEMCG,
    NR_OPS,
    NR_TABLE,
    NR_TASKS,
    OP,
    PLACE_INDEPENDENT,
    PLACE_LOCAL,
    PLACE_PRESSED,
    PLACE_RUNS,
    PLACE_SPREAD,
    TASK,
    TASK_LENGTH,
)
from percpu_fuzz.strategies.draw.rng import LOW32, S32, ZERO, Rng, next_word, to_int

NR_MEMCG = len(MEMCG)
NR_TASK = len(TASK)
NR_OP = len(OP)
AT_FREE_PAGES = HEAD.index("free_pages")
AT_FAULTS = HEAD.index("fail_populate")
OP_KIND = LAYOUT.index("op")
SLOTS_A_TASK = 4
NR_DRAWN = 4  # cgroups with a parent, a limit and user pages of their own


@compiled
def draw_choices(rng: Rng, tables: Any, mask: int, out: Any, whole: bool) -> None:
    """Fill out[:] with value indices: one 32-bit half of a word a position. `mask`: operation kinds switched off.

    Unless `whole`, positions of operations that the program does not have are passed over: their words are drawn.
    """
    kinds, values, counts, _ = tables
    draw_positions(rng, tables, mask, out, 0, AT_TASKS)
    for t in range(NR_TASKS):
        base = AT_TASKS + t * TASK_LENGTH
        draw_positions(rng, tables, mask, out, base, base + NR_TASK)
        used = NR_OPS if whole else nr_ops_of(out, t, kinds, values, counts)
        draw_positions(rng, tables, mask, out, base + NR_TASK, base + NR_TASK + used * NR_OP)
        for _ in range((NR_OPS - used) * NR_OP // 2):
            next_word(rng)
    draw_positions(rng, tables, mask, out, AT_TABLE, LENGTH)


@compiled
def draw_positions(rng: Rng, tables: Any, mask: int, out: Any, first: int, end: int) -> None:
    """Positions first to end - 1, both even."""
    kinds, _, counts, limits = tables
    word, left = next_word(rng) if end > first else ZERO, 2
    for i in range(first, end):
        if left == 0:
            word, left = next_word(rng), 2
        half = word & LOW32
        word >>= S32
        left -= 1
        row = kinds[i]
        index = 0
        for j in range(counts[row] - 1):  # all of them: a loop that stops at a random place costs more
            index += 1 if half >= limits[row, j] else 0
        out[i] = index
        if row == kinds[OP_KIND] and index > 1 and (mask >> index) & 1:
            out[i] = index & 1


@compiled
def gather(rng: Rng, tables: Any, out: Any) -> None:
    """Let what was drawn meet: of some kinds the case picks one value, which most positions of the kind then take.

    Which and how often: strategies/draw/gathered.py, as further rows of the limits. How many words are drawn depends on
    these picks alone.
    """
    kinds, _, counts, limits = tables
    for row in range(len(counts)):
        picks = len(counts) + row
        half = next_word(rng) & LOW32
        index = 0
        for j in range(counts[row]):
            index += 1 if half >= limits[picks, 1 + j] else 0
        if index < counts[row]:
            for i in range(AT_TABLE):
                if kinds[i] == row and next_word(rng) & LOW32 < limits[picks, 0]:
                    out[i] = index


@compiled
def nr_ops_of(choices: Any, t: int, kinds: Any, values: Any, counts: Any) -> Any:
    """How many operations of task t the program can have: none of a task that is not there, all of a crowd's first."""
    if t >= value_at(choices, 1, kinds, values, counts):
        return 0
    if t == 0 and value_at(choices, 2, kinds, values, counts) > NR_DRAWN:
        return NR_OPS
    return min(to_int(value_at(choices, AT_TASKS + t * TASK_LENGTH + 3, kinds, values, counts)), NR_OPS)


@compiled
def value_at(choices: Any, i: int, kinds: Any, values: Any, counts: Any) -> Any:
    """The value that position i stands for: its choice modulo the number of values of its kind."""
    row, choice = kinds[i], choices[i]
    if choice < 0 or choice >= counts[row]:  # a division costs more than all else here, and draws are in range
        choice %= counts[row]
    return values[row, choice]


@compiled
def value_positions(choices: Any, kinds: Any, values: Any, counts: Any, v: Any, first: int, end: int) -> None:
    """v[first:end]: what those positions stand for."""
    for i in range(first, end):
        v[i] = value_at(choices, i, kinds, values, counts)


@compiled
def bytes_on(topo: Topo, size: int) -> int:
    """A drawn size on a machine: from 4096 on it counts pages of that many bytes; below 0 it is bytes as recorded."""
    if size < 0:
        return -size
    return size * (topo.page_size // 4096) if size >= 4096 else size


@compiled
def decode_op(prog: Prog, topo: Topo, t: int, i: int, v: Any, base: int, nr_memcgs: int) -> None:
    """One operation from its eight values."""
    kind = v[base]
    memcg, slot, value = v[base + 1], v[base + 2], v[base + 6]
    prog.op_kind[t, i] = kind
    prog.op_memcg[t, i] = memcg
    prog.op_slot[t, i] = 0
    prog.op_bytes[t, i] = 0
    prog.op_align[t, i] = 0
    prog.op_gfp[t, i] = 0
    prog.op_value[t, i] = value
    if kind in (OP_ALLOC, OP_KMEM):
        prog.op_slot[t, i] = (t * SLOTS_A_TASK + slot) % 16
        prog.op_bytes[t, i] = bytes_on(topo, v[base + 3])
        prog.op_align[t, i] = v[base + 4]
        prog.op_gfp[t, i] = v[base + 5]
        prog.op_value[t, i] = 0
        if prog.task_irq[t] == 1:
            prog.op_gfp[t, i] = (prog.op_gfp[t, i] | GFP_NOBLOCK) & ~OP_OWN
        if kind == OP_KMEM:
            prog.op_bytes[t, i] = max(min(abs(v[base + 3]), 8192), 8)
            prog.op_align[t, i] = 8
    elif kind == OP_FREE:
        prog.op_slot[t, i] = (t * SLOTS_A_TASK + slot) % 16
        prog.op_value[t, i] = 0
    elif kind == OP_MKDIR:
        prog.op_memcg[t, i] = 1 + value % 4
        prog.op_slot[t, i] = slot % (nr_memcgs + 1)
    elif kind == OP_SETMAX and value >= 12:
        prog.op_value[t, i] = LOWER + value - 11
    elif kind in (OP_CHARGE_USER, OP_SETMAX):
        prog.op_value[t, i] = value * 2
    elif kind == OP_PRESSURE:
        prog.op_bytes[t, i] = v[base + 7]
    elif kind == OP_MIGRATE:
        prog.op_slot[t, i] = slot
    if nr_memcgs > NR_DRAWN:
        spread_over_crowd(prog, t, i, kind, slot, nr_memcgs)
    if prog.task_irq[t] == 1:
        restrict_irq(prog, t, i, kind)


@compiled
def spread_over_crowd(prog: Prog, t: int, i: int, kind: int, slot: int, nr_memcgs: int) -> None:
    """Every cgroup of a crowd is charged alike, as an active scope; the first task has a page fault in each in turn."""
    if t == 0:
        prog.op_kind[t, i] = OP_CHARGE_USER
        prog.op_memcg[t, i] = 1 + i % nr_memcgs
        prog.op_value[t, i] = 1 + slot
    elif kind in (OP_ALLOC, OP_KMEM, OP_CHARGE_USER):
        prog.op_memcg[t, i] = 1 + (prog.op_memcg[t, i] - 1 + slot) % nr_memcgs
        if kind != OP_CHARGE_USER:
            prog.op_gfp[t, i] &= ~OP_OWN


@compiled
def restrict_irq(prog: Prog, t: int, i: int, kind: int) -> None:
    """Interrupts allocate without sleeping and free; whatever else was drawn becomes a free."""
    if kind not in (OP_ALLOC, OP_FREE, OP_KMEM):
        prog.op_kind[t, i] = OP_FREE
        prog.op_bytes[t, i] = 0
        prog.op_slot[t, i] = (t * SLOTS_A_TASK + prog.op_slot[t, i]) % 16
        prog.op_memcg[t, i] = 0
        prog.op_value[t, i] = 0


@compiled
def decode_memcgs(prog: Prog, v: Any, nr_memcgs: int) -> None:
    """The root, without limit, and nr_memcgs cgroups, each below an earlier one; of a crowd none has a limit."""
    prog.nr_memcgs = nr_memcgs + 1
    prog.memcg_parent0[0] = -1
    prog.memcg_max0[0] = -1
    prog.memcg_user0[0] = 0
    for m in range(min(CROWD, len(prog.memcg_parent0) - 1)):
        base = AT_MEMCGS + m % NR_DRAWN * NR_MEMCG
        prog.memcg_parent0[m + 1] = v[base] % (m + 1) if m < nr_memcgs else 0
        prog.memcg_max0[m + 1] = v[base + 1] if m < nr_memcgs <= NR_DRAWN else -1
        prog.memcg_user0[m + 1] = v[base + 2] if m < nr_memcgs <= NR_DRAWN else 0


@compiled
def decode_placement(prog: Prog, topo: Topo, v: Any) -> None:
    """Where pages fall. Pressure leaves nodes few free pages; the others follow a table of steps along the zonelist."""
    pattern = v[0]
    prog.place_mode = 0 if pattern in (PLACE_LOCAL, PLACE_PRESSED) else 1
    prog.nr_table = NR_TABLE
    for i in range(NR_TABLE):
        entry = v[AT_TABLE + i]
        if pattern == PLACE_INDEPENDENT:
            prog.place_table[i] = entry
        elif pattern == PLACE_SPREAD:
            prog.place_table[i] = i
        elif pattern == PLACE_RUNS:
            prog.place_table[i] = v[AT_TABLE + i // 16 * 16]
        else:
            prog.place_table[i] = 0


@compiled
def decode(choices: Any, topo: Topo, prog: Prog, kinds: Any, values: Any, counts: Any, v: Any) -> None:
    """Write the program that a list of choices means into `prog`; `v` is scratch of the same length."""
    value_positions(choices, kinds, values, counts, v, 0, AT_TASKS)
    value_positions(choices, kinds, values, counts, v, AT_TABLE, LENGTH)
    nr_memcgs = v[2] if v[2] < len(prog.memcg_parent0) else NR_DRAWN
    crowd = nr_memcgs > NR_DRAWN
    prog.nr_tasks = v[1]
    decode_memcgs(prog, v, nr_memcgs)
    decode_placement(prog, topo, v)
    for k in range(8):
        prog.fail_populate[k] = v[AT_FAULTS + k]
        prog.fail_create[k] = v[AT_FAULTS + 8 + k]
        prog.fail_trylock[k] = v[AT_FAULTS + 16 + k]
        prog.fail_charge[k] = v[AT_TAIL + k]
        prog.fail_space[k] = v[AT_TAIL + 8 + k]
        prog.fail_node[k] = v[AT_TAIL + 16 + k]
    for t in range(NR_TASKS):
        base = AT_TASKS + t * TASK_LENGTH
        used = t < v[1]
        end = base + NR_TASK + nr_ops_of(choices, t, kinds, values, counts) * NR_OP
        value_positions(choices, kinds, values, counts, v, base, end)
        nr_ops = NR_OPS if crowd and t == 0 else v[base + 3]
        prog.task_irq[t] = v[base + 2] if used and t > 0 else 0
        prog.task_cpu0[t] = v[base] % topo.nr_act if used and not crowd else 0
        home = v[base + 1] if used and prog.task_irq[t] == 0 else 0
        prog.task_memcg0[t] = 1 + (home - 1) % nr_memcgs if home > 0 else 0
        prog.nr_ops[t] = nr_ops if used else 0
        for i in range(NR_OPS):
            if used and i < nr_ops:
                decode_op(prog, topo, t, i, v, base + NR_TASK + i * NR_OP, nr_memcgs)
    add_pressure(prog, topo, v)
    mark_probe(prog, v[3])


@compiled
def add_pressure(prog: Prog, topo: Topo, v: Any) -> None:
    """Under pressure the first task begins by leaving each node the drawn number of free pages (one operation)."""
    prog.pressed = 0
    for n in range(4):
        prog.pressed_pages[n] = v[AT_FREE_PAGES + n]
    if v[0] == PLACE_PRESSED:
        prog.pressed = 1


@compiled
def is_accounted(prog: Prog, t: int, i: int) -> bool:
    """Whether an operation is a percpu allocation that asks to be accounted: what may be the probe."""
    return bool(prog.op_kind[t, i] == OP_ALLOC and prog.op_gfp[t, i] & 1)


@compiled
def mark_probe(prog: Prog, pick: int) -> None:
    """The measured allocation: the pick-th (modulo) of the program's accounted percpu allocations."""
    prog.probe_task = -1
    prog.probe_op = -1
    found = 0
    for t in range(prog.nr_tasks):
        for i in range(prog.nr_ops[t]):
            found += is_accounted(prog, t, i)
    if found == 0:
        return
    skip = pick % found
    for t in range(prog.nr_tasks):
        for i in range(prog.nr_ops[t]):
            if is_accounted(prog, t, i):
                if skip == 0:
                    prog.probe_task = t
                    prog.probe_op = i
                skip -= 1


def new_scratch() -> Any:
    """LENGTH zeros, int32: room for the choices of a case, or for the values that they stand for."""
    return np.zeros(LENGTH, dtype=np.int32)
