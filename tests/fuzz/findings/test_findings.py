"""Findings of a campaign: which cases are shown, shrunk, one for each cause; the same whatever the workers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from places import DATA

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.core.planted import SLIP_FAT_SLOT
from percpu_fuzz.engine.outcome import Outcome, Signature
from percpu_fuzz.engine.scenario import load_finding
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.campaign.ending import status_of
from percpu_fuzz.fuzz.errors import HarnessError
from percpu_fuzz.fuzz.findings.pick import (
    Pick,
    by_cause,
    fewest_cases,
    file_name,
    is_kept,
    not_yet_shown,
    pick,
    write_findings,
)
from percpu_fuzz.fuzz.findings.provenance import package_version
from percpu_fuzz.fuzz.findings.showing import Shape, Shown, shown, smaller
from percpu_fuzz.reports.campaign import RunFacts, gather
from percpu_fuzz.reports.sections.brief.causes import file_number
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.redraw import finding_of
from percpu_fuzz.strategies.run.replay import run_scenario


@pytest.fixture(scope="module")
def batches() -> Batches:
    return Batches(make_plan("v1", 3))


@pytest.fixture(scope="module")
def outcomes(batches: Batches) -> list[Outcome]:
    return [batches.outcome(stream, 0) for stream in ("measurement", "hunting")]


def test_the_shortfall_of_v1_is_one_finding(batches: Batches, outcomes: list[Outcome], tmp_path: Path) -> None:
    """All of I1, I2, I5, I10 and I12 that the short precharge causes is one finding, shrunk to one allocation."""
    rows = write_findings(batches, pick(outcomes), tmp_path, 2).rows
    short = next(row for row in rows if str(row["shape"]).startswith("I1 at PO_REFUND"))
    assert {"I1", "I2", "I5", "I10"} <= set(short["invariants"])  # type: ignore[call-overload]
    path = tmp_path / str(short["file"])
    finding = load_finding(path.read_bytes(), str(path))
    ops = [op for task in finding.scenario.program.tasks for op in task.ops]
    assert (len(finding.scenario.topology.nodes), len(finding.scenario.topology.cpus)) == (2, 2)
    assert [(op.kind, op.size_bytes) for op in ops] == [("alloc", 2048)]
    assert finding.origin["shrunk"]["minimal"] is True
    assert finding.origin["lanes"][-1] == "  >>  I1 broken: expected 1, found 2"
    assert finding.origin["replay"] == f"percpu-fuzz replay {short['file']} --variant v1"
    assert finding.origin["version"] == package_version()
    assert finding.origin["code"] == batches.plan.describe()["code"]
    broken = {violation.invariant for violation in run_scenario(finding.scenario, VARIANTS["v1"]).violations}
    assert set(finding.origin["breaks"]) == set(short["breaks"]) == broken  # type: ignore[call-overload]
    assert path.read_text() == json.dumps(json.loads(path.read_text()), sort_keys=True, indent=1) + "\n"


def shown_by_files(out: Path, rows: list[dict[str, object]]) -> set[str]:
    """Invariants that the report has a file for whose replay breaks them, as it says."""
    shown_there = set()
    for row in rows:
        finding = load_finding((out / str(row["file"])).read_bytes(), str(row["file"]))
        broken = {violation.invariant for violation in run_scenario(finding.scenario, VARIANTS["v1"]).violations}
        assert broken == set(row["breaks"])  # type: ignore[call-overload]
        assert finding.invariant in broken
        shown_there |= broken
    return shown_there


def test_time_that_ends_is_told(batches: Batches, outcomes: list[Outcome], tmp_path: Path) -> None:
    """Enough at once: no case is shrunk, and how many there were is known; each invariant has a file that breaks it all
    the same. A shrinking in hand ends with the smallest so far, which still fails and says that it was cut short.
    """
    picked = pick(outcomes)
    written = write_findings(batches, picked, tmp_path, 2, lambda: True)
    assert (written.shrunk, written.picked) == (0, len(picked))
    assert shown_by_files(tmp_path, written.rows) == {one.signature.invariant for one in picked}
    assert all(row["cut_short"] for row in written.rows)
    one = picked[0]
    finding = finding_of(batches.batch_of(one.stream, one.k), one.case, one.signature)
    variant = batches.plan.variant
    cut, whole = smaller(finding, variant, lambda: True), smaller(finding, variant)
    assert cut.cut_short
    assert cut.finding.origin["shrunk"]["cut_short"]
    assert not cut.finding.origin["shrunk"]["minimal"]
    assert not whole.cut_short
    assert whole.size < cut.size
    assert run_scenario(cut.finding.scenario, VARIANTS["v1"]).broken(finding.invariant)


def test_every_finding_breaks_its_invariant_and_fixed_does_not(
    batches: Batches, outcomes: list[Outcome], tmp_path: Path
) -> None:
    """Each file replays to its invariant on v1, every invariant has one; on fixed the same cases are clean."""
    picked = pick(outcomes)
    rows = write_findings(batches, picked, tmp_path, 1).rows
    assert shown_by_files(tmp_path, rows) == {one.signature.invariant for one in picked}
    assert len({row["shape"] for row in rows}) >= 2
    for row in rows:
        finding = load_finding((tmp_path / str(row["file"])).read_bytes(), str(row["file"]))
        assert run_scenario(finding.scenario, VARIANTS["fixed"], lenient=True).violations == ()


def test_the_files_do_not_depend_on_workers(batches: Batches, outcomes: list[Outcome], tmp_path: Path) -> None:
    """One process and two write the same names with the same bytes."""
    written = []
    for workers in (1, 2):
        out = tmp_path / str(workers)
        out.mkdir()
        write_findings(batches, pick(outcomes), out, workers)
        written.append({path.name: path.read_bytes() for path in sorted((out / "findings").iterdir())})
    assert written[0] == written[1]


def test_what_a_killed_session_wrote_keeps_its_names(batches: Batches, outcomes: list[Outcome], tmp_path: Path) -> None:
    """A session killed before it stored its rows left files: the next one has them as its own, where they are the same.

    A file that differs stays as it is, and its number is not used again. What else lies there has no number.
    """
    (tmp_path / "findings").mkdir()
    for name in ("1\u00b2-I8-mine.json", f"{'9' * 240}.json", "7 of mine.json"):
        (tmp_path / "findings" / name).touch()
    rows = write_findings(batches, pick(outcomes), tmp_path, 1).rows
    assert file_number(str(rows[0]["file"])) == 1
    assert len(rows) >= 2
    assert write_findings(batches, pick(outcomes), tmp_path, 1).rows == rows
    (tmp_path / str(rows[0]["file"])).write_bytes(b"a note of mine")
    numbers = [file_number(str(row["file"])) for row in write_findings(batches, pick(outcomes), tmp_path, 1).rows]
    assert min(numbers) == 2
    assert len(set(numbers)) == len(rows)
    assert (tmp_path / str(rows[0]["file"])).read_bytes() == b"a note of mine"


def test_a_finding_of_every_invariant_keeps_its_file(tmp_path: Path) -> None:
    """In the next session, by the name that it was given: those of a user's own claims and checkers too."""
    (tmp_path / "findings").mkdir()
    for number, invariant in enumerate(INVARIANT_NAMES, 1):
        name = f"findings/{file_name(number, Signature(invariant, 'v2+mine.py', 'IDLE', ()))}"
        assert not is_kept(tmp_path, name)
        (tmp_path / name).touch()
        assert is_kept(tmp_path, name)


