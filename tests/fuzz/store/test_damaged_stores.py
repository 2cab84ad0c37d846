"""Stores that somebody has changed: refused in one line by every command that reads them; nothing is left behind."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.schedule import BatchId
from percpu_fuzz.fuzz.store.store import Store, packed

FINDING = {"file": "findings/001-I8-v2.json", "stream": "hunting", "k": 0, "case": 1, "invariant": "I8",
           "variant": "v2", "label": "RL_NODE", "hazards": []}  # fmt: skip
FAR = {"node": 0, "bytes": 64, "pages": 10**400, "page_size": 4096}
WRONG = {
    "exit": ['"x"', "9", "true"],
    "findings": [
        "[5]",
        '[{"file": "a"}]',
        "{",
        json.dumps([FINDING | {"steps": [{"step": 1}]}]),
        json.dumps([FINDING | {"nodes": [FAR]}]),
    ],
    "failed": ["[1]"],
    "operations": ["[3]"],
    "ran": ["[]", '{"seconds": "x"}', '{"prefix": [1]}'],
    "describe": [
        '{"variant": 3}',
        "[" * 200_000,
        '{"variant": "fixed", "seed": 3, "families": {"two-node": 0}}',
        '{"variant": "fixed", "seed": 3, "families": {}}',
    ],
    "given": ["{", "[]", '{"variant": 3}', '{"variant":' + "[" * 200_000],
    "elapsed": ['"a"', "9" * 400, "-1", "9" * 5000],
}


def campaign(folder: Path) -> Path:
    """A store with one measured batch, as a run leaves it."""
    folder.mkdir()
    store = Store(folder / "campaign.db")
    store.add(BatchId("measurement", 0), Outcome("measurement", 0, "two-node", 10, 100).canonical(), 0.1)
    for key, value in (
        ("given", {"variant": "fixed", "seed": "3", "topology": "two-node", "cases": "10"}),
        ("describe", {"variant": "fixed", "seed": 3, "families": {"two-node": 1}}),
        ("command", "percpu-fuzz run --variant fixed --seed 3"), ("findings", []), ("exit", 0),
    ):  # fmt: skip
        store.set_meta(key, value)
    store.close()
    return folder


def set_value(folder: Path, key: str, text: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "campaign.db")) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, text))


@pytest.mark.parametrize(("key", "text"), [(key, text) for key, texts in WRONG.items() for text in texts])
def test_a_changed_value(key: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """report, merge and --resume say which store it is; a folder that was to be made is not there."""
    folder, out = campaign(tmp_path / "a"), tmp_path / "deep" / "out"
    set_value(folder, key, text)
    lines = [["report", str(folder), "-o", str(out)]]
    if key != "exit":  # a campaign that goes on or is merged gets another one
        lines += [["run", "--resume", str(folder)], ["merge", str(folder), "-o", str(out)]]
    for line in lines:
        assert call(line) == 2, line
        said = capsys.readouterr().err
        assert str(folder / "campaign.db") in said
        assert said.count("\n") == 1
        assert not (tmp_path / "deep").exists()


def test_damaged_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pages full of something else, or no database at all: one line each, by report, merge and --resume."""
    folder = campaign(tmp_path / "a")
    path = folder / "campaign.db"
    whole = path.read_bytes()
    for damaged in (whole[:4096] + b"\xaa" * (len(whole) - 4096), b"\xaa" * 5000):
        path.write_bytes(damaged)
        for line in (["report", str(folder)], ["run", "--resume", str(folder)], ["merge", str(folder), "-o", "all"]):
            assert call(line) == 2
            said = capsys.readouterr().err
            assert str(folder) in said
            assert said.count("\n") == 1


