"""RecordedRun: every part found by one rule, plain or gzip, read once."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.trace.recorded_run import RecordedRun

SMALL = "r11-2node-small-6.1"
PARTS = ("percpu.trace", "topology.json", "states.json", "placement.json", "dmesg-boot.txt")


def copied(run: Path, folder: Path, packed: bool) -> Path:
    """The parts of a run in another folder, all packed or all plain."""
    for name in PARTS:
        path = run / name if (run / name).is_file() else run / f"{name}.gz"
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(data) if packed else data)
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_every_part_is_found_plain_or_packed(recorded: Path, tmp_path: Path, packed: bool) -> None:
    """Machine, page frames, kernel, first chunk, snapshots and placement are the same either way."""
    known, run = (
        RecordedRun.of_folder(recorded / SMALL),
        RecordedRun.of_folder(copied(recorded / SMALL, tmp_path, packed)),
    )
    for part in ("snapshots", "placement", "first_chunk", "kernel"):
        assert getattr(run, part) == getattr(known, part)
    assert run.machine is not None
    assert known.machine is not None
    assert run.machine.frames == known.machine.frames is not None
    assert run.topology.nodes == known.topology.nodes
    assert run.topology.first_room_bytes == run.first_chunk.dynamic_bytes == 28672
    assert run.kernel.startswith("Linux version 6.1")


def test_a_part_is_read_once(recorded: Path, tmp_path: Path) -> None:
    """What was read stays, whatever becomes of the files."""
    run = RecordedRun.of_folder(copied(recorded / SMALL, tmp_path, packed=False)).load()
    for name in PARTS[1:4]:
        (tmp_path / name).unlink()
    assert len(run.snapshots) > 0
    assert run.placement is run.placement is not None
    assert run.topology is run.topology


def test_what_is_named_goes_before_what_lies_beside(recorded: Path, tmp_path: Path) -> None:
    """Another machine, snapshots of another file; what is not named is that beside the trace."""
    folder = copied(recorded / SMALL, tmp_path, packed=False)
    (tmp_path / "none.json").write_text("[]")
    run = RecordedRun.of(folder / "percpu.trace", "two-node", str(tmp_path / "none.json"))
    assert (run.topology.name, run.kernel, run.snapshots) == ("two-node", "", ())
    assert run.placement_file == str(folder / "placement.json")


def test_a_trace_alone_has_no_machine(recorded: Path, tmp_path: Path) -> None:
    """Nothing is made up: what asks for the machine is refused in one line that names the option."""
    (tmp_path / "t").write_bytes((recorded / SMALL / "percpu.trace.gz").read_bytes())
    run = RecordedRun.of(tmp_path / "t")
    assert (run.machine, run.snapshots, run.placement) == (None, (), None)
    read = run.read()
    assert run.placed_words(read.stream) is None
    assert read.placement is None
    with pytest.raises(InputError, match="--topology"):
        _ = run.topology
