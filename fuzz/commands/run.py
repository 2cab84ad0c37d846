"""`percpu-fuzz run`."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz import options as opt
from percpu_fuzz.fuzz.campaign.campaign import Result, plan_of, run_campaign, say_on_stderr
from percpu_fuzz.fuzz.campaign.hands import Bounds
from percpu_fuzz.fuzz.campaign.loop import Lines, View
from percpu_fuzz.fuzz.command_line import BUDGET, DEFAULTS, DRAWN, KEPT, command_of, flag
from percpu_fuzz.fuzz.configuration import effective
from percpu_fuzz.fuzz.files import nothing_left_if_refused
from percpu_fuzz.fuzz.interrupts import Interrupts
from percpu_fuzz.fuzz.store.reading import read_given
from percpu_fuzz.fuzz.typed_code import typed_again
from percpu_fuzz.strategies.draw.calibration import find_calibration

Given = Mapping[str, str | bool | None]
PATHS = ("config", "profile", "resume", "out")  # named on the command line only
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
MEMORY_LEAST, MEMORY_MOST = 64 << 20, 1 << 50


def run_command(given: Given) -> int:
    """Check the options, run or resume the campaign, print the report; the exit status."""
    words = {name: opt.filled(str(given[name]), flag(name)) for name in PATHS if given[name] is not None}
    typed = {name: str(value) for name, value in given.items() if name in KEPT and value is not None}
    config = Path(words["config"]) if "config" in words else None
    typed = effective(typed, KEPT, config, words.get("profile"))
    resumed = words.get("resume")
    if given["force"] and resumed is None:
        raise InputError("--force", "without --resume", "--resume DIR beside it")
    if resumed is not None:
        typed = resumed_options(Path(resumed), typed, bool(given["force"]))
        if "out" in words:
            raise InputError("--out", repr(words["out"]), "nothing beside --resume, which goes on in its own folder")
    options = replace(run_options(typed), force=bool(given["force"]))
    plan = plan_of(options)  # before the folder is made: what is refused leaves nothing behind
    interrupts = Interrupts()
    out = Path(resumed) if resumed is not None else output_folder(words.get("out"), options)
    with interrupts.caught(), nothing_left_if_refused(out):
        if resumed is None:
            opt.out_option(str(out), "")
        result = run_campaign(options, plan, out, say_on_stderr, view_of(given, options), interrupts)
        return told(result, given)


def told(result: Result, given: Given) -> int:
    """The report on standard output, what broke on standard error; the exit status."""
    print(result.text, end="")
    if result.broken is not None:
        say_on_stderr(f"percpu-fuzz: harness broken: {result.broken}")
    if given["as_json"]:
        print(json.dumps(result.contract, sort_keys=True))
    return result.exit_status


def view_of(given: Given, options: opt.RunOptions) -> View:
    """A screen for a person at a terminal, plain lines elsewhere."""
    from percpu_fuzz.fuzz.campaign.screen import Screen, is_for_a_person

    if given["plain"] or not is_for_a_person(sys.stderr):
        return Lines(say_on_stderr)
    asked = [f"{options.seconds:g} s"] if options.seconds is not None else []
    asked += [f"{options.cases:,} cases"] if options.cases is not None else []
    asked += [options.stop] if options.stop is not None else []
    return Screen(f"percpu-fuzz: {options.variant.name}, seed {options.seed}", " or ".join(asked))


def output_folder(typed: str | None, options: opt.RunOptions) -> Path:
    """The new folder of a new campaign; it is not made yet."""
    safe = options.variant.name.replace("/", "_").replace(":", "_")
    return Path(typed or f"out/{time.strftime('%Y%m%dT%H%M%S')}-{safe}-{options.seed}")


def resumed_options(folder: Path, typed: Mapping[str, str], force: bool) -> dict[str, str]:
    """The options of the campaign in a folder, with what may be given anew. InputError for another configuration."""
    stored = read_given(folder)
    typed_again(stored, typed, "--resume")
    changed = [
        f"{flag(name)} {stored.get(name, DEFAULTS.get(name, 'not given'))!r} then, {text!r} now"
        for name, text in typed.items()
        if name in DRAWN and name not in BUDGET and text != stored.get(name, DEFAULTS.get(name))
    ]
    if changed and not force:
        raise InputError("--resume", "; ".join(changed), "the configuration of the campaign, or --force")
    if "cases" in typed or "time" in typed:  # a new budget takes the place of the whole old one
        stored = {name: text for name, text in stored.items() if name not in ("cases", "time")}
    return {**stored, **typed}


def run_options(typed: Mapping[str, str]) -> opt.RunOptions:
    """The options as a frozen value; InputError names the one that is refused."""
    given = {**DEFAULTS, **typed}
    cases = opt.number_option(typed.get("cases"), "--cases", 1, opt.CASES_MAX)
    seconds = opt.seconds_option(typed.get("time"))
    if cases is None and seconds is None:
        seconds = opt.DEFAULT_SECONDS
    topology = typed.get("topology")
    variant, seed = opt.variant_option(given["variant"]), opt.seed_option(typed.get("seed"))
    batch_seconds = opt.seconds_option(given["batch_seconds"], "--batch-seconds")
    assert batch_seconds is not None
    memory = opt.size_option(given["worker_memory"], "--worker-memory", MEMORY_LEAST, MEMORY_MOST)
    budget = {"cases": None if cases is None else str(cases), "time": None if seconds is None else f"{seconds:g}"}
    kept = {name: text for name, text in {**typed, **budget, "seed": str(seed)}.items() if text is not None}
    return opt.RunOptions(
        variant=variant,
        seed=seed,
        topology=None if topology is None else opt.topology_option(topology),
        seconds=seconds,
        cases=cases,
        workers=opt.workers_option(typed.get("workers")),
        scheduler=given["scheduler"],
        hunt=opt.hunt_option(given["hunt"]),
        faults=opt.faults_option(given["faults"]),
        command=command_of(kept),
        given=kept,
        learning=opt.choice_option(given["learning"], "--learning", ("on", "off")) == "on",
        shard=opt.shard_option(typed.get("shard"), typed.get("learning")),
        stop=opt.stop_option(typed.get("stop")),
        reports=opt.formats_option(typed.get("report")),
        log_file=opt.log_option(typed.get("log")),
        log_level=LEVELS[opt.choice_option(given["log_level"], "--log-level", tuple(LEVELS))],
        start_method=opt.choice_option(given["start_method"], "--start-method", ("fork", "spawn", "forkserver")),
        explored=None if "explored" not in typed else opt.filled(typed["explored"], "--explored"),
        calibration=find_calibration(given["calibration"]),
        cluster=opt.cluster_option(typed.get("cluster"), given["scheduler"]),
        bounds=Bounds(batch_seconds, memory),
    )