def test_the_store_that_they_were_made_of_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The control; and each format is printed, without a file being written unless asked for."""
    folder = campaign(tmp_path / "a")
    before = sorted(folder.iterdir())
    starts = {"text": "percpu-fuzz: variant fixed", "html": "<!DOCTYPE html>", "json": "{", "md": "# percpu-fuzz"}
    for form, start in starts.items():
        assert call(["report", str(folder), "--format", form]) == 0
        out = capsys.readouterr().out
        assert out.startswith(start)
        if form == "json":
            assert json.loads(out)["cases"] == 10
    assert sorted(folder.iterdir()) == before
    assert call(["report", str(folder)]) == 0
    assert capsys.readouterr().out.startswith(starts["text"])
    assert (folder / "report.md").exists()
    assert call(["report", str(folder), "--format", "pdf"]) == 2


ROW: dict[str, Any] = json.loads(Outcome("measurement", 0, "two-node", 10, 100).canonical())
DIGITS = "9" * 400
BAD_ROWS = {
    "a histogram that is a list": json.dumps(ROW | {"histograms": {"waste_pages": [1]}}),
    "a violation that is a number": json.dumps(ROW | {"violations": [3]}),
    "no JSON": "x",
    "a list": "[]",
    "nesting": json.dumps(ROW)[:-1] + ',"x":' + "[" * 200_000,
    "nested counts": json.dumps(ROW).replace('"counts": {}', '"counts": ' + "[" * 200_000 + "]" * 200_000),
    "cases of 400 digits": json.dumps(ROW).replace('"cases": 10', f'"cases": {DIGITS}'),
    "a bin of 400 digits": json.dumps(ROW | {"histograms": {"waste_pages": "@"}}).replace('"@"', f"[[{DIGITS},1]]"),
    "a bin that holds more than a batch": json.dumps(ROW | {"histograms": {"waste_pages": [[0, (1 << 63) - 1]]}}),
    "fewer than no cases": json.dumps(ROW | {"cases": -1}),
    "another batch's": json.dumps(ROW | {"k": 7}),
    "a case beyond": json.dumps(ROW | {"violations": [["I8", "v2", "RL_NODE", [], 1, [10]]]}),
    "bits of no number": json.dumps(ROW | {"more": "x"}),
    "more that broke than there are": json.dumps(ROW | {"violations": [["I8", "v2", "RL_NODE", [], 11, [1]]]}),
    "more that broke, in two ways": json.dumps(
        ROW | {"violations": [["I8", "v2", label, [], 6, [1]] for label in ("RL_NODE", "RL_DONE")]}
    ),
    "more that ended early": json.dumps(ROW | {"ended_early": 11}),
    "a probe of no case": json.dumps(ROW | {"histograms": {"precharge_used": [[1 << 41, 0]]}}),
    "more probes than cases": json.dumps(ROW | {"histograms": {"waste_pages": [[0, 6], [1, 5]]}}),
    "more parts than cases have": json.dumps(ROW | {"histograms": {"waste_pages.parts": [[0, 641]]}}),
    "a value that no float holds": json.dumps(ROW | {"histograms": {"rounding_bytes16": [[(1 << 63) - 1, 1]]}}),
    "2^(2^43) CPUs": json.dumps(ROW | {"histograms": {"waste_by_cpus": [[(1 << 63) - 1, 1]]}}),
    "a place that is none": json.dumps(ROW | {"histograms": {"waste_by_place": [[5 << 20, 1]]}}),
    "a size below none": json.dumps(ROW | {"histograms": {"waste_by_size": [[-1, 1]]}}),
}


@pytest.mark.parametrize("what", BAD_ROWS)
def test_a_changed_row(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row of another shape, however deep or long: one line by each command that reads a store, and no folder."""
    folder, out = campaign(tmp_path / "a"), tmp_path / "deep" / "out"
    with contextlib.closing(sqlite3.connect(folder / "campaign.db")) as connection, connection:
        connection.execute("UPDATE batch SET row = ?", (packed(BAD_ROWS[what].encode()),))
    for line in (
        ["report", str(folder)], ["compare", str(folder), str(folder)],
        ["run", "--resume", str(folder), "--force", "--cases", "30"], ["merge", str(folder), "-o", str(out)],
    ):  # fmt: skip
        assert call(line) == 2, line
        said = capsys.readouterr().err
        assert "Traceback" not in said
        last = said.splitlines()[-1]  # a session that goes on by force has said what it is at
        assert str(folder / "campaign.db") in last
        assert len(last) < 4000
        assert not (tmp_path / "deep").exists()
