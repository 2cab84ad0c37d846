"""docs/findings.md: each finding's picture is what its command prints, and it shows on v2 alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from places import ROOT

from percpu_fuzz.engine.scenario import load_finding
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.strategies.run.replay import run_scenario

SHOWN = re.findall(
    r"    percpu-fuzz replay (\S+) --lanes\n\n```text\n(.*?)```\n", (ROOT / "docs" / "findings.md").read_text(), re.S
)


def test_every_shipped_finding_on_v2_is_there() -> None:
    """Five, and no other file of findings on v2."""
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests/data/findings").glob("v2-*.json"))
    assert sorted(file for file, _ in SHOWN) == files
    assert len(files) == 5


@pytest.mark.parametrize(("file", "picture"), SHOWN, ids=[Path(file).stem for file, _ in SHOWN])
def test_the_picture_is_the_commands(
    file: str, picture: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert call(["replay", file, "--lanes"]) == 1
    assert capsys.readouterr().out == picture


@pytest.mark.parametrize("file", [file for file, _ in SHOWN])
def test_it_breaks_v2_and_neither_base_nor_fixed(file: str) -> None:
    """The same machine, program and schedule on each variant."""
    finding = load_finding((ROOT / file).read_bytes(), file)
    broken = {
        name: [v.invariant for v in run_scenario(finding.scenario, VARIANTS[name], lenient=True).violations]
        for name in ("v2", "base", "fixed")
    }
    assert finding.invariant in broken["v2"]
    assert broken["base"] == broken["fixed"] == []
