"""What is owed of each state of the project: the fold over runs, and the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from test_framework.model import facts as f
from test_framework.model.outcome import BAD, Outcome
from test_framework.records import ledger
from test_framework.records.account import Account, Ending
from test_framework.records.checkout import Checkout
from test_framework.records.ledger import KEEP_TREES, Ledger
from test_framework.records.overview import trees
from tests.unit.records.written_runs import facts_of, lines_of, run_id, write_run

HERE = Checkout("abcdef0123456789", "tree1", dirty=False)
GOOD = (Outcome.PASSED, Outcome.SKIPPED, Outcome.XFAILED)


def account(proven: str = "", **ends: Outcome | None) -> Account:
    """None: owed."""
    found = Account(proven=set(proven.split()))
    for test, outcome in ends.items():
        found.collected[test] = ("unit", "one")
        if outcome is not None:
            found.endings[test] = Ending(outcome, 0.1)
    found.collected |= dict.fromkeys(found.proven, ("unit", "one"))
    return found


def test_a_tree_is_verified_once_all_of_its_tests_are_paid_over_several_runs() -> None:
    kept = Ledger()
    kept.take(HERE, "r1", account(a=Outcome.PASSED, b=None, c=Outcome.FAILED), whole=True)
    (tree,) = kept.trees
    assert (tree.owed, tree.tests, tree.verified, tree.name) == ({"b", "c"}, 3, False, "abcdef0123")
    kept.take(HERE, "r2", account(proven="b"), whole=False)
    assert (tree.owed, tree.run) == ({"c"}, "r2")
    kept.take(HERE, "r3", account(a=None, c=Outcome.PASSED), whole=False)
    assert tree.verified, "a was paid before, and is not owed again for not running"
    kept.take(HERE, "r4", account(a=Outcome.CRASHED), whole=False)
    assert tree.owed == {"a"}


def test_a_part_of_the_tests_verifies_nothing() -> None:
    kept = Ledger()
    kept.take(HERE, "r1", account(a=Outcome.PASSED), whole=False)
    assert not kept.trees[0].verified
    broken = account(a=Outcome.PASSED)
    broken.broken = True
    kept.take(HERE, "r2", broken, whole=True)
    assert not kept.trees[0].verified, "a file could not be collected"


def test_without_git_nothing_is_kept() -> None:
    kept = Ledger()
    kept.take(Checkout(), "r1", account(a=Outcome.PASSED), whole=True)
    assert kept.trees == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["t1", "t2"]),
            st.dictionaries(st.sampled_from("abcd"), st.sampled_from([*Outcome, None]), max_size=4),
            st.booleans(),
        ),
        max_size=8,
    )
)
def test_owed_is_what_was_never_paid_or_turned_bad_since(
    runs: list[tuple[str, dict[str, Outcome | None], bool]],
) -> None:
    kept = Ledger()
    newest: dict[tuple[str, str], bool] = {}
    for number, (tree, ends, whole) in enumerate(runs):
        kept.take(Checkout("revision", tree, dirty=True), f"r{number}", account(**ends), whole=whole)
        for test, outcome in ends.items():
            if outcome in BAD or outcome in GOOD:
                newest[tree, test] = outcome in GOOD
            else:
                newest.setdefault((tree, test), False)
    for tree in kept.trees:
        assert tree.owed == {test for (name, test), paid in newest.items() if name == tree.tree and not paid}
        assert tree.tests == sum(1 for name, _ in newest if name == tree.tree)


def test_the_file_holds_the_newest_trees_and_a_damaged_one_is_begun_anew(tmp_path: Path) -> None:
    for number in range(KEEP_TREES + 2):
        checkout = Checkout(f"revision{number}", f"tree{number}", dirty=bool(number % 2))
        ends = account(a=Outcome.PASSED, b=None if number % 2 else Outcome.PASSED)
        ledger.keep(tmp_path, checkout, f"r{number}", ends, whole=True)
    kept = ledger.load(tmp_path)
    assert [each.tree for each in kept.trees] == [f"tree{number}" for number in range(2, KEEP_TREES + 2)]
    assert [each.owed for each in kept.trees[:2]] == [set(), {"b"}]
    seen = trees(tmp_path)
    assert [each["verified"] for each in seen[:2]] == [False, True]
    assert (seen[0]["name"], seen[0]["owed"], seen[0]["tests"]) == ("revision13+"[:10] + "+", 1, 2)
    (tmp_path / ledger.NAME).write_bytes(b'{"version":1,"trees":[[1]]}\n[]\n')
    assert ledger.load(tmp_path).trees == []
    assert trees(tmp_path) == []
    ledger.keep(tmp_path, HERE, "r", account(a=Outcome.PASSED), whole=True)
    assert trees(tmp_path)[0]["verified"]


def test_it_can_be_made_anew_from_the_runs_that_are_over(tmp_path: Path) -> None:
    def write(
        number: int, tree: str, *rows: tuple[str, Outcome], over: bool = True, whole: bool = True
    ) -> None:
        facts = [
            replace(fact, whole=whole) if isinstance(fact, f.RunPlanned) else fact
            for fact in facts_of([(test, 1, outcome) for test, outcome in rows], tree, over)
        ]
        write_run(tmp_path, number, [], lines=lines_of(number, facts))

    write(1, "tree1", ("a", Outcome.PASSED), ("b", Outcome.FAILED))
    write(2, "tree1", ("b", Outcome.PASSED), whole=False)
    write(3, "tree2", ("a", Outcome.FAILED))
    write(4, "tree3", ("a", Outcome.PASSED), over=False)
    write(5, "", ("a", Outcome.PASSED))
    (tmp_path / "runs" / "no run").mkdir()
    (tmp_path / "ledger.json").write_text("damaged")
    assert ledger.rebuild(tmp_path) == 2
    first, second = ledger.load(tmp_path).trees
    assert (first.tree, first.whole, first.run, first.verified) == ("tree1", run_id(1), run_id(2), True)
    assert (second.tree, second.owed, second.verified) == ("tree2", {"a"}, False)


def test_without_runs_nothing_is_owed(tmp_path: Path) -> None:
    assert ledger.rebuild(tmp_path) == 0
    assert ledger.load(tmp_path).trees == []
