"""`percpu-fuzz replay`."""

from __future__ import annotations

from pathlib import Path

import click

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.shown import shell_line, shown
from percpu_fuzz.fuzz.commands.shared import chosen_variant, finding_of
from percpu_fuzz.fuzz.files import write_output
from percpu_fuzz.fuzz.findings.explain import says
from percpu_fuzz.fuzz.findings.lanes import lanes, trace_events
from percpu_fuzz.reports.numbers import plural
from percpu_fuzz.reports.render.lanes import lanes_text
from percpu_fuzz.reports.sections.brief.functions import function_of


@click.command()
@click.argument("file", metavar="FILE|FOLDER")
@click.option("--variant", help="Replay on another variant than the file names.")
@click.option("--lanes", "show_lanes", is_flag=True, help="Draw the interleaving: a column a CPU, a line a step.")
@click.option("--perfetto", help="Write the interleaving as Chrome trace-event JSON to this file.")
def replay_command(file: str, variant: str | None, show_lanes: bool, perfetto: str | None) -> int:
    """Replay a scenario file and say which invariants break; 1 if the file's own does.

    Of a campaign's folder, or one of findings: a line for each file, and the command that shows it.
    """
    if Path(file).is_dir():
        if show_lanes or perfetto is not None:
            raise InputError("--lanes" if show_lanes else "--perfetto", f"with the folder {file}", "one file at a time")
        return replay_all(Path(file), variant)
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
        f"{file}: {chosen.name} on {shown(topology.name)} ({plural(len(topology.nodes), 'node')}, "
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


def replay_all(folder: Path, variant: str | None) -> int:
    """Replay every finding below a folder, a line each; 1 if any of them shows. InputError where there is none."""
    files = sorted((folder / "findings" if (folder / "findings").is_dir() else folder).glob("[0-9]*.json"))
    if not files:
        raise InputError("replay", str(folder), "a finding, or a folder that holds some")
    shown = 0
    for path in files:
        finding = finding_of(str(path))
        chosen = chosen_variant(finding, variant, str(path))
        steps, run = lanes(finding.scenario, chosen, chosen.name != finding.variant, finding.invariant)
        broken = run.broken(finding.invariant)
        shown += broken is not None
        where = next((line.own_words for line in steps if line.broken and line.own_words), "")
        place = "holds" if broken is None else f"at step {broken.step}, {where or function_of(broken.label)}"
        print(f"{path.name}: {finding.invariant} on {chosen.name} {place}; {says(finding.invariant, chosen)}")
        print("  " + shell_line(["percpu-fuzz", "replay", str(path), *code_typed(variant), "--lanes"]))
    return int(shown > 0)


def code_typed(variant: str | None) -> list[str]:
    """The variant once more, where one was typed."""
    return [] if variant is None else ["--variant", variant]
