"""Recorded hooks through the engine's: equal on the recorded variant, a difference on another, never an end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.strategies.fidelity.hook_check import HookBench, check_hooks, judge
from percpu_fuzz.strategies.fidelity.hook_records import read_hooks

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
