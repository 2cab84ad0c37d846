"""`percpu-fuzz calibrate`."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.campaign.recorded_input import ACCOUNTED, ASSUMED_WORDS, RecordedInput, read_recorded
from percpu_fuzz.fuzz.files import write_output
from percpu_fuzz.fuzz.left_out import counts_words, left_out_lines
from percpu_fuzz.reports.numbers import decimal, number, paragraph, table
from percpu_fuzz.reports.sections.certificate_words import LEAST_BOUND
from percpu_fuzz.strategies.calibrate.calibrate import Counts, calibrate, count_run, halves_of
from percpu_fuzz.strategies.draw.calibration import (
    CALIBRATION_NAME,
    TABLES,
    Calibration,
    check_calibration,
    dump_calibration,
)
from percpu_fuzz.strategies.draw.goodness import Goodness

WORDS = (
    "distance: total variation, the share of draws that would have to change; default: that of the weights without a "
    "calibration. G against chi-square takes allocations as independent draws, which those of one run are not: with so "
    "many, p says little and w, the size of the effect, how much (0.1 small, 0.3 medium, 0.5 large). '-': the fit "
    "excludes what was counted, or nothing is left to vary."
)
HELD_OUT_WORDS = (
    "Held out: the distance to each run of what is fitted to all the others (of a single run: to its second half of "
    "what is fitted to the first). It says how well a fit holds beyond what it was fitted to, which the table above "
    "does not: each weight there was fitted."
)


def calibrate_command(
    files: tuple[str, ...], topology: str | None, charge: str, name: str, output: str | None, as_json: bool
) -> int:
    """Fit the measurement stream's tables to recorded traces, print how well they fit, write them."""
    if not CALIBRATION_NAME.fullmatch(name):
        raise InputError("--name", repr(name[:80]), "letters, digits, '.', '_' and '-'")
    refuse_twice(files)
    runs: dict[str, Counts] = {}
    reads: list[RecordedInput] = []
    for file in files:
        read = read_recorded(file, topology, charge=charge, beside=True)
        key = run_name(read, file, runs)
        print(f"{file}: {counts_words(read.counts)}; placement: {read.placed or 'not known'}")
        for line in left_out_lines(read.left_out):
            print(line)
        runs[key] = count_run(key, read.kernel, read.workload, read.topology, read.placement, read.snapshots)
        reads = [*reads, read] if len(files) == 1 else []  # of several, only the counts are kept
    if charge == ACCOUNTED:
        print("\n".join(paragraph(ASSUMED_WORDS)))
    found = check_calibration(calibrate(name, runs, two_halves(reads[0]) if reads else None), name)
    print(calibration_text(found))
    if output is not None:
        write_output(Path(output), dump_calibration(found), "-o")
    if as_json:
        print(json.dumps(msgspec.to_builtins(found), sort_keys=True))
    return 0


def refuse_twice(files: tuple[str, ...]) -> None:
    """InputError for a trace that is given again, under whatever path: its allocations would count twice."""
    seen: set[Path] = set()
    for file in files:
        if Path(file).resolve() in seen:
            raise InputError(file, "the same trace twice", "each trace once")
        seen.add(Path(file).resolve())


def two_halves(read: RecordedInput) -> tuple[Counts, Counts] | None:
    """The counts of a run's halves, without snapshots: the limits of cgroups may have been set in the first."""
    found = [
        count_run(read.name, read.kernel, workload, read.topology, placement)
        for workload, placement in halves_of(read.workload, read.placement)
    ]
    return (found[0], found[1]) if found else None


def run_name(read: RecordedInput, file: str, runs: dict[str, Counts]) -> str:
    """The name of the run's folder; that of the file where it is taken."""
    if read.name and read.name not in runs:
        return read.name
    name = Path(file).name
    if name in runs:
        raise InputError(file, f"a third run called {name!r}", "folders or files with names of their own")
    return name


def calibration_text(found: Calibration) -> str:
    """Sources, the fit of each distribution, what is held out and what is left out."""
    lines = ["", f"calibration {found.name}, digest {found.digest}"]
    rows = [["run", "charged", "allocations", "pages"]]
    rows += [[s.run, number(s.charged), number(s.allocations), number(s.pages)] for s in found.sources]
    lines += [*table(rows), ""]
    rows = [["distribution", "n", "distance", "default", "w", "G", "df", "p"]]
    rows += [fit_row(name, fit) for name, fit in found.fits.items()]
    lines += [*table(rows, gap=1), "", *paragraph(WORDS)]
    if found.held_out:
        lines += ["", *held_out_table(found), "", *paragraph(HELD_OUT_WORDS)]
    for words in found.left_out:
        table_name = words.partition(":")[0]
        unfitted = table_name in TABLES and table_name not in found.tables
        lines += paragraph(f"{'Not fitted, default weights' if unfitted else 'Left out'}: {words}.")
    return "\n".join(lines)


def fit_row(name: str, fit: Goodness) -> list[str]:
    """Cells in the order of the table's head; '-' for what is None, p below LEAST_BOUND as a bound."""
    g = "-" if fit.g is None else number(round(fit.g))
    df = "-" if fit.df is None else number(fit.df)
    p = "-" if fit.p is None else f"< {LEAST_BOUND:g}" if fit.p < LEAST_BOUND else f"{fit.p:.2g}"
    return [name, number(fit.n), decimal(fit.distance, 3), decimal(fit.default_distance, 3), decimal(fit.w), g, df, p]


def held_out_table(found: Calibration) -> list[str]:
    """A row a distribution, a column a run."""
    runs = list(found.held_out)
    short = [run.partition("-")[0][:12] for run in runs]
    rows = [["held out", *(short if len(set(short)) == len(runs) else runs)]]
    for name in dict.fromkeys(name for fits in found.held_out.values() for name in fits):
        rows.append([name, *(distance_of(found.held_out[run].get(name)) for run in runs)])
    return table(rows, gap=1)


def distance_of(fit: Goodness | None) -> str:
    """A distance with three decimals; '-' where the run has no such distribution."""
    return "-" if fit is None else decimal(fit.distance, 3)
