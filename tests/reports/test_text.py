"""report.txt: what a reader needs is there, the numbers are those computed by hand, and it fits a mail."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import pytest
from rendered import report_text

from percpu_fuzz.engine.outcome import Outcome, Signature
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.statistics.intervals import clopper_pearson

Made = Callable[..., Campaign]
SECTIONS = (
    "What was found", "What it costs, and what is left open",
    "Violations, by cases", "Findings: 1 distinct shape", "Wasted precharge", "Failures that only the precharge causes",
    "Bytes booked on another node", "Precharge in flight", "Calls into memcg for each alloc and free", "Certificate",
    "Discovery", "Run", "Details",
)  # fmt: skip


def section(text: str, name: str) -> str:
    """A section's lines, up to the next heading."""
    start = text.index(f"\n{name}\n---")
    following = re.search(r"\n\n[^\n]+\n-{3,}\n", text[start + 2 :])
    return text[start:] if following is None else text[start : start + 2 + following.start()]


def entry(text: str, title: str) -> str:
    """An entry of a section: its title and the lines below it that are indented, empty ones among them."""
    found = re.search(rf"\n{re.escape(title)}\n((?:  [^\n]*\n|\n(?=  ))+)", text)
    assert found is not None, title
    return found[0]


def unfolded(text: str) -> str:
    """The text with its line breaks and indents as single blanks."""
    return " ".join(text.split())


def huge(make: Made) -> Campaign:
    """Long names and large numbers everywhere."""
    signature = Signature("I18", "v2", "PO_" + "LONG" * 5, tuple(range(1, 26)))
    waste = {0: 10**12, 1024: 7, 4095: 10**11}
    histograms = {"waste_pages": waste, "share_percent": {100: 10**12}, "rounding_bytes16": {4095: 10**12}}
    counts = {f"hazard.H{h}": 10**13 for h in range(1, 26)} | {"probe.charged": 10**12, "alloc": 10**14}
    name = "family-" + "x" * 90
    outcome = Outcome(
        "measurement", 0, name, 10**13, 10**15, 5, histograms, counts, {signature: 10**11}, {signature: (7,)}
    )
    describe = {"variant": "v2", "seed": 2**63, "families": {name: 1}, "note": "\u00e9\n\x1b[31m" + "y" * 200}
    return make([outcome], describe=describe, seconds=1e6)


@pytest.mark.parametrize("kind", ["made", "huge", "empty"])
def test_it_is_ascii_of_78_columns(make: Made, kind: str) -> None:
    """Whatever the numbers and names are, and before the first batch too: ASCII, no control characters, 78 columns."""
    campaign = huge(make) if kind == "huge" else make([]) if kind == "empty" else make()
    text = report_text(campaign)
    assert text.isascii()
    assert text.endswith("\n")
    for line in text.splitlines():
        assert line.isprintable()
        assert len(line) <= 78 or line.strip().startswith("percpu-fuzz"), line
        assert line == line.rstrip()


def test_every_section_is_there_once(make: Made) -> None:
    """Each heading with its rule, in the stated order."""
    text = report_text(make())
    places = [text.index(f"\n\n{name}\n{'-' * len(name)}\n") for name in SECTIONS]
    assert places == sorted(places)


def test_the_run_is_described(make: Made) -> None:
    """600 cases and 160,000 steps in 8 s: 75 and 20,000 a second; digest, seed, how it ended, how to repeat it."""
    text = unfolded(section(report_text(make()), "Run"))
    for words in (
        "600: 400 measured, 200 hunted", "steps 160,000", "8.0 on 2 workers", "75 cases/s, 20,000 steps/s", "5e" * 32,
        "few 75%, many 25%", "percpu-fuzz run --variant v2 --seed 7 --cases 600", "faults none",
        "the number of cases asked for was reached (--cases 600)",
    ):  # fmt: skip
        assert words in text
    assert "time budget ended" in unfolded(report_text(make(stopped_by="time", budget_seconds=60.0)))
    assert "interrupted" in unfolded(report_text(make(stopped_by="interrupt", interrupted=True)))
    assert "seed 7" in report_text(make()).splitlines()[0]


