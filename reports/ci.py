"""What CI systems take of a campaign: one verdict for each invariant, each batch that could not be run, and the harness
itself, in each of their formats. All are ASCII and pure functions of a campaign's figures and its exit status.

SARIF 2.1.0 (OASIS), which GitHub code scanning takes in: one rule an invariant, one result a violated one. JUnit XML,
as Jenkins, GitLab and others read it: one test case an invariant. GitHub annotations: workflow commands on standard
output, `::error title=...::message`. KTAP, version 1: the kernel's own Test Anything Protocol
(Documentation/dev-tools/ktap.rst). JSON lines: the campaign, then one object a verdict (docs/report.jsonl.schema.json).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from xml.etree import ElementTree

from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.invariants import words_of
from percpu_fuzz.reports.numbers import plain
from percpu_fuzz.reports.sections.rate_words import reading_words, replay_line
from percpu_fuzz.reports.sections.run_words import failed_file, failed_words

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


PASS, FAIL, SKIP, ERROR = "pass", "fail", "skip", "error"
HARNESS_BROKEN = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """name: "I8" or "hunting batch 3"; status: PASS, FAIL, SKIP or ERROR; meaning: what is asked.

    lines: what was seen, in words; file: of the finding, relative to the output folder; replay: the line that shows it.
    """

    name: str
    status: str
    meaning: str
    lines: tuple[str, ...]
    file: str | None = None
    replay: str | None = None

    @property
    def failed(self) -> bool:
        """Whether a CI system should stop at it."""
        return self.status in (FAIL, ERROR)

    @property
    def said(self) -> tuple[str, ...]:
        """What is asked, what was seen, and the line that shows it if there is one."""
        return (self.meaning, *self.lines, *filter(None, (self.replay,)))

    @property
    def said_with_file(self) -> tuple[str, ...]:
        """The same, and the file for formats that have no place of their own for it."""
        return (*self.said, *filter(None, (self.file,)))


def verdicts(figures: Figures, exit_status: int) -> list[Verdict]:
    """Every invariant in the engine's order, then batches that could not be run, then a broken harness."""
    campaign, found = figures.campaign, []
    for row in figures.invariants:
        name, meaning = row.invariant, words_of(row.invariant, campaign.describe)
        if row.cases:
            found.append(_broken(campaign, name, row.cases))
        elif row.applicable is False:
            found.append(Verdict(name, SKIP, meaning, (f"not applicable to {campaign.variant}",)))
        else:
            found.append(Verdict(name, PASS, meaning, (f"measured: {reading_words(row.measurement)}",)))
    for lost in campaign.failed:
        batch, said = failed_words(lost)
        found.append(Verdict(batch, ERROR, "every batch can be run", (said,), failed_file(lost)))
    if exit_status == HARNESS_BROKEN:
        found.append(Verdict("harness", ERROR, "the harness itself works", ("see campaign.log",)))
    return found


def _broken(campaign: Campaign, name: str, cases: int) -> Verdict:
    finding = campaign.finding(name)
    lines = [f"violated in {cases} cases"]
    if finding is None:
        return Verdict(name, FAIL, words_of(name, campaign.describe), tuple(lines))
    lines += [str(line) for line in finding.get("explanation", ())]
    file = str(finding["file"])
    return Verdict(name, FAIL, words_of(name, campaign.describe), tuple(lines), file, replay_line(campaign, file))


def jsonl(figures: Figures, exit_status: int) -> str:
    """The whole file."""
    campaign = figures.campaign
    head: dict[str, Any] = {
        "kind": "campaign",
        "schema": 1,
        "variant": campaign.variant,
        "seed": campaign.seed,
        "cases": sum(campaign.cases(stream) for stream in STREAMS),
        "digest": campaign.digest,
        "command": campaign.command,
        "exit": exit_status,
    }
    rows = [head, *({"kind": "verdict", **asdict(row)} for row in verdicts(figures, exit_status))]
    return "".join(json.dumps(row, sort_keys=True, ensure_ascii=True) + "\n" for row in rows)


def ktap(figures: Figures, exit_status: int) -> str:
    """A plan, then a result line for each verdict; diagnostic lines stand before the result that they are about."""
    rows = verdicts(figures, exit_status)
    lines = ["KTAP version 1", f"1..{len(rows)}"]
    for number, row in enumerate(rows, 1):
        lines += [f"# {plain(line)}" for line in row.said_with_file]
        result = "not ok" if row.failed else "ok"
        name = plain(row.name).replace("#", " ").replace(" ", "_")
        reason = f" # SKIP {plain(row.lines[0]).replace('#', ' ')}" if row.status == SKIP else ""
        lines.append(f"{result} {number} {name}{reason}")
    return "\n".join(lines) + "\n"


