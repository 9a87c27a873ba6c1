"""Plug-ins of others, the oldest and the newest pytest give through our command what they give alone.

Each Python of tests/plugin_matrix/versions.json that this machine has gets virtual environments from
hash-pinned requirements, kept between sessions in `$APEX_TEST_ENVS` (default: `.apex-test-envs/` of the
repository). A Python that is missing skips its rows by name. With `APEX_TEST_OFFLINE`
set, what cannot be built is skipped too.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.environments import interpreter_with

pytestmark = [pytest.mark.e2e, pytest.mark.network]

TESTS = Path(__file__).resolve().parents[1]
PINS = TESTS / "plugin_matrix"
PLUGINS = TESTS / "corpus_plugins"
CORPUS = TESTS / "corpus"
VERSIONS = json.loads((PINS / "versions.json").read_text(encoding="utf-8"))
PYTHONS = tuple(VERSIONS["pythons"])
PLUGIN_PROJECTS = sorted(path.name for path in PLUGINS.iterdir() if (path / "pytest.ini").exists())
PYTESTS = [
    (python, age, pins[age]) for python, pins in VERSIONS["pythons"].items() for age in ("oldest", "newest")
]
NEVER_COPIED = shutil.ignore_patterns(
    "expected*.json", "__pycache__", ".pytest_cache", ".apex", ".benchmarks"
)


def environment(version: str, requirements: str) -> str:
    return interpreter_with(PINS / requirements, version)


Twice = Callable[..., tuple[Any, Any, Path, Path]]


@pytest.fixture
def twice(tmp_path: Path, apex: Any, plain: Any) -> Twice:
    """twice(project, python, args=()) -> (ours, plain, our copy, plain's copy): one project, both ways."""

    def run(project: Path, python: str, args: tuple[str, ...] = ()) -> tuple[Any, Any, Path, Path]:
        ours, theirs = tmp_path / "ours" / project.name, tmp_path / "plain" / project.name
        for copy in (ours, theirs):
            shutil.copytree(project, copy, ignore=NEVER_COPIED)
        answer = plain(theirs, python=python)
        return apex(ours, args=args, python=python), answer, ours, theirs

    return run


def check_same(run: Any, answer: Any) -> None:
    """Same outcome of every test, same exit code, nothing lost."""
    assert "Traceback (most recent call last)" not in run.stderr, run.explain()
    assert run.not_json == [], run.explain()
    actual, wanted = run.outcomes, answer.outcomes
    different = {
        t: (wanted.get(t), actual.get(t))
        for t in wanted.keys() | actual.keys()
        if wanted.get(t) != actual.get(t)
    }
    assert different == {}, f"(plain, ours) differ{run.explain()}\n{answer.output[-2000:]}"
    assert run.owed == {}, run.explain()
    assert run.exit_code == answer.exit_code, run.explain()
    last = run.facts[-1]
    assert last["type"] == "run.finished"
    assert last["collected"] == last["executed"] == len(answer.tests)


def said_at_the_end(run: Any) -> str:
    return "\n".join(fact["text"] for fact in run.of("plugin.reported"))


def coverage_of(project: Path) -> dict[str, Any]:
    """Per file: percent, missing lines and branches, as pytest-cov's JSON report has them."""
    report = json.loads((project / "coverage-report.json").read_text())
    files = {
        name: (f["summary"], f["missing_lines"], f["missing_branches"]) for name, f in report["files"].items()
    }
    return {"total": report["totals"], "files": files}


def check_cov(run: Any, answer: Any, ours: Path, theirs: Path) -> None:
    assert coverage_of(ours) == coverage_of(theirs)
    assert (ours / "coverage-report.xml").exists()
    total = re.search(r"^TOTAL.*$", answer.output, re.MULTILINE)
    assert total
    assert total.group() in said_at_the_end(run), run.explain()
    assert [path.name for path in ours.glob(".coverage*")] == [".coverage"], "coverage data of lanes was left"


def check_cov_gate(run: Any, answer: Any, ours: Path, theirs: Path) -> None:
    assert answer.exit_code == 1
    assert "Required test coverage of 95" in answer.output
    assert "Required test coverage of 95" in said_at_the_end(run), run.explain()


def check_django(run: Any, answer: Any, ours: Path, theirs: Path) -> None:
    """Each lane has a test database of its own, and all of them are gone at the end."""
    names = set((ours / "database-log.txt").read_text().split())
    workers = {run.tests[test]["worker"] for test in run.tests if "test_database_is_empty" in test}
    assert len(names) == len(workers), f"{names} for {workers}"
    assert len(workers) > 1, "the project was to be spread over lanes"
    assert list(ours.glob("*.sqlite3*")) == [], "databases were left"


def check_rerunfailures(run: Any, answer: Any, ours: Path, theirs: Path) -> None:
    turns = [Counter((copy / "run-log.txt").read_text().split()) for copy in (ours, theirs)]
    assert turns[0] == turns[1]
    assert max(turns[0].values()) == 5
    assert sum(reruns for _, _, reruns in answer.tests) == sum(turns[0].values()) - len(turns[0])


def check_randomly(run: Any, answer: Any, ours: Path, theirs: Path) -> None:
    """The seed holds: the same numbers in each test, and the same order inside a module."""
    logs = [(copy / "random-log.txt").read_text().splitlines() for copy in (ours, theirs)]
    assert sorted(logs[0]) == sorted(logs[1])
    for module in ("test_one.py", "test_two.py"):
        orders = [[line for line in log if line.startswith(module)] for log in logs]
        assert orders[0] == orders[1], f"{module} was run in another order"
    assert "20240229" in answer.output


def check_benchmark(run: Any, answer: Any, ours: Path, theirs: Path) -> None:
    assert "benchmark: 4 tests" in answer.output
    text = said_at_the_end(run)
    assert "benchmark: 4 tests" in text, run.explain()
    assert all(name in text for name in ("test_sum", "test_sorted", "test_pedantic"))
    reports = [json.loads((copy / "benchmark-report.json").read_text()) for copy in (ours, theirs)]
    assert sorted(b["fullname"] for b in reports[0]["benchmarks"]) == sorted(
        b["fullname"] for b in reports[1]["benchmarks"]
    )


def check_timeout(run: Any, answer: Any, ours: Path, theirs: Path) -> None:
    assert "Timeout" in run.tests["test_timeout.py::test_too_slow"]["message"]


def check_hypothesis(run: Any, answer: Any, ours: Path, theirs: Path) -> None:
    fact = run.tests["test_properties.py::test_finds_a_counterexample"]
    text = fact.get("detail", "") + "".join(body for _, body in fact.get("sections", []))
    assert "number=10" in text, run.explain()


def check_nothing_more(run: Any, answer: Any, ours: Path, theirs: Path) -> None:
    assert {"passed", "failed"} <= set(run.outcomes.values()), "the project was to show both"


def pins_of(plugin: str, version: str) -> str:
    """All plug-ins together on the oldest Python; each alone on the others, so that its lanes are forked.

    Together means started lanes: one of the plug-ins looks at the worker's name while it is configured.
    """
    return "requirements.txt" if version == PYTHONS[0] else f"{plugin.removesuffix('_gate')}.txt"


PROOFS: dict[str, Callable[[Any, Any, Path, Path], None]] = {
    "cov": check_cov,
    "cov_gate": check_cov_gate,
    "django": check_django,
    "rerunfailures": check_rerunfailures,
    "randomly": check_randomly,
    "benchmark": check_benchmark,
    "timeout": check_timeout,
    "hypothesis": check_hypothesis,
}


@pytest.mark.parametrize("version", PYTHONS)
@pytest.mark.parametrize("plugin", PLUGIN_PROJECTS)
def test_plugin_gives_what_it_gives_plain_pytest(plugin: str, version: str, twice: Twice) -> None:
    python = environment(version, pins_of(plugin, version))
    run, answer, ours, theirs = twice(PLUGINS / plugin, python, args=("-n", "2", "--test-timeout", "30"))
    check_same(run, answer)
    PROOFS.get(plugin, check_nothing_more)(run, answer, ours, theirs)


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_no_coverage_overrules_the_project_s_own_options(isolation: str, tmp_path: Path, apex: Any) -> None:
    version = PYTHONS[0]
    python = environment(version, pins_of("cov_gate", version))
    project = tmp_path / "cov_gate"
    shutil.copytree(PLUGINS / "cov_gate", project, ignore=NEVER_COPIED)
    measured = apex(project, args=("--isolation", isolation), python=python)
    assert "Required test coverage of 95" in said_at_the_end(measured), "the project asks for no coverage"
    assert [*project.glob(".coverage*")] != []
    for path in project.glob(".coverage*"):
        path.unlink()
    run = apex(project, args=("--isolation", isolation, "--no-coverage"), python=python)
    assert run.exit_code == 0, run.explain()
    assert "coverage" not in said_at_the_end(run).lower()
    assert [*project.glob(".coverage*")] == []


@pytest.mark.parametrize(("version", "age", "release"), PYTESTS, ids=[f"{p}-{r}" for p, _, r in PYTESTS])
@pytest.mark.parametrize("project", VERSIONS["projects"])
def test_corpus_is_the_same_with_this_pytest(
    project: str, version: str, age: str, release: str, tmp_path: Path, twice: Twice, apex: Any
) -> None:
    python = environment(version, f"pytest-{release}.txt")
    model = json.loads((CORPUS / project / "expected.json").read_text(encoding="utf-8"))
    if model.get("plain"):
        run, answer, _, _ = twice(CORPUS / project, python, args=tuple(model.get("args", ())))
        check_same(run, answer)
    else:  # plain pytest would not survive it
        copy = tmp_path / project
        shutil.copytree(CORPUS / project, copy, ignore=NEVER_COPIED)
        run = apex(copy, args=model.get("args", ()), python=python)
        assert run.outcomes == model["outcomes"], run.explain()
        assert run.exit_code == model["exit_code"]
    assert run.of("run.planned")[0]["pytest_version"] == release


@pytest.mark.parametrize("version", PYTHONS)
def test_pytest_that_is_too_old_is_refused_in_one_message(version: str, tmp_path: Path, apex: Any) -> None:
    release = VERSIONS["refused"][version]
    python = environment(version, f"pytest-{release}.txt")
    project = tmp_path / "passing"
    shutil.copytree(CORPUS / "passing", project, ignore=NEVER_COPIED)
    run = apex(project, python=python)
    assert run.exit_code == 4
    assert f"pytest {release} is too old" in run.stderr
    assert "Traceback" not in run.stderr
    assert run.outcomes == {}


def test_every_plugin_that_is_claimed_has_a_project() -> None:
    claimed = {
        "asyncio",
        "django",
        "cov",
        "hypothesis",
        "randomly",
        "timeout",
        "rerunfailures",
        "mock",
        "benchmark",
        "anyio",
    }
    assert claimed <= set(PLUGIN_PROJECTS)
