"""`percpu-fuzz variants`, `percpu-fuzz variants new`."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from pathlib import Path

import click

from percpu_fuzz.engine.choices import CHOICES, check_variant
from percpu_fuzz.engine.core.evidence import MODEL_INVARIANTS
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.shown import shell_line
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.fuzz.files import utf8, write_output
from percpu_fuzz.fuzz.options import choice_option
from percpu_fuzz.reports.invariants import INVARIANT_WORDS, applies
from percpu_fuzz.reports.numbers import WIDTH

VALUES_SHOWN = 6  # of a choice; slips are many


@click.group(invoke_without_command=True)
@click.option("--invariants", is_flag=True, help="Which invariant is checked for which variant, and what it says.")
@click.pass_context
def variants_command(context: click.Context, invariants: bool) -> int:
    """Print the variants, or the invariants with the variants each applies to."""
    if context.invoked_subcommand is not None:
        return 0
    if not invariants:
        for variant in VARIANTS.values():
            print(f"{variant.name:8} {variant.summary}")
        return 0
    for name in MODEL_INVARIANTS:
        checked = [v.name for v in VARIANTS.values() if applies(name, v)]
        where = "every variant" if len(checked) == len(VARIANTS) else ", ".join(checked)
        print(
            textwrap.fill(
                f"{INVARIANT_WORDS[name]} [{where}]", WIDTH, initial_indent=f"{name:4} ", subsequent_indent=" " * 5
            )
        )
    return 0


@variants_command.command("new", help="Write a patch of one's own as a Python file, to be edited and run.")
@click.argument("file")
@click.option("--from", "source", default="v2", show_default=True, help="The variant to start from.")
def new_command(file: str, source: str) -> int:
    """Write the file. InputError for one that is there, or a name that is no Python file's."""
    path = Path(file)
    if path.suffix != ".py":
        raise InputError("variants new", repr(file), "a name ending in .py")
    if path.exists():
        raise InputError("variants new", f"{file} is there already", "a new file: nothing is written over")
    variant = VARIANTS[choice_option(source, "--from", tuple(VARIANTS))]
    check_variant(replace(variant, name=file), "variants new")  # a name that `run --variant` takes
    write_output(path, utf8(file_text(variant, name_of(path))), "variants new", make_folder=False)
    print(f"{path}: a copy of {variant.name}; change a choice or add a step, then")
    print("  " + shell_line(["percpu-fuzz", "run", "--variant", file]))
    return 0


def name_of(path: Path) -> str:
    """What the variant in a file is called at first: the file's name in letters that a name may have."""
    return re.sub(r"[^A-Za-z0-9_.+-]+", "-", path.stem).strip("-") or "mine"


def file_text(variant: Variant, name: str) -> str:
    """The file: the Variant with every choice, and below it, commented out, what else it may hold."""
    said = f"{name}, a copy of {variant.name}"
    rows = "".join(choice_row(choice, value) for choice, value in variant.choices().items())
    return f'''"""{said}: {variant.summary}.

What each line stands for is said above it; docs/own-patch.md is the tutorial.
"""

from percpu_fuzz.own import OWN_1, Variant, ceil_div, goto, labels, replaces, step_at

VARIANT = Variant(
    name="{name}",
    # What it does, in a line of your own: reports on it say this.
    summary="{variant.name}, changed",
    based_on="{variant.name}",
{rows})

__all__ = ["OWN_1", "ceil_div", "goto", "labels", "replaces", "step_at"]
{COMMENTED_OUT}'''


def choice_row(name: str, value: object) -> str:
    """A choice with what it stands for above it."""
    choice = CHOICES[name]
    shown = [f"{number} {words}" for number, words in choice.values.items()][:VALUES_SHOWN]
    rest = f"; up to {max(choice.values)}" if len(choice.values) > VALUES_SHOWN else ""
    said = f"{choice.kernel}. {'; '.join(shown) if shown else f'pages, {choice.allowed}'}{rest}"
    lines = textwrap.wrap(said, 110, initial_indent="    # ", subsequent_indent="    # ")
    return "".join(f"{line}\n" for line in lines) + f"    {name}={value},\n"


COMMENTED_OUT = '''
# A function of the engine with another one in its place: the same name and parameters (names: docs/MODEL.md).
#
# @replaces
# def nr_precharge_pages(topo, prog, size_bytes):
#     """Pages that the pre hook charges for an area of that size."""
#     total = size_bytes * topo.nr_cpus + size_bytes // 4 * topo.ext_size
#     return ceil_div(total, topo.page_size) + topo.nr_nodes
#
# A step of its own: what nothing else can come between. A step that is replaced goes there with goto().
#
# @step_at(OWN_1, "my_helper()")
# def my_step(topo, prog, st, t):
#     st.own_task[t, 0] += 1
#     goto(st, t, labels.PO_REFUND)
#
# What the variant claims about each accounted allocation, judged as C1, C2, ... in the order of the list.
#
# def little_is_left_over(precharge_pages, used_pages, nodes):
#     """At most a page a node is precharged for nothing."""
#     return precharge_pages - used_pages <= nodes
#
# CLAIMS = [little_is_left_over]
'''
