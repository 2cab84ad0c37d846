"""I23 on v2, as percpu-fuzz found and shrank it.

Machine: 2 nodes, 2 possible CPUs (CPU 0 on node 0, CPU 1 on node 1),
4096-byte pages.
memcg1: child of root.
Task 0 on acting CPU 0, in memcg0: alloc 4096 bytes, charged to memcg1, into
slot 0; then rmdir memcg1.
step 6, task 0, page_counter_try_charge: memcg1 usage: 0 -> 64
step 9, task 0, refill_stock: cpu0 stock memcg1: - -> 58
step 23, task 0, PERCPU_B +: memcg1 percpu bytes: 0 -> 16384
step 27, task 0, account_kmem: memcg1 kmem[0]: 0 -> 1
step 31, task 0, account_kmem: memcg1 kmem[1]: 0 -> 1
step 36, task 0, refill_stock: cpu0 stock memcg1: 58 -> 62
step 56, css_offline, page_counter_uncharge: memcg1 usage: 64 -> 2
step 58, css_offline, page slot empty: cpu0 stock memcg1: 62 -> -
Broken at step 73, objcg released (RL_DONE) of worker 5: I23, no objcg is
released while bytes charged through it live; expected 0, found 4096.
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

PROGRAM = Program(
    tasks=(Task(ops=(Op(kind='alloc', memcg=1, size_bytes=4096, align=8, gfp=1), Op(kind='rmdir', memcg=1))),),
)

SCHEDULE = (
    Switch(task=0, label='FINISHED', passed=0),
    Switch(task=4, label='IDLE', passed=1),
    Switch(task=5, label='', passed=0),
)

VARIANT = VARIANTS["v2"]
# fmt: on


def test_i23_v2_rl_done() -> None:
    """v2 breaks I23 in this case; the test documents it."""
    broken = run_scenario(Scenario(TOPOLOGY, PROGRAM, SCHEDULE), VARIANT).broken("I23")
    assert broken is not None
    assert (broken.label, broken.want, broken.found) == ("RL_DONE", 0, 4096)


def test_fixed_holds() -> None:
    """The reference upholds every invariant in the same case."""
    assert run_scenario(Scenario(TOPOLOGY, PROGRAM, SCHEDULE), VARIANTS["fixed"], lenient=True).violations == ()


__all__ = ["Cpu", "Memcg", "Node", "Op", "Switch", "Task"]
