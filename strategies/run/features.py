"""Behaviours of a case as numbered features: what followed what across tasks, and which hazards were passed.

A pair feature is (label of a step, label of the next step) where another task took the next one: the places where an
interleaving bites. Features are only told apart as seen in no, one or several cases of a batch: that is all that
novelty and the Good-Turing estimate need.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.declare import Vec, dtype_of, i8, i16, i32
from percpu_fuzz.engine.core.labels import NAMES, NR_MODEL
from percpu_fuzz.engine.core.records import NR_HAZARDS, Record, State

NR_LABELS = NR_MODEL
NR_PAIRS = NR_LABELS * NR_LABELS
NR_ALL = len(NAMES)  # with own labels, whose pairs are numbered after all else
NR_FEATURES = NR_PAIRS + NR_HAZARDS + NR_ALL * NR_ALL
MOST_PAIRS = 2048  # of one case; a case with more counts its first ones


class Trail:
    """What is remembered of the case that runs: the step before, and the pairs so far."""

    kept: int = i8()  # 0: nobody asks for this batch's pairs, and none are noted
    last_task: int = i16()
    last_label: int = i16()
    nr_pairs: int = i32()
    pairs: Vec = i32("most")
    seen: Vec = i8("pairs")  # 1: among `pairs`. Bytes, to stay in the first-level cache


def new_trail() -> Record:
    """A record that keeps pairs, and has none yet."""
    trail: Record = np.zeros(1, dtype=dtype_of(Trail, {"most": MOST_PAIRS, "pairs": NR_FEATURES}))
    trail["kept"] = 1
    return trail


@compiled
def begin_trail(trail: Trail) -> None:
    """Forget the case before."""
    for i in range(trail.nr_pairs):
        trail.seen[trail.pairs[i]] = 0
    trail.nr_pairs = 0
    trail.last_task = -1


@compiled
def note_step(trail: Trail, t: int, label: int) -> None:
    """Task t has taken its step at `label`."""
    if trail.last_task != t:
        if trail.last_task >= 0:
            pair = trail.last_label * NR_LABELS + label
            if max(trail.last_label, label) >= NR_LABELS:
                pair = NR_PAIRS + NR_HAZARDS + trail.last_label * NR_ALL + label
            if trail.seen[pair] == 0 and trail.nr_pairs < MOST_PAIRS:
                trail.seen[pair] = 1
                trail.pairs[trail.nr_pairs] = pair
                trail.nr_pairs += 1
        trail.last_task = t
    trail.last_label = label


@compiled
def add_case(trail: Trail, st: State, case: int, cases_with: Any, last_case: Any) -> None:
    """Count the features of a finished case: cases_with[f] cases hold feature f, last_case[f] the last of them."""
    for i in range(trail.nr_pairs):
        cases_with[trail.pairs[i]] += 1
        last_case[trail.pairs[i]] = case
    for h in range(1, NR_HAZARDS):
        if st.hazard[h] > 0:
            cases_with[NR_PAIRS + h] += 1
            last_case[NR_PAIRS + h] = case


def features_of(cases_with: Any, last_case: Any, known: int = 0) -> dict[str, Any]:
    """A batch's features as an Outcome has them: `once` with its case, `more` ascending; without those that are known.

    known: a set of features as one integer, bit f for feature f.
    """
    new = [int(f) for f in np.flatnonzero(cases_with) if not known >> int(f) & 1]
    return {
        "once": {f: int(last_case[f]) for f in new if cases_with[f] == 1},
        "more": tuple(f for f in new if cases_with[f] > 1),
    }
