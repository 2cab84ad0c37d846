"""What an installed percpu-fuzz holds: every module, and nothing that only the sources need."""

from __future__ import annotations

import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder
from places import ROOT

PACKAGES = ("engine", "strategies", "fuzz", "reports")


def test_a_wheel_holds_every_module(tmp_path: Path) -> None:
    """The built wheel holds exactly the files of the four packages, the public face, and the command's entry point."""
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(built) as wheel:
        names = set(wheel.namelist())
        info = next(name for name in names if name.endswith("entry_points.txt"))
        assert b"percpu-fuzz = percpu_fuzz.fuzz.entry:main" in wheel.read(info)
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    expected = {f"percpu_fuzz/{path.relative_to(ROOT)}" for path in files if "__pycache__" not in path.parts}
    expected |= {"percpu_fuzz/__init__.py", "percpu_fuzz/__main__.py", "percpu_fuzz/own.py", "percpu_fuzz/py.typed"}
    assert any(name.endswith(".css") for name in expected)
    assert {name for name in names if ".dist-info/" not in name} == expected
