"""The tool that mutates the engine's source: its cases, its verdicts, what is said to be equivalent."""

from __future__ import annotations

import importlib
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from equivalent_mutants import EQUIVALENT
from few_cases import rounds
from mutation_cases import PATHS, hunted, of_batch, searched, telling, told_apart, traced, verdict
from source_mutants import SourceMutant, functions_of, mutants_of

from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.mutants import slips

ROOT = Path(__file__).resolve().parents[2]


def of_source() -> list[SourceMutant]:
    """Every mutant of the engine's compiled source."""
    return [
        mutant
        for module, path in PATHS.items()
        for function in functions_of(path).values()
        for mutant in mutants_of(module, function)
    ]


def test_names_are_of_one_mutant_each_and_rows_fit_the_source() -> None:
    """A row of equivalent mutants that fits none of the source as it is now is stale; each gives a reason."""
    names = [mutant.name for mutant in of_source()]
    assert len(set(names)) == len(names)
    assert all(reason for _, reason in EQUIVALENT)
    assert [pattern for pattern, _ in EQUIVALENT if not any(re.fullmatch(pattern, name) for name in names)] == []


def test_a_case_ends_alike_whatever_the_case_before_it_left() -> None:
    """Cases of planted slips leave a State in every kind of disorder; the next case of any variant knows nothing of it
    (a lost obj_exts entry once left an area's bytes in its row).
    """
    machine = preset("two-node")
    drawn = [row for variant in VARIANTS.values() for row in of_batch(variant, machine, 6)]
    for slip in slips():
        drawn += telling(of_batch(slip.variant, machine, 8))
    cases = [replace(case, state=drawn[0][1].state) for _, case in drawn]
    first = [verdict(case) for case in cases]
    assert sum(bool(found) for found, _, _ in first) > len(list(slips()))
    for turn in range(rounds(1, 5)):
        for place in random.Random(turn).sample(range(len(cases)), len(cases)):
            assert verdict(cases[place]) == first[place], place


def test_cases_found_compiled_break_something_here_too() -> None:
    """Of v2, which breaks several invariants, and of two mutants: each case that the search names is walked in plain
    mode by the same random numbers, and breaks something again; the ways in which v2 breaks are many.
    """
    names = [variant.name for variant in hunted()]
    places = [names.index(name) for name in ("v2", "inherited", "slip-depopulate")]
    found = [(place, searched(place)) for place in places]
    assert all(cases for _, cases in found)
    broken = {case.kind: set[object]() for _, case in told_apart(found)}
    for _, case in told_apart(found):
        ways = verdict(case)[0]
        assert ways, case.kind
        broken[case.kind].add(ways)
    assert len(broken["v2 broken"]) > 3
    assert frozenset({"I7"}) in broken["slip-depopulate broken"]


def test_mutants_are_killed_by_what_they_break_and_survive_where_nothing_differs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of page_counter: a lost charge breaks an invariant; what no case of the pool reaches is said to be so."""
    monkeypatch.syspath_prepend(str(ROOT))
    tool: Any = importlib.import_module("tests.mutation")
    pool = [case for _, case in of_batch(VARIANTS["fixed"], preset("two-node"), 6)]
    found = [traced(case) for case in pool]
    monkeypatch.setattr(tool, "_pool", pool)
    monkeypatch.setattr(tool, "_expected", [expected for expected, _ in found])
    reaching: dict[tuple[str, int], list[int]] = {}
    for place, (_, lines) in enumerate(found):
        for line in lines:
            reaching.setdefault(line, []).append(place)
    monkeypatch.setattr(tool, "_reaching", reaching)
    mutants = [mutant for mutant in of_source() if mutant.module == "page_counter"]
    known = {mutant.name: answer for mutant, answer in tool.fates(mutants, 2)}
    assert set(known) == {mutant.name for mutant in mutants}
    ways = {name: way for name, (way, _) in known.items()}
    lost = [way for name, way in ways.items() if name.startswith("page_counter.counter_sub: st.memcg_usage[m] -=")]
    assert len(lost) >= 2
    assert set(lost) == {"broken"}
    stepped = [way for name, way in ways.items() if name.startswith("page_counter.uc_level: ")]  # called by its label
    assert "broken" in stepped
    assert "unreached" in ways.values()
    tool.report(["page_counter"], known)
    assert f"{len(mutants)} of {len(mutants)} mutants run" in capsys.readouterr().out