def github(figures: Figures, exit_status: int) -> str:
    """A line for each violated invariant and each batch that could not be run, and a notice with the counts."""
    campaign = figures.campaign
    rows = verdicts(figures, exit_status)
    lines = []
    for row in rows:
        if row.failed:
            where = f"file={_property(row.file)}," if row.file else ""
            title = _property(f"percpu-fuzz {campaign.variant}: {row.name}")
            lines.append(f"::error {where}title={title}::{_message(chr(10).join(row.said))}")
    held = sum(not row.failed for row in rows)
    counts = f"{held} of {len(rows)} held or do not apply; repeat with: {campaign.command}"
    lines.append(f"::notice title={_property(f'percpu-fuzz {campaign.variant}')}::{_message(counts)}")
    return "\n".join(lines) + "\n"


def _message(text: str) -> str:
    """Data of a workflow command: percent, carriage return and line feed are escaped, other control characters too."""
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return "".join(c if " " <= c <= "~" else c.encode("unicode_escape").decode() for c in escaped)


def _property(text: str) -> str:
    """A property of one: colon and comma too."""
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def junit(figures: Figures, exit_status: int) -> str:
    """The whole file."""
    campaign = figures.campaign
    rows = verdicts(figures, exit_status)
    name = plain(f"percpu-fuzz.{campaign.variant}")
    counts = {
        "tests": str(len(rows)),
        "failures": str(sum(row.status == FAIL for row in rows)),
        "errors": str(sum(row.status == ERROR for row in rows)),
        "skipped": str(sum(row.status == SKIP for row in rows)),
        "time": f"{campaign.seconds:.3f}",
    }
    root = ElementTree.Element("testsuites", {"name": "percpu-fuzz", **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": name, **counts})
    properties = ElementTree.SubElement(suite, "properties")
    facts = {"seed": str(campaign.seed), "digest": campaign.digest, "command": campaign.command}
    for key, value in facts.items():
        ElementTree.SubElement(properties, "property", {"name": key, "value": plain(value)})
    for row in rows:
        case = ElementTree.SubElement(suite, "testcase", {"name": plain(row.name), "classname": name, "time": "0"})
        _verdict(case, row)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="us-ascii"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _verdict(case: ElementTree.Element, row: Verdict) -> None:
    text = "\n".join(map(plain, row.said_with_file))
    if row.failed:
        tag = "failure" if row.status == FAIL else "error"
        ElementTree.SubElement(case, tag, {"message": plain(row.lines[0]), "type": "violation"}).text = text
    elif row.status == SKIP:
        ElementTree.SubElement(case, "skipped", {"message": plain(row.lines[0])})
    else:
        ElementTree.SubElement(case, "system-out").text = text


def sarif(figures: Figures, exit_status: int) -> str:
    """The whole file."""
    campaign = figures.campaign
    rows = verdicts(figures, exit_status)
    rules = [{"id": _rule(row), "shortDescription": {"text": plain(row.meaning)}} for row in rows]
    run = {
        "tool": {"driver": {"name": "percpu-fuzz", "rules": rules}},
        "invocations": [
            {
                "commandLine": plain(campaign.command),
                "executionSuccessful": exit_status != 3,
                "exitCode": exit_status,
            }
        ],
        "results": [_result(row, index) for index, row in enumerate(rows) if row.failed],
        "properties": {"variant": plain(campaign.variant), "seed": str(campaign.seed), "digest": campaign.digest},
    }
    log = {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1, sort_keys=True, ensure_ascii=True) + "\n"


def _rule(row: Verdict) -> str:
    return plain(row.name).replace(" ", "-")


def _result(row: Verdict, index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": _rule(row),
        "ruleIndex": index,
        "level": "error",
        "message": {"text": "\n".join(map(plain, row.said))},
    }
    if row.file is not None:
        place = {"artifactLocation": {"uri": plain(row.file).replace(" ", "%20")}}
        result["locations"] = [{"physicalLocation": place}]
    return result


FORMATS: dict[str, tuple[str, Callable[[Figures, int], str]]] = {
    "junit": ("report.junit.xml", junit),
    "sarif": ("report.sarif", sarif),
    "github": ("report.github.txt", github),
    "ktap": ("report.ktap", ktap),
    "jsonl": ("report.jsonl", jsonl),
}
