"""Small planted faults in a project's sources: what a careless edit would be.

Rules: pure text to text; each mutant changes one place and still parses; the order of a file's mutants is that of
its lines, so that a seed chooses the same ones everywhere. Docstrings and annotations are left alone: a change
there is none.
"""

from __future__ import annotations

import ast
import random
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_COMPARISONS = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
_ARITHMETIC = {ast.Add: "-", ast.Sub: "+", ast.Mult: "+", ast.FloorDiv: "*", ast.Mod: "*", ast.BitOr: "&"}
_DELETABLE = (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise, ast.Delete)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed place of one file."""

    path: str
    line: int
    kind: str
    """operator | constant | module constant | class constant | default | decorator | deleted line | data file"""
    was: str
    becomes: str
    source: bytes
    """the whole file after the change"""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.kind}: {self.was!r} -> {self.becomes!r}"


def python_mutants(path: str, source: bytes) -> tuple[Mutant, ...]:
    """All mutants of a Python file, in the order of its lines; none where it does not parse."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()
    found = [mutant for mutant in _Planter(path, source, tree).plant() if _parses(mutant.source)]
    return tuple(sorted(found, key=lambda mutant: (mutant.line, mutant.kind, mutant.becomes)))


def data_mutant(path: str, content: bytes) -> Mutant:
    """A data file with one more line at its end."""
    return Mutant(path, content.count(b"\n") + 1, "data file", "", "planted", content + b"\nplanted\n")


def sample(mutants: Mapping[str, Sequence[Mutant]], count: int, seed: int) -> list[Mutant]:
    """`count` mutants, each kind in turn, so that rare kinds are not lost among operators."""
    chance = random.Random(seed)
    kinds: dict[str, list[Mutant]] = {}
    for path in sorted(mutants):
        for mutant in mutants[path]:
            kinds.setdefault(mutant.kind, []).append(mutant)
    for each in kinds.values():
        chance.shuffle(each)
    chosen: list[Mutant] = []
    while len(chosen) < count and any(kinds.values()):
        for kind in sorted(kinds):
            if kinds[kind] and len(chosen) < count:
                chosen.append(kinds[kind].pop())
    return chosen


def _parses(source: bytes) -> bool:
    with warnings.catch_warnings(action="ignore"):  # a fault may well be bad style
        try:
            compile(source, "<mutant>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return False
    return True


class _Planter:
    """Finds the places of one file."""

    def __init__(self, path: str, source: bytes, tree: ast.Module) -> None:
        self.path = path
        self.source = source
        self.tree = tree
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def plant(self) -> Iterator[Mutant]:
        yield from self._in_body(self.tree.body, "module constant")

    def _in_body(self, body: Sequence[ast.stmt], constants: str) -> Iterator[Mutant]:
        for place, statement in enumerate(body):
            if place == 0 and _is_text(statement):
                continue  # a docstring
            if isinstance(statement, ast.ClassDef):
                for expression in (*statement.bases, *statement.decorator_list):
                    yield from self._in_expression(expression, constants)
                yield from self._decorators(statement)
                yield from self._in_body(statement.body, "class constant")
            elif isinstance(statement, Function):
                yield from self._in_function(statement)
            else:
                yield from self._in_statement(statement, constants)

    def _in_function(self, function: Function) -> Iterator[Mutant]:
        yield from self._decorators(function)
        arguments = function.args
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                yield from self._in_expression(default, "default")
        yield from self._in_body(function.body, "constant")

    def _in_statement(self, statement: ast.stmt, constants: str) -> Iterator[Mutant]:
        if isinstance(statement, _DELETABLE) and not _is_text(statement):
            yield self._mutant(statement, "deleted line", "pass")
        for _name, value in ast.iter_fields(statement):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.stmt):
                    yield from self._in_body([child], constants)
                elif isinstance(child, ast.ExceptHandler | ast.match_case):
                    yield from self._in_body(child.body, constants)
                elif isinstance(child, ast.expr) and _name != "annotation":
                    yield from self._in_expression(child, constants)

    def _in_expression(self, expression: ast.expr, constants: str) -> Iterator[Mutant]:
        inside_text = {
            id(part)
            for node in ast.walk(expression)
            if isinstance(node, ast.JoinedStr)
            for part in ast.walk(node)
        }
        for node in ast.walk(expression):
            if id(node) in inside_text:
                continue  # positions inside f-strings are only right from Python 3.12 on
            if isinstance(node, ast.Compare):
                left = node.left
                for operator, right in zip(node.ops, node.comparators, strict=True):
                    yield from self._operator(left, right, _COMPARISONS.get(type(operator)))
                    left = right
            elif isinstance(node, ast.BinOp):
                yield from self._operator(node.left, node.right, _ARITHMETIC.get(type(node.op)))
            elif isinstance(node, ast.BoolOp):
                word = "or" if isinstance(node.op, ast.And) else "and"
                yield from self._operator(node.values[0], node.values[1], word)
            elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
                yield self._mutant(node, "operator", f"({self._text(node.operand)})")
            elif isinstance(node, ast.Constant):
                other = _other_constant(node.value)
                if other is not None:
                    yield self._mutant(node, constants, other)

    def _decorators(self, definition: Function | ast.ClassDef) -> Iterator[Mutant]:
        for decorator in definition.decorator_list:
            begin, end = self._span(decorator)
            at = self.source.rindex(b"@", 0, begin)
            yield self._changed(decorator.lineno, "decorator", at, end, "")

    def _operator(self, left: ast.expr, right: ast.expr, word: str | None) -> Iterator[Mutant]:
        if word is None:
            return
        begin, end = self._span(left)[1], self._span(right)[0]
        between = self.source[begin:end]
        text = between.strip(b" ()\\\n\t")
        if not text or b"#" in between:
            return
        at = begin + between.index(text)
        yield self._changed(left.lineno, "operator", at, at + len(text), word)

    def _mutant(self, node: ast.stmt | ast.expr, kind: str, becomes: str) -> Mutant:
        return self._changed(node.lineno, kind, *self._span(node), becomes)

    def _changed(self, line: int, kind: str, begin: int, end: int, becomes: str) -> Mutant:
        changed = self.source[:begin] + becomes.encode() + self.source[end:]
        was = self.source[begin:end].decode("utf-8", "replace")
        return Mutant(self.path, line, kind, was, becomes, changed)

    def _span(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self.starts[node.lineno - 1] + node.col_offset,
            self.starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def _text(self, node: ast.expr) -> str:
        begin, end = self._span(node)
        return self.source[begin:end].decode("utf-8", "replace")


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _other_constant(value: object) -> str | None:
    match value:
        case bool():
            return str(not value)
        case int():
            return str(value + 1)
        case float():
            return repr(value + 1.5)
        case str():
            return repr(value + "_planted")
        case bytes():
            return repr(value + b"_planted")
        case None:
            return "0"
    return None
