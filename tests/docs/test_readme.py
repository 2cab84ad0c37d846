"""README's code, output and picture are what the project does now."""

from __future__ import annotations

import re
import subprocess
import sys

from places import ROOT

BLOCKS = re.findall(r"```(\w*)\n(.*?)```\n", (ROOT / "README.md").read_text(encoding="ascii"), re.S)
SHORTFALL = "tests/data/findings/v1-shortfall.json"


def printed(*arguments: str, status: int) -> str:
    """Standard output of a Python process in the project's folder."""
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout


def test_the_failing_case_prints_what_readme_says() -> None:
    """The Python block runs as it stands and prints the block after it: red on v1, green on fixed."""
    (language, code), (_, output) = BLOCKS[0], BLOCKS[1]
    assert language == "python"
    assert printed("-c", code, status=0) == output


def test_the_lanes_are_those_of_the_command_beside_them() -> None:
    """`replay --lanes` of the shipped finding prints README's picture, and exits with 1."""
    assert f"percpu-fuzz replay {SHORTFALL} --lanes" in (ROOT / "README.md").read_text()
    assert printed("-m", "percpu_fuzz", "replay", SHORTFALL, "--lanes", status=1) == BLOCKS[2][1]
