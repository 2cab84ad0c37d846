"""Damaged input files: `make fuzz-inputs` (COUNT=number SEED=number) gives so many to the commands that read them.

Every kind of file takes its turn (tests/support/input_kinds.py), damaged as tests/support/mutated_inputs.py does. Each
must end with a verdict or with one line and exit status 2: no traceback, no other exit status, nothing that takes over
512 MB or 20 s of computing, nothing that a terminal obeys. What takes two minutes in all is hung. What is amiss is
kept below out/fuzz-inputs, with its seed and number in its name; so is how far a run came, which goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
sys.path.insert(0, str(ROOT))

from input_kinds import input_kinds  # noqa: E402
from mutated_inputs import bound_memory, one_of, read_by  # noqa: E402

from percpu_fuzz.engine.core.compiled import code_version  # noqa: E402

CHUNK = 5000
HUNG_SECONDS = 120
PROCESSES = 2
KEPT = ROOT / "out" / "fuzz-inputs"


def chunk(seed: int, start: int, stop: int, kept: Path) -> dict[str, Any]:
    """In this process: inputs start to stop; how often each kind came to each status, and what was amiss."""
    statuses, amiss, slowest = Counter[str](), list[str](), 0.0
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        kinds = input_kinds(work)
        os.chdir(work)
        (work / "in").mkdir()
        for kind in kinds.values():  # what each command loads, or compiles once, is none of an input's doing
            read_by(kind, kind.seeds[0], work / "in")
        bound_memory()
        for number in range(start, stop):
            name, content = one_of(kinds, seed, number)
            (kept / f"at-{seed}-{start}").write_text(f"{number}")  # if this process dies of it
            signal.alarm(HUNG_SECONDS)
            told = read_by(kinds[name], content, work / "in")
            signal.alarm(0)
            statuses[f"{name} {told.status}"] += 1
            slowest = max(slowest, told.seconds)
            if told.amiss:
                file = kept / f"{name}-{seed}-{number}"
                file.write_bytes(content)
                amiss.append(f"{file}: {told.amiss}: {told.said[-300:]}")
    (kept / f"at-{seed}-{start}").unlink()
    return {"statuses": statuses, "amiss": amiss, "slowest_seconds": slowest}


def in_a_process(seed: int, start: int, stop: int, kept: Path) -> dict[str, Any]:
    """chunk() in a process of its own; its death is amiss too. One that this code did before is not done again."""
    mark, row = kept / f"at-{seed}-{start}", kept / f"done-{code_version()}-{seed}-{start}-{stop}"
    if row.exists():
        return dict(json.loads(row.read_text()))
    part = ["--seed", f"{seed}", "--chunk", f"{start}", f"{stop}", "--kept", str(kept)]
    line = [sys.executable, "-m", "tests.inputs", *part]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        text = done.stdout.splitlines()[-1]
        row.write_text(text)
        return dict(json.loads(text))
    at = mark.read_text() if mark.exists() else "none yet"
    said = f"seed {seed}, input {at}: the process ended with {done.returncode}: {done.stderr[-500:]}"
    return {"statuses": {}, "amiss": [said], "slowest_seconds": 0.0}


def fuzz_inputs(count: int, seed: int, kept: Path = KEPT, processes: int = PROCESSES) -> dict[str, Any]:
    """So many inputs, from number 0 on; what they came to."""
    kept.mkdir(parents=True, exist_ok=True)
    statuses, amiss, slowest = Counter[str](), list[str](), 0.0
    with ThreadPoolExecutor(processes) as pool:
        parts = [(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
        for found in pool.map(lambda part: in_a_process(seed, *part, kept), parts):
            statuses.update(found["statuses"])
            amiss += found["amiss"]
            slowest = max(slowest, found["slowest_seconds"])
    return {
        "inputs": statuses.total(), "seed": seed, "statuses": dict(sorted(statuses.items())), "amiss": len(amiss),
        "first": amiss[:5], "slowest_seconds": round(slowest, 1),
    }  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kept", type=Path, default=KEPT)
    parser.add_argument("--chunk", type=int, nargs=2)
    given = parser.parse_args(arguments)
    if given.chunk:
        print(json.dumps(chunk(given.seed, *given.chunk, given.kept)))
        return 0
    found = fuzz_inputs(given.count, given.seed, given.kept)
    print(json.dumps(found, indent=1))
    return int(found["amiss"] > 0 or found["inputs"] < given.count)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
