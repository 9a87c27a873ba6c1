"""The gate, the kept answer, explanations and changes since a commit, on a small project that really ran."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from test_framework.cli.explain import as_text, explain, find_test
from test_framework.cli.unchanged import answer_at_once, keep_answer
from test_framework.core.proof import Cause, ToRun
from test_framework.model.errors import UserError
from test_framework.model.facts import RunFinished
from test_framework.model.wire import encode
from test_framework.records.changes import Digests
from test_framework.records.dependencies import DIGESTS, NAME, load_memory
from test_framework.records.git_changes import Git, reached
from test_framework.records.keeping import rebuild
from test_framework.records.present import Present
from test_framework.records.sources import Sources
from tests.integration.proof.project import FILES
from tests.integration.proof.shop import Shop

pytestmark = pytest.mark.integration
OPTIONS = "tests/test_options.py"
REPOSITORY = Path(__file__).resolve().parents[3]


def test_an_unchanged_project_is_proven_without_starting_anything(shop: Shop) -> None:
    shop.run_and_keep()
    found = shop.gate()
    assert (found.state, len(found.proven), found.files) == ("proven", 12, ())


def test_before_the_first_run_nothing_is_known(shop: Shop) -> None:
    found = shop.gate()
    assert (found.state, found.why) == ("unknown", "no run has been recorded yet")


def test_another_question_is_another_inventory(shop: Shop) -> None:
    shop.run_and_keep()
    surroundings = replace(shop.surroundings(), arguments=("-q", "-k", "style", "tests"))
    found = shop.gate(replace(shop.request(), surroundings=surroundings))
    assert (found.state, found.why) == ("unknown", "these tests have not been collected together yet")


def test_only_files_with_something_to_run_are_collected(shop: Shop) -> None:
    shop.run_and_keep()
    shop.write(OPTIONS, FILES[OPTIONS].replace("len", "abs(3) and len"))
    found = shop.gate()
    assert (found.state, found.files) == ("partial", (OPTIONS,))
    assert [test for test, one in found.decisions.items() if isinstance(one, ToRun)] == [
        f"{OPTIONS}::test_nothing"
    ]


def test_a_new_test_file_is_collected_and_a_deleted_one_is_not(shop: Shop) -> None:
    shop.run_and_keep()
    shop.write("tests/deep/er/test_new.py", "def test_new(): pass\n")
    assert shop.gate().files == ("tests/deep/er/test_new.py",)
    (shop.root / OPTIONS).unlink()
    found = shop.gate()
    assert OPTIONS not in found.files
    assert not [test for test in found.inventory if test.startswith(OPTIONS)]


def test_a_new_test_file_where_nobody_looks_for_tests_is_not_collected(shop: Shop) -> None:
    shop.roots = ("tests/test_options.py", "tests/test_rates.py")
    shop.run_and_keep()
    shop.write("tests/deep/er/test_new.py", "def test_new(): pass\n")
    assert "tests/deep/er/test_new.py" not in shop.gate().files


def test_a_run_that_was_not_green_answers_nothing(shop: Shop) -> None:
    shop.run_and_keep()
    facts = shop.base / "runs" / "run-0001" / "facts.jsonl"
    lines = facts.read_bytes().splitlines()[:-1]
    ended = encode(len(lines), "", 0.0, "run-0001", RunFinished(exit_code=10))
    facts.write_bytes(b"\n".join([*lines, ended]) + b"\n")
    assert rebuild(shop.root, shop.base) == []
    found = shop.gate()
    assert (found.state, found.why) == ("unknown", "run run-0001 did not end with exit code 0")
    assert len(found.proven) == 12


def test_a_partial_run_keeps_what_is_known_of_the_others(shop: Shop) -> None:
    """The second run records only one file's tests; the rest stays proven by the first."""
    shop.run_and_keep()
    before = load_memory(shop.base).memory
    shop.write("shop/options.py", FILES["shop/options.py"].replace("8", "9").replace('"="', '"=" * 0 + "="'))
    shop.write(OPTIONS, FILES[OPTIONS].replace("========", "========="))
    shop.run_and_keep()
    after = load_memory(shop.base).memory
    assert {record.run for record in after.records.values()} == {"run-0002"}
    assert {record.run for record in before.records.values()} == {"run-0001"}
    assert shop.gate().state == "proven"


