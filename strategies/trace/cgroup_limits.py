"""CgroupLimits: memory.max and parent of each cgroup, by the marks of a trace so far."""

from __future__ import annotations

from collections.abc import Iterator

from percpu_fuzz.strategies.trace.operations import ROOT, MkCgroup, Operation, SetMax


class CgroupLimits:
    """Follows marks; a removed cgroup is kept, as areas were charged under its limit."""

    def __init__(self) -> None:
        self.limits: dict[int, int | None] = {}  # bytes; None is "max"
        self.parents: dict[int, int] = {}  # ROOT where the trace lacks the parent's own mark
        self.unplaced: set[int] = set()  # those

    def follow(self, o: Operation) -> None:
        """Take in an operation, whatever it is."""
        if isinstance(o, MkCgroup):
            self.limits[o.cg], self.parents[o.cg] = o.max_bytes, o.parent
            (self.unplaced.discard if o.parent_known else self.unplaced.add)(o.cg)
        elif isinstance(o, SetMax):
            self.limits[o.cg] = o.max_bytes

    def chain(self, cg: int) -> list[int]:
        """A cgroup and its ancestors up to ROOT; from one without a mark it goes on at ROOT.

        Without ROOT at its end where an inode number used again leads round.
        """
        found = [cg]
        while cg != ROOT and len(found) <= len(self.parents) + 1:
            cg = self.parents.get(cg, ROOT)
            found.append(cg)
        return found

    def over(self, cg: int) -> Iterator[tuple[int, int]]:
        """(cgroup, bytes) of each limit that a charge to a cgroup must keep to: its own and its ancestors'."""
        for level in self.chain(cg):
            limit = self.limits.get(level)
            if limit is not None:
                yield level, limit

    @property
    def any_limit(self) -> bool:
        """Whether any cgroup has one."""
        return any(limit is not None for limit in self.limits.values())

    def knows(self, cg: int) -> bool:
        """Whether its own mark was seen, and with it its limit."""
        return cg == ROOT or cg in self.parents

    def knows_all_over(self, cg: int) -> bool:
        """Whether each cgroup from this one up, and the parent of each, has its mark."""
        chain = self.chain(cg)
        return chain[-1] == ROOT and all(self.knows(cg) and cg not in self.unplaced for cg in chain)
