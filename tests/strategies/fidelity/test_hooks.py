"""Hook records: every field of every line, and the line number of what is malformed."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.fidelity.hook_check import ext_size_of
from percpu_fuzz.strategies.fidelity.hook_records import CHARGED, FAILED, HookRecord, read_hooks

NAMES = {  # whole files: records, failed, without placement
    "mix-p8-n4": (4668, 31, 41),
    "tup-p6-n2": (3669, 4, 10),
    "tup-p6-n4": (3676, 10, 20),
    "tup-p7-n2": (3654, 3, 9),
    "tup-p8-n2": (3683, 15, 21),
}
LINE: dict[str, object] = {
    "topology": "n4", "kernel": "p8", "size": 3180, "align": 8, "off": 24000, "nr_cpus": 2, "nr_nodes": 2,
    "alloc_cpu": 0, "objcg_nid": 1, "call_site": "test", "gfp": "GFP_KERNEL_ACCOUNT|__GFP_NOWARN", "atomic": 0,
    "full_size": 12720, "precharge": 12, "node_pages": {"0": 2, "1": 3}, "node_remainder": {"0": 1832, "1": 0},
    "unprecharge": 7, "outcome": "charged", "place": {"1": [1, 0], "0": [0, 0]}, "ext": [[1, 3616], [1, 2744]],
    "used": 5, "free_bytes": {"0": 6360, "1": 6360},
}  # fmt: skip


def written(path: Path, *lines: dict[str, object] | str) -> Path:
    path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
    return path


def test_one_line_is_one_record(tmp_path: Path) -> None:
    """Placement rows follow CPU order, and node ids are integers."""
    (record,) = read_hooks(written(tmp_path / "h.jsonl", LINE))
    assert record == HookRecord(
        "n4", "p8", 3180, 8, 24000, 2, 2, 0, 1, "test", "GFP_KERNEL_ACCOUNT|__GFP_NOWARN", 0, 12720, 12, {0: 2, 1: 3},
        {0: 1832, 1: 0}, 5, 7, CHARGED, {0: (0, 0), 1: (1, 0)}, ((1, 3616), (1, 2744)), {0: 6360, 1: 6360},
    )  # fmt: skip
    assert record.place == ((0, 0), (1, 0))


@pytest.mark.parametrize("name", NAMES)
def test_samples_keep_every_outcome(recorded: Path, name: str) -> None:
    """The files in the repository hold all failed records, and all without placement, of the whole ones."""
    records = list(read_hooks(recorded / "patched-hooks" / f"{name}.jsonl.gz"))
    assert 560 < len(records) < 700
    check(records, NAMES[name][1:])


@pytest.mark.parametrize("name", NAMES)
def test_whole_files(kernel_runs: Path, name: str) -> None:
    """Every line of the whole files is a record."""
    records = list(read_hooks(kernel_runs / "patched-hooks" / f"{name}.jsonl.gz"))
    assert len(records) == NAMES[name][0]
    check(records, NAMES[name][1:])


def check(records: list[HookRecord], expected: tuple[int, int]) -> None:
    outcomes = Counter(record.outcome for record in records)
    assert (outcomes[FAILED], sum(record.place is None for record in records)) == expected
    for record in records:
        if record.outcome == CHARGED:
            assert record.full_size_bytes == record.size_bytes * record.nr_cpus + record.size_bytes // 4 * 8
            assert record.used_pages + record.unprecharge_pages == record.precharge_pages
            assert sum(record.node_pages.values()) == record.used_pages
        if record.place is not None and record.free_bytes is not None:
            # The sixth patch accounts the areas by node, the seventh the metadata too.
            areas = record.size_bytes * record.nr_cpus
            assert sum(record.free_bytes.values()) == (areas if record.kernel == "p6" else record.full_size_bytes)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ("{", "truncated"),
        ("[]", "Expected `object`"),
        ({**LINE, "size": "x"}, "$.size"),
        ({"sise": 1, **{k: v for k, v in LINE.items() if k != "size"}}, "`size`"),
        ({k: v for k, v in LINE.items() if k != "align"}, "`align`"),
        ({**LINE, "size": 3}, "size 3"),
        ({**LINE, "off": -8}, "negative value -8"),
        ({**LINE, "nr_cpus": 4}, "place of 2 CPUs"),
        ({**LINE, "place": {"0": [0], "1": []}}, "[0, 1] pages"),
    ],
)
def test_malformed_line_is_named(tmp_path: Path, bad: dict[str, object] | str, named: str) -> None:
    """One line of message with file, line number and what is wrong."""
    path = written(tmp_path / "h.jsonl", LINE, "", bad)
    with pytest.raises(InputError) as caught:
        list(read_hooks(path))
    message = str(caught.value)
    assert message.startswith(f"{path}, line 3: ")
    assert named in message
    assert "\n" not in message


def test_file_without_records_is_refused(tmp_path: Path) -> None:
    """An empty file is no measurement."""
    with pytest.raises(InputError, match="no record"):
        list(read_hooks(written(tmp_path / "h.jsonl", "")))


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    """A cut stream is an InputError that names the file."""
    path = tmp_path / "h.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(LINE).encode())[:-9])
    with pytest.raises(InputError, match="damaged gzip"):
        list(read_hooks(path))


@pytest.mark.parametrize(
    "change",
    [
        {"place": {"0": [9, 0], "1": [0, 0]}}, {"place": {"0": [-1, 0], "1": [0, 0]}}, {"place": {"0": [0], "1": [0]}},
        {"place": {"0": [0, 0, 0], "1": [0, 0, 0]}}, {"ext": [[2, 8]]}, {"ext": [[0, -8]]}, {"ext": [[0, 10**7]]},
        {"size": 32772}, {"off": 3}, {"objcg_nid": 2}, {"nr_cpus": 1 << 40}, {"precharge": 1 << 40},
    ],
)  # fmt: skip
def test_values_that_cannot_be_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    """Nodes, lengths of rows, metadata, sizes and offsets are checked here, before compiled code sees them."""
    with pytest.raises(InputError, match="line 2"):
        list(read_hooks(written(tmp_path / "h.jsonl", LINE, LINE | change)))


def test_fields_that_are_not_known_are_passed_over(tmp_path: Path) -> None:
    """A recorder that says more says the same; a place without an offset is no place."""
    plain, more = read_hooks(written(tmp_path / "h.jsonl", LINE, LINE | {"seq": 7, "comm": "x"}))
    assert plain == more
    (unplaced,) = read_hooks(written(tmp_path / "h.jsonl", LINE | {"off": None}))
    assert unplaced.place is None


def test_metadata_size_is_that_of_the_first_record_that_tells(tmp_path: Path) -> None:
    """16 bytes for each granule behind a record without bytes_alloc; 12 is none that a kernel has."""
    silent, wide = LINE | {"full_size": None}, LINE | {"full_size": 3180 * (2 + 4)}
    assert ext_size_of(read_hooks(written(tmp_path / "h.jsonl", silent, wide))) == 16
    assert ext_size_of(read_hooks(written(tmp_path / "h.jsonl", silent))) == 8
    with pytest.raises(InputError, match="record 2"):
        ext_size_of(read_hooks(written(tmp_path / "h.jsonl", silent, LINE | {"full_size": 3180 * 5})))
