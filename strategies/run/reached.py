"""What of the modelled kernel a sample of cases reaches: every step, and both sides of every branch of engine/kernel.

In plain mode: the conditions of the kernel's functions are wrapped, in this process and for a while, so that each tells
which way it went. Conditions are `if`, `while` and the conditional expression; a place is a function and the number of
its condition from the top.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from percpu_fuzz.engine import kernel
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.labels import MODEL_NAMES, NAMES

SIDE = "side_"  # the name of the recorder in a wrapped function
NEVER, ONLY_TRUE, ONLY_FALSE, BOTH = range(4)


@dataclass(frozen=True, slots=True, order=True)
class Condition:
    """Condition `number` of a function of engine/kernel, as it is written."""

    module: str
    function: str
    number: int
    words: str

    def __str__(self) -> str:
        return f"{self.module}.{self.function}, condition {self.number}: {self.words}"


@dataclass(slots=True)
class Reached:
    """steps: how often each label's step was taken. sides[c]: bit 0 if condition c was ever false, bit 1 if true."""

    conditions: list[Condition] = field(default_factory=list)
    sides: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=lambda: [0] * len(NAMES))
    cases: int = 0

    def side(self, number: int, value: Any) -> Any:
        """Condition `number` has this value, which is passed on."""
        self.sides[number] |= 2 if value else 1
        return value

    def never(self) -> list[str]:
        """What was not reached: steps, then sides of conditions."""
        missing = [f"step {name}" for name, times in zip(MODEL_NAMES, self.steps, strict=False) if not times]
        for condition, sides in sorted(zip(self.conditions, self.sides, strict=True)):
            if sides != BOTH:
                way = "never asked" if sides == NEVER else "never true" if sides == 1 else "never false"
                missing.append(f"{condition} is {way}")
        return missing


class _Wrapping(ast.NodeTransformer):
    """Wraps the conditions of one function, from the top."""

    def __init__(self, module: str, function: str, reached: Reached) -> None:
        self.module, self.function, self.reached = module, function, reached
        self.number = 0

    def _wrapped(self, node: Any) -> Any:
        self.number += 1
        self.reached.conditions.append(Condition(self.module, self.function, self.number, ast.unparse(node.test)))
        self.reached.sides.append(NEVER)
        place = ast.Constant(len(self.reached.sides) - 1)
        node.test = ast.Call(ast.Name(SIDE, ast.Load()), [place, node.test], [])
        return self.generic_visit(node)

    visit_If = visit_While = visit_IfExp = _wrapped  # noqa: N815 - ast's names


def kernel_functions() -> Iterator[tuple[str, Any]]:
    """(module, function) of every compiled function of engine/kernel, in the order of the files and their lines."""
    for info in iter_modules(kernel.__path__):
        module = import_module(f"{kernel.__name__}.{info.name}")
        for function in vars(module).values():
            if hasattr(function, "py_func") and function.py_func.__module__ == module.__name__:
                yield info.name, function


