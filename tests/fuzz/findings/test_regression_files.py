"""Emitted test files: red on their variant, green on fixed, whatever becomes of the generators."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from places import DATA, ROOT, TESTS

from percpu_fuzz.engine.errors import ScenarioError
from percpu_fuzz.engine.scenario import load_finding
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.findings.regression import regression_of
from percpu_fuzz.strategies.draw import choices
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.redraw import repeated
from percpu_fuzz.strategies.run.replay import run_scenario

SHORTFALL = DATA / "findings" / "v1-shortfall.json"
REGRESSIONS = sorted((TESTS / "regressions").glob("test_*.py"))


def functions_of(path: Path) -> dict[str, object]:
    """What an emitted file defines."""
    names: dict[str, object] = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    return names


def run_all(path: Path) -> int:
    """Call every test function of a file; how many there were."""
    tests = [value for name, value in functions_of(path).items() if name.startswith("test_")]
    for test in tests:
        test()  # type: ignore[operator]
    return len(tests)


def test_the_order_of_draws_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every list of values turned round a campaign draws other cases, and every shipped file says the same."""
    before = repeated(make_plan("v1", 3).batch_of("hunting", 0), 5)[0]
    for name in ("size", "op", "gfp", "slot", "step"):
        kind = choices.KINDS[name]
        turned = replace(kind, values=kind.values[::-1], measure=kind.measure[::-1], hunt=kind.hunt[::-1])
        monkeypatch.setitem(choices.KINDS, name, turned)
    assert repeated(make_plan("v1", 3).batch_of("hunting", 0), 5)[0] != before
    assert len(REGRESSIONS) >= 5
    for path in REGRESSIONS:
        assert run_all(path) == 2, path


def test_a_file_needs_nothing_but_public_names(tmp_path: Path) -> None:
    """The emitted file runs by itself from another folder, and imports the one public name only."""
    name, text = regression_of(load_finding(SHORTFALL.read_bytes(), "shortfall"), "shortfall")
    path = tmp_path / name
    path.write_text(text)
    imported = {line.split()[1] for line in text.splitlines() if line.startswith(("from ", "import "))}
    assert imported == {"percpu_fuzz"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "2 passed" in done.stdout, done.stdout


def test_a_green_case_is_refused() -> None:
    """A case that its variant upholds, or that fixed breaks, makes no file."""
    finding = load_finding(SHORTFALL.read_bytes(), "shortfall")
    with pytest.raises(ScenarioError, match="I1 holds on v2"):
        regression_of(replace(finding, variant="v2"), "shortfall")


def test_what_the_files_say_is_what_runs() -> None:
    """The control: with the variant exchanged the same case is not red any more."""
    finding = load_finding(SHORTFALL.read_bytes(), "shortfall")
    assert run_scenario(finding.scenario, VARIANTS["v1"]).broken("I1") is not None
    assert run_scenario(finding.scenario, VARIANTS["v2"], lenient=True).broken("I1") is None
