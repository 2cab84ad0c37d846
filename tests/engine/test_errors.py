"""Errors about what a user gave."""

from __future__ import annotations

import pickle

import pytest

from percpu_fuzz.engine.errors import InputError, ScenarioError, TopologyError


@pytest.mark.parametrize("kind", [InputError, TopologyError, ScenarioError])
def test_an_error_comes_whole_from_another_process(kind: type[InputError]) -> None:
    """Its kind, its three parts and its line."""
    error = kind("machine.json", "3 nodes", "1 or 2")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.where, again.given, again.allowed) == (kind, "machine.json", "3 nodes", "1 or 2")
    assert str(again) == str(error)
