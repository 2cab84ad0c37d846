"""docs/ARCHITECTURE.md and docs/adr against the tree: what is named exists, and every command is named."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from percpu_fuzz.engine.core.compiled import ROOT
from percpu_fuzz.engine.core.records import SIZE_CLASSES
from percpu_fuzz.fuzz.cli import OnUse, cli

TEXT = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="ascii")
PAGES = sorted((ROOT / "docs").rglob("*.md"))
PATH = re.compile(r"(?<![\w-])((?:engine|strategies|fuzz|reports|tests|docs)/[\w/.-]*\w\.(?:py|md))\b")


def commands() -> dict[str, click.Command]:
    """Every command of the command line by name, groups as `group command`."""
    found: dict[str, click.Command] = {}
    for name, known in cli.commands.items():
        assert isinstance(known, OnUse)
        command = known.loaded()
        inner = command.commands.items() if isinstance(command, click.Group) else []
        found |= {f"{name} {word}": one for word, one in inner}
        if not isinstance(command, click.Group) or command.invoke_without_command:
            found[name] = command
    return found


def contract() -> str:
    return TEXT.split("## Interface contract")[1].split("```")[1]


def test_the_contract_names_every_command_and_no_other() -> None:
    """The block of the interface contract and the command line have the same commands."""
    named = set()
    for line in contract().splitlines():
        if line.startswith("percpu-fuzz "):
            name, *rest = line.removeprefix("percpu-fuzz ").split()
            inner = " ".join([name, *rest[:1]])
            named.add(inner if inner in commands() else name)
    assert named == set(commands())


def test_the_contract_names_every_option_and_no_other() -> None:
    """The long options of the block are those that the commands take."""
    taken = set()
    for command in commands().values():
        for parameter in command.params:
            taken |= {option for option in parameter.opts if option.startswith("--")}
    assert set(re.findall(r"--[a-z-]+", contract())) == taken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    """A path of this project on a page of docs is a file."""
    for path in PATH.findall(page.read_text(encoding="ascii")):
        assert (ROOT / path).is_file(), path


def test_every_decision_is_one_page_with_reason_and_rejected() -> None:
    """A decision says what, why and what not, on 70 lines of 120 columns at most (tables apart), no number twice."""
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = [page.name[:4] for page in pages]
    assert numbers == sorted(set(numbers))
    for page in pages:
        lines = page.read_text(encoding="ascii").splitlines()
        assert len(lines) <= 70, page.name
        assert all(len(line) <= 120 or line.startswith("|") for line in lines), page.name
        assert lines[0].startswith(f"# {page.name[:4]} "), page.name
        text = "\n".join(lines)
        assert "**Decision.**" in text, page.name
        assert "**Rejected.**" in text, page.name


def test_size_classes_are_those_of_the_records() -> None:
    """Each row of the table of size classes has the class's lengths."""
    for name, size in SIZE_CLASSES.items():
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{name}` |"))
        cells = [cell.strip().replace(",", "") for cell in row.strip("|").split("|")][1:7]
        lengths = [str(size[dim]) for dim in ("nodes", "cpus", "act", "memcgs", "areas")]
        assert cells == [*lengths, f"{size['chunks']} x {size['pages']}"], name
