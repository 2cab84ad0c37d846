"""Campaigns through the command line: resumed, split into parts and merged, refused where they do not fit."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.fuzz.campaign.dispatcher import Dispatcher, Limits
from percpu_fuzz.fuzz.campaign.session import plan_of
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.command_line import run_options
from percpu_fuzz.fuzz.schedule import EPOCH_BATCHES, BatchId
from percpu_fuzz.fuzz.store.store import Store, digest_of, packed, unpacked
from percpu_fuzz.reports.stored_rows import FailedBatch
from percpu_fuzz.strategies.plan.batches import Batches

SMALL = ("--topology", "two-node", "--variant", "fixed", "--workers", "2")


def run(out: Path, *arguments: str) -> int:
    return call(["run", *SMALL, "--out", str(out), *arguments])


def rows(folder: Path) -> dict[tuple[str, int], bytes]:
    with contextlib.closing(sqlite3.connect(folder / "campaign.db")) as connection, connection:
        found = connection.execute("SELECT stream, k, row FROM batch ORDER BY stream, k").fetchall()
    return {(stream, k): unpacked(blob) for stream, k, blob in found}


def report(folder: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((folder / "report.json").read_text())
    return content


def timeless(content: dict[str, object]) -> str:
    """A report without what depends on time, place and budget."""
    for name in ("seconds", "compile_seconds", "out", "command", "rate"):
        content.pop(name, None)
    return json.dumps(content, sort_keys=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """5,000 cases in one session."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    assert run(folder, "--cases", "5000", "--seed", "3") == 0
    return folder


def test_a_longer_budget_goes_on_where_the_shorter_ended(tmp_path: Path, whole: Path) -> None:
    """2,000 cases and then 5,000 give the rows, the digest and the report of 5,000 at once."""
    assert run(tmp_path / "a", "--cases", "2000", "--seed", "3") == 0
    before = rows(tmp_path / "a")
    assert call(["run", "--resume", str(tmp_path / "a"), "--cases", "5000"]) == 0
    after = rows(tmp_path / "a")
    assert len(after) > len(before)
    assert after == rows(whole)
    assert report(tmp_path / "a")["digest"] == report(whole)["digest"]


