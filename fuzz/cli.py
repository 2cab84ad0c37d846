"""percpu-fuzz: parses the command line, calls one function, returns an exit status. Errors are one line each."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.cli_recorded import COMMANDS
from percpu_fuzz.fuzz.errors import HarnessError

BAD_INPUT, BROKEN = 2, 3
OF_THE_PATH = {errno.ENAMETOOLONG: "names that the file system takes", errno.EACCES: "a path that this user may use"}
STOP_HELP = (
    "End once a criterion is met, or with exit status 4: FIGURE OP NUMBER [@ LEVEL], such as 'ci(p99 "
    "waste) < 0.5 @ 0.95' or 'rate(I1) < 1e-5'. Figures: mean of waste, share; p50, p90, p99, p999 of "
    "waste, share, rounding, misplaced, in_flight; rate(I1) and so on, rate(any) violation, rate(spurious"
    " h=4) with 4 pages of headroom. ci(FIGURE) is the width of its interval. Ops: <, <=, >, >=; an upper"
    " end must be below NUMBER, a lower end above it. The interval holds at every look."
)


def show_version(context: click.Context, _option: click.Parameter, given: bool) -> None:
    """Print the installed version and end; from a bare checkout there is none."""
    if given:
        from importlib.metadata import PackageNotFoundError, version

        try:
            click.echo(f"percpu-fuzz {version('percpu-fuzz')}")
        except PackageNotFoundError:
            click.echo("percpu-fuzz, not installed")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=False)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=show_version, help="Print the version."
)
def cli() -> None:
    """Monte Carlo stress and fuzzing of percpu memory accounting.

    Exit status: 0 clean, 1 violation found, 2 bad usage or input, 3 harness broken, 4 inconclusive.
    """


@cli.command()
@click.option("--variant", help="Accounting to run: a name or FILE.py:NAME. [default: v2]")
@click.option("--topology", help="One machine instead of the default families: a name or a file.")
@click.option("--time", help="Budget in seconds. [default: 60 unless --cases is given]")
@click.option("--cases", help="Budget in cases, both streams; with --time the first to be reached ends the run.")
@click.option("--seed", help="Whole number or commit hash. [default: drawn and printed]")
@click.option("--workers", help="Worker processes. [default: one for each usable CPU]")
@click.option(
    "--scheduler",
    help="Who steps next in the hunting stream: portfolio, random, pct, pos, urw, delay, preemption, round-robin or "
    "FILE.py:NAME. "
    "[default: portfolio]",
)
@click.option("--hunt", help="The hunting stream's share of the batches. [default: 0.5]")
@click.option(
    "--faults",
    help="Comma-separated: none, nested-refresh, or NAME=RATE of populate, node, create, charge, trylock, "
    "killed, no-space.",
)
@click.option(
    "--calibration",
    help="What the measurement stream draws: default, recorded, one of the recorded runs, or a file of calibrate. "
    "[default: default]",
)
@click.option("--stop", help=STOP_HELP)
@click.option("--learning", help="on: the hunting stream learns by epochs of 64 batches; off. [default: on]")
@click.option("--shard", help="I/N: part I of N of the campaign, without learning; merge joins the parts.")
@click.option("--batch-seconds", help="A worker that is at one batch for longer is killed. [default: 120]")
@click.option("--worker-memory", help="What a worker may allocate, such as 512M. [default: 2G]")
@click.option("--out", help="Output folder, new or empty. [default: out/<timestamp>-<variant>-<seed>]")
@click.option(
    "--resume",
    help="Go on with the campaign in this folder; --time and --cases count from its start. Code "
    "that it was run with (FILE.py:NAME) is run only if it is typed again.",
)
@click.option("--force", is_flag=True, help="Resume although configuration or code differ.")
@click.option("--log", help="Log file. [default: campaign.log in the output folder]")
@click.option("--log-level", help="debug, info, warning or error. [default: info]")
@click.option("--start-method", help="How workers start: fork, spawn or forkserver. [default: fork]")
@click.option("--cluster", help="Run batches on a dask.distributed cluster, tcp://HOST:PORT of its scheduler, or none.")
@click.option("--explored", help="Folders of explore, comma-separated, whose scopes the certificate is to name.")
@click.option("--config", help="Options from a TOML file: tables [run] and [profile.NAME].")
@click.option("--profile", help="quick, nightly, weekend, or one of the file's.")
@click.option("--report", help="More formats, comma-separated: junit, sarif, github, ktap, jsonl.")
@click.option("--plain", is_flag=True, help="Plain lines instead of a live screen.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of standard output.")
def run(**given: str | bool | None) -> int:
    """Run a campaign and print its report."""
    from percpu_fuzz.fuzz.commands.run import run_command

    return run_command(given)


@cli.command()
@click.argument("file")
@click.option("--variant", help="Replay on another variant than the file names.")
@click.option("--lanes", is_flag=True, help="Draw the interleaving: a column a CPU, a line a step.")
@click.option("--perfetto", help="Write the interleaving as Chrome trace-event JSON to this file.")
def replay(file: str, variant: str | None, lanes: bool, perfetto: str | None) -> int:
    """Replay a finding; exit status 1 if its violation shows."""
    from percpu_fuzz.fuzz.commands.replay import replay_command

    return replay_command(file, variant, lanes, perfetto)


@cli.command()
@click.argument("file")
@click.option("--variant", help="The variant that it was found on, if the file cannot name it: FILE.py:NAME.")
@click.option("--budget", help="Most seconds to take; the smallest case so far is kept.")
@click.option("-o", "--output", help="Write the shrunk finding here. [default: FILE with .shrunk.json]")
def shrink(file: str, variant: str | None, budget: str | None, output: str | None) -> int:
    """Shrink a finding's machine, program, placement and schedule together; exit status 1: the violation shows."""
    from percpu_fuzz.fuzz.commands.shrink import shrink_command

    return shrink_command(file, variant, budget, output)


