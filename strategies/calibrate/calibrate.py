"""Calibrate: the measurement stream's size, alignment, lifetime and pressure tables fitted to recorded runs.

    table      counts of                                               what a campaign draws from it
    size       charged allocations by bytes                            at most SIZES_MOST sizes
    align      charged allocations by alignment
    op         hook runs of charged areas: allocs, frees (lifetimes.py)  share of frees among allocs and frees
    gfp        all allocations: charged or not, may block or not, ...
    place      windows of populates by pattern (pages_and_limits.py)  where a case's pages fall
    step       pages of windows in runs, by entry of the zonelist
    max        charged allocations by headroom at the next snapshot    memory.max of a case's cgroups

Runs are pooled count by count. What a trace cannot show keeps the default's proportions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from math import lcm

import msgspec
import numpy as np

from percpu_fuzz.engine.core.labels import GFP_ACCOUNT, GFP_HIGH, GFP_NOBLOCK, GFP_NOFAIL, GFP_NORETRY
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.calibrate.counts import Counts
from percpu_fuzz.strategies.calibrate.lifetimes import Lifetimes, drawn_lifetimes, op_weights, recorded_lifetimes
from percpu_fuzz.strategies.calibrate.pages_and_limits import STEP_IDS, Headrooms, PagesOf, headrooms_of, pages_of
from percpu_fuzz.strategies.draw.calibration import SCHEMA, Calibration, Chain, Source, Table
from percpu_fuzz.strategies.draw.choices import KINDS, Kind
from percpu_fuzz.strategies.draw.goodness import Goodness, distance, goodness
from percpu_fuzz.strategies.trace.operations import AllocArea
from percpu_fuzz.strategies.trace.recorded_run import ReadTrace
from percpu_fuzz.strategies.trace.states import Snapshot

SIZES_MOST = 64
FREE_SHARES = tuple(range(0, 65, 5))  # percent of allocs and frees that are frees
GFP_BITS = GFP_ACCOUNT | GFP_NOBLOCK | GFP_HIGH | GFP_NORETRY | GFP_NOFAIL
NAMED = {"__GFP_HIGH": GFP_HIGH, "GFP_ATOMIC": GFP_HIGH, "__GFP_NORETRY": GFP_NORETRY, "__GFP_NOFAIL": GFP_NOFAIL}
JOINT = "size x alignment x blocking"
SECOND_HALF = "second half"
LEAST = 30  # counts without which a table is left as it is


@dataclass
class RunCounts(Counts):
    """What of one run, or of several pooled, the tables are fitted to."""

    size: Counter[int] = field(default_factory=Counter)
    align: Counter[int] = field(default_factory=Counter)
    gfp: Counter[int] = field(default_factory=Counter)  # by GFP_BITS; 0: not charged
    joint: Counter[tuple[int, int, int]] = field(default_factory=Counter)  # charged: size class, alignment, may block
    lives: Lifetimes = field(default_factory=Lifetimes)
    pages: PagesOf = field(default_factory=PagesOf)
    headrooms: Headrooms = field(default_factory=Headrooms)
    sources: tuple[Source, ...] = ()


def size_class(size_bytes: int) -> int:
    """ceil(log2(bytes))."""
    return (size_bytes - 1).bit_length()


def gfp_bits(o: AllocArea) -> int:
    """What can be seen of an allocation's flags; 0 for one that is not charged."""
    if o.cg is None:
        return 0
    bits = GFP_ACCOUNT | (GFP_NOBLOCK if o.is_atomic else 0)
    for name in o.gfp:
        bits |= NAMED.get(name, 0)
    return bits


def count_run(name: str, read: ReadTrace, snapshots: tuple[Snapshot, ...] = ()) -> RunCounts:
    """The counts of one run. Without its machine and placement nothing is known of its pages."""
    found, run = RunCounts(), read.run
    allocations = 0
    for o in read.operations:
        if not isinstance(o, AllocArea):
            continue
        allocations += 1
        bits = gfp_bits(o)
        found.gfp[bits] += 1
        if o.cg is not None:
            found.size[o.size_bytes] += 1
            found.align[o.align] += 1
            found.joint[size_class(o.size_bytes), o.align, bits & GFP_NOBLOCK] += 1
    found.lives = recorded_lifetimes(read.operations)
    if run.machine is not None and read.placement is not None:
        found.pages = pages_of(read.placement, run.topology)
    if run.machine is not None and snapshots:
        found.headrooms = headrooms_of(read.operations, snapshots, run.topology.page_size)
    found.sources = (Source(name, run.kernel, found.size.total(), allocations, found.pages.steps.total()),)
    return found


