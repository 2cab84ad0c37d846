"""Mutation of the engine itself: `make mutate` (FILES="post_hook obj_stock", TIME=seconds) changes the source of what
is compiled of the engine, one small change at a time, and lets cases in plain mode look for it.

A mutant is run on cases that reach its statement. It is killed if one of them ends otherwise than on the engine as it
is: by an invariant (other ones break, an exception, a case that hangs); failing that, by what a campaign counts (steps,
events, hazards, waste, the probe, at which step an invariant broke); failing that too, by what the kernel shows while
it runs and recordings are compared by (memory.current and .stat, free pages, where areas lie, percpu_stats). Survivors
are printed by kind, those of equivalent_mutants.py with their reason. Functions that hold planted slips only are left
out. Functions take turns in a shuffled, fixed order, so that a short run is an even sample; out/mutation.json keeps
what is known of this source, and another run goes on from there.
"""

from __future__ import annotations

import argparse
import ast
import gc
import hashlib
import json
import multiprocessing
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing import connection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
sys.path.insert(0, str(ROOT))

from equivalent_mutants import reason_of  # noqa: E402
from mutation_cases import PATHS, MutationCase, Verdict, hunted, pool, searched, traced, verdict  # noqa: E402
from source_mutants import SourceMutant, functions_of, mutants_of, mutated  # noqa: E402

from percpu_fuzz.engine.core import compiled  # noqa: E402
from percpu_fuzz.strategies.run.walk import CHECK_ALL, CHECK_TOUCHED  # noqa: E402

KEPT = ROOT / "out" / "mutation.json"
CASES_MOST, CASES_LEAST, AFTER_TOLD = (
    192,
    16,
    4,
)  # of a mutant; of an equivalent one; after one told it apart by a count
HANGS_SECONDS = 1.0  # of CPU time, a case, which takes a hundredth
KEPT_EVERY = 100  # mutants
BROKEN, SURVIVED, UNREACHED, EQUIVALENT = "broken", "survived", "unreached", "equivalent"
WAYS = COUNTED, SHOWN = "counted", "shown"  # what tells a mutant apart that breaks no other invariant
KINDS = {  # of survivors, by what stands in the statement: the first that does
    "touch_": "marks what the checks after a step look at; in the teardown they look at all rows, three times",
    "hazard(": "counts a rare situation, for the report",
    "note_": "keeps what a report or an oracle reads",
    "violate(": "says that something is broken",
    "prog.v_": "a choice of variants and mutants",
    "SLIP_": "a planted mistake's line",
    "goto(": "where the task goes on",
    "stir(": "says that others may step now: tests/strategies/run/test_runnable.py compares that with the rule",
    "": "what the engine does",
}
FORK = multiprocessing.get_context("fork")

_pool: list[MutationCase] = []
_expected: list[Verdict] = []
_reaching: dict[tuple[str, int], list[int]] = {}  # cases by statement


def install(mutant: SourceMutant) -> None:
    """Put the mutant in place of its function, wherever the engine has it by name. Only in a process that ends soon."""
    path = PATHS[mutant.module]
    module = sys.modules[f"percpu_fuzz.engine.{path.parent.name}.{mutant.module}"]
    old = getattr(module, mutant.function)
    tree = mutated(functions_of(path)[mutant.function], mutant)
    names = module.__dict__
    exec(compile(ast.Module([tree], []), path.name, "exec"), names)
    new = names[mutant.function]
    for name, loaded in list(sys.modules.items()):
        if name.startswith(("percpu_fuzz.engine.", "percpu_fuzz.strategies.", "mutation_cases")):
            made = [value.py_func.__globals__ for value in vars(loaded).values() if hasattr(value, "py_func")]
            for scope in (vars(loaded), *made):  # what follows from lists (engine/core/derived.py) has its own
                if scope.get(mutant.function) is old:
                    scope[mutant.function] = new


def fate(mutant: SourceMutant, answer: Any) -> None:
    """Send (what became of a mutant, cases run). Only in a process of its own."""
    chosen = chosen_cases(mutant)
    checks = CHECK_ALL if mutant.function == "check_everything" else CHECK_TOUCHED  # both find the same, at once
    gc.disable()
    compiled._twins.clear()
    install(mutant)
    signal.signal(signal.SIGVTALRM, _hang)
    first: dict[str, int] = {}
    for number, place in enumerate(chosen, 1):
        found = timed(_pool[place], checks)
        if found is None or found[0] != _expected[place][0]:
            answer.send((BROKEN, number))
            return
        told = [way for way, its, wanted in zip(WAYS, found[1:], _expected[place][1:], strict=True) if its != wanted]
        first = {way: first.get(way, number) for way in (*first, *told)}
        if first and number >= min(first.values()) + AFTER_TOLD:
            break
    answer.send(next(((way, first[way]) for way in WAYS if way in first), (SURVIVED, len(chosen))))


