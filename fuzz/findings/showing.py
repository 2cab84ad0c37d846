"""One violating case made fit to be shown: drawn again, shrunk, explained, its interleaving drawn, its shape named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.outcome import Signature
from percpu_fuzz.engine.program import FAIL_FIELDS
from percpu_fuzz.engine.scenario import Finding, Scenario
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.fuzz.errors import HarnessError
from percpu_fuzz.fuzz.findings.explain import explained
from percpu_fuzz.fuzz.findings.helpers import asked_to_end
from percpu_fuzz.fuzz.findings.lanes import lanes
from percpu_fuzz.fuzz.shrink.attempt import AT_THE_END
from percpu_fuzz.fuzz.shrink.shrinker import Shrunk, shrink
from percpu_fuzz.reports.lanes import Line
from percpu_fuzz.reports.numbers import WIDTH
from percpu_fuzz.reports.render.lanes import lanes_text
from percpu_fuzz.reports.render.text import INDENT
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.redraw import finding_of, repeated
from percpu_fuzz.strategies.run.replay import Run, compiled_violations

REFERENCES = ("base", "fixed")  # without the series, and with what mends it
POINTERS = ("I18", "I19")  # what was found there is a pointer, no amount
SURROUNDINGS = (*FAIL_FIELDS, "pressed_pages")
CASE_EXECUTIONS = 5_000  # of each case: counted, not timed, so that a campaign's findings depend on its cases only


@dataclass(frozen=True, slots=True)
class Shape:
    """How a shrunk case fails: what it breaks first, at which step, in which direction, and what that takes."""

    invariant: str
    label: str
    more: bool
    takes: frozenset[str]

    def __str__(self) -> str:
        way = "" if self.invariant in POINTERS else ", more than expected" if self.more else ", less than expected"
        return f"{self.invariant} at {self.label}{way}: {', '.join(sorted(self.takes))}"

    def covers(self, other: Shape) -> bool:
        """Whether a case of the other shape is one of this shape with something to spare.

        The step in which an invariant broke says where it went wrong, whatever led there. What is judged only after a
        case has ended says little: there only equal shapes are one.
        """
        if self.label in AT_THE_END:
            return self == other
        return (self.invariant, self.label, self.more) == (other.invariant, other.label, other.more)


@dataclass(frozen=True, slots=True)
class Shown:
    """A shrunk finding with its story. breaks_first: its invariant is the first that the shrunk case breaks.

    breaks: every invariant that the shrunk case breaks until its end. cut_short: time ended the shrinking. elsewhere:
    what it breaks on each of REFERENCES but its own variant, steps that one does not have left out.
    """

    finding: Finding
    shape: Shape
    breaks_first: bool
    size: tuple[int, ...]
    explanation: list[str]
    lines: list[Line]
    nodes: list[dict[str, int]]
    breaks: tuple[str, ...] = ()
    cut_short: bool = False
    elsewhere: dict[str, list[str]] = field(default_factory=dict)


def shown(
    batch: Batch, case: int, signatures: list[Signature], enough: Callable[[], bool] = asked_to_end, least: int = 0
) -> list[Shown]:
    """The violations of one case; the first ones if it is enough before the last, though `least` of them in any case.

    HarnessError if it does not come back as it was.
    """
    answers: list[Shown] = []
    found = None
    for signature in signatures:
        if len(answers) >= least and enough():
            break
        try:
            found = found or repeated(batch, case)
            finding = finding_of(batch, case, signature, found)
        except Exception as error:
            raise HarnessError(f"case {case} of {batch} cannot be shown: {type(error).__name__}: {error}") from error
        answers.append(smaller(finding, batch.variant, enough, [answer.finding.scenario for answer in answers]))
    return answers


def as_drawn(batch: Batch, case: int, signatures: list[Signature]) -> list[Shown]:
    """All violations of one case, unshrunk. HarnessError as from `shown`."""
    return shown(batch, case, signatures, lambda: True, len(signatures))


def smaller(
    finding: Finding, variant: Variant, enough: Callable[[], bool] = asked_to_end, hints: Sequence[Scenario] = ()
) -> Shown:
    """A finding shrunk and told; hints: what others of its case were shrunk to.

    HarnessError if the compiled engine does not see what the replay saw.
    """
    shrunk = shrink(finding, variant, CASE_EXECUTIONS, enough=enough, hints=hints)
    if shrunk is None:
        raise HarnessError(f"{finding.invariant} shows in plain mode only: {finding.origin}")
    return told(finding, shrunk, variant)


def told(original: Finding, shrunk: Shrunk, variant: Variant) -> Shown:
    """A shrunk finding with explanation and lanes, in the file and beside it."""
    scenario = shrunk.attempt.scenario
    finding = replace(original, scenario=replace(scenario, topology=replace(scenario.topology, name="shrunk")))
    nodes = PerNode(finding.scenario.topology)
    lines, run = lanes(finding.scenario, variant, until=finding.invariant, also=nodes.watch)
    broken = run.broken(finding.invariant)
    if broken is None:
        raise HarnessError(f"{finding.invariant} does not show in the shrunk case: {finding.origin}")
    words = explained(finding, variant, broken, lines, WIDTH - len(INDENT))
    notes = {"executions": shrunk.executions, "minimal": shrunk.minimal, "cut_short": shrunk.cut_short}
    broken_in_all = {v.invariant for v in run.violations}
    breaks = tuple(name for name in INVARIANT_NAMES if name in broken_in_all)
    story = {"explanation": words, "lanes": lanes_text(lines), "breaks": list(breaks)}
    origin = finding.origin | {"shrunk": notes} | story
    first = run.violations[0].invariant == finding.invariant
    return Shown(
        replace(finding, origin=origin), shape_of(finding, run), first, shrunk.attempt.size, words, lines,
        nodes.rows(), breaks, shrunk.cut_short, broken_elsewhere(finding.scenario, variant),
    )  # fmt: skip


def broken_elsewhere(scenario: Scenario, variant: Variant) -> dict[str, list[str]]:
    """Invariants that the same machine, program and schedule break on the kernel before the series and on the fix."""
    others = [VARIANTS[name] for name in REFERENCES if name != variant.name]
    return {other.name: [found.invariant for found in compiled_violations(scenario, other)] for other in others}


def shape_of(finding: Finding, run: Run) -> Shape:
    """What the shrunk case breaks first, and what it takes: kinds of operations, faults, pressure, limits.

    Counters that go wrong in one step break several invariants later on: those are one cause. How often an operation
    is there, in whose hands and in which order is where shrinking happened to end, and is left out.
    """
    first, program = run.violations[0], finding.scenario.program
    takes = {op.kind for task in program.tasks for op in task.ops}
    takes |= {name for name in SURROUNDINGS if any(getattr(program, name))}
    if any(memcg.max_pages >= 0 for memcg in program.memcgs):
        takes.add("memory.max")
    return Shape(first.invariant, first.label, first.found > first.want, frozenset(takes))


# The case node by node: bytes charged and pages counted at the moment when most bytes were charged.
MOST_NODES = 16  # of a picture; shrunk cases have one to four


class PerNode:
    """Watches a run: watch() at each step, then rows()."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.nodes = [node.id for node in topology.nodes]
        self.most = 0
        self.found = [(0, 0)] * len(self.nodes)

    def watch(self, state: Any, _task: int, _label: int) -> None:
        """Keep what each node holds if no moment before had more bytes charged."""
        if len(self.nodes) > MOST_NODES:
            return
        nodes, width = len(self.nodes), state.l_bytes.shape[1]
        held = [sum(state.l_bytes.cells[n::width]) for n in range(min(width, nodes))]
        if sum(held) >= max(self.most, 1):
            self.most = sum(held)
            memcgs = range(1, len(state.memcg_usage))
            pages = [sum(state.memcg_kmem[m * nodes + n] for m in memcgs) for n in range(len(held))]
            self.found = list(zip(held, pages, strict=True))

    def rows(self) -> list[dict[str, int]]:
        """{node, bytes, pages, page_size} of each possible node; empty if no byte was ever charged to a node.

        bytes: of live areas, as they were charged to the node; pages: KMEM pages that all memcgs but the root count
        there, slab objects included. A page that is counted and not filled is held by a stock or is on its way back.
        """
        if not self.most:
            return []
        return [
            {"node": node, "bytes": held, "pages": pages, "page_size": self.topology.page_size}
            for node, (held, pages) in zip(self.nodes, self.found, strict=True)
        ]