@pytest.mark.parametrize("damage", ["truncated", "altered", "empty", "newer", "not json"])
def test_a_damaged_memory_proves_nothing_and_says_so(shop: Shop, damage: str) -> None:
    shop.run_and_keep()
    file = shop.base / NAME
    content = file.read_bytes()
    damaged = {
        "truncated": content[:-20],
        "altered": content.replace(b"passed", b"Passed", 1),
        "empty": b"",
        "newer": content.replace(b'"version": 2', b'"version": 3', 1),
        "not json": b"\x80\x81",
    }[damage]
    file.write_bytes(damaged)
    found = shop.gate()
    assert found.state == "unknown"
    assert NAME in found.why
    assert rebuild(shop.root, shop.base) == []
    assert shop.gate().state == "proven"


def test_damaged_sources_make_a_comment_a_change(shop: Shop) -> None:
    shop.run_and_keep()
    shop.write("shop/rates.py", FILES["shop/rates.py"] + "# a comment\n")
    assert shop.to_run() == {}
    (shop.base / "sources.sqlite3").write_bytes(b"garbage" * 1000)
    assert "code changed: shop/rates.py::<module>" in set(shop.to_run().values())
    shop.run_and_keep()
    shop.write("shop/rates.py", FILES["shop/rates.py"])
    assert shop.to_run() == {}


def test_a_file_that_changed_while_the_run_went_on_proves_nothing(shop: Shop) -> None:
    shop.run_and_keep()
    later = time.time() + 1000
    os.utime(shop.root / "shop/options.py", (later, later))
    directory = shop.base / "runs" / "run-0001"
    circumstances = json.loads((directory / "circumstances.json").read_bytes())
    assert circumstances["request"]
    assert rebuild(shop.root, shop.base) == []
    why = "cannot be proven (shop/options.py changed while the run was going on)"
    assert set(shop.to_run().values()) == {why}


def test_a_run_that_was_cut_off_proves_nothing(shop: Shop) -> None:
    shop.run_and_keep()
    file = shop.base / "runs" / "run-0001" / "dependencies.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]))
    assert rebuild(shop.root, shop.base) == [
        "the recording of run run-0001 cannot be used: it has no end: the run was cut off"
    ]
    assert set(shop.to_run().values()) == {"cannot be proven (what it depends on was not recorded)"}


# -- the kept answer ------------------------------------------------------------------------------------------


def calm(shop: Shop) -> None:
    """Make everything look older than what counts as young (which cannot be done to the time of the last change)."""
    newest = max(path.lstat().st_ctime for path in [shop.root, *shop.root.rglob("*")])
    while time.time() < newest + 2.1:
        os.sched_yield()


def test_the_kept_answer_holds_until_anything_changes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop.root / ".git").mkdir()
    shop.run_and_keep()
    calm(shop)
    monkeypatch.chdir(shop.root)
    argv = ["--verbose"]
    found = shop.gate()
    assert found.state == "proven"
    assert answer_at_once(argv, shop.environ) is None
    assert keep_answer(argv, shop.environ, found, {"proven": 12})
    assert answer_at_once(argv, shop.environ) == {"proven": 12}
    assert answer_at_once([], shop.environ) is None
    assert answer_at_once(argv, {**shop.environ, "SHOP_STYLE": "x"}) is None
    assert answer_at_once(argv, {**shop.environ, "PYTHONWARNINGS": "error"}) is None
    assert answer_at_once(argv, {**shop.environ, "UNREAD": "x"}) == {"proven": 12}
    for path in (
        "data/rates.txt",
        "shop/rates.py",
        "tests/conftest.py",
        "shop/new.py",
        "pyproject.toml",
        "apex.yaml",
    ):
        file = shop.root / path
        content = file.read_bytes() if file.exists() else None
        file.write_bytes((content or b"") + b"\n")
        assert answer_at_once(argv, shop.environ) is None, path
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
        assert shop.gate().state == "proven", path
        assert keep_answer(argv, shop.environ, shop.gate(), {"proven": 12}) is False, "it is too young"
    (shop.base / "unchanged.bin").write_bytes(b"00000000garbage")
    assert answer_at_once(argv, shop.environ) is None