def chosen_cases(mutant: SourceMutant) -> list[int]:
    """Of the cases that reach the statement, each kind and each set of broken invariants in turn; those that break
    something first where the change is in what judges them or marks what is to be judged, or in what variants decide.
    A few do for what is known to be equivalent.
    """
    cases = _reaching[mutant.module, mutant.line]
    if mutant.function == "check_everything":  # on class wide too slow to be done after each step
        cases = [place for place in cases if _pool[place].topo.by_count == 0]
    judges = PATHS[mutant.module].parent.name == "checks" or "touch_" in mutant.statement
    first = judges or "prog.v_" in mutant.statement
    seen = Counter[object]()
    turns: list[tuple[bool, int, int]] = []
    for place in random.Random(mutant.name).sample(cases, len(cases)):
        alike = _expected[place][0] if judges else (_pool[place].kind, _expected[place][0])
        seen[alike] += 1
        turns.append((first and not _expected[place][0], seen[alike], place))
    turns.sort(key=lambda turn: turn[:2])
    return [place for *_, place in turns][: CASES_LEAST if reason_of(mutant.name) else CASES_MOST]


def timed(case: MutationCase, checks: int) -> Verdict | None:
    """The verdict of a case; None if it raises or hangs."""
    signal.setitimer(signal.ITIMER_VIRTUAL, HANGS_SECONDS)
    try:
        return verdict(case, checks)
    except Exception:
        return None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _hang(_number: int, _frame: object) -> None:
    raise TimeoutError


def fates(mutants: Sequence[SourceMutant], workers: int) -> Iterator[tuple[SourceMutant, tuple[str, int]]]:
    """Mutants and their fates as they come: each is run in a process that is forked for it from this one, which is
    warm. A process that dies has killed its mutant.
    """
    waiting, running = iter(mutants), dict[Any, tuple[SourceMutant, Any]]()
    try:
        while True:
            for mutant in waiting:
                if not _reaching.get((mutant.module, mutant.line)):
                    yield mutant, (UNREACHED, 0)
                    continue
                ours, theirs = FORK.Pipe(duplex=False)
                process = FORK.Process(target=fate, args=(mutant, theirs))
                process.start()
                theirs.close()
                running[ours] = mutant, process
                if len(running) >= workers:
                    break
            if not running:
                return
            for ours in connection.wait(list(running)):
                mutant, process = running.pop(ours)
                try:
                    found = ours.recv()
                except EOFError:
                    found = BROKEN, 0
                process.join()
                yield mutant, found
    finally:
        for _, process in running.values():
            process.terminate()


def all_mutants(files: Sequence[str]) -> dict[str, list[SourceMutant]]:
    """Mutants by function ("module.function")."""
    found: dict[str, list[SourceMutant]] = {}
    for module in files:
        for name, function in functions_of(PATHS[module]).items():
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
    ours = [ROOT / "tests" / "support" / f"{name}.py" for name in ("mutation_cases", "source_mutants")]
    for path in [*sorted((ROOT / "engine").rglob("*.py")), *ours]:
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
    with FORK.Pool(1) as process:  # what is compiled stays there: the processes of mutants are forked from here
        broken = process.map(searched, range(len(hunted())))
    _pool[:] = pool(enumerate(broken))
    with FORK.Pool(workers) as processes:
        for place, (found, lines) in enumerate(processes.imap(_traced, range(len(_pool)), chunksize=8)):
            _expected.append(found)
            if found[0] not in ("stuck", "overlong"):
                for line in lines:
                    _reaching.setdefault(line, []).append(place)
    gc.collect()
    gc.freeze()


def _traced(place: int) -> tuple[Verdict, Any]:
    return traced(_pool[place])


