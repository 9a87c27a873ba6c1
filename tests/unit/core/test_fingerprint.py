"""Fingerprints: a change of form changes nothing, a change of meaning changes exactly the block it stands in."""

from __future__ import annotations

import ast
import io
import json
import textwrap
import tokenize
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from test_framework.core.fingerprint import changed_blocks, fingerprint
from test_framework.core.memory import EFFECTS, MODULE, TEXT, WHOLE, WHOLE_EFFECTS

NAMES = ("alpha", "beta", "gamma", "delta")
OPERATORS = ("+", "-", "*", "//")
STANDARD_LIBRARY = Path(ast.__file__).parent


@dataclass(frozen=True)
class Piece:
    """One function of a generated module, at its top level or in a class."""

    name: str
    owner: str
    operator: str
    constant: int
    default: int
    decorated: bool

    @property
    def block(self) -> str:
        return f"{self.owner}.{self.name}" if self.owner else self.name

    def lines(self, noisy: bool) -> list[str]:
        decorator = ["@staticmethod"] if self.decorated else []
        if noisy:
            return [
                "# what follows is a function",
                *decorator,
                f"def {self.name}(a,",
                f"        b = ({self.default}),",
                "):  # a comment",
                '    """A docstring.\n\n    of three lines\n    """',
                "    pass",
                "",
                "    return (",
                f"        a   {self.operator} ({self.constant})",
                f"        {self.operator} b)",
            ]
        return [
            *decorator,
            f"def {self.name}(a, b={self.default}):",
            f"    return a {self.operator} {self.constant} {self.operator} b",
        ]


@dataclass(frozen=True)
class Module:
    pieces: tuple[Piece, ...]
    constant: int
    class_constant: int

    def source(self, noisy: bool = False) -> bytes:
        lines = ['"""About."""', "", "# first"] if noisy else []
        lines.append(f"LIMIT = {self.constant}")
        for piece in self.pieces:
            if not piece.owner:
                lines += piece.lines(noisy)
        lines.append("class Owner:")
        lines += ['    """Of methods."""'] if noisy else []
        lines.append(f"    SIZE = {self.class_constant}")
        for piece in self.pieces:
            if piece.owner:
                lines += textwrap.indent("\n".join(piece.lines(noisy)), "    ").split("\n")
        return ("\n".join(lines) + "\n").encode()


@st.composite
def modules(draw: st.DrawFn) -> Module:
    numbers = st.integers(0, 9)
    places = draw(
        st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(("", "Owner"))), min_size=1, unique=True)
    )
    pieces = tuple(
        Piece(
            name,
            owner,
            draw(st.sampled_from(OPERATORS)),
            draw(numbers),
            draw(numbers),
            draw(st.booleans()),
        )
        for name, owner in places
    )
    return Module(pieces, draw(numbers), draw(numbers))


def changed(old: bytes, new: bytes) -> set[str]:
    """Names of the blocks that differ, of those that either source has."""
    before, after = fingerprint(old), fingerprint(new)
    assert before.blocks
    assert after.blocks
    return set(
        changed_blocks(before, after, {*before.blocks, *after.blocks} - {EFFECTS, WHOLE, WHOLE_EFFECTS})
    )


def of(text: str) -> bytes:
    return textwrap.dedent(text).encode()


@given(modules())
def test_comments_formatting_and_docstrings_change_nothing(module: Module) -> None:
    assert changed(module.source(), module.source(noisy=True)) == set()


@given(modules(), st.data())
def test_an_edit_of_a_body_changes_exactly_its_function(module: Module, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(module.pieces) - 1))
    piece = module.pieces[index]
    edited = data.draw(
        st.sampled_from(
            [
                replace(piece, operator=next(one for one in OPERATORS if one != piece.operator)),
                replace(piece, constant=piece.constant + 1),
            ]
        )
    )
    pieces = (*module.pieces[:index], edited, *module.pieces[index + 1 :])
    after = replace(module, pieces=pieces)
    assert changed(module.source(), after.source(noisy=data.draw(st.booleans()))) == {piece.block}


