"""`percpu-fuzz bench`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import click

from percpu_fuzz.fuzz.bench.beside_spin import pure_measurements
from percpu_fuzz.fuzz.bench.command_parts import setup_measurements, start_measurements, worker_measurements
from percpu_fuzz.fuzz.bench.comparing import BENCH_SCHEMA, Compared, compared, earlier_bench
from percpu_fuzz.fuzz.bench.engine_parts import (
    C_CORE,
    core_measurements,
    report_measurements,
    search_measurements,
    shrink_measurements,
    step_measurements,
    trace_measurements,
    without,
)
from percpu_fuzz.fuzz.bench.machine import described_machine
from percpu_fuzz.fuzz.bench.measure import DEAR_ROUNDS, Measurement, rounds, row_of, turns, two_speeds
from percpu_fuzz.fuzz.bench.parent_part import parent_measurements
from percpu_fuzz.fuzz.bench.time_to_bug import bug_measurements
from percpu_fuzz.fuzz.commands.shared import json_flag
from percpu_fuzz.fuzz.errors import CLEAN, VIOLATED
from percpu_fuzz.fuzz.options import choice_option, number_option, path_option
from percpu_fuzz.fuzz.progress import Sign

Parts = tuple[Callable[[], Iterator[Measurement]], ...]
BENCH_PARTS: dict[str, Parts] = {
    "setup": (setup_measurements,),
    "start": (start_measurements,),
    "step": (step_measurements, core_measurements),
    "search": (search_measurements, pure_measurements),
    "bug": (bug_measurements,),
    "trace": (trace_measurements,),
    "reports": (report_measurements,),
    "shrink": (shrink_measurements,),
    "workers": (worker_measurements,),
    "parent": (parent_measurements,),
}
ROUNDS_LEAST, ROUNDS_MOST = 5, 1000


@click.command()
@click.argument("names", nargs=-1, metavar="[NAMES]...")
@click.option("--rounds", "count", default="15", show_default=True, help="How often each is measured, in turn.")
@click.option("--against", metavar="FILE", help="What an earlier bench --json printed: exit status 1 if it was faster.")
@json_flag
def bench_command(names: tuple[str, ...], count: str, against: str | None, as_json: bool) -> int:
    """Measure, print a table; 1 if something is slower than in --against by more than a tenth beyond the noise."""
    chosen = [choice_option(name, "bench", tuple(BENCH_PARTS)) for name in names] or list(BENCH_PARTS)
    number = number_option(count, "--rounds", ROUNDS_LEAST, ROUNDS_MOST) or ROUNDS_LEAST
    then = None if against is None else earlier_bench(path_option(against, "--against"), "--against")
    machine = described_machine()
    measurements = list(
        chain.from_iterable(make() for name in BENCH_PARTS if name in chosen for make in BENCH_PARTS[name])
    )
    with Sign("bench", sum(len(turns(one, number)) for one in measurements)) as sign:
        rounds(measurements, number, sign.at)
    rows = [row_of(one) for one in measurements]
    said = [words for words in without() if words.partition(":")[0] in chosen] + speed_words(measurements)
    print(*table(machine, number, rows), *said, sep="\n")
    ratios = [] if then is None else compared(then["measurements"], rows)
    if then is not None:
        print(*against_lines(then["machine"], machine, ratios), sep="\n")
    slower = [row for row in ratios if row.is_slower]
    if as_json:
        found = {"schema": BENCH_SCHEMA, "machine": machine, "rounds": number, "measurements": rows, "said": said}
        found["slower"] = [f"{row.part}: {row.name}" for row in slower]
        print(json.dumps(found, sort_keys=True))
    return VIOLATED if slower else CLEAN


def table(machine: Mapping[str, Any], number: int, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The machine, then a line a measurement: median, its interval, noise, and what a C core would take of it."""
    caches = ", ".join(machine["caches"])
    core = next((row["median"] for row in rows if row["name"] == C_CORE), None)
    lines = [
        f"{machine['processor']}, {machine['cpus']} CPUs used{f', {caches}' if caches else ''}; load {machine['load']}",
        f"{machine['system']}, Python {machine['python']}, "
        + ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
        + f", code {machine['code']}",
        f"CPU time, user and system; {number} rounds in turn ({DEAR_ROUNDS} of setup and Hypothesis); medians with"
        " 95% intervals; noise by the yardstick",
        "",
        f"{'part':9}{'measured':34}{'median':>9}  {'interval':19}{'noise':>6}  unit",
    ]
    for row in rows:
        interval = f"[{row['low']:.4g}, {row['high']:.4g}]"
        of_core = f", {core / row['median']:.2f} of the C core's speed" if core and row["part"] == "step" else ""
        figures = f"{row['median']:9.4g}  {interval:19}{row['noise']:6.1%}  {row['unit']}"
        lines.append(f"{row['part']:9}{row['name']:34}{figures}{of_core}")
    return [*lines, ""]


def speed_words(measurements: Sequence[Measurement]) -> list[str]:
    """Whether the core itself went at two speeds, by the yardstick."""
    found = two_speeds([yard for one in measurements for yard in one.yards])
    if found is None:
        return []
    fast, slow = found
    return [
        f"the cores went at two speeds: the yardstick took {fast * 1e3:.1f} ms at times, {slow * 1e3:.1f} at others"
    ]


def against_lines(then: Mapping[str, Any], now: Mapping[str, Any], ratios: Sequence[Compared]) -> list[str]:
    """A line for each that both measured, the slower ones marked."""
    lines = ["", "against the earlier bench: time now to time then, each by its yardstick"]
    if then["processor"] != now["processor"]:
        lines.append(f"another machine then: {then['processor']}")
    for row in ratios:
        mark = "  SLOWER" if row.is_slower else ""
        lines.append(f"{row.part:9}{row.name:34}{row.ratio:9.3f}  +- {row.noise:.1%}{mark}")
    return lines
