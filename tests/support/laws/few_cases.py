"""What tests take in less time: the first cases of a batch as the full batch has them, and fewer rounds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.declare import PlainRecord, plain_array
from percpu_fuzz.engine.core.records import Prog, new_record
from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.engine.own.mirrors import Records
from percpu_fuzz.engine.program import Program, program_of
from percpu_fuzz.strategies.draw.choices import LENGTH
from percpu_fuzz.strategies.draw.rng import new_rng
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.run.cases import draw_case
from percpu_fuzz.strategies.run.walk import CHECK_TOUCHED


def rounds(here: int, in_exam: int) -> int:
    """How often a test repeats: so often here, and so often in `make exam ONLY=long-forms`."""
    return in_exam if os.environ.get("PERCPU_FUZZ_EXAM") == "1" else here


def few_cases(
    batches: Batches, stream: str, k: int, cases: int, checks: int = CHECK_TOUCHED, **changes: Any
) -> Outcome:
    """What so many cases of batch k leave, with other fields of the batch as given."""
    return batches.run(replace(batches.batch_of(stream, k), cases=cases, **changes), checks)


def drawn_programs(batch: Batch, cases: int) -> Iterator[tuple[int, Program]]:
    """Of its first cases the number of the machine and the program; in plain mode, and without a State, which none
    needs that does not run: of class wide it has a million cells.
    """
    topos: Any = Records(batch.family.topos)
    array = new_record(Prog, batch.size_class)
    batch.write_prog(array[0])
    prog: Any = PlainRecord(array[0])
    rng: Any = PlainRecord(new_rng()[0])
    tables, corpus = tuple(map(plain_array, batch.tables)), plain_array(batch.corpus)
    for case in range(cases):
        which = plain(draw_case)(
            topos, [prog], rng, batch.key, case, int(batch.hunts), tables, corpus, [0] * LENGTH, [0] * LENGTH
        )
        yield int(which), program_of(prog.to_array()[0])
