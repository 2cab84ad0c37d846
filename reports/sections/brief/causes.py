"""A finding as a sentence that a kernel developer would write: function, what goes wrong, when, in which patch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.rates import reading
from percpu_fuzz.reports.invariants import words_of
from percpu_fuzz.reports.lanes import Line, stored_lines
from percpu_fuzz.reports.numbers import number, plural
from percpu_fuzz.reports.sections.brief.functions import FREE_HOOK, NULL_MET, PATCHES, POST_HOOK, function_of, hook_of
from percpu_fuzz.reports.sections.rate_words import reading_words

CAUSE_WORDS = {
    "I1": "charges {found} of {expected} precharged",
    "I2": "precharges {expected}, uses and gives back {found}",
    "I3": "uncharges {found} bytes of a node where {expected} were charged",
    "I5": "a page counter falls below zero",
    "I8": "{found} bytes lost",
    "I9": "{found} bytes charged that are neither live nor in a stock",
    "I10": "memory.current is {found} pages, should be {expected}",
    "I11": "percpu of memory.stat is {found} bytes, should be {expected}",
    "I12": "a charge of {found} is left after all is freed and drained, should be {expected}",
    "I13": "usage of {found} pages above memory.max of {expected}",
    "I18": "uses a NULL objcg",
    "I19": "uses an objcg after its release",
    "I20": "reference count of an objcg is {found}, it has {expected} holders",
    "I21": "not charged to whom, or where, it has to be",
    "I22": "a charge fails with room left",
    "I23": "releases an objcg while {found} bytes charged through it live",
    "I24": "a dead CPU keeps {found} in its stocks",
}  # what was broken, by invariant; others by the invariant's own words
PAGES = ("I1", "I2")  # amounts of pages, with their noun
AFTER = {"I8": "; the page stays charged"}
AT_REST = "AT_BARRIER"
REFERENCES = ("base", "fixed")  # replayed beside the variant

TAKES = {
    "memory.max": "at memory.max", "fail_trylock": "when a stock's trylock fails",
    "fail_populate": "when populating pages fails", "fail_create": "when no chunk can be made",
    "fail_charge": "when a charge fails", "fail_space": "when an atomic search finds no space",
    "fail_node": "when a node has no page", "pressed_pages": "when pages fall back to another node",
    "migrate": "when the task migrates", "cpu_dead": "when a CPU goes offline",
    "node_online": "when a node comes online",
    "move": "when the task changes its memcg",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cause:
    """A finding in words. what: the clause after the function; where: patch and hook, may be empty.

    broke: the invariant that is broken first, and the step. invariants: all that its cases broke.
    measured: k of n with the rate. others: (reference, whether it breaks there).
    """

    number: int
    function: str
    what: str
    where: str
    file: str
    broke: tuple[str, str]
    invariants: tuple[str, ...]
    measured: str
    others: tuple[tuple[str, bool], ...]
    steps: tuple[Line, ...]

    @property
    def sentence(self) -> str:
        """The whole: obj_cgroup_release(): 4,092 bytes lost when ... (6/9, free hook)."""
        return f"{self.function}: {self.what}" + (f" ({self.where})" if self.where else "")

    @property
    def until_broken(self) -> tuple[Line, ...]:
        """The steps up to the one that breaks something first, which the sentence is about."""
        last = next((i for i, line in enumerate(self.steps) if line.broken), len(self.steps) - 1)
        return self.steps[: last + 1]

    @property
    def elsewhere(self) -> str:
        """Not on base, not on fixed; empty where it was not replayed there."""
        words = [
            f"{said} on {' or '.join(names)}"
            for said, wanted in (("also", True), ("not", False))
            if (names := [name for name, breaks in self.others if breaks == wanted])
        ]
        return ", ".join(words)


def causes(campaign: Campaign) -> tuple[Cause, ...]:
    """Every finding that was written, in the order of its files; of those that one sentence tells, the first.

    One that was cut short is left out where another one first breaks the same invariant at the same step.
    """
    told = [(cause(campaign, row), bool(row.get("cut_short"))) for row in campaign.findings]
    shown: list[Cause] = []
    for found, is_cut in sorted(told, key=lambda one: one[1]):
        alike = [one for one in shown if one.sentence == found.sentence or (is_cut and one.broke == found.broke)]
        shown += [] if alike else [found]
    return tuple(found for found, _ in told if found in shown)


def cause(campaign: Campaign, row: Mapping[str, Any]) -> Cause:
    """A finding's row; steps of what its shrunk case breaks first decide, where they were stored."""
    steps = stored_lines(row)
    first = next((line for line in steps if line.broken), None)
    invariant, label = (
        (first.broken[0].invariant, first.label) if first else (str(row["invariant"]), str(row.get("label", "")))
    )
    judged, _, needed = str(row.get("shape", "")).partition(": ")
    takes = [] if row.get("cut_short") else needed.split(", ")
    if label == "OP_END" and f"{invariant} at {AT_REST}" in judged:
        label = AT_REST  # judged after the operation's last step
    outlives = is_freed_after_offline(steps)
    part = "free hook" if outlives and invariant in ("I8", "I9", "I12") else hook_of(label)
    patch = PATCHES.get(campaign.variant, "")
    function = (first.own_words if first else "") or function_of(
        "FR_" if label in (AT_REST, "FINISHED") and outlives else label
    )
    what = what_words(invariant, label, steps, takes, outlives, words_of(invariant, campaign.describe))
    elsewhere = row.get("elsewhere") or {}
    return Cause(
        file_number(str(row["file"])), function, what,
        place_words(patch, part, function), str(row["file"]), (invariant, label),
        tuple(map(str, row.get("invariants", (invariant,)))), rate_of(campaign, invariant, label),
        tuple((name, bool(elsewhere[name])) for name in REFERENCES if name in elsewhere), steps,
    )  # fmt: skip


