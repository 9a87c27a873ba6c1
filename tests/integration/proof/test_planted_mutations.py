"""No planted mutation may fail a test that was called proven: checked by running everything after each."""

from __future__ import annotations

from pathlib import Path

import pytest

from test_framework.core.proof import Cause, Proven
from test_framework.records.dependencies import load_memory
from tests.integration.proof.project import FILES, Mutant, mutants
from tests.integration.proof.shop import Shop

pytestmark = pytest.mark.integration


def test_no_planted_mutation_fails_a_proven_test(shop: Shop) -> None:
    before = shop.run_and_keep()
    assert set(before.values()) == {"passed"}
    assert shop.to_run() == {}
    memory = load_memory(shop.base).memory
    missed, failing, spared, asked = [], 0, 0, 0
    for mutant in list(mutants()):
        shop.write(mutant.path, mutant.source)
        decisions = shop.decide(memory)
        proven = {test for test, one in decisions.items() if isinstance(one, Proven)}
        spared, asked = spared + len(proven), asked + len(decisions)
        if proven:
            _, after = shop.run()
            bad = set(before) if after is None else {test for test in before if after.get(test) != "passed"}
            failing += len(bad)
            missed += [(mutant.path, mutant.what, test) for test in bad & proven]
        shop.write(mutant.path, FILES[mutant.path])
    assert missed == []
    assert failing > 30
    assert spared / asked > 0.3
    assert shop.to_run() == {}


def test_what_earlier_tests_left_in_a_cache_counts(shop: Shop) -> None:
    """`test_rate_after_load` never runs the loop of `load`, yet depends on the file that it read."""
    shop.run_and_keep()
    shop.write("data/rates.txt", "eur 2\nusd 4\n")
    found = shop.to_run()
    assert "tests/test_rates.py::test_rate_after_load" in found
    assert set(found.values()) == {"data changed: data/rates.txt"}
    assert not [test for test in found if "test_options" in test]


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("shop/prices.py", "# net and the share of it", "# nothing"),
        ("shop/prices.py", '"""Prices."""', '"""What things cost."""'),
        ("shop/options.py", "a * b + 7", "a * b + 8"),
        ("tests/test_options.py", "assert len", "\n\n    assert len"),
    ],
    ids=["comment", "docstring", "code that no test runs", "formatting"],
)
def test_what_changes_no_test_proves_all(shop: Shop, path: str, old: str, new: str) -> None:
    shop.run_and_keep()
    assert old in FILES[path]
    shop.write(path, FILES[path].replace(old, new))
    assert shop.to_run() == {}


@pytest.mark.parametrize(
    ("path", "old", "new", "reason"),
    [
        ("shop/prices.py", "self.net * self", "self.net + self", "code changed: shop/prices.py::Price.gross"),
        ("shop/options.py", '"plain"', '"fancy"', "code changed: shop/options.py::<module>"),
        ("shop/rates.py", "return load()[name]", "return load()[name] + 0", "code changed: shop/rates.py::rate"),
        ("shop/options.py", "width=8", "width=9", "code changed: shop/options.py::<module>"),
    ],
    ids=["body", "constant", "function", "default"],
)  # fmt: skip
def test_the_reason_names_file_and_function(shop: Shop, path: str, old: str, new: str, reason: str) -> None:
    shop.run_and_keep()
    assert old in FILES[path]
    shop.write(path, FILES[path].replace(old, new))
    found = shop.to_run()
    assert found
    assert reason in set(found.values())


def test_a_variable_counts_for_those_who_read_it(shop: Shop) -> None:
    shop.run_and_keep()
    shop.environ["UNREAD"] = "1"
    assert shop.to_run() == {}
    shop.environ["SHOP_STYLE"] = "plain"
    reason = "environment variable changed: SHOP_STYLE"
    assert shop.to_run() == {
        "tests/test_options.py::test_style": reason,
        "tests/test_options.py::test_signature": reason,
        "tests/test_options.py::test_nothing": reason,
    }


def test_a_new_test_and_an_edited_one_leave_other_files_proven(shop: Shop) -> None:
    shop.run_and_keep()
    path = "tests/test_options.py"
    shop.write(path, FILES[path] + "\n\ndef test_new():\n    assert True\n")
    found = shop.to_run()
    assert found
    assert {test.partition("::")[0] for test in found} == {path}


def test_a_test_module_that_others_name_is_felt_by_them(shop: Shop) -> None:
    path = "tests/test_rates.py"
    shop.write(path, f"import test_options\n{FILES[path]}")
    shop.run_and_keep()
    shop.write("tests/test_options.py", FILES["tests/test_options.py"].replace('"plain"', '"other"'))
    assert {test.partition("::")[0] for test in shop.to_run()} >= {path, "tests/test_options.py"}


def test_a_failure_is_never_proven_and_a_later_pass_is(shop: Shop) -> None:
    path = "shop/options.py"
    shop.write(path, FILES[path].replace('"plain"', '"fancy"'))
    assert "failed" in set(shop.run_and_keep().values())
    assert shop.to_run() == {"tests/test_options.py::test_style": f"{Cause.FAILED} (failed in run run-0001)"}
    shop.write(path, FILES[path])
    shop.run_and_keep()
    assert shop.to_run() == {}


def test_new_files_count_where_they_could_be_found(shop: Shop) -> None:
    shop.run_and_keep()
    shop.write("shop/harmless.py", "")
    assert shop.to_run() == {}
    shop.write("tests/conftest.py", "")
    assert set(shop.to_run().values()) == {"new file: tests/conftest.py"}
    (shop.root / "tests/conftest.py").unlink()
    shop.write("functools.py", "")
    assert len(shop.to_run()) == 12
    (shop.root / "functools.py").unlink()
    shop.write("tests/shop.py", "")
    assert "names it" in next(iter(shop.to_run().values()))


def test_the_same_project_elsewhere_is_proven_too(shop: Shop, tmp_path: Path) -> None:
    shop.run_and_keep()
    shop.root.rename(tmp_path / "moved")
    moved = Shop(tmp_path / "moved", shop.environ)
    assert moved.to_run() == {}
    for path, text in FILES.items():
        moved.write(path, text)
    assert moved.to_run() == {}


def test_a_mutant_is_a_change() -> None:
    found = list(mutants())
    assert len(found) > 80
    assert all(isinstance(each, Mutant) and each.source != FILES[each.path] for each in found)
