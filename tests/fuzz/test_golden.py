"""What must not change unless somebody means it to: digests of campaigns, pinned in tests/data/golden/digests.json.

A change of the engine, of what is drawn or of how it is counted changes them. Then, and only then, they are written
anew (`python tests/fuzz/test_golden.py`), in a commit that says why.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import pytest

PINNED = Path(__file__).resolve().parents[1] / "data" / "golden" / "digests.json"
VARIANTS = ("v2", "fixed", "v1", "base", "split", "v2-exts", "v2-fast")
CASES = ("--seed", "7", "--cases", "2000")


def digest_of(variant: str, out: Path) -> str:
    """The digest of a small campaign, as its report says it."""
    from percpu_fuzz.fuzz.cli import call

    call(["run", "--variant", variant, *CASES, "--plain", "--out", str(out)])
    report = json.loads((out / "report.json").read_text())
    assert report["stopping"]["by"] == "cases", "only a campaign that came to its end has this digest"
    digest: str = report["digest"]
    return digest


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_campaign_has_its_digest(variant: str, tmp_path: Path) -> None:
    """2,000 cases of each variant: every batch's draws, steps, histograms and violations are what they were."""
    assert digest_of(variant, tmp_path / "out") == json.loads(PINNED.read_text())[variant]


def write() -> None:
    """Pin what is there now."""
    with tempfile.TemporaryDirectory() as folder:
        found = {variant: digest_of(variant, Path(folder) / variant) for variant in VARIANTS}
    PINNED.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(write())
