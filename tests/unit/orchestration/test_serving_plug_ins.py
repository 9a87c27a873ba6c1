"""Services of plug-ins: whatever somebody else's code does, its programs are stopped and the others are served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from test_framework.core.service_needs import Needs
from test_framework.core.settings import ServiceSettings
from test_framework.engine.journal import Journal
from test_framework.engine.redaction import Redactor
from test_framework.model import facts as f
from test_framework.model.outcome import Outcome
from test_framework.orchestration.serving import Serving
from test_framework.services.provider import Service, ServiceError

Start = Callable[..., Coroutine[Any, Any, Any]]


class Program:
    def __init__(self, *, stubborn: bool = False) -> None:
        self.stopped = 0
        self.stubborn = stubborn

    def ended(self) -> str:
        return ""

    async def stop(self, signal: int, grace_seconds: float) -> None:
        self.stopped += 1
        if self.stubborn:
            raise OSError("it will not")


class Provider:
    def __init__(self, start: Start) -> None:
        self.start = start


async def well() -> str:
    return ""


async def ordinary(spec: ServiceSettings, place: Any, launch: Any) -> Service:
    program = launch(["serve"], {}, place.project_root, place.log)
    return Service(spec.name, "theirs", "here", {"PORT": 7}, well, program)  # type: ignore[dict-item]


async def launched_and_full(spec: ServiceSettings, place: Any, launch: Any) -> Service:
    await ordinary(spec, place, launch)
    raise ServiceError("it is full")


async def launched_and_slow(spec: ServiceSettings, place: Any, launch: Any) -> Service:
    await ordinary(spec, place, launch)
    await asyncio.Event().wait()
    raise AssertionError


async def launched_and_wrong(spec: ServiceSettings, place: Any, launch: Any) -> str:
    return str(await ordinary(spec, place, launch))


def serving(tmp_path: Path, programs: list[Program], **starts: Start) -> tuple[Serving, list[f.Fact]]:
    """Services by name with what starts each; each launches the next of `programs`."""
    facts: list[f.Fact] = []
    journal = Journal("run", None, lambda stamped, _: facts.append(stamped.fact), Redactor({}))
    waiting = iter(programs)
    specs = [
        ServiceSettings(name=name, provider=f"plugin:{name}", startup_timeout_seconds=0.05) for name in starts
    ]
    run = tmp_path / "runs" / "run"
    run.mkdir(parents=True)
    made = Serving(
        Needs(tuple(specs)), tmp_path, run, journal, Redactor({}), lambda *_: next(waiting), {},
        {name: Provider(start) for name, start in starts.items()},
    )  # fmt: skip
    return made, facts


@pytest.mark.parametrize(
    ("start", "why"),
    [
        (launched_and_full, "it is full"),
        (launched_and_slow, "had not started it after 0.05 s"),
        (launched_and_wrong, "answered str, which is no Service"),
    ],
)
def test_what_a_failing_provider_launched_is_stopped_at_once(tmp_path: Path, start: Start, why: str) -> None:
    program = Program()
    served, facts = serving(tmp_path, [program], mail=start)

    async def scenario() -> None:
        await served.open(asyncio.Event())
        assert program.stopped == 1
        await served.close()

    asyncio.run(scenario())
    (unhealthy,) = [fact for fact in facts if isinstance(fact, f.ServiceUnhealthy)]
    assert why in unhealthy.reason
    assert why in served.problem
    assert program.stopped == 1


def test_a_probe_that_raises_is_an_answer_and_numbers_are_text_for_the_tests(tmp_path: Path) -> None:
    async def unsure(spec: ServiceSettings, place: Any, launch: Any) -> Service:
        async def probe() -> str:
            raise OSError("who asks?")

        return replace(await ordinary(spec, place, launch), probe=probe)

    served, _ = serving(tmp_path, [Program()], mail=unsure)

    async def scenario() -> str:
        await served.open(asyncio.Event())
        answer = await served._services["mail"].probe()
        await served.close()
        return answer

    assert asyncio.run(scenario()) == "its provider cannot tell: OSError: who asks?"
    assert served.variables == {"PORT": "7"}


def test_a_program_that_cannot_be_asked_is_lost_and_blames_no_test(tmp_path: Path) -> None:
    class Mute(Program):
        def ended(self) -> str:
            raise OSError("no such process")

    served, facts = serving(tmp_path, [Mute(), Program()], one=ordinary, two=ordinary)
    failed = f.TestFinished(
        test="t.py::t",
        attempt=1,
        outcome=Outcome.FAILED,
        seconds=0.1,
        category="unit",
        layer="",
        worker="gw0",
    )

    async def scenario() -> f.TestFinished:
        await served.open(asyncio.Event())
        weighed = served.weigh(failed)
        await served.close()
        return weighed

    assert asyncio.run(scenario()).outcome is Outcome.LOST
    (unhealthy,) = [fact for fact in facts if isinstance(fact, f.ServiceUnhealthy)]
    assert unhealthy.service == "one"
    assert "its provider cannot tell: OSError: no such process" in unhealthy.reason


def test_a_service_that_cannot_be_stopped_keeps_no_other_from_being_stopped(tmp_path: Path) -> None:
    programs = [Program(stubborn=number == 1) for number in range(3)]
    served, facts = serving(tmp_path, programs, one=ordinary, two=ordinary, three=ordinary)

    async def scenario() -> None:
        await served.open(asyncio.Event())
        await served.close()

    asyncio.run(scenario())
    assert [program.stopped for program in programs] == [1, 1, 1]
    stopped = [fact.service for fact in facts if isinstance(fact, f.ServiceStopped)]
    (unhealthy,) = [fact for fact in facts if isinstance(fact, f.ServiceUnhealthy)]
    assert "could not be stopped: OSError: it will not" in unhealthy.reason
    assert sorted([*stopped, unhealthy.service]) == ["one", "three", "two"]
