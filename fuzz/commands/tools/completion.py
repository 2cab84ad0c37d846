"""`percpu-fuzz completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from percpu_fuzz.fuzz.options import choice_option

SHELLS = ("bash", "zsh", "fish")
ASKED = "_PERCPU_FUZZ_COMPLETE"  # the variable with which a shell asks for completions


@click.command()
@click.argument("shell")
def completion_command(shell: str) -> int:
    """Print what the shell is to evaluate: bash, zsh or fish."""
    found = get_completion_class(choice_option(shell, "completion", SHELLS))
    assert found is not None, "click knows these shells"
    print(found(click.get_current_context().find_root().command, {}, "percpu-fuzz", ASKED).source())
    return 0
