"""`percpu-fuzz mutants`."""

from __future__ import annotations

import json

import click

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.fuzz.campaign.mutants import Verdict, hunt_mutants
from percpu_fuzz.fuzz.commands.shared import compile_option, compiled_or_not, json_flag
from percpu_fuzz.fuzz.errors import CLEAN, INCONCLUSIVE
from percpu_fuzz.fuzz.interrupts import Interrupts
from percpu_fuzz.fuzz.options import seconds_option, seed_option, variant_option, workers_option
from percpu_fuzz.fuzz.output.streams import say_on_stderr
from percpu_fuzz.strategies.plan.mutants import mutants_of


@click.command()
@click.option("--time", "seconds", default="120", show_default=True, help="Budget in seconds.")
@click.option("--seed", default="1", show_default=True, help="Whole number or commit hash.")
@click.option("--workers", help="Worker processes. [default: one for each usable CPU]")
@click.option("--variant", default="fixed", show_default=True, help="What the mistakes are planted in.")
@compile_option
@json_flag
def mutants_command(seconds: str, seed: str, workers: str | None, variant: str, compiles: str, as_json: bool) -> int:
    """Print what killed each mutant; 4 if it ended before all were that are not proved equivalent."""
    budget, number = seconds_option(seconds), seed_option(seed)
    reference = compiled_or_not(variant_option(variant), compiles)
    interrupts, processes = Interrupts(), workers_option(workers)
    with interrupts.caught():
        verdicts = hunt_mutants(budget, number, processes, mutants_of(reference), say_on_stderr, interrupts, reference)
    print_table(verdicts)
    print_matrix(verdicts)
    survivors = [v.mutant.name for v in verdicts if not v.killed and not v.mutant.proof]
    equivalent = [{"name": v.mutant.name, "proof": v.mutant.proof} for v in verdicts if v.mutant.proof]
    killed = sum(v.killed for v in verdicts)
    print(f"{killed} of {len(verdicts)} killed, {len(equivalent)} equivalent, {len(survivors)} open, seed {number}")
    exit_status = INCONCLUSIVE if survivors else CLEAN
    if as_json:
        row = {
            "killed": killed, "total": len(verdicts), "equivalent": equivalent, "survivors": survivors,
            "interrupted": interrupts.seen, "exit": exit_status,
        }  # fmt: skip
        print(json.dumps(row, sort_keys=True))
    return exit_status


def print_table(verdicts: list[Verdict]) -> None:
    """One line a mutant."""
    for verdict in verdicts:
        mutant = verdict.mutant
        if verdict.killed:
            fate = f"killed in {verdict.cases} cases, {verdict.seconds:.2f} s: {' '.join(ordered(verdict))}"
        elif mutant.proof:
            fate = "equivalent: " + mutant.proof
        else:
            fate = f"open after {verdict.cases} cases"
        print(f"{mutant.name:18} {mutant.alters}: {mutant.what}\n{'':18} {fate}")


def ordered(verdict: Verdict) -> list[str]:
    """The invariants that a mutant broke, in the engine's order."""
    return [name for name in INVARIANT_NAMES if name in verdict.broken]


def print_matrix(verdicts: list[Verdict]) -> None:
    """Invariant by mutants: how many each kills, and those that it alone kills."""
    print("\nInvariant  kills  alone")
    for name in INVARIANT_NAMES:
        kills = [v for v in verdicts if name in v.broken]
        alone = [v.mutant.name for v in kills if len(v.broken) == 1]
        print(f"{name:9} {len(kills):6}  {', '.join(alone) or '-'}")
    print()
