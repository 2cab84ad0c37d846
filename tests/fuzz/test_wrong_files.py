"""Files with a patch of one's own that are wrong: each is one line that names file and line, whatever is wrong."""

# ruff: noqa: E501 - the text of a file stands on one line

from __future__ import annotations

import gc
import re
from pathlib import Path
from time import monotonic

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz import variant_files
from percpu_fuzz.fuzz.options import variant_option
from percpu_fuzz.fuzz.variant_files import no_longer_than
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.trial import tried

HEAD = """from percpu_fuzz.own import *
from percpu_fuzz.engine.kernel.post_hook import po_node as po_node_of_v2
MINE = Variant("mine", "wrong")
"""
PO_NODE = HEAD + "@replaces\ndef po_node(topo, prog, st, t):\n"
OWN = PO_NODE + "    goto(st, t, OWN_1)\n@step_at(OWN_1, 'mine')\ndef mine(topo, prog, st, t):\n"
# What is wrong: the text of the file, and what the line must hold after the file's name.
WRONG: dict[str, tuple[str, str]] = {
    "syntax": (HEAD + "def f(:\n", r":4: raises SyntaxError"),
    "raises": (HEAD + "1 / 0\n", r":4: raises ZeroDivisionError"),
    "exits": (HEAD + "raise SystemExit(0)\n", r":4: raises SystemExit"),
    "never ends": (HEAD + "while True:\n    pass\n", r":[45]: raises TooLongError"),
    "no variant": ("X = 1\n", "0 variants"),
    "two variants": (HEAD + 'TWO = Variant("two", "x")\n', "2 variants .*MINE, TWO"),
    "no such choice": ('from percpu_fuzz.own import Variant\nV = Variant("m", "s", walk=9)\n', "walk = 9; allowed: 0 to 2"),
    "wrong type": ('from percpu_fuzz.own import Variant\nV = Variant("m", "s", ext="1")\n', "ext = '1'"),
    "based on nothing": ('from percpu_fuzz.own import Variant\nV = Variant("m", "s", based_on="v9")\n', "v9"),
    "no such function": (HEAD + "@replaces\ndef po_nod(topo, prog, st, t):\n    pass\n", "po_nod.*nearest is po_node"),
    "signature": (HEAD + "@replaces\ndef po_node(topo, st, t):\n    pass\n", r":4: po_node\(topo, st, t\)"),
    "label": (HEAD + "@step_at(7, 'x')\ndef f(topo, prog, st, t):\n    pass\n", "label 7; allowed: OWN_1 to OWN_16"),
    "label twice": (
        HEAD + "".join(f"@step_at(OWN_1, 'x')\ndef f{i}(topo, prog, st, t):\n    pass\n" for i in range(2)), "two steps"
    ),
    "writes topo": (PO_NODE + "    topo.nr_nodes = 1\n", ":6: topo.nr_nodes is written"),
    "writes prog": (PO_NODE + "    prog.op_bytes[t, 0] += 4\n", ":6: .*is written"),
    "no such field": (PO_NODE + "    st.own_taks[t, 0] = 1\n", ":6: .*nearest is own_task"),
    "no such name": (PO_NODE + "    gotoo(st, t, 1)\n", ":6: no name 'gotoo'.*nearest is goto"),
    "no such label": (PO_NODE + "    goto(st, t, labels.PO_REFUN)\n", ":6: no labels.PO_REFUN.*PO_REFUND"),
    "float": (PO_NODE + "    st.own_task[t, 0] = 0.5\n", ":6: 0.5; allowed: integers"),
    "true division": (PO_NODE + "    st.own_task[t, 0] = st.r_used[t] / 2\n", ":6: .*// for a division"),
    "try": (PO_NODE + "    try:\n        pass\n    except ValueError:\n        pass\n", ":6: try in a step"),
    "print": (PO_NODE + "    print(t)\n", ":6: print in a step"),
    "calls itself": (HEAD + "def f(st):\n    f(st)\n" + PO_NODE[len(HEAD):] + "    f(st)\n", ":4: f calls itself"),
    "claims": (HEAD + "CLAIMS = 3\n", "CLAIMS is int; allowed: a list"),
    "claim": (HEAD + "CLAIMS = [3]\n", "CLAIMS holds 3"),
    "claim about nothing": (HEAD + "def c(pages):\n    return True\nCLAIMS = [c]\n", ":4: a claim about pages"),
    "endless loop": (PO_NODE + "    while t >= 0:\n        pass\n", ":6: po_node raises RuntimeError: a loop that turned"),
    "index": (PO_NODE + "    st.own_task[1000, 0] = 1\n", ":6: po_node raises IndexError"),
    "NULL as an index": (PO_NODE + "    o = -1\n    st.objcg_ref[o] += 1\n", ":7: po_node raises IndexError: a negative"),
    "division by zero": (PO_NODE + "    st.r_used[t] = 1 // (t - t)\n", ":6: po_node raises ZeroDivisionError"),
    "late": (
        PO_NODE + "    if st.nr_steps > 100:\n        st.r_used[t] = st.own_cpu[99, 0]\n    po_node_of_v2(topo, prog, st, t)\n",
        ":7: po_node raises IndexError",
    ),
    "too large": (PO_NODE + "    st.own_task[t, 0] = 1 << 40\n    po_node_of_v2(topo, prog, st, t)\n", "OverflowError"),
    "a step that never ends": (OWN + "    goto(st, t, OWN_1)\n", "did not end within .*OWN_1"),
    "a step that is not there": (
        PO_NODE + "    goto(st, t, OWN_2)\n@step_at(OWN_1, 'x')\ndef f(topo, prog, st, t):\n    pass\n", "no step stands"
    ),
}  # fmt: skip


def refused(path: Path) -> str:
    """What a run of the file says before anything is compiled."""
    with pytest.raises(InputError) as raised:
        tried(make_plan(variant_option(str(path)), 1, preset("two-node")))
    return str(raised.value)


@pytest.mark.parametrize("name", list(WRONG))
def test_a_wrong_file_is_one_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names the file, the line of it where there is one, and what is allowed."""
    monkeypatch.setattr(variant_files, "SECONDS_MOST", 0.3 if name == "never ends" else 60.0)
    text, wanted = WRONG[name]
    path = tmp_path / "mine.py"
    path.write_text(text)
    said = refused(path)
    assert "\n" not in said
    assert "mine.py" in said
    assert re.search(wanted, said), said


def test_the_clock_rings_again_where_nothing_can_be_raised() -> None:
    """What a callback of the garbage collector would swallow comes when the callback is over."""
    late: list[str] = []

    def slow(phase: str, info: dict[str, int]) -> None:
        end = monotonic() + 0.1
        while monotonic() < end:
            pass
        late.append(phase)

    def never_ends() -> None:
        with no_longer_than(0.05, "x"):
            gc.collect()
            while True:
                pass

    gc.disable()  # by itself it would run at any time, once more
    gc.callbacks.append(slow)
    try:
        with pytest.raises(InputError, match=r"nothing came of it in 0\.05 s"):
            never_ends()
    finally:
        gc.callbacks.remove(slow)
        gc.enable()
    assert late == ["start", "stop"]


def test_a_right_file_is_not_refused(tmp_path: Path) -> None:
    """Control: the same file with a step that does what v2's does."""
    path = tmp_path / "mine.py"
    path.write_text(PO_NODE + "    po_node_of_v2(topo, prog, st, t)\n")
    assert tried(make_plan(variant_option(str(path)), 1, preset("two-node"))) == 60