def place_words(patch: str, part: str, function: str) -> str:
    """6/9, free hook: of what is in a hook; the hook is not named twice."""
    if not part:
        return ""
    return patch if function in (f"{FREE_HOOK}()", f"{POST_HOOK}()") else ", ".join(filter(None, (patch, part)))


def file_number(file: str) -> int:
    """1 of findings/001-I8-v2.json; 0 for a file that is not named so."""
    digits = file.rpartition("/")[2].partition("-")[0]
    return int(digits) if digits.isdigit() else 0


def what_words(
    invariant: str, label: str, steps: Sequence[Line], takes: Sequence[str], outlives: bool, says: str
) -> str:
    """What goes wrong, and under which circumstances: 4,092 bytes lost when an area outlives its memcg.

    says: the invariant in words, for those without any here.
    """
    broken = next((found for line in steps for found in line.broken if found.invariant == invariant), None)
    words = NULL_MET.get(label) if invariant == "I18" else None
    if words is None and broken is not None and invariant in CAUSE_WORDS:
        amount = (lambda value: plural(value, "page")) if invariant in PAGES else number
        words = CAUSE_WORDS[invariant].format(found=amount(broken.found), expected=amount(broken.expected))
    words = words or f"broken: {says}"
    when = circumstances(invariant, steps, takes, outlives)
    return words + (f" {when}" if when else "") + AFTER.get(invariant, "")


def circumstances(invariant: str, steps: Sequence[Line], takes: Sequence[str], outlives: bool) -> str:
    """What the shrunk case cannot do without, in words; empty where it takes nothing beyond allocations.

    takes: of a case that was shrunk to its end; of another one it is not known what it needs.
    """
    found = []
    if outlives and invariant != "I18":
        found.append("when an area outlives its memcg")
    elif any(line.label == "OF_NULL" for line in steps):
        found.append("while css_offline() reparents node by node")
    return " and ".join([*found, *(TAKES[name] for name in takes if name in TAKES)])


def is_freed_after_offline(steps: Sequence[Line]) -> bool:
    """Whether a free hook runs after a memcg has begun to go offline."""
    offline = next((line.step for line in steps if line.label == "OF_NULL"), None)
    hook = f"{FREE_HOOK}()"
    return offline is not None and any(line.step > offline and function_of(line.label) == hook for line in steps)


def rate_of(campaign: Campaign, invariant: str, label: str) -> str:
    """Measured cases that broke the invariant at this step, as k of n with the rate; else hunted ones as a count."""
    counted = {
        stream: sum(
            seen.cases
            for s, seen in campaign.signatures[stream].items()
            if (s.invariant, s.label) == (invariant, label)
        )
        for stream in (MEASUREMENT, HUNTING)
    }
    n = campaign.cases(MEASUREMENT) - campaign.unknown(MEASUREMENT)
    words = reading_words(reading(counted[MEASUREMENT], n))
    hunted = f"{number(counted[HUNTING])} of {number(campaign.cases(HUNTING))} hunted"
    return words if counted[MEASUREMENT] else f"{words}; {hunted}"
