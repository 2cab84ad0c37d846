"""`percpu-fuzz trace`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from engine.errors import InputError
from fuzz.options import topology_option, variant_option
from strategies.recorded.placement import import_placement
from strategies.recorded.replay import Replayed, replay_workload
from strategies.recorded.states import import_states
from strategies.recorded.tracefs import Counts, read_events
from strategies.recorded.workload import build_workload


def trace_command(
    file: str, topology_path: str, states: str | None, placement: str | None, variant: str, as_json: bool
) -> int:
    """Replay the workload and compare percpu of memory.stat row by row; 1 if a row differs."""
    chosen = variant_option(variant)
    topology = topology_option(topology_path)
    snapshots = () if states is None else import_states(Path(states))
    if states is not None and not snapshots:
        raise InputError(states, "no snapshot", "at least one: nothing would be compared")
    beside = Path(file).with_name("placement.json")
    where = Path(placement) if placement is not None else beside
    nodes = import_placement(where) if placement is not None or beside.is_file() else None
    counts = Counts()
    workload = build_workload(read_events(Path(file), counts))
    replayed = replay_workload(workload, topology, chosen, nodes, snapshots)
    print(f"{file}: {chosen.name} on {topology.name}, placement from {where if nodes is not None else 'the model'}")
    print(f"  {counts_words(counts)}")
    print_waste(replayed)
    if snapshots:
        print(
            f"  memory.stat percpu: {replayed.rows_equal} of {len(replayed.rows)} rows equal, "
            f"worst difference {replayed.worst_difference_bytes} bytes"
        )
    if as_json:
        row = {
            "rows": len(replayed.rows),
            "rows_equal": replayed.rows_equal,
            "worst_difference_bytes": replayed.worst_difference_bytes,
            "input": asdict(counts),
        }
        print(json.dumps(row, sort_keys=True))
    return int(replayed.rows_equal != len(replayed.rows))


def counts_words(counts: Counts) -> str:
    """What was read, and everything that was not: nothing is left out in silence."""
    words = [f"{counts.events} events in {counts.lines} lines"]
    if counts.unparsed:
        words.append(f"{counts.unparsed} lines not understood")
    if counts.lost_gaps:
        words.append(f"{counts.lost_events or 'an unknown number of'} events lost in {counts.lost_gaps} gaps")
    if counts.truncated:
        words.append("the last line is cut off")
    return ", ".join(words)


def print_waste(replayed: Replayed) -> None:
    """The whole recorded run's wasted precharge: a census of its allocations, not a sample."""
    total = sum(replayed.waste_pages.values())
    if total == 0:
        print("  no charged allocation")
        return
    pages = sum(k * n for k, n in replayed.waste_pages.items())
    print(f"  {total} charged allocations gave {pages} precharged pages back, {pages / total:.2f} each:")
    for k, n in sorted(replayed.waste_pages.items()):
        print(f"  {k:5d} pages {n:8d}  {'#' * max(1, 50 * n // total)}")
