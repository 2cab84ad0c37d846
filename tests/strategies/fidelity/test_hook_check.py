"""Recorded hooks through the engine's: equal on the recorded variant, a difference on another, never an end."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import msgspec
import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.strategies.fidelity.hook_check import HookBench, check_hooks, judge
from percpu_fuzz.strategies.fidelity.hook_records import FAILED, NO_PAGES, read_hooks

SAMPLE = Path("patched-hooks") / "tup-p6-n2.jsonl.gz"


def test_records_are_equal_on_their_variant_only(recorded: Path) -> None:
    """Every record of the sample on v2; on v2-exts, which charges the metadata too, most differ."""
    records = list(read_hooks(recorded / SAMPLE))
    found = check_hooks(records, VARIANTS["v2"])
    assert (found.records, found.records_equal, found.first_difference) == (len(records), len(records), None)
    assert 2 * check_hooks(records, VARIANTS["v2-exts"]).records_equal < len(records)


def test_a_record_that_stops_the_engine_is_a_difference(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """v1's precharge runs short on some records and the engine ends there; all are judged, with exit status 1."""
    assert call(["hooks", str(recorded / SAMPLE), "--variant", "v1", "--json"]) == 1
    row = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert row["records"] == len(list(read_hooks(recorded / SAMPLE)))
    assert row["records_equal"] < row["records"]
    assert set(row["first_difference"]) == {"record", "what", "kernel", "engine"}


def test_the_bench_is_as_new_after_a_stop(recorded: Path) -> None:
    """Each record says the same on a bench of its own and on one that has been stopped before it."""
    records = list(read_hooks(recorded / SAMPLE))
    bench = HookBench(records[0], VARIANTS["v1"], 8)
    answers = [judge(number, record, bench) for number, record in enumerate(records, 1)]
    stops = [answer for answer in answers if answer is not None and answer.what == "end"]
    assert stops
    after = stops[0].record
    fresh = HookBench(records[0], VARIANTS["v1"], 8)
    assert answers[after : after + 20] == [
        judge(after + 1 + i, r, fresh) for i, r in enumerate(records[after : after + 20])
    ]


def test_an_outcome_that_is_not_known_is_counted_and_named(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One unknown word costs its own records; all others are compared, and nothing that was compared is no verdict."""
    lines = gzip.decompress((recorded / SAMPLE).read_bytes()).splitlines()
    odd = [json.dumps(json.loads(line) | {"outcome": "moved"}) for line in lines[:3]]
    path = tmp_path / "hooks.jsonl"
    path.write_text("\n".join([*odd, *(line.decode() for line in lines[3:])]))
    assert call(["hooks", str(path), "--variant", "v2", "--json"]) == 0
    out = capsys.readouterr().out
    assert "not compared: 3 with the outcome 'moved'" in out
    row = json.loads(out.splitlines()[-1])
    assert (row["records"], row["records_equal"]) == (len(lines) - 3, len(lines) - 3)
    assert row["unknown"] == {"moved": 3}
    path.write_text("\n".join(odd))
    with pytest.raises(InputError, match="no outcome but 'moved'"):
        check_hooks(read_hooks(path), VARIANTS["v2"])


def test_what_got_no_pages_gives_all_back(recorded: Path) -> None:
    """`no_pages` is compared like a failure: the precharge, nothing used, all returned."""
    failed = next(record for record in read_hooks(recorded / SAMPLE) if record.outcome == FAILED)
    record = msgspec.structs.replace(failed, outcome=NO_PAGES)
    assert check_hooks([record], VARIANTS["v2"]).records_equal == 1
    kept = msgspec.structs.replace(record, unprecharge_pages=record.unprecharge_pages - 1)
    found = check_hooks([kept], VARIANTS["v2"]).first_difference
    assert found is not None
    assert found.what == "unprecharge"
