"""findings/NNN-I1-variant.json: the first two cases of each signature in batch order, as scenarios that replay."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.outcome import Outcome, Signature
from fuzz.errors import HarnessError
from fuzz.plan import Plan

CASES_PER_SIGNATURE = 2
SIGNATURES_PER_INVARIANT = 8  # the rest are counted; replaying hundreds would cost more than the campaign


@dataclass(frozen=True, slots=True)
class Pick:
    """One violating case: number `case` of batch k of a stream."""

    stream: str
    k: int
    case: int
    signature: Signature


def pick(outcomes: Iterable[Outcome]) -> list[Pick]:
    """The cases worth a file: the first two of each signature, of the first signatures of each invariant."""
    picked: list[Pick] = []
    cases: Counter[Signature] = Counter()
    signatures: Counter[str] = Counter()
    for outcome in outcomes:
        for signature in sorted(outcome.violations, key=lambda s: (outcome.first_cases[s], s)):
            if signature not in cases:
                if signatures[signature.invariant] >= SIGNATURES_PER_INVARIANT:
                    continue
                signatures[signature.invariant] += 1
            for case in outcome.first_cases[signature]:
                if cases[signature] < CASES_PER_SIGNATURE:
                    cases[signature] += 1
                    picked.append(Pick(outcome.stream, outcome.k, case, signature))
    return picked


def file_name(number: int, signature: Signature) -> str:
    """Like 001-I1-v1.json; a variant's name is reduced to what every file system takes."""
    variant = re.sub(r"[^A-Za-z0-9_.-]+", "_", signature.variant)
    return f"{number:03d}-{signature.invariant}-{variant}.json"


def write_json(path: Path, content: dict[str, object]) -> None:
    """Canonical JSON (sorted keys, indent 1, ASCII) that is there whole or not at all."""
    text = json.dumps(content, sort_keys=True, indent=1, ensure_ascii=True) + "\n"
    write_whole(path, text.encode("ascii"))


def write_whole(path: Path, text: bytes) -> None:
    """Write a file through a rename, so that no reader ever sees half of it."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def write_findings(plan: Plan, picked: list[Pick], out: Path) -> list[dict[str, object]]:
    """Write a file for each picked case; what the report needs of each. HarnessError if a case does not come back."""
    rows: list[dict[str, object]] = []
    (out / "findings").mkdir(exist_ok=True)
    for number, one in enumerate(picked, 1):
        name = f"findings/{file_name(number, one.signature)}"
        try:
            content = plan.finding(one.stream, one.k, one.case, one.signature)
        except Exception as error:
            where = f"case {one.case} of {one.stream} batch {one.k}"
            raise HarnessError(f"{where} cannot be shown: {type(error).__name__}: {error}") from error
        write_whole(out / name, content)
        rows.append(_row(name, one))
    return rows


def _row(name: str, one: Pick) -> dict[str, object]:
    signature = one.signature
    return {
        "file": name,
        "stream": one.stream,
        "k": one.k,
        "case": one.case,
        "invariant": signature.invariant,
        "variant": signature.variant,
        "label": signature.label,
        "hazards": list(signature.hazards),
    }
