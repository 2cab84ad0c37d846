"""`percpu-fuzz replay`."""

from __future__ import annotations

from pathlib import Path

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.scenario import Finding, load_finding
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.fuzz.files import write_output
from percpu_fuzz.fuzz.findings.lanes import lanes
from percpu_fuzz.fuzz.findings.perfetto import trace_events
from percpu_fuzz.fuzz.options import variant_option
from percpu_fuzz.fuzz.words import counted
from percpu_fuzz.reports.render.lanes import lanes_text
from percpu_fuzz.strategies.trace.files import read_bytes


def replay_command(file: str, variant: str | None, show_lanes: bool, perfetto: str | None) -> int:
    """Replay a scenario file and say which invariants break; 1 if the file's own does."""
    finding = load_finding(read_bytes(Path(file)), file)
    chosen = chosen_variant(finding, variant, file)
    lines, run = lanes(finding.scenario, chosen, chosen.name != finding.variant, finding.invariant)
    if show_lanes:
        print(*lanes_text(lines), sep="\n")
    if perfetto is not None:
        if Path(perfetto).resolve() == Path(file).resolve():
            raise InputError("--perfetto", perfetto, "another file than the finding")
        write_output(Path(perfetto), trace_events(lines, f"{finding.invariant} on {chosen.name}"), "--perfetto")
    topology = finding.scenario.topology
    print(
        f"{file}: {chosen.name} on {topology.name} ({counted(len(topology.nodes), 'node')}, "
        f"{counted(len(topology.cpus), 'CPU')}), {counted(len(run.steps), 'step')}"
    )
    if run.skipped:
        print(f"  {run.skipped} of {len(finding.scenario.schedule)} switches left out: {chosen.name} has no such step")
    for violation in run.violations:
        print(
            f"  {violation.invariant} at step {violation.step}, task {violation.task}, {violation.label}: "
            f"expected {violation.want}, found {violation.found}"
        )
    if run.broken(finding.invariant) is None:
        print(f"  {finding.invariant} holds")
        return 0
    return 1


def chosen_variant(finding: Finding, text: str | None, file: str) -> Variant:
    """The variant that was typed, else the one that the finding names."""
    if text is not None:
        return variant_option(text)
    return named_variant(finding.variant, f"{file}, variant")


def named_variant(name: str, where: str) -> Variant:
    """A variant that a file names: only one of the engine's own; code runs only when typed on the command line."""
    if name not in VARIANTS:
        raise InputError(where, repr(name), ", ".join(VARIANTS) + "; another one by --variant FILE.py:NAME")
    return VARIANTS[name]
