"""What holds at quiescence: I9 to I14 and I24, each judged over all memcgs, objcgs and CPUs."""

from __future__ import annotations

from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.declare import Vec
from percpu_fuzz.engine.core.evidence import I4, I9, I10, I11, I12, I13, I14, I24, violate
from percpu_fuzz.engine.core.records import NR_OBJ_STOCK, NR_PAGE_STOCK, Prog, State, Topo
from percpu_fuzz.engine.core.stages import MEMCG_ABSENT, MEMCG_OFFLINE, MEMCG_OFFLINING, RELEASED
from percpu_fuzz.engine.kernel.charge_hook import stat_bytes
from percpu_fuzz.engine.kernel.drain import DRAIN_DEAD, below
from percpu_fuzz.engine.kernel.precharge import full_size
from percpu_fuzz.engine.variant import CHARGE_NODES, JUDGE_EXACT, LOOKUP_NODEINFO


@compiled
def stocked_bytes(topo: Topo, st: State, o: int) -> int:
    """R(O): bytes in the slots that cache O, and nr_charged_bytes. Without traffic no slot has ever cached O."""
    total = st.objcg_ncb[o]
    if st.objcg_moved[o] == 0:
        return total
    for a in range(topo.nr_act):
        for i in range(NR_OBJ_STOCK):
            if st.os_objcg[a, i] == o:
                total += st.os_bytes[a, i]
    return total


@compiled
def surplus(topo: Topo, st: State, o: int) -> int:
    """C(O) * P - L(O) - R(O) - lost, bytes; 0 when nothing is missing."""
    return st.objcg_pages[o] * topo.page_size - st.objcg_live[o] - stocked_bytes(topo, st, o) - st.objcg_lost[o]


@compiled
def clear_sums(st: State) -> None:
    """No memcg has anything in its sums yet."""
    for m in range(st.memcg_rows):
        st.x_first[m] = 0
        st.x_want[m] = 0
        st.x_found[m] = 0


