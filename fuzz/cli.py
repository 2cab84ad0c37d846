"""percpu-fuzz: parses the command line, calls one function, returns an exit status. Errors are one line each.

A command's options and what it does stand in fuzz/commands/NAME.py, those of the group Tools in fuzz/commands/tools/.
The file is imported when the command is used.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sqlite3
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from percpu_fuzz.engine.core.compile_listeners import LISTENERS
from percpu_fuzz.engine.core.compiled import ROOT, cache_base
from percpu_fuzz.engine.core.marked_file import who_else_writes
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.errors import BAD_INPUT, BROKEN, HarnessError
from percpu_fuzz.fuzz.output.streams import say_on_stderr
from percpu_fuzz.fuzz.progress import be_quiet, note, working

COMPLETE, QUIET = "_PERCPU_FUZZ_COMPLETE", "PERCPU_FUZZ_QUIET"
NUMBA_CONFIG = ".numba_config.yaml"  # which numba reads wherever it is loaded
NO_ROOM = re.compile("map segment|allocate memory|start new thread")
OF_THE_PATH = {errno.ENAMETOOLONG: "names that the file system takes", errno.EACCES: "a path that this user may use"}
COMMAND_GROUPS: dict[str, dict[str, str]] = {
    "Campaigns": {
        "run": "Run a campaign and print what it came to.",
        "report": "Render a campaign's reports again from its store and print one; its exit status.",
        "compare": "Compare two campaigns: each figure's difference, and what would show a bug as fixed.",
        "merge": """Join the output folders of one campaign (--shard, or the same seed twice) and report on the whole.

        Exit status 3 if two of them hold different results of one batch.""",
    },
    "Findings": {
        "replay": "Replay a finding, or list those of a folder; exit status 1 if a violation shows.",
        "shrink": """Shrink a finding's machine, program, placement and schedule together; exit status 1: the violation
        shows.""",
        "regress": "Write a finding as a pytest file, after running it: red on its variant, green on fixed.",
        "handoff": """Print a finding as a mail: what breaks, a machine to try it on as QEMU arguments, the steps, the
        counters.""",
    },
    "Patches": {
        "variants": "List the accountings that the engine knows, or begin a patch of one's own: variants new FILE.py.",
        "diff": """Run the same cases on several variants and tell what a user would notice; exit status 1: something
        differs.""",
        "mutants": """Plant known mistakes in the reference and see which the invariants notice; exit status 4: one is
        still alive.""",
        "explore": "Explore every interleaving of small programs, and say which scope is complete.",
    },
    "Machines": {"topology": "Machines: show named ones, import real ones, export to QEMU, read percpu_stats."},
    "Recorded kernels": {
        "trace": """Run a recorded workload through a variant's hooks: waste, spurious failures, bytes amiss, pages by
        node.

        Exit status 1 if a row of memory.stat differs.""",
        "calibrate": """Fit what the measurement stream draws to recorded traces, and say how well it fits.

        placement.json and states.json beside a trace are used where they are.""",
        "fidelity": "Measure how far recorded runs and the model agree: rows, areas, pages, placement, failures.",
        "hooks": """Compare recorded hook arithmetic of a patched kernel with the engine's hooks; exit status 1 on a
        difference.""",
    },
    "Tools": {
        "snapshot-script": """Print a script for another machine: percpu bytes of every cgroup, for trace --states and
        fidelity; --archive: the whole machine in one file, for topology import and trace.""",
        "bench": """Measure what percpu-fuzz costs on this machine: start, step, search, bug, trace, reports, shrink,
        workers; exit status 1: slower than --against.""",
        "warm": "Compile the engine now, once for this code, instead of at the first run.",
        "convert": "Rewrite tracefs text as trace-cmd report or perf script print it.",
        "completion": "Print the lines that let a shell complete commands and options.",
        "man": "Print the manual page, as roff: percpu-fuzz man | man -l -",
    },
}
EXAMPLES = {
    "run": "percpu-fuzz run --variant v1 --time 20",
    "report": "percpu-fuzz report out/DIR --format mail",
    "compare": "percpu-fuzz compare out/DIR_A out/DIR_B",
    "merge": "percpu-fuzz merge a b c -o all",
    "replay": "percpu-fuzz replay tests/data/findings/v1-shortfall.json --lanes",
    "shrink": "percpu-fuzz shrink FILE --budget 10",
    "regress": "percpu-fuzz regress FILE -o tests/",
    "handoff": "percpu-fuzz handoff FILE",
    "variants": "percpu-fuzz variants new mine.py",
    "diff": "percpu-fuzz diff base v2 --time 60",
    "mutants": "percpu-fuzz mutants --time 2m",
    "explore": "percpu-fuzz explore --scope shortage",
    "topology": "percpu-fuzz topology show vm8",
    "trace": "percpu-fuzz trace percpu.trace --topology topology.json",
    "calibrate": "percpu-fuzz calibrate percpu.trace -o mine.json",
    "fidelity": "percpu-fuzz fidelity DIR",
    "hooks": "percpu-fuzz hooks FILE.jsonl.gz --variant v2",
    "snapshot-script": "percpu-fuzz snapshot-script --archive >machine.sh",
    "bench": "percpu-fuzz bench step search --json",
    "warm": "percpu-fuzz warm",
    "convert": "percpu-fuzz convert percpu.trace --to perf -o perf.txt",
    "completion": 'eval "$(percpu-fuzz completion bash)"',
    "man": "percpu-fuzz man > percpu-fuzz.1",
}
COMMANDS = {name: words for group in COMMAND_GROUPS.values() for name, words in group.items()}


def first_words(words: str) -> str:
    """The first sentence, without what is said of exit statuses."""
    return " ".join(words.split()).partition(". ")[0].partition("; ")[0].rstrip(".")


class Grouped(click.Group):
    """Commands by what they are about, each with a line of what it does and one that can be typed."""

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """A section a group."""
        for title, commands in COMMAND_GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name, first_words(words)) for name, words in commands.items()])
        with formatter.section("Examples"):
            for commands in COMMAND_GROUPS.values():
                formatter.write_text(EXAMPLES[next(iter(commands))])


class OnUse(click.Command):
    """A command by its name and help; NAME_command of its file takes its place when it is used."""

    def loaded(self) -> click.Command:
        """The command itself."""
        with working("loading"):
            place = "tools." if self.name in COMMAND_GROUPS["Tools"] else ""
            name = str(self.name).replace("-", "_")
            module = import_module(f"percpu_fuzz.fuzz.commands.{place}{name}")
        command: click.Command = getattr(module, f"{name}_command")
        command.help = self.help
        command.epilog = f"Example: {EXAMPLES[str(self.name)]}"
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the command itself, which click then invokes."""
        return self.loaded().make_context(info_name, args, parent, **extra)