@given(modules(), st.data())
def test_an_edit_of_a_default_or_decorator_changes_what_runs_at_import(
    module: Module, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(module.pieces) - 1))
    piece = module.pieces[index]
    edited = data.draw(
        st.sampled_from(
            [replace(piece, default=piece.default + 1), replace(piece, decorated=not piece.decorated)]
        )
    )
    pieces = (*module.pieces[:index], edited, *module.pieces[index + 1 :])
    after = replace(module, pieces=pieces)
    assert changed(module.source(), after.source()) == {MODULE, piece.block}


@given(modules(), st.booleans())
def test_a_constant_of_module_or_class_changes_what_runs_at_import(module: Module, of_class: bool) -> None:
    if of_class:
        after = replace(module, class_constant=module.class_constant + 1)
    else:
        after = replace(module, constant=module.constant + 1)
    assert changed(module.source(), after.source(noisy=True)) == {MODULE}


@given(modules(), st.data())
def test_a_function_that_goes_or_moves_changes_what_runs_at_import(
    module: Module, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(module.pieces) - 1))
    without = replace(module, pieces=module.pieces[:index] + module.pieces[index + 1 :])
    assert changed(module.source(), without.source()) == {MODULE, module.pieces[index].block}
    turned = replace(module, pieces=module.pieces[::-1])
    if turned.source() != module.source():
        assert changed(module.source(), turned.source()) == {MODULE}


@pytest.mark.parametrize("name", ["textwrap.py", "dataclasses.py", "json/decoder.py", "heapq.py", "shlex.py"])
def test_a_real_source_written_anew_by_the_parser_is_the_same(name: str) -> None:
    source = (STANDARD_LIBRARY / name).read_bytes()
    rewritten = ast.unparse(ast.parse(source)).encode()
    assert source != rewritten
    assert changed(source, rewritten) == set()


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_a_comment_after_any_line_of_a_real_source_changes_nothing(data: st.DataObject) -> None:
    source = (STANDARD_LIBRARY / "json" / "encoder.py").read_bytes()
    ends = [
        token.end
        for token in tokenize.tokenize(io.BytesIO(source).readline)
        if token.type in (tokenize.NEWLINE, tokenize.NL)
    ]
    line = data.draw(st.sampled_from(ends))[0]
    lines = source.decode().split("\n")
    lines.insert(line, data.draw(st.sampled_from(["", "# a comment", "        # deeper"])))
    assert changed(source, "\n".join(lines).encode()) == set()


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_number_of_a_real_source_belongs_to_the_block_that_holds_it(data: st.DataObject) -> None:
    source = (STANDARD_LIBRARY / "statistics.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    numbers = [
        (node, owner) for node, owner in numbers_with_owners(tree, "", None) if isinstance(node.value, int)
    ]
    node, owner = data.draw(st.sampled_from(numbers))
    node.value = int(node.value) + 1000
    assert changed(source.encode(), ast.unparse(tree).encode()) == {owner}


def numbers_with_owners(node: ast.AST, prefix: str, function: str | None) -> list[tuple[ast.Constant, str]]:
    """Numbers in bodies and at import, with the block in which they stand; those of signatures are left out."""
    found = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) and function is None:
            for statement in child.body:
                holder = ast.Module([statement], [])
                found += numbers_with_owners(holder, prefix, prefix + child.name)
        elif isinstance(child, ast.ClassDef) and function is None:
            found += numbers_with_owners(child, f"{prefix}{child.name}.", None)
        elif isinstance(child, ast.Constant) and type(child.value) is int:
            found.append((child, function or MODULE))
        elif not isinstance(child, ast.JoinedStr):
            found += numbers_with_owners(child, prefix, function)
    return found


def test_nested_functions_belong_to_the_outermost_one() -> None:
    old = of(
        """
        def outer():
            def inner():
                return [n for n in range(3)]
            return inner
        """
    )
    assert changed(old, old.replace(b"3", b"4")) == {"outer"}


def test_lambdas_and_comprehensions_at_module_level_run_at_import() -> None:
    old = b"key = lambda item: item + 1\nsquares = [n * n for n in range(9)]\n"
    assert changed(old, old.replace(b"+ 1", b"+ 2")) == {MODULE}
    assert changed(old, old.replace(b"n * n", b"n + n")) == {MODULE}


