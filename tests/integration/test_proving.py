"""What is proven through the real command: a project is run, changed in one way, and run again.

The rule of each case: what is not run must end the same if it were run, and the ledger must add up.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import RUNNER, clean_environment

pytestmark = pytest.mark.integration

FILES = {
    "pytest.ini": "[pytest]\n",
    "shop/__init__.py": "",
    "shop/prices.py": """
        STEP = 5

        def gross(net):
            return net + STEP

        def net(gross):
            return gross - 5
        """,
    "shop/texts.py": """
        import os
        from pathlib import Path

        def greeting():
            return (Path(__file__).parent / "greeting.txt").read_text().strip()

        def name():
            return os.environ.get("SHOP_NAME", "shop")
        """,
    "shop/greeting.txt": "hello\n",
    "tests/conftest.py": """
        import pytest

        @pytest.fixture
        def ten():
            return 10
        """,
    "tests/unit/test_prices.py": """
        import pytest
        from shop import prices

        def test_gross(ten):
            assert prices.gross(ten) == 15

        @pytest.mark.parametrize("value", [5, 6, 7])
        def test_net(value):
            assert prices.net(value) == value - 5
        """,
    "tests/unit/test_texts.py": """
        import pytest
        from shop import texts

        def test_greeting():
            assert texts.greeting() == "hello"

        def test_name():
            assert texts.name() in ("shop", "other")

        @pytest.mark.skip(reason="later")
        def test_later():
            raise AssertionError
        """,
}
ALL = {
    "tests/unit/test_prices.py::test_gross",
    *(f"tests/unit/test_prices.py::test_net[{value}]" for value in (5, 6, 7)),
    *(f"tests/unit/test_texts.py::test_{name}" for name in ("greeting", "name", "later")),
}


@dataclass
class Shop:
    """The project, and how it is run."""

    root: Path
    apex: Callable[..., Any]
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        self.save(path, textwrap.dedent(text).lstrip("\n"))

    def save(self, path: str, text: str) -> None:
        """With another whole second than before, by which Python knows that what it has compiled is stale."""
        file = self.root / path
        seconds = file.stat().st_mtime - 2 if file.exists() else None
        file.write_text(text, encoding="utf-8")
        if seconds is not None:
            os.utime(file, (seconds, seconds))

    def replace(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text(encoding="utf-8")
        assert text.count(old) == 1, (path, old)
        self.save(path, text.replace(old, new))

    def run(self, *args: str, paths: tuple[str, ...] = ("tests",)) -> Any:
        """Run it; the ledger of every run must add up, and what ran must end as its facts say."""
        self.wait_until_files_are_older()
        done = self.apex(self.root, args=args, pytest_args=paths, environment=self.environment)
        ended = done.of("run.finished")[0]
        executed, proven, owed = (ended.get(name, 0) for name in ("executed", "proven", "owed"))
        assert executed + proven + owed == ended.get("collected", 0), done.explain()
        assert proven == len(done.of("cache.hit")), done.explain()
        return done

    def wait_until_files_are_older(self) -> None:
        """What is touched after a run's beginning proves nothing of it, and clocks of files tick slowly."""
        newest = max(path.stat().st_ctime for path in self.root.rglob("*") if ".apex" not in path.parts)
        while time.time() < newest + 0.05:
            os.sched_yield()


@pytest.fixture
def shop(tmp_path: Path, apex: Callable[..., Any]) -> Shop:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    made = Shop(tmp_path / "shop", apex, {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "TMPDIR": str(temporary)})
    for path, text in FILES.items():
        made.write(path, text)
    return made


def proven(run: Any) -> set[str]:
    return {fact["test"] for fact in run.of("cache.hit")}


def executed(run: Any) -> set[str]:
    """What ran but the audited: a share of the proven is run all the same, drawn by run and test."""
    return set(run.outcomes)


@pytest.fixture(autouse=True)
def no_audits(shop: Shop) -> None:
    """A share of the proven would run in any run; a test of its own looks at that."""
    shop.environment["APEX_AUDIT_SHARE"] = "0"


def test_a_second_run_proves_everything_and_names_the_run_that_does(shop: Shop) -> None:
    first = shop.run()
    assert (executed(first), proven(first)) == (ALL, set())
    second = shop.run()
    assert (executed(second), proven(second)) == (set(), ALL)
    assert {fact["proven_by"] for fact in second.of("cache.hit")} == {first.id}
    assert second.exit_code == 0
    third = shop.run()
    assert {fact["proven_by"] for fact in third.of("cache.hit")} == {first.id}


