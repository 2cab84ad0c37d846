"""A lock around the lookup of the free hook, held by the reparenting of a whole cgroup too.

With it the free hook never sees a cgroup that is half reparented, so it finds no NULL there (I18). The post hook looks
up without it and still does. The lock is a spare word of the root cgroup: its holder + 1.

Interrupts are off while the reparenting holds it: a free hook that spins on that CPU, with interrupts off itself, would
never let it go on.
"""

from percpu_fuzz.engine.kernel.free_hook import fr_nid_objcg as fr_nid_objcg_of_v2
from percpu_fuzz.engine.kernel.free_hook import fr_node as fr_node_of_v2
from percpu_fuzz.engine.kernel.memcg import of_kill as of_kill_of_v2
from percpu_fuzz.engine.kernel.memcg import of_move as of_move_of_v2
from percpu_fuzz.engine.kernel.memcg import offline_begin as offline_begin_of_v2
from percpu_fuzz.own import OWN_1, OWN_2, OWN_3, Variant, goto, labels, replaces, step_at

VARIANT = Variant("lookup-lock", "a lock around the free hook's lookup, held by the reparenting too")

LOCK, UNLOCK, OFFLINE_LOCK = OWN_1, OWN_2, OWN_3


def lock_is_free(topo, prog, st, t):
    """spin_lock() waits for this."""
    return st.own_memcg[0, 0] == 0


@replaces
def fr_node(topo, prog, st, t):
    """The next node with bytes: its lookup begins with the lock."""
    fr_node_of_v2(topo, prog, st, t)
    if st.pc[t] == labels.FR_NID_MEMCG:
        goto(st, t, LOCK)


@step_at(LOCK, "spin_lock(lookup_lock)", when=lock_is_free)
def lock(topo, prog, st, t):
    """Taken by the free hook."""
    st.own_memcg[0, 0] = t + 1
    goto(st, t, labels.FR_NID_MEMCG)


@replaces
def fr_nid_objcg(topo, prog, st, t):
    """The second load, still under the lock."""
    fr_nid_objcg_of_v2(topo, prog, st, t)
    goto(st, t, UNLOCK)


@step_at(UNLOCK, "spin_unlock(lookup_lock)")
def unlock(topo, prog, st, t):
    """What was found is used under RCU."""
    st.own_memcg[0, 0] = 0
    goto(st, t, labels.FR_UNCHARGE)


def interrupts(st, t, off):
    """local_irq_disable() or local_irq_enable() on the CPU of the task."""
    st.cpu_irqs_off[st.task_cpu[t]] = off
    st.cpu_preempt[st.task_cpu[t]] = (t + 1) * off


@replaces
def offline_begin(topo, prog, st, t):
    """css_offline: the lock comes before the first node."""
    offline_begin_of_v2(topo, prog, st, t)
    goto(st, t, OFFLINE_LOCK)


@step_at(OFFLINE_LOCK, "spin_lock_irq(lookup_lock)", when=lock_is_free)
def offline_lock(topo, prog, st, t):
    """Held until the last node is reparented."""
    st.own_memcg[0, 0] = t + 1
    interrupts(st, t, 1)
    goto(st, t, labels.OF_NULL)


@replaces
def of_move(topo, prog, st, t):
    """When objcg_lock is dropped, interrupts stay off."""
    of_move_of_v2(topo, prog, st, t)
    interrupts(st, t, 1)


@replaces
def of_kill(topo, prog, st, t):
    """After the last node the lock is dropped."""
    of_kill_of_v2(topo, prog, st, t)
    if st.pc[t] == labels.OF_DRAIN:
        st.own_memcg[0, 0] = 0
        interrupts(st, t, 0)