def test_a_violation_has_count_interval_first_case_and_replay(make: Made) -> None:
    """I18: 3 of 400 measured cases with their exact interval, 0.75% by weight, 4 of 200 hunted without estimate."""
    text = section(report_text(make()), "Violations, by cases")
    block = unfolded(text[text.index("  I18:") : text.index("Not violated")])
    exact = clopper_pearson(3, 400)
    assert exact.low is not None
    assert f"measured: 3 of 400 cases: 0.75% [{100 * exact.low:.2f}%, 2.2%]" in block
    assert 2.1 < 100 * (exact.high or 0) <= 2.2
    assert "by weight: 0.75%" in block  # 3/4 * 2/300 + 1/4 * 1/100
    assert "hunted, no estimate: 4 of 200 cases" in block
    assert "first case: case 11 of hunting batch 0" in block
    assert "finding: findings/001-I18-v2.json" in block
    assert "finding: no finding was written" in report_text(make(findings=[]))
    finding = unfolded(section(report_text(make()), "Findings: 1 distinct shape"))
    assert "I18 Case 42 of measurement batch 1. percpu-fuzz replay" in finding
    assert "3 of 400 measurement cases, 4 of 200 hunting cases" in unfolded(text)


def test_the_replay_line_is_a_command(make: Made) -> None:
    """Pasted into a shell, continuation and quotes included, it names the finding; its file names the variant."""
    lines = report_text(make()).splitlines()
    start = next(i for i, line in enumerate(lines) if "percpu-fuzz replay" in line)
    line = "\n".join(lines[start : start + 2]).replace("\\\n", " ") if lines[start].endswith("\\") else lines[start]
    assert shlex.split(line) == [
        "percpu-fuzz", "replay", "out/one two/findings/001-I18-v2.json", "--lanes",
    ]  # fmt: skip


def test_a_clean_invariant_has_its_upper_bound(make: Made) -> None:
    """0 of 400: at most 1 - 0.05^(1/400) = 0.7461%, rounded up to 0.75%."""
    text = unfolded(section(report_text(make()), "Violations, by cases"))
    assert "measured 0 of 400 cases: at most 0.75%; by weight at most" in text
    assert "hunted 0 of 200 cases. Bounds: 95%, one-sided." in text
    clean = text[text.index("Not violated, each of these:") :]
    assert " I1 " in clean
    assert " I18 " not in clean


def test_unknown_batches_are_read_both_ways(make: Made, outcomes: list[Outcome]) -> None:
    """50 unknown cases: 3 of 400 without them, 53 of 450 with each a violation; no weighted rate; they are named."""
    lost = Outcome("measurement", 3, "unknown", 50, 0, counts={"unknown": 50})
    text = unfolded(report_text(make([*outcomes, lost])))
    assert "3 of 400 cases: 0.75%" in text
    assert "53 of 450 cases: 11.8% [" in text
    assert "0 of 400 cases: at most 0.75%" in text
    assert "50 of 450 cases: 11.1% [" in text
    assert "No rate by the families' weights" in text
    assert "by weight 0" not in text
    assert "by weight at most" not in text
    assert "Not in these figures: 50 cases of unknown batches" in text
    assert "50 of 450" not in unfolded(report_text(make(outcomes)))


