"""What an installed percpu-fuzz holds: every module, and nothing that only the sources need."""

from __future__ import annotations

import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("engine", "strategies", "fuzz", "reports")


def test_a_wheel_holds_every_module(tmp_path: Path) -> None:
    """The built wheel lists exactly the Python files of the four packages, and the command's entry point."""
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(built) as wheel:
        names = set(wheel.namelist())
        info = next(name for name in names if name.endswith("entry_points.txt"))
        assert b"percpu-fuzz = fuzz.cli:main" in wheel.read(info)
    expected = {str(path.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == expected
    assert not any(name.startswith("tests/") for name in names)