def test_functions_of_one_name_are_one_block() -> None:
    old = of(
        """
        class Box:
            @property
            def size(self):
                return self._size
            @size.setter
            def size(self, value):
                self._size = value
        if True:
            def twice(): return 1
        else:
            def twice(): return 2
        """
    )
    assert changed(old, old.replace(b"= value", b"= value + 1")) == {"Box.size"}
    assert changed(old, old.replace(b"return 2", b"return 3")) == {"twice"}


def test_conditions_and_handlers_around_functions_run_at_import() -> None:
    old = of(
        """
        try:
            import fast
        except ImportError:
            def work(): return 1
        match 3:
            case 3:
                def other(): return 1
        """
    )
    assert changed(old, old.replace(b"ImportError", b"OSError")) == {MODULE}
    assert changed(old, old.replace(b"case 3", b"case 4")) == {MODULE}
    assert changed(old, old.replace(b"work(): return 1", b"work(): return 2")) == {"work"}
    assert changed(old, old.replace(b"other(): return 1", b"other(): return 2")) == {"other"}


def test_becoming_a_generator_is_seen_without_running_it() -> None:
    old = b"def each():\n    return [1]\n"
    assert changed(old, b"def each():\n    yield 1\n") == {MODULE, "each"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 0.0", "x = -0.0"),
        ("x = 'a'", "x = b'a'"),
        ("x = ('a', 'b')", "x = ('a, b',)"),
        ("x = 'a' 'b'", "x = 'a', 'b'"),
        ("from a import b", "from .a import b"),
        ("import a as b", "import a"),
        ("x = f'{y!r}'", "x = f'{y!s}'"),
        ("x: int = 1", "x: str = 1"),
        ("class C(A): pass", "class C(B): pass"),
        ("class C(A): pass", "class C(metaclass=A): pass"),
        ("async def f(): pass", "def f(): pass"),
    ],
)
def test_small_differences_of_meaning_are_seen(old: str, new: str) -> None:
    assert MODULE in changed(old.encode(), new.encode())


@pytest.mark.parametrize(
    ("template", "counts"),
    [
        ('def f():\n    """{}"""\n', False),
        ('def f():\n    """{}"""\n    return 1\n', False),
        ('import pytest\n@pytest.mark.slow\ndef test_f():\n    """{}"""\n', False),
        ('class C:\n    """{}"""\n', False),
        ('import click\n@click.command()\ndef f():\n    """{}"""\n', True),
        ('"""{}"""\nHELP = __doc__\n', True),
        ('import inspect\ndef f():\n    """{}"""\nHELP = inspect.getdoc(f)\n', True),
        ('class C(Model):\n    """{}"""\n', True),
        ('def f():\n    @command\n    def inner():\n        """{}"""\n', True),
    ],
)
def test_a_docstring_counts_only_where_something_may_read_it(template: str, counts: bool) -> None:
    old, new = template.format("old").encode(), template.format("new").encode()
    assert bool(changed(old, new)) is counts


@pytest.mark.parametrize(
    "source",
    [
        b"def broken(:\n",
        b"# -*- coding: no-such-encoding -*-\nx = 1\n",
        b"x = '\xff'\n",
        b"x = 1\0\n",
        b"x = " + b"(" * 300 + b")" * 300,
    ],
    ids=["syntax", "encoding", "not utf-8", "nul", "too deep"],
)
def test_what_cannot_be_parsed_counts_as_a_whole(source: bytes) -> None:
    found = fingerprint(source)
    assert not found.blocks
    assert "parsed" in found.reason
    again = fingerprint(source + b"# a comment\n")
    assert changed_blocks(found, again, {"f", MODULE}) == {"f", MODULE}
    assert changed_blocks(found, fingerprint(source), {"f", MODULE}) == frozenset()


def test_other_files_count_as_a_whole() -> None:
    assert not fingerprint(b"x = 1\n", "stub.pyi").blocks


def test_encodings_and_byte_order_marks_are_read_as_python_reads_them() -> None:
    text = "# coding: latin-1\nname = 'é'\n"
    assert changed(text.encode("latin-1"), "name = 'é'\n".encode()) == set()
    assert changed(b"\xef\xbb\xbfx = 1\n", b"x = 1\n") == set()


