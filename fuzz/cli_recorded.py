"""The commands on recorded data, as click reads them: cli.py has all others, and adds these."""

from __future__ import annotations

from typing import Any

import click

CHARGE_HELP = (
    "observed: what `post` probe events of the trace name; accounted: every allocation with __GFP_ACCOUNT, all to one "
    "cgroup."
)


@click.command()
@click.argument("file")
@click.option("--topology", "topology_path", required=True, help="The recorded machine: topology.json, or a name.")
@click.option("--states", help="Snapshots of memory.stat to compare with (states.json).")
@click.option(
    "--placement",
    help="Nodes of the backing pages. [default: placement.json beside the trace, else page events in it, else a model]",
)
@click.option("--variant", default="base", show_default=True, help="Accounting to run the workload through.")
@click.option("--charge", default="observed", show_default=True, help=CHARGE_HELP)
@click.option(
    "--calibration",
    default="recorded",
    show_default=True,
    help="Where nobody says where pages were: how they fall back, by a calibration's name or file.",
)
@click.option("--out", help="Write trace.txt, trace.html and trace.json to this folder, new or empty.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of standard output.")
def trace(file: str, topology_path: str, **given: Any) -> int:
    """Run a recorded workload through a variant's hooks: waste, spurious failures, bytes amiss, pages by node.

    Exit status 1 if a row of memory.stat differs.
    """
    from percpu_fuzz.fuzz.commands.trace import TraceOptions, trace_command

    return trace_command(TraceOptions(file, topology_path, **given))


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--topology", help="The recorded machine. [default: topology.json beside each trace]")
@click.option("--charge", default="observed", show_default=True, help=CHARGE_HELP)
@click.option("--name", default="mine", show_default=True, help="What the calibration calls itself.")
@click.option("-o", "--output", help="Write the calibration here, for --calibration of run and trace.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of standard output.")
def calibrate(
    files: tuple[str, ...], topology: str | None, charge: str, name: str, output: str | None, as_json: bool
) -> int:
    """Fit what the measurement stream draws to recorded traces, and say how well it fits.

    placement.json and states.json beside a trace are used where they are.
    """
    from percpu_fuzz.fuzz.commands.calibrate import calibrate_command

    return calibrate_command(files, topology, charge, name, output, as_json)


@click.command()
@click.argument("file")
@click.option("--to", "form", required=True, help="trace-cmd or perf.")
@click.option("-o", "--output", required=True, help="The file to write; gzip if its name ends in .gz.")
def convert(file: str, form: str, output: str) -> int:
    """Rewrite tracefs text as trace-cmd report or perf script print it."""
    from percpu_fuzz.fuzz.commands.convert import convert_command

    return convert_command(file, form, output)


@click.command()
@click.argument("folders", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of standard output.")
def fidelity(folders: tuple[str, ...], as_json: bool) -> int:
    """Measure how far recorded runs and the model agree: rows, areas, pages, placement, charge failures."""
    from percpu_fuzz.fuzz.commands.fidelity import fidelity_command

    return fidelity_command(folders, as_json)


@click.command()
@click.argument("file")
@click.option("--variant", required=True, help="The variant that the recorded kernel had.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of standard output.")
def hooks(file: str, variant: str, as_json: bool) -> int:
    """Compare recorded hook arithmetic of a patched kernel with the engine's hooks; exit status 1 on a difference."""
    from percpu_fuzz.fuzz.commands.hooks import hooks_command

    return hooks_command(file, variant, as_json)


COMMANDS = (trace, calibrate, convert, fidelity, hooks)
