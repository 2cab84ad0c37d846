"""Where a file with a patch of one's own leads beside run: diff, a difference's test, one line for what it raises."""

from __future__ import annotations

import inspect
import shlex
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from percpu_fuzz.engine.own.file import own_code
from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Finding, Scenario, Switch, dump_finding
from percpu_fuzz.engine.topology import Cpu, Node, Topology
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.findings.different import test_of as made_test
from percpu_fuzz.fuzz.options import variant_option
from percpu_fuzz.fuzz.recorded_words import placed_by_recording
from percpu_fuzz.fuzz.variant_files import uncompiled
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.compared import Compared
from percpu_fuzz.strategies.run.differences import behaviour_differences
from percpu_fuzz.strategies.run.replay import run_scenario

PATCHES = Path(__file__).resolve().parents[2] / "docs" / "patches"
ALLOC = Op("alloc", memcg=1, size_bytes=4, align=8, gfp=1)
ONE_ALLOC = Scenario(preset("two-node"), Program((Task(ops=(ALLOC,)),), (Memcg(0),)), (Switch(0, "", 0),))
RAISES = """
from percpu_fuzz.engine.kernel.post_hook import po_node as po_node_of_v2
from percpu_fuzz.own import Variant, replaces

MINE = Variant("mine", "raises in the post hook")


@replaces
def po_node(topo, prog, st, t):
    st.own_task[t, st.nr_steps] = 1
    po_node_of_v2(topo, prog, st, t)
"""


def own(name: str) -> Variant:
    """An example, its steps as plain Python."""
    return uncompiled(variant_option(str(PATCHES / name)))


def test_diff_takes_own_steps() -> None:
    """Rests that go to one node show as kernel pages on other nodes; the kept node shows nothing (control)."""
    found = behaviour_differences(ONE_ALLOC, VARIANTS["v2"], own("local_rest.py"))
    assert "memory.current after all is freed: more" in found
    assert behaviour_differences(ONE_ALLOC, VARIANTS["v2"], own("kept_node.py")) == ()


def test_diff_of_batches_takes_own_steps() -> None:
    """Cases of a batch on the plain engine of the file differ from v2's; the kept node's do not (control)."""
    compared = Compared((VARIANTS["v2"], own("local_rest.py"), own("kept_node.py")), 1)
    batch = next(b for b in (compared.batch_of("measurement", k) for k in range(20)) if b.family.name == "two-node")
    rest, kept = compared.run(replace(batch, cases=20)).kinds
    assert rest
    assert not kept


def test_a_difference_of_own_steps_is_a_test_that_runs(tmp_path: Path) -> None:
    """With the file beside it, in another folder."""
    kind = "memory.current after all is freed: more"
    made = made_test(ONE_ALLOC, VARIANTS["v2"], own("local_rest.py"), kind)
    assert made is not None
    name, text, beside = made
    for file, source in {name: text, **beside}.items():
        (tmp_path / file).write_text(source)
    assert set(beside) == {"local_rest.py"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", name], cwd=tmp_path, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "words", [("replay",), ("handoff",), ("regress", "-o", "tests"), ("shrink", "--compile", "off")], ids=lambda w: w[0]
)
def test_an_exception_in_a_file_is_one_line(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On every road: file, line and what was raised; exit status 2, nothing written."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(RAISES)
    Path("case.json").write_bytes(dump_finding(Finding(ONE_ALLOC, "mine.py", "I8", {})))
    assert call([words[0], "case.json", "--variant", "mine.py", *words[1:]]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    assert "mine.py:10: po_node raises IndexError" in said
    assert {path.name for path in tmp_path.iterdir()} == {"mine.py", "case.json"}


@pytest.mark.parametrize("name", ["local_rest.py", "lookup_lock.py", "fixed_idiom.py"])
def test_kept_machine_code_can_be_loaded(name: str) -> None:
    """What numba notes down as the module of a file's functions is one that another process can import."""
    variant = variant_option(str(PATCHES / name))
    assert variant.own is not None
    named = [function for function in own_code(variant.own).functions if "__name__" in function.__globals__]
    assert named
    for function in named:  # of others, the hooks written for the file, numba notes down nothing
        module = inspect.getmodule(function)
        assert module is not None, function
        assert import_module(module.__name__) is module


@pytest.mark.parametrize("name", ["my v3.py", "mine.py:MINE", "v2+look.py", "a/b.py"])
def test_a_finding_of_a_file_says_what_to_type(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of one finding and of a folder: one line with the option as a shell takes it."""
    monkeypatch.chdir(tmp_path)
    Path("001-case.json").write_bytes(dump_finding(Finding(ONE_ALLOC, name, "I8", {})))
    for words in (["replay", "001-case.json"], ["replay", "."], ["shrink", "001-case.json"]):
        assert call(words) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert f"allowed: --variant {shlex.quote(name)} typed again" in said


def test_who_pays_is_known_while_own_steps_remove() -> None:
    """Between the lock's steps and the first NULL the removed memcg still has its objcg: it is the one that pays. The
    case goes on to lose bytes, as on v2."""
    machine = Topology("one node", (Node(0, pages=4096),), (Cpu(0, node=0),), ((10,),))
    ops = (Op("rmdir", memcg=1), Op("alloc", memcg=1, size_bytes=4, align=8, gfp=1))
    switches = (Switch(0, "IDLE", 1), Switch(3, "OWN_3", 0), Switch(0, "", 0))
    run = run_scenario(Scenario(machine, Program((Task(ops=ops),), (Memcg(0),)), switches), own("lookup_lock.py"))
    assert run.broken("I8") is not None
    assert run.broken("I21") is None


@pytest.mark.parametrize("command", ["trace", "hooks"])
def test_pages_that_a_recording_places_are_not_placed_by_a_file(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file whose steps keep what they know of a page as it is populated would know nothing: it is refused. Control: a
    file that replaces other steps gets as far as the recording."""
    recorded = "tests/data/recorded/r11-2node-small-6.1"
    line = {
        "trace": ["trace", f"{recorded}/percpu.trace.gz", "--topology", f"{recorded}/topology.json"],
        "hooks": ["hooks", "tests/data/recorded/patched-hooks/tup-p6-n2.jsonl.gz"],
    }[command]
    assert call([*line, "--variant", str(PATCHES / "kept_node.py")]) == 2
    assert f"{command}: " in (said := capsys.readouterr().err)
    assert "kept_node.py replaces " in said
    assert said.count("\n") == 1
    assert placed_by_recording(own("local_rest.py"), command) == own("local_rest.py")
