"""Files that unpack to more than fits, or never end: refused in one line by whatever reads them, read or not."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import pytest
from input_kinds import VALUES, write_store
from places import DATA

from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.store.store import ROW_MAX_BYTES, unpacked
from percpu_fuzz.strategies.reading import LINES_MAX_BYTES

MACHINES, RECORDED = DATA / "machines", DATA / "recorded" / "r11-2node-small-6.1"
HWLOC, TRACED = str(MACHINES / "hwloc-v1.xml"), str(RECORDED / "topology.json")
TRACE = str(RECORDED / "percpu.trace.gz")
MIB = 1 << 20
READERS = {
    "replay": ["replay", "@"],
    "shrink": ["shrink", "@"],
    "regress": ["regress", "@", "-o", "tests"],
    "handoff": ["handoff", "@"],
    "explore": ["explore", "--scope", "@"],
    "trace-states": ["trace", TRACE, "--topology", TRACED, "--states", "@"],
    "trace-placement": ["trace", TRACE, "--topology", TRACED, "--placement", "@"],
    "trace-topology": ["trace", TRACE, "--topology", "@"],
    "calibration": ["run", "--cases", "1", "--calibration", "@"],
    "configuration": ["run", "--cases", "1", "--config", "@"],
    "topology": ["run", "--cases", "1", "--topology", "@"],
    "import": ["topology", "import", "@"],
    "chunks": ["topology", "chunks", "@"],
    "zoneinfo": ["topology", "import", HWLOC, "--zoneinfo", "@"],
    "percpu-stats": ["topology", "import", HWLOC, "--percpu-stats", "@"],
    "distances": ["topology", "import", str(MACHINES / "numactl.txt"), "--distances", "@"],
}  # fmt: skip
LINE_READERS = {"hooks": ["hooks", "@", "--variant", "v2"], "convert": ["convert", "@", "--to", "perf", "-o", "x"]}


@pytest.fixture(scope="module")
def blanks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gzip of as many blanks as no reader takes, in one line, and a third of a megabyte long."""
    path = tmp_path_factory.mktemp("bomb") / "blanks.gz"
    with gzip.open(path, "wb", 1) as file:
        for _ in range(LINES_MAX_BYTES // MIB + 1):
            file.write(b" " * MIB)
    return path


def refused(line: list[str], file: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert call([word.replace("@", file) for word in line]) == 2
    said = capsys.readouterr().err.splitlines()
    return [text for text in said if not text.startswith("percpu-fuzz, ")][-1]  # signs of life on a busy machine


@pytest.mark.usefixtures("little_room")
@pytest.mark.parametrize("reader", [*READERS, *LINE_READERS])
def test_what_unpacks_to_more_is_refused(
    reader: str, blanks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By everything that reads a whole file, and by what reads lines for the length of its first one."""
    monkeypatch.chdir(tmp_path)
    said = refused((READERS | LINE_READERS)[reader], str(blanks), capsys)
    assert str(blanks) in said
    assert "unpacks to more" in said or "a longer line" in said or "no trace event" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full"])
@pytest.mark.parametrize("reader", [*READERS, *LINE_READERS])
def test_a_device_is_no_file(
    reader: str, device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It need have no end: it is not opened, whatever asks for a file."""
    monkeypatch.chdir(tmp_path)
    said = refused((READERS | LINE_READERS)[reader], device, capsys)
    assert device in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["report", "@"], ["compare", "@", "@"], ["merge", "@", "-o", "all"],
                                     ["run", "--resume", "@", "--force"]])  # fmt: skip
def test_a_row_of_gigabytes_is_refused(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row that unpacks to a thousand times a batch's: each command that reads a store does not unpack it."""
    monkeypatch.chdir(tmp_path)
    values = {key: json.dumps(value).encode() for key, value in VALUES.items()}
    write_store(tmp_path / "sent", values, b" " * (ROW_MAX_BYTES + 1))
    assert "measurement" in refused(command, str(tmp_path / "sent"), capsys)
    assert not (tmp_path / "all").exists()


def test_rows_are_unpacked_to_their_limit() -> None:
    """One byte more is refused, and so is what is cut off. Control: at the limit it is a row."""
    assert len(unpacked(zlib.compress(b" " * ROW_MAX_BYTES))) == ROW_MAX_BYTES
    for blob in (zlib.compress(b" " * (ROW_MAX_BYTES + 1)), zlib.compress(b"row")[:-1], zlib.compress(b"row") + b"x"):
        with pytest.raises(zlib.error, match="cut off"):
            unpacked(blob)
