"""I18 on v2, as percpu-fuzz found and shrank it.

Machine: 2 nodes, 1 possible CPU (CPU 5 on node 2), 4096-byte pages.
memcg1: child of root.
Task 0 on acting CPU 0, in memcg0: free slot 1.
Task 1 on acting CPU 0, in memcg0: alloc 4 bytes, charged to memcg1, into slot
1; then rmdir memcg1.
Pages fall this many steps along the zonelist, in turn: [7].
step 6, task 1, page_counter_try_charge: memcg1 usage: 0 -> 64
step 9, task 1, refill_stock: cpu0 stock memcg1: - -> 61
step 23, task 1, PERCPU_B +: memcg1 percpu bytes: 0 -> 12
step 27, task 1, account_kmem: memcg1 kmem[1]: 0 -> 1
step 32, task 1, refill_obj_stock: cpu0 bytes objcg1.1: - -> 4092
step 37, task 1, refill_stock: cpu0 stock memcg1: 61 -> 63
step 49, task 0, PERCPU_B -: memcg1 percpu bytes: 12 -> 0
Broken at step 53, obj_cgroup_uncharge (FR_UNCHARGE) of task 0: I18, no NULL
objcg is dereferenced; expected 0, found -1.
"""

from percpu_fuzz import VARIANTS, Cpu, Memcg, Node, Op, Program, Scenario, Switch, Task, Topology, run_scenario

# fmt: off
TOPOLOGY = Topology(
    name='memoryless',
    nodes=(
        Node(id=1, pages=1048576, low_pages=64, min_pages=32),
        Node(id=2, pages=1048576, low_pages=64, min_pages=32),
    ),
    cpus=(Cpu(id=5, node=2),),
    distances=((10, 20), (20, 10)),
)

PROGRAM = Program(
    tasks=(
        Task(ops=(Op(kind='free', slot=1),)),
        Task(
            ops=(Op(kind='alloc', memcg=1, slot=1, size_bytes=4, align=8, gfp=1), Op(kind='rmdir', memcg=1)),
        ),
    ),
    placement='table',
    table=(7,),
)

SCHEDULE = (
    Switch(task=1, label='IDLE', passed=2),
    Switch(task=4, label='OF_KILL', passed=0),
    Switch(task=0, label='', passed=0),
)
# fmt: on


def test_i18_v2_fr_uncharge() -> None:
    """v2 breaks I18 in this case; the test documents it."""
    broken = run_scenario(Scenario(TOPOLOGY, PROGRAM, SCHEDULE), VARIANTS["v2"]).broken("I18")
    assert broken is not None
    assert (broken.label, broken.want, broken.found) == ("FR_UNCHARGE", 0, -1)


def test_fixed_holds() -> None:
    """The reference upholds every invariant in the same case."""
    assert run_scenario(Scenario(TOPOLOGY, PROGRAM, SCHEDULE), VARIANTS["fixed"], lenient=True).violations == ()


__all__ = ["Cpu", "Memcg", "Node", "Op", "Switch", "Task"]
