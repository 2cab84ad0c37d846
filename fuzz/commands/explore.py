"""`percpu-fuzz explore`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.scenario import load_finding
from percpu_fuzz.fuzz.campaign.exploration import ExploreOptions, prepare, run_exploration
from percpu_fuzz.fuzz.commands.shared import json_flag
from percpu_fuzz.fuzz.files import utf8, write_json, write_whole
from percpu_fuzz.fuzz.interrupts import Interrupts
from percpu_fuzz.fuzz.options import number_option, path_option, seconds_option, variant_option
from percpu_fuzz.fuzz.output.folder import new_folder
from percpu_fuzz.fuzz.output.streams import say_on_stderr
from percpu_fuzz.fuzz.progress import working
from percpu_fuzz.reports.render.text import page_text
from percpu_fuzz.reports.sections.explored import explored_page
from percpu_fuzz.strategies.explore.precharge import formula_lines
from percpu_fuzz.strategies.explore.scopes import (
    LETTERS,
    NODES_MOST,
    OPS_MOST,
    SCOPES,
    TASKS_MOST,
    Scope,
    every_program,
    shipped_scope,
)
from percpu_fuzz.strategies.explore.search import REDUCTIONS
from percpu_fuzz.strategies.explore.world import engine_world
from percpu_fuzz.strategies.reading import read_bytes

GivenScope = Mapping[str, Any]  # text, a flag, or None
SCOPE_FILES = ("scope.json", "scope.txt")
STATES_MOST = 500_000_000
PROGRAMS_MOST = 100_000


@click.command()
@click.option("--variant", default="v2", show_default=True, help="Accounting to explore: a name or FILE.py:NAME.")
@click.option("--scope", help="A shipped scope, or a scenario file whose schedule is not looked at.")
@click.option("--list", "listed", is_flag=True, help="List the shipped scopes.")
@click.option("--precharge", is_flag=True, help="Precharge formulas over every placement of small areas, instead.")
@click.option("--nodes", help="Without --scope: every program on so many nodes, [default: 2]")
@click.option("--tasks", help="... of so many tasks, [default: 2]")
@click.option("--ops", help="... with so many operations each, [default: 1]")
@click.option("--alphabet", help="... out of these. [default: alloc,free,drain,rmdir,limit]")
@click.option("--reduction", help="none, sleep, hash or both. [default: hash]")
@click.option("--shortest", is_flag=True, help="Breadth first: each violation by as few steps as can be.")
@click.option("--max-states", "states", default="10000000", show_default=True, help="Stop when so many are stored.")
@click.option("--time", "seconds", default="60", show_default=True, help="Budget in seconds.")
@click.option("-o", "--output", help="Folder, new or empty. [default: out/<timestamp>-explore-<scope>]")
@json_flag
def explore_command(**given: Any) -> int:
    """Explore a scope, print and store what was completed; the exit status."""
    if given["listed"]:
        for scope in SCOPES.values():
            print(f"{scope.name:12} {scope.words}")
        return 0
    if given["precharge"]:
        print(*formula_lines(), sep="\n")
        return 0
    options = explore_options(given)
    engine_world(next(options.scope.scenarios()), options.variant)  # refuses what is too large before anything is made
    stamp = time.strftime("%Y%m%dT%H%M%S")
    named = f"out/{stamp}-explore-{options.scope.name}" if given["output"] is None else given["output"]
    out = path_option(named, "--output")
    interrupts = Interrupts()
    with interrupts.caught(), new_folder(out, "--output", SCOPE_FILES):
        start = time.perf_counter()
        with working("loading the search"), interrupts.left_at_once():
            prepare(options.variant, say_on_stderr)
        say_on_stderr(f"compiled or loaded in {time.perf_counter() - start:.1f} s, output in {out}")
        with working(f"exploring {options.scope.name}: programs") as sign:
            row = run_exploration(options, out, interrupts, seen=sign.at)
        text = page_text(explored_page(row))
        write_json(out / "scope.json", row)
        write_whole(out / "scope.txt", utf8(text))
    print(text, end="")
    print(f"stored in {out}")
    if given["as_json"]:
        print(json.dumps(row, sort_keys=True))
    return int(row["exit"])


def explore_options(given: GivenScope) -> ExploreOptions:
    """The options as a frozen value; InputError names the one that is refused."""
    reduction = given["reduction"]
    if reduction is not None and reduction not in REDUCTIONS:
        raise InputError("--reduction", repr(reduction), ", ".join(REDUCTIONS))
    if reduction is not None and given["shortest"]:
        raise InputError("--reduction", f"{reduction} with --shortest", "one of the two: --shortest stores every state")
    return ExploreOptions(
        variant=variant_option(given["variant"]),
        scope=scope_option(given),
        reduction=reduction or "hash",
        shortest=bool(given["shortest"]),
        most_states=number_option(given["states"], "--max-states", 1, STATES_MOST) or 0,
        seconds=seconds_option(given["seconds"]),
    )


def scope_option(given: GivenScope) -> Scope:
    """A shipped scope, a scenario file, or every program of a given shape."""
    name = given["scope"]
    shape = [option for option in ("nodes", "tasks", "ops", "alphabet") if given[option] is not None]
    if name is None:
        return shaped_scope(given)
    if shape:
        raise InputError(f"--{shape[0]}", "given with --scope", "one of the two")
    if name in SCOPES or not Path(name).exists():
        return shipped_scope(name)
    scenario = load_finding(read_bytes(Path(name)), name).scenario
    return Scope(Path(name).stem, f"the program of {Path(name).name}", scenario.topology, (scenario.program,))


def shaped_scope(given: GivenScope) -> Scope:
    """Every program of --tasks tasks with --ops operations each out of --alphabet, on --nodes nodes."""
    nodes = number_option(given["nodes"], "--nodes", 1, NODES_MOST) or 2
    tasks = number_option(given["tasks"], "--tasks", 1, TASKS_MOST) or 2
    ops = number_option(given["ops"], "--ops", 1, OPS_MOST) or 1
    alphabet = given["alphabet"]
    letters = LETTERS if alphabet is None else tuple(dict.fromkeys(alphabet.split(",")))
    for letter in letters:
        if letter not in LETTERS:
            raise InputError("--alphabet", repr(letter), ", ".join(LETTERS))
    programs = len(letters) ** (tasks * ops)
    if programs > PROGRAMS_MOST:
        raise InputError("--ops", f"{programs} programs", f"at most {PROGRAMS_MOST}; take less of --alphabet")
    return every_program(nodes, tasks, ops, letters)
