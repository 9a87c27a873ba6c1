"""Runs a project's test functions without pytest and records what they depend on, by `sys.setprofile`.

    python traced.py ROOT RUN_DIRECTORY

Stands in for the lanes' recorder in tests of what is decided from recordings: all test files are imported before the
fork, each file's tests run in a fork of their own.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

ROOT, RUN = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
sys.dont_write_bytecode = True
blocks: dict[tuple[str, str], None] = {}
data: dict[tuple[str, str, Any], None] = {}
variables: dict[tuple[str, Any], None] = {}
looking: list[str] = []
"""the file that we ourselves are reading"""


def inside(path: object) -> str | None:
    text = os.path.abspath(os.fspath(path)) if isinstance(path, (str, os.PathLike)) else ""
    own = text.startswith(f"{ROOT}{os.sep}") and "<" not in text
    return os.path.relpath(text, ROOT) if own else None


def called(frame: Any, event: str, argument: object) -> None:
    if event == "call":
        code = frame.f_code
        path = inside(code.co_filename)
        if path is not None:
            outer, nested, _ = code.co_qualname.partition(".<locals>")
            at_import = not nested and (not code.co_flags & 1 or outer.rpartition(".")[2].startswith("<"))
            blocks[path, "<module>" if at_import else outer] = None


def audited(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and not looking:
        path = inside(arguments[0])
        if path is not None and not path.endswith((".py", ".pyc")) and arguments[1] in ("r", "rb"):
            looking.append(path)
            try:
                digest = hashlib.sha256((ROOT / path).read_bytes()).hexdigest()
                data[path, "file", digest] = None
            except OSError:
                data[path, "absent", None] = None
            finally:
                looking.clear()


def watch_environment() -> None:
    kind: Any = type(os.environ)
    get = kind.__getitem__

    def observed(self: Any, name: str) -> str:
        value = os.environ._data.get(os.fsencode(name))
        variables[name, None if value is None else hashlib.sha256(value).hexdigest()] = None
        result: str = get(self, name)
        return result

    kind.__getitem__ = observed


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def run_file(path: Path, module: Any, out: Path) -> None:
    rows = []
    for name, function in list(vars(module).items()):
        if not name.startswith("test_"):
            continue
        before = tuple(len(each) for each in (blocks, data, variables))
        try:
            function()
            outcome = "passed"
        except BaseException:  # noqa: BLE001
            outcome = "failed"
            traceback.print_exc()
        new = [list(each)[start:] for each, start in zip((blocks, data, variables), before, strict=True)]
        rows.append([f"{path.relative_to(ROOT)}::{name}", outcome, *new])
    out.write_text(json.dumps(rows))


def main() -> None:
    sys.addaudithook(audited)
    watch_environment()
    sys.setprofile(called)
    files = sorted((ROOT / "tests").glob("test_*.py"))
    try:
        modules = [(path, load(path)) for path in files]
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
        (RUN / "outcomes.json").write_text(json.dumps(None))
        return
    base = [list(each) for each in (blocks, data, variables)]
    lanes = []
    for path, module in modules:
        out = RUN / f"{path.stem}.json"
        pid = os.fork()
        if pid == 0:
            run_file(path, module, out)
            os._exit(0)
        os.waitpid(pid, 0)
        lanes.append(json.loads(out.read_text()))
    write(base, lanes)


def write(base: list[list[Any]], lanes: list[list[Any]]) -> None:
    tables: list[dict[Any, int]] = [{}, {}, {}]
    lines: list[list[Any]] = [
        ["version", 1],
        ["environment", {"python": sys.version, "arguments": ["-q", "tests"], "files": {"pytest.ini": None}}],
    ]

    def numbers(found: list[list[Any]]) -> list[list[int]]:
        all_numbers = []
        for kind, table, entries in zip(("block", "data", "variable"), tables, found, strict=True):
            these = []
            for entry in map(tuple, entries):
                if entry not in table:
                    table[entry] = len(table)
                    lines.append([kind, table[entry], *entry])
                these.append(table[entry])
            all_numbers.append(these)
        return all_numbers

    base_numbers = numbers(base)
    tests, outcomes = [], {}
    for generation, rows in enumerate(lanes):
        for order, (test, outcome, *new) in enumerate(rows):
            new_blocks, new_data, new_variables = numbers(new)
            tests.append(
                ["test", test, 1, "gw0", generation, order, new_blocks, None, new_data, new_variables, []]
            )
            outcomes[test] = outcome
    lines += [["base", *base_numbers, []], *tests, ["end", len(tests)]]
    (RUN / "dependencies.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (RUN / "outcomes.json").write_text(json.dumps(outcomes))


main()
