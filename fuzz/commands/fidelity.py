"""`percpu-fuzz fidelity`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.left_out import counts_words, left_out_lines
from percpu_fuzz.fuzz.progress import WatchedFile
from percpu_fuzz.strategies.fidelity.areas import AreaReport
from percpu_fuzz.strategies.fidelity.charge_failures import ChargeReport
from percpu_fuzz.strategies.fidelity.fallback import TOLERANCE, FallbackReport
from percpu_fuzz.strategies.fidelity.fidelity import Fidelity, check_run
from percpu_fuzz.strategies.trace.recorded_run import RecordedRun


def fidelity_command(folders: tuple[str, ...], as_json: bool) -> int:
    """Compare each recorded run with the base variant and the models of allocator and placement; 1 on a difference.

    A folder that cannot be judged is said, the others are gone through, and then it is the input error that ends this.
    """
    for folder in folders:
        if not Path(folder).is_dir():
            raise InputError("fidelity", repr(folder), "the folder of a recorded run")
    found: list[Fidelity] = []
    refused: list[InputError] = []
    for folder in folders:
        try:
            found.append(one_folder(Path(folder)))
        except InputError as error:
            print(f"{Path(folder).name}: not judged: {' '.join(str(error).split())}")
            refused.append(error)
    if as_json and found:
        print(json.dumps({"runs": [row_of(fidelity) for fidelity in found]}, sort_keys=True))
    if refused:
        raise refused[0]
    return int(not all(fidelity.agrees for fidelity in found))


def one_folder(folder: Path) -> Fidelity:
    """Read, judge and print one run."""
    run = RecordedRun.of_folder(folder)
    with WatchedFile(run.trace, "trace") as source:
        read = run.read(source, keep_events=True)
    fidelity = check_run(read, VARIANTS["base"])
    print(f"{run.name}: {counts_words(read.counts)}; {read.cpus}")
    print_fidelity(fidelity)
    return fidelity


def share(part: int, whole: int) -> str:
    """3 of 4 (75.00%); of nothing without the percentage."""
    return f"{part} of {whole}" + (f" ({100 * part / whole:.2f}%)" if whole else "")


def print_fidelity(fidelity: Fidelity) -> None:
    """Five figures, and what could not be observed."""
    print(
        f"  1 memory.stat percpu  {share(fidelity.rows_equal, fidelity.rows)} rows equal, {fidelity.rows_lagging} lag, "
        f"worst other difference {fidelity.worst_difference_bytes} bytes"
    )
    if fidelity.areas is not None:
        print_areas(fidelity.areas)
    if fidelity.fallback is not None:
        print_fallback(fidelity.fallback)
    if fidelity.charges is not None:
        print_charges(fidelity.charges)
    for line in left_out_lines(fidelity.left_out):
        print(line)
    for what in fidelity.missing:
        print(f"  not in this folder: {what}")


def print_areas(areas: AreaReport) -> None:
    """Figures 2 and 3: areas and page ranges as recorded, causes of differences by number, what was not observable."""
    print(
        f"  2 areas               {share(areas.equal, areas.allocations)} at the same chunk and offset, "
        f"{areas.stretch} in a row; {share(areas.failures_equal, areas.failures)} failures too"
    )
    for cause, count in sorted(areas.causes.items(), key=lambda item: -item[1]):
        if count:
            print(f"      {count:6d} differ: {cause}")
    print(
        f"      not observable: {areas.first_chunk} allocations in chunks from before the trace, "
        f"{areas.unknown_frees} frees of areas from before it, {areas.conflicts} conflicts, {areas.beyond_unit} events "
        "beyond a unit"
    )
    print(
        f"  3 pages               {share(areas.populates_equal, areas.populates)} populated ranges equal, "
        f"{share(areas.depopulates_equal, areas.depopulates)} depopulated"
    )
    print(f"      not observable: pages populated during the first {areas.unprobed} allocations")


def print_fallback(fallback: FallbackReport) -> None:
    """Figure 4: pages on the recorded node, then by CPU node the share that fell back, and switches."""
    print(
        f"  4 placement           {share(fallback.pages_equal, fallback.pages)} pages on the recorded node, given "
        f"{fallback.intervals} node-full intervals; longest run {fallback.longest_run}"
    )
    print(
        f"      {share(fallback.others_equal, fallback.others_judged)} with intervals from the other CPUs alone; "
        f"{fallback.split} of {fallback.indices} page indices with CPUs of one node on two nodes"
    )
    for node, shares in sorted(fallback.nodes.items()):
        fell = 100 * shares.fallback_recorded / max(shares.pages, 1)
        print(
            f"      CPUs of node {node}: {fell:5.1f}% fall back, model {100 * shares.fallback_difference:.1f} points "
            f"off, by distance {100 * shares.distance_difference:.1f} (tolerance {100 * TOLERANCE:.0f}); switches "
            f"{words(shares.switches_recorded)}, the model {words(shares.switches_model)}"
        )


def words(numbers: list[int]) -> str:
    """The range of some numbers."""
    return str(min(numbers)) if min(numbers) == max(numbers) else f"{min(numbers)} to {max(numbers)}"


def print_charges(charges: ChargeReport) -> None:
    """Figure 5: recorded failures that the model has too, and charges under a limit that fit there."""
    print(
        f"  5 charge failures     {charges.recorded} recorded: {charges.failures['same']} fail in the model, "
        f"{charges.undecided} not decidable, {charges.contradicted} contradicted"
    )
    limited = charges.successes.total()
    print(
        f"      of {limited} charges under a limit {charges.successes['same']} fit in the model, "
        f"{charges.successes['open']} not decidable, {charges.successes['other']} only after reclaim"
    )


def row_of(fidelity: Fidelity) -> dict[str, Any]:
    """The figures as JSON."""
    areas, fallback, charges = fidelity.areas, fidelity.fallback, fidelity.charges
    row: dict[str, Any] = {
        "run": fidelity.name,
        "rows": fidelity.rows,
        "rows_equal": fidelity.rows_equal,
        "rows_lagging": fidelity.rows_lagging,
        "worst_difference_bytes": fidelity.worst_difference_bytes,
        "agrees": fidelity.agrees,
        "missing": fidelity.missing,
        "left_out": dict(fidelity.left_out),
    }
    if areas is not None:
        names = ("allocations", "equal", "stretch", "failures", "failures_equal", "populates", "populates_equal")
        more = (
            "depopulates",
            "depopulates_equal",
            "first_chunk",
            "unknown_frees",
            "conflicts",
            "unprobed",
            "beyond_unit",
        )
        row["areas"] = {name: getattr(areas, name) for name in names + more} | {"causes": dict(areas.causes)}
    if fallback is not None:
        row["placement"] = {
            "pages": fallback.pages,
            "pages_equal": fallback.pages_equal,
            "others_judged": fallback.others_judged,
            "others_equal": fallback.others_equal,
            "intervals": fallback.intervals,
            "longest_run": fallback.longest_run,
            "split": fallback.split,
            "within": fallback.within,
            "fallback_difference": max((s.fallback_difference for s in fallback.nodes.values()), default=0.0),
            "distance_difference": max((s.distance_difference for s in fallback.nodes.values()), default=0.0),
        }
    if charges is not None:
        row["charges"] = {
            "failures": dict(charges.failures),
            "successes": dict(charges.successes),
            "recorded": charges.recorded,
            "contradicted": charges.contradicted,
        }
    return row
