"""What installed packages add to a real run: services of their own, and another way to run tests."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.integration.conftest import Run
from tests.integration.started_command import Command

JSON = ("--progress-mode", "json", "--no-cache", "--python", sys.executable)
PLUG_IN = """
import sys
from test_framework.engine.pytest_lanes import PytestLanes
from test_framework.services.provider import LOOPBACK, Service, ServiceError

SAYING = "import signal; print('at your service', flush=True); signal.pause()"


class Mailbox:
    async def start(self, spec, place, launch):
        program = launch([sys.executable, "-c", SAYING], place.environment, place.project_root, place.log)
        async def probe():
            return program.ended()
        variables = {"MAILBOX_URL": f"smtp://{spec.name}"}
        return Service(spec.name, "mailbox", LOOPBACK, variables, probe, program, log=place.log)


class Full(Mailbox):
    async def start(self, spec, place, launch):
        raise ServiceError("the mailbox is full")


class Broken(Mailbox):
    async def start(self, spec, place, launch):
        return {}["address"]


class Nothing(Mailbox):
    async def start(self, spec, place, launch):
        return "up"


class Slow(Mailbox):
    async def start(self, spec, place, launch):
        import asyncio
        await asyncio.Event().wait()


class CountedLanes(PytestLanes):
    def open_lane(self, lane):
        sys.stderr.write(f"lane {lane} of somebody else\\n")
        super().open_lane(lane)
"""
CONFIGURATION = """
plugins: [{plugins}]
layers:
  mail:
    name: Mail
    max_duration_minutes: 2
    required_services: [mailbox]
    categories: [{{name: unit, timeout_seconds: 60}}]
service_dependencies:
  mailbox: {{provider: "plugin:{provider}", startup_timeout_seconds: 2}}
"""
TEST = """
import os

def test_it():
    assert os.environ["MAILBOX_URL"] == "smtp://mailbox"
"""


@pytest.fixture
def command(tmp_path: Path, no_leftovers: list[Run]) -> Command:
    return Command(tmp_path, no_leftovers)


def mailing(directory: Path, provider: str, *plugins: str) -> Path:
    directory.mkdir()
    (directory / "their_plug_in.py").write_text(PLUG_IN)
    (directory / "test_mail.py").write_text(TEST)
    named = ", ".join(f"'their_plug_in:{name}'" for name in plugins)
    (directory / "apex.yaml").write_text(CONFIGURATION.format(plugins=named, provider=provider))
    return directory


@pytest.fixture
def mail(command: Command, tmp_path: Path) -> Callable[..., Run]:
    """Runs the layer with one provider and these plug-ins (without any: the provider alone)."""

    def run(provider: str, *plugins: str, more: Sequence[str] = ()) -> Run:
        made = mailing(
            tmp_path / f"project{len(list(tmp_path.iterdir()))}", provider, *(plugins or (provider,))
        )
        return command.run(made, *JSON, "--layers", "mail", *more)

    return run


def test_a_provider_of_a_plug_in_serves_and_its_program_is_gone_afterwards(mail: Callable[..., Run]) -> None:
    run = mail("Mailbox")
    assert run.exit_code == 0, run.explain()
    assert list(run.outcomes.values()) == ["passed"]
    (ready,) = run.of("service.ready")
    assert ready["provider"] == "mailbox"
    assert run.of("service.stopped")


@pytest.mark.parametrize(
    ("provider", "why"),
    [
        ("Full", "the mailbox is full"),
        ("Broken", "mailbox: plugin:Broken: KeyError: 'address'"),
        ("Nothing", "plugin:Nothing answered str, which is no Service"),
        ("Slow", "plugin:Slow had not started it after 2 s"),
    ],
)
def test_a_provider_that_fails_is_a_service_that_never_came(
    mail: Callable[..., Run], provider: str, why: str
) -> None:
    run = mail(provider)
    assert run.exit_code == 12, run.explain()
    assert why in run.of("service.unhealthy")[0]["reason"]


def test_a_provider_that_nobody_offers_is_named_before_anything_starts(mail: Callable[..., Run]) -> None:
    run = mail("mailboxes", "Mailbox")
    assert run.exit_code == 4, run.explain()
    assert "no provider is called mailboxes" in run.stderr
    assert "known: Mailbox" in run.stderr


def test_an_executor_of_a_plug_in_runs_the_tests_when_it_is_chosen(mail: Callable[..., Run]) -> None:
    run = mail("Mailbox", "Mailbox", "CountedLanes", more=["--executor", "CountedLanes"])
    assert run.exit_code == 0, run.explain()
    assert "lane 0 of somebody else" in run.stderr
    other = mail("Mailbox", "Mailbox", "CountedLanes")
    assert "of somebody else" not in other.stderr
    told = [json.loads(line)["type"] for line in other.stdout.splitlines()]
    assert told[-1] == "run.finished"
