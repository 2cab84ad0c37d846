"""CgroupTree: the cgroups of a trace by its marks: which path is which inode number, and whose what is left becomes.

It forgets a removed cgroup when the last area charged to it is freed, so that it grows with what lives.
"""

from __future__ import annotations

from collections import Counter

from percpu_fuzz.strategies.trace import operations as op


class CgroupTree:
    """heir_of: for each removed cgroup that still holds areas its first ancestor that is not removed; below: the same
    by ancestor.
    """

    def __init__(self) -> None:
        self.ino_of_path: dict[str, int] = {"/": op.ROOT}
        self.path_of: dict[int, str] = {}
        self.parent_of: dict[int, int] = {}
        self.made: dict[str, int] = {}  # the cgroup made last under each directory name
        self.held: Counter[int] = Counter()  # live areas charged to each
        self.heir_of: dict[int, int] = {}
        self.below: dict[int, set[int]] = {}

    def owner(self, cg: int | None) -> int | None:
        """The cgroup itself or, if it has been removed, its first ancestor that has not."""
        return None if cg is None else self.heir_of.get(cg, cg)

    def make(self, t: int, path: str, cg: int, limit: int | None) -> op.MkCgroup:
        directory, _, name = path.rpartition("/")
        parent = self.ino_of_path.get(directory or "/")
        self.forget(cg)
        self.ino_of_path[path], self.path_of[cg], self.made[name] = cg, path, cg
        self.parent_of[cg] = op.ROOT if parent is None or parent == cg else parent
        return op.MkCgroup(t, cg, path, self.parent_of[cg], limit, parent is not None and parent != cg)

    def remove(self, name: str) -> int | None:
        """The cgroup made last under this name goes; None if there is none."""
        cg = self.made.pop(name, None)
        if cg is None:
            return None
        heir = self.parent_of.pop(cg, op.ROOT)
        path = self.path_of.pop(cg, "")
        if self.ino_of_path.get(path) == cg:
            del self.ino_of_path[path]
        left = self.below.pop(cg, set())
        if self.held[cg]:
            left.add(cg)
        for one in left:
            self.heir_of[one] = heir
        if left:
            self.below.setdefault(heir, set()).update(left)
        return cg

    def hold(self, cg: int) -> None:
        """An area is charged to a cgroup."""
        self.held[cg] += 1

    def let_go(self, cg: int | None) -> None:
        """An area that was charged to a cgroup is freed."""
        if cg is None:
            return
        self.held[cg] -= 1
        if self.held[cg] <= 0:
            del self.held[cg]
            self.forget(cg)

    def forget(self, cg: int) -> None:
        """Nothing is left of a removed cgroup, or its inode number is another's."""
        heir = self.heir_of.pop(cg, None)
        if heir is not None:
            self.below[heir].discard(cg)
            if not self.below[heir]:
                del self.below[heir]