def test_waste_weighs_families(make: Made, outcomes: list[Outcome]) -> None:
    """150 cases of weight 3 and 100 of weight 1: the mean of charged probes is 2.52; by cases (control) it is 3.27."""
    text = section(report_text(make(outcomes[:2])), "Wasted precharge").split("\nFamily by family\n")[0]
    charged = 0.75 * 100 / 150 + 0.25 * 50 / 100
    mean = (0.75 * (60 * 1 + 40 * 2) / 150 + 0.25 * 50 * 7 / 100) / charged
    raw = (60 * 1 + 40 * 2 + 50 * 7) / 150
    assert (round(mean, 2), round(raw, 2)) == (2.52, 3.27)
    assert re.search(rf"mean +{mean:.2f} \[", text)
    assert f"{raw:.2f} [" not in text
    assert "n = 150 probes" in unfolded(text)


def test_hunted_cases_do_not_move_an_estimate(make: Made, outcomes: list[Outcome]) -> None:
    """Without the hunted batch all of waste is the same, families too; without a measured one it is not (control)."""
    whole, measured, less = (
        section(report_text(make(part)), "Wasted precharge") for part in (outcomes, outcomes[:3], outcomes[1:])
    )
    assert "Family by family" in whole
    assert whole == measured
    assert whole != less


def test_each_family_has_quantiles_and_bars(make: Made) -> None:
    """few: 130 of 200 wasted one page; the bars are 130:70 long and the p50 interval is that one page."""
    text = entry(section(report_text(make()) + "\n", "Wasted precharge"), "Family by family")
    counts, pages = text.split("Pages wasted; [95% interval]")
    assert re.search(r"few +75% +300 +200 +at most \d", counts)
    pages, bars = pages.split("Pages left by rounding up")[0], pages.split("\n  few\n")[1].split("\n  many\n")[0]
    pages = pages.split("Percent of")[0]
    cells = [re.split(r" {2,}", line.strip()) for line in pages.splitlines() if line.strip()]
    heads = [row for row in cells if row[0] == "family"]
    found = {}
    for head, row in zip(heads, [row for row in cells if row[0] == "few"], strict=True):
        found |= dict(zip(head, row, strict=True))
    assert (found["probes"], found["p50"], found["max"]) == ("200", "1 [1, 1]", "2")
    assert found["p99.9"] == "2 [2, 1,057]"  # the most on 1,024 nodes: machines are not recorded
    rows = {line.split()[0]: line for line in bars.splitlines() if line.split()}
    assert rows["1"].split()[1] == "130"
    assert rows["2"].count("#") == rows["1"].count("#") * 70 // 130


def test_base_wastes_nothing_and_says_what_does_not_apply(make: Made, outcomes: list[Outcome]) -> None:
    """base precharges no page: n/a instead of zeros; I1, I1b, I2, I3 and I14 are not applicable rather than clean."""
    describe = {"variant": "base", "seed": 7, "families": {"few": 3, "many": 1}}
    text = report_text(make(outcomes[:1], describe=describe))
    assert "n/a: base precharges nothing." in section(text, "Wasted precharge")
    assert "Family by family" not in text
    assert "Precharge in flight" not in text
    violations = section(text, "Violations, by cases")
    inapplicable = violations[violations.index("Not applicable to base.") :]
    assert re.findall(r"^  (I\d+b?) ", inapplicable, re.MULTILINE) == ["I1", "I1b", "I2", "I3", "I14"]
    assert "Not applicable" not in report_text(make())


def test_calls_grow_with_what_they_were_made_to_grow_with(make: Made) -> None:
    """v1's free takes one call a CPU, v2's one a node: slopes 0 and 1, 1 and 0; Spearman 1 with the right one only."""
    text = report_text(make())
    assert re.search(r"v1 +free +0\.00 +1\.000 +0\.0 +1\.00 +0\.00 +1\.00\n", text)
    assert re.search(r"v2 +free +1\.00 +0\.000 +0\.0 +1\.00 +1\.00 +0\.00\n", text)
    assert re.search(r"free, by possible CPUs +machines +v1 +v2\n +1-4 +4 +2 \(2-2\) +3 \(1-8\)\n", text)
    assert "Not counted." in report_text(make(operations=[]))


