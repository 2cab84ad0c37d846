"""I18 on v2, as percpu-fuzz found and shrank it.

Machine: 1 node, 1 possible CPU (CPU 0 on node 0), 4096-byte pages.
memcg1: child of root.
Task 0 on acting CPU 0, in memcg0: rmdir memcg1.
Task 1 on acting CPU 0, in memcg0: alloc 4 bytes, charged to memcg1, into slot
0.
step 9, task 1, page_counter_try_charge: memcg1 usage: 0 -> 64
step 12, task 1, refill_stock: cpu0 stock memcg1: - -> 62
step 26, task 1, PERCPU_B +: memcg1 percpu bytes: 0 -> 12
Broken at step 34, account_kmem (PO_ACCOUNT) of task 1: I18, no NULL objcg is
dereferenced; expected 0, found -1.
"""

from percpu_fuzz import VARIANTS, Cpu, Memcg, Node, Op, Program, Scenario, Switch, Task, Topology, run_scenario

# fmt: off
TOPOLOGY = Topology(
    name='shrunk',
    nodes=(Node(id=0, pages=1048576, low_pages=64, min_pages=32),),
    cpus=(Cpu(id=0, node=0),),
    distances=((10,),),
)

PROGRAM = Program(
    tasks=(
        Task(ops=(Op(kind='rmdir', memcg=1),)),
        Task(ops=(Op(kind='alloc', memcg=1, size_bytes=4, align=8, gfp=1),)),
    ),
)

SCHEDULE = (
    Switch(task=0, label='FINISHED', passed=0),
    Switch(task=1, label='PO_NID_OBJCG', passed=0),
    Switch(task=4, label='OF_KILL', passed=0),
    Switch(task=1, label='', passed=0),
)
# fmt: on


def test_i18_v2_po_account() -> None:
    """v2 breaks I18 in this case; the test documents it."""
    broken = run_scenario(Scenario(TOPOLOGY, PROGRAM, SCHEDULE), VARIANTS["v2"]).broken("I18")
    assert broken is not None
    assert (broken.label, broken.want, broken.found) == ("PO_ACCOUNT", 0, -1)


def test_fixed_holds() -> None:
    """The reference upholds every invariant in the same case."""
    assert run_scenario(Scenario(TOPOLOGY, PROGRAM, SCHEDULE), VARIANTS["fixed"], lenient=True).violations == ()


__all__ = ["Cpu", "Memcg", "Node", "Op", "Switch", "Task"]