def test_asking_for_the_kept_answer_imports_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys; from test_framework.cli.unchanged import answer_at_once; "
        "answer_at_once([], {}); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); {program}"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    modules = done.stdout.split()
    assert "marshal" in modules
    assert not {"argparse", "pathlib", "dataclasses", "re", "hashlib", "sqlite3"}.intersection(modules)


def test_the_gate_imports_nothing_heavy(shop: Shop) -> None:
    shop.run_and_keep()
    program = """
import json, sys
from pathlib import Path
from test_framework.orchestration.gate import Request, gate, recollect, request_key
from test_framework.core.selection import Wish
from test_framework.core.settings import Settings
from test_framework.records.present import Surroundings
root, environ = Path(sys.argv[1]), json.loads(sys.argv[2])
found = Surroundings(root=root, executable=sys.executable, environ=environ, arguments=("-q", "tests"))
settings = Settings(environment="test", categories={}, layers={}, modes={})
request = Request(wish=Wish(), surroundings=found)
key = request_key(settings, request)
answer = gate(recollect(request, root / ".apex", key), key, root)
print(json.dumps([answer.state, sorted(sys.modules)]))
"""
    argv = [sys.executable, "-c", program, str(shop.root), json.dumps(shop.environ)]
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    state, modules = json.loads(done.stdout)
    assert state == "proven"
    assert not {"asyncio", "pydantic", "yaml", "pytest", "_pytest", "sqlite3"}.intersection(modules)


# -- explain --------------------------------------------------------------------------------------------------


def explained(shop: Shop, test: str):
    memory = load_memory(shop.base).memory
    return explain(memory, find_test(memory, test), shop.root, sys.executable, shop.environ, shop.base)


def test_a_proof_is_explained_by_its_run_and_all_that_it_rests_on(shop: Shop) -> None:
    shop.run_and_keep()
    found = explained(shop, "test_converted")
    assert (found.state, found.recorded_by, found.outcome) == ("proven", "run-0001", "passed")
    assert "converted" in found.rests_on["shop/prices.py"]
    assert found.data == ["data/rates.txt"]
    text = "\n".join(as_text(found, everything=True))
    assert "proven: nothing that it depends on has changed since run run-0001" in text
    assert "data: data/rates.txt" in text


def test_a_change_is_explained_by_file_and_function(shop: Shop) -> None:
    shop.run_and_keep()
    shop.write(
        "shop/rates.py", FILES["shop/rates.py"].replace("return load()[name]", "return load()[name] + 0")
    )
    found = explained(shop, "test_rate_after_load")
    assert (found.state, found.cause, found.subject) == ("to run", Cause.SOURCE, "shop/rates.py::rate")


def test_a_name_that_means_no_test_or_several_is_refused(shop: Shop) -> None:
    shop.run_and_keep()
    memory = load_memory(shop.base).memory
    with pytest.raises(UserError, match="test_optons") as caught:
        find_test(memory, "tests/test_optons.py::test_style")
    assert f"{OPTIONS}::test_style" in caught.value.hint
    with pytest.raises(UserError, match="means 12 tests"):
        find_test(memory, "test_")


