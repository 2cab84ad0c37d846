"""`percpu-fuzz man`: the manual page, from the same commands and options that --help prints."""

from __future__ import annotations

from collections.abc import Iterator

import click

from percpu_fuzz.fuzz.configuration import VARIABLES
from percpu_fuzz.fuzz.findings.provenance import package_version


@click.command()
def man_command() -> int:
    """Print the manual page as roff."""
    context = click.get_current_context().find_root()
    group = context.command
    assert isinstance(group, click.Group)
    print("\n".join(page_lines(group, context)))
    return 0


def page_lines(group: click.Group, context: click.Context) -> Iterator[str]:
    """Every command with its options, then the variables that are read."""
    yield f'.TH PERCPU-FUZZ 1 "" "percpu-fuzz {roff(package_version())}"'
    yield from (".SH NAME", "percpu\\-fuzz \\- Monte Carlo stress and fuzzing of percpu memory accounting")
    yield from (".SH SYNOPSIS", ".B percpu\\-fuzz", "COMMAND [OPTIONS] [ARGUMENTS]", ".SH DESCRIPTION")
    yield from blocks(group.help or "")
    yield ".SH COMMANDS"
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        loaded = command.make_context(name, [], context, resilient_parsing=True).command
        yield from command_lines(name, loaded, context)
    yield ".SH ENVIRONMENT"
    for name, words in VARIABLES.items():
        yield from (".TP", f".B {roff(name)}", roff(words))


def command_lines(name: str, command: click.Command, context: click.Context) -> Iterator[str]:
    """A command's words and options; those of a group's commands after each other."""
    inner = click.Context(command, context, info_name=name)
    yield f'.SS "{roff(name)}"'
    yield from blocks(command.help or command.get_short_help_str(200))
    if isinstance(command, click.Group):
        for word, one in command.commands.items():
            yield from command_lines(f"{name} {word}", one, context)
        return
    yield from (f".B percpu\\-fuzz {roff(name)}", roff(" ".join(command.collect_usage_pieces(inner))))
    for parameter in command.get_params(inner):
        row = parameter.get_help_record(inner)
        if row is not None:
            yield from (".TP", f".B {roff(row[0])}", roff(row[1]))


def blocks(text: str) -> Iterator[str]:
    """Paragraphs."""
    for paragraph in text.split("\n\n"):
        yield from (".PP", roff(" ".join(paragraph.split())))


def roff(text: str) -> str:
    """Text that roff takes for nothing else."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text
