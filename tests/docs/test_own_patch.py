"""docs/own-patch.md: every command prints what stands below it; every file that it names runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

from percpu_fuzz.fuzz.options import variant_option
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.trial import tried

TEXT = (ROOT / "docs" / "own-patch.md").read_text(encoding="ascii")
CONSOLE = re.findall(r"```console\n(.*?)```\n", TEXT, re.S)
PYTHON = re.findall(r"```python\n(.*?)```\n", TEXT, re.S)
PATCHES = sorted((ROOT / "docs" / "patches").glob("*.py"))
ANY = "..."


def commands() -> list[tuple[str, list[str]]]:
    """The commands in order, each with the lines below it; ANY stands for any number of lines, or for a line's rest."""
    found: list[tuple[str, list[str]]] = []
    for line in "".join(CONSOLE).splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def matches(wanted: list[str], printed: list[str]) -> bool:
    """Whether the lines are those, where ANY is whatever there is."""
    pattern = "".join(
        r"(.*\n)*?" if line == ANY else re.escape(line).replace(re.escape(" " + ANY), " .*") + r"\n" for line in wanted
    )
    return re.fullmatch(pattern, "".join(line + "\n" for line in printed)) is not None


def test_every_command_prints_what_the_page_says(tmp_path: Path) -> None:
    """One after the other in an empty folder."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTEST_ADDOPTS": "-p percpu_fuzz.fuzz.findings.pytest_plugin",
    }
    for command, wanted in commands():
        typed = command.replace("percpu-fuzz ", f"{sys.executable} -m percpu_fuzz ", 1).replace(
            "/path/to/percpu-fuzz", str(ROOT)
        )
        typed = typed.replace("python -m pytest", f"{sys.executable} -m pytest -p no:cacheprovider --tb=no")
        done = subprocess.run(
            typed, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode in (0, 1), done.stderr
        assert matches(wanted, done.stdout.splitlines()), (command, done.stdout)


def test_the_comparison_can_fail() -> None:
    """Control: a line that is missing, or another one, is noticed."""
    assert matches(["a", ANY, "c"], ["a", "b", "c"])
    assert matches(["2 passed in ..."], ["2 passed in 0.1s"])
    assert not matches(["a", ANY, "d"], ["a", "b", "c"])
    assert not matches(["a"], ["a", "b"])
    assert len(commands()) >= 10


def test_the_first_python_block_is_a_file(tmp_path: Path) -> None:
    """The file with claims runs as it stands."""
    path = tmp_path / "v3.py"
    path.write_text(PYTHON[0])
    assert tried(make_plan(variant_option(str(path)), 1, preset("two-node"))) == 60


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_every_example_is_in_the_table_and_runs(path: Path) -> None:
    """In plain mode; nothing of it goes wrong."""
    assert f"[{path.name}](patches/{path.name})" in TEXT
    assert re.search(rf"^\| {re.escape(path.name)} \| [^|]+ \| [^|]+ \|$", TEXT, re.M)  # what it changes
    assert tried(make_plan(variant_option(str(path)), 2, preset("two-node"))) == 60
