"""`diff`: what a user of one accounting notices who comes from another, found unaided, shrunk, as tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from few_cases import rounds
from places import ROOT

from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.reports.sections.diff import span_words

CASES = str(rounds(3000, 6000))


def compared(out: Path, *words: str) -> dict[str, Any]:
    """diff.json of a comparison."""
    status = call(["diff", *words, "--seed", "3", "--out", str(out)])
    row: dict[str, Any] = json.loads((out / "diff.json").read_text())
    assert status == row["exit"] == int(bool(row["differences"]))
    return row


@pytest.fixture(scope="module")
def base_v2(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("diff")
    return out, compared(out, "base", "v2", "--cases", CASES)


def test_the_three_differences_that_can_be_worked_out_are_found(base_v2: tuple[Path, dict[str, Any]]) -> None:
    """Too little headroom for 1 + N pages, none left beside what is charged, no OOM killer above 8 pages."""
    _, row = base_v2
    shown = {d["kind"]: d["shown"] for d in row["differences"]}
    expected = (
        "the first allocation: succeeds | -ENOMEM", "a further allocation: succeeds | -ENOMEM",
        "the first allocation: -ENOMEM, OOM killer called | -ENOMEM",
    )  # fmt: skip
    for kind in expected:
        assert shown[kind]["operations"] <= 3, kind
        assert shown[kind]["minimal"], kind


def test_each_kind_is_told_side_by_side_and_as_a_test(base_v2: tuple[Path, dict[str, Any]]) -> None:
    """The page has the table and each kind; the test files pass as they were written."""
    out, row = base_v2
    page = (out / "diff.txt").read_text()
    for difference in row["differences"]:
        assert difference["kind"] in page
        assert (out / difference["file"]).is_file()
        assert difference["measured"] or difference["hunted"]
        words = [line[1:] for line in difference["shown"]["rows"]]
        assert any(a != b for a, b in words), difference["kind"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(out / "tests")], cwd=ROOT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_seventh_patch_differs_by_the_pages_of_metadata_alone(tmp_path: Path) -> None:
    """v2-exts against v2: kernel memory, and under a limit what has room beside it. The precharge is the same, so no
    first allocation comes out otherwise, and no case without a limit has an operation that does.
    """
    row = compared(tmp_path, "v2", "v2-exts", "--cases", CASES)
    kinds = {d["kind"]: d["shown"] for d in row["differences"]}
    assert "memory.stat kernel after a drain: more" in kinds
    assert not any(kind.startswith(("the first", "memory.stat percpu")) for kind in kinds)
    for kind, shown in kinds.items():
        if " | " in kind or "events" in kind:
            assert "memory.max" in " ".join([*shown["machine"], *(line[0] for line in shown["rows"])]), kind


def test_the_answer_does_not_depend_on_workers(tmp_path: Path) -> None:
    """One process and two: the same counts, the same shrunk cases; 0 where two variants book alike."""
    rows = []
    for workers in ("1", "2"):
        row = compared(tmp_path / workers, "v2-exts", "v2-fast", "--cases", "2000", "--workers", workers)
        rows.append({key: value for key, value in row.items() if key != "seconds"})
    assert rows[0] == rows[1]
    assert rows[0]["exit"] == 0


@pytest.mark.parametrize(
    ("words", "named"), [(("base", "base"), "different variants"), (("base", "v3"), "v3"), (("base",), "VARIANTS")]
)
def test_bad_input_is_one_line(words: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is run."""
    assert call(["diff", *words]) == 2
    assert named in capsys.readouterr().err


def test_who_shows_a_kind_is_a_span_of_versions() -> None:
    """Neighbours as they were given are one span; what a version in between lacks makes two."""
    series = ["split", "v1", "v2", "v2-exts", "fixed"]
    assert span_words(["v2", "v2-exts", "fixed"], series) == "v2 to fixed"
    assert span_words(["split", "v2", "v2-exts"], series) == "split, v2 to v2-exts"
    assert span_words(["v1"], series) == "v1"
