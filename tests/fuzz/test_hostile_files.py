"""Files that somebody sends: nothing that they hold runs, connects, or is written elsewhere; it is shown as text."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import struct
import threading
from pathlib import Path
from typing import Any

import pytest
from input_kinds import ROW, VALUES, write_store
from places import DATA

from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.engine.shown import shell_line
from percpu_fuzz.engine.topology_file import dump_topology
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.schedule import BatchId
from percpu_fuzz.fuzz.store.named_values import decoded
from percpu_fuzz.fuzz.store.store import Store
from percpu_fuzz.strategies.draw.topologies import preset

EVIL = "a\n-append 'init=/bin/sh'\x1b[2J\x9b31m\u202e\u00e9"
FINDING = DATA / "findings" / "v2-lost-bytes.json"


def sent_store(folder: Path, row: bytes = b"", **values: Any) -> Path:
    """A campaign as somebody sends it."""
    folder.mkdir(parents=True)
    store = Store(folder / "campaign.db")
    row = row or Outcome("measurement", 0, "two-node", 10, 100).canonical()
    store.add(BatchId("measurement", 0), row, 0.1)
    kept = {
        "given": {"variant": "fixed", "seed": "3", "topology": "two-node", "cases": "10"},
        "describe": {"variant": "fixed", "seed": 3, "families": {"two-node": 1}},
        "command": "percpu-fuzz run --variant fixed --seed 3",
    }
    for key, value in (kept | values).items():
        store.set_meta(key, value)
    store.close()
    return folder


def refused(capsys: pytest.CaptureFixture[str], line: list[str]) -> str:
    """Exit status 2 and one line, whatever it is about."""
    assert call(line) == 2, line
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.rstrip("\n").isprintable()
    return said


@pytest.fixture
def port() -> Any:
    """A listener, and whether anybody came."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        came: list[bool] = []

        def accept() -> None:
            try:
                server.accept()[0].close()
            except OSError:
                return
            came.append(True)

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1], came
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_store_connects_to_nobody(port: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A store or a configuration that names a scheduler is refused with the option to type; nobody was called."""
    number, came = port
    address = f"tcp://127.0.0.1:{number}"
    folder = sent_store(tmp_path / "sent", given={"variant": "fixed", "seed": "3", "cluster": address})
    assert f"--cluster {address} typed again" in refused(capsys, ["run", "--resume", str(folder)])
    assert call(["merge", str(folder), "-o", str(tmp_path / "all")]) in (0, 1, 4)  # which needs no cluster
    capsys.readouterr()
    (tmp_path / "a.toml").write_text(f'[run]\ncluster = "{address}"\n')
    assert "--cluster typed" in refused(capsys, ["run", "--config", str(tmp_path / "a.toml")])
    assert not came
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.toml", "all", "sent"]


@pytest.mark.parametrize("name", ["log", "out"])
def test_a_store_says_nowhere_to_write(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither where the log goes nor where the results do; the same of a configuration file."""
    target = tmp_path / "target"
    target.write_text("mine\n")
    folder = sent_store(tmp_path / "sent", given={"variant": "fixed", "seed": "3", name: str(target)})
    assert f"--{name} {target} typed again" in refused(capsys, ["run", "--resume", str(folder)])
    (tmp_path / "a.toml").write_text(f'[run]\n{name} = "{target}"\n')
    assert f"--{name} typed" in refused(capsys, ["run", "--config", str(tmp_path / "a.toml")])
    assert target.read_text() == "mine\n"


@pytest.mark.parametrize("name", ["campaign.log", "campaign.db", "campaign.lock", "findings"])
def test_links_of_a_sent_folder_lead_nowhere(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a session would write through a link of the folder is refused, and what the link names is as it was."""
    folder, target = sent_store(tmp_path / "sent"), tmp_path / "target"
    if (folder / name).exists():
        (folder / name).rename(target)
    elif name == "findings":
        target.mkdir()
    else:
        target.touch()
    before = sorted(target.iterdir()) if target.is_dir() else target.read_bytes()
    (folder / name).symlink_to(target)
    assert "a link" in refused(capsys, ["run", "--resume", str(folder)])
    assert (sorted(target.iterdir()) if target.is_dir() else target.read_bytes()) == before


def test_a_report_in_a_sent_folder_follows_no_link(tmp_path: Path) -> None:
    """report.txt of such a folder may be a link to somebody's file: the link is replaced, the file stays."""
    folder = sent_store(tmp_path / "sent")
    (tmp_path / "mine").write_text("mine")
    for name in ("report.txt", "report.txt.part", "report.json"):
        (folder / name).symlink_to(tmp_path / "mine")
    assert call(["report", str(folder)]) in (0, 1, 4)
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize(
    "file", ["../../mine.json", "/etc/passwd", "findings/../x.json", "findings/a b;id", "findings/"]
)
def test_findings_of_a_store_lie_in_its_folder(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A finding's file that is none of its own folder would be a command line to paste: refused."""
    row = {"file": file, "stream": "hunting", "k": 0, "case": 1, "invariant": "I8", "variant": "v2",
           "label": "RL_NODE", "hazards": []}  # fmt: skip
    assert "findings" in refused(capsys, ["report", str(sent_store(tmp_path / "sent", findings=[row]))])


@pytest.mark.parametrize(
    "line",
    [
        "percpu-fuzz run; rm -rf /", "percpu-fuzz run $(id)", "percpu-fuzz run `id`", "percpu-fuzz run a\nid", "id",
        "percpu-fuzz run 'a", "percpu-fuzz run --variant \"$(id)\"", "percpu-fuzz run $'a\\'",
    ],
)  # fmt: skip
def test_the_line_to_repeat_is_a_line_of_ours(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A store says how its campaign is repeated, which people paste: one command of this program, each word quoted."""
    assert "command" in refused(capsys, ["report", str(sent_store(tmp_path / "sent", command=line))])


def test_every_line_that_is_written_is_one_of_ours() -> None:
    """The control: whatever the words are."""
    words = ["a b", "a'b", "\n", "\x1b", "\udce9", "\u00e9'\\", "$(id)", "", "*"]
    line = shell_line(["percpu-fuzz", "run", *words])
    assert decoded([("command", json.dumps(line))]) == {"command": line}


@pytest.mark.parametrize("statement", [
    "CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM batch; END",
    "CREATE VIEW v AS SELECT 1",
    "CREATE TABLE other (a)",
])  # fmt: skip
def test_a_store_brings_no_statements_along(statement: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Triggers, views and tables of somebody's own are refused, by who reads and by who writes."""
    folder = sent_store(tmp_path / "sent")
    with sqlite3.connect(folder / "campaign.db") as connection:
        connection.execute(statement)
    connection.close()
    for line in (["report", str(folder)], ["run", "--resume", str(folder)], ["compare", str(folder), str(folder)]):
        assert "other tables" in refused(capsys, line)


def machine(tmp_path: Path, name: str) -> str:
    path = tmp_path / "machine.json"
    row = json.loads(dump_topology(preset("two-node")))
    path.write_text(json.dumps(row | {"name": name}))
    return str(path)


def test_a_name_is_no_argument_of_qemu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line end in a machine's name makes no line of the exported arguments; every line that is none is a comment."""
    assert call(["topology", "export", machine(tmp_path, EVIL)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "\\x0a-append 'init=/bin/sh'\\x1b[2J\\x9b31m\\u202e\u00e9" in lines[0]
    assert [line for line in lines if "init=" in line] == lines[:1]
    assert all(line.startswith(("#", "-")) and line.isprintable() for line in lines)


def test_a_name_moves_no_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A finding's machine, as replay and handoff name it, and a machine shown as a file: text and line ends alone."""
    row = json.loads(FINDING.read_text())
    row["topology"]["name"] = EVIL
    path = tmp_path / "finding.json"
    path.write_text(json.dumps(row))
    for line in (["replay", str(path)], ["handoff", str(path)], ["topology", "show", machine(tmp_path, EVIL)]):
        assert call(line) in (0, 1)
        said = capsys.readouterr().out
        assert all(c.isprintable() or c == "\n" for c in said), line


@pytest.mark.parametrize("form", ["text", "html", "md", "json"])
def test_names_of_a_store_are_text_in_reports(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A family and a note of somebody's own: no control characters, no markup."""
    evil = EVIL + "<script>"
    describe = {"variant": "fixed", "seed": 3, "families": {evil: 1}, "note": evil}
    row = Outcome("measurement", 0, evil, 10, 100).canonical()
    folder = sent_store(tmp_path / "sent", row, describe=describe)
    assert call(["report", str(folder), "--format", form]) in (0, 1, 4)
    said = capsys.readouterr().out
    assert all(c.isprintable() or c == "\n" for c in said)
    assert "<script>" not in said or form in ("text", "json")


def test_the_finding_of_somebodys_code_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A scenario that names FILE.py:NAME is refused; nothing was imported."""
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    row = json.loads(FINDING.read_text())
    path = tmp_path / "finding.json"
    path.write_text(json.dumps(row | {"variant": f"{tmp_path / 'evil.py'}:x"}))
    for command in (["replay"], ["shrink"], ["handoff"], ["regress", "-o", str(tmp_path / "tests")]):
        refused(capsys, [command[0], str(path), *command[1:]])
    assert sorted(os.listdir(tmp_path)) == ["evil.py", "finding.json"]


def test_a_calibration_is_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One whose name goes elsewhere or moves a cursor, and one that is a path with .. to no calibration."""
    good = json.loads(next(DATA.parents[1].glob("strategies/draw/**/calibration-recorded.json")).read_text())
    for name in ("../../x", EVIL, "a b"):
        (tmp_path / "mine.json").write_text(json.dumps(good | {"name": name}))
        refused(capsys, ["run", "--calibration", str(tmp_path / "mine.json"), "--cases", "1"])
    refused(capsys, ["run", "--calibration", str(tmp_path / ".." / "none.json"), "--cases", "1"])
    assert os.listdir(tmp_path) == ["mine.json"]


def hot_journal(database: Path, victim: Path) -> bytes:
    """A rollback journal as a crash leaves it, of a transaction over several files: SQLite plays its page back into
    the database and deletes the file that it names, once no journal names that one (file format, section 3).
    """
    page = database.read_bytes()[:4096]
    magic, name = bytes.fromhex("d9d505f920a163d7"), os.fsencode(victim)
    checksum = sum(page[len(page) - 200 : 0 : -200])
    head = (magic + struct.pack(">5I", 1, 0, database.stat().st_size // 4096, 512, 4096)).ljust(512, b"\0")
    record = struct.pack(">I", 1) + page + struct.pack(">I", checksum)
    end = struct.pack(">I", (1 << 30) // 4096 + 1) + name + struct.pack(">2I", len(name), sum(name)) + magic
    return head + record + end


def test_a_journal_of_a_sent_folder_deletes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A journal beside campaign.db is refused by all that reads or goes on. Control: SQLite deletes what it names."""
    folder, victim = tmp_path / "sent", tmp_path / "victim"
    write_store(folder, {key: json.dumps(value).encode() for key, value in VALUES.items()}, ROW.canonical())
    victim.write_text("mine\n")
    journal = folder / "campaign.db-journal"
    journal.write_bytes(hot_journal(folder / "campaign.db", victim))
    sent = str(folder)
    merge = ["merge", sent, "-o", str(tmp_path / "all")]
    for line in (["report", sent], ["run", "--resume", sent, "--force"], merge, ["compare", sent, sent]):
        assert "a rollback journal" in refused(capsys, line)
        assert victim.exists()
        assert journal.exists()
    with sqlite3.connect(folder / "campaign.db") as connection:
        connection.execute("SELECT count(*) FROM batch").fetchone()
    connection.close()
    assert not victim.exists()


def test_a_page_printed_in_a_sent_folder_follows_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """report.pdf of such a folder may be a link to somebody's file: the link is replaced, the file stays."""
    folder, programs = sent_store(tmp_path / "sent"), tmp_path / "bin"
    programs.mkdir()
    browser = programs / "chromium"
    browser.write_text(
        "#!/bin/sh\nfor word; do case $word in --print-to-pdf=*) echo %PDF-1 > ${word#*=};; esac; done\n"
    )
    browser.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    (tmp_path / "mine").write_text("mine")
    (folder / "report.pdf").symlink_to(tmp_path / "mine")
    assert call(["report", str(folder), "--pdf"]) in (0, 1, 4)
    assert (tmp_path / "mine").read_text() == "mine"
    assert (folder / "report.pdf").read_bytes() == b"%PDF-1\n"


def test_a_cache_that_others_may_write_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Machine code is unpickled and run: one line, before anything of such a folder is read, and nothing laid there."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    for cache in (tmp_path / "open", tmp_path / "open" / "mine"):
        monkeypatch.setenv("PERCPU_FUZZ_CACHE", str(cache))
        said = refused(capsys, ["run", "--cases", "1", "--out", str(tmp_path / "out")])
        assert said.startswith("percpu-fuzz: PERCPU_FUZZ_CACHE: everybody may write in ")
    assert list((tmp_path / "open").iterdir()) == []
    assert not (tmp_path / "out").exists()


def test_settings_of_the_compiler_are_not_read_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """numba takes .numba_config.yaml of the current folder, and imports modules that it names: refused by its name."""
    (tmp_path / ".numba_config.yaml").write_text("cache_locator_classes: evil.Locator\n")
    monkeypatch.chdir(tmp_path)
    for line in (["replay", str(FINDING)], ["run", "--cases", "1", "--out", "out"]):
        assert refused(capsys, line).startswith("percpu-fuzz: .numba_config.yaml: ")
    assert os.listdir(tmp_path) == [".numba_config.yaml"]
