from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from test_framework.core.planning import Known
from test_framework.core.proof import Proven
from test_framework.core.selection import Wish
from test_framework.core.settings import CategorySettings, LayerCategory, LayerSettings, Settings
from test_framework.engine.executor import Collection, CollectReport
from test_framework.model import facts as f
from test_framework.model.errors import UserError
from test_framework.model.outcome import Outcome
from test_framework.model.plan import TestInfo
from test_framework.orchestration.background_e2e_agent import BackgroundE2EAgent
from test_framework.orchestration.plan_text import plan_as_json, plan_as_text
from test_framework.orchestration.resource_management_agent import ResourceManagementAgent
from test_framework.orchestration.test_orchestrator_agent import Programme, TestOrchestratorAgent

SETTINGS = Settings(
    environment="test",
    categories={name: CategorySettings(name=name) for name in ("unit", "api")},
    layers={
        "fast": LayerSettings(
            id="fast",
            name="Fast",
            max_duration_seconds=90,
            categories=(LayerCategory(name="unit", timeout_seconds=60),),
        ),
        "behind": LayerSettings(
            id="behind",
            name="B",
            background=True,
            categories=(LayerCategory(name="api", timeout_seconds=60),),
        ),
    },
    modes={},
    notes=("a key is inert",),
)
COLLECTION = Collection(
    tests=(
        TestInfo("unit/test_a.py::test_1", 0, "unit/test_a.py", 1, chain="unit/test_a.py"),
        TestInfo("api/test_b.py::test_\x1b[2J", 1, "api/test_b.py", 1, chain="api/test_b.py"),
    ),
    reports=(),
    warnings=(("UserWarning", "text", "collect", "", "x.py:1"),),
    deselected=3,
    python_version="3.11.7",
    pytest_version="9.2.0",
    isolation="fork",
    isolation_reason="",
    go_on_after_errors=False,
    maxfail=0,
)
BROKEN = {
    "unit": CollectReport("unit/test_x.py", "failed", "ImportError", "trace"),
    "api": CollectReport("api/test_y.py", "failed", "SyntaxError", "trace"),
}


def programme(collection: Collection = COLLECTION, **wish: Any) -> Programme:
    return TestOrchestratorAgent(SETTINGS, Wish(**(wish or {"layers": ("fast",)}))).programme(
        collection, Known(), 0.5
    )


def of(made: Programme, kind: type[Any]) -> list[Any]:
    return [fact for fact in made.facts if type(fact) is kind]


def test_the_facts_account_for_every_collected_test() -> None:
    made = programme()
    (planned,) = of(made, f.RunPlanned)
    assert (planned.collected, planned.planned, planned.deselected) == (2, 1, 3)
    assert [fact.test for fact in of(made, f.TestOwed)] == ["api/test_b.py::test_\x1b[2J"]
    assert planned.notes[0] == "a key is inert"
    assert [fact.message for fact in of(made, f.WarningRecorded)] == ["text"]
    assert made.blocked == ""


def test_proven_tests_are_told_with_the_run_that_proves_them() -> None:
    orchestrator = TestOrchestratorAgent(SETTINGS, Wish(layers=("fast",)))
    test = COLLECTION.tests[0].id
    proofs = {test: Proven("run-7", "skipped", 0.1)}
    programme = orchestrator.programme(COLLECTION, Known(proven=frozenset(proofs)), 0.5, proofs)
    hits = [fact for fact in programme.facts if isinstance(fact, f.CacheHit)]
    assert [(hit.test, hit.layer, hit.proven_by, hit.outcome) for hit in hits] == [
        (test, "fast", "run-7", Outcome.SKIPPED)
    ]
    planned = next(fact for fact in programme.facts if isinstance(fact, f.RunPlanned))
    assert (planned.collected, planned.planned) == (2, 0)


def test_a_file_that_cannot_be_collected_blocks_the_run_it_belongs_to() -> None:
    made = programme(replace(COLLECTION, reports=(BROKEN["unit"],)))
    assert made.blocked == "1 error while collecting"
    assert [fact.location for fact in of(made, f.CollectionFailed)] == ["unit/test_x.py"]


