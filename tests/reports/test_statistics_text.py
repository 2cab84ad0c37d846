"""docs/statistics.md is true: the files, tests, exam lines and constants that it names are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from places import ROOT, TESTS

from percpu_fuzz.reports.figures.families import HUGE_NODES
from percpu_fuzz.reports.statistics.bernstein import BERNSTEIN_CASES_LEAST
from percpu_fuzz.reports.statistics.bootstrap import RESAMPLES
from percpu_fuzz.strategies.plan.pilot import CYCLE, PILOT_CASES_LEAST

TEXT = (ROOT / "docs" / "statistics.md").read_text()
FIGURES = [[cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith("|")][
    2:
]
METHODS = {path.name for folder in ("statistics", "figures") for path in (ROOT / "reports" / folder).glob("*.py")}
BY_HAND = {"__init__.py", "sequences.py"}


def named_tests(text: str) -> list[tuple[str, str]]:
    return re.findall(r"`(test_\w+\.py)::(\w+)`", text)


@pytest.mark.parametrize("row", FIGURES, ids=lambda row: row[0][:40])
def test_every_figure_has_its_file_and_its_test(row: list[str]) -> None:
    """Six cells; the files are of reports/statistics or reports/figures, the test is there."""
    assert len(row) == 6
    files, covered = re.findall(r"`(\w+\.py)`", row[4]), named_tests(row[5])
    assert files
    assert set(files) <= METHODS
    assert covered
    for file, function in covered:
        (path,) = TESTS.rglob(file)
        assert f"def {function}(" in path.read_text()


def test_every_method_has_a_figure() -> None:
    """No file of reports/statistics is left out but those that only serve others."""
    named = set(re.findall(r"`(\w+\.py)`", TEXT))
    methods = {path.name for path in (ROOT / "reports" / "statistics").glob("*.py")}
    assert methods - named <= BY_HAND


def test_constants_are_those_of_the_code() -> None:
    """Numbers of cases, seats and draws in the text."""
    flowing = " ".join(TEXT.split())
    for said in (
        f"fewer than {BERNSTEIN_CASES_LEAST} cases counts by its range", f"{PILOT_CASES_LEAST} cases at least",
        f"by {CYCLE} seats", f"draws {RESAMPLES:,} times", f"more than {HUGE_NODES} nodes",
    ):  # fmt: skip
        assert said in flowing


def test_what_it_names_besides_is_there() -> None:
    """Exam lines, decisions and tests within the text."""
    exams = "".join(path.read_text() for path in (TESTS / "exams").rglob("*.py"))
    for names in re.findall(r'make exam ONLY="?([a-z -]+)', TEXT):
        for name in names.split():
            assert f'"{name}"' in exams
    for number in re.findall(r"docs/adr/(\d{4})", TEXT):
        assert list((ROOT / "docs" / "adr").glob(f"{number}-*.md"))
    for file in re.findall(r"`(tests/[\w/]+\.py)`", TEXT):
        assert Path(ROOT, file).is_file()
    assert named_tests("`test_a.py::test_b`") == [("test_a.py", "test_b")]