def show_version(context: click.Context, _option: click.Parameter, given: bool) -> None:
    """Print the installed version and end; from a bare checkout there is none."""
    if given:
        from importlib.metadata import PackageNotFoundError, version  # slow to load

        try:
            click.echo(f"percpu-fuzz {version('percpu-fuzz')}")
        except PackageNotFoundError:
            click.echo("percpu-fuzz, not installed")
        context.exit()


@click.group(
    cls=Grouped,
    commands=[OnUse(name, help=words) for name, words in COMMANDS.items()],
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=False,
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=show_version, help="Print the version."
)
def cli() -> None:
    """Monte Carlo stress and fuzzing of percpu memory accounting: a model of the kernel's code, not a kernel.

    Exit status: 0 clean, 1 violation found, 2 bad usage or input, 3 harness broken, 4 inconclusive.
    """


def complain(message: str) -> None:
    """One line on standard error, whatever the message holds."""
    say_on_stderr(f"percpu-fuzz: {' '.join(message.split())}")


@contextmanager
def announcing(arguments: list[str]) -> Iterator[None]:
    """Say it once, when something begins to be compiled; what is in the cache takes no time."""
    command = next((word for word in arguments if word in COMMANDS), "")
    told: list[str] = []

    def tell_once(function: str) -> None:
        if not told and command != "warm":  # which says how far it is
            what = "the exhaustive search" if command == "explore" else f"what `{command}` runs of the engine"
            note(f"percpu-fuzz: compiling {what}, once for this code: half a minute to two minutes")
        told.append(function)

    LISTENERS.append(tell_once)
    try:
        yield
    finally:
        LISTENERS.remove(tell_once)


