"""Little memory, few descriptors, nobody to tell, names that are not ASCII: in order, in a line, with a true status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from places import DATA, PERCPU_FUZZ, ROOT

SMALL = "--topology two-node --variant fixed --workers 2 --plain --seed 1"
FINDING = DATA / "findings" / "v2-lost-bytes.json"
TRACE = DATA / "recorded" / "r11-2node-small-6.1" / "percpu.trace.gz"


def shell(line: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A line of bash in a folder; $P is percpu-fuzz. One that spins is ended, and then the test fails."""
    text = f"P='{sys.executable} -m percpu_fuzz'; {line}"
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    return subprocess.run(["bash", "-c", text], cwd=folder, env=environment, capture_output=True, text=True,
                          errors="surrogateescape", check=False, timeout=300)  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_standard_error_changes_no_status(tmp_path: Path) -> None:
    """2 stays 2, a verdict a verdict; no folder is left of what was refused."""
    for line, status in (
        ("run --cases x", 2), ("run --topology none/such --out new/out", 2), ("--no-such-option", 2), ("variants", 0),
        (f"replay {FINDING}", 1),
    ):  # fmt: skip
        assert shell(f"$P {line} 2> /dev/full", tmp_path).returncode == status, line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "line",
    [
        f"convert {TRACE} --to perf -o ''", f"convert {TRACE} --to perf -o /", f"convert {TRACE} --to perf -o .",
        f"handoff {FINDING} -o {'x' * 300}", f"replay {FINDING} --perfetto {'x' * 300}",
        f"handoff {FINDING} -o {'y/' * 3000}z", f"trace {TRACE} --topology {TRACE.with_name('topology.json')} --out /",
        "run --config big.toml",
    ],
)  # fmt: skip
def test_what_cannot_be_written_or_read_is_an_input_error(line: str, tmp_path: Path) -> None:
    """No name, a folder, names that are too long, a number of 4,300 digits: 2 and one line."""
    (tmp_path / "big.toml").write_text("[run]\nseed = " + "9" * 4300 + "\n")
    done = shell(f"$P {line}", tmp_path, PERCPU_FUZZ_QUIET="1")
    assert done.returncode == 2
    assert done.stderr.startswith("percpu-fuzz: ")
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["big.toml"]


@pytest.mark.parametrize("limit", ["-n 16", "-v 450000"])
def test_a_campaign_without_room_ends(limit: str, tmp_path: Path) -> None:
    """Too few descriptors, too little memory for two workers: 3 and a line that says so, and no spinning."""
    done = shell(f"ulimit {limit}; timeout -k 1 240 $P run {SMALL} --cases 3000 --out out", tmp_path)
    assert done.returncode == 3, done.stderr
    assert done.stderr.splitlines()[-1].startswith("percpu-fuzz: harness broken: ")


def test_hanging_up_ends_in_order(tmp_path: Path) -> None:
    """SIGHUP is an early end of the budget: reports are there, as after SIGTERM. Below nohup it would be none."""
    line = [*PERCPU_FUZZ, "run", *SMALL.split(), "--time", "200", "--out", str(tmp_path / "out")]
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    ) as process:  # fmt: skip
        until = time.monotonic() + 200
        while not (tmp_path / "out" / "campaign.db").exists():
            assert time.monotonic() < until
            time.sleep(0.1)
        process.send_signal(signal.SIGHUP)
        _, said = process.communicate(timeout=200)
    assert process.returncode in (0, 4), said
    assert "ending in order" in said
    assert (tmp_path / "out" / "report.json").is_file()


def test_names_that_are_not_ascii(tmp_path: Path) -> None:
    """A machine named e-acute, a folder whose name is no UTF-8, streams that are strict about ASCII: all goes on."""
    lines = (
        "$P topology export two-node --format json | sed 's/two-node/\u00e9/' > m.json",
        "$P topology show m.json && $P topology export m.json -o $'q\\xff' && $P topology export m.json > /dev/null",
        "$P run --topology m.json --variant fixed --workers 1 --plain --seed 1 --cases 300 --out $'o\\xff'",
        "$P report $'o\\xff' && $P run --resume $'o\\xff' --cases 600 --plain",
        f"sed 's/\"name\": \"[^\"]*\"/\"name\": \"\u00e9\"/' {FINDING} > f.json; $P regress f.json -o $'t\\xff'",
    )  # fmt: skip
    for line in lines:
        done = shell(f"set -e; {line}", tmp_path, PYTHONIOENCODING="ascii:strict", LC_ALL="C", PYTHONUTF8="0")
        assert done.returncode == 0, (line, done.stderr)
        assert "Traceback" not in done.stderr
    assert (tmp_path / os.fsdecode(b"o\xff") / "report.html").is_file()
    assert b"\xff" in b"".join(map(os.fsencode, os.listdir(tmp_path)))
