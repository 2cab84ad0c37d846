"""GitHub annotations: workflow commands on standard output, `::error title=...::message`."""

from __future__ import annotations

from percpu_fuzz.reports.ci.verdicts import verdicts
from percpu_fuzz.reports.figures.figures import Figures


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
