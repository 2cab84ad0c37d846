"""The cache folder is named by what machine code depends on: every source it can reach, numba, the bounds flag."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_tree import IN_ONE_FOLDER, TinyTree

from percpu_fuzz.engine.core.compiled import ROOT, cache_folder, reachable_sources

COMPILED = "from percpu_fuzz.engine.core.compiled import compiled, compiled_entry\n"
CALLEE = COMPILED + "\n@compiled\ndef callee(x):\n    return x + {}\n"
FROM_CALLEE = "from percpu_fuzz.engine.callee import callee"
ENTRY = COMPILED + FROM_CALLEE + "\n\n@compiled_entry\ndef entry(x):\n    return callee(x) * 10\n"
RUN = "from percpu_fuzz.strategies.entry import entry; print(entry(1))"
# The trap: numba's own key alone, one folder for all sources.
RUN_IN_ONE_FOLDER = IN_ONE_FOLDER + RUN


@pytest.fixture
def tree(tmp_path: Path) -> TinyTree:
    """An entry in strategies that calls a function in engine, and a file that nothing compiled reaches."""
    tree = TinyTree(tmp_path)
    tree.write("engine/callee.py", CALLEE.format(1))
    tree.write("strategies/entry.py", ENTRY)
    tree.write("strategies/plan/plan.py", "from percpu_fuzz.strategies.entry import entry\n")
    return tree


def test_an_edited_callee_changes_the_callers_result(tree: TinyTree) -> None:
    """The entry's machine code holds the callee; an edit in the callee's file alone is seen by the next run."""
    assert tree.run(RUN) == "20"
    assert tree.run(RUN) == "20"
    before = tree.folders()
    assert len(before) == 1
    tree.write("engine/callee.py", CALLEE.format(2))
    assert tree.run(RUN) == "30"
    assert len(tree.folders() - before) == 1


def test_without_the_folder_the_edit_would_go_unseen(tree: TinyTree) -> None:
    """Control: the same edit with one folder for all sources gives the old result, so the test above can fail."""
    assert tree.run(RUN_IN_ONE_FOLDER) == "20"
    tree.write("engine/callee.py", CALLEE.format(2))
    assert tree.run(RUN_IN_ONE_FOLDER) == "20"


def test_a_file_that_compiled_code_cannot_reach_keeps_the_folder(tree: TinyTree) -> None:
    """Sources that import compiled functions but hold none, and that none imports, may change without compilation."""
    assert [path.name for path in reachable_sources(tree.root)] == [
        "callee.py",
        "compile_listeners.py",
        "compiled.py",
        "dispatchers.py",
        "entries.py",
        "linking.py",
        "marked_file.py",
        "record_access.py",
        "shortcuts.py",
        "vectors.py",
        "entry.py",
    ]
    before = cache_folder(tree.root)
    tree.write("strategies/plan/plan.py", "# changed\n")
    tree.write("strategies/other.py", "\n")
    assert cache_folder(tree.root) == before
    tree.write("engine/callee.py", CALLEE.format(3))
    assert cache_folder(tree.root) != before


def test_a_module_reached_through_another_counts(tree: TinyTree) -> None:
    """A module with constants only, imported by a module that compiled code imports, changes the folder."""
    tree.write("engine/callee.py", "import percpu_fuzz.engine.core.primitives\n" + CALLEE.format(1))
    tree.write("engine/core/primitives.py", "from percpu_fuzz.engine import constants\n")
    tree.write("engine/constants.py", "A = 1\n")
    before = cache_folder(tree.root)
    tree.write("engine/constants.py", "A = 2\n")
    assert cache_folder(tree.root) != before


def test_moving_a_source_changes_the_folder(tree: TinyTree) -> None:
    """Names count as well as contents: two files that swap their contents are another tree."""
    tree.write("engine/other.py", CALLEE.format(7))
    before = cache_folder(tree.root)
    tree.write("engine/other.py", CALLEE.format(1))
    tree.write("engine/callee.py", CALLEE.format(7))
    assert cache_folder(tree.root) != before


def test_the_bounds_flag_changes_the_folder(tree: TinyTree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checked and unchecked machine code never share a folder; an empty flag is no flag."""
    names = []
    for flag in ("", "0", "1"):
        monkeypatch.setenv("NUMBA_BOUNDSCHECK", flag)
        names.append(cache_folder(tree.root).name)
    assert names[0] == names[1] != names[2]


def test_the_cache_can_be_put_elsewhere(tree: TinyTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PERCPU_FUZZ_CACHE names the folder that cache folders are made in, with the same names."""
    before = cache_folder(tree.root)
    monkeypatch.setenv("PERCPU_FUZZ_CACHE", str(tmp_path / "elsewhere"))
    assert cache_folder(tree.root) == tmp_path / "elsewhere" / before.name


def test_the_projects_own_reachable_sources() -> None:
    """All modules of the step machine and the walk are reached; plans, replays and topology files are not."""
    names = {str(path.relative_to(ROOT)) for path in reachable_sources()}
    assert {"engine/case/step.py", "engine/kernel/post_hook.py", "engine/variant.py", "strategies/run/walk.py"} <= names
    assert not names & {
        "strategies/plan/plan.py",
        "strategies/run/replay.py",
        "engine/topology_file.py",
        "engine/scenario.py",
    }


def test_a_compiled_function_refuses_python(tree: TinyTree) -> None:
    """What is compiled for compiled callers has no machine code of its own: called from Python it says so."""
    assert "TypeError" in tree.run(FROM_CALLEE + "; callee(1)")
    run_plain = "from percpu_fuzz.engine.core.compiled import plain; " + FROM_CALLEE + "; print(plain(callee)(1))"
    assert tree.run(run_plain) == "2"
