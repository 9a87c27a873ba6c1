"""What the answer "nothing has changed" costs: `python -m benchmarks.gate [--files N] [--tests N]`.

Rules: a project is generated and a recording of it is taken in by the program's own means; then the whole path of a
command (options, settings, interpreter, gate) runs as a process of its own, beside the bare interpreter, by turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from test_framework.model.facts import RunFinished, TestFinished
from test_framework.model.outcome import Outcome
from test_framework.model.wire import encode
from test_framework.records.changes import Digests
from test_framework.records.interpreter import identify
from test_framework.records.keeping import Circumstances, keep_run

LIMIT_SECONDS = 0.1
FUNCTIONS = 8
OLDER_SECONDS = 60.0
REPOSITORY = Path(__file__).resolve().parent.parent

AT_ONCE = """
import os, sys
from test_framework.cli.unchanged import answer_at_once
answer = answer_at_once(["--project-root", sys.argv[1], "--", "tests"], os.environ)
print(answer["words"] if answer else "no answer")
os._exit(0 if sys.stdout.flush() is None else 1)
"""

ASK = """
import os, sys
from pathlib import Path
from test_framework.cli.arguments import parse
from test_framework.orchestration.gate import Request, gate, recollect, request_key
from test_framework.engine.project import find_interpreter, find_root
from test_framework.core.selection import Wish
from test_framework.configuration.load import load_settings
from test_framework.engine.processes import test_environment
from test_framework.records.present import Surroundings

options, pytest_args = parse(["--project-root", sys.argv[1], "--", "tests"])
root = find_root(options.project_root)
settings = load_settings(root, options.env)
executable = find_interpreter(options.python, settings.tests.interpreter, root, os.environ)
environ = test_environment(os.environ, "", {"TEST_ENV": settings.environment, "TEST_LLM_MODE": "mock"})
found = Surroundings(root=root, executable=executable, environ=environ, arguments=pytest_args)
request = Request(wish=Wish(explicit_paths=True), surroundings=found)
if len(sys.argv) > 2:
    print(request_key(settings, request))
else:
    from test_framework.cli.unchanged import keep_answer
    key = request_key(settings, request)
    answer = gate(recollect(request, root / ".apex", key), key, root)
    if answer.state == "proven":
        words = f"proven|{len(answer.proven)}"
        argv = ["--project-root", sys.argv[1], "--", "tests"]
        assert keep_answer(argv, os.environ, answer, {"words": words})
    to_run = len(answer.decisions) - len(answer.proven)
    print(answer.state, len(answer.proven), to_run, len(answer.files), answer.why, sep="|")
