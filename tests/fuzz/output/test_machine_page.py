"""A machine as a person reads it, and as a file does."""

from __future__ import annotations

import pytest

from percpu_fuzz.engine.topology_file import dump_topology
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.output.machine_page import machine_page, precharged
from percpu_fuzz.strategies.draw.topologies import PRESETS, preset


def test_two_nodes_by_hand() -> None:
    """2 CPUs: 8 bytes each and 2 obj_exts of 8 are 32 bytes, one page, and one for each of 2 nodes."""
    machine = preset("two-node")
    assert precharged(machine, "v2") == (32, 3)
    assert precharged(machine, "fixed") == (32, 2)
    lines = machine_page(machine).splitlines()
    assert lines[0] == "two-node: 2 nodes, 2 possible CPUs"
    assert lines[2].split() == ["0", "1", "4.0", "GiB", "0"]
    assert "3 pages (12 KiB)" in lines[6]


@pytest.mark.parametrize("name", PRESETS)
def test_every_machine_fits(name: str) -> None:
    """78 columns, 24 lines."""
    lines = machine_page(preset(name)).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 78


def test_a_terminal_gets_the_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Redirected, or with --json, it is the topology file."""
    file = dump_topology(preset("two-node")).decode()
    assert call(["topology", "show", "two-node"]) == 0
    assert capsys.readouterr().out.strip() == file.strip()
    monkeypatch.setattr("percpu_fuzz.fuzz.commands.topology.is_for_a_person", lambda _file: True)
    assert call(["topology", "show", "two-node"]) == 0
    assert capsys.readouterr().out.rstrip("\n") == machine_page(preset("two-node")).rstrip("\n")
    assert call(["topology", "show", "two-node", "--json"]) == 0
    assert capsys.readouterr().out.strip() == file.strip()