@compiled
def check_bytes(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """I9: by objcg where charge and uncharge use the same one, else summed over those that point at the same memcg.

    A lookup by the memcg of the moment gives back through another objcg once an area outlives its memcg.
    """
    clear_sums(st)
    for other in range(st.memcg_rows):
        if st.memcg_state[other] != MEMCG_ABSENT:
            for o in range(other * topo.nr_nodes, (other + 1) * topo.nr_nodes):
                add_surplus(topo, st, o, st.objcg_memcg[o])
    moves = prog.v_lookup == LOOKUP_NODEINFO
    for m in range(st.memcg_rows):
        if st.memcg_state[m] == MEMCG_ABSENT:
            continue
        alone = not moves or (m > 0 and st.memcg_heir[m] == 0 and st.memcg_state[m] < MEMCG_OFFLINING)
        if alone and st.x_first[m] != 0:
            violate(st, t, label, I9, 0, st.x_first[m])
        if st.x_found[m] != 0:
            violate(st, t, label, I9, 0, st.x_found[m])
        if st.x_want[m] != 0:
            violate(st, t, label, I9, 0, st.x_want[m])


@compiled
def add_surplus(topo: Topo, st: State, o: int, m: int) -> None:
    """For memcg m, at which objcg o points: what is missing in x_found, the first of it in x_first, lost in x_want."""
    if m < 0:
        return
    here = surplus(topo, st, o)
    st.x_found[m] += here
    st.x_want[m] += st.objcg_lost[o]
    if st.x_first[m] == 0:
        st.x_first[m] = here


@compiled
def user_pages(st: State, x: int) -> int:
    """Pages of user memory charged to x or to a memcg below it; the root's are not counted."""
    total = 0
    for m in range(1, st.memcg_rows):
        if st.memcg_user[m] != 0 and below(st, m, x):
            total += st.memcg_user[m]
    return total


@compiled
def percpu_stat(st: State, x: int) -> int:
    """memory.stat percpu of x after a flush: own level and all below, dead ones included."""
    total = 0
    for m in range(st.memcg_rows):
        if st.memcg_percpu[m] != 0 and below(st, m, x):
            total += st.memcg_percpu[m]
    return total


@compiled
def add_up(st: State, sums: Vec, m: int, amount: int) -> None:
    """What memcg m has counts for it and for all above it but the root."""
    while m > 0:
        sums[m] += amount
        m = st.memcg_parent[m]


@compiled
def sum_pages(topo: Topo, st: State) -> None:
    """Into x_want by memcg the pages charged to it and below: user memory, through objcgs, in CPUs' page stocks."""
    for m in range(1, st.memcg_rows):
        if st.memcg_user[m] != 0:
            add_up(st, st.x_want, m, st.memcg_user[m])
        if st.memcg_state[m] != MEMCG_ABSENT:
            for o in range(m * topo.nr_nodes, (m + 1) * topo.nr_nodes):
                if st.objcg_pages[o] != 0:
                    add_up(st, st.x_want, st.objcg_memcg[o], st.objcg_pages[o])
    for a in range(topo.nr_act):
        for i in range(NR_PAGE_STOCK):
            if st.ps_memcg[a, i] > 0:
                add_up(st, st.x_want, st.ps_memcg[a, i], st.ps_pages[a, i])


@compiled
def sum_bytes(topo: Topo, prog: Prog, st: State) -> None:
    """Into x_first and x_found by memcg the bytes of accounted areas of it and below, and what memory.stat says."""
    left = st.nr_areas
    for r in range(len(st.area_used)):
        if left == 0:
            break
        left -= 1 if st.area_used[r] != 0 else 0
        if st.area_used[r] == 2 and st.area_chunk[r] >= 0 and st.area_acct[r] == 1 and st.area_entry[r] >= 0:
            nr_bytes = st.area_bytes[r]
            if prog.v_judge & JUDGE_EXACT:
                nr_bytes = full_size(topo, nr_bytes)
            else:
                nr_bytes = stat_bytes(topo, prog, nr_bytes)
            add_up(st, st.x_first, st.objcg_memcg[st.area_entry[r]], nr_bytes)
    for m in range(1, st.memcg_rows):
        if st.memcg_percpu[m] != 0:
            add_up(st, st.x_found, m, st.memcg_percpu[m])


@compiled
def check_counters(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """I10, I11, I13 of every non-root memcg whose css_offline has not started."""
    clear_sums(st)
    sum_pages(topo, st)
    sum_bytes(topo, prog, st)
    for x in range(1, st.memcg_rows):
        if st.memcg_state[x] == MEMCG_ABSENT or st.memcg_state[x] >= MEMCG_OFFLINING:
            continue
        if st.memcg_usage[x] != st.x_want[x]:
            violate(st, t, label, I10, st.x_want[x], st.memcg_usage[x])
        if st.x_first[x] != st.x_found[x]:
            violate(st, t, label, I11, st.x_first[x], st.x_found[x])
        if st.memcg_usage[x] > st.memcg_max[x] and st.memcg_over[x] == 0:
            violate(st, t, label, I13, st.memcg_max[x], st.memcg_usage[x])


@compiled
def check_nodes(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """I14: by node, KMEM, what was accounted and where it is agree; from 7/9 on, with where the bytes lie."""
    if prog.v_charge < CHARGE_NODES:
        return
    judged = (prog.v_ext == 1 or prog.v_judge & JUDGE_EXACT != 0) and lay_areas(topo, prog, st)
    for n in range(topo.nr_nodes):
        kmem, pages, missing, live = 0, 0, 0, 0
        for m in range(st.memcg_rows):
            if st.memcg_state[m] == MEMCG_ABSENT:
                continue
            o = m * topo.nr_nodes + n
            kmem += st.memcg_kmem[o]
            pages += st.objcg_pages[o]
            missing += surplus(topo, st, o)
            live += st.objcg_live[o]
        if kmem != pages:
            violate(st, t, label, I14, pages, kmem)
        if missing != 0:
            violate(st, t, label, I14, 0, missing)
        if judged and st.x_bytes[n] != live:
            violate(st, t, label, I14, st.x_bytes[n], live)
        st.x_bytes[n] = 0


@compiled
def lay_areas(topo: Topo, prog: Prog, st: State) -> bool:
    """Into x_bytes the accounted bytes that lie on each node, which is Sum L(O) of it; False if one area straddles so
    that the walk from its size alone, which is v2's, books it elsewhere: then nothing is judged.
    """
    for r in range(len(st.area_used)):
        if st.area_used[r] != 2 or st.area_acct[r] != 1:
            continue
        if st.area_chunk[r] >= 0:
            if prog.v_judge & JUDGE_EXACT == 0 and misbooked(topo, prog, st, r):
                return False
            lay_area(topo, st, r, True)
        else:
            first, entry = st.l_objcg[r, 0] % topo.nr_nodes, st.area_entry[r] % topo.nr_nodes
            st.x_bytes[entry] += st.area_bytes[r]
            if first != entry:
                st.x_bytes[first] += st.area_bytes[r]
    return True


@compiled
def lay_area(topo: Topo, st: State, r: int, with_exts: bool) -> None:
    """Add to x_bytes what lies on each node of an area, page by page, and of its obj_exts slice: the truth."""
    c, off, end = st.area_chunk[r], st.area_off[r], st.area_off[r] + st.area_bytes[r]
    while off < end:
        p = off // topo.page_size
        here = min(end, (p + 1) * topo.page_size) - off
        if topo.by_count == 1:
            for n in range(topo.nr_nodes):
                st.x_bytes[n] += st.page_count[c, p, n] * here
        else:
            for cpu in range(topo.nr_cpus):
                st.x_bytes[st.page_node[c, cpu, p]] += here
        off += here
    if with_exts:
        begin = st.area_off[r] // 4 * topo.ext_size
        stop = begin + st.area_bytes[r] // 4 * topo.ext_size
        while begin < stop:
            here = min(stop - begin, topo.page_size - begin % topo.page_size)
            st.x_bytes[st.ext_node[c, begin // topo.page_size]] += here
            begin += here


@compiled
def misbooked(topo: Topo, prog: Prog, st: State, r: int) -> bool:
    """The walk from the size alone books the area's payload elsewhere: it straddles pages of different nodes."""
    if not straddles(topo, st, r):
        return False
    c, p, last = st.area_chunk[r], st.area_off[r] // topo.page_size, (st.area_off[r] + st.area_bytes[r] - 1)
    while p < last // topo.page_size:
        if topo.by_count == 1:
            for n in range(topo.nr_nodes):
                if st.page_count[c, p, n] != st.page_count[c, p + 1, n]:
                    return True
        else:
            for cpu in range(topo.nr_cpus):
                if st.page_node[c, cpu, p] != st.page_node[c, cpu, p + 1]:
                    return True
        p += 1
    return False


@compiled
def straddles(topo: Topo, st: State, r: int) -> bool:
    """The area's pages, as its size alone counts them, are not the pages it covers."""
    off, end = st.area_off[r], st.area_off[r] + st.area_bytes[r]
    covered = (end - 1) // topo.page_size - off // topo.page_size + 1
    return covered != (st.area_bytes[r] + topo.page_size - 1) // topo.page_size or (
        off % topo.page_size != 0 and covered > 1
    )


@compiled
def check_css(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """I4, one reference a slot: a memcg's css is held by its id until it is offline, page slots and children."""
    for m in range(st.memcg_rows):
        st.x_want[m] = 1 if st.memcg_state[m] < MEMCG_OFFLINE else 0
    for a in range(topo.nr_act):
        for i in range(NR_PAGE_STOCK):
            if st.ps_memcg[a, i] >= 0:
                st.x_want[st.ps_memcg[a, i]] += 1
    for child in range(1, st.memcg_rows):
        # css_free puts the parent right after the orig_objcg of the last node.
        if st.memcg_parent[child] >= 0 and st.objcg_orig[child * topo.nr_nodes] == 1:
            st.x_want[st.memcg_parent[child]] += 1
    for m in range(st.memcg_rows):
        if st.memcg_state[m] != MEMCG_ABSENT and st.memcg_ref[m] != st.x_want[m]:
            violate(st, t, label, I4, st.x_want[m], st.memcg_ref[m])


@compiled
def check_dead_cpu(topo: Topo, st: State, a: int, t: int, label: int) -> None:
    """I24: once the callback of a dead CPU has run, both its stocks are empty."""
    if st.cpu_online[a] == 1:
        return
    for other in range(st.nr_all):
        if st.dl_both[other] == DRAIN_DEAD and st.dl_cpu[other] == a:
            return
    for i in range(NR_PAGE_STOCK):
        if st.ps_memcg[a, i] >= 0:
            violate(st, t, label, I24, 0, st.ps_pages[a, i])
    for i in range(NR_OBJ_STOCK):
        if st.os_objcg[a, i] >= 0:
            violate(st, t, label, I24, 0, st.os_bytes[a, i])


@compiled
def at_rest(st: State) -> bool:
    """While the program runs: no operation, drain, removal or release of anybody is between two steps."""
    if st.phase > 0 or st.fatal == 1:
        return False
    for t in range(st.nr_all):
        if st.pc[t] != labels.IDLE and st.pc[t] != labels.AT_BARRIER and st.pc[t] != labels.FINISHED:
            return False
    return True


@compiled
def check_quiescent(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """I9 to I11, I13, I14, I24 and the css references of I4: what must hold where no charge is under way."""
    check_bytes(topo, prog, st, t, label)
    check_counters(topo, prog, st, t, label)
    check_nodes(topo, prog, st, t, label)
    check_css(topo, prog, st, t, label)
    for a in range(topo.nr_act):
        check_dead_cpu(topo, st, a, t, label)


@compiled
def check_drained(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """I12: every stock is empty, no area is live: only whole pages parked in nr_charged_bytes are left."""
    for m in range(1, st.memcg_rows):
        for n in range(topo.nr_nodes):
            o = m * topo.nr_nodes + n
            if st.memcg_state[m] == MEMCG_ABSENT or st.objcg_state[o] >= RELEASED:
                continue
            x = st.objcg_memcg[o]
            online = x > 0 and st.memcg_state[x] < MEMCG_OFFLINING
            if online and st.objcg_ncb[o] % topo.page_size != 0:
                violate(st, t, label, I12, 0, st.objcg_ncb[o] % topo.page_size)
    for x in range(1, st.memcg_rows):
        if st.memcg_state[x] == MEMCG_ABSENT or st.memcg_state[x] >= MEMCG_OFFLINING:
            continue
        parked, one_cpu = parked_pages(topo, prog, st, x)
        if one_cpu and parked != 0:
            violate(st, t, label, I12, 0, parked)
        if st.memcg_usage[x] != user_pages(st, x) + parked:
            violate(st, t, label, I12, user_pages(st, x) + parked, st.memcg_usage[x])
        if kmem_stat(topo, st, x) != parked:
            violate(st, t, label, I12, parked, kmem_stat(topo, st, x))
        if percpu_stat(st, x) != 0:
            violate(st, t, label, I12, 0, percpu_stat(st, x))


@compiled
def parked_pages(topo: Topo, prog: Prog, st: State, x: int) -> tuple[int, bool]:
    """W(x), and whether all stock traffic of those objcgs was on one CPU with no failed trylock."""
    total, one_cpu = 0, True
    for m in range(1, st.memcg_rows):
        for n in range(topo.nr_nodes):
            o = m * topo.nr_nodes + n
            if st.memcg_state[m] == MEMCG_ABSENT or not below(st, st.objcg_memcg[o], x):
                continue
            if st.objcg_moved[o] == 100 or (prog.v_lookup == LOOKUP_NODEINFO and st.memcg_heir[x] == 1):
                one_cpu = False
            if st.objcg_state[o] < RELEASED:
                total += st.objcg_ncb[o] // topo.page_size
    return total, one_cpu


@compiled
def kmem_stat(topo: Topo, st: State, x: int) -> int:
    """KMEM of x after a flush: own level and all below, every node."""
    total = 0
    for m in range(st.memcg_rows):
        if st.memcg_state[m] != MEMCG_ABSENT and below(st, m, x):
            for n in range(topo.nr_nodes):
                total += st.memcg_kmem[m * topo.nr_nodes + n]
    return total
