"""A finding as a mail to a kernel developer: what breaks, a machine to try it on, the operations, the counters."""

from __future__ import annotations

import shlex
import textwrap
from typing import Any

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.core.stages import MEMCG_ABSENT, MEMCG_FREED
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.scenario import Finding, Scenario
from percpu_fuzz.engine.shown import shell_line
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.fuzz.findings.explain import explained, says
from percpu_fuzz.fuzz.findings.lanes import lanes
from percpu_fuzz.reports.lanes import Line
from percpu_fuzz.reports.numbers import WIDTH, plural, table
from percpu_fuzz.strategies.machines.qemu.export import ONLINE_MOVABLE, export_qemu, renumbered
from percpu_fuzz.strategies.run.replay import run_scenario

SWITCHES_MOST = 12
KERNEL_CONFIG = "CONFIG_NUMA, CONFIG_MEMCG, CONFIG_CGROUPS; cgroup v2 with the memory controller enabled"


def mail(finding: Finding, variant: Variant, file: str) -> str:
    """ASCII text of at most 78 columns but for command lines. InputError if the violation does not show."""
    lines, run = lanes(finding.scenario, variant, until=finding.invariant)
    broken = run.broken(finding.invariant)
    if broken is None:
        given = f"{finding.invariant} does not show on {variant.name}"
        raise InputError(file, given, "a finding whose violation shows when it is replayed")
    subject = f"Subject: {variant.name}: {finding.invariant} broken: {says(finding.invariant, variant)}"
    parts = [
        textwrap.fill(subject, WIDTH, subsequent_indent=" "),
        "A model of the percpu accounting hooks, stepped as the atomicity of the code allows, breaks an invariant on a "
        "small case. It has not been seen on a kernel; this is what it takes to look for it there.",
        *section("What breaks", explained(finding, variant, broken, lines)),
        *section("Order of steps", order_lines(lines)),
        *section("Machine", machine_lines(finding.scenario.topology)),
        *section("Allocations", allocation_lines(finding.scenario.topology)),
        *section("Counters", counter_lines(finding.scenario, variant, finding.invariant)),
        *section("Again with the model", [again_line(file, variant)]),
    ]
    return "\n\n".join(part if "\n" in part else textwrap.fill(part, WIDTH) for part in parts) + "\n"


def again_line(file: str, variant: Variant) -> str:
    """The command that draws the case; it names a variant that only a file has."""
    words = ["percpu-fuzz", "replay", file, *([] if variant.own is None else ["--variant", variant.name]), "--lanes"]
    return shell_line(words)


def section(title: str, lines: list[str]) -> list[str]:
    """A heading with its lines, as one part of the mail."""
    return ["\n".join([title, "-" * len(title), *lines])]


def order_lines(lines: list[Line]) -> list[str]:
    """Who runs how far, up to the violation: one line for each time that somebody else takes over."""
    turns: list[tuple[str, Line, Line]] = []
    for line in lines:
        if turns and turns[-1][0] == line.who:
            turns[-1] = (line.who, turns[-1][1], line)
        else:
            turns.append((line.who, line, line))
    said = [
        f"{number}. {who} on CPU {last.cpu}: steps {first.step} to {last.step}, up to {last.words} ({last.label})"
        for number, (who, first, last) in enumerate(turns, 1)
    ]
    if len(said) > SWITCHES_MOST:
        said = [f"(the first {len(said) - SWITCHES_MOST} turns are left out)", *said[-SWITCHES_MOST:]]
    if len(turns) == 1:
        said.append("No preemption is needed: the order of the operations is enough.")
    return [row for line in said for row in textwrap.wrap(line, WIDTH, subsequent_indent="   ")]


def machine_lines(topology: Topology) -> list[str]:
    """QEMU arguments, boot options and what neither can say."""
    export = export_qemu(topology)
    lines = ["qemu-system-x86_64 -kernel bzImage -nographic \\"]
    lines += [f"  {option} {shlex.quote(value)} \\" for option, value in export.options]
    lines.append(f"  -append {shlex.quote(boot_options(topology))}")
    lines += ["", f"Kernel: {KERNEL_CONFIG}."]
    lines += [f"Note: {note}." for note in export.notes]
    if topology != renumbered(topology):
        lines.append(f"Ids there: nodes {export.node_ids}, CPUs {export.cpu_ids} (from the case's).")
    return [row for line in lines for row in ([line] if "\\" in line or "-append" in line else wrapped(line))]


