"""Scopes that explore completed stand in a campaign's certificate; others are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.store.explored import explored_rows


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small scope of fixed, explored completely."""
    out = tmp_path_factory.mktemp("explored") / "out"
    assert call(["explore", "--variant", "fixed", "--scope", "shortage", "-o", str(out)]) == 0
    return out


def test_the_certificate_names_the_scope(tmp_path: Path, explored: Path) -> None:
    """In report.txt and report.json, with its number of states and that nothing is broken in it."""
    arguments = ["--variant", "fixed", "--topology", "two-node", "--cases", "1000", "--seed", "1"]
    assert call(["run", *arguments, "--explored", str(explored), "--out", str(tmp_path / "out")]) == 0
    text = " ".join((tmp_path / "out" / "report.txt").read_text().split())
    states = json.loads((explored / "scope.json").read_text())["states"]
    assert "Explored completely: shortage" in text
    assert f"no interleaving breaks an invariant, among {states} states" in text
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert any("shortage" in line for line in report["certificate"]["scopes"])


def test_what_is_not_of_this_campaign_is_refused(tmp_path: Path, explored: Path) -> None:
    """Another variant, other code, no folder and a broken file: one line each."""
    assert len(explored_rows(str(explored), "fixed")) == 1
    assert explored_rows(None, "fixed") == []
    with pytest.raises(InputError, match="of variant 'fixed'"):
        explored_rows(str(explored), "v2")
    with pytest.raises(InputError, match="No such file"):
        explored_rows(str(tmp_path), "v2")
    row = json.loads((explored / "scope.json").read_text())
    for broken in ("[", "[]", "7", json.dumps(row | {"scope": 3}), json.dumps(row | {"code": "0" * 16})):
        (tmp_path / "scope.json").write_text(broken)
        with pytest.raises(InputError) as caught:
            explored_rows(str(tmp_path), "fixed")
        assert "\n" not in str(caught.value)