CHANGES: dict[str, tuple[Callable[[Shop], None], set[str]]] = {
    "a function": (
        lambda shop: shop.replace("shop/prices.py", "gross - 5", "gross - 4 - 1"),
        {f"tests/unit/test_prices.py::test_net[{value}]" for value in (5, 6, 7)},
    ),
    "a constant of a module": (
        lambda shop: shop.replace("shop/prices.py", "STEP = 5", "STEP = 4 + 1"),
        ALL,
    ),
    "a comment": (lambda shop: shop.replace("shop/prices.py", "STEP = 5", "STEP = 5  # per cent"), set()),
    "a data file": (
        lambda shop: shop.write("shop/greeting.txt", "hello \n"),
        {"tests/unit/test_texts.py::test_greeting"},
    ),
    "a variable": (
        lambda shop: shop.environment.update(SHOP_NAME="other"),
        {"tests/unit/test_texts.py::test_name"},
    ),
    "a variable that nobody reads": (lambda shop: shop.environment.update(ELSE="other"), set()),
    "a fixture": (
        lambda shop: shop.replace("tests/conftest.py", "return 10", "return 4 + 6"),
        {"tests/unit/test_prices.py::test_gross"},
    ),
    "a file's time alone": (lambda shop: os.utime(shop.root / "shop/prices.py"), set()),
    "an option of pytest": (lambda shop: shop.write("pytest.ini", "[pytest]\nxfail_strict = true\n"), ALL),
    "a variable that Python reads": (lambda shop: shop.environment.update(PYTHONOPTIMIZE=""), ALL),
}


@pytest.mark.parametrize("what", CHANGES)
def test_after_a_change_those_run_that_it_can_reach(shop: Shop, what: str) -> None:
    """Tests of the same process may run too: what ran before them there counts as well, so a little more is fine."""
    change, reached = CHANGES[what]
    shop.run("-n", "1")
    change(shop)
    again = shop.run("-n", "1")
    assert reached <= executed(again), again.explain()
    assert executed(again) | proven(again) == ALL
    if not reached:
        assert executed(again) == set()
    assert again.exit_code == 0


def test_only_files_with_something_to_run_are_collected(shop: Shop) -> None:
    shop.write(
        "tests/unit/test_loud.py", "import warnings\n\nwarnings.warn('read')\n\n\ndef test_loud(): pass\n"
    )
    assert [fact["message"] for fact in shop.run().of("warning.recorded")] == ["read"]
    shop.replace("tests/unit/test_texts.py", '== "hello"', '== "hello".strip()')
    again = shop.run()
    assert "tests/unit/test_texts.py::test_greeting" in executed(again)
    assert "tests/unit/test_loud.py::test_loud" in proven(again)
    assert again.of("warning.recorded") == []


def test_a_failure_runs_until_it_passes_and_is_never_proven(shop: Shop) -> None:
    shop.run()
    shop.replace("shop/prices.py", "net + STEP", "net - STEP")
    broken = shop.run()
    assert broken.outcomes["tests/unit/test_prices.py::test_gross"] == "failed"
    assert broken.exit_code == 1
    still = shop.run()
    assert still.outcomes["tests/unit/test_prices.py::test_gross"] == "failed"
    assert still.exit_code == 1
    shop.replace("shop/prices.py", "net - STEP", "net + STEP")
    mended = shop.run()
    assert mended.outcomes["tests/unit/test_prices.py::test_gross"] == "passed"
    assert (mended.exit_code, proven(shop.run())) == (0, ALL)


def test_new_changed_and_deleted_tests_are_found(shop: Shop) -> None:
    shop.run()
    shop.write("tests/unit/deep/test_new.py", "def test_new(): assert 0\n")
    new = shop.run()
    assert (new.exit_code, new.outcomes["tests/unit/deep/test_new.py::test_new"]) == (1, "failed")
    (shop.root / "tests/unit/deep/test_new.py").unlink()
    shop.replace("tests/unit/test_prices.py", "[5, 6, 7]", "[5, 6, 8]")
    changed = shop.run()
    expected = {test.replace("[7]", "[8]") for test in ALL}
    assert executed(changed) | proven(changed) == expected
    assert "tests/unit/test_prices.py::test_net[8]" in executed(changed)


def test_every_test_runs_where_that_is_asked_for(shop: Shop) -> None:
    shop.run()
    assert executed(shop.run("--no-cache")) == ALL
    assert executed(shop.run("--no-recorder")) == ALL
    named = shop.run(paths=("tests/unit/test_texts.py::test_name",))
    assert executed(named) == {"tests/unit/test_texts.py::test_name"}
    assert proven(shop.run()) == ALL


