"""Words of a script as a shell reads it: quotes, comments, continuations, and variables that the script itself sets."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping

from percpu_fuzz.engine.errors import InputError

WORDS_MAX = 4_000_000
SPECIAL = re.compile(r"[\\'\"$`;&|()<>#]")
TOKEN = re.compile(
    r"(?P<join>\\\r?\n)|(?P<blank>[ \t\r\f\v]+)|(?P<end>[\n;&|()<>]+)|\$?'(?P<single>[^']*)'|"
    r'\$?"(?P<double>(?:[^"\\]|\\.)*)"|\\(?P<escaped>.)|'
    r"(?P<variable>\$(?:\w+|\{\w+(?::?[-=](?:[^{}]|\$\{[^{}]*\})*)?\}))|"
    r"\$\(\((?P<sum>(?:[^()]|\([^()]*\))*)\)\)|(?P<call>\$\([^()]*\)|`[^`]*`)|"
    r"(?P<plain>[^\s'\"\\$`;&|()<>]+|\$)",
    re.DOTALL,
)
VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?[-=]((?:[^{}]|\$\{[^{}]*\})*))?\})")
SUM = re.compile(r"\$\(\(((?:[^()]|\([^()]*\))*)\)\)")
LISTED_JSON = re.compile(r'\{"\S*\}(?=\s|\Z)')  # as ps and top show an argument: without the quotes that it had
OPERATIONS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.floordiv,
    ast.Mod: operator.mod,
}  # fmt: skip
SUM_MAX = 1 << 63
ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=(.*)", re.DOTALL)
HERE_DOCUMENT = re.compile(r"(?<!<)<<-?[ \t]*(['\"]?)(\w+)\1([^\n]*)\n(?:.*?\n)??[ \t]*\2[ \t]*(?=\n|\Z)", re.DOTALL)
BEFORE_ASSIGNMENT = ("export", "local", "readonly", "declare", "then", "else", "do", "sudo", "exec", "env", "time")


class _Reader:
    """Goes through a text once. What only a running shell knows ($1, $(nproc), the environment) stays as written."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.words: list[str] = []
        self.variables: dict[str, str] = {}
        self.parts: list[str] = []  # of the word that is being read
        self.in_word = False
        self.is_first = True  # whether the next word begins a command

    def read(self, text: str) -> None:
        at = 0
        while at < len(text):
            at = self._line(text, at) if not self.in_word and self.is_first else self._token(text, at)
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

    def _value(self, found: re.Match[str]) -> str:
        known = self.variables.get(found[1] or found[2])
        if known is None and found[3] is not None:
            return VARIABLE.sub(self._value, found[3])
        return found[0] if known is None else known

    def _sum(self, found: re.Match[str]) -> str:
        """The value of $((...)) of whole numbers and variables; as written if there is anything else in it."""
        text = VARIABLE.sub(self._value, found[found.lastindex or 0])
        try:
            return str(_value_of(ast.parse(text.strip(), mode="eval").body, self.variables))
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
            before = self.variables.get(found[1], "") if found[2] else ""
            self.variables[found[1]] = before + found[3]
            return
        self.is_first = self.is_first and word in BEFORE_ASSIGNMENT
        self.words.append(word)


def _value_of(tree: ast.expr, variables: Mapping[str, str]) -> int:
    """Of whole numbers, names of variables, + - * / % and parentheses. ValueError for anything else."""
    if isinstance(tree, ast.Constant) and type(tree.value) is int:
        return tree.value
    if isinstance(tree, ast.Name):
        return int(variables.get(tree.id, "none"))
    if isinstance(tree, ast.BinOp) and type(tree.op) in OPERATIONS:
        value = OPERATIONS[type(tree.op)](_value_of(tree.left, variables), _value_of(tree.right, variables))
        if 0 <= value < SUM_MAX:
            return value
    raise ValueError


def words_of(text: str, where: str) -> list[str]:
    """The words of a text as a shell splits them; what an assignment holds is no word until it is used.

    InputError for a quote that does not close, and for too many words.
    """
    reader = _Reader(where)
    reader.read(HERE_DOCUMENT.sub(r"\3\n", text.replace("\r\n", "\n")))
    return reader.words
