"""Machines as people post them, mutated."""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from mutated_inputs import damaged
from places import ROOT

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.answers import answers_of
from percpu_fuzz.strategies.machines.importing import import_path
from percpu_fuzz.strategies.reading import read_bytes
from tests.strategies.machines.test_posted import ROWS

DATA = ROOT / "tests" / "data" / "machines"
PACKED = (".gz", ".bz2", ".xz")
INPUTS, SECONDS_MOST, MEMORY_MOST_MB = 200_000, 20.0, 512
PIECES = [
    b"9" * 30,
    b"-1",
    b"{",
    b'"',
    b",,",
    b"=",
    b"\0",
    b"\xff",
    b"> ",
    b"```\n",
    b"$(",
    b"<<E\n",
    b"\\\n",
    b"[",
    b"<",
    b"\x1b[1m",
    "\u00a0\u2013".encode(),
    b"[code]",
    b"$((",
    b'{"',
    b"\r",
]


def mutated(data: bytes, rng: random.Random) -> bytes:
    """One to four damages, with pieces of what people paste."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        data = damaged(data, (data,), rng, PIECES)
    return data


def posted_inputs(inputs: int = INPUTS) -> dict[str, Any]:
    """No traceback, nothing over 20 s or 512 MB, every refusal one line: over all samples, each with plain answers."""
    samples = sorted(path for path in DATA.rglob("*") if path.is_file() and path.stat().st_size < 1 << 16)
    right = {DATA / "posted" / name: dict(answers) for name, answers, *_ in ROWS}
    cpus = {"possible_cpus": "0-8", "page_size": "4096"}
    given: list[dict[str, str]] = [
        {}, {"possible_nodes": "0-3", **cpus}, {"possible_nodes": "0-2", "possible_cpus": "0-7,32-34"},
        {"possible_nodes": "0,1,2,4,8", **cpus, "distances": "10:40", "memory": "0=1G,1=2G,2=1G,8=1G"},
        {"possible_cpus": "0-7", "memory": "0=1G"}, {"distances": "10:40"},
    ]  # fmt: skip
    rng, counts, slowest = random.Random("posted"), {"taken": 0, "refused": 0, "of several lines": 0}, 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "box"
        for number in range(inputs):
            sample = samples[number % len(samples)]
            data = sample.read_bytes()
            if sample.suffix in PACKED and number % 2:  # half of them are damaged within what they unpack to
                data = read_bytes(sample)
            data = mutated(data, rng)
            path.write_bytes(data)
            start = time.perf_counter()
            try:
                if number % 3 == 2:
                    answers_of({"zoneinfo" if number % 2 else "percpu_stats": str(path)})
                answers = right[sample] if sample in right and rng.random() < 0.7 else rng.choice(given)
                import_path(path, answers_of(answers))
                counts["taken"] += 1
            except InputError as error:
                counts["refused"] += 1
                counts["of several lines"] += "\n" in str(error)
            slowest = max(slowest, time.perf_counter() - start)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert slowest < SECONDS_MOST, slowest
    assert peak_mb < MEMORY_MOST_MB, peak_mb
    assert counts["of several lines"] == 0
    assert min(counts["taken"], counts["refused"]) > inputs // 20
    return {"passed": True, "inputs": inputs, **counts, "slowest_s": round(slowest, 3), "peak_mb": round(peak_mb)}


LINES = {"posted-inputs": posted_inputs}

if __name__ == "__main__":
    print(posted_inputs(int(sys.argv[1]) if len(sys.argv) > 1 else INPUTS))
