"""What is read first: findings as sentences, the summary of a terminal, the mail for a list."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from places import ROOT

from percpu_fuzz.engine.core.labels import NAMES
from percpu_fuzz.engine.outcome import Outcome, Signature
from percpu_fuzz.engine.scenario import load_finding
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.findings.lanes import lanes
from percpu_fuzz.fuzz.findings.showing import broken_elsewhere, shape_of
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.identity import FIRST_MESSAGE_ID, MESSAGE_ID, TREE, part_words
from percpu_fuzz.reports.lanes import Broken, Change, Line
from percpu_fuzz.reports.sections.brief.causes import cause, causes
from percpu_fuzz.reports.sections.brief.functions import function_of
from percpu_fuzz.reports.sections.brief.mail import mail_text
from percpu_fuzz.reports.sections.brief.schedule import named_within, told_within, two_columns
from percpu_fuzz.reports.sections.brief.summary import in_order, summary_text
from percpu_fuzz.reports.sections.run_words import identity_words
from percpu_fuzz.strategies.plan import canary

Made = Callable[..., Campaign]
FINDINGS = ROOT / "tests" / "data" / "findings"
SENTENCES = {
    "v1-shortfall": "pcpu_memcg_post_alloc_hook(): charges 2 pages of 1 page precharged (v1 of the series)",
    "v2-lost-bytes": "obj_cgroup_release(): 4,092 bytes lost when an area outlives its memcg; the page stays charged "
    "(6/9, free hook)",
    "v2-null-before-account": "pcpu_memcg_post_alloc_hook(): obj_cgroup_nid() returns NULL to "
    "obj_cgroup_account_kmem() while css_offline() reparents node by node (6/9)",
    "v2-null-in-free": "pcpu_memcg_free_hook(): obj_cgroup_nid() returns NULL to obj_cgroup_uncharge() while "
    "css_offline() reparents node by node (6/9)",
}


def stored_row(name: str, number: int = 1) -> tuple[str, dict[str, Any]]:
    """(variant, row of the report) of a shipped finding, made as a campaign makes it."""
    finding = load_finding((FINDINGS / f"{name}.json").read_bytes(), name)
    variant = VARIANTS[finding.variant]
    lines, run = lanes(finding.scenario, variant, until=finding.invariant)
    return finding.variant, {
        "file": f"findings/{number:03d}-{finding.invariant}-{finding.variant}.json", "stream": "hunting", "k": 0,
        "case": 0, "invariant": finding.invariant, "variant": finding.variant, "label": lines[-1].label, "hazards": [],
        "shape": str(shape_of(finding, run)), "steps": msgspec.to_builtins(lines),
        "elsewhere": broken_elsewhere(finding.scenario, variant),
    }  # fmt: skip


def other_amount(name: str, number: int) -> dict[str, Any]:
    """The row of a shipped finding with another amount at the end, which another sentence tells."""
    _, row = stored_row(name, number)
    row["steps"][-1]["broken"][0]["found"] += number
    return row


@pytest.mark.parametrize("name", list(SENTENCES))
def test_a_finding_is_a_sentence_of_the_kernel(make: Made, name: str) -> None:
    """Function, amounts, circumstance and patch; it shows neither on base nor on fixed."""
    variant, row = stored_row(name)
    found = cause(make(describe={"variant": variant, "seed": 7, "families": {"few": 3, "many": 1}}), row)
    assert found.sentence == SENTENCES[name]
    assert found.elsewhere == "not on base or fixed"


def test_every_step_has_a_function() -> None:
    """Of each label of the engine; what is no function is a few words. Control: an unknown label is itself."""
    assert all(function_of(name) != name for name in NAMES)
    assert function_of("RL_NODE") == "obj_cgroup_release()"
    assert function_of("FINISHED") == "after teardown"
    assert function_of("XX_NEW") == "XX_NEW"


def test_one_sentence_is_told_once(make: Made) -> None:
    """Two findings that read alike are one entry, the other is counted; of a case cut short no need is told."""
    rows = [stored_row("v2-lost-bytes", 1)[1], stored_row("v2-lost-bytes", 2)[1], other_amount("v2-lost-bytes", 3)]
    told = causes(make(findings=rows))
    assert [found.number for found in told] == [1, 3]
    assert "and 1 more finding, in report.txt" in summary_text(Figures(make(findings=rows)))
    needs = {**rows[0], "shape": "I8 at RL_NODE, more than expected: alloc, rmdir, migrate, cpu_dead"}
    (whole,) = causes(make(findings=[needs]))
    (cut,) = causes(make(findings=[{**needs, "cut_short": True}]))
    assert "memcg and when the task migrates and when a CPU goes offline; the" in whole.sentence
    assert "when a CPU goes offline" not in cut.sentence


def test_a_case_cut_short_gives_way(make: Made) -> None:
    """It is left out where one that was shrunk breaks the same at the same step. Control: alone it is told."""
    cut = {**other_amount("v2-lost-bytes", 1), "cut_short": True}
    whole = other_amount("v2-lost-bytes", 2)
    assert [found.number for found in causes(make(findings=[cut, whole]))] == [2]
    assert [found.number for found in causes(make(findings=[cut]))] == [1]
    assert make(findings=[cut, whole]).finding(whole["invariant"]) == whole


@pytest.mark.parametrize("variant", ["base", "v1", "v2", "mine.py"])
def test_a_report_says_what_was_run(make: Made, variant: str) -> None:
    """Series, Message-ID and tree; v1 is the first version, with the Message-ID of that one and no other."""
    made = make(describe={"variant": variant, "seed": 7, "families": {"few": 3, "many": 1}}, findings=[])
    for words in (" ".join(identity_words(made)), " ".join(mail_text(Figures(made)).split())):
        assert ("v1 of" in words or '" v1 ' in words) == (variant == "v1")
        assert (FIRST_MESSAGE_ID in words) == (variant == "v1")
        assert (MESSAGE_ID in words) == (variant != "v1")
        assert part_words(variant) in words
        assert TREE in words
    assert part_words("base") == "base (the kernel before the series)"


def test_what_breaks_at_rest_is_counted_there(make: Made) -> None:
    """The last step of an operation is not where its signature is: cases are those that broke it at rest."""
    broken = Line(9, 0, "task 0", "OP_END", (), (Broken("I9", 0, -4092),))
    seen = {Signature("I9", "v2", "AT_BARRIER", ()): 3}
    outcome = Outcome("measurement", 0, "few", 100, 900, 3, {}, {}, seen, dict.fromkeys(seen, (1,)))
    row = {
        "file": "findings/001-I9-v2.json", "invariant": "I9", "label": "FINISHED",
        "shape": "I9 at AT_BARRIER, less than expected: alloc", "steps": msgspec.to_builtins((broken,)),
    }  # fmt: skip
    found = cause(make(outcomes=[outcome]), row)
    assert (found.function, found.measured.partition(":")[0]) == ("at rest", "3 of 100 cases")


def test_own_steps_say_what_their_file_says() -> None:
    """In the columns of a schedule, above what the step did."""
    step = Line(3, 0, "task 0", "OWN_2", (Change("own_task[0, 0]", 8184, None),), (), "uncharge all rests")
    last = Line(4, 0, "task 0", "RL_NODE", (), (Broken("I8", 0, 4092),))
    drawn = two_columns((step, last), 20, 72)
    assert drawn[1:3] == ["uncharge all rests", "  own_task[0, 0]: 8184 -> -"]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 9, 40])
def test_the_mail_fits(make: Made, count: int) -> None:
    """At most 40 lines of 72 columns of ASCII that say that they come from a model, whatever was found."""
    names = list(SENTENCES)
    rows = [stored_row(names[i % len(names)], i + 1)[1] for i in range(count)]
    text = mail_text(Figures(make(findings=rows)))
    lines = text.splitlines()
    assert text.isascii()
    assert len(lines) <= 40
    assert all(len(line) <= 72 for line in lines if "percpu-fuzz r" not in line)
    assert "From a model, not from a kernel" in text
    assert MESSAGE_ID in text.replace("\n", "")
    told = sum(re.match(r"\d+\) ", line) is not None for line in lines)
    assert min(count, 2) <= told <= count
    assert text.count("*** ") >= min(count, 1)
    assert sum(line.startswith("  percpu-fuzz replay ") for line in lines) >= min(count, 1)
    assert (f"and {count - told} more." in lines) == (told < count)
    assert shlex.split(next(line for line in lines if "Repeat: " in line).partition(": ")[2])[:2] == [
        "percpu-fuzz",
        "run",
    ]


def test_the_mail_draws_the_race_of_its_first_finding(make: Made) -> None:
    """Both columns, with each step on the objcg that breaks, however many findings want room; then how to replay it."""
    rows = [stored_row("v2-lost-bytes", 1)[1], *(other_amount("v2-lost-bytes", i) for i in range(2, 9))]
    text = mail_text(Figures(make(findings=rows)))
    first = text.partition("\n2) ")[0]
    for step in ("objcg1.0: - -> 4092", "memcg1 objcg[0]: 1 -> NULL", "0 -> 4092", "*** I8: 4092, should be 0"):
        assert step in first
    assert re.search(r"^  CPU 0: task 0 +CPU 0: css_offline$", first, re.MULTILINE)
    assert first.splitlines()[-1] == "  percpu-fuzz replay 'out/one two/findings/001-I8-v2.json' --lanes"


def test_what_touches_the_broken_objcg_is_drawn_first() -> None:
    """Not the same steps on objcgs of other memcgs, however late these are. Control: with room all are drawn."""
    others = [Line(i, 1, "css_offline", "OF_NULL", (Change(f"memcg4 objcg[{i}]", 9 + i, -1),)) for i in range(3, 9)]
    steps = [
        Line(1, 2, "task 1", "RO_BODY", (Change("cpu2 bytes objcg2.4", None, 4092),)),
        Line(2, 1, "css_offline", "OF_NULL", (Change("memcg2 objcg[4]", 8, -1),)), *others,
        Line(9, 0, "RCU callback", "RL_NODE", (Change("objcg2.4 nr_charged_bytes", 7, 0),), (Broken("I8", 0, 7),)),
    ]  # fmt: skip
    drawn = "\n".join(two_columns(steps, 7, 72))
    assert "objcg2.4: - -> 4092" in drawn
    assert "memcg2 objcg[4]: 8 -> NULL" in drawn
    assert "memcg4" not in drawn
    assert "memcg4 objcg[8]" in "\n".join(two_columns(steps, 30, 72))


def test_the_mail_of_a_clean_campaign_gives_a_bound(make: Made) -> None:
    """0 of 400 measured cases: at most 0.75%, and that it is no proof. Control: without a case there is no bound."""
    clean = [Outcome("measurement", 0, "few", 400, 9)]
    words = " ".join(mail_text(Figures(make(clean, findings=[]))).split())
    assert re.search(r"In 400 random cases each is broken in at most 0\.75% of what was drawn \(95%\)", words)
    assert "and no case was measured" in " ".join(mail_text(Figures(make([], findings=[]))).split())


@pytest.mark.parametrize("count", [0, 1, 5, 60])
def test_the_summary_fits_a_terminal(make: Made, count: int) -> None:
    """At most 45 lines of 78 columns; the last name report.html and what to type next, quoted for a shell."""
    rows = [other_amount("v2-lost-bytes", i + 1) for i in range(count)]
    lines = summary_text(Figures(make(findings=rows))).splitlines()
    assert len(lines) <= 45
    assert all(len(line) <= 78 for line in lines if "percpu-fuzz" not in line)
    assert "out/one two/report.html" in lines[-4]
    assert shlex.split(lines[-2].removeprefix("Next"))[:3] == ["percpu-fuzz", "report", "out/one two"]
    told = sum("percpu-fuzz replay" in line for line in lines)
    assert min(count, 3) <= told <= count
    assert (f"and {count - told} more finding" in "\n".join(lines)) == (told < count)
    model = " ".join(" ".join(lines).split())
    assert " ".join(identity_words(make(findings=rows))) in model


def test_a_schedule_ends_where_its_sentence_breaks(make: Made) -> None:
    """Steps after the first violation are not in it. Control: they are in the finding."""
    row = stored_row("v2-lost-bytes")[1]
    row["steps"].append(
        {**row["steps"][-1], "label": "FINISHED", "broken": [{"invariant": "I9", "expected": 0, "found": 7}]}
    )
    (found,) = causes(make(findings=[row]))
    assert found.broke == ("I8", "RL_NODE")
    assert found.steps[-1].label == "FINISHED"
    assert two_columns(found.until_broken, 12, 70)[-1] == "  *** I8: 4092, should be 0"


def test_names_that_do_not_fit_are_left_out() -> None:
    """As many as fit, and dots for the rest; one that is too long alone is cut."""
    assert named_within(["CPU 1: task 0", "CPU 0: css_offline"], 40) == "CPU 1: task 0; CPU 0: css_offline"
    assert (
        named_within(["CPU 1: task 0", "CPU 0: css_offline", "CPU 2: task 1"], 40)
        == "CPU 1: task 0; CPU 0: css_offline; ..."
    )
    assert named_within(["CPU 1: task 0", "CPU 0: css_offline"], 20) == "CPU 1: task 0; ..."
    assert named_within(["CPU 1: task 0"], 5) == "CPU 1"


def test_a_schedule_has_who_broke_it_on_the_left() -> None:
    """Two columns: the last line is the violation, other contexts stand to the right. Control: nothing of nothing."""
    _, row = stored_row("v2-null-before-account")
    lines = two_columns(msgspec.convert(row["steps"], list[Line]), 6, 70)
    assert lines[0].split("  ")[0] == "CPU 0: task 0"
    assert lines[0].endswith("css_offline")
    assert any("-> NULL" in line and line.startswith(" " * 36) for line in lines)
    assert lines[-1] == "  *** NULL objcg used"
    assert len(lines) <= 6
    assert two_columns([], 6, 70) == []
    alone = [Line(1, 0, "task 0", "TC_LEVEL", (Change("memcg1 usage", 0, 1),))]
    assert two_columns(alone, 6, 70)[0] == "CPU 0: task 0"


def test_invariants_stand_in_their_order() -> None:
    """I8 before I12, I1b after I1."""
    assert in_order(["I12", "I8", "I1b", "I1"]) == ["I1", "I1b", "I8", "I12"]


def test_what_is_cut_is_a_name_and_never_an_amount() -> None:
    """In however few columns, both values of a change are whole. Control: where there is room nothing is cut."""
    change = Change("objcg1.0 nr_charged_bytes", 0, 4092)
    assert told_within(change, 20).endswith("..: 0 -> 4092")
    assert len(told_within(change, 30)) <= 30
    assert told_within(change, 60) == str(change)


SIZES = {"nodes": {"few": [1, 4], "many": [100, 1024]}}
OF_HUGE = "many; weight 25%"


@pytest.mark.parametrize("probes", [0, 1, 50, 4000])
def test_the_headline_is_of_the_same_machines_whatever_the_time(make: Made, probes: int) -> None:
    """Mean on machines of up to 64 nodes first, those of more on a line of their own, with however many cases.

    Control: where no machine has more nodes, neither is said.
    """
    few = Outcome("measurement", 0, "few", 400, 9, 0, {"waste_pages": {1: 200, 2: 200}}, {"probe.charged": 400})
    many = Outcome(
        "measurement",
        1,
        "many",
        probes,
        9,
        0,
        {"waste_pages": {90: probes}} if probes else {},
        {"probe.charged": probes},
    )
    described = make().describe
    huge = Figures(make([few, many], describe={**described, **SIZES}, findings=[]))
    for text in (summary_text(huge), mail_text(huge)):
        said = " ".join(text.split())
        assert re.search(r"1\.50 \[\S+ \S+ pages precharged in vain an allocation on machines of up to 64 nodes;", said)
        cases = f"{probes:,} measured case" + "s" * (probes != 1)
        assert f"achines of over 64 nodes ({OF_HUGE}, {cases}): with them the mean by weight is " in said
    small = " ".join(summary_text(Figures(make([few, many], findings=[]))).split())
    assert "64 nodes" not in small


def test_planted_mistakes_are_shown(make: Made) -> None:
    """Found of planted, on the last screen and in the mail. Control: nothing where none was planted."""
    rows = [
        Outcome(stream, 0, "few", 9, 9, counts={canary.RUN: 3, canary.FOUND: found})
        for stream, found in (("measurement", 3), ("hunting", 2))
    ]
    made = Figures(make(rows, findings=[]))
    assert "Planted   5 of 6 planted mistakes found." in summary_text(made).splitlines()
    assert "Planted: 5 of 6 planted mistakes found." in mail_text(made).splitlines()
    bare = Figures(make([], findings=[]))
    assert "planted" not in (summary_text(bare) + mail_text(bare)).lower()


def test_a_mail_says_of_the_cost_what_the_screen_says(make: Made) -> None:
    """Without a charged allocation nothing is known, which is not that nothing is precharged; that is said of base."""
    base = {"variant": "base", "seed": 7, "families": {"few": 3, "many": 1}}
    for campaign, words in (
        (make([], findings=[]), "No charged allocation was measured"),
        (make(describe=base), "precharges nothing"),
    ):
        texts = mail_text(Figures(campaign)), summary_text(Figures(campaign))
        assert [words in " ".join(text.split()) for text in texts] == [True, True]
    assert "precharges nothing" not in mail_text(Figures(make([], findings=[])))
