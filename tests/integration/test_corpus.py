"""The corpus: small projects, each with a model of what must come out, run through the real command.

`expected*.json` of a project (format: tests/corpus/README.md) is written by hand where pytest alone would
die, and is exactly pytest's result where it survives: a second test compares it with plain pytest. A fault
test proves that its fault happened: the model names what the message, stack or log must show.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
BARE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""plug-ins of whoever runs these tests stay out (tests/integration/test_plugin_matrix.py has plug-ins)"""
OUR_FILES = {".apex", ".pytest_cache", "__pycache__", "logs"}


@dataclass(frozen=True)
class Case:
    """One project with one model of what is expected."""

    project: Path
    model: dict[str, Any]
    name: str

    @property
    def exit_codes(self) -> tuple[int, ...]:
        codes = self.model["exit_code"]
        return (codes,) if isinstance(codes, int) else tuple(codes)


def cases() -> list[Case]:
    found = []
    for path in sorted(CORPUS.glob("*/expected*.json")):
        variant = path.stem.removeprefix("expected").removeprefix("-")
        name = path.parent.name + (f"-{variant}" if variant else "")
        found.append(Case(path.parent, json.loads(path.read_text(encoding="utf-8")), name))
    return found


def parameters(chosen: list[Case]) -> list[Any]:
    return [
        pytest.param(c, id=c.name, marks=[pytest.mark.e2e] if c.model.get("slow") else []) for c in chosen
    ]


ALL = cases()
SURVIVED_BY_PYTEST = [case for case in ALL if case.model.get("plain")]


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[Case], Path]:
    def made(case: Case) -> Path:
        needed = case.model.get("min_pytest")
        if needed and tuple(map(int, pytest.__version__.split(".")[:2])) < tuple(map(int, needed.split("."))):
            pytest.skip(f"{case.name}: needs pytest {needed}, this is {pytest.__version__}")
        target = tmp_path / case.project.name
        ignored = shutil.ignore_patterns("expected*.json", "__pycache__", ".pytest_cache", ".apex")
        shutil.copytree(case.project, target, ignore=ignored)
        return target

    return made


def run_case(case: Case, project: Path, apex: Callable[..., Any]) -> Any:
    return apex(
        project,
        args=case.model.get("args", []),
        pytest_args=case.model.get("pytest_args", ["."]),
        environment=BARE,
    )


def check_account(run: Any) -> None:
    """The stream is whole, the ledger balances, an attempt is reported once, nothing of ours fell over."""
    assert run.not_json == [], f"stdout carries something that is no fact{run.explain()}"
    assert [fact["seq"] for fact in run.facts] == list(range(len(run.facts))), run.explain()
    assert {fact["v"] for fact in run.facts} == {1}
    last = run.facts[-1]
    assert last["type"] == "run.finished", run.explain()
    assert len(run.of("run.finished")) == 1
    assert last["exit_code"] == run.exit_code, run.explain()
    collected, executed, proven, owed = (last.get(k, 0) for k in ("collected", "executed", "proven", "owed"))
    assert executed + proven + owed == collected, run.explain()
    assert (executed, owed) == (len(run.outcomes), len(run.owed)), run.explain()
    attempts = Counter((fact["test"], fact["attempt"]) for fact in run.of("test.finished"))
    assert [key for key, count in attempts.items() if count > 1] == [], "an attempt was reported twice"
    assert set(run.outcomes).isdisjoint(run.owed), "a test is both executed and owed"
    assert all(reason for reason in run.owed.values()), "a test is owed without a reason"
    assert "Traceback (most recent call last)" not in run.stderr, run.explain()
    assert all(0 <= fact.get("seconds", 0) < 60 for fact in run.facts), "a duration is impossible"


