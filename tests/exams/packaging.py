"""percpu-fuzz as others install it: a wheel, a source archive and an editable checkout, in a project whose own
packages are called engine, fuzz and tests."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parent.parent.parent
FINDING = ROOT / "tests" / "data" / "findings" / "v1-shortfall.json"
OWN = 'NAME = "of the project itself"\n'
OWN_TEST = "import engine\nimport fuzz\n\n\ndef test_own():\n    assert engine.NAME == fuzz.NAME\n"


def run(*line: str | Path, cwd: Path) -> str:
    """What a command prints; its errors are raised with all that it said."""
    done = subprocess.run([*map(str, line)], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{line}: {done.stdout[-2000:]} {done.stderr[-2000:]}")
    return done.stdout


def project(folder: Path) -> Path:
    """A project with packages engine, fuzz and tests."""
    for name in ("engine", "fuzz", "tests"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(OWN)
    (folder / "tests" / "test_own.py").write_text(OWN_TEST)
    return folder


def installed() -> dict[str, Any]:
    """Each kind, installed, writes a regression into the project, and plain pytest runs it beside the project's own."""
    row: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (wheel,) = WheelBuilder(str(ROOT)).build(directory=name, versions=["standard"])
        (sdist,) = SdistBuilder(str(ROOT)).build(directory=name, versions=["standard"])
        run(sys.executable, "-m", "venv", folder / "env", cwd=folder)
        python = folder / "env" / "bin" / "python"
        run(python, "-m", "pip", "install", "--quiet", wheel, "pytest", cwd=folder)
        for kind, what in (("wheel", [wheel]), ("sdist", [sdist]), ("editable", ["-e", str(ROOT)])):
            run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", *what, cwd=folder)
            there = project(folder / kind)
            run(folder / "env" / "bin" / "percpu-fuzz", "regress", FINDING, "-o", there / "tests", cwd=there)
            printed = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=there)
            place = run(python, "-c", "import percpu_fuzz.engine as e; print(e.__file__)", cwd=there).strip()
            row[kind] = {"pytest": printed.strip().splitlines()[-1], "from the checkout": str(ROOT) in place}
    passed = all("3 passed" in row[kind]["pytest"] for kind in row)
    return row | {"passed": passed and [row[kind]["from the checkout"] for kind in row] == [False, False, True]}


LINES: dict[str, Callable[[], dict[str, Any]]] = {"packages": installed}
