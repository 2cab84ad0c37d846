"""Where things stand: the repository, its tests, their data, the large recordings beside it, and the command."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
DATA = TESTS / "data"
SHARED = ROOT.parent / "shared"
PERCPU_FUZZ = (sys.executable, "-m", "percpu_fuzz")
