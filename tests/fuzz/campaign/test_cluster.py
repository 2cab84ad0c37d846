"""Batches on dask workers: as real processes on loopback, one of them killed; and what is refused."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.store.reading import read_campaign

Cluster = tuple[str, list[subprocess.Popen[bytes]]]  # the scheduler's address, and the workers
CASES = ("--cases", "100000", "--seed", "12", "--topology", "two-node", "--variant", "fixed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of these cases by workers of this machine."""
    out = tmp_path_factory.mktemp("local") / "out"
    assert call(["run", *CASES, "--out", str(out), "--plain"]) == 0
    digest: str = report_of(out)["digest"]
    return digest


def report_of(out: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    return report


def started(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A process of dask's."""
    line = [sys.executable, "-m", f"distributed.cli.{module}", *arguments, "--host", "127.0.0.1", "--no-dashboard"]
    environment = os.environ | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "100"}
    return subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def scheduler(compiled: None) -> Iterator[Cluster]:
    """A scheduler; the workers are what tests leave of them."""
    address = f"tcp://127.0.0.1:{free_port()}"
    workers: list[subprocess.Popen[bytes]] = []
    process = started("dask_scheduler", "--port", address.rpartition(":")[2])
    try:
        yield address, workers
    finally:
        for each in (*workers, process):
            each.kill()
            each.wait()


@pytest.fixture
def cluster(scheduler: Cluster) -> Cluster:
    """The scheduler with two workers of one thread each and no other: who was killed before is replaced."""
    address, workers = scheduler
    workers[:] = [worker for worker in workers if worker.poll() is None]
    while len(workers) < 2:
        workers.append(started("dask_worker", address, "--nthreads", "1", "--no-nanny", "--death-timeout", "60"))
    wait_for_workers(address, 2)
    return address, workers


def wait_for_workers(address: str, count: int) -> None:
    """Until the scheduler has exactly so many."""
    from distributed import Client

    with Client(address, timeout=60, set_as_default=False) as client:
        until = time.monotonic() + 60
        while len(client.scheduler_info(n_workers=-1)["workers"]) != count:
            assert time.monotonic() < until
            time.sleep(0.05)


@contextlib.contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """A thread that acts while this one goes on; what it raises is raised at the end."""
    with ThreadPoolExecutor(1) as pool:
        acting = pool.submit(act)
        yield
        acting.result()


def test_a_cluster_gives_the_digest_of_local_workers(tmp_path: Path, local: str, cluster: Cluster) -> None:
    """With learning and a worker that is killed on the way, every batch comes back, and the rows are the local ones."""
    address, workers = cluster
    out = tmp_path / "cluster"

    def kill() -> None:
        wait_for_batches(out / "campaign.db")
        assert not (out / "report.json").exists()
        workers[0].send_signal(signal.SIGKILL)

    with meanwhile(kill):
        assert call(["run", *CASES, "--cluster", address, "--out", str(out)]) == 0
    report = report_of(out)
    assert workers[0].wait(30) == -signal.SIGKILL
    assert report["digest"] == local
    assert report["failed"] == []


def test_it_does_so_with_seats_from_a_pilot(tmp_path: Path, cluster: Cluster) -> None:
    """Where a pilot gives families their batches: dask workers learn of it, and the digest is the local one."""
    cases = ("--families", "one-node,two-node,vm8", "--variant", "fixed", "--cases", "24k", "--seed", "9", "--plain")
    for name, more in (("local", ()), ("cluster", ("--cluster", cluster[0]))):
        assert call(["run", *cases, *more, "--out", str(tmp_path / name)]) == 0
    local, remote = (read_campaign(tmp_path / name) for name in ("local", "cluster"))
    assert local.digest == remote.digest
    assert local.pilot == 3
    assert sum(sums.batches for sums in remote.estimated.values()) > 2 * remote.pilot


OTHER_CODE = """
import sys
import percpu_fuzz.fuzz.campaign.cluster
percpu_fuzz.fuzz.campaign.cluster.CODE = "other"
from distributed.cli.dask_worker import main
main()
"""
WITHOUT_THE_PROJECT = """
import sys
sys.modules["percpu_fuzz"] = None
from distributed.cli.dask_worker import main
main()
"""


WAITS = """
import os
import sys
import time
import distributed.cli.dask_worker
while not os.path.exists({path!r}):
    time.sleep(0.02)
"""


def stranger(program: str, address: str, until: Path | None = None) -> subprocess.Popen[bytes]:
    """A dask worker of four threads that runs a program of its own first, and joins once there is a path `until`."""
    program = program if until is None else WAITS.format(path=str(until)) + program
    line = [sys.executable, "-c", program, address, "--nthreads", "4", "--no-nanny", "--host", "127.0.0.1"]
    return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("program", [OTHER_CODE, WITHOUT_THE_PROJECT], ids=["other", "without"])
def test_a_worker_of_other_code_that_joins_late_is_sent_away(
    tmp_path: Path, local: str, cluster: Cluster, program: str
) -> None:
    """It joins while batches run: none of its rows is taken, it ends, no batch is lost, the digest stays.

    One without the project may end by itself when a batch reaches it, before anybody asks for its code.
    """
    address, _ = cluster
    out = tmp_path / "cluster"

    def join() -> None:
        wait_for_batches(out / "campaign.db")
        assert not (out / "report.json").exists()
        (tmp_path / "now").touch()

    with stranger(program, address, tmp_path / "now") as joined:
        try:
            with meanwhile(join):
                assert call(["run", *CASES, "--cluster", address, "--out", str(out)]) == 0
            assert joined.wait(30) == 0
        finally:
            joined.kill()
    report = report_of(out)
    said = (out / "campaign.log").read_text()
    assert "joined with other code and is sent away" in said or program == WITHOUT_THE_PROJECT
    assert report["digest"] == local
    assert report["failed"] == []


def wait_for_batches(database: Path) -> None:
    """Until a campaign has stored some."""
    until = time.monotonic() + 60
    count = 0
    while count < 3:
        assert time.monotonic() < until
        time.sleep(0.05)
        with (
            contextlib.suppress(sqlite3.OperationalError),
            contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection,
        ):
            (count,) = connection.execute("SELECT count(*) FROM batch").fetchone()


@pytest.mark.parametrize(
    ("program", "words"),
    [(OTHER_CODE, "has other code"), (WITHOUT_THE_PROJECT, "cannot load this project")],
    ids=["other", "without"],
)
def test_a_worker_of_other_code_is_refused_at_the_start(
    tmp_path: Path,
    cluster: Cluster,
    program: str,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line that names the worker, exit status 2, no folder."""
    address, _ = cluster
    with stranger(program, address) as process:
        try:
            wait_for_workers(address, 3)
            assert call(["run", *CASES, "--cluster", address, "--out", str(tmp_path / "out")]) == 2
        finally:
            process.kill()
    assert words in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--cluster", "127.0.0.1:8786"], "tcp://HOST:PORT"),
        (["--cluster", "tcp://127.0.0.1"], "tcp://HOST:PORT"),
        (["--cluster", "tcp://127.0.0.1:8786", "--scheduler", "mine.py:A"], "files are not sent"),
    ],
)
def test_what_cannot_be_a_cluster_is_refused(
    tmp_path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit status 2, no folder."""
    assert call(["run", *arguments, "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_nobody_at_the_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port without a scheduler: one line that names it, exit status 2."""
    monkeypatch.setattr("percpu_fuzz.fuzz.campaign.cluster.CONNECT_SECONDS", 0.5)
    address = f"tcp://127.0.0.1:{free_port()}"
    assert call(["run", *CASES, "--cluster", address, "--out", str(tmp_path / "out")]) == 2
    assert address in capsys.readouterr().err.splitlines()[-1]
