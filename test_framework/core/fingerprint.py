"""What a source file says, block by block, so that only a change of meaning counts as a change.

Rules: pure. A block is the outermost function by its qualified name, or `<module>`: all that runs at import, with the
functions' names, order and signatures, and what the compiler complains of anywhere in the file. Comments, formatting,
`pass` and docstrings that nobody reads are no part of it.
A source that this interpreter cannot read (its syntax may be newer) has no blocks: any changed byte changes it all.
Two fingerprints compare only when the same interpreter made both, so they are made together and never kept.
"""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from test_framework.core.inertness import is_inert
from test_framework.core.memory import EFFECTS, MODULE, TEXT, WHOLE, WHOLE_EFFECTS

PLAIN_BASES = frozenset({"object", "TestCase", "Exception", "ValueError", "ABC", "Protocol", "Generic"})
READS_NO_DOCSTRING = frozenset(
    {
        "abstractmethod",
        "classmethod",
        "contextmanager",
        "fixture",
        "lru_cache",
        "overload",
        "staticmethod",
        "wraps",
    }
)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DOCUMENTED = (ast.Module, ast.ClassDef, *_FUNCTIONS)
_SKIPPED = frozenset({"kind", "type_comment", "type_ignores", "ctx"})


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`blocks` by name; empty with a `reason` where only the whole file can be compared."""

    whole: str
    blocks: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    def of(self, name: str) -> str:
        """The digest of a block; a name that is not in the source stands for the whole file."""
        return self.blocks.get(name, self.whole)


def content_digest(content: bytes) -> str:
    """SHA-256 of a file's bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def fingerprint(source: bytes, path: str = "module.py") -> Fingerprint:
    """The blocks of a Python source as its bytes stand (encoding declarations and byte order marks are honoured)."""
    whole = content_digest(source)
    if not path.endswith(".py"):
        return Fingerprint(whole, reason="not a .py file")
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            tree = ast.parse(source)
            compile(source, path, "exec", dont_inherit=True)
        complaints = sorted({f"{each.category.__name__}: {each.message}" for each in said})
        return Fingerprint(whole, _Blocks(tree, complaints).digests())
    except (SyntaxError, ValueError, LookupError, RecursionError, MemoryError) as problem:
        return Fingerprint(whole, reason=f"cannot be parsed here ({type(problem).__name__})")


def changed_blocks(old: Fingerprint, new: Fingerprint, names: Iterable[str]) -> frozenset[str]:
    """Those of `names` whose meaning differs."""
    if old.whole == new.whole:
        return frozenset()
    return frozenset(name for name in names if name == TEXT or old.of(name) != new.of(name))


