"""`percpu-fuzz replay`."""

from __future__ import annotations

from pathlib import Path

import click

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.commands.shared import chosen_variant, finding_of
from percpu_fuzz.fuzz.files import write_output
from percpu_fuzz.fuzz.findings.lanes import lanes
from percpu_fuzz.fuzz.findings.perfetto import trace_events
from percpu_fuzz.reports.numbers import plural
from percpu_fuzz.reports.render.lanes import lanes_text


@click.command()
@click.argument("file")
@click.option("--variant", help="Replay on another variant than the file names.")
@click.option("--lanes", "show_lanes", is_flag=True, help="Draw the interleaving: a column a CPU, a line a step.")
@click.option("--perfetto", help="Write the interleaving as Chrome trace-event JSON to this file.")
def replay_command(file: str, variant: str | None, show_lanes: bool, perfetto: str | None) -> int:
    """Replay a scenario file and say which invariants break; 1 if the file's own does."""
    finding = finding_of(file)
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
        f"{file}: {chosen.name} on {topology.name} ({plural(len(topology.nodes), 'node')}, "
        f"{plural(len(topology.cpus), 'CPU')}), {plural(len(run.steps), 'step')}"
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
