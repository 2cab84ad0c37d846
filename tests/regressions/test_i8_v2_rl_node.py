"""I8 on v2, as percpu-fuzz found and shrank it.

Machine: 1 node, 1 possible CPU (CPU 0 on node 0), 4096-byte pages.
memcg1: child of root.
Task 0 on acting CPU 0, in memcg0: rmdir memcg1; then alloc 4 bytes, charged
to memcg1, into slot 0.
step 8, task 0, page_counter_try_charge: memcg1 usage: 0 -> 64
step 11, task 0, refill_stock: cpu0 stock memcg1: - -> 62
step 25, task 0, PERCPU_B +: memcg1 percpu bytes: 0 -> 12
step 29, task 0, account_kmem: memcg1 kmem[0]: 0 -> 1
step 34, task 0, refill_obj_stock: cpu0 bytes objcg1.0: - -> 4092
step 39, task 0, refill_stock: cpu0 stock memcg1: 62 -> 63
step 59, css_offline, page_counter_uncharge: memcg1 usage: 64 -> 1
step 61, css_offline, page slot empty: cpu0 stock memcg1: 63 -> -
step 83, task 0, refill_obj_stock: cpu0 bytes objcg0.0: - -> 4
step 92, task 0, drain_obj_stock_slot: objcg1.0 nr_charged_bytes: 0 -> 4092;
cpu0 bytes objcg1.0: 4092 -> 0
step 94, task 0, obj_cgroup_release: objcg1.0 nr_charged_bytes: 4092 -> 0
Broken at step 94, obj_cgroup_release (RL_NODE) of task 0: I8, a released
objcg leaves no bytes short of a whole page; expected 0, found 4092.
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
    tasks=(Task(ops=(Op(kind='rmdir', memcg=1), Op(kind='alloc', memcg=1, size_bytes=4, align=8, gfp=1))),),
)

SCHEDULE = (
    Switch(task=0, label='FINISHED', passed=0),
    Switch(task=2, label='IDLE', passed=1),
    Switch(task=3, label='IDLE', passed=1),
    Switch(task=4, label='IDLE', passed=2),
    Switch(task=0, label='', passed=0),
)
# fmt: on


def test_i8_v2_rl_node() -> None:
    """v2 breaks I8 in this case; the test documents it."""
    broken = run_scenario(Scenario(TOPOLOGY, PROGRAM, SCHEDULE), VARIANTS["v2"]).broken("I8")
    assert broken is not None
    assert (broken.label, broken.want, broken.found) == ("RL_NODE", 0, 4092)


def test_fixed_holds() -> None:
    """The reference upholds every invariant in the same case."""
    assert run_scenario(Scenario(TOPOLOGY, PROGRAM, SCHEDULE), VARIANTS["fixed"], lenient=True).violations == ()


__all__ = ["Cpu", "Memcg", "Node", "Op", "Switch", "Task"]
