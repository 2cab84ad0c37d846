"""Commands in what the product prints or writes: as a person would copy them out, continuation lines included."""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Iterator

START = re.compile(r"(?:^|[\s`>$(\"])(percpu-fuzz [a-z][a-z-]*(?: |$).*)")


def commands_in(text: str) -> Iterator[list[str]]:
    """The words of every command in a text; those of HTML are read without their tags."""
    if "<html" in text:
        text = html.unescape(re.sub(r"</(?:p|code|figcaption|div|tr|h\d|summary|a)>|<br>", "\n", text))
        text = re.sub(r"<[^>]+>", "", text)
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        found = START.search(line)
        if found is None:
            continue
        words = words_of(found[1]) or words_of(found[1].rstrip("`.,)\"'"))
        if words:
            yield words[1:]


def words_of(line: str) -> list[str]:
    """As a shell splits it; nothing for what no shell takes, such as a sentence with an apostrophe."""
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return []
