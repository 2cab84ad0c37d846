"""`percpu-fuzz run`."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from fuzz import options as opt
from fuzz.campaign import plan_of, run_campaign, say_on_stderr

CASES_MAX = 10**15


def run_command(given: Mapping[str, str | bool | None]) -> int:
    """Check the options, run the campaign, print the report; the exit status."""
    options = run_options(given)
    plan = plan_of(options)  # before the folder is made: what is refused leaves nothing behind
    safe = options.variant.name.replace("/", "_").replace(":", "_")
    stamp = time.strftime("%Y%m%dT%H%M%S")
    out = opt.out_option(_text(given, "out"), f"out/{stamp}-{safe}-{options.seed}")
    result = run_campaign(options, plan, out, say_on_stderr)
    print(result.text, end="")
    if result.broken is not None:
        say_on_stderr(f"percpu-fuzz: harness broken: {result.broken}")
    if given["as_json"]:
        print(json.dumps(result.contract, sort_keys=True))
    return result.exit_status


def run_options(given: Mapping[str, str | bool | None]) -> opt.RunOptions:
    """The options as a frozen value; InputError names the one that is refused."""
    topology = _text(given, "topology")
    cases = opt.number_option(_text(given, "cases"), "--cases", 1, CASES_MAX)
    seconds = opt.seconds_option(_text(given, "seconds"))
    if cases is None and seconds is None:
        seconds = opt.DEFAULT_SECONDS
    faults = tuple(name.strip() for name in (_text(given, "faults") or "").split(",") if name.strip())
    options = opt.RunOptions(
        variant=opt.variant_option(_text(given, "variant") or ""),
        seed=opt.seed_option(_text(given, "seed")),
        topology=None if topology is None else opt.topology_option(topology),
        seconds=seconds,
        cases=cases,
        workers=opt.workers_option(_text(given, "workers")),
        scheduler=_text(given, "scheduler") or "",
        hunt=opt.hunt_option(_text(given, "hunt") or ""),
        faults=faults,
    )
    return replace(options, command=command_of(options, given))


def command_of(options: opt.RunOptions, given: Mapping[str, str | bool | None]) -> str:
    """The line that repeats the campaign: what was typed, with the seed that was drawn."""
    words = ["percpu-fuzz", "run", "--variant", str(given["variant"])]
    if given["topology"] is not None:
        words += ["--topology", str(given["topology"])]
    if options.cases is not None:
        words += ["--cases", str(options.cases)]
    if options.seconds is not None:
        words += ["--time", f"{options.seconds:g}"]
    words += ["--seed", str(options.seed)]
    if options.hunt != Fraction(1, 2):
        words += ["--hunt", str(given["hunt"])]
    if options.scheduler != opt.DEFAULT_SCHEDULER:
        words += ["--scheduler", options.scheduler]
    if options.faults:
        words += ["--faults", ",".join(options.faults)]
    return shlex.join(words)


def _text(given: Mapping[str, str | bool | None], name: str) -> str | None:
    value = given[name]
    assert not isinstance(value, bool)
    return value
