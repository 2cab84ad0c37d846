"""A campaign's folder read back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import Outcome, digest
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.schedule import BatchId
from percpu_fuzz.fuzz.store.reading import read_campaign
from percpu_fuzz.fuzz.store.store import Store


def stored(folder: Path, waste: int = 1, gap: bool = False) -> list[Outcome]:
    """A store of two measured and one hunted batch; with a gap, one more behind it."""
    folder.mkdir()
    outcomes = [
        Outcome(stream, k, "two-node", 50, 100, 0, {"waste_pages": {waste: 40, 3: 10}})
        for stream, k in (("hunting", 0), ("measurement", 0), ("measurement", 1))
    ]
    store = Store(folder / "campaign.db")
    store.set_meta("describe", {"variant": "v2", "seed": 7, "families": {"two-node": 1}})
    store.set_meta("command", "percpu-fuzz run --seed 7")
    for outcome in outcomes + ([Outcome("measurement", 3, "two-node", 9, 9)] if gap else []):
        store.add(BatchId(outcome.stream, outcome.k), outcome.canonical(), 0.1)
    store.close()
    return outcomes


def test_a_folder_comes_back(tmp_path: Path) -> None:
    """Cases, digest and description are those stored; what lies behind a gap is left out; nothing is written."""
    outcomes = stored(tmp_path / "a", gap=True)
    before = sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "a").iterdir())
    campaign = read_campaign(tmp_path / "a")
    assert (campaign.cases("measurement"), campaign.cases("hunting")) == (100, 50)
    assert campaign.digest == digest(outcomes)
    assert (campaign.variant, campaign.seed) == ("v2", 7)
    assert sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "a").iterdir()) == before


def test_a_store_in_use_is_read(tmp_path: Path) -> None:
    """While the writer is open its committed batches are there."""
    stored(tmp_path / "a")
    store = Store(tmp_path / "a" / "campaign.db")
    store.add(BatchId("measurement", 2), Outcome("measurement", 2, "two-node", 7, 9).canonical(), 0.1)
    assert read_campaign(tmp_path / "a").cases("measurement") == 107
    store.close()


@pytest.mark.parametrize("content", [None, b"", b"not a database", b"SQLite format 3\x00" + bytes(200)])
def test_what_is_no_campaign_is_refused(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line and status 2 for a folder without a store, an empty file and a broken one."""
    stored(tmp_path / "a")
    (tmp_path / "b").mkdir()
    if content is not None:
        (tmp_path / "b" / "campaign.db").write_bytes(content)
    with pytest.raises(InputError):
        read_campaign(tmp_path / "b")
    assert call(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_store_of_other_rows_is_refused(tmp_path: Path) -> None:
    """A description without families and a batch that is no outcome name the file."""
    for name, (key, value) in {"b": ("describe", {"variant": "v2"}), "c": ("describe", 7)}.items():
        stored(tmp_path / name)
        store = Store(tmp_path / name / "campaign.db")
        store.set_meta(key, value)
        store.close()
        with pytest.raises(InputError, match=r"campaign\.db"):
            read_campaign(tmp_path / name)
    stored(tmp_path / "d")
    store = Store(tmp_path / "d" / "campaign.db")
    store.add(BatchId("measurement", 2), b"[1, 2]", 0.1)
    store.close()
    with pytest.raises(InputError, match=r"campaign\.db"):
        read_campaign(tmp_path / "d")


def test_two_folders_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the difference of the means, (40 * 2 + 30) / 50 - (40 + 30) / 50, and ends with 0."""
    stored(tmp_path / "a")
    stored(tmp_path / "b", waste=2)
    assert call(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    text = capsys.readouterr().out
    assert re.search(r"pages wasted: A12 .* mean 1\.40 \[\S+ \S+ 2\.20 \[\S+ \S+ 0\.80 \[", " ".join(text.split()))
