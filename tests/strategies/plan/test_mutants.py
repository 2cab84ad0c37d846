"""The catalogue of mutants: different from each other, named after what they alter, and seen by the invariants."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache

from percpu_fuzz.engine.case.reset import reset
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.declare import PlainRecord
from percpu_fuzz.engine.core.records import Prog, State, new_record
from percpu_fuzz.engine.kernel.accumulate import accumulate
from percpu_fuzz.engine.outcome import STREAMS, Outcome
from percpu_fuzz.engine.topology import topo_record
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.topologies import even
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.mutants import FIXED, catalogue
from percpu_fuzz.strategies.plan.recipe import make_plan

SEED = 3
LEAST_KILLED = 0.9


@cache
def batches_of(name: str) -> Batches:
    """Those of a mutant, or of fixed."""
    variants = {m.name: m.variant for m in catalogue()} | {FIXED.name: FIXED}
    return Batches(make_plan(variants[name], SEED))


@cache
def outcome(name: str, stream: str, k: int) -> Outcome:
    """What batch k of a stream left, which more than one test asks for; without the canary, another mutant's cases."""
    return batches_of(name).run(batches_of(name).batch_of(stream, k))


def behaviour(name: str, stream: str) -> str:
    """Everything that 1,000 shared cases left, without the variant's name."""
    row = json.loads(outcome(name, stream, 0).canonical())
    row["violations"] = [[s[0], *s[2:]] for s in row["violations"]]
    return json.dumps(row, sort_keys=True)


def test_at_least_forty_mutants_differ_from_each_other() -> None:
    """On the same 2,000 cases at least 40 mutants leave different records, from each other and from fixed.

    Different records mean different states; the rare ones that leave what fixed leaves need more cases to differ.
    """
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in (FIXED.name, *(m.name for m in catalogue())):
        alike[tuple(behaviour(name, stream) for stream in STREAMS)].append(name)
    groups = sorted(names for names in alike.values() if len(names) > 1)
    assert len(alike) >= 41, groups
    assert len(alike) >= len(catalogue()) - 4, groups


def test_mutants_are_seen() -> None:
    """Of those not proved equivalent at least nine in ten break an invariant within 4,000 cases; fixed breaks none."""
    killed, total = 0, 0
    for mutant in catalogue():
        if mutant.proof:
            continue
        total += 1
        killed += any(outcome(mutant.name, stream, k).violations for k in (0, 1) for stream in STREAMS)
    assert killed >= LEAST_KILLED * total
    assert not any(outcome(FIXED.name, stream, k).violations for k in (0, 1) for stream in STREAMS)


def test_what_only_the_bounds_on_used_see() -> None:
    """A refund that is booked first and then given back as bytes leaves every counter right: I1b alone breaks."""
    found = [outcome("slip-refund-bytes", stream, k).violations for stream in STREAMS for k in range(3)]
    broken = {signature.invariant for violations in found for signature in violations}
    assert broken == {"I1b"}


def test_names_are_distinct_and_say_what_they_alter() -> None:
    """No two mutants share a name; each has words for what it alters and how."""
    names = [mutant.name for mutant in catalogue()]
    assert len(set(names)) == len(names)
    assert not set(names) & set(VARIANTS)
    assert all(mutant.alters and mutant.what for mutant in catalogue())


def test_the_one_node_way_gives_the_walk_s_vector() -> None:
    """Proof by enumeration: with one online node both ways book F there, for every size, offset and CPU count."""
    for nr_cpus in (1, 2, 3, 8):
        topo = PlainRecord(topo_record(even("one", 1, nr_cpus), "small")[0])
        vectors = []
        for variant in (FIXED, next(m.variant for m in catalogue() if m.name == "one-node-walk"), VARIANTS["v2-fast"]):
            prog = new_record(Prog, "small")
            variant.write(prog[0])
            prog["memcg_parent0"][0][0] = -1
            mirror, state = PlainRecord(prog[0]), PlainRecord(new_record(State, "small")[0])
            plain(reset)(topo, mirror, state, True)
            rows = []
            for off in range(0, 4096, 1020):
                for size_bytes in (4, 64, 1968, 4096, 8192, 12288):
                    plain(accumulate)(topo, mirror, state, 2, off, size_bytes, state.node_bytes, 0)
                    rows.append([state.node_bytes[0, n] for n in range(4)])
            vectors.append(rows)
        assert vectors[0] == vectors[1] == vectors[2]
        assert any(row[0] > 0 for row in vectors[0])
