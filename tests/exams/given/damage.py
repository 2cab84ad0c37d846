"""Traces that are damaged."""

from __future__ import annotations

import contextlib
import gzip
import io
import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from places import ROOT

from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.strategies.trace.rewrite import FORMS, rewritten

RUNS = ROOT.parent / "shared" / "kernel-runs"
OURS = re.compile(r" (?:percpu_\w+|post|stat|chgfail|populate|popd|depopd|tracing_mark_write): ")
MUTATED_LINES, LINES_A_TRACE, KEPT_LINES, FIDELITY_EVERY = 100_000, 500, 1000, 10
VARIANTS = ("base", "split", "v1", "v2", "v2-exts", "v2-fast", "fixed")
FILES = ("topology.json", "states.json", "placement.json", "dmesg-boot.txt")


def run_folder(name: str) -> Path:
    (folder,) = RUNS.glob(f"{name}-*")
    return folder


def lines_of(folder: Path) -> Iterator[str]:
    with gzip.open(folder / "percpu.trace.gz", "rt") as file:
        for line in file:
            yield line.rstrip("\n")


def mutated(line: str, rng: random.Random) -> str:
    """One line with a byte, a number, its end or its words damaged."""
    kind, place = rng.randrange(5), rng.randrange(len(line) + 1)
    if kind == 0:
        return line[:place] + chr(rng.randrange(32, 127)) + line[place + 1 :]
    if kind == 1:
        return line[:place]
    if kind == 2:
        words = line.split(" ")
        rng.shuffle(words)
        return " ".join(words)
    numbers = list(re.finditer(r"\d+", line))
    if kind == 3 or not numbers:
        return line[:place] + line[place // 2 :]
    at = rng.choice(numbers)
    values = [0, 1, 3, 7, 4096, 40000, 2**31, 2**63, int(at[0]) + 1, 2 * int(at[0])]
    return line[: at.start()] + str(rng.choice(values)) + line[at.end() :]


def damaged(lines: list[str], rng: random.Random) -> list[str]:
    """A stretch of a trace, LINES_A_TRACE of its lines damaged, some lost, doubled or out of order."""
    start = rng.randrange(max(len(lines) - KEPT_LINES - LINES_A_TRACE, 1)) if rng.random() < 0.5 else 0
    out = lines[start : start + KEPT_LINES + LINES_A_TRACE]
    for place in rng.sample(range(len(out)), LINES_A_TRACE):
        out[place] = mutated(out[place], rng)
    for _ in range(rng.choice([0, 1, 30])):
        at, length, kind = rng.randrange(len(out)), rng.choice([1, 5, 100]), rng.randrange(3)
        part = out[at : at + length]
        out[at : at + length] = [] if kind == 0 else part * 2 if kind == 1 else rng.sample(part, len(part))
    return out


def outcome(arguments: list[str]) -> tuple[int, str]:
    """Exit status and standard error of a command line."""
    said, complaints = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complaints):
        return call(arguments), complaints.getvalue()


def shapes_of(folder: Path) -> dict[str, list[str]]:
    lines = [line for line in lines_of(folder) if OURS.search(line)]
    return {"tracefs": lines} | {form: list(rewritten(lines, form)) for form in FORMS}


def trace_mutations() -> dict[str, Any]:
    """100,000 damaged lines through the commands `trace` and `fidelity`: exit status 0, 1 or 2, a line for each 2, and
    never a traceback; most traces are still replayed.
    """
    rng, statuses, bad = random.Random(20), Counter[str](), list[str]()
    with tempfile.TemporaryDirectory() as work:
        target = Path(work) / "percpu.trace"
        for name in ("r1", "r6", "r11"):
            folder = run_folder(name)
            shapes = list(shapes_of(folder).values())
            for file in FILES:
                (Path(work) / file).unlink(missing_ok=True)
                (Path(work) / file).symlink_to(folder / file)
            for number in range(-(-MUTATED_LINES // LINES_A_TRACE // 3)):
                target.write_text("\n".join(damaged(rng.choice(shapes), rng)) + "\n")
                given = ["trace", str(target), "--topology", str(folder / "topology.json"), "--variant"]
                given += [rng.choice(VARIANTS), *rng.choice([[], ["--states", str(folder / "states.json")]])]
                for command in [given, ["fidelity", work]] if number % FIDELITY_EVERY == 0 else [given]:
                    status, complaint = outcome(command)
                    statuses[f"{command[0]} {status}"] += 1
                    if status not in (0, 1, 2) or complaint.count("\n") != (status == 2):
                        bad.append(complaint[-300:])
    replayed = sum(n for words, n in statuses.items() if not words.endswith("2"))
    passed = not bad and 2 * replayed > statuses.total()
    return {"passed": passed, "damaged_lines": MUTATED_LINES, "statuses": dict(statuses), "bad": bad[:3]}


LINES = {"trace-mutations": trace_mutations}
