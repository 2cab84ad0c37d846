"""`percpu-fuzz calibrate`, and `run --calibration`: files, provenance, the line that repeats, refusals."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from places import DATA, PERCPU_FUZZ

from percpu_fuzz.fuzz.campaign.campaign import refused_lines
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.store.store import Store
from percpu_fuzz.strategies.draw.calibration import Table, dump_calibration, read_calibration, shipped
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.recipe import make_plan

SMALL = DATA / "recorded" / "r11-2node-small-6.1"
TRACE = str(SMALL / "percpu.trace.gz")


def test_the_command_writes_what_it_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that a campaign can draw from, the same as JSON, and a figure for each distribution."""
    path = tmp_path / "mine.json"
    assert call(["calibrate", TRACE, "--name", "recorded-r11", "-o", str(path), "--json"]) == 0
    out = capsys.readouterr().out
    assert path.read_bytes() == shipped()["recorded-r11"].read_bytes()
    row = json.loads(out.splitlines()[-1])
    assert row["name"] == "recorded-r11"
    assert {"size", "alignment", "flags", "frees among hook runs", "survival", "placement"} <= set(row["fits"])
    for name, fit in row["fits"].items():
        assert name in out
        assert 0 <= fit["distance"] <= 1
    assert row["fits"]["size"]["distance"] < row["fits"]["size"]["default_distance"]
    assert "second half" in out


def test_without_beside_files_it_fits_what_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A trace alone: sizes, alignments, flags and frees; pages and limits keep their weights, and that is said."""
    alone = tmp_path / "percpu.trace.gz"
    alone.write_bytes(Path(TRACE).read_bytes())
    path = tmp_path / "mine.json"
    assert call(["calibrate", str(alone), "-o", str(path)]) == 0
    found = read_calibration(path)
    assert set(found.tables) == {"size", "align", "gfp", "op"}
    assert found.chain is None
    assert capsys.readouterr().out.count("Not fitted, default weights") == 3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["calibrate", "nowhere"], "nowhere"),
        (["calibrate", TRACE, "--name", "a b"], "--name"),
        (["calibrate", TRACE, "--charge", "x"], "--charge"),
        (["calibrate", TRACE, str(SMALL / ".." / SMALL.name / "percpu.trace.gz")], "the same trace twice"),
        (["run", "--cases", "1", "--calibration", "nothing"], "--calibration: 'nothing'; allowed: default, recorded"),
        (["run", "--cases", "1", "--calibration", TRACE], "calibration"),
    ],
)
def test_what_is_refused(line: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit status 2."""
    assert call(line) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_a_campaign_says_which_calibration_it_drew_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the store, in the report's configuration and in the line that repeats it; the digest differs from default's,
    and a repetition has the same."""
    line = ["run", "--variant", "fixed", "--topology", "two-node", "--cases", "200", "--seed", "3", "--workers", "1"]
    digests = []
    for i, more in enumerate((["--calibration", "recorded"], ["--calibration", "recorded"], [])):
        out = tmp_path / str(i)
        assert call([*line, *more, "--out", str(out), "--json"]) == 0
        text = capsys.readouterr().out
        digests.append(json.loads(text.splitlines()[-1])["digest"])
        store = Store(out / "campaign.db")
        try:
            named = str(store.named()["describe"]["calibration"])
        finally:
            store.close()
        expected = f"recorded {read_calibration(shipped()['recorded']).digest}" if more else "default"
        assert named == expected
        assert f"  calibration {expected}" in text
        assert ("--calibration recorded" in text) == bool(more)
    assert digests[0] == digests[1] != digests[2]


def test_what_the_machines_refuse_of_a_calibration_is_said(tmp_path: Path) -> None:
    """By table, with the share and the size of a page; nothing where all fits or without a calibration."""
    found = read_calibration(shipped()["recorded"])
    large = msgspec.structs.replace(found, tables=found.tables | {"align": Table((8, 65536), (3, 1))})
    small, own = preset("two-node"), replace(preset("two-node"), page_size=65536)
    assert refused_lines(make_plan("v2", 1, small, calibration=large)) == [
        "calibration recorded: 25% of its alignments (above 4096 bytes) are refused on machines with pages of 4096"
        " bytes"
    ]
    assert refused_lines(make_plan("v2", 1, own, calibration=large)) == []
    assert refused_lines(make_plan("v2", 1, small, calibration=found)) == []
    assert refused_lines(make_plan("v2", 1, small)) == []
    path = tmp_path / "large.json"
    path.write_bytes(dump_calibration(large))
    line = [*PERCPU_FUZZ, "run", "--topology", "two-node", "--cases", "100", "--plain"]
    line += ["--calibration", str(path), "--out", str(tmp_path / "out")]
    assert "25% of its alignments" in subprocess.run(line, capture_output=True, text=True, check=False).stderr
