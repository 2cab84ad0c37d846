"""docs/explore.md against what the code says."""

from __future__ import annotations

import re

from test_scopes import PINNED

from engine.compiled import ROOT
from strategies.explore.precharge import formula_lines

TEXT = (ROOT / "docs" / "explore.md").read_text(encoding="ascii")


def test_the_table_of_scopes_has_the_pinned_numbers() -> None:
    """Each row's states, terminal states and broken invariants are those that the tests pin, and none is missing."""
    rows = re.findall(r"\| `([\w-]+)` \| [^|]+ \| ([\w-]+) \| ([\d,]+) \| ([\d,]+) \| ([^|]+) \|", TEXT)
    found = {
        (scope, variant): (int(states.replace(",", "")), int(ends.replace(",", "")), broken.replace("-", ""))
        for scope, variant, states, ends, broken in rows
    }
    assert found == PINNED


def test_the_precharge_lines_are_the_command_s() -> None:
    """What stands there is what `percpu-fuzz explore --precharge` prints."""
    assert "\n".join(formula_lines()) in TEXT
