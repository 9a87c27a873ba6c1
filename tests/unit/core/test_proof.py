"""Decisions: a test is proven only when nothing that ran up to its end in its process has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test_framework.core.memory import (
    EFFECTS,
    MODULE,
    WHOLE,
    Frame,
    Memory,
    Record,
    Snapshot,
    Tables,
    frames_of,
)
from test_framework.core.merging import compacted, merged
from test_framework.core.proof import (
    Cause,
    Decision,
    Now,
    Proven,
    Reason,
    ToRun,
    audit,
    audit_misses,
    decide,
    distrust,
    drawn,
    touched,
)
from test_framework.model.outcome import BAD, UNPROVEN, Outcome

PATHS = ("a.py", "b.py", "tests/test_a.py", "tests/test_b.py")
NAMES = (MODULE, "f", "g")
THINGS = (("data.txt", "file", "d"), ("maybe.txt", "absent", None), ("data", "directory", "e"))
VARIABLES = (("HOME", "h"), ("DEBUG", None))


def unchanged(memory: Memory) -> Now:
    """The present in which nothing has changed."""
    environments = [snapshot.environment for snapshot in memory.snapshots.values()]
    return Now(
        sources=dict(memory.sources),
        same_thing=lambda path, kind, digest: True,
        same_variable=lambda name, digest: True,
        environment=environments[0] if environments else {},
        listings={directory: frozenset(names) for directory, names in memory.listings},
        differing=lambda path, digest, names: frozenset(),
        named_elsewhere=lambda path: False,
        shadows=lambda path: "",
        is_test_file=lambda path: path.startswith("tests/test_"),
    )


def with_changed_blocks(memory: Memory, path: str, *changed: str, named: bool = False) -> Now:
    """The present in which some blocks of a file mean something else."""
    now = unchanged(memory)
    return replace(
        now,
        sources={**now.sources, path: "new"},
        differing=lambda asked, digest, names: names & set(changed) if asked == path else frozenset(),
        named_elsewhere=lambda asked: named,
    )


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    memory = Memory()
    tables = Tables(memory)
    numbers = [tables.block((tables.source((path, path)), name)) for path in PATHS for name in NAMES]
    things = [tables.thing(thing) for thing in THINGS]
    variables = [tables.variable(variable) for variable in VARIABLES]
    listing = tables.listing(("", ("a.py", "b.py")))

    def frame() -> Frame:
        return Frame(
            draw(st.lists(st.sampled_from(numbers), unique=True, max_size=4)),
            draw(st.lists(st.sampled_from(things), unique=True, max_size=1)),
            draw(st.lists(st.sampled_from(variables), unique=True, max_size=1)),
        )

    for run in ("old", "new"):
        processes = [
            [frame() for _ in range(draw(st.integers(1, 4)))] for _ in range(draw(st.integers(1, 3)))
        ]
        memory.snapshots[run] = Snapshot({"interpreter": "x"}, [listing], frame(), processes)
        for process, frames in enumerate(processes):
            for order in range(len(frames)):
                file = draw(st.sampled_from(PATHS[2:]))
                memory.records[f"{file}::{run}{process}{order}"] = Record(run, process, order, 0.1, "passed")
    return memory


def prefix(memory: Memory, record: Record) -> set[tuple[str, str]]:
    """All that a test depends on, by brute force: (path, name) of blocks, and the others with a mark."""
    found = set()
    for frame in frames_of(memory, record):
        found |= {
            (memory.sources[memory.blocks[each][0]][0], memory.blocks[each][1]) for each in frame.blocks
        }
        found |= {("thing", memory.data[each][0]) for each in frame.data}
        found |= {("variable", memory.variables[each][0]) for each in frame.variables}
    return found


def to_run(memory: Memory, now: Now) -> set[str]:
    return {test for test, one in decide(memory, now).items() if isinstance(one, ToRun)}


@given(memories())
def test_nothing_changed_proves_everything(memory: Memory) -> None:
    decisions = decide(memory, unchanged(memory))
    assert {test: one.run for test, one in decisions.items() if isinstance(one, Proven)} == {
        test: record.run for test, record in memory.records.items()
    }


@given(memories(), st.sampled_from(PATHS), st.sampled_from(NAMES))
def test_exactly_those_run_in_whose_prefix_a_changed_block_stands(
    memory: Memory, path: str, name: str
) -> None:
    expected = {test for test, record in memory.records.items() if (path, name) in prefix(memory, record)}
    changed = (name, EFFECTS) if name == MODULE else (name,)
    now = with_changed_blocks(memory, path, *changed)
    assert to_run(memory, now) == expected
    for test, reason in touched(memory, now).items():
        assert str(reason) == f"code changed: {path}::{name}", test


@given(memories(), st.sampled_from(THINGS), st.sampled_from(VARIABLES), st.booleans())
def test_exactly_those_run_that_looked_at_a_changed_thing(
    memory: Memory, thing, variable, of_variables
) -> None:
    if of_variables:
        now = replace(unchanged(memory), same_variable=lambda name, digest: name != variable[0])
        key = ("variable", variable[0])
    else:
        now = replace(unchanged(memory), same_thing=lambda path, kind, digest: path != thing[0])
        key = ("thing", thing[0])
    expected = {test for test, record in memory.records.items() if key in prefix(memory, record)}
    assert to_run(memory, now) == expected


@given(memories(), st.sampled_from(PATHS))
def test_a_file_that_is_gone_has_changed_as_a_whole(memory: Memory, path: str) -> None:
    now = replace(unchanged(memory), sources={other: other for other in PATHS if other != path})
    expected = {
        test for test, record in memory.records.items() if path in {one for one, _ in prefix(memory, record)}
    }
    assert to_run(memory, now) == expected


@given(memories(), st.booleans())
def test_an_import_of_a_test_file_is_felt_outside_only_if_it_acts_or_is_named(
    memory: Memory, named: bool
) -> None:
    path = "tests/test_a.py"
    found = to_run(memory, with_changed_blocks(memory, path, MODULE, named=named))
    reached = {test for test, record in memory.records.items() if (path, MODULE) in prefix(memory, record)}
    own = {test for test in memory.records if test.startswith(path)}
    if named:
        assert found == reached
    else:
        in_memory = any(block == (memory.sources.index((path, path)), MODULE) for block in memory.blocks)
        assert found == (own if in_memory else set())


@given(memories(), st.sampled_from(PATHS), st.sampled_from(NAMES))
def test_forgetting_what_nothing_needs_changes_no_decision(memory: Memory, path: str, name: str) -> None:
    small = compacted(memory, keep=2)
    before, after = (decide(each, with_changed_blocks(each, path, name, EFFECTS)) for each in (memory, small))
    assert {test: type(one) for test, one in before.items()} == {
        test: type(one) for test, one in after.items()
    }
    assert len(small.blocks) <= len(memory.blocks)


@given(memories())
def test_a_forgotten_run_proves_nothing(memory: Memory) -> None:
    small = compacted(memory, keep=1)
    found = decide(small, unchanged(small), memory.records)
    for test, record in memory.records.items():
        assert isinstance(found[test], Proven) is (record.run == "new")


def kinds(decisions: Mapping[str, Decision]) -> dict[str, type]:
    return {test: type(one) for test, one in decisions.items()}


@given(memories(), st.sampled_from(PATHS), st.sampled_from(NAMES))
def test_merged_with_itself_or_with_nothing_a_memory_decides_the_same(
    memory: Memory, path: str, name: str
) -> None:
    now = with_changed_blocks(memory, path, name, EFFECTS)
    expected = kinds(decide(memory, now))
    for other in (memory, Memory()):
        for both in (merged(memory, other), merged(other, memory)):
            assert kinds(decide(both, with_changed_blocks(both, path, name, EFFECTS))) == expected


@given(memories(), memories(), st.sampled_from(PATHS), st.sampled_from(NAMES))
def test_each_test_of_a_merged_memory_is_decided_by_its_newer_record(
    mine: Memory, other: Memory, path: str, name: str
) -> None:
    other = renamed(other, "z-")
    both = merged(mine, other)
    assert both.records.keys() == mine.records.keys() | other.records.keys()
    assert all(both.records[test].run == record.run for test, record in other.records.items())
    found = kinds(decide(both, with_changed_blocks(both, path, name, EFFECTS)))
    alone = kinds(decide(other, with_changed_blocks(other, path, name, EFFECTS)))
    assert {test: found[test] for test in alone} == alone
    assert merged(other, mine).records.keys() == both.records.keys()


def renamed(memory: Memory, prefix: str) -> Memory:
    """The same with other (later) names of its runs."""
    return replace(
        memory,
        snapshots={prefix + run: snapshot for run, snapshot in memory.snapshots.items()},
        records={test: replace(record, run=prefix + record.run) for test, record in memory.records.items()},
    )


@given(memories(), st.sampled_from(sorted(Outcome)))
def test_only_passes_skips_and_expected_failures_are_proven(memory: Memory, outcome: Outcome) -> None:
    for record in memory.records.values():
        record.outcome = outcome.value
    decisions = decide(memory, unchanged(memory)).values()
    provable = outcome in (Outcome.PASSED, Outcome.SKIPPED, Outcome.XFAILED)
    assert all(isinstance(one, Proven) is provable for one in decisions)
    if outcome in BAD:
        assert all(isinstance(one, ToRun) and one.reason.cause is Cause.FAILED for one in decisions)
    assert not (provable and outcome in UNPROVEN)


@given(memories())
def test_what_could_not_be_followed_is_not_proven_and_says_why(memory: Memory) -> None:
    test = next(iter(memory.records))
    memory.records[test].reasons.append("it started a process: date")
    decision = decide(memory, unchanged(memory))[test]
    assert decision == ToRun(Reason(Cause.UNPROVABLE, detail="it started a process: date"))


def test_a_test_nobody_recorded_is_to_run() -> None:
    memory = Memory()
    assert decide(memory, unchanged(memory), ["t.py::new"]) == {
        "t.py::new": ToRun(Reason(Cause.NEVER_RECORDED))
    }


@pytest.mark.parametrize(
    ("then", "current", "words"),
    [
        ({"interpreter": "3.11"}, {"interpreter": "3.12"}, "interpreter (3.11 -> 3.12)"),
        ({"package a-1": "x"}, {}, "package a-1 (x -> nothing)"),
        ({}, {"package b-1": "x"}, "package b-1 (nothing -> x)"),
        ({"file pytest.ini": ""}, {"file pytest.ini": "d" * 64}, "file pytest.ini"),
    ],
)
def test_a_changed_set_up_names_its_part(then: dict[str, str], current: dict[str, str], words: str) -> None:
    memory = one_test({**then, "same": "1"})
    now = replace(unchanged(memory), environment={**current, "same": "1"})
    assert str(only_reason(memory, now)) == f"environment changed: {words}"


def test_configuration_files_that_another_run_read_do_not_count() -> None:
    memory = one_test({})
    now = replace(unchanged(memory), environment={"file tox.ini": "d"})
    assert isinstance(decide(memory, now)["tests/test_a.py::t"], Proven)


@pytest.mark.parametrize(
    ("directory", "name", "reached"),
    [
        ("", "conftest.py", True),
        ("tests", "conftest.py", True),
        ("other", "conftest.py", False),
        ("", "shadow.py", True),
        ("", "harmless.py", False),
        ("tests", "test_new.py", False),
    ],
)
def test_a_new_file_reaches_those_who_could_find_it(directory: str, name: str, reached: bool) -> None:
    memory = one_test({}, [("", ()), ("tests", ()), ("other", ())])
    now = unchanged(memory)
    now = replace(
        now,
        listings={**now.listings, directory: frozenset([name])},
        shadows=lambda path: "a.py names it" if path == "shadow.py" else "",
    )
    assert isinstance(decide(memory, now)["tests/test_a.py::t"], ToRun) is reached


def test_the_whole_of_a_file_is_one_block_where_nothing_finer_was_recorded() -> None:
    memory = one_test({})
    memory.blocks[0] = (0, WHOLE)
    assert str(only_reason(memory, with_changed_blocks(memory, "a.py", WHOLE))) == "code changed: a.py"


def test_what_the_test_itself_executed_is_named_before_what_ran_earlier() -> None:
    memory = one_test({})
    memory.blocks.append((0, "g"))
    memory.snapshots["r"].base.blocks.append(1)
    memory.records["tests/test_a.py::t"].own = [0]
    assert str(only_reason(memory, with_changed_blocks(memory, "a.py", "f", "g"))) == "code changed: a.py::f"


def one_test(
    environment: dict[str, str], listings: list[tuple[str, tuple[str, ...]]] | None = None
) -> Memory:
    return Memory(
        sources=[("a.py", "a")],
        blocks=[(0, "f")],
        listings=listings or [],
        snapshots={"r": Snapshot(environment, list(range(len(listings or []))), Frame(), [[Frame([0])]])},
        records={"tests/test_a.py::t": Record("r", 0, 0, 0.1, "passed")},
    )


def only_reason(memory: Memory, now: Now) -> Reason:
    (decision,) = decide(memory, now).values()
    assert isinstance(decision, ToRun)
    return decision.reason


# -- audit ----------------------------------------------------------------------------------------------------


@given(st.text(min_size=1, max_size=8), st.floats(0, 1))
def test_the_same_run_audits_the_same_tests(run: str, share: float) -> None:
    decisions = {f"t{number}": Proven("r", "passed", 0.1) for number in range(50)}
    first = audit(decisions, run, share)
    assert first == audit(decisions, run, share)
    assert {test for test, one in first.items() if isinstance(one, ToRun)} == {
        test for test in decisions if drawn(run, test, share)
    }


def test_the_share_of_audited_tests_is_what_was_asked_for() -> None:
    count = sum(drawn("run", f"test {number}", 0.02) for number in range(20_000))
    assert 320 <= count <= 480
    assert not any(drawn("run", f"test {number}", 0) for number in range(1000))


def test_only_an_audited_test_that_is_bad_is_a_miss() -> None:
    decisions = {
        "audited, bad": ToRun(Reason(Cause.AUDIT)),
        "audited, good": ToRun(Reason(Cause.AUDIT)),
        "changed, bad": ToRun(Reason(Cause.SOURCE)),
        "proven": Proven("r", "passed", 0.1),
    }
    outcomes = {test: Outcome.FAILED if "bad" in test else Outcome.PASSED for test in decisions}
    assert audit_misses(decisions, outcomes) == ("audited, bad",)


@given(memories())
def test_after_a_miss_nothing_recorded_before_is_trusted(memory: Memory) -> None:
    distrust(memory, "new")
    for test, decision in decide(memory, unchanged(memory)).items():
        assert isinstance(decision, Proven) is (memory.records[test].run == "new")
