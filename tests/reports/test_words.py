"""Invariants and hazards in words: complete, short, and asked of the right variants."""

from __future__ import annotations

import pytest

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES, MODEL_INVARIANTS
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.reports.invariants import HAZARD_WORDS, INVARIANT_WORDS, applies, described_variant

NOT_ASKED = {
    "base": {"I1", "I1b", "I2", "I3", "I14"},
    "split": {"I1b", "I3", "I14"},
    "v1": {"I1b"},
    "v2": set(),
    "v2-exts": set(),
    "v2-fast": set(),
    "fixed": set(),
}


def test_every_invariant_and_hazard_has_one_short_line() -> None:
    """All of the engine's invariants and H1 to H25, each short enough for its line in the report."""
    assert list(INVARIANT_NAMES) == list(INVARIANT_WORDS)
    assert list(HAZARD_WORDS) == [f"H{h}" for h in range(1, 26)]
    assert all(len(words) <= 64 and words.isascii() for words in INVARIANT_WORDS.values())
    assert all(len(words) <= 50 and words.isascii() for words in HAZARD_WORDS.values())


@pytest.mark.parametrize("name", list(VARIANTS))
def test_what_is_asked_of_a_variant_follows_the_table(name: str) -> None:
    """The table of invariants by variant, written out here."""
    assert {i for i in MODEL_INVARIANTS if not applies(i, VARIANTS[name])} == NOT_ASKED[name]


def test_an_invariant_that_does_not_exist_is_refused() -> None:
    """The message names those that do."""
    with pytest.raises(InputError, match="I20"):
        applies("I99", VARIANTS["v2"])


def test_a_variant_is_known_by_name_or_by_its_choices() -> None:
    """A user's own accounting is stored with its choices; a name alone that nobody knows gives None."""
    assert described_variant({"variant": "v1"}) == VARIANTS["v1"]
    own = described_variant({"variant": "mine", "choices": VARIANTS["base"].choices()})
    assert own is not None
    assert not applies("I1", own)
    assert described_variant({"variant": "mine"}) is None
