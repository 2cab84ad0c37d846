"""I1 on v1, as percpu-fuzz found and shrank it.

Machine: 2 nodes, 2 possible CPUs (CPU 0 on node 0, CPU 1 on node 1),
4096-byte pages.
memcg1: child of root.
Task 0 on acting CPU 0, in memcg0: alloc 2048 bytes, charged to memcg1, into
slot 0.
step 6, task 0, page_counter_try_charge: memcg1 usage: 0 -> 64
step 9, task 0, refill_stock: cpu0 stock memcg1: - -> 63
step 23, task 0, PERCPU_B +: memcg1 percpu bytes: 0 -> 4096
step 27, task 0, account_kmem: memcg1 kmem[0]: 0 -> 1
step 31, task 0, account_kmem: memcg1 kmem[1]: 0 -> 1
Broken at step 33, used < precharge? (PO_REFUND) of task 0: I1, the post hook
never uses more pages than were precharged; expected 1, found 2.
"""

from percpu_fuzz import VARIANTS, Cpu, Memcg, Node, Op, Program, Scenario, Switch, Task, Topology, run_scenario

# fmt: off
TOPOLOGY = Topology(
    name='shrunk',
    nodes=(
        Node(id=0, pages=1048576, low_pages=64, min_pages=32),
        Node(id=1, pages=1048576, low_pages=64, min_pages=32),
    ),
    cpus=(Cpu(id=0, node=0), Cpu(id=1, node=1)),
    distances=((10, 20), (20, 10)),
)

PROGRAM = Program(tasks=(Task(ops=(Op(kind='alloc', memcg=1, size_bytes=2048, align=8, gfp=1),)),))

SCHEDULE = (Switch(task=0, label='', passed=0),)
# fmt: on


def test_i1_v1_po_refund() -> None:
    """v1 breaks I1 in this case; the test documents it."""
    broken = run_scenario(Scenario(TOPOLOGY, PROGRAM, SCHEDULE), VARIANTS["v1"]).broken("I1")
    assert broken is not None
    assert (broken.label, broken.want, broken.found) == ("PO_REFUND", 1, 2)


def test_fixed_holds() -> None:
    """The reference upholds every invariant in the same case."""
    assert run_scenario(Scenario(TOPOLOGY, PROGRAM, SCHEDULE), VARIANTS["fixed"], lenient=True).violations == ()


__all__ = ["Cpu", "Memcg", "Node", "Op", "Switch", "Task"]
