"""A user's file as data and code: the text is run, its Variants are found, its marked functions are checked and taken.

Whatever is wrong with a file is one InputError that names the file and, where there is one, the line.
"""

from __future__ import annotations

import ast
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from textwrap import shorten
from types import FunctionType
from typing import Any

from percpu_fuzz.engine.core.evidence import OWN_INVARIANTS
from percpu_fuzz.engine.core.labels import NR_MODEL, OWN_NAMES
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.own.engine_names import engine_functions, nearest, parameters_of
from percpu_fuzz.engine.own.hook_sources import CLAIM_WORDS, clearing, hook_functions, hooks_of
from percpu_fuzz.engine.own.marks import CHECKER, REPLACES, STEP, Mark, mark_of
from percpu_fuzz.engine.own.rules import GUARD_NAMES, StepRules, guarded
from percpu_fuzz.engine.variant import JUDGE_EXACT, JUDGE_SPARE, JUDGE_TIGHT, VARIANTS, OwnFile, Variant

CLAIMS = {"tight": JUDGE_TIGHT, "spare page": JUDGE_TIGHT | JUDGE_SPARE, "exact nodes": JUDGE_EXACT}
WORDS_MOST = 64  # of what an invariant says
MODULE = "percpu_fuzz.own"  # that a file's functions are of: kept machine code imports it when it is loaded
STEP_PARAMETERS = ("topo", "prog", "st", "t")


@dataclass(frozen=True, slots=True)
class OwnCode:
    """What a file brings. variants: by the name in the file. replaced: what takes an engine function's place.

    functions: every function of the file that steps reach, and the hooks written for it. words: of own labels.
    invariants: what each own invariant says, by its name. judge: claims as data.
    """

    variants: dict[str, Variant]
    replaced: dict[FunctionType, FunctionType] = field(default_factory=dict)
    functions: frozenset[FunctionType] = frozenset()
    words: dict[str, str] = field(default_factory=dict)
    invariants: dict[str, str] = field(default_factory=dict)
    judge: int = 0

    @property
    def has_code(self) -> bool:
        """Whether its variant needs an engine of its own."""
        return bool(self.replaced)


_read: dict[tuple[str, str, str], OwnCode] = {}


def own_code(own: OwnFile) -> OwnCode:
    """The code of a variant's file."""
    return read_own_file(own.text, own.path, own.checker)


def read_own_file(text: str, path: str, checker: str = "") -> OwnCode:
    """Run a file's text, once in a process, and take what it brings. InputError for what cannot be.

    checker: the one that is wanted; empty for all.
    """
    key = (text, path, checker)
    if key not in _read:
        _read[key] = FileReader(text, path, checker).code()
    return _read[key]


def described_own(variant: Variant) -> dict[str, Any]:
    """What a report says of a variant from a file, as data fit for JSON; nothing of one of the engine's own.

    differs: its choices that are not those of the variant that it is based on. claims: as data. invariants: what its
    own claims and checkers say, by name.
    """
    own = variant.own
    if own is None:
        return {}
    code = own_code(own)
    row: dict[str, Any] = {
        "name": own.title, "summary": variant.summary, "file": own.digest, "based on": variant.based_on,
        "differs": variant.differs(VARIANTS[variant.based_on]),
        "replaces": sorted(function.__name__ for function in code.replaced if function not in hook_functions()),
        "steps": code.words, "claims": [words for words, bits in CLAIMS.items() if bits & ~code.judge == 0],
        "invariants": code.invariants,
    }  # fmt: skip
    return {"choices": variant.choices(), "judge": variant.judge, "own": row}


def own_words(variant: Variant) -> dict[str, str]:
    """What the steps of a variant's own file say of themselves, by label."""
    return {} if variant.own is None or not variant.own.has_code else own_code(variant.own).words


def own_invariants(variant: Variant) -> dict[str, str]:
    """What the claims and checkers of a variant's own file say, by the invariant's name."""
    return {} if variant.own is None or not variant.own.has_code else own_code(variant.own).invariants