def test_hazards_never_passed_are_named(make: Made) -> None:
    """H2, H4 and H6 were passed; every other is named, and a passed one is not."""
    text = entry(report_text(make()), "Hazards, times passed")
    verdict = unfolded(text[text.index("Never passed:") :]).split(".")[0]
    named = re.findall(r"H\d+", verdict)
    assert named == [f"H{h}" for h in range(1, 26) if h not in (2, 4, 6)]
    assert re.search(r"^  H6 +3,000 +1,000 ", text, re.MULTILINE)


def test_probes_are_counted_apart(make: Made, outcomes: list[Outcome]) -> None:
    """Refused charges, first-chunk landings and failed allocations have lines of their own."""
    more = Outcome("measurement", 3, "few", 30, 9, counts={
        "probe.charge_failed": 11, "probe.first_chunk": 7, "probe.alloc_failed": 5, "stuck": 2, "overlong": 3,
    })  # fmt: skip
    text = entry(report_text(make([*outcomes, more])), "What happened")
    for words, count in (("refused by the limit", 11), ("first chunk", 7), ("allocation failed", 5), ("stuck", 2),
                         ("cut for their length", 3)):  # fmt: skip
        assert re.search(rf"{words}[^\n]* {count} +0\n", text), words


def test_signatures_are_listed_by_cases(make: Made, outcomes: list[Outcome]) -> None:
    """The most frequent first, ten at most of fourteen."""
    many = {Signature("I9", "v2", f"L{i:02d}", (i,)): i for i in range(1, 13)}
    more = Outcome("measurement", 3, "few", 100, 9, 0, {}, {}, many, dict.fromkeys(many, (0,)))
    text = entry(report_text(make([*outcomes, more])), "14 signatures, the most frequent first")
    assert text.endswith("and 4 more\n")
    labels = re.findall(r"^  I\d+ +(\w+) +(\d+) +(\d+)  ", text, re.MULTILINE)
    totals = [int(a) + int(b) for _, a, b in labels]
    assert labels[0] == ("L12", "12", "0")
    assert ("PO_ACCOUNT", "2", "4") in labels
    assert totals == sorted(totals, reverse=True)
    assert len(labels) == 10


def test_no_case_is_no_verdict(make: Made) -> None:
    """A campaign that was stopped before its first batch came back does not read as clean."""
    text = report_text(make([]))
    assert "No case was finished: nothing is known." in text
    assert "No invariant that applies was violated" not in text


def test_what_time_left_out_is_told(make: Made) -> None:
    """Picked cases that were not shrunk are counted, also where there is no finding; nothing where all were."""
    words = "2 of 9 picked cases were shrunk before the time ended"
    assert words in unfolded(report_text(make(shrunk=[2, 9])))
    assert "picked case" not in report_text(make(shrunk=[9, 9]))
    assert "0 of 9 picked cases were shrunk" in unfolded(report_text(make(findings=[], shrunk=[0, 9])))
    cut = [{**make().findings[0], "cut_short": True}]
    assert "Cut short by the end of the time" in report_text(make(findings=cut))
    assert "Cut short" not in report_text(make())


def test_a_finding_is_named_for_each_invariant_that_its_case_breaks(make: Made) -> None:
    """The file whose case breaks the invariant, not one of whose cause some other case did; none is null."""
    row = make().findings[0]
    first = {**row, "file": "findings/001-I9-v2.json", "invariant": "I9", "invariants": ["I18", "I9"], "breaks": ["I9"]}
    second = {
        **row,
        "file": "findings/002-I8-v2.json",
        "invariant": "I8",
        "invariants": ["I8"],
        "breaks": ["I18", "I8"],
    }
    assert make(findings=[first, second]).finding("I18") == second
    assert make(findings=[first]).finding("I18") is None
    early = {name: value for name, value in first.items() if name != "breaks"}  # of a store that did not keep it
    assert make(findings=[early]).finding("I18") == early
    assert make(findings=[first, second]).finding("I12") is None
