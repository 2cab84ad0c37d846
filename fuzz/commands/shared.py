"""What several commands take and read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.scenario import Finding, load_finding
from percpu_fuzz.engine.shown import shell_line
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.fuzz.files import utf8, write_output
from percpu_fuzz.fuzz.options import switch_option, variant_option
from percpu_fuzz.fuzz.variant_files import file_in, uncompiled
from percpu_fuzz.strategies.reading import read_bytes

F = TypeVar("F", bound=Callable[..., Any])
json_flag = click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of standard output.")
charge_option = click.option(
    "--charge",
    default="observed",
    show_default=True,
    help="observed: what `post` probe events of the trace name; accounted: every allocation with __GFP_ACCOUNT, all to "
    "one cgroup.",
)
compile_option = click.option(
    "--compile", "compiles", default="on", show_default=True,
    help="off: steps of one's own run at once as plain Python, a hundred times slower, to the same results.",
)  # fmt: skip
variant_of_finding = click.option(
    "--variant", help="The variant that it was found on, if the file cannot name it: FILE.py:NAME."
)


def format_option(words: str) -> Callable[[F], F]:
    """--format NAME, as `form`: how a page that several formats have is printed."""
    return click.option("--format", "form", metavar="NAME", default="text", show_default=True, help=words)


def print_or_write(text: str, output: str | None) -> None:
    """To standard output, or to the file that --output names."""
    if output is None:
        print(text, end="")
    else:
        write_output(Path(output), utf8(text), "--output")


def finding_of(file: str) -> Finding:
    """The finding in a file. InputError if it is none."""
    return load_finding(read_bytes(Path(file)), file)


def chosen_variant(finding: Finding, text: str | None, file: str) -> Variant:
    """The variant that was typed, else the one that the finding names."""
    if text is not None:
        return variant_option(text)
    return named_variant(finding.variant, f"{file}, variant")


def named_variant(name: str, where: str) -> Variant:
    """A variant that a file names: only one of the engine's own; code runs only when typed on the command line."""
    if file_in(name).suffix == ".py":
        typed = shell_line(["--variant", name])
        raise InputError(where, repr(name), f"{typed} typed again: code is run only when it is typed")
    if name not in VARIANTS:
        raise InputError(where, repr(name), ", ".join(VARIANTS) + "; another one by --variant FILE.py:NAME")
    return VARIANTS[name]


def compiled_or_not(variant: Variant, compiles: str) -> Variant:
    """The variant, its own steps compiled or run as plain Python, as --compile says."""
    return variant if switch_option(compiles, "--compile") else uncompiled(variant)
