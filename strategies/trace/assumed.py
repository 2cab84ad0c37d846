"""For traces that do not say what was charged: plain percpu tracepoints, without the `post` probe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from percpu_fuzz.strategies.trace.operations import ROOT, MkCgroup, Operation
from percpu_fuzz.strategies.trace.workload import accounted

CGROUP = (1 << 62) + 1  # no inode number
PATH = "/assumed"


def charged_by_flag(operations: Iterable[Operation]) -> Iterator[Operation]:
    """Every area with __GFP_ACCOUNT charged to one cgroup below the root, there from the beginning."""
    begun = False
    for operation in accounted(operations, CGROUP):
        if not begun:
            begun = True
            yield MkCgroup(operation.t, CGROUP, PATH, ROOT, None)
        yield operation
