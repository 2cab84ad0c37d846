"""`percpu-fuzz shrink`."""

from __future__ import annotations

from pathlib import Path

import click

from percpu_fuzz.engine.errors import ScenarioError
from percpu_fuzz.engine.scenario import Finding, dump_finding
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.fuzz.campaign.own_engine import CAMPAIGN, compiling_told
from percpu_fuzz.fuzz.clock import seconds_so_far
from percpu_fuzz.fuzz.commands.shared import (
    chosen_variant,
    compile_option,
    compiled_or_not,
    finding_of,
    variant_of_finding,
)
from percpu_fuzz.fuzz.files import write_output
from percpu_fuzz.fuzz.findings.provenance import with_provenance
from percpu_fuzz.fuzz.findings.showing import told
from percpu_fuzz.fuzz.options import seconds_option
from percpu_fuzz.fuzz.output.streams import say_on_stderr
from percpu_fuzz.fuzz.progress import working
from percpu_fuzz.fuzz.shrink.attempt import load
from percpu_fuzz.fuzz.shrink.bridge import polish
from percpu_fuzz.fuzz.shrink.shrinker import Shrunk, begun
from percpu_fuzz.reports.numbers import plural

SHRINK_SECONDS_LEAST = 0.2  # of shrinking, however long the start took


@click.command()
@click.argument("file")
@variant_of_finding
@compile_option
@click.option("--budget", help="Most seconds to take; the smallest case so far is kept.")
@click.option("-o", "--output", help="Write the shrunk finding here. [default: FILE with .shrunk.json]")
def shrink_command(file: str, variant: str | None, compiles: str, budget: str | None, output: str | None) -> int:
    """Shrink a scenario file and write the result; 1 because its violation shows, ScenarioError if it does not."""
    seconds = None if budget is None else seconds_option(budget, "--budget")
    finding = finding_of(file)
    chosen = compiled_or_not(chosen_variant(finding, variant, file), compiles)
    with working(f"shrinking {file}"):
        done = _shrunk(finding, chosen, seconds)
    if done is None:
        raise ScenarioError(file, f"{finding.invariant} holds on {chosen.name}", "a finding whose violation shows")
    shrunk, note = done
    path = Path(output) if output is not None else Path(file).with_suffix(".shrunk.json")
    smaller = told(finding, shrunk, chosen)
    write_output(path, dump_finding(with_provenance(smaller.finding, str(path))), "--output")
    scenario = shrunk.attempt.scenario
    ops = sum(len(task.ops) for task in scenario.program.tasks)
    print(
        f"{path}: {plural(len(scenario.topology.nodes), 'node')}, {plural(len(scenario.topology.cpus), 'CPU')}, "
        f"{plural(ops, 'operation')}, {plural(len(scenario.schedule), 'run')}, "
        f"{plural(len(shrunk.attempt.events), 'step')} after {plural(shrunk.executions, 'execution')}"
    )
    print("  no single removal or reduction fails any more" if shrunk.minimal else "  cut short by the budget")
    print(f"  {note}")
    return 1


def _shrunk(finding: Finding, variant: Variant, seconds: float | None) -> tuple[Shrunk, str] | None:
    """The own shrinker, then Hypothesis with what is left of the time, and what that did.

    The time counts from the start of the process: loading the engine takes a part of it, but compiling the engine of
    a user's own steps is left out.
    """
    spent = seconds_so_far()
    if variant.own is not None and variant.own.has_code:
        with compiling_told(variant, say_on_stderr, CAMPAIGN[2:]):
            load(finding.scenario.topology, variant)
    left = None if seconds is None else max(SHRINK_SECONDS_LEAST, seconds - spent)
    shrinker = begun(finding, variant, seconds=left)
    if shrinker is None:
        return None
    gate, minimal = shrinker.gate, shrinker.run()
    cut_short = gate.cut_short
    if gate.late():
        return Shrunk(shrinker.best, minimal, gate.executions, cut_short), "Hypothesis: no time was left for it"
    polished = polish(gate, shrinker.best)
    if polished.minimal is not None:
        minimal, cut_short = polished.minimal, gate.cut_short
    return Shrunk(polished.attempt, minimal, gate.executions, cut_short), polished.note
