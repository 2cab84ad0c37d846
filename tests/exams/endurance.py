"""Long campaigns: kills, clusters, time budgets, memory."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KILLS = 50
KILLED_CASES = 700_000
TIMED = ("seconds", "compile_seconds", "out")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "percpu_fuzz", *arguments]


def report(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "report.json").read_text())
    return content


def timeless(out: Path) -> dict[str, Any]:
    """report.json without times, places and how the sessions ended."""
    return {name: value for name, value in report(out).items() if name not in TIMED}


def run(out: Path, *arguments: str) -> dict[str, Any]:
    """A whole campaign in a process of its own; its report."""
    subprocess.run(command("run", "--out", str(out), "--plain", *arguments), capture_output=True, check=False)
    return report(out)


def children(pid: int) -> list[int]:
    """Living children of a process."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(path.parent.name))
    return found


def batches_stored(out: Path) -> int:
    """How many batches a store holds; 0 before there is one."""
    try:
        connection = sqlite3.connect(f"file:{out / 'campaign.db'}?mode=ro", uri=True)
        with contextlib.closing(connection):
            return int(connection.execute("SELECT count(*) FROM batch").fetchone()[0])
    except sqlite3.Error:
        return 0


def sigkills(kills: int = KILLS, cases: int = KILLED_CASES) -> dict[str, Any]:
    """50 random SIGKILLs of parents and workers of living campaigns; each ends as the uninterrupted one did."""
    rng, rows, same, integrity, campaigns = random.Random(606), [], True, True, 0
    with tempfile.TemporaryDirectory() as folder:
        while len(rows) < kills:
            seed = 1000 + campaigns
            budget = ("--cases", str(cases), "--seed", str(seed))
            run(Path(folder) / f"whole-{seed}", *budget)
            out, first = Path(folder) / f"killed-{seed}", True
            while True:
                how = ("--out", str(out), *budget) if first else ("--resume", str(out))
                ended, killed = _kill_some(out, how, rng, rows, kills)
                first = first and not batches_stored(out)
                integrity = integrity and _intact(out)
                if ended:
                    break
                if not killed:
                    raise RuntimeError("a campaign ended by itself, and not as campaigns end")
            same = same and timeless(out) == timeless(Path(folder) / f"whole-{seed}")
            campaigns += 1
    lost = max(row["seconds_lost"] for row in rows)
    return {
        "passed": same and integrity and lost <= 5,
        "kills": len(rows),
        "of_parents": sum(row["what"] == "parent" for row in rows),
        "campaigns": campaigns,
        "most_seconds_lost": round(lost, 2),
        "same_as_uninterrupted": same,
        "seed_of_kills": 606,
    }


def _kill_some(
    out: Path, how: tuple[str, ...], rng: random.Random, rows: list[dict[str, Any]], kills: int
) -> tuple[bool, bool]:
    """Start or resume a campaign and kill at random until its parent is gone: (it ended by itself, a parent died)."""
    before = batches_stored(out)
    process = subprocess.Popen(command("run", *how, "--plain"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and batches_stored(out) <= before:
        time.sleep(0.05)
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0.5, 4.0))
        if process.poll() is not None or len(rows) >= kills or (out / "report.txt").exists():
            continue
        workers = children(process.pid)
        parent = rng.random() < 0.5 or not workers
        try:
            since = time.time() - (out / "campaign.db-wal").stat().st_mtime
        except FileNotFoundError:  # it has just closed its store
            continue
        os.kill(process.pid if parent else rng.choice(workers), signal.SIGKILL)
        slowest = _slowest_batch(out)
        rows.append({"what": "parent" if parent else "worker", "seconds_lost": max(since, slowest)})
        if parent:
            process.wait()
            time.sleep(0.6)  # its workers see that it is gone
            return False, True
    return process.returncode in (0, 1), False


def _slowest_batch(out: Path) -> float:
    """Seconds of the longest batch: a kill loses at most what was in hand."""
    with contextlib.closing(sqlite3.connect(f"file:{out / 'campaign.db'}?mode=ro", uri=True)) as connection:
        return float(connection.execute("SELECT coalesce(max(seconds), 0) FROM batch").fetchone()[0])


def _intact(out: Path) -> bool:
    with contextlib.closing(sqlite3.connect(out / "campaign.db")) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok")


