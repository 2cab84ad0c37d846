"""One digest, whoever runs the batches, where a pilot gives families their seats: workers, start methods, kills."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.store.reading import read_campaign
from percpu_fuzz.strategies.plan.recipe import make_plan

FAMILIES = ("one-node", "two-node", "vm8")
OPTIONS = ("--families", ",".join(FAMILIES), "--variant", "fixed", "--cases", "24k", "--seed", "9", "--plain")


def run(out: Path, *more: str) -> str:
    """The digest of a campaign."""
    assert call(["run", *OPTIONS, *more, "--out", str(out)]) == 0
    return read_campaign(out).digest


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The campaign with one worker."""
    out = tmp_path_factory.mktemp("digest") / "one"
    run(out, "--workers", "1")
    return out


def test_seats_are_in_it(one: Path) -> None:
    """The control: batches beyond the pilot are in the digest, and another seed has another one."""
    plan = make_plan("fixed", 9, family_names=FAMILIES)
    first = plan.seated_from()
    assert first is not None
    assert sum(sums.batches for sums in read_campaign(one).estimated.values()) > first
    assert run(one.parent / "other", "--seed", "10") != read_campaign(one).digest


@pytest.mark.parametrize("how", [("--workers", "2"), ("--workers", "3"), ("--workers", "2", "--start-method", "spawn")])
def test_it_does_not_depend_on_workers(how: tuple[str, ...], one: Path, tmp_path: Path) -> None:
    """Two and three of them, forked or started anew from the plan's recipe."""
    assert run(tmp_path / "out", *how) == read_campaign(one).digest


@pytest.mark.parametrize("stored", [2, 8])
def test_it_survives_a_kill(stored: int, one: Path, tmp_path: Path) -> None:
    """The parent killed before the pilot is whole, or after it: what goes on from its store has the same digest."""
    out = tmp_path / "out"
    line = [sys.executable, "-m", "percpu_fuzz", "run", *OPTIONS, "--workers", "1", "--out", str(out)]
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and batches_in(out) < stored:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    time.sleep(0.6)  # its worker sees that it is gone
    assert not (out / "report.txt").exists()
    assert call(["run", "--resume", str(out), "--workers", "2"]) == 0
    assert read_campaign(out).digest == read_campaign(one).digest


def batches_in(out: Path) -> int:
    """How many batches a store holds; 0 where there is none yet."""
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"file:{out / 'campaign.db'}?mode=ro", uri=True)) as connection,
    ):
        return int(connection.execute("SELECT count(*) FROM batch").fetchone()[0])
    return 0
