"""The house stays tidy: bounds on folders, files and functions, no circle of imports, no public name twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from places import ROOT, TESTS
from tidy import FILES_MOST, FUNCTION_MOST, LINES_MOST, House

HOUSE = House(ROOT)
# Imports inside functions, each with its reason.
LATER = {
    "engine.core.compiled -> engine.core.dispatchers": "numba takes a third of a second, and plain mode needs none",
    "fuzz.entry -> fuzz.cli": "signals that come before everything is loaded end the command at once",
    "fuzz.options -> fuzz.variant_files": "the whole engine, of which a file may replace any part",
    "fuzz.options -> strategies.draw.topologies": "numpy and the machines of all families",
    "fuzz.options -> strategies.machines.importing": "readers of a dozen formats",
    "fuzz.bench.time_to_bug -> fuzz.bench.state_machine": "Hypothesis, for one part of the bench alone",
    "fuzz.commands.run -> fuzz.campaign.screen": "rich, for a terminal alone",
    "fuzz.commands.topology -> strategies.machines.answers": "readers of a dozen formats are not for a list of names",
    "fuzz.commands.topology -> strategies.machines.importing": "the same",
    "fuzz.commands.topology -> strategies.machines.pasted": "the same",
    "fuzz.commands.topology -> strategies.machines.percpu_stats": "the same",
    "fuzz.commands.topology -> strategies.machines.qemu.export": "the same, for its writer",
    "reports.invariants -> engine.own.file": "the same, for what a variant of one's own claims",
    "fuzz.findings.pytest_plugin -> engine.errors": "pytest loads the plugin in every session, of any project",
    "fuzz.findings.pytest_plugin -> fuzz.options": "the same; numpy and the engine take a fifth of a second",
}


def test_no_folder_holds_too_many_files() -> None:
    """A folder can be seen at a glance, in the packages and in the tests."""
    tests = {folder: len(list(folder.glob("*.py"))) for folder in [TESTS, *TESTS.rglob("*")] if folder.is_dir()}
    assert {str(folder): count for folder, count in tests.items() if count > FILES_MOST} == {}
    assert {folder: count for folder, count in HOUSE.folders.items() if count > FILES_MOST} == {}


def test_no_file_is_too_long() -> None:
    """A file is one noun or one algorithm."""
    assert {name: lines for name, lines in HOUSE.lines.items() if lines > LINES_MOST} == {}


def test_no_function_is_too_long() -> None:
    """A function fits a screen."""
    assert [row for row in HOUSE.functions if row[0] > FUNCTION_MOST] == []


def test_no_public_name_is_defined_twice() -> None:
    """A name means one thing in a package."""
    assert HOUSE.twice == {}


def test_no_circle_of_imports() -> None:
    """Modules form layers, imports for annotations and inside functions included."""
    assert HOUSE.circles == []


def test_imports_inside_functions_have_a_reason() -> None:
    """Only what is heavy, or may be missing, is imported when it is used."""
    assert {f"{module} -> {found}" for module, found in HOUSE.hidden_imports} == set(LATER)


def test_every_folder_says_what_it_is() -> None:
    """Each __init__.py has a docstring."""
    assert HOUSE.without_docstring == []


def test_a_circle_is_seen(tmp_path: Path) -> None:
    """Control: two modules that import each other, one of them inside a function, a name that both define."""
    for name, text in {
        "engine/__init__.py": "",
        "engine/a.py": "from percpu_fuzz.engine.b import other\nWORD = 1\n",
        "engine/b.py": "WORD = 2\ndef other():\n    from percpu_fuzz.engine import a\n    return a\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    bad = House(tmp_path)
    assert bad.circles == [["engine.a", "engine.b"]]
    assert bad.hidden_imports == [("engine.b", "engine.a")]
    assert bad.twice == {("engine", "WORD"): ["engine.a", "engine.b"]}
    assert bad.without_docstring == ["engine"]


@pytest.mark.parametrize("package", ["engine", "strategies", "reports", "fuzz"])
def test_the_four_folders_are_seen(package: str) -> None:
    """Control: the bounds above are over something."""
    assert sum(name.startswith(f"{package}/") for name in HOUSE.lines) > 40