def test_a_block_that_is_not_in_the_source_stands_for_the_whole_file() -> None:
    old, new = fingerprint(b"x = 1\n"), fingerprint(b"x = 1  # same\n")
    assert changed_blocks(old, new, {"made_by_exec", MODULE, TEXT, WHOLE}) == {"made_by_exec", TEXT}


@given(modules(), st.data())
def test_the_whole_of_a_file_is_all_of_its_code(module: Module, data: st.DataObject) -> None:
    plain = fingerprint(module.source())
    assert changed_blocks(plain, fingerprint(module.source(noisy=True)), {WHOLE}) == frozenset()
    index = data.draw(st.integers(0, len(module.pieces) - 1))
    edited = replace(module.pieces[index], constant=module.pieces[index].constant + 1)
    pieces = (*module.pieces[:index], edited, *module.pieces[index + 1 :])
    after = fingerprint(replace(module, pieces=pieces).source())
    assert changed_blocks(plain, after, {WHOLE, WHOLE_EFFECTS}) == {WHOLE}


def test_a_call_at_import_may_call_any_function_of_its_module() -> None:
    old = b"def f():\n    return 1\n"
    call, names = b"X = f()\n", {WHOLE_EFFECTS}
    assert changed_blocks(fingerprint(old), fingerprint(old.replace(b"1", b"2")), names) == frozenset()
    edited = fingerprint((old + call).replace(b"1", b"2"))
    assert changed_blocks(fingerprint(old + call), edited, names) == names


def test_a_new_test_in_a_module_is_not_felt_outside_but_an_import_is() -> None:
    old = b"import os\n\ndef test_a():\n    assert os\n"
    new = old + b"\n@pytest.mark.parametrize('n', [1, 2])\ndef test_b(n):\n    assert n\n"
    names = {MODULE, EFFECTS}
    assert changed_blocks(fingerprint(old), fingerprint(new), names) == {MODULE}
    for felt in (b"import sys\n", b"os.environ['A'] = '1'\n", b"pytest_plugins = ['x']\n", b"x = f()\n",
                 b"pytest.importorskip('x')\n", b"@register\ndef f(): pass\n", b"def f(a=g()): pass\n",
                 b"class C(Base): pass\n", b"k = lambda a=g(): a\n"):  # fmt: skip
        assert changed_blocks(fingerprint(old), fingerprint(old + felt), names) == names, felt


def test_fingerprints_do_not_depend_on_the_hash_seed() -> None:
    import subprocess
    import sys

    program = (
        "import json, sys; from test_framework.core.fingerprint import fingerprint; "
        'print(json.dumps(dict(fingerprint(b\'x = {1, 2}\\ndef f(): return a in {"a", "b"}\').blocks)))'
    )
    found = {
        json.dumps(json.loads(subprocess.run([sys.executable, "-c", program], env={"PYTHONHASHSEED": seed},
                                             capture_output=True, check=True).stdout))
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("x is None", "x is 0"),  # a SyntaxWarning of the compiler
        ("'a'", "'\\d'"),  # one of the tokenizer, or a DeprecationWarning
        ("x", "1 and (1)(x)"),
    ],
)
def test_a_new_complaint_of_the_compiler_is_felt_by_all_that_import_the_module(good: str, bad: str) -> None:
    """Under `-W error` the module cannot even be imported any more."""
    source = "def alpha(x):\n    return {}\n\ndef beta():\n    return 2\n"
    names = ("alpha", "beta", MODULE, EFFECTS, WHOLE, WHOLE_EFFECTS)
    old, new = (fingerprint(source.format(each).encode()) for each in (good, bad))
    assert changed_blocks(old, new, names) == set(names) - {"beta"}
    moved = fingerprint(b"# a comment\n" + source.format(bad).encode())
    assert not changed_blocks(new, moved, names), "where it stands is no part of it"


@pytest.mark.parametrize("line", ["return 1", "nonlocal x", "def f(a, a): pass", "await x"])
def test_what_only_the_compiler_refuses_counts_as_a_whole(line: str) -> None:
    assert fingerprint(f"x = 1\n{line}\n".encode()).reason == "cannot be parsed here (SyntaxError)"
