"""How much of the compilation of a patch's engine is done: out of which functions, and never more than all."""

from __future__ import annotations

import pytest
from places import ROOT

from percpu_fuzz.engine.core.compile_listeners import LISTENERS, tell
from percpu_fuzz.engine.core.compiled import functions_below
from percpu_fuzz.fuzz.campaign import own_engine
from percpu_fuzz.fuzz.campaign.own_engine import CAMPAIGN, COMPARISON, SEARCH, compiling_told, functions_compiled
from percpu_fuzz.fuzz.options import variant_option
from percpu_fuzz.fuzz.progress import Sign

PATCH = ROOT / "docs" / "patches" / "local_rest.py"


def test_functions_that_a_patch_compiles_are_known_before() -> None:
    """Its own, and the engine's that reach it or are linked in; not those of the engine's entries, which are kept."""
    variant = variant_option(str(PATCH))
    for called in (CAMPAIGN, SEARCH, COMPARISON):
        found = functions_compiled(variant, called)
        engine = functions_below(called)
        assert {"po_account", "po_node", "rest_memcg", "rest_objcg"} <= found
        assert any(name.startswith("step_") for name in found)  # an entry of the file's engine has its name
        assert len(found & engine) > 300
    assert "reset" in functions_below(CAMPAIGN) - functions_compiled(variant, CAMPAIGN)  # kept as it is


def test_the_sign_counts_each_function_once_for_each_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are not counted, and one that comes a third time on two classes is not either."""
    signs: list[Sign] = []

    class Kept(Sign):
        def __init__(self, words: str, total: int) -> None:
            super().__init__(words, total)
            signs.append(self)

    monkeypatch.setattr(own_engine, "is_compiled", lambda _own: False)
    monkeypatch.setattr("percpu_fuzz.fuzz.progress.Sign", Kept)
    said: list[str] = []
    variant = variant_option(str(PATCH))
    with compiling_told(variant, said.append, CAMPAIGN, 2):
        for name in ("po_node", "po_node", "po_node", "rest_memcg", "elsewhere"):
            tell(name)
        (sign,) = signs
        assert (sign.done, sign.total) == (3, 2 * len(functions_compiled(variant, CAMPAIGN)))
    assert len(said) == 1
    assert not LISTENERS