def invoke(arguments: list[str]) -> int | None:
    """The command's own status. Not click's main, which turns a broken pipe into exit status 1."""
    try:
        with announcing(arguments), cli.make_context("percpu-fuzz", arguments or ["--help"]) as context:
            status: int | None = cli.invoke(context)
    except click.exceptions.Exit as ended:  # --help, --version
        return ended.exit_code if arguments else BAD_INPUT  # nothing was run: 0 would read as a clean verdict
    except click.UsageError as error:
        if type(error).__name__ != "NoArgsIsHelpError":  # of a group without a command; click 8.1 has no such error
            raise
        print(error.format_message())
        return BAD_INPUT
    return status


def check_what_is_run() -> None:
    """InputError for what may bring code along that nobody typed.

    A cache of machine code into which somebody else may put a file; a current folder with settings of the compiler,
    which name modules to import.
    """
    if why := who_else_writes(cache_base(), ROOT):
        raise InputError("PERCPU_FUZZ_CACHE", why, "a folder in which only you, or root, can write")
    if os.path.lexists(NUMBA_CONFIG):
        raise InputError(NUMBA_CONFIG, "settings of numba in the current folder", "a folder without; NUMBA_ variables")


def call(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; its exit status."""
    if os.environ.get(QUIET):
        be_quiet()
    if COMPLETE in os.environ:  # a shell asks what could be typed here
        from click.shell_completion import shell_complete  # slow to load

        return shell_complete(cli, {}, "percpu-fuzz", COMPLETE, os.environ[COMPLETE])
    try:
        check_what_is_run()
        status = invoke(sys.argv[1:] if arguments is None else list(arguments))
        if sys.stdout is not None:  # None: it was closed before the start
            sys.stdout.flush()
    except InputError as error:
        complain(str(error))
        return BAD_INPUT
    except HarnessError as error:
        complain(f"harness broken: {error}")
        return BROKEN
    except click.ClickException as error:
        complain(error.format_message())
        return BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        complain("interrupted")
        return 128 + signal.SIGINT
    except BrokenPipeError:
        forget_output()
        return 128 + signal.SIGPIPE
    except (OSError, sqlite3.Error) as error:
        if isinstance(error, OSError) and error.errno in OF_THE_PATH and is_typed(str(error.filename), arguments):
            complain(f"{error.filename}: {error.strerror}; allowed: {OF_THE_PATH[error.errno]}")
            return BAD_INPUT
        forget_output()
        complain(f"harness broken: {error}")
        return BROKEN
    except Exception as error:  # a fault of ours must not read as a verdict: an exit status of 1 would
        fault = fault_in_typed_code(error, arguments)
        if fault is not None:
            complain(str(fault))
            return BAD_INPUT
        if not lacks_memory(error):
            say_on_stderr(traceback.format_exc().rstrip("\n"))
        why = "too little memory" if lacks_memory(error) else type(error).__name__
        complain(f"harness broken: {why}{f': {error}' if str(error) else ''}")
        return BROKEN
    return int(status or 0)


def fault_in_typed_code(error: Exception, arguments: Sequence[str] | None) -> InputError | None:
    """What a step, claim or checker of a file that was typed raised, with its line; None for any other exception."""
    typed = sys.argv[1:] if arguments is None else arguments
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.endswith(".py") and any(frame.filename in text for text in typed)
    ]
    if not frames:
        return None
    said = f"{frames[-1].name} raises {type(error).__name__}: {error}"
    return InputError(f"{frames[-1].filename}:{frames[-1].lineno}", said, "steps that end well in every case")


def lacks_memory(error: Exception) -> bool:
    """Whether it says that the system has no room for more, and not that we do it wrong."""
    is_told = isinstance(error, ImportError | RuntimeError) and NO_ROOM.search(str(error)) is not None
    return is_told or isinstance(error, MemoryError)


def is_typed(path: str, arguments: Sequence[str] | None) -> bool:
    """Whether a path is, or lies in, something that the command line names; others are none of the user's."""
    typed = [text.rpartition("=")[2] for text in (sys.argv[1:] if arguments is None else arguments)]  # --out=DIR too
    return any(text and Path(path).is_relative_to(text) for text in typed)


def forget_output() -> None:
    """Nobody takes standard output any more: what is left in its buffer must not fail again at exit."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
