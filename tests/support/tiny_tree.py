"""A source tree of a few lines around the project's own engine/core/compiled.py, run in interpreters of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from percpu_fuzz.engine.core import compiled

# Before anything else in a run: machine code of every tree and flag in one folder.
IN_ONE_FOLDER = (
    "from pathlib import Path; from percpu_fuzz.engine.core import compiled; compiled.FOLDER = Path('.cache/one'); "
)


class TinyTree:
    """compiled.py and what it imports as they are, and whatever sources a test writes; caches stay below the tree."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for package in ("percpu_fuzz", "engine", "engine/core", "strategies"):
            self.write(f"{package}/__init__.py", "")
        for package in ("engine", "strategies"):
            (root / "percpu_fuzz" / package).symlink_to(f"../{package}")
        needed = "compiled compile_listeners dispatchers entries linking marked_file record_access shortcuts vectors"
        for name in (f"{module}.py" for module in needed.split()):
            shutil.copy(Path(compiled.__file__).with_name(name), root / "engine" / "core" / name)

    @classmethod
    def copy_of(cls, tree: TinyTree, root: Path) -> TinyTree:
        """A tree as it stands below another root, caches with it: files keep their times, by which numba knows them."""
        copy = cls.__new__(cls)
        copy.root = shutil.copytree(tree.root, root, symlinks=True, dirs_exist_ok=True)
        return copy

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, code: str, **environment: str) -> str:
        """What `python -c code` prints in the tree; the last line of its errors if it fails."""
        done = self._done(code, environment)
        return done.stderr.strip().splitlines()[-1] if done.returncode else done.stdout.strip()

    def run_told(self, code: str) -> tuple[str, str]:
        """What `python -c code`, which must not fail, prints in the tree: standard output and standard error."""
        done = self._done(code, {})
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    def _done(self, code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "PERCPU_FUZZ_", "PYTHON"))}
        return subprocess.run(
            [sys.executable, "-c", code], cwd=self.root, env=kept | {"PYTHONPATH": str(self.root)} | environment,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def folders(self) -> set[str]:
        """The cache folders that exist."""
        return {path.name for path in (self.root / ".cache").glob("*")}
