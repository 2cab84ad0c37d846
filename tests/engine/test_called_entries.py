"""An entry that compiled code calls is compiled once for its types, called by its name and never copied."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tiny_tree import TinyTree

from percpu_fuzz.engine.core.linking import EntryLibrary, called_below

IMPORTS = "import numpy as np\nfrom percpu_fuzz.engine.core.compiled import compiled, compiled_entry, plain\n"
SHARED = IMPORTS + "\n@compiled_entry\ndef shared(record, x):\n    record.b = record.b + x\n    return record.b * {}\n"
FROM_SHARED = "from percpu_fuzz.engine.shared import shared\n"
TWICE = "\n@compiled_entry\ndef {0}(records, x):\n    return shared(records[0], x) + shared(records[0], x)\n"
LOOPS = IMPORTS + FROM_SHARED + TWICE.format("one") + TWICE.format("other")
SETUP = (
    "import numpy as np; from percpu_fuzz.engine.shared import shared; "
    "from percpu_fuzz.strategies.loops import one, other; "
    "narrow, far = (np.zeros(1, np.dtype([('a', np.int64, n), ('b', np.int64)])) for n in (1, 40)); "
    "compiled = lambda f: sum(f.dispatcher.stats.cache_misses.values()); "
    "loaded = lambda f: sum(f.dispatcher.stats.cache_hits.values()); made = lambda f: f.dispatcher.overloads.values(); "
)


@pytest.fixture
def tree(tmp_path: Path) -> TinyTree:
    """One shared entry in engine, two entries in strategies that call it."""
    tree = TinyTree(tmp_path)
    tree.write("engine/shared.py", SHARED.format(1))
    tree.write("strategies/loops.py", LOOPS)
    return tree


def test_it_is_compiled_once_for_all_that_call_it(tree: TinyTree) -> None:
    """Two callers, one compilation, and neither's machine code holds a copy."""
    run = SETUP + (
        "print(one(narrow, 5), other(narrow, 5), compiled(shared), "
        "[[called.function for called in r.library.called] for f in (one, other) for r in made(f)], "
        "[f.__name__ for f in (one, other) for r in made(f) "
        "for code in r.library.get_defined_functions() if 'shared' in code.name])"
    )
    shared = "[('percpu_fuzz.engine.shared', 'shared')]"
    assert tree.run(run) == f"15 35 1 [{shared}, {shared}] []"


def test_its_caller_in_the_cache_finds_it(tree: TinyTree) -> None:
    """A process that loads a caller has the shared entry loaded with it, and compiles nothing."""
    run = SETUP + "print(one(narrow, 5), compiled(one), loaded(one), compiled(shared), loaded(shared))"
    assert tree.run(run) == "15 1 0 1 0"
    assert tree.run(run) == "15 0 1 0 1"


def test_without_its_own_file_it_is_compiled_again(tree: TinyTree) -> None:
    """The cache of the shared entry alone is gone: the caller is loaded, what it calls is made anew."""
    run = SETUP + "print(one(narrow, 5), loaded(one), compiled(shared))"
    assert tree.run(run) == "15 0 1"
    for path in tree.root.glob(".cache/*/engine/shared.shared*"):
        path.unlink()
    assert tree.run(run) == "15 1 1"


def test_kinds_of_records_from_different_processes_are_not_mixed_up(tree: TinyTree) -> None:
    """Machine code for two layouts, made by two processes in the same order, comes together in a third."""
    for layout in ("narrow", "far"):
        assert tree.run(SETUP + f"print(one({layout}, 5))") == "15"
    both = "print(one(narrow, 5), one(far, 7), narrow['b'], far['b'], narrow['a'].max(), far['a'].max(), loaded(one))"
    assert tree.run(SETUP + both) == "15 21 [10] [14] 0 0 2"


def test_an_edit_of_it_is_seen_by_its_callers(tree: TinyTree) -> None:
    """No caller goes on with the old one."""
    run = SETUP + "print(one(narrow, 5))"
    assert tree.run(run) == "15"
    tree.write("engine/shared.py", SHARED.format(10))
    assert tree.run(run) == "150"


def test_plain_twins_call_plain_twins(tree: TinyTree) -> None:
    """Plain mode goes through a shared entry as through any other function."""
    run = SETUP + (
        "from percpu_fuzz.engine.core.compiled import plain; from types import SimpleNamespace as N; "
        "print(plain(one)([N(b=0)], 5), compiled(shared))"
    )
    assert tree.run(run) == "15 0"


def test_a_library_is_linked_after_all_that_call_it() -> None:
    """Whatever the length of the ways to it; entries are among what is found, and nothing that only they call."""
    deep = SimpleNamespace(_linking_libraries=[])
    entry = cast(Any, object.__new__(EntryLibrary))
    entry._linking_libraries = [SimpleNamespace(_linking_libraries=[])]
    middle = SimpleNamespace(_linking_libraries=[deep, entry])
    top = SimpleNamespace(_linking_libraries=[middle])
    for libraries in ([deep, top], [top, deep], [entry, deep, middle, top]):
        found = called_below(libraries)
        assert [found.index(each) for each in (top, middle, deep)] == sorted(
            found.index(e) for e in (top, middle, deep)
        )
        assert len(found) == 4
        assert entry in found