def test_choices_by_word_and_by_category_are_proven_too(shop: Shop) -> None:
    shop.run()
    chosen = shop.run("-k", "net")
    assert (executed(chosen), len(proven(chosen))) == (set(), 3)
    category = shop.apex(shop.root, args=["--category", "unit"], pytest_args=(), environment=shop.environment)
    assert proven(category) == ALL


def test_a_share_of_the_proven_is_audited_and_a_miss_distrusts_everything(shop: Shop) -> None:
    shop.run()
    shop.replace("shop/prices.py", "net + STEP", "net - STEP")
    pretend_nothing_changed(shop)
    shop.environment["APEX_AUDIT_SHARE"] = "1"
    audited = shop.run()
    assert executed(audited) == ALL
    assert audited.exit_code == 1
    [alert] = [fact for fact in audited.of("alert.raised") if fact["kind"] == "cache_audit_misses"]
    assert "test_gross" in alert["message"]
    shop.environment["APEX_AUDIT_SHARE"] = "0"
    shop.environment["SHOP_UNREAD"] = "1"
    after = shop.run()
    assert executed(after) >= {"tests/unit/test_prices.py::test_gross"}


def pretend_nothing_changed(shop: Shop) -> None:
    """What a dependency that nobody can see looks like: the memory takes the new bytes for those that were recorded."""
    import hashlib
    import json

    file = shop.root / ".apex" / "proof.json"
    head, _, body = file.read_bytes().partition(b"\n")
    memory = json.loads(body)
    paths, digests = memory["sources"]
    current = hashlib.sha256((shop.root / "shop/prices.py").read_bytes()).hexdigest()
    digests[paths.index("shop/prices.py")] = current
    body = json.dumps(memory, separators=(",", ":")).encode()
    head = json.dumps({**json.loads(head), "sha256": hashlib.sha256(body).hexdigest()}).encode()
    file.write_bytes(head + b"\n" + body)


def test_an_unchanged_project_is_answered_before_anything_is_started(shop: Shop, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)

    def command(*more: str) -> subprocess.CompletedProcess[str]:
        shop.wait_until_files_are_older()
        argv = [
            sys.executable,
            str(RUNNER),
            "--project-root",
            str(shop.root),
            "--python",
            sys.executable,
            *more,
        ]
        environment = clean_environment(**shop.environment)
        said = {"capture_output": True, "text": True, "timeout": 60, "check": False}
        return subprocess.run([*argv, "--", "tests"], env=environment, cwd=tmp_path, **said)

    assert "7 proven" not in command().stdout
    runs = {path.name for path in (shop.root / ".apex" / "runs").iterdir()}
    answered = command()
    assert answered.returncode == 0
    assert "executed 0 + proven 7 + owed 0 = collected 7\n" in answered.stdout
    assert answered.stderr == ""
    assert {path.name for path in (shop.root / ".apex" / "runs").iterdir()} == runs
    shop.replace("shop/prices.py", "net + STEP", "net - STEP")
    changed = command()
    assert changed.returncode == 1
    assert "test_gross" in changed.stdout


def test_only_what_a_change_since_a_commit_reaches_is_run(shop: Shop) -> None:
    def git(*words: str) -> None:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", *identity, *words], cwd=shop.root, check=True, capture_output=True)

    nowhere = shop.run("--only-changed")
    assert executed(nowhere) == ALL
    assert any("leaves out nothing" in fact["message"] for fact in nowhere.of("alert.raised"))
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    unchanged = shop.run("--only-changed")
    assert unchanged.of("run.planned")[0].get("collected", 0) == 0
    assert unchanged.exit_code == 0, "nothing changed, so that nothing runs is fine"
    shop.replace("tests/unit/test_texts.py", '== "hello"', '== "hello".strip()')
    changed = shop.run("--only-changed=HEAD", "--no-cache")
    assert set(changed.outcomes) == {test for test in ALL if "test_texts" in test}
    assert changed.exit_code == 0


def test_a_proof_is_explained(shop: Shop) -> None:
    shop.run()
    argv = [sys.executable, str(RUNNER), "--project-root", str(shop.root), "--python", sys.executable]
    environment = clean_environment(**shop.environment)
    said = {"capture_output": True, "text": True, "timeout": 60, "check": True, "env": environment}
    text = subprocess.run([*argv, "--explain", "test_gross"], **said).stdout
    assert "proven: nothing that it depends on has changed since run " in text
    shop.replace("shop/prices.py", "net + STEP", "net + STEP + 0")
    text = subprocess.run([*argv, "--explain", "test_gross"], **said).stdout
    assert "to run: code changed: shop/prices.py" in text
