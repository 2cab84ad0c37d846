"""One violating case made fit to be shown: drawn again, shrunk, explained, its interleaving drawn, its shape named."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.outcome import Signature
from engine.scenario import Finding
from engine.variant import Variant
from fuzz.errors import HarnessError
from fuzz.explain import explained
from fuzz.lanes import drawn, lanes
from fuzz.plan import Plan
from fuzz.shrink.shrinker import Shrunk, shrink
from strategies.replay import Violation

EXECUTIONS = 3_000  # of each case: counted, not timed, so that a campaign's findings depend on its cases only


@dataclass(frozen=True, slots=True)
class Shown:
    """A shrunk finding with its story. shape: equal for cases that fail in the same way."""

    finding: Finding
    shape: str
    explanation: list[str]
    lanes: list[str]


def shown(plan: Plan, stream: str, k: int, case: int, signatures: list[Signature]) -> list[Shown]:
    """The violations of one case. HarnessError if it does not come back as it was."""
    answers = []
    for signature in signatures:
        try:
            finding = plan.finding(stream, k, case, signature)
        except Exception as error:
            where = f"case {case} of {stream} batch {k}"
            raise HarnessError(f"{where} cannot be shown: {type(error).__name__}: {error}") from error
        answers.append(smaller(finding, plan.variant))
    return answers


def smaller(finding: Finding, variant: Variant) -> Shown:
    """A finding shrunk and told. HarnessError if the compiled engine does not see what the replay saw."""
    shrunk = shrink(finding, variant, EXECUTIONS)
    if shrunk is None:
        raise HarnessError(f"{finding.invariant} shows in plain mode only: {finding.origin}")
    return told(replace(finding, scenario=shrunk.attempt.scenario), variant, notes_of(shrunk))


def told(finding: Finding, variant: Variant, notes: dict[str, object]) -> Shown:
    """A finding with explanation and lanes, in the file and beside it; `notes` join its origin."""
    lines, run = lanes(finding.scenario, variant, until=finding.invariant)
    broken = run.broken(finding.invariant)
    if broken is None:
        raise HarnessError(f"{finding.invariant} does not show in the shrunk case: {finding.origin}")
    words, picture = explained(finding, broken, lines), list(drawn(lines))
    origin = finding.origin | notes | {"explanation": words, "lanes": picture}
    return Shown(replace(finding, origin=origin), shape_of(finding, broken), words, picture)


def notes_of(shrunk: Shrunk) -> dict[str, object]:
    """What a finding records of its shrinking."""
    return {"shrunk": {"executions": shrunk.executions, "minimal": shrunk.minimal}}


def shape_of(finding: Finding, broken: Violation) -> str:
    """Invariant, step, direction, and the kinds of operations of each task, in an order of their own."""
    tasks = sorted(
        ("irq " if task.irq else "") + " ".join(op.kind for op in task.ops) for task in finding.scenario.program.tasks
    )
    way = "more" if broken.found > broken.want else "less"
    return f"{finding.invariant} at {broken.label}, {way} than expected: {' | '.join(tasks)}"