def test_a_campaign_goes_on_here_when_its_cluster_is_gone(
    tmp_path: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--cluster none` runs the rest with local workers, to the same digest. Control: without it, nobody answers."""
    assert run(tmp_path / "a", "--cases", "2000", "--seed", "3") == 0
    with contextlib.closing(Store(tmp_path / "a" / "campaign.db")) as store:
        store.set_meta("given", store.named()["given"] | {"cluster": "tcp://127.0.0.1:1"})
    assert call(["run", "--resume", str(tmp_path / "a"), "--cases", "5000"]) == 2
    assert "tcp://127.0.0.1:1" in capsys.readouterr().err.splitlines()[-1]
    assert call(["run", "--resume", str(tmp_path / "a"), "--cases", "5000", "--cluster", "none"]) == 0
    assert report(tmp_path / "a")["digest"] == report(whole)["digest"]


def test_nothing_is_left_to_do_for_the_same_budget(whole: Path, tmp_path: Path) -> None:
    """Resumed with the stored budget, a campaign that ended adds no batch and says the same."""
    assert run(tmp_path / "a", "--cases", "2000", "--seed", "3") == 0
    before, said = rows(tmp_path / "a"), report(tmp_path / "a")
    assert call(["run", "--resume", str(tmp_path / "a")]) == 0
    assert rows(tmp_path / "a") == before
    assert timeless(report(tmp_path / "a")) == timeless(said)


def test_a_batch_given_up_is_remembered_by_the_next_session(tmp_path: Path, whole: Path) -> None:
    """A session gave a batch up and died before its end: the next one reports it, writes its file and ends with 1.

    Control: without that batch the same budget ends with 0 (fixture `whole`).
    """
    assert run(tmp_path / "a", "--cases", "2000", "--seed", "3") == 0
    batch = BatchId("measurement", 1 + max(k for stream, k in rows(tmp_path / "a") if stream == "measurement"))
    cases = Outcome.from_canonical(rows(whole)[batch.stream, batch.k]).cases
    row = Outcome(batch.stream, batch.k, "unknown", cases, 0, counts={"unknown": cases}).canonical()
    store = Store(tmp_path / "a" / "campaign.db")
    store.add_failed(batch, row, FailedBatch(batch.stream, batch.k, 17, cases, ["died of SIGSEGV"] * 3, ""))
    store.close()
    assert call(["run", "--resume", str(tmp_path / "a"), "--cases", "5000"]) == 1
    assert (tmp_path / "a" / "findings" / f"batch-measurement-{batch.k}.json").is_file()
    assert "died of SIGSEGV" in (tmp_path / "a" / "report.txt").read_text()
    assert rows(tmp_path / "a")[batch.stream, batch.k] == row


@pytest.mark.parametrize("damage", ["page", "table"])
def test_a_damaged_part_is_not_merged(
    tmp_path: Path, parts: list[Path], damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page of nonsense, or no table of batches: exit status 2, one line, and no folder is left."""
    bad = tmp_path / "bad"
    bad.mkdir()
    with contextlib.closing(sqlite3.connect(parts[1] / "campaign.db")) as connection:
        connection.execute("VACUUM INTO ?", (str(bad / "campaign.db"),))
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'batch'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    if damage == "table":
        with contextlib.closing(sqlite3.connect(bad / "campaign.db")) as connection:
            connection.execute("DROP TABLE batch")
    else:
        with (bad / "campaign.db").open("r+b") as file:
            file.seek((root - 1) * size)
            file.write(b"\xff" * size)
    assert call(["merge", str(parts[0]), str(bad), "-o", str(tmp_path / "all")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--variant", "v2"], "--variant 'fixed' then, 'v2' now"),
        (["--seed", "4"], "--seed '3' then, '4' now"),
        (["--hunt", "0.25"], "--hunt '0.5' then, '0.25' now"),
        (["--shard", "1/2"], "--shard 'not given' then, '1/2' now"),
        (["--out", "elsewhere"], "--out"),
    ],
)
def test_another_configuration_is_refused_by_name(
    whole: Path, arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit status 2, and nothing in the folder changes."""
    before = rows(whole)
    assert call(["run", "--resume", str(whole), *arguments]) == 2
    said = capsys.readouterr().err
    assert named in said
    assert said.count("\n") == 1
    assert rows(whole) == before


def test_other_code_is_refused_unless_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A store of another code version is refused with both versions; --force goes on and notes it in the store."""
    assert run(tmp_path / "a", "--cases", "1000", "--seed", "3") == 0
    store = Store(tmp_path / "a" / "campaign.db")
    store.set_meta("describe", store.named()["describe"] | {"code": "0123456789abcdef"})
    store.close()
    capsys.readouterr()
    assert call(["run", "--resume", str(tmp_path / "a"), "--cases", "3000"]) == 2
    assert "code: '0123456789abcdef' then" in capsys.readouterr().err
    assert call(["run", "--resume", str(tmp_path / "a"), "--cases", "3000", "--force"]) == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "a" / "campaign.db")) as connection, connection:
        events = [text for (text,) in connection.execute("SELECT text FROM event")]
    assert any("resumed by force: code" in text for text in events)


def test_a_campaign_that_runs_is_not_resumed(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """While another process holds the store, one line and exit status 2. (A lock of this process would not show.)"""
    import os

    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        store = Store(whole / "campaign.db")
        os.write(writer, b"x")
        os.read(0, 0)
        import signal

        signal.pause()
        store.close()
        os._exit(0)
    try:
        os.read(reader, 1)
        assert call(["run", "--resume", str(whole), "--cases", "9000"]) == 2
        assert "another process holds it" in capsys.readouterr().err
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(reader)
        os.close(writer)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("parts")
    for part in (1, 2):
        assert run(folder / str(part), "--cases", "4000", "--seed", "3", "--shard", f"{part}/2") == 0
    return [folder / "1", folder / "2"]


def test_parts_merge_to_the_whole(tmp_path: Path, parts: list[Path]) -> None:
    """Two halves joined hold the rows of the whole campaign without learning, and its digest; joined again, too."""
    assert call(["merge", *map(str, parts), "-o", str(tmp_path / "all")]) == 0
    assert run(tmp_path / "whole", "--cases", "8000", "--seed", "3", "--learning", "off") == 0
    assert rows(tmp_path / "all") == rows(tmp_path / "whole")
    assert report(tmp_path / "all")["digest"] == report(tmp_path / "whole")["digest"]
    assert call(["merge", str(tmp_path / "all"), str(parts[0]), "-o", str(tmp_path / "again")]) == 0
    assert rows(tmp_path / "again") == rows(tmp_path / "whole")


def test_a_merged_campaign_goes_on(tmp_path: Path, parts: list[Path]) -> None:
    """What was merged is a campaign: resumed with a larger budget it adds batches."""
    assert call(["merge", *map(str, parts), "-o", str(tmp_path / "all")]) == 0
    before = len(rows(tmp_path / "all"))
    assert call(["run", "--resume", str(tmp_path / "all"), "--cases", "12000"]) == 0
    assert len(rows(tmp_path / "all")) > before


def test_batches_behind_a_gap_wait(tmp_path: Path, parts: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Of one half alone only the batches before the first gap are reported, and the rest is said to wait."""
    assert call(["merge", str(parts[0]), "-o", str(tmp_path / "half")]) == 0
    assert "lie behind a gap" in capsys.readouterr().out
    assert report(tmp_path / "half")["cases"] == sum(
        Outcome.from_canonical(row).cases for (_, k), row in rows(parts[0]).items() if k == 0
    )


def test_a_differing_duplicate_is_nondeterminism(
    tmp_path: Path, parts: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A batch that two folders hold with different rows: exit status 3, and the batch is named."""
    assert run(tmp_path / "b", "--cases", "2000", "--seed", "3", "--shard", "1/2") == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "b" / "campaign.db")) as connection, connection:
        row = rows(tmp_path / "b")["hunting", 0]
        blob = packed(row.replace(b'"steps":', b'"steps":1'))
        connection.execute("UPDATE batch SET row = ? WHERE stream = 'hunting' AND k = 0", (blob,))
    assert call(["merge", str(parts[0]), str(tmp_path / "b"), "-o", str(tmp_path / "all")]) == 3
    assert "1 batch does not repeat: hunting batch 0" in capsys.readouterr().err


def given_up_in(folder: Path, batch: BatchId) -> None:
    """Make a store say that it could not run a batch."""
    cases = Outcome.from_canonical(rows(folder)[batch.stream, batch.k]).cases
    row = Outcome(batch.stream, batch.k, "unknown", cases, 0, counts={"unknown": cases}).canonical()
    with contextlib.closing(sqlite3.connect(folder / "campaign.db", isolation_level=None)) as connection:
        connection.execute("DELETE FROM batch WHERE stream = ? AND k = ?", (batch.stream, batch.k))
    store = Store(folder / "campaign.db")
    store.add_failed(batch, row, FailedBatch(batch.stream, batch.k, 17, cases, ["died of SIGSEGV"] * 3, ""))
    store.close()


@pytest.mark.parametrize("order", [("whole", "lame"), ("lame", "whole")])
def test_a_batch_that_another_folder_ran_counts_as_run(
    tmp_path: Path, order: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever folder comes first: its row is there, it is no finding. Control: alone, the lame one ends with 1."""
    for name in order:
        assert run(tmp_path / name, "--cases", "2000", "--seed", "3", "--learning", "off") == 0
    batch = BatchId("hunting", 0)
    given_up_in(tmp_path / "lame", batch)
    assert call(["merge", *(str(tmp_path / name) for name in order), "-o", str(tmp_path / "all")]) == 0
    assert "hunting batch 0 was given up in one folder and run in another" in capsys.readouterr().out
    assert rows(tmp_path / "all") == rows(tmp_path / "whole")
    assert report(tmp_path / "all")["failed"] == []
    assert call(["merge", str(tmp_path / "lame"), "-o", str(tmp_path / "one")]) == 1
    assert len(report(tmp_path / "one")["failed"]) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("cases", ["2000", "8000"])
def test_what_was_learnt_without_a_batch_does_not_repeat(
    tmp_path: Path, cases: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With learning, a folder that gave batch 0 up and went on into the next epoch: 3, and who learnt what is named.

    Control: one that ended within the epoch learnt nothing from it, and merges with 0. Batches are of a hundred cases,
    as an epoch is so many batches whatever they hold.
    """
    monkeypatch.setattr("percpu_fuzz.strategies.plan.plan.CASES_FROM", ((0, 100),))
    assert run(tmp_path / "whole", "--cases", cases, "--seed", "3", "--hunt", "0.9") == 0
    shutil.copytree(tmp_path / "whole", tmp_path / "lame")
    given_up_in(tmp_path / "lame", BatchId("hunting", 0))
    hunting = [k for stream, k in rows(tmp_path / "whole") if stream == "hunting"]
    goes_on = max(hunting) >= EPOCH_BATCHES
    assert goes_on == (cases == "8000")
    said = f"hunting batch {EPOCH_BATCHES} of {tmp_path / 'lame'}, which gave hunting batch 0 up,"
    for k, order in enumerate((("whole", "lame"), ("lame", "whole"))):
        assert (
            call(["merge", *(str(tmp_path / name) for name in order), "-o", str(tmp_path / f"all{k}")]) == 3 * goes_on
        )
        assert (said in capsys.readouterr().err) == goes_on


def test_a_copy_adds_no_work(tmp_path: Path, parts: list[Path]) -> None:
    """A campaign merged with a copy of itself took as long as before, and what a session took is stored to its end."""
    for name in ("all", "copy"):
        assert call(["merge", *map(str, parts), "-o", str(tmp_path / name)]) == 0
    assert call(["merge", str(tmp_path / "all"), str(tmp_path / "copy"), "-o", str(tmp_path / "both")]) == 0
    assert report(tmp_path / "both")["seconds"] == report(tmp_path / "all")["seconds"]
    with contextlib.closing(sqlite3.connect(parts[0] / "campaign.db")) as connection:
        (elapsed,) = connection.execute("SELECT value FROM meta WHERE key = 'elapsed'").fetchone()
    assert float(elapsed) == report(parts[0])["seconds"]


def test_other_campaigns_are_not_merged(tmp_path: Path, parts: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Another seed is another campaign: exit status 2, the difference named, and no folder is left."""
    assert run(tmp_path / "b", "--cases", "1000", "--seed", "4", "--learning", "off") == 0
    assert call(["merge", str(parts[0]), str(tmp_path / "b"), "-o", str(tmp_path / "all")]) == 2
    assert "seed: 3 then, 4 now" in capsys.readouterr().err
    assert not (tmp_path / "all").exists()
    assert call(["merge", str(parts[0]), str(parts[0]), "-o", str(tmp_path / "all")]) == 2
    assert call(["merge", str(tmp_path), "-o", str(tmp_path / "all")]) == 2


def test_rows_are_what_the_digest_is_over(whole: Path) -> None:
    """Unpacked, the rows in their order give the digest of the report."""
    assert digest_of(rows(whole).values()) == report(whole)["digest"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,000 cases of v1 on two nodes, which found something."""
    folder = tmp_path_factory.mktemp("found") / "out"
    typed = ["run", "--topology", "two-node", "--variant", "v1", "--workers", "2", "--out", str(folder)]
    assert call([*typed, "--cases", "2000", "--seed", "3"]) == 1
    return folder


def test_findings_keep_names_and_files(found: Path) -> None:
    """Resumed three times: every finding that was there is there, under its name, of its cause, and still breaks it;
    new ones have higher numbers. A file that somebody took away comes back under a number of its own.
    """
    for cases in ("4000", "7000", "9000"):
        before = {str(row["file"]): str(row["shape"]) for row in report(found)["findings"]}  # type: ignore[attr-defined]
        assert before
        assert call(["run", "--resume", str(found), "--cases", cases]) == 1
        after = {str(row["file"]): str(row["shape"]) for row in report(found)["findings"]}  # type: ignore[attr-defined]
        assert list(after)[: len(before)] == list(before)
        for file, shape in before.items():
            assert after[file].partition(": ")[0] == shape.partition(": ")[0]
            assert call(["replay", str(found / file)]) == 1
    (gone,) = [found / file for file in list(after)[:1]]
    gone.unlink()
    assert call(["run", "--resume", str(found), "--cases", "10000"]) == 1
    assert not gone.exists()


def test_a_budget_below_what_is_stored_is_refused(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fewer cases, or less time, than are there: one line that says how many are. Control: as many go through."""
    stored = rows(whole)
    for budget in (["--cases", "1000"], ["--time", "0.001"]):
        assert call(["run", "--resume", str(whole), *budget]) == 2
        assert "stored" in capsys.readouterr().err.splitlines()[-1]
    assert rows(whole) == stored
    assert call(["run", "--resume", str(whole)]) == 0


def test_a_resumed_campaign_shows_all_it_has(found: Path) -> None:
    """What a person watches begins with the cases, violations and waste of earlier sessions."""
    options = run_options({"topology": "two-node", "variant": "v1", "seed": "3", "cases": "10"})
    with contextlib.closing(Store(found / "campaign.db")) as store:
        live = Dispatcher(Batches(plan_of(options)), store, Limits(None, 60.0, options.hunt, 1)).live
    assert live.cases.total() == report(found)["cases"]
    assert live.violations
    assert live.steps == report(found)["steps"]
