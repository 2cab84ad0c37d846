"""`percpu-fuzz run`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from percpu_fuzz.fuzz.campaign.campaign import run_campaign
from percpu_fuzz.fuzz.campaign.ending import Result
from percpu_fuzz.fuzz.campaign.loop import LINE_SECONDS, WATCHED_SECONDS, Lines, View
from percpu_fuzz.fuzz.campaign.screen import Screen
from percpu_fuzz.fuzz.campaign.session import plan_of
from percpu_fuzz.fuzz.command_line import resumed, run_options
from percpu_fuzz.fuzz.commands.shared import say_on_stderr
from percpu_fuzz.fuzz.configuration import effective
from percpu_fuzz.fuzz.files import nothing_left_if_refused
from percpu_fuzz.fuzz.interrupts import Interrupts
from percpu_fuzz.fuzz.options import out_option
from percpu_fuzz.fuzz.progress import is_for_a_person
from percpu_fuzz.fuzz.settings import SETTINGS, RunOptions
from percpu_fuzz.fuzz.store.reading import read_given


def every_setting(command: Callable[..., int]) -> Callable[..., int]:
    """The options of the table, as click takes them: as text, whatever they are."""
    for name, setting in reversed(SETTINGS.items()):
        command = click.option(setting.flag, name, is_flag=setting.switch or None, help=setting.help_text)(command)
    return command


@click.command()
@every_setting
def run_command(**given: Any) -> int:
    """Check the options, run or resume the campaign, print the report; the exit status."""
    typed = {name: "on" if value is True else value for name, value in given.items() if value not in (None, False)}
    texts = effective(typed, SETTINGS["config"].value(typed), SETTINGS["profile"].value(typed))
    if "resume" in texts:
        texts = resumed(read_given(SETTINGS["resume"].value(texts)), texts)
    options = run_options(texts)
    plan = plan_of(options)  # before the folder is made: what is refused leaves nothing behind
    interrupts = Interrupts()
    out = options.resume or options.out or default_folder(options)
    with interrupts.caught(), nothing_left_if_refused(out):
        if options.resume is None:
            out_option(str(out), "")
        result = run_campaign(options, plan, out, say_on_stderr, view_of(options), interrupts)
        return print_result(result, options.as_json, options.full)


def print_result(result: Result, as_json: bool, full: bool) -> int:
    """What a campaign came to on standard output, what broke on standard error; the exit status.

    A person at a terminal gets the summary, unless the whole is asked for; a file or a pipe gets the whole report.
    """
    print(result.text if full or not is_for_a_person(sys.stdout) else result.summary, end="")
    if result.broken is not None:
        say_on_stderr(f"percpu-fuzz: harness broken: {result.broken}")
    if as_json:
        print(json.dumps(result.contract, sort_keys=True))
    return result.exit_status


def view_of(options: RunOptions) -> View:
    """A screen for a person at a terminal, plain lines elsewhere."""
    if options.plain or not is_for_a_person(sys.stderr):
        return Lines(say_on_stderr, WATCHED_SECONDS if is_for_a_person(sys.stderr) else LINE_SECONDS)
    asked = [f"{options.seconds:g} s"] if options.seconds is not None else []
    asked += [f"{options.cases:,} cases"] if options.cases is not None else []
    asked += [options.stop] if options.stop is not None else []
    return Screen(f"percpu-fuzz: {options.variant.name}, seed {options.seed}", " or ".join(asked))


def default_folder(options: RunOptions) -> Path:
    """Where a new campaign goes if nobody says."""
    safe = options.variant.name.replace("/", "_").replace(":", "_")
    return Path(f"out/{time.strftime('%Y%m%dT%H%M%S')}-{safe}-{options.seed}")