def check_outcomes(run: Any, model: dict[str, Any]) -> None:
    """Every test has the outcome of the model; what the model does not name must not be there."""
    actual, owed = dict(run.outcomes), dict(run.owed)
    for test in model.get("either", []):
        actual.pop(test, None)
        owed.pop(test, None)
    for base, wanted in model.get("duplicates", {}).items():
        twins = sorted(test for test in actual if test.startswith(base))
        assert sorted(actual.pop(test) for test in twins) == sorted(wanted), run.explain()
    if "tally" in model:
        assert Counter(actual.values()) == model["tally"], run.explain()
    else:
        wanted = model.get("outcomes", {})
        wrong = {
            test: (wanted.get(test, "-"), actual.get(test, "-"), run.tests.get(test, {}).get("message", ""))
            for test in wanted.keys() | actual.keys()
            if actual.get(test) not in choices(wanted.get(test))
        }
        assert wrong == {}, f"(wanted, actual, message) differ{run.explain()}"
    assert sorted(owed) == sorted(model.get("owed", [])), run.explain()


def choices(wanted: str | list[str] | None) -> list[str | None]:
    return list(wanted) if isinstance(wanted, list) else [wanted]


def check_proofs(run: Any, model: dict[str, Any]) -> None:
    """The fault happened, and its traces reached the result."""
    for test, pattern in model.get("proof", {}).items():
        fact = run.tests[test]
        text = f"{fact.get('message', '')}\n{fact.get('detail', '')}"
        assert re.search(pattern, text), f"{test}: {pattern!r} is not in\n{text[:2000]}"
    for test, pattern in model.get("sections", {}).items():
        text = "\n".join(text for _, text in run.tests[test].get("sections", []))
        assert re.search(pattern, text), f"{test}: {pattern!r} is not in\n{text[-2000:]}"
    for kind, patterns in model.get("facts", {}).items():
        lines = [json.dumps(fact, ensure_ascii=False) for fact in run.of(kind)]
        for pattern in patterns:
            assert any(re.search(pattern, line) for line in lines), (
                f"no {kind} with {pattern!r}{run.explain()}"
            )
    for tests in model.get("same_worker", []):
        assert len({run.tests[test]["worker"] for test in tests}) == 1, f"{tests} were spread over lanes"
    if "at_most_seconds" in model:
        assert run.seconds <= model["at_most_seconds"], run.explain()
    if "stderr" in model:
        assert re.search(model["stderr"], run.stderr + run.explain()), run.explain()


def check_project_directory(case: Case, project: Path) -> None:
    new = {path.name for path in project.iterdir()} - {path.name for path in case.project.iterdir()}
    assert new - OUR_FILES - set(case.model.get("writes", [])) == set(), "files were left in the project"


@pytest.mark.parametrize("case", parameters(ALL))
def test_project_comes_out_as_its_model_says(case: Case, copy: Any, apex: Any) -> None:
    project = copy(case)
    run = run_case(case, project, apex)
    assert run.exit_code in case.exit_codes, run.explain()
    if not case.model.get("no_run"):
        check_account(run)
    assert "Traceback (most recent call last)" not in run.stderr, run.explain()
    check_outcomes(run, case.model)
    check_proofs(run, case.model)
    check_project_directory(case, project)


@pytest.mark.parametrize("case", parameters(SURVIVED_BY_PYTEST))
def test_model_is_what_plain_pytest_says(case: Case, copy: Any, plain: Any) -> None:
    answer = plain(
        copy(case), case.model.get("plain_args", case.model.get("pytest_args", ["."])), environment=BARE
    )
    assert answer.exit_code in case.exit_codes, answer.output[-3000:]
    model = case.model
    actual = Counter(
        (test, outcome) for test, outcome, _ in answer.tests if test not in model.get("either", [])
    )
    if "tally" in model:
        assert Counter(outcome for _, outcome in actual.elements()) == model["tally"]
        return
    wanted = model.get("outcomes", {})
    singles = {test: outcome for test, outcome in actual if test not in model.get("duplicates", {})}
    assert singles.keys() == wanted.keys()
    assert {t: o for t, o in singles.items() if o not in choices(wanted[t])} == {}
    for base, outcomes in model.get("duplicates", {}).items():
        assert sorted(outcome for test, outcome in actual.elements() if test == base) == sorted(outcomes)


