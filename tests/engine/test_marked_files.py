"""Machine code and what else is kept: damaged, it is told, removed and made anew, and never run."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_tree import TinyTree

from percpu_fuzz.engine.core.linking import KeptCode
from percpu_fuzz.engine.core.marked_file import marked, read_marked

ENTRY = (
    "from percpu_fuzz.engine.core.compiled import compiled_entry\n\n@compiled_entry\ndef entry(x):\n    return x * 10\n"
)
RUN = "from percpu_fuzz.strategies.entry import entry; print(entry(2))"


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    place = random.Random(len(content)).randrange(len(content))
    return content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


def emptied(_content: bytes) -> bytes:
    return b""


DAMAGES = (cut, flipped, emptied)


@pytest.fixture(scope="module")
def compiled_tree(tmp_path_factory: pytest.TempPathFactory) -> TinyTree:
    """A compiled function that a first run has put into the cache, and that the next finds without a word (control)."""
    tree = TinyTree(tmp_path_factory.mktemp("kept"))
    tree.write("strategies/entry.py", ENTRY)
    assert tree.run(RUN) == "20"
    assert tree.run_told(RUN) == ("20\n", "")
    return tree


@pytest.fixture
def tree(compiled_tree: TinyTree, tmp_path: Path) -> TinyTree:
    """That tree with its cache in a folder of the test's own."""
    return TinyTree.copy_of(compiled_tree, tmp_path)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["nbi", "nbc"])
def test_damaged_machine_code_is_compiled_anew(kind: str, damage: Callable[[bytes], bytes], tree: TinyTree) -> None:
    """One line with the file, the right result, and the next run finds whole files. Control: compiled_tree's."""
    (path,) = (tree.root / ".cache").rglob(f"*.{kind}")
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert tree.run_told(RUN) == ("20\n", f"percpu-fuzz: {path} is damaged and is made anew\n")
    assert tree.run_told(RUN) == ("20\n", "")
    assert path.read_bytes() != damage(whole)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_marked_file(damage: Callable[[bytes], bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is read is what was kept, or nothing."""
    path = tmp_path / "kept"
    assert read_marked(path) is None
    path.write_bytes(marked(b"content"))
    assert read_marked(path) == b"content"
    assert capsys.readouterr().err == ""
    path.write_bytes(damage(marked(b"content")))
    assert read_marked(path) is None
    assert str(path) in capsys.readouterr().err
    assert not path.exists()


def save_all(folder: Path, who: int) -> None:
    kept = KeptCode(str(folder), "entry", "a stamp")
    for number in range(40):
        kept.save((who, number), f"code of {who} for {number}")


def test_processes_that_keep_code_at_once_keep_all_of_it(tmp_path: Path) -> None:
    """Set-up compiles an entry for several classes side by side: none gets the code of another, and none is lost."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=save_all, args=(tmp_path, who)) for who in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    kept = KeptCode(str(tmp_path), "entry", "a stamp")
    found = {(who, number): kept.load((who, number)) for who in range(3) for number in range(40)}
    assert found == {(who, number): f"code of {who} for {number}" for who, number in found}
