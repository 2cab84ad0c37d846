"""README's failing case, and the code, output and lanes of the first case, are what the project does now."""

from __future__ import annotations

import re
import subprocess
import sys

from places import ROOT

from percpu_fuzz.engine.scenario import load_finding
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.findings.lanes import lanes
from percpu_fuzz.reports.sections.brief.schedule import two_columns

README = (ROOT / "README.md").read_text(encoding="ascii")
FIRST_CASE = (ROOT / "docs" / "first-case.md").read_text(encoding="ascii")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```\n", FIRST_CASE, re.S)
SHORTFALL, LOST_BYTES = (f"tests/data/findings/{name}.json" for name in ("v1-shortfall", "v2-lost-bytes"))


def printed(*arguments: str, status: int) -> str:
    """Standard output of a Python process in the project's folder."""
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout


def test_the_failing_case_prints_what_the_page_says() -> None:
    """The Python block runs as it stands and prints the block after it: red on v1, green on fixed."""
    (language, code), (_, output) = BLOCKS[0], BLOCKS[1]
    assert language == "python"
    assert printed("-c", code, status=0) == output


def test_the_lanes_are_those_of_the_command_beside_them() -> None:
    """`replay --lanes` of the shipped finding prints the page's picture, and exits with 1."""
    assert f"percpu-fuzz replay {SHORTFALL} --lanes" in FIRST_CASE
    assert printed("-m", "percpu_fuzz", "replay", SHORTFALL, "--lanes", status=1) == BLOCKS[2][1]


def test_readme_draws_the_race_that_the_finding_is() -> None:
    """The two columns are those that a mail would have, of the file that README replays."""
    assert f"percpu-fuzz replay {LOST_BYTES} --lanes" in README
    finding = load_finding((ROOT / LOST_BYTES).read_bytes(), LOST_BYTES)
    steps, _ = lanes(finding.scenario, VARIANTS[finding.variant], until=finding.invariant)
    (block,) = re.findall(r"```text\n(.*?)```\n", README, re.S)
    assert block.split("\n\n")[1].splitlines() == two_columns(steps, 12, 74)


def test_readme_is_three_screens() -> None:
    """At most 3 times 40 lines, pictures that are there, and an index that names every page."""
    assert len(README.splitlines()) <= 120
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).stat().st_size < 300_000
    index = (ROOT / "docs" / "README.md").read_text(encoding="ascii")
    for page in (ROOT / "docs").glob("*.md"):
        assert f"({page.name})" in index or page.name == "README.md", page.name