def gfp_weights(counts: Counter[int]) -> tuple[int, ...]:
    """The default's weights, scaled group by group to what was counted; flags that no value has go to the nearest."""
    kind = KINDS["gfp"]
    groups: Counter[int] = Counter()
    for value, weight in zip(kind.values, kind.measure, strict=True):
        groups[value & GFP_BITS] += weight
    wanted: Counter[int] = Counter()
    for bits, n in counts.items():
        wanted[nearest_group(bits, groups)] += n
    scale = lcm(*groups.values())
    return tuple(
        wanted[value & GFP_BITS] * weight * (scale // groups[value & GFP_BITS])
        for value, weight in zip(kind.values, kind.measure, strict=True)
    )


def nearest_group(bits: int, groups: Counter[int]) -> int:
    """The group that differs in fewest flags, may block or not and charged or not before all."""
    weighty = GFP_ACCOUNT | GFP_NOBLOCK
    return min(groups, key=lambda group: ((bits ^ group) & weighty, (bits ^ group).bit_count(), group))


def table_of(name: str, counts: Counter[int]) -> Table:
    """A table over the project's own values."""
    return Table(KINDS[name].values, tuple(counts[value] for value in KINDS[name].values))


def table_of_counts(counts: Mapping[int, int]) -> Table:
    """A table over the values that were counted, ascending."""
    return Table(tuple(sorted(counts)), tuple(counts[value] for value in sorted(counts)))


DrawnLifetimes = Mapping[tuple[int, ...], Lifetimes]
"""Lifetimes as drawn, by the weights of operations."""


def fitted_op(lives: Lifetimes, drawn: DrawnLifetimes) -> tuple[int, ...]:
    """The weights of operations whose hook runs hold the share of frees nearest to the recorded one."""
    return min(drawn, key=lambda weights: round(distance(lives.mix, drawn[weights].mix), 9))


@cache
def drawn_by_free_share() -> DrawnLifetimes:
    """Lifetimes as drawn with each share of frees."""
    return {weights: drawn_with(weights) for weights in map(op_weights, FREE_SHARES)}


@cache
def drawn_with(weights: tuple[int, ...]) -> Lifetimes:
    """Lifetimes as drawn with these weights of operations."""
    return drawn_lifetimes({**KINDS, "op": replace(KINDS["op"], measure=weights)})


def optional_tables(counts: RunCounts) -> Iterator[tuple[str, int, Callable[[], Table], str]]:
    """Those that not every run can give: name, how many counts are known, how it is fitted, what else it lacks."""
    op, pages, rooms = KINDS["op"], counts.pages, counts.headrooms.found
    lack = f"snapshots of memory.current tell the headroom of {rooms.total()} charged allocations, at least {LEAST} are"
    yield (
        "op", counts.lives.areas, lambda: Table(op.values, fitted_op(counts.lives, drawn_by_free_share())),
        "too few areas whose lifetime is known",
    )  # fmt: skip
    yield "place", pages.windows.total(), lambda: table_of("place", pages.windows), "too few populates with known nodes"
    lacks = "too few pages in runs away from their node"
    yield "step", pages.run_steps.total(), lambda: table_of("step", pages.run_steps), lacks
    yield "max", rooms.total(), lambda: table_of_counts(rooms), f"{lack} needed"


def fit(name: str, counts: RunCounts) -> Calibration:
    """The calibration nearest to the counts. InputError if they hold too few charged allocations."""
    if counts.size.total() < LEAST:
        given = f"{counts.size.total()} charged allocations"
        raise InputError(name, given, f"at least {LEAST}: a trace with `post` probe events, or --charge accounted")
    pages, rooms, left_out = counts.pages, counts.headrooms, []
    tables = {
        "size": table_of_counts(thinned(counts.size, SIZES_MOST)),
        "align": table_of_counts(counts.align),
        "gfp": Table(KINDS["gfp"].values, gfp_weights(counts.gfp)),
    }
    for table, known, fitted, lacks in optional_tables(counts):
        if known >= LEAST:
            tables[table] = fitted()
        else:
            left_out.append(f"{table}: {lacks}")
    if rooms.unknown:
        of = rooms.unknown + rooms.found.total()
        left_out.append(f"headroom: not known of {rooms.unknown} of {of} charged allocations, of runs with snapshots")
    chain = None
    if pages.steps.total():
        chain = Chain(tuple(pages.steps[step] for step in STEP_IDS), pages.switches, pages.pairs)
    return Calibration(SCHEMA, name, counts.sources, tables, {}, {}, tuple(left_out), chain)


ByValue = Mapping[int, float]


def weights_of(table: Table | Kind) -> ByValue:
    """Weights by value, as they stand in a fitted table or in the default's: not scaled to a sum."""
    weights = table.weights if isinstance(table, Table) else table.measure
    return dict(zip(table.values, map(float, weights), strict=True))


def grouped(weights: ByValue, group: Callable[[int], int]) -> ByValue:
    """Weights of values summed up by the group that a value is in."""
    found: dict[int, float] = {}
    for value, weight in weights.items():
        found[group(value)] = found.get(group(value), 0.0) + weight
    return found


def size_classes(weights: ByValue) -> ByValue:
    """Weights of sizes by size class."""
    return grouped({size: weight for size, weight in weights.items() if size > 0}, size_class)


def recorded_flags(weights: ByValue) -> ByValue:
    """Weights of gfp values by GFP_BITS, the flags by which recorded allocations are counted."""
    return grouped(weights, lambda value: value & GFP_BITS)


def fits_of(found: Calibration, counts: RunCounts, own: bool) -> dict[str, Goodness]:
    """How far the calibration, and the default weights, are from the counts, distribution by distribution.

    Only of what was counted and fitted. own: it was fitted to these very counts, so each weight is a fitted number.
    """

    def fit_to(
        counted: Counter[int],
        name: str,
        note: str = "",
        group: Callable[[ByValue], ByValue] = lambda weights: weights,
    ) -> Goodness:
        weights, default = (group(weights_of(table)) for table in (found.tables[name], KINDS[name]))
        free = sum(weight > 0 for weight in weights.values()) - 1
        return goodness(counted, weights, free if own else 0, default, note)

    classes = Counter({value: int(weight) for value, weight in size_classes(counts.size).items()})
    out = {
        "size": fit_to(counts.size, "size", f"{len(counts.size)} sizes, drawn as {len(found.tables['size'].values)}"),
        "size by powers of two": fit_to(classes, "size", group=size_classes),
        "alignment": fit_to(counts.align, "align"),
        "flags": fit_to(counts.gfp, "gfp", "charged or not, may block or not, high, noretry, nofail", recorded_flags),
    }
    if "op" in found.tables and counts.lives.areas:
        out |= lifetime_fits(found.tables["op"].weights, counts.lives, own)
    for name, (words, counted, note) in pressure_counts(counts).items():
        if name in found.tables and counted:
            out[words] = fit_to(counted, name, note)
    return out


def pressure_counts(counts: RunCounts) -> dict[str, tuple[str, Counter[int], str]]:
    """By table: the name of its figure, what was counted, and of what."""
    return {
        "place": ("placement", counts.pages.windows, "windows of populates by pattern"),
        "step": ("fallback step", counts.pages.run_steps, "pages of windows in runs, by entry of the zonelist"),
        "max": (
            "headroom",
            counts.headrooms.found,
            "charged allocations by pages below memory.max at the next snapshot",
        ),
    }


def lifetime_fits(weights: tuple[int, ...], lives: Lifetimes, own: bool) -> dict[str, Goodness]:
    """Hook runs and survival, recorded against drawn with the fitted weights and with the default ones."""
    fitted, default = drawn_with(weights), drawn_with(KINDS["op"].measure)
    note = "further charged allocations of its task before an area is freed; not fitted: no case is long enough"
    recorded = {k: round(lives.areas * share) for k, share in lives.shares().items()}
    return {
        "frees among hook runs": goodness(lives.mix, fitted.mix, int(own), default.mix),
        "survival": goodness(recorded, fitted.shares(), 0, default.shares(), note),
    }


def independence(counts: RunCounts) -> Goodness:
    """How far the recorded joint distribution is from independent draws of size class, alignment and blocking."""
    n = counts.joint.total()
    one = [Counter[int]() for _ in range(3)]
    for key, number in counts.joint.items():
        for part, value in zip(one, key, strict=True):
            part[value] += number
    cells = [(a, b, c) for a in sorted(one[0]) for b in sorted(one[1]) for c in sorted(one[2])]
    observed = {i: counts.joint[cell] for i, cell in enumerate(cells)}
    expected = {i: one[0][a] * one[1][b] * one[2][c] / n**2 for i, (a, b, c) in enumerate(cells)}
    fitted = sum(len(part) - 1 for part in one)
    return goodness(observed, expected, fitted, None, "what drawing them independently loses")


def held_out(name: str, runs: dict[str, RunCounts]) -> tuple[dict[str, dict[str, Goodness]], list[str]]:
    """For each run how far it is from what is fitted to all others, and which cannot be judged so; nothing of one run.

    A run with fewer than LEAST charged allocations says nothing of a fit, and nothing can be fitted to so few others.
    """
    found: dict[str, dict[str, Goodness]] = {}
    left_out = []
    for run, counts in runs.items() if len(runs) > 1 else ():
        others = [other for key, other in runs.items() if key != run]
        pooled = sum(others[1:], others[0])
        fewest = min(counts.size.total(), pooled.size.total())
        if fewest >= LEAST:
            found[run] = fits_of(fit(name, pooled), counts, own=False)
        else:
            whose = "it has" if fewest == counts.size.total() else "the others have"
            left_out.append(f"held out, {run}: {whose} {fewest} charged allocations, at least {LEAST} are needed")
    return found, left_out


def calibrate(name: str, runs: dict[str, RunCounts], halves: tuple[RunCounts, RunCounts] | None = None) -> Calibration:
    """One calibration for all runs, with the fit of each distribution and, of several runs, each held out.

    halves: of a single run; then what is fitted to the first is held against the second.
    """
    counts = list(runs.values())
    pooled = sum(counts[1:], counts[0])
    found = fit(name, pooled)
    fits = fits_of(found, pooled, own=True) | {JOINT: independence(pooled)}
    apart, left_out = held_out(name, runs)
    if halves is not None:
        fewest = min(half.size.total() for half in halves)
        if fewest >= LEAST:
            apart = {SECOND_HALF: fits_of(fit(name, halves[0]), halves[1], own=False)}
        else:
            left_out = [f"{SECOND_HALF}: a half has {fewest} charged allocations, at least {LEAST} are needed"]
    return msgspec.structs.replace(found, fits=fits, held_out=apart, left_out=(*found.left_out, *left_out))


def halves_of(read: ReadTrace) -> tuple[ReadTrace, ...]:
    """A run cut in two at the middle one of its charged allocations, pages at the same time; nothing without any.

    An area lives in the half in which it was allocated; when that ends, it is last seen alive.
    """
    operations = read.operations
    at = [i for i, o in enumerate(operations) if isinstance(o, AllocArea) and o.cg is not None]
    if not at:
        return ()
    middle = at[len(at) // 2]
    t = operations[middle].t
    parts = []
    for first in (True, False):
        half = operations[:middle] if first else operations[middle:]
        pages = read.placement
        if pages is not None:
            pages = replace(pages, records=tuple(r for r in pages.records if (r.t < t) == first))
        parts.append(replace(read, operations=half, placement=pages))
    return tuple(parts)


def count_halves(read: ReadTrace) -> tuple[RunCounts, RunCounts] | None:
    """The counts of a run's halves, without snapshots: the limits of cgroups may have been set in the first."""
    found = [count_run(read.run.name, half) for half in halves_of(read)]
    return (found[0], found[1]) if found else None


def thinned(counts: Mapping[int, int], most: int) -> dict[int, int]:
    """At most so many of the (positive) values with all the counts, ascending.

    Greedy: again and again the value is given up that costs least, its count times the logarithm of how far its nearest
    neighbour is, and its count goes there.
    """
    values = sorted(counts)
    number = np.array([counts[value] for value in values])
    below = np.array([math.inf, *(far(b, a) for a, b in pairwise(values))])
    above = np.array([*(far(a, b) for a, b in pairwise(values)), math.inf])
    while len(values) > most:
        at = int(np.argmin(number * np.minimum(below, above)))
        near, last = values[at], len(values) - 1
        to_below = at == last or (at > 0 and near / values[at - 1] <= values[at + 1] / near)
        number[at - 1 if to_below else at + 1] += number[at]
        if at > 0:
            above[at - 1] = far(values[at - 1], values[at + 1]) if at < last else math.inf
        if at < last:
            below[at + 1] = far(values[at + 1], values[at - 1]) if at > 0 else math.inf
        del values[at]
        number, below, above = (np.delete(row, at) for row in (number, below, above))
    return dict(zip(values, number.tolist(), strict=True))


def far(value: int, other: int) -> float:
    return abs(math.log(value / other))
