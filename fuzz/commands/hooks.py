"""`percpu-fuzz hooks`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from percpu_fuzz.fuzz.commands.shared import json_flag
from percpu_fuzz.fuzz.options import variant_option
from percpu_fuzz.fuzz.progress import working
from percpu_fuzz.fuzz.recorded_words import placed_by_recording
from percpu_fuzz.strategies.fidelity.hook_check import check_hooks
from percpu_fuzz.strategies.fidelity.hook_records import OUTCOMES, read_hooks


@click.command()
@click.argument("file")
@click.option("--variant", required=True, help="The variant that the recorded kernel had.")
@json_flag
def hooks_command(file: str, variant: str, as_json: bool) -> int:
    """Compare each record with the engine; 1 if one differs."""
    chosen = placed_by_recording(variant_option(variant), "hooks")
    with working(f"comparing the records of {file}"):
        check = check_hooks(read_hooks(Path(file)), chosen)
    first = check.first_difference
    print(f"{file}: {check.records_equal} of {check.records} records equal on {chosen.name}")
    for outcome, number in check.unknown.items():
        print(f"  not compared: {number} with the outcome {outcome!r}, which is not known ({', '.join(OUTCOMES)} are)")
    if first is not None:
        print(f"  first difference: record {first.record}, {first.what}: kernel {first.kernel}, engine {first.engine}")
    if as_json:
        print(json.dumps(asdict(check), sort_keys=True))
    return int(first is not None)
