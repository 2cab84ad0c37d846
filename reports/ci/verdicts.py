"""What a CI system takes: one verdict for each invariant, each batch that could not be run, and the harness itself.

Formats are files of their own; formats.py names them. All are ASCII and pure functions of a campaign's figures.
"""

from __future__ import annotations

from dataclasses import dataclass

from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.invariants import words_of
from percpu_fuzz.reports.sections.rate_words import reading_words, replay_line
from percpu_fuzz.reports.sections.run_words import failed_file, failed_words

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
