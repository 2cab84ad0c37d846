"""`percpu-fuzz warm`."""

from __future__ import annotations

import click

from percpu_fuzz.fuzz.warm import warm


@click.command()
def warm_command() -> int:
    """Compile what campaigns and recorded runs need; 3 if a process that compiles failed."""
    return warm()
