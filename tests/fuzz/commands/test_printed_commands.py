"""Every command that the product prints runs as it stands; those that docs and help give as examples are parsed."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from places import ROOT
from printed_commands import commands_in

from percpu_fuzz.fuzz.cli import COMMANDS, call, cli
from percpu_fuzz.fuzz.store.reading import read_campaign
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.sections.brief.summary import summary_text

FOLDER = "a folder/one"  # with a blank, which has to be quoted
KINDS = {"run", "report", "replay", "merge", "diff"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder, as the current one, with a campaign of v1 that found something, and two halves of another."""
    folder, before = tmp_path_factory.mktemp("place"), Path.cwd()
    os.chdir(folder)
    assert call(["run", "--variant", "v1", "--cases", "2k", "--seed", "1", "--out", FOLDER, "--plain"]) == 1
    for part in ("1", "2"):
        shard = [f"{part}/2", "--out", f"half {part}", "--plain"]
        assert call(["run", "--variant", "fixed", "--cases", "2000", "--seed", "1", "--shard", *shard]) == 0
    yield folder
    os.chdir(before)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Standard output of a command that ends with a verdict."""
    capsys.readouterr()
    assert call(list(arguments)) in (0, 1), arguments
    return capsys.readouterr().out


def texts(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Everything with a command in it, by what it is."""
    made = {name: (Path(FOLDER) / name).read_text() for name in ("report.txt", "report.html")}
    made["summary"] = summary_text(Figures(read_campaign(Path(FOLDER))))
    for form in ("md", "mail"):
        made[form] = printed(capsys, "report", FOLDER, "--format", form)
    made["report.json"] = json.loads((Path(FOLDER) / "report.json").read_text())["command"]
    made["merge"] = printed(capsys, "merge", "half 1", "half 2", "-o", "the whole")
    made["replay"] = printed(capsys, "replay", FOLDER)
    finding = next((Path(FOLDER) / "findings").glob("*.json"))
    made["handoff"] = printed(capsys, "handoff", str(finding))
    made["variants new"] = printed(capsys, "variants", "new", "mine.py")
    diff = ("diff", "base", "v2", "--cases", "1000", "--seed", "3", "--out", "a diff")
    made["diff"] = printed(capsys, *diff) + printed(capsys, *diff[:-1], "a mail", "--format", "mail")
    made["compare"] = printed(capsys, "compare", FOLDER, FOLDER, "--format", "mail")
    return made


def test_every_printed_command_runs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of reports in all formats, the summary, mails, a merge, a listing: each ends with a verdict, none is refused.

    A campaign that is to go on for a minute goes on for a second or two, and a new one goes to a folder of its own.
    """
    more = str(int(read_campaign(Path(FOLDER)).seconds) + 2)
    found: dict[tuple[str, ...], str] = {}
    for name, text in texts(capsys).items():
        words = [tuple(line) for line in commands_in(text)]
        assert words, name
        found |= dict.fromkeys(words, name)
    assert {line[0] for line in found} == KINDS
    for number, (line, name) in enumerate(sorted(found.items())):
        arguments = [more if before == "--time" else word for before, word in zip(("", *line), line, strict=False)]
        if line[0] == "run" and "--resume" not in line:
            arguments += ["--out", f"again-{number}"]
            arguments += [] if "--cases" in line else ["--cases", "1000"]
        if "--resume" in line:
            shutil.copytree(FOLDER, copy := f"copy {number}")
            arguments[arguments.index("--resume") + 1] = copy
        assert call(arguments) in (0, 1), (name, line, capsys.readouterr().err)


def test_findings_are_replayed_from_their_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line in a finding's file holds where the folder is the current one, wherever it was moved to."""
    monkeypatch.chdir(FOLDER)
    for path in Path("findings").glob("*.json"):
        (line,) = commands_in(json.loads(path.read_text())["origin"]["replay"])
        assert call(line) == 1
    monkeypatch.undo()


def parses(words: list[str]) -> bool:
    """Whether a command line is taken by the command that it names; nothing is run."""
    words = words[: next((i for i, word in enumerate(words) if re.match(r"[|>;&#]", word)), len(words))]
    command = cli.commands.get(words[0])
    if command is None:
        return False
    try:
        context = command.make_context(words[0], list(words[1:]), click.Context(cli, info_name="percpu-fuzz"))
        if isinstance(context.command, click.Group) and not words[1].startswith("-"):
            inner = context.command.commands.get(words[1])
            return inner is not None and inner.make_context(words[1], list(words[2:]), context) is not None
    except click.ClickException:
        return False
    return True


@pytest.mark.parametrize("name", ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))])
def test_commands_of_docs_are_taken(name: str) -> None:
    """Every command in an indented or fenced block names a command and options that there are."""
    text = (ROOT / name).read_text(encoding="ascii")
    blocks = [line for line in text.splitlines() if line.startswith(("    percpu-fuzz ", "    - run: percpu-fuzz "))]
    for words in commands_in("\n".join(blocks)):
        assert parses([word for word in words if word != "..."]), (name, words)


def test_examples_of_help_are_taken() -> None:
    """Every command has one, which it takes. Control: an option that is none is refused."""
    for name, command in cli.commands.items():
        example = command.loaded().epilog or ""  # type: ignore[attr-defined]  # every command is OnUse
        (words,) = commands_in(example)
        assert name in words[0] or name == "completion"
        assert parses(words), example
    assert set(cli.commands) == set(COMMANDS)
    assert not parses(["run", "--colour", "red"])
    assert not parses(["runs"])