def cluster() -> dict[str, Any]:
    """Scheduler and two dask workers as processes on loopback, one killed half way: the digest of a local run."""
    budget = ("--cases", "400000", "--seed", "77")
    with tempfile.TemporaryDirectory() as folder, dask_processes() as (address, workers):
        local = run(Path(folder) / "local", *budget)
        out = Path(folder) / "cluster"
        process = subprocess.Popen(
            command("run", "--out", str(out), "--plain", "--cluster", address, *budget),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        half = sum(1 for _ in _stored_batches(Path(folder) / "local")) // 2
        while process.poll() is None and batches_stored(out) < half:
            time.sleep(0.05)
        at = batches_stored(out)
        workers[0].kill()
        process.wait()
        done = report(out)
    return {
        "passed": done["digest"] == local["digest"] and not done["failed"] and process.returncode == 1,
        "digests_equal": done["digest"] == local["digest"],
        "batches": 2 * half,
        "killed_after_batches": at,
        "cases_per_second": round(done["cases"] / done["seconds"]),
        "local_cases_per_second": round(local["cases"] / local["seconds"]),
    }


def _stored_batches(out: Path) -> Iterator[int]:
    yield from range(batches_stored(out))


@contextlib.contextmanager
def dask_processes() -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and two workers of one thread each, without nannies, on loopback."""
    environment = os.environ | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "100"}
    port = random.Random(os.getpid()).randrange(20_000, 30_000)
    address = f"tcp://127.0.0.1:{port}"
    started: list[subprocess.Popen[bytes]] = []

    def start(module: str, *arguments: str) -> None:
        line = [sys.executable, "-m", f"distributed.cli.{module}", *arguments, "--no-dashboard", "--host", "127.0.0.1"]
        started.append(subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    try:
        start("dask_scheduler", "--port", str(port))
        time.sleep(3)
        for _ in range(2):
            start("dask_worker", address, "--nthreads", "1", "--no-nanny")
        time.sleep(4)
        yield address, started[1:]
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


def time_sixty() -> dict[str, Any]:
    """--time 60, default campaign: seconds from the first batch to the end of the process, report included."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        process = subprocess.Popen(
            command("run", "--time", "60", "--seed", "5", "--plain", "--out", str(out)),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stderr is not None
        start = 0.0
        for line in process.stderr:
            if line.startswith("compiled or loaded"):
                start = time.monotonic()
        process.wait()
        seconds = time.monotonic() - start
        done = report(out)
    return {
        "passed": abs(seconds - 60) <= 3,
        "seconds": round(seconds, 2),
        "of_batches": round(done["seconds"], 2),
        "findings": len(done["findings"]),
        "cases": done["cases"],
    }


def twenty_minutes() -> dict[str, Any]:
    """A 20-minute campaign: memory of its processes at the start, middle and end of its batches; its file."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        process = subprocess.Popen(
            command("run", "--time", "1200", "--seed", "6", "--workers", "2", "--plain", "--out", str(out)),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        seen, living = {}, []
        start = time.monotonic()
        for name, at in (("start", 30), ("middle", 600), ("end", 1100)):
            time.sleep(max(0.0, at - (time.monotonic() - start)))
            living.append(len(children(process.pid)))
            seen[name] = sum(_anonymous(pid) for pid in (process.pid, *children(process.pid)))
        process.wait()
        done, size = report(out), (out / "campaign.db").stat().st_size
    flat = max(seen["middle"], seen["end"]) < 1.1 * seen["start"]
    return {
        "passed": flat and size < 50_000_000 and min(living) >= 2 and done["seconds"] > 1100,
        "memory_mb": {name: round(value / 1e6, 1) for name, value in seen.items()},
        "file_mb": round(size / 1e6, 2),
        "cases": done["cases"],
        "seconds_of_batches": round(done["seconds"]),
    }


def _anonymous(pid: int) -> int:
    """Bytes of a process's own, what it shares with others divided among them (PSS).

    Without the pages of files: of those, a process has as many as others do not map, whoever starts or ends.
    """
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss_Anon:"))
    return 0


LINES = {
    "sigkills": sigkills,
    "cluster": cluster,
    "time-60": time_sixty,
    "twenty-minutes": twenty_minutes,
}
