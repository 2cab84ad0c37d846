"""`percpu-fuzz merge`."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.fuzz.campaign.dispatcher import Dispatcher, Limits
from percpu_fuzz.fuzz.campaign.ending import finish
from percpu_fuzz.fuzz.campaign.loop import Ran
from percpu_fuzz.fuzz.campaign.session import Session, plan_of
from percpu_fuzz.fuzz.command_line import run_options, typed_again, whole_of
from percpu_fuzz.fuzz.commands.run import print_result
from percpu_fuzz.fuzz.commands.shared import json_flag
from percpu_fuzz.fuzz.errors import BROKEN
from percpu_fuzz.fuzz.options import path_option
from percpu_fuzz.fuzz.output.folder import Lock, new_folder
from percpu_fuzz.fuzz.output.streams import say_on_stderr
from percpu_fuzz.fuzz.progress import working
from percpu_fuzz.fuzz.settings import SETTINGS, RunOptions
from percpu_fuzz.fuzz.store.merging import Merged, Part, merge_parts, parts_of
from percpu_fuzz.fuzz.store.reading import damage_refused
from percpu_fuzz.fuzz.store.resuming import EarlierSessions
from percpu_fuzz.fuzz.store.store import Store
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.plan import Plan


@click.command()
@click.argument("folders", nargs=-1, required=True)
@click.option("-o", "--output", required=True, help="Folder of the joined campaign, new or empty.")
@click.option("--variant", help="Once more what the campaign was run with, if it is FILE.py:NAME.")
@click.option("--scheduler", help="The same of its scheduler.")
@json_flag
def merge_command(folders: tuple[str, ...], output: str, as_json: bool, **typed: Any) -> int:
    """Join campaigns and report on the whole; 3 if two of them hold different rows of one batch.

    typed: --variant and --scheduler, which a campaign with code of a file needs once more.
    """
    if len({Path(folder).resolve() for folder in folders}) != len(folders):
        raise InputError("merge", ", ".join(folders), "folders that differ")
    out = path_option(output, "--output")
    with contextlib.ExitStack() as stack:
        parts = parts_of([Path(folder) for folder in folders], stack)
        given = whole_of(parts[0].meta["given"])
        typed_again(given, typed, folders[0])
        for name, text in typed.items():
            if text not in (None, stored := given.get(name, SETTINGS[name].default)):
                raise InputError(f"--{name}", repr(text), f"{stored!r}, as in the folders")
        options = replace(run_options(given), cases=None, seconds=None)
        plan = plan_of(options)  # before the folder is made: what is refused leaves nothing behind
        with new_folder(out, "--output") as lock:
            return joined(parts, given, options, plan, out, lock, as_json)


def joined(
    parts: Sequence[Part], given: Mapping[str, str], options: RunOptions, plan: Plan, out: Path, lock: Lock,
    as_json: bool,
) -> int:  # fmt: skip
    """The parts in a new store, and the report on it."""
    store = Store(out / "campaign.db", lock)
    try:
        with working("joining batches"):
            merged = merge_parts(parts, given, store)
        for folder, held in merged.batches.items():
            print(f"{folder}: {batches(held)}")
        for batch in sorted(merged.run_elsewhere):
            print(f"{batch} was given up in one folder and run in another: its cases count")
        if merged.differing:
            first = "; ".join(merged.differing[:5])
            amiss = f"{batches(len(merged.differing))} {'does' if len(merged.differing) == 1 else 'do'} not repeat"
            say_on_stderr(f"percpu-fuzz: harness broken: {amiss}: {first}")
            return BROKEN
        return report_whole(merged, options, plan, store, out, as_json)
    finally:
        store.close()


def report_whole(merged: Merged, options: RunOptions, plan: Plan, store: Store, out: Path, as_json: bool) -> int:
    """Findings and reports of the joined campaign."""
    whole = Batches(plan)
    with damage_refused(store.path):  # it takes in what was learnt
        dispatcher = Dispatcher(whole, store, Limits(None, None, options.hunt, options.workers))
    prefix = dispatcher.prefix()
    held, used = sum(len(dispatcher.back[stream]) for stream in STREAMS), prefix.measurement + prefix.hunting
    behind = f"; {held - used} lie behind a gap and wait for what is missing" if held != used else ""
    print(f"together {batches(used)} from the first on, {merged.duplicates} of them more than once{behind}")
    session = Session(options, whole, out, store, EarlierSessions(merged.seconds))
    with damage_refused(store.path):
        result = finish(session, Ran(prefix, "merge", merged.seconds))
    return print_result(result, as_json, options.full)


def batches(number: int) -> str:
    """1 batch, 2,000 batches."""
    return f"{number:,} batch{'' if number == 1 else 'es'}"
