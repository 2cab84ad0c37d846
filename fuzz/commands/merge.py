"""`percpu-fuzz merge`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.fuzz.campaign.campaign import BROKEN, Campaigning, finish, plan_of, say_on_stderr
from percpu_fuzz.fuzz.campaign.dispatcher import Desk, Limits
from percpu_fuzz.fuzz.campaign.loop import Ran
from percpu_fuzz.fuzz.command_line import DEFAULTS
from percpu_fuzz.fuzz.commands.run import run_options
from percpu_fuzz.fuzz.files import nothing_left_if_refused
from percpu_fuzz.fuzz.options import RunOptions, filled, out_option
from percpu_fuzz.fuzz.store.merging import Merged, Part, merge, parts_of, whole_of
from percpu_fuzz.fuzz.store.resuming import Earlier
from percpu_fuzz.fuzz.store.store import Store
from percpu_fuzz.fuzz.typed_code import typed_again
from percpu_fuzz.fuzz.words import batches
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.plan import Plan as CasePlan


def merge_command(folders: tuple[str, ...], output: str, as_json: bool, typed: Mapping[str, str | None]) -> int:
    """Join campaigns and report on the whole; 3 if two of them hold different rows of one batch.

    typed: --variant and --scheduler, which a campaign with code of a file needs once more.
    """
    if len({Path(folder).resolve() for folder in folders}) != len(folders):
        raise InputError("merge", ", ".join(folders), "folders that differ")
    out = Path(filled(output, "--output"))
    with contextlib.ExitStack() as stack:
        parts = parts_of([Path(folder) for folder in folders], stack)
        given = whole_of(parts[0].meta["given"])
        typed_again(given, typed, folders[0])
        for name, text in typed.items():
            if text not in (None, given.get(name, DEFAULTS[name])):
                raise InputError(f"--{name}", repr(text), repr(given.get(name, DEFAULTS[name])) + ", as in the folders")
        options = replace(run_options(given), cases=None, seconds=None)
        plan = plan_of(options)  # before the folder is made: what is refused leaves nothing behind
        with nothing_left_if_refused(out):
            return joined(parts, given, options, plan, out_option(output, output, "--output"), as_json)


def joined(
    parts: Sequence[Part], given: Mapping[str, str], options: RunOptions, plan: CasePlan, out: Path, as_json: bool
) -> int:
    """The parts in a new store, and the report on it."""
    store = Store(out / "campaign.db")
    try:
        merged = merge(parts, given, store)
        for folder, held in merged.batches.items():
            print(f"{folder}: {batches(held)}")
        for batch in sorted(merged.run_elsewhere):
            print(f"{batch} was given up in one folder and run in another: its cases count")
        if merged.differing:
            first = "; ".join(merged.differing[:5])
            amiss = f"{batches(len(merged.differing))} {'does' if len(merged.differing) == 1 else 'do'} not repeat"
            say_on_stderr(f"percpu-fuzz: harness broken: {amiss}: {first}")
            return BROKEN
        return report(merged, options, plan, store, out, as_json)
    finally:
        store.close()


def report(merged: Merged, options: RunOptions, plan: CasePlan, store: Store, out: Path, as_json: bool) -> int:
    """Findings and reports of the joined campaign."""
    made = Batches(plan)
    desk = Desk(made, store, Limits(None, None, options.hunt, options.workers))  # takes in what was learnt
    prefix = desk.prefix()
    held, used = sum(len(desk.back[stream]) for stream in STREAMS), prefix.measurement + prefix.hunting
    behind = f"; {held - used} lie behind a gap and wait for what is missing" if held != used else ""
    print(f"together {batches(used)} from the first on, {merged.duplicates} of them more than once{behind}")
    session = Campaigning(options, made, out, store, Earlier(merged.seconds))
    result = finish(session, Ran(prefix, "merge", merged.seconds))
    print(result.text, end="")
    if result.broken is not None:
        say_on_stderr(f"percpu-fuzz: harness broken: {result.broken}")
    if as_json:
        print(json.dumps(result.contract, sort_keys=True))
    return result.exit_status
