"""Findings: which violating cases are worth showing, shrunk, one file for each distinct cause.

A signature (invariant, step, hazards passed) says how a case failed; hundreds of signatures may have one cause. So a
few cases of the most different signatures are shrunk, and of those that shrink to the same shape one is kept. Whatever
time is left, each invariant that broke gets a file whose case breaks it, as it was drawn if need be.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.outcome import Outcome, Signature
from percpu_fuzz.engine.scenario import dump_finding
from percpu_fuzz.fuzz.files import write_whole
from percpu_fuzz.fuzz.findings.helpers import answers_of
from percpu_fuzz.fuzz.findings.provenance import with_provenance
from percpu_fuzz.fuzz.findings.showing import Shape, Shown, as_drawn, shown
from percpu_fuzz.fuzz.progress import Sign
from percpu_fuzz.fuzz.shrink.attempt import AT_THE_END
from percpu_fuzz.reports.sections.brief.causes import file_number
from percpu_fuzz.strategies.plan.batches import Batches

FINDING_NAME = re.compile(rf"findings/[0-9]{{3,6}}-(?:{'|'.join(INVARIANT_NAMES)})-[A-Za-z0-9_.-]+\.json")
CASES_PER_SIGNATURE = 2
PICKS_LEAST, PICKS_MOST = 2, 10  # cases to shrink of each invariant
CASES_PER_PICK = 10_000  # a longer campaign has more to show
NODES_SMALL = 16


@dataclass(frozen=True, slots=True)
class Pick:
    """One violating case: number `case` of batch k of a stream."""

    stream: str
    k: int
    case: int
    signature: Signature
    large: bool = False  # on a machine on which a case takes seconds to replay


Place = tuple[str, int, int]
Case = tuple[Pick, Shown]


def pick(outcomes: Iterable[Outcome], most_nodes: Mapping[str, int] | None = None) -> list[Pick]:
    """The cases to shrink, by invariant: first a case of each step that broke it, then of other signatures.

    Two cases a signature at most; cases of small machines before those of large ones. most_nodes: of any machine, by
    family.
    """
    nodes = most_nodes or {}
    found: dict[str, list[Pick]] = {}
    seen: Counter[Signature] = Counter()
    cases = 0
    for outcome in outcomes:
        cases += outcome.cases
        for signature in sorted(outcome.first_cases, key=lambda s: (outcome.first_cases[s], s)):
            for case in outcome.first_cases[signature]:
                if seen[signature] < CASES_PER_SIGNATURE:
                    seen[signature] += 1
                    one = Pick(outcome.stream, outcome.k, case, signature, nodes.get(outcome.family, 0) > NODES_SMALL)
                    found.setdefault(signature.invariant, []).append(one)
    most = picks_most(cases)
    return [
        one
        for invariant in sorted(found, key=INVARIANT_NAMES.index)
        for one in _most_different(found[invariant])[:most]
    ]


def picks_most(cases: int) -> int:
    """How many cases of one invariant are shrunk after a campaign of so many cases."""
    return min(PICKS_MOST, PICKS_LEAST + cases // CASES_PER_PICK)


def _most_different(picks: list[Pick]) -> list[Pick]:
    """In turns: the first pick of every label, then of every other signature, then second cases."""
    labels: set[str] = set()
    signatures: set[Signature] = set()
    ranked: list[tuple[int, int, Pick]] = []
    for place, one in enumerate(sorted(picks, key=lambda one: one.large)):
        turn = 0 if one.signature.label not in labels else 1 if one.signature not in signatures else 2
        labels.add(one.signature.label)
        signatures.add(one.signature)
        ranked.append((turn, place, one))
    return [one for _, _, one in sorted(ranked, key=lambda r: r[:2])]


@dataclass(frozen=True, slots=True)
class WrittenFindings:
    """rows: what the report needs of each finding; shrunk of picked: how many of the picked cases were got to."""

    rows: list[dict[str, object]]
    shrunk: int
    picked: int


def write_findings(
    batches: Batches, picked: list[Pick], out: Path, workers: int, enough: Callable[[], bool] = lambda: False,
    earlier: Sequence[Mapping[str, Any]] = (), timed: bool = False,
) -> WrittenFindings:  # fmt: skip
    """Shrink the picked cases, write a file for each distinct cause.

    earlier: rows of earlier sessions, whose findings keep their files and their places in the list: a smaller case of
    the same cause takes the place of the one that is there, a new cause gets the next number.
    enough: asked all the time; once it says yes, cases in hand end with the smallest so far, those not begun are left
    out. timed: it may well say so soon, and little may be left to do then: a case of each invariant is got ready as it
    was drawn before any is shrunk, and not only where none was shrunk. HarnessError if a case does not come back.
    """
    (out / "findings").mkdir(exist_ok=True)
    rows = {str(row["file"]): dict(row) for row in earlier if is_kept(out, str(row["file"]))}
    drawn = fewest_cases(picked)
    firsts = worked_on(as_drawn, batches, drawn, workers) if timed else []
    cases = shown_cases(batches, picked, workers, enough)
    if not timed:
        firsts = worked_on(as_drawn, batches, without_invariants(drawn, cases), workers)
    for members in by_cause(cases):
        one, what = min(members, key=_showing)
        name = next((name for name, row in rows.items() if is_same_cause(str(row.get("shape")), what.shape)), None)
        name = name or new_name(out, rows, one, what)
        made = _row(name, one, what, [member.signature.invariant for member, _ in members])
        if name not in rows or is_better(what, rows[name]):
            write_whole(out / name, content_of(name, what))
        else:
            made = rows[name] | {key: made[key] for key in ("alike", "invariants")}
        rows[name] = made
    for one, what in not_yet_shown(picked, rows.values(), cases, firsts):
        name = new_name(out, rows, one, what)
        write_whole(out / name, content_of(name, what))
        rows[name] = _row(name, one, what, [one.signature.invariant])
    return WrittenFindings(list(rows.values()), len(cases), len(picked))


def new_name(out: Path, rows: Mapping[str, Any], one: Pick, what: Shown) -> str:
    """The file of a cause that is in no row: one that holds just this, as a session leaves that is killed before its
    rows are stored; else the next number, which none has had.
    """
    names = sorted(filter(FINDING_NAME.fullmatch, (f"findings/{path.name}" for path in (out / "findings").iterdir())))
    left = (name for name in names if name not in rows and is_kept(out, name))
    new = f"findings/{file_name(1 + max(map(file_number, (*rows, *names)), default=0), one.signature)}"
    return next((name for name in left if holds(out / name, content_of(name, what))), new)


def content_of(name: str, what: Shown) -> bytes:
    """What stands in a finding's file of this name."""
    return dump_finding(with_provenance(what.finding, name))


