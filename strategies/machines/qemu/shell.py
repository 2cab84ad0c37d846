"""Words of a script as a shell reads it: quotes, comments, continuations, and variables that the script itself sets."""

from __future__ import annotations

import ast
import operator
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable

from percpu_fuzz.engine.errors import InputError

WORDS_MAX = 4_000_000
VALUE_MAX = 16 << 20  # characters of a variable, of which each may hold others twice
VALUES_MAX = 64 << 20  # of all values that are put in place of their names
SUMS_MAX, SUM_LENGTH_MAX = 100_000, 1000
SPECIAL = re.compile(r"[\\'\"$`;&|()<>#]")
# What repeats without end gives nothing back (*+): else Python keeps 300 bytes for each time.
TOKEN = re.compile(
    r"(?P<join>\\\r?\n)|(?P<blank>[ \t\r\f\v]+)|(?P<end>[\n;&|()<>]+)|\$?'(?P<single>[^']*)'|"
    r'\$?"(?P<double>(?:[^"\\]|\\.)*+)"|\\(?P<escaped>.)|'
    r"(?P<variable>\$(?:\w+|\{\w+(?::?[-=](?:[^{}$]|\$\{[^{}]*\}|\$)*+)?\}))|"
    r"\$\(\((?P<sum>(?:[^()]|\([^()]*\))*+)\)\)|(?P<call>\$\([^()]*\)|`[^`]*`)|"
    r"(?P<plain>[^\s'\"\\$`;&|()<>]+|\$)",
    re.DOTALL,
)
VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?[-=]((?:[^{}$]|\$\{[^{}]*\}|\$)*+))?\})")
SUM = re.compile(r"\$\(\(((?:[^()]|\([^()]*\))*+)\)\)")
LISTED_JSON = re.compile(r'\{"\S*\}(?=\s|\Z)')  # as ps and top show an argument: without the quotes that it had
OPERATIONS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.floordiv,
    ast.Mod: operator.mod,
}  # fmt: skip
SUM_MAX = 1 << 63
ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=(.*)", re.DOTALL)
HERE_DOCUMENT = re.compile(r"(?<!<)<<-?[ \t]*(['\"]?)(\w+)\1")
BEFORE_ASSIGNMENT = ("export", "local", "readonly", "declare", "then", "else", "do", "sudo", "exec", "env", "time")


