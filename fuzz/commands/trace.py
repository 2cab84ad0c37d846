"""`percpu-fuzz trace`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from engine.errors import InputError
from fuzz.left_out import counts_words, left_out_lines
from fuzz.options import topology_option, variant_option
from fuzz.watched_file import WatchedFile
from strategies.recorded.fidelity import check_compared
from strategies.recorded.files import file_of
from strategies.recorded.lag import lagging
from strategies.recorded.one_pass import OnePass
from strategies.recorded.placement import import_placement
from strategies.recorded.replay import Replayed, replay_workload
from strategies.recorded.states import import_states


def trace_command(
    file: str, topology_path: str, states: str | None, placement: str | None, variant: str, as_json: bool
) -> int:
    """Replay the workload and compare percpu of memory.stat row by row; 1 if a row differs, by lag or not."""
    chosen = variant_option(variant)
    topology = topology_option(topology_path)
    snapshots = () if states is None else import_states(Path(states))
    if states is not None and not snapshots:
        raise InputError(states, "no snapshot", "at least one: nothing would be compared")
    where = Path(placement) if placement is not None else file_of(Path(file).parent, "placement.json")
    nodes = None if where is None else import_placement(where)
    with WatchedFile(Path(file), "trace") as source:
        trace = OnePass(source, file, topology, nodes, str(where))
        replayed = replay_workload(trace, topology, chosen, nodes, snapshots, str(where))
    left_out = trace.left_out | replayed.left_out
    lag = sum(lagging(replayed.rows))
    print(f"{file}: {chosen.name} on {topology.name}, placement from {where if nodes is not None else 'the model'}")
    print(f"  {counts_words(trace.counts)}; {trace.cpus}")
    print(*left_out_lines(left_out), sep="\n", end="\n" if left_out_lines(left_out) else "")
    print_waste(replayed)
    if snapshots:
        check_compared(replayed, len(snapshots), str(states))
        print(
            f"  memory.stat percpu: {replayed.rows_equal} of {len(replayed.rows)} rows equal, {lag} lag, "
            f"worst difference {replayed.worst_difference_bytes} bytes"
        )
    if as_json:
        row = {
            "rows": len(replayed.rows),
            "rows_equal": replayed.rows_equal,
            "rows_lagging": lag,
            "worst_difference_bytes": replayed.worst_difference_bytes,
            "input": asdict(trace.counts),
            "left_out": dict(left_out),
        }
        print(json.dumps(row, sort_keys=True))
    return int(replayed.rows_equal != len(replayed.rows))


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
