"""`percpu-fuzz run`."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from percpu_fuzz.engine.own.engines import plain_engine
from percpu_fuzz.fuzz.campaign.campaign import run_campaign
from percpu_fuzz.fuzz.campaign.ending import Result
from percpu_fuzz.fuzz.campaign.loop import LINE_SECONDS, WATCHED_SECONDS, Lines, View
from percpu_fuzz.fuzz.campaign.session import plan_of
from percpu_fuzz.fuzz.command_line import resumed, run_options
from percpu_fuzz.fuzz.configuration import PREFIX, effective, found_file, from_environment
from percpu_fuzz.fuzz.interrupts import Interrupts
from percpu_fuzz.fuzz.output.folder import new_folder
from percpu_fuzz.fuzz.output.streams import say_on_stderr
from percpu_fuzz.fuzz.progress import be_quiet, is_for_a_person, working
from percpu_fuzz.fuzz.settings import DRAWN, SETTINGS, RunOptions
from percpu_fuzz.fuzz.store.reading import read_given

NO_FILE = Path("none")
SHORT = {"quiet": ("-q",), "verbose": ("-v",)}


OPTION_GROUPS = {
    "What is drawn": tuple(name for name, setting in SETTINGS.items() if setting.kind is DRAWN),
    "Where it goes": ("out", "resume", "force", "config", "profile", "log", "log_level", "report"),
    "What is shown": ("full", "json", "plain", "quiet", "verbose"),
}  # all others: how it runs on this machine
OTHER_OPTIONS = "How it runs here"
METAVARS = {
    "variant": "NAME|FILE.py:NAME", "topology": "NAME|FILE", "families": "LIST", "weights": "LIST|FILE",
    "cases": "NUMBER", "time": "DURATION", "seed": "NUMBER", "hunt": "SHARE", "scheduler": "NAME|FILE.py:NAME",
    "faults": "LIST", "calibration": "NAME|FILE", "learning": "on|off", "shard": "I/N", "stop": "EXPRESSION",
    "explored": "FOLDERS", "workers": "NUMBER", "batch_seconds": "DURATION", "worker_memory": "SIZE", "report": "LIST",
    "log_level": "LEVEL", "start_method": "NAME", "log": "FILE", "cluster": "ADDRESS|none", "out": "FOLDER",
    "resume": "FOLDER", "config": "FILE|none", "profile": "NAME",
}  # fmt: skip


class RunHelp(click.Command):
    """Its options by what they are about."""

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """A section a group; options that no group names are in the one of the machine."""
        named = {name: title for title, names in OPTION_GROUPS.items() for name in names}
        rows: dict[str, list[tuple[str, str]]] = {title: [] for title in (*OPTION_GROUPS, OTHER_OPTIONS)}
        for parameter in self.get_params(context):
            record = parameter.get_help_record(context)
            if record is not None and parameter.name != "help":
                rows[named.get(str(parameter.name), OTHER_OPTIONS)].append(record)
        for title, found in rows.items():
            with formatter.section(title):
                formatter.write_dl(found)


def every_setting(command: Callable[..., int]) -> Callable[..., int]:
    """The options of the table, as click takes them: as text, whatever they are."""
    for name, setting in reversed(SETTINGS.items()):
        flags = (*SHORT.get(name, ()), setting.flag)
        kind = {"is_flag": True} if setting.switch else {"metavar": METAVARS.get(name)}
        command = click.option(*flags, name, help=setting.help_text, **kind)(command)
    return command


@click.command(cls=RunHelp)
@every_setting
def run_command(**given: Any) -> int:
    """Check the options, run or resume the campaign, print the report; the exit status."""
    typed = {name: "on" if value is True else value for name, value in given.items() if value not in (None, False)}
    if "quiet" in typed:
        be_quiet()
    texts = in_force(typed)
    if "resume" in texts:
        texts = resumed(read_given(SETTINGS["resume"].value(texts)), texts)
    with working("reading options, drawing up the plan"):
        options = run_options(texts)
        plan = plan_of(options)  # before the folder is made: what is refused leaves nothing behind
    interrupts = Interrupts()
    with interrupts.caught(), contextlib.ExitStack() as stack:
        out, lock = options.resume, None
        if out is None:
            out = options.out or default_folder(options)
            lock = stack.enter_context(new_folder(out, "--out"))
        stack.enter_context(plain_engine(options.plain_engine))
        result = run_campaign(options, plan, out, say_on_stderr, view_of(options), interrupts, lock)
        return print_result(result, options.as_json, options.full)


def in_force(typed: Mapping[str, str]) -> dict[str, str]:
    """What is typed, over variables, over a file and its profile; a file that lies here is taken, and that is said.

    A campaign that goes on has its own options: only what is typed, or named by --config, changes them.
    """
    asked, profile = SETTINGS["config"].value(typed), SETTINGS["profile"].value(typed)
    config = None if asked == NO_FILE else asked
    if "resume" in typed:
        return effective(typed, config, profile)
    if asked is None and (here := found_file(Path())) is not None:
        config = here
        say_on_stderr(f"percpu-fuzz: options of ./{here}; --config none leaves them out")
    variables = from_environment(os.environ)
    if variables:
        said = ", ".join(f"{PREFIX}{name.upper()}={text}" for name, text in variables.items())
        say_on_stderr(f"percpu-fuzz: options of variables: {said}")
    return effective({**variables, **typed}, config, profile)


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
    """A screen for a person at a terminal, plain lines elsewhere; nothing for who wants it quiet."""
    if options.quiet:
        return View()
    if options.plain or not is_for_a_person(sys.stderr):
        return Lines(say_on_stderr, WATCHED_SECONDS if is_for_a_person(sys.stderr) else LINE_SECONDS)
    asked = [f"{options.seconds:g} s"] if options.seconds is not None else []
    asked += [f"{options.cases:,} cases"] if options.cases is not None else []
    asked += [options.stop] if options.stop is not None else []
    from percpu_fuzz.fuzz.campaign.screen import Screen  # rich, for a terminal alone

    return Screen(f"percpu-fuzz: {options.variant.name}, seed {options.seed}", " or ".join(asked))


def default_folder(options: RunOptions) -> Path:
    """Where a new campaign goes if nobody says."""
    safe = options.variant.name.replace("/", "_").replace(":", "_")
    return Path(f"out/{time.strftime('%Y%m%dT%H%M%S')}-{safe}-{options.seed}")
