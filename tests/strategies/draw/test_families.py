"""Families beside the default ones: drawn machines with movable-only nodes, and machines that people have."""

from __future__ import annotations

from pathlib import Path

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.topology import Cpu, Node, Topology, size_class_of
from percpu_fuzz.engine.topology_file import dump_topology, load_topology
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.field import FIELD_MACHINES
from percpu_fuzz.strategies.draw.topologies import (
    cut_to_campaign,
    families,
    movable_only,
    named_families,
    preset,
    single_family,
)
from percpu_fuzz.strategies.draw.weights import stands_for, weighed, weights_in
from percpu_fuzz.strategies.plan.recipe import make_plan, plan_from
from percpu_fuzz.strategies.run.replay import run_scenario


def test_every_movable_only_machine_has_such_a_node() -> None:
    """Possible and online, without CPUs and in no zonelist; all are of class small, and no two names are the same."""
    machines = movable_only().topologies
    for machine in machines:
        movable = {node.id for node in machine.nodes if node.movable_only}
        assert movable
        assert not movable & {cpu.node for cpu in machine.cpus if cpu.online}
        assert not movable & {node for order in machine.zonelists.values() for node in order}
        assert size_class_of(machine) == "small"
    assert len({machine.name for machine in machines}) == len(machines) == 256


def test_the_default_families_have_none() -> None:
    """What is measured by default does not change: no default machine has a movable-only node."""
    assert not any(n.movable_only for f in families() for t in f.topologies for n in t.nodes)
    assert sum(family.weight for family in families()) == 100


def test_a_movable_only_node_is_precharged_and_never_used() -> None:
    """v2 asks one page more for it than for the same machine without it; no page of any CPU lies there."""
    with_gpu = Topology("gpu", (Node(0, True, 1000), Node(1, movable_only=True)), (Cpu(0, 0),), ((10, 20), (20, 10)))
    without = Topology("none", (Node(0, True, 1000),), (Cpu(0, 0),), ((10,),))
    asked = {}
    for machine in (with_gpu, without):
        op = Op("alloc", memcg=1, size_bytes=64, align=8, gfp=1)
        most = []

        def watch(state: object, _task: int, _label: int, most: list[int] = most) -> None:
            most.append(state.r_precharge[0])  # type: ignore[attr-defined]

        program = Program((Task(memcg=1, ops=(op,)),), (Memcg(0),))
        run = run_scenario(Scenario(machine, program), VARIANTS["v2"], watch)
        asked[machine.name] = max(most)
        assert run.violations == ()
    assert asked == {"gpu": 3, "none": 2}
    assert with_gpu.zonelists == {0: (0,), 1: (0,)}


def test_it_ranks_among_nodes_with_memory() -> None:
    """The order of the others is that of a kernel that counts it: it takes the load of the first of its distance."""

    def order(movable: bool) -> tuple[int, ...]:
        """Node 3's order; nodes 1 and 2 are equally far from all, and 1 is first of its distance for nodes 0 and 3."""
        nodes = (Node(0, True, 9), Node(1, movable_only=True) if movable else Node(1), Node(2, True, 9),
                 Node(3, True, 9))  # fmt: skip
        rows = tuple(tuple(10 if i == j else 20 for j in range(4)) for i in range(4))
        return Topology("t", nodes, (Cpu(0, 0),), rows).zonelists[2]

    assert set(order(True)) == set(order(False)) == {0, 2, 3}
    assert order(True)[0] == 2


def test_a_topology_file_says_it_only_where_it_is_so() -> None:
    """Files of machines without such a node are the same bytes as ever; one with it comes back."""
    assert b"movable" not in dump_topology(preset("vm8"))
    for name in FIELD_MACHINES:
        assert load_topology(dump_topology(preset(name)), "f") == preset(name)


@pytest.mark.parametrize(
    ("name", "possible", "memory", "movable"),
    [
        ("gh200", 9, 1, 1), ("gh200-quad", 36, 4, 4), ("power9-gpu", 6, 2, 4), ("epyc-nps4", 8, 4, 0),
        ("xeon-pmem", 4, 2, 2), ("xeon-cxl", 5, 2, 2), ("power-lpar32", 32, 1, 0),
    ],
)  # fmt: skip
def test_machines_of_the_field(name: str, possible: int, memory: int, movable: int) -> None:
    """Possible nodes, those with room for percpu pages, those with movable memory only."""
    nodes = preset(name).nodes
    found = (len(nodes), sum(n.has_memory for n in nodes), sum(n.movable_only for n in nodes))
    assert found == (possible, memory, movable)