class _Reader:
    """Goes through a text once. What only a running shell knows ($1, $(nproc), the environment) stays as written."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.words: list[str] = []
        self.variables: dict[str, list[str]] = {}  # what was assigned, and what was appended to it
        self.values = self.sums = 0  # characters of values that were used so far; sums
        self.parts: list[str] = []  # of the word that is being read
        self.in_word = False
        self.is_first = True  # whether the next word begins a command

    def read(self, text: str) -> None:
        at = 0
        while at < len(text):
            begins = not self.in_word and self.is_first and (at == 0 or text[at - 1] == "\n")
            at = self._line(text, at) if begins else self._token(text, at)
            if len(self.words) > WORDS_MAX:
                raise InputError(self.where, "more words", f"at most {WORDS_MAX}")
        self._end_word()

    def _line(self, text: str, at: int) -> int:
        """A whole line at once if nothing in it is special: a machine of a thousand nodes has a million of them."""
        end = text.find("\n", at)
        line = text[at : end if end >= 0 else len(text)]
        if SPECIAL.search(line):
            return self._token(text, at)
        words = line.split()
        if words and not ASSIGNMENT.fullmatch(words[0]) and words[0] not in BEFORE_ASSIGNMENT:
            self.words += words
            return at + len(line) + 1
        return self._token(text, at)

    def _token(self, text: str, at: int) -> int:
        if not self.in_word and text[at] == "#":
            end = text.find("\n", at)
            return end if end >= 0 else len(text)
        if not self.in_word and (listed := LISTED_JSON.match(text, at)):
            self._add(listed[0])
            return listed.end()
        found = TOKEN.match(text, at)
        if found is None:
            given = f"a quote that does not close: {text[at : at + 40].strip()!a}"
            raise InputError(self.where, given, "words as on a shell's command line")
        kind = found.lastgroup
        if kind in ("blank", "end"):
            self._end_word()
            self.is_first = self.is_first or kind == "end"
        elif kind == "variable":
            self._expand(found[0])
        elif kind == "sum":
            self._add(self._sum(found))
        elif kind != "join":
            value = found[kind or 0] if kind in ("single", "escaped", "plain") else found[0]
            if kind == "double":
                value = re.sub(r'\\(["\\$`]|\n)', lambda m: "" if m[1] == "\n" else m[1], found["double"])
                value = VARIABLE.sub(self._value, SUM.sub(self._sum, value))
            self._add(value)
        return found.end()

    def _add(self, text: str) -> None:
        self.parts.append(text)
        self.in_word = True

    def known(self, name: str) -> str | None:
        """The value of a variable that the script has set. InputError if they grow without end."""
        pieces = self.variables.get(name)
        if pieces is None:
            return None
        pieces[:] = ["".join(pieces)]
        self.values += len(pieces[0])
        if len(pieces[0]) > VALUE_MAX or self.values > VALUES_MAX:
            allowed = f"at most {VALUE_MAX} characters of one, {VALUES_MAX} of all"
            raise InputError(self.where, f"longer values of variables, {name[:40]} among them", allowed)
        return pieces[0]

    def _value(self, found: re.Match[str]) -> str:
        known = self.known(found[1] or found[2])
        if known is None and found[3] is not None:
            return VARIABLE.sub(self._value, found[3])
        return found[0] if known is None else known

    def _sum(self, found: re.Match[str]) -> str:
        """The value of $((...)) of whole numbers and variables; as written if there is anything else in it."""
        self.sums += 1
        if self.sums > SUMS_MAX:
            raise InputError(self.where, "more sums $((...))", f"at most {SUMS_MAX}")
        text = VARIABLE.sub(self._value, found[found.lastindex or 0])
        if len(text) > SUM_LENGTH_MAX:
            return found[0]
        try:
            return str(_value_of(ast.parse(text.strip(), mode="eval").body, self.known))
        except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
            return found[0]

    def _expand(self, text: str) -> None:
        """A variable outside of quotes: its value is split at blanks, but not in an assignment."""
        value = VARIABLE.sub(self._value, text)
        if value == text or (self.is_first and self.parts and ASSIGNMENT.fullmatch(self.parts[0])):
            self._add(value)
            return
        parts = value.split()
        for i, part in enumerate(parts):
            if i or value[:1].isspace():
                self._end_word()
            self._add(part)
        if value[-1:].isspace():
            self._end_word()

    def _end_word(self) -> None:
        if not self.in_word:
            return
        word, self.parts, self.in_word = "".join(self.parts), [], False
        if self.is_first and (found := ASSIGNMENT.fullmatch(word)):
            if not found[2]:
                self.variables[found[1]] = []
            self.variables.setdefault(found[1], []).append(found[3])
            return
        self.is_first = self.is_first and word in BEFORE_ASSIGNMENT
        self.words.append(word)


def _value_of(tree: ast.expr, known: Callable[[str], str | None]) -> int:
    """Of whole numbers, names of variables, + - * / % and parentheses. ValueError for anything else."""
    if isinstance(tree, ast.Constant) and type(tree.value) is int:
        return tree.value
    if isinstance(tree, ast.Name):
        return int(known(tree.id) or "none")
    if isinstance(tree, ast.BinOp) and type(tree.op) in OPERATIONS:
        value = OPERATIONS[type(tree.op)](_value_of(tree.left, known), _value_of(tree.right, known))
        if 0 <= value < SUM_MAX:
            return value
    raise ValueError


def words_of(text: str, where: str) -> list[str]:
    """The words of a text as a shell splits them; what an assignment holds is no word until it is used.

    InputError for a quote that does not close, and for too many words.
    """
    reader = _Reader(where)
    reader.read(without_here_documents(text.replace("\r\n", "\n")))
    return reader.words


def without_here_documents(text: str) -> str:
    """The text without here-documents that end, and without what begins them. In time linear in the text."""
    if "<<" not in text:
        return text
    lines, kept = text.split("\n"), []
    ends: defaultdict[str, list[int]] = defaultdict(list)
    for number, line in enumerate(lines):
        ends[line.strip(" \t")].append(number)
    at = 0
    while at < len(lines):
        line, end = lines[at], at
        for found in HERE_DOCUMENT.finditer(line):
            later = ends.get(found[2], [])
            if (place := bisect_right(later, at)) < len(later):
                line, end = line[: found.start()] + line[found.end() :], later[place]
                break
        kept += [line] if end == at else [line, ""]
        at = end + 1
    return "\n".join(kept)
