"""Cases that hang, take too much memory, crash or raise, planted through a user's scheduler: findings, not the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from percpu_fuzz.fuzz.cli import call

KILLERS = """
import ctypes, time

class Walk:
    def begin(self, case, rng, look):
        self.rng = rng
        if (case.k, case.case) == (0, 7):
            time.sleep(600)
        if (case.k, case.case) == (1, 11):
            self.big = bytearray(4 << 30)
        if (case.k, case.case) == (2, 13):
            ctypes.string_at(0)
        if (case.k, case.case) == (3, 2):
            raise KeyError("planted")

    def choose(self, ready, look):
        return self.rng.choice(ready)
"""


def test_each_killer_is_a_finding_and_the_rest_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Four planted killers: four files that name batch, case and cause, exit status 1, all other batches there."""
    (tmp_path / "mine.py").write_text(KILLERS)
    out = tmp_path / "out"
    arguments = ["--variant", "fixed", "--topology", "two-node", "--seed", "2", "--cases", "6300", "--workers", "2"]
    scheduler = ["--scheduler", f"{tmp_path / 'mine.py'}:Walk", "--batch-seconds", "3", "--worker-memory", "1G"]
    assert call(["run", *arguments, *scheduler, "--out", str(out)]) == 1
    rows = {k: json.loads((out / "findings" / f"batch-hunting-{k}.json").read_text()) for k in range(4)}
    assert [rows[k]["case"] for k in range(4)] == [7, 11, 13, 2]
    expected = (
        "took longer than 3 s and was killed", "raised MemoryError: ", "died of SIGSEGV", "raised KeyError: 'planted'",
    )  # fmt: skip
    assert tuple(rows[k]["tries"] for k in range(4)) == tuple([what] * 3 for what in expected)
    report = json.loads((out / "report.json").read_text())
    assert [(row["k"], row["case"]) for row in report["failed"]] == [(0, 7), (1, 11), (2, 13), (3, 2)]
    assert report["cases"] == 6300
    text = capsys.readouterr().out
    assert "4 batches could not be run; of their 200 cases nothing is known:" in text
    assert "hunting batch 2, at case 13: 3 times: died of SIGSEGV" in text
    assert "batch-hunting-1.json" in (out / "report.html").read_text()
    assert call(["run", "--resume", str(out), *scheduler[:2]]) == 1
    assert json.loads((out / "report.json").read_text())["failed"] == report["failed"]
