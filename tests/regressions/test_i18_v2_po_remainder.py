"""I18 on v2, as percpu-fuzz found and shrank it.

Machine: 3 nodes, 2 possible CPUs (CPU 2 on node 0, CPU 3 on node 4),
4096-byte pages.
memcg1: child of root.
Task 0 on acting CPU 0, in memcg0: alloc 4 bytes, not accounted, into slot 0.
Task 1 on acting CPU 1, in memcg0: alloc 4 bytes, charged to memcg1, not
blocking, __GFP_NORETRY, into slot 1.
Task 2 on acting CPU 0, in memcg0: rmdir memcg1.
step 18, task 1, page_counter_try_charge: memcg1 usage: 0 -> 64
step 21, task 1, refill_stock: cpu1 stock memcg1: - -> 60
step 30, task 1, PERCPU_B +: memcg1 percpu bytes: 0 -> 16
step 34, task 1, account_kmem: memcg1 kmem[0]: 0 -> 1
Broken at step 49, obj_cgroup_uncharge rest (PO_REMAINDER) of task 1: I18, no
NULL objcg is dereferenced; expected 0, found -1.
"""

from percpu_fuzz import VARIANTS, Cpu, Memcg, Node, Op, Program, Scenario, Switch, Task, Topology, run_scenario

# fmt: off
TOPOLOGY = Topology(
    name='shrunk',
    nodes=(
        Node(id=0, pages=1048576, low_pages=64, min_pages=32),
        Node(id=1, pages=1048576, low_pages=64, min_pages=32),
        Node(id=4, pages=1048576, low_pages=64, min_pages=32),
    ),
    cpus=(Cpu(id=2, node=0), Cpu(id=3, node=4)),
    distances=((10, 20, 20), (20, 10, 20), (20, 20, 10)),
)

PROGRAM = Program(
    tasks=(
        Task(ops=(Op(kind='alloc', size_bytes=4, align=8),)),
        Task(cpu=1, ops=(Op(kind='alloc', memcg=1, slot=1, size_bytes=4, align=8, gfp=11),)),
        Task(ops=(Op(kind='rmdir', memcg=1),)),
    ),
)

SCHEDULE = (
    Switch(task=0, label='FINISHED', passed=0),
    Switch(task=1, label='PO_NID2_MEMCG', passed=0),
    Switch(task=2, label='IDLE', passed=1),
    Switch(task=6, label='OF_MOVE', passed=4),
    Switch(task=1, label='', passed=0),
)
# fmt: on


def test_i18_v2_po_remainder() -> None:
    """v2 breaks I18 in this case; the test documents it."""
    broken = run_scenario(Scenario(TOPOLOGY, PROGRAM, SCHEDULE), VARIANTS["v2"]).broken("I18")
    assert broken is not None
    assert (broken.label, broken.want, broken.found) == ("PO_REMAINDER", 0, -1)


def test_fixed_holds() -> None:
    """The reference upholds every invariant in the same case."""
    assert run_scenario(Scenario(TOPOLOGY, PROGRAM, SCHEDULE), VARIANTS["fixed"], lenient=True).violations == ()


__all__ = ["Cpu", "Memcg", "Node", "Op", "Switch", "Task"]
