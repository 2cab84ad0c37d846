"""What the scripts for another machine write is taken as it is: snapshots, and the archive of a whole machine."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from places import DATA

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.strategies.capture.archive import is_archive, run_of_archive
from percpu_fuzz.strategies.reading import read_bytes
from percpu_fuzz.strategies.trace.states import CgroupRow, import_states

RUN = DATA / "recorded" / "r11-2node-small-6.1"


def script(tmp_path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> Path:
    """The script that the command prints."""
    assert call(["snapshot-script", *options]) == 0
    path = tmp_path / "script.sh"
    path.write_text(capsys.readouterr().out)
    return path


def cgroups(root: Path, rows: dict[str, tuple[str, str | None]]) -> Path:
    """A tree of cgroup folders with memory.stat and memory.current."""
    for name, (stat, current) in rows.items():
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "memory.stat").write_text(stat)
        if current is not None:
            (folder / "memory.current").write_text(current)
    return root


def test_a_snapshot_is_read_as_it_was_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two phases, each between marks in the trace; paths below the root, bytes and inode numbers as they are."""
    path = script(tmp_path, capsys)
    assert len(path.read_text().splitlines()) <= 14
    root = cgroups(
        tmp_path / "cgroup",
        {"": ("anon 1\npercpu 4096\n", None), "a b": ("percpu 15280\nslab 1\n", "20480\n"), "old": ("anon 5\n", "1\n")},
    )
    marker = tmp_path / "marker"
    marker.write_text("")
    said = "".join(
        subprocess.run(
            ["sh", str(path), phase, str(root), str(marker)], capture_output=True, text=True, check=True
        ).stdout
        for phase in ("base", "after")
    )  # fmt: skip
    (tmp_path / "states.txt").write_text(said)
    base, after = import_states(tmp_path / "states.txt")
    assert (base.phase, after.phase) == ("base", "after")
    assert (
        base.cgroups
        == after.cgroups
        == {
            "/": CgroupRow(root.stat().st_ino, 4096, None),
            "/a b": CgroupRow((root / "a b").stat().st_ino, 15280, 20480),
        }
    )
    assert marker.read_text() == "WL SNAP-END after\n"


@pytest.mark.parametrize(
    "change", ["CGROUP 1 1 5 - /", "END base", "SNAPSHOT base", "CGROUP 2 2 6 7 /a", "twice", "out of order"]
)
def test_a_damaged_snapshot_is_refused(tmp_path: Path, change: str) -> None:
    """Every line lost or doubled, and an order that no script prints: one line that names what is wrong."""
    lines = ["SNAPSHOT base", "CGROUP 1 1 5 - /", "CGROUP 2 2 6 7 /a", "END base"]
    path = tmp_path / "states.txt"
    path.write_text("\n".join(lines))
    assert len(import_states(path)[0].cgroups) == 2
    if change == "out of order":
        variants = [[lines[0], lines[2], lines[1], lines[3]]]
    elif change == "twice":
        variants = [[*lines[:i], line, *lines[i:]] for i, line in enumerate(lines)]
    else:
        variants = [[line for line in lines if line != change]]
    for changed in variants:
        path.write_text("\n".join(changed))
        if change == "CGROUP 2 2 6 7 /a":  # the last one: nothing after it shows that it is lost
            assert list(import_states(path)[0].cgroups) == ["/"]
            continue
        with pytest.raises(InputError):
            import_states(path)


def packed(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_this_machine_as_an_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The script's archive is imported as it is: page size and watermarks with it. Nothing else is left behind."""
    if not Path("/sys/devices/system/cpu/possible").is_file():
        pytest.skip("there is no sysfs here")
    box = tmp_path / "box.tar.gz"
    subprocess.run(["sh", str(script(tmp_path, capsys, "--archive")), str(box)], check=True, capture_output=True)
    assert call(["topology", "import", str(box), "-o", str(tmp_path / "box.json")]) == 0
    said = capsys.readouterr()
    assert "no page size" not in said.err
    assert "no watermarks" not in said.err


def begun(folder: Path, phases: int) -> Path:
    """The recorded run up to the end of so many of its snapshots, without page events."""
    folder.mkdir()
    for path in RUN.iterdir():
        if path.name != "page-events.trace.gz":
            shutil.copy(path, folder)
    states = json.loads(gzip.decompress((RUN / "states.json.gz").read_bytes()))[:phases]
    trace = gzip.decompress((RUN / "percpu.trace.gz").read_bytes())
    head, mark, _ = trace.partition(f"SNAP-END {states[-1]['phase']}\n".encode())
    assert mark
    (folder / "states.json.gz").write_bytes(gzip.compress(json.dumps(states).encode()))
    (folder / "percpu.trace.gz").write_bytes(gzip.compress(head + mark))
    return folder


def test_a_recorded_run_as_an_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """trace says of the archive what it says of the files."""
    folder = begun(tmp_path / "begun", 3)
    box = packed(tmp_path / "run.tar.gz", {f"run/{path.name}": path.read_bytes() for path in folder.iterdir()})
    assert is_archive(box)
    assert call(["trace", str(box)]) == 0
    of_archive = capsys.readouterr().out
    given = ["--topology", str(folder / "topology.json"), "--states", str(folder / "states.json.gz")]
    assert call(["trace", str(folder / "percpu.trace.gz"), *given]) == 0
    of_folder = capsys.readouterr().out
    rows = [line for line in of_folder.splitlines() if "rows equal" in line]
    assert rows
    assert rows == [line for line in of_archive.splitlines() if "rows equal" in line]


def test_an_archive_without_a_trace_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, status 2; so is a link in the place of the trace."""
    box = packed(tmp_path / "box.tar.gz", {"sys/devices/system/cpu/possible": b"0\n"})
    assert call(["trace", str(box)]) == 2
    assert "an archive without percpu.trace" in capsys.readouterr().err
    with tarfile.open(tmp_path / "link.tar", "w") as archive:
        info = tarfile.TarInfo("percpu.trace")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(InputError, match="once, as a plain file"), run_of_archive(tmp_path / "link.tar"):
        pass


def test_a_trace_before_5_19_says_why_nothing_is_charged(capsys: pytest.CaptureFixture[str]) -> None:
    """No gfp flags at all: --charge accounted has nothing to go by, and the report says what works."""
    trace = DATA / "recorded" / "before-5.19" / "trace-before-5.19.txt"
    assert call(["trace", str(trace), "--topology", "two-node", "--charge", "accounted"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "names no gfp flags at all, which kernels before 5.19 do not print" in said
    assert "--charge observed does: it needs `post` probe events" in said
    assert "none of the trace has __GFP_ACCOUNT" not in said


def test_what_an_archive_unpacks_to_takes_little_room(tmp_path: Path) -> None:
    """A megabyte of the same line comes out packed; what is packed already, whatever its name, comes out as it is."""
    trace, states = b"# a line of a trace\n" * 50_000, gzip.compress(b"[]")
    box = packed(tmp_path / "box.tar.gz", {"percpu.trace": trace, "states.json": states, "topology.json.gz": b"{}"})
    with run_of_archive(box) as folder:
        found = {path.name: path for path in folder.iterdir()}
        assert sorted(found) == ["percpu.trace.gz", "states.json.gz", "topology.json.gz"]
        assert read_bytes(found["percpu.trace.gz"]) == trace
        assert found["percpu.trace.gz"].stat().st_size < len(trace) // 50
        assert found["states.json.gz"].read_bytes() == states
        assert read_bytes(found["topology.json.gz"]) == b"{}"