def test_every_project_of_the_corpus_has_a_model() -> None:
    projects = {
        path.name for path in CORPUS.iterdir() if path.is_dir() and not path.name.startswith(("_", "."))
    }
    assert {case.project.name for case in ALL} == projects


def test_models_use_only_keys_that_are_explained() -> None:
    text = (CORPUS / "README.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    known = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    assert {key for case in ALL for key in case.model} <= known


def case_named(name: str) -> Case:
    return next(case for case in ALL if case.name == name)


def test_fixtures_are_set_up_once_where_they_should_and_always_torn_down(copy: Any, apex: Any) -> None:
    case = case_named("fixture_scopes")
    project = copy(case)
    run = run_case(case, project, apex)
    lines = (project / "fixture-log.txt").read_text().splitlines()
    open_now: Counter[str] = Counter()
    setups: Counter[str] = Counter()
    for line in lines:
        verb, rest = line.split(" ", 1)
        open_now[rest] += 1 if verb == "setup" else -1
        assert open_now[rest] in (0, 1), f"{line}: out of turn"
        setups[rest.rsplit(" ", 1)[0]] += verb == "setup"
    assert [rest for rest, count in open_now.items() if count] == [], "set up and never torn down"
    once = [
        "module test_first",
        "module test_second",
        "class TestOne",
        "class TestTwo",
        "colour red",
        "colour blue",
    ]
    assert {name: setups[name] for name in once} == dict.fromkeys(once, 1), "\n".join(lines)
    lanes = {line.rsplit("pid=", 1)[1] for line in lines}
    assert setups["session"] == len(lanes)
    assert len(lanes) <= len(run.of("worker.started"))


def test_serial_tests_overlap_with_nothing(copy: Any, apex: Any) -> None:
    case = case_named("serial_marks")
    project = copy(case)
    run_case(case, project, apex)
    spans = {}
    for line in (project / "overlap-log.txt").read_text().splitlines():
        name, start, end = line.rsplit(" ", 2)
        spans[name] = (float(start), float(end))
    assert len(spans) == 21
    alone = [name for name in spans if "test_alone" in name]
    assert len(alone) == 3
    for name in alone:
        start, end = spans[name]
        crossing = [
            other for other, span in spans.items() if other != name and span[0] < end and start < span[1]
        ]
        assert crossing == [], f"{name} did not run alone"


def test_free_tests_do_overlap_on_two_lanes(copy: Any, apex: Any) -> None:
    case = case_named("serial_marks")
    project = copy(case)
    apex(project, args=["-n", "2"], environment=BARE)
    spans = [
        tuple(map(float, line.rsplit(" ", 2)[1:]))
        for line in (project / "overlap-log.txt").read_text().splitlines()
        if "test_free" in line
    ]
    assert any(a < d and c < b for i, (a, b) in enumerate(spans) for c, d in spans[:i]), (
        "lanes never worked at once"
    )


def test_lane_has_no_controlling_terminal_under_a_terminal(copy: Any, apex: Any) -> None:
    case = case_named("controlling_terminal")
    code = (
        "import fcntl, os, sys, termios\n"
        "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "os.close(os.open('/dev/tty', os.O_RDWR | os.O_NOCTTY))\n"  # the fault is possible here
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    ours, theirs = os.openpty()
    try:
        run = apex(copy(case), launcher=[sys.executable, "-c", code], stdin=theirs, environment=BARE)
    finally:
        os.close(ours)
        os.close(theirs)
    assert run.exit_code == 0, run.explain()
    assert list(run.outcomes.values()) == ["passed"]


def test_run_directory_holds_the_same_facts_as_standard_output(copy: Any, apex: Any) -> None:
    case = case_named("failing")
    project = copy(case)
    run = run_case(case, project, apex)
    journal = project / ".apex" / "runs" / run.id / "facts.jsonl"
    assert journal.read_bytes() == run.stdout


def test_project_directory_is_clean_for_git(copy: Any, apex: Any) -> None:
    case = case_named("passing")
    project = copy(case)
    run_case(case, project, apex)
    assert (project / ".apex" / ".gitignore").read_text().split() == ["*"]