def run(files: Sequence[str], seconds: float, workers: int) -> dict[str, Any]:
    """Run what is not known yet, as far as time goes; what is known then."""
    kept = load()
    waiting = [mutant for mutant in in_turns(all_mutants(files)) if mutant.name not in kept["fates"]]
    until = time.monotonic() + seconds
    if waiting:
        prepare(workers)
        print(f"{len(_pool)} cases reach {len(_reaching)} statements, {len(waiting)} mutants", flush=True)
    for number, (mutant, answer) in enumerate(fates(waiting, workers), 1):
        kept["fates"][mutant.name] = answer
        if number % KEPT_EVERY == 0:
            keep(kept)
            print(f"{number} run", flush=True)
        if time.monotonic() > until:
            break
    keep(kept)
    found: dict[str, Any] = kept["fates"]
    return found


def kind_of(mutant: SourceMutant) -> str:
    """Of a survivor: the first of KINDS that its statement holds."""
    return next(sign for sign in KINDS if sign in mutant.statement)


def judged(mutant: SourceMutant, way: str) -> str:
    """What became of a mutant; of one that no case told apart, whether it is known to be equivalent."""
    return EQUIVALENT if way in (SURVIVED, UNREACHED) and reason_of(mutant.name) else way


def score(files: Sequence[str], known: dict[str, Any]) -> dict[str, Any]:
    """The numbers: mutants, those run, what became of them, the share killed of all run and of those not equivalent."""
    every = [mutant for rows in all_mutants(files).values() for mutant in rows]
    ways = Counter(judged(mutant, known[mutant.name][0]) for mutant in every if mutant.name in known)
    done, killed = ways.total(), ways[BROKEN] + ways[COUNTED] + ways[SHOWN]
    return {
        "mutants": len(every), "run": done, **{way: ways[way] for way in (BROKEN, COUNTED, SHOWN, SURVIVED, UNREACHED)},
        EQUIVALENT: ways[EQUIVALENT], "killed_of_all": killed / max(1, done),
        "killed_of_others": killed / max(1, done - ways[EQUIVALENT]), "wrong": wrong_rows(every, known),
    }  # fmt: skip


def wrong_rows(mutants: Sequence[SourceMutant], known: dict[str, Any]) -> list[str]:
    """Mutants that a row calls equivalent, and a case told apart."""
    told = [mutant.name for mutant in mutants if known.get(mutant.name, [""])[0] in (BROKEN, *WAYS)]
    return [name for name in told if reason_of(name)]


def report(files: Sequence[str], known: dict[str, Any]) -> None:
    """Print the table, the survivors by kind, the equivalent ones by reason, the score."""
    mutants = all_mutants(files)
    print(f"{'function':42} mutants    run broken counted  shown")
    for name, rows in mutants.items():
        seen = [known[mutant.name][0] for mutant in rows if mutant.name in known]
        killed = f"{seen.count(BROKEN):6d} {seen.count(COUNTED):7d} {seen.count(SHOWN):6d}"
        print(f"{name:42} {len(rows):7d} {len(seen):6d} {killed}")
    done = [(m, judged(m, known[m.name][0])) for rows in mutants.values() for m in rows if m.name in known]
    list_by(EQUIVALENT, [(m, str(reason_of(m.name))) for m, way in done if way == EQUIVALENT])
    for way in (UNREACHED, SURVIVED):
        list_by(way, [(m, KINDS[kind_of(m)]) for m, found in done if found == way])
    found = score(files, known)
    print("".join(f"said to be equivalent, and killed: {name}\n" for name in found["wrong"]), end="")
    print(
        f"{found['run']} of {found['mutants']} mutants run: {found[BROKEN]} killed by an invariant, {found[COUNTED]} "
        f"by a count, {found[SHOWN]} by what the kernel shows, "
        f"{found[SURVIVED]} survived, {found[UNREACHED]} reached by no case, {found[EQUIVALENT]} "
        f"equivalent: {found['killed_of_all']:.1%} killed, {found['killed_of_others']:.1%} of those not equivalent"
    )


def list_by(way: str, found: Sequence[tuple[SourceMutant, str]]) -> None:
    """Print mutants under the words that they share, most first."""
    for words, number in Counter(words for _, words in found).most_common():
        print(f"{way}, {words}: {number}")
        for mutant, its in found:
            if its == words:
                print(f"  {mutant.name}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--time", type=float, default=600.0, help="seconds")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="of engine, without .py; all that are compiled if none"
    )
    given = parser.parse_args()
    for name in given.files:
        if name not in PATHS:
            print(f"mutation: {name!r}; allowed: {', '.join(PATHS)}", file=sys.stderr)
            return 2
    files = given.files or tuple(PATHS)
    known = run(files, given.time, given.workers)
    report(files, known)
    return 0 if known else 1


if __name__ == "__main__":
    sys.exit(main())
