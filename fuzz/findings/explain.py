"""A finding in plain words: what each task does, which step broke what, what was expected and what was found."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.own.file import own_invariants
from percpu_fuzz.engine.program import Op, Program
from percpu_fuzz.engine.scenario import Finding
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.reports.invariants import INVARIANT_WORDS
from percpu_fuzz.reports.lanes import Line
from percpu_fuzz.reports.numbers import WIDTH, plural
from percpu_fuzz.strategies.run.replay import Violation

MOST_CHARGES = 12


def explained(
    finding: Finding, variant: Variant, broken: Violation, steps: Sequence[Line], columns: int = WIDTH
) -> list[str]:  # fmt: skip
    """Lines of at most so many columns. steps: the lanes up to the violation."""
    program = finding.scenario.program
    lines = [machine_line(finding.scenario.topology)]
    lines += memcg_lines(program)
    for t, task in enumerate(program.tasks):
        what = "; then ".join(op_words(op, task.memcg) for op in task.ops) or "nothing"
        kind = "An interrupt" if task.irq else f"Task {t}"
        lines.append(f"{kind} on acting CPU {task.cpu}, in memcg{task.memcg}: {what}.")
    lines += surroundings(program)
    moves = list(charges(steps))
    if len(moves) > MOST_CHARGES:
        lines.append(f"Of {len(moves)} steps that charged or gave back, the last {MOST_CHARGES}:")
    lines += moves[-MOST_CHARGES:]
    lines.append(
        f"Broken at step {broken.step}, {words_at(broken.label, steps)} ({broken.label}) of "
        f"{'task' if broken.task < len(program.tasks) else 'worker'} {broken.task}: {finding.invariant}, "
        f"{says(finding.invariant, variant)}; expected {broken.want}, found {broken.found}."
    )
    return [row for line in lines for row in textwrap.wrap(line, columns)]


def says(invariant: str, variant: Variant) -> str:
    """What an invariant says; of one of the variant's own file, what that says."""
    return own_invariants(variant).get(invariant, INVARIANT_WORDS[invariant])


def words_at(label: str, steps: Sequence[Line]) -> str:
    """What the step at a label does; own steps say it in the lanes."""
    return next((line.words for line in reversed(steps) if line.label == label), labels.STEP_WORDS[label])


def charges(lines: Sequence[Line]) -> Iterator[str]:
    """The steps that moved a page or a byte of somebody's account, in words: who, at which step, from what to what."""
    for line in lines:
        moved = [str(change) for change in line.changes if not change.is_pointer]
        if moved:
            yield f"step {line.step}, {line.who}, {line.words}: {'; '.join(moved)}"


def machine_line(topology: Topology) -> str:
    """One sentence: nodes, possible CPUs, the nodes of the first 8 of them, bytes of a page. Not wrapped."""
    places = ", ".join(f"CPU {cpu.id} on node {cpu.node}" for cpu in topology.cpus[:8])
    more = ", ..." if len(topology.cpus) > 8 else ""
    return (
        f"Machine: {plural(len(topology.nodes), 'node')}, {plural(len(topology.cpus), 'possible CPU')} "
        f"({places}{more}), "
        f"{topology.page_size}-byte pages."
    )


def memcg_lines(program: Program) -> list[str]:
    """One line a cgroup that is more than a plain child of root."""
    lines = []
    for m, memcg in enumerate(program.memcgs, 1):
        words = [f"child of {'root' if memcg.parent == 0 else f'memcg{memcg.parent}'}"]
        if memcg.user_pages:
            words.append(f"{memcg.user_pages} user pages")
        if memcg.max_pages >= 0:
            words.append(f"memory.max {memcg.max_pages} pages above that")
        lines.append(f"memcg{m}: {', '.join(words)}.")
    return lines


def op_words(op: Op, own: int) -> str:
    """One operation."""
    if op.kind == "alloc":
        return f"alloc {op.size_bytes} bytes, {gfp_words(op, own)}, into slot {op.slot}"
    if op.kind == "kmem":
        return f"a slab object of {op.size_bytes} bytes, {gfp_words(op, own)}, into slot {op.slot}"
    known = {
        "free": f"free slot {op.slot}",
        "mkdir": f"mkdir memcg{op.memcg} below memcg{op.slot}",
        "rmdir": f"rmdir memcg{op.memcg}",
        "set_max": f"memory.max of memcg{op.memcg} = usage + {op.value} pages",
        "charge_user": f"charge {op.value} user pages to memcg{op.memcg}",
        "move": f"move task {op.value} to memcg{op.memcg}",
        "migrate": f"task {op.value} migrates to acting CPU {op.slot}",
        "cpu_dead": f"acting CPU {op.value} goes away",
        "cpu_online": f"acting CPU {op.value} comes back",
        "pressure": f"node {op.value} is left with {op.size_bytes} free pages",
        "drain": f"drain_all_stock(memcg{op.memcg})",
        "node_online": f"node {op.value} comes online",
    }
    return known.get(op.kind, op.kind.replace("_", " "))


def gfp_words(op: Op, own: int) -> str:
    """Flags and whose cgroup pays."""
    if not op.gfp & labels.GFP_ACCOUNT:
        return "not accounted"
    names = (
        (labels.GFP_NOBLOCK, "not blocking"), (labels.GFP_HIGH, "__GFP_HIGH"), (labels.GFP_NORETRY, "__GFP_NORETRY"),
        (labels.GFP_NOFAIL, "__GFP_NOFAIL"), (labels.OP_KILLED, "killed while waiting for the mutex"),
    )  # fmt: skip
    words = [f"charged to memcg{own if op.gfp & labels.OP_OWN else op.memcg}"]
    return ", ".join(words + [name for bit, name in names if op.gfp & bit])


def surroundings(program: Program) -> list[str]:
    """Faults, pressure and placement, where they are not the plain ones."""
    lines = []
    for name, what in (
        ("fail_populate", "populate"), ("fail_create", "chunk creation"), ("fail_trylock", "stock trylock"),
        ("fail_charge", "charge of the counters"), ("fail_space", "search that must not block"),
    ):  # fmt: skip
        row = getattr(program, name)
        if any(row):
            lines.append(f"Of every 8 attempts at a {what}, numbers {[i for i, bit in enumerate(row) if bit]} fail.")
    dry = {i: node - 1 for i, node in enumerate(program.fail_node) if node}
    if dry:
        lines.append(f"Of every 8 populates, these get no page for CPUs of the node with this index: {dry}.")
    if program.pressed_pages:
        lines.append(f"Free pages by node number modulo 4: {list(program.pressed_pages)}.")
    if program.placement == "table" and any(program.table):
        lines.append(f"Pages fall this many steps along the zonelist, in turn: {list(program.table)}.")
    return lines
