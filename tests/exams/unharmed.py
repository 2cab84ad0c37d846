"""Nothing lost and nobody let in: simultaneous starts, hostile files, damaged input, kills in the first seconds."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from exams.endurance import batches_stored, command, timeless

from tests.inputs import fuzz_inputs

PAIRS = 200
EARLY_KILLS = 20
INPUTS = 1_000_000
SMALL = ("--topology", "two-node", "--variant", "fixed", "--workers", "1", "--plain")
WINNERS = ("campaign.db", "campaign.log", "report.html", "report.json", "report.txt")
HOSTILE = ("tests/fuzz/test_hostile_files.py", "tests/fuzz/test_settings.py", "tests/fuzz/test_typed_code.py")


def started(out: Path, *arguments: str) -> subprocess.Popen[str]:
    """A campaign in a process of its own."""
    line = command("run", *arguments, "--out" if "--resume" not in arguments else "", str(out))
    quiet = os.environ | {"PERCPU_FUZZ_QUIET": "1"}  # a busy machine adds no line to a refusal
    words = [word for word in line if word]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=quiet)


def simultaneous_starts(pairs: int = PAIRS) -> dict[str, Any]:
    """200 pairs of starts in one new folder: one wins with its reports, the other is refused in one line."""
    amiss = []
    with tempfile.TemporaryDirectory() as name:
        for number in range(pairs):
            out = Path(name) / f"{number}" / "out"
            both = [started(out, "--cases", "200", "--seed", f"{seed}", *SMALL) for seed in (1, 2)]
            said = [process.communicate() for process in both]
            statuses = sorted(process.returncode for process in both)
            refusals = [errors for process, (_, errors) in zip(both, said, strict=True) if process.returncode == 2]
            is_whole = set(WINNERS) <= {path.name for path in out.iterdir()}
            if statuses not in ([0, 2], [1, 2]) or refusals[0].count("\n") != 1 or not is_whole:
                amiss.append(f"pair {number}: {statuses}, {refusals}, {sorted(p.name for p in out.glob('*'))}")
    return {"passed": not amiss, "pairs": pairs, "amiss": len(amiss), "first": amiss[:3]}


def hostile_files() -> dict[str, Any]:
    """Every test of a hostile store, scenario, calibration and configuration."""
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *HOSTILE]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    last = done.stdout.strip().splitlines()[-1]
    return {"passed": done.returncode == 0 and " passed" in last, "said": last}


def mutated_inputs(count: int = INPUTS) -> dict[str, Any]:
    """A million damaged files: no traceback, nothing over 512 MB, nothing over 20 s."""
    found = fuzz_inputs(count, seed=int(time.strftime("%Y%m%d")))
    return {"passed": found["amiss"] == 0 and found["inputs"] == count, **found}


def early_kills(kills: int = EARLY_KILLS, cases: int = 20_000) -> dict[str, Any]:
    """20 SIGKILLs in the first two seconds: each folder resumes to what a whole run is, or says why it does not."""
    rng, outcomes, amiss = random.Random(23), [], []
    budget = ("--cases", str(cases), "--seed", "9", *SMALL)
    with tempfile.TemporaryDirectory() as name:
        started(Path(name) / "whole", *budget).communicate()
        for number in range(kills):
            out = Path(name) / f"{number}"
            process = started(out, *budget)
            time.sleep(rng.uniform(0.0, 2.0))
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            batches = batches_stored(out)
            again = started(out, "--plain", "--workers", "1", "--resume")  # how many is no part of what is stored
            _, errors = again.communicate()
            refused = again.returncode == 2 and errors.count("\n") == 1 and not batches
            same = again.returncode in (0, 1) and timeless(out) == timeless(Path(name) / "whole")
            outcomes.append("refused" if refused else "resumed" if same else "amiss")
            if not (refused or same):
                amiss.append(f"kill {number}: {again.returncode}: {errors[-300:]}")
    counts = {word: outcomes.count(word) for word in ("resumed", "refused", "amiss")}
    return {"passed": not amiss, "kills": kills, **counts, "first": amiss[:3]}


LINES = {
    "simultaneous-starts": simultaneous_starts,
    "hostile-files": hostile_files,
    "mutated-inputs": mutated_inputs,
    "early-kills": early_kills,
}
