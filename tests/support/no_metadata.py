"""Machines whose obj_exts takes no room: what differs on them does not come from the metadata."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from percpu_fuzz.strategies.plan.plan import Plan


@contextlib.contextmanager
def no_metadata(plan: Plan) -> Iterator[None]:
    """In this context the plan's machines, which all plans of this process share, have obj_exts entries of no bytes."""
    before = [(family.topos, family.topos["ext_size"].copy()) for family in plan.families]
    for topos, _ in before:
        topos["ext_size"][:] = 0
    try:
        yield
    finally:
        for topos, sizes in before:
            topos["ext_size"][:] = sizes
