"""A finding as a mail: 78 columns, the machine as arguments that read back, the operations, the counters."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from places import DATA

from percpu_fuzz.engine.scenario import dump_finding, load_finding
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.findings.handoff import counter_lines, mail
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.machines.importing import import_path
from percpu_fuzz.strategies.plan.batches import run_alone
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.redraw import finding_of

SHORTFALL = DATA / "findings" / "v1-shortfall.json"
LOST_BYTES = SHORTFALL.with_name("v2-lost-bytes.json")


def test_the_shortfall_as_a_mail(capsys: pytest.CaptureFixture[str]) -> None:
    """Subject, operation, turn, QEMU arguments, counters by hand (64 pages charged for 1 of precharge), replay line."""
    assert call(["handoff", str(SHORTFALL)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Subject: v1: I1 broken: the post hook never uses more pages than were")
    for words in (
        "alloc 2048 bytes", "__GFP_ACCOUNT", "No preemption is needed", "-numa dist,src=0,dst=1",
        "memcg1 memory.current              0      64    -         -", "breaks nothing",
        f"percpu-fuzz replay {SHORTFALL} --lanes",
    ):  # fmt: skip
        assert words in text, words
    commands = ("-", "percpu-fuzz replay")
    assert all(len(line) <= 78 for line in text.splitlines() if not line.strip().startswith(commands))
    assert text.isascii()
    assert "Each 4 bytes of an area count as " in text.replace("\n", " ")


def test_the_arguments_describe_the_machine(tmp_path: Path) -> None:
    """Read back as QEMU arguments, the mail's machine has the case's nodes, CPUs and distances."""
    finding = load_finding(SHORTFALL.read_bytes(), "shortfall")
    text = mail(finding, VARIANTS["v1"], "FILE")
    options = re.findall(r"^  (-(?:smp|m|object|numa) .*?) \\$", text, re.M)
    (tmp_path / "qemu.txt").write_text("\n".join(options) + "\n")
    machine = import_path(tmp_path / "qemu.txt").topology
    assert [cpu.node for cpu in machine.cpus] == [cpu.node for cpu in finding.scenario.topology.cpus]
    assert machine.distances == finding.scenario.topology.distances
    appended = re.findall(r"-append (.*)$", text, re.M)[0]
    assert "cgroup_no_v1=all" in shlex.split(appended)[0]


def test_drawn_findings_all_have_a_mail(tmp_path: Path) -> None:
    """Every kind of violation of a hunting batch of v2, unshrunk: a mail within its columns, with its turns."""
    batch = make_plan("v2", 3, preset("two-node")).batch_of("hunting", 1)
    outcome = run_alone(replace(batch, cases=600))
    kinds = {signature.invariant: (signature, cases[0]) for signature, cases in outcome.first_cases.items()}
    assert len(kinds) >= 2
    for signature, case in kinds.values():
        finding = finding_of(batch, case, signature)
        path = tmp_path / f"{signature.invariant}.json"
        path.write_bytes(dump_finding(finding))
        assert call(["handoff", str(path), "-o", str(tmp_path / "mail.txt")]) == 0
        text = (tmp_path / "mail.txt").read_text()
        assert f"{signature.invariant} broken" in text
        lines = [line for line in text.splitlines() if not line.strip().startswith(("-", "percpu-fuzz", "qemu"))]
        assert max(map(len, lines)) <= 78
        assert re.search(r"^\d+\. ", text, re.M)


def test_counters_are_those_of_the_engine() -> None:
    """Of the shortfall, by hand: 4,096 bytes of payload and a page on each node when the invariant breaks."""
    finding = load_finding(SHORTFALL.read_bytes(), "shortfall")
    lines = counter_lines(finding.scenario, VARIANTS["v1"], "I1")
    assert lines[:8] == [
        "                              before  broken  end  expected",
        "memcg1 kernel memory, node 0       0       1    -         -",
        "memcg1 kernel memory, node 1       0       1    -         -",
        "memcg1 memory.current              0      64    -         -",
        "memcg1 percpu                      0    4096    -         -",
        "root kernel memory, node 0         0       1    -         0",
        "root kernel memory, node 1         0       1    -         0",
        "root percpu                        0    4096    -         0",
    ]


def test_what_is_lost_is_there_at_the_end() -> None:
    """An area of 12 bytes outlives its cgroup on v2: its page is never given back, where the reference has none."""
    finding = load_finding(LOST_BYTES.read_bytes(), "lost bytes")
    lines = counter_lines(finding.scenario, VARIANTS["v2"], "I8")
    assert "root kernel memory, node 0         0       1    1         0" in lines
    assert "root percpu                        0       0    0         0" in lines


def test_a_file_that_is_no_finding_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit status 2; a violation that does not show on the variant that was asked for is no finding there."""
    (tmp_path / "x.json").write_text("{}")
    assert call(["handoff", str(tmp_path / "x.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert call(["handoff", str(SHORTFALL), "--variant", "fixed"]) == 2
    assert "does not show on fixed" in capsys.readouterr().err
