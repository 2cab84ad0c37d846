"""Lanes: the same values as text and as a picture."""

from __future__ import annotations

import json
import re

import msgspec
import pytest

from percpu_fuzz.reports.lanes import Broken, Change, Line, stored_lines
from percpu_fuzz.reports.render.lanes import ROWS_MOST, laid_out, lanes_picture, lanes_text

LINES = (
    Line(1, 0, "task 0", "AL_PRECHARGE", (Change("memcg1 usage", 0, 2), Change("objcg1.0 -> memcg", 1, -1))),
    Line(2, 3, "css_offline", "<free>"),
    Line(3, 3, "css_offline", "FR_STAT", (), (Broken("I18", 0, -1), Broken("I8", 0, 4092))),
    Line(4, 0, "task 1", "FR_PUT", (Change("cpu0 stock memcg1", None, 5), Change("cpu0 bytes objcg0.0", 7, None))),
)
TEXT = """\
step  CPU 0                     CPU 3
      [task 0]
   1  obj_cgroup_precharge                                memcg1 usage: 0 -> 2
                                                          objcg1.0 -> memcg: 1 -> NULL
                                [css_offline]
   2                            <free>
   3                            PERCPU_B -
  >>  I18 broken: expected 0, found -1
  >>  I8 broken: expected 0, found 4092
      [task 1]
   4  obj_cgroup_put                                      cpu0 stock memcg1: - -> 5
                                                          cpu0 bytes objcg0.0: 7 -> -
"""


def test_text_has_a_column_a_cpu() -> None:
    """Who steps stands where it changes, changes to the right of all columns, what broke below its step."""
    assert "\n".join(lanes_text(LINES)) + "\n" == TEXT
    assert lanes_text([]) == ["step"]


def test_the_picture_puts_each_step_under_its_cpu() -> None:
    """Columns of the text are columns of the picture; every piece is there with its class; markup is escaped."""
    drawn = lanes_picture("lanes", laid_out(LINES))
    first, second = re.findall(r'<line x1="([\d.]+)" x2="\1" [^>]*class="lane"', drawn)
    assert re.findall(r'<circle cx="([\d.]+)"', drawn) == [first, second, second, first]
    for kind, words in (
        ("said", "&lt;free&gt;"),
        ("change", "memcg1 usage: 0 -&gt; 2"),
        ("change", "objcg1.0 -&gt; memcg: 1 -&gt; NULL"),
        ("broken", "I18 broken: expected 0, found -1"),
        ("who", "task 0"),
        ("number", "4"),
    ):
        assert f'class="mono {kind}">{words}<' in drawn, words
    assert drawn.count("broken-ground") == 2
    assert drawn.count("lane-head") == 3


def test_of_a_long_picture_the_end_is_drawn() -> None:
    """The last rows are those that tell what broke."""
    lines = [Line(i, 0, "task 0", "FR_PUT") for i in range(1, ROWS_MOST + 2)]
    drawn = lanes_picture("x", laid_out(lines))
    assert drawn.count("<circle") == ROWS_MOST
    assert f">{ROWS_MOST + 1}</text>" in drawn
    assert ">1</text>" not in drawn


def test_lines_come_back_from_a_store() -> None:
    """As JSON and back they are the same; rows without any have none; what is no line is refused."""
    row = json.loads(json.dumps({"steps": msgspec.to_builtins(LINES)}))
    assert stored_lines(row) == LINES
    assert stored_lines({}) == ()
    with pytest.raises(msgspec.ValidationError):
        stored_lines({"steps": [{"step": "one"}]})
