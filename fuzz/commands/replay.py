"""`percpu-fuzz replay`."""

from __future__ import annotations

from pathlib import Path

from engine.errors import InputError
from engine.scenario import load_finding
from engine.variant import VARIANTS, Variant
from fuzz.options import variant_option
from strategies.recorded.files import read_bytes
from strategies.replay import run_scenario


def replay_command(file: str, variant: str | None, steps: bool) -> int:
    """Replay a scenario file and say which invariants break; 1 if the file's own does."""
    finding = load_finding(read_bytes(Path(file)), file)
    where = "--variant" if variant is not None else f"{file}, variant"
    chosen = variant_option(variant, where) if variant is not None else named_variant(finding.variant, where)
    run = run_scenario(finding.scenario, chosen)
    if steps:
        for number, taken in enumerate(run.steps, 1):
            print(f"{number:6d}  task {taken.task:2d}  {taken.label}")
    topology = finding.scenario.topology
    print(
        f"{file}: {chosen.name} on {topology.name} ({len(topology.nodes)} nodes, {len(topology.cpus)} CPUs), "
        f"{len(run.steps)} steps"
    )
    for violation in run.violations:
        print(
            f"  {violation.invariant} at step {violation.step}, task {violation.task}, {violation.label}: "
            f"expected {violation.want}, found {violation.found}"
        )
    if run.broken(finding.invariant) is None:
        print(f"  {finding.invariant} holds")
        return 0
    return 1


def named_variant(name: str, where: str) -> Variant:
    """A variant that a file names: only one of the engine's own; code runs only when typed on the command line."""
    if name not in VARIANTS:
        raise InputError(where, repr(name), ", ".join(VARIANTS) + "; another one by --variant FILE.py:NAME")
    return VARIANTS[name]
