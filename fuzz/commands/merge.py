"""`percpu-fuzz merge`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from engine.errors import InputError
from fuzz.campaign import BROKEN, Campaigning, finish, plan_of, say_on_stderr
from fuzz.commands.run import run_options
from fuzz.desk import Desk, Limits
from fuzz.merging import Merged, merge
from fuzz.options import out_option
from fuzz.resuming import Earlier
from fuzz.runner import Ran
from fuzz.schedule import STREAMS
from fuzz.store import Store


def merge_command(folders: tuple[str, ...], output: str, as_json: bool) -> int:
    """Join campaigns and report on the whole; 3 if two of them hold different rows of one batch."""
    if len({Path(folder).resolve() for folder in folders}) != len(folders):
        raise InputError("merge", ", ".join(folders), "folders that differ")
    out = out_option(output, output, "--output")
    store, refused = Store(out / "campaign.db"), False
    try:
        merged = merge([Path(folder) for folder in folders], store)
        for folder, batches in merged.batches.items():
            print(f"{folder}: {batches} batches")
        if merged.differing:
            first = "; ".join(merged.differing[:5])
            say_on_stderr(f"percpu-fuzz: harness broken: {len(merged.differing)} batches do not repeat: {first}")
            return BROKEN
        return report(merged, store, out, as_json)
    except InputError:
        refused = True
        raise
    finally:
        store.close()
        if refused:
            store.path.unlink()


def report(merged: Merged, store: Store, out: Path, as_json: bool) -> int:
    """Findings and reports of the joined campaign."""
    options = replace(run_options(merged.given), cases=None, seconds=None)
    plan = plan_of(options)
    desk = Desk(plan, store, Limits(None, None, options.hunt, options.workers))  # takes in what was learnt
    prefix = desk.prefix()
    held, used = sum(len(desk.back[stream]) for stream in STREAMS), prefix.measurement + prefix.hunting
    behind = f"; {held - used} lie behind a gap and wait for what is missing" if held != used else ""
    print(f"together {used} batches from the first on, {merged.duplicates} of them more than once{behind}")
    session = Campaigning(options, plan, out, store, Earlier(merged.seconds, merged.failed))
    result = finish(session, Ran(prefix, "merge", (), merged.seconds))
    print(result.text, end="")
    if result.broken is not None:
        say_on_stderr(f"percpu-fuzz: harness broken: {result.broken}")
    if as_json:
        print(json.dumps(result.contract, sort_keys=True))
    return result.exit_status