def test_families_by_name() -> None:
    """A set stands for its members, in order; a name that is none or comes twice is refused."""
    assert [f.name for f in named_families(("field",), "--families")] == list(FIELD_MACHINES)
    chosen = named_families(("default", "movable-only"), "--families")
    assert chosen[:-1] == families()
    assert [f.name for f in named_families(("vm8", "gh200"), "--families")] == ["vm8", "gh200"]
    for names, said in ((("vm9",), "no family 'vm9'"), (("field", "gh200"), "a family twice"), ((), "none")):
        with pytest.raises(InputError, match=said):
            named_families(names, "--families")


def test_a_long_unit_is_cut_for_a_campaign() -> None:
    """Recorded machines have units of 512 pages: chunks of a campaign have 8, and the machine then fits."""
    long = Topology("r", (Node(0, True, 9),), (Cpu(0, 0),), ((10,),), unit_pages=512, first_room_bytes=60000)
    cut = cut_to_campaign(long)
    assert (cut.unit_pages, cut.first_room_bytes) == (8, 32768)
    assert size_class_of(cut) == "small"
    assert single_family(cut)[0].topologies == (cut,)
    assert cut_to_campaign(cut) is cut


def test_every_weight_stands_for_something() -> None:
    """Each default family, those of the field and a given machine have words of their own kind."""
    said = stands_for((*families(), movable_only()))
    assert len(set(said.values())) == len(said)
    assert "asked for" not in " ".join(said.values())
    assert stands_for(named_families(("gh200",), "x")) == {"gh200": "a machine that people have (docs/topologies.md)"}
    assert stands_for(single_family(preset("vm8"))) == {"vm8": said["vm8"]}


def test_weights_of_ones_own(tmp_path: Path) -> None:
    """Typed or from a file with remarks; 0 leaves a family out, those that are not named keep theirs; a plan keeps
    them in its recipe, and they change which batches are of which family.
    """
    given = tmp_path / "weights.txt"
    given.write_text("# ours\nthousand = 0\n\ntwo-node=60 # most of them\n")
    weights = weights_in("thousand=0, two-node=60", "--weights")
    assert weights_in(str(given), "--weights") == weights == (("thousand", 0), ("two-node", 60))
    plan = make_plan("v2", 3, given_weights=weights)
    assert plan.weights == {
        f.name: 60 if f.name == "two-node" else f.weight for f in families() if f.name != "thousand"
    }
    assert plan_from(plan.recipe()).describe() == plan.describe()
    assert len([f for f in plan.order if f.name == "two-node"]) == 60


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("two-node", "'two-node'; allowed: NAME=SHARE"), ("two-node=-1", "'two-node=-1'"), ("two-node=1.5", "=1.5'"),
        ("two-node=1001", "from 0 to 1000"), ("=3", "'=3'"), ("two-node=1,two-node=2", "twice"),
        ("two-node=", "'two-node='"),
        ("two-node=9999999999999999999999", "from 0 to 1000"), ("no/such/file", "'no/such/file'"),
    ],
)  # fmt: skip
def test_weights_that_are_none_are_refused(text: str, said: str) -> None:
    """One line: what was given, where, what is allowed."""
    with pytest.raises(InputError, match=said) as refused:
        weights_in(text, "--weights")
    assert str(refused.value).startswith("--weights: ")
    assert "\n" not in str(refused.value)


def test_weights_of_families_that_are_not_drawn_are_refused() -> None:
    """A name that is none of the families', nothing left, and weights beside one machine."""
    with pytest.raises(InputError, match="no family 'gh200'"):
        weighed(families(), (("gh200", 1),), "--weights")
    with pytest.raises(InputError, match="every family has weight 0"):
        weighed(families()[:1], (("small-random", 0),), "--weights")
    with pytest.raises(InputError, match="--topology is one machine"):
        make_plan("v2", 1, preset("vm8"), given_weights=(("vm8", 3),))
