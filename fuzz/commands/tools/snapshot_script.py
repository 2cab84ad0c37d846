"""`percpu-fuzz snapshot-script`."""

from __future__ import annotations

from importlib.resources import files

import click


@click.command()
@click.option("--archive", is_flag=True, help="The script that captures the machine as one archive.")
def snapshot_script_command(archive: bool) -> int:
    """Print the script."""
    name = "machine.sh" if archive else "snapshot.sh"
    print(files("percpu_fuzz.strategies.capture").joinpath(name).read_text("ascii"), end="")
    return 0
