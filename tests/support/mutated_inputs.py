"""Files as nobody vouches for them: an accepted one, damaged in a few places; a function of a seed and a number."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import random
import re
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from input_kinds import ROW, VALUES, InputKind, write_store

from percpu_fuzz.fuzz.cli import call

SECONDS_MOST, BYTES_MOST = 20, 512 << 20
TOKENS = (
    b"\0", b"\n", b"\r\n", b"\x1b[2J", b"\xff\xfe", b"\xed\xa0\x80", "\u202e\u00e9\U0001f600".encode(), b"\\ud800",
    b"\\u0000", b'"', b"'", b"{", b"}", b"[", b"]", b"<", b">", b",", b":", b"=", b"-", b".", b"../../", b"/dev/zero",
    b"null", b"true", b"NaN", b"Infinity", b"-0.0", b"1e400", b"{}", b"[]", b'""', b"$(id)", b"&amp;", b"%n%s", b"#",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"[" * 5000, b'{"a":' * 5000, b"<a>" * 5000, b" " * 5000, b"A" * 5000,
)  # fmt: skip
NUMBERS = (0, 1, 2, 7, 8, 127, 128, 255, 4095, 4096, 65535, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64,
           10**30, 10**400, 10**5000)  # fmt: skip
VERDICTS = (0, 1, 2, 4)  # exit statuses of a command that did what it was asked, or says why not
SIGN = re.compile(r"^percpu-fuzz, \d+ s: .*\n", re.M)  # of life, where the machine is busy
PACKERS = (partial(gzip.compress, mtime=0), bz2.compress, lzma.compress)
sys.set_int_max_str_digits(0)
WORDS = [str(number).encode() for number in NUMBERS] + [b"-" + str(number).encode() for number in NUMBERS]
sys.set_int_max_str_digits(4300)


def damaged(seed: bytes, others: Sequence[bytes], rng: random.Random, tokens: Sequence[bytes] = TOKENS) -> bytes:
    """One place of a file made wrong. others: files whose pieces may come in; tokens: words that may."""
    place = rng.randrange(len(seed) + 1)
    end = min(len(seed), place + rng.choice((1, 1, 2, 4, 16, 256)))
    match rng.randrange(9):
        case 0:
            return seed[:place] + bytes([rng.randrange(256)]) + seed[place + 1 :]
        case 1:
            return seed[:place]
        case 2:
            return seed[:place] + seed[end:]
        case 3:
            return seed[:end] + seed[place:]
        case 4:
            return seed[:place] + rng.choice(tokens) + seed[rng.choice((place, end)) :]
        case 5:
            other = rng.choice(others)
            return seed[:place] + other[rng.randrange(len(other) + 1) :][:300] + seed[end:]
        case 6:
            lines = seed.split(b"\n")
            at = rng.randrange(len(lines))
            lines[at : at + 2] = rng.choice(([], lines[at : at + 1] * 3, lines[at : at + 2][::-1]))
            return b"\n".join(lines)
        case _:
            spans = [found.span() for found in re.finditer(rb"\d+", seed[max(0, place - 200) : place + 200])]
            if not spans:
                return seed[:place] + rng.choice(WORDS) + seed[place:]
            begin, stop = (max(0, place - 200) + offset for offset in rng.choice(spans))
            return seed[:begin] + rng.choice(WORDS) + seed[stop:]


def mutated(kind: InputKind, rng: random.Random) -> bytes:
    """An accepted file with one to four damages, now and then packed."""
    content = rng.choice(kind.seeds)
    head, _, content = content.partition(b"\n") if kind.is_value else (b"", b"", content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        content = damaged(content, kind.seeds, rng)
    if kind.is_value:
        return head + b"\n" + content
    if kind.file == "input" and rng.random() < 0.05:
        packed = rng.choice(PACKERS)(content)
        return damaged(packed, (packed,), rng) if rng.random() < 0.5 else packed
    return content


@dataclass(frozen=True)
class Told:
    """What a command did with a file."""

    status: int
    said: str
    seconds: float
    verdicts: tuple[int, ...] = VERDICTS

    @property
    def amiss(self) -> str:
        """What is wrong with that, or nothing: a verdict, or a refusal of one line."""
        if self.status not in self.verdicts:
            return f"exit status {self.status}"
        if "Traceback" in self.said:
            return "a traceback"
        if self.status == 2 and len(SIGN.sub("", self.said).splitlines()) > 1:
            return "a refusal of several lines"
        if any(not (c.isprintable() or c in "\n\t\r") for c in self.said):
            return "something that a terminal obeys"
        return f"{self.seconds:.1f} s" if self.seconds > SECONDS_MOST else ""


def read_by(kind: InputKind, content: bytes, folder: Path) -> Told:
    """Let the command of its kind read a file of this content."""
    path = folder / kind.file
    if kind.is_value:
        key, _, text = content.partition(b"\n")
        values = {name: json.dumps(value).encode() for name, value in VALUES.items()}
        is_row = key == b"row"
        write_store(folder, values if is_row else values | {key.decode(): text}, text if is_row else ROW.canonical())
    else:
        path.write_bytes(content)
    said, errors, began = io.StringIO(), io.StringIO(), time.process_time()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors):
        status = call(kind.command(path))
    says_its_own = kind.is_value and content.startswith(b"exit\n")  # a report ends as its campaign did
    seconds = time.process_time() - began
    return Told(status, errors.getvalue(), seconds, (*VERDICTS, 3) if says_its_own else VERDICTS)


def bound_memory() -> None:
    """From now on whatever takes too much memory in this process raises MemoryError."""
    lines = Path("/proc/self/status").read_text().splitlines()
    now = next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmData:"))
    resource.setrlimit(resource.RLIMIT_DATA, (now + BYTES_MOST, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def one_of(kinds: dict[str, InputKind], seed: int, number: int) -> tuple[str, bytes]:
    """Input `number` of a seed: the name of its kind, which take turns, and its content."""
    round_of_turns = [name for name in sorted(kinds) for _ in range(kinds[name].turns)]
    name = round_of_turns[number % len(round_of_turns)]
    return name, mutated(kinds[name], random.Random(f"{seed}/{number}"))