def test_a_case_that_does_not_come_back_breaks_the_harness(batches: Batches) -> None:
    """A case that did not violate cannot be shown: the harness is broken, not the variant clean."""
    with pytest.raises(HarnessError, match="case 0 of measurement batch 0 cannot be shown"):
        shown(batches.batch_of("measurement", 0), 0, [Signature("I18", "v1", "PO_ACCOUNT", ())])


def test_picks_cover_the_labels_first() -> None:
    """A case of every step that broke an invariant comes before a second signature of the same step."""
    near, far = Signature("I5", "x", "UC_LEVEL", (1,)), Signature("I5", "x", "UC_LEVEL", (2,))
    other = Signature("I5", "x", "FINISHED", ())
    outcome = Outcome("hunting", 0, "f", 1, 1, first_cases={near: (0, 1), far: (2,), other: (9,)})
    assert [(p.signature, p.case) for p in pick([outcome])] == [(near, 0), (other, 9)]


def test_causes_join_only_where_the_step_says_something() -> None:
    """Shapes with one step are one, whatever they take, unless both were judged at the end of a case."""
    small = Shape("I1", "PO_REFUND", True, frozenset({"alloc"}))
    assert small.covers(replace(small, takes=frozenset({"alloc", "mkdir"})))
    assert not small.covers(replace(small, label="PO_DONE"))
    assert not small.covers(replace(small, more=False))
    late = replace(small, label="FINISHED")
    assert not late.covers(replace(late, takes=frozenset({"alloc", "mkdir"})))


def test_equal_causes_are_grouped_in_the_order_met(batches: Batches) -> None:
    """by_cause keeps every case, each with the plainest shape that covers it."""
    finding = load_finding((DATA / "findings/v1-shortfall.json").read_bytes(), "shortfall")
    wide = Shape("I1", "PO_REFUND", True, frozenset({"alloc", "mkdir"}))
    plain, else_ = replace(wide, takes=frozenset({"alloc"})), replace(wide, label="PO_DONE")
    cases = [
        (Pick("hunting", i, 0, Signature("I1", "v1", "PO_REFUND", ())), Shown(finding, shape, True, (i,), [], [], []))
        for i, shape in enumerate((wide, else_, plain))
    ]
    assert [[one.k for one, _ in group] for group in by_cause(cases)] == [[0, 2], [1]]