def test_a_broken_file_of_another_category_is_an_alert_and_blocks_nothing() -> None:
    made = programme(replace(COLLECTION, reports=(BROKEN["api"],)))
    assert made.blocked == ""
    assert of(made, f.CollectionFailed) == []
    assert "api/test_y.py cannot be collected (SyntaxError)" in of(made, f.AlertRaised)[0].message


def test_a_broken_file_of_a_category_before_the_one_to_resume_from_blocks_nothing() -> None:
    broken = replace(COLLECTION, reports=(BROKEN["unit"],))
    assert programme(broken, categories=("unit", "api")).blocked
    assert not programme(broken, categories=("unit", "api"), resume_from="api").blocked


def test_what_a_wish_leaves_out_is_deselected_in_the_account() -> None:
    made = programme(layers=("fast",), pattern="test_1")
    (planned,) = of(made, f.RunPlanned)
    assert (planned.collected, planned.planned, planned.deselected) == (1, 1, 4)
    assert of(made, f.TestOwed) == []
    lines = plan_as_text(made.planned, verbose=False)
    assert "left out: 1 tests" in lines
    assert "note: --pattern test_1: 1 of 2 tests match" in lines


def test_explicit_paths_are_blocked_by_any_broken_file_unless_told_to_go_on() -> None:
    broken = replace(COLLECTION, reports=tuple(BROKEN.values()))
    assert programme(broken, explicit_paths=True).blocked == "2 errors while collecting"
    assert programme(replace(broken, go_on_after_errors=True), explicit_paths=True).blocked == ""


def test_a_file_that_is_skipped_as_a_whole_blocks_nothing() -> None:
    skipped = CollectReport("unit/test_z.py", "skipped", "no database", "")
    made = programme(replace(COLLECTION, reports=(skipped,)))
    assert made.blocked == ""
    assert [fact.outcome for fact in of(made, f.CollectionFailed)] == ["skipped"]


def test_a_plan_for_people_names_layers_limits_counts_and_what_is_owed() -> None:
    lines = plan_as_text(programme().planned, verbose=True)
    assert lines[0] == "layer fast (parallel, at most 1.5 min): 1 tests"
    assert "    unit/test_a.py::test_1" in lines
    assert "owed: 1 not chosen by --layers fast (category api)" in lines
    assert "\x1b" not in "".join(lines)
    assert lines[-1].startswith("1 lanes; expected: unknown")


def test_a_long_list_of_owed_tests_is_cut_unless_all_is_asked_for() -> None:
    many = tuple(TestInfo(f"api/f.py::t{n}", n, "api/f.py", 1, chain="api/f.py") for n in range(25))
    planned = programme(replace(COLLECTION, tests=many)).planned
    assert "  and 15 more" in plan_as_text(planned, verbose=False)
    assert sum("api/f.py::t" in line for line in plan_as_text(planned, verbose=True)) == 25


def test_a_plan_for_programs_is_one_json_object_with_every_test() -> None:
    plan = json.loads(plan_as_json(programme().planned))
    assert plan["layers"][0]["categories"][0]["tests"] == ["unit/test_a.py::test_1"]
    assert plan["owed"][0]["test"] == "api/test_b.py::test_\x1b[2J"


async def answers() -> list[dict[str, Any]]:
    orchestrator = TestOrchestratorAgent(SETTINGS, Wish(layers=("fast",)))
    agents = [orchestrator, BackgroundE2EAgent(SETTINGS), ResourceManagementAgent()]
    found = []
    for agent in agents:
        assert await agent.initialize()
        found.append(await agent.execute({}))
        assert agent.get_health_status()["agent"] == type(agent).__name__
        await agent.shutdown()
        await agent.shutdown()
    return found


def test_every_agent_answers_in_plain_values() -> None:
    import asyncio

    chosen, background, resources = asyncio.run(answers())
    assert chosen == {"layers": ["fast"], "categories": []}
    assert background["background_layers"] == ["behind"]
    assert background["started"] is None
    assert resources["cpus"] >= 1
    assert resources["memory_available_bytes"] > 0


def test_a_layer_that_nobody_knows_is_not_started_in_the_background() -> None:
    import asyncio

    with pytest.raises(UserError, match="unknown layer 'behnd'"):
        asyncio.run(BackgroundE2EAgent(SETTINGS).execute({"start": "behnd"}))
