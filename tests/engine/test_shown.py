"""Names from outside as they are shown and typed."""

from __future__ import annotations

import os
import subprocess

from hypothesis import given
from hypothesis import strategies as st

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.shown import shell_line, shown


def test_what_a_terminal_obeys_is_escaped() -> None:
    """Controls, the other half of them, what turns writing around, ends of lines, bytes of a path. Letters stay."""
    assert shown("a\x1b[31m\n\t\x7f") == "a\\x1b[31m\\x0a\\x09\\x7f"
    assert shown("\x9b2J\u202e\u2028\U000e0001") == "\\x9b2J\\u202e\\u2028\\U000e0001"
    assert shown(os.fsdecode(b"caf\xe9")) == "caf\\xe9"
    assert shown("machine é 机") == "machine é 机"


@given(st.text())
def test_it_is_always_one_line_that_prints(text: str) -> None:
    """Whatever the text is."""
    assert shown(text).isprintable()


WORD = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]) | st.sampled_from("'\\\"$`\n\x1b é\udce9")
)


@given(st.lists(WORD, max_size=5))
def test_a_shell_takes_the_line_as_the_words(words: list[str]) -> None:
    """bash makes the same arguments of it, to the byte, and it is ASCII that prints."""
    line = shell_line(words)
    assert line.isascii()
    assert line.isprintable()
    script = f"printf '%s\\0' _ {line}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert done.stdout == b"".join(os.fsencode(word) + b"\0" for word in ["_", *words])


def test_an_error_is_one_line_of_bounded_length() -> None:
    """Whatever was given; the parts are as they were."""
    error = InputError("a\nb", "\x1b" + "x" * 10**6, "c")
    assert str(error).startswith("a b: \\x1bxx")
    assert str(error).endswith("...; allowed: c")
    assert len(str(error)) < 1100
    assert error.given == "\x1b" + "x" * 10**6
