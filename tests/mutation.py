"""Mutation of the engine itself: `make mutate` (FILES="post_hook obj_stock", TIME=seconds) changes the source of the
modelled kernel, one small change at a time, and lets cases in plain mode look for it.

A mutant is run on cases that reach its statement. It is killed if one of them ends otherwise than on the engine as it
is: by an invariant (another violation, an exception, a case that hangs), or, failing that, by what a campaign counts
(steps, events, hazards, waste, the probe). Survivors are printed by kind. Functions that hold planted slips only are
left out. Functions take turns in a shuffled, fixed order, so that a short run is an even sample; out/mutation.json
keeps what is known of this source, and another run goes on from there.
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
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
sys.path.insert(0, str(ROOT))

from mutation_cases import KERNEL, MutationCase, Verdict, pool, statements, traced, verdict  # noqa: E402
from source_mutants import SourceMutant, functions_of, mutants_of, mutated  # noqa: E402

from percpu_fuzz.engine.core import compiled  # noqa: E402

FILES = tuple(sorted(path.stem for path in KERNEL.glob("*.py") if path.stem != "__init__"))
KEPT = ROOT / "out" / "mutation.json"
CASES_MOST, AFTER_COUNTED = 16, 4  # of a mutant; of one that was killed by a count
HANGS_SECONDS = 5.0  # of CPU time, a case
BROKEN, COUNTED, SURVIVED, UNREACHED = "broken", "counted", "survived", "unreached"
KINDS = {  # of survivors, by what stands in the statement: the first that does
    "touch_": "marks what the checks after a step look at; at rest they look at everything",
    "hazard(": "counts a rare situation, for the report",
    "note_": "keeps what a report or an oracle reads",
    "violate(": "says that something is broken",
    "prog.v_": "a choice of variants and mutants",
    "SLIP_": "a planted mistake's line",
    "goto(": "where the task goes on",
    "": "what the kernel does",
}


_pool: list[MutationCase] = []
_expected: list[Verdict] = []
_reaching: dict[tuple[str, int], list[int]] = {}  # cases by statement
_first_lines: dict[str, dict[int, int]] = {}


def install(mutant: SourceMutant) -> None:
    """Put the mutant in place of its function, wherever the engine has it by name. Only in a process that ends soon."""
    module = sys.modules[f"percpu_fuzz.engine.kernel.{mutant.module}"]
    old = getattr(module, mutant.function)
    tree = mutated(functions_of(KERNEL / f"{mutant.module}.py")[mutant.function], mutant)
    names = module.__dict__
    exec(compile(ast.Module([tree], []), f"{mutant.module}.py", "exec"), names)
    new = names[mutant.function]
    for name, loaded in list(sys.modules.items()):
        ours = name.startswith(("percpu_fuzz.engine.", "percpu_fuzz.strategies."))
        if ours and getattr(loaded, mutant.function, None) is old:
            setattr(loaded, mutant.function, new)


def statement_of(mutant: SourceMutant) -> tuple[str, int]:
    """File and first line of the statement that is changed."""
    if mutant.module not in _first_lines:
        _first_lines[mutant.module] = statements(mutant.module)
    return mutant.module, _first_lines[mutant.module][mutant.line]


def fate(mutant: SourceMutant) -> tuple[str, int]:
    """(what became of it, cases run) of a mutant, in a process of its own."""
    cases = _reaching.get(statement_of(mutant), [])
    if not cases:
        return UNREACHED, 0
    chosen = random.Random(mutant.name).sample(cases, min(CASES_MOST, len(cases)))
    compiled._twins.clear()
    install(mutant)
    signal.signal(signal.SIGVTALRM, _hang)
    counted = 0
    for number, place in enumerate(chosen, 1):
        signal.setitimer(signal.ITIMER_VIRTUAL, HANGS_SECONDS)
        try:
            found = verdict(_pool[place])
        except Exception:
            return BROKEN, number
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if found[0] != _expected[place][0]:
            return BROKEN, number
        counted = counted or (number if found[1] != _expected[place][1] else 0)
        if counted and number >= counted + AFTER_COUNTED:
            break
    return (COUNTED, counted) if counted else (SURVIVED, len(chosen))


def _hang(_number: int, _frame: object) -> None:
    raise TimeoutError


def all_mutants(files: Sequence[str]) -> dict[str, list[SourceMutant]]:
    """Mutants by function ("module.function")."""
    found: dict[str, list[SourceMutant]] = {}
    for module in files:
        for name, function in functions_of(KERNEL / f"{module}.py").items():
            if "slip" not in name:  # what no variant but a mutant of the catalogue runs
                found[f"{module}.{name}"] = list(mutants_of(module, function))
    return found


def in_turns(mutants: dict[str, list[SourceMutant]]) -> list[SourceMutant]:
    """One mutant of each function, then a second of each, and so on; which, is shuffled once and for all."""
    shuffled = {name: random.Random(name).sample(rows, len(rows)) for name, rows in mutants.items()}
    deepest = max(map(len, shuffled.values()), default=0)
    return [rows[i] for i in range(deepest) for rows in shuffled.values() if i < len(rows)]


def version() -> str:
    """Of the engine's sources and of these cases."""
    digest = hashlib.sha256()
    ours = [Path(__file__), *(ROOT / "tests" / "support").glob("*muta*.py")]
    for path in [*sorted((ROOT / "engine").rglob("*.py")), *sorted(ours)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def load() -> dict[str, Any]:
    """Fates by mutant's name, of this version of the source only."""
    kept = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    return kept if kept.get("version") == version() else {"version": version(), "fates": {}}


def keep(kept: dict[str, Any]) -> None:
    """Write what is known at once; a run that is killed loses what came since."""
    KEPT.parent.mkdir(exist_ok=True)
    part = KEPT.with_suffix(".part")
    part.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    part.replace(KEPT)


def prepare(workers: int) -> None:
    """Draw the cases, and run each once on the engine as it is."""
    _pool[:] = pool()
    with multiprocessing.get_context("fork").Pool(workers) as processes:
        for place, (found, lines) in enumerate(processes.imap(_traced, range(len(_pool)), chunksize=8)):
            _expected.append(found)
            if found[0] not in ("stuck", "overlong"):
                for line in lines:
                    _reaching.setdefault(line, []).append(place)


def _traced(place: int) -> tuple[Verdict, Any]:
    return traced(_pool[place])


def run(files: Sequence[str], seconds: float, workers: int) -> int:
    """Print kills by function and the survivors; 1 if nothing was run."""
    mutants, kept = all_mutants(files), load()
    waiting = [mutant for mutant in in_turns(mutants) if mutant.name not in kept["fates"]]
    until = time.monotonic() + seconds
    if waiting:
        prepare(workers)
        print(f"{len(_pool)} cases reach {len(_reaching)} lines, {len(waiting)} mutants", flush=True)
    with multiprocessing.get_context("fork").Pool(workers, maxtasksperchild=1) as processes:
        for number, (mutant, answer) in enumerate(zip(waiting, processes.imap(fate, waiting), strict=True), 1):
            kept["fates"][mutant.name] = answer
            if number % 50 == 0:
                keep(kept)
                print(f"{number} run", flush=True)
            if time.monotonic() > until:
                processes.terminate()
                break
    keep(kept)
    return report(mutants, kept["fates"])


def kind_of(mutant: SourceMutant) -> str:
    """Of a survivor: the first of KINDS that its statement holds."""
    module, line = statement_of(mutant)
    text = (KERNEL / f"{module}.py").read_text().splitlines()[line - 1]
    return next(sign for sign in KINDS if sign in text)


def report(mutants: dict[str, list[SourceMutant]], fates: dict[str, Any]) -> int:
    """The table, the survivors by kind, the score."""
    print(f"{'function':42} mutants    run broken counted")
    for name, rows in mutants.items():
        seen = [fates[mutant.name][0] for mutant in rows if mutant.name in fates]
        print(f"{name:42} {len(rows):7d} {len(seen):6d} {seen.count(BROKEN):6d} {seen.count(COUNTED):7d}")
    done = [(mutant, fates[mutant.name][0]) for rows in mutants.values() for mutant in rows if mutant.name in fates]
    ways = Counter(way for _, way in done)
    for way in (UNREACHED, SURVIVED):
        left = [mutant for mutant, found in done if found == way]
        for sign, number in Counter(map(kind_of, left)).most_common():
            print(f"{way}, {KINDS[sign]}: {number}")
            for mutant in left:
                if kind_of(mutant) == sign:
                    print(f"  {mutant.name}")
    share = 100 * (ways[BROKEN] + ways[COUNTED]) / max(1, len(done))
    total = sum(map(len, mutants.values()))
    print(
        f"{len(done)} of {total} mutants run: {ways[BROKEN]} killed by an invariant, {ways[COUNTED]} by a count, "
        f"{ways[SURVIVED]} survived, {ways[UNREACHED]} reached by no case: {share:.1f}% killed"
    )
    return 0 if done else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--time", type=float, default=600.0, help="seconds")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("files", nargs="*", metavar="FILE", help="of engine/kernel, without .py; all of them if none")
    given = parser.parse_args()
    for name in given.files:
        if name not in FILES:
            print(f"mutation: {name!r}; allowed: {', '.join(FILES)}", file=sys.stderr)
            return 2
    return run(given.files or FILES, given.time, given.workers)


if __name__ == "__main__":
    sys.exit(main())