def holds(path: Path, content: bytes) -> bool:
    """Whether a regular file holds just this."""
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content


def is_kept(out: Path, name: str) -> bool:
    """Whether an earlier session's file is there, under a name that this module gives: a store may name any path."""
    return FINDING_NAME.fullmatch(name) is not None and (out / name).is_file()


def is_same_cause(stored: str, shape: Shape) -> bool:
    """Whether a stored shape, as text, and a new one are of one cause: as Shape.covers says, either way round."""
    if shape.label in AT_THE_END:
        return stored == str(shape)
    return stored.partition(": ")[0] == str(shape).partition(": ")[0]


def is_better(what: Shown, stored: Mapping[str, Any]) -> bool:
    """Whether a case is to take the place of the stored one: it breaks its invariant first, or is smaller."""
    if "size" not in stored:
        return True
    return (not what.breaks_first, list(what.size)) < (not stored.get("breaks_first"), list(stored["size"]))


def without_invariants(places: Mapping[Place, Sequence[Pick]], cases: Iterable[Case]) -> dict[Place, list[Pick]]:
    """Picks by case, without those of an invariant of which one of `cases` was picked."""
    there = {one.signature.invariant for one, _ in cases}
    left = {place: [one for one in picks if one.signature.invariant not in there] for place, picks in places.items()}
    return {place: picks for place, picks in left.items() if picks}


def not_yet_shown(
    picked: Sequence[Pick], rows: Iterable[Mapping[str, Any]], cases: list[Case], firsts: list[Case]
) -> list[Case]:
    """Cases that between them break each invariant that no row's case breaks: shrunk ones, else some of `firsts`; those
    that break their own invariant first before others.
    """
    missing = {one.signature.invariant for one in picked}
    missing -= {invariant for row in rows for invariant in row.get("breaks", ())}
    found: list[Case] = []
    for one, what in (*sorted(cases, key=_showing), *sorted(firsts, key=_showing)):
        if one.signature.invariant in missing:
            missing -= {one.signature.invariant, *what.breaks}
            found.append((one, what))
    return found