os._exit(0 if sys.stdout.flush() is None else 1)
"""


def make_project(root: Path, files: int) -> list[str]:
    """Half modules in packages, half test files; returns the paths."""
    paths = []
    for number in range(files // 2):
        package = f"package{number // 50:03}"
        body = "".join(
            f"def f{each}(x):\n    # step {each}\n    return x + {each}\n\n" for each in range(FUNCTIONS)
        )
        paths.append(write(root, f"src/{package}/module{number:04}.py", f"LIMIT = {number}\n\n{body}"))
        body = f"from {package} import module{number:04} as m\n\n"
        body += "".join(f"def test_{each}():\n    assert m.f{each}(1) == {each + 1}\n\n" for each in range(5))
        paths.append(write(root, f"tests/area{number // 50:03}/test_module{number:04}.py", body))
    for number in range(0, files // 2, 50):
        write(root, f"src/package{number // 50:03}/__init__.py", "")
    old = time.time() - OLDER_SECONDS
    for path in root.rglob("*.py"):
        os.utime(path, (old, old))
    return paths


def write(root: Path, path: str, text: str) -> str:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)
    return path


def make_recording(run: Path, paths: list[str], tests: int) -> None:
    """What a run in one fork for each test file would have recorded."""
    modules = [path for path in paths if path.startswith("src/")]
    files = [path for path in paths if path.startswith("tests/")]
    names = [(path, "<module>") for path in paths]
    names += [(path, f"f{each}") for path in modules for each in range(FUNCTIONS)]
    names += [(path, f"test_{each}") for path in files for each in range(5)]
    numbers = {name: number for number, name in enumerate(names)}
    environment = {"arguments": ["tests"], "files": {"pytest.ini": None, "pyproject.toml": None}}
    lines: list[list[object]] = [["version", 1], ["environment", environment]]
    lines += [["block", number, path, name] for (path, name), number in numbers.items()]
    lines.append(["base", list(range(len(paths))), [], [], []])
    facts, count = [], 0
    for generation, (module, file) in enumerate(zip(modules, files, strict=True)):
        for each in range(5):
            if count < tests:
                own = [numbers[module, f"f{each}"], numbers[file, f"test_{each}"]]
                test = f"{file}::test_{each}"
                lines.append(["test", test, 1, "gw0", generation, each, own, own, [], [], []])
                fact = TestFinished(test=test, attempt=1, outcome=Outcome.PASSED, category="unit", layer="unit",
                                    worker="gw0", seconds=0.001)  # fmt: skip
                facts.append(encode(count, "", 0.0, run.name, fact))
                count += 1
    lines.append(["end", count])
    facts.append(encode(count, "", 0.0, run.name, RunFinished(exit_code=0)))
    (run / "dependencies.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (run / "facts.jsonl").write_bytes(b"\n".join(facts) + b"\n")


def measured(argv: list[str], rounds: int) -> tuple[float, str]:
    """Median seconds of a process, and what it printed."""
    samples, output = [], ""
    for _ in range(rounds):
        began = time.perf_counter()
        done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=True)
        samples.append(time.perf_counter() - began)
        output = done.stdout.strip()
    return statistics.median(samples), output


def main() -> int:
    """Generate, measure, print; 1 where the limit is missed or the answer is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--tests", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "project"
        paths = make_project(root, options.files)
        base = root / ".apex"
        run = base / "runs" / "recorded"
        run.mkdir(parents=True)
        make_recording(run, paths, options.tests)
        ask = [sys.executable, "-c", ASK, str(root)]
        _, key = measured([*ask, "key"], 1)
        wait_for_calm(root, paths)
        identity = identify(sys.executable, inherited(), Digests(root))
        now = time.time()
        circumstances = Circumstances(
            began=now, ended=now + 5, elapsed=5.0, identity=identity, request=key, roots=("tests",)
        )
        began = time.perf_counter()
        notes = keep_run(root, base, run.name, circumstances)
        kept = time.perf_counter() - began
        wait_for_calm(root, [*paths, ".apex/proof.json"])
        measured(ask, 2)
        bare, _ = measured([sys.executable, "-c", "pass"], options.rounds)
        unchanged, answer = measured(ask, options.rounds)
        at_once, quick = measured([sys.executable, "-c", AT_ONCE, str(root)], options.rounds)
        edit(root / paths[0], "return x + 3", "return x + 4")
        _, refused = measured([sys.executable, "-c", AT_ONCE, str(root)], 1)
        edited, after = measured(ask, options.rounds)
    size = f"{options.files} files, {options.tests} tests"
    rows = [
        ("bare interpreter", bare, ""),
        (f"nothing changed ({size})", at_once, quick),
        ("the same, decided anew", unchanged, answer),
        ("one function edited", edited, after),
        ("taking in a whole run", kept, "; ".join(notes)),
    ]
    sys.stdout.write(
        "".join(f"{name:<40} {seconds * 1000:7.1f} ms  {words}\n" for name, seconds, words in rows)
    )
    words = f"proven|{min(options.tests, options.files // 2 * 5)}"
    right = answer.startswith(f"{words}|0|0") and quick == words
    right = right and refused == "no answer" and after.startswith("partial|")
    return 0 if right and at_once < LIMIT_SECONDS else 1


def inherited() -> dict[str, str]:
    from test_framework.engine.processes import test_environment

    return test_environment(os.environ, "", {"TEST_ENV": "test", "TEST_LLM_MODE": "mock"})


def wait_for_calm(root: Path, paths: list[str]) -> None:
    """Until every file is older than what counts as young: then its digest may be remembered."""
    newest = max((root / path).stat().st_ctime for path in paths)
    while time.time() < newest + 2.5:
        time.sleep(0.1)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


if __name__ == "__main__":
    sys.exit(main())