def last_line(error: BaseException, path: str) -> int:
    """The line of the file where an exception passed last; 0 if nowhere."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return error.lineno or 0
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return (lines[-1] or 0) if lines else 0


class FileReader:
    """Reads one file; see read_own_file. taken: by function of the file, its form with the guards of own/rules.py."""

    def __init__(self, text: str, path: str, checker: str = "") -> None:
        self.text = text
        self.checker = checker
        self.path = path
        self.scope: dict[str, Any] = {"__name__": MODULE, "__file__": path}
        self.nodes: dict[str, ast.FunctionDef] = {}
        self.taken: dict[FunctionType, FunctionType] = {}
        self.taking: list[FunctionType] = []

    def refuse(self, line: int, given: str, allowed: str) -> InputError:
        """The error about a line of the file, 0 for none."""
        return InputError(f"{self.path}:{line}" if line else self.path, given, allowed)

    def code(self) -> OwnCode:
        """All that the file brings."""
        self.run()
        variants = {name: value for name, value in self.scope.items() if isinstance(value, Variant)}
        replaced = {self.replaced_by(function): self.take(function) for function, _ in self.marked(REPLACES)}
        steps = [self.step(function, mark) for function, mark in self.marked(STEP)]
        words = {OWN_NAMES[label - NR_MODEL]: said for label, said, _, _ in steps}
        if len(words) < len(steps):
            raise self.refuse(0, "two steps at one label", "each of OWN_1 to OWN_16 at most once")
        judge, claims = self.claims()
        checkers = self.checkers()
        for function in checkers:
            self.demand(function, STEP_PARAMETERS)
        invariants = self.invariants([*claims, *checkers])
        hooks = hooks_of(
            [(label, function, when) for label, _, function, when in steps],
            [(self.take(function), parameters_of(function)) for function in claims],
            [self.take(function) for function in checkers],
        )
        if replaced or hooks:
            replaced |= hooks | clearing()
        functions = frozenset((*self.taken.values(), *hooks.values()))
        return OwnCode(variants, replaced, functions, words, invariants, judge)

    def checkers(self) -> list[FunctionType]:
        """The file's checkers, or the one that is wanted."""
        found = [function for function, _ in self.marked(CHECKER)]
        if not self.checker:
            return found
        wanted = [function for function in found if function.__name__ == self.checker]
        if not wanted:
            names = ", ".join(function.__name__ for function in found) or "a function below @checker"
            raise self.refuse(0, f"no checker {self.checker!r}", names)
        return wanted

    def run(self) -> None:
        """Run the text; whatever it raises names its line."""
        try:
            tree = ast.parse(self.text, self.path)
            self.nodes = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
            exec(compile(self.text, self.path, "exec"), self.scope)
        except BaseException as error:  # a file may raise anything, KeyboardInterrupt too; ours goes to a handler
            message = error.msg if isinstance(error, SyntaxError) else str(error)
            given = " ".join(f"raises {type(error).__name__}: {message}".split())
            raise self.refuse(last_line(error, self.path), given, "a file that runs") from None

    def marked(self, kind: str) -> Iterator[tuple[FunctionType, Mark]]:
        """The functions that are marked as `kind`, in the order of their lines."""
        seen: set[int] = set()
        for name, value in self.scope.items():
            mark = mark_of(value)
            if mark is None or mark.kind != kind or id(value) in seen:
                continue
            seen.add(id(value))
            if not isinstance(value, FunctionType):
                raise self.refuse(0, f"{name} is marked {kind} and no function", "def NAME(...) below the mark")
            yield value, mark

    def demand(self, function: FunctionType, wanted: tuple[str, ...]) -> None:
        """InputError for another number of parameters."""
        given = parameters_of(function)
        if len(given) != len(wanted):
            raise self.refuse(
                function.__code__.co_firstlineno, f"{function.__name__}({', '.join(given)})",
                f"{function.__name__}({', '.join(wanted)})",
            )  # fmt: skip

    def replaced_by(self, function: FunctionType) -> FunctionType:
        """The engine's function whose place a function takes."""
        name, known = function.__name__, engine_functions()
        if name not in known:
            hint = f"; the nearest is {nearest(name)}" if nearest(name) else ""
            line = function.__code__.co_firstlineno
            raise self.refuse(line, f"the engine has no function {name!r}", f"a name in docs/MODEL.md{hint}")
        self.demand(function, parameters_of(known[name]))
        return known[name]

    def step(self, function: FunctionType, mark: Mark) -> tuple[int, str, FunctionType, FunctionType | None]:
        """(label, words, the step, what it waits for) of a function that is marked as a step."""
        line = function.__code__.co_firstlineno
        if type(mark.label) is not int or not NR_MODEL <= mark.label < NR_MODEL + len(OWN_NAMES):
            raise self.refuse(line, f"a step at label {mark.label!r}", f"{OWN_NAMES[0]} to {OWN_NAMES[-1]}")
        if not isinstance(mark.words, str) or not 0 < len(mark.words) <= 40 or not mark.words.isprintable():
            raise self.refuse(line, f"a step named {mark.words!r}", "1 to 40 printable characters")
        self.demand(function, STEP_PARAMETERS)
        if mark.when is None:
            return mark.label, mark.words, self.take(function), None
        if not isinstance(mark.when, FunctionType):
            raise self.refuse(line, f"when = {mark.when!r}", "a function (topo, prog, st, t) of the file")
        self.demand(mark.when, STEP_PARAMETERS)
        return mark.label, mark.words, self.take(function), self.take(mark.when)

    def claims(self) -> tuple[int, list[FunctionType]]:
        """The file's CLAIMS: claims that the engine knows as bits, and functions over the numbers of an operation."""
        given = self.scope.get("CLAIMS", ())
        if not isinstance(given, list | tuple):
            raise self.refuse(0, f"CLAIMS is {type(given).__name__}", "a list")
        judge, functions = 0, []
        for claim in given:
            if isinstance(claim, str) and claim in CLAIMS:
                judge |= CLAIMS[claim]
            elif isinstance(claim, FunctionType):
                unknown = [name for name in parameters_of(claim) if name not in CLAIM_WORDS]
                if unknown:
                    line = claim.__code__.co_firstlineno
                    raise self.refuse(line, f"a claim about {', '.join(unknown)}", ", ".join(CLAIM_WORDS))
                functions.append(claim)
            else:
                raise self.refuse(0, f"CLAIMS holds {claim!r}", f"a function, or {', '.join(map(repr, CLAIMS))}")
        return judge, functions

    def invariants(self, functions: list[FunctionType]) -> dict[str, str]:
        """Names of own invariants, and the first line of each one's docstring."""
        if len(functions) > len(OWN_INVARIANTS):
            raise self.refuse(0, f"{len(functions)} claims and checkers", f"at most {len(OWN_INVARIANTS)}")
        said = [shorten((f.__doc__ or f.__name__).strip().splitlines()[0].rstrip("."), WORDS_MOST) for f in functions]
        return dict(zip(OWN_INVARIANTS, said, strict=False))

    def take(self, function: FunctionType) -> FunctionType:
        """The function with guards, checked, and so all functions of the file that it calls."""
        name, line = function.__name__, function.__code__.co_firstlineno
        if function in self.taken:
            return self.taken[function]
        if function in self.taking:
            raise self.refuse(line, f"{name} calls itself", "loops instead")
        node = self.nodes.get(name)
        if node is None or self.scope.get(name) is not function:
            raise self.refuse(line, f"{name!r} is no function of the file's own", "def NAME(...) at the file's margin")
        StepRules(self.path, self.scope).check(node)
        self.taking.append(function)
        scope = dict(self.scope) | GUARD_NAMES
        for called in function.__code__.co_names:
            value = self.scope.get(called)
            if isinstance(value, FunctionType):
                scope[called] = self.take(value)
        self.taking.pop()
        guard = FunctionType(guarded(node, self.path), scope, name)
        self.taken[function] = guard
        return guard