def _showing(case: Case) -> tuple[bool, tuple[int, ...]]:
    return not case[1].breaks_first, case[1].size


def fewest_cases(picked: Sequence[Pick]) -> dict[Place, list[Pick]]:
    """Cases that between them break every invariant that was picked, few and on small machines."""
    places: dict[Place, dict[str, Pick]] = {}
    for one in picked:
        places.setdefault((one.stream, one.k, one.case), {}).setdefault(one.signature.invariant, one)
    missing = {one.signature.invariant for one in picked}
    found: dict[Place, list[Pick]] = {}
    while missing:
        place = max(
            places, key=lambda p: (len(missing & set(places[p])), not any(one.large for one in places[p].values()))
        )
        found[place] = [one for name, one in sorted(places[place].items()) if name in missing]
        missing -= set(places[place])
    return found


def worked_on(
    work: Callable[..., list[Shown]], batches: Batches, places: Mapping[Place, Sequence[Pick]], workers: int,
    enough: Callable[[], bool] = lambda: False, seen: Callable[[int], None] = lambda _answers: None,
) -> list[Case]:  # fmt: skip
    """What work(batch, case, signatures) makes of the picks of each case; its last ones may be cut off."""
    tasks = [
        (batches.batch_of(stream, k), case, [one.signature for one in picks])
        for (stream, k, case), picks in places.items()
    ]
    answers = answers_of(work, tasks, workers, enough, seen)
    return [
        case for task, picks in enumerate(places.values()) for case in zip(picks, answers.get(task, ()), strict=False)
    ]


def by_cause(cases: list[Case]) -> list[list[Case]]:
    """Cases of one cause together, in the order in which the causes were met."""
    plainest = sorted({what.shape for _, what in cases}, key=lambda shape: (len(shape.takes), str(shape)))
    cause = {shape: next(other for other in plainest if other.covers(shape)) for shape in plainest}
    groups: dict[Shape, list[Case]] = {}
    for one, what in cases:
        groups.setdefault(cause[what.shape], []).append((one, what))
    return list(groups.values())


def shown_cases(
    batches: Batches, picked: list[Pick], workers: int, enough: Callable[[], bool] = lambda: False
) -> list[Case]:
    """Each picked case drawn again and shrunk, in order; picks of one case go to one process.

    The first pick of each invariant is worked on first, so that `enough` cuts second cases before it cuts causes.
    """
    places: dict[Place, list[Pick]] = {}
    for one in _firsts_first(picked):
        places.setdefault((one.stream, one.k, one.case), []).append(one)
    with Sign("ending: shrinking case", len(places)) as sign:
        found = worked_on(shown, batches, places, workers, enough, sign.at)
    return sorted(found, key=lambda case: picked.index(case[0]))


def _firsts_first(picked: list[Pick]) -> list[Pick]:
    """The first pick of every invariant, the second of every one, and so on."""
    ranks: Counter[str] = Counter()
    ranked: list[tuple[int, Pick]] = []
    for one in picked:
        ranked.append((ranks[one.signature.invariant], one))
        ranks[one.signature.invariant] += 1
    return [one for _, one in sorted(ranked, key=lambda row: row[0])]


def file_name(number: int, signature: Signature) -> str:
    """Like 001-I1-v1.json; a variant's name is reduced to what every file system takes."""
    variant = re.sub(r"[^A-Za-z0-9_.-]+", "_", signature.variant)
    return f"{number:03d}-{signature.invariant}-{variant}.json"


def _row(name: str, one: Pick, what: Shown, invariants: list[str]) -> dict[str, object]:
    signature = one.signature
    return {
        "file": name, "stream": one.stream, "k": one.k, "case": one.case, "invariant": signature.invariant,
        "variant": signature.variant, "label": signature.label, "hazards": list(signature.hazards),
        "shape": str(what.shape), "alike": len(invariants), "invariants": sorted({*invariants, *what.breaks}),
        "breaks": list(what.breaks), "cut_short": what.cut_short, "explanation": what.explanation,
        "steps": msgspec.to_builtins(what.lines), "nodes": what.nodes, "elsewhere": what.elsewhere,
        "size": list(what.size), "breaks_first": what.breaks_first,
    }  # fmt: skip
