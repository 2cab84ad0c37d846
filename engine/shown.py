"""Names and texts from outside, as they are shown: on a terminal, in a page, in a line for a shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterable


def shown(text: str) -> str:
    """Text on one line: whatever a terminal would obey, or nobody would see, is an escape such as \\x1b or \\u202e.

    A byte of a path that is no UTF-8 is \\x80 to \\xff.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def shell_line(words: Iterable[str]) -> str:
    """Words as one ASCII line that a shell takes as pasted. A word that is not printable ASCII stands in $'...'."""
    return " ".join(shlex.quote(word) if _is_plain(word) else _dollar_quoted(word) for word in words)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _escape(c: str) -> str:
    code = ord(c)
    if 0xDC80 <= code <= 0xDCFF:  # as os.fsdecode() carries a byte
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _dollar_quoted(word: str) -> str:
    """In octal, byte by byte: unlike \\x1b, three digits never run into what follows."""
    text = "".join({"\\": "\\\\", "'": "\\'"}.get(c, c) if _is_plain(c) else _octal(c) for c in word)
    return f"$'{text}'"


def _octal(c: str) -> str:
    is_byte = 0xDC80 <= ord(c) <= 0xDCFF
    return "".join(f"\\{byte:03o}" for byte in c.encode("utf-8", "surrogateescape" if is_byte else "surrogatepass"))