def test_one_case_that_breaks_several_is_one_file_named_by_what_it_breaks_first() -> None:
    """Of a case drawn for I8, I9 and I12, none of them shrunk, what is shown is of I8, which goes wrong first; another
    cause has its own. What a row's case breaks already is not shown again.
    """
    finding = load_finding((DATA / "findings/v2-lost-bytes.json").read_bytes(), "lost")
    lost = Shape("I8", "RL_NODE", True, frozenset({"alloc", "rmdir"}))
    null = Shape("I18", "FR_UNCHARGE", True, frozenset({"free"}))

    def drawn(invariant: str, shape: Shape, breaks: tuple[str, ...]) -> tuple[Pick, Shown]:
        one = Pick("hunting", 0, 0, Signature(invariant, "v2", shape.label, ()))
        return one, Shown(finding, shape, invariant == shape.invariant, (9,), [], [], [], breaks)

    firsts = [drawn(name, lost, ("I8", "I9", "I12")) for name in ("I12", "I9", "I8")] + [drawn("I18", null, ("I18",))]
    picked = [one for one, _ in firsts]
    assert [one.signature.invariant for one, _ in not_yet_shown(picked, (), [], firsts)] == ["I8", "I18"]
    rows = [{"breaks": ["I8", "I9", "I12"]}]
    assert [one.signature.invariant for one, _ in not_yet_shown(picked, rows, [], firsts)] == ["I18"]


FIVE = replace(
    VARIANTS["fixed"], name="five", metadata=1, refund=1, entry=1, evict=1, slip=SLIP_FAT_SLOT
).claiming(VARIANTS["fixed"].judge)  # fmt: skip
CAUSES = {
    "I11 at AT_BARRIER": "metadata: 8 bytes a granule are charged where there are 16",
    "I2 at PO_UNDONE": "refund: a failed allocation gives ceil(F) pages back",
    "I6 at PO_BEGIN": "entry: the obj_exts entry is not cleared",
    "I20 at DO_PUT": "evict: a slot's reference is not put",
    "I4 at RS_BODY": "fat slot: a slot above 64 pages is not drained",
}


def test_five_planted_causes_are_five_findings(tmp_path: Path) -> None:
    """Five mistakes at once break ten invariants; what is left after shrinking is one cause for each mistake."""
    batches = Batches(make_plan(FIVE, 1))
    outcomes = [batches.outcome(stream, k) for k in range(4) for stream in ("measurement", "hunting")]
    broken = {signature.invariant for outcome in outcomes for signature in outcome.violations}
    assert len(broken) >= 9
    rows = write_findings(batches, pick(outcomes), tmp_path, 2).rows
    assert {str(row["shape"]).split(",")[0] for row in rows} == set(CAUSES)
    assert {name for row in rows for name in row["breaks"]} >= broken  # type: ignore[attr-defined]


def test_no_case_is_no_verdict() -> None:
    """Without a finished batch the exit status is 4, inconclusive; with a clean one 0, with a violation 1."""
    describe: dict[str, object] = {"variant": "v1", "seed": 1, "families": {"f": 1}}
    signature = Signature("I1", "v1", "PO_REFUND", ())

    def status(*outcomes: Outcome) -> int:
        facts = RunFacts(describe=describe, seconds=1.0, interrupted=True, stopped_by="interrupt", budget_seconds=1.0)
        campaign = gather(outcomes, facts)
        return status_of(campaign, None)

    assert status() == 4
    assert status(Outcome("measurement", 0, "f", 10, 10)) == 0
    broken = Outcome("hunting", 0, "f", 10, 10, violations={signature: 1}, first_cases={signature: (0,)})
    assert status(broken) == 1


def test_few_cases_show_every_invariant_and_small_machines_come_first() -> None:
    """One case that breaks two invariants stands for both; of equal ones that on the smaller machine is taken."""
    both = {Signature("I8", "x", "RL_NODE", ()): (4,), Signature("I9", "x", "FINISHED", ()): (4,)}
    alone = {Signature("I12", "x", "FINISHED", ()): (7,)}
    rows = [
        Outcome("hunting", 0, "large", 1, 1, first_cases=both | alone),
        Outcome("hunting", 1, "small", 1, 1, first_cases=both | alone),
    ]
    picked = pick(rows, {"large": 1024, "small": 2})
    assert {place: [one.signature.invariant for one in found] for place, found in fewest_cases(picked).items()} == {
        ("hunting", 1, 4): ["I8", "I9"],
        ("hunting", 1, 7): ["I12"],
    }
    assert next(one.k for one in picked if one.signature.invariant == "I12") == 1
