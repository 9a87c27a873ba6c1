"""A small project with every kind of dependency that a proof must see, and faults to plant in it."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

FILES = {
    "shop/__init__.py": "",
    "shop/prices.py": '''
"""Prices."""
from functools import lru_cache

from shop.rates import rate

STEP = 5
NAMES = {"book": 10, "pen": 2}


def twice(function):
    def wrapped(*arguments):
        return function(*arguments) * 2
    return wrapped


class Price:
    MINIMUM = 1

    def __init__(self, net, share=10):
        self.net = net
        self.share = share

    def gross(self):
        # net and the share of it
        return max(self.net + self.net * self.share // 100, self.MINIMUM)

    @property
    def rounded(self):
        return self.gross() // STEP * STEP


@lru_cache
def named(name):
    return Price(NAMES[name])


@twice
def pair(name):
    """Two of them."""
    return named(name).gross()


def converted(name, currency):
    if currency == "same":
        return named(name).gross()
    return named(name).gross() * rate(currency)
''',
    "shop/rates.py": """
from pathlib import Path

FILE = Path(__file__).parent.parent / "data" / "rates.txt"
_cache = {}


def load():
    if not _cache:
        for line in FILE.read_text().splitlines():
            name, value = line.split()
            _cache[name] = int(value)
    return _cache


def rate(name):
    return load()[name]
""",
    "shop/options.py": """
import os

DEFAULT = "plain"


def style():
    return os.environ.get("SHOP_STYLE", DEFAULT)


def unused(a, b):
    return a * b + 7


def signature(width=8):
    return "=" * width
""",
    "data/rates.txt": "eur 2\nusd 3\n",
    "tests/test_prices.py": """
from shop.prices import NAMES, Price, converted, named, pair


def test_gross():
    assert Price(100).gross() == 110


def test_minimum():
    assert Price(0).gross() == 1


def test_rounded():
    assert Price(13).rounded == 10


def test_named_comes_from_the_cache():
    assert named("book") is named("book")
    assert named("book").gross() == 11


def test_pair():
    assert pair("pen") == 4


def test_converted():
    assert converted("book", "eur") == 22
    assert converted("book", "same") == 11


def test_names():
    assert sorted(NAMES) == ["book", "pen"]
""",
    "tests/test_rates.py": """
from shop.rates import load, rate


def test_load():
    assert load() == {"eur": 2, "usd": 3}


def test_rate_after_load():
    assert rate("usd") == 3
""",
    "tests/test_options.py": """
from shop.options import signature, style

EXPECTED = "plain"


def expected():
    return EXPECTED


def test_style():
    assert style() == expected()


def test_signature():
    assert signature() == "========"


def test_nothing():
    assert len("abc") == 3
""",
}

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult, ast.Eq: ast.NotEq, ast.Not: ast.UAdd,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    path: str
    what: str
    source: str


def mutants() -> Iterator[Mutant]:
    """Every operator, constant, default, decorator and statement of the project's code, changed one at a time."""
    for path, text in FILES.items():
        if path.endswith(".txt"):
            yield Mutant(path, "a value", text.replace("2", "4"))
            yield Mutant(path, "another value", text.replace("3", "5"))
        elif text:
            yield from _of_source(path, text)


def _of_source(path: str, text: str) -> Iterator[Mutant]:
    tree = ast.parse(text)
    for index, node in enumerate(ast.walk(tree)):
        for number, change in enumerate(_changes(node)):
            changed = copy.deepcopy(tree)
            target = list(ast.walk(changed))[index]
            what = change(target)
            source = ast.unparse(ast.fix_missing_locations(changed))
            if source != ast.unparse(tree):
                yield Mutant(path, f"{what} at line {getattr(node, 'lineno', 0)} ({number})", source)


def _changes(node: ast.AST):
    if isinstance(node, ast.BinOp) and type(node.op) in SWAPS:
        yield _swap_operator
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        yield _swap_comparison
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, str)):
        yield _change_constant
    if isinstance(node, ast.FunctionDef) and node.decorator_list:
        yield _drop_decorator
    for place, statement in enumerate(
        getattr(node, "body", []) if isinstance(node, ast.stmt | ast.Module) else []
    ):
        if not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            yield _Delete(place)


def _swap_operator(node) -> str:
    node.op = SWAPS[type(node.op)]()
    return "operator"


def _swap_comparison(node) -> str:
    node.ops[0] = SWAPS[type(node.ops[0])]()
    return "comparison"


def _change_constant(node) -> str:
    node.value = node.value + 1 if isinstance(node.value, int) else node.value + "x"
    return "constant"


def _drop_decorator(node) -> str:
    node.decorator_list.pop()
    return "decorator"


@dataclass(frozen=True)
class _Delete:
    place: int

    def __call__(self, node) -> str:
        node.body[self.place] = ast.Pass()
        return "deleted statement"
