"""Patches of one's own at full numbers: three changes from an empty folder, a lock, the kept node and its stale twin,
the kernel's own idiom over a million cases, wrong files, and every example plain against compiled.
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from equality import CompiledSide, first_difference
from test_wrong_files import WRONG

from percpu_fuzz.engine.core.evidence import MODEL_INVARIANTS
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.fuzz.options import variant_option
from percpu_fuzz.reports.invariants import applies
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.recipe import make_plan

ROOT = Path(__file__).resolve().parents[2]
PATCHES = ROOT / "docs" / "patches"
IDIOM_CASES, LOCK_CASES, KEPT_CASES, SCENARIOS = 1_000_000, 400_000, 200_000, 200
LOCK_WORDS = ("spin_lock(", "spin_lock_irq(", "spin_unlock(")
WRONG_SECONDS_MOST = 20.0  # of a processor for one refusal, the start of the process among them
HERE = f"{sys.executable} -m percpu_fuzz"

FORMULA = """
percpu-fuzz variants new v3.py
sed -i 's/precharge_a=1/precharge_a=0/; s/precharge_b=0/precharge_b=1/; s/precharge_c=0/precharge_c=-1/' v3.py
percpu-fuzz run --variant v3.py --cases 20000 --seed 1 --quiet --json --out v3
"""
FREE_HOOK = '''
from percpu_fuzz.own import lookup

@replaces
def fr_nid_objcg(topo, prog, st, t):
    """The free hook looks up the local node's objcg, whatever the node."""
    st.r_nobjcg[t] = lookup(topo, st, st.r_memcg[t], topo.act_node[st.task_cpu[t]])
    st.r_memcg[t] = 0
    goto(st, t, labels.FR_UNCHARGE)
