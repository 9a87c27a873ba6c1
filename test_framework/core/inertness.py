"""Which statements of a test module nobody outside it can feel when they run at import.

Rules: pure and cautious: what is not known to be harmless counts as felt. Imports are felt (they run other modules); so
are calls, other than marks and fixtures of pytest, and whatever binds a name that pytest reads for the whole session.
"""

from __future__ import annotations

import ast

READ_BY_PYTEST = frozenset({"pytest_plugins", "collect_ignore", "collect_ignore_glob"})
HARMLESS_DECORATORS = frozenset({"staticmethod", "classmethod", "property"})
HARMLESS_BASES = frozenset({"object"})
HARMLESS_OF_PYTEST = frozenset({"mark", "param", "fixture", "approx"})


def is_inert(statement: ast.stmt) -> bool:
    """Whether running it can only bind names of its own module."""
    match statement:
        case ast.Pass():
            return True
        case ast.Expr(value=value):
            return isinstance(value, ast.Constant)
        case ast.Assign(targets=targets, value=value):
            return all(_is_own_name(target) for target in targets) and _is_plain(value)
        case ast.AnnAssign(target=target, annotation=annotation, value=value):
            return _is_own_name(target) and _is_plain(annotation) and (value is None or _is_plain(value))
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return _is_inert_function(statement)
        case ast.ClassDef(bases=bases, keywords=keywords, decorator_list=decorators, body=body):
            return (
                not keywords
                and all(isinstance(base, ast.Name) and base.id in HARMLESS_BASES for base in bases)
                and all(_is_harmless_decorator(decorator) for decorator in decorators)
                and all(is_inert(inner) for inner in body)
            )
    return False


def _is_own_name(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id not in READ_BY_PYTEST


def _is_inert_function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    annotations = [argument.annotation for argument in every] + [node.returns]
    return (
        all(_is_harmless_decorator(decorator) for decorator in node.decorator_list)
        and all(
            _is_plain(value) for value in (*arguments.defaults, *arguments.kw_defaults) if value is not None
        )
        and all(_is_plain(annotation) for annotation in annotations if annotation is not None)
    )


def _is_harmless_decorator(decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Name):
        return decorator.id in HARMLESS_DECORATORS
    return _is_of_pytest(decorator) or (isinstance(decorator, ast.Call) and _is_plain(decorator))


def _is_of_pytest(node: ast.expr) -> bool:
    """`pytest.mark.slow`, `pytest.fixture`; not `pytest.importorskip`, which imports, nor `pytest.exit`."""
    while isinstance(node, ast.Attribute):
        name, node = node.attr, node.value
        if isinstance(node, ast.Name):
            return node.id == "pytest" and name in HARMLESS_OF_PYTEST
    return False


def _is_plain(node: ast.expr) -> bool:
    """An expression whose evaluation runs no code of the project."""
    match node:
        case ast.Constant() | ast.Name():
            return True
        case ast.Lambda(args=arguments):
            return not arguments.defaults and not any(arguments.kw_defaults)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return all(_is_plain(item) for item in items)
        case ast.Dict(keys=keys, values=values):
            constant = all(isinstance(key, ast.Constant) for key in keys)
            return constant and all(_is_plain(value) for value in values)
        case ast.UnaryOp(operand=ast.Constant()):
            return True
        case ast.Attribute():
            return _is_of_pytest(node)
        case ast.Call(func=function, args=items, keywords=keywords):
            return (
                _is_of_pytest(function)
                and all(_is_plain(item) for item in items)
                and all(_is_plain(keyword.value) for keyword in keywords)
            )
    return False
