"""CgroupTree: the cgroups of a trace by its marks: which path is which inode number, and which one an rmdir is of."""

from __future__ import annotations

from percpu_fuzz.strategies.trace import operations as op


class CgroupTree:
    """made: the cgroup made last under each directory name. It forgets what is removed: it grows with what lives."""

    def __init__(self) -> None:
        self.ino_of_path: dict[str, int] = {"/": op.ROOT}
        self.path_of: dict[int, str] = {}
        self.made: dict[str, int] = {}

    def make(self, t: int, path: str, cg: int, limit: int | None) -> op.MkCgroup:
        directory, _, name = path.rpartition("/")
        parent = self.ino_of_path.get(directory or "/")
        self.ino_of_path[path], self.path_of[cg], self.made[name] = cg, path, cg
        known = parent is not None and parent != cg
        return op.MkCgroup(t, cg, path, parent if parent is not None and known else op.ROOT, limit, known)

    def remove(self, name: str) -> int | None:
        """The cgroup made last under this name goes; None if there is none."""
        cg = self.made.pop(name, None)
        path = None if cg is None else self.path_of.pop(cg, None)
        if path is not None and self.ino_of_path.get(path) == cg:
            del self.ino_of_path[path]
        return cg
