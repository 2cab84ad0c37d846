"""Topology files: what is written is read back, and what is malformed is named in one line."""

from __future__ import annotations

import json

import pytest

from percpu_fuzz.engine.errors import TopologyError
from percpu_fuzz.engine.topology import Cpu, Node, Topology
from percpu_fuzz.engine.topology_file import dump_topology, load_topology

SPARSE = Topology(
    "sparse",
    (Node(0, True, 100, 20, 10), Node(8), Node(255, False)),
    (Cpu(0, 0, True, True), Cpu(1, 8), Cpu(9, 255, False)),
    ((10, 40, 20), (80, 10, 20), (20, 20, 10)),
    page_size=65536,
    ext_size=16,
    unit_pages=16,
    first_room_bytes=4096,
    first_start_bytes=8,
    reserved_room_bytes=64,
    acting=(1,),
)


def test_every_field_comes_back() -> None:
    """A topology in which no field has its default equals what is loaded from its file."""
    assert load_topology(dump_topology(SPARSE), "file") == SPARSE


def test_file_is_canonical() -> None:
    """Sorted keys, no blanks, one line, schema 1; equal topologies give equal bytes."""
    data = dump_topology(SPARSE)
    row = json.loads(data)
    assert row["schema"] == 1
    assert data == (json.dumps(row, sort_keys=True, separators=(",", ":")) + "\n").encode()
    assert dump_topology(load_topology(data, "file")) == data


def test_fields_with_a_default_may_be_missing() -> None:
    """A file written by hand needs nodes, CPUs and distances only."""
    text = b'{"schema":1,"name":"a","nodes":[{"id":0,"pages":9}],"cpus":[{"id":0,"node":0}],"distances":[[10]]}'
    assert load_topology(text, "file") == Topology("a", (Node(0, True, 9),), (Cpu(0, 0),), ((10,),))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"schema": 2}, "$.schema"),
        ({"colour": 1}, "`colour`"),
        ({"nodes": [{"id": "x"}]}, "$.nodes[0].id"),
        ({"nodes": [{"id": 0, "page": 1}]}, "`page` - at `$.nodes[0]`"),
        ({"distances": [[10, 20, 20], [20, 10, 20]]}, "topology sparse: distances of 2 rows"),
        ({"page_size": 1000}, "page size 1000; allowed: 4096, 16384 or 65536"),
    ],
)
def test_malformed_file_is_refused_in_one_line(change: dict[str, object], named: str) -> None:
    """The message names the file, the element and what is allowed, whether shape or meaning is wrong."""
    data = json.dumps({**json.loads(dump_topology(SPARSE)), **change}).encode()
    with pytest.raises(TopologyError) as caught:
        load_topology(data, "my.json")
    message = str(caught.value)
    assert message.startswith("my.json")
    assert named in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe", b"[]", b"{", b'{"schema":1,"name":"\xff"}', b'{"schema":' + b"[" * 99_999]
)
def test_data_that_is_no_topology_is_refused(data: bytes) -> None:
    """Whatever the bytes, the answer is a TopologyError of one line."""
    with pytest.raises(TopologyError, match=r"^my\.json: [^\n]*schema 1$"):
        load_topology(data, "my.json")