@cli.command()
@click.argument("file")
@click.option("-o", "--output", required=True, help="Folder for the test file.")
def regress(file: str, output: str) -> int:
    """Write a finding as a pytest file, after running it: red on its variant, green on fixed."""
    from percpu_fuzz.fuzz.commands.regress import regress_command

    return regress_command(file, output)


@cli.command()
@click.argument("file")
@click.option("--variant", help="The variant that it was found on, if the file cannot name it: FILE.py:NAME.")
@click.option("-o", "--output", help="Write to this file instead of to standard output.")
def handoff(file: str, variant: str | None, output: str | None) -> int:
    """Print a finding as a mail: what breaks, a machine to try it on as QEMU arguments, the steps, the counters."""
    from percpu_fuzz.fuzz.commands.handoff import handoff_command

    return handoff_command(file, variant, output)


@cli.command()
@click.option("--invariants", is_flag=True, help="Which invariant is checked for which variant, and what it says.")
def variants(invariants: bool) -> int:
    """List the accountings that the engine knows."""
    from percpu_fuzz.fuzz.commands.variants import variants_command

    return variants_command(invariants)


@cli.command()
@click.option("--time", "seconds", help="Budget in seconds. [default: 120]")
@click.option("--seed", help="Whole number or commit hash. [default: 1]")
@click.option("--workers", help="Worker processes. [default: one for each usable CPU]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of standard output.")
def mutants(seconds: str | None, seed: str | None, workers: str | None, as_json: bool) -> int:
    """Plant known mistakes in the reference and see which the invariants notice; exit status 4: one is still alive."""
    from percpu_fuzz.fuzz.commands.mutants import mutants_command

    return mutants_command(seconds, seed, workers, as_json)


@cli.command()
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
@click.option("--time", "seconds", help="Budget in seconds. [default: 60]")
@click.option("-o", "--output", help="Folder, new or empty. [default: out/<timestamp>-explore-<scope>]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of standard output.")
def explore(**given: str | bool | None) -> int:
    """Explore every interleaving of small programs, and say which scope is complete."""
    from percpu_fuzz.fuzz.commands.explore import explore_command

    return explore_command(given)


@cli.command()
@click.argument("folders", nargs=-1, required=True)
@click.option("-o", "--output", required=True, help="Folder of the joined campaign, new or empty.")
@click.option("--variant", help="Once more what the campaign was run with, if it is FILE.py:NAME.")
@click.option("--scheduler", help="The same of its scheduler.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of standard output.")
def merge(folders: tuple[str, ...], output: str, as_json: bool, **typed: str | None) -> int:
    """Join the output folders of one campaign (--shard, or the same seed twice) and report on the whole.

    Exit status 3 if two of them hold different results of one batch.
    """
    from percpu_fuzz.fuzz.commands.merge import merge_command

    return merge_command(folders, output, as_json, typed)


