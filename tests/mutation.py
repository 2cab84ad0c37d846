"""Mutation of the engine itself: `make mutate` (TIME=seconds) changes the source of hooks and memcg code, one small
change at a time, and lets a campaign in plain mode look for it.

A mutant is killed if one of its cases ends otherwise than on the engine as it is: by an invariant (another violation,
an exception, a case that hangs), or, failing that, by what a campaign counts (steps, hazards, waste). Survivors are
printed. Functions that hold planted slips only are left out. Functions take turns in a shuffled, fixed order, so that a
short run is an even sample; out/mutation.json keeps what is known of this source, and another run goes on from there.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import multiprocessing
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
sys.path.insert(0, str(ROOT))

from source_mutants import SourceMutant, functions_of, mutants_of, mutated  # noqa: E402

from percpu_fuzz.engine.case.reset import reset  # noqa: E402
from percpu_fuzz.engine.case.runnable import case_over  # noqa: E402
from percpu_fuzz.engine.core.compiled import plain  # noqa: E402
from percpu_fuzz.engine.core.declare import PlainRecord  # noqa: E402
from percpu_fuzz.strategies.draw.rng import new_rng  # noqa: E402
from percpu_fuzz.strategies.draw.topologies import preset  # noqa: E402
from percpu_fuzz.strategies.plan.recipe import make_plan  # noqa: E402
from percpu_fuzz.strategies.plan.redraw import drawn_case  # noqa: E402
from percpu_fuzz.strategies.run.replay import violations_of  # noqa: E402
from percpu_fuzz.strategies.run.walk import CHECK_TOUCHED, checked_step  # noqa: E402
from percpu_fuzz.strategies.schedulers.choose import begin, choose, took  # noqa: E402
from percpu_fuzz.strategies.schedulers.record import new_sched  # noqa: E402

MODULES = (
    "accumulate", "charge_hook", "free_hook", "live_bytes", "memcg", "obj_stock", "objcg", "page_counter",
    "page_stock", "post_each_page", "post_hook", "try_charge",
)  # fmt: skip
KEPT = ROOT / "out" / "mutation.json"
CASES = {"fixed": 50, "v2": 30, "base": 20, "split": 20, "v1": 20}
SEED, STEPS_MOST, HANGS_SECONDS = 17, 6_000, 20

Case = tuple[Any, Any, Any, Any]  # plain topo, prog, state; seed of the walk


def cases() -> list[Case]:
    """The campaign: cases of the hunting stream on two machines, drawn once, before anything is mutated."""
    found: list[Case] = []
    for variant, number in CASES.items():
        for machine, share in (("two-node", number // 2), (None, number - number // 2)):
            batch = make_plan(variant, SEED, None if machine is None else preset(machine)).batch_of("hunting", 0)
            for case in range(share):
                topo, prog, state, _, _, _ = drawn_case(batch, case)
                found.append((topo, prog, state, len(found)))
    return found


def verdict(case: Case) -> tuple[object, object]:
    """What a case shows on the engine as it is now: violations (or how it failed to end), and what is counted."""
    topo, prog, state, seed = case
    rng: Any = PlainRecord(new_rng()[0])
    rng.s0, rng.s1, rng.s2, rng.s3 = (random.Random(seed).getrandbits(64) for _ in range(4))
    sched: Any = PlainRecord(new_sched()[0])
    take_step, next_task, note, over = plain(checked_step), plain(choose), plain(took), plain(case_over)
    plain(reset)(topo, prog, state, True)
    plain(begin)(sched, state, rng)
    for _ in range(STEPS_MOST):
        if over(state):
            return violations_of(state), (state.nr_steps, tuple(state.hazard), state.waste_pages, state.alloc_ops)
        t = next_task(sched, topo, prog, state, rng)
        if t < 0:
            return "stuck", None
        label = state.pc[t]
        take_step(topo, prog, state, t, CHECK_TOUCHED)
        note(sched, t, label)
    return "overlong", None


def install(mutant: SourceMutant) -> None:
    """Put the mutant in place of its function, wherever the engine has it by name. Only in a process that ends soon."""
    module = sys.modules[f"percpu_fuzz.engine.kernel.{mutant.module}"]
    old = getattr(module, mutant.function)
    tree = mutated(functions_of(ROOT / "engine" / "kernel" / f"{mutant.module}.py")[mutant.function], mutant)
    names = module.__dict__
    exec(compile(ast.Module([tree], []), f"{mutant.module}.py", "exec"), names)
    new = names[mutant.function]
    for name, loaded in list(sys.modules.items()):
        ours = name.startswith(("percpu_fuzz.engine.", "percpu_fuzz.strategies."))
        if ours and getattr(loaded, mutant.function, None) is old:
            setattr(loaded, mutant.function, new)


_cases: list[Case] = []
_expected: list[tuple[object, object]] = []


def fate(mutant: SourceMutant) -> tuple[str, int]:
    """("broken", "counted" or "survived", cases run) of a mutant, in a process of its own."""
    from percpu_fuzz.engine.core import compiled

    compiled._twins.clear()
    install(mutant)
    signal.signal(signal.SIGALRM, _hang)
    counted = 0
    for number, (case, expected) in enumerate(zip(_cases, _expected, strict=True), 1):
        signal.alarm(HANGS_SECONDS)
        try:
            found = verdict(case)
        except Exception:
            return "broken", number
        finally:
            signal.alarm(0)
        if found[0] != expected[0]:
            return "broken", number
        counted = counted or (number if found[1] != expected[1] else 0)
    return ("counted", counted) if counted else ("survived", len(_cases))


def _hang(_number: int, _frame: object) -> None:
    raise TimeoutError


def all_mutants() -> dict[str, list[SourceMutant]]:
    """Mutants by function ("module.function")."""
    found: dict[str, list[SourceMutant]] = {}
    for module in MODULES:
        for name, function in functions_of(ROOT / "engine" / "kernel" / f"{module}.py").items():
            if "slip" not in name:  # what no variant but a mutant of the catalogue runs
                found[f"{module}.{name}"] = list(mutants_of(module, function))
    return found


def in_turns(mutants: dict[str, list[SourceMutant]]) -> list[SourceMutant]:
    """One mutant of each function, then a second of each, and so on; which, is shuffled once and for all."""
    shuffled = {name: random.Random(name).sample(rows, len(rows)) for name, rows in mutants.items()}
    deepest = max(map(len, shuffled.values()))
    return [rows[i] for i in range(deepest) for rows in shuffled.values() if i < len(rows)]


def version() -> str:
    """Of the engine's sources and of this campaign."""
    digest = hashlib.sha256()
    for path in [*sorted((ROOT / "engine").rglob("*.py")), Path(__file__)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def load() -> dict[str, Any]:
    """Fates by mutant's name, of this version of the source only."""
    kept = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    return kept if kept.get("version") == version() else {"version": version(), "fates": {}}


def run(seconds: float, workers: int) -> int:
    """Print kills by function and the survivors; 1 if a function has no mutant or none of its mutants is killed."""
    global _cases, _expected
    mutants, kept = all_mutants(), load()
    _cases = cases()
    _expected = [verdict(case) for case in _cases]
    waiting = [mutant for mutant in in_turns(mutants) if mutant.name not in kept["fates"]]
    until = time.monotonic() + seconds
    with multiprocessing.get_context("fork").Pool(workers, maxtasksperchild=1) as pool:
        for mutant, answer in zip(waiting, pool.imap(fate, waiting, chunksize=1), strict=True):
            kept["fates"][mutant.name] = answer
            if time.monotonic() > until:
                pool.terminate()
                break
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    return report(mutants, kept["fates"])


def report(mutants: dict[str, list[SourceMutant]], fates: dict[str, Any]) -> int:
    """The table, the survivors, the score."""
    bare = [name for name, rows in mutants.items() if not rows]
    print(f"{'function':42} mutants    run broken counted")
    for name, rows in mutants.items():
        seen = [fates[mutant.name][0] for mutant in rows if mutant.name in fates]
        print(f"{name:42} {len(rows):7d} {len(seen):6d} {seen.count('broken'):6d} {seen.count('counted'):7d}")
    done = [(mutant, fates[mutant.name][0]) for rows in mutants.values() for mutant in rows if mutant.name in fates]
    for mutant, fate_ in done:
        if fate_ == "survived":
            print(f"survived: {mutant.name}")
    broken, counted = (sum(fate_ == way for _, fate_ in done) for way in ("broken", "counted"))
    share = 100 * (broken + counted) / max(1, len(done))
    total = sum(map(len, mutants.values()))
    print(f"{len(done)} of {total} mutants run: {broken} killed by an invariant, {counted} by a count: {share:.1f}%")
    for name in bare:
        print(f"no mutant: {name}")
    return 1 if bare else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--time", type=float, default=600.0, help="seconds")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    return run(given.time, given.workers)


if __name__ == "__main__":
    sys.exit(main())
