"""The mail of a diff: what was compared, which kinds, a case of each side by side, the command."""

from __future__ import annotations

import re
from typing import Any

import pytest

from percpu_fuzz.reports.identity import MESSAGE_ID
from percpu_fuzz.reports.sections.brief.diff_mail import diff_mail


def difference(kind: str, shown: bool) -> dict[str, Any]:
    """A kind as diff.json has it."""
    machine = ["Machine: 2 nodes, 1 possible CPU (CPU 0 on node 0), 4096-byte pages."]
    rows = [
        [f"alloc 4 bytes, charged to memcg1, into slot {i}", "succeeds", "-ENOMEM, OOM killer called"] for i in range(9)
    ]
    case = {"machine": machine, "rows": rows, "operations": 9, "minimal": True}
    return {
        "variant": "v2", "kind": kind, "measured": {"few": 84}, "hunted": 3, "first": ["measurement", 0, 7],
        "shown": case if shown else None,
    }  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 2, 60])
@pytest.mark.parametrize("shown", [True, False])
def test_the_mail_of_a_diff_fits(count: int, shown: bool) -> None:
    """At most 40 lines of 72 columns: what was compared, kinds with how often, a case side by side, the command."""
    row = {
        "base": "base", "variants": ["v2"], "seed": 3, "cases": 6000, "measured": {"few": 3000}, "hunted": 3000,
        "code": "0" * 16, "version": "0.1.0", "differences": [difference(f"kind {i}", shown) for i in range(count)],
    }  # fmt: skip
    text = diff_mail(row)
    lines = text.splitlines()
    assert text.isascii()
    assert len(lines) <= 40
    assert all(len(line) <= 72 for line in lines)
    told = " ".join(lines).split("Repeat")[0]
    assert "From a model, not from a kernel" in told
    assert MESSAGE_ID in told
    assert ("no difference" in told) == (count == 0)
    assert "1) kind 0: 84 of 3,000 measured cases." in lines or not count
    listed = sum(re.match(r"\d+\) kind", line) is not None for line in lines)
    assert listed == count or f"and {count - listed} more in diff.txt." in lines
    assert "Repeat: percpu-fuzz diff base v2 --cases 6000 --seed 3" in lines
