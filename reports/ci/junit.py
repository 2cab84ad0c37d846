"""JUnit XML, as Jenkins, GitLab and others read it: one test case an invariant."""

from __future__ import annotations

from xml.etree import ElementTree

from percpu_fuzz.reports.ci.verdicts import ERROR, FAIL, SKIP, Verdict, verdicts
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.numbers import plain


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