@cli.command()
@click.argument("folder")
@click.option("-o", "--output", help="Write to this folder, new or empty. [default: the campaign's own]")
@click.option("--report", "formats", help="More formats, comma-separated: junit, sarif, github, ktap, jsonl.")
@click.option("--pdf", is_flag=True, help="report.pdf too, printed by a Chromium found on PATH.")
@click.option(
    "--format",
    "form",
    help="What is printed: text, html, json or md; no file is written then unless -o, "
    "--report or --pdf ask for some. [default: text]",
)
def report(folder: str, output: str | None, formats: str | None, pdf: bool, form: str | None) -> int:
    """Render a campaign's reports again from its store and print one; its exit status."""
    from percpu_fuzz.fuzz.commands.report import report_command

    return report_command(folder, output, formats, pdf, form)


@cli.command()
@click.argument("folder_a")
@click.argument("folder_b")
def compare(folder_a: str, folder_b: str) -> int:
    """Compare two campaigns by their output folders: each figure's difference, and what would show a bug as fixed."""
    from percpu_fuzz.fuzz.commands.compare import compare_command

    return compare_command(folder_a, folder_b)


@cli.group()
def topology() -> None:
    """Machines: named ones, imports from real ones, exports to QEMU."""


@topology.command("list")
def topology_list() -> int:
    """Named machines and families."""
    from percpu_fuzz.fuzz.commands.topology import list_command

    return list_command()


@topology.command("show")
@click.argument("name")
def topology_show(name: str) -> int:
    """Print a machine (a name or a file) as a topology file."""
    from percpu_fuzz.fuzz.commands.topology import show_command

    return show_command(name)


@topology.command("import")
@click.argument("path", default="/sys/devices/system")
@click.option("--possible-nodes", help="Possible nodes, such as 0-3.")
@click.option("--possible-cpus", help="Possible CPUs, such as 0-63.")
@click.option("--isolated-cpus", help="Isolated CPUs.")
@click.option("--cpu-nodes", help="Nodes of CPUs that the file does not place: CPU=NODE[,CPU=NODE...].")
@click.option("--cpuless-nodes", help="Nodes without CPUs that hwloc lists with near ones.")
@click.option("--distances", help="LOCAL:REMOTE, such as 10:20, or a file with a square of numbers.")
@click.option("--memory", help="Free memory: NODE=SIZE[,NODE=SIZE...], such as 0=4G,1=512M.")
@click.option("--page-size", help="4096, 16384 or 65536.")
@click.option("--zoneinfo", help="/proc/zoneinfo of the machine: free memory and watermarks.")
@click.option("-o", "--output", help="Write the topology file here instead of to standard output.")
def topology_import(path: str, output: str | None, **given: str | None) -> int:
    """Read a machine (default: this one), whatever the format; what it cannot say is asked for by an option.

    Formats: sysfs as a folder or tar, topology.json of a recorded run, a topology file, hwloc XML, numactl -H,
    lscpu -J, QEMU arguments.
    """
    from percpu_fuzz.fuzz.commands.topology import import_command

    return import_command(path, given, output)


@topology.command("export")
@click.argument("name")
@click.option("--format", "form", type=click.Choice(["qemu", "json"]), default="qemu", show_default=True)
@click.option("-o", "--output", help="Write to this file instead of to standard output.")
def topology_export(name: str, form: str, output: str | None) -> int:
    """Write a machine (a name or a file) as QEMU arguments, with notes on what they cannot say."""
    from percpu_fuzz.fuzz.commands.topology import export_command

    return export_command(name, form, output)


for command in COMMANDS:
    cli.add_command(command)


def complain(message: str) -> None:
    """One line on standard error, whatever the message holds."""
    print(f"percpu-fuzz: {' '.join(message.split())}", file=sys.stderr)


def invoke(arguments: list[str]) -> int | None:
    """The command's own status. Not click's main, which turns a broken pipe into exit status 1."""
    try:
        with cli.make_context("percpu-fuzz", arguments) as context:
            status: int | None = cli.invoke(context)
    except click.exceptions.Exit as ended:  # --help, --version
        return ended.exit_code
    return status


def call(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; its exit status."""
    try:
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
        traceback.print_exc()
        complain(f"harness broken: {type(error).__name__}: {error}")
        return BROKEN
    return int(status or 0)


def is_typed(path: str, arguments: Sequence[str] | None) -> bool:
    """Whether a path is, or lies in, something that the command line names; others are none of the user's."""
    typed = [text.rpartition("=")[2] for text in (sys.argv[1:] if arguments is None else arguments)]  # --out=DIR too
    return any(text and Path(path).is_relative_to(text) for text in typed)


def forget_output() -> None:
    """Nobody takes standard output any more: what is left in its buffer must not fail again at exit."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
