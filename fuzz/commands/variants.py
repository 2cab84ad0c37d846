"""`percpu-fuzz variants`."""

from __future__ import annotations

import textwrap

import click

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.reports.invariants import INVARIANT_WORDS, applies
from percpu_fuzz.reports.numbers import WIDTH


@click.command()
@click.option("--invariants", is_flag=True, help="Which invariant is checked for which variant, and what it says.")
def variants_command(invariants: bool) -> int:
    """Print the variants, or the invariants with the variants each applies to."""
    if not invariants:
        for variant in VARIANTS.values():
            print(f"{variant.name:8} {variant.summary}")
        return 0
    for name in INVARIANT_NAMES:
        checked = [v.name for v in VARIANTS.values() if applies(name, v)]
        where = "every variant" if len(checked) == len(VARIANTS) else ", ".join(checked)
        print(
            textwrap.fill(
                f"{INVARIANT_WORDS[name]} [{where}]", WIDTH, initial_indent=f"{name:4} ", subsequent_indent=" " * 5
            )
        )
    return 0