class _Blocks:
    """Writes the normalised text of each block of one module."""

    def __init__(self, tree: ast.Module, complaints: Sequence[str] = ()) -> None:
        """`complaints`: warnings of the compiler, which whoever imports the module may have to hear, or fail by."""
        self.tree = tree
        self.complaints = complaints
        self.texts: dict[str, list[str]] = {}
        self.reads_docstrings = any(
            (isinstance(node, ast.Name) and node.id == "__doc__")
            or (isinstance(node, ast.Attribute) and node.attr in ("__doc__", "getdoc"))
            for node in ast.walk(tree)
        )

    def digests(self) -> dict[str, str]:
        module: list[str] = [*self.complaints]
        self._statements(self.tree, "", module)
        felt = [statement for statement in self.tree.body if not is_inert(statement)]
        effects: list[str] = [*self.complaints]
        for statement in felt:
            self._statement(statement, "", effects, keep=False)
        everything = [*module, *(word for name in sorted(self.texts) for word in (name, *self.texts[name]))]
        calls = any(not isinstance(statement, (ast.Import, ast.ImportFrom)) for statement in felt)
        self.texts |= {
            MODULE: module,
            EFFECTS: effects,
            WHOLE: everything,
            WHOLE_EFFECTS: everything if calls else effects,
        }
        return {
            name: hashlib.sha256("\0".join((name, *text)).encode("utf-8", "surrogatepass")).hexdigest()
            for name, text in self.texts.items()
        }

    # -- what runs at import ----------------------------------------------------------------------------------

    def _statements(self, owner: ast.Module | ast.ClassDef, prefix: str, out: list[str]) -> None:
        for statement in self._body(owner):
            self._statement(statement, prefix, out)

    def _statement(self, node: ast.AST, prefix: str, out: list[str], *, keep: bool = True) -> None:
        """One statement of a module's or class's body; bodies of functions go to blocks of their own (if `keep`)."""
        if isinstance(node, _FUNCTIONS):
            head = self._signature(node)
            out += ("def", *head, ";")
            if keep:
                block = self.texts.setdefault(prefix + node.name, [])
                block += ("def", *head, "(")
                for statement in self._body(node):
                    self._plain(statement, block)
                block.append(")")
        elif isinstance(node, ast.ClassDef):
            out += ("class", node.name, "(")
            for name in ("decorator_list", "type_params", "bases", "keywords"):
                self._plain(getattr(node, name, []), out)
            for statement in self._body(node):
                self._statement(statement, f"{prefix}{node.name}.", out, keep=keep)
            out.append(")")
        elif isinstance(node, ast.stmt):
            # Conditions, loops, with and try at module level may hold functions.
            out += (type(node).__name__, "(")
            for _, value in _fields(node):
                self._mixed(value, prefix, out, keep)
            out.append(")")
        else:
            self._plain(node, out)

    def _mixed(self, value: object, prefix: str, out: list[str], keep: bool) -> None:
        if isinstance(value, list):
            out.append("[")
            for each in value:
                self._mixed(each, prefix, out, keep)
            out.append("]")
        elif isinstance(value, ast.Pass):
            return
        elif isinstance(value, ast.stmt):
            self._statement(value, prefix, out, keep=keep)
        elif isinstance(value, (ast.ExceptHandler, ast.match_case)):
            out += (type(value).__name__, "(")
            for _, inner in _fields(value):
                self._mixed(inner, prefix, out, keep)
            out.append(")")
        else:
            self._plain(value, out)

    def _signature(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
        """What defining the function does, and what others see of it without running it."""
        out = [type(node).__name__, node.name, "generator" if _yields(node) else "plain"]
        for name in ("decorator_list", "type_params", "args", "returns"):
            self._plain(getattr(node, name, None), out)
        if self._docstring_counts(node):
            out.append(repr(ast.get_docstring(node, clean=False)))
        return out

    # -- what runs later ----------------------------------------------------------------------------------------

    def _plain(self, value: object, out: list[str]) -> None:
        """Any node or value in full, without positions."""
        if isinstance(value, ast.Pass):
            return
        if isinstance(value, ast.Constant):
            out += (type(value.value).__name__, repr(value.value))
        elif isinstance(value, ast.AST):
            out += (type(value).__name__, "(")
            for name, inner in _fields(value):
                if name == "body" and isinstance(value, _DOCUMENTED):
                    inner = self._body(value)
                self._plain(inner, out)
            out.append(")")
        elif isinstance(value, list):
            out.append("[")
            for each in value:
                self._plain(each, out)
            out.append("]")
        else:
            out += (type(value).__name__, repr(value))

    def _body(self, node: ast.AST) -> list[ast.stmt]:
        """The statements of a body, without a docstring that counts for nothing and without `pass`."""
        body: list[ast.stmt] = getattr(node, "body", [])
        if body and _is_docstring(body[0]) and not self._docstring_counts(node):
            body = body[1:]
        return [statement for statement in body if not isinstance(statement, ast.Pass)]

    def _docstring_counts(self, node: ast.AST) -> bool:
        """A docstring is data where something may read it: this module, an unknown decorator, a base class."""
        if self.reads_docstrings:
            return True
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        if any(not _reads_no_docstring(decorator) for decorator in decorators):
            return True
        if isinstance(node, ast.ClassDef):
            return bool(node.keywords) or any(_last_name(base) not in PLAIN_BASES for base in node.bases)
        return False


def _fields(node: ast.AST) -> Iterator[tuple[str, object]]:
    for name in node._fields:
        if name not in _SKIPPED:
            yield name, getattr(node, name, None)


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _reads_no_docstring(decorator: ast.expr) -> bool:
    dotted = decorator.func if isinstance(decorator, ast.Call) else decorator
    root = dotted
    while isinstance(root, ast.Attribute):
        root = root.value
    return _last_name(dotted) in READS_NO_DOCSTRING or (isinstance(root, ast.Name) and root.id == "pytest")


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _yields(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether calling it gives a generator: decorators and pytest look at that without running the body."""
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(inner, (*_FUNCTIONS, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(inner))
    return False