'''
HOOK = f"""
percpu-fuzz variants new hook.py
cat >> hook.py <<'EOF'
{FREE_HOOK}EOF
percpu-fuzz run --variant hook.py --compile off --topology two-node --cases 100 --seed 1 --quiet --json --out hook
for f in hook/findings/001-*.json; do
    percpu-fuzz replay $f --variant hook.py; percpu-fuzz regress $f --variant hook.py -o tests; done
mkdir elsewhere && cp tests/* elsewhere && cd elsewhere && python -m pytest -q -p no:cacheprovider .
"""
REST = f"""
cp {PATCHES}/local_rest.py .
percpu-fuzz run --variant local_rest.py --compile off --topology two-node --cases 200 --seed 1 --quiet --json --out rest
"""
REST_COMPILED = """
percpu-fuzz run --variant local_rest.py --topology two-node --cases 200 --seed 1 --quiet --json --out compiled
percpu-fuzz run --variant local_rest.py --topology two-node --cases 200 --seed 1 --quiet --json --out loaded
"""
# v2's choices with somebody looking on: an engine of a file has batches of other sizes, so other cases, than v2's own.
LOOKS_ON = """
@checker
def looks_on(topo, prog, st, t):
    return True
"""


def typed(script: str, folder: Path) -> tuple[str, float]:
    """What a script of commands prints in a folder, and the minutes it took. Commands may find a violation (1)."""
    text = script.replace("percpu-fuzz ", f"{HERE} ").replace("python -m pytest", f"{sys.executable} -m pytest")
    start = time.monotonic()
    done = subprocess.run(text, shell=True, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout, round((time.monotonic() - start) / 60, 1)


def broken_in(printed: str) -> dict[str, int]:
    """Cases by invariant of the JSON object that a run printed last."""
    row = json.loads(next(line for line in reversed(printed.splitlines()) if line.startswith("{")))
    return {v["invariant"]: v["count"] for v in row["violations"]}


def own_changes() -> dict[str, Any]:
    """A formula, a free hook and steps of one's own, each from an empty folder as somebody would type it."""
    with tempfile.TemporaryDirectory() as name:
        formula, formula_minutes = typed(FORMULA, Path(name))
    with tempfile.TemporaryDirectory() as name:
        hook, hook_minutes = typed(HOOK, Path(name))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rest, rest_minutes = typed(REST, folder)
        shrunk = sorted(path.name for path in (folder / "rest" / "findings").glob("*.json"))
        again, compiled_minutes = typed(REST_COMPILED, folder)
        same = [
            json.loads((folder / out / "report.json").read_text())["digest"] for out in ("rest", "compiled", "loaded")
        ]
    found = broken_in(formula)
    assert found.keys() & {"I1", "I1b"} == set(), found
    assert found.keys() >= {"I8", "I18"}, found
    assert "2 passed" in hook, hook
    assert "I14" in broken_in(rest), rest
    assert shrunk
    assert same[0] == same[1] == same[2], again
    return {
        "passed": True, "formula": found, "formula_minutes": formula_minutes,
        "hook": broken_in(hook), "hook_minutes": hook_minutes, "rest": broken_in(rest), "rest_findings": shrunk,
        "rest_minutes": rest_minutes, "compiled_minutes": compiled_minutes,
    }  # fmt: skip


def campaign(variant: str, cases: int, folder: Path, *more: str) -> dict[str, Any]:
    """report.json of a campaign on two nodes."""
    words = ["run", "--variant", variant, "--cases", str(cases), "--seed", "7", "--quiet", "--out", str(folder), *more]
    done = subprocess.run([sys.executable, "-m", "percpu_fuzz", *words], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    row: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return row


def null_steps(report: dict[str, Any]) -> dict[str, int]:
    """Cases by the step where a NULL objcg was used."""
    found = Counter[str]()
    for row in report["signatures"]:
        if row["invariant"] == "I18":
            found[row["label"]] += row["cases"]
    return dict(found)


def own_lock() -> dict[str, Any]:
    """A lock around the free hook's lookup and the reparenting: no NULL there any more, still one in the post hook."""
    two_nodes = ("--topology", "two-node")
    lock = str(PATCHES / "lookup_lock.py")
    with tempfile.TemporaryDirectory() as name:
        posted = null_steps(campaign("v2", LOCK_CASES, Path(name) / "v2", *two_nodes))
        report = campaign(lock, LOCK_CASES, Path(name) / "lock", *two_nodes)
    locked = null_steps(report)
    lanes = [line for finding in report["findings"] for line in finding["lanes"]]
    shown = sorted({words for words in LOCK_WORDS for line in lanes if words in line})
    assert any(label.startswith("FR_") for label in posted), posted  # control: v2 has it in the free hook
    assert not any(label.startswith("FR_") for label in locked), locked
    assert any(label.startswith("PO_") for label in locked), locked
    assert shown
    return {"passed": True, "v2": posted, "lock": locked, "lanes_show": shown}


def findings_and_waste(report: dict[str, Any]) -> str:
    """SHA-256 over what was found, where and when first, and over the waste's histogram."""
    found = [[value for name, value in sorted(row.items()) if name != "variant"] for row in report["signatures"]]
    told = json.dumps([sorted(map(json.dumps, found)), report["waste"], report["steps"], report["cases"]])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def own_kept_node() -> dict[str, Any]:
    """The kept node gives v2's findings and waste on the same cases; its stale twin is found."""
    with tempfile.TemporaryDirectory() as name:
        look = Path(name) / "look.py"
        look.write_text(f"from percpu_fuzz.own import checker\n{LOOKS_ON}")
        variants = (f"v2+{look}", str(PATCHES / "kept_node.py"), f"v2-exts+{look}", str(PATCHES / "kept_node_stale.py"))
        seen = {
            variant: campaign(variant, KEPT_CASES, Path(name) / str(number), "--topology", "two-node")
            for number, variant in enumerate(variants)
        }
    v2, kept, exts, _ = (findings_and_waste(row) for row in seen.values())
    assert kept == v2
    assert v2 != exts  # control: that another accounting differs is seen
    broken = [{v["invariant"]: v["count"] for v in row["violations"]} for row in seen.values()]
    found_by = sorted(broken[3].keys() - broken[2].keys())
    assert found_by
    assert set(found_by) <= {"I14", "I21"}, broken  # bytes lie on another node than the one that is charged
    return {"passed": True, "v2": v2, "kept": kept, "v2-exts": broken[2], "stale": broken[3], "found_by": found_by}


def own_idiom() -> dict[str, Any]:
    """Which invariants hold in a million cases of the kernel's own idiom; what breaks is told by its shrunk cases."""
    path = str(PATCHES / "fixed_idiom.py")
    with tempfile.TemporaryDirectory() as name:
        report = campaign(path, IDIOM_CASES, Path(name) / "idiom")
    broken = {v["invariant"]: v["count"] for v in report["violations"]}
    variant = variant_option(path)
    held = [name for name in MODEL_INVARIANTS if name not in broken and applies(name, variant)]
    assert report["cases"] >= IDIOM_CASES
    assert "I18" in held
    told = [[finding["file"], *finding["explanation"]] for finding in report["findings"]]
    return {"passed": True, "cases": report["cases"], "held": held, "broken": broken, "findings": told}


def children_seconds() -> float:
    """Processor seconds of the processes that this one has waited for: a busy machine adds nothing."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def own_wrong_files() -> dict[str, Any]:
    """Every wrong file is refused by the command line: one line, exit status 2, within its time."""
    slowest, lines = 0.0, {}
    for name, (text, wanted) in WRONG.items():
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "mine.py").write_text(text)
            words = ["run", "--variant", "mine.py", "--topology", "two-node", "--cases", "20", "--quiet"]
            start = children_seconds()
            done = subprocess.run(
                [sys.executable, "-m", "percpu_fuzz", *words], cwd=folder, capture_output=True, text=True, check=False
            )
            slowest = max(slowest, children_seconds() - start)
            said = [line for line in done.stderr.splitlines() if line.startswith("percpu-fuzz: ")]
            assert done.returncode == 2, (name, done.stderr)
            assert len(said) == 1, (name, done.stderr)
            assert "Traceback" not in done.stderr, (name, done.stderr)
            assert "mine.py" in said[0], (name, wanted)
            assert not (Path(folder) / "out").exists() or not list((Path(folder) / "out").glob("*/report.txt")), name
            lines[name] = said[0]
    assert slowest < WRONG_SECONDS_MOST
    return {"passed": len(lines) >= 20, "files": len(lines), "slowest_seconds": round(slowest, 1), "lines": lines}


def own_plain_compiled() -> dict[str, Any]:
    """Every example over 200 scenarios, plain and compiled: the hash of the whole state is equal after each step."""
    side, steps = CompiledSide("small"), dict[str, int]()
    for path in sorted(PATCHES.glob("*.py")):
        plan = make_plan(variant_option(str(path)), 11, preset("two-node"))
        steps[path.stem] = 0
        for number in range(SCENARIOS):
            batch = plan.batch_of(STREAMS[number % 2], number // 2)
            different = first_difference(batch, side)
            assert not different, different
            steps[path.stem] += int(side.states[0]["nr_steps"])
        print(f"  {path.stem}: {SCENARIOS} scenarios, {steps[path.stem]} steps alike", flush=True)
    return {"passed": len(steps) >= 11 and min(steps.values()) > 50 * SCENARIOS, "steps": steps}


LINES = {
    "own-changes": own_changes,
    "own-lock": own_lock,
    "own-kept-node": own_kept_node,
    "own-idiom": own_idiom,
    "own-wrong-files": own_wrong_files,
    "own-plain-compiled": own_plain_compiled,
}
