"""states.json: snapshots in order, and one line for what is malformed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.trace.states import CgroupRow, import_states


def test_snapshots_of_the_small_run(recorded: Path) -> None:
    """20 snapshots from `base` to `end` hold 1,797 rows; a row is inode number and bytes."""
    snapshots = import_states(recorded / "r11-2node-small-6.1" / "states.json.gz")
    assert (len(snapshots), sum(len(s.cgroups) for s in snapshots)) == (20, 1797)
    assert (snapshots[0].phase, snapshots[-1].phase) == ("base", "end")
    assert snapshots[1].cgroups["/A"] == CgroupRow(23, 177984, 479232)


def test_cgroup_without_a_percpu_line_is_left_out(tmp_path: Path) -> None:
    """Older kernels have no such line: no row, rather than a row of 0."""
    cgroups = {"/": {"ino": 1, "memory.stat": {"anon": 0}}, "/A": {"ino": 5, "memory.stat": {"percpu": 16}}}
    path = tmp_path / "states.json"
    path.write_text(json.dumps([{"phase": "p", "cgroups": cgroups}]))
    assert import_states(path)[0].cgroups == {"/A": CgroupRow(5, 16)}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[{"phase": "p", "cgroups": {"/": {"ino": "x"}}}]', "$[0].cgroups[...].ino"),
        ('{"phase": "p"}', "Expected `array`"),
        ("[", "truncated"),
        ('[{"phase": "p", "cgroups": {}, "more": ' + "[" * 100_000, "recursion"),
    ],
)
def test_malformed_states_are_refused_in_one_line(tmp_path: Path, text: str, named: str) -> None:
    """The line names the file and, where there is one, the element."""
    path = tmp_path / "states.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        import_states(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert named in message
    assert "\n" not in message
