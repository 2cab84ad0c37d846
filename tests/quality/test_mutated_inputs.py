"""A short run of the fuzzer of input files; `make fuzz-inputs` goes on, and the exam line mutated-inputs for hours."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from input_kinds import InputKind, input_kinds
from mutated_inputs import mutated, one_of, read_by

from tests.inputs import fuzz_inputs

REFUSED_ANYHOW = ("configuration", "scope")  # read, and then stopped by another option or the code's version
INPUTS = 650


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, InputKind]:
    """Every kind of file."""
    return input_kinds(tmp_path_factory.mktemp("beside"))


def test_what_is_damaged_was_accepted(kinds: dict[str, InputKind], tmp_path: Path) -> None:
    """Each file as it was gets a verdict: damage does not start from what is refused at its first byte."""
    for name, kind in kinds.items():
        read_by(kind, kind.seeds[0], tmp_path)  # which loads, or compiles once, what reads it
        for number, seed in enumerate(kind.seeds):
            told = read_by(kind, seed, tmp_path)
            assert not told.amiss, (name, number, told)
            if name in REFUSED_ANYHOW:
                assert ("--topology" if name == "configuration" else "of code 0") in told.said, told
            else:
                assert told.status in (0, 1, 4), (name, number, told)


def test_inputs_are_a_function_of_seed_and_number(kinds: dict[str, InputKind]) -> None:
    """So that what is found is found again; and they differ, and most differ from what is accepted."""
    first = [one_of(kinds, 7, number) for number in range(200)]
    assert [one_of(kinds, 7, number) for number in range(200)] == first
    assert [one_of(kinds, 8, number) for number in range(200)] != first
    finding = kinds["finding"]
    drawn = {mutated(finding, random.Random(number)) for number in range(200)}
    assert len(drawn - set(finding.seeds)) > 150


def test_damaged_files_are_refused_in_one_line(tmp_path: Path) -> None:
    """No traceback, no other exit status than a verdict's or 2, nothing over 512 MB or 20 s."""
    found = fuzz_inputs(INPUTS, seed=1, kept=tmp_path / "kept", processes=1)
    assert found["amiss"] == 0, found["first"]
    assert found["inputs"] == INPUTS
    refused = sum(count for words, count in found["statuses"].items() if words.endswith(" 2"))
    assert 0.2 * INPUTS < refused < 0.98 * INPUTS, found["statuses"]