def wrapped_code(module: str, function: Any, reached: Reached) -> Any:
    """The code of a function with its conditions wrapped."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function.py_func)))
    definition: Any = tree.body[0]
    definition.decorator_list = []
    _Wrapping(module, definition.name, reached).visit(definition)
    scope: dict[str, Any] = {}
    exec(compile(ast.fix_missing_locations(tree), f"<{module}>", "exec"), {}, scope)  # our own source
    return scope[definition.name].__code__


@contextlib.contextmanager
def counting() -> Iterator[Reached]:
    """What plain runs reach from here to the end of the context."""
    reached = Reached()
    before: list[tuple[Any, Any]] = []
    for module, function in kernel_functions():
        twin: Any = plain(function)
        code = wrapped_code(module, function, reached)
        twin.__globals__[SIDE] = reached.side
        before.append((twin, twin.__code__))
        twin.__code__ = code
    try:
        yield reached
    finally:
        for twin, code in before:
            twin.__code__ = code


def note_case_steps(reached: Reached, labels: Iterator[int]) -> None:
    """A case, step by step: the labels of its steps as they are taken."""
    for label in labels:
        reached.steps[label] += 1
    reached.cases += 1


# What a campaign by default does not reach, and why: the pinned exceptions. A row is a pattern of a line of
# Reached.never() and its reason. tests/strategies/plan/test_sampled.py holds the list of the variant `v2`: what a
# sample leaves and no row excuses fails, and so does a row that excuses nothing.
CHOICE = "decided by the variant: another one, or a mutant of the catalogue, goes the other way"
INSIDE = "a loop that is left from within"
BROKEN = "goes the other way only where an invariant breaks, which it says"
OFF = "a failure that is injected when asked for (--faults)"
RECORDED = "of recorded workloads alone"
RARE = "a race that a sample seldom meets; hunting passes it, and counts it as a hazard (H1, H2, H3)"
ROOM = "a size class has a row for each area that a program can make"
NO_VICTIM = "reclaim takes the same victim's pages before; one is left only if others take all that it gave, each time"
SEARCHED = "what is asked is settled by the search before: only pages without areas are given up"
ISOLATED = "an isolated chunk is put back before it is populated; the reserved one is populated from the start"
IRQ_SCOPE = "an interrupt has no memcg of its own to charge: its accounted allocations name one"
NO_BYTES = "charges of no page are not asked for: F is at least a granule's bytes"
WIDE = "the sample has few cases of class wide, and their nodes have pages to spare"

EXCEPTIONS: tuple[tuple[str, str], ...] = (
    (r"step (PO_PAGE|PO_CREDIT\w*|FR_PAGE\w*)", CHOICE),
    (r".*prog\.v_.*", CHOICE),
    (r"post_each_page\..*", CHOICE),
    (r"free_hook\.fr_page(_objcg)?, .*", CHOICE),
    (r"accumulate\..* (walk == WALK_\w+ is never true|is never asked)", CHOICE),
    (r"charge_hook\.(own_objcg|unpark|un_refill), .* is never asked", CHOICE),
    (r"charge_hook\.al_current, condition 2: up is never true", CHOICE),
    (r"drain\.dl_obj_slot, .* kept is never true", CHOICE),
    (r"page_stock\.rs_body, .* lost is never true", CHOICE),
    (r"memcg\.of_kill, .* last is never asked", CHOICE),
    (r"(objcg\.sibling|post_hook\.stale_entry), .* is never asked", CHOICE),
    (r".*: True is never false", INSIDE),
    (r".*usable\(.*", BROKEN),
    (r"objcg\.usable, .* is never true", BROKEN),
    (r"page_counter\.counter_sub, .* < 0 and m != 0 is never true", BROKEN),
    (r"free_hook\.fr_accumulate, .*!=.* is never true", BROKEN),
    (r"post_hook\.judge_tight, .* is never true", BROKEN),
    (r"post_hook\.po_done, .*!= st\.r_precharge\[t\] is never true", BROKEN),
    (r"post_hook\.po_refund, .* used > precharge is never true", BROKEN),
    (r"obj_stock\.ro_unlock, .* held > most is never true", BROKEN),
    (r"\w+\.\w+, .* st\.fatal == 1 is never true", BROKEN),
    (r"obj_stock\.note_late_bytes, .* is never true", BROKEN),
    (r"post_hook\.po_done, .* st\.r_refunded\[t\] == 0 is never true", CHOICE),
    (r"charge_hook\.al_precharged, .* prog\.nested_refresh .* is never true", OFF),
    (r"charge_hook\.rf_get, condition 6: .* is never true", OFF),
    (r"percpu_alloc\.al_area, .* search_fails\(prog, st\) is never true", OFF),
    (r"placement\.(alloc_page|populate_pages), .*dry.* is never true", OFF),
    (r"try_charge\.start_levels, .* prog\.fail_charge.* is never true", OFF),
    (r"percpu_alloc\.al_area, .* labels\.OP_PLACE is never (true|false)", RECORDED),
    (r"percpu_alloc\.place_area, .*", RECORDED),
    (r"placement\.(stamp_area|stamp_page), .*", RECORDED),
    (r"chunks\.alloc_area, condition 1: r < 0 is never true", ROOM),
    (r"\w+\.(po_nid2?|fr_nid)_objcg, .*!= st\.r_n?(memcg|objcg)\S* is never true", RARE),
    (r"charge_hook\.charged_bytes, .* labels\.OP_KMEM is never false", CHOICE),
    (r"charge_hook\.pre_alloc_hook, .* prog\.task_irq\[t\] == 1 is never true", IRQ_SCOPE),
    (r"placement\.depopulate_pages, .* st\.page_areas\[c, p\] == 0 is never false", SEARCHED),
    (r"placement\.mark_populated, condition 2: .* is never false", ISOLATED),
    (r"placement\.(alloc_by_count|clear_counts), .*", WIDE),
    (r"try_charge\.tc_oom, .* victim < 0 is never false", NO_VICTIM),
    (r"try_charge\.try_charge, condition 1: nr_pages == 0 is never true", NO_BYTES),
)  # fmt: skip


def reason_of(line: str) -> str | None:
    """Why what the line says is never reached; None if nothing excuses it."""
    return next((reason for pattern, reason in EXCEPTIONS if re.fullmatch(pattern, line)), None)
