"""For traces that do not say what was charged (plain percpu tracepoints): charged is what has __GFP_ACCOUNT.

An assumption, and too much at that: some callers carry the flag and are never charged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from percpu_fuzz.strategies.trace.operations import ROOT, AllocArea, MkCgroup, Operation

ACCOUNTING_FLAGS = {"GFP_KERNEL_ACCOUNT", "__GFP_ACCOUNT"}
ASSUMED_CGROUP = (1 << 62) + 1  # no inode number
ASSUMED_PATH = "/assumed"


def charged_by_flag(operations: Iterable[Operation]) -> Iterator[Operation]:
    """Every area with the flag charged to one cgroup below the root, there from the beginning.

    Areas that a Post has charged keep their cgroup.
    """
    begun = False
    for o in operations:
        if not begun:
            begun = True
            yield MkCgroup(o.t, ASSUMED_CGROUP, ASSUMED_PATH, ROOT, None)
        charged = isinstance(o, AllocArea) and o.cg is None and not ACCOUNTING_FLAGS.isdisjoint(o.gfp)
        yield replace(o, cg=ASSUMED_CGROUP) if charged else o