def test_the_command_prints_text_and_json(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_framework.cli.explain import run

    shop.run_and_keep()
    monkeypatch.setattr(os, "environ", dict(shop.environ))
    asked = ["test_style", "--project-root", str(shop.root), "--python", sys.executable]
    assert run(asked, "apex") == 0
    assert f"{OPTIONS}::test_style" in capsys.readouterr().out
    assert run([*asked, "--json"], "apex") == 0
    assert json.loads(capsys.readouterr().out)["variables"] == ["SHOP_STYLE"]


# -- git ------------------------------------------------------------------------------------------------------


def git(shop: Shop, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=shop.root, check=True, capture_output=True)


def committed(shop: Shop) -> None:
    git(shop, "init", "-q", "-b", "main")
    shop.write(".gitignore", ".apex/\n__pycache__/\n")
    git(shop, "add", "-A")
    git(shop, "commit", "-q", "-m", "first")


def reached_since(shop: Shop, ref: str) -> set[str]:
    memory = load_memory(shop.base).memory
    asked = Git(shop.root)
    since = asked.since(ref)
    assert since.files is not None, since.why
    digests = Digests.load(shop.root, shop.base / DIGESTS)
    present = Present(memory, shop.surroundings(), digests, Sources.of(shop.base))
    assert present.now() is not None
    return set(reached(memory, present, asked, since))


def test_only_tests_that_a_change_since_a_commit_reaches_are_chosen(shop: Shop) -> None:
    committed(shop)
    shop.run_and_keep()
    assert reached_since(shop, "HEAD") == set()
    shop.write(
        "shop/rates.py", FILES["shop/rates.py"].replace("return load()[name]", "return load()[name] + 0")
    )
    expected = {
        "tests/test_prices.py::test_converted",
        "tests/test_prices.py::test_names",
        "tests/test_rates.py::test_rate_after_load",
    }
    assert reached_since(shop, "HEAD") == expected
    git(shop, "commit", "-q", "-a", "-m", "second")
    assert reached_since(shop, "HEAD") == set()
    assert reached_since(shop, "HEAD~1") == expected
    shop.write("data/rates.txt", "eur 2\nusd 3\njpy 9\n")
    assert "tests/test_rates.py::test_load" in reached_since(shop, "HEAD")


def test_untracked_files_have_changed_too(shop: Shop) -> None:
    committed(shop)
    shop.run_and_keep()
    shop.write("tests/conftest.py", "")
    assert len(reached_since(shop, "HEAD")) == 12
    assert Git(shop.root).since("HEAD").files == {"tests/conftest.py"}


@pytest.mark.parametrize("ref", ["no-such-branch", "--help", "-x", "HEAD; true", ""])
def test_a_ref_that_is_none_is_named_and_never_an_option(shop: Shop, ref: str) -> None:
    committed(shop)
    since = Git(shop.root).since(ref)
    assert since.files is None
    assert "no commit of this repository" in since.why


def test_where_git_cannot_answer_everything_has_changed_and_the_reason_is_said(
    shop: Shop, tmp_path: Path
) -> None:
    nowhere = {"PATH": str(tmp_path), "GIT_CEILING_DIRECTORIES": str(tmp_path)}
    assert Git(shop.root, nowhere).since("HEAD").why == "git cannot be asked: git is not installed"
    outside = {"PATH": os.environ["PATH"], "GIT_CEILING_DIRECTORIES": str(tmp_path)}
    assert "not a git repository" in Git(shop.root, outside).since("HEAD").why


def test_a_shallow_clone_without_the_common_commit_is_named(shop: Shop, tmp_path: Path) -> None:
    committed(shop)
    git(shop, "checkout", "-q", "--orphan", "other")
    git(shop, "commit", "-q", "-m", "alone")
    since = Git(shop.root).since("main")
    assert (since.files, since.why) == (
        None,
        "main and HEAD have no common commit here (is the clone shallow?)",
    )
