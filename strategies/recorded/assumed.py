"""For traces that do not say what was charged: plain percpu tracepoints, without the `post` probe."""

from __future__ import annotations

from dataclasses import replace

from strategies.recorded.operations import ROOT, MkCgroup, Operation
from strategies.recorded.workload import Workload, charge_accounted

CGROUP = (1 << 62) + 1  # no inode number
PATH = "/assumed"


def charged_by_flag(workload: Workload) -> Workload:
    """Every area with __GFP_ACCOUNT charged to one cgroup below the root, there from the beginning."""
    begin: tuple[Operation, ...] = ()
    if workload.operations:
        begin = (MkCgroup(workload.operations[0].t, CGROUP, PATH, ROOT, None),)
    charged = charge_accounted(workload, CGROUP)
    return replace(charged, operations=begin + charged.operations)