def allocation_lines(topology: Topology) -> list[str]:
    """What makes such an allocation on a kernel, in which cgroup, and what memory.stat counts of it."""
    nr_cpus, ext_size = len(topology.cpus), topology.ext_size
    counted = (
        f"{plural(4 * nr_cpus, 'byte')} of payload (4 x {plural(nr_cpus, 'possible CPU')}) + {ext_size} of obj_exts"
    )
    words = (
        "An alloc is alloc_percpu_gfp(..., GFP_KERNEL | __GFP_ACCOUNT), as from a test module. It is charged to the "
        "cgroup of its task, or to the one of set_active_memcg(), as areas of a per-CPU BPF map without preallocation "
        "are that a task elsewhere fills: charged to the cgroup of the map's creator. memcg0 is the root cgroup. "
        f"Each 4 bytes of an area count as {4 * nr_cpus + ext_size} in percpu of memory.stat: {counted}."
    )
    return textwrap.wrap(words, WIDTH)


def wrapped(line: str) -> list[str]:
    """A line in pieces of at most WIDTH columns; an empty one stays a line."""
    return textwrap.wrap(line, WIDTH) or [""]


def boot_options(topology: Topology) -> str:
    """The kernel's command line: page size and nodes are the machine's own; isolated CPUs are asked for."""
    words = ["console=ttyS0", "cgroup_no_v1=all", "numa_balancing=disable"]
    isolated = [cpu.id for cpu in renumbered(topology).cpus if cpu.isolated]
    if isolated:
        words.append("isolcpus=domain," + ",".join(map(str, isolated)))
    if any(node.movable_only for node in topology.nodes):
        words.append(ONLINE_MOVABLE)
    return " ".join(words)


def counter_lines(scenario: Scenario, variant: Variant, invariant: str) -> list[str]:
    """Counters of each cgroup at the start, when the invariant broke and at the end, beside those of the reference."""
    start: dict[str, int] = {}
    at: dict[str, int] = {}
    nodes = tuple(node.id for node in scenario.topology.nodes)

    def watch(state: Any, _task: int, _label: int) -> None:
        if not start:
            start.update(counters(state, nodes))
        if not at and violated(state, invariant):
            at.update(counters(state, nodes))

    run = run_scenario(scenario, variant, watch)
    reference = run_scenario(scenario, VARIANTS["fixed"], lenient=True)
    columns = (start, at, {} if run.state.fatal else counters(run.state, nodes), counters(reference.state, nodes))
    rows = [["", "before", "broken", "end", "expected"]]
    rows += [[name, *(str(column.get(name, "-")) for column in columns)] for name in sorted({**start, **at})]
    clean = "runs the same case to its end and breaks nothing"
    broken = ", ".join(violation.invariant for violation in reference.violations)
    words = (
        "Before the first step; after the step that broke it; at the end, when all areas are freed, the stocks drained "
        "and the cgroups removed ('-': it does not come so far, or the cgroup is gone); and what to expect there, by "
        "the reference (fixed). The root sums up all cgroups, removed ones too. memory.current in pages; percpu of "
        "memory.stat in bytes; kernel memory of each node in pages, as memory.numa_stat would show it. The reference "
        f"{f'breaks {broken} here' if broken else clean}."
    )
    return [*table(rows, indent=""), "", *textwrap.wrap(words, WIDTH)]


def violated(state: Any, invariant: str) -> bool:
    """Whether an invariant, by its name, has been broken in this state or before it."""
    return bool(state.violated[INVARIANT_NAMES.index(invariant)])


def counters(state: Any, nodes: tuple[int, ...]) -> dict[str, int]:
    """Figures that a kernel shows too: of each cgroup that is there, and of the root, which sums up all there were."""
    found: dict[str, int] = {"root percpu": sum(state.memcg_percpu)}
    for n, node in enumerate(nodes):
        found[f"root kernel memory, node {node}"] = sum(state.memcg_kmem[n :: len(nodes)])
    for m in range(1, len(state.memcg_usage)):
        if MEMCG_ABSENT < state.memcg_state[m] < MEMCG_FREED:
            found[f"memcg{m} memory.current"] = state.memcg_usage[m]
            found[f"memcg{m} percpu"] = state.memcg_percpu[m]
            for n, node in enumerate(nodes):
                found[f"memcg{m} kernel memory, node {node}"] = state.memcg_kmem[m * len(nodes) + n]
    return found
