"""Emitted test files: red on their variant, green on fixed, whatever becomes of the generators."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from places import DATA, ROOT, TESTS

from percpu_fuzz.engine.errors import ScenarioError
from percpu_fuzz.engine.scenario import Finding, dump_finding, load_finding
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.findings.regression import regression_of
from percpu_fuzz.fuzz.options import variant_option
from percpu_fuzz.strategies.draw import choices
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.redraw import redraw, repeated
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
    made = regression_of(load_finding(SHORTFALL.read_bytes(), "shortfall"), VARIANTS["v1"])
    path = tmp_path / made.name
    path.write_text(made.text)
    imported = {line.split()[1] for line in made.text.splitlines() if line.startswith(("from ", "import "))}
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
        regression_of(replace(finding, variant="v2"), VARIANTS["v2"])


def pytest_of(folder: Path, *arguments: str, judge: str | None = None) -> str:
    """What pytest prints for the files of a folder, run in another one, with the plugin of the package."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)} | ({} if judge is None else {"PERCPU_FUZZ_VARIANT": judge})
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    plugin = ["-p", "percpu_fuzz.fuzz.findings.pytest_plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugin, *arguments, str(folder)],
        cwd=elsewhere, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout


def test_a_strict_file_is_red_until_the_bug_is_gone(tmp_path: Path) -> None:
    """Red on the finding's variant, green on one without the bug: by the option, or by the environment."""
    assert call(["regress", str(SHORTFALL), "-o", str(tmp_path), "--strict"]) == 0
    assert "1 failed, 1 passed" in pytest_of(tmp_path)
    assert "expected 1, found 2 at PO_REFUND" in pytest_of(tmp_path)
    assert "2 passed" in pytest_of(tmp_path, "--percpu-variant", "v2")
    assert "2 passed" in pytest_of(tmp_path, judge="fixed")
    assert "allowed: base, split" in pytest_of(tmp_path, "--percpu-variant", "v9")


@pytest.mark.parametrize("strict", [False, True])
def test_a_file_of_a_patch_of_ones_own(strict: bool, tmp_path: Path) -> None:
    """The variant stands in the test as a literal, its steps in the file beside it, which is all that it needs."""
    variant = variant_option(str(ROOT / "docs" / "patches" / "local_rest.py"))
    batch = make_plan(variant, 1, preset("two-node")).batch_of("measurement", 0)
    case, run = next((case, run) for case in range(40) if (run := redraw(batch, case)[1]).violations)
    broken = run.violations[0]
    scenario = redraw(batch, case)[0]
    made = regression_of(Finding(scenario, variant.name, broken.invariant, {}), variant, strict)
    assert list(made.beside) == ["local_rest.py"]
    (tmp_path / made.name).write_text(made.text)
    (tmp_path / "local_rest.py").write_text(made.beside["local_rest.py"])
    assert ("1 failed, 1 passed" if strict else "2 passed") in pytest_of(tmp_path)
    (tmp_path / "local_rest.py").unlink()
    assert "passed" not in pytest_of(tmp_path)


def test_what_the_files_say_is_what_runs() -> None:
    """The control: with the variant exchanged the same case is not red any more."""
    finding = load_finding(SHORTFALL.read_bytes(), "shortfall")
    assert run_scenario(finding.scenario, VARIANTS["v1"]).broken("I1") is not None
    assert run_scenario(finding.scenario, VARIANTS["v2"], lenient=True).broken("I1") is None


def test_nobodys_file_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of the variant's name, or the test's, that is somebody's own work stays, and nothing is written beside it.

    Control: the same content is no other file, and an earlier test of the same finding is replaced.
    """
    variant, out = ROOT / "docs" / "patches" / "local_rest.py", tmp_path / "tests"
    batch = make_plan(variant_option(str(variant)), 1, preset("two-node")).batch_of("measurement", 0)
    scenario, run = next(found for case in range(40) if (found := redraw(batch, case))[1].violations)
    finding = Finding(scenario, str(variant), run.violations[0].invariant, {})
    (tmp_path / "finding.json").write_bytes(dump_finding(finding))
    line = ["regress", str(tmp_path / "finding.json"), "--variant", str(variant), "-o", str(out)]
    out.mkdir()
    for name in ("local_rest.py", made_name(finding, variant)):
        (out / name).write_text("mine = 1\n")
        assert call(line) == 2
        assert "is there and is another file" in capsys.readouterr().err
        assert {path.name: path.read_text() for path in out.iterdir()} == {name: "mine = 1\n"}
        (out / name).unlink()
    assert [call(line), call(line)] == [0, 0]
    assert (out / "local_rest.py").read_bytes() == variant.read_bytes()


def made_name(finding: Finding, path: Path) -> str:
    return regression_of(finding, variant_option(str(path))).name
